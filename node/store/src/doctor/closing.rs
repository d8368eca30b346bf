//! What a store was when it was last closed, in a small file beside the database.
//!
//! Rows are sealed one by one, so an edit of one is noticed when it is read. A database
//! put back whole to an earlier moment consists of rows that are each as they once were:
//! that shows against what the closing left here, at the same cost at any size. Where single
//! rows were put back, a doctor finds that they do not agree with the rest.
//!
//! Invariants: written after a clean close, and taken away, durably, by the next opening
//! before anything changes; what was found to differ there stays on record until the store
//! is rebuilt.

use std::{fs, io, path::Path};

use crate::{files, seal::slots::write_whole};

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
/// When that cannot be written: nothing is taken away then.
pub(crate) fn retire(dir: &Path, key: &[u8; 32], now: Closing) -> io::Result<()> {
    let mut differs = differing(dir);
    let before = differs.len();
    // What an earlier version found.
    let old = fs::read_to_string(dir.join(OLD_DIFFERS)).unwrap_or_default();
    differs.extend(old.lines().map(str::to_owned));
    let left = fs::read(dir.join(FILE)).ok();
    match left.as_ref().map(|bytes| Closing::from_bytes(bytes, key)) {
        Some(None) => differs.push(FILE.to_owned()),
        Some(Some(then)) if then != now => differs.push(files::DB.to_owned()),
        _ => {}
    }
    differs.dedup();
    if differs.len() > before {
        tracing::error!("the store is not as it was when it was closed: run doctor");
        write_whole(&dir.join(DIFFERS), differs.join("\n").as_bytes())?;
    }
    let mut is_gone = false;
    for name in [FILE, OLD_FILE, OLD_DIFFERS] {
        is_gone |= fs::remove_file(dir.join(name)).is_ok();
    }
    if is_gone {
        fs::File::open(dir)?.sync_all()?;
    }
    Ok(())
}

/// What was found to differ from what a closing had left.
pub(crate) fn differing(dir: &Path) -> Vec<String> {
    let listed = fs::read_to_string(dir.join(DIFFERS)).unwrap_or_default();
    listed.lines().map(str::to_owned).collect()
}

/// The store was rebuilt: nothing is on record any more.
pub(crate) fn clear(dir: &Path) {
    for name in [FILE, DIFFERS, OLD_FILE, OLD_DIFFERS] {
        let _ = fs::remove_file(dir.join(name));
    }
}
