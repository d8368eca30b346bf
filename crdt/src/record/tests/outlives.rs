//! What was written or decided inside an element outlives a removal of the element that nobody knew of, and each
//! removal is one.

use crate::conflict::{Conflict, ConflictKind};
use crate::record::Choice;
use crate::testing::{Site, json, meet, two_sites};
use chaski_json::Json;

pub(super) fn site(number: u8, of: &Site) -> Site {
    let mut site = Site::new(number, of.record.key().clone());
    site.take(of.changes());
    site
}

/// A copy of `json` with something else at a place, or nothing there.
pub(super) fn edited(json: &Json, place: &[&str], value: Option<&Json>) -> Json {
    let Some((name, rest)) = place.split_first() else {
        return value.unwrap().clone();
    };
    let mut json = json.clone();
    let removes = rest.is_empty() && value.is_none();
    match &mut json {
        Json::Array(items) => {
            let at: usize = name.parse().unwrap();
            if removes {
                items.remove(at);
            } else {
                items[at] = edited(&items[at], rest, value);
            }
        }
        Json::Object(members) => {
            let emptied = rest.len() == 1
                && value.is_none()
                && members.get(*name).and_then(Json::as_array).map(Vec::len) == Some(1);
            if removes || emptied {
                members.remove(*name);
            } else {
                let before = members.get(*name).cloned().unwrap_or_default();
                members.insert((*name).to_owned(), edited(&before, rest, value));
            }
        }
        _ => unreachable!("no place there"),
    }
    json
}

pub(super) fn listed(site: &Site) -> Vec<Conflict> {
    let view = site.view();
    view.conflicts.into_iter().chain(view.concurrent).collect()
}

/// Each place where a record says something, and every place above it that can be taken away.
const PLACES: [(&[&str], &[&[&str]]); 5] = [
    (&["birthDate"], &[]),
    (&["contact", "0", "name"], &[&["contact", "0"]]),
    (&["hospitalization", "diet"], &[&["hospitalization"]]),
    (
        &["item", "0", "item", "0", "text"],
        &[&["item", "0", "item", "0"], &["item", "0"]],
    ),
    (&["contact", "0", "telecom", "0", "rank"], &[&["contact", "0"]]),
];

const NESTED: &str = r#"{"resourceType":"Patient","id":"p1","birthDate":"0","contact":[{"name":"n","telecom":[{"value":"1","rank":0}],"gender":"g"}],
    "hospitalization":{"origin":"o","diet":"d"},"item":[{"linkId":"1","item":[{"text":"t","prefix":"p"}]}]}"#;

/// What was written there, after something above it was taken away elsewhere, is there and the removal is asked about.
fn assert_kept(site: &Site, place: &[&str], value: &Json, above: &[&str]) {
    let view = site.view();
    let pointer = format!("/{}", place.join("/"));
    assert!(!view.deleted, "{pointer} under {above:?}");
    assert_eq!(
        view.json.pointer(&pointer),
        Some(value),
        "{pointer} under {above:?}"
    );
    let element: Vec<&str> = above
        .iter()
        .copied()
        .filter(|name| name.parse::<usize>().is_err())
        .collect();
    let of_removal: Vec<String> = view
        .conflicts
        .iter()
        .filter(|conflict| conflict.kind == ConflictKind::Deleted)
        .map(|conflict| conflict.element.clone())
        .collect();
    assert_eq!(of_removal, [element.join(".")], "{pointer} under {above:?}");
}

fn take_away(site: &mut Site, place: &[&str]) {
    if place.is_empty() {
        site.delete().unwrap().unwrap();
    } else {
        let without = edited(&site.view().json, place, None);
        site.put(&without.canonical());
    }
}

#[test]
fn what_is_written_inside_outlives_a_removal_of_what_is_around_it() {
    let value = json("\"9\"");
    for (place, above) in PLACES {
        for above in above.iter().copied().chain([&[][..]]) {
            let (mut a, mut b) = two_sites(NESTED);
            a.put(&edited(&json(NESTED), place, Some(&value)).canonical());
            take_away(&mut b, above);
            meet(&mut a, &mut b);
            assert_kept(&a, place, &value, above);
            // Nothing is left of it where it is removed a second time by one who knows.
            let listed = a.view().conflicts[0].path.clone();
            a.resolve(&listed, &Choice::Delete).unwrap();
            meet(&mut a, &mut b);
            assert_eq!(b.view().conflicts, []);
        }
    }
}

/// A decision is somebody's word as much as any other: it does not go without one more.
#[test]
fn what_was_decided_inside_outlives_a_removal_of_what_is_around_it() {
    let value = |text: &str| json(&format!("\"{text}\""));
    for (place, above) in PLACES {
        for above in above.iter().copied().chain([&[][..]]) {
            let (mut a, mut b) = two_sites(NESTED);
            a.put(&edited(&json(NESTED), place, Some(&value("1"))).canonical());
            b.put(&edited(&json(NESTED), place, Some(&value("2"))).canonical());
            meet(&mut a, &mut b);
            let conflict = listed(&a)[0].clone();
            assert_eq!(listed(&a).len(), 1);
            for pick in [None, Some(0), Some(1)] {
                let (mut a, mut b) = (a.clone(), b.clone());
                let choice = match pick {
                    Some(at) => Choice::Pick(conflict.values[at].change),
                    None if place.contains(&"telecom") => Choice::Value(json(r#"{"value":"1","rank":"9"}"#)),
                    None => Choice::Value(value("9")),
                };
                a.resolve(&conflict.path, &choice).unwrap();
                let pointer = format!("/{}", place.join("/"));
                let decided = a.view().json.pointer(&pointer).unwrap().clone();
                take_away(&mut b, above);
                meet(&mut a, &mut b);
                assert_kept(&a, place, &decided, above);
            }
        }
    }
}

/// Sites that removed apart what others went on editing: each of the removals can be picked, and each removes.
#[test]
fn every_one_of_several_removals_is_a_removal() {
    for above in [&["contact", "0"][..], &["hospitalization"], &["item", "0"], &[]] {
        let (mut a, mut b) = two_sites(NESTED);
        let mut removers = [site(3, &a), site(4, &a), site(5, &a)];
        let place = [
            above,
            if above.is_empty() {
                &["language"]
            } else {
                &["note"]
            },
        ]
        .concat();
        for (edits, remover) in removers.iter_mut().enumerate() {
            take_away(remover, above);
            // Edited, and edited again by one who has heard of the removal: both removals are remembered.
            let text = edited(&a.view().json, &place, Some(&json(&format!("\"{edits}\""))));
            a.put(&text.canonical());
            meet(&mut a, remover);
        }
        let text = edited(&a.view().json, &place, Some(&json("\"last\"")));
        a.put(&text.canonical());
        meet(&mut a, &mut b);
        let conflict = a.view().conflicts[0].clone();
        let said = format!("{above:?}");
        assert_eq!(
            (a.view().conflicts.len(), conflict.values.len()),
            (1, 4),
            "{said}"
        );
        let users = |is_removal: bool| {
            let mut users: Vec<&str> = conflict
                .values
                .iter()
                .filter(|value| value.value.is_none() == is_removal)
                .map(|value| value.user.as_str())
                .collect();
            users.sort_unstable();
            users
        };
        assert_eq!(
            (users(true), users(false)),
            (vec!["user3", "user4", "user5"], vec!["user1"]),
            "{said}"
        );
        assert!(
            conflict
                .values
                .is_sorted_by(|x, y| (x.hlc, x.change) > (y.hlc, y.change)),
            "{said}"
        );
        assert!(conflict.values[conflict.safer_index].value.is_some(), "{said}");
        let is_there = |site: &Site| {
            let view = site.view();
            !view.deleted
                && (above.is_empty() || view.json.pointer(&format!("/{}", above.join("/"))).is_some())
        };
        for value in &conflict.values {
            let (mut a, mut b) = (a.clone(), b.clone());
            a.resolve(&conflict.path, &Choice::Pick(value.change)).unwrap();
            meet(&mut a, &mut b);
            for site in [&a, &b] {
                assert_eq!(is_there(site), value.value.is_some(), "{said} {}", value.user);
                assert_eq!(site.view().conflicts, [], "{said}");
            }
        }
    }
}

/// As above where the element was in dispute already, and somebody has said anew that it is there without deciding
/// that: one removal more does not take along what was written meanwhile.
#[test]
fn what_is_said_inside_what_is_in_dispute_outlives_a_second_removal() {
    let rows: [(&[&str], &str); 4] = [
        (&["contact", "0"], "name"),
        (&["hospitalization"], "diet"),
        (&["item", "0", "item", "0"], "text"),
        (&["item", "0"], "linkId"),
    ];
    let set = |site: &Site, place: &[&str], value: &str| {
        edited(&site.view().json, place, Some(&json(&format!("\"{value}\"")))).canonical()
    };
    for (above, child) in rows {
        let place = [above, &[child]].concat();
        let (mut a, mut b) = two_sites(NESTED);
        let mut c = site(3, &a);
        take_away(&mut c, above);
        let text = set(&a, &place, "one");
        a.put(&text);
        let text = set(&b, &place, "two");
        b.put(&text);
        meet(&mut a, &mut b);
        meet(&mut a, &mut c);
        let text = set(&a, &[above, &["note"]].concat(), "x");
        a.put(&text);
        meet(&mut a, &mut b);
        let open = listed(&a);
        assert_eq!(open.len(), 2, "{above:?}: {open:?}");
        let inside = open
            .iter()
            .find(|conflict| conflict.kind == ConflictKind::Register)
            .unwrap();
        let picks = inside.values.iter().map(|value| Choice::Pick(value.change));
        for choice in picks.map(Some).chain([None]) {
            let (mut a, mut b) = (a.clone(), b.clone());
            match choice {
                Some(choice) => drop(a.resolve(&inside.path, &choice).unwrap()),
                None => {
                    let text = set(&a, &place, "9");
                    a.put(&text);
                }
            }
            let pointer = format!("/{}", place.join("/"));
            let said = a.view().json.pointer(&pointer).unwrap().clone();
            take_away(&mut b, above);
            assert!(b.view().conflicts.is_empty(), "{above:?}");
            meet(&mut a, &mut b);
            assert_kept(&a, &place, &said, above);
            // Both removals are asked about.
            assert_eq!(a.view().conflicts[0].values.len(), 3, "{above:?}");
        }
    }
}

/// A line of a group that one side removed and the other edited is decided with the group, on whichever side it falls.
#[test]
fn a_group_is_decided_with_the_lines_that_are_in_dispute_inside_it() {
    let allergy =
        |members: &str| format!(r#"{{"resourceType":"AllergyIntolerance","id":"a","note":"n"{members}}}"#);
    let reaction = |lines: &str| format!(r#","criticality":"low","reaction":[{lines}]"#);
    let line = r#"{"severity":"mild","note":"a"}"#;
    let more = r#"{"severity":"mild","note":"b"}"#;
    let (mut a, mut b) = two_sites(&allergy(&reaction(&[line, more].join(","))));
    a.put(&allergy(r#","criticality":"high""#));
    let severe = r#"{"severity":"severe","note":"a"}"#;
    b.put(&allergy(&reaction(&[severe, more].join(","))));
    meet(&mut a, &mut b);
    let open = listed(&a);
    assert_eq!((open.len(), open[0].kind), (1, ConflictKind::Group));
    for value in &open[0].values {
        let members = value.value.as_ref().and_then(Json::as_object).unwrap();
        for choice in [
            Choice::Pick(value.change),
            Choice::Value(Json::from(members.clone())),
        ] {
            let (mut a, mut b) = (a.clone(), b.clone());
            a.resolve(&open[0].path, &choice).unwrap();
            let mut expected = json(&allergy(""));
            expected.as_object_mut().unwrap().extend(members.clone());
            assert_eq!((a.view().json, listed(&a)), (expected.clone(), vec![]));
            meet(&mut a, &mut b);
            assert_eq!((b.view().json, listed(&b)), (expected, vec![]));
        }
    }
}
