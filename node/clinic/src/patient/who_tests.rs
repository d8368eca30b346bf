//! Who may be the person who is being registered, and what that is judged on.

use super::{Agreement, Duplicates, LikePerson, Registration, RegistrationForm};
use crate::record::UpdateOptions;
use crate::testing::{clinic, clinic_with, clinician, parsed, put};
use crate::{Clinic, Settings};

/// Whom a registration is stopped for; nobody where it is saved.
fn stopped(clinic: &Clinic, form: &RegistrationForm) -> Vec<LikePerson> {
    match clinic.patient_register(&clinician(), form, Duplicates::Check) {
        Ok(Registration::PossibleDuplicates { people, .. }) => people,
        Ok(Registration::Registered(_)) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

/// Fresia, born to the day, with everything recorded.
fn fresia() -> RegistrationForm {
    RegistrationForm {
        given: "Fresia Amaru".to_owned(),
        family: "Choque Limachi".to_owned(),
        sex: "female".to_owned(),
        birth_date: "1984-09-17".to_owned(),
        phone: "+51 966 333 444".to_owned(),
        village: "Ayaviri".to_owned(),
        mother_name: "Justa Limachi".to_owned(),
        identifier_value: "DNI-7731".to_owned(),
        ..RegistrationForm::default()
    }
}

fn knows_fresia(settings: Settings) -> Clinic {
    let clinic = clinic_with(settings);
    assert!(stopped(&clinic, &fresia()).is_empty());
    clinic
}

/// Changes to the form of somebody of whom only sex is known.
fn form(change: &dyn Fn(&mut RegistrationForm)) -> RegistrationForm {
    let mut form = RegistrationForm {
        sex: "female".to_owned(),
        ..RegistrationForm::default()
    };
    change(&mut form);
    form
}

fn named_as(form: &mut RegistrationForm, given: &str, family: &str) {
    (form.given, form.family) = (given.to_owned(), family.to_owned());
}

#[test]
fn a_number_or_a_phone_is_known_however_it_is_written() {
    for (field, value, is_known) in [
        ("phone", "966333444", true),
        ("phone", "0051966333444", true),
        ("phone", "+51-966-333-444", true),
        ("phone", "966333445", false),
        ("phone", "+56 966 333 444", false),
        ("number", "DNI 7731", true),
        ("number", "dni7731", true),
        ("number", "7731", true),
        ("number", "DNI-7732", false),
    ] {
        for country_code in [None, Some("51".to_owned())] {
            let clinic = knows_fresia(Settings {
                country_code,
                ..Settings::default()
            });
            let other = form(&|form| {
                named_as(form, "Zenobia", "Ticona");
                match field {
                    "phone" => form.phone = value.to_owned(),
                    _ => form.identifier_value = value.to_owned(),
                }
            });
            let people = stopped(&clinic, &other);
            assert_eq!(people.len(), usize::from(is_known), "{field} {value}");
            assert!(
                people.iter().all(|person| !person.probable),
                "a phone is shared, {value}"
            );
        }
    }
}

#[test]
fn a_phone_without_its_countrys_code_is_the_same_only_where_the_country_is_known() {
    for (country_code, agreement) in [
        (None, Agreement::Near),
        (Some("51"), Agreement::Equal),
        (Some("56"), Agreement::Near),
    ] {
        let clinic = knows_fresia(Settings {
            country_code: country_code.map(str::to_owned),
            ..Settings::default()
        });
        let people = stopped(
            &clinic,
            &form(&|form| {
                named_as(form, "Fresia", "Choque");
                form.phone = "966 333 444".to_owned();
            }),
        );
        let phone = people[0].fields.iter().find(|field| field.field == "phone");
        assert_eq!(phone.expect("a field").agreement, agreement, "{country_code:?}");
    }
}

#[test]
fn who_is_probable_and_who_is_possible() {
    #[rustfmt::skip]
    let cases: Vec<(&str, Option<bool>, RegistrationForm)> = vec![
        ("names and birthday", Some(true), form(&|f| { named_as(f, "Fresia", "Choque"); f.birth_date = "1984-09-17".to_owned(); })),
        ("in the other order", Some(true), form(&|f| { named_as(f, "Choque", "Fresia"); f.birth_date = "1984-09-17".to_owned(); })),
        ("heard otherwise, same village and mother", Some(true), form(&|f| {
            named_as(f, "Fressia", "Choke"); f.birth_date = "1984-09-17".to_owned();
            (f.village, f.mother_name) = ("AYAVIRI".to_owned(), "Justa".to_owned());
        })),
        ("an age that was guessed, same village, mother", Some(true), form(&|f| {
            named_as(f, "Fresia", "Choque"); f.age_years = "38".to_owned();
            (f.village, f.mother_name) = ("Ayaviri".to_owned(), "Justa Limachi".to_owned());
        })),
        ("an age that was guessed, nothing else", Some(false), form(&|f| { named_as(f, "Fresia", "Choque"); f.age_years = "38".to_owned(); })),
        ("no age at all", Some(false), form(&|f| named_as(f, "Fresia", "Choque"))),
        ("day and month swapped", Some(true), form(&|f| {
            named_as(f, "Fresia", "Choque"); f.birth_date = "1984-09-11".to_owned();
            f.village = "Ayaviri".to_owned();
        })),
        ("names, phone", Some(true), form(&|f| { named_as(f, "Fresia", "Choque"); f.phone = "966333444".to_owned(); })),
        ("a sister", None, form(&|f| {
            named_as(f, "Zenobia", "Choque Limachi"); f.birth_date = "1990-01-17".to_owned();
            (f.village, f.mother_name) = ("Ayaviri".to_owned(), "Justa Limachi".to_owned());
        })),
        ("of another sex", None, { let mut other = fresia(); other.sex = "male".to_owned(); other.identifier_value.clear(); other }),
        ("the same number, another sex", Some(false), { let mut other = fresia(); other.sex = "male".to_owned(); other }),
        ("a stranger of that birthday", None, form(&|f| { named_as(f, "Zenobia", "Ticona"); f.birth_date = "1984-09-17".to_owned(); })),
    ];
    for (who, probable, form) in cases {
        let clinic = knows_fresia(Settings::default());
        let people = stopped(&clinic, &form);
        let told = people.first().map(|person| person.probable);
        assert_eq!(told, probable, "{who}: {people:#?}");
    }
}

#[test]
fn twins_are_possible_and_never_probable() {
    for (given, twin) in [
        ("Nayra", "Killa"),
        ("Nayra", "Nayla"),
        ("Ana Nayra", "Ana Killa"),
        ("حسن", "حسين"),
        ("Hassan", "Hussein"),
        ("Marina", "Karina"),
    ] {
        let clinic = clinic();
        let child = |given: &str| RegistrationForm {
            given: given.to_owned(),
            birth_date: "2020-03-04".to_owned(),
            identifier_value: String::new(),
            ..fresia()
        };
        assert!(stopped(&clinic, &child(given)).is_empty());
        let people = stopped(&clinic, &child(twin));
        let told: Vec<bool> = people.iter().map(|person| person.probable).collect();
        assert_eq!(told, [false], "{given} and {twin}");
        // And the same child once more is.
        assert!(stopped(&clinic, &child(given))[0].probable, "{given}");
    }
}

#[test]
fn an_estimate_keeps_no_true_date_from_matching_nor_a_true_date_an_estimate() {
    let birth = |form: &mut RegistrationForm, date: &str, age: &str| {
        (form.birth_date, form.age_years) = (date.to_owned(), age.to_owned());
    };
    // It is 2026: who says 45 is said to be of 1981.
    for ((date, age), (other_date, other_age)) in [
        (("", "45"), ("1984-09-17", "")),
        (("1984-09-17", ""), ("", "45")),
        (("", "40"), ("", "45")),
        (("", "45"), ("1984", "")),
    ] {
        let clinic = clinic();
        let mut known = fresia();
        birth(&mut known, date, age);
        assert!(stopped(&clinic, &known).is_empty());
        let mut same = fresia();
        (same.phone, same.identifier_value) = Default::default();
        birth(&mut same, other_date, other_age);
        let people = stopped(&clinic, &same);
        assert!(
            people[0].probable,
            "{date}{age} {other_date}{other_age}: {people:#?}"
        );
    }
}

#[test]
fn it_is_said_what_it_is_judged_on() {
    let clinic = knows_fresia(Settings::default());
    let people = stopped(
        &clinic,
        &form(&|form| {
            named_as(form, "Fressia", "Choque");
            form.birth_date = "1979-02-02".to_owned();
            form.village = "ayaviri".to_owned();
            form.phone = "966333444".to_owned();
        }),
    );
    let told: Vec<(&str, &str, &str, Agreement)> = people[0]
        .fields
        .iter()
        .map(|field| {
            (
                field.field,
                field.typed.as_str(),
                field.known.as_str(),
                field.agreement,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("given", "Fressia", "Fresia Amaru", Agreement::Near),
            ("family", "Choque", "Choque Limachi", Agreement::Equal),
            ("sex", "female", "female", Agreement::Equal),
            ("birth_date", "1979-02-02", "1984-09-17", Agreement::Differs),
            ("village", "ayaviri", "Ayaviri", Agreement::Equal),
            ("phone", "966333444", "+51 966 333 444", Agreement::Near),
            ("mother_name", "", "Justa Limachi", Agreement::Unknown),
            ("identifier_value", "", "DNI-7731", Agreement::Unknown),
        ]
    );
}

#[test]
fn who_writes_over_rest_is_not_stopped() {
    let clinic = clinic();
    let same = r#"{"resourceType":"Patient","name":[{"family":"Choque","given":["Fresia"]}],"identifier":[{"value":"7731"}]}"#;
    assert_ne!(put(&clinic, parsed(same)), put(&clinic, parsed(same)));
}

#[test]
fn what_is_disputed_rules_nobody_out() {
    for is_other_first in [false, true] {
        let clinic = clinic();
        let named = r#""resourceType":"Patient","name":[{"family":"Choque","given":["Fresia"]}]"#;
        let id = put(&clinic, parsed(&format!("{{{named}}}")));
        let key = format!("Patient/{id}").parse().expect("a key");
        let base = clinic
            .record_read(&clinician(), &key)
            .expect("the record")
            .version
            .to_string();
        let mut sides = [("female", "1984-09-17"), ("male", "1924-09-17")];
        if is_other_first {
            sides.reverse();
        }
        for (gender, born) in sides {
            let side = format!(r#"{{{named},"id":"{id}","gender":"{gender}","birthDate":"{born}"}}"#);
            let options = UpdateOptions {
                if_match: Some(base.clone()),
                merge: true,
                ..UpdateOptions::default()
            };
            let written = clinic.record_update(&clinician(), "Patient", &id, parsed(&side), &options);
            written.expect("written beside the other");
        }
        let typed = form(&|form| {
            named_as(form, "Fresia", "Choque");
            form.birth_date = "1984-09-17".to_owned();
        });
        assert_eq!(stopped(&clinic, &typed).len(), 1, "{is_other_first}");
    }
}
