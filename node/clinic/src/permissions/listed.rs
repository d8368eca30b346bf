//! No operation is forgotten: what the source has is what the tables use.

use std::collections::BTreeSet;
use std::path::Path;

use super::all_cases;
use crate::features::FEATURES;

/// Operations with a caller that ask nothing of the policy, and why.
const WITHOUT_A_QUESTION: [(&str, &str); 4] = [
    ("parcel_allowed", "it is the question"),
    (
        "bundle_process",
        "each of its entries asks, as the table of entries shows",
    ),
    ("conflict_count", "who may list none is told none"),
    ("session_close", "who shows a session's secret ends it"),
];

/// Methods without a caller: they read and write no record and no token but the one shown.
const WITHOUT_A_CALLER: [&str; 10] = [
    "login",
    "new",
    "now_ms",
    "operation_id",
    "operator",
    "record_query",
    "settings",
    "store",
    "zone",
    "token_exchange",
];

/// Text of the sources without their tests.
fn sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "tests" | "permissions") {
                sources(&path, into);
            }
        } else if name.ends_with(".rs") && !name.contains("tests") && name != "testing.rs" {
            into.push_str(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
}

/// The public methods of `impl Clinic`, and whether each takes a caller.
fn methods() -> BTreeSet<(String, bool)> {
    let mut text = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
    let mut found = BTreeSet::new();
    for block in text.split("\nimpl Clinic {").skip(1) {
        let block = block.split("\n}\n").next().unwrap_or_default();
        for method in block.split("\n    pub fn ").skip(1) {
            let signature = method.split('{').next().unwrap_or_default();
            let name = signature.split(['(', '<']).next().unwrap_or_default();
            found.insert((name.to_owned(), signature.contains("caller: &Caller")));
        }
    }
    found
}

#[test]
fn every_operation_of_the_source_is_in_the_table_and_in_the_features() {
    let used: BTreeSet<&str> = all_cases().map(|case| case.operation).collect();
    let methods = methods();
    assert!(methods.len() > 30, "{methods:?}");
    for (name, has_caller) in &methods {
        let name = name.as_str();
        let is_told = match has_caller {
            true => used.contains(name) || WITHOUT_A_QUESTION.iter().any(|(known, _)| *known == name),
            false => WITHOUT_A_CALLER.contains(&name) || name == "token_verify",
        };
        assert!(
            is_told,
            "{name} is an operation that no test of permissions uses: add it to cases.rs, or say why not"
        );
    }
    let known: BTreeSet<&str> = methods.iter().map(|(name, _)| name.as_str()).collect();
    for name in used.iter().chain(WITHOUT_A_QUESTION.iter().map(|(name, _)| name)) {
        assert!(known.contains(name), "{name} is no operation any more");
    }
    let features: BTreeSet<&str> = FEATURES
        .iter()
        .flat_map(|feature| feature.operations.iter().copied())
        .collect();
    let operations: BTreeSet<&str> = methods
        .iter()
        .filter(|(name, has_caller)| {
            *has_caller || matches!(name.as_str(), "login" | "token_exchange" | "token_verify")
        })
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(features, operations, "features.rs tells what there is");
}
