//! The demo's page over the three nodes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chaski_store::{Env, NodeId, SystemEnv};
use chaski_ui::{DemoBackend, DemoClinic, DemoError, DemoLink, DemoNode, DemoRole, NodeInfo};
use jiff::tz::TimeZone;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::nodes::{DemoNode as Node, DemoNodes, stop_all};
use super::up::{DemoLinkUp, DemoNodeUp, DemoUp};
use crate::error::NodeError;
use crate::zone;

/// The order on the page: the hub between the two.
const ORDER: [&str; 3] = ["clinic", "hub", "mobile"];

/// The order in which scripts are told of them.
const LISTED: [&str; 3] = ["clinic", "mobile", "hub"];

/// The cables, by the nodes' keys.
const CABLES: [(&str, &str); 3] = [("clinic", "hub"), ("hub", "mobile"), ("clinic", "mobile")];

/// The three nodes as the page sees them.
pub struct Backend {
    nodes: Mutex<Vec<Node>>,
    ends: BTreeMap<&'static str, End>,
    on: Mutex<BTreeMap<(&'static str, &'static str), bool>>,
    people: Vec<String>,
    changes: Mutex<Option<watch::Sender<u64>>>,
    watching: Mutex<Vec<JoinHandle<()>>>,
    runtime: Handle,
}

/// What is asked of a node without stopping it meanwhile.
#[derive(Clone)]
struct End {
    name: &'static str,
    http: String,
    id: NodeId,
    net: chaski_net::Net,
    info: Arc<crate::lifecycle::Info>,
    ui: chaski_ui::UiState,
    token: String,
    clinic: DemoClinic,
}

impl Backend {
    /// A page's view of running nodes.
    ///
    /// # Errors
    /// When a node's clinician can't be looked up.
    pub fn new(nodes: DemoNodes) -> Result<Arc<Self>, NodeError> {
        let DemoNodes { nodes, people } = nodes;
        let (changes, _) = watch::channel(0);
        let mut ends = BTreeMap::new();
        for node in &nodes {
            ends.insert(node.cast.key, end(node)?);
        }
        let backend = Arc::new(Self {
            nodes: Mutex::new(nodes),
            ends,
            on: Mutex::new(CABLES.into_iter().map(|cable| (cable, true)).collect()),
            people,
            changes: Mutex::new(Some(changes)),
            watching: Mutex::default(),
            runtime: Handle::current(),
        });
        backend.watch();
        Ok(backend)
    }

    fn watch(self: &Arc<Self>) {
        let tasks = self.ends.values().map(|end| {
            let (backend, mut changes) = (Arc::downgrade(self), end.info.changes());
            tokio::spawn(async move {
                while changes.changed().await.is_ok() {
                    match backend.upgrade() {
                        Some(backend) => backend.bump(),
                        None => return,
                    }
                }
            })
        });
        lock(&self.watching).extend(tasks);
    }

    fn bump(&self) {
        if let Some(changes) = lock(&self.changes).as_ref() {
            changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// Where everything is.
    pub fn up(&self, page: &str) -> DemoUp {
        let all = lock(&self.nodes);
        let nodes = LISTED
            .into_iter()
            .filter_map(|key| all.iter().find(|node| node.cast.key == key))
            .map(|node| DemoNodeUp {
                name: node.cast.key.to_owned(),
                data: node.running.node().data().to_path_buf(),
                http: node.running.http().trim_end_matches('/').to_owned(),
                quic: node.running.net().local_addr().to_string(),
                token_file: node.token_file.clone(),
            })
            .collect();
        let links = CABLES
            .into_iter()
            .map(|(a, b)| DemoLinkUp {
                a: a.to_owned(),
                b: b.to_owned(),
                switch: format!("{page}links/{a}/{b}"),
            })
            .collect();
        DemoUp {
            nodes,
            links,
            page: page.to_owned(),
        }
    }

    /// Ends the page's event streams.
    pub fn end_streams(&self) {
        lock(&self.changes).take();
    }

    /// Stops the nodes.
    pub async fn stop(&self) {
        for task in lock(&self.watching).drain(..) {
            task.abort();
        }
        let nodes = std::mem::take(&mut *lock(&self.nodes));
        stop_all(nodes).await;
    }

    /// Both ends of a cable, whichever way round it is named.
    fn cable(&self, a: &str, b: &str) -> Option<((&'static str, &'static str), &End, &End)> {
        let cable = CABLES
            .into_iter()
            .find(|(one, other)| (*one == a && *other == b) || (*one == b && *other == a))?;
        Some((cable, self.ends.get(cable.0)?, self.ends.get(cable.1)?))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end(node: &Node) -> Result<End, NodeError> {
    let running = &node.running;
    let clinic = running.node().clinic().clone();
    let clinician = clinic
        .token_verify(&node.clinician)
        .map_err(|_| NodeError::Failed("the demo's clinician is unknown to the node".to_owned()))?;
    let identity = running.node().store().identity();
    let id = identity
        .ok_or_else(|| NodeError::Failed("a demo node has no identity".to_owned()))?
        .node;
    Ok(End {
        name: node.cast.name,
        http: running.http().trim_end_matches('/').to_owned(),
        id,
        net: running.net().clone(),
        info: Arc::clone(running.info()),
        ui: running.ui().clone(),
        token: node.clinician.clone(),
        clinic: DemoClinic { clinic, clinician },
    })
}

impl DemoBackend for Backend {
    fn nodes(&self) -> Vec<DemoNode> {
        let shown = |(key, end): (&'static str, &End)| {
            let summary = end.info.summary();
            DemoNode {
                key: key.to_owned(),
                name: end.name.to_owned(),
                role: match key {
                    "hub" => DemoRole::Hub,
                    "mobile" => DemoRole::Mobile,
                    _ => DemoRole::Clinic,
                },
                http: end.http.clone(),
                records: summary.records,
                fingerprint: summary.fingerprint,
                conflicts: end.info.conflicts(),
            }
        };
        ORDER
            .into_iter()
            .filter_map(|key| self.ends.get(key).map(|end| (key, end)))
            .map(shown)
            .collect()
    }

    fn links(&self) -> Vec<DemoLink> {
        let on = lock(&self.on).clone();
        CABLES
            .into_iter()
            .filter_map(|(a, b)| {
                let (_, one, other) = self.cable(a, b)?;
                Some(DemoLink {
                    a: a.to_owned(),
                    b: b.to_owned(),
                    on: on.get(&(a, b)).copied().unwrap_or(true),
                    connected: one.info.is_connected(&other.id),
                })
            })
            .collect()
    }

    fn set_link(&self, a: &str, b: &str, on: bool) -> Result<(), DemoError> {
        let (cable, one, other) = self.cable(a, b).ok_or(DemoError::Unknown)?;
        let switched = self.runtime.block_on(async {
            one.net.set_link_enabled(other.id, on).await?;
            other.net.set_link_enabled(one.id, on).await
        });
        switched.map_err(|error| DemoError::Failed(error.to_string()))?;
        lock(&self.on).insert(cable, on);
        self.bump();
        Ok(())
    }

    fn clinic(&self, node: &str) -> Option<DemoClinic> {
        self.ends.get(node).map(|end| end.clinic.clone())
    }

    fn login_url(&self, node: &str) -> Result<String, DemoError> {
        let end = self.ends.get(node).ok_or(DemoError::Unknown)?;
        Ok(format!("{}{}", end.http, end.ui.login_link(&end.token)))
    }

    fn people(&self) -> Vec<String> {
        self.people.clone()
    }

    fn now_ms(&self) -> u64 {
        SystemEnv.now_ms()
    }

    fn zone(&self) -> TimeZone {
        zone::zone()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        match lock(&self.changes).as_ref() {
            Some(changes) => changes.subscribe(),
            None => watch::channel(0).1,
        }
    }
}
