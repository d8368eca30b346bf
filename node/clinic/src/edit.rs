//! What the edit commands of the features share: change a record at the
//! version a form showed, or write a record a form made.

use chaski_json::Json;
use chaski_store::{Base, Current, RecordKey, VersionId, Write, Written};

use crate::fhir_json::{date_bounds, text};
use crate::form::typed;
use crate::form::{FieldErrors, FormError, Reason};
use crate::policy_decision::Action;
use crate::record::{Pending, RecordError};
use crate::{Caller, Clinic};

#[cfg(test)]
mod tests;

impl Clinic {
    /// Applies `change` to the record as the form showed it and writes the
    /// difference at that version: what others wrote since is merged, not
    /// overwritten. Answers the new version.
    pub(crate) fn edit(
        &self,
        caller: &Caller,
        kind: &str,
        id: &str,
        base_version: &str,
        change: impl FnOnce(&mut Json) -> Result<(), FieldErrors>,
    ) -> Result<String, FormError> {
        let write = self.edit_write(caller, kind, id, base_version, change)?;
        Ok(self.commit_one(caller, write)?.version.to_string())
    }

    /// As [`Clinic::edit`], but leaves the commit to the caller, for edits that
    /// stand or fall with another write.
    pub(crate) fn edit_write(
        &self,
        caller: &Caller,
        kind: &str,
        id: &str,
        base_version: &str,
        change: impl FnOnce(&mut Json) -> Result<(), FieldErrors>,
    ) -> Result<Write, FormError> {
        let key = RecordKey::new(kind, id).map_err(|_| RecordError::BadId)?;
        let current = self.door_read_at(caller, Action::RecordRead, &key, Some(base_version))?;
        let current = self.read_living(caller, &key, current)?;
        let version = base_version.parse::<VersionId>().ok();
        let shown = match &version {
            Some(version) if *version != current.version => {
                self.door_version(caller, Action::RecordUpdate, &key, version)?
            }
            _ => None,
        };
        let (mut json, base) = match (shown, version) {
            (Some(shown), Some(version)) if !shown.deleted => (shown.json, Base::Version(version)),
            _ => (current.json.clone(), Base::Version(current.version.clone())),
        };
        change(&mut json)?;
        self.prepare(caller, &mut json, &key, Some(&current), &Pending::new())?;
        Ok(Write::Put {
            key,
            json,
            base,
            resolution: false,
        })
    }

    /// The id a form's record gets: the one drawn when the form was shown, if
    /// it is a UUID, else a new one.
    pub(crate) fn draft_id(&self, draft_id: &str) -> String {
        if chaski_fhir::id::is_uuid(draft_id) {
            draft_id.to_owned()
        } else {
            self.new_id()
        }
    }

    /// Writes records that a form made, as one. Sending the same form twice
    /// changes nothing the second time; the same form with something else typed is
    /// refused ([`RecordError::Exists`]), as what it says would not be written.
    pub(crate) fn write_new(&self, caller: &Caller, records: Vec<Json>) -> Result<Vec<Written>, RecordError> {
        self.write_new_with(caller, records, Vec::new())
    }

    /// As [`Clinic::write_new`], with edits that stand or fall with the new
    /// records; where all of those are there already, so is what the edits say.
    pub(crate) fn write_new_with(
        &self,
        caller: &Caller,
        records: Vec<Json>,
        edits: Vec<Write>,
    ) -> Result<Vec<Written>, RecordError> {
        let mut writes = Vec::with_capacity(records.len());
        for mut json in records {
            let key = RecordKey::new(text(&json, "resourceType"), text(&json, "id"))
                .map_err(|_| RecordError::BadId)?;
            if let Some(known) = self.door_read(caller, Action::RecordCreate, &key)? {
                if known.deleted {
                    return Err(RecordError::Gone {
                        key,
                        version: known.version.to_string(),
                    });
                }
                if !is_same_form(&known.json, &json) {
                    return Err(RecordError::Exists(key));
                }
                writes.push(Err(crate::record::already(&known)));
                continue;
            }
            self.prepare(caller, &mut json, &key, None, &Pending::new())?;
            writes.push(Ok(Write::Put {
                key,
                json,
                base: Base::OfPatient,
                resolution: false,
            }));
        }
        let mut new: Vec<Write> = writes
            .iter()
            .filter_map(|write| write.as_ref().ok().cloned())
            .collect();
        let mut written = if new.is_empty() {
            Vec::new()
        } else {
            new.extend(edits);
            self.commit(caller, new)?
        }
        .into_iter();
        Ok(writes
            .into_iter()
            .filter_map(|write| write.err().or_else(|| written.next()))
            .collect())
    }

    /// One record of a patient; another's is not known under this patient.
    pub(crate) fn of_one(
        &self,
        caller: &Caller,
        kind: &str,
        id: &str,
        patient: &str,
    ) -> Result<Current, RecordError> {
        let key = RecordKey::new(kind, id).map_err(|_| RecordError::BadId)?;
        let current = self.door_read_of(caller, Action::RecordRead, &key, patient)?;
        let current = self.read_living(caller, &key, current)?;
        let patients = chaski_fhir::compartment::patients_of(&current.json);
        match patients.into_iter().any(|one| one == patient) {
            true => Ok(current),
            false => Err(RecordError::NotFound(key)),
        }
    }

    /// A day, month or year that has come, and is not before the patient's birth.
    pub(crate) fn past_date(
        &self,
        errors: &mut FieldErrors,
        field: &'static str,
        typed: &str,
        patient: &Json,
    ) -> Option<String> {
        if typed.trim().is_empty() {
            return None;
        }
        let date = typed::date(errors, field, typed)?;
        let born = date_bounds(text(patient, "birthDate"));
        if date.first > self.today() {
            errors.add(field, Reason::InFuture);
        } else if born.is_some_and(|(born, _)| date.last < born) {
            errors.add(field, Reason::Inconsistent);
        }
        Some(date.iso)
    }

    /// Refuses a form about a patient who is not here.
    pub(crate) fn check_patient(&self, caller: &Caller, patient: &str) -> Result<Json, RecordError> {
        let key = RecordKey::new("Patient", patient).map_err(|_| RecordError::BadId)?;
        self.record_read(caller, &key)
            .map(|current| self.undecided_json(&current))
    }
}

/// Whether two records say the same, but for what the moment of sending makes of them.
fn is_same_form(known: &Json, sent: &Json) -> bool {
    let said = |json: &Json| {
        let mut json = json.clone();
        if let Some(members) = json.as_object_mut() {
            for of_the_moment in ["meta", "effectiveDateTime", "recordedDate"] {
                members.remove(of_the_moment);
            }
        }
        json.canonical()
    };
    said(known) == said(sent)
}
