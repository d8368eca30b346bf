//! Who did what: entries beside the data they speak of.
//!
//! Shape: AUDIT number → one entry, sealed under the node's key.
//!
//! Invariants: a write's entry is in the write's batch; a read's entry waits in memory
//! for the next group (at most a second) and is never dropped to make room: when too many
//! wait, the reader waits for a commit; repeats within five minutes become one entry with
//! a count; what an entry must say first (break-glass, print, export) is durable before
//! the act.

use chaski_crdt::key::RecordKey;

use crate::{
    codec::{Dec, Enc},
    context::{Context, Origin},
    core::Core,
    error::StoreError,
    kv::{KeyRange, successor},
    seal::{KeyId, PLAIN_BYTES_MAX},
    store::Store,
    tables::{Table, number_of},
    tx::Tx,
    types::Page,
};

/// Repeats within this time are one entry, in milliseconds.
const COALESCE_MS: u64 = 5 * 60 * 1000;
/// Entries that may wait for a commit.
pub(crate) const PENDING_MAX: usize = 4_096;
/// Recent entries remembered to find repeats.
const RECENT_MAX: usize = 4_096;
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
    fn to_bytes(&self) -> Vec<u8> {
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

    fn from_bytes(number: u64, bytes: &[u8]) -> Result<AuditEntry, StoreError> {
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

    fn same(&self, other: &AuditEntry) -> bool {
        self.context.user == other.context.user
            && self.context.role == other.context.role
            && self.context.purpose == other.context.purpose
            && self.context.origin == other.context.origin
            && self.action == other.action
            && self.targets == other.targets
            && self.outcome == other.outcome
    }
}

/// Entries that wait, and recent ones that may be repeated.
#[derive(Default)]
pub(crate) struct PendingAudit {
    waiting: Vec<AuditEntry>,
    recent: std::collections::VecDeque<AuditEntry>,
}

impl PendingAudit {
    /// Entries that wait for a commit.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn push(&mut self, entry: AuditEntry) {
        let repeated =
            |seen: &&mut AuditEntry| seen.same(&entry) && entry.time_ms.abs_diff(seen.time_ms) <= COALESCE_MS;
        if let Some(seen) = self.waiting.iter_mut().rev().take(64).find(repeated) {
            seen.repeats = seen.repeats.saturating_add(1);
            let (number, repeats) = (seen.number, seen.repeats);
            if let Some(known) = self.recent_by(number) {
                known.repeats = repeats;
            }
            return;
        }
        if let Some(seen) = self.recent.iter_mut().rev().take(64).find(repeated) {
            // Written before: its row is written anew with the higher count.
            seen.repeats = seen.repeats.saturating_add(1);
            let again = seen.clone();
            self.waiting.push(again);
            return;
        }
        self.waiting.push(entry);
    }

    /// The recent entry with this number.
    fn recent_by(&mut self, number: u64) -> Option<&mut AuditEntry> {
        self.recent.iter_mut().rev().find(|seen| seen.number == number)
    }

    /// Takes what waits, to be written now.
    pub(crate) fn take(&mut self) -> Vec<AuditEntry> {
        std::mem::take(&mut self.waiting)
    }

    /// What was taken is durable: repeats find it here.
    pub(crate) fn written(&mut self, entries: Vec<AuditEntry>) {
        for mut entry in entries {
            // What was repeated while this was being written is counted on from there.
            if let Some(known) = self.recent_by(entry.number) {
                entry.repeats = entry.repeats.max(known.repeats);
            }
            self.recent.retain(|seen| seen.number != entry.number);
            self.recent.push_back(entry);
            if self.recent.len() > RECENT_MAX {
                self.recent.pop_front();
            }
        }
    }

    /// What was taken was not written: it waits again. Numbers after `last` were given
    /// in vain.
    pub(crate) fn restore(&mut self, mut entries: Vec<AuditEntry>, last: u64) {
        for entry in entries.iter_mut().filter(|entry| entry.number > last) {
            entry.number = 0;
        }
        entries.append(&mut self.waiting);
        entries.truncate(PENDING_MAX * 4);
        self.waiting = entries;
    }
}

/// Writes entries that waited into a group.
pub(crate) fn write(tx: &mut Tx<'_>, entries: &mut [AuditEntry]) {
    for entry in entries {
        put(tx, entry);
    }
}

fn put(tx: &mut Tx<'_>, entry: &mut AuditEntry) {
    if entry.number == 0 {
        tx.state.audit_seq = tx.state.audit_seq.saturating_add(1);
        entry.number = tx.state.audit_seq;
    }
    tx.put(KeyId::NODE, Table::Audit.key_u64(entry.number), entry.to_bytes());
}

/// Enters a write into its own group.
pub(crate) fn enter(tx: &mut Tx<'_>, ctx: &Context, action: &str, targets: &[RecordKey]) {
    for targets in targets.chunks(TARGETS_MAX) {
        let mut entry = AuditEntry {
            number: 0,
            time_ms: tx.group_ms,
            context: ctx.clone(),
            action: action.to_owned(),
            targets: targets.to_vec(),
            outcome: Outcome::Ok,
            repeats: 1,
        };
        put(tx, &mut entry);
    }
}

/// Enters something that was not a write of records.
pub(crate) fn note(core: &Core, ctx: &Context, event: &AuditEvent) -> Result<(), StoreError> {
    let mut entry = AuditEntry {
        number: 0,
        time_ms: core.now_ms(),
        context: ctx.clone(),
        action: event.action.clone(),
        targets: event.target.iter().cloned().collect(),
        outcome: event.outcome,
        repeats: 1,
    };
    if event.durable {
        return core.transact_upkeep(1, move |tx| {
            put(tx, &mut entry);
            Ok(())
        });
    }
    let pending = || {
        core.audit
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    };
    // Written before there is one more: where they cannot be, nothing piles up.
    if pending().len() >= PENDING_MAX {
        flush(core)?;
    }
    pending().push(entry);
    Ok(())
}

/// Writes what waits, now.
pub(crate) fn flush(core: &Core) -> Result<(), StoreError> {
    let waiting = core
        .audit
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .len();
    if waiting == 0 {
        Ok(())
    } else {
        core.transact_upkeep(0, |_| Ok(()))
    }
}

/// The log, newest first; the cursor is the number below which to go on.
fn list(core: &Core, cursor: Option<&str>, count: usize) -> Result<Page<AuditEntry>, StoreError> {
    let mut range = KeyRange::prefix(&Table::Audit.prefix()).reversed();
    if let Some(cursor) = cursor {
        let below: u64 = cursor.parse().map_err(|_| StoreError::Cursor)?;
        range.end = Some(Table::Audit.key_u64(below));
    } else {
        range.end = successor(&Table::Audit.prefix());
    }
    let mut entries = Vec::new();
    for (row, sealed) in core.kv.scan(&range, count.saturating_add(1))? {
        entries.push(AuditEntry::from_bytes(
            number_of(&row),
            &core.open(&row, &sealed)?,
        )?);
    }
    let more = entries.len() > count;
    entries.truncate(count);
    let next = if more {
        entries.last().map(|entry| entry.number.to_string())
    } else {
        None
    };
    Ok(Page { entries, next })
}

impl Store {
    /// Enters an operation that was no write of records into the audit log.
    ///
    /// # Errors
    /// The store's, for durable entries or when too many wait.
    pub fn audit(&self, ctx: &Context, event: &AuditEvent) -> Result<(), StoreError> {
        note(&self.core, ctx, event)
    }

    /// Writes audit entries that wait, now.
    ///
    /// # Errors
    /// The store's.
    pub fn audit_flush(&self) -> Result<(), StoreError> {
        flush(&self.core)
    }

    /// The audit log, newest first.
    ///
    /// # Errors
    /// The store's, or a cursor that is none.
    pub fn audit_list(&self, cursor: Option<&str>, count: usize) -> Result<Page<AuditEntry>, StoreError> {
        list(&self.core, cursor, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ctx;

    fn read_by(user: &str) -> AuditEntry {
        AuditEntry {
            number: 0,
            time_ms: 1,
            context: Context {
                user: user.to_owned(),
                ..ctx()
            },
            action: "record_read".to_owned(),
            targets: Vec::new(),
            outcome: Outcome::Ok,
            repeats: 1,
        }
    }

    /// What stands in the log of an entry after this batch.
    fn write(pending: &mut PendingAudit, mut batch: Vec<AuditEntry>) -> u32 {
        batch.iter_mut().for_each(|entry| entry.number = 1);
        let last = batch.last().map_or(0, |entry| entry.repeats);
        pending.written(batch);
        last
    }

    #[test]
    fn repeats_that_come_while_others_are_written_are_counted() {
        let mut pending = PendingAudit::default();
        pending.push(read_by("nurse"));
        let first = pending.take();
        write(&mut pending, first);
        pending.push(read_by("nurse"));
        pending.push(read_by("nurse"));
        let under_way = pending.take();
        assert_eq!(under_way[0].repeats, 3);
        pending.push(read_by("nurse"));
        pending.push(read_by("nurse"));
        assert_eq!(write(&mut pending, under_way), 3);
        let next = pending.take();
        assert_eq!(next.len(), 1);
        pending.push(read_by("nurse"));
        assert_eq!(write(&mut pending, next), 5);
        let last = pending.take();
        assert_eq!(write(&mut pending, last), 6);
    }

    #[test]
    fn repeats_that_come_while_a_batch_fails_are_counted() {
        let mut pending = PendingAudit::default();
        pending.push(read_by("nurse"));
        let first = pending.take();
        write(&mut pending, first);
        pending.push(read_by("nurse"));
        let lost = pending.take();
        pending.push(read_by("nurse"));
        pending.push(read_by("doctor"));
        pending.restore(lost, 1);
        pending.push(read_by("nurse"));
        let all = pending.take();
        let of = |user: &str| {
            let own = all.iter().filter(|entry| entry.context.user == user);
            own.map(|entry| (entry.number, entry.repeats)).next_back()
        };
        assert_eq!((of("nurse"), of("doctor")), (Some((1, 4)), Some((0, 1))));
    }

    #[test]
    fn what_is_remembered_to_find_repeats_is_bounded_and_the_newest_stay() {
        let mut pending = PendingAudit::default();
        let numbered = |number: u64| AuditEntry {
            number,
            ..read_by(&format!("u{number}"))
        };
        let last = RECENT_MAX as u64 + 50;
        for number in 1..=last {
            pending.written(vec![numbered(number)]);
            assert!(pending.recent.len() <= RECENT_MAX);
        }
        assert_eq!(pending.recent.len(), RECENT_MAX);
        assert_eq!(pending.recent.front().map(|entry| entry.number), Some(51));
        // One that is written anew stands there once, as the newest.
        pending.written(vec![numbered(100)]);
        let own = pending.recent.iter().filter(|entry| entry.number == 100);
        assert_eq!(own.count(), 1);
        assert_eq!(pending.recent.back().map(|entry| entry.number), Some(100));
        // What failed to be written waits, in its order, and no more of it than there is room for.
        let many = (1..=PENDING_MAX as u64 * 5).map(numbered).collect();
        pending.push(read_by("newest"));
        pending.restore(many, 10);
        assert_eq!(pending.len(), PENDING_MAX * 4);
        let waiting = pending.take();
        assert_eq!((waiting[9].number, waiting[10].number), (10, 0));
        assert_eq!(waiting[11].context.user, "u12");
        assert_eq!(pending.len(), 0);
    }
}
