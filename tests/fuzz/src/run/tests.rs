use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::{Figures, Finding, Run, Seed, Target};

fn run(folder: &Path, target: Target, seeds: &[&[u8]]) -> Run {
    let seeds = (0..).zip(seeds).map(|(at, bytes): (usize, _)| Seed {
        target: "planted",
        name: at.to_string(),
        bytes: bytes.to_vec(),
    });
    Run {
        name: "planted".to_owned(),
        target,
        seeds: seeds.collect(),
        corpus: folder.join("corpus"),
        findings: folder.join("findings"),
        number: 1,
        // Ends at the first finding; without one the test fails, if late.
        time: Duration::from_secs(60),
        stuck: Duration::from_secs(60),
    }
}

fn finding(run: Run) -> Finding {
    run.start().unwrap().expect_err("a planted fault is found")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_planted_panic_is_found_and_its_file_replays() {
    let folder = tempfile::tempdir().unwrap();
    let target: Target = |bytes| assert!(bytes.len() != 41, "{} bytes are too many", bytes.len());
    let found = finding(run(folder.path(), target, &[&[1; 40]]));
    let bytes = fs::read(&found.file).unwrap();
    assert_eq!(bytes.len(), 41);
    assert_eq!(found.what, "41 bytes are too many");
    assert!(found.input.ends_with("made by number 1"), "{}", found.input);
    // Nothing else is left, and once in the corpus it is found before anything is made.
    assert_eq!(names(&folder.path().join("findings")).len(), 1);
    fs::create_dir(folder.path().join("corpus")).unwrap();
    fs::copy(&found.file, folder.path().join("corpus/long")).unwrap();
    let again = finding(run(folder.path(), target, &[]));
    assert!(again.input.starts_with("file ") && again.input.ends_with("corpus/long"));
    assert_eq!(again.file, found.file);
}

#[test]
fn a_seed_that_panics_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let target: Target = |bytes| assert_ne!(bytes, b"two");
    let found = finding(run(folder.path(), target, &[b"one", b"two"]));
    assert_eq!(found.input, "seed 1");
    assert_eq!(fs::read(found.file).unwrap(), b"two");
}

#[test]
fn an_input_that_never_ends_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let target: Target = |bytes| {
        if bytes == b"stuck" {
            loop {
                std::thread::park();
            }
        }
    };
    let mut run = run(folder.path(), target, &[b"stuck"]);
    run.stuck = Duration::from_millis(50);
    let found = finding(run);
    assert_eq!(fs::read(found.file).unwrap(), b"stuck");
    assert!(found.what.starts_with("no end within"), "{}", found.what);
}

#[test]
fn a_run_without_a_finding_counts_what_it_tried_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("corpus")).unwrap();
    fs::write(folder.path().join("corpus/file"), b"three").unwrap();
    let mut run = run(folder.path(), |_| {}, &[b"one", b"two"]);
    run.time = Duration::from_millis(50);
    let figures = run.start().unwrap().expect("no finding");
    assert_eq!(figures.replayed, 3);
    assert!(figures.tried > 0 && figures.time >= Duration::from_millis(50));
    assert!(names(&folder.path().join("findings")).is_empty());
    let ten = Figures {
        replayed: 0,
        tried: 20,
        time: Duration::from_secs(2),
    };
    assert_eq!(ten.rate(), 10.0);
}
