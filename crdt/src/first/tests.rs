use super::*;
use crate::change::{ChangeHash, hash_of, open};
use crate::merge::{apply, decode_bytes, survives};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ROOT, ReadDoc};
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
    crate::merge::barrier(|| apply(&mut doc, vec![decode_bytes(bytes)?]))??;
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
