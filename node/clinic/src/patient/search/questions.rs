//! What a text in the search box may mean.

use chaski_fhir::digits::ascii_digits;
use chaski_fhir::search::{Alternative, Filter, Modifier, sought};
use chaski_fhir::sought::{Phone, bare, is_unspaced, typed_words};

use crate::form::{FieldErrors, typed};

/// Digits from which a number is looked for at the end of others, and from which anywhere in them.
const LAST_DIGITS: usize = 4;
const ANY_DIGITS: usize = 5;
/// Letters of a word that is left out where it hides somebody: de, el, al.
const PARTICLE_CHARS_MAX: usize = 2;
/// Letters from which a word has a sound.
const SOUND_CHARS_MIN: usize = 3;
/// Characters of an unspaced name that are looked for one by one.
const UNSPACED_CHARS_MAX: usize = 6;

/// What one search asks for, all of which must hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Condition {
    /// In the query language.
    pub(super) pairs: Vec<(String, String)>,
    /// By the words of [`sought`].
    pub(super) sought: Vec<Filter>,
}

/// All that a text may mean.
#[derive(Debug, Clone, Default)]
pub(super) struct Questions {
    /// Whom any of these finds is meant.
    pub(super) asked: Vec<Condition>,
    /// Looked at in this order, where nobody was found.
    pub(super) otherwise: Vec<Condition>,
    /// Who sounds alike.
    pub(super) alike: Option<Condition>,
    /// The words typed.
    pub(super) words: Vec<String>,
}

/// Whoever has one of these parts in a word. With a space before it a part begins a word, with one behind it
/// it ends one.
pub(in crate::patient) fn contains(parts: Vec<String>) -> Filter {
    filter(Modifier::Contains, parts)
}

/// Whoever has so many words near these.
pub(in crate::patient) fn near(least: usize, words: Vec<String>) -> Filter {
    filter(Modifier::Near(least), words)
}

fn filter(modifier: Modifier, texts: Vec<String>) -> Filter {
    let any = texts.into_iter().map(|folded| Alternative::String {
        exact: folded.clone(),
        folded,
    });
    Filter {
        param: sought(),
        modifier,
        any: any.collect(),
        asked: None,
    }
}

impl Questions {
    pub(super) fn of(text: &str) -> Questions {
        let text = ascii_digits(text.trim());
        let words = typed_words(&text);
        let mut questions = match text.chars().any(char::is_alphabetic) {
            true => of_names(&text, words),
            false => of_number(&text, words),
        };
        // What asks for nothing would find everybody.
        let asks = |condition: &Condition| !(condition.pairs.is_empty() && condition.sought.is_empty());
        questions.asked.retain(asks);
        questions.otherwise.retain(asks);
        questions
    }
}

/// A number: of a document, of a phone as written or by its last digits, a year, or a date of birth.
fn of_number(text: &str, words: Vec<String>) -> Questions {
    let number = bare(text);
    if number.is_empty() {
        return Questions::default();
    }
    let mut begins = vec![format!(" {number}")];
    let mut ends = Vec::new();
    if let Some(phone) = Phone::read(text) {
        begins.push(format!(" {}", phone.digits()));
        match phone.country {
            // Written without its country's code, it may be kept with any.
            None if phone.national.len() >= ANY_DIGITS => ends.push(phone.national),
            None => ends.push(format!("{} ", phone.national)),
            Some(_) => begins.push(format!(" {} ", phone.national)),
        }
    }
    begins.dedup();
    let mut asked = vec![of_parts(begins)];
    if number.len() >= LAST_DIGITS && !ends.is_empty() {
        asked.push(of_parts(ends));
    }
    if is_year(&number) {
        asked.push(born(&number, Vec::new()));
    } else if let Some(date) = typed::date(&mut FieldErrors::default(), "text", text) {
        asked.push(born(&date.iso, Vec::new()));
    }
    Questions {
        asked,
        otherwise: vec![of_words(&words)],
        alike: None,
        words,
    }
}

/// Names, with a number or a year among them or not; or a number with letters.
fn of_names(text: &str, words: Vec<String>) -> Questions {
    let mut asked = Vec::new();
    if text.chars().any(|c| c.is_ascii_digit()) {
        asked.push(of_parts(vec![format!(" {}", bare(text))]));
    }
    asked.push(of_words(&words));
    let year = words.iter().position(|word| is_year(word));
    let others = |at: usize| {
        let others = words.iter().enumerate().filter(move |(place, _)| *place != at);
        others.map(|(_, word)| word.clone()).collect::<Vec<String>>()
    };
    if let Some((at, year)) = year.and_then(|at| Some((at, words.get(at)?))) {
        asked.push(born(year, of_words(&others(at)).sought));
    }
    let has_sound = |word: &&String| {
        word.chars().count() >= SOUND_CHARS_MIN && word.chars().all(|c| c.is_alphabetic() && !is_unspaced(c))
    };
    let (sounding, rest): (Vec<&String>, Vec<&String>) = words.iter().partition(has_sound);
    let rest: Vec<String> = rest
        .into_iter()
        .filter(|word| !is_particle(word))
        .cloned()
        .collect();
    let alike = (!sounding.is_empty()).then(|| {
        let sounding: Vec<String> = sounding.into_iter().cloned().collect();
        let mut condition = of_words(&rest);
        condition.sought.push(near(sounding.len(), sounding));
        condition
    });
    Questions {
        asked,
        otherwise: otherwise(&words),
        alike,
        words,
    }
}

/// The same words, parted in another way.
fn otherwise(words: &[String]) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for at in 1..words.len() {
        let (before, after) = words.split_at(at);
        if let (Some((a, before)), Some((b, after))) = (before.split_last(), after.split_first()) {
            let joined = [before, &[format!("{a}{b}")], after].concat();
            conditions.push(of_words(&joined));
        }
    }
    if words.len() > 2 {
        conditions.push(of_words(&[words.concat()]));
    }
    let without: Vec<String> = words.iter().filter(|word| !is_particle(word)).cloned().collect();
    if without.len() < words.len() && !without.is_empty() {
        conditions.push(of_words(&without));
    }
    let is_unspaced_name = |word: &String| {
        word.chars().all(is_unspaced) && (2..=UNSPACED_CHARS_MAX).contains(&word.chars().count())
    };
    if let [word] = words
        && is_unspaced_name(word)
    {
        let letters: Vec<String> = word.chars().map(String::from).collect();
        conditions.push(of_words(&letters));
    }
    conditions
}

fn is_particle(word: &str) -> bool {
    word.chars().count() <= PARTICLE_CHARS_MAX && !word.chars().any(|c| is_unspaced(c) || c.is_ascii_digit())
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && word.starts_with(['1', '2']) && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn born(year: &str, sought: Vec<Filter>) -> Condition {
    Condition {
        pairs: vec![("birthdate".to_owned(), year.to_owned())],
        sought,
    }
}

fn of_parts(parts: Vec<String>) -> Condition {
    Condition {
        pairs: Vec::new(),
        sought: vec![contains(parts)],
    }
}

/// All of these words: each begins a word, stands in an unspaced name, or is the last digits of a number.
fn of_words(words: &[String]) -> Condition {
    let parts = |word: &String| {
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        match word.chars().next() {
            Some(first) if is_unspaced(first) => vec![word.clone()],
            _ if is_number && word.len() >= LAST_DIGITS => vec![format!(" {word}"), format!("{word} ")],
            _ => vec![format!(" {word}")],
        }
    };
    Condition {
        pairs: Vec::new(),
        sought: words.iter().map(|word| contains(parts(word))).collect(),
    }
}
