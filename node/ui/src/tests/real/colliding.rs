//! Another site made a record of another patient under the id of one of ours: each is in its own patient's chart,
//! nothing is shown or changed in the wrong one, and whoever decides loses nothing.

use chaski_clinic::RecordKey;
use chaski_clinic::record::RecordError;
use chaski_json::Json;
use chaski_store::{Base, Context, Write};

use super::shown::made;
use super::{Real, ana, record};

const OURS: &str = "Enalapril";
const THEIRS: &str = "Losartan";

/// A clinic with two patients, and the key under which both have a medicine.
fn collided() -> (Real, [String; 2], RecordKey) {
    let drug = |text: &str| format!(r#""medicationCodeableConcept":{{"text":"{text}"}}"#);
    collided_with("MedicationRequest", [&drug(OURS), &drug(THEIRS)])
}

/// A clinic with two patients, and the key under which both have a record of this kind.
fn collided_with(kind: &str, [ours, theirs]: [&str; 2]) -> (Real, [String; 2], RecordKey) {
    let mut real = Real::new();
    let people = ["Ccapac", "Illari"].map(|family| {
        record(
            &real.clinic,
            made("Patient", "", &format!(r#""name":[{{"family":"{family}"}}]"#)),
        )
    });
    let id = record(&real.clinic, made(kind, &people[0], ours));
    let key = RecordKey::new(kind, &id).unwrap();
    let mut theirs = made(kind, &people[1], theirs);
    theirs
        .as_object_mut()
        .unwrap()
        .insert("id".to_owned(), Json::from(&id));
    let other = real.other_site();
    let write = Write::Put {
        key: key.clone(),
        json: theirs,
        base: Base::Current,
        resolution: false,
    };
    other.commit(&Context::system("test"), vec![write]).unwrap();
    real.meet(&other);
    real.patient.clone_from(&people[0]);
    (real, people, key)
}

#[tokio::test]
async fn each_is_in_the_chart_of_its_own_patient_and_says_that_something_is_the_matter() {
    let (mut real, people, key) = collided();
    let mut browser = real.signed_in("clinician").await;
    for (nth, own, other) in [(0, OURS, THEIRS), (1, THEIRS, OURS)] {
        real.patient.clone_from(&people[nth]);
        let chart = browser.get(&real.fill("/patients/{id}")).await.text;
        assert!(chart.contains(own) && !chart.contains(other), "{own}");
        assert!(
            chart.contains("strip-fork")
                && chart.contains("Shared record number<")
                && !chart.contains("Disputed<"),
            "{own}"
        );
        let listed = browser.get(&real.fill("/conflicts?patient={id}")).await.text;
        assert_eq!(listed.matches("<article").count(), 1, "{own}");
        for told in [
            OURS,
            THEIRS,
            "Ccapac",
            "Illari",
            "One record number, several patients",
            "each stays with its own patient",
            "for Illari",
        ] {
            assert!(listed.contains(told), "{told}");
        }
        let heading = ["Ccapac", "Illari"].map(|name| format!("<bdi>{name}</bdi>"));
        let [first, second] = &heading;
        let headings = [
            format!("{first} · {second}</h2>"),
            format!("{second} · {first}</h2>"),
        ];
        assert!(
            headings.iter().any(|heading| listed.contains(heading)),
            "{listed}"
        );
        assert!(
            !listed.contains("Counts until decided"),
            "one of two patients' records is favoured"
        );
        // What a form of this patient changes is this patient's.
        let id = key.id();
        for page in ["dose", "status"] {
            let path = real.fill(&format!("/patients/{{id}}/medicines/{id}/{page}"));
            let answer = browser.get(&path).await;
            assert_eq!(answer.status.as_u16(), 200, "{path}");
            assert!(
                answer.text.contains(own) && !answer.text.contains(other),
                "{path}"
            );
        }
    }
    // By its id alone nobody is shown either.
    let refused = real.clinic.record_read(&ana(), &key);
    assert!(matches!(refused, Err(RecordError::Collision(of)) if of == key));
    let all = browser.get("/conflicts").await.text;
    assert_eq!(all.matches(THEIRS).count(), listed_once(&all), "{all}");
}

/// Whatever of a patient the chart shows: a row that says nothing would pass for one that is whole.
#[tokio::test]
async fn every_row_of_a_chart_says_that_its_number_is_shared() {
    let loinc = |code: &str, unit: &str| {
        format!(
            r#""code":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}],"text":"NAME"}},
            "effectiveDateTime":"2025-12-31","valueQuantity":{{"value":61,"unit":"{unit}"}}"#
        )
    };
    let vaccine = r#""vaccineCode":{"text":"NAME"},"occurrenceDateTime":"2025-01-01","status":"completed""#;
    for (kind, more, card) in [
        ("AllergyIntolerance", r#""code":{"text":"NAME"}"#, "h-allergies"),
        ("Condition", r#""code":{"text":"NAME"}"#, "h-problems"),
        (
            "MedicationRequest",
            r#""medicationCodeableConcept":{"text":"NAME"}"#,
            "h-medicines",
        ),
        ("Immunization", vaccine, "h-immunizations"),
        ("Observation", &loinc("8867-4", "/min"), "h-vitals"),
        ("Observation", &loinc("2823-3", "mmol/L"), "h-results"),
    ] {
        let [ours, theirs] = [OURS, THEIRS].map(|name| more.replace("NAME", name));
        let (real, people, _) = collided_with(kind, [&ours, &theirs]);
        let mut browser = real.signed_in("clinician").await;
        for id in &people {
            let chart = browser.get(&format!("/patients/{id}")).await.text;
            let from = chart.find(&format!("id=\"{card}\"")).expect(card);
            let section = &chart[from..from + chart[from..].find("</section>").unwrap()];
            assert!(section.contains("Shared record number<"), "{kind}: {section}");
            assert!(section.contains(&format!("/conflicts?patient={id}")), "{kind}");
        }
    }
}

/// Of what collides nothing is kept and nothing given up: the inbox says so of disputes alone.
#[tokio::test]
async fn the_inbox_says_what_becomes_of_the_other_side_where_one_is_kept() {
    let (real, people, _) = collided();
    let mut browser = real.signed_in("clinician").await;
    let lead = "What is not kept stays in the record";
    let path = format!("/conflicts?patient={}", people[0]);
    let told = browser.get(&path).await.text;
    assert!(told.contains("One record number") && !told.contains(lead));
    let dosed = format!(
        r#""medicationCodeableConcept":{{"text":"{OURS}"}},
        "dosageInstruction":[{{"doseAndRate":[{{"doseQuantity":{{"value":5,"unit":"mg"}}}}]}}]"#
    );
    let id = record(&real.clinic, made("MedicationRequest", &people[0], &dosed));
    super::dispute(&real.clinic, &RecordKey::new("MedicationRequest", &id).unwrap());
    assert!(browser.get(&path).await.text.contains(lead));
}

/// How often the other's medicine may stand on a page that lists the collision once.
fn listed_once(page: &str) -> usize {
    let from = page.find(THEIRS).unwrap();
    let article = page[..from].rfind("<article").unwrap();
    let end = page[article..].find("</article>").unwrap() + article;
    page[article..end].matches(THEIRS).count()
}

#[tokio::test]
async fn the_one_that_is_tapped_keeps_its_id_and_the_other_gets_its_own() {
    for kept in [0, 1] {
        let (real, people, key) = collided();
        let mut browser = real.signed_in("clinician").await;
        let page = browser.get("/conflicts").await;
        let article = page
            .text
            .split("<article")
            .find(|part| part.contains(THEIRS))
            .unwrap()
            .to_owned();
        // The form of the side of this patient.
        let side = article
            .split("<form")
            .find(|form| form.contains(&format!("/patients/{}", people[kept])))
            .unwrap();
        let hidden = |name: &str| {
            let mark = format!("name=\"{name}\" value=\"");
            let from = side.find(&mark).unwrap() + mark.len();
            side[from..].split('"').next().unwrap().to_owned()
        };
        let fields = ["csrf", "record", "version", "path", "pick"].map(|name| (name, hidden(name)));
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = browser.post("/conflicts", &fields).await;
        assert_eq!(answer.status.as_u16(), 303);
        let drugs = [OURS, THEIRS];
        let left = real.read(&key);
        assert_eq!(
            left.pointer("/medicationCodeableConcept/text")
                .and_then(Json::as_str),
            Some(drugs[kept])
        );
        for (nth, own) in drugs.into_iter().enumerate() {
            let chart = browser.get(&format!("/patients/{}", people[nth])).await.text;
            assert!(chart.contains(own) && !chart.contains("strip-fork"), "{own}");
        }
        let again = browser.post("/conflicts", &fields).await;
        assert_eq!(again.status.as_u16(), 409, "it is decided twice");
    }
}

/// The node may hold the record and not the patient, and a record may name more than whom it is about.
#[tokio::test]
async fn the_card_names_whom_each_is_about_and_leaves_nothing_else_out() {
    let (real, people, key) = collided();
    let other = real.other_site();
    let json = chaski_json::parse_str(&format!(
        r#"{{"resourceType":"MedicationRequest","id":"{}","status":"active","intent":"plan",
        "subject":{{"reference":"Patient/zz-not-here"}},"requester":{{"reference":"Patient/{}"}},
        "medicationCodeableConcept":{{"text":"Digoxin"}}}}"#,
        key.id(),
        people[0]
    ));
    let write = Write::Put {
        key: key.clone(),
        json: json.unwrap(),
        base: Base::Current,
        resolution: false,
    };
    other.commit(&Context::system("test"), vec![write]).unwrap();
    real.meet(&other);
    let mut browser = real.signed_in("clinician").await;
    let page = browser.get("/conflicts").await.text;
    let side = page.split("<form").find(|form| form.contains("Digoxin")).unwrap();
    assert!(side.contains("zz-not-here"), "whose it is is not told");
    assert!(
        !side.contains(&format!("href=\"/patients/{}\"", people[0])),
        "it is told as another's"
    );
    assert!(
        side.contains("<bdi>Plan</bdi>"),
        "what it is meant as is left out"
    );
    let shown = real.clinic.conflict_view(&ana(), &key).unwrap();
    let about: Vec<_> = shown[0]
        .values
        .iter()
        .filter_map(|value| value.patient.as_ref())
        .collect();
    assert_eq!(about.len(), 2);
}
