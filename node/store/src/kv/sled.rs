//! sled 0.34.7 as a [`Kv`].
//!
//! Invariants: durable means sled's flush **and** fdatasync of its file, because the
//! flush ends in `sync_file_range` on Linux (sled issue 1452); values stay below the
//! size at which sled would make blob files; sled's panics on damage become errors; an
//! engine that was let go is waited for: sled's threads tell a flush that all is written
//! before they are done, and hold the file, its lock with it, for as long as that takes.

use std::{
    fs::{self, File, TryLockError},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Batch, KeyRange, Kv, KvError, Op, Pair};

/// sled's page cache, in bytes; its tables come on top.
const CACHE_BYTES: u64 = 40 * 1024 * 1024;
/// The one file sled keeps its log in.
const LOG: &str = "db";
/// How often an engine's lock is looked at while it is waited for, and how long between:
/// ten seconds, which is long for what a slow disk has left to do.
const LOOKS_MAX: u32 = 2_000;
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// A sled database in one directory.
pub struct SledKv {
    tree: sled::Db,
    file: File,
    dir: PathBuf,
    writer: Mutex<()>,
}

impl std::fmt::Debug for SledKv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledKv").finish_non_exhaustive()
    }
}

impl SledKv {
    /// Opens or makes the database in `dir`.
    ///
    /// # Errors
    /// The file system's, damage found by sled, or [`KvError::InUse`].
    pub fn open(dir: &Path) -> Result<SledKv, KvError> {
        wait_let_go(dir)?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .mode(sled::Mode::HighThroughput)
            .print_profile_on_drop(false);
        let tree = guard(|| config.open())?;
        let file = File::open(dir.join(LOG)).map_err(io)?;
        Ok(SledKv {
            tree,
            file,
            dir: dir.to_owned(),
            writer: Mutex::new(()),
        })
    }
}

/// Waits until no engine holds the database in `dir`: its file is what it will be, and
/// opens. What took that engine's place meanwhile is not waited for, so the caller holds the
/// directory's own lock.
pub(crate) fn wait_let_go(dir: &Path) -> Result<(), KvError> {
    look_until_let_go(dir, &mut || std::thread::sleep(LOOK_PAUSE))
}

fn look_until_let_go(dir: &Path, pause: &mut dyn FnMut()) -> Result<(), KvError> {
    let log = dir.join(LOG);
    let file = match fs::OpenOptions::new().read(true).write(true).open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
    };
    for _ in 0..LOOKS_MAX {
        match file.try_lock() {
            Ok(()) => return file.unlock().map_err(io),
            Err(TryLockError::WouldBlock) => pause(),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
    }
    Err(KvError::InUse)
}

fn io(error: std::io::Error) -> KvError {
    if error.kind() == std::io::ErrorKind::StorageFull {
        KvError::NoSpace
    } else {
        KvError::Io(error.kind().to_string())
    }
}

fn translate(error: sled::Error) -> KvError {
    match error {
        sled::Error::Io(error) => io(error),
        sled::Error::Corruption { .. } => KvError::Damaged("checksum".to_owned()),
        sled::Error::ReportableBug(_) => KvError::Damaged("inconsistent".to_owned()),
        sled::Error::Unsupported(_) => KvError::Damaged("format".to_owned()),
        sled::Error::CollectionNotFound(_) => KvError::Damaged("no tree".to_owned()),
    }
}

/// Runs `work` behind an unwind barrier: sled panics on some damage.
fn guard<T>(work: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, KvError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(translate),
        Err(_) => Err(KvError::Damaged("unreadable page".to_owned())),
    }
}

impl Kv for SledKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        guard(|| Ok(self.tree.get(key)?.map(|value| value.to_vec())))
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, KvError> {
        guard(|| {
            let mut out = Vec::new();
            let mut iter = match &range.end {
                Some(end) if *end <= range.start => return Ok(out),
                Some(end) => self.tree.range(range.start.as_slice()..end.as_slice()),
                None => self.tree.range(range.start.as_slice()..),
            };
            while out.len() < limit {
                let next = if range.reverse {
                    iter.next_back()
                } else {
                    iter.next()
                };
                let Some(pair) = next else { break };
                let (key, value) = pair?;
                out.push((key.to_vec(), value.to_vec()));
            }
            Ok(out)
        })
    }

    fn apply(&self, batch: &Batch) -> Result<(), KvError> {
        batch.check()?;
        let _one_writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        for condition in &batch.preconditions {
            if self.get(&condition.key)? != condition.value {
                return Err(KvError::Precondition);
            }
        }
        let mut ops = sled::Batch::default();
        for op in &batch.ops {
            match op {
                Op::Put(key, value) => ops.insert(key.as_slice(), value.as_slice()),
                Op::Remove(key) => ops.remove(key.as_slice()),
            }
        }
        guard(|| self.tree.apply_batch(ops))
    }

    fn sync(&self) -> Result<(), KvError> {
        guard(|| self.tree.flush())?;
        self.file.sync_data().map_err(io)
    }

    fn disk_bytes(&self) -> u64 {
        files_bytes(&self.dir)
    }
}

/// Bytes of the files below `dir`, two levels deep.
fn files_bytes(dir: &Path) -> u64 {
    let mut sum = 0;
    let mut dirs = vec![(dir.to_owned(), 0)];
    while let Some((dir, depth)) = dirs.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() && depth < 2 => dirs.push((entry.path(), depth + 1)),
                Ok(data) => sum += data.len(),
                Err(_) => {}
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::os::{fd::OwnedFd, unix::fs::MetadataExt};

    use super::*;

    fn one(key: &[u8]) -> Batch {
        let mut batch = Batch::default();
        batch.put(key.to_vec(), b"value".to_vec());
        batch
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
        assert!(kv.tree.flush().unwrap() > 0, "an applied batch waits for a flush");
        kv.apply(&one(b"b")).unwrap();
        kv.sync().unwrap();
        assert_eq!(kv.tree.flush().unwrap(), 0, "a sync has flushed");
        let (_reader, writer) = std::io::pipe().unwrap();
        let file = std::mem::replace(&mut kv.file, File::from(OwnedFd::from(writer)));
        kv.apply(&one(b"c")).unwrap();
        assert!(
            matches!(kv.sync(), Err(KvError::Io(_))),
            "the data were not synced"
        );
        assert_eq!(
            kv.tree.flush().unwrap(),
            0,
            "what is not yet written cannot be synced"
        );
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
}
