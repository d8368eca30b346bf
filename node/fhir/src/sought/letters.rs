//! One spelling of letters.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use crate::digits::ascii_digit;

/// Stands for every sign that people drop or write as another: apostrophes, the ʻokina, the hamza alone.
pub(super) const JOINT: char = '\'';
/// Stands for every hyphen.
pub(super) const HYPHEN: char = '-';

/// Marks that ornament a letter, and strokes that only shape one.
pub(crate) fn is_ornament(c: char) -> bool {
    // U+0640 is the Arabic stretching stroke; zero-width joiners only shape letters.
    if matches!(c, '\u{640}' | '\u{200c}'..='\u{200f}' | '\u{ad}') {
        return true;
    }
    matches!(canonical_combining_class(c), 1 | 10..=36 | 200..=240)
}

/// Whether it is a letter of a script that is written without spaces between family name and given name.
pub fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The text in one spelling: words and numbers in plain letters and ASCII digits, [`HYPHEN`] and [`JOINT`]
/// where they stood, and one space for all else.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let lower = text.nfkd().flat_map(char::to_lowercase).nfkd();
    for c in lower.filter(|c| !is_ornament(*c)).nfc() {
        unify(c, &mut plain);
    }
    plain
}

/// Puts what a letter counts as.
fn unify(c: char, out: &mut String) {
    if c.is_ascii_alphanumeric() {
        return out.push(c);
    }
    if let Some(digit) = ascii_digit(c) {
        return out.push(digit);
    }
    if let Some(latin) = latin(c) {
        return out.push_str(latin);
    }
    match c {
        '\''
        | '`'
        | '\u{b4}'
        | '\u{2018}'..='\u{201b}'
        | '\u{2bb}'..='\u{2bf}'
        | '\u{2b9}'
        | '\u{2ca}'
        | '\u{2cb}'
        | '\u{2032}'
        | '\u{5f3}'
        | '\u{a78b}'
        | '\u{a78c}'
        | '\u{621}' => out.push(JOINT),
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{5be}' | '\u{fe63}' => out.push(HYPHEN),
        _ if c.is_alphanumeric() || canonical_combining_class(c) != 0 => match canonical_combining_class(c) {
            // The dot below that makes a sound of another language: as often left out.
            7 => {}
            _ => out.push(unify_script(c)),
        },
        _ => out.push(' '),
    }
}

/// Letters that have no accent to take off, as people write them without.
fn latin(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' | 'ɔ' | 'ɵ' => "o",
        'ł' | 'ƚ' => "l",
        'đ' | 'ð' | 'ɖ' | 'ɗ' => "d",
        'þ' => "th",
        'ħ' => "h",
        'ŋ' | 'ɲ' => "n",
        'ı' | 'ɨ' | 'ɩ' => "i",
        'ɓ' => "b",
        'ɛ' | 'ǝ' | 'ə' => "e",
        'ƙ' => "k",
        'ƴ' => "y",
        'ŧ' => "t",
        'ʋ' => "v",
        'ʉ' | 'ʊ' => "u",
        _ => return None,
    })
}

/// Letters of one script that differ by their place in the word, by typewriter or by spelling only.
fn unify_script(c: char) -> char {
    match c {
        'ς' => 'σ',
        // Arabic, Persian, Urdu: final and dotless forms, alef, taa marbuta, kaf, heh.
        'ى' | 'ی' | 'ې' | 'ے' => 'ي',
        'ک' | 'ڪ' => 'ك',
        'ٱ' => 'ا',
        'ة' | 'ۃ' | 'ہ' | 'ھ' | 'ە' | 'ۀ' => 'ه',
        // Hebrew final forms.
        'ך' => 'כ',
        'ם' => 'מ',
        'ן' => 'נ',
        'ף' => 'פ',
        'ץ' => 'צ',
        // Devanagari: the moon dot and the dot.
        'ँ' => 'ं',
        // Katakana as Hiragana.
        '\u{30a1}'..='\u{30f6}' => char::from_u32(u32::from(c) - 0x60).unwrap_or(c),
        '\u{1200}'..='\u{137f}' => ethiopic(c),
        other => other,
    }
}

/// Ethiopic letters that sound the same today, as one: ሐ ኀ ኸ as ሀ, ሠ as ሰ, ዐ as አ, ፀ as ጸ; of ሀ and አ the
/// first and the fourth order too; the old rounded letters as the round order.
fn ethiopic(c: char) -> char {
    let code = u32::from(c);
    let same = match code {
        0x1210..=0x1217 => code - 0x10,
        0x1280..=0x1287 => code - 0x80,
        0x12b8..=0x12bf => code - 0xb8,
        0x1220..=0x1227 => code + 0x10,
        0x12d0..=0x12d7 => code - 0x30,
        0x1340..=0x1347 => code - 8,
        0x1310 => 0x130e,
        0x12b0 => 0x12ae,
        0x1248 => 0x1246,
        0x1288 => 0x1206,
        other => other,
    };
    let same = match same {
        0x1203 => 0x1200,
        0x12a3 => 0x12a0,
        0x12c9 => 0x12cd,
        other => other,
    };
    char::from_u32(same).unwrap_or(c)
}
