//! What an update writes over and what it does not: by the version it was made from, the id it carries,
//! and the conflicts that stand open.

use chaski_store::{Refusal, VersionId};

use super::*;
use crate::record::write::refused;

fn version(clinic: &Clinic, id: &str) -> String {
    let read = clinic.record_read(&clinician(), &key(&format!("Patient/{id}")));
    read.expect("the record").version.to_string()
}

/// A patient of whom somebody wrote the gender since `first`; answers the id and the body of `first`.
fn written_since(clinic: &Clinic) -> (String, Json) {
    let id = put(clinic, json!({"resourceType": "Patient", "gender": "female"}));
    let first = read(clinic, &format!("Patient/{id}"));
    let mut second = first.clone();
    crate::fhir_json::set(&mut second, "gender", Json::from("other"));
    update(clinic, "Patient", &id, second).expect("written");
    (id, first)
}

#[test]
fn a_body_says_by_its_own_version_what_its_writer_had_read_where_a_merge_is_asked_for() {
    let lines = |clinic: &Clinic, id: &str| {
        let json = read(clinic, &format!("Patient/{id}"));
        let text = |name: &str| crate::fhir_json::text(&json, name).to_owned();
        (text("gender"), text("birthDate"))
    };
    // The version in the body, the version of the header, whether to merge; and the gender then, or that
    // it is refused.
    for (body, header, merge, gender) in [
        // PUT replaces: what its body was read at is asked only by who wants a merge.
        ("first", "", false, Some("female")),
        ("first", "", true, Some("other")),
        ("newest", "", true, Some("female")),
        ("newest", "", false, Some("female")),
        ("none", "", false, Some("female")),
        ("foreign", "", false, Some("female")),
        ("first", "*", false, Some("female")),
        ("none", "*", false, Some("female")),
        ("first", "newest", false, Some("female")),
        ("newest", "first", false, None),
        ("none", "first", true, Some("other")),
        ("newest", "first", true, Some("other")),
        ("first", "newest", true, Some("female")),
        ("first", "foreign", true, None),
        ("first", "foreign", false, None),
    ] {
        let clinic = clinic();
        let (id, first) = written_since(&clinic);
        let named = |which: &str| match which {
            "first" => crate::fhir_json::text(first.get("meta").expect("meta"), "versionId").to_owned(),
            "newest" => version(&clinic, &id),
            "foreign" => "000000000000".to_owned(),
            other => other.to_owned(),
        };
        let mut json = first.clone();
        crate::fhir_json::set(&mut json, "birthDate", Json::from("1980-05-04"));
        match body {
            "none" => drop(json.as_object_mut().expect("an object").remove("meta")),
            which => crate::fhir_json::set(&mut json, "meta", json!({"versionId": (named(which))})),
        }
        let options = UpdateOptions {
            if_match: (!header.is_empty()).then(|| named(header)),
            merge,
            ..UpdateOptions::default()
        };
        let said = format!("{body} under {header:?}, merge: {merge}");
        let done = clinic.record_update(&clinician(), "Patient", &id, json, &options);
        match gender {
            Some(gender) => {
                let written = done.unwrap_or_else(|error| panic!("{said}: {error}"));
                assert_eq!(written.version.to_string(), version(&clinic, &id));
                let expected = (gender.to_owned(), "1980-05-04".to_owned());
                assert_eq!(lines(&clinic, &id), expected, "{said}");
            }
            None => {
                assert!(matches!(done, Err(RecordError::Stale { .. })), "{said}: {done:?}");
                assert_eq!(lines(&clinic, &id), ("other".to_owned(), String::new()), "{said}");
            }
        }
    }
}

#[test]
fn an_open_conflict_is_not_decided_in_passing() {
    let clinic = clinic();
    let id = put(
        &clinic,
        json!({"resourceType": "Patient", "birthDate": "1980-01-01"}),
    );
    let first = read(&clinic, &format!("Patient/{id}"));
    let at_first = version(&clinic, &id);
    let write = |born: &str, marital: &str, options: &UpdateOptions| {
        let mut json = read(&clinic, &format!("Patient/{id}"));
        crate::fhir_json::set(&mut json, "birthDate", Json::from(born));
        crate::fhir_json::set(&mut json, "maritalStatus", json!({"text": marital}));
        clinic.record_update(&clinician(), "Patient", &id, json, options)
    };
    for born in ["1981-01-01", "1982-01-01"] {
        let mut json = first.clone();
        crate::fhir_json::set(&mut json, "birthDate", Json::from(born));
        let options = UpdateOptions {
            if_match: Some(at_first.clone()),
            merge: true,
            ..UpdateOptions::default()
        };
        let done = clinic.record_update(&clinician(), "Patient", &id, json, &options);
        done.expect("written");
    }
    let open = |clinic: &Clinic| {
        let read = clinic.record_read(&clinician(), &key(&format!("Patient/{id}")));
        read.expect("the record").conflicts
    };
    assert_eq!(open(&clinic), 1);
    // What says nothing of it is written, and it stays open.
    let shown = read(&clinic, &format!("Patient/{id}"));
    let shown = crate::fhir_json::text(&shown, "birthDate").to_owned();
    write(&shown, "married", &UpdateOptions::default()).expect("written");
    assert_eq!(open(&clinic), 1);
    let done = write("1990-01-01", "divorced", &UpdateOptions::default());
    let Err(RecordError::ConflictOpen { key: of, path }) = done else {
        panic!("{done:?}");
    };
    assert_eq!((of.id(), path.as_str()), (id.as_str(), "birthDate"));
    let now = read(&clinic, &format!("Patient/{id}"));
    let marital = now.pointer("/maritalStatus/text").and_then(Json::as_str);
    assert_eq!(marital, Some("married"), "nothing of a refused update is written");
    let decides = UpdateOptions {
        resolution: true,
        ..UpdateOptions::default()
    };
    write("1990-01-01", "divorced", &decides).expect("it says that it decides");
    assert_eq!(open(&clinic), 0);
    let now = read(&clinic, &format!("Patient/{id}"));
    assert_eq!(crate::fhir_json::text(&now, "birthDate"), "1990-01-01");
}

#[test]
fn an_id_that_means_something_else_elsewhere_is_taken_for_the_one_record_it_was_accepted_for() {
    let clinic = clinic();
    let accepted = |is_accepted: bool| UpdateOptions {
        accept_id: is_accepted,
        ..UpdateOptions::default()
    };
    let body = |id: &str| json!({"resourceType": "Patient", "id": id});
    for id in ["7", "8"] {
        let done = clinic.record_update(&clinician(), "Patient", id, body(id), &accepted(false));
        assert!(matches!(done, Err(RecordError::ForeignId(_))), "{done:?}");
        let done = clinic.record_update(&clinician(), "Patient", id, body(id), &accepted(true));
        assert!(done.expect("accepted").created);
    }
    let done = clinic.record_update(&clinician(), "Patient", "a_b", body("a_b"), &accepted(true));
    assert!(matches!(done, Err(RecordError::BadId)), "{done:?}");
}

#[test]
fn what_a_condition_does_not_find_is_made_under_its_own_id_if_that_is_one() {
    const OTHER: &str = "118f428e-34f6-4707-8009-5ad742f901e7";
    let query = "identifier=urn:n|7";
    // The body's id, whether foreign ids are accepted, and the id then, or that it is refused.
    for (id, accept_id, made) in [
        (Some(UUID), false, Ok(Some(UUID))),
        (None, false, Ok(None)),
        (Some("7"), false, Err("foreign")),
        (Some("7"), true, Ok(Some("7"))),
        (Some("a_b"), true, Err("bad")),
    ] {
        let clinic = clinic();
        let mut json = json!({"resourceType": "Patient", "gender": "male",
            "identifier": [{"system": "urn:n", "value": "7"}]});
        if let Some(id) = id {
            crate::fhir_json::set(&mut json, "id", Json::from(id));
        }
        let options = UpdateOptions {
            accept_id,
            ..UpdateOptions::default()
        };
        let send =
            |json: &Json| clinic.record_update_where(&clinician(), "Patient", query, json.clone(), &options);
        match (send(&json), made) {
            (Ok(written), Ok(wanted)) => {
                assert!(written.created);
                assert!(wanted.is_none_or(|id| id == written.key.id()), "{id:?}");
                // Sent again it is found, and its body must not be another's.
                let again = send(&json).expect("found");
                assert_eq!((&again.key, again.created), (&written.key, false), "{id:?}");
                let mut others = json.clone();
                crate::fhir_json::set(&mut others, "id", Json::from(OTHER));
                let refused = send(&others);
                assert!(
                    matches!(refused, Err(RecordError::KeyMismatch { .. })),
                    "{id:?}: {refused:?}"
                );
                let mut free = json.clone();
                free.as_object_mut().expect("an object").remove("id");
                crate::fhir_json::set(&mut free, "gender", Json::from("female"));
                let found = send(&free).expect("it is the one that was found");
                assert_eq!(found.key, written.key, "{id:?}");
                let gender = read(&clinic, &written.key.to_string());
                assert_eq!(crate::fhir_json::text(&gender, "gender"), "female");
            }
            (Err(RecordError::ForeignId(_)), Err("foreign")) | (Err(RecordError::BadId), Err("bad")) => {
                assert_eq!(clinic.store().stats().expect("stats").records, 0);
            }
            (done, _) => panic!("{id:?} {accept_id}: {done:?}"),
        }
    }
}

#[test]
fn each_refusal_of_the_store_is_told_as_what_it_is() {
    let of = || key(&format!("Patient/{UUID}"));
    let version = || {
        let clinic = clinic();
        let id = patient(&clinic);
        version(&clinic, &id).parse::<VersionId>().expect("a version")
    };
    type Is = fn(&RecordError) -> bool;
    let rows: Vec<(Refusal, Is)> = vec![
        (Refusal::NotFound, |error| {
            matches!(error, RecordError::NotFound(_))
        }),
        (Refusal::Exists, |error| matches!(error, RecordError::Exists(_))),
        (Refusal::Deleted, |error| {
            matches!(error, RecordError::Gone { .. })
        }),
        (
            Refusal::VersionMismatch { current: None },
            |error| matches!(error, RecordError::Stale { current, .. } if current.is_empty()),
        ),
        (
            Refusal::VersionMismatch {
                current: Some(version()),
            },
            |error| matches!(error, RecordError::Stale { current, .. } if !current.is_empty()),
        ),
        (Refusal::UnknownVersion, |error| {
            matches!(error, RecordError::VersionNotFound(_))
        }),
        (
            Refusal::Conflicted {
                path: "birthDate".to_owned(),
            },
            |error| matches!(error, RecordError::ConflictOpen { path, .. } if path == "birthDate"),
        ),
        (
            Refusal::MultipleMatches,
            |error| matches!(error, RecordError::MultipleMatches(kind) if kind == "Patient"),
        ),
        (
            Refusal::Matched,
            |error| matches!(error, RecordError::Matched(kind) if kind == "Patient"),
        ),
        (Refusal::TooLarge, |error| {
            matches!(error, RecordError::TooLarge(_))
        }),
        (
            Refusal::HistoryFull,
            |error| matches!(error, RecordError::Refused(text) if !text.is_empty()),
        ),
    ];
    for (refusal, is) in rows {
        let said = format!("{refusal:?}");
        let told = refused(Some(of()), refusal);
        assert!(is(&told), "{said}: {told:?}");
    }
    for refusal in [Refusal::MultipleMatches, Refusal::Matched, Refusal::NotFound] {
        let told = refused(None, refusal.clone());
        let is_it = match refusal {
            Refusal::MultipleMatches => matches!(told, RecordError::MultipleMatches(_)),
            Refusal::Matched => matches!(told, RecordError::Matched(_)),
            _ => matches!(told, RecordError::Refused(_)),
        };
        assert!(is_it, "{refusal:?}: {told:?}");
    }
}

#[test]
fn an_update_in_a_bundle_replaces_what_stands_and_goes_around_old_holes() {
    for bundle in ["batch", "transaction"] {
        let send = |clinic: &Clinic, id: &str, json: Json| {
            let url = format!("Patient/{id}");
            let bundle = json!({"resourceType": "Bundle", "type": bundle,
                "entry": [{"resource": json, "request": {"method": "PUT", "url": url.as_str()}}]});
            let mut done = clinic.bundle_process(&clinician(), bundle).expect("processed");
            done.entries.remove(0).map(|_| ())
        };
        let clinic = clinic();
        let (id, mut first) = written_since(&clinic);
        crate::fhir_json::set(&mut first, "birthDate", Json::from("1980-05-04"));
        send(&clinic, &id, first).expect("written");
        let now = read(&clinic, &format!("Patient/{id}"));
        assert_eq!(
            crate::fhir_json::text(&now, "gender"),
            "female",
            "{bundle}: what the body says stands"
        );
        assert_eq!(
            crate::fhir_json::text(&now, "birthDate"),
            "1980-05-04",
            "{bundle}"
        );

        // It arrived with a reference to what is not here.
        let hole = json!({"resourceType": "Patient", "id": UUID,
            "managingOrganization": {"reference": format!("Organization/{UUID}")}});
        let arrived = chaski_store::Write::Put {
            key: key(&format!("Patient/{UUID}")),
            json: hole.clone(),
            base: chaski_store::Base::Absent,
            resolution: false,
        };
        let done = clinic.store().commit(clinician().context(), vec![arrived]);
        done.expect("stored");
        let mut edited = hole.clone();
        crate::fhir_json::set(&mut edited, "gender", Json::from("male"));
        send(&clinic, UUID, edited.clone()).unwrap_or_else(|error| panic!("{bundle}: {error}"));
        let other = json!([{"reference": format!("Practitioner/{UUID}")}]);
        crate::fhir_json::set(&mut edited, "generalPractitioner", other);
        let refused = match clinic.bundle_process(
            &clinician(),
            json!({"resourceType": "Bundle", "type": bundle, "entry": [{"resource": edited,
                "request": {"method": "PUT", "url": format!("Patient/{UUID}")}}]}),
        ) {
            Ok(mut done) => done.entries.remove(0).map(|_| ()),
            Err(RecordError::Entry { source, .. }) => Err(*source),
            Err(other) => Err(other),
        };
        assert!(
            matches!(refused, Err(RecordError::ReferenceMissing { .. })),
            "{bundle}: a new hole is refused: {refused:?}"
        );
    }
}

#[test]
fn what_the_store_refuses_in_a_transaction_is_told_at_its_own_entry_and_nothing_is_written() {
    let clinic = clinic();
    let id = put(
        &clinic,
        json!({"resourceType": "Patient", "birthDate": "1980-01-01"}),
    );
    let first = read(&clinic, &format!("Patient/{id}"));
    for born in ["1981-01-01", "1982-01-01"] {
        let mut json = first.clone();
        crate::fhir_json::set(&mut json, "birthDate", Json::from(born));
        let options = UpdateOptions {
            if_match: first
                .pointer("/meta/versionId")
                .and_then(Json::as_str)
                .map(str::to_owned),
            merge: true,
            ..UpdateOptions::default()
        };
        let done = clinic.record_update(&clinician(), "Patient", &id, json, &options);
        done.expect("written");
    }
    let mut decides = read(&clinic, &format!("Patient/{id}"));
    crate::fhir_json::set(&mut decides, "birthDate", Json::from("1990-01-01"));
    let url = format!("Patient/{id}");
    let refused = json!({"resource": decides, "request": {"method": "PUT", "url": url.as_str()}});
    let read_one = json!({"request": {"method": "GET", "url": url.as_str()}});
    let nothing = json!({"request": {"method": "DELETE", "url": format!("Patient/{UUID}")}});
    let made = json!({"resource": {"resourceType": "Location", "name": "x"},
        "request": {"method": "POST", "url": "Location"}});
    let found = json!({"resource": {"resourceType": "Location", "name": "x"},
        "request": {"method": "POST", "url": "Location", "ifNoneExist": "name=y"}});
    for before in [
        vec![],
        vec![&read_one],
        vec![&nothing],
        vec![&made],
        vec![&read_one, &made, &nothing, &made],
        vec![&found, &found, &read_one],
    ] {
        let mut entries: Vec<Json> = before.into_iter().cloned().collect();
        let at = entries.len();
        entries.extend([refused.clone(), made.clone()]);
        let done = clinic.bundle_process(&clinician(), transaction(Json::Array(entries)));
        let Err(RecordError::Entry { index, source }) = done else {
            panic!("{done:?}");
        };
        assert_eq!(index, at);
        assert!(matches!(*source, RecordError::ConflictOpen { .. }), "{source:?}");
        assert_eq!(clinic.store().stats().expect("stats").records, 1);
    }
}
