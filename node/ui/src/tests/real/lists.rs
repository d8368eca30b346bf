//! A list that was cut says so, and what lies beyond can be reached.

use super::super::fixture::{DAY, MARIA, TOKEN, allergy, observation};
use super::super::{Browser, state};
use super::shown::made;
use super::{Real, ana, dispute, medicine_json, record};
use crate::conflict::read_inbox;
use chaski_clinic::RecordKey;
use chaski_json::{Json, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn every_result_is_reached_page_by_page() {
    for count in [1, 12, 13, 24, 25, 37] {
        let (state, sample) = state(false);
        sample.clear("Observation");
        for nth in 0..count {
            let code = json!({"text": format!("result-{nth}.")});
            sample.put(observation(&format!("r{nth}"), code, "1", "mg", "", nth * DAY));
        }
        let mut browser = Browser::new(crate::router(state));
        browser.sign_in(TOKEN).await;
        let chart = format!("/patients/{}", MARIA);
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
    for limit in [1, 50, 99, 100, 101, 199, 200, 201, 202, 5_000] {
        let (rows, more) = read_inbox(&real.clinic, &ana(), limit).unwrap();
        let records: BTreeSet<&str> = rows.iter().map(|row| row.record.as_str()).collect();
        assert_eq!(records.len(), limit.min(COUNT), "of {limit}");
        assert_eq!(rows.len(), records.len(), "each once, of {limit}");
        assert_eq!(more, limit < COUNT, "of {limit}");
    }
    let count = real.clinic.conflict_count(&ana()).unwrap();
    assert_eq!(count, Some(u64::try_from(COUNT).unwrap()));
    let mut browser = real.signed_in("clinician").await;
    let page = browser.get(&real.fill("/conflicts?patient={id}")).await.text;
    assert_eq!(page.matches("<article").count(), COUNT, "all of one patient's");
    assert!(!page.contains("There are more"));
}

#[tokio::test]
async fn the_banner_names_every_allergy_that_counts_the_dangerous_first() {
    let (state, sample) = state(false);
    sample.clear("AllergyIntolerance");
    for (substance, criticality, status) in [
        ("Low", "low", "active"),
        ("Unknown", "unable-to-assess", "active"),
        ("Past", "high", "resolved"),
        ("High", "high", "active"),
    ] {
        let mut json = allergy(substance, &format!("{substance}-substance"), criticality, "Rash");
        let code = json
            .get_mut("clinicalStatus")
            .and_then(|status| status.get_mut("coding"));
        code.and_then(Json::as_array_mut).unwrap()[0] = json!({
            "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": status,
        });
        sample.put(json);
    }
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    let page = browser.get(&format!("/patients/{}", MARIA)).await.text;
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
