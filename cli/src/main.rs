//! The chaski command.
//!
//! Invariants: the exit code says what happened (0 ok, 1 error, 2 usage, 3 not in sync or quarantined,
//! 4 damage, 5 key, 6 locked); results go to standard output, everything else to standard error; a
//! command may be interrupted at any moment without losing what was acknowledged.

mod args;
mod commands;
mod output;
mod progress;

use std::process::ExitCode;

use clap::Parser;

/// A node at work makes and drops many small things: a tenth of a first sync's time less than
/// with the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap knows which stream and code each has.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return if error.print().is_ok() {
                ExitCode::from(code)
            } else {
                ExitCode::FAILURE
            };
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("chaski: starting: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(commands::run(cli.command));
    // What was cut off ends with the process: what it acknowledged is durable. A runtime that is shut
    // down would wait for blocking work, and threads that still use it would panic.
    std::mem::forget(runtime);
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) if failure.is_closed_output() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("chaski: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
