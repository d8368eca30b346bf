//! What an import says is what it did: versions in their order, what entries ask for, containers, refusals.

use super::*;
use crate::record::{ImportNote, NoteKind};

const OTHER: &str = "33333333-3333-4333-8333-000000000001";

/// An import, and all that it told.
pub(super) fn told(
    clinic: &Clinic,
    options: &ImportOptions,
    files: &[&str],
) -> (ImportReport, Vec<ImportNote>) {
    let operator = caller(Role::Operator.name());
    let notes = std::cell::RefCell::new(Vec::new());
    let session = clinic.record_import(&operator, options.clone()).expect("allowed");
    let mut session = session.tell_all(|note| notes.borrow_mut().push(note.clone()));
    for (index, file) in files.iter().enumerate() {
        session
            .file(&format!("file {index}"), &mut file.as_bytes(), &mut |_| {})
            .expect("taken");
    }
    let report = session.finish(&mut |_| {}).expect("finished");
    (report, notes.into_inner())
}

fn plain(clinic: &Clinic, files: &[&str]) -> ImportReport {
    told(clinic, &ImportOptions::default(), files).0
}

fn reasons(notes: &[ImportNote], what: NoteKind) -> Vec<&str> {
    let of_kind = notes.iter().filter(|note| note.what == what);
    of_kind.map(|note| note.reason.as_str()).collect()
}

/// A version of an allergy as an entry of a history.
fn version(number: usize, meta: &Json, criticality: &str) -> Json {
    json!({
        "fullUrl": format!("http://h.example/fhir/AllergyIntolerance/{OTHER}"),
        "resource": {"resourceType": "AllergyIntolerance", "id": OTHER, "meta": (meta.clone()), "criticality": criticality,
            "code": {"text": "Penicilina"}, "patient": {"display": "x"}},
        "request": {"method": (if number == 1 { "POST" } else { "PUT" }), "url": format!("AllergyIntolerance/{OTHER}/_history/{number}")},
    })
}

fn gone(meta: &Json) -> Json {
    json!({
        "request": {"method": "DELETE", "url": format!("AllergyIntolerance/{OTHER}")},
        "response": {"lastModified": (meta.get("lastUpdated").cloned().unwrap_or_default())},
    })
}

fn bundle(of_type: &str, entries: Vec<Json>) -> String {
    json!({"resourceType": "Bundle", "type": of_type, "entry": (Json::Array(entries))}).canonical()
}

fn criticality(clinic: &Clinic) -> Option<String> {
    let key = key(&format!("AllergyIntolerance/{OTHER}"));
    let read = clinic.record_read(&clinician(), &key).ok()?;
    Some(crate::fhir_json::text(&read.json, "criticality").to_owned())
}

/// What a history says last is current: whatever tells its versions apart, and in whatever order they stand where times
/// do; deletions are versions, and what came back after one is there.
#[test]
fn the_newest_version_of_a_history_is_current() {
    let meta = |number: usize, how: &str| match how {
        "times" => json!({"lastUpdated": format!("2026-0{number}-01T00:00:00Z")}),
        "numbers" => json!({"versionId": (number.to_string())}),
        _ => json!({"profile": ["http://e.example/p"]}),
    };
    let entry = |number: usize, how: &str, word: &str| match word {
        "gone" => gone(&meta(number, how)),
        word => version(number, &meta(number, how), word),
    };
    for how in ["times", "numbers", "nothing"] {
        for words in [
            vec!["low", "unable-to-assess", "high"],
            vec!["low", "high", "low"],
            vec!["low", "gone"],
            vec!["low", "gone", "high"],
            vec!["low", "gone", "low"],
            vec!["low", "high", "gone"],
        ] {
            if how == "numbers" && words.contains(&"gone") {
                continue;
            }
            let mut entries: Vec<Json> = (1..)
                .zip(&words)
                .map(|(number, word)| entry(number, how, word))
                .collect();
            entries.reverse();
            let mut files = vec![vec![bundle("history", entries.clone())]];
            if how == "times" {
                // Pages of one history, the newest first; and in no order at all.
                files.push(
                    entries
                        .iter()
                        .map(|one| bundle("history", vec![one.clone()]))
                        .collect(),
                );
                entries.rotate_left(1);
                files.push(vec![bundle("history", entries)]);
            }
            for files in files {
                let files: Vec<&str> = files.iter().map(String::as_str).collect();
                let clinic = clinic();
                let wanted = Some(words[words.len() - 1].to_owned()).filter(|word| word != "gone");
                let said = format!("{how} {words:?} in {} files", files.len());
                let report = plain(&clinic, &files);
                assert_eq!(
                    (report.records, report.refused),
                    (words.len() as u64, 0),
                    "{said}: {report:?}"
                );
                assert_eq!(criticality(&clinic), wanted, "{said}: {report:?}");
                let again = plain(&clinic, &files);
                assert_eq!(
                    (again.created, again.updated, again.deleted, again.kept),
                    (0, 0, 0, 0),
                    "{said}: {again:?}"
                );
                assert_eq!(criticality(&clinic), wanted, "{said}, again");
            }
        }
    }
}

/// One more version than last time is one change, and nothing of what a person changed here since is undone.
#[test]
fn a_longer_history_brings_what_is_new_in_it() {
    let page = |words: &[&str]| {
        let entry = |(number, word): (usize, &&str)| {
            version(
                number,
                &json!({"lastUpdated": format!("2026-0{number}-01T00:00:00Z")}),
                word,
            )
        };
        let mut entries: Vec<Json> = (1..).zip(words).map(entry).collect();
        entries.reverse();
        bundle("history", entries)
    };
    let clinic = clinic();
    plain(&clinic, &[&page(&["low", "high"])]);
    let more = plain(&clinic, &[&page(&["low", "high", "low"])]);
    assert_eq!((more.updated, more.unchanged), (1, 2), "{more:?}");
    assert_eq!(criticality(&clinic).as_deref(), Some("low"));
    // Changed here: the same file changes nothing, and says that what is here differs.
    let mut json = read(&clinic, &format!("AllergyIntolerance/{OTHER}"));
    crate::fhir_json::set(&mut json, "criticality", Json::from("unable-to-assess"));
    update(&clinic, "AllergyIntolerance", OTHER, json).expect("changed");
    let again = plain(&clinic, &[&page(&["low", "high", "low"])]);
    assert_eq!((again.updated, again.kept), (0, 1), "{again:?}");
    assert_eq!(criticality(&clinic).as_deref(), Some("unable-to-assess"));
}

/// What a person changed or deleted here since it was imported stays, whatever comes: older, newer, or without a time;
/// it is counted and said that what came differs.
#[test]
fn what_was_changed_here_since_it_was_imported_stays_whatever_comes() {
    let copy = |updated: &str, family: &str| {
        let meta = match updated {
            "" => String::new(),
            updated => format!(r#""meta":{{"lastUpdated":"{updated}"}},"#),
        };
        format!(r#"{{"resourceType":"Patient","id":"{OTHER}",{meta}"name":[{{"family":"{family}"}}]}}"#)
    };
    for (first, next) in [
        ("2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("", ""),
    ] {
        for is_deleted in [false, true] {
            let clinic = clinic();
            plain(&clinic, &[&copy(first, "First")]);
            let of = format!("Patient/{OTHER}");
            let mut json = read(&clinic, &of);
            match is_deleted {
                true => drop(
                    clinic
                        .record_delete(&clinician(), &key(&of), None)
                        .expect("deleted"),
                ),
                false => {
                    crate::fhir_json::set(&mut json, "birthDate", Json::from("1990-01-02"));
                    update(&clinic, "Patient", OTHER, json).expect("changed");
                }
            }
            let (report, notes) = told(&clinic, &ImportOptions::default(), &[&copy(next, "Next")]);
            let said = format!("{first} {next} {is_deleted}: {report:?} {notes:?}");
            assert_eq!((report.created, report.updated, report.kept), (0, 0, 1), "{said}");
            assert_eq!(reasons(&notes, NoteKind::Kept).len(), 1, "{said}");
            if !is_deleted {
                let json = read(&clinic, &of);
                assert_eq!(crate::fhir_json::text(&json, "birthDate"), "1990-01-02", "{said}");
            }
        }
    }
}

/// A deletion in the same instant as the version before it is told from it by the version of its entry.
#[test]
fn a_deletion_of_the_same_instant_is_the_newest_where_its_entry_says_so() {
    let time = "2026-03-01T00:00:00Z";
    let entries = vec![
        json!({"request": {"method": "DELETE", "url": format!("AllergyIntolerance/{OTHER}")},
            "response": {"status": "204", "etag": "W/\"2\"", "lastModified": time}}),
        version(1, &json!({"versionId": "1", "lastUpdated": time}), "low"),
    ];
    let clinic = clinic();
    plain(&clinic, &[&bundle("history", entries)]);
    assert_eq!(criticality(&clinic), None, "it is deleted");
}

/// One id at two servers is two people: they are never made one, and it is told.
#[test]
fn one_id_at_two_servers_is_two_people() {
    let entry = |server: &str, family: &str| {
        json!({"fullUrl": format!("http://{server}.example/fhir/Patient/7"),
            "resource": {"resourceType": "Patient", "id": "7", "name": [{"family": (family)}]}})
    };
    for accept_ids in [true, false] {
        let options = ImportOptions {
            id_prefix: (!accept_ids).then(|| "old-".to_owned()),
            accept_ids,
            ..ImportOptions::default()
        };
        let clinic = clinic();
        let file = bundle(
            "collection",
            vec![entry("a", "Anna"), entry("b", "Boris"), entry("a", "Anna")],
        );
        let (report, notes) = told(&clinic, &options, &[&file]);
        assert_eq!((report.created, report.refused), (1, 1), "{report:?}");
        assert!(
            reasons(&notes, NoteKind::Refused)[0].contains("another server"),
            "{notes:?}"
        );
        let id = if accept_ids { "7" } else { "old-7" };
        let held = read(&clinic, &format!("Patient/{id}"));
        assert_eq!(
            held.pointer("/name/0/family").and_then(Json::as_str),
            Some("Anna")
        );
    }
}

/// A node's own history of a record comes back as the record.
#[test]
fn the_history_that_a_node_tells_makes_the_same_record_elsewhere() {
    let source = clinic();
    for word in ["low", "high"] {
        let body = json!({"resourceType": "AllergyIntolerance", "id": OTHER, "criticality": word, "patient": {"display": "x"}});
        update(&source, "AllergyIntolerance", OTHER, body).expect("written");
    }
    let of = HistoryOf::Record(key(&format!("AllergyIntolerance/{OTHER}")));
    let page = source
        .record_history(&clinician(), &of, None, None, None)
        .expect("told");
    let entries = page.entries.into_iter().map(|entry| {
        json!({"resource": (entry.json.unwrap_or_default()), "request": {"method": "PUT", "url": format!("AllergyIntolerance/{OTHER}")}})
    });
    let there = clinic();
    plain(&there, &[&bundle("history", entries.collect())]);
    assert_eq!(criticality(&there).as_deref(), Some("high"));
}

/// An older copy never replaces a newer one: not within a run, and not what an earlier run brought.
#[test]
fn an_older_copy_of_one_system_replaces_nothing() {
    let copy = |updated: &str, family: &str, source: &str| {
        format!(
            r#"{{"resourceType":"Patient","id":"{OTHER}","meta":{{"lastUpdated":"{updated}"{source}}},"name":[{{"family":"{family}"}}]}}"#
        )
    };
    let family = |clinic: &Clinic| {
        let json = read(clinic, &format!("Patient/{OTHER}"));
        json.pointer("/name/0/family")
            .and_then(Json::as_str)
            .map(str::to_owned)
    };
    let (newer, older) = (
        copy("2026-03-01T00:00:00Z", "New", ""),
        copy("2026-01-01T00:00:00+02:00", "Old", ""),
    );
    let one = clinic();
    plain(&one, &[&format!("{newer}\n{older}")]);
    assert_eq!(family(&one).as_deref(), Some("New"));
    // In two runs, the older one later.
    let two = clinic();
    plain(&two, &[&newer]);
    let (report, notes) = told(&two, &ImportOptions::default(), &[&older]);
    assert_eq!((report.updated, report.kept), (0, 1), "{report:?}");
    assert!(reasons(&notes, NoteKind::Kept)[0].contains("older"), "{notes:?}");
    assert_eq!(family(&two).as_deref(), Some("New"));
    // A newer one still replaces it, and so does one of another system, whose clock says nothing here.
    let next = plain(&two, &[&copy("2026-04-01T00:00:00Z", "Next", "")]);
    assert_eq!(next.updated, 1, "{next:?}");
    let elsewhere = plain(
        &two,
        &[&copy(
            "2026-02-01T00:00:00Z",
            "Elsewhere",
            r#","source":"http://other.example""#,
        )],
    );
    assert_eq!(elsewhere.updated, 1, "{elsewhere:?}");
}

/// Conditional writes of a run come to one record, as they do over REST.
#[test]
fn a_conditional_update_changes_whom_its_condition_finds() {
    let entry = |family: &str, full_url: &str| {
        json!({"fullUrl": full_url, "resource": {"resourceType": "Patient", "identifier": [{"system": "http://ex.org/mrn", "value": "T1"}],
            "name": [{"family": family}]}, "request": {"method": "PUT", "url": "Patient?identifier=http://ex.org/mrn|T1"}})
    };
    let first = entry("Monday", "urn:uuid:dddddddd-dddd-4ddd-8ddd-0000000000a1");
    let second = entry("Friday", "urn:uuid:dddddddd-dddd-4ddd-8ddd-0000000000a2");
    let one = |entry: &Json| bundle("transaction", vec![entry.clone()]);
    let both = bundle("transaction", vec![first.clone(), second.clone()]);
    for runs in [
        vec![vec![one(&first)], vec![one(&second)]],
        vec![vec![one(&first), one(&second)]],
        vec![vec![both]],
    ] {
        let clinic = clinic();
        for files in &runs {
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            let report = plain(&clinic, &files);
            assert_eq!(report.refused, 0, "{report:?}");
        }
        let found = clinic.find(&clinician(), "Patient", &[]).expect("found");
        assert_eq!(found.len(), 1, "{runs:?}");
        let family = found[0].json.pointer("/name/0/family").and_then(Json::as_str);
        assert_eq!(family, Some("Friday"), "{runs:?}");
    }
}

#[test]
fn what_an_entry_asks_for_is_done_or_refused_by_name() {
    let body = format!(
        r#"{{"resourceType":"Patient","id":"{OTHER}","identifier":[{{"system":"urn:n","value":"1"}}]}}"#
    );
    let row = |method: &str, url: &str, more: &str, resource: &str| {
        let resource = match resource {
            "" => String::new(),
            json => format!(r#","resource":{json}"#),
        };
        format!(
            r#"{{"resourceType":"Bundle","type":"batch","entry":[{{"request":{{"method":"{method}","url":"{url}"{more}}}{resource}}}]}}"#
        )
    };
    let by_id = format!("Patient/{OTHER}");
    let absolute = format!("http://h.example/fhir/{by_id}");
    let binary = r#"{"resourceType":"Binary","contentType":"application/json-patch+json","data":"W10="}"#;
    let other = body.replace("Patient", "Person");
    // What is asked, how many are deleted, unchanged and refused, and a word of the reason.
    for (file, wanted, word) in [
        (row("DELETE", &by_id, "", ""), (1, 0, 0), ""),
        (row("DELETE", &absolute, "", ""), (1, 0, 0), ""),
        (row("DELETE", "Patient?identifier=urn:n|1", "", ""), (1, 0, 0), ""),
        (row("DELETE", "Patient?identifier=urn:n|2", "", ""), (0, 1, 0), ""),
        (row("DELETE", &format!("Patient/{UUID}"), "", ""), (0, 1, 0), ""),
        (row("DELETE", "Patient/7", "", ""), (0, 0, 1), "UUID"),
        (
            row("DELETE", &by_id, r#","ifMatch":"W/\"1\"""#, ""),
            (0, 0, 1),
            "ifMatch",
        ),
        (row("PATCH", &by_id, "", binary), (0, 0, 1), "PATCH"),
        (row("PUT", &by_id, "", &other), (0, 0, 1), "Person"),
        (
            row("PUT", &format!("Patient/{UUID}"), "", &body),
            (0, 0, 1),
            "another id",
        ),
        (row("PUT", &by_id, r#","ifNoneMatch":"*""#, &body), (0, 1, 0), ""),
        (row("PUT", &by_id, "", ""), (0, 0, 1), "no resource"),
        (row("GET", &by_id, "", ""), (0, 0, 0), ""),
        (row("MERGE", &by_id, "", &body), (0, 0, 1), "method"),
    ] {
        let clinic = clinic();
        assert_eq!(plain(&clinic, &[&body]).created, 1);
        let (report, notes) = told(&clinic, &ImportOptions::default(), &[&file]);
        assert_eq!(
            (report.deleted, report.unchanged, report.refused),
            wanted,
            "{file}: {report:?}"
        );
        assert_eq!((report.created, report.updated), (0, 0), "{file}: {report:?}");
        assert!(
            reasons(&notes, NoteKind::Refused)
                .iter()
                .all(|reason| reason.contains(word)),
            "{file}: {notes:?}"
        );
        let is_there = clinic.record_read(&clinician(), &key(&by_id)).is_ok();
        assert_eq!(is_there, wanted.0 == 0, "{file}");
        if wanted.0 == 1 {
            assert_eq!(plain(&clinic, &[&file]).deleted, 0, "{file}, again");
        }
    }
}

/// A container is looked into, whatever it stands in, and is no record itself.
#[test]
fn what_a_container_holds_is_taken_and_the_container_is_not() {
    let inner = format!(r#"{{"resourceType":"Patient","id":"{UUID}"}}"#);
    let in_bundle = |of_type: &str, held: &str| {
        format!(
            r#"{{"resourceType":"Bundle","id":"{OTHER}","type":"{of_type}","entry":[{{"resource":{held},"response":{{"status":"200"}}}}]}}"#
        )
    };
    let in_parameters = |held: &str| {
        format!(
            r#"{{"resourceType":"Parameters","id":"{OTHER}","parameter":[{{"name":"return","part":[{{"name":"x","resource":{held}}}]}}]}}"#
        )
    };
    let mut files = vec![
        in_parameters(&inner),
        in_parameters(&in_bundle("searchset", &inner)),
    ];
    for of_type in [
        "searchset",
        "collection",
        "document",
        "message",
        "batch-response",
        "transaction-response",
        "batch",
        "transaction",
        "history",
        "odd",
    ] {
        files.push(in_bundle(of_type, &inner));
        if of_type != "history" {
            files.push(in_bundle(of_type, &in_bundle("searchset", &inner)));
            files.push(in_bundle(of_type, &in_parameters(&inner)));
        }
    }
    for file in &files {
        let clinic = clinic();
        let (report, notes) = told(&clinic, &ImportOptions::default(), &[file]);
        assert_eq!((report.created, report.refused), (1, 0), "{file}: {report:?}");
        assert_eq!(report.kinds.keys().collect::<Vec<_>>(), ["Patient"], "{file}");
        if ["document", "message", "odd", "Parameters"]
            .iter()
            .any(|word| file.contains(word))
        {
            assert!(!reasons(&notes, NoteKind::Said).is_empty(), "{file}");
        }
        assert_eq!(plain(&clinic, &[file]).unchanged, 1, "{file}");
    }
    let deep = (0..9).fold(inner.clone(), |held, _| in_bundle("collection", &held));
    for (file, word) in [
        (deep, "more than 8"),
        (
            r#"{"resourceType":"Parameters","parameter":[{"name":"x","valueString":"y"}]}"#.to_owned(),
            "no resource",
        ),
        (
            r#"{"resourceType":"Bundle","type":"batch","entry":{}}"#.to_owned(),
            "array",
        ),
    ] {
        let (report, notes) = told(&clinic(), &ImportOptions::default(), &[&file]);
        assert_eq!((report.created, report.refused), (0, 1), "{file}");
        assert!(reasons(&notes, NoteKind::Refused)[0].contains(word), "{notes:?}");
    }
}

/// A Bundle that a node holds as a record is one again where its export is imported.
#[test]
fn a_container_that_is_a_record_stays_one_in_an_export() {
    let source = clinic();
    let document = json!({"resourceType": "Bundle", "id": OTHER, "type": "collection", "entry": [{"resource": {"resourceType": "Patient", "id": UUID}}]});
    update(&source, "Bundle", OTHER, document).expect("stored");
    let export = |clinic: &Clinic| {
        let mut out = Vec::new();
        let operator = caller("operator");
        clinic
            .record_export(&operator, &mut out, &mut |_, _| {})
            .expect("exported");
        let lines = String::from_utf8(out).expect("text");
        let strip = |line: &str| {
            let mut json = parsed(line);
            chaski_store::strip(&mut json);
            json.canonical()
        };
        lines.lines().map(strip).collect::<Vec<_>>()
    };
    let lines = export(&source).join("\n");
    let fresh = clinic();
    let report = plain(&fresh, &[&lines]);
    assert_eq!(report.kinds.keys().collect::<Vec<_>>(), ["Bundle"], "{report:?}");
    assert_eq!(export(&fresh), export(&source));
    let held = read(&fresh, &format!("Bundle/{OTHER}"));
    assert!(!held.canonical().contains("stored-whole"));
}

/// Two doses that are alike to the letter are two, and stay two.
#[test]
fn equal_records_without_ids_are_as_many_as_there_are() {
    let dose = r#"{"resourceType":"MedicationAdministration","status":"completed","medicationCodeableConcept":{"text":"Morphine 2 mg"},"subject":{"display":"x"},"effectiveDateTime":"2026-11-28"}"#;
    let lines = |count: usize| vec![dose; count].join("\n");
    let entries = |count: usize| bundle("collection", vec![json!({"resource": (parsed(dose))}); count]);
    let clinic = clinic();
    for (file, new, before) in [
        (lines(2), 2, 0),
        (lines(2), 0, 2),
        (entries(2), 0, 2),
        (entries(3), 1, 2),
        (lines(1), 0, 1),
    ] {
        let report = plain(&clinic, &[&file]);
        assert_eq!(
            (report.created, report.unchanged),
            (new, before),
            "{file}: {report:?}"
        );
    }
    // The same file twice in one run is the same file.
    let fresh = crate::testing::clinic();
    let report = plain(&fresh, &[&lines(2), &lines(2)]);
    assert_eq!((report.created, report.unchanged), (2, 2), "{report:?}");
}

/// A line costs a line, and a mark before the first costs nothing.
#[test]
fn a_broken_first_line_costs_itself() {
    let good = |id: &str| format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#);
    let (one, two) = (good(UUID), good(OTHER));
    let cut = &one[..20];
    let tail = &one[20..];
    for (file, created, refused) in [
        (format!("{cut}\n{one}\n{two}\n"), 2, 1),
        (format!("{tail}\n{one}\n{two}"), 2, 1),
        (format!("\n\n{cut}\n{one}\n{cut}\n{two}"), 2, 2),
        (format!("\u{feff}{one}\n{two}\n"), 2, 0),
        (format!("\u{feff}\n{one}\n"), 1, 0),
        (
            format!("\u{feff}{{\n\"resourceType\":\"Patient\",\n\"id\":\"{UUID}\"}}"),
            1,
            0,
        ),
        (format!("{one}\n{cut}"), 1, 1),
    ] {
        let report = plain(&clinic(), &[&file]);
        assert_eq!(
            (report.created, report.refused),
            (created, refused),
            "{file:?}: {report:?}"
        );
    }
    let clinic = clinic();
    let operator = caller(Role::Operator.name());
    for (file, word) in [
        (b"\xff\xfe{\0}\0".to_vec(), "UTF-16"),
        (b"{\n\"resourceType\": \"Patient\",\n\"id\" 7}".to_vec(), "line 3"),
    ] {
        let session = clinic.record_import(&operator, ImportOptions::default());
        let failed = session
            .expect("allowed")
            .file("f", &mut file.as_slice(), &mut |_| {});
        let Err(ImportError::Format { reason, .. }) = failed else {
            panic!("{failed:?}");
        };
        assert!(reason.contains(word), "{reason}");
    }
}

/// Each limit is told with its number.
#[test]
fn what_is_too_large_is_refused_with_the_limit() {
    let note = json!({"text": ("n".repeat(1_000_000))});
    let large = json!({"resourceType": "Observation", "id": OTHER, "status": "final", "code": {"text": "x"},
        "note": (Json::Array(vec![note; 9]))});
    let (report, notes) = told(&clinic(), &ImportOptions::default(), &[&large.canonical()]);
    assert_eq!(report.refused, 1);
    assert!(
        notes[0].reason.contains("8 MiB") && notes[0].reason.contains("url"),
        "{}",
        notes[0].reason
    );
    let put = update(&clinic(), "Observation", OTHER, large);
    let text = put.expect_err("too large").to_string();
    assert!(text.contains("8 MiB") && text.contains("url"), "{text}");
}
