//! Vital signs and results: their cards on the chart, and the form that records a set of signs.

use std::collections::BTreeSet;

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use chaski_clinic::form::FormError;
use chaski_clinic::vitals::{Flag, ObservationRow, Sign, Vitals, VitalsForm};
use chaski_clinic::{Caller, Clinic};

use crate::form::Field;
use crate::form_page::{DRAFT_ID, FormOf, PatientForm, open, send};
use crate::i18n::Texts;
use crate::show::Clock;
use crate::signed::{Posted, Signed};
use crate::state::UiState;
use crate::words::unit_shown;
use crate::workflow::{Card, ChartOf, Workflow};

pub(crate) const WORKFLOW: Workflow = Workflow {
    routes,
    cards: &[
        Card {
            place: 10,
            html: signs_card,
        },
        Card {
            place: 60,
            html: results_card,
        },
    ],
    ..Workflow::new("vitals")
};

fn routes(router: Router<UiState>) -> Router<UiState> {
    router.route("/patients/{id}/vitals", get(vitals_page).post(vitals_record))
}

/// A measurement with how it stands to its band, in colour, arrow and word.
struct ObservationView<'a> {
    row: &'a ObservationRow,
    name: String,
    unit: &'a str,
    tone: &'static str,
    icon: &'static str,
    word: Option<String>,
    value: String,
    /// Why nobody says whether it is usual.
    no_band: Option<String>,
}

impl<'a> ObservationView<'a> {
    fn new(clock: &Clock, row: &'a ObservationRow) -> Self {
        let t = clock.t;
        let (tone, icon, key) = match row.flag {
            None => ("none", "check", None),
            Some(Flag::Low) => ("warn", "down", Some("flag-low")),
            Some(Flag::High) => ("warn", "up", Some("flag-high")),
            Some(Flag::CriticalLow) => ("danger", "down", Some("flag-critical-low")),
            Some(Flag::CriticalHigh) => ("danger", "up", Some("flag-critical-high")),
        };
        Self {
            name: t
                .maybe(&format!("vital-{}", row.code))
                .unwrap_or_else(|| row.name.clone()),
            unit: unit_shown(&row.unit),
            row,
            tone,
            icon,
            word: key.map(|key| t.s(key)),
            value: clock.moments_in(&row.value),
            no_band: row
                .no_band
                .map(|reason| t.s(format!("no-band-{}", reason.code()))),
        }
    }
}

/// The newest of each vital sign, and everything else, newest first.
fn split<'a>(c: &'a ChartOf<'_>) -> (Vec<ObservationView<'a>>, Vec<ObservationView<'a>>) {
    let mut seen = BTreeSet::new();
    let rows = c.chart.rows::<ObservationRow>().iter();
    let views = rows.map(|row| ObservationView::new(&c.f.clock, row));
    let (mut signs, results): (Vec<_>, Vec<_>) =
        views.partition(|view| view.row.vital_place().is_some() && seen.insert(view.name.clone()));
    signs.sort_by_key(|view| view.row.vital_place());
    (signs, results)
}

#[derive(Template)]
#[template(path = "vitals/card.html")]
struct SignsCard<'a> {
    c: &'a ChartOf<'a>,
    signs: Vec<ObservationView<'a>>,
}

fn signs_card(c: &ChartOf<'_>) -> askama::Result<String> {
    SignsCard { c, signs: split(c).0 }.render()
}

/// Results of one page.
const RESULTS_MAX: usize = 12;

#[derive(Template)]
#[template(path = "vitals/results.html")]
struct ResultsCard<'a> {
    c: &'a ChartOf<'a>,
    results: Vec<ObservationView<'a>>,
    older_from: Option<usize>,
}

fn results_card(c: &ChartOf<'_>) -> askama::Result<String> {
    let found = split(c).1;
    let next = c.older.saturating_add(RESULTS_MAX);
    ResultsCard {
        c,
        older_from: (next < found.len()).then_some(next),
        results: found.into_iter().skip(c.older).take(RESULTS_MAX).collect(),
    }
    .render()
}

/// The signs in the order in which they are taken, each with its value where it stands in the form.
fn fields_of(values: &Vitals) -> [(Sign, &str); 8] {
    [
        (Sign::Systolic, &values.systolic),
        (Sign::Diastolic, &values.diastolic),
        (Sign::HeartRate, &values.heart_rate),
        (Sign::RespiratoryRate, &values.respiratory_rate),
        (Sign::Temperature, &values.temperature),
        (Sign::OxygenSaturation, &values.oxygen_saturation),
        (Sign::Weight, &values.weight),
        (Sign::Height, &values.height),
    ]
}

impl PatientForm for VitalsForm {
    type Row = ();
    const SAVED: &'static str = "flash-vitals";

    fn draft_id(&mut self) -> Option<&mut String> {
        Some(&mut self.draft_id)
    }

    fn save(&self, clinic: &Clinic, caller: &Caller) -> Result<(), FormError> {
        clinic.vitals_record(caller, self).map(drop)
    }

    fn view(&self, t: &Texts, chart: &str, (): &()) -> FormOf {
        let fields = fields_of(&self.values)
            .map(|(sign, value)| {
                let unit = unit_shown(sign.unit().0).to_owned();
                Field::number(t, sign.field(), value, Some(unit))
            })
            .to_vec();
        FormOf {
            lead: Some(t.s("vitals-lead")),
            hidden: vec![(DRAFT_ID, self.draft_id.clone())],
            ..FormOf::new(t.s("vitals-add"), format!("{chart}/vitals"), fields)
        }
    }
}

/// `GET /patients/{id}/vitals`
async fn vitals_page(signed: Signed, Path(patient): Path<String>) -> Response {
    let empty = VitalsForm {
        patient: patient.clone(),
        draft_id: signed.state().draft_id(),
        ..VitalsForm::default()
    };
    open(signed, patient, |_, _| Ok(()), |_, ()| Some(empty)).await
}

/// `POST /patients/{id}/vitals`
async fn vitals_record(Path(patient): Path<String>, posted: Posted) -> Response {
    let text = |sign: Sign| posted.fields.text(sign.field());
    let form = VitalsForm {
        patient: patient.clone(),
        values: Vitals {
            heart_rate: text(Sign::HeartRate),
            respiratory_rate: text(Sign::RespiratoryRate),
            temperature: text(Sign::Temperature),
            systolic: text(Sign::Systolic),
            diastolic: text(Sign::Diastolic),
            oxygen_saturation: text(Sign::OxygenSaturation),
            weight: text(Sign::Weight),
            height: text(Sign::Height),
        },
        when: String::new(),
        draft_id: posted.fields.text(DRAFT_ID),
    };
    send(&posted, &patient, form, |_, _| Ok(())).await
}
