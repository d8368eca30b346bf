//! What a decision writes, and what is shown until there is one.

use super::{PATIENT, PRESCRIPTION, patient_with, with};
use crate::change::ChangeHash;
use crate::conflict::ConflictKind;
use crate::record::{Choice, WriteError};
use crate::testing::{Site, json, key_of, meet, two_sites};
use chaski_json::Json;

/// A prescription of two lines of dosage. One site removed the first; the other removed the
/// second and made the first say what the second did: each holds the same prescription, so the
/// group is in no dispute, only the line that was removed here and edited there.
/// Whether the removal is the newer makes no difference.
fn one_line_in_dispute(removed_later: bool) -> (Site, Site, String) {
    let doses = |lines: &str| with(PRESCRIPTION, "dosageInstruction", lines);
    let (mut a, mut b) = two_sites(&doses(r#"[{"text":"1"},{"text":"2"}]"#));
    a.at(if removed_later { 9_000_000 } else { 7_000_000 })
        .put(&doses(r#"[{"text":"2"}]"#));
    b.at(8_000_000).put(&doses(r#"[{"text":"1"}]"#));
    b.put(&doses(r#"[{"text":"2"}]"#));
    meet(&mut a, &mut b);
    let listed = a.view().conflicts;
    assert_eq!((listed.len(), listed[0].kind), (1, ConflictKind::Deleted));
    assert_eq!(a.member("dosageInstruction"), r#"[{"text":"2"}]"#);
    (a, b, listed[0].path.clone())
}

#[test]
fn deciding_one_line_of_a_prescription_is_a_new_prescription() {
    for removed_later in [false, true] {
        let (mut a, mut b, path) = one_line_in_dispute(removed_later);
        a.resolve(&path, &Choice::Delete).unwrap();
        let kept = b.view().conflicts[0]
            .values
            .iter()
            .find(|value| value.value.is_some())
            .unwrap()
            .change;
        b.resolve(&path, &Choice::Pick(kept)).unwrap();
        assert!(a.view().conflicts.is_empty() && b.view().conflicts.is_empty());
        assert_eq!(
            (a.member("dosageInstruction"), b.member("dosageInstruction")),
            (String::new(), r#"[{"text":"2"}]"#.to_owned())
        );
        meet(&mut a, &mut b);
        // Two doses stand against each other as whole prescriptions.
        let listed = a.view().conflicts;
        assert_eq!(
            (listed.len(), listed[0].path.as_str(), listed[0].values.len()),
            (1, "!group/prescription", 2)
        );
    }
}

#[test]
fn a_decision_and_an_edit_that_end_in_the_same_prescription_agree() {
    for removed_later in [false, true] {
        let (mut a, mut b, path) = one_line_in_dispute(removed_later);
        a.resolve(&path, &Choice::Delete).unwrap();
        b.put(&with(&b.shown(), "dosageInstruction", ""));
        meet(&mut a, &mut b);
        assert!(a.view().conflicts.is_empty(), "{:?}", a.view().conflicts);
        assert_eq!(a.member("dosageInstruction"), "");
    }
}

#[test]
fn a_decision_against_a_later_prescription_is_in_dispute() {
    for removed_later in [false, true] {
        let (mut a, mut b, path) = one_line_in_dispute(removed_later);
        a.resolve(&path, &Choice::Value(json(r#"{"text":"3"}"#))).unwrap();
        assert_eq!(a.member("dosageInstruction"), r#"[{"text":"3"}]"#);
        b.put(&with(&b.shown(), "status", "\"stopped\""));
        meet(&mut a, &mut b);
        assert_eq!(a.view().conflicts[0].path, "!group/prescription");
        assert_eq!(a.view().conflicts.len(), 1);
    }
}

#[test]
fn a_choice_that_does_not_fit_decides_nothing() {
    let (mut a, mut b) = two_sites(PRESCRIPTION);
    a.put(&with(PRESCRIPTION, "status", "\"stopped\""));
    b.put(&with(PRESCRIPTION, "dosageInstruction", r#"[{"text":"20 mg"}]"#));
    meet(&mut a, &mut b);
    let path = "!group/prescription";
    let nobodys = ChangeHash([9; 32]);
    let (heads, shown) = (a.record.heads(), a.shown());
    for choice in [
        Choice::Delete,
        Choice::Pick(nobodys),
        Choice::Pick(a.record.history()[0].hash),
        Choice::Value(json("\"stopped\"")),
        // Another element than the group's.
        Choice::Value(json(r#"{"status":"active","note":"x"}"#)),
    ] {
        assert_eq!(a.resolve(path, &choice), Err(WriteError::Choice), "{choice:?}");
    }
    for unknown in ["!group/other", "!group/", "status", "note", "nothing", "!record"] {
        let choice = Choice::Value(json("{}"));
        assert_eq!(
            a.resolve(unknown, &choice),
            Err(WriteError::NoConflict),
            "{unknown}"
        );
    }
    assert_eq!((a.record.heads(), a.shown()), (heads, shown));
    let mut a = two_sites(PATIENT).0;
    let mut b = a.clone();
    let mut c = Site::new(3, key_of(&json(PATIENT)));
    c.take(a.changes());
    a.put(&patient_with("birthDate", "\"1980\""));
    c.put(&patient_with("birthDate", "\"1981\""));
    meet(&mut a, &mut c);
    assert_eq!(
        a.resolve("birthDate", &Choice::Pick(nobodys)),
        Err(WriteError::Choice)
    );
    // What the base did not hold cannot be decided there.
    assert_eq!(
        b.resolve("birthDate", &Choice::Delete),
        Err(WriteError::NoConflict)
    );
    a.resolve("birthDate", &Choice::Delete).unwrap();
    assert_eq!(
        (a.member("birthDate"), a.view().conflicts.len()),
        (String::new(), 0)
    );
}

#[test]
fn a_typed_value_is_decided_with_its_type_alone() {
    let base = r#"{"resourceType":"Observation","id":"o"}"#;
    let (mut a, mut b) = two_sites(base);
    a.put(&with(base, "valueString", "\"high\""));
    b.put(&with(base, "valueQuantity", r#"{"value":1}"#));
    meet(&mut a, &mut b);
    for wrong in [
        "\"high\"",
        "{}",
        r#"{"valueString":"x","code":"y"}"#,
        r#"{"value":"x"}"#,
        r#"{"valueString":"x","valueQuantity":{"value":1}}"#,
    ] {
        let choice = Choice::Value(json(wrong));
        assert_eq!(a.resolve("value[x]", &choice), Err(WriteError::Choice), "{wrong}");
    }
    let picked = a.view().conflicts[0].values.clone();
    for value in picked {
        let mut a = a.clone();
        a.resolve("value[x]", &Choice::Pick(value.change)).unwrap();
        let mut expected = json(base);
        let members = value.value.unwrap().as_object().unwrap().clone();
        expected.as_object_mut().unwrap().extend(members);
        assert_eq!(a.view().json, expected);
    }
}

/// The record's own removal against an edit: each way to decide it.
#[test]
fn a_deletion_against_an_edit_is_decided_either_way() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.delete().unwrap().unwrap();
    b.put(&patient_with("language", "\"qu\""));
    meet(&mut a, &mut b);
    let listed = a.view().conflicts[0].clone();
    assert!(listed.critical && listed.element.is_empty());
    for value in &listed.values {
        let mut a = a.clone();
        a.resolve("!record", &Choice::Pick(value.change)).unwrap();
        assert_eq!(a.view().deleted, value.value.is_none());
        assert!(a.view().conflicts.is_empty());
        // It is known whose word it was.
        let user = if value.value.is_none() { "user1" } else { "user2" };
        assert_eq!((value.user.as_str(), value.role.as_str()), (user, "clinician"));
        assert_eq!(
            Some(value.hlc),
            a.record.change(&value.change).map(|change| change.hlc)
        );
    }
    // What is shown of the living value is the record as it stands, edit included.
    let living = listed.values.iter().find_map(|value| value.value.clone());
    assert_eq!(living.unwrap().get("language"), Some(&json("\"qu\"")));
    assert_eq!(listed.values[listed.safer_index].user, "user2");
}

/// Each critical element by its table, whichever was written later.
#[test]
fn what_is_shown_of_a_dispute_is_the_safer_one_and_else_the_newest() {
    let base = r#"{"resourceType":"Patient","id":"p","active":true,"status":"draft"}"#;
    let shown = |name: &str, here: &str, there: &str, later_here: bool| {
        let (mut a, mut b) = two_sites(base);
        let (ta, tb) = if later_here { (9, 8) } else { (8, 9) };
        a.at(ta * 1_000_000).put(&with(base, name, here));
        b.at(tb * 1_000_000).put(&with(base, name, there));
        meet(&mut a, &mut b);
        let conflict = a.view().conflicts[0].clone();
        assert!(conflict.critical, "{name}");
        let values = &conflict.values;
        assert!(values[0].hlc > values[1].hlc, "newest first");
        assert_eq!(values[0].user, if later_here { "user1" } else { "user2" });
        let safer = values[conflict.safer_index].value.as_ref();
        let bare = |value: &Json| value.get(name).unwrap_or(value).canonical();
        assert_eq!(safer.map(bare).unwrap_or_default(), a.member(name));
        a.member(name)
    };
    for later_here in [true, false] {
        // (element, the safer reading, the other)
        for (name, safer, other) in [
            ("status", "\"active\"", "\"stopped\""),
            ("status", "\"on-hold\"", "\"stopped\""),
            ("status", "\"active\"", "\"on-hold\""),
            // What is alive beats what is removed, unless absence is the safer reading.
            ("status", "\"stopped\"", ""),
            ("active", "false", ""),
            ("deceasedBoolean", "false", "true"),
        ] {
            assert_eq!(
                shown(name, safer, other, later_here),
                safer,
                "{name} {later_here}"
            );
            assert_eq!(
                shown(name, other, safer, later_here),
                safer,
                "{name} {later_here}"
            );
        }
        // Where no code is safer, the newest.
        let dates = ("\"1980\"", "\"1981\"");
        let newest = if later_here { dates.0 } else { dates.1 };
        assert_eq!(shown("birthDate", dates.0, dates.1, later_here), newest);
        let newest = if later_here { "\"x\"" } else { "\"y\"" };
        assert_eq!(shown("status", "\"x\"", "\"y\"", later_here), newest);
    }
}

#[test]
fn where_absence_is_safer_a_removal_is_shown() {
    let base = r#"{"resourceType":"Patient","id":"p","deceasedBoolean":true}"#;
    for (ta, tb) in [(8, 9), (9, 8)] {
        let (mut a, mut b) = two_sites(base);
        a.at(ta * 1_000_000).put(&with(base, "deceasedBoolean", ""));
        b.at(tb * 1_000_000).put(&with(
            &with(base, "deceasedBoolean", ""),
            "deceasedDateTime",
            "\"2020\"",
        ));
        meet(&mut a, &mut b);
        assert_eq!(
            (a.member("deceasedBoolean"), a.member("deceasedDateTime")),
            ("".into(), "".into())
        );
        let conflict = &a.view().conflicts[0];
        assert!(conflict.critical && conflict.kind == ConflictKind::Deleted);
        assert_eq!(conflict.values[conflict.safer_index].value, None);
    }
}

/// A value that is removed and one that is not critical: the newest living one.
#[test]
fn what_is_removed_here_and_edited_there_is_shown_whichever_came_later() {
    for (ta, tb) in [(8, 9), (9, 8)] {
        let (mut a, mut b) = two_sites(PATIENT);
        a.at(ta * 1_000_000).put(&patient_with("language", ""));
        b.at(tb * 1_000_000).put(&patient_with("language", "\"qu\""));
        meet(&mut a, &mut b);
        assert_eq!(a.member("language"), "\"qu\"");
        let conflict = &a.view().conflicts[0];
        assert_eq!((conflict.kind, conflict.critical), (ConflictKind::Deleted, false));
        assert!(conflict.values[conflict.safer_index].value.is_some());
    }
}

/// A kind with a group of critical members, what the group said first, and what a side may make of it.
type Group = (&'static str, &'static str, &'static str, [&'static str; 5]);

const GROUPS: [Group; 2] = [
    (
        "MedicationRequest",
        "prescription",
        r#","status":"draft""#,
        [
            "",
            r#","status":"stopped""#,
            r#","medicationCodeableConcept":{"text":"morphine"}"#,
            r#","dosageInstruction":[{"text":"5 mg"}],"medicationReference":{"reference":"Medication/m"}"#,
            r#","dosageInstruction":[{"text":"5 mg"},{"text":"9 mg"}],"medicationCodeableConcept":{"text":"codeine"},"status":"active""#,
        ],
    ),
    (
        "AllergyIntolerance",
        "allergy",
        r#","criticality":"unknown""#,
        [
            "",
            r#","code":{"text":"nuts"}"#,
            r#","code":{"text":"eggs"},"criticality":"high""#,
            r#","code":{"text":"nuts"},"reaction":[{"severity":"mild"},{"severity":"severe"}]"#,
            r#","criticality":"low","reaction":[{"severity":"severe"}]"#,
        ],
    ),
];

/// Both sites hold a dispute of the group at `path`, of which `side` is one of the two values: it is
/// not chosen in passing, and whole when it is chosen.
fn side_is_taken_whole(a: &Site, b: &Site, path: &str, bare: &str, side: &str) {
    let wanted = json(side).canonical();
    let whole = |value: &Json| {
        let mut whole = json(bare);
        let members = value.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(members);
        whole.canonical()
    };
    let listed = a.view().conflicts;
    assert_eq!((listed.len(), listed[0].path.as_str()), (1, path));
    let values = listed[0].values.iter();
    let of_side: Vec<_> = values
        .filter(|value| whole(value.value.as_ref().unwrap()) == wanted)
        .collect();
    assert_eq!(of_side.len(), 1, "{side}: {:?}", listed[0].values);
    let mut other = a.clone();
    let heads = other.record.heads();
    let refused = Err(WriteError::Disputed(vec![path.to_owned()]));
    let is_shown = wanted == a.shown();
    let wrote = other.put_at(&heads, side);
    assert_eq!(wrote, if is_shown { Ok(None) } else { refused }, "{side}");
    let decided = |site: &Site| (site.shown(), site.view().conflicts.len());
    let wanted = (wanted, 0);
    for choice in [
        Choice::Pick(of_side[0].change),
        Choice::Value(of_side[0].value.clone().unwrap()),
    ] {
        let (mut a, mut b) = (a.clone(), b.clone());
        a.resolve(path, &choice).unwrap();
        assert_eq!(decided(&a), wanted, "{choice:?}");
        meet(&mut a, &mut b);
        assert_eq!(decided(&b), wanted, "{choice:?}");
    }
    let mut other = a.clone();
    other.put_resolving(side).unwrap();
    assert_eq!(decided(&other), wanted, "{side}");
}

/// Whatever each side has and the other has not: the drug of one with the dose of the other kills.
#[test]
fn one_side_of_a_group_is_taken_whole_and_nothing_of_the_other_stays() {
    for (kind, group, first, sides) in GROUPS {
        let record = |members: &str| format!(r#"{{"resourceType":"{kind}","id":"r","note":"n"{members}}}"#);
        let path = format!("!group/{group}");
        for (here, there) in (0..sides.len()).flat_map(|x| (0..sides.len()).map(move |y| (x, y))) {
            if here == there {
                continue;
            }
            let (mut a, mut b) = two_sites(&record(first));
            a.put(&record(sides[here]));
            b.put(&record(sides[there]));
            meet(&mut a, &mut b);
            for side in [here, there] {
                side_is_taken_whole(&a, &b, &path, &record(""), &record(sides[side]));
            }
        }
    }
}
