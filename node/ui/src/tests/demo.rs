use std::sync::Arc;

use axum::http::{StatusCode, header};

use super::Browser;
use chaski_clinic::allergy::AllergyRow;
use chaski_json::{Json, json};

use super::fixture::{FixtureDemo, MARIA, Sample};
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
    let fields = [("patient", MARIA), ("substance", "Latex")];
    let answer = browser.post("/nodes/mobile/allergy", &fields).await;
    assert!(answer.header(header::LOCATION).contains("said=saved&at=mobile"));
    let has = |index: usize| {
        let chart = backend.nodes[index].1.chart();
        chart
            .rows::<AllergyRow>()
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
fn forms(sample: &Sample) -> Vec<DemoForm> {
    let inbox = sample
        .clinic
        .conflict_list(&sample.clinic.operator("test"), None, 10)
        .unwrap();
    let disputed = inbox.rows.into_iter().find(|row| row.kind == "Patient").unwrap();
    let text = |text: &str| text.to_owned();
    vec![
        ("phone", vec![("phone", text("+51 1 555"))], "saved"),
        ("allergy", vec![("substance", text("Latex"))], "saved"),
        (
            "dose",
            vec![
                ("id", text("enal")),
                ("dose_value", text("15")),
                ("dose_unit", text("mg")),
                ("times_per_day", text("2")),
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

/// How an edit is kept from being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// By nothing: it is made.
    No,
    /// There is no room.
    DiskFull,
    /// The form says something that is not so, or holds something that is no value.
    Form(&'static str, &'static str),
}

/// What was not saved is never told as saved: somebody would rely on it.
#[tokio::test]
async fn what_became_of_an_edit_is_told_as_it_was() {
    let (mut browser, backend) = demo();
    let hub = &backend.nodes[1].1;
    for (form, fields, good) in forms(hub) {
        let wrong = match form {
            "phone" => vec![(Kept::Form("phone", "call me"), "refused")],
            "allergy" => vec![(Kept::Form("substance", ""), "refused")],
            "dose" => vec![
                (Kept::Form("dose_value", "much"), "refused"),
                (Kept::Form("id", "met"), "stale"),
                (Kept::Form("id", "nowhere"), "refused"),
            ],
            _ => vec![
                (Kept::Form("version", "old"), "stale"),
                (Kept::Form("pick", "9"), "stale"),
                (Kept::Form("pick", "x"), "refused"),
                (Kept::Form("record", "nothing"), "refused"),
            ],
        };
        let ways = wrong
            .into_iter()
            .chain([(Kept::DiskFull, "refused"), (Kept::No, good)]);
        for (kept, said) in ways {
            let what = format!("{form}, {kept:?}");
            hub.kv.full(kept == Kept::DiskFull);
            let mut sent = vec![("patient", MARIA)];
            for (name, text) in &fields {
                let text = match kept {
                    Kept::Form(of, wrong) if of == *name => wrong,
                    _ => text.as_str(),
                };
                sent.push((*name, text));
            }
            let answer = browser.post(&format!("/nodes/hub/{form}"), &sent).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{what}");
            let told = answer.header(header::LOCATION).to_owned();
            assert_eq!(told, format!("/?person={MARIA}&said={said}&at=hub"), "{what}");
            let (text, is_good) = match said {
                "saved" => ("Saved on Regional hub.", true),
                "decided" => ("Decided on Regional hub.", true),
                "stale" => ("Regional hub has changed meanwhile. Please look again.", false),
                _ => ("Regional hub did not accept this. Check what you typed.", false),
            };
            hub.kv.full(false);
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

/// Of the parts of each node's column, those that are marked as told otherwise elsewhere.
fn marked(page: &str) -> Vec<Vec<&'static str>> {
    let columns = page.split("<section class=\"card post\"").skip(1);
    columns
        .map(|column| {
            let heads = column.split("<h3>").skip(1);
            let heads = heads.map(|head| head.split("</h3>").next().unwrap());
            let marked = heads.filter(|head| head.contains("Differs"));
            marked
                .map(|head| match head {
                    head if head.contains("#i-phone") => "phones",
                    head if head.contains("#i-pill") => "medicine",
                    _ => "allergies",
                })
                .collect()
        })
        .collect()
}

#[tokio::test]
async fn only_what_two_nodes_tell_otherwise_is_marked_and_on_each_of_them() {
    type Change = fn(&Sample);
    fn patient(sample: &Sample, change: fn(&mut Vec<Json>)) {
        sample.change(&format!("Patient/{MARIA}"), |json| {
            change(json.get_mut("telecom").and_then(Json::as_array_mut).unwrap());
        });
    }
    fn dosage(sample: &Sample, name: &str, value: Json) {
        sample.change("MedicationRequest/enal", |json| {
            let dosages = json
                .get_mut("dosageInstruction")
                .and_then(Json::as_array_mut)
                .unwrap();
            let dosage = dosages[0].as_object_mut().unwrap();
            dosage.insert(name.to_owned(), value);
        });
    }
    let changes: [(Change, &[&str]); 7] = [
        (|_| {}, &[]),
        (
            |sample| {
                patient(sample, |phones| {
                    phones.push(json!({"system": "phone", "value": "+51 1 555"}))
                })
            },
            &["phones"],
        ),
        (
            |sample| patient(sample, |phones| drop(phones.remove(0))),
            &["phones"],
        ),
        (|sample| sample.delete("AllergyIntolerance/ibu"), &["allergies"]),
        (
            |sample| {
                dosage(
                    sample,
                    "doseAndRate",
                    json!([{"doseQuantity": {"value": 75, "unit": "mg"}}]),
                )
            },
            &["medicine"],
        ),
        (
            |sample| {
                sample.change("MedicationRequest/enal", |json| {
                    let members = json.as_object_mut().unwrap();
                    members.insert("status".to_owned(), Json::from("on-hold"));
                });
            },
            &["medicine"],
        ),
        (
            |sample| dosage(sample, "text", Json::from("at night")),
            &["medicine"],
        ),
    ];
    for at in 0..3 {
        for (nth, (change, expected)) in changes.iter().enumerate() {
            let backend = Arc::new(FixtureDemo::alike());
            change(&backend.nodes[at].1);
            let mut browser = Browser::new(demo_router(DemoState { backend }));
            let page = browser.get("/").await.text;
            assert_eq!(
                marked(&page),
                vec![expected.to_vec(); 3],
                "change {nth} at node {at}"
            );
        }
    }
    // All hold the same only where each has the sum of the first.
    for sums in [["a", "a", "a"], ["a", "a", "b"], ["a", "b", "a"], ["b", "a", "a"]] {
        let mut backend = FixtureDemo::new();
        for ((node, _), sum) in backend.nodes.iter_mut().zip(sums) {
            node.fingerprint = sum.into();
        }
        let backend = Arc::new(backend);
        let mut browser = Browser::new(demo_router(DemoState { backend }));
        let page = browser.get("/").await.text;
        assert_eq!(page.contains("They differ"), sums != ["a"; 3], "{sums:?}");
    }
}

#[tokio::test]
async fn the_way_to_a_nodes_own_pages_is_open_to_who_is_here_and_not_to_another_site() {
    let (mut browser, _) = demo();
    for (site, status) in [
        ("", 303),
        ("none", 303),
        ("same-origin", 303),
        ("cross-site", 403),
    ] {
        if !site.is_empty() {
            browser
                .extra
                .push((axum::http::HeaderName::from_static("sec-fetch-site"), site));
        }
        let answer = browser.get("/open/hub").await;
        browser.extra.clear();
        assert_eq!(answer.status.as_u16(), status, "{site}");
        let url = answer.header(header::LOCATION);
        assert_eq!(url.is_empty(), status == 403, "{site}: {url}");
    }
    assert_eq!(browser.get("/open/moon").await.status, StatusCode::NOT_FOUND);
}
