//! The tables, tested as data.

mod critical_table;

use super::*;
use crate::definitions::{Composite, Definitions, TypeKind, definitions};

/// Calls `with` for every element of a resource kind outside datatypes, recursion cut once.
fn each_element(d: &Definitions, kind: &str, with: &mut dyn FnMut(&str, &crate::definitions::Element)) {
    fn walk(
        d: &Definitions,
        composite: &Composite,
        prefix: &str,
        depth: usize,
        with: &mut dyn FnMut(&str, &crate::definitions::Element),
    ) {
        for element in composite.elements() {
            let path = format!("{prefix}{}", element.name);
            with(&path, element);
            if let Some(id) = element.backbone
                && depth < 4
            {
                walk(d, d.composite(id).unwrap(), &format!("{path}."), depth + 1, with);
            }
        }
    }
    walk(d, d.resource(kind).unwrap(), "", 0, with);
}

fn kinds() -> impl Iterator<Item = &'static str> {
    definitions()
        .types()
        .iter()
        .filter(|t| t.kind == TypeKind::Resource && !t.is_abstract)
        .map(|t| t.name)
}

#[test]
fn every_element_of_the_clinical_table_is_critical_and_exists() {
    let table: &[(&[&str], &[&str])] = &[
        (
            &["Patient"],
            &[
                "active",
                "deceased[x]",
                "link",
                "identifier",
                "birthDate",
                "gender",
            ],
        ),
        (
            &["AllergyIntolerance"],
            &[
                "code",
                "criticality",
                "clinicalStatus",
                "verificationStatus",
                "reaction.severity",
            ],
        ),
        (
            &["MedicationRequest"],
            &[
                "status",
                "intent",
                "doNotPerform",
                "medication[x]",
                "dosageInstruction",
            ],
        ),
        (&["MedicationStatement"], &["status", "medication[x]", "dosage"]),
        (&["Condition"], &["clinicalStatus", "verificationStatus", "code"]),
        (
            &["Immunization"],
            &["status", "isSubpotent", "vaccineCode", "occurrence[x]"],
        ),
        (
            &["Observation"],
            &["status", "value[x]", "code", "component.value[x]"],
        ),
        (&["DiagnosticReport"], &["status", "code"]),
        (&["ServiceRequest"], &["status", "intent", "doNotPerform"]),
        (&["CarePlan"], &["status", "intent"]),
        (
            &[
                "Encounter",
                "Procedure",
                "DocumentReference",
                "Coverage",
                "MedicationDispense",
                "Consent",
                "Flag",
            ],
            &["status"],
        ),
        (
            &["Consent"],
            &[
                "scope",
                "provision.type",
                "provision.provision.actor",
                "policyRule",
            ],
        ),
        (&["Flag"], &["code", "period", "category"]),
    ];
    for (kinds, paths) in table {
        for kind in *kinds {
            for path in *paths {
                assert!(
                    definitions().field_at(kind, path).is_some(),
                    "{kind}.{path} exists"
                );
                assert!(critical(kind, path).is_some(), "{kind}.{path}");
            }
        }
    }
    assert_eq!(child_critical("Patient", "identifier"), ["use"]);
    assert_eq!(child_critical("Patient", "name"), ["use"]);
    for (kind, path) in [
        ("Patient", "telecom"),
        ("Patient", "name"),
        ("Patient", "maritalStatus"),
    ] {
        assert!(critical(kind, path).is_none(), "{kind}.{path} is no emergency");
    }
    assert!(critical("Consent", "meta.tag").is_none());
}

#[test]
fn every_modifier_of_the_definitions_is_critical() {
    let d = definitions();
    let mut seen = 0;
    for kind in kinds() {
        each_element(d, kind, &mut |path, element| {
            if element.is_modifier {
                seen += 1;
                assert!(critical(kind, path).is_some(), "{kind}.{path}");
            }
            for t in &element.types {
                let of = d.type_of(t.code).unwrap();
                if of.kind != TypeKind::Datatype || element.backbone.is_some() {
                    continue;
                }
                for child in d
                    .composite(of.composite)
                    .unwrap()
                    .elements()
                    .filter(|e| e.is_modifier)
                {
                    let children = child_critical(kind, path);
                    assert!(children.contains(&child.name), "{kind}.{path}.{}", child.name);
                }
            }
        });
    }
    assert!(seen > 300, "{seen}");
    assert_eq!(child_critical("Patient", "telecom"), ["use"]);
    assert_eq!(child_critical("Patient", "address"), ["use"]);
    assert_eq!(child_critical("Patient", "contact.telecom"), ["use"]);
    assert_eq!(
        child_critical("Observation", "referenceRange.low"),
        ["comparator"]
    );
    assert!(child_critical("Patient", "contact").is_empty());
}

/// A group a kind: what is critical in it, its modifiers, and whom it is about.
#[test]
fn every_kind_has_one_group_of_all_that_turns_its_meaning() {
    let subjects = ["subject", "patient", "beneficiary", "individual", "candidate"];
    let mut subjects_seen = 0;
    for kind in kinds() {
        let top: Vec<_> = definitions().resource(kind).unwrap().elements().collect();
        let modifiers = top.iter().filter(|element| element.is_modifier).count();
        let found = groups(kind);
        assert_eq!(
            found.len(),
            usize::from(modifiers > 1 || kind == "Patient"),
            "{kind}"
        );
        let members: Vec<&str> = found.iter().flat_map(|group| group.members).copied().collect();
        let once: std::collections::BTreeSet<&&str> = members.iter().collect();
        assert_eq!(once.len(), members.len(), "{kind}: {members:?}");
        for member in &members {
            assert!(
                top.iter().any(|element| element.name == *member),
                "{kind}.{member}"
            );
        }
        if kind == "Patient" {
            assert_eq!(members, ["active", "deceased[x]", "link"]);
            continue;
        }
        if members.is_empty() {
            continue;
        }
        let is_all_critical = critical(kind, "text").is_some();
        for element in top {
            let is_subject = subjects.contains(&element.name);
            subjects_seen += usize::from(is_subject);
            let is_told = critical(kind, element.name).is_some() && !is_all_critical;
            if element.is_modifier || is_subject || is_told {
                assert!(members.contains(&element.name), "{kind}.{}", element.name);
            }
        }
    }
    assert!(subjects_seen > 60, "{subjects_seen}");
}

#[test]
fn shapes_follow_the_definitions() {
    for (kind, path, shape) in [
        ("Patient", "name", Shape::List { identity: &["use"] }),
        (
            "Patient",
            "telecom",
            Shape::List {
                identity: &["system", "value"],
            },
        ),
        ("Patient", "deceased[x]", Shape::Register),
        ("Patient", "deceasedBoolean", Shape::Register),
        ("Patient", "birthDate", Shape::Register),
        (
            "Patient",
            "contact",
            Shape::BackboneList {
                identity: &["relationship.coding.system", "relationship.coding.code"],
            },
        ),
        ("Patient", "contact.name", Shape::Register),
        (
            "Patient",
            "contact.telecom",
            Shape::List {
                identity: &["system", "value"],
            },
        ),
        ("Patient", "contact.extension", Shape::List { identity: &["url"] }),
        (
            "Patient",
            "contained",
            Shape::List {
                identity: &["resourceType", "id"],
            },
        ),
        ("Patient", "meta", Shape::Group),
        ("Patient", "meta.tag", Shape::Set),
        ("Patient", "meta.versionId", Shape::Ignore),
        ("Patient", "meta.source", Shape::Register),
        ("Patient", "text", Shape::Register),
        ("Encounter", "hospitalization", Shape::Backbone),
        ("Encounter", "hospitalization.dietPreference", {
            Shape::List {
                identity: &["coding.system", "coding.code"],
            }
        }),
        (
            "Questionnaire",
            "item.item",
            Shape::BackboneList {
                identity: &["linkId"],
            },
        ),
        ("Questionnaire", "item.item.item.prefix", Shape::Register),
        (
            "Questionnaire",
            "item.item.code",
            Shape::List {
                identity: &["system", "code"],
            },
        ),
        ("Patient", "unheardOf", Shape::Register),
        ("Zebra", "stripes", Shape::Register),
    ] {
        assert_eq!(element(kind, path), shape, "{kind}.{path}");
    }
}

/// By what an element of a repeating datatype is known again when it was edited at two places: every
/// datatype that repeats anywhere in R4. Those without identity are known by their whole content.
#[test]
fn elements_of_repeating_datatypes_are_known_again_by_what_identifies_them() {
    #[rustfmt::skip]
    let table: std::collections::BTreeMap<&str, &[&str]> = [
        ("Address", &["use", "type"] as &[&str]),
        ("Annotation", &["time"]),
        ("Attachment", &["url"]),
        ("CodeableConcept", &["coding.system", "coding.code"]),
        ("Coding", &["system", "code"]),
        ("ContactDetail", &["name"]),
        ("ContactPoint", &["system", "value"]),
        ("DataRequirement", &[]),
        ("Dosage", &["sequence", "timing.code.text", "route.coding.code"]),
        ("ElementDefinition", &[]),
        ("Extension", &["url"]),
        ("HumanName", &["use"]),
        ("Identifier", &["system", "value"]),
        ("MarketingStatus", &[]),
        ("ParameterDefinition", &["name"]),
        ("Period", &["start"]),
        ("Population", &[]),
        ("ProductShelfLife", &[]),
        ("Quantity", &["system", "code", "currency"]),
        ("Reference", &["reference", "identifier.system", "identifier.value"]),
        ("RelatedArtifact", &["type", "url", "resource"]),
        ("Resource", &["resourceType", "id"]),
        ("Signature", &["who.reference"]),
        ("Timing", &[]),
        ("TriggerDefinition", &["name"]),
        ("UsageContext", &["code.system", "code.code"]),
        ("canonical", &[]),
        ("code", &[]),
        ("decimal", &[]),
        ("id", &[]),
        ("integer", &[]),
        ("markdown", &[]),
        ("positiveInt", &[]),
        ("string", &[]),
        ("unsignedInt", &[]),
        ("uri", &[]),
    ]
    .into();
    let mut found = std::collections::BTreeMap::new();
    for kind in kinds() {
        each_element(definitions(), kind, &mut |path, _| {
            let Shape::List { identity } = element(kind, path) else {
                return;
            };
            let code = definitions()
                .field_at(kind, path)
                .unwrap()
                .type_ref()
                .unwrap()
                .code;
            let before = found.insert(code, identity);
            assert!(
                before.is_none_or(|before| before == identity),
                "{kind}.{path}: {code}"
            );
        });
    }
    assert_eq!(found, table);
}

#[test]
fn choice_keys_name_their_element_and_type() {
    assert_eq!(
        choice_base("Observation", "", "valueQuantity"),
        Some(("value[x]", "Quantity"))
    );
    assert_eq!(
        choice_base("Observation", "component", "valueString"),
        Some(("value[x]", "String"))
    );
    assert_eq!(
        choice_base("Patient", "", "deceasedBoolean"),
        Some(("deceased[x]", "Boolean"))
    );
    assert_eq!(choice_base("Patient", "", "birthDate"), None);
    assert_eq!(choice_base("Patient", "", "value[x]"), None);
    assert_eq!(choice_base("Zebra", "", "valueQuantity"), None);
}

#[test]
fn every_rank_names_codes_that_exist() {
    let d = definitions();
    for kind in kinds() {
        each_element(d, kind, &mut |path, element| {
            let Some(Critical {
                safer: Safer::Rank(codes),
            }) = critical(kind, path)
            else {
                return;
            };
            let Some(set) = element.code_set() else { return };
            for (_, allowed) in &set.systems {
                for code in allowed {
                    assert!(codes.contains(code), "{kind}.{path}: {code} has no rank");
                }
            }
        });
    }
}

/// The shapes and groups decide how records are encoded, so they are frozen with the record
/// format. If this fails, every record ever written would be read differently: change the table
/// back, or raise the format's version and migrate.
#[test]
fn shapes_are_frozen_with_the_record_format() {
    let d = definitions();
    let mut lines = 0;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |text: &str| {
        lines += 1;
        hash = text.bytes().fold(hash, |hash, b| {
            (hash ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        });
    };
    for kind in kinds() {
        // Identities only align an edit; they are no part of what is stored.
        let mut one = |path: &str| {
            let name = match element(kind, path) {
                Shape::Register => "register",
                Shape::List { .. } => "list",
                Shape::Backbone => "backbone",
                Shape::BackboneList { .. } => "backbones",
                Shape::Set => "set",
                Shape::Group => "group",
                Shape::Ignore => "ignore",
            };
            add(&format!("{kind}.{path} {name}\n"));
        };
        each_element(d, kind, &mut |path, _| one(path));
        [
            "profile",
            "tag",
            "security",
            "versionId",
            "lastUpdated",
            "source",
            "extension",
        ]
        .iter()
        .for_each(|name| one(&format!("meta.{name}")));
        add(&format!("{kind} {:?}\n", groups(kind)));
    }
    assert_eq!(
        (lines, format!("{hash:016x}").as_str()),
        (9840, "36b1dd32acc21b1f")
    );
}
