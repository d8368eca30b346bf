//! A record whole, and the lists that lead to it: nothing that is held about a person is out of reach.

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chaski_clinic::chart::{KindCount, Sheet, SheetLine};
use chaski_clinic::patient::PatientRow;

use crate::frame::{Frame, Nav, page};
use crate::i18n::Texts;
use crate::person::PersonView;
use crate::signed::Signed;
use crate::state::UiState;
use crate::words::{label_of, words};
use crate::workflow::{Card, ChartOf, Workflow};

pub(crate) const WORKFLOW: Workflow = Workflow {
    routes,
    cards: &[Card {
        place: 80,
        html: card,
    }],
    #[cfg(test)]
    doors: DOORS,
    ..Workflow::new("record")
};

#[cfg(test)]
#[rustfmt::skip]
const DOORS: &[crate::tests::Door] = &[
    ("GET", "/patients/{id}/records", &[], crate::tests::Who::Readers, 200),
    ("GET", "/patients/{id}/records/{kind}", &[], crate::tests::Who::Readers, 200),
    ("GET", "/patients/{id}/records/{kind}/{record}", &[], crate::tests::Who::Readers, 200),
];

fn routes(router: Router<UiState>) -> Router<UiState> {
    router
        .route("/patients/{id}/records", get(kinds_page))
        .route("/patients/{id}/records/{kind}", get(list_page))
        .route("/patients/{id}/records/{kind}/{record}", get(sheet_page))
}

/// What people call a kind of record; else FHIR's name for it.
pub(crate) fn kind_name(t: &Texts, kind: &str) -> String {
    t.maybe(&format!("kind-{kind}"))
        .unwrap_or_else(|| kind.to_owned())
}

#[derive(Template)]
#[template(path = "record/card.html")]
struct CardView<'a> {
    c: &'a ChartOf<'a>,
}

fn card(c: &ChartOf<'_>) -> askama::Result<String> {
    CardView { c }.render()
}

#[derive(Template)]
#[template(path = "record/kinds.html")]
struct KindsPage {
    f: Frame,
    person: PersonView,
    kinds: Vec<(String, KindCount)>,
}

/// `GET /patients/{id}/records`: how much of each kind there is.
async fn kinds_page(signed: Signed, Path(id): Path<String>) -> Response {
    let of = id.clone();
    let found = signed.run(
        move |clinic, caller| -> Result<_, chaski_clinic::record::RecordError> {
            Ok((
                clinic.patient_view(caller, &of)?,
                clinic.chart_kinds(caller, &of)?,
            ))
        },
    );
    let (person, kinds) = match found.await {
        Ok(found) => found,
        Err(error) => return error.into_response(),
    };
    let f = signed.frame(Nav::Patients).await;
    let mut kinds: Vec<(String, KindCount)> = kinds
        .into_iter()
        .map(|one| (kind_name(f.t, &one.kind), one))
        .collect();
    kinds.sort();
    let person = PersonView::new(&f.clock, person);
    page(StatusCode::OK, &KindsPage { f, person, kinds })
}

#[derive(Template)]
#[template(path = "record/list.html")]
struct ListPage {
    f: Frame,
    person: PersonView,
    name: String,
    lines: Vec<SheetLine>,
    more: bool,
}

/// `GET /patients/{id}/records/{kind}`: all records of a kind.
async fn list_page(signed: Signed, Path((id, kind)): Path<(String, String)>) -> Response {
    let (of, wanted) = (id.clone(), kind.clone());
    let found = signed.run(
        move |clinic, caller| -> Result<_, chaski_clinic::record::RecordError> {
            Ok((
                clinic.patient_view(caller, &of)?,
                clinic.chart_records(caller, &of, &wanted)?,
            ))
        },
    );
    let (person, (lines, more)) = match found.await {
        Ok(found) => found,
        Err(error) => return error.into_response(),
    };
    let f = signed.frame(Nav::Patients).await;
    let list = ListPage {
        person: PersonView::new(&f.clock, person),
        name: kind_name(f.t, &kind),
        lines,
        more,
        f,
    };
    page(StatusCode::OK, &list)
}

/// An element of a record: what people call it, and each of its values.
struct PartView {
    label: String,
    values: Vec<String>,
}

#[derive(Template)]
#[template(path = "record/sheet.html")]
struct SheetPage {
    f: Frame,
    person: PersonView,
    name: String,
    sheet: Sheet,
    parts: Vec<PartView>,
    source: String,
}

/// `GET /patients/{id}/records/{kind}/{record}`: every element of a record in words, and its JSON.
async fn sheet_page(signed: Signed, Path((id, kind, record)): Path<(String, String, String)>) -> Response {
    let found = signed.run(move |clinic, caller| clinic.chart_record(caller, &id, &kind, &record));
    let mut sheet = match found.await {
        Ok(found) => found,
        Err(error) => return error.into_response(),
    };
    let f = signed.frame(Nav::Patients).await;
    let person: PatientRow = std::mem::take(&mut sheet.patient);
    let part = |(name, value): &(String, chaski_json::Json)| PartView {
        label: label_of(&f.clock, name),
        values: match value {
            chaski_json::Json::Array(all) => all.iter().map(|one| words(&f.clock, one)).collect(),
            single => vec![words(&f.clock, single)],
        },
    };
    let parts = sheet.parts.iter().map(part).collect();
    let view = SheetPage {
        person: PersonView::new(&f.clock, person),
        name: kind_name(f.t, &sheet.kind),
        source: sheet.source.pretty(),
        parts,
        sheet,
        f,
    };
    page(StatusCode::OK, &view)
}
