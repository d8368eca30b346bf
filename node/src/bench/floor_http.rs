//! The floor of HTTP: a route that does nothing.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::routing::get;

use super::client::gets_per_s;
use super::median::median;
use crate::error::NodeError;
use crate::web::WebServer;

/// Requests a second for a body of `bytes`, 8 clients.
///
/// # Errors
/// When it can't be served.
pub async fn requests_per_s(bytes: usize) -> Result<f64, NodeError> {
    let body = "x".repeat(bytes);
    let router = Router::new().route("/", get(move || std::future::ready(body.clone())));
    let server = WebServer::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), router, None).await?;
    let mut rates = Vec::new();
    for _ in 0..3 {
        rates.push(gets_per_s(server.address(), None, &["/".to_owned()], 8, 0.5).await?);
    }
    server.stop().await;
    Ok(median(rates))
}

#[cfg(test)]
mod tests {
    #[tokio::test(flavor = "multi_thread")]
    async fn a_bare_route_answers() {
        assert!(super::requests_per_s(1000).await.unwrap() > 10.0);
    }
}
