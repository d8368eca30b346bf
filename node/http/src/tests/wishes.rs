//! What a client asks for in headers and conditions is heeded to the letter, or refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::Method;
use chaski_json::Json;

use super::server::{PATIENT, Reply, Server, StandingClock};

#[tokio::test]
async fn a_stale_update_is_merged_only_where_the_client_says_true() {
    // Another word is refused: who sends "1" means a merge, and would write over what stands.
    for (asked, is_merged) in [
        (None, Err(412)),
        (Some("false"), Err(412)),
        (Some("False"), Err(412)),
        (Some("0"), Err(400)),
        (Some("1"), Err(400)),
        (Some("no"), Err(400)),
        (Some(""), Err(400)),
        (Some("untrue"), Err(400)),
        (Some("true"), Ok(())),
        (Some("TRUE"), Ok(())),
    ] {
        for by_condition in [false, true] {
            let server = Server::new();
            let made = server.post("/fhir/Patient", PATIENT).await;
            let path = format!("/fhir/Patient/{}", made.at("/id"));
            let other = made.text.replace("female", "other");
            assert_eq!(
                server.send(Method::PUT, &path, &[], &other).await.status.as_u16(),
                200
            );
            let married = r#""maritalStatus":{"text":"married"},"gender""#;
            let married = made.text.replace("\"gender\"", married);
            let mut headers = vec![("if-match", made.header("etag"))];
            headers.extend(asked.map(|asked| ("x-chaski-merge", asked)));
            let url = if by_condition {
                "/fhir/Patient?family=Quispe"
            } else {
                &path
            };
            let reply = server.send(Method::PUT, url, &headers, &married).await;
            let now = server.get(&path).await;
            assert_eq!(now.at("/gender"), "other", "{asked:?} {url}");
            let status = reply.status.as_u16();
            assert_eq!(
                status,
                is_merged.err().unwrap_or(200),
                "{asked:?} {url}: {}",
                reply.text
            );
            let married = if is_merged.is_ok() { "married" } else { "" };
            assert_eq!(now.at("/maritalStatus/text"), married, "{asked:?} {url}");
            if is_merged == Err(412) {
                reply.refused(412, "conflict");
            }
        }
    }
}

#[tokio::test]
async fn a_condition_that_cannot_be_read_or_says_nothing_changes_nothing() {
    let server = Server::new();
    let made = server.post("/fhir/Patient", PATIENT).await;
    let path = format!("/fhir/Patient/{}", made.at("/id"));
    let other = made.text.replace("female", "other");
    let quoted = made
        .header("etag")
        .trim_start_matches("W/")
        .trim_matches('"')
        .to_owned();
    let broken = format!("W/\"{quoted}");
    for (method, url, header, value) in [
        (Method::DELETE, "/fhir/Patient", "accept", "*/*"),
        (Method::DELETE, "/fhir/Patient?", "accept", "*/*"),
        (Method::DELETE, "/fhir/Patient?_format=json", "accept", "*/*"),
        (
            Method::DELETE,
            "/fhir/Patient?_pretty=true&_format=json",
            "accept",
            "*/*",
        ),
        (Method::PUT, "/fhir/Patient", "accept", "*/*"),
        (
            Method::PUT,
            "/fhir/Patient?_format=json&_pretty=true",
            "accept",
            "*/*",
        ),
        (Method::DELETE, path.as_str(), "if-match", broken.as_str()),
        (
            Method::DELETE,
            "/fhir/Patient?family=Quispe",
            "if-match",
            "nonsense",
        ),
        (Method::PUT, path.as_str(), "if-match", "nonsense"),
        (Method::PUT, path.as_str(), "if-match", ""),
        (Method::PUT, path.as_str(), "if-none-match", "W/\"1\""),
        (Method::PUT, path.as_str(), "if-none-match", ""),
        (Method::POST, "/fhir/Patient", "if-none-exist", "no-such=1"),
    ] {
        let body = if method == Method::DELETE {
            ""
        } else {
            other.as_str()
        };
        let reply = server.send(method.clone(), url, &[(header, value)], body).await;
        assert_eq!(
            reply.status.as_u16(),
            400,
            "{method} {url} {header}: {value}: {}",
            reply.text
        );
        let all = server.get("/fhir/_history").await;
        assert_eq!(entries(&all).len(), 1, "{method} {url} {header}: {value}");
    }
    // A form of reply is no condition: each makes a record of its own.
    for _ in 0..2 {
        let reply = server
            .post("/fhir/Patient?_format=json&_pretty=true", PATIENT)
            .await;
        assert_eq!(reply.status.as_u16(), 201, "{}", reply.text);
    }
    // Beside a condition it takes nothing from it.
    let two = server
        .send(
            Method::DELETE,
            "/fhir/Patient?_format=json&family=Quispe",
            &[],
            "",
        )
        .await;
    two.refused(412, "multiple-matches");
}

fn entries(page: &Reply) -> Vec<Json> {
    assert_eq!(page.status.as_u16(), 200, "{}", page.text);
    page.json()
        .get("entry")
        .and_then(Json::as_array)
        .cloned()
        .unwrap_or_default()
}

/// Midnight of 1 January 2026.
const START_MS: u64 = 1_767_225_600_000;

#[tokio::test]
async fn whoever_polls_by_since_gets_all_that_was_written_from_that_instant_on() {
    let clock = Arc::new(StandingClock(AtomicU64::new(START_MS)));
    let server = Server::with_clock(&clock);
    let mut keys = Vec::new();
    for after in [0, 1, 250, 999, 1_000, 1_001, 2_500] {
        clock.0.store(START_MS + after, Ordering::Relaxed);
        keys.push((after, server.create("Patient", PATIENT).await));
    }
    for (since, from) in [
        ("1969-12-31T23:59:59Z", 0),
        ("1970-01-01T00:00:00Z", 0),
        ("2025-12-31T23:59:59.999Z", 0),
        ("2026-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:00.001Z", 1),
        ("2026-01-01T00:00:00.002Z", 2),
        ("2026-01-01T00:00:00.25Z", 250),
        ("2026-01-01T00:00:00.998Z", 998),
        ("2025-12-31T19:00:00.999-05:00", 999),
        ("2026-01-01T00:00:01Z", 1_000),
        ("2026-01-01T00:00:01.001Z", 1_001),
        ("2026-01-01T00:00:01.501Z", 1_501),
        ("2026-01-01T00:00:02.5Z", 2_500),
        ("2026-01-01T00:00:02.501Z", 2_501),
    ] {
        let since = since.replace('+', "%2B");
        for of in ["Patient/_history", "_history"] {
            let page = server.get(&format!("/fhir/{of}?_since={since}")).await;
            let found: Vec<String> = entries(&page)
                .iter()
                .filter_map(|entry| Some(entry.pointer("/request/url")?.as_str()?.to_owned()))
                .collect();
            let expected = keys.iter().rev().filter(|(after, _)| *after >= from);
            let expected: Vec<String> = expected.map(|(_, key)| key.clone()).collect();
            assert_eq!(found, expected, "{of} since {since}");
        }
        for (after, key) in &keys {
            let page = server.get(&format!("/fhir/{key}/_history?_since={since}")).await;
            assert_eq!(
                entries(&page).len(),
                usize::from(*after >= from),
                "{after} since {since}"
            );
        }
    }
}

#[tokio::test]
async fn a_history_says_what_was_done_to_each_version_and_a_write_what_it_did() {
    let server = Server::new();
    let returning = [("prefer", "return=OperationOutcome")];
    let told = |reply: &Reply| (reply.status.as_u16(), reply.at("/issue/0/diagnostics"));
    let made = server
        .send(Method::POST, "/fhir/Patient", &returning, PATIENT)
        .await;
    assert_eq!(told(&made), (201, "created".to_owned()));
    let (_, key) = made.header("location").split_once("/fhir/").expect("a location");
    let path = format!("/fhir/{}", key.split("/_history").next().expect("a key"));
    let read = server.get(&path).await;
    let same = server.send(Method::PUT, &path, &returning, &read.text).await;
    assert_eq!(told(&same), (200, "nothing changed".to_owned()));
    assert_eq!(same.header("etag"), made.header("etag"));
    let other = read.text.replace("female", "other");
    let changed = server.send(Method::PUT, &path, &returning, &other).await;
    assert_eq!(told(&changed), (200, "updated".to_owned()));
    let gone = server.send(Method::DELETE, &path, &[], "").await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (204, ""));
    let again = server
        .send(Method::DELETE, "/fhir/Patient/none-such", &[], "")
        .await;
    assert_eq!((again.status.as_u16(), again.header("etag")), (204, ""));

    let history = server.get(&format!("{path}/_history")).await;
    let url = path.replace("/fhir/", "");
    let rows = [
        (&gone, "DELETE", "204", ""),
        (&changed, "PUT", "200", "other"),
        (&made, "PUT", "201", "female"),
    ];
    assert_eq!(entries(&history).len(), rows.len(), "{}", history.text);
    for (nth, (write, method, status, gender)) in rows.into_iter().enumerate() {
        let at = |pointer: &str| history.at(&format!("/entry/{nth}/{pointer}"));
        assert_eq!(
            (at("request/method"), at("request/url")),
            (method.into(), url.clone())
        );
        assert_eq!(
            (at("response/status"), at("resource/gender")),
            (status.into(), gender.into())
        );
        assert_eq!(at("response/etag"), write.header("etag"));
        assert!(!at("response/lastModified").is_empty() && !write.header("last-modified").is_empty());
    }
}
