//! The seeded simulator: nodes, a bad network, bad clocks and bad luck in
//! virtual time, in one thread, from one number.
//!
//! Each seed makes three to seven nodes of one network that write, sync, crash,
//! are cloned, restored from backups and revoked while links come and go,
//! lose what is in flight, duplicate and reorder it. Then the network heals,
//! and these must hold: all that may share hold the same and show the same, no
//! acknowledged write is lost, and "in sync" was never said falsely.
//!
//! Of a clone, or of a backup of a whole machine, both copies may write one (author, sequence)
//! before they hear of each other; of all else, and of all that is written later, nothing may be
//! missing where people look: [`ledger`].
//!
//! A failure prints its seed; `CHASKI_SEED=N ./tests/run simulator` replays it. With `CHASKI_SOAK`
//! fresh seeds are tried too, and one that fails is written to `seeds.txt`, which each run
//! replays first.

mod act;
mod ledger;
mod luck;
mod network;
mod node;
mod scopes;
mod world;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use world::World;

/// Seeds tried in an ordinary run.
const SEEDS: u64 = 500;
/// Fresh ones beside them in a soak.
const SOAK_SEEDS: u64 = 2_000;
/// The first of all seeds that a soak may draw.
const FRESH_FIRST: u64 = 1 << 32;
/// Longest note on what a seed has found, in characters.
const NOTE_CHARS_MAX: usize = 200;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/simulator/seeds.txt");

fn run(seed: u64) {
    let mut world = World::new(seed);
    world.live();
    world.heal();
    world.check();
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Seeds of a test that have failed once: lines of its name, the seed, and what was found.
fn kept(test: &str) -> Vec<u64> {
    let text = std::fs::read_to_string(KEPT).unwrap();
    let seeds = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let of_this = words.next() == Some(test);
        let seed = words.next().filter(|_| of_this)?;
        Some(seed.parse().expect("a seed is a number"))
    });
    seeds.collect()
}

/// The seeds to try: as `CHASKI_SEED` or `CHASKI_SEEDS` say; else those kept and so many, and in a
/// soak so many fresh ones.
fn seeds(test: &str, ordinary: u64, soak: u64) -> Vec<u64> {
    if let Some(seed) = number("CHASKI_SEED") {
        return vec![seed];
    }
    if let Some(count) = number("CHASKI_SEEDS") {
        return (0..count).collect();
    }
    let mut seeds = kept(test);
    seeds.extend(0..ordinary);
    if std::env::var_os("CHASKI_SOAK").is_some() {
        let first = FRESH_FIRST + u64::from(rand::random::<u32>());
        println!("fresh seeds from {first}");
        seeds.extend(first..first + soak);
    }
    seeds
}

/// Notes a fresh seed that failed, so that it is tried first from now on.
fn keep(test: &str, seed: u64, panic: &(dyn Any + Send)) {
    let texts = [
        panic.downcast_ref::<String>().map(String::as_str),
        panic.downcast_ref::<&str>().copied(),
    ];
    let text = texts.into_iter().flatten().next().unwrap_or_default();
    let what: String = text
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(NOTE_CHARS_MAX)
        .collect();
    let mut file = std::fs::read_to_string(KEPT).unwrap_or_default();
    file.push_str(&format!("{test} {seed} {what}\n"));
    if let Err(error) = std::fs::write(KEPT, file) {
        eprintln!("the seed could not be kept: {error}");
    }
}

/// Runs a test's seeds on two threads; how many that were.
fn run_seeds(test: &str, ordinary: u64, soak: u64, run: impl Fn(u64) + Sync) -> usize {
    let seeds = seeds(test, ordinary, soak);
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(*seed))) else {
                continue;
            };
            next.store(seeds.len(), Ordering::Relaxed);
            eprintln!("seed {seed} failed: replay with CHASKI_SEED={seed} ./tests/run simulator_{test}");
            if *seed >= FRESH_FIRST && number("CHASKI_SEED").is_none() && !kept(test).contains(seed) {
                keep(test, *seed, panic.as_ref());
            }
            resume_unwind(panic);
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        work();
        other.join().unwrap();
    });
    seeds.len()
}

#[test]
fn simulator_every_seed_converges() {
    let count = run_seeds("every", SEEDS, SOAK_SEEDS, run);
    println!("{count} seeds converged");
}

#[test]
fn simulator_the_same_seed_is_the_same_run() {
    let trace = |seed| {
        let mut world = World::new(seed);
        world.live();
        world.heal();
        world.trace()
    };
    assert_eq!(trace(7), trace(7));
}
