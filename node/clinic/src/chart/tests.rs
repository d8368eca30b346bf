use crate::allergy::{AllergyForm, Substance};
use crate::testing::{caller, clinic, clinician, parsed, patient, put};

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
        (
            chart.rows::<crate::allergy::AllergyRow>().len(),
            chart.rows::<crate::problem::ProblemRow>().len(),
            chart.rows::<crate::medication::MedicationRow>().len()
        ),
        (1, 1, 0)
    );
    assert_eq!(chart.rows::<crate::problem::ProblemRow>()[0].name, "Asthma");
    assert_eq!(chart.patient_meta.author.user, "ana");
    assert_eq!(chart.complete_as_of.len(), 1);
    assert!(!chart.is_truncated() && chart.conflicts == 0);
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
    assert!(clinic.chart_view(&caller("administrator"), &id).is_err());
    assert!(clinic.chart_view(&caller("reader"), &id).is_ok());
}

/// What is read of each kind of record, and what such a record says of `PATIENT`.
const LISTS: [(&str, &str); 5] = [
    (
        "AllergyIntolerance",
        r#""patient":{"reference":"PATIENT"},"code":{"text":"NAME"}"#,
    ),
    (
        "Condition",
        r#""subject":{"reference":"PATIENT"},"code":{"text":"NAME"}"#,
    ),
    (
        "MedicationRequest",
        r#""subject":{"reference":"PATIENT"},"status":"active","intent":"order","medicationCodeableConcept":{"text":"NAME"}"#,
    ),
    (
        "MedicationStatement",
        r#""subject":{"reference":"PATIENT"},"status":"active","medicationCodeableConcept":{"text":"NAME"}"#,
    ),
    (
        "Observation",
        r#""subject":{"reference":"PATIENT"},"status":"final","code":{"text":"NAME"},"valueString":"x""#,
    ),
];

#[test]
fn a_chart_says_that_it_was_cut_whichever_of_its_lists_that_was() {
    let clinic = clinic();
    let mut made = 0;
    let mut write = |patient: &str, kind: &str, count: usize| {
        let (_, members) = LISTS.iter().find(|(own, _)| *own == kind).expect("a list");
        let writes: Vec<chaski_store::Write> = (0..count)
            .map(|_| {
                made += 1;
                let id = format!("0f2a7a52-9c1e-4b7e-8a43-{made:012}");
                let members = members
                    .replace("PATIENT", &format!("Patient/{patient}"))
                    .replace("NAME", &format!("n{made}"));
                chaski_store::Write::Put {
                    key: format!("{kind}/{id}").parse().expect("a key"),
                    json: parsed(&format!(r#"{{"resourceType":"{kind}","id":"{id}",{members}}}"#)),
                    base: chaski_store::Base::Absent,
                    resolution: false,
                }
            })
            .collect();
        for some in writes.chunks(200) {
            let done = clinic.store().commit(clinician().context(), some.to_vec());
            done.expect("stored");
        }
    };
    for (long, _) in LISTS {
        let id = patient(&clinic);
        for (kind, _) in LISTS {
            write(&id, kind, if kind == long { 300 } else { 2 });
        }
        let whole = clinic.chart_view(&clinician(), &id).expect("a chart");
        assert!(!whole.is_truncated(), "300 of {long} are all shown");
        write(&id, long, 1);
        let cut = clinic.chart_view(&clinician(), &id).expect("a chart");
        assert!(cut.is_truncated(), "of 301 of {long} one is not");
        for chart in [whole, cut] {
            let shown = [
                chart.rows::<crate::allergy::AllergyRow>().len(),
                chart.rows::<crate::problem::ProblemRow>().len(),
                chart.rows::<crate::medication::MedicationRow>().len(),
                chart.rows::<crate::vitals::ObservationRow>().len(),
            ];
            let of = |kinds: &[&str]| kinds.iter().map(|kind| if *kind == long { 300 } else { 2 }).sum();
            let expected: [usize; 4] = [
                of(&["AllergyIntolerance"]),
                of(&["Condition"]),
                of(&["MedicationRequest", "MedicationStatement"]),
                of(&["Observation"]),
            ];
            assert_eq!(shown, expected, "{long}");
        }
    }
}
