//! Record a problem; resolve it, open it again, refute it, or mark it as entered in error.

use chaski_fhir::date::instant;
use chaski_json::{Json, json};
use chaski_store::Current;
use jiff::tz::TimeZone;

use super::ProblemRow;
use crate::civil::days_in;
use crate::fhir_json::{code, coded, concept, date_bounds, set};
use crate::form::{self, FieldErrors, FormError, Reason, one_of};
use crate::policy_decision::{Action, Target};
use crate::record::RecordError;
use crate::{Caller, Clinic};

/// What the problem form holds, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProblemForm {
    /// The patient's id.
    pub patient: String,
    /// As people write it, at most 256 characters.
    pub name: String,
    /// `system|code`, or empty.
    pub code: String,
    /// When it began: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; empty where nobody knows.
    pub onset_date: String,
    /// An id drawn when the form was shown; empty draws one now.
    pub draft_id: String,
}

/// What became of a problem.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProblemChange {
    /// The Condition's id.
    pub id: String,
    /// The version the form showed.
    pub base_version: String,
    /// `active`, `resolved`, `refuted` or `entered-in-error`.
    pub status: String,
    /// When it was over, as precise as known; only of one that is resolved.
    pub abatement_date: String,
}

const CLINICAL_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const VERIFICATION_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const CATEGORY_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
const STATUSES: [&str; 4] = ["active", "resolved", "refuted", "entered-in-error"];
const NAME_CHARS_MAX: usize = 256;

impl Clinic {
    /// Records a problem; answers its id.
    ///
    /// # Errors
    /// [`FormError`]; [`Reason::Duplicate`] where the patient has it already.
    pub fn problem_record(&self, caller: &Caller, form: &ProblemForm) -> Result<String, FormError> {
        self.allow(caller, Action::RecordCreate, &Target::Kind("Condition"))?;
        let patient = self.check_patient(caller, &form.patient)?;
        let mut errors = FieldErrors::default();
        let name = form::text(&mut errors, "name", &form.name, NAME_CHARS_MAX);
        if name.is_none() && errors.0.is_empty() {
            errors.add("name", Reason::Required);
        }
        let onset = self.past_date(&mut errors, "onset_date", &form.onset_date, &patient);
        let concept = form::concept(&mut errors, "code", name, &form.code);
        errors.check()?;
        let id = self.draft_id(&form.draft_id);
        self.check_is_new(caller, &form.patient, &concept, &id, "name")?;
        let mut problem = json!({
            "resourceType": "Condition",
            "id": id.as_str(),
            "clinicalStatus": coded(CLINICAL_SYSTEM, "active", ""),
            "verificationStatus": coded(VERIFICATION_SYSTEM, "confirmed", ""),
            "category": [coded(CATEGORY_SYSTEM, "problem-list-item", "Problem List Item")],
            "code": concept,
            "subject": {"reference": format!("Patient/{}", form.patient)},
            "recordedDate": instant(self.now_ms()),
        });
        if let Some(onset) = onset {
            set(&mut problem, "onsetDateTime", Json::from(onset));
        }
        self.write_new(caller, vec![problem])?;
        Ok(id)
    }

    /// One problem of a patient, to change it.
    ///
    /// # Errors
    /// [`RecordError::NotFound`] where the patient has none of this id.
    pub fn problem_view(&self, caller: &Caller, patient: &str, id: &str) -> Result<ProblemRow, RecordError> {
        let current = self.of_one(caller, "Condition", id, patient)?;
        Ok(self.row_of_record(&current, ProblemRow::from_json))
    }

    /// Says what became of a problem; answers the new version.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn problem_change(&self, caller: &Caller, change: &ProblemChange) -> Result<String, FormError> {
        self.allow(caller, Action::RecordUpdate, &Target::Kind("Condition"))?;
        let mut errors = FieldErrors::default();
        one_of(&mut errors, "status", &change.status, &STATUSES);
        let ended = self.past_date(&mut errors, "abatement_date", &change.abatement_date, &Json::Null);
        if ended.is_some() && change.status != "resolved" {
            errors.add("abatement_date", Reason::Inconsistent);
        }
        errors.check()?;
        if change.status == "active" {
            self.check_can_open(caller, change)?;
        }
        self.edit(caller, "Condition", &change.id, &change.base_version, |problem| {
            check_change(problem, &change.status, ended.as_deref(), self.zone())?;
            write_status(problem, &change.status, ended);
            Ok(())
        })
    }

    /// One that is opened again must not stand beside another that was recorded meanwhile.
    fn check_can_open(&self, caller: &Caller, change: &ProblemChange) -> Result<(), FormError> {
        let key = chaski_store::RecordKey::new("Condition", &change.id).map_err(|_| RecordError::BadId)?;
        let problem = self.record_read(caller, &key)?.json;
        let patients = chaski_fhir::compartment::patients_of(&problem);
        for patient in patients {
            let named = problem.get("code").cloned().unwrap_or_default();
            self.check_is_new(caller, &patient, &named, &change.id, "status")?;
        }
        Ok(())
    }

    /// Refuses a problem that counts already: of the same code, or of the same name.
    fn check_is_new(
        &self,
        caller: &Caller,
        patient: &str,
        named: &Json,
        id: &str,
        field: &'static str,
    ) -> Result<(), FormError> {
        let (name, own_code) = (concept(Some(named)).to_lowercase(), code(Some(named)));
        let mut errors = FieldErrors::default();
        let known = self.find(caller, "Condition", &[("patient", patient), ("_count", "200")])?;
        let others = known.iter().filter(|other| other.key.id() != id);
        let mut others = others.filter(|other| self.row_of_record(other, ProblemRow::from_json).counts());
        // Each side of a disagreement names one that is known.
        let is_same = |other: &Current| {
            let mut said = self.each_side(other).into_iter();
            said.any(|json| {
                let named = json.get("code");
                concept(named).to_lowercase() == name || (!own_code.is_empty() && code(named) == own_code)
            })
        };
        if others.any(is_same) {
            errors.add(field, Reason::Duplicate);
        }
        Ok(errors.check()?)
    }
}

/// What was entered in error stays so, and nothing is over before it began.
fn check_change(
    problem: &Json,
    status: &str,
    ended: Option<&str>,
    zone: &TimeZone,
) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    if code(problem.get("verificationStatus")) == "entered-in-error" && status != "entered-in-error" {
        errors.add("status", Reason::Inconsistent);
    }
    let onset = ["/onsetDateTime", "/onsetPeriod/start"].map(|at| problem.pointer(at).and_then(Json::as_str));
    let onset = onset.into_iter().flatten().next().unwrap_or_default();
    let began = days_in(zone, onset);
    let over = ended.and_then(date_bounds);
    if let (Some((began, _)), Some((_, over))) = (began, over)
        && over < began
    {
        errors.add("abatement_date", Reason::Inconsistent);
    }
    errors.check()
}

/// FHIR's rules con-4 and con-5: what has ended is not active, and what was entered in error has no clinical status.
fn write_status(problem: &mut Json, status: &str, ended: Option<String>) {
    let clinical = match status {
        "active" => Some("active"),
        "resolved" => Some("resolved"),
        "refuted" => Some("inactive"),
        _ => None,
    };
    let verification = match status {
        "refuted" | "entered-in-error" => Some(status),
        // One that was refuted and is opened again is no longer refuted.
        "active" if code(problem.get("verificationStatus")) == "refuted" => Some("confirmed"),
        _ => None,
    };
    if let Some(members) = problem.as_object_mut() {
        if status != "resolved" {
            members.retain(|name, _| !name.trim_start_matches('_').starts_with("abatement"));
        }
        if clinical.is_none() {
            members.remove("clinicalStatus");
        }
    }
    if let Some(clinical) = clinical {
        set(problem, "clinicalStatus", coded(CLINICAL_SYSTEM, clinical, ""));
    }
    if let Some(verification) = verification {
        set(
            problem,
            "verificationStatus",
            coded(VERIFICATION_SYSTEM, verification, ""),
        );
    }
    if let Some(ended) = ended {
        if let Some(members) = problem.as_object_mut() {
            members.retain(|name, _| !name.trim_start_matches('_').starts_with("abatement"));
        }
        set(problem, "abatementDateTime", Json::from(ended));
    }
}
