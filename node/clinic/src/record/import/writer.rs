//! Writes batches beside the reading of the next: parsing and checking use one
//! core, the store the other.
//!
//! Invariant: batches are written in the order they were handed over, and at
//! most [`BATCHES_WAITING_MAX`] wait, so a slow disk slows the reading down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::JoinHandle;

use chaski_fhir::compartment::patients_of;
use chaski_json::Json;
use chaski_store::{
    Base, CommitError, HistoryOf, RecordKey, Refusal, StoreError, Write, is_one_of_several, strip,
};

use super::incoming::Incoming;
use crate::policy_decision::Action;
use crate::record::RecordError;
use crate::{Caller, Clinic};

/// Batches that wait for the one being written.
const BATCHES_WAITING_MAX: usize = 1;
/// Why a line is refused whose record whoever imports may not see.
const KEPT_BACK: &str = "whoever imports may not write this record";
/// Why a line is refused that is another record than one before it, and nothing tells the two apart here.
const ANOTHER: &str = "another record of this id and these patients was imported before it";
/// What was imported of each id that several records have, by the patients whom they name.
type Several = BTreeMap<(RecordKey, BTreeSet<String>), String>;
/// Versions looked at together to see whether content was there before.
const VERSIONS_LOOKED_AT: usize = 32;

/// What became of one batch.
#[derive(Default)]
pub(super) struct BatchReport {
    pub(super) records: u64,
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    pub(super) refused: Vec<(String, String)>,
}

type Done = Result<BatchReport, RecordError>;

/// The thread that writes.
pub(super) struct Writer {
    batches: Option<SyncSender<Vec<Incoming>>>,
    results: Receiver<Done>,
    outstanding: usize,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(clinic: &Clinic, caller: &Caller) -> Writer {
        let (batches, to_write) = sync_channel::<Vec<Incoming>>(BATCHES_WAITING_MAX);
        let (written, results) = channel();
        let (clinic, caller) = (clinic.clone(), caller.clone());
        let thread = std::thread::spawn(move || {
            let mut several = Several::new();
            for batch in to_write {
                let done = write(&clinic, &caller, batch, &mut several);
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
    pub(super) fn send(&mut self, batch: Vec<Incoming>) -> Result<(), RecordError> {
        let sender = self.batches.as_ref().ok_or_else(stopped)?;
        sender.send(batch).map_err(|_| stopped())?;
        self.outstanding += 1;
        Ok(())
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

fn write(clinic: &Clinic, caller: &Caller, batch: Vec<Incoming>, several: &mut Several) -> Done {
    let mut report = BatchReport {
        records: batch.len() as u64,
        ..BatchReport::default()
    };
    let mut writes = Vec::with_capacity(batch.len());
    let mut places = Vec::with_capacity(batch.len());
    for incoming in batch {
        match was_here(clinic, caller, &incoming) {
            Ok(false) => {}
            Ok(true) => {
                report.unchanged += 1;
                continue;
            }
            // Kept back from who imports: a line that is refused, as any other.
            Err(RecordError::NotFound(_)) => {
                report.refused.push((incoming.place, KEPT_BACK.to_owned()));
                continue;
            }
            Err(error) => return Err(error),
        }
        let unread = match is_one_of_several(&incoming.json) {
            true => Base::OneOfSeveral,
            false => Base::OfPatient,
        };
        if unread == Base::OneOfSeveral {
            let of = (
                incoming.key.clone(),
                patients_of(&incoming.json).into_iter().collect(),
            );
            let told = incoming.json.canonical();
            if *several.entry(of).or_insert_with(|| told.clone()) != told {
                report.refused.push((incoming.place, ANOTHER.to_owned()));
                continue;
            }
        }
        places.push((incoming.place, incoming.is_if_none));
        writes.push(Write::Put {
            key: incoming.key,
            json: incoming.json,
            // Whether there is one is asked where it is written: of several on one condition the first is
            // made, and none over what came meanwhile.
            base: if incoming.is_if_none { Base::Absent } else { unread },
            resolution: false,
        });
    }
    if writes.is_empty() {
        return Ok(report);
    }
    for ((place, is_if_none), result) in places.into_iter().zip(clinic.store().commit_bulk_cleared(
        caller.context(),
        caller.clearance(),
        writes,
    )) {
        match result {
            Ok(written) if written.created => report.created += 1,
            Ok(written) if written.unchanged => report.unchanged += 1,
            Ok(_) => report.updated += 1,
            Err(CommitError::Refused {
                refusal: Refusal::Exists,
                ..
            }) if is_if_none => report.unchanged += 1,
            Err(CommitError::Refused {
                refusal: Refusal::NotFound,
                ..
            }) => report.refused.push((place, KEPT_BACK.to_owned())),
            // A store that takes no more ends the import; a refusal is listed.
            Err(CommitError::Store(error)) => return Err(error.into()),
            Err(error) => report.refused.push((place, error.to_string())),
        }
    }
    Ok(report)
}

/// Whether the record holds this content, or has held it and was edited or
/// deleted since.
fn was_here(clinic: &Clinic, caller: &Caller, incoming: &Incoming) -> Result<bool, RecordError> {
    let current = match clinic.door_read(caller, Action::RecordImport, &incoming.key) {
        Ok(Some(current)) => Some(current),
        Ok(None) => return Ok(false),
        // By its key alone nothing says which is meant; the history is of all, and an edit is not undone.
        Err(RecordError::Collision(_)) => None,
        Err(error) => return Err(error),
    };
    let mut content = incoming.json.clone();
    strip(&mut content);
    let wanted = take_sets(&mut content);
    let same = |mut json: Json| {
        strip(&mut json);
        let held = take_sets(&mut json);
        json == content && wanted.iter().all(|one| held.contains(one))
    };
    if current.is_some_and(|current| !current.deleted && same(current.json)) {
        return Ok(true);
    }
    let of = HistoryOf::Record(incoming.key.clone());
    let mut page = clinic.door_history(caller, &of, None, None, VERSIONS_LOOKED_AT)?;
    loop {
        if page.entries.into_iter().filter_map(|entry| entry.json).any(same) {
            return Ok(true);
        }
        let Some(next) = page.next else {
            return Ok(false);
        };
        page = clinic.door_history(caller, &of, None, Some(&next), VERSIONS_LOOKED_AT)?;
    }
}

/// Takes out the sets of `meta` that an update adds to and never empties: what was imported holds
/// in them what the record had before as well.
fn take_sets(json: &mut Json) -> Vec<(&'static str, Json)> {
    let mut taken = Vec::new();
    let Some(object) = json.as_object_mut() else {
        return taken;
    };
    if let Some(meta) = object.get_mut("meta").and_then(Json::as_object_mut) {
        for name in ["profile", "security", "tag"] {
            if let Some(Json::Array(items)) = meta.remove(name) {
                taken.extend(items.into_iter().map(|item| (name, item)));
            }
        }
        if meta.is_empty() {
            object.remove("meta");
        }
    }
    taken
}
