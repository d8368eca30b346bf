//! Who may pass which page and form: every route with every method, for nobody and for every role.
//!
//! A route that is added to the router and not to [`DOORS`] is found in its source.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use chaski_clinic::access::TokenKind;

use super::super::{Answer, Browser};
use super::Real;

/// Who is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Also without a session.
    Everyone,
    /// Whoever is signed in.
    Signed,
    /// Clinicians and readers.
    Readers,
    /// Callers who have the role of a clinician.
    Writers,
    /// Who is administrator and clinician.
    Both,
}
use Who::{Both, Everyone, Readers, Signed, Writers};

const ROLES: [&str; 4] = ["administrator", "clinician", "reader", "administrator,clinician"];

fn may(who: Who, roles: &str) -> bool {
    let has = |role: &str| roles.split(',').any(|held| held == role);
    match who {
        Everyone | Signed => true,
        Readers => has("clinician") || has("reader"),
        Writers => has("clinician"),
        Both => has("administrator") && has("clinician"),
    }
}

/// Method, route, the form's fields or the query, who may, and what they get.
pub(crate) type Door = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    Who,
    u16,
);

#[rustfmt::skip]
const DOORS: &[Door] = &[
    ("GET",  "/", &[], Signed, 200),
    ("GET",  "/login", &[("next", "/patients")], Everyone, 200),
    ("POST", "/login", &[], Everyone, 403),
    ("GET",  "/login/once/{secret}", &[], Everyone, 401),
    ("GET",  "/language/{code}", &[("next", "/login")], Everyone, 303),
    ("GET",  "/assets/{tag}/{name}", &[], Everyone, 404),
    ("GET",  "/favicon.ico", &[], Everyone, 200),
    ("GET",  "/patients", &[("q", "x")], Readers, 200),
    ("POST", "/patients", &[("given", "Luz"), ("family", "Mamani"), ("sex", "female"), ("accept_duplicates", "1")], Writers, 303),
    ("GET",  "/patients/new", &[], Signed, 200),
    ("GET",  "/patients/{id}", &[], Readers, 200),
    ("GET",  "/patients/{id}/phone", &[], Readers, 200),
    ("POST", "/patients/{id}/phone", &[("phone", "555-0199")], Writers, 303),
    ("GET",  "/patients/{id}/phone/{nth}", &[], Readers, 200),
    ("GET",  "/patients/{id}/allergies/new", &[], Readers, 200),
    ("POST", "/patients/{id}/allergies/new", &[("substance", "Penicillin"), ("criticality", "low")], Writers, 303),
    ("GET",  "/patients/{id}/allergies/{allergy}", &[], Readers, 200),
    ("POST", "/patients/{id}/allergies/{allergy}", &[("criticality", "low"), ("status", "resolved")], Writers, 303),
    ("GET",  "/patients/{id}/vitals", &[], Readers, 200),
    ("POST", "/patients/{id}/vitals", &[("heart_rate", "72")], Writers, 303),
    ("GET",  "/patients/{id}/medicines/{medicine}/dose", &[], Readers, 200),
    ("POST", "/patients/{id}/medicines/{medicine}/dose", &[("dose_value", "10"), ("dose_unit", "mg")], Writers, 303),
    ("GET",  "/patients/{id}/medicines/{medicine}/status", &[], Readers, 200),
    ("POST", "/patients/{id}/medicines/{medicine}/status", &[("status", "stopped"), ("reason", "rash")], Writers, 303),
    ("GET",  "/conflicts", &[], Readers, 200),
    ("POST", "/conflicts", &[("record", "{disputed}"), ("version", "{version}"), ("path", "!group/medication"), ("pick", "0")], Writers, 303),
    ("GET",  "/parcel", &[], Both, 200),
    ("GET",  "/parcel/write", &[], Both, 200),
    ("POST", "/parcel/write", &[("to-a1b2", "1")], Both, 200),
    ("GET",  "/parcel/read", &[], Both, 200),
    ("POST", "/parcel/read", &[], Both, 200),
    ("GET",  "/hub", &[], Signed, 200),
    ("GET",  "/live", &[], Signed, 200),
    ("POST", "/logout", &[], Signed, 303),
];

/// The doors of the table, and of the workflows that have theirs with them.
fn doors() -> impl Iterator<Item = &'static Door> {
    let of_workflows = crate::workflows::WORKFLOWS
        .iter()
        .flat_map(|workflow| workflow.doors);
    DOORS.iter().chain(of_workflows)
}

async fn knock(real: &Real, browser: &mut Browser, door: &Door, csrf: &str) -> Answer {
    let (method, route, fields, ..) = door;
    let path = real.fill(route);
    let filled: Vec<(&str, String)> = fields
        .iter()
        .map(|(name, text)| (*name, real.fill(text)))
        .collect();
    if *method == "GET" {
        let query: Vec<String> = filled
            .iter()
            .map(|(name, text)| format!("{name}={text}"))
            .collect();
        return browser.get(&format!("{path}?{}", query.join("&"))).await;
    }
    if *route == "/parcel/read" {
        return browser.upload(&path, csrf, b"sealed".to_vec()).await;
    }
    let mut all = vec![("csrf", csrf)];
    all.extend(filled.iter().map(|(name, text)| (*name, text.as_str())));
    browser.post(&path, &all).await
}

/// Nothing that is answered is kept, guessed at, framed or lets anything in.
fn check_headers(answer: &Answer, door: &Door) {
    use axum::http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    };
    let policy = answer.header(CONTENT_SECURITY_POLICY);
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(
            policy.split("; ").any(|own| own.trim() == part),
            "{door:?}: {policy}"
        );
    }
    assert_eq!(answer.header(X_CONTENT_TYPE_OPTIONS), "nosniff", "{door:?}");
    assert_eq!(answer.header(REFERRER_POLICY), "same-origin", "{door:?}");
    if door.1 != "/favicon.ico" {
        assert!(answer.header(CACHE_CONTROL).starts_with("no-"), "{door:?}");
    }
}

/// No page was shown and no form was taken: the way to the log-in, or the log-in itself.
fn is_shut(answer: &Answer) -> bool {
    let location = answer.header(axum::http::header::LOCATION);
    match answer.status.as_u16() {
        303 => location.starts_with("/login"),
        401 => answer.text.contains("name=\"token\""),
        _ => false,
    }
}

#[tokio::test]
async fn every_page_and_form_is_shut_to_whoever_is_not_signed_in() {
    let real = Real::new();
    let all = "administrator,clinician";
    let expiring = real.token(all, TokenKind::Personal, Some(60_000));
    let mut expired = real.browser();
    expired.sign_in(&expiring).await;
    let revoked_token = real.token(all, TokenKind::Personal, None);
    let mut revoked = real.browser();
    revoked.sign_in(&revoked_token).await;
    let holder = real.clinic.token_verify(&revoked_token).unwrap().token_id;
    let operator = real.clinic.operator("test");
    real.clinic.token_revoke(&operator, &holder).unwrap();
    real.clock.now_ms.fetch_add(60_000, Ordering::Relaxed);
    let mut forged = real.browser();
    let name = expired
        .cookies
        .iter()
        .find(|(name, _)| name.contains("session"))
        .unwrap()
        .0
        .clone();
    forged.cookies.push((name, "0".repeat(64)));
    let browsers = [
        ("nobody", real.browser()),
        ("a session whose token is over", expired),
        ("a session whose token was revoked", revoked),
        ("an invented session", forged),
    ];
    let before = real.state();
    for (who, kept) in browsers {
        for door in doors().filter(|door| door.3 != Everyone) {
            for csrf in ["", "x"] {
                let mut browser = real.browser();
                browser.cookies.clone_from(&kept.cookies);
                let answer = knock(&real, &mut browser, door, csrf).await;
                assert!(
                    is_shut(&answer),
                    "{door:?} to {who}: {} {}",
                    answer.status,
                    answer.text
                );
                assert!(!answer.text.contains("x1 zq="), "{door:?} to {who}");
            }
        }
    }
    assert_eq!(real.state(), before, "nothing was changed");
}

#[tokio::test]
async fn every_page_and_form_lets_each_role_through_or_refuses_it() {
    for door in doors() {
        let (.., who, passes) = door;
        let mut real = Real::new();
        for roles in ROLES {
            let mut browser = real.signed_in(roles).await;
            let csrf = browser.get("/").await.hidden("csrf");
            let before = real.state();
            let answer = knock(&real, &mut browser, door, &csrf).await;
            check_headers(&answer, door);
            if may(*who, roles) {
                assert_eq!(
                    answer.status.as_u16(),
                    *passes,
                    "{door:?} as {roles}: {}",
                    answer.text
                );
                if door.0 == "POST" {
                    real = Real::new();
                }
            } else {
                assert_eq!(
                    answer.status.as_u16(),
                    403,
                    "{door:?} as {roles}: {}",
                    answer.text
                );
                assert!(
                    !answer.text.contains("x1 zq="),
                    "{door:?} as {roles} sees the patient"
                );
                assert_eq!(real.state(), before, "{door:?} as {roles} changed something");
            }
        }
    }
}

#[tokio::test]
async fn no_form_is_taken_without_its_own_token_or_from_elsewhere() {
    let real = Real::new();
    let mut other = real.signed_in("administrator,clinician").await;
    let of_another = other.get("/").await.hidden("csrf");
    for door in doors().filter(|door| door.0 == "POST" && door.3 != Everyone) {
        let mut browser = real.signed_in("administrator,clinician").await;
        let own = browser.get("/").await.hidden("csrf");
        let before = real.state();
        for csrf in ["", "x", of_another.as_str(), own.split('.').next().unwrap()] {
            let answer = knock(&real, &mut browser, door, csrf).await;
            assert_eq!(
                answer.status.as_u16(),
                403,
                "{door:?} with {csrf}: {}",
                answer.text
            );
        }
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            browser
                .extra
                .push((axum::http::HeaderName::from_static(name), value));
            let answer = knock(&real, &mut browser, door, &own).await;
            assert_eq!(answer.status.as_u16(), 403, "{door:?} from {name} {value}");
            browser.extra.clear();
        }
        assert_eq!(real.state(), before, "{door:?}");
        assert_eq!(
            browser.get("/").await.status.as_u16(),
            200,
            "{door:?}: still signed in"
        );
    }
}

/// What was typed in a session that is over is shown again: its writer says anew that it is to be saved.
#[tokio::test]
async fn no_form_of_an_earlier_session_is_saved_by_itself() {
    for door in doors() {
        let (method, route, _, who, _) = *door;
        if method != "POST" || who == Everyone || route == "/logout" {
            continue;
        }
        let real = Real::new();
        let token = real.token("administrator,clinician", TokenKind::Personal, None);
        let mut browser = real.browser();
        browser.sign_in(&token).await;
        let old = browser.get("/").await.hidden("csrf");
        browser.cookies.clear();
        browser.sign_in(&token).await;
        let own = browser.get("/").await.hidden("csrf");
        let before = real.state();
        let answer = knock(&real, &mut browser, door, &old).await;
        assert_eq!(real.state(), before, "{door:?}: {}", answer.text);
        let is_taken = answer.text.starts_with("sealed") || answer.text.contains("was read");
        assert!(!is_taken, "{door:?}: {}", answer.text);
        let again = knock(&real, &mut browser, door, &own).await;
        assert_eq!(again.status.as_u16(), door.4, "{door:?}: {}", again.text);
        if !route.starts_with("/parcel") {
            assert_ne!(real.state(), before, "{door:?}: sent anew it is saved");
        }
    }
}

/// The routes of the router's source, each with its methods.
fn routed() -> BTreeSet<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a source");
    let own = read("lib.rs");
    let own = own.split("pub fn router").nth(1).expect("the router");
    let mut sources = own.split("\n}\n").next().expect("its end").to_owned();
    for workflow in &crate::workflows::WORKFLOWS {
        sources += &read(&format!("{}.rs", workflow.name));
    }
    let mut found = BTreeSet::new();
    for route in sources.split(".route(").skip(1) {
        let route = route.split("\n}\n").next().expect("its end");
        let path = route.split('"').nth(1).expect("a path");
        for method in ["get", "post", "put", "delete", "patch", "any", "head", "options"] {
            let is_there = route
                .match_indices(&format!("{method}("))
                .any(|(at, _)| !route[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'));
            if is_there {
                found.insert((method.to_uppercase(), path.to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_route_of_the_router_is_in_the_table() {
    let tried: BTreeSet<(String, String)> = doors()
        .map(|(method, route, ..)| ((*method).to_owned(), (*route).to_owned()))
        .collect();
    assert_eq!(routed(), tried);
}
