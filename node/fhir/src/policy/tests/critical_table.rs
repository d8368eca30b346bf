//! The tables of CR-1, CR-3 and CR-5 (`docs/clinical-rules.md`), element by element, written out by hand: what is
//! critical, which value is acted on meanwhile, and what is decided together.

use std::collections::BTreeMap;

use super::{each_element, kinds};
use crate::definitions::definitions;
use crate::policy::{Safer, child_critical, critical, groups};

/// The rule of an element.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    /// No value counts more than the others.
    Both,
    /// Values from the safest on.
    Ranked(&'static [&'static str]),
}
use Rule::{Both, Ranked};

const CLINICAL: Rule = Ranked(&[
    "active",
    "recurrence",
    "relapse",
    "",
    "inactive",
    "remission",
    "resolved",
]);
const VERIFICATION: Rule = Ranked(&[
    "confirmed",
    "presumed",
    "provisional",
    "differential",
    "unconfirmed",
    "",
    "refuted",
    "entered-in-error",
]);
const TAKEN: Rule = Ranked(&[
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
]);
const LESS_ADVANCED: Rule = Ranked(&[
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
]);
const ORDER: Rule = Ranked(&[
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "plan",
    "proposal",
    "option",
    "",
]);
const LESS_INTENT: Rule = Ranked(&[
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
]);
const PROHIBITION: Rule = Ranked(&["true", "", "false"]);

/// Every critical element of the kinds the table names; what stands below one follows it. Beside
/// these `implicitRules` and `modifierExtension` are critical everywhere.
#[rustfmt::skip]
const ELEMENTS: &[(&str, &[(&str, Rule)])] = &[
    ("Patient", &[
        ("active", Ranked(&["true", "", "false"])),
        ("deceased[x]", Ranked(&["", "false"])),
        ("link", Both), ("identifier", Both), ("birthDate", Both), ("gender", Both),
    ]),
    ("AllergyIntolerance", &[
        ("code", Both),
        ("criticality", Ranked(&["high", "unable-to-assess", "", "low"])),
        ("clinicalStatus", CLINICAL),
        ("verificationStatus", VERIFICATION),
        ("reaction.severity", Ranked(&["severe", "moderate", "", "mild"])),
    ]),
    ("MedicationRequest", &[
        ("status", TAKEN), ("intent", ORDER), ("doNotPerform", PROHIBITION),
        ("medication[x]", Both), ("dosageInstruction", Both),
    ]),
    ("MedicationStatement", &[("status", TAKEN), ("medication[x]", Both), ("dosage", Both)]),
    ("Condition", &[("clinicalStatus", CLINICAL), ("verificationStatus", VERIFICATION), ("code", Both)]),
    ("Immunization", &[
        ("status", Ranked(&["not-done", "entered-in-error", "", "completed"])),
        ("isSubpotent", Ranked(&["true", "", "false"])),
        ("vaccineCode", Both), ("occurrence[x]", Both),
    ]),
    ("Observation", &[
        ("status", Both), ("value[x]", Both), ("code", Both),
        ("component.value[x]", Both), ("component.code", Both),
    ]),
    (
        "DiagnosticReport",
        &[("status", Both), ("code", Both), ("conclusion", Both), ("conclusionCode", Both), ("result", Both)],
    ),
    ("ServiceRequest", &[("status", LESS_ADVANCED), ("intent", LESS_INTENT), ("doNotPerform", PROHIBITION)]),
    ("CarePlan", &[
        ("status", LESS_ADVANCED), ("intent", LESS_INTENT),
        ("activity.detail.status", LESS_ADVANCED), ("activity.detail.doNotPerform", PROHIBITION),
    ]),
    ("Encounter", &[("status", LESS_ADVANCED)]),
    ("Procedure", &[("status", LESS_ADVANCED)]),
    ("DocumentReference", &[("status", LESS_ADVANCED)]),
    ("Coverage", &[("status", LESS_ADVANCED)]),
    ("MedicationDispense", &[("status", Both)]),
    ("MedicationAdministration", &[("status", Both)]),
];

/// Kinds of which every element is critical, and which are ranked.
#[rustfmt::skip]
const WHOLE: &[(&str, &[(&str, Rule)])] = &[
    ("Consent", &[
        ("provision.type", Ranked(&["deny", "", "permit"])),
        ("provision.provision.type", Ranked(&["deny", "", "permit"])),
    ]),
    ("Flag", &[("status", Ranked(&["active", "", "inactive", "entered-in-error"]))]),
];

/// What is decided together, under the name that a resolution gives.
#[rustfmt::skip]
const GROUPS: &[(&str, &str, &[&str])] = &[
    ("MedicationRequest", "medication", &["medication[x]", "dosageInstruction", "status", "intent", "doNotPerform", "priority", "subject"]),
    ("MedicationStatement", "medication", &["medication[x]", "dosage", "status", "subject"]),
    ("MedicationAdministration", "medication", &["medication[x]", "dosage", "effective[x]", "status", "subject"]),
    ("MedicationDispense", "medication", &["medication[x]", "quantity", "dosageInstruction", "status", "subject"]),
    ("Observation", "value", &["code", "value[x]", "component", "interpretation", "dataAbsentReason", "status", "subject"]),
    ("DiagnosticReport", "report", &["code", "conclusion", "conclusionCode", "result", "status", "subject"]),
    ("AllergyIntolerance", "allergy", &["code", "criticality", "reaction", "clinicalStatus", "verificationStatus", "patient"]),
    ("Immunization", "dose", &["vaccineCode", "occurrence[x]", "status", "isSubpotent", "doseQuantity", "lotNumber", "patient"]),
    ("Condition", "condition", &["code", "clinicalStatus", "verificationStatus", "bodySite", "subject"]),
    ("Procedure", "procedure", &["code", "status", "bodySite", "subject"]),
    ("ServiceRequest", "order", &["code", "status", "intent", "doNotPerform", "bodySite", "subject"]),
    ("DeviceRequest", "order", &["code[x]", "status", "intent", "subject"]),
    ("NutritionOrder", "order", &["oralDiet", "supplement", "enteralFormula", "status", "intent", "patient"]),
    ("Specimen", "specimen", &["type", "status", "collection", "subject"]),
    ("Composition", "document", &["type", "status", "section", "subject"]),
    ("ChargeItem", "amount", &["code", "quantity", "factorOverride", "priceOverride", "status", "subject"]),
    ("Invoice", "amount", &["lineItem", "totalNet", "totalGross", "status", "subject"]),
    ("PaymentNotice", "amount", &["amount", "payment", "paymentStatus", "status"]),
    ("Appointment", "slot", &["start", "end", "status"]),
    ("Patient", "person", &["active", "deceased[x]", "link"]),
    ("Encounter", "meaning", &["status", "subject"]),
    ("CarePlan", "meaning", &["status", "intent", "subject", "activity"]),
    ("Consent", "meaning", &["status", "scope", "category", "provision", "policy", "policyRule", "patient"]),
    ("Coverage", "meaning", &["status", "beneficiary"]),
    ("Flag", "meaning", &["code", "status", "category", "period", "subject"]),
];

fn rule(kind: &str, path: &str) -> Option<Rule> {
    critical(kind, path).map(|found| match &found.safer {
        Safer::ShowBoth => Both,
        Safer::Rank(codes) => Ranked(codes),
    })
}

/// Every element of a kind and its rule, but for the two that are critical everywhere.
fn rules(kind: &str) -> BTreeMap<String, Option<Rule>> {
    let mut found = BTreeMap::new();
    each_element(definitions(), kind, &mut |path, _| {
        let name = path.rsplit('.').next().unwrap_or_default();
        if matches!(name, "implicitRules" | "modifierExtension") {
            assert!(rule(kind, path).is_some(), "{kind}.{path}");
        } else {
            found.insert(path.to_owned(), rule(kind, path));
        }
    });
    found
}

/// What the list says of a path: its own line, or that of what it stands in.
fn listed(lines: &[(&str, Rule)], path: &str) -> Option<Rule> {
    let line = |path: &str| lines.iter().find(|(own, _)| *own == path).map(|(_, rule)| *rule);
    let mut at = path;
    loop {
        match (line(at), at.rsplit_once('.')) {
            (Some(rule), _) => return Some(rule),
            (None, Some((parent, _))) => at = parent,
            (None, None) => return None,
        }
    }
}

#[test]
fn every_element_of_the_tables_kinds_has_the_rule_that_was_decided() {
    for (kind, lines) in ELEMENTS {
        let rules = rules(kind);
        for (path, _) in *lines {
            assert!(rules.contains_key(*path), "{kind}.{path} is no element");
        }
        for (path, rule) in &rules {
            assert_eq!(*rule, listed(lines, path), "{kind}.{path}");
        }
    }
    for (kind, lines) in WHOLE {
        for (path, rule) in rules(kind) {
            let is_record = matches!(path.as_str(), "id" | "meta");
            let expected = lines
                .iter()
                .find(|(own, _)| *own == path)
                .map_or(Both, |(_, rule)| *rule);
            assert_eq!(rule, (!is_record).then_some(expected), "{kind}.{path}");
        }
    }
}

#[test]
fn of_other_kinds_what_fhir_marks_is_critical_and_no_value_counts_more() {
    let mut looked_at = 0;
    for kind in kinds() {
        if ELEMENTS.iter().chain(WHOLE).any(|(own, _)| *own == kind) {
            continue;
        }
        looked_at += 1;
        let mut marked: Vec<String> = Vec::new();
        each_element(definitions(), kind, &mut |path, element| {
            let is_below = marked.iter().any(|above| path.starts_with(&format!("{above}.")));
            if element.is_modifier {
                marked.push(path.to_owned());
            }
            let is_critical = element.is_modifier || is_below;
            assert_eq!(rule(kind, path), is_critical.then_some(Both), "{kind}.{path}");
        });
    }
    assert!(looked_at > 120, "{looked_at}");
    for (kind, path) in [
        ("Appointment", "status"),
        ("Task", "status"),
        ("Goal", "lifecycleStatus"),
    ] {
        assert_eq!(rule(kind, path), Some(Both), "{kind}.{path}");
    }
}

/// Two more are in every group but a patient's: what says how the record must be understood.
#[test]
fn groups_keep_their_names_and_members() {
    let of_all = ["implicitRules", "modifierExtension"];
    for (kind, name, members) in GROUPS {
        let [group] = groups(kind) else { panic!("{kind}") };
        let own = group.members.iter().filter(|member| !of_all.contains(member));
        assert_eq!(
            (group.name, own.copied().collect::<Vec<_>>()),
            (*name, members.to_vec()),
            "{kind}"
        );
        let has_both = of_all.iter().all(|member| group.members.contains(member));
        assert_eq!(has_both, *kind != "Patient", "{kind}");
    }
}

#[test]
fn the_uses_of_names_numbers_and_addresses_are_critical_where_they_differ() {
    #[rustfmt::skip]
    let children: [(&str, &str, &[&str]); 8] = [
        ("Patient", "identifier", &["use"]), ("Patient", "name", &["use"]), ("Patient", "telecom", &["use"]),
        ("Patient", "address", &["use"]), ("Practitioner", "name", &["use"]),
        ("Observation", "value[x]", &["comparator"]), ("Patient", "maritalStatus", &[]), ("Patient", "birthDate", &[]),
    ];
    for (kind, path, expected) in children {
        assert_eq!(child_critical(kind, path), expected, "{kind}.{path}");
    }
}
