//! How often a dosage is taken: as a number of times a day where it is no more than that, else in words.
//!
//! Invariant: a timing that a form of "times a day" cannot say is never shown as one.

use chaski_json::{Json, json};

use crate::fhir_json::{concept, items, set, text};

/// A timing as rows and forms show it; both are empty where none is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Timing {
    /// How many times a day, as written, where the timing says nothing else.
    pub(super) times_a_day: String,
    /// Any other timing, in words and the units' codes.
    pub(super) other: String,
}

/// Members of `repeat` that a plain "so many times a day" has; how long it goes on is another matter.
const PLAIN: [&str; 3] = ["frequency", "period", "periodUnit"];

fn is_bound(member: &str) -> bool {
    member.starts_with("bounds")
}

fn number(json: &Json, key: &str) -> Option<String> {
    json.get(key)
        .and_then(Json::as_number)
        .map(|number| number.as_str().to_owned())
}

/// Reads the timing of a dosage.
pub(super) fn of(dosage: &Json) -> Timing {
    let Some(timing) = dosage.get("timing") else {
        return Timing::default();
    };
    match times_a_day(timing) {
        Some(times_a_day) => Timing {
            times_a_day,
            ..Timing::default()
        },
        None => Timing {
            other: words(timing),
            ..Timing::default()
        },
    }
}

/// The timing of a dosage in words and the units' codes.
pub(crate) fn timing_words(dosage: &Json) -> String {
    let timing = of(dosage);
    match timing.times_a_day.as_str() {
        "" => timing.other,
        times => times_a_day_words(times),
    }
}

/// So many times a day, in the units' codes.
pub(super) fn times_a_day_words(times: &str) -> String {
    format!("{times} × / 1 d")
}

fn times_a_day(timing: &Json) -> Option<String> {
    let only_repeat = timing
        .as_object()?
        .iter()
        .all(|(member, _)| member == "repeat" || member == "id");
    let repeat = timing.get("repeat")?;
    let only_plain = repeat
        .as_object()?
        .iter()
        .all(|(member, _)| PLAIN.contains(&member.as_str()) || is_bound(member));
    let is_one_day =
        text(repeat, "periodUnit") == "d" && number(repeat, "period")?.parse::<f64>().ok() == Some(1.0);
    (only_repeat && only_plain && is_one_day)
        .then(|| number(repeat, "frequency"))
        .flatten()
}

/// A timing as people read it: its code's words, else its parts in FHIR's own codes.
fn words(timing: &Json) -> String {
    let said = concept(timing.get("code"));
    if !said.is_empty() {
        return said;
    }
    let mut parts = Vec::new();
    if let Some(repeat) = timing.get("repeat") {
        let up_to = |key: &str, most: &str| match (number(repeat, key), number(repeat, most)) {
            (Some(least), Some(most)) => Some(format!("{least}–{most}")),
            (one, other) => one.or(other),
        };
        if let Some(period) = up_to("period", "periodMax") {
            let frequency = up_to("frequency", "frequencyMax").unwrap_or_else(|| "1".to_owned());
            let unit = text(repeat, "periodUnit");
            parts.push(format!("{frequency} × / {period} {unit}").trim_end().to_owned());
        }
        for key in ["dayOfWeek", "timeOfDay", "when"] {
            parts.extend(items(repeat, key).filter_map(Json::as_str).map(str::to_owned));
        }
    }
    parts.extend(items(timing, "event").filter_map(Json::as_str).map(str::to_owned));
    if parts.is_empty() {
        // Something is said that this cannot read: it must not pass for nothing.
        return "?".to_owned();
    }
    parts.join(", ")
}

/// Writes "so many times a day" in place of the whole timing: a weekday or a most that stayed beside it
/// would say something else. How long it goes on (`bounds[x]`) stays.
pub(super) fn set_times_a_day(dosage: &mut Json, times: i64) {
    if of(dosage).times_a_day.parse() == Ok(times) {
        return;
    }
    let mut repeat = json!({"frequency": (times), "period": 1, "periodUnit": "d"});
    let bounds: Vec<(String, Json)> = dosage
        .pointer("/timing/repeat")
        .and_then(Json::as_object)
        .map(|members| {
            let kept = members.iter().filter(|(member, _)| is_bound(member));
            kept.map(|(member, value)| (member.clone(), value.clone()))
                .collect()
        })
        .unwrap_or_default();
    for (member, value) in bounds {
        set(&mut repeat, &member, value);
    }
    set(dosage, "timing", json!({"repeat": repeat}));
}
