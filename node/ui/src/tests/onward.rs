//! Where a visitor is sent on to is always a page of this node, by whichever way they came.

use axum::http::header;

use super::fixture::{ONE_USE, TOKEN};
use super::{Browser, browser, state};

/// What a link may ask for, and where it leads.
const NEXT: [(&str, &str); 15] = [
    ("/patients", "/patients"),
    ("/patients?q=x", "/patients?q=x"),
    ("/", "/"),
    ("", "/"),
    ("https://evil.example/", "/"),
    ("http:evil.example", "/"),
    ("//evil.example/", "/"),
    ("///evil.example/", "/"),
    ("/\\evil.example/", "/"),
    ("\\\\evil.example/", "/"),
    ("/\t/evil.example/", "/"),
    ("/\n/evil.example/", "/"),
    (" //evil.example/", "/"),
    ("javascript:alert(1)", "/"),
    ("evil.example", "/"),
];

#[tokio::test]
async fn after_signing_in_nobody_lands_elsewhere() {
    for (next, lands) in NEXT {
        let mut browser = browser();
        let csrf = browser.get("/login").await.hidden("csrf");
        let fields = [("csrf", csrf.as_str()), ("token", TOKEN), ("next", next)];
        let answer = browser.post("/login", &fields).await;
        assert_eq!(answer.status.as_u16(), 303, "{next:?}");
        assert_eq!(answer.header(header::LOCATION), lands, "{next:?}");
    }
}

#[tokio::test]
async fn the_page_of_ones_own_token_leads_nowhere_else() {
    for (next, lands) in NEXT {
        let mut browser = browser();
        let csrf = browser.get("/login").await.hidden("csrf");
        let fields = [("csrf", csrf.as_str()), ("token", ONE_USE), ("next", next)];
        let answer = browser.post("/login", &fields).await;
        assert_eq!(answer.status.as_u16(), 200, "{next:?}");
        let link = format!("class=\"button button-main button-wide\" href=\"{lands}\"");
        assert!(answer.text.contains(&link), "{next:?}: {}", answer.text);
        assert!(
            !answer.text.contains("evil") && !answer.text.contains("alert"),
            "{next:?}"
        );
    }
}

#[tokio::test]
async fn a_log_in_link_leads_nowhere_else() {
    for (next, lands) in NEXT {
        let (state, _) = state(false);
        let link = state.login_link(TOKEN);
        let mut browser = Browser::new(crate::router(state));
        let next = crate::frame::escape_query(next);
        let answer = browser.get(&format!("{link}?next={next}")).await;
        assert_eq!(answer.status.as_u16(), 303, "{next:?}");
        assert_eq!(answer.header(header::LOCATION), lands, "{next:?}");
    }
}

#[tokio::test]
async fn another_language_leads_nowhere_else() {
    for (next, lands) in NEXT {
        let mut browser = browser();
        let next = crate::frame::escape_query(next);
        for code in ["ar", "nowhere"] {
            let answer = browser.get(&format!("/language/{code}?next={next}")).await;
            assert_eq!(answer.status.as_u16(), 303, "{next:?}");
            assert_eq!(answer.header(header::LOCATION), lands, "{next:?}");
        }
    }
}
