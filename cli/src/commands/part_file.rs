//! A file written under a name of its own beside the one that was asked for, and moved into its place once whole.
//!
//! Invariants: half a file never stands under the name that was asked for; no file of anybody's is written over or
//! removed on the way; what was not finished is removed.

use std::fs::File;
use std::path::{Path, PathBuf};

use chaski_node::NodeError;

/// Names tried beside one file: so many of earlier attempts, cut off by a power cut, may lie there.
const NAMES_MAX: u32 = 1_000;

/// A file under its temporary name, which is removed unless the file was put in place.
pub struct PartFile {
    path: PathBuf,
    beside: PathBuf,
    is_placed: bool,
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.is_placed {
            let _gone = std::fs::remove_file(&self.beside);
        }
    }
}

impl PartFile {
    /// A new file beside `path`, which only its owner reads: what leaves a node holds people's records.
    ///
    /// # Errors
    /// When none can be made; the text names it.
    pub fn create(path: &Path) -> Result<(PartFile, File), NodeError> {
        use std::os::unix::fs::OpenOptionsExt;
        let process = std::process::id();
        for number in 0..NAMES_MAX {
            let mut beside = path.as_os_str().to_owned();
            beside.push(format!(".{process}-{number}.part"));
            let beside = PathBuf::from(beside);
            let mut options = File::options();
            match options.write(true).create_new(true).mode(0o600).open(&beside) {
                Ok(file) => {
                    let part = PartFile {
                        path: path.to_path_buf(),
                        beside,
                        is_placed: false,
                    };
                    return Ok((part, file));
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(NodeError::io(&format!("making {}", beside.display()), &error));
                }
            }
        }
        Err(NodeError::Failed(format!(
            "{}.{process}-0.part and {NAMES_MAX} like it are taken: remove what earlier attempts left there",
            path.display()
        )))
    }

    /// Moves the whole file to its name, durably, in place of what stands there.
    ///
    /// # Errors
    /// When it can't be written or moved.
    pub fn place(mut self, file: &File) -> Result<(), NodeError> {
        let failed = |error| NodeError::io(&format!("writing {}", self.path.display()), &error);
        file.sync_all().map_err(failed)?;
        std::fs::rename(&self.beside, &self.path).map_err(failed)?;
        self.is_placed = true;
        // Its name too is on the disk before the command says that it is.
        let failed = |error| NodeError::io(&format!("writing {}", self.path.display()), &error);
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(failed)
    }
}

#[cfg(test)]
mod tests;
