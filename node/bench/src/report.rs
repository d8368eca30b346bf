//! What to measure with, and what was measured. Field names are a contract with scripts.

use std::path::PathBuf;

use serde::Serialize;

use crate::floor::Floor;

/// What to measure with.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// Records of import and first sync.
    pub records: u64,
    /// Records at which start and idle memory are measured.
    pub start_records: u64,
    /// A folder of bundles to repeat under new ids, instead of our own sample.
    pub kit: Option<PathBuf>,
}

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BenchReport {
    /// Records imported and durable.
    pub import_records_per_s: f64,
    /// First sync over loopback, until in sync.
    pub first_sync_records_per_s: f64,
    /// Stream payload of it.
    pub first_sync_bytes_per_record: f64,
    /// Stream payload, both ways, of a sync after 100 records changed.
    pub changed100_bytes: f64,
    /// Its round trips after the handshake.
    pub changed100_round_trips: f64,
    /// Stream payload of a sync with nothing changed.
    pub unchanged_bytes: f64,
    /// Reads by id over HTTP, 8 clients.
    pub read_per_s: f64,
    /// `Observation?patient=&code=&_sort=-date&_count=20` over HTTP, 8 clients.
    pub search_per_s: f64,
    /// 95 of 100 first pages come within this, one reader.
    pub home_p95_ms: f64,
    /// The same for a search by the beginning of a name.
    pub patient_search_p95_ms: f64,
    /// The same for charts, each another patient's.
    pub chart_p95_ms: f64,
    /// The same for the chart of the patient whom most records are about.
    pub largest_chart_p95_ms: f64,
    /// The same for forms about a patient, five in turn.
    pub form_p95_ms: f64,
    /// Resident memory of an idle `serve`.
    pub idle_rss_mb: f64,
    /// Until `serve` answers.
    pub start_s: f64,
    /// Bytes of the directory after import.
    pub disk_bytes_per_record: f64,
    /// The same work by the bare parts.
    pub floor: Floor,
    /// Records of import and first sync.
    pub records: u64,
    /// Records at which start and idle memory were measured.
    pub start_records: u64,
}
