//! Taking a parcel in.
//!
//! One thread reads and verifies, another merges and commits.
//!
//! Invariants: nothing reaches the store before its sender is known as a
//! member; batches go the way of a session's, without a cursor; only a whole
//! parcel, whose end the sender has signed, moves what is kept of the sender.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::{Arc, mpsc};

use chaski_crdt::authority::StatementId;
use chaski_crdt::parcel::{End, Head, Item, ParcelError as FormatError, ParcelReader};

use super::access::Access;
use super::told::{ParcelError, Party, ReadReport, node, party};
use crate::apply::{Applied, ApplyJob, Failure, Prepared};
use crate::engine::TakenIn;
use crate::limits::REFUSED_MAX;
use crate::replica::Replica;
use crate::report::Refused;
use crate::trust::Trust;

/// Bytes read at a time.
const PIECE_BYTES: usize = 256 * 1024;
/// Verified batches that wait to be committed.
const PREPARED_MAX: usize = 2;

/// A parcel whose sender is known and of which nothing has been taken in yet.
pub struct Incoming<'a> {
    access: Access,
    input: Pieces<'a>,
    head: Head,
    trust: Arc<Trust>,
    /// The statements in it: all that the sender held.
    told: BTreeSet<StatementId>,
    /// What follows the statements.
    next: Result<Option<Item>, FormatError>,
}

/// The file, as far as it was read.
struct Pieces<'a> {
    file: &'a mut dyn Read,
    reader: ParcelReader,
    piece: Vec<u8>,
}

impl Pieces<'_> {
    /// The next item; `None` behind the last.
    fn next(&mut self) -> Result<Result<Option<Item>, FormatError>, ParcelError> {
        loop {
            match self.reader.next() {
                Ok(Some(item)) => return Ok(Ok(Some(item))),
                Ok(None) => {}
                Err(error) => return Ok(Err(error)),
            }
            self.piece.resize(PIECE_BYTES, 0);
            let count = match self.file.read(&mut self.piece) {
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ParcelError::File(error)),
            };
            if count == 0 {
                return Ok(self.reader.finish().map(|()| None));
            }
            self.reader.push(self.piece.get(..count).unwrap_or_default());
        }
    }
}

impl<'a> Incoming<'a> {
    /// Reads until the sender is known, and takes in what the parcel says of the
    /// network's authority.
    ///
    /// # Errors
    /// [`ParcelError::Format`] for what is no parcel for this node,
    /// [`ParcelError::Stranger`], [`ParcelError::Revoked`], [`ParcelError::Node`].
    pub fn open(mut access: Access, file: &'a mut dyn Read) -> Result<Incoming<'a>, ParcelError> {
        let mut input = Pieces {
            file,
            reader: ParcelReader::new(access.identity.network, access.key()),
            piece: Vec::new(),
        };
        let Some(Item::Head(head)) = input.next()?? else {
            return Err(FormatError::Cut.into());
        };
        let ground = access.work(|engine, now| (engine.parcel_ground(now), Vec::new()))?;
        let mut trust = ground.map_err(node)?.trust;
        let mut told = BTreeSet::new();
        let next = loop {
            match input.next()? {
                Ok(Some(Item::Authority(statements))) => {
                    told.extend(statements.iter().map(|statement| StatementId::of(statement)));
                    let heard = access.work(move |engine, now| engine.parcel_statements(now, &statements))?;
                    trust = heard.map_err(ParcelError::Node)?;
                }
                next => break next,
            }
        };
        let sender = party(&trust, head.sender);
        if trust.is_revoked(&head.sender) {
            return Err(ParcelError::Revoked(sender.name));
        }
        if trust.member(&head.sender).is_none() {
            return Err(ParcelError::Stranger(sender.name));
        }
        Ok(Incoming {
            access,
            input,
            head,
            trust,
            told,
            next,
        })
    }

    /// Who wrote it.
    #[must_use]
    pub fn sender(&self) -> Party {
        party(&self.trust, self.head.sender)
    }

    /// When it was written, by the sender's clock, in ms since 1970.
    #[must_use]
    pub fn made_ms(&self) -> u64 {
        self.head.made_ms
    }

    /// Takes it in; `progress` hears the records read so far. Where the file is damaged
    /// or cut, what stands before the fault has been taken in and the report says so.
    ///
    /// # Errors
    /// [`ParcelError::Full`], [`ParcelError::Node`], [`ParcelError::File`]: what was
    /// taken in by then is kept.
    pub fn take(self, progress: &mut dyn FnMut(u64)) -> Result<ReadReport, ParcelError> {
        let Incoming {
            mut access,
            mut input,
            head,
            trust,
            told,
            next,
        } = self;
        let replica = Arc::clone(&access.replica);
        let make =
            |payload| ApplyJob::of_parcel(head.sender, access.identity.network, payload, trust.authors());
        let (queue, batches) = mpsc::sync_channel(PREPARED_MAX);
        let (read, taken) = std::thread::scope(|scope| {
            let committing = std::thread::Builder::new()
                .name("chaski-parcel".to_owned())
                .spawn_scoped(scope, move || commit(&batches, replica.as_ref()))
                .map_err(node)?;
            let read = verify(&mut input, next, &make, queue, progress);
            let taken = committing
                .join()
                .unwrap_or_else(|_| Err(node("taking the parcel in ended abruptly")));
            Ok::<_, ParcelError>((read, taken))
        })?;
        let Taken { mut report, rooted } = match taken {
            Ok(taken) => taken,
            Err(error) => {
                // Certificates may have come for what was taken in by then.
                access.work(|engine, now| ((), engine.parcel_awaiting(now)))?;
                return Err(error);
            }
        };
        if report.awaiting > 0 {
            access.work(|engine, now| ((), engine.parcel_awaiting(now)))?;
        }
        let end = match read? {
            // It stopped at a batch that could not be read, which the report tells.
            None => return Ok(report),
            Some(Err(fault)) => {
                report.fault = Some(fault);
                return Ok(report);
            }
            Some(Ok(end)) => end,
        };
        (report.records, report.changes) = (end.records, end.changes);
        stand(&mut access, head, end, told, rooted, &mut report)?;
        Ok(report)
    }
}

/// What batches came to.
struct Taken {
    report: ReadReport,
    /// Nothing of them waits for what it follows.
    rooted: bool,
}

/// How the file ended; `None` where it was not read so far.
type Ending = Option<Result<End, FormatError>>;

/// Reads the file to its end and hands on its batches, verified.
fn verify(
    input: &mut Pieces<'_>,
    mut next: Result<Option<Item>, FormatError>,
    make: &dyn Fn(Vec<u8>) -> ApplyJob,
    queue: mpsc::SyncSender<Prepared>,
    progress: &mut dyn FnMut(u64),
) -> Result<Ending, ParcelError> {
    let mut records = 0_u64;
    loop {
        match next {
            Ok(Some(Item::Batch(payload))) => {
                let prepared = make(payload).prepare();
                records = records.saturating_add(prepared.records());
                if queue.send(prepared).is_err() {
                    return Ok(None);
                }
                progress(records);
            }
            // The reader lets nothing else stand here.
            Ok(Some(Item::Head(_) | Item::Authority(_))) => {}
            Ok(Some(Item::End(end))) => {
                // A word behind the end is no part of what the sender said.
                let behind = input.next()?;
                return Ok(Some(behind.map(|_| end)));
            }
            Ok(None) => return Ok(Some(Err(FormatError::Cut))),
            Err(fault) => return Ok(Some(Err(fault))),
        }
        next = input.next()?;
    }
}

/// Merges and commits batches in their order, until there are no more or one can't be taken.
fn commit(batches: &mpsc::Receiver<Prepared>, replica: &dyn Replica) -> Result<Taken, ParcelError> {
    let mut taken = Taken {
        report: ReadReport::default(),
        rooted: true,
    };
    while let Ok(prepared) = batches.recv() {
        let applied = prepared.stage(replica).commit(replica);
        taken.rooted &= applied.report.orphans.is_empty();
        if note(applied, &mut taken.report)? {
            break;
        }
    }
    Ok(taken)
}

/// Counts what became of a batch; whether it was the last that can be taken.
fn note(applied: Applied, report: &mut ReadReport) -> Result<bool, ParcelError> {
    match applied.failure {
        Some(Failure::Full(_)) => return Err(ParcelError::Full),
        Some(Failure::Store(reason)) => return Err(ParcelError::Node(reason)),
        Some(Failure::Awaiting) => return Err(ParcelError::Awaiting),
        Some(Failure::Malformed(_)) => {
            report.fault = Some(FormatError::Malformed("a batch of changes"));
            return Ok(true);
        }
        None => {}
    }
    let set_aside = applied.report.quarantined;
    report.records = report.records.saturating_add(applied.read.0);
    report.changes = report.changes.saturating_add(applied.read.1);
    report.new_records = report.new_records.saturating_add(applied.report.records);
    report.refused = report.refused.saturating_add(applied.refused.count);
    report.awaiting = report.awaiting.saturating_add(applied.report.awaiting);
    report.quarantined = report.quarantined.saturating_add(set_aside.len() as u64);
    let set_aside = set_aside.into_iter().map(|one| Refused {
        record: one.key.to_string(),
        change: one.hash.map(|hash| hash.to_string()).unwrap_or_default(),
        reason: one.reason,
    });
    let room = REFUSED_MAX.saturating_sub(report.problems.len());
    let problems = applied.refused.told.into_iter().chain(set_aside).take(room);
    report.problems.extend(problems);
    Ok(false)
}

/// Tells the engine, and learns where this node stands now.
fn stand(
    access: &mut Access,
    head: Head,
    end: End,
    told: BTreeSet<StatementId>,
    rooted: bool,
    report: &mut ReadReport,
) -> Result<(), ParcelError> {
    let taken = TakenIn {
        head,
        end,
        told,
        clean: report.refused == 0 && report.quarantined == 0 && report.awaiting == 0,
        rooted,
    };
    let standing = access
        .work(move |engine, now| engine.parcel_taken(now, &taken))?
        .map_err(node)?;
    (report.in_sync, report.gap) = (standing.in_sync, standing.gap);
    report.holds_all = standing.holds_all;
    Ok(())
}
