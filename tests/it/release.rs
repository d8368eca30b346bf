//! What `packaging/release` makes: the list of what is in the program, and the sums. The two builds, which take
//! minutes, are left out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use chaski_tests::chaski::Said;
use serde_json::Value;

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn said(command: &mut Command) -> Said {
    command.output().unwrap().into()
}

fn release(script: &Path, args: &[&str]) -> Said {
    said(
        Command::new(script)
            .args(args)
            .env_remove("SOURCE_DATE_EPOCH")
            .env_remove("CARGO_TARGET_DIR"),
    )
}

/// What keeps the script from running here, if something does.
fn is_impossible() -> Option<&'static str> {
    let works = |program: &str, args: &[&str]| {
        let done = Command::new(program).args(args).current_dir(top()).output();
        done.is_ok_and(|output| output.status.success())
    };
    if !works("python3", &["-c", "import tomllib"]) {
        return Some("no Python 3.11");
    }
    (!works("git", &["rev-parse", "HEAD"])).then_some("no git checkout")
}

/// Files of a folder with their bytes and times, in order.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let time = path.metadata().unwrap().modified().unwrap();
            (path.clone(), std::fs::read(&path).unwrap(), time)
        })
        .collect();
    files.sort();
    files
}

fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_else(|| panic!("no {key} in {json}"))
}

#[test]
fn a_release_lists_what_is_linked_and_its_sums_agree() {
    if let Some(why) = is_impossible() {
        return chaski_tests::skip(why);
    }
    let script = top().join("packaging/release");
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("files");
    let args = ["--dirty", "--no-binaries", folder.to_str().unwrap()];
    release(&script, &args).ok();
    let first = contents(&folder);
    release(&script, &args).ok();
    assert_eq!(
        contents(&folder),
        first,
        "the second time makes the same, to the byte and second"
    );
    let sums = said(
        Command::new("sha256sum")
            .args(["--check", "--strict", "SHA256SUMS"])
            .current_dir(&folder),
    )
    .ok();
    assert_eq!(
        sums.out.lines().count(),
        first.len() - 1,
        "every file but the sums: {}",
        sums.out
    );

    // Whatever is linked is told of: by what it carries, or by what it names.
    let notices = first
        .iter()
        .find(|(path, ..)| path.ends_with("THIRD-PARTY"))
        .unwrap();
    let notices = String::from_utf8(notices.1.clone()).unwrap();
    for told in [
        "Permission is hereby granted, free of charge",
        "Apache License",
        "ring 0.",
    ] {
        assert!(notices.contains(told), "{told}");
    }

    let list = first
        .iter()
        .find(|(path, ..)| path.to_string_lossy().ends_with(".cdx.json"));
    let list: Value = serde_json::from_slice(&list.unwrap().1).unwrap();
    assert_eq!(
        (text(&list, "bomFormat"), text(&list, "specVersion")),
        ("CycloneDX", "1.5")
    );
    assert_eq!(text(&list["metadata"]["component"], "name"), "chaski");
    let lock = std::fs::read_to_string(top().join("Cargo.lock")).unwrap();
    let mut names = BTreeSet::new();
    for part in list["components"].as_array().unwrap() {
        let (name, version) = (text(part, "name"), text(part, "version"));
        assert!(!text(&part["licenses"][0], "expression").is_empty(), "{part}");
        let is_ours = name.starts_with("chaski-");
        if part.get("purl").is_some() && !is_ours {
            let source = text(&part["properties"][0], "value");
            let checksum = text(&part["hashes"][0], "content");
            let locked = format!(
                "name = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"\nchecksum = \"{checksum}\"\n"
            );
            assert!(lock.contains(&locked), "Cargo.lock has no\n{locked}");
            assert!(
                notices.contains(&format!("{name} {version}")),
                "no notice of {name}"
            );
        }
        names.insert(name);
    }
    for linked in [
        "automerge",
        "sled",
        "quinn",
        "ring",
        "zstd-sys",
        "chaski-node",
        "chaski-crdt",
        "rust-std",
        "glibc",
    ] {
        assert!(names.contains(linked), "{linked} is not in {names:?}");
    }
    // Tests, build scripts and macros leave nothing of themselves in the program.
    for absent in [
        "proptest",
        "insta",
        "chaski-tests",
        "chaski-fuzz",
        "cc",
        "syn",
        "serde_derive",
    ] {
        assert!(!names.contains(absent), "{absent} is in {names:?}");
    }

    let others = home.path().join("others");
    std::fs::create_dir(&others).unwrap();
    std::fs::write(others.join("mine"), "mine").unwrap();
    let refused = release(&script, &["--dirty", "--no-binaries", others.to_str().unwrap()]).expect(1);
    assert!(refused.err.contains("holds something else"), "{refused:#?}");
    assert_eq!(contents(&others).len(), 1, "what is another's is left alone");
}

#[test]
fn what_is_not_committed_is_not_released() {
    if let Some(why) = is_impossible() {
        return chaski_tests::skip(why);
    }
    let home = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| said(Command::new("git").args(args).current_dir(home.path())).ok();
    git(&["init", "--quiet"]);
    let author = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
    git(&[
        &author[..],
        &["commit", "--quiet", "--allow-empty", "--message", "empty"],
    ]
    .concat());
    let script = home.path().join("packaging/release");
    std::fs::create_dir(script.parent().unwrap()).unwrap();
    std::fs::copy(top().join("packaging/release"), &script).unwrap();
    let refused = release(&script, &["--no-binaries"]).expect(1);
    assert!(
        refused.err.contains("is not committed") && refused.err.contains("packaging/"),
        "{refused:#?}"
    );
    assert!(
        release(&script, &["--help"])
            .ok()
            .out
            .contains("Usage: packaging/release")
    );
    release(&script, &["--no-such-option"]).expect(2);
    release(&script, &["one", "two"]).expect(2);
}
