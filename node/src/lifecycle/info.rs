//! What the pages show of the node, kept ready in memory.
//!
//! Invariants: a page never waits for the store or the network: both are asked by one task, after
//! changes and at most five times a second; how it stands with the other nodes is reckoned from that when a page is
//! made, by the rule of the commands; ending the node ends the pages' event streams.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chaski_net::limits::UNHEARD_MS;
use chaski_net::setup::Membership;
use chaski_net::{Net, PeerInfo};
use chaski_store::{Env, NodeId, ScopeFilter, Stats, Subscription, SystemEnv};
use chaski_ui::{FirstSync, Nag, NodeInfo, NodeSummary, PeerSummary, SiteSummary};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::node::{Node, blocking};
use crate::error::NodeError;
use crate::grants::{ClockOff, Ground, Logged, OwnEnd, SoleIssuer, is_before_release};
use crate::hub::Lag;
use crate::key::Protection;
use crate::text::fingerprint_text;
use crate::{hub, member, network, peers, zone};

/// The shortest time between two looks at the store.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// The longest: what changes without a sign (free space, clocks) is seen then. When a peer that is not heard comes to
/// be told as silent, it is looked then.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(30);

/// Hex digits of a fingerprint that people compare.
const FINGERPRINT_DIGITS: usize = 12;

/// The node as the pages see it.
pub struct Info {
    node: Node,
    membership: Membership,
    test_data: bool,
    seen: RwLock<Seen>,
    logged: Logged,
    changes: Mutex<Option<watch::Sender<u64>>>,
}

/// What was seen at the last look.
#[derive(Debug, Clone, Default)]
struct Seen {
    stats: Stats,
    fingerprint: String,
    network: Option<Arc<Heard>>,
    root_exported: bool,
    disk_free_bytes: Option<u64>,
}

impl Seen {
    /// What was known of the other nodes.
    fn infos(&self) -> &[PeerInfo] {
        self.network.as_ref().map_or(&[], |heard| &heard.infos)
    }
}

/// What was known of the other nodes at the last look.
#[derive(Debug)]
struct Heard {
    ground: Ground,
    infos: Vec<PeerInfo>,
}

impl Heard {
    /// How it stands with them at a time.
    fn at(&self, now_ms: u64) -> SeenNetwork {
        SeenNetwork::of(&self.ground.at(now_ms, &self.infos), &self.infos)
    }

    /// Until it stands otherwise with one of them, if nothing more is heard.
    fn until_silent(&self, now_ms: u64) -> Option<Duration> {
        let connected = self.infos.iter().filter(|peer| peer.connected);
        let silent_ms = connected.map(|peer| peer.last_seen_ms.saturating_add(UNHEARD_MS));
        let next_ms = silent_ms.filter(|silent_ms| *silent_ms > now_ms).min()?;
        Some(Duration::from_millis(next_ms.saturating_sub(now_ms)))
    }
}

/// How it stands with the other nodes.
#[derive(Debug, Clone, Default)]
struct SeenNetwork {
    peers: Vec<PeerSummary>,
    sites: Vec<SiteSummary>,
    /// The peer that says that this node is revoked.
    revoked_by: Option<String>,
    /// How far this machine's clock stands before times that it has noted.
    clock_behind_ms: Option<u64>,
    /// That it differs from those of most others.
    clock_off: Option<ClockOff>,
    lag: Lag,
    own_end: Option<OwnEnd>,
    sole_issuer: Option<SoleIssuer>,
}

impl SeenNetwork {
    fn of(ground: &Ground, infos: &[PeerInfo]) -> Self {
        let now_ms = ground.now_ms();
        let peers = network::summaries(ground, infos, now_ms);
        Self {
            peers,
            sites: hub::site_summaries(ground, infos, now_ms),
            revoked_by: ground.revoked_by().map(str::to_owned),
            clock_behind_ms: ground.clock_behind_ms(),
            clock_off: ground.clock_off(infos).cloned(),
            lag: Lag::of(ground, infos, now_ms),
            own_end: ground.own_end(infos),
            sole_issuer: ground.sole_issuer(infos),
        }
    }
}

/// What is wrong with this machine's clock by what it has noted itself or by those of most others: of the two only one
/// is there at a time ([`Ground::clock_off`]).
fn clock_nag(behind_ms: Option<u64>, off: Option<ClockOff>) -> Option<Nag> {
    let behind = behind_ms.map(|behind_ms| Nag::ClockBehind { behind_ms });
    behind.or_else(|| {
        off.map(|off| Nag::ClockOff {
            by_ms: off.by_ms,
            is_ahead: off.is_ahead,
            of: off.of,
            is_only: off.is_only,
        })
    })
}

impl SeenNetwork {
    /// What is to be told of this node among the others.
    fn nags(&self) -> Vec<Nag> {
        let mut nags = Vec::new();
        if let Some(by) = self.revoked_by.clone() {
            nags.push(Nag::Revoked { by });
        }
        nags.extend(clock_nag(self.clock_behind_ms, self.clock_off.clone()));
        nags.extend(self.own_end.clone().map(|end| match end {
            OwnEnd::Soon(left_ms) => Nag::Grant {
                left_ms: Some(left_ms),
            },
            OwnEnd::Over(_) => Nag::Grant { left_ms: None },
            OwnEnd::ClockAhead(ahead_ms, of) => Nag::ClockAhead { ahead_ms, of },
        }));
        nags.extend(match (self.lag.silent_ms, self.lag.stale) {
            (Some(silent_ms), _) => Some(Nag::Silent { silent_ms }),
            (None, 0) => None,
            (None, sites) => Some(Nag::Stale { sites }),
        });
        nags.extend(self.sole_issuer.clone().map(|sole| Nag::SoleIssuer {
            name: Some(sole.name).filter(|_| !sole.is_here),
            ends_ms: sole.ends_ms,
            over: sole.over,
            untold: sole.untold,
        }));
        nags
    }
}

/// The task that keeps an [`Info`] up to date.
pub struct Watching {
    task: JoinHandle<()>,
    _subscription: Subscription,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Info {
    /// Starts to watch a node.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn start(node: &Node, net: &Net, test_data: bool) -> Result<(Arc<Self>, Watching), NodeError> {
        let membership = member::membership(node.store())?;
        let (changes, _) = watch::channel(0);
        let info = Arc::new(Self {
            node: node.clone(),
            membership,
            test_data,
            seen: RwLock::default(),
            logged: Logged::default(),
            changes: Mutex::new(Some(changes)),
        });
        info.look(net).await;
        let (wake, woken) = watch::channel(0_u64);
        let subscription = node.store().subscribe(Box::new(move |position| {
            wake.send_replace(position);
        }));
        let task = tokio::spawn(watch_node(Arc::clone(&info), net.clone(), woken));
        Ok((
            info,
            Watching {
                task,
                _subscription: subscription,
            },
        ))
    }

    /// Ends the event streams.
    pub fn end(&self) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// What was seen at the last look, as Prometheus text: what `chaski-http` does not tell itself, as
    /// no metric may stand twice.
    pub fn metrics(&self) -> String {
        let seen = self.seen();
        let stats = &seen.stats;
        let gauges = [
            ("chaski_conflicts", "Open conflicts.", stats.conflicts),
            (
                "chaski_pending_changes",
                "Changes that wait for their predecessors.",
                stats.pending,
            ),
            ("chaski_disk_bytes", "Bytes of the directory.", stats.disk_bytes),
            (
                "chaski_feed_position",
                "Last position of the arrival log.",
                stats.position,
            ),
            ("chaski_peers", "Other nodes known.", seen.infos().len() as u64),
            (
                "chaski_peers_connected",
                "Sessions open.",
                seen.infos().iter().filter(|peer| peer.connected).count() as u64,
            ),
        ];
        gauges
            .into_iter()
            .map(|(name, help, value)| format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n"))
            .collect()
    }

    /// Open conflicts at the last look.
    pub fn conflicts(&self) -> u64 {
        self.seen().stats.conflicts
    }

    /// Whether a session with this node was open at the last look.
    pub fn is_connected(&self, node: &NodeId) -> bool {
        let seen = self.seen();
        let mut infos = seen.infos().iter();
        infos.any(|peer| peer.connected && peer.node == *node)
    }

    fn bump(&self) {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(changes) = changes.as_ref() {
            changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    async fn look(&self, net: &Net) {
        let store = self.node.store().clone();
        let infos = tokio::time::timeout(peers::ENGINE_WAIT, net.peers()).await;
        let infos = infos.ok().and_then(Result::ok);
        let looked = blocking(move || {
            let stats = store
                .stats()
                .map_err(|error| NodeError::failed("looking at the store", error))?;
            let (fingerprint, _) = store
                .fingerprint(&ScopeFilter::all())
                .map_err(|error| NodeError::failed("looking at the store", error))?;
            let network = match infos {
                Some(infos) => Some((Ground::of(&store, &infos)?, infos)),
                None => None,
            };
            Ok((
                stats,
                fingerprint_text(&fingerprint),
                member::root_is_exported(&store),
                network,
            ))
        })
        .await;
        let (stats, fingerprint, root_exported, network) = match looked {
            Ok(looked) => looked,
            Err(error) => {
                tracing::warn!(%error, "the pages show an older state");
                return;
            }
        };
        let network = match network {
            Some((ground, infos)) => {
                self.logged.tell(&ground, &infos);
                Some(Arc::new(Heard { ground, infos }))
            }
            // Busy with a large exchange: what was seen before still says most of it.
            None => self.seen().network,
        };
        let seen = Seen {
            disk_free_bytes: stats.disk_full.then(|| free_bytes(self.node.data())).flatten(),
            stats,
            fingerprint: fingerprint.chars().take(FINGERPRINT_DIGITS).collect(),
            network,
            root_exported,
        };
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = seen;
        self.bump();
    }

    fn seen(&self) -> Seen {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How it stands with the other nodes now.
    fn network(&self) -> SeenNetwork {
        let heard = self.seen().network;
        heard.map_or_else(SeenNetwork::default, |heard| heard.at(SystemEnv.now_ms()))
    }

    /// When to look next, though nothing gives a sign.
    fn look_next(&self) -> Duration {
        let heard = self.seen().network;
        let silent = heard.and_then(|heard| heard.until_silent(SystemEnv.now_ms()));
        silent.map_or(LOOK_INTERVAL_MAX, |silent| silent.min(LOOK_INTERVAL_MAX))
    }
}

async fn watch_node(info: Arc<Info>, net: Net, mut woken: watch::Receiver<u64>) {
    let mut net_changes = net.changes();
    loop {
        tokio::select! {
            changed = woken.changed() => if changed.is_err() { return },
            changed = net_changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(info.look_next()) => {}
        }
        info.look(&net).await;
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn free_bytes(data: &std::path::Path) -> Option<u64> {
    rustix::fs::statvfs(data)
        .ok()
        .map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

impl NodeInfo for Info {
    fn summary(&self) -> NodeSummary {
        let seen = self.seen();
        NodeSummary {
            id: self.membership.node.to_string().chars().take(12).collect(),
            name: self.membership.name.clone(),
            site: Some(self.membership.site.clone()).filter(|site| !site.is_empty()),
            test_data: self.test_data,
            is_zone_read: zone::read().is_some(),
            zone: self.node.clinic().zone().clone(),
            records: seen.stats.records,
            fingerprint: seen.fingerprint,
        }
    }

    fn peers(&self) -> Vec<PeerSummary> {
        self.network().peers
    }

    fn sites(&self) -> Vec<SiteSummary> {
        self.network().sites
    }

    fn first_sync(&self) -> Option<FirstSync> {
        let heard = self.seen().network;
        heard.and_then(|heard| peers::first_sync(&heard.infos))
    }

    fn nags(&self) -> Vec<Nag> {
        let (seen, network) = (self.seen(), self.network());
        let mut nags = network.nags();
        if !nags.iter().any(Nag::is_of_clock) && is_before_release(SystemEnv.now_ms()) {
            nags.push(Nag::ClockEarly);
        }
        if seen.stats.disk_full {
            nags.push(Nag::DiskLow {
                free_bytes: seen.disk_free_bytes.unwrap_or(0),
            });
        }
        if seen.stats.quarantined > 0 {
            nags.push(Nag::Quarantined {
                records: seen.stats.quarantined,
            });
        }
        // Whoever is revoked can do nothing of what only a member can.
        if seen.stats.awaiting > 0 && network.revoked_by.is_none() {
            let changes = seen.stats.awaiting;
            nags.push(Nag::Awaiting { changes });
        }
        if self.test_data {
            return nags;
        }
        if !seen.root_exported {
            nags.push(Nag::RootNotExported);
        }
        match self.node.protection() {
            Protection::Unsealed => nags.push(Nag::Unsealed),
            other if other.lies_beside(self.node.data()) => nags.push(Nag::KeyBesideData),
            _ => {}
        }
        nags
    }

    fn clock_nag(&self) -> Option<Nag> {
        let now_ms = SystemEnv.now_ms();
        let told = self.seen().network.and_then(|heard| {
            let (ground, infos) = (heard.ground.at(now_ms, &heard.infos), &heard.infos);
            let own = match ground.own_end(infos) {
                Some(OwnEnd::ClockAhead(ahead_ms, of)) => Some(Nag::ClockAhead { ahead_ms, of }),
                _ => None,
            };
            clock_nag(ground.clock_behind_ms(), ground.clock_off(infos).cloned()).or(own)
        });
        told.or_else(|| is_before_release(now_ms).then_some(Nag::ClockEarly))
    }

    fn now_ms(&self) -> u64 {
        SystemEnv.now_ms()
    }

    fn random(&self, bytes: &mut [u8]) {
        SystemEnv.random(bytes);
    }

    fn form_key(&self) -> [u8; 32] {
        let seed = self.node.store().signing_key().map(|key| key.to_bytes());
        let Some(seed) = seed else {
            // No identity, so no form of an earlier start: a key of this moment marks nobody's.
            let mut key = [0; 32];
            SystemEnv.random(&mut key);
            return key;
        };
        blake3::derive_key("chaski ui form key 1", &seed)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        match changes.as_ref() {
            Some(changes) => changes.subscribe(),
            // Its sender is gone at once: a stream on it ends.
            None => watch::channel(0).1,
        }
    }
}

#[cfg(test)]
mod tests;
