//! Immunizations: their card on the chart, and the form that records one.

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use chaski_clinic::form::FormError;
use chaski_clinic::immunization::{ImmunizationForm, ImmunizationRow, SITES, VACCINES};
use chaski_clinic::{Caller, Clinic};

use crate::form::Field;
use crate::form_page::{DRAFT_ID, FormOf, PatientForm, open, send};
use crate::i18n::Texts;
use crate::signed::{Posted, Signed};
use crate::state::UiState;
#[cfg(test)]
use crate::tests::Who::{Readers, Writers};
use crate::workflow::{Card, ChartOf, Workflow};

pub(crate) const WORKFLOW: Workflow = Workflow {
    routes,
    cards: &[Card {
        place: 50,
        html: card,
    }],
    #[cfg(test)]
    doors: &[
        ("GET", "/patients/{id}/immunizations/new", &[], Readers, 200),
        (
            "POST",
            "/patients/{id}/immunizations/new",
            &[("vaccine_code", "05"), ("status", "completed")],
            Writers,
            303,
        ),
    ],
    ..Workflow::new("immunization")
};

fn routes(router: Router<UiState>) -> Router<UiState> {
    router.route(
        "/patients/{id}/immunizations/new",
        get(immunization_page).post(immunization_record),
    )
}

struct RowView<'a> {
    row: &'a ImmunizationRow,
    vaccine: String,
    site: String,
}

#[derive(Template)]
#[template(path = "immunization/card.html")]
struct CardView<'a> {
    c: &'a ChartOf<'a>,
    rows: Vec<RowView<'a>>,
}

fn card(c: &ChartOf<'_>) -> askama::Result<String> {
    let t = c.f.t;
    let rows = c.chart.rows::<ImmunizationRow>().iter().map(|row| RowView {
        // What somebody wrote is shown as it was written; our own names are told in the reader's language.
        vaccine: VACCINES
            .iter()
            .find(|(code, name)| *code == row.code && *name == row.vaccine)
            .map_or_else(|| row.vaccine.clone(), |(code, _)| t.s(format!("vaccine-{code}"))),
        site: SITES
            .iter()
            .find(|(_, name)| *name == row.site)
            .map_or_else(|| row.site.clone(), |(code, _)| t.s(format!("bodysite-{code}"))),
        row,
    });
    CardView {
        c,
        rows: rows.collect(),
    }
    .render()
}

impl PatientForm for ImmunizationForm {
    type Row = ();
    const SAVED: &'static str = "flash-immunization";

    fn draft_id(&mut self) -> Option<&mut String> {
        Some(&mut self.draft_id)
    }

    fn save(&self, clinic: &Clinic, caller: &Caller) -> Result<(), FormError> {
        clinic.immunization_record(caller, self).map(drop)
    }

    fn view(&self, t: &Texts, chart: &str, (): &()) -> FormOf {
        let (vaccines, sites) = (VACCINES.map(|(code, _)| code), SITES.map(|(code, _)| code));
        let fields = vec![
            Field::select(t, "vaccine_code", "vaccine", &self.vaccine_code, &vaccines),
            Field::line(t, "vaccine", &self.vaccine),
            Field::choice_of(
                t,
                "status",
                "immunizationstatus",
                &self.status,
                &["completed", "not-done"],
            )
            .required(),
            Field::line(t, "occurrence_date", &self.occurrence_date).short(),
            Field::line(t, "lot_number", &self.lot_number).short(),
            Field::select(t, "site", "bodysite", &self.site, &sites).short(),
            Field::number(t, "dose_number", &self.dose_number, None),
            Field::check(t, "given_elsewhere", self.given_elsewhere),
            Field {
                label: t.s("field-not_given_reason"),
                hint: None,
                ..Field::line(t, "reason", &self.reason)
            },
        ];
        FormOf {
            hidden: vec![(DRAFT_ID, self.draft_id.clone())],
            ..FormOf::new(
                t.s("immunization-add"),
                format!("{chart}/immunizations/new"),
                fields,
            )
        }
    }
}

/// `GET /patients/{id}/immunizations/new`
async fn immunization_page(signed: Signed, Path(patient): Path<String>) -> Response {
    let empty = ImmunizationForm {
        patient: patient.clone(),
        status: "completed".to_owned(),
        draft_id: signed.state().draft_id(),
        ..ImmunizationForm::default()
    };
    open(signed, patient, |_, _| Ok(()), |_, ()| Some(empty)).await
}

/// `POST /patients/{id}/immunizations/new`
async fn immunization_record(Path(patient): Path<String>, posted: Posted) -> Response {
    let text = |name: &str| posted.fields.text(name);
    let form = ImmunizationForm {
        patient: patient.clone(),
        vaccine_code: text("vaccine_code"),
        vaccine: text("vaccine"),
        status: text("status"),
        occurrence_date: text("occurrence_date"),
        lot_number: text("lot_number"),
        site: text("site"),
        dose_number: text("dose_number"),
        given_elsewhere: text("given_elsewhere") == "1",
        reason: text("reason"),
        draft_id: text(DRAFT_ID),
    };
    send(&posted, &patient, form, |_, _| Ok(())).await
}
