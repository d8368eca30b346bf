//! Would a test notice? Writes small faults into a copy of the source, each behind a switch, builds the copy once, turns
//! them on one at a time and runs the unit tests that reach the place. `tests/mutate` starts it.
//!
//! Building once is what makes it usable on two cores: a build for each fault takes most of a minute, a run of the few
//! tests that reach it mostly less than a second.

mod faults;
mod judge;
mod points;
mod pool;
mod report;
mod source;
mod suite;
mod survivors;
mod switch;
#[cfg(test)]
mod tests;
mod values;
mod weave;
mod workshop;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::report::Report;
use crate::suite::Suite;
use crate::switch::Switch;
use crate::workshop::Workshop;

/// Files that decide who may do what, what is kept, and what is told as true: the default of `--draw`.
const DECIDING: [&str; 8] = [
    "policy",
    "conflict",
    "seal",
    "commit",
    "apply",
    "proof",
    "receive",
    "authority",
];

/// Switches faults on, one at a time, and tells which ones no unit test notices.
///
/// Exit code 1 where one survives that `tests/mutants/survivors.toml` does not list with a reason, where a fault written
/// by hand could not be tried, and where a test fails although every fault is off.
#[derive(Debug, Parser)]
#[command(
    name = "tests/mutate",
    after_help = "Examples:\n  \
        tests/mutate --changed main            what my branch and my uncommitted work add\n  \
        tests/mutate --draw 200 --seed 7       two hundred from the files that decide\n  \
        tests/mutate --all --package crdt      every one of a package (hours for all packages)\n  \
        tests/mutate --faults my-faults.toml   faults written by hand\n  \
        tests/mutate --changed HEAD --list     only tell what would be tried"
)]
struct Arguments {
    /// Faults in the lines added or changed since this commit
    #[arg(long, value_name = "BASE", group = "which")]
    changed: Option<String>,
    /// Every fault of the packages
    #[arg(long, group = "which")]
    all: bool,
    /// So many faults, drawn by the seed from the files that decide, of the kinds that cargo-mutants makes too
    #[arg(long, value_name = "N", group = "which")]
    draw: Option<usize>,
    /// Faults written by hand; the form is told in tests/mutants/src/faults.rs
    #[arg(long, value_name = "FILE", num_args = 1.., group = "which")]
    faults: Vec<PathBuf>,
    /// What the draw depends on
    #[arg(long, default_value = "1", requires = "draw")]
    seed: String,
    /// Only these packages, by folder: crdt, node/store …
    #[arg(long = "package", value_name = "FOLDER")]
    packages: Vec<String>,
    /// Only files whose path contains this
    #[arg(long = "file", value_name = "PART")]
    files: Vec<String>,
    /// Let the unit tests of all packages judge, not only those of the fault's own
    #[arg(long)]
    wide: bool,
    /// Only tell which faults there are
    #[arg(long)]
    list: bool,
    /// The outcome as JSON
    #[arg(long)]
    json: bool,
    /// So many tests run side by side
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("tests/mutate: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything was tried and nothing new survived.
fn run(arguments: &Arguments) -> Result<bool> {
    let top = PathBuf::from(source::git(Path::new("."), &["rev-parse", "--show-toplevel"])?.trim());
    let (switches, left_out) = choose(arguments, &top)?;
    if arguments.list {
        list(&switches, arguments.json);
        return Ok(left_out == 0);
    }
    if switches.is_empty() {
        println!("no fault can be made of that: nothing to notice");
        return Ok(left_out == 0);
    }
    // Before the hours of judging: a list that can't be read ends it.
    let listed = survivors::read(&top)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top.join("target"), PathBuf::from);
    let shop = Workshop::new(&top, &target);
    let packages: BTreeSet<String> = if arguments.wide {
        source::PACKAGES
            .iter()
            .map(|package| (*package).to_owned())
            .collect()
    } else {
        switches.iter().map(|switch| switch.package.clone()).collect()
    };
    eprintln!("{} faults; building", switches.len());
    let remembered = Remembered::read(&top, &target, &switches);
    let (programs, refused) = shop.build(&switches, &packages, &remembered.refused)?;
    remembered.write(&switches, &refused)?;
    let mut suite = Suite::measure(&shop, programs, arguments.jobs)?;
    for name in &suite.failing {
        eprintln!("fails with every switch off, and judges nothing: {name}");
    }
    if !arguments.wide {
        keep_own(&mut suite, &switches);
    }
    let verdicts = judge::judge(
        &shop,
        &suite,
        &switches,
        |id| refused.contains(&id),
        arguments.jobs,
    )?;
    let report = Report::new(&switches, &verdicts, &listed);
    if arguments.json {
        println!("{:#}", report.json());
    } else {
        println!("{}", report.text());
    }
    if left_out > 0 || !suite.failing.is_empty() {
        eprintln!(
            "not all was tried: {left_out} faults left out, {} tests that fail with every fault off",
            suite.failing.len()
        );
        return Ok(false);
    }
    Ok(report.survivors().next().is_none())
}

/// Tells which switches there are; whoever reads may stop early.
fn list(switches: &[Switch], as_json: bool) {
    let keys: Vec<String> = switches.iter().map(Switch::key).collect();
    let shown: Vec<String> = switches.iter().map(Switch::to_string).collect();
    let text = if as_json {
        format!("{:#}", serde_json::json!(keys))
    } else {
        shown.join("\n")
    };
    let _ = writeln!(std::io::stdout(), "{text}");
    eprintln!("{} faults", switches.len());
}

/// A test judges the switches of its own package only.
fn keep_own(suite: &mut Suite, switches: &[Switch]) {
    let packages: Vec<String> = suite
        .programs
        .iter()
        .map(|program| program.package.clone())
        .collect();
    for test in &mut suite.tests {
        let own = packages.get(test.program);
        test.reaches.retain(|id| {
            let package = usize::try_from(*id)
                .ok()
                .and_then(|id| switches.get(id))
                .map(|switch| &switch.package);
            package.is_some() && package == own
        });
    }
}

/// The switches to try, and how many faults written by hand can't be.
fn choose(arguments: &Arguments, top: &Path) -> Result<(Vec<Switch>, usize)> {
    let mut left_out = 0;
    for package in &arguments.packages {
        if !source::PACKAGES.contains(&package.as_str()) {
            bail!("no package {package}; there are: {}", source::PACKAGES.join(", "));
        }
    }
    let is_wanted = |switch: &Switch| {
        let of_package = arguments.packages.is_empty() || arguments.packages.contains(&switch.package);
        of_package
            && (arguments.files.is_empty() || arguments.files.iter().any(|part| switch.file.contains(part)))
    };
    let mut switches: Vec<Switch> = match (&arguments.changed, arguments.draw) {
        _ if !arguments.faults.is_empty() => {
            let mut found = Vec::new();
            for path in &arguments.faults {
                let read = faults::read(top, path)?;
                left_out += read.left_out;
                found.extend(read.switches);
            }
            found
        }
        (Some(base), _) => changed(top, base)?,
        (None, Some(_)) => proposed(top)?
            .into_iter()
            .filter(|switch| switch.genre.is_common() && decides(&switch.file))
            .collect(),
        (None, None) if arguments.all => proposed(top)?,
        (None, None) => {
            bail!("say which faults: --changed BASE, --draw N, --all, or --faults FILE (see --help)")
        }
    };
    switches.retain(is_wanted);
    if let Some(count) = arguments.draw {
        let order =
            |switch: &Switch| blake3::hash(format!("{}\n{}", arguments.seed, switch.key()).as_bytes());
        switches.sort_by_cached_key(|switch| *order(switch).as_bytes());
        switches.truncate(count);
    }
    Ok((switches, left_out))
}

fn decides(file: &str) -> bool {
    DECIDING.iter().any(|part| file.contains(part))
}

fn proposed(top: &Path) -> Result<Vec<Switch>> {
    let mut found = Vec::new();
    for package in source::PACKAGES {
        for file in source::files(top, package)? {
            let text = std::fs::read_to_string(top.join(&file)).with_context(|| format!("reading {file}"))?;
            found.extend(points::of_file(package, &file, &text)?);
        }
    }
    Ok(found)
}

fn changed(top: &Path, base: &str) -> Result<Vec<Switch>> {
    let lines = source::changed_lines(top, base)?;
    let touches = |switch: &Switch| {
        let of_file = lines.get(&switch.file);
        of_file.is_some_and(|lines| lines.range(switch.lines.0..=switch.lines.1).next().is_some())
    };
    Ok(proposed(top)?.into_iter().filter(touches).collect())
}

/// What did not compile the last time, so that it is not tried again as long as its file is the same.
struct Remembered {
    path: PathBuf,
    /// Of each switch, by which it is known there.
    names: Vec<String>,
    refused: BTreeSet<u32>,
}

impl Remembered {
    fn read(top: &Path, target: &Path, switches: &[Switch]) -> Self {
        let path = target.join("mutants/refused");
        let mut hashes = BTreeMap::new();
        let names: Vec<String> = switches
            .iter()
            .map(|switch| {
                let hash = hashes.entry(switch.file.as_str()).or_insert_with(|| {
                    blake3::hash(&std::fs::read(top.join(&switch.file)).unwrap_or_default())
                        .to_hex()
                        .to_string()
                });
                format!("{hash} {}", switch.key())
            })
            .collect();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let known: BTreeSet<&str> = text.lines().collect();
        let refused = (0..)
            .zip(&names)
            .filter(|(_, name)| known.contains(name.as_str()))
            .map(|(id, _)| id)
            .collect();
        Self { path, names, refused }
    }

    fn write(&self, switches: &[Switch], refused: &BTreeSet<u32>) -> Result<()> {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        let mut known: BTreeSet<&str> = text.lines().collect();
        let new = (0..)
            .zip(&self.names)
            .filter(|(id, _)| refused.contains(id))
            .map(|(_, name)| name.as_str());
        known.extend(new.take(switches.len()));
        let lines: Vec<&str> = known.into_iter().collect();
        std::fs::write(&self.path, lines.join("\n"))
            .with_context(|| format!("writing {}", self.path.display()))
    }
}
