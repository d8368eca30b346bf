use super::*;
use crate::form::FormError;
use crate::form::Reason;
use crate::testing::{caller, clinic, clinician, patient, registered};

fn form() -> RegistrationForm {
    RegistrationForm {
        given: "Mar\u{ed}a Elena".to_owned(),
        family: "Condori".to_owned(),
        sex: "female".to_owned(),
        birth_date: "1990-02-28".to_owned(),
        phone: "+51 984 555 010".to_owned(),
        village: "Ollanta".to_owned(),
        ..RegistrationForm::default()
    }
}

fn reasons(error: FormError) -> Vec<(&'static str, Reason)> {
    match error {
        FormError::Invalid(errors) => errors
            .0
            .into_iter()
            .map(|error| (error.field, error.reason))
            .collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_registered_patient_is_found_by_name_phone_and_year() {
    let clinic = clinic();
    let done = clinic
        .patient_register(&clinician(), &form(), Duplicates::Check)
        .map(registered)
        .expect("registered");
    for text in ["condori", "maria con", "+51 984 555 010", "cond 1990"] {
        let page = clinic.patient_search(&clinician(), text, 10).expect("found");
        assert_eq!(page.rows.len(), 1, "{text}");
        assert_eq!(page.rows[0].id, done.id);
    }
    assert!(
        clinic
            .patient_search(&clinician(), "cond 1991", 10)
            .expect("found")
            .rows
            .is_empty()
    );
    let row = clinic.patient_view(&clinician(), &done.id).expect("a row");
    assert_eq!(row.name, "Mar\u{ed}a Elena Condori");
    assert_eq!(row.village, "Ollanta");
}

#[test]
fn the_same_form_twice_registers_once() {
    let clinic = clinic();
    let mut form = form();
    form.draft_id = "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10".to_owned();
    let first = clinic
        .patient_register(&clinician(), &form, Duplicates::Check)
        .map(registered)
        .expect("registered");
    let second = clinic
        .patient_register(&clinician(), &form, Duplicates::Check)
        .map(registered)
        .expect("the same");
    assert_eq!(first, second);
}

#[test]
fn a_like_patient_is_shown_first() {
    let clinic = clinic();
    clinic
        .patient_register(&clinician(), &form(), Duplicates::Check)
        .map(registered)
        .expect("registered");
    let mut like = form();
    like.phone = String::new();
    (like.birth_date, like.age_years) = (String::new(), "35".to_owned());
    let stopped = clinic.patient_register(&clinician(), &like, Duplicates::Check);
    assert!(matches!(stopped, Ok(Registration::PossibleDuplicates { people, .. }) if people.len() == 1));
    assert!(
        clinic
            .patient_register(&clinician(), &like, Duplicates::Accept)
            .is_ok()
    );
}

#[test]
fn the_rules_of_registration() {
    let clinic = clinic();
    let check = |change: &dyn Fn(&mut RegistrationForm)| {
        let mut form = form();
        change(&mut form);
        reasons(
            clinic
                .patient_register(&clinician(), &form, Duplicates::Check)
                .expect_err("refused"),
        )
    };
    assert_eq!(
        check(&|f| f.birth_date = "2999-01-01".into()),
        [("birth_date", Reason::InFuture)]
    );
    assert_eq!(
        check(&|f| f.birth_date = "1850".into()),
        [("birth_date", Reason::TooOld)]
    );
    assert_eq!(
        check(&|f| f.birth_date = "1990-02-30".into()),
        [("birth_date", Reason::NoSuchDay)]
    );
    assert_eq!(
        check(&|f| (f.birth_date, f.age_years) = (String::new(), "141".to_owned())),
        [("age_years", Reason::TooOld)]
    );
    assert_eq!(
        check(&|f| f.deceased_date = "1989-12-31".into()),
        [("deceased_date", Reason::Inconsistent)]
    );
    assert_eq!(
        check(&|f| f.phone = "call me".into()),
        [("phone", Reason::Malformed)]
    );
    assert_eq!(check(&|f| f.sex = "x".into()), [("sex", Reason::UnknownCode)]);
    assert_eq!(check(&|f| f.sex.clear()), [("sex", Reason::Required)]);
    let nameless = check(&|f| {
        f.given.clear();
        f.family.clear();
    });
    assert_eq!(nameless, [("family", Reason::Required)]);
    let refused = clinic.patient_register(&caller("reader"), &form(), Duplicates::Check);
    assert!(matches!(refused, Err(FormError::Denied(_))));
}

#[test]
fn the_unidentified_are_registered_under_a_temporary_label() {
    let clinic = clinic();
    let mut form = RegistrationForm {
        sex: "unknown".to_owned(),
        unidentified: true,
        temporary_label: "Man from the bus".to_owned(),
        age_years: "40".to_owned(),
        ..RegistrationForm::default()
    };
    let done = clinic
        .patient_register(&clinician(), &form, Duplicates::Check)
        .map(registered)
        .expect("registered");
    let row = clinic.patient_view(&clinician(), &done.id).expect("a row");
    assert!(row.birth_estimated && row.birth_date.len() == 4);
    assert!(row.unidentified);
    assert_eq!(row.name, "Man from the bus");
    let page = clinic.patient_search(&clinician(), "man bus", 10).expect("found");
    assert_eq!(page.rows.len(), 1, "found by the label");
    form.temporary_label.clear();
    form.label_word = "No identificado".to_owned();
    let mut labels = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let done = clinic
            .patient_register(&clinician(), &form, Duplicates::Check)
            .map(registered)
            .expect("registered");
        labels.insert(clinic.patient_view(&clinician(), &done.id).expect("a row").name);
    }
    assert_eq!(labels.len(), 2, "each has a label of their own: {labels:?}");
    assert!(labels.iter().all(|label| label.starts_with("No identificado ")));
}

#[test]
fn a_name_and_nobody_knows_who_do_not_go_together() {
    let clinic = clinic();
    let refused = clinic
        .patient_register(
            &clinician(),
            &RegistrationForm {
                unidentified: true,
                ..form()
            },
            Duplicates::Check,
        )
        .expect_err("refused");
    assert_eq!(reasons(refused), [("unidentified", Reason::Inconsistent)]);
}

#[test]
fn the_name_takes_the_place_of_the_label_once_it_is_known() {
    let json = crate::testing::parsed(
        r#"{"resourceType":"Patient","id":"1","name":[{"use":"temp","text":"Man from the bus"},
        {"family":"Quispe","given":["Juan"]}]}"#,
    );
    let row = PatientRow::from_json(&json, "", 0);
    assert_eq!((row.name.as_str(), row.unidentified), ("Juan Quispe", false));
}

#[test]
fn phones_are_changed_added_and_removed() {
    let clinic = clinic();
    let id = patient(&clinic);
    let change = |version: &str, old: Option<&str>, new: &str| {
        clinic.phone_change(
            &clinician(),
            &PhoneChange {
                patient: id.clone(),
                base_version: version.to_owned(),
                old_phone: old.map(str::to_owned),
                phone: new.to_owned(),
            },
        )
    };
    let version = change("", Some("555-0101"), "555-0202").expect("changed");
    let version = change(&version, None, "555-0303").expect("added");
    assert_eq!(
        clinic.patient_view(&clinician(), &id).expect("a row").phones,
        ["555-0202", "555-0303"]
    );
    change(&version, Some("555-0202"), "").expect("removed");
    assert_eq!(
        clinic.patient_view(&clinician(), &id).expect("a row").phones,
        ["555-0303"]
    );
    assert!(
        matches!(change("", Some("555-0101"), "555-9"), Err(FormError::Invalid(_))),
        "it is gone"
    );
    assert!(
        matches!(change("", None, "555-0303"), Err(FormError::Invalid(_))),
        "it is there already"
    );
}

#[test]
fn two_edits_from_the_same_version_both_stay() {
    let clinic = clinic();
    let id = patient(&clinic);
    let version = clinic.patient_view(&clinician(), &id).expect("a row").version;
    for new in ["555-0202", "555-0303"] {
        let change = PhoneChange {
            patient: id.clone(),
            base_version: version.clone(),
            old_phone: None,
            phone: new.to_owned(),
        };
        clinic.phone_change(&clinician(), &change).expect("added");
    }
    let mut phones = clinic.patient_view(&clinician(), &id).expect("a row").phones;
    phones.sort();
    assert_eq!(phones, ["555-0101", "555-0202", "555-0303"]);
}

#[test]
fn the_dead_are_found_below_the_living() {
    let clinic = clinic();
    let mut dead = form();
    dead.deceased_date = "2020-01-01".to_owned();
    for form in [dead, form()] {
        let done = clinic.patient_register(&clinician(), &form, Duplicates::Accept);
        done.map(registered).expect("registered");
    }
    let page = clinic.patient_search(&clinician(), "condori", 10).expect("found");
    let dead: Vec<bool> = page.rows.iter().map(|row| row.deceased).collect();
    assert_eq!(dead, [false, true]);
}

#[test]
fn a_number_as_it_is_written_stands_first_whatever_signs_are_in_it() {
    let clinic = clinic();
    let registered = |system: &str, value: &str| {
        crate::testing::put(
            &clinic,
            chaski_json::json!({"resourceType": "Patient", "identifier": [{"system": system, "value": value}]}),
        )
    };
    // Whom the parts of a number would find if its signs meant something.
    registered("MRN", "123");
    registered("urn:n", "123");
    registered("urn:n", "456");
    let numbers = [
        "MRN|123",
        "123|456",
        "|123",
        "123|",
        "123,456",
        ",123",
        "123,",
        "123$456",
        "$123",
        "123\\456",
        "\\123",
        "123\\",
        "1\\|2,3$4",
        "123:456",
        "123&456=7",
        "123+456%",
        "123/456-7",
    ];
    let ids = numbers.map(|number| registered("urn:n", number));
    for (number, id) in numbers.iter().zip(&ids) {
        let page = clinic.patient_search(&clinician(), number, 10).expect("found");
        let found: Vec<&str> = page.rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(found.first(), Some(&id.as_str()), "{number}");
    }
}
