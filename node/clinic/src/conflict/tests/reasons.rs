//! Who decides what a medicine's status is decides its reason too: no side's reason outlives its status.

use super::*;

/// A prescription, with these members in place of its own; `null` takes one away.
fn with(base: &Json, members: &str) -> Json {
    let mut json = base.clone();
    let members = parsed(members);
    for (name, value) in members.as_object().expect("an object").iter() {
        match value {
            Json::Null => drop(json.as_object_mut().expect("an object").remove(name)),
            value => crate::fhir_json::set(&mut json, name, value.clone()),
        }
    }
    json
}

fn said(json: &Json) -> (String, String, String) {
    let at = |pointer: &str| {
        let found = json.pointer(pointer).and_then(Json::as_str);
        found.unwrap_or_default().to_owned()
    };
    (
        at("/status"),
        at("/statusReason/text"),
        at("/dosageInstruction/0/text"),
    )
}

const GIVEN: &str = r#"{"status":"active"}"#;
const HELD: &str = r#"{"status":"on-hold","statusReason":{"text":"surgery"}}"#;
const STOPPED: &str = r#"{"status":"stopped","statusReason":{"text":"rash"}}"#;

#[test]
fn the_side_that_is_picked_leaves_nothing_of_the_others_reason() {
    // How it stood, and what two people made of it apart.
    for (start, here, there) in [
        (GIVEN, r#"{"dosageInstruction":[{"text":"10 mg"}]}"#, STOPPED),
        (GIVEN, HELD, STOPPED),
        (GIVEN, r#"{"status":"completed"}"#, STOPPED),
        (GIVEN, r#"{"status":"completed"}"#, HELD),
        (HELD, r#"{"status":"active","statusReason":null}"#, STOPPED),
        (HELD, r#"{"dosageInstruction":[{"text":"10 mg"}]}"#, STOPPED),
        (
            HELD,
            r#"{"dosageInstruction":[{"text":"10 mg"}]}"#,
            r#"{"status":"active","statusReason":null}"#,
        ),
        (STOPPED, r#"{"status":"active","statusReason":null}"#, HELD),
    ] {
        for sides in [[here, there], [there, here]] {
            for number in [1, 2] {
                let clinic = clinic();
                let base = parsed(&format!(
                    r#"{{"resourceType":"MedicationRequest","intent":"order","subject":{{"reference":"Patient/{}"}},
                    "medicationCodeableConcept":{{"text":"Morphine"}},"dosageInstruction":[{{"text":"5 mg"}}]}}"#,
                    patient(&clinic)
                ));
                let id = put(&clinic, with(&base, start));
                let key = RecordKey::new("MedicationRequest", &id).expect("a key");
                let read = clinic.record_read(&clinician(), &key).expect("the record");
                let wanted = sides.map(|side| said(&with(&read.json, side)));
                for side in sides {
                    let options = UpdateOptions {
                        if_match: Some(read.version.to_string()),
                        merge: true,
                        ..UpdateOptions::default()
                    };
                    let json = with(&read.json, side);
                    let done = clinic.record_update(&clinician(), "MedicationRequest", &id, json, &options);
                    done.expect("written");
                }
                let rows = clinic.conflict_view(&clinician(), &key).expect("rows");
                let group = rows.iter().find(|row| row.path == "!group/medication");
                let group = group.unwrap_or_else(|| panic!("{start} {sides:?}: {rows:?}"));
                let side = group.values[number - 1].value.as_ref().expect("a side");
                let (status, _, dose) = said(side);
                let pick = Choice::Pick(number);
                let version =
                    clinic.conflict_resolve(&clinician(), &key, &group.path, pick, Some(&group.version));
                let now = clinic.record_read(&clinician(), &key).expect("the record");
                assert_eq!(now.version.to_string(), version.expect("resolved").version);
                let (is_status, is_reason, is_dose) = said(&now.json);
                assert_eq!((&is_status, &is_dose), (&status, &dose), "{start} {sides:?}");
                let whole = (is_status, is_reason, is_dose);
                assert!(
                    wanted.contains(&whole),
                    "{start} {sides:?} {number}: {whole:?} is neither of {wanted:?}"
                );
                let left = clinic.conflict_view(&clinician(), &key).expect("rows");
                assert!(left.iter().all(|row| row.path != group.path), "{left:?}");
            }
        }
    }
}
