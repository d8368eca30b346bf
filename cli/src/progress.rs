//! Progress of long work: a bar on standard error, only where a person watches.
//!
//! Invariant: that a command waits for its turn at another node is said where nobody watches too: once a wait, on
//! standard error, for a program in JSON.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chaski_node::admin::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::note;

/// The last report's count, for who is told that a command was interrupted.
static DONE: AtomicU64 = AtomicU64::new(0);

/// How much was done by the last report.
pub fn done() -> u64 {
    DONE.load(Ordering::Relaxed)
}

/// A bar that appears with the first report and goes away when dropped.
#[derive(Debug, Default)]
pub struct Bar {
    bar: Option<ProgressBar>,
    is_json: bool,
    is_waiting: bool,
}

impl Bar {
    /// One of a command whose results are read by a program, or by a person.
    pub fn new(is_json: bool) -> Bar {
        Bar {
            bar: None,
            is_json,
            is_waiting: false,
        }
    }

    pub fn show(&mut self, progress: &Progress) {
        let was_waiting = std::mem::replace(&mut self.is_waiting, progress.wait.is_some());
        match &progress.wait {
            None => DONE.store(progress.done, Ordering::Relaxed),
            Some(_) if was_waiting => {}
            Some(wait) if self.is_json => note(serde_json::json!({ "waits_for_turn": wait })),
            Some(_) if !std::io::stderr().is_terminal() => note(&progress.stage),
            Some(_) => {}
        }
        if self.is_json || !std::io::stderr().is_terminal() {
            return;
        }
        let is_new = was_waiting != self.is_waiting;
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::no_length();
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.length() != progress.total || is_new {
            match progress.total {
                Some(total) => bar.set_length(total),
                None => bar.unset_length(),
            }
            bar.set_style(style(progress));
        }
        bar.set_message(progress.stage.clone());
        // Never over the end, whatever is reported.
        bar.set_position(
            progress
                .total
                .map_or(progress.done, |total| progress.done.min(total)),
        );
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(progress: &Progress) -> ProgressStyle {
    let template = match (progress.total, &progress.wait) {
        (Some(_), _) => "{msg} [{bar:30}] {human_pos}/{human_len} {per_sec}, {eta} left",
        (None, Some(_)) => "{spinner} {msg}",
        (None, None) => "{spinner} {msg}: {human_pos} ({per_sec})",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
