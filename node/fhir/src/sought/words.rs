//! The words of a name, kept and typed.

use super::letters::{HYPHEN, JOINT, is_unspaced, plain};

/// Letters of a word that is often written as one with the next (de, la, al, abd).
const SHORT_CHARS_MAX: usize = 3;
/// Words of one name that are looked at.
const WORDS_MAX: usize = 24;
/// The Arabic article.
const ARTICLE: &str = "ال";

/// All words that a name as it is kept is found by: each word, the parts of one with a hyphen or an
/// apostrophe, short words as one with what follows, and Arabic words without their article.
pub fn words(name: &str) -> Vec<String> {
    let plain = plain(name);
    let tokens: Vec<&str> = plain
        .split(' ')
        .filter(|token| !token.is_empty())
        .take(WORDS_MAX)
        .collect();
    let mut found = Vec::new();
    let joined: Vec<String> = tokens.iter().map(|token| joined(token)).collect();
    for (token, joined) in tokens.iter().zip(&joined) {
        put(&mut found, joined);
        for part in token.split(HYPHEN) {
            put(&mut found, &self::joined(part));
            for part in part.split(JOINT).filter(|part| part.chars().count() > 1) {
                put(&mut found, part);
            }
        }
    }
    for start in 0..joined.len() {
        let mut run = String::new();
        for (place, word) in joined.iter().skip(start).enumerate() {
            run.push_str(word);
            if place > 0 && !is_short(word) {
                put(&mut found, &run);
            }
            if !is_short(word) {
                break;
            }
        }
    }
    found
}

/// The words of what somebody typed, each of which must be found. A hyphen parts two words; an apostrophe
/// doesn't.
pub fn typed_words(text: &str) -> Vec<String> {
    let plain = plain(text);
    let tokens = plain
        .split([' ', HYPHEN])
        .map(joined)
        .filter(|word| !word.is_empty());
    let mut found: Vec<String> = Vec::new();
    for word in tokens.take(WORDS_MAX) {
        let word = squeezed(without_article(&word).unwrap_or(&word));
        if !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

fn is_short(word: &str) -> bool {
    word.chars().count() <= SHORT_CHARS_MAX && !word.chars().any(is_unspaced)
}

/// Without hyphens and apostrophes.
fn joined(token: &str) -> String {
    token.chars().filter(|c| !matches!(*c, HYPHEN | JOINT)).collect()
}

fn put(found: &mut Vec<String>, word: &str) {
    for word in [Some(word), without_article(word)].into_iter().flatten() {
        let word = squeezed(word);
        if !word.is_empty() && !found.contains(&word) {
            found.push(word);
        }
    }
}

fn without_article(word: &str) -> Option<&str> {
    word.strip_prefix(ARTICLE).filter(|rest| rest.chars().count() > 1)
}

/// Vowels that one country writes as one letter and another as two: ä ae, ö oe, ü ue, å aa.
fn squeezed(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        let is_second = matches!(
            (out.chars().next_back(), c),
            (Some('a'), 'a' | 'e') | (Some('o' | 'u'), 'e')
        );
        if !is_second {
            out.push(c);
        }
    }
    out
}
