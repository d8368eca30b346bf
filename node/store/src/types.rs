//! What goes into and comes out of a store: plain data.

use std::collections::BTreeSet;

use chaski_crdt::author::{NetworkId, NodeId, SignedChange};
use chaski_crdt::change::ChangeHash;
use chaski_crdt::key::RecordKey;
use chaski_crdt::record::ChangeInfo;
use chaski_crdt::version::VersionId;
use chaski_fhir::search::Query;
use chaski_fhir::{
    compartment::{Compartment, Filing},
    label::{Classes, Clearance},
};
use chaski_json::Json;

/// A record as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Current {
    /// Its key.
    pub key: RecordKey,
    /// The resource, with `meta.versionId`, `meta.lastUpdated` and, when in conflict,
    /// the tag and extension. For a deleted record only `resourceType`, `id` and `meta`.
    pub json: Json,
    /// The current version.
    pub version: VersionId,
    /// When that version became current here, in milliseconds since 1970.
    pub last_updated_ms: u64,
    /// Whether the record is deleted.
    pub deleted: bool,
    /// Open conflicts within it.
    pub conflicts: u16,
    /// What stands against what in those; empty of a past version.
    pub disputes: Vec<ConflictItem>,
    /// Whether it and another record of its key, that began for other patients, wait for a person.
    pub collides: bool,
    /// The classes of sensitivity that it has been labelled with, now or ever.
    pub classes: Classes,
    /// Who made its newest change.
    pub authored_by: AuthoredBy,
    /// Read by its key alone, and another that began for other patients stands under that key too: nothing tells
    /// which is meant. Not of one that a search found, or a version.
    pub is_ambiguous: bool,
}

/// Who made the newest of a record's changes, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthoredBy {
    /// The node that made it.
    pub node: NodeId,
    /// The user, as that node asserts: the first 256 bytes, where it is longer.
    pub user: String,
    /// The user's role, as that node asserts: likewise.
    pub role: String,
    /// The author's time, in milliseconds since 1970.
    pub time_ms: u64,
}

impl AuthoredBy {
    /// Most bytes of a name that are kept in the row: what is read with every record must be small.
    const NAME_BYTES_MAX: usize = 256;

    /// Of these changes, the newest; what is evidence of a fork stands outside the record. Where two were made in one
    /// moment, the one with the greater hash: the same on every node.
    pub(crate) fn newest<'a>(changes: impl IntoIterator<Item = &'a ChangeInfo>) -> AuthoredBy {
        let newest = changes
            .into_iter()
            .filter(|info| !info.evidence)
            .max_by_key(|info| (info.hlc, info.hash));
        let name = |text: &str| text[..text.floor_char_boundary(Self::NAME_BYTES_MAX)].to_owned();
        AuthoredBy {
            node: newest.map_or(NodeId([0; 32]), |info| info.author.node),
            user: newest.map_or_else(String::new, |info| name(&info.message.user)),
            role: newest.map_or_else(String::new, |info| name(&info.message.role)),
            time_ms: newest.map_or(0, |info| info.hlc.ms()),
        }
    }
}

/// Which of the records is meant that stand under one key: one, as a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which<'a> {
    /// What the key alone stands for.
    Key,
    /// The one that has had this version; if none has, what the key stands for.
    Version(&'a VersionId),
    /// The one of this patient.
    Patient(&'a str),
}

/// One version in a history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// The record.
    pub key: RecordKey,
    /// The version.
    pub version: VersionId,
    /// When it became current here, in milliseconds since 1970.
    pub last_updated_ms: u64,
    /// Whether this version is a deletion.
    pub deleted: bool,
    /// Whether this was the first version here.
    pub created: bool,
    /// The resource as it was, unless deleted.
    pub json: Option<Json>,
    /// The classes of sensitivity that its record has been labelled with, in this version or any other.
    pub classes: Classes,
}

/// Which records a history is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryOf {
    /// One record.
    Record(RecordKey),
    /// All of a type.
    Kind(String),
    /// All.
    All,
}

/// A page of something, and where the next begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// Its entries.
    pub entries: Vec<T>,
    /// Cursor of the next page, if there is one; opaque, safe in a URL.
    pub next: Option<String>,
}

/// A page of search results.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchPage {
    /// The matches of this page.
    pub entries: Vec<Current>,
    /// Cursor of the next page, if there is one; opaque, safe in a URL.
    pub next: Option<String>,
    /// All matches, exactly.
    pub total: Option<u64>,
    /// The time for one page was spent before it was full: `next` goes on behind the last
    /// record that was looked at.
    pub partial: bool,
}

/// The version a write was made against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Whatever is current; creates the record if there is none. Of records of several patients, that of the
    /// patients whom what is written names.
    Current,
    /// As [`Base::Current`], by somebody who has not looked: a record of other patients is not written over, another
    /// begins beside it.
    OfPatient,
    /// As [`Base::OfPatient`], of what came with the mark that several records have its key ([`is_one_of_several`]):
    /// the one that names exactly these patients is meant, now or when it began, and no other.
    OneOfSeveral,
    /// This version; merges with what came after it.
    Version(VersionId),
    /// This version, which must still be current.
    IfMatch(VersionId),
    /// That there is no such record, which must still be so; a deleted one is none.
    Absent,
    /// Whatever is current, of which there must be something; a deleted record is none.
    Present,
}

/// What a conflict is resolved to.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// The value at this position in the listed order, from 0.
    Pick(usize),
    /// This value.
    Value(Json),
    /// Nothing: the element (or record) is removed.
    Remove,
}

/// What must not be there yet, of what the writer may see.
#[derive(Debug, Clone)]
pub struct Condition {
    /// What finds it.
    pub query: Query,
    /// Up to which classes of sensitivity: what is labelled with more is not found.
    pub clearance: Clearance,
}

impl From<Query> for Condition {
    /// For somebody who may see all.
    fn from(query: Query) -> Condition {
        Condition {
            query,
            clearance: Clearance::All,
        }
    }
}

/// One change to a record. `json` may carry what this node's reads add (`meta.versionId`,
/// `meta.lastUpdated`, conflict tag and extensions): they are taken off before the write.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new record; without an `id` it gets a UUIDv7.
    Create {
        /// The resource.
        json: Json,
        /// Write only if nothing matches; one match is returned instead.
        if_none_exist: Option<Condition>,
    },
    /// The whole resource as the writer wants it.
    Put {
        /// The record.
        key: RecordKey,
        /// The resource.
        json: Json,
        /// What the writer had read.
        base: Base,
        /// The write may change elements in conflict: it resolves them.
        resolution: bool,
    },
    /// Deletes a record.
    Delete {
        /// The record.
        key: RecordKey,
        /// What the writer had read.
        base: Base,
    },
    /// Resolves one conflict.
    Resolve {
        /// The record.
        key: RecordKey,
        /// The conflict's path, as listed.
        path: String,
        /// The version it was listed at, which must still be current: a value that arrived
        /// since has not been looked at by whoever decides.
        listed: VersionId,
        /// The choice.
        choice: Choice,
    },
    /// Removes a value from an add-wins set (`meta.tag` and the like).
    SetRemove {
        /// The record.
        key: RecordKey,
        /// The set's path.
        path: String,
        /// The value.
        value: Json,
    },
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The record.
    pub key: RecordKey,
    /// The version current after it.
    pub version: VersionId,
    /// When that became current here, in milliseconds since 1970.
    pub last_updated_ms: u64,
    /// Whether the record is new here.
    pub created: bool,
    /// Whether there was nothing to change.
    pub unchanged: bool,
    /// The records that were given an id of their own with it.
    pub apart: Vec<RecordKey>,
}

/// Which records are meant: those in scopes of these compartments whose classes are all cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeFilter {
    /// Whose: those that belong to at least one of these, or everybody's.
    pub compartments: Option<BTreeSet<Compartment>>,
    /// Up to which classes of sensitivity.
    pub clearance: Clearance,
}

impl ScopeFilter {
    /// All records.
    pub fn all() -> ScopeFilter {
        ScopeFilter {
            compartments: None,
            clearance: Clearance::All,
        }
    }

    /// The records of these compartments, whatever they are labelled with.
    pub fn only(compartments: BTreeSet<Compartment>) -> ScopeFilter {
        ScopeFilter {
            compartments: Some(compartments),
            clearance: Clearance::All,
        }
    }

    /// No record.
    pub fn none() -> ScopeFilter {
        ScopeFilter::only(BTreeSet::new())
    }

    /// Whether it means no record at all.
    pub fn is_none(&self) -> bool {
        self.compartments.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// Whether a record that is filed here is meant.
    pub fn admits(&self, filing: &Filing) -> bool {
        self.clearance.covers(&filing.classes) && self.reaches(filing)
    }

    /// Whether a record that is filed here is meant as far as compartments go: of one that is labelled with
    /// more than is cleared, its changes may be those that were not, and the one that labels it.
    pub fn reaches(&self, filing: &Filing) -> bool {
        let is_wanted =
            |wanted: &BTreeSet<Compartment>| filing.compartments.iter().any(|one| wanted.contains(one));
        self.compartments.as_ref().is_none_or(is_wanted)
    }

    /// The records that both mean.
    #[must_use]
    pub fn both(&self, other: &ScopeFilter) -> ScopeFilter {
        let compartments = match (&self.compartments, &other.compartments) {
            (None, compartments) | (compartments, None) => compartments.clone(),
            (Some(one), Some(other)) => Some(one.intersection(other).cloned().collect()),
        };
        ScopeFilter {
            compartments,
            clearance: self.clearance.both(&other.clearance),
        }
    }
}

/// A record in the arrival log, at its newest change.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedEntry {
    /// Position in the log; strictly increasing.
    pub seq: u64,
    /// The record.
    pub key: RecordKey,
    /// Where it lies, if beside another of its key.
    pub(crate) beside: Option<[u8; 16]>,
    /// Where it is filed.
    pub filing: Filing,
    /// Its heads.
    pub heads: Vec<ChangeHash>,
    /// The peer which sent all of these heads, and so needs none of them.
    pub source: Option<NodeId>,
    /// The peer which sent all that arrived with this entry, whatever the record held before.
    pub brought_by: Option<NodeId>,
}

impl FeedEntry {
    /// An entry of a log that is no store's.
    pub fn new(seq: u64, key: RecordKey, filing: Filing, heads: Vec<ChangeHash>) -> FeedEntry {
        FeedEntry {
            seq,
            key,
            beside: None,
            filing,
            heads,
            source: None,
            brought_by: None,
        }
    }
}

/// A peer's cursor, put in the same batch as the data it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorUpdate {
    /// The peer.
    pub peer: NodeId,
    /// Opaque; at most [`crate::CURSOR_BYTES_MAX`].
    pub value: Vec<u8>,
}

/// What became of changes from a peer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ApplyReport {
    /// Records that are different now.
    pub records: u64,
    /// Changes accepted.
    pub changes: u64,
    /// Changes that were here already.
    pub duplicates: u64,
    /// Records with changes whose predecessors are missing here.
    pub orphans: Vec<RecordKey>,
    /// Changes set aside, with the reason.
    pub quarantined: Vec<Quarantined>,
    /// Changes that wait from now on until their author is known here.
    pub awaiting: u64,
    /// Last feed position after the batch.
    pub position: u64,
}

/// A change that was set aside.
#[derive(Debug, Clone, PartialEq)]
pub struct Quarantined {
    /// The record it came for.
    pub key: RecordKey,
    /// The change's hash, where its bytes had one.
    pub hash: Option<ChangeHash>,
    /// Why; no content.
    pub reason: String,
    /// The peer that sent it.
    pub peer: Option<NodeId>,
    /// When it came, in milliseconds since 1970.
    pub received_ms: u64,
}

/// One value of a conflict.
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictSide {
    /// The value; `None` for removed.
    pub value: Option<Json>,
    /// The node that wrote it.
    pub author: NodeId,
    /// The user, as that node asserts.
    pub user: String,
    /// The user's role, as that node asserts.
    pub role: String,
    /// The author's time, in milliseconds since 1970.
    pub time_ms: u64,
    /// The change that wrote it.
    pub change: ChangeHash,
}

/// One open conflict of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictItem {
    /// What a resolution names: a register's key, `!group/<name>`, `!record`, or
    /// [`crate::COLLISION_PATH`] of records of one id that began for different patients.
    pub path: String,
    /// The same for people: `reaction.severity`, a group's name; empty for the record.
    pub element: String,
    /// Which of the values the system acts on, from 0.
    pub safer_index: usize,
    /// The values, in an order that is the same on every node.
    pub values: Vec<ConflictSide>,
}

/// A record with open conflicts.
#[derive(Debug, Clone, PartialEq)]
pub struct ConflictEntry {
    /// The record.
    pub key: RecordKey,
    /// Its current version.
    pub version: VersionId,
    /// Its conflicts, by path.
    pub items: Vec<ConflictItem>,
    /// Whether nothing of it is kept back from the reader: else it is not the reader's to decide.
    pub is_whole: bool,
}

/// Who this node is and in which network.
#[derive(Clone)]
pub struct Identity {
    /// The node's Ed25519 secret.
    pub signing_seed: [u8; 32],
    /// The network that was joined.
    pub network: NetworkId,
    /// The network's secret for fingerprints.
    pub fingerprint_key: [u8; 32],
}

impl Drop for Identity {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.signing_seed);
        zeroize::Zeroize::zeroize(&mut self.fingerprint_key);
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

/// Figures of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records held, deleted ones not counted.
    pub records: u64,
    /// Deleted records held.
    pub deleted: u64,
    /// Records with open conflicts.
    pub conflicted_records: u64,
    /// Conflicts that wait for a decision.
    pub conflicts: u64,
    /// Changes set aside.
    pub quarantined: u64,
    /// Changes waiting for their predecessors.
    pub pending: u64,
    /// Changes waiting until their author is known here as a member.
    pub awaiting: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Last feed position.
    pub position: u64,
    /// Whether writes are refused for lack of space.
    pub disk_full: bool,
}

/// A change to a record and who signed it, with its arrival here.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrived {
    /// Feed position at which it arrived.
    pub seq: u64,
    /// The change.
    pub change: SignedChange,
}

/// A change's place in a record's history: who, when, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authored {
    /// The change.
    pub hash: ChangeHash,
    /// The node that made it.
    pub node: NodeId,
    /// The user, as that node asserts.
    pub user: String,
    /// The user's role, as that node asserts.
    pub role: String,
    /// The purpose of use.
    pub purpose: String,
    /// The author's time, in milliseconds since 1970.
    pub time_ms: u64,
    /// Transaction it belongs to, and how many changes that has.
    pub transaction: Option<(u64, u32)>,
}
