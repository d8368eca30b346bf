//! How long somebody stays signed in, whose typed text comes back, and who is kept out for a while.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use axum::Extension;
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, header};
use chaski_clinic::access::TokenKind;

use super::super::{Browser, state};
use super::Real;
use crate::tests::fixture::TOKEN;

const MINUTE: u64 = 60_000;
const BY_PAGE: (HeaderName, &str) = (HeaderName::from_static("x-chaski-live"), "1");

/// Whether a page opens; `by_page` where an open page asks for itself anew.
async fn opens(browser: &mut Browser, path: &str, by_page: bool) -> bool {
    if by_page {
        browser.extra.push(BY_PAGE);
    }
    let answer = browser.get(path).await;
    browser.extra.clear();
    answer.status.as_u16() == 200
}

#[tokio::test]
async fn only_what_its_reader_does_keeps_a_session_open() {
    // Milliseconds since the step before, the page, whether it asks by itself, and whether it opens.
    let days: [&[(u64, &str, bool, bool)]; 5] = [
        &[
            (30 * MINUTE, "/patients", false, true),
            (30 * MINUTE, "/", false, true),
            (30 * MINUTE + 1, "/", false, false),
        ],
        &[
            (20 * MINUTE, "/patients", true, true),
            (10 * MINUTE, "/patients", true, true),
            (1, "/patients", true, false),
        ],
        &[
            (20 * MINUTE, "/live", false, true),
            (10 * MINUTE, "/live", false, true),
            (1, "/patients", false, false),
        ],
        &[
            (20 * MINUTE, "/patients", true, true),
            (10 * MINUTE, "/patients", false, true),
            (30 * MINUTE, "/patients", true, true),
            (1, "/live", false, false),
        ],
        &[(30 * MINUTE + 1, "/live", false, false)],
    ];
    for day in days {
        let real = Real::new();
        let mut browser = real.signed_in("clinician").await;
        for (later, path, by_page, is_open) in day {
            real.clock.now_ms.fetch_add(*later, Ordering::Relaxed);
            let opened = opens(&mut browser, path, *by_page).await;
            assert_eq!(opened, *is_open, "{path} after {later} in {day:?}");
        }
    }
}

#[tokio::test]
async fn what_was_done_is_told_to_who_did_it_and_not_to_a_page_that_asks_by_itself() {
    let real = Real::new();
    let mut browser = real.signed_in("clinician").await;
    let csrf = browser.get("/").await.hidden("csrf");
    let path = real.fill("/patients/{id}/phone");
    let fields = [("csrf", csrf.as_str()), ("phone", "555-0199")];
    assert_eq!(browser.post(&path, &fields).await.status.as_u16(), 303);
    let chart = real.fill("/patients/{id}");
    browser.extra.push(BY_PAGE);
    for _ in 0..2 {
        assert!(!browser.get(&chart).await.text.contains("Phone saved."));
    }
    browser.extra.clear();
    assert!(browser.get(&chart).await.text.contains("Phone saved."));
    assert!(
        !browser.get(&chart).await.text.contains("Phone saved."),
        "told once"
    );
}

/// Opens the form of vital signs and answers the token it carries.
async fn vitals_form(real: &Real, browser: &mut Browser) -> String {
    let form = browser.get(&real.fill("/patients/{id}/vitals")).await;
    form.hidden("csrf")
}

#[tokio::test]
async fn what_was_typed_in_a_session_comes_back_to_who_holds_the_token_that_opened_it() {
    for kind in [TokenKind::Personal, TokenKind::OneUse] {
        for ending in ["cookies", "log-out", "idle", "half a day"] {
            let real = Real::new();
            let mut browser = real.browser();
            let token = real.token("clinician", kind, None);
            let answer = browser.sign_in(&token).await;
            let token = match kind {
                TokenKind::OneUse => {
                    let text = answer.text.split("chk_").nth(1).expect("a token of one's own");
                    format!("chk_{}", text.get(..64).unwrap())
                }
                _ => token,
            };
            let csrf = vitals_form(&real, &mut browser).await;
            match ending {
                "cookies" => browser.cookies.clear(),
                "log-out" => drop(browser.post("/logout", &[("csrf", &csrf)]).await),
                "idle" => drop(real.clock.now_ms.fetch_add(31 * MINUTE, Ordering::Relaxed)),
                _ => drop(real.clock.now_ms.fetch_add(721 * MINUTE, Ordering::Relaxed)),
            }
            let said = format!("{kind:?}, {ending}");
            let before = real.state();
            let path = real.fill("/patients/{id}/vitals");
            let typed = [("csrf", csrf.as_str()), ("heart_rate", "82"), ("weight", "71.5")];
            let login = browser.post(&path, &typed).await;
            assert_eq!(login.status.as_u16(), 401, "{said}");
            let mut fields = login.form("action=\"/login\"");
            fields.push(("token".into(), token));
            let fields: Vec<(&str, &str)> = fields.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
            let resume = browser.post("/login", &fields).await;
            assert_eq!(
                resume.status.as_u16(),
                200,
                "{said}: it was taken from its writer"
            );
            let fields = resume.form("data-resume");
            let fields: Vec<(&str, &str)> = fields.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
            let form = browser.post(&path, &fields).await;
            assert!(form.text.contains("value=\"82\""), "{said}: {}", form.text);
            assert!(form.text.contains("value=\"71.5\""), "{said}");
            assert_eq!(real.state(), before, "{said}: nothing is saved by itself");

            // Somebody of the same name with a token of their own is somebody else.
            let mut other = real.browser();
            other
                .sign_in(&real.token("clinician", TokenKind::Personal, None))
                .await;
            let answer = other.post(&path, &typed).await;
            assert_eq!(answer.status.as_u16(), 403, "{said}");
            assert_eq!(real.state(), before, "{said}");
        }
    }
}

#[tokio::test]
async fn slips_are_forgiven_by_a_right_token_and_a_failing_node_counts_none() {
    let real = Real::new();
    let token = real.token("clinician", TokenKind::Personal, None);
    for round in 0..3 {
        for slip in 0..4 {
            let answer = real.browser().sign_in("wrong").await;
            assert_eq!(answer.status.as_u16(), 401, "{round} {slip}");
        }
        let answer = real.browser().sign_in(&token).await;
        assert_eq!(answer.status.as_u16(), 303, "{round}");
    }
    let (state, sample) = state(false);
    let router = crate::router(state);
    sample.kv.full(true);
    for _ in 0..8 {
        let answer = Browser::new(router.clone()).sign_in(TOKEN).await;
        assert_eq!(answer.status.as_u16(), 500);
    }
    sample.kv.full(false);
    assert_eq!(Browser::new(router).sign_in(TOKEN).await.status.as_u16(), 303);
}

#[tokio::test]
async fn who_guesses_is_kept_out_and_nobody_at_another_address() {
    let real = Real::new();
    let token = real.token("clinician", TokenKind::Personal, None);
    let from = |address: &str| {
        let address: SocketAddr = address.parse().unwrap();
        Browser::new(real.router.clone().layer(Extension(ConnectInfo(address))))
    };
    for port in 1..=5 {
        // Another port is the same machine.
        let answer = from(&format!("10.0.0.7:{port}")).sign_in("wrong").await;
        assert_eq!(answer.status.as_u16(), 401);
    }
    for guess in ["wrong", token.as_str()] {
        let locked = from("10.0.0.7:99").sign_in(guess).await;
        assert_eq!(locked.status.as_u16(), 429);
        assert_eq!(locked.header(header::RETRY_AFTER), "30");
    }
    assert_eq!(from("10.0.0.8:1").sign_in(&token).await.status.as_u16(), 303);
    assert_eq!(
        from("10.0.0.7:1").sign_in(&token).await.status.as_u16(),
        429,
        "what another does unlocks nobody"
    );
    real.clock.now_ms.fetch_add(29_999, Ordering::Relaxed);
    assert_eq!(from("10.0.0.7:1").sign_in(&token).await.status.as_u16(), 429);
    real.clock.now_ms.fetch_add(1, Ordering::Relaxed);
    assert_eq!(from("10.0.0.7:1").sign_in(&token).await.status.as_u16(), 303);
}

#[tokio::test]
async fn a_log_out_ends_the_session_in_the_store_and_the_token_stays() {
    let real = Real::new();
    let token = real.token("clinician", TokenKind::Personal, None);
    let mut browser = real.browser();
    browser.sign_in(&token).await;
    let operator = real.clinic.operator("test");
    let open = || {
        let listed = real.clinic.token_list(&operator).unwrap();
        let open = listed.iter().filter(|info| info.ended_ms.is_none());
        let mut kinds: Vec<TokenKind> = open.map(|info| info.kind).collect();
        kinds.sort_by_key(|kind| *kind == TokenKind::Session);
        kinds
    };
    assert_eq!(open(), [TokenKind::Personal, TokenKind::Session]);
    let csrf = browser.get("/").await.hidden("csrf");
    let answer = browser.post("/logout", &[("csrf", &csrf)]).await;
    assert_eq!(answer.header(header::LOCATION), "/login");
    assert_eq!(open(), [TokenKind::Personal]);
}

#[tokio::test]
async fn who_is_dead_or_replaced_stands_below_who_is_in_use_and_says_so() {
    let real = Real::new();
    let named = |given: &str, more: &str| {
        let json = format!(
            r#"{{"resourceType":"Patient","name":[{{"family":"Qollpa","given":["{given}"]}}]{more}}}"#
        );
        super::record(&real.clinic, chaski_json::parse_str(&json).unwrap())
    };
    named("Dead", r#","deceasedBoolean":true"#);
    let kept = named("Living", r#","deceasedBoolean":false"#);
    let link = format!(r#","link":[{{"type":"replaced-by","other":{{"reference":"Patient/{kept}"}}}}]"#);
    named("Old", &link);
    named("Inactive", r#","active":false"#);
    let mut browser = real.signed_in("clinician").await;
    for query in ["qollpa", ""] {
        let page = browser.get(&format!("/patients?q={query}")).await.text;
        let at = |told: &str| page.find(told).unwrap_or_else(|| panic!("{told}, {query}"));
        for (above, below) in [
            ("Living Qollpa", "Old Qollpa"),
            ("Living Qollpa", "Inactive Qollpa"),
            ("Old Qollpa", "Dead Qollpa"),
            ("Inactive Qollpa", "Dead Qollpa"),
        ] {
            assert!(at(above) < at(below), "{above}, {below}, {query}");
        }
        at("Replaced</span>");
        at("Not in use</span>");
        at("Deceased</span>");
        at(&format!("class=\"kept\" href=\"/patients/{kept}\""));
    }
}
