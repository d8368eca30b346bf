//! The unit tests of the packages: which there are, how long each takes, and which switches each reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::pool;
use crate::workshop::{Program, Workshop};

/// A test that has not ended by then with no switch on is left out of the judging.
const ALONE_MAX: Duration = Duration::from_secs(180);

/// A test as it is with every switch off.
#[derive(Clone, Debug)]
pub struct Test {
    /// Where its program stands in [`Suite::programs`].
    pub program: usize,
    /// Its name, as libtest prints it.
    pub name: String,
    /// How long it takes alone, the start of the program included.
    pub alone: Duration,
    /// The switches it reaches.
    pub reaches: BTreeSet<u32>,
}

/// All of them.
#[derive(Debug)]
pub struct Suite {
    /// The test programs.
    pub programs: Vec<Program>,
    /// The tests that pass with every switch off.
    pub tests: Vec<Test>,
    /// Names of those that don't, and judge nothing.
    pub failing: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All tests passed.
    Passed,
    /// One failed, or the program died.
    Failed,
    /// It did not end in time.
    Late,
}

/// What the environment of a run says of switches.
#[derive(Clone, Debug)]
pub enum Switched {
    /// This one is on.
    On(u32),
    /// None is on; which are reached is written to this file.
    Noting(PathBuf),
}

impl Suite {
    /// Runs every test alone, with every switch off.
    ///
    /// # Errors
    /// Where a program can't be started.
    pub fn measure(shop: &Workshop, programs: Vec<Program>, jobs: usize) -> Result<Self> {
        let mut wanted = Vec::new();
        for (nth, program) in programs.iter().enumerate() {
            wanted.extend(list(program)?.into_iter().map(|name| (nth, name)));
        }
        let notes = shop.target.join("reached");
        std::fs::create_dir_all(&notes)?;
        let total = wanted.len();
        let measured = pool::map(jobs, wanted, |done, (nth, name)| {
            if done % 50 == 0 {
                eprintln!("tests alone: {done} of {total}");
            }
            let program = programs.get(nth).context("a test without a program")?;
            alone(shop, program, nth, name, &notes.join(format!("{done}")))
        });
        let (mut tests, mut failing) = (Vec::new(), Vec::new());
        for outcome in measured {
            match outcome? {
                Ok(test) => tests.push(test),
                Err(name) => failing.push(name),
            }
        }
        Ok(Self {
            programs,
            tests,
            failing,
        })
    }

    /// Which tests reach each switch.
    pub fn reached_by(&self) -> BTreeMap<u32, Vec<&Test>> {
        let mut by: BTreeMap<u32, Vec<&Test>> = BTreeMap::new();
        for test in &self.tests {
            for id in &test.reaches {
                by.entry(*id).or_default().push(test);
            }
        }
        by
    }
}

fn alone(
    shop: &Workshop,
    program: &Program,
    nth: usize,
    name: String,
    notes: &Path,
) -> Result<Result<Test, String>> {
    let _ = std::fs::remove_file(notes);
    let start = Instant::now();
    let ended = run(
        shop,
        program,
        &[&name],
        &Switched::Noting(notes.to_path_buf()),
        ALONE_MAX,
    )?;
    let alone = start.elapsed();
    if ended != Ended::Passed {
        return Ok(Err(name));
    }
    let text = std::fs::read_to_string(notes).unwrap_or_default();
    let reaches = text.lines().filter_map(|line| line.parse().ok()).collect();
    Ok(Ok(Test {
        program: nth,
        name,
        alone,
        reaches,
    }))
}

fn list(program: &Program) -> Result<Vec<String>> {
    let output = Command::new(&program.path)
        .args(["--list", "--format", "terse"])
        .output()
        .with_context(|| format!("{} can't be started", program.path.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect())
}

/// Runs these tests of a program; what they print is thrown away.
///
/// # Errors
/// Where the program can't be started.
pub fn run(
    shop: &Workshop,
    program: &Program,
    names: &[&str],
    switched: &Switched,
    most: Duration,
) -> Result<Ended> {
    // A fault that allocates without end must not take the machine with it.
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -v 8000000; exec \"$@\"", "sh"])
        .arg(&program.path)
        .args(["--exact", "--quiet"])
        .args(names)
        .current_dir(shop.tree.join(&program.package))
        .env("CHASKI_KIT", kit(&shop.top))
        .env("INSTA_UPDATE", "no")
        .env("CARGO_MANIFEST_DIR", shop.tree.join(&program.package))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match switched {
        Switched::On(id) => command.env("CHASKI_SWITCH", id.to_string()),
        Switched::Noting(path) => command.env("CHASKI_SWITCHES_REACHED", path),
    };
    let mut child = command.spawn().context("a test program can't be started")?;
    wait(&mut child, most)
}

/// Where the conformance data lies, as `tests/run` has it.
fn kit(top: &Path) -> PathBuf {
    std::env::var_os("CHASKI_KIT").map_or_else(|| top.join("../shared/kit"), PathBuf::from)
}

fn wait(child: &mut Child, most: Duration) -> Result<Ended> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(if status.success() {
                Ended::Passed
            } else {
                Ended::Failed
            });
        }
        if start.elapsed() > most {
            child.kill()?;
            child.wait()?;
            return Ok(Ended::Late);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
