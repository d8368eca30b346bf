//! What the allergy form writes: each field in its place, and nothing else.

use super::*;
use crate::form::FormError;
use crate::testing::{clinic, clinician, parsed, patient};

#[test]
fn an_allergy_is_written_as_this_and_nothing_else() {
    let named = |text: &str, code: &str| Substance::Named {
        text: text.to_owned(),
        code: code.to_owned(),
    };
    for (substance, [criticality, reaction, severity], members) in [
        (
            named(" Latex ", " http://snomed.info/sct|1003755004 "),
            ["high", "hives", "severe"],
            r#""code":{"text":"Latex","coding":[{"system":"http://snomed.info/sct","code":"1003755004"}]},
            "criticality":"high","reaction":[{"manifestation":[{"text":"hives"}],"severity":"severe"}]"#,
        ),
        (
            named("Latex", "urn:a|b|c"),
            ["", "hives", ""],
            r#""code":{"text":"Latex","coding":[{"system":"urn:a|b","code":"c"}]},
            "reaction":[{"manifestation":[{"text":"hives"}]}]"#,
        ),
        (
            named("Latex", ""),
            ["unable-to-assess", "", ""],
            r#""code":{"text":"Latex"},"criticality":"unable-to-assess""#,
        ),
        (
            Substance::NoneKnown,
            ["", "", ""],
            r#""code":{"text":"No known allergy","coding":[{"system":"http://snomed.info/sct","code":"716186003","display":"No known allergy"}]}"#,
        ),
    ] {
        let clinic = clinic();
        let form = AllergyForm {
            patient: patient(&clinic),
            substance,
            criticality: criticality.to_owned(),
            reaction: reaction.to_owned(),
            severity: severity.to_owned(),
            draft_id: String::new(),
        };
        let id = clinic.allergy_record(&clinician(), &form).expect("recorded");
        let key = format!("AllergyIntolerance/{id}").parse().expect("a key");
        let mut json = clinic.record_read(&clinician(), &key).expect("the record").json;
        let recorded = crate::fhir_json::text(&json, "recordedDate").to_owned();
        assert!(recorded.starts_with("2026-01-01T00:00:0"), "{recorded}");
        json.as_object_mut().expect("an object").remove("meta");
        let status = |of: &str, code: &str| {
            format!(
                r#"{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-{of}","code":"{code}"}}]}}"#
            )
        };
        let wanted = parsed(&format!(
            r#"{{"resourceType":"AllergyIntolerance","id":"{id}","recordedDate":"{recorded}",
            "patient":{{"reference":"Patient/{}"}},"clinicalStatus":{},"verificationStatus":{},{members}}}"#,
            form.patient,
            status("clinical", "active"),
            status("verification", "confirmed"),
        ));
        assert_eq!(json.canonical(), wanted.canonical());
    }
}

/// What an allergy's criticality and clinical status are.
fn told(clinic: &crate::Clinic, patient: &str) -> (String, String) {
    let row = clinic
        .chart_view(&clinician(), patient)
        .expect("a chart")
        .rows::<AllergyRow>()[0]
        .clone();
    (row.criticality, row.status)
}

#[test]
fn a_change_of_an_allergy_changes_what_it_names_and_takes_only_what_it_knows() {
    let known = ["low", "high", "unable-to-assess"];
    let statuses = ["active", "inactive", "resolved"];
    for criticality in ["low", "high", "unable-to-assess", "", "-", "High", "severe"] {
        for status in [
            "active",
            "inactive",
            "resolved",
            "",
            "-",
            "refuted",
            "entered-in-error",
        ] {
            let clinic = clinic();
            let patient = patient(&clinic);
            let form = AllergyForm {
                patient: patient.clone(),
                substance: Substance::Named {
                    text: "Latex".to_owned(),
                    code: String::new(),
                },
                criticality: "high".to_owned(),
                reaction: "hives".to_owned(),
                severity: String::new(),
                draft_id: String::new(),
            };
            let id = clinic.allergy_record(&clinician(), &form).expect("recorded");
            let wanted = |text: &str| (text != "-").then(|| text.to_owned());
            let change = AllergyChange {
                id,
                base_version: String::new(),
                criticality: wanted(criticality),
                status: wanted(status),
            };
            let said = format!("{criticality:?} {status:?}");
            let wrong: Vec<&str> = [("criticality", criticality, known), ("status", status, statuses)]
                .into_iter()
                .filter(|(_, text, known)| *text != "-" && !known.contains(text))
                .map(|(field, ..)| field)
                .collect();
            match clinic.allergy_change(&clinician(), &change) {
                Ok(_) => {
                    assert!(wrong.is_empty(), "{said}");
                    let or = |text: &str, old: &str| wanted(text).unwrap_or_else(|| old.to_owned());
                    assert_eq!(
                        told(&clinic, &patient),
                        (or(criticality, "high"), or(status, "active")),
                        "{said}"
                    );
                }
                Err(FormError::Invalid(errors)) => {
                    let found: Vec<&str> = errors.0.iter().map(|one| one.field).collect();
                    assert_eq!(found, wrong, "{said}");
                    assert_eq!(told(&clinic, &patient), ("high".to_owned(), "active".to_owned()));
                }
                Err(other) => panic!("{said}: {other}"),
            }
        }
    }
}
