//! What a Patient is found by.

use chaski_json::Json;

use super::letters::is_unspaced;
use super::numbers::{Phone, bare, digits_of};
use super::words::words;
use crate::id::is_uuid;

/// Longest text, in bytes, both spaces included. The index keeps so much of one.
const TEXT_BYTES_MAX: usize = 64;
/// Words of one person that are kept.
const WORDS_MAX: usize = 64;

/// The words that a Patient is found by, in texts that begin and end with a space and have one between two
/// words: so a word's beginning, its end and the whole are parts of a text.
pub fn patient_texts(patient: &Json) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut put = |word: String| {
        if !word.is_empty() && all.len() < WORDS_MAX && !all.contains(&word) {
            all.push(word);
        }
    };
    items(patient, "name").for_each(|name| name_words(name, &mut put));
    for identifier in items(patient, "identifier") {
        let value = text(identifier, "value");
        let whole = bare(value);
        let digits = digits_of(value).filter(|digits| *digits != whole && !is_uuid(&value.to_lowercase()));
        put(whole);
        digits.map(&mut put);
    }
    for telecom in items(patient, "telecom").filter(|telecom| text(telecom, "system") != "email") {
        // With its country's code, if it is written: without it a number is found by how it ends.
        if let Some(phone) = Phone::read(text(telecom, "value")) {
            put(phone.digits());
        }
    }
    in_texts(&all)
}

fn name_words(name: &Json, put: &mut impl FnMut(String)) {
    let given = name.get("given").and_then(Json::as_array).into_iter().flatten();
    let given: Vec<&str> = given.filter_map(Json::as_str).collect();
    let family = text(name, "family");
    for part in [given.join(" ").as_str(), family, text(name, "text")] {
        words(part).into_iter().for_each(&mut *put);
    }
    for key in ["prefix", "suffix"] {
        let parts = name.get(key).and_then(Json::as_array).into_iter().flatten();
        for part in parts.filter_map(Json::as_str) {
            words(part).into_iter().for_each(&mut *put);
        }
    }
    // Written without a space, and in either order.
    let given = given.concat();
    if family.chars().any(is_unspaced) && given.chars().any(is_unspaced) {
        put(bare(&format!("{family}{given}")));
        put(bare(&format!("{given}{family}")));
    }
}

fn in_texts(words: &[String]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for word in words {
        match texts.last_mut() {
            Some(text) if text.len() + word.len() < TEXT_BYTES_MAX => {
                text.push_str(word);
                text.push(' ');
            }
            _ => texts.push(format!(" {word} ")),
        }
    }
    texts
}

fn items<'a>(json: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> {
    json.get(key).and_then(Json::as_array).into_iter().flatten()
}

fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or_default()
}
