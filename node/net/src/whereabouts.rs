//! Where a node says that it is reached, as others hand it on.
//!
//! Invariants: signed by the node itself, so that whoever hands it on can neither make nor alter it; of one
//! node the newest counts alone; an address is numbers, so nobody has others ask a name service. It is an
//! address to try and no more: whoever answers there proves the node's key or is left.

use std::net::{IpAddr, SocketAddr};

use chaski_crdt::author::{NetworkId, NodeId};
use ed25519_dalek::{Signature, Signer, SigningKey};
use serde::{Deserialize, Serialize};

/// What is signed begins with this.
const DOMAIN: &[u8] = b"chaski 2026-11 whereabouts v1";

/// Where a node says that it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    /// The node that says so.
    pub node: NodeId,
    /// Rises with each change: the node's clock in ms since 1970, or one more than the last.
    pub serial: u64,
    /// The likeliest first, at most [`crate::limits::PEER_ADDRESSES_MAX`].
    pub addresses: Vec<SocketAddr>,
    signature: [[u8; 32]; 2],
}

impl Whereabouts {
    /// What the holder of the key says of itself.
    #[must_use]
    pub fn sign(
        key: &SigningKey,
        network: &NetworkId,
        serial: u64,
        addresses: Vec<SocketAddr>,
    ) -> Whereabouts {
        let mut said = Whereabouts {
            node: NodeId::of(key),
            serial,
            addresses,
            signature: [[0; 32]; 2],
        };
        let signature = key.sign(&said.text(network));
        said.signature = [*signature.r_bytes(), *signature.s_bytes()];
        said
    }

    /// Whether the node it is about has said it, in this network.
    #[must_use]
    pub fn is_signed(&self, network: &NetworkId) -> bool {
        let [r, s] = self.signature;
        let signature = Signature::from_components(r, s);
        let key = self.node.verifying_key();
        key.is_some_and(|key| key.verify_strict(&self.text(network), &signature).is_ok())
    }

    /// Whether it counts instead of the other; of two with one serial, as copies of one directory make
    /// them, the same one does at all nodes.
    #[must_use]
    pub fn is_newer(&self, than: &Whereabouts) -> bool {
        (self.serial, &self.addresses) > (than.serial, &than.addresses)
    }

    /// Digest of what is said, of a node and by it.
    pub(crate) fn digest(&self) -> u64 {
        let hash = blake3::hash(&self.text(&NetworkId([0; 32])));
        hash.as_bytes()
            .first_chunk::<8>()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    fn text(&self, network: &NetworkId) -> Vec<u8> {
        let mut text = [DOMAIN, &network.0, &self.node.0, &self.serial.to_be_bytes()].concat();
        for address in &self.addresses {
            let shown = address.to_string();
            text.push(u8::try_from(shown.len()).unwrap_or(u8::MAX));
            text.extend(shown.as_bytes());
        }
        text
    }
}

/// Whether somebody on another machine, or on this one, can be dialled there at all.
#[must_use]
pub fn is_dialable(address: &SocketAddr) -> bool {
    let is_one = match address.ip().to_canonical() {
        IpAddr::V4(ip) => !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    };
    is_one && address.port() > 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_says_of_itself_is_its_own_word_in_its_own_network() {
        let (key, network) = (SigningKey::from_bytes(&[3; 32]), NetworkId([9; 32]));
        let at = |text: &str| vec![text.parse::<SocketAddr>().unwrap()];
        let said = Whereabouts::sign(&key, &network, 7, at("10.0.0.1:8031"));
        assert!(said.is_signed(&network) && said.node == NodeId::of(&key));
        assert!(!said.is_signed(&NetworkId([8; 32])), "of another network");
        let altered = [
            Whereabouts {
                serial: 8,
                ..said.clone()
            },
            Whereabouts {
                addresses: at("10.0.0.2:8031"),
                ..said.clone()
            },
            Whereabouts {
                addresses: Vec::new(),
                ..said.clone()
            },
            Whereabouts {
                node: NodeId::of(&SigningKey::from_bytes(&[4; 32])),
                ..said.clone()
            },
            Whereabouts {
                node: NodeId([0; 32]),
                ..said.clone()
            },
        ];
        for altered in altered {
            assert!(!altered.is_signed(&network), "{altered:?}");
            assert_ne!(altered.digest(), said.digest());
        }
        // The later word counts, and of two with one serial the same one everywhere.
        let later = Whereabouts::sign(&key, &network, 8, at("10.0.0.1:8031"));
        assert!(later.is_newer(&said) && !said.is_newer(&later) && !said.is_newer(&said));
        let twin = Whereabouts::sign(&key, &network, 7, at("10.0.0.2:8031"));
        assert_ne!(twin.is_newer(&said), said.is_newer(&twin));
        let bytes = postcard::to_stdvec(&said).unwrap();
        assert_eq!(postcard::from_bytes::<Whereabouts>(&bytes).unwrap(), said);
        assert!(bytes.len() < 120, "{} bytes", bytes.len());
    }

    #[test]
    fn nobody_is_dialled_where_nobody_can_be() {
        for (address, is_one) in [
            ("10.0.0.1:8031", true),
            ("127.0.0.1:8031", true),
            ("[2001:db8::1]:8031", true),
            ("10.0.0.1:0", false),
            ("0.0.0.0:8031", false),
            ("[::]:8031", false),
            ("224.0.0.251:5353", false),
            ("255.255.255.255:9", false),
            ("[fe80::1]:8031", false),
            ("[ff02::fb]:5353", false),
            ("[::ffff:255.255.255.255]:9", false),
        ] {
            assert_eq!(is_dialable(&address.parse().unwrap()), is_one, "{address}");
        }
    }
}
