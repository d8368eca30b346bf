//! Tidiness is an ordinary test.

use std::path::Path;

use crate::layering::rust_files;

const LINES_MAX: usize = 800;

fn sources() -> Vec<(std::path::PathBuf, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = ["crdt", "node", "cli", "tests"];
    let files = folders.iter().flat_map(|folder| rust_files(&top.join(folder)));
    files
        .map(|file| (file.clone(), std::fs::read_to_string(&file).unwrap()))
        .collect()
}

#[test]
fn no_file_holds_two_ideas() {
    for (file, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", file.display());
    }
}

#[test]
fn every_module_says_what_it_is() {
    // A module of tests is described by the module it tests.
    let of_tests = |file: &Path| {
        file.components()
            .any(|part| ["tests", "tests.rs"].iter().any(|name| part.as_os_str() == *name))
    };
    for (file, text) in sources().into_iter().filter(|(file, _)| !of_tests(file)) {
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
        assert!(
            first.starts_with("//!") || first.starts_with("#!"),
            "{} opens with no //!",
            file.display()
        );
    }
}

#[test]
fn nothing_unfinished_is_left() {
    let marks = ["TO\x44O", "FIX\x4dE", "todo\x21(", "unimplemented\x21("];
    for (file, text) in sources() {
        for mark in marks {
            assert!(!text.contains(mark), "{} holds {mark}", file.display());
        }
    }
}
