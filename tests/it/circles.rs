//! No circle of imports between the files of a package: whoever reads a file finds all that it needs below it.
//!
//! An import is a `use` of an item or a path to it (`crate::a::Item`, `super::Item`, `module::item()`), and leads to
//! the file that defines the item, through however many re-exports. `mod x;` is no import; tests are left out. Where
//! the reader of sources ([`sources`]) isn't sure, it takes a word for an import rather than overlook one.

mod parse;
mod planted;
mod sources;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::layering::rust_files;
use sources::{Import, Package};

/// The folders of sources of all packages.
const PACKAGES: [&str; 11] = [
    "crdt/json/src",
    "crdt/src",
    "node/fhir/src",
    "node/store/src",
    "node/net/src",
    "node/clinic/src",
    "node/http/src",
    "node/ui/src",
    "node/src",
    "node/bench/src",
    "cli/src",
];

/// Files of which each needs every other, and the imports between them.
struct Circle {
    files: BTreeSet<PathBuf>,
    imports: Vec<Import>,
}

/// The circles among imports, by name of their first file.
fn circles(imports: &[Import]) -> Vec<Circle> {
    let mut next: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
    for import in imports {
        next.entry(&import.from).or_default().insert(&import.to);
    }
    let reached: BTreeMap<&Path, BTreeSet<&Path>> = next
        .keys()
        .map(|from| (*from, reached_from(from, &next)))
        .collect();
    let mut found: Vec<Circle> = Vec::new();
    for (from, below) in &reached {
        if !below.contains(from) || found.iter().any(|circle| circle.files.contains(*from)) {
            continue;
        }
        let comes_back = |to: &&&Path| reached.get(**to).is_some_and(|below| below.contains(from));
        let files: BTreeSet<PathBuf> = below
            .iter()
            .filter(comes_back)
            .map(|to| to.to_path_buf())
            .collect();
        let within = |import: &&Import| files.contains(&import.from) && files.contains(&import.to);
        let imports = imports.iter().filter(within).cloned().collect();
        found.push(Circle { files, imports });
    }
    found
}

fn reached_from<'a>(from: &Path, next: &BTreeMap<&'a Path, BTreeSet<&'a Path>>) -> BTreeSet<&'a Path> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Path> = next[from].iter().copied().collect();
    while let Some(file) = open.pop() {
        if reached.insert(file) {
            open.extend(next.get(file).into_iter().flatten());
        }
    }
    reached
}

/// The circles as a person mends them: the files, and which line of which file needs what of which other.
fn told(package: &str, circles: &[Circle]) -> String {
    let mut text = String::new();
    for circle in circles {
        let files: Vec<String> = circle
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        writeln!(
            text,
            "{package}: a circle of {} files: {}",
            files.len(),
            files.join(", ")
        )
        .unwrap();
        let mut pairs: BTreeMap<(&Path, &Path), BTreeSet<String>> = BTreeMap::new();
        for import in &circle.imports {
            let what = format!("{} (line {})", import.path, import.line);
            let pair = (import.from.as_path(), import.to.as_path());
            pairs.entry(pair).or_default().insert(what);
        }
        for ((from, to), whats) in pairs {
            let whats: Vec<String> = whats.into_iter().collect();
            writeln!(
                text,
                "    {} needs of {}: {}",
                from.display(),
                to.display(),
                whats.join(", ")
            )
            .unwrap();
        }
    }
    text
}

fn is_test(file: &Path) -> bool {
    file.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part == "tests" || part.ends_with("tests.rs") || part.ends_with("_tests")
    })
}

/// What the sources of a package import of each other.
fn imports_of(package: &str) -> Vec<Import> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join(package);
    let mut files = BTreeMap::new();
    for file in rust_files(&top) {
        let text = std::fs::read_to_string(&file).unwrap();
        files.insert(file.strip_prefix(&top).unwrap().to_owned(), text);
    }
    let read = Package::read(&files);
    for file in files.keys().filter(|file| !is_test(file)) {
        let is_seen = read.has_file(file) || read.is_for_tests(file);
        assert!(is_seen, "{package}/{}: no module leads to it", file.display());
    }
    read.imports()
}

#[test]
fn files_import_of_each_other_in_one_direction() {
    let mut wrong = String::new();
    let mut imports_seen = 0;
    for package in PACKAGES {
        let imports = imports_of(package);
        imports_seen += imports.len();
        let circles = circles(&imports);
        if !circles.is_empty() {
            wrong.push_str(&told(package, &circles));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(
        imports_seen > 1000,
        "{imports_seen}: the test no longer sees what files import"
    );
}
