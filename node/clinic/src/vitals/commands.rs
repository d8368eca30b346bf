//! Record a set of vital signs.

use chaski_fhir::date::instant;
use chaski_fhir::vitals::{LOINC, PRESSURE, UCUM, VitalCode};
use chaski_json::{Json, Number, json};

use super::{Ages, Flag, NoBand, Sign, ages_at, bands, judge};
use crate::fhir_json::{coded, set};
use crate::form::typed;
use crate::form::{FieldErrors, FormError, Reason};
use crate::policy_decision::{Action, Target};
use crate::{Caller, Clinic};

/// The numbers as written; empty is not measured. At least one is needed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vitals {
    /// Beats a minute.
    pub heart_rate: String,
    /// Breaths a minute.
    pub respiratory_rate: String,
    /// Degrees Celsius.
    pub temperature: String,
    /// Systolic blood pressure, in mm\[Hg\].
    pub systolic: String,
    /// Diastolic blood pressure, in mm\[Hg\].
    pub diastolic: String,
    /// Oxygen saturation, in percent.
    pub oxygen_saturation: String,
    /// Body weight, in kilograms.
    pub weight: String,
    /// Body height, in centimetres.
    pub height: String,
}

/// What the vitals form holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VitalsForm {
    /// The patient's id.
    pub patient: String,
    /// What was measured.
    pub values: Vitals,
    /// When measured, an ISO date and time with offset; empty is now.
    pub when: String,
    /// An id drawn when the form was shown; the records' ids derive from it,
    /// so that sending the form twice records once. Empty draws one now.
    pub draft_id: String,
}

/// Vitals just recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VitalsRecorded {
    /// The Observations' ids.
    pub ids: Vec<String>,
    /// What stands out.
    pub flags: Vec<(Sign, Flag)>,
}

const CATEGORY_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
const INTERPRETATION_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
/// Digits and point of a value at most, in characters.
const VALUE_CHARS_MAX: usize = 12;
/// How far a measurement may lie ahead of this node's clock.
const AHEAD_MS_MAX: i64 = 5 * 60_000;

/// One value that was accepted.
struct Measured {
    sign: Sign,
    value: Number,
    flag: Option<Flag>,
}

impl Clinic {
    /// Records the values given, one Observation each (blood pressure is one).
    ///
    /// # Errors
    /// [`FormError`].
    pub fn vitals_record(&self, caller: &Caller, form: &VitalsForm) -> Result<VitalsRecorded, FormError> {
        self.allow(caller, Action::RecordCreate, &Target::Kind("Observation"))?;
        let patient = self.check_patient(caller, &form.patient)?;
        let when = measured_at(&form.when, self.now_ms())?;
        let ages = ages_at(&patient, &when, self.zone());
        let measured = validate(&form.values, ages)?;
        let draft = self.draft_id(&form.draft_id);
        let observations = observations(&measured, &form.patient, &when, &draft);
        let written = self.write_new(caller, observations)?;
        Ok(VitalsRecorded {
            ids: written
                .iter()
                .map(|written| written.key.id().to_owned())
                .collect(),
            flags: measured
                .iter()
                .filter_map(|one| Some((one.sign, one.flag?)))
                .collect(),
        })
    }
}

/// When the values were measured, as a FHIR dateTime.
fn measured_at(when: &str, now_ms: u64) -> Result<String, FieldErrors> {
    let when = when.trim();
    if when.is_empty() {
        return Ok(instant(now_ms));
    }
    let mut errors = FieldErrors::default();
    match when.parse::<jiff::Timestamp>() {
        Err(_) => errors.add("when", Reason::Malformed),
        Ok(at) => {
            let now = i64::try_from(now_ms).unwrap_or(i64::MAX);
            if at.as_millisecond() > now.saturating_add(AHEAD_MS_MAX) {
                errors.add("when", Reason::InFuture);
            }
        }
    }
    errors.check()?;
    Ok(when.to_owned())
}

fn validate(values: &Vitals, ages: Result<Ages, NoBand>) -> Result<Vec<Measured>, FieldErrors> {
    let mut errors = FieldErrors::default();
    let mut measured = Vec::new();
    let mut given = 0;
    for sign in Sign::ALL {
        let written = value_of(values, sign);
        if typed::plain(written).is_empty() {
            continue;
        }
        given += 1;
        let (least, greatest) = bands::possible(sign);
        let is_possible = |value: f64| (least..=greatest).contains(&value);
        let Some(value) = typed::number(&mut errors, sign.field(), written, is_possible) else {
            continue;
        };
        if value.as_str().len() > VALUE_CHARS_MAX {
            errors.add(sign.field(), Reason::Malformed);
            continue;
        }
        if !is_possible(value.as_f64()) {
            errors.add(sign.field(), Reason::Impossible);
            continue;
        }
        // What no band judges is stored without an interpretation.
        let flag = judge(sign, ages, value.as_f64()).ok().flatten();
        measured.push(Measured { sign, value, flag });
    }
    if given == 0 {
        errors.add("values", Reason::Required);
    }
    let number = |sign| {
        measured
            .iter()
            .find(|one| one.sign == sign)
            .map(|one| one.value.as_f64())
    };
    if let (Some(systolic), Some(diastolic)) = (number(Sign::Systolic), number(Sign::Diastolic))
        && diastolic >= systolic
    {
        errors.add("diastolic", Reason::Inconsistent);
    }
    errors.check()?;
    Ok(measured)
}

fn value_of(values: &Vitals, sign: Sign) -> &str {
    match sign {
        Sign::HeartRate => &values.heart_rate,
        Sign::RespiratoryRate => &values.respiratory_rate,
        Sign::Temperature => &values.temperature,
        Sign::Systolic => &values.systolic,
        Sign::Diastolic => &values.diastolic,
        Sign::OxygenSaturation => &values.oxygen_saturation,
        Sign::Weight => &values.weight,
        Sign::Height => &values.height,
    }
}

fn observations(measured: &[Measured], patient: &str, when: &str, draft: &str) -> Vec<Json> {
    let is_pressure = |one: &&Measured| matches!(one.sign, Sign::Systolic | Sign::Diastolic);
    let mut observations: Vec<Json> = measured
        .iter()
        .filter(|one| !is_pressure(one))
        .map(|one| {
            let mut observation = observation(one.sign.code(), patient, when, draft);
            set_value(&mut observation, one);
            observation
        })
        .collect();
    let pressures: Vec<&Measured> = measured.iter().filter(is_pressure).collect();
    if !pressures.is_empty() {
        let mut panel = observation(PRESSURE, patient, when, draft);
        let components = pressures
            .into_iter()
            .map(|one| {
                let mut component = json!({"code": coded_by(one.sign.code())});
                set_value(&mut component, one);
                component
            })
            .collect();
        set(&mut panel, "component", components);
        observations.push(panel);
    }
    observations
}

fn coded_by(code: VitalCode) -> Json {
    coded(LOINC, code.loinc, code.display)
}

fn observation(code: VitalCode, patient: &str, when: &str, draft: &str) -> Json {
    json!({
        "resourceType": "Observation",
        "id": chaski_fhir::id::derived_id("Observation", draft, code.loinc),
        "status": "final",
        "category": [coded(CATEGORY_SYSTEM, "vital-signs", "Vital Signs")],
        "code": coded_by(code),
        "subject": {"reference": format!("Patient/{patient}")},
        "effectiveDateTime": when,
    })
}

fn set_value(json: &mut Json, one: &Measured) {
    let (code, unit) = one.sign.unit();
    let quantity = json!({
        "value": one.value.clone(),
        "unit": unit,
        "system": UCUM,
        "code": code,
    });
    set(json, "valueQuantity", quantity);
    if let Some(flag) = one.flag {
        set(
            json,
            "interpretation",
            Json::Array(vec![coded(INTERPRETATION_SYSTEM, flag.code(), "")]),
        );
    }
}
