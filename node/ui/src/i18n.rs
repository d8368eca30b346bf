//! Texts in the reader's language, from the Fluent files in `locales/`.
//!
//! Invariants: every key stands in every language (a test); a text with plurals
//! asks for `$form` and tells `$count` (a test); digits stay western in both, so
//! that a dose reads the same for everyone; dates name the month in words, never
//! in a guessable order.

use std::borrow::Cow;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::types::{FluentNumber, FluentValue};
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

/// A language the pages speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lang {
    En,
    Ar,
}

impl Lang {
    pub(crate) const ALL: [Lang; 2] = [Lang::En, Lang::Ar];

    /// BCP 47 code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ar => "ar",
        }
    }

    /// Its name in itself.
    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Ar => "العربية",
        }
    }

    pub(crate) fn dir(self) -> &'static str {
        match self {
            Self::En => "ltr",
            Self::Ar => "rtl",
        }
    }

    pub(crate) fn parse(code: &str) -> Option<Self> {
        let primary = code.trim().split(['-', '_']).next()?;
        Self::ALL
            .into_iter()
            .find(|lang| lang.code().eq_ignore_ascii_case(primary))
    }

    /// The plural form for so many things (Unicode CLDR 48, cardinal rules). Fluent's own rules for Arabic look at the
    /// number, where CLDR has what remains of it after its hundreds.
    fn plural(self, count: u64) -> &'static str {
        match (self, count, count % 100) {
            (_, 1, _) => "one",
            (Self::En, ..) => "other",
            (Self::Ar, 0, _) => "zero",
            (Self::Ar, 2, _) => "two",
            (Self::Ar, _, 3..=10) => "few",
            (Self::Ar, _, 11..=99) => "many",
            (Self::Ar, ..) => "other",
        }
    }

    /// The best of an `Accept-Language` header (RFC 9110 §12.5.4); English if none fits.
    pub(crate) fn negotiate(header: &str) -> Self {
        const RANGES_MAX: usize = 16;
        let mut best: Option<(f32, Lang)> = None;
        for part in header.split(',').take(RANGES_MAX) {
            let mut pieces = part.split(';');
            let Some(lang) = pieces.next().and_then(Self::parse) else {
                continue;
            };
            let weight = pieces
                .find_map(|piece| piece.trim().strip_prefix("q="))
                .map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
            if weight > 0.0 && best.is_none_or(|(known, _)| weight > known) {
                best = Some((weight, lang));
            }
        }
        best.map_or(Self::En, |(_, lang)| lang)
    }

    pub(crate) fn texts(self) -> &'static Texts {
        match self {
            Self::En => &EN,
            Self::Ar => &AR,
        }
    }
}

/// Every file of texts, by its name in `locales/<language>/`.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        #[cfg(test)]
        pub(crate) const FILES: &[&str] = &[$($name),*];

        fn load(lang: Lang) -> Texts {
            let files: &[&str] = match lang {
                Lang::En => &[$(include_str!(concat!("../locales/en/", $name, ".ftl"))),*],
                Lang::Ar => &[$(include_str!(concat!("../locales/ar/", $name, ".ftl"))),*],
            };
            Texts::load(lang, files)
        }
    };
}

files![
    "frame",
    "chart",
    "parcel",
    "hub",
    "demo",
    "allergy",
    "conflict",
    "immunization",
    "record",
    "medication",
    "patient",
    "problem",
    "vitals",
];

static EN: LazyLock<Texts> = LazyLock::new(|| load(Lang::En));
static AR: LazyLock<Texts> = LazyLock::new(|| load(Lang::Ar));

/// A number of things, however templates hand it over.
pub(crate) trait Count {
    fn count(&self) -> i64;
}

macro_rules! counts {
    ($($number:ty),*) => {$(
        impl Count for $number {
            fn count(&self) -> i64 {
                i64::try_from(*self).unwrap_or(i64::MAX)
            }
        }
    )*};
}

counts!(u32, u64, usize, i32, i64);

impl<T: Count> Count for &T {
    fn count(&self) -> i64 {
        (**self).count()
    }
}

/// The texts of one language.
pub(crate) struct Texts {
    lang: Lang,
    bundle: FluentBundle<FluentResource>,
}

impl Texts {
    fn load(lang: Lang, files: &[&str]) -> Self {
        let id: LanguageIdentifier = lang.code().parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // Nested isolates hide the direction of what they hold; `isolated` does it where it counts.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(grouped_number));
        for file in files {
            let resource = match FluentResource::try_new((*file).to_owned()) {
                Ok(whole) => whole,
                Err((part, errors)) => {
                    tracing::error!(lang = lang.code(), errors = errors.len(), "text file has errors");
                    part
                }
            };
            bundle.add_resource_overriding(resource);
        }
        Self { lang, bundle }
    }

    pub(crate) fn lang(&self) -> Lang {
        self.lang
    }

    fn format(&self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        let mut errors = Vec::new();
        Some(
            self.bundle
                .format_pattern(pattern, args, &mut errors)
                .into_owned(),
        )
    }

    /// The text of `key`; the key itself where there is none.
    pub(crate) fn s(&self, key: impl AsRef<str>) -> String {
        let key = key.as_ref();
        self.format(key, None).unwrap_or_else(|| key.to_owned())
    }

    /// The text of `key` if there is one: for codes that come from records.
    pub(crate) fn maybe(&self, key: &str) -> Option<String> {
        self.format(key, None)
    }

    /// A count, and the form that the language has for so many.
    fn counted(&self, count: impl Count) -> FluentArgs<'static> {
        let count = count.count();
        let mut args = FluentArgs::new();
        args.set("count", count);
        args.set("form", self.lang.plural(count.unsigned_abs()));
        args
    }

    /// The text of `key` for `count` things, by the language's plural rules.
    pub(crate) fn n(&self, key: &str, count: impl Count) -> String {
        let args = self.counted(count);
        self.format(key, Some(&args)).unwrap_or_else(|| key.to_owned())
    }

    /// As [`Texts::n`], with one named text.
    pub(crate) fn na(&self, key: &str, count: impl Count, name: &'static str, value: &str) -> String {
        let mut args = self.counted(count);
        args.set(name, self.isolated(value));
        self.format(key, Some(&args)).unwrap_or_else(|| key.to_owned())
    }

    /// As [`Texts::n`], with named texts.
    pub(crate) fn naa(&self, key: &str, count: impl Count, named: &[(&str, &str)]) -> String {
        let mut args = self.counted(count);
        for (name, value) in named {
            args.set(Cow::Owned((*name).to_owned()), self.isolated(value));
        }
        self.format(key, Some(&args)).unwrap_or_else(|| key.to_owned())
    }

    /// The text of `key` with one named text.
    pub(crate) fn a(&self, key: &str, name: &str, value: impl AsRef<str>) -> String {
        self.aa(key, &[(name, value.as_ref())])
    }

    /// The text of `key` with named texts.
    pub(crate) fn aa(&self, key: &str, named: &[(&str, &str)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in named {
            args.set(Cow::Owned((*name).to_owned()), self.isolated(value));
        }
        self.format(key, Some(&args)).unwrap_or_else(|| key.to_owned())
    }

    /// A name in Latin letters and a number of several parts (a phone, an ISO date) keep their own
    /// order inside a right-to-left sentence (UAX #9, FSI; rule W2 would turn the parts round).
    fn isolated<'a>(&self, value: &'a str) -> Cow<'a, str> {
        let latin = |c: char| c.is_alphabetic() && c < '\u{0590}';
        let numeric = !value.contains(char::is_alphabetic) && value.contains(|c: char| c.is_ascii_digit());
        if self.lang.dir() == "rtl" && (numeric || value.contains(latin)) {
            Cow::Owned(format!("\u{2068}{value}\u{2069}"))
        } else {
            Cow::Borrowed(value)
        }
    }

    /// A count with its thousands apart.
    pub(crate) fn number(&self, count: impl Count) -> String {
        grouped(&count.count().to_string())
    }
}

fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn grouped_number<M>(value: &FluentValue<'_>, _memo: &M) -> Option<String> {
    match value {
        FluentValue::Number(FluentNumber { value, .. }) if *value >= 10_000.0 && value.fract() == 0.0 => {
            Some(grouped(&format!("{value:.0}")))
        }
        _ => None,
    }
}
