//! What a store was when it was last closed, in a small file beside the database.
//!
//! Rows are sealed one by one, so an edit of one is noticed when it is read. A database
//! put back to an earlier moment, whole or in part, consists of rows that are each as they
//! once were: that shows against what the closing left here. It costs the same at any size.
//!
//! Invariants: written after a clean close, taken away by the next opening before anything
//! changes; what was found to differ there stays on record until the store is rebuilt.

use std::{fs, path::Path};

use crate::{files, seal::slots::write_whole};

const FILE: &str = "closing";
/// What was found to differ, a line each.
const DIFFERS: &str = "closing.differs";
/// What earlier versions left: hashes of whole files, and what differed from them.
const OLD_FILES: [&str; 2] = ["manifest", "manifest.mismatch"];
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
pub(crate) fn retire(dir: &Path, key: &[u8; 32], now: Closing) {
    for old in OLD_FILES {
        let _ = fs::remove_file(dir.join(old));
    }
    let Ok(bytes) = fs::read(dir.join(FILE)) else {
        return;
    };
    let differs = match Closing::from_bytes(&bytes, key) {
        None => Some(FILE),
        Some(then) => (then != now).then_some(files::DB),
    };
    if let Some(name) = differs {
        tracing::error!("the store is not as it was when it was closed: run doctor");
        let _ = write_whole(&dir.join(DIFFERS), name.as_bytes());
    }
    let _ = fs::remove_file(dir.join(FILE));
}

/// What was found to differ from what a closing had left.
pub(crate) fn differing(dir: &Path) -> Vec<String> {
    let listed = fs::read_to_string(dir.join(DIFFERS)).unwrap_or_default();
    listed.lines().map(str::to_owned).collect()
}

/// The store was rebuilt: nothing is on record any more.
pub(crate) fn clear(dir: &Path) {
    for name in [FILE, DIFFERS].into_iter().chain(OLD_FILES) {
        let _ = fs::remove_file(dir.join(name));
    }
}
