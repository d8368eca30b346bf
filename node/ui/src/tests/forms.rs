use axum::http::{StatusCode, header};

use chaski_json::{Json, json};

use super::fixture::{MARIA, TOKEN, allergy};
use super::{Browser, signed_in, state};

#[tokio::test]
async fn search_finds_people_and_says_so_when_there_is_nobody() {
    let mut browser = signed_in().await;
    let text = browser.get("/patients?q=hua").await.text;
    assert!(
        text.contains("2 patients") && text.contains("María Huamán Flores") && text.contains("SR-000412-7")
    );
    let text = browser.get("/patients?q=huamaan+marya").await.text;
    assert!(text.contains("Sounds alike") && text.contains("María Huamán Flores"));
    let text = browser.get("/patients?q=%3Cscript%3E").await.text;
    assert!(text.contains("Nobody found") && !text.contains("<script>"));
}

#[tokio::test]
async fn registering_shows_possible_duplicates_first_and_keeps_what_was_typed() {
    let mut browser = signed_in().await;
    let form = browser.get("/patients/new").await;
    let (csrf, draft) = (form.hidden("csrf"), form.hidden("draft_id"));
    assert_eq!(draft.len(), 36);
    assert_eq!(draft.as_bytes()[14], b'7', "UUIDv7: {draft}");
    let typed = [
        ("csrf", csrf.as_str()),
        ("draft_id", &draft),
        ("given", "María"),
        ("family", "Huamán"),
        ("sex", "female"),
    ];
    let answer = browser.post("/patients", &typed).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("This may be the same person"));
    assert!(answer.text.contains("value=\"María\"") && answer.text.contains("value=\"female\" checked"));
    assert_eq!(answer.hidden("draft_id"), draft);
    // Side by side, and on what it is judged.
    for told in [
        "Possibly the same person",
        "Being registered",
        "Already here",
        "<bdi>María</bdi>",
        "<bdi>Female</bdi>",
        "#i-check\"/></svg>equal",
        "#i-unknown\"/></svg>unknown",
        "not recorded",
    ] {
        assert!(answer.text.contains(told), "{told}");
    }
    let mut again = typed.to_vec();
    again.push(("accept_duplicates", "1"));
    let answer = browser.post("/patients", &again).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let chart = browser.get(answer.header(header::LOCATION)).await;
    assert!(chart.text.contains("<bdi>María Huamán</bdi>") && chart.text.contains("Registered."));
    let chart = browser.get(answer.header(header::LOCATION)).await;
    assert!(!chart.text.contains("Registered."), "told once");
}

#[tokio::test]
async fn forms_opened_in_the_same_instant_are_forms_of_different_records() {
    let mut browser = signed_in().await;
    let mut drafts = std::collections::BTreeSet::new();
    for _ in 0..3 {
        for path in [
            "/patients/new",
            "/patients/p2/vitals",
            "/patients/p2/allergies/new",
        ] {
            let draft = browser.get(path).await.hidden("draft_id");
            assert_eq!(draft.len(), 36, "{path}: {draft}");
            assert!(drafts.insert(draft), "{path}: a second person would be lost");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_field_and_at_the_head() {
    let mut browser = signed_in().await;
    let csrf = browser.get("/").await.hidden("csrf");
    let answer = browser
        .post("/patients", &[("csrf", &csrf), ("birth_date", "3020-01-01")])
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("href=\"#birth_date\""));
    assert!(
        answer.text.contains("id=\"birth_date-problem\"")
            && answer
                .text
                .contains("This lies in the future: the clock here says")
    );
    assert!(answer.text.contains("aria-invalid=\"true\"") && answer.text.contains("value=\"3020-01-01\""));
}

#[tokio::test]
async fn the_chart_shows_danger_first_and_who_wrote_what() {
    let mut browser = signed_in().await;
    let text = browser.get(&format!("/patients/{}", MARIA)).await.text;
    let at = |told: &str| text.find(told).unwrap_or_else(|| panic!("{told}"));
    assert!(
        at("Penicillin") < at("Vital signs"),
        "allergies stand in the banner"
    );
    for told in [
        "55 years, Female",
        "High risk",
        "Critically low",
        "Disputed",
        "Luis Mamani",
        "Complete as of",
        "3 days ago",
    ] {
        at(told);
    }
    assert_eq!(
        browser.get("/patients/nobody").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn no_information_on_allergies_is_not_no_allergies() {
    let mut browser = signed_in().await;
    let text = browser.get("/patients/p2").await.text;
    assert!(text.contains("No information on allergies"));
    assert!(text.contains("name=\"none_known\""));
}

#[tokio::test]
async fn an_edit_carries_the_version_that_was_read() {
    let (state, sample) = state(false);
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    let chart = format!("/patients/{}", MARIA);
    let form = browser.get(&format!("{chart}/phone/1")).await;
    assert_eq!(
        form.hidden("base_version"),
        sample.version(&format!("Patient/{MARIA}"))
    );
    assert_eq!(form.hidden("old_phone"), "+51 984 555 0134");
    let fields = [
        ("csrf", form.hidden("csrf")),
        ("base_version", form.hidden("base_version")),
        ("old_phone", form.hidden("old_phone")),
    ];
    let mut fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
    fields.push(("phone", "+51 900 000 000"));
    let answer = browser.post(&format!("{chart}/phone"), &fields).await;
    assert_eq!(answer.header(header::LOCATION), chart);
    let text = browser.get(&chart).await.text;
    assert!(
        text.contains("+51 900 000 000")
            && !text.contains("+51 984 555 0134")
            && text.contains("Phone saved.")
    );
    let form = browser.get(&format!("{chart}/medicines/met/dose")).await;
    assert!(
        form.text.contains("Two sites disagree") && form.text.contains("href=\"/conflicts\""),
        "a disputed dose is decided first"
    );
    assert!(!form.text.contains("id=\"dose_value\""), "it could not be saved");
    let form = browser.get(&format!("{chart}/medicines/met/status")).await;
    assert!(form.text.contains("Two sites disagree") && !form.text.contains("medicinestatus"));
    assert_eq!(
        browser.get(&format!("{chart}/phone/9")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn refused_vitals_keep_the_others() {
    let mut browser = signed_in().await;
    let path = format!("/patients/{}/vitals", MARIA);
    let csrf = browser.get(&path).await.hidden("csrf");
    let answer = browser
        .post(
            &path,
            &[("csrf", &csrf), ("heart_rate", "900"), ("weight", "71.5")],
        )
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.contains("No living person") && answer.text.contains("value=\"71.5\""));
    let answer = browser
        .post(&path, &[("csrf", &csrf), ("heart_rate", "80")])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_conflict_shows_both_sides_and_is_decided_with_one_post() {
    let (state, sample) = state(false);
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    let inbox = browser.get("/conflicts").await;
    for told in [
        "850 mg, 2 times a day",
        "500 mg, 1 time a day",
        "Santa Rosa",
        "Mobile team",
        "Counts until decided",
    ] {
        assert!(inbox.text.contains(told), "{told}");
    }
    let csrf = inbox.hidden("csrf");
    let conflicts = sample
        .clinic
        .conflict_list(&sample.clinic.operator("test"), None, 10)
        .unwrap();
    let row = conflicts
        .rows
        .iter()
        .find(|row| row.record == "MedicationRequest/met")
        .unwrap();
    let mut kept = row.values[1]
        .lines
        .iter()
        .find(|(label, _)| label == "dosageInstruction")
        .unwrap()
        .1
        .clone();
    kept.truncate(kept.find(';').unwrap_or(kept.len()));
    let pick = |version: &'static str| {
        [
            ("csrf", csrf.clone()),
            ("record", row.record.clone()),
            (
                "version",
                if version == "old" {
                    "old".to_owned()
                } else {
                    row.version.clone()
                },
            ),
            ("path", row.path.clone()),
            ("pick", "1".to_owned()),
        ]
    };
    let borrowed = |fields: &[(&'static str, String); 5]| -> Vec<(&'static str, String)> { fields.to_vec() };
    let fields = borrowed(&pick("old"));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let answer = browser.post("/conflicts", &fields).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.text.contains("Somebody was quicker"));
    let fields = borrowed(&pick("as listed"));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let answer = browser.post("/conflicts", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let left = browser.get("/conflicts").await.text;
    assert!(!left.contains("850 mg, 2 times a day") && left.contains("Baby of Huamán"));
    let dose = sample.json("MedicationRequest/met");
    let said = dose.pointer("/dosageInstruction/0/text").and_then(Json::as_str);
    assert_eq!(said, Some(kept.as_str()), "what was picked");
}

#[tokio::test]
async fn a_medicine_is_stopped_with_its_reason() {
    let (state, sample) = state(false);
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    let chart = format!("/patients/{}", MARIA);
    let path = format!("{chart}/medicines/enal/status");
    assert!(browser.get(&chart).await.text.contains(&path));
    let form = browser.get(&path).await;
    assert_eq!(
        form.hidden("base_version"),
        sample.version("MedicationRequest/enal")
    );
    assert!(!form.text.contains("Give it again"), "it is given already");
    let csrf = form.hidden("csrf");
    let send = [("csrf", csrf.as_str()), ("status", "on-hold")];
    let answer = browser.post(&path, &send).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.text.contains("id=\"reason-problem\"") && answer.text.contains("value=\"on-hold\" checked")
    );
    let mut send = send.to_vec();
    send.push(("reason", "cough"));
    let answer = browser.post(&path, &send).await;
    assert_eq!(answer.header(header::LOCATION), chart);
    let text = browser.get(&chart).await.text;
    for told in ["On hold", "Why: cough", "Medicine changed."] {
        assert!(text.contains(told), "{told}");
    }
    assert!(browser.get(&path).await.text.contains("Give it again"));
}

#[tokio::test]
async fn somebody_nobody_knows_is_registered_without_a_name() {
    let mut browser = signed_in().await;
    let form = browser.get("/patients/new").await;
    assert!(form.text.contains("type=\"checkbox\" id=\"unidentified\""));
    assert!(
        form.text.contains("<details class=\"field more\">"),
        "folded away"
    );
    let csrf = form.hidden("csrf");
    let typed = [
        ("csrf", csrf.as_str()),
        ("unidentified", "1"),
        ("temporary_label", "Man from the bus"),
    ];
    let answer = browser.post("/patients", &typed).await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "sex is still asked for"
    );
    assert!(
        answer.text.contains("value=\"1\" checked") && answer.text.contains("value=\"Man from the bus\"")
    );
    assert!(
        answer.text.contains("<details class=\"field more\" open>"),
        "what was typed is in sight"
    );
    let mut typed = typed.to_vec();
    typed.push(("sex", "male"));
    let answer = browser.post("/patients", &typed).await;
    let chart = browser.get(answer.header(header::LOCATION)).await.text;
    assert!(chart.contains("Man from the bus") && chart.contains("Not identified"));
}

fn none_known() -> Json {
    let mut json = allergy("nka", "No known allergy", "low", "");
    let members = json.as_object_mut().unwrap();
    members.remove("reaction");
    members.insert(
        "code".to_owned(),
        json!({"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}]}),
    );
    json
}

#[tokio::test]
async fn none_known_beside_an_allergy_asks_for_a_look_and_is_set_aside_with_one_tap() {
    let (state, sample) = state(false);
    sample.put(none_known());
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    let chart = format!("/patients/{}", MARIA);
    let shown = browser.get(&chart).await;
    assert!(shown.text.contains("Needs review") && shown.text.contains("no longer holds"));
    let path = format!("{chart}/allergies/nka");
    let fields = shown.form(&format!("action=\"{path}\""));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let answer = browser.post(&path, &fields).await;
    assert_eq!(answer.header(header::LOCATION), chart);
    let status = sample.json("AllergyIntolerance/nka");
    let status = status
        .pointer("/clinicalStatus/coding/0/code")
        .and_then(Json::as_str);
    assert_eq!(status, Some("inactive"));
}

#[tokio::test]
async fn numbers_of_several_parts_keep_their_order_in_arabic() {
    let mut browser = signed_in().await;
    browser.get("/language/ar").await;
    let chart = format!("/patients/{}", MARIA);
    let text = browser.get(&chart).await.text;
    assert!(
        text.contains("\u{2068}+51 984 555 0134\u{2069}"),
        "a phone in a label"
    );
    let text = browser.get("/patients/new").await.text;
    assert!(text.contains("\u{2066}1990-05-04\u{2069}"), "a date in a hint");
}

#[tokio::test]
async fn a_weekly_medicine_keeps_its_week_and_its_writers_words_are_in_sight() {
    let (state, sample) = state(false);
    sample.change("MedicationRequest/enal", |json| {
        let dosage = json
            .get_mut("dosageInstruction")
            .and_then(Json::as_array_mut)
            .unwrap();
        dosage[0] = json!({
            "text": "on Mondays, never daily",
            "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk"}},
            "doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mg"}}],
        });
    });
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    let path = format!("/patients/{}/medicines/enal/dose", MARIA);
    let text = browser.get(&path).await.text;
    assert!(text.contains("1 × every week") && text.contains("Leave this empty to keep it"));
    let input = text
        .split("<input")
        .find(|input| input.contains("id=\"times_per_day\""))
        .unwrap();
    let input = input.split('>').next().unwrap();
    assert!(
        !input.contains("required") && input.contains("value=\"\""),
        "{input}"
    );
    assert!(
        text.contains("value=\"on Mondays, never daily\""),
        "carried by the form"
    );
    // What was made of the numbers is made anew, and is no field.
    let text = browser.get(&path.replace("enal", "met")).await.text;
    assert!(!text.contains("name=\"dose_text\""));
}

#[tokio::test]
async fn a_dose_is_written_in_the_words_of_the_form() {
    let (state, sample) = state(false);
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    browser.get("/language/ar").await;
    let path = format!("/patients/{}/medicines/enal/dose", MARIA);
    let csrf = browser.get(&path).await.hidden("csrf");
    let typed = [
        ("csrf", csrf.as_str()),
        ("dose_value", "20"),
        ("dose_unit", "mg"),
        ("times_per_day", "2"),
    ];
    assert_eq!(browser.post(&path, &typed).await.status, StatusCode::SEE_OTHER);
    let written = sample.json("MedicationRequest/enal");
    let said = written
        .pointer("/dosageInstruction/0/text")
        .and_then(Json::as_str);
    assert_eq!(said, Some("20 mg مرتين في اليوم"));
}

#[tokio::test]
async fn none_known_can_be_said_again_once_no_allergy_counts() {
    let (state, sample) = state(false);
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    let chart = format!("/patients/{}", MARIA);
    assert!(!browser.get(&chart).await.text.contains("name=\"none_known\""));
    sample.clear("AllergyIntolerance");
    assert!(browser.get(&chart).await.text.contains("name=\"none_known\""));
    sample.put(none_known());
    assert!(
        !browser.get(&chart).await.text.contains("name=\"none_known\""),
        "it is said"
    );
}

#[tokio::test]
async fn a_form_saved_before_with_something_else_comes_back_filled_in() {
    let mut browser = signed_in().await;
    let csrf = browser.get("/patients/new").await.hidden("csrf");
    let vitals = format!("/patients/{}/vitals", MARIA);
    for (path, name) in [(vitals.as_str(), "weight"), ("/patients", "given")] {
        let draft = browser.get("/patients/new").await.hidden("draft_id");
        let typed = |text| {
            let csrf = csrf.as_str();
            [
                ("csrf", csrf),
                ("draft_id", draft.as_str()),
                ("sex", "female"),
                (name, text),
            ]
        };
        let answer = browser.post(path, &typed("70")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        let answer = browser.post(path, &typed("71.5")).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert!(answer.text.contains("saved before") && answer.text.contains("value=\"71.5\""));
        assert_eq!(answer.hidden("draft_id").len(), 36, "a draft of its own");
    }
}
