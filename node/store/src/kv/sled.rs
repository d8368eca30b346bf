//! sled 0.34.7 as a [`Kv`].
//!
//! Invariants: durable means sled's flush **and** fdatasync of its file, because the
//! flush ends in `sync_file_range` on Linux (sled issue 1452); values stay below the
//! size at which sled would make blob files; sled's panics on damage become errors; an
//! engine that was let go is waited for: sled's threads tell a flush that all is written
//! before they are done, and hold the file, its lock with it, for as long as that takes;
//! an opening reads what was logged in the last while alone, however much there is.
//!
//! sled writes its page table out when it opens and at no other time, and an opening reads
//! all that was logged since. So the engine is opened anew when much was and nobody has used it
//! for a moment, when very much was, and at its end: nobody reads or writes for so long, and what
//! it reads then lies in memory yet.

use std::{
    fs::{self, File, TryLockError},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::engine::{Batch, KeyRange, Kv, KvError, Op, Pair};

/// sled's page cache, in bytes; its tables come on top.
const CACHE_BYTES: u64 = 40 * 1024 * 1024;
/// The one file sled keeps its log in.
const LOG: &str = "db";
/// How the names of its page tables begin, and what stands behind the name of one that is being written.
const TABLE: &str = "snap.";
const UNFINISHED: &str = ".generating";
/// What it keeps its own settings in.
const SETTINGS: &str = "conf";
/// How often an engine's lock is looked at while it is waited for, and how long between:
/// ten seconds, which is long for what a slow disk has left to do.
const LOOKS_MAX: u32 = 2_000;
const LOOK_PAUSE: Duration = Duration::from_millis(5);

/// Bytes counted as logged after which the page table is written out while others wait. sled tells of its log what
/// a flush had yet to write, and not what it wrote by itself before: what was put is counted beside that, and an
/// import of small records logs up to about twice what is counted.
const SETTLE_BYTES: u64 = 256 << 20;
/// The same while nobody waits: when the engine was not used for so long.
const QUIET_BYTES: u64 = 32 << 20;
const QUIET: Duration = Duration::from_millis(1_500);
/// Bytes counted as logged for which an opening is not spared at the end.
const REST_BYTES: u64 = 8 << 20;
/// The page table grows with the file, and so does the time to write it out: it is done again only when this
/// part of the file was logged, so that all the times together cost a bounded part of the writing; and at the
/// end, when that part was.
const SETTLE_PART: u64 = 4;
const QUIET_PART: u64 = 32;
const REST_PART: u64 = 128;

/// A sled database in one directory.
pub struct SledKv {
    /// Nothing where it could not be opened anew: the next to use it tries again.
    tree: RwLock<Option<sled::Db>>,
    file: File,
    dir: PathBuf,
    writer: Mutex<()>,
    /// Bytes counted as logged since the page table was written out.
    logged_bytes: AtomicU64,
    settle_bytes: u64,
    made: Instant,
    /// When the engine was last used, in ms since this was made.
    used_ms: AtomicU64,
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
        Self::open_settling(dir, SETTLE_BYTES)
    }

    fn open_settling(dir: &Path, settle_bytes: u64) -> Result<SledKv, KvError> {
        let tree = open_tree(dir)?;
        let file = File::open(dir.join(LOG)).map_err(io)?;
        Ok(SledKv {
            tree: RwLock::new(Some(tree)),
            file,
            dir: dir.to_owned(),
            writer: Mutex::new(()),
            logged_bytes: AtomicU64::new(0),
            settle_bytes,
            made: Instant::now(),
            used_ms: AtomicU64::new(0),
        })
    }

    /// Does `work` with the engine.
    fn with<T>(&self, work: impl FnOnce(&sled::Db) -> Result<T, sled::Error>) -> Result<T, KvError> {
        self.used_ms.store(self.now_ms(), Ordering::Release);
        let tree = self.tree.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = tree.as_ref() {
            return guard(|| work(tree));
        }
        drop(tree);
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        let tree = match tree.take() {
            Some(opened) => tree.insert(opened),
            None => tree.insert(open_tree(&self.dir)?),
        };
        guard(|| work(tree))
    }

    /// Has it written out, if nobody has used the engine for so long.
    fn settle_unused(&self, least: Duration) -> Result<(), KvError> {
        let used_ms = self.used_ms.load(Ordering::Acquire);
        if Duration::from_millis(self.now_ms().saturating_sub(used_ms)) < least {
            return Ok(());
        }
        self.settle(QUIET_BYTES, QUIET_PART)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Has the page table written out, if so much was logged since it last was, or so large a part of the file.
    /// All that was synced stands; who reads or writes meanwhile waits.
    fn settle(&self, bytes: u64, part: u64) -> Result<(), KvError> {
        let due_bytes = self
            .file
            .metadata()
            .map_or(bytes, |file| bytes.max(file.len() / part));
        if self.logged_bytes.load(Ordering::Acquire) < due_bytes {
            return Ok(());
        }
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        if self.logged_bytes.swap(0, Ordering::AcqRel) < due_bytes {
            // Another was here first.
            return Ok(());
        }
        guard(|| {
            drop(tree.take());
            Ok(())
        })?;
        *tree = Some(open_tree(&self.dir)?);
        Ok(())
    }
}

/// Opens sled's database, once who held it has let go: it writes its page table out.
fn open_tree(dir: &Path) -> Result<sled::Db, KvError> {
    wait_let_go(dir)?;
    unfinished_remove(dir).map_err(io)?;
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None)
        .mode(sled::Mode::HighThroughput)
        .print_profile_on_drop(false);
    guard(|| config.open())
}

/// Removes what a power cut left of files that sled was writing. It writes its page table under the name that this
/// is to have, with `.generating` behind it, and renames it; at the next opening it takes such a file for the newest
/// table, and the database for damaged if it is not whole. The table before it is removed only after that, so it
/// is there. Of a database to which nothing was ever written its settings may be half written as well.
fn unfinished_remove(dir: &Path) -> std::io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(TABLE) && name.ends_with(UNFINISHED) {
            fs::remove_file(entry.path())?;
        }
    }
    let is_new = fs::metadata(dir.join(LOG)).map_or(true, |log| log.len() == 0);
    let settings = dir.join(SETTINGS);
    if is_new && settings.is_file() {
        fs::remove_file(settings)?;
    }
    Ok(())
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
        self.with(|tree| Ok(tree.get(key)?.map(|value| value.to_vec())))
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, KvError> {
        self.with(|tree| {
            let mut out = Vec::new();
            let mut iter = match &range.end {
                Some(end) if *end <= range.start => return Ok(out),
                Some(end) => tree.range(range.start.as_slice()..end.as_slice()),
                None => tree.range(range.start.as_slice()..),
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

    fn count(&self, range: &KeyRange) -> Result<u64, KvError> {
        self.with(|tree| {
            let keys = match &range.end {
                Some(end) if *end <= range.start => return Ok(0),
                Some(end) => tree.range(range.start.as_slice()..end.as_slice()).keys(),
                None => tree.range(range.start.as_slice()..).keys(),
            };
            let mut count = 0_u64;
            for key in keys {
                key?;
                count = count.saturating_add(1);
            }
            Ok(count)
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
        self.with(|tree| tree.apply_batch(ops))?;
        let bytes: u64 = batch.ops.iter().map(op_bytes).sum();
        self.logged_bytes.fetch_add(bytes, Ordering::AcqRel);
        Ok(())
    }

    fn sync(&self) -> Result<(), KvError> {
        let bytes = self.with(|tree| tree.flush())?;
        self.file.sync_data().map_err(io)?;
        self.logged_bytes.fetch_add(bytes as u64, Ordering::AcqRel);
        if let Err(error) = self.settle(self.settle_bytes, SETTLE_PART) {
            // What is synced is, and the next to use the engine opens it.
            tracing::warn!(%error, "the database could not be opened anew");
        }
        Ok(())
    }

    fn rest(&self) -> Result<(), KvError> {
        self.settle(REST_BYTES, REST_PART)
    }

    fn quiet(&self) -> Result<(), KvError> {
        self.settle_unused(QUIET)
    }

    fn disk_bytes(&self) -> u64 {
        files_bytes(&self.dir)
    }
}

/// Bytes of a key and of what is put there.
fn op_bytes(op: &Op) -> u64 {
    let value = match op {
        Op::Put(_, value) => value.len(),
        Op::Remove(_) => 0,
    };
    (op.key().len() + value) as u64
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
mod tests;
