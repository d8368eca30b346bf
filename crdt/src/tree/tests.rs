//! The tree of a record's registers: its bounds, what a register's values come to, and what is read of it.

use super::*;

fn count(node: &Node) -> usize {
    let below = node.fields.values().chain(node.elements.values());
    below.map(|node| 1 + count(node)).sum()
}

#[test]
fn long_keys_do_not_make_a_tree_many_times_their_size() {
    let mut tree = Tree::default();
    for number in 0..4_000 {
        let key = format!("a{number}{}", "/b".repeat(SEGMENTS_MAX - 1));
        tree.put_single(&key, Scalar::Text("1".to_owned()));
    }
    assert!(count(&tree.root) <= 4_000 * NODES_A_REGISTER + NODES_SLACK);
    // What is left out is named.
    assert!(tree.malformed.len() > 3_900);
}

#[test]
fn registers_as_they_are_written_all_find_room() {
    let mut tree = Tree::default();
    // Nested lists, each with its marker, as deep as JSON may be.
    let mut key = String::new();
    for _ in 0..100 {
        key = crate::key::join(&key, "item/a0-abcdefgh");
        tree.put_single(&key, Scalar::Live(1));
        tree.put_single(&format!("{key}/linkId"), Scalar::Text("1".to_owned()));
    }
    for number in 0..20_000 {
        tree.put_single(&format!("name{number}/a0-abcdefgh"), Scalar::Text("1".to_owned()));
    }
    assert_eq!(tree.malformed, Vec::<String>::new());
    assert_eq!(tree.registers, 20_200);
}

#[test]
fn a_key_is_read_up_to_a_depth_that_exhausts_no_stack() {
    let deep = |segments: usize| vec!["a"; segments].join("/");
    for (segments, is_read) in [
        (1, true),
        (SEGMENTS_MAX, true),
        (SEGMENTS_MAX + 1, false),
        (900, false),
        (5_000, false),
    ] {
        for last in ["a", "a0-abcdefgh"] {
            let mut tree = Tree::default();
            let key = format!("{}{last}", deep(segments).strip_suffix('a').unwrap());
            tree.put_single(&key, Scalar::Live(1));
            assert_eq!(tree.slot(&key).is_some(), is_read, "{segments}");
            assert_eq!(tree.malformed.is_empty(), is_read, "{segments}");
            assert_eq!(count(&tree.root), if is_read { segments } else { 0 });
        }
    }
}

#[test]
fn there_is_an_end_to_what_many_registers_make() {
    let mut tree = Tree::default();
    tree.put_single("first", Scalar::Live(1));
    // As if a million had come before, which made almost all that there may be.
    tree.registers = 1_000_000;
    tree.nodes = NODES_MAX - 3;
    for (key, is_read) in [
        ("a/b/c/d", false),
        ("a/b", true),
        ("c/d", false),
        ("c", true),
        ("d", false),
        ("first", false),
    ] {
        tree.put_single(key, Scalar::Text("1".to_owned()));
        assert_eq!(!tree.malformed.iter().any(|other| other == key), is_read, "{key}");
    }
    assert_eq!(tree.nodes, NODES_MAX);
    // Keys that share their beginning make it once.
    let mut tree = Tree::default();
    for number in 0..200 {
        tree.put_single(&format!("item/a0-abcdefgh/item/a{number}-x"), Scalar::Live(1));
    }
    assert_eq!((tree.nodes, tree.registers, tree.malformed.len()), (203, 200, 0));
}

fn hashes(count: u8) -> Vec<ChangeHash> {
    (1..=count).map(|byte| ChangeHash([byte; 32])).collect()
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

#[test]
fn what_a_register_holds_is_written_as_it_is_read() {
    let again = |key: &str, scalar: &Scalar| Scalar::from_parts(key, scalar.to_automerge().into());
    for scalar in [
        text(""),
        text("\"a\""),
        Scalar::Live(0),
        Scalar::Live(1),
        Scalar::Live(u32::MAX),
        Scalar::Dead,
    ] {
        assert_eq!(again("a", &scalar), scalar);
    }
    for removals in 1..=8 {
        for count in [0, 1, 0x0102_0304, u32::MAX] {
            let scalar = Scalar::Disputed(count, hashes(removals));
            assert_eq!(again("a", &scalar), scalar);
        }
    }
    // More removals than are told apart: the first of them, which can be read.
    assert_eq!(
        again("a", &Scalar::Disputed(3, hashes(12))),
        Scalar::Disputed(3, hashes(8))
    );
    assert_eq!(again("a", &Scalar::Disputed(3, vec![])), Scalar::Other);
    let bytes = Scalar::Bytes(vec![7; 36]);
    assert_eq!(again("!group/g", &bytes), bytes);
    assert_eq!(
        again("a", &bytes),
        Scalar::Disputed(0x0707_0707, vec![ChangeHash([7; 32])])
    );
    let expected: Vec<u8> = [0, 0, 1, 2].into_iter().chain([1; 32]).chain([2; 32]).collect();
    assert_eq!(
        Scalar::Disputed(258, hashes(2)).to_automerge(),
        ScalarValue::Bytes(expected)
    );
    let read = |value: ScalarValue| Scalar::from_parts("a", value.into());
    assert_eq!(read(ScalarValue::Uint(1 << 32)), Scalar::Live(u32::MAX));
    assert_eq!(read(ScalarValue::Int(1)), Scalar::Other);
    for (scalar, is_live) in [
        (text("1"), true),
        (Scalar::Live(0), true),
        (Scalar::Disputed(1, hashes(1)), true),
        (Scalar::Bytes(vec![]), true),
        (Scalar::Dead, false),
        (Scalar::Other, false),
    ] {
        assert_eq!(scalar.is_live(), is_live, "{scalar:?}");
    }
}

fn slot(versions: &[(Scalar, u8, u64)]) -> Slot {
    let versions = versions.iter().map(|(scalar, change, hlc)| Version {
        scalar: scalar.clone(),
        change: ChangeHash([*change; 32]),
        hlc: Hlc(*hlc),
    });
    let mut slot = Slot {
        versions: versions.collect(),
        shown: 0,
    };
    slot.settle();
    slot
}

#[test]
fn a_registers_values_stand_newest_first_and_the_newest_living_one_is_shown() {
    let changes =
        |slot: &Slot| -> Vec<u8> { slot.versions.iter().map(|version| version.change.0[0]).collect() };
    let newest = slot(&[(text("1"), 1, 5), (text("2"), 2, 7), (text("3"), 3, 6)]);
    assert_eq!((changes(&newest), newest.shown()), (vec![2, 3, 1], &text("2")));
    // Of one instant the greater hash.
    let alike = slot(&[(text("1"), 1, 5), (text("3"), 3, 5), (text("2"), 2, 5)]);
    assert_eq!((changes(&alike), alike.shown()), (vec![3, 2, 1], &text("3")));
    // Equal values are one, said last by the newest.
    let equal = slot(&[
        (text("1"), 1, 5),
        (text("1"), 2, 9),
        (text("2"), 3, 7),
        (text("1"), 4, 1),
    ]);
    assert_eq!((changes(&equal), equal.shown()), (vec![2, 3], &text("1")));
    let removed = slot(&[(text("1"), 1, 5), (Scalar::Dead, 2, 9), (text("2"), 3, 7)]);
    assert_eq!((changes(&removed), removed.shown()), (vec![2, 3, 1], &text("2")));
    let unread = slot(&[(Scalar::Other, 2, 9), (text("2"), 3, 7)]);
    assert_eq!(unread.shown(), &text("2"));
    assert_eq!(
        slot(&[(Scalar::Dead, 1, 1), (Scalar::Dead, 2, 2)]).shown(),
        &Scalar::Dead
    );
    assert_eq!(Slot::default().shown(), &Scalar::Dead);
}

#[test]
fn who_removed_what_is_alive_is_named_once_each_and_in_order() {
    let removals = |versions: &[(Scalar, u8, u64)]| -> Vec<u8> {
        slot(versions).removals().iter().map(|hash| hash.0[0]).collect()
    };
    let disputed = |count: u8| Scalar::Disputed(1, hashes(count));
    assert_eq!(removals(&[(Scalar::Live(1), 5, 1), (Scalar::Dead, 4, 2)]), [4]);
    assert_eq!(removals(&[(text("1"), 5, 1), (Scalar::Dead, 4, 2)]), [4]);
    assert_eq!(removals(&[(disputed(2), 5, 1)]), [1, 2]);
    assert_eq!(removals(&[(disputed(2), 5, 1), (Scalar::Dead, 9, 2)]), [1, 2, 9]);
    assert_eq!(
        removals(&[(disputed(3), 5, 1), (disputed(2), 6, 3), (Scalar::Dead, 2, 2)]),
        [1, 2, 3]
    );
    assert_eq!(
        removals(&[(disputed(8), 5, 1), (Scalar::Dead, 9, 2)]),
        [1, 2, 3, 4, 5, 6, 7, 8]
    );
    assert_eq!(
        removals(&[(Scalar::Live(1), 5, 1), (Scalar::Live(2), 6, 2)]),
        [0; 0]
    );
    // What is alive nowhere is in no dispute.
    assert_eq!(removals(&[(Scalar::Dead, 5, 1)]), [0; 0]);
    assert_eq!(removals(&[(Scalar::Dead, 5, 1), (Scalar::Other, 6, 2)]), [0; 0]);
    let counted = slot(&[
        (disputed(2), 5, 1),
        (Scalar::Live(7), 4, 2),
        (Scalar::Live(3), 6, 3),
        (Scalar::Dead, 9, 2),
    ]);
    assert_eq!(counted.live_count(), 7);
    let counted = slot(&[(Scalar::Disputed(9, hashes(1)), 5, 1), (Scalar::Live(7), 4, 2)]);
    assert_eq!(counted.live_count(), 9);
    assert_eq!(slot(&[(text("1"), 5, 1), (Scalar::Dead, 9, 2)]).live_count(), 0);
}

/// A contact with a name and a number, in one of which something is wrong.
fn contact(record: Scalar, contact: Scalar) -> Tree {
    let mut tree = Tree::default();
    tree.put_single(RECORD_MARKER, record);
    tree.put_single("contact/a0-x", contact);
    tree.put_single("contact/a0-x/name", text("1"));
    tree.put_single("contact/a0-x/telecom/a0-y", text("2"));
    tree.put_single("!group/g", Scalar::Bytes(vec![1]));
    tree.put_single("active", text("true"));
    tree
}

const INSIDE: [&str; 2] = ["contact/a0-x/name", "contact/a0-x/telecom/a0-y"];

#[test]
fn what_stands_under_a_marker_is_gone_with_it_and_disputed_with_it() {
    let disputed = || Scalar::Disputed(1, hashes(1));
    for (record, element, is_gone, disputes) in [
        (Scalar::Live(1), Scalar::Live(1), (false, false), 0),
        (Scalar::Live(1), disputed(), (false, false), 1),
        (disputed(), disputed(), (false, false), 2),
        (disputed(), Scalar::Live(1), (false, false), 1),
        (Scalar::Live(1), Scalar::Dead, (false, true), 0),
        (Scalar::Live(1), text("{}"), (false, true), 0),
        (Scalar::Live(1), Scalar::Other, (false, true), 0),
        (Scalar::Dead, Scalar::Live(1), (true, true), 0),
        (Scalar::Dead, disputed(), (true, true), 1),
    ] {
        let said = format!("{record:?} {element:?}");
        let tree = contact(record.clone(), element.clone());
        assert_eq!(
            (tree.is_gone("active"), tree.is_gone("!group/g")),
            (is_gone.0, is_gone.0),
            "{said}"
        );
        for key in INSIDE {
            let above: Vec<bool> = tree
                .markers_above(key)
                .map(|slot| slot.shown().is_live())
                .collect();
            assert_eq!(above, [element.is_live()], "of a list each element's own: {said}");
            assert_eq!(tree.is_gone(key), is_gone.0 || is_gone.1, "{said} {key}");
            assert_eq!(tree.disputes_above(key), disputes, "{said} {key}");
        }
        assert!(!tree.is_gone(RECORD_MARKER));
        assert_eq!(tree.disputes_above(RECORD_MARKER), 0);
        assert_eq!(tree.is_gone("contact/a0-x"), is_gone.0, "{said}");
        assert_eq!(tree.is_live(), record.is_live());
        let contested: Vec<&str> = tree.contested.iter().map(String::as_str).collect();
        let expected: Vec<&str> = [(RECORD_MARKER, &record), ("contact/a0-x", &element)]
            .into_iter()
            .filter_map(|(key, scalar)| matches!(scalar, Scalar::Disputed(..)).then_some(key))
            .collect();
        assert_eq!(contested, expected);
        assert_eq!(tree.malformed.len(), usize::from(element == Scalar::Other));
    }
}

#[test]
fn a_node_is_read_where_it_or_what_stands_in_its_place_is_alive() {
    let node = |puts: &[(&str, Scalar)]| {
        let mut tree = Tree::default();
        puts.iter()
            .for_each(|(key, scalar)| tree.put_single(key, scalar.clone()));
        tree.root.at("a").is_some_and(Node::is_live)
    };
    for (puts, is_live) in [
        (vec![("a", text("1"))], true),
        (vec![("a", Scalar::Live(1))], true),
        (vec![("a", Scalar::Dead)], false),
        (vec![("a", Scalar::Other)], false),
        (vec![("a/a0-x", text("1"))], true),
        (vec![("a/a0-x", Scalar::Dead)], false),
        (vec![("a/a0-x", Scalar::Dead), ("a/a1-x", text("1"))], true),
        (vec![("a/b", text("1"))], true),
        (vec![("a/b", Scalar::Dead)], false),
        (vec![("a/b/c", text("1"))], true),
        // A list in the place of a removed value is read; children of a removed object are not.
        (vec![("a", Scalar::Dead), ("a/a0-x", text("1"))], true),
        (vec![("a", Scalar::Dead), ("a/b", text("1"))], false),
    ] {
        assert_eq!(node(&puts), is_live, "{puts:?}");
    }
}
