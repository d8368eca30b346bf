//! Names and hashes that are frozen with the record format, and what an element is recognised by.

use super::*;
use crate::key::RecordKey;
use crate::policy::{Critical, Group};
use crate::record::Record;
use crate::testing::{POLICY, Site, json};
use std::collections::BTreeSet;

#[test]
fn an_element_is_named_by_the_beginning_of_its_contents_hash() {
    for (content, name) in [
        (r#""x""#, "ui30kDos"),
        (r#""#, "47DEQpj8"),
        (r#"{"a":1}"#, "AVq9f1zF"),
        (r#""1""#, "ORVSwJnB"),
        (r#""12""#, "-crPPLka"),
        (r#""y""#, "K8mDpZQi"),
        (r#""q""#, "kO26HJ0L"),
        (r#""0""#, "mAiebTb3"),
    ] {
        assert_eq!(&*content_hash(content), name, "{content}");
    }
}

#[test]
fn what_identifies_an_element_is_its_id_then_the_fields_named_for_it() {
    const TWO: Identity = &["system", "value"];
    const DEEP: Identity = &["code.coding.code", "period.start"];
    let found = |text: &str, identity: Identity| identities(&json(text), identity);
    for (text, identity, expected) in [
        (r#"{"system":"a","value":"b"}"#, TWO, &[r#"fields:"a":"b""#][..]),
        (r#"{"value":"b"}"#, TWO, &[r#"fields::"b""#]),
        (r#"{"system":"a"}"#, TWO, &[r#"fields:"a":"#]),
        (
            r#"{"id":"1","system":"a"}"#,
            TWO,
            &[r#"id:"1""#, r#"fields:"a":"#],
        ),
        (r#"{"id":"1","rank":1}"#, TWO, &[r#"id:"1""#]),
        (r#"{"id":"1","system":"a"}"#, &[], &[r#"id:"1""#]),
        (r#"{"rank":1}"#, TWO, &[]),
        (r#"{"system":"a"}"#, &[], &[]),
        ("\"a\"", TWO, &[]),
        // What is inside, of a list its first.
        (
            r#"{"code":{"coding":[{"code":"x"},{"code":"y"}]}}"#,
            DEEP,
            &[r#"fields:"x":"#],
        ),
        (
            r#"{"code":{"coding":{"code":"x"}},"period":{"start":1.50}}"#,
            DEEP,
            &[r#"fields:"x":1.50"#],
        ),
        (r#"{"code":{"coding":[]},"period":{"end":1}}"#, DEEP, &[]),
        (
            r#"{"code":[{"coding":[{"code":["z"]}]}]}"#,
            DEEP,
            &[r#"fields:["z"]:"#],
        ),
    ] {
        assert_eq!(found(text, identity), expected, "{text}");
    }
}

fn items(contents: &[&str]) -> Vec<Item> {
    let item = |content: &&str| Item {
        content: (*content).to_owned(),
        identity: Vec::new(),
        fields: None,
    };
    contents.iter().map(item).collect()
}

fn fields(members: &[(&str, Field)]) -> Fields {
    members
        .iter()
        .map(|(name, field)| ((*name).to_owned(), field.clone()))
        .collect()
}

fn value(text: &str) -> Field {
    Field::Value(text.to_owned())
}

/// Two prescriptions that differ in anything are two: else the drug of one would be given in the dose of the other.
#[test]
fn groups_that_differ_in_anything_have_other_hashes() {
    let object = |members: &[(&str, Field)]| Field::Object(fields(members));
    let groups = [
        fields(&[]),
        fields(&[("a", value("1"))]),
        fields(&[("a", value("2"))]),
        fields(&[("a", value(""))]),
        fields(&[("b", value("1"))]),
        fields(&[("a", value("1")), ("b", value("1"))]),
        fields(&[("a", value("1")), ("b", value("2"))]),
        // Where a name ends and a value begins is part of it.
        fields(&[("ab", value("c"))]),
        fields(&[("a", value("bc"))]),
        fields(&[("a", Field::List(items(&[])))]),
        fields(&[("a", Field::List(items(&["1"])))]),
        fields(&[("a", Field::List(items(&["1", "2"])))]),
        fields(&[("a", Field::List(items(&["2", "1"])))]),
        fields(&[("a", Field::List(items(&["12"])))]),
        fields(&[("a", Field::List(items(&["1", "1"])))]),
        fields(&[("a", object(&[]))]),
        fields(&[("a", object(&[("b", value("1"))]))]),
        fields(&[("a", object(&[("b", value("1")), ("c", value("1"))]))]),
        fields(&[("a", object(&[("b", value("1"))])), ("c", value("1"))]),
        fields(&[("a", object(&[("b", object(&[("c", value("1"))]))]))]),
        fields(&[("a", object(&[("b", object(&[])), ("c", value("1"))]))]),
    ];
    let hashes: BTreeSet<Vec<u8>> = groups.iter().map(|group| group_hash(group.iter())).collect();
    assert_eq!(hashes.len(), groups.len());
    assert!(hashes.iter().all(|hash| hash.len() == 8));
}

/// What is hashed of a group is this, for ever: sites of two versions hold one prescription.
#[test]
fn a_groups_hash_is_of_this_text() {
    let group = fields(&[
        ("code", value("\"x\"")),
        ("dose", Field::List(items(&["1", "22"]))),
        ("stay", Field::Object(fields(&[("diet", value("3"))]))),
        ("tags", Field::Set(items(&["4"]))),
        ("x", Field::Group(fields(&[("y", value("5"))]))),
    ]);
    let length = |length: u8| [0, 0, 0, 0, 0, 0, 0, length];
    let text = |tag: u8, text: &[u8]| [&[tag], length(text.len() as u8).as_slice(), text].concat();
    let expected = [
        text(b'n', b"code"),
        text(b'v', b"\"x\""),
        text(b'n', b"dose"),
        text(b'i', b"1"),
        text(b'i', b"22"),
        text(b'n', b"stay"),
        b"{".to_vec(),
        text(b'n', b"diet"),
        text(b'v', b"3"),
        b"}".to_vec(),
        text(b'n', b"tags"),
        text(b'i', b"4"),
        text(b'n', b"x"),
        b"{".to_vec(),
        text(b'n', b"y"),
        text(b'v', b"5"),
        b"}".to_vec(),
    ];
    let digest: [u8; 32] = Sha256::digest(expected.concat()).into();
    assert_eq!(group_hash(group.iter()), digest[..8]);
}

/// All types of a choice are one register while there is one of them, and it can be told which.
#[test]
fn a_choice_is_one_register_with_its_type() {
    let encoder = Encoder {
        kind: "Observation",
        policy: POLICY,
    };
    let registers = |text: &str| -> Vec<String> {
        let fields = encoder.object("", json(text).as_object().unwrap());
        let line = |(name, field): (&String, &Field)| match field {
            Field::Value(text) => format!("{name} {text}"),
            other => format!("{name} {other:?}"),
        };
        fields.iter().map(line).collect()
    };
    for (text, expected) in [
        (r#"{"valueString":"a"}"#, &[r#"value[x] String="a""#][..]),
        (
            r#"{"valueString":"a","_valueString":{"id":"1"}}"#,
            &[r#"value[x] String=_["a",{"id":"1"}]"#],
        ),
        (
            r#"{"_valueString":{"id":"1"}}"#,
            &[r#"value[x] String=_[null,{"id":"1"}]"#],
        ),
        (
            r#"{"valueQuantity":{"value":1.50}}"#,
            &[r#"value[x] Quantity={"value":1.50}"#],
        ),
        (
            r#"{"valueQuantity":1,"valueString":"a"}"#,
            &["valueQuantity 1", r#"valueString "a""#],
        ),
        (
            r#"{"effectiveDateTime":"a","valueString":"b"}"#,
            &[r#"effective[x] DateTime="a""#, r#"value[x] String="b""#],
        ),
        (r#"{"value":1}"#, &["value 1"]),
        (r#"{"valueOther":1}"#, &["valueOther 1"]),
        (r#"{"value[x]":1}"#, &["value~3x] 1"]),
        (r#"{"code":1,"_code":{"id":"1"}}"#, &[r#"code _[1,{"id":"1"}]"#]),
        (r#"{"code":null}"#, &["code null"]),
        (r#"{"code":{}}"#, &["code {}"]),
        (r#"{"code":[]}"#, &["code []"]),
    ] {
        assert_eq!(registers(text), expected, "{text}");
    }
}

/// A table that takes more for a choice than is one.
struct Loose;

impl Policy for Loose {
    fn element(&self, kind: &str, path: &str) -> Shape {
        POLICY.element(kind, path)
    }

    fn choice_base(&self, _kind: &str, _parent: &str, key: &str) -> Option<(&str, &str)> {
        const CHOICES: [(&str, &str, &str); 7] = [
            ("valueString", "value[x]", "String"),
            ("value", "value[x]", ""),
            ("value=a", "value[x]", "=a"),
            ("value_a", "value[x]", "_a"),
            ("valueCode", "other[x]", "Code"),
            ("valueTime", "value[x]", "Date"),
            ("valueDate", "value", "Date"),
        ];
        let row = CHOICES.iter().find(|(name, ..)| *name == key)?;
        Some((row.1, row.2))
    }

    fn groups(&self, _kind: &str) -> &[Group] {
        &[]
    }

    fn critical(&self, _kind: &str, _path: &str) -> Option<&Critical> {
        None
    }

    fn child_critical(&self, _kind: &str, _path: &str) -> &[&str] {
        &[]
    }
}

/// Only a choice that can be told apart again is written as one: a name is never lost to a table's mistake.
#[test]
fn what_could_not_be_undone_is_no_choice() {
    for (name, register) in [
        ("valueString", r#"value[x] Value("String=1")"#),
        ("value", r#"value Value("1")"#),
        ("value=a", r#"value=a Value("1")"#),
        ("value_a", r#"value_a Value("1")"#),
        ("valueCode", r#"valueCode Value("1")"#),
        ("valueTime", r#"valueTime Value("1")"#),
        ("valueDate", r#"valueDate Value("1")"#),
    ] {
        let encoder = Encoder {
            kind: "Basic",
            policy: &Loose,
        };
        let record = json(&format!(r#"{{"resourceType":"Basic","id":"b","{name}":1}}"#));
        let mut members = record.as_object().unwrap().clone();
        members.retain(|other, _| other == name);
        let fields = encoder.object("", &members);
        let lines: Vec<String> = fields
            .iter()
            .map(|(name, field)| format!("{name} {field:?}"))
            .collect();
        assert_eq!(lines, [register]);
        let key = RecordKey::new("Basic", "b").unwrap();
        let mut site = Site::new(1, key.clone());
        site.with(|at, writer, stamp| {
            *at = Record::create(key, &record, &Loose, writer, stamp).unwrap().0;
        });
        assert_eq!(site.record.view(&Loose).json, record);
    }
}
