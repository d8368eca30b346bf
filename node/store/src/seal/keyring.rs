//! The keys of a store, as they stand in the slots file under the master key.
//!
//! Invariants: they live in a file outside the database, because the database's log
//! keeps removed bytes readable; a new epoch re-wraps the compartment keys and makes
//! what an erased compartment left behind unreadable.

use zeroize::Zeroize;

use crate::env::{Env, random_array};

/// All keys that are not a compartment's.
#[derive(Clone)]
pub(crate) struct Keyring {
    /// Number of the epoch, from 1.
    pub(crate) epoch: u32,
    /// Wraps compartment keys.
    pub(crate) epoch_key: [u8; 32],
    /// Seals rows that belong to no compartment.
    pub(crate) node_key: [u8; 32],
    /// Makes row keys.
    pub(crate) prf_key: [u8; 32],
    /// Hashes tokens of index entries.
    pub(crate) index_key: [u8; 32],
    /// Authenticates the slots file and what a closing leaves.
    pub(crate) file_key: [u8; 32],
}

impl Drop for Keyring {
    fn drop(&mut self) {
        for key in [
            &mut self.epoch_key,
            &mut self.node_key,
            &mut self.prf_key,
            &mut self.index_key,
            &mut self.file_key,
        ] {
            key.zeroize();
        }
    }
}

const KEYRING_BYTES: usize = 4 + 5 * 32;

impl Keyring {
    /// Fresh random keys.
    pub(crate) fn generate(env: &dyn Env) -> Keyring {
        Keyring {
            epoch: 1,
            epoch_key: random_array(env),
            node_key: random_array(env),
            prf_key: random_array(env),
            index_key: random_array(env),
            file_key: random_array(env),
        }
    }

    /// Keys derived from one master key, for stores without files (simulator).
    pub(crate) fn derived(master: &[u8; 32]) -> Keyring {
        let derive = |name: &str| blake3::derive_key(name, master);
        Keyring {
            epoch: 1,
            epoch_key: derive("chaski store 1 epoch key"),
            node_key: derive("chaski store 1 node key"),
            prf_key: derive("chaski store 1 prf key"),
            index_key: derive("chaski store 1 index key"),
            file_key: derive("chaski store 1 file key"),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(KEYRING_BYTES);
        out.extend_from_slice(&self.epoch.to_be_bytes());
        for key in [
            &self.epoch_key,
            &self.node_key,
            &self.prf_key,
            &self.index_key,
            &self.file_key,
        ] {
            out.extend_from_slice(key);
        }
        out
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Keyring> {
        if bytes.len() != KEYRING_BYTES {
            return None;
        }
        let (epoch, keys) = bytes.split_at_checked(4)?;
        let mut keys = keys
            .chunks_exact(32)
            .map(|chunk| <[u8; 32]>::try_from(chunk).ok());
        let mut next = || keys.next().flatten();
        Some(Keyring {
            epoch: u32::from_be_bytes(epoch.try_into().ok()?),
            epoch_key: next()?,
            node_key: next()?,
            prf_key: next()?,
            index_key: next()?,
            file_key: next()?,
        })
    }
}
