//! What leaves a node and what comes in: the entry that says so, the last line of a file, and what was
//! not taken.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

use chaski_store::MemoryKv;

use super::*;
use crate::testing::{SteeredEnv, after_power_cut, store_on};

fn operator() -> crate::Caller {
    caller(Role::Operator.name())
}

/// What the log says of this action, as action and purpose, on a node that lost its power now.
fn told(kv: &MemoryKv, action: &str) -> Vec<String> {
    let log = after_power_cut(kv)
        .audit_list(None, 1_000)
        .expect("a log")
        .entries;
    log.into_iter()
        .filter(|entry| entry.action == action)
        .map(|entry| format!("{}: {}", entry.context.user, entry.context.purpose))
        .collect()
}

#[test]
fn what_was_carried_away_or_let_in_is_told_after_a_power_cut() {
    type Act = fn(&Clinic) -> bool;
    let cases: [(&str, Act, &str); 4] = [
        (
            "parcel_write",
            |clinic| {
                clinic
                    .parcel_write(&operator(), &["North".to_owned(), "South".to_owned()])
                    .is_ok()
            },
            "ana: parcel for North, South",
        ),
        (
            "parcel_read",
            |clinic| clinic.parcel_read(&operator(), "North").is_ok(),
            "ana: parcel from North",
        ),
        (
            "record_export",
            |clinic| {
                clinic
                    .record_export(&operator(), &mut Vec::new(), &mut |_, _| {})
                    .is_ok()
            },
            "ana: treatment",
        ),
        (
            "token_create",
            |clinic| {
                let request = crate::access::TokenRequest {
                    user: "eva".to_owned(),
                    roles: crate::roles::Roles::one(Role::Clinician),
                    kind: crate::access::TokenKind::Personal,
                    life_ms: None,
                };
                clinic.token_create(&operator(), &request).is_ok()
            },
            "ana: treatment",
        ),
    ];
    for (action, act, entry) in cases {
        let kv = Arc::new(MemoryKv::new());
        let store = store_on(kv.clone(), SteeredEnv::new());
        let clinic = Clinic::new(store, Settings::default()).expect("a clinic");
        assert!(told(&kv, action).is_empty());
        assert!(act(&clinic), "{action}");
        assert_eq!(told(&kv, action), [entry], "{action}");
    }
}

/// A file that is full from some moment on, and that holds back what it is given until it is flushed.
struct Out<F: FnMut()> {
    waiting: Vec<u8>,
    file: Vec<u8>,
    room: usize,
    flush: Option<ErrorKind>,
    at_write: F,
}

fn out<F: FnMut()>(at_write: F) -> Out<F> {
    Out {
        waiting: Vec::new(),
        file: Vec::new(),
        room: usize::MAX,
        flush: None,
        at_write,
    }
}

impl<F: FnMut()> Write for Out<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.at_write)();
        if self.waiting.len() + bytes.len() > self.room {
            return Err(ErrorKind::StorageFull.into());
        }
        self.waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.append(&mut self.waiting);
        self.flush.map_or(Ok(()), |kind| Err(kind.into()))
    }
}

#[test]
fn an_export_that_answers_yes_is_in_the_file_to_its_last_line() {
    let kv = Arc::new(MemoryKv::new());
    let store = store_on(kv.clone(), SteeredEnv::new());
    let clinic = Clinic::new(store, Settings::default()).expect("a clinic");
    import(&clinic, &ImportOptions::default(), &[SHARED_FILE, PATIENT_FILE]);
    let entries = RefCell::new(Vec::new());
    let mut file = out(|| entries.borrow_mut().push(told(&kv, "record_export").len()));
    let mut heard = Vec::new();
    let report = clinic
        .record_export(&operator(), &mut file, &mut |done, all| heard.push((done, all)))
        .expect("exported");
    assert_eq!(heard.last(), Some(&(4, 4)));
    assert_eq!(report.records, 4);
    assert_eq!(report.bytes, file.file.len() as u64, "all of it is in the file");
    assert_eq!(file.file.iter().filter(|byte| **byte == b'\n').count(), 4);
    assert!(
        entries.borrow().iter().all(|count| *count == 1) && !entries.borrow().is_empty(),
        "nothing leaves before the log says so for good"
    );
    let whole = file.file.len();
    for (room, flush, kind) in [
        (0, None, ErrorKind::StorageFull),
        (whole / 2, None, ErrorKind::StorageFull),
        (whole - 1, None, ErrorKind::StorageFull),
        (whole, Some(ErrorKind::BrokenPipe), ErrorKind::BrokenPipe),
    ] {
        let mut file = out(|| {});
        (file.room, file.flush) = (room, flush);
        let done = clinic.record_export(&operator(), &mut file, &mut |_, _| {});
        assert!(
            matches!(&done, Err(RecordError::Output(found)) if *found == kind),
            "{room}: {done:?}"
        );
    }
}

fn entries(kind: &str, resources: &[&str]) -> String {
    let entries: Vec<String> = resources
        .iter()
        .map(|json| format!(r#"{{"resource":{json}}}"#))
        .collect();
    format!(
        r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#,
        entries.join(",")
    )
}

/// A Condition whose subject is this.
fn about(reference: &str) -> String {
    format!(r#"{{"resourceType":"Condition","id":"{UUID}","subject":{{"reference":"{reference}"}}}}"#)
}

const GOOD: &str = r#"{"resourceType":"Patient","gender":"male"}"#;
const BAD: &str = r#"{"resourceType":"Patient","gender":17}"#;

#[test]
fn what_an_import_does_not_take_is_counted_and_told_with_its_place_and_reason() {
    let lines = |all: &[&str]| all.join("\n");
    let foreign = r#"{"resourceType":"Patient","id":"7"}"#;
    let nonsense = r#"{"resourceType":"Nonsense"}"#;
    let nobody = about("Patient?identifier=urn:n|none");
    let several = about("Patient?name=rosa");
    let anybody = about("Patient?_count=1");
    let unknown = about("Patient?shoe-size=42");
    let rows = [
        (
            entries("collection", &[GOOD, BAD]),
            1,
            "file 0:1 entry 1",
            "gender",
        ),
        (
            entries("searchset", &[BAD, GOOD]),
            1,
            "file 0:1 entry 0",
            "gender",
        ),
        (
            entries("batch", &[GOOD, foreign]),
            1,
            "file 0:1 entry 1",
            "no UUID",
        ),
        (
            entries("history", &[GOOD, nonsense]),
            1,
            "file 0:1 entry 1",
            "Nonsense",
        ),
        (lines(&[GOOD, BAD]), 1, "file 0:2", "gender"),
        (lines(&[GOOD, "", foreign]), 1, "file 0:3", "no UUID"),
        (lines(&[GOOD, "{\"resourceType\":"]), 1, "file 0:2", ""),
        (lines(&[GOOD, nonsense]), 1, "file 0:2", "Nonsense"),
        (
            lines(&[&entries("collection", &[BAD]), GOOD]),
            1,
            "file 0:1 entry 0",
            "gender",
        ),
        // What a reference finds is settled later: it is told all the same, and the record is not written.
        (
            entries("collection", &[GOOD, &nobody]),
            1,
            "file 0:1 entry 1",
            "matches no record",
        ),
        (lines(&[&nobody, GOOD]), 1, "file 0:1", "matches no record"),
        (lines(&[GOOD, &several]), 1, "file 0:2", "more than one"),
        (lines(&[GOOD, &anybody]), 1, "file 0:2", "more than one"),
        (lines(&[GOOD, &unknown]), 1, "file 0:2", "shoe-size"),
    ];
    for (file, created, place, reason) in rows {
        let clinic = clinic();
        patient(&clinic);
        patient(&clinic);
        let report = import(&clinic, &ImportOptions::default(), &[&file]);
        assert_eq!(
            (report.created, report.refused),
            (created, 1),
            "{file}: {report:?}"
        );
        let [(told_place, told_reason)] = report.refusals.as_slice() else {
            panic!("{file}: {report:?}");
        };
        assert_eq!(told_place, place, "{file}");
        assert!(
            told_reason.contains(reason) && !told_reason.is_empty(),
            "{file}: {told_reason}"
        );
        let records = clinic.store().stats().expect("stats").records;
        assert_eq!(records, 2 + created, "{file}");
    }
}

#[test]
fn of_many_refusals_all_are_counted_though_not_all_are_listed() {
    let many = entries("collection", &[BAD; 101]);
    let report = import(&clinic(), &ImportOptions::default(), &[&many, BAD]);
    assert_eq!((report.refused, report.refusals.len()), (102, 100));
    assert_eq!(report.refusals[99].0, "file 0:1 entry 99");
}

#[test]
fn a_shared_record_that_is_still_missing_is_referred_to_by_the_id_it_will_have() {
    let clinic = clinic();
    let encounter = format!(
        r#"{{"resourceType":"Encounter","id":"{UUID}","status":"finished","class":{{"code":"AMB"}},
        "participant":[{{"individual":{{"reference":"Practitioner?identifier=urn:npi|9"}}}}]}}"#
    );
    let report = import(
        &clinic,
        &ImportOptions::default(),
        &[&encounter.replace('\n', "")],
    );
    assert_eq!((report.created, report.refused), (1, 0), "{report:?}");
    let options = CreateOptions {
        if_none_exist: Some("identifier=urn:npi|9".to_owned()),
    };
    let doctor = json!({"resourceType": "Practitioner", "identifier": [{"system": "urn:npi", "value": "9"}]});
    let made = clinic
        .record_create(&clinician(), doctor, &options)
        .expect("created");
    assert!(made.created);
    let reference = read(&clinic, &format!("Encounter/{UUID}"));
    let reference = reference.pointer("/participant/0/individual/reference");
    assert_eq!(
        reference.and_then(Json::as_str),
        Some(made.key.to_string().as_str())
    );
}

#[test]
fn an_import_takes_no_part_of_a_record_for_the_whole() {
    let clinic = clinic();
    let id = patient(&clinic);
    let before = read(&clinic, &format!("Patient/{id}")).canonical();
    let part = format!(
        r#"{{"resourceType":"Patient","id":"{id}","gender":"female","meta":{{"tag":[{{"system":
        "http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}}]}}}}"#
    )
    .replace('\n', "");
    for file in [entries("searchset", &[&part]), part] {
        let report = import(&clinic, &ImportOptions::default(), &[&file]);
        assert_eq!((report.refused, report.updated), (1, 0), "{report:?}");
        assert!(report.refusals[0].1.contains("SUBSETTED"), "{report:?}");
        assert_eq!(read(&clinic, &format!("Patient/{id}")).canonical(), before);
    }
}

#[test]
fn what_the_store_refuses_in_an_import_is_told_with_its_place() {
    let note = format!(r#"{{"text":"{}"}}"#, "n".repeat(1_000_000));
    let large = format!(
        r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"note":[{}]}}"#,
        vec![note; 9].join(",")
    );
    let report = import(
        &clinic(),
        &ImportOptions::default(),
        &[&format!("{GOOD}\n{large}")],
    );
    assert_eq!((report.created, report.refused), (1, 1), "{:?}", report.refusals);
    assert_eq!(report.refusals[0].0, "file 0:2");
    assert!(!report.refusals[0].1.is_empty());
}

#[test]
fn an_import_that_is_stopped_keeps_what_it_took_and_takes_no_more() {
    let line = |gender: &str| format!(r#"{{"resourceType":"Patient","gender":"{gender}"}}"#);
    let file = ["male", "female", "other", "unknown"].map(line).join("\n");
    // Each record is asked about when it is read, and again when it is written.
    for wanted in 0..=8_u64 {
        let clinic = clinic();
        let asked = std::cell::Cell::new(0);
        let mut session = clinic
            .record_import(&operator(), ImportOptions::default())
            .expect("allowed")
            .stop_when(|| {
                asked.set(asked.get() + 1);
                asked.get() > wanted
            });
        let read = session.file("file", &mut file.as_bytes(), &mut |_| {});
        let is_stopped = matches!(read, Err(ImportError::Stopped));
        assert_eq!(is_stopped, wanted < 4, "{wanted}: {read:?}");
        let done = session.finish(&mut |_| {});
        assert_eq!(
            matches!(done, Err(ImportError::Stopped)),
            (1..8).contains(&wanted),
            "{wanted}: {done:?}"
        );
        // What was written when it was stopped stays.
        let written = wanted.saturating_sub(4);
        assert_eq!(clinic.store().stats().expect("stats").records, written);
    }
}

#[test]
fn a_prefix_of_ids_makes_ids() {
    let clinic = clinic();
    let long = "n".repeat(21);
    for (prefix, is_taken) in [
        ("north-", true),
        ("n", true),
        ("N.1-", true),
        (&long[..20], true),
        (&long, false),
        ("", false),
        ("a_b", false),
        ("a b", false),
        ("a/", false),
        ("ñ", false),
    ] {
        let options = ImportOptions {
            id_prefix: Some(prefix.to_owned()),
            accept_ids: false,
            ..ImportOptions::default()
        };
        let done = clinic.record_import(&operator(), options);
        match done {
            Ok(_) => assert!(is_taken, "{prefix}"),
            Err(error) => assert!(!is_taken && matches!(error, ImportError::Prefix), "{prefix}"),
        }
    }
}
