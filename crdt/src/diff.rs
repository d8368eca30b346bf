//! The smallest set of puts between what a writer read and what it sends.
//!
//! Invariants:
//! - an element keeps its register while it can be recognised: by equal
//!   content, then by what identifies it, then, where exactly one is left on
//!   each side, by being that one;
//! - removal is a put; every put under a marker also puts a fresh value in the
//!   markers above, so that it survives a concurrent removal;
//! - a critical register whose conflict waits for a person is never written in
//!   passing;
//! - a conflict group's hash is written with any member.

mod align;

use crate::decode::{Decoder, child_path, json_name};
use crate::encode::{Encoder, Field, Fields, Item, content_hash, group_hash};
use crate::key::{ElementId, GROUP_PREFIX, RECORD_MARKER, join};
use crate::policy::{Identity, Shape};
use crate::state::{State, is_member};
use crate::tree::{Node, Scalar, Slot};
use align::{Known, Place};
use std::collections::{BTreeMap, BTreeSet};

/// One register to be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Put {
    pub(crate) key: String,
    pub(crate) scalar: Scalar,
    /// The register already has this value: Automerge would make no operation
    /// of it, so something else is put first.
    pub(crate) again: bool,
}

/// Which conflicts a write decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolve {
    Nothing,
    All,
    Only(String),
}

impl Resolve {
    fn covers(&self, path: &str) -> bool {
        match self {
            Resolve::Nothing => false,
            Resolve::All => true,
            Resolve::Only(only) => only == path,
        }
    }
}

/// See the module's head.
pub(crate) struct Differ<'a> {
    encoder: Encoder<'a>,
    state: &'a State,
    resolve: Resolve,
    puts: Vec<Put>,
    /// Conflicts that the write would have decided without saying so.
    disputed: BTreeSet<String>,
    /// The disputed groups that the write decides.
    decided: BTreeSet<&'a str>,
    /// Inside one of them: everything with more than one value is written.
    force: bool,
}

/// What a write comes to.
pub(crate) type Plan = Result<Vec<Put>, BTreeSet<String>>;

impl<'a> Differ<'a> {
    pub(crate) fn new(encoder: Encoder<'a>, state: &'a State, resolve: Resolve) -> Differ<'a> {
        Differ {
            encoder,
            state,
            resolve,
            puts: Vec::new(),
            disputed: BTreeSet::new(),
            decided: BTreeSet::new(),
            force: false,
        }
    }

    /// The puts that lead from the state as shown to `target`, or the paths of
    /// the conflicts that stand in the way.
    pub(crate) fn record(mut self, target: &Fields, left_alone: Option<&str>) -> Plan {
        let names: BTreeSet<&String> = self
            .state
            .tree
            .root
            .fields
            .keys()
            .chain(self.state.overlay.keys())
            .chain(target.keys())
            .collect();
        self.decide_groups(target);
        let mut changed: BTreeSet<&str> = BTreeSet::new();
        for name in names {
            if target.get(name).is_none() && left_alone == Some(name.as_str()) {
                continue;
            }
            if self.top_field(name, target.get(name)) {
                changed.insert(name);
            }
        }
        self.groups(target, &changed);
        self.marker();
        if self.disputed.is_empty() {
            Ok(self.puts)
        } else {
            Err(self.disputed)
        }
    }

    /// Removes the whole record, marker alone.
    pub(crate) fn delete(mut self) -> Plan {
        if self.state.tree.is_live() {
            self.put(RECORD_MARKER, Some(&self.state.tree.marker), Scalar::Dead);
        }
        if self.disputed.is_empty() {
            Ok(self.puts)
        } else {
            Err(self.disputed)
        }
    }

    /// Decides one register, with the hashes of the groups it belongs to.
    pub(crate) fn register(
        mut self,
        path: &str,
        slot: &Slot,
        scalar: Scalar,
        groups: Vec<(String, Vec<u8>)>,
    ) -> Plan {
        let state = self.state;
        self.put(path, Some(slot), scalar);
        for (key, hash) in groups {
            self.put(&key, state.tree.slot(&key), Scalar::Bytes(hash));
        }
        if path != RECORD_MARKER {
            for (at, _) in path.match_indices('/') {
                if let Some(above) = path.get(..at) {
                    self.bump_above(above);
                }
            }
            self.bump(RECORD_MARKER, Some(&state.tree.marker));
        }
        if self.disputed.is_empty() {
            Ok(self.puts)
        } else {
            Err(self.disputed)
        }
    }

    /// Removes these registers, and nothing else.
    pub(crate) fn remove(mut self, keys: &[String]) -> Plan {
        let state = self.state;
        for key in keys {
            self.put(key, state.tree.slot(key), Scalar::Dead);
        }
        self.marker();
        if self.disputed.is_empty() {
            Ok(self.puts)
        } else {
            Err(self.disputed)
        }
    }

    fn bump_above(&mut self, key: &str) {
        let state = self.state;
        if let Some(slot) = state.tree.slot(key)
            && slot
                .scalars()
                .any(|scalar| matches!(scalar, Scalar::Live(_) | Scalar::Disputed(..)))
        {
            self.bump(key, Some(slot));
        }
    }

    /// The disputed groups that the write says something of: those it was asked
    /// to decide, and those it would alter. One of the latter that waits for a
    /// person is refused where its hash is put; of a deleted record, where
    /// nobody was told of a dispute, it is decided.
    fn decide_groups(&mut self, target: &Fields) {
        let state = self.state;
        for (name, group) in &state.disputed_fields {
            if self.resolve.covers(group) || self.differs(name, target.get(name)) {
                self.decided.insert(group);
            }
        }
    }

    /// Whether a top-level field is to be other than it is shown.
    fn differs(&mut self, name: &str, target: Option<&Field>) -> bool {
        let written = self.puts.len();
        let differs = self.field(name, "", name, self.state.shown_field(name), target);
        self.puts.truncate(written);
        differs
    }

    fn top_field(&mut self, name: &str, target: Option<&Field>) -> bool {
        let state = self.state;
        let node = state.tree.root.fields.get(name);
        let Some(group) = state.disputed_fields.get(name) else {
            return self.field(name, "", name, node, target);
        };
        if !self.decided.contains(group.as_str()) {
            return false;
        }
        let before = std::mem::replace(&mut self.force, true);
        let changed = self.field(name, "", name, node, target);
        self.force = before;
        changed
    }

    fn groups(&mut self, target: &Fields, changed: &BTreeSet<&str>) {
        for group in self.encoder.policy.groups(self.encoder.kind) {
            let key = format!("{GROUP_PREFIX}{}", group.name);
            let slot = self.state.tree.groups.get(group.name);
            let decided = self.decided.contains(key.as_str());
            if decided || changed.iter().any(|name| is_member(group, name)) {
                let members = target.iter().filter(|(name, _)| is_member(group, name));
                self.put(&key, slot, Scalar::Bytes(group_hash(members)));
            }
        }
    }

    fn marker(&mut self) {
        let state = self.state;
        let resolving = self.resolve.covers(RECORD_MARKER) && state.is_listed(RECORD_MARKER);
        if !self.puts.is_empty() || resolving || !state.tree.is_live() {
            self.bump(RECORD_MARKER, Some(&state.tree.marker));
        }
    }

    fn put(&mut self, key: &str, slot: Option<&Slot>, scalar: Scalar) {
        if self.state.is_disputed(key) && !self.resolve.covers(key) {
            self.disputed.insert(key.to_owned());
        }
        let again = slot.is_some_and(|slot| slot.scalars().any(|value| *value == scalar));
        self.puts.push(Put {
            key: key.to_owned(),
            scalar,
            again,
        });
    }

    /// Says anew that a marker is alive, without deciding its dispute.
    fn bump(&mut self, key: &str, slot: Option<&Slot>) {
        let count = slot.map_or(0, Slot::live_count).saturating_add(1);
        let removals = slot.map(Slot::removals).unwrap_or_default();
        let scalar = if removals.is_empty() || self.resolve.covers(key) || self.force {
            Scalar::Live(count)
        } else {
            Scalar::Disputed(count, removals)
        };
        self.puts.push(Put {
            key: key.to_owned(),
            scalar,
            again: false,
        });
    }

    /// Whether a register is to be written although it shows what is wanted:
    /// its conflict is being decided, or would be listed again because a marker
    /// above comes back with the write.
    fn forced(&self, key: &str, slot: &Slot) -> bool {
        let open = self.state.is_listed(key) || self.state.gone.contains(key);
        self.force && slot.versions.len() > 1 || self.resolve.covers(key) && open
    }

    fn fields(&mut self, prefix: &str, path: &str, nodes: &BTreeMap<String, Node>, target: &Fields) -> bool {
        let mut changed = false;
        let names: BTreeSet<&String> = nodes.keys().chain(target.keys()).collect();
        for name in names {
            let key = join(prefix, name);
            changed |= self.field(&key, path, name, nodes.get(name), target.get(name));
        }
        changed
    }

    /// One field; `path` is its parent's.
    fn field(
        &mut self,
        key: &str,
        path: &str,
        name: &str,
        node: Option<&Node>,
        target: Option<&Field>,
    ) -> bool {
        let json_name = json_name(name, None).unwrap_or_default();
        let path = child_path(path, &json_name);
        let slot = node.and_then(|node| node.slot.as_ref());
        match target {
            None => node.is_some_and(|node| self.kill(key, &path, node)),
            Some(Field::Value(text)) => {
                let shed = node.is_some_and(|node| self.shed_elements(key, &path, node));
                self.value(key, slot, text) || shed
            }
            Some(Field::Object(fields)) => {
                let alive = slot.is_some_and(|s| matches!(s.shown(), Scalar::Live(_) | Scalar::Disputed(..)));
                let shed = node.is_some_and(|node| self.shed_elements(key, &path, node));
                let empty = BTreeMap::new();
                let changed = self.fields(key, &path, node.map_or(&empty, |node| &node.fields), fields);
                let bump = changed || !alive || slot.is_some_and(|slot| self.forced(key, slot));
                if bump {
                    self.bump(key, slot);
                }
                bump || shed
            }
            Some(Field::Group(fields)) => {
                let shed = self.shed_value(key, slot);
                let empty = BTreeMap::new();
                self.fields(key, &path, node.map_or(&empty, |node| &node.fields), fields) || shed
            }
            Some(Field::List(items) | Field::Set(items)) => {
                let set = matches!(target, Some(Field::Set(_)));
                let shown = node.is_some_and(|node| node.elements.values().any(Node::is_live));
                let changed = self.list(key, &path, node, items, set);
                // A value that a living list hides is no business of an echo.
                if changed || !shown {
                    self.shed_value(key, slot) || changed
                } else {
                    false
                }
            }
        }
    }

    fn value(&mut self, key: &str, slot: Option<&Slot>, text: &str) -> bool {
        let shown = slot.map(Slot::shown);
        let equal = matches!(shown, Some(Scalar::Text(shown)) if shown == text);
        if equal && !slot.is_some_and(|slot| self.forced(key, slot)) {
            return false;
        }
        self.put(key, slot, Scalar::Text(text.to_owned()));
        true
    }

    /// A whole value gives way to a list or an object's children.
    fn shed_value(&mut self, key: &str, slot: Option<&Slot>) -> bool {
        match slot {
            Some(slot) if slot.shown().is_live() => {
                self.put(key, Some(slot), Scalar::Dead);
                true
            }
            _ => false,
        }
    }

    /// A list gives way to a whole value.
    fn shed_elements(&mut self, key: &str, path: &str, node: &Node) -> bool {
        let mut changed = false;
        for (id, element) in &node.elements {
            changed |= self.kill(&join(key, &id.to_string()), path, element);
        }
        changed
    }

    /// Removes what is alive of a node: its own register, else what is under it.
    fn kill(&mut self, key: &str, path: &str, node: &Node) -> bool {
        match self.encoder.policy.element(self.encoder.kind, path) {
            // Never emptied by an update; see `Record::set_remove`.
            Shape::Set => return false,
            Shape::Ignore => return false,
            _ => {}
        }
        let mut changed = self.shed_elements(key, path, node);
        match &node.slot {
            Some(slot) if slot.shown().is_live() || self.forced(key, slot) => {
                self.put(key, Some(slot), Scalar::Dead);
                changed = true;
            }
            Some(_) => {}
            None => {
                for (name, child) in &node.fields {
                    let json_name = json_name(name, None).unwrap_or_default();
                    changed |= self.kill(&join(key, name), &child_path(path, &json_name), child);
                }
            }
        }
        changed
    }

    fn identity(&self, path: &str) -> Identity {
        match self.encoder.policy.element(self.encoder.kind, path) {
            Shape::List { identity } | Shape::BackboneList { identity } => identity,
            _ => &[],
        }
    }

    /// The list's living elements with what they can be recognised by.
    fn known<'n>(&self, path: &str, node: Option<&'n Node>) -> Vec<Known<'n>> {
        let identity = self.identity(path);
        let Some(node) = node else { return Vec::new() };
        let mut decoder = Decoder::new(Encoder {
            kind: self.encoder.kind,
            policy: self.encoder.policy,
        });
        let living = node.elements.iter().filter(|(_, element)| element.is_live());
        living
            .filter_map(|(id, element)| {
                let (value, sibling) = decoder.element(path, element)?;
                Some(Known::new(
                    id,
                    element,
                    value.as_ref(),
                    sibling.as_ref(),
                    identity,
                ))
            })
            .collect()
    }

    fn list(&mut self, key: &str, path: &str, node: Option<&Node>, items: &[Item], set: bool) -> bool {
        let known = self.known(path, node);
        let places = if set {
            align::add_only(&known, items)
        } else {
            align::align(&known, items)
        };
        let mut changed = false;
        let mut kept = vec![false; known.len()];
        let mut ordinals: BTreeMap<Box<str>, u32> = BTreeMap::new();
        for (item, place) in items.iter().zip(places) {
            match place {
                Place::Kept(at) => {
                    if let Some(flag) = kept.get_mut(at) {
                        *flag = true;
                    }
                    if let Some(known) = known.get(at) {
                        changed |= self.edit(key, path, known, item);
                    }
                }
                Place::New(position) => {
                    self.add(key, path, node, item, position, &mut ordinals);
                    changed = true;
                }
            }
        }
        if !set {
            for (known, _) in known.iter().zip(kept).filter(|(_, kept)| !kept) {
                changed |= self.kill_element(&join(key, &known.id.to_string()), known.node);
            }
        }
        changed
    }

    fn kill_element(&mut self, key: &str, node: &Node) -> bool {
        let slot = node.slot.as_ref();
        self.put(key, slot, Scalar::Dead);
        true
    }

    fn edit(&mut self, key: &str, path: &str, known: &Known<'_>, item: &Item) -> bool {
        let slot = known.node.slot.as_ref();
        let key = join(key, &known.id.to_string());
        match &item.fields {
            Some(fields)
                if matches!(
                    slot.map(Slot::shown),
                    Some(Scalar::Live(_) | Scalar::Disputed(..))
                ) =>
            {
                let changed = self.fields(&key, path, &known.node.fields, fields);
                if changed || slot.is_some_and(|slot| self.forced(&key, slot)) {
                    self.bump(&key, slot);
                    return true;
                }
                false
            }
            // A writer keeps the encoding it finds.
            _ => self.value(&key, slot, &item.content),
        }
    }

    fn add(
        &mut self,
        key: &str,
        path: &str,
        node: Option<&Node>,
        item: &Item,
        position: String,
        ordinals: &mut BTreeMap<Box<str>, u32>,
    ) {
        let hash = content_hash(&item.content);
        let next = ordinals.entry(hash.clone()).or_insert_with(|| {
            let before = node.map_or(0, |node| {
                node.elements.keys().filter(|id| id.hash == hash).count()
            });
            u32::try_from(before).unwrap_or(u32::MAX)
        });
        let ordinal = *next;
        *next = next.saturating_add(1);
        let id = ElementId {
            position: position.into(),
            hash,
            ordinal,
        };
        let key = join(key, &id.to_string());
        match &item.fields {
            Some(fields) => {
                self.fields(&key, path, &BTreeMap::new(), fields);
                self.bump(&key, None);
            }
            None => self.put(&key, None, Scalar::Text(item.content.clone())),
        }
    }
}
