use super::message::decode;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

mod messages;

struct Exchange {
    found: Differences,
    bytes: usize,
    messages: usize,
}

fn exchange(left: &BTreeSet<ItemId>, right: &BTreeSet<ItemId>, limit: usize) -> Exchange {
    let (mine, theirs) = (
        Items::new(left.iter().copied()),
        Items::new(right.iter().copied()),
    );
    let (mut initiator, mut message) = Initiator::start(&mine, limit);
    let (mut bytes, mut messages) = (0, 0);
    loop {
        assert!(
            message.len() <= limit.max(MESSAGE_BYTES_MIN),
            "{} bytes",
            message.len()
        );
        bytes += message.len();
        messages += 1;
        let answer = respond(&theirs, &message, limit).unwrap().unwrap_or_default();
        assert!(
            answer.len() <= limit.max(MESSAGE_BYTES_MIN),
            "{} bytes",
            answer.len()
        );
        bytes += answer.len();
        messages += 1;
        match initiator.receive(&mine, &answer).unwrap() {
            Round::Send(next) => message = next,
            Round::Done => break,
        }
        assert!(messages < 10_000, "no end");
    }
    Exchange {
        found: initiator.take_differences(),
        bytes,
        messages,
    }
}

fn check(left: &BTreeSet<ItemId>, right: &BTreeSet<ItemId>, limit: usize) -> Exchange {
    let done = exchange(left, right, limit);
    assert_eq!(done.found.have, left.difference(right).copied().collect());
    assert_eq!(done.found.need, right.difference(left).copied().collect());
    done
}

fn item(number: u64) -> ItemId {
    blake3::hash(&number.to_be_bytes()).into()
}

#[test]
fn each_item_stands_at_its_place_in_the_order_and_no_other_does() {
    let mut ids: Vec<ItemId> = (0..100).map(item).collect();
    let items = Items::new(ids.iter().copied());
    ids.sort_unstable();
    for (place, id) in ids.iter().enumerate() {
        assert_eq!(items.index(id), Some(place));
    }
    assert_eq!(items.index(&item(100)), None);
}

#[test]
fn empty_and_equal_sets() {
    let none = BTreeSet::new();
    let some: BTreeSet<_> = (0..1_000).map(item).collect();
    check(&none, &none, MESSAGE_BYTES_MAX);
    check(&none, &some, MESSAGE_BYTES_MAX);
    check(&some, &none, MESSAGE_BYTES_MAX);
    let same = check(&some, &some, MESSAGE_BYTES_MAX);
    assert_eq!(same.messages, 2);
    assert!(same.bytes < 400, "{} bytes", same.bytes);
}

#[test]
fn one_side_holds_far_more_than_a_message() {
    let few: BTreeSet<_> = (0..3).map(item).collect();
    let many: BTreeSet<_> = (0..20_000).map(item).collect();
    check(&few, &many, MESSAGE_BYTES_MIN);
    check(&many, &few, MESSAGE_BYTES_MIN);
}

#[test]
fn identifiers_that_share_their_beginning_are_told_apart() {
    let like = |number: u8| {
        let mut id = item(u64::from(number));
        id[..12].fill(7);
        id
    };
    let left: BTreeSet<_> = [like(1), item(1)].into();
    let right: BTreeSet<_> = [like(2), item(1)].into();
    check(&left, &right, MESSAGE_BYTES_MAX);
    let both: BTreeSet<_> = (0..=255).map(like).collect();
    check(&both, &right, MESSAGE_BYTES_MIN);
    check(&left, &both, MESSAGE_BYTES_MIN);
}

/// Prints the cost of a difference; the bound is what the design allows.
#[test]
fn bytes_per_difference() {
    for (size, differences) in [(20_000_u64, 1), (20_000, 100), (200_000, 100)] {
        let common: BTreeSet<_> = (0..size).map(item).collect();
        let mut left = common.clone();
        let mut right = common;
        // A changed record is another item on each side.
        left.extend((0..differences).map(|n| item(size + n)));
        right.extend((0..differences).map(|n| item(2 * size + n)));
        let done = check(&left, &right, MESSAGE_BYTES_MAX);
        let each = done.bytes as u64 / differences;
        println!(
            "{size} items, {differences} records differ: {} bytes, {each} a record, {} messages",
            done.bytes, done.messages
        );
        assert!(each <= 2_400, "{each} bytes a differing record");
    }
}

fn ids() -> impl Strategy<Value = ItemId> {
    // Spread ones, and crowded ones that share their first twelve bytes. What
    // follows is always a hash, as items are: sums of chosen numbers collide.
    prop_oneof![
        3 => any::<u64>().prop_map(item),
        1 => (0_u8..4, 0_u64..16).prop_map(|(crowd, number)| {
            let mut id = item(number);
            id[..12].fill(crowd);
            id
        }),
    ]
}

proptest! {
    #![proptest_config(crate::testing::cases(100))]

    #[test]
    fn two_sets_always_end_with_exact_lists(
        common in proptest::collection::btree_set(ids(), 0..400),
        left in proptest::collection::btree_set(ids(), 0..60),
        right in proptest::collection::btree_set(ids(), 0..300),
        limit in MESSAGE_BYTES_MIN..MESSAGE_BYTES_MAX,
    ) {
        check(&common.union(&left).copied().collect(), &common.union(&right).copied().collect(), limit);
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), small in 0_usize..5_000) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        let items = Items::new((0..50).map(item));
        let _ = decode(&bytes, MESSAGE_BYTES_MAX);
        let _ = respond(&items, &bytes, small);
        let (mut initiator, _) = Initiator::start(&items, small);
        let _ = initiator.receive(&items, &bytes);
    }

    #[test]
    fn mutated_messages_never_panic(at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let (mine, theirs) = (Items::new((0..100).map(item)), Items::new((50..150).map(item)));
        let (mut initiator, mut message) = Initiator::start(&mine, MESSAGE_BYTES_MAX);
        let index = at.index(message.len());
        message[index] = with;
        message.truncate(cut.index(message.len()).max(1));
        if let Ok(Some(mut answer)) = respond(&theirs, &message, MESSAGE_BYTES_MAX) {
            let index = at.index(answer.len());
            answer[index] = with;
            let _ = initiator.receive(&mine, &answer);
        }
    }
}
