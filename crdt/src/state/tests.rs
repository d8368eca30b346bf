//! What is shown of a disputed group, by tables of more than one rank; and which segment is whose.

use super::*;
use crate::key::RecordKey;
use crate::policy::{Critical, Shape};
use crate::record::{Record, View};
use crate::testing::{POLICY, Site, json};

/// The elements of the other tests, a group of ranked members among them.
struct Ranked;

impl Policy for Ranked {
    fn element(&self, kind: &str, path: &str) -> Shape {
        POLICY.element(kind, path)
    }

    fn choice_base(&self, kind: &str, parent: &str, key: &str) -> Option<(&str, &str)> {
        POLICY.choice_base(kind, parent, key)
    }

    fn groups(&self, _kind: &str) -> &[Group] {
        &[Group {
            name: "end",
            members: &["deceased[x]", "status", "active", "note"],
        }]
    }

    fn critical(&self, kind: &str, path: &str) -> Option<&Critical> {
        POLICY.critical(kind, path)
    }

    fn child_critical(&self, kind: &str, path: &str) -> &[&str] {
        POLICY.child_critical(kind, path)
    }
}

fn record(members: &str) -> Json {
    json(&format!(r#"{{"resourceType":"Person","id":"p"{members}}}"#))
}

/// What two sites show that wrote these apart, the first one later or earlier.
fn shown(here: &str, there: &str, here_later: bool) -> View {
    let key = RecordKey::new("Person", "p").unwrap();
    let (mut a, mut b) = (Site::new(1, key.clone()), Site::new(2, key.clone()));
    a.with(|at, writer, stamp| {
        *at = Record::create(key, &record(""), &Ranked, writer, stamp)
            .unwrap()
            .0;
    });
    b.take(a.changes());
    let (ta, tb) = if here_later { (9, 8) } else { (8, 9) };
    for (site, ms, members) in [(&mut a, ta, here), (&mut b, tb, there)] {
        let heads = site.record.heads();
        site.at(ms * 1_000_000).with(|at, writer, stamp| {
            at.update(&heads, &record(members), &Ranked, writer, stamp)
                .unwrap()
                .unwrap();
        });
    }
    a.take(b.changes());
    b.take(a.changes());
    assert_eq!(a.record.view(&Ranked), b.record.view(&Ranked));
    a.record.view(&Ranked)
}

#[test]
fn of_a_group_the_side_is_shown_that_is_safer_by_its_first_member_that_tells() {
    let dead = r#","deceasedBoolean":true"#;
    let alive = r#","deceasedBoolean":false"#;
    let since = r#","deceasedDateTime":"2020""#;
    let [active, held, stopped] = [
        r#","status":"active""#,
        r#","status":"on-hold""#,
        r#","status":"stopped""#,
    ];
    let [yes, no] = [r#","active":true"#, r#","active":false"#];
    let all = |members: &[&str]| members.concat();
    // The safer side stands first.
    for (safer, other) in [
        (all(&[alive]), all(&[dead])),
        (all(&[alive]), all(&[since])),
        (all(&[r#","note":"1""#]), all(&[dead])),
        (all(&[r#","note":"1""#]), all(&[alive])),
        (all(&[active]), all(&[stopped])),
        (all(&[active]), all(&[held])),
        (all(&[held]), all(&[stopped])),
        (all(&[stopped]), all(&[r#","note":"1""#])),
        (all(&[yes]), all(&[no])),
        // An earlier member decides, whatever the later ones would.
        (all(&[alive, stopped]), all(&[dead, active])),
        (all(&[alive, stopped, no]), all(&[dead, active, yes])),
        (all(&[active, no]), all(&[stopped, yes])),
        (all(&[active, no]), all(&[held, yes])),
        // Of those that say the same the next one decides.
        (all(&[alive, active, no]), all(&[alive, held, yes])),
        (all(&[dead, active, yes]), all(&[dead, active, no])),
        (all(&[dead, held, no]), all(&[since, stopped, no])),
    ] {
        for here_later in [true, false] {
            for (here, there) in [(&safer, &other), (&other, &safer)] {
                let said = format!("{safer} against {other}, later: {here_later}");
                let view = shown(here, there, here_later);
                assert_eq!(view.json, record(&safer), "{said}");
                let [conflict] = view.conflicts.as_slice() else {
                    panic!("{said}: {:?}", view.conflicts);
                };
                assert_eq!(
                    (conflict.path.as_str(), conflict.element.as_str()),
                    ("!group/end", "end")
                );
                assert!(conflict.critical && conflict.kind == ConflictKind::Group);
                assert!(conflict.values[0].hlc > conflict.values[1].hlc, "newest first");
                let mut whole = record("");
                let members = conflict.values[conflict.safer_index].value.clone().unwrap();
                whole
                    .as_object_mut()
                    .unwrap()
                    .extend(members.as_object().unwrap().clone());
                assert_eq!(whole, view.json, "{said}");
            }
        }
    }
}

#[test]
fn of_a_group_that_no_table_tells_apart_the_newest_is_shown() {
    let [one, two] = [r#","note":"1""#, r#","note":"2""#];
    for here_later in [true, false] {
        let newest = if here_later { one } else { two };
        assert_eq!(shown(one, two, here_later).json, record(newest));
        let [one, two] = [one, two].map(|note| format!(r#"{note},"status":"active""#));
        let newest = if here_later { &one } else { &two };
        assert_eq!(shown(&one, &two, here_later).json, record(newest));
    }
}

#[test]
fn a_segment_is_of_a_group_if_it_holds_one_of_its_members() {
    let group = Group {
        name: "g",
        members: &["status", "value[x]", "a/b"],
    };
    for (segment, is_in) in [
        ("status", true),
        ("value[x]", true),
        ("a~1b", true),
        ("value", false),
        ("status[x]", false),
        ("a/b", true),
        ("valueString", false),
        ("note", false),
        ("~9", false),
        ("", false),
    ] {
        assert_eq!(is_member(&group, segment), is_in, "{segment}");
    }
    let segments = group.members.iter().map(|member| member_segment(member));
    assert_eq!(segments.collect::<Vec<_>>(), ["status", "value[x]", "a~1b"]);
}
