//! The manifest: what the files were when the store was last closed.
//!
//! The database's log keeps stretches that no record needs any more; an edit there shows
//! in no row. The manifest lists every file with a keyed hash, so that `doctor` notices
//! any edit made while the store was closed.
//!
//! Invariants: written after a clean close, taken away by the next opening before anything
//! changes; a mismatch found there stays on record until the store is rebuilt.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use crate::{
    codec::{Dec, Enc},
    error::StoreError,
    seal::slots::write_whole,
};

const FILE: &str = "manifest";
const MISMATCH: &str = "manifest.mismatch";
/// Most files listed.
const FILES_MAX: usize = 4_096;
/// Largest directory whose manifest an opening checks; a doctor always does.
const CHECK_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Largest directory a manifest is made for: closing must not take long.
const WRITE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

type Entry = (String, u64, [u8; 32]);

/// What a manifest says about the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// There is none: the store was not closed, or is too large.
    None,
    /// All files are as they were.
    Same,
    /// These differ.
    Differs(Vec<String>),
}

fn store_files(dir: &Path) -> Vec<(String, PathBuf)> {
    let mut out = vec![(
        crate::seal::slots::FILE.to_owned(),
        dir.join(crate::seal::slots::FILE),
    )];
    let mut dirs = vec![(crate::files::DB.to_owned(), dir.join(crate::files::DB))];
    while let Some((name, dir)) = dirs.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten().take(FILES_MAX) {
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                dirs.push((name, entry.path()));
            } else {
                out.push((name, entry.path()));
            }
        }
    }
    out.sort();
    out
}

fn total_bytes(dir: &Path) -> u64 {
    store_files(dir)
        .iter()
        .filter_map(|(_, path)| fs::metadata(path).ok())
        .map(|data| data.len())
        .sum()
}

fn hash(path: &Path, key: &[u8; 32]) -> Option<(u64, [u8; 32])> {
    let mut hasher = blake3::Hasher::new_keyed(key);
    let mut file = File::open(path).ok()?;
    let mut buffer = vec![0u8; 256 * 1024];
    let mut len = 0;
    loop {
        let read = file.read(&mut buffer).ok()?;
        if read == 0 {
            break;
        }
        len += read as u64;
        hasher.update(buffer.get(..read)?);
    }
    Some((len, *hasher.finalize().as_bytes()))
}

fn entries(dir: &Path, key: &[u8; 32]) -> Option<Vec<Entry>> {
    store_files(dir)
        .into_iter()
        .map(|(name, path)| hash(&path, key).map(|(len, hash)| (name, len, hash)))
        .collect()
}

/// Writes the manifest of a store that has just been closed.
pub(crate) fn write(dir: &Path, key: &[u8; 32]) {
    if total_bytes(dir) > WRITE_BYTES_MAX {
        return;
    }
    let Some(entries) = entries(dir, key) else { return };
    let mut enc = Enc::new();
    enc.varint(entries.len() as u64);
    for (name, len, hash) in &entries {
        enc.text(name).varint(*len).raw(hash);
    }
    let mac = *blake3::keyed_hash(key, &enc.out).as_bytes();
    enc.raw(&mac);
    if let Err(error) = write_whole(&dir.join(FILE), &enc.out) {
        tracing::warn!(%error, "no manifest was written");
    }
}

pub(crate) fn parse(bytes: &[u8], key: &[u8; 32]) -> Result<Vec<Entry>, StoreError> {
    let damaged = StoreError::Damaged("manifest");
    let body = bytes
        .len()
        .checked_sub(32)
        .and_then(|at| bytes.split_at_checked(at));
    let (body, mac) = body.ok_or(damaged.clone())?;
    let mac: [u8; 32] = mac.try_into().map_err(|_| damaged.clone())?;
    // blake3::Hash compares in constant time.
    if blake3::keyed_hash(key, body) != blake3::Hash::from_bytes(mac) {
        return Err(damaged);
    }
    let mut dec = Dec::new(body, "manifest");
    let count = dec.count()?;
    (0..count)
        .map(|_| Ok((dec.text()?.to_owned(), dec.varint()?, dec.array()?)))
        .collect()
}

/// Compares the files with the manifest.
pub(crate) fn check(dir: &Path, key: &[u8; 32]) -> Finding {
    if dir.join(MISMATCH).exists() {
        let listed = fs::read_to_string(dir.join(MISMATCH)).unwrap_or_default();
        return Finding::Differs(listed.lines().map(str::to_owned).collect());
    }
    let Ok(bytes) = fs::read(dir.join(FILE)) else {
        return Finding::None;
    };
    let Ok(then) = parse(&bytes, key) else {
        return Finding::Differs(vec![FILE.to_owned()]);
    };
    let Some(now) = entries(dir, key) else {
        return Finding::Differs(vec!["unreadable".to_owned()]);
    };
    let mut differs: Vec<String> = now
        .iter()
        .filter(|entry| !then.contains(entry))
        .map(|(name, ..)| name.clone())
        .collect();
    let gone = then
        .iter()
        .filter(|entry| !now.iter().any(|(name, ..)| *name == entry.0));
    differs.extend(gone.map(|(name, ..)| name.clone()));
    if differs.is_empty() {
        Finding::Same
    } else {
        Finding::Differs(differs)
    }
}

/// The store is about to be opened: the manifest has served. A mismatch is kept on record.
pub(crate) fn retire(dir: &Path, key: &[u8; 32]) {
    if !dir.join(FILE).exists() {
        return;
    }
    if total_bytes(dir) <= CHECK_BYTES_MAX
        && let Finding::Differs(names) = check(dir, key)
    {
        tracing::error!("files of the store were changed while it was closed: run doctor");
        let _ = write_whole(&dir.join(MISMATCH), names.join("\n").as_bytes());
    }
    let _ = fs::remove_file(dir.join(FILE));
}

/// The store was rebuilt: nothing is on record any more.
pub(crate) fn clear(dir: &Path) {
    let _ = fs::remove_file(dir.join(FILE));
    let _ = fs::remove_file(dir.join(MISMATCH));
}
