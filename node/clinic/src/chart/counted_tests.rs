//! What a chart counts and judges: every dispute in it, and a measurement by the age it was made at.

use crate::Clinic;
use crate::record::UpdateOptions;
use crate::testing::{clinic, clinician, parsed, patient, put};
use crate::vitals::Flag;
use chaski_json::Json;

/// Two people write this member of a record from the same version.
fn dispute(clinic: &Clinic, kind: &str, id: &str, member: &str, values: [&str; 2]) {
    let key = format!("{kind}/{id}").parse().expect("a key");
    let read = clinic.record_read(&clinician(), &key).expect("the record");
    for value in values {
        let mut json = read.json.clone();
        crate::fhir_json::set(&mut json, member, parsed(value));
        let options = UpdateOptions {
            if_match: Some(read.version.to_string()),
            merge: true,
            ..UpdateOptions::default()
        };
        clinic
            .record_update(&clinician(), kind, id, json, &options)
            .expect("written");
    }
}

/// A kind of record in a chart, what it says of `PATIENT`, and what is disputed of it.
type Disputed = (&'static str, &'static str, &'static str, [&'static str; 2]);

const DISPUTED: [Disputed; 6] = [
    (
        "AllergyIntolerance",
        r#""patient":{"reference":"PATIENT"},"code":{"text":"Latex"}"#,
        "criticality",
        [r#""low""#, r#""high""#],
    ),
    (
        "Condition",
        r#""subject":{"reference":"PATIENT"},"code":{"text":"Asthma"}"#,
        "code",
        [r#"{"text":"Angina"}"#, r#"{"text":"Anaemia"}"#],
    ),
    (
        "Condition",
        r#""subject":{"reference":"PATIENT"},"clinicalStatus":{"coding":[{
            "system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"resolved"}]}"#,
        "code",
        [r#"{"text":"Angina"}"#, r#"{"text":"Anaemia"}"#],
    ),
    (
        "MedicationRequest",
        r#""subject":{"reference":"PATIENT"},"status":"active","intent":"order","medicationCodeableConcept":{"text":"a"}"#,
        "medicationCodeableConcept",
        [r#"{"text":"Morphine"}"#, r#"{"text":"Codeine"}"#],
    ),
    (
        "MedicationStatement",
        r#""subject":{"reference":"PATIENT"},"status":"active","medicationCodeableConcept":{"text":"a"}"#,
        "medicationCodeableConcept",
        [r#"{"text":"Morphine"}"#, r#"{"text":"Codeine"}"#],
    ),
    (
        "Observation",
        r#""subject":{"reference":"PATIENT"},"status":"final","code":{"text":"Potassium"}"#,
        "valueQuantity",
        [
            r#"{"value":6.9,"unit":"mmol/L"}"#,
            r#"{"value":3.9,"unit":"mmol/L"}"#,
        ],
    ),
];

fn told(clinic: &Clinic, id: &str) -> usize {
    clinic.chart_view(&clinician(), id).expect("a chart").conflicts
}

#[test]
fn a_chart_tells_of_every_dispute_in_it_and_of_none_elsewhere() {
    let all = clinic();
    let (one, other) = (patient(&all), patient(&all));
    for (number, (kind, members, member, values)) in DISPUTED.into_iter().enumerate() {
        let write = |clinic: &Clinic, patient: &str| {
            let members = members.replace("PATIENT", &format!("Patient/{patient}"));
            put(
                clinic,
                parsed(&format!(r#"{{"resourceType":"{kind}",{members}}}"#)),
            )
        };
        // Alone in a chart, and beside the others.
        let alone = clinic();
        let id = patient(&alone);
        let record = write(&alone, &id);
        assert_eq!(told(&alone, &id), 0, "{kind}");
        dispute(&alone, kind, &record, member, values);
        assert_eq!(told(&alone, &id), 1, "{kind} {members}");
        let record = write(&all, &one);
        dispute(&all, kind, &record, member, values);
        assert_eq!(told(&all, &one), number + 1, "{kind} {members}");
        assert_eq!(told(&all, &other), 0, "{kind}");
    }
    // Of the patient's own record each is counted.
    dispute(
        &all,
        "Patient",
        &other,
        "birthDate",
        [r#""1980-01-01""#, r#""1981-01-01""#],
    );
    assert_eq!(told(&all, &other), 1);
    dispute(&all, "Patient", &other, "deceasedBoolean", ["true", "false"]);
    assert_eq!(told(&all, &other), 2);
    assert_eq!(told(&all, &one), DISPUTED.len());
}

#[test]
fn a_measurement_is_judged_by_the_age_it_was_made_at() {
    // Born six years before today: today a child.
    let born = "2019-12-01";
    let heart = ("8867-4", "/min");
    for ((code, unit), when, value, flag) in [
        (heart, "2019-12-10", 150, None),
        (heart, "2026-01-01", 150, Some(Flag::High)),
        (heart, "2019-12-10", 85, Some(Flag::Low)),
        (heart, "2026-01-01", 85, None),
        (heart, "2020-06-01", 185, Some(Flag::High)),
        (heart, "2026-01-01", 185, Some(Flag::CriticalHigh)),
        (("9279-1", "/min"), "2019-12-10", 55, None),
        (("9279-1", "/min"), "2020-06-01", 55, Some(Flag::High)),
        (("9279-1", "/min"), "2026-01-01", 55, Some(Flag::CriticalHigh)),
        // What is no child's yet is judged by nothing.
        (("8480-6", "mm[Hg]"), "2020-06-01", 70, None),
    ] {
        for name in ["effectiveDateTime", "effectiveInstant", "issued"] {
            let clinic = clinic();
            let id = put(
                &clinic,
                parsed(&format!(
                    r#"{{"resourceType":"Patient","name":[{{"family":"Quispe"}}],"birthDate":"{born}"}}"#
                )),
            );
            let when = match name {
                "effectiveDateTime" => when.to_owned(),
                _ => format!("{when}T08:00:00Z"),
            };
            put(
                &clinic,
                parsed(&format!(
                    r#"{{"resourceType":"Observation","status":"final","subject":{{"reference":"Patient/{id}"}},
                    "code":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}},"{name}":"{when}",
                    "valueQuantity":{{"value":{value},"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}}}}"#
                )),
            );
            let chart = clinic.chart_view(&clinician(), &id).expect("a chart");
            let row = &chart.rows::<crate::vitals::ObservationRow>()[0];
            assert_eq!(row.flag, flag, "{code} {value} on {when}");
            assert_eq!((row.value.clone(), &row.when), (value.to_string(), &when));
        }
    }
}

#[test]
fn a_row_names_its_record_its_version_and_who_wrote_it() {
    let clinic = clinic();
    let id = patient(&clinic);
    for (kind, members, ..) in DISPUTED {
        let members = members.replace("PATIENT", &format!("Patient/{id}"));
        put(
            &clinic,
            parsed(&format!(r#"{{"resourceType":"{kind}",{members}}}"#)),
        );
    }
    let chart = clinic.chart_view(&clinician(), &id).expect("a chart");
    let metas = [
        &chart.patient_meta,
        &chart.rows::<crate::allergy::AllergyRow>()[0].meta,
        &chart.rows::<crate::problem::ProblemRow>()[0].meta,
    ];
    let more = [
        &chart.rows::<crate::problem::ProblemRow>()[1].meta,
        &chart.rows::<crate::medication::MedicationRow>()[0].meta,
        &chart.rows::<crate::medication::MedicationRow>()[1].meta,
    ];
    for meta in metas
        .into_iter()
        .chain(more)
        .chain([&chart.rows::<crate::vitals::ObservationRow>()[0].meta])
    {
        let key = meta.record.parse().expect("a key");
        let read = clinic.record_read(&clinician(), &key).expect("the record");
        assert_eq!(meta.version, read.version.to_string(), "{}", meta.record);
        assert_eq!(meta.arrived_ms, read.last_updated_ms, "{}", meta.record);
        assert_eq!(
            (meta.author.user.as_str(), meta.author.role.as_str()),
            ("ana", "clinician")
        );
        assert!(meta.author.written_ms > 0 && !meta.author.node.is_empty());
        assert_eq!(meta.conflicts, 0);
        let version = read.json.pointer("/meta/versionId").and_then(Json::as_str);
        assert_eq!(version, Some(meta.version.as_str()));
    }
    let newest = chart.complete_as_of.iter().map(|site| site.written_ms).max();
    assert_eq!(
        newest,
        Some(
            chart.rows::<crate::vitals::ObservationRow>()[0]
                .meta
                .author
                .written_ms
        )
    );
}
