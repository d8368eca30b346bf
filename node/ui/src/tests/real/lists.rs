//! A list that was cut says so, and what lies beyond can be reached.

use super::super::fixture::{TOKEN, maria};
use super::super::{Browser, state};
use super::shown::made;
use super::{Real, dispute, medicine_json, record};
use crate::{AllergyRow, ClinicDesk, Criticality, Desk, Flag, ObservationRow};
use chaski_clinic::RecordKey;
use chaski_clinic::access::TokenKind;
use std::collections::BTreeSet;

#[tokio::test]
async fn every_result_is_reached_page_by_page() {
    for count in [1, 12, 13, 24, 25, 37] {
        let (state, desk) = state(false);
        {
            let mut charts = desk.charts.lock().unwrap();
            let example = charts[0].observations.pop().unwrap();
            charts[0].observations = (0..count)
                .map(|nth| ObservationRow {
                    record: format!("Observation/r{nth}"),
                    name: format!("result-{nth}."),
                    flag: Flag::None,
                    vital: false,
                    ..example.clone()
                })
                .collect();
        }
        let mut browser = Browser::new(crate::router(state));
        browser.sign_in(TOKEN).await;
        let chart = format!("/patients/{}", maria().patient.id);
        let (mut path, mut seen) = (chart.clone(), Vec::new());
        loop {
            let page = browser.get(&path).await.text;
            let shown = (0..count).filter(|nth| page.contains(&format!("<bdi>result-{nth}.</bdi>")));
            let before = seen.len();
            seen.extend(shown);
            assert!(seen.len() > before, "{path} of {count} shows nothing more");
            let link = page.split(&format!("href=\"{chart}?older=")).nth(1);
            let Some(link) = link else { break };
            path = format!("{chart}?older={}", link.split(['#', '"']).next().unwrap());
        }
        assert_eq!(
            seen,
            (0..count).collect::<Vec<_>>(),
            "each of {count}, once, in order"
        );
    }
}

#[tokio::test]
async fn a_chart_that_was_cut_says_so_on_its_last_page() {
    for truncated in [true, false] {
        let (state, desk) = state(false);
        desk.charts.lock().unwrap()[0].truncated = truncated;
        let mut browser = Browser::new(crate::router(state));
        browser.sign_in(TOKEN).await;
        let page = browser
            .get(&format!("/patients/{}", maria().patient.id))
            .await
            .text;
        assert_eq!(page.contains("Even older results are not shown here."), truncated);
    }
}

#[tokio::test]
async fn a_chart_of_more_than_is_read_says_so() {
    let mut real = Real::new();
    let mut browser = real.signed_in("clinician").await;
    for count in [300, 301] {
        real.patient = record(&real.clinic, made("Patient", "", ""));
        for _ in 0..count {
            record(&real.clinic, made("Observation", &real.patient, ""));
        }
        let last = browser.get(&real.fill("/patients/{id}?older=288")).await.text;
        assert_eq!(last.matches("<th scope=\"row\">").count(), 12);
        assert_eq!(last.contains("Even older results"), count > 300, "of {count}");
    }
}

#[tokio::test]
async fn a_list_of_patients_that_was_cut_says_so() {
    let real = Real::new();
    let mut browser = real.signed_in("clinician").await;
    for nth in 1..=51 {
        record(&real.clinic, made("Patient", "", ""));
        if nth < 50 {
            continue;
        }
        let page = browser.get("/patients?q=Qoylluriti").await.text;
        assert_eq!(page.matches("<li class=\"person\">").count(), 50, "of {nth}");
        assert_eq!(
            page.contains("The first 50 matches; type more to narrow it"),
            nth > 50
        );
        assert_eq!(page.contains(">50 patients<"), nth == 50);
    }
}

#[tokio::test]
async fn an_inbox_that_was_cut_says_so() {
    let real = Real::new();
    let mut browser = real.signed_in("clinician").await;
    // One is in dispute from the start.
    for nth in 2..=51 {
        let id = record(
            &real.clinic,
            medicine_json(&real.fill("Patient/{id}"), "active", 28),
        );
        dispute(&real.clinic, &RecordKey::new("MedicationRequest", &id).unwrap());
        if nth < 50 {
            continue;
        }
        let page = browser.get("/conflicts").await.text;
        assert_eq!(page.matches("<article").count(), 50, "of {nth}");
        assert_eq!(page.contains("There are more"), nth > 50, "of {nth}");
        let of_patient = browser.get(&real.fill("/conflicts?patient={id}")).await.text;
        assert_eq!(
            of_patient.matches("<article").count(),
            nth,
            "all of one patient's"
        );
    }
}

/// The node gives them a hundred records at a time: a patient's may all be on its last page.
#[tokio::test]
async fn conflicts_are_found_beyond_the_first_page_of_the_node() {
    const COUNT: usize = 201;
    let real = Real::new();
    // One is in dispute from the start.
    for _ in 1..COUNT {
        let medicine = medicine_json(&real.fill("Patient/{id}"), "active", 28);
        let id = record(&real.clinic, medicine);
        dispute(&real.clinic, &RecordKey::new("MedicationRequest", &id).unwrap());
    }
    let desk = ClinicDesk::new(real.clinic.clone());
    let token = real.token("clinician", TokenKind::Personal, None);
    let who = desk.sign_in(&token).unwrap().principal;
    for limit in [1, 50, 99, 100, 101, 199, 200, 201, 202, 5_000] {
        let list = desk.conflict_list(&who, limit).unwrap();
        let records: BTreeSet<&str> = list.items.iter().map(|item| item.record.as_str()).collect();
        assert_eq!(records.len(), limit.min(COUNT), "of {limit}");
        assert_eq!(list.items.len(), records.len(), "each once, of {limit}");
        assert_eq!(list.more, limit < COUNT, "of {limit}");
    }
    assert_eq!(desk.conflict_count(&who), Ok(u64::try_from(COUNT).unwrap()));
    let mut browser = real.signed_in("clinician").await;
    let page = browser.get(&real.fill("/conflicts?patient={id}")).await.text;
    assert_eq!(page.matches("<article").count(), COUNT, "all of one patient's");
    assert!(!page.contains("There are more"));
}

#[tokio::test]
async fn the_banner_names_every_allergy_that_counts_the_dangerous_first() {
    let (state, desk) = state(false);
    {
        let mut charts = desk.charts.lock().unwrap();
        let example = charts[0].allergies[0].clone();
        let cases = [
            ("Low", Criticality::Low, true),
            ("Unknown", Criticality::Unknown, true),
            ("Past", Criticality::High, false),
            ("High", Criticality::High, true),
        ];
        charts[0].allergies = cases
            .map(|(substance, criticality, active)| AllergyRow {
                substance: format!("{substance}-substance"),
                criticality,
                active,
                ..example.clone()
            })
            .to_vec();
    }
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    let page = browser
        .get(&format!("/patients/{}", maria().patient.id))
        .await
        .text;
    let banner = page
        .split("</header>")
        .find(|part| part.contains("strip strip-danger"));
    let banner = banner.unwrap().split("strip strip-danger").nth(1).unwrap();
    let mut found: Vec<(usize, &str)> = ["High", "Low", "Unknown", "Past"]
        .into_iter()
        .filter_map(|name| Some((banner.find(&format!("{name}-substance"))?, name)))
        .collect();
    found.sort_unstable();
    let names: Vec<&str> = found.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["High", "Low", "Unknown"]);
}
