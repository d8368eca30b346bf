//! Sealing: every value on disk is XChaCha20-Poly1305, bound to its key.
//!
//! Shape of a sealed value: `version u8 ‖ key id 8 ‖ nonce 24 ‖ ciphertext ‖ tag 16`;
//! additional data: the version, the key id and the whole row key (whose first byte is
//! the table). Key id 0 is the node's own row key; others are compartment keys.
//!
//! Invariants: a value read under another key, table or format does not open; keys on
//! disk are keyed-BLAKE3 PRFs; all keys are random and node-local, none is derived from
//! content.

mod cipher;
pub(crate) mod keyring;
pub(crate) mod slots;

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use zeroize::Zeroize;

use cipher::{NONCE_BYTES, TAG_BYTES};

use crate::{
    env::{Env, random_array},
    error::StoreError,
    kv::VALUE_BYTES_MAX,
    seal::keyring::Keyring,
};

pub(crate) use cipher::Cipher;

/// Version of the sealed form.
const SEAL_VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES;
/// What sealing adds to a value, in bytes.
pub(crate) const SEAL_BYTES: usize = HEAD_BYTES + TAG_BYTES;
/// The longest plaintext that fits one value.
pub(crate) const PLAIN_BYTES_MAX: usize = VALUE_BYTES_MAX - SEAL_BYTES;
/// Compartment ciphers kept in memory: of two generations, each half of it.
const CIPHERS_MAX: usize = if cfg!(test) { 64 } else { 16_384 };

/// Names the key a value is sealed under; 0 is the node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KeyId(pub(crate) [u8; KEY_ID_BYTES]);

impl KeyId {
    /// The node's own key.
    pub(crate) const NODE: KeyId = KeyId([0; KEY_ID_BYTES]);
}

/// Sixteen bytes that stand for a name on disk.
pub(crate) type Prf = [u8; 16];

/// Seals and opens values, and makes keys.
pub(crate) struct Sealer {
    node: Cipher,
    wrap: Cipher,
    prf_key: [u8; 32],
    index_key: [u8; 32],
    ciphers: RwLock<Ciphers>,
}

/// Compartment ciphers at hand. The older half makes room for new ones, so what was just learned stays
/// for a while; nothing that needs one relies on that.
#[derive(Default)]
struct Ciphers {
    young: HashMap<KeyId, Cipher>,
    old: HashMap<KeyId, Cipher>,
}

impl Ciphers {
    fn get(&self, id: KeyId) -> Option<&Cipher> {
        self.young.get(&id).or_else(|| self.old.get(&id))
    }

    fn insert(&mut self, id: KeyId, cipher: Cipher) {
        if self.young.len() >= CIPHERS_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        // One that was learned anew must not stand beside what it replaces.
        self.old.remove(&id);
        self.young.insert(id, cipher);
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.prf_key.zeroize();
        self.index_key.zeroize();
    }
}

impl Sealer {
    /// A sealer with the keys of `keyring`.
    pub(crate) fn new(keyring: &Keyring) -> Sealer {
        Sealer {
            node: Cipher::new(&keyring.node_key),
            wrap: Cipher::new(&keyring.epoch_key),
            prf_key: keyring.prf_key,
            index_key: keyring.index_key,
            ciphers: RwLock::default(),
        }
    }

    /// The PRF of `parts` within `domain`; parts are length-framed.
    pub(crate) fn prf(&self, domain: &str, parts: &[&[u8]]) -> Prf {
        let mut hasher = blake3::Hasher::new_keyed(&self.prf_key);
        hasher.update(&[domain.len() as u8]);
        hasher.update(domain.as_bytes());
        for part in parts {
            hasher.update(&(part.len() as u32).to_be_bytes());
            hasher.update(part);
        }
        let mut out = [0; 16];
        hasher.finalize_xof().fill(&mut out);
        out
    }

    /// A 48-bit keyed hash of a search key, for index entries.
    pub(crate) fn token(&self, param: &str, text: &str) -> [u8; 6] {
        let mut hasher = blake3::Hasher::new_keyed(&self.index_key);
        hasher.update(&[param.len() as u8]);
        hasher.update(param.as_bytes());
        hasher.update(text.as_bytes());
        let mut out = [0; 6];
        hasher.finalize_xof().fill(&mut out);
        out
    }

    /// A compartment's cipher, if it is at hand.
    pub(crate) fn cipher(&self, id: KeyId) -> Option<Cipher> {
        let ciphers = self.ciphers.read().unwrap_or_else(PoisonError::into_inner);
        ciphers.get(id).cloned()
    }

    /// Makes a compartment's key usable, and gives its cipher to whoever needs it for longer than
    /// others leave it at hand.
    pub(crate) fn learn(&self, id: KeyId, key: &[u8; 32]) -> Cipher {
        let cipher = Cipher::new(key);
        let mut ciphers = self.ciphers.write().unwrap_or_else(PoisonError::into_inner);
        ciphers.insert(id, cipher.clone());
        cipher
    }

    /// Wraps a compartment key under the key epoch.
    pub(crate) fn wrap_key(&self, env: &dyn Env, row: &[u8], key: &[u8; 32]) -> Result<Vec<u8>, StoreError> {
        seal_with(&self.wrap, KeyId::NODE, env, row, key)
    }

    /// Unwraps a compartment key.
    pub(crate) fn unwrap_key(&self, row: &[u8], wrapped: &[u8]) -> Result<[u8; 32], StoreError> {
        let mut plain = open_with(&self.wrap, row, wrapped).ok_or(StoreError::Damaged("compartment key"))?;
        let key = plain
            .as_slice()
            .try_into()
            .map_err(|_| StoreError::Damaged("compartment key"));
        plain.zeroize();
        key
    }

    /// Seals `plain` for the row `row` under the node's own key.
    pub(crate) fn seal(&self, env: &dyn Env, row: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.seal_under(&self.node, KeyId::NODE, env, row, plain)
    }

    /// Seals `plain` for the row `row` under a compartment's key.
    pub(crate) fn seal_under(
        &self,
        cipher: &Cipher,
        id: KeyId,
        env: &dyn Env,
        row: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        if plain.len() > PLAIN_BYTES_MAX {
            return Err(StoreError::TooLarge("a stored value"));
        }
        seal_with(cipher, id, env, row, plain)
    }

    /// Opens the value of `row` that was sealed under the node's own key.
    pub(crate) fn open(&self, row: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        match key_id(sealed) {
            Some(KeyId::NODE) => self.open_under(&self.node, row, sealed),
            _ => Err(damaged(row)),
        }
    }

    /// Opens the value of `row` that was sealed under a compartment's key.
    pub(crate) fn open_under(
        &self,
        cipher: &Cipher,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        open_with(cipher, row, sealed).ok_or_else(|| damaged(row))
    }
}

fn damaged(row: &[u8]) -> StoreError {
    StoreError::Damaged(crate::tables::Table::of(row).map_or("value", |table| table.name()))
}

/// The key a sealed value names.
pub(crate) fn key_id(sealed: &[u8]) -> Option<KeyId> {
    let bytes = sealed.get(1..1 + KEY_ID_BYTES)?;
    bytes.try_into().ok().map(KeyId)
}

fn associated(head: &[u8], row: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(head.len() + row.len());
    data.extend_from_slice(head);
    data.extend_from_slice(row);
    data
}

/// Seals `plain` under a cipher.
pub(crate) fn seal_with(
    cipher: &Cipher,
    id: KeyId,
    env: &dyn Env,
    row: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let nonce: [u8; NONCE_BYTES] = random_array(env);
    let mut out = Vec::with_capacity(plain.len() + SEAL_BYTES);
    out.push(SEAL_VERSION);
    out.extend_from_slice(&id.0);
    let data = associated(&out, row);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(plain);
    let body = out.get_mut(HEAD_BYTES..).unwrap_or_default();
    let tag = cipher
        .seal(&nonce, &data, body)
        .ok_or(StoreError::TooLarge("a stored value"))?;
    out.extend_from_slice(&tag);
    Ok(out)
}

/// Opens a sealed value, or `None` if it is not what was sealed there.
pub(crate) fn open_with(cipher: &Cipher, row: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (head, rest) = sealed.split_at_checked(1 + KEY_ID_BYTES)?;
    if head.first() != Some(&SEAL_VERSION) {
        return None;
    }
    let (nonce, body) = rest.split_first_chunk::<NONCE_BYTES>()?;
    cipher.open(nonce, &associated(head, row), body)
}
