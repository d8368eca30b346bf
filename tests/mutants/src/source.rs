//! Which files hold product code, and which of their lines a change touches.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::points::is_test_only;

/// The packages whose faults would hurt somebody, lowest first.
pub const PACKAGES: [&str; 9] = [
    "crdt/json",
    "crdt",
    "node/fhir",
    "node/store",
    "node/net",
    "node/clinic",
    "node/http",
    "node/ui",
    "node",
];

/// Made-up people are no product: what this folder holds is left out.
const LEFT_OUT: [&str; 1] = ["node/fhir/src/sample/"];

/// The files of product code of a package, from the top of the repository.
///
/// # Errors
/// Where a folder can't be read.
pub fn files(top: &Path, package: &str) -> Result<Vec<String>> {
    let mut all = Vec::new();
    rust_files(&top.join(package).join("src"), &mut all)?;
    let mut of_tests = BTreeSet::new();
    for file in &all {
        of_tests.extend(test_modules(file)?);
    }
    let mut found = Vec::new();
    for file in all {
        let is_test = of_tests
            .iter()
            .any(|module| file.starts_with(module) || file == module.with_extension("rs"));
        let name = file
            .strip_prefix(top)
            .unwrap_or(&file)
            .to_string_lossy()
            .into_owned();
        let named_so = name.ends_with("/testing.rs") || name.contains("/testing/");
        if !is_test && !named_so && !LEFT_OUT.iter().any(|folder| name.starts_with(folder)) {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// The folders of the modules that a file declares for tests only.
fn test_modules(file: &Path) -> Result<Vec<PathBuf>> {
    let text = std::fs::read_to_string(file)?;
    if !text.contains("cfg(test)") {
        return Ok(Vec::new());
    }
    let tree = syn::parse_file(&text).with_context(|| format!("{} does not parse", file.display()))?;
    let home = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib" | "main") => file.parent().map(Path::to_path_buf),
        _ => Some(file.with_extension("")),
    };
    let modules = tree.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.content.is_none() && is_test_only(&module.attrs) => {
            Some(&module.ident)
        }
        _ => None,
    });
    Ok(modules
        .filter_map(|name| home.as_ref().map(|home| home.join(name.to_string())))
        .collect())
}

/// The lines of each file, from 1, that were added or changed since a commit, in the working tree as it is.
///
/// # Errors
/// Where git does not know the commit.
pub fn changed_lines(top: &Path, base: &str) -> Result<BTreeMap<String, BTreeSet<usize>>> {
    let diff = git(
        top,
        &[
            "diff",
            "-U0",
            "--no-color",
            "--no-ext-diff",
            "--no-renames",
            base,
            "--",
        ],
    )?;
    let mut changed: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let mut file = String::new();
    for line in diff.lines() {
        if let Some(name) = line.strip_prefix("+++ ") {
            name.strip_prefix("b/").unwrap_or(name).clone_into(&mut file);
        } else if let Some(header) = line.strip_prefix("@@ ") {
            changed.entry(file.clone()).or_default().extend(hunk(header)?);
        }
    }
    for name in git(top, &["ls-files", "--others", "--exclude-standard"])?.lines() {
        if let Ok(text) = std::fs::read_to_string(top.join(name)) {
            changed
                .entry(name.to_owned())
                .or_default()
                .extend(1..=text.lines().count());
        }
    }
    Ok(changed)
}

/// The new lines of a hunk's header `-a,b +c,d @@`. Where lines were only taken away, the two around the place: a
/// check that is gone leaves no line of its own.
fn hunk(header: &str) -> Result<std::ops::RangeInclusive<usize>> {
    let new = header
        .split(' ')
        .find_map(|part| part.strip_prefix('+'))
        .context("a hunk without new lines")?;
    let (first, count) = new.split_once(',').unwrap_or((new, "1"));
    let (first, count): (usize, usize) = (first.parse()?, count.parse()?);
    Ok(if count == 0 {
        first..=first + 1
    } else {
        first..=first + count - 1
    })
}

/// What git prints.
///
/// # Errors
/// Where it fails.
pub fn git(top: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .current_dir(top)
        .args(arguments)
        .output()
        .context("git can't be started")?;
    if !output.status.success() {
        bail!(
            "git {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
