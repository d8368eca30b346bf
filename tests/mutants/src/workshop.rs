//! The copy of the tree in which the switches are woven in, and the build that leaves out what does not compile.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::source::git;
use crate::switch::Switch;
use crate::weave::{MODULE, Woven, weave};

/// So often is the build tried with what it complained of left out.
const ROUNDS_MAX: usize = 30;

/// A copy of the repository in which the faults are built and tried.
#[derive(Debug)]
pub struct Workshop {
    /// The repository that is copied.
    pub top: PathBuf,
    /// The copy of it.
    pub tree: PathBuf,
    /// Where cargo builds.
    pub target: PathBuf,
}

/// A test program of a package.
#[derive(Clone, Debug)]
pub struct Program {
    /// The package's folder.
    pub package: String,
    /// The executable that runs its tests.
    pub path: PathBuf,
}

impl Workshop {
    /// A copy under cargo's target folder.
    pub fn new(top: &Path, target: &Path) -> Self {
        Self {
            top: top.to_path_buf(),
            tree: target.join("mutants/tree"),
            target: target.join("mutants/target"),
        }
    }

    /// Weaves the switches in and builds the unit tests of the packages, leaving out what the compiler refuses, until
    /// it is content. Returns the test programs, and the numbers of the switches left out.
    ///
    /// # Errors
    /// Where the copy does not compile and no switch is to blame.
    pub fn build(
        &self,
        switches: &[Switch],
        packages: &BTreeSet<String>,
        left_out: &BTreeSet<u32>,
    ) -> Result<(Vec<Program>, BTreeSet<u32>)> {
        let mut left_out = left_out.clone();
        for round in 1..=ROUNDS_MAX {
            let woven = self.lay(switches, &left_out)?;
            for file in woven.values() {
                left_out.extend(&file.crossing);
            }
            let (programs, blamed) = self.compile(packages, &woven)?;
            if blamed.is_empty() {
                return Ok((programs, left_out));
            }
            eprintln!(
                "build {round}: {} switches do not compile and are left out",
                blamed.len()
            );
            let before = left_out.len();
            left_out.extend(&blamed);
            if left_out.len() == before {
                bail!(
                    "the copy in {} does not compile, and no switch is to blame",
                    self.tree.display()
                );
            }
        }
        bail!("after {ROUNDS_MAX} rounds the copy still does not compile")
    }

    /// Brings the copy to the state of the working tree, with the switches. A file that is the same keeps its time, so
    /// that cargo builds only what changed.
    fn lay(&self, switches: &[Switch], left_out: &BTreeSet<u32>) -> Result<BTreeMap<PathBuf, Woven>> {
        let mut of_files: BTreeMap<String, Vec<(u32, &Switch)>> = BTreeMap::new();
        for (id, switch) in (0..).zip(switches) {
            of_files
                .entry(format!("{}/src/lib.rs", switch.package))
                .or_default();
            if !left_out.contains(&id) {
                of_files
                    .entry(switch.file.clone())
                    .or_default()
                    .push((id, switch));
            }
        }
        let (mut woven, mut names) = (BTreeMap::new(), BTreeSet::new());
        let listed = git(
            &self.top,
            &["ls-files", "--cached", "--others", "--exclude-standard"],
        )?;
        for name in listed.lines().filter(|name| self.top.join(name).is_file()) {
            let bytes = std::fs::read(self.top.join(name)).with_context(|| format!("reading {name}"))?;
            names.insert(self.tree.join(name));
            let Some(members) = of_files.get(name) else {
                self.write(name, &bytes)?;
                continue;
            };
            let mut file = weave(&String::from_utf8(bytes)?, members);
            if let Some(source) = name.strip_suffix("/lib.rs") {
                file.text.push_str("\npub mod chaski_switch;\n");
                let module = format!("{source}/chaski_switch.rs");
                self.write(&module, MODULE.as_bytes())?;
                names.insert(self.tree.join(module));
            }
            self.write(name, file.text.as_bytes())?;
            woven.insert(PathBuf::from(name), file);
        }
        remove_others(&self.tree, &names)?;
        Ok(woven)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.tree.join(name);
        if std::fs::read(&path).is_ok_and(|old| old == bytes) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))
    }

    /// The test programs, or the switches that the compiler complains of.
    fn compile(
        &self,
        packages: &BTreeSet<String>,
        woven: &BTreeMap<PathBuf, Woven>,
    ) -> Result<(Vec<Program>, BTreeSet<u32>)> {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&self.tree)
            .args([
                "test",
                "--no-run",
                "--lib",
                "--quiet",
                "--no-fail-fast",
                "--message-format=json",
            ])
            .env("CARGO_TARGET_DIR", &self.target)
            .stdin(Stdio::null());
        for package in packages {
            cargo.args(["-p", &crate_name(package)]);
        }
        let output = cargo.output().context("cargo can't be started")?;
        let (mut blamed, mut unblamed, mut programs) = (BTreeSet::new(), Vec::new(), Vec::new());
        for message in messages(&output.stdout) {
            programs.extend(self.program(&message));
            let Some(report) = message.get("message").filter(|report| is_error(report)) else {
                continue;
            };
            let switches = self.blame(report, woven);
            if switches.is_empty() {
                unblamed.push(
                    report
                        .get("rendered")
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned(),
                );
            }
            blamed.extend(switches);
        }
        if blamed.is_empty() && !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!(
                "the copy in {} does not compile:\n{}\n{said}",
                self.tree.display(),
                unblamed.join("\n")
            );
        }
        Ok((programs, blamed))
    }

    /// The test program that a message of cargo's names.
    fn program(&self, message: &Value) -> Option<Program> {
        let path = PathBuf::from(message.get("executable")?.as_str()?);
        let manifest = PathBuf::from(message.get("manifest_path")?.as_str()?);
        let package = manifest
            .parent()?
            .strip_prefix(&self.tree)
            .ok()?
            .to_string_lossy()
            .into_owned();
        Some(Program { package, path })
    }

    fn blame(&self, report: &Value, woven: &BTreeMap<PathBuf, Woven>) -> Vec<u32> {
        let mut spans: Vec<&Value> = report
            .get("spans")
            .and_then(Value::as_array)
            .map(|spans| spans.iter().collect())
            .unwrap_or_default();
        spans.sort_by_key(|span| span.get("is_primary").and_then(Value::as_bool) != Some(true));
        for span in spans {
            let Some((name, bytes)) = place(span) else {
                continue;
            };
            let path = name
                .strip_prefix(&self.tree)
                .map(Path::to_path_buf)
                .unwrap_or(name);
            let Some(file) = woven.get(&path) else { continue };
            let mut switches = file.blamed(&bytes);
            if switches.is_empty() {
                switches = file.within(&bytes);
            }
            if !switches.is_empty() {
                return switches;
            }
        }
        Vec::new()
    }
}

/// The package in a folder: `node/store` is `chaski-store`.
pub fn crate_name(folder: &str) -> String {
    format!("chaski-{}", folder.rsplit('/').next().unwrap_or(folder))
}

fn messages(output: &[u8]) -> impl Iterator<Item = Value> {
    output
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
}

fn is_error(report: &Value) -> bool {
    report
        .get("level")
        .and_then(Value::as_str)
        .is_some_and(|level| level.starts_with("error"))
}

/// The file and bytes of a compiler's span.
fn place(span: &Value) -> Option<(PathBuf, Range<usize>)> {
    let name = PathBuf::from(span.get("file_name")?.as_str()?);
    let at = |key| {
        span.get(key)
            .and_then(Value::as_u64)
            .and_then(|at| usize::try_from(at).ok())
    };
    Some((name, at("byte_start")?..at("byte_end")?))
}

fn remove_others(folder: &Path, names: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, names)?;
        } else if !names.contains(&path) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}
