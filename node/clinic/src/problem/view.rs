//! A problem as the chart shows it.

use chaski_json::Json;

use crate::chart::{RecordMeta, Row, Section, Subject, is_withdrawn};
use crate::fhir_json::{code, concept, text};
use crate::record::RecordError;
use crate::{Caller, Clinic};

/// A problem as the chart shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProblemRow {
    /// The record behind it.
    pub meta: RecordMeta,
    /// Text or display of the problem.
    pub name: String,
    /// Its first code.
    pub code: String,
    /// Clinical status code.
    pub status: String,
    /// Verification status code.
    pub verification: String,
    /// When it began, as recorded.
    pub onset: String,
}

impl ProblemRow {
    /// Reads a Condition.
    #[must_use]
    pub fn from_json(json: &Json, meta: RecordMeta) -> ProblemRow {
        let onset = ["onsetDateTime", "onsetString", "recordedDate"].map(|key| text(json, key));
        ProblemRow {
            name: concept(json.get("code")),
            code: code(json.get("code")),
            status: code(json.get("clinicalStatus")),
            verification: code(json.get("verificationStatus")),
            onset: onset
                .into_iter()
                .find(|onset| !onset.is_empty())
                .unwrap_or_default()
                .to_owned(),
            meta,
        }
    }

    /// Counts until somebody says that it does not.
    #[must_use]
    pub fn counts(&self) -> bool {
        !matches!(self.status.as_str(), "inactive" | "remission" | "resolved")
    }
}

impl Row for ProblemRow {
    fn meta(&self) -> &RecordMeta {
        &self.meta
    }
}

/// Those that count first, newest first.
pub(super) fn section(
    clinic: &Clinic,
    caller: &Caller,
    subject: &Subject<'_>,
) -> Result<Section, RecordError> {
    let found = clinic.of_patient(caller, "Condition", subject.id, "")?;
    let mut rows = Vec::new();
    for current in &found.records {
        let row = ProblemRow::from_json(&current.json, clinic.record_meta(current)?);
        if !is_withdrawn(&row.verification, &row.meta) {
            rows.push(row);
        }
    }
    rows.sort_by(|a, b| {
        (!a.counts())
            .cmp(&!b.counts())
            .then_with(|| b.onset.cmp(&a.onset))
            .then_with(|| a.name.cmp(&b.name))
    });
    Ok(Section::of(rows, found.truncated))
}
