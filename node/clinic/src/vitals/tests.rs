use jiff::tz::TimeZone;

use super::*;
use crate::form::FormError;
use crate::form::Reason;
use crate::testing::{clinic, clinician, patient};

fn form(patient: &str, values: Vitals) -> VitalsForm {
    VitalsForm {
        patient: patient.to_owned(),
        values,
        ..VitalsForm::default()
    }
}

#[test]
fn vitals_are_recorded_with_their_flags_and_shown() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let values = Vitals {
        heart_rate: "120".to_owned(),
        temperature: "36,80".to_owned(),
        systolic: "150".to_owned(),
        diastolic: "85".to_owned(),
        ..Vitals::default()
    };
    let done = clinic
        .vitals_record(&clinician(), &form(&patient, values))
        .expect("recorded");
    assert_eq!(done.ids.len(), 3, "blood pressure is one observation");
    assert_eq!(
        done.flags,
        [
            (Sign::HeartRate, Flag::CriticalHigh),
            (Sign::Systolic, Flag::High)
        ]
    );
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    let row = |code: &str| {
        chart
            .rows::<ObservationRow>()
            .iter()
            .find(|row| row.code == code)
            .expect("a row")
    };
    assert_eq!(
        (row("8867-4").value.as_str(), row("8867-4").flag),
        ("120", Some(Flag::CriticalHigh))
    );
    assert_eq!(
        (row("8310-5").value.as_str(), row("8310-5").flag),
        ("36.80", None),
        "digits stay as written"
    );
    assert_eq!(
        (row("85354-9").value.as_str(), row("85354-9").unit.as_str()),
        ("150/85", "mmHg")
    );
}

#[test]
fn the_same_form_twice_records_once() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let mut form = form(
        &patient,
        Vitals {
            weight: "61.5".to_owned(),
            ..Vitals::default()
        },
    );
    form.draft_id = "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10".to_owned();
    let first = clinic.vitals_record(&clinician(), &form).expect("recorded");
    let second = clinic.vitals_record(&clinician(), &form).expect("recorded");
    assert_eq!(first.ids, second.ids);
    assert_eq!(
        clinic
            .chart_view(&clinician(), &patient)
            .expect("a chart")
            .rows::<ObservationRow>()
            .len(),
        1
    );
}

#[test]
fn impossible_and_missing_values_are_refused() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let check = |values: Vitals| match clinic.vitals_record(&clinician(), &form(&patient, values)) {
        Err(FormError::Invalid(errors)) => errors
            .0
            .into_iter()
            .map(|e| (e.field, e.reason))
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(check(Vitals::default()), [("values", Reason::Required)]);
    let high = Vitals {
        temperature: "368".to_owned(),
        ..Vitals::default()
    };
    assert_eq!(check(high), [("temperature", Reason::Impossible)]);
    let word = Vitals {
        heart_rate: "fast".to_owned(),
        ..Vitals::default()
    };
    assert_eq!(check(word), [("heart_rate", Reason::Malformed)]);
    let swapped = Vitals {
        systolic: "80".to_owned(),
        diastolic: "120".to_owned(),
        ..Vitals::default()
    };
    assert_eq!(check(swapped), [("diastolic", Reason::Inconsistent)]);
    let pressure = |systolic: &str, diastolic: &str| Vitals {
        systolic: systolic.to_owned(),
        diastolic: diastolic.to_owned(),
        ..Vitals::default()
    };
    let inconsistent = [("diastolic", Reason::Inconsistent)];
    assert_eq!(check(pressure("120", "120")), inconsistent);
    assert_eq!(check(pressure("120", "120.1")), inconsistent);
    // Each wrong field is named, and the right ones beside it are not.
    let several = Vitals {
        heart_rate: "1e2".to_owned(),
        respiratory_rate: "16".to_owned(),
        temperature: "36.800000000".to_owned(),
        weight: "36.8000000000".to_owned(),
        height: "-170".to_owned(),
        oxygen_saturation: "101".to_owned(),
        ..Vitals::default()
    };
    let mut told = check(several);
    told.sort_by_key(|(field, _)| *field);
    let expected = [
        ("heart_rate", Reason::Malformed),
        ("height", Reason::Impossible),
        ("oxygen_saturation", Reason::Impossible),
        ("weight", Reason::Malformed),
    ];
    assert_eq!(told, expected);
    for values in [pressure("120", "119.9"), pressure("120", ""), pressure("", "80")] {
        let done = clinic.vitals_record(&clinician(), &form(&patient, values.clone()));
        assert_eq!(done.expect("recorded").ids.len(), 1, "{values:?}");
    }
}

#[test]
fn a_childs_values_are_judged_by_age() {
    let born = chaski_json::json!({"birthDate": "2025-06-15"});
    for (when, band) in [
        ("2025-07-14T08:00:00Z", AgeBand::Newborn),
        ("2025-08-15", AgeBand::Infant),
        ("2026-06-15", AgeBand::YoungChild),
        ("2030-06-15", AgeBand::Child),
        ("2037-06-15", AgeBand::Adult),
    ] {
        assert_eq!(ages_at(&born, when, &TimeZone::UTC), Ok(Ages::of(band)), "{when}");
    }
    assert_eq!(bands::flag(Sign::RespiratoryRate, AgeBand::Infant, 45.0), None);
    assert_eq!(
        bands::flag(Sign::RespiratoryRate, AgeBand::Adult, 45.0),
        Some(Flag::CriticalHigh)
    );
}

#[test]
fn each_part_of_a_value_is_read_in_its_own_unit() {
    let part = |value: &str, unit: &str| {
        format!(r#"{{"code":{{"text":"part"}},"valueQuantity":{{"value":{value},"unit":"{unit}"}}}}"#)
    };
    let loinc = |code: &str, value: &str, unit: &str| {
        part(value, unit).replace(r#""text":"part""#, &format!(r#""coding":[{{"code":"{code}"}}]"#))
    };
    let (sys, dia) = ("8480-6", "8462-4");
    for (own, parts, value, unit) in [
        (
            "",
            vec![loinc(sys, "120", "mmHg"), loinc(dia, "80", "mmHg")],
            "120 / 80",
            "mmHg",
        ),
        (
            "",
            vec![loinc(dia, "80", "mmHg"), loinc(sys, "120", "mmHg")],
            "120 / 80",
            "mmHg",
        ),
        (
            "",
            vec![loinc(sys, "120", "mmHg"), loinc(dia, "10.7", "kPa")],
            "120 / 10.7 kPa",
            "mmHg",
        ),
        (
            "",
            vec![loinc(dia, "10.7", "kPa"), loinc(sys, "120", "mmHg")],
            "120 / 10.7 kPa",
            "mmHg",
        ),
        (
            "",
            vec![loinc(sys, "16", "kPa"), loinc(dia, "80", "mmHg")],
            "16 / 80 mmHg",
            "kPa",
        ),
        (
            "",
            vec![part("1", "g"), part("2", "mg"), part("3", "g")],
            "1 / 2 mg / 3",
            "g",
        ),
        (
            r#""valueString":"two","#,
            vec![part("80", "mmHg")],
            "two / 80 mmHg",
            "",
        ),
        (
            r#""valueQuantity":{"value":37.0,"unit":"°C"},"#,
            vec![part("98.6", "°F")],
            "37.0 / 98.6 °F",
            "°C",
        ),
        (r#""valueQuantity":{"value":5,"code":"mg"},"#, vec![], "5", "mg"),
    ] {
        let json = format!(
            r#"{{{own}"code":{{"text":"x"}},"component":[{}]}}"#,
            parts.join(",")
        );
        let row = ObservationRow::from_json(
            &crate::testing::parsed(&json),
            Ok(Ages::of(AgeBand::Adult)),
            crate::chart::RecordMeta::default(),
        );
        assert_eq!((row.value.as_str(), row.unit.as_str()), (value, unit), "{json}");
    }
}

#[test]
fn every_sort_of_value_is_shown_whole() {
    for (value, shown, unit) in [
        (
            r#""valueQuantity":{"value":0.010,"unit":"ng/mL"}"#,
            "0.010",
            "ng/mL",
        ),
        (
            r#""valueQuantity":{"value":0.01,"comparator":"<","unit":"ng/mL"}"#,
            "<0.01",
            "ng/mL",
        ),
        (
            r#""valueQuantity":{"value":600,"comparator":">=","code":"mg/dL"}"#,
            ">=600",
            "mg/dL",
        ),
        (r#""valueQuantity":{"comparator":"<","unit":"mg"}"#, "", "mg"),
        (r#""valueString":"positive""#, "positive", ""),
        (
            r#""valueCodeableConcept":{"coding":[{"code":"1","display":"Positive"}]}"#,
            "Positive",
            "",
        ),
        (r#""valueBoolean":false"#, "false", ""),
        (r#""valueInteger":0"#, "0", ""),
        (r#""valueDateTime":"2026-01-01""#, "2026-01-01", ""),
        (
            r#""valueRange":{"low":{"value":2,"unit":"mg"},"high":{"value":5,"unit":"mg"}}"#,
            "2–5",
            "mg",
        ),
        (r#""valueRange":{"high":{"value":5,"unit":"mg"}}"#, "–5", "mg"),
        (r#""valueRange":{"low":{"value":2,"unit":"mg"}}"#, "2–", "mg"),
        (
            r#""valueRange":{"low":{"value":2,"unit":"mg"},"high":{"value":1,"unit":"g"}}"#,
            "2 mg–1 g",
            "",
        ),
        (
            r#""valueRatio":{"numerator":{"value":1},"denominator":{"value":128,"comparator":">"}}"#,
            "1:>128",
            "",
        ),
        (
            r#""valueRatio":{"numerator":{"value":5,"unit":"mg"},"denominator":{"value":1,"unit":"mL"}}"#,
            "5 mg:1 mL",
            "",
        ),
        (
            r#""valuePeriod":{"start":"2025-01","end":"2025-02"}"#,
            "2025-01–2025-02",
            "",
        ),
        (r#""status":"final""#, "", ""),
    ] {
        let json = crate::testing::parsed(&format!(r#"{{"code":{{"text":"x"}},{value}}}"#));
        let row = ObservationRow::from_json(
            &json,
            Ok(Ages::of(AgeBand::Adult)),
            crate::chart::RecordMeta::default(),
        );
        assert_eq!((row.value.as_str(), row.unit.as_str()), (shown, unit), "{value}");
    }
}

#[test]
fn what_is_typed_later_is_flagged_by_the_age_at_which_it_was_measured() {
    // On this clinic's first of January 2026 the child is seven months old.
    let born = r#"{"resourceType":"Patient","birthDate":"2025-06-01"}"#;
    let (heart, breath) = (Sign::HeartRate, Sign::RespiratoryRate);
    for (sign, when, value, flag) in [
        (heart, "2025-06-10T08:00:00Z", "170", None),
        (heart, "2025-06-10T08:00:00Z", "99", Some(Flag::Low)),
        (heart, "2025-12-01T08:00:00Z", "170", Some(Flag::High)),
        (heart, "", "170", Some(Flag::High)),
        (heart, "", "191", Some(Flag::CriticalHigh)),
        (heart, "2025-07-31T08:00:00Z", "191", Some(Flag::High)),
        (breath, "2025-06-10T08:00:00Z", "55", None),
        (breath, "2025-06-10T08:00:00+05:00", "55", None),
        (breath, "2025-12-01T08:00:00Z", "55", Some(Flag::High)),
        (breath, "", "55", Some(Flag::High)),
    ] {
        let clinic = clinic();
        let id = crate::testing::put(&clinic, crate::testing::parsed(born));
        let mut values = Vitals::default();
        match sign {
            Sign::HeartRate => values.heart_rate = value.to_owned(),
            _ => values.respiratory_rate = value.to_owned(),
        }
        let form = VitalsForm {
            when: when.to_owned(),
            ..form(&id, values)
        };
        let done = clinic.vitals_record(&clinician(), &form).expect("recorded");
        let told: Vec<(Sign, Flag)> = flag.into_iter().map(|flag| (sign, flag)).collect();
        assert_eq!(done.flags, told, "{value} at {when:?}");
        // The record itself says so to whoever reads it.
        let key = crate::RecordKey::new("Observation", &done.ids[0]).expect("a key");
        let json = clinic.record_read(&clinician(), &key).expect("the record").json;
        let said = json.pointer("/interpretation/0/coding/0/code");
        let said = said.and_then(chaski_json::Json::as_str);
        assert_eq!(said, flag.map(Flag::code), "{value} at {when:?}");
        let chart = clinic.chart_view(&clinician(), &id).expect("a chart");
        assert_eq!(
            chart.rows::<ObservationRow>()[0].flag,
            flag,
            "{value} at {when:?}"
        );
    }
}

#[test]
fn a_set_of_vitals_is_written_as_this_and_nothing_else() {
    let clinic = clinic();
    let id = patient(&clinic);
    let form = VitalsForm {
        when: "2025-12-31T08:30:00-05:00".to_owned(),
        ..form(
            &id,
            Vitals {
                temperature: "39,20".to_owned(),
                systolic: "185".to_owned(),
                diastolic: "95".to_owned(),
                ..Vitals::default()
            },
        )
    };
    let done = clinic.vitals_record(&clinician(), &form).expect("recorded");
    let signs = [
        (Sign::Temperature, Flag::High),
        (Sign::Systolic, Flag::CriticalHigh),
        (Sign::Diastolic, Flag::High),
    ];
    assert_eq!(done.flags, signs);
    let frame = |code: &str, display: &str| {
        format!(
            r#""status":"final","subject":{{"reference":"Patient/{id}"}},"effectiveDateTime":"2025-12-31T08:30:00-05:00",
            "category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital Signs"}}]}}],
            "code":{{"coding":[{{"system":"http://loinc.org","code":"{code}","display":"{display}"}}]}}"#
        )
    };
    let quantity = |value: &str, unit: &str, code: &str, flag: &str| {
        format!(
            r#""valueQuantity":{{"value":{value},"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{code}"}},
            "interpretation":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"{flag}"}}]}}]"#
        )
    };
    let part = |code: &str, display: &str, quantity: String| {
        format!(
            r#"{{"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}","display":"{display}"}}]}},{quantity}}}"#
        )
    };
    let expected = [
        format!(
            "{},{}",
            frame("8310-5", "Body temperature"),
            quantity("39.20", "°C", "Cel", "H")
        ),
        format!(
            r#"{},"component":[{},{}]"#,
            frame("85354-9", "Blood pressure panel with all children optional"),
            part(
                "8480-6",
                "Systolic blood pressure",
                quantity("185", "mmHg", "mm[Hg]", "HH")
            ),
            part(
                "8462-4",
                "Diastolic blood pressure",
                quantity("95", "mmHg", "mm[Hg]", "H")
            ),
        ),
    ];
    assert_eq!(done.ids.len(), expected.len());
    for (id, members) in done.ids.iter().zip(expected) {
        let key = crate::RecordKey::new("Observation", id).expect("a key");
        let mut json = clinic.record_read(&clinician(), &key).expect("the record").json;
        json.as_object_mut().expect("an object").remove("meta");
        let wanted = crate::testing::parsed(&format!(
            r#"{{"resourceType":"Observation","id":"{id}",{members}}}"#
        ));
        assert_eq!(json.canonical(), wanted.canonical());
    }
}
