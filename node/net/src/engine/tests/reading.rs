//! What is read to be sent: how much of it makes a batch, how far it reaches, and what is left for the next read.

use super::shelf::{PEER, Shelf, all, change, patient_key, shelf, small};
use super::*;
use crate::batch::{RAW_BYTES_MAX, decode, part_bytes};
use crate::engine::flow::Flow;
use crate::limits::{
    BATCH_RECORDS_MAX, FEED_PAGE_ENTRIES, GIVE_READ_CHANGES_MAX, WANT_HASHES_MAX, WANT_HAVE_MAX,
    WANT_KEYS_MAX, WINDOW_BYTES_MAX,
};
use crate::read::{Payload, Size, short};
use chaski_store::ScopeFilter;

/// Batches as large as may be.
const LARGE: Size = Size {
    bytes: 64 << 20,
    ratio: 1,
};

/// The numbers of the records in a payload.
fn numbers(payload: &Payload) -> Vec<u64> {
    let parts = decode(&payload.bytes).unwrap();
    assert_eq!(payload.records, parts.len());
    assert_eq!(payload.raw_bytes, parts.iter().map(part_bytes).sum::<usize>());
    let ids = parts.iter().map(|part| part.0.id()[1..].parse().unwrap());
    ids.collect()
}

fn each(payloads: &[Payload]) -> Vec<Vec<u64>> {
    payloads.iter().map(numbers).collect()
}

fn reached(payloads: &[Payload]) -> Vec<u64> {
    payloads.iter().map(|payload| payload.to).collect()
}

#[test]
fn a_read_of_the_log_takes_what_makes_a_batch_and_says_how_far_that_reaches() {
    let mib = 1 << 20;
    assert_eq!((mib, 2 * mib), (WINDOW_BYTES_MAX, RAW_BYTES_MAX));
    // Lengths of the records; how large a batch is to be; what one read takes, and whether that is all.
    type Row<'a> = (&'a str, Vec<usize>, Size, Vec<Vec<u64>>, bool);
    let rows: [Row; 11] = [
        ("nothing", vec![], LARGE, vec![], true),
        ("all there is", vec![1_000; 3], LARGE, vec![vec![1, 2, 3]], true),
        (
            "as much as is aimed at",
            vec![1_000; 4],
            small(2_000),
            vec![vec![1, 2]],
            false,
        ),
        (
            "a byte more is aimed at",
            vec![1_000; 4],
            small(2_001),
            vec![vec![1], vec![2, 3]],
            false,
        ),
        (
            "the log ends with the batch",
            vec![1_000; 2],
            small(2_000),
            vec![vec![1, 2]],
            false,
        ),
        (
            "as large as a window, twice",
            vec![mib, mib, 200],
            LARGE,
            vec![vec![1, 2]],
            false,
        ),
        (
            "more than a batch may hold",
            vec![mib, mib - 200, 201],
            LARGE,
            vec![vec![1, 2]],
            false,
        ),
        (
            "just what a batch may hold",
            vec![mib, mib - 200, 200],
            LARGE,
            vec![vec![1, 2, 3]],
            false,
        ),
        (
            "larger than a window, after others",
            vec![200, 200, mib + 1],
            LARGE,
            vec![vec![1, 2]],
            false,
        ),
        (
            "larger than a window",
            vec![mib + 1, 200],
            LARGE,
            vec![vec![1]],
            false,
        ),
        (
            "larger than any batch",
            vec![3 * mib, 200],
            LARGE,
            vec![vec![1]],
            false,
        ),
    ];
    for (what, lengths, size, taken, is_end) in rows {
        let shelf = shelf(&lengths, true);
        let (filled, _) = shelf.feed(0, 0, size);
        assert_eq!(each(&filled.payloads), taken, "{what}");
        let last = taken.iter().map(|numbers| *numbers.last().unwrap());
        assert_eq!(reached(&filled.payloads), last.collect::<Vec<_>>(), "{what}");
        assert_eq!(
            filled.to,
            taken.iter().map(Vec::len).sum::<usize>() as u64,
            "{what}"
        );
        assert_eq!(filled.is_end, is_end, "{what}");
    }
}

/// Reads on until the log ends: each record once.
fn read_on(shelf: &Shelf, mut size: Size) -> (Vec<Payload>, u64) {
    let (mut payloads, mut at) = (Vec::new(), 0);
    loop {
        let (filled, ratio) = shelf.feed(at, 0, size);
        (at, size.ratio) = (filled.to, ratio);
        payloads.extend(filled.payloads);
        if filled.is_end {
            return (payloads, at);
        }
    }
}

#[test]
fn whatever_a_page_of_the_log_holds_each_record_is_read_once() {
    let page = FEED_PAGE_ENTRIES as u64;
    for count in [1, page - 1, page, page + 1, 2 * page, 3 * page + 7] {
        for left_out in [0, 1, count] {
            let mut shelf = shelf(&vec![200; count as usize], true);
            // What the peer itself gave is left out; the log goes on behind it all the same.
            for record in shelf.records.iter_mut().rev().take(left_out as usize) {
                record.source = Some(PEER);
            }
            for size in [small(2_000), LARGE] {
                let (payloads, to) = read_on(&shelf, size);
                let read: Vec<u64> = payloads.iter().flat_map(numbers).collect();
                assert_eq!(
                    read,
                    (1..=count - left_out).collect::<Vec<_>>(),
                    "{left_out} of {count}"
                );
                assert_eq!(to, count);
            }
        }
    }
}

#[test]
fn a_batch_has_no_more_records_than_the_other_side_reads() {
    let most = BATCH_RECORDS_MAX as u64;
    let shelf = shelf(&vec![150; BATCH_RECORDS_MAX + 3], true);
    let (filled, _) = shelf.feed(0, 0, LARGE);
    assert_eq!(each(&filled.payloads), [(1..=most).collect::<Vec<_>>()]);
    assert_eq!((filled.to, filled.is_end), (most, false));
    let answer = shelf.give(1..=most + 3, LARGE);
    assert_eq!(each(&answer.payloads), [(1..=most).collect::<Vec<_>>()]);
    assert_eq!(answer.left.len(), 3);
}

#[test]
fn what_shrank_less_than_was_expected_makes_several_batches_each_as_large_as_is_aimed_at() {
    let shelf = shelf(&[200; 240], true);
    for (bytes, ratio) in [(2_000, 24), (5_000, 7), (10_000, 4)] {
        let (filled, ratio) = shelf.feed(0, 0, Size { bytes, ratio });
        let payloads = &filled.payloads;
        let read: Vec<u64> = payloads.iter().flat_map(numbers).collect();
        assert_eq!(read, (1..=filled.to).collect::<Vec<_>>());
        for (at, payload) in payloads.iter().enumerate() {
            assert!(payload.bytes.len() <= bytes);
            let is_last = at + 1 == payloads.len();
            assert!(
                is_last || payload.bytes.len() > bytes * 3 / 4,
                "{} of {bytes}",
                payload.bytes.len()
            );
            assert_eq!(payload.to, *numbers(payload).last().unwrap());
        }
        assert!(payloads.len() > 2 && ratio < 3, "{} at {ratio}", payloads.len());
    }
    // One record that alone is larger than a batch is one all the same, and none is sent empty.
    let (filled, _) = shelf.feed(0, 0, Size { bytes: 50, ratio: 24 });
    assert_eq!(
        each(&filled.payloads),
        (1..=filled.to).map(|n| vec![n]).collect::<Vec<_>>()
    );
}

#[test]
fn how_much_the_next_batch_may_take_follows_from_how_the_last_ones_shrank() {
    // What it was taken to shrink by, the record's length, and whether it is long enough to tell.
    for (before, bytes, tells) in [
        (1, 4_096, false),
        (9, 4_096, false),
        (1, 4_097, true),
        (9, 4_097, true),
        (8, 20_000, true),
        (24, 20_000, true),
    ] {
        for is_noise in [true, false] {
            let shelf = shelf(&[bytes], is_noise);
            let (filled, after) = shelf.feed(
                0,
                0,
                Size {
                    bytes: 60_000,
                    ratio: before,
                },
            );
            let shrank = (bytes / filled.payloads[0].bytes.len()).clamp(1, 24);
            assert_eq!(shrank > 1, !is_noise);
            let expected = if tells {
                (3 * before + shrank).div_ceil(4)
            } else {
                before
            };
            assert_eq!(after, expected, "{before}, {bytes} bytes, noise {is_noise}");
        }
    }
}

/// A log of a small record, one of several changes of these lengths, and another small one.
fn with_history(lengths: &[usize]) -> Shelf {
    let mut shelf = shelf(&[200, 200, 200], true);
    let changes = (10..).zip(lengths).map(|(n, bytes)| (n, change(n, *bytes, true)));
    shelf.records[1].changes = changes.collect();
    let end = 10 + lengths.len() as u64;
    shelf.records[2].changes[0].0 = end;
    shelf
}

#[test]
fn a_record_that_needs_several_batches_goes_alone_and_only_its_last_one_reaches_it() {
    // A scan between two notes, though small enough for one batch, is in batches of its own.
    let shelf = with_history(&[300, 60_000, 300]);
    let (before, _) = shelf.feed(0, 0, LARGE);
    assert_eq!(
        (each(&before.payloads), before.to, before.is_end),
        (vec![vec![1]], 1, false)
    );
    let (record, _) = shelf.feed(1, 0, LARGE);
    assert_eq!(each(&record.payloads), [[2], [2], [2]]);
    // A cut between them repeats the record.
    assert_eq!(reached(&record.payloads), [1, 1, 12]);
    assert_eq!((record.to, record.is_end), (12, false));
    let (after, _) = shelf.feed(12, 0, LARGE);
    assert_eq!(
        (each(&after.payloads), after.to, after.is_end),
        (vec![vec![3]], 13, true)
    );
    // Of what arrived before the pass's base nothing is read again.
    let (news, _) = shelf.feed(1, 11, LARGE);
    assert_eq!(each(&news.payloads), [[2, 3]]);
    assert_eq!(news.payloads[0].raw_bytes, 500);
}

#[test]
fn of_what_was_asked_for_as_much_is_given_at_once_as_makes_a_batch_and_the_rest_is_left_in_its_order() {
    let mib = 1 << 20;
    // Lengths of the records, how large a batch is to be; what is given, and which ones are left.
    type Row<'a> = (&'a str, Vec<usize>, Size, Vec<Vec<u64>>, Vec<u64>);
    let rows: [Row; 8] = [
        ("all of it", vec![1_000; 3], LARGE, vec![vec![1, 2, 3]], vec![]),
        (
            "as much as is aimed at",
            vec![1_000; 4],
            small(2_000),
            vec![vec![1, 2]],
            vec![3, 4],
        ),
        (
            "a byte more is aimed at",
            vec![1_000; 4],
            small(2_001),
            vec![vec![1], vec![2, 3]],
            vec![4],
        ),
        (
            "just what a batch may hold",
            vec![mib, mib - 200, 200],
            LARGE,
            vec![vec![1, 2, 3]],
            vec![],
        ),
        (
            "more than a batch may hold",
            vec![mib, mib - 200, 201, 200],
            LARGE,
            vec![vec![1, 2]],
            vec![3, 4],
        ),
        (
            "twice as much",
            vec![2 * mib, 2 * mib, 200],
            LARGE,
            vec![vec![1]],
            vec![2, 3],
        ),
        (
            "larger than any batch",
            vec![3 * mib, 200],
            LARGE,
            vec![vec![1]],
            vec![2],
        ),
        (
            "larger than any batch, after others",
            vec![200, 3 * mib, 200],
            LARGE,
            vec![vec![1]],
            vec![2, 3],
        ),
    ];
    for (what, lengths, size, given, left) in rows {
        let shelf = shelf(&lengths, true);
        let answer = shelf.give(1..=lengths.len() as u64, size);
        assert_eq!(each(&answer.payloads), given, "{what}");
        let keys = answer.left.into_iter().map(|(key, _)| key);
        let expected = left.into_iter().map(patient_key);
        assert_eq!(keys.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{what}");
        assert!(answer.payloads.iter().all(|payload| payload.to == 0), "{what}");
    }
    // What needs several batches follows what was found before it, and ends what is read at once.
    let shelf = with_history(&[300, 60_000, 300]);
    let answer = shelf.give([1, 2, 3], LARGE);
    assert_eq!(each(&answer.payloads), [[1], [2], [2], [2]]);
    assert_eq!(answer.left, [(patient_key(3), BTreeSet::new())]);
    assert!(answer.payloads.iter().all(|payload| payload.to == 0));
}

#[test]
fn of_what_was_asked_for_only_that_is_given_which_may_be_and_is_not_there_yet() {
    let shelf = with_history(&[300, 400]);
    let changes = &shelf.records[1].changes;
    let [one, two] = [0, 1].map(|at| short(&changes[at].1.hash().unwrap()));
    let nobodys = [7; 8];
    let nothing_out = Flow {
        out: ScopeFilter::none(),
        ..all()
    };
    // What the asker holds, whether its grant is over, what it may be given; how much is given, and whether it
    // holds what is not known here.
    type Row<'a> = (&'a str, Vec<[u8; 8]>, bool, &'a Flow, usize, bool);
    let rows: [Row<'_>; 9] = [
        ("it holds nothing", vec![], false, &all(), 700, false),
        ("it holds the first", vec![one], false, &all(), 400, false),
        ("it holds the second", vec![two], false, &all(), 300, false),
        ("it holds both", vec![one, two], false, &all(), 0, false),
        ("it holds more", vec![one, two, nobodys], false, &all(), 0, true),
        (
            "each holds something",
            vec![one, nobodys],
            false,
            &all(),
            400,
            true,
        ),
        ("its grant is over", vec![nobodys], true, &all(), 0, true),
        (
            "its grant is over and it has nothing",
            vec![],
            true,
            &all(),
            0,
            false,
        ),
        ("it may not hold it", vec![nobodys], false, &nothing_out, 0, true),
    ];
    for (what, have, withheld, flow, bytes, lacks) in rows {
        let wanted = vec![(patient_key(2), BTreeSet::from_iter(have))];
        let answer = shelf.give_with(flow, withheld, wanted, LARGE);
        let given: usize = answer.payloads.iter().map(|payload| payload.raw_bytes).sum();
        assert_eq!(
            (given, answer.payloads.len()),
            (bytes, usize::from(bytes > 0)),
            "{what}"
        );
        assert_eq!(
            answer.lacked,
            Vec::from_iter(lacks.then(|| patient_key(2))),
            "{what}"
        );
        assert!(answer.left.is_empty(), "{what}");
    }
    // What is in between does not end the answer.
    let wanted = vec![
        (patient_key(1), BTreeSet::new()),
        (patient_key(77), BTreeSet::new()),
        (patient_key(2), BTreeSet::from([one, two])),
        (patient_key(3), BTreeSet::new()),
    ];
    let answer = shelf.give_with(&all(), false, wanted, LARGE);
    assert_eq!(each(&answer.payloads), [[1, 3]]);
    assert!(answer.left.is_empty() && answer.lacked.is_empty());
}

#[test]
fn a_want_names_no_more_than_its_message_may_hold() {
    let most = WANT_HAVE_MAX;
    assert_eq!(WANT_HASHES_MAX, 4 * most);
    // Hashes known of each of six records; what is named of each, and how many records are left for the next.
    for (known, named, left) in [
        (0, vec![0; 6], 0),
        (3, vec![3; 6], 0),
        (most - 1, vec![most - 1; 5], 1),
        (most, vec![most; 4], 2),
        (most + 9, vec![most; 4], 2),
    ] {
        let shelf = Shelf {
            made_up_hashes: known as u64,
            ..Shelf::default()
        };
        let found = shelf.known((0..6).map(patient_key).collect());
        assert_eq!(found, (named, left), "{known}");
    }
    let shelf = Shelf::default();
    let keys: Vec<_> = (0..WANT_KEYS_MAX as u64).map(patient_key).collect();
    assert_eq!(shelf.known(keys), (vec![0; WANT_KEYS_MAX], 0));
}

#[test]
fn a_want_names_nothing_of_a_record_that_the_peer_may_not_be_given() {
    let shelf = with_history(&[300, 400]);
    let nothing_out = Flow {
        out: ScopeFilter::none(),
        ..all()
    };
    for (flow, withheld, named) in [(&all(), false, 2), (&all(), true, 0), (&nothing_out, false, 0)] {
        let keys = vec![patient_key(2), patient_key(77)];
        assert_eq!(shelf.known_to(flow, withheld, keys), (vec![named, 0], 0));
    }
}

#[test]
fn a_want_of_many_long_records_is_looked_up_a_few_of_them_at_a_time() {
    let shelf = Shelf {
        made_up_hashes: 4_096,
        ..Shelf::default()
    };
    let wanted = |count| (0..count).map(|n| (patient_key(n), BTreeSet::new())).collect();
    let most = GIVE_READ_CHANGES_MAX / 4_096;
    let answer = shelf.give_with(&all(), true, wanted(WANT_KEYS_MAX as u64), LARGE);
    assert_eq!(answer.left.len(), WANT_KEYS_MAX - most);
    assert_eq!(
        answer.left[0].0,
        patient_key(most as u64),
        "in order, none left out"
    );
    // One longer than that is looked up all the same.
    let shelf = Shelf {
        made_up_hashes: 2 * GIVE_READ_CHANGES_MAX as u64,
        ..Shelf::default()
    };
    let answer = shelf.give_with(&all(), true, wanted(2), LARGE);
    assert_eq!(answer.left.len(), 1);
    // Records as they are in clinics: all at once.
    let lengths = [200; WANT_KEYS_MAX];
    let answer = super::shelf::shelf(&lengths, false).give(1..=WANT_KEYS_MAX as u64, LARGE);
    assert!(answer.left.is_empty());
}
