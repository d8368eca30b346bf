//! Raw change chunks, read by ourselves before Automerge sees a byte of them.
//!
//! Invariants:
//! - a change is exactly one uncompressed change chunk (type 1) of Automerge's
//!   storage format with nothing after it; its hash and checksum are computed
//!   here, because Automerge's own reader does not compare them;
//! - every length is bounded before it is used, integers are in their shortest
//!   form, and every column is walked for its row count ([`rows`]), so a run
//!   length of 2^60 in five bytes is refused instead of expanded;
//! - a record is a flat map of registers that are only ever put, so a change
//!   with nested objects, insertions or other actions is refused.
//!
//! [`Chunk::parse`] allocates for nothing but the dependencies, the message and the other actors. What
//! the operations say is read by [`each_put`], which allocates nothing.

mod bounds;
mod error;
pub(crate) mod reader;
pub(crate) mod rows;

pub use automerge::ChangeHash;
pub use bounds::{ACTOR_BYTES, CHANGE_BYTES_MAX, DEPS_MAX, MESSAGE_BYTES_MAX, OPS_MAX, OTHER_ACTORS_MAX};
pub use error::ChunkError;
use reader::Reader;
use sha2::{Digest, Sha256};

/// The four bytes every Automerge chunk begins with.
pub const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// The chunk type of an uncompressed change.
pub const CHUNK_TYPE_CHANGE: u8 = 1;

/// The head of a change: everything before its operations.
///
/// `message` is as stored; an absent message is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// SHA-256 over the chunk without magic and checksum, computed by us.
    pub hash: ChangeHash,
    /// Hashes of the changes this one directly follows, ascending.
    pub deps: Vec<ChangeHash>,
    /// Who wrote it: see [`crate::author::AuthorId::actor`].
    pub actor: [u8; ACTOR_BYTES],
    /// Position in the actor's own sequence, from 1.
    pub seq: u64,
    /// Counter of the first operation.
    pub start_op: u64,
    /// The change's time field, a hybrid clock stamp; never negative.
    pub time: i64,
    /// The change's message.
    pub message: String,
    /// Number of operations.
    pub ops: u64,
}

impl Chunk {
    /// Parses a whole raw chunk, checks its checksum and bounds, and returns
    /// its head.
    ///
    /// # Errors
    /// [`ChunkError`] names the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Chunk, ChunkError> {
        let (hash, body) = open(bytes)?;
        Chunk::read(hash, body)
    }

    /// Reads the head from a body that [`open`] has checked.
    pub(crate) fn read(hash: ChangeHash, body: &[u8]) -> Result<Chunk, ChunkError> {
        let mut reader = Reader::new(body);
        let (mut chunk, other_actors) = Chunk::read_head(hash, &mut reader)?;
        chunk.ops = rows::check(&mut reader, other_actors)?;
        // Automerge keeps op counters in 32 bits and says so by an error; a
        // counter beyond them could never be applied.
        let end = chunk.start_op.checked_add(chunk.ops);
        if end.is_none_or(|end| end > u64::from(u32::MAX)) {
            return Err(ChunkError::Bound("operation counter"));
        }
        Ok(chunk)
    }

    /// All that stands before the operations, and how many other actors they may name.
    fn read_head(hash: ChangeHash, reader: &mut Reader<'_>) -> Result<(Chunk, u64), ChunkError> {
        let deps = read_deps(reader)?;
        let actor = read_actor(reader)?;
        let seq = reader.unsigned()?;
        let start_op = reader.unsigned()?;
        if seq == 0 || start_op == 0 {
            return Err(ChunkError::Integer);
        }
        let time = reader.signed()?;
        // Automerge keeps times as differences: of two that are not negative
        // the difference always fits.
        if time < 0 {
            return Err(ChunkError::Bound("time"));
        }
        let message_bytes = reader.unsigned()?;
        if message_bytes > MESSAGE_BYTES_MAX {
            return Err(ChunkError::Bound("message"));
        }
        let message = std::str::from_utf8(reader.take(message_bytes)?)
            .map_err(|_| ChunkError::Message)?
            .to_owned();
        let other_actors = reader.unsigned()?;
        if other_actors > OTHER_ACTORS_MAX {
            return Err(ChunkError::Bound("other actors"));
        }
        for _ in 0..other_actors {
            read_actor(reader)?;
        }
        let chunk = Chunk {
            hash,
            deps,
            actor,
            seq,
            start_op,
            time,
            message,
            ops: 0,
        };
        Ok((chunk, other_actors))
    }
}

/// Tells each register that a change puts something into, and the text where it is one, in the order of the
/// operations: also what it puts over itself, and what a record would not show.
///
/// # Errors
/// As [`Chunk::parse`]; the checksum is not looked at.
pub(crate) fn each_put<'a>(
    bytes: &'a [u8],
    with: &mut dyn FnMut(&'a str, Option<&'a str>),
) -> Result<(), ChunkError> {
    let mut reader = Reader::new(body_of(bytes)?);
    Chunk::read_head(ChangeHash([0; 32]), &mut reader)?;
    rows::puts(&mut reader, with)
}

/// The hash of a raw chunk, computed from its bytes.
///
/// # Errors
/// As [`Chunk::parse`], for the header alone.
pub fn hash_of(bytes: &[u8]) -> Result<ChangeHash, ChunkError> {
    open(bytes).map(|(hash, _)| hash)
}

/// A chunk's body, its type and length checked; the checksum is not looked at.
pub(crate) fn body_of(bytes: &[u8]) -> Result<&[u8], ChunkError> {
    if bytes.len() > CHANGE_BYTES_MAX {
        return Err(ChunkError::TooLarge);
    }
    let mut reader = Reader::new(bytes);
    if reader.take(4)? != MAGIC {
        return Err(ChunkError::Magic);
    }
    reader.array::<4>()?;
    let chunk_type = reader.byte()?;
    if chunk_type != CHUNK_TYPE_CHANGE {
        return Err(ChunkError::ChunkType(chunk_type));
    }
    let body_bytes = reader.unsigned()?;
    let body = reader.rest();
    if u64::try_from(body.len()) != Ok(body_bytes) {
        return Err(ChunkError::Length);
    }
    Ok(body)
}

/// As [`body_of`], with the recomputed hash; the checksum must belong to it.
pub(crate) fn open(bytes: &[u8]) -> Result<(ChangeHash, &[u8]), ChunkError> {
    let body = body_of(bytes)?;
    let (checksum, hashed) = bytes
        .get(MAGIC.len()..)
        .and_then(|rest| rest.split_first_chunk::<4>())
        .ok_or(ChunkError::Truncated)?;
    let hash: [u8; 32] = Sha256::digest(hashed).into();
    if !hash.starts_with(checksum) {
        return Err(ChunkError::Checksum);
    }
    Ok((ChangeHash(hash), body))
}

/// What stands between magic and body can be derived: the chunk without its
/// first eight bytes is all that needs to be stored or sent.
///
/// Returns `None` for bytes that do not begin like a change chunk.
pub(crate) fn strip(bytes: &[u8]) -> Option<&[u8]> {
    let stripped = bytes.get(8..)?;
    (bytes.starts_with(&MAGIC) && stripped.first() == Some(&CHUNK_TYPE_CHANGE)).then_some(stripped)
}

/// Undoes [`strip`]: puts back the magic and the checksum, which is computed.
pub(crate) fn restore(stripped: &[u8]) -> Vec<u8> {
    let hash: [u8; 32] = Sha256::digest(stripped).into();
    let mut bytes = Vec::with_capacity(stripped.len().saturating_add(8));
    bytes.extend_from_slice(&MAGIC);
    bytes.extend(hash.iter().take(4));
    bytes.extend_from_slice(stripped);
    bytes
}

/// Makes a whole chunk of a change's body.
pub(crate) fn seal(body: &[u8]) -> Vec<u8> {
    let mut stripped = Vec::with_capacity(body.len().saturating_add(11));
    stripped.push(CHUNK_TYPE_CHANGE);
    put_unsigned(&mut stripped, u64::try_from(body.len()).unwrap_or(u64::MAX));
    stripped.extend_from_slice(body);
    restore(&stripped)
}

/// Appends an unsigned LEB128 integer.
pub(crate) fn put_unsigned(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn read_deps(reader: &mut Reader<'_>) -> Result<Vec<ChangeHash>, ChunkError> {
    let count = reader.unsigned()?;
    if count > DEPS_MAX {
        return Err(ChunkError::Bound("dependencies"));
    }
    let mut deps: Vec<ChangeHash> = Vec::new();
    for _ in 0..count {
        let dep = ChangeHash(reader.array()?);
        if deps.last().is_some_and(|last| *last >= dep) {
            return Err(ChunkError::Bound("dependencies"));
        }
        deps.push(dep);
    }
    Ok(deps)
}

fn read_actor(reader: &mut Reader<'_>) -> Result<[u8; ACTOR_BYTES], ChunkError> {
    let length = reader.unsigned()?;
    if u64::try_from(ACTOR_BYTES) != Ok(length) {
        return Err(ChunkError::Actor);
    }
    reader.array()
}

#[cfg(test)]
mod tests;
