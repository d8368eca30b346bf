//! What a change says by itself, whatever became of it in the record.
//!
//! Who may be given a record depends on whom its changes name. That must be the same on every node, and must
//! not be undone by a later change or by how values merge: so it is read from each change's own puts, one
//! register at a time, without the record.
//!
//! Invariants:
//! - a function of the change's bytes alone: no policy, no ancestors, no other register;
//! - every text that a record with this change in it can ever show is told, in the place where it would be
//!   shown; what can be shown by none (a key that is malformed or too deep) is left out.

use crate::author::SignedChange;
use crate::change::{ChunkError, each_put};
use crate::decode::{json_name, parts};
use crate::key::{ElementId, GROUP_PREFIX, RECORD_MARKER, choice_stem};
use crate::tree::SEGMENTS_MAX;
use chaski_json::{Json, Object};

/// One text that a change puts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// A record's JSON in which only this register stands, lists with the one element.
    pub json: Json,
    /// Names and list elements on the way to it: 1 for an element of the record itself, 3 for a member of
    /// `meta.security`.
    pub depth: usize,
    /// Whether it is an element of a list.
    pub is_element: bool,
}

/// From how many names and list elements on what a change puts into one register again and again is told in one:
/// a register's key stands in a change once for all of its values, and what is made for it, for each.
const DEPTH_TOLD_ONCE: usize = 8;

/// Tells what a change puts into the registers that `is_wanted` asks for by key and text. A register whose
/// text is not of the encoding is not told: no record shows it.
///
/// # Errors
/// When the bytes are no change.
pub fn each_said(
    change: &SignedChange,
    is_wanted: &dyn Fn(&str, &str) -> bool,
    with: &mut dyn FnMut(Said),
) -> Result<(), ChunkError> {
    // What is told in one: the key, and what it holds.
    let mut open: Option<(&str, Vec<Json>)> = None;
    each_put(&change.bytes, &mut |key, text| {
        if open.as_ref().is_some_and(|(of, _)| *of != key) {
            close(open.take(), with);
        }
        let text = text.filter(|text| is_wanted(key, text) && !key.starts_with(GROUP_PREFIX));
        let Some(leaf) = text.and_then(|text| leaf(key, text)) else {
            return;
        };
        match &mut open {
            Some((_, leaves)) => leaves.push(leaf),
            None if key.split('/').count() < DEPTH_TOLD_ONCE => close(Some((key, vec![leaf])), with),
            None => open = Some((key, vec![leaf])),
        }
    })?;
    close(open, with);
    Ok(())
}

/// Tells what was found of one register.
fn close(open: Option<(&str, Vec<Json>)>, with: &mut dyn FnMut(Said)) {
    let Some((key, mut leaves)) = open else { return };
    let leaf = match (leaves.pop(), leaves.is_empty()) {
        (Some(leaf), true) => leaf,
        (Some(leaf), false) => {
            leaves.push(leaf);
            Json::Array(leaves)
        }
        (None, _) => return,
    };
    if let Some(said) = within(key, leaf) {
        with(said);
    }
}

/// Whether a change does nothing but put members into the record's list of labels (`meta.security`), and say on
/// the way that what they stand under is alive.
///
/// # Errors
/// When the bytes are no change.
pub fn is_label_only(change: &SignedChange) -> Result<bool, ChunkError> {
    let mut labels = 0_usize;
    let mut is_only = true;
    each_put(&change.bytes, &mut |key, text| match text {
        Some(_) if is_label(key) => labels += 1,
        None if is_above_labels(key) => {}
        _ => is_only = false,
    })?;
    Ok(is_only && labels > 0)
}

/// Whether it is the register of one label, or of what a label stands under.
pub(crate) fn is_of_labels(key: &str) -> bool {
    is_label(key) || is_above_labels(key)
}

fn is_above_labels(key: &str) -> bool {
    matches!(key, RECORD_MARKER | "meta" | "meta/security")
}

/// Whether it is the register of one label.
fn is_label(key: &str) -> bool {
    key.strip_prefix("meta/security/")
        .is_some_and(|element| ElementId::parse(element).is_some())
}

/// What a text says, as the object that it stands in.
fn leaf(key: &str, text: &str) -> Option<Json> {
    let mut above = key.rsplit('/');
    let last = above.next()?;
    let mut object = Object::new();
    if last.contains('-') {
        ElementId::parse(last)?;
        let name = json_name(above.next().filter(|list| !list.contains('-'))?, None)?;
        let parts = parts(text, false)?;
        let list = |item: Json| Json::Array(vec![item]);
        object.extend(parts.sibling.map(|sibling| (format!("_{name}"), list(sibling))));
        object.extend(parts.value.map(|value| (name, list(value))));
    } else {
        parts(text, choice_stem(last).is_some())?.put_into(last, &mut object)?;
    }
    Some(Json::Object(object))
}

/// An object where the record has it: below all that a register's key names above it.
fn within(key: &str, leaf: Json) -> Option<Said> {
    let depth = key.split('/').count();
    if depth > SEGMENTS_MAX {
        return None;
    }
    let mut above = key.rsplit('/');
    let is_element = above.next()?.contains('-');
    if is_element {
        above.next();
    }
    let mut json = leaf;
    for segment in above {
        json = if segment.contains('-') {
            ElementId::parse(segment)?;
            Json::Array(vec![json])
        } else {
            Json::Object(Object::from_iter([(json_name(segment, None)?, json)]))
        };
    }
    Some(Said {
        json,
        depth,
        is_element,
    })
}

#[cfg(test)]
mod tests;
