//! What scripts rely on: every member that `--json` promises is there, under its name and of its kind.
//! Members may be added; none is renamed or goes.

use chaski_tests::chaski::{Site, chaski, two_clinics};
use serde_json::{Value, json};

/// What a member must be.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Count,
    Number,
    Flag,
    List,
}

#[track_caller]
fn has(json: &Value, members: &[(&str, Kind)]) {
    for (name, kind) in members {
        let value = &json[name];
        let is_it = match kind {
            Kind::Text => value.is_string(),
            Kind::Count => value.is_u64(),
            Kind::Number => value.is_number(),
            Kind::Flag => value.is_boolean(),
            Kind::List => value.is_array(),
        };
        assert!(is_it, "'{name}' is no {kind:?} in {json}");
    }
}

const PRESCRIPTION: &str = "MedicationRequest/0190f5a0-0000-7000-8000-00000000d05e";

fn prescription(dose: &str) -> Value {
    json!({"resourceType": "MedicationRequest", "id": PRESCRIPTION.split_once('/').unwrap().1,
        "status": "active", "intent": "order", "medicationCodeableConcept": {"text": "Amoxicillin"},
        "subject": {"reference": "Patient/0190f5a0-0000-7000-8000-00000000ba7e"},
        "dosageInstruction": [{"text": dose}]})
}

/// Two nodes that met, disagreed about a dose, and met again.
fn in_dispute() -> (Site, Site) {
    let (a, b) = two_clinics();
    a.put(&json!({"resourceType": "Patient", "id": "0190f5a0-0000-7000-8000-00000000ba7e"}))
        .ok();
    a.put(&prescription("250 mg")).ok();
    {
        let served = a.serve();
        assert_eq!(b.sync(&served).0, 0);
    }
    a.put(&prescription("500 mg")).ok();
    b.put(&prescription("750 mg")).ok();
    (a, b)
}

#[test]
fn sync_status_and_conflicts_keep_the_members_that_scripts_read() {
    use Kind::{Count, Flag, List, Number, Text};
    let (a, b) = in_dispute();
    let served = a.serve();
    let (code, report) = b.sync(&served);
    assert_eq!(code, 0, "{report}");
    has(
        &report,
        &[
            ("peer", Text),
            ("in_sync", Flag),
            ("sent_records", Count),
            ("received_records", Count),
            ("bytes_out", Count),
            ("bytes_in", Count),
            ("wire_bytes", Count),
            ("round_trips", Count),
            ("seconds", Number),
            ("waited_seconds", Number),
            ("quarantined", Count),
        ],
    );
    let status = b.status();
    has(
        &status,
        &[
            ("node", Text),
            ("name", Text),
            ("site", Text),
            ("incarnation", Text),
            ("records", Count),
            ("fingerprint", Text),
            ("conflicts", Count),
            ("quarantined", Count),
            ("disk_bytes", Count),
            ("unlock", Text),
            ("zone", Text),
            ("running", Flag),
            ("peers", List),
        ],
    );
    assert_eq!(status["peers"].as_array().map(Vec::len), Some(1));
    has(
        &status["peers"][0],
        &[
            ("node", Text),
            ("name", Text),
            ("role", Text),
            ("last_seen", Text),
            ("addresses", List),
            ("known_addresses", List),
            ("in_sync", Flag),
            ("standing", Text),
            ("last_in_sync", Text),
            ("last_seen_seconds", Count),
            ("last_seen_by_file", Flag),
            ("grant_ends", Text),
            ("grant_over", Flag),
            ("grant_ends_soon", Flag),
            ("halts", List),
            ("site", Text),
            ("says_revoked", Flag),
            ("joined", Text),
        ],
    );
    let hub = b.run(&["hub", "status", "--json"]).ok().json();
    has(
        &hub,
        &[
            ("node", Text),
            ("name", Text),
            ("at", Text),
            ("stale_days", Count),
            ("stale", Count),
            ("never_synced", Count),
            ("well", Flag),
            ("running", Flag),
            ("warnings", List),
            ("sites", List),
        ],
    );
    has(
        &hub["sites"][0],
        &[
            ("node", Text),
            ("name", Text),
            ("site", Text),
            ("role", Text),
            ("standing", Text),
            ("stale", Flag),
            ("connected", Flag),
            ("in_sync", Flag),
            ("last_heard", Text),
            ("last_heard_seconds", Count),
            ("last_heard_by_file", Flag),
            ("last_in_sync", Text),
            ("last_in_sync_seconds", Count),
            ("backlog", Count),
            ("bytes_out", Count),
            ("bytes_in", Count),
            ("clock_skew_ms", Number),
            ("clock_compared", Text),
            ("grant_over", Flag),
            ("quarantined_here", Count),
            ("told_at", Text),
            ("version", Text),
            ("conflicts", Count),
            ("quarantined", Count),
            ("awaiting", Count),
            ("records", Count),
            ("disk_free_bytes", Count),
            ("disk_full", Flag),
            ("grant_ends", Text),
            ("grant_ends_soon", Flag),
            ("joined", Text),
            ("says_revoked", Flag),
            ("known_addresses", List),
            ("told_seconds", Count),
        ],
    );
    let issuers = b.run(&["issuer", "list", "--json"]).ok().json();
    has(
        &issuers[0],
        &[
            ("node", Text),
            ("name", Text),
            ("in_effect", Flag),
            ("ended", Flag),
            ("revoked", Flag),
            ("roots", List),
            ("this_node", Flag),
            ("last_seen", Text),
        ],
    );
    assert!(
        issuers[0]["roles"].is_null() && issuers[0]["sites"].is_null(),
        "any: {issuers}"
    );
    assert_eq!(report["peer"], status["peers"][0]["node"]);
    let conflicts = b.conflicts();
    assert_eq!(conflicts.as_array().map(Vec::len), Some(1), "{conflicts}");
    has(
        &conflicts[0],
        &[("record", Text), ("path", Text), ("values", List)],
    );
    let values = conflicts[0]["values"].as_array().unwrap();
    assert_eq!(values.len(), 2);
    for value in values {
        assert!(value["value"].is_object(), "the whole value: {value}");
        has(
            value,
            &[
                ("author", Text),
                ("site", Text),
                ("user", Text),
                ("time", Text),
                ("version", Text),
            ],
        );
    }
}

#[test]
fn bench_keeps_the_members_that_scripts_read() {
    let said = chaski(["bench", "--records", "200", "--start-records", "200", "--json"]);
    let report = said.ok().json();
    for name in [
        "import_records_per_s",
        "first_sync_records_per_s",
        "first_sync_bytes_per_record",
        "changed100_bytes",
        "changed100_round_trips",
        "unchanged_bytes",
        "read_per_s",
        "search_per_s",
        "idle_rss_mb",
        "start_s",
        "disk_bytes_per_record",
    ] {
        let value = report[name].as_f64();
        assert!(
            value.is_some_and(|value| value > 0.0),
            "'{name}' was not measured: {report}"
        );
    }
    let floor = report["floor"].as_object().unwrap();
    assert!(
        floor["changed100_own_bytes"]
            .as_f64()
            .is_some_and(|bytes| bytes > 0.0),
        "{report}"
    );
    assert!(floor.values().all(Value::is_number), "{report}");
}
