//! Inputs made by chance of inputs that mean something.
//!
//! Nothing tells the mutator which input reached new code, so it stays near
//! the seeds: mostly one or two changes, lengths mended now and then, so that
//! what stands behind a length is still reached. The same seeds and the same
//! number give the same inputs.

use std::ops::Range;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// No input is longer.
pub const INPUT_BYTES_MAX: usize = 8_192;
/// So many inputs that were made are kept to go on from.
const KEPT_MAX: usize = 64;
/// One input in so many goes on from one that was made.
const GO_ON_ONE_IN: u32 = 4;
const CHANGES_MAX: u32 = 8;
/// What chance inserts, repeats or moves at once.
const PART_BYTES_MAX: usize = 64;

/// Makes inputs, one after the other.
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    made: Vec<Vec<u8>>,
    rng: ChaCha8Rng,
}

impl Mutator {
    /// Inputs near `seeds`; `number` says which.
    pub fn new(seeds: Vec<Vec<u8>>, number: u64) -> Self {
        Mutator {
            seeds,
            made: Vec::new(),
            rng: ChaCha8Rng::seed_from_u64(number),
        }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut bytes = if !self.made.is_empty() && self.one_in(GO_ON_ONE_IN) {
            let at = self.below(self.made.len());
            self.made[at].clone()
        } else {
            self.seed()
        };
        let mut changes = 1;
        while changes < CHANGES_MAX && self.one_in(2) {
            changes += 1;
        }
        for _ in 0..changes {
            self.change(&mut bytes);
            bytes.truncate(INPUT_BYTES_MAX);
        }
        self.keep(&bytes);
        bytes
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.made.len() < KEPT_MAX {
            self.made.push(bytes.to_vec());
        } else if self.one_in(GO_ON_ONE_IN) {
            let at = self.below(KEPT_MAX);
            self.made[at] = bytes.to_vec();
        }
    }

    fn seed(&mut self) -> Vec<u8> {
        if self.seeds.is_empty() {
            return Vec::new();
        }
        let at = self.below(self.seeds.len());
        self.seeds[at].clone()
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        match self.rng.random_range(0..17) {
            0 => self.with_byte(bytes, |rng, byte| *byte ^= 1 << rng.random_range(0..8)),
            1 => self.with_byte(bytes, |rng, byte| *byte = rng.random()),
            2 => self.with_byte(bytes, |rng, byte| {
                *byte = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)];
            }),
            3 => self.with_byte(bytes, |rng, byte| {
                *byte = byte.wrapping_add_signed(rng.random_range(-16..=16));
            }),
            4 => self.number(bytes),
            5 => self.decimal(bytes),
            6 => {
                let part: Vec<u8> = (0..self.length(8)).map(|_| self.rng.random()).collect();
                self.insert(bytes, &part);
            }
            7 => {
                let part = vec![self.rng.random(); self.length(PART_BYTES_MAX)];
                self.insert(bytes, &part);
            }
            8 => {
                let part = self.part(bytes.len());
                self.mend_lengths(bytes, part.start, -(part.len() as i64));
                bytes.drain(part);
            }
            9 => {
                let length = self.below(bytes.len() + 1);
                bytes.truncate(length);
            }
            10 => {
                let part = self.part(bytes.len());
                let part = bytes[part].to_vec();
                self.insert(bytes, &part);
            }
            11 => self.splice(bytes),
            12 | 13 => self.between_marks(bytes),
            14 | 15 => self.resize(bytes),
            _ => self.word(bytes),
        }
    }

    /// Changes one byte, if there is one.
    fn with_byte(&mut self, bytes: &mut [u8], change: impl Fn(&mut ChaCha8Rng, &mut u8)) {
        if !bytes.is_empty() {
            let at = self.below(bytes.len());
            change(&mut self.rng, &mut bytes[at]);
        }
    }

    /// Writes a number at a limit over one, two, four or eight bytes.
    fn number(&mut self, bytes: &mut [u8]) {
        let width = 1 << self.below(4);
        if bytes.len() < width {
            return;
        }
        let at = self.below(bytes.len() - width + 1);
        let mut number = self.limit(bytes.len()).to_be_bytes();
        let number = &mut number[8 - width..];
        if self.one_in(2) {
            number.reverse();
        }
        bytes[at..at + width].copy_from_slice(number);
    }

    /// A number around which arithmetic goes wrong.
    fn limit(&mut self, length: usize) -> u64 {
        let near = match self.below(3) {
            0 => 0,
            1 => length as u64,
            _ => 1 << [7, 8, 15, 16, 31, 32, 63][self.below(7)],
        };
        near.wrapping_add_signed(self.rng.random_range(-1..=1))
    }

    /// Another number for one that is written in digits.
    fn decimal(&mut self, bytes: &mut Vec<u8>) {
        let digits: Vec<usize> = (0..bytes.len())
            .filter(|at| bytes[*at].is_ascii_digit())
            .collect();
        if digits.is_empty() {
            return;
        }
        let start = digits[self.below(digits.len())];
        let end = (start..bytes.len())
            .find(|at| !bytes[*at].is_ascii_digit())
            .unwrap_or(bytes.len());
        let limit = self.limit(bytes.len());
        let text = match self.below(3) {
            0 => format!("{limit}"),
            1 => format!("-{}", limit & 0xff),
            _ => format!("{}e{}", limit & 0xff, self.below(400)),
        };
        bytes.splice(start..end, text.into_bytes());
    }

    /// Takes out, repeats or replaces what stands between two marks of a text:
    /// a value, a parameter, a segment.
    fn between_marks(&mut self, bytes: &mut Vec<u8>) {
        let marks: Vec<usize> = (0..bytes.len())
            .filter(|at| bytes[*at].is_ascii_punctuation())
            .collect();
        if marks.len() < 2 {
            return;
        }
        let first = self.below(marks.len() - 1);
        let last = (first + self.length(16)).min(marks.len() - 1);
        let (start, end) = (marks[first], marks[last]);
        match self.below(3) {
            0 => {
                bytes.drain(start + 1..end);
            }
            1 => {
                let part = bytes[start..end].to_vec();
                bytes.splice(end..end, part);
            }
            _ => {
                let first = self.below(marks.len() - 1);
                let part = bytes[marks[first]..marks[first + 1]].to_vec();
                bytes.splice(start..end, part);
            }
        }
    }

    /// The beginning of this, the end of a seed.
    fn splice(&mut self, bytes: &mut Vec<u8>) {
        let other = self.seed();
        let (keep, from) = (self.below(bytes.len() + 1), self.below(other.len() + 1));
        bytes.truncate(keep);
        bytes.extend_from_slice(&other[from..]);
    }

    /// A part of a seed, over what is there or between it.
    fn word(&mut self, bytes: &mut Vec<u8>) {
        let other = self.seed();
        let part = self.part(other.len());
        let word = &other[part];
        if self.one_in(2) {
            self.insert(bytes, word);
        } else {
            let at = self.below(bytes.len() + 1);
            let end = (at + word.len()).min(bytes.len());
            bytes.splice(at..end, word.iter().copied());
        }
    }

    fn insert(&mut self, bytes: &mut Vec<u8>, part: &[u8]) {
        let at = self.below(bytes.len() + 1);
        self.mend_lengths(bytes, at, part.len() as i64);
        bytes.splice(at..at, part.iter().copied());
    }

    /// Gives what stands behind a length another length.
    fn resize(&mut self, bytes: &mut Vec<u8>) {
        let lengths: Vec<Range<usize>> = (0..bytes.len())
            .filter_map(|from| length_at(bytes, from))
            .collect();
        if lengths.is_empty() {
            return;
        }
        let place = lengths[self.below(lengths.len())].clone();
        let (old, start) = (value_of(&bytes[place.clone()]), place.end);
        let new = match self.below(4) {
            0 => 0,
            1 => old - 1,
            2 => old + 1,
            _ => self.below(2 * old + 1),
        };
        set_value(&mut bytes[place], new);
        let more = self.rng.random();
        if new < old {
            bytes.drain(start + new..start + old);
        } else {
            bytes.splice(start + old..start + old, (old..new).map(|_| more));
        }
    }

    /// Half the time, and not in a text, puts right a length of what `at` is
    /// in, likely the innermost: it grows by `by`.
    fn mend_lengths(&mut self, bytes: &mut [u8], at: usize, by: i64) {
        if is_text(bytes) || self.one_in(2) {
            return;
        }
        let holds = |place: &Range<usize>| {
            let length = value_of(&bytes[place.clone()]);
            place.end <= at && at <= place.end + length
        };
        let mut lengths = (0..at)
            .rev()
            .filter_map(|from| length_at(bytes, from))
            .filter(holds);
        let skipped = self.rng.random_range(0..4_usize).saturating_sub(1);
        if let Some(place) = lengths.nth(skipped) {
            let old = value_of(&bytes[place.clone()]) as i64;
            set_value(&mut bytes[place], (old + by).max(0) as usize);
        }
    }

    /// A range of up to [`PART_BYTES_MAX`] of so many bytes.
    fn part(&mut self, length: usize) -> Range<usize> {
        let start = self.below(length + 1);
        let end = start + self.length(PART_BYTES_MAX).min(length - start);
        start..end
    }

    /// From 1 to `max`, mostly short.
    fn length(&mut self, max: usize) -> usize {
        let max = max >> self.rng.random_range(0..=max.ilog2());
        self.rng.random_range(1..=max)
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.rng.random_range(0..count) == 0
    }
}

/// Where one byte or two say how long what follows is, if these do.
fn length_at(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let places = [from..from + 2, from..from + 1];
    places.into_iter().find(|place| {
        let value = bytes.get(place.clone()).map_or(0, value_of);
        value > 0 && place.end + value <= bytes.len()
    })
}

fn value_of(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |value, byte| value << 8 | usize::from(*byte))
}

/// Writes as much of a value as fits.
fn set_value(bytes: &mut [u8], value: usize) {
    for (place, byte) in bytes.iter_mut().rev().zip(value.to_le_bytes()) {
        *place = byte;
    }
}

/// Whether these are lines of text: then no byte is a length.
fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte >= b' ' || b"\t\r\n".contains(byte))
}

#[cfg(test)]
mod tests;
