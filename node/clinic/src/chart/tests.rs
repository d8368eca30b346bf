use crate::allergy::{AllergyForm, Substance};
use crate::testing::{clinic, clinician, ctx, parsed, patient, put};

#[test]
fn a_chart_holds_one_patients_records_and_who_wrote_them() {
    let clinic = clinic();
    let (one, other) = (patient(&clinic), patient(&clinic));
    for subject in [&one, &other] {
        let form = AllergyForm {
            patient: subject.clone(),
            substance: Substance::Named {
                text: "Latex".to_owned(),
                code: String::new(),
            },
            criticality: String::new(),
            reaction: String::new(),
            severity: String::new(),
            draft_id: String::new(),
        };
        clinic.allergy_record(&clinician(), &form).expect("recorded");
    }
    put(
        &clinic,
        parsed(&format!(
            r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/{one}"}},"code":{{"text":"Asthma"}},
            "clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}}]}}}}"#
        )),
    );
    let chart = clinic.chart_view(&clinician(), &one).expect("a chart");
    assert_eq!(
        (chart.allergies.len(), chart.problems.len(), chart.medicines.len()),
        (1, 1, 0)
    );
    assert_eq!(chart.problems[0].name, "Asthma");
    assert_eq!(chart.patient_meta.author.user, "ana");
    assert_eq!(chart.complete_as_of.len(), 1);
    assert!(!chart.truncated && chart.conflicts == 0);
}

#[test]
fn a_chart_needs_a_known_patient_and_a_role() {
    let clinic = clinic();
    let id = patient(&clinic);
    assert!(
        clinic
            .chart_view(&clinician(), "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10")
            .is_err()
    );
    assert!(clinic.chart_view(&clinician(), "no id").is_err());
    assert!(clinic.chart_view(&ctx("administrator"), &id).is_err());
    assert!(clinic.chart_view(&ctx("reader"), &id).is_ok());
}
