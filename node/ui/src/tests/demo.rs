use std::sync::Arc;

use axum::http::{StatusCode, header};

use super::Browser;
use super::fixture::{FixtureDemo, maria};
use crate::{DemoBackend, DemoState, DeskError, demo_router};

fn demo() -> (Browser, Arc<FixtureDemo>) {
    let backend = Arc::new(FixtureDemo::new());
    (
        Browser::new(demo_router(DemoState {
            backend: backend.clone(),
        })),
        backend,
    )
}

#[tokio::test]
async fn the_three_nodes_stand_side_by_side_and_what_differs_is_marked() {
    let (mut browser, _) = demo();
    let text = browser.get("/").await.text;
    for told in [
        "Santa Rosa clinic",
        "Regional hub",
        "Mobile team",
        "They differ",
        "Differs",
        "Pull the cable",
    ] {
        assert!(text.contains(told), "{told}");
    }
    assert_eq!(text.matches("data-node=").count(), 3);
    assert_eq!(text.matches("data-link=").count(), 3);
}

#[tokio::test]
async fn a_switch_pulls_and_plugs_its_cable() {
    let (mut browser, backend) = demo();
    let answer = browser.post("/links/clinic/hub", &[("on", "false")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(!backend.links()[0].on);
    browser.extra.push((header::ACCEPT, "application/json"));
    let answer = browser.post("/links/clinic/hub", &[("on", "true")]).await;
    assert_eq!(answer.text, r#"{"a":"clinic","b":"hub","on":true}"#);
    assert!(backend.links()[0].on);
    assert_eq!(
        browser.post("/links/clinic/moon", &[("on", "true")]).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        browser.post("/links/clinic/hub", &[]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn an_edit_reaches_its_node_only() {
    let (mut browser, backend) = demo();
    let fields = [("patient", maria().patient.id), ("substance", "Latex".to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let answer = browser.post("/nodes/mobile/allergy", &fields).await;
    assert!(answer.header(header::LOCATION).contains("said=saved&at=mobile"));
    let has = |index: usize| {
        let desk = &backend.desks[index].1;
        desk.charts.lock().unwrap()[0]
            .allergies
            .iter()
            .any(|row| row.substance == "Latex")
    };
    assert!(has(2) && !has(0) && !has(1));
    let told = browser.get(answer.header(header::LOCATION)).await.text;
    assert!(told.contains("Saved on Mobile team."));
}

#[tokio::test]
async fn the_demo_answers_to_this_machine_only() {
    let (browser, _) = demo();
    let request = axum::http::Request::get("/").header(header::HOST, "evil.example:80");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let answer = tower::ServiceExt::oneshot(browser.router.clone(), request)
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST);
    let mut elsewhere = browser.with(header::ORIGIN, "http://evil.example");
    assert_eq!(
        elsewhere
            .post("/links/clinic/hub", &[("on", "false")])
            .await
            .status,
        StatusCode::FORBIDDEN
    );
}

/// A form's name, its fields, and what is told where it was done.
type DemoForm = (&'static str, Vec<(&'static str, String)>, &'static str);

/// The forms of each node's column.
fn forms() -> Vec<DemoForm> {
    let disputed = super::fixture::conflicts().remove(0);
    let text = |text: &str| text.to_owned();
    vec![
        ("phone", vec![("number", text("+51 1 555"))], "saved"),
        ("allergy", vec![("substance", text("Latex"))], "saved"),
        (
            "dose",
            vec![
                ("record", text("MedicationRequest/met")),
                ("dose", text("850")),
                ("unit", text("mg")),
                ("times", text("2")),
            ],
            "saved",
        ),
        (
            "resolve",
            vec![
                ("record", disputed.record),
                ("version", disputed.version),
                ("path", disputed.path),
                ("pick", text("0")),
            ],
            "decided",
        ),
    ]
}

/// What was not saved is never told as saved: somebody would rely on it.
#[tokio::test]
async fn what_became_of_an_edit_is_told_as_it_was() {
    let (mut browser, backend) = demo();
    let refusals = [
        (DeskError::Stale, "stale"),
        (DeskError::Denied, "refused"),
        (DeskError::NotFound, "refused"),
        (DeskError::Invalid(Vec::new()), "refused"),
        (DeskError::DiskFull, "refused"),
        (DeskError::Unavailable, "refused"),
        (DeskError::Internal("abc".to_owned()), "refused"),
        (DeskError::SignIn, "refused"),
    ];
    for (form, fields, good) in forms() {
        let answers = refusals.iter().map(|(error, said)| (Some(error.clone()), *said));
        for (refusal, said) in answers.chain([(None, good)]) {
            let what = format!("{form} answered with {refusal:?}");
            *backend.desks[1].1.refuses.lock().unwrap() = refusal;
            let patient = maria().patient.id;
            let mut sent = vec![("patient", patient.as_str())];
            sent.extend(fields.iter().map(|(name, text)| (*name, text.as_str())));
            let answer = browser.post(&format!("/nodes/hub/{form}"), &sent).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{what}");
            let told = answer.header(header::LOCATION).to_owned();
            assert_eq!(told, format!("/?person={patient}&said={said}&at=hub"), "{what}");
            let (text, is_good) = match said {
                "saved" => ("Saved on Regional hub.", true),
                "decided" => ("Decided on Regional hub.", true),
                "stale" => ("Regional hub has changed meanwhile. Please look again.", false),
                _ => ("Regional hub did not accept this. Check what you typed.", false),
            };
            let page = browser.get(&told).await.text;
            let flash = page.split("<p class=\"flash").nth(1).expect(&what);
            let flash = flash.split("</p>").next().unwrap();
            assert!(flash.contains(text), "{what}: {flash}");
            assert_eq!(flash.contains("flash-bad"), !is_good, "{what}");
            assert_eq!(flash.contains("#i-check"), is_good, "{what}");
        }
        let nowhere = browser.post(&format!("/nodes/moon/{form}"), &[]).await;
        assert_eq!(nowhere.status, StatusCode::NOT_FOUND, "{form}");
    }
    for (on, text) in [("false", "Cable pulled."), ("true", "Cable plugged in.")] {
        let answer = browser.post("/links/clinic/hub", &[("on", on)]).await;
        let page = browser.get(answer.header(header::LOCATION)).await.text;
        assert!(page.contains(text), "{on}");
    }
    // An address that somebody made up tells nothing.
    assert!(
        !browser
            .get("/?said=lost&at=hub")
            .await
            .text
            .contains("<p class=\"flash")
    );
}
