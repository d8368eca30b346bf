//! What the inbox tells of itself; apart from its view, which asks all features for titles.

use crate::Clinic;
use crate::feature::Feature;

pub(crate) const FEATURE: Feature = Feature {
    home: Some(Clinic::conflict_count),
    ..Feature::new(
        "conflict",
        &[
            "conflict_count",
            "conflict_list",
            "conflict_resolve",
            "conflict_view",
        ],
    )
};
