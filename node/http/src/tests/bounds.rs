//! What a client may send, at every address that reads a body: seen by how much of it is taken, so that
//! no later check can stand in for the bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures_util::{StreamExt, stream};

use super::server::{PATIENT, Reply, Server};
use crate::Limits;

const BYTES_MAX: usize = 10_000;
const PIECE_BYTES: usize = 1_000;
/// What of a body may have been taken when it is refused: what fits, and the piece that doesn't.
const PIECES_MAX: usize = BYTES_MAX / PIECE_BYTES + 1;

const JSON: &str = "application/fhir+json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Every address that reads a body.
const TAKE_A_BODY: [(&str, &str, &str); 8] = [
    ("POST", "/fhir", JSON),
    ("POST", "/fhir/", JSON),
    ("POST", "/fhir/Patient", JSON),
    ("PUT", "/fhir/Patient/0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10", JSON),
    ("PUT", "/fhir/Patient?name=x", JSON),
    ("POST", "/fhir/Patient/$validate", JSON),
    (
        "POST",
        "/fhir/Patient/0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10/$validate",
        JSON,
    ),
    ("POST", "/fhir/Patient/_search", FORM),
];

fn server() -> Server {
    Server::with_limits(Limits {
        body_bytes_max: BYTES_MAX,
        body_time_max: Duration::from_millis(20),
        ..Limits::default()
    })
}

/// Sends a body whose length nobody knows, unless it is `declared`.
async fn send(
    server: &Server,
    (method, path, mime): (&str, &str, &str),
    declared: Option<usize>,
    body: Body,
) -> Reply {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "clinic.test")
        .header("authorization", format!("Bearer {}", server.token))
        .header("content-type", mime);
    if let Some(declared) = declared {
        request = request.header("content-length", declared);
    }
    let call = server.call(request.body(body).expect("a request"));
    tokio::time::timeout(Duration::from_secs(30), call)
        .await
        .unwrap_or_else(|_| panic!("{method} {path} never answers"))
}

/// A body that goes on for a thousand pieces, and how many were taken.
fn long() -> (Body, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    let pieces = stream::iter(0..1_000).map(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(vec![b' '; PIECE_BYTES])
    });
    (Body::from_stream(pieces), taken)
}

#[tokio::test]
async fn of_a_body_that_is_too_long_no_more_is_taken_than_fits() {
    let server = server();
    for door in TAKE_A_BODY {
        let (body, taken) = long();
        send(&server, door, None, body).await.refused(413, "too-long");
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken <= PIECES_MAX, "{door:?}: {taken} pieces were taken");
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_not_taken_at_all() {
    let server = server();
    for door in TAKE_A_BODY {
        let (body, taken) = long();
        send(&server, door, Some(BYTES_MAX + 1), body)
            .await
            .refused(413, "too-long");
        assert_eq!(taken.load(Ordering::Relaxed), 0, "{door:?}");
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let server = server();
    for door in TAKE_A_BODY {
        let trickle = stream::iter([Ok::<_, std::io::Error>(vec![b' '])]).chain(stream::pending());
        send(&server, door, None, Body::from_stream(trickle))
            .await
            .refused(408, "timeout");
    }
}

#[tokio::test]
async fn a_body_that_is_cut_changes_nothing() {
    let server = server();
    for door in TAKE_A_BODY {
        let cut = stream::iter([
            Ok(PATIENT.as_bytes().to_vec()),
            Err(std::io::Error::other("the line broke")),
        ]);
        send(&server, door, None, Body::from_stream(cut))
            .await
            .refused(400, "incomplete");
    }
    assert_eq!(server.clinic.store().stats().expect("numbers").records, 0);
}

#[tokio::test]
async fn the_bound_is_the_last_byte_that_fits() {
    let server = server();
    for (bytes, status) in [(BYTES_MAX, 201), (BYTES_MAX + 1, 413)] {
        let text = format!("{PATIENT}{}", " ".repeat(bytes - PATIENT.len()));
        let door = ("POST", "/fhir/Patient", JSON);
        let declared = send(&server, door, Some(bytes), Body::from(text.clone())).await;
        assert_eq!(declared.status.as_u16(), status, "{bytes}");
        let pieces: Vec<Result<Vec<u8>, std::io::Error>> = text
            .as_bytes()
            .chunks(700)
            .map(|piece| Ok(piece.to_vec()))
            .collect();
        let chunked = send(&server, door, None, Body::from_stream(stream::iter(pieces))).await;
        assert_eq!(chunked.status.as_u16(), status, "{bytes} in pieces");
    }
    assert_eq!(Limits::default().body_bytes_max, 32 * 1024 * 1024);
    assert_eq!(Limits::default().body_time_max, Duration::from_secs(60));
    assert_eq!(Limits::default().json_depth_max, 100);
}

#[tokio::test]
async fn an_address_that_reads_no_body_does_not_wait_for_one() {
    let server = server();
    for door in [
        ("GET", "/fhir/Patient", JSON),
        ("DELETE", "/fhir/Patient?name=x", JSON),
        ("POST", "/access/exchange", JSON),
    ] {
        let endless = Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let reply = send(&server, door, None, endless).await;
        assert!(reply.status.is_success(), "{door:?}: {}", reply.text);
    }
}
