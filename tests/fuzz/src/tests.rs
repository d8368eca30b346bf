use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{TARGETS, seeds};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn table() -> BTreeSet<String> {
    TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// The sources in a folder, without their ending and without the folder's head.
fn sources(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(here().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| name != "mod")
        .collect()
}

#[test]
fn every_target_is_in_the_table() {
    assert_eq!(sources("src/targets"), table());
}

#[test]
fn every_target_has_seeds_and_every_seed_a_target_and_a_name() {
    let all = seeds();
    let of: BTreeSet<String> = all.iter().map(|seed| seed.target.to_owned()).collect();
    assert_eq!(of, table());
    let names: BTreeSet<(&str, &str)> = all.iter().map(|seed| (seed.target, seed.name.as_str())).collect();
    assert_eq!(names.len(), all.len());
}

#[test]
fn every_target_runs_under_libfuzzer() {
    assert_eq!(sources("libfuzzer/targets"), table());
    let manifest = fs::read_to_string(here().join("libfuzzer/Cargo.toml")).unwrap();
    for name in table() {
        let path = format!("name = \"{name}\"\npath = \"targets/{name}.rs\"");
        assert!(manifest.contains(&path), "{name} is no binary");
        let source = fs::read_to_string(here().join(format!("libfuzzer/targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("chaski_fuzz::{name}(bytes)")), "{name}");
    }
}

#[test]
fn every_folder_of_inputs_that_are_kept_is_of_a_target() {
    let Ok(entries) = fs::read_dir(here().join("corpus")) else {
        return;
    };
    for entry in entries {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(table().contains(&name), "corpus/{name}");
    }
}
