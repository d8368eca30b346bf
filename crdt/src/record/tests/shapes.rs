//! Whatever a member was and becomes, what is read is what was sent, in the order it was sent in.

use super::hostile::{text, with_puts};
use super::{PATIENT, patient_with, with};
use crate::change::Chunk;
use crate::conflict::ConflictKind;
use crate::testing::{Site, json, key_of, meet, two_sites};
use chaski_json::Json;

/// What a member may be; nothing where it is not there.
const FORMS: [&str; 13] = [
    "",
    "\"x\"",
    "null",
    "[]",
    "{}",
    "[\"x\"]",
    "[\"x\",\"y\",\"x\"]",
    r#"[{"gender":"m"}]"#,
    r#"[{"gender":"m","telecom":[{"value":"1"}]},"x",{"gender":"f"}]"#,
    r#"[{}]"#,
    r#"{"gender":"m"}"#,
    r#"{"gender":{"a":[1]},"telecom":[{"value":"1"}],"b":[]}"#,
    r#"{"_gender":{"id":"1"},"valueString":"v"}"#,
];

/// Of each shape that a table can give an element.
const NAMES: [&str; 7] = [
    "language",
    "alias",
    "telecom",
    "contact",
    "hospitalization",
    "meta",
    "item",
];

fn is_group(form: &str) -> bool {
    form.is_empty() || form.starts_with("{\"")
}

fn record(name: &str, form: &str) -> Json {
    let members = if form.is_empty() {
        String::new()
    } else {
        format!(r#","{name}":{form}"#)
    };
    json(&format!(
        r#"{{"resourceType":"Patient","id":"p1","active":true{members}}}"#
    ))
}

#[test]
fn a_member_becomes_what_was_sent_whatever_it_was() {
    for name in NAMES {
        for before in FORMS {
            let first = record(name, before);
            let mut site = Site::new(1, key_of(&first));
            site.create(&first.canonical());
            assert_eq!(site.view().json, first);
            for after in FORMS {
                // Nobody sends a plain value where an object without a marker belongs.
                if name == "meta" && is_group(before) != is_group(after) {
                    continue;
                }
                let mut site = site.clone();
                for record in [record(name, after), first.clone(), record(name, after)] {
                    let heads = site.record.heads();
                    let is_same = site.view().json == record;
                    let made = site.put_at(&heads, &record.canonical()).unwrap();
                    assert_eq!(made.is_none(), is_same, "{name}: {before} → {after}");
                    let view = site.view();
                    assert_eq!(view.json, record, "{name}: {before} → {after}");
                    assert!(
                        view.conflicts.is_empty() && view.concurrent.is_empty() && view.issues.is_empty()
                    );
                }
            }
        }
    }
}

fn objects(levels: usize) -> String {
    format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
}

/// As deep as any text that is taken in may be: nothing of it is left out when it is read.
#[test]
fn what_is_as_deep_as_it_may_be_is_read_whole() {
    type Text = fn(&str) -> String;
    let places: [(Text, usize); 11] = [
        (|deep| format!(r#""language":{deep}"#), 99),
        (|deep| format!(r#""_language":{deep}"#), 99),
        (|deep| format!(r#""language":"x","_language":{deep}"#), 99),
        (|deep| format!(r#""valueString":{deep}"#), 99),
        (|deep| format!(r#""valueString":"x","_valueString":{deep}"#), 99),
        (|deep| format!(r#""alias":[{deep}]"#), 98),
        (|deep| format!(r#""alias":["x"],"_alias":[{deep}]"#), 98),
        (|deep| format!(r#""hospitalization":{{"diet":{deep}}}"#), 98),
        (|deep| format!(r#""contact":[{{"name":{deep}}}]"#), 97),
        (|deep| format!(r#""contact":[{{"telecom":[{deep}]}}]"#), 96),
        (|deep| format!(r#""meta":{{"x":{deep}}}"#), 98),
    ];
    for (place, levels) in places {
        let text = |levels| {
            format!(
                r#"{{"resourceType":"Patient","id":"p1",{}}}"#,
                place(&objects(levels))
            )
        };
        assert!(
            chaski_json::parse_str(&text(levels + 1)).is_err(),
            "{}",
            place("")
        );
        let record = json(&text(levels));
        let mut site = Site::new(1, key_of(&record));
        site.create(&record.canonical());
        let view = site.view();
        assert_eq!(
            (view.issues, view.json),
            (vec![], record.clone()),
            "{}",
            place("")
        );
        let (mut other, _) = two_sites(r#"{"resourceType":"Patient","id":"p1"}"#);
        other.put(&record.canonical());
        assert_eq!(other.view().json, record, "{}", place(""));
    }
}

#[test]
fn what_stands_side_by_side_is_not_one_inside_another() {
    let contact = |number: usize| {
        format!(
            r#"{{"name":{{"text":"{number}"}},"telecom":[{{"value":"{number}"}}],"item":[{{"linkId":"{number}"}}]}}"#
        )
    };
    let contacts: Vec<String> = (0..130).map(contact).collect();
    let lists: Vec<String> = (0..130)
        .map(|number| format!(r#""list{number}":[{number},[{number}]]"#))
        .collect();
    let text = format!(
        r#"{{"resourceType":"Patient","id":"p1","contact":[{}],{}}}"#,
        contacts.join(","),
        lists.join(",")
    );
    let record = json(&text);
    let mut site = Site::new(1, key_of(&record));
    site.create(&text);
    let view = site.view();
    assert_eq!((view.issues, view.json), (vec![], record));
}

fn numbers(items: &[usize]) -> String {
    let items: Vec<String> = items.iter().map(|n| format!(r#"{{"value":"{n}"}}"#)).collect();
    patient_with("telecom", &format!("[{}]", items.join(",")))
}

fn shown(site: &Site) -> Vec<usize> {
    let view = site.view();
    let items = view
        .json
        .get("telecom")
        .and_then(Json::as_array)
        .cloned()
        .unwrap_or_default();
    let number = |item: &Json| item.get("value").and_then(Json::as_str).unwrap().parse().unwrap();
    items.iter().map(number).collect()
}

fn orders(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |at: usize| {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        orders(&rest)
            .into_iter()
            .map(move |order| [vec![first], order].concat())
    };
    (0..items.len()).flat_map(with_first).collect()
}

/// The length of the longest run of elements in order.
fn longest_run(order: &[usize]) -> usize {
    (0..1_usize << order.len())
        .map(|chosen| {
            order
                .iter()
                .enumerate()
                .filter(|(at, _)| chosen >> at & 1 == 1)
                .map(|(_, n)| *n)
                .collect()
        })
        .filter(|run: &Vec<usize>| run.is_sorted())
        .map(|run| run.len())
        .max()
        .unwrap_or(0)
}

/// Only what moves is another element afterwards: whoever edits the others meanwhile edits the same.
#[test]
fn a_list_is_put_in_any_order_and_moves_no_more_than_it_must() {
    let (site, _) = two_sites(&numbers(&[1, 2, 3, 4, 5]));
    for order in orders(&[1, 2, 3, 4, 5]) {
        let mut site = site.clone();
        let heads = site.record.heads();
        let made = site.put_at(&heads, &numbers(&order)).unwrap();
        assert_eq!(shown(&site), order);
        let moved = order.len() - longest_run(&order);
        // Of each that moved a removal and an addition, and the record's marker.
        let puts = made.map(|change| Chunk::parse(&change.bytes).unwrap().ops);
        let expected = if moved == 0 {
            None
        } else {
            Some(2 * moved as u64 + 1)
        };
        assert_eq!(puts, expected, "{order:?}");
    }
}

#[test]
fn what_is_put_into_a_list_stands_where_it_was_put() {
    let (site, _) = two_sites(&numbers(&[1, 2, 3]));
    for first in 0..=3 {
        for second in 0..=4 {
            for third in 0..=5 {
                let mut items = vec![1, 2, 3];
                items.insert(first, 7);
                items.insert(second, 8);
                items.insert(third, 9);
                let mut at_once = site.clone();
                let made = at_once.put(&numbers(&items));
                assert_eq!(Chunk::parse(&made.bytes).unwrap().ops, 4);
                assert_eq!(shown(&at_once), items);
                // And one after another.
                let mut one_by_one = site.clone();
                let rank = |n: &usize| [7, 8, 9].iter().position(|new| new == n);
                for step in 0..3 {
                    let so_far: Vec<usize> = items
                        .iter()
                        .copied()
                        .filter(|n| rank(n).is_none_or(|at| at <= step))
                        .collect();
                    one_by_one.put(&numbers(&so_far));
                    assert_eq!(shown(&one_by_one), so_far);
                }
            }
        }
    }
}

/// Two elements edited at once are told apart by what identifies them.
#[test]
fn elements_that_are_edited_together_stay_who_they_are() {
    let part = |code: &str, members: &str| format!(r#"{{"code":"{code}"{members}}}"#);
    let record = |parts: &[String]| {
        format!(
            r#"{{"resourceType":"Observation","id":"o","component":[{}]}}"#,
            parts.join(",")
        )
    };
    let old = r#","valueString":"1""#;
    let (mut a, mut b) = two_sites(&record(&[part("A", old), part("B", old)]));
    let new = r#","valueString":"2""#;
    a.put(&record(&[part("A", new), part("B", new)]));
    b.put(&record(&[
        part("A", r#","note":"n","valueString":"1""#),
        part("B", old),
    ]));
    meet(&mut a, &mut b);
    let both = json(&record(&[
        part("A", r#","note":"n","valueString":"2""#),
        part("B", new),
    ]));
    assert_eq!(a.view().json, both);
    assert!(a.view().conflicts.is_empty() && a.view().concurrent.is_empty());

    let phone = |value: &str, members: &str| format!(r#"{{"system":"phone","value":"{value}"{members}}}"#);
    let phones = |items: &[String]| patient_with("telecom", &format!("[{}]", items.join(",")));
    let (mut a, mut b) = two_sites(&phones(&[phone("1", ""), phone("2", "")]));
    a.put(&phones(&[phone("1", r#","rank":1"#), phone("2", r#","rank":2"#)]));
    b.put(&phones(&[phone("1", r#","use":"old""#), phone("2", "")]));
    meet(&mut a, &mut b);
    let listed = a.view().conflicts;
    assert_eq!((listed.len(), listed[0].kind), (1, ConflictKind::Register));
    assert_eq!(
        a.view()
            .json
            .get("telecom")
            .and_then(Json::as_array)
            .map(Vec::len),
        Some(2)
    );
}

fn tagged(codes: &[&str]) -> String {
    let tags: Vec<String> = codes
        .iter()
        .map(|code| format!(r#"{{"code":"{code}"}}"#))
        .collect();
    patient_with("meta", &format!(r#"{{"tag":[{}]}}"#, tags.join(",")))
}

fn tags(site: &Site) -> Vec<String> {
    let view = site.view();
    let tags = view
        .json
        .pointer("/meta/tag")
        .and_then(Json::as_array)
        .cloned()
        .unwrap_or_default();
    tags.iter()
        .map(|tag| tag.get("code").and_then(Json::as_str).unwrap().to_owned())
        .collect()
}

#[test]
fn a_set_keeps_its_order_its_equals_and_what_comes_back() {
    let (mut a, mut b) = two_sites(&tagged(&["s", "s", "t"]));
    assert_eq!(tags(&a), ["s", "s", "t"]);
    let heads = a.record.heads();
    assert_eq!(
        a.put_at(&heads, &tagged(&["t", "s"])),
        Ok(None),
        "nothing is added"
    );
    let all = ["s", "s", "t", "z", "y", "x", "w", "v", "u"];
    a.put(&tagged(&["u", "s", "z"]));
    assert_eq!(tags(&a), ["s", "s", "t", "u", "z"]);
    b.put(&tagged(&all));
    assert_eq!(tags(&b), all);
    meet(&mut a, &mut b);
    let mut met = tags(&a);
    met.sort();
    assert_eq!(met, ["s", "s", "t", "u", "v", "w", "x", "y", "z"]);
    // Both equals go, and one comes back, said at both sites.
    a.set_remove("meta.tag", r#"{"code":"s"}"#).unwrap();
    meet(&mut a, &mut b);
    assert!(!tags(&b).contains(&"s".to_owned()));
    a.put(&tagged(&["s"]));
    b.put(&tagged(&["s", "r"]));
    meet(&mut a, &mut b);
    assert_eq!(tags(&a).iter().filter(|tag| *tag == "s").count(), 1);
    assert!(tags(&a).contains(&"r".to_owned()));
}

/// Who takes a label away from a record that is deleted meanwhile has said that it is there.
#[test]
fn a_label_taken_away_stands_against_a_deletion() {
    let (mut a, mut b) = two_sites(&tagged(&["s", "t"]));
    a.set_remove("meta.tag", r#"{"code":"s"}"#).unwrap();
    b.delete().unwrap().unwrap();
    meet(&mut a, &mut b);
    let view = a.view();
    assert!(!view.deleted);
    assert_eq!(
        (view.conflicts.len(), view.conflicts[0].path.as_str()),
        (1, "!record")
    );
    assert_eq!(tags(&a), ["t"]);
    // Another one taken away in passing does not decide it.
    a.set_remove("meta.tag", r#"{"code":"t"}"#).unwrap();
    meet(&mut a, &mut b);
    let listed = b.view().conflicts;
    assert_eq!((listed.len(), listed[0].values.len(), tags(&b).len()), (1, 2, 0));
}

/// A list may say the same twice, a set may not: two sites that add alike at different places of a list mean two.
#[test]
fn what_two_sites_add_alike_to_a_list_is_two_and_each_can_be_edited() {
    let phones = |items: &[&str]| patient_with("telecom", &format!("[{}]", items.join(",")));
    let [one, new, edited] = [
        r#"{"system":"phone","value":"1"}"#,
        r#"{"system":"phone","value":"2"}"#,
        r#"{"system":"phone","value":"2","rank":1}"#,
    ];
    let (mut a, mut b) = two_sites(&phones(&[one]));
    a.put(&phones(&[one, r#"{"system":"fax","value":"3"}"#, new]));
    b.put(&phones(&[one, new]));
    meet(&mut a, &mut b);
    let values = |site: &Site| shown(site);
    let mut both = values(&a);
    both.sort_unstable();
    assert_eq!(both, [1, 2, 2, 3]);
    // One of them is edited: the other is still there as it was.
    let shown = a.view().json.get("telecom").unwrap().canonical();
    let once = shown.replacen(new, edited, 1);
    assert_ne!(once, shown);
    a.put(&patient_with("telecom", &once));
    meet(&mut a, &mut b);
    let told = b.view().json.get("telecom").unwrap().clone();
    assert_eq!(told, json(&once));
    assert_eq!(told.as_array().unwrap().len(), 4);
}

/// What belongs to the server is left alone wherever it came from.
#[test]
fn what_is_not_replicated_is_not_removed_by_who_does_not_say_it() {
    let mut site = with_puts([("meta/versionId".to_owned(), text("\"7\""))]);
    let version = |site: &Site| site.view().json.pointer("/meta/versionId").cloned();
    assert_eq!(version(&site), Some(json("\"7\"")));
    for value in ["\"qu\"", "\"ay\""] {
        site.put(&with(PATIENT, "language", value));
        assert_eq!(version(&site), Some(json("\"7\"")));
    }
    let heads = site.record.heads();
    let shown = site.shown();
    assert_eq!(site.put_at(&heads, &shown), Ok(None));
}
