//! An immunization as the chart shows it.

use chaski_json::Json;

use crate::chart::{RecordMeta, Row, Section, Subject};
use crate::fhir_json::{code, concept, items, quantity, text};
use crate::record::RecordError;
use crate::{Caller, Clinic};

/// An immunization as the chart shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImmunizationRow {
    /// The record behind it.
    pub meta: RecordMeta,
    /// Text or display of the vaccine.
    pub vaccine: String,
    /// Its first code.
    pub code: String,
    /// `completed` or `not-done`; `entered-in-error` only while that is disputed.
    pub status: String,
    /// Why it was not given, where it was not.
    pub status_reason: String,
    /// When it was given, as recorded.
    pub occurrence: String,
    /// Number of the lot.
    pub lot_number: String,
    /// When the lot expires, as recorded.
    pub expiration_date: String,
    /// Where on the body it was given.
    pub site: String,
    /// Which dose of its series, as recorded.
    pub dose_number: String,
    /// How much, as recorded.
    pub dose_quantity: String,
    /// It is told of, and was not given where it was written down.
    pub given_elsewhere: bool,
    /// It does not count as a full dose.
    pub is_subpotent: bool,
    /// Notes, as text.
    pub note: String,
}

impl ImmunizationRow {
    /// Reads an Immunization.
    #[must_use]
    pub fn from_json(json: &Json, meta: RecordMeta) -> ImmunizationRow {
        let dose_numbers = items(json, "protocolApplied").filter_map(|one| {
            let number = one.get("doseNumberPositiveInt").and_then(Json::as_number);
            let number = number.map(|number| number.as_str().to_owned());
            number.or_else(|| Some(text(one, "doseNumberString").to_owned()))
        });
        let dose_numbers: Vec<String> = dose_numbers.filter(|number| !number.is_empty()).collect();
        let notes: Vec<&str> = items(json, "note").map(|note| text(note, "text")).collect();
        let (value, unit) = json.get("doseQuantity").map(quantity).unwrap_or_default();
        ImmunizationRow {
            vaccine: meta
                .either("vaccineCode")
                .unwrap_or_else(|| concept(json.get("vaccineCode"))),
            code: code(json.get("vaccineCode")),
            status: text(json, "status").to_owned(),
            status_reason: concept(json.get("statusReason")),
            occurrence: ["occurrenceDateTime", "occurrenceString"]
                .map(|key| text(json, key))
                .into_iter()
                .find(|when| !when.is_empty())
                .unwrap_or_default()
                .to_owned(),
            lot_number: text(json, "lotNumber").to_owned(),
            expiration_date: text(json, "expirationDate").to_owned(),
            site: concept(json.get("site")),
            dose_number: dose_numbers.join(", "),
            dose_quantity: format!("{value} {unit}").trim().to_owned(),
            given_elsewhere: json.get("primarySource").and_then(Json::as_bool) == Some(false),
            is_subpotent: json.get("isSubpotent").and_then(Json::as_bool) == Some(true),
            note: notes.join("; "),
            meta,
        }
    }

    /// The vaccine was given, as the record says: not given, entered in error or without a status it is no
    /// protection that anybody may count on.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.status == "completed"
    }
}

impl Row for ImmunizationRow {
    fn meta(&self) -> &RecordMeta {
        &self.meta
    }

    fn shows(_: &str, _: &Json) -> Vec<&'static str> {
        vec![
            "vaccineCode",
            "status",
            "statusReason",
            "occurrence[x]",
            "lotNumber",
            "expirationDate",
            "site",
            "doseQuantity.value",
            "primarySource",
            "isSubpotent",
            "note.text",
            "protocolApplied.doseNumber[x]",
        ]
    }
}

/// The kinds of record that are this workflow's own.
pub(super) const KINDS: [&str; 1] = ["Immunization"];

/// The newest first.
pub(super) fn section(
    clinic: &Clinic,
    caller: &Caller,
    subject: &Subject<'_>,
) -> Result<Section, RecordError> {
    let (rows, truncated) =
        clinic.chart_rows(caller, subject, &KINDS, "-date", ImmunizationRow::from_json)?;
    Ok(Section::of(rows, truncated))
}
