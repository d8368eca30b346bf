//! The ordered key-value trait under everything, and its engines.

mod engine;
mod fault;
mod memory;
mod sled;

pub(crate) use engine::successor;
pub use engine::{Batch, KEY_BYTES_MAX, KeyRange, Kv, KvError, Op, Pair, Precondition, VALUE_BYTES_MAX};
pub use fault::FaultKv;
pub use memory::MemoryKv;
pub use sled::SledKv;
pub(crate) use sled::wait_let_go;

#[cfg(test)]
mod tests;
