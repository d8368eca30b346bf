//! The arrows between packages point only as the design says, and the
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
    ("cli", &["node"]),
];

/// A library, and the only packages that may name it.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("sled", &["node/store", "tests", "node"]),
    ("automerge", &["crdt", "tests", "node"]),
    ("quinn", &["node/net", "tests", "node"]),
    ("axum", &["node/http", "node/ui", "node"]),
    (
        "tokio",
        &["node/net", "node/http", "node/ui", "node", "cli", "tests"],
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
