//! What lies under a marker that is alive nowhere: nobody is asked to decide it,
//! until the marker comes back.

use super::{PATIENT, PRESCRIPTION, patient_with, with};
use crate::conflict::ConflictKind;
use crate::key::RECORD_MARKER;
use crate::record::{Choice, WriteError};
use crate::testing::{Site, json, key_of, meet, two_sites};

fn paths(site: &Site) -> Vec<String> {
    let view = site.view();
    let all = view.conflicts.into_iter().chain(view.concurrent);
    all.map(|conflict| conflict.element).collect()
}

/// One value of an element against another.
fn apart(base: &str, here: &str, there: &str) -> (Site, Site) {
    let (mut a, mut b) = two_sites(base);
    a.put(here);
    b.put(there);
    meet(&mut a, &mut b);
    (a, b)
}

#[test]
fn a_conflict_inside_a_contact_goes_with_the_contact() {
    let contact = |members: &str| patient_with("contact", &format!("[{{{members}}}]"));
    let (mut a, mut b) = apart(
        &contact(r#""name":"Ana","gender":"female""#),
        &contact(r#""gender":"female""#),
        &contact(r#""name":"Rosa","gender":"female""#),
    );
    let listed = a.view().conflicts;
    assert_eq!(
        (listed.len(), listed[0].kind, listed[0].element.as_str()),
        (1, ConflictKind::Deleted, "contact.name")
    );
    b.put(&with(&b.shown(), "contact", ""));
    meet(&mut a, &mut b);
    assert_eq!((a.member("contact"), paths(&a)), (String::new(), vec![]));
    // It is not there to be decided either; deciding it would bring nothing back.
    assert_eq!(
        a.resolve(&listed[0].path, &Choice::Pick(listed[0].values[0].change)),
        Err(WriteError::NoConflict)
    );
}

const ALLERGY: &str = r#"{"resourceType":"AllergyIntolerance","id":"a","code":{"text":"nuts"},
    "criticality":"low","reaction":[{"substance":"peanut","severity":"mild"}]}"#;

#[test]
fn deciding_an_allergy_leaves_no_conflict_of_a_reaction_that_is_not_shown() {
    let here = with(
        &with(ALLERGY, "criticality", "\"high\""),
        "reaction",
        r#"[{"substance":"peanut"}]"#,
    );
    let there = with(
        ALLERGY,
        "reaction",
        r#"[{"substance":"peanut","severity":"severe"},{"substance":"cashew"}]"#,
    );
    let (a, b) = apart(ALLERGY, &here, &there);
    let listed = a.view().conflicts;
    assert_eq!((listed.len(), listed[0].path.as_str()), (1, "!group/allergy"));
    for value in &listed[0].values {
        let (mut a, mut b) = (a.clone(), b.clone());
        a.resolve("!group/allergy", &Choice::Pick(value.change)).unwrap();
        meet(&mut a, &mut b);
        assert_eq!(paths(&b), Vec::<String>::new());
        // What was picked is what is there, whole.
        for (name, member) in value.value.as_ref().unwrap().as_object().unwrap() {
            assert_eq!(b.member(name), member.canonical());
        }
    }
}

#[test]
fn what_is_gone_is_judged_again_when_its_marker_comes_back() {
    let contact = |name: &str, gender: &str| {
        patient_with(
            "contact",
            &format!(r#"[{{"birthDate":"{name}","gender":"{gender}"}}]"#),
        )
    };
    let (mut a, mut b) = two_sites(&contact("1980", "x"));
    let mut late = Site::new(3, key_of(&json(PATIENT)));
    late.take(a.changes());
    late.put(&contact("1980", "female"));
    a.put(&contact("1981", "x"));
    b.put(&contact("1982", "x"));
    meet(&mut a, &mut b);
    assert_eq!(paths(&a), ["contact.birthDate"]);
    a.put(&with(&a.shown(), "contact", ""));
    meet(&mut a, &mut b);
    assert_eq!(paths(&b), Vec::<String>::new());
    // Somebody edited the contact before hearing that it was removed: both are listed,
    // the removal against the edit and what stood against each other before.
    meet(&mut a, &mut late);
    assert_eq!(paths(&a), ["contact", "contact.birthDate"]);
    let removal = a.view().conflicts[0].clone();
    assert_eq!(removal.kind, ConflictKind::Deleted);
    let kept = removal.values.iter().find(|value| value.value.is_some()).unwrap();
    let (mut keeps, mut removes) = (a.clone(), late.clone());
    keeps.resolve(&removal.path, &Choice::Pick(kept.change)).unwrap();
    assert_eq!(paths(&keeps), ["contact.birthDate"]);
    removes.resolve(&removal.path, &Choice::Delete).unwrap();
    assert_eq!(paths(&removes), Vec::<String>::new());
}

#[test]
fn under_two_markers_both_must_be_alive() {
    let base = r#"{"resourceType":"Questionnaire","id":"q","item":[{"linkId":"1","item":[{"text":"a","prefix":"p"}]}]}"#;
    let inner = |members: &str| with(base, "item", &format!(r#"[{{"linkId":"1","item":[{members}]}}]"#));
    // The inner one is removed here and edited there, and inside it is a dispute.
    let (mut a, mut b) = two_sites(base);
    let mut c = Site::new(3, key_of(&json(base)));
    c.take(a.changes());
    a.put(&inner(""));
    b.put(&inner(r#"{"text":"b","prefix":"p"}"#));
    c.put(&inner(r#"{"text":"c","prefix":"p"}"#));
    let mut late = Site::new(4, key_of(&json(base)));
    late.take(b.changes());
    late.put(&with(
        &inner(r#"{"text":"b","prefix":"p"}"#),
        "item",
        r#"[{"linkId":"1","code":"x","item":[{"text":"b","prefix":"p"}]}]"#,
    ));
    meet(&mut a, &mut b);
    meet(&mut a, &mut c);
    assert_eq!(paths(&a), ["item.item", "item.item.text"]);
    // The outer one is removed: nothing inside is asked for, and it comes back as it was.
    a.put(&with(&a.shown(), "item", ""));
    assert_eq!(paths(&a), Vec::<String>::new());
    meet(&mut a, &mut late);
    assert_eq!(paths(&a), ["item", "item.item", "item.item.text"]);
}

#[test]
fn an_object_that_became_a_plain_text_takes_its_conflicts_along() {
    let base = r#"{"resourceType":"Encounter","id":"e","hospitalization":{"birthDate":"1","diet":"salt"}}"#;
    let inside = |value: &str| with(base, "hospitalization", value);
    let (mut a, _) = apart(
        base,
        &inside(r#"{"birthDate":"2","diet":"salt"}"#),
        &inside(r#"{"birthDate":"3","diet":"salt"}"#),
    );
    assert_eq!(paths(&a), ["hospitalization.birthDate"]);
    a.put(&inside("\"home\""));
    assert_eq!(paths(&a), Vec::<String>::new());
}

#[test]
fn a_marker_removed_here_and_alive_there_keeps_what_is_under_it_listed() {
    let contact = |members: &str| patient_with("contact", &format!("[{{{members}}}]"));
    let (mut a, mut b) = apart(
        &contact(r#""birthDate":"1980""#),
        &contact(r#""birthDate":"1981""#),
        &contact(r#""birthDate":"1982""#),
    );
    a.put(&with(&a.shown(), "contact", ""));
    b.put(&with(
        &b.shown(),
        "contact",
        &format!(r#"[{{"birthDate":{},"gender":"x"}}]"#, contact_date(&b)),
    ));
    meet(&mut a, &mut b);
    assert_eq!(paths(&a), ["contact", "contact.birthDate"]);
}

fn contact_date(site: &Site) -> String {
    let view = site.view();
    view.json.pointer("/contact/0/birthDate").unwrap().canonical()
}

/// A record on which two dates of birth stand against each other, and which was then deleted.
fn deleted_in_dispute() -> (Site, Site) {
    let (mut a, mut b) = apart(
        PATIENT,
        &patient_with("birthDate", "\"1980\""),
        &patient_with("birthDate", "\"1981\""),
    );
    assert_eq!(paths(&a), ["birthDate"]);
    a.delete().unwrap().unwrap();
    meet(&mut a, &mut b);
    (a, b)
}

#[test]
fn nobody_is_asked_about_a_deleted_record_and_deciding_does_not_bring_it_back() {
    let (mut a, b) = deleted_in_dispute();
    assert_eq!(paths(&a), Vec::<String>::new());
    for choice in [Choice::Delete, Choice::Value(json("\"1980\""))] {
        assert_eq!(a.resolve("birthDate", &choice), Err(WriteError::NoConflict));
    }
    assert!(a.view().deleted && b.view().deleted);
}

#[test]
fn a_deleted_record_that_is_edited_elsewhere_comes_back_with_its_disputes() {
    let (mut a, mut b) = deleted_in_dispute();
    let mut late = b.clone();
    // The two versions that the deletion follows.
    let before = late.record.newest().unwrap().deps;
    assert_eq!(before.len(), 2);
    let text = with(
        &late
            .record
            .view_at(&before, crate::testing::POLICY)
            .unwrap()
            .json
            .canonical(),
        "gender",
        "\"female\"",
    );
    late.put_at(&before, &text).unwrap().unwrap();
    meet(&mut a, &mut late);
    meet(&mut b, &mut late);
    let listed: Vec<String> = b.view().conflicts.into_iter().map(|c| c.path).collect();
    assert_eq!(listed, [RECORD_MARKER, "birthDate"]);
}

#[test]
fn who_writes_a_deleted_record_anew_decides_what_it_says_otherwise() {
    let (a, _) = deleted_in_dispute();
    // What was shown says nothing new: it is asked again.
    let mut echo = a.clone();
    let shown = echo.shown();
    echo.put(&shown);
    assert_eq!(
        (echo.view().deleted, paths(&echo)),
        (false, vec!["birthDate".to_owned()])
    );
    // Another date is a decision, as nobody can be asked first.
    let mut other = a.clone();
    other.put(&with(&other.shown(), "birthDate", "\"1990\""));
    assert_eq!(
        (other.member("birthDate"), paths(&other)),
        ("\"1990\"".into(), vec![])
    );
    // And so is a write that says that it decides.
    let mut resolving = a;
    let shown = resolving.shown();
    resolving.put_resolving(&shown).unwrap();
    assert_eq!((resolving.shown(), paths(&resolving)), (shown, vec![]));
}

/// A prescription in dispute as a whole (the drug here, dose and status there), and deleted.
fn prescription_deleted_in_dispute() -> Site {
    let there = with(PRESCRIPTION, "dosageInstruction", r#"[{"text":"20 mg"}]"#);
    let (mut a, mut b) = apart(
        PRESCRIPTION,
        &with(
            PRESCRIPTION,
            "medicationCodeableConcept",
            r#"{"text":"hydromorphone"}"#,
        ),
        &with(&there, "status", "\"stopped\""),
    );
    assert_eq!(paths(&a), ["prescription"]);
    a.delete().unwrap().unwrap();
    meet(&mut a, &mut b);
    a
}

#[test]
fn a_deleted_prescription_in_dispute_is_never_mixed_nor_asked_about() {
    let mut a = prescription_deleted_in_dispute();
    assert_eq!(paths(&a), Vec::<String>::new());
    // What it last said is one whole group.
    assert_eq!(
        (
            a.member("medicationCodeableConcept"),
            a.member("dosageInstruction")
        ),
        (
            r#"{"text":"hydromorphone"}"#.into(),
            r#"[{"text":"5 mg"}]"#.into()
        )
    );
    let path = "!group/prescription";
    let value = Choice::Value(json(r#"{"status":"active"}"#));
    assert_eq!(a.resolve(path, &value), Err(WriteError::NoConflict));
    // Sent back as shown, it is asked about again.
    let shown = a.shown();
    a.put(&shown);
    assert_eq!((a.shown(), paths(&a)), (shown, vec!["prescription".to_owned()]));
}

#[test]
fn a_deleted_prescription_written_anew_is_what_was_written() {
    let drugs = [r#"{"text":"morphine"}"#, r#"{"text":"hydromorphone"}"#];
    let doses = [r#"[{"text":"5 mg"}]"#, r#"[{"text":"20 mg"}]"#, ""];
    let statuses = ["\"active\"", "\"stopped\"", "\"on-hold\""];
    let deleted = prescription_deleted_in_dispute();
    for (drug, dose, status) in drugs
        .iter()
        .flat_map(|drug| doses.iter().map(move |dose| (drug, dose)))
        .flat_map(|(drug, dose)| statuses.iter().map(move |status| (drug, dose, status)))
    {
        let mut a = deleted.clone();
        let text = with(PRESCRIPTION, "medicationCodeableConcept", drug);
        let text = with(&with(&text, "dosageInstruction", dose), "status", status);
        let echo = json(&text) == json(&a.shown());
        a.put(&text);
        assert_eq!(a.shown(), json(&text).canonical());
        assert_eq!(paths(&a).is_empty(), !echo, "{text}");
        let mut b = Site::new(2, a.record.key().clone());
        b.take(a.changes());
        assert_eq!(b.shown(), a.shown());
    }
}
