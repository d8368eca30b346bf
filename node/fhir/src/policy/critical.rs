//! Safety-critical elements and their safer readings (`docs/clinical-rules.md`, CR-1 to CR-5).
//!
//! An element is critical if the table below names it or a parent of it, or if the definitions
//! mark it or a parent of it `isModifier`. A modifier inside a datatype (`telecom.use`) makes a
//! conflict critical only where that child itself differs: see [`child_critical`].

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::definitions::{Element, TypeKind, definitions};

/// A safety-critical element: concurrent different values are a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Critical {
    /// Which value every path out carries until a person has resolved the conflict.
    pub safer: Safer,
}

/// The safer reading of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safer {
    /// Values by safety, the first listed is shown. A string counts as itself, a boolean as
    /// `true` or `false`, a CodeableConcept as any code of its codings, a removed value as the
    /// empty string. A value not listed ranks after all listed ones.
    Rank(&'static [&'static str]),
    /// The newest value is shown with the others attached.
    ShowBoth,
}

static SHOW_BOTH: Critical = Critical {
    safer: Safer::ShowBoth,
};

/// One line of the table: record kind, element path, safer reading.
type Line = (&'static str, &'static str, Critical);

const fn both(kind: &'static str, path: &'static str) -> Line {
    (
        kind,
        path,
        Critical {
            safer: Safer::ShowBoth,
        },
    )
}

const fn rank(kind: &'static str, path: &'static str, codes: &'static [&'static str]) -> Line {
    (
        kind,
        path,
        Critical {
            safer: Safer::Rank(codes),
        },
    )
}

/// An active problem or allergy is acted upon; one wrongly closed is not.
const ACTIVE_FIRST: &[&str] = &[
    "active",
    "recurrence",
    "relapse",
    "",
    "inactive",
    "remission",
    "resolved",
];
const CONFIRMED_FIRST: &[&str] = &[
    "confirmed",
    "presumed",
    "provisional",
    "differential",
    "unconfirmed",
    "",
    "refuted",
    "entered-in-error",
];
/// A drug that may be taken counts in interaction checks.
const TAKEN_FIRST: &[&str] = &[
    "active",
    "on-hold",
    "unknown",
    "",
    "intended",
    "draft",
    "completed",
    "stopped",
    "cancelled",
    "not-taken",
    "entered-in-error",
];
/// The less advanced status: what is believed done too early is not done at all.
const LESS_ADVANCED: &[&str] = &[
    "draft",
    "not-started",
    "planned",
    "scheduled",
    "preparation",
    "arrived",
    "triaged",
    "active",
    "current",
    "in-progress",
    "on-hold",
    "onleave",
    "unknown",
    "",
    "not-done",
    "declined",
    "stopped",
    "revoked",
    "cancelled",
    "superseded",
    "completed",
    "finished",
    "entered-in-error",
];
/// For interaction checks the stronger intent counts.
const ORDER_FIRST: &[&str] = &[
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "plan",
    "proposal",
    "option",
    "",
];
const LESS_INTENT: &[&str] = &[
    "proposal",
    "plan",
    "option",
    "directive",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "",
];
/// A prohibition holds until a person lifts it.
const PROHIBITION_FIRST: &[&str] = &["true", "", "false"];

/// The tables of `docs/clinical-rules.md`, CR-1 and CR-3, beyond `isModifier`. `*` stands for every element.
static TABLE: &[Line] = &[
    rank("Patient", "active", &["true", "", "false"]),
    rank("Patient", "deceased[x]", &["", "false"]),
    both("Patient", "link"),
    both("Patient", "identifier"),
    both("Patient", "birthDate"),
    both("Patient", "gender"),
    both("AllergyIntolerance", "code"),
    rank(
        "AllergyIntolerance",
        "criticality",
        &["high", "unable-to-assess", "", "low"],
    ),
    rank("AllergyIntolerance", "clinicalStatus", ACTIVE_FIRST),
    rank("AllergyIntolerance", "verificationStatus", CONFIRMED_FIRST),
    rank(
        "AllergyIntolerance",
        "reaction.severity",
        &["severe", "moderate", "", "mild"],
    ),
    rank("MedicationRequest", "status", TAKEN_FIRST),
    rank("MedicationRequest", "intent", ORDER_FIRST),
    rank("MedicationRequest", "doNotPerform", PROHIBITION_FIRST),
    both("MedicationRequest", "medication[x]"),
    both("MedicationRequest", "dosageInstruction"),
    rank("MedicationStatement", "status", TAKEN_FIRST),
    both("MedicationStatement", "medication[x]"),
    both("MedicationStatement", "dosage"),
    rank("Condition", "clinicalStatus", ACTIVE_FIRST),
    rank("Condition", "verificationStatus", CONFIRMED_FIRST),
    both("Condition", "code"),
    rank(
        "Immunization",
        "status",
        &["not-done", "entered-in-error", "", "completed"],
    ),
    rank("Immunization", "isSubpotent", &["true", "", "false"]),
    both("Immunization", "vaccineCode"),
    both("Immunization", "occurrence[x]"),
    both("Observation", "status"),
    both("Observation", "value[x]"),
    both("Observation", "component.value[x]"),
    both("Observation", "component.code"),
    both("Observation", "code"),
    both("DiagnosticReport", "status"),
    both("DiagnosticReport", "code"),
    both("DiagnosticReport", "conclusion"),
    both("DiagnosticReport", "conclusionCode"),
    both("DiagnosticReport", "result"),
    rank("ServiceRequest", "status", LESS_ADVANCED),
    rank("ServiceRequest", "intent", LESS_INTENT),
    rank("ServiceRequest", "doNotPerform", PROHIBITION_FIRST),
    rank("CarePlan", "status", LESS_ADVANCED),
    rank("CarePlan", "intent", LESS_INTENT),
    rank("CarePlan", "activity.detail.status", LESS_ADVANCED),
    rank("CarePlan", "activity.detail.doNotPerform", PROHIBITION_FIRST),
    rank("Encounter", "status", LESS_ADVANCED),
    rank("Procedure", "status", LESS_ADVANCED),
    rank("DocumentReference", "status", LESS_ADVANCED),
    rank("Coverage", "status", LESS_ADVANCED),
    // What was given is no plan: less advanced is not safer (a second dose would be handed out).
    both("MedicationDispense", "status"),
    both("MedicationAdministration", "status"),
    // The most restrictive consent depends on what the others say: a withdrawn permit restricts,
    // a withdrawn denial does not. So its status shows both; a denial wins over a permit.
    rank("Consent", "provision.type", &["deny", "", "permit"]),
    rank("Consent", "provision.provision.type", &["deny", "", "permit"]),
    both("Consent", "*"),
    rank("Flag", "status", &["active", "", "inactive", "entered-in-error"]),
    both("Flag", "*"),
];

/// Whether the element at `path` (no type name in front, choices as `value[x]`) is critical.
pub fn critical(kind: &str, path: &str) -> Option<&'static Critical> {
    table_entry(kind, path).or_else(|| is_modifier(kind, path).then_some(&SHOW_BOTH))
}

/// The table's word on a path: its own line, else that of the nearest parent, else the kind's.
fn table_entry(kind: &str, path: &str) -> Option<&'static Critical> {
    let lines = by_kind().get(kind)?;
    let line = |path: &str| {
        lines
            .iter()
            .find(|(own, _)| *own == path)
            .map(|(_, critical)| *critical)
    };
    let mut at = path;
    loop {
        if let Some(critical) = line(at) {
            return Some(critical);
        }
        match at.rsplit_once('.') {
            Some((parent, _)) => at = parent,
            None => break,
        }
    }
    // Metadata is merged by its own rules even where all of a kind is critical.
    let is_meta = matches!(path, "resourceType" | "id" | "meta") || path.starts_with("meta.");
    if is_meta { None } else { line("*") }
}

type Lines = Vec<(&'static str, &'static Critical)>;

fn by_kind() -> &'static BTreeMap<&'static str, Lines> {
    static MAP: OnceLock<BTreeMap<&'static str, Lines>> = OnceLock::new();
    MAP.get_or_init(|| {
        let mut map: BTreeMap<&'static str, Lines> = BTreeMap::new();
        for (kind, path, critical) in TABLE {
            map.entry(kind).or_default().push((path, critical));
        }
        map
    })
}

/// Elements of a kind that the table names, as paths; not those of whom it names all.
pub(super) fn named(kind: &str) -> impl Iterator<Item = &'static str> {
    let lines = by_kind().get(kind).into_iter().flatten();
    lines.map(|(path, _)| *path).filter(|path| *path != "*")
}

/// Whether the definitions mark the element or a backbone around it as a modifier.
fn is_modifier(kind: &str, path: &str) -> bool {
    let definitions = definitions();
    let mut composite = definitions.resource(kind);
    for step in path.split('.') {
        let Some(field) = composite.and_then(|c| c.field(step)) else {
            return false;
        };
        let Some(element) = field.element() else {
            return false;
        };
        if element.is_modifier {
            return true;
        }
        // A modifier inside a datatype is child_critical's affair.
        composite = element.backbone.and_then(|id| definitions.composite(id));
    }
    false
}

/// Children of the datatype at `path` that alone make it critical, such as `use` of `telecom`:
/// a conflict there counts as critical only where one of these differs.
pub fn child_critical(kind: &str, path: &str) -> &'static [&'static str] {
    let Some(field) = definitions().field_at(kind, path) else {
        return &[];
    };
    per_element()
        .get(field.element_index())
        .map_or(&[], Vec::as_slice)
}

/// Modifier children of each element's datatypes, by element number.
fn per_element() -> &'static Vec<Vec<&'static str>> {
    static LIST: OnceLock<Vec<Vec<&'static str>>> = OnceLock::new();
    LIST.get_or_init(|| {
        let definitions = definitions();
        definitions.elements().iter().map(modifier_children).collect()
    })
}

fn modifier_children(element: &Element) -> Vec<&'static str> {
    let definitions = definitions();
    let mut found: Vec<&'static str> = Vec::new();
    for t in &element.types {
        let Some(of) = definitions.type_of(t.code) else {
            continue;
        };
        let Some(composite) = definitions.composite(of.composite) else {
            continue;
        };
        // A backbone's own modifierExtension has its own register.
        if of.kind == TypeKind::Datatype && element.backbone.is_none() {
            found.extend(composite.elements().filter(|e| e.is_modifier).map(|e| e.name));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
