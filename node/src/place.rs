//! Where a node's directory and the key it makes for itself lie, by the platform's customs.
//!
//! Invariant: a default key file is never inside the directory it opens.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::NodeError;

/// The directory of a node when none is named: the platform's data folder.
///
/// # Errors
/// When the environment names no home.
pub fn default_data() -> Result<PathBuf, NodeError> {
    let folder = if cfg!(target_os = "macos") {
        home()?.join("Library").join("Application Support")
    } else {
        xdg("XDG_DATA_HOME", &[".local", "share"])?
    };
    Ok(folder.join("chaski"))
}

/// The key file a node makes for itself when no key is named: in the platform's configuration folder,
/// under a name derived from the directory's own path.
///
/// # Errors
/// When the environment names no home, or the directory can't be made.
pub fn default_key_file(data: &Path) -> Result<PathBuf, NodeError> {
    let folder = if cfg!(target_os = "macos") {
        home()?.join("Library").join("Preferences")
    } else {
        xdg("XDG_CONFIG_HOME", &[".config"])?
    };
    let whole = absolute(data)?;
    let name = blake3::hash(whole.as_os_str().as_encoded_bytes()).to_hex();
    let short = name.as_str().get(..24).unwrap_or("node");
    Ok(folder.join("chaski").join("keys").join(format!("{short}.key")))
}

/// The one spelling of a path, whether it exists yet or not.
fn absolute(path: &Path) -> Result<PathBuf, NodeError> {
    if let Ok(whole) = path.canonicalize() {
        return Ok(whole);
    }
    let whole = std::path::absolute(path).map_err(|error| NodeError::io("finding the directory", &error))?;
    match (whole.parent().map(Path::canonicalize), whole.file_name()) {
        (Some(Ok(parent)), Some(name)) => Ok(parent.join(name)),
        _ => Ok(whole),
    }
}

fn xdg(variable: &str, below_home: &[&str]) -> Result<PathBuf, NodeError> {
    match std::env::var_os(variable).map(PathBuf::from) {
        Some(folder) if folder.is_absolute() => Ok(folder),
        _ => Ok(below_home.iter().fold(home()?, |path, part| path.join(part))),
    }
}

fn home() -> Result<PathBuf, NodeError> {
    let home: OsString = std::env::var_os("HOME")
        .filter(|home| !home.is_empty())
        .ok_or_else(|| {
            NodeError::Usage("no directory is named and HOME is not set; use --data DIR".to_owned())
        })?;
    Ok(PathBuf::from(home))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_key_file_however_it_is_spelled() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("data");
        let before = default_key_file(&plain).unwrap();
        std::fs::create_dir(&plain).unwrap();
        assert_eq!(default_key_file(&plain).unwrap(), before);
        let dotted = folder.path().join("data").join("..").join("data");
        assert_eq!(default_key_file(&dotted).unwrap(), before);
        assert!(!before.starts_with(&plain));
    }
}
