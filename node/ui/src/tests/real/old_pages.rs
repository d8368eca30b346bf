//! A form shows what the record says, and what is sent from an old page stands beside what was written
//! since, never over it.

use chaski_clinic::RecordKey;
use chaski_json::Json;

use super::super::Browser;
use super::shown::made;
use super::{Real, ana, record};

/// The value that a form shows in a field, or the choice that it shows as made.
fn shown(page: &str, field: &str) -> String {
    let inputs = page
        .split("<input")
        .map(|input| input.split('>').next().unwrap_or_default());
    let own = inputs.filter(|input| input.contains(&format!(" name=\"{field}\"")));
    let mut own = own.filter(|input| !input.contains("type=\"radio\"") || input.contains(" checked"));
    let value = own.next().and_then(|input| input.split(" value=\"").nth(1));
    let value = value.and_then(|text| text.split('"').next()).unwrap_or_default();
    [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#39;", "'"),
        ("&#34;", "\""),
        ("&#38;", "&"),
    ]
    .into_iter()
    .fold(value.to_owned(), |text, (coded, sign)| text.replace(coded, sign))
}

/// Sends what a form holds when it has been opened, with `typed` in its fields.
async fn send(browser: &mut Browser, path: &str, page: &str, typed: &[(&str, &str)]) {
    let mut fields = Vec::new();
    for name in ["csrf", "base_version", "old_phone"] {
        if page.contains(&format!("name=\"{name}\"")) {
            fields.push((name, shown(page, name)));
        }
    }
    let mut fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    fields.extend(typed);
    let answer = browser.post(path, &fields).await;
    assert_eq!(answer.status.as_u16(), 303, "{path}: {}", answer.text);
}

#[tokio::test]
async fn the_form_of_an_allergy_says_what_its_record_says_and_changes_only_what_is_changed() {
    for (more, danger) in [
        (r#""criticality":"high""#, "high"),
        (r#""criticality":"low""#, "low"),
        (r#""criticality":"unable-to-assess""#, "unable-to-assess"),
        (r#""reaction":[]"#, "unable-to-assess"),
    ] {
        for status in ["active", "inactive", "resolved"] {
            let mut real = Real::new();
            let code = format!(
                r#""clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"{status}"}}]}}"#
            );
            let more = if more.contains("[]") {
                code
            } else {
                format!("{more},{code}")
            };
            real.allergy = record(&real.clinic, made("AllergyIntolerance", &real.patient, &more));
            let key = RecordKey::new("AllergyIntolerance", &real.allergy).unwrap();
            let mut browser = real.signed_in("clinician").await;
            let path = real.fill("/patients/{id}/allergies/{allergy}");
            let page = browser.get(&path).await.text;
            assert_eq!(shown(&page, "criticality"), danger, "{more}");
            assert_eq!(shown(&page, "status"), status, "{more}");
            let typed = [("criticality", danger), ("status", status)];
            send(&mut browser, &path, &page, &typed).await;
            let json = real.read(&key);
            assert_eq!(
                json.get("criticality")
                    .and_then(Json::as_str)
                    .unwrap_or("unable-to-assess"),
                danger
            );
            let code = json
                .pointer("/clinicalStatus/coding/0/code")
                .and_then(Json::as_str);
            assert_eq!(code, Some(status));
        }
    }
}

#[tokio::test]
async fn the_forms_of_a_medicine_and_a_phone_say_what_their_record_says() {
    let mut real = Real::new();
    let more = r#""dosageInstruction":[{"text":"with much water","timing":{"repeat":{"frequency":3,"period":1,"periodUnit":"d"}},"doseAndRate":[{"doseQuantity":{"value":2.50,"unit":"mL"}}]}]"#;
    real.medicine = record(&real.clinic, made("MedicationRequest", &real.patient, more));
    let mut browser = real.signed_in("clinician").await;
    let page = browser
        .get(&real.fill("/patients/{id}/medicines/{medicine}/dose"))
        .await
        .text;
    for (field, value) in [
        ("dose_value", "2.50"),
        ("dose_unit", "mL"),
        ("times_per_day", "3"),
        ("dose_text", "with much water"),
    ] {
        assert_eq!(shown(&page, field), value, "{field}");
    }
    let more = r#""telecom":[{"system":"phone","value":"555-0133"},{"system":"phone","value":"555-0144"}]"#;
    real.patient = record(&real.clinic, made("Patient", "", more));
    for (nth, number) in [("1", "555-0133"), ("2", "555-0144")] {
        let page = browser
            .get(&real.fill(&format!("/patients/{{id}}/phone/{nth}")))
            .await
            .text;
        assert_eq!(shown(&page, "phone"), number);
        assert_eq!(shown(&page, "old_phone"), number);
    }
}

type Typed = &'static [(&'static str, &'static str)];

/// A form, what the first and the second send from the same page, and what both want.
const FORMS: [(&str, Typed, Typed, [&str; 2]); 4] = [
    (
        "/patients/{id}/medicines/{medicine}/dose",
        &[
            ("dose_value", "7"),
            ("dose_unit", "mg"),
            ("times_per_day", "1"),
            ("dose_text", "seven at once"),
        ],
        &[
            ("dose_value", "9"),
            ("dose_unit", "mg"),
            ("times_per_day", "1"),
            ("dose_text", "nine at once"),
        ],
        ["seven at once", "nine at once"],
    ),
    (
        "/patients/{id}/medicines/{medicine}/status",
        &[("status", "stopped"), ("reason", "rash")],
        &[("status", "on-hold"), ("reason", "surgery")],
        ["Stopped", "On hold"],
    ),
    (
        "/patients/{id}/allergies/{allergy}",
        &[("criticality", "low"), ("status", "active")],
        &[("criticality", "unable-to-assess"), ("status", "active")],
        ["Low risk", "Not known"],
    ),
    (
        "/patients/{id}/phone/1",
        &[("phone", "555-0177")],
        &[("phone", "555-0188")],
        ["555-0177", "555-0188"],
    ),
];

#[tokio::test]
async fn what_is_sent_from_an_old_page_does_not_take_the_place_of_what_its_writer_did_not_see() {
    for (form, first, second, both) in FORMS {
        let real = Real::new();
        let (form, path) = (real.fill(form), real.fill(form).replace("/phone/1", "/phone"));
        let mut one = real.signed_in("clinician").await;
        let mut other = real.signed_in("clinician").await;
        let (seen, also_seen) = (one.get(&form).await.text, other.get(&form).await.text);
        send(&mut one, &path, &seen, first).await;
        send(&mut other, &path, &also_seen, second).await;
        // One is open from the start.
        let open = real.clinic.conflict_list(&ana(), None, 100).unwrap().total;
        assert_eq!(open, if form.ends_with("/phone/1") { 1 } else { 2 }, "{path}");
        let inbox = one.get(&real.fill("/conflicts?patient={id}")).await.text;
        let chart = one.get(&real.fill("/patients/{id}")).await.text;
        // Of a number that is no danger the newer stands; it is taken, not refused.
        for wanted in both.iter().skip(usize::from(form.ends_with("/phone/1"))) {
            assert!(
                inbox.contains(wanted) || chart.contains(wanted),
                "{path} lost {wanted}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_sent_from_a_page_that_is_up_to_date_is_no_dispute() {
    for (form, first, second, [_, last]) in FORMS {
        if form.ends_with("status") {
            continue;
        }
        let real = Real::new();
        let (form, path) = (real.fill(form), real.fill(form).replace("/phone/1", "/phone"));
        let mut browser = real.signed_in("clinician").await;
        for typed in [first, second] {
            let page = browser.get(&form).await.text;
            send(&mut browser, &path, &page, typed).await;
        }
        let page = browser.get(&form).await.text;
        assert!(page.contains(last), "{path}");
        let open = real.clinic.conflict_list(&ana(), None, 100).unwrap();
        assert_eq!(open.total, 1, "{path}: only the one that was there");
    }
}

#[tokio::test]
async fn a_phone_that_is_changed_on_an_old_page_leaves_the_others_as_they_were_left() {
    let mut real = Real::new();
    let more = r#""telecom":[{"system":"phone","value":"555-0133"},{"system":"phone","value":"555-0144"}]"#;
    real.patient = record(&real.clinic, made("Patient", "", more));
    let path = real.fill("/patients/{id}/phone");
    let mut browser = real.signed_in("clinician").await;
    let first = browser.get(&format!("{path}/1")).await.text;
    let second = browser.get(&format!("{path}/2")).await.text;
    let another = browser.get(&path).await.text;
    send(&mut browser, &path, &second, &[("phone", "555-0188")]).await;
    send(&mut browser, &path, &another, &[("phone", "555-0199")]).await;
    send(&mut browser, &path, &first, &[("phone", "555-0177")]).await;
    let chart = browser.get(&real.fill("/patients/{id}")).await.text;
    let told = ["0177", "0188", "0199", "0133", "0144"].map(|end| chart.contains(&format!(">555-{end}<")));
    assert_eq!(told, [true, true, true, false, false]);
}
