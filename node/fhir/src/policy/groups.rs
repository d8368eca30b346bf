//! Conflict groups: elements of a kind that only mean something together (`docs/clinical-rules.md`, CR-5).
//!
//! One group a kind holds its critical elements, its modifiers and its subject: a result that is filed to somebody else
//! here and changed there is one disagreement. Of a Patient only what says whether the record stands for a living person
//! hangs together, or the inbox would cry wolf.
//!
//! Invariant: the groups are a function of the tables and the definitions, version 1 (`docs/formats.md`, Record as
//! registers): every node must judge alike.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::critical::{critical, named};
use crate::definitions::{Composite, definitions, resource_kinds};

/// Elements that only mean something together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name, unique within the record kind; used in register keys.
    pub name: &'static str,
    /// Top-level element names, choice elements as `value[x]`.
    pub members: &'static [&'static str],
}

/// What else hangs together with a kind's critical elements, and what people call it all.
static NAMED: &[(&str, &str, &[&str])] = &[
    (
        "MedicationRequest",
        "medication",
        &[
            "medication[x]",
            "dosageInstruction",
            "status",
            "intent",
            "doNotPerform",
            "priority",
        ],
    ),
    (
        "MedicationStatement",
        "medication",
        &["medication[x]", "dosage", "status"],
    ),
    (
        "MedicationAdministration",
        "medication",
        &["medication[x]", "dosage", "effective[x]", "status"],
    ),
    (
        "MedicationDispense",
        "medication",
        &["medication[x]", "quantity", "dosageInstruction", "status"],
    ),
    (
        "Observation",
        "value",
        &[
            "code",
            "value[x]",
            "component",
            "interpretation",
            "dataAbsentReason",
            "status",
        ],
    ),
    (
        "DiagnosticReport",
        "report",
        &["code", "conclusion", "conclusionCode", "result", "status"],
    ),
    (
        "AllergyIntolerance",
        "allergy",
        &[
            "code",
            "criticality",
            "reaction",
            "clinicalStatus",
            "verificationStatus",
        ],
    ),
    (
        "Immunization",
        "dose",
        &[
            "vaccineCode",
            "occurrence[x]",
            "status",
            "isSubpotent",
            "doseQuantity",
            "lotNumber",
        ],
    ),
    // Of these all is critical: what one side forbids and the other says of something else is one disagreement.
    ("Flag", OTHER, &["code", "status", "category", "period"]),
    (
        "Consent",
        OTHER,
        &["status", "scope", "category", "provision", "policy", "policyRule"],
    ),
    (
        "Condition",
        "condition",
        &["code", "clinicalStatus", "verificationStatus", "bodySite"],
    ),
    ("Procedure", "procedure", &["code", "status", "bodySite"]),
    (
        "ServiceRequest",
        "order",
        &["code", "status", "intent", "doNotPerform", "bodySite"],
    ),
    ("DeviceRequest", "order", &["code[x]", "status", "intent"]),
    (
        "NutritionOrder",
        "order",
        &["oralDiet", "supplement", "enteralFormula", "status", "intent"],
    ),
    ("Specimen", "specimen", &["type", "status", "collection"]),
    ("Composition", "document", &["type", "status", "section"]),
    (
        "ChargeItem",
        "amount",
        &["code", "quantity", "factorOverride", "priceOverride", "status"],
    ),
    (
        "Invoice",
        "amount",
        &["lineItem", "totalNet", "totalGross", "status"],
    ),
    (
        "PaymentNotice",
        "amount",
        &["amount", "payment", "paymentStatus", "status"],
    ),
    ("Appointment", "slot", &["start", "end", "status"]),
];

/// How kinds call whom a record is about.
const SUBJECTS: [&str; 5] = ["subject", "patient", "beneficiary", "individual", "candidate"];

/// What the group of a kind is called that has no name of its own.
const OTHER: &str = "meaning";

/// Conflict groups of a record kind.
pub fn groups(kind: &str) -> &'static [Group] {
    static ALL: OnceLock<BTreeMap<&'static str, Vec<Group>>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let kinds = resource_kinds().iter();
        kinds
            .map(|kind| (*kind, Vec::from_iter(group_of(kind))))
            .collect()
    });
    all.get(kind).map_or(&[], Vec::as_slice)
}

fn group_of(kind: &'static str) -> Option<Group> {
    if kind == "Patient" {
        let members = &["active", "deceased[x]", "link"];
        return Some(Group {
            name: "person",
            members,
        });
    }
    let composite = definitions().resource(kind)?;
    let named_group = NAMED.iter().find(|(own, ..)| *own == kind);
    let (name, first) = named_group.map_or((OTHER, &[][..]), |(_, name, first)| (*name, *first));
    let mut members: Vec<&'static str> = first.to_vec();
    let others = composite.elements().map(|element| element.name);
    members.extend(others.filter(|element| is_member(kind, composite, element)));
    let mut seen = Vec::new();
    members.retain(|member| {
        let is_new = !seen.contains(member);
        seen.push(*member);
        is_new
    });
    let members: &'static [&'static str] = Vec::leak(members);
    (members.len() > 1).then_some(Group { name, members })
}

/// Whether a top-level element belongs to the group of its kind: it, or something in it, is critical or a modifier, or it
/// is whom the record is about.
fn is_member(kind: &str, composite: &Composite, element: &str) -> bool {
    let mut named = named(kind).map(|path| path.split('.').next().unwrap_or(path));
    let is_modifier = || {
        let field = composite.elements().find(|one| one.name == element);
        field.is_some_and(|field| field.is_modifier)
    };
    // Of a kind of which all is critical each element is by itself: together are those that the table names.
    let is_critical = || critical(kind, element).is_some() && critical(kind, "*").is_none();
    SUBJECTS.contains(&element) || named.any(|own| own == element) || is_modifier() || is_critical()
}
