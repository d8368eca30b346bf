//! Handshakes in memory, by those who hold their key and by those who only show somebody's certificate.

use rustls::sign::CertifiedKey;
use rustls::{ClientConnection, HandshakeKind, ServerConnection};

use super::*;

fn certificate(seed: u8) -> NodeCertificate {
    NodeCertificate::new(&SigningKey::from_bytes(&[seed; 32])).unwrap()
}

fn node(seed: u8) -> NodeId {
    NodeId::of(&SigningKey::from_bytes(&[seed; 32]))
}

/// What became of a handshake, at both ends.
struct Met {
    client: ClientConnection,
    server: ServerConnection,
    failure: Option<rustls::Error>,
}

/// Runs a handshake to its end, and what follows of it.
fn meet(client: &Arc<rustls::ClientConfig>, server: &Arc<rustls::ServerConfig>) -> Met {
    let name = ServerName::try_from("chaski").unwrap();
    let mut met = Met {
        client: ClientConnection::new(Arc::clone(client), name).unwrap(),
        server: ServerConnection::new(Arc::clone(server)).unwrap(),
        failure: None,
    };
    for _ in 0..10 {
        let mut sent = Vec::new();
        while met.client.wants_write() {
            met.client.write_tls(&mut sent).unwrap();
        }
        let mut rest = sent.as_slice();
        while !rest.is_empty() {
            met.server.read_tls(&mut rest).unwrap();
            if let Err(error) = met.server.process_new_packets() {
                met.failure = Some(error);
                return met;
            }
        }
        let mut answered = Vec::new();
        while met.server.wants_write() {
            met.server.write_tls(&mut answered).unwrap();
        }
        let mut rest = answered.as_slice();
        while !rest.is_empty() {
            met.client.read_tls(&mut rest).unwrap();
            if let Err(error) = met.client.process_new_packets() {
                met.failure = Some(error);
                return met;
            }
        }
    }
    assert!(!met.client.is_handshaking() && !met.server.is_handshaking());
    met
}

fn client(seed: u8, pinned: Option<Pin>) -> rustls::ClientConfig {
    certificate(seed).client_settings(pinned).unwrap()
}

fn server(seed: u8) -> Arc<rustls::ServerConfig> {
    Arc::new(certificate(seed).server_settings(&ALPN).unwrap())
}

fn shown(certificates: Option<&[CertificateDer<'_>]>) -> Option<NodeId> {
    node_of(certificates?.first()?)
}

#[test]
fn certificate_holds_the_node_key() {
    let certificate = certificate(7);
    assert_eq!(node_of(&certificate.certificate), Some(node(7)));
    certificate.server().expect("server");
    certificate.client(None).expect("client");
}

#[test]
fn both_ends_know_whom_they_met() {
    let met = meet(&Arc::new(client(1, None)), &server(2));
    assert_eq!(met.failure, None);
    assert_eq!(shown(met.client.peer_certificates()), Some(node(2)));
    assert_eq!(shown(met.server.peer_certificates()), Some(node(1)));
    assert_eq!(met.server.alpn_protocol(), Some(ALPN[0]));
}

#[test]
fn only_the_key_that_is_pinned_answers() {
    let issuer = |seed| Pin::Issuer(Ticket::fingerprint_of(&node(seed)));
    for (pin, is_met) in [
        (Pin::Node(node(2)), true),
        (Pin::Node(node(3)), false),
        (issuer(2), true),
        (issuer(3), false),
    ] {
        let met = meet(&Arc::new(client(1, Some(pin))), &server(2));
        assert_eq!(met.failure.is_none(), is_met, "{pin:?}: {:?}", met.failure);
    }
}

/// Somebody's certificate with the key of somebody else.
fn borrowed(seed: u8, key: u8) -> Arc<CertifiedKey> {
    let signing = provider()
        .key_provider
        .load_private_key(certificate(key).private_key())
        .unwrap();
    Arc::new(CertifiedKey::new(vec![certificate(seed).certificate], signing))
}

/// Shows some certificate, or none, to whoever asks.
#[derive(Debug)]
struct Shows(Option<Arc<CertifiedKey>>);

impl rustls::client::ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

#[test]
fn a_certificate_without_its_key_opens_no_door() {
    let mut thief = client(1, None);
    thief.client_auth_cert_resolver = Arc::new(Shows(Some(borrowed(2, 1))));
    let met = meet(&Arc::new(thief), &server(3));
    assert!(met.failure.is_some(), "the accepting end believed it");
    // Nor is whoever answers believed to be whose certificate it shows.
    let mut thief = certificate(1).server_settings(&ALPN).unwrap();
    thief.cert_resolver = Arc::new(Answers(borrowed(2, 1)));
    let met = meet(&Arc::new(client(3, Some(Pin::Node(node(2))))), &Arc::new(thief));
    assert!(met.failure.is_some(), "the dialling end believed it");
}

/// As [`Shows`], at the accepting end.
#[derive(Debug)]
struct Answers(Arc<CertifiedKey>);

impl rustls::server::ResolvesServerCert for Answers {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

#[test]
fn nobody_comes_in_without_a_certificate() {
    let mut nameless = client(1, None);
    nameless.client_auth_cert_resolver = Arc::new(Shows(None));
    let met = meet(&Arc::new(nameless), &server(3));
    assert!(met.failure.is_some());
}

#[test]
fn a_key_of_another_kind_is_nobodys() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let params = rcgen::CertificateParams::default();
    let certificate = params.self_signed(&pair).unwrap().der().clone();
    assert_eq!(node_of(&certificate), None);
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
    let signing = provider().key_provider.load_private_key(key).unwrap();
    let mut other = client(1, None);
    let shown = CertifiedKey::new(vec![certificate], signing);
    other.client_auth_cert_resolver = Arc::new(Shows(Some(Arc::new(shown))));
    assert!(meet(&Arc::new(other), &server(3)).failure.is_some());
}

#[test]
fn no_handshake_is_shortened_so_that_each_one_is_checked() {
    // A peer that keeps all it is given to come back with, and would send before it is known.
    let mut eager = client(1, None);
    eager.resumption = rustls::client::Resumption::in_memory_sessions(8);
    eager.enable_early_data = true;
    let (eager, server) = (Arc::new(eager), server(2));
    for _ in 0..3 {
        let mut met = meet(&eager, &server);
        assert_eq!(met.failure, None);
        assert_eq!(met.client.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(met.server.handshake_kind(), Some(HandshakeKind::Full));
        assert!(met.client.early_data().is_none() && met.server.early_data().is_none());
    }
    // Nor does a node of ours ask for it where somebody would give it.
    let mut generous = certificate(2).server_settings(&ALPN).unwrap();
    (generous.send_tls13_tickets, generous.max_early_data_size) = (2, u32::MAX);
    let (honest, generous) = (Arc::new(client(1, None)), Arc::new(generous));
    for _ in 0..3 {
        let mut met = meet(&honest, &generous);
        assert_eq!(met.server.handshake_kind(), Some(HandshakeKind::Full));
        assert!(met.client.early_data().is_none());
    }
}
