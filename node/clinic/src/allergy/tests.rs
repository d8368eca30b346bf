use super::view::NONE_KNOWN_CODE;
use super::*;
use crate::form::FormError;
use crate::form::Reason;
use crate::testing::{clinic, clinician, parsed, patient, put};

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
    let row = &chart.rows::<AllergyRow>()[0];
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
            chart.rows::<AllergyRow>()[0].criticality.as_str(),
            chart.rows::<AllergyRow>()[0].status.as_str()
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
            .rows::<AllergyRow>()[0]
            .none_known
    );
    clinic
        .allergy_record(&clinician(), &form(&patient, "Latex"))
        .expect("an allergy found later");
    assert!(matches!(
        clinic.allergy_record(&clinician(), &none),
        Err(FormError::Invalid(_))
    ));
    let again = clinic.allergy_record(&clinician(), &form(&patient, "latex"));
    assert!(
        matches!(again, Err(FormError::Invalid(_))),
        "the same allergy twice"
    );
}

fn none_known(patient: &str) -> AllergyForm {
    AllergyForm {
        substance: Substance::NoneKnown,
        criticality: String::new(),
        reaction: String::new(),
        severity: String::new(),
        ..form(patient, "")
    }
}

#[test]
fn an_allergy_sets_none_known_aside_and_keeps_it() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let none = clinic
        .allergy_record(&clinician(), &none_known(&patient))
        .expect("recorded");
    clinic
        .allergy_record(&clinician(), &form(&patient, "Latex"))
        .expect("an allergy found later");
    let rows = clinic
        .chart_view(&clinician(), &patient)
        .expect("a chart")
        .rows::<AllergyRow>()
        .to_vec();
    assert_eq!(rows.len(), 2, "nothing vanishes");
    assert_eq!(rows[0].substance, "Latex");
    let statement = &rows[1];
    assert!(statement.meta.record.ends_with(&none));
    assert_eq!(
        (statement.status.as_str(), statement.counts()),
        ("inactive", false)
    );
    assert!(!statement.contradicted, "it is settled");
    let change = AllergyChange {
        id: rows[0]
            .meta
            .record
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned(),
        base_version: rows[0].meta.version.clone(),
        criticality: None,
        status: Some("resolved".to_owned()),
    };
    clinic.allergy_change(&clinician(), &change).expect("outgrown");
    clinic
        .allergy_record(&clinician(), &none_known(&patient))
        .expect("it can be said anew");
}

#[test]
fn none_known_from_elsewhere_beside_an_allergy_asks_for_a_look() {
    let clinic = clinic();
    let patient = patient(&clinic);
    clinic
        .allergy_record(&clinician(), &form(&patient, "Latex"))
        .expect("recorded");
    let text = format!(
        r#"{{"resourceType":"AllergyIntolerance","patient":{{"reference":"Patient/{patient}"}},
        "code":{{"coding":[{{"system":"http://snomed.info/sct","code":"716186003"}}]}}}}"#
    );
    let id = put(&clinic, parsed(&text));
    let rows = clinic
        .chart_view(&clinician(), &patient)
        .expect("a chart")
        .rows::<AllergyRow>()
        .to_vec();
    assert_eq!(
        rows.iter().map(|row| row.contradicted).collect::<Vec<_>>(),
        [false, true],
        "the allergy stands first"
    );
    let change = AllergyChange {
        id,
        base_version: rows[1].meta.version.clone(),
        criticality: None,
        status: Some("inactive".to_owned()),
    };
    clinic.allergy_change(&clinician(), &change).expect("set aside");
    let rows = clinic
        .chart_view(&clinician(), &patient)
        .expect("a chart")
        .rows::<AllergyRow>()
        .to_vec();
    assert!(rows.iter().all(|row| !row.contradicted));
}

/// Whether an allergy counts does not hang on how sure or how grave it is said to be: only on whether
/// somebody has said that it is over, or was none.
#[test]
fn none_known_goes_with_no_allergy_that_counts_however_it_is_worded() {
    let state = |system: &str, code: &str| match code {
        "" => String::new(),
        code => format!(
            r#""{system}Status":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-{system}",
            "code":"{code}"}}]}},"#
        ),
    };
    for (clinical, verification, criticality, counts) in [
        ("active", "confirmed", "high", true),
        ("active", "confirmed", "low", true),
        ("active", "unconfirmed", "unable-to-assess", true),
        ("active", "", "", true),
        ("", "unconfirmed", "", true),
        ("inactive", "confirmed", "high", false),
        ("resolved", "unconfirmed", "high", false),
        ("active", "refuted", "high", false),
        ("", "entered-in-error", "high", false),
    ] {
        let what = format!("{clinical:?} {verification:?} {criticality:?}");
        let clinic = clinic();
        let patient = patient(&clinic);
        let grave = match criticality {
            "" => String::new(),
            code => format!(r#""criticality":"{code}","#),
        };
        // Entered in error has no clinical status (FHIR's rule ait-2).
        let named = parsed(&format!(
            r#"{{"resourceType":"AllergyIntolerance",{}{}{grave}"patient":{{"reference":"Patient/{patient}"}},
            "code":{{"text":"Latex"}}}}"#,
            state("clinical", clinical),
            state("verification", verification),
        ));
        put(&clinic, named);
        let refused = clinic.allergy_record(&clinician(), &none_known(&patient));
        assert_eq!(
            matches!(refused, Err(FormError::Invalid(_))),
            counts,
            "{what}: {refused:?}"
        );
        // As another system may have said it all the same.
        put(
            &clinic,
            parsed(&format!(
                r#"{{"resourceType":"AllergyIntolerance","patient":{{"reference":"Patient/{patient}"}},
                "code":{{"coding":[{{"system":"http://snomed.info/sct","code":"{NONE_KNOWN_CODE}"}}]}}}}"#
            )),
        );
        let rows = clinic
            .chart_view(&clinician(), &patient)
            .expect("a chart")
            .rows::<AllergyRow>()
            .to_vec();
        for row in rows.iter().filter(|row| row.none_known) {
            assert_eq!(row.contradicted, counts, "{what}");
        }
    }
}

#[test]
fn an_allergy_needs_a_substance_and_a_patient() {
    let clinic = clinic();
    let patient = patient(&clinic);
    assert!(matches!(
        clinic.allergy_record(&clinician(), &form(&patient, " ")),
        Err(FormError::Invalid(_))
    ));
    assert!(matches!(
        clinic.allergy_record(
            &clinician(),
            &form("0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10", "Latex")
        ),
        Err(FormError::Record(_))
    ));
}

#[test]
fn a_refuted_allergy_does_not_keep_out_the_real_one() {
    let clinic = clinic();
    let patient = patient(&clinic);
    put(
        &clinic,
        parsed(&format!(
            r#"{{"resourceType":"AllergyIntolerance","patient":{{"reference":"Patient/{patient}"}},
            "clinicalStatus":{{"coding":[{{"system":"{}","code":"active"}}]}},
            "verificationStatus":{{"coding":[{{"system":"{}","code":"refuted"}}]}},"code":{{"text":"Penicillin"}}}}"#,
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
            "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
        )),
    );
    clinic
        .allergy_record(&clinician(), &form(&patient, "Penicillin"))
        .expect("recorded");
    let again = clinic.allergy_record(&clinician(), &form(&patient, "Penicillin"));
    assert!(matches!(again, Err(FormError::Invalid(_))), "{again:?}");
}

#[test]
fn the_same_form_with_something_else_typed_is_not_told_as_saved() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let mut sent = form(&patient, "Penicillin");
    sent.draft_id = clinic.new_id();
    clinic.allergy_record(&clinician(), &sent).expect("recorded");
    clinic
        .allergy_record(&clinician(), &sent)
        .expect("the same again");
    sent.substance = Substance::Named {
        text: "Peanuts".to_owned(),
        code: String::new(),
    };
    let other = clinic.allergy_record(&clinician(), &sent);
    assert!(
        matches!(
            other,
            Err(FormError::Record(crate::record::RecordError::Exists(_)))
        ),
        "{other:?}"
    );
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    assert_eq!(chart.rows::<AllergyRow>().len(), 1);
}

#[test]
fn a_statement_of_none_known_that_is_not_valid_does_not_keep_an_allergy_out() {
    let clinic = clinic();
    let patient = patient(&clinic);
    // As it may come from another node: nothing that arrives is refused for its content.
    let json = parsed(&format!(
        r#"{{"resourceType":"AllergyIntolerance","id":"0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10",
        "patient":{{"reference":"Patient/{patient}"}},"criticality":"very",
        "clinicalStatus":{{"coding":[{{"system":"{CLINICAL}","code":"active"}}]}},
        "code":{{"coding":[{{"system":"http://snomed.info/sct","code":"716186003"}}]}}}}"#,
        CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
    ));
    let arrived = chaski_store::Write::Put {
        key: "AllergyIntolerance/0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10"
            .parse()
            .expect("a key"),
        json,
        base: chaski_store::Base::Current,
        resolution: false,
    };
    clinic
        .store()
        .commit(clinician().context(), vec![arrived])
        .expect("stored");
    clinic
        .allergy_record(&clinician(), &form(&patient, "Penicillin"))
        .expect("recorded");
    let rows = clinic
        .chart_view(&clinician(), &patient)
        .expect("a chart")
        .rows::<AllergyRow>()
        .to_vec();
    assert_eq!(
        rows.iter().map(|row| row.contradicted).collect::<Vec<_>>(),
        [false, true],
        "the statement stays, and is told as contradicted"
    );
}

#[test]
fn a_statement_of_none_known_that_can_take_no_more_does_not_keep_an_allergy_out() {
    let clinic = clinic();
    let patient = patient(&clinic);
    // It came from elsewhere, valid and as large as a record may be: to set it aside would make it larger.
    let statement = |note: usize| {
        let notes: Vec<String> = (0..8)
            .map(|_| format!(r#"{{"text":"{}"}}"#, "n".repeat(note / 8)))
            .collect();
        parsed(&format!(
            r#"{{"resourceType":"AllergyIntolerance","patient":{{"reference":"Patient/{patient}"}},
            "code":{{"coding":[{{"system":"http://snomed.info/sct","code":"716186003"}}]}},"note":[{}]}}"#,
            notes.join(",")
        ))
    };
    let room = 8 * 1024 * 1024 - statement(0).canonical().len();
    let none = put(&clinic, statement(room - 100));
    let id = clinic
        .allergy_record(&clinician(), &form(&patient, "Latex"))
        .expect("recorded all the same");
    let rows = clinic
        .chart_view(&clinician(), &patient)
        .expect("a chart")
        .rows::<AllergyRow>()
        .to_vec();
    assert_eq!(rows.len(), 2);
    assert!(rows[0].meta.record.ends_with(&id) && rows[0].counts());
    assert!(rows[1].meta.record.ends_with(&none));
    assert!(rows[1].counts() && rows[1].contradicted, "somebody must look");
}

/// A field to correct, and why.
type Told<'a> = (&'a str, Reason);

#[test]
fn what_is_typed_is_kept_whole_or_the_field_is_named() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let long = "n".repeat(257);
    // Substance, code, criticality, reaction, severity; and the fields to correct.
    #[rustfmt::skip]
    let rows: [([&str; 5], &[Told]); 18] = [
        (["Latex", "", "high", "", "severe"], &[("reaction", Reason::Required)]),
        (["Latex", "", "", "  ", "mild"], &[("reaction", Reason::Required)]),
        (["Latex", "", "", "hives", "Severe"], &[("severity", Reason::UnknownCode)]),
        (["Latex", "", "", "hives", "fatal"], &[("severity", Reason::UnknownCode)]),
        (["Latex", "", "severe", "", ""], &[("criticality", Reason::UnknownCode)]),
        (["Latex", "111088007", "", "", ""], &[("code", Reason::Malformed)]),
        (["Latex", "|111088007", "", "", ""], &[("code", Reason::Malformed)]),
        (["Latex", "http://snomed.info/sct|", "", "", ""], &[("code", Reason::Malformed)]),
        (["Latex", "", "", &long, ""], &[("reaction", Reason::TooLong)]),
        (["Latex", "", "", "hives\u{7}rash", ""], &[("reaction", Reason::Malformed)]),
        ([&long, "", "", "", ""], &[("substance", Reason::TooLong)]),
        (["", "", "", "", ""], &[("substance", Reason::Required)]),
        (["", "x", "x", "", "x"], &[
            ("substance", Reason::Required), ("code", Reason::Malformed), ("criticality", Reason::UnknownCode),
            ("severity", Reason::UnknownCode), ("reaction", Reason::Required)]),
        (["A", "http://snomed.info/sct|111088007", "low", "hives", "mild"], &[]),
        (["B", "", "unable-to-assess", "hives, wheezing", "moderate"], &[]),
        (["C", "", "high", "shock", "severe"], &[]),
        (["D", "", "", "hives", ""], &[]),
        (["E", "", "", "", ""], &[]),
    ];
    let mut kept = Vec::new();
    for ([substance, code, criticality, reaction, severity], expected) in rows {
        let typed = AllergyForm {
            substance: Substance::Named {
                text: substance.to_owned(),
                code: code.to_owned(),
            },
            criticality: criticality.to_owned(),
            reaction: reaction.to_owned(),
            severity: severity.to_owned(),
            ..form(&patient, "")
        };
        let told: Vec<Told> = match clinic.allergy_record(&clinician(), &typed) {
            Ok(_) => Vec::new(),
            Err(FormError::Invalid(errors)) => errors.0.iter().map(|e| (e.field, e.reason)).collect(),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(told, expected, "{typed:?}");
        if expected.is_empty() {
            let code = code.rsplit('|').next().unwrap_or_default();
            kept.push([substance, code, criticality, reaction, severity].map(str::to_owned));
        }
    }
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    let mut shown: Vec<[String; 5]> = chart
        .rows::<AllergyRow>()
        .iter()
        .cloned()
        .map(|row| {
            [
                row.substance,
                row.code,
                row.criticality,
                row.reaction,
                row.severity,
            ]
        })
        .collect();
    shown.sort();
    assert_eq!(shown, kept, "all that was typed, and nothing that was refused");
}
