//! The JSON shapes that scripts rely on: field names and meanings here never change, fields may be added.

use serde::{Deserialize, Serialize};

/// `chaski status --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// The node's key, hexadecimal.
    pub node: String,
    /// The node's name.
    pub name: String,
    /// The site's code, empty if none was given.
    pub site: String,
    /// This start's incarnation, hexadecimal; empty before the first write.
    pub incarnation: String,
    /// Records held, deleted ones not counted.
    pub records: u64,
    /// The sum over all records, hexadecimal: equal on two nodes that hold the same.
    pub fingerprint: String,
    /// Conflicts that wait for a decision.
    pub conflicts: u64,
    /// Changes set aside.
    pub quarantined: u64,
    /// Changes that wait until it is known that their author is a member.
    #[serde(default)]
    pub awaiting: u64,
    /// Bytes of the directory on disk.
    pub disk_bytes: u64,
    /// How the store is unlocked and what that protects from.
    pub unlock: String,
    /// The other nodes of the network.
    pub peers: Vec<PeerReport>,
    /// The network's id, hexadecimal.
    #[serde(default)]
    pub network: String,
    /// When this node may be given nothing more unless an issuer has met it, RFC 3339; absent where that never is.
    #[serde(default)]
    pub grant_ends: Option<String>,
    /// The key of the one issuer that alone may renew others, hexadecimal; absent where there is none such.
    #[serde(default)]
    pub sole_issuer: Option<String>,
    /// Whether a node is running on the directory; else this is what was kept when one last ran.
    #[serde(default)]
    pub running: bool,
    /// The zone that people of the machine read times by: its name, or its difference from UTC; absent where it
    /// could not be read, and UTC stands in its place.
    #[serde(default)]
    pub zone: Option<String>,
    /// What the operator should do, one sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A peer in `status` and `peer list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerReport {
    /// Its key, hexadecimal.
    pub node: String,
    /// The peer's name.
    pub name: String,
    /// Its site's code, empty if it has none.
    #[serde(default)]
    pub site: String,
    /// `clinic`, `mobile` or `hub`.
    pub role: String,
    /// When it was last heard, RFC 3339; absent before the first time.
    pub last_seen: Option<String>,
    /// Whether both hold the same now: a session is open, the peer is heard, fingerprints were equal and nothing
    /// has changed here since. Of others `last_in_sync` tells when that last was.
    pub in_sync: bool,
    /// Whether its membership was ended.
    #[serde(default)]
    pub revoked: bool,
    /// Whether it says that the network has ended this node's.
    #[serde(default)]
    pub says_revoked: bool,
    /// When it joined, RFC 3339, by the clock of whoever let it in; absent where that is not known.
    #[serde(default)]
    pub joined: Option<String>,
    /// All addresses that are known of it.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// The same with from where each is known.
    #[serde(default)]
    pub known_addresses: Vec<KnownAddressReport>,
    /// Its clock ahead of ours (+) or behind (−) when it last said hello, in milliseconds; absent before.
    #[serde(default)]
    pub clock_skew_ms: Option<i64>,
    /// Changes that came from it and stand in quarantine here.
    #[serde(default)]
    pub quarantined: u64,
    /// When it may be given nothing more unless an issuer has met it, RFC 3339; absent where that never is.
    #[serde(default)]
    pub grant_ends: Option<String>,
    /// Whether it may be given nothing now.
    #[serde(default)]
    pub grant_over: bool,
    /// `connected`, `silent` (a session is open, and nothing was heard for a minute or more), `away`, `never_met`
    /// or `revoked`.
    #[serde(default)]
    pub standing: String,
    /// When both were last known to hold the same, RFC 3339; absent before the first time.
    #[serde(default)]
    pub last_in_sync: Option<String>,
    /// How long ago it was last heard, in seconds; absent where it never was.
    #[serde(default)]
    pub last_seen_seconds: Option<u64>,
    /// It was heard then by a file alone that it had written, and not itself.
    #[serde(default)]
    pub last_seen_by_file: bool,
    /// Whether its grant ends within 60 days and it has to meet an issuer before.
    #[serde(default)]
    pub grant_ends_soon: bool,
    /// Why nothing flows one way or the other, if so.
    #[serde(default)]
    pub halts: Vec<HaltReport>,
}

/// An address of a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAddressReport {
    /// The address itself.
    pub address: String,
    /// From where it is known: `told` (by the peer itself), `through` (the peer told it another node, which handed
    /// it on), `mdns`, `configured`, `joined` (this node joined there), `asked` (an exchange was asked for there),
    /// `met` (the peer dialled from there), `reached` (not noted how it became known).
    pub from: String,
    /// The name of the node that handed it on, where one did.
    #[serde(default)]
    pub through: Option<String>,
}

/// That one side of a link is given nothing by the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaltReport {
    /// Who: `this node` or `peer`.
    pub given_nothing: String,
    /// `grant`: its grant is over; `clock`: it is by the giver's clock alone.
    pub cause: String,
    /// When the grant ended, RFC 3339; absent for a clock and where there never was a grant.
    pub since: Option<String>,
    /// By how much the giver's clock was ahead of the other's when the two last met, for a clock.
    pub clock_ahead_ms: Option<u64>,
    /// That, in a sentence.
    pub text: String,
    /// What a person can do about it.
    pub remedy: String,
}

/// `chaski sync --json`, one a peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncReport {
    /// The peer's key, hexadecimal.
    pub peer: String,
    /// The peer's name, where it is known.
    #[serde(default)]
    pub name: String,
    /// Whether the fingerprints of what both may hold are equal.
    pub in_sync: bool,
    /// Records sent; null where no exchange came to its end, as are the next five.
    pub sent_records: Option<u64>,
    /// Records that were received.
    pub received_records: Option<u64>,
    /// Stream payload sent after the handshake; null where there was no exchange.
    pub bytes_out: Option<u64>,
    /// Stream payload received after the handshake; null where there was no exchange.
    pub bytes_in: Option<u64>,
    /// UDP payload both ways; null where there was no exchange.
    pub wire_bytes: Option<u64>,
    /// Round trips after the handshake; null where there was no exchange.
    pub round_trips: Option<u64>,
    /// Duration; where there was no exchange, for how long it was tried.
    pub seconds: f64,
    /// Waited before that for a turn at the peer, in seconds.
    #[serde(default)]
    pub waited_seconds: f64,
    /// Changes set aside in this exchange or before, and not yet settled.
    pub quarantined: u64,
    /// Changes that wait here until it is known that their author is a member.
    #[serde(default)]
    pub awaiting: u64,
    /// Why it is not in sync; empty when it is.
    #[serde(default)]
    pub reason: String,
    /// Changes refused in this exchange: record and reason.
    #[serde(default)]
    pub refused: Vec<String>,
    /// When both were last known to hold the same, RFC 3339; absent before the first time.
    #[serde(default)]
    pub last_in_sync: Option<String>,
    /// When it was last heard, RFC 3339; absent before the first time.
    #[serde(default)]
    pub last_seen: Option<String>,
    /// Why nothing flows one way or the other, if so.
    #[serde(default)]
    pub halts: Vec<HaltReport>,
    /// What will end the exchange before long, in sentences.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Whether it was asked for an exchange; a member that was not is told with the reason.
    #[serde(default = "asked")]
    pub asked: bool,
    /// It was not asked, does not come by way of another, and was not in sync with this node within
    /// [`crate::hub::STALE_DAYS`].
    #[serde(default, rename = "late")]
    pub is_late: bool,
}

/// What earlier builds tell of was asked.
fn asked() -> bool {
    true
}

impl SyncReport {
    /// Whether there was an exchange, whatever came of it.
    pub fn was_met(&self) -> bool {
        self.wire_bytes.is_some()
    }
}

/// `chaski peer revoke --json`, to which the command adds `revoked`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedReport {
    /// The key of the node whose membership is ended, hexadecimal.
    pub node: String,
    /// The name of the node that is no longer a member.
    pub name: String,
    /// Whether that was done now; else it was ended before.
    pub changed: bool,
}

/// `chaski issuer list --json`, one an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerReport {
    /// Its key, hexadecimal.
    pub node: String,
    /// The issuer's name.
    pub name: String,
    /// The roles it may certify; null for any.
    pub roles: Option<Vec<String>>,
    /// The sites it may certify, and grant the records of; null for any, and everything.
    pub sites: Option<Vec<String>>,
    /// Whether what it says counts: until the root has ended it, also where its membership was.
    pub in_effect: bool,
    /// Whether the root has ended it: what it had said by then goes on counting.
    pub ended: bool,
    /// Whether its membership was ended: nobody meets it any more.
    pub revoked: bool,
    /// The root keys that have made it one, hexadecimal.
    pub roots: Vec<String>,
    /// Whether it is this node.
    pub this_node: bool,
    /// Whether it has heard that it is one, as far as is known here: until then it invites and renews nobody.
    #[serde(default)]
    pub told: bool,
    /// When it was last heard of here, RFC 3339; absent for this node and before that.
    pub last_seen: Option<String>,
}

/// `chaski issuer add --json` and `chaski issuer end --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerChangeReport {
    /// The node's key, hexadecimal.
    pub node: String,
    /// The name of the node that was made an issuer, or ended as one.
    pub name: String,
    /// Whether it was not so already.
    pub changed: bool,
}

/// `chaski invite --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteReport {
    /// The ticket's text.
    pub ticket: String,
    /// When it ends, RFC 3339, by the inviting node's clock.
    pub expires: String,
    /// Where the ticket says that this node is reached.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Whether that is on this machine alone: no other one can use the ticket.
    #[serde(default)]
    pub only_here: bool,
    /// What the operator should know, one sentence each: that this node was revoked.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// One of `chaski conflicts --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConflictReport {
    /// The record as `Type/id`.
    pub record: String,
    /// The record's version as listed: `resolve --if-match` names it.
    #[serde(default)]
    pub version: String,
    /// Where in the record; a group's name with `!group/` before it, `!record` for deleted against edited.
    pub path: String,
    /// The values that stand against each other.
    pub values: Vec<ConflictValueReport>,
}

/// One of a conflict's values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConflictValueReport {
    /// The value; `null` where the element was removed.
    pub value: serde_json::Value,
    /// The key of the node that wrote it, hexadecimal.
    pub author: String,
    /// The name of that node's site or, without one, of the node.
    pub site: String,
    /// The user, as that node asserts.
    pub user: String,
    /// The author's time, RFC 3339.
    pub time: String,
    /// The change that wrote it, hexadecimal.
    pub version: String,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Versions of records that were looked at to be written, deletions included.
    pub records: u64,
    /// Records that are new here.
    pub created: u64,
    /// Records that changed.
    pub updated: u64,
    /// Records that were deleted.
    #[serde(default)]
    pub deleted: u64,
    /// Records that were already so, and versions that they have had before.
    pub unchanged: u64,
    /// Records that are here, differ and stay as they are: changed or deleted here since, or newer.
    #[serde(default)]
    pub kept: u64,
    /// Records refused, a file or parcel that was refused whole counted as one.
    pub rejected: u64,
    /// Records that were taken with leaves that are not valid.
    #[serde(default)]
    pub marked: u64,
    /// References that lead to a record here.
    #[serde(default)]
    pub links: u64,
    /// References that name nobody here.
    #[serde(default)]
    pub dangling: u64,
    /// Records that are here now as the files have them or newer, by their kind; each once.
    #[serde(default)]
    pub kinds: std::collections::BTreeMap<String, u64>,
    /// What there is to tell of single entries: the first of each kind.
    pub problems: Vec<RejectedRecord>,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// As in [`InviteReport::warnings`].
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// An entry of which an import has something to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedRecord {
    /// `refused`, `marked`, `dangling`, `kept` or `said`.
    #[serde(default)]
    pub what: String,
    /// The file and, in it, the entry or line.
    pub place: String,
    /// Why, without any content.
    pub reason: String,
}

/// A node that a parcel is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipientReport {
    /// Its key, hexadecimal.
    pub node: String,
    /// The node's name.
    pub name: String,
}

/// `chaski parcel write --json`, to which the command adds `file`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParcelWriteReport {
    /// The nodes that the parcel is for.
    pub recipients: Vec<RecipientReport>,
    /// Records of which something is in it.
    pub records: u64,
    /// Signed changes in it.
    pub changes: u64,
    /// Length of the file.
    pub bytes: u64,
    /// When, RFC 3339, the recipients are known to have held what came before; null where it begins with the first.
    pub since: Option<String>,
    /// Where it was written for all: the members that were left out, as their grant is over.
    #[serde(default)]
    pub left_out: Vec<RecipientReport>,
    /// What is to be told of this node itself, one sentence each: its grant, its clock, that it was revoked, so that
    /// nobody may read the file.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// `chaski parcel read --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParcelReadReport {
    /// The key of the node that wrote it, hexadecimal; null where the file could not be read so far.
    pub from: Option<String>,
    /// That node's name; null likewise.
    pub name: Option<String>,
    /// When it was written, RFC 3339, by that node's clock; null likewise.
    pub made: Option<String>,
    /// Records in the parcel; of one whose end is missing, those that were read.
    pub records: u64,
    /// Signed changes in it.
    pub changes: u64,
    /// Records that changed here.
    pub new_records: u64,
    /// Changes that were refused.
    pub refused: u64,
    /// Changes set aside.
    pub quarantined: u64,
    /// Changes that wait until it is known that their author is a member.
    #[serde(default)]
    pub awaiting: u64,
    /// Whether this node holds all that that one held when it wrote the parcel, and maybe more: known where the parcel
    /// and those before it tell all of it, or both held the same. False where something of it was refused, set aside
    /// or waits, or this node holds fewer records; null where it cannot be known.
    pub in_sync: Option<bool>,
    /// Whether the parcel builds on changes that never came here.
    pub gap: bool,
    /// Why the file could not be read to its end, or at all; null where it was.
    pub fault: Option<String>,
    /// Whether that is because it is not sealed to this node.
    #[serde(default)]
    pub not_for_this_node: bool,
    /// The first of what was refused or set aside: record and reason.
    pub problems: Vec<String>,
    /// As in [`InviteReport::warnings`].
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A write that is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenReport {
    /// The record as `Type/id`.
    pub record: String,
    /// The version that is current now.
    pub version: String,
    /// Whether it is new here.
    pub created: bool,
    /// Whether there was nothing to change.
    pub unchanged: bool,
    /// The records, as `Type/id`, that a decision gave an id of their own.
    #[serde(default)]
    pub apart: Vec<String>,
    /// As in [`InviteReport::warnings`].
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What `doctor` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorReport {
    /// Records verified by their signatures.
    pub records: u64,
    /// Changes whose signatures were checked.
    pub changes: u64,
    /// Records that are damaged.
    pub damaged: u64,
    /// Problems found in all.
    pub problem_count: u64,
    /// The first of them, one sentence each.
    pub problems: Vec<String>,
    /// Records taken over into a rebuilt store.
    pub rebuilt: Option<u64>,
}

/// A token in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditedToken {
    /// The token's id, by which it is revoked.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// What it may.
    pub roles: Vec<String>,
    /// When it ends, RFC 3339.
    pub expires: Option<String>,
    /// Whether the token was ended before its time.
    pub revoked: bool,
}
