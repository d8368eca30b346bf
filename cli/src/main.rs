//! The chaski command.
//!
//! Invariants: the exit code says what happened (0 ok, 1 error, 2 usage, 3 not in sync (for long, a site), or changes quarantined or waiting,
//! 4 damage, 5 key, 6 locked); results go to standard output, everything else to standard error; a
//! command may be interrupted at any moment without losing what was acknowledged.

mod args;
mod commands;
mod output;
mod progress;

use std::process::ExitCode;

use clap::Parser;

/// A node at work makes and drops many small things: with the C library's allocator imports and
/// first syncs are a seventh slower, searches a sixth.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bytes that make the allocator look what else it may give back.
const RELEASE_BYTES: usize = 2 << 20;

/// Gives memory back to the system. What is freed goes back only when something large is freed a
/// second or more later, and an idle node frees nothing: it would keep the 64 MiB that unlocking took.
async fn memory_release() {
    let mut wait = std::time::Duration::from_secs(2);
    loop {
        tokio::time::sleep(wait).await;
        drop(std::hint::black_box(Vec::<u8>::with_capacity(RELEASE_BYTES)));
        wait = std::time::Duration::from_secs(10);
    }
}

/// Runs a command; Ctrl-C and SIGTERM end it with a word. Those that run until then end themselves.
async fn run(command: args::Command) -> Result<u8, output::Failure> {
    if matches!(command, args::Command::Serve(_) | args::Command::Demo(_)) {
        return commands::run(command).await;
    }
    let is_import = matches!(command, args::Command::Import(_));
    let stop = chaski_node::stop_asked();
    tokio::select! {
        outcome = commands::run(command) => outcome,
        Ok(()) = stop => Err(match is_import {
            true => output::Failure::ImportInterrupted(progress::done()),
            false => output::Failure::Interrupted,
        }),
    }
}

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap knows which stream and code each has.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let is_lost = |cause: &std::io::Error| {
                !error.use_stderr() && cause.kind() != std::io::ErrorKind::BrokenPipe
            };
            return match error.print() {
                Err(cause) if is_lost(&cause) => ExitCode::FAILURE,
                _ => ExitCode::from(code),
            };
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(format!("chaski: starting: {error}"));
            return ExitCode::FAILURE;
        }
    };
    runtime.spawn(memory_release());
    let outcome = runtime.block_on(async {
        commands::zone_choose(cli.zone.as_deref(), &cli.command)?;
        run(cli.command).await
    });
    // What was cut off ends with the process: what it acknowledged is durable. A runtime that is shut
    // down would wait for blocking work, and threads that still use it would panic.
    std::mem::forget(runtime);
    match outcome {
        Ok(code) => ExitCode::from(code),
        // Of an export the reader had as much as it wanted, and what follows is not asked for.
        Err(failure) if failure.is_closed_output() => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(format!("chaski: {failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}
