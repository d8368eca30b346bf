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
mod drains;
mod driver;
mod hall;
mod knock;
mod pipeline;
mod queued;
mod readers;
mod reset;
mod shares;
mod streams;
mod trips;
mod window;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use chaski_crdt::author::NodeId;
use quinn::{ClientConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt};

pub(crate) use accept::{Welcome, accept};
pub(crate) use dial::{DialError, Dialler};
pub(crate) use driver::{Driver, Input, Shared};
pub(crate) use streams::{read_frame, write_frame};
pub(crate) use trips::Trips;

use crate::config::NetConfig;
use crate::fault::FaultySocket;
use crate::limits::LINK_ASK_BYTES_MAX;
use crate::report::NetError;
use crate::tls::{NodeCertificate, Pin, TlsError};

/// A session without any packet ends after this, in seconds.
const IDLE_S: u32 = 120;
/// Uni-streams a peer may have open at a time.
pub(crate) const UNI_STREAMS_MAX: u32 = 16;
/// Streams both ways that a peer may have open: that of its session, and the next one's.
pub(crate) const BIDI_STREAMS_MAX: u32 = 2;
/// Bytes a peer may have under way to us, a connection.
pub(crate) const RECEIVE_WINDOW_BYTES: u32 = 12 << 20;
/// Bytes a peer may have under way to us, a stream.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;

/// QUIC's settings for a link that we dial.
pub(crate) fn transport(config: &NetConfig) -> Arc<TransportConfig> {
    Arc::new(settings(config, None))
}

/// The same for a link of which it is known how long a round trip takes.
pub(crate) fn transport_of(config: &NetConfig, trip: Duration) -> Arc<TransportConfig> {
    Arc::new(settings(config, Some(trip)))
}

fn settings(config: &NetConfig, trip: Option<Duration>) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let profile = config.profile;
    transport
        .keep_alive_interval(Some(Duration::from_secs(profile.keep_alive_s())))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_S * 1_000))))
        .max_concurrent_uni_streams(VarInt::from_u32(UNI_STREAMS_MAX))
        .max_concurrent_bidi_streams(VarInt::from_u32(BIDI_STREAMS_MAX))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .send_window(profile.send_window_bytes())
        .initial_rtt(trip.unwrap_or(Duration::from_millis(profile.initial_rtt_ms())))
        .datagram_receive_buffer_size(Some(LINK_ASK_BYTES_MAX))
        .datagram_send_buffer_size(LINK_ASK_BYTES_MAX)
        .enable_segmentation_offload(config.segmentation_offload);
    let controller: Arc<dyn quinn::congestion::ControllerFactory + Send + Sync> = match config.bbr {
        true => Arc::new(quinn::congestion::BbrConfig::default()),
        false => Arc::new(quinn::congestion::CubicConfig::default()),
    };
    transport.congestion_controller_factory(Arc::new(window::WindowConfig(controller)));
    // Probing costs more than a whole exchange of nothing new, and what it gains is one packet in six.
    transport.mtu_discovery_config(None);
    transport
}

/// How a node dials: with `pin`, only that key is accepted.
pub(crate) fn client_config(
    certificate: &NodeCertificate,
    pin: Option<Pin>,
    transport: &Arc<TransportConfig>,
) -> Result<ClientConfig, TlsError> {
    let mut client = ClientConfig::new(Arc::new(certificate.client(pin)?));
    client.transport_config(Arc::clone(transport));
    Ok(client)
}

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

/// How a node lets others in.
pub(crate) fn server_config(
    config: &NetConfig,
    certificate: &NodeCertificate,
) -> Result<ServerConfig, TlsError> {
    let mut server = ServerConfig::with_crypto(Arc::new(certificate.server()?));
    server.transport_config(Arc::new(accept::stranger_settings(config, None)));
    accept::server_bounds(&mut server);
    server.migration(true);
    Ok(server)
}

/// The node a connection's certificate names; its key was proven in the handshake.
pub(crate) fn peer_of(connection: &quinn::Connection) -> Option<NodeId> {
    let identity = connection.peer_identity()?;
    let certificates = identity
        .downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>()
        .ok()?;
    crate::tls::node_of(certificates.first()?)
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
