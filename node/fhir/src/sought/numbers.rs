//! Identifiers and phone numbers without what people write them with.

use super::letters::plain;
use crate::digits::ascii_digits;

/// Digits in which two numbers must agree that differ in what stands before them.
const LAST_DIGITS: usize = 7;
/// Digits of a phone number, at least and at most (ITU-T E.164 has 15, and 00 may stand before them).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 3..=17;

/// An identifier in plain letters and digits, without spaces and punctuation.
pub fn bare(value: &str) -> String {
    plain(value).chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The digits of an identifier alone, if it has any.
pub fn digits_of(value: &str) -> Option<String> {
    let digits: String = ascii_digits(value).chars().filter(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

/// A phone number, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// The country's calling code, where it is written.
    pub country: Option<String>,
    /// The number within the country, without the nought that is dialled before it there.
    pub national: String,
}

/// How two phone numbers agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneMatch {
    /// They are one number.
    Same,
    /// They end alike; what stands before is written of one of them only.
    Ending,
    /// They are two numbers.
    Other,
}

impl Phone {
    /// Reads a number as people write it; nothing where it is none.
    pub fn read(text: &str) -> Option<Phone> {
        let text = ascii_digits(text.trim()).to_lowercase().replace("(0)", "");
        let text = text.strip_prefix("tel:").unwrap_or(&text);
        // An extension is of the house, not of the person.
        let text = text.split(['x', '#', ';', 'e']).next().unwrap_or_default();
        let is_number = text.chars().all(|c| c.is_ascii_digit() || !c.is_alphanumeric());
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        if !is_number || !PHONE_DIGITS.contains(&digits.len()) {
            return None;
        }
        let is_abroad = text.starts_with(['+', '＋']);
        let abroad = match is_abroad {
            true => Some(digits.trim_start_matches('0')),
            false => digits.strip_prefix("00").map(|rest| rest.trim_start_matches('0')),
        };
        let local = || Phone {
            country: None,
            national: digits.trim_start_matches('0').to_owned(),
        };
        let phone = match abroad.and_then(|digits| digits.split_at_checked(calling_code_digits(digits))) {
            Some((country, national)) if national.len() >= 3 => Phone {
                country: Some(country.to_owned()),
                national: national.trim_start_matches('0').to_owned(),
            },
            _ => local(),
        };
        (!phone.national.is_empty()).then_some(phone)
    }

    /// With the country's code, as far as it is written.
    pub fn digits(&self) -> String {
        format!("{}{}", self.country.as_deref().unwrap_or_default(), self.national)
    }

    /// How it agrees with another. A number without its country's code is of the country whose code is `own`,
    /// if that is known; where it isn't, or says otherwise, numbers that end alike are no more than that.
    pub fn compare(&self, other: &Phone, own: Option<&str>) -> PhoneMatch {
        let is_ending = self.national == other.national
            || ends_with(&self.national, &other.national)
            || ends_with(&other.national, &self.national);
        let is_national_same = self.national == other.national;
        match (self.country.as_deref(), other.country.as_deref()) {
            (Some(a), Some(b)) if a != b => PhoneMatch::Other,
            (Some(_), Some(_)) | (None, None) if is_national_same => PhoneMatch::Same,
            (Some(country), None) | (None, Some(country)) if is_national_same && own == Some(country) => {
                PhoneMatch::Same
            }
            _ if is_ending => PhoneMatch::Ending,
            _ => PhoneMatch::Other,
        }
    }
}

fn ends_with(long: &str, short: &str) -> bool {
    short.len() >= LAST_DIGITS && long.ends_with(short)
}

/// Whether these digits are a country's calling code, by their form.
pub fn is_calling_code(digits: &str) -> bool {
    let is_digits = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    // Whatever follows it, it is told by its first two digits.
    is_digits && !digits.is_empty() && calling_code_digits(&format!("{digits}0")) == digits.len()
}

/// How many of an international number's digits are the country's code (ITU-T E.164, the assigned codes: none
/// begins another, so that the first two digits tell).
fn calling_code_digits(digits: &str) -> usize {
    let two: u8 = digits
        .get(..2)
        .and_then(|two| two.parse().ok())
        .unwrap_or_default();
    match two {
        10..=19 | 70..=79 => 1,
        20 | 27 | 30..=34 | 36 | 39..=41 | 43..=49 | 51..=58 | 60..=66 | 81 | 82 | 84 | 86 | 90..=95 | 98 => {
            2
        }
        _ => 3,
    }
}
