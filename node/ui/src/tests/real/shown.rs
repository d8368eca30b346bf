//! Every field of a record that a page shows is put into a real record by itself: the page tells it, and
//! tells nothing of the kind without it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chaski_json::{Json, json, parse_str};

use super::{Real, record};

/// A kind, what its record says more, a page, and what only that makes the page tell.
type Field = (&'static str, &'static str, &'static str, &'static [&'static str]);

const CHART: &str = "/patients/{id}";
const LIST: &str = "/patients?q=Qoylluriti";
const ESTIMATED: &str = r#""birthDate":"1986","_birthDate":{"extension":[{"url":"https://chaski.health/fhir/StructureDefinition/birth-date-estimated","valueBoolean":true}]}"#;

#[rustfmt::skip]
const FIELDS: &[Field] = &[
    ("Patient", r#""name":[{"family":"Qoylluriti","given":["Luz","Inti"]}]"#, CHART, &["<h1><bdi>Luz Inti Qoylluriti</bdi></h1>"]),
    ("Patient", r#""name":[{"family":"Qoylluriti","given":["Luz","Inti"]}]"#, LIST, &["<strong><bdi>Luz Inti Qoylluriti</bdi></strong>"]),
    ("Patient", r#""name":[{"use":"official","family":"Qoylluriti"},{"use":"usual","text":"لوز"}]"#, CHART, &["<bdi class=\"local\">لوز</bdi>"]),
    ("Patient", r#""name":[{"use":"official","family":"Qoylluriti"},{"use":"usual","text":"لوز"}]"#, LIST, &["<bdi class=\"local\">لوز</bdi>"]),
    ("Patient", r#""name":[{"use":"temp","text":"Qoylluriti"}]"#, CHART, &["Not identified"]),
    ("Patient", r#""name":[{"use":"temp","text":"Qoylluriti"}]"#, LIST, &["Not identified"]),
    ("Patient", r#""gender":"female""#, CHART, &["<span>Age not known, Female</span>"]),
    ("Patient", r#""gender":"male""#, LIST, &["<span>Age not known, Male</span>"]),
    ("Patient", r#""gender":"other""#, CHART, &["<span>Age not known, Other</span>"]),
    ("Patient", r#""gender":"female","birthDate":"1980-05-04""#, CHART, &["46 years, Female", "born 4 May 1980"]),
    ("Patient", r#""birthDate":"2026-11-02""#, LIST, &["<span>18 days</span>"]),
    ("Patient", ESTIMATED, CHART, &["about 40 years, Not known"]),
    ("Patient", ESTIMATED, LIST, &["about 40 years, Not known"]),
    ("Patient", ESTIMATED, "/patients/{id}/vitals", &["about 40 years, Not known"]),
    ("Patient", r#""deceasedBoolean":true"#, CHART, &["Deceased"]),
    ("Patient", r#""deceasedDateTime":"2026-10-01""#, CHART, &["Deceased"]),
    ("Patient", r#""identifier":[{"type":{"text":"Passport"},"value":"P-119"},{"value":"0192f3a1-7c00-7000-8000-000000000009"}]"#, CHART, &["Passport", "P-119", "000000000009"]),
    ("Patient", r#""identifier":[{"value":"P-119"}]"#, LIST, &["P-119"]),
    ("Patient", r#""telecom":[{"system":"phone","value":"555-0133"},{"system":"phone","value":"555-0144"}]"#, CHART, &["555-0133", "555-0144", "/phone/2\""]),
    ("Patient", r#""telecom":[{"system":"phone","value":"555-0133"}]"#, LIST, &["555-0133"]),
    ("Patient", r#""address":[{"city":"Ayaviri"}]"#, CHART, &["<span><bdi>Ayaviri</bdi></span>"]),
    ("Patient", r#""address":[{"city":"Ayaviri"}]"#, LIST, &["<span><bdi>Ayaviri</bdi></span>"]),

    ("AllergyIntolerance", r#""code":{"text":"Latex"}"#, CHART, &["<strong><bdi>Latex</bdi></strong>", "<span><bdi>Latex</bdi>"]),
    ("AllergyIntolerance", r#""criticality":"high""#, CHART, &["<em>(High risk)</em>", "</svg>High risk</span>"]),
    ("AllergyIntolerance", r#""reaction":[{"manifestation":[{"text":"hives"}]}]"#, CHART, &["<p><bdi>hives</bdi></p>"]),
    ("AllergyIntolerance", r#""clinicalStatus":{"coding":[{"code":"resolved"}]}"#, CHART, &["item-past", "No longer active", "strip-warn", "No information on allergies"]),
    ("AllergyIntolerance", r#""clinicalStatus":{"coding":[{"code":"inactive"}]}"#, CHART, &["item-past", "No longer active"]),
    ("AllergyIntolerance", r#""verificationStatus":{"coding":[{"code":"refuted"}]}"#, CHART, &["item-past", "No longer active"]),
    ("AllergyIntolerance", r#""code":{"coding":[{"code":"716186003"}]}"#, CHART, &["strip-ok", "<strong>No known allergies</strong>"]),

    ("Condition", r#""code":{"text":"Asthma"}"#, CHART, &["<strong><bdi>Asthma</bdi></strong>"]),
    ("Condition", r#""onsetDateTime":"2014-06""#, CHART, &["since Jun 2014"]),
    ("Condition", r#""clinicalStatus":{"coding":[{"code":"resolved"}]}"#, CHART, &["item-past", "No longer active"]),
    ("Condition", r#""clinicalStatus":{"coding":[{"code":"remission"}]}"#, CHART, &["item-past", "No longer active"]),

    ("MedicationRequest", r#""medicationCodeableConcept":{"text":"Enalapril"}"#, CHART, &["<strong><bdi>Enalapril</bdi></strong>"]),
    ("MedicationRequest", r#""dosageInstruction":[{"text":"at noon only"}]"#, CHART, &["<p><bdi>at noon only</bdi></p>"]),
    ("MedicationRequest", r#""dosageInstruction":[{"doseAndRate":[{"doseQuantity":{"value":1.50,"unit":"mg"}}]}]"#, CHART, &["<p><bdi>1.50 mg</bdi></p>"]),
    ("MedicationRequest", r#""dosageInstruction":[{"timing":{"repeat":{"frequency":3,"period":1,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":5,"unit":"mL"}}]}]"#, CHART, &["5 mL, 3 times a day"]),
    ("MedicationRequest", r#""dosageInstruction":[{"timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"wk"}},"doseAndRate":[{"doseQuantity":{"value":5,"unit":"mg"}}]}]"#, CHART, &["5 mg, 1 × every week"]),
    ("MedicationRequest", r#""status":"on-hold""#, CHART, &["</svg>On hold</span>"]),
    ("MedicationRequest", r#""status":"stopped""#, CHART, &["item-past", "Stopped</span>"]),
    ("MedicationRequest", r#""status":"completed""#, CHART, &["item-past", "Completed</span>"]),
    ("MedicationRequest", r#""status":"cancelled""#, CHART, &["item-past", "Cancelled</span>"]),
    ("MedicationRequest", r#""status":"stopped","statusReason":{"text":"rash"}"#, CHART, &["Why: rash"]),

    ("Observation", r#""code":{"text":"Ferritin"}"#, CHART, &["<th scope=\"row\"><bdi>Ferritin</bdi></th>"]),
    ("Observation", r#""valueString":"cloudy""#, CHART, &["<td><bdi dir=\"ltr\">cloudy</bdi>"]),
    ("Observation", r#""valueQuantity":{"value":8.40,"unit":"mmol/L"}"#, CHART, &["<bdi dir=\"ltr\">8.40</bdi>", "<bdi dir=\"ltr\">mmol/L</bdi>"]),
    ("Observation", r#""effectiveDateTime":"2025-03-09""#, CHART, &["9 Mar 2025"]),
    ("Observation", r#""code":{"coding":[{"code":"8867-4"}]},"valueQuantity":{"value":71,"unit":"/min"}"#, CHART, &["<span class=\"tile-name\"><bdi>Pulse</bdi>", "<bdi dir=\"ltr\">71</bdi>"]),
    ("Observation", r#""code":{"coding":[{"code":"59408-5"}]},"valueQuantity":{"value":97,"unit":"%"}"#, CHART, &["<span class=\"tile-name\"><bdi>Oxygen saturation</bdi>"]),
    ("Observation", r#""code":{"coding":[{"code":"8480-6"}]},"valueQuantity":{"value":121,"unit":"mmHg"}"#, CHART, &["<span class=\"tile-name\"><bdi>Upper blood pressure</bdi>"]),
    ("Observation", r#""code":{"coding":[{"code":"8462-4"}]},"valueQuantity":{"value":79,"unit":"mmHg"}"#, CHART, &["<span class=\"tile-name\"><bdi>Lower blood pressure</bdi>"]),
    ("Observation", r#""code":{"coding":[{"code":"9279-1"}]}"#, CHART, &["<span class=\"tile-name\"><bdi>Breaths</bdi>"]),
    ("Observation", r#""code":{"coding":[{"code":"8310-5"}]}"#, CHART, &["<span class=\"tile-name\"><bdi>Temperature</bdi>"]),
    ("Observation", r#""code":{"coding":[{"code":"29463-7"}]}"#, CHART, &["<span class=\"tile-name\"><bdi>Weight</bdi>"]),
    ("Observation", r#""code":{"coding":[{"code":"8302-2"}]}"#, CHART, &["<span class=\"tile-name\"><bdi>Height</bdi>"]),
];

/// A record that says as little as it may, and then `more`.
pub(super) fn made(kind: &str, patient: &str, more: &str) -> Json {
    let subject = json!({"reference": format!("Patient/{patient}")});
    let mut made = match kind {
        "Patient" => json!({"name": [{"family": "Qoylluriti"}]}),
        "AllergyIntolerance" => json!({"patient": subject, "code": {"text": "Base"}}),
        "Immunization" => json!({"status": "completed", "patient": subject}),
        "Condition" => json!({"subject": subject, "code": {"text": "Base"}}),
        "MedicationRequest" => json!({
            "status": "active", "intent": "order", "subject": subject,
            "medicationCodeableConcept": {"text": "Base"},
        }),
        _ => json!({"status": "final", "subject": subject, "code": {"text": "Base"}}),
    };
    let members = made.as_object_mut().unwrap();
    members.insert("resourceType".to_owned(), Json::from(kind));
    let more = parse_str(&format!("{{{more}}}")).unwrap();
    members.extend(more.as_object().unwrap().clone());
    made
}

/// A page about somebody of whom no more is known than one record.
async fn page_of(kind: &str, more: &str, page: &str) -> String {
    let mut real = Real::new();
    if kind == "Patient" {
        real.patient = record(&real.clinic, made(kind, "", more));
    } else {
        real.patient = record(&real.clinic, made("Patient", "", ""));
        record(&real.clinic, made(kind, &real.patient, more));
    }
    let mut browser = real.signed_in("clinician").await;
    let answer = browser.get(&real.fill(page)).await;
    assert_eq!(answer.status.as_u16(), 200, "{kind} {more}");
    answer.text
}

#[tokio::test]
async fn every_field_of_a_record_is_told_and_not_told_without_it() {
    let mut plain = BTreeMap::new();
    let mut wrong = Vec::new();
    for (kind, more, page, told) in FIELDS {
        if let Entry::Vacant(vacant) = plain.entry((kind, page)) {
            vacant.insert(page_of(kind, "", page).await);
        }
        let (with, without) = (page_of(kind, more, page).await, &plain[&(kind, page)]);
        for text in *told {
            if !with.contains(text) {
                wrong.push(format!("{page} does not tell {text:?}: {kind} {more}"));
            } else if without.contains(text) {
                wrong.push(format!("{page} tells {text:?} of any {kind}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The part of a page that shows the medicine, or whatever else is named `text`.
fn row<'a>(page: &'a str, text: &str) -> &'a str {
    let rows = page.split("<li ").chain(page.split("<tr"));
    let mut found = rows.filter_map(|row| {
        row.split(['\n'])
            .next()?
            .split("</li>")
            .next()?
            .split("</tr>")
            .next()
    });
    found
        .find(|row| row.contains(text))
        .unwrap_or_else(|| panic!("no row of {text}"))
}

#[tokio::test]
async fn how_a_value_stands_to_its_band_is_told_of_vital_signs_and_results() {
    let words = ["Critically low", "Low", "High", "Critically high"];
    let flags = [
        ("LL", "Critically low", "danger", "down"),
        ("L", "Low", "warn", "down"),
        ("H", "High", "warn", "up"),
        ("HH", "Critically high", "danger", "up"),
    ];
    for code in [
        r#"{"text":"Potassium"}"#,
        r#"{"coding":[{"code":"8867-4"}],"text":"Potassium"}"#,
    ] {
        let base = format!(r#""code":{code},"valueQuantity":{{"value":71,"unit":"/min"}}"#);
        let page = page_of("Observation", &base, CHART).await;
        let shown = row(&page, ">71<");
        assert!(!words.iter().any(|word| shown.contains(word)), "{shown}");
        for (flag, word, tone, icon) in flags {
            let more = format!(r#"{base},"interpretation":[{{"coding":[{{"code":"{flag}"}}]}}]"#);
            let page = page_of("Observation", &more, CHART).await;
            let told = format!(
                "<span class=\"flag flag-{tone}\"><svg class=\"i\" aria-hidden=\"true\"><use href=\"#i-{icon}\"/></svg>{word}</span>"
            );
            let shown = row(&page, ">71<");
            assert!(shown.contains(&told), "{code} {flag}: {shown}");
        }
    }
}

#[tokio::test]
async fn only_what_is_given_can_be_given_otherwise() {
    for (status, given) in [
        ("active", true),
        ("on-hold", true),
        ("unknown", true),
        ("stopped", false),
        ("completed", false),
        ("cancelled", false),
    ] {
        let page = page_of("MedicationRequest", &format!(r#""status":"{status}""#), CHART).await;
        let shown = row(&page, "<bdi>Base</bdi>");
        for way in ["/dose\"", "/status\""] {
            assert_eq!(shown.contains(way), given, "{status}: {shown}");
        }
        assert_eq!(shown.contains("item-past"), !given, "{status}: {shown}");
    }
}

#[tokio::test]
async fn none_known_beside_an_allergy_that_counts_is_to_be_looked_at() {
    for (status, contradicted) in [("active", true), ("resolved", false)] {
        let mut real = Real::new();
        real.patient = record(&real.clinic, made("Patient", "", ""));
        for more in [
            format!(r#""clinicalStatus":{{"coding":[{{"code":"{status}"}}]}}"#),
            r#""code":{"coding":[{"code":"716186003"}]}"#.to_owned(),
        ] {
            record(&real.clinic, made("AllergyIntolerance", &real.patient, &more));
        }
        let mut browser = real.signed_in("clinician").await;
        let page = browser.get(&real.fill(CHART)).await.text;
        assert_eq!(page.contains("Needs review"), contradicted, "{status}");
        assert_eq!(page.contains("strip strip-danger"), contradicted, "{status}");
    }
}

#[tokio::test]
async fn somebody_who_may_be_the_same_is_shown_with_all_that_tells_them_apart() {
    let real = Real::new();
    let more = format!(
        r#""gender":"female","deceasedBoolean":true,"telecom":[{{"system":"phone","value":"555-0133"}}],
           "identifier":[{{"value":"P-119"}}],"address":[{{"city":"Ayaviri"}}],{ESTIMATED},
           "name":[{{"family":"Qoylluriti","given":["Luz"]}}]"#
    );
    let id = record(&real.clinic, made("Patient", "", &more));
    let mut browser = real.signed_in("clinician").await;
    let csrf = browser.get("/").await.hidden("csrf");
    let typed = [
        ("csrf", csrf.as_str()),
        ("given", "Luz"),
        ("family", "Qoylluriti"),
        ("sex", "female"),
        ("birth_date", "1986"),
    ];
    let answer = browser.post("/patients", &typed).await;
    assert_eq!(answer.status.as_u16(), 422, "{}", answer.text);
    let link = format!("/patients/{id}");
    let shown = [
        "Luz Qoylluriti",
        "born 1986, Female",
        "Deceased",
        "555-0133",
        "P-119",
        "Ayaviri",
        &link,
    ];
    for text in shown {
        assert!(answer.text.contains(text), "{text}");
    }
}
