//! A write that decides nothing leaves what waits for a person as it is, and is refused where it cannot.

use super::alone::{assert_left, tangled};
use super::outlives::{edited, listed};
use crate::conflict::Conflict;
use crate::record::{Choice, WriteError};
use crate::testing::{json, meet};
use chaski_json::Json;

fn of<'c>(conflicts: &'c [Conflict], element: &str) -> &'c Conflict {
    conflicts
        .iter()
        .find(|conflict| conflict.element == element)
        .expect(element)
}

/// Places that nobody disputes, and what is in dispute around them.
const UNDISPUTED: [(&[&str], &str); 8] = [
    (&["note"], ""),
    (&["gender"], ""),
    (&["contact", "0", "name"], "contact"),
    (&["contact", "1", "name"], ""),
    (&["hospitalization", "origin"], "hospitalization"),
    (&["reaction", "0", "note"], "reaction"),
    (&["item", "0", "item", "0", "prefix"], "item.item"),
    (&["item", "0", "linkId"], ""),
];

/// What has more than one value, of which none is safer than another: the next one that is written is the one.
const ORDINARY: [(&[&str], &str); 5] = [
    (&["language"], "language"),
    (&["telecom", "0", "rank"], "telecom"),
    (&["contact", "0", "birthDate"], "contact.birthDate"),
    (&["hospitalization", "diet"], "hospitalization.diet"),
    (&["item", "0", "item", "0", "text"], "item.item.text"),
];

/// What may only be written by a decision.
const CRITICAL: [(&[&str], &str); 5] = [
    (&["status"], "prescription"),
    (&["dosageInstruction", "0", "text"], "prescription"),
    (&["birthDate"], "birthDate"),
    (&["valueString"], "value[x]"),
    (&["reaction", "0", "severity"], "reaction.severity"),
];

#[test]
fn an_edit_of_something_else_decides_nothing() {
    let (a, b) = tangled();
    let before = listed(&a);
    for (place, around) in UNDISPUTED {
        let (mut a, mut b) = (a.clone(), b.clone());
        let target = edited(&a.view().json, place, Some(&json("\"new\"")));
        a.put(&target.canonical());
        assert_eq!(a.view().json, target, "{place:?}");
        let mut inside = of(&before, around).clone();
        inside.path.push_str("/x");
        meet(&mut a, &mut b);
        for site in [&a, &b] {
            assert_left(site, &before, &inside, false);
        }
    }
}

#[test]
fn an_ordinary_value_is_settled_by_the_next_one_and_nothing_else_is() {
    let (a, b) = tangled();
    let before = listed(&a);
    for (place, element) in ORDINARY {
        let (mut a, mut b) = (a.clone(), b.clone());
        let target = edited(&a.view().json, place, Some(&json("\"new\"")));
        a.put(&target.canonical());
        assert_eq!(a.view().json, target, "{place:?}");
        meet(&mut a, &mut b);
        assert_left(&b, &before, of(&before, element), false);
    }
}

#[test]
fn a_write_that_would_decide_in_passing_says_all_that_it_would_decide() {
    let (mut a, _) = tangled();
    let before = listed(&a);
    let (heads, shown) = (a.record.heads(), a.view().json);
    let change = |record: Json, place: &[&str]| edited(&record, place, Some(&json("\"new\"")));
    for (place, element) in CRITICAL {
        let target = change(change(shown.clone(), place), &["note"]);
        let refused = Err(WriteError::Disputed(vec![of(&before, element).path.clone()]));
        assert_eq!(a.put_at(&heads, &target.canonical()), refused, "{place:?}");
    }
    let target = CRITICAL
        .iter()
        .fold(shown.clone(), |record, (place, _)| change(record, place));
    let mut all: Vec<String> = CRITICAL
        .iter()
        .map(|(_, element)| of(&before, element).path.clone())
        .collect();
    all.sort();
    all.dedup();
    assert_eq!(
        a.put_at(&heads, &target.canonical()),
        Err(WriteError::Disputed(all))
    );
    // So is one that leaves them out.
    for (place, element) in CRITICAL {
        let target = edited(&shown, &place[..1], None);
        // Of a reaction that is in dispute it is the whole that goes.
        if place.len() == 1 || element == "prescription" {
            let refused = Err(WriteError::Disputed(vec![of(&before, element).path.clone()]));
            assert_eq!(a.put_at(&heads, &target.canonical()), refused, "{place:?}");
        }
    }
    assert_eq!(
        (a.record.heads(), a.view().json, listed(&a)),
        (heads, shown, before)
    );
}

/// What is removed here and alive there is kept by whoever says anything of it, or says that it stays.
#[test]
fn a_word_for_what_was_removed_keeps_it() {
    let (a, b) = tangled();
    let before = listed(&a);
    for element in ["contact", "hospitalization", "reaction", "item.item", ""] {
        let conflict = of(&before, element);
        for said in [json("{}"), json("null"), json("[\"x\"]")] {
            let (mut a, mut b) = (a.clone(), b.clone());
            let shown = a.view().json;
            a.resolve(&conflict.path, &Choice::Value(said)).unwrap();
            assert_eq!((a.view().json, a.view().deleted), (shown, false), "{element}");
            meet(&mut a, &mut b);
            assert_left(&b, &before, conflict, false);
        }
    }
    // And a line of a list is what it was decided to be.
    let phone = of(&before, "telecom");
    let said = json(r#"{"system":"phone","value":"7"}"#);
    let (mut a, mut b) = (a, b);
    a.resolve(&phone.path, &Choice::Value(said.clone())).unwrap();
    meet(&mut a, &mut b);
    assert_eq!(b.view().json.pointer("/telecom/0"), Some(&said));
    assert_left(&b, &before, phone, false);
}
