//! HTTPS: from files, or with a certificate the node makes for itself.
//!
//! Invariants: the provider is ring, passed explicitly; an own certificate is made once and kept sealed
//! in the store, so that its fingerprint stays what people have compared.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use chaski_store::Store;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::NodeError;
use crate::lifecycle::machine_name;

/// The blob the own certificate is kept in.
const BLOB: &str = "node/https";

/// The largest PEM file read, in bytes.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// A usable configuration and what to compare it by.
#[derive(Debug, Clone)]
pub struct Tls {
    /// What connections are accepted with.
    pub config: Arc<ServerConfig>,
    /// SHA-256 of the certificate, hexadecimal in pairs, as browsers show it.
    pub fingerprint: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    certificate_pem: String,
    key_pem: String,
    hosts: Vec<String>,
}

/// HTTPS with the files named.
///
/// # Errors
/// When a file can't be read or holds nothing usable.
pub fn tls_from_files(certificate: &Path, key: &Path) -> Result<Tls, NodeError> {
    tls_from_pem(&read(certificate)?, &read(key)?)
}

fn read(path: &Path) -> Result<Vec<u8>, NodeError> {
    let about = |error| NodeError::io(&format!("reading {}", path.display()), &error);
    if std::fs::metadata(path).map_err(about)?.len() > PEM_BYTES_MAX {
        return Err(NodeError::Failed(format!(
            "{} is over 1 MiB: no PEM file",
            path.display()
        )));
    }
    std::fs::read(path).map_err(about)
}

/// The node's own certificate, made at the first call and made anew when the address is one that it
/// doesn't name.
///
/// # Errors
/// When it can't be made or kept.
pub fn own_certificate(store: &Store, address: SocketAddr) -> Result<Tls, NodeError> {
    let hosts = hosts(address.ip());
    if let Some(kept) = kept(store)?
        && hosts.iter().all(|host| kept.hosts.contains(host))
    {
        return tls_from_pem(kept.certificate_pem.as_bytes(), kept.key_pem.as_bytes());
    }
    let made = rcgen::generate_simple_self_signed(hosts.clone())
        .map_err(|error| NodeError::failed("making the HTTPS certificate", error))?;
    let kept = Kept {
        certificate_pem: made.cert.pem(),
        key_pem: made.signing_key.serialize_pem(),
        hosts,
    };
    let bytes = serde_json::to_vec(&kept)
        .map_err(|error| NodeError::failed("keeping the HTTPS certificate", error))?;
    store
        .blob_put(BLOB, &bytes)
        .map_err(|error| NodeError::failed("keeping the HTTPS certificate", error))?;
    tls_from_pem(kept.certificate_pem.as_bytes(), kept.key_pem.as_bytes())
}

fn kept(store: &Store) -> Result<Option<Kept>, NodeError> {
    let blob = store
        .blob(BLOB)
        .map_err(|error| NodeError::failed("reading the HTTPS certificate", error))?;
    // One that can't be read any more is made anew.
    Ok(blob.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

/// The names a browser may use for this machine.
fn hosts(ip: IpAddr) -> Vec<String> {
    let machine = machine_name();
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if machine
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
    {
        hosts.push(format!("{machine}.local"));
        hosts.push(machine);
    }
    if !ip.is_unspecified() && !ip.is_loopback() {
        hosts.push(ip.to_string());
    }
    hosts.sort();
    hosts.dedup();
    hosts
}

fn tls_from_pem(certificate: &[u8], key: &[u8]) -> Result<Tls, NodeError> {
    let failed = |what: &str| NodeError::Failed(format!("HTTPS: {what}"));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| failed("the certificate file is no PEM"))?;
    let first = chain
        .first()
        .ok_or_else(|| failed("the certificate file has no certificate"))?;
    let fingerprint = pairs(&Sha256::digest(first));
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| failed("the key file has no usable key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NodeError::failed("HTTPS", error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| NodeError::failed("HTTPS: certificate and key don't fit", error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Tls {
        config: Arc::new(config),
        fingerprint,
    })
}

fn pairs(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect::<Vec<_>>()
        .join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_certificate_is_usable_and_has_a_fingerprint() {
        let made = rcgen::generate_simple_self_signed(hosts("192.0.2.1".parse().unwrap())).unwrap();
        let tls = tls_from_pem(
            made.cert.pem().as_bytes(),
            made.signing_key.serialize_pem().as_bytes(),
        )
        .unwrap();
        assert_eq!(tls.fingerprint.len(), 32 * 3 - 1);
        assert!(tls_from_pem(b"nothing", b"nothing").is_err());
    }
}
