//! Which changes stand, told of logs of a few that are made by hand.

use super::*;
use crate::author::{AuthorId, NodeId, SIGNATURE_BYTES};

fn hash(name: u8) -> ChangeHash {
    ChangeHash([name; 32])
}

/// A change of this name, which is its rank among hashes, by an actor in its sequence.
fn entry(name: u8, actor: u8, seq: u64, deps: &[u8]) -> Entry {
    let author = AuthorId {
        node: NodeId([actor; 32]),
        incarnation: 0,
    };
    Entry {
        signed: SignedChange {
            author,
            author_seq: seq,
            signature: [0; SIGNATURE_BYTES],
            bytes: Vec::new(),
        },
        hash: hash(name),
        deps: deps.iter().map(|dep| hash(*dep)).collect(),
        actor: [actor; ACTOR_BYTES],
        seq,
        hlc: Hlc(u64::from(name)),
        message: String::new(),
    }
}

type Row = (u8, u8, u64, &'static [u8]);

fn log(rows: &[Row]) -> Log {
    let mut log = Log::default();
    for (name, actor, seq, deps) in rows {
        log.push(Arc::new(entry(*name, *actor, *seq, deps)));
    }
    log
}

fn names<'a>(hashes: impl IntoIterator<Item = &'a ChangeHash>) -> Vec<u8> {
    hashes.into_iter().map(|hash| hash.0[0]).collect()
}

const A: u8 = 100;
const B: u8 = 101;

/// Two actors in turn: 1 and 3 by A, 2 and 4 by B, the last two apart.
const LINE: [Row; 4] = [(1, A, 1, &[]), (2, B, 1, &[1]), (3, A, 2, &[2]), (4, B, 2, &[2])];

#[test]
fn a_log_knows_who_came_before_whom() {
    let mut log = log(&LINE);
    assert_eq!((names(&log.heads()), log.len()), (vec![3, 4], 4));
    log.push(Arc::new(entry(3, A, 2, &[2])));
    assert_eq!((log.entries().count(), log.len()), (4, 4), "known already");
    assert_eq!(log.at_slot(&([A; ACTOR_BYTES], 2)), [hash(3)]);
    assert!(log.at_slot(&([A; ACTOR_BYTES], 3)).is_empty());
    let closure = |of: u8| {
        log.closure(&hash(of))
            .iter()
            .map(|entry| entry.hash.0[0])
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (closure(1), closure(3), closure(4)),
        (vec![1], vec![1, 2, 3], vec![1, 2, 4])
    );
    assert_eq!(closure(9), [0; 0]);
    let precedes = |before: u8, of: &[u8]| {
        let of: Vec<ChangeHash> = of.iter().map(|name| hash(*name)).collect();
        log.precedes(&hash(before), &of)
    };
    for (before, of, does) in [
        (1, &[1][..], true),
        (1, &[4], true),
        (2, &[3], true),
        (3, &[4], false),
        (3, &[4, 3], true),
        (4, &[2], false),
        (9, &[3, 4], false),
        (1, &[], false),
    ] {
        assert_eq!(precedes(before, of), does, "{before} {of:?}");
    }
    assert!(log.contains(&hash(4)) && !log.contains(&hash(9)));
    assert!(log.is_accepted(&hash(4)) && !log.is_accepted(&hash(9)));
}

/// Who skips a number owes a change that nobody would miss; who takes one twice tells two stories.
#[test]
fn a_change_continues_its_actors_sequence_and_nothing_else() {
    let log = log(&LINE);
    for (what, seq, deps, does) in [
        ("a first one of nobody's", 1, &[][..], true),
        ("a second without the first", 2, &[], false),
        ("a second after another's", 2, &[4], false),
    ] {
        assert_eq!(log.continues(&entry(9, 102, seq, deps)), does, "{what}");
    }
    for (what, seq, deps, does) in [
        ("the next", 3, &[3][..], true),
        ("the next after both", 3, &[3, 4], true),
        ("the next, its last not seen", 3, &[4], false),
        ("one too far", 4, &[3], false),
        ("a fork of the second", 2, &[2], true),
        ("a fork of the second without the first", 2, &[], false),
        ("the second again, behind itself", 2, &[3], false),
        ("a fork of the first", 1, &[], true),
        ("the first again, behind itself", 1, &[1], false),
        ("the first again, far behind", 1, &[4], false),
        ("none", 0, &[], false),
    ] {
        assert_eq!(log.continues(&entry(9, A, seq, deps)), does, "{what}");
    }
    // What is here already continues it too.
    for row in LINE {
        assert!(log.continues(&entry(row.0, row.1, row.2, row.3)), "{row:?}");
    }
}

/// What is left outside of these, whatever the order they came in.
fn outside(rows: &[Row]) -> Vec<u8> {
    let mut outcomes = BTreeSet::new();
    // As given, and each later row as early as what it follows allows.
    for first in 0..rows.len() {
        let mut order: Vec<Row> = rows.to_vec();
        let moved = order.remove(first);
        order.push(moved);
        let mut log = Log::default();
        while !order.is_empty() {
            let known = |row: &Row| row.3.iter().all(|dep| log.contains(&hash(*dep)));
            let at = order.iter().position(known).expect("a row follows what is there");
            let (name, actor, seq, deps) = order.remove(at);
            log.push(Arc::new(entry(name, actor, seq, deps)));
            log.decide();
        }
        assert!(log.decide().is_empty(), "nothing has come since");
        let accepted: Vec<u8> = log.accepted().map(|entry| entry.hash.0[0]).collect();
        let evidence = names(log.evidence());
        assert!(accepted.iter().all(|name| !evidence.contains(name)));
        assert_eq!(accepted.len() + evidence.len(), rows.len());
        assert!(
            evidence
                .iter()
                .all(|name| log.contains(&hash(*name)) && !log.is_accepted(&hash(*name)))
        );
        assert!(names(&log.heads()).iter().all(|name| accepted.contains(name)));
        outcomes.insert(evidence);
    }
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes.pop_first().unwrap()
}

#[test]
fn of_two_in_one_place_the_lower_stands_and_what_follows_the_other_does_not() {
    assert_eq!(outside(&LINE), [0; 0]);
    // 5 and 3 are both A's second.
    assert_eq!(outside(&[(1, A, 1, &[]), (5, A, 2, &[1]), (3, A, 2, &[1])]), [5]);
    let followed: [Row; 6] = [
        (1, A, 1, &[]),
        (5, A, 2, &[1]),
        (3, A, 2, &[1]),
        (6, A, 3, &[5]),
        (7, B, 1, &[5]),
        (8, B, 2, &[7, 3]),
    ];
    assert_eq!(outside(&followed), [5, 6, 7, 8]);
    // Three in one place.
    assert_eq!(outside(&[(4, A, 1, &[]), (2, A, 1, &[]), (6, A, 1, &[])]), [4, 6]);
}

/// Else whoever forks could take down what another honestly wrote.
#[test]
fn what_follows_a_lost_fork_does_not_compete() {
    let rows: [Row; 4] = [(2, A, 1, &[]), (5, A, 1, &[]), (9, B, 1, &[]), (3, B, 1, &[5])];
    assert_eq!(outside(&rows), [3, 5]);
    let rows: [Row; 4] = [(2, A, 1, &[]), (5, A, 1, &[]), (9, B, 1, &[]), (3, B, 1, &[2])];
    assert_eq!(outside(&rows), [5, 9]);
}

/// Only a liar makes these: each of two forks is decided once the other is.
#[test]
fn forks_that_wait_for_each_other_are_cut_at_the_lowest_that_can_be() {
    let rows: [Row; 4] = [
        (10, A, 1, &[]),
        (11, B, 1, &[]),
        (4, A, 1, &[11]),
        (5, B, 1, &[10]),
    ];
    assert_eq!(outside(&rows), [4, 11]);
    let rows: [Row; 4] = [
        (11, A, 1, &[]),
        (10, B, 1, &[]),
        (4, A, 1, &[10]),
        (5, B, 1, &[11]),
    ];
    assert_eq!(outside(&rows), [5, 11]);
}

#[test]
fn a_fork_that_comes_later_is_told_of_once() {
    let mut log = log(&[(1, A, 1, &[]), (5, A, 2, &[1]), (6, A, 3, &[5])]);
    assert!(log.decide().is_empty());
    log.push(Arc::new(entry(3, A, 2, &[1])));
    assert_eq!(names(&log.decide()), [5, 6]);
    assert_eq!((log.decide(), names(&log.heads())), (vec![], vec![3]));
    log.push(Arc::new(entry(7, A, 2, &[1])));
    assert_eq!(names(&log.decide()), [7]);
    assert_eq!(names(log.evidence()), [5, 6, 7]);
}
