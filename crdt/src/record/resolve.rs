//! Deciding conflicts. A resolution is always an operation, also where what is
//! shown is chosen: else it would leave no trace.

use super::held::Record;
use super::write::{WriteError, disputed};
use crate::author::{SignedChange, Writer};
use crate::change::ChangeHash;
use crate::decode::Decoder;
use crate::diff::{Differ, Resolve};
use crate::encode::{Encoder, Field, Fields, write_value};
use crate::hlc::Stamp;
use crate::key::{GROUP_PREFIX, RECORD_MARKER, choice_stem};
use crate::policy::{Group, Policy};
use crate::state::{Source, State, is_member};
use crate::tree::{Scalar, Slot, Tree};
use chaski_json::{Json, Object};

/// How a conflict is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The value that this change wrote ([`crate::conflict::ConflictValue::change`]).
    Pick(ChangeHash),
    /// A value of one's own: the element's JSON; for a choice of types and for
    /// groups an object with the keys as they stand in the record.
    Value(Json),
    /// Removed. Not for groups.
    Delete,
}

impl Record {
    /// Decides one conflict as it stood at `base`. Always a change, also when
    /// what was shown is chosen.
    ///
    /// # Errors
    /// [`WriteError::NoConflict`], [`WriteError::Choice`] and the others.
    pub fn resolve(
        &mut self,
        base: &[ChangeHash],
        path: &str,
        choice: &Choice,
        policy: &dyn Policy,
        writer: &mut Writer<'_>,
        stamp: &Stamp,
    ) -> Result<SignedChange, WriteError> {
        let made = self.write(base, policy, writer, stamp, |source, state, _| {
            let kind = source.kind;
            let mut open = state.conflicts.iter().chain(&state.concurrent);
            let conflict = open.find(|conflict| conflict.path == path);
            let values = &conflict.ok_or(WriteError::NoConflict)?.values;
            if let Choice::Pick(change) = choice
                && !values.iter().any(|value| value.change == *change)
            {
                return Err(WriteError::Choice);
            }
            if state.group_values.contains_key(path) {
                let target = chosen_group(source, state, path, choice)?;
                let resolve = Resolve::Only(path.to_owned());
                let differ = Differ::new(Encoder { kind, policy }, state, resolve);
                // Everything but the group is as shown: only it can differ.
                return differ
                    .record(&target, source.narrative().as_deref())
                    .map_err(disputed);
            }
            let slot = state.tree.slot(path).ok_or(WriteError::NoConflict)?.clone();
            let scalar = chosen_value(source, path, &slot, choice)?;
            let groups = policy
                .groups(kind)
                .iter()
                .filter(|group| is_member(group, top_of(path)));
            let hashes = rehash(source, state, path, &scalar, groups);
            let differ = Differ::new(Encoder { kind, policy }, state, Resolve::Only(path.to_owned()));
            differ.register(path, &slot, scalar, hashes).map_err(disputed)
        })?;
        made.ok_or(WriteError::NoConflict)
    }
}

fn top_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

/// The whole record with the chosen group in place.
fn chosen_group(
    source: &Source<'_>,
    state: &State,
    path: &str,
    choice: &Choice,
) -> Result<Fields, WriteError> {
    let encoder = Encoder {
        kind: source.kind,
        policy: source.policy,
    };
    let group = path.strip_prefix(GROUP_PREFIX);
    let group = source
        .policy
        .groups(source.kind)
        .iter()
        .find(|g| Some(g.name) == group);
    let group = group.ok_or(WriteError::NoConflict)?;
    let members = match choice {
        Choice::Delete => return Err(WriteError::Choice),
        Choice::Value(Json::Object(members)) => encoder.record(members),
        Choice::Value(_) => return Err(WriteError::Choice),
        Choice::Pick(change) => {
            let values = state.group_values.get(path).ok_or(WriteError::NoConflict)?;
            let (_, nodes) = values
                .iter()
                .find(|(hash, _)| hash == change)
                .ok_or(WriteError::Choice)?;
            let decoder = &mut Decoder::new(Encoder {
                kind: source.kind,
                policy: source.policy,
            });
            encoder.record(&decoder.object("", nodes))
        }
    };
    if members.keys().any(|name| !is_member(group, name)) {
        return Err(WriteError::Choice);
    }
    let mut target = shown_fields(source, state);
    target.retain(|name, _| !is_member(group, name));
    target.extend(members);
    Ok(target)
}

/// The record as shown, in fields.
fn shown_fields(source: &Source<'_>, state: &State) -> Fields {
    let mut decoder = Decoder::new(Encoder {
        kind: source.kind,
        policy: source.policy,
    });
    let mut object = Object::new();
    for (segment, node) in &state.tree.root.fields {
        if !state.overlay.contains_key(segment) {
            decoder.field("", segment, node, &mut object);
        }
    }
    for (segment, node) in &state.overlay {
        if let Some(node) = node {
            decoder.field("", segment, node, &mut object);
        }
    }
    Encoder {
        kind: source.kind,
        policy: source.policy,
    }
    .record(&object)
}

/// What the chosen value is in the register.
fn chosen_value(source: &Source<'_>, path: &str, slot: &Slot, choice: &Choice) -> Result<Scalar, WriteError> {
    let marker = path == RECORD_MARKER || !slot.scalars().any(|scalar| matches!(scalar, Scalar::Text(_)));
    let alive = Scalar::Live(slot.live_count().saturating_add(1));
    match choice {
        Choice::Delete => Ok(Scalar::Dead),
        Choice::Pick(change) if marker => Ok(if slot.removals().contains(change) {
            Scalar::Dead
        } else {
            alive
        }),
        Choice::Value(_) if marker => Ok(alive),
        Choice::Pick(change) => {
            let version = slot.versions.iter().find(|version| version.change == *change);
            version
                .map(|version| version.scalar.clone())
                .ok_or(WriteError::Choice)
        }
        Choice::Value(value) => register_text(source, path, value).ok_or(WriteError::Choice),
    }
}

fn register_text(source: &Source<'_>, path: &str, value: &Json) -> Option<Scalar> {
    let segment = path.rsplit('/').next()?;
    if choice_stem(segment).is_none() {
        let mut text = String::new();
        write_value(Some(value), None, &mut text);
        return Some(Scalar::Text(text));
    }
    let parent = path.strip_suffix(segment)?.trim_end_matches('/');
    let encoder = Encoder {
        kind: source.kind,
        policy: source.policy,
    };
    let mut fields = encoder.object(&crate::key::element_path(parent), value.as_object()?);
    match (fields.remove(segment)?, fields.is_empty()) {
        (Field::Value(text), true) => Some(Scalar::Text(text)),
        _ => None,
    }
}

/// The hashes of the groups that a resolved register belongs to.
fn rehash<'g>(
    source: &Source<'_>,
    state: &State,
    path: &str,
    scalar: &Scalar,
    groups: impl Iterator<Item = &'g Group>,
) -> Vec<(String, Vec<u8>)> {
    let mut hashes = Vec::new();
    for group in groups {
        let mut tree: Tree = state.tree.clone();
        if let Some(slot) = tree.root.at_mut(path).and_then(|node| node.slot.as_mut())
            && let Some(version) = slot.versions.first_mut()
        {
            version.scalar = scalar.clone();
            slot.shown = 0;
        }
        let mut decoder = Decoder::new(Encoder {
            kind: source.kind,
            policy: source.policy,
        });
        let object = decoder.object("", &tree.root.fields);
        let target = Encoder {
            kind: source.kind,
            policy: source.policy,
        }
        .record(&object);
        let members = target.iter().filter(|(name, _)| is_member(group, name));
        hashes.push((
            format!("{GROUP_PREFIX}{}", group.name),
            crate::encode::group_hash(members),
        ));
    }
    hashes
}
