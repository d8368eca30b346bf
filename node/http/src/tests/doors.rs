//! Who may pass which address: every route with every method, for nobody and for every role.
//!
//! An address that is added to the router and not to [`DOORS`] is found in its source.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::Method;
use chaski_clinic::access::TokenKind;
use chaski_store::ScopeFilter;

use super::server::{PATIENT, Server, StandingClock};

/// Who is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Also without a token.
    Everyone,
    /// Whoever has a token.
    Token,
    /// Clinicians and readers.
    Readers,
    /// They, and administrators: it is about the clinic.
    ReadersOfShared,
    /// Callers who have the role of a clinician.
    Writers,
    /// They, and administrators.
    WritersOfShared,
}
use Who::{Everyone, Readers, ReadersOfShared, Token, Writers, WritersOfShared};

const ROLES: [&str; 4] = ["administrator", "clinician", "reader", "administrator,clinician"];

fn may(who: Who, roles: &str) -> bool {
    let has = |role: &str| roles.split(',').any(|held| held == role);
    match who {
        Everyone | Token => true,
        Readers => has("clinician") || has("reader"),
        ReadersOfShared => has("clinician") || has("reader") || has("administrator"),
        Writers => has("clinician"),
        WritersOfShared => has("clinician") || has("administrator"),
    }
}

/// Method and route as the router has them, an address of it, a body, who may, and what they get.
type Door = (&'static str, &'static str, &'static str, &'static str, Who, u16);

const NEW: &str = r#"{"resourceType":"Patient","id":"0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10"}"#;
const SAME: &str = r#"{"resourceType":"Patient","id":"PID","gender":"male"}"#;
const SITE: &str = r#"{"resourceType":"Organization","name":"New"}"#;
const CREATES: &str = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}]}"#;

/// `PID`, `OID` and `VID` stand for a patient's, an organization's and a version's id.
#[rustfmt::skip]
const DOORS: &[Door] = &[
    ("GET",    "/health", "/health", "", Everyone, 200),
    ("GET",    "/fhir/metadata", "/fhir/metadata", "", Everyone, 200),
    ("GET",    "/metrics", "/metrics", "", Token, 200),
    ("POST",   "/access/exchange", "/access/exchange", "", Token, 200),
    ("GET",    "/fhir/", "/fhir?name=x", "", Token, 501),
    ("GET",    "/fhir/", "/fhir/?name=x", "", Token, 501),
    ("POST",   "/fhir/", "/fhir", CREATES, Writers, 200),
    ("POST",   "/fhir/", "/fhir/", CREATES, Writers, 200),
    ("GET",    "/fhir/_history", "/fhir/_history", "", Readers, 200),
    ("GET",    "/fhir/{kind}", "/fhir/Patient?name=Quispe", "", Readers, 200),
    ("GET",    "/fhir/{kind}", "/fhir/Organization", "", ReadersOfShared, 200),
    ("POST",   "/fhir/{kind}", "/fhir/Patient", PATIENT, Writers, 201),
    ("POST",   "/fhir/{kind}", "/fhir/Organization", SITE, WritersOfShared, 201),
    ("PUT",    "/fhir/{kind}", "/fhir/Patient?name=Quispe", r#"{"resourceType":"Patient","gender":"male"}"#, Writers, 200),
    ("DELETE", "/fhir/{kind}", "/fhir/Patient?name=Quispe", "", Writers, 204),
    ("POST",   "/fhir/{kind}/_search", "/fhir/Patient/_search", "", Readers, 200),
    ("GET",    "/fhir/{kind}/_history", "/fhir/Patient/_history", "", Readers, 200),
    ("POST",   "/fhir/{kind}/$validate", "/fhir/Patient/$validate", PATIENT, Token, 200),
    ("GET",    "/fhir/{kind}/{id}", "/fhir/Patient/PID", "", Readers, 200),
    ("GET",    "/fhir/{kind}/{id}", "/fhir/Organization/OID", "", ReadersOfShared, 200),
    ("PUT",    "/fhir/{kind}/{id}", "/fhir/Patient/PID", SAME, Writers, 200),
    ("PUT",    "/fhir/{kind}/{id}", "/fhir/Patient/0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10", NEW, Writers, 201),
    ("DELETE", "/fhir/{kind}/{id}", "/fhir/Patient/PID", "", Writers, 204),
    ("DELETE", "/fhir/{kind}/{id}", "/fhir/Organization/OID", "", WritersOfShared, 204),
    ("PATCH",  "/fhir/{kind}/{id}", "/fhir/Patient/PID", "{}", Token, 501),
    ("GET",    "/fhir/{kind}/{id}/_history", "/fhir/Patient/PID/_history", "", Readers, 200),
    ("GET",    "/fhir/{kind}/{id}/_history/{version}", "/fhir/Patient/PID/_history/VID", "", Readers, 200),
    ("POST",   "/fhir/{kind}/{id}/$validate", "/fhir/Patient/PID/$validate", PATIENT, Token, 200),
    ("GET",    "/fhir/{kind}/{id}/{inner}", "/fhir/Patient/PID/Observation", "", Readers, 200),
];

/// A server with a patient and an organization, and how their addresses are filled in.
async fn furnished(server: &Server) -> impl Fn(&str) -> String + use<> {
    let patient = server.create("Patient", PATIENT).await;
    let organization = server.create("Organization", SITE).await;
    let read = server.get(&format!("/fhir/{patient}")).await;
    let version = read.at("/meta/versionId");
    let id = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
    let (patient, organization) = (id(&patient), id(&organization));
    move |text: &str| {
        text.replace("PID", &patient)
            .replace("OID", &organization)
            .replace("VID", &version)
    }
}

/// Records and tokens: what a request could change.
fn state(server: &Server) -> String {
    let store = server.clinic.store();
    let sum = store.fingerprint(&ScopeFilter::all()).expect("a sum");
    format!("{sum:?} {:?}", store.blobs("token/").expect("tokens"))
}

async fn knock(
    server: &Server,
    fill: &impl Fn(&str) -> String,
    door: &Door,
    authorization: &str,
) -> super::server::Reply {
    let (method, _, path, body, ..) = door;
    let mime = match path.ends_with("_search") {
        true => "application/x-www-form-urlencoded",
        false => "application/fhir+json",
    };
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let headers = [("authorization", authorization), ("content-type", mime)];
    server.send(method, &fill(path), &headers, &fill(body)).await
}

#[tokio::test]
async fn every_address_is_closed_to_whoever_has_no_token_that_holds() {
    let clock = Arc::new(StandingClock(AtomicU64::new(1_767_225_600_000)));
    let server = Server::with_clock(&clock);
    let fill = furnished(&server).await;
    let all = "administrator,clinician";
    let expired = server.make_token_for(all, TokenKind::Personal, Some(60_000));
    let over = server.make_token_for(all, TokenKind::Session, Some(60_000));
    let revoked = server.make_token(all, TokenKind::Personal);
    let operator = server.clinic.operator("test");
    let tokens = server.clinic.token_list(&operator).expect("a list");
    let id = |token: &str| {
        let holder = server.clinic.token_verify(token).expect("open");
        tokens
            .iter()
            .find(|info| info.id == holder.token_id)
            .map(|info| info.id.clone())
    };
    server
        .clinic
        .token_revoke(&operator, &id(&revoked).expect("listed"))
        .expect("revoked");
    let one_use = server.make_token(all, TokenKind::OneUse);
    clock.0.fetch_add(60_000, Ordering::Relaxed);
    let before = state(&server);
    for door in DOORS.iter().filter(|door| door.4 != Everyone) {
        for (why, authorization) in [
            ("nothing", String::new()),
            ("no token", "Bearer chk_00".to_owned()),
            ("another scheme", format!("Basic {}", server.token)),
            ("the bare token", server.token.clone()),
            ("an expired token", format!("Bearer {expired}")),
            ("a session that is over", format!("Bearer {over}")),
            ("a revoked token", format!("Bearer {revoked}")),
            ("a one-use token", format!("Bearer {one_use}")),
        ] {
            if why == "a one-use token" && door.1 == "/access/exchange" {
                continue;
            }
            let reply = knock(&server, &fill, door, &authorization).await;
            assert_eq!(reply.status.as_u16(), 401, "{door:?} with {why}: {}", reply.text);
            reply.refused(401, "login");
            assert!(reply.header("www-authenticate").starts_with("Bearer"), "{door:?}");
        }
        let mut cookie = vec![("authorization", ""), ("cookie", server.token.as_str())];
        cookie.push(("content-type", "application/fhir+json"));
        let method = Method::from_bytes(door.0.as_bytes()).expect("a method");
        let reply = server.send(method, &fill(door.2), &cookie, &fill(door.3)).await;
        assert_eq!(reply.status.as_u16(), 401, "{door:?} with a cookie");
    }
    assert_eq!(state(&server), before, "nothing was changed");
}

#[tokio::test]
async fn every_address_lets_each_role_through_or_refuses_it() {
    for door in DOORS {
        let (.., who, passes) = door;
        let mut server = Server::new();
        let mut fill = furnished(&server).await;
        for roles in ROLES {
            let token = server.make_token(roles, TokenKind::Personal);
            let before = state(&server);
            let reply = knock(&server, &fill, door, &format!("Bearer {token}")).await;
            if door.1.starts_with("/fhir") && !reply.text.is_empty() {
                let mime = reply.header("content-type");
                assert_eq!(
                    mime, "application/fhir+json; charset=utf-8",
                    "{door:?} as {roles}"
                );
                assert_eq!(
                    reply.header("x-content-type-options"),
                    "nosniff",
                    "{door:?} as {roles}"
                );
                assert_eq!(reply.header("cache-control"), "no-store", "{door:?} as {roles}");
            }
            if door.1 == "/access/exchange" {
                assert!(reply.at("/token").starts_with("chk_"), "{roles}: {}", reply.text);
                assert_eq!(reply.header("cache-control"), "no-store", "as {roles}");
            }
            if may(*who, roles) {
                assert_eq!(
                    reply.status.as_u16(),
                    *passes,
                    "{door:?} as {roles}: {}",
                    reply.text
                );
                server = Server::new();
                fill = furnished(&server).await;
            } else {
                assert_eq!(reply.status.as_u16(), 403, "{door:?} as {roles}: {}", reply.text);
                reply.refused(403, "forbidden");
                assert!(!reply.text.contains("Quispe"), "{door:?} as {roles}");
                assert_eq!(state(&server), before, "{door:?} as {roles} changed something");
            }
        }
        if *who == Everyone {
            let reply = knock(&server, &fill, door, "").await;
            assert_eq!(reply.status.as_u16(), *passes, "{door:?}");
            assert!(!reply.text.contains("Quispe"));
        }
    }
}

#[tokio::test]
async fn a_batch_refuses_entry_by_entry() {
    let server = Server::new();
    let fill = furnished(&server).await;
    let entry = |method: &str, url: &str, resource: &str| {
        format!(r#"{{{resource}"request":{{"method":"{method}","url":"{url}"}}}}"#)
    };
    let body = |json: &str| format!(r#""resource":{json},"#);
    let entries = [
        (entry("GET", "Patient/PID", ""), Readers, "200"),
        (entry("GET", "Patient?name=Quispe", ""), Readers, "200"),
        (entry("GET", "Patient/PID/_history", ""), Readers, "200"),
        (entry("PUT", "Patient/PID", &body(SAME)), Writers, "200"),
        (entry("POST", "Patient", &body(PATIENT)), Writers, "201"),
        (entry("DELETE", "Patient?name=Nobody", ""), Writers, "204"),
    ];
    let texts: Vec<&str> = entries.iter().map(|(text, ..)| text.as_str()).collect();
    let batch = fill(&format!(
        r#"{{"resourceType":"Bundle","type":"batch","entry":[{}]}}"#,
        texts.join(",")
    ));
    for roles in ROLES {
        let token = format!("Bearer {}", server.make_token(roles, TokenKind::Personal));
        let headers = [("authorization", token.as_str())];
        let reply = server.send(Method::POST, "/fhir", &headers, &batch).await;
        assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
        for (index, (text, who, passes)) in entries.iter().enumerate() {
            let status = reply.at(&format!("/entry/{index}/response/status"));
            let expected = if may(*who, roles) { passes } else { "403" };
            assert!(status.starts_with(expected), "{text} as {roles}: {status}");
        }
    }
}

/// The routes of the router's source, each with its methods.
fn routed() -> BTreeSet<(String, String)> {
    let source = include_str!("../routes/mod.rs");
    let source = source.split("pub(crate) fn router").nth(1).expect("the router");
    let source = source.split("\n}\n").next().expect("its end");
    let (fhir, outer) = source
        .split_once("Router::new()\n        .nest")
        .expect("two routers");
    let mut found = BTreeSet::new();
    for (before, part) in [("/fhir", fhir), ("", outer)] {
        for route in part.split(".route(").skip(1) {
            let path = route.split('"').nth(1).expect("a path");
            for method in ["get", "post", "put", "delete", "patch", "any", "head", "options"] {
                let is_there = route
                    .match_indices(&format!("{method}("))
                    .any(|(at, _)| !route[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'));
                if is_there {
                    found.insert((method.to_uppercase(), format!("{before}{path}")));
                }
            }
        }
    }
    found
}

#[test]
fn every_address_of_the_router_is_in_the_table() {
    let tried: BTreeSet<(String, String)> = DOORS
        .iter()
        .map(|(method, route, ..)| ((*method).to_owned(), (*route).to_owned()))
        .collect();
    assert_eq!(routed(), tried);
}
