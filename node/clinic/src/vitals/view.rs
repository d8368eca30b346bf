//! An observation as the chart shows it.

use chaski_fhir::vitals;
use chaski_json::Json;

use jiff::tz::TimeZone;

use super::{Ages, Flag, NoBand, Sign, ages_at, judge};
use crate::chart::{RecordMeta, Row, Section, Subject};
use crate::fhir_json::{code, concept, items, quantity, text};
use crate::record::RecordError;
use crate::{Caller, Clinic};

/// An observation as the chart shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservationRow {
    /// The record behind it.
    pub meta: RecordMeta,
    /// Text or display of what was observed.
    pub name: String,
    /// Its first code.
    pub code: String,
    /// The value as written, components joined by ` / `; a blood pressure is upper over lower, `120/80`.
    pub value: String,
    /// The unit of the value; empty where there is none.
    pub unit: String,
    /// Low, high or critical, from the record or from the bands.
    pub flag: Option<Flag>,
    /// Why a vital sign was not judged, where nobody has and no band applies.
    pub no_band: Option<NoBand>,
    /// When it was observed, ISO 8601 as recorded.
    pub when: String,
    /// FHIR observation status.
    pub status: String,
}

impl ObservationRow {
    /// Reads an Observation; `ages` are those that the patient may have had when it was made.
    #[must_use]
    pub fn from_json(json: &Json, ages: Result<Ages, NoBand>, meta: RecordMeta) -> ObservationRow {
        let own_code = code(json.get("code"));
        let mut parts: Vec<(String, String)> = Vec::new();
        let mut flags: Vec<Flag> = Vec::new();
        let mut no_band = None;
        let is_pressure = vitals::is_pressure(&own_code);
        let mut components: Vec<&Json> = items(json, "component").collect();
        // Blood pressure reads systolic first, however it was recorded.
        components.sort_by_key(|part| code(part.get("code")) == Sign::Diastolic.loinc().0);
        for part in std::iter::once(json).chain(components) {
            let own = code(part.get("code"));
            if is_pressure && own != own_code && !is_of_pressure(&own) {
                // A mean in its place would read as the lower value; it stands beside, by its name.
                continue;
            }
            let Some((value, unit)) = value_of(part) else {
                if is_pressure && is_of_pressure(&own) {
                    parts.push(("–".to_owned(), String::new()));
                }
                continue;
            };
            let interpreted = items(part, "interpretation").find_map(|one| Flag::from_code(&code(Some(one))));
            let banded = || {
                let sign = Sign::from_loinc(&code(part.get("code")))?;
                let number = part.pointer("/valueQuantity/value")?.as_f64()?;
                same_unit(sign, part).then(|| judge(sign, ages, number))
            };
            match interpreted {
                Some(flag) => flags.push(flag),
                None => match banded() {
                    Some(Ok(flag)) => flags.extend(flag),
                    Some(Err(reason)) => no_band = Some(reason),
                    None => {}
                },
            }
            parts.push((value, unit));
        }
        let worst = flags.into_iter().max_by_key(|flag| flag.is_critical());
        let unit = parts.first().map(|(_, unit)| unit.clone()).unwrap_or_default();
        let values: Vec<String> = parts
            .into_iter()
            .map(|(value, own)| {
                if own == unit {
                    value
                } else {
                    format!("{value} {own}").trim().to_owned()
                }
            })
            .collect();
        let value = match vitals::is_pressure(&own_code) {
            true => upper_first(values.join(" / ")),
            false => values.join(" / "),
        };
        ObservationRow {
            name: meta.either("code").unwrap_or_else(|| concept(json.get("code"))),
            code: own_code,
            value,
            unit,
            flag: worst,
            no_band,
            when: observed_at(json).to_owned(),
            status: text(json, "status").to_owned(),
            meta,
        }
    }
}

impl ObservationRow {
    /// Where the vital signs are listed in order, this one's place; `None` of what is no vital sign.
    #[must_use]
    pub fn vital_place(&self) -> Option<usize> {
        vitals::place(&self.code)
    }
}

/// Whether it is the upper or the lower value of a blood pressure.
fn is_of_pressure(code: &str) -> bool {
    [Sign::Systolic, Sign::Diastolic]
        .iter()
        .any(|sign| sign.loinc().0 == code)
}

/// A blood pressure reads upper over lower, in whichever order its parts were written.
fn upper_first(value: String) -> String {
    let parts = value.split_once('/').map(|(a, b)| (a.trim(), b.trim()));
    let numbers = parts.and_then(|(a, b)| Some((a.parse::<f64>().ok()?, b.parse::<f64>().ok()?)));
    match (parts, numbers) {
        (Some((a, b)), Some((first, second))) if first < second => format!("{b}/{a}"),
        (Some((a, b)), Some(_)) => format!("{a}/{b}"),
        _ => value,
    }
}

/// The ages that a patient may have had when an observation was made.
pub(crate) fn ages_of(patient: &Json, observation: &Json, zone: &TimeZone) -> Result<Ages, NoBand> {
    ages_at(patient, observed_at(observation), zone)
}

/// When something was observed, as recorded; else when it was told.
pub(crate) fn observed_at(json: &Json) -> &str {
    let period = json.pointer("/effectivePeriod/start").and_then(Json::as_str);
    [
        text(json, "effectiveDateTime"),
        text(json, "effectiveInstant"),
        period.unwrap_or_default(),
        text(json, "issued"),
    ]
    .into_iter()
    .find(|when| !when.is_empty())
    .unwrap_or_default()
}

/// Bands are in the sign's own unit; another unit is never compared.
fn same_unit(sign: Sign, part: &Json) -> bool {
    let unit = part
        .pointer("/valueQuantity/code")
        .or_else(|| part.pointer("/valueQuantity/unit"))
        .and_then(Json::as_str);
    let (code, read) = sign.unit();
    unit.is_some_and(|unit| unit == code || unit == read || (code == "/min" && unit == "{beats}/min"))
}

/// A Quantity's number and unit; "less than 5" is not 5.
fn compared(json: &Json) -> (String, String) {
    let (value, unit) = quantity(json);
    match value.as_str() {
        "" => (value, unit),
        number => (format!("{}{number}", text(json, "comparator")), unit),
    }
}

/// A `value[x]` as text and unit.
fn value_of(json: &Json) -> Option<(String, String)> {
    let (key, value) = json.as_object()?.iter().find(|(key, value)| {
        key.strip_prefix("value")
            .is_some_and(|kind| kind.starts_with(|c: char| c.is_ascii_uppercase()))
            && !value.is_null()
    })?;
    let plain = |text: String| Some((text, String::new()));
    match key.as_str() {
        "valueQuantity" => Some(compared(value)),
        "valueCodeableConcept" => plain(concept(Some(value))),
        "valueRange" => {
            let side = |key: &str| value.get(key).map(compared).unwrap_or_default();
            let ((low, low_unit), (high, high_unit)) = (side("low"), side("high"));
            let unit = match low_unit.as_str() {
                "" => high_unit.clone(),
                _ => low_unit.clone(),
            };
            if high_unit.is_empty() || unit == high_unit {
                Some((format!("{low}–{high}"), unit))
            } else {
                plain(format!("{low} {low_unit}–{high} {high_unit}"))
            }
        }
        "valuePeriod" => plain(format!("{}–{}", text(value, "start"), text(value, "end"))),
        "valueRatio" => {
            let side = |key: &str| {
                let (value, unit) = value.get(key).map(compared).unwrap_or_default();
                format!("{value} {unit}").trim().to_owned()
            };
            plain(format!("{}:{}", side("numerator"), side("denominator")))
        }
        _ => match value {
            Json::String(text) => plain(text.clone()),
            Json::Bool(value) => plain(value.to_string()),
            Json::Number(number) => plain(number.as_str().to_owned()),
            Json::Null | Json::Array(_) | Json::Object(_) => plain(String::new()),
        },
    }
}

impl Row for ObservationRow {
    fn meta(&self) -> &RecordMeta {
        &self.meta
    }

    fn shows(_: &str, json: &Json) -> Vec<&'static str> {
        let mut shows = vec!["code", "effectiveDateTime", "effectiveInstant"];
        // A series of samples is no value that a row can say.
        if json.get("valueSampledData").is_none() {
            shows.push("value[x]");
        }
        // Of a pressure the parts are named by their order; any other parts need their names.
        let is_shown =
            |part: &Json| is_of_pressure(&code(part.get("code"))) && part.get("valueQuantity").is_some();
        if vitals::is_pressure(&code(json.get("code"))) && items(json, "component").all(is_shown) {
            shows.extend(["component.code", "component.value[x]"]);
        }
        let is_flag = |one| Flag::from_code(&code(Some(one))).is_some();
        if items(json, "interpretation").all(is_flag) {
            shows.push("interpretation");
        }
        shows
    }
}

/// The kinds of record that are this workflow's own.
pub(super) const KINDS: [&str; 1] = ["Observation"];

/// Reads the observations of the chart, the newest first.
pub(super) fn section(
    clinic: &Clinic,
    caller: &Caller,
    subject: &Subject<'_>,
) -> Result<Section, RecordError> {
    let zone = clinic.zone();
    let read = |json: &Json, meta| ObservationRow::from_json(json, ages_of(subject.json, json, zone), meta);
    let (rows, truncated) = clinic.chart_rows(caller, subject, &KINDS, "-date", read)?;
    Ok(Section::of(rows, truncated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blood_pressure_reads_upper_over_lower() {
        assert_eq!(upper_first("70 / 148".into()), "148/70");
        assert_eq!(upper_first("148 / 70".into()), "148/70");
        assert_eq!(upper_first("high".into()), "high");
    }

    #[test]
    fn every_sign_of_the_form_is_listed_as_a_vital_sign() {
        for sign in Sign::ALL {
            let row = ObservationRow {
                code: sign.loinc().0.to_owned(),
                ..ObservationRow::default()
            };
            assert!(row.vital_place().is_some(), "{sign:?}");
        }
    }
}
