//! Writing: create, update, delete, resolve, remove from a set.
//!
//! Every write is read state → puts → one signed change on a scratch copy, in
//! that order, and only then adopted.

use super::Record;
use crate::accept::Log;
use crate::author::{ChangeError, SignedChange, Writer};
use crate::change::ChangeHash;
use crate::decode::Decoder;
use crate::diff::{Differ, Put, Resolve};
use crate::encode::{Encoder, Field, Fields, write_value};
use crate::hlc::Stamp;
use crate::key::{GROUP_PREFIX, RECORD_MARKER, RecordKey, choice_stem, escape};
use crate::merge::{barrier, survives};
use crate::policy::{Group, Policy};
use crate::state::{Source, State, is_member};
use crate::tree::{Scalar, Slot, Tree};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, AutomergeError, PatchLog, ROOT, ReadDoc, ScalarValue, hydrate};
use chaski_json::{Json, Object};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use thiserror::Error;

/// Why a write did not happen. The record is as it was.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The JSON is no object, or its type or id is not the key's.
    #[error("the record's resourceType and id must be those of its key")]
    Identity,
    /// The version the writer read is not in this record.
    #[error("the version the write is based on is not known here")]
    UnknownBase,
    /// It would decide these conflicts without being a resolution.
    #[error("{} conflict(s) must be resolved first", .0.len())]
    Disputed(Vec<String>),
    /// There is no conflict at this path.
    #[error("there is no conflict at this path")]
    NoConflict,
    /// The choice does not fit the conflict: a value of another form, or a
    /// change that is not among its values.
    #[error("this choice is not possible here")]
    Choice,
    /// There is no such member in the set.
    #[error("the set has no such member")]
    NoMember,
    /// All 256 branches of this incarnation have written apart.
    #[error("too many concurrent versions from this node")]
    Branches,
    /// The change would be refused by others.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Automerge failed or panicked.
    #[error("the document could not be written")]
    Document,
}

/// How a conflict is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The value that this change wrote ([`crate::conflict::ConflictValue::change`]).
    Pick(ChangeHash),
    /// A value of one's own: the element's JSON; for a choice of types and for
    /// groups an object with the keys as they stand in the record.
    Value(Json),
    /// Removed. Not for groups.
    Delete,
}

impl Record {
    /// Makes a new record.
    ///
    /// # Errors
    /// [`WriteError`]
    pub fn create(
        key: RecordKey,
        json: &Json,
        policy: &dyn Policy,
        writer: &mut Writer<'_>,
        stamp: &Stamp,
    ) -> Result<(Record, SignedChange), WriteError> {
        let object = identified(&key, json)?;
        let state = State::empty();
        let encoder = Encoder {
            kind: key.kind(),
            policy,
        };
        let target = encoder.record(object);
        let puts = Differ::new(encoder, &state, Resolve::Nothing)
            .record(&target, None)
            .map_err(disputed)?;
        let values: HashMap<String, hydrate::Value> = puts
            .iter()
            .map(|put| (put.key.clone(), hydrate::Value::Scalar(put.scalar.to_automerge())))
            .collect();
        let actor = ActorId::from(writer.author().actor(0));
        let made = barrier(|| {
            let mut doc = Automerge::new().with_actor(actor);
            let mut transaction = doc.transaction();
            transaction.init_root_from_hydrate(&values.into()).ok()?;
            let (hash, _) = transaction.commit_with(options(stamp));
            let change = doc.get_change_by_hash(&hash?)?;
            Some((doc, change))
        });
        let (doc, change) = made.flatten().ok_or(WriteError::Document)?;
        let signed = writer.sign(&key, change.raw_bytes().to_vec())?;
        let mut log = Log::default();
        log.push(Arc::new(
            super::entry_of(signed.clone(), &change).ok_or(WriteError::Document)?,
        ));
        Ok((Record { key, doc, log }, signed))
    }

    /// Writes what changed between the version at `base` and `json`, at that
    /// version's heads. `None` if nothing did. Revives a deleted record.
    ///
    /// # Errors
    /// [`WriteError::Disputed`] if it would decide a listed conflict; see
    /// [`Record::update_resolving`].
    pub fn update(
        &mut self,
        base: &[ChangeHash],
        json: &Json,
        policy: &dyn Policy,
        writer: &mut Writer<'_>,
        stamp: &Stamp,
    ) -> Result<Option<SignedChange>, WriteError> {
        self.update_with(base, json, policy, writer, stamp, Resolve::Nothing)
    }

    /// As [`Record::update`], and decides every conflict listed at `base`: what
    /// `json` says of it is the resolution, even where that is what was shown.
    ///
    /// # Errors
    /// [`WriteError`]
    pub fn update_resolving(
        &mut self,
        base: &[ChangeHash],
        json: &Json,
        policy: &dyn Policy,
        writer: &mut Writer<'_>,
        stamp: &Stamp,
    ) -> Result<Option<SignedChange>, WriteError> {
        self.update_with(base, json, policy, writer, stamp, Resolve::All)
    }

    fn update_with(
        &mut self,
        base: &[ChangeHash],
        json: &Json,
        policy: &dyn Policy,
        writer: &mut Writer<'_>,
        stamp: &Stamp,
        resolve: Resolve,
    ) -> Result<Option<SignedChange>, WriteError> {
        let object = identified(&self.key, json)?;
        self.write(base, policy, writer, stamp, |source, state, heads| {
            let kind = source.kind;
            let target = Encoder { kind, policy }.record(object);
            let stale = source.stale_narrative(state, heads);
            let differ = Differ::new(Encoder { kind, policy }, state, resolve);
            differ.record(&target, stale.as_deref()).map_err(disputed)
        })
    }

    /// Deletes the record. `None` if it is deleted already.
    ///
    /// # Errors
    /// [`WriteError::Disputed`] if whether it exists is a listed conflict.
    pub fn delete(
        &mut self,
        base: &[ChangeHash],
        policy: &dyn Policy,
        writer: &mut Writer<'_>,
        stamp: &Stamp,
    ) -> Result<Option<SignedChange>, WriteError> {
        self.write(base, policy, writer, stamp, |source, state, _| {
            let kind = source.kind;
            Differ::new(Encoder { kind, policy }, state, Resolve::Nothing)
                .delete()
                .map_err(disputed)
        })
    }

    /// Decides one conflict as it stood at `base`. Always a change, also when
    /// what was shown is chosen.
    ///
    /// # Errors
    /// [`WriteError::NoConflict`], [`WriteError::Choice`] and the others.
    pub fn resolve(
        &mut self,
        base: &[ChangeHash],
        path: &str,
        choice: &Choice,
        policy: &dyn Policy,
        writer: &mut Writer<'_>,
        stamp: &Stamp,
    ) -> Result<SignedChange, WriteError> {
        let made = self.write(base, policy, writer, stamp, |source, state, _| {
            let kind = source.kind;
            if state.group_values.contains_key(path) {
                let target = chosen_group(source, state, path, choice)?;
                let resolve = Resolve::Only(path.to_owned());
                let differ = Differ::new(Encoder { kind, policy }, state, resolve);
                // Everything but the group is as shown: only it can differ.
                return differ
                    .record(&target, source.narrative().as_deref())
                    .map_err(disputed);
            }
            let known = state
                .conflicts
                .iter()
                .chain(&state.concurrent)
                .any(|conflict| conflict.path == path);
            if !known {
                return Err(WriteError::NoConflict);
            }
            let slot = state.tree.slot(path).ok_or(WriteError::NoConflict)?.clone();
            let scalar = chosen_value(source, path, &slot, choice)?;
            let groups = policy
                .groups(kind)
                .iter()
                .filter(|group| is_member(group, top_of(path)));
            let hashes = rehash(source, state, path, &scalar, groups);
            let differ = Differ::new(Encoder { kind, policy }, state, Resolve::Only(path.to_owned()));
            differ.register(path, &slot, scalar, hashes).map_err(disputed)
        })?;
        made.ok_or(WriteError::NoConflict)
    }

    /// Removes a member of an add-wins set (`meta.tag`), which no update does.
    /// `path` is the element's path, `value` the member's JSON.
    ///
    /// # Errors
    /// [`WriteError::NoMember`] and the others.
    pub fn set_remove(
        &mut self,
        path: &str,
        value: &Json,
        policy: &dyn Policy,
        writer: &mut Writer<'_>,
        stamp: &Stamp,
    ) -> Result<SignedChange, WriteError> {
        let register: Vec<String> = path.split('.').map(|name| escape(name).into_owned()).collect();
        let register = register.join("/");
        let mut content = String::new();
        write_value(Some(value), None, &mut content);
        let heads = self.heads();
        let made = self.write(&heads, policy, writer, stamp, |source, state, _| {
            let kind = source.kind;
            let elements = state.tree.root.at(&register).map(|node| &node.elements);
            let keys: Vec<String> = elements
                .into_iter()
                .flatten()
                .filter(|(_, node)| matches!(node.shown(), Some(Scalar::Text(text)) if *text == content))
                .map(|(id, _)| format!("{register}/{id}"))
                .collect();
            if keys.is_empty() {
                return Err(WriteError::NoMember);
            }
            Differ::new(Encoder { kind, policy }, state, Resolve::Nothing)
                .remove(&keys)
                .map_err(disputed)
        })?;
        made.ok_or(WriteError::NoMember)
    }

    /// Reads the state at `base`, asks for puts, and makes them one change.
    fn write(
        &mut self,
        base: &[ChangeHash],
        policy: &dyn Policy,
        writer: &mut Writer<'_>,
        stamp: &Stamp,
        plan: impl FnOnce(&Source<'_>, &State, &[ChangeHash]) -> Result<Vec<Put>, WriteError>,
    ) -> Result<Option<SignedChange>, WriteError> {
        let base = self.checked_heads(base).ok_or(WriteError::UnknownBase)?;
        let current = base == self.heads();
        let puts = self.with_source(policy, |source| {
            let state = source.state(if current { None } else { Some(&base) });
            plan(source, &state, &base)
        })?;
        if puts.is_empty() {
            return Ok(None);
        }
        let actor = self.free_branch(&base, writer)?;
        let made = barrier(|| {
            let mut doc = self.doc.clone();
            doc.set_actor(ActorId::from(actor));
            let hash = put_all(&mut doc, if current { None } else { Some(&base) }, &puts, stamp)?;
            let change = doc.get_change_by_hash(&hash)?;
            survives(&doc, &doc.get_heads()).then_some((doc, change))
        });
        let (doc, change) = made.flatten().ok_or(WriteError::Document)?;
        let signed = writer.sign(&self.key, change.raw_bytes().to_vec())?;
        let entry = super::entry_of(signed.clone(), &change).ok_or(WriteError::Document)?;
        if change.hash() != entry.hash || !self.log.continues(&entry) {
            return Err(WriteError::Document);
        }
        self.log.push(Arc::new(entry));
        self.doc = doc;
        Ok(Some(signed))
    }

    /// The actor of the first of this writer's branches that has written
    /// nothing, or whose last change the base has seen.
    fn free_branch(&self, base: &[ChangeHash], writer: &Writer<'_>) -> Result<[u8; 17], WriteError> {
        let author = writer.author();
        let mut last: BTreeMap<u8, (u64, ChangeHash, bool)> = BTreeMap::new();
        for entry in self.log.entries().filter(|entry| entry.signed.author == author) {
            let branch = entry.actor.last().copied().unwrap_or(0);
            let forked = self.log.at_slot(&entry.slot()).len() > 1 || !self.log.is_accepted(&entry.hash);
            let known = last.entry(branch).or_insert((0, entry.hash, false));
            known.2 |= forked;
            if entry.seq > known.0 {
                (known.0, known.1) = (entry.seq, entry.hash);
            }
        }
        let free = (0..=u8::MAX).find(|branch| match last.get(branch) {
            None => true,
            Some((_, hash, forked)) => !forked && self.log.precedes(hash, base),
        });
        free.map(|branch| author.actor(branch))
            .ok_or(WriteError::Branches)
    }
}

fn options(stamp: &Stamp) -> CommitOptions {
    CommitOptions::default()
        .with_time(stamp.hlc.to_time())
        .with_message(stamp.message.encode())
}

fn put_all(
    doc: &mut Automerge,
    base: Option<&[ChangeHash]>,
    puts: &[Put],
    stamp: &Stamp,
) -> Option<ChangeHash> {
    let mut transaction = match base {
        Some(base) => doc.transaction_at(PatchLog::inactive(), base).ok()?,
        None => doc.transaction(),
    };
    let made: Result<(), AutomergeError> = puts.iter().try_for_each(|put| {
        if put.again {
            // A value that is there already would leave no trace; nothing of
            // ours is ever a boolean, so this one always does.
            transaction.put(ROOT, put.key.as_str(), ScalarValue::Boolean(false))?;
        }
        transaction.put(ROOT, put.key.as_str(), put.scalar.to_automerge())
    });
    made.ok()?;
    transaction.commit_with(options(stamp)).0
}

fn identified<'j>(key: &RecordKey, json: &'j Json) -> Result<&'j Object, WriteError> {
    let object = json.as_object().ok_or(WriteError::Identity)?;
    let says = |name: &str| object.get(name).and_then(Json::as_str);
    if says("resourceType") == Some(key.kind()) && says("id") == Some(key.id()) {
        Ok(object)
    } else {
        Err(WriteError::Identity)
    }
}

fn disputed(paths: impl IntoIterator<Item = String>) -> WriteError {
    WriteError::Disputed(paths.into_iter().collect())
}

fn top_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

/// The whole record with the chosen group in place.
fn chosen_group(
    source: &Source<'_>,
    state: &State,
    path: &str,
    choice: &Choice,
) -> Result<Fields, WriteError> {
    let encoder = Encoder {
        kind: source.kind,
        policy: source.policy,
    };
    let group = path.strip_prefix(GROUP_PREFIX);
    let group = source
        .policy
        .groups(source.kind)
        .iter()
        .find(|g| Some(g.name) == group);
    let group = group.ok_or(WriteError::NoConflict)?;
    let members = match choice {
        Choice::Delete => return Err(WriteError::Choice),
        Choice::Value(Json::Object(members)) => encoder.record(members),
        Choice::Value(_) => return Err(WriteError::Choice),
        Choice::Pick(change) => {
            let values = state.group_values.get(path).ok_or(WriteError::NoConflict)?;
            let (_, nodes) = values
                .iter()
                .find(|(hash, _)| hash == change)
                .ok_or(WriteError::Choice)?;
            let decoder = &mut Decoder::new(Encoder {
                kind: source.kind,
                policy: source.policy,
            });
            encoder.record(&decoder.object("", nodes))
        }
    };
    if members.keys().any(|name| !is_member(group, name)) {
        return Err(WriteError::Choice);
    }
    let mut target = shown_fields(source, state);
    target.retain(|name, _| !is_member(group, name));
    target.extend(members);
    Ok(target)
}

/// The record as shown, in fields.
fn shown_fields(source: &Source<'_>, state: &State) -> Fields {
    let mut decoder = Decoder::new(Encoder {
        kind: source.kind,
        policy: source.policy,
    });
    let mut object = Object::new();
    for (segment, node) in &state.tree.root.fields {
        if !state.overlay.contains_key(segment) {
            decoder.field("", segment, node, &mut object);
        }
    }
    for (segment, node) in &state.overlay {
        if let Some(node) = node {
            decoder.field("", segment, node, &mut object);
        }
    }
    Encoder {
        kind: source.kind,
        policy: source.policy,
    }
    .record(&object)
}

/// What the chosen value is in the register.
fn chosen_value(source: &Source<'_>, path: &str, slot: &Slot, choice: &Choice) -> Result<Scalar, WriteError> {
    let marker = path == RECORD_MARKER || !slot.scalars().any(|scalar| matches!(scalar, Scalar::Text(_)));
    let alive = Scalar::Live(slot.live_count().saturating_add(1));
    match choice {
        Choice::Delete => Ok(Scalar::Dead),
        Choice::Pick(change) if marker => Ok(if slot.removals().contains(change) {
            Scalar::Dead
        } else {
            alive
        }),
        Choice::Value(_) if marker => Ok(alive),
        Choice::Pick(change) => {
            let version = slot.versions.iter().find(|version| version.change == *change);
            version
                .map(|version| version.scalar.clone())
                .ok_or(WriteError::Choice)
        }
        Choice::Value(value) => register_text(source, path, value).ok_or(WriteError::Choice),
    }
}

fn register_text(source: &Source<'_>, path: &str, value: &Json) -> Option<Scalar> {
    let segment = path.rsplit('/').next()?;
    if choice_stem(segment).is_none() {
        let mut text = String::new();
        write_value(Some(value), None, &mut text);
        return Some(Scalar::Text(text));
    }
    let parent = path.strip_suffix(segment)?.trim_end_matches('/');
    let encoder = Encoder {
        kind: source.kind,
        policy: source.policy,
    };
    let mut fields = encoder.object(&crate::key::element_path(parent), value.as_object()?);
    match (fields.remove(segment)?, fields.is_empty()) {
        (Field::Value(text), true) => Some(Scalar::Text(text)),
        _ => None,
    }
}

/// The hashes of the groups that a resolved register belongs to.
fn rehash<'g>(
    source: &Source<'_>,
    state: &State,
    path: &str,
    scalar: &Scalar,
    groups: impl Iterator<Item = &'g Group>,
) -> Vec<(String, Vec<u8>)> {
    let mut hashes = Vec::new();
    for group in groups {
        let mut tree: Tree = state.tree.clone();
        if let Some(slot) = tree.root.at_mut(path).and_then(|node| node.slot.as_mut())
            && let Some(version) = slot.versions.first_mut()
        {
            version.scalar = scalar.clone();
            slot.shown = 0;
        }
        let mut decoder = Decoder::new(Encoder {
            kind: source.kind,
            policy: source.policy,
        });
        let object = decoder.object("", &tree.root.fields);
        let target = Encoder {
            kind: source.kind,
            policy: source.policy,
        }
        .record(&object);
        let members = target.iter().filter(|(name, _)| is_member(group, name));
        hashes.push((
            format!("{GROUP_PREFIX}{}", group.name),
            crate::encode::group_hash(members),
        ));
    }
    hashes
}
