//! Entries of the log, and how one is stored.
//!
//! Invariants: an entry fits into one row: texts are cut, and a larger write makes several entries.

use chaski_crdt::key::RecordKey;

use crate::{
    codec::{Dec, Enc},
    context::{Context, Origin},
    error::StoreError,
    seal::PLAIN_BYTES_MAX,
};

/// Longest text of a field, in bytes.
const TEXT_BYTES_MAX: usize = 200;
/// Records one entry names; a larger write makes several entries.
pub(crate) const TARGETS_MAX: usize = 24;

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was not allowed.
    Denied,
    /// It failed.
    Failed,
}

/// What is to be entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// The operation, e.g. `record_read`.
    pub action: String,
    /// The record, if it was about one.
    pub target: Option<RecordKey>,
    /// How it ended.
    pub outcome: Outcome,
    /// Durable before returning.
    pub durable: bool,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number.
    pub number: u64,
    /// When, in milliseconds since 1970 by this node's clock.
    pub time_ms: u64,
    /// Who, in which role, what for, from where.
    pub context: Context,
    /// The operation.
    pub action: String,
    /// The records concerned.
    pub targets: Vec<RecordKey>,
    /// How it ended.
    pub outcome: Outcome,
    /// How often within five minutes; `time_ms` is the first time.
    pub repeats: u32,
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

impl AuditEntry {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut enc = Enc::new();
        enc.u8(1).varint(self.time_ms).varint(self.context.operation_id);
        enc.text(cut(&self.context.user))
            .text(cut(&self.context.role))
            .text(cut(&self.context.purpose));
        enc.u8(self.context.origin.code())
            .text(cut(&self.action))
            .u8(match self.outcome {
                Outcome::Ok => 0,
                Outcome::Denied => 1,
                Outcome::Failed => 2,
            });
        enc.varint(u64::from(self.repeats));
        let targets = self
            .targets
            .get(..TARGETS_MAX.min(self.targets.len()))
            .unwrap_or_default();
        enc.varint(targets.len() as u64);
        for target in targets {
            enc.key(target);
        }
        debug_assert!(enc.out.len() <= PLAIN_BYTES_MAX);
        enc.out
    }

    pub(super) fn from_bytes(number: u64, bytes: &[u8]) -> Result<AuditEntry, StoreError> {
        let mut dec = Dec::new(bytes, "audit entry");
        dec.form(1)?;
        let time_ms = dec.varint()?;
        let context = Context {
            operation_id: dec.varint()?,
            user: dec.text()?.to_owned(),
            role: dec.text()?.to_owned(),
            purpose: dec.text()?.to_owned(),
            origin: Origin::from_code(dec.u8()?),
        };
        let action = dec.text()?.to_owned();
        let outcome = match dec.u8()? {
            0 => Outcome::Ok,
            1 => Outcome::Denied,
            _ => Outcome::Failed,
        };
        let repeats = dec.varint()? as u32;
        let count = dec.count()?;
        let targets = (0..count).map(|_| dec.key()).collect::<Result<_, _>>()?;
        Ok(AuditEntry {
            number,
            time_ms,
            context,
            action,
            targets,
            outcome,
            repeats,
        })
    }

    pub(super) fn same(&self, other: &AuditEntry) -> bool {
        self.context.user == other.context.user
            && self.context.role == other.context.role
            && self.context.purpose == other.context.purpose
            && self.context.origin == other.context.origin
            && self.action == other.action
            && self.targets == other.targets
            && self.outcome == other.outcome
    }
}
