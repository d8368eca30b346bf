//! What the command prints: tables for people, JSON for programs, and how a failure ends it.
//!
//! Invariants: a reader of standard output that has had enough, as `head` has, changes nothing of what a command
//! does and ends with; that standard error can't be written doesn't either.

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use chaski_node::NodeError;
use serde::Serialize;

/// Why a command ends without its result.
#[derive(Debug)]
pub enum Failure {
    /// The node, or the work on it, failed.
    Node(NodeError),
    /// Standard output can't take more.
    Output(std::io::Error),
    /// Ctrl-C or SIGTERM came first.
    Interrupted,
    /// The same, while records were taken: how many are known to be kept.
    ImportInterrupted(u64),
}

impl Failure {
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Node(error) => error.exit_code(),
            Self::Output(_) | Self::Interrupted | Self::ImportInterrupted(_) => 1,
        }
    }

    /// Whether the reader of our output has had enough, as `head` has: no error of ours.
    pub fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(error) => error.fmt(f),
            Self::Output(error) => write!(f, "writing the output: {error}"),
            Self::Interrupted => {
                f.write_str("interrupted: what was done by then is kept, and the command can be given again")
            }
            Self::ImportInterrupted(records) => write!(
                f,
                "interrupted: at least {records} records were taken and are kept; give the command again for the \
                 rest, what is here already stays as it is"
            ),
        }
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        Self::Node(error)
    }
}

/// Whether the reader of standard output was found to be gone.
static IS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether something was printed that nobody read: the reader of standard output was gone.
pub fn is_closed() -> bool {
    IS_CLOSED.load(Ordering::Relaxed)
}

/// What a write to standard output came to. That its reader is gone ends no command: its exit code is still to be told.
fn printed(written: std::io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            IS_CLOSED.store(true, Ordering::Relaxed);
            Ok(())
        }
        written => written.map_err(Failure::Output),
    }
}

/// Prints a line to standard output at once.
pub fn line(text: impl fmt::Display) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    printed(writeln!(out, "{text}").and_then(|()| out.flush()))
}

/// Prints one line of JSON.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value)
        .map_err(|error| Failure::Node(NodeError::failed("writing the result as JSON", error)))?;
    line(text)
}

/// Prints bytes as they are.
pub fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    printed(out.write_all(bytes).and_then(|()| out.flush()))
}

/// A remark that isn't part of the result. One that can't be written is lost, and ends nothing.
pub fn note(text: impl fmt::Display) {
    let _lost = told(text);
}

/// What an operator should do, one sentence each.
pub fn warned(warnings: &[String]) {
    for warning in warnings {
        note(format!("! {warning}"));
    }
}

/// A remark that must reach somebody.
///
/// # Errors
/// When standard error can't take it.
pub fn told(text: impl fmt::Display) -> std::io::Result<()> {
    let mut err = std::io::stderr().lock();
    writeln!(err, "{text}").and_then(|()| err.flush())
}

/// Whether a person reads standard output.
pub fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Prints rows in columns as wide as they need to be.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    line(table_text(heads, rows).trim_end())
}

fn table_text(heads: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(column, head)| {
            let cells = rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count());
            cells.chain([head.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let heads = heads.iter().map(|head| head.to_string()).collect();
    let mut text = String::new();
    for row in std::iter::once(&heads).chain(rows) {
        let padded: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// `1536` as `1.5 KiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = UNITS.iter();
    let mut name = unit.next().copied().unwrap_or("B");
    while value >= 1024.0 {
        let Some(next) = unit.next() else { break };
        value /= 1024.0;
        name = next;
    }
    if name == "B" {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![
            vec!["a".to_owned(), "long cell".to_owned()],
            vec!["bcd".to_owned(), "x".to_owned()],
        ];
        assert_eq!(table_text(&["N", "H"], &rows), "N    H\na    long cell\nbcd  x\n");
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(
            [size(12), size(1536), size(3 << 30)],
            ["12 B", "1.5 KiB", "3.0 GiB"]
        );
    }
}
