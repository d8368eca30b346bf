//! Measures this machine: what a node does, beside what its bare parts do in the same run.
//!
//! Invariants: every figure is the median of several rounds over fresh directories; the floors are
//! measured in the same process, on the same records, so that the two can be compared whatever the
//! machine; field names are a contract with scripts.

mod client;
mod floor;
mod floor_http;
mod floor_quic;
mod measure;
mod median;
mod pages;
mod report;
mod start;
mod table;
mod workload;

use chaski_node::NodeError;
use chaski_node::admin::Progress;

pub use floor::Floor;
pub use report::{BenchOptions, BenchReport};

/// Records at which start and idle memory are measured.
pub const START_RECORDS: u64 = 100_000;

/// Measures what is asked for, and tells each figure as it is known.
///
/// # Errors
/// When a node can't be made or doesn't do what is measured.
pub async fn bench(
    options: BenchOptions,
    progress: &mut dyn FnMut(&Progress),
) -> Result<BenchReport, NodeError> {
    measure::run(options, progress).await
}
