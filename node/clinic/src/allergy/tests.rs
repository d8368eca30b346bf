use super::*;
use crate::testing::{clinic, clinician, patient};

fn form(patient: &str, text: &str) -> AllergyForm {
    AllergyForm {
        patient: patient.to_owned(),
        substance: Substance::Named {
            text: text.to_owned(),
            code: String::new(),
        },
        criticality: "high".to_owned(),
        reaction: "hives".to_owned(),
        severity: "severe".to_owned(),
        draft_id: String::new(),
    }
}

#[test]
fn an_allergy_is_recorded_shown_and_changed() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let id = clinic
        .allergy_record(&clinician(), &form(&patient, "Penicillin"))
        .expect("recorded");
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    let row = &chart.allergies[0];
    assert_eq!(
        (
            row.substance.as_str(),
            row.criticality.as_str(),
            row.reaction.as_str()
        ),
        ("Penicillin", "high", "hives")
    );
    assert_eq!((row.status.as_str(), row.severity.as_str()), ("active", "severe"));
    assert_eq!(row.meta.author.user, "ana");
    let change = AllergyChange {
        id: id.clone(),
        base_version: row.meta.version.clone(),
        criticality: Some("low".to_owned()),
        status: Some("resolved".to_owned()),
    };
    clinic.allergy_change(&clinician(), &change).expect("changed");
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    assert_eq!(
        (
            chart.allergies[0].criticality.as_str(),
            chart.allergies[0].status.as_str()
        ),
        ("low", "resolved")
    );
}

#[test]
fn none_known_and_a_known_allergy_do_not_go_together() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let mut none = form(&patient, "");
    none.substance = Substance::NoneKnown;
    none.reaction.clear();
    none.severity.clear();
    none.criticality.clear();
    clinic.allergy_record(&clinician(), &none).expect("recorded");
    assert!(
        clinic
            .chart_view(&clinician(), &patient)
            .expect("a chart")
            .allergies[0]
            .none_known
    );
    clinic
        .allergy_record(&clinician(), &form(&patient, "Latex"))
        .expect("an allergy found later");
    assert!(matches!(
        clinic.allergy_record(&clinician(), &none),
        Err(AllergyError::Invalid(_))
    ));
    let again = clinic.allergy_record(&clinician(), &form(&patient, "latex"));
    assert!(
        matches!(again, Err(AllergyError::Invalid(_))),
        "the same allergy twice"
    );
}

#[test]
fn an_allergy_needs_a_substance_and_a_patient() {
    let clinic = clinic();
    let patient = patient(&clinic);
    assert!(matches!(
        clinic.allergy_record(&clinician(), &form(&patient, " ")),
        Err(AllergyError::Invalid(_))
    ));
    assert!(matches!(
        clinic.allergy_record(
            &clinician(),
            &form("0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10", "Latex")
        ),
        Err(AllergyError::Record(_))
    ));
}
