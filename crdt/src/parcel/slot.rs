//! The parcel's key, wrapped for one recipient.
//!
//! Invariant: whoever lacks a recipient's node key learns nothing of the parcel
//! key from its slot, nor whose slot it is unless it knows whose to try.

use super::error::ParcelError;
use crate::author::{NetworkId, NodeId};
use ed25519_dalek::SigningKey;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{CryptoRng, RngCore};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;
type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

const HINT_BYTES: usize = 8;
const ENCAPPED_BYTES: usize = 32;
pub(super) const SLOT_BYTES: usize = 8 + 32 + 48;

const INFO_DOMAIN: &[u8] = b"chaski/parcel/1\0";
const HINT_DOMAIN: &[u8] = b"chaski/parcel-hint/1\0";

/// The key all frames of a parcel are sealed under.
pub(super) type ParcelKey = Zeroizing<[u8; 32]>;

/// Randomness that the caller gives, in the form HPKE asks for it.
struct Given<'a>(&'a mut dyn FnMut(&mut [u8]));

impl RngCore for Given<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        (self.0)(out);
    }
}

impl CryptoRng for Given<'_> {}

fn info(network: &NetworkId) -> Vec<u8> {
    [INFO_DOMAIN, &network.0].concat()
}

fn hint(nonce: &[u8], node: &NodeId) -> [u8; HINT_BYTES] {
    let hash: [u8; 32] = Sha256::new()
        .chain_update(HINT_DOMAIN)
        .chain_update(nonce)
        .chain_update(node.0)
        .finalize()
        .into();
    hash.first_chunk().copied().unwrap_or_default()
}

/// Wraps the key for a node; `prefix` is the header up to the slots.
pub(super) fn wrap(
    network: &NetworkId,
    prefix: &[u8],
    nonce: &[u8],
    node: &NodeId,
    key: &ParcelKey,
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<Vec<u8>, ParcelError> {
    let public = node.verifying_key().ok_or(ParcelError::Key)?.to_montgomery();
    let public = PublicKey::from_bytes(public.as_bytes()).map_err(|_| ParcelError::Key)?;
    let (encapped, wrapped) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256, _>(
        &OpModeS::Base,
        &public,
        &info(network),
        key.as_slice(),
        prefix,
        &mut Given(random),
    )
    .map_err(|_| ParcelError::Key)?;
    let slot = [hint(nonce, node).as_slice(), &encapped.to_bytes(), &wrapped].concat();
    debug_assert_eq!(slot.len(), SLOT_BYTES);
    Ok(slot)
}

/// The parcel's key, if one of the slots is this node's.
pub(super) fn unwrap(
    network: &NetworkId,
    prefix: &[u8],
    nonce: &[u8],
    signer: &SigningKey,
    slots: &[u8],
) -> Option<ParcelKey> {
    let own = hint(nonce, &NodeId::of(signer));
    let scalar = Zeroizing::new(signer.to_scalar_bytes());
    let private = PrivateKey::from_bytes(scalar.as_slice()).ok()?;
    let info = info(network);
    slots.chunks_exact(SLOT_BYTES).find_map(|slot| {
        let (theirs, rest) = slot.split_at_checked(HINT_BYTES)?;
        let (encapped, wrapped) = rest.split_at_checked(ENCAPPED_BYTES)?;
        if theirs != own {
            return None;
        }
        let encapped = EncappedKey::from_bytes(encapped).ok()?;
        let key = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &private,
            &encapped,
            &info,
            wrapped,
            prefix,
        );
        let key = Zeroizing::new(key.ok()?);
        key.as_slice().try_into().ok().map(Zeroizing::new)
    })
}
