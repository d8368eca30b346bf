use chaski_json::Json;

use super::*;
use crate::Clinic;
use crate::form::{FormError, Reason};
use crate::permissions::{CREATE, Part, case, said};
use crate::testing::{NOW_MS, SteeredEnv, clinician, parsed, patient, put, store_with};

#[rustfmt::skip]
pub(crate) const PERMISSIONS: Part = Part {
    records: |_| Vec::new(),
    cases: &[
        case("immunization_record", "given here", &[CREATE], ("record_create", "Immunization"), |w, caller| said(w.clinic.immunization_record(caller, &given(&w.patient)))),
    ],
};

/// A first dose against measles, given today.
fn given(patient: &str) -> ImmunizationForm {
    ImmunizationForm {
        patient: patient.to_owned(),
        vaccine_code: "05".to_owned(),
        status: "completed".to_owned(),
        ..ImmunizationForm::default()
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

fn stored(clinic: &Clinic, id: &str) -> Json {
    let key = format!("Immunization/{id}").parse().expect("a key");
    let mut json = clinic.record_read(&clinician(), &key).expect("the record").json;
    json.as_object_mut().expect("an object").remove("meta");
    json
}

fn rows(clinic: &Clinic, patient: &str) -> Vec<ImmunizationRow> {
    let chart = clinic.chart_view(&clinician(), patient).expect("a chart");
    chart.rows::<ImmunizationRow>().to_vec()
}

type Change = fn(&mut ImmunizationForm);

#[test]
fn an_immunization_is_written_as_this_and_sent_twice_is_one() {
    let changes: [(Change, &str); 3] = [
        (
            |form| {
                form.lot_number = " AB-12 ".to_owned();
                form.site = "LA".to_owned();
                form.dose_number = "2".to_owned();
            },
            r#""status":"completed","occurrenceDateTime":"2026-01-01","primarySource":true,"lotNumber":"AB-12",
            "site":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActSite","code":"LA","display":"left arm"}]},
            "protocolApplied":[{"doseNumberPositiveInt":2}]"#,
        ),
        (
            |form| {
                form.occurrence_date = "1981".to_owned();
                form.given_elsewhere = true;
            },
            r#""status":"completed","occurrenceDateTime":"1981","primarySource":false"#,
        ),
        (
            |form| {
                form.status = "not-done".to_owned();
                form.reason = "fever".to_owned();
            },
            r#""status":"not-done","occurrenceDateTime":"2026-01-01","primarySource":true,"statusReason":{"text":"fever"}"#,
        ),
    ];
    for (change, members) in changes {
        let (clinic, patient) = clinic();
        let mut form = given(&patient);
        form.draft_id = "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10".to_owned();
        change(&mut form);
        for _ in 0..2 {
            let id = clinic.immunization_record(&clinician(), &form).expect("recorded");
            assert_eq!(id, form.draft_id);
        }
        let wanted = format!(
            r#"{{"resourceType":"Immunization","id":"{}","patient":{{"reference":"Patient/{patient}"}},
            "vaccineCode":{{"coding":[{{"system":"http://hl7.org/fhir/sid/cvx","code":"05","display":"measles"}}],"text":"measles"}},
            "recorded":"2026-01-01T00:00:00.000Z",{members}}}"#,
            form.draft_id
        );
        assert_eq!(
            stored(&clinic, &form.draft_id).canonical(),
            parsed(&wanted).canonical()
        );
        assert_eq!(rows(&clinic, &patient).len(), 1);
    }
}

#[test]
fn the_chart_shows_all_that_was_recorded_the_newest_first() {
    let (clinic, patient) = clinic();
    let mut first = given(&patient);
    (first.occurrence_date, first.given_elsewhere) = ("1981-02".to_owned(), true);
    clinic
        .immunization_record(&clinician(), &first)
        .expect("recorded");
    let mut second = given(&patient);
    (second.lot_number, second.dose_number, second.site) = ("AB-12".into(), "2".into(), "RT".into());
    clinic
        .immunization_record(&clinician(), &second)
        .expect("recorded");
    let mut other = given(&patient);
    (other.vaccine_code, other.vaccine) = (String::new(), "Chikungunya".into());
    (other.status, other.reason) = ("not-done".into(), "out of stock".into());
    other.occurrence_date = "2025-11-30".into();
    clinic
        .immunization_record(&clinician(), &other)
        .expect("recorded");
    let rows = rows(&clinic, &patient);
    let told: Vec<[&str; 6]> = rows
        .iter()
        .map(|row| {
            [
                row.vaccine.as_str(),
                &row.occurrence,
                &row.lot_number,
                &row.dose_number,
                &row.site,
                &row.status_reason,
            ]
        })
        .collect();
    assert_eq!(
        told,
        [
            ["measles", "2026-01-01", "AB-12", "2", "right thigh", ""],
            ["Chikungunya", "2025-11-30", "", "", "", "out of stock"],
            ["measles", "1981-02", "", "", "", ""],
        ]
    );
    let given: Vec<(bool, bool)> = rows
        .iter()
        .map(|row| (row.is_given(), row.given_elsewhere))
        .collect();
    assert_eq!(given, [(true, false), (false, false), (true, true)]);
}

#[test]
fn what_is_wrong_is_told_at_its_field() {
    let (clinic, patient) = clinic();
    #[rustfmt::skip]
    let changes: [(Change, (&str, Reason)); 20] = [
        (|f| f.vaccine_code.clear(), ("vaccine_code", Reason::Required)),
        (|f| f.vaccine_code = "5".into(), ("vaccine_code", Reason::UnknownCode)),
        (|f| f.vaccine = "MMR".into(), ("vaccine", Reason::Inconsistent)),
        (|f| (f.vaccine_code, f.vaccine) = (String::new(), "x".repeat(129)), ("vaccine", Reason::TooLong)),
        (|f| f.status.clear(), ("status", Reason::UnknownCode)),
        (|f| f.status = "done".into(), ("status", Reason::UnknownCode)),
        (|f| f.occurrence_date = "today".into(), ("occurrence_date", Reason::Malformed)),
        (|f| f.occurrence_date = "2026-01-02".into(), ("occurrence_date", Reason::InFuture)),
        (|f| f.occurrence_date = "1980-05-03".into(), ("occurrence_date", Reason::Inconsistent)),
        (|f| f.lot_number = "x".repeat(65), ("lot_number", Reason::TooLong)),
        (|f| f.site = "left".into(), ("site", Reason::UnknownCode)),
        (|f| f.dose_number = "0".into(), ("dose_number", Reason::Impossible)),
        (|f| f.dose_number = "21".into(), ("dose_number", Reason::Impossible)),
        (|f| f.dose_number = "first".into(), ("dose_number", Reason::Malformed)),
        (|f| f.reason = "fever".into(), ("reason", Reason::Inconsistent)),
        (|f| f.status = "not-done".into(), ("reason", Reason::Required)),
        (|f| (f.status, f.reason, f.lot_number) = ("not-done".into(), "x".into(), "1".into()), ("lot_number", Reason::Inconsistent)),
        (|f| (f.status, f.reason, f.site) = ("not-done".into(), "x".into(), "LA".into()), ("site", Reason::Inconsistent)),
        (|f| (f.status, f.reason, f.dose_number) = ("not-done".into(), "x".into(), "1".into()), ("dose_number", Reason::Inconsistent)),
        (|f| (f.status, f.reason, f.given_elsewhere) = ("not-done".into(), "x".into(), true), ("given_elsewhere", Reason::Inconsistent)),
    ];
    for (change, expected) in changes {
        let mut form = given(&patient);
        change(&mut form);
        match clinic.immunization_record(&clinician(), &form) {
            Err(FormError::Invalid(errors)) => {
                let told: Vec<_> = errors.0.iter().map(|one| (one.field, one.reason)).collect();
                assert_eq!(told, [expected], "{form:?}");
            }
            done => panic!("{form:?}: {done:?}"),
        }
    }
    assert!(rows(&clinic, &patient).is_empty());
}

#[test]
fn a_dose_is_not_told_twice() {
    let (clinic, patient) = clinic();
    clinic
        .immunization_record(&clinician(), &given(&patient))
        .expect("recorded");
    let again = clinic
        .immunization_record(&clinician(), &given(&patient))
        .expect_err("refused");
    match again {
        FormError::Invalid(errors) => {
            assert_eq!(
                (errors.0[0].field, errors.0[0].reason),
                ("occurrence_date", Reason::Duplicate)
            );
        }
        other => panic!("{other}"),
    }
    let others: [Change; 3] = [
        |form| form.vaccine_code = "03".into(),
        |form| form.occurrence_date = "2025-12-31".into(),
        |form| (form.status, form.reason) = ("not-done".into(), "a second was not given".into()),
    ];
    for change in others {
        let mut form = given(&patient);
        change(&mut form);
        clinic.immunization_record(&clinician(), &form).expect("another");
    }
}

#[test]
fn what_other_systems_wrote_is_shown_whole() {
    let (clinic, patient) = clinic();
    let json = format!(
        r#"{{"resourceType":"Immunization","status":"completed","patient":{{"reference":"Patient/{patient}"}},
        "vaccineCode":{{"coding":[{{"system":"http://hl7.org/fhir/sid/cvx","code":"140","display":"Influenza"}}]}},
        "occurrenceString":"as a child","lotNumber":"L1","expirationDate":"2026-05-01","isSubpotent":true,
        "doseQuantity":{{"value":0.50,"unit":"mL"}},"note":[{{"text":"arm sore"}},{{"text":"well after"}}],
        "protocolApplied":[{{"doseNumberString":"booster"}}]}}"#
    );
    put(&clinic, parsed(&json));
    let row = rows(&clinic, &patient).remove(0);
    assert_eq!(row.vaccine, "Influenza");
    assert_eq!(row.occurrence, "as a child");
    assert_eq!(
        (row.lot_number.as_str(), row.expiration_date.as_str()),
        ("L1", "2026-05-01")
    );
    assert_eq!(
        (row.dose_number.as_str(), row.dose_quantity.as_str()),
        ("booster", "0.50 mL")
    );
    assert!(row.is_subpotent && row.is_given() && !row.given_elsewhere);
    assert_eq!(row.note, "arm sore; well after");
}

#[test]
fn a_dose_that_another_system_wrote_with_its_hour_and_its_own_words_is_not_told_twice() {
    let (clinic, patient) = clinic();
    let own = given(&patient);
    let json = |code: &str, when: &str| {
        format!(
            r#"{{"resourceType":"Immunization","status":"completed","patient":{{"reference":"Patient/{patient}"}},
            "vaccineCode":{{"coding":[{{"system":"http://hl7.org/fhir/sid/cvx","code":"{code}","display":"Sarampión"}}]}},
            "occurrenceDateTime":"{when}"}}"#
        )
    };
    let today = clinic.today().to_string();
    put(&clinic, parsed(&json("03", &format!("{today}T08:15:00-05:00"))));
    put(
        &clinic,
        parsed(&json(&own.vaccine_code, "2025-11-30T08:15:00-05:00")),
    );
    let mut form = own;
    form.occurrence_date = "2025-11-30".into();
    let again = clinic.immunization_record(&clinician(), &form);
    assert!(matches!(again, Err(FormError::Invalid(_))), "{again:?}");
    form.occurrence_date = String::new();
    clinic
        .immunization_record(&clinician(), &form)
        .expect("another day");
}

#[test]
fn only_what_says_that_it_was_given_counts_as_given() {
    for (status, is_given) in [
        (r#""status":"completed","#, true),
        (r#""status":"not-done","#, false),
        (r#""status":"entered-in-error","#, false),
        ("", false),
    ] {
        let json = parsed(&format!(
            r#"{{"resourceType":"Immunization",{status}"lotNumber":"1"}}"#
        ));
        let row = ImmunizationRow::from_json(&json, crate::chart::RecordMeta::default());
        assert_eq!(row.is_given(), is_given, "{status}");
    }
}
