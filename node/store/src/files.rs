//! A store's directory: its lock, its files, and how it is made and opened.
//!
//! Shape: `chaski.lock` (empty, locked while open), `slots.json`, `db/` (sled),
//! `closing` (between a clean close and the next opening). `chaski.making` stands while
//! a store is being made: what an interrupted making left is cleared by the next one.
//!
//! Invariants: nothing is changed before the lock is held; a directory with other
//! people's files is refused; `slots.json` is written last, so it stands for a whole store; none
//! of these names is followed where it is a symbolic link: root also opens directories of others,
//! who could have it write elsewhere. (Who moves a database to another disk mounts or binds it.)

use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use crate::{
    error::OpenError,
    file_names::{DB, DB_CONFIG, DB_FILE, LOCK, MAKING, REBUILDING},
    seal::slots,
};

/// Free space without which a database is not opened: opening it fills up its last segment and writes
/// a snapshot, and one that fails at that for lack of space can leave a file that opens no more.
const OPEN_BYTES_MIN: u64 = 2 * 1024 * 1024;
/// How often a held lock is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Translates a file system error.
pub(crate) fn io_error(error: &std::io::Error) -> OpenError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => OpenError::DiskFull,
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => OpenError::ReadOnly,
        kind => OpenError::Io(kind.to_string()),
    }
}

/// Refuses a directory in which a link stands for one of our files.
fn refuse_links(dir: &Path) -> Result<(), OpenError> {
    let is_link = |name: &&str| {
        dir.join(name)
            .symlink_metadata()
            .is_ok_and(|found| found.is_symlink())
    };
    match [LOCK, DB, DB_FILE, DB_CONFIG, slots::FILE, MAKING, REBUILDING]
        .into_iter()
        .find(is_link)
    {
        Some(name) => Err(OpenError::Linked(name)),
        None => Ok(()),
    }
}

#[cfg(test)]
thread_local! {
    /// Free space that a test pretends to, in place of the disk's.
    static PRETENDED_BYTES: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
}

/// Free space of a directory's disk, if that can be told.
fn free_bytes(dir: &Path) -> Option<u64> {
    #[cfg(test)]
    if let Some(bytes) = PRETENDED_BYTES.get() {
        return Some(bytes);
    }
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Refuses to open, before anything is touched, what there is no room to open.
fn refuse_full(dir: &Path) -> Result<(), OpenError> {
    let is_full = free_bytes(dir).is_some_and(|free| free < OPEN_BYTES_MIN);
    if is_full { Err(OpenError::DiskFull) } else { Ok(()) }
}

/// Takes the directory's lock, waiting up to `wait`.
pub(crate) fn lock(dir: &Path, wait: Duration) -> Result<File, OpenError> {
    refuse_links(dir)?;
    let path = dir.join(LOCK);
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
        .open(path)
        .map_err(|error| io_error(&error))?;
    let mut pauses = pauses(wait);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if pauses.next().is_some() => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse),
            Err(TryLockError::Error(error)) => return Err(io_error(&error)),
        }
    }
}

/// The pauses that make up so long a wait. Another process is waited for, whatever time it is said to be here.
fn pauses(wait: Duration) -> std::ops::Range<u128> {
    0..wait.as_millis().div_ceil(LOCK_PAUSE.as_millis().max(1))
}

/// Waits until nobody holds the store in `dir`, for as long as `wait`.
///
/// A store that was closed is let go by the last who works with it, which may be a moment later.
pub fn wait_let_go(dir: &Path, wait: Duration) {
    let mut pauses = pauses(wait);
    let Ok(file) = fs::OpenOptions::new().write(true).open(dir.join(LOCK)) else {
        return;
    };
    while matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && pauses.next().is_some() {
        std::thread::sleep(LOCK_PAUSE);
    }
}

/// Whether a name in a directory is one of ours, or none of our business.
fn is_ours(name: &str) -> bool {
    name.starts_with("chaski") || name.starts_with('.') || name == "lost+found"
}

/// Makes sure `dir` exists and may become a store, and takes its lock.
pub(crate) fn prepare(dir: &Path, wait: Duration) -> Result<File, OpenError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| io_error(&error))?;
    if dir.join(slots::FILE).exists() {
        return Err(OpenError::Exists);
    }
    let making = dir.join(MAKING);
    if !making.exists() && has_foreign_files(dir)? {
        return Err(OpenError::Foreign);
    }
    let lock = lock(dir, wait)?;
    if dir.join(slots::FILE).exists() {
        return Err(OpenError::Exists);
    }
    refuse_full(dir)?;
    if making.exists() && dir.join(DB).exists() {
        fs::remove_dir_all(dir.join(DB)).map_err(|error| io_error(&error))?;
    }
    File::create(&making)
        .and_then(|file| file.sync_all())
        .map_err(|error| io_error(&error))?;
    Ok(lock)
}

/// The store in `dir` is whole.
pub(crate) fn made(dir: &Path) -> Result<(), OpenError> {
    fs::remove_file(dir.join(MAKING)).map_err(|error| io_error(&error))?;
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| io_error(&error))
}

/// Makes the names of the database's files durable: without them nothing in it is.
pub(crate) fn sync_names(dir: &Path) -> Result<(), OpenError> {
    [dir.join(DB).as_path(), dir]
        .into_iter()
        .try_for_each(|dir| File::open(dir)?.sync_all())
        .map_err(|error| io_error(&error))
}

fn has_foreign_files(dir: &Path) -> Result<bool, OpenError> {
    for entry in fs::read_dir(dir).map_err(|error| io_error(&error))? {
        let entry = entry.map_err(|error| io_error(&error))?;
        if !entry.file_name().to_str().is_some_and(is_ours) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Refuses what is no store and takes the lock of what is one.
pub(crate) fn check(dir: &Path, wait: Duration) -> Result<File, OpenError> {
    match fs::metadata(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(OpenError::Missing),
        Err(error) => return Err(io_error(&error)),
        Ok(data) if !data.is_dir() => return Err(OpenError::Foreign),
        Ok(_) => {}
    }
    if !dir.join(slots::FILE).exists() {
        let making = dir.join(MAKING).exists();
        return Err(if !making && has_foreign_files(dir)? {
            OpenError::Foreign
        } else {
            OpenError::Missing
        });
    }
    let lock = lock(dir, wait)?;
    refuse_full(dir)?;
    if !dir.join(DB).exists() {
        // A rebuild that was cut off between its two renames is whole; anything else without its
        // database must not pass for an empty store.
        let rebuilt = dir.join(REBUILDING);
        if !rebuilt.exists() {
            return Err(OpenError::Damaged("the database is missing".to_owned()));
        }
        fs::rename(rebuilt, dir.join(DB)).map_err(|error| io_error(&error))?;
        crate::doctor::closing::clear(dir).map_err(|error| io_error(&error))?;
    }
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, Unlock, doctor, testing::*};

    /// Every file below `dir` with what it holds.
    fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else {
                found.push((path.display().to_string(), fs::read(path).unwrap()));
            }
        }
        found.sort();
        found
    }

    #[test]
    fn where_there_is_no_room_to_open_nothing_is_made_opened_or_rebuilt() {
        let root = tempfile::tempdir().unwrap();
        let (dir, other) = (root.path().join("data"), root.path().join("other"));
        let unlock = Unlock::Raw([4; 32]);
        let told = |error: OpenError| error.to_string();
        let full = Err(told(OpenError::DiskFull));
        let create = |dir: &Path| Store::create(dir, &unlock, TestEnv::new(1), options()).map(|_| ());
        let create = |dir: &Path| create(dir).map_err(told);
        let open = || Store::open(&dir, &unlock, TestEnv::new(2), options()).map(|_| ());
        let open = || open().map_err(told);
        let rebuild = || doctor::rebuild(&dir, &unlock, TestEnv::new(3), options()).map(|_| ());
        let rebuild = || rebuild().map_err(told);
        create(&dir).unwrap();
        let before = files(&dir);
        for free_bytes in [0, OPEN_BYTES_MIN - 1] {
            PRETENDED_BYTES.set(Some(free_bytes));
            assert_eq!(create(&other), full, "{free_bytes}");
            assert_eq!(open(), full, "{free_bytes}");
            assert_eq!(rebuild(), full, "{free_bytes}");
        }
        assert!(files(&dir) == before, "something was touched");
        assert!(files(&other).iter().all(|(name, _)| name.ends_with(LOCK)));
        // The least that will do: two megabytes.
        assert_eq!(OPEN_BYTES_MIN, 2 << 20);
        PRETENDED_BYTES.set(Some(OPEN_BYTES_MIN));
        assert_eq!((create(&other), open()), (Ok(()), Ok(())));
        PRETENDED_BYTES.set(None);
    }

    #[test]
    fn each_error_of_the_file_system_has_its_own_name() {
        use std::io::{Error, ErrorKind};
        for (kind, wanted) in [
            (ErrorKind::StorageFull, OpenError::DiskFull),
            (ErrorKind::PermissionDenied, OpenError::ReadOnly),
            (ErrorKind::ReadOnlyFilesystem, OpenError::ReadOnly),
        ] {
            assert_eq!(io_error(&Error::from(kind)).to_string(), wanted.to_string());
        }
        assert!(matches!(
            io_error(&Error::from(ErrorKind::NotADirectory)),
            OpenError::Io(_)
        ));
    }
}
