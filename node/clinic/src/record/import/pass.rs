//! The second pass: all that was read is settled and written.

use std::collections::HashMap;

use chaski_store::{RecordKey, is_one_of_several};

use super::incoming::{Incoming, Verb};
use super::note::{ImportNote, NoteKind};
use super::order::{Slot, Versions, in_order};
use super::settle::Links;
use super::writer::{BatchReport, Unit};
use super::{BATCH_RECORDS, ImportError, ImportProgress, ImportReport, ImportSession};
use crate::record::RecordError;

/// Records that were refused while others were written already, and after how many of these that was known.
type Late = HashMap<String, usize>;

impl ImportSession<'_> {
    /// Writes what was read and answers what was done.
    ///
    /// # Errors
    /// [`ImportError`]; what was written before stays.
    pub fn finish(mut self, progress: &mut dyn FnMut(ImportProgress)) -> Result<ImportReport, ImportError> {
        let slots = std::mem::take(&mut self.slots);
        let units = in_order(&slots, &self.names);
        drop(slots);
        let patients = units.iter().filter(|unit| is_patient(unit)).count();
        let mut late = Late::new();
        for (at, unit) in units.iter().enumerate() {
            if at == patients {
                // Whether a patient is taken decides about all that names them.
                self.settle_writes(at, &mut late, progress)?;
            }
            if let Err(stopped) = self.go_on() {
                self.settle_writes(at, &mut late, progress)?;
                return Err(stopped);
            }
            self.unit(at, unit, &mut late)?;
            if self.batch_records >= BATCH_RECORDS {
                self.flush(at, &mut late, progress)?;
            }
        }
        self.settle_writes(units.len(), &mut late, progress)?;
        if !late.is_empty() {
            self.tell_late(&units, &late)?;
        }
        self.writer.save()?;
        while let Some(done) = self.writer.wait()? {
            self.take_up(done, units.len(), &mut late)?;
        }
        Ok(self.report)
    }

    fn load(&mut self, slot: &Slot) -> Result<Incoming, ImportError> {
        let piece = self
            .spool
            .read(slot.place)
            .map_err(|error| ImportError::Spool(error.kind()))?;
        Incoming::from_piece(&piece, slot.stamp).ok_or(ImportError::Spool(std::io::ErrorKind::InvalidData))
    }

    /// The versions of one record.
    fn unit(&mut self, at: usize, versions: &Versions, late: &mut Late) -> Result<(), ImportError> {
        let mut unit = Unit::new();
        let mut refused = None;
        for slot in versions {
            let mut incoming = self.load(slot)?;
            if incoming.verb == Verb::Delete {
                unit.push(incoming);
                continue;
            }
            match self.settle(&mut incoming) {
                Ok(found) => {
                    let of = (incoming.key.kind().to_owned(), incoming.key.id().to_owned());
                    self.tell_dangling(&incoming, &found);
                    match found.because_of {
                        Some(called) => {
                            let reason = format!("refused because of {called}, who was refused");
                            self.refuse(&incoming.place, (&of.0, &of.1), reason);
                            refused = Some(incoming.key);
                        }
                        None => {
                            self.report.links += found.links;
                            unit.push(incoming);
                        }
                    }
                }
                Err(error) => {
                    let key = incoming.key.clone();
                    self.refuse(&incoming.place, (key.kind(), key.id()), error.to_string());
                    refused = Some(key);
                }
            }
        }
        match refused {
            Some(key) if unit.is_empty() => self.forget(&key, at, late),
            _ if !unit.is_empty() => {
                self.batch_records += unit.len();
                if unit.iter().any(|one| is_one_of_several(&one.json)) {
                    // An export says that they are several records of one id: not versions of each other.
                    self.batch.extend(unit.into_iter().map(|one| vec![one]));
                } else {
                    self.batch.push(unit);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn tell_dangling(&mut self, incoming: &Incoming, found: &Links) {
        for one in &found.dangling {
            self.report.dangling += 1;
            self.dangling_note(incoming, &one.path, &one.reason);
        }
    }

    fn dangling_note(&mut self, incoming: &Incoming, path: &str, reason: &str) {
        let of = (incoming.key.kind(), incoming.key.id());
        let mut note = ImportNote::new(NoteKind::Dangling, &incoming.place, of, reason.to_owned());
        note.path = path.to_owned();
        self.note(&note);
    }

    /// A record that others may have been linked to is not taken after all.
    fn forget(&mut self, key: &RecordKey, at: usize, late: &mut Late) {
        self.names.forget(key);
        late.insert(key.to_string(), at);
    }

    /// Counts and tells the references of what was written before it was known that they lead nowhere.
    fn tell_late(&mut self, units: &[Versions], late: &Late) -> Result<(), ImportError> {
        for (at, versions) in units.iter().enumerate() {
            for slot in versions {
                let mut incoming = self.load(slot)?;
                if incoming.verb == Verb::Delete || late.contains_key(&incoming.key.to_string()) {
                    continue;
                }
                let Ok(found) = self.settle(&mut incoming) else {
                    continue;
                };
                for one in found.dangling {
                    let known = one.refused.as_ref().and_then(|called| late.get(called));
                    if known.is_some_and(|known| at <= *known) {
                        self.report.links = self.report.links.saturating_sub(1);
                        self.report.dangling += 1;
                        self.dangling_note(&incoming, &one.path, &one.reason);
                    }
                }
            }
        }
        Ok(())
    }

    /// Hands the batch to the writer and takes up what it has done meanwhile.
    fn flush(
        &mut self,
        at: usize,
        late: &mut Late,
        progress: &mut dyn FnMut(ImportProgress),
    ) -> Result<(), ImportError> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_records = 0;
        if !batch.is_empty() {
            self.writer.send(batch)?;
        }
        while let Some(done) = self.writer.done() {
            self.take_up(done, at, late)?;
        }
        self.tick(false, progress);
        Ok(())
    }

    /// Waits until everything handed over is durable.
    fn settle_writes(
        &mut self,
        at: usize,
        late: &mut Late,
        progress: &mut dyn FnMut(ImportProgress),
    ) -> Result<(), ImportError> {
        self.flush(at, late, progress)?;
        while let Some(done) = self.writer.wait()? {
            self.take_up(done, at, late)?;
            self.tick(false, progress);
        }
        Ok(())
    }

    fn take_up(
        &mut self,
        done: Result<BatchReport, RecordError>,
        at: usize,
        late: &mut Late,
    ) -> Result<(), ImportError> {
        let done = done?;
        self.report.records += done.records;
        self.report.created += done.created;
        self.report.updated += done.updated;
        self.report.deleted += done.deleted;
        self.report.unchanged += done.unchanged;
        for key in done.taken {
            *self.report.kinds.entry(key.kind().to_owned()).or_insert(0) += 1;
        }
        for (place, key, reason) in done.kept {
            self.report.kept += 1;
            let note = ImportNote::new(NoteKind::Kept, &place, (key.kind(), key.id()), reason.to_owned());
            self.note(&note);
        }
        for (place, key, reason) in done.refused {
            self.refuse(&place, (key.kind(), key.id()), reason);
            if !self.clinic.door_has(&key)? {
                self.forget(&key, at, late);
            }
        }
        Ok(())
    }
}

fn is_patient(unit: &Versions) -> bool {
    unit.first().is_some_and(|slot| slot.is_patient)
}
