//! What of a record changes or qualifies what its row says, and does not stand in the row.
//!
//! Invariant: a row declares what it shows (`shows`); whatever else of its record is a modifier, a qualifier, or an
//! extension in the place of a value comes out of here, to be told beside it (`docs/clinical-rules.md`, CR-95). What is
//! neither only adds to the record and waits on its own page.

use chaski_fhir::definitions::{Composite, Element, Field, definitions};
use chaski_json::{Json, Object};
use chaski_store::CONFLICT_URL;

use crate::fhir_json::{items, text};
use crate::record::invalid_leaves;

/// A part of a record, beside what its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// Where it stands, as the definitions name it: `dosageInstruction.asNeeded[x]`.
    pub path: String,
    /// What stands there.
    pub value: Json,
}

/// Elements that qualify what is said beside them, wherever they stand: a number that is a bound, a dose only when
/// needed, an illness that is over, a note that takes something back.
const QUALIFIERS: &[&str] = &[
    "abatement[x]",
    "additionalInstruction",
    "asNeeded[x]",
    "bodySite",
    "bounds[x]",
    "comparator",
    "component",
    "count",
    "countMax",
    "dataAbsentReason",
    "description",
    "dispenseRequest",
    "dosage",
    "dosageInstruction",
    "doseAndRate",
    "dose[x]",
    "duration",
    "durationMax",
    "durationUnit",
    "effective[x]",
    "event",
    "evidence",
    "exposureRoute",
    "focus",
    "hasMember",
    "interpretation",
    "isSubpotent",
    "lastOccurrence",
    "maxDosePerAdministration",
    "maxDosePerLifetime",
    "maxDosePerPeriod",
    "method",
    "note",
    "occurrence[x]",
    "offset",
    "onset",
    "onset[x]",
    "patientInstruction",
    "priority",
    "rate[x]",
    "reaction",
    "reasonCode",
    "reasonReference",
    "referenceRange",
    "repeat",
    "reported[x]",
    "route",
    "series",
    "severity",
    "site",
    "stage",
    "statusReason",
    "subpotentReason",
    "substance",
    "substitution",
    "timing",
    "type",
    "value[x]",
    "verificationStatus",
];

/// What goes without saying: the element's usual value, beside which a row says nothing.
const UNSAID: &[(&str, &str)] = &[
    ("asNeeded[x]", "false"),
    ("clinicalStatus", "active"),
    ("doNotPerform", "false"),
    ("intent", "order"),
    ("interpretation", "N"),
    ("isSubpotent", "false"),
    ("priority", "routine"),
    ("reported[x]", "false"),
    ("status", "active"),
    ("status", "completed"),
    ("status", "final"),
    ("type", "allergy"),
    ("verificationStatus", "confirmed"),
];

/// Whether an element has its usual value, in all codes that it names.
fn is_unsaid(name: &str, value: &Json) -> bool {
    let is_usual = |code: &str| UNSAID.contains(&(name, code));
    match value {
        Json::Bool(truth) => is_usual(&truth.to_string()),
        Json::String(code) => is_usual(code),
        Json::Array(all) => !all.is_empty() && all.iter().all(|one| is_unsaid(name, one)),
        concept => {
            let mut codings = items(concept, "coding").peekable();
            let is_said_otherwise = !text(concept, "text").is_empty() && concept.get("coding").is_none();
            codings.peek().is_some()
                && !is_said_otherwise
                && codings.all(|coding| is_usual(text(coding, "code")))
        }
    }
}

/// What a row of this kind that shows these elements leaves out of a record. `shows` are dotted paths, a choice by
/// its name or by one of its types; what is shown is shown with all that it holds.
#[must_use]
pub fn rest(kind: &str, json: &Json, shows: &[&str]) -> Vec<Rest> {
    let mut found = Vec::new();
    if let (Some(object), Some(composite)) = (json.as_object(), definitions().resource(kind)) {
        walk(object, composite, "", shows, &mut found);
    }
    let not_valid = invalid_leaves(json).into_iter();
    let not_valid: Vec<Json> = not_valid
        .map(|(path, reason)| Json::from(format!("{path}: {reason}")))
        .collect();
    if !not_valid.is_empty() {
        add(&mut found, INVALID.to_owned(), Json::Array(not_valid));
    }
    found
}

/// What of a record is told under this name: leaves that were not valid where it came from.
const INVALID: &str = "invalidLeaf";

fn walk(object: &Object, composite: &Composite, above: &str, shows: &[&str], found: &mut Vec<Rest>) {
    for (key, value) in object.iter() {
        if key == "modifierExtension" {
            let theirs = |one: &&Json| text(one, "url") != CONFLICT_URL;
            let theirs: Vec<Json> = value
                .as_array()
                .into_iter()
                .flatten()
                .filter(theirs)
                .cloned()
                .collect();
            if !theirs.is_empty() {
                add(found, path_of(above, key), Json::Array(theirs));
            }
            continue;
        }
        let (name, is_beside) = match key.strip_prefix('_') {
            Some(name) => (name, true),
            None => (key.as_str(), false),
        };
        let Some((field, element)) = composite
            .field(name)
            .and_then(|field| Some((field, field.element()?)))
        else {
            continue;
        };
        let (path, own) = (path_of(above, element.name), path_of(above, name));
        let is_shown = [&path, &own].iter().any(|path| shows.contains(&path.as_str()));
        let is_entered = shows
            .iter()
            .any(|shown| is_within(shown, &path) || is_within(shown, &own));
        if is_beside {
            // Said in place of the value, or of it: why there is none.
            if is_shown || is_entered || qualifies(element) {
                add(found, format!("{path}.extension"), value.clone());
            }
        } else if is_entered && !is_shown {
            enter(value, field, &own, shows, found);
        } else if !is_shown && qualifies(element) && !is_unsaid(element.name, value) {
            add(found, path, value.clone());
        }
    }
}

/// Looks into what is shown in part.
fn enter(value: &Json, field: &Field, path: &str, shows: &[&str], found: &mut Vec<Rest>) {
    let Some(composite) = field.composite() else {
        return;
    };
    let items = match value {
        Json::Array(items) => items.as_slice(),
        single => std::slice::from_ref(single),
    };
    for object in items.iter().filter_map(Json::as_object) {
        walk(object, composite, path, shows, found);
    }
}

fn add(found: &mut Vec<Rest>, path: String, value: Json) {
    found.push(Rest { path, value });
}

fn path_of(above: &str, name: &str) -> String {
    match above {
        "" => name.to_owned(),
        above => format!("{above}.{name}"),
    }
}

/// Whether a shown path stands below another.
fn is_within(shown: &str, path: &str) -> bool {
    shown.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
}

/// Whether an element changes the meaning of what stands beside it, or says how it is meant.
pub(super) fn qualifies(element: &Element) -> bool {
    element.is_modifier || QUALIFIERS.contains(&element.name)
}
