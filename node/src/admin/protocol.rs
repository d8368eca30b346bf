//! The requests of the admin protocol, and the stream of input and output around one.
//!
//! Invariants: requests and responses are small; file contents, exports and records travel as bounded
//! data frames in order. A field added later must have a default.

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::hub_report::HubReport;
use super::report::{
    AuditedToken, ConflictReport, DoctorReport, ImportReport, InviteReport, IssuerChangeReport, IssuerReport,
    ParcelReadReport, ParcelWriteReport, PeerReport, RevokedReport, StatusReport, SyncReport, WrittenReport,
};

/// What an operator asks of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum AdminRequest {
    /// Who the node is, what it holds, whom it knows.
    Status,
    /// A one-use ticket for a new node.
    Invite {
        /// `clinic`, `mobile` or `hub`.
        role: String,
        /// How long the ticket is good, by this node's clock.
        ttl_seconds: u64,
        /// Addresses to put into the ticket; empty: the ones this node listens on.
        addresses: Vec<String>,
    },
    /// The nodes of the network known here.
    PeerList,
    /// How it stands with each of them, those first that have not synced for long.
    HubStatus {
        /// After how many days.
        stale_days: u32,
    },
    /// Ends a node's membership.
    PeerRevoke {
        /// The node's key or an unambiguous beginning of it, or its name.
        node: String,
    },
    /// Who may invite and renew.
    IssuerList,
    /// Makes a member an issuer, by the root.
    IssuerAdd {
        /// The node's key or an unambiguous beginning of it, or its name.
        node: String,
        /// Roles it may certify; any if empty.
        roles: Vec<String>,
        /// Sites it may certify; any if empty.
        sites: Vec<String>,
        /// The exported root key; the one kept here if absent.
        root: Option<RootFile>,
    },
    /// Ends an issuer, by the root.
    IssuerEnd {
        /// The node's key or the beginning of it, or its name, as for `IssuerAdd`.
        node: String,
        /// The exported root key, as for `IssuerAdd`.
        root: Option<RootFile>,
    },
    /// The root key, sealed by a passphrase and by fresh recovery words; the file follows as data.
    RootExport {
        /// The passphrase, when one was given.
        passphrase: Option<String>,
    },
    /// One exchange with one peer, or with every known one in turn.
    Sync {
        /// A node's name or key, or an address; all known peers if absent.
        peer: Option<String>,
    },
    /// Takes the files that follow as data.
    Import {
        /// What to do with ids that are no UUIDs.
        ids: IdPolicy,
        /// Refuse what is not valid in any leaf, instead of carrying and marking it.
        #[serde(default)]
        strict: bool,
        /// Answer with a line of JSON, as data, for each entry of which there is something to tell.
        #[serde(default)]
        report: bool,
    },
    /// All replicated records as sorted canonical NDJSON, as data.
    Export,
    /// A parcel for other nodes, as data.
    ParcelWrite {
        /// Names or keys of the recipients; empty: every other node that may receive.
        to: Vec<String>,
        /// Also what the recipients are known to have.
        all: bool,
    },
    /// Takes in the parcel that follows as data.
    ParcelRead,
    /// One record, as data.
    Read {
        /// The record as `Type/id`.
        record: String,
        /// A version other than the current one.
        version: Option<String>,
        /// The list of versions instead of a record.
        history: bool,
    },
    /// Writes the record that follows as data.
    Put {
        /// The version the writer has read.
        if_match: Option<String>,
    },
    /// The open conflicts.
    ConflictList,
    /// Settles one conflict.
    ConflictResolve {
        /// The record as `Type/id`.
        record: String,
        /// The conflict's path, as listed.
        path: String,
        /// What shall stand.
        choice: ResolveChoice,
        /// The record's version when it was listed; whatever is current if absent.
        #[serde(default)]
        if_match: Option<String>,
    },
    /// Verifies everything that is stored.
    Doctor {
        /// Also rebuilds what can be derived, from the records.
        rebuild: bool,
    },
    /// A new bearer token.
    TokenCreate {
        /// `administrator`, `clinician` or `reader`; several may be given.
        roles: Vec<String>,
        /// Whose it is, as the audit shall name the holder.
        name: String,
        /// How long it is good; no end if absent.
        ttl_seconds: Option<u64>,
    },
    /// The tokens, without their secrets.
    TokenList,
    /// Ends a token.
    TokenRevoke {
        /// Its listed id.
        id: String,
    },
}

/// An exported root key with what opens it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFile {
    /// The file's content.
    pub sealed: String,
    /// The passphrase or the recovery words.
    pub secret: RootSecret,
}

/// What opens an exported root key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootSecret {
    /// The passphrase that it was sealed with.
    Passphrase(String),
    /// Its recovery words.
    Words(String),
}

/// Neither is ever written to a log.
impl std::fmt::Debug for RootFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootFile").finish_non_exhaustive()
    }
}

/// What an import does with an id that isn't a UUID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdPolicy {
    /// Refuses the record: two legacy systems both have a Patient/1042.
    Uuid,
    /// Puts a prefix before it, and before every reference to it.
    Prefix(String),
    /// Takes it as it is: the operator says that it is unique in the network.
    Accept,
}

/// How a conflict is settled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolveChoice {
    /// The value given, as JSON text; `null` removes the element.
    Value(String),
    /// The N-th value as listed, from 1.
    Pick(usize),
}

/// The answer to a request that was carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "response", content = "value", rename_all = "snake_case")]
pub enum AdminResponse {
    /// Done; there is nothing to tell.
    Done,
    /// To `Status`.
    Status(StatusReport),
    /// To `Invite`.
    Invite(InviteReport),
    /// To `PeerList`.
    Peers(Vec<PeerReport>),
    /// To `HubStatus`.
    Hub(HubReport),
    /// To `IssuerList`.
    Issuers(Vec<IssuerReport>),
    /// To `PeerRevoke`.
    Revoked(RevokedReport),
    /// To `IssuerAdd` and `IssuerEnd`.
    IssuerChanged(IssuerChangeReport),
    /// To `RootExport`: the recovery words.
    Root {
        /// Space-separated words that open the file, as the passphrase does.
        words: String,
    },
    /// To `Sync`.
    Sync(Vec<SyncReport>),
    /// To `Import`.
    Import(ImportReport),
    /// To `Export`.
    Exported {
        /// Records that were written.
        records: u64,
    },
    /// To `ParcelWrite`.
    ParcelWritten(ParcelWriteReport),
    /// To `ParcelRead`.
    ParcelTaken(ParcelReadReport),
    /// To `Put` and `ConflictResolve`.
    Written(WrittenReport),
    /// To `ConflictList`.
    Conflicts(Vec<ConflictReport>),
    /// To `Doctor`.
    Doctor(DoctorReport),
    /// To `TokenCreate`: the only time its secret is told.
    Token {
        /// Its id in the list.
        id: String,
        /// The secret to send as `Authorization: Bearer`.
        token: String,
    },
    /// To `TokenList`.
    Tokens(Vec<AuditedToken>),
}

/// What a command sends after its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The data that follows belongs to a file of this name.
    File(String),
    /// A piece of the current file, ≤ [`DATA_BYTES_MAX`].
    Data(Vec<u8>),
    /// Nothing more comes. A stream that ends without it was cut.
    End,
}

/// What a node sends before its response.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// How far it is.
    Progress(Progress),
    /// A piece of the result.
    Data(Vec<u8>),
}

/// How far long work is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done, for a person.
    pub stage: String,
    /// How many units of the work are done.
    pub done: u64,
    /// Units in all, where known.
    pub total: Option<u64>,
    /// Nothing is being done: it is waited for a turn at another node, for about so many seconds.
    #[serde(default)]
    pub wait: Option<Wait>,
}

/// A turn that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// At which node, by the name a person knows it by.
    pub peer: String,
    /// For about how many seconds more.
    pub seconds: u64,
}

/// The largest piece of data in one frame.
pub const DATA_BYTES_MAX: usize = 256 * 1024;

/// Pieces that may wait in a channel: bounds what is held in memory for one request.
const PIECES_WAITING_MAX: usize = 16;

/// The two streams around one request, from the executing side.
#[derive(Debug)]
pub struct Exchange {
    /// What the command sends.
    pub input: mpsc::Receiver<Input>,
    /// What the node answers before its response.
    pub output: mpsc::Sender<Output>,
}

impl Exchange {
    /// The executing side, and the asking side's ends.
    pub fn pair() -> (Self, mpsc::Sender<Input>, mpsc::Receiver<Output>) {
        let (input_sender, input) = mpsc::channel(PIECES_WAITING_MAX);
        let (output, output_receiver) = mpsc::channel(PIECES_WAITING_MAX);
        (Self { input, output }, input_sender, output_receiver)
    }
}
