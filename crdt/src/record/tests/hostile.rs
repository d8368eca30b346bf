//! Changes of a few bytes, by members, that would cost whoever reads them much
//! more, or that would be shown as nobody can read it again.

use super::PATIENT;
use super::trust::crafted;
use crate::conflict::ConflictKind;
use crate::testing::{Site, json, two_sites, verified};
use automerge::ScalarValue;
use automerge::legacy::{Key, Op, OpType};
use chaski_json::Json;

/// A site that has taken in a change with these puts, none of which follows another.
pub(super) fn with_puts(puts: impl IntoIterator<Item = (String, ScalarValue)>) -> Site {
    let (a, mut b) = two_sites(PATIENT);
    let head = a.record.heads()[0];
    let change = crafted(&a, |change| {
        change.seq = 2;
        change.start_op = std::num::NonZeroU64::new(1_000).unwrap();
        change.deps = vec![head];
        let like = change.operations[0].clone();
        change.operations = puts
            .into_iter()
            .map(|(register, value)| Op {
                key: Key::Map(register.into()),
                action: OpType::Put(value),
                ..like.clone()
            })
            .collect();
    });
    let key = a.record.key().clone();
    let report = b.take(verified(&key, [&change]));
    assert_eq!(report.accepted.len(), 1, "{report:?}");
    b
}

pub(super) fn text(text: &str) -> ScalarValue {
    ScalarValue::Str(text.into())
}

/// A marker that is alive although this many changes removed it.
fn disputed(removals: u8) -> ScalarValue {
    let hashes = (1..=removals).flat_map(|byte| [byte; 32]);
    ScalarValue::Bytes([0, 0, 0, 1].into_iter().chain(hashes).collect())
}

/// `levels` lists one inside another, the element of each.
fn nested(levels: usize) -> impl Iterator<Item = String> {
    (1..=levels).map(|level| vec!["contact/a0-abcdefgh"; level].join("/"))
}

fn values(json: &Json) -> usize {
    match json {
        Json::Array(items) => 1 + items.iter().map(values).sum::<usize>(),
        Json::Object(members) => 1 + members.values().map(values).sum::<usize>(),
        _ => 1,
    }
}

#[test]
fn a_change_says_one_thing_of_a_register() {
    let many = (0..20_000_u64).map(|at| ("language".to_owned(), text(&at.to_string())));
    let view = with_puts(many).view();
    let [conflict] = view.concurrent.as_slice() else {
        panic!("{:?}", view.concurrent.len());
    };
    // What was there, and what this change says.
    assert_eq!(conflict.values.len(), 2);
}

#[test]
fn what_is_shown_can_be_read_again_however_deep_markers_nest() {
    for levels in [40, 49, 50, 51, 100] {
        let site = with_puts(nested(levels).map(|register| (register, ScalarValue::Uint(1))));
        let view = site.view();
        assert_eq!(chaski_json::parse_str(&view.json.canonical()), Ok(view.json));
        assert_eq!(view.issues.is_empty(), levels <= 50, "{levels} {:?}", view.issues);
    }
    // And texts: with the record's own, a level more.
    for (levels, is_read) in [(99, true), (100, false)] {
        let deep = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let site = with_puts([("a".to_owned(), text(&deep))]);
        let view = site.view();
        assert_eq!(view.issues.is_empty(), is_read, "{levels} {:?}", view.issues);
        assert_eq!(chaski_json::parse_str(&view.json.canonical()), Ok(view.json));
    }
}

#[test]
fn disputes_inside_disputes_do_not_show_the_innermost_each() {
    let innermost = format!("{}/name", nested(40).last().unwrap());
    let long = json(&format!("[{}1]", "1,".repeat(10_000)));
    let puts = nested(40)
        .map(|register| (register, disputed(1)))
        .chain([(innermost, text(&long.canonical()))]);
    let view = with_puts(puts).view();
    let listed: Vec<_> = view
        .conflicts
        .iter()
        .filter(|conflict| conflict.kind == ConflictKind::Deleted)
        .collect();
    assert_eq!(listed.len(), 40);
    let shown: usize = listed
        .iter()
        .flat_map(|conflict| &conflict.values)
        .filter_map(|value| value.value.as_ref())
        .map(values)
        .sum();
    assert!(shown < 6 * values(&long), "{shown}");
    // The outermost are shown whole: these four and none below them.
    let whole = listed.iter().filter(|conflict| {
        let living = conflict.values.iter().filter_map(|value| value.value.as_ref());
        living.map(values).sum::<usize>() > values(&long)
    });
    assert_eq!(whole.count(), 4);
    assert!(
        values(listed[0].values[0].value.as_ref().unwrap()) > values(&long) || {
            let second = listed[0].values[1].value.as_ref();
            second.is_some_and(|value| values(value) > values(&long))
        }
    );
    assert_eq!(site_again(&view.json), view.json);
}

fn site_again(json: &Json) -> Json {
    chaski_json::parse_str(&json.canonical()).unwrap()
}
