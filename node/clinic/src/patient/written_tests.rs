//! What a registration and a change of phones write: each field in its place, and nothing else.

use super::*;
use crate::Clinic;
use crate::form::FormError;
use crate::form::Reason;
use crate::testing::registered;
use crate::testing::{clinic, clinician, parsed, put};
use chaski_json::Json;

const DRAFT: &str = "019b76da-a800-7000-8000-00000000c0de";

fn stored(clinic: &Clinic, id: &str) -> Json {
    let key = format!("Patient/{id}").parse().expect("a key");
    let mut json = clinic.record_read(&clinician(), &key).expect("the record").json;
    json.as_object_mut().expect("an object").remove("meta");
    json
}

#[test]
fn a_registration_is_written_as_this_and_nothing_else() {
    let whole = || RegistrationForm {
        given: " Rosa Elena ".to_owned(),
        family: "Quispe Mamani".to_owned(),
        name_local: "روزا".to_owned(),
        sex: "female".to_owned(),
        birth_date: "1980-05-04".to_owned(),
        deceased_date: "2025-12-31".to_owned(),
        phone: "+51 984 555 010".to_owned(),
        village: "Ollanta".to_owned(),
        mother_name: "Luz".to_owned(),
        identifier_value: "40118223".to_owned(),
        identifier_system: "urn:oid:1.2.3".to_owned(),
        draft_id: DRAFT.to_owned(),
        ..RegistrationForm::default()
    };
    let rows: Vec<(RegistrationForm, &str)> = vec![
        (
            whole(),
            r#""gender":"female","birthDate":"1980-05-04","deceasedDateTime":"2025-12-31",
            "name":[{"use":"official","given":["Rosa","Elena"],"family":"Quispe Mamani"},{"use":"usual","text":"روزا"}],
            "telecom":[{"system":"phone","value":"+51 984 555 010","use":"mobile"}],
            "address":[{"use":"home","city":"Ollanta"}],
            "extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName","valueString":"Luz"}],
            "identifier":[{"system":"urn:oid:1.2.3","value":"40118223"}]"#,
        ),
        (
            RegistrationForm {
                name_local: "روزا".to_owned(),
                sex: "other".to_owned(),
                age_years: "40".to_owned(),
                identifier_value: "7".to_owned(),
                draft_id: DRAFT.to_owned(),
                ..RegistrationForm::default()
            },
            r#""gender":"other","birthDate":"1986","name":[{"use":"official","text":"روزا"}],
            "_birthDate":{"extension":[{"url":"https://chaski.health/fhir/StructureDefinition/birth-date-estimated","valueBoolean":true}]},
            "identifier":[{"value":"7"}]"#,
        ),
        (
            RegistrationForm {
                family: "Quispe".to_owned(),
                sex: "unknown".to_owned(),
                identifier_system: "urn:n".to_owned(),
                draft_id: DRAFT.to_owned(),
                ..RegistrationForm::default()
            },
            r#""gender":"unknown","name":[{"use":"official","family":"Quispe"}]"#,
        ),
        (
            RegistrationForm {
                sex: "male".to_owned(),
                unidentified: true,
                temporary_label: " Man from the bus ".to_owned(),
                draft_id: DRAFT.to_owned(),
                ..RegistrationForm::default()
            },
            r#""gender":"male","name":[{"use":"temp","text":"Man from the bus"}]"#,
        ),
        (
            RegistrationForm {
                sex: "male".to_owned(),
                unidentified: true,
                label_word: " Unknown ".to_owned(),
                draft_id: DRAFT.to_owned(),
                ..RegistrationForm::default()
            },
            // The time is when the form was shown, and the end of its id tells two of one minute apart.
            r#""gender":"male","name":[{"use":"temp","text":"Unknown C0DE 2026-01-01 00:00 UTC"}]"#,
        ),
    ];
    for (form, members) in rows {
        let clinic = clinic();
        for _ in 0..2 {
            // Sent again it is the same, whatever the time is then.
            let done = clinic.patient_register(&clinician(), &form, Duplicates::Check);
            let done = done
                .map(registered)
                .unwrap_or_else(|error| panic!("{form:?}: {error}"));
            assert_eq!(done.id, DRAFT);
            let key = format!("Patient/{DRAFT}").parse().expect("a key");
            let read = clinic.record_read(&clinician(), &key).expect("the record");
            assert_eq!(done.version, read.version.to_string());
        }
        let wanted = parsed(&format!(
            r#"{{"resourceType":"Patient","id":"{DRAFT}","active":true,{members}}}"#
        ));
        assert_eq!(stored(&clinic, DRAFT).canonical(), wanted.canonical());
    }
}

/// A number to change, the new one, the phones then, or why it is refused.
type Change = (
    Option<&'static str>,
    &'static str,
    Result<String, (&'static str, Reason)>,
);

#[test]
fn a_change_of_phones_touches_the_number_it_names_and_no_other_way_to_reach_somebody() {
    let one = r#"{"system":"email","value":"555-0101"},{"system":"phone","value":"555-0101","use":"home","rank":1},
        {"system":"sms","value":"555-0102"}"#;
    let changed = |old: &str, new: &str| one.replace(old, new);
    let email = r#"{"system":"email","value":"555-0101"}"#;
    let sms = r#"{"system":"sms","value":"555-0102"}"#;
    let phone = r#"{"system":"phone","value":"555-0101","use":"home","rank":1}"#;
    let added = |number: &str| format!(r#"{one},{{"system":"phone","value":"{number}","use":"mobile"}}"#);
    let rows: Vec<Change> = vec![
        (
            Some("555-0101"),
            " 555-0199 ",
            Ok(changed(
                r#""phone","value":"555-0101""#,
                r#""phone","value":"555-0199""#,
            )),
        ),
        (Some("555-0102"), "555-0199", Ok(changed("555-0102", "555-0199"))),
        (Some("555-0101"), "555-0101", Ok(one.to_owned())),
        (Some("555-0101"), "", Ok(format!("{email},{sms}"))),
        (Some("555-0102"), "  ", Ok(format!("{email},{phone}"))),
        (None, "555-0199", Ok(added("555-0199"))),
        (None, "+51 (84) 555.01/9#x", Ok(added("+51 (84) 555.01/9#x"))),
        (None, "", Err(("phone", Reason::Required))),
        (None, "555-0101", Err(("phone", Reason::Duplicate))),
        (None, "555-0102", Err(("phone", Reason::Duplicate))),
        (Some("555-0101"), "555-0102", Err(("phone", Reason::Duplicate))),
        (Some("555-0777"), "555-0199", Err(("old_phone", Reason::Gone))),
        (Some("555-0777"), "", Err(("old_phone", Reason::Gone))),
        (None, "12", Err(("phone", Reason::Malformed))),
        (None, "call 555-0199", Err(("phone", Reason::Malformed))),
        (
            Some("555-0101"),
            "rosa@x.example",
            Err(("phone", Reason::Malformed)),
        ),
        (
            None,
            "123456789012345678901234567890123",
            Err(("phone", Reason::TooLong)),
        ),
    ];
    for (old, new, then) in rows {
        let clinic = clinic();
        let id = put(
            &clinic,
            parsed(&format!(r#"{{"resourceType":"Patient","telecom":[{one}]}}"#)),
        );
        let before = stored(&clinic, &id).canonical();
        let change = PhoneChange {
            patient: id.clone(),
            base_version: String::new(),
            old_phone: old.map(str::to_owned),
            phone: new.to_owned(),
        };
        let done = clinic.phone_change(&clinician(), &change);
        match (done, then) {
            (Ok(_), Ok(telecom)) => {
                let json = stored(&clinic, &id);
                let found = json.get("telecom").map(Json::canonical).unwrap_or_default();
                assert_eq!(
                    found,
                    parsed(&format!("[{telecom}]")).canonical(),
                    "{old:?} {new}"
                );
            }
            (Err(FormError::Invalid(errors)), Err(told)) => {
                let found: Vec<_> = errors.0.iter().map(|one| (one.field, one.reason)).collect();
                assert_eq!(found, [told], "{old:?} {new}");
                assert_eq!(stored(&clinic, &id).canonical(), before);
            }
            (done, _) => panic!("{old:?} {new}: {done:?}"),
        }
    }
}

#[test]
fn the_first_phone_makes_the_list_and_the_last_takes_it_away_and_twenty_are_enough() {
    let clinic = clinic();
    let id = put(&clinic, parsed(r#"{"resourceType":"Patient","gender":"male"}"#));
    let change = |old: Option<&str>, new: &str| {
        let change = PhoneChange {
            patient: id.clone(),
            base_version: String::new(),
            old_phone: old.map(str::to_owned),
            phone: new.to_owned(),
        };
        clinic.phone_change(&clinician(), &change)
    };
    change(None, "555-0100").expect("the first");
    change(Some("555-0100"), "").expect("and the last");
    assert!(stored(&clinic, &id).get("telecom").is_none());
    for number in 0..20 {
        change(None, &format!("555-02{number:02}")).expect("there is room");
    }
    let more = change(None, "555-0300");
    let Err(FormError::Invalid(errors)) = more else {
        panic!("{more:?}");
    };
    assert_eq!(
        (errors.0[0].field, errors.0[0].reason),
        ("phone", Reason::TooLong)
    );
    change(Some("555-0200"), "555-0300").expect("one for another");
    let row = clinic.patient_view(&clinician(), &id).expect("a row");
    assert_eq!(row.phones.len(), 20);
}

#[test]
fn one_box_finds_people_by_what_the_text_may_mean_and_by_nothing_else() {
    let clinic = clinic();
    for (name, members) in [
        (
            "rosa",
            r#""name":[{"given":["Rosa"],"family":"Quispe"}],"birthDate":"1980-05-04""#,
        ),
        (
            "luz",
            r#""name":[{"given":["Luz"],"family":"Quispe"}],"birthDate":"1990","telecom":[{"system":"phone","value":"1980"}]"#,
        ),
        (
            "card",
            r#""name":[{"family":"Condori"}],"identifier":[{"value":"1980"}]"#,
        ),
        (
            "mrn",
            r#""name":[{"family":"Mamani"}],"identifier":[{"value":"SR-412"}]"#,
        ),
        (
            "mail",
            r#""name":[{"family":"Flores"}],"telecom":[{"system":"email","value":"555-0199"}]"#,
        ),
        (
            "phone",
            r#""name":[{"family":"Huanca"}],"telecom":[{"system":"phone","value":"555-0199"}]"#,
        ),
        (
            "dead",
            r#""name":[{"given":["Rosa"],"family":"Huaman"}],"deceasedBoolean":true"#,
        ),
    ] {
        put(
            &clinic,
            parsed(&format!(
                r#"{{"resourceType":"Patient","address":[{{"city":"{name}"}}],{members}}}"#
            )),
        );
    }
    for (text, found) in [
        ("rosa", &["dead", "rosa"][..]),
        (" ROSA  quis ", &["rosa"]),
        ("quispe", &["luz", "rosa"]),
        ("quispe 1980", &["luz", "rosa"]),
        ("1990 quispe", &["luz"]),
        ("quispe 1970", &[]),
        ("1980", &["card", "luz", "rosa"]),
        ("1990", &["luz"]),
        ("SR-412", &["mrn"]),
        ("sr 412", &["mrn"]),
        ("412", &["mrn"]),
        ("0199", &["phone"]),
        ("555-0199", &["phone"]),
        ("12", &[]),
        ("", &["card", "dead", "luz", "mail", "mrn", "phone", "rosa"]),
        ("  ", &["card", "dead", "luz", "mail", "mrn", "phone", "rosa"]),
    ] {
        let page = clinic.patient_search(&clinician(), text, 100).expect("found");
        let mut names: Vec<&str> = page.rows.iter().map(|row| row.village.as_str()).collect();
        if text.trim().is_empty() {
            assert_eq!(names.first(), Some(&"phone"), "the newest who lives stands first");
        }
        names.sort_unstable();
        assert_eq!(names, found, "{text:?}");
        assert!(!page.more);
        let below = page.rows.iter().skip_while(|row| !row.deceased);
        assert!(below.clone().all(|row| row.deceased), "{text:?}");
        let is_meant = text.trim().is_empty() || text == "rosa";
        assert_eq!(below.count(), usize::from(is_meant), "{text:?}");
    }
    for id in ["no id", DRAFT] {
        assert!(clinic.patient_view(&clinician(), id).is_err());
    }
}
