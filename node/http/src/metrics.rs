//! Counts requests for `/metrics`, by route template: never by what was asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the duration buckets, in microseconds.
const BUCKETS_US: [u64; 10] = [
    500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000,
];

/// Method, route template and status.
type Key = (&'static str, String, u16);

#[derive(Default, Clone)]
struct Counter {
    count: u64,
    sum_us: u64,
    buckets: [u64; BUCKETS_US.len()],
}

/// Counters of requests since the start.
#[derive(Default)]
pub struct Metrics {
    counters: Mutex<BTreeMap<Key, Counter>>,
}

impl Metrics {
    pub(crate) fn count(&self, method: &axum::http::Method, route: &str, status: u16, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters
            .entry((method_name(method), route.to_owned(), status))
            .or_default();
        counter.count += 1;
        counter.sum_us = counter.sum_us.saturating_add(took_us);
        if let Some(bucket) = BUCKETS_US.iter().position(|bound| took_us <= *bound)
            && let Some(bucket) = counter.buckets.get_mut(bucket)
        {
            *bucket += 1;
        }
    }

    /// The counters in Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        let counters = self
            .counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut out = String::from(
            "# HELP chaski_http_requests_total Requests answered.\n# TYPE chaski_http_requests_total counter\n",
        );
        for ((method, route, status), counter) in &counters {
            let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            let _ = writeln!(out, "chaski_http_requests_total{{{labels}}} {}", counter.count);
        }
        out.push_str("# HELP chaski_http_request_seconds Time to answer.\n# TYPE chaski_http_request_seconds histogram\n");
        let mut by_route: BTreeMap<(&str, &str), Counter> = BTreeMap::new();
        for ((method, route, _), counter) in &counters {
            let sum = by_route.entry((*method, route.as_str())).or_default();
            sum.count += counter.count;
            sum.sum_us = sum.sum_us.saturating_add(counter.sum_us);
            for (sum, one) in sum.buckets.iter_mut().zip(counter.buckets) {
                *sum += one;
            }
        }
        for ((method, route), counter) in by_route {
            let labels = format!("method=\"{method}\",route=\"{route}\"");
            let mut below = 0;
            for (bound, count) in BUCKETS_US.iter().zip(counter.buckets) {
                below += count;
                let bound = *bound as f64 / 1e6;
                let _ = writeln!(
                    out,
                    "chaski_http_request_seconds_bucket{{{labels},le=\"{bound}\"}} {below}"
                );
            }
            let _ = writeln!(
                out,
                "chaski_http_request_seconds_bucket{{{labels},le=\"+Inf\"}} {}",
                counter.count
            );
            let _ = writeln!(
                out,
                "chaski_http_request_seconds_sum{{{labels}}} {}",
                counter.sum_us as f64 / 1e6
            );
            let _ = writeln!(
                out,
                "chaski_http_request_seconds_count{{{labels}}} {}",
                counter.count
            );
        }
        out
    }
}

fn method_name(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
