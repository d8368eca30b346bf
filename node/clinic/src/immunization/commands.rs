//! Record an immunization: given here, given elsewhere, or not given and why.

use chaski_fhir::date::instant;
use chaski_json::{Json, json};

use super::ImmunizationRow;
use crate::chart::RecordMeta;
use crate::fhir_json::{coded, set};
use crate::form::{self, FieldErrors, FormError, Reason, one_of, typed};
use crate::policy_decision::{Action, Target};
use crate::{Caller, Clinic};

/// What the immunization form holds, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImmunizationForm {
    /// The patient's id.
    pub patient: String,
    /// A code of [`VACCINES`]; empty where `vaccine` names it.
    pub vaccine_code: String,
    /// The vaccine in words where it is none of these, at most 128 characters.
    pub vaccine: String,
    /// `completed` or `not-done`.
    pub status: String,
    /// When: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; empty is today.
    pub occurrence_date: String,
    /// Number of the lot, at most 64 characters.
    pub lot_number: String,
    /// A code of [`SITES`], or empty.
    pub site: String,
    /// Which dose of its series, 1 to 20, or empty.
    pub dose_number: String,
    /// It was given elsewhere, and is told of by the patient, a card or another clinic.
    pub given_elsewhere: bool,
    /// Why it was not given, at most 256 characters; only of one that was not.
    pub reason: String,
    /// An id drawn when the form was shown; empty draws one now.
    pub draft_id: String,
}

const VACCINE_SYSTEM: &str = "http://hl7.org/fhir/sid/cvx";
const SITE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActSite";

/// Vaccines of childhood, of pregnancy and of outbreaks: code and name of CVX, the list of vaccines that the
/// United States' Centers for Disease Control and Prevention keep.
pub const VACCINES: [(&str, &str); 26] = [
    ("19", "BCG"),
    ("45", "Hep B, unspecified formulation"),
    ("02", "OPV"),
    ("10", "IPV"),
    ("102", "DTP-Hib-Hep B"),
    ("01", "DTP"),
    ("20", "DTaP"),
    ("28", "DT (pediatric)"),
    ("17", "Hib, unspecified formulation"),
    ("122", "rotavirus, unspecified formulation"),
    ("133", "Pneumococcal conjugate PCV 13"),
    ("05", "measles"),
    ("04", "M/R"),
    ("03", "MMR"),
    ("21", "varicella"),
    ("37", "yellow fever"),
    ("137", "HPV, unspecified formulation"),
    ("139", "Td(adult) unspecified formulation"),
    ("115", "Tdap"),
    ("112", "tetanus toxoid, unspecified formulation"),
    ("88", "influenza, unspecified formulation"),
    ("213", "SARS-COV-2 (COVID-19) vaccine, UNSPECIFIED"),
    ("85", "Hep A, unspecified formulation"),
    ("91", "typhoid, unspecified formulation"),
    ("26", "cholera, unspecified formulation"),
    ("90", "rabies, unspecified formulation"),
];

/// Where a vaccine is given, by HL7's code of the place on the body.
pub const SITES: [(&str, &str); 4] = [
    ("LA", "left arm"),
    ("RA", "right arm"),
    ("LT", "left thigh"),
    ("RT", "right thigh"),
];

const DOSE_NUMBER_MAX: i64 = 20;

/// A form whose fields were accepted.
struct Accepted {
    vaccine: Json,
    occurrence: String,
    lot_number: Option<String>,
    dose_number: Option<u64>,
    reason: Option<String>,
}

impl Clinic {
    /// Records an immunization; answers its id.
    ///
    /// # Errors
    /// [`FormError`]; [`Reason::Duplicate`] where the same vaccine of the same day is in the record.
    pub fn immunization_record(&self, caller: &Caller, form: &ImmunizationForm) -> Result<String, FormError> {
        self.allow(caller, Action::RecordCreate, &Target::Kind("Immunization"))?;
        let patient = self.check_patient(caller, &form.patient)?;
        let accepted = self.immunization_check(form, &patient)?;
        let id = self.draft_id(&form.draft_id);
        let json = immunization(&id, form, &accepted, &instant(self.now_ms()));
        self.check_is_told_once(caller, form, &json, &id)?;
        self.write_new(caller, vec![json])?;
        Ok(id)
    }

    fn immunization_check(&self, form: &ImmunizationForm, patient: &Json) -> Result<Accepted, FieldErrors> {
        let mut errors = FieldErrors::default();
        let vaccine = vaccine(&mut errors, form);
        one_of(&mut errors, "status", &form.status, &["completed", "not-done"]);
        let occurrence = self.past_date(&mut errors, "occurrence_date", &form.occurrence_date, patient);
        let lot_number = form::text(&mut errors, "lot_number", &typed::plain(&form.lot_number), 64);
        if !form.site.is_empty() {
            one_of(&mut errors, "site", &form.site, &SITES.map(|(code, _)| code));
        }
        let dose_number = dose_number(&mut errors, &form.dose_number);
        let reason = form::text(&mut errors, "reason", &form.reason, 256);
        if form.status == "not-done" {
            if form.reason.trim().is_empty() {
                errors.add("reason", Reason::Required);
            }
            // What was not given has no lot, no place and no number, and was given nowhere.
            for (field, is_told) in [
                ("lot_number", lot_number.is_some()),
                ("site", !form.site.is_empty()),
                ("dose_number", dose_number.is_some()),
                ("given_elsewhere", form.given_elsewhere),
            ] {
                if is_told {
                    errors.add(field, Reason::Inconsistent);
                }
            }
        } else if reason.is_some() {
            errors.add("reason", Reason::Inconsistent);
        }
        errors.check()?;
        Ok(Accepted {
            vaccine,
            occurrence: occurrence.unwrap_or_else(|| self.today().to_string()),
            lot_number,
            dose_number,
            reason,
        })
    }

    /// Refuses a dose that stands in the record already: of the same vaccine, on the same day.
    fn check_is_told_once(
        &self,
        caller: &Caller,
        form: &ImmunizationForm,
        json: &Json,
        id: &str,
    ) -> Result<(), FormError> {
        let own = ImmunizationRow::from_json(json, RecordMeta::default());
        let known = self.find(
            caller,
            "Immunization",
            &[("patient", &form.patient), ("_count", "200")],
        )?;
        let is_same = known.iter().filter(|other| other.key.id() != id).any(|other| {
            let other = ImmunizationRow::from_json(&other.json, RecordMeta::default());
            let is_same_vaccine = other.vaccine.to_lowercase() == own.vaccine.to_lowercase()
                || (!own.code.is_empty() && other.code == own.code);
            other.status == own.status
                && self.days(&other.occurrence) == self.days(&own.occurrence)
                && is_same_vaccine
        });
        let mut errors = FieldErrors::default();
        if is_same {
            errors.add("occurrence_date", Reason::Duplicate);
        }
        Ok(errors.check()?)
    }
}

fn vaccine(errors: &mut FieldErrors, form: &ImmunizationForm) -> Json {
    let named = form::text(errors, "vaccine", &form.vaccine, 128);
    match (form.vaccine_code.as_str(), named) {
        ("", None) if form.vaccine.trim().is_empty() => {
            errors.add("vaccine_code", Reason::Required);
            Json::Null
        }
        ("", named) => json!({"text": named}),
        (_, Some(_)) => {
            // Which of the two was given would be a guess.
            errors.add("vaccine", Reason::Inconsistent);
            Json::Null
        }
        (code, None) => match VACCINES.iter().find(|(known, _)| *known == code) {
            Some((code, name)) => {
                let mut vaccine = coded(VACCINE_SYSTEM, code, name);
                set(&mut vaccine, "text", Json::from(*name));
                vaccine
            }
            None => {
                errors.add("vaccine_code", Reason::UnknownCode);
                Json::Null
            }
        },
    }
}

fn dose_number(errors: &mut FieldErrors, typed: &str) -> Option<u64> {
    let number = typed::whole(errors, "dose_number", typed)?;
    if !(1..=DOSE_NUMBER_MAX).contains(&number) {
        errors.add("dose_number", Reason::Impossible);
        return None;
    }
    u64::try_from(number).ok()
}

fn immunization(id: &str, form: &ImmunizationForm, accepted: &Accepted, now: &str) -> Json {
    let mut json = json!({
        "resourceType": "Immunization",
        "id": id,
        "status": form.status.as_str(),
        "vaccineCode": accepted.vaccine.clone(),
        "patient": {"reference": format!("Patient/{}", form.patient)},
        "occurrenceDateTime": accepted.occurrence.as_str(),
        "recorded": now,
        "primarySource": !form.given_elsewhere,
    });
    if let Some(lot_number) = &accepted.lot_number {
        set(&mut json, "lotNumber", Json::from(lot_number));
    }
    if let Some((code, name)) = SITES.iter().find(|(code, _)| *code == form.site) {
        set(&mut json, "site", coded(SITE_SYSTEM, code, name));
    }
    if let Some(number) = accepted.dose_number {
        set(
            &mut json,
            "protocolApplied",
            json!([{"doseNumberPositiveInt": number}]),
        );
    }
    if let Some(reason) = &accepted.reason {
        set(&mut json, "statusReason", json!({"text": reason}));
    }
    json
}
