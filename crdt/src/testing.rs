//! What the tests of this crate share: a small policy without FHIR, and sites
//! that write apart and meet.

use crate::author::{NetworkId, SignedChange, VerifiedChange, Writer};
use crate::change::ChangeHash;
use crate::hlc::{Hlc, Message, Stamp};
use crate::key::RecordKey;
use crate::merge::MergeReport;
use crate::policy::{Critical, Group, Policy, Safer, Shape};
use crate::record::{Choice, Record, View, WriteError};
use chaski_json::Json;
use ed25519_dalek::SigningKey;
use proptest::prelude::ProptestConfig;

/// How often a property is tried: as often as `usual` says, ten times that where
/// `CHASKI_SOAK` is set. `PROPTEST_CASES` is one number for all of them.
pub(crate) fn cases(usual: u32) -> ProptestConfig {
    let soak = std::env::var_os("CHASKI_SOAK").is_some();
    ProptestConfig::with_cases(if soak { usual * 10 } else { usual })
}

pub(crate) struct TestPolicy;

pub(crate) const POLICY: &TestPolicy = &TestPolicy;
pub(crate) const NETWORK: NetworkId = NetworkId([7; 32]);

const CHOICES: [&str; 4] = ["value[x]", "medication[x]", "deceased[x]", "effective[x]"];
const ALIVE: Critical = Critical { safer: Safer::Absent };
const ACTIVE: Critical = Critical {
    safer: Safer::Rank(&["active", "true", "on-hold"]),
};
const BOTH: Critical = Critical {
    safer: Safer::ShowBoth,
};

impl Policy for TestPolicy {
    fn element(&self, _kind: &str, path: &str) -> Shape {
        match path {
            "telecom" | "contact.telecom" => Shape::List {
                identity: &["system", "value"],
            },
            "identifier" => Shape::List {
                identity: &["system", "value"],
            },
            "extension" => Shape::List { identity: &["url"] },
            "name" | "address" | "dosageInstruction" | "alias" => Shape::List { identity: &[] },
            "contact" | "item" | "item.item" | "reaction" => Shape::BackboneList { identity: &[] },
            "component" => Shape::BackboneList { identity: &["code"] },
            "hospitalization" => Shape::Backbone,
            "meta" => Shape::Group,
            "meta.tag" | "meta.profile" | "meta.security" => Shape::Set,
            "meta.versionId" | "meta.lastUpdated" => Shape::Ignore,
            _ => Shape::Register,
        }
    }

    fn choice_base(&self, _kind: &str, _parent: &str, key: &str) -> Option<(&str, &str)> {
        let (base, at) = CHOICES.iter().find_map(|base| {
            let stem = base.strip_suffix("[x]")?;
            let suffix = key.strip_prefix(stem)?;
            suffix
                .starts_with(|c: char| c.is_ascii_uppercase())
                .then_some((base, stem.len()))
        })?;
        // The borrow must be of static text, as a table's would be.
        const TYPES: [&str; 6] = [
            "Quantity",
            "String",
            "CodeableConcept",
            "Reference",
            "Boolean",
            "DateTime",
        ];
        let suffix = TYPES.iter().find(|known| key.get(at..) == Some(**known))?;
        Some((base, suffix))
    }

    fn groups(&self, kind: &str) -> &[Group] {
        match kind {
            "MedicationRequest" => &[Group {
                name: "prescription",
                members: &["medication[x]", "dosageInstruction", "status"],
            }],
            "AllergyIntolerance" => &[Group {
                name: "allergy",
                members: &["code", "criticality", "reaction"],
            }],
            _ => &[],
        }
    }

    fn critical(&self, _kind: &str, path: &str) -> Option<&Critical> {
        match path {
            "active" | "status" => Some(&ACTIVE),
            "deceased[x]" => Some(&ALIVE),
            "birthDate" | "value[x]" | "medication[x]" | "identifier" | "criticality"
            | "reaction.severity" => Some(&BOTH),
            _ => None,
        }
    }

    fn child_critical(&self, _kind: &str, path: &str) -> &[&str] {
        match path {
            "telecom" | "identifier" => &["use"],
            _ => &[],
        }
    }

    fn narrative(&self, _kind: &str) -> Option<&str> {
        Some("text")
    }
}

/// A node with one record.
#[derive(Clone)]
pub(crate) struct Site {
    signer: SigningKey,
    incarnation: u64,
    seq: u64,
    hlc: Hlc,
    user: String,
    pub(crate) record: Record,
}

pub(crate) fn json(text: &str) -> Json {
    chaski_json::parse_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The key that a record's JSON names.
pub(crate) fn key_of(json: &Json) -> RecordKey {
    let text = |name: &str| json.get(name).and_then(Json::as_str).unwrap();
    RecordKey::new(text("resourceType"), text("id")).unwrap()
}

impl Site {
    pub(crate) fn new(number: u8, key: RecordKey) -> Site {
        Site {
            signer: SigningKey::from_bytes(&[number; 32]),
            incarnation: u64::from(number),
            seq: 1,
            hlc: Hlc::from_ms(1_000_000),
            user: format!("user{number}"),
            record: Record::empty(key),
        }
    }

    /// Its next write happens at this millisecond.
    pub(crate) fn at(&mut self, ms: u64) -> &mut Site {
        self.hlc = Hlc::from_ms(ms);
        self
    }

    pub(crate) fn with<T>(&mut self, run: impl FnOnce(&mut Record, &mut Writer<'_>, &Stamp) -> T) -> T {
        self.hlc = self.hlc.next(0);
        let message = Message {
            user: self.user.clone(),
            role: "clinician".into(),
            ..Message::default()
        };
        let stamp = Stamp {
            hlc: self.hlc,
            message,
        };
        let mut writer = Writer {
            signer: &self.signer,
            network: NETWORK,
            incarnation: self.incarnation,
            next_seq: &mut self.seq,
        };
        run(&mut self.record, &mut writer, &stamp)
    }

    pub(crate) fn create(&mut self, text: &str) {
        let key = self.record.key().clone();
        self.with(|record, writer, stamp| {
            *record = Record::create(key, &json(text), POLICY, writer, stamp).unwrap().0;
        });
    }

    pub(crate) fn put_at(
        &mut self,
        base: &[ChangeHash],
        text: &str,
    ) -> Result<Option<SignedChange>, WriteError> {
        self.with(|record, writer, stamp| record.update(base, &json(text), POLICY, writer, stamp))
    }

    pub(crate) fn put(&mut self, text: &str) -> SignedChange {
        let heads = self.record.heads();
        self.put_at(&heads, text).unwrap().expect("something changed")
    }

    pub(crate) fn put_resolving(&mut self, text: &str) -> Option<SignedChange> {
        let heads = self.record.heads();
        self.with(|record, writer, stamp| record.update_resolving(&heads, &json(text), POLICY, writer, stamp))
            .unwrap()
    }

    pub(crate) fn delete(&mut self) -> Result<Option<SignedChange>, WriteError> {
        let heads = self.record.heads();
        self.with(|record, writer, stamp| record.delete(&heads, POLICY, writer, stamp))
    }

    pub(crate) fn resolve(&mut self, path: &str, choice: &Choice) -> Result<SignedChange, WriteError> {
        let heads = self.record.heads();
        self.with(|record, writer, stamp| record.resolve(&heads, path, choice, POLICY, writer, stamp))
    }

    pub(crate) fn set_remove(&mut self, path: &str, value: &str) -> Result<SignedChange, WriteError> {
        self.with(|record, writer, stamp| record.set_remove(path, &json(value), POLICY, writer, stamp))
    }

    pub(crate) fn view(&self) -> View {
        self.record.view(POLICY)
    }

    pub(crate) fn shown(&self) -> String {
        self.view().json.canonical()
    }

    pub(crate) fn member(&self, name: &str) -> String {
        self.view()
            .json
            .get(name)
            .map(Json::canonical)
            .unwrap_or_default()
    }

    pub(crate) fn changes(&self) -> Vec<VerifiedChange> {
        verified(self.record.key(), self.record.changes())
    }

    pub(crate) fn take(&mut self, changes: Vec<VerifiedChange>) -> MergeReport {
        self.record.merge(changes)
    }
}

pub(crate) fn verified<'a>(
    key: &RecordKey,
    changes: impl IntoIterator<Item = &'a SignedChange>,
) -> Vec<VerifiedChange> {
    changes
        .into_iter()
        .map(|change| change.verify(&NETWORK, key).unwrap())
        .collect()
}

/// Both have everything afterwards, and are equal.
pub(crate) fn meet(a: &mut Site, b: &mut Site) {
    let (from_a, from_b) = (a.changes(), b.changes());
    for report in [a.take(from_b), b.take(from_a)] {
        assert!(
            report.orphans.is_empty() && report.quarantined.is_empty(),
            "{report:?}"
        );
    }
    assert_equal(a, b);
}

/// Equal heads, evidence, views; and what is stored loads to the same.
pub(crate) fn assert_equal(a: &Site, b: &Site) {
    assert_eq!(a.record.heads(), b.record.heads());
    assert_eq!(a.record.evidence(), b.record.evidence());
    assert_eq!(a.view(), b.view());
    for site in [a, b] {
        let again = Record::load(site.record.key().clone(), site.record.changes().cloned()).unwrap();
        assert_eq!(again.heads(), site.record.heads());
        assert_eq!(again.view(POLICY), site.view());
    }
}

/// Two sites that hold one record.
pub(crate) fn two_sites(text: &str) -> (Site, Site) {
    let key = key_of(&json(text));
    let (mut a, mut b) = (Site::new(1, key.clone()), Site::new(2, key));
    a.create(text);
    b.take(a.changes());
    assert_equal(&a, &b);
    (a, b)
}
