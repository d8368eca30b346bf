//! A write is of the record that its address names, and of no other: neither of another kind, nor of
//! another patient, nor of whichever there happens to be.

use super::*;
use crate::record::prepare::derived_key;

const BUNDLES: [&str; 2] = ["batch", "transaction"];

fn said(kind: &str, number: &str, word: &str) -> Json {
    let identifier = json!([{"system": "urn:n", "value": number}]);
    match kind {
        "Patient" => json!({"resourceType": "Patient", "gender": word, "identifier": identifier}),
        _ => json!({"resourceType": kind, "name": word, "identifier": identifier}),
    }
}

fn with_id(mut json: Json, id: Json) -> Json {
    crate::fhir_json::set(&mut json, "id", id);
    json
}

/// What became of the only entry of a bundle.
fn one_entry(
    clinic: &Clinic,
    role: &str,
    bundle: &str,
    method: &str,
    url: &str,
    resource: Option<Json>,
) -> Result<EntryOutcome, RecordError> {
    let mut entry = json!({"request": {"method": method, "url": url}});
    if let Some(resource) = resource {
        crate::fhir_json::set(&mut entry, "resource", resource);
    }
    process(clinic, role, bundle, entry)
}

fn process(clinic: &Clinic, role: &str, bundle: &str, entry: Json) -> Result<EntryOutcome, RecordError> {
    let bundle = json!({"resourceType": "Bundle", "type": bundle, "entry": [(entry)]});
    match clinic.bundle_process(&caller(role), bundle) {
        Ok(mut done) => done.entries.remove(0),
        Err(RecordError::Entry { source, .. }) => Err(*source),
        Err(other) => Err(other),
    }
}

fn records(clinic: &Clinic) -> u64 {
    clinic.store().stats().expect("stats").records
}

#[test]
fn a_bundle_sent_twice_makes_each_record_once() {
    for kind in ["Patient", "Organization"] {
        for bundle in BUNDLES {
            let clinic = clinic();
            let send = |word: &str| {
                let entry = json!({"resource": (said(kind, "7", word)),
                    "request": {"method": "POST", "url": kind, "ifNoneExist": "identifier=urn:n|7"}});
                match process(&clinic, "clinician", bundle, entry) {
                    Ok(EntryOutcome::Written(written)) => written,
                    other => panic!("{other:?}"),
                }
            };
            let (first, second) = (send("male"), send("female"));
            assert!(first.created && !second.created, "{kind} {bundle}");
            assert_eq!(first.key, second.key);
            assert_eq!(records(&clinic), 1, "{kind} {bundle}");
            let kept = read(&clinic, &first.key.to_string()).canonical();
            assert!(kept.contains("\"male\""), "what was there stays as it was");
        }
    }
}

#[test]
fn a_body_of_one_kind_is_not_written_under_the_address_of_another() {
    let by_id = format!("Organization/{UUID}");
    let by_number = "Organization?identifier=urn:n|7";
    for role in ["clinician", "administrator"] {
        let clinic = clinic();
        // An organization of that number, and then none.
        for is_there in [false, true] {
            if is_there {
                put(&clinic, said("Organization", "7", "Post"));
            }
            let before = records(&clinic);
            let is_refused = |done: Result<(), RecordError>, what: &str| {
                assert!(
                    matches!(&done, Err(RecordError::KeyMismatch { .. })),
                    "{role} {what}: {done:?}"
                );
                assert_eq!(records(&clinic), before, "{role} {what}");
            };
            let free = || said("Patient", "7", "male");
            let named = || with_id(free(), Json::from(UUID));
            for bundle in BUNDLES {
                for (method, url, body) in [
                    ("POST", "Organization", free()),
                    ("PUT", by_id.as_str(), named()),
                    ("PUT", by_id.as_str(), free()),
                    ("PUT", by_number, free()),
                    ("PUT", by_number, named()),
                ] {
                    let done = one_entry(&clinic, role, bundle, method, url, Some(body));
                    is_refused(done.map(|_| ()), &format!("{bundle} {method} {url}"));
                }
            }
            let options = UpdateOptions::default();
            for body in [free(), named()] {
                let done = clinic.record_update(&caller(role), "Organization", UUID, body.clone(), &options);
                is_refused(done.map(|_| ()), "by id");
                let query = "identifier=urn:n|7";
                let done = clinic.record_update_where(&caller(role), "Organization", query, body, &options);
                is_refused(done.map(|_| ()), "by number");
            }
        }
    }
}

#[test]
fn the_body_of_one_patient_is_not_written_over_another() {
    let clinic = clinic();
    let one = put(&clinic, said("Patient", "1", "female"));
    let other = put(&clinic, said("Patient", "2", "male"));
    let before = read(&clinic, &format!("Patient/{one}")).canonical();
    let url = format!("Patient/{one}");
    let by_number = "Patient?identifier=urn:n|1";
    let options = UpdateOptions::default();
    let whole = read(&clinic, &format!("Patient/{other}"));
    let bodies = [
        (
            with_id(said("Patient", "2", "male"), Json::from(&other)),
            "mismatch",
        ),
        (whole, "mismatch"),
        (
            with_id(said("Patient", "2", "male"), Json::from(UUID)),
            "mismatch",
        ),
        (with_id(said("Patient", "2", "male"), Json::from("")), "mismatch"),
        (with_id(said("Patient", "2", "male"), parsed("17")), "mismatch"),
        (said("Patient", "2", "male"), "no id"),
    ];
    for (body, what) in bodies {
        let by_id = [
            update(&clinic, "Patient", &one, body.clone()).map(|_| ()),
            one_entry(&clinic, "clinician", "batch", "PUT", &url, Some(body.clone())).map(|_| ()),
            one_entry(
                &clinic,
                "clinician",
                "transaction",
                "PUT",
                &url,
                Some(body.clone()),
            )
            .map(|_| ()),
        ];
        for done in by_id {
            let is_it = match what {
                "no id" => matches!(done, Err(RecordError::IdMissing { .. })),
                _ => matches!(done, Err(RecordError::KeyMismatch { .. })),
            };
            assert!(is_it, "{body:?}: {done:?}");
        }
        // Found by its number it may leave its id out, but not bear another's.
        if crate::record::prepare::id_of(&body).is_some() {
            let query = "identifier=urn:n|1";
            let found = [
                clinic
                    .record_update_where(&clinician(), "Patient", query, body.clone(), &options)
                    .map(|_| ()),
                one_entry(
                    &clinic,
                    "clinician",
                    "batch",
                    "PUT",
                    by_number,
                    Some(body.clone()),
                )
                .map(|_| ()),
                one_entry(
                    &clinic,
                    "clinician",
                    "transaction",
                    "PUT",
                    by_number,
                    Some(body.clone()),
                )
                .map(|_| ()),
            ];
            for done in found {
                assert!(
                    matches!(done, Err(RecordError::KeyMismatch { .. })),
                    "{body:?}: {done:?}"
                );
            }
        }
        assert_eq!(read(&clinic, &format!("Patient/{one}")).canonical(), before);
    }
}

#[test]
fn a_condition_that_asks_for_nothing_is_not_met_by_whatever_there_is() {
    let is_refused = |done: Result<(), RecordError>, what: &str| {
        assert!(
            matches!(&done, Err(RecordError::MultipleMatches(_))),
            "{what}: {done:?}"
        );
    };
    for kind in ["Patient", "Organization"] {
        for is_there in [false, true] {
            let clinic = clinic();
            if is_there {
                put(&clinic, said(kind, "1", "male"));
            }
            let before = records(&clinic);
            let prefixed = format!("{kind}?");
            for query in [
                "",
                "?",
                prefixed.as_str(),
                "&",
                "_count=1",
                "?_count=1&_sort=_lastUpdated",
            ] {
                let body = || said(kind, "2", "female");
                let what = format!("{kind} {query:?}");
                let done = clinic.record_delete_where(&clinician(), kind, query, None);
                is_refused(done.map(|_| ()), &what);
                let options = UpdateOptions::default();
                let done = clinic.record_update_where(&clinician(), kind, query, body(), &options);
                is_refused(done.map(|_| ()), &what);
                let options = CreateOptions {
                    if_none_exist: Some(query.to_owned()),
                };
                let done = clinic.record_create(&clinician(), body(), &options);
                is_refused(done.map(|_| ()), &what);
                for bundle in BUNDLES {
                    let url = format!(
                        "{kind}?{}",
                        query.trim_start_matches(&prefixed).trim_start_matches('?')
                    );
                    let done = one_entry(&clinic, "clinician", bundle, "DELETE", &url, None);
                    is_refused(done.map(|_| ()), &format!("{bundle} DELETE {url}"));
                    let done = one_entry(&clinic, "clinician", bundle, "PUT", &url, Some(body()));
                    is_refused(done.map(|_| ()), &format!("{bundle} PUT {url}"));
                    let entry = json!({"resource": (body()),
                        "request": {"method": "POST", "url": kind, "ifNoneExist": query}});
                    let done = process(&clinic, "clinician", bundle, entry);
                    is_refused(done.map(|_| ()), &format!("{bundle} POST {query}"));
                }
                assert_eq!(records(&clinic), before, "{what}");
            }
            let found = clinic.find(&clinician(), kind, &[]).expect("found");
            assert_eq!(found.len(), usize::from(is_there), "nothing was deleted");
        }
    }
}

/// The id that each door gives a record made on the condition that nobody has its number, at a site
/// that has made `earlier` records before.
fn ids_at_a_site(kind: &str, earlier: usize, word: &str) -> Vec<String> {
    type Door = fn(&Clinic, &str, Json) -> String;
    const QUERY: &str = "identifier=urn:n|7";
    fn in_bundle(clinic: &Clinic, bundle: &str, kind: &str, json: Json) -> String {
        let entry = json!({"resource": json,
            "request": {"method": "POST", "url": kind, "ifNoneExist": QUERY}});
        match process(clinic, "clinician", bundle, entry) {
            Ok(EntryOutcome::Written(written)) => written.key.id().to_owned(),
            other => panic!("{other:?}"),
        }
    }
    let doors: [Door; 5] = [
        |clinic, _, json| {
            let options = CreateOptions {
                if_none_exist: Some(QUERY.to_owned()),
            };
            let made = clinic.record_create(&clinician(), json, &options);
            made.expect("made").key.id().to_owned()
        },
        |clinic, kind, json| {
            let made = clinic.record_update_where(&clinician(), kind, QUERY, json, &UpdateOptions::default());
            made.expect("made").key.id().to_owned()
        },
        |clinic, kind, json| in_bundle(clinic, "batch", kind, json),
        |clinic, kind, json| in_bundle(clinic, "transaction", kind, json),
        |clinic, kind, json| {
            let file = json!({"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": json,
                "request": {"method": "POST", "url": kind, "ifNoneExist": QUERY}}]});
            import(clinic, &ImportOptions::default(), &[&file.canonical()]);
            let found = clinic.find(&clinician(), kind, &[("identifier", "urn:n|7")]);
            found.expect("found")[0].key.id().to_owned()
        },
    ];
    doors
        .iter()
        .map(|door| {
            let clinic = clinic();
            for number in 0..earlier {
                put(&clinic, said("Location", &number.to_string(), "ward"));
            }
            door(&clinic, kind, said(kind, "7", word))
        })
        .collect()
}

#[test]
fn two_people_with_one_number_at_two_sites_stay_two() {
    let (one, other) = (
        ids_at_a_site("Patient", 0, "male"),
        ids_at_a_site("Patient", 3, "female"),
    );
    for (one, other) in one.iter().zip(&other) {
        assert_ne!(one, other, "two people became one record");
    }
    // What describes the service is one everywhere, through whichever door it came.
    let mut shared = ids_at_a_site("Organization", 0, "Post");
    shared.extend(ids_at_a_site("Organization", 3, "Post of Health"));
    assert!(shared.iter().all(|id| *id == shared[0]), "{shared:?}");
}

#[test]
fn only_a_whole_number_of_a_shared_record_decides_its_id() {
    let clinic = clinic();
    let whole = "identifier=urn:n|7";
    let rows = [
        ("Organization", whole, true),
        ("Practitioner", whole, true),
        ("Location", whole, true),
        ("Device", whole, true),
        ("Medication", whole, true),
        ("Patient", whole, false),
        ("Person", whole, false),
        ("RelatedPerson", whole, false),
        ("Encounter", whole, false),
        ("Observation", whole, false),
        ("Condition", whole, false),
        ("MedicationRequest", whole, false),
        ("AllergyIntolerance", whole, false),
        ("Organization", "identifier=7", false),
        ("Organization", "identifier=|7", false),
        ("Organization", "identifier=urn:n|", false),
        ("Organization", "identifier=urn:n|7,urn:n|8", false),
        ("Organization", "identifier:not=urn:n|7", false),
        ("Organization", "identifier=urn:n|7&name=post", false),
        ("Organization", "type=urn:n|7", false),
        ("Organization", "name=post", false),
    ];
    let mut ids = std::collections::BTreeSet::new();
    for (kind, query, decides) in rows {
        let condition = clinic.condition(kind, query).expect("a condition");
        let key = derived_key(&condition);
        assert_eq!(key.is_some(), decides, "{kind}?{query}");
        if let Some(key) = key {
            assert_eq!(key.kind(), kind);
            assert!(ids.insert(key.id().to_owned()), "two kinds, two records: {kind}");
        }
    }
    for query in ["identifier=urn:n|8", "identifier=urn:m|7"] {
        let key = derived_key(&clinic.condition("Organization", query).expect("a condition"));
        assert!(ids.insert(key.expect("a key").id().to_owned()), "{query}");
    }
}
