//! Tidiness is an ordinary test.

use std::collections::{BTreeMap, BTreeSet};
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

/// What stands between backticks in the papers.
fn quoted_in_papers() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut papers = vec![
        top.join("README.md"),
        top.join("CONTRIBUTING.md"),
        top.join("NOTICE"),
    ];
    let docs = std::fs::read_dir(top.join("docs")).unwrap();
    papers.extend(
        docs.map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file()),
    );
    let mut quoted = Vec::new();
    for paper in papers {
        let text = std::fs::read_to_string(&paper).unwrap();
        // Blocks of code are commands and shapes, not places.
        let prose: String = text.split("```").step_by(2).collect();
        for piece in prose.split('`').skip(1).step_by(2) {
            quoted.push((paper.display().to_string(), piece.to_owned()));
        }
    }
    quoted
}

#[test]
fn every_place_that_the_papers_name_is_there() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let rooms = ["crdt/", "node/", "cli/", "tests/", "packaging/", "docs/"];
    let mut named = 0;
    for (paper, place) in quoted_in_papers() {
        let place = place.split(':').next().unwrap();
        // A slot of the store, such as `node/https`, has no ending.
        let is_place =
            place.ends_with('/') || place.rsplit('/').next().is_some_and(|last| last.contains('.'));
        if !is_place
            || !rooms.iter().any(|room| place.starts_with(room))
            || place.contains(['<', '*', ' ', '{'])
        {
            continue;
        }
        named += 1;
        assert!(
            top.join(place).exists(),
            "{paper} names {place}, which is not there"
        );
    }
    assert!(named > 100, "{named}");
}

#[test]
fn every_test_that_the_clinical_rules_name_is_there() {
    let sources = sources();
    let functions: BTreeSet<String> = sources
        .iter()
        .flat_map(|(_, text)| text.split("fn ").skip(1))
        .filter_map(|rest| rest.split(['(', '<']).next())
        .map(str::to_owned)
        .collect();
    let mut named = 0;
    for (paper, name) in quoted_in_papers() {
        let is_name = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
        if !paper.ends_with("clinical-rules.md")
            || !name.chars().all(is_name)
            || name.matches('_').count() < 3
        {
            continue;
        }
        named += 1;
        assert!(
            functions.contains(&name),
            "{paper} names the test {name}, which is not there"
        );
    }
    assert!(named > 50, "{named}");
}

/// Where time is an argument or comes from the environment, so that a seed replays.
const WITHOUT_CLOCKS: [&str; 3] = ["node/store/src", "node/net/src/engine", "node/net/src/engine.rs"];

/// Files there that read the machine's clock all the same, and why they may.
const WITH_A_CLOCK: [(&str, &str); 2] = [
    (
        "node/store/src/env.rs",
        "it is the environment: the machine's clock as everything else sees it",
    ),
    (
        "node/store/src/kv/sled.rs",
        "when sled's page table is written out depends on how long it has rested; no record does",
    ),
];

/// Names by which the machine's clock is read.
const CLOCKS: [&str; 6] = [
    "Instant",
    "SystemTime",
    "UNIX_EPOCH",
    "Timestamp::now",
    "Zoned::now",
    "SystemEnv.",
];

/// Whether code names it, and no longer name that holds it.
fn names(code: &str, name: &str) -> bool {
    let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        !before.ends_with(is_word) && (name.ends_with('.') || !after.starts_with(is_word))
    })
}

#[test]
fn where_a_seed_must_replay_no_clock_is_read() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (mut looked_at, mut with_a_clock) = (0, BTreeSet::new());
    for (file, text) in sources() {
        let place = file.strip_prefix(top).unwrap();
        let is_test = place.components().any(|part| {
            ["tests", "tests.rs", "testing.rs"]
                .iter()
                .any(|name| part.as_os_str() == *name)
        });
        if is_test || !WITHOUT_CLOCKS.iter().any(|folder| place.starts_with(folder)) {
            continue;
        }
        looked_at += 1;
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().lines();
        let code = code.filter(|line| !line.trim_start().starts_with("//"));
        if code
            .flat_map(|line| CLOCKS.map(|clock| names(line, clock)))
            .any(|found| found)
        {
            with_a_clock.insert(place.display().to_string());
        }
    }
    assert!(looked_at > 80, "{looked_at}: the folders have moved");
    let known: BTreeSet<String> = WITH_A_CLOCK.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(
        with_a_clock, known,
        "left: reads a clock; right: those of which it is known why"
    );
    for read in [
        "std::time::Instant::now()",
        "(SystemEnv.now_ms())",
        "use std::time::{Duration, Instant};",
    ] {
        assert!(CLOCKS.iter().any(|clock| names(read, clock)), "{read}");
    }
    for other in ["valueInstant", "instant(at_ms)", "pub use env::{Env, SystemEnv};"] {
        assert!(!CLOCKS.iter().any(|clock| names(other, clock)), "{other}");
    }
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push(path),
        }
    }
    found
}

/// Path data of icons cannot be broken.
const TEMPLATES_WITH_LONG_LINES: [&str; 1] = ["icons.html"];

#[test]
fn templates_can_be_read_in_a_review() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let found = files_below(&top.join("node/ui/templates"));
    assert!(found.len() > 25, "{found:?}");
    for file in found {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_exempt = TEMPLATES_WITH_LONG_LINES.iter().any(|name| file.ends_with(name));
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(
            is_exempt || longest <= 140,
            "{} has a line of {longest}",
            file.display()
        );
    }
}

/// Public functions that no other file of the program names, and why they stay.
const FOR_TESTS: [(&str, &str); 13] = [
    (
        "audit_flush",
        "a test reads the log without waiting for the second that a read's entry takes",
    ),
    ("audit_list", "what the log holds; no page shows it yet"),
    ("awaiting_by", "what a store holds that waits for one author"),
    (
        "cleared_only_for",
        "a caller without clearance; no token makes one yet",
    ),
    (
        "create_on",
        "a store on an engine in memory, or one that fails on purpose",
    ),
    ("handle_inline", "the engine without its threads"),
    ("issue_code", "FHIR's name of what is wrong with a search"),
    ("open_on", "as create_on"),
    ("quarantine_forget", "a store that has lost what it set aside"),
    ("read_error_after", "an engine that fails on purpose"),
    ("sync_error_after", "an engine that fails on purpose"),
    ("trust_load", "what trust_save has kept"),
    ("unsynced_bytes", "what a power cut would take"),
];

#[test]
fn no_public_function_is_there_that_nobody_calls() {
    let is_test = |file: &Path| {
        let file = file.to_string_lossy();
        [
            "/tests/",
            "_tests/",
            "tests.rs",
            "/testing.rs",
            "/permissions/",
            "/examples/",
        ]
        .iter()
        .any(|part| file.contains(part))
    };
    let mut program: Vec<(std::path::PathBuf, String)> = sources();
    program.retain(|(file, _)| !is_test(file));
    for (_, text) in &mut program {
        if let Some(at) = text.find("\n#[cfg(test)]\nmod tests {") {
            text.truncate(at);
        }
    }
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut templates = String::new();
    for path in files_below(&top.join("node/ui/templates")) {
        templates.push_str(&std::fs::read_to_string(path).unwrap());
    }
    let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for text in program.iter().map(|(_, text)| text).chain([&templates]) {
        for word in text.split(|char| !is_word(char)) {
            *uses.entry(word).or_default() += 1;
        }
    }
    let mut unused = BTreeSet::new();
    for (_, text) in &program {
        for line in text.lines().map(str::trim_start) {
            let rest = ["pub fn ", "pub const fn ", "pub async fn "]
                .iter()
                .find_map(|start| line.strip_prefix(start));
            let Some(name) = rest.and_then(|rest| rest.split(|char| !is_word(char)).next()) else {
                continue;
            };
            if uses[name] == 1 {
                unused.insert(name);
            }
        }
    }
    let named: BTreeSet<&str> = FOR_TESTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        unused, named,
        "left: called by nobody; right: those of which it is known"
    );
}

/// A file that main.rs does not name is not compiled, and its tests pass by not being there.
#[test]
fn every_file_of_tests_is_compiled() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        let is_named = main.lines().any(|line| line == format!("mod {module};"));
        assert!(
            is_named || name == "main.rs",
            "tests/it/main.rs does not name {module}"
        );
    }
}
