//! An allergy as the chart shows it.

use chaski_json::Json;

use crate::chart::{RecordMeta, Row, Section, Subject};
use crate::fhir_json::{code, concept, items, text};
use crate::record::RecordError;
use crate::{Caller, Clinic};

/// SNOMED CT's statement that no allergy is known.
pub(super) const NONE_KNOWN_CODE: &str = "716186003";

/// An allergy as the chart shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllergyRow {
    /// The record behind it.
    pub meta: RecordMeta,
    /// Text or display of the substance.
    pub substance: String,
    /// Its code, empty if only text.
    pub code: String,
    /// `low`, `high`, `unable-to-assess` or empty.
    pub criticality: String,
    /// Clinical status code.
    pub status: String,
    /// Verification status code.
    pub verification: String,
    /// Reactions, as text.
    pub reaction: String,
    /// The worst severity recorded: `mild`, `moderate`, `severe` or empty.
    pub severity: String,
    /// Says that there is none: "no known allergies".
    pub none_known: bool,
    /// Whose record says it, where that is another record of this person: id and name.
    pub of_other: Option<(String, String)>,
    /// Says so beside an allergy that counts (two sites wrote apart, or another
    /// system did): the allergy wins, and somebody must look.
    pub contradicted: bool,
}

impl AllergyRow {
    /// Reads an AllergyIntolerance.
    #[must_use]
    pub fn from_json(json: &Json, meta: RecordMeta) -> AllergyRow {
        let reactions: Vec<String> = items(json, "reaction")
            .flat_map(|reaction| {
                items(reaction, "manifestation").map(|manifestation| concept(Some(manifestation)))
            })
            .filter(|shown| !shown.is_empty())
            .collect();
        let severities = items(json, "reaction").map(|reaction| text(reaction, "severity"));
        let code = code(json.get("code"));
        AllergyRow {
            substance: meta.either("code").unwrap_or_else(|| concept(json.get("code"))),
            none_known: code == NONE_KNOWN_CODE,
            contradicted: false,
            of_other: None,
            code,
            criticality: text(json, "criticality").to_owned(),
            // Without a status an allergy counts as active: the safer reading.
            status: code_or(json, "clinicalStatus", "active"),
            verification: code_or(json, "verificationStatus", ""),
            reaction: reactions.join(", "),
            severity: severities
                .max_by_key(|severity| rank(severity))
                .unwrap_or_default()
                .to_owned(),
            meta,
        }
    }
}

impl AllergyRow {
    /// Counts until somebody says that it does not. An allergy about which sites disagree counts
    /// whatever is shown of it until that is decided: of two sides each may be the safer one in
    /// something, and the side that is shown may be the one that it is over for.
    #[must_use]
    pub fn counts(&self) -> bool {
        let is_disputed = self.meta.conflicts > 0 && !self.none_known;
        let is_over = matches!(self.status.as_str(), "inactive" | "resolved")
            || matches!(self.verification.as_str(), "refuted" | "entered-in-error");
        is_disputed || !is_over
    }
}

/// Marks the statements of "none known" that an allergy among `rows` contradicts.
pub(crate) fn mark_contradicted(rows: &mut [AllergyRow]) {
    let named = rows.iter().any(|row| !row.none_known && row.counts());
    for row in rows {
        row.contradicted = named && row.none_known && row.counts();
    }
}

fn code_or(json: &Json, key: &str, otherwise: &str) -> String {
    let found = code(json.get(key));
    if found.is_empty() {
        otherwise.to_owned()
    } else {
        found
    }
}

fn rank(severity: &str) -> u8 {
    match severity {
        "severe" => 3,
        "moderate" => 2,
        "mild" => 1,
        _ => 0,
    }
}

impl Row for AllergyRow {
    fn meta(&self) -> &RecordMeta {
        &self.meta
    }

    fn shows(_: &str, json: &Json) -> Vec<&'static str> {
        let mut shows = vec!["code", "criticality", "verificationStatus"];
        // Of several each is told whole: what is said of one must not read as said of another.
        if items(json, "reaction").count() == 1 {
            shows.push("reaction.manifestation");
        }
        shows
    }
}

/// The kinds of record that are this workflow's own.
pub(super) const KINDS: [&str; 1] = ["AllergyIntolerance"];

/// Those that are active first, the dangerous ones before others.
pub(super) fn section(
    clinic: &Clinic,
    caller: &Caller,
    subject: &Subject<'_>,
) -> Result<Section, RecordError> {
    let (mut rows, mut truncated) = clinic.chart_rows(caller, subject, &KINDS, "", AllergyRow::from_json)?;
    for other in subject.linked {
        // Until somebody has looked, what another record of this person says counts here too.
        let of = Subject {
            id: &other.row.id,
            ..*subject
        };
        let found = clinic.chart_rows(caller, &of, &KINDS, "", AllergyRow::from_json)?;
        rows.extend(found.0.into_iter().map(|row| AllergyRow {
            of_other: Some((other.row.id.clone(), other.row.name.clone())),
            ..row
        }));
        truncated |= found.1;
    }
    mark_contradicted(&mut rows);
    rows.sort_by_key(|row| {
        (
            row.status != "active",
            row.none_known,
            row.criticality != "high",
            row.substance.clone(),
        )
    });
    Ok(Section::of(rows, truncated))
}
