//! Formats of primitives (R4, datatypes).

use chaski_json::Json;

use crate::date::{self, Precision};
use crate::id::is_fhir_id;

/// Longest string: R4 says 1 MB.
const STRING_BYTES_MAX: usize = 1024 * 1024;

/// What is wrong with a value of this primitive type.
pub(super) fn check(type_code: &str, value: &Json) -> Result<(), &'static str> {
    match (type_code, value) {
        ("boolean", Json::Bool(_)) => Ok(()),
        ("boolean", _) => Err("must be true or false, without quotes"),
        ("integer" | "positiveInt" | "unsignedInt" | "decimal", Json::Number(number)) => {
            number_of(type_code, number.as_str())
        }
        ("integer" | "positiveInt" | "unsignedInt" | "decimal", _) => Err("must be a number, without quotes"),
        (_, Json::String(text)) => string(type_code, text),
        _ => Err("must be a string"),
    }
}

fn number_of(type_code: &str, literal: &str) -> Result<(), &'static str> {
    if type_code == "decimal" {
        return Ok(());
    }
    let value: i32 = literal.parse().map_err(|_| "must be a whole number of 32 bits")?;
    match type_code {
        "positiveInt" if value < 1 => Err("must be 1 or more"),
        "unsignedInt" if value < 0 => Err("must be 0 or more"),
        _ => Ok(()),
    }
}

fn string(type_code: &str, text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("must not be empty");
    }
    if type_code != "base64Binary" && text.len() > STRING_BYTES_MAX {
        return Err("is longer than 1 MB");
    }
    let fits = |is: bool, what: &'static str| if is { Ok(()) } else { Err(what) };
    match type_code {
        "code" => fits(
            is_code(text),
            "is not a code: no leading, trailing or double spaces",
        ),
        "id" => fits(is_fhir_id(text), "is not an id: 1 to 64 letters, digits, - and ."),
        "uri" | "url" | "canonical" => {
            fits(!text.chars().any(char::is_whitespace), "must not contain spaces")
        }
        "oid" => fits(is_oid(text), "is not an OID (urn:oid:1.2.3)"),
        "uuid" => fits(is_uuid_urn(text), "is not a UUID (urn:uuid:...)"),
        "base64Binary" => fits(is_base64(text), "is not base64"),
        "date" => fits(
            date_within(text, Precision::Day),
            "is not a date (YYYY, YYYY-MM or YYYY-MM-DD)",
        ),
        "dateTime" => fits(
            is_date_time(text),
            "is not a date and time (with seconds and time zone)",
        ),
        "instant" => fits(is_instant(text), "is not an instant (with seconds and time zone)"),
        "time" => fits(is_time(text), "is not a time (hh:mm:ss)"),
        "xhtml" => super::narrative::check(text),
        _ => fits(
            !text.trim().is_empty() && !text.chars().any(is_control),
            "is blank or has control characters",
        ),
    }
}

/// What is unwise about a value that [`check`] lets pass.
pub(super) fn doubt(type_code: &str, text: &str) -> Option<&'static str> {
    if !matches!(type_code, "uri" | "url" | "canonical") {
        return None;
    }
    let name = text.split(['#', '|']).next().unwrap_or(text);
    if name
        .strip_prefix("urn:uuid:")
        .is_some_and(|uuid| !crate::id::is_uuid(uuid))
    {
        return Some("has urn:uuid: but no lower-case UUID");
    }
    (name.starts_with("urn:oid:") && !is_oid(name)).then_some("has urn:oid: but no OID")
}

fn is_control(c: char) -> bool {
    c < ' ' && !matches!(c, '\t' | '\n' | '\r')
}

fn is_code(text: &str) -> bool {
    text.split([' ', '\t', '\n', '\r']).all(|word| !word.is_empty())
}

fn is_oid(text: &str) -> bool {
    let arc = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    text.strip_prefix("urn:oid:")
        .is_some_and(|oid| oid.starts_with(['0', '1', '2']) && oid.split('.').all(arc))
}

fn is_uuid_urn(text: &str) -> bool {
    text.strip_prefix("urn:uuid:")
        .is_some_and(|uuid| crate::id::is_uuid(&uuid.to_ascii_lowercase()))
}

fn is_base64(text: &str) -> bool {
    let mut count = 0usize;
    let mut padding = 0usize;
    for byte in text.bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        count += 1;
    }
    count.is_multiple_of(4) && padding <= 2
}

fn date_within(text: &str, most: Precision) -> bool {
    date::parse(text).is_some_and(|moment| moment.precision <= most)
}

fn is_date_time(text: &str) -> bool {
    date::parse(text).is_some_and(|moment| match moment.precision {
        Precision::Year | Precision::Month | Precision::Day => true,
        Precision::Minute => false,
        Precision::Second => moment.has_zone,
    })
}

fn is_instant(text: &str) -> bool {
    date::parse(text).is_some_and(|moment| moment.precision == Precision::Second && moment.has_zone)
}

fn is_time(text: &str) -> bool {
    let mut rest = text.as_bytes();
    matches!(date::time(&mut rest), Some((_, _, Precision::Second))) && rest.is_empty()
}
