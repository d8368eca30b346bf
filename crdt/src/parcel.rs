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

mod bounds;
mod error;
mod frame;
mod header;
mod message;
mod read;
mod slot;
#[cfg(test)]
mod tests;
mod write;

pub use bounds::{
    FRAME_PLAIN_BYTES_MAX, MESSAGE_BYTES_MAX, RECIPIENTS_MAX, STATEMENTS_BYTES_MAX, STATEMENTS_MAX,
};
pub use error::ParcelError;
pub use header::{MAGIC, VERSION};
pub use message::{End, Head, Held, PRIORITIES};
pub use read::{Item, ParcelReader};
pub use write::ParcelWriter;

/// Whether a file that begins so is a parcel, of whatever version.
pub fn is_parcel(beginning: &[u8]) -> bool {
    beginning.starts_with(&MAGIC)
}
