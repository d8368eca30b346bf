//! Signing in: whose session it becomes, over which line its cookies go, and how much is read for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, Request, StatusCode, header};
use futures_util::{StreamExt, stream};

use super::fixture::{FixtureNode, FixtureParcels, ONE_USE, Sample, TOKEN, TOKEN_OTHER};
use super::{Answer, Browser, browser, signed_in, state};
use crate::{UiState, Unlock, UnlockError};

fn cookies(answer: &Answer) -> Vec<&str> {
    let all = answer.headers.get_all(header::SET_COOKIE).iter();
    all.map(|value| value.to_str().unwrap()).collect()
}

fn router(is_secure: bool) -> axum::Router {
    let sample = Sample::new();
    let node = FixtureNode::new(false, sample.changes.clone());
    crate::router(UiState::new(
        sample.clinic.clone(),
        Arc::new(node),
        Arc::new(FixtureParcels::default()),
        is_secure,
    ))
}

/// Every answer that sets a cookie.
async fn answers_with_cookies(router: axum::Router) -> Vec<Answer> {
    let mut browser = Browser::new(router);
    let login = browser.get("/login").await;
    let csrf = login.hidden("csrf");
    let wrong = browser
        .post("/login", &[("csrf", &csrf), ("token", "wrong")])
        .await;
    let lang = browser.post("/login", &[("csrf", &csrf), ("lang", "ar")]).await;
    let signed = browser.post("/login", &[("csrf", &csrf), ("token", TOKEN)]).await;
    let language = browser.get("/language/en?next=/").await;
    let csrf = browser.get("/").await.hidden("csrf");
    let out = browser.post("/logout", &[("csrf", &csrf)]).await;
    let first = browser.sign_in(ONE_USE).await;
    vec![login, wrong, lang, signed, language, out, first]
}

#[tokio::test]
async fn over_tls_every_cookie_goes_over_tls_only() {
    for is_secure in [true, false] {
        for (at, answer) in answers_with_cookies(router(is_secure)).await.iter().enumerate() {
            let set = cookies(answer);
            assert!(!set.is_empty(), "answer {at}");
            for cookie in set {
                assert_eq!(cookie.contains("; Secure"), is_secure, "answer {at}: {cookie}");
                assert!(cookie.contains("; HttpOnly"), "answer {at}: {cookie}");
                assert!(cookie.contains("; SameSite=Strict"), "answer {at}: {cookie}");
                assert!(cookie.contains("; Path=/;"), "answer {at}: {cookie}");
                assert!(!cookie.contains("Domain"), "answer {at}: {cookie}");
            }
        }
    }
}

#[tokio::test]
async fn a_cookie_lives_no_longer_than_what_it_opens() {
    let answers = answers_with_cookies(router(false)).await;
    let age = |answer: &Answer, name: &str| {
        let set = cookies(answer);
        let cookie = set.iter().find(|cookie| cookie.starts_with(name)).unwrap();
        let age = cookie.split("Max-Age=").nth(1).unwrap();
        age.split(';').next().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(age(&answers[0], "chaski-login-"), 3_600);
    assert_eq!(age(&answers[3], "chaski-session-"), 12 * 3_600);
    assert_eq!(age(&answers[3], "chaski-login-"), 0, "the form is used up");
    assert_eq!(age(&answers[5], "chaski-session-"), 0);
}

/// A page of somebody else's signs nobody in under a token of its maker's.
#[tokio::test]
async fn a_log_in_is_taken_only_from_the_form_that_was_shown_here() {
    let router = router(false);
    let mut browser = Browser::new(router.clone());
    let csrf = browser.get("/login").await.hidden("csrf");
    let elsewhere = Browser::new(router).get("/login").await.hidden("csrf");
    assert_ne!(elsewhere, csrf);
    let other = format!("{csrf}x");
    for wrong in ["", "x", other.as_str(), elsewhere.as_str()] {
        let answer = browser.post("/login", &[("csrf", wrong), ("token", TOKEN)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong}");
        let without = browser.post("/login", &[("token", TOKEN)]).await;
        assert_eq!(without.status, StatusCode::FORBIDDEN);
    }
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        browser.extra.push((HeaderName::from_static(name), value));
        let answer = browser.post("/login", &[("csrf", &csrf), ("token", TOKEN)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name} {value}");
        browser.extra.clear();
    }
    assert!(!browser.cookies.iter().any(|(name, _)| name.contains("session")));
    let answer = browser.post("/login", &[("csrf", &csrf), ("token", TOKEN)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_new_sign_in_ends_the_old_session_and_never_keeps_its_secret() {
    let router = router(false);
    let mut browser = Browser::new(router.clone());
    browser.sign_in(TOKEN).await;
    let old = browser.cookies.clone();
    let csrf = browser.get("/").await.hidden("csrf");
    // The log-in form is shown to somebody who is signed in when they ask for it by name.
    let form = browser.get("/login?next=/patients").await.hidden("csrf");
    let fields = [("csrf", form.as_str()), ("token", TOKEN_OTHER)];
    assert_eq!(
        browser.post("/login", &fields).await.status,
        StatusCode::SEE_OTHER
    );
    let session = |cookies: &[(String, String)]| {
        cookies
            .iter()
            .find(|(name, _)| name.contains("session"))
            .unwrap()
            .1
            .clone()
    };
    assert_ne!(session(&old), session(&browser.cookies));
    assert_ne!(browser.get("/").await.hidden("csrf"), csrf);
    let mut left = Browser::new(router);
    left.cookies = old;
    assert_eq!(
        left.get("/").await.status,
        StatusCode::SEE_OTHER,
        "the old one is over"
    );
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_session_is_never_one_that_the_visitor_brought() {
    let mut browser = browser();
    browser
        .cookies
        .push(("chaski-session-ab12cd34".into(), "chosen".into()));
    browser.sign_in(TOKEN).await;
    let session = browser.cookies.iter().find(|(name, _)| name.contains("session"));
    let secret = &session.unwrap().1;
    assert!(secret != "chosen" && secret.len() == 64);
}

#[tokio::test]
async fn after_the_log_out_nothing_opens_with_the_old_cookie() {
    let mut browser = signed_in().await;
    let old = browser.cookies.clone();
    let csrf = browser.get("/").await.hidden("csrf");
    browser.post("/logout", &[("csrf", &csrf)]).await;
    browser.cookies = old;
    for path in ["/", "/patients", "/conflicts"] {
        assert_eq!(browser.get(path).await.status, StatusCode::SEE_OTHER, "{path}");
    }
}

struct Locked;

impl Unlock for Locked {
    fn name(&self) -> String {
        String::new()
    }

    fn unlock(&self, _: &str) -> Result<(), UnlockError> {
        Ok(())
    }
}

const PIECE_BYTES: usize = 1_024;

async fn post_stream(
    router: axum::Router,
    path: &str,
    body: Body,
    cookies: &[(String, String)],
) -> StatusCode {
    let mut browser = Browser::new(router);
    browser.cookies = cookies.to_vec();
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body)
        .unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(60), browser.send(request)).await;
    answer.unwrap_or_else(|_| panic!("{path} never answers")).status
}

/// Every form, and how many bytes it may have.
fn forms(router: axum::Router) -> Vec<(axum::Router, &'static str, usize)> {
    let mut forms: Vec<(axum::Router, &'static str, usize)> =
        ["/login", "/patients", "/conflicts", "/patients/p2/vitals"]
            .into_iter()
            .map(|path| (router.clone(), path, 64 * 1024))
            .collect();
    forms.push((crate::unlock_router(Arc::new(Locked)), "/unlock", 8 * 1024));
    forms
}

#[tokio::test]
async fn of_a_form_that_is_too_long_no_more_is_taken_than_fits() {
    let (state, _) = state(false);
    let router = crate::router(state);
    let mut signed = Browser::new(router.clone());
    signed.sign_in(TOKEN).await;
    for cookies in [signed.cookies.clone(), Vec::new()] {
        for (router, path, bytes_max) in forms(router.clone()) {
            let taken = Arc::new(AtomicUsize::new(0));
            let count = taken.clone();
            let pieces = stream::iter(0..1_000).map(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok::<_, std::io::Error>(vec![b'a'; PIECE_BYTES])
            });
            let status = post_stream(router, path, Body::from_stream(pieces), &cookies).await;
            assert!(status.is_client_error(), "{path}: {status}");
            let taken = taken.load(Ordering::Relaxed);
            assert!(
                taken <= bytes_max / PIECE_BYTES + 1,
                "{path}: {taken} pieces were taken"
            );
        }
    }
}

#[tokio::test]
async fn a_form_that_never_ends_is_given_up() {
    let (state, _) = state(false);
    let router = crate::router(state);
    for (router, path, _) in forms(router) {
        let trickle = stream::iter([Ok::<_, std::io::Error>(b"csrf=x".to_vec())]).chain(stream::pending());
        let status = post_stream(router, path, Body::from_stream(trickle), &[]).await;
        assert!(status.is_client_error(), "{path}: {status}");
    }
}

#[tokio::test]
async fn a_form_that_comes_a_byte_at_a_time_has_no_more_time_than_another() {
    let (state, _) = state(false);
    let router = crate::router(state);
    // Each piece comes well within a form's time, and the next one too, for ever.
    let step = crate::security::FORM_TIME_MAX / 5;
    for (router, path, _) in forms(router) {
        let drip = stream::unfold((), move |()| async move {
            tokio::time::sleep(step).await;
            Some((Ok::<_, std::io::Error>(vec![b'a']), ()))
        });
        let status = post_stream(router, path, Body::from_stream(drip), &[]).await;
        assert!(status.is_client_error(), "{path}: {status}");
    }
}
