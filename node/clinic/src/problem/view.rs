//! A problem as the chart shows it.

use chaski_json::Json;

use crate::chart::{RecordMeta, Row, Section, Subject};
use crate::fhir_json::{code, concept};
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
    /// When it was over, as recorded.
    pub abatement: String,
}

impl ProblemRow {
    /// Reads a Condition.
    #[must_use]
    pub fn from_json(json: &Json, meta: RecordMeta) -> ProblemRow {
        let first = |at: &[&str]| {
            let mut found = at.iter().filter_map(|at| json.pointer(at).and_then(Json::as_str));
            found.find(|when| !when.is_empty()).unwrap_or_default().to_owned()
        };
        ProblemRow {
            name: meta.either("code").unwrap_or_else(|| concept(json.get("code"))),
            code: code(json.get("code")),
            status: code(json.get("clinicalStatus")),
            verification: code(json.get("verificationStatus")),
            onset: first(&["/onsetDateTime", "/onsetPeriod/start", "/onsetString"]),
            abatement: first(&["/abatementDateTime", "/abatementPeriod/end", "/abatementString"]),
            meta,
        }
    }

    /// Counts until somebody says that it does not; while sites disagree about it it counts, whatever is
    /// shown of it.
    #[must_use]
    pub fn counts(&self) -> bool {
        let is_over = matches!(self.status.as_str(), "inactive" | "remission" | "resolved")
            || matches!(self.verification.as_str(), "refuted" | "entered-in-error");
        self.meta.conflicts > 0 || !is_over
    }
}

impl Row for ProblemRow {
    fn meta(&self) -> &RecordMeta {
        &self.meta
    }

    fn shows(_: &str, _: &Json) -> Vec<&'static str> {
        vec![
            "code",
            "onsetDateTime",
            "onsetString",
            "abatementDateTime",
            "abatementString",
        ]
    }
}

/// The kinds of record that are this workflow's own.
pub(super) const KINDS: [&str; 1] = ["Condition"];

/// Those that count first, newest first.
pub(super) fn section(
    clinic: &Clinic,
    caller: &Caller,
    subject: &Subject<'_>,
) -> Result<Section, RecordError> {
    let (mut rows, truncated) = clinic.chart_rows(caller, subject, &KINDS, "", ProblemRow::from_json)?;
    rows.sort_by(|a, b| {
        (!a.counts())
            .cmp(&!b.counts())
            .then_with(|| b.onset.cmp(&a.onset))
            .then_with(|| a.name.cmp(&b.name))
    });
    Ok(Section::of(rows, truncated))
}
