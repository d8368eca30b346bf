//! A change chunk as it comes off the wire, and with its checksum put right.

use chaski_crdt::change::{Chunk, OPS_MAX, hash_of};

use crate::sealed;

/// A change chunk as it comes off the wire.
pub fn change_parse(bytes: &[u8]) {
    let _ = Chunk::parse(bytes);
    let whole = sealed(bytes);
    if let Ok(chunk) = Chunk::parse(&whole) {
        assert_eq!(hash_of(&whole), Ok(chunk.hash));
        assert!(chunk.ops <= OPS_MAX && chunk.time >= 0 && chunk.seq > 0);
    }
}
