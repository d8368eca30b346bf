//! A clinic in memory with three sample people, as three sites wrote of them.

use std::sync::Arc;

use chaski_clinic::access::{TokenKind, TokenRequest};
use chaski_clinic::chart::Chart;
use chaski_clinic::people::{NodeDirectory, NodeLabel};
use chaski_clinic::record::UpdateOptions;
use chaski_clinic::{Caller, Clinic, Env, Origin, Purpose, RecordKey, Roles, Settings};
use chaski_json::{Json, json};
use chaski_store::kv::FaultKv;
use chaski_store::{Identity, NetworkId, NodeId, OpenOptions, Store};
use tokio::sync::watch;

use super::{AtomicU64, DAY, HOUR, Mutex, NOW_MS, Ordering};

pub const MARIA: &str = "0192f3a1-7c00-7000-8000-000000000001";
pub const YUSUF: &str = "p2";
pub const BABY: &str = "p3";

/// Ana's, of both roles; another Ana's, who is a clinician only; and one to be exchanged at the first log-in. Their secrets are what
/// [`SampleClock`] draws for them.
pub const TOKEN: &str = "chk_0101010101010101010101010101010101010101010101010101010101010101";
pub const TOKEN_OTHER: &str = "chk_0202020202020202020202020202020202020202020202020202020202020202";
pub const ONE_USE: &str = "chk_0303030303030303030303030303030303030303030303030303030303030303";

/// A clock that stands until it is moved, and numbers for randomness.
#[derive(Default)]
pub struct SampleClock {
    now_ms: AtomicU64,
    drawn: AtomicU64,
    /// What is drawn next.
    next: Mutex<Option<u8>>,
}

impl SampleClock {
    pub fn set(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }
}

impl Env for SampleClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn random(&self, out: &mut [u8]) {
        if out.len() == 32
            && let Some(byte) = self.next.lock().unwrap().take()
        {
            out.fill(byte);
            return;
        }
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut stream = blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof();
        stream.fill(out);
    }
}

/// The sites that wrote: the one whose pages are shown first.
const SITES: [&str; 3] = ["Santa Rosa", "Regional hub", "Mobile team"];
const HERE: usize = 0;
const HUB: usize = 1;
const TEAM: usize = 2;

/// Names of the sites by their keys.
struct Names(Vec<(String, &'static str)>);

impl NodeDirectory for Names {
    fn label(&self, node: &str) -> Option<NodeLabel> {
        let (_, name) = self.0.iter().find(|(key, _)| key == node)?;
        Some(NodeLabel {
            name: (*name).to_owned(),
            site: None,
        })
    }
}

/// The clinic of one site, with whatever others wrote.
pub struct Sample {
    pub clinic: Clinic,
    pub clock: Arc<SampleClock>,
    /// The engine below, which fails on demand.
    pub kv: Arc<FaultKv>,
    pub changes: watch::Sender<u64>,
    /// The clinics of the other sites, to write there what is carried here.
    elsewhere: Vec<Clinic>,
}

fn hex(node: &NodeId) -> String {
    node.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn store(kv: Arc<FaultKv>, clock: Arc<SampleClock>, site: usize) -> Store {
    let options = OpenOptions::default();
    let store = Store::create_on(kv, &[7; 32], clock, options).unwrap();
    let identity = Identity {
        signing_seed: [u8::try_from(site).unwrap() + 1; 32],
        network: NetworkId([2; 32]),
        fingerprint_key: [3; 32],
    };
    store.identity_set(&identity).unwrap();
    store
}

/// Who writes, as a clinician.
pub fn writer(user: &str) -> Caller {
    let roles = Roles::parse("clinician").unwrap();
    Caller::new(1, user, roles, &Purpose::Treatment, Origin::Ui)
}

fn key(json: &Json) -> RecordKey {
    let text = |name: &str| json.get(name).and_then(Json::as_str).unwrap().to_owned();
    RecordKey::new(&text("resourceType"), &text("id")).unwrap()
}

impl Sample {
    /// A clinic without records, which only Ana may open.
    pub fn empty() -> Sample {
        let clock = Arc::new(SampleClock::default());
        clock.set(NOW_MS - 1_000 * DAY);
        let kv = Arc::new(FaultKv::new());
        let stores: Vec<Store> = (0..SITES.len())
            .map(|site| {
                let kv = if site == HERE { kv.clone() } else { Arc::default() };
                store(kv, clock.clone(), site)
            })
            .collect();
        let names = stores.iter().zip(SITES).map(|(store, name)| {
            let identity = store.identity().unwrap();
            (hex(&identity.node), name)
        });
        let names: Vec<_> = names.collect();
        let clinic = |store: Store| {
            let settings = Settings {
                accept_ids: true,
                directory: Some(Arc::new(Names(names.clone()))),
                ..Settings::default()
            };
            Clinic::new(store, settings).unwrap()
        };
        let mut clinics = stores.into_iter().map(clinic);
        let here = clinics.next().unwrap();
        for (kind, number, roles) in [
            (TokenKind::Personal, 1, "administrator,clinician"),
            (TokenKind::Personal, 2, "clinician"),
            (TokenKind::OneUse, 3, "administrator,clinician"),
        ] {
            let request = TokenRequest {
                user: "Ana Quispe".to_owned(),
                roles: Roles::parse(roles).unwrap(),
                kind,
                life_ms: None,
            };
            let operator = here.operator("test");
            *clock.next.lock().unwrap() = Some(number);
            here.token_create(&operator, &request).unwrap();
        }
        clock.set(NOW_MS);
        Sample {
            clinic: here,
            clock,
            kv,
            changes: watch::Sender::new(1),
            elsewhere: clinics.collect(),
        }
    }

    /// With María, who has a bit of everything, Yusuf, of whom little is known, and a newborn.
    pub fn new() -> Sample {
        let sample = Sample::empty();
        sample.people();
        sample.maria();
        sample.disputes();
        sample.clock.set(NOW_MS);
        sample
    }

    fn site(&self, site: usize) -> &Clinic {
        site.checked_sub(1)
            .map_or(&self.clinic, |other| &self.elsewhere[other])
    }

    /// Writes a record here, whatever stands there.
    pub fn put(&self, json: Json) -> String {
        self.write(HERE, "Ana Quispe", json)
    }

    /// Writes a record, unless it is refused.
    pub fn try_put(&self, json: Json) -> bool {
        let key = key(&json);
        let options = UpdateOptions {
            resolution: true,
            ..UpdateOptions::default()
        };
        let written = self
            .clinic
            .record_update(&writer("Ana Quispe"), key.kind(), key.id(), json, &options);
        written.is_ok()
    }

    /// Writes a record at a site; it is carried to the others with the next [`Sample::carry`].
    fn write(&self, site: usize, user: &str, json: Json) -> String {
        let key = key(&json);
        let options = UpdateOptions {
            resolution: true,
            ..UpdateOptions::default()
        };
        let written = self
            .site(site)
            .record_update(&writer(user), key.kind(), key.id(), json, &options);
        written.unwrap().version.to_string()
    }

    /// So long ago, at that site, by that person; carried everywhere.
    fn tell(&self, ago_ms: u64, site: usize, user: &str, json: Json) {
        self.clock.set(NOW_MS - ago_ms);
        let key = key(&json);
        self.write(site, user, json);
        self.carry(site, &key);
    }

    /// Brings a record from a site to the others.
    fn carry(&self, from: usize, key: &RecordKey) {
        let store = self.site(from).store();
        let changes = store.signed_changes(key).unwrap();
        let node = store.identity().unwrap().node;
        for to in (0..SITES.len()).filter(|to| *to != from) {
            let offered = vec![(key.clone(), changes.clone())];
            let context = chaski_store::Context::system("sample");
            let store = self.site(to).store();
            let report = store.apply_remote(&context, &node, offered, None).unwrap();
            assert!(report.quarantined.is_empty());
        }
    }

    fn people(&self) {
        self.tell(800 * DAY, HERE, "Ana Quispe", maria_json());
        self.tell(
            790 * DAY,
            HERE,
            "Ana Quispe",
            json!({
                "resourceType": "Patient", "id": YUSUF,
                "name": [{"use": "official", "text": "يوسف حسن العلي"}],
                "gender": "male", "birthDate": "1950",
                "_birthDate": {"extension": [{
                    "url": "https://chaski.health/fhir/StructureDefinition/birth-date-estimated",
                    "valueBoolean": true,
                }]},
                "identifier": [{"value": "SR-000388-2"}],
                "address": [{"city": "حلب"}],
            }),
        );
    }

    fn maria(&self) {
        self.tell(
            700 * DAY,
            HUB,
            "Rosa Condori",
            problem("dm", "Type 2 diabetes mellitus", "2014-06"),
        );
        self.tell(
            500 * DAY,
            HERE,
            "Ana Quispe",
            problem("ht", "Hypertension", "2018"),
        );
        let penicillin = allergy(
            "pen",
            "Penicillin",
            "high",
            "Swelling of the face, trouble breathing",
        );
        self.tell(400 * DAY, HERE, "Ana Quispe", penicillin);
        let amoxicillin = medicine("amox", "Amoxicillin 250 mg capsule", "completed", 250, 3);
        self.tell(200 * DAY, HERE, "Ana Quispe", amoxicillin);
        let enalapril = medicine("enal", "Enalapril 10 mg tablet", "active", 10, 1);
        self.tell(30 * DAY, HERE, "Ana Quispe", enalapril);
        for (id, name, value, unit, flag) in [
            ("a1c", "Haemoglobin A1c", "8.4", "%", "H"),
            ("crea", "Creatinine in serum or plasma", "0.9", "mg/dL", ""),
            ("hb", "Haemoglobin", "11.2", "g/dL", "L"),
        ] {
            let found = observation(id, json!({"text": name}), value, unit, flag, 12 * DAY);
            self.tell(12 * DAY, HUB, "Rosa Condori", found);
        }
        self.tell(
            3 * DAY,
            TEAM,
            "Luis Mamani",
            allergy("ibu", "Ibuprofen", "low", "Rash"),
        );
        let weight = observation(
            "weight",
            loinc("29463-7", "Body weight"),
            "71.5",
            "kg",
            "",
            3 * DAY,
        );
        self.tell(3 * DAY, TEAM, "Luis Mamani", weight);
        let metformin = medicine("met", "Metformin 500 mg tablet", "active", 500, 2);
        self.tell(2 * DAY, HERE, "Ana Quispe", metformin);
        for (id, code, name, value, unit) in [
            ("pulse", "8867-4", "Heart rate", "82", "/min"),
            ("temp", "8310-5", "Body temperature", "36.8", "Cel"),
            ("oxygen", "2708-6", "Oxygen saturation", "86", "%"),
        ] {
            let measured = observation(id, loinc(code, name), value, unit, "", 2 * HOUR);
            self.tell(2 * HOUR, HERE, "Ana Quispe", measured);
        }
        self.tell(2 * HOUR, HERE, "Ana Quispe", pressure());
    }

    /// The dose of one medicine, and when a child was born, are told otherwise at two sites.
    fn disputes(&self) {
        let born = |date: Option<&str>| {
            let mut json = json!({
                "resourceType": "Patient", "id": BABY,
                "name": [{"use": "official", "text": "Baby of Huamán"}],
                "gender": "unknown",
            });
            if let (Some(date), Some(members)) = (date, json.as_object_mut()) {
                members.insert("birthDate".to_owned(), Json::from(date));
            }
            json
        };
        let baby = key(&born(None));
        self.tell(2 * HOUR, HERE, "Ana Quispe", born(Some("2026-11-01")));
        self.clock.set(NOW_MS - HOUR);
        self.write(HERE, "Ana Quispe", born(Some("2026-11-02")));
        self.write(HUB, "Rosa Condori", born(None));
        self.carry(HUB, &baby);
        let drug = "Metformin 500 mg tablet";
        let metformin = medicine("met", drug, "active", 850, 2);
        let metformin = (key(&metformin), metformin);
        self.write(HERE, "Ana Quispe", metformin.1);
        self.write(TEAM, "Luis Mamani", medicine("met", drug, "stopped", 500, 1));
        self.carry(TEAM, &metformin.0);
        for key in [baby, metformin.0] {
            let read = self.clinic.record_read(&writer("Ana Quispe"), &key).unwrap();
            assert!(read.conflicts > 0, "{key} is in dispute");
        }
    }

    /// Decides what is in dispute.
    pub fn settle(&self) {
        self.put(medicine("met", "Metformin 500 mg tablet", "active", 850, 2));
        self.put(json!({
            "resourceType": "Patient", "id": BABY,
            "name": [{"use": "official", "text": "Baby of Huamán"}],
            "gender": "unknown", "birthDate": "2026-11-02",
        }));
    }

    /// Changes a record here as it stands.
    pub fn change(&self, record: &str, change: impl FnOnce(&mut Json)) {
        let key: RecordKey = record.parse().unwrap();
        let mut json = self.json(record);
        change(&mut json);
        let options = UpdateOptions {
            resolution: true,
            ..UpdateOptions::default()
        };
        let done = self
            .clinic
            .record_update(&writer("Ana Quispe"), key.kind(), key.id(), json, &options);
        done.unwrap();
    }

    /// Lets two sites tell this code of a record otherwise, neither knowing of the other.
    pub fn dispute(&self, record: &str, member: &str) {
        let system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
        let said = ["confirmed", "unconfirmed"]
            .map(|code| json!({"coding": [{"system": system, "code": code}], "text": code}));
        self.dispute_about(record, member, said);
    }

    /// Two people say otherwise of one member of a record, from the same version.
    pub fn dispute_about(&self, record: &str, member: &str, said: [Json; 2]) {
        let key: RecordKey = record.parse().unwrap();
        let read = self.clinic.record_read(&writer("Ana Quispe"), &key).unwrap();
        for (user, said) in ["Ana Quispe", "Rosa Condori"].into_iter().zip(said) {
            let mut json = read.json.clone();
            json.as_object_mut().unwrap().insert(member.to_owned(), said);
            let options = UpdateOptions {
                if_match: Some(read.version.to_string()),
                merge: true,
                ..UpdateOptions::default()
            };
            let done = self
                .clinic
                .record_update(&writer(user), key.kind(), key.id(), json, &options);
            done.unwrap();
        }
        let read = self.clinic.record_read(&writer("Ana Quispe"), &key).unwrap();
        assert!(read.conflicts > 0, "{record} is in dispute");
    }

    /// A record as it stands.
    pub fn json(&self, record: &str) -> Json {
        let key: RecordKey = record.parse().unwrap();
        self.clinic.record_read(&writer("Ana Quispe"), &key).unwrap().json
    }

    /// The version of a record as it stands.
    pub fn version(&self, record: &str) -> String {
        let key: RecordKey = record.parse().unwrap();
        let read = self.clinic.record_read(&writer("Ana Quispe"), &key).unwrap();
        read.version.to_string()
    }

    /// The chart of the sample's patient María.
    pub fn chart(&self) -> Chart {
        self.clinic.chart_view(&writer("Ana Quispe"), MARIA).unwrap()
    }

    /// Takes María's records of a kind away.
    pub fn clear(&self, kind: &str) {
        let pairs = vec![("patient".to_owned(), MARIA.to_owned())];
        let query = self
            .clinic
            .record_query(kind, &pairs, Default::default())
            .unwrap();
        let found = self.clinic.record_search(&writer("Ana Quispe"), &query).unwrap();
        for current in found.entries {
            self.delete(&current.key.to_string());
        }
    }

    /// Takes a record away.
    pub fn delete(&self, record: &str) {
        let key: RecordKey = record.parse().unwrap();
        self.clinic
            .record_delete(&writer("Ana Quispe"), &key, None)
            .unwrap();
    }
}

fn maria_json() -> Json {
    json!({
        "resourceType": "Patient", "id": MARIA,
        "name": [
            {"use": "official", "given": ["María"], "family": "Huamán Flores"},
            {"use": "usual", "text": "ماريا هوامان"},
        ],
        "gender": "female", "birthDate": "1971-04-18",
        "identifier": [
            {"type": {"text": "Patient number"}, "value": "SR-000412-7"},
            {"type": {"text": "National id"}, "value": "40 118 223"},
        ],
        "telecom": [
            {"system": "phone", "value": "+51 984 555 0134"},
            {"system": "phone", "value": "+51 84 555 0190"},
        ],
        "address": [{"city": "Santa Rosa"}],
    })
}

fn subject() -> Json {
    json!({"reference": format!("Patient/{MARIA}")})
}

fn loinc(code: &str, name: &str) -> Json {
    json!({"coding": [{"system": "http://loinc.org", "code": code, "display": name}]})
}

/// An allergy of María's.
pub fn allergy(id: &str, substance: &str, criticality: &str, reaction: &str) -> Json {
    json!({
        "resourceType": "AllergyIntolerance", "id": id,
        "clinicalStatus": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active",
        }]},
        "verificationStatus": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": "confirmed",
        }]},
        "code": {"text": substance},
        "criticality": criticality,
        "patient": subject(),
        "reaction": [{"manifestation": [{"text": reaction}]}],
    })
}

fn problem(id: &str, name: &str, onset: &str) -> Json {
    json!({
        "resourceType": "Condition", "id": id,
        "clinicalStatus": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active",
        }]},
        "code": {"text": name},
        "subject": subject(),
        "onsetDateTime": onset,
    })
}

/// A medicine of María's: so many milligrams so many times a day.
pub fn medicine(id: &str, drug: &str, status: &str, milligrams: u64, times: u64) -> Json {
    let often = if times == 1 { "time" } else { "times" };
    json!({
        "resourceType": "MedicationRequest", "id": id,
        "status": status, "intent": "order",
        "medicationCodeableConcept": {"text": drug},
        "subject": subject(),
        "dosageInstruction": [{
            "text": format!("{milligrams} mg, {times} {often} a day"),
            "timing": {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": milligrams, "unit": "mg"}}],
        }],
    })
}

/// A measurement of María's.
pub fn observation(id: &str, code: Json, value: &str, unit: &str, flag: &str, ago_ms: u64) -> Json {
    let mut json = json!({
        "resourceType": "Observation", "id": id,
        "status": "final",
        "code": code,
        "subject": subject(),
        "effectiveDateTime": instant(NOW_MS - ago_ms),
        "valueQuantity": {"value": chaski_json::Number::parse(value).unwrap(), "unit": unit, "code": unit},
    });
    if !flag.is_empty() {
        let system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
        let interpretation = json!([{"coding": [{"system": system, "code": flag}]}]);
        let members = json.as_object_mut().unwrap();
        members.insert("interpretation".to_owned(), interpretation);
    }
    json
}

fn pressure() -> Json {
    let part = |code: &str, name: &str, value: u64| {
        json!({
            "code": loinc(code, name),
            "valueQuantity": {"value": value, "unit": "mmHg", "code": "mm[Hg]"},
        })
    };
    json!({
        "resourceType": "Observation", "id": "pressure",
        "status": "final",
        "code": loinc("85354-9", "Blood pressure panel"),
        "subject": subject(),
        "effectiveDateTime": instant(NOW_MS - 2 * HOUR),
        "component": [
            part("8480-6", "Systolic blood pressure", 158),
            part("8462-4", "Diastolic blood pressure", 96),
        ],
    })
}

fn instant(at_ms: u64) -> String {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at_ms).unwrap()).unwrap();
    at.to_string()
}
