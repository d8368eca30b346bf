//! A clinic with a record of each sort, to do everything to.

use std::collections::BTreeMap;

use chaski_json::Json;
use chaski_store::{AuditEntry, RecordKey, ScopeFilter};

use crate::access::{AccessError, TokenKind, TokenRequest};
use crate::conflict::ConflictError;
use crate::features::FEATURES;
use crate::form::FormError;
use crate::medication::DoseChange;
use crate::policy_decision::Denied;
use crate::record::{CreateOptions, ImportError, RecordError, UpdateOptions};
use crate::roles::{Role, Roles};
use crate::status::StatusError;
use crate::testing::{caller_as, clinic, parsed};
use crate::{Caller, Clinic, Purpose};

/// What an operation came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Done, and what was answered.
    Done(String),
    /// Refused by the policy, for this action.
    Denied(&'static str),
    Other(String),
}

impl Said {
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Said::Done(_))
    }
}

/// Which records of a world are labelled as sensitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Labels {
    /// No record of the world is labelled.
    None,
    /// None of those that are used, and a copy of each.
    OfCopies,
    /// All of them.
    OfAll,
}

/// An error that may be a refusal of the policy.
pub(crate) trait Refusal: std::fmt::Debug {
    fn denied(&self) -> Option<&Denied>;
}

impl Refusal for RecordError {
    fn denied(&self) -> Option<&Denied> {
        match self {
            RecordError::Denied(denied) => Some(denied),
            RecordError::Entry { source, .. } => source.denied(),
            _ => None,
        }
    }
}

impl Refusal for ImportError {
    fn denied(&self) -> Option<&Denied> {
        match self {
            ImportError::Denied(denied) => Some(denied),
            ImportError::Record(error) => error.denied(),
            _ => None,
        }
    }
}

macro_rules! refusals {
    ($($error:ident),*) => {$(
        impl Refusal for $error {
            fn denied(&self) -> Option<&Denied> {
                match self {
                    $error::Denied(denied) => Some(denied),
                    $error::Record(error) => error.denied(),
                    _ => None,
                }
            }
        }
    )*};
}

refusals!(FormError, ConflictError);

impl Refusal for AccessError {
    fn denied(&self) -> Option<&Denied> {
        match self {
            AccessError::Denied(denied) => Some(denied),
            _ => None,
        }
    }
}

impl Refusal for StatusError {
    fn denied(&self) -> Option<&Denied> {
        match self {
            StatusError::Denied(denied) => Some(denied),
            StatusError::Store(_) => None,
        }
    }
}

pub(crate) fn said<T: std::fmt::Debug, E: Refusal>(result: Result<T, E>) -> Said {
    match result {
        Ok(answer) => Said::Done(format!("{answer:?}")),
        Err(error) => match error.denied() {
            Some(denied) => Said::Denied(denied.action),
            None => Said::Other(format!("{error:?}")),
        },
    }
}

pub(crate) struct World {
    pub(crate) clinic: Clinic,
    /// Where its records were made.
    made: Clinic,
    /// Records that are labelled as sensitive beside those that are used.
    copies: Vec<RecordKey>,
    pub(crate) patient: String,
    pub(crate) organization: String,
    pub(crate) allergy: String,
    pub(crate) medicine: String,
    /// A prescription whose dose was changed here and which was stopped there.
    pub(crate) disputed: RecordKey,
    /// Ids of the features' own records, by kind.
    others: BTreeMap<String, String>,
    /// The public id of somebody's token.
    pub(crate) token: String,
}

impl World {
    pub(crate) fn new() -> World {
        World::labelled(Labels::None)
    }

    /// A world some of whose records are labelled as sensitive.
    pub(super) fn labelled(labels: Labels) -> World {
        let world = World::made_in(clinic(), labels == Labels::OfAll);
        if labels == Labels::OfCopies {
            let clinic = world.clinic.clone();
            return World {
                copies: World::made_in(clinic, true).keys(),
                ..world
            };
        }
        world
    }

    fn made_in(clinic: Clinic, is_labelled: bool) -> World {
        let record = |text: String| {
            let text = match is_labelled {
                true => text.replacen('{', LABEL, 1),
                false => text,
            };
            let made = clinic.record_create(&seed(), parsed(&text), &CreateOptions::default());
            made.expect("a record").key.id().to_owned()
        };
        let patient = record(
            r#"{"resourceType":"Patient","name":[{"family":"Quispe","given":["Rosa"]}],"gender":"female",
            "birthDate":"1980-05-04","telecom":[{"system":"phone","value":"555-0101"}]}"#
                .to_owned(),
        );
        let organization = record(
            r#"{"resourceType":"Organization","name":"Post","identifier":[{"system":"urn:o","value":"1"}]}"#
                .to_owned(),
        );
        let allergy = record(format!(
            r#"{{"resourceType":"AllergyIntolerance","patient":{{"reference":"Patient/{patient}"}},
            "code":{{"text":"Latex"}},"criticality":"low","clinicalStatus":{{"coding":[{{
            "system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}}]}}}}"#
        ));
        let medicine = record(prescription(&patient, "Amoxicillin"));
        let disputed = format!("MedicationRequest/{}", record(prescription(&patient, "Morphine")));
        let disputed: RecordKey = disputed.parse().expect("a key");
        dispute(&clinic, &disputed);
        let request = TokenRequest {
            user: "luis".to_owned(),
            roles: Roles::one(Role::Clinician),
            kind: TokenKind::Personal,
            life_ms: None,
        };
        let token = clinic.token_create(&operator(), &request).expect("a token");
        let others = FEATURES
            .iter()
            .flat_map(|feature| (feature.permissions.records)(&patient));
        let others = others.map(|text| {
            let kind = crate::fhir_json::text(&parsed(&text), "resourceType").to_owned();
            (kind, record(text))
        });
        let others = others.collect();
        let gone = record(format!(
            r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/{patient}"}}}}"#
        ));
        let gone = RecordKey::new("Condition", &gone).expect("a key");
        clinic.record_delete(&seed(), &gone, None).expect("deleted");
        // What was done to get here is no answer to what comes.
        clinic.store().audit_flush().expect("flushed");
        World {
            patient,
            organization,
            allergy,
            medicine,
            disputed,
            token: token.info.id,
            others,
            made: clinic.clone(),
            copies: Vec::new(),
            clinic,
        }
    }

    /// This world, to be asked for what it has in a clinic that has nothing.
    pub(super) fn emptied(self) -> World {
        World {
            clinic: clinic(),
            ..self
        }
    }

    fn keys(&self) -> Vec<RecordKey> {
        let kinds = [
            "Patient",
            "Organization",
            "AllergyIntolerance",
            "MedicationRequest",
        ];
        let kinds = kinds.into_iter().chain(self.others.keys().map(String::as_str));
        let mut keys: Vec<RecordKey> = kinds.map(|kind| self.key(kind)).collect();
        keys.push(self.disputed.clone());
        keys
    }

    /// The records that are labelled as sensitive, each with its version.
    pub(super) fn kept_back(&self) -> Vec<(RecordKey, String)> {
        let keys = match self.copies.is_empty() {
            true => self.keys(),
            false => self.copies.clone(),
        };
        let version = |key: &RecordKey| self.read(key).1;
        keys.into_iter().map(|key| (key.clone(), version(&key))).collect()
    }

    pub(crate) fn key(&self, kind: &str) -> RecordKey {
        let id = match kind {
            "Patient" => &self.patient,
            "Organization" => &self.organization,
            "AllergyIntolerance" => &self.allergy,
            kind => self.others.get(kind).unwrap_or(&self.medicine),
        };
        RecordKey::new(kind, id).expect("a key")
    }

    pub(crate) fn version(&self, kind: &str) -> String {
        self.current(kind).1
    }

    /// A record as it stands, and its version.
    pub(crate) fn current(&self, kind: &str) -> (Json, String) {
        self.read(&self.key(kind))
    }

    fn read(&self, key: &RecordKey) -> (Json, String) {
        let found = self.made.store().read(seed().context(), key);
        let current = found.expect("read").expect("a record");
        (current.json, current.version.to_string())
    }

    /// What a write of a record of this kind has answered.
    pub(crate) fn written(&self, kind: &str) -> chaski_store::Written {
        let current = self.made.store().read(seed().context(), &self.key(kind));
        crate::record::already(&current.expect("read").expect("a record"))
    }

    /// Everything that an operation could change: records, tokens, open conflicts.
    pub(crate) fn state(&self) -> String {
        let store = self.clinic.store();
        let (sum, _) = store.fingerprint(&ScopeFilter::all()).expect("a sum");
        let stats = store.stats().expect("numbers");
        let tokens = store.blobs("token/").expect("tokens");
        format!(
            "{sum:?} {} {} {tokens:?}",
            stats.records, stats.conflicted_records
        )
    }

    /// The audit log's entries made in these roles, without those of the world's own making.
    pub(crate) fn log(&self, roles: &str) -> Vec<AuditEntry> {
        self.clinic.store().audit_flush().expect("flushed");
        let roles = Roles::parse(roles).unwrap_or(Roles::NONE).names();
        let page = self.clinic.store().audit_list(None, 200).expect("the log");
        page.entries
            .into_iter()
            .filter(|entry| entry.context.role == roles && entry.context.purpose != SEEDING)
            .collect()
    }

    /// The outcome of a bundle's one entry.
    pub(crate) fn bundle(&self, caller: &Caller, kind: &str, entry: &str) -> Said {
        let bundle = format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{entry}]}}"#);
        match self.clinic.bundle_process(caller, parsed(&bundle)) {
            Ok(mut result) => said(result.entries.remove(0)),
            Err(error) => said::<(), _>(Err(error)),
        }
    }
}

/// What a record that is labelled as sensitive begins with.
const LABEL: &str = r#"{"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "code":"HIV"}]},"#;

const SEEDING: &str = "making the world";

/// Who makes the world: told apart from those who act in it by what for.
fn seed() -> Caller {
    caller_as("ana", "clinician", &Purpose::Operation(SEEDING.to_owned()))
}

fn operator() -> Caller {
    caller_as("ana", "operator", &Purpose::Operation(SEEDING.to_owned()))
}

fn prescription(patient: &str, drug: &str) -> String {
    format!(
        r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order",
        "subject":{{"reference":"Patient/{patient}"}},"medicationCodeableConcept":{{"text":"{drug}"}},
        "dosageInstruction":[{{"text":"5 mg","doseAndRate":[{{"doseQuantity":{{"value":5,"unit":"mg"}}}}]}}]}}"#
    )
}

/// Two people change one prescription from the same version.
pub(crate) fn dispute(clinic: &Clinic, key: &RecordKey) {
    let shown = clinic.record_read(&seed(), key).expect("the record");
    let change = DoseChange {
        id: key.id().to_owned(),
        base_version: shown.version.to_string(),
        dose_value: "10".to_owned(),
        dose_unit: "mg".to_owned(),
        ..DoseChange::default()
    };
    clinic.medication_dose_change(&seed(), &change).expect("changed");
    let mut stopped = shown.json;
    crate::fhir_json::set(&mut stopped, "status", Json::from("stopped"));
    let options = UpdateOptions {
        if_match: Some(shown.version.to_string()),
        merge: true,
        ..UpdateOptions::default()
    };
    clinic
        .record_update(&seed(), key.kind(), key.id(), stopped, &options)
        .expect("stopped");
    assert!(
        clinic
            .conflict_view(&seed(), key)
            .is_ok_and(|rows| !rows.is_empty())
    );
}
