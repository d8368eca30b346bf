//! Conditional reads, and what a history takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::Method;
use chaski_json::Json;

use super::server::{PATIENT, Reply, Server, StandingClock};

/// Midnight of 1 January 2026.
const START_MS: u64 = 1_767_225_600_000;

/// A patient in two versions, a minute apart: its address, and both as they were answered.
async fn changed_once() -> (Server, String, Reply, Reply) {
    let clock = Arc::new(StandingClock(AtomicU64::new(START_MS)));
    let server = Server::with_clock(&clock);
    let first = server.post("/fhir/Patient", PATIENT).await;
    let path = format!("/fhir/Patient/{}", first.at("/id"));
    clock.0.store(START_MS + 60_000, Ordering::Relaxed);
    let changed = first.text.replace("female", "other");
    let second = server.send(Method::PUT, &path, &[], &changed).await;
    assert_eq!(second.status.as_u16(), 200, "{}", second.text);
    assert_ne!(first.header("etag"), second.header("etag"));
    (server, path, first, second)
}

#[tokio::test]
async fn only_who_holds_the_version_that_is_answered_is_told_that_nothing_changed() {
    let (server, path, first, second) = changed_once().await;
    let (old, new) = (first.header("etag"), second.header("etag"));
    let (before, after) = (first.header("last-modified"), second.header("last-modified"));
    assert_ne!(before, after);
    let bare = |etag: &str| etag.trim_start_matches("W/").to_owned();
    let version = |etag: &str| bare(etag).trim_matches('"').to_owned();
    let read = async |path: &str, headers: &[(&str, &str)]| {
        let reply = server.send(Method::GET, path, headers, "").await;
        assert!(
            reply.status.as_u16() != 304 || reply.text.is_empty(),
            "{}",
            reply.text
        );
        (reply.status.as_u16(), reply.header("etag").to_owned())
    };
    let either = format!("{old}, {new}");
    // Tags held, whether they are the present version, and whether they are the first.
    for (tags, is_new, is_old) in [
        (old, false, true),
        (new, true, false),
        (bare(old).as_str(), false, true),
        (bare(new).as_str(), true, false),
        (version(new).as_str(), false, false),
        ("W/\"000000000000\"", false, false),
        ("\"\"", false, false),
        ("nonsense", false, false),
        (either.as_str(), true, true),
        ("*", true, true),
    ] {
        let status = |unchanged: bool| if unchanged { 304 } else { 200 };
        let held = [("if-none-match", tags)];
        assert_eq!(
            read(&path, &held).await,
            (status(is_new), new.to_owned()),
            "{tags}"
        );
        let was = format!("{path}/_history/{}", version(old));
        assert_eq!(
            read(&was, &held).await,
            (status(is_old), old.to_owned()),
            "{tags}"
        );
        // The date that it was changed says nothing where there is a tag.
        let both = [("if-none-match", tags), ("if-modified-since", after)];
        assert_eq!(read(&path, &both).await.0, status(is_new), "{tags} and a date");
    }
    for (date, status) in [
        (before, 200),
        ("Thu, 01 Jan 2026 00:00:59 GMT", 200),
        (after, 304),
        ("Thu, 01 Jan 2026 00:01:01 GMT", 304),
        ("yesterday", 200),
        ("", 200),
    ] {
        let held = [("if-modified-since", date)];
        assert_eq!(read(&path, &held).await.0, status, "{date}");
    }
    // Who is not up to date gets the record as it is.
    let reply = server
        .send(Method::GET, &path, &[("if-none-match", old)], "")
        .await;
    assert_eq!(reply.at("/gender"), "other");
}

const ADDRESSES: [&str; 3] = ["PATH/_history", "/fhir/Patient/_history", "/fhir/_history"];

fn versions(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
    let page = reply.json();
    let entries = page.get("entry").and_then(Json::as_array).into_iter().flatten();
    let version = |entry: &Json| entry.pointer("/resource/meta/versionId").map(Json::canonical);
    entries.map(|entry| version(entry).unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_history_leaves_nothing_out_that_it_was_asked() {
    let (server, path, ..) = changed_once().await;
    let lenient = [("prefer", "handling=lenient")];
    for address in ADDRESSES {
        let address = address.replace("PATH", &path);
        for (asked, code, is_unknown) in [
            ("_at=2026-01-01", "invalid", true),
            ("_list=42", "invalid", true),
            ("_sinse=2026-01-01T00:00:30Z", "invalid", true),
            ("_sort=_lastUpdated", "invalid", true),
            ("gender=female", "invalid", true),
            ("_since=yesterday", "invalid", false),
            ("_since=2026-01-01", "invalid", false),
            ("_since=2026-01-01T00:00:30", "invalid", false),
            ("_since=", "invalid", false),
            ("_count=many", "invalid", false),
            ("_count=-1", "invalid", false),
            ("_cursor=nonsense", "value", false),
            ("_since=%ff", "invalid", false),
        ] {
            for url in [
                format!("{address}?{asked}"),
                format!("{address}?_count=5&{asked}&_pretty=true"),
            ] {
                server.get(&url).await.refused(400, code);
                let reply = server.send(Method::GET, &url, &lenient, "").await;
                match is_unknown {
                    true => assert_eq!(versions(&reply).len(), 2, "{url}"),
                    false => drop(reply.refused(400, code)),
                }
            }
        }
        for taken in ["", "_format=json", "_pretty=true", "_count=5"] {
            let reply = server.get(&format!("{address}?{taken}")).await;
            assert_eq!(versions(&reply).len(), 2, "{address}?{taken}");
        }
    }
}

#[tokio::test]
async fn a_history_is_of_what_its_address_says_since_when_it_was_asked() {
    let (server, path, first, second) = changed_once().await;
    let other = server.create("Patient", PATIENT).await;
    let other = server.get(&format!("/fhir/{other}")).await;
    let site = r#"{"resourceType":"Organization","name":"Posta"}"#;
    let site = server.post("/fhir/Organization", site).await;
    let version = |reply: &Reply| format!("\"{}\"", reply.at("/meta/versionId"));
    let all = [&site, &other, &second, &first].map(version);
    for (address, whole) in ADDRESSES.iter().zip([&all[2..], &all[1..], &all[..]]) {
        let address = address.replace("PATH", &path);
        let since = async |instant: &str| versions(&server.get(&format!("{address}{instant}")).await);
        assert_eq!(since("").await, whole, "{address}");
        assert_eq!(since("?_since=2025-12-31T23:59:59Z").await, whole, "{address}");
        // All but the first version.
        let later = &whole[..whole.len() - 1];
        assert_eq!(since("?_since=2026-01-01T00:00:01Z").await, later, "{address}");
        assert_eq!(
            since("?_since=2026-01-01T01:00:01%2B01:00").await,
            later,
            "{address}"
        );
        assert_eq!(since("?_since=2026-01-01T00:01:01Z").await, [""; 0], "{address}");
        // Page by page, and the pages keep to the time.
        let mut url = format!("{address}?_since=2026-01-01T00:00:01Z&_count=1");
        let mut seen = Vec::new();
        for _ in 0..10 {
            let reply = server.get(&url).await;
            seen.extend(versions(&reply));
            let page = reply.json();
            let links = page.get("link").and_then(Json::as_array).into_iter().flatten();
            let is_next = |link: &&Json| link.get("relation").and_then(Json::as_str) == Some("next");
            let next = links.clone().find(is_next).and_then(|link| link.get("url"));
            match next.and_then(Json::as_str) {
                Some(next) => url = next.replace("http://clinic.test", ""),
                None => break,
            }
        }
        assert_eq!(seen, later, "{address}");
    }
}
