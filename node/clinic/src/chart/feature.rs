//! What the chart tells of itself; apart from its view, which asks all features.

use crate::feature::Feature;

pub(crate) const FEATURE: Feature = Feature::new(
    "chart",
    &["chart_kinds", "chart_record", "chart_records", "chart_view"],
);
