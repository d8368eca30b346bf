//! What is undecided stands on every page with all that is said of it, and with no favourite.

use axum::http::StatusCode;
use chaski_json::{Json, json};

use super::fixture::{BABY, MARIA, Sample, TOKEN, allergy, medicine, observation};
use super::{Browser, state};

async fn signed_in() -> (Browser, Sample) {
    let (state, sample) = state(false);
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    (browser, sample)
}

fn coded(text: &str) -> Json {
    json!({ "text": text })
}

fn dose(text: &str) -> Json {
    json!([{ "text": text }])
}

fn quantity(value: u64) -> Json {
    json!({ "value": value, "unit": "mg/dL" })
}

fn immunization() -> Json {
    json!({
        "resourceType": "Immunization", "id": "imm", "status": "completed",
        "patient": { "reference": format!("Patient/{MARIA}") },
        "vaccineCode": { "text": "Vaccine X" }, "occurrenceDateTime": "2026-01-02",
    })
}

fn problem() -> Json {
    let system = "http://terminology.hl7.org/CodeSystem/condition-clinical";
    json!({
        "resourceType": "Condition", "id": "con", "code": { "text": "Problem X" },
        "clinicalStatus": { "coding": [{ "system": system, "code": "active" }] },
        "subject": { "reference": format!("Patient/{MARIA}") },
    })
}

/// A record, what is disputed of it, what each side says, and both as they read.
type Case = (Json, &'static str, [Json; 2], [&'static str; 2]);

fn cases() -> Vec<Case> {
    let drug = || medicine("med", "Drug X", "active", 7, 1);
    let result = || observation("obs", coded("Result X"), "7", "mg/dL", "", 3_600_000);
    vec![
        (
            drug(),
            "dosageInstruction",
            [dose("1 tablet"), dose("20 tablets")],
            ["1 tablet", "20 tablets"],
        ),
        (
            drug(),
            "medicationCodeableConcept",
            [coded("Morphine"), coded("Hydromorphone")],
            ["Morphine", "Hydromorphone"],
        ),
        (
            allergy("all", "Substance X", "high", "Rash"),
            "code",
            [coded("Penicillin"), coded("Peanut")],
            ["Penicillin", "Peanut"],
        ),
        (
            problem(),
            "code",
            [coded("Asthma"), coded("Heart failure")],
            ["Asthma", "Heart failure"],
        ),
        (
            result(),
            "valueQuantity",
            [quantity(41), quantity(417)],
            ["41 mg/dL", "417 mg/dL"],
        ),
        (
            result(),
            "code",
            [coded("Glucose"), coded("Urea")],
            ["Glucose", "Urea"],
        ),
        (
            immunization(),
            "vaccineCode",
            [coded("BCG"), coded("Measles")],
            ["BCG", "Measles"],
        ),
        (
            immunization(),
            "occurrenceDateTime",
            [Json::from("2026-03-04"), Json::from("2026-05-06")],
            ["4 Mar 2026", "6 May 2026"],
        ),
    ]
}

/// A page without what it says in its blocks of what is undecided, and those.
fn apart(page: &str) -> (String, Vec<&str>) {
    let mut pieces = page.split("<div class=\"undecided\">");
    let mut rest = pieces.next().unwrap_or_default().to_owned();
    let mut blocks = Vec::new();
    for piece in pieces {
        let (block, after) = piece.split_once("</div>").unwrap();
        blocks.push(block);
        rest.push_str(after);
    }
    (rest, blocks)
}

/// Neither is told without the other, but for a name that is told as both.
fn has_favourite(rest: &str, [one, other]: [&str; 2]) -> bool {
    let both = [format!("{one} / {other}"), format!("{other} / {one}")];
    let rest = both
        .iter()
        .fold(rest.to_owned(), |rest, both| rest.replace(both, ""));
    rest.contains(one) || rest.contains(other)
}

#[tokio::test]
async fn the_chart_says_both_values_of_what_is_undecided_and_favours_none() {
    for (record, member, said, words) in cases() {
        let (mut browser, sample) = signed_in().await;
        let of = |name: &str| record.get(name).and_then(Json::as_str).unwrap().to_owned();
        let key = format!("{}/{}", of("resourceType"), of("id"));
        sample.clear(&of("resourceType"));
        sample.put(record);
        sample.dispute_about(&key, member, said);
        let page = browser.get(&format!("/patients/{MARIA}")).await.text;
        let (rest, blocks) = apart(&page);
        let told = |block: &&&str| words.iter().all(|word| block.contains(&format!(">{word}</bdi>")));
        assert_eq!(
            blocks.iter().filter(told).count(),
            1,
            "{key} {member}: {blocks:?}"
        );
        assert!(!has_favourite(&rest, words), "{key} {member}");
        // The inbox says what it is about as both have it, where that is what they differ about.
        if matches!(member, "medicationCodeableConcept" | "code" | "vaccineCode") {
            let inbox = browser.get("/conflicts").await.text;
            let [one, other] = words;
            let titles = [
                format!("<bdi>{one} / {other}</bdi>"),
                format!("<bdi>{other} / {one}</bdi>"),
            ];
            assert!(
                titles.iter().any(|title| inbox.contains(title)),
                "{key} {member}: {inbox}"
            );
        }
        // By whom: both are of one place here.
        let block = blocks.iter().find(told).unwrap();
        assert!(
            block.contains("Ana Quispe") && block.contains("Rosa Condori"),
            "{block}"
        );
    }
}

#[tokio::test]
async fn what_the_table_ranks_says_which_counts() {
    let (mut browser, sample) = signed_in().await;
    sample.clear("AllergyIntolerance");
    sample.put(allergy("all", "Penicillin", "low", "Rash"));
    let said = ["high", "unable-to-assess"].map(Json::from);
    sample.dispute_about("AllergyIntolerance/all", "criticality", said);
    let page = browser.get(&format!("/patients/{MARIA}")).await.text;
    let (rest, blocks) = apart(&page);
    let block = blocks.iter().find(|block| block.contains("High risk")).unwrap();
    assert!(block.contains("Counts as “High risk” until decided"), "{block}");
    assert!(rest.contains("High risk"), "the banner goes by it");
    let inbox = browser.get("/conflicts").await.text;
    assert!(inbox.contains("Counts as “High risk” until decided"));
}

#[tokio::test]
async fn an_age_of_two_dates_of_birth_is_told_as_both_wherever_the_person_stands() {
    let (mut browser, sample) = signed_in().await;
    sample.settle();
    let said = ["1996-11-01", "1986-11-01"].map(Json::from);
    sample.dispute_about(&format!("Patient/{BABY}"), "birthDate", said);
    for path in [
        format!("/patients/{BABY}"),
        "/patients?q=Huam".to_owned(),
        format!("/patients/{BABY}/vitals"),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK);
        let page = answer.text;
        assert!(page.contains("40 years / 30 years (undecided)"), "{path}: {page}");
    }
    let sexes = ["female", "male"].map(Json::from);
    sample.dispute_about(&format!("Patient/{BABY}"), "gender", sexes);
    let page = browser.get("/patients?q=Huam").await.text;
    assert!(
        page.contains("(undecided)") && page.contains("Male / Female"),
        "{page}"
    );
}

#[tokio::test]
async fn a_form_about_what_is_undecided_says_both() {
    let (mut browser, sample) = signed_in().await;
    sample.clear("MedicationRequest");
    sample.put(medicine("med", "Drug X", "active", 7, 1));
    let said = [dose("1 tablet"), dose("20 tablets")];
    sample.dispute_about("MedicationRequest/med", "dosageInstruction", said);
    let path = format!("/patients/{MARIA}/medicines/med/dose");
    let page = browser.get(&path).await.text;
    let (rest, blocks) = apart(&page);
    assert!(
        blocks[0].contains("1 tablet<") && blocks[0].contains("20 tablets<"),
        "{page}"
    );
    assert!(!has_favourite(&rest, ["1 tablet", "20 tablets"]), "{rest}");
    assert!(
        !rest.contains("name=\"dose_value\""),
        "nothing is typed until it is decided"
    );
}
