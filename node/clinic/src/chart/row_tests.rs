//! What the rows of a chart say of each status, as tables.

use crate::allergy::AllergyRow;
use crate::chart::RecordMeta;
use crate::medication::MedicationRow;
use crate::problem::ProblemRow;
use crate::record::UpdateOptions;
use crate::testing::{clinic, clinician, parsed, patient, put};
use chaski_json::Json;

fn disputed() -> RecordMeta {
    RecordMeta {
        conflicts: 1,
        ..RecordMeta::default()
    }
}

#[test]
fn an_allergy_counts_until_it_is_said_that_it_does_not() {
    #[rustfmt::skip]
    let rows = [
        ("active", "confirmed", true), ("active", "unconfirmed", true), ("active", "presumed", true), ("active", "", true),
        ("", "", true), ("", "confirmed", true), ("new-code", "new-code", true),
        ("inactive", "confirmed", false), ("resolved", "confirmed", false),
        ("active", "refuted", false), ("active", "entered-in-error", false), ("", "refuted", false),
        ("resolved", "refuted", false),
    ];
    for (clinical, verification, counts) in rows {
        let concept = |name: &str, code: &str| match code {
            "" => String::new(),
            code => format!(r#","{name}":{{"coding":[{{"code":"{code}"}}]}}"#),
        };
        let json = format!(
            r#"{{"code":{{"text":"Latex"}}{}{}}}"#,
            concept("clinicalStatus", clinical),
            concept("verificationStatus", verification)
        );
        let row = AllergyRow::from_json(&parsed(&json), RecordMeta::default());
        assert_eq!(row.counts(), counts, "{clinical} {verification}");
        // While sites disagree about it none of them can have it hidden, whatever is shown of it.
        let row = AllergyRow::from_json(&parsed(&json), disputed());
        assert!(row.counts(), "{clinical} {verification}, in dispute");
        let none_known = json.replace(r#"{"text":"Latex"}"#, r#"{"coding":[{"code":"716186003"}]}"#);
        let row = AllergyRow::from_json(&parsed(&none_known), disputed());
        assert!(
            row.none_known && row.counts() == counts,
            "{clinical} {verification}, none known"
        );
    }
}

#[test]
fn the_worst_severity_of_several_reactions_is_shown() {
    for (severities, worst) in [
        (&["mild", "severe", "moderate"][..], "severe"),
        (&["moderate", "mild"], "moderate"),
        (&["mild", ""], "mild"),
        (&[""], ""),
    ] {
        let reactions: Vec<String> = severities
            .iter()
            .map(|severity| match *severity {
                "" => r#"{"manifestation":[{"text":"rash"}]}"#.to_owned(),
                severity => format!(r#"{{"manifestation":[{{"text":"rash"}}],"severity":"{severity}"}}"#),
            })
            .collect();
        let json = parsed(&format!(r#"{{"reaction":[{}]}}"#, reactions.join(",")));
        let row = AllergyRow::from_json(&json, RecordMeta::default());
        assert_eq!(row.severity, worst, "{severities:?}");
    }
}

#[test]
fn every_reaction_of_an_allergy_is_shown() {
    for (reactions, shown) in [
        (
            r#"{"manifestation":[{"text":"rash"}]},{"manifestation":[{"text":"anaphylaxis"}]}"#,
            "rash, anaphylaxis",
        ),
        (
            r#"{"manifestation":[{"text":"rash"},{"text":"anaphylaxis"}]}"#,
            "rash, anaphylaxis",
        ),
        (
            r#"{"manifestation":[{"text":"rash"},{"text":"hives"}]},{"manifestation":[{"text":"shock"}]}"#,
            "rash, hives, shock",
        ),
        (
            r#"{"manifestation":[{"text":""}]},{"manifestation":[{"coding":[{"code":"1","display":"Anaphylaxis"}]}]}"#,
            "Anaphylaxis",
        ),
        (
            r#"{"severity":"mild"},{"manifestation":[{"coding":[{"code":"39579001"}]}]}"#,
            "39579001",
        ),
        (r#"{"severity":"mild"}"#, ""),
        ("", ""),
    ] {
        let json = parsed(&format!(
            r#"{{"code":{{"coding":[{{"code":"91936005","display":"Penicillin"}}]}},"reaction":[{reactions}]}}"#
        ));
        let row = AllergyRow::from_json(&json, RecordMeta::default());
        assert_eq!(row.reaction, shown, "{reactions}");
        assert_eq!(
            (row.substance.as_str(), row.code.as_str()),
            ("Penicillin", "91936005")
        );
    }
}

#[test]
fn every_dosage_of_a_medicine_is_shown() {
    let dose =
        |value: &str| format!(r#"{{"doseAndRate":[{{"doseQuantity":{{"value":{value},"unit":"mg"}}}}]}}"#);
    let said = |text: &str| format!(r#"{{"text":"{text}"}}"#);
    for (dosages, shown) in [
        (vec![said("1 at night")], "1 at night"),
        (
            vec![said("2 at dawn"), said("1 at night")],
            "2 at dawn; 1 at night",
        ),
        (
            vec![said("2 at dawn"), dose("5"), said("1 at night")],
            "2 at dawn; 5 mg; 1 at night",
        ),
        (vec![dose("5"), dose("10")], "5 mg; 10 mg"),
        (vec![], ""),
    ] {
        for member in ["dosageInstruction", "dosage"] {
            let json = parsed(&format!(r#"{{"{member}":[{}]}}"#, dosages.join(",")));
            let row = MedicationRow::from_json(&json, RecordMeta::default());
            assert_eq!(row.dose_text, shown, "{member}");
        }
    }
}

#[test]
fn a_medicine_counts_as_taken_by_its_status_and_always_while_disputed() {
    for (status, is_active) in [
        ("active", true),
        ("on-hold", true),
        ("unknown", true),
        ("", true),
        ("stopped", false),
        ("completed", false),
        ("cancelled", false),
        ("draft", false),
        ("entered-in-error", false),
        ("intended", false),
        ("not-taken", false),
    ] {
        let json = parsed(&format!(
            r#"{{"status":"{status}","statusReason":{{"text":"rash"}},"medicationCodeableConcept":{{"text":"Morphine"}}}}"#
        ));
        let row = MedicationRow::from_json(&json, RecordMeta::default());
        assert_eq!((row.active, row.disputed), (is_active, false), "{status}");
        assert_eq!(row.status_reason, "rash");
        let row = MedicationRow::from_json(&json, disputed());
        assert_eq!((row.active, row.disputed), (true, true), "{status}");
        assert_eq!(row.status_reason, "", "it may be the other side's");
    }
}

/// The chart of a patient who has this one record.
fn chart_with(kind: &str, members: &str) -> super::Chart {
    let clinic = clinic();
    let id = patient(&clinic);
    let members = members.replace("PATIENT", &format!("Patient/{id}"));
    put(
        &clinic,
        parsed(&format!(r#"{{"resourceType":"{kind}",{members}}}"#)),
    );
    clinic.chart_view(&clinician(), &id).expect("a chart")
}

#[test]
fn problems_are_past_only_by_a_status_that_says_so_and_errors_are_left_out() {
    for (status, is_past) in [
        ("active", false),
        ("recurrence", false),
        ("relapse", false),
        ("inactive", true),
        ("remission", true),
        ("resolved", true),
    ] {
        let members = format!(
            r#""subject":{{"reference":"PATIENT"}},"code":{{"text":"Asthma"}},"clinicalStatus":{{"coding":[{{
            "system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"{status}"}}]}}"#
        );
        let chart = chart_with("Condition", &members);
        let [row] = chart.rows::<ProblemRow>() else {
            panic!("{status}: one problem");
        };
        assert_eq!(row.counts(), !is_past, "{status}");
    }
    let silent = chart_with(
        "Condition",
        r#""subject":{"reference":"PATIENT"},"code":{"text":"Asthma"}"#,
    );
    assert_eq!(
        silent.rows::<crate::problem::ProblemRow>().len(),
        1,
        "without a status it is a problem"
    );
    let verification = r#""verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"entered-in-error"}]}"#;
    let wrong = chart_with(
        "Condition",
        &format!(r#""subject":{{"reference":"PATIENT"}},"code":{{"text":"Asthma"}},{verification}"#),
    );
    assert!(wrong.rows::<ProblemRow>().is_empty());
    let row = ProblemRow::from_json(&parsed(r#"{"code":{"text":"Asthma"}}"#), RecordMeta::default());
    assert_eq!(row.status, "");
}

#[test]
fn a_problem_is_dated_by_its_onset_else_by_when_it_was_told() {
    for (members, onset) in [
        (
            r#""onsetDateTime":"2019-05","recordedDate":"2025-01-01""#,
            "2019-05",
        ),
        (
            r#""onsetString":"as a child","recordedDate":"2025-01-01""#,
            "as a child",
        ),
        (r#""recordedDate":"2025-01-01""#, ""),
        (
            r#""onsetPeriod":{"start":"2018"},"recordedDate":"2025-01-01""#,
            "2018",
        ),
        (r#""status":"x""#, ""),
    ] {
        let json = parsed(&format!(
            r#"{{"code":{{"coding":[{{"code":"1","display":"Asthma"}}]}},{members}}}"#
        ));
        let row = ProblemRow::from_json(&json, RecordMeta::default());
        assert_eq!((row.onset.as_str(), row.name.as_str()), (onset, "Asthma"));
    }
}

#[test]
fn a_measurement_that_is_disputed_stays_in_sight_whatever_one_side_says() {
    for order in [["entered-in-error", "amended"], ["amended", "entered-in-error"]] {
        let clinic = clinic();
        let id = patient(&clinic);
        let observation = put(
            &clinic,
            parsed(&format!(
                r#"{{"resourceType":"Observation","status":"final","subject":{{"reference":"Patient/{id}"}},
                "code":{{"text":"Potassium"}},"valueQuantity":{{"value":6.9,"unit":"mmol/L"}}}}"#
            )),
        );
        let key = format!("Observation/{observation}").parse().expect("a key");
        let read = clinic.record_read(&clinician(), &key).expect("read");
        for status in order {
            let mut json = read.json.clone();
            crate::fhir_json::set(&mut json, "status", Json::from(status));
            let options = UpdateOptions {
                if_match: Some(read.version.to_string()),
                merge: true,
                ..UpdateOptions::default()
            };
            clinic
                .record_update(&clinician(), "Observation", &observation, json, &options)
                .expect("updated");
        }
        let chart = clinic.chart_view(&clinician(), &id).expect("a chart");
        assert_eq!(
            chart.rows::<crate::vitals::ObservationRow>().len(),
            1,
            "{order:?}"
        );
        assert!(chart.rows::<crate::vitals::ObservationRow>()[0].meta.conflicts > 0 && chart.conflicts > 0);
    }
    let withdrawn = chart_with(
        "Observation",
        r#""status":"entered-in-error","subject":{"reference":"PATIENT"},"code":{"text":"Potassium"}"#,
    );
    assert!(
        withdrawn.rows::<crate::vitals::ObservationRow>().is_empty(),
        "undisputed it is left out"
    );
}

#[test]
fn what_is_dangerous_stands_first_and_what_is_over_last() {
    let clinic = clinic();
    let id = patient(&clinic);
    let write = |kind: &str, members: &str| {
        let members = members.replace("PATIENT", &format!("Patient/{id}"));
        put(
            &clinic,
            parsed(&format!(r#"{{"resourceType":"{kind}",{members}}}"#)),
        );
    };
    let allergy = |name: &str, criticality: &str, status: &str| {
        let criticality = match criticality {
            "" => String::new(),
            code => format!(r#","criticality":"{code}""#),
        };
        write(
            "AllergyIntolerance",
            &format!(
                r#""patient":{{"reference":"PATIENT"}},"code":{{"text":"{name}"}}{criticality},"clinicalStatus":{{"coding":[{{
                "system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"{status}"}}]}}"#
            ),
        );
    };
    allergy("Ash pollen", "low", "active");
    allergy("Bee", "high", "resolved");
    allergy("Cow milk", "", "active");
    allergy("Penicillin", "high", "active");
    let medicine = |drug: &str, status: &str, authored: &str| {
        write(
            "MedicationRequest",
            &format!(
                r#""subject":{{"reference":"PATIENT"}},"status":"{status}","intent":"order","authoredOn":"{authored}",
                "medicationCodeableConcept":{{"text":"{drug}"}}"#
            ),
        );
    };
    medicine("Amoxicillin", "completed", "2025-12-30");
    medicine("Enalapril", "active", "2025-01-01");
    medicine("Metformin", "on-hold", "2025-06-01");
    medicine("Wrong", "entered-in-error", "2025-12-31");
    for (what, when) in [
        ("Old", "2020-01-01"),
        ("New", "2025-12-01"),
        ("Middle", "2023-01-01"),
    ] {
        write(
            "Observation",
            &format!(
                r#""subject":{{"reference":"PATIENT"}},"status":"final","code":{{"text":"{what}"}},"effectiveDateTime":"{when}""#
            ),
        );
    }
    let chart = clinic.chart_view(&clinician(), &id).expect("a chart");
    let allergies: Vec<&str> = chart
        .rows::<crate::allergy::AllergyRow>()
        .iter()
        .map(|row| row.substance.as_str())
        .collect();
    assert_eq!(allergies, ["Penicillin", "Ash pollen", "Cow milk", "Bee"]);
    let medicines: Vec<&str> = chart
        .rows::<crate::medication::MedicationRow>()
        .iter()
        .map(|row| row.drug.as_str())
        .collect();
    assert_eq!(medicines, ["Metformin", "Enalapril", "Amoxicillin"]);
    let observations: Vec<&str> = chart
        .rows::<crate::vitals::ObservationRow>()
        .iter()
        .map(|row| row.name.as_str())
        .collect();
    assert_eq!(observations, ["New", "Middle", "Old"]);
    assert!(!chart.is_truncated());
}

#[test]
fn a_chart_that_was_cut_says_so() {
    let clinic = clinic();
    let id = patient(&clinic);
    let write = |count: usize| {
        let entries: Vec<String> = (0..count)
            .map(|number| {
                format!(
                    r#"{{"resource":{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},
                    "subject":{{"reference":"Patient/{id}"}},"valueString":"{number}"}},"request":{{"method":"POST","url":"Observation"}}}}"#
                )
            })
            .collect();
        let bundle = format!(
            r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#,
            entries.join(",")
        );
        clinic
            .bundle_process(&clinician(), parsed(&bundle))
            .expect("written");
    };
    write(300);
    let chart = clinic.chart_view(&clinician(), &id).expect("a chart");
    assert_eq!(
        (
            chart.rows::<crate::vitals::ObservationRow>().len(),
            chart.is_truncated()
        ),
        (300, false)
    );
    write(1);
    let chart = clinic.chart_view(&clinician(), &id).expect("a chart");
    assert_eq!(
        (
            chart.rows::<crate::vitals::ObservationRow>().len(),
            chart.is_truncated()
        ),
        (300, true)
    );
}
