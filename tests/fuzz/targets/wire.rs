//! Frames of the wire: what is read is written back the same.
#![no_main]

use chaski_net::wire::{VERSION, decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = decode(bytes);
    let mut frame = vec![VERSION];
    frame.extend_from_slice(bytes);
    if let Ok((hop, message)) = decode(&frame) {
        assert_eq!(decode(&encode(hop, &message)), Ok((hop, message)));
    }
});
