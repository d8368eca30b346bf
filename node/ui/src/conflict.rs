//! `GET /conflicts` and `POST /conflicts`: every side in full, one tap to decide.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::desk::{ConflictItem, ConflictKind, Resolution, WrittenBy};
use crate::frame::{Frame, Nav, Posted, Signed, page};
use crate::i18n::Texts;
use crate::show::Clock;

const ITEMS_MAX: usize = 50;
/// Looked through for the conflicts of one patient: a page of everybody's could leave theirs out.
const LOOKED_AT_MAX: usize = 5_000;

/// A conflict with its texts.
pub(crate) struct ConflictView {
    pub(crate) raw: ConflictItem,
    pub(crate) values: Vec<SideView>,
    pub(crate) kind_label: String,
    pub(crate) what: String,
    pub(crate) anchor: String,
    pub(crate) action: String,
}

/// One side.
pub(crate) struct SideView {
    pub(crate) by: WrittenBy,
    pub(crate) role: Option<String>,
    pub(crate) removed: bool,
    pub(crate) safer: bool,
    pub(crate) lines: Vec<LineView>,
}

/// One fact of a side.
pub(crate) struct LineView {
    pub(crate) label: String,
    pub(crate) text: String,
    pub(crate) differs: bool,
}

impl ConflictView {
    pub(crate) fn new(clock: &Clock, item: ConflictItem, action: &str) -> Self {
        let t = clock.t;
        let kind = item.record.split('/').next().unwrap_or_default();
        let kind_label = t
            .maybe(&format!("kind-{kind}"))
            .unwrap_or_else(|| kind.to_owned());
        let what = match item.kind {
            ConflictKind::Deleted => t.s("path-deleted"),
            ConflictKind::Group => String::new(),
            ConflictKind::Element => element_name(t, &item.path),
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
        Self {
            values,
            kind_label,
            what,
            anchor,
            action: action.to_owned(),
            raw: item,
        }
    }
}

/// What people call an element: `telecom/<position>`, `valueQuantity` and `value[x]` by their stem.
fn element_name(t: &Texts, path: &str) -> String {
    let end = path
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(path.len());
    let mut stem = path.get(..end).unwrap_or_default();
    while !stem.is_empty() {
        if let Some(name) = t.maybe(&format!("path-{stem}")) {
            return name;
        }
        stem = stem
            .rfind(|c: char| c.is_ascii_uppercase())
            .and_then(|at| stem.get(..at))
            .unwrap_or_default();
    }
    path.to_owned()
}

/// Role codes, joined by commas, in words.
fn roles(t: &Texts, codes: &str) -> Option<String> {
    let known: Vec<String> = codes
        .split(',')
        .filter_map(|code| t.maybe(&format!("role-{}", code.trim())))
        .collect();
    (!known.is_empty()).then(|| known.join(&format!("{} ", t.s("comma"))))
}

fn side(clock: &Clock, item: &ConflictItem, value: &crate::desk::ConflictValue) -> SideView {
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
        role: roles(t, &value.by.role),
        by: value.by.clone(),
        removed: value.removed,
        safer: value.safer,
        lines: value.lines.iter().map(line).collect(),
    }
}

/// Codes and dates in words; everything else as it was written.
fn shown(clock: &Clock, text: &str) -> String {
    let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_date {
        return clock.date(text);
    }
    let codes = ["status", "criticality", "sex"];
    codes
        .iter()
        .find_map(|list| clock.t.maybe(&format!("{list}-{text}")))
        .unwrap_or_else(|| text.to_owned())
}

#[derive(Template)]
#[template(path = "conflicts.html")]
struct ConflictsPage {
    f: Frame,
    items: Vec<ConflictView>,
    more: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Only {
    patient: String,
}

pub(crate) async fn conflict_list(signed: Signed, Query(only): Query<Only>) -> Response {
    let limit = if only.patient.is_empty() {
        ITEMS_MAX
    } else {
        LOOKED_AT_MAX
    };
    let list = match signed.run(move |desk, who| desk.conflict_list(who, limit)).await {
        Ok(list) => list,
        Err(error) => return error.into_response(),
    };
    let f = signed.frame(Nav::Conflicts).await;
    let wanted = |item: &ConflictItem| {
        only.patient.is_empty() || item.patient.as_ref().is_some_and(|(id, _)| *id == only.patient)
    };
    let items = list
        .items
        .into_iter()
        .filter(wanted)
        .map(|item| ConflictView::new(&f.clock, item, "/conflicts"))
        .collect();
    page(
        StatusCode::OK,
        &ConflictsPage {
            f,
            items,
            more: list.more,
        },
    )
}

pub(crate) async fn conflict_resolve(posted: Posted) -> Response {
    if posted.resumed {
        return posted.resume_at("/conflicts");
    }
    let Posted { signed, fields, .. } = &posted;
    let Some(resolution) = resolution_of(fields) else {
        return signed
            .error(crate::desk::DeskError::Invalid(Vec::new()))
            .into_response();
    };
    match signed
        .run(move |desk, who| desk.conflict_resolve(who, &resolution))
        .await
    {
        Ok(()) => signed.done("/conflicts", "flash-resolved"),
        Err(error) => error.into_response(),
    }
}

pub(crate) fn resolution_of(fields: &crate::frame::Fields) -> Option<Resolution> {
    Some(Resolution {
        record: fields.text("record"),
        version: fields.text("version"),
        path: fields.text("path"),
        pick: fields.text("pick").parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Lang;

    #[test]
    fn an_element_is_named_as_people_call_it_wherever_in_it_they_differ() {
        for (path, english, arabic) in [
            ("birthDate", "Date of birth", "تاريخ الميلاد"),
            ("telecom/8M3k", "Phone", ""),
            ("name/V/1", "Name", ""),
            ("reaction/V/1/severity", "Reaction", ""),
            ("valueQuantity", "Value", ""),
            ("value[x]", "Value", ""),
            ("deceasedBoolean", "Deceased", ""),
            ("deceased[x]", "Deceased", ""),
            ("medicationCodeableConcept", "Medicine", ""),
            ("occurrenceDateTime", "When", ""),
            ("doNotPerform", "Not to be given", ""),
            // Nobody has a word for it: its path, whole.
            ("supportingInfo/V/1", "supportingInfo/V/1", "supportingInfo/V/1"),
            ("", "", ""),
        ] {
            assert_eq!(element_name(Lang::En.texts(), path), english, "{path}");
            let told = element_name(Lang::Ar.texts(), path);
            if !arabic.is_empty() || path.is_empty() {
                assert_eq!(told, arabic, "{path}");
            } else {
                assert!(
                    !told.is_empty() && told.chars().all(|c| !c.is_ascii_alphabetic()),
                    "{path}: {told}"
                );
            }
        }
    }
}
