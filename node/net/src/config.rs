//! What a node's network side is told when it starts.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Deserialize;

use crate::fault::UdpFault;

/// How the links of a node are expected to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkProfile {
    /// Fast and near.
    #[default]
    Lan,
    /// Links over the Internet.
    Wan,
    /// Long round trips, however fast.
    Satellite,
    /// Tens of kbit/s and long round trips: small windows, small batches.
    #[serde(rename = "2g")]
    TwoG,
}

impl LinkProfile {
    /// Unacknowledged bytes a connection may have under way.
    #[must_use]
    pub fn send_window_bytes(self) -> u64 {
        match self {
            LinkProfile::Lan => 8 << 20,
            LinkProfile::Wan | LinkProfile::Satellite => 2 << 20,
            LinkProfile::TwoG => 32 << 10,
        }
    }

    /// Compressed size aimed at for a batch, in bytes.
    #[must_use]
    pub fn batch_bytes(self) -> usize {
        match self {
            LinkProfile::Lan | LinkProfile::Wan | LinkProfile::Satellite => crate::limits::BATCH_BYTES_TARGET,
            LinkProfile::TwoG => 8 << 10,
        }
    }

    /// Time between keep-alive packets, in seconds.
    #[must_use]
    pub fn keep_alive_s(self) -> u64 {
        match self {
            LinkProfile::Lan | LinkProfile::Wan | LinkProfile::Satellite => 20,
            LinkProfile::TwoG => 25,
        }
    }

    /// Initial guess of the round trip, in milliseconds.
    #[must_use]
    pub fn initial_rtt_ms(self) -> u64 {
        match self {
            // Where nothing is known of a link (RFC 9002, 6.2.2).
            LinkProfile::Lan | LinkProfile::Wan => 333,
            LinkProfile::Satellite => 700,
            LinkProfile::TwoG => 1_000,
        }
    }
}

/// Configuration of [`crate::Net::start`].
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// Address to listen on; port 0 lets the system choose.
    pub quic: SocketAddr,
    /// Accept connections; a one-shot command does not.
    pub listen: bool,
    /// Keep sessions with known peers up, dialling again with back-off.
    pub daemon: bool,
    /// How the links to other nodes are expected to be.
    pub profile: LinkProfile,
    /// BBR instead of CUBIC.
    pub bbr: bool,
    /// UDP segmentation offload; some drivers lose packets with it.
    pub segmentation_offload: bool,
    /// Announce and find members on the LAN by mDNS; who joins looks for the ticket's issuer and announces
    /// nothing.
    pub mdns: bool,
    /// Addresses to dial besides the learned ones.
    pub peers: Vec<SocketAddr>,
    /// Addresses told to newcomers and peers; empty: where this node is reached
    /// as far as it can know, see [`crate::addresses`].
    pub advertise: Vec<SocketAddr>,
    /// Time without a session with any node that this one is to be in touch with, after which it dials
    /// neighbours that it knows by the word of others alone, in milliseconds.
    pub neighbours_ms: u64,
    /// A session that owes something and of which no byte moves is closed
    /// after this, in milliseconds.
    pub stall_ms: u64,
    /// Lose, delay or repeat datagrams (tests).
    pub fault: Option<Arc<dyn UdpFault>>,
}

impl Default for NetConfig {
    fn default() -> Self {
        NetConfig {
            quic: SocketAddr::from(([0, 0, 0, 0], 0)),
            listen: true,
            daemon: true,
            profile: LinkProfile::default(),
            bbr: false,
            segmentation_offload: true,
            mdns: false,
            peers: Vec::new(),
            advertise: Vec::new(),
            neighbours_ms: crate::limits::NEIGHBOURS_AFTER_MS,
            stall_ms: crate::limits::STALL_MS_MAX,
            fault: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_link_has_small_windows_and_batches_and_is_given_time() {
        let of = |profile: LinkProfile| {
            (
                profile.send_window_bytes(),
                profile.batch_bytes(),
                profile.keep_alive_s(),
                profile.initial_rtt_ms(),
            )
        };
        assert_eq!(of(LinkProfile::Lan), (8 << 20, 64 << 10, 20, 333));
        assert_eq!(of(LinkProfile::Wan), (2 << 20, 64 << 10, 20, 333));
        assert_eq!(of(LinkProfile::Satellite), (2 << 20, 64 << 10, 20, 700));
        assert_eq!(of(LinkProfile::TwoG), (32 << 10, 8 << 10, 25, 1_000));
    }

    #[test]
    fn a_node_that_was_told_nothing_listens_and_stays_in_touch_and_announces_nothing() {
        let config = NetConfig::default();
        assert!(config.listen && config.daemon && !config.mdns && !config.bbr);
        assert!(config.quic.ip().is_unspecified() && config.quic.port() == 0);
        assert!(config.segmentation_offload && config.fault.is_none());
        assert!(config.peers.is_empty() && config.advertise.is_empty());
        assert_eq!((config.profile, config.stall_ms), (LinkProfile::Lan, 90_000));
    }
}
