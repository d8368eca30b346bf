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

/// A change with these puts and no other, as somebody may make one by hand.
fn of_puts(puts: &[(&str, &str)]) -> SignedChange {
    use automerge::transaction::Transactable;
    let actor = automerge::ActorId::from([7_u8; 17].as_slice());
    let mut doc = automerge::AutoCommit::new().with_actor(actor);
    for (key, text) in puts {
        doc.put(automerge::ROOT, *key, *text).unwrap();
    }
    doc.commit();
    let mut site = Site::new(1, "Patient/x".parse().unwrap());
    site.create(r#"{"resourceType":"Patient","id":"x"}"#);
    let mut change = site.record.changes().next().unwrap().clone();
    change.bytes = doc.get_last_local_change().unwrap().raw_bytes().to_vec();
    change
}

/// Somebody puts sixty thousand values into one register that lies as deep as can be: its key stands in the change
/// once, and what lies above is made once too.
#[test]
fn what_is_put_into_one_deep_register_is_told_in_one() {
    let at = |depth: usize, last: &str| format!("{}/{last}", vec!["a"; depth - 1].join("/"));
    for (depth, times) in [
        (2, 4),
        (DEPTH_TOLD_ONCE - 1, 4),
        (DEPTH_TOLD_ONCE, 2),
        (SEGMENTS_MAX, 2),
    ] {
        let (one, other) = (at(depth, "b"), at(depth, "c"));
        let change = of_puts(&[(&one, "1"), (&one, "2"), (&one, "3"), (&other, "4")]);
        let told = said(&change);
        assert_eq!(told.len(), times, "at {depth}: {told:?}");
        let all: String = told.iter().map(|(json, _)| json.as_str()).collect();
        assert!(
            ["1", "2", "3", "4"].iter().all(|text| all.contains(text)),
            "{all}"
        );
        assert!(told.iter().all(|(_, own)| *own == depth));
    }
}

/// A label in pieces: the system in one register, the code in another; no record shows it otherwise than as it stands.
#[test]
fn a_label_is_told_by_its_whole_register_and_by_each_piece() {
    let element = "a0-abcdefgh";
    let pieces = of_puts(&[
        (&format!("meta/security/{element}/system"), "\"s\""),
        (&format!("meta/security/{element}/code"), "\"HIV\""),
    ]);
    let told: Vec<usize> = said(&pieces).into_iter().map(|(_, depth)| depth).collect();
    assert!(told.iter().all(|depth| *depth > 3), "{told:?}");
    assert!(!is_label_only(&pieces).unwrap());
    for key in [
        "meta",
        "meta/security",
        RECORD_MARKER,
        &format!("meta/security/{element}"),
    ] {
        assert!(is_of_labels(key), "{key}");
    }
    for key in [
        "meta/tag",
        "meta/security/x",
        &format!("meta/security/{element}/code"),
        "gender",
        "metas",
    ] {
        assert!(!is_of_labels(key), "{key}");
    }
}

#[test]
fn labels_are_added_to_what_is_there_whatever_stands_in_their_place() {
    use crate::record::with_labels;
    let label = json(r#"{"code":"HIV"}"#);
    for (before, after) in [
        (
            r#"{"id":"x"}"#,
            r#"{"id":"x","meta":{"security":[{"code":"HIV"}]}}"#,
        ),
        (
            r#"{"meta":{"source":"s"}}"#,
            r#"{"meta":{"security":[{"code":"HIV"}],"source":"s"}}"#,
        ),
        (
            r#"{"meta":{"security":[{"code":"R"}]}}"#,
            r#"{"meta":{"security":[{"code":"R"},{"code":"HIV"}]}}"#,
        ),
        (
            r#"{"meta":{"security":[{"code":"HIV"}]}}"#,
            r#"{"meta":{"security":[{"code":"HIV"}]}}"#,
        ),
        (
            r#"{"meta":{"security":"odd"}}"#,
            r#"{"meta":{"security":[{"code":"HIV"}]}}"#,
        ),
        (r#"{"meta":"odd"}"#, r#"{"meta":{"security":[{"code":"HIV"}]}}"#),
    ] {
        let labelled = with_labels(json(before), std::slice::from_ref(&label)).unwrap();
        assert_eq!(labelled, json(after), "{before}");
        assert_eq!(with_labels(json(before), &[]), Some(json(before)));
    }
    assert_eq!(with_labels(json("[]"), std::slice::from_ref(&label)), None);
}

#[test]
fn a_record_is_labelled_by_a_change_that_says_nothing_else_and_only_once() {
    let (mut site, _) = two_sites(r#"{"resourceType":"Patient","id":"x","gender":"male"}"#);
    let labels = [json(r#"{"code":"HIV"}"#)];
    let mut label = || {
        site.with(|record, writer, stamp| {
            let heads = record.heads();
            record
                .label(&heads, &labels, crate::testing::POLICY, writer, stamp)
                .unwrap()
        })
    };
    let change = label().expect("a change");
    assert!(is_label_only(&change).unwrap());
    assert_eq!(label(), None);
}
