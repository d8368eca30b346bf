//! Names of two records: in any order, with more of them here than there.

use chaski_fhir::sought::{edits, is_near, likeness, sound, typed_words};
use chaski_json::Json;

use super::weighed::{Agreement, Weighed};
use crate::fhir_json::{items, text};

/// Likeness by Jaro and Winkler from which two given names may be one (OpenCR's template).
const LIKENESS_MIN: f64 = 0.8;
/// Slips up to which two family names may be one (the same), and letters that each of them takes.
const SLIPS_MAX: usize = 3;
const LETTERS_A_SLIP: usize = 3;
/// Letters from which one slip that changes no sound is no other name.
const SLIP_CHARS_MIN: usize = 5;
/// Letters of a word that says nothing beside longer ones: de, la, al.
const PARTICLE_CHARS_MAX: usize = 2;

/// What names of this closeness weigh, in hundredths of a bit, in the order of [`Closeness`]. The template's
/// weights are those of the first and the last; what is between them counts less.
const GIVEN: [i32; 6] = [799, 780, 720, 400, 300, -358];
const FAMILY: [i32; 6] = [894, 870, 800, 450, 300, -394];
/// Family name and given name in each other's place.
const SWAPPED: i32 = -60;

/// How close two lists of words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    Same,
    /// One slip in a long word, which sounds the same.
    Slip,
    /// By sound or by slips.
    Near,
    /// Some of several words.
    Partly,
    /// By the template's measure.
    Alike,
    Other,
}

/// What the names of two records say.
pub(super) struct Names {
    pub(super) given: Weighed,
    pub(super) family: Weighed,
    /// All given names of the one that has fewer are the other's, or near them.
    pub(super) is_given_alike: bool,
    /// Likewise, and none is another name by more than a slip of a long word.
    pub(super) is_given_same: bool,
    pub(super) is_family_alike: bool,
}

/// A name, by words.
struct Name {
    given: Vec<String>,
    family: Vec<String>,
    shown: (String, String),
}

/// All words of all names of a record.
pub(in crate::patient) fn all_words(patient: &Json) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for name in names(patient) {
        for word in name.given.into_iter().chain(name.family) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words
}

fn names(patient: &Json) -> Vec<Name> {
    // What an unidentified patient is called meanwhile is no name.
    let names = items(patient, "name").filter(|name| text(name, "use") != "temp");
    names.filter_map(name).collect()
}

fn name(json: &Json) -> Option<Name> {
    let given: Vec<&str> = items(json, "given").filter_map(Json::as_str).collect();
    let (mut given, mut family) = (given.join(" "), text(json, "family").to_owned());
    if given.is_empty() && family.is_empty() {
        // Of a name that is one text nobody knows which part is which: the other order is looked at too.
        let (first, rest) = text(json, "text")
            .split_once(' ')
            .unwrap_or((text(json, "text"), ""));
        (given, family) = (first.to_owned(), rest.to_owned());
    }
    let name = Name {
        given: without_particles(typed_words(&given)),
        family: without_particles(typed_words(&family)),
        shown: (given, family),
    };
    let is_empty = name.given.is_empty() && name.family.is_empty();
    (!is_empty).then_some(name)
}

fn without_particles(words: Vec<String>) -> Vec<String> {
    let is_long = |word: &String| word.chars().count() > PARTICLE_CHARS_MAX;
    match words.iter().any(is_long) {
        true => words.into_iter().filter(is_long).collect(),
        false => words,
    }
}

/// Whether both are in Latin letters, or neither is: names in two scripts say nothing of each other.
fn is_comparable(a: &Name, b: &Name) -> bool {
    let is_latin = |name: &Name| name.given.iter().chain(&name.family).all(|word| word.is_ascii());
    is_latin(a) == is_latin(b)
}

/// The names of both that agree best.
pub(super) fn compare(typed: &Json, known: &Json) -> Names {
    let (typed, known) = (names(typed), names(known));
    let pairs = typed.iter().flat_map(|a| known.iter().map(move |b| (a, b)));
    let compared = pairs
        .filter(|(a, b)| is_comparable(a, b))
        .map(|(a, b)| pair(a, b));
    let best = compared.max_by_key(|names| names.given.weight + names.family.weight);
    best.unwrap_or_else(|| {
        let shown = |names: &[Name]| names.first().map(|name| name.shown.clone()).unwrap_or_default();
        let ((given, family), (known_given, known_family)) = (shown(&typed), shown(&known));
        judged(None, None, [(given, known_given), (family, known_family)], false)
    })
}

fn pair(a: &Name, b: &Name) -> Names {
    let shown = [
        (a.shown.0.clone(), b.shown.0.clone()),
        (a.shown.1.clone(), b.shown.1.clone()),
    ];
    let direct = judged(
        closeness(&a.given, &b.given),
        closeness(&a.family, &b.family),
        shown.clone(),
        false,
    );
    let swapped = judged(
        closeness(&a.given, &b.family),
        closeness(&a.family, &b.given),
        shown,
        true,
    );
    let weight = |names: &Names| names.given.weight + names.family.weight;
    match weight(&swapped) > weight(&direct) {
        true => swapped,
        false => direct,
    }
}

fn judged(
    given: Option<Closeness>,
    family: Option<Closeness>,
    [given_shown, family_shown]: [(String, String); 2],
    is_swapped: bool,
) -> Names {
    let weighed = |closeness: Option<Closeness>, weights: [i32; 6], shown| {
        let [same, slip, near, partly, alike, other] = weights;
        let weight = match closeness {
            Some(Closeness::Same) => same,
            Some(Closeness::Slip) => slip,
            Some(Closeness::Near) => near,
            Some(Closeness::Partly) => partly,
            Some(Closeness::Alike) => alike,
            Some(Closeness::Other) => other,
            None => 0,
        };
        let agreement = match closeness {
            None => Agreement::Unknown,
            Some(Closeness::Other) => Agreement::Differs,
            Some(Closeness::Same) if !is_swapped => Agreement::Equal,
            Some(_) => Agreement::Near,
        };
        let weight = if is_swapped { weight + SWAPPED } else { weight };
        Weighed {
            agreement,
            weight,
            shown,
        }
    };
    let is_alike = |closeness| {
        matches!(
            closeness,
            Some(Closeness::Same | Closeness::Slip | Closeness::Near)
        )
    };
    Names {
        is_given_alike: is_alike(given),
        is_given_same: matches!(given, Some(Closeness::Same | Closeness::Slip)),
        is_family_alike: is_alike(family),
        given: weighed(given, GIVEN, given_shown),
        family: weighed(family, FAMILY, family_shown),
    }
}

/// How close the words of the shorter list are to those of the longer; nothing where one is empty.
fn closeness(a: &[String], b: &[String]) -> Option<Closeness> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    if a.concat() == b.concat() {
        return Some(Closeness::Same);
    }
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let nearest = short.iter().map(|word| {
        let each = long.iter().map(|other| word_closeness(word, other));
        each.min().unwrap_or(Closeness::Other)
    });
    let nearest: Vec<Closeness> = nearest.collect();
    let (best, worst) = (nearest.iter().min().copied()?, nearest.iter().max().copied()?);
    Some(match (best, worst) {
        (_, Closeness::Same | Closeness::Slip | Closeness::Near | Closeness::Partly) => worst,
        (Closeness::Same | Closeness::Slip | Closeness::Near, _) => Closeness::Partly,
        _ => best,
    })
}

fn word_closeness(a: &str, b: &str) -> Closeness {
    let shorter = a.chars().count().min(b.chars().count());
    let is_same_sound = || sound(a).is_some() && sound(a) == sound(b);
    if a == b {
        return Closeness::Same;
    }
    if shorter >= SLIP_CHARS_MIN && edits(a, b) == 1 && is_same_sound() {
        return Closeness::Slip;
    }
    if is_near(a, b) {
        return Closeness::Near;
    }
    match likeness(a, b) >= LIKENESS_MIN || edits(a, b) <= SLIPS_MAX.min(shorter / LETTERS_A_SLIP) {
        true => Closeness::Alike,
        false => Closeness::Other,
    }
}

/// Two texts of some words, told in one word.
pub(super) fn agreement(a: &[String], b: &[String]) -> Agreement {
    match closeness(a, b) {
        None => Agreement::Unknown,
        Some(Closeness::Same) => Agreement::Equal,
        Some(Closeness::Slip | Closeness::Near) => Agreement::Near,
        Some(_) => Agreement::Differs,
    }
}
