//! What a chart, a form and a locked node tell, row by row over a desk in memory.

use std::sync::Arc;

use axum::http::StatusCode;

use super::fixture::{FixtureDesk, TOKEN, maria};
use super::{Answer, Browser, state};
use crate::{AllergyRow, Criticality, DeskError, FieldProblem, ObservationRow, Reason, Unlock, UnlockError};

async fn desk() -> (Browser, Arc<FixtureDesk>, String) {
    let (state, desk) = state(false);
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    (browser, desk, format!("/patients/{}", maria().patient.id))
}

/// The strip on allergies at the head of a chart: its class and what it says.
fn banner(page: &str) -> (&str, &str) {
    let head = page.split("<div class=\"chart\">").next().unwrap();
    let strip = head.split("<p class=\"strip ").nth(1).unwrap();
    let strip = strip.split("</p>").next().unwrap();
    strip.split_once('"').unwrap()
}

#[tokio::test]
async fn the_banner_names_each_allergy_that_counts_in_dispute_or_not() {
    let (mut browser, desk, chart) = desk().await;
    let example = desk.charts.lock().unwrap()[0].allergies[0].clone();
    for criticality in [Criticality::High, Criticality::Low, Criticality::Unknown] {
        for conflicts in [0, 1, 2] {
            for (active, none_known, contradicted, class) in [
                (true, false, false, "strip-danger"),
                (true, false, true, "strip-danger"),
                (false, false, false, "strip-warn"),
                (true, true, false, "strip-ok"),
                (false, true, false, "strip-warn"),
            ] {
                desk.charts.lock().unwrap()[0].allergies = vec![AllergyRow {
                    substance: "Qollpa".into(),
                    criticality,
                    active,
                    none_known,
                    contradicted,
                    conflicts,
                    ..example.clone()
                }];
                let page = browser.get(&chart).await.text;
                let said = format!("{criticality:?} {conflicts} {active} {none_known} {contradicted}");
                let (found, text) = banner(&page);
                assert_eq!(found, class, "{said}");
                let is_named = class == "strip-danger";
                assert_eq!(text.contains("Qollpa"), is_named, "{said}");
                let is_high = is_named && criticality == Criticality::High;
                assert_eq!(text.contains("High risk"), is_high, "{said}");
                assert_eq!(text.contains("No known allergies"), class == "strip-ok", "{said}");
                let none = text.contains("No information on allergies");
                assert_eq!(none, class == "strip-warn", "{said}");
                let rest = page.split("id=\"h-allergies\"").nth(1).unwrap();
                let list = rest.split("id=\"h-problems\"").next().unwrap();
                assert_eq!(list.contains("Conflict</a>"), conflicts > 0, "{said}");
                assert_eq!(
                    list.contains("name=\"none_known\""),
                    class == "strip-warn",
                    "{said}"
                );
            }
        }
    }
    // One beside another: neither hides the other.
    let named = |substance: &str, conflicts| AllergyRow {
        substance: substance.into(),
        active: true,
        none_known: false,
        conflicts,
        ..example.clone()
    };
    desk.charts.lock().unwrap()[0].allergies = vec![named("Qollpa", 1), named("Cheqche", 0)];
    let page = browser.get(&chart).await.text;
    let (_, text) = banner(&page);
    assert!(text.contains("Qollpa") && text.contains("Cheqche"), "{text}");
}

#[tokio::test]
async fn every_unit_is_shown_as_the_same_unit() {
    let (mut browser, desk, chart) = desk().await;
    let example = desk.charts.lock().unwrap()[0].observations[0].clone();
    for (unit, shown) in [
        ("mm[Hg]", "mmHg"),
        ("mmHg", "mmHg"),
        ("beats/minute", "/min"),
        ("breaths/minute", "/min"),
        ("/min", "/min"),
        ("{beats}/min", "/min"),
        ("{breaths}/min", "/min"),
        ("Cel", "°C"),
        ("[degF]", "[degF]"),
        ("10*3/uL", "10³/µL"),
        ("10*6/uL", "10⁶/µL"),
        ("10*9/L", "10*9/L"),
        ("10*12/L", "10*12/L"),
        ("kg/m2", "kg/m²"),
        ("kg", "kg"),
        ("g", "g"),
        ("mg/dL", "mg/dL"),
        ("mmol/L", "mmol/L"),
        ("ug/L", "ug/L"),
        ("%", "%"),
        ("{score}", "score"),
    ] {
        for vital in [true, false] {
            desk.charts.lock().unwrap()[0].observations = vec![ObservationRow {
                value: "7351".into(),
                unit: unit.into(),
                vital,
                ..example.clone()
            }];
            let page = browser.get(&chart).await.text;
            let tag = if vital { "small" } else { "span class=\"quiet\"" };
            let told = format!("<bdi dir=\"ltr\">7351</bdi> <{tag}><bdi dir=\"ltr\">{shown}</bdi></");
            assert!(page.contains(&told), "{unit}, vital: {vital}");
        }
    }
}

#[tokio::test]
async fn of_each_vital_sign_the_newest_stands_in_its_place() {
    let (mut browser, desk, chart) = desk().await;
    let example = desk.charts.lock().unwrap()[0].observations[0].clone();
    // In the order in which they are taken; the names of two codes are alike.
    let codes = [
        "85354-9", "8480-6", "8462-4", "8867-4", "9279-1", "8310-5", "59408-5", "29463-7", "8302-2",
    ];
    let row = |code: &str, value: String, vital: bool| ObservationRow {
        code: code.into(),
        name: format!("name of {code}"),
        value,
        vital,
        ..example.clone()
    };
    let mut rows = vec![row("0000-0", "new-other".into(), true)];
    rows.extend(
        codes
            .iter()
            .rev()
            .map(|code| row(code, format!("new-{code}"), true)),
    );
    rows.push(row("2708-6", "old-59408-5".into(), true));
    rows.extend(codes.iter().map(|code| row(code, format!("old-{code}"), true)));
    rows.push(row("8867-4", "measured-otherwise".into(), false));
    desk.charts.lock().unwrap()[0].observations = rows;
    let page = browser.get(&chart).await.text;
    let (tiles, results) = page.split_once("id=\"h-results\"").unwrap();
    let tiles: Vec<&str> = tiles
        .split("<li class=\"tile")
        .skip(1)
        .map(|tile| tile.split("<bdi dir=\"ltr\">").nth(1).unwrap())
        .map(|tile| tile.split('<').next().unwrap())
        .collect();
    let mut expected: Vec<String> = codes.iter().map(|code| format!("new-{code}")).collect();
    expected.push("new-other".into());
    assert_eq!(tiles, expected);
    let mut older: Vec<String> = vec!["old-59408-5".into()];
    older.extend(codes.iter().map(|code| format!("old-{code}")));
    older.push("measured-otherwise".into());
    for value in older {
        assert!(results.contains(&format!(">{value}<")), "{value}");
    }
    assert!(!results.contains(">new-"), "what stands above is not told twice");
}

#[tokio::test]
async fn only_a_medicine_that_is_held_is_offered_to_be_given_again() {
    let (mut browser, desk, chart) = desk().await;
    let path = format!("{chart}/medicines/enal/status");
    for status in [
        "active",
        "on-hold",
        "stopped",
        "completed",
        "cancelled",
        "draft",
        "entered-in-error",
        "unknown",
        "",
    ] {
        for active in [true, false] {
            {
                let mut charts = desk.charts.lock().unwrap();
                let medicines = &mut charts[0].medicines;
                let enal = medicines
                    .iter_mut()
                    .find(|row| row.record.ends_with("/enal"))
                    .unwrap();
                (enal.status, enal.active) = (status.into(), active);
            }
            let page = browser.get(&path).await.text;
            let offered: Vec<&str> = page
                .split("name=\"medicinestatus\" value=\"")
                .skip(1)
                .map(|option| option.split('"').next().unwrap())
                .collect();
            let first = if status == "on-hold" { "active" } else { "on-hold" };
            assert_eq!(offered, [first, "stopped", "completed"], "{status} {active}");
            assert_eq!(
                page.contains("Give it again"),
                status == "on-hold",
                "{status} {active}"
            );
        }
    }
}

const REASONS: [(Reason, &str); 12] = [
    (Reason::Required, "Please fill this in."),
    (Reason::TooLong, "This is too long."),
    (Reason::InFuture, "This lies in the future."),
    (Reason::TooLongAgo, "This is more than 140 years ago."),
    (Reason::NotAChoice, "Please choose one of these."),
    (Reason::Malformed, "This is not written the way it must be."),
    (Reason::Impossible, "No living person has this value. Check it."),
    (Reason::NotPositive, "This must be more than zero."),
    (Reason::Inconsistent, "This does not fit the other fields."),
    (Reason::Gone, "Somebody has removed this meanwhile."),
    (Reason::Duplicate, "This is already recorded."),
    (Reason::Outdated, "This was written for the old dose."),
];

/// What stands in the list at the head of a form: each line's text, without its tags.
fn listed(answer: &Answer) -> Vec<String> {
    let list = answer.text.split("class=\"problems\"").nth(1).unwrap_or_default();
    let list = list.split("</ul>").next().unwrap_or_default();
    list.split("<li>").skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn why_a_form_was_refused_is_told_whether_or_not_its_field_is_in_sight() {
    let (mut browser, desk, chart) = desk().await;
    let path = format!("{chart}/phone");
    let csrf = browser.get(&path).await.hidden("csrf");
    let send = [("csrf", csrf.as_str()), ("base", "1"), ("number", "555-0133")];
    let problem = |field, reason: &Reason| FieldProblem {
        field,
        reason: reason.clone(),
    };
    for (nth, (reason, text)) in REASONS.iter().enumerate() {
        let (other, other_text) = &REASONS[(nth + 1) % REASONS.len()];
        for (problems, told) in [
            (vec![problem("elsewhere", reason)], vec![(false, text)]),
            (vec![problem("number", reason)], vec![(true, text)]),
            (
                vec![problem("elsewhere", reason), problem("number", other)],
                vec![(false, text), (true, other_text)],
            ),
            (
                vec![problem("elsewhere", reason), problem("", other)],
                vec![(false, text), (false, other_text)],
            ),
        ] {
            *desk.refuses.lock().unwrap() = Some(DeskError::Invalid(problems.clone()));
            let answer = browser.post(&path, &send).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{problems:?}");
            let lines = listed(&answer);
            assert_eq!(lines.len(), told.len(), "{problems:?}: {lines:?}");
            for (line, (has_field, text)) in lines.iter().zip(&told) {
                assert!(line.contains(**text), "{problems:?}: {line}");
                assert_eq!(
                    line.contains("href=\"#number\""),
                    *has_field,
                    "{problems:?}: {line}"
                );
            }
            let at_field = told.iter().any(|(has_field, _)| *has_field);
            assert_eq!(
                answer.text.contains("id=\"number-problem\""),
                at_field,
                "{problems:?}"
            );
            assert_eq!(answer.text.contains("aria-invalid"), at_field, "{problems:?}");
            assert!(
                answer.text.contains("value=\"555-0133\""),
                "what was typed is shown again"
            );
        }
    }
}

#[tokio::test]
async fn each_failure_is_a_page_that_says_which_it_is() {
    let (mut browser, desk, chart) = desk().await;
    let path = format!("{chart}/phone");
    let csrf = browser.get(&path).await.hidden("csrf");
    let send = [("csrf", csrf.as_str()), ("base", "1"), ("number", "555-0133")];
    for (error, status, told) in [
        (
            DeskError::Denied,
            403,
            ["You may not do this", "Your role does not allow it"],
        ),
        (
            DeskError::NotFound,
            404,
            ["There is nothing here", "does not exist"],
        ),
        (
            DeskError::Invalid(vec![]),
            422,
            ["could not be understood", "correct the form"],
        ),
        (
            DeskError::Stale,
            409,
            ["Somebody was quicker", "href=\"/conflicts\""],
        ),
        (
            DeskError::DiskFull,
            507,
            ["The disk is nearly full", "Nothing was saved."],
        ),
        (DeskError::Unavailable, 503, ["Busy just now", "try again"]),
        (
            DeskError::Internal("0a1b2c".into()),
            500,
            ["Something went wrong here", "0a1b2c"],
        ),
    ] {
        *desk.refuses.lock().unwrap() = Some(error.clone());
        let answer = browser.post(&path, &send).await;
        assert_eq!(answer.status.as_u16(), status, "{error:?}");
        assert!(answer.text.contains(&format!(">{status}<")), "{error:?}");
        for text in told {
            assert!(answer.text.contains(text), "{error:?} does not tell {text}");
        }
    }
    *desk.refuses.lock().unwrap() = Some(DeskError::SignIn);
    let answer = browser.post(&path, &send).await;
    assert!(!answer.status.is_success(), "{}", answer.status);
}

/// A locked node whose attempts end in each way that there is.
struct Locked;

impl Unlock for Locked {
    fn name(&self) -> String {
        "Santa Rosa".into()
    }

    fn unlock(&self, secret: &str) -> Result<(), UnlockError> {
        match secret {
            " right " => Ok(()),
            "again" => Err(UnlockError::Wait { seconds: 9 }),
            "broken" => Err(UnlockError::Failed),
            "breaks off" => panic!("an attempt that breaks off"),
            _ => Err(UnlockError::Wrong),
        }
    }
}

#[tokio::test]
async fn a_node_is_told_to_be_open_only_where_it_was_opened() {
    let mut browser = Browser::new(crate::unlock_router(Arc::new(Locked)));
    let failed = "The store could not be opened.";
    for (fields, status, told) in [
        (vec![("secret", " right ")], 200, "The node is starting."),
        (vec![("secret", "right")], 401, "That does not open it."),
        (vec![("secret", "")], 401, "That does not open it."),
        (vec![("other", " right ")], 401, "That does not open it."),
        (vec![], 401, "That does not open it."),
        (vec![("secret", "again")], 429, "Wait 9 seconds"),
        (vec![("secret", "broken")], 503, failed),
        (vec![("secret", "breaks off")], 503, failed),
    ] {
        let answer = browser.post("/unlock", &fields).await;
        assert_eq!(answer.status.as_u16(), status, "{fields:?}");
        assert!(answer.text.contains(told), "{fields:?}: {}", answer.text);
        assert_eq!(answer.text.contains("Unlocked"), status == 200, "{fields:?}");
        assert_eq!(
            answer.text.contains("name=\"secret\""),
            status != 200,
            "{fields:?}"
        );
        assert_eq!(
            answer.text.contains("role=\"alert\""),
            status != 200,
            "{fields:?}"
        );
    }
}
