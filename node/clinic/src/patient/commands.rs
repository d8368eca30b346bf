//! Change or add a phone number.

use chaski_json::{Json, json};

use crate::fhir_json::{set, text};
use crate::form::{self, FieldErrors, FormError, Reason};
use crate::policy_decision::{Action, Target};
use crate::{Caller, Clinic};

/// What to do to a patient's phone numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneChange {
    /// The patient's id.
    pub patient: String,
    /// The version the form showed.
    pub base_version: String,
    /// The number to change as it was shown; `None` adds one.
    pub old_phone: Option<String>,
    /// The number from now on; empty removes the old one.
    pub phone: String,
}

/// Phone numbers a patient may have.
const PHONES_MAX: usize = 20;

impl Clinic {
    /// Changes, adds or removes a phone number; answers the new version.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn phone_change(&self, caller: &Caller, change: &PhoneChange) -> Result<String, FormError> {
        self.allow(caller, Action::RecordUpdate, &Target::Kind("Patient"))?;
        let mut errors = FieldErrors::default();
        let new = phone_number(&mut errors, "phone", &change.phone);
        if new.is_none() && change.old_phone.is_none() && errors.0.is_empty() {
            errors.add("phone", Reason::Required);
        }
        errors.check()?;
        self.edit(
            caller,
            "Patient",
            &change.patient,
            &change.base_version,
            |patient| change_telecom(patient, change.old_phone.as_deref(), new),
        )
    }
}

fn change_telecom(patient: &mut Json, old: Option<&str>, new: Option<String>) -> Result<(), FieldErrors> {
    let mut errors = FieldErrors::default();
    if patient.get("telecom").is_none() {
        set(patient, "telecom", Json::Array(Vec::new()));
    }
    let Some(telecoms) = patient.get_mut("telecom").and_then(Json::as_array_mut) else {
        return Ok(());
    };
    let is_phone = |telecom: &Json| matches!(text(telecom, "system"), "phone" | "sms");
    if let Some(new) = &new
        && old != Some(new.as_str())
        && telecoms
            .iter()
            .any(|telecom| is_phone(telecom) && form::typed::plain(text(telecom, "value")) == *new)
    {
        errors.add("phone", Reason::Duplicate);
    }
    let place = old.map(|old| {
        telecoms
            .iter()
            .position(|telecom| is_phone(telecom) && text(telecom, "value") == old)
    });
    match (place, new) {
        (Some(None), _) => errors.add("old_phone", Reason::Gone),
        (Some(Some(place)), Some(new)) => {
            if let Some(telecom) = telecoms.get_mut(place) {
                set(telecom, "value", Json::from(new));
            }
        }
        (Some(Some(place)), None) => {
            telecoms.remove(place);
        }
        (None, Some(_)) if telecoms.len() >= PHONES_MAX => errors.add("phone", Reason::TooLong),
        (None, Some(new)) => telecoms.push(json!({"system": "phone", "value": new, "use": "mobile"})),
        (None, None) => {}
    }
    if telecoms.is_empty()
        && let Some(members) = patient.as_object_mut()
    {
        members.remove("telecom");
    }
    errors.check()
}

/// A phone number: at most 32 characters, at least 3 of them digits.
pub(super) fn phone_number(errors: &mut FieldErrors, field: &'static str, value: &str) -> Option<String> {
    let value = form::text(errors, field, &form::typed::plain(value), 32)?;
    let fits = value
        .chars()
        .all(|c| c.is_ascii_digit() || "+-() ./#x".contains(c));
    if !fits || value.chars().filter(char::is_ascii_digit).count() < 3 {
        errors.add(field, Reason::Malformed);
        return None;
    }
    Some(value)
}
