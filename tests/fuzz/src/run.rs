//! Tries a target: first what is known, then inputs made by chance until the
//! time is up.
//!
//! An input is on the disk before it is tried, so that even one that ends the
//! process is not lost. One that panics or never ends is a [`Finding`].

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use sha2::{Digest, Sha256};

use crate::{Mutator, Seed, Target};

/// What is tried, for how long, and where findings go.
#[derive(Clone, Debug)]
pub struct Run {
    /// The target's name.
    pub name: String,
    /// The function that is given the inputs.
    pub target: Target,
    /// What is tried first, and what the other inputs are made of.
    pub seeds: Vec<Seed>,
    /// A folder of inputs that are tried first too; it need not exist.
    pub corpus: PathBuf,
    /// The folder that a finding is written to.
    pub findings: PathBuf,
    /// The number from which chance starts: the same makes the same inputs.
    pub number: u64,
    /// How long they are made.
    pub time: Duration,
    /// An input that takes longer is a finding.
    pub stuck: Duration,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Seeds and files that were replayed.
    pub replayed: u64,
    /// Inputs made by chance that were tried.
    pub tried: u64,
    /// How long that took.
    pub time: Duration,
}

impl Figures {
    /// Inputs a second.
    pub fn rate(&self) -> f64 {
        self.tried as f64 / self.time.as_secs_f64().max(0.001)
    }
}

/// An input that must be looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Where the input is kept.
    pub file: PathBuf,
    /// What it was: a seed, a file, or made by chance.
    pub input: String,
    /// What happened with it.
    pub what: String,
}

impl Run {
    /// Tries everything; `Ok(Err(_))` is a finding.
    ///
    /// # Errors
    /// If a folder can't be read or a finding can't be kept.
    pub fn start(self) -> Result<Result<Figures, Finding>> {
        fs::create_dir_all(&self.findings).context("the folder of findings")?;
        let current = self.findings.join(format!("running-{}", std::process::id()));
        let begun = Arc::new(AtomicU64::new(0));
        let (done, outcome) = channel();
        let (name, findings, stuck) = (self.name.clone(), self.findings.clone(), self.stuck);
        let mut tries = Tries {
            file: File::create(&current).context("the current input")?,
            file_bytes: 0,
            begun: Arc::clone(&begun),
            target: self.target,
        };
        // Its own thread: one that is stuck can't be stopped, only left alone.
        thread::Builder::new().name(name).spawn(move || {
            let _ = done.send(tries.all(&self));
        })?;
        let outcome = wait(&outcome, &begun, stuck);
        let outcome = match outcome {
            Some(outcome) => outcome?,
            None => Err(Failure {
                input: "the input that was tried last".to_owned(),
                what: format!("no end within {} s", stuck.as_secs()),
            }),
        };
        match outcome {
            Ok(figures) => {
                fs::remove_file(&current)?;
                Ok(Ok(figures))
            }
            Err(failure) => Ok(Err(keep(&current, &findings, failure)?)),
        }
    }
}

/// The outcome, or none if one input takes longer than `stuck`.
fn wait<T>(outcome: &Receiver<Result<T>>, begun: &AtomicU64, stuck: Duration) -> Option<Result<T>> {
    let mut before = begun.load(Ordering::Relaxed);
    loop {
        match outcome.recv_timeout(stuck) {
            Ok(outcome) => return Some(outcome),
            Err(RecvTimeoutError::Disconnected) => return Some(Err(anyhow!("the run's thread ended"))),
            Err(RecvTimeoutError::Timeout) => {
                let now = begun.load(Ordering::Relaxed);
                // Before the first there is nothing to be stuck in.
                if now == before && now > 0 {
                    return None;
                }
                before = now;
            }
        }
    }
}

/// Moves the current input to where it stays, under a name of its content.
fn keep(current: &Path, findings: &Path, failure: Failure) -> Result<Finding> {
    let digest = Sha256::digest(fs::read(current)?);
    let name: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let file = findings.join(format!("found-{name}"));
    fs::rename(current, &file)?;
    Ok(Finding {
        file,
        input: failure.input,
        what: failure.what,
    })
}

struct Failure {
    input: String,
    what: String,
}

struct Tries {
    file: File,
    file_bytes: u64,
    begun: Arc<AtomicU64>,
    target: Target,
}

impl Tries {
    fn all(&mut self, run: &Run) -> Result<Result<Figures, Failure>> {
        let mut figures = Figures::default();
        let files = files(&run.corpus).context("the corpus")?;
        let seeds = run
            .seeds
            .iter()
            .map(|seed| (format!("seed {}", seed.name), seed.bytes.clone()));
        let known: Vec<(String, Vec<u8>)> = seeds.chain(files).collect();
        for (input, bytes) in &known {
            if let Err(failure) = self.one(bytes, || input.clone())? {
                return Ok(Err(failure));
            }
            figures.replayed += 1;
        }
        let mut mutator = Mutator::new(known.into_iter().map(|(_, bytes)| bytes).collect(), run.number);
        let start = Instant::now();
        while start.elapsed() < run.time {
            let name = || format!("input {} made by number {}", figures.tried, run.number);
            if let Err(failure) = self.one(&mutator.next_input(), name)? {
                return Ok(Err(failure));
            }
            figures.tried += 1;
        }
        figures.time = start.elapsed();
        Ok(Ok(figures))
    }

    fn one(&mut self, bytes: &[u8], input: impl Fn() -> String) -> io::Result<Result<(), Failure>> {
        self.file.write_all_at(bytes, 0)?;
        let length = bytes.len() as u64;
        if length < self.file_bytes {
            self.file.set_len(length)?;
        }
        self.file_bytes = length;
        self.begun.fetch_add(1, Ordering::Relaxed);
        let target = self.target;
        let tried = catch_unwind(AssertUnwindSafe(|| target(bytes)));
        Ok(tried.map_err(|panic| Failure {
            input: input(),
            what: message_of(panic.as_ref()),
        }))
    }
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a text").to_owned()
}

/// The files of a folder by name, none if there is no folder.
fn files(folder: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        files.push((format!("file {}", path.display()), fs::read(&path)?));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests;
