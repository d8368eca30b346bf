//! A node's life: made, opened, running, closed.
//!
//! Invariants: whoever has a [`Node`] has the directory's lock; closing flushes and lets go within a
//! second; nothing that was acknowledged depends on closing.

mod doctor;
mod info;
mod locked;
mod node;
mod serve;
mod setup;
mod signals;
mod target;
#[cfg(test)]
mod tests;
mod unlocking;

pub use doctor::doctor;
pub use info::Info;
pub use node::{Node, blocking};
pub use serve::{Parts, Running, ServeOptions, Up, serve};
pub use setup::{Made, NewNode, init, join, machine_name, write_secret};
pub use signals::stop_asked;
pub use target::Target;
pub use unlocking::{Opened, open_error, store_options};
