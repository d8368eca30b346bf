//! `GET /patients`: one box for name, number, phone or year of birth.
//!
//! What was searched for never reaches a log: it stands in the query only.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::frame::{Frame, Nav, Signed, page};
use crate::person::PersonView;

const ROWS_MAX: usize = 50;
const TEXT_CHARS_MAX: usize = 120;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Search {
    q: String,
}

#[derive(Template)]
#[template(path = "patients.html")]
struct PatientsPage {
    f: Frame,
    text: String,
    rows: Vec<PersonView>,
    more: bool,
}

pub(crate) async fn patient_search(signed: Signed, Query(search): Query<Search>) -> Response {
    let text: String = search.q.trim().chars().take(TEXT_CHARS_MAX).collect();
    let wanted = text.clone();
    let found = signed
        .run(move |desk, who| desk.patient_search(who, &wanted, ROWS_MAX))
        .await;
    let list = match found {
        Ok(list) => list,
        Err(error) => return error.into_response(),
    };
    let f = signed.frame(Nav::Patients).await;
    let rows = list
        .rows
        .into_iter()
        .map(|row| PersonView::new(&f.clock, row))
        .collect();
    page(
        StatusCode::OK,
        &PatientsPage {
            f,
            text,
            rows,
            more: list.more,
        },
    )
}
