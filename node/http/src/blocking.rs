//! Runs the store's blocking calls beside the event loop, bounded in number
//! and time.

use std::sync::Arc;
use std::time::Duration;

use crate::outcome::Failure;
use crate::state::HttpState;

/// What the work may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Read or search.
    Read,
    /// Write, besides reading.
    Write,
}

impl HttpState {
    /// Runs `work` on a blocking thread. Too many at once, or too long, is a
    /// 503; work that has begun goes on to its end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        kind: Work,
        work: impl FnOnce(&HttpState) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let limit = match kind {
            Work::Read => self.limits().read_time_max,
            Work::Write => self.limits().write_time_max,
        };
        let state = self.clone();
        let job = async move {
            let permit = Arc::clone(state.at_work())
                .acquire_owned()
                .await
                .map_err(|_| Failure::stopping())?;
            let on_thread = state.clone();
            let result = tokio::task::spawn_blocking(move || {
                let result = work(&on_thread);
                // Held by the thread: work that nobody waits for any more still counts.
                drop(permit);
                result
            });
            result.await.map_err(|_| Failure::internal())?
        };
        match tokio::time::timeout(limit, job).await {
            Ok(result) => result,
            Err(_) => Err(timed_out(kind, limit)),
        }
    }
}

fn timed_out(kind: Work, limit: Duration) -> Failure {
    let seconds = limit.as_secs();
    match kind {
        Work::Read => Failure::unavailable(
            "too-costly",
            format!("this took more than {seconds} s: ask for less, for instance by patient or by code"),
        ),
        Work::Write => Failure::unavailable(
            "timeout",
            format!("this took more than {seconds} s; it may still be done: read before sending it again"),
        ),
    }
}
