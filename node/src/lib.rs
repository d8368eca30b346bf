//! Configuration, wiring, telemetry and lifecycle of a node: the library the binary runs.
//!
//! Invariants: nothing below this package reads configuration files, opens listening sockets of its own
//! accord or knows the platform's folders; the operations an operator asks for are executed by one
//! function ([`admin::execute`]), in process or through a running node's socket.

pub mod admin;
pub mod config;
pub mod demo;
mod error;
mod grants;
pub mod hub;
mod import;
mod issuers;
mod key;
mod lifecycle;
mod member;
mod names;
mod network;
mod parcel;
mod peers;
mod place;
pub mod root_file;
mod spool;
mod standing;
pub mod telemetry;
mod text;
mod web;
pub mod zone;

pub use chaski_net::addresses::check_dialled;
pub use demo::{DemoOptions, DemoUp, demo};
pub use error::NodeError;
pub use key::{KeyOptions, Protection, read_passphrase};
pub use lifecycle::{
    Made, NewNode, Node, Parts, Running, ServeOptions, Target, Up, blocking, doctor, init, join,
    machine_name, serve, stop_asked,
};
pub use place::{default_data, default_key_file};
