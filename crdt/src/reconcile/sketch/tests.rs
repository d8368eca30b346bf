use super::*;
use proptest::prelude::*;
use sha2::Digest;

mod estimates;
mod liars;

/// Differences that the sketch is held to.
const COUNTS: [usize; 7] = [1, 2, 10, 85, 200, 1_000, 10_000];

fn item(number: u64) -> SketchItem {
    let hash: [u8; 32] = blake3::hash(&number.to_be_bytes()).into();
    let (parts, _) = hash.as_chunks::<8>();
    SketchItem {
        record: parts[0],
        state: parts[1],
    }
}

fn items(numbers: Range<u64>) -> Vec<SketchItem> {
    numbers.map(item).collect()
}

/// Two sets that share 50 items and differ in `count`, about half of them on each side.
fn pair(count: usize, seed: u64) -> (Vec<SketchItem>, Vec<SketchItem>) {
    let first = seed * 1_000_000;
    let end = first + 50 + count as u64;
    let middle = first + 50 + count as u64 / 2;
    let mut theirs = items(first..first + 50);
    theirs.extend(items(middle..end));
    (items(first..middle), theirs)
}

fn differences(ours: &[SketchItem], theirs: &[SketchItem]) -> SketchDifferences {
    let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) =
        (ours.iter().copied().collect(), theirs.iter().copied().collect());
    SketchDifferences {
        ours: ours.difference(&theirs).copied().collect(),
        theirs: theirs.difference(&ours).copied().collect(),
    }
}

fn decode(
    ours: &[SketchItem],
    theirs: &[SketchItem],
    salt: u64,
    count: usize,
) -> Result<Option<SketchDifferences>, SketchError> {
    Decoder::new(salt).add(ours, &symbols(theirs, salt, 0..count))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn two_symbols_a_difference_and_a_few_tell_all_of_them() {
    for count in COUNTS {
        let mut told = 0;
        for seed in 0..100 {
            let (ours, theirs) = pair(count, seed);
            if let Some(found) = decode(&ours, &theirs, seed, 2 * count + 32).unwrap() {
                assert_eq!(found, differences(&ours, &theirs), "{count}, seed {seed}");
                told += 1;
            }
        }
        assert!(told >= 99, "{count} differences: told {told} times of 100");
    }
}

#[test]
fn equal_sets_are_told_by_one_symbol() {
    for set in [vec![], items(0..1), items(0..1_000)] {
        let found = decode(&set, &set, 3, 1).unwrap();
        assert_eq!(found, Some(SketchDifferences::default()));
    }
}

#[test]
fn of_one_empty_set_all_of_the_other_is_told() {
    let some = items(0..300);
    let found = decode(&[], &some, 3, 600).unwrap().unwrap();
    assert_eq!(found, differences(&[], &some));
    let found = decode(&some, &[], 3, 600).unwrap().unwrap();
    assert_eq!(found, differences(&some, &[]));
}

/// A record that was changed on one side is an item of each.
#[test]
fn a_changed_record_is_told_in_both_states() {
    let (before, after) = (
        item(0),
        SketchItem {
            state: item(1).state,
            ..item(0)
        },
    );
    let (mut ours, mut theirs) = (items(10..500), items(10..500));
    ours.push(before);
    theirs.push(after);
    let found = decode(&ours, &theirs, 1, 16).unwrap().unwrap();
    assert_eq!((found.ours, found.theirs), (vec![before], vec![after]));
}

#[test]
fn no_symbol_tells_nothing() {
    let set = items(0..5);
    let mut decoder = Decoder::new(0);
    assert_eq!(decoder.add(&set, &[]), Ok(None));
    assert_eq!(decoder.taken(), 0);
}

#[test]
fn symbols_stay_symbols_after_the_sets_were_told_apart() {
    let (ours, theirs) = pair(20, 1);
    let mut decoder = Decoder::new(9);
    let mut told = 0;
    for at in 0..100 {
        if let Some(found) = decoder.add(&ours, &symbols(&theirs, 9, at..at + 1)).unwrap() {
            assert_eq!(found, differences(&ours, &theirs), "{at}");
            told += 1;
        } else {
            assert_eq!(told, 0, "{at}");
        }
    }
    assert!(told > 20, "{told}");
    assert_eq!(decoder.taken(), 100);
}

/// Whoever makes items can make some whose sum is nothing; of their checks under a salt that is not
/// drawn yet it can't.
#[test]
fn items_made_to_cancel_out_are_told() {
    let mut theirs = items(0..3);
    let mut last = Cell::default();
    for item in &theirs {
        last.toggle(Cell::of(item, Salt::new(0)).0);
    }
    theirs.push(last.item());
    let bytes = symbols(&theirs, 5, 0..40);
    assert_eq!(bytes[..16], [0; 16]);
    assert_eq!(decode(&[], &theirs, 5, 1), Ok(None));
    let found = decode(&[], &theirs, 5, 40).unwrap().unwrap();
    assert_eq!(found, differences(&[], &theirs));
}

#[test]
fn the_order_of_items_makes_no_difference_and_one_given_twice_is_not_there() {
    let (set, mut turned) = (items(0..200), items(0..200));
    turned.reverse();
    assert_eq!(symbols(&set, 4, 0..64), symbols(&turned, 4, 0..64));
    assert_eq!(parities(&set, 4), parities(&turned, 4));
    turned.extend([item(900), item(900)]);
    assert_eq!(symbols(&set, 4, 0..64), symbols(&turned, 4, 0..64));
}

#[test]
fn a_sketch_ends_where_it_may() {
    let set = items(0..3);
    let all = symbols(&set, 4, 0..usize::MAX);
    assert_eq!(all.len(), SYMBOLS_MAX * SYMBOL_BYTES);
    let end = symbols(&set, 4, SYMBOLS_MAX - 1..SYMBOLS_MAX + 7);
    assert_eq!(end, all[all.len() - SYMBOL_BYTES..]);
    #[expect(clippy::reversed_empty_ranges)]
    let backwards = 9..3;
    for none in [SYMBOLS_MAX..usize::MAX, usize::MAX..usize::MAX, backwards, 5..5] {
        assert_eq!(symbols(&set, 4, none), [0; 0]);
    }
}

#[test]
fn a_contradiction_is_final_for_what_was_begun_before_it_too() {
    let set = [item(1)];
    let mut bytes = symbols(&set, 4, 0..64);
    // An item in one symbol alone: taken out of the others, it comes to stand in each.
    bytes[SYMBOL_BYTES..].fill(0);
    let mut decoder = Decoder::new(4);
    let (first, second) = (decoder.begin(&bytes).unwrap(), decoder.begin(&bytes).unwrap());
    assert_eq!(decoder.end(first), Err(SketchError::Contradiction));
    assert_eq!(decoder.end(second), Err(SketchError::Contradiction));
    let again = decoder.begin(&symbols(&set, 4, 64..128)).map(|_| ());
    assert_eq!(again, Err(SketchError::Contradiction));
}

/// Two nodes of any year must mean the same by these bytes.
#[test]
fn formats() {
    let set: Vec<SketchItem> = (1..=9_u8)
        .map(|number| SketchItem {
            record: [number, 0, 0, 0, 0, 0, 0, 0x80],
            state: [0x10, number, 0, 0, 0, 0, 0, 1],
        })
        .collect();
    let bytes = symbols(&set, 0x0102_0304_0506_0708, 0..8);
    let read: Vec<String> = bytes.chunks(SYMBOL_BYTES).map(hex).collect();
    assert_eq!(read, GOLDEN_SYMBOLS);
    let far = symbols(&set, 0x0102_0304_0506_0708, 0..SYMBOLS_MAX);
    assert_eq!(hex(&sha2::Sha256::digest(&far)), GOLDEN_HASH);
    assert_eq!(hex(&parities(&set, 0x0102_0304_0506_0708)), GOLDEN_PARITIES);
}

const GOLDEN_SYMBOLS: [&str; 8] = [
    "010000000000008010010000000000010a7b4b13",
    "09000000000000801009000000000001bee635f7",
    "0d00000000000080100d0000000000014fffc8cc",
    "04000000000000000004000000000000bc042dcd",
    "070000000000008010070000000000019ad1ea7a",
    "010000000000008010010000000000019d213a2d",
    "020000000000008010020000000000011bcf4c29",
    "00000000000000801000000000000001df57e832",
];
/// SHA-256 of all symbols.
const GOLDEN_HASH: &str = "0efa3a6c196e8e2842f1445cd7c291f747b64afb1c6513b9bc3e8304f20d5b47";
const GOLDEN_PARITIES: &str = "00800200000008c00004000000000000000000000000000000000000000000800000000000000000000000000000000000000000";

proptest! {
    #![proptest_config(crate::testing::cases(100))]

    #[test]
    fn any_two_sets_are_told_apart_exactly(
        common in 0_u64..300,
        left in 0_u64..90,
        right in 0_u64..90,
        salt in any::<u64>(),
    ) {
        let (ours, mut theirs) = (items(0..common + left), items(0..common));
        theirs.extend(items(1_000..1_000 + right));
        let found = decode(&ours, &theirs, salt, 1_024).unwrap();
        prop_assert_eq!(found, Some(differences(&ours, &theirs)));
    }

    #[test]
    fn portions_are_worth_what_the_whole_is(
        count in 0_usize..120,
        salt in any::<u64>(),
        ends in proptest::collection::vec(0_usize..300, 0..6),
    ) {
        let (ours, theirs) = pair(count, 3);
        let whole = symbols(&theirs, salt, 0..300);
        let mut ends = ends;
        ends.push(300);
        ends.sort_unstable();
        let (mut decoder, mut joined, mut from, mut last) = (Decoder::new(salt), vec![], 0, Ok(None));
        for to in ends {
            let portion = symbols(&theirs, salt, from..to);
            last = decoder.add(&ours, &portion);
            joined.extend(portion);
            from = to;
        }
        prop_assert_eq!(&joined, &whole);
        prop_assert_eq!(last, Decoder::new(salt).add(&ours, &whole));
        prop_assert_eq!(decoder.taken(), 300);
    }
}
