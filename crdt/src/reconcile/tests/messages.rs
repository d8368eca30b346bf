//! Messages to the byte, and those that no correct peer sends.

use super::*;
use crate::reconcile::items::Bound;
use crate::reconcile::message::{Encoder, Ids, Said};

fn numbered(count: u8) -> Items {
    Items::new((1..=count).map(|number| [number; 32]))
}

fn said(ranges: &[(Bound, Said)]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    for (bound, said) in ranges {
        encoder.say(*bound, said);
    }
    encoder.finish().unwrap()
}

/// A peer of today and one of next year must mean the same by these bytes.
#[test]
fn formats() {
    let fingerprint = [9; 16];
    let bound = |byte: u8| {
        let mut id = [0; 32];
        id[..2].fill(byte);
        Bound::Below(id)
    };
    let ranges = [
        (bound(1), Said::Settled),
        (bound(2), Said::Fingerprint(fingerprint)),
        (bound(3), Said::List(Ids::Full(vec![[2; 32]]))),
        (bound(4), Said::List(Ids::Short(vec![[3; 8], [4; 8]]))),
        (
            bound(5),
            Said::Answer {
                lacks: Ids::Full(vec![[4; 32]]),
                extra: vec![[5; 32]],
                fingerprint,
            },
        ),
        (
            Bound::End,
            Said::Answer {
                lacks: Ids::Short(vec![]),
                extra: vec![],
                fingerprint,
            },
        ),
    ];
    let bytes = said(&ranges);
    let expected = [
        &[1_u8][..],
        &[2, 1, 1, 0],
        &[2, 2, 2, 1],
        &[9; 16],
        &[2, 3, 3, 2, 1],
        &[2; 32],
        &[2, 4, 4, 3, 2],
        &[3; 8],
        &[4; 8],
        &[2, 5, 5, 4, 1],
        &[4; 32],
        &[1],
        &[5; 32],
        &[9; 16],
        &[33, 5, 0, 0],
        &[9; 16],
    ]
    .concat();
    assert_eq!(bytes, expected);
    assert_eq!(decode(&bytes, bytes.len()).unwrap(), ranges);
    assert_eq!(decode(&bytes, bytes.len() - 1), Err(MessageError::TooLarge));
    for cut in 1..bytes.len() {
        let range_ends = [1, 5, 25, 62, 83, 169];
        let read = decode(&bytes[..cut], bytes.len());
        assert_eq!(read.is_ok(), range_ends.contains(&cut), "{cut}");
    }
    assert_eq!(decode(&[], 10), Err(MessageError::Malformed));
}

/// The fingerprint of a range is compared by every node: it is held to the byte too.
#[test]
fn the_fingerprint_of_a_range_is_of_its_sum_and_count() {
    let (_, message) = Initiator::start(&numbered(30), MESSAGE_BYTES_MAX);
    let first = match &decode(&message, MESSAGE_BYTES_MAX).unwrap()[0].1 {
        Said::Fingerprint(fingerprint) => *fingerprint,
        other => panic!("{other:?}"),
    };
    // Thirty items in sixteen parts: the first has one.
    let mut sum = vec![1; 32];
    sum.extend(1_u64.to_le_bytes());
    let hash: [u8; 32] = blake3::hash(&sum).into();
    assert_eq!(first, hash[..16]);
}

#[test]
fn messages_of_another_form_are_refused() {
    let id = |byte: u8| [byte; 32];
    let malformed =
        |bytes: &[u8]| assert_eq!(decode(bytes, 1_000), Err(MessageError::Malformed), "{bytes:?}");
    assert_eq!(decode(&[2], 1_000), Err(MessageError::Version(2)));
    assert_eq!(decode(&[1], 1_000), Ok(vec![]));
    // A bound of more bytes than an identifier has, and of a kind nobody knows.
    malformed(&[&[1, 34][..], &[0; 40]].concat());
    malformed(&[1, 33, 6]);
    // Bounds that do not ascend.
    malformed(&[1, 1, 2, 0, 1, 2, 0]);
    malformed(&[1, 1, 2, 0, 1, 1, 0]);
    malformed(&[1, 33, 0, 33, 0]);
    // Identifiers that do not ascend: one would be counted twice.
    malformed(&[&[1, 33, 2, 2][..], &id(3), &id(3)].concat());
    malformed(&[&[1, 33, 2, 2][..], &id(3), &id(2)].concat());
    malformed(&[&[1, 33, 3, 2][..], &[3; 8], &[3; 8]].concat());
    // Counts beyond what is there.
    malformed(&[1, 33, 2, 1]);
    malformed(&[1, 33, 2, 0xff, 0xff, 0xff, 0xff, 0x0f]);
}

#[test]
fn each_side_says_only_what_is_its_to_say() {
    let items = numbered(9);
    let list = said(&[(Bound::End, Said::List(Ids::Full(vec![])))]);
    let answer = said(&[(
        Bound::End,
        Said::Answer {
            lacks: Ids::Full(vec![]),
            extra: vec![],
            fingerprint: [0; 16],
        },
    )]);
    let (mut initiator, _) = Initiator::start(&items, MESSAGE_BYTES_MAX);
    assert_eq!(initiator.receive(&items, &list), Err(MessageError::Malformed));
    assert_eq!(
        respond(&items, &answer, MESSAGE_BYTES_MAX),
        Err(MessageError::Malformed)
    );
    assert!(respond(&items, &list, MESSAGE_BYTES_MAX).unwrap().is_some());
    assert_eq!(respond(&items, &[3], 1_000), Err(MessageError::Version(3)));
    let long = vec![1; MESSAGE_BYTES_MAX + 1];
    assert_eq!(respond(&items, &long, usize::MAX), Err(MessageError::TooLarge));
    assert_eq!(initiator.receive(&items, &long), Err(MessageError::TooLarge));
}

/// A peer that lies in its answer is believed in nothing that can be checked: what it says it
/// lacks must be here, what it says it has must not.
#[test]
fn an_answer_names_only_what_is_a_difference() {
    let items = numbered(3);
    let answer = |lacks: Ids| {
        said(&[(
            Bound::End,
            Said::Answer {
                lacks,
                extra: vec![[2; 32], [7; 32]],
                fingerprint: [0; 16],
            },
        )])
    };
    let (mut initiator, _) = Initiator::start(&items, MESSAGE_BYTES_MAX);
    let full = answer(Ids::Full(vec![[3; 32], [8; 32]]));
    assert_eq!(initiator.receive(&items, &full), Ok(Round::Done));
    let found = initiator.take_differences();
    assert_eq!(found.have, BTreeSet::from([[3; 32]]));
    assert_eq!(found.need, BTreeSet::from([[7; 32]]));
    assert_eq!(initiator.differences(), &Differences::default());
    // By beginnings alone it must come out even; else it is asked again in full.
    let short = answer(Ids::Short(vec![[3; 8]]));
    let Ok(Round::Send(again)) = initiator.receive(&items, &short) else {
        panic!("believed");
    };
    assert_eq!(
        decode(&again, MESSAGE_BYTES_MAX).unwrap(),
        [(Bound::End, Said::List(Ids::Full(vec![[1; 32], [2; 32], [3; 32]])))]
    );
    assert_eq!(initiator.differences(), &Differences::default());
}

#[test]
fn an_empty_answer_ends_it_and_the_limit_is_kept_within_its_own() {
    let items = numbered(3);
    let (mut initiator, _) = Initiator::start(&items, 0);
    assert_eq!(initiator.receive(&items, &[]), Ok(Round::Done));
    // Whatever was agreed on, no message is smaller or larger than the bounds allow.
    let few: BTreeSet<_> = (0..3).map(item).collect();
    let many: BTreeSet<_> = (0..5_000).map(item).collect();
    for limit in [0, 1, MESSAGE_BYTES_MIN] {
        assert!(check(&few, &many, limit).messages > 40);
    }
    let largest = check(&few, &many, usize::MAX);
    assert!(largest.messages < 12, "{}", largest.messages);
    assert_eq!(check(&few, &many, MESSAGE_BYTES_MAX).messages, largest.messages);
}

#[test]
fn items_are_a_set_in_order() {
    let items = Items::new([[3; 32], [1; 32], [3; 32], [2; 32]]);
    assert_eq!((items.len(), items.is_empty()), (3, false));
    assert!(items.contains(&[2; 32]) && !items.contains(&[4; 32]));
    assert!(Items::default().is_empty() && Items::new([]).is_empty());
    assert_eq!(items.slice(1, 3), [[2; 32], [3; 32]]);
    assert_eq!(items.slice(2, 9), [[0; 32]; 0]);
    assert_eq!(items.sum(1, 3).count, 2);
    assert_eq!(items.position(&Bound::Below([2; 32])), 1);
    assert_eq!(items.position(&Bound::End), 3);
    assert_eq!(items.bound_before(9), Bound::End);
    let mut first = [0; 32];
    first[0] = 2;
    assert_eq!(items.bound_before(1), Bound::Below(first));
}
