//! Conditional writes: what a search found decides, also when others write meanwhile.

use super::*;

/// Runs `write` twice at once, with two bodies, and answers what both came to.
fn raced<T: Send>(write: impl Fn(&str) -> T + Sync) -> [T; 2] {
    let barrier = std::sync::Barrier::new(2);
    let one = |gender: &str| {
        barrier.wait();
        write(gender)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| one("female"));
        [one("male"), other.join().expect("no panic")]
    })
}

fn conditional_put(kind: &str, query: &str, resource: Json) -> Json {
    let url = format!("{kind}?{query}");
    json!({"resource": resource, "request": {"method": "PUT", "url": url.as_str()}})
}

/// A body of `kind` with this number, which says `word` somewhere.
fn said(kind: &str, number: &str, word: &str) -> Json {
    let identifier = json!([{"system": "urn:n", "value": number}]);
    match kind {
        "Patient" => json!({"resourceType": "Patient", "gender": word, "identifier": identifier}),
        _ => json!({"resourceType": kind, "name": word, "identifier": identifier}),
    }
}

#[test]
fn of_two_conditional_puts_that_find_nothing_neither_body_is_lost() {
    // Of the second kind the id derives from the condition.
    for kind in ["Patient", "Organization"] {
        let clinic = clinic();
        for number in 0..16 {
            let number = number.to_string();
            let query = format!("identifier=urn:n|{number}");
            let done = raced(|word| {
                let options = UpdateOptions::default();
                clinic.record_update_where(&clinician(), kind, &query, said(kind, &number, word), &options)
            });
            let done = done.map(|one| one.expect("written"));
            assert_eq!(done[0].key, done[1].key);
            assert_eq!(done.iter().filter(|one| one.created).count(), 1, "{done:?}");
            assert!(
                done.iter().all(|one| !one.unchanged),
                "a body was dropped: {done:?}"
            );
        }
    }
}

#[test]
fn of_two_transactions_with_a_conditional_put_neither_body_is_lost() {
    for kind in ["Patient", "Organization"] {
        for more in [0, 1] {
            let clinic = clinic();
            for number in 0..16 {
                let number = number.to_string();
                let query = format!("identifier=urn:n|{number}");
                let done = raced(|word| {
                    let mut entries = vec![conditional_put(kind, &query, said(kind, &number, word))];
                    let other = json!({"resource": {"resourceType": "Location", "name": "x"},
                        "request": {"method": "POST", "url": "Location"}});
                    entries.extend((0..more).map(|_| other.clone()));
                    written(
                        &clinic
                            .bundle_process(&clinician(), transaction(Json::Array(entries)))
                            .expect("processed"),
                    )
                });
                assert_eq!(done[0][0].key, done[1][0].key);
                assert!(
                    done.iter().all(|all| !all[0].unchanged),
                    "a body was dropped: {done:?}"
                );
                assert_eq!(done.iter().filter(|all| all[0].created).count(), 1, "{done:?}");
            }
        }
    }
}

#[test]
fn a_conditional_delete_deletes_what_matches_when_it_is_written() {
    let clinic = clinic();
    for number in 0..16 {
        let number = number.to_string();
        let id = put(&clinic, said("Patient", &number, "other"));
        let query = format!("identifier=urn:n|{number}");
        let version = read(&clinic, &format!("Patient/{id}"))
            .pointer("/meta/versionId")
            .and_then(Json::as_str)
            .map(str::to_owned);
        let barrier = std::sync::Barrier::new(2);
        let (deleted, moved) = std::thread::scope(|scope| {
            let delete = scope.spawn(|| {
                barrier.wait();
                clinic.record_delete_where(&clinician(), "Patient", &query, None)
            });
            let options = UpdateOptions {
                if_match: version.clone(),
                ..UpdateOptions::default()
            };
            barrier.wait();
            // From now on it has another number, and the condition is not about it.
            let mut json = said("Patient", "moved", "other");
            crate::fhir_json::set(&mut json, "id", Json::from(&id));
            let moved = clinic.record_update(&clinician(), "Patient", &id, json, &options);
            (delete.join().expect("no panic"), moved)
        });
        let deleted = deleted.expect("done");
        assert!(
            deleted.is_none() || moved.is_err(),
            "deleted though it matched no more: {deleted:?} {moved:?}"
        );
    }
}

#[test]
fn preconditions_of_conditional_writes_are_checked() {
    let clinic = clinic();
    let id = put(&clinic, said("Patient", "1", "other"));
    let stale = {
        let json = read(&clinic, &format!("Patient/{id}"));
        let version = json
            .pointer("/meta/versionId")
            .and_then(Json::as_str)
            .expect("a version");
        version.to_owned()
    };
    let mut json = said("Patient", "1", "female");
    crate::fhir_json::set(&mut json, "id", Json::from(&id));
    update(&clinic, "Patient", &id, json).expect("written");
    let named = UpdateOptions {
        if_match: Some(stale.clone()),
        ..UpdateOptions::default()
    };
    let none = "identifier=urn:n|none";
    let put = clinic.record_update_where(
        &clinician(),
        "Patient",
        none,
        said("Patient", "none", "male"),
        &named,
    );
    assert!(matches!(put, Err(RecordError::NoMatch(_))), "{put:?}");
    let deleted = clinic.record_delete_where(&clinician(), "Patient", none, Some(&stale));
    assert!(matches!(deleted, Err(RecordError::NoMatch(_))), "{deleted:?}");
    let one = "identifier=urn:n|1";
    let deleted = clinic.record_delete_where(&clinician(), "Patient", one, Some(&stale));
    assert!(matches!(deleted, Err(RecordError::Stale { .. })), "{deleted:?}");

    let tag = format!("W/\"{stale}\"");
    let delete = |query: &str| json!({"request": {"method": "DELETE", "url": (format!("Patient?{query}")), "ifMatch": tag.as_str()}});
    let absent = json!({"resource": (said("Patient", "1", "male")),
        "request": {"method": "PUT", "url": (format!("Patient?{one}")), "ifNoneMatch": "*"}});
    let mut body = said("Patient", "1", "male");
    crate::fhir_json::set(&mut body, "id", Json::from(&id));
    let absent_id = json!({"resource": (body), "request": {"method": "PUT", "url": (format!("Patient/{id}")), "ifNoneMatch": "*"}});
    let mut unmatched = conditional_put("Patient", none, said("Patient", "none", "male"));
    if let Some(request) = unmatched.get_mut("request") {
        crate::fhir_json::set(request, "ifMatch", Json::from(&tag));
    }
    for (entry, what) in [
        (delete(one), "stale"),
        (delete(none), "no match"),
        (absent, "exists"),
        (absent_id, "exists"),
        (unmatched, "no match"),
    ] {
        let is_it = |error: &RecordError| match what {
            "stale" => matches!(error, RecordError::Stale { .. }),
            "no match" => matches!(error, RecordError::NoMatch(_)),
            _ => matches!(error, RecordError::Exists(_)),
        };
        let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [(entry.clone())]});
        let result = clinic.bundle_process(&clinician(), batch).expect("processed");
        assert!(
            result.entries[0].as_ref().is_err_and(is_it),
            "{:?}",
            result.entries
        );
        let refused = clinic.bundle_process(&clinician(), transaction(Json::Array(vec![entry])));
        let is_refused = matches!(&refused, Err(RecordError::Entry { source, .. }) if is_it(source));
        assert!(is_refused, "{what}: {refused:?}");
    }
    let gender = read(&clinic, &format!("Patient/{id}"));
    assert_eq!(
        gender.get("gender").and_then(Json::as_str),
        Some("female"),
        "nothing was written"
    );
    // `ifNoneMatch` where there is none creates.
    let create = json!({"resource": (said("Patient", "2", "male")),
        "request": {"method": "PUT", "url": "Patient?identifier=urn:n|2", "ifNoneMatch": "*"}});
    let result = clinic.bundle_process(&clinician(), transaction(Json::Array(vec![create])));
    assert!(written(&result.expect("processed"))[0].created);
}

#[test]
fn a_condition_on_what_the_bundle_itself_writes_is_told_as_such() {
    let clinic = clinic();
    let resource = said("Patient", "7", "male");
    let entries = json!([
        {"resource": (resource.clone()), "request": {"method": "POST", "url": "Patient"}},
        {"resource": (resource), "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:n|7"}}
    ]);
    let refused = clinic.bundle_process(&clinician(), transaction(entries));
    let Err(RecordError::Entry { index: 1, source }) = refused else {
        panic!("{refused:?}");
    };
    let text = source.to_string();
    assert!(
        matches!(*source, RecordError::Bundle(_)) && text.contains("entry 0"),
        "{text}"
    );
    assert_eq!(clinic.store().stats().expect("stats").records, 0);
}

#[test]
fn one_condition_in_two_spellings_is_one() {
    let clinic = clinic();
    let entry = |condition: &str| {
        json!({"resource": (said("Patient", "7", "male")),
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": condition}})
    };
    let entries = json!([
        (entry("identifier=urn:n|7&gender=male")),
        (entry("?gender=male&identifier=urn%3An%7C7"))
    ]);
    let result = clinic
        .bundle_process(&clinician(), transaction(entries))
        .expect("processed");
    let all = written(&result);
    assert_eq!(all[0].key, all[1].key);
    assert!(all[0].created && !all[1].created);
    // An update has no such condition: what it carries is not read as one.
    let id = all[0].key.id();
    let mut json = said("Patient", "7", "female");
    crate::fhir_json::set(&mut json, "id", Json::from(id));
    let put = json!({"resource": (json), "request": {"method": "PUT", "url": (format!("Patient/{id}")),
        "ifNoneExist": "identifier=urn:n|7"}});
    let result = clinic.bundle_process(&clinician(), transaction(Json::Array(vec![put])));
    assert!(!written(&result.expect("processed"))[0].unchanged);
}
