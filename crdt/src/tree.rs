//! The flat map of registers as a tree, with every concurrent value.
//!
//! Invariants:
//! - a slot's values are distinct, newest first by (hybrid time, change hash);
//!   `shown` points at the one that is read;
//! - a marker is alive if any of its values is: live beats a concurrent dead;
//! - a register is gone while a marker above it, the record's included, is
//!   alive nowhere: nothing of it can be read, whatever it holds.

use crate::change::ChangeHash;
use crate::hlc::Hlc;
use crate::key::{ElementId, GROUP_PREFIX, RECORD_MARKER};
use automerge::{Automerge, ROOT, ReadDoc, ScalarValue, ScalarValueRef, Value, ValueRef};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Removals that a disputed marker names at most; more are not told apart.
pub(crate) const REMOVALS_MAX: usize = 8;

/// Segments of a register key beyond which it is not read: twice what JSON of
/// the permitted depth needs, and no depth that could exhaust a stack.
pub(crate) const SEGMENTS_MAX: usize = 256;

/// Nodes a record's registers make up, at most: four times what the largest
/// change can put. A node takes a kilobyte where it stands alone.
const NODES_MAX: usize = 1 << 18;
/// Nodes a register adds, on average: its own and those of the names above it.
/// Long keys that share nothing would make two hundred each.
const NODES_A_REGISTER: usize = 3;
/// What a few registers may be above that average.
const NODES_SLACK: usize = 1_024;

/// What a register holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// A value in the text form of [`crate::encode`].
    Text(String),
    /// A marker: alive, and how often that has been said.
    Live(u32),
    /// A marker that is alive although these changes removed it, which nobody
    /// has decided yet: an edit under a disputed marker must neither settle the
    /// dispute nor be lost to a second removal.
    Disputed(u32, Vec<ChangeHash>),
    /// Removed.
    Dead,
    /// A conflict group's hash.
    Bytes(Vec<u8>),
    /// Something no version of this crate writes.
    Other,
}

impl Scalar {
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self, Scalar::Dead | Scalar::Other)
    }

    fn from_parts(key: &str, value: ScalarValueRef<'_>) -> Scalar {
        match value {
            ScalarValueRef::Str(text) => Scalar::Text(text.into_owned()),
            ScalarValueRef::Uint(count) => Scalar::Live(u32::try_from(count).unwrap_or(u32::MAX)),
            ScalarValueRef::Null => Scalar::Dead,
            ScalarValueRef::Bytes(bytes) if key.starts_with(GROUP_PREFIX) => {
                Scalar::Bytes(bytes.into_owned())
            }
            ScalarValueRef::Bytes(bytes) => disputed(&bytes).unwrap_or(Scalar::Other),
            _ => Scalar::Other,
        }
    }

    /// The value as Automerge holds it.
    pub(crate) fn to_automerge(&self) -> ScalarValue {
        match self {
            Scalar::Text(text) => ScalarValue::Str(text.as_str().into()),
            Scalar::Live(count) => ScalarValue::Uint(u64::from(*count)),
            Scalar::Dead | Scalar::Other => ScalarValue::Null,
            Scalar::Bytes(bytes) => ScalarValue::Bytes(bytes.clone()),
            Scalar::Disputed(count, removals) => {
                let mut bytes = count.to_be_bytes().to_vec();
                removals
                    .iter()
                    .take(REMOVALS_MAX)
                    .for_each(|hash| bytes.extend_from_slice(&hash.0));
                ScalarValue::Bytes(bytes)
            }
        }
    }
}

fn disputed(bytes: &[u8]) -> Option<Scalar> {
    let (count, hashes) = bytes.split_first_chunk::<4>()?;
    let (hashes, rest) = hashes.as_chunks::<32>();
    if !rest.is_empty() || hashes.is_empty() || hashes.len() > REMOVALS_MAX {
        return None;
    }
    Some(Scalar::Disputed(
        u32::from_be_bytes(*count),
        hashes.iter().map(|h| ChangeHash(*h)).collect(),
    ))
}

/// One of a register's concurrent values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) scalar: Scalar,
    /// The newest change that wrote it; the zero hash where nobody asked.
    pub(crate) change: ChangeHash,
    pub(crate) hlc: Hlc,
}

/// A register.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Slot {
    pub(crate) versions: Vec<Version>,
    pub(crate) shown: usize,
}

impl Slot {
    fn single(scalar: Scalar) -> Slot {
        Slot {
            versions: vec![Version {
                scalar,
                change: ChangeHash([0; 32]),
                hlc: Hlc::default(),
            }],
            shown: 0,
        }
    }

    /// What is read.
    pub(crate) fn shown(&self) -> &Scalar {
        self.versions
            .get(self.shown)
            .map_or(&Scalar::Dead, |version| &version.scalar)
    }

    pub(crate) fn scalars(&self) -> impl Iterator<Item = &Scalar> {
        self.versions.iter().map(|version| &version.scalar)
    }

    /// Whether what stands under it can be read: it is a marker, and alive.
    fn is_open(&self) -> bool {
        self.scalars()
            .any(|scalar| matches!(scalar, Scalar::Live(_) | Scalar::Disputed(..)))
    }

    /// The highest count a marker has.
    pub(crate) fn live_count(&self) -> u32 {
        self.scalars()
            .map(|scalar| match scalar {
                Scalar::Live(count) | Scalar::Disputed(count, _) => *count,
                _ => 0,
            })
            .max()
            .unwrap_or(0)
    }

    /// The changes that removed what is alive nevertheless, undecided.
    pub(crate) fn removals(&self) -> Vec<ChangeHash> {
        let mut removals = Vec::new();
        if !self.scalars().any(Scalar::is_live) {
            return removals;
        }
        for version in &self.versions {
            match &version.scalar {
                Scalar::Dead => removals.push(version.change),
                Scalar::Disputed(_, hashes) => removals.extend(hashes),
                _ => {}
            }
        }
        removals.sort_unstable();
        removals.dedup();
        removals.truncate(REMOVALS_MAX);
        removals
    }

    /// Equal values become one, the newest stands first and is shown if alive.
    fn settle(&mut self) {
        self.versions
            .sort_by_key(|version| std::cmp::Reverse((version.hlc, version.change)));
        let mut distinct: Vec<Version> = Vec::with_capacity(self.versions.len());
        for version in self.versions.drain(..) {
            if !distinct.iter().any(|seen| seen.scalar == version.scalar) {
                distinct.push(version);
            }
        }
        self.versions = distinct;
        self.shown = self
            .versions
            .iter()
            .position(|version| version.scalar.is_live())
            .unwrap_or(0);
    }
}

/// A register with what stands under it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Node {
    pub(crate) slot: Option<Slot>,
    pub(crate) fields: BTreeMap<String, Node>,
    pub(crate) elements: BTreeMap<ElementId, Node>,
}

impl Node {
    /// Whether anything of it is read.
    pub(crate) fn is_live(&self) -> bool {
        match &self.slot {
            Some(slot) if slot.shown().is_live() => true,
            Some(_) => self.elements.values().any(Node::is_live),
            None => self.elements.values().any(Node::is_live) || self.fields.values().any(Node::is_live),
        }
    }

    pub(crate) fn shown(&self) -> Option<&Scalar> {
        self.slot.as_ref().map(Slot::shown)
    }

    /// The node of a register key below this one.
    pub(crate) fn at(&self, key: &str) -> Option<&Node> {
        key.split('/').try_fold(self, |node, segment| {
            if segment.contains('-') {
                node.elements.get(&ElementId::parse(segment)?)
            } else {
                node.fields.get(segment)
            }
        })
    }

    pub(crate) fn at_mut(&mut self, key: &str) -> Option<&mut Node> {
        key.split('/').try_fold(self, |node, segment| {
            if segment.contains('-') {
                node.elements.get_mut(&ElementId::parse(segment)?)
            } else {
                node.fields.get_mut(segment)
            }
        })
    }

    /// As [`Node::at_mut`], made on the way and counted; `None` for a malformed key.
    fn make(&mut self, key: &str, made: &mut usize) -> Option<&mut Node> {
        let mut node = self;
        for segment in key.split('/') {
            node = if segment.contains('-') {
                match node.elements.entry(ElementId::parse(segment)?) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => {
                        *made += 1;
                        entry.insert(Node::default())
                    }
                }
            } else if node.fields.contains_key(segment) {
                node.fields.get_mut(segment)?
            } else {
                *made += 1;
                node.fields.entry(segment.to_owned()).or_default()
            };
        }
        Some(node)
    }
}

/// A whole record as it stands at some heads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tree {
    pub(crate) root: Node,
    pub(crate) marker: Slot,
    pub(crate) groups: BTreeMap<String, Slot>,
    /// Registers with more than one value, or a disputed marker.
    pub(crate) contested: Vec<String>,
    /// Keys and values that cannot be read.
    pub(crate) malformed: Vec<String>,
    /// Registers put below `root`, and the nodes they have made.
    registers: usize,
    nodes: usize,
}

impl Tree {
    /// Reads a document at `heads`, or as it stands now. `time_of` gives the
    /// stamp of an accepted change.
    pub(crate) fn read(
        doc: &Automerge,
        heads: Option<&[ChangeHash]>,
        time_of: &dyn Fn(&ChangeHash) -> Hlc,
    ) -> Tree {
        let range = match heads {
            Some(heads) => doc.map_range_at(ROOT, .., heads),
            None => doc.map_range(ROOT, ..),
        };
        let mut tree = Tree::default();
        for item in range {
            let slot = if item.conflict {
                all_values(doc, &item.key, heads, time_of)
            } else {
                match item.value {
                    ValueRef::Scalar(value) => Slot::single(Scalar::from_parts(&item.key, value)),
                    ValueRef::Object(_) => Slot::single(Scalar::Other),
                }
            };
            tree.put(&item.key, slot);
        }
        tree
    }

    /// Puts a register that has one value.
    pub(crate) fn put_single(&mut self, key: &str, scalar: Scalar) {
        self.put(key, Slot::single(scalar));
    }

    fn put(&mut self, key: &str, slot: Slot) {
        if slot.versions.len() > 1 || matches!(slot.shown(), Scalar::Disputed(..)) {
            self.contested.push(key.to_owned());
        }
        if slot.scalars().any(|scalar| *scalar == Scalar::Other) {
            self.malformed.push(key.to_owned());
        }
        if key == RECORD_MARKER {
            self.marker = slot;
        } else if let Some(name) = key.strip_prefix(GROUP_PREFIX) {
            self.groups.insert(name.to_owned(), slot);
        } else {
            match self.place(key) {
                Some(node) if !key.starts_with('!') => node.slot = Some(slot),
                _ => self.malformed.push(key.to_owned()),
            }
        }
    }

    /// The node of a register; `None` for a malformed key, or one that would
    /// make more of the tree than registers honestly written do.
    fn place(&mut self, key: &str) -> Option<&mut Node> {
        let segments = key.bytes().filter(|byte| *byte == b'/').count() + 1;
        self.registers += 1;
        let share = self.registers.saturating_mul(NODES_A_REGISTER) + NODES_SLACK;
        let room = share.min(NODES_MAX).saturating_sub(self.nodes);
        if segments > SEGMENTS_MAX.min(room) {
            return None;
        }
        self.root.make(key, &mut self.nodes)
    }

    /// Whether the record exists.
    pub(crate) fn is_live(&self) -> bool {
        self.marker.shown().is_live()
    }

    /// How many of the markers above a register are removed and alive at once.
    pub(crate) fn disputes_above(&self, key: &str) -> usize {
        let record = (key != RECORD_MARKER).then_some(&self.marker);
        let above = record.into_iter().chain(self.markers_above(key));
        above.filter(|slot| !slot.removals().is_empty()).count()
    }

    /// Whether a register lies under a marker that is alive nowhere. It comes
    /// back, with all its values, when the marker does.
    pub(crate) fn is_gone(&self, key: &str) -> bool {
        let record = key != RECORD_MARKER && !self.is_live();
        record || self.markers_above(key).any(|slot| !slot.is_open())
    }

    /// The markers inside the record that must be alive for a register to be
    /// read, outermost first. A list has none: each element's stands for itself.
    fn markers_above<'t>(&'t self, key: &'t str) -> impl Iterator<Item = &'t Slot> {
        // Names of our own are at the top.
        let path = if key.starts_with('!') { "" } else { key };
        let mut node = Some(&self.root);
        path.split('/').filter_map(move |segment| {
            let above = node?;
            node = above.at(segment);
            above.slot.as_ref().filter(|_| !segment.contains('-'))
        })
    }

    /// A register's slot, markers included.
    pub(crate) fn slot(&self, key: &str) -> Option<&Slot> {
        if key == RECORD_MARKER {
            return Some(&self.marker);
        }
        match key.strip_prefix(GROUP_PREFIX) {
            Some(name) => self.groups.get(name),
            None => self.root.at(key)?.slot.as_ref(),
        }
    }
}

fn all_values(
    doc: &Automerge,
    key: &str,
    heads: Option<&[ChangeHash]>,
    time_of: &dyn Fn(&ChangeHash) -> Hlc,
) -> Slot {
    let values = match heads {
        Some(heads) => doc.get_all_at(ROOT, key, heads),
        None => doc.get_all(ROOT, key),
    };
    let mut slot = Slot::default();
    let mut said = BTreeSet::new();
    for (value, id) in values.unwrap_or_default() {
        let scalar = match value {
            Value::Scalar(scalar) => Scalar::from_parts(key, scalar.into_owned().into()),
            Value::Object(_) => Scalar::Other,
        };
        let change = doc.hash_for_opid(&id).unwrap_or(ChangeHash([0; 32]));
        // A change says one thing of a register. One that says sixty thousand
        // takes a few bytes; compared with each other they take minutes.
        if !said.insert(change) {
            continue;
        }
        slot.versions.push(Version {
            scalar,
            change,
            hlc: time_of(&change),
        });
    }
    slot.settle();
    slot
}

#[cfg(test)]
mod tests;
