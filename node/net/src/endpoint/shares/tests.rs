//! Whose turn it is, by what serving each has cost.

use std::time::Duration;

use super::*;

fn peer(n: u8) -> For {
    Some(NodeId([n; 32]))
}

#[test]
fn it_is_the_turn_of_who_has_used_least_and_then_of_who_has_waited_longest() {
    let (shares, now) = (Shares::default(), Instant::now());
    let mut queues = Queues::default();
    for (n, job) in [(3, 'a'), (1, 'b'), (2, 'c'), (1, 'd'), (2, 'e')] {
        queues.push(peer(n), job);
    }
    shares.charge(peer(1), 5_000, now);
    shares.charge_bytes(peer(2), 50_000, now);
    assert_eq!(shares.used(peer(2), now), 50_000 / SHARE_BYTES_A_US);
    assert!(!queues.is_empty());
    let mut order = String::new();
    while let Some((_, of)) = queues.next(&shares, now) {
        order.extend(queues.take(of));
    }
    // The third has used nothing, the second one as much as a millisecond.
    assert_eq!(order, "acebd");
    assert!(queues.is_empty() && queues.take(peer(1)).is_none());
    // What is for nobody any more holds up nobody, and what has used as little goes in the order it came.
    queues.push(peer(7), 'x');
    queues.push(None, 'y');
    assert_eq!(queues.next(&shares, now), Some((0, peer(7))));
    queues.clear();
    assert!(queues.is_empty() && queues.next(&shares, now).is_none());
}

#[test]
fn a_few_changes_beside_twenty_first_syncs_wait_for_one_turn() {
    let (shares, now) = (Shares::default(), Instant::now());
    let mut queues = Queues::default();
    let mut served = BTreeMap::new();
    for first_sync in 1..=20 {
        (0..100).for_each(|_| queues.push(peer(first_sync), 40_000));
    }
    let mut turns = |queues: &mut Queues<u64>, count: usize| {
        let mut order = Vec::new();
        for _ in 0..count {
            let Some((_, of)) = queues.next(&shares, now) else {
                break;
            };
            let us = queues.take(of).unwrap();
            shares.charge(of, us, now);
            *served.entry(of).or_insert(0) += 1;
            order.push(of);
        }
        order
    };
    turns(&mut queues, 500);
    // Each comes when all are at work, gives three small batches one after the other, and is done.
    for small in 100..110 {
        (0..3).for_each(|_| queues.push(peer(small), 2_000));
        assert_eq!(turns(&mut queues, 3), [peer(small); 3]);
    }
    turns(&mut queues, 400);
    for first_sync in 1..=20 {
        assert_eq!(served[&peer(first_sync)], 45, "{first_sync}");
    }
}

#[test]
fn who_asks_without_end_waits_and_nobody_else_does() {
    let (shares, now) = (Shares::default(), Instant::now());
    let mut queues = Queues::default();
    // A liar that has something to be done whenever it is looked at, and an honest one that has work for ten turns
    // after it has begun.
    let liar = peer(66);
    for turn in 0..50 {
        queues.push(liar, 30_000);
        let of = queues.next(&shares, now + Duration::from_millis(turn)).unwrap().1;
        queues.take(of);
        shares.charge(of, 30_000, now + Duration::from_millis(turn));
    }
    let later = now + Duration::from_millis(100);
    (0..10).for_each(|_| queues.push(peer(1), 30_000));
    let mut order = Vec::new();
    while order.len() < 12 {
        queues.push(liar, 30_000);
        let of = queues.next(&shares, later).unwrap().1;
        queues.take(of);
        shares.charge(of, 30_000, later);
        order.push(of);
    }
    assert_eq!(order[..10], [peer(1); 10]);
    assert_eq!(order[10..], [liar; 2], "whoever waits alone is served");
}

#[test]
fn what_was_used_yesterday_is_forgotten_and_so_are_those_who_used_little() {
    let (shares, now) = (Shares::default(), Instant::now());
    shares.charge(peer(1), 8_000_000, now);
    let half = Duration::from_millis(u64::from(SHARE_HALF_MS));
    for (halves, left) in [(0, 8_000_000), (1, 4_000_000), (3, 1_000_000), (30, 0)] {
        assert_eq!(shares.used(peer(1), now + half * halves), left);
    }
    assert_eq!(shares.used(peer(2), now), 0);
    assert_eq!(shares.used(None, now), 0);
    shares.charge(None, 9, now);
    // However many come, what is remembered is bounded, and who used most is not forgotten for it.
    for n in 0..2 * SHARES_MAX {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(n as u64).to_le_bytes());
        shares.charge(Some(NodeId(key)), 1, now);
    }
    assert!(shares.rows().len() <= SHARES_MAX);
    assert_eq!(shares.used(peer(1), now), 8_000_000);
    shares.charge(peer(1), u64::MAX, now);
    assert!(shares.used(peer(1), now) < u64::from(u32::MAX) * 2);
}
