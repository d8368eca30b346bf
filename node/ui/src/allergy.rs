//! Allergies: the strip at the head of the chart, its card, and the forms that record and change one.

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::get;
use chaski_clinic::allergy::{AllergyChange, AllergyForm, AllergyRow, Substance};
use chaski_clinic::form::FormError;
use chaski_clinic::{Caller, Clinic};

use crate::form::Field;
use crate::form_page::{BASE_VERSION, DRAFT_ID, FormOf, PatientForm, chart_of, open, send};
use crate::i18n::Texts;
use crate::signed::{Posted, Signed};
use crate::state::UiState;
use crate::workflow::{Card, ChartOf, Workflow};

pub(crate) const WORKFLOW: Workflow = Workflow {
    routes,
    cards: &[Card {
        place: 30,
        html: card,
    }],
    strip: Some(strip),
    ..Workflow::new("allergy")
};

fn routes(router: Router<UiState>) -> Router<UiState> {
    router
        .route(
            "/patients/{id}/allergies/new",
            get(allergy_add_page).post(allergy_record),
        )
        .route(
            "/patients/{id}/allergies/{allergy}",
            get(allergy_change_page).post(allergy_change),
        )
}

#[derive(Template)]
#[template(path = "allergy/strip.html")]
struct Strip<'a> {
    c: &'a ChartOf<'a>,
    named: Vec<&'a AllergyRow>,
    none_known: bool,
}

/// Of the allergies that count: those that are named, the dangerous first, and whether it is said that there is none.
fn counting<'a>(c: &'a ChartOf<'_>) -> (Vec<&'a AllergyRow>, bool) {
    let rows = c.chart.rows::<AllergyRow>().iter().filter(|row| row.counts());
    let (none_known, mut named): (Vec<_>, Vec<_>) = rows.partition(|row| row.none_known);
    named.sort_by_key(|row| row.criticality != "high");
    (named, !none_known.is_empty())
}

fn strip(c: &ChartOf<'_>) -> askama::Result<String> {
    let (named, none_known) = counting(c);
    Strip { c, named, none_known }.render()
}

#[derive(Template)]
#[template(path = "allergy/card.html")]
struct CardView<'a> {
    c: &'a ChartOf<'a>,
    rows: &'a [AllergyRow],
    /// Nothing that counts says anything: that there is none can be said.
    is_silent: bool,
    draft_id: String,
}

fn card(c: &ChartOf<'_>) -> askama::Result<String> {
    let (named, none_known) = counting(c);
    CardView {
        c,
        rows: c.chart.rows(),
        is_silent: named.is_empty() && !none_known,
        draft_id: c.draft_id(),
    }
    .render()
}

const CRITICALITIES: [&str; 3] = ["high", "low", "unable-to-assess"];
const STATUSES: [&str; 3] = ["active", "inactive", "resolved"];

impl PatientForm for AllergyForm {
    type Row = ();
    const SAVED: &'static str = "flash-allergy";

    fn draft_id(&mut self) -> Option<&mut String> {
        Some(&mut self.draft_id)
    }

    fn save(&self, clinic: &Clinic, caller: &Caller) -> Result<(), FormError> {
        clinic.allergy_record(caller, self).map(drop)
    }

    fn view(&self, t: &Texts, chart: &str, (): &()) -> FormOf {
        let substance = match &self.substance {
            Substance::Named { text, .. } => text.as_str(),
            Substance::NoneKnown => "",
        };
        let fields = vec![
            Field::line(t, "substance", substance).required(),
            Field::choice(t, "criticality", &self.criticality, &CRITICALITIES).required(),
            Field::line(t, "reaction", &self.reaction),
        ];
        FormOf {
            hidden: vec![(DRAFT_ID, self.draft_id.clone())],
            ..FormOf::new(t.s("allergy-add"), format!("{chart}/allergies/new"), fields)
        }
    }
}

fn form(patient: String, draft_id: String, substance: Substance) -> AllergyForm {
    AllergyForm {
        patient,
        substance,
        criticality: String::new(),
        reaction: String::new(),
        severity: String::new(),
        draft_id,
    }
}

fn named(text: String) -> Substance {
    Substance::Named {
        text,
        code: String::new(),
    }
}

/// `GET /patients/{id}/allergies/new`
async fn allergy_add_page(signed: Signed, Path(patient): Path<String>) -> Response {
    let draft_id = signed.state().draft_id();
    let empty = form(patient.clone(), draft_id, named(String::new()));
    open(signed, patient, |_, _| Ok(()), |_, ()| Some(empty)).await
}

/// `POST /patients/{id}/allergies/new`
async fn allergy_record(Path(patient): Path<String>, posted: Posted) -> Response {
    let fields = &posted.fields;
    let none_known = fields.text("none_known") == "1";
    if posted.resumed && none_known {
        // One tap and nothing typed: it is tapped again.
        return posted.resume_at(&chart_of(&patient));
    }
    let substance = match none_known {
        true => Substance::NoneKnown,
        false => named(fields.text("substance")),
    };
    let form = AllergyForm {
        criticality: fields.text("criticality"),
        reaction: fields.text("reaction"),
        ..form(patient.clone(), fields.text(DRAFT_ID), substance)
    };
    send(&posted, &patient, form, |_, _| Ok(())).await
}

impl PatientForm for AllergyChange {
    type Row = AllergyRow;
    const SAVED: &'static str = "flash-allergy";

    fn save(&self, clinic: &Clinic, caller: &Caller) -> Result<(), FormError> {
        clinic.allergy_change(caller, self).map(drop)
    }

    fn view(&self, t: &Texts, chart: &str, row: &AllergyRow) -> FormOf {
        let typed = |field: &Option<String>| field.clone().unwrap_or_default();
        let (criticality, status) = (typed(&self.criticality), typed(&self.status));
        let fields = vec![
            Field::choice(t, "criticality", &criticality, &CRITICALITIES).required(),
            Field::choice_of(t, "status", "allergystatus", &status, &STATUSES).required(),
        ];
        let title = t.a("allergy-change-of", "substance", &row.substance);
        FormOf {
            lead: Some(row.reaction.clone()).filter(|lead| !lead.is_empty()),
            disputed: row.meta.conflicts > 0,
            undecided: row.meta.disputes.clone(),
            hidden: vec![(BASE_VERSION, self.base_version.clone())],
            ..FormOf::new(title, format!("{chart}/allergies/{}", self.id), fields)
        }
    }
}

/// `GET /patients/{id}/allergies/{allergy}`
async fn allergy_change_page(signed: Signed, Path((patient, allergy)): Path<(String, String)>) -> Response {
    let (of, id) = (patient.clone(), allergy.clone());
    let read = move |clinic: &Clinic, caller: &Caller| clinic.allergy_view(caller, &of, &id);
    open(signed, patient, read, |_, row: &AllergyRow| {
        let criticality = match row.criticality.as_str() {
            known @ ("high" | "low") => known,
            _ => "unable-to-assess",
        };
        Some(AllergyChange {
            id: allergy,
            base_version: row.meta.version.clone(),
            criticality: Some(criticality.to_owned()),
            status: Some(row.status.clone()),
        })
    })
    .await
}

/// `POST /patients/{id}/allergies/{allergy}`
async fn allergy_change(Path((patient, allergy)): Path<(String, String)>, posted: Posted) -> Response {
    let fields = &posted.fields;
    let change = AllergyChange {
        id: allergy.clone(),
        base_version: fields.text(BASE_VERSION),
        // The chart's own form of one tap says nothing of it, and it stays.
        criticality: Some(fields.text("criticality")).filter(|code| !code.is_empty()),
        status: Some(fields.text("status")),
    };
    let of = patient.clone();
    send(&posted, &patient, change, move |clinic, caller| {
        clinic.allergy_view(caller, &of, &allergy)
    })
    .await
}
