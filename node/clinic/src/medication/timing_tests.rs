//! What reads as so many times a day, and what must not.

use chaski_json::json;

use super::timing::{of, set_times_a_day};
use crate::testing::parsed;

/// A dosage with this timing.
fn dosage(timing: &str) -> chaski_json::Json {
    parsed(&format!(r#"{{"text":"as told","timing":{timing}}}"#))
}

/// Once every so many of a unit, with more members of `repeat`.
fn repeat(frequency: &str, period: &str, unit: &str, more: &str) -> String {
    format!(r#"{{"repeat":{{"frequency":{frequency},"period":{period},"periodUnit":"{unit}"{more}}}}}"#)
}

#[test]
fn only_a_number_a_day_reads_as_times_a_day_whatever_the_unit() {
    for unit in ["s", "min", "h", "d", "wk", "mo", "a", "", "D", "day"] {
        for (frequency, period) in [
            ("1", "1"),
            ("3", "1"),
            ("1", "1.0"),
            ("1", "2"),
            ("2", "0.5"),
            ("1", "7"),
        ] {
            let read = of(&dosage(&repeat(frequency, period, unit, "")));
            let is_daily = unit == "d" && matches!(period, "1" | "1.0");
            let (times, other) = match is_daily {
                true => (frequency.to_owned(), String::new()),
                false => (
                    String::new(),
                    format!("{frequency} × / {period} {unit}").trim_end().to_owned(),
                ),
            };
            assert_eq!(
                (read.times_a_day, read.other),
                (times, other),
                "{frequency} {period} {unit}"
            );
        }
    }
}

#[test]
fn whatever_else_a_timing_says_is_said() {
    // What stands beside "twice a day", and the words that tell it.
    for (more, words) in [
        (r#","periodMax":2"#, "2 × / 1–2 d"),
        (r#","frequencyMax":4"#, "2–4 × / 1 d"),
        (r#","dayOfWeek":["mon","thu"]"#, "2 × / 1 d, mon, thu"),
        (
            r#","timeOfDay":["08:00:00","20:00:00"]"#,
            "2 × / 1 d, 08:00:00, 20:00:00",
        ),
        (r#","when":["AC"]"#, "2 × / 1 d, AC"),
        (r#","count":6"#, "2 × / 1 d"),
        (r#","duration":1,"durationUnit":"h""#, "2 × / 1 d"),
        (r#","offset":30"#, "2 × / 1 d"),
        (r#","extension":[{"url":"x","valueBoolean":true}]"#, "2 × / 1 d"),
    ] {
        let read = of(&dosage(&repeat("2", "1", "d", more)));
        assert_eq!(
            (read.times_a_day.as_str(), read.other.as_str()),
            ("", words),
            "{more}"
        );
    }
    for (timing, words) in [
        (r#"{"repeat":{"period":1,"periodUnit":"d"}}"#, "1 × / 1 d"),
        (r#"{"repeat":{"frequency":2,"periodUnit":"d"}}"#, "?"),
        (r#"{"repeat":{"frequency":2,"period":1}}"#, "2 × / 1"),
        (
            r#"{"code":{"text":"weekly"},"repeat":{"frequency":1,"period":1,"periodUnit":"d"}}"#,
            "weekly",
        ),
        (
            r#"{"event":["2026-01-02"],"repeat":{"frequency":1,"period":1,"periodUnit":"d"}}"#,
            "1 × / 1 d, 2026-01-02",
        ),
        ("{}", "?"),
    ] {
        let read = of(&dosage(timing));
        assert_eq!(
            (read.times_a_day.as_str(), read.other.as_str()),
            ("", words),
            "{timing}"
        );
    }
    // How long it goes on says nothing of how often.
    for bounds in [
        r#","boundsPeriod":{"end":"2027-01-01"}"#,
        r#","boundsDuration":{"value":5,"unit":"d"}"#,
        r#","boundsRange":{"low":{"value":5}}"#,
    ] {
        let read = of(&dosage(&repeat("2", "1", "d", bounds)));
        assert_eq!(
            (read.times_a_day.as_str(), read.other.as_str()),
            ("2", ""),
            "{bounds}"
        );
    }
    assert_eq!(of(&json!({"text": "as told"})), super::timing::Timing::default());
}

#[test]
fn times_a_day_replace_every_other_timing_but_how_long_it_goes_on() {
    let bounds = r#","boundsPeriod":{"end":"2027-01-01"}"#;
    for (timing, after) in [
        (repeat("1", "1", "wk", ""), repeat("1", "1", "d", "")),
        (repeat("1", "1", "h", ""), repeat("1", "1", "d", "")),
        (repeat("1", "1", "wk", bounds), repeat("1", "1", "d", bounds)),
        (repeat("1", "2", "d", ""), repeat("1", "1", "d", "")),
        (
            repeat("1", "1", "d", r#","dayOfWeek":["mon"]"#),
            repeat("1", "1", "d", ""),
        ),
        (
            repeat("1", "1", "d", r#","frequencyMax":3"#),
            repeat("1", "1", "d", ""),
        ),
        (repeat("2", "1", "d", bounds), repeat("1", "1", "d", bounds)),
        // It says so already: nothing is written anew.
        (repeat("1", "1.0", "d", bounds), repeat("1", "1.0", "d", bounds)),
    ] {
        let mut dosage = dosage(&timing);
        set_times_a_day(&mut dosage, 1);
        let written = dosage.get("timing").expect("a timing").canonical();
        assert_eq!(written, parsed(&after).canonical(), "{timing}");
        assert_eq!(of(&dosage).times_a_day, "1", "{timing}");
    }
}
