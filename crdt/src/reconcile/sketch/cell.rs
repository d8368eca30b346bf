//! An item, what the salt of an exchange makes of it, and the symbol that holds it.

/// Bytes of a symbol on the wire: 16 of sum, 4 of check.
pub const SYMBOL_BYTES: usize = 20;

/// Which record in which state: keyed beginnings of hashes, so that they are evenly spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SketchItem {
    /// Which record.
    pub record: [u8; 8],
    /// In which state.
    pub state: [u8; 8],
}

/// A symbol: sums by exclusive or. Items are read as two numbers, the first byte the least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) record: u64,
    pub(super) state: u64,
    pub(super) check: u32,
}

impl Cell {
    /// The symbol that holds this item alone, and the item's hash.
    pub(super) fn of(item: &SketchItem, salt: Salt) -> (Cell, u64) {
        let record = u64::from_le_bytes(item.record);
        let state = u64::from_le_bytes(item.state);
        let hash = salt.hash(record, state);
        let check = check(hash);
        (Cell { record, state, check }, hash)
    }

    pub(super) fn read(bytes: &[u8; SYMBOL_BYTES]) -> Cell {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, check @ ..] = *bytes;
        Cell {
            record: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            state: u64::from_le_bytes([i, j, k, l, m, n, o, p]),
            check: u32::from_le_bytes(check),
        }
    }

    pub(super) fn item(self) -> SketchItem {
        SketchItem {
            record: self.record.to_le_bytes(),
            state: self.state.to_le_bytes(),
        }
    }

    pub(super) fn toggle(&mut self, other: Cell) {
        self.record ^= other.record;
        self.state ^= other.state;
        self.check ^= other.check;
    }

    pub(super) fn is_nothing(&self) -> bool {
        *self == Cell::default()
    }

    /// The hash of the item, where the check says that this is one.
    pub(super) fn hash_if_alone(self, salt: Salt) -> Option<u64> {
        let hash = salt.hash(self.record, self.state);
        (check(hash) == self.check && !self.is_nothing()).then_some(hash)
    }
}

/// What the salt of an exchange makes of an item. Fast and no cryptographic hash: the salt is not
/// known when items are made, and a sketch only says which records are worth asking for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Salt {
    record: u64,
    state: u64,
}

impl Salt {
    pub(super) fn new(salt: u64) -> Salt {
        Salt {
            record: mix(salt.wrapping_add(GOLDEN)),
            state: mix(salt.wrapping_add(GOLDEN.wrapping_mul(2))),
        }
    }

    fn hash(self, record: u64, state: u64) -> u64 {
        mix(mix(record ^ self.record).wrapping_add(state ^ self.state))
    }
}

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The upper half of an item's hash.
fn check(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A bijection in which each bit of the result depends on each of the argument (SplitMix64).
pub(super) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
