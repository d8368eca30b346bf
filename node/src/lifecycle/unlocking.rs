//! Opening a directory: which key, how long to wait for the lock, and what each failure means to a person.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use chaski_store::{OpenError, OpenOptions, Store, SystemEnv};

use crate::error::NodeError;
use crate::key::{KeyOptions, Protection, for_opening};

/// How long a command waits for another process to let go of the directory.
pub const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How long one attempt to take the lock waits.
const ATTEMPT_WAIT: Duration = Duration::from_millis(100);

/// A store and what protects it.
#[derive(Clone)]
pub struct Opened {
    /// The store, open.
    pub store: Store,
    /// How it was unlocked.
    pub protection: Protection,
}

/// The free space in MB below which a node takes no more writes, in place of 500 MB or 5 % of the disk:
/// for small disks, and for tests.
const FLOOR_VARIABLE: &str = "CHASKI_DISK_FLOOR_MB";

/// The least of it: room for a group of writes that has begun, and for opening the database again.
const FLOOR_MB_MIN: u64 = 8;

/// What the configuration file says of it: one for the process, which serves one machine's disk.
static FLOOR_CONFIGURED_MB: OnceLock<u64> = OnceLock::new();

/// Takes over the configuration's `[disk] floor_mb`, before anything is opened. The first call counts.
pub fn configure_floor(floor_mb: Option<u64>) {
    if let Some(floor_mb) = floor_mb {
        FLOOR_CONFIGURED_MB.get_or_init(|| floor_mb);
    }
}

/// Options for a store of this machine.
pub fn store_options() -> OpenOptions {
    let variable = std::env::var_os(FLOOR_VARIABLE);
    with_floor(variable.as_deref(), FLOOR_CONFIGURED_MB.get().copied())
}

/// The environment beats the configuration.
fn with_floor(variable: Option<&OsStr>, configured_mb: Option<u64>) -> OpenOptions {
    let options = OpenOptions::default();
    let said = variable.map(|text| text.to_str().and_then(|text| text.trim().parse::<u64>().ok()));
    if said == Some(None) {
        tracing::warn!("{FLOOR_VARIABLE} is no whole number of megabytes, so it does not count");
    }
    match said.flatten().or(configured_mb) {
        Some(floor_mb) => OpenOptions {
            disk_floor_bytes: floor_mb.max(FLOOR_MB_MIN).saturating_mul(1024 * 1024),
            disk_floor_percent: 0,
            ..options
        },
        None => options,
    }
}

/// Options for one attempt.
pub fn attempt() -> OpenOptions {
    OpenOptions {
        lock_wait: ATTEMPT_WAIT,
        ..store_options()
    }
}

/// One attempt with each way of the key. Blocks.
///
/// # Errors
/// The last way's, or the first that has nothing to do with the key.
pub fn open_once(data: &Path, key: &KeyOptions) -> Result<Opened, Failed> {
    let mut last = OpenError::NoKey;
    let mut unusable = None;
    for way in for_opening(data, key).map_err(Failed::Other)? {
        match Store::open(data, &way.unlock, Arc::new(SystemEnv), attempt()) {
            Ok(store) => {
                return Ok(Opened {
                    store,
                    protection: way.protection,
                });
            }
            Err(error @ (OpenError::NoKey | OpenError::WrongKey)) => last = error,
            Err(OpenError::KeyFile(why)) => {
                unusable = Some(OpenError::KeyFile(why.clone()));
                last = OpenError::KeyFile(why);
            }
            Err(error) => return Err(Failed::Open(error)),
        }
    }
    // Without a key that was named, what didn't fit is that there was none, or that the node's own is none.
    if *key == KeyOptions::default() {
        last = unusable.unwrap_or(OpenError::NoKey);
    }
    Err(Failed::Open(last))
}

/// Attempts until the lock is free or `wait` is over. Blocks.
///
/// # Errors
/// As [`open_once`].
pub fn open_waiting(data: &Path, key: &KeyOptions, wait: Duration) -> Result<Opened, Failed> {
    let begun = Instant::now();
    loop {
        match open_once(data, key) {
            Err(Failed::Open(OpenError::InUse)) if begun.elapsed() < wait => {
                std::thread::sleep(Duration::from_millis(50));
            }
            result => return result,
        }
    }
}

/// Why a directory didn't open.
#[derive(Debug)]
pub enum Failed {
    /// The store's reason.
    Open(OpenError),
    /// The key named can't be used.
    Other(NodeError),
}

impl Failed {
    /// For a person, with the exit code it has.
    pub fn into_error(self, data: &Path) -> NodeError {
        match self {
            Self::Open(error) => open_error(&error, data),
            Self::Other(error) => error,
        }
    }
}

/// What a failure to open means to a person.
pub fn open_error(error: &OpenError, data: &Path) -> NodeError {
    let place = data.display();
    match error {
        OpenError::Missing => NodeError::Failed(format!(
            "{place} holds no node; `chaski init`, `chaski join` or `chaski serve` makes one"
        )),
        OpenError::Exists => NodeError::Failed(format!("{place} holds a node already")),
        OpenError::Foreign => NodeError::Failed(format!(
            "{place} holds files that are no node's; choose another directory"
        )),
        OpenError::Linked(name) => NodeError::Failed(format!(
            "{place}/{name} is a symbolic link, which a node does not follow; mount what it points to there, or \
             move the whole directory"
        )),
        OpenError::InUse => NodeError::Locked(format!(
            "{place} is in use by another process that doesn't answer; waited {} s",
            LOCK_WAIT.as_secs()
        )),
        OpenError::ReadOnly => NodeError::Failed(format!(
            "{place} can't be written to: it is read-only, or another user's; a node writes even where it is \
             only read from (its audit)"
        )),
        OpenError::Newer { found, known } => NodeError::Failed(format!(
            "{place} was written by a newer version (format {found}, this one knows {known}); \
             install that version"
        )),
        OpenError::Form { what, found, known } => {
            let (version, done) = match found < known {
                true => (
                    "an earlier",
                    "open it with that version, or join the network anew and sync",
                ),
                false => ("a newer", "install that version"),
            };
            NodeError::Failed(format!(
                "{place} was written by {version} version: its {what} has form {found}, this version reads form \
                 {known}; nothing is damaged: {done}"
            ))
        }
        OpenError::NoKey => NodeError::Key(format!(
            "{place} is sealed; give --passphrase-file or --key-file, or set CHASKI_PASSPHRASE_FILE or \
             CHASKI_KEY_FILE"
        )),
        OpenError::WrongKey => NodeError::Key(format!("the key does not open {place}")),
        OpenError::KeyFile(why) => NodeError::Key(format!("the key file can't be used: {why}")),
        OpenError::Damaged(what) => {
            NodeError::Damage(format!("{place} is damaged: {what}; `chaski doctor` says more"))
        }
        OpenError::DiskFull => NodeError::Failed(format!(
            "too little space is free on the disk of {place}; nothing is lost: free some and try again (a node \
             leaves 500 MB or 5 % of the disk free, or what {FLOOR_VARIABLE} or the configuration says)"
        )),
        OpenError::Io(what) => NodeError::Failed(format!("opening {place}: {what}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_beats_the_configuration_which_beats_the_default() {
        let floor = |variable: Option<&str>, configured_mb| {
            let options = with_floor(variable.map(OsStr::new), configured_mb);
            (options.disk_floor_bytes / 1024 / 1024, options.disk_floor_percent)
        };
        let default = OpenOptions::default();
        let unset = (default.disk_floor_bytes / 1024 / 1024, default.disk_floor_percent);
        assert_eq!(floor(None, None), unset);
        assert_eq!(floor(None, Some(200)), (200, 0));
        assert_eq!(floor(Some("100"), Some(200)), (100, 0));
        assert_eq!(floor(Some("much"), Some(200)), (200, 0));
        assert_eq!(floor(Some("much"), None), unset);
        assert_eq!(
            floor(None, Some(0)),
            (FLOOR_MB_MIN, 0),
            "some room is always left"
        );
    }
}
