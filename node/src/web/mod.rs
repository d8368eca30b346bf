//! The listening side of HTTP: connections, HTTPS, and stopping in time.
//!
//! Invariants: a bound on connections, on time for headers and for the TLS handshake; which HTTP a
//! connection speaks is settled before its first byte (ALPN, else HTTP/1.1), so that a silent one is
//! closed like a slow one; plain HTTP only on loopback (checked in [`crate::config::Http::check`]);
//! stopping takes at most [`STOP_MAX`].

mod compress;
mod parcels;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tower::Service;

pub use parcels::PageParcels;
pub use tls::{Tls, own_certificate, tls_from_files};

use crate::error::NodeError;

/// Connections served at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;

/// How long a client may take for its headers, and for the TLS handshake.
const HEADERS_WAIT: Duration = Duration::from_millis(if cfg!(test) { 300 } else { 15_000 });

/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 64;

/// How long requests under way may take once the server stops.
const STOP_MAX: Duration = Duration::from_millis(200);

/// A server that listens.
#[derive(Debug)]
pub struct WebServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl WebServer {
    /// Starts to listen and to serve `router`.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub async fn start(address: SocketAddr, router: Router, tls: Option<&Tls>) -> Result<Self, NodeError> {
        let listener = listen(address).await?;
        let address = listener
            .local_addr()
            .map_err(|error| NodeError::io("asking for the port", &error))?;
        let acceptor = tls.map(|tls| TlsAcceptor::from(Arc::clone(&tls.config)));
        let (stop, stopping) = watch::channel(false);
        let router = router.layer(compress::layer());
        let task = tokio::spawn(accept(listener, router, acceptor, stopping));
        Ok(Self { address, stop, task })
    }

    /// The address listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets requests finish for a moment, then ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_MAX, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// Listens, with an error that says what to do about it.
async fn listen(address: SocketAddr) -> Result<TcpListener, NodeError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => NodeError::Failed(format!(
                "port {} on {} is taken by another program; choose another with --http",
                address.port(),
                address.ip()
            )),
            std::io::ErrorKind::PermissionDenied => NodeError::Failed(format!(
                "port {} needs a privilege this user doesn't have; choose one above 1023 with --http",
                address.port()
            )),
            _ => NodeError::io(&format!("listening on {address}"), &error),
        })
}

async fn accept(
    listener: TcpListener,
    router: Router,
    tls: Option<TlsAcceptor>,
    mut stopping: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.changed() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (router, tls, stopping) = (router.clone(), tls.clone(), stopping.clone());
                connections.spawn(async move {
                    connection(stream, peer, router, tls, stopping).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Too many open files, for one: wait for some to close.
                tracing::warn!(%error, "accepting a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    tls: Option<TlsAcceptor>,
    stopping: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "setting TCP_NODELAY");
    }
    match tls {
        None => serve(stream, peer, router, stopping, Version::One).await,
        Some(acceptor) => match tokio::time::timeout(HEADERS_WAIT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let version = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => Version::Two,
                    _ => Version::One,
                };
                serve(stream, peer, router, stopping, version).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

/// Which HTTP a connection speaks.
#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    mut stopping: watch::Receiver<bool>,
    version: Version,
) {
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        // A router is always ready: it has no limits of its own.
        router.clone().call(request)
    });
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = match version {
        Version::One => builder.http1_only(),
        Version::Two => builder.http2_only(),
    };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WAIT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADERS_WAIT)
        .keep_alive_timeout(HEADERS_WAIT)
        .max_concurrent_streams(STREAMS_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            changed = stopping.changed() => {
                connection.as_mut().graceful_shutdown();
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn fetch(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    fn router() -> Router {
        Router::new().route(
            "/",
            axum::routing::get(
                |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() },
            ),
        )
    }

    /// Text leaves compressed to who can read it so; a stream of events and what is compressed already leave as they are.
    #[tokio::test]
    async fn only_text_is_compressed_and_only_for_who_asks() {
        let long = || "Rosa Quispe Mamani ".repeat(500);
        let of = |kind: &'static str| {
            axum::routing::get(move || async move { ([(axum::http::header::CONTENT_TYPE, kind)], long()) })
        };
        let router = Router::new()
            .route("/page", of("text/html; charset=utf-8"))
            .route("/fhir", of("application/fhir+json"))
            .route("/live", of("text/event-stream"))
            .route("/parcel", of("application/octet-stream"));
        let server = WebServer::start("127.0.0.1:0".parse().unwrap(), router, None)
            .await
            .unwrap();
        for (path, accepts, is_compressed) in [
            ("/page", "gzip, deflate, br", true),
            ("/fhir", "gzip", true),
            ("/page", "identity", false),
            ("/page", "gzip;q=0", false),
            ("/live", "gzip", false),
            ("/parcel", "gzip", false),
        ] {
            let mut stream = TcpStream::connect(server.address()).await.unwrap();
            let asked = format!(
                "GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {accepts}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(asked.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            let text = String::from_utf8_lossy(&answer).to_lowercase();
            assert_eq!(
                text.contains("content-encoding: gzip"),
                is_compressed,
                "{path} {accepts}"
            );
            assert_eq!(
                answer.len() < 2_000,
                is_compressed,
                "{path} {accepts}: {}",
                answer.len()
            );
        }
        server.stop().await;
    }

    #[tokio::test]
    async fn it_serves_and_stops_while_a_connection_idles() {
        let server = WebServer::start("127.0.0.1:0".parse().unwrap(), router(), None)
            .await
            .unwrap();
        assert!(fetch(server.address()).await.ends_with("127.0.0.1"));
        let idle = TcpStream::connect(server.address()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let begun = std::time::Instant::now();
        server.stop().await;
        assert!(begun.elapsed() < Duration::from_millis(900));
        drop(idle);
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_or_never_ends_its_headers_is_closed() {
        let server = WebServer::start("127.0.0.1:0".parse().unwrap(), router(), None)
            .await
            .unwrap();
        for said in [&b""[..], b"P", b"GET / HTTP/1.1\r\nHost: x\r\n"] {
            let mut stream = TcpStream::connect(server.address()).await.unwrap();
            stream.write_all(said).await.unwrap();
            let mut text = Vec::new();
            let read = stream.read_to_end(&mut text);
            let closed = tokio::time::timeout(Duration::from_secs(5), read).await;
            assert!(closed.is_ok(), "after {} bytes", said.len());
        }
        server.stop().await;
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let first = WebServer::start("127.0.0.1:0".parse().unwrap(), router(), None)
            .await
            .unwrap();
        let error = WebServer::start(first.address(), router(), None)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&first.address().port().to_string()) && error.contains("taken"),
            "{error}"
        );
    }
}
