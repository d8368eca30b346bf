//! What a chart, a form and a locked node tell, row by row over a clinic in memory.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chaski_clinic::form::{FieldError, FieldErrors, Reason};
use chaski_json::{Json, json};

use super::fixture::{MARIA, Sample, TOKEN, allergy, observation};
use super::{Browser, state};
use crate::error::{Fault, PageError};
use crate::form::{Field, FormView};
use crate::frame::Visitor;
use crate::i18n::Lang;
use crate::show::Clock;
use crate::{Unlock, UnlockError};

async fn chart() -> (Browser, Sample, String) {
    let (state, sample) = state(false);
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    (browser, sample, format!("/patients/{MARIA}"))
}

/// The strip on allergies at the head of a chart: its class and what it says.
fn banner(page: &str) -> (&str, &str) {
    let head = page.split("<div class=\"chart\">").next().unwrap();
    let strip = head.split("<p class=\"strip ").nth(1).unwrap();
    let strip = strip.split("</p>").next().unwrap();
    strip.split_once('"').unwrap()
}

/// An allergy with a clinical status; to nothing where it says that none is known.
fn allergy_with(id: &str, criticality: &str, status: &str, none_known: bool) -> Json {
    let mut json = allergy(id, "Qollpa", criticality, "Rash");
    let members = json.as_object_mut().unwrap();
    let system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
    members.insert(
        "clinicalStatus".to_owned(),
        json!({"coding": [{"system": system, "code": status}]}),
    );
    if none_known {
        members.insert(
            "code".to_owned(),
            json!({"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}]}),
        );
    }
    json
}

#[tokio::test]
async fn the_banner_names_each_allergy_that_counts_in_dispute_or_not() {
    let (mut browser, sample, chart) = chart().await;
    for criticality in ["high", "low", "unable-to-assess"] {
        for disputed in [false, true] {
            for (status, none_known) in [
                ("active", false),
                ("resolved", false),
                ("active", true),
                ("resolved", true),
            ] {
                sample.clear("AllergyIntolerance");
                sample.put(allergy_with("one", criticality, status, none_known));
                if disputed {
                    sample.dispute("AllergyIntolerance/one", "verificationStatus");
                }
                let page = browser.get(&chart).await.text;
                let said = format!("{criticality} {disputed} {status} {none_known}");
                let (found, text) = banner(&page);
                let class = match (status, none_known) {
                    ("active", true) => "strip-ok",
                    ("active", false) => "strip-danger",
                    // Whether it is over is told otherwise at two sites: until that is decided it counts.
                    (_, false) if disputed => "strip-danger",
                    _ => "strip-warn",
                };
                assert_eq!(found, class, "{said}");
                let is_named = class == "strip-danger";
                assert_eq!(text.contains("Qollpa"), is_named, "{said}");
                let is_high = is_named && criticality == "high";
                assert_eq!(text.contains("High risk"), is_high, "{said}");
                assert_eq!(text.contains("No known allergies"), class == "strip-ok", "{said}");
                let none = text.contains("No information on allergies");
                assert_eq!(none, class == "strip-warn", "{said}");
                let rest = page.split("id=\"h-allergies\"").nth(1).unwrap();
                let list = rest.split("id=\"h-problems\"").next().unwrap();
                assert_eq!(list.contains("Conflict</a>"), disputed, "{said}");
                assert_eq!(
                    list.contains("name=\"none_known\""),
                    class == "strip-warn",
                    "{said}"
                );
            }
        }
    }
    // One beside another: neither hides the other.
    sample.clear("AllergyIntolerance");
    sample.put(allergy("one", "Qollpa", "high", "Rash"));
    sample.put(allergy("other", "Cheqche", "low", "Rash"));
    sample.dispute("AllergyIntolerance/one", "verificationStatus");
    let page = browser.get(&chart).await.text;
    let (_, text) = banner(&page);
    assert!(text.contains("Qollpa") && text.contains("Cheqche"), "{text}");
}

#[tokio::test]
async fn an_allergy_to_nothing_that_is_named_is_told_all_the_same() {
    let (mut browser, sample, chart) = chart().await;
    sample.clear("AllergyIntolerance");
    let mut json = allergy("one", "x", "high", "Rash");
    json.as_object_mut().unwrap().remove("code");
    sample.put(json);
    let page = browser.get(&chart).await.text;
    let (class, text) = banner(&page);
    assert_eq!(class, "strip-danger");
    assert!(text.contains("Allergy without a name"), "{text}");
}

#[tokio::test]
async fn every_unit_is_shown_as_the_same_unit() {
    let (mut browser, sample, chart) = chart().await;
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
            sample.clear("Observation");
            let code = match vital {
                true => json!({"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}),
                false => json!({"text": "Something else"}),
            };
            sample.put(observation("one", code, "7351", unit, "", 0));
            let page = browser.get(&chart).await.text;
            let tag = if vital { " <small" } else { "<span class=\"quiet\"" };
            let told = format!("<bdi dir=\"ltr\">7351</bdi>{tag}><bdi dir=\"ltr\">{shown}</bdi></");
            assert!(page.contains(&told), "{unit}, vital: {vital}");
        }
    }
}

#[tokio::test]
async fn of_each_vital_sign_the_newest_stands_in_its_place() {
    let (mut browser, sample, chart) = chart().await;
    sample.clear("Observation");
    // In the order in which they are taken; the names of two codes are alike.
    let codes = [
        "85354-9", "8480-6", "8462-4", "8867-4", "9279-1", "8310-5", "59408-5", "29463-7", "8302-2",
    ];
    let mut ago_ms = 0;
    let mut put = |code: &str, value: String| {
        ago_ms += 60_000;
        let coded = json!({"coding": [{"system": "http://loinc.org", "code": code}], "text": "a name"});
        let mut json = observation(&format!("o{ago_ms}"), coded, "1", "", "", ago_ms);
        let members = json.as_object_mut().unwrap();
        members.remove("valueQuantity");
        members.insert("valueString".to_owned(), Json::from(value));
        sample.put(json);
    };
    for code in codes.iter().rev() {
        put(code, format!("new-{code}"));
    }
    put("2708-6", "old-59408-5".into());
    for code in codes {
        put(code, format!("old-{code}"));
    }
    let page = browser.get(&chart).await.text;
    let (tiles, results) = page.split_once("id=\"h-results\"").unwrap();
    let tiles: Vec<&str> = tiles
        .split("<li class=\"tile")
        .skip(1)
        .map(|tile| tile.split("<bdi dir=\"ltr\">").nth(1).unwrap())
        .map(|tile| tile.split('<').next().unwrap())
        .collect();
    let expected: Vec<String> = codes.iter().map(|code| format!("new-{code}")).collect();
    assert_eq!(tiles, expected);
    let mut older: Vec<String> = vec!["old-59408-5".into()];
    older.extend(codes.iter().map(|code| format!("old-{code}")));
    for value in older {
        assert!(results.contains(&format!(">{value}<")), "{value}");
    }
    assert!(!results.contains(">new-"), "what stands above is not told twice");
}

#[tokio::test]
async fn only_a_medicine_that_is_held_is_offered_to_be_given_again() {
    let (mut browser, sample, chart) = chart().await;
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
    ] {
        sample.change("MedicationRequest/enal", |json| {
            let members = json.as_object_mut().unwrap();
            members.insert("status".to_owned(), Json::from(status));
        });
        let page = browser.get(&path).await.text;
        let offered: Vec<&str> = page
            .split("name=\"status\" value=\"")
            .skip(1)
            .map(|option| option.split('"').next().unwrap())
            .collect();
        let first = if status == "on-hold" { "active" } else { "on-hold" };
        assert_eq!(offered, [first, "stopped", "completed"], "{status}");
        assert_eq!(page.contains("Give it again"), status == "on-hold", "{status}");
    }
}

const REASONS: [(Reason, &str); 18] = [
    (Reason::Required, "Please fill this in."),
    (Reason::TooLong, "This is too long."),
    (
        Reason::InFuture,
        "This lies in the future: the clock here says 10 Mar 2026.",
    ),
    (Reason::TooOld, "This is more than 140 years ago."),
    (Reason::UnknownCode, "Please choose one of these."),
    (Reason::Malformed, "This is not written the way it must be."),
    (Reason::Impossible, "No living person has this value. Check it."),
    (Reason::NotPositive, "This must be more than zero."),
    (Reason::Inconsistent, "This does not fit the other fields."),
    (Reason::Gone, "Somebody has removed this meanwhile."),
    (Reason::Duplicate, "This is already recorded."),
    (Reason::Outdated, "This was written for the old dose."),
    (Reason::NotWhole, "This record says more than this form shows"),
    (Reason::NotAnOrder, "This is no order"),
    (Reason::MonthFirst, "The day comes before the month here: "),
    (Reason::ShortYear, "Write the year with all four digits"),
    (Reason::NoSuchDay, "There is no such day."),
    (Reason::Ambiguous, "This can be read in two ways."),
];

#[test]
fn why_a_form_was_refused_is_told_whether_or_not_its_field_is_in_sight() {
    let t = Lang::En.texts();
    let clock = Clock {
        now_ms: 1_773_144_000_000,
        zone: jiff::tz::TimeZone::UTC,
        t,
    };
    for (nth, (reason, text)) in REASONS.into_iter().enumerate() {
        let (other, other_text) = REASONS[(nth + 1) % REASONS.len()];
        for (errors, general, at_field) in [
            (vec![("elsewhere", reason)], vec![text], None),
            (vec![("given", reason)], vec![], Some(text)),
            (
                vec![("elsewhere", reason), ("given", other)],
                vec![text],
                Some(other_text),
            ),
            (
                vec![("elsewhere", reason), ("", other)],
                vec![text, other_text],
                None,
            ),
        ] {
            let errors = errors.into_iter().map(|(field, reason)| FieldError {
                field,
                reason,
                right: String::new(),
            });
            let errors = FieldErrors(errors.collect());
            let form = FormView::new(vec![Field::line(t, "given", "555-0133")]).with_errors(&clock, &errors);
            assert!(form.is_wrong(), "{errors:?}");
            assert_eq!(form.general.len(), general.len(), "{errors:?}");
            for (told, text) in form.general.iter().zip(general) {
                assert!(told.starts_with(text), "{errors:?}: {told}");
            }
            let told = form.fields[0].problem.as_deref();
            assert_eq!(told.is_some(), at_field.is_some(), "{errors:?}");
            assert!(
                told.unwrap_or_default().starts_with(at_field.unwrap_or_default()),
                "{errors:?}"
            );
            assert_eq!(form.wrong().len(), usize::from(at_field.is_some()), "{errors:?}");
            assert_eq!(form.fields[0].value, "555-0133", "what was typed is shown again");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_form_stands_at_its_head_and_at_its_field() {
    let (mut browser, _, chart) = chart().await;
    let path = format!("{chart}/phone");
    let form = browser.get(&format!("{path}/1")).await;
    let (csrf, base, old) = (
        form.hidden("csrf"),
        form.hidden("base_version"),
        form.hidden("old_phone"),
    );
    let send = [
        ("csrf", csrf.as_str()),
        ("base_version", &base),
        ("phone", "call me"),
    ];
    let answer = browser.post(&path, &send).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for told in [
        "href=\"#phone\"",
        "id=\"phone-problem\"",
        "aria-invalid=\"true\"",
        "value=\"call me\"",
        "Write a number, for example 987 654 321",
    ] {
        assert!(answer.text.contains(told), "{told}");
    }
    // The number that it was to change was taken out meanwhile: that belongs to no field in sight.
    let mut send = [
        ("csrf", csrf.as_str()),
        ("base_version", &base),
        ("old_phone", &old),
    ];
    let removed = browser.post(&path, &[&send[..], &[("phone", "")]].concat()).await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER);
    let now = browser.get(&path).await.hidden("base_version");
    send[1].1 = &now;
    let answer = browser
        .post(&path, &[&send[..], &[("phone", "555-0133")]].concat())
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("This number is not in the record any more."));
    assert!(!answer.text.contains("id=\"phone-problem\"") && answer.text.contains("value=\"555-0133\""));
}

#[tokio::test]
async fn vital_signs_of_which_none_is_filled_in_are_told_to_be_so() {
    let (mut browser, _, chart) = chart().await;
    let path = format!("{chart}/vitals");
    let csrf = browser.get(&path).await.hidden("csrf");
    let answer = browser.post(&path, &[("csrf", csrf.as_str())]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("Fill in at least one of them."));
}

/// Each failure that a page can meet, by its place.
fn faults() -> [Fault; 9] {
    [
        Fault::Denied,
        Fault::NotFound,
        Fault::Invalid(FieldErrors::default()),
        Fault::Stale,
        Fault::DiskFull,
        Fault::Unavailable,
        Fault::Internal("the inner text".into()),
        Fault::SignIn,
        Fault::Collision,
    ]
}

async fn failing(visitor: Visitor, Path(nth): Path<usize>) -> Response {
    PageError::new(&visitor, faults()[nth].clone(), 0x0a1b_2c3d).into_response()
}

#[tokio::test]
async fn each_failure_is_a_page_that_says_which_it_is() {
    let router = Router::new()
        .route("/fails/{nth}", get(failing))
        .with_state(state(false).0);
    let mut browser = Browser::new(router);
    for (nth, (status, told)) in [
        (403, ["You may not do this", "Your role does not allow it"]),
        (404, ["There is nothing here", "does not exist"]),
        (422, ["could not be understood", "correct the form"]),
        (409, ["Somebody was quicker", "href=\"/conflicts\""]),
        (507, ["The disk is nearly full", "Nothing was saved."]),
        (503, ["Busy just now", "try again"]),
        (500, ["Something went wrong here", "000000000a1b2c3d"]),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = browser.get(&format!("/fails/{nth}")).await;
        let fault = &faults()[nth];
        assert_eq!(answer.status.as_u16(), status, "{fault:?}");
        assert!(answer.text.contains(&format!(">{status}<")), "{fault:?}");
        for text in told {
            assert!(answer.text.contains(text), "{fault:?} does not tell {text}");
        }
        assert!(!answer.text.contains("the inner text"), "{fault:?}");
    }
    let answer = browser.get("/fails/7").await;
    assert!(!answer.status.is_success(), "{}", answer.status);
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_nothing_is_saved() {
    let (mut browser, sample, chart) = chart().await;
    let path = format!("{chart}/phone");
    let csrf = browser.get(&path).await.hidden("csrf");
    let send = [("csrf", csrf.as_str()), ("phone", "555-0133")];
    sample.kv.full(true);
    let answer = browser.post(&path, &send).await;
    assert_eq!(answer.status.as_u16(), 507);
    sample.kv.full(false);
    assert!(!browser.get(&chart).await.text.contains("555-0133"));
    assert_eq!(browser.post(&path, &send).await.status, StatusCode::SEE_OTHER);
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
