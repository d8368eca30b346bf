//! Commits: all or nothing, or many that stand alone.
//!
//! Invariants: conditions (If-Match, base, conditional create) hold in the writer at the
//! moment of writing; every write leaves its audit entry in its own batch.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use chaski_crdt::{hlc::Tx as Transaction, key::RecordKey, version::VersionId};
use chaski_fhir::label::Clearance;

use super::{
    COMMIT_WRITES_MAX,
    hand::{Fault, Hand, Outcome},
    install::install,
    kinds::prepare_write,
    prepare::Prepared,
};
use crate::{
    audit,
    context::Context,
    core::Core,
    env::random_array,
    error::{CommitError, Refusal, StoreError},
    identity::Signer,
    lineage, row, search,
    store::Store,
    tx::Tx,
    types::{Condition, Write, Written},
};

/// Writes one group of a bulk commit takes.
const BULK_GROUP: usize = 200;
/// How often a write that met another's change is prepared again inside the writer.
const RETRIES_MAX: usize = 3;

impl Write {
    fn key(&self) -> Option<RecordKey> {
        match self {
            Write::Create { json, .. } => {
                let text = |name: &str| json.get(name).and_then(chaski_json::Json::as_str);
                RecordKey::new(text("resourceType")?, text("id")?).ok()
            }
            Write::Put { key, .. }
            | Write::Delete { key, .. }
            | Write::Resolve { key, .. }
            | Write::SetRemove { key, .. } => Some(key.clone()),
        }
    }
}

/// A write, prepared against what was last applied if that was possible.
struct Ready {
    write: Write,
    outcome: Option<Outcome>,
}

/// What was done to which records, for the audit.
type Targets = HashMap<&'static str, Vec<RecordKey>>;

struct Maker {
    ctx: Context,
    signer: Arc<Signer>,
    transaction: Option<Transaction>,
    /// Whether the writes may refer to each other by the ids they name.
    together: bool,
    clearance: Clearance,
}

impl Maker {
    fn hand<'a>(&'a self, core: &'a Core) -> Hand<'a> {
        Hand {
            core,
            signer: &self.signer,
            ctx: &self.ctx,
            transaction: self.transaction,
            clearance: &self.clearance,
        }
    }

    /// Prepares outside the writer; what fails here is tried again inside.
    fn ready(&self, core: &Core, write: Write) -> Ready {
        let conditional = matches!(
            &write,
            Write::Create {
                if_none_exist: Some(_),
                ..
            }
        );
        let outcome = if conditional {
            None
        } else {
            // A panic is met again inside the writer, which is fenced, and told there.
            let prepared = catch_unwind(AssertUnwindSafe(|| {
                prepare_write(&self.hand(core), &mut { core }, &write)
            }));
            prepared.ok().and_then(Result::ok)
        };
        // An unchanged row may have changed by the time the writer comes to it.
        let outcome = outcome.filter(|outcome| !matches!(outcome, Outcome::Unchanged(_)));
        Ready { write, outcome }
    }

    /// Writes one record within the group.
    fn write(&self, tx: &mut Tx<'_>, targets: &mut Targets, ready: Ready) -> Result<Written, Fault> {
        if let Write::Create {
            if_none_exist: Some(sought),
            ..
        } = &ready.write
            && let Some(found) = condition(tx, sought)?
        {
            if self.together && ready.write.key().is_none_or(|named| named != found.key) {
                return Err(Refusal::Matched.into());
            }
            return Ok(found);
        }
        let mut outcome = ready.outcome;
        for _ in 0..RETRIES_MAX {
            let now = match outcome.take() {
                Some(outcome) => outcome,
                None => prepare_write(&self.hand(tx.core), tx, &ready.write)?,
            };
            let (prepared, action, created) = match now {
                Outcome::Unchanged(written) => return Ok(written),
                Outcome::Several {
                    read,
                    prepared,
                    written,
                } => {
                    if lineage::seqs_tx(tx, &written.key)? == read
                        && self.write_several(tx, targets, prepared)?
                    {
                        return Ok(written);
                    }
                    continue;
                }
                Outcome::Change {
                    prepared,
                    action,
                    created,
                } => (prepared, action, created),
            };
            if prepared.life != self.life(tx.core) {
                continue;
            }
            let key = prepared.head.key.clone();
            let version = VersionId::of(&prepared.head.heads);
            // Stale: somebody wrote the record meanwhile, it is prepared again.
            if let Ok((_, last_updated_ms)) = install(tx, *prepared, None)? {
                targets.entry(action).or_default().push(key.clone());
                return Ok(Written {
                    key,
                    version,
                    last_updated_ms,
                    created,
                    unchanged: false,
                    apart: Vec::new(),
                });
            }
        }
        Err(Fault::Store(StoreError::Changed))
    }

    /// Writes several records within the group, or none: somebody has written one of them meanwhile.
    fn write_several(
        &self,
        tx: &mut Tx<'_>,
        targets: &mut Targets,
        prepared: Vec<(Box<Prepared>, &'static str)>,
    ) -> Result<bool, Fault> {
        let life = self.life(tx.core);
        if prepared.iter().any(|(prepared, _)| prepared.life != life) {
            return Ok(false);
        }
        let mark = tx.mark();
        let mut done = Vec::with_capacity(prepared.len());
        for (prepared, action) in prepared {
            let key = prepared.head.key.clone();
            if install(tx, *prepared, None)?.is_err() {
                tx.rollback(mark);
                return Ok(false);
            }
            done.push((action, key));
        }
        for (action, key) in done {
            targets.entry(action).or_default().push(key);
        }
        Ok(true)
    }

    fn life(&self, core: &Core) -> Option<u64> {
        let life = core
            .life
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        life.drawn.map(|drawn| drawn.incarnation)
    }
}

/// The one record a condition finds, in what was applied and in this group: of these writes and of
/// those of others that are committed with them.
fn condition(tx: &mut Tx<'_>, sought: &Condition) -> Result<Option<Written>, Fault> {
    let query = &sought.query;
    let mut found = search::places(tx.core, query).map_err(Refusal::Condition)?;
    let fresh = tx.written.iter().filter(|(key, _)| key.kind() == query.kind);
    found.extend(fresh.map(|(_, prf)| *prf));
    found.sort();
    found.dedup();
    let mut matches = Vec::new();
    for prf in found {
        if let Some(row) = row::read_tx(tx, &prf)?
            && !row.head.deleted
            && sought.clearance.covers(&row.head.filing.classes)
            && search::head_matches(query, &row.head)?
        {
            matches.push(row.head);
        }
    }
    match matches.as_slice() {
        [] => Ok(None),
        [head] => Ok(Some(Written {
            key: head.key.clone(),
            version: head.version(),
            last_updated_ms: head.last_updated_ms,
            created: false,
            unchanged: true,
            apart: Vec::new(),
        })),
        _ => Err(Refusal::MultipleMatches.into()),
    }
}

fn failed(index: usize, key: Option<RecordKey>, fault: Fault) -> CommitError {
    match fault {
        Fault::Refused(refusal) => CommitError::Refused { index, key, refusal },
        Fault::Store(error) => CommitError::Store(error),
    }
}

impl Store {
    fn maker(
        &self,
        ctx: &Context,
        clearance: &Clearance,
        members: Option<usize>,
    ) -> Result<Maker, StoreError> {
        let signer = self.signer().ok_or(StoreError::NoIdentity)?;
        let transaction = members.filter(|count| *count > 1).map(|count| Transaction {
            id: u64::from_be_bytes(random_array(self.env())),
            count: count as u32,
        });
        Ok(Maker {
            ctx: ctx.clone(),
            signer,
            together: transaction.is_some(),
            clearance: clearance.clone(),
            transaction,
        })
    }

    /// Writes all or nothing; durable on return.
    ///
    /// # Errors
    /// The first write that is refused, or the store's failure; nothing was written.
    pub fn commit(&self, ctx: &Context, writes: Vec<Write>) -> Result<Vec<Written>, CommitError> {
        self.commit_cleared(ctx, &Clearance::All, writes)
    }

    /// As [`Store::commit`], by somebody who is cleared for these classes: a record that falls under another is not
    /// written, and is told as one that does not exist.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn commit_cleared(
        &self,
        ctx: &Context,
        clearance: &Clearance,
        writes: Vec<Write>,
    ) -> Result<Vec<Written>, CommitError> {
        if writes.len() > COMMIT_WRITES_MAX {
            return Err(CommitError::TooMany {
                max: COMMIT_WRITES_MAX,
            });
        }
        let maker = self.maker(ctx, clearance, Some(writes.len()))?;
        let ready: Vec<Ready> = writes
            .into_iter()
            .map(|write| maker.ready(&self.core, write))
            .collect();
        self.core.transact(ready.len(), move |tx| {
            let mut targets = Targets::new();
            let mut out = Vec::with_capacity(ready.len());
            for (index, ready) in ready.into_iter().enumerate() {
                let key = ready.write.key();
                out.push(
                    maker
                        .write(tx, &mut targets, ready)
                        .map_err(|fault| failed(index, key, fault))?,
                );
            }
            enter(tx, &maker.ctx, targets);
            Ok(out)
        })
    }

    /// Writes many records that stand alone, in groups; durable on return. One result a
    /// write, in their order; what a refusal names as its place is always the first.
    pub fn commit_bulk(&self, ctx: &Context, writes: Vec<Write>) -> Vec<Result<Written, CommitError>> {
        self.commit_bulk_cleared(ctx, &Clearance::All, writes)
    }

    /// As [`Store::commit_bulk`], by somebody who is cleared for these classes: as with [`Store::commit_cleared`].
    pub fn commit_bulk_cleared(
        &self,
        ctx: &Context,
        clearance: &Clearance,
        writes: Vec<Write>,
    ) -> Vec<Result<Written, CommitError>> {
        let maker = match self.maker(ctx, clearance, None) {
            Ok(maker) => Arc::new(maker),
            Err(error) => return writes.into_iter().map(|_| Err(error.clone().into())).collect(),
        };
        let mut out = Vec::with_capacity(writes.len());
        let mut groups = Vec::new();
        let mut writes = writes.into_iter().peekable();
        while writes.peek().is_some() {
            groups.push(writes.by_ref().take(BULK_GROUP).collect::<Vec<_>>());
        }
        let mut groups = groups.into_iter();
        let prepare = |group: Vec<Write>| -> Vec<Ready> {
            group
                .into_iter()
                .map(|write| maker.ready(&self.core, write))
                .collect()
        };
        let mut ready = groups.next().map(&prepare);
        while let Some(group) = ready.take() {
            let next = groups.next();
            if !self.core.options.background {
                out.extend(self.write_group(&maker, group));
                ready = next.map(&prepare);
                continue;
            }
            // The next group is prepared while this one is written and synced.
            let (written, prepared) = std::thread::scope(|scope| {
                let next = next.map(|group| (group.len(), scope.spawn(|| prepare(group))));
                let written = self.write_group(&maker, group);
                (written, next.map(|(count, next)| (count, next.join())))
            });
            out.extend(written);
            ready = prepared.map(|(count, prepared)| {
                // Each write is fenced for itself: only the thread's own end comes to this.
                prepared.unwrap_or_else(|_| {
                    out.extend((0..count).map(|_| Err(StoreError::Damaged("operation").into())));
                    Vec::new()
                })
            });
        }
        out
    }

    fn write_group(&self, maker: &Arc<Maker>, group: Vec<Ready>) -> Vec<Result<Written, CommitError>> {
        let count = group.len();
        let maker = Arc::clone(maker);
        let written = self.core.transact(count, move |tx| {
            let mut targets = Targets::new();
            let mut out = Vec::with_capacity(group.len());
            for ready in group {
                let key = ready.write.key();
                let mark = tx.mark();
                let written = catch_unwind(AssertUnwindSafe(|| maker.write(tx, &mut targets, ready)))
                    .unwrap_or(Err(Fault::Store(StoreError::Damaged("operation"))));
                if written.is_err() {
                    tx.rollback(mark);
                }
                out.push(written.map_err(|fault| failed(0, key, fault)));
            }
            enter(tx, &maker.ctx, targets);
            Ok::<_, StoreError>(out)
        });
        match written {
            Ok(written) => written,
            Err(error) => (0..count).map(|_| Err(error.clone().into())).collect(),
        }
    }
}

fn enter(tx: &mut Tx<'_>, ctx: &Context, targets: Targets) {
    let mut targets: Vec<_> = targets.into_iter().collect();
    targets.sort();
    for (action, targets) in targets {
        audit::enter(tx, ctx, action, &targets);
    }
}
