//! Texts and numbers in the letters that they are read in.

use chaski_fhir::digits::ascii_digits;

/// A text as it is read: ASCII digits for those of every script, plain spaces, hyphens and signs, and none of the
/// marks of direction that keyboards and pages of right-to-left scripts put in between.
#[must_use]
pub fn plain(typed: &str) -> String {
    let is_seen = |letter: &char| !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{61c}' | '\u{feff}');
    let letters: String = typed
        .chars()
        .filter(is_seen)
        .map(|letter| match letter {
            _ if letter.is_whitespace() && !letter.is_control() => ' ',
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}' | '\u{fe63}' => '-',
            '\u{ff0f}' | '\u{2044}' | '\u{2215}' => '/',
            '\u{ff0e}' => '.',
            '\u{ff0c}' | '\u{60c}' => ',',
            '\u{ff0b}' => '+',
            '\u{ff08}' => '(',
            '\u{ff09}' => ')',
            _ => letter,
        })
        .collect();
    ascii_digits(letters.trim())
}

/// A number as records write it, with a point and without thousands marks; `Err` with what it may mean where that is
/// not one number, or with nothing where it is none.
pub(super) fn number_text(typed: &str) -> Result<String, Vec<String>> {
    let text = plain(typed);
    // Arabic's own two marks mean one thing each.
    if text.contains(['\u{66b}', '\u{66c}']) {
        let text = text.replace('\u{66c}', "").replace('\u{66b}', ".");
        return if text.contains(',') {
            Err(Vec::new())
        } else {
            Ok(text)
        };
    }
    let Some((whole, last)) = text.rsplit_once(',') else {
        return Ok(text);
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let thousands = |whole: &str, mark: char| {
        let mut parts = whole.trim_start_matches('-').split(mark);
        let first = parts.next().unwrap_or_default();
        digits(first)
            && first.len() <= 3
            && !first.starts_with('0')
            && parts.all(|part| part.len() == 3 && digits(part))
    };
    match last.split_once('.') {
        // 1,234.5
        Some((group, fraction)) if thousands(&format!("{whole},{group}"), ',') && digits(fraction) => {
            Ok(text.replace(',', ""))
        }
        Some(_) => Err(Vec::new()),
        // 1.234,5
        None if whole.contains('.') => match thousands(whole, '.') && digits(last) {
            true => Ok(format!("{}.{last}", whole.replace('.', ""))),
            false => Err(Vec::new()),
        },
        // 1,500 and 1,234,567
        None if thousands(&text, ',') => {
            let all = text.replace(',', "");
            match whole.contains(',') {
                true => Ok(all),
                false => Err(vec![format!("{whole}.{last}"), all]),
            }
        }
        None if whole.contains(',') => Err(Vec::new()),
        None => Ok(format!("{whole}.{last}")),
    }
}

/// A number with a digit before its point, and no zeros that mean nothing before that: `.5`, `5.` and `05` are said
/// and typed, and no JSON.
pub(super) fn whole_digits(text: String) -> String {
    let text = text.strip_suffix('.').map(str::to_owned).unwrap_or(text);
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.as_str()),
    };
    let is_digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    let mut rest = rest;
    while rest.starts_with('0') && is_digit(rest.chars().nth(1)) {
        rest = rest.strip_prefix('0').unwrap_or_default();
    }
    match rest.strip_prefix('.') {
        Some(decimals) if is_digit(decimals.chars().next()) => format!("{sign}0.{decimals}"),
        _ => format!("{sign}{rest}"),
    }
}
