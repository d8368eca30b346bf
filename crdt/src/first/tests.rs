use super::*;
use crate::barrier::{apply, decode_bytes, survives};
use crate::change::{ChangeHash, hash_of, open};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ROOT, ReadDoc, ScalarValue};
use proptest::prelude::*;
use std::collections::BTreeMap;

const ACTOR: [u8; ACTOR_BYTES] = [9; ACTOR_BYTES];

/// What Automerge makes of the same puts in the same order.
fn automerge_writes(first: &First, time: i64, message: &str) -> Vec<u8> {
    let mut doc = Automerge::new().with_actor(ActorId::from(ACTOR));
    let mut transaction = doc.transaction();
    for (key, scalar) in &first.registers {
        transaction
            .put(ROOT, key.as_str(), scalar.to_automerge())
            .unwrap();
    }
    let options = CommitOptions::default().with_time(time).with_message(message);
    let hash = transaction.commit_with(options).0.unwrap();
    doc.get_change_by_hash(&hash).unwrap().raw_bytes().to_vec()
}

fn document_of(bytes: &[u8]) -> Option<(Automerge, Vec<ChangeHash>)> {
    let mut doc = Automerge::new();
    crate::barrier::barrier(|| apply(&mut doc, vec![decode_bytes(bytes)?]))??;
    Some((doc, vec![hash_of(bytes).ok()?]))
}

fn key_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,12}", "[a-z]{1,6}/a[0-9]-[A-Za-z0-9_-]{8}", "\\PC{1,40}"]
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        4 => "\\PC{0,30}".prop_map(Scalar::Text),
        1 => "[ab]{0,200}".prop_map(Scalar::Text),
        2 => any::<u32>().prop_map(Scalar::Live),
        2 => (0_u32..3).prop_map(Scalar::Live),
    ]
}

fn first(most: usize) -> impl Strategy<Value = First> {
    let registers = proptest::collection::btree_map(key_text(), scalar(), 1..most);
    let groups =
        proptest::collection::btree_map("[a-z]{1,8}", proptest::collection::vec(any::<u8>(), 0..20), 0..3);
    (registers, groups).prop_map(|(registers, groups)| {
        let mut all: BTreeMap<String, Scalar> = registers;
        all.extend(
            groups
                .into_iter()
                .map(|(name, bytes)| (format!("{GROUP_PREFIX}{name}"), Scalar::Bytes(bytes))),
        );
        let of_group = |key: &String, scalar: &Scalar| {
            !key.starts_with(GROUP_PREFIX) || matches!(scalar, Scalar::Bytes(_))
        };
        all.retain(|key, scalar| of_group(key, scalar));
        all.insert("resourceType".to_owned(), Scalar::Text("\"Patient\"".to_owned()));
        First::of(all.into_iter().collect()).unwrap()
    })
}

proptest! {
    #![proptest_config(crate::testing::cases(300))]

    #[test]
    fn it_writes_what_automerge_writes(
        first in first(60),
        time in 0..=i64::MAX,
        message in "\\PC{0,40}",
    ) {
        let bytes = first.write(&ACTOR, time, &message);
        prop_assert_eq!(&bytes, &automerge_writes(&first, time, &message));
        let chunk = Chunk::parse(&bytes).unwrap();
        prop_assert_eq!(First::read(&bytes, &chunk), Some(first));
    }

    /// The claim that lets a first change pass by Automerge: whatever was done to
    /// it, if it is read here then it applies, saves and loads, and says the same.
    #[test]
    fn what_it_reads_automerge_takes_in(
        first in first(12),
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let whole = first.write(&ACTOR, 5, "m");
        let (_, body) = open(&whole).unwrap();
        let mut body = body.to_vec();
        for (at, byte) in edits {
            let at = at.index(body.len());
            if let Some(slot) = body.get_mut(at) {
                *slot = byte;
            }
        }
        let bytes = seal(&body);
        if let Ok(chunk) = Chunk::parse(&bytes)
            && let Some(read) = First::read(&bytes, &chunk)
        {
            let (doc, heads) = document_of(&bytes).expect("Automerge applies it");
            prop_assert!(survives(&doc, &heads));
            prop_assert_eq!(Tree::read(&doc, None, &|_| Default::default()), read.tree());
        }
    }
}

#[test]
fn many_registers_are_one_stretch() {
    let registers: Vec<(String, Scalar)> = (0..20_000)
        .map(|at| (format!("k{at:06}"), Scalar::Text(format!("{}", at % 7))))
        .collect();
    let first = First::of(registers).unwrap();
    let bytes = first.write(&ACTOR, 1, "");
    assert_eq!(bytes, automerge_writes(&first, 1, ""));
    assert_eq!(First::read(&bytes, &Chunk::parse(&bytes).unwrap()), Some(first));
}

#[test]
fn puts_in_any_order_are_read_by_key() {
    let registers = ["b", "a", "c"].map(|key| (key.to_owned(), Scalar::Live(1)));
    let unsorted = First {
        registers: registers.to_vec(),
    };
    let bytes = automerge_writes(&unsorted, 1, "");
    let read = First::read(&bytes, &Chunk::parse(&bytes).unwrap()).unwrap();
    assert!(is_ascending(&read.registers) && read.registers.len() == 3);
}

#[test]
fn what_is_no_plain_first_change_is_left_to_automerge() {
    let read = |bytes: &[u8]| First::read(bytes, &Chunk::parse(bytes).unwrap());
    let change = |doc: &mut automerge::AutoCommit| doc.get_last_local_change().unwrap().raw_bytes().to_vec();
    let document = || automerge::AutoCommit::new().with_actor(ActorId::from(ACTOR));
    // A register put twice, a number of another type, a second change.
    let mut twice = document();
    twice.put(ROOT, "a", "1").unwrap();
    twice.put(ROOT, "a", "2").unwrap();
    assert_eq!(read(&change(&mut twice)), None);
    let mut other = document();
    other.put(ROOT, "a", 1_i64).unwrap();
    assert_eq!(read(&change(&mut other)), None);
    let mut second = document();
    second.put(ROOT, "a", "1").unwrap();
    assert!(read(&change(&mut second)).is_some());
    second.put(ROOT, "b", "1").unwrap();
    assert_eq!(read(&change(&mut second)), None);
}

#[test]
fn only_what_can_begin_a_record_is_read_as_its_first_change() {
    let first = First::of(vec![("a".to_owned(), Scalar::Text("1".to_owned()))]).unwrap();
    let whole = first.write(&ACTOR, 1, "");
    let (_, body) = open(&whole).unwrap();
    // The number of dependencies, and the actor with its length, stand before what is changed here.
    let (actor, rest) = body[1..].split_at(1 + ACTOR_BYTES);
    let read = |seq: u8, start_op: u8, deps: u8| {
        let mut made = vec![deps];
        (0..deps).for_each(|dep| made.extend([dep; 32]));
        made.extend_from_slice(actor);
        made.extend([seq, start_op]);
        made.extend_from_slice(&rest[2..]);
        let bytes = seal(&made);
        let chunk = Chunk::parse(&bytes).unwrap();
        let head = (chunk.seq, chunk.start_op, chunk.deps.len());
        assert_eq!(head, (u64::from(seq), u64::from(start_op), usize::from(deps)));
        First::read(&bytes, &chunk)
    };
    assert_eq!(read(1, 1, 0), Some(first.clone()));
    for (seq, start_op, deps) in [
        (2, 1, 0),
        (5, 1, 0),
        (127, 1, 0),
        (1, 2, 0),
        (1, 127, 0),
        (1, 1, 1),
        (1, 1, 2),
    ] {
        assert_eq!(read(seq, start_op, deps), None, "{seq} {start_op} {deps}");
    }
}

#[test]
fn a_change_that_says_two_things_of_a_register_is_left_to_automerge() {
    for keys in [["a", "a", "b"], ["a", "b", "a"], ["b", "a", "a"], ["a", "a", "a"]] {
        for texts in [["1", "2", "3"], ["1", "1", "1"]] {
            let registers = keys.iter().zip(texts);
            let unlike = First {
                registers: registers
                    .map(|(key, text)| ((*key).to_owned(), Scalar::Text(text.to_owned())))
                    .collect(),
            };
            let bytes = unlike.write(&ACTOR, 1, "");
            assert_eq!(
                First::read(&bytes, &Chunk::parse(&bytes).unwrap()),
                None,
                "{keys:?} {texts:?}"
            );
            assert_eq!(First::of(unlike.registers), None);
        }
    }
}

#[test]
fn what_no_new_record_holds_is_not_written_as_one() {
    let register = |key: &str, scalar: &Scalar| (key.to_owned(), scalar.clone());
    let text = Scalar::Text("1".to_owned());
    let bytes = Scalar::Bytes(vec![1; 8]);
    let is_taken = |registers: &[(String, Scalar)]| First::of(registers.to_vec()).is_some();
    let group = format!("{GROUP_PREFIX}g");
    assert!(is_taken(&[
        register(&group, &bytes),
        register("a", &text),
        register("b", &Scalar::Live(1))
    ]));
    assert!(!is_taken(&[register("b", &text), register("a", &text)]));
    for scalar in [
        bytes,
        Scalar::Dead,
        Scalar::Other,
        Scalar::Disputed(1, vec![ChangeHash([1; 32])]),
    ] {
        assert!(!is_taken(&[register("a", &scalar)]), "{scalar:?}");
        assert!(
            !is_taken(&[register("a", &text), register("b", &scalar)]),
            "{scalar:?}"
        );
    }
}

#[test]
fn a_value_that_this_version_does_not_write_is_left_to_automerge() {
    let read = |key: &str, value: ScalarValue| {
        let mut doc = automerge::AutoCommit::new().with_actor(ActorId::from(ACTOR));
        doc.put(ROOT, "\u{1}", "before").unwrap();
        doc.put(ROOT, key, value).unwrap();
        let bytes = doc.get_last_local_change().unwrap().raw_bytes().to_vec();
        First::read(&bytes, &Chunk::parse(&bytes).unwrap()).is_some()
    };
    let group = format!("{GROUP_PREFIX}g");
    let most = u64::from(u32::MAX);
    for (key, value, is_read) in [
        ("a", ScalarValue::Str("x".into()), true),
        ("a", ScalarValue::Uint(0), true),
        ("a", ScalarValue::Uint(most), true),
        ("a", ScalarValue::Uint(most + 1), false),
        ("a", ScalarValue::Uint(u64::MAX), false),
        ("a", ScalarValue::Int(1), false),
        ("a", ScalarValue::F64(1.0), false),
        ("a", ScalarValue::Boolean(true), false),
        ("a", ScalarValue::Boolean(false), false),
        ("a", ScalarValue::Null, false),
        ("a", ScalarValue::Timestamp(1), false),
        ("a", ScalarValue::Bytes(vec![0; 36]), false),
        (&group, ScalarValue::Bytes(vec![0; 8]), true),
        (&group, ScalarValue::Boolean(true), false),
    ] {
        assert_eq!(read(key, value.clone()), is_read, "{key} {value:?}");
    }
}
