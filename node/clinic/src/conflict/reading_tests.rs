//! Which side of a disagreement is marked as the one the system acts on, and which are safety-critical.

use chaski_json::Json;

use super::*;
use crate::record::UpdateOptions;
use crate::testing::{clinic, clinician, parsed, patient, put};
use crate::{Clinic, RecordKey};

/// A record that two people changed from the same version, in this order.
fn met(clinic: &Clinic, kind: &str, first: &str, then: &str) -> RecordKey {
    let subject = patient(clinic);
    let whole = |members: &str| {
        let members = members.replace("PATIENT", &format!("Patient/{subject}"));
        parsed(&format!(r#"{{"resourceType":"{kind}",{members}}}"#))
    };
    let base = START.iter().find(|(own, _)| *own == kind).expect("a start").1;
    let id = put(clinic, whole(base));
    let key = RecordKey::new(kind, &id).expect("a key");
    let version = clinic.record_read(&clinician(), &key).expect("read").version;
    for members in [first, then] {
        // The members of the start that the edit doesn't name stay.
        let mut json = whole(base);
        for (name, value) in whole(members).as_object().expect("an object").iter() {
            crate::fhir_json::set(&mut json, name, value.clone());
        }
        crate::fhir_json::set(&mut json, "id", Json::from(id.as_str()));
        let options = UpdateOptions {
            if_match: Some(version.to_string()),
            merge: true,
            ..UpdateOptions::default()
        };
        clinic
            .record_update(&clinician(), kind, &id, json, &options)
            .expect("updated");
    }
    key
}

const START: &[(&str, &str)] = &[
    ("Patient", r#""name":[{"family":"Quispe"}]"#),
    (
        "AllergyIntolerance",
        r#""patient":{"reference":"PATIENT"},"code":{"text":"Latex"}"#,
    ),
    (
        "Condition",
        r#""subject":{"reference":"PATIENT"},"code":{"text":"Asthma"}"#,
    ),
    (
        "MedicationRequest",
        r#""subject":{"reference":"PATIENT"},"intent":"order","status":"draft","medicationCodeableConcept":{"text":"Morphine"}"#,
    ),
    (
        "ServiceRequest",
        r#""subject":{"reference":"PATIENT"},"intent":"order","status":"draft","code":{"text":"X-ray"}"#,
    ),
    (
        "Encounter",
        r#""subject":{"reference":"PATIENT"},"status":"unknown","class":{"code":"AMB"}"#,
    ),
];

const ALLERGY_STATUS: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const CONDITION_STATUS: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";

fn status(system: &str, code: &str) -> String {
    format!(r#""clinicalStatus":{{"coding":[{{"system":"{system}","code":"{code}"}}]}}"#)
}

/// The kind, where the conflict stands, the safer side and the other.
fn ranked() -> Vec<(&'static str, &'static str, String, String)> {
    let text = str::to_owned;
    vec![
        (
            "Patient",
            "!group/person",
            text(r#""active":true"#),
            text(r#""active":false"#),
        ),
        (
            "AllergyIntolerance",
            "!group/allergy",
            text(r#""criticality":"high""#),
            text(r#""criticality":"low""#),
        ),
        (
            "AllergyIntolerance",
            "!group/allergy",
            status(ALLERGY_STATUS, "active"),
            status(ALLERGY_STATUS, "resolved"),
        ),
        (
            "Condition",
            "!group/condition",
            status(CONDITION_STATUS, "active"),
            status(CONDITION_STATUS, "resolved"),
        ),
        (
            "MedicationRequest",
            "!group/medication",
            text(r#""status":"active""#),
            text(r#""status":"stopped""#),
        ),
        (
            "ServiceRequest",
            "!group/order",
            text(r#""status":"active""#),
            text(r#""status":"completed""#),
        ),
        (
            "Encounter",
            "!group/meaning",
            text(r#""status":"in-progress""#),
            text(r#""status":"finished""#),
        ),
    ]
}

#[test]
fn the_safer_side_is_marked_and_is_what_the_record_says_whoever_came_first() {
    for (kind, path, safer, other) in ranked() {
        for (first, then) in [(&safer, &other), (&other, &safer)] {
            let clinic = clinic();
            let key = met(&clinic, kind, first, then);
            let rows = clinic.conflict_view(&clinician(), &key).expect("rows");
            let row = rows.iter().find(|row| row.path == path);
            let row = row.unwrap_or_else(|| panic!("{kind} {path}: {rows:?}"));
            assert!(row.critical, "{kind} {path}");
            assert_eq!(row.values.len(), 2, "{kind} {path}");
            let (member, value) = member_of(&safer);
            let marked: Vec<&ConflictValueRow> = row.values.iter().filter(|value| value.is_safer).collect();
            assert_eq!(marked.len(), 1, "{kind} {path}");
            let said = marked[0].value.as_ref().expect("a value");
            let said = if path.starts_with('!') {
                said.get(&member)
            } else {
                Some(said)
            };
            assert_eq!(said, Some(&value), "{kind} {path}, first {first}");
            let shown = clinic.record_read(&clinician(), &key).expect("the record").json;
            assert_eq!(shown.get(&member), Some(&value), "{kind} {path}, first {first}");
        }
    }
}

fn member_of(members: &str) -> (String, Json) {
    let json = parsed(&format!("{{{members}}}"));
    let (name, value) = json
        .as_object()
        .and_then(|all| all.iter().next())
        .expect("a member");
    (name.clone(), value.clone())
}

#[test]
fn what_has_no_safer_side_is_critical_too_and_both_values_are_listed() {
    for (member, one, other) in [
        ("birthDate", r#""1980-01-01""#, r#""1981-01-01""#),
        ("gender", r#""female""#, r#""male""#),
    ] {
        let clinic = clinic();
        let key = met(
            &clinic,
            "Patient",
            &format!(r#""{member}":{one}"#),
            &format!(r#""{member}":{other}"#),
        );
        let page = clinic.conflict_list(&clinician(), None, 10).expect("a page");
        assert_eq!((page.total, page.rows.len()), (1, 1));
        let row = &page.rows[0];
        assert_eq!(
            (row.record.as_str(), row.path.as_str()),
            (key.to_string().as_str(), member)
        );
        assert!(row.critical, "{member}");
        let mut said: Vec<String> = row
            .values
            .iter()
            .map(|value| value.value.as_ref().map(Json::canonical).unwrap_or_default())
            .collect();
        said.sort();
        assert_eq!(said, [one, other]);
        let counts = row.values.iter().filter(|value| value.is_safer).count();
        assert_eq!(counts, 0, "nothing says that one of them counts");
    }
}

#[test]
fn of_a_group_a_side_counts_only_by_a_member_that_is_ranked() {
    let dose = |text: &str| format!(r#""dosageInstruction":[{{"text":"{text}"}}]"#);
    let status = |code: &str| format!(r#""status":"{code}""#);
    // How many sides count as a whole, and whether it is told as what the status counts.
    for (first, then, counts, is_told) in [
        (dose("5 mg"), dose("10 mg"), 0, false),
        (status("stopped"), status("active"), 1, true),
        // A dose stands beside it that nobody ranks: the side with the safer status is not the safer side.
        (dose("5 mg"), status("active"), 0, true),
        (
            dose("5 mg"),
            r#""medicationCodeableConcept":{"text":"Hydromorphone"}"#.to_owned(),
            0,
            false,
        ),
    ] {
        let clinic = clinic();
        let key = met(&clinic, "MedicationRequest", &first, &then);
        let rows = clinic.conflict_view(&clinician(), &key).expect("rows");
        assert_eq!((rows.len(), rows[0].path.as_str()), (1, "!group/medication"));
        assert!(rows[0].critical);
        let marked = rows[0].values.iter().filter(|value| value.is_safer).count();
        assert_eq!(marked, counts, "{first} against {then}");
        let told: Vec<_> = rows[0].ranked.iter().collect();
        let active = ("status".to_owned(), Json::from("active"));
        assert_eq!(told, if is_told { vec![&active] } else { vec![] });
    }
}

#[test]
fn a_number_whose_use_is_disputed_is_critical_and_one_that_was_retyped_is_not() {
    let phone = |number: &str, of: &str| {
        format!(r#""telecom":[{{"system":"phone","value":"{number}","use":"{of}"}}]"#)
    };
    for (first, then, is_critical) in [
        (phone("555-0101", "old"), phone("555-0101", "work"), Some(true)),
        (phone("555-0101", "old"), phone("555-0101", "old"), None),
        (phone("555-0102", "home"), phone("555-0103", "home"), None),
    ] {
        let clinic = clinic();
        let id = patient(&clinic);
        let key = RecordKey::new("Patient", &id).expect("a key");
        let read = clinic.record_read(&clinician(), &key).expect("read");
        for telecom in [&first, &then] {
            let mut json = read.json.clone();
            let (member, value) = member_of(telecom);
            crate::fhir_json::set(&mut json, &member, value);
            let options = UpdateOptions {
                if_match: Some(read.version.to_string()),
                merge: true,
                ..UpdateOptions::default()
            };
            clinic
                .record_update(&clinician(), "Patient", &id, json, &options)
                .expect("updated");
        }
        let rows = clinic.conflict_view(&clinician(), &key).expect("rows");
        let told = rows.first().map(|row| row.critical);
        assert_eq!(told, is_critical, "{first} against {then}: {rows:?}");
    }
}

#[test]
fn what_somebody_removed_and_somebody_changed_is_listed_after_what_is_dangerous() {
    let clinic = clinic();
    let subject = patient(&clinic);
    let key = RecordKey::new("Patient", &subject).expect("a key");
    let read = clinic.record_read(&clinician(), &key).expect("read");
    let write = |json: Json| {
        let options = UpdateOptions {
            if_match: Some(read.version.to_string()),
            merge: true,
            ..UpdateOptions::default()
        };
        clinic
            .record_update(&clinician(), "Patient", &subject, json, &options)
            .expect("updated");
    };
    let text = read.json.canonical();
    write(parsed(
        &text
            .replace("555-0101", "555-0102")
            .replace("1980-05-04", "1980-05-05"),
    ));
    let mut without = parsed(&text.replace("1980-05-04", "1980-05-06"));
    without.as_object_mut().expect("an object").remove("telecom");
    write(without);
    let page = clinic.conflict_list(&clinician(), None, 10).expect("a page");
    let rows: Vec<(&str, bool)> = page
        .rows
        .iter()
        .map(|row| (row.path.split('/').next().unwrap_or_default(), row.critical))
        .collect();
    assert_eq!(rows, [("birthDate", true), ("telecom", false)]);
}

/// The safest of each element counts, though no one side has all of them: an allergy of high risk that is over here,
/// and of low risk and active there, counts as active and of high risk, in the chart as in the inbox.
#[test]
fn of_each_ranked_element_the_safest_value_counts_whichever_side_says_it() {
    let clinic = clinic();
    let high = format!(r#""criticality":"high",{}"#, status(ALLERGY_STATUS, "resolved"));
    let low = format!(r#""criticality":"low",{}"#, status(ALLERGY_STATUS, "active"));
    for (first, then) in [(&high, &low), (&low, &high)] {
        let key = met(&clinic, "AllergyIntolerance", first, then);
        let row = &clinic.conflict_view(&clinician(), &key).expect("rows")[0];
        assert!(row.values.iter().all(|value| !value.is_safer), "none has both");
        let undecided = row.undecided();
        let counts = |element: &str| {
            let found = undecided.iter().find(|one| one.element == element);
            found.and_then(|one| one.counts_as.clone())
        };
        assert_eq!(counts("criticality").as_deref(), Some("high"));
        assert_eq!(counts("clinicalStatus").as_deref(), Some("active"));
        let current = clinic.record_read(&clinician(), &key).expect("read");
        let shown = clinic.row_of_record(&current, crate::allergy::AllergyRow::from_json);
        assert_eq!(
            (shown.criticality.as_str(), shown.status.as_str()),
            ("high", "active")
        );
    }
}
