//! Reads a patient's compartment into rows.

use std::collections::BTreeMap;

use chaski_json::Json;
use chaski_store::{Context, Current, NodeId, RecordKey};
use thiserror::Error;

use crate::Clinic;
use crate::allergy::AllergyRow;
use crate::fhir_json::{code, concept, text};
use crate::medication::MedicationRow;
use crate::patient::PatientRow;
use crate::people::Author;
use crate::policy_decision::{Action, Denied, Target};
use crate::record::{RecordError, SearchOptions};
use crate::vitals::{ObservationRow, age_band, observed_at};

/// The record behind a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordMeta {
    /// `Type/id`.
    pub record: String,
    /// The version shown, to edit from.
    pub version: String,
    /// Who wrote it last.
    pub author: Author,
    /// When that became known here, in milliseconds since 1970.
    pub arrived_ms: u64,
    /// Open conflicts.
    pub conflicts: usize,
}

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

/// Until when a site's entries are here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompleteAsOf {
    /// The node's name, or its site.
    pub site: String,
    /// The newest entry of it in this chart, in milliseconds since 1970.
    pub written_ms: u64,
}

/// One patient's chart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chart {
    /// The banner.
    pub patient: PatientRow,
    /// The Patient record behind the banner.
    pub patient_meta: RecordMeta,
    /// Allergies, active first.
    pub allergies: Vec<AllergyRow>,
    /// Active problems, newest first.
    pub problems: Vec<ProblemRow>,
    /// Problems no longer active, newest first.
    pub problems_past: Vec<ProblemRow>,
    /// Medicines, active first.
    pub medicines: Vec<MedicationRow>,
    /// Observations, newest first.
    pub observations: Vec<ObservationRow>,
    /// Whether some lists were cut at their bound.
    pub truncated: bool,
    /// Per site, until when.
    pub complete_as_of: Vec<CompleteAsOf>,
    /// Open conflicts in all records shown.
    pub conflicts: usize,
}

/// Why there is no chart.
#[derive(Debug, Error)]
pub enum ChartError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The record service's own; not found among them.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Records of one kind that a chart reads at most.
const ROWS_MAX: usize = 300;
/// Records of one search's page.
const PAGE_ROWS: u32 = 100;

impl Clinic {
    /// The chart of a patient.
    ///
    /// # Errors
    /// [`ChartError`].
    pub fn chart_view(&self, ctx: &Context, patient: &str) -> Result<Chart, ChartError> {
        self.allow(ctx, Action::RecordRead, &Target::Kind("Patient"))?;
        let key = RecordKey::new("Patient", patient).map_err(|_| RecordError::BadId)?;
        let current = self.record_read(ctx, &key)?;
        let mut chart = Chart {
            patient: PatientRow::from_json(
                &current.json,
                &current.version.to_string(),
                usize::from(current.conflicts),
            ),
            patient_meta: self.record_meta(&current)?,
            ..Chart::default()
        };
        self.read_allergies(ctx, patient, &mut chart)?;
        self.read_problems(ctx, patient, &mut chart)?;
        self.read_medicines(ctx, patient, &mut chart)?;
        self.read_observations(ctx, patient, &current.json, &mut chart)?;
        chart.conflicts = metas(&chart).map(|meta| meta.conflicts).sum();
        chart.complete_as_of = complete_as_of(&chart);
        Ok(chart)
    }

    fn read_allergies(&self, ctx: &Context, patient: &str, chart: &mut Chart) -> Result<(), ChartError> {
        for current in self.of_patient(ctx, "AllergyIntolerance", patient, "", &mut chart.truncated)? {
            let row = AllergyRow::from_json(&current.json, self.record_meta(&current)?);
            if !is_withdrawn(&row.verification, &row.meta) {
                chart.allergies.push(row);
            }
        }
        crate::allergy::mark_contradicted(&mut chart.allergies);
        chart.allergies.sort_by_key(|row| {
            (
                row.status != "active",
                row.none_known,
                row.criticality != "high",
                row.substance.clone(),
            )
        });
        Ok(())
    }

    fn read_problems(&self, ctx: &Context, patient: &str, chart: &mut Chart) -> Result<(), ChartError> {
        for current in self.of_patient(ctx, "Condition", patient, "", &mut chart.truncated)? {
            let row = ProblemRow::from_json(&current.json, self.record_meta(&current)?);
            match row.status.as_str() {
                _ if is_withdrawn(&row.verification, &row.meta) => {}
                "inactive" | "remission" | "resolved" => chart.problems_past.push(row),
                _ => chart.problems.push(row),
            }
        }
        for rows in [&mut chart.problems, &mut chart.problems_past] {
            rows.sort_by(|a, b| b.onset.cmp(&a.onset).then_with(|| a.name.cmp(&b.name)));
        }
        Ok(())
    }

    fn read_medicines(&self, ctx: &Context, patient: &str, chart: &mut Chart) -> Result<(), ChartError> {
        for kind in ["MedicationRequest", "MedicationStatement"] {
            for current in self.of_patient(ctx, kind, patient, "", &mut chart.truncated)? {
                let row = MedicationRow::from_json(&current.json, self.record_meta(&current)?);
                if !is_withdrawn(&row.status, &row.meta) {
                    chart.medicines.push(row);
                }
            }
        }
        chart.medicines.sort_by(|a, b| {
            (!a.active)
                .cmp(&!b.active)
                .then_with(|| b.authored.cmp(&a.authored))
                .then_with(|| a.drug.cmp(&b.drug))
        });
        Ok(())
    }

    fn read_observations(
        &self,
        ctx: &Context,
        patient: &str,
        json: &Json,
        chart: &mut Chart,
    ) -> Result<(), ChartError> {
        for current in self.of_patient(ctx, "Observation", patient, "-date", &mut chart.truncated)? {
            let age = age_band(json, observed_at(&current.json));
            let row = ObservationRow::from_json(&current.json, age, self.record_meta(&current)?);
            if !is_withdrawn(&row.status, &row.meta) {
                chart.observations.push(row);
            }
        }
        Ok(())
    }

    /// Records of a kind in a patient's compartment, at most [`ROWS_MAX`].
    fn of_patient(
        &self,
        ctx: &Context,
        kind: &str,
        patient: &str,
        sort: &str,
        truncated: &mut bool,
    ) -> Result<Vec<Current>, RecordError> {
        let mut pairs = vec![("patient".to_owned(), patient.to_owned())];
        if !sort.is_empty() {
            pairs.push(("_sort".to_owned(), sort.to_owned()));
        }
        let mut query = self.record_query(kind, &pairs, SearchOptions::default())?;
        query.count = Some(PAGE_ROWS);
        let mut found: Vec<Current> = Vec::new();
        loop {
            let page = self.record_search(ctx, &query)?;
            found.extend(page.entries);
            match page.next {
                Some(next) if found.len() < ROWS_MAX => query.cursor = Some(next),
                next => {
                    *truncated |= next.is_some();
                    return Ok(found);
                }
            }
        }
    }

    /// Who wrote a record last, and when that became known here.
    pub(crate) fn record_meta(&self, current: &Current) -> Result<RecordMeta, RecordError> {
        let author = match self.store().last_authored(&current.key)? {
            Some(authored) => self.author(&authored.node, &authored.user, &authored.role, authored.time_ms),
            None => Author::default(),
        };
        Ok(RecordMeta {
            record: current.key.to_string(),
            version: current.version.to_string(),
            author,
            arrived_ms: current.last_updated_ms,
            conflicts: usize::from(current.conflicts),
        })
    }

    /// An author with the node's name, if the network knows it.
    pub(crate) fn author(&self, node: &NodeId, user: &str, role: &str, written_ms: u64) -> Author {
        let node = crate::text::hex(&node.0);
        let label = self
            .settings()
            .directory
            .as_ref()
            .and_then(|directory| directory.label(&node));
        Author {
            label: label.unwrap_or_default(),
            node,
            user: user.to_owned(),
            role: role.to_owned(),
            written_ms,
        }
    }
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
}

/// Whether a record says of itself that it should never have been written. While that is disputed it
/// is shown with its conflict: whole, whatever one side says (`CLINICAL.md` §1).
fn is_withdrawn(status: &str, meta: &RecordMeta) -> bool {
    status == "entered-in-error" && meta.conflicts == 0
}

fn metas(chart: &Chart) -> impl Iterator<Item = &RecordMeta> {
    std::iter::once(&chart.patient_meta)
        .chain(chart.allergies.iter().map(|row| &row.meta))
        .chain(
            chart
                .problems
                .iter()
                .chain(&chart.problems_past)
                .map(|row| &row.meta),
        )
        .chain(chart.medicines.iter().map(|row| &row.meta))
        .chain(chart.observations.iter().map(|row| &row.meta))
}

fn complete_as_of(chart: &Chart) -> Vec<CompleteAsOf> {
    // By node: two may bear one name, and the newer would speak for both.
    let mut newest: BTreeMap<&str, (String, u64)> = BTreeMap::new();
    for Author {
        node,
        label,
        written_ms,
        ..
    } in metas(chart).map(|meta| &meta.author)
    {
        // The name that entries carry: a site's short code says nothing to who reads a chart.
        let site = match &label.site {
            _ if !label.name.is_empty() => label.name.clone(),
            Some(site) => site.clone(),
            None => node.get(..8).unwrap_or(node).to_owned(),
        };
        let (_, at) = newest.entry(node).or_insert((site, 0));
        *at = (*at).max(*written_ms);
    }
    let is_shared = |name: &str| newest.values().filter(|(other, _)| other == name).count() > 1;
    let mut sites: Vec<CompleteAsOf> = newest
        .iter()
        .map(|(node, (site, written_ms))| CompleteAsOf {
            site: match is_shared(site) {
                true => format!("{site} ({})", node.get(..8).unwrap_or(node)),
                false => site.clone(),
            },
            written_ms: *written_ms,
        })
        .collect();
    sites.sort_by(|a, b| a.site.cmp(&b.site));
    sites
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::NodeLabel;

    #[test]
    fn two_nodes_of_one_name_do_not_speak_for_each_other() {
        let row = |node: &str, name: &str, written_ms| AllergyRow {
            meta: RecordMeta {
                author: Author {
                    node: node.to_owned(),
                    label: NodeLabel {
                        name: name.to_owned(),
                        site: None,
                    },
                    written_ms,
                    ..Author::default()
                },
                ..RecordMeta::default()
            },
            ..AllergyRow::default()
        };
        let mut chart = Chart {
            allergies: vec![
                row("aaaaaaaa11", "Team", 5),
                row("bbbbbbbb22", "Team", 9),
                row("aaaaaaaa11", "Team", 7),
                row("cccccccc33", "Hub", 1),
            ],
            ..Chart::default()
        };
        chart.patient_meta = chart.allergies[3].meta.clone();
        let expected = [("Hub", 1), ("Team (aaaaaaaa)", 7), ("Team (bbbbbbbb)", 9)];
        // In whatever order the rows stand: the newest entry of a site counts, not its last row.
        for turn in 0..8 {
            chart.allergies.rotate_left(1);
            if turn == 3 {
                chart.allergies.reverse();
            }
            let told: Vec<(String, u64)> = complete_as_of(&chart)
                .into_iter()
                .map(|one| (one.site, one.written_ms))
                .collect();
            assert_eq!(told, expected.map(|(site, at)| (site.to_owned(), at)));
        }
    }
}
