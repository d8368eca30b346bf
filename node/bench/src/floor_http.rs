//! The floor of HTTP: a route that does nothing.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt;
use chaski_node::NodeError;
use tokio::net::TcpListener;

use crate::client::gets_per_s;
use crate::median::median;

/// Requests a second for a body of `bytes`, 8 clients.
///
/// # Errors
/// When it can't be served.
pub async fn requests_per_s(bytes: usize) -> Result<f64, NodeError> {
    let body = "x".repeat(bytes);
    let router = Router::new().route("/", get(move || std::future::ready(body.clone())));
    let failed = |error: std::io::Error| NodeError::io("the bare route", &error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    // As a node's own server does: an answer isn't kept back for the next.
    let listener = listener.tap_io(|stream| {
        let _kept_back = stream.set_nodelay(true);
    });
    let serving = tokio::spawn(axum::serve(listener, router).into_future());
    let measured = rates(address).await;
    serving.abort();
    Ok(median(measured?))
}

async fn rates(address: SocketAddr) -> Result<Vec<f64>, NodeError> {
    let mut rates = Vec::new();
    for _ in 0..3 {
        rates.push(gets_per_s(address, None, &["/".to_owned()], 8, 0.5).await?);
    }
    Ok(rates)
}

#[cfg(test)]
mod tests {
    #[tokio::test(flavor = "multi_thread")]
    async fn a_bare_route_answers() {
        assert!(super::requests_per_s(1000).await.unwrap() > 10.0);
    }
}
