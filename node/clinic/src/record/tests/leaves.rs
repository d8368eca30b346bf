//! Invalid leaves beside what a record means are carried and marked; what is wrong in its meaning keeps it out (CR-120).

use super::brought::told;
use super::*;
use crate::record::{ImportNote, NoteKind};

fn strict() -> ImportOptions {
    ImportOptions {
        strict: true,
        ..ImportOptions::default()
    }
}

fn marks(notes: &[ImportNote]) -> Vec<&str> {
    let of_kind = notes.iter().filter(|note| note.what == NoteKind::Marked);
    of_kind.map(|note| note.path.as_str()).collect()
}

/// A record with `value` at the pointer.
fn with(base: &str, pointer: &str, value: Json) -> Json {
    let mut json = parsed(base);
    let (front, name) = pointer.rsplit_once('/').expect("a pointer");
    let mut place = &mut json;
    for step in front.split('/').skip(1) {
        place = match step.parse::<usize>() {
            Ok(at) => &mut place.as_array_mut().expect("a list")[at],
            Err(_) => place.get_mut(step).expect("a member"),
        };
    }
    crate::fhir_json::set(place, name, value);
    crate::fhir_json::set(&mut json, "id", Json::from(UUID));
    json
}

const ALLERGY: &str = r#"{"resourceType":"AllergyIntolerance","criticality":"high","patient":{"reference":"Patient/0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b11","identifier":{"value":"1"}},"code":{"text":"Peanut","coding":[{"system":"urn:s","code":"c"}]},"recorder":{"display":"x"},"identifier":[{"value":"1"}],"note":[{"text":"x"}]}"#;
const PATIENT: &str = r#"{"resourceType":"Patient","gender":"female","birthDate":"1980-01-01","identifier":[{"value":"1"}],"name":[{"family":"X"}],"telecom":[{"value":"1"}],"contact":[{"name":{"family":"Y"}}],"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}}"#;
const RESULT: &str = r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueString":"positive","identifier":[{"value":"1"}],"performer":[{"display":"x"}]}"#;

#[test]
fn a_leaf_beside_the_meaning_is_carried_and_marked() {
    for (base, pointer, value, path) in [
        (
            ALLERGY,
            "/patient/identifier/system",
            json!("Identification Number"),
            "AllergyIntolerance.patient.identifier.system",
        ),
        (
            ALLERGY,
            "/identifier/0/system",
            json!("a b"),
            "AllergyIntolerance.identifier[0].system",
        ),
        (
            ALLERGY,
            "/recorder/reference",
            json!("Practitioner/Clínica"),
            "AllergyIntolerance.recorder",
        ),
        (
            ALLERGY,
            "/recordedDate",
            json!("2026-01-01T10:00:00"),
            "AllergyIntolerance.recordedDate",
        ),
        (ALLERGY, "/category", json!([]), "AllergyIntolerance.category"),
        (ALLERGY, "/reaction", json!([]), "AllergyIntolerance.reaction"),
        (
            ALLERGY,
            "/code/extension",
            json!([]),
            "AllergyIntolerance.code.extension",
        ),
        (
            ALLERGY,
            "/code/coding/0/display",
            json!(""),
            "AllergyIntolerance.code.coding[0].display",
        ),
        (
            ALLERGY,
            "/extension",
            json!([{"url": "http://e x", "valueString": "y"}]),
            "AllergyIntolerance.extension[0].url",
        ),
        (
            ALLERGY,
            "/extension",
            json!([{"url": "http://e"}]),
            "AllergyIntolerance.extension[0]",
        ),
        (ALLERGY, "/note/0/authorReference", json!({}), ""),
        (ALLERGY, "/encounter", json!({}), "AllergyIntolerance.encounter"),
        (
            ALLERGY,
            "/meta",
            json!({"profile": ["http://e x"]}),
            "AllergyIntolerance.meta.profile[0]",
        ),
        (
            ALLERGY,
            "/meta",
            json!({"lastUpdated": "yesterday"}),
            "AllergyIntolerance.meta.lastUpdated",
        ),
        (
            RESULT,
            "/identifier/0/assigner",
            json!({"reference": "Organization/Clínica"}),
            "Observation.identifier[0].assigner",
        ),
        (RESULT, "/issued", json!("2026-01-01"), "Observation.issued"),
        (
            RESULT,
            "/identifier/0/value",
            json!(7),
            "Observation.identifier[0].value",
        ),
        (PATIENT, "/extension", json!([]), "Patient.extension"),
        (
            PATIENT,
            "/identifier/0/system",
            json!("Identification Number"),
            "Patient.identifier[0].system",
        ),
        (
            PATIENT,
            "/telecom/0/system",
            json!("mobile"),
            "Patient.telecom[0].system",
        ),
        (
            PATIENT,
            "/contact/0/gender",
            json!("f"),
            "Patient.contact[0].gender",
        ),
        (PATIENT, "/maritalStatus", json!(null), "Patient.maritalStatus"),
        (
            PATIENT,
            "/text/div",
            json!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><script>x</script></div>"),
            "Patient.text.div",
        ),
        (
            PATIENT,
            "/contact/0/name/period",
            json!({"extension": []}),
            "Patient.contact[0].name.period.extension",
        ),
    ] {
        let file = with(base, pointer, value.clone());
        let clinic = clinic();
        let (report, notes) = told(&clinic, &ImportOptions::default(), &[&file.canonical()]);
        if path.is_empty() {
            assert_eq!(
                (report.created, report.refused),
                (0, 1),
                "{pointer} is a choice: {notes:?}"
            );
            continue;
        }
        assert_eq!(
            (report.created, report.refused, report.marked),
            (1, 0, 1),
            "{pointer}: {notes:?}"
        );
        assert!(marks(&notes).contains(&path), "{pointer}: {notes:?}");
        let key = format!("{}/{UUID}", crate::fhir_json::text(&file, "resourceType"));
        let held = read(&clinic, &key);
        let text = held.canonical();
        assert!(
            text.contains("invalid-leaf") && text.contains(path),
            "{pointer}: {text}"
        );
        // Where it can stand it stands to the letter; else its text is in the mark.
        let inside = value.canonical();
        let inside = match pointer {
            "/meta" => inside.trim_matches(['{', '}']),
            _ => inside.as_str(),
        };
        let stands = match held.pointer(pointer) {
            Some(held) => held.canonical().contains(inside),
            None => false,
        };
        assert!(stands || text.contains(r#""url":"json""#), "{pointer}: {text}");
        assert_eq!(
            held.get("code"),
            file.get("code")
                .filter(|_| !pointer.starts_with("/code/ext"))
                .or(held.get("code"))
        );
        // Again it changes nothing, and an export of it comes back as it is.
        let again = told(&clinic, &ImportOptions::default(), &[&file.canonical()]).0;
        assert_eq!((again.unchanged, again.updated), (1, 0), "{pointer}: {again:?}");
        let fresh = crate::testing::clinic();
        let mut exported = held.clone();
        chaski_store::strip(&mut exported);
        told(&fresh, &ImportOptions::default(), &[&exported.canonical()]);
        let mut back = read(&fresh, &key);
        chaski_store::strip(&mut back);
        assert_eq!(back.canonical(), exported.canonical(), "{pointer}");
        // It can be edited; a new leaf that is not valid is still refused.
        let mut edited = held.clone();
        crate::fhir_json::set(&mut edited, "language", Json::from("es"));
        update(&clinic, key.split('/').next().expect("a kind"), UUID, edited)
            .unwrap_or_else(|error| panic!("{pointer}: {error}"));
        let mut worse = read(&clinic, &key);
        crate::fhir_json::set(&mut worse, "implicitRules", Json::from("a b"));
        assert!(
            update(&clinic, key.split('/').next().expect("a kind"), UUID, worse).is_err(),
            "{pointer}"
        );
        // Strictly taken it is refused, and over REST as well.
        let strictly = told(&crate::testing::clinic(), &strict(), &[&file.canonical()]).0;
        assert_eq!((strictly.created, strictly.refused), (0, 1), "{pointer}");
        assert!(
            update(
                &crate::testing::clinic(),
                key.split('/').next().expect("a kind"),
                UUID,
                file
            )
            .is_err()
        );
    }
}

#[test]
fn what_is_wrong_in_the_meaning_keeps_a_record_out() {
    for (base, pointer, value) in [
        (ALLERGY, "/criticality", json!("severe")),
        (ALLERGY, "/patient/reference", json!("Patient/Clínica")),
        (ALLERGY, "/code/coding/0/system", json!("a b")),
        (ALLERGY, "/code/coding/0/code", json!(" c ")),
        (
            ALLERGY,
            "/clinicalStatus",
            json!({"coding": [{"system": "a b", "code": "active"}]}),
        ),
        (ALLERGY, "/modifierExtension", json!([])),
        (
            ALLERGY,
            "/modifierExtension",
            json!([{"url": "a b", "valueString": "x"}]),
        ),
        (ALLERGY, "/implicitRules", json!("a b")),
        (ALLERGY, "/onsetDateTime", json!("2026-01-01T10:00:00")),
        (
            ALLERGY,
            "/meta",
            json!({"security": [{"system": "a b", "code": "R"}]}),
        ),
        (ALLERGY, "/identifier/0/use", json!("main")),
        (ALLERGY, "/unknown", json!("x")),
        (PATIENT, "/gender", json!("f")),
        (PATIENT, "/birthDate", json!("01.02.1980")),
        (PATIENT, "/identifier/0/value", json!(7)),
        (PATIENT, "/deceasedBoolean", json!("no")),
        (PATIENT, "/active", json!("yes")),
        (
            PATIENT,
            "/link",
            json!([{"other": {"reference": "Patient/é"}, "type": "seealso"}]),
        ),
        (RESULT, "/status", json!("done")),
        (RESULT, "/valueString", json!(7)),
        (
            RESULT,
            "/interpretation",
            json!([{"coding": [{"system": "a b", "code": "H"}]}]),
        ),
        (
            RESULT,
            "/subject",
            json!({"identifier": {"system": "a b", "value": "1"}}),
        ),
    ] {
        let file = with(base, pointer, value);
        let (report, notes) = told(&clinic(), &ImportOptions::default(), &[&file.canonical()]);
        assert_eq!((report.created, report.refused), (0, 1), "{pointer}: {notes:?}");
    }
}
