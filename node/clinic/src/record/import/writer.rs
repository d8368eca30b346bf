//! Writes batches beside the reading of the next: parsing and checking use one
//! core, the store the other.
//!
//! Invariant: batches are written in the order they were handed over, and at
//! most [`BATCHES_WAITING_MAX`] wait, so a slow disk slows the reading down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::JoinHandle;

use chaski_fhir::compartment::patients_of;
use chaski_store::{
    Base, CommitError, RecordKey, Refusal, StoreError, VersionId, Write, Written, is_one_of_several,
};

use super::before::{Decision, IS_THERE, Judgement, KEPT_BACK, judge};
use super::incoming::{Incoming, Place, Stamp, Verb};
use super::names::name_hash;
use super::stamps::Stamps;
use crate::record::RecordError;
use crate::record::write::refused as record_error;
use crate::{Caller, Clinic};

/// Batches that wait for the one being written.
const BATCHES_WAITING_MAX: usize = 1;
/// Why a line is refused that is another record than one before it, and nothing tells the two apart here.
const ANOTHER: &str = "another record of this id and these patients was imported before it";
/// What was imported of each id that several records have, by the patients whom they name.
type Several = BTreeMap<(RecordKey, BTreeSet<String>), String>;
/// The versions of one record, oldest first.
pub(super) type Unit = Vec<Incoming>;

/// What became of one batch.
#[derive(Default)]
pub(super) struct BatchReport {
    pub(super) records: u64,
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) deleted: u64,
    pub(super) unchanged: u64,
    pub(super) kept: Vec<(Place, RecordKey, &'static str)>,
    pub(super) refused: Vec<(Place, RecordKey, String)>,
    /// The records that are here now as the files have them, or newer.
    pub(super) taken: BTreeSet<RecordKey>,
}

type Done = Result<BatchReport, RecordError>;

/// The thread that writes.
pub(super) struct Writer {
    batches: Option<SyncSender<Vec<Unit>>>,
    results: Receiver<Done>,
    outstanding: usize,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(clinic: &Clinic, caller: &Caller) -> Writer {
        let (batches, to_write) = sync_channel::<Vec<Unit>>(BATCHES_WAITING_MAX);
        let (written, results) = channel();
        let (clinic, caller) = (clinic.clone(), caller.clone());
        let thread = std::thread::spawn(move || {
            let mut work = Work {
                clinic,
                caller,
                several: Several::new(),
                stamps: Stamps::default(),
            };
            for batch in to_write {
                // None to write: all is.
                let done = match batch.is_empty() {
                    true => work.stamps.save(&work.clinic).map(|()| BatchReport::default()),
                    false => work.write(batch),
                };
                if written.send(done).is_err() {
                    return;
                }
            }
        });
        Writer {
            batches: Some(batches),
            results,
            outstanding: 0,
            thread: Some(thread),
        }
    }

    /// Hands over a batch; waits while too many do.
    pub(super) fn send(&mut self, batch: Vec<Unit>) -> Result<(), RecordError> {
        let sender = self.batches.as_ref().ok_or_else(stopped)?;
        sender.send(batch).map_err(|_| stopped())?;
        self.outstanding += 1;
        Ok(())
    }

    /// All batches are handed over: what is known of them is kept for the next import.
    pub(super) fn save(&mut self) -> Result<(), RecordError> {
        self.send(Vec::new())
    }

    /// A batch that is done, if there is one.
    pub(super) fn done(&mut self) -> Option<Done> {
        match self.results.try_recv() {
            Ok(done) => {
                self.outstanding = self.outstanding.saturating_sub(1);
                Some(done)
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }

    /// Waits for the next batch; `None` when none is outstanding.
    pub(super) fn wait(&mut self) -> Result<Option<Done>, RecordError> {
        if self.outstanding == 0 {
            return Ok(None);
        }
        let done = self.results.recv().map_err(|_| stopped())?;
        self.outstanding -= 1;
        Ok(Some(done))
    }
}

impl Drop for Writer {
    /// What was handed over is written before the session is gone.
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the import's writer failed");
        }
    }
}

fn stopped() -> RecordError {
    RecordError::Store(StoreError::Stopped)
}

/// What the writing thread knows.
struct Work {
    clinic: Clinic,
    caller: Caller,
    several: Several,
    stamps: Stamps,
}

/// A version that is being written.
struct Sent {
    place: Place,
    key: RecordKey,
    verb: Verb,
    stamp: Stamp,
    /// The newest of its record.
    is_last: bool,
}

impl Work {
    fn write(&mut self, batch: Vec<Unit>) -> Done {
        let mut report = BatchReport::default();
        let mut writes = Vec::new();
        let mut sent = Vec::new();
        for unit in batch {
            self.unit(unit, &mut report, &mut writes, &mut sent)?;
        }
        if writes.is_empty() {
            return Ok(report);
        }
        let results =
            self.clinic
                .store()
                .commit_bulk_cleared(self.caller.context(), self.caller.clearance(), writes);
        for (sent, result) in sent.into_iter().zip(results) {
            self.take_up(sent, result, &mut report)?;
        }
        Ok(report)
    }

    /// Decides about the versions of one record, and adds those to `writes` that are to be written.
    fn unit(
        &mut self,
        unit: Unit,
        report: &mut BatchReport,
        writes: &mut Vec<Write>,
        sent: &mut Vec<Sent>,
    ) -> Result<(), RecordError> {
        let Judgement { decisions, current } = judge(&self.clinic, &self.caller, &unit, &mut self.stamps)?;
        report.records += unit.len() as u64;
        let last = unit.len().saturating_sub(1);
        for (at, (incoming, decision)) in unit.into_iter().zip(decisions).enumerate() {
            match decision {
                Decision::Unchanged => {
                    report.unchanged += 1;
                    report.stands(&incoming.key, incoming.verb);
                    if let Some(version) = current.as_ref().filter(|_| at == last) {
                        self.remember(&incoming.key, version, incoming.stamp)?;
                    }
                }
                Decision::Kept(reason) => {
                    report.stands(&incoming.key, Verb::Put);
                    report.kept.push((incoming.place, incoming.key, reason));
                }
                Decision::Refused(reason) => report.refuse(incoming, reason),
                Decision::Write => {
                    let Some(base) = self.base_of(&incoming) else {
                        report.refuse(incoming, ANOTHER);
                        continue;
                    };
                    sent.push(Sent {
                        place: incoming.place,
                        key: incoming.key.clone(),
                        verb: incoming.verb,
                        stamp: incoming.stamp,
                        is_last: at == last,
                    });
                    writes.push(match incoming.verb {
                        Verb::Delete => Write::Delete {
                            key: incoming.key,
                            base,
                        },
                        Verb::Put | Verb::PutIfNone => Write::Put {
                            key: incoming.key,
                            json: incoming.json,
                            base,
                            resolution: false,
                        },
                    });
                }
            }
        }
        Ok(())
    }

    /// Upon what a version is written; nothing where it is another record than one before it, and nothing tells the two
    /// apart here.
    fn base_of(&mut self, incoming: &Incoming) -> Option<Base> {
        match incoming.verb {
            Verb::Delete => return Some(Base::Current),
            // Whether there is one is asked where it is written: of several on one condition the first is
            // made, and none over what came meanwhile.
            Verb::PutIfNone => return Some(Base::Absent),
            Verb::Put => {}
        }
        if !is_one_of_several(&incoming.json) {
            return Some(Base::OfPatient);
        }
        let of = (
            incoming.key.clone(),
            patients_of(&incoming.json).into_iter().collect(),
        );
        let told = incoming.json.canonical();
        let known = self.several.entry(of).or_insert_with(|| told.clone());
        (*known == told).then_some(Base::OneOfSeveral)
    }

    fn take_up(
        &mut self,
        sent: Sent,
        result: Result<Written, CommitError>,
        report: &mut BatchReport,
    ) -> Result<(), RecordError> {
        let written = match result {
            Ok(written) => written,
            Err(CommitError::Refused {
                refusal: Refusal::Exists,
                ..
            }) if sent.verb == Verb::PutIfNone => {
                report.stands(&sent.key, Verb::Put);
                report.kept.push((sent.place, sent.key, IS_THERE));
                return Ok(());
            }
            Err(CommitError::Refused {
                refusal: Refusal::NotFound,
                ..
            }) => {
                report.refused.push((sent.place, sent.key, KEPT_BACK.to_owned()));
                return Ok(());
            }
            // A store that takes no more ends the import; a refusal is listed.
            Err(CommitError::Store(error)) => return Err(error.into()),
            Err(CommitError::Refused { refusal, .. }) => {
                let reason = record_error(Some(sent.key.clone()), refusal).to_string();
                report.refused.push((sent.place, sent.key, reason));
                return Ok(());
            }
            Err(error) => {
                report.refused.push((sent.place, sent.key, error.to_string()));
                return Ok(());
            }
        };
        match sent.verb {
            _ if written.unchanged => report.unchanged += 1,
            Verb::Delete => report.deleted += 1,
            _ if written.created => report.created += 1,
            _ => report.updated += 1,
        }
        report.stands(&sent.key, sent.verb);
        if sent.is_last {
            self.remember(&sent.key, &written.version, sent.stamp)?;
        }
        Ok(())
    }

    fn remember(&mut self, key: &RecordKey, version: &VersionId, stamp: Stamp) -> Result<(), RecordError> {
        let hash = name_hash(&[key.kind(), key.id()]);
        self.stamps.set(&self.clinic, hash, version, stamp)
    }
}

impl BatchReport {
    /// A version stands as it came, or something newer does.
    fn stands(&mut self, key: &RecordKey, verb: Verb) {
        match verb {
            Verb::Delete => self.taken.remove(key),
            Verb::Put | Verb::PutIfNone => self.taken.insert(key.clone()),
        };
    }

    fn refuse(&mut self, incoming: Incoming, reason: &str) {
        self.refused
            .push((incoming.place, incoming.key, reason.to_owned()));
    }
}
