//! What the pages ask of the node they are served by, besides the records.
//!
//! Invariant: the pages hold no clock, no randomness and no network of their
//! own; all three come through [`NodeInfo`]. Every method returns at once from
//! memory: it is called for each page.

use jiff::tz::TimeZone;
use tokio::sync::watch;

/// Days without a sync after which a site is shown first.
pub const STALE_DAYS: u32 = 7;

/// The node, as the frame of every page names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSummary {
    /// Short stable text id (the first hex digits of the node's key): names the session cookie, so
    /// that several nodes on one host do not log each other out.
    pub id: String,
    /// What people call this node, e.g. `Santa Rosa clinic`.
    pub name: String,
    /// Site code, if one was given at `init` or `join`.
    pub site: Option<String>,
    /// True where every record is sample data (`chaski demo`): each page then says so.
    pub test_data: bool,
    /// The zone of the clinic's wall clock, for times shown to people.
    pub zone: TimeZone,
    /// Whether it is the machine's own; false where that could not be read, and UTC stands in its place.
    pub is_zone_read: bool,
    /// Records held, for the home page.
    pub records: u64,
    /// First characters of the network fingerprint; equal on nodes that hold the same.
    pub fingerprint: String,
}

/// One other node, as last seen from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerSummary {
    /// What people call it.
    pub name: String,
    /// The beginning of its key, as commands take it, where another node bears the same name.
    pub mark: Option<String>,
    /// Its site code.
    pub site: Option<String>,
    /// `clinic`, `mobile` or `hub`; anything else is shown as it stands.
    pub role: String,
    /// When it was last heard of, by this node's clock.
    pub last_seen_ms: Option<u64>,
    /// It was heard then by a file alone that it had written.
    pub is_seen_by_file: bool,
    /// How it stands now.
    pub standing: SiteStanding,
    /// Proven equal at the last exchange; `None` where it has not been compared.
    pub in_sync: Option<bool>,
    /// When both were last known to hold the same.
    pub in_sync_ms: Option<u64>,
    /// Its clock ahead (+) of or behind (−) ours.
    pub clock_skew_ms: i64,
    /// Records from it that were refused and wait for a person.
    pub quarantined: u64,
    /// Why nothing flows one way or the other, and what will end that before long.
    pub notes: Vec<PeerNote>,
}

/// What is to be told of what may flow between this node and a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerNote {
    /// Its grant ends soon.
    GrantSoon {
        /// Time until then.
        left_ms: u64,
        /// Whether this node renews it as soon as the two meet.
        is_renewed_here: bool,
    },
    /// Its grant has ended: it is given nothing.
    GrantOver {
        /// When; none where it never had one.
        since_ms: Option<u64>,
        /// Who renews it.
        renewal: Renewal,
    },
    /// This node's grant has ended: it gives nothing.
    OwnGrantOver {
        /// When; none where this node never had one.
        since_ms: Option<u64>,
    },
    /// By its clock, which is ahead, this node's grant has ended: it gives nothing.
    ClockAhead {
        /// By how many milliseconds its clock is ahead.
        by_ms: u64,
    },
    /// By this node's clock, which is ahead, its grant has ended: it is given nothing.
    OwnClockAhead {
        /// By how many milliseconds this node's clock is ahead.
        by_ms: u64,
        /// Whether that is known of its own clock; else of those of others, since the two have never met.
        is_met: bool,
    },
}

/// Who renews a grant that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Its owner, as soon as it is back.
    Itself,
    /// This node, as soon as the two meet.
    Here,
    /// Another node that invites.
    Elsewhere,
}

/// One other site, as the overview of the network tells it; what is not known is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteSummary {
    /// What people call it.
    pub name: String,
    /// The beginning of its key, as commands take it, where another node bears the same name.
    pub mark: Option<String>,
    /// Its site code.
    pub site: Option<String>,
    /// `clinic`, `mobile` or `hub`; anything else is shown as it stands.
    pub role: String,
    /// How it stands now.
    pub standing: SiteStanding,
    /// It last synced, or joined and never has, [`crate::STALE_DAYS`] ago or before that.
    pub is_stale: bool,
    /// Both hold the same now.
    pub is_in_sync: bool,
    /// Why it is not in sync, or soon will not be as nothing flows any more.
    pub reason: Option<SiteReason>,
    /// What else is to be told of grants and clocks.
    pub notes: Vec<PeerNote>,
    /// When it joined, by the clock of whoever let it in.
    pub joined_ms: Option<u64>,
    /// The site by way of which its records come here, as the two do not meet.
    pub by_way: Option<String>,
    /// When it was last heard of, by this node's clock.
    pub last_heard_ms: Option<u64>,
    /// It was heard then by a file alone that it had written.
    pub is_heard_by_file: bool,
    /// When both were last known to hold the same.
    pub in_sync_ms: Option<u64>,
    /// Changes of this node's log that it is not known to have.
    pub backlog: Option<u64>,
    /// Bytes sent to it and received from it since it was first met.
    pub bytes_out: u64,
    /// Bytes received from it since it was first met.
    pub bytes_in: u64,
    /// Its clock ahead (+) of or behind (−) ours.
    pub clock_skew_ms: Option<i64>,
    /// When the two clocks were last compared.
    pub clock_ms: Option<u64>,
    /// Changes from it that stand in quarantine here.
    pub quarantined_here: u64,
    /// Where it is reached, as far as this node knows.
    pub addresses: Vec<SiteAddress>,
    /// What it last said of itself.
    pub told: Option<SiteTold>,
}

/// An address of a site, and from where it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteAddress {
    /// The address itself.
    pub address: String,
    /// From where it is known.
    pub from: AddressSource,
}

/// From where an address of a site is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressSource {
    /// The site told this node itself.
    Told,
    /// The site told it, and another one, of this name, handed it on.
    Through(String),
    /// It stood in the ticket with which this node joined.
    Joined,
    /// It stands in this node's configuration.
    Configured,
    /// Somebody asked for an exchange there.
    Asked,
    /// It was announced on the local network.
    Mdns,
    /// The site dialled from there.
    Met,
    /// It was reached there; how that had become known was not noted.
    Reached,
}

/// What a site says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteTold {
    /// When that was heard, by this node's clock.
    pub at_ms: u64,
    /// The version of its program.
    pub version: String,
    /// Open conflicts there.
    pub conflicts: u64,
    /// Changes in quarantine there.
    pub quarantined: u64,
    /// Changes that wait there for word of their author.
    pub awaiting: u64,
    /// Records it holds.
    pub records: u64,
    /// Bytes free on its disk, if it could tell.
    pub disk_free_bytes: Option<u64>,
    /// It takes no more records, for want of room.
    pub is_disk_full: bool,
}

/// How it stands between this node and a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteStanding {
    /// A session is open, and the site is heard.
    Connected,
    /// A session is open, and nothing has been heard for too long to say how it stands.
    Silent,
    /// No session is open.
    Away,
    /// Never heard of.
    NeverMet,
    /// Taken out of the network.
    Revoked,
}

/// Why a site is not in sync, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteReason {
    /// It was taken out of the network.
    Revoked,
    /// This node was, says the site.
    RevokedHere,
    /// It was never heard of.
    NeverMet,
    /// The times noted of it lie ahead of this node's clock.
    Clock,
    /// One of both is given nothing, and why.
    Halted(PeerNote),
    /// Its disk is full.
    DiskFull,
    /// Changes from it stand in quarantine here.
    QuarantinedHere,
    /// Changes stand in quarantine there.
    Quarantined,
    /// Changes wait there for word of their author.
    Awaiting,
    /// Nothing is heard from the site.
    NotHeard,
    /// It is connected, and the exchange is not at its end.
    AtWork,
}

/// How far a node that has just joined has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstSync {
    /// Records that are here.
    pub received: u64,
    /// Records the peer has announced.
    pub total: u64,
}

/// Something the administrator must still do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nag {
    /// The network has revoked this node: it exchanges nothing with it any more.
    Revoked {
        /// The peer that said so.
        by: String,
    },
    /// The network's root key exists only on this machine.
    RootNotExported,
    /// The key lies on the same disk as the data: protects copies, not theft.
    KeyBesideData,
    /// The store is not sealed at all.
    Unsealed,
    /// Free space is below the floor; writes are refused.
    DiskLow {
        /// Bytes free on the data's disk.
        free_bytes: u64,
    },
    /// This machine's clock stands before times that it has noted itself.
    ClockBehind {
        /// By how many milliseconds the clock is behind.
        behind_ms: u64,
    },
    /// This machine's clock is so far ahead of another's that by it alone grants are over.
    ClockAhead {
        /// By how many milliseconds the clock is ahead.
        ahead_ms: u64,
        /// The other node's name.
        of: String,
    },
    /// This machine's clock differs from that of most sites that it has met.
    ClockOff {
        /// By how many milliseconds the clocks differ.
        by_ms: u64,
        /// Whether it is ahead of theirs; else it is behind.
        is_ahead: bool,
        /// The name of one of them.
        of: String,
        /// Whether that is the only one: then either clock may be wrong.
        is_only: bool,
    },
    /// This machine's clock says a year before this program was made: its battery is dead, say.
    ClockEarly,
    /// No other site was heard for long.
    Silent {
        /// For how many milliseconds none was heard.
        silent_ms: u64,
    },
    /// Sites have not synced for [`crate::STALE_DAYS`].
    Stale {
        /// How many sites they are.
        sites: u64,
    },
    /// Records that failed verification stand aside.
    Quarantined {
        /// How many records they are.
        records: u64,
    },
    /// The node's grant ends soon or has ended: then it receives nothing.
    Grant {
        /// Time until it ends; none once it has.
        left_ms: Option<u64>,
    },
    /// Changes wait until it is known that their author is a member.
    Awaiting {
        /// How many changes they are.
        changes: u64,
    },
    /// One node alone may invite and renew: if it is lost, the grants of others end.
    SoleIssuer {
        /// Its name; none where it is this one.
        name: Option<String>,
        /// When the first of those grants ends, or ended, Unix milliseconds.
        ends_ms: u64,
        /// How many have ended.
        over: u64,
        /// The names of sites that are to be others, and have not been told yet.
        untold: Vec<String>,
    },
}

impl Nag {
    /// Whether it stands against the exchange with others, or against the times that this node notes: while it
    /// does, nothing is well.
    #[must_use]
    pub fn is_against_exchange(&self) -> bool {
        match self {
            Nag::Revoked { .. }
            | Nag::ClockBehind { .. }
            | Nag::ClockAhead { .. }
            | Nag::ClockOff { .. }
            | Nag::ClockEarly
            | Nag::Grant { left_ms: None } => true,
            Nag::Grant { left_ms: Some(_) }
            | Nag::RootNotExported
            | Nag::KeyBesideData
            | Nag::Unsealed
            | Nag::DiskLow { .. }
            | Nag::Silent { .. }
            | Nag::Stale { .. }
            | Nag::Quarantined { .. }
            | Nag::Awaiting { .. }
            | Nag::SoleIssuer { .. } => false,
        }
    }

    /// Whether it says that this machine's clock may be wrong.
    #[must_use]
    pub fn is_of_clock(&self) -> bool {
        matches!(
            self,
            Nag::ClockBehind { .. } | Nag::ClockAhead { .. } | Nag::ClockOff { .. } | Nag::ClockEarly
        )
    }
}

/// The node behind the pages. Implemented by `chaski-node`.
pub trait NodeInfo: Send + Sync + 'static {
    /// Name, site and size.
    fn summary(&self) -> NodeSummary;
    /// The other nodes, in the order of [`NodeInfo::sites`].
    fn peers(&self) -> Vec<PeerSummary>;
    /// The other sites with how it stands with each, in the order to be shown in: who has not synced for long first, then
    /// who never has, then whom this node meets itself, then those that come by way of another, the revoked last.
    fn sites(&self) -> Vec<SiteSummary>;
    /// `None` once the first sync is complete, or where there never was one.
    fn first_sync(&self) -> Option<FirstSync>;
    /// What is still to be done.
    fn nags(&self) -> Vec<Nag>;
    /// What of [`NodeInfo::nags`] says that this machine's clock may be wrong: asked for each page.
    fn clock_nag(&self) -> Option<Nag> {
        self.nags().into_iter().find(Nag::is_of_clock)
    }
    /// Wall clock, Unix milliseconds.
    fn now_ms(&self) -> u64;
    /// Fills `bytes` with cryptographic randomness (session and one-time secrets).
    fn random(&self, bytes: &mut [u8]);
    /// A secret of this node that outlives its restarts: it marks whose a form is.
    fn form_key(&self) -> [u8; 32];
    /// Rises with each commit and each change of a peer or link. Dropping the sender ends the
    /// open event streams, so that the server can stop.
    fn changes(&self) -> watch::Receiver<u64>;
}
