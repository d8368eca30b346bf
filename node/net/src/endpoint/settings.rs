//! How a connection is set up, either way, and whose it is.

use std::sync::Arc;
use std::time::Duration;

use chaski_crdt::author::NodeId;
use quinn::{ClientConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt};

use super::window;
use crate::config::NetConfig;
use crate::limits::{DOOR_WAITING_MAX, LINK_ASK_BYTES_MAX};
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
/// Bytes a peer may have under way to us before its session is live.
pub(crate) const STRANGER_WINDOW_BYTES: u32 = 64 << 10;
/// Connections that wait for the door to look at them, and for a place.
const INCOMING_MAX: usize = 256 + DOOR_WAITING_MAX;
/// Bytes kept of packets that arrive meanwhile: of one, and of all.
const INCOMING_BYTES: (u64, u64) = (16 << 10, 4 << 20);

/// QUIC's settings for a link that we dial.
pub(crate) fn transport(config: &NetConfig) -> Arc<TransportConfig> {
    Arc::new(settings(config, None))
}

/// The same for a link of which it is known how long a round trip takes.
pub(crate) fn transport_of(config: &NetConfig, trip: Duration) -> Arc<TransportConfig> {
    Arc::new(settings(config, Some(trip)))
}

pub(super) fn settings(config: &NetConfig, trip: Option<Duration>) -> TransportConfig {
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

/// How a node lets others in.
pub(crate) fn server_config(
    config: &NetConfig,
    certificate: &NodeCertificate,
) -> Result<ServerConfig, TlsError> {
    let mut server = ServerConfig::with_crypto(Arc::new(certificate.server()?));
    server.transport_config(Arc::new(stranger_settings(config, None)));
    server_bounds(&mut server);
    server.migration(true);
    Ok(server)
}

/// What an accepting endpoint keeps of strangers.
pub(crate) fn server_bounds(server: &mut quinn::ServerConfig) {
    server
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_BYTES.0)
        .incoming_buffer_size_total(INCOMING_BYTES.1);
}

/// What a stranger's connection may cost: one stream, and little on it.
pub(super) fn stranger_settings(config: &NetConfig, trip: Option<Duration>) -> quinn::TransportConfig {
    let mut transport = settings(config, trip);
    transport
        .receive_window(VarInt::from_u32(STRANGER_WINDOW_BYTES))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .max_concurrent_bidi_streams(VarInt::from_u32(1));
    transport
}

/// The node a connection's certificate names; its key was proven in the handshake.
pub(crate) fn peer_of(connection: &quinn::Connection) -> Option<NodeId> {
    let identity = connection.peer_identity()?;
    let certificates = identity
        .downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>()
        .ok()?;
    crate::tls::node_of(certificates.first()?)
}
