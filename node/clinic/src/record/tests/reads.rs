//! What a read answers: of which record, how many at a time, and what is left out only if that was asked for.

use super::*;

fn pairs(text: &str) -> Vec<(String, String)> {
    crate::text::query_pairs(text).expect("pairs")
}

#[test]
fn a_page_has_as_many_records_as_were_asked_for_and_never_more_than_five_hundred() {
    let clinic = clinic();
    let first = patient(&clinic);
    for _ in 0..52 {
        patient(&clinic);
    }
    for (text, count) in [
        ("", 50),
        ("_count=0", 0),
        ("_count=1", 1),
        ("_count=500", 500),
        ("_count=501", 500),
        ("_count=1000000", 500),
        ("_summary=count", 0),
        ("_summary=count&_count=7", 0),
    ] {
        let query = clinic.record_query("Patient", &pairs(text), SearchOptions::default());
        assert_eq!(query.expect("a query").count, Some(count), "{text}");
    }
    let of = |of: HistoryOf, count: Option<u32>, cursor: Option<&str>| {
        let page = clinic.record_history(&clinician(), &of, None, cursor, count);
        page.expect("a history")
    };
    for (count, rows) in [(None, 50), (Some(1), 1), (Some(52), 52), (Some(100), 53)] {
        for all in [HistoryOf::Kind("Patient".to_owned()), HistoryOf::All] {
            let page = of(all.clone(), count, None);
            assert_eq!((page.entries.len(), page.next.is_some()), (rows, rows < 53));
            let Some(next) = page.next else { continue };
            let more = of(all, Some(500), Some(&next));
            assert_eq!(rows + more.entries.len(), 53);
        }
    }
    let key = key(&format!("Patient/{first}"));
    assert_eq!(of(HistoryOf::Record(key.clone()), None, None).entries.len(), 1);
    // Since a moment: what came then or later.
    let at = clinic
        .record_read(&clinician(), &key)
        .expect("the record")
        .last_updated_ms;
    for (since, is_told) in [(0, true), (at, true), (at + 3_600_000, false)] {
        let of = HistoryOf::Record(key.clone());
        let page = clinic.record_history(&clinician(), &of, Some(since), None, None);
        assert_eq!(page.expect("a history").entries.len(), usize::from(is_told));
    }
    let never = HistoryOf::Record(self::key(&format!("Patient/{UUID}")));
    let missing = clinic.record_history(&clinician(), &never, None, None, None);
    assert!(matches!(missing, Err(RecordError::NotFound(_))), "{missing:?}");
    let kind = HistoryOf::Kind("Patients".to_owned());
    let unknown = clinic.record_history(&clinician(), &kind, None, None, None);
    assert!(matches!(unknown, Err(RecordError::UnknownKind(_))), "{unknown:?}");
    let none = of(HistoryOf::Kind("Device".to_owned()), None, None);
    assert!(none.entries.is_empty());
}

#[test]
fn what_is_not_understood_is_left_out_of_a_search_only_for_who_wants_it_so() {
    let clinic = clinic();
    for lenient in [true, false] {
        let options = SearchOptions {
            lenient,
            ..SearchOptions::default()
        };
        for (text, is_known) in [("name=rosa", true), ("name=rosa&shoe-size=42", false)] {
            let query = clinic.record_query("Patient", &pairs(text), options);
            assert_eq!(query.is_ok(), is_known || lenient, "{text} {lenient}");
            let Ok(query) = query else { continue };
            assert_eq!(query.filters.len(), 1, "{text}");
        }
        let unknown = clinic.record_query("Patients", &[], options);
        assert!(matches!(unknown, Err(RecordError::UnknownKind(_))));
    }
}

#[test]
fn a_reference_below_an_address_of_this_node_is_to_a_record_here() {
    let clinic = clinic_with(Settings {
        base_urls: vec!["https://clinic.example/fhir".to_owned()],
        ..Settings::default()
    });
    let id = patient(&clinic);
    put(
        &clinic,
        json!({"resourceType": "Condition", "subject": {"reference": format!("Patient/{id}")}, "code": {"text": "x"}}),
    );
    let own = Some("http://10.0.0.7/fhir");
    for (base, base_url, rows) in [
        ("", None, 1),
        ("https://clinic.example/fhir/", None, 1),
        ("https://clinic.example/fhir/", own, 1),
        ("http://10.0.0.7/fhir/", own, 1),
        ("http://10.0.0.7/fhir/", None, 0),
        ("https://elsewhere.example/fhir/", own, 0),
    ] {
        let options = SearchOptions {
            base_url,
            ..SearchOptions::default()
        };
        let wanted = [("subject".to_owned(), format!("{base}Patient/{id}"))];
        let found = clinic
            .record_query("Condition", &wanted, options)
            .and_then(|query| clinic.record_search(&clinician(), &query))
            .map_or(0, |page| page.entries.len());
        assert_eq!(found, rows, "{base} reached at {base_url:?}");
    }
}

#[test]
fn a_version_is_read_as_it_was_and_one_that_deleted_says_so() {
    let clinic = clinic();
    let id = patient(&clinic);
    let key = key(&format!("Patient/{id}"));
    let first = clinic.record_read(&clinician(), &key).expect("the record");
    let mut json = first.json.clone();
    crate::fhir_json::set(&mut json, "gender", Json::from("other"));
    let second = update(&clinic, "Patient", &id, json).expect("written");
    let gone = clinic.record_delete(&clinician(), &key, None).expect("deleted");
    for (version, gender) in [
        (first.version.to_string(), Some("female")),
        (second.version.to_string(), Some("other")),
        (gone.version.to_string(), None),
    ] {
        let read = clinic.record_vread(&clinician(), &key, &version);
        match (read, gender) {
            (Ok(read), Some(gender)) => {
                assert_eq!(crate::fhir_json::text(&read.json, "gender"), gender);
                assert_eq!(read.version.to_string(), version);
            }
            (Err(RecordError::Gone { version: told, .. }), None) => assert_eq!(told, version),
            (read, _) => panic!("{version}: {read:?}"),
        }
    }
    let other = self::key(&format!("Patient/{}", patient(&clinic)));
    let of_another = clinic.record_vread(&clinician(), &other, &first.version.to_string());
    assert!(
        matches!(of_another, Err(RecordError::VersionNotFound(_))),
        "{of_another:?}"
    );
    for version in ["", "1", "not a version"] {
        let read = clinic.record_vread(&clinician(), &key, version);
        assert!(
            matches!(read, Err(RecordError::VersionNotFound(_))),
            "{version}: {read:?}"
        );
    }
}

/// What an entry was answered with, in a word and a number.
fn answer(outcome: &Result<EntryOutcome, RecordError>) -> (&'static str, usize) {
    match outcome {
        Ok(EntryOutcome::Read(_)) => ("read", 1),
        Ok(EntryOutcome::Version(_)) => ("version", 1),
        Ok(EntryOutcome::History(page)) => ("history", page.entries.len()),
        Ok(EntryOutcome::Search(_, page)) => ("search", page.entries.len()),
        Ok(EntryOutcome::Written(_)) => ("written", 1),
        Ok(EntryOutcome::Deleted(written)) => ("deleted", usize::from(written.is_some())),
        Err(RecordError::NotFound(_)) => ("not found", 0),
        Err(RecordError::Gone { .. }) => ("gone", 0),
        Err(_) => ("refused", 0),
    }
}

#[test]
fn each_entry_of_a_bundle_is_answered_with_what_it_asked_for_and_sees_what_was_written() {
    for (bundle, is_later) in [("batch", true), ("transaction", true), ("transaction", false)] {
        let clinic = clinic();
        let id = patient(&clinic);
        let version = clinic
            .record_read(&clinician(), &key(&format!("Patient/{id}")))
            .expect("the record")
            .version;
        let reads = [
            (format!("Patient/{id}"), ("read", 1)),
            (format!("/Patient/{id}/"), ("read", 1)),
            (format!("Patient/{id}/_history"), ("history", 1)),
            (format!("Patient/{id}/_history/{version}"), ("version", 1)),
            ("Patient/_history".to_owned(), ("history", 3)),
            ("Patient?gender=male".to_owned(), ("search", 1)),
            ("Patient?gender=female".to_owned(), ("search", 1)),
            ("Patient".to_owned(), ("search", 2)),
            ("Patient/_search?gender=male".to_owned(), ("search", 1)),
            (format!("Patient/{UUID}"), ("not found", 0)),
            (format!("Patient/{UUID}/_history"), ("not found", 0)),
        ];
        for method in ["GET", "HEAD"] {
            let clinic = clinic.clone();
            let asked = reads
                .iter()
                .map(|(url, _)| json!({"request": {"method": method, "url": url.as_str()}}));
            let made = json!({"request": {"method": "POST", "url": "Patient"},
                "resource": {"resourceType": "Patient", "gender": "male"}});
            let nothing = json!({"request": {"method": "DELETE", "url": format!("Patient/{UUID}")}});
            let mut entries: Vec<Json> = asked.collect();
            let place = if is_later { 0 } else { entries.len() };
            if method == "GET" {
                let gone = put(&clinic, json!({"resourceType": "Patient", "gender": "other"}));
                entries.insert(place, made);
                entries.insert(place + 1, nothing);
                entries.insert(
                    place + 2,
                    json!({"request": {"method": "DELETE", "url": format!("Patient/{gone}")}}),
                );
            }
            let bundle_json =
                json!({"resourceType": "Bundle", "type": bundle, "entry": Json::Array(entries)});
            let done = clinic
                .bundle_process(&clinician(), bundle_json)
                .expect("processed");
            let mut answers: Vec<(&str, usize)> = done.entries.iter().map(answer).collect();
            if method == "GET" {
                let wrote: Vec<_> = answers.drain(place..place + 3).collect();
                assert_eq!(
                    wrote,
                    [("written", 1), ("deleted", 0), ("deleted", 1)],
                    "{bundle}"
                );
            }
            for ((url, expected), found) in reads.iter().zip(answers) {
                // The deleted one left two versions.
                let expected = match url.as_str() {
                    "Patient/_history" => ("history", 4),
                    _ => *expected,
                };
                assert_eq!(found, expected, "{bundle} {method} {url}");
            }
        }
    }
}

#[test]
fn a_condition_looks_at_all_that_meets_it_whatever_else_it_asks_for() {
    let clinic = clinic();
    for gender in ["male", "female"] {
        put(
            &clinic,
            json!({"resourceType": "Patient", "gender": gender, "identifier": [{"system": "urn:n", "value": "2"}]}),
        );
    }
    for more in ["", "&_count=1", "&_count=0", "&_sort=gender", "&_summary=count"] {
        for start in ["", "?", "Patient?"] {
            let query = format!("{start}identifier=urn:n|2{more}");
            let options = CreateOptions {
                if_none_exist: Some(query.clone()),
            };
            let body = json!({"resourceType": "Patient"});
            let made = clinic.record_create(&clinician(), body.clone(), &options);
            assert!(
                matches!(made, Err(RecordError::MultipleMatches(_))),
                "{query}: {made:?}"
            );
            let options = UpdateOptions::default();
            let made = clinic.record_update_where(&clinician(), "Patient", &query, body, &options);
            assert!(
                matches!(made, Err(RecordError::MultipleMatches(_))),
                "{query}: {made:?}"
            );
            let gone = clinic.record_delete_where(&clinician(), "Patient", &query, None);
            assert!(
                matches!(gone, Err(RecordError::MultipleMatches(_))),
                "{query}: {gone:?}"
            );
        }
    }
    assert_eq!(clinic.store().stats().expect("stats").records, 2);
}

#[test]
fn what_keeps_a_record_out_is_told_by_its_place_and_never_by_what_it_says() {
    let clinic = clinic();
    let valid = json!({"resourceType": "Patient", "gender": "male"});
    let one = json!({"resourceType": "Patient", "gender": 17, "name": [{"family": "Qoylluriti"}]});
    let two = json!({"resourceType": "Patient", "gender": 17, "birthDate": "Qoylluriti"});
    for (json, errors) in [(&valid, 0), (&one, 1), (&two, 2)] {
        let issues = clinic.record_validate(&clinician(), json).expect("checked");
        let found = issues
            .iter()
            .filter(|issue| issue.severity == chaski_fhir::validate::Severity::Error);
        assert_eq!(found.count(), errors, "{issues:?}");
        assert_eq!(
            clinic.store().stats().expect("stats").records,
            0,
            "checked, not stored"
        );
    }
    for (json, more) in [(one, ""), (two, " (and 1 more)")] {
        let refused = clinic.record_create(&clinician(), json, &CreateOptions::default());
        let Err(RecordError::Invalid { kind, .. }) = &refused else {
            panic!("{refused:?}");
        };
        assert_eq!(kind, "Patient");
        let told = refused.expect_err("refused").to_string();
        assert!(told.starts_with("the Patient is not valid: Patient."), "{told}");
        assert!(
            told.ends_with(more) && (!more.is_empty() || !told.contains("more)")),
            "{told}"
        );
        assert!(!told.contains("Qoylluriti"), "{told}");
    }
    for (json, is_it) in [
        (json!({"gender": "male"}), "not a FHIR resource"),
        (json!("Patient"), "not a FHIR resource"),
        (json!({"resourceType": "Patients"}), "not a resource type"),
    ] {
        let told = clinic.record_validate(&clinician(), &json).expect_err("refused");
        assert!(told.to_string().contains(is_it), "{told}");
        let told = clinic.record_create(&clinician(), json, &CreateOptions::default());
        assert!(told.expect_err("refused").to_string().contains(is_it));
    }
}
