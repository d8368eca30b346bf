//! Who wrote what, where, in which role and when, beside all that was written.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chaski_clinic::people::{NodeDirectory, NodeLabel};
use chaski_clinic::record::CreateOptions;
use chaski_clinic::{Caller, RecordKey, Settings};

use super::super::fixture::writer;
use super::shown::made;
use super::{Real, ana, dispute, medicine_json, record};

/// Knows every node by the same label.
struct Directory(NodeLabel);

impl NodeDirectory for Directory {
    fn label(&self, node: &str) -> Option<NodeLabel> {
        (!node.is_empty()).then(|| self.0.clone())
    }
}

fn with_label(name: &str, site: Option<&str>) -> Real {
    let label = NodeLabel {
        name: name.to_owned(),
        site: site.map(str::to_owned),
    };
    Real::with(Settings {
        directory: Some(Arc::new(Directory(label))),
        ..Settings::default()
    })
}

fn rosa() -> Caller {
    writer("Rosa Condori")
}

const HOUR_MS: u64 = 3_600_000;

/// The pieces of a chart that stand for one record each.
fn pieces(page: &str) -> impl Iterator<Item = &str> {
    let items = page
        .split("<li ")
        .skip(1)
        .map(|item| item.split("</li>").next().unwrap());
    items.chain(
        page.split("<tr")
            .skip(1)
            .map(|row| row.split("</tr>").next().unwrap()),
    )
}

#[tokio::test]
async fn each_row_of_a_chart_names_who_wrote_it_and_when() {
    let pulse = r#""code":{"coding":[{"code":"8867-4"}],"text":"Base"},"valueInteger":71"#;
    for (kind, more, shown) in [
        ("AllergyIntolerance", "", "<bdi>Base</bdi>"),
        ("Condition", "", "<bdi>Base</bdi>"),
        (
            "Condition",
            r#""clinicalStatus":{"coding":[{"code":"resolved"}]}"#,
            "<bdi>Base</bdi>",
        ),
        ("MedicationRequest", "", "<bdi>Base</bdi>"),
        ("Observation", "", "<bdi>Base</bdi>"),
        ("Observation", pulse, "<bdi>Pulse</bdi>"),
    ] {
        let mut real = with_label("Santa Rosa", Some("SR"));
        real.patient = record(&real.clinic, made("Patient", "", ""));
        // Written an hour after the patient, and read two hours later.
        real.clock.now_ms.fetch_add(HOUR_MS, Ordering::Relaxed);
        let json = made(kind, &real.patient, more);
        let written = real
            .clinic
            .record_create(&rosa(), json, &CreateOptions::default());
        assert!(written.is_ok());
        real.clock.now_ms.fetch_add(2 * HOUR_MS, Ordering::Relaxed);
        let mut browser = real.signed_in("clinician").await;
        let page = browser.get(&real.fill("/patients/{id}")).await.text;
        let row = pieces(&page).find(|piece| piece.contains(shown) && piece.contains("class=\"by\""));
        let row = row.unwrap_or_else(|| panic!("{kind} without its writer"));
        assert!(row.contains("<bdi>Rosa Condori</bdi>"), "{kind}: {row}");
        if kind != "Observation" {
            assert!(row.contains("<bdi>Santa Rosa</bdi>"), "{kind}: {row}");
            assert!(
                row.contains("\"2026-11-20T10:30:00Z\">today 05:30<"),
                "{kind}: {row}"
            );
        }
    }
}

#[tokio::test]
async fn a_node_is_named_by_its_name_else_its_site_else_its_key() {
    for (name, site, told) in [
        ("Santa Rosa", Some("SR"), Some("Santa Rosa")),
        ("", Some("SR"), Some("SR")),
        ("", None, None),
    ] {
        let real = with_label(name, site);
        let rows = real.clinic.conflict_view(&ana(), &real.disputed).unwrap();
        let key = rows[0].values[0].author.node.get(..8).unwrap().to_owned();
        let told = told.unwrap_or(&key);
        let mut browser = real.signed_in("clinician").await;
        let inbox = browser.get("/conflicts").await.text;
        let who = format!("<p class=\"side-who\"><strong><bdi>{told}</bdi></strong>");
        assert_eq!(inbox.matches(&who).count(), 2, "{name} {site:?}");
        let chart = browser.get(&real.fill("/patients/{id}")).await.text;
        assert!(
            chart.contains(&format!(", <bdi>{told}</bdi> · <time")),
            "{name} {site:?}"
        );
        let until = format!("<span class=\"grow\"><bdi>{told}</bdi></span><span><time");
        assert!(chart.contains(&until), "{name} {site:?}");
    }
}

#[tokio::test]
async fn each_side_of_a_conflict_names_who_wrote_it_in_which_role_and_when() {
    let real = Real::new();
    let mut browser = real.signed_in("clinician").await;
    let inbox = browser.get("/conflicts").await.text;
    for side in inbox.split("<p class=\"side-who\">").skip(1) {
        let side = side.split("</p>").next().unwrap();
        assert!(side.contains(&super::harmless(61)), "{side}");
        assert!(side.contains(" · clinician"), "{side}");
        assert!(side.contains("datetime=\"2026-11-20T09:30:00Z\""), "{side}");
    }
}

#[tokio::test]
async fn a_conflict_says_what_it_is_about_how_grave_it_is_and_which_side_counts() {
    let real = Real::new();
    let key = RecordKey::new(
        "Patient",
        &record(
            &real.clinic,
            made("Patient", "", r#""address":[{"city":"Ayaviri"}]"#),
        ),
    )
    .unwrap();
    let subject = key.to_string();
    let medicine = record(&real.clinic, medicine_json(&subject, "active", 28));
    dispute(
        &real.clinic,
        &RecordKey::new("MedicationRequest", &medicine).unwrap(),
    );
    let mut browser = real.signed_in("clinician").await;
    let path = format!("/conflicts?patient={}", key.id());
    let page = browser.get(&path).await.text;
    let card = page
        .split("<article")
        .nth(1)
        .unwrap()
        .split("</article>")
        .next()
        .unwrap();
    let link = format!("<a href=\"/patients/{}\">", key.id());
    let about = format!("<h2><bdi>{}</bdi></h2>", super::harmless(28));
    for text in [
        &link,
        &about,
        "<bdi>Qoylluriti</bdi>",
        "badge badge-danger",
        "<dd><bdi>Stopped</bdi></dd>",
    ] {
        assert!(card.contains(text), "{text}: {card}");
    }
    let rows = real
        .clinic
        .conflict_view(&ana(), &RecordKey::new("MedicationRequest", &medicine).unwrap())
        .unwrap();
    let sides: Vec<&str> = card.split("<form").skip(1).collect();
    assert_eq!(sides.len(), rows[0].values.len());
    // The status is ranked and the dose is not: what counts is told, and no side is the safer one.
    assert!(rows[0].values.iter().all(|value| !value.is_safer));
    assert!(card.contains("Counts as “Active” until decided"), "{card}");
    assert!(
        !card.contains("side-safer") && !card.contains("button-main"),
        "{card}"
    );
    for (side, value) in sides.iter().zip(&rows[0].values) {
        let status = value
            .value
            .as_ref()
            .unwrap()
            .get("status")
            .unwrap()
            .as_str()
            .unwrap();
        let shown = if status == "active" { "Active" } else { "Stopped" };
        assert!(side.contains(&format!("<dd><bdi>{shown}</bdi></dd>")), "{side}");
        assert!(side.contains("class=\"differs\""), "{side}");
    }
}

#[tokio::test]
async fn numbers_that_people_read_stand_before_those_that_machines_do() {
    let uuid = |end: char| format!(r#"{{"value":"0192f3a1-7c00-7000-8000-00000000000{end}"}}"#);
    let mut all: Vec<String> = ['1', '2', '3'].into_iter().map(uuid).collect();
    all.push(r#"{"value":"P-119"}"#.to_owned());
    let mut real = Real::new();
    let more = format!(r#""identifier":[{}]"#, all.join(","));
    real.patient = record(&real.clinic, made("Patient", "", &more));
    let mut browser = real.signed_in("clinician").await;
    for path in ["/patients/{id}", "/patients?q=Qoylluriti"] {
        let page = browser.get(&real.fill(path)).await.text;
        assert!(page.contains(">P-119<"), "{path}");
    }
}
