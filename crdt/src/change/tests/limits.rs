//! Every bound of a change, at its limit and one beyond. A change that is over
//! one is refused by every node alike, else two would differ for ever.

use super::chunk_around;
use crate::change::rows::{ACTION, ACTION_PUT, INSERT, KEY_STRING, PRED_GROUP, VALUE, VALUE_META};
use crate::change::*;

/// A change put together by hand.
#[derive(Clone)]
struct Made {
    deps: Vec<[u8; 32]>,
    actor: Vec<u8>,
    seq: u64,
    start_op: u64,
    time: i64,
    message: Vec<u8>,
    others: Vec<Vec<u8>>,
    columns: Vec<(u64, Vec<u8>)>,
    behind: Vec<u8>,
}

/// Run-length encoded: so many times one value.
fn run(times: u64, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_signed(&mut out, times as i64);
    out.extend_from_slice(value);
    out
}

fn put_signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 && low & 0x40 == 0 || value == -1 && low & 0x40 != 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn unsigned(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_unsigned(&mut out, value);
    out
}

fn key_of_length(length: usize) -> Vec<u8> {
    let mut key = unsigned(length as u64);
    key.extend(std::iter::repeat_n(b'a', length));
    key
}

/// The columns of `ops` puts of nothing under one key.
fn columns(ops: u64) -> Vec<(u64, Vec<u8>)> {
    vec![
        (KEY_STRING, run(ops, &key_of_length(1))),
        (INSERT, unsigned(ops)),
        (ACTION, run(ops, &unsigned(ACTION_PUT))),
        (VALUE_META, run(ops, &[0])),
        (PRED_GROUP, run(ops, &[0])),
    ]
}

impl Made {
    fn new() -> Made {
        Made {
            deps: Vec::new(),
            actor: vec![7; ACTOR_BYTES],
            seq: 1,
            start_op: 1,
            time: 0,
            message: Vec::new(),
            others: Vec::new(),
            columns: columns(2),
            behind: Vec::new(),
        }
    }

    fn body(&self) -> Vec<u8> {
        let mut out = unsigned(self.deps.len() as u64);
        self.deps.iter().for_each(|dep| out.extend_from_slice(dep));
        let actor = |actor: &Vec<u8>, out: &mut Vec<u8>| {
            put_unsigned(out, actor.len() as u64);
            out.extend_from_slice(actor);
        };
        actor(&self.actor, &mut out);
        put_unsigned(&mut out, self.seq);
        put_unsigned(&mut out, self.start_op);
        put_signed(&mut out, self.time);
        put_unsigned(&mut out, self.message.len() as u64);
        out.extend_from_slice(&self.message);
        put_unsigned(&mut out, self.others.len() as u64);
        self.others.iter().for_each(|other| actor(other, &mut out));
        put_unsigned(&mut out, self.columns.len() as u64);
        for (spec, data) in &self.columns {
            put_unsigned(&mut out, *spec);
            put_unsigned(&mut out, data.len() as u64);
        }
        self.columns
            .iter()
            .for_each(|(_, data)| out.extend_from_slice(data));
        out.extend_from_slice(&self.behind);
        out
    }

    fn parse(&self) -> Result<Chunk, ChunkError> {
        Chunk::parse(&chunk_around(&self.body()))
    }

    /// Puts other data in a column, or adds it.
    fn column(&mut self, spec: u64, data: Vec<u8>) {
        self.columns.retain(|(at, _)| *at != spec);
        self.columns.push((spec, data));
        self.columns.sort();
    }
}

fn made(edit: impl FnOnce(&mut Made)) -> Result<(), ChunkError> {
    let mut change = Made::new();
    edit(&mut change);
    change.parse().map(|_| ())
}

fn hashes(count: u64) -> Vec<[u8; 32]> {
    let hash = |n: u64| {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&n.to_be_bytes());
        hash
    };
    (0..count).map(hash).collect()
}

#[test]
fn what_is_made_here_is_a_change() {
    let chunk = Made::new().parse().unwrap();
    assert_eq!((chunk.ops, chunk.seq, chunk.start_op), (2, 1, 1));
    // Automerge takes it for one, too.
    let bytes = chunk_around(&Made::new().body());
    assert_eq!(automerge::Change::from_bytes(bytes).unwrap().hash(), chunk.hash);
}

#[test]
fn counts_and_lengths_of_the_head() {
    use ChunkError::Bound;
    let limit = |at: u64, edit: fn(&mut Made, u64), name: &'static str| {
        assert_eq!(made(|change| edit(change, at)), Ok(()), "{name}");
        assert_eq!(made(|change| edit(change, at + 1)), Err(Bound(name)));
    };
    limit(
        DEPS_MAX,
        |change, count| change.deps = hashes(count),
        "dependencies",
    );
    limit(
        OTHER_ACTORS_MAX,
        |change, count| change.others = vec![vec![8; ACTOR_BYTES]; count as usize],
        "other actors",
    );
    limit(
        MESSAGE_BYTES_MAX,
        |change, length| change.message = vec![b'm'; length as usize],
        "message",
    );
    limit(OPS_MAX, |change, ops| change.columns = columns(ops), "operations");
    limit(
        4_096,
        |change, length| change.column(KEY_STRING, run(2, &key_of_length(length as usize))),
        "register key",
    );
    // The last counter that Automerge has room for, behind two operations.
    limit(
        u64::from(u32::MAX) - 2,
        |change, start| change.start_op = start,
        "operation counter",
    );
    assert_eq!(
        made(|change| change.start_op = u64::MAX),
        Err(Bound("operation counter"))
    );
}

#[test]
fn a_change_is_at_most_sixteen_megabytes() {
    let value = |bytes: u64| {
        let mut change = Made::new();
        change.columns = columns(1);
        change.column(VALUE_META, run(1, &unsigned(bytes << 4 | 6)));
        change.column(VALUE, vec![b'v'; bytes as usize]);
        chunk_around(&change.body())
    };
    // What is around the value, once its length takes as many bytes as the longest.
    let around = value(16_000_000).len() - 16_000_000;
    let bytes = (CHANGE_BYTES_MAX - around) as u64;
    assert_eq!(value(bytes).len(), CHANGE_BYTES_MAX);
    assert!(Chunk::parse(&value(bytes)).is_ok());
    assert_eq!(Chunk::parse(&value(bytes + 1)), Err(ChunkError::TooLarge));
}

#[test]
fn what_a_head_must_not_say() {
    use ChunkError::{Actor, Bound, Integer, Message};
    let refused = |error: ChunkError, edit: fn(&mut Made)| assert_eq!(made(edit), Err(error));
    refused(Integer, |change| change.seq = 0);
    refused(Integer, |change| change.start_op = 0);
    refused(Bound("time"), |change| change.time = -1);
    refused(Bound("time"), |change| change.time = i64::MIN);
    assert_eq!(made(|change| change.time = i64::MAX), Ok(()));
    refused(Message, |change| change.message = vec![0xff]);
    refused(Actor, |change| change.actor = vec![7; ACTOR_BYTES - 1]);
    refused(Actor, |change| change.actor = vec![7; ACTOR_BYTES + 1]);
    refused(Actor, |change| change.others = vec![vec![7; 16]]);
    // Dependencies ascend, each once: one change has one hash.
    refused(Bound("dependencies"), |change| {
        change.deps = vec![[1; 32], [1; 32]]
    });
    refused(Bound("dependencies"), |change| {
        change.deps = vec![[2; 32], [1; 32]]
    });
    assert_eq!(made(|change| change.deps = vec![[1; 32], [2; 32]]), Ok(()));
}

/// A flat map of registers that are put: every column has one row for each
/// operation, in order, and nothing else is there.
#[test]
fn what_columns_must_not_say() {
    use ChunkError::{Columns, Operation};
    let refused = |error: ChunkError, edit: fn(&mut Made)| assert_eq!(made(edit), Err(error));
    for spec in [KEY_STRING, ACTION, VALUE_META, PRED_GROUP, INSERT] {
        let without = |change: &mut Made| change.columns.retain(|(at, _)| *at != spec);
        assert_eq!(made(without), Err(Columns), "{spec}");
    }
    refused(Columns, |change| {
        change.column(KEY_STRING, run(3, &key_of_length(1)))
    });
    refused(Columns, |change| change.column(VALUE_META, run(1, &[0])));
    refused(Columns, |change| change.column(PRED_GROUP, run(3, &[0])));
    refused(Columns, |change| change.column(INSERT, unsigned(1)));
    // Another action, an insertion, a counter, a type nobody knows.
    for action in [0, 2, 3, 4, 5, 6, 7] {
        let other = |change: &mut Made| change.column(ACTION, run(2, &[action]));
        assert_eq!(made(other), Err(Operation), "{action}");
    }
    refused(Operation, |change| change.column(INSERT, vec![1, 1]));
    refused(Operation, |change| change.column(INSERT, vec![0, 2]));
    for kind in [8, 10, 15] {
        let other = |change: &mut Made| change.column(VALUE_META, run(2, &[kind]));
        assert_eq!(made(other), Err(Operation), "{kind}");
    }
    // Rows that say nothing.
    for spec in [KEY_STRING, ACTION, VALUE_META, PRED_GROUP] {
        let none = |change: &mut Made| change.column(spec, vec![0, 2]);
        assert_eq!(made(none), Err(Columns), "{spec}");
    }
    // Values that are not there, or that nobody claims.
    refused(Columns, |change| change.column(VALUE_META, run(2, &[1 << 4 | 6])));
    refused(Columns, |change| change.column(VALUE, vec![0]));
    // A text that is none, alone or among others, in one stretch or in two; bytes are what they are.
    let valued = |metas: Vec<u8>, value: &'static [u8]| {
        move |change: &mut Made| {
            change.column(VALUE_META, metas);
            change.column(VALUE, value.to_vec());
        }
    };
    let (text, bytes, two) = (1 << 4 | 6, 1 << 4 | 7, 2 << 4 | 6);
    for value in [b"\xffb", b"a\xff", b"\xc3\xa9"] {
        assert_eq!(made(valued(run(2, &[text]), value)), Err(Columns), "{value:?}");
        assert_eq!(made(valued(run(2, &[bytes]), value)), Ok(()), "{value:?}");
    }
    let one_of_two = [run(1, &[two]), run(1, &[0])].concat();
    assert_eq!(made(valued(one_of_two.clone(), b"\xc3\xa9")), Ok(()));
    assert_eq!(made(valued(one_of_two, b"\xc3\xff")), Err(Columns));
    let mixed = [run(1, &[bytes]), run(1, &[text])].concat();
    assert_eq!(made(valued(mixed.clone(), b"\xffa")), Ok(()));
    assert_eq!(made(valued(mixed, b"a\xff")), Err(Columns));
    // A key that is no text.
    refused(Columns, |change| change.column(KEY_STRING, run(2, &[1, 0xff])));
    // Columns descend, repeat, are of another kind, or deflated.
    refused(Columns, |change| change.columns.reverse());
    refused(Columns, |change| {
        let last = change.columns.last().unwrap().clone();
        change.columns.push(last);
    });
    refused(Operation, |change| change.column(1, run(2, &[0])));
    refused(Operation, |change| change.column(0x11, run(2, &[0])));
    refused(Columns, |change| change.column(ACTION | 8, vec![1]));
    // An empty column of a kind not known says nothing.
    assert_eq!(made(|change| change.column(0x11, Vec::new())), Ok(()));
    refused(Columns, |change| change.behind = vec![0]);
    let many = |count: u64| {
        move |change: &mut Made| {
            let known = change.columns.len() as u64;
            let more = (known..count).map(|n| (0x1_000 + n, Vec::new()));
            change.columns.extend(more);
        }
    };
    assert_eq!(made(many(24)), Ok(()));
    assert_eq!(made(many(25)), Err(Columns));
}

/// What an operation follows: as many actors and counters as are announced, and
/// only actors that the change names.
#[test]
fn what_operations_follow() {
    const PRED_ACTOR: u64 = 7 << 4 | 1;
    const PRED_COUNTER: u64 = 7 << 4 | 3;
    let follows = |announced: u8, actors: u64, actor: u8, counters: u64| {
        made(|change| {
            change.others = vec![vec![8; ACTOR_BYTES]];
            change.column(PRED_GROUP, run(2, &[announced]));
            change.column(PRED_ACTOR, run(actors, &[actor]));
            change.column(PRED_COUNTER, run(counters, &[1]));
        })
    };
    assert_eq!(follows(1, 2, 0, 2), Ok(()));
    // The change's own actor is number 0, the one other it names is 1.
    assert_eq!(follows(1, 2, 1, 2), Ok(()));
    for (announced, actors, actor, counters) in [(1, 2, 2, 2), (1, 3, 0, 2), (1, 2, 0, 3), (2, 2, 0, 2)] {
        assert_eq!(
            follows(announced, actors, actor, counters),
            Err(ChunkError::Columns),
            "{announced} {actors} {actor} {counters}"
        );
    }
    assert_eq!(follows(100, 2, 0, 2), Err(ChunkError::Columns));
    let huge = made(|change| change.column(PRED_GROUP, run(2, &unsigned(1 << 62))));
    assert_eq!(huge, Err(ChunkError::Bound("operations")));
    let huge = made(|change| change.column(VALUE_META, run(2, &unsigned(u64::MAX))));
    assert!(matches!(huge, Err(ChunkError::Operation | ChunkError::Columns)));
}

#[test]
fn stretches_add_up_to_the_bound_too() {
    let actions = |stretches: u64, each: u64| {
        let mut data = Vec::new();
        (0..stretches).for_each(|_| data.extend(run(each, &unsigned(ACTION_PUT))));
        made(|change| change.column(ACTION, data))
    };
    assert_eq!(actions(2, OPS_MAX), Err(ChunkError::Bound("operations")));
    // Singles, announced by a negative count, and more of them than are there.
    let singles = |announced: i64| {
        let mut data = Vec::new();
        put_signed(&mut data, announced);
        data.extend([1, 1]);
        made(|change| change.column(ACTION, data))
    };
    assert_eq!(singles(-2), Ok(()));
    assert_eq!(singles(-3), Err(ChunkError::Truncated));
    assert_eq!(singles(i64::MIN), Err(ChunkError::Truncated));
}
