//! Folding of strings for search: what people type finds what people wrote.

use unicode_normalization::UnicodeNormalization;

use crate::sought::is_ornament;

/// Folded text: compatibility forms resolved, accents and vowel points removed, lower case,
/// spaces collapsed.
///
/// Only marks that ornament a letter go (accents; Arabic and Hebrew points; hamza and madda, so
/// that alef forms meet). Marks that are letters of their own (Indic and Thai vowels, Japanese
/// voicing) stay, and so do letters that merely look alike.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return collapse(
            text.bytes().map(|byte| char::from(byte.to_ascii_lowercase())),
            text.len(),
        );
    }
    let lower = text.nfkd().flat_map(char::to_lowercase).nfkd();
    collapse(lower.filter(|c| !is_ornament(*c)).map(unify), text.len())
}

fn collapse(letters: impl Iterator<Item = char>, capacity: usize) -> String {
    let mut folded = String::with_capacity(capacity);
    let mut pending_space = false;
    for letter in letters {
        if letter.is_whitespace() {
            pending_space = !folded.is_empty();
            continue;
        }
        if std::mem::take(&mut pending_space) {
            folded.push(' ');
        }
        folded.push(letter);
    }
    folded
}

/// Letters that differ by place in the word or by typewriter only.
fn unify(c: char) -> char {
    match c {
        'ς' => 'σ',
        'ى' | 'ی' => 'ي',
        'ک' => 'ك',
        'ٱ' => 'ا',
        'ı' => 'i',
        'ø' => 'o',
        'ł' => 'l',
        'đ' => 'd',
        '\u{2018}' | '\u{2019}' | '\u{2bc}' => '\'',
        '\u{2010}'..='\u{2015}' => '-',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_find_what_people_wrote() {
        for (written, typed) in [
            ("  José   María ", "jose maria"),
            ("Acuña", "ACUNA"),
            ("Łukasz Strøm", "lukasz strom"),
            ("أحمد", "احمد"),
            ("مُحَمَّد", "محمد"),
            ("محـــمد", "محمد"),
            ("على", "علي"),
            ("İstanbul", "istanbul"),
            ("ＡＢＣ", "abc"),
            ("Nguyễn", "nguyen"),
            ("O’Hara", "o'hara"),
        ] {
            assert_eq!(fold(written), fold(typed), "{written}");
        }
        for (a, b) in [("कमल", "कमली"), ("ของ", "ขอ"), ("が", "か"), ("ha", "hb")] {
            assert_ne!(fold(a), fold(b));
        }
        assert_eq!(fold(&fold("Ünï É أ が")), fold("Ünï É أ が"));
    }
}
