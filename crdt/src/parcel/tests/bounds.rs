//! A parcel at its bounds, and what a member who means ill puts in one.

use super::*;
use crate::parcel::message::{Signed, head_read};
use crate::parcel::{MAGIC, MESSAGE_BYTES_MAX, VERSION};

fn random(seed: u64) -> impl FnMut(&mut [u8]) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    move |out: &mut [u8]| rng.fill_bytes(out)
}

/// What a reader says of these bytes, all at once.
fn outcome(bytes: &[u8]) -> Result<(), ParcelError> {
    read(2, bytes, usize::MAX).1
}

#[test]
fn a_parcel_for_as_many_as_there_may_be_is_read_by_the_last() {
    let sender = key(1);
    // Nobody's keys but the last: a slot is found by its hint, wherever it stands.
    let mut recipients = vec![NodeId::of(&key(3)); RECIPIENTS_MAX - 1];
    recipients.push(NodeId::of(&key(2)));
    let held = Held {
        node: NodeId([5; 32]),
        epoch: u64::MAX,
        scope: u64::MAX,
        positions: [u64::MAX; PRIORITIES],
        bases: [u64::MAX; PRIORITIES],
    };
    let mut head = head(&sender);
    head.held = vec![held; RECIPIENTS_MAX];
    let begin = |recipients: &[NodeId], head: &Head| {
        ParcelWriter::begin(&NETWORK, &sender, recipients, head, &mut random(1))
    };
    let (writer, mut bytes) = begin(&recipients, &head).unwrap();
    bytes.extend(writer.finish(&end()).unwrap());
    assert_eq!(read(2, &bytes, 9_999).0[0], Item::Head(head.clone()));
    head.held.push(held);
    let over = begin(&recipients, &head);
    assert_eq!(over.err(), Some(ParcelError::TooMany("recipients")));
    // More slots than there may be are not even looked at.
    let count = PREFIX_BYTES..PREFIX_BYTES + 2;
    bytes[count.clone()].copy_from_slice(&u16::try_from(RECIPIENTS_MAX + 1).unwrap().to_be_bytes());
    assert_eq!(outcome(&bytes[..count.end]), Err(ParcelError::Altered));
}

#[test]
fn a_parcel_for_nobody_opens_for_nobody() {
    let sender = key(1);
    let (writer, mut bytes) =
        ParcelWriter::begin(&NETWORK, &sender, &[], &head(&sender), &mut random(1)).unwrap();
    bytes.extend(writer.finish(&end()).unwrap());
    assert_eq!(outcome(&bytes), Err(ParcelError::NotForThisNode));
}

/// The part in the clear: what it begins with, and that it names nobody.
#[test]
fn the_part_in_the_clear_says_only_what_it_must() {
    let bytes = parcel(&[vec![0x55; 500]]);
    assert_eq!(bytes[..8], MAGIC);
    assert_eq!(bytes[8], VERSION);
    assert_eq!(bytes[9..9 + NETWORK_BYTES], NETWORK.0[..NETWORK_BYTES]);
    let found = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    for node in [1, 2, 3].map(|seed| NodeId::of(&key(seed))) {
        assert!(!found(&node.0[..8]), "a node's key stands in the clear");
    }
    assert!(!found(&[0x55; 16]) && !found(&NETWORK.0[..NETWORK_BYTES + 1]));
    // Two parcels alike in all but their randomness have nothing in common behind the network.
    let sender = key(1);
    let recipients = [NodeId::of(&key(2))];
    let made = |seed: u64| {
        let head = head(&sender);
        let (writer, mut bytes) =
            ParcelWriter::begin(&NETWORK, &sender, &recipients, &head, &mut random(seed)).unwrap();
        bytes.extend(writer.finish(&end()).unwrap());
        bytes
    };
    let (one, two) = (made(1), made(2));
    assert_eq!(one.len(), two.len());
    let after = 9 + NETWORK_BYTES;
    assert_ne!(one[after..after + NONCE_BYTES], two[after..after + NONCE_BYTES]);
    let slot = PREFIX_BYTES + 2;
    for part in [slot..slot + 8, slot + 8..slot + 40, slot + 40..slot + 88] {
        assert_ne!(one[part.clone()], two[part]);
    }
    assert_eq!(
        (made(1) == one, outcome(&one), outcome(&two)),
        (true, Ok(()), Ok(()))
    );
}

#[test]
fn no_two_frames_are_sealed_alike() {
    // Frames of equal content: their ciphertexts tell nothing of that.
    let bytes = parcel(&[vec![0; 4 * FRAME_PLAIN_BYTES_MAX]]);
    let frames = frames_of(&bytes);
    let middle: Vec<&[u8]> = frames[1..4]
        .iter()
        .map(|frame| &bytes[frame.start + FRAME_HEAD_BYTES..frame.end])
        .collect();
    assert!(middle[0] != middle[1] && middle[1] != middle[2] && middle[0] != middle[2]);
    let same = middle[0].iter().zip(middle[1]).filter(|(a, b)| a == b).count();
    assert!(same < middle[0].len() / 64, "{same} bytes alike");
}

#[test]
fn a_frame_has_a_least_and_a_greatest_length() {
    let length =
        |length: usize, last: u32| Frames::head((u32::try_from(length).unwrap() | last).to_be_bytes());
    for (at, good) in [
        (0, false),
        (TAG_BYTES, false),
        (TAG_BYTES + 1, true),
        (FRAME_PLAIN_BYTES_MAX + TAG_BYTES, true),
        (FRAME_PLAIN_BYTES_MAX + TAG_BYTES + 1, false),
    ] {
        assert_eq!(length(at, 0).is_ok(), good, "{at}");
        assert_eq!(length(at, 1 << 31).is_ok(), good, "{at}");
    }
    assert_eq!(length(100, 0), Ok((100, false)));
    assert_eq!(length(100, 1 << 31), Ok((100, true)));
}

#[test]
fn each_kind_of_message_has_its_own_bound() {
    let head = |kind: u8, length: usize| {
        let [a, b, c, d] = u32::try_from(length).unwrap().to_be_bytes();
        Kind::read([kind, a, b, c, d])
    };
    for (kind, bound) in [
        (1, 256 * 1024),
        (2, STATEMENTS_BYTES_MAX),
        (3, MESSAGE_BYTES_MAX),
        (4, 256 * 1024),
    ] {
        assert!(head(kind, bound).is_ok(), "{kind}");
        let over = ParcelError::Malformed("a message above its limit");
        assert_eq!(head(kind, bound + 1), Err(over), "{kind}");
    }
    for unknown in [0, 5, 255] {
        assert!(head(unknown, 0).is_err());
    }
    // What a head may say of recipients fits a head.
    let writer = || {
        let sender = key(1);
        let begun = ParcelWriter::begin(&NETWORK, &sender, &[], &super::head(&sender), &mut random(1));
        begun.unwrap().0
    };
    let most = vec![vec![]; STATEMENTS_MAX];
    assert!(writer().authority(&most).is_ok());
    let large = [vec![0; STATEMENTS_BYTES_MAX]];
    let refused = writer().authority(&large);
    assert_eq!(refused.err(), Some(ParcelError::TooMany("bytes in a message")));
    assert!(writer().batch(&vec![0; MESSAGE_BYTES_MAX]).is_ok());
}

/// A message as a member who means ill writes it: rightly sealed, its content not ours.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind], length.as_slice(), body].concat()
}

#[test]
fn what_is_rightly_sealed_and_no_message_is_refused() {
    let bytes = parcel(&[vec![1; 10]]);
    let malformed = |what: &'static str, bytes: &[u8]| {
        assert_eq!(outcome(bytes), Err(ParcelError::Malformed(what)), "{what}");
    };
    let statements = postcard::to_stdvec(&vec![Vec::<u8>::new(); STATEMENTS_MAX + 1]).unwrap();
    let many = resealed(&bytes, |m| m[1] = message(2, &statements));
    malformed("too many statements in a message", &many);
    let most = postcard::to_stdvec(&vec![Vec::<u8>::new(); STATEMENTS_MAX]).unwrap();
    let most = resealed(&bytes, |m| m[1] = message(2, &most));
    // All that is wrong with it is that the sender did not sign it.
    assert_eq!(outcome(&most), Err(ParcelError::Signature));
    for body in [&[][..], &[5], &[1, 1, 7, 9]] {
        let other = resealed(&bytes, |m| m[1] = message(2, body));
        malformed("its authority statements", &other);
    }
    let short = resealed(&bytes, |m| m[0] = message(1, &[0; 63]));
    malformed("a signature is cut", &short);
    let none = resealed(&bytes, |m| *m.last_mut().unwrap() = message(4, &[]));
    malformed("a signature is cut", &none);
}

/// The header that these were signed behind.
const HEADER: [u8; 32] = [3; 32];

#[test]
fn a_head_is_its_senders_word_behind_its_own_header() {
    let sender = key(1);
    let good = Signed::head(&HEADER).sign(&sender, &head(&sender)).unwrap();
    assert_eq!(head_read(&HEADER, &good), Ok(head(&sender)));
    assert_eq!(head_read(&[4; 32], &good), Err(ParcelError::Signature));
    // Signed by another than it names.
    let others = Signed::head(&HEADER).sign(&key(2), &head(&sender)).unwrap();
    assert_eq!(head_read(&HEADER, &others), Err(ParcelError::Signature));
    // What was signed as an end is no head.
    let as_end = Signed::end(&HEADER, [0; 32])
        .sign(&sender, &head(&sender))
        .unwrap();
    assert_eq!(head_read(&HEADER, &as_end), Err(ParcelError::Signature));
    let weak = Head {
        sender: NodeId([0; 32]),
        ..head(&sender)
    };
    let weak = Signed::head(&HEADER).sign(&sender, &weak).unwrap();
    assert_eq!(head_read(&HEADER, &weak), Err(ParcelError::Signature));
    let mut long = good.clone();
    long.push(0);
    assert!(head_read(&HEADER, &long).is_err());
    let mut crowded = head(&sender);
    crowded.held = vec![crowded.held[0]; RECIPIENTS_MAX + 1];
    let crowded = Signed::head(&HEADER).sign(&sender, &crowded).unwrap();
    assert!(matches!(
        head_read(&HEADER, &crowded),
        Err(ParcelError::Malformed(_))
    ));
}

#[test]
fn a_cut_says_whether_it_was_a_parcel_at_all() {
    let bytes = parcel(&[vec![1; 10]]);
    for at in [
        1,
        7,
        8,
        9,
        PREFIX_BYTES,
        PREFIX_BYTES + 1,
        PREFIX_BYTES + 2,
        bytes.len() - 1,
    ] {
        assert_eq!(outcome(&bytes[..at]), Err(ParcelError::Cut), "{at}");
    }
    assert_eq!(outcome(&[]), Err(ParcelError::Empty));
    assert!(is_parcel(&bytes[..8]) && !is_parcel(&bytes[..7]) && !is_parcel(b"{}"));
    // It is said before anything is waited for.
    let mut reader = ParcelReader::new(NETWORK, key(2));
    reader.push(&bytes[..4]);
    assert_eq!(
        (reader.next(), reader.finish()),
        (Ok(None), Err(ParcelError::Cut))
    );
    reader.push(b"x");
    assert_eq!(reader.next(), Err(ParcelError::NotAParcel));
    assert_eq!(reader.finish(), Err(ParcelError::NotAParcel));
}

/// A parcel whose messages fill its frames to the byte is read as any other.
#[test]
fn frames_that_are_just_full_are_read() {
    let sealed = |bytes: &[u8]| -> Vec<usize> {
        let frames = frames_of(bytes).into_iter();
        frames
            .map(|frame| frame.len() - FRAME_HEAD_BYTES - TAG_BYTES)
            .collect()
    };
    let around: usize = sealed(&parcel(&[vec![]])).iter().sum();
    for frames in 1..=3 {
        for (more, count) in [(-1, frames), (0, frames), (1, frames + 1)] {
            let plain = (frames * FRAME_PLAIN_BYTES_MAX).checked_add_signed(more).unwrap();
            let batches = [vec![7; plain - around]];
            let bytes = parcel(&batches);
            let lengths = sealed(&bytes);
            assert_eq!((lengths.len(), lengths.iter().sum::<usize>()), (count, plain));
            assert_eq!(read(2, &bytes, usize::MAX), (items_of(&batches), Ok(())));
        }
    }
}
