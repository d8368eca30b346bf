//! What a form may get wrong, as codes (the pages put them into words), and why it was not saved.

pub mod typed;

use std::fmt;

use chaski_json::{Json, json};
use thiserror::Error;

use crate::fhir_json::set;
use crate::policy_decision::Denied;
use crate::record::RecordError;

/// Why a field was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It must be filled in.
    Required,
    /// It has more characters than it may.
    TooLong,
    /// It is not written the way it must be.
    Malformed,
    /// A date that has not come yet.
    InFuture,
    /// A birth more than 140 years ago.
    TooOld,
    /// A number no living body has.
    Impossible,
    /// It must be greater than zero.
    NotPositive,
    /// Not one of the codes it may be.
    UnknownCode,
    /// It does not fit another field (diastolic above systolic, say).
    Inconsistent,
    /// What it names is not in the record any more.
    Gone,
    /// The same is in the record already.
    Duplicate,
    /// It was written for what other fields said before.
    Outdated,
    /// The record says more than the form shows, which a change here would drop.
    NotWhole,
    /// The record is no order: something not to be given, or a plan.
    NotAnOrder,
    /// A date with the month before the day, where the day comes first; what would be right stands beside it.
    MonthFirst,
    /// A date whose year has not all of its digits.
    ShortYear,
    /// A day that is in no calendar.
    NoSuchDay,
    /// It can be read in two ways that mean something else; both stand beside it.
    Ambiguous,
}

impl Reason {
    /// Every reason, so that a test finds one that has no text.
    pub const ALL: [Reason; 18] = [
        Reason::Required,
        Reason::TooLong,
        Reason::Malformed,
        Reason::InFuture,
        Reason::TooOld,
        Reason::Impossible,
        Reason::NotPositive,
        Reason::UnknownCode,
        Reason::Inconsistent,
        Reason::Gone,
        Reason::Duplicate,
        Reason::Outdated,
        Reason::NotWhole,
        Reason::NotAnOrder,
        Reason::MonthFirst,
        Reason::ShortYear,
        Reason::NoSuchDay,
        Reason::Ambiguous,
    ];

    /// A stable code for messages files.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Reason::Required => "required",
            Reason::TooLong => "too-long",
            Reason::Malformed => "malformed",
            Reason::InFuture => "in-future",
            Reason::TooOld => "too-old",
            Reason::Impossible => "impossible",
            Reason::NotPositive => "not-positive",
            Reason::UnknownCode => "unknown-code",
            Reason::Inconsistent => "inconsistent",
            Reason::Gone => "gone",
            Reason::Duplicate => "duplicate",
            Reason::Outdated => "outdated",
            Reason::NotWhole => "not-whole",
            Reason::NotAnOrder => "not-an-order",
            Reason::MonthFirst => "month-first",
            Reason::ShortYear => "short-year",
            Reason::NoSuchDay => "no-such-day",
            Reason::Ambiguous => "ambiguous",
        }
    }
}

/// One field that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldError {
    /// The field's name, as in the form's struct.
    pub field: &'static str,
    /// Why the field was not accepted.
    pub reason: Reason,
    /// What would be right, made of what was typed; empty where the reason says it.
    pub right: String,
}

/// Every field that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    pub(crate) fn add(&mut self, field: &'static str, reason: Reason) {
        self.add_right(field, reason, String::new());
    }

    /// With what would be right. It is shown to whoever typed and stands in no message of errors.
    pub(crate) fn add_right(&mut self, field: &'static str, reason: Reason, right: String) {
        self.0.push(FieldError { field, reason, right });
    }

    pub(crate) fn check(self) -> Result<(), FieldErrors> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not accepted:")?;
        for error in &self.0 {
            write!(f, " {} ({})", error.field, error.reason.code())?;
        }
        Ok(())
    }
}

impl std::error::Error for FieldErrors {}

/// Why what a form holds was not saved.
#[derive(Debug, Error)]
pub enum FormError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Fields to correct.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The record service's own.
    #[error(transparent)]
    Record(RecordError),
}

impl From<RecordError> for FormError {
    fn from(error: RecordError) -> FormError {
        match error {
            RecordError::Denied(denied) => FormError::Denied(denied),
            error => FormError::Record(error),
        }
    }
}

/// Trims, and refuses what is longer than `chars_max` or has control characters.
pub(crate) fn text(
    errors: &mut FieldErrors,
    field: &'static str,
    value: &str,
    chars_max: usize,
) -> Option<String> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    if value.chars().count() > chars_max {
        errors.add(field, Reason::TooLong);
        return None;
    }
    if value.chars().any(char::is_control) {
        errors.add(field, Reason::Malformed);
        return None;
    }
    Some(value.to_owned())
}

/// A CodeableConcept of words and, where one was given, a code as `system|code`.
pub(crate) fn concept(
    errors: &mut FieldErrors,
    field: &'static str,
    name: Option<String>,
    code: &str,
) -> Json {
    let mut concept = json!({"text": name});
    let code = code.trim();
    match code.rsplit_once('|') {
        _ if code.is_empty() => {}
        Some((system, code)) if !system.is_empty() && !code.is_empty() => {
            set(&mut concept, "coding", json!([{"system": system, "code": code}]));
        }
        _ => errors.add(field, Reason::Malformed),
    }
    concept
}

/// Refuses `value` unless it is one of `codes`.
pub(crate) fn one_of(errors: &mut FieldErrors, field: &'static str, value: &str, codes: &[&str]) {
    if !codes.contains(&value) {
        errors.add(field, Reason::UnknownCode);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{TokenKind, TokenRequest};
    use crate::allergy::{AllergyForm, Substance};
    use crate::immunization::ImmunizationForm;
    use crate::medication::DoseChange;
    use crate::patient::{Duplicates, PhoneChange, RegistrationForm};
    use crate::problem::ProblemForm;
    use crate::roles::{Role, Roles};
    use crate::testing::{caller, clinic, clinician, patient};
    use crate::vitals::{Vitals, VitalsForm};

    /// Characters of one to four bytes: nobody's script has less room than another's.
    const LETTERS: [&str; 4] = ["a", "ñ", "ས", "𞤀"];

    #[test]
    fn a_text_is_measured_in_characters_and_has_none_that_control() {
        let read = |value: &str| {
            let mut errors = FieldErrors::default();
            let taken = text(&mut errors, "name", value, 4);
            (taken, errors.0.first().map(|error| error.reason))
        };
        for letter in LETTERS {
            let (fits, longer) = (letter.repeat(4), letter.repeat(5));
            assert_eq!(read(&fits), (Some(fits.clone()), None));
            assert_eq!(read(&format!("  {fits}\t ")), (Some(fits), None), "around it");
            assert_eq!(read(&longer), (None, Some(Reason::TooLong)));
        }
        for nothing in ["", "  ", "\t\n"] {
            assert_eq!(read(nothing), (None, None));
        }
        for control in ["a\nb", "a\tb", "a\0b", "a\u{7f}b", "a\u{85}b"] {
            assert_eq!(read(control), (None, Some(Reason::Malformed)), "{control:?}");
        }
    }

    #[test]
    fn every_form_has_as_much_room_in_one_script_as_in_another() {
        for letter in LETTERS {
            let clinic = clinic();
            let of = |chars: usize| letter.repeat(chars);
            for (more, is_taken) in [(0, true), (1, false)] {
                let form = RegistrationForm {
                    given: of(128 + more),
                    family: "Condori".to_owned(),
                    sex: "female".to_owned(),
                    birth_date: "1990-02-28".to_owned(),
                    ..RegistrationForm::default()
                };
                let done = clinic.patient_register(&clinician(), &form, Duplicates::Accept);
                assert_eq!(done.is_ok(), is_taken, "{letter}: {done:?}");
                let done = clinic.patient_search(&clinician(), &of(128 + more), 10);
                assert_eq!(done.is_ok(), is_taken, "{letter}: {done:?}");
                let form = AllergyForm {
                    patient: patient(&clinic),
                    substance: Substance::Named {
                        text: of(256 + more),
                        code: String::new(),
                    },
                    criticality: String::new(),
                    reaction: of(256 + more),
                    severity: String::new(),
                    draft_id: String::new(),
                };
                let done = clinic.allergy_record(&clinician(), &form);
                assert_eq!(done.is_ok(), is_taken, "{letter}: {done:?}");
                let request = TokenRequest {
                    user: of(64 + more),
                    roles: Roles::one(Role::Clinician),
                    kind: TokenKind::Personal,
                    life_ms: None,
                };
                let done = clinic.token_create(&caller("operator"), &request);
                assert_eq!(done.is_ok(), is_taken, "{letter}");
            }
        }
    }

    /// Every field of every form for a number, a date, an age or a phone, typed as people type it.
    #[test]
    fn every_form_reads_what_people_type() {
        let clinic = clinic();
        let one = patient(&clinic);
        let stored = |kind: &str, id: &str| {
            let key = crate::RecordKey::new(kind, id).expect("a key");
            clinic.record_read(&clinician(), &key).expect("the record").json
        };
        let values = Vitals {
            temperature: "٣٦٫٨".into(),
            weight: "६०,५".into(),
            systolic: "۱۲۰".into(),
            diastolic: "８０".into(),
            ..Vitals::default()
        };
        let form = VitalsForm {
            patient: one.clone(),
            values,
            ..VitalsForm::default()
        };
        let done = clinic.vitals_record(&clinician(), &form).expect("recorded");
        let numbers: Vec<String> = done
            .ids
            .iter()
            .map(|id| stored("Observation", id).canonical())
            .collect();
        for number in [
            "\"value\":36.8}",
            "\"value\":60.5}",
            "\"value\":120}",
            "\"value\":80}",
        ] {
            assert!(
                numbers.iter().any(|json| json.contains(number)),
                "{number}: {numbers:?}"
            );
        }
        let form = ProblemForm {
            patient: one.clone(),
            name: "Asthma".into(),
            onset_date: "٣٠/٦/٢٠١٤".into(),
            ..ProblemForm::default()
        };
        let id = clinic.problem_record(&clinician(), &form).expect("recorded");
        let problem = stored("Condition", &id);
        assert_eq!(
            problem.get("onsetDateTime").and_then(Json::as_str),
            Some("2014-06-30")
        );
        let form = ImmunizationForm {
            patient: one.clone(),
            vaccine_code: "05".into(),
            status: "completed".into(),
            occurrence_date: "6/2014".into(),
            dose_number: "٢".into(),
            lot_number: "A١٢".into(),
            ..ImmunizationForm::default()
        };
        let id = clinic.immunization_record(&clinician(), &form).expect("recorded");
        let given = stored("Immunization", &id).canonical();
        for text in ["\"2014-06\"", "\"doseNumberPositiveInt\":2", "\"A12\""] {
            assert!(given.contains(text), "{text}: {given}");
        }
        let change = PhoneChange {
            patient: one.clone(),
            base_version: String::new(),
            old_phone: None,
            phone: "٠١٢٣٤٥٦٧٨٩".into(),
        };
        clinic.phone_change(&clinician(), &change).expect("added");
        assert!(stored("Patient", &one).canonical().contains("\"0123456789\""));
    }

    #[test]
    fn a_dose_is_read_in_any_digits_and_refused_where_it_may_be_two() {
        let clinic = clinic();
        let one = patient(&clinic);
        let order = crate::testing::put(
            &clinic,
            crate::testing::parsed(&format!(
                r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order",
                "medicationCodeableConcept":{{"text":"Amoxicillin"}},"subject":{{"reference":"Patient/{one}"}}}}"#
            )),
        );
        let dose = |value: &str, times: &str| DoseChange {
            id: order.clone(),
            base_version: String::new(),
            dose_value: value.into(),
            dose_unit: "mg".into(),
            times_per_day: times.into(),
            ..DoseChange::default()
        };
        let done = clinic.medication_dose_change(&clinician(), &dose("٢٫٥", "٣"));
        assert!(done.is_ok(), "{done:?}");
        let key = crate::RecordKey::new("MedicationRequest", &order).expect("a key");
        let order = clinic.record_read(&clinician(), &key).expect("the record");
        let order = order.json.canonical();
        assert!(
            order.contains("\"value\":2.5}") && order.contains("\"frequency\":3,"),
            "{order}"
        );
        assert!(order.contains("2.5 mg, 3 "), "{order}");
        // Fifteen hundred, or one and a half?
        match clinic.medication_dose_change(&clinician(), &dose("1,500", "3")) {
            Err(FormError::Invalid(errors)) => {
                let error = &errors.0[0];
                assert_eq!((error.field, error.reason), ("dose_value", Reason::Ambiguous));
                assert_eq!(error.right, "1.500 / 1500");
                assert!(
                    !errors.to_string().contains("1500"),
                    "no log tells what was typed"
                );
            }
            done => panic!("{done:?}"),
        }
    }
}
