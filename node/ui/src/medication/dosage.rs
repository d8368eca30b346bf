//! A medicine's instruction in words.
//!
//! Invariant: what a prescriber wrote is told from what was made of the numbers, so that only the latter
//! is ever made anew.

use chaski_clinic::medication::{MedicationRow, dose_words};

use super::timing;
use crate::i18n::{Lang, Texts};

/// The dosage's own text; where it has none, its numbers in the reader's language; else nothing.
pub(crate) fn instruction(t: &Texts, row: &MedicationRow) -> String {
    if !row.dose_text.is_empty() || row.dose_value.is_empty() {
        return row.dose_text.clone();
    }
    let dose = if row.dose_unit.is_empty() {
        // "1.0 once a day" reads as if it were known of what.
        t.a("dosage-no-unit", "value", &row.dose_value)
    } else {
        format!("{} {}", row.dose_value, row.dose_unit)
    };
    let often = daily(t, &dose, &row.times_per_day);
    if row.timing.is_empty() {
        often
    } else {
        format!("{often}, {}", timing::words(t, &row.timing))
    }
}

fn daily(t: &Texts, dose: &str, times: &str) -> String {
    match times.parse::<u32>() {
        Ok(times) => t.na("dosage-daily", times, "dose", dose),
        Err(_) => dose.to_owned(),
    }
}

/// A dose in the words of a language, as a record keeps them: without the marks of direction that a page
/// puts round a part.
pub(crate) fn words(t: &Texts, value: &str, unit: &str, times: &str) -> String {
    let dose = format!("{} {unit}", value.replace(',', "."));
    let words = daily(t, &dose, times);
    words
        .chars()
        .filter(|c| !('\u{2066}'..='\u{2069}').contains(c))
        .collect()
}

/// Whether the instruction was made of the numbers beside it, in any of our languages.
pub(crate) fn is_of_numbers(row: &MedicationRow) -> bool {
    let (value, unit) = (row.dose_value.as_str(), row.dose_unit.as_str());
    let of = |words: String| {
        let whole = if row.timing.is_empty() {
            words
        } else {
            format!("{words}, {}", row.timing)
        };
        whole == row.dose_text
    };
    let in_signs = [row.times_per_day.as_str(), ""].map(|times| dose_words(value, unit, times));
    let in_words = Lang::ALL.map(|lang| words(lang.texts(), value, unit, &row.times_per_day));
    in_signs.into_iter().chain(in_words).any(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_words_where_there_are_none() {
        let mut row = MedicationRow {
            dose_value: "1.5".into(),
            dose_unit: "mg".into(),
            ..MedicationRow::default()
        };
        let t = Lang::En.texts();
        assert_eq!(instruction(t, &row), "1.5 mg");
        row.times_per_day = "1".into();
        assert_eq!(instruction(t, &row), "1.5 mg once a day");
        row.times_per_day = "3".into();
        assert_eq!(instruction(t, &row), "1.5 mg, 3 times a day");
        row.dose_unit.clear();
        assert_eq!(instruction(t, &row), "1.5 (unit not recorded), 3 times a day");
        row.times_per_day.clear();
        row.timing = "1 × / 1 wk".into();
        assert_eq!(instruction(t, &row), "1.5 (unit not recorded), 1 × every week");
        row.dose_text = "with food".into();
        assert_eq!(instruction(t, &row), "with food");
    }

    #[test]
    fn a_prescribers_words_are_told_from_ours_in_any_language() {
        let mut row = MedicationRow {
            dose_value: "1.5".into(),
            dose_unit: "mg".into(),
            times_per_day: "3".into(),
            ..MedicationRow::default()
        };
        for lang in Lang::ALL {
            row.dose_text = words(lang.texts(), "1,5", "mg", "3");
            assert!(is_of_numbers(&row), "{}", row.dose_text);
        }
        assert!(!row.dose_text.contains('\u{2068}'), "{:?}", row.dose_text);
        for ours in ["1.5 mg, 3 × / 1 d", "1.5 mg"] {
            row.dose_text = ours.into();
            assert!(is_of_numbers(&row), "{ours}");
        }
        for theirs in ["1.5 mg, 3 times a day, with food", "two tablets", "500 mg"] {
            row.dose_text = theirs.into();
            assert!(!is_of_numbers(&row), "{theirs}");
        }
        row.times_per_day.clear();
        row.timing = "1 × / 1 wk".into();
        row.dose_text = "1.5 mg, 1 × / 1 wk".into();
        assert!(is_of_numbers(&row));
    }
}
