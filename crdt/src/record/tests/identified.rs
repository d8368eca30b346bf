//! A record is the one that its own document names. A change that names another, or none, is taken into no record:
//! it would be one patient's under the name of another.

use super::trust::crafted;
use super::{PATIENT, patient_with};
use crate::author::SignedChange;
use crate::decode::is_text_of;
use crate::merge::QuarantineReason;
use crate::testing::{Site, assert_equal, json, key_of, verified};
use automerge::legacy::{Key, Op, OpType};
use automerge::{ExpandedChange, ScalarValue};

fn text(text: &str) -> ScalarValue {
    ScalarValue::Str(text.into())
}

fn is(op: &Op, register: &str) -> bool {
    matches!(&op.key, Key::Map(name) if name == register)
}

/// Says something else of a register, or nothing.
fn said(change: &mut ExpandedChange, register: &str, values: &[ScalarValue]) {
    let like = change.operations.iter().find(|op| is(op, register)).cloned();
    let like = like.unwrap_or_else(|| Op {
        key: Key::Map(register.into()),
        pred: Vec::new().into(),
        ..change.operations[0].clone()
    });
    change.operations.retain(|op| !is(op, register));
    for value in values {
        change.operations.push(Op {
            action: OpType::Put(value.clone()),
            ..like.clone()
        });
    }
}

/// Registers with what is said of each; nothing where one is left out.
type Edits = Vec<(&'static str, Vec<ScalarValue>)>;

/// What a first change may say of type and id, that is not its record's.
fn others() -> Vec<(&'static str, Edits)> {
    let id = |values: Vec<ScalarValue>| ("id", values);
    let kind = |values: Vec<ScalarValue>| ("resourceType", values);
    vec![
        ("no id", vec![id(vec![])]),
        ("no type", vec![kind(vec![])]),
        ("neither", vec![id(vec![]), kind(vec![])]),
        ("another id", vec![id(vec![text("\"p2\"")])]),
        ("another type", vec![kind(vec![text("\"Person\"")])]),
        ("an id that goes on", vec![id(vec![text("\"p11\"")])]),
        ("an id cut short", vec![id(vec![text("\"p\"")])]),
        ("a bare id", vec![id(vec![text("p1")])]),
        ("an id in a list", vec![id(vec![text("[\"p1\"]")])]),
        ("an empty id", vec![id(vec![text("\"\"")])]),
        ("a removed id", vec![id(vec![ScalarValue::Null])]),
        ("a removed type", vec![kind(vec![ScalarValue::Null])]),
        ("a marker for an id", vec![id(vec![ScalarValue::Uint(1)])]),
        (
            "bytes for a type",
            vec![kind(vec![ScalarValue::Bytes(b"\"Patient\"".to_vec())])],
        ),
        ("two ids", vec![id(vec![text("\"p1\""), text("\"p2\"")])]),
        ("two ids, turned", vec![id(vec![text("\"p2\""), text("\"p1\"")])]),
        (
            "two types",
            vec![kind(vec![text("\"Patient\""), text("\"Person\"")])],
        ),
    ]
}

fn reasons(site: &mut Site, change: &SignedChange) -> Vec<QuarantineReason> {
    let key = site.record.key().clone();
    let report = site.take(verified(&key, [change]));
    assert_eq!(
        report.accepted.is_empty(),
        !report.quarantined.is_empty(),
        "{report:?}"
    );
    report.quarantined.iter().map(|refused| refused.reason).collect()
}

#[test]
fn a_first_change_names_its_record_or_is_taken_into_none() {
    let key = key_of(&json(PATIENT));
    let mut writer = Site::new(1, key.clone());
    writer.create(PATIENT);
    for (what, edits) in others() {
        let change = crafted(&writer, |change| {
            edits
                .iter()
                .for_each(|(register, values)| said(change, register, values));
        });
        let mut fresh = Site::new(9, key.clone());
        assert_eq!(
            reasons(&mut fresh, &change),
            [QuarantineReason::Identity],
            "{what}"
        );
        assert!(fresh.record.is_empty(), "{what}");
        // Nor into one that is there, made apart from it.
        let mut other = Site::new(2, key.clone());
        other.create(&patient_with("language", "\"qu\""));
        let before = (other.record.heads(), other.view());
        assert_eq!(
            reasons(&mut other, &change),
            [QuarantineReason::Identity],
            "{what}"
        );
        assert_eq!((other.record.heads(), other.view()), before, "{what}");
    }
    let whole = crafted(&writer, |_| {});
    let mut fresh = Site::new(9, key);
    assert_eq!(reasons(&mut fresh, &whole), []);
    assert_eq!(fresh.view(), writer.view());
}

#[test]
fn a_later_change_leaves_the_record_its_name() {
    let key = key_of(&json(PATIENT));
    let mut writer = Site::new(1, key.clone());
    writer.create(PATIENT);
    let mut reader = Site::new(9, key);
    reader.take(writer.changes());
    let before = (reader.record.heads(), reader.view());
    writer.put(&patient_with("language", "\"qu\""));
    for (what, edits) in others() {
        if edits.iter().any(|(_, values)| values.is_empty()) {
            continue;
        }
        // Beside what the record has said of itself before.
        let change = crafted(&writer, |change| {
            for (register, values) in &edits {
                said(change, register, values);
            }
        });
        assert_eq!(
            reasons(&mut reader, &change),
            [QuarantineReason::Identity],
            "{what}"
        );
        assert_eq!((reader.record.heads(), reader.view()), before, "{what}");
    }
    let honest = writer.changes();
    reader.take(honest);
    assert_equal(&reader, &writer);
}

/// What stands beside an id under `_id` makes it no other.
#[test]
fn a_record_whose_name_has_something_beside_it_is_taken_in() {
    let beside = PATIENT.replace(
        r#""id":"p1","#,
        r#""id":"p1","_id":{"extension":[{"url":"u"}]},"_resourceType":{"id":"r"},"#,
    );
    let mut writer = Site::new(1, key_of(&json(PATIENT)));
    writer.create(&beside);
    let mut fresh = Site::new(9, writer.record.key().clone());
    fresh.take(writer.changes());
    assert_equal(&fresh, &writer);
    assert_eq!(fresh.member("_id"), r#"{"extension":[{"url":"u"}]}"#);
    for (text, is_it) in [
        (r#""p1""#, true),
        (r#"_["p1",{"id":"x"}]"#, true),
        (r#""\u0070\u0031""#, true),
        (r#" "p1" "#, true),
        ("p1", false),
        (r#""p1"#, false),
        (r#"p1""#, false),
        (r#"""p1"""#, false),
        (r#""p1" x"#, false),
        (r#"["p1"]"#, false),
        (r#"_["p2",{"id":"p1"}]"#, false),
        (r#"_[null,"p1"]"#, false),
        (r#""P1""#, false),
        (r#""""#, false),
        ("", false),
        ("null", false),
    ] {
        assert_eq!(is_text_of(text, "p1"), is_it, "{text}");
    }
}
