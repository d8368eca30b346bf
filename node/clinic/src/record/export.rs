//! Every record of the node as canonical NDJSON.
//!
//! Invariant: two stores that hold the same records write the same bytes: one
//! line a record, sorted by type and id, deleted ones left out, nothing in it
//! that depends on this node (the author's time stands where a read shows the
//! time of arrival).

use std::io::Write;

use chaski_json::{Json, json};
use chaski_store::{AuditEvent, Outcome};

use super::RecordError;
use crate::policy_decision::{Action, Target};
use crate::{Caller, Clinic};

/// The extension of `meta` by which an export says of a Bundle or of Parameters that they are a record: an import takes
/// them as one instead of taking them apart. It stands in exports alone.
const WHOLE_URL: &str = "https://chaski.health/fhir/StructureDefinition/stored-whole";

/// Records between two calls of the progress callback.
const PROGRESS_RECORDS: u64 = 500;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportReport {
    /// Records written, one a line.
    pub records: u64,
    /// Bytes written.
    pub bytes: u64,
}

impl Clinic {
    /// Writes every record to `out`; `progress` hears records done and all.
    ///
    /// # Errors
    /// The policy's, the store's, or [`RecordError::Output`] when `out` fails.
    pub fn record_export(
        &self,
        caller: &Caller,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<ExportReport, RecordError> {
        self.allow(caller, Action::RecordExport, &Target::AllRecords)?;
        let event = AuditEvent {
            action: Action::RecordExport.name().to_owned(),
            target: None,
            outcome: Outcome::Ok,
            durable: true,
        };
        self.store().audit(caller.context(), &event)?;
        let mut report = ExportReport::default();
        let (mut line, mut total) = (String::new(), 0);
        self.door_each(caller, &mut |json, all| {
            total = all;
            line.clear();
            match with_whole_mark(json) {
                Some(marked) => marked.write_canonical(&mut line),
                None => json.write_canonical(&mut line),
            }
            line.push('\n');
            out.write_all(line.as_bytes())
                .map_err(|error| RecordError::Output(error.kind()))?;
            report.records += 1;
            report.bytes += line.len() as u64;
            if report.records.is_multiple_of(PROGRESS_RECORDS) {
                progress(report.records, total);
            }
            Ok(())
        })?;
        out.flush().map_err(|error| RecordError::Output(error.kind()))?;
        progress(report.records, total);
        Ok(report)
    }
}

/// A copy with the mark of a container that is a record; nothing of what is no container.
fn with_whole_mark(json: &Json) -> Option<Json> {
    let kind = json.get("resourceType").and_then(Json::as_str);
    if !matches!(kind, Some("Bundle" | "Parameters")) {
        return None;
    }
    let mut marked = json.clone();
    let meta = marked
        .as_object_mut()?
        .entry("meta".to_owned())
        .or_insert_with(|| json!({}));
    let list = meta
        .as_object_mut()?
        .entry("extension".to_owned())
        .or_insert_with(|| json!([]));
    list.as_array_mut()?
        .push(json!({"url": WHOLE_URL, "valueBoolean": true}));
    Some(marked)
}

/// Takes off the mark of a container that is a record; whether it bore one.
pub(super) fn take_whole_mark(json: &mut Json) -> bool {
    let Some(meta) = json.get_mut("meta").and_then(Json::as_object_mut) else {
        return false;
    };
    let Some(list) = meta.get_mut("extension").and_then(Json::as_array_mut) else {
        return false;
    };
    let before = list.len();
    list.retain(|one| one.get("url").and_then(Json::as_str) != Some(WHOLE_URL));
    let is_marked = list.len() < before;
    if list.is_empty() {
        meta.remove("extension");
    }
    if meta.is_empty()
        && let Some(members) = json.as_object_mut()
    {
        members.remove("meta");
    }
    is_marked
}
