//! What people and other nodes write is text on every page, never a part of the page.

use std::collections::BTreeSet;
use std::sync::Arc;

use chaski_clinic::access::TokenKind;

use super::super::{Answer, Browser};
use super::{Real, harmless, mark};
use crate::{Unlock, UnlockError};

/// Checks a page and notes which of the marked texts it shows.
fn look(answer: &Answer, page: &str, seen: &mut BTreeSet<u32>) {
    for raw in ["<x", "zq=\"1\"", "zr='2'"] {
        if let Some(at) = answer.text.find(raw) {
            let from = answer.text.floor_char_boundary(at.saturating_sub(80));
            let to = answer.text.floor_char_boundary(at + 80);
            panic!("{page} holds markup: {}", &answer.text[from..to]);
        }
    }
    for number in 0..100 {
        if answer.text.contains(&harmless(number)) {
            seen.insert(number);
        }
    }
}

/// Every page that is asked for.
const PAGES: [&str; 27] = [
    "/",
    "/hub",
    "/patients",
    "/patients?q=QUERY",
    "/patients/new",
    "/patients/{id}",
    "/patients/{id}?older=1",
    "/patients/{id}/phone",
    "/patients/{id}/phone/1",
    "/patients/{id}/allergies/new",
    "/patients/{id}/allergies/{allergy}",
    "/patients/{id}/vitals",
    "/patients/{id}/medicines/{medicine}/dose",
    "/patients/{id}/medicines/{medicine}/status",
    "/conflicts",
    "/conflicts?patient={id}",
    "/patients/{id}/records",
    "/patients/{id}/records/{kind}",
    "/patients/{id}/records/{kind}/{record}",
    "/patients/{id}/records/Patient/{id}",
    "/parcel",
    "/login?next=/QUERY",
    "/QUERY",
    "/patients/QUERY",
    "/patients/{id}/allergies/QUERY",
    "/patients/{id}/medicines/QUERY/dose",
    "/conflicts?patient=QUERY",
];

#[tokio::test]
async fn no_page_holds_what_somebody_wrote_as_markup() {
    let real = Real::new();
    let mut browser = real.signed_in("administrator,clinician").await;
    let mut seen = BTreeSet::new();
    let query = crate::frame::escape_query(&mark(70)).replace('/', "%2F");
    for lang in ["en", "ar"] {
        browser.get(&format!("/language/{lang}?next=/")).await;
        for page in PAGES {
            let path = real.fill(page).replace("QUERY", &query);
            let answer = browser.get(&path).await;
            look(&answer, page, &mut seen);
        }
    }
    // Names, numbers, places, allergies, problems, medicines, results, the node, its peers, the person.
    let shown = (1..=10).chain(12..=15).chain([
        20, 21, 24, 28, 29, 36, 37, 38, 39, 40, 43, 44, 45, 46, 47, 60, 61, 70, 80, 81, 82, 83,
    ]);
    let missed: Vec<u32> = shown.filter(|number| !seen.contains(number)).collect();
    assert!(
        missed.is_empty(),
        "no page shows {missed:?}: what is not shown proves nothing"
    );
}

/// Forms with the fields that are shown again when they are refused.
const FORMS: [(&str, &[&str]); 6] = [
    (
        "/patients",
        &[
            "given",
            "family",
            "name_local",
            "temporary_label",
            "sex",
            "birth_date",
            "age_years",
            "phone",
            "village",
            "mother_name",
            "identifier_value",
            "draft_id",
        ],
    ),
    ("/patients/{id}/phone", &["phone", "old_phone", "base_version"]),
    (
        "/patients/{id}/allergies/new",
        &["substance", "criticality", "reaction", "draft_id"],
    ),
    (
        "/patients/{id}/vitals",
        &[
            "heart_rate",
            "respiratory_rate",
            "temperature",
            "systolic",
            "diastolic",
            "oxygen_saturation",
            "weight",
            "height",
            "draft_id",
        ],
    ),
    (
        "/patients/{id}/medicines/{medicine}/dose",
        &[
            "dose_value",
            "dose_unit",
            "times_per_day",
            "dose_text",
            "base_version",
        ],
    ),
    (
        "/patients/{id}/medicines/{medicine}/status",
        &["status", "reason", "base_version"],
    ),
];

#[tokio::test]
async fn what_is_typed_into_a_form_comes_back_as_text() {
    let texts: Vec<String> = (80..95).map(mark).collect();
    for (form, names) in FORMS {
        let real = Real::new();
        let mut browser = real.signed_in("administrator,clinician").await;
        let csrf = browser.get("/").await.hidden("csrf");
        let mut fields = vec![("csrf", csrf.as_str())];
        fields.extend(
            names
                .iter()
                .zip(&texts)
                .map(|(name, text)| (*name, text.as_str())),
        );
        let mut seen = BTreeSet::new();
        let answer = browser.post(&real.fill(form), &fields).await;
        assert_eq!(answer.status.as_u16(), 422, "{form}: {}", answer.text);
        look(&answer, form, &mut seen);
        assert!(seen.contains(&80) || form.ends_with("status"), "{form}: {seen:?}");
        // The same after its session has ended: the log-in carries it, and so does the step after it.
        let mut late = real.browser();
        let answer = late.post(&real.fill(form), &fields).await;
        assert_eq!(answer.status.as_u16(), 401, "{form}");
        look(&answer, form, &mut seen);
        let mut kept = answer.form("action=\"/login\"");
        kept.push(("token".into(), mark(96)));
        let pairs: Vec<(&str, &str)> = kept.iter().map(|(name, text)| (&**name, &**text)).collect();
        let answer = late.post("/login", &pairs).await;
        assert_eq!(answer.status.as_u16(), 401, "{form}");
        look(&answer, form, &mut seen);
        assert!(seen.contains(&81), "the log-in carries it: {seen:?}");
        assert!(!seen.contains(&96), "a token that was typed is never shown again");
    }
}

#[tokio::test]
async fn what_a_parcel_brings_is_told_as_text() {
    let real = Real::new();
    let mut browser = real.signed_in("administrator,clinician").await;
    let csrf = browser.get("/parcel").await.hidden("csrf");
    let mut seen = BTreeSet::new();
    for file in ["whole", "stranger"] {
        let answer = browser.upload("/parcel/read", &csrf, file.into()).await;
        look(&answer, file, &mut seen);
    }
    assert!(
        [48, 49, 50].iter().all(|number| seen.contains(number)),
        "{seen:?}"
    );
}

struct Named;

impl Unlock for Named {
    fn name(&self) -> String {
        mark(71)
    }

    fn unlock(&self, _: &str) -> Result<(), UnlockError> {
        Err(UnlockError::Wrong)
    }
}

#[tokio::test]
async fn a_locked_node_is_named_in_text() {
    let mut browser = Browser::new(crate::unlock_router(Arc::new(Named)));
    let mut seen = BTreeSet::new();
    look(&browser.get("/").await, "unlock", &mut seen);
    assert!(seen.contains(&71));
    let answer = browser.post("/unlock", &[("secret", &mark(72))]).await;
    look(&answer, "unlock, wrong", &mut seen);
    assert!(!seen.contains(&72), "a passphrase is never shown again");
}

#[tokio::test]
async fn a_first_token_is_shown_to_a_name_in_text() {
    let real = Real::new();
    let token = real.token("clinician", TokenKind::OneUse, None);
    let mut browser = real.browser();
    let answer = browser.sign_in(&token).await;
    assert_eq!(answer.status.as_u16(), 200);
    look(&answer, "own token", &mut BTreeSet::new());
}
