//! A medicine's timing in the reader's words.
//!
//! Invariant: a part that is not known here is shown as it stands in the record; none is left out.

use crate::i18n::Texts;

/// A timing as the chart's rows hold it (`1 × / 1 wk, mon, ACM, 08:00:00`: FHIR's own codes, or a
/// prescriber's words) in the reader's language.
pub(crate) fn words(t: &Texts, timing: &str) -> String {
    let parts: Vec<String> = timing.split(", ").map(|part| part_words(t, part)).collect();
    parts.join(match t.lang().dir() {
        "rtl" => "، ",
        _ => ", ",
    })
}

fn part_words(t: &Texts, part: &str) -> String {
    if let Some(often) = often(t, part) {
        return often;
    }
    if let Some(time) = part.strip_suffix(":00").filter(|time| is_time(time)) {
        return time.to_owned();
    }
    // Days of the week, and R4's EventTiming; a key has no points.
    let key = part.to_ascii_lowercase().replace('.', "-");
    t.maybe(&format!("timing-at-{key}"))
        .unwrap_or_else(|| part.to_owned())
}

/// `2 × / 3 d`: so many times in so long.
fn often(t: &Texts, part: &str) -> Option<String> {
    let (times, per) = part.split_once(" × / ")?;
    let (period, unit) = per.split_once(' ')?;
    // Of a span its end tells the form; a part of a unit has the one of many.
    let last = period.rsplit('–').next().unwrap_or(period);
    let count = last.parse::<u32>().unwrap_or(100);
    // The form of two says no number of its own: of a span it would tell the end alone.
    let count = if period == last { count } else { count.max(3) };
    let key = format!("timing-unit-{unit}");
    t.maybe(&key)?;
    let every = t.na(&key, count, "period", period);
    Some(t.aa("timing-every", &[("times", times), ("every", &every)]))
}

/// `hh:mm`, whose seconds say nothing.
fn is_time(text: &str) -> bool {
    text.len() == 5 && text.bytes().all(|byte| byte == b':' || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::words;
    use crate::i18n::Lang;

    #[test]
    fn codes_become_words_and_other_peoples_words_stay() {
        for (timing, en, ar) in [
            ("1 × / 1 wk, mon", "1 × every week, Monday", "كل أسبوع، الاثنين"),
            ("2–3 × / 3 d", "2–3 × every 3 days", "أيام"),
            ("1 × / 6–8 h", "1 × every 6–8 hours", "ساعات"),
            ("3 × / 1–2 d", "3 × every 1–2 days", "1–2"),
            ("1 × / 1–2 h", "1 × every 1–2 hours", "1–2"),
            ("1 × / 1–2 wk", "1 × every 1–2 weeks", "1–2"),
            (
                "ACM, HS, 08:00:00",
                "before breakfast, at bedtime, 08:00",
                "قبل الفطور، عند النوم",
            ),
            ("MORN.early", "early in the morning", "في الصباح الباكر"),
            ("twice weekly, with food", "twice weekly, with food", "with food"),
            ("1 × / 2 fortnight, ?", "1 × / 2 fortnight, ?", "fortnight"),
        ] {
            assert_eq!(words(Lang::En.texts(), timing), en);
            let arabic = words(Lang::Ar.texts(), timing);
            assert!(arabic.contains(ar), "{timing}: {arabic}");
        }
    }
}
