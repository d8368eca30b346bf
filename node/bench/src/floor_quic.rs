//! The floor of the wire: raw quinn over loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use chaski_node::NodeError;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::median::median;

/// Sent in one round.
const ROUND_BYTES: usize = 64 * 1024 * 1024;

/// Rounds that are measured, of which the median counts.
const ROUNDS: usize = 3;

/// One stream, one direction.
///
/// # Errors
/// When QUIC can't be set up.
pub async fn bulk_mib_per_s() -> Result<f64, NodeError> {
    let (server, client, address) = endpoints()?;
    let sending = tokio::spawn(async move {
        if let Some(incoming) = server.accept().await
            && let Ok(connection) = incoming.await
        {
            let piece = vec![7_u8; 64 * 1024];
            for _ in 0..ROUNDS {
                let Ok(mut stream) = connection.open_uni().await else {
                    return;
                };
                for _ in 0..ROUND_BYTES / piece.len() {
                    if stream.write_all(&piece).await.is_err() {
                        return;
                    }
                }
                let _finished = stream.finish();
            }
            connection.closed().await;
        }
    });
    let connecting = client.connect(address, "localhost").map_err(failed)?;
    let connection = connecting.await.map_err(failed)?;
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        let mut stream = connection.accept_uni().await.map_err(failed)?;
        let begun = Instant::now();
        let mut got = 0_usize;
        while let Some(chunk) = stream.read_chunk(1 << 20, true).await.map_err(failed)? {
            got += chunk.bytes.len();
        }
        rates.push(got as f64 / 1_048_576.0 / begun.elapsed().as_secs_f64().max(1e-9));
    }
    connection.close(0_u32.into(), b"");
    let _ended = sending.await;
    client.wait_idle().await;
    Ok(median(rates))
}

fn failed(error: impl std::fmt::Display) -> NodeError {
    NodeError::failed("the bare quinn", error)
}

fn endpoints() -> Result<(quinn::Endpoint, quinn::Endpoint, SocketAddr), NodeError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).map_err(failed)?;
    let certificate: CertificateDer<'static> = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .map_err(failed)?;
    let server =
        quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server).map_err(failed)?));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).map_err(failed)?;
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(client).map_err(failed)?));
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listening = quinn::Endpoint::server(server, local).map_err(failed)?;
    let address = listening.local_addr().map_err(failed)?;
    let mut calling = quinn::Endpoint::client(local).map_err(failed)?;
    calling.set_default_client_config(client);
    Ok((listening, calling, address))
}

#[cfg(test)]
mod tests {
    #[tokio::test(flavor = "multi_thread")]
    async fn the_bare_quinn_moves_bytes() {
        assert!(super::bulk_mib_per_s().await.unwrap() > 1.0);
    }
}
