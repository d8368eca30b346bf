//! A dose and its unit are written as one, and what each status needs.

use super::*;
use crate::form::FormError;
use crate::form::Reason;
use crate::testing::{clinic, clinician, parsed, patient, put};
use crate::{Clinic, RecordKey};
use chaski_json::Json;

/// A prescription with this dosage; answers its id.
fn prescribed(clinic: &Clinic, dosage: &str) -> String {
    let patient = patient(clinic);
    put(
        clinic,
        parsed(&format!(
            r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order",
            "medicationCodeableConcept":{{"text":"Morphine"}},"subject":{{"reference":"Patient/{patient}"}},
            "dosageInstruction":[{dosage}]}}"#
        )),
    )
}

fn read(clinic: &Clinic, id: &str) -> Json {
    let key = RecordKey::new("MedicationRequest", id).expect("a key");
    clinic.record_read(&clinician(), &key).expect("the record").json
}

fn change(id: &str, value: &str, unit: &str, times: &str) -> DoseChange {
    DoseChange {
        id: id.to_owned(),
        dose_value: value.to_owned(),
        dose_unit: unit.to_owned(),
        times_per_day: times.to_owned(),
        ..DoseChange::default()
    }
}

#[test]
fn a_coded_unit_stays_only_beside_the_unit_it_codes() {
    let coded = |unit: &str, code: &str| {
        format!(
            r#"{{"text":"x","doseAndRate":[{{"doseQuantity":{{"value":5,"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{code}"}}}}]}}"#
        )
    };
    // What the record says, what is typed, and the code that stands beside it afterwards.
    for (unit, code, typed, kept) in [
        ("mg", "mg", "mg", Some("mg")),
        ("milligram", "mg", "milligram", Some("mg")),
        ("milligram", "mg", "mg", Some("mg")),
        ("mg", "mg", "mL", None),
        ("mg", "mg", "g", None),
        ("mg", "mg", "MG", None),
        ("microgram", "ug", "mg", None),
        ("tablet", "{tbl}", "mg", None),
    ] {
        let clinic = clinic();
        let id = prescribed(&clinic, &coded(unit, code));
        clinic
            .medication_dose_change(&clinician(), &change(&id, "10", typed, ""))
            .expect("changed");
        let json = read(&clinic, &id);
        let quantity = json
            .pointer("/dosageInstruction/0/doseAndRate/0/doseQuantity")
            .expect("a dose");
        let text = |name: &str| quantity.get(name).and_then(Json::as_str);
        assert_eq!(quantity.get("value").map(Json::canonical).as_deref(), Some("10"));
        assert_eq!(text("unit"), Some(typed));
        assert_eq!(text("code"), kept, "{unit} ({code}) became {typed}");
        assert_eq!(text("system"), kept.map(|_| "http://unitsofmeasure.org"));
    }
}

#[test]
fn a_range_gives_way_to_the_dose_that_was_typed() {
    let clinic = clinic();
    let range = r#"{"text":"1 to 2 mg","doseAndRate":[{"doseRange":{"low":{"value":1,"unit":"mg"},"high":{"value":2,"unit":"mg"}}}]}"#;
    let id = prescribed(&clinic, range);
    clinic
        .medication_dose_change(&clinician(), &change(&id, "4", "mg", ""))
        .expect("changed");
    let json = read(&clinic, &id);
    let rate = json
        .pointer("/dosageInstruction/0/doseAndRate/0")
        .expect("a rate");
    assert!(rate.get("doseRange").is_none(), "{rate:?}");
    assert_eq!(
        rate.pointer("/doseQuantity/value")
            .map(Json::canonical)
            .as_deref(),
        Some("4")
    );
    let said = json.pointer("/dosageInstruction/0/text").and_then(Json::as_str);
    assert_eq!(said, Some("4 mg"), "the words are those of the new dose");
}

#[test]
fn a_dose_is_a_positive_number_some_times_a_day() {
    let clinic = clinic();
    let id = prescribed(
        &clinic,
        r#"{"text":"5 mg","doseAndRate":[{"doseQuantity":{"value":5,"unit":"mg"}}]}"#,
    );
    #[rustfmt::skip]
    let refused = [
        ("", "mg", "", "dose_value", Reason::Required), ("x", "mg", "", "dose_value", Reason::Malformed),
        ("0", "mg", "", "dose_value", Reason::NotPositive), ("0.0", "mg", "", "dose_value", Reason::NotPositive),
        ("-1", "mg", "", "dose_value", Reason::NotPositive), ("1.00000000000000001", "mg", "", "dose_value", Reason::Malformed),
        ("5", "", "", "dose_unit", Reason::Required), ("5", "mg", "0", "times_per_day", Reason::Impossible),
        ("5", "mg", "-1", "times_per_day", Reason::Impossible), ("5", "mg", "49", "times_per_day", Reason::Impossible),
        ("5", "mg", "2.5", "times_per_day", Reason::Malformed), ("5", "mg", "twice", "times_per_day", Reason::Malformed),
    ];
    for (value, unit, times, field, reason) in refused {
        let done = clinic.medication_dose_change(&clinician(), &change(&id, value, unit, times));
        let Err(FormError::Invalid(errors)) = done else {
            panic!("{value} {unit} {times}: {done:?}");
        };
        let told: Vec<_> = errors.0.iter().map(|error| (error.field, error.reason)).collect();
        assert_eq!(told, [(field, reason)], "{value} {unit} {times}");
    }
    for (value, times) in [("0.001", "1"), ("2,5", "48")] {
        clinic
            .medication_dose_change(&clinician(), &change(&id, value, "mg", times))
            .expect("changed");
        let json = read(&clinic, &id);
        let at = |pointer: &str| json.pointer(pointer).map(Json::canonical).unwrap_or_default();
        assert_eq!(
            at("/dosageInstruction/0/doseAndRate/0/doseQuantity/value"),
            value.replace(',', ".")
        );
        assert_eq!(at("/dosageInstruction/0/timing/repeat/frequency"), times);
    }
}

#[test]
fn each_status_needs_what_the_table_says_and_what_has_ended_stays_so() {
    // Status, whether it needs a reason, whether it ends the prescription.
    for (status, needs_reason, is_end) in [
        ("active", false, false),
        ("on-hold", true, false),
        ("stopped", true, true),
        ("completed", false, true),
        ("cancelled", true, true),
        ("entered-in-error", true, true),
    ] {
        let clinic = clinic();
        let id = prescribed(&clinic, r#"{"text":"5 mg"}"#);
        let to = |status: &str, reason: &str| {
            let change = MedicationStatusChange {
                id: id.clone(),
                status: status.to_owned(),
                reason: reason.to_owned(),
                ..MedicationStatusChange::default()
            };
            clinic.medication_status_change(&clinician(), &change)
        };
        match to(status, " ") {
            Err(FormError::Invalid(errors)) if needs_reason => {
                assert_eq!(
                    (errors.0[0].field, errors.0[0].reason),
                    ("reason", Reason::Required)
                );
                to(status, "rash").expect("changed");
            }
            done => assert!(done.is_ok() && !needs_reason, "{status}: {done:?}"),
        }
        let json = read(&clinic, &id);
        assert_eq!(json.get("status").and_then(Json::as_str), Some(status));
        assert_eq!(json.get("statusReason").is_some(), needs_reason, "{status}");
        for next in ["active", "on-hold", "completed"] {
            let done = to(next, "again");
            assert_eq!(done.is_err(), is_end, "{status} to {next}: {done:?}");
            if is_end {
                let json = read(&clinic, &id);
                assert_eq!(json.get("status").and_then(Json::as_str), Some(status));
            } else if next == "completed" {
                break;
            }
        }
    }
    let clinic = clinic();
    let id = prescribed(&clinic, r#"{"text":"5 mg"}"#);
    for status in ["", "draft", "unknown", "Active", "finished"] {
        let change = MedicationStatusChange {
            id: id.clone(),
            status: status.to_owned(),
            reason: "rash".to_owned(),
            ..MedicationStatusChange::default()
        };
        let done = clinic.medication_status_change(&clinician(), &change);
        assert!(matches!(done, Err(FormError::Invalid(_))), "{status}: {done:?}");
    }
}

#[test]
fn an_instruction_is_kept_beside_the_numbers_it_was_written_for_and_beside_no_others() {
    const OLD: &str = "one in the morning, one at night";
    const NEW: &str = "as told today";
    let daily = r#"{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}"#;
    let weekly = r#"{"repeat":{"frequency":2,"period":1,"periodUnit":"wk"}}"#;
    // How often it is taken, then what is typed: dose, unit, times a day, instruction; and what stands
    // there then, or that it is refused.
    #[rustfmt::skip]
    let rows: [(&str, [&str; 4], Option<&str>); 16] = [
        (daily, ["10", "mg", "2", OLD], Some(OLD)),
        (daily, ["10", "mg", "", OLD], Some(OLD)),
        (daily, ["10", "mg", "3", OLD], None),
        (daily, ["10", "mg", "1", OLD], None),
        (daily, ["12", "mg", "2", OLD], None),
        (daily, ["12", "mg", "", OLD], None),
        (daily, ["10", "g", "2", OLD], None),
        (daily, ["10", "mg", "3", " one in the morning, one at night "], None),
        (daily, ["10", "mg", "3", NEW], Some(NEW)),
        (daily, ["12", "g", "1", NEW], Some(NEW)),
        (daily, ["10", "mg", "2", NEW], Some(NEW)),
        (daily, ["10", "mg", "3", ""], Some("10 mg, 3 × / 1 d")),
        (daily, ["12", "mg", "", ""], Some("12 mg, 2 × / 1 d")),
        (weekly, ["10", "mg", "", OLD], Some(OLD)),
        (weekly, ["10", "mg", "2", OLD], None),
        (weekly, ["12", "mg", "", ""], Some("12 mg, 2 × / 1 wk")),
    ];
    for (timing, [value, unit, times, text], said) in rows {
        let clinic = clinic();
        let id = prescribed(
            &clinic,
            &format!(
                r#"{{"text":"{OLD}","timing":{timing},"doseAndRate":[{{"doseQuantity":{{"value":10,"unit":"mg"}}}}]}}"#
            ),
        );
        let before = read(&clinic, &id).canonical();
        let change = DoseChange {
            dose_text: text.to_owned(),
            ..change(&id, value, unit, times)
        };
        let typed = format!("{timing}: {value} {unit} {times:?} {text:?}");
        match (clinic.medication_dose_change(&clinician(), &change), said) {
            (Ok(_), Some(said)) => {
                let json = read(&clinic, &id);
                let dosage = json.pointer("/dosageInstruction/0").expect("a dosage");
                assert_eq!(dosage.get("text").and_then(Json::as_str), Some(said), "{typed}");
                let dose = dosage.pointer("/doseAndRate/0/doseQuantity").expect("a dose");
                assert_eq!(
                    crate::fhir_json::quantity(dose),
                    (value.to_owned(), unit.to_owned())
                );
                let often = super::timing::of(dosage);
                let kept = super::timing::of(&parsed(&format!(r#"{{"timing":{timing}}}"#)));
                match times {
                    "" => assert_eq!(often, kept, "{typed}"),
                    times => assert_eq!(often.times_a_day, times, "{typed}"),
                }
            }
            (Err(FormError::Invalid(errors)), None) => {
                let told: Vec<_> = errors.0.iter().map(|error| (error.field, error.reason)).collect();
                assert_eq!(told, [("dose_text", Reason::Outdated)], "{typed}");
                assert_eq!(read(&clinic, &id).canonical(), before, "{typed}");
            }
            (done, _) => panic!("{typed}: {done:?}"),
        }
    }
}

#[test]
fn a_dose_is_written_where_there_was_none_and_what_stands_beside_it_stays() {
    // What the record says of its dosage, what stands there once "4 mg, twice a day" was typed.
    for (before, after) in [
        (
            "",
            r#"{"text":"4 mg, 2 × / 1 d","doseAndRate":[{"doseQuantity":{"value":4,"unit":"mg"}}],
            "timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}}"#,
        ),
        (
            r#"{"route":{"text":"oral"},"asNeededBoolean":false,"method":{"text":"swallow"}}"#,
            r#"{"route":{"text":"oral"},"asNeededBoolean":false,"method":{"text":"swallow"},"text":"4 mg, 2 × / 1 d",
            "doseAndRate":[{"doseQuantity":{"value":4,"unit":"mg"}}],
            "timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}}"#,
        ),
        (
            r#"{"doseAndRate":[{"type":{"text":"ordered"},"doseQuantity":{"value":9,"unit":"mg"}}]}"#,
            r#"{"text":"4 mg, 2 × / 1 d","doseAndRate":[{"type":{"text":"ordered"},
            "doseQuantity":{"value":4,"unit":"mg"}}],"timing":{"repeat":{"frequency":2,"period":1,"periodUnit":"d"}}}"#,
        ),
    ] {
        let clinic = clinic();
        let id = match before {
            "" => {
                let json = format!(
                    r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order",
                    "medicationCodeableConcept":{{"text":"Morphine"}},"subject":{{"reference":"Patient/{}"}}}}"#,
                    patient(&clinic)
                );
                put(&clinic, parsed(&json))
            }
            before => prescribed(&clinic, before),
        };
        clinic
            .medication_dose_change(&clinician(), &change(&id, "4", "mg", "2"))
            .expect("changed");
        let json = read(&clinic, &id);
        let dosages = json.get("dosageInstruction").expect("a dosage").canonical();
        assert_eq!(dosages, parsed(&format!("[{after}]")).canonical(), "{before}");
    }
}

#[test]
fn what_is_typed_into_the_forms_of_a_medicine_is_kept_whole_or_the_field_is_named() {
    let clinic = clinic();
    let id = prescribed(&clinic, r#"{"text":"5 mg"}"#);
    for (unit, text, words, told) in [
        (32, 512, 512, None),
        (33, 1, 1, Some(("dose_unit", Reason::TooLong))),
        (1, 513, 1, Some(("dose_text", Reason::TooLong))),
        (1, 0, 513, Some(("dose_text", Reason::TooLong))),
    ] {
        let of = |chars: usize| "ñ".repeat(chars);
        let change = DoseChange {
            dose_text: of(text),
            words: of(words),
            ..change(&id, "5", &of(unit), "")
        };
        match clinic.medication_dose_change(&clinician(), &change) {
            Ok(_) => {
                assert!(told.is_none());
                let json = read(&clinic, &id);
                let said = json.pointer("/dosageInstruction/0/text").and_then(Json::as_str);
                assert_eq!(said, Some(of(text).as_str()));
            }
            Err(FormError::Invalid(errors)) => {
                let found: Vec<_> = errors.0.iter().map(|one| (one.field, one.reason)).collect();
                assert_eq!(found, told.into_iter().collect::<Vec<_>>());
            }
            Err(other) => panic!("{other}"),
        }
    }
    for (reason, told) in [
        ("ñ".repeat(257), Some(Reason::TooLong)),
        ("ra\u{7}sh".to_owned(), Some(Reason::Malformed)),
        (format!(" {} ", "ñ".repeat(256)), None),
    ] {
        let change = MedicationStatusChange {
            id: id.clone(),
            status: "on-hold".to_owned(),
            reason: reason.clone(),
            ..MedicationStatusChange::default()
        };
        match (clinic.medication_status_change(&clinician(), &change), told) {
            (Ok(_), None) => {
                let json = read(&clinic, &id);
                let said = json.pointer("/statusReason/text").and_then(Json::as_str);
                assert_eq!(said, Some(reason.trim()));
            }
            (Err(FormError::Invalid(errors)), Some(why)) => {
                let found: Vec<_> = errors.0.iter().map(|one| (one.field, one.reason)).collect();
                assert_eq!(found, [("reason", why)]);
            }
            (done, _) => panic!("{reason}: {done:?}"),
        }
    }
}

/// What the form does not show would be gone from the instruction that others read, and what is no order has no dose
/// to change.
#[test]
fn a_dose_is_not_changed_where_the_form_would_drop_what_it_does_not_show() {
    let dose = r#""text":"x","doseAndRate":[{"doseQuantity":{"value":5,"unit":"mg"}}]"#;
    for (more, reason) in [
        (r#","asNeededBoolean":true"#, Some(Reason::NotWhole)),
        (
            r#","asNeededCodeableConcept":{"text":"pain"}"#,
            Some(Reason::NotWhole),
        ),
        (
            r#","maxDosePerPeriod":{"numerator":{"value":4,"unit":"g"},"denominator":{"value":1,"unit":"d"}}"#,
            Some(Reason::NotWhole),
        ),
        (
            r#","additionalInstruction":[{"text":"with food"}]"#,
            Some(Reason::NotWhole),
        ),
        (r#","patientInstruction":"with food""#, Some(Reason::NotWhole)),
        (
            r#","modifierExtension":[{"url":"http://example.org/x","valueBoolean":true}]"#,
            Some(Reason::NotWhole),
        ),
        (r#","asNeededBoolean":false"#, None),
        (r#","route":{"text":"by mouth"}"#, None),
    ] {
        let clinic = clinic();
        let id = prescribed(&clinic, &format!("{{{dose}{more}}}"));
        let before = read(&clinic, &id);
        let done = clinic.medication_dose_change(&clinician(), &change(&id, "10", "mg", "2"));
        match (reason, done) {
            (None, Ok(_)) => {}
            (Some(reason), Err(FormError::Invalid(errors))) => {
                let told: Vec<_> = errors.0.iter().map(|error| (error.field, error.reason)).collect();
                assert_eq!(told, [("dose_value", reason)], "{more}");
                assert_eq!(read(&clinic, &id), before, "{more}");
            }
            (_, done) => panic!("{more}: {done:?}"),
        }
    }
    for not_an_order in [
        r#""doNotPerform":true,"intent":"order""#,
        r#""intent":"plan""#,
        r#""intent":"proposal""#,
    ] {
        let clinic = clinic();
        let patient = patient(&clinic);
        let id = put(
            &clinic,
            parsed(&format!(
                r#"{{"resourceType":"MedicationRequest","status":"active",{not_an_order},
                "medicationCodeableConcept":{{"text":"Warfarin"}},"subject":{{"reference":"Patient/{patient}"}},
                "dosageInstruction":[{{{dose}}}]}}"#
            )),
        );
        let done = clinic.medication_dose_change(&clinician(), &change(&id, "10", "mg", "2"));
        let Err(FormError::Invalid(errors)) = done else {
            panic!("{not_an_order}: {done:?}");
        };
        assert_eq!(errors.0[0].reason, Reason::NotAnOrder);
        let row = clinic
            .medication_view(&clinician(), &patient, &id)
            .expect("a row");
        assert!(!row.is_order && row.active);
    }
}
