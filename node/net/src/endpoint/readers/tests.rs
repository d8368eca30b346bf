//! In which order reads are taken and documents kept, and what becomes of them at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

use chaski_crdt::author::NodeId;
use chaski_store::Store;
use tokio::sync::mpsc;

use super::{Keeper, Reader, Readers, Waiting};
use crate::endpoint::Input;
use crate::endpoint::shares::{For, Shares};
use crate::engine::{Event, Fickle};
use crate::keep::{Keep, KeepJob, Kept};
use crate::limits::SMALL_AHEAD_US;
use crate::read::{Length, Read, ReadJob, Size};
use crate::replica::{Documents, SharedReplica, StoreReplica};

fn job(session: u64, length: Length) -> ReadJob {
    ReadJob {
        session,
        is_over: Arc::default(),
        length,
        is_after_kept: false,
        size: Size { bytes: 1, ratio: 1 },
        read: Read::Known {
            flow: Arc::default(),
            withheld: false,
            keys: Vec::new(),
        },
    }
}

#[test]
fn no_whole_store_holds_up_what_is_small_and_nothing_waits_for_ever() {
    let all = [
        (1, Length::Whole),
        (2, Length::Long),
        (3, Length::Small),
        (4, Length::Small),
        (5, Length::Whole),
    ];
    for (reader, order) in [
        (Reader::Quick, vec![3, 4, 2]),
        (Reader::Patient, vec![1, 5, 2, 3, 4]),
    ] {
        let mut waiting = Waiting::default();
        for (session, length) in all {
            waiting.of(length).push(peer(session), job(session, length));
        }
        assert_eq!(taken(&mut waiting, reader, &Shares::default(), 9), order);
    }
}

fn peer(session: u64) -> For {
    Some(NodeId([session as u8; 32]))
}

/// The sessions whose reads are taken next, each of a hundredth of a second.
fn taken(waiting: &mut Waiting, reader: Reader, shares: &Shares, count: usize) -> Vec<u64> {
    let now = Instant::now();
    let next = || {
        let (peer, job) = waiting.take(reader, shares, now)?;
        shares.charge(peer, 10_000, now);
        Some(job.session)
    };
    std::iter::from_fn(next).take(count).collect()
}

#[test]
fn a_few_changes_go_before_twenty_first_syncs_and_who_asks_for_little_without_end_does_not() {
    let shares = Shares::default();
    let mut waiting = Waiting::default();
    // Each reads again and again, as a session does that has room for more.
    let first_syncs = |waiting: &mut Waiting| {
        for session in 1..=20 {
            waiting.long.push(peer(session), job(session, Length::Long));
        }
    };
    for _ in 0..20 {
        first_syncs(&mut waiting);
    }
    taken(&mut waiting, Reader::Quick, &shares, 100);
    taken(&mut waiting, Reader::Patient, &shares, 100);
    // One that comes with nothing new, and one that lacks a few records from all over the log.
    waiting.small.push(peer(50), job(50, Length::Small));
    waiting.long.push(peer(51), job(51, Length::Long));
    assert_eq!(taken(&mut waiting, Reader::Quick, &shares, 2), [50, 51]);
    waiting.long.push(peer(52), job(52, Length::Long));
    waiting.whole.push(peer(53), job(53, Length::Whole));
    let patient = taken(&mut waiting, Reader::Patient, &shares, 2);
    assert!(patient == [53, 52] || patient == [52, 53], "{patient:?}");
    // A liar whose small reads have no end goes ahead until it has had more than its part, no further.
    (0..500).for_each(|_| waiting.small.push(peer(66), job(66, Length::Small)));
    let order = taken(&mut waiting, Reader::Quick, &shares, 100);
    let lies = order.iter().filter(|session| **session == 66).count();
    let part = usize::try_from(SMALL_AHEAD_US).unwrap() / 10_000 + 100 / 20 + 12;
    assert!(lies <= part, "{lies} of 100 turns were the liar's");
    assert!(
        order[50..].iter().filter(|session| **session == 66).count() <= 10,
        "{order:?}"
    );
}

fn replica() -> (Store, SharedReplica) {
    let (store, _) = crate::engine::test_store();
    let replica = StoreReplica::new(store.clone()).unwrap();
    (store, Arc::new(replica))
}

fn keep(name: &str, bytes: &[u8]) -> KeepJob {
    KeepJob {
        what: Kept::Peers,
        keep: Keep::Documents(vec![(name.to_owned(), Some(bytes.to_vec()))]),
    }
}

/// The sessions whose reads are told as done, 0 where documents are told as kept.
fn told(inputs: &mut mpsc::Receiver<Input>, count: usize) -> Vec<u64> {
    let events = (0..count).map(|_| match inputs.blocking_recv() {
        Some(Input::Event(Event::Read(done), _)) => done.session,
        Some(Input::Event(Event::Kept(done), _)) => {
            assert!(done.failed.is_none() && done.what == Kept::Peers);
            0
        }
        _ => panic!("neither read nor kept"),
    });
    events.collect()
}

/// Waits for what another thread is sure to come to.
fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

#[test]
fn what_is_about_to_be_kept_is_kept_before_it_is_read_and_the_last_word_stays() {
    let (store, replica) = replica();
    let (sender, mut inputs) = mpsc::channel(9);
    let keeper = Keeper::start(&replica, sender.downgrade()).unwrap();
    keeper.keep(keep("a", b"first"));
    keeper.read(job(7, Length::Small));
    keeper.keep(keep("a", b"second"));
    keeper.keep(keep("b", b"third"));
    keeper.read(job(8, Length::Small));
    assert_eq!(told(&mut inputs, 5), [0, 7, 0, 0, 8]);
    assert_eq!(store.document("a").unwrap().as_deref(), Some(&b"second"[..]));
    assert_eq!(store.document("b").unwrap().as_deref(), Some(&b"third"[..]));
}

#[test]
fn at_the_end_all_that_was_to_be_kept_is_and_nothing_more_is_read() {
    let (store, _) = crate::engine::test_store();
    let fickle = Fickle::of(&store);
    let replica: SharedReplica = fickle.clone();
    // Room for one word: the thread that keeps waits with its second one.
    let (sender, mut inputs) = mpsc::channel(1);
    let mut keeper = Keeper::start(&replica, sender.downgrade()).unwrap();
    for (name, session) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        keeper.keep(keep(name, b"kept"));
        keeper.read(ReadJob {
            read: Read::Known {
                flow: Arc::default(),
                withheld: false,
                keys: vec![format!("Patient/{name}").parse().unwrap()],
            },
            ..job(session, Length::Small)
        });
    }
    let is_ending = Arc::clone(&keeper.is_ending);
    std::thread::scope(|scope| {
        let ended = scope.spawn(move || keeper.end());
        wait_until(|| is_ending.load(Ordering::Acquire));
        // As the driver does at its end; what was told before that is read, what comes later goes nowhere.
        inputs.close();
        ended.join().unwrap();
    });
    for name in ["a", "b", "c", "d"] {
        assert!(store.document(name).unwrap().is_some(), "{name} is lost");
    }
    // The first one may have been read before the end began.
    let read = fickle.looked_up.lock().unwrap().clone();
    assert!(
        read.iter().all(|(key, _)| key == "Patient/a"),
        "read for nobody: {read:?}"
    );
}

#[test]
fn each_read_is_told_and_once_no_more_are_wanted_no_thread_is_left_and_none_begins() {
    let (_store, replica) = replica();
    let (sender, mut inputs) = mpsc::channel(1);
    let readers = Readers::start(&replica, &Shares::default(), &sender.downgrade()).unwrap();
    for (session, length) in [(1, Length::Small), (2, Length::Long), (3, Length::Whole)] {
        readers.give(peer(session), job(session, length));
        assert_eq!(told(&mut inputs, 1), [session]);
    }
    // Three are taken: one is told, with the others both threads wait for room.
    (4..7).for_each(|session| readers.give(peer(session), job(session, Length::Small)));
    let queue = Arc::clone(&readers.queue);
    wait_until(|| queue.0.lock().unwrap().small.is_empty());
    (7..9).for_each(|session| readers.give(peer(session), job(session, Length::Small)));
    std::thread::scope(|scope| {
        let (done, ended) = std_mpsc::channel();
        scope.spawn(move || {
            drop(readers);
            let _ = done.send(());
        });
        wait_until(|| queue.0.lock().unwrap().is_over);
        let waited = ended.recv_timeout(Duration::from_millis(200));
        assert!(waited.is_err(), "a thread is left that reads");
        let mut last = told(&mut inputs, 3);
        last.sort_unstable();
        assert_eq!(last, [4, 5, 6]);
        ended.recv().unwrap();
    });
    assert!(inputs.try_recv().is_err());
}
