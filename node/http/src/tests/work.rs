//! What is at work at once and how long, and what the node says that it does.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use axum::http::Method;
use chaski_json::Json;

use super::server::{PATIENT, Server};
use crate::blocking::Work;
use crate::outcome::Failure;
use crate::{HttpSettings, HttpState, Limits};

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(600);

/// A node with one place for work, where one of reads and writes may take no time to speak of.
fn state(read_time_max: Duration, write_time_max: Duration) -> HttpState {
    let limits = Limits {
        read_time_max,
        write_time_max,
        at_work_max: 1,
        ..Limits::default()
    };
    let settings = HttpSettings {
        limits,
        ..HttpSettings::default()
    };
    HttpState::new(Server::new().clinic, settings)
}

#[tokio::test]
async fn work_that_takes_too_long_is_given_up_and_holds_its_place_until_it_ends() {
    for (kind, other, code, told) in [
        (Work::Read, Work::Write, "too-costly", "ask for less"),
        (Work::Write, Work::Read, "timeout", "it may still be done"),
    ] {
        let state = match kind {
            Work::Read => state(SHORT, LONG),
            Work::Write => state(LONG, SHORT),
        };
        let begun = Arc::new(AtomicU32::new(0));
        let (release, held) = mpsc::channel::<()>();
        let first = begun.clone();
        let refused = state.run(kind, move |_| {
            first.fetch_add(1, Ordering::SeqCst);
            let _ = held.recv();
            Ok(())
        });
        let refused = refused.await.expect_err("too long");
        let second = begun.clone();
        let waited = state.run(kind, move |_| {
            second.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        for failure in [refused, waited.await.expect_err("no place")] {
            let outcome = failure.outcome();
            let at = |pointer: &str| {
                outcome
                    .pointer(pointer)
                    .and_then(Json::as_str)
                    .unwrap_or_default()
            };
            assert_eq!((failure.status.as_u16(), at("/issue/0/code")), (503, code));
            assert!(
                at("/issue/0/diagnostics").contains(told),
                "{}",
                outcome.canonical()
            );
        }
        assert_eq!(
            begun.load(Ordering::SeqCst),
            1,
            "nothing begins that has no place"
        );
        drop(release);
        // The other sort has the time to wait for the place.
        assert_eq!(state.run(other, |_| Ok(7)).await.ok(), Some(7));
    }
}

#[tokio::test]
async fn work_that_breaks_off_is_a_fault_of_the_node_and_leaves_its_place() {
    let state = state(LONG, LONG);
    for kind in [Work::Read, Work::Write] {
        let broken = state.run(kind, |_| -> Result<(), Failure> {
            panic!("work that breaks off")
        });
        assert_eq!(broken.await.expect_err("broken").status.as_u16(), 500);
        let refused = state.run(kind, |_| -> Result<(), Failure> {
            Err(Failure::bad_request("x"))
        });
        assert_eq!(refused.await.expect_err("refused").status.as_u16(), 400);
        assert_eq!(state.run(kind, |_| Ok(7)).await.ok(), Some(7));
    }
}

#[tokio::test]
async fn each_type_is_said_to_take_what_it_takes() {
    let server = Server::new();
    let metadata = server.get("/fhir/metadata").await.json();
    let resources = metadata.pointer("/rest/0/resource").and_then(Json::as_array);
    let text = |json: &Json, pointer: &str| json.pointer(pointer).map(Json::canonical).unwrap_or_default();
    for resource in resources.expect("resources") {
        let kind = resource.get("type").and_then(Json::as_str).unwrap_or_default();
        let interactions = text(resource, "/interaction");
        for code in [
            "read",
            "vread",
            "update",
            "delete",
            "history-instance",
            "history-type",
            "create",
            "search-type",
        ] {
            assert!(
                interactions.contains(&format!("{{\"code\":\"{code}\"}}")),
                "{kind} {code}"
            );
        }
        assert!(!interactions.contains("patch"), "{kind}");
        for (pointer, said) in [
            ("/versioning", "\"versioned-update\""),
            ("/readHistory", "true"),
            ("/updateCreate", "true"),
            ("/conditionalCreate", "true"),
            ("/conditionalRead", "\"full-support\""),
            ("/conditionalUpdate", "true"),
            ("/conditionalDelete", "\"single\""),
            ("/referencePolicy", r#"["literal","local"]"#),
            ("/operation/0/name", "\"validate\""),
        ] {
            assert_eq!(text(resource, pointer), said, "{kind}");
        }
        // Every parameter that is named is known to a search, by its own name.
        let params = resource.get("searchParam").and_then(Json::as_array);
        for param in params.into_iter().flatten() {
            let name = param.get("name").and_then(Json::as_str).unwrap_or_default();
            let known = chaski_fhir::search::param(kind, name);
            assert!(known.is_some(), "{kind} {name}");
        }
    }
    for (pointer, said) in [
        (
            "/rest/0/interaction",
            r#"[{"code":"transaction"},{"code":"batch"},{"code":"history-system"}]"#,
        ),
        ("/rest/0/security/cors", "false"),
        ("/rest/0/mode", "\"server\""),
        ("/fhirVersion", "\"4.0.1\""),
        ("/format", r#"["json","application/fhir+json"]"#),
    ] {
        assert_eq!(text(&metadata, pointer), said);
    }
    for (method, path) in [(Method::PATCH, "/fhir/Patient/x"), (Method::GET, "/fhir")] {
        let reply = server.send(method, path, &[], "").await;
        reply.refused(501, "not-supported");
    }
}

#[tokio::test]
async fn a_search_by_form_finds_by_body_and_address_and_takes_no_other_body() {
    let server = Server::new();
    for (given, gender) in [("Rosa", "female"), ("Rosa", "male"), ("Luz", "female")] {
        let body =
            format!(r#"{{"resourceType":"Patient","name":[{{"given":["{given}"]}}],"gender":"{gender}"}}"#);
        server.create("Patient", &body).await;
    }
    let form = "application/x-www-form-urlencoded";
    for (mime, url, body, total) in [
        (form, "", "given=rosa", Some("2")),
        (
            "Application/X-WWW-Form-Urlencoded; charset=UTF-8",
            "",
            "given=rosa",
            Some("2"),
        ),
        (form, "?gender=female", "given=rosa", Some("1")),
        (form, "?gender=female", "", Some("2")),
        (form, "?_format=json&_pretty=true", " given=luz\r\n", Some("1")),
        (form, "", "given=rosa&_format=json&_totalMethod=count", Some("2")),
        // What the body asks for counts as what the address does.
        (
            form,
            "",
            "given=rosa&_format=application%2Ffhir%2Bjson&_pretty=true",
            Some("2"),
        ),
        ("application/fhir+json", "", "given=rosa", None),
        ("text/plain", "", "given=rosa", None),
    ] {
        let url = format!("/fhir/Patient/_search{url}");
        let reply = server
            .send(Method::POST, &url, &[("content-type", mime)], body)
            .await;
        match total {
            None => drop(reply.refused(415, "not-supported")),
            Some(total) => {
                assert_eq!(reply.status.as_u16(), 200, "{url} {body}: {}", reply.text);
                let found = reply
                    .json()
                    .get("entry")
                    .and_then(Json::as_array)
                    .map_or(0, Vec::len);
                assert_eq!(found.to_string(), total, "{url} {body}: {}", reply.text);
                assert_eq!(
                    reply.text.starts_with("{\n"),
                    body.contains("_pretty") || url.contains("_pretty")
                );
            }
        }
    }
    let url = "/fhir/Patient/_search";
    let xml = server
        .send(
            Method::POST,
            url,
            &[("content-type", form)],
            "given=rosa&_format=xml",
        )
        .await;
    xml.refused(406, "not-supported");
}

#[tokio::test]
async fn a_body_of_another_fhir_or_in_another_writing_is_refused() {
    let server = Server::new();
    for (mime, is_taken) in [
        ("application/fhir+json", true),
        ("application/fhir+json ; fhirVersion=4.0", true),
        ("APPLICATION/JSON;charset=UTF-8", true),
        ("application/json; charset=\"utf-8\"", true),
        ("application/fhir+json; fhirVersion=3.0", false),
        ("application/fhir+json; fhirVersion=5.0; charset=utf-8", false),
        ("application/json; charset=iso-8859-1", false),
        ("application/json; charset=utf-16", false),
        ("application/fhir+xml", false),
        ("json", false),
    ] {
        let headers = [("content-type", mime)];
        let reply = server
            .send(Method::POST, "/fhir/Patient", &headers, PATIENT)
            .await;
        match is_taken {
            true => assert_eq!(reply.status.as_u16(), 201, "{mime}: {}", reply.text),
            false => drop(reply.refused(415, "not-supported")),
        }
    }
}

#[tokio::test]
async fn a_list_of_tags_in_several_lines_is_one_list() {
    let server = Server::new();
    let made = server.post("/fhir/Patient", PATIENT).await;
    let path = format!("/fhir/Patient/{}", made.at("/id"));
    let own = made.header("etag");
    let status = async |method: Method, headers: &[(&str, &str)], body: &str| {
        server.send(method, &path, headers, body).await.status.as_u16()
    };
    for (lines, expected) in [
        (vec!["\"other\"", own], 304),
        (vec![own, "\"other\""], 304),
        (vec!["\"other\", \"an,other\""], 200),
        (vec!["\"an,other\"", "*"], 304),
    ] {
        let headers: Vec<(&str, &str)> = lines.iter().map(|line| ("if-none-match", *line)).collect();
        assert_eq!(status(Method::GET, &headers, "").await, expected, "{lines:?}");
    }
    // One version is written over, not one of several.
    let two = [("if-match", "\"other\""), ("if-match", own)];
    assert_eq!(status(Method::PUT, &two, &made.text).await, 400);
    assert_eq!(status(Method::PUT, &two[1..], &made.text).await, 200);
}
