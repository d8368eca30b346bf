//! A medicine as the chart shows it.

use chaski_json::Json;

use super::timing;
use crate::chart::{RecordMeta, Row, Section, Subject};
use crate::fhir_json::{choice_concept, concept, items, quantity, text};
use crate::record::RecordError;
use crate::{Caller, Clinic};

/// A prescription or statement as the chart shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MedicationRow {
    /// The record behind it.
    pub meta: RecordMeta,
    /// Text or display of the drug.
    pub drug: String,
    /// Its code, empty if only text.
    pub code: String,
    /// The dosage's text.
    pub dose_text: String,
    /// The dose's number as written.
    pub dose_value: String,
    /// The dose's unit.
    pub dose_unit: String,
    /// How many times a day, as written; empty where the timing says something else.
    pub times_per_day: String,
    /// That something else, in words; empty where there is none.
    pub timing: String,
    /// Text or display of the route.
    pub route: String,
    /// FHIR's code of the status, as recorded.
    pub status: String,
    /// Why it has this status, empty if not recorded or while the status itself is disputed.
    pub status_reason: String,
    /// When it was prescribed, as recorded.
    pub authored: String,
    /// Concurrent changes stand against each other: not to be dispensed.
    pub disputed: bool,
    /// Counts as active: it is, or it is disputed.
    pub active: bool,
    /// Says that the drug is not to be given.
    pub do_not_perform: bool,
    /// It asks for the drug to be given: no plan or proposal, and nothing that is not to be given.
    pub is_order: bool,
    /// Its dose can be changed by a form that shows one dose and how often: nothing else would be lost.
    pub is_simple: bool,
}

/// Of a request it is one, of a statement they are several.
fn status_reasons(json: &Json) -> String {
    let several = items(json, "statusReason").map(|reason| concept(Some(reason)));
    let one = concept(json.get("statusReason"));
    let reasons: Vec<String> = several.chain([one]).filter(|reason| !reason.is_empty()).collect();
    reasons.join("; ")
}

fn is_not_to_be_given(json: &Json) -> bool {
    json.get("doNotPerform").and_then(Json::as_bool) == Some(true)
}

/// Whether a request asks for the drug to be given.
pub(super) fn is_order(json: &Json) -> bool {
    !is_not_to_be_given(json) && !matches!(text(json, "intent"), "proposal" | "plan" | "option")
}

/// Whether a dosage says what the form does not show: the instruction that is written anew would be without it. When
/// it is given and where, and for how long, stays as it stands.
pub(super) fn says_more(dosage: &Json) -> bool {
    const KEPT: [&str; 8] = [
        "id",
        "sequence",
        "text",
        "timing",
        "route",
        "site",
        "method",
        "doseAndRate",
    ];
    let is_more = |(name, value): (&String, &Json)| {
        let goes_without = name == "asNeededBoolean" && value.as_bool() == Some(false);
        !KEPT.contains(&name.as_str()) && !goes_without
    };
    let mut rates = items(dosage, "doseAndRate").filter_map(Json::as_object);
    let is_rated = rates.any(|rate| rate.keys().any(|name| name.starts_with("rate")));
    let is_bound = dosage.pointer("/doseAndRate/0/doseQuantity/comparator").is_some();
    is_rated
        || is_bound
        || dosage
            .as_object()
            .is_some_and(|members| members.iter().any(is_more))
}

/// The text of every dosage: one of several must not pass for all there is.
fn instructions(json: &Json) -> String {
    let dosages: Vec<&Json> = items(json, "dosageInstruction")
        .chain(items(json, "dosage"))
        .collect();
    let texts: Vec<String> = dosages
        .iter()
        .map(|dosage| match text(dosage, "text") {
            "" if dosages.len() > 1 => dosage
                .pointer("/doseAndRate/0/doseQuantity")
                .map(quantity)
                .map(|(value, unit)| format!("{value} {unit}").trim().to_owned())
                .unwrap_or_default(),
            said => said.to_owned(),
        })
        .filter(|text| !text.is_empty())
        .collect();
    texts.join("; ")
}

impl MedicationRow {
    /// Reads a MedicationRequest or MedicationStatement.
    #[must_use]
    pub fn from_json(json: &Json, meta: RecordMeta) -> MedicationRow {
        let (drug, code) = choice_concept(json, "medication");
        let drug = meta.either("medication[x]").unwrap_or(drug);
        let dosage = items(json, "dosageInstruction")
            .chain(items(json, "dosage"))
            .next();
        let dose = dosage.and_then(|dosage| dosage.pointer("/doseAndRate/0/doseQuantity"));
        let (dose_value, dose_unit) = dose.map(quantity).unwrap_or_default();
        let bound = dose.map(|dose| text(dose, "comparator")).unwrap_or_default();
        let dose_value = match dose_value.as_str() {
            "" => dose_value,
            value => format!("{bound}{value}"),
        };
        let timing = dosage.map(timing::of).unwrap_or_default();
        let status = text(json, "status").to_owned();
        let disputed = meta.conflicts > 0;
        MedicationRow {
            drug,
            code,
            dose_text: instructions(json),
            dose_value,
            dose_unit,
            times_per_day: timing.times_a_day,
            timing: timing.other,
            route: concept(dosage.and_then(|dosage| dosage.get("route"))),
            active: disputed || matches!(status.as_str(), "active" | "on-hold" | "unknown" | ""),
            disputed,
            do_not_perform: is_not_to_be_given(json),
            is_order: is_order(json),
            is_simple: items(json, "dosageInstruction").count() < 2
                && !items(json, "dosageInstruction").any(says_more),
            // It merges by itself, so beside a disputed status it may be another's.
            status_reason: match disputed {
                true => String::new(),
                false => status_reasons(json),
            },
            status,
            authored: text(json, "authoredOn").to_owned(),
            meta,
        }
    }
}

impl Row for MedicationRow {
    fn meta(&self) -> &RecordMeta {
        &self.meta
    }

    fn shows(kind: &str, json: &Json) -> Vec<&'static str> {
        let is_request = kind == "MedicationRequest";
        let name = if is_request { "dosageInstruction" } else { "dosage" };
        let mut shows = vec!["medication[x]", "status", "statusReason"];
        let dosages: Vec<&Json> = items(json, name).collect();
        let is_text = dosages.iter().any(|dosage| !text(dosage, "text").is_empty());
        let of = |request, statement| if is_request { request } else { statement };
        // Of several each is told whole, in its order.
        if is_text && dosages.len() == 1 {
            shows.push(of("dosageInstruction.text", "dosage.text"));
        }
        if let ([dosage], false) = (dosages.as_slice(), is_text) {
            shows.extend(shown_of_numbers(dosage, is_request));
        }
        shows
    }
}

/// What a row says of a dosage without a text: its dose, and how often, where that can be read.
fn shown_of_numbers(dosage: &Json, is_request: bool) -> Vec<&'static str> {
    const OF_REQUEST: [&str; 10] = [
        "dosageInstruction.doseAndRate.doseQuantity.value",
        "dosageInstruction.timing.code",
        "dosageInstruction.timing.repeat.frequency",
        "dosageInstruction.timing.repeat.frequencyMax",
        "dosageInstruction.timing.repeat.period",
        "dosageInstruction.timing.repeat.periodMax",
        "dosageInstruction.timing.repeat.periodUnit",
        "dosageInstruction.timing.repeat.dayOfWeek",
        "dosageInstruction.timing.repeat.timeOfDay",
        "dosageInstruction.timing.repeat.when",
    ];
    const OF_STATEMENT: [&str; 10] = [
        "dosage.doseAndRate.doseQuantity.value",
        "dosage.timing.code",
        "dosage.timing.repeat.frequency",
        "dosage.timing.repeat.frequencyMax",
        "dosage.timing.repeat.period",
        "dosage.timing.repeat.periodMax",
        "dosage.timing.repeat.periodUnit",
        "dosage.timing.repeat.dayOfWeek",
        "dosage.timing.repeat.timeOfDay",
        "dosage.timing.repeat.when",
    ];
    let all = if is_request { OF_REQUEST } else { OF_STATEMENT };
    let rates = items(dosage, "doseAndRate").count();
    let is_dosed = rates == 1 && dosage.pointer("/doseAndRate/0/doseQuantity/value").is_some();
    match timing::of(dosage).other.as_str() {
        _ if !is_dosed => Vec::new(),
        // Not read: it is told as it stands.
        "?" => all.into_iter().take(1).collect(),
        _ => all.to_vec(),
    }
}

/// The kinds of record that are medicines.
pub(super) const KINDS: [&str; 2] = ["MedicationRequest", "MedicationStatement"];

/// Those that are active first, the newest before others.
pub(super) fn section(
    clinic: &Clinic,
    caller: &Caller,
    subject: &Subject<'_>,
) -> Result<Section, RecordError> {
    let (mut rows, truncated) = clinic.chart_rows(caller, subject, &KINDS, "", MedicationRow::from_json)?;
    rows.sort_by(|a, b| {
        (!a.active)
            .cmp(&!b.active)
            .then_with(|| b.authored.cmp(&a.authored))
            .then_with(|| a.drug.cmp(&b.drug))
    });
    Ok(Section::of(rows, truncated))
}
