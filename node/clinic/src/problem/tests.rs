use chaski_json::Json;

use super::*;
use crate::Clinic;
use crate::form::{FormError, Reason};
use crate::permissions::{CREATE, Part, READ, UPDATE, case, said};
use crate::record::RecordError;
use crate::testing::{NOW_MS, SteeredEnv, clinician, parsed, patient, put, store_with};

const RECORD: &str = r#"{"resourceType":"Condition","subject":{"reference":"Patient/PATIENT"},"code":{"text":"Asthma"},
    "clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}"#;

#[rustfmt::skip]
pub(crate) const PERMISSIONS: Part = Part {
    records: |patient| vec![RECORD.replace("PATIENT", patient)],
    cases: &[
        case("problem_record", "", &[CREATE], ("record_create", "Condition"), |w, caller| said(w.clinic.problem_record(caller, &form(&w.patient, "Gout")))),
        case("problem_change", "", &[UPDATE], ("record_update", "Condition"), |w, caller| said(w.clinic.problem_change(caller, &change(w.key("Condition").id(), "resolved")))),
        case("problem_view", "", &[READ], ("record_read", "Condition"), |w, caller| said(w.clinic.problem_view(caller, &w.patient, w.key("Condition").id()))),
    ],
};

fn form(patient: &str, name: &str) -> ProblemForm {
    ProblemForm {
        patient: patient.to_owned(),
        name: name.to_owned(),
        ..ProblemForm::default()
    }
}

fn change(id: &str, status: &str) -> ProblemChange {
    ProblemChange {
        id: id.to_owned(),
        status: status.to_owned(),
        ..ProblemChange::default()
    }
}

/// It is 2026-01-01, and the patient was born on 1980-05-04.
fn clinic() -> (Clinic, String) {
    let env = SteeredEnv::new();
    env.set(NOW_MS);
    let clinic = Clinic::new(store_with(env), crate::Settings::default()).expect("a clinic");
    let patient = patient(&clinic);
    (clinic, patient)
}

fn wrong(error: FormError) -> Vec<(&'static str, Reason)> {
    match error {
        FormError::Invalid(errors) => errors.0.iter().map(|one| (one.field, one.reason)).collect(),
        other => panic!("{other}"),
    }
}

fn stored(clinic: &Clinic, id: &str) -> Json {
    let key = format!("Condition/{id}").parse().expect("a key");
    clinic.record_read(&clinician(), &key).expect("the record").json
}

/// Name, whether it counts, clinical status, verification.
fn shown(clinic: &Clinic, patient: &str) -> Vec<(String, bool, String, String)> {
    let chart = clinic.chart_view(&clinician(), patient).expect("a chart");
    let rows = chart.rows::<ProblemRow>().iter();
    rows.map(|row| {
        (
            row.name.clone(),
            row.counts(),
            row.status.clone(),
            row.verification.clone(),
        )
    })
    .collect()
}

#[test]
fn a_problem_is_written_as_this_and_sent_twice_is_one() {
    let (clinic, patient) = clinic();
    let form = ProblemForm {
        code: "http://snomed.info/sct|195967001".to_owned(),
        onset_date: "2014-06".to_owned(),
        draft_id: "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10".to_owned(),
        ..form(&patient, " Asthma ")
    };
    for _ in 0..2 {
        let id = clinic.problem_record(&clinician(), &form).expect("recorded");
        assert_eq!(id, form.draft_id);
    }
    let mut json = stored(&clinic, &form.draft_id);
    json.as_object_mut().expect("an object").remove("meta");
    let wanted = format!(
        r#"{{"resourceType":"Condition","id":"{}","subject":{{"reference":"Patient/{patient}"}},
        "clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}}]}},
        "verificationStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}}]}},
        "category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"problem-list-item","display":"Problem List Item"}}]}}],
        "code":{{"text":"Asthma","coding":[{{"system":"http://snomed.info/sct","code":"195967001"}}]}},
        "onsetDateTime":"2014-06","recordedDate":"2026-01-01T00:00:00.000Z"}}"#,
        form.draft_id
    );
    assert_eq!(json.canonical(), parsed(&wanted).canonical());
    assert_eq!(shown(&clinic, &patient).len(), 1);
}

#[test]
fn what_is_wrong_with_a_problem_is_told_at_its_field() {
    let (clinic, patient) = clinic();
    #[rustfmt::skip]
    let rows = [
        ("", "", "", ("name", Reason::Required)),
        (" ", "", "", ("name", Reason::Required)),
        ("a\tb", "", "", ("name", Reason::Malformed)),
        ("Asthma", "195967001", "", ("code", Reason::Malformed)),
        ("Asthma", "|195967001", "", ("code", Reason::Malformed)),
        ("Asthma", "urn:x|", "", ("code", Reason::Malformed)),
        ("Asthma", "", "soon", ("onset_date", Reason::Malformed)),
        ("Asthma", "", "2026-01-02", ("onset_date", Reason::InFuture)),
        ("Asthma", "", "2027", ("onset_date", Reason::InFuture)),
        ("Asthma", "", "1980-05-03", ("onset_date", Reason::Inconsistent)),
        ("Asthma", "", "1979", ("onset_date", Reason::Inconsistent)),
    ];
    for (name, code, onset, expected) in rows {
        let form = ProblemForm {
            code: code.to_owned(),
            onset_date: onset.to_owned(),
            ..form(&patient, name)
        };
        let refused = clinic.problem_record(&clinician(), &form).expect_err("refused");
        assert_eq!(wrong(refused), [expected], "{name:?} {code} {onset}");
    }
    for onset in ["", "1980", "1980-05-04", "2026-01-01", "2026"] {
        let form = ProblemForm {
            onset_date: onset.to_owned(),
            ..form(&patient, &format!("Since {onset}"))
        };
        assert!(clinic.problem_record(&clinician(), &form).is_ok(), "{onset}");
    }
    let longer = clinic.problem_record(&clinician(), &form(&patient, &"ñ".repeat(257)));
    assert_eq!(wrong(longer.expect_err("refused")), [("name", Reason::TooLong)]);
    let nobody = clinic.problem_record(
        &clinician(),
        &form("0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10", "Gout"),
    );
    assert!(matches!(nobody, Err(FormError::Record(RecordError::NotFound(_)))));
}

#[test]
fn the_same_problem_does_not_count_twice() {
    let (clinic, patient) = clinic();
    let coded = |name: &str| ProblemForm {
        code: "urn:x|7".to_owned(),
        ..form(&patient, name)
    };
    let first = clinic
        .problem_record(&clinician(), &coded("Asthma"))
        .expect("recorded");
    for again in [form(&patient, "ASTHMA"), coded("Asma")] {
        let refused = clinic.problem_record(&clinician(), &again).expect_err("refused");
        assert_eq!(wrong(refused), [("name", Reason::Duplicate)], "{again:?}");
    }
    // Of another code and another name it is another.
    let other = ProblemForm {
        code: "urn:x|8".to_owned(),
        ..form(&patient, "Gout")
    };
    clinic.problem_record(&clinician(), &other).expect("recorded");
    // Once it is over it can come again; and then the first one is not opened beside it.
    clinic
        .problem_change(&clinician(), &change(&first, "resolved"))
        .expect("resolved");
    let second = clinic
        .problem_record(&clinician(), &form(&patient, "asthma"))
        .expect("come again");
    let refused = clinic.problem_change(&clinician(), &change(&first, "active"));
    assert_eq!(
        wrong(refused.expect_err("refused")),
        [("status", Reason::Duplicate)]
    );
    clinic
        .problem_change(&clinician(), &change(&second, "entered-in-error"))
        .expect("marked");
    clinic
        .problem_change(&clinician(), &change(&first, "active"))
        .expect("opened again");
    let counting: Vec<_> = shown(&clinic, &patient)
        .into_iter()
        .filter(|row| row.1)
        .map(|row| row.0)
        .collect();
    assert_eq!(counting.len(), 2, "{counting:?}");
}

#[test]
fn what_became_of_a_problem_is_told_and_nothing_of_it_is_lost() {
    for (status, ended, clinical, verification, abatement) in [
        ("resolved", "", "resolved", "confirmed", None),
        ("resolved", "2025-12", "resolved", "confirmed", Some("2025-12")),
        ("refuted", "", "inactive", "refuted", None),
    ] {
        let (clinic, patient) = clinic();
        let id = clinic
            .problem_record(&clinician(), &form(&patient, "Asthma"))
            .expect("recorded");
        let before = stored(&clinic, &id);
        let change = ProblemChange {
            abatement_date: ended.to_owned(),
            ..change(&id, status)
        };
        clinic.problem_change(&clinician(), &change).expect("changed");
        let row = (
            "Asthma".to_owned(),
            false,
            clinical.to_owned(),
            verification.to_owned(),
        );
        assert_eq!(shown(&clinic, &patient), [row], "{status}");
        let after = stored(&clinic, &id);
        assert_eq!(
            after.get("abatementDateTime").and_then(Json::as_str),
            abatement,
            "{status}"
        );
        for kept in ["code", "subject", "recordedDate", "category"] {
            assert_eq!(after.get(kept), before.get(kept), "{status} {kept}");
        }
        // Opened again it counts, and is over no more.
        clinic
            .problem_change(&clinician(), &super::tests::change(&id, "active"))
            .expect("opened");
        let row = (
            "Asthma".to_owned(),
            true,
            "active".to_owned(),
            "confirmed".to_owned(),
        );
        assert_eq!(shown(&clinic, &patient), [row], "{status}");
        assert!(stored(&clinic, &id).get("abatementDateTime").is_none());
    }
}

#[test]
fn what_was_entered_in_error_is_left_out_of_the_chart_and_stays_so() {
    let (clinic, patient) = clinic();
    let id = clinic
        .problem_record(&clinician(), &form(&patient, "Asthma"))
        .expect("recorded");
    clinic
        .problem_change(&clinician(), &change(&id, "entered-in-error"))
        .expect("marked");
    assert!(shown(&clinic, &patient).is_empty());
    let json = stored(&clinic, &id);
    assert!(json.get("clinicalStatus").is_none(), "FHIR's rule con-5");
    for status in ["active", "resolved", "refuted"] {
        let refused = clinic
            .problem_change(&clinician(), &change(&id, status))
            .expect_err("refused");
        assert_eq!(wrong(refused), [("status", Reason::Inconsistent)], "{status}");
    }
}

#[test]
fn a_change_that_makes_no_sense_is_refused() {
    let (clinic, patient) = clinic();
    let began = ProblemForm {
        onset_date: "2020-05".to_owned(),
        ..form(&patient, "Asthma")
    };
    let id = clinic.problem_record(&clinician(), &began).expect("recorded");
    #[rustfmt::skip]
    let rows = [
        ("", "", ("status", Reason::UnknownCode)),
        ("cured", "", ("status", Reason::UnknownCode)),
        ("resolved", "2026-01-02", ("abatement_date", Reason::InFuture)),
        ("resolved", "May", ("abatement_date", Reason::Malformed)),
        ("resolved", "2020-04", ("abatement_date", Reason::Inconsistent)),
        ("refuted", "2025", ("abatement_date", Reason::Inconsistent)),
        ("active", "2025", ("abatement_date", Reason::Inconsistent)),
    ];
    for (status, ended, expected) in rows {
        let change = ProblemChange {
            abatement_date: ended.to_owned(),
            ..change(&id, status)
        };
        let refused = clinic.problem_change(&clinician(), &change).expect_err("refused");
        assert_eq!(wrong(refused), [expected], "{status} {ended}");
    }
    let same_month = ProblemChange {
        abatement_date: "2020-05".to_owned(),
        ..change(&id, "resolved")
    };
    clinic
        .problem_change(&clinician(), &same_month)
        .expect("over in the month in which it began");
}

#[test]
fn a_problem_is_known_under_its_own_patient_only() {
    let (clinic, of) = clinic();
    let other = patient(&clinic);
    let id = clinic
        .problem_record(&clinician(), &form(&of, "Asthma"))
        .expect("recorded");
    let row = clinic.problem_view(&clinician(), &of, &id).expect("a row");
    assert_eq!((row.name.as_str(), row.meta.id()), ("Asthma", id.as_str()));
    let elsewhere = clinic.problem_view(&clinician(), &other, &id);
    assert!(matches!(elsewhere, Err(RecordError::NotFound(_))));
}

#[test]
fn one_that_other_systems_wrote_counts_until_it_says_that_it_does_not() {
    for (more, counts) in [
        ("", true),
        (
            r#","verificationStatus":{"coding":[{"code":"unconfirmed"}]}"#,
            true,
        ),
        (r#","verificationStatus":{"coding":[{"code":"refuted"}]}"#, false),
        (r#","clinicalStatus":{"coding":[{"code":"recurrence"}]}"#, true),
        (r#","clinicalStatus":{"coding":[{"code":"remission"}]}"#, false),
    ] {
        let (clinic, patient) = clinic();
        let json = format!(
            r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/{patient}"}},"code":{{"text":"Asthma"}}{more}}}"#
        );
        put(&clinic, parsed(&json));
        assert_eq!(shown(&clinic, &patient)[0].1, counts, "{more}");
    }
}
