//! How long one reader waits for the pages that a clinic opens all day.
//!
//! Invariant: one request at a time, each for another patient or another name where the page has
//! one, so that what is measured is a page and not its cache.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use chaski_json::Json;
use chaski_node::NodeError;

use crate::client::Client;
use crate::workload::kind_of;

/// Pages of a kind that are asked for.
const PAGES: usize = 200;

/// Forms about a patient, below the address of the chart.
const FORMS: [&str; 5] = [
    "vitals",
    "allergies/new",
    "problems/new",
    "immunizations/new",
    "phone",
];

/// Pages asked for before it counts.
const WARM_UP: usize = 10;

/// 95 of 100 pages are there within these milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pages {
    /// The first page.
    pub home_p95_ms: f64,
    /// A search by the beginning of a name.
    pub patient_search_p95_ms: f64,
    /// A patient's chart.
    pub chart_p95_ms: f64,
    /// The chart of the patient whom most records are about.
    pub largest_chart_p95_ms: f64,
    /// A form about a patient, each of the five that every clinic uses in its turn.
    pub form_p95_ms: f64,
}

/// Measures over HTTP, signed in by `link`.
///
/// # Errors
/// When a page isn't answered by 200.
pub async fn measure(address: SocketAddr, link: &str, records: &[Json]) -> Result<Pages, NodeError> {
    let cookie = Client::connect(address, None).await?.sign_in(link).await?;
    let mut client = Client::signed_in(address, &cookie).await?;
    let patients = || records.iter().filter(|record| kind_of(record) == "Patient");
    let charts: Vec<String> = patients()
        .filter_map(|patient| patient.get("id").and_then(Json::as_str))
        .map(|id| format!("/patients/{id}"))
        .collect();
    let largest = largest_chart(records).map(|id| format!("/patients/{id}"));
    let forms: Vec<String> = charts
        .iter()
        .zip(FORMS.iter().cycle())
        .map(|(chart, form)| format!("{chart}/{form}"))
        .collect();
    let searches: Vec<String> = patients()
        .filter_map(|patient| patient.pointer("/name/0/family").and_then(Json::as_str))
        .filter_map(|family| family.get(..3).filter(|start| start.is_ascii()))
        .map(|start| format!("/patients?q={}", start.replace(' ', "+")))
        .collect();
    Ok(Pages {
        home_p95_ms: p95_ms(&mut client, &["/".to_owned()]).await?,
        patient_search_p95_ms: p95_ms(&mut client, &searches).await?,
        chart_p95_ms: p95_ms(&mut client, &charts).await?,
        largest_chart_p95_ms: p95_ms(&mut client, largest.as_slice()).await?,
        form_p95_ms: p95_ms(&mut client, &forms).await?,
    })
}

/// The id of the patient whom most records are about.
fn largest_chart(records: &[Json]) -> Option<&str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let about = records.iter().flat_map(|record| {
        ["/subject/reference", "/patient/reference"]
            .into_iter()
            .filter_map(|at| record.pointer(at).and_then(Json::as_str))
    });
    for id in about.filter_map(|reference| reference.strip_prefix("Patient/")) {
        *counts.entry(id).or_default() += 1;
    }
    let largest = counts.into_iter().max_by_key(|(_, count)| *count);
    largest.map(|(id, _)| id)
}

async fn p95_ms(client: &mut Client, paths: &[String]) -> Result<f64, NodeError> {
    let mut times_ms = Vec::with_capacity(PAGES);
    // Spread over the population, not its first patients.
    let step = (paths.len() / PAGES).max(1);
    let spread = paths.iter().step_by(step).cycle().take(WARM_UP + PAGES);
    for (number, path) in spread.enumerate() {
        let begun = Instant::now();
        let (status, _) = client.get(path).await?;
        if status != 200 {
            return Err(NodeError::Failed(format!("a measured page got status {status}")));
        }
        if number >= WARM_UP {
            times_ms.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
    }
    Ok(percentile(times_ms, 95))
}

/// The smallest value that `percent` of the values don't exceed (nearest rank); 0 of none.
fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{largest_chart, percentile};

    #[test]
    fn the_largest_chart_is_that_of_whom_most_records_are_about() {
        let about = |at: &str, id: &str| {
            let text = format!(r#"{{"resourceType":"Observation","{at}":{{"reference":"{id}"}}}}"#);
            chaski_json::parse_str(&text).unwrap()
        };
        let records = [
            about("subject", "Patient/a"),
            about("patient", "Patient/b"),
            about("subject", "Patient/b"),
            about("subject", "Group/c"),
            about("subject", "Group/c"),
            about("subject", "Group/c"),
        ];
        assert_eq!(largest_chart(&records), Some("b"));
        assert_eq!(largest_chart(&records[3..]), None);
    }

    #[test]
    fn a_percentile_is_a_value_that_occurred() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(values, 95), 190.0);
        assert_eq!(percentile(vec![7.0], 95), 7.0);
        assert_eq!(percentile(Vec::new(), 95), 0.0);
    }
}
