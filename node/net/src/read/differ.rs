//! Reading for a round of repair: what both may hold, looked at one record after the other.
//!
//! Invariants: a sketch is made and compared in passes over the log, which hold nothing of the records but
//! what differs; for ranges an identifier and a position of each record are held, once for all sessions
//! that look at the same log; a record that moves up the log during a pass may be seen in both states,
//! which makes it one that differs: it is asked for or given once more and lost never.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use chaski_crdt::key::RecordKey;
use chaski_crdt::reconcile::sketch::{self, Decoder, PARITIES_BYTES, Parities, SketchItem, Symbols};
use chaski_crdt::reconcile::{ItemId, Items};
use chaski_store::ScopeFilter;

use crate::engine::Flow;
use crate::limits::SKETCH_RECORDS_MAX;
use crate::replica::{Replica, ReplicaResult};

/// Key under which a sketch names records.
pub(crate) type Names = [u8; 32];
/// A record as a sketch names it.
pub(crate) type Name = [u8; 8];

/// What a round of repair has read.
#[derive(Debug)]
pub(crate) struct DifferRead {
    pub(crate) round: u32,
    pub(crate) flow: Arc<Flow>,
    pub(crate) step: DifferStep,
}

/// Which part of it.
#[derive(Debug)]
pub(crate) enum DifferStep {
    /// Symbols of what both may hold.
    Sketch {
        names: Names,
        salt: u64,
        range: Range<usize>,
    },
    /// What differs, by symbols of the peer's.
    Compare {
        names: Names,
        salt: u64,
        /// What was made of the symbols before these.
        decoder: Box<Decoder>,
        symbols: Vec<u8>,
        parities: Vec<u8>,
    },
    /// The records of these names.
    Named { names: Names, records: Vec<Name> },
    /// What both may hold, for ranges.
    Items(ItemsShelf),
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Differ {
    pub(crate) round: u32,
    /// Position of our log when the read began.
    pub(crate) position: u64,
    pub(crate) found: DifferFound,
}

/// By what was asked for.
#[derive(Debug)]
pub(crate) enum DifferFound {
    Sketch {
        range: Range<usize>,
        symbols: Vec<u8>,
        parities: Vec<u8>,
    },
    Compared {
        decoder: Box<Decoder>,
        /// About how much differs, where the peer's symbols say that.
        estimate: Option<usize>,
        compared: Compared,
    },
    Named(Vec<RecordKey>),
    Items(Arc<Located>),
}

/// What a sketch tells.
#[derive(Debug)]
pub(crate) enum Compared {
    /// The symbols are too few.
    Few,
    /// Nothing: what differs is to be found by ranges.
    Nothing,
    /// All that differs.
    All {
        /// Records that only this side has.
        ours: Vec<RecordKey>,
        /// Records that both have, in other states.
        both: Vec<RecordKey>,
        /// Records that only the peer has.
        theirs: Vec<Name>,
    },
}

/// What both may hold, each record with its place in our log.
#[derive(Debug)]
pub(crate) struct Located {
    filter: ScopeFilter,
    /// Position of our log at which it holds.
    pub(crate) position: u64,
    pub(crate) items: Items,
    /// Positions of the records, in the order of the items.
    at: Vec<u64>,
}

impl Located {
    fn read(replica: &dyn Replica, filter: &ScopeFilter) -> ReplicaResult<Located> {
        let position = replica.position();
        let mut rows: Vec<(ItemId, u64)> = Vec::new();
        replica.items_each(filter, &mut |at, id, _| rows.push((id, at)))?;
        rows.sort_unstable();
        rows.dedup_by_key(|(id, _)| *id);
        Ok(Located {
            filter: filter.clone(),
            position,
            items: Items::new(rows.iter().map(|(id, _)| *id)),
            at: rows.into_iter().map(|(_, at)| at).collect(),
        })
    }

    /// Positions of these items, as far as they are held.
    pub(crate) fn locate<'a>(&self, ids: impl IntoIterator<Item = &'a ItemId>) -> Vec<u64> {
        let at = |id| self.at.get(self.items.index(id)?).copied();
        ids.into_iter().filter_map(at).collect()
    }
}

/// What was last read for ranges, for as long as a session uses it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ItemsShelf(Arc<Mutex<Weak<Located>>>);

impl ItemsShelf {
    pub(crate) fn take(&self, replica: &dyn Replica, filter: &ScopeFilter) -> ReplicaResult<Arc<Located>> {
        let shelf = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shelf().upgrade();
        let is_same = |known: &Arc<Located>| known.filter == *filter && known.position == replica.position();
        if let Some(known) = known.filter(is_same) {
            return Ok(known);
        }
        let located = Arc::new(Located::read(replica, filter)?);
        *shelf() = Arc::downgrade(&located);
        Ok(located)
    }
}

impl DifferRead {
    pub(crate) fn run(self, replica: &dyn Replica) -> ReplicaResult<Differ> {
        let position = replica.position();
        let filter = &self.flow.shared;
        let found = match self.step {
            DifferStep::Sketch { names, salt, range } => sketched(replica, filter, &names, salt, range)?,
            DifferStep::Compare {
                names,
                salt,
                mut decoder,
                symbols,
                parities,
            } => {
                let pass = Pass {
                    replica,
                    filter,
                    names: &names,
                };
                let estimate = match <[u8; PARITIES_BYTES]>::try_from(parities.as_slice()) {
                    Ok(theirs) => Some((Parities::new(salt), theirs)),
                    Err(_) => None,
                };
                let (compared, estimate) = pass.compare(&mut decoder, &symbols, estimate)?;
                DifferFound::Compared {
                    decoder,
                    estimate,
                    compared,
                }
            }
            DifferStep::Named { names, records } => {
                let records: BTreeSet<Name> = records.into_iter().collect();
                let mut keys = BTreeSet::new();
                replica.items_each(filter, &mut |_, _, key| {
                    if records.contains(&name(&names, &key)) {
                        keys.insert(key);
                    }
                })?;
                DifferFound::Named(keys.into_iter().collect())
            }
            DifferStep::Items(shelf) => DifferFound::Items(shelf.take(replica, filter)?),
        };
        Ok(Differ {
            round: self.round,
            position,
            found,
        })
    }
}

fn sketched(
    replica: &dyn Replica,
    filter: &ScopeFilter,
    names: &Names,
    salt: u64,
    range: Range<usize>,
) -> ReplicaResult<DifferFound> {
    let mut symbols = Symbols::new(salt, range.clone());
    let mut parities = (range.start == 0).then(|| Parities::new(salt));
    replica.items_each(filter, &mut |_, id, key| {
        let item = item(names, &id, &key);
        symbols.add(&item);
        if let Some(parities) = &mut parities {
            parities.add(&item);
        }
    })?;
    Ok(DifferFound::Sketch {
        range,
        symbols: symbols.bytes(),
        parities: parities.map_or_else(Vec::new, |parities| parities.bytes().to_vec()),
    })
}

/// Passes over what both may hold.
struct Pass<'a> {
    replica: &'a dyn Replica,
    filter: &'a ScopeFilter,
    names: &'a Names,
}

impl Pass<'_> {
    /// Compares what is held with the peer's symbols, and with its parities.
    fn compare(
        &self,
        decoder: &mut Decoder,
        symbols: &[u8],
        parities: Option<(Parities, [u8; PARITIES_BYTES])>,
    ) -> ReplicaResult<(Compared, Option<usize>)> {
        let Ok(mut added) = decoder.begin(symbols) else {
            return Ok((Compared::Nothing, None));
        };
        let (mut ours, theirs) = parities.unzip();
        self.replica.items_each(self.filter, &mut |_, id, key| {
            let item = item(self.names, &id, &key);
            added.add(&item);
            if let Some(ours) = &mut ours {
                ours.add(&item);
            }
        })?;
        let estimate = ours.zip(theirs);
        let estimate = estimate.map(|(ours, theirs)| sketch::estimate(&ours.bytes(), &theirs));
        let compared = match decoder.end(added) {
            Ok(true) => self.tell_apart(decoder)?,
            Ok(false) => Compared::Few,
            Err(_) => Compared::Nothing,
        };
        Ok((compared, estimate))
    }

    /// Whose the items are that the symbols tell.
    fn tell_apart(&self, decoder: &Decoder) -> ReplicaResult<Compared> {
        let mut sorted = decoder.sorted();
        let mut keys = BTreeSet::new();
        self.replica.items_each(self.filter, &mut |_, id, key| {
            if sorted.add(&item(self.names, &id, &key)) {
                keys.insert(key);
            }
        })?;
        let found = sorted.end();
        // Both can give what only one has without more than a peer may ask for waiting.
        if found.ours.len().max(found.theirs.len()) > SKETCH_RECORDS_MAX {
            return Ok(Compared::Nothing);
        }
        let mut theirs: BTreeSet<Name> = found.theirs.iter().map(|item| item.record).collect();
        let (both, ours) = keys
            .into_iter()
            .partition(|key| theirs.remove(&name(self.names, key)));
        Ok(Compared::All {
            ours,
            both,
            theirs: theirs.into_iter().collect(),
        })
    }
}

fn item(names: &Names, id: &ItemId, key: &RecordKey) -> SketchItem {
    SketchItem {
        record: name(names, key),
        state: id.first_chunk().copied().unwrap_or_default(),
    }
}

/// The name of a record in a sketch.
fn name(names: &Names, key: &RecordKey) -> Name {
    let hash = blake3::keyed_hash(names, key.to_string().as_bytes());
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

/// The records at these positions of our log: one that has moved up has changed, and is sent as news or
/// found by the next round.
pub(crate) fn keys_at(replica: &dyn Replica, at: &[u64]) -> ReplicaResult<Vec<RecordKey>> {
    let mut keys = Vec::new();
    for position in at {
        let entries = replica.feed(position.saturating_sub(1), 1)?;
        let here = entries.into_iter().find(|entry| entry.seq == *position);
        keys.extend(here.map(|entry| entry.key));
    }
    Ok(keys)
}
