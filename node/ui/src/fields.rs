//! What a form sent, bounded.

use std::collections::BTreeMap;

/// Names and texts of a form, bounded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// The most that a form of ours has: a box for each node that a parcel may be for.
    const FIELDS_MAX: usize = 1_100;
    const FIELD_CHARS_MAX: usize = 2_000;

    pub(crate) fn of(pairs: Vec<(String, String)>) -> Self {
        let bounded = pairs.into_iter().take(Self::FIELDS_MAX).map(|(name, text)| {
            let text: String = text.trim().chars().take(Self::FIELD_CHARS_MAX).collect();
            (name, text)
        });
        Self(bounded.collect())
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The text of a field; empty if it was not sent.
    pub(crate) fn text(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Fields {
        Fields::of(
            pairs
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn what_is_typed_is_kept_whole_but_for_what_stands_round_it() {
        let long = "\u{e9}".repeat(2_001);
        let fields = of(&[("a", "  Rosa  Elena\n"), ("b", ""), ("c", &long), ("a", "last")]);
        assert_eq!(fields.text("a"), "last", "as a browser's own rule has it");
        assert_eq!(fields.text("b"), "");
        assert_eq!(fields.text("c"), "\u{e9}".repeat(2_000));
        assert_eq!(fields.text("nowhere"), "");
        assert_eq!(of(&[("a", "  Rosa  Elena\n")]).text("a"), "Rosa  Elena");
        // A box for each of a thousand nodes fits; of more nothing is kept.
        let names: Vec<String> = (0..1_101).map(|number| format!("f{number:04}")).collect();
        let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        let fields = of(&many);
        assert_eq!(fields.iter().count(), 1_100);
        assert_eq!(
            (fields.text("f1099").as_str(), fields.text("f1100").as_str()),
            ("1", "")
        );
    }
}
