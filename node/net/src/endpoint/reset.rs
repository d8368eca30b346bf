//! Tells a peer at once that its connection died with an earlier run of this node.
//!
//! Invariants: the key is the node's own, the same after every start, and never leaves it; an id
//! of a connection says nothing. Without this a node that lost its power would be back long before
//! its peers stop waiting for the run that died: only the owner of that run's key may end its
//! connections.

use std::sync::Arc;

use quinn::crypto::{CryptoError, HmacKey};
use quinn::{ConnectionId, ConnectionIdGenerator, EndpointConfig};
use rustls::crypto::SecureRandom;

use crate::tls::NodeCertificate;

const CONTEXT: &str = "chaski 2026-11 stateless reset key";
const ID_BYTES: usize = 8;

/// The endpoint's settings of a node.
pub(super) fn endpoint_config(certificate: &NodeCertificate) -> EndpointConfig {
    let mut config = EndpointConfig::new(Arc::new(ResetKey(certificate.derived_key(CONTEXT))));
    // Knocks of many are answered so: one in 20 ms for all together would leave most without an answer.
    config.min_reset_interval(std::time::Duration::from_millis(1));
    config.cid_generator(|| Box::new(RandomIds(crate::tls::secure_random())));
    config
}

/// Makes the token that ends a connection from its id.
struct ResetKey([u8; 32]);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(data);
        hasher.finalize_xof().fill(signature_out);
    }

    fn signature_len(&self) -> usize {
        32
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let given: [u8; 32] = signature.try_into().map_err(|_| CryptoError)?;
        let expected = blake3::keyed_hash(&self.0, data);
        // Compares in constant time.
        if expected == blake3::Hash::from_bytes(given) {
            Ok(())
        } else {
            Err(CryptoError)
        }
    }
}

/// Ids of which none is refused by its looks: one of an earlier run gets its reset.
struct RandomIds(&'static dyn SecureRandom);

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut bytes = [0; ID_BYTES];
        if self.0.fill(&mut bytes).is_err() {
            // No randomness: the handshake fails as well, which is what then ends the attempt.
            tracing::error!("the machine gives no random numbers");
        }
        ConnectionId::new(&bytes)
    }

    fn cid_len(&self) -> usize {
        ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_nothing_and_is_as_long_as_it_is_said_to_be() {
        let mut ids = RandomIds(crate::tls::secure_random());
        let made: std::collections::BTreeSet<Vec<u8>> =
            (0..50).map(|_| ids.generate_cid().to_vec()).collect();
        assert_eq!(made.len(), 50);
        assert!(made.iter().all(|id| id.len() == ids.cid_len() && id.len() >= 8));
        assert_eq!(ids.cid_lifetime(), None);
        assert_eq!(ResetKey([1; 32]).signature_len(), 32);
    }

    #[test]
    fn a_restarted_node_makes_the_same_tokens_and_another_node_others() {
        let config = |seed: u8| {
            let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
            NodeCertificate::new(&key).unwrap().derived_key(CONTEXT)
        };
        let token = |key: [u8; 32]| {
            let mut token = [0; 32];
            ResetKey(key).sign(b"an id", &mut token);
            token
        };
        assert_eq!(token(config(1)), token(config(1)));
        assert_ne!(token(config(1)), token(config(2)));
        assert!(ResetKey(config(1)).verify(b"an id", &token(config(1))).is_ok());
        assert!(ResetKey(config(1)).verify(b"other", &token(config(1))).is_err());
        assert!(ResetKey(config(1)).verify(b"an id", b"short").is_err());
    }
}
