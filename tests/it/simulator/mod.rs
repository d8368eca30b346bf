//! The seeded simulator: nodes, a bad network, bad clocks and bad luck in
//! virtual time, in one thread, from one number.
//!
//! Each seed makes three to seven nodes of one network that write, sync, crash,
//! are cloned, restored from backups and revoked while links come and go,
//! lose what is in flight, duplicate and reorder it. Then the network heals,
//! and these must hold: all that may share hold the same and show the same, no
//! acknowledged write is lost, and "in sync" was never said falsely.
//!
//! A failure prints its seed; `CHASKI_SEED=N ./tests/run simulator` replays it.

mod act;
mod ledger;
mod luck;
mod network;
mod node;
mod scopes;
mod world;

use world::World;

/// Seeds tried in an ordinary run.
const SEEDS: u64 = 1_000;

fn run(seed: u64) {
    let mut world = World::new(seed);
    world.live();
    world.heal();
    world.check();
}

fn run_range(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| run(seed));
        if let Err(panic) = outcome {
            eprintln!("seed {seed} failed: replay with CHASKI_SEED={seed} ./tests/run simulator");
            std::panic::resume_unwind(panic);
        }
    }
}

/// The seeds to try, from and to: as `CHASKI_SEED` or `CHASKI_SEEDS` say, else so many.
fn seeds(ordinary: u64) -> (u64, u64) {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|value| value.parse::<u64>().ok())
    };
    match number("CHASKI_SEED") {
        Some(seed) => (seed, seed + 1),
        None => (0, number("CHASKI_SEEDS").unwrap_or(ordinary)),
    }
}

#[test]
fn simulator_every_seed_converges() {
    let (first, last) = seeds(SEEDS);
    let half = first + (last - first) / 2;
    std::thread::scope(|scope| {
        let lower = scope.spawn(move || run_range(first..half));
        run_range(half..last);
        lower.join().unwrap();
    });
    println!("{} seeds converged", last - first);
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
