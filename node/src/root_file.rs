//! The network's root key in a file, to be kept away from every node.
//!
//! Shape: one line of JSON `{"chaski":"root","format":1,"network":hex,"root":hex,"slots":[..],"sealed":hex}`.
//! `sealed` is the root's seed under a random key; each slot holds that key under recovery words or a
//! passphrase (Argon2id). Sealing is XChaCha20-Poly1305, nonce before ciphertext, with the head
//! (`network`, `root`, format) as additional data.
//!
//! Invariants: the file alone tells nothing but which network it is of; words or passphrase alone open it.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use chaski_crdt::author::{NetworkId, NodeId};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::NodeError;

const FORMAT: u32 = 1;
const NONCE_BYTES: usize = 24;
const ARGON2_MEMORY_KIB: u32 = 64 * 1024;
const ARGON2_MEMORY_KIB_MAX: u32 = 1024 * 1024;
const ARGON2_PASSES: u32 = 3;
const ARGON2_PASSES_MAX: u32 = 64;
const SLOTS_MAX: usize = 4;

/// The root key and what it is of.
#[derive(Clone)]
pub struct Root {
    /// The network.
    pub network: NetworkId,
    /// The public key.
    pub root: NodeId,
    /// The secret.
    pub seed: Zeroizing<[u8; 32]>,
}

/// What opens the file.
pub enum Secret<'a> {
    /// The recovery words.
    Words(&'a str),
    /// The passphrase.
    Passphrase(&'a str),
}

#[derive(Serialize, Deserialize)]
struct File {
    chaski: String,
    format: u32,
    network: String,
    root: String,
    slots: Vec<Slot>,
    sealed: String,
}

#[derive(Serialize, Deserialize)]
struct Slot {
    kind: String,
    #[serde(default)]
    salt: String,
    #[serde(default)]
    memory_kib: u32,
    #[serde(default)]
    passes: u32,
    wrapped: String,
}

/// Seals a root; the file's content and its recovery words.
///
/// # Errors
/// When sealing fails.
pub fn seal(
    root: &Root,
    passphrase: Option<&str>,
    random: &dyn Fn(&mut [u8]),
) -> Result<(String, String), NodeError> {
    let head = head(&root.network.to_string(), &root.root.to_string());
    let key = bytes::<32>(random);
    let entropy = bytes::<32>(random);
    let words = bip39::Mnemonic::from_entropy(entropy.as_slice())
        .map_err(|_| failed())?
        .to_string();
    let mut slots = vec![Slot {
        kind: "words".to_owned(),
        salt: String::new(),
        memory_kib: 0,
        passes: 0,
        wrapped: wrap(&words_key(entropy.as_slice()), &head, key.as_slice(), random)?,
    }];
    if let Some(passphrase) = passphrase {
        let salt = bytes::<16>(random);
        let wrapping = passphrase_key(passphrase, salt.as_slice(), ARGON2_MEMORY_KIB, ARGON2_PASSES)?;
        slots.push(Slot {
            kind: "passphrase".to_owned(),
            salt: hex(salt.as_slice()),
            memory_kib: ARGON2_MEMORY_KIB,
            passes: ARGON2_PASSES,
            wrapped: wrap(&wrapping, &head, key.as_slice(), random)?,
        });
    }
    let file = File {
        chaski: "root".to_owned(),
        format: FORMAT,
        network: root.network.to_string(),
        root: root.root.to_string(),
        slots,
        sealed: wrap(&key, &head, root.seed.as_slice(), random)?,
    };
    let text = serde_json::to_string(&file).map_err(|_| failed())?;
    Ok((format!("{text}\n"), words))
}

/// Opens a file.
///
/// # Errors
/// When it is no such file, is from a newer version, or the secret doesn't open it.
pub fn open(text: &str, secret: &Secret<'_>) -> Result<Root, NodeError> {
    let not_one = || NodeError::Damage("this is no root file, or it is damaged".to_owned());
    let file: File = serde_json::from_str(text).map_err(|_| not_one())?;
    if file.chaski != "root" || file.slots.len() > SLOTS_MAX {
        return Err(not_one());
    }
    if file.format != FORMAT {
        return Err(NodeError::Failed(format!(
            "the root file has format {}, this version reads format {FORMAT}: another version wrote it; use that one",
            file.format
        )));
    }
    let head = head(&file.network, &file.root);
    let key = file
        .slots
        .iter()
        .find_map(|slot| slot_key(slot, secret, &head))
        .ok_or_else(|| NodeError::Key("neither words nor passphrase of this root file".to_owned()))?;
    let seed = unwrap(&key, &head, &file.sealed).ok_or_else(not_one)?;
    Ok(Root {
        network: file.network.parse().map_err(|_| not_one())?,
        root: file.root.parse().map_err(|_| not_one())?,
        seed,
    })
}

fn slot_key(slot: &Slot, secret: &Secret<'_>, head: &str) -> Option<Zeroizing<[u8; 32]>> {
    let wrapping = match (slot.kind.as_str(), secret) {
        ("words", Secret::Words(words)) => {
            let words = words
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .to_lowercase();
            let entropy = Zeroizing::new(bip39::Mnemonic::parse_normalized(&words).ok()?.to_entropy());
            words_key(&entropy)
        }
        ("passphrase", Secret::Passphrase(passphrase)) => {
            if slot.memory_kib > ARGON2_MEMORY_KIB_MAX || slot.passes > ARGON2_PASSES_MAX {
                return None;
            }
            passphrase_key(passphrase, &unhex(&slot.salt)?, slot.memory_kib, slot.passes).ok()?
        }
        _ => return None,
    };
    unwrap(&wrapping, head, &slot.wrapped)
}

fn head(network: &str, root: &str) -> String {
    format!("chaski root {FORMAT} {network} {root}")
}

fn words_key(entropy: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(blake3::derive_key("chaski root file 1 words", entropy))
}

fn passphrase_key(
    passphrase: &str,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
) -> Result<Zeroizing<[u8; 32]>, NodeError> {
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(|_| failed())?;
    let mut key = Zeroizing::new([0_u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(|_| failed())?;
    Ok(key)
}

fn wrap(key: &[u8; 32], head: &str, plain: &[u8], random: &dyn Fn(&mut [u8])) -> Result<String, NodeError> {
    let nonce = bytes::<NONCE_BYTES>(random);
    let payload = Payload {
        msg: plain,
        aad: head.as_bytes(),
    };
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(XNonce::from_slice(nonce.as_slice()), payload)
        .map_err(|_| failed())?;
    Ok(hex(&[nonce.as_slice(), &sealed].concat()))
}

fn unwrap(key: &[u8; 32], head: &str, sealed: &str) -> Option<Zeroizing<[u8; 32]>> {
    let sealed = unhex(sealed)?;
    let (nonce, body) = sealed.split_at_checked(NONCE_BYTES)?;
    let payload = Payload {
        msg: body,
        aad: head.as_bytes(),
    };
    let plain = Zeroizing::new(
        XChaCha20Poly1305::new(key.into())
            .decrypt(XNonce::from_slice(nonce), payload)
            .ok()?,
    );
    <[u8; 32]>::try_from(plain.as_slice()).ok().map(Zeroizing::new)
}

fn bytes<const N: usize>(random: &dyn Fn(&mut [u8])) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    random(out.as_mut_slice());
    out
}

fn failed() -> NodeError {
    NodeError::Failed("sealing the root key failed".to_owned())
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Root {
        Root {
            network: NetworkId([1; 32]),
            root: NodeId([2; 32]),
            seed: Zeroizing::new([3; 32]),
        }
    }

    #[test]
    fn words_and_passphrase_each_open_the_file_and_nothing_else_does() {
        let (text, words) = seal(&root(), Some("correct horse"), &|out| rand::fill(out)).unwrap();
        for secret in [Secret::Words(&words), Secret::Passphrase("correct horse")] {
            let opened = open(&text, &secret).unwrap();
            assert_eq!(
                (opened.network, opened.root, *opened.seed),
                (root().network, root().root, [3; 32])
            );
        }
        let wrong = open(&text, &Secret::Passphrase("wrong"))
            .err()
            .map(|error| error.exit_code());
        assert_eq!(wrong, Some(5));
        assert!(!text.contains(&hex(&[3; 32])));
    }

    #[test]
    fn an_edited_file_does_not_open() {
        let (text, words) = seal(&root(), None, &|out| rand::fill(out)).unwrap();
        let edited = text.replace(&root().network.to_string(), &NetworkId([9; 32]).to_string());
        assert!(open(&edited, &Secret::Words(&words)).is_err());
        assert_eq!(
            open("{}", &Secret::Words(&words))
                .err()
                .map(|error| error.exit_code()),
            Some(4)
        );
    }
}
