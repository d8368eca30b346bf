//! Records carried to other nodes, and from them, in a sealed file.
//!
//! Invariants: here is the door and the audit alone; the file is the network's
//! side, which neither knows. An entry says for whom, or from whom, and is
//! durable before the first byte is written or taken in.

use chaski_store::{AuditEvent, Context, Outcome};

use super::RecordError;
use crate::policy_decision::{Action, Target, is_allowed};
use crate::{Caller, Clinic};

/// Bytes of names in one entry; more of them make several.
const NAMES_BYTES_MAX: usize = 180;

impl Clinic {
    /// Whether parcels are offered to somebody; each one asks the policy again.
    #[must_use]
    pub fn parcel_allowed(&self, caller: &Caller) -> bool {
        [Action::ParcelWrite, Action::ParcelRead]
            .into_iter()
            .all(|action| is_allowed(caller, action, &Target::AllRecords))
    }

    /// Asks the policy before anything else is done about a parcel: `action` is [`Action::ParcelRead`] or
    /// [`Action::ParcelWrite`].
    ///
    /// # Errors
    /// The policy's, which is noted in the audit.
    pub fn parcel_ask(&self, caller: &Caller, action: Action) -> Result<(), RecordError> {
        self.allow(caller, action, &Target::AllRecords)?;
        Ok(())
    }

    /// Lets a parcel be written for nodes of these names.
    ///
    /// # Errors
    /// The policy's, or the store's when the entry can't be made.
    pub fn parcel_write(&self, caller: &Caller, recipients: &[String]) -> Result<(), RecordError> {
        self.carry(caller, Action::ParcelWrite, "for", recipients)
    }

    /// Lets a parcel of a node of this name be taken in.
    ///
    /// # Errors
    /// The policy's, or the store's when the entry can't be made.
    pub fn parcel_read(&self, caller: &Caller, sender: &str) -> Result<(), RecordError> {
        self.carry(caller, Action::ParcelRead, "from", &[sender.to_owned()])
    }

    fn carry(&self, caller: &Caller, action: Action, way: &str, names: &[String]) -> Result<(), RecordError> {
        self.allow(caller, action, &Target::AllRecords)?;
        let event = AuditEvent {
            action: action.name().to_owned(),
            target: None,
            outcome: Outcome::Ok,
            durable: true,
        };
        for names in lines(names) {
            let context = Context {
                purpose: format!("parcel {way} {names}"),
                ..caller.context().clone()
            };
            self.store().audit(&context, &event)?;
        }
        Ok(())
    }
}

/// The names in lines that fit an entry.
fn lines(names: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if line.len().saturating_add(name.len()) < NAMES_BYTES_MAX => {
                line.push_str(", ");
                line.push_str(name);
            }
            _ => lines.push(name.clone()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_in_some_entry() {
        let names: Vec<String> = (0..40).map(|number| format!("clinic {number:02}")).collect();
        let lines = lines(&names);
        assert!(lines.iter().all(|line| line.len() <= NAMES_BYTES_MAX));
        assert_eq!(lines.join(", "), names.join(", "));
        assert!(lines.len() > 1);
    }
}
