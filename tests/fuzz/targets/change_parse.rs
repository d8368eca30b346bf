//! A change chunk as it comes off the wire, and with its checksum put right.
#![no_main]

use chaski_crdt::change::{Chunk, OPS_MAX, hash_of};
use chaski_fuzz::sealed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Chunk::parse(bytes);
    let whole = sealed(bytes);
    if let Ok(chunk) = Chunk::parse(&whole) {
        assert_eq!(hash_of(&whole), Ok(chunk.hash));
        assert!(chunk.ops <= OPS_MAX && chunk.time >= 0 && chunk.seq > 0);
    }
});
