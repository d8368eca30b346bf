//! Writing: create, update, delete, remove from a set.
//!
//! Every write is read state → puts → one signed change on a scratch copy, in
//! that order, and only then adopted.

use super::held::Record;
use crate::accept::Entry;
use crate::author::{ChangeError, SignedChange, Writer};
use crate::barrier::{barrier, survives};
use crate::body::Body;
use crate::change::ChangeHash;
use crate::diff::{Differ, Put, Resolve};
use crate::encode::{Encoder, write_value};
use crate::first::First;
use crate::hlc::Stamp;
use crate::key::{RecordKey, escape};
use crate::policy::Policy;
use crate::said::is_of_labels;
use crate::state::{Source, State};
use crate::tree::Scalar;
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, AutomergeError, PatchLog, ROOT, ReadDoc, ScalarValue};
use chaski_json::{Json, Object};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// Changes a record may have before this node writes no more to it; those of
/// others are taken in all the same.
pub const HISTORY_CHANGES_MAX: usize = 10_000;

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
    /// The record has [`HISTORY_CHANGES_MAX`] changes.
    #[error("the record has too long a history to be written to")]
    HistoryFull,
    /// The change would be refused by others.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Automerge failed or panicked.
    #[error("the document could not be written")]
    Document,
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
        let mut registers: Vec<(String, Scalar)> =
            puts.into_iter().map(|put| (put.key, put.scalar)).collect();
        registers.sort_by(|(a, _), (b, _)| a.cmp(b));
        let first = First::of(registers).ok_or(WriteError::Document)?;
        let actor = writer.author().actor(0);
        let bytes = first.write(&actor, stamp.hlc.to_time(), &stamp.message.encode());
        let (signed, chunk) = writer.sign_parsed(&key, bytes)?;
        let entry = Entry::of_chunk(signed.clone(), chunk);
        Ok((Record::of_first(key, first, entry), signed))
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

    /// Labels the record: adds these members to `meta.security` at that version's heads, and writes nothing else
    /// ([`crate::said::is_label_only`]), whatever the version shows otherwise than it holds it. `None` if all are
    /// there.
    ///
    /// # Errors
    /// [`WriteError`]
    pub fn label(
        &mut self,
        base: &[ChangeHash],
        labels: &[Json],
        policy: &dyn Policy,
        writer: &mut Writer<'_>,
        stamp: &Stamp,
    ) -> Result<Option<SignedChange>, WriteError> {
        let view = self.view_at(base, policy).ok_or(WriteError::UnknownBase)?;
        let labelled = with_labels(view.json, labels).ok_or(WriteError::Identity)?;
        let object = identified(&self.key, &labelled)?;
        self.write(base, policy, writer, stamp, |source, state, heads| {
            let kind = source.kind;
            let target = Encoder { kind, policy }.record(object);
            let stale = source.stale_narrative(state, heads);
            let differ = Differ::new(Encoder { kind, policy }, state, Resolve::Nothing);
            let puts = differ.record(&target, stale.as_deref()).map_err(disputed)?;
            Ok(puts.into_iter().filter(|put| is_of_labels(&put.key)).collect())
        })
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
    pub(super) fn write(
        &mut self,
        base: &[ChangeHash],
        policy: &dyn Policy,
        writer: &mut Writer<'_>,
        stamp: &Stamp,
        plan: impl FnOnce(&Source<'_>, &State, &[ChangeHash]) -> Result<Vec<Put>, WriteError>,
    ) -> Result<Option<SignedChange>, WriteError> {
        if self.log.len() >= HISTORY_CHANGES_MAX {
            return Err(WriteError::HistoryFull);
        }
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
            let mut doc = self.document()?;
            doc.set_actor(ActorId::from(actor));
            let hash = put_all(&mut doc, if current { None } else { Some(&base) }, &puts, stamp)?;
            let change = doc.get_change_by_hash(&hash)?;
            survives(&doc, &doc.get_heads()).then_some((doc, change))
        });
        let (doc, change) = made.flatten().ok_or(WriteError::Document)?;
        let signed = writer.sign(&self.key, change.raw_bytes().to_vec())?;
        let entry = Entry::of_change(signed.clone(), &change).ok_or(WriteError::Document)?;
        if change.hash() != entry.hash || !self.log.continues(&entry) {
            return Err(WriteError::Document);
        }
        self.log.push(Arc::new(entry));
        self.body = Body::Document(Box::new(doc));
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

/// A record's JSON with these members of `meta.security` too; what stands there in another form gives way to them.
/// `None` if it is no object.
pub fn with_labels(mut json: Json, labels: &[Json]) -> Option<Json> {
    let object = json.as_object_mut()?;
    if labels.is_empty() {
        return Some(json);
    }
    let meta = object.entry("meta".to_owned()).or_insert(Json::Null);
    if meta.as_object().is_none() {
        *meta = Json::Object(Object::new());
    }
    let held = meta
        .as_object_mut()?
        .entry("security".to_owned())
        .or_insert(Json::Null);
    match held {
        Json::Array(held) => {
            for label in labels {
                if !held.contains(label) {
                    held.push(label.clone());
                }
            }
        }
        held => *held = Json::Array(labels.to_vec()),
    }
    Some(json)
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

pub(super) fn disputed(paths: impl IntoIterator<Item = String>) -> WriteError {
    WriteError::Disputed(paths.into_iter().collect())
}
