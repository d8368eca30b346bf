//! The block at its bounds, and blocks that no correct encoder makes.

use super::*;
use crate::author::{AuthorId, NodeId};
use crate::change::{CHANGE_BYTES_MAX, put_unsigned, restore};
use crate::codec::block::encode;
use crate::codec::compress::{Kind, compress};

/// A change that only the codec looks at: it is not decoded here.
fn bare(author: u8, author_seq: u64, body_bytes: usize) -> SignedChange {
    let mut body = vec![1];
    body.resize(body_bytes.max(1), author);
    SignedChange {
        author: AuthorId {
            node: NodeId([author; 32]),
            incarnation: u64::from(author) << 60 | 3,
        },
        author_seq,
        signature: [author ^ 0x5a; 64],
        bytes: restore(&body),
    }
}

fn unsigned(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_unsigned(&mut out, value);
    out
}

/// A block put together by hand around a raw part.
#[derive(Clone)]
struct Block {
    dictionary: u8,
    authors: usize,
    signatures: usize,
    raw: Vec<u8>,
    stated: Option<u64>,
}

impl Block {
    fn bytes(&self) -> Vec<u8> {
        let frame = match self.dictionary {
            0 => {
                let mut frame = zstd::bulk::Compressor::new(3).unwrap();
                let flag = zstd::zstd_safe::CParameter::ContentSizeFlag(false);
                frame.set_parameter(flag).unwrap();
                frame.compress(&self.raw).unwrap().split_off(4)
            }
            _ => compress(Kind::Changes, &self.raw).unwrap(),
        };
        let mut out = vec![1, self.dictionary];
        out.extend(unsigned(self.authors as u64));
        out.extend(std::iter::repeat_n(7, 40 * self.authors));
        out.extend(unsigned(self.signatures as u64));
        out.extend(std::iter::repeat_n(8, 64 * self.signatures));
        out.extend(unsigned(self.stated.unwrap_or(self.raw.len() as u64)));
        out.extend(unsigned(frame.len() as u64));
        out.extend(frame);
        out
    }
}

/// The raw part of one record with one change of five bytes.
fn raw(edit: impl FnOnce(&mut [Vec<u8>; 7])) -> Vec<u8> {
    // Records, key, changes; flags, author, sequence, length.
    let key = [unsigned(3), b"P/1".to_vec()].concat();
    let mut parts = [
        unsigned(1),
        key,
        unsigned(1),
        unsigned(0),
        unsigned(0),
        unsigned(10),
        unsigned(5),
    ];
    edit(&mut parts);
    let mut raw = parts.concat();
    raw.extend([1, 2, 3, 4, 5]);
    raw
}

fn block(raw: Vec<u8>) -> Block {
    Block {
        dictionary: 1,
        authors: 1,
        signatures: 1,
        raw,
        stated: None,
    }
}

#[test]
fn a_block_made_by_hand_is_read() {
    let records = decode_batch(&block(raw(|_| {})).bytes()).unwrap();
    let (record, changes) = &records[0];
    assert_eq!((record.to_string().as_str(), changes.len()), ("P/1", 1));
    assert_eq!(
        (changes[0].author_seq, changes[0].author.incarnation),
        (5, 0x0707_0707_0707_0707)
    );
    assert_eq!(changes[0].bytes, restore(&[1, 2, 3, 4, 5]));
    // A block that was compressed without a dictionary is read as well.
    let plain = Block {
        dictionary: 0,
        ..block(raw(|_| {}))
    };
    assert_eq!(decode_batch(&plain.bytes()).unwrap(), records);
}

#[test]
fn blocks_that_contradict_themselves_are_refused() {
    let refused = |error: CodecError, block: &Block| assert_eq!(decode_batch(&block.bytes()), Err(error));
    let malformed = |edit: fn(&mut [Vec<u8>; 7])| refused(CodecError::Malformed, &block(raw(edit)));
    malformed(|parts| parts[0] = unsigned(0));
    malformed(|parts| parts[0] = unsigned(2));
    malformed(|parts| parts[2] = unsigned(0));
    malformed(|parts| parts[2] = unsigned(2));
    malformed(|parts| parts[4] = unsigned(1));
    malformed(|parts| parts[6] = unsigned(4));
    malformed(|parts| parts[6] = unsigned(6));
    malformed(|parts| parts[1] = [unsigned(3), b"P11".to_vec()].concat());
    malformed(|parts| parts[1] = [unsigned(3), vec![0xff; 3]].concat());
    malformed(|parts| parts[1] = unsigned(0));
    let flags = block(raw(|parts| parts[3] = unsigned(1)));
    refused(CodecError::Flags, &flags);
    let long = block(raw(|parts| parts[1] = [unsigned(130), vec![b'a'; 130]].concat()));
    refused(CodecError::Bound("record key"), &long);
    for signatures in [0, 2] {
        let other = Block {
            signatures,
            ..block(raw(|_| {}))
        };
        refused(CodecError::Malformed, &other);
    }
    let without_author = Block {
        authors: 0,
        ..block(raw(|_| {}))
    };
    refused(CodecError::Malformed, &without_author);
    for stated in [1, 14, 16] {
        let other = Block {
            stated: Some(stated),
            ..block(raw(|_| {}))
        };
        refused(CodecError::Compression, &other);
    }
}

#[test]
fn the_longest_record_key_goes_through() {
    let record = RecordKey::new(&"K".repeat(64), &"i".repeat(64)).unwrap();
    let sent = vec![(record, vec![bare(1, 1, 10)])];
    assert_eq!(decode_batch(&encode_batch(&sent).unwrap()).unwrap(), sent);
}

#[test]
fn a_batch_is_one_block_and_a_stored_record_has_no_name() {
    let record = key("Patient/p1");
    let sent = vec![(record, vec![bare(1, 1, 10)])];
    let batch = encode_batch(&sent).unwrap();
    // What was sent is not taken for what is stored, nor the other way round.
    assert_eq!(decode_changes(&batch), Err(CodecError::Malformed));
    let stored = encode_changes(&sent[0].1).unwrap();
    assert_eq!(decode_batch(&stored), Err(CodecError::Malformed));
    let twice = [batch.clone(), batch.clone()].concat();
    assert_eq!(decode_batch(&twice), Err(CodecError::Malformed));
    let behind = [batch.clone(), vec![0]].concat();
    assert_eq!(decode_batch(&behind), Err(CodecError::Malformed));
    for cut in 0..batch.len() {
        assert!(decode_batch(&batch[..cut]).is_err(), "{cut}");
    }
    assert_eq!(decode_batch(&[2]), Err(CodecError::Version(2)));
    assert_eq!(
        decode_batch(&vec![1; BLOCK_BYTES_MAX + 1]),
        Err(CodecError::Bound("length"))
    );
    assert_ne!(
        decode_batch(&vec![1; BLOCK_BYTES_MAX]),
        Err(CodecError::Bound("length"))
    );
}

/// Sequences stand as differences to the author's one before: up, down, far, and of authors
/// in turn.
#[test]
fn every_author_and_sequence_comes_back() {
    let far = [0, 1, u64::MAX, 5, u64::MAX / 2, u64::MAX / 2 + 1, 0];
    let changes: Vec<SignedChange> = far
        .iter()
        .enumerate()
        .map(|(at, seq)| bare(1 + (at % 3) as u8, *seq, 10 + at))
        .collect();
    assert_eq!(
        decode_changes(&encode_changes(&changes).unwrap()).unwrap(),
        changes
    );
    let sent: Vec<_> = changes
        .chunks(2)
        .map(|chunk| (key("Patient/p1"), chunk.to_vec()))
        .collect();
    assert_eq!(decode_batch(&encode_batch(&sent).unwrap()).unwrap(), sent);
}

#[test]
fn what_is_no_change_is_not_encoded() {
    for bytes in [
        vec![],
        vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0],
        b"nonsense, and long".to_vec(),
    ] {
        let mut change = bare(1, 1, 10);
        change.bytes = bytes;
        assert_eq!(encode_changes(&[change]), Err(CodecError::Malformed));
    }
    // A document chunk, which no record holds.
    let mut change = bare(1, 1, 10);
    change.bytes[8] = 0;
    assert_eq!(encode_changes(&[change]), Err(CodecError::Malformed));
}

#[test]
fn a_block_holds_so_many_changes_and_no_more() {
    let one = bare(1, 1, 2);
    let many = |count: usize| vec![&one; count];
    let encoded = |count: usize| encode([("", many(count).as_slice())].into_iter());
    assert!(encoded(BLOCK_CHANGES_MAX).is_ok());
    let bound = Err(CodecError::Bound("number of changes"));
    assert_eq!(encoded(BLOCK_CHANGES_MAX + 1), bound);
    let read = |count: u64| decode_batch(&[vec![1, 1, 0], unsigned(count)].concat());
    assert_eq!(read(BLOCK_CHANGES_MAX as u64 + 1).map(|_| Vec::new()), bound);
    assert_eq!(read(BLOCK_CHANGES_MAX as u64), Err(CodecError::Malformed));
    let authors = [vec![1, 1], unsigned(BLOCK_CHANGES_MAX as u64 + 1)].concat();
    assert_eq!(
        decode_batch(&authors),
        Err(CodecError::Bound("number of authors"))
    );
    // Of a longer history storage makes several blocks.
    let changes = vec![one; BLOCK_CHANGES_MAX + 1];
    assert_eq!(
        decode_changes(&encode_changes(&changes).unwrap()).unwrap().len(),
        changes.len()
    );
}

#[test]
fn the_largest_change_goes_alone_and_several_are_bounded_together() {
    // The strongest case that storage and wire have to carry.
    let largest = bare(1, 1, CHANGE_BYTES_MAX - 8);
    assert_eq!(largest.bytes.len(), CHANGE_BYTES_MAX);
    let stored = encode_changes(std::slice::from_ref(&largest)).unwrap();
    assert_eq!(decode_changes(&stored).unwrap(), std::slice::from_ref(&largest));
    let sent = vec![(key("Patient/p1"), vec![largest.clone()])];
    assert_eq!(decode_batch(&encode_batch(&sent).unwrap()).unwrap(), sent);
    let two = vec![(key("Patient/p1"), vec![largest.clone(), bare(1, 2, 10)])];
    assert_eq!(encode_batch(&two), Err(CodecError::Bound("length")));
    // Stored one after another each has its own block.
    let stored = encode_changes(&two[0].1).unwrap();
    assert_eq!(decode_changes(&stored).unwrap(), two[0].1);
    let over = bare(1, 1, CHANGE_BYTES_MAX + 8_192);
    assert_eq!(encode_changes(&[over]), Err(CodecError::Bound("length")));
    let half = bare(1, 1, BLOCK_RAW_BYTES_MAX / 2 - 200);
    let half_sent = vec![(key("Patient/p1"), vec![half.clone(), half.clone()])];
    assert!(encode_batch(&half_sent).is_ok());
    let more = vec![(key("Patient/p1"), vec![half.clone(), half, bare(1, 2, 1_000)])];
    assert_eq!(encode_batch(&more), Err(CodecError::Bound("length")));
}

#[test]
fn stored_json_of_another_form_is_refused() {
    let good = compress_json("{}").unwrap();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        decompress_json(&bytes, 100)
    };
    assert_eq!(with(0, 2), Err(CodecError::Version(2)));
    assert_eq!(with(1, 2), Err(CodecError::Dictionary(2)));
    assert_eq!(with(2, 1), Err(CodecError::Compression));
    assert_eq!(with(2, 3), Err(CodecError::Compression));
    assert_eq!(decompress_json(&good, 2).unwrap(), "{}");
    assert_eq!(decompress_json(&good, 1), Err(CodecError::Bound("length")));
    assert!(decompress_json(&[], 100).is_err());
    let mut bytes = vec![1, 1, 2];
    bytes.extend(compress(Kind::Json, &[0xff, 0xfe]).unwrap());
    assert_eq!(decompress_json(&bytes, 100), Err(CodecError::Malformed));
}
