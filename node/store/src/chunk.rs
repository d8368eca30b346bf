//! Values longer than one row: pieces under `key ‖ chunk u16`.
//!
//! Shape of a piece: `generation u64 ‖ count u16 ‖ bytes`.
//!
//! Invariants: pieces of two generations never pass as one value; a shorter value
//! removes the pieces the longer one left.

use crate::{
    codec::{Dec, Enc},
    core::Core,
    error::StoreError,
    seal::{KeyId, PLAIN_BYTES_MAX},
    tx::Tx,
};

const HEAD_BYTES: usize = 10;
/// Bytes of the value one piece holds.
pub(crate) const PIECE_BYTES: usize = PLAIN_BYTES_MAX - HEAD_BYTES;
/// How often a reader that met a change half-way tries again.
const RETRIES_MAX: usize = 64;

/// The first piece of a value or all of it, and what is needed to read on.
pub(crate) struct Head {
    pub(crate) generation: u64,
    pub(crate) count: u16,
    pub(crate) bytes: Vec<u8>,
}

/// The row of a piece.
pub(crate) fn chunk_key(prefix: &[u8], chunk: u16) -> Vec<u8> {
    let mut key = Vec::with_capacity(prefix.len() + 2);
    key.extend_from_slice(prefix);
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

fn parse(plain: Vec<u8>) -> Result<Head, StoreError> {
    let mut dec = Dec::new(&plain, "value piece");
    let generation = u64::from_be_bytes(dec.array()?);
    let count = u16::from_be_bytes(dec.array()?);
    let mut bytes = plain;
    bytes.drain(..HEAD_BYTES);
    Ok(Head {
        generation,
        count,
        bytes,
    })
}

/// Puts `value` under `prefix`; `old_count` pieces stand there now.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    id: KeyId,
    prefix: &[u8],
    generation: u64,
    value: &[u8],
    old_count: u16,
) -> Result<(), StoreError> {
    let count = value.len().div_ceil(PIECE_BYTES).max(1);
    let count = u16::try_from(count).map_err(|_| StoreError::TooLarge("a stored value"))?;
    let mut pieces = value.chunks(PIECE_BYTES);
    for chunk in 0..count {
        let mut enc = Enc::new();
        enc.raw(&generation.to_be_bytes()).raw(&count.to_be_bytes());
        enc.raw(pieces.next().unwrap_or_default());
        tx.put(id, chunk_key(prefix, chunk), enc.out);
    }
    for chunk in count..old_count {
        tx.remove(chunk_key(prefix, chunk));
    }
    Ok(())
}

/// Removes a value of `count` pieces.
pub(crate) fn remove(tx: &mut Tx<'_>, prefix: &[u8], count: u16) {
    for chunk in 0..count {
        tx.remove(chunk_key(prefix, chunk));
    }
}

/// The whole value as the group sees it, with its number of pieces.
pub(crate) fn read_tx(tx: &mut Tx<'_>, prefix: &[u8]) -> Result<Option<(Vec<u8>, u16)>, StoreError> {
    Ok(read_whole_tx(tx, prefix)?.map(|head| (head.bytes, head.count)))
}

/// As [`read_tx`], with its generation.
pub(crate) fn read_whole_tx(tx: &mut Tx<'_>, prefix: &[u8]) -> Result<Option<Head>, StoreError> {
    let Some(first) = tx.row(&chunk_key(prefix, 0))? else {
        return Ok(None);
    };
    let mut head = parse(first.to_vec())?;
    for chunk in 1..head.count {
        let plain = tx
            .row(&chunk_key(prefix, chunk))?
            .ok_or(StoreError::Damaged("value piece"))?;
        let piece = parse(plain.to_vec())?;
        if piece.generation != head.generation || piece.count != head.count {
            return Err(StoreError::Damaged("value piece"));
        }
        head.bytes.extend_from_slice(&piece.bytes);
    }
    Ok(Some(head))
}

/// At least `bytes_min` bytes of the value (all of it for `usize::MAX`), or `None` if it
/// changed while being read.
fn extend(core: &Core, prefix: &[u8], head: &mut Head, bytes_min: usize) -> Result<bool, StoreError> {
    let have = head.bytes.len().div_ceil(PIECE_BYTES).max(1);
    for chunk in have..usize::from(head.count) {
        if head.bytes.len() >= bytes_min {
            break;
        }
        let Some(plain) = core.row(&chunk_key(prefix, chunk as u16))? else {
            return Ok(false);
        };
        let piece = parse(plain)?;
        if piece.generation != head.generation || piece.count != head.count {
            return Ok(false);
        }
        head.bytes.extend_from_slice(&piece.bytes);
    }
    Ok(true)
}

/// Reads as much of a value as `wanted` asks for, given its first piece.
pub(crate) fn read(
    core: &Core,
    prefix: &[u8],
    wanted: impl Fn(&[u8]) -> Result<usize, StoreError>,
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(read_head(core, prefix, wanted)?.map(|head| head.bytes))
}

/// The whole value with its generation.
pub(crate) fn read_whole(core: &Core, prefix: &[u8]) -> Result<Option<Head>, StoreError> {
    read_head(core, prefix, |_| Ok(usize::MAX))
}

fn read_head(
    core: &Core,
    prefix: &[u8],
    wanted: impl Fn(&[u8]) -> Result<usize, StoreError>,
) -> Result<Option<Head>, StoreError> {
    let row = chunk_key(prefix, 0);
    for _ in 0..RETRIES_MAX {
        let Some(sealed) = core.kv.get(&row)? else {
            return Ok(None);
        };
        let mut head = parse(core.open(&row, &sealed)?)?;
        let bytes_min = wanted(&head.bytes)?;
        let first_bytes = head.bytes.len();
        if !extend(core, prefix, &mut head, bytes_min)? {
            continue;
        }
        // A value may be put again under its generation: what was read of it is of one putting only if its first
        // piece is still what it was, to the byte as it is sealed.
        let is_more = head.bytes.len() > first_bytes;
        if !is_more || core.kv.get(&row)?.as_ref() == Some(&sealed) {
            return Ok(Some(head));
        }
    }
    Err(StoreError::Damaged("value piece"))
}
