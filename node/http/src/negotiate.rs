//! What form the caller wants the answer in.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};

use crate::outcome::Failure;

/// What a write answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Return {
    /// Headers only.
    Minimal,
    /// The record as it is now.
    #[default]
    Representation,
    /// An OperationOutcome.
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
    let mut wishes = Wishes::default();
    let mut format = None;
    for pair in query.unwrap_or_default().split('&') {
        match pair.split_once('=') {
            Some(("_format", value)) => format = Some(value.to_ascii_lowercase()),
            Some(("_pretty", value)) => wishes.pretty = value == "true",
            _ => {}
        }
    }
    match format {
        Some(format) => {
            let plain = format.replace("%2f", "/").replace("%2b", "+").replace(' ', "+");
            let mime = plain.split([';', '%']).next().unwrap_or_default();
            if !is_json(mime) {
                return Err(not_acceptable(mime.contains("xml")));
            }
        }
        None => check_accept(headers)?,
    }
    for value in headers.get_all("prefer") {
        for part in value.to_str().unwrap_or_default().split([',', ';']) {
            match part.trim() {
                "return=minimal" => wishes.returning = Return::Minimal,
                "return=representation" => wishes.returning = Return::Representation,
                "return=OperationOutcome" => wishes.returning = Return::OperationOutcome,
                "handling=lenient" => wishes.lenient = true,
                _ => {}
            }
        }
    }
    Ok(wishes)
}

fn check_accept(headers: &HeaderMap) -> Result<(), Failure> {
    let mut any = false;
    let mut xml = false;
    for value in headers.get_all(ACCEPT) {
        for part in value.to_str().unwrap_or_default().split(',') {
            let mut fields = part.split(';').map(str::trim);
            let mime = fields.next().unwrap_or_default().to_ascii_lowercase();
            if mime.is_empty() {
                continue;
            }
            any = true;
            let version = fields.find_map(|field| field.strip_prefix("fhirVersion="));
            let fits = version.is_none_or(|version| version.starts_with("4.0"));
            if fits && (is_json(&mime) || matches!(mime.as_str(), "*/*" | "application/*" | "text/html")) {
                return Ok(());
            }
            xml |= mime.contains("xml");
        }
    }
    if any { Err(not_acceptable(xml)) } else { Ok(()) }
}

fn is_json(mime: &str) -> bool {
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
        ] {
            assert!(wishes(&accept(good), None).is_ok(), "{good}");
        }
        for bad in [
            "application/fhir+xml",
            "text/turtle",
            "application/fhir+json; fhirVersion=3.0",
        ] {
            assert!(wishes(&accept(bad), None).is_err(), "{bad}");
        }
        assert!(wishes(&accept("application/fhir+xml"), Some("_format=json")).is_ok());
        assert!(wishes(&HeaderMap::new(), Some("_format=application%2Ffhir%2Bxml")).is_err());
        assert!(
            wishes(
                &HeaderMap::new(),
                Some("_format=application%2Ffhir%2Bjson&_pretty=true")
            )
            .is_ok_and(|w| w.pretty)
        );
    }
}
