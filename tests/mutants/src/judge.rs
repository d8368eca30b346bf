//! Turns the switches on one at a time and tells which of them some test notices.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::pool;
use crate::suite::{Ended, Suite, Switched, Test, run};
use crate::switch::Switch;
use crate::workshop::Workshop;

/// What became of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A test failed.
    Noticed,
    /// The tests did not end any more.
    Late,
    /// All tests that reach it passed.
    Survived,
    /// No test reaches it.
    Unreached,
    /// It does not compile.
    Refused,
}

impl Verdict {
    /// The verdict in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Noticed => "noticed",
            Self::Late => "the tests no longer end",
            Self::Survived => "no test notices",
            Self::Unreached => "no test reaches it",
            Self::Refused => "does not compile",
        }
    }

    /// Whether the suite would be red.
    pub fn is_noticed(self) -> bool {
        matches!(self, Self::Noticed | Self::Late)
    }
}

/// The tests that reach a switch run in turns of about these lengths, the quickest first: most faults fall in the
/// first turn, only what survives pays for all, and what loops for ever is known after a short one.
const TURNS: [Duration; 5] = [
    Duration::from_millis(700),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::MAX,
];

/// Judges every switch that compiles.
///
/// # Errors
/// Where a test program can't be started.
pub fn judge(
    shop: &Workshop,
    suite: &Suite,
    switches: &[Switch],
    is_refused: impl Fn(u32) -> bool + Sync,
    jobs: usize,
) -> Result<Vec<Verdict>> {
    let reached_by = suite.reached_by();
    let ids: Vec<u32> = (0..).take(switches.len()).collect();
    let total = ids.len();
    let verdicts = pool::map(jobs, ids, |done, id| {
        if done % 50 == 0 {
            eprintln!("judged: {done} of {total}");
        }
        if is_refused(id) {
            return Ok(Verdict::Refused);
        }
        let verdict = reached_by
            .get(&id)
            .map_or(Ok(Verdict::Unreached), |tests| one(shop, suite, id, tests));
        if let Ok(verdict @ (Verdict::Survived | Verdict::Unreached)) = &verdict
            && let Some(switch) = switches.get(done)
        {
            eprintln!("{}: {switch}", verdict.name());
        }
        verdict
    });
    verdicts.into_iter().collect()
}

fn one(shop: &Workshop, suite: &Suite, id: u32, tests: &[&Test]) -> Result<Verdict> {
    let mut rest: Vec<&Test> = tests.to_vec();
    rest.sort_by_key(|test| test.alone);
    for turn in TURNS {
        let mut taken = Duration::ZERO;
        let (now, later): (Vec<&Test>, Vec<&Test>) = rest.into_iter().partition(|test| {
            taken = taken.saturating_add(test.alone);
            taken <= turn
        });
        rest = later;
        for nth in 0..suite.programs.len() {
            let of_program: Vec<&&Test> = now.iter().filter(|test| test.program == nth).collect();
            if of_program.is_empty() {
                continue;
            }
            let names: Vec<&str> = of_program.iter().map(|test| test.name.as_str()).collect();
            let alone: Duration = of_program.iter().map(|test| test.alone).sum();
            // Generous, for the machine may be busy; a fault that loops for ever is noticed all the same.
            let most = alone.saturating_mul(3).saturating_add(Duration::from_secs(15));
            let program = suite.programs.get(nth).context("a test without a program")?;
            match run(shop, program, &names, &Switched::On(id), most)? {
                Ended::Passed => {}
                Ended::Failed => return Ok(Verdict::Noticed),
                Ended::Late => return Ok(Verdict::Late),
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    Ok(Verdict::Survived)
}
