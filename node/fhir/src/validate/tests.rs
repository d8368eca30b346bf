//! What passes, what is named, and the official corpora.

use chaski_json::{Json, json};

use super::*;

mod formats;
mod shapes;

/// Issues as `code expression`.
fn issues(record: &Json) -> Vec<String> {
    validate(record)
        .iter()
        .map(|issue| format!("{} {}", issue.code, issue.expression))
        .collect()
}

#[test]
fn whole_records_pass() {
    let record = json!({
        "resourceType": "Patient", "id": "p1",
        "_birthDate": {"extension": [{"url": "http://x", "valueDateTime": "1970-01-01T01:02:03Z"}]},
        "birthDate": "1970-01-01", "gender": "other", "multipleBirthInteger": 2,
        "name": [{"given": ["A", null], "_given": [null, {"extension": [{"url": "http://x", "valueCode": "y"}]}]}],
        "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
        "managingOrganization": {"reference": "#o"},
        "generalPractitioner": [{"reference": "Practitioner/1"}, {"identifier": {"value": "7"}}],
        "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},
    });
    assert_eq!(issues(&record), Vec::<String>::new());
}

#[test]
fn what_is_not_fhir_is_named_by_its_path() {
    for (record, expected) in [
        (json!([]), "structure "),
        (json!({"id": "x"}), "structure "),
        (json!({"resourceType": "Zebra"}), "not-supported "),
        (json!({"resourceType": "DomainResource"}), "not-supported "),
        (
            json!({"resourceType": "Patient", "colour": "red"}),
            "structure Patient",
        ),
        (
            json!({"resourceType": "Patient", "deceased[x]": true}),
            "structure Patient",
        ),
        (
            json!({"resourceType": "Patient", "name": {"text": "x"}}),
            "structure Patient.name",
        ),
        (
            json!({"resourceType": "Patient", "gender": ["male"]}),
            "structure Patient.gender",
        ),
        (
            json!({"resourceType": "Patient", "gender": "man"}),
            "code-invalid Patient.gender",
        ),
        (
            json!({"resourceType": "Patient", "gender": null}),
            "structure Patient.gender",
        ),
        (
            json!({"resourceType": "Patient", "name": []}),
            "structure Patient.name",
        ),
        (
            json!({"resourceType": "Patient", "name": [{}]}),
            "structure Patient.name[0]",
        ),
        (
            json!({"resourceType": "Patient", "name": [{"given": [null]}]}),
            "structure Patient.name[0].given[0]",
        ),
        (
            json!({"resourceType": "Patient", "name": ["x"]}),
            "structure Patient.name[0]",
        ),
        (
            json!({"resourceType": "Patient", "active": "true"}),
            "value Patient.active",
        ),
        (
            json!({"resourceType": "Patient", "birthDate": "1970-02-30"}),
            "value Patient.birthDate",
        ),
        (
            json!({"resourceType": "Patient", "id": "a_b"}),
            "value Patient.id",
        ),
        (
            json!({"resourceType": "Patient", "deceasedBoolean": true, "deceasedDateTime": "2020"}),
            "structure Patient.deceased",
        ),
        (
            json!({"resourceType": "Patient", "contact": [{"gender": "x"}]}),
            "code-invalid Patient.contact[0].gender",
        ),
        (
            json!({"resourceType": "Patient", "link": [{"type": "refer"}]}),
            "required Patient.link[0].other",
        ),
        (
            json!({"resourceType": "Patient", "managingOrganization": {"reference": "the one"}}),
            "value Patient.managingOrganization",
        ),
        (
            json!({"resourceType": "Patient", "managingOrganization": {"reference": "#gone"}}),
            "not-found Patient.managingOrganization",
        ),
        (
            json!({"resourceType": "Patient", "extension": [{"url": "http://x"}]}),
            "invariant Patient.extension[0]",
        ),
        (
            json!({"resourceType": "Patient", "_name": {"id": "x"}}),
            "structure Patient",
        ),
        (
            json!({"resourceType": "Patient", "_gender": {"value": "x"}}),
            "structure Patient.gender",
        ),
        (
            json!({"resourceType": "Patient", "contained": [{"resourceType": "Organization", "name": "x"}]}),
            "required Patient.contained[0]",
        ),
        (
            json!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient", "x": 1}}]}),
            "structure Bundle.entry[0].resource",
        ),
        (
            json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueQuantity": {"value": "5"}}),
            "value Observation.value.ofType(Quantity).value",
        ),
        (
            json!({"resourceType": "Observation", "status": "final"}),
            "required Observation.code",
        ),
        (
            json!({"resourceType": "Condition", "subject": {"reference": "Patient/1"},
                   "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "done"}]}}),
            "code-invalid Condition.clinicalStatus",
        ),
    ] {
        assert_eq!(issues(&record), [expected], "{record:?}");
    }
}

#[test]
fn what_is_unwise_is_a_warning() {
    for record in [
        json!({"resourceType": "Patient", "managingOrganization": {"reference": "Patient/1"}}),
        json!({"resourceType": "Patient", "implicitRules": "urn:oid:1.02"}),
        json!({"resourceType": "Patient", "implicitRules": "urn:uuid:5B0E"}),
    ] {
        let issues = validate(&record);
        assert_eq!(issues.len(), 1, "{record:?}");
        assert!(!has_errors(&issues), "{record:?}");
    }
    let card = json!({"resourceType": "Patient", "managingOrganization": {"reference": "resource:0"}});
    assert!(validate(&card).is_empty());
}

/// Resources of the kit's folder of official examples, each with its file name.
fn official_examples() -> Vec<(String, Json)> {
    let kit = std::env::var("CHASKI_KIT").unwrap_or_else(|_| "../../../shared/kit".to_owned());
    let Ok(packed) = std::fs::read(format!("{kit}/r4-examples/spec-examples-r4.tar.gz")) else {
        return Vec::new();
    };
    let mut tar = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut tar).unwrap();
    let mut found = Vec::new();
    let mut at = 0;
    // A tar file is blocks of 512 bytes: a header with name and octal size, then the content.
    while at + 512 <= tar.len() && tar[at] != 0 {
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&tar[at + range.start..at + range.end])
                .trim_end_matches('\0')
                .to_owned()
        };
        let (name, size) = (
            text(0..100),
            usize::from_str_radix(text(124..135).trim(), 8).unwrap(),
        );
        let content = &tar[at + 512..at + 512 + size];
        if name.ends_with(".json") {
            found.push((
                name,
                chaski_json::parse(content, &chaski_json::Limits::default()).unwrap(),
            ));
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    found
}

#[test]
fn official_examples_pass_but_those_known_to_be_wrong() {
    let examples = official_examples();
    if examples.is_empty() {
        println!("SKIPPED: no official examples in the kit");
        return;
    }
    assert_eq!(examples.len(), 732);
    for (name, record) in examples {
        let mut issues = validate(&record);
        issues.retain(|issue| issue.severity == Severity::Error);
        // Forms that HL7's publisher generated lack the required linkId of their groups, and
        // three search parameters lack the required base: the examples are wrong.
        issues.retain(|issue| {
            !(issue.code == "required"
                && (issue.expression.ends_with(".linkId") || issue.expression == "SearchParameter.base"))
        });
        assert!(issues.is_empty(), "{name}: {issues:?}");
    }
}

#[test]
fn depth_and_number_of_issues_are_bounded() {
    let mut extension = json!({"url": "http://x", "valueCode": "y"});
    for _ in 0..150 {
        extension = json!({"url": "http://x", "extension": [extension]});
    }
    let deep = json!({"resourceType": "Patient", "extension": [extension]});
    assert!(issues(&deep)[0].starts_with("too-long "));
    let names: Json = (0..500).map(|_| json!({})).collect();
    assert_eq!(
        validate(&json!({"resourceType": "Patient", "name": names})).len(),
        ISSUES_MAX
    );
}

#[test]
fn primitives_have_their_formats() {
    for (type_code, good, bad) in [
        (
            "date",
            &["1970", "1970-01", "1970-01-31"][..],
            &["1970-01-01T00:00:00Z", "1970-1-1", "70"][..],
        ),
        (
            "dateTime",
            &["1970", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.123+05:30"],
            &["1970-01-01T00:00:00", "1970-01-01T00:00Z"],
        ),
        ("instant", &["1970-01-01T00:00:00Z"], &["1970", "1970-01-01"]),
        (
            "time",
            &["10:20:30", "10:20:30.5"],
            &["10:20", "10:20:30Z", "25:00:00"],
        ),
        ("code", &["a", "a b"], &[" a", "a ", "a  b", ""]),
        ("id", &["a.B-1"], &["a/b", ""]),
        ("uri", &["http://x", "urn:x"], &["http://x y", ""]),
        (
            "oid",
            &["urn:oid:1.2.840"],
            &["1.2.840", "urn:oid:1.02", "urn:oid:3.1"],
        ),
        (
            "uuid",
            &["urn:uuid:5b0e3c0e-6a7d-5d0c-9b1f-2d7f0c9a4e11"],
            &["5b0e3c0e-6a7d-5d0c-9b1f-2d7f0c9a4e11"],
        ),
        (
            "base64Binary",
            &["AAAA", "AA==", "AAAA\r\nAAA="],
            &["AAA", "A?AA", "AA==AA=="],
        ),
        ("string", &["x", "a\nb"], &["", " ", "a\u{1}b"]),
        (
            "xhtml",
            &["<div>x</div>", "<div xmlns='x'/>"],
            &["x", "<divx></div>", "<p/>"],
        ),
    ] {
        for text in good {
            assert_eq!(
                primitive::check(type_code, &json!(*text)),
                Ok(()),
                "{type_code} {text}"
            );
        }
        for text in bad {
            assert!(
                primitive::check(type_code, &json!(*text)).is_err(),
                "{type_code} {text}"
            );
        }
    }
    for (type_code, good, bad) in [
        ("integer", json!(-3), json!(1.0)),
        ("positiveInt", json!(1), json!(0)),
        ("unsignedInt", json!(0), json!(-1)),
        ("decimal", json!(1.50), json!("1.5")),
        ("boolean", json!(true), json!(1)),
    ] {
        assert_eq!(primitive::check(type_code, &good), Ok(()), "{type_code}");
        assert!(primitive::check(type_code, &bad).is_err(), "{type_code}");
    }
}

/// The R4 JSON inputs of the HL7 validator's corpus, by file, with whether its outcome has errors.
fn validator_corpus(kit: &str) -> Vec<(String, Vec<u8>, bool)> {
    let read = |path: &str| std::fs::read(format!("{kit}/validation/{path}")).ok();
    let json = |path: &str| Some(chaski_json::parse(&read(path)?, &chaski_json::Limits::default()).unwrap());
    let Some(manifest) = json("manifest.json") else {
        return Vec::new();
    };
    let text = |case: &Json, key: &str| {
        case.get(key)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut found = Vec::new();
    for case in manifest.get("test-cases").and_then(Json::as_array).unwrap() {
        let (file, java) = (text(case, "file"), text(case, "java"));
        if !text(case, "version").starts_with("4.0") || !file.ends_with(".json") {
            continue;
        }
        let outcome = java
            .rsplit('/')
            .next()
            .and_then(|name| json(&format!("outcomes-java/{name}")));
        let (Some(input), Some(outcome)) = (read(&format!("inputs/{file}")), outcome) else {
            continue;
        };
        let issues = outcome
            .get("outcome")
            .unwrap_or(&outcome)
            .get("issue")
            .and_then(Json::as_array);
        let is_error = |issue: &Json| matches!(text(issue, "severity").as_str(), "error" | "fatal");
        found.push((
            file,
            input,
            issues.is_some_and(|issues| issues.iter().any(is_error)),
        ));
    }
    found
}

#[test]
fn the_validators_corpus_raises_no_false_alarm() {
    let kit = std::env::var("CHASKI_KIT").unwrap_or_else(|_| "../../../shared/kit".to_owned());
    let corpus = validator_corpus(&kit);
    if corpus.is_empty() {
        println!("SKIPPED: no corpus of the validator in the kit");
        return;
    }
    let (mut false_alarms, mut agreed, mut missed) = (Vec::new(), 0, 0);
    for (file, input, expects_errors) in &corpus {
        let ours = match chaski_json::parse(input, &chaski_json::Limits::default()) {
            Ok(record) => has_errors(&validate(&record)),
            Err(_) => true,
        };
        match (ours, expects_errors) {
            (true, false) => false_alarms.push(file.as_str()),
            (false, true) => missed += 1,
            _ => agreed += 1,
        }
    }
    eprintln!(
        "{} inputs: {agreed} as the validator, {missed} beyond structure missed",
        corpus.len()
    );
    // An id of 65 characters, and comments in JSON (which that case switches on).
    assert_eq!(false_alarms, ["contained-resource.json", "json-comments-1.json"]);
    // What is missed is terminology, profiles, invariants and business rules.
    assert!(agreed >= 63, "{agreed}");
}

/// Any JSON, some of it with the names that matter.
fn any_json() -> impl proptest::strategy::Strategy<Value = Json> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "[ -~]{0,12}".prop_map(Json::from),
        prop_oneof![
            Just("Patient/1"),
            Just("2020-01-01"),
            Just("#x"),
            Just("<div>x</div>")
        ]
        .prop_map(Json::from),
    ];
    let key = prop_oneof![
        "[a-zA-Z_]{1,8}",
        proptest::sample::select(vec![
            "name",
            "_given",
            "given",
            "subject",
            "reference",
            "extension",
            "url",
            "valueQuantity",
            "value",
            "contained",
            "contact",
            "deceasedDateTime",
            "deceasedBoolean",
            "meta",
            "tag",
            "code",
            "coding",
            "component",
            "id",
            "resourceType",
            "effectivePeriod",
            "start",
            "identifier",
            "telecom",
            "link",
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(key.clone(), inner, 0..5).prop_map(Json::Object),
        ]
    })
}

proptest::proptest! {
    #[test]
    fn no_json_panics(json in any_json(), kind in proptest::sample::select(vec!["Patient", "Observation", "Bundle"])) {
        let mut json = json;
        if let Some(members) = json.as_object_mut() {
            members.insert("resourceType".to_owned(), Json::from(kind));
        }
        validate(&json);
        crate::search::extract(&json);
        crate::compartment::patients_of(&json);
        crate::reference::relativise(&mut json, &["http://x"]);
    }
}
