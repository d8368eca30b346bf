//! The messages within the frames.
//!
//! Invariant: a message that was read satisfies every bound of the format.

use super::bounds::{MESSAGE_BYTES_MAX, RECIPIENTS_MAX, STATEMENTS_BYTES_MAX, STATEMENTS_MAX};
use super::error::ParcelError;
use crate::author::{NodeId, SIGNATURE_BYTES};
use ed25519_dalek::{Signature, Signer, SigningKey};
use serde::{Deserialize, Serialize};

/// Priorities of the arrival log, each with its own position.
pub const PRIORITIES: usize = 3;

/// Bytes before a message's body: kind and length.
pub(super) const MESSAGE_HEAD_BYTES: usize = 5;
/// The longest body of a head or an end: what a head says of each recipient.
const SIGNED_BYTES_MAX: usize = 256 * 1024;

const HEAD_DOMAIN: &[u8] = b"chaski/parcel-head/1\0";
const END_DOMAIN: &[u8] = b"chaski/parcel-end/1\0";

/// Who wrote a parcel and where in its arrival log it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The node that wrote it.
    pub sender: NodeId,
    /// When, in milliseconds since 1970 by its clock.
    pub made_ms: u64,
    /// Epoch of its arrival log.
    pub epoch: u64,
    /// Digest of the scopes the contents were chosen by.
    pub scope: u64,
    /// Position of its log after which the contents begin, a priority.
    pub from: [u64; PRIORITIES],
    /// What came from the one recipient itself is left out.
    pub left_out: bool,
    /// What it holds of the recipients' logs, so that they need not write it again.
    pub held: Vec<Held>,
}

/// How far one node has come in another's arrival log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Whose log.
    pub node: NodeId,
    /// The log's epoch.
    pub epoch: u64,
    /// Digest of the scopes it was read under.
    pub scope: u64,
    /// Position, a priority.
    pub positions: [u64; PRIORITIES],
    /// Where the pass in progress began, a priority.
    pub bases: [u64; PRIORITIES],
}

/// What was in the parcel, and what its sender then held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Position of the sender's log up to which the contents are complete, a priority.
    pub to: [u64; PRIORITIES],
    /// Position at which sum and count hold.
    pub position: u64,
    /// Sum of the fingerprints of what the scopes admit.
    pub sum: [u8; 32],
    /// Records in that sum.
    pub count: u64,
    /// Records in the parcel.
    pub records: u64,
    /// Changes in the parcel.
    pub changes: u64,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Head = 1,
    Authority = 2,
    Batch = 3,
    End = 4,
}

impl Kind {
    /// The kind and the length of the body that follows.
    pub(super) fn read(head: [u8; MESSAGE_HEAD_BYTES]) -> Result<(Kind, usize), ParcelError> {
        let [kind, l0, l1, l2, l3] = head;
        let (kind, max) = match kind {
            1 => (Kind::Head, SIGNED_BYTES_MAX),
            2 => (Kind::Authority, STATEMENTS_BYTES_MAX),
            3 => (Kind::Batch, MESSAGE_BYTES_MAX),
            4 => (Kind::End, SIGNED_BYTES_MAX),
            _ => return Err(ParcelError::Malformed("a message of unknown kind")),
        };
        let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
        if length > max {
            return Err(ParcelError::Malformed("a message above its limit"));
        }
        Ok((kind, length))
    }

    /// Puts a message together.
    pub(super) fn message(self, body: &[u8]) -> Result<Vec<u8>, ParcelError> {
        let length = u32::try_from(body.len()).map_err(|_| ParcelError::TooMany("bytes in a message"))?;
        let [l0, l1, l2, l3] = length.to_be_bytes();
        let head = [self as u8, l0, l1, l2, l3];
        // Nothing is written that would not be read.
        Kind::read(head).map_err(|_| ParcelError::TooMany("bytes in a message"))?;
        Ok([head.as_slice(), body].concat())
    }
}

/// What a signature of a parcel is over.
pub(super) struct Signed<'a> {
    domain: &'static [u8],
    /// SHA-256 of the header.
    pub(super) header: &'a [u8; 32],
    /// SHA-256 of the messages before this one; zeros for a head.
    pub(super) before: [u8; 32],
}

impl<'a> Signed<'a> {
    pub(super) fn head(header: &'a [u8; 32]) -> Signed<'a> {
        Signed {
            domain: HEAD_DOMAIN,
            header,
            before: [0; 32],
        }
    }

    pub(super) fn end(header: &'a [u8; 32], before: [u8; 32]) -> Signed<'a> {
        Signed {
            domain: END_DOMAIN,
            header,
            before,
        }
    }

    fn text(&self, value: &[u8]) -> Vec<u8> {
        [self.domain, self.header.as_slice(), &self.before, value].concat()
    }

    pub(super) fn sign(&self, signer: &SigningKey, value: &impl Serialize) -> Result<Vec<u8>, ParcelError> {
        let value =
            postcard::to_stdvec(value).map_err(|_| ParcelError::Malformed("a value without encoding"))?;
        let signature = signer.sign(&self.text(&value)).to_bytes();
        Ok([signature.as_slice(), &value].concat())
    }

    /// Splits a body in signature and value, the value still as bytes.
    pub(super) fn split(body: &[u8]) -> Result<(&[u8; SIGNATURE_BYTES], &[u8]), ParcelError> {
        body.split_first_chunk()
            .ok_or(ParcelError::Malformed("a signature is cut"))
    }

    pub(super) fn check(&self, sender: &NodeId, body: &[u8]) -> Result<(), ParcelError> {
        let (signature, value) = Signed::split(body)?;
        let key = sender.verifying_key().ok_or(ParcelError::Signature)?;
        key.verify_strict(&self.text(value), &Signature::from_bytes(signature))
            .map_err(|_| ParcelError::Signature)
    }
}

fn whole<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &'static str) -> Result<T, ParcelError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(ParcelError::Malformed(what)),
    }
}

pub(super) fn head_read(header: &[u8; 32], body: &[u8]) -> Result<Head, ParcelError> {
    let (_, value) = Signed::split(body)?;
    let head: Head = whole(value, "its head")?;
    Signed::head(header).check(&head.sender, body)?;
    if head.held.len() > RECIPIENTS_MAX {
        return Err(ParcelError::Malformed("its head names too many nodes"));
    }
    Ok(head)
}

pub(super) fn end_read(
    header: &[u8; 32],
    before: [u8; 32],
    sender: &NodeId,
    body: &[u8],
) -> Result<End, ParcelError> {
    Signed::end(header, before).check(sender, body)?;
    let (_, value) = Signed::split(body)?;
    whole(value, "its end")
}

pub(super) fn authority_read(body: &[u8]) -> Result<Vec<Vec<u8>>, ParcelError> {
    let statements: Vec<Vec<u8>> = whole(body, "its authority statements")?;
    if statements.len() > STATEMENTS_MAX {
        return Err(ParcelError::Malformed("too many statements in a message"));
    }
    Ok(statements)
}
