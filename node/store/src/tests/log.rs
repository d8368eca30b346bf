//! The arrival log while something is being made durable: nothing of it is hidden meanwhile, and nothing is shown
//! before it is durable.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use super::peers::write;
use crate::{
    kv::{Batch, KeyRange, Kv, KvError, MemoryKv, Pair},
    testing::*,
    *,
};

/// Whether what was applied is made durable at once, never, or once that is said.
#[derive(Clone, Copy, PartialEq)]
enum Disk {
    Quick,
    Waits,
    Fails,
}

/// An engine on a disk that takes as long as a test says.
struct SlowKv {
    inner: MemoryKv,
    disk: Mutex<Disk>,
    /// Something waits for the disk.
    waits: Mutex<mpsc::Sender<()>>,
    changed: Condvar,
}

impl SlowKv {
    fn become_(&self, disk: Disk) {
        *self.disk.lock().unwrap() = disk;
        self.changed.notify_all();
    }
}

impl Kv for SlowKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        self.inner.get(key)
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, KvError> {
        self.inner.scan(range, limit)
    }

    fn apply(&self, batch: &Batch) -> Result<(), KvError> {
        self.inner.apply(batch)
    }

    fn sync(&self) -> Result<(), KvError> {
        let mut disk = self.disk.lock().unwrap();
        while *disk == Disk::Waits {
            let _ = self.waits.lock().unwrap().send(());
            disk = self.changed.wait(disk).unwrap();
        }
        match *disk {
            Disk::Fails => Err(KvError::Io("it is gone".to_owned())),
            _ => self.inner.sync(),
        }
    }

    fn disk_bytes(&self) -> u64 {
        self.inner.disk_bytes()
    }
}

/// A store with three records, and a word for each that waits for its disk.
fn slow() -> (Arc<SlowKv>, Store, mpsc::Receiver<()>) {
    let (waits, waiting) = mpsc::channel();
    let kv = Arc::new(SlowKv {
        inner: MemoryKv::new(),
        disk: Mutex::new(Disk::Quick),
        waits: Mutex::new(waits),
        changed: Condvar::new(),
    });
    let store = store_on(kv.clone(), 1, TestEnv::new(1));
    for id in ["a", "b", "c"] {
        write(&store, id, "first");
    }
    (kv, store, waiting)
}

fn ids(feed: Vec<FeedEntry>) -> Vec<String> {
    feed.iter().map(|entry| entry.key.id().to_owned()).collect()
}

#[test]
fn a_record_that_is_being_written_again_is_missing_in_no_reading_of_the_log() {
    for (becomes, after, expected) in [
        (Disk::Quick, 0, vec!["b", "c", "a"]),
        (Disk::Quick, 3, vec!["a"]),
        // What could not be made durable is shown to nobody.
        (Disk::Fails, 0, vec!["b", "c"]),
        (Disk::Fails, 3, vec![]),
    ] {
        let (kv, store, waiting) = slow();
        let before = store.position();
        assert_eq!(before, 3);
        kv.become_(Disk::Waits);
        std::thread::scope(|scope| {
            let written = scope.spawn(|| {
                let again = put(super::peers::basic("a", "second"));
                store.commit(&ctx(), vec![again]).is_ok()
            });
            waiting.recv().unwrap();
            // Moved up already, where it does not count yet.
            assert_eq!(store.position(), before);
            let (told, read) = mpsc::channel();
            scope.spawn({
                let store = store.clone();
                move || told.send(store.feed(after, 10)).unwrap()
            });
            let early = read.recv_timeout(Duration::from_millis(100));
            assert_eq!(early.err(), Some(RecvTimeoutError::Timeout), "after {after}");
            // One who wants no more than what stood before it is not held up.
            let first = store.feed(0, 2).unwrap();
            assert_eq!(ids(first), ["b", "c"]);
            kv.become_(becomes);
            assert_eq!(written.join().unwrap(), becomes == Disk::Quick);
            assert_eq!(ids(read.recv().unwrap().unwrap()), expected, "after {after}");
        });
    }
}

#[test]
fn a_log_at_rest_is_read_without_waiting_for_whoever_is_about_to_write() {
    let (_kv, store, _waiting) = slow();
    let held = store.core.hold();
    assert_eq!(ids(store.feed(0, 10).unwrap()), ["a", "b", "c"]);
    assert_eq!(ids(store.feed(2, 1).unwrap()), ["c"]);
    assert!(store.feed(3, 10).unwrap().is_empty());
    drop(held);
}

#[test]
fn entries_are_counted_where_they_stand() {
    let (store, _) = memory_store(1);
    let write = |id, text| {
        store
            .commit(&ctx(), vec![put(super::peers::basic(id, text))])
            .unwrap()
    };
    for id in ["a", "b", "c", "d"] {
        write(id, "first");
    }
    let end = store.position();
    let count = |after, to| store.feed_count(after, to).unwrap();
    assert_eq!((count(0, end), count(0, end - 1), count(1, end)), (4, 3, 3));
    assert_eq!((count(end, end), count(end, u64::MAX), count(3, 2)), (0, 0, 0));
    // One that has changed stands at the end, and its former place is empty.
    write("b", "second");
    assert_eq!((count(0, end), count(0, end + 1), count(end, end + 1)), (3, 4, 1));
}
