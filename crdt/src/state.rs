//! A record at some heads, judged by a policy: what is shown of each register,
//! which values conflict, and the JSON that follows.
//!
//! Invariants:
//! - of an ordinary register the newest living value is shown, of a critical
//!   one the safer; where a conflict group is disputed one whole group is
//!   shown, never a member of each;
//! - a conflict is about something that can be read. What lies under a marker
//!   that is alive nowhere ([`Tree::is_gone`]) is not listed, and is again when
//!   the marker comes back; removed here and written there, the marker is alive
//!   and its own conflict is listed;
//! - nothing here changes a record.

use crate::author::AuthorId;
use crate::body::Body;
use crate::change::ChangeHash;
use crate::conflict::{Conflict, ConflictKind, ConflictValue, is_critical, rank, rule};
use crate::decode::{Decoder, Issue, IssueKind, parts};
use crate::encode::Encoder;
use crate::hlc::Hlc;
use crate::key::{GROUP_PREFIX, RECORD_MARKER, choice_stem, element_path, escape, unescape};
use crate::policy::{Group, Policy, Safer};
use crate::tree::{Node, Scalar, Slot, Tree, Version};
use automerge::{ROOT, ReadDoc};
use chaski_json::{Json, Object};
use std::collections::{BTreeMap, BTreeSet};

/// A removed element is shown with all below it, unless it lies below this many
/// that are removed and disputed too: what is below them all would be shown as
/// often as somebody likes.
const DISPUTES_SHOWN_MAX: usize = 4;

/// What is known of an accepted change when conflicts are listed.
pub(crate) struct Origin {
    pub(crate) author: AuthorId,
    pub(crate) user: String,
    pub(crate) role: String,
}

/// Where a state is read from.
pub(crate) struct Source<'a> {
    pub(crate) body: &'a Body,
    pub(crate) kind: &'a str,
    pub(crate) policy: &'a dyn Policy,
    /// The stamp of an accepted change, cheap.
    pub(crate) time_of: &'a dyn Fn(&ChangeHash) -> Hlc,
    /// All that is known of one.
    pub(crate) origin_of: &'a dyn Fn(&ChangeHash) -> Option<Origin>,
}

/// The change that wrote a group, and the members as its writer saw them.
pub(crate) type GroupValue = (ChangeHash, BTreeMap<String, Node>);

/// See the module's head.
pub(crate) struct State {
    /// Every register with all its values; `shown` set by the policy.
    pub(crate) tree: Tree,
    /// For the members of disputed groups: the field as the shown group has
    /// it; `None` if that group has no such member.
    pub(crate) overlay: BTreeMap<String, Option<Node>>,
    /// Top-level field to the path of the disputed group it belongs to.
    pub(crate) disputed_fields: BTreeMap<String, String>,
    /// For each disputed group, by value: its members as written.
    pub(crate) group_values: BTreeMap<String, Vec<GroupValue>>,
    pub(crate) conflicts: Vec<Conflict>,
    pub(crate) concurrent: Vec<Conflict>,
    /// Registers with more than one value that nobody is shown: they lie under
    /// a marker that is alive nowhere.
    pub(crate) gone: BTreeSet<String>,
    pub(crate) issues: Vec<Issue>,
}

impl Source<'_> {
    fn decoder(&self) -> Decoder<'_> {
        Decoder::new(Encoder {
            kind: self.kind,
            policy: self.policy,
        })
    }

    /// All registers at `heads`, or as they stand.
    fn tree(&self, heads: Option<&[ChangeHash]>) -> Tree {
        match self.body {
            Body::Document(doc) => Tree::read(doc, heads, self.time_of),
            Body::First(first) => first.tree(),
        }
    }

    /// Reads and judges the record at `heads`, or as it stands.
    pub(crate) fn state(&self, heads: Option<&[ChangeHash]>) -> State {
        let mut tree = self.tree(heads);
        let mut issues: Vec<Issue> = tree
            .malformed
            .iter()
            .map(|register| Issue {
                register: register.clone(),
                kind: IssueKind::Malformed,
            })
            .collect();
        if tree.marker.versions.is_empty() {
            issues.push(Issue {
                register: RECORD_MARKER.to_owned(),
                kind: IssueKind::Unmarked,
            });
        }
        let contested = std::mem::take(&mut tree.contested);
        let mut state = State {
            tree,
            issues,
            ..State::empty()
        };
        for group in self.policy.groups(self.kind) {
            let path = format!("{GROUP_PREFIX}{}", group.name);
            if contested.contains(&path) {
                self.judge_group(&mut state, group, &path);
            }
        }
        for key in contested.iter().filter(|key| !key.starts_with(GROUP_PREFIX)) {
            self.judge(&mut state, key);
        }
        state.conflicts.sort_by(|a, b| a.path.cmp(&b.path));
        state
    }

    /// Judges one register and lists what needs listing.
    fn judge(&self, state: &mut State, key: &str) {
        let top = key.split('/').next().unwrap_or(key);
        let in_group = state.disputed_fields.contains_key(top);
        let Some(slot) = state.tree.slot(key).cloned() else {
            return;
        };
        let is_text = slot.scalars().any(|scalar| matches!(scalar, Scalar::Text(_)));
        let judged = if is_text {
            self.judge_values(key, &slot)
        } else {
            self.judge_marker(state, key, &slot)
        };
        let Some((conflict, listed, shown)) = judged else {
            return;
        };
        if let Some(node) = state.tree.root.at_mut(key)
            && let Some(slot) = &mut node.slot
        {
            slot.shown = shown;
        }
        if in_group {
            return;
        }
        state.list(conflict, listed);
    }

    fn judge_values(&self, key: &str, slot: &Slot) -> Option<(Conflict, bool, usize)> {
        let segment = key.rsplit('/').next().unwrap_or(key);
        let choice = choice_stem(segment).is_some();
        let json_of = |scalar: &Scalar| match scalar {
            Scalar::Text(text) => parts(text, choice).and_then(|parts| parts.into_json(segment)),
            Scalar::Live(_) | Scalar::Disputed(..) => Some(Json::Object(Object::new())),
            _ => None,
        };
        let values: Vec<Option<Json>> = slot.scalars().map(json_of).collect();
        let living: Vec<&Json> = values.iter().flatten().collect();
        let removed = slot.scalars().any(|scalar| *scalar == Scalar::Dead);
        if slot.versions.len() < 2 {
            return None;
        }
        let element = element_path(key);
        let critical = rule(self.policy, self.kind, &element, &living);
        let safer = critical.map_or(Safer::ShowBoth, |critical| critical.safer);
        // What is alive beats what is dead unless the table prefers absence.
        let unsafe_by = |at: &usize| {
            let value = values.get(*at).and_then(Option::as_ref);
            (rank(safer, value), safer == Safer::ShowBoth && value.is_none())
        };
        let shown = (0..values.len()).min_by_key(unsafe_by).unwrap_or(0);
        let kind = if removed {
            ConflictKind::Deleted
        } else {
            ConflictKind::Register
        };
        let values = slot
            .versions
            .iter()
            .zip(values)
            .map(|(version, value)| self.value(version, value))
            .collect();
        let conflict = Conflict {
            path: key.to_owned(),
            element,
            kind,
            critical: critical.is_some(),
            safer_index: shown,
            values,
        };
        Some((conflict, critical.is_some() || removed, shown))
    }

    /// A marker's living values are one; with a removal they are a conflict.
    fn judge_marker(&self, state: &State, key: &str, slot: &Slot) -> Option<(Conflict, bool, usize)> {
        let shown = slot
            .versions
            .iter()
            .position(|version| version.scalar.is_live())?;
        let removals = slot.removals();
        if removals.is_empty() {
            return None;
        }
        let mut living = slot.versions.get(shown)?.clone();
        if living.change == ChangeHash([0; 32]) {
            living.change = self.writer_of(key)?;
            living.hlc = (self.time_of)(&living.change);
        }
        let element = if key == RECORD_MARKER {
            String::new()
        } else {
            element_path(key)
        };
        let value = if state.tree.disputes_above(key) < DISPUTES_SHOWN_MAX {
            let fields = match key {
                RECORD_MARKER => &state.tree.root.fields,
                key => &state.tree.root.at(key)?.fields,
            };
            self.decoder().object(&element, fields)
        } else {
            Object::new()
        };
        let mut values = vec![self.value(&living, Some(Json::Object(value)))];
        values.extend(removals.iter().map(|change| {
            let version = Version {
                scalar: Scalar::Dead,
                change: *change,
                hlc: (self.time_of)(change),
            };
            self.value(&version, None)
        }));
        values.sort_by_key(|value| std::cmp::Reverse((value.hlc, value.change)));
        let conflict = Conflict {
            critical: is_critical(self.policy, self.kind, key, None),
            safer_index: values.iter().position(|value| value.value.is_some()).unwrap_or(0),
            path: key.to_owned(),
            element,
            kind: ConflictKind::Deleted,
            values,
        };
        Some((conflict, true, shown))
    }

    fn writer_of(&self, key: &str) -> Option<ChangeHash> {
        let Body::Document(doc) = self.body else {
            return None;
        };
        let (_, id) = doc.get(ROOT, key).ok()??;
        doc.hash_for_opid(&id)
    }

    fn value(&self, version: &Version, value: Option<Json>) -> ConflictValue {
        let origin = (self.origin_of)(&version.change);
        let (author, user, role) = match origin {
            Some(origin) => (origin.author, origin.user, origin.role),
            None => (unknown_author(), String::new(), String::new()),
        };
        ConflictValue {
            value,
            change: version.change,
            author,
            hlc: version.hlc,
            user,
            role,
        }
    }

    /// Lists a disputed group with each whole group, and lays the safer one
    /// over the record.
    fn judge_group(&self, state: &mut State, group: &Group, path: &str) {
        let Some(slot) = state.tree.slot(path).cloned() else {
            return;
        };
        let mut decoder = self.decoder();
        let mut members: Vec<GroupValue> = Vec::new();
        let mut values = Vec::new();
        for version in &slot.versions {
            let fields = self.group_at(group, &version.change);
            let json = Json::Object(decoder.object("", &fields));
            values.push(self.value(version, Some(json)));
            members.push((version.change, fields));
        }
        if values.len() < 2 {
            return;
        }
        let shown = self.safer_group(group, &values);
        if let Some((_, fields)) = members.get(shown) {
            for member in group.members {
                let segment = member_segment(member);
                state
                    .overlay
                    .insert(segment.clone(), fields.get(&segment).cloned());
                state.disputed_fields.insert(segment, path.to_owned());
            }
        }
        state.group_values.insert(path.to_owned(), members);
        let conflict = Conflict {
            path: path.to_owned(),
            element: group.name.to_owned(),
            kind: ConflictKind::Group,
            critical: true,
            safer_index: shown,
            values,
        };
        state.list(conflict, true);
    }

    /// A group's members as the writer of `change` saw them.
    fn group_at(&self, group: &Group, change: &ChangeHash) -> BTreeMap<String, Node> {
        let mut fields = self.tree(Some(&[*change])).root.fields;
        let segments: BTreeSet<String> = group
            .members
            .iter()
            .map(|member| member_segment(member))
            .collect();
        fields.retain(|segment, _| segments.contains(segment));
        fields
    }

    /// By each member's own table in turn, then the newest.
    fn safer_group(&self, group: &Group, values: &[ConflictValue]) -> usize {
        let score = |value: &ConflictValue| -> Vec<usize> {
            let object = value.value.as_ref().and_then(Json::as_object);
            let score_member = |member: &&str| {
                let safer = self
                    .policy
                    .critical(self.kind, member)
                    .map(|critical| critical.safer)?;
                Some(rank(safer, object.and_then(|object| self.member(object, member))))
            };
            group.members.iter().filter_map(score_member).collect()
        };
        (0..values.len())
            .min_by_key(|at| values.get(*at).map(score))
            .unwrap_or(0)
    }

    fn member<'o>(&self, object: &'o Object, member: &str) -> Option<&'o Json> {
        if choice_stem(member).is_none() {
            return object.get(member);
        }
        let of_member = |key: &&String| {
            self.policy
                .choice_base(self.kind, "", key)
                .is_some_and(|(base, _)| base == member)
        };
        object.keys().find(of_member).and_then(|key| object.get(key))
    }

    /// The record's JSON as shown. `heads` are those of the state.
    pub(crate) fn json(&self, state: &mut State, heads: &[ChangeHash]) -> Json {
        let mut decoder = self.decoder().within_record();
        let stale = self.stale_narrative(state, heads);
        let mut object = Object::new();
        for (segment, node) in &state.tree.root.fields {
            if !state.overlay.contains_key(segment) && Some(segment.as_str()) != stale.as_deref() {
                decoder.field("", segment, node, &mut object);
            }
        }
        for (segment, node) in &state.overlay {
            if let Some(node) = node {
                decoder.field("", segment, node, &mut object);
            }
        }
        state.issues.append(&mut decoder.issues);
        Json::Object(object)
    }

    /// The narrative's field.
    pub(crate) fn narrative(&self) -> Option<String> {
        Some(escape(self.policy.narrative(self.kind)?).into_owned())
    }

    /// The narrative's field, if anything is newer than it.
    pub(crate) fn stale_narrative(&self, state: &State, heads: &[ChangeHash]) -> Option<String> {
        let segment = self.narrative()?;
        let node = state.tree.root.fields.get(&segment)?;
        if node.slot.as_ref()?.versions.len() > 1 {
            return Some(segment);
        }
        // Of a first change's registers none is older than another.
        let Body::Document(doc) = self.body else {
            return None;
        };
        let written = doc.get_all_at(ROOT, segment.as_str(), heads).ok()?;
        let writers: BTreeSet<ChangeHash> = written
            .iter()
            .filter_map(|(_, id)| doc.hash_for_opid(id))
            .collect();
        (!heads.iter().eq(writers.iter())).then_some(segment)
    }
}

impl State {
    /// Of a record that does not exist yet.
    pub(crate) fn empty() -> State {
        State {
            tree: Tree::default(),
            overlay: BTreeMap::new(),
            disputed_fields: BTreeMap::new(),
            group_values: BTreeMap::new(),
            conflicts: Vec::new(),
            concurrent: Vec::new(),
            gone: BTreeSet::new(),
            issues: Vec::new(),
        }
    }

    /// Adds a conflict where it belongs: to those that wait for a person, to
    /// the ordinary ones, or to neither while nobody can see what it is about.
    fn list(&mut self, conflict: Conflict, listed: bool) {
        if self.tree.is_gone(&conflict.path) {
            self.gone.insert(conflict.path);
        } else if listed {
            self.conflicts.push(conflict);
        } else {
            self.concurrent.push(conflict);
        }
    }

    /// Whether this register's conflict waits for a person.
    pub(crate) fn is_listed(&self, path: &str) -> bool {
        self.conflict(path).is_some()
    }

    /// Whether this register may only be written by a resolution.
    pub(crate) fn is_disputed(&self, path: &str) -> bool {
        self.conflict(path).is_some_and(|conflict| conflict.critical)
    }

    /// The one conflict of a path; they are sorted by it.
    fn conflict(&self, path: &str) -> Option<&Conflict> {
        let at = self
            .conflicts
            .binary_search_by(|conflict| conflict.path.as_str().cmp(path));
        self.conflicts.get(at.ok()?)
    }

    /// A top-level field as shown.
    pub(crate) fn shown_field(&self, segment: &str) -> Option<&Node> {
        match self.overlay.get(segment) {
            Some(node) => node.as_ref(),
            None => self.tree.root.fields.get(segment),
        }
    }
}

/// The segment under which a group's member stands.
pub(crate) fn member_segment(member: &str) -> String {
    match choice_stem(member) {
        Some(stem) => format!("{}[x]", escape(stem)),
        None => escape(member).into_owned(),
    }
}

/// Whether a top-level segment is a member of a group.
pub(crate) fn is_member(group: &Group, segment: &str) -> bool {
    let stem = choice_stem(segment);
    let Some(name) = unescape(stem.unwrap_or(segment)) else {
        return false;
    };
    group
        .members
        .iter()
        .any(|member| match (choice_stem(member), stem) {
            (Some(member), Some(_)) => member == name,
            (None, None) => *member == name,
            _ => false,
        })
}

fn unknown_author() -> AuthorId {
    AuthorId {
        node: crate::author::NodeId([0; 32]),
        incarnation: 0,
    }
}

#[cfg(test)]
mod tests;
