//! When to stop, and telling the service manager how it goes.

use std::os::unix::net::UnixDatagram;

use tokio::signal::unix::{SignalKind, signal};

use crate::error::NodeError;

/// Listens for SIGTERM and SIGINT from the call on, so that one that comes while a node is
/// still starting is not lost; the future is ready once one has come. A hangup keeps its own
/// meaning, so that `nohup` works. To be called within a runtime.
///
/// # Errors
/// (of the future) When they can't be listened for.
pub fn stop_asked() -> impl Future<Output = Result<(), NodeError>> {
    let listen = |kind| signal(kind).map_err(|error| NodeError::io("listening for signals", &error));
    let (terminate, interrupt) = (listen(SignalKind::terminate()), listen(SignalKind::interrupt()));
    async move {
        let (mut terminate, mut interrupt) = (terminate?, interrupt?);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }
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
