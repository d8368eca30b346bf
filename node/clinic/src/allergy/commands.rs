//! Record an allergy; change its criticality or status.

use chaski_fhir::date::instant;
use chaski_json::{Json, json};
use chaski_store::{Current, Write};

use super::view::{AllergyRow, NONE_KNOWN_CODE};
use crate::fhir_json::{coded, concept, set};
use crate::form::{self, FieldErrors, FormError, Reason, one_of};
use crate::policy_decision::{Action, Target};
use crate::record::RecordError;
use crate::{Caller, Clinic};

/// What somebody is allergic to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Substance {
    /// Words, optionally with a code.
    Named {
        /// As people write it, at most 256 characters.
        text: String,
        /// `system|code`, or empty.
        code: String,
    },
    /// The explicit statement that no allergy is known.
    NoneKnown,
}

/// What the allergy form holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllergyForm {
    /// The patient's id.
    pub patient: String,
    /// The substance that the patient reacts to, or that no allergy is known.
    pub substance: Substance,
    /// `low`, `high`, `unable-to-assess` or empty.
    pub criticality: String,
    /// What happens, at most 256 characters.
    pub reaction: String,
    /// `mild`, `moderate`, `severe` or empty.
    pub severity: String,
    /// An id drawn when the form was shown; empty draws one now.
    pub draft_id: String,
}

/// A change of what an allergy means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllergyChange {
    /// The AllergyIntolerance's id.
    pub id: String,
    /// The version the form showed.
    pub base_version: String,
    /// New criticality, if it changes.
    pub criticality: Option<String>,
    /// New clinical status (`active`, `inactive`, `resolved`), if it changes.
    pub status: Option<String>,
}

const CLINICAL_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const VERIFICATION_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
const CRITICALITIES: [&str; 3] = ["low", "high", "unable-to-assess"];

impl Clinic {
    /// Records an allergy; answers its id.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn allergy_record(&self, caller: &Caller, form: &AllergyForm) -> Result<String, FormError> {
        self.allow(caller, Action::RecordCreate, &Target::Kind("AllergyIntolerance"))?;
        self.check_patient(caller, &form.patient)?;
        let (code, reaction) = validate(form)?;
        let id = self.draft_id(&form.draft_id);
        let none_known = self.check_against_known(caller, form, &code, &id)?;
        // A statement that can't be written as it stands (it came from elsewhere, and is not valid) must
        // not keep the allergy out: it stays, and the chart marks it as contradicted.
        let set_aside: Vec<Write> = none_known
            .iter()
            .filter_map(|row| self.none_known_set_aside(caller, row).ok())
            .collect();
        let mut allergy = json!({
            "resourceType": "AllergyIntolerance",
            "id": id.as_str(),
            "clinicalStatus": coded(CLINICAL_SYSTEM, "active", ""),
            "verificationStatus": coded(VERIFICATION_SYSTEM, "confirmed", ""),
            "code": code,
            "patient": {"reference": format!("Patient/{}", form.patient)},
            "recordedDate": instant(self.now_ms()),
        });
        if !form.criticality.is_empty() {
            set(&mut allergy, "criticality", Json::from(&form.criticality));
        }
        if let Some(reaction) = reaction {
            set(&mut allergy, "reaction", Json::Array(vec![reaction]));
        }
        let is_alone = set_aside.is_empty();
        match self.write_new_with(caller, vec![allergy.clone()], set_aside) {
            // Nor one that the store refuses to change: disputed meanwhile, or at the end of its history.
            Err(_) if !is_alone => self.write_new(caller, vec![allergy])?,
            done => done?,
        };
        Ok(id)
    }

    /// "None known" was true when it was said and is no longer: it stays in the
    /// record, inactive, and says nothing any more. Written with the allergy
    /// that ended it, as one.
    fn none_known_set_aside(&self, caller: &Caller, row: &AllergyRow) -> Result<Write, FormError> {
        let (kind, id) = row.meta.record.split_once('/').unwrap_or_default();
        self.edit_write(caller, kind, id, &row.meta.version, |statement| {
            set(
                statement,
                "clinicalStatus",
                coded(CLINICAL_SYSTEM, "inactive", ""),
            );
            Ok(())
        })
    }

    /// "None known" and a known allergy do not go together, nor the same
    /// active allergy twice. Answers the statements of "none known" that a
    /// named allergy sets aside; not those in dispute, which a person decides
    /// and which must not hold up the allergy.
    fn check_against_known(
        &self,
        caller: &Caller,
        form: &AllergyForm,
        code: &Json,
        id: &str,
    ) -> Result<Vec<AllergyRow>, FormError> {
        let known = self.find(
            caller,
            "AllergyIntolerance",
            &[("patient", &form.patient), ("_count", "200")],
        )?;
        // Each side of a disagreement names one that is known.
        let is_of = |substance: &str, other: &Current| {
            let mut said = self.each_side(other).into_iter();
            said.any(|json| concept(json.get("code")).eq_ignore_ascii_case(substance))
        };
        let mut errors = FieldErrors::default();
        let mut none_known = Vec::new();
        for other in known.iter().filter(|other| other.key.id() != id) {
            let row = self.row_of_record(other, AllergyRow::from_json);
            if !row.counts() {
                continue;
            }
            match &form.substance {
                Substance::NoneKnown if !row.none_known => errors.add("substance", Reason::Inconsistent),
                Substance::NoneKnown => errors.add("substance", Reason::Duplicate),
                Substance::Named { .. } if is_of(&concept(Some(code)), other) => {
                    errors.add("substance", Reason::Duplicate);
                }
                Substance::Named { .. } if row.none_known && row.meta.conflicts == 0 => none_known.push(row),
                Substance::Named { .. } => {}
            }
        }
        errors.0.dedup();
        errors.check()?;
        Ok(none_known)
    }

    /// One allergy of a patient, to change it: not compared with others.
    ///
    /// # Errors
    /// [`RecordError::NotFound`] where the patient has none of this id.
    pub fn allergy_view(&self, caller: &Caller, patient: &str, id: &str) -> Result<AllergyRow, RecordError> {
        let current = self.of_one(caller, "AllergyIntolerance", id, patient)?;
        Ok(self.row_of_record(&current, AllergyRow::from_json))
    }

    /// Changes criticality or status; answers the new version.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn allergy_change(&self, caller: &Caller, change: &AllergyChange) -> Result<String, FormError> {
        self.allow(caller, Action::RecordUpdate, &Target::Kind("AllergyIntolerance"))?;
        let mut errors = FieldErrors::default();
        if let Some(criticality) = &change.criticality {
            one_of(&mut errors, "criticality", criticality, &CRITICALITIES);
        }
        if let Some(status) = &change.status {
            one_of(&mut errors, "status", status, &["active", "inactive", "resolved"]);
        }
        errors.check()?;
        self.edit(
            caller,
            "AllergyIntolerance",
            &change.id,
            &change.base_version,
            |allergy| {
                if let Some(criticality) = &change.criticality {
                    set(allergy, "criticality", Json::from(criticality));
                }
                if let Some(status) = &change.status {
                    set(allergy, "clinicalStatus", coded(CLINICAL_SYSTEM, status, ""));
                }
                Ok(())
            },
        )
    }
}

/// The substance's concept and the reaction, if the form is accepted.
fn validate(form: &AllergyForm) -> Result<(Json, Option<Json>), FieldErrors> {
    let mut errors = FieldErrors::default();
    let code = match &form.substance {
        Substance::NoneKnown => {
            let mut code = coded("http://snomed.info/sct", NONE_KNOWN_CODE, "No known allergy");
            set(&mut code, "text", Json::from("No known allergy"));
            code
        }
        Substance::Named { text, code } => {
            let name = form::text(&mut errors, "substance", text, 256);
            if name.is_none() && errors.0.is_empty() {
                errors.add("substance", Reason::Required);
            }
            form::concept(&mut errors, "code", name, code)
        }
    };
    if !form.criticality.is_empty() {
        one_of(&mut errors, "criticality", &form.criticality, &CRITICALITIES);
    }
    if !form.severity.is_empty() {
        one_of(
            &mut errors,
            "severity",
            &form.severity,
            &["mild", "moderate", "severe"],
        );
    }
    let manifestation = form::text(&mut errors, "reaction", &form.reaction, 256);
    if manifestation.is_none() && !form.severity.is_empty() {
        errors.add("reaction", Reason::Required);
    }
    errors.check()?;
    let reaction = manifestation.map(|text| {
        let mut reaction = json!({"manifestation": [{"text": text}]});
        if !form.severity.is_empty() {
            set(&mut reaction, "severity", Json::from(&form.severity));
        }
        reaction
    });
    Ok((code, reaction))
}
