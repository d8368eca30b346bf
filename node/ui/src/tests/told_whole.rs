//! No modifier and no qualifier is dropped: whatever of a record changes what its row says is on the chart's page, or
//! the row says that it is not whole. Made of the definitions, for every kind that has a row.

use chaski_fhir::definitions::{Composite, Element, Field, TypeRef, definitions};
use chaski_json::{Json, json};

use super::fixture::{MARIA, Sample, TOKEN};
use super::{Browser, state};

async fn signed_in() -> (Browser, Sample) {
    let (state, sample) = state(false);
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    (browser, sample)
}

/// A record of each kind that has a row, with as little as its row needs.
fn bases() -> Vec<Json> {
    let subject = || json!({ "reference": format!("Patient/{MARIA}") });
    let status = |kind: &str| {
        let system = format!("http://terminology.hl7.org/CodeSystem/{kind}-clinical");
        json!({ "coding": [{ "system": system, "code": "active" }] })
    };
    let drug = || json!({ "text": "Qdrug" });
    vec![
        json!({
            "resourceType": "AllergyIntolerance", "id": "one", "patient": subject(),
            "clinicalStatus": status("allergyintolerance"), "code": { "text": "Qsubstance" },
            "reaction": [{ "manifestation": [{ "text": "Qrash" }] }],
        }),
        json!({
            "resourceType": "Condition", "id": "one", "subject": subject(),
            "clinicalStatus": status("condition"), "code": { "text": "Qproblem" },
        }),
        json!({
            "resourceType": "Immunization", "id": "one", "patient": subject(), "status": "completed",
            "vaccineCode": { "text": "Qvaccine" }, "occurrenceDateTime": "2026-01-02",
            "protocolApplied": [{ "doseNumberPositiveInt": 2 }],
        }),
        json!({
            "resourceType": "MedicationRequest", "id": "one", "subject": subject(), "status": "active",
            "intent": "order", "medicationCodeableConcept": drug(), "dosageInstruction": [{ "text": "Qtext" }],
            "substitution": { "allowedBoolean": false },
        }),
        json!({
            "resourceType": "MedicationRequest", "id": "one", "subject": subject(), "status": "active",
            "intent": "order", "medicationCodeableConcept": drug(),
            "dosageInstruction": [{
                "timing": { "repeat": { "frequency": 2, "period": 1, "periodUnit": "d" } },
                "doseAndRate": [{ "doseQuantity": { "value": 5, "unit": "mg" } }],
            }],
        }),
        json!({
            "resourceType": "MedicationStatement", "id": "one", "subject": subject(), "status": "active",
            "medicationCodeableConcept": drug(), "dosage": [{ "text": "Qtext" }],
        }),
        json!({
            "resourceType": "Observation", "id": "one", "subject": subject(), "status": "final",
            "code": { "text": "Qresult" }, "effectiveDateTime": "2026-10-01",
            "component": [{ "code": { "text": "Qpart" }, "valueQuantity": { "value": 3, "unit": "zu" } }],
        }),
        json!({
            "resourceType": "Observation", "id": "one", "subject": subject(), "status": "final",
            "code": { "text": "Qresult" }, "effectiveDateTime": "2026-10-01",
            "valueQuantity": { "value": 50, "unit": "copies/mL" },
        }),
    ]
}

/// What stands in these says nothing of what a row says: who, where, on behalf of what, and how it is stored.
const ABOUT_OTHER_THINGS: &[&str] = &[
    "id",
    "meta",
    "language",
    "text",
    "contained",
    "identifier",
    "subject",
    "patient",
    "encounter",
    "recorder",
    "asserter",
    "extension",
    "recordedDate",
    "category",
    "instantiatesCanonical",
    "instantiatesUri",
    "basedOn",
    "groupIdentifier",
    "performer",
    "performerType",
    "requester",
    "authoredOn",
    "insurance",
    "priorPrescription",
    "detectedIssue",
    "eventHistory",
    "supportingInformation",
    "courseOfTherapyType",
    "partOf",
    "context",
    "informationSource",
    "dateAsserted",
    "derivedFrom",
    "specimen",
    "device",
    "issued",
    "manufacturer",
    "location",
    "fundingSource",
    "education",
    "programEligibility",
    "recorded",
    "reportOrigin",
    "sequence",
    "author",
    "authority",
    "targetDisease",
    "seriesDoses[x]",
    "time",
    "modifierExtension",
];

/// A value of a type in which the mark is found again; of a truth and a code it is the value itself.
fn value_of(element: &Element, of: &TypeRef, mark: &str) -> Option<Json> {
    let codes = element.code_set();
    // Neither what goes without saying nor what takes the record off the chart.
    let unusual = |codes: &[&'static str]| {
        let usual = [
            "active",
            "completed",
            "final",
            "order",
            "routine",
            "entered-in-error",
            "confirmed",
            "allergy",
        ];
        codes.iter().find(|code| !usual.contains(code)).copied()
    };
    let coded = codes.and_then(|codes| {
        let (system, codes) = codes.systems.first()?;
        Some((*system, unusual(codes)?))
    });
    Some(match of.code {
        // That it is told at first hand goes without saying.
        "boolean" => Json::from(element.name != "primarySource"),
        "code" => Json::from(coded.map_or("zq", |(_, code)| code)),
        "string" | "markdown" => Json::from(mark),
        "integer" | "positiveInt" | "unsignedInt" | "decimal" => Json::from(77_123_u64),
        "date" | "dateTime" => Json::from("1977-02-03"),
        "time" => Json::from("07:07:00"),
        "uri" | "canonical" | "url" => Json::from("http://example.org/zq"),
        "CodeableConcept" => match coded {
            Some((system, code)) => json!({ "coding": [{ "system": system, "code": code }] }),
            None => json!({ "text": mark }),
        },
        "Quantity" | "SimpleQuantity" | "Age" | "Duration" => json!({ "value": 77_123, "unit": mark }),
        "Range" => json!({ "low": { "value": 77_123, "unit": mark } }),
        "Ratio" => json!({ "numerator": { "value": 77_123, "unit": mark }, "denominator": { "value": 1 } }),
        "Period" => json!({ "start": "1977-02-03" }),
        "Reference" => json!({ "display": mark }),
        "Annotation" => json!({ "text": mark }),
        "SampledData" => json!({ "origin": { "value": 1 }, "period": 1, "dimensions": 1, "data": mark }),
        _ => return None,
    })
}

/// A way to an element, with each of its types.
struct Place {
    path: Vec<(&'static str, bool)>,
    value: Json,
    is_told_by: Option<String>,
}

/// Each element below a composite that a row has to tell, as deep as the definitions go.
fn places(composite: &'static Composite, above: &[(&'static str, bool)], out: &mut Vec<Place>) {
    if above.len() > 4 {
        return;
    }
    for field in composite.fields() {
        let Some(element) = field.element() else { continue };
        if ABOUT_OTHER_THINGS.contains(&element.name) || field.key.ends_with("[x]") {
            continue;
        }
        let mut path = above.to_vec();
        path.push((field.key, element.max > 1));
        let mark = format!("Zq{}", out.len());
        let single = field.type_ref().and_then(|of| value_of(element, of, &mark));
        match single {
            Some(value) => {
                let has_mark = value.canonical().contains(&mark);
                out.push(Place {
                    path,
                    is_told_by: has_mark.then_some(mark),
                    value,
                });
            }
            None => below(field, &path, out),
        }
    }
}

fn below(field: &Field, path: &[(&'static str, bool)], out: &mut Vec<Place>) {
    if let Some(inner) = field.composite() {
        places(inner, path, out);
    }
}

/// The record with a value at a way; what stands there is written over, beside it all stays.
fn with(json: &Json, path: &[(&'static str, bool)], value: &Json) -> Json {
    let Some(((key, is_list), rest)) = path.split_first() else {
        return value.clone();
    };
    let mut json = if json.as_object().is_some() {
        json.clone()
    } else {
        json!({})
    };
    let held = json.get(key).cloned().unwrap_or(Json::Null);
    let stem = definitions_stem(key);
    let members = json.as_object_mut().unwrap();
    // Of a choice of types there is one.
    members.retain(|name, _| name == key || stem.is_none_or(|stem| !name.starts_with(stem)));
    let inner = match held.as_array().and_then(|all| all.first()) {
        Some(first) => with(first, rest, value),
        None => with(&held, rest, value),
    };
    members.insert((*key).to_owned(), if *is_list { json!([inner]) } else { inner });
    json
}

/// The stem of a key that may be one of a choice.
fn definitions_stem(key: &str) -> Option<&str> {
    [
        "medication",
        "allowed",
        "doseNumber",
        "value",
        "onset",
        "abatement",
        "occurrence",
        "effective",
        "asNeeded",
        "dose",
        "rate",
        "bounds",
        "reported",
    ]
    .into_iter()
    .find(|stem| {
        key.strip_prefix(stem)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
    })
}

#[tokio::test]
async fn no_modifier_and_no_qualifier_of_any_kind_with_a_row_is_dropped() {
    let (mut browser, sample) = signed_in().await;
    let chart = format!("/patients/{MARIA}");
    let (mut tried, mut refused, mut dropped) = (0, Vec::new(), Vec::new());
    for base in bases() {
        let kind = base
            .get("resourceType")
            .and_then(Json::as_str)
            .unwrap()
            .to_owned();
        let mut all = Vec::new();
        places(definitions().resource(&kind).unwrap(), &[], &mut all);
        sample.clear(&kind);
        sample.put(base.clone());
        let plain = texts(&browser.get(&chart).await.text);
        for place in all {
            let record = with(&base, &place.path, &place.value);
            let way: Vec<&str> = place.path.iter().map(|(key, _)| *key).collect();
            let way = format!("{kind}.{}", way.join("."));
            if record == base {
                continue;
            }
            if !sample.try_put(record) {
                refused.push(way);
                continue;
            }
            let page = browser.get(&chart).await.text;
            let is_told = match &place.is_told_by {
                Some(mark) => page.contains(mark.as_str()),
                None => texts(&page) != plain,
            };
            tried += 1;
            if !is_told && !page.contains("Not shown in full") {
                dropped.push(way);
            }
            sample.clear(&kind);
        }
    }
    println!(
        "{tried} elements tried, {} that the store refuses alone: {refused:?}",
        refused.len()
    );
    assert!(dropped.is_empty(), "{} dropped: {dropped:#?}", dropped.len());
    assert!(tried > 300, "{tried}");
    assert!(refused.len() < 20, "{}", refused.len());
}

/// A page without what differs each time it is read.
fn texts(page: &str) -> String {
    let main = page.split("<main").nth(1).unwrap_or_default();
    let mut text = String::new();
    let mut rest = main;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        rest = after.split_once('>').map_or("", |(_, after)| after);
    }
    text
}

/// What is said in the place of a value, and what says that all of it means something else.
#[tokio::test]
async fn what_stands_in_place_of_a_value_and_what_changes_the_meaning_of_all_is_told() {
    let (mut browser, sample) = signed_in().await;
    let chart = format!("/patients/{MARIA}");
    for base in bases() {
        let kind = base
            .get("resourceType")
            .and_then(Json::as_str)
            .unwrap()
            .to_owned();
        let mut refuses = base.clone();
        let members = refuses.as_object_mut().unwrap();
        let theirs = json!([{ "url": "http://example.org/refused-treatment", "valueString": "Zqmod" }]);
        members.insert("modifierExtension".to_owned(), theirs);
        sample.clear(&kind);
        sample.put(refuses);
        let page = browser.get(&chart).await.text;
        assert!(
            page.contains("Zqmod") && page.contains("efused treatment"),
            "{kind}"
        );
    }
    sample.clear("Observation");
    let mut result = bases().pop().unwrap();
    let members = result.as_object_mut().unwrap();
    members.remove("valueQuantity");
    let url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
    let reason = json!({ "extension": [{ "url": url, "valueCode": "masked" }] });
    members.insert("_valueString".to_owned(), reason);
    sample.put(result);
    let page = browser.get(&chart).await.text;
    assert!(page.contains("masked"), "{page}");
}

/// What an import carried though it was not valid is marked where the record is read.
#[tokio::test]
async fn a_row_says_what_of_its_record_was_not_valid() {
    let (mut browser, sample) = signed_in().await;
    sample.clear("Condition");
    let mut problem = bases().swap_remove(1);
    let mark = json!({
        "url": "https://chaski.health/fhir/StructureDefinition/invalid-leaf",
        "extension": [
            { "url": "path", "valueString": "Condition.identifier[0].system" },
            { "url": "reason", "valueString": "Zqspace" },
        ],
    });
    let members = problem.as_object_mut().unwrap();
    members.insert("meta".to_owned(), json!({ "extension": [mark] }));
    sample.put(problem);
    let page = browser.get(&format!("/patients/{MARIA}")).await.text;
    assert!(
        page.contains("Not valid where it came from") && page.contains("Zqspace"),
        "{page}"
    );
}

#[tokio::test]
async fn the_page_of_a_record_says_every_element_and_is_one_tap_away() {
    let (mut browser, sample) = signed_in().await;
    sample.clear("MedicationRequest");
    let mut record = bases().swap_remove(3);
    let members = record.as_object_mut().unwrap();
    members.insert(
        "reasonCode".to_owned(),
        json!([{ "text": "Zqreason" }, { "text": "Zqother" }]),
    );
    members.insert(
        "groupIdentifier".to_owned(),
        json!({ "system": "urn:zq:system", "value": "Zqnumber" }),
    );
    members.insert(
        "extension".to_owned(),
        json!([{ "url": "http://example.org/zq-ext", "valueString": "Zqextra" }]),
    );
    sample.put(record);
    let chart = browser.get(&format!("/patients/{MARIA}")).await.text;
    let path = format!("/patients/{MARIA}/records/MedicationRequest/one");
    assert!(chart.contains(&format!("href=\"{path}\"")), "{chart}");
    let page = browser.get(&path).await.text;
    let told = page.split("<details").next().unwrap();
    for word in [
        "Qdrug",
        "Qtext",
        "Zqreason",
        "Zqother",
        "Zqnumber",
        "urn:zq:system",
        "Zqextra",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    let source = page.split("<pre").nth(1).unwrap();
    assert!(source.contains("Zqextra") && source.contains("http://example.org/zq-ext"));
    // And by the lists of all that there is.
    let kinds = browser.get(&format!("/patients/{MARIA}/records")).await.text;
    assert!(
        kinds.contains(&format!("/patients/{MARIA}/records/MedicationRequest\"")),
        "{kinds}"
    );
    let list = browser
        .get(&format!("/patients/{MARIA}/records/MedicationRequest"))
        .await
        .text;
    assert!(list.contains(&path) && list.contains("Qdrug"), "{list}");
}

#[tokio::test]
async fn a_medicine_by_reference_has_its_name_wherever_that_stands() {
    let (mut browser, sample) = signed_in().await;
    let medicine = json!({ "resourceType": "Medication", "id": "held", "code": { "text": "Zqheld" } });
    sample.put(medicine);
    let of = |more: Json| {
        let mut record = bases().swap_remove(3);
        let members = record.as_object_mut().unwrap();
        members.remove("medicationCodeableConcept");
        for (name, value) in more.as_object().unwrap() {
            members.insert(name.clone(), value.clone());
        }
        record
    };
    let contained = json!({
        "contained": [{ "resourceType": "Medication", "id": "m", "code": { "coding": [{ "code": "1", "display": "Zqinner" }] } }],
        "medicationReference": { "reference": "#m" },
    });
    for (more, name) in [
        (
            json!({ "medicationReference": { "reference": "Medication/held" } }),
            "Zqheld",
        ),
        (contained, "Zqinner"),
    ] {
        sample.clear("MedicationRequest");
        sample.put(of(more));
        let page = browser.get(&format!("/patients/{MARIA}")).await.text;
        assert!(
            page.contains(&format!("<strong><bdi>{name}</bdi></strong>")),
            "{name}: {page}"
        );
    }
}

#[tokio::test]
async fn who_said_it_and_when_stands_before_who_entered_it() {
    let (mut browser, sample) = signed_in().await;
    sample.clear("MedicationRequest");
    let mut record = bases().swap_remove(3);
    let members = record.as_object_mut().unwrap();
    members.insert("authoredOn".to_owned(), Json::from("2013-04-05"));
    members.insert("requester".to_owned(), json!({ "display": "Dr. Zq" }));
    sample.put(record);
    let page = browser.get(&format!("/patients/{MARIA}")).await.text;
    let row = page.split("Qdrug").nth(1).unwrap();
    let (author, entered) = (row.find("Dr. Zq").unwrap(), row.find("entered by").unwrap());
    assert!(row.contains("5 Apr 2013") && author < entered, "{row}");
}

/// A record that was replaced leads to the one that is kept and back, and what one of them says of allergies counts in
/// the chart of the other until somebody has looked.
#[tokio::test]
async fn a_replaced_person_and_the_kept_one_lead_to_each_other_and_share_what_is_dangerous() {
    let (mut browser, sample) = signed_in().await;
    sample.clear("AllergyIntolerance");
    let kept = json!({ "resourceType": "Patient", "id": "kept", "name": [{ "family": "Zqkept" }] });
    sample.put(kept);
    let replaced = json!({
        "resourceType": "Patient", "id": "gone", "active": false, "name": [{ "family": "Zqgone" }],
        "link": [{ "other": { "reference": "Patient/kept" }, "type": "replaced-by" }],
    });
    sample.put(replaced);
    let mut allergy = bases().swap_remove(0);
    let members = allergy.as_object_mut().unwrap();
    members.insert("patient".to_owned(), json!({ "reference": "Patient/gone" }));
    members.insert("criticality".to_owned(), Json::from("high"));
    sample.put(allergy);
    for (own, other, link) in [
        ("gone", "Zqkept", "This record was replaced: use that of"),
        ("kept", "Zqgone", "This record replaces that of"),
    ] {
        let page = browser.get(&format!("/patients/{own}")).await.text;
        let head = page.split("<div class=\"chart\">").next().unwrap();
        assert!(head.contains(link) && head.contains(other), "{head}");
        assert!(
            head.contains("Qsubstance") && head.contains("High risk"),
            "{own}: {head}"
        );
        assert!(!head.contains("No information on allergies"), "{own}");
        assert!(
            page.contains("/patients/gone/records/AllergyIntolerance/one"),
            "{own}"
        );
    }
}

/// A record that was replaced by one that is not here is marked all the same.
#[tokio::test]
async fn a_person_who_was_replaced_by_nobody_here_is_marked() {
    let (mut browser, sample) = signed_in().await;
    sample.put(json!({ "resourceType": "Patient", "id": "kept", "name": [{ "family": "Zqkept" }] }));
    let link = json!([{ "other": { "reference": "Patient/kept" }, "type": "replaced-by" }]);
    sample.put(
        json!({ "resourceType": "Patient", "id": "gone", "name": [{ "family": "Zqgone" }], "link": link }),
    );
    sample.delete("Patient/kept");
    for path in ["/patients/gone", "/patients/gone/vitals"] {
        let page = browser.get(path).await.text;
        assert!(page.contains("Not in use"), "{path}: {page}");
    }
}

/// What is said of one reaction or one step of a dosage stands with it, and a mean is no lower blood pressure.
#[tokio::test]
async fn what_is_said_of_one_of_several_is_not_read_as_said_of_another() {
    let (mut browser, sample) = signed_in().await;
    let chart = format!("/patients/{MARIA}");
    sample.clear("AllergyIntolerance");
    let mut allergy = bases().swap_remove(0);
    let system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
    let members = allergy.as_object_mut().unwrap();
    members.insert(
        "verificationStatus".to_owned(),
        json!({ "coding": [{ "system": system, "code": "unconfirmed" }] }),
    );
    let reaction =
        |what: &str, severity: &str| json!({ "manifestation": [{ "text": what }], "severity": severity });
    let several = json!([reaction("Zqrash", "mild"), reaction("Zqshock", "severe")]);
    members.insert("reaction".to_owned(), several);
    sample.put(allergy);
    let page = browser.get(&chart).await.text;
    let (one, other) = (page.find("(1) ").unwrap(), page.find("(2) ").unwrap());
    let (mild, severe) = (page.find("mild").unwrap(), page.rfind("severe").unwrap());
    assert!(one < mild && mild < other && other < severe, "{page}");
    assert!(
        page.matches("Not confirmed").count() >= 2,
        "in the row and in the banner"
    );

    sample.clear("MedicationRequest");
    let mut taper = bases().swap_remove(3);
    let members = taper.as_object_mut().unwrap();
    let step = |at: u64, text: &str| json!({ "sequence": at, "text": text });
    let range = json!({ "sequence": 3, "doseAndRate": [{ "doseRange": { "low": { "value": 5, "unit": "mg" }, "high": { "value": 10, "unit": "mg" } } }] });
    members.insert(
        "dosageInstruction".to_owned(),
        json!([step(1, "40 mg daily"), step(2, "20 mg daily"), range]),
    );
    sample.put(taper);
    let page = browser.get(&chart).await.text;
    let steps = page.split("(1) ").nth(1).unwrap();
    assert!(
        steps.contains("(2) ") && steps.contains("(3) ") && steps.contains("5 mg – 10 mg"),
        "{page}"
    );

    sample.clear("Observation");
    let part = |code: &str, value: Option<u64>| {
        let mut part = json!({ "code": { "coding": [{ "system": "http://loinc.org", "code": code }], "text": format!("Zq{code}") } });
        match value {
            Some(value) => part.as_object_mut().unwrap().insert(
                "valueQuantity".to_owned(),
                json!({ "value": value, "unit": "mmHg", "code": "mm[Hg]" }),
            ),
            None => part
                .as_object_mut()
                .unwrap()
                .insert("dataAbsentReason".to_owned(), json!({ "text": "Zqcuff" })),
        };
        part
    };
    let pressure = json!({
        "resourceType": "Observation", "id": "one", "status": "final", "subject": { "reference": format!("Patient/{MARIA}") },
        "code": { "coding": [{ "system": "http://loinc.org", "code": "85354-9" }] }, "effectiveDateTime": "2026-10-01",
        "component": [part("8480-6", Some(90)), part("8462-4", None), part("8478-0", Some(60))],
    });
    sample.put(pressure);
    let page = browser.get(&chart).await.text;
    assert!(!page.contains("90 / 60") && !page.contains("90/60"), "{page}");
    assert!(
        page.contains("90 / –") && page.contains("Zqcuff") && page.contains("Zq8478-0"),
        "{page}"
    );
}

/// The page of a disputed record says once, in words, what is disputed, and shows no side as the record.
#[tokio::test]
async fn the_page_of_a_disputed_record_has_no_favourite_and_no_machine_text() {
    let (mut browser, sample) = signed_in().await;
    sample.clear("MedicationRequest");
    sample.put(bases().swap_remove(3));
    let said = ["Zqone", "Zqother"].map(|text| json!([{ "text": text }]));
    sample.dispute_about("MedicationRequest/one", "dosageInstruction", said);
    let path = format!("/patients/{MARIA}/records/MedicationRequest/one");
    let page = browser.get(&path).await.text;
    let told = page.split("<details").next().unwrap();
    assert_eq!(told.matches("Zqone").count(), 1, "{told}");
    assert_eq!(told.matches("Zqother").count(), 1, "{told}");
    assert!(!told.contains("!group"), "{told}");
}
