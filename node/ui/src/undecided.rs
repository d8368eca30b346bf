//! What nobody has decided yet, as every page tells it: all that is said, equal in weight, and who says it.

use chaski_clinic::conflict::{ConflictRow, Undecided, UndecidedSide};
use chaski_clinic::people::Author;

use crate::i18n::Texts;
use crate::show::Clock;

/// An element about which the sides differ.
pub(crate) struct UndecidedView {
    pub(crate) label: String,
    pub(crate) sides: Vec<SaidView>,
    /// What counts until somebody decides, in words; `None` where neither is safer.
    pub(crate) counts: Option<String>,
}

/// What one side says.
pub(crate) struct SaidView {
    pub(crate) text: String,
    /// Where it was written; and by whom, where both are of one place.
    pub(crate) by: String,
}

/// All that is undecided of a record.
pub(crate) fn undecided(clock: &Clock, disputes: &[ConflictRow]) -> Vec<UndecidedView> {
    disputes
        .iter()
        .flat_map(ConflictRow::undecided)
        .map(|one| view(clock, &one))
        .collect()
}

fn view(clock: &Clock, one: &Undecided) -> UndecidedView {
    let t = clock.t;
    let text = |side: &UndecidedSide| match (&side.text, one.element.is_empty()) {
        (Some(_), true) => t.s("undecided-kept"),
        (None, true) => t.s("undecided-removed"),
        (Some(said), false) => shown(clock, said),
        (None, false) => t.s("undecided-nothing"),
    };
    let mut sites: Vec<&str> = one.sides.iter().map(|side| side.author.site()).collect();
    sites.sort_unstable();
    let is_of_one_place = sites.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
    let by = |author: &Author| match is_of_one_place {
        true => format!("{}{} {}", author.site(), t.s("comma"), author.user),
        false => author.site().to_owned(),
    };
    let counts = one.counts_as.as_deref().map(|value| match value {
        "" => t.s("counts-as-nothing"),
        value => t.a("counts-as", "value", shown(clock, value)),
    });
    UndecidedView {
        label: match one.element.as_str() {
            "" => t.s("path-deleted"),
            element => element_name(t, element),
        },
        sides: one
            .sides
            .iter()
            .map(|side| SaidView {
                text: text(side),
                by: by(&side.author),
            })
            .collect(),
        counts,
    }
}

/// What people call an element: `telecom/<position>`, `valueQuantity` and `value[x]` by their stem.
pub(crate) fn element_name(t: &Texts, path: &str) -> String {
    let end = path
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(path.len());
    let mut stem = path.get(..end).unwrap_or_default();
    while !stem.is_empty() {
        if let Some(name) = t.maybe(&format!("path-{stem}")) {
            return name;
        }
        stem = stem
            .rfind(|c: char| c.is_ascii_uppercase())
            .and_then(|at| stem.get(..at))
            .unwrap_or_default();
    }
    path.to_owned()
}

/// Codes and dates in words; everything else as it was written.
pub(crate) fn shown(clock: &Clock, text: &str) -> String {
    let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_date {
        return clock.date(text);
    }
    // An instant, in the clinic's time.
    if text.len() > 10 && text.parse::<jiff::Timestamp>().is_ok() {
        return clock.recorded(text);
    }
    let lists = ["status", "criticality", "sex", "verification", "intent", "truth"];
    lists
        .iter()
        .find_map(|list| clock.t.maybe(&format!("{list}-{text}")))
        .unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Lang;

    #[test]
    fn an_element_is_named_as_people_call_it_wherever_in_it_they_differ() {
        for (path, english, arabic) in [
            ("birthDate", "Date of birth", "تاريخ الميلاد"),
            ("telecom/8M3k", "Phone", ""),
            ("name/V/1", "Name", ""),
            ("reaction/V/1/severity", "Reaction", ""),
            ("valueQuantity", "Value", ""),
            ("value[x]", "Value", ""),
            ("deceasedBoolean", "Deceased", ""),
            ("deceased[x]", "Deceased", ""),
            ("medicationCodeableConcept", "Medicine", ""),
            ("occurrenceDateTime", "When", ""),
            ("doNotPerform", "Not to be given", ""),
            // Nobody has a word for it: its path, whole.
            ("supportingInfo/V/1", "supportingInfo/V/1", "supportingInfo/V/1"),
            ("", "", ""),
        ] {
            assert_eq!(element_name(Lang::En.texts(), path), english, "{path}");
            let told = element_name(Lang::Ar.texts(), path);
            if !arabic.is_empty() || path.is_empty() {
                assert_eq!(told, arabic, "{path}");
            } else {
                assert!(
                    !told.is_empty() && told.chars().all(|c| !c.is_ascii_alphabetic()),
                    "{path}: {told}"
                );
            }
        }
    }
}
