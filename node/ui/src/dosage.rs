//! A medicine's instruction in words.

use crate::desk::MedicineRow;
use crate::i18n::Texts;

/// The dosage's own text; where it has none, its numbers in the reader's language; else nothing.
pub(crate) fn instruction(t: &Texts, row: &MedicineRow) -> String {
    if !row.instruction.is_empty() || row.dose_value.is_empty() {
        return row.instruction.clone();
    }
    let dose = if row.dose_unit.is_empty() {
        // "1.0 once a day" reads as if it were known of what.
        t.a("dosage-no-unit", "value", &row.dose_value)
    } else {
        format!("{} {}", row.dose_value, row.dose_unit)
    };
    let dose = dose.as_str();
    match row.times_per_day.parse::<u32>() {
        Ok(times) => t.na("dosage-daily", times, "dose", dose),
        Err(_) => dose.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Lang;

    #[test]
    fn numbers_become_words_where_there_are_none() {
        let mut row = MedicineRow {
            dose_value: "1.5".into(),
            dose_unit: "mg".into(),
            ..MedicineRow::default()
        };
        let t = Lang::En.texts();
        assert_eq!(instruction(t, &row), "1.5 mg");
        row.times_per_day = "1".into();
        assert_eq!(instruction(t, &row), "1.5 mg once a day");
        row.times_per_day = "3".into();
        assert_eq!(instruction(t, &row), "1.5 mg, 3 times a day");
        row.dose_unit.clear();
        assert_eq!(instruction(t, &row), "1.5 (unit not recorded), 3 times a day");
        row.instruction = "with food".into();
        assert_eq!(instruction(t, &row), "with food");
    }
}
