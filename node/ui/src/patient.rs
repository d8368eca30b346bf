//! Patients: the search box, registration, and the telephone numbers.
//!
//! What was searched for never reaches a log: it stands in the query only.

mod register;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chaski_clinic::form::FormError;
use chaski_clinic::patient::{PatientRow, PhoneChange};
use chaski_clinic::{Caller, Clinic};
use serde::Deserialize;

use crate::form::Field;
use crate::form_page::{BASE_VERSION, FormOf, PatientForm, open, send};
use crate::frame::{Frame, Nav, page};
use crate::i18n::Texts;
use crate::person::PersonView;
use crate::signed::{Posted, Signed};
use crate::state::UiState;
use crate::workflow::{Card, ChartOf, Workflow};

pub(crate) const WORKFLOW: Workflow = Workflow {
    routes,
    cards: &[Card {
        place: 70,
        html: card,
    }],
    ..Workflow::new("patient")
};

fn routes(router: Router<UiState>) -> Router<UiState> {
    router
        .route("/patients", get(patient_search).post(register::patient_register))
        .route("/patients/new", get(register::patient_register_page))
        .route("/patients/{id}/phone", get(phone_add_page).post(phone_change))
        .route("/patients/{id}/phone/{nth}", get(phone_change_page))
}

const ROWS_MAX: usize = 50;
const TEXT_CHARS_MAX: usize = 120;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Search {
    q: String,
}

#[derive(Template)]
#[template(path = "patient/search.html")]
struct SearchPage {
    f: Frame,
    text: String,
    rows: Vec<PersonView>,
    /// Who sounds alike.
    alike: Vec<PersonView>,
    more: bool,
}

/// `GET /patients`: one box for name, number, phone or year of birth.
async fn patient_search(signed: Signed, Query(search): Query<Search>) -> Response {
    let text: String = search.q.trim().chars().take(TEXT_CHARS_MAX).collect();
    let wanted = text.clone();
    let found = signed
        .run(move |clinic, caller| clinic.patient_search(caller, &wanted, ROWS_MAX))
        .await;
    let found = match found {
        Ok(found) => found,
        Err(error) => return error.into_response(),
    };
    let f = signed.frame(Nav::Patients).await;
    let views = |rows: Vec<PatientRow>| -> Vec<PersonView> {
        let views = rows.into_iter().map(|row| PersonView::new(&f.clock, row));
        views.collect()
    };
    let (rows, alike) = (views(found.rows), views(found.alike));
    page(
        StatusCode::OK,
        &SearchPage {
            f,
            text,
            rows,
            alike,
            more: found.more,
        },
    )
}

#[derive(Template)]
#[template(path = "patient/card.html")]
struct CardView<'a> {
    c: &'a ChartOf<'a>,
}

fn card(c: &ChartOf<'_>) -> askama::Result<String> {
    CardView { c }.render()
}

impl PatientForm for PhoneChange {
    type Row = ();
    const SAVED: &'static str = "flash-phone";

    fn save(&self, clinic: &Clinic, caller: &Caller) -> Result<(), FormError> {
        clinic.phone_change(caller, self).map(drop)
    }

    fn view(&self, t: &Texts, chart: &str, (): &()) -> FormOf {
        let is_new = self.old_phone.is_none();
        let phone = Field::line(t, "phone", &self.phone).phone();
        let field = match is_new {
            true => phone.required(),
            false => Field {
                hint: Some(t.s("phone-empty-removes")),
                ..phone
            },
        };
        let mut hidden = vec![(BASE_VERSION, self.base_version.clone())];
        hidden.extend(self.old_phone.clone().map(|old| ("old_phone", old)));
        let title = t.s(if is_new { "phone-add" } else { "phone-change" });
        FormOf {
            hidden,
            confirm_empty: (!is_new).then(|| t.s("phone-remove-question")),
            ..FormOf::new(title, format!("{chart}/phone"), vec![field])
        }
    }
}

/// `GET /patients/{id}/phone`: adds one.
async fn phone_add_page(signed: Signed, Path(patient): Path<String>) -> Response {
    open(
        signed,
        patient,
        |_, _| Ok(()),
        |person, ()| {
            Some(PhoneChange {
                patient: person.id.clone(),
                base_version: person.version.clone(),
                old_phone: None,
                phone: String::new(),
            })
        },
    )
    .await
}

/// `GET /patients/{id}/phone/{nth}`: changes the nth. The number itself never stands in a URL.
async fn phone_change_page(signed: Signed, Path((patient, nth)): Path<(String, usize)>) -> Response {
    open(
        signed,
        patient,
        |_, _| Ok(()),
        move |person, ()| {
            let phone = person.phones.get(nth.checked_sub(1)?)?;
            Some(PhoneChange {
                patient: person.id.clone(),
                base_version: person.version.clone(),
                old_phone: Some(phone.clone()),
                phone: phone.clone(),
            })
        },
    )
    .await
}

/// `POST /patients/{id}/phone`
async fn phone_change(Path(patient): Path<String>, posted: Posted) -> Response {
    let old = posted.fields.text("old_phone");
    let change = PhoneChange {
        patient: patient.clone(),
        base_version: posted.fields.text(BASE_VERSION),
        old_phone: (!old.is_empty()).then_some(old),
        phone: posted.fields.text("phone"),
    };
    send(&posted, &patient, change, |_, _| Ok(())).await
}
