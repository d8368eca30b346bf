use super::*;
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, ObjType, ROOT, ReadDoc, ScalarValue};
use proptest::prelude::*;

mod limits;

fn actor(last: u8) -> ActorId {
    ActorId::from([last; ACTOR_BYTES])
}

fn document(last: u8) -> AutoCommit {
    AutoCommit::new().with_actor(actor(last))
}

/// A record's life: created, edited apart on two branches, merged, edited.
fn life() -> AutoCommit {
    let mut one = document(1);
    one.put(ROOT, "!record", ScalarValue::Uint(1)).unwrap();
    one.put(ROOT, "status", "\"final\"").unwrap();
    for n in 0..200 {
        one.put(ROOT, format!("telecom/{n}"), format!("{{\"value\":\"{n}\"}}"))
            .unwrap();
    }
    one.put(ROOT, "!group/dose", ScalarValue::Bytes(vec![1, 2, 3]))
        .unwrap();
    one.commit_with(CommitOptions::default().with_message("user;role").with_time(0));
    let mut two = one.fork().with_actor(actor(2));
    one.put(ROOT, "status", "\"amended\"").unwrap();
    one.put(ROOT, "telecom/3", ScalarValue::Null).unwrap();
    one.commit_with(CommitOptions::default().with_time(1_700_000_000_000 << 16));
    two.put(ROOT, "status", "\"cancelled\"").unwrap();
    two.put(ROOT, "count", ScalarValue::Int(-7)).unwrap();
    two.commit_with(CommitOptions::default().with_time(i64::MAX));
    one.merge(&mut two).unwrap();
    one.put(ROOT, "status", "\"corrected\"").unwrap();
    one.put(ROOT, "count", true).unwrap();
    one.commit_with(CommitOptions::default().with_time(5));
    one
}

fn raw(document: &mut AutoCommit) -> Vec<Vec<u8>> {
    document
        .get_changes(&[])
        .iter()
        .map(|change| change.raw_bytes().to_vec())
        .collect()
}

#[test]
fn the_head_reads_as_automerge_reads_it() {
    let mut document = life();
    let changes = document.get_changes(&[]);
    assert_eq!(changes.len(), 4);
    for change in changes {
        let chunk = Chunk::parse(change.raw_bytes()).unwrap();
        assert_eq!(chunk.hash, change.hash());
        let mut deps = change.deps().to_vec();
        deps.sort();
        assert_eq!(chunk.deps, deps);
        assert_eq!(chunk.actor[..], *change.actor_id().to_bytes());
        assert_eq!(chunk.seq, change.seq());
        assert_eq!(chunk.start_op, change.start_op().get());
        assert_eq!(chunk.time, change.timestamp());
        assert_eq!(chunk.message, change.message().cloned_or_empty());
        assert_eq!(chunk.ops, change.len() as u64);
        assert_eq!(restore(strip(change.raw_bytes()).unwrap()), change.raw_bytes());
    }
}

trait ClonedOrEmpty {
    fn cloned_or_empty(&self) -> String;
}

impl<T: AsRef<str>> ClonedOrEmpty for Option<T> {
    fn cloned_or_empty(&self) -> String {
        self.as_ref()
            .map(|text| text.as_ref().to_owned())
            .unwrap_or_default()
    }
}

#[test]
fn a_wrong_checksum_is_seen() {
    let mut bytes = raw(&mut life()).remove(0);
    bytes[5] ^= 1;
    assert_eq!(Chunk::parse(&bytes), Err(ChunkError::Checksum));
    bytes[5] ^= 1;
    bytes.push(0);
    assert_eq!(Chunk::parse(&bytes), Err(ChunkError::Length));
}

#[test]
fn only_plain_changes_are_accepted() {
    let mut document = life();
    assert!(matches!(
        Chunk::parse(&document.save()),
        Err(ChunkError::ChunkType(0))
    ));
    let mut large = document.get_changes(&[]).remove(0);
    assert!(matches!(
        Chunk::parse(&large.bytes()),
        Err(ChunkError::ChunkType(2))
    ));
    assert_eq!(Chunk::parse(b""), Err(ChunkError::Truncated));
    assert_eq!(Chunk::parse(b"nonsense"), Err(ChunkError::Magic));
    assert_eq!(
        Chunk::parse(&vec![0; CHANGE_BYTES_MAX + 1]),
        Err(ChunkError::TooLarge)
    );
}

#[test]
fn operations_that_records_never_use_are_refused() {
    let refused = |edit: fn(&mut AutoCommit)| {
        let mut document = document(1);
        document.put(ROOT, "a", 1).unwrap();
        document.commit();
        edit(&mut document);
        document.commit();
        let bytes = raw(&mut document).pop().unwrap();
        assert_eq!(Chunk::parse(&bytes), Err(ChunkError::Operation));
    };
    refused(|document| {
        document.put_object(ROOT, "list", ObjType::Map).unwrap();
    });
    refused(|document| document.delete(ROOT, "a").unwrap());
    refused(|document| {
        document.put(ROOT, "n", ScalarValue::counter(1)).unwrap();
    });
    refused(|document| {
        let list = document.put_object(ROOT, "list", ObjType::List).unwrap();
        document.insert(list, 0, 1).unwrap();
    });
}

#[test]
fn a_time_before_1970_is_refused() {
    let mut document = document(1);
    document.put(ROOT, "a", 1).unwrap();
    document.commit_with(CommitOptions::default().with_time(-1));
    assert_eq!(
        Chunk::parse(&raw(&mut document)[0]),
        Err(ChunkError::Bound("time"))
    );
}

#[test]
fn foreign_actors_are_refused() {
    let mut document = AutoCommit::new().with_actor(ActorId::from([1_u8; 16]));
    document.put(ROOT, "a", 1).unwrap();
    document.commit();
    assert_eq!(Chunk::parse(&raw(&mut document)[0]), Err(ChunkError::Actor));
}

/// A chunk with a right checksum around any body.
fn chunk_around(body: &[u8]) -> Vec<u8> {
    let mut stripped = vec![CHUNK_TYPE_CHANGE];
    put_unsigned(&mut stripped, body.len() as u64);
    stripped.extend_from_slice(body);
    restore(&stripped)
}

#[test]
fn a_huge_run_length_is_refused_not_expanded() {
    let bytes = raw(&mut life()).remove(0);
    let body = open(&bytes).unwrap().1;
    // The action column of 203 puts: run length 203 in two bytes, then 1.
    let run = [0xcb, 0x01, 0x01];
    let at = body.windows(3).position(|window| window == run).unwrap();
    let mut bomb = body.to_vec();
    bomb.splice(at..at + 2, [0x80, 0x80, 0x80, 0x80, 0x04]);
    let column_length = bomb.windows(3).position(|w| w == [66, 3, 86]).unwrap();
    bomb[column_length + 1] = 6;
    assert_eq!(
        Chunk::parse(&chunk_around(&bomb)),
        Err(ChunkError::Bound("operations"))
    );
}

proptest! {
    #![proptest_config(crate::testing::cases(500))]

    #[test]
    fn random_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Chunk::parse(&body);
        let _ = Chunk::parse(&chunk_around(&body));
    }

    /// Mutated changes with a repaired checksum, so that the mutation reaches
    /// the inner parsers. What is accepted must agree with Automerge's count.
    #[test]
    fn mutated_changes_never_panic(
        which in 0_usize..4,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let bytes = raw(&mut life()).remove(which);
        let mut body = open(&bytes).unwrap().1.to_vec();
        for (at, with) in edits {
            let at = at.index(body.len());
            body[at] = with;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        let _ = Chunk::parse(&chunk_around(&body));
    }
}

#[test]
fn the_document_is_as_the_test_means_it() {
    assert!(life().get(ROOT, "status").unwrap().is_some());
}

/// What is accepted here and decodes must say the same there; what does not
/// decode is why an unwind barrier stands behind this parser.
#[test]
fn what_is_accepted_agrees_with_automerge() {
    use rand::{Rng, SeedableRng};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let originals = raw(&mut life());
    let mut document = automerge::Automerge::new();
    let all = originals
        .iter()
        .map(|bytes| automerge::Change::from_bytes(bytes.clone()).unwrap());
    document.apply_changes(all).unwrap();
    let (mut accepted, mut decoded, mut panicked, mut apply_panicked) = (0, 0, 0, 0);
    for round in 0..3_000 {
        let mut body = open(&originals[round % originals.len()]).unwrap().1.to_vec();
        for _ in 0..random.random_range(1..3) {
            let at = random.random_range(0..body.len());
            body[at] = random.random();
        }
        let bytes = chunk_around(&body);
        let Ok(chunk) = Chunk::parse(&bytes) else { continue };
        accepted += 1;
        match std::panic::catch_unwind(|| automerge::Change::from_bytes(bytes.clone())) {
            Ok(Ok(change)) => {
                decoded += 1;
                assert_eq!((chunk.hash, chunk.ops), (change.hash(), change.len() as u64));
                assert_eq!((chunk.seq, chunk.time), (change.seq(), change.timestamp()));
                let before = document.clone();
                let applied = std::panic::catch_unwind(move || {
                    let mut document = before;
                    document.apply_changes([change]).map(|()| document.save())
                });
                apply_panicked += usize::from(applied.is_err());
            }
            Ok(Err(_)) => {}
            Err(_) => panicked += 1,
        }
    }
    println!(
        "of 3000 mutated: {accepted} accepted here, {decoded} decoded; \
         Automerge panicked reading {panicked}, applying {apply_panicked}"
    );
    assert!(decoded > 0 && panicked * 100 < accepted);
}
