//! Dialling: addresses in order, each with a time of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chaski_crdt::author::NodeId;
use quinn::{Connection, Endpoint, TransportConfig};

use crate::limits::{DIAL_MS_MAX, PEER_ADDRESSES_MAX};
use crate::tls::{NodeCertificate, Pin};

/// Server name shown in the handshake; names mean nothing here.
const SERVER_NAME: &str = "chaski";

/// Why nobody could be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DialError {
    /// Nobody answered at any address.
    Unreachable(String),
    /// Someone answered with another key.
    Stranger(String),
}

/// What dialling needs.
#[derive(Clone)]
pub(crate) struct Dialler {
    pub(crate) endpoint: Endpoint,
    pub(crate) certificate: Arc<NodeCertificate>,
    pub(crate) transport: Arc<TransportConfig>,
}

impl Dialler {
    /// The first address that answers with an acceptable key.
    pub(crate) async fn dial(
        &self,
        pin: Option<Pin>,
        addresses: &[String],
    ) -> Result<(Connection, NodeId, String), DialError> {
        let mut failure = DialError::Unreachable(addresses.first().cloned().unwrap_or_default());
        for text in addresses.iter().take(PEER_ADDRESSES_MAX + 1) {
            for address in resolve(text).await {
                match self.dial_one(pin, address).await {
                    Ok((connection, peer)) => return Ok((connection, peer, text.clone())),
                    Err(true) => failure = DialError::Stranger(text.clone()),
                    Err(false) => {}
                }
            }
        }
        Err(failure)
    }

    /// `Err(true)`: someone answered whose key was not accepted.
    async fn dial_one(&self, pin: Option<Pin>, address: SocketAddr) -> Result<(Connection, NodeId), bool> {
        let config = super::client_config(&self.certificate, pin, &self.transport).map_err(|_| false)?;
        let connecting = self
            .endpoint
            .connect_with(config, address, SERVER_NAME)
            .map_err(|_| false)?;
        let wait = Duration::from_millis(DIAL_MS_MAX);
        let connection = match tokio::time::timeout(wait, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(quinn::ConnectionError::TransportError(_))) => return Err(true),
            Ok(Err(_)) | Err(_) => return Err(false),
        };
        match super::peer_of(&connection) {
            Some(peer) => Ok((connection, peer)),
            None => Err(true),
        }
    }
}

/// Socket addresses of a text; names are looked up, numbers need no DNS.
async fn resolve(text: &str) -> Vec<SocketAddr> {
    if let Ok(address) = text.parse() {
        return vec![address];
    }
    match tokio::net::lookup_host(text).await {
        Ok(found) => found.take(4).collect(),
        Err(_) => Vec::new(),
    }
}
