//! One operation's way to read rows, to sign, and to say what a write comes to.

use chaski_crdt::{
    author::Writer,
    change::ChangeHash,
    hlc::{Hlc, Message, Stamp, Tx as Transaction},
    key::RecordKey,
    record::{Record, WriteError},
};

use chaski_fhir::label::Clearance;

use super::prepare::{Prepared, prepared};
use crate::{
    context::Context,
    core::Core,
    error::{Refusal, StoreError},
    identity::{Drawn, Signer},
    lineage,
    row::Row,
    seal::Prf,
    tx::Tx,
    types::Written,
};

/// Where rows are read from: as last applied, or as the group sees them.
pub(super) trait Rows {
    /// Those of all records of a key: none, or one, as a rule.
    fn records(&mut self, key: &RecordKey) -> Result<Vec<Row>, StoreError>;
}

impl Rows for &Core {
    fn records(&mut self, key: &RecordKey) -> Result<Vec<Row>, StoreError> {
        lineage::rows(self, key)
    }
}

impl Rows for Tx<'_> {
    fn records(&mut self, key: &RecordKey) -> Result<Vec<Row>, StoreError> {
        lineage::rows_tx(self, key)
    }
}

/// Why a write was not prepared.
pub(super) enum Fault {
    Refused(Refusal),
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        Fault::Store(error)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Fault {
        Fault::Refused(refusal)
    }
}

impl From<WriteError> for Fault {
    fn from(error: WriteError) -> Fault {
        Fault::Refused(match error {
            WriteError::UnknownBase => Refusal::UnknownVersion,
            WriteError::Disputed(paths) => Refusal::Conflicted {
                path: paths.into_iter().next().unwrap_or_default(),
            },
            WriteError::Change(_) => Refusal::TooLarge,
            other => Refusal::Invalid(other.to_string()),
        })
    }
}

/// What a write comes to.
pub(super) enum Outcome {
    /// Nothing to change.
    Unchanged(Written),
    /// A row to put. The boxed value is large.
    Change {
        prepared: Box<Prepared>,
        action: &'static str,
        created: bool,
    },
    /// Several rows to put, all or none, each with what is done to it; where all records of the key stood in the feed
    /// when it was prepared: of any other the person has not decided.
    Several {
        read: Vec<u64>,
        prepared: Vec<(Box<Prepared>, &'static str)>,
        written: Written,
    },
}

/// One operation's way to sign.
pub(super) struct Hand<'a> {
    pub(super) core: &'a Core,
    pub(super) signer: &'a Signer,
    pub(super) ctx: &'a Context,
    pub(super) transaction: Option<Transaction>,
    /// Up to which classes of sensitivity whoever writes may see records.
    pub(super) clearance: &'a Clearance,
}

impl Hand<'_> {
    pub(super) fn stamp(&self) -> Stamp {
        let message = Message {
            user: self.ctx.user.clone(),
            role: self.ctx.role.clone(),
            purpose: self.ctx.purpose.clone(),
            tx: self.transaction,
        };
        Stamp {
            hlc: self.core.tick(),
            message,
        }
    }

    /// Lets `sign` write a change under the present incarnation; gives it too.
    pub(super) fn sign<T>(
        &self,
        sign: impl FnOnce(&mut Writer<'_>, &Stamp) -> Result<T, WriteError>,
    ) -> Result<(T, u64), Fault> {
        let stamp = self.stamp();
        self.sign_several(1, |writer| sign(writer, &stamp))
    }

    /// As [`Hand::sign`], for at most so many changes, all of one incarnation.
    pub(super) fn sign_several<T>(
        &self,
        changes_max: u64,
        sign: impl FnOnce(&mut Writer<'_>) -> Result<T, WriteError>,
    ) -> Result<(T, u64), Fault> {
        let mut life = self
            .core
            .life
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let drawn = life.draw(&*self.core.env);
        // Numbers are reserved for as many. One that is not used is a harmless gap.
        let mut own = Drawn {
            incarnation: drawn.incarnation,
            next_seq: drawn.next_seq,
        };
        drawn.next_seq = drawn.next_seq.saturating_add(changes_max);
        drop(life);
        let incarnation = own.incarnation;
        let made = sign(&mut self.signer.writer(&mut own))?;
        Ok((made, incarnation))
    }

    pub(super) fn finish(
        &self,
        old: Option<(Row, std::collections::HashMap<ChangeHash, u64>)>,
        record: &Record,
        life: u64,
        beside: Option<Prf>,
    ) -> Result<Box<Prepared>, Fault> {
        let prepared = prepared(&self.core.sealer, self.signer, old, record, beside);
        let mut prepared = prepared.map_err(|error| match error {
            StoreError::TooLarge(_) => Fault::from(Refusal::TooLarge),
            error => error.into(),
        })?;
        prepared.life = Some(life);
        Ok(Box::new(prepared))
    }
}

impl Core {
    /// The next stamp of the hybrid clock.
    pub(crate) fn tick(&self) -> Hlc {
        let mut hlc = self.hlc.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *hlc = hlc.next(self.now_ms());
        *hlc
    }
}
