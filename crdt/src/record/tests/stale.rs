//! Writes of somebody who had read an older version: they are compared with what was read, never
//! with what has come since.

use super::{PATIENT, PRESCRIPTION, patient_with, with};
use crate::change::ChangeHash;
use crate::record::{Choice, WriteError};
use crate::testing::{Site, json, meet, two_sites};

fn disputes(site: &Site) -> Vec<String> {
    let view = site.view();
    let all = view.conflicts.into_iter().chain(view.concurrent);
    all.map(|conflict| conflict.element).collect()
}

/// What happened meanwhile: a member and its new value, nothing for one that was removed.
#[rustfmt::skip]
const MEANWHILE: &[(&str, &str, &str)] = &[
    (PATIENT, "note", "\"allergic to penicillin\""),
    (PATIENT, "maritalStatus", r#"{"text":"married"}"#),
    (PATIENT, "deceasedBoolean", "true"),
    (PATIENT, "birthDate", "\"1980-05-04\""),
    (PATIENT, "language", "\"qu\""),
    (PATIENT, "language", ""),
    (PATIENT, "active", "false"),
    (PATIENT, "identifier", r#"[{"system":"urn:mrn","value":"5"}]"#),
    (PATIENT, "name", r#"[{"family":"Quispe"}]"#),
    (PATIENT, "extension", r#"[{"url":"urn:blood","valueString":"0-"}]"#),
    // An element more, one less, one changed, and none left.
    (PATIENT, "telecom", r#"[{"system":"phone","value":"111"},{"system":"email","value":"a@example.org"},{"system":"phone","value":"222"}]"#),
    (PATIENT, "telecom", r#"[{"system":"phone","value":"111"}]"#),
    (PATIENT, "telecom", r#"[{"rank":1,"system":"phone","value":"111"},{"system":"email","value":"a@example.org"}]"#),
    (PATIENT, "telecom", ""),
    (PATIENT, "contact", r#"[{"name":{"text":"Ana"},"telecom":[{"system":"phone","value":"5"}]},{"name":{"text":"Rosa"}}]"#),
    (PATIENT, "contact", r#"[{"gender":"female","name":{"text":"Ana"},"telecom":[{"system":"phone","value":"5"}]}]"#),
    (PATIENT, "contact", r#"[{"name":{"text":"Ana"},"telecom":[{"system":"phone","value":"5"},{"system":"phone","value":"6"}]}]"#),
    (PATIENT, "contact", r#"[{"name":{"text":"Ana"}}]"#),
    (PATIENT, "contact", ""),
    (PATIENT, "meta", r#"{"profile":["http://example.org/p"],"tag":[{"code":"vip"}]}"#),
    (PRESCRIPTION, "status", "\"stopped\""),
    (PRESCRIPTION, "dosageInstruction", r#"[{"text":"10 mg"}]"#),
    (PRESCRIPTION, "dosageInstruction", r#"[{"text":"5 mg"},{"text":"at night"}]"#),
    (PRESCRIPTION, "medicationCodeableConcept", r#"{"text":"hydromorphone"}"#),
    (PRESCRIPTION, "note", ""),
];

#[test]
fn an_edit_of_an_old_version_leaves_alone_what_its_writer_never_saw() {
    for (base, member, value) in MEANWHILE {
        for here in [true, false] {
            let said = format!("{member} became {value}, here: {here}");
            let (mut a, mut b) = two_sites(base);
            let (read, shown) = (a.record.heads(), a.shown());
            if here {
                a.put(&with(&shown, member, value));
            } else {
                b.put(&with(&shown, member, value));
                a.take(b.changes());
            }
            let since = a.shown();
            assert_ne!(since, shown, "{said}");
            // What was read is sent back, with one thing changed.
            let edit = with(&shown, "gender", "\"female\"");
            assert!(a.put_at(&read, &edit).unwrap().is_some(), "{said}");
            assert_eq!(a.shown(), with(&since, "gender", "\"female\""), "{said}");
            assert_eq!(disputes(&a), Vec::<String>::new(), "{said}");
            meet(&mut a, &mut b);
            assert_eq!(b.shown(), with(&since, "gender", "\"female\""), "{said}");
        }
    }
}

#[test]
fn sending_back_an_old_version_as_it_was_read_changes_nothing() {
    for (base, member, value) in MEANWHILE {
        let (mut a, _) = two_sites(base);
        let (read, shown) = (a.record.heads(), a.shown());
        a.put(&with(&shown, member, value));
        let (heads, since) = (a.record.heads(), a.shown());
        assert_eq!(a.put_at(&read, &shown), Ok(None), "{member} became {value}");
        assert_eq!((a.record.heads(), a.shown()), (heads, since));
    }
}

/// Who writes what has been written meanwhile has said so: somebody who undoes the one has not
/// undone the other.
#[test]
fn saying_the_same_as_another_is_said_all_the_same() {
    let (mut a, mut b) = two_sites(PATIENT);
    let read = a.record.heads();
    let text = patient_with("language", "\"qu\"");
    let first = a.put(&text);
    let second = a.put_at(&read, &text).unwrap().expect("it is said");
    assert_eq!(a.record.heads().len(), 2);
    assert_ne!(first.hash(), second.hash());
    assert_eq!(
        (a.member("language"), disputes(&a)),
        ("\"qu\"".to_owned(), vec![])
    );
    b.put_at(&read, &patient_with("gender", "\"female\""))
        .unwrap()
        .unwrap();
    meet(&mut a, &mut b);
    assert_eq!(
        (b.member("language"), disputes(&b)),
        ("\"qu\"".to_owned(), vec![])
    );
}

/// Two dates of birth that stand against each other, and the version before them.
fn born_twice() -> (Site, Vec<ChangeHash>) {
    let (mut a, mut b) = two_sites(PATIENT);
    let before = a.record.heads();
    a.put(&patient_with("birthDate", "\"1980\""));
    b.put(&patient_with("birthDate", "\"1981\""));
    meet(&mut a, &mut b);
    assert_eq!(disputes(&a), ["birthDate"]);
    (a, before)
}

fn dates(site: &Site) -> Vec<String> {
    let conflicts = site.view().conflicts;
    let values = conflicts.iter().flat_map(|conflict| &conflict.values);
    let mut dates: Vec<String> = values
        .map(|value| value.value.as_ref().map_or_else(String::new, |v| v.canonical()))
        .collect();
    dates.sort();
    dates
}

#[test]
fn a_write_from_before_a_dispute_is_not_asked_to_decide_it() {
    let (a, before) = born_twice();
    let mut other = a.clone();
    let edit = patient_with("gender", "\"female\"");
    assert!(other.put_at(&before, &edit).unwrap().is_some());
    assert_eq!(other.member("gender"), "\"female\"");
    assert_eq!(dates(&other), ["\"1980\"", "\"1981\""]);
    // A third date is one more of those in dispute.
    let mut third = a.clone();
    let edit = patient_with("birthDate", "\"1982\"");
    assert!(third.put_at(&before, &edit).unwrap().is_some());
    assert_eq!(dates(&third), ["\"1980\"", "\"1981\"", "\"1982\""]);
    // There it cannot be decided yet, and one who decides all has none to decide.
    let mut deciding = a;
    let choice = Choice::Value(json("\"1980\""));
    let refused = deciding.with(|record, writer, stamp| {
        record.resolve(
            &before,
            "birthDate",
            &choice,
            crate::testing::POLICY,
            writer,
            stamp,
        )
    });
    assert_eq!(refused, Err(WriteError::NoConflict));
    let made = deciding.with(|record, writer, stamp| {
        let edit = json(&patient_with("gender", "\"female\""));
        record.update_resolving(&before, &edit, crate::testing::POLICY, writer, stamp)
    });
    assert!(made.unwrap().is_some());
    assert_eq!(dates(&deciding), ["\"1980\"", "\"1981\""]);
}

#[test]
fn a_write_from_during_a_dispute_is_asked_although_it_was_decided_since() {
    let (mut a, _) = born_twice();
    let (during, shown) = (a.record.heads(), a.shown());
    a.resolve("birthDate", &Choice::Value(json("\"1980\""))).unwrap();
    assert_eq!(disputes(&a), Vec::<String>::new());
    let edit = with(&shown, "birthDate", "\"1990\"");
    let asked = Err(WriteError::Disputed(vec!["birthDate".to_owned()]));
    assert_eq!(a.put_at(&during, &edit), asked);
    assert_eq!(a.member("birthDate"), "\"1980\"");
    // Two who decided apart, the same or not.
    for (date, left) in [("\"1980\"", 0), ("\"1990\"", 1)] {
        let mut other = a.clone();
        let choice = Choice::Value(json(date));
        let made = other.with(|record, writer, stamp| {
            record.resolve(
                &during,
                "birthDate",
                &choice,
                crate::testing::POLICY,
                writer,
                stamp,
            )
        });
        assert!(made.is_ok(), "{made:?}");
        assert_eq!(other.view().conflicts.len(), left, "{date}");
    }
}

/// A deletion by one who has read an older version does not pass over an edit made since.
#[test]
fn a_deletion_of_an_old_version_stands_against_what_came_since() {
    let delete = |site: &mut Site, base: &[ChangeHash]| {
        site.with(|record, writer, stamp| record.delete(base, crate::testing::POLICY, writer, stamp))
    };
    let (mut a, _) = two_sites(PATIENT);
    let read = a.record.heads();
    a.put(&patient_with("note", "\"allergic to penicillin\""));
    assert!(delete(&mut a, &read).unwrap().is_some());
    let view = a.view();
    assert!(!view.deleted);
    assert_eq!(view.conflicts.len(), 1);
    assert_eq!(a.member("note"), "\"allergic to penicillin\"");
    // Of a record that was deleted since it is no second question.
    let (mut a, _) = two_sites(PATIENT);
    let read = a.record.heads();
    a.delete().unwrap().unwrap();
    assert!(delete(&mut a, &read).unwrap().is_some());
    assert_eq!((a.view().deleted, disputes(&a)), (true, vec![]));
}
