//! Logs of a running node, to standard error.
//!
//! Invariant: what is logged are route templates, random ids and counts, never names, client ids or
//! clinical values; that is each caller's duty, this module only carries.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::Log;

/// Starts logging for the process. A second call has no effect: the demo runs three nodes in one process.
pub fn start(log: &Log) {
    let filter = EnvFilter::try_from_env("CHASKI_LOG")
        .or_else(|_| EnvFilter::try_new(&log.filter))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        // It would tell of a standard error that can't be written on standard error, and panic.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let result = if log.json {
        builder.json().try_init()
    } else {
        builder.with_target(false).try_init()
    };
    if result.is_err() {
        tracing::debug!("logging was started before");
    }
}
