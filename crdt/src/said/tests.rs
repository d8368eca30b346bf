//! What is told of a change, and what is not.

use super::*;
use crate::testing::{Site, json, two_sites};

/// All that a change says, as canonical JSON, with its depth.
fn said(change: &SignedChange) -> Vec<(String, usize)> {
    let mut told = Vec::new();
    each_said(change, &|_, _| true, &mut |said| {
        told.push((said.json.canonical(), said.depth))
    })
    .unwrap();
    told.sort();
    told
}

#[test]
fn each_register_stands_alone_where_the_record_has_it() {
    let mut site = Site::new(1, "Patient/x".parse().unwrap());
    site.create(
        r#"{"resourceType":"Patient","id":"x","active":true,"_active":{"id":"a"},"valueQuantity":{"value":1.0},
            "alias":["b",null],"_alias":[{"id":"c"},{"id":"d"}],"meta":{"tag":[{"code":"t"}]},
            "contact":[{"name":{"text":"e"},"telecom":[{"value":"1"}]}]}"#,
    );
    let first = site.record.changes().next().unwrap().clone();
    let expected = [
        (r#"{"_active":{"id":"a"},"active":true}"#, 1),
        (r#"{"_alias":[{"id":"c"}],"alias":["b"]}"#, 2),
        (r#"{"_alias":[{"id":"d"}]}"#, 2),
        (r#"{"contact":[{"name":{"text":"e"}}]}"#, 3),
        (r#"{"contact":[{"telecom":[{"value":"1"}]}]}"#, 4),
        (r#"{"id":"x"}"#, 1),
        (r#"{"meta":{"tag":[{"code":"t"}]}}"#, 3),
        (r#"{"resourceType":"Patient"}"#, 1),
        (r#"{"valueQuantity":{"value":1.0}}"#, 1),
    ];
    assert_eq!(
        said(&first),
        expected.map(|(text, depth)| (text.to_owned(), depth))
    );
    let mut told = 0;
    each_said(
        &first,
        &|key, text| key == "active" && text.contains('a'),
        &mut |_| told += 1,
    )
    .unwrap();
    assert_eq!(told, 1);
}

#[test]
fn a_change_says_what_it_puts_and_nothing_of_what_it_follows() {
    let (mut site, _) = two_sites(r#"{"resourceType":"Patient","id":"x","gender":"male","status":"active"}"#);
    let change = site.put(r#"{"resourceType":"Patient","id":"x","gender":"female"}"#);
    assert_eq!(said(&change), [(r#"{"gender":"female"}"#.to_owned(), 1)]);
}

#[test]
fn a_label_alone_is_told_from_a_label_with_more() {
    let plain = r#"{"resourceType":"Patient","id":"x","gender":"male"}"#;
    let label = r#""meta":{"security":[{"code":"HIV"}]}"#;
    for (then, is_only) in [
        (
            format!(r#"{{"resourceType":"Patient","id":"x","gender":"male",{label}}}"#),
            true,
        ),
        (
            format!(r#"{{"resourceType":"Patient","id":"x","gender":"female",{label}}}"#),
            false,
        ),
        (format!(r#"{{"resourceType":"Patient","id":"x",{label}}}"#), false),
        (plain.replace("male", "female"), false),
        (
            r#"{"resourceType":"Patient","id":"x","gender":"male","meta":{"tag":[{"code":"t"}]}}"#.to_owned(),
            false,
        ),
    ] {
        let (mut site, _) = two_sites(plain);
        assert_eq!(is_label_only(&site.put(&then)).unwrap(), is_only, "{then}");
    }
    let (site, _) = two_sites(plain);
    assert!(!is_label_only(site.record.changes().next().unwrap()).unwrap());
}

fn alone(key: &str, text: &str) -> Option<Said> {
    within(key, leaf(key, text)?)
}

#[test]
fn what_no_record_shows_is_not_told() {
    for key in ["a~9b", "a/b-", "-", "name/a0-abcdefgh/a1-abcdefgh"] {
        assert_eq!(alone(key, "1"), None, "{key}");
    }
    let deep = vec!["a"; SEGMENTS_MAX + 1].join("/");
    assert_eq!(alone(&deep, "1"), None);
    assert!(alone(&deep[2..], "1").is_some());
    assert_eq!(alone("a", "{"), None);
    assert_eq!(alone("value[x]", "1"), None);
    // A choice completes to whatever its text says.
    let made = alone("subjec[x]", r#"t={"reference":"Patient/p"}"#).unwrap();
    assert_eq!(made.json, json(r#"{"subject":{"reference":"Patient/p"}}"#));
}

/// Somebody puts sixty thousand values into one register that lies as deep as can be: its key stands in the change
/// once, and what lies above is made once too.
#[test]
fn what_is_put_into_one_deep_register_is_told_in_one() {
    let deep = vec!["a"; SEGMENTS_MAX - 1].join("/");
    let shallow = "a/b";
    for (key, told_times) in [(deep.as_str(), 1), (shallow, 3)] {
        let mut told = Vec::new();
        let mut open: Option<(&str, Vec<Json>)> = None;
        for text in ["1", "2", "3"] {
            let leaf = leaf(key, text).unwrap();
            match &mut open {
                Some((_, leaves)) => leaves.push(leaf),
                None if key == shallow => close(Some((key, vec![leaf])), &mut |said| told.push(said)),
                None => open = Some((key, vec![leaf])),
            }
        }
        close(open, &mut |said| told.push(said));
        assert_eq!(told.len(), told_times);
        let all: String = told.iter().map(|said| said.json.canonical()).collect();
        assert!(["1", "2", "3"].iter().all(|text| all.contains(text)));
    }
}
