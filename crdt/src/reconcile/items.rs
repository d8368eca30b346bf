//! A sorted set of item identifiers with a prefix sum for each 64 of them, so
//! that the fingerprint of any range costs few additions. 33 bytes an item.

use crate::fingerprint::{Fingerprint, RecordValue};

/// One item: a keyed hash, so evenly spread and not chosen by anyone outside.
/// Sums of identifiers that somebody has chosen could be made to agree.
pub type ItemId = [u8; 32];

/// Bytes of a range's fingerprint on the wire.
pub(super) const RANGE_FINGERPRINT_BYTES: usize = 16;
pub(super) type RangeFingerprint = [u8; RANGE_FINGERPRINT_BYTES];

/// A node's set of items for one exchange.
#[derive(Debug, Clone, Default)]
pub struct Items {
    ids: Vec<ItemId>,
    /// `sums[i]` is the fingerprint of the first `i * SUM_ITEMS` items.
    sums: Vec<Fingerprint>,
}

/// Items from one prefix sum to the next.
const SUM_ITEMS: usize = 64;

impl Items {
    /// Sorts the identifiers and drops repeated ones.
    pub fn new(ids: impl IntoIterator<Item = ItemId>) -> Items {
        let mut ids: Vec<ItemId> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.shrink_to_fit();
        let mut sums = vec![Fingerprint::EMPTY];
        let mut sum = Fingerprint::EMPTY;
        for few in ids.chunks_exact(SUM_ITEMS) {
            few.iter().for_each(|id| sum.add(&RecordValue(*id)));
            sums.push(sum);
        }
        Items { ids, sums }
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether `id` is one of them.
    pub fn contains(&self, id: &ItemId) -> bool {
        self.ids.binary_search(id).is_ok()
    }

    /// Where an item stands in the order; `None` if it is not one of them.
    pub fn index(&self, id: &ItemId) -> Option<usize> {
        self.ids.binary_search(id).ok()
    }

    /// Index of the first item that is not below `bound`.
    pub(super) fn position(&self, bound: &Bound) -> usize {
        match bound {
            Bound::Below(id) => self.ids.partition_point(|item| item < id),
            Bound::End => self.ids.len(),
        }
    }

    /// The items from index `from` up to, not including, `to`.
    pub(super) fn slice(&self, from: usize, to: usize) -> &[ItemId] {
        self.ids.get(from..to).unwrap_or(&[])
    }

    pub(super) fn sum(&self, from: usize, to: usize) -> Fingerprint {
        let mut sum = self.sum_below(to);
        sum.subtract(&self.sum_below(from));
        sum
    }

    /// The fingerprint of the items below an index.
    fn sum_below(&self, index: usize) -> Fingerprint {
        let at = index / SUM_ITEMS;
        let mut sum = self.sums.get(at).copied().unwrap_or_default();
        let few = self.slice(at.saturating_mul(SUM_ITEMS), index);
        few.iter().for_each(|id| sum.add(&RecordValue(*id)));
        sum
    }

    pub(super) fn fingerprint(&self, from: usize, to: usize) -> RangeFingerprint {
        shorten(&self.sum(from, to))
    }

    /// The shortest bound that separates item `index` from the one before it.
    pub(super) fn bound_before(&self, index: usize) -> Bound {
        let Some(id) = self.ids.get(index) else {
            return Bound::End;
        };
        let before = index.checked_sub(1).and_then(|at| self.ids.get(at));
        let shared = before.map_or(0, |before| shared_bytes(before, id));
        let mut bound = [0_u8; 32];
        for (to, from) in bound.iter_mut().zip(id.iter().take(shared.saturating_add(1))) {
            *to = *from;
        }
        Bound::Below(bound)
    }
}

/// Sum and count, hashed down to what collides by nobody's chance.
pub(super) fn shorten(sum: &Fingerprint) -> RangeFingerprint {
    let hash: [u8; 32] = blake3::hash(&sum.to_bytes()).into();
    let mut short = [0; RANGE_FINGERPRINT_BYTES];
    for (to, from) in short.iter_mut().zip(hash) {
        *to = from;
    }
    short
}

fn shared_bytes(a: &ItemId, b: &ItemId) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// The upper, excluded end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bound {
    /// All items below this identifier. On the wire without its final zeroes.
    Below(ItemId),
    /// To the end of the order.
    End,
}
