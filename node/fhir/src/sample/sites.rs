//! Clinics and who works there.

use super::names;
use super::parts::{concept, meta, put, reference};
use super::places::{self, Place, SITE_NAMES, STREETS};
use super::random::{self, Random};
use chaski_json::{Json, json};

const STAFF_PER_SITE: usize = 3;

/// A clinic: its ids and the records that describe it.
pub(super) struct Site {
    pub(super) organization: String,
    pub(super) location: String,
    pub(super) name: String,
    pub(super) place: &'static Place,
    pub(super) staff: Vec<Staff>,
}

pub(super) struct Staff {
    pub(super) practitioner: String,
    pub(super) role: String,
    pub(super) name: String,
    record: Json,
}

/// (SNOMED code, display) of what staff do.
const PROFESSIONS: &[(&str, &str)] = &[
    ("59058001", "General physician"),
    ("224535009", "Registered nurse"),
    ("309453006", "Registered midwife"),
];

impl Site {
    pub(super) fn make(seed: u64, index: u32) -> Site {
        let mut random = Random::at(seed, random::SITES, u64::from(index));
        let place = places::nth(index);
        let name = format!("{} {} {}", random.text(SITE_NAMES), place.town, index + 1);
        Site {
            organization: random.uuid(),
            location: random.uuid(),
            name,
            place,
            staff: (0..STAFF_PER_SITE)
                .map(|_| Staff::make(&mut random, place))
                .collect(),
        }
    }

    /// Organization, Location, and two records for each of the staff.
    pub(super) fn records(&self) -> Vec<Json> {
        let phone = format!("+51-84-{:06}", self.place.south * 97 % 1_000_000);
        let mut records = vec![
            json!({
                "resourceType": "Organization",
                "id": (&self.organization),
                "meta": (meta()),
                "active": true,
                "identifier": [{"system": "urn:chaski:sample:establishment", "value": (&self.organization)}],
                "type": [(concept(
                    "http://terminology.hl7.org/CodeSystem/organization-type",
                    "prov",
                    "Healthcare Provider",
                ))],
                "name": (&self.name),
                "telecom": [{"system": "phone", "value": (&phone)}],
                "address": [(address(self.place, "Plaza de Armas s/n"))],
            }),
            json!({
                "resourceType": "Location",
                "id": (&self.location),
                "meta": (meta()),
                "status": "active",
                "name": (&self.name),
                "mode": "instance",
                "telecom": [{"system": "phone", "value": (&phone)}],
                "address": (address(self.place, "Plaza de Armas s/n")),
                "position": {
                    "latitude": (degrees(self.place.south)),
                    "longitude": (degrees(self.place.west)),
                },
                "managingOrganization": (reference("Organization", &self.organization)),
            }),
        ];
        for (staff, (code, display)) in self.staff.iter().zip(PROFESSIONS) {
            records.push(staff.record.clone());
            records.push(json!({
                "resourceType": "PractitionerRole",
                "id": (&staff.role),
                "meta": (meta()),
                "active": true,
                "practitioner": {
                    "reference": (format!("Practitioner/{}", staff.practitioner)),
                    "display": (&staff.name),
                },
                "organization": (reference("Organization", &self.organization)),
                "code": [(concept("http://snomed.info/sct", code, display))],
                "location": [(reference("Location", &self.location))],
            }));
        }
        records
    }
}

impl Staff {
    fn make(random: &mut Random, place: &Place) -> Staff {
        let (practitioner, role) = (random.uuid(), random.uuid());
        let female = random.percent(60);
        let culture = names::culture(random);
        let name = names::name(random, culture, female, "Dr.");
        let street = format!("{} {}", random.text(STREETS), random.between(1, 900));
        let mut record = json!({
            "resourceType": "Practitioner",
            "id": (&practitioner),
            "meta": (meta()),
            "active": true,
            "identifier": [{"system": "urn:chaski:sample:licence", "value": (random.digits(6))}],
            "name": (Json::Array(name.human_names)),
            "gender": (if female { "female" } else { "male" }),
            "address": [(address(place, &street))],
        });
        put(
            &mut record,
            "telecom",
            json!([{"system": "phone", "value": (format!("+51-9{}", random.digits(8)))}]),
        );
        Staff {
            practitioner,
            role,
            name: name.text,
            record,
        }
    }
}

pub(super) fn address(place: &Place, line: &str) -> Json {
    json!({
        "line": [line],
        "city": (place.town),
        "state": (place.region),
        "postalCode": (place.postal),
        "country": (place.country),
    })
}

/// Hundredths of a degree south or west as a negative decimal.
pub(super) fn degrees(hundredths: i64) -> Json {
    decimal(-hundredths, 2)
}

/// `value` divided by a power of ten, with all its places written.
pub(super) fn decimal(value: i64, places: usize) -> Json {
    let digits = format!("{:0width$}", value.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
    let sign = if value < 0 { "-" } else { "" };
    let dot = if places == 0 { "" } else { "." };
    let text = format!("{sign}{whole}{dot}{fraction}");
    chaski_json::Number::parse(&text).map_or(Json::Null, Json::from)
}
