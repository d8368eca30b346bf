//! Where a node's admin socket is.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A unix socket's path must fit `sun_path`, 108 bytes with its end on Linux, 104 elsewhere.
const SOCKET_PATH_BYTES_MAX: usize = 100;

/// The path of the socket of the node whose directory is `data`: in the directory, or, where that path is
/// too long for a socket, in the user's runtime directory under a name derived from it.
pub fn socket_path(data: &Path) -> PathBuf {
    // One spelling, whichever way and from wherever the directory is named.
    let absolute = || std::path::absolute(data).unwrap_or_else(|_| data.to_path_buf());
    let whole = data.canonicalize().unwrap_or_else(|_| absolute());
    let inside = whole.join("admin.sock");
    if inside.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return inside;
    }
    let name = blake3::hash(whole.as_os_str().as_bytes()).to_hex();
    let short = name.as_str().get(..24).unwrap_or("chaski");
    runtime_folder().join(format!("chaski-{short}.sock"))
}

fn runtime_folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => std::env::temp_dir(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_directory_gets_a_short_socket() {
        let long = PathBuf::from(format!("/tmp/{}", "x".repeat(200)));
        assert!(socket_path(&long).as_os_str().len() < 108);
        assert_eq!(socket_path(Path::new("/d")), Path::new("/d/admin.sock"));
    }
}
