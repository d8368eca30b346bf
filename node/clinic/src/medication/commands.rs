//! Change a prescription's dose or status.

use chaski_json::{Json, Number, json};
use chaski_store::Context;
use thiserror::Error;

use crate::Clinic;
use crate::edit::one_of;
use crate::fhir_json::{concept, first_mut, items, object_mut, set, text};
use crate::field::{self, FieldErrors, Reason};
use crate::policy_decision::{Action, Denied, Target};
use crate::record::RecordError;

/// A new dose. The whole dosage is written as one: a dose never meets a unit
/// from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DoseChange {
    /// The MedicationRequest's id.
    pub id: String,
    /// The version the form showed.
    pub base_version: String,
    /// The dose's number, as written: decimal, greater than zero.
    pub value: String,
    /// Its unit, at most 32 characters.
    pub unit: String,
    /// How many times a day, 1 to 48; empty leaves the timing as it is.
    pub times_per_day: String,
    /// Instructions as text; empty writes one from the numbers.
    pub text: String,
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

/// Why a prescription was not changed.
#[derive(Debug, Error)]
pub enum MedicationError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Fields to correct.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The record service's own.
    #[error(transparent)]
    Record(#[from] RecordError),
}

const REASON_CHARS_MAX: usize = 256;
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
    /// [`MedicationError`].
    pub fn medication_dose_change(
        &self,
        ctx: &Context,
        change: &DoseChange,
    ) -> Result<String, MedicationError> {
        self.allow(ctx, Action::RecordUpdate, &Target::Kind("MedicationRequest"))?;
        let dose = validate(change)?;
        self.edit(
            ctx,
            "MedicationRequest",
            &change.id,
            &change.base_version,
            |request| {
                check_single(request)?;
                write_dose(request, &dose);
                Ok(())
            },
        )
    }

    /// Changes the status; answers the new version.
    ///
    /// # Errors
    /// [`MedicationError`].
    pub fn medication_status_change(
        &self,
        ctx: &Context,
        change: &MedicationStatusChange,
    ) -> Result<String, MedicationError> {
        self.allow(ctx, Action::RecordUpdate, &Target::Kind("MedicationRequest"))?;
        let mut errors = FieldErrors::default();
        one_of(&mut errors, "status", &change.status, &STATUSES);
        let reason = field::text(&mut errors, "reason", &change.reason, REASON_CHARS_MAX);
        if change.reason.trim().is_empty() && STATUSES_WITH_REASON.contains(&change.status.as_str()) {
            errors.add("reason", Reason::Required);
        }
        errors.check()?;
        self.edit(
            ctx,
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
    text: String,
    is_text_given: bool,
}

fn validate(change: &DoseChange) -> Result<Dose, FieldErrors> {
    let mut errors = FieldErrors::default();
    let value =
        Number::parse(&change.value.trim().replace(',', ".")).filter(|number| number.as_str().len() <= 16);
    match &value {
        None if change.value.trim().is_empty() => errors.add("value", Reason::Required),
        None => errors.add("value", Reason::Malformed),
        Some(value) if value.as_f64() <= 0.0 => errors.add("value", Reason::NotPositive),
        Some(_) => {}
    }
    let unit = field::text(&mut errors, "unit", &change.unit, 32);
    if unit.is_none() && change.unit.trim().is_empty() {
        errors.add("unit", Reason::Required);
    }
    let times = change.times_per_day.trim();
    let times_per_day = if times.is_empty() {
        None
    } else {
        let number = times.parse::<i64>().ok();
        match number {
            None => errors.add("times_per_day", Reason::Malformed),
            Some(number) if !(1..=48).contains(&number) => errors.add("times_per_day", Reason::Impossible),
            Some(_) => {}
        }
        number
    };
    let text = field::text(&mut errors, "text", &change.text, 512);
    errors.check()?;
    let (Some(value), Some(unit)) = (value, unit) else {
        return Err(FieldErrors::default());
    };
    let is_text_given = text.is_some();
    let text = text.unwrap_or_else(|| match times_per_day {
        Some(1) => format!("{value} {unit} once a day"),
        Some(times) => format!("{value} {unit} {times} times a day"),
        None => format!("{value} {unit}"),
    });
    Ok(Dose {
        value,
        unit,
        times_per_day,
        text,
        is_text_given,
    })
}

/// A form with one dose cannot say which of several it means.
fn check_single(request: &Json) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    if items(request, "dosageInstruction").count() > 1 {
        errors.add("value", Reason::Inconsistent);
    }
    errors.check()
}

/// How often the dosage is taken, where the form did not say: it stays, and so
/// must be read with the new dose.
fn timing_text(dosage: &Json) -> Option<String> {
    let timing = dosage.get("timing")?;
    let said = concept(timing.get("code"));
    if !said.is_empty() {
        return Some(said);
    }
    let repeat = timing.get("repeat")?;
    let number = |key: &str| {
        repeat
            .get(key)
            .and_then(Json::as_number)
            .map(|number| number.as_str().to_owned())
    };
    let unit = text(repeat, "periodUnit");
    let frequency = number("frequency").unwrap_or_else(|| "1".to_owned());
    Some(format!("{frequency} × / {} {unit}", number("period")?))
}

/// Writes the dose into the first dosage, keeping route and the like.
fn write_dose(request: &mut Json, dose: &Dose) {
    let Some(dosage) = first_mut(request, "dosageInstruction") else {
        return;
    };
    let kept_timing = match (dose.times_per_day, dose.is_text_given) {
        (None, false) => timing_text(dosage),
        _ => None,
    };
    let said = match kept_timing {
        Some(timing) => format!("{}, {timing}", dose.text),
        None => dose.text.clone(),
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
    if let Some(times) = dose.times_per_day
        && let Some(repeat) = object_mut(dosage, "timing").and_then(|timing| object_mut(timing, "repeat"))
    {
        set(repeat, "frequency", Json::from(times));
        set(repeat, "period", Json::from(1_i64));
        set(repeat, "periodUnit", Json::from("d"));
    }
}
