//! A node that waits for its passphrase after a power cut: an unlock page and nothing else.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Instant;

use chaski_store::{OpenError, Store, SystemEnv, slots};
use chaski_ui::UnlockError;
use tokio::sync::mpsc;

use super::unlocking::{Opened, attempt};
use crate::key::Protection;
use chaski_store::Unlock as Way;

/// Wrong attempts before each further one has to wait.
const ATTEMPTS_FREE: u32 = 3;

/// The longest wait, in seconds.
const WAIT_S_MAX: u64 = 60;

/// Whether a passphrase could open the directory, so that a person can help.
pub fn can_be_typed(data: &std::path::Path) -> bool {
    slots::list(data).is_ok_and(|slots| slots.iter().any(|slot| slot.kind == "passphrase"))
}

/// Tries what is typed on the page.
pub struct Locked {
    data: PathBuf,
    name: String,
    opened: mpsc::Sender<Opened>,
    done: AtomicBool,
    attempts: Mutex<Attempts>,
}

#[derive(Default)]
struct Attempts {
    wrong: u32,
    next: Option<Instant>,
}

impl Locked {
    /// For a directory; what opens it goes to `opened`.
    pub fn new(data: PathBuf, name: String, opened: mpsc::Sender<Opened>) -> Arc<Self> {
        Arc::new(Self {
            data,
            name,
            opened,
            done: AtomicBool::new(false),
            attempts: Mutex::default(),
        })
    }

    fn attempt(&self, secret: &str) -> Result<Opened, OpenError> {
        let ways = [Way::Passphrase(secret.to_owned()), Way::Words(secret.to_owned())];
        let mut last = OpenError::WrongKey;
        for way in &ways {
            match Store::open(&self.data, way, Arc::new(SystemEnv), attempt()) {
                Ok(store) => {
                    return Ok(Opened {
                        store,
                        protection: Protection::Typed,
                    });
                }
                Err(error @ (OpenError::WrongKey | OpenError::NoKey)) => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }
}

impl chaski_ui::Unlock for Locked {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn unlock(&self, secret: &str) -> Result<(), UnlockError> {
        if self.done.load(Ordering::SeqCst) {
            return Ok(());
        }
        // One attempt at a time: each costs memory on purpose. Others are sent away, not queued: a flood
        // of them must not take every thread.
        let mut attempts = match self.attempts.try_lock() {
            Ok(attempts) => attempts,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(UnlockError::Wait { seconds: 2 }),
        };
        let now = Instant::now();
        if let Some(next) = attempts.next.filter(|next| *next > now) {
            return Err(UnlockError::Wait {
                seconds: next.duration_since(now).as_secs().saturating_add(1),
            });
        }
        match self.attempt(secret) {
            Ok(opened) => {
                self.done.store(true, Ordering::SeqCst);
                self.opened.blocking_send(opened).map_err(|_| UnlockError::Failed)
            }
            Err(OpenError::WrongKey | OpenError::NoKey) => {
                attempts.wrong = attempts.wrong.saturating_add(1);
                let over = attempts.wrong.saturating_sub(ATTEMPTS_FREE);
                if over > 0 {
                    let wait_s = 1_u64
                        .checked_shl(over.min(10))
                        .unwrap_or(WAIT_S_MAX)
                        .min(WAIT_S_MAX);
                    attempts.next = now.checked_add(std::time::Duration::from_secs(wait_s));
                }
                Err(UnlockError::Wrong)
            }
            Err(error) => {
                tracing::error!(%error, "unlocking");
                Err(UnlockError::Failed)
            }
        }
    }
}
