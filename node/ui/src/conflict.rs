//! `GET /conflicts` and `POST /conflicts`: every side in full, one tap to decide.

use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chaski_clinic::conflict::{Choice, ConflictError, ConflictPart, ConflictRow, ConflictValueRow};
use chaski_clinic::form::FieldErrors;
use chaski_clinic::people::Author;
use chaski_clinic::record::RecordError;
use chaski_clinic::{Caller, Clinic, RecordKey};
use serde::Deserialize;

use crate::error::Fault;
use crate::fields::Fields;
use crate::frame::{Frame, Nav, page};
use crate::i18n::Texts;
use crate::show::Clock;
use crate::signed::{Posted, Signed};
use crate::state::UiState;
use crate::undecided::{UndecidedView, element_name, shown, undecided};
use crate::workflow::Workflow;

pub(crate) const WORKFLOW: Workflow = Workflow {
    routes: |router: Router<UiState>| router.route("/conflicts", get(conflict_list).post(conflict_resolve)),
    ..Workflow::new("conflict")
};

const ITEMS_MAX: usize = 50;
/// Looked through for the conflicts of one patient: a page of everybody's could leave theirs out.
const LOOKED_AT_MAX: usize = 5_000;

/// A conflict with its texts.
pub(crate) struct ConflictView {
    pub(crate) raw: ConflictRow,
    /// What the record is about; nothing of the patient's own, which is named by the patient.
    pub(crate) subject: String,
    pub(crate) values: Vec<SideView>,
    /// What of it counts until somebody decides: element and value.
    pub(crate) counts: Vec<(String, String)>,
    pub(crate) kind_label: String,
    pub(crate) what: String,
    /// Whether the sides are records of different patients, which are told apart.
    pub(crate) collides: bool,
    pub(crate) anchor: String,
    pub(crate) action: String,
}

/// One side of a conflict, as its page shows it.
pub(crate) struct SideView {
    pub(crate) author: Author,
    pub(crate) role: Option<String>,
    pub(crate) removed: bool,
    pub(crate) safer: bool,
    /// Whose record it is, where each side is another patient's: id and name.
    pub(crate) patient: Option<(String, String)>,
    pub(crate) lines: Vec<LineView>,
}

/// One fact of a side.
pub(crate) struct LineView {
    pub(crate) label: String,
    pub(crate) text: String,
    pub(crate) differs: bool,
}

impl ConflictView {
    /// Whose records collide, each once.
    pub(crate) fn patients(&self) -> Vec<&(String, String)> {
        let mut patients: Vec<&(String, String)> = Vec::new();
        for one in self.values.iter().filter_map(|value| value.patient.as_ref()) {
            if !patients.contains(&one) {
                patients.push(one);
            }
        }
        patients
    }

    pub(crate) fn new(clock: &Clock, item: ConflictRow, action: &str) -> Self {
        let t = clock.t;
        let kind_label = t
            .maybe(&format!("kind-{}", item.kind))
            .unwrap_or_else(|| item.kind.clone());
        let what = match item.part() {
            ConflictPart::Record => t.s("path-deleted"),
            ConflictPart::Collision => t.s("path-collision"),
            ConflictPart::Group => String::new(),
            ConflictPart::Element => element_name(t, &item.path),
        };
        let subject = match item.kind.as_str() {
            "Patient" => String::new(),
            _ => item.title.clone(),
        };
        let anchor = format!(
            "c-{}",
            &blake3::hash(format!("{} {}", item.record, item.path).as_bytes())
                .to_hex()
                .as_str()
                .get(..12)
                .unwrap_or_default()
        );
        let values = item
            .values
            .iter()
            .map(|value| side(clock, &item, value))
            .collect();
        let told = |one: UndecidedView| Some((one.label, one.counts?));
        Self {
            counts: undecided(clock, std::slice::from_ref(&item))
                .into_iter()
                .filter_map(told)
                .collect(),
            values,
            collides: item.part() == ConflictPart::Collision,
            subject,
            kind_label,
            what,
            anchor,
            action: action.to_owned(),
            raw: item,
        }
    }
}

/// Role codes, joined by commas, in words.
fn roles(t: &Texts, codes: &str) -> Option<String> {
    let known: Vec<String> = codes
        .split(',')
        .filter_map(|code| t.maybe(&format!("role-{}", code.trim())))
        .collect();
    (!known.is_empty()).then(|| known.join(&format!("{} ", t.s("comma"))))
}

fn side(clock: &Clock, item: &ConflictRow, value: &ConflictValueRow) -> SideView {
    let t = clock.t;
    let line = |(label, text): &(String, String)| LineView {
        differs: item.values.len() > 1
            && value.lines.len() > 1
            && !item
                .values
                .iter()
                .all(|other| other.lines.iter().any(|(l, x)| l == label && x == text)),
        label: element_name(t, label),
        text: shown(clock, text),
    };
    SideView {
        role: roles(t, &value.author.role),
        author: value.author.clone(),
        removed: value.value.is_none(),
        safer: value.is_safer,
        patient: value.patient.clone(),
        lines: value.lines.iter().map(line).collect(),
    }
}

#[derive(Template)]
#[template(path = "conflict/list.html")]
struct ConflictsPage {
    f: Frame,
    items: Vec<ConflictView>,
    more: bool,
}

impl ConflictsPage {
    /// Whether anything is listed of which one side is kept: of what collides all are.
    fn is_disputed(&self) -> bool {
        self.items.iter().any(|item| !item.collides)
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Only {
    patient: String,
}

/// At most so many conflicts, those that are critical first, and whether there are more.
pub(crate) fn read_inbox(
    clinic: &Clinic,
    caller: &Caller,
    limit: usize,
) -> Result<(Vec<ConflictRow>, bool), ConflictError> {
    let (mut rows, mut cursor): (Vec<ConflictRow>, Option<String>) = (Vec::new(), None);
    loop {
        let left = limit.saturating_sub(rows.len());
        let page = clinic.conflict_list(caller, cursor.as_deref(), left)?;
        rows.extend(page.rows);
        cursor = page.next;
        if cursor.is_none() || rows.len() >= limit {
            break;
        }
    }
    rows.sort_by_key(|row| !row.critical);
    Ok((rows, cursor.is_some()))
}

async fn conflict_list(signed: Signed, Query(only): Query<Only>) -> Response {
    let limit = match only.patient.is_empty() {
        true => ITEMS_MAX,
        false => LOOKED_AT_MAX,
    };
    let found = signed
        .run(move |clinic, caller| read_inbox(clinic, caller, limit))
        .await;
    let (rows, more) = match found {
        Ok(found) => found,
        Err(error) => return error.into_response(),
    };
    let f = signed.frame(Nav::Conflicts).await;
    let is_wanted = |row: &ConflictRow| only.patient.is_empty() || row.concerns(&only.patient);
    let items = rows
        .into_iter()
        .filter(is_wanted)
        .map(|row| ConflictView::new(&f.clock, row, "/conflicts"))
        .collect();
    page(StatusCode::OK, &ConflictsPage { f, items, more })
}

async fn conflict_resolve(posted: Posted) -> Response {
    if posted.resumed {
        return posted.resume_at("/conflicts");
    }
    let Posted { signed, fields, .. } = &posted;
    let Some(resolution) = Resolution::of(fields) else {
        return signed
            .error(Fault::Invalid(FieldErrors::default()))
            .into_response();
    };
    let done = signed.run(move |clinic, caller| resolution.decide(clinic, caller));
    match done.await {
        Ok(()) => signed.done("/conflicts", "flash-resolved"),
        Err(error) => error.into_response(),
    }
}

/// A decision as a form sends it.
pub(crate) struct Resolution {
    record: String,
    version: String,
    path: String,
    /// Which of the values, from 0.
    pick: usize,
}

impl Resolution {
    pub(crate) fn of(fields: &Fields) -> Option<Resolution> {
        Some(Resolution {
            record: fields.text("record"),
            version: fields.text("version"),
            path: fields.text("path"),
            pick: fields.text("pick").parse().ok()?,
        })
    }

    pub(crate) fn decide(&self, clinic: &Clinic, caller: &Caller) -> Result<(), ConflictError> {
        let key: RecordKey = self.record.parse().map_err(|_| RecordError::BadId)?;
        let choice = Choice::Pick(self.pick.saturating_add(1));
        // What was seen when it was decided; a form that does not say it decides nothing.
        let version = Some(self.version.as_str());
        clinic
            .conflict_resolve(caller, &key, &self.path, choice, version)
            .map(drop)
    }
}
