//! The made-up population, and which node has met whom.

use std::io::Cursor;

use chaski_clinic::record::ImportOptions;
use chaski_json::Json;

use crate::error::NodeError;
use crate::lifecycle::{Node, blocking};

/// The demo always has the same people.
const SEED: u64 = 2026;

/// Patients offered on the page.
const SHOWN_MAX: usize = 8;

/// The population, shared out.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// At the hub: sites, staff, and the people only it knows.
    pub hub: Vec<Json>,
    /// At the clinic.
    pub clinic: Vec<Json>,
    /// Records that the mobile team has.
    pub mobile: Vec<Json>,
    /// Patients worth opening: they have a medicine and an allergy, or at least a medicine.
    pub shown: Vec<String>,
}

/// The population of so many patients: one in six is known to the hub alone, one in three to the mobile
/// team, the others to the clinic.
pub fn people(patients: u32) -> People {
    let mut people = People::default();
    let mut number = 0_usize;
    let mut of_patient: Vec<Json> = Vec::new();
    let mut best: Vec<(u8, String)> = Vec::new();
    for record in chaski_fhir::sample::population(SEED, patients) {
        let kind = record
            .get("resourceType")
            .and_then(Json::as_str)
            .unwrap_or_default();
        if kind == "Patient" {
            share_out(&mut people, &mut best, &mut of_patient, number);
            number = number.saturating_add(1);
        }
        if number == 0 {
            people.hub.push(record)
        } else {
            of_patient.push(record)
        }
    }
    share_out(&mut people, &mut best, &mut of_patient, number);
    // Stable: equals stay in the order of the population.
    best.sort_by_key(|(worth, _)| std::cmp::Reverse(*worth));
    people.shown = best.into_iter().take(SHOWN_MAX).map(|(_, id)| id).collect();
    people
}

fn share_out(people: &mut People, best: &mut Vec<(u8, String)>, records: &mut Vec<Json>, number: usize) {
    let text = |record: &Json, name: &str| record.get(name).and_then(Json::as_str).map(str::to_owned);
    let Some(id) = records.first().and_then(|patient| text(patient, "id")) else {
        return;
    };
    let has = |kind: &str| {
        records
            .iter()
            .any(|record| text(record, "resourceType").as_deref() == Some(kind))
    };
    let is_active = |record: &Json| {
        text(record, "resourceType").as_deref() == Some("MedicationRequest")
            && text(record, "status").as_deref() == Some("active")
    };
    let is_alive = records
        .first()
        .is_some_and(|patient| patient.get("deceasedDateTime").is_none());
    let worth = u8::from(records.iter().any(is_active)) * 4
        + u8::from(is_alive) * 2
        + u8::from(has("AllergyIntolerance"));
    best.push((worth, id));
    let place = match number % 6 {
        0 => &mut people.hub,
        2 | 4 => &mut people.mobile,
        _ => &mut people.clinic,
    };
    place.append(records);
}

/// Brings records into a node as an import would.
///
/// # Errors
/// When it takes none, or refuses one.
pub async fn bring_in(node: &Node, records: Vec<Json>) -> Result<(), NodeError> {
    let (clinic, caller) = (node.clinic().clone(), node.operator("demo"));
    blocking(move || {
        let failed = |error| NodeError::failed("bringing in the demo's people", error);
        let mut text = String::new();
        for record in &records {
            record.write_canonical(&mut text);
            text.push('\n');
        }
        let mut session = clinic
            .record_import(&caller, ImportOptions::default())
            .map_err(failed)?;
        session
            .file("demo", &mut Cursor::new(text.into_bytes()), &mut |_| {})
            .map_err(failed)?;
        let report = session.finish(&mut |_| {}).map_err(failed)?;
        match report.refusals.first() {
            Some((place, reason)) => Err(NodeError::Failed(format!(
                "{} of the demo's records were refused, the first, {place}: {reason}",
                report.refused
            ))),
            None => Ok(()),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_is_somewhere_once() {
        let people = people(12);
        let count = |records: &[Json]| {
            records
                .iter()
                .filter(|record| record.get("resourceType").and_then(Json::as_str) == Some("Patient"))
                .count()
        };
        let counts = [count(&people.hub), count(&people.clinic), count(&people.mobile)];
        assert_eq!(counts.iter().sum::<usize>(), 12);
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
        assert_eq!(people.shown.len(), 8);
    }
}
