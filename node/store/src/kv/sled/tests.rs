//! That synced means written, who holds the file is waited for, and an opening reads little.

use std::os::{fd::OwnedFd, unix::fs::MetadataExt};

use super::*;

fn one(key: &[u8]) -> Batch {
    let mut batch = Batch::default();
    batch.put(key.to_vec(), b"value".to_vec());
    batch
}

/// Bytes that a flush has yet to write.
fn flushed(kv: &SledKv) -> usize {
    kv.with(|tree| tree.flush()).unwrap()
}

/// The database in `dir`, held as an engine's last thread holds it.
fn held(dir: &Path) -> File {
    drop(SledKv::open(dir).unwrap());
    wait_let_go(dir).unwrap();
    let log = File::open(dir.join(LOG)).unwrap();
    log.try_lock().unwrap();
    log
}

#[test]
fn an_engine_that_still_lets_go_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let last = held(dir.path());
    let mut looks = 0;
    look_until_let_go(dir.path(), &mut || {
        looks += 1;
        if looks == 3 {
            last.unlock().unwrap();
        }
    })
    .unwrap();
    assert_eq!(looks, 3);
    // The look itself holds nothing.
    SledKv::open(dir.path()).unwrap();
}

#[test]
fn opening_waits_for_who_holds_the_file_and_does_not_fail() {
    let dir = tempfile::tempdir().unwrap();
    let last = held(dir.path());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(last);
        });
        SledKv::open(dir.path()).unwrap();
    });
}

#[test]
fn an_engine_that_never_lets_go_is_told_as_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let _last = held(dir.path());
    let mut looks = 0;
    let waited = look_until_let_go(dir.path(), &mut || looks += 1);
    assert_eq!((waited, looks), (Err(KvError::InUse), LOOKS_MAX));
    assert_eq!(
        look_until_let_go(&dir.path().join("none"), &mut || looks += 1),
        Ok(())
    );
}

/// A pipe cannot be synced, so an engine that holds one in place of its file tells whether it asks
/// for that, whether it heeds the answer, and what it had done before.
#[test]
fn a_sync_flushes_then_syncs_the_data_of_the_file_and_heeds_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut kv = SledKv::open(dir.path()).unwrap();
    let data = |file: &File| file.metadata().map(|data| (data.dev(), data.ino())).unwrap();
    let log = File::open(dir.path().join(LOG)).unwrap();
    assert_eq!(data(&kv.file), data(&log), "it is the log that is synced");
    kv.apply(&one(b"a")).unwrap();
    assert!(flushed(&kv) > 0, "an applied batch waits for a flush");
    kv.apply(&one(b"b")).unwrap();
    kv.sync().unwrap();
    assert_eq!(flushed(&kv), 0, "a sync has flushed");
    let (_reader, writer) = std::io::pipe().unwrap();
    let file = std::mem::replace(&mut kv.file, File::from(OwnedFd::from(writer)));
    kv.apply(&one(b"c")).unwrap();
    assert!(
        matches!(kv.sync(), Err(KvError::Io(_))),
        "the data were not synced"
    );
    assert_eq!(flushed(&kv), 0, "what is not yet written cannot be synced");
    kv.file = file;
    kv.sync().unwrap();
}

#[test]
fn what_lies_in_its_directory_counts_wherever_it_lies() {
    let dir = tempfile::tempdir().unwrap();
    let kv = SledKv::open(dir.path()).unwrap();
    kv.apply(&one(b"a")).unwrap();
    kv.sync().unwrap();
    let before = kv.disk_bytes();
    assert_eq!(before, files_bytes(dir.path()));
    for (at, name) in ["more", "blobs/more", "blobs/deep/more"].iter().enumerate() {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, [0; 1_000]).unwrap();
        let grown = kv.disk_bytes() - before;
        let count = at as u64 + 1;
        assert!(
            grown >= 1_000 * count && grown < 1_000 * (count + 1),
            "{name}: {grown}"
        );
    }
    assert_eq!(files_bytes(&dir.path().join("none")), 0);
}

#[test]
fn a_full_disk_is_told_from_a_broken_one() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    assert_eq!(io(full), KvError::NoSpace);
    let other = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    assert!(matches!(io(other), KvError::Io(_)));
    let broken: Result<(), _> = guard(|| panic!("a page that cannot be read"));
    assert!(matches!(broken, Err(KvError::Damaged(_))));
}

/// Bytes that this thread has read from files so far.
fn read_bytes() -> u64 {
    let told = fs::read_to_string("/proc/thread-self/io").unwrap();
    let told = told.lines().find_map(|line| line.strip_prefix("rchar: "));
    told.unwrap().parse().unwrap()
}

/// Bytes read to open the database in `dir`.
fn opening_bytes(dir: &Path) -> u64 {
    wait_let_go(dir).unwrap();
    let before = read_bytes();
    let kv = SledKv::open(dir).unwrap();
    let read = read_bytes() - before;
    drop(kv);
    read
}

/// Writes so many values of 4,000 bytes from a number on, a hundred at a time.
fn fill(kv: &SledKv, numbers: std::ops::Range<u32>) {
    for hundred in numbers.step_by(100) {
        let mut batch = Batch::default();
        for number in hundred..hundred + 100 {
            batch.put(number.to_be_bytes().to_vec(), vec![7; 4_000]);
        }
        kv.apply(&batch).unwrap();
        kv.sync().unwrap();
    }
}

#[test]
fn what_was_written_at_once_is_not_read_through_at_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let kv = SledKv::open(dir.path()).unwrap();
    fill(&kv, 0..10_000);
    kv.rest().unwrap();
    drop(kv);
    let read = opening_bytes(dir.path());
    assert!(read < 2 << 20, "{read} bytes of 40 MB");
    // A little more is read, and costs nobody an opening.
    let kv = SledKv::open(dir.path()).unwrap();
    fill(&kv, 10_000..10_050);
    kv.rest().unwrap();
    assert!(kv.logged_bytes.load(Ordering::Acquire) > 0);
}

#[test]
fn what_makes_others_wait_is_done_while_nobody_uses_the_engine() {
    let dir = tempfile::tempdir().unwrap();
    let kv = SledKv::open(dir.path()).unwrap();
    fill(&kv, 0..10_000);
    let logged = kv.logged_bytes.load(Ordering::Acquire);
    assert!(logged > QUIET_BYTES, "{logged}");
    // It was used not long ago.
    kv.settle_unused(Duration::from_secs(3_600)).unwrap();
    assert_eq!(kv.logged_bytes.load(Ordering::Acquire), logged);
    kv.settle_unused(Duration::ZERO).unwrap();
    assert_eq!(kv.logged_bytes.load(Ordering::Acquire), 0);
    assert!(kv.get(&0_u32.to_be_bytes()).unwrap().is_some());
    // Of a little more there is nothing to do.
    fill(&kv, 10_000..10_050);
    kv.settle_unused(Duration::ZERO).unwrap();
    assert!(kv.logged_bytes.load(Ordering::Acquire) > 0);
}

#[test]
fn a_little_logged_to_a_large_file_makes_nobody_wait_for_an_opening() {
    let dir = tempfile::tempdir().unwrap();
    let kv = SledKv::open_settling(dir.path(), 1).unwrap();
    fill(&kv, 0..2_000);
    kv.logged_bytes.store(0, Ordering::Release);
    kv.apply(&one(b"a little")).unwrap();
    kv.sync().unwrap();
    let logged_bytes = kv.logged_bytes.load(Ordering::Acquire);
    assert!(logged_bytes > 0, "it was opened anew");
    // As soon as that is the part of the file for which it is done, it is.
    let file_bytes = kv.file.metadata().unwrap().len();
    kv.logged_bytes.store(file_bytes / SETTLE_PART, Ordering::Release);
    let (here, aside) = (dir.path().join("conf"), dir.path().join("aside"));
    fs::rename(&here, &aside).unwrap();
    fs::create_dir(&here).unwrap();
    assert!(kv.settle(1, SETTLE_PART).is_err(), "it was not opened anew");
    fs::remove_dir(&here).unwrap();
    fs::rename(&aside, &here).unwrap();
    assert!(kv.get(b"a little").unwrap().is_some());
}

#[test]
fn what_is_put_and_what_is_removed_counts_as_logged_by_its_length() {
    let dir = tempfile::tempdir().unwrap();
    let kv = SledKv::open(dir.path()).unwrap();
    kv.apply(&one(b"a key")).unwrap();
    assert_eq!(kv.logged_bytes.load(Ordering::Acquire), 5 + 5);
    let mut batch = one(b"others");
    batch.remove(b"a key".to_vec());
    kv.apply(&batch).unwrap();
    assert_eq!(kv.logged_bytes.load(Ordering::Acquire), 10 + 11 + 5);
}

#[test]
fn an_engine_that_is_cut_off_in_the_midst_of_much_leaves_little_to_read() {
    let dir = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let kv = SledKv::open_settling(dir.path(), 8 << 20).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (kv, done) = (&kv, &done);
        // Who reads meanwhile sees each value, whole.
        let reader = scope.spawn(move || {
            let mut seen = 0;
            while !done.load(Ordering::Acquire) {
                if let Some(value) = kv.get(&0_u32.to_be_bytes()).unwrap() {
                    assert_eq!(value, vec![7; 4_000]);
                    seen += 1;
                }
            }
            seen
        });
        fill(kv, 0..10_000);
        done.store(true, Ordering::Release);
        assert!(reader.join().unwrap() > 0);
    });
    // As the power leaves it: nothing is closed.
    for entry in fs::read_dir(dir.path()).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    let read = opening_bytes(copy.path());
    assert!(read < 14 << 20, "{read} bytes of 40 MB");
    let kv = SledKv::open(copy.path()).unwrap();
    let all = kv.scan(&KeyRange::prefix(b""), 20_000).unwrap();
    assert_eq!(all.len(), 10_000);
}

#[test]
fn a_page_table_that_a_power_cut_left_half_written_is_passed_over() {
    for left in [&[][..], &[7; 12], &[7; 5_000]] {
        let dir = tempfile::tempdir().unwrap();
        let kv = SledKv::open(dir.path()).unwrap();
        fill(&kv, 0..2_000);
        drop(kv);
        wait_let_go(dir.path()).unwrap();
        let unfinished = dir.path().join("snap.FFFFFFFFFFFFFFFF.generating");
        fs::write(&unfinished, left).unwrap();
        let kv = SledKv::open(dir.path()).unwrap();
        let all = kv.scan(&KeyRange::prefix(b""), 20_000).unwrap();
        assert_eq!(all.len(), 2_000);
        assert!(!unfinished.exists());
    }
    // The settings, half written at the very first opening; of a database that was written to they stay.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(SETTINGS), [7; 40]).unwrap();
    let kv = SledKv::open(dir.path()).unwrap();
    kv.apply(&one(b"first")).unwrap();
    kv.sync().unwrap();
    drop(kv);
    wait_let_go(dir.path()).unwrap();
    let settings = fs::read(dir.path().join(SETTINGS)).unwrap();
    let kv = SledKv::open(dir.path()).unwrap();
    assert!(kv.get(b"first").unwrap().is_some());
    assert_eq!(fs::read(dir.path().join(SETTINGS)).unwrap(), settings);
}

#[test]
fn an_engine_that_could_not_be_opened_anew_is_tried_again_and_has_lost_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let kv = SledKv::open(dir.path()).unwrap();
    fill(&kv, 0..10_000);
    // sled cannot write its page table where there is no place for it.
    drop(kv.tree.write().unwrap().take());
    wait_let_go(dir.path()).unwrap();
    let (here, aside) = (dir.path().join("conf"), dir.path().join("aside"));
    fs::rename(&here, &aside).unwrap();
    fs::create_dir(&here).unwrap();
    assert!(kv.get(&0_u32.to_be_bytes()).is_err());
    assert!(kv.rest().is_err());
    fs::remove_dir(&here).unwrap();
    fs::rename(&aside, &here).unwrap();
    assert!(kv.get(&0_u32.to_be_bytes()).unwrap().is_some());
    kv.apply(&one(b"after")).unwrap();
    kv.sync().unwrap();
}
