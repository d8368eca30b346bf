//! A decision decides what it names: nothing else in the record, and nothing that its writer could not know.

use super::outlives::{edited, listed, site};
use super::{PATIENT, patient_with, with};
use crate::change::ChangeHash;
use crate::conflict::{Conflict, ConflictKind};
use crate::key::RECORD_MARKER;
use crate::record::{Choice, WriteError};
use crate::testing::{Site, json, key_of, meet, two_sites};
use chaski_json::Json;

const MANY: &str = r#"{"resourceType":"MedicationRequest","id":"m","birthDate":"1979","language":"es","note":"n",
    "status":"active","medicationCodeableConcept":{"text":"morphine"},"dosageInstruction":[{"text":"5 mg"}],
    "telecom":[{"system":"phone","value":"1"},{"system":"fax","value":"2"}],"valueString":"v",
    "contact":[{"name":"n","birthDate":"1"},{"name":"other"}],
    "hospitalization":{"origin":"o","diet":"d"},
    "reaction":[{"severity":"mild","note":"r"}],
    "item":[{"linkId":"1","item":[{"text":"t","prefix":"p"}]}]}"#;

/// Four who edited, two of whom removed what the others edited, and one who deleted the record: everything that can
/// be in dispute is.
pub(super) fn tangled() -> (Site, Site) {
    let (mut a, mut b) = two_sites(MANY);
    let (mut c, mut d) = (site(3, &a), site(4, &a));
    let say = |edits: &[(&[&str], &str)]| {
        let set = |record: Json, (place, value): &(&[&str], &str)| edited(&record, place, Some(&json(value)));
        edits.iter().fold(json(MANY), set).canonical()
    };
    a.put(&say(&[
        (&["birthDate"], "\"1980\""),
        (&["language"], "\"qu\""),
        (&["status"], "\"stopped\""),
        (&["telecom", "0", "rank"], "1"),
        (&["valueString"], "\"a\""),
        (&["contact", "0", "birthDate"], "\"a\""),
        (&["hospitalization", "diet"], "\"a\""),
        (&["reaction", "0", "severity"], "\"severe\""),
        (&["item", "0", "item", "0", "text"], "\"a\""),
    ]));
    b.put(&say(&[
        (&["birthDate"], "\"1981\""),
        (&["language"], "\"ay\""),
        (&["dosageInstruction", "0", "text"], "\"20 mg\""),
        (&["telecom", "0", "rank"], "2"),
        (&["valueString"], "\"b\""),
        (&["contact", "0", "birthDate"], "\"b\""),
        (&["hospitalization", "diet"], "\"b\""),
        (&["reaction", "0", "severity"], "\"unknown\""),
        (&["item", "0", "item", "0", "text"], "\"b\""),
    ]));
    let gone = [
        &["contact", "0"][..],
        &["hospitalization"],
        &["reaction", "0"],
        &["item", "0", "item", "0"],
    ];
    let removed = gone
        .iter()
        .fold(json(MANY), |record, place| edited(&record, place, None));
    c.put(&edited(&removed, &["telecom", "1"], None).canonical());
    d.delete().unwrap().unwrap();
    meet(&mut a, &mut b);
    meet(&mut a, &mut c);
    meet(&mut a, &mut d);
    meet(&mut a, &mut b);
    (a, b)
}

fn paths(site: &Site) -> Vec<String> {
    let mut elements: Vec<String> = listed(site)
        .into_iter()
        .map(|conflict| conflict.element)
        .collect();
    elements.sort();
    elements
}

const ALL: [&str; 13] = [
    "",
    "birthDate",
    "contact",
    "contact.birthDate",
    "hospitalization",
    "hospitalization.diet",
    "item.item",
    "item.item.text",
    "language",
    "prescription",
    "reaction",
    "reaction.severity",
    "telecom",
];

/// What is left of the conflicts once one of them is decided: all but it, and what went with it.
fn left(before: &[Conflict], decided: &Conflict, removes: bool) -> Vec<Conflict> {
    let below = format!("{}/", decided.path);
    let goes = |other: &Conflict| {
        other.path == decided.path
            || removes && (other.path.starts_with(&below) || decided.path == RECORD_MARKER)
    };
    before.iter().filter(|other| !goes(other)).cloned().collect()
}

/// Whether the value of a conflict of `above` may be another one after something at `path` was decided: what is
/// alive there says it anew.
fn is_above(above: &str, path: &str) -> bool {
    above == RECORD_MARKER && path != RECORD_MARKER || path.starts_with(&format!("{above}/"))
}

fn removals(conflict: &Conflict) -> Vec<ChangeHash> {
    let removed = conflict.values.iter().filter(|value| value.value.is_none());
    removed.map(|value| value.change).collect()
}

pub(super) fn assert_left(site: &Site, before: &[Conflict], decided: &Conflict, removes: bool) {
    let (left, now) = (left(before, decided, removes), listed(site));
    let names =
        |conflicts: &[Conflict]| -> Vec<String> { conflicts.iter().map(|one| one.path.clone()).collect() };
    assert_eq!(names(&now), names(&left), "after {}", decided.path);
    for (was, is) in left.iter().zip(&now) {
        if is_above(&was.path, &decided.path) || was.path == RECORD_MARKER {
            assert_eq!(
                (was.kind, was.critical, removals(was), was.values.len()),
                (is.kind, is.critical, removals(is), is.values.len())
            );
        } else {
            assert_eq!(was, is, "after {}", decided.path);
        }
    }
}

#[test]
fn one_conflict_of_many_is_decided_and_the_others_wait_as_they_did() {
    let (a, b) = tangled();
    let before = listed(&a);
    let mut expected: Vec<String> = ALL.iter().map(|name| (*name).to_owned()).collect();
    expected.push("value[x]".to_owned());
    assert_eq!(paths(&a), expected);
    let (shown, heads) = (a.view().json, a.record.heads());
    for conflict in &before {
        let mut choices: Vec<(Choice, bool)> = conflict
            .values
            .iter()
            .map(|value| (Choice::Pick(value.change), value.value.is_none()))
            .collect();
        if conflict.kind != ConflictKind::Group {
            choices.push((Choice::Delete, true));
        }
        for (choice, removes) in choices {
            let (mut a, mut b) = (a.clone(), b.clone());
            a.resolve(&conflict.path, &choice).unwrap();
            assert_left(&a, &before, conflict, removes);
            assert_eq!(a.view().deleted, conflict.path == RECORD_MARKER && removes);
            // Nothing else is shown otherwise than before.
            let top = conflict.path.split('/').next().unwrap();
            for (name, value) in shown.as_object().unwrap() {
                let member =
                    ["status", "medicationCodeableConcept", "dosageInstruction"].contains(&name.as_str());
                let decided =
                    top == name || top == "value[x]" && name == "valueString" || member && top == "!group";
                if !decided {
                    assert_eq!(
                        a.view().json.get(name),
                        Some(value),
                        "{name} after {}",
                        conflict.path
                    );
                }
            }
            meet(&mut a, &mut b);
            assert_left(&b, &before, conflict, removes);
        }
        // A change that made none of the values is no choice, be it there or not.
        let others = a.record.history().into_iter().map(|change| change.hash);
        for other in others.chain([ChangeHash([9; 32])]) {
            if conflict.values.iter().all(|value| value.change != other) {
                let mut a = a.clone();
                assert_eq!(
                    a.resolve(&conflict.path, &Choice::Pick(other)),
                    Err(WriteError::Choice),
                    "{}",
                    conflict.path
                );
                assert_eq!((a.record.heads(), a.view().json), (heads.clone(), shown.clone()));
            }
        }
    }
}

#[test]
fn decided_one_after_another_nothing_is_left() {
    let (a, b) = tangled();
    for (from_last, picks) in [(false, true), (true, true), (false, false), (true, false)] {
        let (mut a, mut b) = (a.clone(), b.clone());
        let mut rounds = 0;
        loop {
            let open = listed(&a);
            let Some(next) = (if from_last { open.last() } else { open.first() }) else {
                break;
            };
            let choice = if picks || next.kind == ConflictKind::Group {
                Choice::Pick(next.values[next.safer_index].change)
            } else {
                Choice::Delete
            };
            a.resolve(&next.path, &choice).unwrap();
            rounds += 1;
            assert!(rounds <= 14);
        }
        meet(&mut a, &mut b);
        assert_eq!(listed(&b), []);
        assert_eq!(b.view().deleted, !picks);
    }
}

/// A write that decides all decides the disputes of what is alive as well, also by sending back what is shown.
#[test]
fn a_write_that_decides_all_leaves_nothing_to_be_asked() {
    let (a, b) = tangled();
    let shown = a.view().json;
    let without = edited(
        &edited(&shown, &["contact", "0"], None),
        &["hospitalization"],
        None,
    );
    for target in [
        shown.clone(),
        without,
        edited(&shown, &["birthDate"], Some(&json("\"1990\""))),
    ] {
        let (mut a, mut b) = (a.clone(), b.clone());
        a.put_resolving(&target.canonical()).unwrap();
        assert_eq!((a.view().json, a.view().conflicts), (target.clone(), vec![]));
        meet(&mut a, &mut b);
        assert_eq!((b.view().json, b.view().conflicts), (target.clone(), vec![]));
        assert!(!b.view().deleted);
        // Once is enough.
        assert_eq!(b.put_resolving(&target.canonical()), None);
    }
}

/// Whose word each value is, however it came to be there.
#[test]
fn each_value_says_who_wrote_it_and_when() {
    for removed_later in [false, true] {
        let (mut a, mut b) = two_sites(PATIENT);
        let (ta, tb) = if removed_later { (9, 8) } else { (8, 9) };
        a.at(ta * 1_000_000).put(&patient_with("contact", ""));
        b.at(tb * 1_000_000)
            .put(&patient_with("contact", r#"[{"name":{"text":"Ana M"}}]"#));
        meet(&mut a, &mut b);
        for passing in [false, true] {
            if passing {
                // Said anew by an edit that passes the dispute by.
                let text = with(&b.shown(), "contact", r#"[{"name":{"text":"Anita"}}]"#);
                b.at(10_000_000).put(&text);
                meet(&mut a, &mut b);
            }
            let conflict = a.view().conflicts[0].clone();
            assert_eq!((conflict.values.len(), conflict.critical), (2, false));
            for value in &conflict.values {
                let change = a.record.change(&value.change).expect("it is of this record");
                let (user, ms) = match (&value.value, passing) {
                    (None, _) => ("user1", ta * 1_000_000),
                    (Some(_), false) => ("user2", tb * 1_000_000),
                    (Some(_), true) => ("user2", 10_000_000),
                };
                assert_eq!(
                    (value.user.as_str(), value.role.as_str(), value.hlc.ms()),
                    (user, "clinician", ms)
                );
                assert_eq!((value.author, value.hlc), (change.author, change.hlc));
            }
            let newest_is_removal = conflict.values[0].value.is_none();
            assert_eq!(newest_is_removal, removed_later && !passing);
            assert_eq!(conflict.safer_index, usize::from(newest_is_removal));
        }
    }
}

#[test]
fn a_value_with_something_beside_it_is_one_value_with_its_names() {
    let born = |date: &str, id: &str| {
        format!(r#"{{"resourceType":"Patient","id":"p1","birthDate":{date},"_birthDate":{{"id":"{id}"}}}}"#)
    };
    let (mut a, mut b) = two_sites(&born("\"0\"", "z"));
    a.put(&born("\"1\"", "a"));
    b.put(&born("\"2\"", "b"));
    meet(&mut a, &mut b);
    let conflict = a.view().conflicts[0].clone();
    assert_eq!(conflict.values.len(), 2);
    for value in &conflict.values {
        let (date, id) = if value.user == "user1" {
            ("1", "a")
        } else {
            ("2", "b")
        };
        let expected = format!(r#"{{"_birthDate":{{"id":"{id}"}},"birthDate":"{date}"}}"#);
        assert_eq!(value.value.as_ref().map(Json::canonical), Some(expected));
        let mut a = a.clone();
        a.resolve("birthDate", &Choice::Pick(value.change)).unwrap();
        assert_eq!(
            (a.member("birthDate"), a.member("_birthDate")),
            (format!("\"{date}\""), format!(r#"{{"id":"{id}"}}"#))
        );
    }
    // A type inside a component is decided with its value.
    let part = |value: &str| {
        format!(r#"{{"resourceType":"Observation","id":"o","component":[{{"code":"A"{value}}}]}}"#)
    };
    let (mut a, mut b) = two_sites(&part(""));
    a.put(&part(r#","valueString":"1""#));
    b.put(&part(r#","valueQuantity":{"value":2}"#));
    meet(&mut a, &mut b);
    let path = listed(&a)[0].path.clone();
    assert_eq!(listed(&a)[0].element, "component.value[x]");
    a.resolve(&path, &Choice::Value(json(r#"{"valueBoolean":true}"#)))
        .unwrap();
    meet(&mut a, &mut b);
    assert_eq!(
        (b.member("component"), listed(&b)),
        (r#"[{"code":"A","valueBoolean":true}]"#.to_owned(), vec![])
    );
    assert_eq!(key_of(&b.view().json), *b.record.key());
}
