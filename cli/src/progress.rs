//! Progress of long work: a bar on standard error, only where a person watches.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chaski_node::admin::Progress;
use indicatif::{ProgressBar, ProgressStyle};

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
}

impl Bar {
    pub fn show(&mut self, progress: &Progress) {
        DONE.store(progress.done, Ordering::Relaxed);
        if !std::io::stderr().is_terminal() {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::no_length();
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.length() != progress.total {
            match progress.total {
                Some(total) => bar.set_length(total),
                None => bar.unset_length(),
            }
            bar.set_style(style(progress.total.is_some()));
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

fn style(has_total: bool) -> ProgressStyle {
    let template = if has_total {
        "{msg} [{bar:30}] {human_pos}/{human_len} {per_sec}, {eta} left"
    } else {
        "{spinner} {msg}: {human_pos} ({per_sec})"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
