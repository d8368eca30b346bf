//! A patient, and all that belongs to them.

use super::names;
use super::parts::{concept, meta, put, reference};
use super::person::{Person, YEAR_S};
use super::places::{PLACES, STREETS};
use super::random::Random;
use super::sites::{Site, address, degrees};
use super::time::{DAY_S, TODAY_S, date};
use super::{care, visits};
use chaski_json::{Json, json};

/// The patient's record and everything after it.
pub(super) fn records(random: &mut Random, site: &Site, index: u32) -> Vec<Json> {
    let female = random.percent(51);
    let culture = names::culture(random);
    let id = random.uuid();
    // Rather the young than the old, as in the places this is for.
    let age_s = random.between(0, 88).min(random.between(0, 100)) * YEAR_S + random.between(0, YEAR_S);
    let person = Person {
        id,
        female,
        born_s: TODAY_S - age_s,
        adult_height_mm: random.between(
            if female { 1_460 } else { 1_540 },
            if female { 1_680 } else { 1_790 },
        ),
        name: names::name(random, culture, female, if female { "Mrs." } else { "Mr." }),
        culture,
        place: if random.percent(80) {
            site.place
        } else {
            random.pick(PLACES).unwrap_or(site.place)
        },
    };
    let mut records = vec![patient(random, &person, site, index)];
    records.extend(care::background(random, &person, site));
    // Mostly a handful of visits, seldom very many.
    let visits = 3 + random.below(12) + if random.percent(10) { random.below(40) } else { 0 };
    let span_s = age_s.clamp(DAY_S, 12 * YEAR_S);
    let mut starts: Vec<i64> = (0..visits)
        .map(|_| TODAY_S - random.between(DAY_S / 2, span_s) / 60 * 60)
        .collect();
    starts.sort_unstable();
    for start_s in starts {
        records.extend(visits::records(random, &person, site, start_s));
    }
    records
}

fn patient(random: &mut Random, person: &Person, site: &Site, index: u32) -> Json {
    let street = format!("{} {}", random.text(STREETS), random.between(1, 999));
    let mut home = address(person.place, &street);
    let (south, west) = (
        person.place.south + random.between(-9, 9),
        person.place.west + random.between(-9, 9),
    );
    put(&mut home, "use", "home");
    put(
        &mut home,
        "extension",
        json!([{
            "url": "http://hl7.org/fhir/StructureDefinition/geolocation",
            "extension": [
                {"url": "latitude", "valueDecimal": (degrees(south))},
                {"url": "longitude", "valueDecimal": (degrees(west))},
            ],
        }]),
    );
    let (language, language_name) = person.culture.language;
    let mut record = json!({
        "resourceType": "Patient",
        "id": (&person.id),
        "meta": (meta()),
        "active": true,
        "identifier": (identifiers(random, person, index)),
        "name": (Json::Array(person.name.human_names.clone())),
        "telecom": [{"system": "phone", "value": (format!("+51-9{}", random.digits(8))), "use": "mobile"}],
        "gender": (if person.female { "female" } else { "male" }),
        "birthDate": (date(person.born_s)),
        "address": [home],
        "maritalStatus": (marital_status(random)),
        "multipleBirthBoolean": false,
        "communication": [{
            "language": {
                "coding": [{"system": "urn:ietf:bcp:47", "code": language, "display": language_name}],
                "text": language_name,
            },
            "preferred": true,
        }],
        "contact": [(contact(random, person))],
        "generalPractitioner": [(reference("Organization", &site.organization))],
        "managingOrganization": (reference("Organization", &site.organization)),
    });
    put(&mut record, "extension", extensions(random, person));
    put(
        &mut record,
        "text",
        json!({
            "status": "generated",
            "div": (format!(
                "<div xmlns=\"http://www.w3.org/1999/xhtml\">Test record {index} of a made-up population. \
                 This person does not exist.</div>"
            )),
        }),
    );
    record
}

fn marital_status(random: &mut Random) -> Json {
    let (code, display) = if random.percent(55) {
        ("M", "Married")
    } else {
        ("S", "Never Married")
    };
    concept(
        "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus",
        code,
        display,
    )
}

fn identifiers(random: &mut Random, person: &Person, index: u32) -> Json {
    let typed = |code: &str, display: &str| {
        json!({
            "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v2-0203",
                "code": code,
                "display": display,
            }],
            "text": display,
        })
    };
    json!([
        {"system": "urn:chaski:sample:person", "value": (&person.id)},
        {
            "type": (typed("MR", "Medical Record Number")),
            "system": "urn:chaski:sample:record-number",
            "value": (format!("CH-{index:06}")),
        },
        {
            // Eight digits that begin with two zeroes are given to nobody.
            "type": (typed("NI", "National unique individual identifier")),
            "system": "urn:chaski:sample:national-id",
            "value": (format!("00{}", random.digits(6))),
        },
        {
            "type": (typed("PPN", "Passport Number")),
            "system": "urn:chaski:sample:passport",
            "value": (format!("X{}X", random.digits(8))),
        },
    ])
}

fn contact(random: &mut Random, person: &Person) -> Json {
    let female = random.percent(50);
    let relative = names::name(random, person.culture, female, "");
    let name = relative.human_names.into_iter().next().unwrap_or(Json::Null);
    json!({
        "relationship": [{
            "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v2-0131",
                "code": "N",
                "display": "Next-of-Kin",
            }],
        }],
        "name": name,
        "telecom": [{"system": "phone", "value": (format!("+51-9{}", random.digits(8))), "use": "mobile"}],
        "gender": (if female { "female" } else { "male" }),
    })
}

fn extensions(random: &mut Random, person: &Person) -> Json {
    let mother = names::name(random, person.culture, true, "");
    let birth_place = random.pick(PLACES).unwrap_or(person.place);
    json!([
        {
            "url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName",
            "valueString": (mother.text),
        },
        {
            "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
            "valueAddress": {
                "city": (birth_place.town),
                "state": (birth_place.region),
                "country": (birth_place.country),
            },
        },
        {
            "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex",
            "valueCode": (if person.female { "F" } else { "M" }),
        },
    ])
}
