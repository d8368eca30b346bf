//! When, by their own systems, the records were written that imports brought (CR-121).
//!
//! Sealed documents of the store, `import/stamps/<2 hex digits>`, not replicated: `version u8 = 1`, then rows of 40
//! bytes: key 16 ‖ version 8 ‖ ms since 1970 i64 big-endian 8, the least of a source without times ‖ source 8. Where the
//! version that it names is not the current one the record was changed here since, and an import leaves it. A document that can't be read is as none.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chaski_store::VersionId;

use super::incoming::Stamp;
use super::names::{NameHash, name_hash};
use crate::Clinic;
use crate::record::RecordError;

const FORMAT: u8 = 1;
const ROW_BYTES: usize = 40;
/// Rows of one document, at most; later ones are not remembered.
const ROWS_MAX: usize = 800_000;

/// What is remembered of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    version: u64,
    ms: i64,
    source: u64,
}

struct Part {
    rows: HashMap<NameHash, Row>,
    is_changed: bool,
}

/// The stamps that an import looks at.
#[derive(Default)]
pub(super) struct Stamps {
    parts: HashMap<u8, Part>,
}

fn document(part: u8) -> String {
    format!("import/stamps/{part:02x}")
}

fn version_hash(version: &VersionId) -> u64 {
    name_hash(&["version", &version.to_string()]) as u64
}

impl Stamps {
    fn part(&mut self, clinic: &Clinic, key: NameHash) -> Result<&mut Part, RecordError> {
        let number = (key >> 120) as u8;
        Ok(match self.parts.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let bytes = clinic.store().blob(&document(number))?.unwrap_or_default();
                free.insert(Part {
                    rows: read(&bytes),
                    is_changed: false,
                })
            }
        })
    }

    /// Whether a record is another by now than the one that an import wrote here.
    pub(super) fn is_changed(
        &mut self,
        clinic: &Clinic,
        key: NameHash,
        current: &VersionId,
    ) -> Result<bool, RecordError> {
        let row = self.part(clinic, key)?.rows.get(&key);
        Ok(row.is_some_and(|row| row.version != version_hash(current)))
    }

    /// Whether a version of a record is older at its system than the current one here, which an import wrote.
    pub(super) fn is_older(
        &mut self,
        clinic: &Clinic,
        key: NameHash,
        current: &VersionId,
        stamp: Stamp,
    ) -> Result<bool, RecordError> {
        let Some(ms) = stamp.ms else {
            return Ok(false);
        };
        let row = self.part(clinic, key)?.rows.get(&key);
        Ok(row.is_some_and(|row| {
            row.version == version_hash(current) && row.source == stamp.source && ms < row.ms
        }))
    }

    /// Remembers that the current version is what its system had at this time.
    pub(super) fn set(
        &mut self,
        clinic: &Clinic,
        key: NameHash,
        current: &VersionId,
        stamp: Stamp,
    ) -> Result<(), RecordError> {
        // Of a source that tells no time it is remembered which version it brought.
        let ms = stamp.ms.unwrap_or(i64::MIN);
        let part = self.part(clinic, key)?;
        let row = Row {
            version: version_hash(current),
            ms,
            source: stamp.source,
        };
        let known = part.rows.get(&key).copied();
        let is_newer = known.is_none_or(|known| known.version != row.version || known.ms < ms);
        if is_newer && (known.is_some() || part.rows.len() < ROWS_MAX) {
            part.rows.insert(key, row);
            part.is_changed = true;
        }
        Ok(())
    }

    /// Writes what changed.
    pub(super) fn save(&mut self, clinic: &Clinic) -> Result<(), RecordError> {
        for (number, part) in &mut self.parts {
            if std::mem::take(&mut part.is_changed) {
                clinic
                    .store()
                    .blob_put(&document(*number), &written(&part.rows))?;
            }
        }
        Ok(())
    }
}

fn written(rows: &HashMap<NameHash, Row>) -> Vec<u8> {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by_key(|(key, _)| **key);
    let mut bytes = vec![FORMAT];
    for (key, row) in rows {
        bytes.extend_from_slice(&key.to_be_bytes());
        bytes.extend_from_slice(&row.version.to_be_bytes());
        bytes.extend_from_slice(&row.ms.to_be_bytes());
        bytes.extend_from_slice(&row.source.to_be_bytes());
    }
    bytes
}

fn read(bytes: &[u8]) -> HashMap<NameHash, Row> {
    let Some((&FORMAT, rows)) = bytes.split_first() else {
        return HashMap::new();
    };
    let row = |row: &[u8]| {
        let (key, rest) = row.split_first_chunk::<16>()?;
        let (version, rest) = rest.split_first_chunk::<8>()?;
        let (ms, rest) = rest.split_first_chunk::<8>()?;
        let (source, _) = rest.split_first_chunk::<8>()?;
        let row = Row {
            version: u64::from_be_bytes(*version),
            ms: i64::from_be_bytes(*ms),
            source: u64::from_be_bytes(*source),
        };
        Some((u128::from_be_bytes(*key), row))
    };
    rows.chunks_exact(ROW_BYTES).filter_map(row).collect()
}
