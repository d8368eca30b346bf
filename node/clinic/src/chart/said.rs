//! When a record was said and by whom, as it says itself: who entered it where is another matter.

use chaski_json::Json;

use crate::fhir_json::text;

/// The clinical author and time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// A FHIR dateTime; empty where the record says none.
    pub when: String,
    /// A name; empty where the record says none.
    pub who: String,
}

/// Where a kind says when, the first that is there counts: when it was asked for or written, else when it was done.
const WHEN: &[&str] = &[
    "/authoredOn",
    "/recordedDate",
    "/effectiveDateTime",
    "/effectiveInstant",
    "/effectivePeriod/start",
    "/occurrenceDateTime",
    "/occurrencePeriod/start",
    "/performedDateTime",
    "/performedPeriod/start",
    "/dateAsserted",
    "/date",
    "/dateTime",
    "/authored",
    "/written",
    "/whenHandedOver",
    "/whenPrepared",
    "/recorded",
    "/issued",
    "/created",
    "/sent",
    "/period/start",
    "/start",
];

/// Likewise who.
const WHO: &[&str] = &[
    "/requester",
    "/recorder",
    "/asserter",
    "/informationSource",
    "/performer/0/actor",
    "/performer/0",
    "/author/0",
    "/author",
    "/sender",
    "/participant/0/individual",
];

/// What a record says of itself; names are those that it has beside its references.
#[must_use]
pub fn said(json: &Json) -> Said {
    let when = WHEN
        .iter()
        .find_map(|at| json.pointer(at)?.as_str().filter(|when| !when.is_empty()));
    let named = WHO
        .iter()
        .filter_map(|at| json.pointer(at))
        .map(|who| text(who, "display"));
    Said {
        when: when.unwrap_or_default().to_owned(),
        who: named
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default()
            .to_owned(),
    }
}
