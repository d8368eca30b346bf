//! XChaCha20-Poly1305: HChaCha20 in front of ring's ChaCha20-Poly1305.
//!
//! The one crate that has all of it, chacha20poly1305, needs 2.5 µs for the shortest value unless
//! the whole program is built for one processor; ring, which TLS brings anyway, looks at run time
//! what the processor has, and needs 0.4 µs. A sync seals or opens some ten values a record.
//!
//! Invariants: the bytes are those of draft-irtf-cfrg-xchacha-03, tested against that crate; a
//! nonce is given by the caller and, being 24 random bytes, never used twice with one key. The key
//! is wiped when dropped; ring keeps no such promise for what is derived from it, which opens one
//! value and is never stored.

use chacha20::{cipher::consts::U10, cipher::generic_array::GenericArray, hchacha};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize, Zeroizing};

pub(super) const NONCE_BYTES: usize = 24;
pub(super) const TAG_BYTES: usize = 16;
/// Bytes of the nonce that go into the key.
const KEYED_BYTES: usize = 16;

/// A key that seals and opens.
#[derive(Clone)]
pub(crate) struct Cipher {
    key: [u8; 32],
}

impl Drop for Cipher {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl Cipher {
    pub(crate) fn new(key: &[u8; 32]) -> Cipher {
        Cipher { key: *key }
    }

    /// The key and nonce of ChaCha20-Poly1305 that stand for this key and `nonce`.
    fn inner(&self, nonce: &[u8; NONCE_BYTES]) -> Option<(LessSafeKey, Nonce)> {
        let (keyed, rest) = nonce.split_at_checked(KEYED_BYTES)?;
        let derived = hchacha::<U10>(
            GenericArray::from_slice(&self.key),
            GenericArray::from_slice(keyed),
        );
        let subkey = Zeroizing::new(<[u8; 32]>::from(derived));
        let key = UnboundKey::new(&CHACHA20_POLY1305, subkey.as_slice()).ok()?;
        let mut short = [0; 12];
        short.get_mut(4..)?.copy_from_slice(rest);
        Some((LessSafeKey::new(key), Nonce::assume_unique_for_key(short)))
    }

    /// Seals `body` in place; gives its tag.
    pub(super) fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        data: &[u8],
        body: &mut [u8],
    ) -> Option<[u8; TAG_BYTES]> {
        let (key, nonce) = self.inner(nonce)?;
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(data), body)
            .ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Opens `sealed`, the tag at its end; `None` if it is not what was sealed.
    pub(super) fn open(&self, nonce: &[u8; NONCE_BYTES], data: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (key, nonce) = self.inner(nonce)?;
        let mut plain = sealed.to_vec();
        let len = key.open_in_place(nonce, Aad::from(data), &mut plain).ok()?.len();
        plain.truncate(len);
        Some(plain)
    }
}

#[cfg(test)]
mod tests {
    use chacha20poly1305::{AeadInPlace, KeyInit, XChaCha20Poly1305};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What nodes have on their disks was sealed by the other crate.
        #[test]
        fn the_bytes_are_those_of_xchacha20_poly1305(
            key in any::<[u8; 32]>(),
            nonce in any::<[u8; NONCE_BYTES]>(),
            data in proptest::collection::vec(any::<u8>(), 0..80),
            plain in proptest::collection::vec(any::<u8>(), 0..4_096),
            at in any::<prop::sample::Index>(),
        ) {
            let mut theirs = plain.clone();
            let tag = XChaCha20Poly1305::new((&key).into())
                .encrypt_in_place_detached((&nonce).into(), &data, &mut theirs)
                .unwrap();
            theirs.extend_from_slice(&tag);
            let mut ours = plain.clone();
            let tag = Cipher::new(&key).seal(&nonce, &data, &mut ours).unwrap();
            ours.extend_from_slice(&tag);
            prop_assert_eq!(&ours, &theirs);
            prop_assert_eq!(Cipher::new(&key).open(&nonce, &data, &theirs), Some(plain));
            let at = at.index(ours.len());
            ours[at] ^= 1;
            prop_assert_eq!(Cipher::new(&key).open(&nonce, &data, &ours), None);
        }

        #[test]
        fn what_is_too_short_does_not_open(sealed in proptest::collection::vec(any::<u8>(), 0..TAG_BYTES)) {
            prop_assert_eq!(Cipher::new(&[1; 32]).open(&[2; NONCE_BYTES], b"", &sealed), None);
        }
    }
}
