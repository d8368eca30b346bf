//! What stands in the clear before the slots, and the sender's mark in it.

/// What a parcel begins with; the first byte is no text, the last would not
/// survive a transfer as text.
pub const MAGIC: [u8; 8] = *b"\x8echaski\n";
/// The version written, and the only one read.
pub const VERSION: u8 = 2;

pub(super) const NONCE_BYTES: usize = 16;
pub(super) const NETWORK_BYTES: usize = 8;
pub(super) const PREFIX_BYTES: usize = MAGIC.len() + 1 + NETWORK_BYTES + NONCE_BYTES;

const OWN_DOMAIN: &[u8] = b"chaski/parcel-own/1\0";

/// The bytes that a sender's key makes of the random half of a nonce: a parcel of its own.
pub(super) fn own_mark(signer: &ed25519_dalek::SigningKey, random: &[u8]) -> [u8; NONCE_BYTES / 2] {
    use sha2::{Digest, Sha256};
    let mut mark = Sha256::new();
    mark.update(OWN_DOMAIN);
    mark.update(zeroize::Zeroizing::new(signer.to_bytes()).as_slice());
    mark.update(random);
    let mark: [u8; 32] = mark.finalize().into();
    mark.first_chunk().copied().unwrap_or_default()
}
