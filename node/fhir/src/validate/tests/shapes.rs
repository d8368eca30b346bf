//! What must be there, which codes count, and what may stand beside what.

use super::*;
use crate::definitions::{definitions, resource_kinds};

/// The issues of a resource given as text.
fn of(text: &str) -> Vec<String> {
    issues(&chaski_json::parse_str(text).unwrap())
}

#[test]
fn a_record_lacks_each_element_that_it_must_have() {
    for (kind, elements) in [
        (
            "MedicationRequest",
            &["intent", "medication", "status", "subject"][..],
        ),
        ("MedicationStatement", &["medication", "status", "subject"]),
        (
            "MedicationAdministration",
            &["effective", "medication", "status", "subject"],
        ),
        ("MedicationDispense", &["medication", "status"]),
        (
            "Immunization",
            &["occurrence", "patient", "status", "vaccineCode"],
        ),
        ("AllergyIntolerance", &["patient"]),
        ("Condition", &["subject"]),
        ("Observation", &["code", "status"]),
        ("Procedure", &["status", "subject"]),
        ("Encounter", &["class", "status"]),
        ("DetectedIssue", &["status"]),
        ("Patient", &[]),
    ] {
        let mut found = of(&format!(r#"{{"resourceType":"{kind}"}}"#));
        found.sort();
        let wanted = elements.iter().map(|name| format!("required {kind}.{name}"));
        assert_eq!(found, wanted.collect::<Vec<_>>());
    }
    // The same of every kind, as its definition says.
    let mut choices = 0;
    for kind in resource_kinds() {
        let mut found = of(&format!(r#"{{"resourceType":"{kind}"}}"#));
        found.sort();
        let needed = definitions().resource(kind).unwrap().elements();
        let needed: Vec<_> = needed.filter(|element| element.min > 0).collect();
        choices += needed
            .iter()
            .filter(|element| element.name.ends_with("[x]"))
            .count();
        let mut wanted: Vec<String> = needed
            .iter()
            .map(|element| format!("required {kind}.{}", element.name.trim_end_matches("[x]")))
            .collect();
        wanted.sort();
        assert_eq!(found, wanted);
    }
    assert!(choices > 10, "{choices}");
}

#[test]
fn a_choice_that_must_be_there_is_there_by_any_of_its_types() {
    let with = |member: &str| {
        of(&format!(
            r#"{{"resourceType":"Immunization","status":"completed","vaccineCode":{{"text":"x"}},
                "patient":{{"reference":"Patient/1"}}{member}}}"#
        ))
    };
    let absent = r#"{"extension":[{"url":"http://x","valueCode":"unknown"}]}"#;
    for member in [
        r#","occurrenceDateTime":"2020""#.to_owned(),
        r#","occurrenceString":"as a child""#.to_owned(),
        format!(r#","_occurrenceDateTime":{absent}"#),
        format!(r#","occurrenceString":"x","_occurrenceString":{absent}"#),
    ] {
        assert_eq!(with(&member), Vec::<String>::new(), "{member}");
    }
    for member in ["", r#","recorded":"2020""#, r#","expirationDate":"2020""#] {
        assert_eq!(with(member), ["required Immunization.occurrence"], "{member}");
    }
    // Of a plain element what stands beside it is enough too.
    let plain = format!(r#"{{"resourceType":"Observation","_status":{absent},"code":{{"text":"x"}}}}"#);
    assert_eq!(of(&plain), Vec::<String>::new());
    // One type of a choice, whatever stands beside it.
    for member in [
        r#","occurrenceDateTime":"2020","occurrenceString":"x""#.to_owned(),
        format!(r#","occurrenceDateTime":"2020","_occurrenceString":{absent}"#),
        format!(r#","_occurrenceDateTime":{absent},"_occurrenceString":{absent}"#),
    ] {
        assert_eq!(with(&member), ["structure Immunization.occurrence"], "{member}");
    }
}

#[test]
fn a_code_counts_in_its_own_system_only() {
    let (clinical, verified) = (
        "http://terminology.hl7.org/CodeSystem/condition-clinical",
        "http://terminology.hl7.org/CodeSystem/condition-ver-status",
    );
    let coding = |system: &str, code: &str| match system {
        "" => format!(r#"{{"code":"{code}"}}"#),
        system => format!(r#"{{"system":"{system}","code":"{code}"}}"#),
    };
    for (codings, passes) in [
        (vec![coding(clinical, "active")], true),
        (vec![coding("", "active")], true),
        (vec![coding("", "confirmed")], false),
        (vec![coding("urn:other", "active")], false),
        (vec![coding(verified, "active")], false),
        (vec![coding(verified, "confirmed")], false),
        (vec![coding(clinical, "confirmed")], false),
        (vec![coding(clinical, "Active")], false),
        // One of them is enough; words alone name no code.
        (vec![coding("urn:other", "x"), coding(clinical, "resolved")], true),
        (
            vec![coding("urn:other", "x"), coding("urn:other", "active")],
            false,
        ),
        (vec![r#"{"display":"x"}"#.to_owned()], true),
        (vec![format!(r#"{{"system":"{clinical}"}}"#)], true),
    ] {
        let codings = codings.join(",");
        let found = of(&format!(
            r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/1"}},"clinicalStatus":{{"coding":[{codings}]}}}}"#
        ));
        let wanted: &[&str] = if passes {
            &[]
        } else {
            &["code-invalid Condition.clinicalStatus"]
        };
        assert_eq!(found, wanted, "{codings}");
    }
}

#[test]
fn every_required_code_is_of_the_systems_that_are_listed_with_it() {
    let mut sets = 0;
    for element in definitions().elements() {
        let Some(set) = element.code_set() else { continue };
        sets += 1;
        for (system, codes) in &set.systems {
            assert!(!codes.is_empty() && codes.is_sorted(), "{}", element.path);
            for code in codes {
                assert!(
                    set.has_code(code) && set.has_coding(system, code),
                    "{system}|{code}"
                );
                assert!(!set.has_coding("urn:other", code), "{code}");
                assert!(!set.has_coding("", code), "{code}");
                assert!(!set.has_coding(system, &format!("{code}x")), "{code}");
                for (other, theirs) in &set.systems {
                    assert_eq!(
                        set.has_coding(other, code),
                        theirs.contains(code),
                        "{other}|{code}"
                    );
                }
            }
        }
    }
    assert!(sets > 100, "{sets}");
    // Where a definition asks for a coding, not for a code alone, the system is told too.
    let coded = definitions().elements().iter().filter(|element| {
        let of_concept = |code: &str| matches!(code, "CodeableConcept" | "Coding");
        element.code_set().is_some() && element.types.iter().any(|own| of_concept(own.code))
    });
    assert!(coded.count() > 5);
}

#[test]
fn what_stands_beside_a_value_has_its_shape_and_length() {
    let note = r#"{"extension":[{"url":"http://x","valueCode":"y"}]}"#;
    for (members, wanted) in [
        (format!(r#""given":["A"],"_given":[{note}]"#), ""),
        (format!(r#""given":["A","B"],"_given":[null,{note}]"#), ""),
        (format!(r#""given":["A",null],"_given":[null,{note}]"#), ""),
        (format!(r#""_given":[{note}]"#), ""),
        (
            format!(r#""given":["A","B"],"_given":[{note}]"#),
            "structure Patient.name[0].given",
        ),
        (
            format!(r#""given":["A"],"_given":[{note},{note}]"#),
            "structure Patient.name[0].given",
        ),
        (
            format!(r#""given":["A"],"_given":{note}"#),
            "structure Patient.name[0].given",
        ),
        (
            r#""_given":[null]"#.to_owned(),
            "structure Patient.name[0].given[0]",
        ),
        (
            r#""given":["A"],"_given":["x"]"#.to_owned(),
            "structure Patient.name[0].given[0]",
        ),
        (
            r#""given":["A"],"_given":[{}]"#.to_owned(),
            "structure Patient.name[0].given[0]",
        ),
        (format!(r#""family":"A","_family":{note}"#), ""),
        (
            format!(r#""family":"A","_family":[{note}]"#),
            "structure Patient.name[0].family",
        ),
        (
            r#""family":"A","_family":"x""#.to_owned(),
            "structure Patient.name[0].family",
        ),
        (
            r#""family":"A","_family":null"#.to_owned(),
            "structure Patient.name[0].family",
        ),
        (
            format!(r#""family":"A","_period":{note}"#),
            "structure Patient.name[0]",
        ),
    ] {
        let found = of(&format!(r#"{{"resourceType":"Patient","name":[{{{members}}}]}}"#));
        let wanted: Vec<&str> = Some(wanted).filter(|one| !one.is_empty()).into_iter().collect();
        assert_eq!(found, wanted, "{members}");
    }
}

#[test]
fn what_a_reference_names_is_there_or_elsewhere() {
    for (reference, wanted) in [
        ("Organization/1", ""),
        ("Organization/1/_history/2", ""),
        ("http://other.example/fhir/Organization/1", ""),
        ("urn:uuid:5b0e3c0e-6a7d-5d0c-9b1f-2d7f0c9a4e11", ""),
        ("Organization?identifier=urn:s|1", ""),
        ("resource:0", ""),
        ("#o", ""),
        ("#", ""),
        ("#p", "not-found Patient.managingOrganization"),
        ("Zebra/1", "value Patient.managingOrganization"),
        ("Zebra?identifier=1", "value Patient.managingOrganization"),
        ("organization 1", "value Patient.managingOrganization"),
        (":x", "value Patient.managingOrganization"),
        ("1x:y", "value Patient.managingOrganization"),
        ("x:", "value Patient.managingOrganization"),
    ] {
        let found = of(&format!(
            r##"{{"resourceType":"Patient","contained":[{{"resourceType":"Organization","id":"o","name":"O"}}],
                "managingOrganization":{{"reference":"{reference}"}},"generalPractitioner":[{{"reference":"#o"}}]}}"##
        ));
        let wanted: Vec<&str> = Some(wanted).filter(|one| !one.is_empty()).into_iter().collect();
        assert_eq!(found, wanted, "{reference}");
    }
    // Of two records in a bundle neither holds what the other contains.
    let entry = |members: &str| {
        format!(
            r##"{{"resource":{{"resourceType":"Patient"{members},"managingOrganization":{{"reference":"#o"}}}}}}"##
        )
    };
    let own = r#","contained":[{"resourceType":"Organization","id":"o","name":"O"}]"#;
    let bundle = |entries: [String; 2]| {
        of(&format!(
            r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#,
            entries.join(",")
        ))
    };
    let lost = |at: usize| {
        [format!(
            "not-found Bundle.entry[{at}].resource.managingOrganization"
        )]
    };
    assert_eq!(bundle([entry(own), entry("")]), lost(1));
    assert_eq!(bundle([entry(""), entry(own)]), lost(0));
    assert_eq!(bundle([entry(own), entry(own)]), Vec::<String>::new());
}

#[test]
fn extensions_and_what_is_contained_keep_their_rules() {
    let inner = r#"{"url":"http://y","valueCode":"y"}"#;
    for (members, wanted) in [
        (r#""extension":[{"url":"http://x","valueString":"x"}]"#.to_owned(), ""),
        (format!(r#""extension":[{{"url":"http://x","extension":[{inner}]}}]"#), ""),
        (format!(r#""extension":[{{"url":"http://x","_valueString":{{"extension":[{inner}]}}}}]"#), ""),
        (
            format!(r#""extension":[{{"url":"http://x","valueString":"x","extension":[{inner}]}}]"#),
            "invariant Patient.extension[0]",
        ),
        (
            r#""extension":[{"valueString":"x"}]"#.to_owned(),
            "required Patient.extension[0].url",
        ),
        (
            format!(r#""modifierExtension":[{{"url":"http://x","valueString":"x","extension":[{inner}]}}]"#),
            "invariant Patient.modifierExtension[0]",
        ),
        (
            r#""contained":[{"resourceType":"Organization","id":"o","name":"O","contained":[{"resourceType":"Basic","id":"b","code":{"text":"x"}}]}]"#
                .to_owned(),
            "invariant Patient.contained[0]",
        ),
        (r#""contained":["x"]"#.to_owned(), "structure Patient.contained[0]"),
        (r#""contained":[{"id":"o"}]"#.to_owned(), "structure Patient.contained[0]"),
        (r#""contained":[{"resourceType":"Zebra","id":"o"}]"#.to_owned(), "not-supported Patient.contained[0]"),
    ] {
        let found = of(&format!(r#"{{"resourceType":"Patient",{members}}}"#));
        let wanted: Vec<&str> = Some(wanted).filter(|one| !one.is_empty()).into_iter().collect();
        assert_eq!(found, wanted, "{members}");
    }
    // In a bundle a record needs no id, and what it is called is not told in full.
    let long = "x".repeat(500);
    let unknown =
        validate(&chaski_json::parse_str(&format!(r#"{{"resourceType":"Patient","{long}":1}}"#)).unwrap());
    assert_eq!(unknown.len(), 1);
    assert!(unknown[0].diagnostics.len() < 100, "{}", unknown[0].diagnostics);
}
