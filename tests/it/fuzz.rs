//! Every fuzz target, for ten seconds each: what is known is replayed, then
//! inputs are made by chance (`tests/fuzz`). The number that they are made by
//! is printed.
//!
//! `CHASKI_FUZZ_SECONDS` is another time for each, `CHASKI_FUZZ_NUMBER` makes
//! the same inputs again. With `CHASKI_SOAK` each runs under libFuzzer as well,
//! guided by coverage, an hour for all of them together.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use chaski_fuzz::{INPUT_BYTES_MAX, Run, TARGETS, seeds_of};

const SECONDS: u64 = 10;
/// All targets together under libFuzzer.
const SOAK_SECONDS: u64 = 3_600;
/// No input may take so long, on a slow and busy machine.
const STUCK_SECONDS: u64 = 60;
/// What a target may hold under libFuzzer.
const MEMORY_MIB_MAX: u32 = 1_024;

/// A test for each, and a list of them.
macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                fuzz(stringify!($name));
            }
        )*
        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! {
    authority change_merge change_parse codec http_search import json
    parcel reconcile search texts ticket wire
}

#[test]
fn every_fuzz_target_is_run() {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, TESTED);
}

fn fuzz(name: &str) {
    let soak = env::var_os("CHASKI_SOAK").is_some();
    let seconds = if soak {
        SECONDS
    } else {
        from_env("CHASKI_FUZZ_SECONDS").unwrap_or(SECONDS)
    };
    let number = from_env("CHASKI_FUZZ_NUMBER").unwrap_or_else(rand::random);
    println!("fuzz {name}: CHASKI_FUZZ_NUMBER={number}");
    let run = Run {
        name: name.to_owned(),
        target: chaski_fuzz::target(name).expect("a target of the table"),
        seeds: seeds_of(name),
        corpus: folder().join("corpus").join(name),
        findings: findings(name),
        number,
        time: Duration::from_secs(seconds),
        stuck: Duration::from_secs(STUCK_SECONDS),
    };
    let figures = match run.start().unwrap() {
        Ok(figures) => figures,
        Err(finding) => panic!(
            "{name}: {} ({})\n{}",
            finding.what,
            finding.input,
            replay(name, &finding.file)
        ),
    };
    println!(
        "fuzz {name}: {} replayed, {} inputs tried, {:.0} inputs/s, no finding",
        figures.replayed,
        figures.tried,
        figures.rate()
    );
    if soak {
        guided(name);
    }
}

fn from_env(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
    )
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn findings(name: &str) -> PathBuf {
    folder().join("artifacts").join(name)
}

fn replay(name: &str, file: &Path) -> String {
    format!(
        "to replay: cargo run -p chaski-fuzz --example replay -- {name} {}",
        file.display()
    )
}

/// Runs a target under libFuzzer for its share of the time, from the seeds and
/// from what an earlier run on this machine found its way with.
fn guided(name: &str) {
    let program = libfuzzer().join(name);
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(name);
    let (grown, seeds) = (scratch.join("grown"), scratch.join("seeds"));
    fs::create_dir_all(&grown).unwrap();
    fs::create_dir_all(&seeds).unwrap();
    for seed in seeds_of(name) {
        fs::write(seeds.join(seed.name), seed.bytes).unwrap();
    }
    let kept = folder().join("corpus").join(name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let share = SOAK_SECONDS * cores.min(TARGETS.len() as u64) / TARGETS.len() as u64;
    let seconds = from_env("CHASKI_FUZZ_SECONDS").unwrap_or(share);
    let output = Command::new(program)
        .args([grown, seeds].iter().chain(kept.exists().then_some(&kept)))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
        .arg(format!("-timeout={STUCK_SECONDS}"))
        .arg(format!("-artifact_prefix={}/", findings(name).display()))
        .arg("-print_final_stats=1")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    let tail: Vec<&str> = log.lines().rev().take(60).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    let found = log
        .lines()
        .find_map(|line| line.split("Test unit written to ").nth(1));
    let how = found.map_or_else(String::new, |file| replay(name, Path::new(file)));
    assert!(output.status.success(), "{name}:\n{}\n{how}", tail.join("\n"));
    let figure = |what: &str| {
        let line = log
            .lines()
            .find(|line| line.starts_with(&format!("stat::{what}:")));
        line.and_then(|line| line.split_whitespace().last()?.parse::<u64>().ok())
            .unwrap_or_else(|| panic!("libFuzzer tells no {what}:\n{}", tail.join("\n")))
    };
    let (tried, rate) = (figure("number_of_executed_units"), figure("average_exec_per_sec"));
    println!(
        "fuzz {name}, guided by coverage: {seconds} s, {tried} inputs tried, {rate} inputs/s, {} new ways, no finding",
        figure("new_units_added")
    );
}

/// Builds the targets once with what guides libFuzzer, as `cargo fuzz` would
/// without a sanitizer (none of our code is unsafe): this works on stable.
fn libfuzzer() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let host = Command::new("rustc")
            .args(["--print", "host-tuple"])
            .output()
            .unwrap();
        let host = String::from_utf8(host.stdout).unwrap().trim().to_owned();
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libfuzzer");
        let flags = [
            "-Cpasses=sancov-module",
            "-Cllvm-args=-sanitizer-coverage-level=4",
            "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
            "-Cllvm-args=-sanitizer-coverage-pc-table",
            "-Cllvm-args=-sanitizer-coverage-trace-compares",
        ];
        // Naming the target keeps the flags away from build scripts.
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--bins", "--target", &host])
            .arg("--manifest-path")
            .arg(folder().join("libfuzzer/Cargo.toml"))
            .env("CARGO_TARGET_DIR", &target)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .status()
            .unwrap();
        assert!(built.success(), "the targets build under libFuzzer");
        target.join(host).join("release")
    })
}
