//! What two people wrote apart is told wherever its record is shown, in the inbox of its patient alone,
//! and with every side as its writer left it.

use chaski_clinic::RecordKey;
use chaski_clinic::record::UpdateOptions;
use chaski_json::Json;

use super::shown::made;
use super::{Real, ana, record};

const DISPUTES: [(&str, &str, &str, &str); 6] = [
    // Kind, what both read, and what each made of it.
    (
        "Patient",
        r#""birthDate":"1980""#,
        r#""birthDate":"1981""#,
        r#""birthDate":"1982""#,
    ),
    (
        "AllergyIntolerance",
        r#""criticality":"low""#,
        r#""criticality":"high""#,
        r#""criticality":"unable-to-assess""#,
    ),
    (
        "Condition",
        r#""code":{"text":"Base"}"#,
        r#""code":{"text":"Base A"}"#,
        r#""code":{"text":"Base B"}"#,
    ),
    (
        "MedicationRequest",
        r#""status":"active""#,
        r#""status":"stopped""#,
        r#""status":"completed""#,
    ),
    (
        "Observation",
        r#""code":{"text":"Base"},"valueInteger":5"#,
        r#""code":{"text":"Base"},"valueInteger":6"#,
        r#""code":{"text":"Base"},"valueInteger":7"#,
    ),
    (
        "Observation",
        r#""code":{"coding":[{"code":"8867-4"}]},"valueInteger":5"#,
        r#""code":{"coding":[{"code":"8867-4"}]},"valueInteger":6"#,
        r#""code":{"coding":[{"code":"8867-4"}]},"valueInteger":7"#,
    ),
];

/// Changed by two who both had read the first version.
fn written_apart(real: &Real, first: Json, sides: [Json; 2]) -> RecordKey {
    let kind = first
        .get("resourceType")
        .and_then(Json::as_str)
        .unwrap()
        .to_owned();
    let id = record(&real.clinic, first);
    let key = RecordKey::new(&kind, &id).unwrap();
    let version = real.clinic.record_read(&ana(), &key).unwrap().version.to_string();
    for mut side in sides {
        side.as_object_mut()
            .unwrap()
            .insert("id".to_owned(), Json::from(&id));
        let options = UpdateOptions {
            if_match: Some(version.clone()),
            merge: true,
            ..UpdateOptions::default()
        };
        real.clinic
            .record_update(&ana(), &kind, &id, side, &options)
            .unwrap();
    }
    key
}

/// Somebody with one record in dispute, or none.
fn with_dispute(kind: &str, sides: [&str; 3], is_disputed: bool) -> Real {
    let mut real = Real::new();
    if kind != "Patient" {
        real.patient = record(&real.clinic, made("Patient", "", ""));
    }
    let [first, one, other] = sides.map(|more| made(kind, &real.patient, more));
    let id = if is_disputed {
        let key = written_apart(&real, first, [one, other]);
        assert!(
            real.clinic.record_read(&ana(), &key).unwrap().conflicts > 0,
            "{kind}"
        );
        key.id().to_owned()
    } else {
        record(&real.clinic, first)
    };
    match kind {
        "Patient" => real.patient = id,
        "AllergyIntolerance" => real.allergy = id,
        "MedicationRequest" => real.medicine = id,
        _ => {}
    }
    real
}

#[tokio::test]
async fn a_record_in_dispute_is_told_from_one_that_is_not_wherever_it_is_shown() {
    for (kind, first, one, other) in DISPUTES {
        for is_disputed in [true, false] {
            let real = with_dispute(kind, [first, one, other], is_disputed);
            let mut browser = real.signed_in("clinician").await;
            let chart = browser.get(&real.fill("/patients/{id}")).await.text;
            assert_eq!(chart.contains("strip-fork"), is_disputed, "{kind} {first}");
            let badge = if kind == "MedicationRequest" {
                "Disputed"
            } else {
                "Conflict"
            };
            let badge = format!("<use href=\"#i-fork\"/></svg>{badge}<");
            if kind == "Patient" {
                let list = browser.get("/patients?q=Qoylluriti").await.text;
                assert_eq!(list.contains(&badge), is_disputed);
            } else {
                assert_eq!(chart.contains(&badge), is_disputed, "{kind} {first}");
            }
            let listed = browser.get(&real.fill("/conflicts?patient={id}")).await.text;
            assert_eq!(listed.contains("name=\"pick\""), is_disputed, "{kind} {first}");
        }
    }
}

#[tokio::test]
async fn a_medicine_in_dispute_is_given_until_that_is_decided_and_not_changed_before() {
    for is_disputed in [true, false] {
        let statuses = [
            r#""status":"active""#,
            r#""status":"stopped""#,
            r#""status":"completed""#,
        ];
        let first = if is_disputed { statuses[0] } else { statuses[1] };
        let real = with_dispute(
            "MedicationRequest",
            [first, statuses[1], statuses[2]],
            is_disputed,
        );
        let mut browser = real.signed_in("clinician").await;
        let chart = browser.get(&real.fill("/patients/{id}")).await.text;
        assert_eq!(chart.contains("item-past"), !is_disputed);
        for form in ["dose", "status"] {
            let path = real.fill(&format!("/patients/{{id}}/medicines/{{medicine}}/{form}"));
            let page = browser.get(&path).await.text;
            assert_eq!(page.contains("Two sites disagree"), is_disputed, "{form}");
            assert_eq!(page.contains("name=\"base_version\""), !is_disputed, "{form}");
        }
    }
    let [kind, first, one, other] = <[&str; 4]>::from(DISPUTES[1]);
    for is_disputed in [true, false] {
        let real = with_dispute(kind, [first, one, other], is_disputed);
        let mut browser = real.signed_in("clinician").await;
        let page = browser
            .get(&real.fill("/patients/{id}/allergies/{allergy}"))
            .await;
        assert_eq!(page.text.contains("Two sites disagree"), is_disputed);
    }
}

#[tokio::test]
async fn a_patients_conflicts_are_the_patients_own() {
    let mut real = Real::new();
    let (_, first, one, other) = DISPUTES[3];
    let mut people = Vec::new();
    for (family, drug) in [("Ccapac", "Enalapril"), ("Illari", "Losartan")] {
        let id = record(
            &real.clinic,
            made("Patient", "", &format!(r#""name":[{{"family":"{family}"}}]"#)),
        );
        let sides = [first, one, other].map(|more| {
            made(
                "MedicationRequest",
                &id,
                &format!(r#"{more},"medicationCodeableConcept":{{"text":"{drug}"}}"#),
            )
        });
        let [first, one, other] = sides;
        written_apart(&real, first, [one, other]);
        people.push((id, family, drug));
    }
    let mut browser = real.signed_in("clinician").await;
    for nth in [0, 1] {
        let ((id, family, drug), (_, other_family, other_drug)) = (&people[nth], &people[1 - nth]);
        real.patient.clone_from(id);
        let page = browser.get(&real.fill("/conflicts?patient={id}")).await.text;
        assert_eq!(page.matches("<article").count(), 1, "{family}");
        assert!(page.contains(family) && page.contains(drug), "{family}");
        assert!(
            !page.contains(other_family) && !page.contains(other_drug),
            "{family}"
        );
    }
    let all = browser.get("/conflicts").await.text;
    for (_, family, drug) in &people {
        assert!(
            all.contains(family) && all.contains(drug),
            "everybody's: {family}"
        );
    }
    let nobody = browser.get("/conflicts?patient=nobody").await.text;
    assert_eq!(nobody.matches("<article").count(), 0);
}

/// The sides of the only conflict of a page.
fn sides(page: &str) -> Vec<String> {
    assert_eq!(page.matches("<article").count(), 1, "{page}");
    let card = page
        .split("<article")
        .nth(1)
        .unwrap()
        .split("</article>")
        .next()
        .unwrap();
    card.split("<form").skip(1).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_side_that_took_something_out_says_so() {
    let (kind, first, changed, otherwise) = DISPUTES[0];
    for (other, removed) in [("", 1), (otherwise, 0)] {
        let real = with_dispute(kind, [first, changed, other], true);
        let mut browser = real.signed_in("clinician").await;
        let page = browser.get(&real.fill("/conflicts?patient={id}")).await.text;
        let sides = sides(&page);
        assert_eq!(sides.len(), 2);
        let says = |side: &&String| side.contains("Removed here");
        assert_eq!(sides.iter().filter(says).count(), removed, "{page}");
        assert!(
            sides
                .iter()
                .any(|side| !says(&side) && side.contains("<bdi>1981</bdi>")),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_side_that_deleted_the_record_says_so() {
    let mut real = Real::new();
    real.patient = record(&real.clinic, made("Patient", "", ""));
    let side_of = |more| made("AllergyIntolerance", &real.patient, more);
    let id = record(&real.clinic, side_of(r#""criticality":"low""#));
    let key = RecordKey::new("AllergyIntolerance", &id).unwrap();
    let version = real.clinic.record_read(&ana(), &key).unwrap().version.to_string();
    real.clinic.record_delete(&ana(), &key, Some(&version)).unwrap();
    let mut side = side_of(r#""criticality":"high""#);
    side.as_object_mut()
        .unwrap()
        .insert("id".to_owned(), Json::from(&id));
    let options = UpdateOptions {
        if_match: Some(version),
        merge: true,
        ..UpdateOptions::default()
    };
    real.clinic
        .record_update(&ana(), key.kind(), &id, side, &options)
        .unwrap();
    let mut browser = real.signed_in("clinician").await;
    let page = browser.get(&real.fill("/conflicts?patient={id}")).await.text;
    let sides = sides(&page);
    let removed = sides.iter().filter(|side| side.contains("Removed here"));
    assert_eq!(removed.count(), 1, "{page}");
}
