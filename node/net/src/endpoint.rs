//! The sockets: a quinn endpoint, a task a stream, and one loop that owns the
//! engine on a thread of its own.
//!
//! Invariants: only the loop touches the engine; verification runs on other
//! threads, commits on one, in the engine's order; each connection's unread
//! bytes are bounded, and so is what waits to be told to it, so a peer that
//! floods, or reads nothing, fills its own pipe only.

mod accept;
mod connection;
mod dial;
mod door;
mod drains;
mod driver;
mod hall;
mod input;
mod knock;
mod pipeline;
mod queued;
mod readers;
mod reset;
mod resolve;
mod settings;
mod shares;
mod streams;
mod trips;
mod window;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

pub(crate) use accept::{Welcome, accept};
pub(crate) use dial::{DialError, Dialler};
pub(crate) use driver::{Driver, Shared};
pub(crate) use input::Input;
#[cfg(test)]
pub(crate) use settings::{client_config, transport};
pub(crate) use streams::{read_frame, write_frame};
pub(crate) use trips::Trips;

use crate::config::NetConfig;
use crate::fault::FaultySocket;
use crate::report::NetError;
use crate::tls::NodeCertificate;
use settings::server_config;

/// Binds the UDP socket, listening or not.
pub(crate) fn bind(config: &NetConfig, certificate: &NodeCertificate) -> Result<quinn::Endpoint, NetError> {
    let server = match config.listen {
        true => Some(server_config(config, certificate)?),
        false => None,
    };
    let failed = |error| NetError::Bind(config.quic, error);
    let socket = UdpSocket::bind(config.quic).map_err(failed)?;
    let runtime = quinn::default_runtime().ok_or(NetError::Stopped)?;
    let wrapped = runtime.wrap_udp_socket(socket).map_err(failed)?;
    let wrapped: Arc<dyn quinn::AsyncUdpSocket> = match &config.fault {
        Some(fault) => Arc::new(FaultySocket {
            inner: wrapped,
            fault: Arc::clone(fault),
        }),
        None => wrapped,
    };
    quinn::Endpoint::new_with_abstract_socket(reset::endpoint_config(certificate), server, wrapped, runtime)
        .map_err(failed)
}

/// Addresses to tell others: as configured, else where this node is reached.
pub(crate) fn advertised(config: &NetConfig, local: SocketAddr) -> Vec<String> {
    let own = if config.advertise.is_empty() {
        crate::addresses::reached_at(local)
    } else {
        config.advertise.clone()
    };
    own.iter().map(ToString::to_string).collect()
}

/// Addresses to tell members, who tell them to others: none that is of use on this machine alone, unless it
/// listens nowhere else.
pub(crate) fn reached(config: &NetConfig, local: SocketAddr) -> Vec<SocketAddr> {
    if !config.advertise.is_empty() {
        return config.advertise.clone();
    }
    let own = crate::addresses::reached_at(local);
    if local.ip().is_unspecified() && crate::addresses::are_only_here(&own) {
        return Vec::new();
    }
    own
}

#[cfg(test)]
mod links_tests;
#[cfg(test)]
mod tests;
