//! What the node tells of its requests: the audit log, the counters, and each failure's status and code.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Method;
use axum::response::IntoResponse;
use chaski_clinic::access::TokenKind;
use chaski_clinic::record::RecordError;
use chaski_clinic::{Denied, Origin};
use chaski_fhir::search::SearchError;
use chaski_store::RecordKey;

use super::server::{PATIENT, Server};
use crate::Metrics;
use crate::outcome::Failure;

const ASKED: usize = 11;

/// What is asked of one patient: method, address, body.
fn asked(key: &str, version: &str) -> [(Method, String, String); ASKED] {
    let batch = |method: &str, url: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"batch","entry":[{{"request":{{"method":"{method}","url":"{url}"}}}}]}}"#
        )
    };
    [
        (Method::GET, format!("/fhir/{key}"), String::new()),
        (
            Method::GET,
            format!("/fhir/{key}/_history/{version}"),
            String::new(),
        ),
        (Method::GET, format!("/fhir/{key}/_history"), String::new()),
        (Method::GET, "/fhir/Patient/_history".into(), String::new()),
        (Method::GET, "/fhir/_history".into(), String::new()),
        (Method::GET, "/fhir/Patient?gender=female".into(), String::new()),
        (Method::GET, format!("/fhir/{key}/Observation"), String::new()),
        (Method::POST, "/fhir/Patient".into(), PATIENT.into()),
        (Method::POST, "/fhir".into(), batch("GET", "Condition?code=x")),
        (
            Method::PUT,
            format!("/fhir/{key}"),
            PATIENT.replace("female", "other").replace(
                "\"resourceType\"",
                &format!(
                    "\"id\":\"{}\",\"resourceType\"",
                    key.trim_start_matches("Patient/")
                ),
            ),
        ),
        (Method::DELETE, format!("/fhir/{key}"), String::new()),
    ]
}

#[tokio::test]
async fn what_was_asked_over_rest_is_audited_as_asked_there_by_whom_and_under_which_request() {
    let mut refused = 0;
    for nth in 0..ASKED {
        // The log counts what is asked alike within some minutes as one: each has a log of its own.
        let server = Server::new();
        let made = server.post("/fhir/Patient", PATIENT).await;
        let key = format!("Patient/{}", made.at("/id"));
        let (method, url, body) = asked(&key, &made.at("/meta/versionId"))[nth].clone();
        let may_not = format!(
            "Bearer {}",
            server.make_token("administrator", TokenKind::Personal)
        );
        let may = format!("Bearer {}", server.token);
        for token in [may_not, may] {
            let headers = [("authorization", token.as_str())];
            let reply = server.send(method.clone(), &url, &headers, &body).await;
            let said = format!("{method} {url}: {} {}", reply.status, reply.text);
            let id = u64::from_str_radix(reply.header("x-request-id"), 16).expect("an id");
            server.clinic.store().audit_flush().expect("flushed");
            let page = server.clinic.store().audit_list(None, 200).expect("the log");
            let own = page
                .entries
                .iter()
                .filter(|entry| entry.context.operation_id == id);
            let own: Vec<_> = own.map(|entry| &entry.context).collect();
            assert!(!own.is_empty(), "{said}");
            for context in own {
                assert_eq!(context.origin, Origin::Http, "{said}");
                let who = (context.user.as_str(), context.purpose.as_str());
                assert_eq!(who, ("ana", "treatment"), "{said}");
            }
            refused += u32::from(reply.status.as_u16() == 403);
        }
    }
    assert!(refused >= 9, "{refused}");
}

/// How often each method, address and status was answered.
async fn counted(server: &Server) -> BTreeMap<String, u64> {
    let text = server.get("/metrics").await.text;
    text.lines()
        .filter_map(|line| line.strip_prefix("chaski_http_requests_total"))
        .filter(|line| !line.contains("/metrics"))
        .map(|line| line.rsplit_once(' ').expect("a number"))
        .map(|(labels, count)| (labels.to_owned(), count.parse().expect("a number")))
        .collect()
}

#[tokio::test]
async fn every_answer_is_counted_under_its_method_address_and_status() {
    let server = Server::new();
    let key = server.create("Patient", PATIENT).await;
    let one = format!("/fhir/{key}");
    let mut before = counted(&server).await;
    for (method, url, headers, body, route, status) in [
        (Method::GET, one.as_str(), vec![], "", "/fhir/{kind}/{id}", 200),
        (
            Method::GET,
            &one,
            vec![("if-none-match", "*")],
            "",
            "/fhir/{kind}/{id}",
            304,
        ),
        (
            Method::GET,
            "/fhir/Patient/none",
            vec![],
            "",
            "/fhir/{kind}/{id}",
            404,
        ),
        (
            Method::GET,
            &one,
            vec![("authorization", "")],
            "",
            "/fhir/{kind}/{id}",
            401,
        ),
        (
            Method::GET,
            &one,
            vec![("accept", "text/turtle")],
            "",
            "/fhir/{kind}/{id}",
            406,
        ),
        (Method::HEAD, &one, vec![], "", "/fhir/{kind}/{id}", 200),
        (Method::PATCH, &one, vec![], "", "/fhir/{kind}/{id}", 501),
        (
            Method::POST,
            "/fhir/Patient",
            vec![],
            PATIENT,
            "/fhir/{kind}",
            201,
        ),
        (Method::POST, "/fhir/Patient", vec![], "{", "/fhir/{kind}", 400),
        (
            Method::POST,
            "/fhir/Patient",
            vec![],
            r#"{"resourceType":"Patient","gender":"x"}"#,
            "/fhir/{kind}",
            422,
        ),
        (
            Method::PUT,
            &one,
            vec![("if-none-match", "*")],
            "{}",
            "/fhir/{kind}/{id}",
            400,
        ),
        (
            Method::DELETE,
            &one,
            vec![("if-match", "W/\"000000000000\"")],
            "",
            "/fhir/{kind}/{id}",
            412,
        ),
        (Method::DELETE, &one, vec![], "", "/fhir/{kind}/{id}", 204),
        (Method::GET, &one, vec![], "", "/fhir/{kind}/{id}", 410),
        (Method::GET, "/health", vec![], "", "/health", 200),
    ] {
        let said = format!("{method} {url} {headers:?}");
        let reply = server.send(method.clone(), url, &headers, body).await;
        assert_eq!(reply.status.as_u16(), status, "{said}: {}", reply.text);
        let after = counted(&server).await;
        let labels = format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}");
        *before.entry(labels).or_default() += 1;
        assert_eq!(after, before, "{said}");
    }
}

#[test]
fn a_time_is_counted_in_every_bucket_that_it_fits() {
    let metrics = Metrics::default();
    let bounds = [
        (500, "0.0005"),
        (1_000, "0.001"),
        (2_500, "0.0025"),
        (5_000, "0.005"),
        (10_000, "0.01"),
        (50_000, "0.05"),
        (100_000, "0.1"),
        (500_000, "0.5"),
        (1_000_000, "1"),
        (10_000_000, "10"),
    ];
    let mut sum = 0;
    for (nth, (bound, _)) in bounds.into_iter().enumerate() {
        // At the bound, and just beyond it.
        for (took, status) in [(bound, 200), (bound + 1, 500)] {
            metrics.count(&Method::PUT, "/x", status, Duration::from_micros(took));
            sum += took;
        }
        let text = metrics.text();
        let count = 2 * (nth + 1);
        for (place, (_, name)) in bounds.into_iter().enumerate() {
            let fit = if place <= nth { 2 * place + 1 } else { count };
            let line = format!("seconds_bucket{{method=\"PUT\",route=\"/x\",le=\"{name}\"}} {fit}\n");
            assert!(text.contains(&line), "{line}{text}");
        }
        let labels = "{method=\"PUT\",route=\"/x\"";
        for line in [
            format!("seconds_bucket{labels},le=\"+Inf\"}} {count}\n"),
            format!("seconds_count{labels}}} {count}\n"),
            format!("seconds_sum{labels}}} {}\n", sum as f64 / 1e6),
            format!("requests_total{labels},status=\"200\"}} {}\n", nth + 1),
            format!("requests_total{labels},status=\"500\"}} {}\n", nth + 1),
        ] {
            assert!(text.contains(&line), "{line}{text}");
        }
    }
    for (method, name) in [
        ("GET", "GET"),
        ("HEAD", "HEAD"),
        ("POST", "POST"),
        ("PATCH", "PATCH"),
        ("DELETE", "DELETE"),
        ("BREW", "other"),
    ] {
        let asked = Method::from_bytes(method.as_bytes()).expect("a method");
        metrics.count(&asked, "/y", 201, Duration::ZERO);
        let line = format!("requests_total{{method=\"{name}\",route=\"/y\",status=\"201\"}} 1\n");
        assert!(metrics.text().contains(&line), "{line}");
    }
}

fn failures() -> Vec<(RecordError, u16, &'static str)> {
    let key = || RecordKey::new("Patient", "a").expect("a key");
    let text = || "Patient".to_owned();
    let search = |error: SearchError| RecordError::Search(error);
    let denied = Denied {
        action: "record_read",
        role: text(),
    };
    vec![
        (denied.into(), 403, "forbidden"),
        (RecordError::NotFound(key()), 404, "not-found"),
        (RecordError::VersionNotFound(key()), 404, "not-found"),
        (
            RecordError::Gone {
                key: key(),
                version: text(),
            },
            410,
            "deleted",
        ),
        (RecordError::UnknownKind(text()), 404, "not-supported"),
        (RecordError::BadId, 400, "value"),
        (RecordError::ForeignId(text()), 422, "business-rule"),
        (
            RecordError::KeyMismatch {
                body: text(),
                url: text(),
            },
            400,
            "invalid",
        ),
        (
            RecordError::IdMissing {
                kind: text(),
                url: text(),
            },
            400,
            "required",
        ),
        (RecordError::NotAResource, 400, "structure"),
        (
            RecordError::ReferenceMissing {
                kind: text(),
                reference: text(),
            },
            422,
            "not-found",
        ),
        (RecordError::MultipleMatches(text()), 412, "multiple-matches"),
        (RecordError::NoMatch(text()), 412, "not-found"),
        (
            RecordError::Stale {
                key: key(),
                current: text(),
            },
            412,
            "conflict",
        ),
        (RecordError::Exists(key()), 412, "duplicate"),
        (RecordError::Matched(text()), 412, "duplicate"),
        (
            RecordError::ConflictOpen {
                key: key(),
                path: text(),
            },
            409,
            "conflict",
        ),
        (RecordError::TooCostly, 503, "too-costly"),
        (RecordError::BadCursor, 400, "value"),
        (RecordError::Bundle(text()), 400, "structure"),
        (RecordError::TooLarge(text()), 413, "too-long"),
        (RecordError::DiskFull, 507, "no-store"),
        (RecordError::Refused(text()), 422, "business-rule"),
        (
            RecordError::Output(std::io::ErrorKind::BrokenPipe),
            500,
            "exception",
        ),
        (search(SearchError::UnknownKind), 400, "not-supported"),
        (
            search(SearchError::UnknownParameter(text())),
            400,
            "not-supported",
        ),
        (
            search(SearchError::Modifier {
                param: text(),
                modifier: text(),
            }),
            400,
            "not-supported",
        ),
        (
            search(SearchError::Unsupported {
                param: text(),
                reason: "x",
            }),
            400,
            "not-supported",
        ),
        (
            search(SearchError::Value {
                param: text(),
                reason: "x",
            }),
            400,
            "value",
        ),
        (search(SearchError::TooMany), 400, "too-costly"),
    ]
}

#[test]
fn each_failure_has_its_own_status_and_code_alone_and_within_a_bundle() {
    for ((error, status, code), (inner, ..)) in failures().into_iter().zip(failures()) {
        let said = error.to_string();
        let entry = RecordError::Entry {
            index: 3,
            source: Box::new(inner),
        };
        for (error, place) in [(error, ""), (entry, "Bundle.entry[3]")] {
            let failure = Failure::from(error);
            assert_eq!(failure.status.as_u16(), status, "{said}");
            let outcome = failure.outcome();
            let at = |pointer: &str| {
                outcome
                    .pointer(pointer)
                    .and_then(|found| found.as_str())
                    .unwrap_or_default()
            };
            assert_eq!(
                (at("/issue/0/code"), at("/issue/0/severity")),
                (code, "error"),
                "{said}"
            );
            assert_eq!(at("/issue/0/diagnostics"), said);
            assert!(
                at("/issue/0/expression/0").starts_with(place),
                "{said}: {}",
                outcome.canonical()
            );
            let reply = failure.into_response();
            let header = |name: &str| {
                reply
                    .headers()
                    .get(name)
                    .map(|value| value.to_str().unwrap_or_default())
            };
            assert_eq!(
                header("content-type"),
                Some("application/fhir+json; charset=utf-8"),
                "{said}"
            );
            assert_eq!(header("cache-control"), Some("no-store"), "{said}");
            assert_eq!(header("x-content-type-options"), Some("nosniff"), "{said}");
            assert_eq!(header("retry-after").is_some(), status == 503, "{said}");
            assert_eq!(header("www-authenticate").is_some(), status == 401, "{said}");
        }
    }
    let reply = Failure::unauthorized("x").into_response();
    assert_eq!(reply.status().as_u16(), 401);
    assert!(reply.headers().contains_key("www-authenticate"));
    for failure in [Failure::stopping(), Failure::unavailable("transient", "x")] {
        let reply = failure.into_response();
        assert_eq!(reply.status().as_u16(), 503);
        assert!(reply.headers().contains_key("retry-after"));
    }
    assert_eq!(Failure::internal().into_response().status().as_u16(), 500);
}
