//! A search that ran out of time has seen a part: nobody takes that for all there is.

use super::*;
use crate::testing::clinic_without_search_time;

/// Ids in the order that a search looks at them.
fn id(number: usize) -> String {
    format!("0f2a7a52-9c1e-4b7e-8a43-0000000000{number:02}")
}

/// Six of a kind, of which the one in this place has the family name or name "Quispe".
fn six(kind: &str, place: usize) -> Clinic {
    let clinic = clinic_without_search_time();
    for number in 0..6 {
        let id = id(number);
        let name = if number == place { "Quispe" } else { "Mamani" };
        let json = match kind {
            "Patient" => json!({"resourceType": kind, "id": id.as_str(), "name": [{"family": name}]}),
            _ => json!({"resourceType": kind, "id": id.as_str(), "name": name}),
        };
        update(&clinic, kind, &id, json).expect("written");
    }
    clinic
}

const KINDS: [(&str, &str); 2] = [
    ("Patient", "family:exact=Quispe"),
    ("Organization", "name:exact=Quispe"),
];

#[test]
fn a_condition_that_ran_out_of_time_has_neither_found_one_nor_none() {
    for (kind, query) in KINDS {
        // Found at once, with the others not looked at; and not found yet.
        for place in [0, 1, 5] {
            let clinic = six(kind, place);
            let sum = || {
                clinic
                    .store()
                    .fingerprint(&chaski_store::ScopeFilter::all())
                    .expect("a sum")
            };
            let before = sum();
            let refused = |what: &str, done: Result<(), RecordError>| {
                assert!(
                    matches!(done, Err(RecordError::TooCostly)),
                    "{kind} {place} {what}: {done:?}"
                );
                assert_eq!(sum(), before, "{kind} {place} {what}");
            };
            let body = || json!({"resourceType": kind, "active": true});
            let options = CreateOptions {
                if_none_exist: Some(query.to_owned()),
            };
            let done = clinic.record_create(&clinician(), body(), &options);
            refused("create", done.map(|_| ()));
            let options = UpdateOptions::default();
            let done = clinic.record_update_where(&clinician(), kind, query, body(), &options);
            refused("update", done.map(|_| ()));
            let done = clinic.record_delete_where(&clinician(), kind, query, None);
            refused("delete", done.map(|_| ()));
            let about = format!("{kind}?{query}");
            let basic = json!({"resourceType": "Basic", "code": {"text": "x"},
                "subject": {"reference": about.as_str()}});
            let done = clinic.record_create(&clinician(), basic.clone(), &CreateOptions::default());
            refused("reference", done.map(|_| ()));
            for bundle in ["batch", "transaction"] {
                for (what, entry) in [
                    (
                        "create",
                        json!({"resource": (body()), "request": {"method": "POST", "url": kind, "ifNoneExist": query}}),
                    ),
                    (
                        "update",
                        json!({"resource": (body()), "request": {"method": "PUT", "url": about.as_str()}}),
                    ),
                    (
                        "delete",
                        json!({"request": {"method": "DELETE", "url": about.as_str()}}),
                    ),
                    (
                        "reference",
                        json!({"resource": (basic.clone()), "request": {"method": "POST", "url": "Basic"}}),
                    ),
                ] {
                    let bundle_json = json!({"resourceType": "Bundle", "type": bundle, "entry": [(entry)]});
                    let done = match clinic.bundle_process(&clinician(), bundle_json) {
                        Ok(mut done) => done.entries.remove(0).map(|_| ()),
                        Err(RecordError::Entry { source, .. }) => Err(*source),
                        Err(other) => Err(other),
                    };
                    refused(&format!("{bundle} {what}"), done);
                }
            }
            let mut file = json!({"resourceType": "Bundle", "type": "batch", "entry": [{"resource": (body()),
                "request": {"method": "POST", "url": kind, "ifNoneExist": query}}, {"resource": (basic)}]});
            crate::fhir_json::set(&mut file, "id", Json::from("file"));
            let report = import(&clinic, &ImportOptions::default(), &[&file.canonical()]);
            assert_eq!(
                (report.created, report.updated, report.refused),
                (0, 0, 2),
                "{report:?}"
            );
            assert_eq!(sum(), before, "{kind} {place} import");
        }
    }
}

#[test]
fn a_feature_is_given_all_that_there_is_or_nothing() {
    for place in [0, 1, 5] {
        let done = six("Patient", place).find(&clinician(), "Patient", &[("family:exact", "Quispe")]);
        assert!(matches!(done, Err(RecordError::TooCostly)), "{place}: {done:?}");
    }
    let clinic = clinic();
    for _ in 0..7 {
        patient(&clinic);
    }
    for count in ["1", "2", "6", "7", "8"] {
        let found = clinic.find(&clinician(), "Patient", &[("name", "quispe"), ("_count", count)]);
        let mut ids: Vec<String> = found
            .expect("found")
            .iter()
            .map(|one| one.key.id().to_owned())
            .collect();
        ids.dedup();
        assert_eq!(ids.len(), 7, "pages of {count}");
    }
}

fn search(clinic: &Clinic, text: &str, cursor: Option<String>) -> SearchPage {
    let pairs = crate::text::query_pairs(text).expect("pairs");
    let mut query = clinic
        .record_query("Patient", &pairs, SearchOptions::default())
        .expect("a query");
    query.cursor = cursor;
    clinic.record_search(&clinician(), &query).expect("a page")
}

#[test]
fn a_total_is_told_only_where_all_was_counted() {
    let clinic = clinic();
    for _ in 0..5 {
        patient(&clinic);
    }
    // What is asked for, how many come, whether there are more, and the total that is told.
    for (text, rows, has_more, total) in [
        ("", 5, false, Some(5)),
        ("_count=6", 5, false, Some(5)),
        ("_count=5", 5, false, Some(5)),
        ("_count=4", 4, true, None),
        ("_count=1", 1, true, None),
        ("_count=0", 0, false, Some(5)),
        ("_summary=count", 0, false, Some(5)),
        ("_count=2&_total=accurate", 2, true, Some(5)),
        ("name=mamani", 0, false, Some(0)),
        ("name=mamani&_count=0", 0, false, Some(0)),
        ("name=quispe&_count=3", 3, true, None),
        ("name=quispe&_count=3&_total=accurate", 3, true, Some(5)),
    ] {
        let page = search(&clinic, text, None);
        assert_eq!(
            (page.entries.len(), page.next.is_some(), page.total),
            (rows, has_more, total),
            "{text}"
        );
    }
    // The last page of several is not all there is.
    let first = search(&clinic, "_count=3", None);
    let last = search(&clinic, "_count=3", first.next);
    assert_eq!(
        (last.entries.len(), last.next.is_some(), last.total),
        (2, false, None)
    );
    // A page that ended for want of time is no total either, and says where it goes on.
    for place in [0, 5] {
        let page = search(&six("Patient", place), "family:exact=Quispe", None);
        assert!(page.partial && page.next.is_some(), "{place}");
        assert_eq!(page.total, None, "{place}");
    }
}
