//! TLS 1.3 with the node's own Ed25519 key: possession is proven, nothing else.
//!
//! Invariants: certificates carry no trusted date or name; both sides verify
//! the handshake signature with the certificate's key, and that key *is* the
//! peer's identity, checked against membership and revocations by the engine
//! after every handshake. Sessions are never resumed and 0-RTT is off, so no
//! handshake escapes that check. The ring provider is passed explicitly.

use std::sync::Arc;

use chaski_crdt::author::NodeId;
use chaski_crdt::authority::Ticket;
use ed25519_dalek::SigningKey;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};

use crate::wire::ALPN;

/// Why a TLS configuration could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate could not be made from the key.
    #[error("the node's certificate could not be made")]
    Certificate(#[source] rcgen::Error),
    /// rustls refused the configuration.
    #[error("the TLS configuration was refused")]
    Config(#[source] rustls::Error),
    /// No cipher suite fit for QUIC.
    #[error("no cipher suite fit for QUIC")]
    Suite,
}

/// DER of an Ed25519 public key up to its 32 bytes (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// DER of a PKCS #8 v1 Ed25519 private key up to its 32 bytes (RFC 8410).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Whose key must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// The key of this one node.
    Node(NodeId),
    /// The issuer's with this fingerprint, as a ticket names it.
    Issuer([u8; 16]),
}

impl Pin {
    fn fits(&self, node: &NodeId) -> bool {
        match self {
            Pin::Node(pinned) => pinned == node,
            Pin::Issuer(fingerprint) => *fingerprint == Ticket::fingerprint_of(node),
        }
    }
}

/// Certificate and key of a node, made from its signing key.
pub struct NodeCertificate {
    certificate: CertificateDer<'static>,
    pkcs8: Vec<u8>,
}

impl NodeCertificate {
    /// Self-signs a certificate for a node's key.
    ///
    /// # Errors
    /// [`TlsError::Certificate`] if the key is refused.
    pub fn new(key: &SigningKey) -> Result<Self, TlsError> {
        let mut pkcs8 = PKCS8_PREFIX.to_vec();
        pkcs8.extend_from_slice(key.as_bytes());
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(pkcs8.clone()),
            &rcgen::PKCS_ED25519,
        )
        .map_err(TlsError::Certificate)?;
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let certificate = params
            .self_signed(&pair)
            .map_err(TlsError::Certificate)?
            .der()
            .clone();
        Ok(NodeCertificate { certificate, pkcs8 })
    }

    /// A key for another use, that only this node can make and always makes the same.
    pub(crate) fn derived_key(&self, context: &str) -> [u8; 32] {
        blake3::derive_key(context, &self.pkcs8)
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pkcs8.clone()))
    }

    /// Configuration of the accepting side.
    ///
    /// # Errors
    /// [`TlsError`] if rustls refuses it.
    pub fn server(&self) -> Result<QuicServerConfig, TlsError> {
        self.server_speaking(&ALPN)
    }

    pub(crate) fn server_speaking(&self, protocols: &[&[u8]]) -> Result<QuicServerConfig, TlsError> {
        QuicServerConfig::try_from(self.server_settings(protocols)?).map_err(|_| TlsError::Suite)
    }

    fn server_settings(&self, protocols: &[&[u8]]) -> Result<rustls::ServerConfig, TlsError> {
        let provider = provider();
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsError::Config)?
            .with_client_cert_verifier(Arc::new(Possession {
                provider,
                pinned: None,
            }))
            .with_single_cert(vec![self.certificate.clone()], self.private_key())
            .map_err(TlsError::Config)?;
        config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        Ok(config)
    }

    /// Configuration of the dialling side; with `pinned`, only the key it
    /// names is accepted.
    ///
    /// # Errors
    /// [`TlsError`] if rustls refuses it.
    pub fn client(&self, pinned: Option<Pin>) -> Result<QuicClientConfig, TlsError> {
        QuicClientConfig::try_from(self.client_settings(pinned)?).map_err(|_| TlsError::Suite)
    }

    fn client_settings(&self, pinned: Option<Pin>) -> Result<rustls::ClientConfig, TlsError> {
        let provider = provider();
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(TlsError::Config)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Possession { provider, pinned }))
            .with_client_auth_cert(vec![self.certificate.clone()], self.private_key())
            .map_err(TlsError::Config)?;
        config.alpn_protocols = ALPN.iter().map(|p| p.to_vec()).collect();
        config.resumption = rustls::client::Resumption::disabled();
        config.enable_early_data = false;
        Ok(config)
    }
}

/// The Ed25519 key a certificate holds.
#[must_use]
pub fn node_of(certificate: &CertificateDer<'_>) -> Option<NodeId> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let spki = parsed.subject_public_key_info();
    let key = spki.as_ref().strip_prefix(&SPKI_PREFIX)?;
    Some(NodeId(key.try_into().ok()?))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Random bytes from where TLS has its own.
pub(crate) fn secure_random() -> &'static dyn rustls::crypto::SecureRandom {
    rustls::crypto::ring::default_provider().secure_random
}

/// Verifies that the other side holds the key of the certificate it shows.
#[derive(Debug)]
struct Possession {
    provider: Arc<CryptoProvider>,
    pinned: Option<Pin>,
}

impl Possession {
    fn certificate_check(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        let node =
            node_of(certificate).ok_or(rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        match self.pinned {
            Some(pinned) if !pinned.fits(&node) => Err(rustls::Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
            _ => Ok(()),
        }
    }

    fn signature_check(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if signature.scheme != SignatureScheme::ED25519 {
            return Err(rustls::Error::PeerIncompatible(
                rustls::PeerIncompatible::NoSignatureSchemesInCommon,
            ));
        }
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }
}

fn no_tls12() -> rustls::Error {
    rustls::Error::PeerIncompatible(rustls::PeerIncompatible::Tls13RequiredForQuic)
}

impl ServerCertVerifier for Possession {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.certificate_check(end_entity)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature_check(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ClientCertVerifier for Possession {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.certificate_check(end_entity)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature_check(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
mod tests;
