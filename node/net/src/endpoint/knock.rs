//! A packet of a few bytes that asks whether a node is there.
//!
//! Shape: what looks like a packet of a connection that the other does not have. Whoever speaks QUIC answers
//! such a packet with a stateless reset (RFC 9000, 10.3), which is shorter. So nothing need be listening for
//! it, and nothing is learned or begun by it on either side.
//!
//! Invariants: an answer comes from where the knock went, and says only that somebody is there.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;

use super::resolve::resolve;
use crate::limits::{KNOCK_MS, KNOCK_UNHEARD_MS, KNOCK_WAIT_MS};

/// Bytes of a knock: a reset is shorter than what it answers and holds at least 21.
const KNOCK_BYTES: usize = 43;
/// The least that a reset has (RFC 9000, 10.3).
const RESET_BYTES_MIN: usize = 21;
/// First bits of a packet with a short header (RFC 9000, 17.3).
const SHORT_HEADER: u8 = 0x40;

/// Whether somebody is there.
pub(super) async fn knock(address: &str) -> bool {
    match resolve(address).await.into_iter().next() {
        Some(address) => is_there(address).await,
        None => false,
    }
}

/// Whether somebody is there.
pub(super) async fn is_there(address: SocketAddr) -> bool {
    let wait = Duration::from_millis(KNOCK_WAIT_MS);
    matches!(tokio::time::timeout(wait, answered(address)).await, Ok(Ok(true)))
}

/// Returns when somebody is there, who is asked once a second after a while.
pub(super) async fn found(address: SocketAddr) {
    let mut knocks = tokio::task::JoinSet::new();
    let mut at = tokio::time::Instant::now() + Duration::from_millis(KNOCK_UNHEARD_MS);
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(at) => {
                at += Duration::from_millis(KNOCK_MS);
                knocks.spawn(is_there(address));
            }
            Some(Ok(true)) = knocks.join_next() => return,
        }
    }
}

async fn answered(address: SocketAddr) -> std::io::Result<bool> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    // Only what comes from there is heard.
    socket.connect(address).await?;
    let mut packet = [0_u8; KNOCK_BYTES];
    let failed = |_| std::io::Error::other("no random numbers");
    crate::tls::secure_random().fill(&mut packet).map_err(failed)?;
    if let Some(first) = packet.first_mut() {
        *first = SHORT_HEADER | (*first & !0xc0);
    }
    socket.send(&packet).await?;
    let mut answer = [0_u8; KNOCK_BYTES];
    let length = socket.recv(&mut answer).await?;
    Ok(length >= RESET_BYTES_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NetConfig;
    use crate::tls::NodeCertificate;

    #[tokio::test]
    async fn a_node_that_listens_answers_and_a_port_where_nobody_is_does_not() {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let config = NetConfig {
            quic: (Ipv4Addr::LOCALHOST, 0).into(),
            ..NetConfig::default()
        };
        let endpoint = super::super::bind(&config, &NodeCertificate::new(&key).unwrap()).unwrap();
        let there = endpoint.local_addr().unwrap();
        for _ in 0..3 {
            assert!(knock(&there.to_string()).await);
            // Resets are answered with no more than one in a while.
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        assert_eq!(endpoint.open_connections(), 0, "a knock begins nothing");
        let nobody = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let silent = nobody.local_addr().unwrap().to_string();
        assert!(!knock(&silent).await);
        drop(nobody);
        assert!(!knock(&silent).await);
        assert!(!knock("no address at all").await);
    }
}
