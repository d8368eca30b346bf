//! sled 0.34.7 as a [`Kv`].
//!
//! Invariants: durable means sled's flush **and** fdatasync of its file, because the
//! flush ends in `sync_file_range` on Linux (sled issue 1452); values stay below the
//! size at which sled would make blob files; sled's panics on damage become errors.

use std::{
    fs::{self, File},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{Batch, KeyRange, Kv, KvError, Op, Pair};

/// sled's page cache, in bytes; its tables come on top.
const CACHE_BYTES: u64 = 40 * 1024 * 1024;

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
    /// The file system's, or damage found by sled.
    pub fn open(dir: &Path) -> Result<SledKv, KvError> {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .mode(sled::Mode::HighThroughput)
            .print_profile_on_drop(false);
        let tree = guard(|| config.open())?;
        let file = File::open(dir.join("db")).map_err(io)?;
        Ok(SledKv {
            tree,
            file,
            dir: dir.to_owned(),
            writer: Mutex::new(()),
        })
    }
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
