//! What a later version may write and this one cannot read: it is named, and nothing else is shown otherwise for it.

use super::PATIENT;
use super::hostile::{text, with_puts};
use super::trust::crafted;
use crate::decode::{Issue, IssueKind};
use crate::key::RECORD_MARKER;
use crate::record::Record;
use crate::testing::{POLICY, Site, json, key_of, two_sites, verified};
use automerge::ScalarValue;
use automerge::legacy::{Key, OpType};

fn bytes(length: usize) -> ScalarValue {
    ScalarValue::Bytes(vec![1; length])
}

/// Values that no version has written yet.
fn values() -> Vec<ScalarValue> {
    vec![
        ScalarValue::Int(1),
        ScalarValue::Int(-1),
        ScalarValue::F64(1.5),
        ScalarValue::Boolean(true),
        ScalarValue::Boolean(false),
        ScalarValue::Timestamp(5),
        // Not of the length of a marker in dispute, which names one to eight removals.
        bytes(0),
        bytes(4),
        bytes(35),
        bytes(37),
        bytes(4 + 32 * 9),
    ]
}

fn issue(register: &str, kind: IssueKind) -> Issue {
    Issue {
        register: register.to_owned(),
        kind,
    }
}

/// What a record tells that has this beside what it had; it loads to the same.
fn issues_with(register: &str, value: &ScalarValue) -> Vec<Issue> {
    let before = two_sites(PATIENT).0.view();
    assert_eq!(before.issues, []);
    let site = with_puts([(register.to_owned(), value.clone())]);
    let view = site.view();
    assert_eq!(view.json, before.json, "{register} {value:?}");
    assert!(!view.deleted, "{register} {value:?}");
    let again = Record::load(site.record.key().clone(), site.record.changes().cloned()).unwrap();
    assert_eq!(again.view(POLICY), view);
    view.issues
}

#[test]
fn a_value_that_cannot_be_read_is_named_and_the_rest_is_shown_as_it_was() {
    for register in [
        // Of which nothing was said, one of which something was, a line of a list, a part of one, and our own.
        "gender",
        "language",
        "name/a0-abcdefgh",
        "contact/a0-abcdefgh",
        "maritalStatus/text",
        RECORD_MARKER,
    ] {
        for value in values() {
            assert_eq!(
                issues_with(register, &value),
                [issue(register, IssueKind::Malformed)],
                "{register} {value:?}"
            );
        }
    }
    for value in values() {
        let expected = if matches!(value, ScalarValue::Bytes(_)) {
            Vec::new()
        } else {
            vec![issue("!group/x", IssueKind::Malformed)]
        };
        assert_eq!(issues_with("!group/x", &value), expected, "{value:?}");
    }
}

#[test]
fn a_name_that_cannot_be_read_is_named() {
    for register in [
        "!other",
        "!other/x",
        "name/a0-",
        "name/-x",
        "name/a0-x.0",
        "contact/-/name",
    ] {
        let told = issues_with(register, &text("\"1\""));
        assert_eq!(told, [issue(register, IssueKind::Malformed)], "{register}");
    }
    let told = issues_with("~9/a0-abcdefgh", &text("\"1\""));
    assert_eq!(told, [issue("~9", IssueKind::Malformed)]);
    assert_eq!(issues_with("~9", &text("\"1\"")), [issue("~9", IssueKind::Text)]);
}

#[test]
fn a_text_that_cannot_be_read_is_named() {
    for broken in [
        "",
        "x",
        "\"a",
        "{",
        "1 2",
        "_",
        "_1",
        "_{}",
        "_[]",
        "_[1]",
        "_[1,{},3]",
    ] {
        for (register, path) in [
            ("gender", "gender"),
            ("maritalStatus/text", "maritalStatus.text"),
            ("name/a0-abcdefgh", "name.a0-abcdefgh"),
        ] {
            let told = issues_with(register, &text(broken));
            assert_eq!(told, [issue(path, IssueKind::Text)], "{register} {broken}");
        }
    }
    // A value of which a type belongs, without one.
    for broken in ["\"a\"", "=x", "String=", "String=x", "String=_[1]"] {
        let told = issues_with("value[x]", &text(broken));
        assert_eq!(told, [issue("value[x]", IssueKind::Text)], "{broken}");
    }
}

/// A record that begins so: its first change is all there is of it.
#[test]
fn what_cannot_be_read_of_a_first_change_is_named_too() {
    let mut site = Site::new(1, key_of(&json(PATIENT)));
    site.create(PATIENT);
    let begun = |register: &str, value: Option<ScalarValue>| {
        let is_it = |key: &Key| matches!(key, Key::Map(name) if name == register);
        let change = crafted(&site, |change| match value {
            Some(value) => {
                let mut ours = change.operations.iter_mut().filter(|one| is_it(&one.key));
                ours.next().unwrap().action = OpType::Put(value);
            }
            None => change.operations.retain(|one| !is_it(&one.key)),
        });
        let mut fresh = Site::new(9, site.record.key().clone());
        let report = fresh.take(verified(site.record.key(), [&change]));
        assert_eq!(report.accepted.len(), 1, "{report:?}");
        fresh.view()
    };
    for value in values() {
        let view = begun("language", Some(value.clone()));
        assert_eq!(
            view.issues,
            [issue("language", IssueKind::Malformed)],
            "{value:?}"
        );
        assert_eq!(view.json.get("active"), Some(&json("true")), "{value:?}");
        assert_eq!(view.json.get("language"), None, "{value:?}");
    }
    let broken = begun("language", Some(text("x")));
    assert_eq!(broken.issues, [issue("language", IssueKind::Text)]);
    // Nobody has said that there is such a record.
    let unmarked = begun(RECORD_MARKER, None);
    assert_eq!(unmarked.issues, [issue(RECORD_MARKER, IssueKind::Unmarked)]);
    assert!(unmarked.deleted);
}
