//! What the forms share: the id a record gets, what a form that is sent again writes, and what an edit
//! from an old version leaves as others have written it.

use super::*;
use crate::RecordKey;
use crate::allergy::{AllergyChange, AllergyForm, Substance};
use crate::form::FormError;
use crate::medication::{DoseChange, MedicationStatusChange};
use crate::patient::{Duplicates, PhoneChange, RegistrationForm};
use crate::testing::registered;
use crate::testing::{clinic, clinician, parsed, patient, put};
use crate::vitals::{Vitals, VitalsForm};

const UUID: &str = "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10";

fn allergy(patient: &str, draft_id: &str) -> AllergyForm {
    AllergyForm {
        patient: patient.to_owned(),
        substance: Substance::Named {
            text: "Latex".to_owned(),
            code: String::new(),
        },
        criticality: String::new(),
        reaction: String::new(),
        severity: String::new(),
        draft_id: draft_id.to_owned(),
    }
}

fn vitals(patient: &str, draft_id: &str, heart: &str, weight: &str) -> VitalsForm {
    VitalsForm {
        patient: patient.to_owned(),
        values: Vitals {
            heart_rate: heart.to_owned(),
            weight: weight.to_owned(),
            ..Vitals::default()
        },
        when: String::new(),
        draft_id: draft_id.to_owned(),
    }
}

fn person(family: &str, draft_id: &str) -> RegistrationForm {
    RegistrationForm {
        family: family.to_owned(),
        sex: "female".to_owned(),
        draft_id: draft_id.to_owned(),
        ..RegistrationForm::default()
    }
}

fn key(kind: &str, id: &str) -> RecordKey {
    RecordKey::new(kind, id).expect("a key")
}

fn read(clinic: &Clinic, kind: &str, id: &str) -> Json {
    clinic
        .record_read(&clinician(), &key(kind, id))
        .expect("the record")
        .json
}

#[test]
fn a_forms_draft_becomes_a_records_id_only_if_nobody_else_uses_it_for_something_else() {
    for (draft, is_kept) in [
        (UUID, true),
        ("018f428e-34f6-4707-8009-5ad742f901e7", true),
        ("", false),
        ("1", false),
        ("1042", false),
        ("patient-1", false),
        ("0f2a7a529c1e4b7e8a433f1f5d3c2b10", false),
        ("0F2A7A52-9C1E-4B7E-8A43-3F1F5D3C2B10", false),
        ("0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b1", false),
        ("../Patient/1", false),
        (" ", false),
    ] {
        let clinic = clinic();
        let subject = patient(&clinic);
        let registered = clinic
            .patient_register(&clinician(), &person("Condori", draft), Duplicates::Accept)
            .map(registered)
            .expect(draft)
            .id;
        let recorded = clinic
            .allergy_record(&clinician(), &allergy(&subject, draft))
            .expect(draft);
        for id in [registered, recorded] {
            assert!(chaski_fhir::id::is_uuid(&id), "{draft}: {id}");
            assert_eq!(id == draft, is_kept, "{draft}: {id}");
        }
        let measured = clinic
            .vitals_record(&clinician(), &vitals(&subject, draft, "72", ""))
            .expect(draft);
        assert!(chaski_fhir::id::is_uuid(&measured.ids[0]), "{draft}");
        // Sent again, a form without an id of its own is another form.
        let again = clinic
            .vitals_record(&clinician(), &vitals(&subject, draft, "72", ""))
            .expect(draft);
        assert_eq!(again.ids == measured.ids, is_kept, "{draft}");
    }
}

#[test]
fn one_draft_makes_records_of_its_own_for_each_sign_and_each_form() {
    let clinic = clinic();
    let subject = patient(&clinic);
    let other = "018f428e-34f6-4707-8009-5ad742f901e7";
    let record = |draft: &str, heart: &str, weight: &str| {
        clinic.vitals_record(&clinician(), &vitals(&subject, draft, heart, weight))
    };
    let first = record(UUID, "72", "").expect("recorded").ids;
    // What was forgotten is typed on the same form: it is written, and what stood there stays.
    let both = record(UUID, "72", "61.5").expect("recorded").ids;
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    let code = |id: &str| {
        let json = read(&clinic, "Observation", id);
        let code = json.pointer("/code/coding/0/code").and_then(Json::as_str);
        code.expect("a code").to_owned()
    };
    assert_eq!([code(&both[0]), code(&both[1])], ["8867-4", "29463-7"]);
    // Another number on the same form would be told as saved and is not: it is refused, and all of it.
    for (heart, weight) in [("73", "61.5"), ("72", "61.6"), ("73", "")] {
        let refused = record(UUID, heart, weight);
        assert!(
            matches!(refused, Err(FormError::Record(RecordError::Exists(_)))),
            "{refused:?}"
        );
    }
    assert_eq!(clinic.store().stats().expect("stats").records, 3);
    let apart = record(other, "73", "").expect("another form").ids;
    assert_ne!(apart[0], first[0]);
    assert_eq!(clinic.store().stats().expect("stats").records, 4);
}

#[test]
fn a_form_whose_record_was_deleted_since_is_not_told_as_saved() {
    let clinic = clinic();
    let subject = patient(&clinic);
    let delete = |kind: &str, id: &str| {
        clinic
            .record_delete(&clinician(), &key(kind, id), None)
            .expect("deleted");
    };
    let id = clinic
        .allergy_record(&clinician(), &allergy(&subject, UUID))
        .expect("recorded");
    delete("AllergyIntolerance", &id);
    let again = clinic.allergy_record(&clinician(), &allergy(&subject, UUID));
    assert!(
        matches!(again, Err(FormError::Record(RecordError::Gone { .. }))),
        "{again:?}"
    );
    let ids = clinic
        .vitals_record(&clinician(), &vitals(&subject, UUID, "72", ""))
        .expect("recorded")
        .ids;
    delete("Observation", &ids[0]);
    let again = clinic.vitals_record(&clinician(), &vitals(&subject, UUID, "72", "60"));
    assert!(
        matches!(again, Err(FormError::Record(RecordError::Gone { .. }))),
        "{again:?}"
    );
    let form = person("Condori", UUID);
    clinic
        .patient_register(&clinician(), &form, Duplicates::Accept)
        .expect("registered");
    let other = clinic.patient_register(&clinician(), &person("Mamani", UUID), Duplicates::Accept);
    assert!(
        matches!(other, Err(FormError::Record(RecordError::Exists(_)))),
        "{other:?}"
    );
    delete("Patient", UUID);
    let again = clinic.patient_register(&clinician(), &form, Duplicates::Accept);
    assert!(
        matches!(again, Err(FormError::Record(RecordError::Gone { .. }))),
        "{again:?}"
    );
    assert_eq!(clinic.store().stats().expect("stats").records, 1);
}

#[test]
fn nothing_is_written_about_somebody_who_is_not_here() {
    let clinic = clinic();
    let gone = patient(&clinic);
    clinic
        .record_delete(&clinician(), &key("Patient", &gone), None)
        .expect("deleted");
    for patient in [UUID, gone.as_str(), "", "no id"] {
        let done = clinic.allergy_record(&clinician(), &allergy(patient, ""));
        assert!(matches!(done, Err(FormError::Record(_))), "{patient}: {done:?}");
        let done = clinic.vitals_record(&clinician(), &vitals(patient, "", "72", ""));
        assert!(matches!(done, Err(FormError::Record(_))), "{patient}: {done:?}");
        let change = PhoneChange {
            patient: patient.to_owned(),
            base_version: String::new(),
            old_phone: None,
            phone: "555-0102".to_owned(),
        };
        let done = clinic.phone_change(&clinician(), &change);
        assert!(matches!(done, Err(FormError::Record(_))), "{patient}: {done:?}");
    }
    assert_eq!(clinic.store().stats().expect("stats").records, 0);
}

/// An edit through a form, of the record with this id as this version showed it.
type Edit = fn(&Clinic, &str, &str) -> Result<String, String>;

/// A record to edit, an edit of it, and where the edit stands in it afterwards.
const EDITS: [(&str, &str, Edit, &str, &str); 5] = [
    (
        "AllergyIntolerance",
        r#""patient":{"reference":"PATIENT"},"code":{"text":"Latex"},"criticality":"low""#,
        |clinic, id, version| {
            let change = AllergyChange {
                id: id.to_owned(),
                base_version: version.to_owned(),
                criticality: Some("high".to_owned()),
                status: None,
            };
            let done = clinic.allergy_change(&clinician(), &change);
            done.map_err(|error: FormError| error.to_string())
        },
        "/criticality",
        r#""high""#,
    ),
    (
        "AllergyIntolerance",
        r#""patient":{"reference":"PATIENT"},"code":{"text":"Latex"}"#,
        |clinic, id, version| {
            let change = AllergyChange {
                id: id.to_owned(),
                base_version: version.to_owned(),
                criticality: None,
                status: Some("resolved".to_owned()),
            };
            let done = clinic.allergy_change(&clinician(), &change);
            done.map_err(|error: FormError| error.to_string())
        },
        "/clinicalStatus/coding/0/code",
        r#""resolved""#,
    ),
    (
        "MedicationRequest",
        r#""subject":{"reference":"PATIENT"},"status":"active","intent":"order","medicationCodeableConcept":{"text":"a"},
           "dosageInstruction":[{"text":"5 mg","doseAndRate":[{"doseQuantity":{"value":5,"unit":"mg"}}]}]"#,
        |clinic, id, version| {
            let change = DoseChange {
                id: id.to_owned(),
                base_version: version.to_owned(),
                dose_value: "7.5".to_owned(),
                dose_unit: "mg".to_owned(),
                ..DoseChange::default()
            };
            let done = clinic.medication_dose_change(&clinician(), &change);
            done.map_err(|error: FormError| error.to_string())
        },
        "/dosageInstruction/0/doseAndRate/0/doseQuantity/value",
        "7.5",
    ),
    (
        "MedicationRequest",
        r#""subject":{"reference":"PATIENT"},"status":"active","intent":"order","medicationCodeableConcept":{"text":"a"}"#,
        |clinic, id, version| {
            let change = MedicationStatusChange {
                id: id.to_owned(),
                base_version: version.to_owned(),
                status: "stopped".to_owned(),
                reason: "rash".to_owned(),
            };
            let done = clinic.medication_status_change(&clinician(), &change);
            done.map_err(|error: FormError| error.to_string())
        },
        "/statusReason/text",
        r#""rash""#,
    ),
    (
        "Patient",
        r#""name":[{"family":"Quispe"}]"#,
        |clinic, id, version| {
            let change = PhoneChange {
                patient: id.to_owned(),
                base_version: version.to_owned(),
                old_phone: None,
                phone: "555-0102".to_owned(),
            };
            let done = clinic.phone_change(&clinician(), &change);
            done.map_err(|error: FormError| error.to_string())
        },
        "/telecom/0/value",
        r#""555-0102""#,
    ),
];

#[test]
fn an_edit_from_an_old_version_leaves_what_others_wrote_since_and_answers_what_stands() {
    for (kind, members, edit, pointer, value) in EDITS {
        let noted = |clinic: &Clinic, id: &str| {
            let mut json = read(clinic, kind, id);
            let note = r#"[{"url":"http://example.org/seen","valueBoolean":true}]"#;
            crate::fhir_json::set(&mut json, "extension", parsed(note));
            let options = crate::record::UpdateOptions::default();
            let done = clinic.record_update(&clinician(), kind, id, json, &options);
            done.expect("written").version.to_string()
        };
        // The version that the form showed: the first, the newest, and none of this record's.
        for shown in ["first", "newest", "unknown", ""] {
            let clinic = clinic();
            let members = members.replace("PATIENT", &format!("Patient/{}", patient(&clinic)));
            let id = put(
                &clinic,
                parsed(&format!(r#"{{"resourceType":"{kind}",{members}}}"#)),
            );
            let first = clinic
                .record_read(&clinician(), &key(kind, &id))
                .expect("the record")
                .version
                .to_string();
            let newest = noted(&clinic, &id);
            let version = match shown {
                "first" => first.as_str(),
                "newest" => newest.as_str(),
                "unknown" => "000000000000000000000000",
                other => other,
            };
            let answered = edit(&clinic, &id, version).expect(shown);
            let now = clinic
                .record_read(&clinician(), &key(kind, &id))
                .expect("the record");
            assert_eq!(now.version.to_string(), answered, "{kind} {shown}");
            assert!(answered != first && answered != newest, "{kind} {shown}");
            let written = now.json.pointer(pointer).map(Json::canonical);
            assert_eq!(written.as_deref(), Some(value), "{kind} {shown}");
            assert!(now.json.get("extension").is_some(), "{kind} {shown}");
            assert_eq!(now.conflicts, 0, "{kind} {shown}");
        }
    }
}

#[test]
fn what_was_deleted_is_not_edited_back_to_life_by_a_form_that_showed_it() {
    for (kind, members, edit, ..) in EDITS {
        let clinic = clinic();
        let members = members.replace("PATIENT", &format!("Patient/{}", patient(&clinic)));
        let id = put(
            &clinic,
            parsed(&format!(r#"{{"resourceType":"{kind}",{members}}}"#)),
        );
        let shown = clinic
            .record_read(&clinician(), &key(kind, &id))
            .expect("the record")
            .version
            .to_string();
        let gone = clinic
            .record_delete(&clinician(), &key(kind, &id), None)
            .expect("deleted")
            .version
            .to_string();
        for version in [shown.as_str(), gone.as_str(), ""] {
            let told = edit(&clinic, &id, version).expect_err(kind);
            assert!(told.contains("deleted"), "{kind}: {told}");
        }
        for id in [UUID, "no id"] {
            assert!(edit(&clinic, id, &shown).is_err(), "{kind} {id}");
        }
    }
}

#[test]
fn a_record_whose_patient_has_not_arrived_here_can_be_edited_all_the_same() {
    for (kind, members, edit, pointer, value) in EDITS {
        if kind == "Patient" {
            continue;
        }
        let clinic = clinic();
        let members = members.replace("PATIENT", "Patient/018f428e-34f6-4707-8009-5ad742f901e7");
        let arrived = Write::Put {
            key: key(kind, UUID),
            json: parsed(&format!(r#"{{"resourceType":"{kind}","id":"{UUID}",{members}}}"#)),
            base: Base::Absent,
            resolution: false,
        };
        clinic
            .store()
            .commit(clinician().context(), vec![arrived])
            .expect("stored");
        edit(&clinic, UUID, "").unwrap_or_else(|error| panic!("{kind}: {error}"));
        let written = read(&clinic, kind, UUID).pointer(pointer).map(Json::canonical);
        assert_eq!(written.as_deref(), Some(value), "{kind}");
    }
}
