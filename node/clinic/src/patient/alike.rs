//! How likely two Patients are one person: the weights of Fellegi and Sunter, field by field.
//!
//! A weight is the logarithm of how much oftener a field agrees (or differs) in two records of one person than in
//! those of two people; the sum decides by two thresholds. Those of names and phones are of the OpenCR template
//! (given name m 0.917, u 0.0036; family name 0.935, 0.0019; phone 0.99, 0.0028), the others are set here and
//! measured by `measured.rs` beside this file.
//!
//! Invariants: the same in both directions; what is not recorded counts for nothing; nothing is merged by it.

mod birth;
mod names;
mod weighed;

use chaski_fhir::sought::{Phone, PhoneMatch, bare, digits_of, typed_words};
use chaski_json::Json;
use jiff::civil::Date;

use super::view::MOTHER_URL;
use crate::fhir_json::{items, text};

pub(super) use names::all_words;
pub use weighed::Agreement;
use weighed::Weighed;

/// One field of two records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// As in the registration form.
    pub field: &'static str,
    /// What is being registered.
    pub typed: String,
    /// What is recorded.
    pub known: String,
    /// How they agree.
    pub agreement: Agreement,
}

/// How likely two records are of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Likeness {
    /// The sum of the weights, in hundredths of a bit.
    pub(super) weight: i32,
    pub(super) is_probable: bool,
    pub(super) is_possible: bool,
    pub(super) fields: Vec<Compared>,
}

/// From here on two records may be of one person, and from here on they are likely to be.
const POSSIBLE: i32 = 1_000;
const PROBABLE: i32 = 2_200;

/// Agrees, is near, differs: log2(m/u) and log2((1-m)/(1-u)), in hundredths.
const SEX: [i32; 3] = [100, 0, -600];
const PHONE: [i32; 3] = [847, 700, -50];
const NUMBER: [i32; 3] = [1_300, 600, 0];
const VILLAGE: [i32; 3] = [250, 200, -100];
const MOTHER: [i32; 3] = [600, 500, -250];

fn weigh(agreement: Agreement, [equal, near, differs]: [i32; 3], shown: (String, String)) -> Weighed {
    Weighed {
        agreement,
        weight: match agreement {
            Agreement::Equal => equal,
            Agreement::Near => near,
            Agreement::Differs => differs,
            Agreement::Unknown => 0,
        },
        shown,
    }
}

/// Compares what is being registered with what is recorded, and whether that is disputed: then a sex or a birth date
/// that differs says nothing, because the other side of the dispute may agree. `country` is the calling code of the
/// clinic's country.
pub(super) fn compare(
    typed: &Json,
    (known, is_disputed): (&Json, bool),
    today: Date,
    country: Option<&str>,
) -> Likeness {
    let names = names::compare(typed, known);
    let mut born = birth::compare(typed, known, today);
    let mut sex = sex(typed, known);
    if is_disputed {
        born.weighed.doubt();
        sex.doubt();
    }
    let phone = phones(typed, known, country);
    let number = numbers(typed, known);
    let village = villages(typed, known);
    let mother = mothers(typed, known);

    let is_named_alike = names.is_given_alike;
    // Twins have one family, one birthday and one mother, and are called something else.
    let may_be_twins = born.is_same
        && names.is_family_alike
        && mother.agreement != Agreement::Differs
        && !names.is_given_same;
    let is_other_sex = sex.agreement == Agreement::Differs;
    let has_number = number.agreement == Agreement::Equal;
    let is_close = |field: &Weighed| matches!(field.agreement, Agreement::Equal | Agreement::Near);
    let is_shared = is_close(&phone) || is_close(&number);
    let fields = [
        ("given", names.given),
        ("family", names.family),
        ("sex", sex),
        ("birth_date", born.weighed),
        ("village", village),
        ("phone", phone),
        ("mother_name", mother),
        ("identifier_value", number),
    ];
    let weight = fields.iter().map(|(_, field)| field.weight).sum();
    let is_possible = has_number || (!is_other_sex && (is_shared || weight >= POSSIBLE));
    Likeness {
        weight,
        is_possible,
        is_probable: is_possible
            && !is_other_sex
            && weight >= PROBABLE
            && is_named_alike
            && (has_number || !may_be_twins),
        fields: fields
            .into_iter()
            .map(|(name, field)| shown(name, field))
            .collect(),
    }
}

fn shown(field: &'static str, weighed: Weighed) -> Compared {
    let (typed, known) = weighed.shown;
    Compared {
        field,
        typed,
        known,
        agreement: weighed.agreement,
    }
}

fn sex(typed: &Json, known: &Json) -> Weighed {
    let (a, b) = (text(typed, "gender"), text(known, "gender"));
    let is_told = |sex: &str| matches!(sex, "male" | "female" | "other");
    let agreement = match (is_told(a) && is_told(b), a == b) {
        (false, _) => Agreement::Unknown,
        (true, true) => Agreement::Equal,
        // One who is recorded as neither may be recorded elsewhere as one of them.
        (true, false) if a == "other" || b == "other" => Agreement::Near,
        (true, false) => Agreement::Differs,
    };
    weigh(agreement, SEX, (a.to_owned(), b.to_owned()))
}

/// The best of all pairs, and the values that it is of; else the first values of both.
fn best(a: &[String], b: &[String], weights: [i32; 3], judge: impl Fn(&str, &str) -> Agreement) -> Weighed {
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
    let judged = pairs.map(|(a, b)| (judge(a, b), (a.clone(), b.clone())));
    let first = |values: &[String]| values.first().cloned().unwrap_or_default();
    let (agreement, shown) = judged
        .min_by_key(|(agreement, _)| *agreement)
        .unwrap_or_else(|| (Agreement::Unknown, (first(a), first(b))));
    weigh(agreement, weights, shown)
}

fn values(json: &Json, list: &str, is_one: impl Fn(&Json) -> bool) -> Vec<String> {
    let values = items(json, list).filter(|item| is_one(item));
    let values = values.map(|item| text(item, "value").to_owned());
    values.filter(|value| !value.is_empty()).collect()
}

/// Phone numbers of a record, those no longer in use too: people are known by them.
pub(super) fn phones_of(patient: &Json) -> Vec<String> {
    values(patient, "telecom", |telecom| text(telecom, "system") != "email")
}

/// Identifiers of a record.
pub(super) fn numbers_of(patient: &Json) -> Vec<String> {
    values(patient, "identifier", |_| true)
}

fn phones(typed: &Json, known: &Json, country: Option<&str>) -> Weighed {
    best(&phones_of(typed), &phones_of(known), PHONE, |a, b| {
        match (Phone::read(a), Phone::read(b)) {
            (Some(a), Some(b)) => match a.compare(&b, country) {
                PhoneMatch::Same => Agreement::Equal,
                PhoneMatch::Ending => Agreement::Near,
                PhoneMatch::Other => Agreement::Differs,
            },
            _ => Agreement::Unknown,
        }
    })
}

/// Digits of a number from which it is told from others without its letters.
const DIGITS_MIN: usize = 4;

fn numbers(typed: &Json, known: &Json) -> Weighed {
    best(&numbers_of(typed), &numbers_of(known), NUMBER, |a, b| {
        let (whole_a, whole_b) = (bare(a), bare(b));
        if whole_a == whole_b && !whole_a.is_empty() {
            return Agreement::Equal;
        }
        // "DNI 4455" and "4455": one of them doesn't say whose number it is.
        let digits = digits_of(a).filter(|digits| digits.len() >= DIGITS_MIN);
        let is_one_bare = digits_of(a).as_ref() == Some(&whole_a) || digits_of(b).as_ref() == Some(&whole_b);
        match digits.is_some() && digits == digits_of(b) && is_one_bare {
            true => Agreement::Near,
            false => Agreement::Differs,
        }
    })
}

fn villages(typed: &Json, known: &Json) -> Weighed {
    let of = |patient: &Json| -> Vec<String> {
        let keys = ["city", "district", "text"];
        let parts = items(patient, "address").flat_map(|address| keys.map(|key| text(address, key)));
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    best(&of(typed), &of(known), VILLAGE, texts)
}

fn mothers(typed: &Json, known: &Json) -> Weighed {
    let of = |patient: &Json| -> Vec<String> {
        let own = items(patient, "extension").filter(|extension| text(extension, "url") == MOTHER_URL);
        own.map(|extension| text(extension, "valueString").to_owned())
            .collect()
    };
    best(&of(typed), &of(known), MOTHER, texts)
}

/// Two texts of some words: the same words, all of the shorter near those of the longer, or not.
fn texts(a: &str, b: &str) -> Agreement {
    names::agreement(&typed_words(a), &typed_words(b))
}
