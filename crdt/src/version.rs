//! Version identifiers: the sorted heads, readable by every node.
//!
//! Invariant: equal heads give equal identifiers everywhere. Up to five heads
//! the identifier can be turned back into heads by anyone who has the record;
//! beyond that it is a hash, and the store keeps what it stands for.

use crate::change::ChangeHash;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Hex digits that stand for a head.
const HEAD_HEX: usize = 12;
/// Heads beyond which an identifier would outgrow FHIR's 64 characters.
pub const HEADS_IN_VERSION_MAX: usize = 5;

/// A FHIR `versionId`: each head's first 12 hex digits, ascending, joined by
/// `.`; with more than five heads `h` and 12 hex digits of a hash over all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId(Box<str>);

/// The text is no version identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this is no version of this system")]
pub struct ParseVersionError;

impl VersionId {
    /// The identifier of these heads.
    pub fn of(heads: &[ChangeHash]) -> VersionId {
        let mut heads = heads.to_vec();
        heads.sort_unstable();
        heads.dedup();
        if heads.len() > HEADS_IN_VERSION_MAX {
            let mut hash = Sha256::new();
            heads.iter().for_each(|head| hash.update(head.0));
            return VersionId(format!("h{}", hex(&hash.finalize())).into());
        }
        let parts: Vec<String> = heads.iter().map(|head| hex(&head.0)).collect();
        VersionId(parts.join(".").into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The prefixes of the heads; `None` if the identifier is a hash.
    pub(crate) fn prefixes(&self) -> Option<impl Iterator<Item = &str>> {
        (!self.0.starts_with('h')).then(|| self.0.split('.'))
    }
}

/// Whether `prefix` begins this change's hash.
pub(crate) fn begins(hash: &ChangeHash, prefix: &str) -> bool {
    hex(&hash.0) == prefix
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes.get(..HEAD_HEX / 2).unwrap_or(bytes))
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for VersionId {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<VersionId, ParseVersionError> {
        let is_part = |part: &str| {
            part.len() == HEAD_HEX && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let good = match text.strip_prefix('h') {
            Some(hash) => is_part(hash),
            None => text.split('.').count() <= HEADS_IN_VERSION_MAX && text.split('.').all(is_part),
        };
        if good {
            Ok(VersionId(text.into()))
        } else {
            Err(ParseVersionError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_sorted_heads_and_fit_a_fhir_id() {
        let head = |byte: u8| ChangeHash([byte; 32]);
        let version = VersionId::of(&[head(9), head(1)]);
        assert_eq!(version.as_str(), "010101010101.090909090909");
        assert_eq!(version.as_str().parse(), Ok(version));
        let five: Vec<ChangeHash> = (0..5).map(head).collect();
        assert_eq!(VersionId::of(&five).as_str().len(), 64);
        let six: Vec<ChangeHash> = (0..6).map(head).collect();
        let many = VersionId::of(&six);
        assert!(many.prefixes().is_none());
        assert_eq!(many.as_str().parse(), Ok(many));
        let six_parts = ["010101010101"; 6].join(".");
        for bad in [
            "",
            "0101",
            "01010101010g",
            "01010101010A",
            "010101010101.",
            "010101010101.h01010101010",
            "h010101010101.010101010101",
            "1",
            "h",
            &six_parts,
        ] {
            assert!(bad.parse::<VersionId>().is_err(), "{bad}");
        }
        // Heads count once and in no order; other heads are another version.
        assert_eq!(
            VersionId::of(&[head(1), head(9), head(1)]),
            VersionId::of(&[head(9), head(1)])
        );
        assert_ne!(
            VersionId::of(&six),
            VersionId::of(&(1..7).map(head).collect::<Vec<_>>())
        );
        let mut turned = six.clone();
        turned.reverse();
        assert_eq!(VersionId::of(&turned), VersionId::of(&six));
        assert!(begins(&head(1), "010101010101") && !begins(&head(1), "0101"));
    }

    /// Of a record that many sites changed apart: what saw one head too few or another one is another version, so
    /// that no update is let through which never saw what it takes the place of.
    #[test]
    fn another_head_is_another_version_however_many_there_are() {
        let head = |byte: u8| ChangeHash([byte; 32]);
        for count in 1..=12 {
            let heads: Vec<ChangeHash> = (0..count).map(|number| head(2 * number + 1)).collect();
            let version = VersionId::of(&heads);
            assert_eq!(version.as_str().parse(), Ok(version.clone()), "{count}");
            assert!(version.as_str().len() <= 64, "{count}");
            for at in 0..heads.len() {
                let mut other = heads.clone();
                other[at] = head(2 * u8::try_from(at).unwrap());
                assert_ne!(VersionId::of(&other), version, "{at} of {count} is another");
                other[at] = head(99);
                assert_ne!(VersionId::of(&other), version, "{at} of {count} is another");
                other.remove(at);
                assert_ne!(VersionId::of(&other), version, "{at} of {count} is missing");
            }
            let more = [heads.as_slice(), &[head(99)]].concat();
            assert_ne!(VersionId::of(&more), version, "one more than {count}");
        }
    }

    /// Of many heads every byte counts, and of a few the twelve digits that are shown.
    #[test]
    fn heads_that_begin_alike_are_told_apart_where_there_are_many() {
        for (count, is_hash) in [(1, false), (5, false), (6, true), (12, true)] {
            let mut heads: Vec<ChangeHash> = (0..count).map(|byte| ChangeHash([byte; 32])).collect();
            let version = VersionId::of(&heads);
            for byte in 0..32 {
                let last = heads.last_mut().unwrap();
                last.0[byte] ^= 0x80;
                let is_other = VersionId::of(&heads) != version;
                assert_eq!(
                    is_other,
                    is_hash || byte < HEAD_HEX / 2,
                    "byte {byte} of {count} heads"
                );
                heads.last_mut().unwrap().0[byte] ^= 0x80;
            }
        }
    }
}
