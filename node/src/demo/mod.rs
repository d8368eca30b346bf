//! The demo: three real nodes in one process, joined over QUIC, with made-up people, and a page that
//! pulls the cables between them.
//!
//! Invariants: everything listens on loopback only; the network is the demo's own, its nodes are members
//! of no other and invite nobody; each node has its own directory, key, ports and identity, exactly as
//! `serve` would run it.

mod backend;
mod nodes;
mod people;
mod up;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::error::NodeError;
use crate::lifecycle::{blocking, stop_asked};
use crate::web::WebServer;

pub use up::{DemoLinkUp, DemoNodeUp, DemoUp};

use backend::Backend;
use nodes::{DemoNodes, stop_all};

/// How long a step of the start may take to end once the demo is told to stop.
const STEP_STOP_MAX: Duration = Duration::from_millis(800);

/// How long the nodes' directories may be held once they are stopped, before they are removed.
const LET_GO_MAX: Duration = Duration::from_millis(400);

/// What to show.
#[derive(Debug, Clone, Default)]
pub struct DemoOptions {
    /// Where the nodes live; a temporary directory, removed at the end, if absent.
    pub dir: Option<PathBuf>,
    /// How many made-up patients there are.
    pub patients: u32,
    /// The page's port; any free one if absent.
    pub port: Option<u16>,
}

/// Runs the demo until a signal.
///
/// # Errors
/// When a node can't be made, or `on_up` fails.
pub async fn demo(
    options: DemoOptions,
    on_up: impl FnOnce(&DemoUp) -> Result<(), NodeError>,
) -> Result<(), NodeError> {
    run(options, on_up, stop_asked()).await
}

/// Runs the demo until `stop` is ready.
///
/// # Errors
/// When a node can't be made, `on_up` or `stop` fails.
pub async fn run(
    options: DemoOptions,
    on_up: impl FnOnce(&DemoUp) -> Result<(), NodeError>,
    stop: impl Future<Output = Result<(), NodeError>>,
) -> Result<(), NodeError> {
    let (dir, temporary) = match options.dir.clone() {
        Some(dir) => {
            let whole =
                std::path::absolute(&dir).map_err(|error| NodeError::io("finding the directory", &error))?;
            (whole, false)
        }
        None => (temporary_folder()?, true),
    };
    tokio::pin!(stop);
    let (stopping, asked) = watch::channel(false);
    let started = {
        let starting = DemoNodes::start(&dir, options.patients, asked);
        tokio::pin!(starting);
        tokio::select! {
            started = &mut starting => Ok(started),
            // Ctrl-C while it starts: the step under way is ended first, so that nothing still writes
            // to a directory that is to be removed.
            stopped = &mut stop => {
                stopping.send_replace(true);
                if let Ok(Ok(Some(nodes))) = tokio::time::timeout(STEP_STOP_MAX, starting).await {
                    stop_all(nodes.nodes).await;
                }
                Err(stopped)
            }
        }
    };
    let outcome = match started {
        Ok(Ok(Some(nodes))) => show(nodes, options.port, on_up, stop).await,
        Ok(Ok(None)) => Ok(()),
        Ok(Err(error)) => Err(error),
        Err(stopped) => stopped,
    };
    if temporary {
        blocking(move || remove(&dir).map_err(|error| NodeError::io("removing the demo", &error)))
            .await
            .unwrap_or_else(|error| tracing::warn!(%error, "the demo's directory stays"));
    }
    outcome
}

/// Removes the demo once nobody works in its nodes' directories any more.
fn remove(dir: &Path) -> std::io::Result<()> {
    let until = Instant::now() + LET_GO_MAX;
    for cast in nodes::CAST {
        let left = until.saturating_duration_since(Instant::now());
        chaski_store::wait_let_go(&dir.join(cast.key), left);
    }
    // Who still works there may have made a file since its directory was listed.
    std::fs::remove_dir_all(dir).or_else(|_| std::fs::remove_dir_all(dir))
}

async fn show(
    nodes: DemoNodes,
    port: Option<u16>,
    on_up: impl FnOnce(&DemoUp) -> Result<(), NodeError>,
    stop: impl Future<Output = Result<(), NodeError>>,
) -> Result<(), NodeError> {
    let backend = Backend::new(nodes)?;
    let router = chaski_ui::demo_router(chaski_ui::DemoState {
        backend: backend.clone(),
    });
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
    let page = match WebServer::start(address, router, None).await {
        Ok(page) => page,
        Err(error) => {
            backend.stop().await;
            return Err(error);
        }
    };
    let up = backend.up(&format!("http://{}/", page.address()));
    let outcome = match on_up(&up) {
        Ok(()) => stop.await,
        Err(error) => Err(error),
    };
    backend.end_streams();
    tokio::join!(page.stop(), backend.stop());
    outcome
}

fn temporary_folder() -> Result<PathBuf, NodeError> {
    use std::os::unix::fs::DirBuilderExt;
    let name = format!("chaski-demo-{}", uuid::Uuid::new_v4().simple());
    let dir = std::env::temp_dir().join(name.get(..24).unwrap_or("chaski-demo"));
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&dir)
        .map_err(|error| NodeError::io("making the demo's directory", &error))?;
    Ok(dir)
}
