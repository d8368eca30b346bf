//! What the integration tests share: a node as its users know it (a directory,
//! a command, an address), the kit's data, a small HTTP client.
//!
//! Nothing here reaches into a node: a test asserts what a user would notice.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod at;
pub mod chaski;
pub mod http;
pub mod kit;
pub mod link;
pub mod ports;
pub mod scripts;

/// Says that a test could not run and why; `tests/run` counts these lines.
pub fn skip(why: &str) {
    println!("SKIPPED: {why}");
}
