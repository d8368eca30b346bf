//! `GET /patients/{id}`: all that is known of a person, the dangerous first.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::desk::{AllergyRow, Chart, Criticality, Flag, ObservationRow};
use crate::dosage::instruction;
use crate::frame::{Frame, Nav, Signed, page};
use crate::i18n::Texts;
use crate::person::PersonView;

/// A measurement with how it stands to its band, in colour, arrow and word.
pub(crate) struct ObservationView {
    pub(crate) row: ObservationRow,
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) tone: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) word: Option<String>,
}

impl ObservationView {
    fn new(t: &Texts, row: ObservationRow) -> Self {
        let (tone, icon, key) = match row.flag {
            Flag::None => ("none", "check", None),
            Flag::Normal => ("ok", "check", Some("flag-normal")),
            Flag::Low => ("warn", "down", Some("flag-low")),
            Flag::High => ("warn", "up", Some("flag-high")),
            Flag::CriticalLow => ("danger", "down", Some("flag-critical-low")),
            Flag::CriticalHigh => ("danger", "up", Some("flag-critical-high")),
        };
        Self {
            name: t
                .maybe(&format!("vital-{}", row.code))
                .unwrap_or_else(|| row.name.clone()),
            unit: unit_shown(&row.unit).to_owned(),
            row,
            tone,
            icon,
            word: key.map(|key| t.s(key)),
        }
    }
}

/// Vital signs in the order in which they are taken; LOINC.
const VITAL_CODES: [&str; 11] = [
    "85354-9", "55284-4", "8480-6", "8462-4", "8867-4", "9279-1", "8310-5", "2708-6", "59408-5", "29463-7",
    "8302-2",
];

fn vital_place(row: &ObservationRow) -> Option<usize> {
    VITAL_CODES.iter().position(|code| *code == row.code)
}

/// UCUM's and others' long unit names as they are written on paper.
fn unit_shown(unit: &str) -> &str {
    // UCUM §2.4: what stands in braces is a remark, no unit.
    if let Some(remark) = unit.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return remark;
    }
    match unit {
        "mm[Hg]" => "mmHg",
        "beats/minute" | "breaths/minute" | "/min" | "{beats}/min" | "{breaths}/min" => "/min",
        "Cel" => "°C",
        "10*3/uL" => "10³/µL",
        "10*6/uL" => "10⁶/µL",
        "kg/m2" => "kg/m²",
        other => other,
    }
}

#[derive(Template)]
#[template(path = "chart.html")]
struct ChartPage {
    f: Frame,
    person: PersonView,
    born: Option<String>,
    banner_allergies: Vec<AllergyRow>,
    none_known: bool,
    draft: String,
    vitals: Vec<ObservationView>,
    results: Vec<ObservationView>,
    older_from: Option<usize>,
    chart: Chart,
}

impl ChartPage {
    /// Only a prescription's dose is changed here.
    fn dose_changes(&self, record: &str) -> bool {
        record.starts_with("MedicationRequest/")
    }

    /// The record's id, without its type.
    fn id_of<'a>(&self, record: &'a str) -> &'a str {
        record.rsplit('/').next().unwrap_or(record)
    }

    fn status(&self, code: &str) -> String {
        self.f
            .t
            .maybe(&format!("status-{code}"))
            .unwrap_or_else(|| code.to_owned())
    }
}

/// Results of one page.
const RESULTS_MAX: usize = 12;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Older {
    /// How many results, newest first, to leave out.
    older: usize,
}

/// The newest of each vital sign, and everything else, newest first.
fn split(t: &Texts, rows: Vec<ObservationRow>) -> (Vec<ObservationView>, Vec<ObservationView>) {
    let mut seen = BTreeSet::new();
    let views = rows.into_iter().map(|row| ObservationView::new(t, row));
    let (mut vitals, results): (Vec<_>, Vec<_>) =
        views.partition(|view| view.row.vital && seen.insert(view.name.clone()));
    vitals.sort_by_key(|view| vital_place(&view.row).unwrap_or(VITAL_CODES.len()));
    (vitals, results)
}

pub(crate) async fn chart_view(
    signed: Signed,
    Path(id): Path<String>,
    Query(older): Query<Older>,
) -> Response {
    let mut chart = match signed.run(move |desk, who| desk.chart_view(who, &id)).await {
        Ok(chart) => chart,
        Err(error) => return error.into_response(),
    };
    let f = signed.frame(Nav::Patients).await;
    let person = PersonView::new(&f.clock, std::mem::take(&mut chart.patient));
    let born = person.row.birth_date.as_deref().map(|iso| f.clock.date(iso));
    let active = chart.allergies.iter().filter(|row| row.active);
    let none_known = active.clone().any(|row| row.none_known);
    let mut banner_allergies: Vec<AllergyRow> = active.filter(|row| !row.none_known).cloned().collect();
    banner_allergies.sort_by_key(|row| row.criticality != Criticality::High);
    let (vitals, results) = split(f.t, std::mem::take(&mut chart.observations));
    let found = results.len();
    let results: Vec<_> = results.into_iter().skip(older.older).take(RESULTS_MAX).collect();
    let next = older.older.saturating_add(RESULTS_MAX);
    for row in &mut chart.medicines {
        row.instruction = instruction(f.t, row);
    }
    let older_from = (next < found).then_some(next);
    let draft = signed.state().draft_id();
    page(
        StatusCode::OK,
        &ChartPage {
            f,
            person,
            born,
            banner_allergies,
            none_known,
            draft,
            vitals,
            results,
            older_from,
            chart,
        },
    )
}
