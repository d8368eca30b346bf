//! Frames of the wire: what is read is written back the same.

use chaski_net::wire::{VERSION, decode, encode};

/// Frames of the wire.
pub fn wire(bytes: &[u8]) {
    let _ = decode(bytes);
    let mut frame = vec![VERSION];
    frame.extend_from_slice(bytes);
    if let Ok((hop, message)) = decode(&frame) {
        assert_eq!(decode(&encode(hop, &message)), Ok((hop, message)));
    }
}
