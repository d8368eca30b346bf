//! New nodes: the first of a network, and those that join one.
//!
//! Invariants: a directory that could not be made a node is left as it was found; one that was cut off
//! half-way can be made a node by the same command again; the recovery words stay in the store, sealed,
//! until the caller says that they are told.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaski_crdt::authority::NodeRole;
use chaski_net::setup::{Founding, Membership};
use chaski_store::{OpenError, Store, SystemEnv};

use super::node::blocking;
use super::unlocking::{Failed, Opened, attempt, open_error, open_waiting};
use crate::config::Links;
use crate::error::NodeError;
use crate::key::{KeyOptions, Protection, for_creating};
use crate::member;
use crate::member::JoinFailed;
use crate::names::check_harmless;

/// The longest name or site, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// What a new node is to be.
#[derive(Debug, Clone)]
pub struct NewNode {
    /// Its directory: missing, empty, or half made by an earlier attempt.
    pub data: PathBuf,
    /// The node's name.
    pub name: String,
    /// Its site's code; may be empty.
    pub site: String,
    /// How it is to be sealed.
    pub key: KeyOptions,
}

/// A new node, and what its operator must be told.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its key, hexadecimal.
    pub node: String,
    /// The node's name.
    pub name: String,
    /// Its site's code.
    pub site: String,
    /// The network, hexadecimal.
    pub network: String,
    /// One sentence each.
    pub notices: Vec<String>,
    /// Words that open the directory when its key is lost.
    pub recovery_words: Option<String>,
    words_file: PathBuf,
    /// Lets go of the directory with the last copy.
    store: Arc<Closing>,
}

#[derive(Debug)]
struct Closing(Store);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Made {
    /// Puts the recovery words into a file beside the key, 0600.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write_words(&self) -> Result<PathBuf, NodeError> {
        write_words(
            &self.words_file,
            self.recovery_words.as_deref().unwrap_or_default(),
        )
    }

    /// Whoever must keep the recovery words has them: the node forgets them.
    ///
    /// # Errors
    /// The store's.
    pub async fn words_told(&self) -> Result<(), NodeError> {
        let store = self.store.0.clone();
        blocking(move || forget_words(&store)).await
    }
}

/// Most files of words beside one key, which may seal several directories.
const WORDS_FILES_MAX: usize = 100;

/// Writes recovery words beside the key, and never over another directory's.
fn write_words(file: &Path, words: &str) -> Result<PathBuf, NodeError> {
    let text = format!("{words}\n");
    let numbered = (2..=WORDS_FILES_MAX).map(|number| {
        let mut name = file.as_os_str().to_owned();
        name.push(format!("-{number}"));
        PathBuf::from(name)
    });
    let free = std::iter::once(file.to_path_buf())
        .chain(numbered)
        .find(|file| std::fs::read_to_string(file).map_or(true, |there| there == text));
    let file = free.ok_or_else(|| {
        NodeError::Failed(format!(
            "{} and its like are taken by other words",
            file.display()
        ))
    })?;
    write_secret(&file, &text)?;
    Ok(file)
}

fn forget_words(store: &Store) -> Result<(), NodeError> {
    store
        .recovery_words_told()
        .map_err(|error| NodeError::failed("forgetting the recovery words", error))
}

/// The words of a store that nobody was told yet, where they have a place outside the directory.
fn untold_words(opened: &Opened) -> Result<Option<String>, NodeError> {
    if !opened.protection.holds_words() {
        return Ok(None);
    }
    opened
        .store
        .recovery_words()
        .map_err(|error| NodeError::failed("reading the recovery words", error))
}

/// Puts words that were never told (the power was cut when the node was made) into a file beside the key.
///
/// # Errors
/// When they can't be read or written.
pub fn rescue_words(opened: &Opened, data: &Path) -> Result<Option<PathBuf>, NodeError> {
    let Some(words) = untold_words(opened)? else {
        return Ok(None);
    };
    let file = write_words(&opened.protection.beside(data, WORDS_FILE), &words)?;
    forget_words(&opened.store)?;
    Ok(Some(file))
}

/// The name, after the key's own, of the file with the recovery words.
const WORDS_FILE: &str = "recovery-words";

/// A store that waits to become a node's.
struct Raw {
    opened: Opened,
    recovery_words: Option<String>,
    /// Whether the directory was made or filled here and is to be emptied on failure.
    fresh: bool,
}

/// Makes a new network with one node.
///
/// # Errors
/// When the directory can't be made a node.
pub async fn init(new: NewNode) -> Result<Made, NodeError> {
    check_names(&new)?;
    let raw = raw(&new).await?;
    let founding = Founding {
        name: new.name.clone(),
        site: new.site.clone(),
        role: NodeRole::Clinic,
        demo: false,
    };
    let store = raw.opened.store.clone();
    let founded = blocking(move || member::found(&store, &founding)).await;
    finish(
        new,
        raw,
        founded.map_err(|error| JoinFailed {
            error,
            can_repeat: false,
        }),
    )
    .await
}

/// Makes a node that joins a ticket's network. With `mdns` its issuer is looked for on the local network too,
/// where the ticket's addresses do not answer; what is being done is told in sentences.
///
/// # Errors
/// When the ticket is refused or the directory can't be made a node.
pub async fn join(
    new: NewNode,
    ticket: &str,
    mdns: bool,
    links: Links,
    tell: &(dyn Fn(&str) + Send + Sync),
) -> Result<Made, NodeError> {
    check_names(&new)?;
    // A ticket that can't be read costs no directory.
    member::check_ticket(ticket)?;
    let raw = raw(&new).await?;
    let joining = member::Joining {
        demo: false,
        mdns,
        links,
        tell,
    };
    let joined = member::join(&raw.opened.store, ticket, &new.name, &new.site, &joining).await;
    finish(new, raw, joined).await
}

fn check_names(new: &NewNode) -> Result<(), NodeError> {
    let bad = |text: &str| text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control);
    if new.name.trim().is_empty() || bad(&new.name) || bad(&new.site) {
        return Err(NodeError::Usage(
            "a name has 1 to 128 bytes and no control characters, a site code at most 128".to_owned(),
        ));
    }
    check_harmless("the name", &new.name)?;
    check_harmless("the site code", &new.site)
}

async fn raw(new: &NewNode) -> Result<Raw, NodeError> {
    let (data, key) = (new.data.clone(), new.key.clone());
    blocking(move || raw_blocking(&data, &key)).await
}

fn raw_blocking(data: &Path, key: &KeyOptions) -> Result<Raw, NodeError> {
    let fresh = is_empty(data);
    let way = for_creating(data, key)?;
    if fresh {
        private_folder(data)?;
    }
    match Store::create(data, &way.unlock, Arc::new(SystemEnv), attempt()) {
        Ok(created) => {
            let opened = Opened {
                store: created.store,
                protection: way.protection,
            };
            if !opened.protection.holds_words() {
                forget_words(&opened.store)?;
            }
            Ok(Raw {
                recovery_words: untold_words(&opened)?,
                opened,
                fresh,
            })
        }
        Err(OpenError::Exists) => reuse(data, key),
        Err(error) => {
            if fresh && !matches!(error, OpenError::InUse) {
                empty(data);
            }
            Err(open_error(&error, data))
        }
    }
}

/// A store that an interrupted attempt left without an identity.
fn reuse(data: &Path, key: &KeyOptions) -> Result<Raw, NodeError> {
    let exists = || open_error(&OpenError::Exists, data);
    let opened =
        open_waiting(data, key, std::time::Duration::from_secs(1)).map_err(|failed| match failed {
            Failed::Open(OpenError::InUse | OpenError::NoKey | OpenError::WrongKey) => exists(),
            other => other.into_error(data),
        })?;
    if opened.store.identity().is_some() {
        let rescued = rescue_words(&opened, data);
        opened.store.close();
        return Err(match rescued? {
            None => exists(),
            Some(file) => NodeError::Failed(format!(
                "{}; its recovery words, which had not been told, are in {} (0600): move them to a safe place",
                exists(),
                file.display()
            )),
        });
    }
    Ok(Raw {
        recovery_words: untold_words(&opened)?,
        opened,
        fresh: false,
    })
}

/// The directory, with nothing in it for others to list.
fn private_folder(data: &Path) -> Result<(), NodeError> {
    use std::os::unix::fs::PermissionsExt;
    let about = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            open_error(&OpenError::ReadOnly, data)
        }
        _ => NodeError::io(&format!("making {}", data.display()), &error),
    };
    std::fs::create_dir_all(data).map_err(about)?;
    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)).map_err(about)
}

fn is_empty(data: &Path) -> bool {
    std::fs::read_dir(data).map_or(true, |mut entries| entries.next().is_none())
}

async fn finish(new: NewNode, raw: Raw, outcome: Result<Membership, JoinFailed>) -> Result<Made, NodeError> {
    let Raw {
        opened,
        recovery_words,
        fresh,
    } = raw;
    let Opened { store, protection } = opened;
    let data = new.data.clone();
    let give_up = outcome.as_ref().is_err_and(|failed| !failed.can_repeat) && fresh;
    let words_file = protection.beside(&new.data, WORDS_FILE);
    let membership = match outcome {
        Ok(membership) => membership,
        Err(failed) => {
            blocking(move || {
                store.close();
                drop(store);
                if give_up {
                    empty(&data);
                }
                Ok(())
            })
            .await?;
            return Err(failed.error);
        }
    };
    let mut notices = Vec::new();
    if new.key == KeyOptions::default()
        && let Protection::KeyFile(file) = &protection
    {
        notices.push(format!(
            "The directory is sealed by a new key file: {}. Without it, or the recovery words, nobody can \
             read the records: keep a copy elsewhere.",
            file.display()
        ));
    }
    if protection.lies_beside(&new.data) {
        notices.push(
            "Key and data share a disk: that protects copies of the directory, not against theft of the \
             machine."
                .to_owned(),
        );
    }
    Ok(Made {
        node: membership.node.to_string(),
        name: membership.name,
        site: membership.site,
        network: membership.network.to_string(),
        notices,
        recovery_words,
        words_file,
        store: Arc::new(Closing(store)),
    })
}

/// Takes away what was made in a directory that was empty before. The directory itself stays.
fn empty(data: &Path) {
    for entry in std::fs::read_dir(data).into_iter().flatten().flatten() {
        let path = entry.path();
        let removed = match entry.file_type() {
            Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(&path),
            _ => std::fs::remove_file(&path),
        };
        if let Err(error) = removed {
            tracing::warn!(%error, "removing a half-made directory");
        }
    }
}

/// Writes a file of one secret, 0600, replacing an older one, durable on return.
///
/// # Errors
/// When it can't be written.
pub fn write_secret(path: &Path, text: &str) -> Result<(), NodeError> {
    use std::os::unix::fs::OpenOptionsExt;
    let about = |error: std::io::Error| NodeError::io(&format!("writing {}", path.display()), &error);
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match std::fs::remove_file(&beside) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(about(error)),
    }
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(about)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(about)?;
    std::fs::rename(&beside, path).map_err(about)?;
    // The name is as durable as the content.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(about)
}

/// The machine's name, for a node that was given none.
pub fn machine_name() -> String {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let name = read("/proc/sys/kernel/hostname")
        .or_else(|| read("/etc/hostname"))
        .map(|text| {
            text.trim()
                .chars()
                .filter(|c| !c.is_control())
                .take(64)
                .collect::<String>()
        })
        .filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "clinic".to_owned())
}
