//! The three nodes: made the first time, opened again the next.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaski_clinic::access::{TokenKind, TokenRequest};
use chaski_clinic::{Role, Roles, Settings};
use chaski_crdt::authority::NodeRole;
use chaski_net::NetConfig;
use chaski_net::setup::Founding;
use chaski_store::{OpenError, Store, SystemEnv, Unlock};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::people::{People, bring_in, people};
use crate::config::Http;
use crate::error::NodeError;
use crate::key::Protection;
use crate::lifecycle::{Node, Opened, Parts, Running, blocking, open_error, store_options, write_secret};
use crate::{member, network};

/// A free port of loopback, for HTTP and QUIC alike.
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How long a ticket of the demo is good: it is used at once.
const TICKET_SECONDS: u64 = 600;

/// What a node of the demo is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cast {
    /// Short name, in URLs and scripts.
    pub key: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// Its site's code.
    pub site: &'static str,
}

/// The hub first: the others join through it.
pub const CAST: [Cast; 3] = [
    Cast {
        key: "hub",
        name: "Regional hub",
        site: "HUB",
    },
    Cast {
        key: "clinic",
        name: "Rural clinic",
        site: "CLI",
    },
    Cast {
        key: "mobile",
        name: "Mobile team",
        site: "MOB",
    },
];

/// A node that runs.
pub struct DemoNode {
    /// What it is.
    pub cast: Cast,
    /// What runs, to be stopped with the demo.
    pub running: Running,
    /// The file with its token.
    pub token_file: PathBuf,
    /// The token of its clinician, for the demo's page.
    pub clinician: String,
}

/// The three nodes of the demo.
pub struct DemoNodes {
    /// In the order of [`CAST`].
    pub nodes: Vec<DemoNode>,
    /// Patients to show.
    pub people: Vec<String>,
}

impl DemoNodes {
    /// Makes or opens them and starts them; `None` when told to stop before they are up.
    ///
    /// # Errors
    /// When the directory holds something else, or a node can't be made.
    pub async fn start(
        dir: &Path,
        patients: u32,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<Option<Self>, NodeError> {
        make_folder(dir)?;
        let population = tokio::task::spawn_blocking(move || people(patients));
        let mut nodes: Vec<DemoNode> = Vec::new();
        let mut made = Vec::new();
        for cast in CAST {
            if *stopping.borrow() {
                stop_all(nodes).await;
                return Ok(None);
            }
            let place = Place::new(dir, cast);
            let peers: Vec<SocketAddr> = nodes.iter().map(|node| node.running.net().local_addr()).collect();
            let started = match place.open().await {
                Ok(Some(opened)) => start(&place, opened, peers).await,
                Ok(None) => {
                    made.push(cast.key);
                    make(&place, nodes.first(), peers).await
                }
                Err(error) => Err(error),
            };
            match started {
                Ok(node) => nodes.push(node),
                Err(error) => {
                    stop_all(nodes).await;
                    return Err(error);
                }
            }
        }
        let populated = tokio::select! {
            populated = populate(&nodes, &made, population) => populated.map(Some),
            // Stopped nodes take no more: what is still being brought in ends by that.
            _ = stopping.wait_for(|stop| *stop) => Ok(None),
        };
        match populated {
            Ok(Some(people)) => Ok(Some(Self { nodes, people })),
            Ok(None) => {
                stop_all(nodes).await;
                Ok(None)
            }
            Err(error) => {
                stop_all(nodes).await;
                Err(error)
            }
        }
    }
}

/// Brings its share of the people into each node that was made; the patients to show.
async fn populate(
    nodes: &[DemoNode],
    made: &[&str],
    population: JoinHandle<People>,
) -> Result<Vec<String>, NodeError> {
    let People {
        hub,
        clinic,
        mobile,
        shown,
    } = population
        .await
        .map_err(|_| NodeError::Failed("making up the demo's people failed".to_owned()))?;
    let shares = [("hub", hub), ("clinic", clinic), ("mobile", mobile)];
    let bringing = shares
        .into_iter()
        .filter(|(key, _)| made.contains(key))
        .filter_map(|(key, records)| {
            nodes
                .iter()
                .find(|node| node.cast.key == key)
                .map(|node| bring_in(node.running.node(), records))
        });
    futures_util::future::try_join_all(bringing.collect::<Vec<_>>()).await?;
    Ok(shown)
}

/// Stops nodes at the same time.
pub async fn stop_all(nodes: Vec<DemoNode>) {
    futures_util::future::join_all(nodes.into_iter().map(|node| node.running.stop())).await;
}

fn make_folder(dir: &Path) -> Result<(), NodeError> {
    let foreign = std::fs::read_dir(dir).is_ok_and(|entries| {
        let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        !names.is_empty() && !names.iter().any(|name| name == "hub")
    });
    if foreign {
        return Err(NodeError::Failed(format!(
            "{} holds files that are no demo's; choose another directory",
            dir.display()
        )));
    }
    std::fs::create_dir_all(dir).map_err(|error| NodeError::io("making the demo's directory", &error))
}

/// Where a node of the demo is.
struct Place {
    cast: Cast,
    data: PathBuf,
    key: PathBuf,
    token: PathBuf,
    page_token: PathBuf,
}

impl Place {
    fn new(dir: &Path, cast: Cast) -> Self {
        let file = |extension: &str| dir.join(format!("{}.{extension}", cast.key));
        Self {
            cast,
            data: dir.join(cast.key),
            key: file("key"),
            token: file("token"),
            page_token: file("page-token"),
        }
    }

    fn protection(&self) -> Protection {
        Protection::KeyFile(self.key.clone())
    }

    /// The node of an earlier run; `None` when there is none, or only the beginning of one.
    async fn open(&self) -> Result<Option<Opened>, NodeError> {
        let (data, unlock) = (self.data.clone(), Unlock::KeyFile(self.key.clone()));
        let protection = self.protection();
        blocking(
            move || match Store::open(&data, &unlock, Arc::new(SystemEnv), store_options()) {
                Ok(store) if store.identity().is_some() => Ok(Some(Opened { store, protection })),
                Ok(store) => {
                    store.close();
                    drop(store);
                    std::fs::remove_dir_all(&data)
                        .map_err(|error| NodeError::io("removing a half-made demo node", &error))?;
                    Ok(None)
                }
                Err(OpenError::Missing) => Ok(None),
                Err(error) => Err(open_error(&error, &data)),
            },
        )
        .await
    }

    async fn create(&self) -> Result<Store, NodeError> {
        let (data, unlock) = (self.data.clone(), Unlock::KeyFile(self.key.clone()));
        blocking(move || {
            let created = Store::create(&data, &unlock, Arc::new(SystemEnv), store_options())
                .map_err(|error| open_error(&error, &data))?;
            Ok(created.store)
        })
        .await
    }
}

async fn make(place: &Place, hub: Option<&DemoNode>, peers: Vec<SocketAddr>) -> Result<DemoNode, NodeError> {
    let store = place.create().await?;
    let Cast { key, name, site } = place.cast;
    match hub {
        None => {
            let role = NodeRole::from(key);
            let founding = Founding {
                name: name.to_owned(),
                site: site.to_owned(),
                role,
                demo: true,
            };
            let store = store.clone();
            blocking(move || member::found(&store, &founding)).await?;
        }
        Some(hub) => {
            let net = hub.running.net();
            let addresses = vec![net.local_addr().to_string()];
            let (ticket, _) = network::ticket_of(net, key, TICKET_SECONDS, addresses).await?;
            member::join(&store, &ticket, name, site, &member::Joining::quiet(true))
                .await
                .map_err(|failed| failed.error)?;
        }
    }
    start(
        place,
        Opened {
            store,
            protection: place.protection(),
        },
        peers,
    )
    .await
}

async fn start(place: &Place, opened: Opened, peers: Vec<SocketAddr>) -> Result<DemoNode, NodeError> {
    if !member::membership(&opened.store)?.demo {
        return Err(NodeError::Failed(format!(
            "{} is no demo's",
            place.data.display()
        )));
    }
    let node = Node::with_settings(&place.data, opened, Settings::default()).await?;
    let parts = Parts {
        http: Http {
            address: LOOPBACK,
            ..Http::default()
        },
        net: NetConfig {
            quic: LOOPBACK,
            peers,
            ..NetConfig::default()
        },
        test_data: true,
    };
    let running = Running::start(node.clone(), parts).await?;
    token(&node, "demo", Roles::bootstrap(), &place.token).await?;
    let clinician = token_name(place.cast);
    let clinician = token(&node, clinician, Roles::one(Role::Clinician), &place.page_token).await?;
    Ok(DemoNode {
        cast: place.cast,
        running,
        token_file: place.token.clone(),
        clinician,
    })
}

/// Whom the demo's page acts as on a node.
fn token_name(cast: Cast) -> &'static str {
    match cast.key {
        "hub" => "Dr. Demo (hub)",
        "mobile" => "Nurse Demo (mobile)",
        _ => "Nurse Demo (clinic)",
    }
}

/// The token in a file if it still opens what it should, so that a demo that is started again and again
/// has no more of them; else a new one.
async fn token(node: &Node, user: &str, roles: Roles, file: &Path) -> Result<String, NodeError> {
    let (clinic, caller) = (node.clinic().clone(), node.operator("demo"));
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    let kept = kept.trim();
    if let Ok(principal) = clinic.token_verify(kept)
        && principal.user == user
        && principal.roles == roles
    {
        return Ok(kept.to_owned());
    }
    let file = file.to_path_buf();
    let request = TokenRequest {
        user: user.to_owned(),
        roles,
        kind: TokenKind::Personal,
        life_ms: None,
    };
    blocking(move || {
        let issued = clinic
            .token_create(&caller, &request)
            .map_err(|error| crate::admin::access_error(&error))?;
        write_secret(&file, &format!("{}\n", issued.token))?;
        Ok(issued.token)
    })
    .await
}
