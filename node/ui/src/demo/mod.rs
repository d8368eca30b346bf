//! The demo page: three nodes side by side and a switch for each cable.
//!
//! [`DemoBackend`] is what `chaski-node` implements. Its methods may block:
//! they are called on tokio's blocking threads, where `Handle::block_on` is
//! allowed. The page itself holds no state.
//!
//! Invariant: the demo page has no log-in and therefore only ever listens on
//! loopback; it refuses requests under another host name (DNS rebinding) and
//! posts from another origin.

mod backend;
mod page;
mod view;

pub use backend::{DemoBackend, DemoClinic, DemoError, DemoLink, DemoNode, DemoRole, DemoState};
pub use page::demo_router;
