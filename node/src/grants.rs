//! What is to be told of grants and of clocks that end them: for how long a node may be given records yet,
//! why nothing flows between two, and what a person can do about it.
//!
//! Invariants: each surface (status, list, report, log, page) tells what [`Ground`] answers, never its own
//! reckoning; a grant's end is never told as further off than it is; where two clocks disagree the clock is
//! named and not the grant; names of nodes appear, patients never.

mod clock_off;
mod clocks;
mod early;
mod issuers;
mod sole_issuer;
mod spans;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chaski_net::limits::CLOCK_SKEW_MS;
use chaski_net::setup::Membership;
use chaski_net::{PeerInfo, Trust};
use chaski_store::{Env, NodeId, Store, SystemEnv};
use chaski_ui::{PeerNote, Renewal};
use jiff::tz::TimeZone;

use crate::admin::HaltReport;
use crate::error::NodeError;
use crate::text::time_text;
use crate::{member, zone};

pub use clock_off::ClockOff;
pub use early::is_before_release;
pub use sole_issuer::SoleIssuer;

use spans::{BEHIND_TOLD_MS, DAY_MS, days, span};

/// From when on it is told that a grant ends: in time for a visit, since it is renewed with half of its time to go.
pub const GRANT_WARN_MS: u64 = 60 * DAY_MS;

/// Issuers or nodes named in one sentence.
const NAMED_MAX: usize = 3;

/// How a node that is no issuer becomes one.
const MAKE_ISSUER: &str = "`chaski issuer add NODE --root FILE` makes another node an issuer";

/// After what time the log is told again what still holds.
const LOG_AGAIN: Duration = Duration::from_secs(24 * 3_600);

/// One end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The end that is this node.
    Here,
    /// The end that is the peer.
    There,
}

/// Why one side of a link is given nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its grant is over by both clocks: when it ended, where it ever had one.
    Grant(Option<u64>),
    /// By the clock of the side that gives alone, which is so many milliseconds ahead.
    Clock(u64),
}

/// That one side of a link is given nothing by the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halt {
    /// Who is given nothing.
    pub starved: Side,
    /// Why that side is given nothing.
    pub cause: Cause,
}

/// What is to be told of this node itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnEnd {
    /// Its grant ends in so many milliseconds.
    Soon(u64),
    /// It has ended, then; or there is none.
    Over(Option<u64>),
    /// Its clock is so many milliseconds ahead of this peer's, and by it alone grants are over.
    ClockAhead(u64, String),
}

/// What the answers follow from.
#[derive(Debug, Clone)]
pub struct Ground {
    membership: Membership,
    trust: Arc<Trust>,
    now_ms: u64,
    /// The last time noted here by this node's own clock.
    noted_ms: u64,
    /// By how much this node's clock is ahead of that of others, where it is known to be, and whose.
    ahead: Option<(u64, String)>,
    /// That it differs from that of most others.
    off: Option<ClockOff>,
    /// The peer that says that this node is revoked.
    revoked_by: Option<String>,
    /// That people read times in.
    zone: TimeZone,
}

impl Ground {
    /// As a store knows it, now, with what is known of the other nodes.
    ///
    /// # Errors
    /// When the node is nobody yet, or can't be read.
    pub fn of(store: &Store, peers: &[PeerInfo]) -> Result<Self, NodeError> {
        let membership = member::membership(store)?;
        let trust = Trust::of(store, membership.network)
            .map_err(|error| NodeError::failed("reading who belongs to the network", error))?;
        let ground = Self {
            membership,
            trust,
            now_ms: SystemEnv.now_ms(),
            noted_ms: store.written_ms(),
            ahead: None,
            off: None,
            revoked_by: None,
            zone: zone::zone(),
        };
        Ok(ground.seeing(peers))
    }

    /// The same at another time, with what is known of the other nodes.
    pub(crate) fn at(&self, now_ms: u64, peers: &[PeerInfo]) -> Self {
        let ground = self.clone();
        Self { now_ms, ..ground }.seeing(peers)
    }

    /// The time at which it is answered.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// With what is known of the other nodes: by them this node learns how its own clock stands, and whether it
    /// still belongs to them.
    pub(crate) fn seeing(mut self, peers: &[PeerInfo]) -> Self {
        let heard = peers.iter().flat_map(|peer| {
            let told_ms = peer.contact.told.as_ref().map_or(0, |told| told.at_ms);
            [peer.last_seen_ms, peer.contact.in_sync_ms, told_ms]
        });
        self.noted_ms = heard.fold(self.noted_ms, u64::max);
        self.off = ClockOff::of(peers, self.now_ms);
        let ahead = self.off.as_ref().and_then(ClockOff::ahead);
        self.ahead = self.clock_ahead(peers).or(ahead);
        self.revoked_by = peers
            .iter()
            .find(|peer| peer.says_revoked())
            .map(|peer| peer.name.clone());
        self
    }

    /// This node's role.
    pub fn role(&self) -> &str {
        &self.membership.role
    }

    /// All nodes with their names, this one among them.
    pub fn named<'a>(&'a self, peers: &'a [PeerInfo]) -> Vec<(NodeId, &'a str)> {
        let here = (self.membership.node, self.membership.name.as_str());
        let others = peers.iter().map(|peer| (peer.node, peer.name.as_str()));
        std::iter::once(here).chain(others).collect()
    }

    /// The name of a peer that says that the network has revoked this node.
    pub fn revoked_by(&self) -> Option<&str> {
        self.revoked_by.as_deref()
    }

    /// When a peer joined, by the clock of the issuer that let it in; nothing where that is not known.
    pub fn joined_ms(&self, peer: &PeerInfo) -> Option<u64> {
        self.trust.joined_ms(&peer.node)
    }

    /// How far this node's clock stands before times that it has noted itself, where that is worth a word.
    pub fn clock_behind_ms(&self) -> Option<u64> {
        let behind_ms = self.noted_ms.saturating_sub(self.now_ms);
        (behind_ms > BEHIND_TOLD_MS).then_some(behind_ms)
    }

    /// The time by the clocks of others, where this node's is known to be ahead of them.
    fn others_now_ms(&self) -> u64 {
        let ahead_ms = self.ahead.as_ref().map_or(0, |(by_ms, _)| *by_ms);
        self.now_ms.saturating_sub(ahead_ms)
    }

    /// Why nothing flows to or from a peer, if so: by this node's clock and by the peer's, as it stood to this
    /// node's when the two last met. Of one that it has never met the clocks of others stand in its place.
    pub fn halts(&self, peer: &PeerInfo) -> Vec<Halt> {
        if peer.revoked {
            return Vec::new();
        }
        let here_ms = self.now_ms;
        let there_ms = match peer.clock_skew_ms {
            Some(skew_ms) => here_ms.saturating_add_signed(skew_ms),
            None => self.others_now_ms(),
        };
        let ahead_ms = here_ms.abs_diff(there_ms);
        let cause = |ends_ms: Option<u64>, giver_ms: u64, taker_ms: u64| match ends_ms {
            Some(ends_ms) if ends_ms > giver_ms => None,
            Some(ends_ms) if ends_ms > taker_ms => Some(Cause::Clock(ahead_ms)),
            Some(ends_ms) => Some(Cause::Grant(Some(ends_ms).filter(|ms| *ms > 0))),
            None => None,
        };
        let to_them = cause(peer.grant_ends_ms, here_ms, there_ms).map(|cause| Halt {
            starved: Side::There,
            cause,
        });
        // Whoever renews its own does so as soon as it runs.
        let is_renewed = |cause: &Cause| self.membership.renews_itself && matches!(cause, Cause::Grant(_));
        let to_us = cause(self.membership.grant_ends_ms, there_ms, here_ms)
            .filter(|cause| !is_renewed(cause))
            .map(|cause| Halt {
                starved: Side::Here,
                cause,
            });
        to_us.into_iter().chain(to_them).collect()
    }

    /// The time that a peer's grant has yet, where that is worth a word.
    pub fn left_ms(&self, peer: &PeerInfo) -> Option<u64> {
        let ends_ms = peer.grant_ends_ms.filter(|_| !peer.revoked)?;
        let left_ms = ends_ms.saturating_sub(self.now_ms);
        // By a clock that is known to be ahead it seems so; the clock is told.
        if ends_ms.saturating_sub(self.others_now_ms()) > GRANT_WARN_MS {
            return None;
        }
        // One that renews its own is warned nowhere: it need meet nobody.
        let is_due = (1..=GRANT_WARN_MS).contains(&left_ms) && !self.trust.may_renew(&peer.node, &peer.node);
        is_due.then_some(left_ms)
    }

    /// What is to be told of this node's own grant and clock.
    pub fn own_end(&self, peers: &[PeerInfo]) -> Option<OwnEnd> {
        if self.revoked_by.is_some() {
            // Nobody renews it: that it is revoked is told instead.
            return None;
        }
        own_end(&self.membership, self.now_ms, self.clock_ahead(peers))
    }

    /// The peer met last whose clock says that a grant is not over which is by this node's.
    fn clock_ahead(&self, peers: &[PeerInfo]) -> Option<(u64, String)> {
        let own_ends_ms = self.membership.grant_ends_ms.unwrap_or(0);
        let is_ahead = |peer: &&PeerInfo| {
            let skew_ms = peer.clock_skew_ms.unwrap_or(0);
            let there_ms = self.now_ms.saturating_add_signed(skew_ms);
            let is_split = |ends_ms: u64| {
                ends_ms > there_ms && ends_ms <= self.now_ms && skew_ms.unsigned_abs() > CLOCK_SKEW_MS
            };
            is_split(own_ends_ms) || is_split(peer.grant_ends_ms.unwrap_or(0))
        };
        let met_last = peers
            .iter()
            .filter(is_ahead)
            .max_by_key(|peer| peer.last_seen_ms)?;
        let ahead_ms = met_last.clock_skew_ms.unwrap_or(0).unsigned_abs();
        Some((ahead_ms, met_last.name.clone()))
    }

    /// That this node's clock was set back, in a sentence.
    pub fn clock_warning(&self) -> Option<String> {
        let behind_ms = self.clock_behind_ms()?;
        Some(format!(
            "this node's clock stands {} behind times that it has noted itself: it is wrong, or was; check date and \
             time before writing",
            span(behind_ms)
        ))
    }

    /// What is to be told of the node itself, in a sentence.
    pub fn own_warning(&self, peers: &[PeerInfo]) -> Option<String> {
        Some(match self.own_end(peers)? {
            OwnEnd::Soon(left_ms) => format!(
                "this node's grant ends in {}: before that, {}; otherwise it receives nothing more",
                days(left_ms),
                self.meet(&self.membership.node, peers)
            ),
            OwnEnd::Over(since_ms) => format!(
                "this node's grant is over{}: it hands over what it holds, and receives nothing until it is renewed: {}",
                self.since(since_ms),
                self.meet(&self.membership.node, peers)
            ),
            OwnEnd::ClockAhead(by_ms, of) => format!(
                "this node's clock is {} ahead of that of {of}, and by it alone grants are over: set date and time \
                 right, or nothing is exchanged",
                days(by_ms)
            ),
        })
    }

    /// That a peer's grant ends soon, in a sentence.
    pub fn peer_warning(&self, peer: &PeerInfo, peers: &[PeerInfo]) -> Option<String> {
        let left = days(self.left_ms(peer)?);
        let meet = self.meet(&peer.node, peers);
        Some(format!(
            "the grant of {} ends in {left}: before that, {meet}",
            peer.name
        ))
    }

    /// The peers whose grants end soon, in a sentence.
    pub fn peers_warning(&self, peers: &[PeerInfo]) -> Option<String> {
        let mut ending: Vec<(u64, &str)> = peers
            .iter()
            .filter_map(|peer| Some((self.left_ms(peer)?, peer.name.as_str())))
            .collect();
        ending.sort_unstable();
        let (count, named) = (ending.len(), ending.iter().take(NAMED_MAX));
        let named: Vec<String> = named
            .map(|(left_ms, name)| format!("{name} in {}", days(*left_ms)))
            .collect();
        let others = match count.saturating_sub(named.len()) {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        (count > 0).then(|| {
            format!(
                "grants of other nodes end soon: {}{others}; each has to meet an issuer before",
                named.join(", ")
            )
        })
    }

    /// What `status` warns of.
    pub fn warnings(&self, peers: &[PeerInfo]) -> Vec<String> {
        let own = self
            .clock_warnings(peers)
            .into_iter()
            .chain(self.own_warning(peers));
        let others = self.peers_warning(peers).into_iter();
        own.chain(others).chain(self.sole_issuer_warning(peers)).collect()
    }

    /// Whom a node can meet to be renewed, and what to do where nobody is left.
    fn meet(&self, node: &NodeId, peers: &[PeerInfo]) -> String {
        if self.trust.may_renew(&self.membership.node, node) {
            return "it is renewed when it meets this node".to_owned();
        }
        let mut able: Vec<&PeerInfo> = peers
            .iter()
            .filter(|peer| peer.node != *node && !peer.revoked && self.trust.may_renew(&peer.node, node))
            .collect();
        if able.is_empty() {
            return format!("no other node may renew it; {MAKE_ISSUER}");
        }
        able.sort_by_key(|peer| std::cmp::Reverse(peer.last_seen_ms));
        let named: Vec<String> = able
            .iter()
            .take(NAMED_MAX)
            .map(|peer| match peer.last_seen_ms {
                0 => format!("{}, not met from here yet", peer.name),
                ms => format!("{}, last met {}", peer.name, self.moment(ms)),
            })
            .collect();
        let who = if *node == self.membership.node {
            "sync"
        } else {
            "it has to sync"
        };
        format!(
            "{who} with a node that invites ({}); where none is left, {MAKE_ISSUER}",
            named.join("; ")
        )
    }

    /// A halt as programs and people are told it.
    pub fn report(&self, halt: &Halt, peer: &PeerInfo, peers: &[PeerInfo]) -> HaltReport {
        let (given_nothing, cause, since_ms, ahead_ms) = match *halt {
            Halt {
                starved,
                cause: Cause::Grant(since_ms),
            } => (starved, "grant", since_ms, None),
            Halt {
                starved,
                cause: Cause::Clock(by_ms),
            } => (starved, "clock", None, Some(by_ms)),
        };
        let (text, remedy) = self.words(halt, peer, peers);
        HaltReport {
            given_nothing: match given_nothing {
                Side::Here => "this node",
                Side::There => "peer",
            }
            .to_owned(),
            cause: cause.to_owned(),
            since: since_ms.map(time_text),
            clock_ahead_ms: ahead_ms,
            text,
            remedy,
        }
    }

    /// What holds, and what a person can do.
    fn words(&self, halt: &Halt, peer: &PeerInfo, peers: &[PeerInfo]) -> (String, String) {
        let set_right =
            |whose: &str| format!("set date and time of {whose} right, if that is the one that is wrong");
        let name = &peer.name;
        match (halt.starved, halt.cause) {
            (Side::There, Cause::Grant(since_ms)) => (
                format!(
                    "{name} is given nothing: its grant is over{}",
                    self.since(since_ms)
                ),
                if self.trust.may_renew(&peer.node, &peer.node) {
                    "it renews its own as soon as it runs and meets another node".to_owned()
                } else {
                    self.meet(&peer.node, peers)
                },
            ),
            (Side::Here, Cause::Grant(since_ms)) => (
                format!(
                    "{name} gives nothing: this node's grant is over{}",
                    self.since(since_ms)
                ),
                if self.trust.may_renew(&peer.node, &self.membership.node) {
                    format!("{name} renews it as soon as the two meet")
                } else {
                    self.meet(&self.membership.node, peers)
                },
            ),
            (Side::There, Cause::Clock(by_ms)) if peer.clock_skew_ms.is_none() => (
                format!(
                    "{name} is given nothing: its grant is over by this node's clock alone, which is {} ahead of that of \
                     {}; whether it has ended is not known",
                    days(by_ms),
                    self.ahead.as_ref().map_or("others", |(_, of)| of)
                ),
                set_right("this node"),
            ),
            (Side::There, Cause::Clock(by_ms)) => (
                format!(
                    "{name} is given nothing: its grant is over by this node's clock alone, which was {} ahead of its \
                     when they met",
                    days(by_ms)
                ),
                set_right("this node"),
            ),
            (Side::Here, Cause::Clock(by_ms)) => (
                format!(
                    "{name} gives nothing: this node's grant is over by the clock of {name} alone, which was {} ahead \
                     when they met",
                    days(by_ms)
                ),
                set_right(name),
            ),
        }
    }

    /// Why nothing flows, in words; nothing where all does.
    pub fn reason(&self, peer: &PeerInfo, peers: &[PeerInfo]) -> Option<String> {
        let halts = self.halts(peer);
        let told: Vec<String> = halts
            .iter()
            .map(|halt| {
                let (text, remedy) = self.words(halt, peer, peers);
                format!("{text}; {remedy}")
            })
            .collect();
        (!told.is_empty()).then(|| told.join(". "))
    }

    /// A moment as people here read it, with its zone: a date alone is another one elsewhere, and a grant would be
    /// told as a day longer.
    fn moment(&self, ms: u64) -> String {
        zone::local_ms_in(&self.zone, ms)
    }

    fn since(&self, since_ms: Option<u64>) -> String {
        since_ms.map_or_else(String::new, |ms| format!(" since {}", self.moment(ms)))
    }

    /// The same for the pages.
    pub fn notes(&self, peer: &PeerInfo) -> Vec<PeerNote> {
        let halts = self.halts(peer);
        let is_renewed_here = self.trust.may_renew(&self.membership.node, &peer.node);
        let renewal = match self.trust.may_renew(&peer.node, &peer.node) {
            true => Renewal::Itself,
            false if is_renewed_here => Renewal::Here,
            false => Renewal::Elsewhere,
        };
        let halted = halts.into_iter().map(|halt| match (halt.starved, halt.cause) {
            (Side::There, Cause::Grant(since_ms)) => PeerNote::GrantOver { since_ms, renewal },
            (Side::Here, Cause::Grant(since_ms)) => PeerNote::OwnGrantOver { since_ms },
            (Side::There, Cause::Clock(by_ms)) => PeerNote::OwnClockAhead {
                by_ms,
                is_met: peer.clock_skew_ms.is_some(),
            },
            (Side::Here, Cause::Clock(by_ms)) => PeerNote::ClockAhead { by_ms },
        });
        let soon = self.left_ms(peer).map(|left_ms| PeerNote::GrantSoon {
            left_ms,
            is_renewed_here,
        });
        halted.chain(soon).collect()
    }

    /// What the log is to be told, by what it is about.
    fn lines(&self, peers: &[PeerInfo]) -> BTreeMap<String, String> {
        let own = self
            .own_end(peers)
            .zip(self.own_warning(peers))
            .map(|(end, text)| {
                let kind = match end {
                    OwnEnd::Soon(_) => "soon",
                    OwnEnd::Over(_) => "over",
                    OwnEnd::ClockAhead(..) => "clock",
                };
                (kind.to_owned(), text)
            });
        let halted = peers
            .iter()
            .filter_map(|peer| Some((peer, self.reason(peer, peers)?)))
            .map(|(peer, text)| {
                let kinds = self.halts(peer).into_iter().map(|halt| match halt.cause {
                    Cause::Grant(_) => (halt.starved, "grant"),
                    // Its figure moves with each meeting.
                    Cause::Clock(_) => (halt.starved, "clock"),
                });
                let key = format!("{} {:?}", peer.node, kinds.collect::<Vec<_>>());
                (key, text)
            });
        let ending = peers
            .iter()
            .filter_map(|peer| Some((format!("{} soon", peer.node), self.peer_warning(peer, peers)?)));
        let sole = self.sole_issuer_warning(peers);
        let sole = sole.map(|text| ("issuer".to_owned(), text));
        let clock = self
            .clock_warnings(peers)
            .into_iter()
            .map(|text| ("own clock".to_owned(), text));
        own.into_iter()
            .chain(clock)
            .chain(halted)
            .chain(ending)
            .chain(sole)
            .collect()
    }
}

/// What is to be told of a node's own grant, if anything; one that may renew its own does, as long as it runs.
fn own_end(membership: &Membership, now_ms: u64, clock_ahead: Option<(u64, String)>) -> Option<OwnEnd> {
    if let Some((by_ms, of)) = clock_ahead {
        return Some(OwnEnd::ClockAhead(by_ms, of));
    }
    let ends_ms = membership.grant_ends_ms.filter(|_| !membership.renews_itself)?;
    match ends_ms.saturating_sub(now_ms) {
        0 => Some(OwnEnd::Over(Some(ends_ms).filter(|ms| *ms > 0))),
        left_ms if left_ms <= GRANT_WARN_MS => Some(OwnEnd::Soon(left_ms)),
        _ => None,
    }
}

/// What the log has been told: each thing once, and again while it holds, a day later.
#[derive(Default)]
pub struct Logged(Mutex<BTreeMap<String, Instant>>);

impl Logged {
    /// Tells the log what it has not been told.
    pub fn tell(&self, ground: &Ground, peers: &[PeerInfo]) {
        for text in self.news(ground.lines(peers), Instant::now()) {
            tracing::warn!("{text}");
        }
    }

    fn news(&self, lines: BTreeMap<String, String>, now: Instant) -> Vec<String> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|key, _| lines.contains_key(key));
        let is_news =
            |at: Option<&Instant>| at.is_none_or(|at| now.saturating_duration_since(*at) >= LOG_AGAIN);
        let mut news = Vec::new();
        for (key, text) in lines {
            if is_news(told.get(&key)) {
                told.insert(key, now);
                news.push(text);
            }
        }
        news
    }
}

#[cfg(test)]
pub(crate) mod tests;
