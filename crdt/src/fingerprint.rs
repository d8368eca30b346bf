//! Fingerprints of sets of records: what two nodes compare before either says
//! "in sync".
//!
//! Invariants:
//! - a record contributes a keyed 256-bit value of its key, its sorted heads
//!   and its sorted evidence of forks, never of saved bytes (equal heads do
//!   not save to equal bytes);
//! - values are added modulo 2^256 and counted, so a fingerprint is kept up by
//!   adding and removing, in any order, and those of disjoint sets add up;
//! - the key is a secret of the network: nobody outside can craft records
//!   whose values cancel out.

use crate::change::ChangeHash;
use crate::key::RecordKey;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::fmt;

const DERIVE_CONTEXT: &str = "chaski 2026-11 record fingerprint v1";

/// The network's secret for fingerprints and item identifiers.
#[derive(Clone, PartialEq, Eq)]
pub struct FingerprintKey([u8; 32]);

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(..)")
    }
}

impl FingerprintKey {
    /// Derives the key from the network's secret.
    pub fn derive(network_secret: &[u8; 32]) -> FingerprintKey {
        FingerprintKey(blake3::derive_key(DERIVE_CONTEXT, network_secret))
    }

    /// The value one record contributes in its present state. The order of
    /// `heads` and `evidence` does not matter; a repeated hash counts once.
    pub fn record_value(
        &self,
        key: &RecordKey,
        heads: &[ChangeHash],
        evidence: &[ChangeHash],
    ) -> RecordValue {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        let name = key.to_string();
        update_length(&mut hasher, name.len());
        hasher.update(name.as_bytes());
        for set in [heads, evidence] {
            let mut sorted = set.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            update_length(&mut hasher, sorted.len());
            for hash in &sorted {
                hasher.update(&hash.0);
            }
        }
        RecordValue(hasher.finalize().into())
    }
}

fn update_length(hasher: &mut blake3::Hasher, length: usize) {
    hasher.update(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
}

/// What one record in one state adds to a fingerprint. Also its item
/// identifier in [`crate::reconcile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordValue(pub [u8; 32]);

/// The sum of the values of a set of records, modulo 2^256, and their count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Little-endian 256-bit sum.
    pub sum: [u8; 32],
    /// How many values are in it.
    pub count: u64,
}

impl Fingerprint {
    /// The fingerprint of no records.
    pub const EMPTY: Fingerprint = Fingerprint {
        sum: [0; 32],
        count: 0,
    };

    /// Adds a record's value.
    pub fn add(&mut self, value: &RecordValue) {
        self.sum = sum_mod(&self.sum, &value.0, false);
        self.count = self.count.wrapping_add(1);
    }

    /// Takes out a value added before.
    pub fn remove(&mut self, value: &RecordValue) {
        self.sum = sum_mod(&self.sum, &value.0, true);
        self.count = self.count.wrapping_sub(1);
    }

    /// Replaces a record's earlier value, if it had one, by its present one.
    pub fn replace(&mut self, before: Option<&RecordValue>, after: Option<&RecordValue>) {
        if let Some(before) = before {
            self.remove(before);
        }
        if let Some(after) = after {
            self.add(after);
        }
    }

    /// Adds the fingerprint of a set that shares no record with this one.
    pub fn merge(&mut self, other: &Fingerprint) {
        self.sum = sum_mod(&self.sum, &other.sum, false);
        self.count = self.count.wrapping_add(other.count);
    }

    /// Takes out a fingerprint merged before.
    pub fn subtract(&mut self, other: &Fingerprint) {
        self.sum = sum_mod(&self.sum, &other.sum, true);
        self.count = self.count.wrapping_sub(other.count);
    }

    /// Sum and count as 40 bytes, little-endian.
    pub fn to_bytes(&self) -> [u8; 40] {
        let mut bytes = [0_u8; 40];
        let all = self.sum.iter().copied().chain(self.count.to_le_bytes());
        for (to, from) in bytes.iter_mut().zip(all) {
            *to = from;
        }
        bytes
    }

    /// Undoes [`Fingerprint::to_bytes`].
    pub fn from_bytes(bytes: &[u8; 40]) -> Fingerprint {
        let (sum, count) = bytes.split_at(32);
        Fingerprint {
            sum: sum.try_into().unwrap_or_default(),
            count: u64::from_le_bytes(count.try_into().unwrap_or_default()),
        }
    }
}

impl fmt::Display for Fingerprint {
    /// First 16 hex digits of the sum, `/`, count: short enough to read aloud.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = HEXLOWER.encode(&self.sum);
        write!(f, "{}/{}", sum.get(..16).unwrap_or_default(), self.count)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// `a + b` or `a - b` modulo 2^256, little-endian.
fn sum_mod(a: &[u8; 32], b: &[u8; 32], subtract: bool) -> [u8; 32] {
    let mut out = [0_u8; 32];
    let mut carry = false;
    let limbs = a.chunks_exact(8).zip(b.chunks_exact(8));
    for (to, (left, right)) in out.chunks_exact_mut(8).zip(limbs) {
        let left = u64::from_le_bytes(left.try_into().unwrap_or_default());
        let right = u64::from_le_bytes(right.try_into().unwrap_or_default());
        let (first, one) = if subtract {
            left.overflowing_sub(right)
        } else {
            left.overflowing_add(right)
        };
        let step = u64::from(carry);
        let (limb, two) = if subtract {
            first.overflowing_sub(step)
        } else {
            first.overflowing_add(step)
        };
        carry = one || two;
        to.copy_from_slice(&limb.to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = RecordValue> {
        any::<[u8; 32]>().prop_map(RecordValue)
    }

    fn of(values: &[RecordValue]) -> Fingerprint {
        let mut all = Fingerprint::EMPTY;
        values.iter().for_each(|value| all.add(value));
        all
    }

    #[test]
    fn carries_go_through_and_wrap() {
        let mut all = of(&[RecordValue([0xff; 32])]);
        let mut one = [0; 32];
        one[0] = 1;
        all.add(&RecordValue(one));
        assert_eq!(
            all,
            Fingerprint {
                sum: [0; 32],
                count: 2
            }
        );
        all.remove(&RecordValue(one));
        assert_eq!(all.sum, [0xff; 32]);
    }

    #[test]
    fn a_record_state_has_one_value_whatever_the_order_of_its_heads() {
        let key = FingerprintKey::derive(&[7; 32]);
        let record: RecordKey = "Patient/p1".parse().unwrap();
        let (a, b) = (ChangeHash([1; 32]), ChangeHash([2; 32]));
        let value = key.record_value(&record, &[a, b], &[]);
        assert_eq!(value, key.record_value(&record, &[b, a, b], &[]));
        assert_ne!(value, key.record_value(&record, &[a], &[b]));
        assert_ne!(
            value,
            key.record_value(&"Patient/p2".parse().unwrap(), &[a, b], &[])
        );
        assert_ne!(
            value,
            FingerprintKey::derive(&[8; 32]).record_value(&record, &[a, b], &[])
        );
    }

    #[test]
    fn evidence_counts_where_heads_are_equal() {
        let key = FingerprintKey::derive(&[7; 32]);
        let record: RecordKey = "Patient/p1".parse().unwrap();
        let [a, b, c] = [1, 2, 3].map(|byte| ChangeHash([byte; 32]));
        let value = |evidence: &[ChangeHash]| key.record_value(&record, &[a], evidence);
        let states = [value(&[]), value(&[b]), value(&[c]), value(&[b, c])];
        for (at, state) in states.iter().enumerate() {
            assert!(!states[..at].contains(state), "{at}");
        }
        assert_eq!(value(&[b, c]), value(&[c, b, c]));
        // Where heads end and evidence begins is part of it.
        assert_ne!(
            key.record_value(&record, &[a, b], &[c]),
            key.record_value(&record, &[a], &[b, c])
        );
        assert_ne!(
            key.record_value(&record, &[a], &[]),
            key.record_value(&record, &[], &[a])
        );
    }

    #[test]
    fn a_record_that_adds_nothing_is_counted_all_the_same() {
        let mut all = of(&[RecordValue([0; 32])]);
        assert_ne!(all, Fingerprint::EMPTY);
        let (one, two) = (RecordValue([1; 32]), RecordValue([2; 32]));
        all.replace(None, Some(&one));
        all.replace(Some(&one), Some(&two));
        assert_eq!(all, of(&[RecordValue([0; 32]), two]));
        let mut without = all;
        without.subtract(&of(&[two]));
        assert_eq!(without, of(&[RecordValue([0; 32])]));
        assert_eq!(all.to_string(), "0202020202020202/2");
        // The secret does not stand in a log.
        assert_eq!(format!("{:?}", FingerprintKey([5; 32])), "FingerprintKey(..)");
    }

    proptest! {
        #![proptest_config(crate::testing::cases(256))]

        #[test]
        fn order_and_grouping_do_not_matter(
            values in proptest::collection::vec(value(), 0..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let whole = of(&values);
            let mut reversed = values.clone();
            reversed.reverse();
            prop_assert_eq!(of(&reversed), whole);
            let (left, right) = values.split_at(if values.is_empty() { 0 } else { cut.index(values.len()) });
            let mut merged = of(left);
            merged.merge(&of(right));
            prop_assert_eq!(merged, whole);
            merged.subtract(&of(right));
            prop_assert_eq!(merged, of(left));
            prop_assert_eq!(Fingerprint::from_bytes(&whole.to_bytes()), whole);
        }

        #[test]
        fn remove_undoes_add(values in proptest::collection::vec(value(), 0..20), extra in value()) {
            let mut all = of(&values);
            all.add(&extra);
            prop_assert_ne!(all, of(&values));
            all.replace(Some(&extra), None);
            prop_assert_eq!(all, of(&values));
        }
    }
}
