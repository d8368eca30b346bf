//! What the network side tells those above: reports, peers, errors.
//!
//! Invariant: `Display` of an error names the cause for a person and never
//! holds record content; sources stand apart.

use std::net::SocketAddr;

use chaski_crdt::author::NodeId;
use serde::{Deserialize, Serialize};

use crate::engine::Problem;
use crate::health::{Contact, Standing};
use crate::limits::UNHEARD_MS;

/// Outcome of one exchange with a peer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SyncReport {
    /// The peer's node id, in hex.
    pub peer: String,
    /// Fingerprints were equal at the positions exchanged, nothing quarantined.
    pub in_sync: bool,
    /// Records sent with at least one change.
    pub sent_records: u64,
    /// Records received with at least one change that was new here.
    pub received_records: u64,
    /// Stream payload sent after the handshake, in bytes.
    pub bytes_out: u64,
    /// Stream payload received after the handshake, in bytes.
    pub bytes_in: u64,
    /// UDP bytes both ways, handshake included.
    pub wire_bytes: u64,
    /// Round trips after the handshake until in sync (or the end).
    pub round_trips: u32,
    /// Duration from dialling on, in seconds.
    pub seconds: f64,
    /// Waited before that for a turn at the peer, in seconds.
    pub waited_seconds: f64,
    /// Changes standing in quarantine here and refused in this exchange.
    pub quarantined: u64,
    /// Changes that wait here until it is known that their author is a member.
    pub awaiting: u64,
    /// Why it is not in sync, in a sentence; empty when it is.
    pub reason: String,
    /// Changes refused in this exchange, with their reason (bounded).
    pub refused: Vec<Refused>,
    /// Where the time of the exchange went.
    pub timing: Timing,
}

/// A change that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// `Type/id` it was filed under.
    pub record: String,
    /// The change's hash in hex, empty when the bytes have none.
    pub change: String,
    /// Why the change was refused.
    pub reason: String,
}

/// Where the time of an exchange went, in microseconds; stages overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Reading and compressing what is sent.
    pub send_us: u64,
    /// Decompressing and verifying what arrived.
    pub verify_us: u64,
    /// Merging and committing it.
    pub commit_us: u64,
}

/// A peer as known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The peer's key.
    pub node: NodeId,
    /// The peer's name.
    pub name: String,
    /// Its site code.
    pub site: String,
    /// The peer's role.
    pub role: String,
    /// When it was last heard of, be it only its transport, in ms since 1970; 0 for never.
    pub last_seen_ms: u64,
    /// Whether the last proof found both equal.
    pub in_sync: bool,
    /// Whether a session is open now.
    pub connected: bool,
    /// Whether something was sent on that, and nothing has been heard of the peer for a while.
    pub is_silent: bool,
    /// Whether the link is switched on.
    pub enabled: bool,
    /// Whether the peer's membership was ended.
    pub revoked: bool,
    /// How far this node's first sync is, as this peer announced it; none once
    /// this node has held all that some peer held.
    pub first_sync: Option<FirstSync>,
    /// Records it holds of what both may hold, as it last said.
    pub records: u64,
    /// Addresses it is looked for at: those it was reached at, or that somebody named.
    pub addresses: Vec<String>,
    /// All that is known of where it is reached, and from where.
    pub known: Vec<KnownAddress>,
    /// Why it was last refused or left, if it was.
    pub problem: Option<Problem>,
    /// Its clock ahead of ours (+) or behind (−) when it last said hello, in
    /// ms; none before it ever did.
    pub clock_skew_ms: Option<i64>,
    /// Changes that came from it and stand in quarantine here, or were refused
    /// in the session that is open.
    pub quarantined: u64,
    /// When its grant ends, in ms since 1970; 0 where it has none, nothing where it never does.
    pub grant_ends_ms: Option<u64>,
    /// How the contact with it is.
    pub contact: Contact,
}

/// An address of a peer, and from where it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAddress {
    /// The address itself.
    pub address: String,
    /// From where it is known.
    pub from: AddressFrom,
}

/// From where an address of a peer is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressFrom {
    /// The peer told this node itself.
    Told,
    /// The peer has told it, and another node, of this name, handed it on.
    Through(String),
    /// This node joined the network there.
    Joined,
    /// It stands in the configuration.
    Configured,
    /// Somebody asked for an exchange there.
    Asked,
    /// It was announced on the local network.
    Mdns,
    /// The peer dialled from there.
    Met,
    /// It was reached there; how it had become known was not noted.
    Reached,
}

/// Whether a text that people read as a name holds no character that controls or turns what stands beside it.
#[must_use]
pub fn is_harmless(text: &str) -> bool {
    !text.chars().any(is_turning)
}

/// What a member says of itself, with each character that controls or turns the text around it replaced: a name
/// must not make a row, a log or a page read otherwise than it is.
#[must_use]
pub fn harmless(text: &str) -> String {
    let shown = |c: char| {
        if is_turning(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(shown).collect()
}

/// Control characters, those that end a line, and those of Unicode's bidirectional algorithm (UAX #9).
fn is_turning(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl PeerInfo {
    /// How it stands with the peer at a time of this node's clock.
    #[must_use]
    pub fn standing(&self, now_ms: u64) -> Standing {
        match (self.connected, self.last_seen_ms) {
            (true, _) if self.is_silent => Standing::Silent,
            (true, heard_ms) if now_ms.saturating_sub(heard_ms) >= UNHEARD_MS => Standing::Silent,
            (true, _) => Standing::Connected {
                in_sync: self.in_sync,
            },
            (false, 0) => Standing::NeverMet,
            (false, _) => Standing::Away,
        }
    }

    /// Whether what was last heard of it was a file that it wrote: no clock was compared then, and nothing was said.
    #[must_use]
    pub fn is_heard_by_file(&self) -> bool {
        !self.connected && self.contact.file_ms > 0 && self.contact.file_ms >= self.last_seen_ms
    }

    /// When its clock was last compared with ours, in ms since 1970; 0 where that is not known.
    #[must_use]
    pub fn clock_ms(&self) -> u64 {
        let told_ms = self.contact.told.as_ref().map_or(0, |told| told.at_ms);
        // What it says of itself says its time.
        self.contact.clock_ms.max(told_ms)
    }

    /// Whether both hold the same at that time, as far as can be known.
    #[must_use]
    pub fn is_in_sync_now(&self, now_ms: u64) -> bool {
        self.standing(now_ms) == Standing::Connected { in_sync: true }
    }
}

impl PeerInfo {
    /// As it may be shown: nothing that a member has said turns the text around it.
    #[must_use]
    pub fn harmless(mut self) -> PeerInfo {
        for text in [&mut self.name, &mut self.site, &mut self.role] {
            *text = harmless(text);
        }
        for known in &mut self.known {
            known.address = harmless(&known.address);
            if let AddressFrom::Through(name) = &mut known.from {
                *name = harmless(name);
            }
        }
        self.addresses = self.addresses.iter().map(|address| harmless(address)).collect();
        self
    }

    /// Whether it last turned this node away as revoked.
    #[must_use]
    pub fn says_revoked(&self) -> bool {
        self.problem.is_some_and(Problem::says_revoked)
    }
}

/// How far a node that has just joined has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstSync {
    /// Records received since the two met.
    pub received: u64,
    /// Records the peer held when they met.
    pub total: u64,
}

/// Whom to sync with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every known peer that answers; the first one, if just one is known.
    Any,
    /// A peer by its key.
    Peer(NodeId),
    /// A peer by its name, or the first hex digits of its key.
    Name(String),
    /// Whoever listens there, if a member.
    Address(SocketAddr),
}

impl Target {
    /// Reads what a person typed: an address, else a name or key prefix.
    #[must_use]
    pub fn parse(text: &str) -> Target {
        match text.parse::<SocketAddr>() {
            Ok(address) => Target::Address(address),
            Err(_) => match text.parse::<NodeId>() {
                Ok(node) => Target::Peer(node),
                Err(_) => Target::Name(text.to_owned()),
            },
        }
    }
}

/// Why a network operation failed.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The UDP address could not be used.
    #[error("cannot listen on {0}")]
    Bind(SocketAddr, #[source] std::io::Error),
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] crate::tls::TlsError),
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(String),
    /// No such peer.
    #[error("no peer is known as {0}")]
    UnknownPeer(String),
    /// No peer known at all.
    #[error("no peer is known yet: give an address, or invite one")]
    NoPeers,
    /// No address of the peer answered.
    #[error("{0} did not answer at any known address")]
    Unreachable(String),
    /// The link to the peer is switched off.
    #[error("the link to {0} is switched off")]
    Disabled(String),
    /// The session ended with a reason.
    #[error("{0}")]
    Closed(crate::engine::CloseReason),
    /// The peer was too slow.
    #[error("no progress with {0} for too long")]
    Timeout(String),
    /// Authority was refused: membership, ticket, grant.
    #[error("{0}")]
    Authority(String),
    /// The network side has been shut down.
    #[error("the network side is shut down")]
    Stopped,
}

/// Why joining failed.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The ticket's text is damaged.
    #[error("{0}")]
    Ticket(#[from] chaski_crdt::authority::TicketError),
    /// The store has an identity already.
    #[error("this directory belongs to a network already")]
    Member,
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(String),
    /// The ticket is for another network, or for a demonstration.
    #[error("this ticket is for another network (or one of the two is a demonstration)")]
    OtherNetwork,
    /// The ticket was used by another node.
    #[error("this ticket has been used already: ask for a new one")]
    Used,
    /// The ticket's time is over, by the issuer's clock.
    #[error("this ticket has expired: ask for a new one")]
    Expired,
    /// The issuer doesn't know the ticket.
    #[error("the issuer does not know this ticket")]
    Unknown,
    /// Nobody with the issuer's key answered, and where that was tried.
    #[error("the issuer did not answer at {0}")]
    Unreachable(String),
    /// Another key answered at the ticket's address.
    #[error("another node answers at the ticket's address: it is not the issuer")]
    Stranger,
    /// The issuer has had no room for as long as it was waited.
    #[error("the issuer has no room: {0}")]
    Busy(crate::engine::CloseReason),
    /// The issuer answered something else.
    #[error("the issuer refused: {0}")]
    Refused(String),
    /// The answer could not be verified.
    #[error("the issuer's answer could not be verified")]
    Answer,
    /// Network set-up failed.
    #[error(transparent)]
    Net(#[from] NetError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::CloseReason;

    #[test]
    fn what_a_person_typed_is_an_address_a_key_or_a_name() {
        let key = NodeId([0xab; 32]);
        let address: SocketAddr = "192.0.2.1:8031".parse().unwrap();
        let rows = [
            ("192.0.2.1:8031", Target::Address(address)),
            (
                "[2001:db8::1]:8031",
                Target::Address("[2001:db8::1]:8031".parse().unwrap()),
            ),
            ("192.0.2.1", Target::Name("192.0.2.1".into())),
            ("clinic 1", Target::Name("clinic 1".into())),
            ("abab", Target::Name("abab".into())),
        ];
        for (text, target) in rows {
            assert_eq!(Target::parse(text), target, "{text}");
        }
        assert_eq!(Target::parse(&key.to_string()), Target::Peer(key));
    }

    #[test]
    fn a_name_turns_no_text_around_it() {
        for name in ["Puno", "عيادة", "Ñuñoa 2\u{200d}", "דן"] {
            assert!(is_harmless(name) && harmless(name) == name, "{name}");
        }
        for turning in [
            '\u{202e}', '\u{2067}', '\u{200f}', '\u{061c}', '\u{2028}', '\n', '\u{1b}',
        ] {
            let name = format!("Pu{turning}no");
            assert!(!is_harmless(&name), "{turning:?}");
            assert_eq!(harmless(&name), "Pu\u{fffd}no");
        }
    }

    #[test]
    fn only_who_says_that_this_node_was_revoked_says_so() {
        let peer = |problem: Option<Problem>| PeerInfo {
            contact: Contact::default(),
            node: NodeId([1; 32]),
            name: String::new(),
            site: String::new(),
            role: String::new(),
            last_seen_ms: 0,
            in_sync: false,
            connected: false,
            is_silent: false,
            enabled: true,
            revoked: false,
            first_sync: None,
            records: 0,
            addresses: Vec::new(),
            known: Vec::new(),
            problem,
            clock_skew_ms: None,
            quarantined: 0,
            grant_ends_ms: None,
        };
        // As this node was told it, and as the peer has it.
        for reason in [CloseReason::RevokedHere, CloseReason::Revoked] {
            assert!(
                peer(Some(Problem::Told(reason.code()))).says_revoked(),
                "{reason}"
            );
        }
        for other in [
            Problem::Own(CloseReason::Revoked.code()),
            Problem::Told(CloseReason::Busy.code()),
            Problem::Told(CloseReason::StrangerHere.code()),
        ] {
            assert!(!peer(Some(other)).says_revoked());
        }
        assert!(!peer(None).says_revoked());
    }
}
