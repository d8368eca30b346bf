//! An open node: its store, its clinic, its keys, and its network side once it is needed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use chaski_clinic::people::{NodeDirectory, NodeLabel};
use chaski_clinic::{Caller, Clinic, Settings};
use chaski_net::{Net, NetConfig};
use chaski_store::Store;
use tokio::sync::Mutex;

use super::unlocking::Opened;
use crate::config::Links;
use crate::error::NodeError;
use crate::key::Protection;
use crate::member;

/// A node of which this process has the directory. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    data: PathBuf,
    protection: Protection,
    clinic: Clinic,
    net: Mutex<Option<Net>>,
    links: OnceLock<Links>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("data", &self.inner.data)
            .finish_non_exhaustive()
    }
}

impl Node {
    /// A node over an open store.
    ///
    /// # Errors
    /// When what it keeps can't be read.
    pub async fn over(data: &Path, opened: Opened) -> Result<Self, NodeError> {
        Self::with_settings(data, opened, Settings::default()).await
    }

    /// A node over an open store, with the clinic's settings.
    ///
    /// # Errors
    /// When what it keeps can't be read.
    pub async fn with_settings(
        data: &Path,
        opened: Opened,
        mut settings: Settings,
    ) -> Result<Self, NodeError> {
        let Opened { store, protection } = opened;
        settings.zone = crate::zone::zone();
        settings.directory = Some(Arc::new(Directory { store: store.clone() }));
        let clinic = blocking(move || {
            Clinic::new(store, settings).map_err(|error| NodeError::failed("reading the node's state", error))
        })
        .await?;
        let inner = Inner {
            data: data.to_path_buf(),
            protection,
            clinic,
            net: Mutex::new(None),
            links: OnceLock::new(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The node's directory.
    pub fn data(&self) -> &Path {
        &self.inner.data
    }

    /// How it was unlocked.
    pub fn protection(&self) -> &Protection {
        &self.inner.protection
    }

    /// The operations of the clinic.
    pub fn clinic(&self) -> &Clinic {
        &self.inner.clinic
    }

    /// The store below them.
    pub fn store(&self) -> &Store {
        self.inner.clinic.store()
    }

    /// The operator at the machine, who asks for this.
    pub fn operator(&self, purpose: &str) -> Caller {
        self.inner.clinic.operator(purpose)
    }

    /// Says how the links are that a command calls out over; the first word counts.
    pub fn links_set(&self, links: Links) {
        let _said_before = self.inner.links.set(links);
    }

    /// Starts the network side with this configuration.
    ///
    /// # Errors
    /// When the address can't be used, or it was started before.
    pub async fn net_start(&self, config: NetConfig) -> Result<Net, NodeError> {
        let mut place = self.inner.net.lock().await;
        if place.is_some() {
            return Err(NodeError::Failed("the network side runs already".to_owned()));
        }
        let net = member::start(self.store(), config).await?;
        *place = Some(net.clone());
        Ok(net)
    }

    /// The network side; for a command, one that only calls out.
    ///
    /// # Errors
    /// When it can't be started.
    pub async fn net(&self) -> Result<Net, NodeError> {
        let mut place = self.inner.net.lock().await;
        if let Some(net) = place.as_ref() {
            return Ok(net.clone());
        }
        let links = self.inner.links.get().copied().unwrap_or_default();
        let net = member::start(self.store(), links.calling()).await?;
        *place = Some(net.clone());
        Ok(net)
    }

    /// The network side, if it runs.
    pub async fn net_running(&self) -> Option<Net> {
        self.inner.net.lock().await.clone()
    }

    /// Ends the network side.
    pub async fn net_stop(&self) {
        if let Some(net) = self.inner.net.lock().await.take() {
            net.shutdown().await;
        }
    }

    /// Ends the network side and lets go of the directory.
    pub async fn close(&self) {
        if let Some(net) = self.inner.net.lock().await.take() {
            net.shutdown().await;
        }
        let store = self.store().clone();
        let data = self.inner.data.clone();
        let closed = blocking(move || {
            store.close();
            keep_owner(&data);
            Ok(())
        });
        if let Err(error) = closed.await {
            tracing::warn!(%error, "closing the store");
        }
    }
}

/// Runs what blocks on a thread for it.
///
/// # Errors
/// The work's own, or that it ended abruptly.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| NodeError::Failed("the operation ended abruptly".to_owned()))?
}

/// Files that root made in somebody else's directory are given to its owner, who has to open it again.
/// Links are not followed: the owner must not be given what lies elsewhere.
fn keep_owner(data: &Path) {
    use rustix::fs::{AtFlags, Dir, Mode, OFlags, chownat, fstat, open};
    use rustix::process::{Gid, Uid};
    if rustix::process::geteuid().as_raw() != 0 {
        return;
    }
    let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Some(owner) = open(
        data,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .and_then(fstat)
    .ok()
    .filter(|folder| folder.st_uid != 0) else {
        return;
    };
    let (uid, gid) = (Uid::from_raw(owner.st_uid), Gid::from_raw(owner.st_gid));
    for place in [data.to_path_buf(), data.join("db")] {
        let Ok(folder) = open(&place, folder_flags, Mode::empty()) else {
            continue;
        };
        for entry in Dir::read_from(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if let Err(error) = chownat(&folder, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW) {
                tracing::debug!(%error, "giving a file to the directory's owner");
            }
        }
    }
}

/// Names of the network's nodes, as its membership says.
struct Directory {
    store: Store,
}

impl NodeDirectory for Directory {
    fn label(&self, node: &str) -> Option<NodeLabel> {
        member::label(&self.store, node)
    }
}
