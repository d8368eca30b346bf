//! Words that sound alike, or differ by a slip of the hand.

use strsim::{jaro_winkler, osa_distance};

/// Letters from which two slips may be; below four, two words must begin alike for one to be one.
const TWO_SLIPS_CHARS: usize = 7;
/// Letters of a sound that tell one name from another; and of one that does in words so long, two slips apart.
const SOUND_CHARS_MIN: usize = 3;
const SHORT_SOUND_CHARS: usize = 2;
const LONG_WORD_CHARS: usize = 5;

/// Letters put in, left out, changed or swapped with their neighbour (optimal string alignment).
pub fn edits(a: &str, b: &str) -> usize {
    osa_distance(a, b)
}

/// Likeness of two words between 0 and 1, by Jaro and Winkler.
pub fn likeness(a: &str, b: &str) -> f64 {
    jaro_winkler(a, b)
}

/// Whether two words of [`super::words`] may be one that was heard or typed wrong.
pub fn is_near(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (a_chars, b_chars) = (a.chars().count(), b.chars().count());
    let shorter = a_chars.min(b_chars);
    let slips = match shorter {
        0..=2 => 0,
        3 if a.chars().next() != b.chars().next() => 0,
        3..TWO_SLIPS_CHARS => 1,
        _ => 2,
    };
    if slips > 0 && a_chars.abs_diff(b_chars) <= slips && edits(a, b) <= slips {
        return true;
    }
    let is_told = |sound: &String| {
        sound.len() >= SOUND_CHARS_MIN
            || (sound.len() >= SHORT_SOUND_CHARS && shorter >= LONG_WORD_CHARS && edits(a, b) <= 2)
    };
    let sound_of = |word: &str| sound(word).filter(is_told);
    match (sound_of(a), sound_of(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// How a Latin word sounds, roughly, in the languages that write it: consonants that one name is written with
/// here and another there are one (qu, c, k; b, v, w; ph, f; ll, y; j, dj, g before e and i; s, z, c before e
/// and i), an h is silent, and vowels are left out but for the first. Nothing for other scripts.
pub fn sound(word: &str) -> Option<String> {
    if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let mut sound = String::with_capacity(word.len());
    let mut rest = word;
    let mut last = None;
    while let Some(first) = rest.chars().next() {
        let (heard, len) = heard(rest, first);
        let is_first = rest.len() == word.len();
        rest = rest.get(len..).unwrap_or_default();
        let heard = match heard {
            // A vowel at the beginning, and behind a silent h there, is heard.
            Some('a') if is_first || (sound.is_empty() && last == Some('h')) => Some('a'),
            Some('a') => {
                last = Some('a');
                continue;
            }
            None => {
                last = last.or(Some('h'));
                continue;
            }
            other => other,
        };
        if heard != last {
            sound.extend(heard);
        }
        last = heard;
    }
    Some(sound)
}

/// What the beginning of `rest` sounds like (`a` for a vowel, nothing for silence), and its letters.
fn heard(rest: &str, first: char) -> (Option<char>, usize) {
    const PAIRS: [(&str, char); 17] = [
        ("sch", 'x'),
        ("tch", 'x'),
        ("dzh", 'j'),
        ("ph", 'f'),
        ("sh", 'x'),
        ("ch", 'x'),
        ("kh", 'k'),
        ("gh", 'g'),
        ("th", 't'),
        ("dh", 'd'),
        ("dj", 'j'),
        ("ck", 'k'),
        ("ll", 'y'),
        ("ny", 'n'),
        ("gn", 'n'),
        ("qu", 'k'),
        ("ts", 's'),
    ];
    if let Some((pair, sound)) = PAIRS.iter().find(|(pair, _)| rest.starts_with(pair)) {
        return (Some(*sound), pair.len());
    }
    let second = rest.chars().nth(1);
    let is_soft = matches!(second, Some('e' | 'i' | 'y'));
    let sound = match first {
        'a' | 'e' | 'i' | 'o' | 'u' => 'a',
        // Between consonants and at the end it is a vowel.
        'y' if !matches!(second, Some('a' | 'e' | 'i' | 'o' | 'u')) => 'a',
        'h' => return (None, 1),
        'c' if is_soft => 's',
        'c' | 'k' | 'q' => 'k',
        'g' if is_soft => 'j',
        'b' | 'v' | 'w' => 'v',
        's' | 'z' => 's',
        other => other,
    };
    (Some(sound), 1)
}
