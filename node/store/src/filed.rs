//! Where a record is filed, from what its changes say by themselves.
//!
//! Invariants: a function of the changes alone; it never shrinks.

use std::collections::BTreeSet;

use chaski_crdt::{
    author::SignedChange,
    change::ChangeHash,
    record::{ChangeInfo, Record},
    said::each_said,
};
use chaski_fhir::{
    compartment::{self, Compartment, Filing},
    label::{Classes, classes_labelled},
};
use chaski_json::Json;

use crate::error::StoreError;

/// Where a record is filed: in every compartment of a patient whom one of its changes names by itself, under
/// every class that one of them labels it with. Changes that stand aside as evidence of a fork count: they are
/// kept and handed on with the others. With `before`, what the changes said that `is_counted` is known.
///
/// A record that began as one of those all share stays theirs when it is given to a patient: who holds it must
/// hear of that, else it would differ for ever. One that began as a patient's does not become everybody's by a
/// later change.
pub(crate) fn filing(
    record: &Record,
    history: &[ChangeInfo],
    before: Option<&Filing>,
    is_counted: &dyn Fn(&ChangeHash) -> bool,
) -> Result<Filing, StoreError> {
    let key = record.key();
    let known = before.cloned().unwrap_or_default();
    let mut was_shared = known.compartments.contains(&Compartment::Shared);
    let mut classes = known.classes;
    let mut patients = BTreeSet::new();
    for (info, change) in history.iter().zip(record.changes()) {
        if before.is_some() && is_counted(&info.hash) {
            continue;
        }
        let named = patients_said(key.kind(), change, &mut classes)?;
        was_shared |= named.is_empty() && info.deps.is_empty();
        patients.extend(named);
    }
    if key.kind() == "Patient" {
        patients.insert(key.id().to_owned());
    }
    let known = known.compartments.into_iter();
    let mut compartments: Vec<Compartment> = known
        .filter(|compartment| matches!(compartment, Compartment::Patient(_)))
        .chain(patients.into_iter().map(Compartment::Patient))
        .collect();
    compartments.sort_unstable();
    compartments.dedup();
    let is_shared = compartment::is_shared(key.kind());
    match (is_shared, compartments.is_empty()) {
        (true, no_patient) if was_shared || no_patient => compartments.push(Compartment::Shared),
        (false, true) => compartments.push(Compartment::Unfiled),
        _ => {}
    }
    Ok(Filing {
        compartments,
        classes,
    })
}

/// The ids of the patients whom a change of a record of this kind names, by itself; adds the classes that it labels
/// the record with.
pub(crate) fn patients_said(
    kind: &str,
    change: &SignedChange,
    classes: &mut Classes,
) -> Result<BTreeSet<String>, StoreError> {
    let mut named = BTreeSet::new();
    said(change, classes, &mut |json| {
        compartment::patients_named(kind, json, &mut named);
    })?;
    Ok(named)
}

/// The classes that a change labels its record with, by itself.
pub(crate) fn classes_said(change: &SignedChange) -> Result<Classes, StoreError> {
    let mut classes = Classes::default();
    said(change, &mut classes, &mut |_| {})?;
    Ok(classes)
}

/// Adds the classes that a change names; `with` hears what else of it can say whose the record is.
fn said(change: &SignedChange, classes: &mut Classes, with: &mut dyn FnMut(&Json)) -> Result<(), StoreError> {
    let told = each_said(change, &may_file, &mut |said| {
        // A label that is put in pieces says its system elsewhere than its code.
        let is_whole = said.depth < LABEL_DEPTH || (said.depth == LABEL_DEPTH && said.is_element);
        classes_labelled(&said.json, !is_whole, classes);
        with(&said.json);
    });
    told.map_err(|_| StoreError::Damaged("record"))
}

/// Names on the way to a whole label: `meta`, `security` and its place in the list.
const LABEL_DEPTH: usize = 3;

/// Whether a register can say whose a record is or what it falls under: what refers to a patient names the kind,
/// perhaps escaped; what labels a record stands under `meta`, or under a name that a choice completes to it.
fn may_file(register: &str, text: &str) -> bool {
    register.starts_with("meta") || register.contains('[') || text.contains("Patient") || text.contains('\\')
}
