//! Every record of the node as canonical NDJSON.
//!
//! Invariant: two stores that hold the same records write the same bytes: one
//! line a record, sorted by type and id, deleted ones left out, nothing in it
//! that depends on this node (the author's time stands where a read shows the
//! time of arrival).

use std::io::Write;

use chaski_store::{AuditEvent, Context, Outcome, RecordKey};

use super::RecordError;
use crate::Clinic;
use crate::policy_decision::{Action, Target};

/// Records taken from the store at once.
const PAGE_RECORDS: usize = 500;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportReport {
    /// Lines.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Clinic {
    /// Writes every record to `out`; `progress` hears records done and all.
    ///
    /// # Errors
    /// The policy's, the store's, or [`RecordError::Output`] when `out` fails.
    pub fn record_export(
        &self,
        ctx: &Context,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<ExportReport, RecordError> {
        self.allow(ctx, Action::RecordExport, &Target::AllRecords)?;
        let event = AuditEvent {
            action: Action::RecordExport.name().to_owned(),
            target: None,
            outcome: Outcome::Ok,
            durable: true,
        };
        self.store().audit(ctx, &event)?;
        let total = self.store().stats()?.records;
        let mut report = ExportReport::default();
        let mut after: Option<RecordKey> = None;
        let mut line = String::new();
        loop {
            let page = self.store().export(after.as_ref(), PAGE_RECORDS)?;
            let Some((last, _)) = page.last() else {
                break;
            };
            after = Some(last.clone());
            for (_, json) in &page {
                line.clear();
                json.write_canonical(&mut line);
                line.push('\n');
                out.write_all(line.as_bytes()).map_err(|error| RecordError::Output(error.kind()))?;
                report.records += 1;
                report.bytes += line.len() as u64;
            }
            progress(report.records, total);
        }
        out.flush().map_err(|error| RecordError::Output(error.kind()))?;
        progress(report.records, total);
        Ok(report)
    }
}
