//! What must be listed of a record, told from its document alone, without any
//! of the code that lists it.

use crate::key::{GROUP_PREFIX, RECORD_MARKER};
use crate::testing::{POLICY, Site};
use automerge::{Automerge, ROOT, ReadDoc, ScalarValue, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Each register with its distinct values.
type Registers = BTreeMap<String, Vec<ScalarValue>>;

fn registers(site: &Site) -> Registers {
    let doc = site.record.document().unwrap();
    let keys: Vec<String> = doc.map_range(ROOT, ..).map(|item| item.key.to_string()).collect();
    keys.into_iter()
        .map(|key| {
            let values = distinct(&doc, &key);
            (key, values)
        })
        .collect()
}

fn distinct(doc: &Automerge, key: &str) -> Vec<ScalarValue> {
    let mut values = Vec::new();
    for (value, _) in doc.get_all(ROOT, key).unwrap() {
        let Value::Scalar(scalar) = value else { continue };
        if !values.contains(scalar.as_ref()) {
            values.push(scalar.into_owned());
        }
    }
    values
}

/// A number says that a marker is alive, bytes that it is although removed.
fn is_alive(values: &[ScalarValue]) -> bool {
    values
        .iter()
        .any(|value| matches!(value, ScalarValue::Uint(_) | ScalarValue::Bytes(_)))
}

/// Whether a marker above the register is alive nowhere.
fn is_gone(registers: &Registers, key: &str) -> bool {
    let dead = |marker: &str| {
        let values = registers.get(marker);
        values.is_some_and(|values| !is_alive(values))
    };
    let ends = key.match_indices('/').map(|(at, _)| at);
    let mut above = ends.filter(|at| {
        // Under a list's name stand its elements, each with a marker of its own.
        let below = key[at + 1..].split('/').next().unwrap();
        !below.contains('-') && !key.starts_with('!')
    });
    key != RECORD_MARKER && (dead(RECORD_MARKER) || above.any(|at| dead(&key[..at])))
}

/// Whether its values are more than one thing.
fn is_contested(key: &str, values: &[ScalarValue]) -> bool {
    let has = |kind: fn(&ScalarValue) -> bool| values.iter().any(kind);
    if key.starts_with(GROUP_PREFIX) || has(|value| matches!(value, ScalarValue::Str(_))) {
        return values.len() > 1;
    }
    // Of a marker that it is alive, and alive again, is one thing.
    has(|value| matches!(value, ScalarValue::Bytes(_)))
        || is_alive(values) && has(|value| *value == ScalarValue::Null)
}

/// The contested registers that nobody can read.
pub(super) fn gone(site: &Site) -> BTreeSet<String> {
    let registers = registers(site);
    let contested = registers.iter().filter(|(key, values)| is_contested(key, values));
    let gone = contested.filter(|(key, _)| is_gone(&registers, key));
    gone.map(|(key, _)| key.clone()).collect()
}

/// A register is judged, be it listed or shown by the newest, if it is contested
/// and every marker above it is alive somewhere; one in a group that is itself in
/// dispute is part of that. Nothing else is.
pub(super) fn assert_listed(site: &Site) {
    let view = site.view();
    let listed = view.conflicts.iter().chain(&view.concurrent);
    let judged: BTreeSet<String> = listed.map(|conflict| conflict.path.clone()).collect();
    let registers = registers(site);
    let disputed_groups: BTreeSet<String> = judged
        .iter()
        .filter_map(|path| path.strip_prefix(GROUP_PREFIX).map(str::to_owned))
        .collect();
    let in_group = |key: &str| {
        use crate::policy::Policy;
        let top = key.split('/').next().unwrap();
        POLICY
            .groups(site.record.key().kind())
            .iter()
            .any(|group| disputed_groups.contains(group.name) && group.members.contains(&top))
    };
    let expected: BTreeSet<String> = registers
        .iter()
        .filter(|(key, values)| is_contested(key, values) && !is_gone(&registers, key) && !in_group(key))
        .map(|(key, _)| key.clone())
        .collect();
    assert_eq!(judged, expected, "{registers:?}");
    assert!(!view.deleted || judged.is_empty());
}
