//! Entries that wait in memory for the next group.
//!
//! Invariants: repeats within five minutes become one entry with a count; what could not be written waits
//! again, and no more of it than there is room for.

use super::entry::AuditEntry;

/// Repeats within this time are one entry, in milliseconds.
const COALESCE_MS: u64 = 5 * 60 * 1000;
/// Entries that may wait for a commit.
pub(crate) const PENDING_MAX: usize = 4_096;
/// Recent entries remembered to find repeats.
const RECENT_MAX: usize = 4_096;

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

    pub(super) fn push(&mut self, entry: AuditEntry) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, context::Context, testing::ctx};

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
