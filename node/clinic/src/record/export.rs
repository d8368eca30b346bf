//! Every record of the node as canonical NDJSON.
//!
//! Invariant: two stores that hold the same records write the same bytes: one
//! line a record, sorted by type and id, deleted ones left out, nothing in it
//! that depends on this node (the author's time stands where a read shows the
//! time of arrival).

use std::io::Write;

use chaski_store::{AuditEvent, Outcome};

use super::RecordError;
use crate::policy_decision::{Action, Target};
use crate::{Caller, Clinic};

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
            json.write_canonical(&mut line);
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
