//! What of a record's versions is here already.
//!
//! Invariants: a version that the record has had is not written again, so an import never undoes an edit made since; of
//! several versions those count as had that come before the newest one that is found in the record's history, in order;
//! "unchanged" is said only where what is here is what came, or newer versions of the same files are; where it differs
//! it is said that it does.

use chaski_json::Json;
use chaski_store::{HistoryOf, VersionId, is_one_of_several, strip};

use super::incoming::{Incoming, Verb};
use super::names::name_hash;
use super::stamps::Stamps;
use crate::policy_decision::Action;
use crate::record::RecordError;
use crate::{Caller, Clinic};

/// Versions looked at together to see whether content was there before.
const VERSIONS_LOOKED_AT: usize = 32;
/// Comparisons of versions of one record with its history, at most; of more the older history is not looked at.
const COMPARED_MAX: usize = 1_000_000;

/// Why a line is refused whose record whoever imports may not see.
pub(super) const KEPT_BACK: &str = "whoever imports may not write this record";
/// Why a record stays that was to be made on condition that there is none.
pub(super) const IS_THERE: &str =
    "there is one here already, and this one was to be made only if there is none: it stays as it is";
const CHANGED_SINCE: &str = "it was changed here since it was imported: it stays as it is here";
const DELETED_SINCE: &str = "it was deleted here since it was imported: it stays deleted";
const BACK_SINCE: &str = "it was deleted before and is here again: it stays";
const OLDER: &str = "an older copy: what is here was written later at the system it comes from";

/// What is to become of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Write,
    /// What is here is so, or newer by the same files.
    Unchanged,
    /// What is here differs, and stays; why.
    Kept(&'static str),
    Refused(&'static str),
}

/// What is to become of the versions of one record.
pub(super) struct Judgement {
    pub(super) decisions: Vec<Decision>,
    /// The version that is current here, where it is what the last of them says.
    pub(super) current: Option<VersionId>,
}

/// Judges the versions of one record, oldest first.
pub(super) fn judge(
    clinic: &Clinic,
    caller: &Caller,
    unit: &[Incoming],
    stamps: &mut Stamps,
) -> Result<Judgement, RecordError> {
    let all = |decision| Judgement {
        decisions: vec![decision; unit.len()],
        current: None,
    };
    let Some(first) = unit.first() else {
        return Ok(all(Decision::Write));
    };
    let key = &first.key;
    let current = match clinic.door_read(caller, Action::RecordImport, key) {
        Ok(Some(current)) => Some(current),
        Ok(None) => return Ok(new_here(unit)),
        // Kept back from who imports: a line that is refused, as any other.
        Err(RecordError::NotFound(_)) => return Ok(all(Decision::Refused(KEPT_BACK))),
        // By its key alone nothing says which is meant; the history is of all, and an edit is not undone.
        Err(RecordError::Collision(_)) => None,
        Err(error) => return Err(error),
    };
    let wanted: Vec<Content> = unit
        .iter()
        .map(|one| Content::of(Some(one.json.clone()).filter(|_| one.verb != Verb::Delete)))
        .collect();
    let last = unit.len().saturating_sub(1);
    let is_deleted = current.as_ref().is_some_and(|current| current.deleted);
    let version = current.as_ref().map(|current| current.version.clone());
    let here = current.map(|current| Content::of(Some(current.json).filter(|_| !is_deleted)));
    let is_here = |at: usize| {
        here.as_ref()
            .zip(wanted.get(at))
            .is_some_and(|(here, one)| one.is(here))
    };
    // An export tells of one of several; a read by the key alone of whichever it is.
    let is_among = version.is_none() || unit.iter().any(|one| is_one_of_several(&one.json));
    let stands = is_here(last) || (is_among && is_a_side(clinic, caller, unit, &wanted)?);
    if stands && unit.len() == 1 {
        return Ok(Judgement {
            decisions: vec![Decision::Unchanged],
            current: version,
        });
    }
    let History { mut had, is_last_had } = history(clinic, caller, unit, &wanted)?;
    if is_last_had && !had.is_some_and(is_here) {
        // What was imported before was changed here, and the newest of what comes now brings nothing new.
        had = Some(last);
    }
    let is_changed = match &version {
        Some(version) => stamps.is_changed(clinic, name_hash(&[key.kind(), key.id()]), version)?,
        None => false,
    };
    let mut decisions = Vec::with_capacity(unit.len());
    for (at, incoming) in unit.iter().enumerate() {
        let is_had = had.is_some_and(|had| at <= had);
        let mut older = |version: &VersionId| {
            let hash = name_hash(&[key.kind(), key.id()]);
            stamps.is_older(clinic, hash, version, incoming.stamp)
        };
        decisions.push(match &version {
            _ if is_had && (at != last || stands) => Decision::Unchanged,
            _ if is_had => Decision::Kept(since(incoming.verb, is_deleted)),
            Some(_) if incoming.verb == Verb::PutIfNone && !is_deleted => Decision::Kept(IS_THERE),
            Some(version) if older(version)? => Decision::Kept(OLDER),
            Some(_) if is_changed => Decision::Kept(if is_deleted { DELETED_SINCE } else { CHANGED_SINCE }),
            _ => Decision::Write,
        });
    }
    Ok(Judgement {
        decisions,
        current: version.filter(|_| stands),
    })
}

/// What happened here since a version was current that comes again.
fn since(verb: Verb, is_deleted: bool) -> &'static str {
    match (verb, is_deleted) {
        (Verb::Delete, _) => BACK_SINCE,
        (_, true) => DELETED_SINCE,
        (_, false) => CHANGED_SINCE,
    }
}

/// Whether the last version is what stands here, among several records of its key.
fn is_a_side(
    clinic: &Clinic,
    caller: &Caller,
    unit: &[Incoming],
    wanted: &[Content],
) -> Result<bool, RecordError> {
    let (Some(incoming), Some(wanted)) = (unit.last(), wanted.last()) else {
        return Ok(false);
    };
    let sides = clinic.door_sides(caller, Action::RecordImport, &incoming.key)?;
    Ok(sides.into_iter().any(|side| wanted.is(&Content::of(Some(side)))))
}

/// Of what has never been here a deletion that comes first deletes nothing.
fn new_here(unit: &[Incoming]) -> Judgement {
    let mut is_there = false;
    let decide = |incoming: &Incoming| {
        is_there |= incoming.verb != Verb::Delete;
        match is_there {
            true => Decision::Write,
            false => Decision::Unchanged,
        }
    };
    Judgement {
        decisions: unit.iter().map(decide).collect(),
        current: None,
    }
}

/// What of the versions is found in the record's history.
struct History {
    /// The place of the last one that is found in order.
    had: Option<usize>,
    /// Whether the newest of them is found, wherever.
    is_last_had: bool,
}

fn history(
    clinic: &Clinic,
    caller: &Caller,
    unit: &[Incoming],
    wanted: &[Content],
) -> Result<History, RecordError> {
    let mut found = History {
        had: None,
        is_last_had: false,
    };
    let Some(first) = unit.first() else {
        return Ok(found);
    };
    let of = HistoryOf::Record(first.key.clone());
    // Of each version that has been here, newest first: which of the wanted it is.
    let mut held: Vec<Vec<bool>> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = clinic.door_history(caller, &of, None, cursor.as_deref(), VERSIONS_LOOKED_AT)?;
        for entry in page.entries {
            let here = Content::of(entry.json.filter(|_| !entry.deleted));
            let row: Vec<bool> = wanted.iter().map(|one| one.is(&here)).collect();
            found.is_last_had |= row.last() == Some(&true);
            held.push(row);
        }
        cursor = page.next;
        let is_enough = wanted.len() == 1 && found.is_last_had;
        if is_enough || cursor.is_none() || held.len().saturating_mul(wanted.len()) > COMPARED_MAX {
            break;
        }
    }
    held.reverse();
    found.had = aligned(&held, wanted.len());
    Ok(found)
}

/// Where the longest run of versions that both have in one order ends; of equally long ones the one that ends last.
fn aligned(held: &[Vec<bool>], wanted: usize) -> Option<usize> {
    // After each held version: how many of the first so many wanted ones are found in order.
    let mut found = vec![0_usize; wanted + 1];
    for row in held {
        let mut next = vec![0_usize; wanted + 1];
        for at in 0..wanted {
            let is_it = row.get(at).copied().unwrap_or(false);
            let (above, left) = (
                found.get(at + 1).copied().unwrap_or(0),
                next.get(at).copied().unwrap_or(0),
            );
            let before = match is_it {
                true => found.get(at).copied().unwrap_or(0) + 1,
                false => 0,
            };
            if let Some(slot) = next.get_mut(at + 1) {
                *slot = above.max(left).max(before);
            }
        }
        found = next;
    }
    let most = found.last().copied().unwrap_or(0);
    if most == 0 {
        return None;
    }
    let is_held = |at: &usize| held.iter().any(|row| row.get(*at) == Some(&true));
    // The shortest front that holds the longest run ends with it; then as far as the same content goes on, which is
    // one version here.
    let end = found.iter().position(|count| *count == most)?.checked_sub(1)?;
    let mut last = end;
    let same = |one: usize, two: usize| held.iter().all(|row| row.get(one) == row.get(two));
    while last + 1 < wanted && is_held(&(last + 1)) && same(end, last + 1) {
        last += 1;
    }
    Some(last)
}

/// A version as it is compared; nothing of a deletion.
struct Content {
    json: Option<Json>,
    sets: Vec<(&'static str, Json)>,
}

impl Content {
    fn of(mut json: Option<Json>) -> Content {
        let sets = json.as_mut().map_or_else(Vec::new, |json| {
            strip(json);
            take_sets(json)
        });
        Content { json, sets }
    }

    /// Whether what is here is this version.
    fn is(&self, here: &Content) -> bool {
        self.json == here.json && self.sets.iter().all(|one| here.sets.contains(one))
    }
}

/// Takes out the sets of `meta` that an update adds to and never empties: what was imported holds
/// in them what the record had before as well.
fn take_sets(json: &mut Json) -> Vec<(&'static str, Json)> {
    let mut taken = Vec::new();
    let Some(object) = json.as_object_mut() else {
        return taken;
    };
    if let Some(meta) = object.get_mut("meta").and_then(Json::as_object_mut) {
        for name in ["profile", "security", "tag"] {
            if let Some(Json::Array(items)) = meta.remove(name) {
                taken.extend(items.into_iter().map(|item| (name, item)));
            }
        }
        if meta.is_empty() {
            object.remove("meta");
        }
    }
    taken
}
