//! A form sent after its session ended, by a browser without script.

use axum::http::{StatusCode, header};

use chaski_clinic::vitals::ObservationRow;

use super::fixture::{MARIA, TOKEN, TOKEN_OTHER};
use super::{Answer, Browser, signed_in, state};

fn pairs(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect()
}

fn chart() -> String {
    format!("/patients/{}", MARIA)
}

/// Signs in on the log-in page in sight, with all that it carries.
async fn sign_in_here(browser: &mut Browser, login: &Answer, token: &str) -> Answer {
    let mut fields = login.form("action=\"/login\"");
    fields.push(("token".into(), token.into()));
    browser.post("/login", &pairs(&fields)).await
}

/// Types vital signs, loses the session, and sends.
async fn sent_too_late(browser: &mut Browser) -> Answer {
    let path = format!("{}/vitals", chart());
    let csrf = browser.get(&path).await.hidden("csrf");
    browser.cookies.retain(|(name, _)| !name.contains("session"));
    let typed = [
        ("csrf", csrf.as_str()),
        ("heart_rate", "82"),
        ("weight", "71.5 & \"light\""),
    ];
    browser.post(&path, &typed).await
}

#[tokio::test]
async fn a_form_sent_after_the_session_ended_comes_back_filled_in() {
    let (state, sample) = state(false);
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    let measured = || sample.chart().rows::<ObservationRow>().len();
    let before = measured();
    let login = sent_too_late(&mut browser).await;
    assert_eq!(login.status, StatusCode::UNAUTHORIZED);
    assert!(login.text.contains("what you typed is still here"));
    let wrong = sign_in_here(&mut browser, &login, "wrong").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "a slip does not lose it");
    let resume = sign_in_here(&mut browser, &wrong, TOKEN).await;
    assert_eq!(resume.status, StatusCode::OK);
    assert!(
        resume.header(header::LOCATION).is_empty(),
        "nothing typed stands in a URL"
    );
    let fields = resume.form("data-resume");
    let form = browser
        .post(&format!("{}/vitals", chart()), &pairs(&fields))
        .await;
    assert_eq!(form.status, StatusCode::OK);
    assert!(form.text.contains("Nothing is saved yet") && form.text.contains("flash-note"));
    assert!(form.text.contains("id=\"heart_rate\"") && form.text.contains("value=\"82\""));
    assert!(form.text.contains("71.5 &#38; &#34;light&#34;"));
    assert_eq!(measured(), before, "it is saved when its reader says so");
    let mut again = form.form("class=\"form card\"");
    again.extend([
        ("heart_rate".into(), "82".into()),
        ("weight".into(), "71.5".into()),
    ]);
    let saved = browser.post(&format!("{}/vitals", chart()), &pairs(&again)).await;
    assert_eq!(saved.header(header::LOCATION), chart());
    assert_eq!(measured(), before + 2);
}

#[tokio::test]
async fn what_one_person_typed_is_never_handed_to_the_next() {
    let mut browser = signed_in().await;
    let login = sent_too_late(&mut browser).await;
    let answer = sign_in_here(&mut browser, &login, TOKEN_OTHER).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header(header::LOCATION), "/");
    let home = browser.get("/").await.text;
    assert!(home.contains("belonged to somebody else") && !home.contains("71.5"));
}

#[tokio::test]
async fn a_form_of_an_earlier_session_comes_back_to_the_same_person() {
    let mut browser = signed_in().await;
    let path = format!("{}/phone", chart());
    let old = browser.get(&path).await.hidden("csrf");
    browser.cookies.clear();
    browser.sign_in(TOKEN).await;
    let typed = [("csrf", old.as_str()), ("phone", "+51 900 111 222")];
    let form = browser.post(&path, &typed).await;
    assert_eq!(form.status, StatusCode::OK);
    assert!(form.text.contains("value=\"+51 900 111 222\"") && form.text.contains("Nothing is saved yet"));
    assert_ne!(form.hidden("csrf"), old);
    let shown = browser.get(&chart()).await.text;
    assert!(!shown.contains("900 111 222"), "not saved by itself");
    browser.cookies.clear();
    browser.sign_in(TOKEN_OTHER).await;
    let refused = browser.post(&path, &typed).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "another person's form");
}

#[tokio::test]
async fn a_registration_and_a_decision_come_back_too() {
    let mut browser = signed_in().await;
    for path in ["/patients", "/conflicts"] {
        let csrf = browser.get("/patients/new").await.hidden("csrf");
        browser.cookies.retain(|(name, _)| !name.contains("session"));
        let typed = [("csrf", csrf.as_str()), ("given", "Rosa"), ("pick", "0")];
        let login = browser.post(path, &typed).await;
        let resume = sign_in_here(&mut browser, &login, TOKEN).await;
        let fields = resume.form("data-resume");
        let back = browser.post(path, &pairs(&fields)).await;
        if path == "/patients" {
            assert_eq!(back.status, StatusCode::OK);
            assert!(back.text.contains("value=\"Rosa\""));
            assert!(!back.text.contains("Please correct this"));
        } else {
            assert_eq!(
                back.header(header::LOCATION),
                "/conflicts",
                "one tap is tapped again"
            );
        }
    }
    // Signing out with nobody signed in leads to the log-in, and keeps nothing.
    browser.cookies.clear();
    let answer = browser.post("/logout", &[("csrf", "x")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_was_typed_outlives_a_change_of_language_and_a_trouble_at_the_log_in() {
    let (state, sample) = state(false);
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    let login = sent_too_late(&mut browser).await;
    assert!(
        !login.text.contains("href=\"/language/"),
        "a link would leave it behind"
    );
    let mut fields = login.form("action=\"/login\"");
    fields.push(("lang".into(), "ar".into()));
    let login = browser.post("/login", &pairs(&fields)).await;
    assert_eq!(login.status, StatusCode::OK);
    assert!(login.text.contains("dir=\"rtl\"") && login.text.contains("71.5"));
    sample.kv.full(true);
    let login = sign_in_here(&mut browser, &login, TOKEN).await;
    assert_eq!(login.status, StatusCode::INTERNAL_SERVER_ERROR);
    sample.kv.full(false);
    let resume = sign_in_here(&mut browser, &login, TOKEN).await;
    let form = browser
        .post(
            &format!("{}/vitals", chart()),
            &pairs(&resume.form("data-resume")),
        )
        .await;
    assert!(
        form.text.contains("value=\"71.5 &#38; &#34;light&#34;\""),
        "{}",
        form.text
    );
    assert!(form.text.contains("dir=\"rtl\""), "the language was kept too");
}
