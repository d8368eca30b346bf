//! What a chart leaves out, in which order it shows the rest, and whose the newest entry is.

use crate::Purpose;
use crate::testing::caller_as;
use std::sync::Arc;

use crate::people::{NodeDirectory, NodeLabel};
use crate::record::UpdateOptions;
use crate::testing::{clinic, clinic_with, clinician, parsed, patient, put};
use crate::{Clinic, Settings};

fn status(of: &str, code: &str) -> String {
    format!(r#"{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/{of}","code":"{code}"}}]}}"#)
}

/// A kind of record, what it says of `PATIENT`, and what it says once it should never have been written,
/// against what somebody else made of it at the same time.
fn withdrawn() -> Vec<(&'static str, &'static str, String, String)> {
    let allergy = status("allergyintolerance-verification", "entered-in-error");
    let condition = status("condition-ver-status", "entered-in-error");
    let wrong = |value: String| format!(r#"{{"verificationStatus":{value}}}"#);
    let in_error = || r#"{"status":"entered-in-error"}"#.to_owned();
    vec![
        (
            "AllergyIntolerance",
            r#""patient":{"reference":"PATIENT"},"code":{"text":"Latex"}"#,
            wrong(allergy),
            wrong(status("allergyintolerance-verification", "confirmed")),
        ),
        (
            "Condition",
            r#""subject":{"reference":"PATIENT"},"code":{"text":"Asthma"}"#,
            wrong(condition),
            wrong(status("condition-ver-status", "confirmed")),
        ),
        (
            "MedicationRequest",
            r#""subject":{"reference":"PATIENT"},"status":"draft","intent":"order","medicationCodeableConcept":{"text":"a"}"#,
            in_error(),
            r#"{"status":"active"}"#.to_owned(),
        ),
        (
            "MedicationStatement",
            r#""subject":{"reference":"PATIENT"},"status":"intended","medicationCodeableConcept":{"text":"a"}"#,
            in_error(),
            r#"{"status":"active"}"#.to_owned(),
        ),
        (
            "Observation",
            r#""subject":{"reference":"PATIENT"},"status":"final","code":{"text":"Potassium"},"valueString":"x""#,
            in_error(),
            r#"{"status":"amended"}"#.to_owned(),
        ),
    ]
}

fn rows(clinic: &Clinic, patient: &str) -> usize {
    let chart = clinic.chart_view(&clinician(), patient).expect("a chart");
    chart.rows::<crate::allergy::AllergyRow>().len()
        + chart.rows::<crate::problem::ProblemRow>().len()
        + chart.rows::<crate::medication::MedicationRow>().len()
        + chart.rows::<crate::vitals::ObservationRow>().len()
}

/// Writes these members into a record, as from its first version.
fn write(clinic: &Clinic, key: &crate::RecordKey, first: &chaski_store::Current, user: &str, members: &str) {
    let mut json = first.json.clone();
    let members = parsed(members);
    for (name, value) in members.as_object().expect("an object").iter() {
        crate::fhir_json::set(&mut json, name, value.clone());
    }
    let options = UpdateOptions {
        if_match: Some(first.version.to_string()),
        merge: true,
        ..UpdateOptions::default()
    };
    let caller = caller_as(user, "clinician", &Purpose::Treatment);
    clinic
        .record_update(&caller, key.kind(), key.id(), json, &options)
        .expect("written");
}

#[test]
fn what_should_never_have_been_written_is_left_out_unless_that_is_disputed() {
    for (kind, members, wrong, other) in withdrawn() {
        for sides in [
            vec![&wrong],
            vec![&other],
            vec![&wrong, &other],
            vec![&other, &wrong],
        ] {
            let clinic = clinic();
            let id = patient(&clinic);
            let members = members.replace("PATIENT", &format!("Patient/{id}"));
            let record = put(
                &clinic,
                parsed(&format!(r#"{{"resourceType":"{kind}",{members}}}"#)),
            );
            assert_eq!(rows(&clinic, &id), 1, "{kind}");
            let key = crate::RecordKey::new(kind, &record).expect("a key");
            let first = clinic.record_read(&clinician(), &key).expect("the record");
            for side in &sides {
                write(&clinic, &key, &first, "ana", side);
            }
            let is_left_out = sides == [&wrong];
            assert_eq!(rows(&clinic, &id), usize::from(!is_left_out), "{kind} {sides:?}");
        }
    }
}

#[test]
fn rows_of_one_rank_stand_in_an_order_that_does_not_change() {
    let clinic = clinic();
    let id = patient(&clinic);
    let problem = |name: &str, onset: &str, clinical: &str| {
        let onset = match onset {
            "" => String::new(),
            onset => format!(r#","onsetDateTime":"{onset}""#),
        };
        let json = format!(
            r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/{id}"}},"code":{{"text":"{name}"}}{onset},
            "clinicalStatus":{}}}"#,
            status("condition-clinical", clinical)
        );
        put(&clinic, parsed(&json));
    };
    for (name, onset) in [
        ("Gout", "2020"),
        ("Asthma", "2024-05"),
        ("Eczema", ""),
        ("Anaemia", "2020"),
    ] {
        problem(name, onset, "active");
        problem(&format!("Past {name}"), onset, "resolved");
    }
    for (drug, authored) in [
        ("Morphine", "2025-01-01"),
        ("Codeine", "2025-01-01"),
        ("Aspirin", "2024-01-01"),
    ] {
        for kind in ["MedicationRequest", "MedicationStatement"] {
            let json = format!(
                r#"{{"resourceType":"{kind}","subject":{{"reference":"Patient/{id}"}},"status":"active","intent":"order",
                "medicationCodeableConcept":{{"text":"{drug}"}},"authoredOn":"{authored}"}}"#
            );
            let json = match kind {
                "MedicationRequest" => json,
                _ => json
                    .replace(r#","intent":"order""#, "")
                    .replace(&format!(r#","authoredOn":"{authored}""#), ""),
            };
            put(&clinic, parsed(&json));
        }
    }
    let none =
        r#"{"coding":[{"system":"http://snomed.info/sct","code":"716186003","display":"None known"}]}"#;
    for code in [r#"{"text":"Wasp"}"#, none, r#"{"text":"Bee"}"#] {
        put(
            &clinic,
            parsed(&format!(
                r#"{{"resourceType":"AllergyIntolerance","patient":{{"reference":"Patient/{id}"}},"code":{code}}}"#
            )),
        );
    }
    let chart = clinic.chart_view(&clinician(), &id).expect("a chart");
    let problems: Vec<&str> = chart
        .rows::<crate::problem::ProblemRow>()
        .iter()
        .map(|row| row.name.as_str())
        .collect();
    let past = ["Past Asthma", "Past Anaemia", "Past Gout", "Past Eczema"];
    assert_eq!(problems, [["Asthma", "Anaemia", "Gout", "Eczema"], past].concat());
    let medicines: Vec<&str> = chart
        .rows::<crate::medication::MedicationRow>()
        .iter()
        .map(|row| row.drug.as_str())
        .collect();
    assert_eq!(
        medicines,
        ["Codeine", "Morphine", "Aspirin", "Aspirin", "Codeine", "Morphine"]
    );
    let allergies: Vec<&str> = chart
        .rows::<crate::allergy::AllergyRow>()
        .iter()
        .map(|row| row.substance.as_str())
        .collect();
    assert_eq!(allergies, ["Bee", "Wasp", "None known"]);
}

/// Knows every node by this.
struct Known(NodeLabel);

impl NodeDirectory for Known {
    fn label(&self, _: &str) -> Option<NodeLabel> {
        Some(self.0.clone())
    }
}

#[test]
fn a_row_names_its_last_writer_and_a_chart_until_when_each_site_is_in_it() {
    let label = |name: &str, site: Option<&str>| NodeLabel {
        name: name.to_owned(),
        site: site.map(str::to_owned),
    };
    for (known, site) in [
        (Some(label("Santa Rosa", Some("SR"))), "Santa Rosa"),
        (Some(label("", Some("SR"))), "SR"),
        (Some(label("", None)), ""),
        (None, ""),
    ] {
        let clinic = clinic_with(Settings {
            directory: known
                .clone()
                .map(|label| Arc::new(Known(label)) as Arc<dyn NodeDirectory>),
            ..Settings::default()
        });
        let id = patient(&clinic);
        let record = put(
            &clinic,
            parsed(&format!(
                r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/{id}"}},"code":{{"text":"Asthma"}}}}"#
            )),
        );
        let key = crate::RecordKey::new("Condition", &record).expect("a key");
        let first = clinic.record_read(&clinician(), &key).expect("the record");
        let before = clinic.chart_view(&clinician(), &id).expect("a chart");
        write(&clinic, &key, &first, "ben", r#"{"recordedDate":"2025-01-01"}"#);
        let after = clinic.chart_view(&clinician(), &id).expect("a chart");
        assert_eq!(
            before.rows::<crate::problem::ProblemRow>()[0].meta.author.user,
            "ana"
        );
        let author = &after.rows::<crate::problem::ProblemRow>()[0].meta.author;
        assert_eq!(
            (author.user.as_str(), after.patient_meta.author.user.as_str()),
            ("ben", "ana")
        );
        assert!(
            author.written_ms
                > before.rows::<crate::problem::ProblemRow>()[0]
                    .meta
                    .author
                    .written_ms
        );
        assert_eq!(author.label, known.unwrap_or_default());
        let short = author.node.get(..8).expect("a key").to_owned();
        let site = if site.is_empty() { short.as_str() } else { site };
        assert_eq!(after.complete_as_of.len(), 1);
        assert_eq!(after.complete_as_of[0].site, site);
        assert_eq!(after.complete_as_of[0].written_ms, author.written_ms);
    }
}
