//! What the sketch costs. Prints; asserts nothing that a slow machine could break.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use super::*;
use std::time::Instant;

const SEEDS: u64 = 200;

fn at(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The fewest symbols that tell two sets apart.
fn symbols_needed(count: usize, seed: u64) -> usize {
    let (ours, theirs) = pair(count, seed);
    let bytes = symbols(&theirs, seed, 0..SYMBOLS_MAX);
    let tells = |symbols: usize| {
        let bytes = &bytes[..symbols * SYMBOL_BYTES];
        matches!(Decoder::new(&ours, seed).add(&ours, bytes), Ok(Some(_)))
    };
    let (mut few, mut enough) = (0, (3 * count + 64).min(SYMBOLS_MAX));
    assert!(tells(enough), "{count}, seed {seed}");
    while enough - few > 1 {
        let middle = few.midpoint(enough);
        if tells(middle) {
            enough = middle;
        } else {
            few = middle;
        }
    }
    enough
}

#[test]
#[ignore = "measures"]
fn symbols_and_estimates_by_differences() {
    for count in COUNTS {
        let needed = sorted((0..SEEDS).map(|seed| symbols_needed(count, seed) as f64));
        let (median, high) = (at(&needed, 0.5), at(&needed, 0.95));
        println!("{count} differences: {median} symbols, 95th percentile {high}");
    }
    for count in [1, 10, 100, 1_000, 10_000] {
        let ratios = sorted((0..SEEDS).map(|seed| {
            let (ours, theirs) = pair(count, seed);
            estimate(&parities(&ours, seed), &parities(&theirs, seed)) as f64 / count as f64
        }));
        let (low, median, high) = (at(&ratios, 0.05), at(&ratios, 0.5), at(&ratios, 0.95));
        println!("{count} differences: estimated at {median:.2} times ({low:.2} to {high:.2})");
    }
}

#[test]
#[ignore = "measures"]
fn seconds_for_a_million_items() {
    let ours = items(0..1_000_000);
    let theirs = &ours[100..];
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let times = sorted((0..5).map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        }));
        println!(
            "{what}: {:.3} s, at best {:.3} s",
            at(&times, 0.5),
            at(&times, 0.0)
        );
    };
    let mut bytes = Vec::new();
    timed("512 symbols", &mut || bytes = symbols(theirs, 7, 0..512));
    timed("decoding", &mut || {
        let found = Decoder::new(&ours, 7).add(&ours, &bytes).unwrap().unwrap();
        assert_eq!(found.ours.len(), 100);
    });
    let mut read = [0; PARITIES_BYTES];
    timed("parities", &mut || read = parities(&ours, 7));
    assert!(estimate(&read, &parities(theirs, 7)) > 0);
}
