//! Blocks of changes and stored JSON, as they come and with the compressed part
//! made here, so that the table inside is reached.

use chaski_crdt::codec::{compress_json, decode_batch, decode_changes, decompress_json, encode_batch};

use crate::{Pieces, unsigned};

const JSON_BYTES_MAX: usize = 1 << 20;

/// Blocks of changes and stored JSON.
pub fn codec(bytes: &[u8]) {
    let mut input = Pieces(bytes);
    match input.byte() % 4 {
        0 => batch(input.0),
        1 => {
            let _ = decode_changes(input.0);
        }
        2 => {
            if let Ok(text) = decompress_json(input.0, JSON_BYTES_MAX) {
                let again = compress_json(&text).expect("text is compressed");
                assert_eq!(decompress_json(&again, JSON_BYTES_MAX), Ok(text));
            }
        }
        _ => {
            let (authors, changes) = (input.byte() % 4, input.byte() % 8);
            batch(&block(authors, changes, input.0));
        }
    }
}

/// What was read is written back the same, unless it has a chunk in it that is
/// no change: nobody would sign that.
fn batch(bytes: &[u8]) {
    if let Ok(records) = decode_batch(bytes)
        && let Ok(again) = encode_batch(&records)
    {
        let kept = records.into_iter().filter(|(_, changes)| !changes.is_empty());
        assert_eq!(decode_batch(&again), Ok(kept.collect()));
    }
}

/// A block without a dictionary around this table.
pub(crate) fn block(authors: u8, changes: u8, raw: &[u8]) -> Vec<u8> {
    let frame = zstd::bulk::compress(raw, 1).expect("a frame");
    let mut out = vec![1, 0, authors];
    (0..authors).for_each(|author| out.extend([author; 40]));
    out.push(changes);
    (0..changes).for_each(|change| out.extend([change; 64]));
    out.extend(unsigned(raw.len() as u64));
    out.extend(unsigned(frame.len() as u64 - 4));
    out.extend_from_slice(&frame[4..]);
    out
}
