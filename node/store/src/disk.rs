//! The disk floor: writes stop while there is still room to read, send and export.
//!
//! Invariants: the floor is looked at before each group of writes, at most once a
//! second; without a directory (memory engines) there is no floor.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use crate::{env::Env, error::StoreError};

/// How long one look at the disk serves, in milliseconds.
const LOOK_MS: u64 = 1_000;

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

    /// Refuses when the disk is below its floor.
    pub(crate) fn check(&self, env: &dyn Env) -> Result<(), StoreError> {
        if self.is_full(env) {
            Err(StoreError::DiskFull)
        } else {
            Ok(())
        }
    }

    /// Whether the disk is below its floor.
    pub(crate) fn is_full(&self, env: &dyn Env) -> bool {
        let Some(dir) = &self.dir else { return false };
        let now_ms = env.now_ms();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((looked_ms, full)) = *last
            && now_ms.abs_diff(looked_ms) < LOOK_MS
        {
            return full;
        }
        let full = rustix::fs::statvfs(dir).is_ok_and(|stat| {
            let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
            let total_bytes = stat.f_blocks.saturating_mul(stat.f_frsize);
            let share_bytes = total_bytes / 100 * u64::from(self.floor_percent);
            free_bytes < self.floor_bytes || free_bytes < share_bytes
        });
        *last = Some((now_ms, full));
        full
    }
}
