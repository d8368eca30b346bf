use std::sync::Arc;

use axum::http::{HeaderName, StatusCode, header};

use super::fixture::{MARIA, ONE_USE, TOKEN};
use super::{Browser, browser, signed_in, state};
use crate::{Unlock, UnlockError};

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_log_in() {
    let mut browser = browser();
    for path in [
        "/",
        "/patients",
        "/patients/new",
        "/patients/p2",
        "/patients/p2/vitals",
        "/conflicts",
        "/parcel",
        "/live",
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert!(
            answer.header(header::LOCATION).starts_with("/login?next=/"),
            "{path}"
        );
    }
    for path in ["/patients", "/conflicts", "/patients/p2/phone", "/parcel/write"] {
        let answer = browser.post(path, &[("csrf", "x")]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(answer.text.contains("name=\"token\""), "{path}");
        let answer = browser.post(path, &[]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        // What was sent can't be sent again by going there: it goes on at the beginning.
        assert_eq!(answer.header(header::LOCATION), "/login?next=/", "{path}");
    }
    let answer = browser.get("/patients?q=ana").await;
    assert!(
        answer
            .header(header::LOCATION)
            .starts_with("/login?next=/patients")
    );
}

#[tokio::test]
async fn a_token_signs_in_and_goes_on_to_the_page_asked_for() {
    let mut browser = browser();
    let answer = browser.sign_in(TOKEN).await;
    assert_eq!(answer.header(header::LOCATION), "/patients");
    let cookies: Vec<&str> = answer
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    let session = cookies
        .iter()
        .find(|cookie| cookie.starts_with("chaski-session-ab12cd34="))
        .unwrap();
    assert!(
        session.contains("HttpOnly") && session.contains("SameSite=Strict"),
        "{session}"
    );
    assert_eq!(browser.get("/patients").await.status, StatusCode::OK);
    let csrf = browser.get("/").await.hidden("csrf");
    browser.post("/logout", &[("csrf", &csrf)]).await;
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_first_token_is_exchanged_for_one_to_keep() {
    let mut browser = browser();
    let answer = browser.sign_in(ONE_USE).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.contains("Your own access token"));
    let own = answer.text.split("chk_").nth(1).unwrap().get(..64).unwrap();
    let mut later = Browser::new(browser.router.clone());
    let again = later.sign_in(&format!("chk_{own}")).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER, "it is one to keep");
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn wrong_tokens_lock_the_address_for_a_while() {
    let mut browser = browser();
    for _ in 0..5 {
        let answer = browser.sign_in("wrong").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.text.contains("does not open this node"));
        assert!(!answer.text.contains("value=\"wrong\""));
    }
    let answer = browser.sign_in(TOKEN).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header(header::RETRY_AFTER), "30");
}

#[tokio::test]
async fn the_log_in_form_needs_its_own_cookie() {
    let mut browser = browser();
    let csrf = browser.get("/login").await.hidden("csrf");
    browser.cookies.clear();
    let answer = browser.post("/login", &[("csrf", &csrf), ("token", TOKEN)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_log_in_link_works_once() {
    let (state, _) = state(false);
    let link = state.login_link(TOKEN);
    let router = crate::router(state);
    let mut first = Browser::new(router.clone());
    assert_eq!(first.get(&link).await.status, StatusCode::SEE_OTHER);
    assert_eq!(first.get("/").await.status, StatusCode::OK);
    assert_eq!(
        Browser::new(router).get(&link).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn every_answer_carries_the_strict_headers() {
    let mut browser = signed_in().await;
    for path in ["/", "/patients", "/parcel", "/nowhere", "/login?next=/"] {
        let answer = browser.get(path).await;
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"),
            "{path}"
        );
        assert!(
            policy.contains("form-action 'self'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        for inline in [
            " style=",
            "<style",
            " onclick",
            "<script>",
            "javascript:",
            "http://",
            "https://",
        ] {
            assert!(!answer.text.contains(inline), "{path} has {inline}");
        }
    }
}

#[tokio::test]
async fn a_post_from_elsewhere_or_without_its_form_token_changes_nothing() {
    let path = format!("/patients/{}/phone", MARIA);
    let mut browser = signed_in().await;
    let csrf = browser.get("/").await.hidden("csrf");
    for wrong in ["", "x"] {
        let answer = browser
            .post(&path, &[("csrf", wrong), ("phone", "1234567")])
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    browser
        .extra
        .push((HeaderName::from_static("sec-fetch-site"), "cross-site"));
    let answer = browser
        .post(&path, &[("csrf", &csrf), ("phone", "1234567")])
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    browser.extra.clear();
    let answer = browser
        .post(&path, &[("csrf", &csrf), ("phone", "1234567")])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn language_follows_the_browser_until_it_is_chosen() {
    let mut browser = browser().with(header::ACCEPT_LANGUAGE, "fr, ar-EG;q=0.9, en;q=0.5");
    let answer = browser.get("/login").await;
    assert!(answer.text.contains("<html lang=\"ar\" dir=\"rtl\">"));
    assert!(answer.text.contains("تسجيل الدخول"));
    let answer = browser.get("/language/en?next=/login").await;
    assert_eq!(answer.header(header::LOCATION), "/login");
    assert!(
        browser
            .get("/login")
            .await
            .text
            .contains("<html lang=\"en\" dir=\"ltr\">")
    );
    let answer = browser.get("/language/en?next=//evil").await;
    assert_eq!(answer.header(header::LOCATION), "/");
}

#[tokio::test]
async fn assets_are_kept_for_a_year_under_their_hash_only() {
    let mut browser = browser();
    let url = crate::assets::urls().css.clone();
    let answer = browser.get(&url).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.header(header::CACHE_CONTROL).contains("immutable"));
    assert_eq!(
        browser.get("/assets/000000000000/chaski.css").await.status,
        StatusCode::NOT_FOUND
    );
    for property in [
        "margin-left",
        "margin-right",
        "padding-left",
        "padding-right",
        "float:",
        "text-align:left",
    ] {
        assert!(!answer.text.contains(property), "{property} has a side");
    }
}

#[tokio::test]
async fn home_names_the_node_its_peers_and_what_is_to_be_done() {
    let mut browser = signed_in().await;
    let text = browser.get("/").await.text;
    for told in [
        "Santa Rosa",
        "48,213",
        "Regional hub",
        "In sync",
        "Never heard from",
        "Never met",
        "When last heard, its clock was 3 hours behind",
    ] {
        assert!(text.contains(told), "{told}");
    }
    assert!(text.contains("2 conflicts wait"));
    assert!(!text.contains("First sync incomplete"));
    let mut busy = Browser::new(crate::router(state(true).0));
    busy.sign_in(TOKEN).await;
    let text = busy.get("/").await.text;
    assert!(text.contains("First sync incomplete: 12,400 of 48,213"));
    assert!(text.contains("chaski root export"));
}

#[tokio::test]
async fn pages_are_small() {
    let mut browser = signed_in().await;
    let mut assets = 0;
    for url in [
        &crate::assets::urls().css,
        &crate::assets::urls().js,
        &crate::assets::urls().print_css,
    ] {
        assets += browser.get(url).await.text.len();
    }
    let chart = format!("/patients/{}", MARIA);
    for path in ["/", "/patients", "/patients/new", "/conflicts", "/parcel", &chart] {
        let page = browser.get(path).await.text.len();
        assert!(page + assets <= 100 * 1024, "{path}: {page} + {assets}");
    }
}

#[tokio::test]
async fn a_page_says_which_changes_it_has_seen() {
    let (state, sample) = state(false);
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    assert!(browser.get("/").await.text.contains("data-live-seq=\"1\""));
    sample.changes.send_modify(|seq| *seq += 1);
    assert!(
        browser
            .get("/conflicts")
            .await
            .text
            .contains("data-live-seq=\"2\"")
    );
}

#[tokio::test]
async fn live_tells_that_something_changed_and_nothing_else() {
    use futures_util::StreamExt;
    let changes = tokio::sync::watch::Sender::new(7);
    let streams = Arc::new(tokio::sync::Semaphore::new(1));
    let response = crate::live::stream_of(changes.subscribe(), &streams);
    let refused = crate::live::stream_of(changes.subscribe(), &streams);
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let mut body = response.into_body().into_data_stream();
    let first = body.next().await.unwrap().unwrap();
    assert_eq!(&first[..], b"event: change\ndata: 7\n\n");
    changes.send_replace(8);
    let second = body.next().await.unwrap().unwrap();
    assert_eq!(&second[..], b"event: change\ndata: 8\n\n");
    drop(changes);
    assert!(body.next().await.is_none(), "the stream ends with the node");
}

struct Locked;

impl Unlock for Locked {
    fn name(&self) -> String {
        "Santa Rosa".into()
    }

    fn unlock(&self, secret: &str) -> Result<(), UnlockError> {
        match secret {
            "right" => Ok(()),
            "again" => Err(UnlockError::Wait { seconds: 9 }),
            _ => Err(UnlockError::Wrong),
        }
    }
}

#[tokio::test]
async fn a_locked_node_serves_its_unlock_page_on_every_path() {
    let mut browser = Browser::new(crate::unlock_router(Arc::new(Locked)));
    for path in ["/", "/patients/1"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.text.contains("This node is locked"));
    }
    assert_eq!(
        browser.post("/unlock", &[("secret", "x")]).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert!(
        browser
            .post("/unlock", &[("secret", "again")])
            .await
            .text
            .contains("Wait 9 seconds")
    );
    assert_eq!(
        browser.post("/unlock", &[("secret", "right")]).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn while_a_first_sync_lasts_every_page_that_can_miss_somebody_says_so() {
    let pages = [
        "/",
        "/patients",
        "/patients?q=nobody",
        "/patients/new",
        "/patients/p2",
    ];
    for is_first in [true, false] {
        let mut browser = Browser::new(crate::router(super::state(is_first).0));
        browser.sign_in(TOKEN).await;
        for path in pages {
            let page = browser.get(path).await.text;
            let is_told = page.contains("First sync incomplete: 12,400 of 48,213");
            assert_eq!(is_told, is_first, "{path}");
            assert_eq!(page.contains("searches can miss people"), is_first, "{path}");
            let part = if path == "/" {
                "live-notices"
            } else {
                "live-first-sync"
            };
            assert!(
                page.contains(&format!("id=\"{part}\" data-live class=\"notices\">")),
                "{path}"
            );
        }
        let empty = browser.get("/patients").await.text;
        assert_eq!(
            empty.contains("class=\"notices\"></div>"),
            !is_first,
            "no gap where there is nothing"
        );
        browser.get("/language/ar").await;
        let page = browser.get("/patients?q=nobody").await.text;
        assert_eq!(page.contains("لم تكتمل المزامنة الأولى"), is_first);
    }
}
