//! Batches that several peers are sent are read once, and are for each what would be read for it alone.

use super::shelf::{Shelf, shelf};
use super::*;
use crate::batch::decode;
use crate::limits::{SHARED_BATCH_BYTES_MAX, SHARED_BYTES_MAX};
use crate::read::{Filled, ItemsShelf, SharedBatches, Size};

/// Some 40 records of 200 bytes that do not shrink.
const SIZE: Size = Size {
    bytes: 8_000,
    ratio: 1,
};

fn node(number: u8) -> NodeId {
    NodeId([number; 32])
}

fn reads(log: &Shelf) -> u64 {
    log.reads.swap(0, Ordering::SeqCst)
}

/// The records of a batch, by their numbers.
fn records(filled: &Filled) -> Vec<u64> {
    let parts = filled
        .payloads
        .iter()
        .flat_map(|payload| decode(&payload.bytes).unwrap());
    parts
        .map(|(key, _)| key.to_string().trim_start_matches("Patient/p").parse().unwrap())
        .collect()
}

/// The whole log as a peer is sent it: the records of each batch, and how often one was read for it.
fn all_for(log: &Shelf, peer: u8, shared: &SharedBatches, from: u64) -> (Vec<Vec<u64>>, u64) {
    let (mut at, mut batches) = (from, Vec::new());
    reads(log);
    loop {
        let (filled, _) = log.feed_for(node(peer), shared, (at, 0, 0), SIZE);
        assert!(filled.to > at || filled.is_end, "it goes on");
        at = filled.to;
        if !filled.payloads.is_empty() {
            batches.push(records(&filled));
        }
        if filled.is_end {
            return (batches, reads(log));
        }
    }
}

#[test]
fn what_two_peers_are_sent_is_read_once() {
    let log = shelf(&[200; 300], true);
    let shared = SharedBatches::default();
    let (first, count) = all_for(&log, 2, &shared, 0);
    assert_eq!((first.concat(), count), ((1..=300).collect(), 300));
    for peer in 3..9 {
        assert_eq!(all_for(&log, peer, &shared, 0), (first.clone(), 0), "{peer}");
    }
}

#[test]
fn what_a_peer_brought_is_left_out_for_it_alone_and_what_follows_is_shared_again() {
    let mut log = shelf(&[200; 300], true);
    log.records[90..110]
        .iter_mut()
        .for_each(|record| record.source = Some(node(3)));
    let shared = SharedBatches::default();
    let (first, _) = all_for(&log, 2, &shared, 0);
    assert_eq!(first.concat(), Vec::from_iter(1..=300));
    let (own, count) = all_for(&log, 3, &shared, 0);
    let expected: Vec<u64> = (1..=90).chain(111..=300).collect();
    assert_eq!(own.concat(), expected);
    assert!(count <= 80, "{count} of 300 were read");
    assert_eq!(own.last(), first.last(), "they meet again");
    assert_eq!(all_for(&log, 4, &shared, 0), (first, 0));
    // Read first for who brought some of it: others are sent those.
    let shared = SharedBatches::default();
    assert_eq!(all_for(&log, 3, &shared, 0).0.concat(), expected);
    assert_eq!(all_for(&log, 5, &shared, 0).0.concat(), Vec::from_iter(1..=300));
}

#[test]
fn who_begins_elsewhere_soon_shares_what_others_are_sent() {
    let log = shelf(&[200; 300], true);
    for from in [1, 3, 17, 20, 39, 40, 41, 100] {
        let shared = SharedBatches::default();
        let (first, _) = all_for(&log, 2, &shared, 0);
        let (other, count) = all_for(&log, 3, &shared, from);
        assert_eq!(other.concat(), Vec::from_iter(from + 1..=300), "{from}");
        assert!(count <= 60, "from {from}: {count} were read");
        assert!(
            other.len() <= first.len() + 2,
            "from {from}: {} batches",
            other.len()
        );
    }
}

#[test]
fn what_has_moved_up_the_log_is_not_sent_as_it_was() {
    let mut log = shelf(&[200; 30], true);
    let shared = SharedBatches::default();
    let (first, _) = all_for(&log, 2, &shared, 0);
    assert_eq!(first.concat(), Vec::from_iter(1..=30));
    let mut moved = log.records.remove(4);
    moved.changes[0].0 = 31;
    log.records.push(moved);
    let (other, count) = all_for(&log, 3, &shared, 0);
    let expected: Vec<u64> = (1..=4).chain(6..=30).chain([5]).collect();
    assert_eq!((other.concat(), count), (expected.clone(), 30));
    assert_eq!(all_for(&log, 4, &shared, 0).0.concat(), expected);
}

#[test]
fn what_a_peer_is_proven_to_have_and_other_passes_share_nothing() {
    let log = shelf(&[200; 30], true);
    let shared = SharedBatches::default();
    all_for(&log, 2, &shared, 0);
    let of = |from, base, proven| records(&log.feed_for(node(3), &shared, (from, base, proven), SIZE).0);
    assert_eq!(of(0, 0, 20), Vec::from_iter(21..=30));
    assert_eq!(of(0, 12, 0), Vec::from_iter(13..=30));
    assert_eq!(of(0, 0, 0), Vec::from_iter(1..=30));
}

#[test]
fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
    let bytes = SHARED_BATCH_BYTES_MAX / 2;
    let most = SHARED_BYTES_MAX / bytes;
    let log = shelf(&vec![bytes; most + 4], true);
    let shared = SharedBatches::default();
    let size = Size {
        bytes: bytes / 2,
        ratio: 1,
    };
    for from in 0..most as u64 + 4 {
        let (filled, _) = log.feed_for(node(2), &shared, (from, 0, 0), size);
        assert_eq!(records(&filled), [from + 1]);
    }
    reads(&log);
    let is_kept = |from| {
        log.feed_for(node(3), &shared, (from, 0, 0), size);
        reads(&log) == 0
    };
    let (last, first) = (most as u64 + 3, 0);
    assert!(is_kept(last) && is_kept(last - 8));
    assert!(!is_kept(first));
    // What is larger is read for each.
    let log = shelf(&[SHARED_BATCH_BYTES_MAX + 9_000], true);
    let shared = SharedBatches::default();
    for _ in 0..2 {
        log.feed_for(node(2), &shared, (0, 0, 0), size);
        assert_eq!(reads(&log), 1);
    }
}

#[test]
fn who_wants_the_same_at_the_same_time_waits_for_it() {
    let log = shelf(&[200; 400], true);
    let shared = SharedBatches::default();
    std::thread::scope(|scope| {
        for peer in 2..8 {
            let (log, shared) = (&log, &shared);
            scope.spawn(move || {
                let mut at = 0;
                while at < 400 {
                    at = log.feed_for(node(peer), shared, (at, 0, 0), SIZE).0.to;
                }
            });
        }
    });
    assert_eq!(reads(&log), 400);
}

#[test]
fn what_is_compared_by_ranges_is_read_once_for_all_and_let_go() {
    let bus = Bus::new(1);
    let store = bus.nodes[0].store.clone();
    for i in 0..200 {
        patient(&store, &format!("p{i}"), "Quispe");
    }
    let replica = super::fickle::Fickle::of(&store);
    let shelf = ItemsShelf::default();
    let all = chaski_store::ScopeFilter::all();
    let take = |filter| shelf.take(replica.as_ref(), filter).unwrap();
    let count = || replica.items_read.load(Ordering::SeqCst);
    let (first, second) = (take(&all), take(&all));
    assert!(Arc::ptr_eq(&first, &second) && first.items.len() == 200);
    assert_eq!(count(), 1);
    // Each is found where it stands.
    let ids: Vec<_> = bus.nodes[0].items();
    let at = first.locate(&ids);
    assert_eq!(crate::read::keys_at(replica.as_ref(), &at).unwrap().len(), 200);
    assert!(first.locate(&[[7; 32]]).is_empty());
    // For others, and of another moment, it is another.
    let none = chaski_store::ScopeFilter::none();
    assert!(take(&none).items.is_empty());
    assert_eq!(take(&all).items.len(), 200);
    patient(&store, "p9", "Mamani");
    let later = take(&all);
    assert!(later.position > first.position && later.items.len() == 200);
    // What has moved stands no more where it stood.
    assert_eq!(crate::read::keys_at(replica.as_ref(), &at).unwrap().len(), 199);
    let before = count();
    drop((first, second, later));
    take(&all);
    assert_eq!(count(), before + 1, "nobody used it, and it was kept");
}
