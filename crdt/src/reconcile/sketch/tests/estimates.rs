//! About how many differences there are.

use super::*;

fn estimated(count: usize, seed: u64) -> usize {
    let (ours, theirs) = pair(count, seed);
    let (ours, theirs) = (parities(&ours, seed), parities(&theirs, seed));
    let estimated = estimate(&ours, &theirs);
    assert_eq!(estimated, estimate(&theirs, &ours));
    estimated
}

#[test]
fn equal_sets_have_equal_parities() {
    for set in [vec![], items(0..1), items(0..5_000)] {
        assert_eq!(estimate(&parities(&set, 3), &parities(&set, 3)), 0);
    }
    assert_eq!(parities(&[], 3), [0; PARITIES_BYTES]);
}

#[test]
fn one_difference_is_told_as_one() {
    for seed in 0..200 {
        assert_eq!(estimated(1, seed), 1, "seed {seed}");
    }
}

/// Fixed seeds: within half and twice in nineteen of twenty.
#[test]
fn the_estimate_is_about_right_at_any_size() {
    for count in [2, 10, 100, 1_000, 10_000] {
        let near = (0..100)
            .map(|seed| estimated(count, seed))
            .filter(|estimated| (count / 2..=count * 2).contains(estimated))
            .count();
        assert!(near >= 95, "{count}: {near} of 100");
    }
}

#[test]
fn beyond_its_range_it_stays_at_its_most() {
    let none = [0; PARITIES_BYTES];
    assert_eq!(estimate(&none, &[0x55; PARITIES_BYTES]), ESTIMATE_MAX);
    assert_eq!(estimate(&none, &[0xff; PARITIES_BYTES]), ESTIMATE_MAX);
    let mut last = none;
    last[PARITIES_BYTES - 1] = 0x80;
    assert_eq!(estimate(&none, &last), 1);
}

/// Two sets may differ and their parities not; another salt tells them apart.
#[test]
fn equal_parities_are_no_proof_of_equal_sets() {
    let alike = |seed: u64| estimated(2, seed) == 0;
    let seen = (0..1_000).filter(|seed| alike(*seed)).count();
    assert!((1..30).contains(&seen), "{seen} of 1,000");
}

proptest! {
    #![proptest_config(crate::testing::cases(500))]

    #[test]
    fn any_parities_give_a_number(
        ours in proptest::collection::vec(any::<u8>(), PARITIES_BYTES),
        theirs in proptest::collection::vec(any::<u8>(), PARITIES_BYTES),
        keep in 0..=PARITIES_BYTES,
    ) {
        let (ours, mut theirs): ([u8; PARITIES_BYTES], [u8; PARITIES_BYTES]) =
            (ours.try_into().unwrap(), theirs.try_into().unwrap());
        theirs[..keep].copy_from_slice(&ours[..keep]);
        let estimated = estimate(&ours, &theirs);
        prop_assert_eq!(estimated == 0, ours == theirs);
        prop_assert!(estimated <= ESTIMATE_MAX);
    }
}
