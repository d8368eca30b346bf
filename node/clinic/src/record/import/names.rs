//! What the records of an import are called, by the files and by each other.
//!
//! Invariants: a name that two records bear leads to neither; one that a refused record bears leads nowhere, and says
//! so; a name holds within its Bundle before it holds in the run. Names are compared by 128 bits of BLAKE3, so that
//! nobody makes two that pass for one.

use std::collections::{HashMap, HashSet};

use chaski_store::RecordKey;
use uuid::Uuid;

/// A name as it is remembered.
pub(super) type NameHash = u128;

/// What was looked for here while the files are written, and is not here.
pub(super) type Absent = HashSet<NameHash>;

/// The hash of a name out of these parts.
pub(super) fn name_hash(parts: &[&str]) -> NameHash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    u128::from_le_bytes(bytes)
}

/// Whom a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    One(RecordKey),
    /// Several records bear it.
    Several,
    /// A record that was refused, as the files call it.
    Refused(String),
}

impl Named {
    /// What two bearers of a name come to. A record that is taken stands before one that was refused.
    fn and(&mut self, other: Named) {
        match (&*self, &other) {
            (Named::Refused(_), _) => *self = other,
            (Named::One(one), Named::One(two)) if one != two => *self = Named::Several,
            _ => {}
        }
    }
}

/// All names of a run.
#[derive(Default)]
pub(super) struct Names {
    /// How many versions of each record there are, by its key.
    records: HashMap<NameHash, u32>,
    /// The kinds of records by their UUIDs; none where several kinds bear one.
    uuids: HashMap<Uuid, Option<u16>>,
    kinds: Vec<String>,
    aliases: HashMap<NameHash, Named>,
    identifiers: HashMap<NameHash, Named>,
}

impl Names {
    /// Names and numbers remembered so far.
    pub(super) fn len(&self) -> usize {
        self.records.len().saturating_add(self.aliases.len())
    }

    /// A version of a record was read that will be taken.
    pub(super) fn record(&mut self, key: &RecordKey) -> NameHash {
        let hash = name_hash(&[key.kind(), key.id()]);
        *self.records.entry(hash).or_insert(0) += 1;
        if let Ok(uuid) = Uuid::try_parse(key.id())
            && let Some(place) = self.kind_place(key.kind())
        {
            self.uuids
                .entry(uuid)
                .and_modify(|known| {
                    if *known != Some(place) {
                        *known = None;
                    }
                })
                .or_insert(Some(place));
        }
        hash
    }

    /// Whether a record of this key was read.
    pub(super) fn has(&self, key: &RecordKey) -> bool {
        self.records.contains_key(&name_hash(&[key.kind(), key.id()]))
    }

    /// Whether more than one version of a record was read.
    pub(super) fn is_repeated(&self, hash: NameHash) -> bool {
        self.records.get(&hash).is_some_and(|count| *count > 1)
    }

    /// A record that was read is not taken after all.
    pub(super) fn forget(&mut self, key: &RecordKey) {
        self.records.remove(&name_hash(&[key.kind(), key.id()]));
        self.alias(0, &key.to_string(), Named::Refused(key.to_string()));
    }

    /// The record that a UUID names.
    pub(super) fn by_uuid(&self, uuid: &str) -> Option<RecordKey> {
        let place = (*self.uuids.get(&Uuid::try_parse(uuid).ok()?)?)?;
        let key = RecordKey::new(self.kinds.get(usize::from(place))?, uuid).ok()?;
        self.has(&key).then_some(key)
    }

    /// A name that a Bundle gives, which holds in it and, where no other Bundle gives it, in the run.
    pub(super) fn alias(&mut self, bundle: u64, name: &str, named: Named) {
        for scope in [bundle, 0] {
            let hash = name_hash(&[&scope.to_string(), name]);
            match self.aliases.get_mut(&hash) {
                Some(known) => known.and(named.clone()),
                None => {
                    self.aliases.insert(hash, named.clone());
                }
            }
            if bundle == 0 {
                return;
            }
        }
    }

    /// Whom a name means in a Bundle, or in the run where that is 0.
    pub(super) fn aliased(&self, bundle: u64, name: &str) -> Option<&Named> {
        self.aliases.get(&name_hash(&[&bundle.to_string(), name]))
    }

    /// A number that a record bears: `system|value`.
    pub(super) fn identifier(&mut self, kind: &str, token: &str, key: &RecordKey) {
        let named = Named::One(key.clone());
        match self.identifiers.get_mut(&name_hash(&[kind, token])) {
            Some(known) => known.and(named),
            None => {
                self.identifiers.insert(name_hash(&[kind, token]), named);
            }
        }
    }

    /// How many numbers are remembered.
    pub(super) fn identifiers(&self) -> usize {
        self.identifiers.len()
    }

    /// Whom a number means.
    pub(super) fn by_identifier(&self, kind: &str, token: &str) -> Option<&Named> {
        self.identifiers.get(&name_hash(&[kind, token]))
    }

    fn kind_place(&mut self, kind: &str) -> Option<u16> {
        let place = self
            .kinds
            .iter()
            .position(|known| known == kind)
            .unwrap_or_else(|| {
                self.kinds.push(kind.to_owned());
                self.kinds.len() - 1
            });
        u16::try_from(place).ok()
    }
}
