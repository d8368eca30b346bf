//! Serves the pages over invented data, to look at them:
//! `cargo run -p chaski-ui --example preview`, then <http://127.0.0.1:8970>.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::net::SocketAddr;
use std::sync::Arc;

use chaski_ui as ui;

#[path = "../src/tests/fixture.rs"]
#[allow(dead_code)]
mod fixture;

use fixture::{FixtureDemo, FixtureNode, FixtureParcels, Sample, TOKEN};

#[tokio::main]
async fn main() {
    for (port, busy) in [(8970, false), (8971, true)] {
        let sample = if busy { Sample::empty() } else { Sample::new() };
        let node = FixtureNode::new(busy, sample.changes.clone());
        let parcels = Arc::new(FixtureParcels::default());
        let state = ui::UiState::new(sample.clinic, Arc::new(node), parcels, false);
        println!("http://127.0.0.1:{port}{}", state.login_link(TOKEN));
        serve(port, ui::router(state));
    }
    serve(
        8972,
        ui::demo_router(ui::DemoState {
            backend: Arc::new(FixtureDemo::new()),
        }),
    );
    println!("http://127.0.0.1:8972/");
    std::future::pending::<()>().await;
}

fn serve(port: u16, router: axum::Router) {
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(
            listener,
            router.into_make_service_with_connect_info::<SocketAddr>(),
        )
        .await
        .unwrap();
    });
}
