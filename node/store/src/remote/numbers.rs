//! Which numbers of an author were accepted here, a block of them at a time.
//!
//! Invariants: exact, whatever order they come in; bounded by 512 bytes a block and no block without a number.

use crate::{
    codec::{Dec, Enc},
    error::StoreError,
};

/// Numbers in a block.
pub(super) const BLOCK: u64 = 4_096;
const WORDS: usize = 64;
/// Runs up to which a block is written as runs: beyond, a bit a number takes less.
const RUNS_MAX: usize = 120;

/// The numbers of a block that were accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers([u64; WORDS]);

impl Default for Numbers {
    fn default() -> Numbers {
        Numbers([0; WORDS])
    }
}

/// Where a number's bit stands in its block.
fn place(seq: u64) -> (usize, u64) {
    let at = seq % BLOCK;
    (usize::try_from(at / 64).unwrap_or(0), 1 << (at % 64))
}

impl Numbers {
    /// Adds a number of this block; whether it was not there.
    pub(super) fn add(&mut self, seq: u64) -> bool {
        let (word, bit) = place(seq);
        let Some(word) = self.0.get_mut(word) else {
            return false;
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Adds all from one place of the block to another.
    fn fill(&mut self, first: u64, last: u64) {
        let mut base = 0_u64;
        for word in &mut self.0 {
            let end = base.saturating_add(63);
            if first <= end && last >= base {
                let (from, to) = (first.max(base) % 64, last.min(end) % 64);
                *word |= (u64::MAX << from) & (u64::MAX >> (63 - to));
            }
            base = base.saturating_add(64);
        }
    }

    /// The first place from `from` on that is taken, or that is not.
    fn next(&self, from: u64, is_taken: bool) -> Option<u64> {
        let (mut word_at, _) = place(from);
        if from >= BLOCK {
            return None;
        }
        let mut mask = u64::MAX << (from % 64);
        loop {
            let word = *self.0.get(word_at)?;
            let found = mask & if is_taken { word } else { !word };
            if found != 0 {
                return Some((word_at as u64).saturating_mul(64) + u64::from(found.trailing_zeros()));
            }
            (word_at, mask) = (word_at.saturating_add(1), u64::MAX);
        }
    }

    /// The highest, from the block's beginning.
    pub(super) fn highest(&self) -> Option<u64> {
        let (at, word) = self.0.iter().enumerate().rev().find(|(_, word)| **word != 0)?;
        Some((at as u64).saturating_mul(64) + u64::from(word.ilog2()))
    }

    /// Runs of numbers, each as its first and its last, from the block's beginning.
    pub(super) fn runs(&self) -> Vec<(u64, u64)> {
        let mut runs = Vec::new();
        let mut from = 0;
        while let Some(first) = self.next(from, true) {
            let after = self.next(first, false).unwrap_or(BLOCK);
            runs.push((first, after.saturating_sub(1)));
            from = after;
        }
        runs
    }

    pub(super) fn encode(&self, enc: &mut Enc) {
        let runs = self.runs();
        if runs.len() > RUNS_MAX {
            enc.varint(0);
            for word in self.0 {
                enc.raw(&word.to_be_bytes());
            }
            return;
        }
        enc.varint(runs.len() as u64);
        let mut from = 0;
        for (first, last) in runs {
            enc.varint(first.saturating_sub(from))
                .varint(last.saturating_sub(first));
            from = last;
        }
    }

    pub(super) fn decode(dec: &mut Dec<'_>) -> Result<Numbers, StoreError> {
        let mut numbers = Numbers::default();
        let runs = dec.varint()?;
        if runs == 0 {
            for word in &mut numbers.0 {
                *word = u64::from_be_bytes(dec.array()?);
            }
            return Ok(numbers);
        }
        let mut from = 0_u64;
        for _ in 0..runs {
            let first = from.saturating_add(dec.varint()?);
            let last = first.saturating_add(dec.varint()?);
            if last >= BLOCK {
                return Err(dec.damaged());
            }
            numbers.fill(first, last);
            from = last;
        }
        Ok(numbers)
    }
}

/// How far an author's numbers go, given the runs of those that were accepted, in order: up to where more than
/// `missing_max` would be missing below. An author uses each number once, one after the other; whoever leaps wants
/// what it signs later to pass for what it had signed before.
pub(super) fn reach(runs: impl IntoIterator<Item = (u64, u64)>, missing_max: u64) -> u64 {
    let (mut reach, mut missing) = (0_u64, 0_u64);
    for (first, last) in runs {
        let gap = first.saturating_sub(reach.saturating_add(1));
        missing = missing.saturating_add(gap);
        if missing > missing_max {
            break;
        }
        reach = reach.max(last);
    }
    reach
}

#[cfg(test)]
mod tests;
