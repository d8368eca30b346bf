//! Change a prescription's dose or status.

use chaski_json::{Json, Number, json};

use super::view::{is_order, says_more};
use super::{MedicationRow, timing};
use crate::fhir_json::{first_mut, items, quantity, set, text};
use crate::form::{self, FieldErrors, FormError, Reason, one_of, typed};
use crate::policy_decision::{Action, Target};
use crate::record::RecordError;
use crate::{Caller, Clinic};

/// A new dose. The whole dosage is written as one: a dose never meets a unit
/// from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DoseChange {
    /// The MedicationRequest's id.
    pub id: String,
    /// The version the form showed.
    pub base_version: String,
    /// The dose's number, as written: decimal, greater than zero.
    pub dose_value: String,
    /// Its unit, at most 32 characters.
    pub dose_unit: String,
    /// How many times a day, 1 to 48; empty leaves the timing as it is.
    pub times_per_day: String,
    /// Instructions as text; empty writes one from the numbers. What the record says already is refused
    /// beside new numbers: it was written for the old ones.
    pub dose_text: String,
    /// The numbers in the words of the form's language; empty writes signs that every language has.
    pub words: String,
}

/// A new status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MedicationStatusChange {
    /// The MedicationRequest's id.
    pub id: String,
    /// The version the form showed.
    pub base_version: String,
    /// `active`, `on-hold`, `stopped`, `completed`, `cancelled` or
    /// `entered-in-error`.
    pub status: String,
    /// Why, at most 256 characters; needed wherever the patient no longer gets
    /// what was prescribed.
    pub reason: String,
}

const REASON_CHARS_MAX: usize = 256;
const TIMES_A_DAY_MAX: i64 = 48;
const STATUSES: [&str; 6] = [
    "active",
    "on-hold",
    "stopped",
    "completed",
    "cancelled",
    "entered-in-error",
];
/// Whoever reads the chart next must learn why.
const STATUSES_WITH_REASON: [&str; 4] = ["on-hold", "stopped", "cancelled", "entered-in-error"];
/// A prescription that has ended stays ended: giving the drug again is a new one, by a new prescriber.
const STATUSES_ENDED: [&str; 4] = ["stopped", "completed", "cancelled", "entered-in-error"];

impl Clinic {
    /// Changes the dose; answers the new version.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn medication_dose_change(&self, caller: &Caller, change: &DoseChange) -> Result<String, FormError> {
        self.allow(caller, Action::RecordUpdate, &Target::Kind("MedicationRequest"))?;
        let dose = validate(change)?;
        self.edit(
            caller,
            "MedicationRequest",
            &change.id,
            &change.base_version,
            |request| {
                check_single(request)?;
                write_dose(request, &dose)
            },
        )
    }

    /// One prescription of a patient, to change it.
    ///
    /// # Errors
    /// [`RecordError::NotFound`] where the patient has none of this id.
    pub fn medication_view(
        &self,
        caller: &Caller,
        patient: &str,
        id: &str,
    ) -> Result<MedicationRow, RecordError> {
        let current = self.of_one(caller, "MedicationRequest", id, patient)?;
        Ok(self.row_of_record(&current, MedicationRow::from_json))
    }

    /// Changes the status; answers the new version.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn medication_status_change(
        &self,
        caller: &Caller,
        change: &MedicationStatusChange,
    ) -> Result<String, FormError> {
        self.allow(caller, Action::RecordUpdate, &Target::Kind("MedicationRequest"))?;
        let mut errors = FieldErrors::default();
        one_of(&mut errors, "status", &change.status, &STATUSES);
        let reason = form::text(&mut errors, "reason", &change.reason, REASON_CHARS_MAX);
        if change.reason.trim().is_empty() && STATUSES_WITH_REASON.contains(&change.status.as_str()) {
            errors.add("reason", Reason::Required);
        }
        errors.check()?;
        self.edit(
            caller,
            "MedicationRequest",
            &change.id,
            &change.base_version,
            |request| {
                check_not_ended(request)?;
                set(request, "status", Json::from(&change.status));
                write_reason(request, reason);
                Ok(())
            },
        )
    }
}

/// Refuses to begin again what has ended, as the form showed it.
fn check_not_ended(request: &Json) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    if STATUSES_ENDED.contains(&text(request, "status")) {
        errors.add("status", Reason::Inconsistent);
    }
    errors.check()
}

/// FHIR's `statusReason` says why the *current* status holds, so an old one never outlives it.
fn write_reason(request: &mut Json, reason: Option<String>) {
    match reason {
        Some(reason) => set(request, "statusReason", json!({"text": reason})),
        None => {
            if let Some(members) = request.as_object_mut() {
                members.remove("statusReason");
            }
        }
    }
}

/// A dose whose fields were accepted.
struct Dose {
    value: Number,
    unit: String,
    times_per_day: Option<i64>,
    /// As its writer put it.
    text: Option<String>,
    /// The numbers in words.
    words: String,
}

fn validate(change: &DoseChange) -> Result<Dose, FieldErrors> {
    let mut errors = FieldErrors::default();
    let value = dose_value(&mut errors, &change.dose_value);
    let unit = form::text(&mut errors, "dose_unit", &change.dose_unit, 32);
    if unit.is_none() && change.dose_unit.trim().is_empty() {
        errors.add("dose_unit", Reason::Required);
    }
    let times_per_day = typed::whole(&mut errors, "times_per_day", &change.times_per_day);
    if times_per_day.is_some_and(|times| !(1..=TIMES_A_DAY_MAX).contains(&times)) {
        errors.add("times_per_day", Reason::Impossible);
    }
    let text = form::text(&mut errors, "dose_text", &change.dose_text, 512);
    let words = form::text(&mut errors, "dose_text", &change.words, 512);
    errors.check()?;
    let (Some(value), Some(unit)) = (value, unit) else {
        return Err(FieldErrors::default());
    };
    let words = words.unwrap_or_else(|| {
        let times = times_per_day.map(|times| times.to_string()).unwrap_or_default();
        dose_words(value.as_str(), &unit, &times)
    });
    Ok(Dose {
        value,
        unit,
        times_per_day,
        text,
        words,
    })
}

/// A dose is greater than zero. Nothing says how great it may be: a number that can be read in two ways is refused.
fn dose_value(errors: &mut FieldErrors, typed: &str) -> Option<Number> {
    if typed::plain(typed).is_empty() {
        errors.add("dose_value", Reason::Required);
        return None;
    }
    let value = typed::number(errors, "dose_value", typed, |_| true)?;
    if value.as_f64() <= 0.0 {
        errors.add("dose_value", Reason::NotPositive);
    }
    Some(value)
}

/// A dose in signs that every language has; `times` a day may be empty.
#[must_use]
pub fn dose_words(value: &str, unit: &str, times: &str) -> String {
    match times {
        "" => format!("{value} {unit}"),
        times => format!("{value} {unit}, {}", timing::times_a_day_words(times)),
    }
}

/// A form with one dose cannot say which of several it means.
fn check_single(request: &Json) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    if !is_order(request) {
        errors.add("dose_value", Reason::NotAnOrder);
    } else if items(request, "dosageInstruction").count() > 1 {
        errors.add("dose_value", Reason::Inconsistent);
    } else if items(request, "dosageInstruction").any(says_more) {
        errors.add("dose_value", Reason::NotWhole);
    }
    errors.check()
}

/// Refuses an instruction that was left as it was beside numbers that were not.
fn check_text(dosage: &Json, dose: &Dose) -> Result<(), FieldErrors> {
    let old = dosage
        .pointer("/doseAndRate/0/doseQuantity")
        .map(quantity)
        .unwrap_or_default();
    let times = dose.times_per_day.map(|times| times.to_string());
    let is_same = old == (dose.value.as_str().to_owned(), dose.unit.clone())
        && times.is_none_or(|times| times == timing::of(dosage).times_a_day);
    let mut errors = FieldErrors::default();
    if !is_same && dose.text.as_deref() == Some(text(dosage, "text").trim()) {
        errors.add("dose_text", Reason::Outdated);
    }
    errors.check()
}

/// Writes the dose into the first dosage, keeping route and the like.
fn write_dose(request: &mut Json, dose: &Dose) -> Result<(), FieldErrors> {
    let Some(dosage) = first_mut(request, "dosageInstruction") else {
        return Ok(());
    };
    check_text(dosage, dose)?;
    let kept = timing::of(dosage);
    let said = match (&dose.text, dose.times_per_day) {
        (Some(text), _) => text.clone(),
        (None, None) if !kept.times_a_day.is_empty() => {
            format!("{}, {} × / 1 d", dose.words, kept.times_a_day)
        }
        // The timing stays, and so must be read with the new dose.
        (None, None) if !kept.other.is_empty() => format!("{}, {}", dose.words, kept.other),
        (None, _) => dose.words.clone(),
    };
    set(dosage, "text", Json::from(&said));
    if let Some(rate) = first_mut(dosage, "doseAndRate") {
        let old = rate.get("doseQuantity").cloned();
        let mut quantity = json!({"value": dose.value.clone(), "unit": dose.unit.as_str()});
        // The coded unit stays only while it says the same.
        if let Some(old) = old.filter(|old| text(old, "unit") == dose.unit || text(old, "code") == dose.unit)
        {
            for key in ["system", "code"] {
                if let Some(value) = old.get(key) {
                    set(&mut quantity, key, value.clone());
                }
            }
        }
        if let Some(members) = rate.as_object_mut() {
            members.remove("doseRange");
        }
        set(rate, "doseQuantity", quantity);
    }
    if let Some(times) = dose.times_per_day {
        timing::set_times_a_day(dosage, times);
    }
    Ok(())
}
