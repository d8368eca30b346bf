//! Frames: the stream of messages in sealed pieces.
//!
//! Invariants: a frame opens only as the one it was sealed as: by number, as
//! last or not, under the header it was written behind.

use super::bounds::FRAME_PLAIN_BYTES_MAX;
use super::error::ParcelError;
use super::header::NONCE_BYTES;
use super::slot::ParcelKey;
use chacha20poly1305::aead::generic_array::GenericArray;
use chacha20poly1305::{AeadInPlace, KeyInit, XChaCha20Poly1305, XNonce};

/// Bytes of a frame's head.
pub(super) const FRAME_HEAD_BYTES: usize = 4;
pub(super) const TAG_BYTES: usize = 16;
/// The bit of a frame's head that says that it is the last.
const LAST: u32 = 1 << 31;

/// Seals, or opens, the frames of one parcel in their order.
pub(super) struct Frames {
    cipher: XChaCha20Poly1305,
    nonce: [u8; NONCE_BYTES],
    header_digest: [u8; 32],
    number: u32,
}

impl Frames {
    pub(super) fn new(key: &ParcelKey, nonce: [u8; NONCE_BYTES], header_digest: [u8; 32]) -> Frames {
        Frames {
            cipher: XChaCha20Poly1305::new(GenericArray::from_slice(key.as_slice())),
            nonce,
            header_digest,
            number: 0,
        }
    }

    fn nonce_next(&mut self, last: bool) -> Result<XNonce, ParcelError> {
        let mut nonce = [0_u8; 24];
        let [n0, n1, n2, n3] = self.number.to_be_bytes();
        let tail = [0, 0, 0, n0, n1, n2, n3, u8::from(last)];
        for (to, from) in nonce.iter_mut().zip(self.nonce.iter().chain(&tail)) {
            *to = *from;
        }
        self.number = self.number.checked_add(1).ok_or(ParcelError::TooMany("bytes"))?;
        Ok(XNonce::from(nonce))
    }

    /// Seals the next frame onto `out`.
    pub(super) fn seal(&mut self, plain: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), ParcelError> {
        let nonce = self.nonce_next(last)?;
        let length =
            u32::try_from(plain.len().saturating_add(TAG_BYTES)).map_err(|_| ParcelError::Altered)?;
        let head = if last { length | LAST } else { length };
        out.extend_from_slice(&head.to_be_bytes());
        let at = out.len();
        out.extend_from_slice(plain);
        let body = out.get_mut(at..).unwrap_or_default();
        let tag = self
            .cipher
            .encrypt_in_place_detached(&nonce, &self.header_digest, body)
            .map_err(|_| ParcelError::TooMany("bytes"))?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// The sealed length that a frame's head states, and whether it is the last.
    pub(super) fn head(bytes: [u8; FRAME_HEAD_BYTES]) -> Result<(usize, bool), ParcelError> {
        let head = u32::from_be_bytes(bytes);
        let length = usize::try_from(head & !LAST).map_err(|_| ParcelError::Altered)?;
        if length <= TAG_BYTES || length > FRAME_PLAIN_BYTES_MAX + TAG_BYTES {
            return Err(ParcelError::Altered);
        }
        Ok((length, head & LAST != 0))
    }

    /// Opens the next frame onto `out`.
    pub(super) fn open(&mut self, sealed: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), ParcelError> {
        let nonce = self.nonce_next(last)?;
        let at = sealed.len().checked_sub(TAG_BYTES).ok_or(ParcelError::Altered)?;
        let (body, tag) = sealed.split_at_checked(at).ok_or(ParcelError::Altered)?;
        let begin = out.len();
        out.extend_from_slice(body);
        let plain = out.get_mut(begin..).unwrap_or_default();
        self.cipher
            .decrypt_in_place_detached(&nonce, &self.header_digest, plain, GenericArray::from_slice(tag))
            .map_err(|_| ParcelError::Altered)
    }
}
