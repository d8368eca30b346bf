//! The page itself: what is read from the three nodes and what is posted to one.

use std::sync::Arc;

use askama::Template;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use chaski_clinic::allergy::{AllergyForm, Substance};
use chaski_clinic::medication::DoseChange;
use chaski_clinic::patient::PhoneChange;
use chaski_clinic::{Caller, Clinic};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::backend::{DemoBackend, DemoClinic, DemoError, DemoNode, DemoState};
use super::view::{ColumnView, DiagramView, PersonTab, WireView, columns, diagram};
use crate::conflict::Resolution;
use crate::error::Fault;
use crate::fields::Fields;
use crate::frame::{Frame, Nav, escape_query, language_of, page};
use crate::i18n::{Lang, Texts};
use crate::login::language_plain;
use crate::medication::words;
use crate::node_info::NodeSummary;
use crate::security::{guard, host_is_loopback};
use crate::show::Clock;
use crate::{assets, live};

const FORM_BYTES_MAX: usize = 16 * 1024;
const PEOPLE_MAX: usize = 5;
const STREAMS_MAX: usize = 32;

#[derive(Clone)]
struct Page {
    backend: Arc<dyn DemoBackend>,
    streams: Arc<Semaphore>,
}

/// The demo's pages: `GET /`, `POST /links/{a}/{b}` (form field `on=true|false`; the switch that
/// `demo --json` prints), `POST /nodes/{node}/…`, `GET /open/{node}`, `GET /live`.
pub fn demo_router(state: DemoState) -> Router {
    let page = Page {
        backend: state.backend,
        streams: Arc::new(Semaphore::new(STREAMS_MAX)),
    };
    Router::new()
        .route("/", get(show))
        .route("/links/{a}/{b}", post(link_switch))
        .route("/nodes/{node}/phone", post(phone_change))
        .route("/nodes/{node}/allergy", post(allergy_record))
        .route("/nodes/{node}/dose", post(medication_dose_change))
        .route("/nodes/{node}/resolve", post(conflict_resolve))
        .route("/open/{node}", get(open))
        .route("/live", get(live_stream))
        .route("/language/{code}", get(language_plain))
        .route("/assets/{tag}/{name}", get(assets::asset))
        .route("/favicon.ico", get(assets::favicon))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn(loopback_only))
        .layer(middleware::from_fn(guard))
        .with_state(page)
}

async fn loopback_only(request: Request, next: Next) -> Response {
    if host_is_loopback(request.headers()) {
        next.run(request).await
    } else {
        (
            StatusCode::MISDIRECTED_REQUEST,
            "the demo answers on this machine only",
        )
            .into_response()
    }
}

/// The reader's language.
struct Reader(Lang);

impl FromRequestParts<Page> for Reader {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Page) -> Result<Self, Self::Rejection> {
        Ok(Self(language_of(&parts.headers)))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Shown {
    person: String,
    said: String,
    at: String,
}

#[derive(Template)]
#[template(path = "demo.html")]
struct DemoPage {
    f: Frame,
    person: String,
    people: Vec<PersonTab>,
    diagram: DiagramView,
    wires: Vec<WireView>,
    columns: Vec<ColumnView>,
    same: bool,
    said: Option<SaidView>,
}

/// What became of the last post.
struct SaidView {
    text: String,
    good: bool,
}

fn frame(backend: &dyn DemoBackend, t: &'static Texts, here: String, nodes: &[DemoNode]) -> Frame {
    let node = NodeSummary {
        id: "demo".to_owned(),
        name: t.s("demo-name"),
        site: None,
        test_data: true,
        zone: backend.zone(),
        is_zone_read: true,
        records: 0,
        fingerprint: String::new(),
    };
    Frame {
        t,
        clock: Clock {
            now_ms: backend.now_ms(),
            zone: backend.zone(),
            t,
        },
        node,
        assets: assets::urls(),
        nav: Nav::None,
        user: None,
        csrf: String::new(),
        conflicts: nodes.iter().map(|node| node.conflicts).max().unwrap_or(0),
        first_sync: None,
        here,
        flash: None,
        live: None,
        demo: true,
        clock_wrong: None,
    }
}

/// `GET /`
async fn show(State(state): State<Page>, Reader(lang): Reader, Query(shown): Query<Shown>) -> Response {
    let made = tokio::task::spawn_blocking(move || build(state.backend.as_ref(), lang.texts(), &shown)).await;
    match made {
        Ok(template) => page(StatusCode::OK, &template),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn build(backend: &dyn DemoBackend, t: &'static Texts, shown: &Shown) -> DemoPage {
    // Before anything is read: see `Frame::live`.
    let changes_seen = *backend.changes().borrow();
    let (nodes, links) = (backend.nodes(), backend.links());
    let ids: Vec<String> = backend.people().into_iter().take(PEOPLE_MAX).collect();
    let person = ids
        .iter()
        .find(|id| **id == shown.person)
        .or(ids.first())
        .cloned()
        .unwrap_or_default();
    let here = if shown.person.is_empty() {
        "/".to_owned()
    } else {
        format!("/?person={}", escape_query(&person))
    };
    let f = Frame {
        live: Some(changes_seen),
        ..frame(backend, t, here, &nodes)
    };
    let clinics: Vec<Option<DemoClinic>> = nodes.iter().map(|node| backend.clinic(&node.key)).collect();
    let people = ids.iter().map(|id| tab(&clinics, id, *id == person)).collect();
    let said = (!shown.said.is_empty()).then(|| said(t, &nodes, shown)).flatten();
    let same = nodes
        .iter()
        .all(|node| Some(&node.fingerprint) == nodes.first().map(|first| &first.fingerprint));
    DemoPage {
        people,
        diagram: diagram(t, &nodes, &links),
        wires: links.iter().map(|link| WireView::new(t, &nodes, link)).collect(),
        columns: columns(&f.clock, nodes, &clinics, &person),
        same,
        said,
        person,
        f,
    }
}

fn tab(clinics: &[Option<DemoClinic>], id: &str, current: bool) -> PersonTab {
    let name = clinics
        .iter()
        .flatten()
        .find_map(|one| one.clinic.patient_view(&one.caller(), id).ok());
    let name = name.map_or_else(|| id.to_owned(), |patient| patient.name);
    PersonTab {
        id: id.to_owned(),
        name,
        current,
    }
}

fn said(t: &Texts, nodes: &[DemoNode], shown: &Shown) -> Option<SaidView> {
    let key = match shown.said.as_str() {
        "saved" => "demo-said-saved",
        "decided" => "demo-said-decided",
        "pulled" => "demo-said-pulled",
        "plugged" => "demo-said-plugged",
        "refused" => "demo-said-refused",
        "stale" => "demo-said-stale",
        _ => return None,
    };
    let node = nodes
        .iter()
        .find(|node| node.key == shown.at)
        .map_or("", |node| node.name.as_str());
    Some(SaidView {
        text: t.a(key, "node", node),
        good: !matches!(shown.said.as_str(), "refused" | "stale"),
    })
}

fn back(person: &str, said: &str, at: &str) -> Response {
    let (person, at) = (escape_query(person), escape_query(at));
    Redirect::to(&format!("/?person={person}&said={said}&at={at}")).into_response()
}

/// `POST /links/{a}/{b}`
async fn link_switch(
    State(state): State<Page>,
    Path((a, b)): Path<(String, String)>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Response {
    let fields = Fields::of(pairs);
    let on = match fields.text("on").as_str() {
        "true" => true,
        "false" => false,
        _ => return StatusCode::UNPROCESSABLE_ENTITY.into_response(),
    };
    let (one, other) = (a.clone(), b.clone());
    let done = tokio::task::spawn_blocking(move || state.backend.set_link(&one, &other, on)).await;
    match done {
        Ok(Ok(())) => {}
        Ok(Err(DemoError::Unknown)) => return StatusCode::NOT_FOUND.into_response(),
        Ok(Err(DemoError::Failed(text))) => return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response(),
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
    let wants_json = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if wants_json.is_some_and(|accept| accept.contains("application/json")) {
        let text = chaski_json::json!({ "a": a.as_str(), "b": b.as_str(), "on": on }).canonical();
        return ([(header::CONTENT_TYPE, "application/json")], text).into_response();
    }
    back(&fields.text("person"), if on { "plugged" } else { "pulled" }, "")
}

/// Runs an edit on one node and goes back to the page.
async fn edit(
    state: Page,
    node: String,
    fields: Fields,
    good: &'static str,
    work: impl FnOnce(&Clinic, &Caller, &Fields) -> Result<(), Fault> + Send + 'static,
) -> Response {
    let Some(of) = state.backend.clinic(&node) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let person = fields.text("patient");
    let done = tokio::task::spawn_blocking(move || work(&of.clinic, &of.caller(), &fields)).await;
    let said = match done.unwrap_or(Err(Fault::Unavailable)) {
        Ok(()) => good,
        Err(Fault::Stale) => "stale",
        Err(fault) => {
            tracing::debug!(?fault, "demo edit refused");
            "refused"
        }
    };
    back(&person, said, &node)
}

async fn phone_change(
    State(state): State<Page>,
    Path(node): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Response {
    edit(
        state,
        node,
        Fields::of(pairs),
        "saved",
        |clinic, caller, fields| {
            let old = fields.text("old_phone");
            let change = PhoneChange {
                patient: fields.text("patient"),
                base_version: fields.text("base_version"),
                old_phone: (!old.is_empty()).then_some(old),
                phone: fields.text("phone"),
            };
            Ok(clinic.phone_change(caller, &change).map(drop)?)
        },
    )
    .await
}

async fn allergy_record(
    State(state): State<Page>,
    Path(node): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Response {
    edit(
        state,
        node,
        Fields::of(pairs),
        "saved",
        |clinic, caller, fields| {
            let form = AllergyForm {
                patient: fields.text("patient"),
                substance: Substance::Named {
                    text: fields.text("substance"),
                    code: String::new(),
                },
                criticality: "high".to_owned(),
                reaction: String::new(),
                severity: String::new(),
                draft_id: String::new(),
            };
            Ok(clinic.allergy_record(caller, &form).map(drop)?)
        },
    )
    .await
}

async fn medication_dose_change(
    State(state): State<Page>,
    Path(node): Path<String>,
    Reader(lang): Reader,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Response {
    edit(
        state,
        node,
        Fields::of(pairs),
        "saved",
        move |clinic, caller, fields| {
            let (dose_value, dose_unit) = (fields.text("dose_value"), fields.text("dose_unit"));
            let times_per_day = fields.text("times_per_day");
            let change = DoseChange {
                id: fields.text("id"),
                base_version: fields.text("base_version"),
                words: words(lang.texts(), &dose_value, &dose_unit, &times_per_day),
                dose_value,
                dose_unit,
                times_per_day,
                dose_text: fields.text("dose_text"),
            };
            Ok(clinic.medication_dose_change(caller, &change).map(drop)?)
        },
    )
    .await
}

async fn conflict_resolve(
    State(state): State<Page>,
    Path(node): Path<String>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Response {
    edit(
        state,
        node,
        Fields::of(pairs),
        "decided",
        |clinic, caller, fields| {
            let resolution = Resolution::of(fields).ok_or(Fault::NotFound)?;
            Ok(resolution.decide(clinic, caller)?)
        },
    )
    .await
}

/// `GET /open/{node}`: signs in to the node's own pages. Only from here or typed in.
async fn open(State(state): State<Page>, Path(node): Path<String>, headers: HeaderMap) -> Response {
    let site = headers
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok());
    if site == Some("cross-site") {
        return StatusCode::FORBIDDEN.into_response();
    }
    match tokio::task::spawn_blocking(move || state.backend.login_url(&node)).await {
        Ok(Ok(url)) => Redirect::to(&url).into_response(),
        Ok(Err(DemoError::Unknown)) => StatusCode::NOT_FOUND.into_response(),
        Ok(Err(DemoError::Failed(_))) | Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn live_stream(State(state): State<Page>) -> Response {
    live::stream_of(state.backend.changes(), &state.streams)
}
