//! Forms as data: fields with their label, hint, value and what is wrong.
//!
//! Invariant: what was typed is always shown again.

use chaski_clinic::form::{FieldError, FieldErrors, Reason};

use crate::i18n::Texts;
use crate::show::Clock;

/// What kind of control a field is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// A line of text: `type`, `inputmode`, `autocomplete`.
    Line {
        kind: &'static str,
        mode: &'static str,
        complete: &'static str,
    },
    /// A box to tick; ticked is `1`.
    Check,
    /// One of a few, all in sight: code and text.
    Choice(Vec<(String, String)>),
    /// One of many, in a list that opens: code and text.
    Select(Vec<(String, String)>),
}

/// One field of a form, as its page shows it.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) hint: Option<String>,
    pub(crate) unit: Option<String>,
    pub(crate) value: String,
    pub(crate) required: bool,
    pub(crate) control: Control,
    pub(crate) problem: Option<String>,
    /// Half the width where there is room.
    pub(crate) short: bool,
    /// Half the width everywhere.
    pub(crate) number: bool,
    pub(crate) chars_max: u16,
}

impl Field {
    /// A line of text. Label and hint are `field-<name>` and `hint-<name>`.
    pub(crate) fn line(t: &Texts, name: &'static str, value: &str) -> Self {
        Self {
            name,
            label: t.s(format!("field-{name}")),
            hint: t.maybe(&format!("hint-{name}")),
            unit: None,
            value: value.to_owned(),
            required: false,
            control: Control::Line {
                kind: "text",
                mode: "text",
                complete: "off",
            },
            problem: None,
            short: false,
            number: false,
            chars_max: 120,
        }
    }

    /// A number, typed on the number pad.
    pub(crate) fn number(t: &Texts, name: &'static str, value: &str, unit: Option<String>) -> Self {
        Self {
            unit,
            control: Control::Line {
                kind: "text",
                mode: "decimal",
                complete: "off",
            },
            number: true,
            chars_max: 12,
            ..Self::line(t, name, value)
        }
    }

    /// One of `codes`; each text is `<name>-<code>`.
    pub(crate) fn choice(t: &Texts, name: &'static str, value: &str, codes: &[&str]) -> Self {
        Self::choice_of(t, name, name, value, codes)
    }

    /// As [`Field::choice`], for a field whose name others bear too: its texts are those of `key`.
    pub(crate) fn choice_of(t: &Texts, name: &'static str, key: &str, value: &str, codes: &[&str]) -> Self {
        let options = codes
            .iter()
            .map(|code| ((*code).to_owned(), t.s(format!("{key}-{code}"))))
            .collect();
        Self {
            label: t.s(format!("field-{key}")),
            hint: t.maybe(&format!("hint-{key}")),
            control: Control::Choice(options),
            ..Self::line(t, name, value)
        }
    }

    /// One of many `codes`, or none of them; each text is `<key>-<code>`, and `<key>-none` that of none.
    pub(crate) fn select(t: &Texts, name: &'static str, key: &str, value: &str, codes: &[&str]) -> Self {
        let none = (String::new(), t.s(format!("{key}-none")));
        let options = codes
            .iter()
            .map(|code| ((*code).to_owned(), t.s(format!("{key}-{code}"))));
        Self {
            control: Control::Select(std::iter::once(none).chain(options).collect()),
            ..Self::line(t, name, value)
        }
    }

    /// A box to tick.
    pub(crate) fn check(t: &Texts, name: &'static str, is_ticked: bool) -> Self {
        Self {
            control: Control::Check,
            ..Self::line(t, name, if is_ticked { "1" } else { "" })
        }
    }

    pub(crate) fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) fn short(mut self) -> Self {
        self.short = true;
        self
    }

    /// A number whose unit is words: on a phone it takes the whole width.
    pub(crate) fn roomy(mut self) -> Self {
        self.number = false;
        self.short = true;
        self
    }

    pub(crate) fn phone(mut self) -> Self {
        self.control = Control::Line {
            kind: "tel",
            mode: "tel",
            complete: "off",
        };
        self.chars_max = 40;
        self
    }

    /// Whether it is typed on the number pad.
    fn is_number(&self) -> bool {
        matches!(self.control, Control::Line { mode: "decimal", .. })
    }

    /// Ids that describe the control to a screen reader.
    pub(crate) fn described_by(&self) -> String {
        let mut ids = Vec::new();
        if self.hint.is_some() {
            ids.push(format!("{}-hint", self.name));
        }
        if self.problem.is_some() {
            ids.push(format!("{}-problem", self.name));
        }
        ids.join(" ")
    }
}

/// A whole form.
#[derive(Clone, Debug, Default)]
pub(crate) struct FormView {
    pub(crate) fields: Vec<Field>,
    /// Problems that belong to no field in sight.
    pub(crate) general: Vec<String>,
}

impl FormView {
    pub(crate) fn new(fields: Vec<Field>) -> Self {
        Self {
            fields,
            general: Vec::new(),
        }
    }

    /// Puts each error at its field, with a text of the field's own (`wrong-<field>-<reason>`) where the reason alone
    /// would not say what would be right.
    pub(crate) fn with_errors(mut self, clock: &Clock, errors: &FieldErrors) -> Self {
        for error in &errors.0 {
            match self.fields.iter_mut().find(|field| field.name == error.field) {
                Some(field) => field.problem = Some(error_text(clock, error, field.is_number())),
                None => self.general.push(error_text(clock, error, false)),
            }
        }
        self
    }

    /// Fields with a problem, for the list at the head of the form.
    pub(crate) fn wrong(&self) -> Vec<&Field> {
        self.fields
            .iter()
            .filter(|field| field.problem.is_some())
            .collect()
    }

    pub(crate) fn is_wrong(&self) -> bool {
        !self.general.is_empty() || self.fields.iter().any(|field| field.problem.is_some())
    }
}

/// What is wrong with a field, and what would be right.
fn error_text(clock: &Clock, error: &FieldError, is_number: bool) -> String {
    let (t, code) = (clock.t, error.reason.code());
    let own = t.maybe(&format!("wrong-{}-{code}", error.field));
    match error.reason {
        Reason::Malformed if is_number && own.is_none() => t.s("reason-malformed-number"),
        // A clock that is wrong makes the future: whoever reads it sees the date that the clock has.
        Reason::InFuture => t.a("reason-in-future", "today", clock.today_text()),
        Reason::MonthFirst | Reason::Ambiguous => t.a(&format!("reason-{code}"), "right", &error.right),
        _ => own.unwrap_or_else(|| t.s(format!("reason-{code}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Lang;

    #[test]
    fn each_reason_has_its_own_text_in_every_language() {
        for lang in Lang::ALL {
            let clock = Clock {
                now_ms: 1_773_144_000_000,
                zone: jiff::tz::TimeZone::UTC,
                t: lang.texts(),
            };
            let text = |reason| {
                let error = FieldError {
                    field: "any",
                    reason,
                    right: String::new(),
                };
                error_text(&clock, &error, false)
            };
            let told: std::collections::BTreeSet<String> = Reason::ALL.into_iter().map(text).collect();
            assert_eq!(told.len(), Reason::ALL.len());
            assert!(told.iter().all(|text| !text.starts_with("reason-")), "{told:?}");
        }
    }
}
