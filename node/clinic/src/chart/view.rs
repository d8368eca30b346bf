//! A patient's chart: what each workflow reads of their compartment.

use std::any::Any;
use std::collections::BTreeMap;

use chaski_json::Json;
use chaski_store::{Current, NodeId, RecordKey};

use super::follow::Names;
use super::rest::rest;
use super::said::said;
use super::section::{RecordMeta, Row, Section, Subject, is_withdrawn};
use crate::features::FEATURES;
use crate::patient::{LinkedPerson, PatientRow};
use crate::people::{Author, NODE_DIGITS};
use crate::policy_decision::{Action, Target};
use crate::record::{RecordError, SearchOptions};
use crate::{Caller, Clinic};

/// Until when a site's entries are here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompleteAsOf {
    /// The node's name, or its site.
    pub site: String,
    /// The newest entry of it in this chart, in milliseconds since 1970.
    pub written_ms: u64,
}

/// One patient's chart: the banner, and what each workflow has of them.
#[derive(Debug, Default)]
pub struct Chart {
    /// Who the patient is, as the banner on top of the chart shows it.
    pub patient: PatientRow,
    /// The Patient record behind the banner.
    pub patient_meta: RecordMeta,
    /// Per site, until when.
    pub complete_as_of: Vec<CompleteAsOf>,
    /// Open conflicts in all records shown.
    pub conflicts: usize,
    /// Other records that say to be of the same person.
    pub linked: Vec<LinkedPerson>,
    /// Whether there are more of them than are looked at.
    pub is_linked_cut: bool,
    sections: Vec<Section>,
}

impl Chart {
    /// The rows of one sort, in the order in which their workflow shows them.
    #[must_use]
    pub fn rows<R: Row>(&self) -> &[R] {
        let mut sorts = self
            .sections
            .iter()
            .map(|section| section.rows.as_ref() as &dyn Any);
        let found = sorts.find_map(|rows| rows.downcast_ref::<Vec<R>>());
        found.map_or(&[], Vec::as_slice)
    }

    /// Whether some lists were cut at their bound.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.sections.iter().any(|section| section.truncated)
    }
}

/// Records of one kind that a chart reads at most.
const ROWS_MAX: usize = 300;
/// Records of one search's page.
const PAGE_ROWS: u32 = 100;

impl Clinic {
    /// The chart of a patient.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn chart_view(&self, caller: &Caller, patient: &str) -> Result<Chart, RecordError> {
        self.allow(caller, Action::RecordRead, &Target::Kind("Patient"))?;
        let key = RecordKey::new("Patient", patient).map_err(|_| RecordError::BadId)?;
        let current = self.record_read(caller, &key)?;
        let mut chart = Chart {
            patient: self.patient_row(&current),
            patient_meta: self.record_meta(&current),
            ..Chart::default()
        };
        (chart.linked, chart.is_linked_cut) = self.linked_people(caller, patient, &current.json)?;
        let json = self.undecided_json(&current);
        let subject = Subject {
            id: patient,
            json: &json,
            linked: &chart.linked,
        };
        let mut sections = Vec::new();
        for read in FEATURES.iter().filter_map(|feature| feature.section) {
            sections.push(read(self, caller, &subject)?);
        }
        chart.sections = sections;
        chart.conflicts = metas(&chart)
            .map(|meta| meta.conflicts + usize::from(meta.collides))
            .sum();
        chart.complete_as_of = complete_as_of(&chart);
        Ok(chart)
    }

    /// A patient's records of some kinds as rows, and whether there are more than are read: at most
    /// [`ROWS_MAX`] of each kind, in the order that `sort` asks for. `read` makes the row of a record.
    /// Records that are withdrawn make none.
    pub(crate) fn chart_rows<R: Row>(
        &self,
        caller: &Caller,
        subject: &Subject<'_>,
        kinds: &[&str],
        sort: &str,
        read: impl Fn(&Json, RecordMeta) -> R,
    ) -> Result<(Vec<R>, bool), RecordError> {
        let mut rows = Vec::new();
        let mut truncated = false;
        let names = Names::new(self, caller);
        for kind in kinds {
            let (records, more) = self.of_patient(caller, kind, subject.id, sort)?;
            truncated |= more;
            for current in &records {
                let meta = self.record_meta(current);
                if !is_withdrawn(&current.json, &meta) {
                    let read = |json: &Json, meta| {
                        let named = names.follow(json);
                        let json = named.as_ref().unwrap_or(json);
                        let (rest, said) = (rest(kind, json, &R::shows(kind, json)), said(json));
                        read(json, RecordMeta { rest, said, ..meta })
                    };
                    rows.push(undecided_row(current, meta, read));
                }
            }
        }
        Ok((rows, truncated))
    }

    /// The first [`ROWS_MAX`] records of a kind in a patient's compartment, and whether there are more.
    fn of_patient(
        &self,
        caller: &Caller,
        kind: &str,
        patient: &str,
        sort: &str,
    ) -> Result<(Vec<Current>, bool), RecordError> {
        let mut pairs = vec![("patient".to_owned(), patient.to_owned())];
        if !sort.is_empty() {
            pairs.push(("_sort".to_owned(), sort.to_owned()));
        }
        let mut query = self.record_query(kind, &pairs, SearchOptions::default())?;
        query.count = Some(PAGE_ROWS);
        let mut records: Vec<Current> = Vec::new();
        loop {
            let page = self.record_search(caller, &query)?;
            records.extend(page.entries);
            match page.next {
                Some(next) if records.len() < ROWS_MAX => query.cursor = Some(next),
                next => return Ok((records, next.is_some())),
            }
        }
    }

    /// A record's row, on whatever page it stands: nothing of it that is disputed is told as if it were decided.
    pub(crate) fn row_of_record<R>(&self, current: &Current, read: impl Fn(&Json, RecordMeta) -> R) -> R {
        undecided_row(current, self.record_meta(current), read)
    }

    /// A record without the favourites of what is disputed, to judge others by: an age by one side of a disputed
    /// birth date would be a guess.
    pub(crate) fn undecided_json(&self, current: &Current) -> Json {
        let mut json = current.json.clone();
        for dispute in self.disputes(current) {
            dispute.leave_undecided(&mut json);
        }
        json
    }

    /// What a record says: where sides of it stand against each other, what each says.
    pub(crate) fn each_side(&self, current: &Current) -> Vec<Json> {
        let disputes = self.disputes(current);
        let mut sides: Vec<Json> = disputes
            .iter()
            .flat_map(|one| one.sides_of(&current.json))
            .collect();
        if sides.is_empty() {
            sides.push(current.json.clone());
        }
        sides
    }

    /// Who wrote a record last, and when that became known here.
    pub(crate) fn record_meta(&self, current: &Current) -> RecordMeta {
        let by = &current.authored_by;
        RecordMeta {
            disputes: self.disputes(current),
            author: self.author(&by.node, &by.user, &by.role, by.time_ms),
            ..RecordMeta::of(current)
        }
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

fn metas(chart: &Chart) -> impl Iterator<Item = &RecordMeta> {
    let rows = chart.sections.iter().flat_map(|section| section.rows.metas());
    std::iter::once(&chart.patient_meta).chain(rows)
}

fn complete_as_of(chart: &Chart) -> Vec<CompleteAsOf> {
    // By node: two may bear one name, and the newer would speak for both.
    let mut newest: BTreeMap<&str, (String, u64)> = BTreeMap::new();
    for author in metas(chart).map(|meta| &meta.author) {
        let (_, at) = newest
            .entry(&author.node)
            .or_insert_with(|| (author.site().to_owned(), 0));
        *at = (*at).max(author.written_ms);
    }
    let is_shared = |name: &str| newest.values().filter(|(other, _)| other == name).count() > 1;
    let mut sites: Vec<CompleteAsOf> = newest
        .iter()
        .map(|(node, (site, written_ms))| CompleteAsOf {
            site: match is_shared(site) {
                true => format!("{site} ({})", node.get(..NODE_DIGITS).unwrap_or(node)),
                false => site.clone(),
            },
            written_ms: *written_ms,
        })
        .collect();
    sites.sort_by(|a, b| a.site.cmp(&b.site));
    sites
}

fn undecided_row<R>(current: &Current, meta: RecordMeta, read: impl Fn(&Json, RecordMeta) -> R) -> R {
    if meta.disputes.is_empty() {
        return read(&current.json, meta);
    }
    let mut json = current.json.clone();
    for dispute in &meta.disputes {
        dispute.leave_undecided(&mut json);
    }
    read(&json, meta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allergy::AllergyRow;
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
        let rows = vec![
            row("aaaaaaaa11", "Team", 5),
            row("bbbbbbbb22", "Team", 9),
            row("aaaaaaaa11", "Team", 7),
            row("cccccccc33", "Hub", 1),
        ];
        let mut rows = rows;
        let patient_meta = rows[3].meta.clone();
        let expected = [("Hub", 1), ("Team (aaaaaaaa)", 7), ("Team (bbbbbbbb)", 9)];
        // In whatever order the rows stand: the newest entry of a site counts, not its last row.
        for turn in 0..8 {
            rows.rotate_left(1);
            if turn == 3 {
                rows.reverse();
            }
            let chart = Chart {
                patient_meta: patient_meta.clone(),
                sections: vec![Section::of(rows.clone(), false)],
                ..Chart::default()
            };
            let told: Vec<(String, u64)> = complete_as_of(&chart)
                .into_iter()
                .map(|one| (one.site, one.written_ms))
                .collect();
            assert_eq!(told, expected.map(|(site, at)| (site.to_owned(), at)));
        }
    }
}
