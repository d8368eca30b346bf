//! Who wrote a change, and the signature that says so.
//!
//! Invariants:
//! - each change is signed on its own, over a domain tag, the network, the
//!   record's key, the change's hash, the incarnation and the author's
//!   sequence: a relay can carry a change but not make, alter or re-file one;
//! - the Automerge actor is derived from node key and incarnation, so nobody
//!   can write under another's actor; its last byte is the branch;
//! - what arrives is checked as size, own hash, signature, actor. Only a
//!   [`VerifiedChange`] may go on to be decoded, and only this module makes one.
//!
//! Deliberately absent: whether the author may write ([`crate::authority`]),
//! clocks, and batch verification of signatures. Ed25519's batch equation
//! accepts, by chance, crafted signatures that the strict check refuses; two
//! nodes would then disagree for ever about one change.

use crate::change::{ACTOR_BYTES, ChangeHash, Chunk, ChunkError, open};
use crate::key::RecordKey;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

const CHANGE_DOMAIN: &[u8] = b"chaski/change/1\0";
const ACTOR_DOMAIN: &[u8] = b"chaski/actor/1\0";
const NETWORK_DOMAIN: &[u8] = b"chaski/network/1\0";

/// Bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;

/// A node's Ed25519 public key. Text form: 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub [u8; 32]);

/// A network's identity: the hash of its first root key, so that a successor
/// of the root leaves it as it is. Text form: 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NetworkId(pub [u8; 32]);

/// One life of a node: its key and 64 random bits drawn at the first write
/// after each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AuthorId {
    /// The node's key.
    pub node: NodeId,
    /// The random number of this life.
    pub incarnation: u64,
}

/// Why a text is no node or network identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected 64 hexadecimal digits")]
pub struct ParseIdError;

macro_rules! hex_id {
    ($id:ident) => {
        impl $id {
            /// The first eight hex digits, for people.
            pub fn short(&self) -> String {
                self.to_string().chars().take(8).collect()
            }

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($id), self.short())
            }
        }

        impl FromStr for $id {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<$id, ParseIdError> {
                hex_bytes(text).map($id).ok_or(ParseIdError)
            }
        }
    };
}
hex_id!(NodeId);
hex_id!(NetworkId);

fn hex_bytes(text: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

impl NodeId {
    /// The identifier of the node that holds `key`.
    pub fn of(key: &SigningKey) -> NodeId {
        NodeId(key.verifying_key().to_bytes())
    }

    /// The key to verify with, unless the bytes are no usable one.
    pub fn verifying_key(&self) -> Option<VerifyingKey> {
        VerifyingKey::from_bytes(&self.0)
            .ok()
            .filter(|key| !key.is_weak())
    }
}

impl NetworkId {
    /// The network whose first root key is `root`.
    pub fn of_root(root: &NodeId) -> NetworkId {
        NetworkId(
            Sha256::new()
                .chain_update(NETWORK_DOMAIN)
                .chain_update(root.0)
                .finalize()
                .into(),
        )
    }
}

impl AuthorId {
    /// The Automerge actor this author writes under on the given branch.
    pub fn actor(&self, branch: u8) -> [u8; ACTOR_BYTES] {
        let hash: [u8; 32] = Sha256::new()
            .chain_update(ACTOR_DOMAIN)
            .chain_update(self.node.0)
            .chain_update(self.incarnation.to_be_bytes())
            .finalize()
            .into();
        let mut actor = [branch; ACTOR_BYTES];
        for (to, from) in actor.iter_mut().zip(hash.iter().take(ACTOR_BYTES - 1)) {
            *to = *from;
        }
        actor
    }

    /// The branch of `actor` if it is one of this author's.
    pub fn branch_of(&self, actor: &[u8; ACTOR_BYTES]) -> Option<u8> {
        let branch = *actor.last()?;
        (self.actor(branch) == *actor).then_some(branch)
    }
}

/// Why a change is refused before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ChangeError {
    /// The bytes are no change chunk.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The author's key is no usable Ed25519 key.
    #[error("the author's key is not usable")]
    Key,
    /// The signature is not the author's over this change in this record.
    #[error("the signature does not belong to this author, record and change")]
    Signature,
    /// The change's actor is not derived from its author.
    #[error("the change is written under another author's actor")]
    Actor,
}

/// A change as it is stored and sent: who, in which order, signed, raw bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedChange {
    /// Node and incarnation that made it.
    pub author: AuthorId,
    /// Position among all the changes of that incarnation, over all records.
    pub author_seq: u64,
    /// Ed25519, see the module's head.
    pub signature: [u8; SIGNATURE_BYTES],
    /// The raw uncompressed change chunk.
    pub bytes: Vec<u8>,
}

/// A change whose hash, signature and actor have been checked against a
/// network and a record. Its operations have not been decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedChange {
    key: RecordKey,
    signed: SignedChange,
    chunk: Chunk,
}

impl VerifiedChange {
    /// The record it was signed for.
    pub fn key(&self) -> &RecordKey {
        &self.key
    }

    /// The change's hash as computed here.
    pub fn hash(&self) -> ChangeHash {
        self.chunk.hash
    }

    /// The parsed head.
    pub fn chunk(&self) -> &Chunk {
        &self.chunk
    }

    /// The signed change.
    pub fn signed(&self) -> &SignedChange {
        &self.signed
    }

    /// Gives up the proof and keeps the change and its parsed head.
    pub(crate) fn into_parts(self) -> (SignedChange, Chunk) {
        (self.signed, self.chunk)
    }

    /// Gives up the proof and keeps the change.
    pub fn into_signed(self) -> SignedChange {
        self.signed
    }
}

impl SignedChange {
    /// The change's hash, computed from its bytes.
    ///
    /// # Errors
    /// [`ChunkError`] if the bytes are no change chunk.
    pub fn hash(&self) -> Result<ChangeHash, ChunkError> {
        crate::change::hash_of(&self.bytes)
    }

    /// Checks size, hash, signature and actor, in this order.
    ///
    /// # Errors
    /// [`ChangeError`] names what failed.
    pub fn verify(&self, network: &NetworkId, key: &RecordKey) -> Result<VerifiedChange, ChangeError> {
        self.clone()
            .into_verified(network, key)
            .map_err(|(_, error)| error)
    }

    /// As [`SignedChange::verify`], without a copy of the bytes.
    ///
    /// # Errors
    /// The change and what failed.
    #[expect(
        clippy::result_large_err,
        reason = "the change is handed back, not copied; callers take it apart at once"
    )]
    pub fn into_verified(
        self,
        network: &NetworkId,
        key: &RecordKey,
    ) -> Result<VerifiedChange, (SignedChange, ChangeError)> {
        match self.check(network, key) {
            Ok(chunk) => Ok(VerifiedChange {
                key: key.clone(),
                signed: self,
                chunk,
            }),
            Err(error) => Err((self, error)),
        }
    }

    fn check(&self, network: &NetworkId, key: &RecordKey) -> Result<Chunk, ChangeError> {
        let (hash, body) = open(&self.bytes)?;
        let verifying_key = key_of(&self.author.node).ok_or(ChangeError::Key)?;
        let message = signed_message(network, key, &hash, &self.author, self.author_seq);
        verifying_key
            .verify_strict(&message, &Signature::from_bytes(&self.signature))
            .map_err(|_| ChangeError::Signature)?;
        let chunk = Chunk::read(hash, body)?;
        self.author.branch_of(&chunk.actor).ok_or(ChangeError::Actor)?;
        Ok(chunk)
    }
}

/// An author's key, ready to verify with. A batch has few authors, and making
/// one ready costs a tenth of a verification.
fn key_of(node: &NodeId) -> Option<VerifyingKey> {
    thread_local! {
        static LAST: Cell<Option<(NodeId, VerifyingKey)>> = const { Cell::new(None) };
    }
    if let Some((last, key)) = LAST.get()
        && last == *node
    {
        return Some(key);
    }
    let key = node.verifying_key()?;
    LAST.set(Some((*node, key)));
    Some(key)
}

/// What the author of a change signs.
fn signed_message(
    network: &NetworkId,
    key: &RecordKey,
    hash: &ChangeHash,
    author: &AuthorId,
    author_seq: u64,
) -> Vec<u8> {
    let key = key.to_string();
    let mut message = Vec::with_capacity(CHANGE_DOMAIN.len() + 32 + 2 + key.len() + 32 + 16);
    message.extend_from_slice(CHANGE_DOMAIN);
    message.extend_from_slice(&network.0);
    // A key is at most 129 bytes, so its length always fits.
    message.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes());
    message.extend_from_slice(key.as_bytes());
    message.extend_from_slice(&hash.0);
    message.extend_from_slice(&author.incarnation.to_be_bytes());
    message.extend_from_slice(&author_seq.to_be_bytes());
    message
}

/// What a node needs to write: its key, its network, the life it is in and the
/// next number in that life.
pub struct Writer<'a> {
    /// The node's signing key.
    pub signer: &'a SigningKey,
    /// The network the changes are for.
    pub network: NetworkId,
    /// This life's random number.
    pub incarnation: u64,
    /// The sequence the next change takes; advanced by each signature. A number
    /// that was taken and never stored leaves a gap, which is harmless.
    pub next_seq: &'a mut u64,
}

impl Writer<'_> {
    /// This writer as an author.
    pub fn author(&self) -> AuthorId {
        AuthorId {
            node: NodeId::of(self.signer),
            incarnation: self.incarnation,
        }
    }

    /// Signs a change this node has just made.
    ///
    /// # Errors
    /// [`ChangeError`] if the bytes are no acceptable chunk or carry another
    /// actor than this writer's: what others would refuse is never made.
    pub fn sign(&mut self, key: &RecordKey, bytes: Vec<u8>) -> Result<SignedChange, ChangeError> {
        self.sign_parsed(key, bytes).map(|(signed, _)| signed)
    }

    /// As [`Writer::sign`], with the change's head.
    pub(crate) fn sign_parsed(
        &mut self,
        key: &RecordKey,
        bytes: Vec<u8>,
    ) -> Result<(SignedChange, Chunk), ChangeError> {
        let chunk = Chunk::parse(&bytes)?;
        let author = self.author();
        author.branch_of(&chunk.actor).ok_or(ChangeError::Actor)?;
        let author_seq = *self.next_seq;
        let message = signed_message(&self.network, key, &chunk.hash, &author, author_seq);
        let signature = self.signer.sign(&message).to_bytes();
        *self.next_seq = author_seq.saturating_add(1);
        let signed = SignedChange {
            author,
            author_seq,
            signature,
            bytes,
        };
        Ok((signed, chunk))
    }
}

#[cfg(test)]
mod tests;
