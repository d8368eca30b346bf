//! The disk floor: writes stop while there is still room to read, send and export.
//!
//! Invariants: the floor is looked at before each group of writes, afresh: a second of fast
//! writing is more than a small floor. Others are told what was seen within the last second.
//! Without a directory (memory engines) there is no floor.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use crate::{env::Env, error::StoreError};

/// How long one look at the disk serves, in milliseconds.
const LOOK_MS: u64 = 1_000;

/// What part of the floor must be free for upkeep: reading goes on below the floor, and its audit,
/// a login or a peer's cursor have to be written for it.
const UPKEEP_SHARE: u64 = 4;

/// Watches the free space of a directory.
pub(crate) struct Disk {
    dir: Option<PathBuf>,
    floor_bytes: u64,
    floor_percent: u8,
    last: Mutex<Option<(u64, bool)>>,
}

impl Disk {
    pub(crate) fn new(dir: Option<PathBuf>, floor_bytes: u64, floor_percent: u8) -> Disk {
        Disk {
            dir,
            floor_bytes,
            floor_percent,
            last: Mutex::new(None),
        }
    }

    /// Refuses records below the floor; what keeps the node usable, below a quarter of it.
    pub(crate) fn check(&self, env: &dyn Env, upkeep: bool) -> Result<(), StoreError> {
        let full = if upkeep {
            self.is_below(UPKEEP_SHARE)
        } else {
            self.look(env, 0)
        };
        if full { Err(StoreError::DiskFull) } else { Ok(()) }
    }

    /// Whether the disk is below its floor.
    pub(crate) fn is_full(&self, env: &dyn Env) -> bool {
        self.look(env, LOOK_MS)
    }

    /// Bytes free, as far as can be told.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(self.dir.as_ref()?).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Whether it is, by a look at most `age_ms` ago.
    fn look(&self, env: &dyn Env, age_ms: u64) -> bool {
        let now_ms = env.now_ms();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((looked_ms, full)) = *last
            && now_ms.abs_diff(looked_ms) < age_ms
        {
            return full;
        }
        let full = self.is_below(1);
        *last = Some((now_ms, full));
        full
    }

    /// Whether less than the `share`-th part of the floor is free.
    fn is_below(&self, share: u64) -> bool {
        let Some(dir) = &self.dir else { return false };
        rustix::fs::statvfs(dir).is_ok_and(|stat| {
            let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
            let total_bytes = stat.f_blocks.saturating_mul(stat.f_frsize);
            let share_bytes = total_bytes / 100 * u64::from(self.floor_percent);
            free_bytes < self.floor_bytes / share || free_bytes < share_bytes / share
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestEnv;

    #[test]
    fn who_writes_is_told_what_is_and_others_what_was_within_the_second() {
        let root = tempfile::tempdir().unwrap();
        let env = TestEnv::new(1);
        let mut disk = Disk::new(Some(root.path().to_owned()), 0, 0);
        assert!(!disk.is_full(&*env) && disk.check(&*env, false).is_ok() && disk.check(&*env, true).is_ok());
        disk.floor_bytes = u64::MAX;
        env.advance(LOOK_MS - 1);
        assert!(!disk.is_full(&*env), "a look serves for a second");
        env.advance(1);
        assert!(disk.is_full(&*env), "and no longer");
        disk.floor_bytes = 0;
        assert!(disk.is_full(&*env));
        assert_eq!(disk.check(&*env, false), Ok(()), "who writes looks for himself");
        assert!(!disk.is_full(&*env), "and others are told");
        disk.floor_bytes = u64::MAX;
        for upkeep in [false, true] {
            assert_eq!(disk.check(&*env, upkeep), Err(StoreError::DiskFull));
        }
        // A clock that was set back does not make an old look a new one.
        disk.floor_bytes = 0;
        env.now_ms.store(5, std::sync::atomic::Ordering::SeqCst);
        assert!(!disk.is_full(&*env));
        // Without a directory, or where it cannot be told, there is no floor.
        let none = Disk::new(None, u64::MAX, 100);
        assert!(!none.is_full(&*env) && none.check(&*env, true).is_ok());
        let away = Disk::new(Some(root.path().join("away")), u64::MAX, 100);
        assert!(!away.is_full(&*env));
    }
}
