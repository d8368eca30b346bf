//! What no correct peer sends.

use super::*;

#[test]
fn symbols_of_another_form_are_refused_and_count_for_nothing() {
    let (ours, theirs) = pair(10, 1);
    let mut decoder = Decoder::new(2);
    let bytes = symbols(&theirs, 2, 0..60);
    for cut in [1, 19, 21, 1_199] {
        assert_eq!(
            decoder.add(&ours, &bytes[..cut]),
            Err(SketchError::Length { bytes: cut })
        );
    }
    let long = vec![0; (SYMBOLS_MAX + 1) * SYMBOL_BYTES];
    let symbols = SYMBOLS_MAX + 1;
    assert_eq!(decoder.add(&ours, &long), Err(SketchError::TooMany { symbols }));
    assert_eq!(decoder.taken(), 0);
    let found = decoder.add(&ours, &bytes).unwrap();
    assert_eq!(found, Some(differences(&ours, &theirs)));
    let symbols = SYMBOLS_MAX + 60;
    assert_eq!(
        decoder.add(&ours, &long[SYMBOL_BYTES..]),
        Err(SketchError::TooMany { symbols })
    );
    assert_eq!(decoder.taken(), 60);
}

/// The sets may change while symbols travel: what would be told then is nobody's difference.
#[test]
fn items_that_changed_meanwhile_are_noticed() {
    let (ours, theirs) = pair(10, 1);
    let mut decoder = Decoder::new(2);
    assert_eq!(decoder.add(&ours, &symbols(&theirs, 2, 0..3)), Ok(None));
    let bytes = symbols(&theirs, 2, 3..60);
    let mut changed = ours.clone();
    changed[3].state[0] ^= 1;
    for other in [&changed, &ours[1..], &theirs] {
        assert_eq!(decoder.add(other, &bytes), Err(SketchError::ItemsChanged));
    }
    assert!(decoder.add(&ours, &bytes).unwrap().is_some());
    // Items that were added to other symbols than those that come next.
    let late = decoder.begin(&bytes).unwrap();
    assert!(
        decoder
            .add(&ours, &symbols(&theirs, 2, 60..61))
            .unwrap()
            .is_some()
    );
    assert_eq!(decoder.end(late), Err(SketchError::ItemsChanged));
}

/// One item alone in all symbols, also in those that it does not belong to: it would be taken out
/// and put in for ever.
#[test]
fn an_item_where_it_does_not_belong_is_a_contradiction() {
    let salt = 8;
    let one = symbols(&[item(1)], salt, 0..1);
    let everywhere = one.repeat(50);
    let mut decoder = Decoder::new(salt);
    assert_eq!(decoder.add(&[], &everywhere), Err(SketchError::Contradiction));
    assert_eq!(decoder.add(&[], &[]), Err(SketchError::Contradiction));
    assert_eq!(decoder.add(&[], &one), Err(SketchError::Contradiction));
}

/// Symbols each of which holds an item of its own alone.
#[test]
fn no_more_is_taken_out_than_symbols_were_taken() {
    let salt = 8;
    let each: Vec<u8> = (0..SYMBOLS_MAX as u64)
        .flat_map(|number| symbols(&[item(number)], salt, 0..1))
        .collect();
    let mut decoder = Decoder::new(salt);
    assert!(!matches!(decoder.add(&[], &each), Ok(Some(_))));
    assert!(decoder.out.len() <= SYMBOLS_MAX);
}

/// Says that it lacks what nobody has: that is told as its own, and asked for in vain.
#[test]
fn what_is_not_among_ours_is_told_as_theirs() {
    let ours = items(0..50);
    let mut said = ours.clone();
    said.remove(7);
    said.push(item(99));
    let found = decode(&ours, &said, 1, 20).unwrap().unwrap();
    assert_eq!((found.ours, found.theirs), (vec![item(7)], vec![item(99)]));
}

proptest! {
    #![proptest_config(crate::testing::cases(200))]

    #[test]
    fn random_bytes_never_panic(
        count in 0_u64..40,
        salt in any::<u64>(),
        portions in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..400),
                // Symbols that hold one item, and the same again.
                proptest::collection::vec(0_u64..4, 0..20).prop_map(|numbers| {
                    numbers.iter().flat_map(|number| symbols(&[item(*number)], 7, 0..1)).collect()
                }),
            ],
            0..5,
        ),
        known in any::<bool>(),
    ) {
        let salt = if known { 7 } else { salt };
        let ours = items(0..count);
        let mut decoder = Decoder::new(salt);
        for portion in portions {
            if let Ok(Some(found)) = decoder.add(&ours, &portion) {
                prop_assert!(found.ours.len() + found.theirs.len() <= decoder.taken());
                prop_assert!(found.ours.iter().all(|item| ours.contains(item)));
                prop_assert!(!found.theirs.iter().any(|item| ours.contains(item)));
            }
        }
    }

    #[test]
    fn symbols_that_were_altered_tell_nothing_false(
        count in 0_usize..60,
        seed in 0_u64..1_000,
        at in any::<prop::sample::Index>(),
        with in 1_u8..,
    ) {
        let (ours, theirs) = pair(count, seed);
        let mut bytes = symbols(&theirs, seed, 0..200);
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        prop_assert!(!matches!(Decoder::new(seed).add(&ours, &bytes), Ok(Some(_))));
    }
}
