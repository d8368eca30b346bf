//! The pages over a real clinic, in which every text is markup: who may see and do what, that nothing
//! that was written becomes part of a page, and that what is typed arrives in the record.

mod colliding;
mod disputes;
mod doors;
pub(crate) use doors::{Door, Who};
mod failures;
mod forms;
mod lists;
mod markup;
mod old_pages;
mod refused;
mod shown;
mod signs;
mod staying;
mod writers;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chaski_clinic::access::{TokenKind, TokenRequest};
use chaski_clinic::record::{CreateOptions, UpdateOptions};
use chaski_clinic::{Caller, Clinic, Env, RecordKey, Roles, Settings};
use chaski_json::{Json, json};
use chaski_store::kv::MemoryKv;
use chaski_store::{Identity, NetworkId, OpenOptions, ScopeFilter, Store};
use tokio::sync::watch;

use super::Browser;
use super::fixture::{FixtureNode, NOW_MS, writer};
use crate::{
    FirstSync, Nag, NodeInfo, NodeSummary, ParcelFailure, ParcelRecipient, ParcelTaken, ParcelWanted,
    ParcelWritten, Parcels, PeerSummary, UiState,
};

/// A clock that stands until it is moved, and numbers for randomness.
pub(super) struct Clock {
    pub(super) now_ms: AtomicU64,
    drawn: AtomicU64,
}

impl Clock {
    fn fill(&self, out: &mut [u8]) {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut stream = blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof();
        stream.fill(out);
    }
}

impl Env for Clock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn random(&self, out: &mut [u8]) {
        self.fill(out);
    }
}

/// Markup that no page may hold as it is, with a number to know it by.
pub(super) fn mark(number: u32) -> String {
    format!("<x{number} zq=\"1\" zr='2'>")
}

/// How it may stand in a page.
pub(super) fn harmless(number: u32) -> String {
    format!("&#60;x{number} zq=&#34;1&#34; zr=&#39;2&#39;&#62;")
}

/// A node whose names are markup.
struct MarkedNode {
    inner: FixtureNode,
    clock: Arc<Clock>,
}

impl NodeInfo for MarkedNode {
    fn summary(&self) -> NodeSummary {
        NodeSummary {
            name: mark(40),
            site: Some(mark(41)),
            fingerprint: mark(42),
            ..self.inner.summary()
        }
    }

    fn peers(&self) -> Vec<PeerSummary> {
        let mut peers = self.inner.peers();
        for peer in &mut peers {
            (peer.name, peer.site, peer.role) = (mark(43), Some(mark(44)), mark(45));
        }
        peers
    }

    fn sites(&self) -> Vec<crate::SiteSummary> {
        let mut sites = self.inner.sites();
        for site in &mut sites {
            (site.name, site.site, site.role) = (mark(80), Some(mark(81)), mark(82));
            site.addresses = vec![crate::SiteAddress {
                address: mark(85),
                from: crate::AddressSource::Through(mark(86)),
            }];
            if let Some(told) = &mut site.told {
                told.version = mark(83);
            }
        }
        sites
    }

    fn first_sync(&self) -> Option<FirstSync> {
        self.inner.first_sync()
    }

    fn nags(&self) -> Vec<Nag> {
        vec![
            Nag::Revoked { by: mark(46) },
            Nag::SoleIssuer {
                name: Some(mark(84)),
                ends_ms: 1_800_000_000_000,
                over: 0,
                untold: vec![mark(88)],
            },
        ]
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn form_key(&self) -> [u8; 32] {
        [7; 32]
    }

    fn random(&self, bytes: &mut [u8]) {
        self.clock.fill(bytes);
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes()
    }
}

/// Parcels that ask the clinic, as the node's own do.
struct MarkedParcels {
    clinic: Clinic,
}

impl Parcels for MarkedParcels {
    fn parcel_recipients(&self) -> Result<Vec<ParcelRecipient>, ParcelFailure> {
        Ok(vec![ParcelRecipient {
            key: "a1b2".into(),
            name: mark(47),
            mark: Some(mark(87)),
            is_over: false,
        }])
    }

    fn parcel_write(
        &self,
        caller: &Caller,
        _: &ParcelWanted,
        out: &mut dyn Write,
    ) -> Result<ParcelWritten, ParcelFailure> {
        let asked = self.clinic.parcel_write(caller, &["Hub".to_owned()]);
        asked.map_err(|_| ParcelFailure::Denied)?;
        let written = out.write_all(b"sealed").and_then(|()| out.flush());
        written.map_err(|_| ParcelFailure::Interrupted)?;
        Ok(ParcelWritten {
            to: vec![mark(47)],
            records: 1,
        })
    }

    fn parcel_read(&self, caller: &Caller, file: &mut dyn Read) -> Result<ParcelTaken, ParcelFailure> {
        let asked = self.clinic.parcel_read(caller, "Hub");
        asked.map_err(|_| ParcelFailure::Denied)?;
        let mut text = String::new();
        file.read_to_string(&mut text)
            .map_err(|_| ParcelFailure::Interrupted)?;
        if text == "stranger" {
            return Err(ParcelFailure::Stranger(mark(48)));
        }
        Ok(ParcelTaken {
            from: mark(49),
            refused: 1,
            problems: vec![mark(50)],
            ..ParcelTaken::default()
        })
    }
}

/// A clinic with a patient who has a record of each sort, and its pages.
pub(super) struct Real {
    pub(super) clinic: Clinic,
    pub(super) clock: Arc<Clock>,
    pub(super) router: axum::Router,
    pub(super) patient: String,
    pub(super) allergy: String,
    pub(super) medicine: String,
    condition: String,
    pub(super) disputed: RecordKey,
}

impl Real {
    /// Another site of the network: what it wrote is told by [`Real::meet`].
    pub(super) fn other_site(&self) -> Store {
        store_as(self.clock.clone(), [9; 32])
    }

    /// Takes in what another site wrote.
    pub(super) fn meet(&self, other: &Store) {
        let context = chaski_store::Context::system("sync");
        let entries = other.feed(0, 1_000).unwrap();
        let records = entries.into_iter().map(|entry| {
            let changes = other.signed_changes(&entry.key).unwrap();
            (entry.key, changes)
        });
        let node = other.identity().unwrap().node;
        let report = self
            .clinic
            .store()
            .apply_remote(&context, &node, records.collect(), None);
        assert!(report.unwrap().quarantined.is_empty());
    }

    pub(super) fn new() -> Real {
        Real::with(Settings::default())
    }

    fn with(settings: Settings) -> Real {
        let clock = Arc::new(Clock {
            now_ms: AtomicU64::new(NOW_MS),
            drawn: AtomicU64::new(1),
        });
        let clinic = Clinic::new(store(clock.clone()), settings).unwrap();
        let patient = record(&clinic, patient_json());
        let subject = format!("Patient/{patient}");
        let allergy = record(&clinic, allergy_json(&subject));
        let medicine = record(&clinic, medicine_json(&subject, "active", 12));
        record(&clinic, medicine_json(&subject, "on-hold", 20));
        let mut condition = String::new();
        for json in others_json(&subject) {
            let is_condition = json.get("resourceType").and_then(Json::as_str) == Some("Condition");
            let id = record(&clinic, json);
            if is_condition {
                condition = id;
            }
        }
        let disputed = record(&clinic, medicine_json(&subject, "active", 28));
        let disputed = RecordKey::new("MedicationRequest", &disputed).unwrap();
        dispute(&clinic, &disputed);
        let (changes, _) = watch::channel(0);
        let node = MarkedNode {
            inner: FixtureNode::new(false, changes),
            clock: clock.clone(),
        };
        let parcels = MarkedParcels {
            clinic: clinic.clone(),
        };
        let state = UiState::new(clinic.clone(), Arc::new(node), Arc::new(parcels), false);
        Real {
            clinic,
            clock,
            router: crate::router(state),
            patient,
            allergy,
            medicine,
            condition,
            disputed,
        }
    }

    pub(super) fn token(&self, roles: &str, kind: TokenKind, life_ms: Option<u64>) -> String {
        let request = TokenRequest {
            user: mark(60),
            roles: Roles::parse(roles).unwrap(),
            kind,
            life_ms,
        };
        let operator = self.clinic.operator("test");
        self.clinic.token_create(&operator, &request).unwrap().token
    }

    pub(super) fn browser(&self) -> Browser {
        Browser::new(self.router.clone())
    }

    pub(super) async fn signed_in(&self, roles: &str) -> Browser {
        let token = self.token(roles, TokenKind::Personal, None);
        let mut browser = self.browser();
        let answer = browser.sign_in(&token).await;
        assert_eq!(answer.status.as_u16(), 303);
        browser
    }

    /// The records as they stand.
    pub(super) fn state(&self) -> String {
        let sum = self.clinic.store().fingerprint(&ScopeFilter::all()).unwrap();
        format!("{sum:?}")
    }

    /// Fills in the ids of an address.
    pub(super) fn fill(&self, text: &str) -> String {
        text.replace("{id}", &self.patient)
            .replace("{allergy}", &self.allergy)
            .replace("{medicine}", &self.medicine)
            .replace("{kind}", "MedicationRequest")
            .replace("{record}", &self.medicine)
            .replace("{disputed}", &self.disputed.to_string())
            .replace("{nth}", "1")
            .replace("{version}", &self.version())
            .replace("{Condition}", &self.condition)
    }

    /// The version in dispute.
    fn version(&self) -> String {
        let read = self.clinic.record_read(&ana(), &self.disputed).unwrap();
        read.version.to_string()
    }

    pub(super) fn read(&self, key: &RecordKey) -> Json {
        self.clinic.record_read(&ana(), key).unwrap().json
    }

    /// The records of a kind that are about the patient, newest last.
    pub(super) fn of_patient(&self, kind: &str) -> Vec<Json> {
        let pairs = vec![("patient".to_owned(), self.patient.clone())];
        let query = self
            .clinic
            .record_query(kind, &pairs, Default::default())
            .unwrap();
        let page = self.clinic.record_search(&ana(), &query).unwrap();
        page.entries.into_iter().map(|entry| entry.json).collect()
    }
}

fn ana() -> Caller {
    writer(&mark(61))
}

fn store(clock: Arc<Clock>) -> Store {
    store_as(clock, [1; 32])
}

/// A store of the node with this secret.
fn store_as(clock: Arc<Clock>, signing_seed: [u8; 32]) -> Store {
    let kv = Arc::new(MemoryKv::new());
    let store = Store::create_on(kv, &[7; 32], clock, OpenOptions::default()).unwrap();
    let identity = Identity {
        signing_seed,
        network: NetworkId([2; 32]),
        fingerprint_key: [3; 32],
    };
    store.identity_set(&identity).unwrap();
    store
}

fn record(clinic: &Clinic, json: Json) -> String {
    let made = clinic.record_create(&ana(), json, &CreateOptions::default());
    made.unwrap().key.id().to_owned()
}

fn patient_json() -> Json {
    json!({
        "resourceType": "Patient",
        "name": [
            {"use": "official", "given": [mark(1)], "family": mark(2)},
            {"use": "usual", "text": format!("{} ñ", mark(3))},
        ],
        "gender": "female",
        "birthDate": "1980-05-04",
        "telecom": [{"system": "phone", "value": mark(4)}],
        "address": [{"city": mark(5)}],
        "identifier": [{"type": {"text": mark(6)}, "value": mark(7)}],
    })
}

fn allergy_json(subject: &str) -> Json {
    json!({
        "resourceType": "AllergyIntolerance",
        "patient": {"reference": subject},
        "code": {"text": mark(8)},
        "criticality": "high",
        "reaction": [{"manifestation": [{"text": mark(9)}]}],
    })
}

/// A prescription whose texts are numbered from `from` on.
fn medicine_json(subject: &str, status: &str, from: u32) -> Json {
    json!({
        "resourceType": "MedicationRequest",
        "status": status,
        "statusReason": {"text": mark(from + 4)},
        "intent": "order",
        "subject": {"reference": subject},
        "medicationCodeableConcept": {"text": mark(from)},
        "dosageInstruction": [{
            "text": mark(from + 1),
            "timing": {"code": {"text": mark(from + 2)}},
            "doseAndRate": [{"doseQuantity": {"value": 5, "unit": mark(from + 3)}}],
        }],
    })
}

fn others_json(subject: &str) -> Vec<Json> {
    vec![
        json!({
            "resourceType": "Condition",
            "subject": {"reference": subject},
            "code": {"text": mark(10)},
            "onsetString": mark(11),
        }),
        json!({
            "resourceType": "Observation",
            "status": "final",
            "subject": {"reference": subject},
            "code": {"text": mark(36)},
            "valueString": mark(37),
        }),
        json!({
            "resourceType": "Observation",
            "status": "final",
            "subject": {"reference": subject},
            "code": {"text": mark(38)},
            "effectiveDateTime": "2026-11-20T09:00:00Z",
            "valueQuantity": {"value": 1, "unit": mark(39)},
        }),
    ]
}

/// Stopped here, and another dose there.
fn dispute(clinic: &Clinic, key: &RecordKey) {
    let read = clinic.record_read(&ana(), key).unwrap();
    let text = read.json.canonical();
    for (old, new) in [
        (r#""status":"active""#, r#""status":"stopped""#),
        (r#""value":5"#, r#""value":6"#),
    ] {
        let changed = text.replace(old, new);
        assert_ne!(changed, text);
        let json = chaski_json::parse_str(&changed).unwrap();
        let options = UpdateOptions {
            if_match: Some(read.version.to_string()),
            merge: true,
            ..UpdateOptions::default()
        };
        clinic
            .record_update(&ana(), key.kind(), key.id(), json, &options)
            .unwrap();
    }
    assert!(clinic.record_read(&ana(), key).unwrap().conflicts > 0);
}
