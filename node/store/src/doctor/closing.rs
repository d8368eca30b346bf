//! What a store was when it was last closed, in a small file beside the database.
//!
//! Rows are sealed one by one, so an edit of one is noticed when it is read. A database
//! put back whole to an earlier moment consists of rows that are each as they once were:
//! that shows against what the closing left here, at the same cost at any size. Where single
//! rows were put back as they once were, a doctor finds it by the sums and counts over
//! records, compartments and entries, and by the list of documents, against which each
//! reading of a document is held too ([`crate::blob_list`]).
//!
//! Invariants: written after a clean close, and taken away, durably, by the next opening
//! before anything changes; what was found to differ there stays on record until the store
//! is rebuilt.

use std::{fs, io, path::Path};

use crate::{file_names::DB, seal::slots::write_whole};

const FILE: &str = "closing";
/// What was found to differ, a line each.
const DIFFERS: &str = "closing.differs";
/// What earlier versions left: hashes of whole files, and what differed from them.
const OLD_FILE: &str = "manifest";
const OLD_DIFFERS: &str = "manifest.mismatch";
const VERSION: u8 = 1;
/// Length of the file: version, digest of the state, code over both.
const BYTES: usize = 1 + 2 * 32;

/// What a closing leaves: a digest of the state row as it is sealed. Each batch seals it anew, so
/// it names the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closing([u8; 32]);

impl Closing {
    /// Of a store whose state row is this.
    pub(crate) fn of(key: &[u8; 32], sealed_state: &[u8]) -> Closing {
        Closing(*blake3::keyed_hash(key, sealed_state).as_bytes())
    }

    fn to_bytes(self, key: &[u8; 32]) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.0);
        let code = blake3::keyed_hash(key, &out);
        out.extend(code.as_bytes());
        out
    }

    /// None for what was not written with this key.
    pub(crate) fn from_bytes(bytes: &[u8], key: &[u8; 32]) -> Option<Closing> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let (body, code) = bytes.split_at_checked(BYTES - 32)?;
        let code: [u8; 32] = code.try_into().ok()?;
        // blake3::Hash compares in constant time.
        let is_ours = blake3::keyed_hash(key, body) == blake3::Hash::from_bytes(code);
        let (version, digest) = body.split_first()?;
        (is_ours && *version == VERSION).then_some(Closing(digest.try_into().ok()?))
    }

    /// Writes it: the store has just been closed.
    pub(crate) fn write(self, dir: &Path, key: &[u8; 32]) {
        if let Err(error) = write_whole(&dir.join(FILE), &self.to_bytes(key)) {
            tracing::warn!(%error, "what the store was when it was closed could not be noted");
        }
    }
}

/// The store has been opened and is as `now`, before anything changes in it: what the closing
/// left has served, and what differs is kept on record.
///
/// # Errors
/// When what was left cannot be read, or what is found not be written: nothing is taken away then.
pub(crate) fn retire(dir: &Path, key: &[u8; 32], now: Closing) -> io::Result<()> {
    let mut differs = differing(dir)?;
    let before = differs.len();
    // What an earlier version found.
    differs.extend(lines(dir, OLD_DIFFERS)?);
    match read(dir, FILE)?.map(|bytes| Closing::from_bytes(&bytes, key)) {
        Some(None) => differs.push(FILE.to_owned()),
        Some(Some(then)) if then != now => differs.push(DB.to_owned()),
        _ => {}
    }
    differs.dedup();
    if differs.len() > before {
        tracing::error!("the store is not as it was when it was closed: run doctor");
        write_whole(&dir.join(DIFFERS), differs.join("\n").as_bytes())?;
    }
    remove(dir, &[FILE, OLD_FILE, OLD_DIFFERS])
}

/// What was found to differ from what a closing had left.
///
/// # Errors
/// When that cannot be read: it must not pass for nothing.
pub(crate) fn differing(dir: &Path) -> io::Result<Vec<String>> {
    lines(dir, DIFFERS)
}

fn read(dir: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(dir.join(name)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn lines(dir: &Path, name: &str) -> io::Result<Vec<String>> {
    let bytes = read(dir, name)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes)
        .lines()
        .map(str::to_owned)
        .collect())
}

/// Takes files away, durably.
fn remove(dir: &Path, names: &[&str]) -> io::Result<()> {
    let mut is_gone = false;
    for name in names {
        match fs::remove_file(dir.join(name)) {
            Ok(()) => is_gone = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    match is_gone {
        true => fs::File::open(dir)?.sync_all(),
        false => Ok(()),
    }
}

/// The store was rebuilt: nothing is on record any more.
///
/// # Errors
/// When a file cannot be taken away.
pub(crate) fn clear(dir: &Path) -> io::Result<()> {
    remove(dir, &[FILE, DIFFERS, OLD_FILE, OLD_DIFFERS])
}
