//! A sketch of a set: one message tells which items only one of two nodes has.
//!
//! A symbol is the sum, by exclusive or, of some of a set's items and of their
//! checks. Each item is in symbol 0 and in symbol `i` with a chance of
//! 1/(1 + i/2). The symbols of one set added to those of another are the
//! symbols of what only one of both has: where only one item is left in a
//! symbol, its check agrees, and it is taken out of all others, until nothing
//! is left. That takes about 1.4 symbols a difference, whatever the sets' size;
//! more symbols can be sent where some were too few.
//!
//! Invariants:
//! - pure functions of items, salt and bytes, and the same on every machine:
//!   of f64 only what IEEE 754 rounds exactly (`+ * /` and `sqrt`);
//! - differences are told only once all symbols have come to nothing. Where
//!   they don't, the caller asks for more or falls back on the reconciliation
//!   of ranges, which always ends;
//! - whatever a peer sends, a decoder holds at most [`SYMBOLS_MAX`] symbols and
//!   takes out at most one item a symbol;
//! - not deliberately here: what a record is, how a salt is drawn, how many
//!   symbols are worth sending.
//!
//! The method is known from Yang, Gilad, Alizadeh, "Practical Rateless Set
//! Reconciliation" (SIGCOMM 2024).

use std::collections::BTreeSet;
use std::ops::Range;

use thiserror::Error;

mod cell;
mod estimate;

use cell::{Cell, Salt};
pub use cell::{SYMBOL_BYTES, SketchItem};
pub use estimate::{ESTIMATE_MAX, PARITIES_BYTES, Parities, estimate, parities};

/// Most symbols of one sketch, for who makes it and for who takes it.
pub const SYMBOLS_MAX: usize = 16_384;

/// What only one of two sets has, each in order and each item once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SketchDifferences {
    /// What only this side has.
    pub ours: Vec<SketchItem>,
    /// What only the other side has.
    pub theirs: Vec<SketchItem>,
}

/// Why symbols are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SketchError {
    /// The bytes end within a symbol.
    #[error("the sketch is {bytes} bytes long, which is no multiple of {SYMBOL_BYTES}")]
    Length {
        /// How many came.
        bytes: usize,
    },
    /// More than one sketch may have.
    #[error("the sketch has {symbols} symbols where {SYMBOLS_MAX} are the most")]
    TooMany {
        /// How many it would have with these.
        symbols: usize,
    },
    /// This side's items are not those that the first symbols were compared with.
    #[error("this side's items have changed since the sketch was begun: begin a new one")]
    ItemsChanged,
    /// No two sets have these symbols, or two checks agreed by chance.
    #[error("the sketch contradicts itself: reconcile by ranges")]
    Contradiction,
}

/// Symbols of a set whose items are given one by one, each once: a set need not be held for it.
#[derive(Clone, Debug)]
pub struct Symbols {
    salt: Salt,
    from: usize,
    cells: Vec<Cell>,
}

impl Symbols {
    /// Symbols `range` of a set. `salt` is drawn anew for each exchange, so that nobody can prepare items
    /// that cancel out. What lies beyond [`SYMBOLS_MAX`] is left out.
    pub fn new(salt: u64, range: Range<usize>) -> Symbols {
        let to = range.end.min(SYMBOLS_MAX);
        Symbols {
            salt: Salt::new(salt),
            from: range.start,
            cells: vec![Cell::default(); to.saturating_sub(range.start)],
        }
    }

    /// Adds an item.
    pub fn add(&mut self, item: &SketchItem) {
        let (cell, hash) = Cell::of(item, self.salt);
        put(&mut self.cells, self.from, cell, hash);
    }

    /// The symbols as they travel.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.cells.len().saturating_mul(SYMBOL_BYTES));
        for cell in &self.cells {
            bytes.extend(cell.record.to_le_bytes());
            bytes.extend(cell.state.to_le_bytes());
            bytes.extend(cell.check.to_le_bytes());
        }
        bytes
    }
}

/// [`Symbols`] of a set that is held.
pub fn symbols(items: &[SketchItem], salt: u64, range: Range<usize>) -> Vec<u8> {
    let mut symbols = Symbols::new(salt, range);
    items.iter().for_each(|item| symbols.add(item));
    symbols.bytes()
}

/// This side's symbols with the other's added, and the items taken out so far.
#[derive(Clone, Debug)]
pub struct Decoder {
    salt: Salt,
    /// Symbol 0 of this side's items, once they were walked.
    all: Option<Cell>,
    cells: Vec<Cell>,
    out: BTreeSet<SketchItem>,
    contradicted: bool,
}

/// The next symbols of the other side, to which this side's items are added one by one.
#[derive(Clone, Debug)]
pub struct Added {
    own: Symbols,
    all: Cell,
}

impl Added {
    /// Adds an item of this side.
    pub fn add(&mut self, item: &SketchItem) {
        let (cell, hash) = Cell::of(item, self.own.salt);
        self.all.toggle(cell);
        put(&mut self.own.cells, self.own.from, cell, hash);
    }
}

/// Tells whose the items are that were taken out, as this side's are given one by one.
#[derive(Clone, Debug)]
pub struct Sorted<'a> {
    salt: Salt,
    out: &'a BTreeSet<SketchItem>,
    /// Spares most of this side's items the search.
    filter: Vec<u64>,
    ours: BTreeSet<SketchItem>,
}

impl Sorted<'_> {
    /// Takes an item of this side; whether the other side lacks it.
    pub fn add(&mut self, item: &SketchItem) -> bool {
        let (word, bit) = filter_bit(item, self.salt);
        let may_be = self.filter.get(word).is_some_and(|word| word & bit != 0);
        let is_ours = may_be && self.out.contains(item);
        if is_ours {
            self.ours.insert(*item);
        }
        is_ours
    }

    /// What only one of both has.
    pub fn end(self) -> SketchDifferences {
        SketchDifferences {
            theirs: self.out.difference(&self.ours).copied().collect(),
            ours: self.ours.into_iter().collect(),
        }
    }
}

impl Decoder {
    /// Begins with the salt of the exchange.
    pub fn new(salt: u64) -> Decoder {
        Decoder {
            salt: Salt::new(salt),
            all: None,
            cells: Vec::new(),
            out: BTreeSet::new(),
            contradicted: false,
        }
    }

    /// How many symbols of the other side have been taken.
    pub fn taken(&self) -> usize {
        self.cells.len()
    }

    /// Looks at the next symbols of the other side, in order: this side's items are to be added, all of
    /// them, and then [`Decoder::end`].
    ///
    /// # Errors
    /// Symbols that are refused: none of them counts, and the next may be better, but for a
    /// contradiction, which is final.
    pub fn begin(&self, symbols: &[u8]) -> Result<Added, SketchError> {
        if self.contradicted {
            return Err(SketchError::Contradiction);
        }
        let (parts, rest) = symbols.as_chunks::<SYMBOL_BYTES>();
        if !rest.is_empty() {
            return Err(SketchError::Length { bytes: symbols.len() });
        }
        let from = self.cells.len();
        let to = from.saturating_add(parts.len());
        if to > SYMBOLS_MAX {
            return Err(SketchError::TooMany { symbols: to });
        }
        Ok(Added {
            own: Symbols {
                salt: self.salt,
                from,
                cells: parts.iter().map(Cell::read).collect(),
            },
            all: Cell::default(),
        })
    }

    /// All of this side's items have been added: whether what differs is told. Otherwise the symbols are
    /// too few, or the sets differ in more than any number of symbols tells.
    ///
    /// # Errors
    /// Items that are others than with the first symbols, and what contradicts itself.
    pub fn end(&mut self, added: Added) -> Result<bool, SketchError> {
        let from = self.cells.len();
        if self.contradicted {
            return Err(SketchError::Contradiction);
        }
        if added.own.from != from || self.all.is_some_and(|all| all != added.all) {
            return Err(SketchError::ItemsChanged);
        }
        self.all = Some(added.all);
        let mut new = added.own.cells;
        for item in &self.out {
            let (cell, hash) = Cell::of(item, self.salt);
            put(&mut new, from, cell, hash);
        }
        self.cells.append(&mut new);
        self.take_out(from)?;
        Ok(!self.cells.is_empty() && self.cells.iter().all(Cell::is_nothing))
    }

    /// Whose the items are that were taken out: this side's are to be given once more.
    pub fn sorted(&self) -> Sorted<'_> {
        let mut filter = vec![0_u64; 1 << FILTER_WORDS_BITS];
        for (word, bit) in self.out.iter().map(|item| filter_bit(item, self.salt)) {
            if let Some(word) = filter.get_mut(word) {
                *word |= bit;
            }
        }
        Sorted {
            salt: self.salt,
            out: &self.out,
            filter,
            ours: BTreeSet::new(),
        }
    }

    /// All of this with a set that is held. `None`: the symbols are too few.
    ///
    /// # Errors
    /// As with [`Decoder::begin`] and [`Decoder::end`].
    pub fn add(
        &mut self,
        items: &[SketchItem],
        symbols: &[u8],
    ) -> Result<Option<SketchDifferences>, SketchError> {
        let mut added = self.begin(symbols)?;
        items.iter().for_each(|item| added.add(item));
        if !self.end(added)? {
            return Ok(None);
        }
        let mut sorted = self.sorted();
        items.iter().for_each(|item| {
            sorted.add(item);
        });
        Ok(Some(sorted.end()))
    }

    /// Takes out each item that is alone in a symbol, for as long as there is one. Only symbols from
    /// `from` on, and those that an item is taken out of, can have come to hold one alone.
    fn take_out(&mut self, from: usize) -> Result<(), SketchError> {
        let mut queue: Vec<usize> = (from..self.cells.len()).collect();
        while let Some(index) = queue.pop() {
            let Some(alone) = self.cells.get(index).copied() else {
                continue;
            };
            let Some(hash) = alone.hash_if_alone(self.salt) else {
                continue;
            };
            // What was taken out once is in no symbol any more, and each item clears a symbol.
            if self.out.len() >= self.cells.len() || !self.out.insert(alone.item()) {
                self.contradicted = true;
                return Err(SketchError::Contradiction);
            }
            let mut walk = Walk::new(hash);
            while let Some(cell) = self.cells.get_mut(walk.index) {
                cell.toggle(alone);
                if cell.hash_if_alone(self.salt).is_some() {
                    queue.push(walk.index);
                }
                walk.advance();
            }
        }
        Ok(())
    }
}

/// Words of the filter, as a power of two: 2^18 bits are more than ten for each item that may be out.
const FILTER_WORDS_BITS: u32 = 12;

/// Word and bit of an item in the filter.
fn filter_bit(item: &SketchItem, salt: Salt) -> (usize, u64) {
    let hash = Cell::of(item, salt).1;
    ((hash >> (64 - FILTER_WORDS_BITS)) as usize, 1_u64 << (hash & 63))
}

/// Puts an item into symbols, the first of which is number `from`; or takes it out again.
fn put(cells: &mut [Cell], from: usize, item: Cell, hash: u64) {
    if cells.is_empty() {
        return;
    }
    let to = from.saturating_add(cells.len());
    let mut walk = Walk::new(hash);
    while walk.index < to {
        let cell = walk.index.checked_sub(from).and_then(|at| cells.get_mut(at));
        if let Some(cell) = cell {
            cell.toggle(item);
        }
        walk.advance();
    }
}

/// The symbols that an item is in, in ascending order.
#[derive(Clone, Copy, Debug)]
struct Walk {
    index: usize,
    draw: u64,
}

impl Walk {
    fn new(hash: u64) -> Walk {
        Walk { index: 0, draw: hash }
    }

    /// From symbol `i` to one beyond `x` with a chance of ((i + 1.5) / (x + 1.5))^2, about what
    /// 1/(1 + k/2) leaves for each `k` between: `i + 1.5` is stretched by one over the square root of
    /// what is drawn. All but the stretch is reckoned in whole numbers, where the next step waits for
    /// this one.
    fn advance(&mut self) {
        self.draw = self.draw.wrapping_mul(DRAW_FACTOR).wrapping_add(DRAW_STEP);
        let drawn = f64::from((self.draw >> 32) as u32) + 0.5;
        let beyond = (STRETCH / drawn.sqrt()) as i64 - STRETCH_ONE;
        let twice = (self.index as i64).wrapping_mul(2).wrapping_add(3);
        let gap = (twice.wrapping_mul(beyond) >> 25) as usize;
        self.index = self.index.saturating_add(gap).saturating_add(1);
    }
}

/// A stretch of one, of 24 binary places, and that of the draw of 2^32 above one.
const STRETCH_ONE: i64 = 1 << 24;
const STRETCH: f64 = 1_099_511_627_776.0;

/// The constants of a linear congruential generator modulo 2^64 (Knuth, MMIX).
const DRAW_FACTOR: u64 = 0x5851_f42d_4c95_7f2d;
const DRAW_STEP: u64 = 0x1405_7b7e_f767_814f;

#[cfg(test)]
mod tests;
