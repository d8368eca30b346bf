//! Issuers made and ended while sessions are open.
//!
//! Invariants: what the root has said is durable before anyone is told of it; whoever is in session hears of
//! it at once, and the node itself renews what it may from then on.

use ed25519_dalek::SigningKey;

use super::{Effect, Engine, Event, Now};
use crate::issuers::{IssuerChange, IssuerError};

impl Engine {
    /// Has the root make or end an issuer. Whether anything changed, and what is to be done then.
    ///
    /// # Errors
    /// [`IssuerError`]: then nothing has changed.
    pub fn issuer_change(
        &mut self,
        now: impl Into<Now>,
        root: &SigningKey,
        change: &IssuerChange,
    ) -> Result<(bool, Vec<Effect>), IssuerError> {
        let Some(next) = self.core.trust.issuer_change(root, change)? else {
            return Ok((false, Vec::new()));
        };
        self.core.trust_save(next)?;
        // Whom it could not renew so far it may be able to now.
        self.core.renew_again.clear();
        Ok((true, self.handle(now, Event::Tick)))
    }
}
