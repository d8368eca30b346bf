//! Invalid leaves beside what a record means are carried, marked and told (`docs/clinical-rules.md`, CR-120).
//!
//! Invariants: what can stand in its place stays as it came, to the letter; what can't is set aside as JSON text, so
//! that nothing is lost; the mark says of each leaf where it is and what is wrong; marking twice marks once.

use chaski_fhir::validate::{Issue, Severity, judge};
use chaski_json::{Json, json};

use crate::record::RecordError;
use crate::record::prepare::kind_of;

/// The extension of `meta` that marks a leaf: `path`, `reason` and, of one that is set aside, `json`.
const LEAF_URL: &str = "https://chaski.health/fhir/StructureDefinition/invalid-leaf";

/// How often leaves are looked for: one that is set aside can leave what is around it empty.
const ROUNDS_MAX: usize = 16;

/// JSON text of a leaf that is set aside, at most: what a string of FHIR holds, in bytes.
const ASIDE_BYTES_MAX: usize = 1024 * 1024;

/// A leaf that is carried though it is not valid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) path: String,
    pub(super) reason: String,
    /// Its JSON text, where it was set aside.
    json: Option<String>,
}

/// Makes a record of a resource whose leaves are not all valid; says which.
///
/// # Errors
/// [`RecordError::Invalid`] where more than such leaves is wrong, or anything where `is_strict`.
pub(super) fn carry(resource: &mut Json, is_strict: bool) -> Result<Vec<Mark>, RecordError> {
    let judged = judge(resource);
    if judged.errors.is_empty() && judged.leaves.is_empty() {
        return Ok(Vec::new());
    }
    let kind = kind_of(resource)?.to_owned();
    let refused = |issues: Vec<Issue>| RecordError::Invalid {
        kind: kind.clone(),
        issues,
    };
    let leaves = || judged.leaves.iter().map(|(issue, _)| issue.clone());
    if !judged.errors.is_empty() || is_strict {
        return Err(refused(judged.errors.iter().cloned().chain(leaves()).collect()));
    }
    let mut marks = known_marks(resource);
    let mut is_settled = false;
    for _ in 0..ROUNDS_MAX {
        let now = judge(resource);
        if !now.errors.is_empty() {
            // What was set aside was needed.
            return Err(refused(leaves().chain(now.errors).collect()));
        }
        let mut aside: Vec<_> = now.leaves.iter().filter(|(_, place)| place.is_aside).collect();
        if aside.is_empty() {
            marks.extend(now.leaves.iter().map(|(issue, _)| mark(issue, None)));
            is_settled = true;
            break;
        }
        // From the end, so that places in arrays stay true; each place once.
        aside.sort_by(|(_, one), (_, two)| in_order(&two.pointer, &one.pointer));
        aside.dedup_by(|(_, one), (_, two)| one.pointer == two.pointer);
        for (issue, place) in aside {
            let Some(taken) = take(resource, &place.pointer) else {
                continue;
            };
            let text = taken.canonical();
            if text.len() > ASIDE_BYTES_MAX {
                return Err(refused(vec![Issue {
                    severity: Severity::Error,
                    code: "too-long",
                    expression: issue.expression.clone(),
                    diagnostics: format!(
                        "{}, and is too long to be set aside: at most {ASIDE_BYTES_MAX} bytes",
                        issue.diagnostics
                    ),
                }]));
            }
            marks.push(mark(issue, Some(text)));
        }
    }
    if !is_settled {
        return Err(refused(leaves().collect()));
    }
    marks.sort();
    marks.dedup();
    write_marks(resource, &marks);
    Ok(marks)
}

fn mark(issue: &Issue, json: Option<String>) -> Mark {
    Mark {
        path: issue.expression.clone(),
        reason: issue.diagnostics.clone(),
        json,
    }
}

/// Pointers in the order of what they point at: places in arrays are numbers.
fn in_order(one: &[String], two: &[String]) -> std::cmp::Ordering {
    let step = |text: &String| (text.parse::<usize>().ok(), text.clone());
    one.iter().map(step).cmp(two.iter().map(step))
}

/// Takes out what a pointer points at.
fn take(resource: &mut Json, pointer: &[String]) -> Option<Json> {
    let (last, front) = pointer.split_last()?;
    let mut at = resource;
    for step in front {
        at = match at {
            Json::Array(items) => items.get_mut(step.parse::<usize>().ok()?)?,
            Json::Object(members) => members.get_mut(step.as_str())?,
            _ => return None,
        };
    }
    match at {
        Json::Array(items) => {
            let place = step_of(last, items.len())?;
            Some(items.remove(place))
        }
        Json::Object(members) => members.remove(last.as_str()),
        _ => None,
    }
}

fn step_of(step: &str, length: usize) -> Option<usize> {
    step.parse::<usize>().ok().filter(|place| *place < length)
}

/// The marks that a record bears already of leaves that stand in it no more: they hold what was set aside.
fn known_marks(resource: &mut Json) -> Vec<Mark> {
    let mut marks = Vec::new();
    let Some(list) = resource
        .get_mut("meta")
        .and_then(|meta| meta.get_mut("extension"))
        .and_then(Json::as_array_mut)
    else {
        return marks;
    };
    list.retain(|one| {
        let Some(known) = read_mark(one) else {
            return true;
        };
        if known.json.is_some() {
            marks.push(known);
        }
        false
    });
    if list.is_empty()
        && let Some(meta) = resource.get_mut("meta").and_then(Json::as_object_mut)
    {
        meta.remove("extension");
        if meta.is_empty() {
            drop_meta(resource);
        }
    }
    marks
}

fn drop_meta(resource: &mut Json) {
    if let Some(members) = resource.as_object_mut() {
        members.remove("meta");
    }
}

fn read_mark(extension: &Json) -> Option<Mark> {
    if extension.get("url").and_then(Json::as_str) != Some(LEAF_URL) {
        return None;
    }
    let part = |name: &str| {
        let mut parts = extension.get("extension").and_then(Json::as_array)?.iter();
        let found = parts.find(|part| part.get("url").and_then(Json::as_str) == Some(name))?;
        found.get("valueString").and_then(Json::as_str).map(str::to_owned)
    };
    Some(Mark {
        path: part("path")?,
        reason: part("reason")?,
        json: part("json"),
    })
}

/// The leaves of a record that are carried though they are not valid: where each stands and what is wrong.
pub(crate) fn invalid_leaves(resource: &Json) -> Vec<(String, String)> {
    let list = resource.pointer("/meta/extension").and_then(Json::as_array);
    let marks = list.into_iter().flatten().filter_map(read_mark);
    marks.map(|mark| (mark.path, mark.reason)).collect()
}

fn write_marks(resource: &mut Json, marks: &[Mark]) {
    let Some(members) = resource.as_object_mut().filter(|_| !marks.is_empty()) else {
        return;
    };
    let written = marks.iter().map(|mark| {
        let mut parts = vec![
            json!({"url": "path", "valueString": (mark.path.as_str())}),
            json!({"url": "reason", "valueString": (mark.reason.as_str())}),
        ];
        if let Some(text) = &mark.json {
            parts.push(json!({"url": "json", "valueString": (text.as_str())}));
        }
        json!({"url": LEAF_URL, "extension": (Json::Array(parts))})
    });
    let meta = members.entry("meta".to_owned()).or_insert_with(|| json!({}));
    let Some(meta) = meta.as_object_mut() else {
        return;
    };
    let list = meta
        .entry("extension".to_owned())
        .or_insert_with(|| Json::Array(Vec::new()));
    if let Some(list) = list.as_array_mut() {
        list.extend(written);
    }
}
