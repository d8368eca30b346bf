//! In which order reads are taken and documents kept, and what becomes of them at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use chaski_store::Store;
use tokio::sync::mpsc;

use super::{Keeper, Reader, Readers, Waiting};
use crate::endpoint::Input;
use crate::engine::{Event, Fickle};
use crate::keep::{Keep, KeepJob, Kept};
use crate::read::{Length, Read, ReadJob, Size};
use crate::replica::{Documents, SharedReplica, StoreReplica};

fn job(session: u64, length: Length) -> ReadJob {
    ReadJob {
        session,
        is_over: Arc::default(),
        length,
        is_after_kept: false,
        size: Size { bytes: 1, ratio: 1 },
        read: Read::Known(Vec::new()),
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
            waiting.of(length).push_back(job(session, length));
        }
        let taken = std::iter::from_fn(|| waiting.take(reader)).map(|job| job.session);
        assert_eq!(taken.collect::<Vec<_>>(), order);
    }
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
            read: Read::Known(vec![format!("Patient/{name}").parse().unwrap()]),
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
    let readers = Readers::start(&replica, &sender.downgrade()).unwrap();
    for (session, length) in [(1, Length::Small), (2, Length::Long), (3, Length::Whole)] {
        readers.give(job(session, length));
        assert_eq!(told(&mut inputs, 1), [session]);
    }
    // Three are taken: one is told, with the others both threads wait for room.
    (4..7).for_each(|session| readers.give(job(session, Length::Small)));
    let queue = Arc::clone(&readers.queue);
    wait_until(|| queue.0.lock().unwrap().small.is_empty());
    (7..9).for_each(|session| readers.give(job(session, Length::Small)));
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
