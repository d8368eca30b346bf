//! What form the caller wants the answer in.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};

use chaski_clinic::text::query_pairs;
use mime::Mime;

use crate::outcome::Failure;

/// What a write answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Return {
    /// Status and headers, without a body.
    Minimal,
    /// The record as it is now.
    #[default]
    Representation,
    /// An OperationOutcome that says what was done.
    OperationOutcome,
}

/// The wishes of one request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wishes {
    /// Indented, for people.
    pub(crate) pretty: bool,
    /// What a write answers with.
    pub(crate) returning: Return,
    /// Unknown search parameters are left out rather than refused.
    pub(crate) lenient: bool,
}

/// Reads `Accept`, `_format`, `_pretty` and `Prefer`.
pub(crate) fn wishes(headers: &HeaderMap, query: Option<&str>) -> Result<Wishes, Failure> {
    let pairs = query_pairs(query.unwrap_or_default());
    let pairs = pairs.ok_or_else(|| Failure::bad_request("the query is not percent-encoded well"))?;
    wishes_of(headers, &pairs)
}

/// As [`wishes`], where the parameters have been read: of a search that is posted they stand in the body too.
pub(crate) fn wishes_of(headers: &HeaderMap, pairs: &[(String, String)]) -> Result<Wishes, Failure> {
    let mut wishes = Wishes::default();
    let mut format = None;
    for (name, value) in pairs {
        match name.as_str() {
            "_format" => format = Some(value.to_ascii_lowercase()),
            "_pretty" => wishes.pretty = value == "true",
            _ => {}
        }
    }
    match format {
        Some(format) => {
            // A plus that was not escaped is a space by now.
            let plain = format
                .trim()
                .replace("fhir json", "fhir+json")
                .replace("json fhir", "json+fhir");
            let range = media_type(&plain).or_else(|| media_type(&format!("application/{plain}")));
            if !range.is_some_and(|range| is_json(range.essence_str()) && is_r4(&range)) {
                return Err(not_acceptable(plain.contains("xml")));
            }
        }
        None => check_accept(headers)?,
    }
    let mut preferences = Vec::new();
    for value in headers.get_all("prefer") {
        preferences.extend(members(value.to_str().unwrap_or_default(), &[',', ';']));
    }
    // RFC 7240: names in any case, values as a word or between quotes, spaces round the sign; of two the first counts.
    let told = |wanted: &str| {
        let pairs = preferences.iter().filter_map(|part| part.split_once('='));
        let mut values = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
        values.next().map(|(_, value)| value.trim().trim_matches('"'))
    };
    match told("return") {
        Some("minimal") => wishes.returning = Return::Minimal,
        Some("OperationOutcome") => wishes.returning = Return::OperationOutcome,
        _ => {}
    }
    wishes.lenient = told("handling") == Some("lenient");
    Ok(wishes)
}

/// The members of a header's list, without those that are empty: what stands between quotes is one, whatever is in it.
pub(crate) fn members<'a>(text: &'a str, between: &'a [char]) -> Vec<&'a str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let ends = text.split(move |char: char| {
        let was_escaped = std::mem::replace(&mut is_escaped, false);
        match char {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if is_quoted => is_escaped = !was_escaped,
            _ => {}
        }
        !is_quoted && between.contains(&char)
    });
    ends.map(str::trim).filter(|member| !member.is_empty()).collect()
}

/// A media type or a range of them. The library knows no space before a semicolon, which RFC 9110 allows.
pub(crate) fn media_type(text: &str) -> Option<Mime> {
    members(text, &[';']).join(";").parse().ok()
}

/// Whether it asks for the FHIR that is spoken here, where it names one.
pub(crate) fn is_r4(range: &Mime) -> bool {
    let version = range.get_param("fhirversion");
    version.is_none_or(|version| version.as_str().starts_with("4.0"))
}

/// How much a range of media types is wanted: `q`, 1 if not said.
fn quality(range: &Mime) -> f32 {
    let q = range.get_param("q").map(|q| q.as_str().parse());
    q.unwrap_or(Ok(1.0)).unwrap_or(0.0)
}

/// Whether some form of JSON is wanted. Of the ranges that hold it the most exact counts, so that
/// `application/fhir+json;q=0, */*` asks for anything but it.
fn check_accept(headers: &HeaderMap) -> Result<(), Failure> {
    let mut any = false;
    let mut xml = false;
    // By how exact: the type itself, `application/*`, anything.
    let mut wanted: [Option<bool>; 3] = [None; 3];
    for value in headers.get_all(ACCEPT) {
        for part in members(value.to_str().unwrap_or_default(), &[',']) {
            any = true;
            let Some(range) = media_type(part) else {
                continue;
            };
            let essence = range.essence_str();
            xml |= essence.contains("xml");
            let exact = match essence {
                "*/*" => 2,
                "application/*" => 1,
                other if is_json(other) || other == "text/html" => 0,
                _ => continue,
            };
            let fits = is_r4(&range);
            if let Some(one) = wanted.get_mut(exact) {
                *one = Some(one.unwrap_or(false) || (fits && quality(&range) > 0.0));
            }
        }
    }
    match wanted.iter().flatten().next() {
        Some(true) => Ok(()),
        None if !any => Ok(()),
        _ => Err(not_acceptable(xml)),
    }
}

pub(crate) fn is_json(mime: &str) -> bool {
    matches!(
        mime,
        "json" | "application/json" | "application/fhir+json" | "text/json" | "application/json+fhir"
    )
}

fn not_acceptable(xml: bool) -> Failure {
    let message = if xml {
        "XML is not supported: ask for application/fhir+json"
    } else {
        "only FHIR R4 as application/fhir+json can be had here"
    };
    Failure::new(StatusCode::NOT_ACCEPTABLE, "not-supported", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, text.parse().expect("a header value"));
        headers
    }

    #[test]
    fn json_in_its_spellings_is_accepted_and_the_rest_is_not() {
        for good in [
            "*/*",
            "application/fhir+json",
            "application/json;q=0.9",
            "application/fhir+xml, application/fhir+json;q=0.5",
            "application/fhir+json; fhirVersion=4.0",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "APPLICATION/JSON; charset=UTF-8",
            "application/xml;q=0, application/*;q=0.1",
            "application/fhir+xml;q=1.0, application/json ; q=0.001",
            "text/turtle, application/fhir+json; fhirVersion=4.0.1; q=0.2",
            r#"application/json;profile="a,b""#,
            r#"text/turtle;note="\",", application/json"#,
        ] {
            assert!(wishes(&accept(good), None).is_ok(), "{good}");
        }
        for bad in [
            "application/fhir+xml",
            "text/turtle",
            "application/fhir+json; fhirVersion=3.0",
            "application/fhir+json;q=0",
            "application/fhir+json;q=0, */*",
            "application/*;q=0.0, */*;q=1",
            "application/json;q=much",
            r#"text/turtle;note=", application/json""#,
            "json please",
        ] {
            assert!(wishes(&accept(bad), None).is_err(), "{bad}");
        }
        // Nothing is wanted in particular.
        for nothing in ["", " , "] {
            assert!(wishes(&accept(nothing), None).is_ok(), "{nothing}");
        }
        for (xml, is_told) in [
            ("application/fhir+xml", true),
            ("application/xml, text/turtle", true),
            ("application/xml, application/fhir+xml", true),
            ("text/turtle", false),
        ] {
            let told = format!("{:?}", wishes(&accept(xml), None).expect_err(xml));
            assert_eq!(told.contains("XML is not supported"), is_told, "{xml}: {told}");
        }
        assert!(wishes(&accept("application/fhir+xml"), Some("_format=json")).is_ok());
        for good in [
            "application/fhir+json",
            "application/fhir%2Bjson;fhirVersion=4.0",
            "application/json%2Bfhir",
            "json",
            "JSON;charset=utf-8",
        ] {
            assert!(
                wishes(&HeaderMap::new(), Some(&format!("_format={good}"))).is_ok(),
                "{good}"
            );
        }
        for bad in [
            "application/fhir%2Bjson;fhirVersion=3.0",
            "json;fhirVersion=3.0",
            "turtle",
            "json%zz",
        ] {
            assert!(
                wishes(&HeaderMap::new(), Some(&format!("_format={bad}"))).is_err(),
                "{bad}"
            );
        }
        assert!(wishes(&HeaderMap::new(), Some("_format=application%2Ffhir%2Bxml")).is_err());
        assert!(
            wishes(
                &HeaderMap::new(),
                Some("_format=application%2Ffhir%2Bjson&_pretty=true")
            )
            .is_ok_and(|w| w.pretty)
        );
    }

    #[test]
    fn preferences_are_read_in_every_spelling_of_the_standard() {
        let prefer = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", text.parse().expect("a header value"));
            wishes(&headers, None).expect("wishes")
        };
        for minimal in [
            "return=minimal",
            "return=\"minimal\"",
            "Return = minimal",
            "respond-async, return=minimal",
        ] {
            assert_eq!(prefer(minimal).returning, Return::Minimal, "{minimal}");
        }
        let both = prefer("handling=\"lenient\"; return=\"OperationOutcome\"");
        assert!(both.lenient && both.returning == Return::OperationOutcome);
        let first = prefer("return=minimal, return=representation");
        assert_eq!(first.returning, Return::Minimal);
        let quoted = prefer(r#"note="x;return=OperationOutcome, \"handling=lenient", return=minimal"#);
        assert!(!quoted.lenient && quoted.returning == Return::Minimal);
        let neither = prefer("return=everything, handling, minimal");
        assert!(!neither.lenient && neither.returning == Return::Representation);
    }
}
