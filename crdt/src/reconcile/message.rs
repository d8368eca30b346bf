//! The message: a version byte, then ranges in ascending order, each an upper
//! bound and what the sender says about the items below it.
//!
//! Bound: one byte n, then n bytes of the identifier's beginning; 33 is the
//! end of the order. What lies above the last range is settled.

use super::items::{Bound, ItemId, RANGE_FINGERPRINT_BYTES, RangeFingerprint};
use crate::change::reader::Reader;
use crate::change::{ChunkError, put_unsigned};
use thiserror::Error;

const VERSION: u8 = 1;
const BOUND_END: u8 = 33;
const SETTLED: u8 = 0;
const FINGERPRINT: u8 = 1;
const LIST: u8 = 2;
const LIST_SHORT: u8 = 3;
const ANSWER: u8 = 4;
const ANSWER_SHORT: u8 = 5;

/// Bytes of an identifier in a short list.
pub(super) const SHORT_BYTES: usize = 8;
pub(super) type ShortId = [u8; SHORT_BYTES];

/// Why a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MessageError {
    /// The first byte names a version this node does not know.
    #[error("the reconciliation message has unknown version {0}")]
    Version(u8),
    /// Larger than the agreed limit.
    #[error("the reconciliation message is larger than agreed")]
    TooLarge,
    /// Anything else that no correct peer sends.
    #[error("the reconciliation message is malformed")]
    Malformed,
}

impl From<ChunkError> for MessageError {
    fn from(_: ChunkError) -> MessageError {
        MessageError::Malformed
    }
}

/// What a message says about one range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing more to find out.
    Settled,
    /// The sender's items have this fingerprint.
    Fingerprint(RangeFingerprint),
    /// The initiator's items.
    List(Ids),
    /// The responder's reply to a list: what it lacks of the list, what it has
    /// beyond it, and the fingerprint of its items.
    Answer {
        lacks: Ids,
        extra: Vec<ItemId>,
        fingerprint: RangeFingerprint,
    },
}

/// Identifiers in full, or only their beginnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ids {
    Full(Vec<ItemId>),
    Short(Vec<ShortId>),
}

pub(super) fn short(id: &ItemId) -> ShortId {
    id.first_chunk().copied().unwrap_or_default()
}

/// Writes ranges one after another, merging neighbours that are settled.
pub(super) struct Encoder {
    bytes: Vec<u8>,
    settled_up_to: Option<Bound>,
    said_anything: bool,
}

impl Encoder {
    pub(super) fn new() -> Encoder {
        Encoder {
            bytes: vec![VERSION],
            settled_up_to: None,
            said_anything: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn say(&mut self, upper: Bound, said: &Said) {
        if matches!(said, Said::Settled) {
            self.settled_up_to = Some(upper);
            return;
        }
        if let Some(bound) = self.settled_up_to.take() {
            self.put_bound(&bound);
            self.bytes.push(SETTLED);
        }
        self.said_anything = true;
        self.put_bound(&upper);
        match said {
            Said::Settled => {}
            Said::Fingerprint(fingerprint) => {
                self.bytes.push(FINGERPRINT);
                self.bytes.extend_from_slice(fingerprint);
            }
            Said::List(ids) => {
                self.bytes.push(if matches!(ids, Ids::Full(_)) {
                    LIST
                } else {
                    LIST_SHORT
                });
                self.put_ids(ids);
            }
            Said::Answer {
                lacks,
                extra,
                fingerprint,
            } => {
                self.bytes.push(if matches!(lacks, Ids::Full(_)) {
                    ANSWER
                } else {
                    ANSWER_SHORT
                });
                self.put_ids(lacks);
                self.put_all(extra.iter().map(|id| &id[..]), extra.len());
                self.bytes.extend_from_slice(fingerprint);
            }
        }
    }

    /// The message, or `None` if there is nothing left to say.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        self.said_anything.then_some(self.bytes)
    }

    fn put_bound(&mut self, bound: &Bound) {
        match bound {
            Bound::End => self.bytes.push(BOUND_END),
            Bound::Below(id) => {
                let length = id
                    .iter()
                    .rposition(|byte| *byte != 0)
                    .map_or(0, |last| last.saturating_add(1));
                // An identifier has 32 bytes.
                self.bytes.push(u8::try_from(length).unwrap_or(BOUND_END));
                self.bytes.extend(id.iter().take(length));
            }
        }
    }

    fn put_ids(&mut self, ids: &Ids) {
        match ids {
            Ids::Full(ids) => self.put_all(ids.iter().map(|id| &id[..]), ids.len()),
            Ids::Short(ids) => self.put_all(ids.iter().map(|id| &id[..]), ids.len()),
        }
    }

    fn put_all<'a>(&mut self, ids: impl Iterator<Item = &'a [u8]>, count: usize) {
        put_unsigned(&mut self.bytes, u64::try_from(count).unwrap_or(u64::MAX));
        ids.for_each(|id| self.bytes.extend_from_slice(id));
    }
}

/// Reads a whole message, at most `bytes_max` long, with bounds ascending.
pub(super) fn decode(bytes: &[u8], bytes_max: usize) -> Result<Vec<(Bound, Said)>, MessageError> {
    if bytes.len() > bytes_max {
        return Err(MessageError::TooLarge);
    }
    let mut reader = Reader::new(bytes);
    let version = reader.byte()?;
    if version != VERSION {
        return Err(MessageError::Version(version));
    }
    let mut ranges: Vec<(Bound, Said)> = Vec::new();
    // Every range takes at least two bytes, so the message's length bounds it.
    while !reader.is_empty() {
        let bound = read_bound(&mut reader)?;
        if ranges.last().is_some_and(|(last, _)| *last >= bound) {
            return Err(MessageError::Malformed);
        }
        let said = read_said(&mut reader)?;
        ranges.push((bound, said));
    }
    Ok(ranges)
}

fn read_bound(reader: &mut Reader<'_>) -> Result<Bound, MessageError> {
    let length = reader.byte()?;
    if length == BOUND_END {
        return Ok(Bound::End);
    }
    if length > 32 {
        return Err(MessageError::Malformed);
    }
    let mut id = [0_u8; 32];
    for (to, from) in id.iter_mut().zip(reader.take(u64::from(length))?) {
        *to = *from;
    }
    Ok(Bound::Below(id))
}

fn read_said(reader: &mut Reader<'_>) -> Result<Said, MessageError> {
    Ok(match reader.byte()? {
        SETTLED => Said::Settled,
        FINGERPRINT => Said::Fingerprint(reader.array::<RANGE_FINGERPRINT_BYTES>()?),
        LIST => Said::List(Ids::Full(read_all(reader)?)),
        LIST_SHORT => Said::List(Ids::Short(read_all(reader)?)),
        ANSWER => {
            let lacks = Ids::Full(read_all(reader)?);
            Said::Answer {
                lacks,
                extra: read_all(reader)?,
                fingerprint: reader.array()?,
            }
        }
        ANSWER_SHORT => {
            let lacks = Ids::Short(read_all(reader)?);
            Said::Answer {
                lacks,
                extra: read_all(reader)?,
                fingerprint: reader.array()?,
            }
        }
        _ => return Err(MessageError::Malformed),
    })
}

/// A counted list of identifiers, strictly ascending.
fn read_all<const N: usize>(reader: &mut Reader<'_>) -> Result<Vec<[u8; N]>, MessageError> {
    let count = reader.unsigned()?;
    let mut ids: Vec<[u8; N]> = Vec::new();
    for _ in 0..count {
        let id = reader.array::<N>()?;
        if ids.last().is_some_and(|last| *last >= id) {
            return Err(MessageError::Malformed);
        }
        ids.push(id);
    }
    Ok(ids)
}
