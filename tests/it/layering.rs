//! The arrows between packages point only as the README's code map says, and the
//! storage engine and the CRDT library are seen only where they belong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Package folder, and the packages of ours that it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("crdt/json", &[]),
    ("crdt", &["json"]),
    ("node/fhir", &["json"]),
    ("node/store", &["json", "crdt", "fhir"]),
    ("node/net", &["json", "crdt", "store"]),
    ("node/clinic", &["json", "crdt", "fhir", "store"]),
    ("node/http", &["json", "fhir", "store", "net", "clinic"]),
    ("node/ui", &["json", "clinic"]),
    (
        "node",
        &["json", "crdt", "fhir", "store", "net", "clinic", "http", "ui"],
    ),
    (
        "node/bench",
        &["json", "crdt", "fhir", "store", "net", "clinic", "node"],
    ),
    ("cli", &["node", "bench"]),
];

/// A library, and the only packages that may name it.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("sled", &["node/store", "tests", "node/bench"]),
    ("automerge", &["crdt", "tests", "node/bench"]),
    ("quinn", &["node/net", "tests", "node/bench"]),
    ("axum", &["node/http", "node/ui", "node", "node/bench"]),
    (
        "tokio",
        &[
            "node/net",
            "node/http",
            "node/ui",
            "node",
            "node/bench",
            "cli",
            "tests",
        ],
    ),
];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The names under `[dependencies]` of a manifest.
fn dependencies(package: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(top().join(package).join("Cargo.toml")).unwrap();
    let section = text.split("\n[dependencies]\n").nth(1).unwrap_or("");
    let section = section.split("\n[").next().unwrap();
    let names = section
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            line.split(['.', ' ', '='])
                .next()
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
        });
    names.collect()
}

#[test]
fn arrows_between_packages_point_down() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    for (package, may_use) in &allowed {
        let ours = dependencies(package)
            .into_iter()
            .filter_map(|name| name.strip_prefix("chaski-").map(str::to_owned));
        for name in ours {
            assert!(
                may_use.contains(&name.as_str()),
                "{package} may not use chaski-{name}: see README, code map"
            );
        }
    }
}

#[test]
fn engines_are_seen_only_where_they_belong() {
    for (library, packages) in ONLY_IN {
        for (package, _) in MAY_USE {
            let uses = dependencies(package).contains(*library);
            assert!(
                !uses || packages.contains(package),
                "{package} may not use {library}"
            );
        }
    }
}

/// Sans-IO: the merge core has no clock, no randomness and no sockets.
#[test]
fn the_merge_core_does_no_input_or_output() {
    let banned = [
        "std::time::SystemTime",
        "Instant::now",
        "std::fs",
        "std::net",
        "rand::rng",
        "thread_rng",
    ];
    for file in rust_files(&top().join("crdt/src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for word in banned {
            assert!(!code.contains(word), "{} uses {word}", file.display());
        }
    }
}

/// What a store says of itself, and changes that travel: functions of its reading files that tell of no record.
const TELL_NO_RECORD: [&str; 8] = [
    "position",
    "log_epoch",
    "feed",
    "feed_count",
    "fingerprint",
    "fingerprint_each",
    "filing_of",
    "signed_changes_cleared",
];

/// The functions by which a store tells of records, as its source has them.
fn functions_that_read() -> BTreeSet<String> {
    let text = std::fs::read_to_string(top().join("node/store/src/read.rs")).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("    pub fn "));
    let names = names.map(|line| line.split(['(', '<']).next().unwrap().to_owned());
    let names: BTreeSet<String> = names
        .filter(|name| !TELL_NO_RECORD.contains(&name.as_str()))
        .collect();
    for name in [
        "read",
        "read_version",
        "history",
        "search",
        "conflicts",
        "keys",
        "authored",
    ] {
        assert!(
            names.contains(name),
            "{name} has moved: look for it where it went"
        );
    }
    names
}

/// The reading functions of a store that a source calls on one.
fn reads_in(code: &str, functions: &BTreeSet<String>) -> Vec<String> {
    let code: String = code.chars().filter(|char| !char.is_whitespace()).collect();
    let is_called = |name: &&String| {
        ["store().", "store.", "Store::"].iter().any(|on| {
            let call = format!("{on}{name}");
            code.match_indices(&call)
                .any(|(at, found)| code[at + found.len()..].starts_with(['(', ')', ',']))
        })
    };
    functions.iter().filter(is_called).cloned().collect()
}

#[test]
fn one_file_reads_records_from_the_store() {
    let functions = functions_that_read();
    let is_test = |path: &Path| {
        let path = path.to_string_lossy();
        [
            "tests.rs",
            "/tests/",
            "/testing.rs",
            "/permissions/",
            "/examples/",
            "/benches/",
        ]
        .iter()
        .any(|part| path.contains(part))
    };
    for package in ["node/clinic", "node/http", "node/ui"] {
        for file in rust_files(&top().join(package)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let reads = reads_in(
                text.split("#[cfg(test)]\nmod tests {").next().unwrap(),
                &functions,
            );
            if file.ends_with("node/clinic/src/door.rs") {
                assert!(
                    reads.len() > 8,
                    "{reads:?}: the test no longer sees what the door reads"
                );
            } else if !is_test(&file) {
                let none: Vec<String> = Vec::new();
                assert_eq!(
                    reads,
                    none,
                    "{}: records are read through the door alone, which asks the policy: node/clinic/src/door.rs",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn a_read_past_the_door_is_seen_however_it_is_written() {
    let functions = functions_that_read();
    for code in [
        "self.store().read(caller.context(), &key)?",
        "let store = clinic.store();\n store\n    .history(context, of, None, None, 1)",
        "Store::keys(&store)",
        "keys.iter().map(|key| store.authored(key))",
    ] {
        assert_eq!(reads_in(code, &functions).len(), 1, "{code}");
    }
    assert!(reads_in("self.store().audit(context, &event)", &functions).is_empty());
}

pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && name != "node_modules" {
            found.extend(rust_files(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found
}

/// `crdt/src/first.rs` writes what Automerge would, byte for byte, so the version is part of the format.
#[test]
fn automerge_is_pinned_to_the_version_whose_bytes_are_ours() {
    let manifest = std::fs::read_to_string(top().join("Cargo.toml")).unwrap();
    let pinned = manifest
        .lines()
        .find_map(|line| line.strip_prefix("automerge = \"="));
    let pinned = pinned
        .expect("automerge = \"=…\": another version may write other bytes")
        .trim_end_matches('"');
    let lock = std::fs::read_to_string(top().join("Cargo.lock")).unwrap();
    let locked = lock.split("name = \"automerge\"\nversion = \"").nth(1).unwrap();
    assert!(
        locked.starts_with(&format!("{pinned}\"")),
        "{pinned} is pinned, and another is locked"
    );
}
