//! `GET /patients/{id}`: all that is known of a person, the dangerous first. What it is made of is each
//! workflow's own.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chaski_clinic::chart::CompleteAsOf;
use chaski_clinic::patient::LinkedPerson;
use serde::Deserialize;

use crate::error::Fault;
use crate::frame::{Frame, Nav, page};
use crate::person::PersonView;
use crate::signed::Signed;
use crate::workflow::ChartOf;
use crate::workflows::WORKFLOWS;

#[derive(Template)]
#[template(path = "chart.html")]
struct ChartPage {
    strips: Vec<String>,
    cards: Vec<String>,
    born: Option<String>,
    conflicts: usize,
    /// What is said of each linked record, and its id.
    linked: Vec<(String, String)>,
    /// Whether there are more of them.
    is_linked_cut: bool,
    complete_as_of: Vec<CompleteAsOf>,
    person: PersonView,
    f: Frame,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Older {
    /// How many results, newest first, to leave out.
    older: usize,
}

pub(crate) async fn chart_view(
    signed: Signed,
    Path(id): Path<String>,
    Query(older): Query<Older>,
) -> Response {
    let mut chart = match signed
        .run(move |clinic, caller| clinic.chart_view(caller, &id))
        .await
    {
        Ok(chart) => chart,
        Err(error) => return error.into_response(),
    };
    let f = signed.frame(Nav::Patients).await;
    let person = PersonView::new(&f.clock, std::mem::take(&mut chart.patient));
    let of = ChartOf {
        f: &f,
        chart: &chart,
        person: &person,
        older: older.older,
        state: signed.state(),
    };
    let (strips, cards) = match parts(&of) {
        Ok(parts) => parts,
        Err(fault) => return signed.error(fault).into_response(),
    };
    let born = Some(&person.row.birth_date).filter(|iso| !iso.is_empty());
    page(
        StatusCode::OK,
        &ChartPage {
            strips,
            cards,
            born: born.map(|iso| f.clock.date(iso)),
            conflicts: chart.conflicts,
            linked: chart.linked.iter().map(|one| linked(&f, one)).collect(),
            is_linked_cut: chart.is_linked_cut,
            complete_as_of: chart.complete_as_of,
            person,
            f,
        },
    )
}

/// What is said of a linked record, and its id.
fn linked(f: &Frame, one: &LinkedPerson) -> (String, String) {
    let key = match one.how.as_str() {
        how @ ("replaced-by" | "replaces") => format!("linked-{how}"),
        _ => "linked-same".to_owned(),
    };
    (f.t.a(&key, "name", &one.row.name), one.row.id.clone())
}

/// What the workflows show: at the head, and each card in its place.
fn parts(of: &ChartOf<'_>) -> Result<(Vec<String>, Vec<String>), Fault> {
    let (mut strips, mut cards) = (Vec::new(), Vec::new());
    for workflow in &WORKFLOWS {
        let failed = |error: askama::Error| Fault::Internal(format!("{}: {error}", workflow.name));
        if let Some(strip) = workflow.strip {
            strips.push(strip(of).map_err(failed)?);
        }
        for card in workflow.cards {
            cards.push((card.place, (card.html)(of).map_err(failed)?));
        }
    }
    cards.sort_by_key(|(place, _)| *place);
    Ok((strips, cards.into_iter().map(|(_, html)| html).collect()))
}
