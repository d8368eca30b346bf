//! When to stop, and telling the service manager how it goes.

use std::os::unix::net::UnixDatagram;

use tokio::signal::unix::{SignalKind, signal};

use crate::error::NodeError;

/// Waits for SIGTERM or SIGINT. A hangup keeps its own meaning, so that `nohup` works.
///
/// # Errors
/// When they can't be listened for.
pub async fn stop_asked() -> Result<(), NodeError> {
    let listen = |kind| signal(kind).map_err(|error| NodeError::io("listening for signals", &error));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Tells systemd, where it waits to hear: `READY=1`, `STOPPING=1`.
pub fn notify(state: &str) {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let sent = UnixDatagram::unbound().and_then(|socket| socket.send_to(state.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::debug!(%error, "telling the service manager");
    }
}
