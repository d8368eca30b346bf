//! How a directory is sealed and unlocked: from what the operator named, what systemd hands over, or what
//! the node made for itself.
//!
//! Invariants: a key that was named is the only one tried, so that a wrong one is told and not papered
//! over; a key file a node makes for itself is 0600 and outside the directory.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chaski_store::Unlock;

use crate::error::NodeError;
use crate::place::default_key_file;

/// The name of the credential the packaged unit hands over.
const CREDENTIAL: &str = "chaski.key";

/// The longest passphrase read, in bytes.
const PASSPHRASE_BYTES_MAX: u64 = 4096;

/// The key as the operator named it; nothing named by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyOptions {
    /// A file whose first line is the passphrase.
    pub passphrase_file: Option<PathBuf>,
    /// A key file.
    pub key_file: Option<PathBuf>,
    /// The directory is to have no protection.
    pub unsealed: bool,
}

/// What a directory is protected by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// A passphrase, read from this file.
    Passphrase(PathBuf),
    /// A passphrase or recovery words, typed on the unlock page.
    Typed,
    /// A key file.
    KeyFile(PathBuf),
    /// A systemd credential.
    Credential,
    /// Nothing: the key is known to everyone.
    Unsealed,
}

/// One way to unlock, and what it means.
#[derive(Debug, Clone)]
pub struct Way {
    /// What the store is opened with.
    pub unlock: Unlock,
    /// What `status` says that the directory is protected by.
    pub protection: Protection,
}

impl Protection {
    /// For people, and for `status`.
    pub fn describe(&self, data: &Path) -> String {
        match self {
            Self::Unsealed => "unsealed: protects nothing".to_owned(),
            Self::Credential => "systemd credential; protects copies, not theft".to_owned(),
            Self::Typed => "passphrase, typed at each start".to_owned(),
            Self::Passphrase(file) if shares_disk(file, data) => {
                "passphrase file; protects copies, not theft: it shares a disk with the data".to_owned()
            }
            Self::Passphrase(_) => "passphrase file".to_owned(),
            Self::KeyFile(file) if shares_disk(file, data) => {
                "key file; protects copies, not theft: it shares a disk with the data".to_owned()
            }
            Self::KeyFile(_) => "key file on another disk".to_owned(),
        }
    }

    /// Whether whoever takes the disk has the key too.
    pub fn lies_beside(&self, data: &Path) -> bool {
        match self {
            Self::Passphrase(file) | Self::KeyFile(file) => shares_disk(file, data),
            Self::Credential => true,
            Self::Typed | Self::Unsealed => false,
        }
    }

    /// What weakens the file with the key, in a sentence for people.
    pub fn exposed(&self, data: &Path) -> Option<String> {
        match self {
            Self::Passphrase(file) | Self::KeyFile(file) => exposed(file, data),
            Self::Credential | Self::Typed | Self::Unsealed => None,
        }
    }

    /// Whether recovery words have a place outside the directory. What holds a systemd credential is
    /// their equal; an unsealed directory needs none.
    pub fn holds_words(&self) -> bool {
        matches!(self, Self::KeyFile(_) | Self::Passphrase(_))
    }

    /// A new file's path beside the key: what is as secret as the key itself lies there.
    pub fn beside(&self, data: &Path, name: &str) -> PathBuf {
        let file = match self {
            Self::Passphrase(file) | Self::KeyFile(file) => file,
            Self::Credential | Self::Typed | Self::Unsealed => return data.join(name),
        };
        let mut whole = file.as_os_str().to_owned();
        whole.push(".");
        whole.push(name);
        PathBuf::from(whole)
    }
}

/// What weakens a file with a key or passphrase: that others than the node's user read it, or can replace it.
fn exposed(file: &Path, data: &Path) -> Option<String> {
    let found = std::fs::metadata(file).ok()?;
    let place = file.display();
    let owner = found.uid();
    let own = rustix::process::geteuid().as_raw();
    let of_data = std::fs::metadata(data).map_or(own, |folder| folder.uid());
    if ![own, of_data, 0].contains(&owner) {
        return Some(format!(
            "the key's file {place} belongs to another user (uid {owner}), who can read and replace it: make it the \
             node's own, `chown`, and `chmod 600`"
        ));
    }
    let mode = found.mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!(
            "the key's file {place} is open to other users of this machine (mode {mode:04o}): `chmod 600 {place}`, or \
             where its disk knows no permissions mount that with umask=077"
        )
    })
}

fn shares_disk(file: &Path, data: &Path) -> bool {
    match (std::fs::metadata(file), std::fs::metadata(data)) {
        (Ok(file), Ok(data)) => file.dev() == data.dev(),
        _ => false,
    }
}

/// The way to seal a new directory.
///
/// # Errors
/// When a named file can't be used.
pub fn for_creating(data: &Path, options: &KeyOptions) -> Result<Way, NodeError> {
    if let Some(way) = named(options, true)? {
        return Ok(way);
    }
    if let Some(way) = credential() {
        return Ok(way);
    }
    key_file_way(default_key_file(data)?, true)
}

/// The ways to try on a directory that exists, in order.
///
/// # Errors
/// When a named file can't be used.
pub fn for_opening(data: &Path, options: &KeyOptions) -> Result<Vec<Way>, NodeError> {
    if let Some(way) = named(options, false)? {
        return Ok(vec![way]);
    }
    let mut ways: Vec<Way> = credential().into_iter().collect();
    let own = default_key_file(data);
    if let Ok(own) = own
        && own.exists()
    {
        ways.push(key_file_way(own, false)?);
    }
    ways.push(unsealed());
    Ok(ways)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// The key as it was named; its folder is made only where the key file itself may be.
fn named(options: &KeyOptions, make_folder: bool) -> Result<Option<Way>, NodeError> {
    if options.unsealed {
        return Ok(Some(unsealed()));
    }
    if let Some(file) = &options.passphrase_file {
        let unlock = Unlock::Passphrase(read_passphrase(file)?);
        return Ok(Some(Way {
            unlock,
            protection: Protection::Passphrase(absolute(file)),
        }));
    }
    options
        .key_file
        .as_deref()
        .map(|file| key_file_way(absolute(file), make_folder))
        .transpose()
}

fn key_file_way(file: PathBuf, make_folder: bool) -> Result<Way, NodeError> {
    if make_folder && let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|error| NodeError::Key(format!("making the folder {}: {error}", folder.display())))?;
    }
    Ok(Way {
        unlock: Unlock::KeyFile(file.clone()),
        protection: Protection::KeyFile(file),
    })
}

/// The key that stands for none: everyone knows it.
fn unsealed() -> Way {
    let key = blake3::derive_key("chaski 2026 unsealed store", b"");
    Way {
        unlock: Unlock::Raw(key),
        protection: Protection::Unsealed,
    }
}

fn credential() -> Option<Way> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)?;
    let file = folder.join(CREDENTIAL);
    file.exists().then(|| Way {
        unlock: Unlock::KeyFile(file),
        protection: Protection::Credential,
    })
}

/// The first line of a passphrase file.
///
/// # Errors
/// When the file can't be read, is too long, or its first line is empty.
pub fn read_passphrase(file: &Path) -> Result<String, NodeError> {
    let about = |why: String| NodeError::Key(format!("the passphrase file {}: {why}", file.display()));
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|open| open.take(PASSPHRASE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| about(error.to_string()))?;
    if bytes.len() as u64 > PASSPHRASE_BYTES_MAX {
        return Err(about("it is over 4 KiB".to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| about("it is not UTF-8".to_owned()))?;
    match text.lines().next().map(str::trim_end) {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(about("its first line is empty".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_that_was_named_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pass");
        std::fs::write(&file, "correct horse\nsecond line\n").unwrap();
        let options = KeyOptions {
            passphrase_file: Some(file.clone()),
            ..KeyOptions::default()
        };
        let ways = for_opening(folder.path(), &options).unwrap();
        assert_eq!(ways.len(), 1);
        assert!(matches!(&ways[0].unlock, Unlock::Passphrase(text) if text == "correct horse"));
    }

    #[test]
    fn an_empty_or_missing_passphrase_is_a_key_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pass");
        assert_eq!(read_passphrase(&file).unwrap_err().exit_code(), 5);
        std::fs::write(&file, "\nx").unwrap();
        assert_eq!(read_passphrase(&file).unwrap_err().exit_code(), 5);
    }

    #[test]
    fn a_key_that_others_read_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "x").unwrap();
        let told = |mode: u32| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let way = Protection::KeyFile(file.clone());
            assert_eq!(
                way.exposed(folder.path()),
                Protection::Passphrase(file.clone()).exposed(folder.path())
            );
            way.exposed(folder.path())
        };
        for mode in [0o600, 0o400, 0o700] {
            assert_eq!(told(mode), None, "{mode:o}");
        }
        for (mode, shown) in [(0o644, "mode 0644"), (0o640, "mode 0640"), (0o602, "mode 0602")] {
            let text = told(mode).unwrap();
            let names = text.contains(&file.display().to_string());
            assert!(
                names && text.contains(shown) && text.contains("chmod 600"),
                "{text}"
            );
        }
        assert_eq!(Protection::Typed.exposed(folder.path()), None);
        // Only root may give a file away.
        told(0o600);
        if std::os::unix::fs::chown(&file, Some(4_242), None).is_ok() {
            let text = Protection::KeyFile(file.clone()).exposed(folder.path()).unwrap();
            assert!(text.contains("uid 4242"), "{text}");
        }
    }

    #[test]
    fn a_key_that_is_only_asked_for_makes_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let options = KeyOptions {
            key_file: Some(folder.path().join("none").join("key")),
            ..KeyOptions::default()
        };
        for_opening(folder.path(), &options).unwrap();
        assert!(!folder.path().join("none").exists());
        for_creating(folder.path(), &options).unwrap();
        assert!(folder.path().join("none").is_dir());
    }

    #[test]
    fn what_is_secret_lies_beside_the_key() {
        let key = Protection::KeyFile(PathBuf::from("/etc/chaski/key"));
        assert_eq!(
            key.beside(Path::new("/d"), "token"),
            Path::new("/etc/chaski/key.token")
        );
        assert_eq!(
            Protection::Unsealed.beside(Path::new("/d"), "token"),
            Path::new("/d/token")
        );
    }
}
