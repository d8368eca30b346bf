use chaski_store::{NodeId, RecordKey};

use super::*;
use crate::record::UpdateOptions;
use crate::testing::{clinic, clinician, parsed, patient};

/// Records, those with conflicts, and what was set aside.
fn numbers(clinic: &Clinic) -> [u64; 3] {
    let status = clinic.status_view(&clinician()).expect("a status");
    [status.records, status.conflicts, status.quarantined]
}

#[test]
fn the_status_counts_what_is_here_what_is_disputed_and_what_was_set_aside() {
    let clinic = clinic();
    assert_eq!(numbers(&clinic), [0, 0, 0]);
    let keys: Vec<RecordKey> = (0..5)
        .map(|_| RecordKey::new("Patient", &patient(&clinic)).expect("a key"))
        .collect();
    assert_eq!(numbers(&clinic), [5, 0, 0]);
    clinic
        .record_delete(&clinician(), &keys[4], None)
        .expect("deleted");
    assert_eq!(numbers(&clinic), [4, 0, 0]);

    // Two changed a date of birth and a gender apart: one record to look at.
    let read = clinic.record_read(&clinician(), &keys[0]).expect("read");
    for (date, gender) in [("1980-05-05", "other"), ("1980-04-05", "male")] {
        let text = read.json.canonical();
        let changed = text
            .replace("1980-05-04", date)
            .replace("\"female\"", &format!("\"{gender}\""));
        let options = UpdateOptions {
            if_match: Some(read.version.to_string()),
            merge: true,
            ..UpdateOptions::default()
        };
        clinic
            .record_update(&clinician(), "Patient", keys[0].id(), parsed(&changed), &options)
            .expect("updated");
    }
    assert_eq!(clinic.store().stats().expect("stats").conflicts, 2);
    assert_eq!(numbers(&clinic), [4, 1, 0]);

    // Changes that were signed by nobody who may.
    for (number, other) in ["a", "b"].into_iter().enumerate() {
        let mut changes = clinic.store().signed_changes(&keys[1]).expect("changes");
        changes[0].signature[7] ^= 1;
        let offered = vec![(RecordKey::new("Patient", other).expect("a key"), changes)];
        let report = clinic
            .store()
            .apply_remote(clinician().context(), &NodeId([6; 32]), offered, None);
        assert_eq!(report.expect("a report").quarantined.len(), 1);
        assert_eq!(numbers(&clinic), [4, 1, number as u64 + 1]);
    }
    clinic.store().quarantine_forget().expect("forgotten");
    assert_eq!(numbers(&clinic), [4, 1, 0]);
}
