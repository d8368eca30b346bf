//! A node whose disk is full says so, and still answers what it holds.

use std::path::Path;
use std::sync::Arc;

use axum::http::Method;
use chaski_store::{OpenOptions, Store, SystemEnv, Unlock};

use super::server::{PATIENT, Server};
use crate::HttpSettings;

/// A store that asks for so many free bytes.
fn store(dir: &Path, floor_bytes: u64, is_there: bool) -> Store {
    let options = OpenOptions {
        disk_floor_bytes: floor_bytes,
        disk_floor_percent: 0,
        background: false,
        argon2_memory_kib: 64,
        ..OpenOptions::default()
    };
    let (unlock, env) = (Unlock::Raw([7; 32]), Arc::new(SystemEnv));
    match is_there {
        true => Store::open(dir, &unlock, env, options).expect("a store"),
        false => Store::create(dir, &unlock, env, options).expect("a store").store,
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_refuses_writes_and_no_reads() {
    let home = tempfile::tempdir().expect("a directory");
    let dir = home.path().join("data");
    let server = Server::furnished(store(&dir, 0, false), HttpSettings::default());
    let key = server.create("Patient", PATIENT).await;
    assert_eq!(server.get("/health").await.at("/writable"), "true");
    let token = server.token.clone();
    drop(server);

    let mut server = Server::over(store(&dir, u64::MAX, true), HttpSettings::default());
    server.token = token;
    let health = server
        .send(Method::GET, "/health", &[("authorization", "")], "")
        .await;
    assert_eq!(
        (health.status.as_u16(), health.at("/writable").as_str()),
        (200, "false"),
        "{}",
        health.text
    );
    let path = format!("/fhir/{key}");
    let read = server.get(&path).await;
    assert_eq!(
        (read.status.as_u16(), read.at("/gender").as_str()),
        (200, "female"),
        "{}",
        read.text
    );
    let changed = read.text.replace("female", "other");
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[
            {{"resource":{PATIENT},"request":{{"method":"POST","url":"Patient"}}}}]}}"#
    );
    for (method, address, body) in [
        (Method::POST, "/fhir/Patient", PATIENT),
        (Method::PUT, path.as_str(), changed.as_str()),
        (Method::DELETE, path.as_str(), ""),
        (Method::POST, "/fhir", bundle.as_str()),
    ] {
        let refused = server.send(method, address, &[], body).await;
        refused.refused(507, "no-store");
    }
    let history = server.get("/fhir/_history").await;
    let entries = history.json();
    let entries = entries.get("entry").and_then(|entries| entries.as_array());
    assert_eq!(entries.map(Vec::len), Some(1), "{}", history.text);
    let found = server.get("/fhir/Patient?_summary=count").await;
    assert_eq!(found.at("/total"), "1", "{}", found.text);
}
