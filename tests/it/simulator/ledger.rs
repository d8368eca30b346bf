//! What users were told is safe, and whether it can still be seen.
//!
//! An acknowledged write is safe where it is in its record's document, not where its bytes merely
//! lie: a change that waits, is set aside, or stands outside the document as evidence of a fork is
//! lost to whoever reads the record. So each is looked for as a reader would: in its version, and,
//! until somebody who had seen it wrote otherwise, in the record as it stands or its conflicts.

use std::collections::{BTreeMap, BTreeSet};

use chaski_crdt::change::Chunk;
use chaski_json::Json;
use chaski_store::{
    Base, ChangeHash, ConflictItem, Context, RecordKey, Store, VersionId, Write, Written, strip,
};

use super::act::context;
use super::node::Node;
use super::world::World;

/// Elements of which the newest value is shown and the others wait for nobody: all other elements
/// that are written here could hurt somebody, and show all their values.
const ORDINARY: [&str; 7] = [
    "language",
    "note",
    "lotNumber",
    "name",
    "subject",
    "patient",
    "performer",
];

/// Elements that only mean something together: written apart, each as its writer saw them is shown.
const GROUPS: [(&str, &[&str]); 2] = [
    (
        "MedicationRequest",
        &["status", "dosageInstruction", "medicationCodeableConcept"],
    ),
    ("Observation", &["status", "code", "valueString"]),
];

/// What a write did to one element: a single value, or some of a list's.
struct Touch {
    element: String,
    gone: Vec<Json>,
    put: Vec<Json>,
}

/// One acknowledged write.
pub struct Entry {
    pub key: RecordKey,
    change: ChangeHash,
    version: VersionId,
    /// The record as its writer read it at once; `None` if it was deleted.
    shown: Option<Json>,
    touched: Vec<Touch>,
    /// It decided all of the record: made, deleted, revived or resolved it.
    is_whole: bool,
    /// It wrote a group as a whole, whatever is shown of it: a decision about another element, or
    /// about the record, leaves the group to those who wrote it.
    is_of_group: bool,
    /// The image its machine had started from, see [`Node::image`].
    image: Option<u32>,
}

fn values(json: Option<&Json>) -> Vec<Json> {
    match json {
        Some(Json::Array(items)) => items.clone(),
        Some(json) => vec![json.clone()],
        None => Vec::new(),
    }
}

fn touches(before: &Json, after: &Json) -> Vec<Touch> {
    let names: BTreeSet<&String> = [before, after]
        .iter()
        .filter_map(|json| json.as_object())
        .flat_map(|object| object.keys())
        .collect();
    let touched = names.into_iter().filter_map(|name| {
        let (old, new) = (values(before.get(name)), values(after.get(name)));
        let without = |one: &[Json], other: &[Json]| {
            let kept = one.iter().filter(|value| !other.contains(value));
            kept.cloned().collect::<Vec<_>>()
        };
        let touch = Touch {
            element: name.clone(),
            gone: without(&old, &new),
            put: without(&new, &old),
        };
        (old != new).then_some(touch)
    });
    touched.collect()
}

/// A record as people read it, without what each read adds; `None` if it is not there.
pub fn shown(store: &Store, key: &RecordKey) -> Option<Json> {
    let current = store.read(&context(), key).unwrap()?;
    let mut json = current.json;
    strip(&mut json);
    (!current.deleted).then_some(json)
}

/// A record as the writer of `write` had read it.
pub fn shown_at(store: &Store, key: &RecordKey, write: &Write) -> Option<Json> {
    let Write::Put {
        base: Base::Version(version),
        ..
    } = write
    else {
        return shown(store, key);
    };
    let found = store.read_version(&context(), key, version).unwrap()?;
    let mut json = found.json;
    strip(&mut json);
    (!found.deleted).then_some(json)
}

impl Entry {
    /// What a write came to, by what had been read before it and is read after.
    pub fn new(
        write: &Write,
        (written, change): (&Written, ChangeHash),
        node: &Node,
        before: Option<Json>,
    ) -> Entry {
        let after = shown(node.store(), &written.key);
        let is_whole = before.is_none() || after.is_none() || matches!(write, Write::Resolve { .. });
        let decides_group = matches!(write, Write::Resolve { path, .. } if path.starts_with("!group/"));
        let nothing = Json::Null;
        // What is read after a write to an older version has the work of others in it too.
        let wanted = match write {
            Write::Put { json, .. } => {
                let mut json = json.clone();
                strip(&mut json);
                Some(json)
            }
            _ => after.clone(),
        };
        Entry {
            key: written.key.clone(),
            change,
            version: written.version.clone(),
            touched: touches(
                before.as_ref().unwrap_or(&nothing),
                wanted.as_ref().unwrap_or(&nothing),
            ),
            is_of_group: before.is_none() || after.is_none() || decides_group,
            shown: after,
            is_whole,
            image: node.image,
        }
    }

    /// Whether this write, by somebody who had seen that value of an element, leaves it no more.
    fn replaces(&self, element: &str, value: &Json) -> bool {
        let touched = self.touched.iter().find(|touch| touch.element == element);
        // Who edits an entry of a list writes over all that is under it, shown or not.
        self.is_whole || touched.is_some_and(|touch| touch.gone.contains(value) || !touch.gone.is_empty())
    }

    /// Whether the record was still there after this write, and without that value of an element.
    fn shows_other(&self, element: &str, value: &Json) -> bool {
        let shown = self.shown.as_ref();
        shown.is_some_and(|json| !values(json.get(element)).contains(value))
    }
}

/// A record's changes at one node.
pub struct Past {
    chunks: BTreeMap<ChangeHash, Chunk>,
    /// Those in its document.
    accepted: BTreeSet<ChangeHash>,
}

impl Past {
    pub fn of(store: &Store, key: &RecordKey) -> Past {
        let changes = store.signed_changes(key).unwrap();
        let chunks = changes.iter().map(|change| {
            let chunk = Chunk::parse(&change.bytes).unwrap();
            (chunk.hash, chunk)
        });
        let mut past = Past {
            chunks: chunks.collect(),
            accepted: BTreeSet::new(),
        };
        past.accepted = past.closure(store.heads(key).unwrap());
        past
    }

    /// Whether a change is held for good: in the document, or as evidence.
    pub fn holds(&self, change: &ChangeHash) -> bool {
        self.chunks.contains_key(change)
    }

    fn closure(&self, mut open: Vec<ChangeHash>) -> BTreeSet<ChangeHash> {
        let mut seen: BTreeSet<ChangeHash> = open.iter().copied().collect();
        while let Some(chunk) = open.pop().and_then(|hash| self.chunks.get(&hash)) {
            open.extend(chunk.deps.iter().filter(|dep| seen.insert(**dep)));
        }
        seen
    }

    /// The accepted changes that follow this one.
    fn successors(&self, of: &ChangeHash) -> Vec<ChangeHash> {
        let later = self.accepted.iter().filter(|hash| *hash != of);
        let later = later.filter(|hash| self.closure(vec![**hash]).contains(of));
        later.copied().collect()
    }

    /// What counts where the newest is shown.
    fn age(&self, change: &ChangeHash) -> (i64, ChangeHash) {
        (self.chunks[change].time, *change)
    }
}

/// A record as it stands at one node, to be searched for values.
struct Standing {
    json: Option<Json>,
    conflicts: Vec<ConflictItem>,
}

impl Standing {
    fn of(store: &Store, key: &RecordKey) -> Standing {
        let conflict = store.conflict(&context(), key).unwrap();
        Standing {
            json: shown(store, key),
            conflicts: conflict.map(|entry| entry.items).unwrap_or_default(),
        }
    }

    fn is_current(&self, element: &str, value: &Json) -> bool {
        let json = self.json.as_ref().and_then(|json| json.get(element));
        values(json).contains(value)
    }

    /// Whether the value is one that somebody is asked about.
    fn is_disputed(&self, element: &str, value: &Json) -> bool {
        let sides = self.conflicts.iter().flat_map(|item| &item.values);
        let mut sides = sides.filter_map(|side| side.value.as_ref());
        sides.any(|side| {
            values(Some(side)).contains(value) || values(side.get(element)).contains(value) || side == value
        })
    }
}

impl World {
    /// What writers read of a record right after each write, of writes that are lost too.
    pub fn versions_of(&self, key: &RecordKey) -> impl Iterator<Item = &Json> {
        let all = self.ledger.values().filter(move |entry| entry.key == *key);
        all.filter_map(|entry| entry.shown.as_ref())
    }

    /// Every acknowledged write that a node must hold can be read there.
    pub fn check_acknowledged(&self, index: usize, must: impl Fn(&RecordKey) -> bool) {
        let node = &self.nodes[index];
        for (by, member) in self.members() {
            for (change, key) in member.acknowledged.iter().filter(|(_, key)| must(key)) {
                let past = node.past(key);
                if past.accepted.contains(change) {
                    self.check_version(index, change);
                    continue;
                }
                assert!(
                    past.holds(change) && self.is_excused(&past, change),
                    "node {index} shows nowhere what node {by} acknowledged: {change} of {key}, \
                     known {}, evidence {}; {}",
                    node.holds(key, change),
                    past.holds(change),
                    self.who()
                );
            }
        }
    }

    /// Whether a change may stand outside the document: it, or one it follows, lost to another by
    /// a machine that had started from the same image, before either could know.
    fn is_excused(&self, past: &Past, change: &ChangeHash) -> bool {
        past.closure(vec![*change]).iter().any(|lost| {
            let image = |change| self.ledger.get(change).and_then(|entry| entry.image);
            let slot = |chunk: &Chunk| (chunk.actor, chunk.seq);
            let Some(chunk) = past.chunks.get(lost) else {
                return false;
            };
            let mut rivals = past.chunks.values();
            !past.accepted.contains(lost)
                && rivals.any(|rival| {
                    slot(rival) == slot(chunk)
                        && rival.hash < chunk.hash
                        && image(lost).is_some()
                        && image(&rival.hash) == image(lost)
                })
        })
    }

    /// A version is what its writer read. One node of all is asked for each: records that are
    /// equal everywhere are read alike.
    fn check_version(&self, index: usize, change: &ChangeHash) {
        let entry = &self.ledger[change];
        let members = self.members().count();
        let place = self.members().position(|(member, _)| member == index);
        if place != Some(usize::from(change.0[0]) % members) {
            return;
        }
        let store = self.nodes[index].store();
        let own = VersionId::of(&[*change]);
        let found = store.read_version(&context(), &entry.key, &own).unwrap();
        let found = found.expect("the version that a write made can be read");
        let mut json = found.json;
        strip(&mut json);
        let alone = (!found.deleted).then_some(json);
        for touch in &entry.touched {
            let json = alone.as_ref().and_then(|json| json.get(&touch.element));
            let there = values(json);
            assert!(
                touch.put.iter().all(|value| there.contains(value)),
                "node {index} shows version {own} of {} without what it was made for",
                entry.key
            );
        }
        // One with the work of others in it may have lost that to a fork.
        if entry.version == own {
            assert_eq!(
                alone.map(|json| json.canonical()),
                entry.shown.as_ref().map(Json::canonical),
                "node {index} shows version {own} of {} otherwise than its writer read it",
                entry.key
            );
        }
    }

    /// What was written last is in each record as it stands, or in its conflicts.
    pub fn check_documents(&self, index: usize) {
        let store = self.nodes[index].store();
        let mut by_key: BTreeMap<&RecordKey, Vec<ChangeHash>> = BTreeMap::new();
        for (change, entry) in &self.ledger {
            by_key.entry(&entry.key).or_default().push(*change);
        }
        for (key, mut changes) in by_key {
            let past = self.nodes[index].past(key);
            let standing = Standing::of(store, key);
            changes.retain(|change| past.accepted.contains(change));
            let later: BTreeMap<_, _> = changes.iter().map(|c| (*c, past.successors(c))).collect();
            for change in &changes {
                self.check_shown(index, &past, &standing, &later, change);
            }
            for (_, members) in GROUPS.iter().filter(|(kind, _)| *kind == key.kind()) {
                self.check_group(index, key, &standing, &later, members);
            }
        }
    }

    /// Two writes to members of a group, neither of which has seen the other, are a conflict of the
    /// whole group, even where each wrote another member.
    fn check_group(
        &self,
        index: usize,
        key: &RecordKey,
        standing: &Standing,
        later: &BTreeMap<ChangeHash, Vec<ChangeHash>>,
        members: &[&str],
    ) {
        let is_of_group = |entry: &Entry| {
            let mut touched = entry.touched.iter();
            entry.is_of_group || touched.any(|touch| members.contains(&touch.element.as_str()))
        };
        let is_replaced = |change: &ChangeHash| {
            let mut by = later[change].iter().map(|later| self.ledger.get(later));
            by.any(|later| later.is_none_or(is_of_group))
        };
        let last = later.keys().filter(|change| !is_replaced(change));
        let written = last
            .map(|change| &self.ledger[change])
            .filter(|entry| is_of_group(entry));
        let groups: BTreeSet<Vec<String>> = written
            .filter(|entry| entry.version == VersionId::of(&[entry.change]))
            .filter_map(|entry| entry.shown.as_ref())
            .map(|shown| {
                let members = members.iter().map(|member| shown.get(member));
                members
                    .map(|value| value.map(Json::canonical).unwrap_or_default())
                    .collect()
            })
            .collect();
        let is_listed = standing
            .conflicts
            .iter()
            .any(|item| item.path.starts_with("!group/"));
        assert!(
            groups.len() < 2 || is_listed || standing.json.is_none(),
            "node {index} asks nobody which of these of {key} is right: {groups:?}, written by {:?}",
            later
                .keys()
                .filter(|change| !is_replaced(change))
                .collect::<Vec<_>>()
        );
    }

    fn check_shown(
        &self,
        index: usize,
        past: &Past,
        standing: &Standing,
        later: &BTreeMap<ChangeHash, Vec<ChangeHash>>,
        change: &ChangeHash,
    ) {
        let entry = &self.ledger[change];
        let key = &entry.key;
        if entry.shown.is_none() {
            let is_listed = standing.conflicts.iter().any(|item| item.path == "!record");
            assert!(
                !later[change].is_empty() || standing.json.is_none() || is_listed,
                "node {index} shows {key}, which {change} deleted, and asks nobody"
            );
            return;
        }
        // Of a change that nobody was told of nothing is known: it may have replaced anything.
        let replaced_by = |of: &ChangeHash, element: &str, value: &Json| {
            let mut by = later[of].iter().map(|later| self.ledger.get(later));
            by.any(|later| later.is_none_or(|later| later.replaces(element, value)))
        };
        // Written over by something else: neither deleted, nor kept when all of the record was decided.
        let made_way = |of: &ChangeHash, element: &str, value: &Json| {
            let mut by = later[of].iter().map(|later| self.ledger.get(later));
            by.any(|later| {
                later.is_none_or(|later| later.replaces(element, value) && later.shows_other(element, value))
            })
        };
        for touch in &entry.touched {
            let element = touch.element.as_str();
            for value in &touch.put {
                if standing.is_current(element, value)
                    || standing.is_disputed(element, value)
                    || replaced_by(change, element, value)
                {
                    continue;
                }
                // The newer of two values written apart, which nothing has replaced. A deletion
                // leaves it as it is, and others may have edited the record meanwhile.
                let is_newer = |rival: &ChangeHash| {
                    let touched = &self.ledger[rival].touched;
                    let mut puts = touched.iter().filter(|touch| touch.element == element);
                    past.age(rival) > past.age(change)
                        && puts.any(|touch| {
                            let mut put = touch.put.iter();
                            put.any(|value| !made_way(rival, element, value))
                        })
                };
                let gives_way = ORDINARY.contains(&element) && later.keys().any(is_newer);
                assert!(
                    gives_way,
                    "node {index} shows {element} of {key} neither as {change} wrote it nor as a \
                     conflict: {}; it shows {:?}, asked about is {:?}",
                    value.canonical(),
                    standing.json.as_ref().map(Json::canonical),
                    standing.conflicts
                );
            }
        }
    }
}

/// Whether a conflict somebody has just decided is asked about no more.
pub fn check_resolved(store: &Store, context: &Context, write: &Write) {
    if let Write::Resolve { key, path, .. } = write {
        let open = store.conflict(context, key).unwrap();
        let is_open = open.is_some_and(|entry| entry.items.iter().any(|item| item.path == *path));
        assert!(!is_open, "{path} of {key} was decided and is asked about again");
    }
}
