use std::sync::Arc;

use axum::http::{StatusCode, header};

use super::Browser;
use super::fixture::{FixtureDemo, maria};
use crate::{DemoBackend, DemoState, demo_router};

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
