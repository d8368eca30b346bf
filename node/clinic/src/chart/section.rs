//! One workflow's part of a chart: its rows, and the record behind each.

use std::any::Any;

use chaski_json::Json;
use chaski_store::Current;

use super::rest::Rest;
use super::said::{Said, said};
use crate::conflict::ConflictRow;
use crate::fhir_json::{code, text};
use crate::patient::LinkedPerson;
use crate::people::Author;

/// The record behind a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordMeta {
    /// The record as `Type/id`.
    pub record: String,
    /// The version shown, to edit from.
    pub version: String,
    /// Who wrote it last.
    pub author: Author,
    /// When it was said and by whom, as the record has it.
    pub said: Said,
    /// When that became known here, in milliseconds since 1970.
    pub arrived_ms: u64,
    /// How many conflicts within the record wait for a decision.
    pub conflicts: usize,
    /// What stands against what in them; none of it stands in the row as if it were decided.
    pub disputes: Vec<ConflictRow>,
    /// What of it changes or qualifies what the row says and does not stand there.
    pub rest: Vec<Rest>,
    /// Whether another patient's record has its number, and which keeps it waits for a decision.
    pub collides: bool,
}

impl RecordMeta {
    /// Of a record as it was read, without its author.
    #[must_use]
    pub fn of(current: &Current) -> RecordMeta {
        RecordMeta {
            record: current.key.to_string(),
            version: current.version.to_string(),
            author: Author::default(),
            said: said(&current.json),
            arrived_ms: current.last_updated_ms,
            conflicts: usize::from(current.conflicts),
            disputes: Vec::new(),
            rest: Vec::new(),
            collides: current.collides,
        }
    }

    /// What the sides say of an element about which nobody has decided, in one line.
    #[must_use]
    pub fn either(&self, element: &str) -> Option<String> {
        either(&self.disputes, element)
    }

    /// The record's id, without its type.
    #[must_use]
    pub fn id(&self) -> &str {
        self.record.rsplit('/').next().unwrap_or_default()
    }
}

/// What the sides of open conflicts say of an element, in one line: each once.
#[must_use]
pub fn either(disputes: &[ConflictRow], element: &str) -> Option<String> {
    let mut undecided = disputes.iter().flat_map(ConflictRow::undecided);
    let found = undecided.find(|one| one.element == element)?;
    let mut texts: Vec<String> = Vec::new();
    for text in found.sides.into_iter().filter_map(|side| side.text) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    Some(texts.join(" / "))
}

/// A row of a chart: a workflow's own, over the record behind it.
pub trait Row: std::fmt::Debug + Send + Sync + 'static {
    /// The record behind it.
    fn meta(&self) -> &RecordMeta;
    /// The elements of a record that the row shows whole, as dotted paths: a choice by its name, or by one of its
    /// types. What else qualifies them is told beside the row.
    fn shows(kind: &str, json: &Json) -> Vec<&'static str>
    where
        Self: Sized;
}

/// Rows of one sort.
pub(super) trait Rows: Any + std::fmt::Debug + Send + Sync {
    /// The records behind them.
    fn metas(&self) -> Vec<&RecordMeta>;
}

impl<R: Row> Rows for Vec<R> {
    fn metas(&self) -> Vec<&RecordMeta> {
        self.iter().map(Row::meta).collect()
    }
}

/// One workflow's part of a chart.
#[derive(Debug)]
pub struct Section {
    pub(super) rows: Box<dyn Rows>,
    pub(super) truncated: bool,
}

impl Section {
    /// A part of these rows; `truncated` where there are more than are shown.
    #[must_use]
    pub fn of<R: Row>(rows: Vec<R>, truncated: bool) -> Section {
        Section {
            rows: Box::new(rows),
            truncated,
        }
    }
}

/// Whose chart is read.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The patient's id.
    pub id: &'a str,
    /// The Patient record.
    pub json: &'a Json,
    /// Other records that say to be of the same person.
    pub linked: &'a [LinkedPerson],
}

/// Whether a record says of itself that it should never have been written. While that is disputed it
/// is shown with its conflict: whole, whatever one side says (`docs/clinical-rules.md`, CR-60).
pub(super) fn is_withdrawn(json: &Json, meta: &RecordMeta) -> bool {
    let says = [
        text(json, "status").to_owned(),
        code(json.get("verificationStatus")),
    ];
    meta.conflicts == 0 && says.iter().any(|status| status == "entered-in-error")
}
