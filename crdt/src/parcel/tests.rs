//! What must hold of every parcel, whatever happens to its bytes.

use super::frame::{FRAME_HEAD_BYTES, Frames, TAG_BYTES};
use super::header::{NETWORK_BYTES, NONCE_BYTES, PREFIX_BYTES};
use super::message::Kind;
use super::slot::SLOT_BYTES;
use super::*;
use crate::author::{NetworkId, NodeId};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use sha2::{Digest, Sha256};

mod bounds;

const NETWORK: NetworkId = NetworkId([7; 32]);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn head(sender: &SigningKey) -> Head {
    Head {
        sender: NodeId::of(sender),
        made_ms: 1_700_000_000_000,
        epoch: 9,
        scope: 3,
        from: [1, 2, 3],
        left_out: true,
        held: vec![Held {
            node: NodeId([5; 32]),
            epoch: 1,
            scope: 2,
            positions: [4; PRIORITIES],
            bases: [4; PRIORITIES],
        }],
    }
}

fn end() -> End {
    End {
        to: [10, 20, 30],
        position: 30,
        sum: [8; 32],
        count: 12,
        records: 2,
        changes: 3,
    }
}

/// A parcel of key 1 for keys 2 and 3 with these batches.
fn parcel(batches: &[Vec<u8>]) -> Vec<u8> {
    let sender = key(1);
    let recipients = [NodeId::of(&key(2)), NodeId::of(&key(3))];
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut random = |out: &mut [u8]| rng.fill_bytes(out);
    let (mut writer, mut out) =
        ParcelWriter::begin(&NETWORK, &sender, &recipients, &head(&sender), &mut random).unwrap();
    out.extend(writer.authority(&[vec![1; 40], vec![2; 50]]).unwrap());
    for batch in batches {
        out.extend(writer.batch(batch).unwrap());
    }
    out.extend(writer.finish(&end()).unwrap());
    out
}

fn items_of(batches: &[Vec<u8>]) -> Vec<Item> {
    let mut items = vec![
        Item::Head(head(&key(1))),
        Item::Authority(vec![vec![1; 40], vec![2; 50]]),
    ];
    items.extend(batches.iter().cloned().map(Item::Batch));
    items.push(Item::End(end()));
    items
}

/// What a node reads of bytes that come in pieces, and how it ends.
fn read(seed: u8, bytes: &[u8], piece: usize) -> (Vec<Item>, Result<(), ParcelError>) {
    let mut reader = ParcelReader::new(NETWORK, key(seed));
    let mut items = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        reader.push(piece);
        loop {
            match reader.next() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(reader.next(), Err(error), "an error stands");
                    assert_eq!(reader.finish(), Err(error));
                    return (items, Err(error));
                }
            }
        }
    }
    let end = reader.finish();
    (items, end)
}

#[test]
fn each_recipient_reads_what_was_written() {
    let batches = vec![vec![1; 10], vec![2; 200_000], vec![]];
    let bytes = parcel(&batches);
    assert!(is_parcel(&bytes));
    for recipient in [2, 3] {
        assert_eq!(read(recipient, &bytes, 4_096), (items_of(&batches), Ok(())));
    }
}

#[test]
fn who_is_no_recipient_reads_nothing() {
    let bytes = parcel(&[vec![1; 10]]);
    // The sender itself has no slot either: it has no use for its own changes.
    // It knows it again.
    for (other, why) in [(1, ParcelError::OwnParcel), (4, ParcelError::NotForThisNode)] {
        assert_eq!(read(other, &bytes, 1_000), (vec![], Err(why)));
    }
}

#[test]
fn another_network_version_or_file_is_named() {
    let bytes = parcel(&[vec![1; 10]]);
    let mut reader = ParcelReader::new(NetworkId([6; 32]), key(2));
    reader.push(&bytes);
    assert_eq!(reader.next(), Err(ParcelError::OtherNetwork));
    // A network whose id only begins alike has another key schedule.
    let mut alike = [7; 32];
    alike[31] = 1;
    let mut reader = ParcelReader::new(NetworkId(alike), key(2));
    reader.push(&bytes);
    assert_eq!(reader.next(), Err(ParcelError::NotForThisNode));
    let mut newer = bytes.clone();
    newer[8] = VERSION + 1;
    assert_eq!(read(2, &newer, 7).1, Err(ParcelError::Version(VERSION + 1)));
    for other in [&b"{\"resourceType\":\"Bundle\"}"[..], b"\x1f\x8b\x08", b"\x8f"] {
        assert_eq!(read(2, other, 7), (vec![], Err(ParcelError::NotAParcel)));
    }
    assert_eq!(read(2, b"", 7), (vec![], Err(ParcelError::Empty)));
}

#[test]
fn what_follows_the_end_is_found() {
    let mut bytes = parcel(&[vec![1; 10]]);
    bytes.push(0);
    assert_eq!(read(2, &bytes, 100).1, Err(ParcelError::Extended));
    assert_eq!(read(2, &bytes, bytes.len()).1, Err(ParcelError::Extended));
}

/// Where the frames of a parcel of two begin and end.
fn frames_of(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut at = PREFIX_BYTES + 2 + 2 * SLOT_BYTES;
    let mut frames = Vec::new();
    while at < bytes.len() {
        let head: [u8; 4] = bytes[at..at + FRAME_HEAD_BYTES].try_into().unwrap();
        let (length, _) = Frames::head(head).unwrap();
        frames.push(at..at + FRAME_HEAD_BYTES + length);
        at += FRAME_HEAD_BYTES + length;
    }
    frames
}

#[test]
fn frames_have_their_order_and_their_parcel() {
    let batches = vec![vec![9; 300_000]];
    let bytes = parcel(&batches);
    let frames = frames_of(&bytes);
    assert!(frames.len() >= 4);
    let header = &bytes[..frames[0].start];
    let put = |order: &[usize]| {
        let mut out = header.to_vec();
        order
            .iter()
            .for_each(|frame| out.extend(&bytes[frames[*frame].clone()]));
        out
    };
    let whole: Vec<usize> = (0..frames.len()).collect();
    assert_eq!(read(2, &put(&whole), 9_999).1, Ok(()));
    let mut swapped = whole.clone();
    swapped.swap(1, 2);
    assert_eq!(read(2, &put(&swapped), 9_999).1, Err(ParcelError::Altered));
    let mut left_out = whole.clone();
    left_out.remove(1);
    assert_eq!(read(2, &put(&left_out), 9_999).1, Err(ParcelError::Altered));
    // Said to be the last, which it was not sealed as.
    let mut shortened = put(&whole[..2]);
    shortened[frames[1].start] |= 0x80;
    assert_eq!(read(2, &shortened, 9_999).1, Err(ParcelError::Altered));
    // The frames of another parcel for the same recipients.
    let mut other = parcel(&[vec![9; 300_000]]);
    assert_eq!(other, bytes, "the same randomness");
    other[20] ^= 1;
    assert_eq!(
        read(2, &other, 9_999).1,
        Err(ParcelError::NotForThisNode),
        "the nonce is part of what wraps the key"
    );
}

#[test]
fn another_recipients_slot_is_part_of_what_is_sealed() {
    let mut bytes = parcel(&[vec![1; 10]]);
    let second = PREFIX_BYTES + 2 + SLOT_BYTES;
    bytes[second + 50] ^= 1;
    assert_eq!(read(2, &bytes, 999), (vec![], Err(ParcelError::Altered)));
}

/// What a recipient who means ill makes of a parcel: it has the parcel's key and
/// can seal, but has not the sender's.
fn resealed(bytes: &[u8], change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let frames = frames_of(bytes);
    let header = &bytes[..frames[0].start];
    let nonce: [u8; NONCE_BYTES] = header[PREFIX_BYTES - NONCE_BYTES..PREFIX_BYTES]
        .try_into()
        .unwrap();
    let slots = &header[PREFIX_BYTES + 2..];
    let parcel_key = slot::unwrap(&NETWORK, &header[..PREFIX_BYTES], &nonce, &key(3), slots).unwrap();
    let digest: [u8; 32] = Sha256::digest(header).into();
    let mut opening = Frames::new(&parcel_key, nonce, digest);
    let mut plain = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        let sealed = &bytes[frame.start + FRAME_HEAD_BYTES..frame.end];
        opening.open(sealed, at + 1 == frames.len(), &mut plain).unwrap();
    }
    let mut messages = Vec::new();
    let mut rest = plain.as_slice();
    while let Some((head, after)) = rest.split_first_chunk::<5>() {
        let (_, length) = Kind::read(*head).unwrap();
        messages.push(rest[..5 + length].to_vec());
        rest = &after[length..];
    }
    change(&mut messages);
    let mut out = header.to_vec();
    let mut sealing = Frames::new(&parcel_key, nonce, digest);
    let plain = messages.concat();
    let pieces: Vec<&[u8]> = plain.chunks(FRAME_PLAIN_BYTES_MAX).collect();
    for (at, piece) in pieces.iter().enumerate() {
        sealing.seal(piece, at + 1 == pieces.len(), &mut out).unwrap();
    }
    out
}

#[test]
fn a_recipient_cannot_leave_out_what_the_sender_put_in() {
    let bytes = parcel(&[vec![1; 10], vec![2; 20]]);
    assert_eq!(resealed(&bytes, |_| {}), bytes);
    let without = resealed(&bytes, |messages| drop(messages.remove(2)));
    assert_eq!(read(2, &without, 999).1, Err(ParcelError::Signature));
    let other = resealed(&bytes, |messages| {
        *messages.last_mut().unwrap().last_mut().unwrap() ^= 1;
    });
    assert_eq!(read(2, &other, 999).1, Err(ParcelError::Signature));
    let other = resealed(&bytes, |messages| *messages[0].last_mut().unwrap() ^= 1);
    assert_eq!(read(2, &other, 999), (vec![], Err(ParcelError::Signature)));
}

#[test]
fn messages_have_their_places() {
    let bytes = parcel(&[vec![1; 10], vec![2; 20]]);
    type Change = fn(&mut Vec<Vec<u8>>);
    let cases: [(Change, &str); 6] = [
        (|m| drop(m.remove(0)), "it does not begin with its head"),
        (|m| m.insert(1, m[0].clone()), "it has two heads"),
        (|m| m.swap(1, 2), "authority stands behind changes"),
        (|m| drop(m.pop()), "it has no end"),
        (|m| m.push(m[2].clone()), "something stands behind its end"),
        (|m| m.push(vec![9, 0, 0, 0, 0]), "something stands behind its end"),
    ];
    for (change, wanted) in cases {
        let bad = resealed(&bytes, change);
        assert_eq!(read(2, &bad, 999).1, Err(ParcelError::Malformed(wanted)));
    }
    let unknown = resealed(&bytes, |m| m.insert(1, vec![9, 0, 0, 0, 0]));
    assert_eq!(
        read(2, &unknown, 999).1,
        Err(ParcelError::Malformed("a message of unknown kind"))
    );
    let long = resealed(&bytes, |m| m.insert(1, vec![3, 0xff, 0, 0, 0]));
    assert_eq!(
        read(2, &long, 999).1,
        Err(ParcelError::Malformed("a message above its limit"))
    );
}

#[test]
fn what_would_not_be_read_is_not_written() {
    let sender = key(1);
    let mut random = |out: &mut [u8]| out.fill(1);
    let many = vec![NodeId::of(&key(2)); RECIPIENTS_MAX + 1];
    let refused = ParcelWriter::begin(&NETWORK, &sender, &many, &head(&sender), &mut random);
    assert_eq!(refused.err(), Some(ParcelError::TooMany("recipients")));
    let refused = ParcelWriter::begin(&NETWORK, &sender, &[NodeId([0; 32])], &head(&sender), &mut random);
    assert_eq!(refused.err(), Some(ParcelError::Key));
    let (mut writer, _) = ParcelWriter::begin(&NETWORK, &sender, &[], &head(&sender), &mut random).unwrap();
    assert_eq!(
        writer.authority(&vec![vec![]; STATEMENTS_MAX + 1]).err(),
        Some(ParcelError::TooMany("statements in a message"))
    );
    assert_eq!(
        writer.batch(&vec![0; MESSAGE_BYTES_MAX + 1]).err(),
        Some(ParcelError::TooMany("bytes in a message"))
    );
}

/// The encoding is held to the byte: a parcel written today is read in ten years.
#[test]
fn formats() {
    let bytes = parcel(&[vec![1; 100], vec![2; 70_000]]);
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((bytes.len(), text.as_str()), (GOLDEN_BYTES, GOLDEN_SHA256));
}

const GOLDEN_BYTES: usize = 70_721;
const GOLDEN_SHA256: &str = "6f0531b7720ab7a50128059f2c222aa94d69660da3390af130edb363b8d21100";

fn batches() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(
        (any::<u8>(), 0_usize..150_000).prop_map(|(byte, length)| vec![byte; length]),
        0..4,
    )
}

proptest! {
    #![proptest_config(crate::testing::cases(32))]

    #[test]
    fn written_in_any_sizes_read_in_any_pieces(batches in batches(), piece in 1_usize..100_000) {
        let (items, end) = read(2, &parcel(&batches), piece);
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(items, items_of(&batches));
    }

    #[test]
    fn a_cut_is_found_and_what_is_before_it_is_whole(batches in batches(), at in any::<prop::sample::Index>()) {
        let whole = parcel(&batches);
        let cut = &whole[..at.index(whole.len())];
        let (items, end) = read(2, cut, 10_000);
        prop_assert_eq!(end, Err(if cut.is_empty() { ParcelError::Empty } else { ParcelError::Cut }));
        let all = items_of(&batches);
        prop_assert!(items.len() < all.len() && all.starts_with(&items));
    }

    #[test]
    fn any_altered_bit_is_found(batches in batches(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = parcel(&batches);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let (items, end) = read(2, &bytes, 10_000);
        prop_assert!(end.is_err());
        let all = items_of(&batches);
        prop_assert!(items.len() < all.len() && all.starts_with(&items));
    }

    #[test]
    fn arbitrary_bytes_are_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..3_000), begins in any::<bool>()) {
        if begins {
            bytes.splice(0..0, parcel(&[])[..PREFIX_BYTES].iter().copied());
        }
        let (items, end) = read(2, &bytes, 100);
        prop_assert!(items.is_empty() && end.is_err());
    }
}
