//! A parcel: signed changes in a file, sealed to the nodes it is for, to be
//! carried on a stick or sent by mail where no network reaches.
//!
//! File, version 1 (integers big-endian):
//!
//! ```text
//! header   magic 8 ‖ version u8 ‖ first 8 bytes of the network's id ‖ nonce 16
//!          ‖ slots u16 ‖ slot × slots
//! slot     hint 8 ‖ encapsulated key 32 ‖ wrapped parcel key 48
//! frame    u32: bit 31 says that it is the last, the rest is the length of
//!          what follows ‖ ciphertext ‖ tag 16
//! ```
//!
//! The nonce is 8 random bytes and 8 that only the sender's key makes of them
//! (SHA-256 of a domain, the key's seed and the first 8), by which it knows its
//! own parcel again; to all others both are random. Earlier builds wrote 16
//! random bytes, and readers ask nothing of them.
//!
//! One slot a recipient: the hint is SHA-256(domain ‖ nonce ‖ node key)[..8], so
//! that only a member who tries finds its slot; the parcel key is wrapped by
//! HPKE (RFC 9180: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
//! ChaCha20-Poly1305), `info` = domain ‖ network id, `aad` = header up to the
//! slots. The X25519 key is the recipient's Ed25519 node key under the
//! birational map, so the certificate of the one certifies the other.
//!
//! Frames are XChaCha20-Poly1305 under the parcel key in the STREAM
//! construction: nonce = header's nonce ‖ 000 ‖ frame number u32 ‖ last u8,
//! `aad` = SHA-256(header). Each holds 1 to [`FRAME_PLAIN_BYTES_MAX`] bytes of a
//! stream of messages (`kind u8 ‖ length u32 ‖ body`), which may span frames:
//!
//! ```text
//! 1 head       signature 64 ‖ postcard of [`Head`]; the first, once
//! 2 authority  postcard of a list of signed statements; before any batch
//! 3 batch      signed changes, as [`crate::codec`] makes them
//! 4 end        signature 64 ‖ postcard of [`End`]; the last, once
//! ```
//!
//! Invariants:
//! - a file that was cut, reordered, altered or extended is found out, and
//!   nothing behind the fault is ever given out; what stood before it is whole;
//! - head and end are signed by the sender's node key over the header, the end
//!   over all that stands before it as well: HPKE does not say who sealed, and
//!   each recipient has the parcel's key, so without that one of them could
//!   leave changes out and still have the sender say that they are all there;
//! - the part in the clear names nobody and says nothing of what is inside but
//!   how much it is and for how many nodes;
//! - whatever the bytes are, what is held of them is bounded.
//!
//! Deliberately absent: what the changes mean and whether they are taken in:
//! each is signed on its own and verified where all changes are.

mod frame;
mod message;
mod read;
mod slot;
#[cfg(test)]
mod tests;
mod write;

pub use message::{End, Head, Held, PRIORITIES};
pub use read::{Item, ParcelReader};
pub use write::ParcelWriter;

use crate::codec::BLOCK_BYTES_MAX;
use thiserror::Error;

/// What a parcel begins with; the first byte is no text, the last would not
/// survive a transfer as text.
pub const MAGIC: [u8; 8] = *b"\x8echaski\n";
/// The version written, and the only one read.
pub const VERSION: u8 = 2;
/// The most recipients of one parcel.
pub const RECIPIENTS_MAX: usize = 1_024;
/// The most plaintext in one frame, in bytes.
pub const FRAME_PLAIN_BYTES_MAX: usize = 64 * 1024;
/// The longest message: a single large change, in bytes.
pub const MESSAGE_BYTES_MAX: usize = BLOCK_BYTES_MAX;
/// The most authority statements in one message.
pub const STATEMENTS_MAX: usize = 2_048;
/// The most bytes of authority statements in one message.
pub const STATEMENTS_BYTES_MAX: usize = 512 * 1024;
/// The most messages in one parcel.
const MESSAGES_MAX: u64 = 1 << 32;

const NONCE_BYTES: usize = 16;
const NETWORK_BYTES: usize = 8;
const PREFIX_BYTES: usize = MAGIC.len() + 1 + NETWORK_BYTES + NONCE_BYTES;
const SLOT_BYTES: usize = 8 + 32 + 48;
const TAG_BYTES: usize = 16;

const OWN_DOMAIN: &[u8] = b"chaski/parcel-own/1\0";
const INFO_DOMAIN: &[u8] = b"chaski/parcel/1\0";
const HINT_DOMAIN: &[u8] = b"chaski/parcel-hint/1\0";
const HEAD_DOMAIN: &[u8] = b"chaski/parcel-head/1\0";
const END_DOMAIN: &[u8] = b"chaski/parcel-end/1\0";

/// Why bytes are no parcel that can be read here, or why none can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParcelError {
    /// It begins otherwise.
    #[error("this is no parcel of a Chaski node")]
    NotAParcel,
    /// Nothing stands in it.
    #[error("the file is empty: it is no parcel")]
    Empty,
    /// Of a version this node does not know.
    #[error("the parcel is of version {0}, which this version of Chaski does not read")]
    Version(u8),
    /// Sealed in another network.
    #[error("the parcel is of another network")]
    OtherNetwork,
    /// No slot opens with this node's key.
    #[error("the parcel is not sealed to this node")]
    NotForThisNode,
    /// No slot opens with this node's key, which wrote it.
    #[error("this node wrote the parcel itself, for others")]
    OwnParcel,
    /// What was sealed is not what is there.
    #[error("the parcel was altered or damaged on its way")]
    Altered,
    /// The file ends before the parcel does.
    #[error("the parcel is cut: its end is missing")]
    Cut,
    /// Something follows the parcel's end.
    #[error("something was added behind the parcel's end")]
    Extended,
    /// Head or end is not signed by the sender it names.
    #[error("the parcel is not signed by the node it names as its sender")]
    Signature,
    /// Rightly sealed, but not what a node writes; what it is, is named.
    #[error("the parcel is malformed: {0}")]
    Malformed(&'static str),
    /// More of something than a parcel may hold.
    #[error("the parcel would hold too many {0}")]
    TooMany(&'static str),
    /// A recipient's key can't be sealed to.
    #[error("a recipient's key can't be sealed to")]
    Key,
}

/// The bytes that a sender's key makes of the random half of a nonce: a parcel of its own.
fn own_mark(signer: &ed25519_dalek::SigningKey, random: &[u8]) -> [u8; NONCE_BYTES / 2] {
    use sha2::{Digest, Sha256};
    let mut mark = Sha256::new();
    mark.update(OWN_DOMAIN);
    mark.update(zeroize::Zeroizing::new(signer.to_bytes()).as_slice());
    mark.update(random);
    let mark: [u8; 32] = mark.finalize().into();
    mark.first_chunk().copied().unwrap_or_default()
}

/// Whether a file that begins so is a parcel, of whatever version.
pub fn is_parcel(beginning: &[u8]) -> bool {
    beginning.starts_with(&MAGIC)
}
