//! What is refused, also of who asks to be treated leniently: leaving out a name that nobody knows
//! is one thing, leaving out a filter that was understood makes the answer everybody's.

use super::*;

/// What FHIR knows and is not done here, or is done only with a lookup.
const NOT_DONE: &[(&str, &str)] = &[
    ("_filter", "name eq ana"),
    ("_query", "current"),
    ("_content", "tuberculosis"),
    ("_text", "tuberculosis"),
    ("_list", "42"),
    ("_type", "Patient"),
    ("_contained", "true"),
    ("_containedType", "container"),
    ("_include", "Patient:organization"),
    ("_include:iterate", "Patient:organization"),
    ("_revinclude", "Observation:patient"),
    ("_revinclude:iterate", "Observation:patient"),
];
const CHAINS: &[(&str, &str)] = &[
    ("organization.name", "posta"),
    ("general-practitioner:Practitioner.name", "ana"),
    ("nonsense.name", "ana"),
    ("_has:Observation:patient:code", "1"),
    ("_has", "1"),
];

const WRONG: &[(&str, &str)] = &[
    ("Patient", "name:sounds=x"),
    ("Patient", "gender:exact=male"),
    ("Patient", "gender:in=http://x"),
    ("Patient", "identifier:of-type=a|b|c"),
    ("Observation", "code:below=1"),
    ("Patient", "_profile:below=http://x"),
    ("Patient", "birthdate=1970-13"),
    ("Patient", "birthdate=soon"),
    ("Patient", "birthdate:missing=perhaps"),
    ("Patient", "name="),
    ("Patient", "identifier=a|b|c"),
    ("Patient", "identifier=|"),
    ("Patient", "general-practitioner=not a reference"),
    ("Patient", "general-practitioner:Organization=Practitioner/1"),
    ("Patient", "general-practitioner:Zebra=1"),
    ("Patient", "_sort=nonsense"),
    ("Observation", "_sort=code-value-quantity"),
    ("Location", "near=1|2|3"),
    ("Observation", "code-value-quantity=1"),
    ("Observation", "value-quantity=5.4|mg"),
    ("Observation", "value-quantity=high"),
    ("Patient", "_count=many"),
    ("Patient", "_total=some"),
    ("Patient", "_summary=short"),
    ("Patient", "name=a\\b"),
    ("Zebra", "_id=1"),
    ("DomainResource", "_id=1"),
];

fn options(handling: Handling) -> Options<'static> {
    Options {
        zone: None,
        handling,
        own_bases: &[BASE],
        now_ms: 1_700_000_000_000,
        follows_chains: false,
    }
}

/// The same, where conditions on other records are looked up.
fn following(handling: Handling) -> Options<'static> {
    Options {
        follows_chains: true,
        ..options(handling)
    }
}

const EITHER: [Handling; 2] = [Handling::Strict, Handling::Lenient];

#[test]
fn what_fhir_knows_and_is_not_done_is_refused_and_never_left_out() {
    for handling in EITHER {
        for (name, value) in NOT_DONE.iter().chain(CHAINS) {
            let pairs = [
                ("gender".to_owned(), "female".to_owned()),
                ((*name).to_owned(), (*value).to_owned()),
            ];
            let refused = |options: &Options<'_>| {
                let error = parse("Patient", &pairs, options).expect_err(name);
                assert!(
                    matches!(&error, SearchError::Unsupported { param, .. } if param == name),
                    "{name}: {error}"
                );
                assert_eq!(error.issue_code(), "not-supported");
            };
            refused(&options(handling));
            if NOT_DONE.iter().any(|(other, _)| other == name) {
                refused(&following(handling));
            }
        }
    }
}

#[test]
fn what_cannot_be_answered_right_is_refused() {
    for handling in EITHER {
        for (kind, text) in WRONG {
            let (name, value) = text.split_once('=').unwrap();
            let pairs = [(name.to_owned(), value.to_owned())];
            assert!(
                parse(kind, &pairs, &options(handling)).is_err(),
                "{kind}?{text} {handling:?}"
            );
        }
    }
}

/// A chain that ends nowhere finds nobody, and is not left out for that.
#[test]
fn a_chain_that_cannot_be_followed_is_refused_leniently_too() {
    for handling in EITHER {
        let read = |name: &str| {
            let pairs = [(name.to_owned(), "x".to_owned())];
            parse("Observation", &pairs, &following(handling))
        };
        for name in [
            "code.text",
            "nonsense.name",
            "patient.nonsense",
            "patient._count",
            "patient:Patient._count",
            "patient._filter",
            "_has:Observation:nonsense:code",
            "_has:Observation:has-member:nonsense",
            "_has:Zebra:patient:code",
            "_has:Observation",
        ] {
            assert!(read(name).is_err(), "{name} {handling:?}");
        }
        // Found nobody: the filter is there, and nothing passes it.
        let mut empty = read("patient.name").unwrap();
        let chain = empty.chains.pop().unwrap();
        assert!(empty.chains.is_empty() && empty.filters.is_empty() && empty.ignored.is_empty());
        empty.filters.extend(chain.filter(&[Vec::new()]));
        let record = json!({"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/a"}});
        assert!(!empty.matches(&extract(&record)));
        // As many links as are followed, and one more.
        let links = |count: usize| format!("{}code", "has-member:Observation.".repeat(count));
        assert!(read(&links(4)).is_ok());
        assert!(read(&links(5)).is_err());
    }
}

#[test]
fn a_name_that_nobody_knows_is_refused_or_left_out_and_said() {
    for name in ["nonsense", "nonsense:exact", "family-name"] {
        let pairs = [
            (name.to_owned(), "1".to_owned()),
            ("gender".to_owned(), "female".to_owned()),
        ];
        assert_eq!(
            parse("Patient", &pairs, &options(Handling::Strict)).unwrap_err(),
            SearchError::UnknownParameter(name.to_owned())
        );
        let query = parse("Patient", &pairs, &options(Handling::Lenient)).unwrap();
        assert_eq!(query.ignored, [name]);
        // The other one still holds.
        let who = |gender: &str| extract(&json!({"resourceType": "Patient", "id": "p", "gender": gender}));
        assert!(query.matches(&who("female")) && !query.matches(&who("male")));
    }
}

#[test]
fn as_many_parameters_alternatives_and_bytes_as_are_taken_and_no_more() {
    for handling in EITHER {
        let of = |count: usize, value: String| {
            let pairs = vec![("_id".to_owned(), value); count];
            parse("Patient", &pairs, &options(handling)).map(|query| query.filters.len())
        };
        let alternatives = |count: usize| vec!["1"; count].join(",");
        assert_eq!(of(64, "1".to_owned()), Ok(64));
        assert_eq!(of(65, "1".to_owned()), Err(SearchError::TooMany));
        assert_eq!(of(1, alternatives(500)), Ok(1));
        assert_eq!(of(1, alternatives(501)), Err(SearchError::TooMany));
        assert_eq!(of(1, "1".repeat(32 * 1024)), Ok(1));
        assert_eq!(of(1, "1".repeat(32 * 1024 + 1)), Err(SearchError::TooMany));
    }
}

/// What a page is the next of is known by its words where the range moves with the time, and by its meaning elsewhere.
#[test]
fn a_range_that_moves_is_known_by_its_words() {
    let asked = |kind: &str, name: &str, value: &str| {
        let query = parse(
            kind,
            &[(name.to_owned(), value.to_owned())],
            &options(Handling::Strict),
        )
        .unwrap();
        query.filters[0].asked.clone()
    };
    assert_eq!(
        asked("Patient", "birthdate", "ap1960").as_deref(),
        Some("birthdate=ap1960")
    );
    assert_eq!(
        asked("Patient", "birthdate", "ge1960,ap1990").as_deref(),
        Some("birthdate=ge1960,ap1990")
    );
    assert_eq!(asked("Patient", "birthdate", "ge1960"), None);
    assert_eq!(asked("Patient", "name", "apolo"), None);
    assert_eq!(asked("Observation", "value-quantity", "ap5"), None);
}

#[test]
fn a_chain_that_ends_in_no_parameter_is_refused() {
    for name in ["subject:Patient._count", "_has:Observation:patient:_sort"] {
        let following = Options {
            follows_chains: true,
            ..options(Handling::Strict)
        };
        let refused = parse("Observation", &[(name.to_owned(), "1".to_owned())], &following);
        assert!(refused.is_err(), "{name}");
    }
}
