//! About how many items only one of two sets has, from 52 bytes of each.
//!
//! Half of all items are of level 0, a quarter of level 1 and so on, and each
//! level has 32 buckets. A bit is the parity of its bucket's items: what both
//! have cancels out, so the bits that differ come from what only one has.
//!
//! Invariants: the same on every machine (of f64 only `+ - * /`); any bytes
//! give a number between 1 and [`ESTIMATE_MAX`], and equal ones give 0.

use super::cell::{Cell, Salt, SketchItem, mix};

/// Halvings of the items: of the last level is what is of none before.
const LEVELS: usize = 13;
/// Buckets of a level, a bit each.
const BUCKETS: u32 = 32;
/// Bytes of all parities on the wire.
pub const PARITIES_BYTES: usize = LEVELS * 4;
/// The most that is told apart: the last level has some 64 items then.
pub const ESTIMATE_MAX: usize = 1 << 18;

/// Tells an item's bucket from its symbols: the two must not go together.
const BUCKET_SALT: u64 = 0xd1b5_4a32_d192_ed03;
/// Halvings of the interval that an estimate is looked for in: 2^18 / 2^30 is far below 1.
const STEPS: usize = 30;

/// Bytes from which the other side tells about how many differences there are: parities of a set's
/// items, which are given one by one, each once. A level is 4 bytes, the first bucket the least bit.
#[derive(Clone, Debug)]
pub struct Parities {
    salt: Salt,
    levels: [u32; LEVELS],
}

impl Parities {
    /// Of no item yet.
    pub fn new(salt: u64) -> Parities {
        Parities {
            salt: Salt::new(salt),
            levels: [0; LEVELS],
        }
    }

    /// Adds an item.
    pub fn add(&mut self, item: &SketchItem) {
        let hash = mix(Cell::of(item, self.salt).1 ^ BUCKET_SALT);
        let level = (hash.leading_zeros() as usize).min(LEVELS - 1);
        if let Some(level) = self.levels.get_mut(level) {
            *level ^= 1 << (hash % u64::from(BUCKETS));
        }
    }

    /// The parities as they travel.
    pub fn bytes(&self) -> [u8; PARITIES_BYTES] {
        let mut bytes = [0; PARITIES_BYTES];
        for (to, level) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(self.levels) {
            *to = level.to_le_bytes();
        }
        bytes
    }
}

/// [`Parities`] of a set that is held.
pub fn parities(items: &[SketchItem], salt: u64) -> [u8; PARITIES_BYTES] {
    let mut parities = Parities::new(salt);
    items.iter().for_each(|item| parities.add(item));
    parities.bytes()
}

/// About how many items only one of both has: 0 only where all parities are equal, and at most
/// [`ESTIMATE_MAX`].
pub fn estimate(ours: &[u8; PARITIES_BYTES], theirs: &[u8; PARITIES_BYTES]) -> usize {
    if ours == theirs {
        return 0;
    }
    let mut odd = [0.0; LEVELS];
    let pairs = ours.as_chunks::<4>().0.iter().zip(theirs.as_chunks::<4>().0);
    for (odd, (ours, theirs)) in odd.iter_mut().zip(pairs) {
        let differing = u32::from_le_bytes(*ours) ^ u32::from_le_bytes(*theirs);
        *odd = f64::from(differing.count_ones());
    }
    // The likelihood of what is seen grows below its greatest value and falls above.
    let (mut low, mut high) = (0.0, ESTIMATE_MAX as f64);
    for _ in 0..STEPS {
        let middle = (low + high) / 2.0;
        if slope(&odd, middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    ((high + 0.5) as usize).clamp(1, ESTIMATE_MAX)
}

/// The slope of the likelihood's logarithm at `differences`, but for a positive factor. A bucket
/// that `x / 2` of them fall into on average is odd with a chance of (1 - e^-x) / 2.
fn slope(odd: &[f64; LEVELS], differences: f64) -> f64 {
    let buckets = f64::from(BUCKETS);
    let mut share = 1.0;
    let mut slope = 0.0;
    for (level, odd) in odd.iter().enumerate() {
        if level + 1 < LEVELS {
            share /= 2.0;
        }
        let x = 2.0 * differences * share / buckets;
        let even = exp_minus(x);
        let weight = share * even / (1.0 - even * even);
        slope += weight * (odd - buckets / 2.0 * (1.0 - even));
    }
    slope
}

/// e^-x for `x` of 0 or more, by operations that are the same everywhere.
fn exp_minus(x: f64) -> f64 {
    const HALVINGS: u32 = 12;
    let part = x / f64::from(1_u32 << HALVINGS);
    let mut value = 1.0 / (1.0 + part + part * part / 2.0);
    for _ in 0..HALVINGS {
        value *= value;
    }
    value
}
