//! The bounds of a registration, who counts as possibly the same person, and what a row shows, as tables.

use super::search::PAGE_ROWS;
use super::*;
use crate::form::{FormError, Reason};
use crate::testing::{NOW_MS, SteeredEnv, clinic, clinician, parsed, put, registered, store_with};
use crate::{Clinic, Settings};

fn form(family: &str) -> RegistrationForm {
    RegistrationForm {
        given: "Rosa".to_owned(),
        family: family.to_owned(),
        sex: "female".to_owned(),
        ..RegistrationForm::default()
    }
}

fn register(clinic: &Clinic, form: &RegistrationForm) -> Result<Registered, FormError> {
    let done = clinic.patient_register(&clinician(), form, Duplicates::Accept);
    done.map(registered)
}

/// A birth as one fills it in: a date, years or months.
const BIRTH_FIELDS: [&str; 3] = ["birth_date", "age_years", "age_months"];

#[test]
fn a_birth_lies_between_today_and_140_years_ago() {
    // It is 2026-01-01.
    let clinic = Clinic::new(store_with(SteeredEnv::new()), Settings::default()).expect("a clinic");
    let [date, years, months] = BIRTH_FIELDS;
    #[rustfmt::skip]
    let births = [
        (date, "2026-01-01", Some("2026-01-01"), None),
        (date, "2026-01", Some("2026-01"), None),
        (date, "2026", Some("2026"), None),
        (date, "2026-01-02", None, Some(Reason::InFuture)),
        (date, "2026-02", None, Some(Reason::InFuture)),
        (date, "2027", None, Some(Reason::InFuture)),
        (date, "1886-01-01", Some("1886-01-01"), None),
        (date, "1886", Some("1886"), None),
        (date, "1885-12-31", None, Some(Reason::TooOld)),
        (date, "1885", None, Some(Reason::TooOld)),
        (date, "2025-02-29", None, Some(Reason::NoSuchDay)),
        (date, "2024-02-29", Some("2024-02-29"), None),
        (date, "2025-13", None, Some(Reason::NoSuchDay)),
        (date, "25-01-01", None, Some(Reason::ShortYear)),
        (date, "2025-1-1", Some("2025-01-01"), None),
        (date, "01.02.2020", Some("2020-02-01"), None),
        (date, " ", None, None),
        (date, "", None, None),
        (years, "0", Some("2026"), None),
        (years, "40", Some("1986"), None),
        (years, "140", Some("1886"), None),
        (years, "141", None, Some(Reason::TooOld)),
        (months, "0", Some("2026-01"), None),
        (months, "5", Some("2025-08"), None),
        (months, "1680", Some("1886-01"), None),
        (months, "1681", None, Some(Reason::TooOld)),
        (years, "99999999999", None, Some(Reason::TooOld)),
        (years, "forty", None, Some(Reason::Malformed)),
        (years, "-1", None, Some(Reason::Malformed)),
        (months, "1.5", Some("2025-11-16"), None),
        (years, "6 months", Some("2025-07"), None),
        (years, "10 d", Some("2025-12-22"), None),
        (years, "٣٥", Some("1991"), None),
    ];
    for (field, birth, recorded, reason) in births {
        let typed = |name: &str| match name == field {
            true => birth.to_owned(),
            false => String::new(),
        };
        let done = register(
            &clinic,
            &RegistrationForm {
                birth_date: typed(date),
                age_years: typed(years),
                age_months: typed(months),
                ..form("Quispe")
            },
        );
        match (done, reason) {
            (Ok(done), None) => {
                let row = clinic.patient_view(&clinician(), &done.id).expect("a row");
                assert_eq!(row.birth_date, recorded.unwrap_or_default(), "{birth:?}");
                assert_eq!(row.birth_estimated, field != date, "{birth:?}");
            }
            (Err(FormError::Invalid(errors)), Some(reason)) => {
                assert_eq!(
                    (errors.0[0].field, errors.0[0].reason),
                    (field, reason),
                    "{birth:?}"
                );
            }
            (done, _) => panic!("{birth:?}: {done:?}"),
        }
    }
}

#[test]
fn today_is_the_day_on_the_clinics_wall() {
    let kathmandu = jiff::tz::TimeZone::get("Asia/Kathmandu").expect("bundled");
    let newborn = || RegistrationForm {
        birth_date: "2026-01-02".into(),
        ..form("Gurung")
    };
    // It is 2026-01-01, 20:00 in Greenwich: there, and where no zone is told, a child of the 2nd is not born yet.
    let env = SteeredEnv::new();
    env.set(NOW_MS + 20 * 3_600_000);
    for (zone, is_born) in [(jiff::tz::TimeZone::UTC, false), (kathmandu, true)] {
        let settings = Settings {
            zone,
            ..Settings::default()
        };
        let clinic = Clinic::new(store_with(env.clone()), settings).expect("a clinic");
        let registered = clinic.patient_register(&clinician(), &newborn(), Duplicates::Accept);
        assert_eq!(registered.is_ok(), is_born);
    }
}

#[test]
fn a_death_lies_between_birth_and_today() {
    let clinic = Clinic::new(store_with(SteeredEnv::new()), Settings::default()).expect("a clinic");
    #[rustfmt::skip]
    let deaths = [
        ("1990-05-10", "1990-05-10", None),
        ("1990-05-10", "2026-01-01", None),
        ("1990-05-10", "1990", None),
        ("1990", "1990-01-01", None),
        ("1990-05-10", "1990-05-09", Some(Reason::Inconsistent)),
        ("1990-05-10", "1990-04", Some(Reason::Inconsistent)),
        ("1990-05-10", "1989", Some(Reason::Inconsistent)),
        ("1990-05-10", "2026-01-02", Some(Reason::InFuture)),
        ("1990-05-10", "2027", Some(Reason::InFuture)),
        ("1990-05-10", "yesterday", Some(Reason::Malformed)),
    ];
    for (born, died, reason) in deaths {
        let done = register(
            &clinic,
            &RegistrationForm {
                birth_date: born.to_owned(),
                deceased_date: died.to_owned(),
                ..form("Quispe")
            },
        );
        match (done, reason) {
            (Ok(done), None) => {
                let row = clinic.patient_view(&clinician(), &done.id).expect("a row");
                assert!(row.deceased, "{born} {died}");
                assert_eq!(row.deceased_date.as_deref(), Some(died));
            }
            (Err(FormError::Invalid(errors)), Some(reason)) => {
                let told = (errors.0[0].field, errors.0[0].reason);
                assert_eq!(told, ("deceased_date", reason), "{born} {died}");
            }
            (done, _) => panic!("{born} {died}: {done:?}"),
        }
    }
}

#[test]
fn who_may_be_the_same_person_is_shown_and_who_may_not_is_not() {
    let known = || RegistrationForm {
        given: "Rosa Elena".to_owned(),
        birth_date: "1980-05-04".to_owned(),
        phone: "555-0101".to_owned(),
        identifier_value: "40118223".to_owned(),
        deceased_date: "2020-01-01".to_owned(),
        ..form("Quispe Mamani")
    };
    let other = |change: &dyn Fn(&mut RegistrationForm)| {
        let mut form = RegistrationForm {
            birth_date: "1980".to_owned(),
            ..form("Quispe")
        };
        change(&mut form);
        form
    };
    #[rustfmt::skip]
    let others: Vec<(&str, RegistrationForm, bool)> = vec![
        ("the same name and year", other(&|_| {}), true),
        ("two years older", other(&|f| f.birth_date = "1978".to_owned()), true),
        ("two years younger", other(&|f| f.birth_date = "1982".to_owned()), true),
        ("three years older", other(&|f| f.birth_date = "1977".to_owned()), true),
        ("of another generation", other(&|f| f.birth_date = "2003".to_owned()), false),
        ("of unknown age", other(&|f| f.birth_date.clear()), true),
        ("a man of that name", other(&|f| f.sex = "male".to_owned()), false),
        ("of unknown sex", other(&|f| f.sex = "unknown".to_owned()), true),
        ("of another name", other(&|f| f.family = "Condori".to_owned()), false),
        ("of another first name", other(&|f| f.given = "Luz".to_owned()), false),
        ("of the same phone", other(&|f| (f.family, f.phone) = ("Condori".to_owned(), "555-0101".to_owned())), true),
        ("of the same number", other(&|f| (f.family, f.identifier_value) = ("Condori".to_owned(), "40118223".to_owned())), true),
        ("of another number", other(&|f| (f.family, f.identifier_value) = ("Condori".to_owned(), "40118224".to_owned())), false),
    ];
    for (who, form, is_like) in others {
        let clinic = clinic();
        register(&clinic, &known()).expect("registered");
        let done = clinic.patient_register(&clinician(), &form, Duplicates::Check);
        match done {
            Ok(Registration::PossibleDuplicates { people, more }) => {
                assert!(is_like, "{who}");
                assert_eq!((people.len(), more), (1, false), "{who}");
                assert!(people[0].row.deceased, "the dead are looked through too");
                register(&clinic, &form).expect("they were seen, and are other people");
            }
            done => assert!(done.is_ok() && !is_like, "{who}: {done:?}"),
        }
    }
}

fn row(members: &str) -> PatientRow {
    let json = parsed(&format!(r#"{{"resourceType":"Patient","id":"a",{members}}}"#));
    PatientRow::from_json(&json, "v", 2)
}

#[test]
fn a_row_shows_the_name_in_use_and_the_one_in_local_script() {
    #[rustfmt::skip]
    let names = [
        (r#"{"use":"usual","text":"U"},{"use":"official","text":"O"}"#, "O", None, false),
        (r#"{"use":"old","text":"Was"},{"use":"usual","text":"U"}"#, "U", None, false),
        (r#"{"use":"old","text":"Was"}"#, "", None, false),
        (r#"{"use":"temp","text":"Label"}"#, "Label", None, true),
        (r#"{"use":"temp","text":"Label"},{"text":"Real"}"#, "Real", None, false),
        (r#"{"use":"official","text":"Rosa"},{"use":"usual","text":"روزا"}"#, "Rosa", Some("روزا"), false),
        (r#"{"use":"official","text":"روزا"},{"use":"usual","text":"Rosa"}"#, "روزا", None, false),
        (r#"{"given":["Rosa","Elena"],"family":"Quispe"}"#, "Rosa Elena Quispe", None, false),
        (r#"{"family":"Quispe","given":["Rosa"],"text":"Rosa Q."}"#, "Rosa Q.", None, false),
    ];
    for (names, name, local, unidentified) in names {
        let row = row(&format!(r#""name":[{names}]"#));
        assert_eq!(
            (row.name.as_str(), row.name_local.as_deref()),
            (name, local),
            "{names}"
        );
        assert_eq!(row.unidentified, unidentified, "{names}");
        assert_eq!(
            (row.id.as_str(), row.version.as_str(), row.conflicts),
            ("a", "v", 2)
        );
    }
}

#[test]
fn a_row_shows_phones_in_use_the_place_and_who_has_died() {
    let phones = row(
        r#""telecom":[{"system":"phone","value":"1"},{"system":"sms","value":"2"},{"system":"email","value":"3"},
        {"system":"phone","use":"old","value":"4"},{"system":"phone"}]"#,
    );
    assert_eq!(phones.phones, ["1", "2"]);
    for (address, place) in [
        (r#"{"city":"C","district":"D","text":"T"}"#, "C"),
        (r#"{"district":"D","text":"T"}"#, "D"),
        (r#"{"text":"T"}"#, "T"),
        (r#"{"state":"S"},{"city":"C"}"#, "C"),
    ] {
        assert_eq!(
            row(&format!(r#""address":[{address}]"#)).village,
            place,
            "{address}"
        );
    }
    for (deceased, is_dead, date) in [
        (r#""deceasedBoolean":true"#, true, None),
        (r#""deceasedBoolean":false"#, false, None),
        (r#""deceasedDateTime":"2020""#, true, Some("2020")),
        (r#""gender":"male""#, false, None),
    ] {
        let row = row(deceased);
        assert_eq!(
            (row.deceased, row.deceased_date.as_deref()),
            (is_dead, date),
            "{deceased}"
        );
    }
    let numbers = row(
        r#""identifier":[{"type":{"text":"Card"},"value":"1"},{"type":{"coding":[{"display":"Passport"}]},"value":"2"},
        {"system":"urn:oid:national","value":"3"},{"system":"http://x/mrn","value":"4"},{"system":"http://x/none"}]"#,
    );
    let numbers: Vec<(&str, &str)> = numbers
        .identifiers
        .iter()
        .map(|id| (id.label.as_str(), id.value.as_str()))
        .collect();
    assert_eq!(
        numbers,
        [("Card", "1"), ("Passport", "2"), ("national", "3"), ("mrn", "4")]
    );
    assert!(row(r#""meta":{"tag":[{"code":"HTEST"}]}"#).test_data);
    assert!(!row(r#""meta":{"tag":[{"code":"x"}]}"#).test_data);
}

#[test]
fn a_search_shows_no_more_than_it_was_asked_for_and_says_so() {
    let clinic = clinic();
    for number in 0..5 {
        put(
            &clinic,
            parsed(&format!(
                r#"{{"resourceType":"Patient","name":[{{"family":"Quispe"}}],"identifier":[{{"value":"A,{number}|$"}}]}}"#
            )),
        );
    }
    for (limit, rows, more) in [
        (0, 1, true),
        (1, 1, true),
        (4, 4, true),
        (5, 5, false),
        (500, 5, false),
    ] {
        for text in ["quis", ""] {
            let page = clinic.patient_search(&clinician(), text, limit).expect("found");
            assert_eq!((page.rows.len(), page.more), (rows, more), "{text} {limit}");
        }
    }
    let ids: std::collections::BTreeSet<String> = clinic
        .patient_search(&clinician(), "quispe", 100)
        .expect("found")
        .rows
        .into_iter()
        .map(|row| row.id)
        .collect();
    assert_eq!(ids.len(), 5, "nobody twice");
    let long = |chars: usize| clinic.patient_search(&clinician(), &"q".repeat(chars), 5);
    assert!(long(128).is_ok());
    assert!(matches!(long(129), Err(FormError::Invalid(_))));
}

#[test]
fn the_dead_take_no_place_from_the_living_and_are_told_of() {
    let clinic = clinic();
    // More dead than are looked at together, and one who lives behind them.
    let dead = PAGE_ROWS as usize + 20;
    let writes = (0..=dead).map(|number| chaski_store::Write::Put {
        key: format!("Patient/p{number:04}").parse().expect("a key"),
        json: parsed(&format!(
            r#"{{"resourceType":"Patient","id":"p{number:04}","deceasedBoolean":{},"name":[{{"family":"Quispe"}}]}}"#,
            number < dead
        )),
        base: chaski_store::Base::Absent,
        resolution: false,
    });
    clinic
        .store()
        .commit(clinician().context(), writes.collect())
        .expect("stored");
    let page = clinic.patient_search(&clinician(), "quispe", 10).expect("found");
    assert_eq!((page.rows.len(), page.more), (10, true));
    let dead: Vec<bool> = page.rows.iter().map(|row| row.deceased).collect();
    assert_eq!(dead, [vec![false], vec![true; 9]].concat());
}

#[test]
fn a_text_that_may_mean_two_things_is_looked_up_as_both_before_all_is_said_to_be_shown() {
    let clinic = clinic();
    for member in [
        r#""identifier":[{"value":"555123"}]"#,
        r#""telecom":[{"system":"phone","value":"555123"}]"#,
    ] {
        put(
            &clinic,
            parsed(&format!(r#"{{"resourceType":"Patient",{member}}}"#)),
        );
    }
    for (limit, rows, more) in [(1, 1, true), (2, 2, false)] {
        let page = clinic
            .patient_search(&clinician(), "555123", limit)
            .expect("found");
        assert_eq!((page.rows.len(), page.more), (rows, more), "{limit}");
    }
}

#[test]
fn an_age_beside_a_birth_date_must_be_of_it() {
    // It is 2026-01-01.
    let clinic = Clinic::new(store_with(SteeredEnv::new()), Settings::default()).expect("a clinic");
    for (date, age, recorded) in [
        ("4/5/1990", "35", Some(("1990-05-04", false))),
        ("4/5/1990", "about 36", Some(("1990-05-04", false))),
        ("4/5/1990", "12", None),
        ("4/5/1990", "6 months", None),
        ("about 1990", "", Some(("1990", true))),
        ("~1990", "35", Some(("1990", true))),
        ("2025-07-02", "6 months", Some(("2025-07-02", false))),
    ] {
        let form = RegistrationForm {
            birth_date: date.into(),
            age_years: age.into(),
            ..form("Quispe")
        };
        let done = clinic.patient_register(&clinician(), &form, Duplicates::Accept);
        match (done, recorded) {
            (Ok(done), Some((date, estimated))) => {
                let row = clinic
                    .patient_view(&clinician(), &registered(done).id)
                    .expect("a row");
                assert_eq!((row.birth_date.as_str(), row.birth_estimated), (date, estimated));
            }
            (Err(FormError::Invalid(errors)), None) => {
                assert_eq!(
                    (errors.0[0].field, errors.0[0].reason),
                    ("age_years", Reason::Inconsistent)
                );
            }
            (done, _) => panic!("{date} {age}: {done:?}"),
        }
    }
}

#[test]
fn numbers_typed_in_local_digits_are_stored_as_ascii() {
    let clinic = Clinic::new(store_with(SteeredEnv::new()), Settings::default()).expect("a clinic");
    let form = RegistrationForm {
        birth_date: "١٩٩٠-٠٥-٠٤".into(),
        phone: "٠١٢٣٤٥٦٧٨٩".into(),
        identifier_value: "२९००१".into(),
        ..form("Quispe")
    };
    let done = registered(
        clinic
            .patient_register(&clinician(), &form, Duplicates::Accept)
            .expect("registered"),
    );
    let row = clinic.patient_view(&clinician(), &done.id).expect("a row");
    assert_eq!(
        (
            row.birth_date.as_str(),
            row.phones,
            row.identifiers[0].value.as_str()
        ),
        ("1990-05-04", vec!["0123456789".to_owned()], "29001")
    );
}
