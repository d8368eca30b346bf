//! The payload of a batch: signed changes through the shared codec.
//!
//! Invariant: what is encoded here is within the codec's bounds, so it decodes
//! on the other side; decoding proves nothing about authorship.

use chaski_crdt::author::SignedChange;
use chaski_crdt::codec::{self, CodecError};
use chaski_crdt::key::RecordKey;

use crate::limits::ALONE_BYTES_MIN;
use crate::wire::PayloadId;

/// Uncompressed bytes put into one batch at most, overhead included; a single
/// change may be larger. Half of what the codec's blocks may hold.
pub(crate) const RAW_BYTES_MAX: usize = codec::BLOCK_RAW_BYTES_MAX / 2;
/// Bytes a change takes beside its chunk: author, sequence, signature, key.
const CHANGE_OVERHEAD_BYTES: usize = 128;

/// Signed changes of one record.
pub(crate) type Part = (RecordKey, Vec<SignedChange>);

/// Uncompressed size of a change with its envelope, in bytes.
pub(crate) fn change_bytes(change: &SignedChange) -> usize {
    change.bytes.len() + CHANGE_OVERHEAD_BYTES
}

/// Uncompressed size of a part, in bytes.
pub(crate) fn part_bytes(part: &Part) -> usize {
    part.1.iter().map(change_bytes).sum()
}

/// Cuts a record's changes into parts that each fit a batch, a large change in a part of its own.
pub(crate) fn split(key: &RecordKey, changes: Vec<SignedChange>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let (mut raw, mut is_alone) = (0, false);
    for change in changes {
        let bytes = change_bytes(&change);
        let was_alone = std::mem::replace(&mut is_alone, bytes >= ALONE_BYTES_MIN);
        match parts.last_mut() {
            Some((_, last)) if raw + bytes <= RAW_BYTES_MAX && !was_alone && !is_alone => {
                raw += bytes;
                last.push(change);
            }
            _ => {
                raw = bytes;
                parts.push((key.clone(), vec![change]));
            }
        }
    }
    parts
}

/// Derives the key of [`payload_id`] from the network's secret.
const PAYLOAD_CONTEXT: &str = "chaski 2026-11 batch payload v1";

/// The name of a payload among the members of a network; nobody else can tell from it what it is.
pub(crate) fn payload_id(network_secret: &[u8; 32], payload: &[u8]) -> PayloadId {
    let key = blake3::derive_key(PAYLOAD_CONTEXT, network_secret);
    let hash = blake3::keyed_hash(&key, payload);
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Compresses parts; empty parts are no batch.
///
/// # Errors
/// The codec's, for what is over its bounds.
pub(crate) fn encode(parts: &[Part]) -> Result<Vec<u8>, CodecError> {
    codec::encode_batch(parts)
}

/// Reads a payload.
///
/// # Errors
/// What the codec found, in words.
pub(crate) fn decode(payload: &[u8]) -> Result<Vec<Part>, String> {
    let parts = codec::decode_batch(payload).map_err(|error| error.to_string())?;
    if parts.len() > crate::limits::BATCH_RECORDS_MAX {
        return Err("a batch has too many records".to_owned());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests;
