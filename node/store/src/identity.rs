//! Who the node is: its key, its network, and the life it is in.
//!
//! Invariants: the identity is set once; an incarnation is drawn at the first write after
//! each opening and never read back from disk, so a restored or cloned directory never
//! writes under one used before; a life whose sequence another node has seen further
//! than this one has used, or of which a change comes that was not made here, is left at once.

use chaski_crdt::{
    author::{NetworkId, NodeId, Writer},
    fingerprint::FingerprintKey,
};
use ed25519_dalek::SigningKey;

use crate::{
    codec::{Dec, Enc},
    env::{Env, random_array},
    error::StoreError,
    types::Identity,
};

/// The node's public identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeIdentity {
    /// The node's public key.
    pub node: NodeId,
    /// The network that the node is a member of.
    pub network: NetworkId,
}

/// The identity, ready to sign.
pub(crate) struct Signer {
    pub(crate) key: SigningKey,
    pub(crate) network: NetworkId,
    pub(crate) fingerprint_secret: [u8; 32],
    pub(crate) fingerprint_key: FingerprintKey,
}

impl Signer {
    pub(crate) fn new(identity: &Identity) -> Signer {
        Signer {
            key: SigningKey::from_bytes(&identity.signing_seed),
            network: identity.network,
            fingerprint_secret: identity.fingerprint_key,
            fingerprint_key: FingerprintKey::derive(&identity.fingerprint_key),
        }
    }

    pub(crate) fn node(&self) -> NodeId {
        NodeId::of(&self.key)
    }

    /// A writer in `life`.
    pub(crate) fn writer<'a>(&'a self, life: &'a mut Drawn) -> Writer<'a> {
        Writer {
            signer: &self.key,
            network: self.network,
            incarnation: life.incarnation,
            next_seq: &mut life.next_seq,
        }
    }
}

pub(crate) fn to_bytes(identity: &Identity) -> Vec<u8> {
    let mut enc = Enc::new();
    enc.u8(1)
        .raw(&identity.signing_seed)
        .raw(&identity.network.0)
        .raw(&identity.fingerprint_key);
    enc.out
}

pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Identity, StoreError> {
    let mut dec = Dec::new(bytes, "identity");
    dec.form(1)?;
    Ok(Identity {
        signing_seed: dec.array()?,
        network: NetworkId(dec.array()?),
        fingerprint_key: dec.array()?,
    })
}

/// A drawn incarnation and its next author sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) incarnation: u64,
    pub(crate) next_seq: u64,
}

/// The node's life since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) drawn: Option<Drawn>,
}

impl Life {
    /// The incarnation to write under, drawn now if there is none.
    pub(crate) fn draw(&mut self, env: &dyn Env) -> &mut Drawn {
        self.drawn.get_or_insert_with(|| Drawn {
            incarnation: u64::from_be_bytes(random_array(env)),
            next_seq: 1,
        })
    }

    /// A change of `incarnation` came from elsewhere that was not made here: another machine began
    /// as a copy of this one and writes under the same. Leaves it, however far the other has come:
    /// where both have written as much, neither would ever be told that it is behind.
    pub(crate) fn met(&mut self, incarnation: u64) {
        if self.drawn.is_some_and(|drawn| drawn.incarnation == incarnation) {
            self.drawn = None;
        }
    }

    /// Another node has seen `seq` of `incarnation`: leaves it if that is ahead.
    pub(crate) fn heard(&mut self, incarnation: u64, seq: u64) {
        if self
            .drawn
            .is_some_and(|drawn| drawn.incarnation == incarnation && seq >= drawn.next_seq)
        {
            self.drawn = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Drawn, Life};
    use crate::{
        Env,
        testing::{TestEnv, ctx, json, memory_store, put, sync},
    };

    #[test]
    fn a_life_is_left_when_another_is_ahead_in_it_and_not_before() {
        let env = TestEnv::new(1);
        let mut life = Life::default();
        let first = *life.draw(&*env);
        assert_eq!(first.next_seq, 1);
        assert_eq!(*life.draw(&*env), first, "drawn once");
        let used = Drawn { next_seq: 5, ..first };
        for (incarnation, seq, is_left) in [
            (first.incarnation, 0, false),
            (first.incarnation, 4, false),
            // The next number is one that another has given away.
            (first.incarnation, 5, true),
            (first.incarnation, u64::MAX, true),
            (first.incarnation ^ 1, 5, false),
        ] {
            life.drawn = Some(used);
            life.heard(incarnation, seq);
            assert_eq!(life.drawn.is_none(), is_left, "{seq}");
            life.drawn = Some(used);
            life.met(incarnation);
            assert_eq!(life.drawn.is_none(), incarnation == first.incarnation);
        }
        life.drawn = None;
        life.heard(first.incarnation, 9);
        life.met(first.incarnation);
        let next = *life.draw(&*env);
        assert!(next.incarnation != first.incarnation && next.next_seq == 1);
    }

    /// Two machines that were started from one image, randomness and all, draw one life. Each has
    /// written as much as the other, so that nobody tells either that it is behind.
    #[test]
    fn a_life_that_a_copy_shares_is_left_when_its_work_comes() {
        let patient = |id: &str, name: &str| {
            let text = format!(r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{name}"}}]}}"#);
            put(json(&text))
        };
        let ((one, env), (other, _)) = (memory_store(1), memory_store(1));
        one.commit(&ctx(), vec![patient("a", "Quispe")]).unwrap();
        other.commit(&ctx(), vec![patient("b", "Mamani")]).unwrap();
        assert_eq!(one.incarnation(), other.incarnation(), "the copies begin as one");
        sync(&one, &other);
        assert_eq!(other.incarnation(), None, "the life is left");
        // Its own work, which comes back to it, drives nobody out of a life.
        sync(&other, &one);
        // Each machine gathers randomness of its own from here on.
        env.random(&mut [0; 16]);
        one.commit(&ctx(), vec![patient("a", "Condori")]).unwrap();
        let life = one.incarnation();
        other.commit(&ctx(), vec![patient("a", "Choque")]).unwrap();
        sync(&one, &one);
        assert_eq!(one.incarnation(), life);
        assert_ne!(
            life.map(|(life, _)| life),
            other.incarnation().map(|(life, _)| life)
        );
        sync(&one, &other);
        sync(&other, &one);
        for store in [&one, &other] {
            let changes = store.signed_changes(&"Patient/a".parse().unwrap()).unwrap();
            assert_eq!(changes.len(), 3);
            let heads = store.heads(&"Patient/a".parse().unwrap()).unwrap();
            assert_eq!(heads.len(), 2, "both names are in the record");
        }
    }
}
