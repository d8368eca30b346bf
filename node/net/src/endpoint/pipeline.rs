//! Taking in batches: verified on several threads, merged on one, committed on
//! another.
//!
//! Invariants: merging and commits happen in the order the engine gave the
//! jobs; the queue is bounded by the engine's windows; when the driver ends,
//! what was queued is still committed.

use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::driver::Input;
use crate::apply::{ApplyJob, Merged, Prepared};
use crate::engine::Event;
use crate::replica::SharedReplica;

/// Merged batches that wait for the one before them to be durable: more would
/// be merged with what is out of date.
const MERGED_MAX: usize = 2;

/// The threads that take batches in.
pub(crate) struct Pipeline {
    runtime: Handle,
    queue: Option<std_mpsc::Sender<oneshot::Receiver<Prepared>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pipeline {
    pub(crate) fn start(
        runtime: Handle,
        replica: SharedReplica,
        inputs: mpsc::WeakSender<Input>,
    ) -> std::io::Result<Pipeline> {
        let (queue, jobs) = std_mpsc::channel::<oneshot::Receiver<Prepared>>();
        let (merged, ready) = std_mpsc::sync_channel::<Merged>(MERGED_MAX);
        let committing = Arc::clone(&replica);
        let committer = std::thread::Builder::new()
            .name("chaski-commit".to_owned())
            .spawn(move || {
                while let Ok(merged) = ready.recv() {
                    let applied = merged.commit(committing.as_ref());
                    if let Some(inputs) = inputs.upgrade() {
                        let event = Event::Applied(Box::new(applied));
                        let _ = inputs.blocking_send(Input::Event(event, None));
                    }
                }
            })?;
        let merger = std::thread::Builder::new()
            .name("chaski-merge".to_owned())
            .spawn(move || {
                while let Ok(job) = jobs.recv() {
                    // Only at the end: the runtime has dropped what it had not begun.
                    let Ok(prepared) = job.blocking_recv() else {
                        continue;
                    };
                    if merged.send(prepared.stage(replica.as_ref())).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Pipeline {
            runtime,
            queue: Some(queue),
            threads: vec![merger, committer],
        })
    }

    /// Takes a job.
    pub(crate) fn give(&self, job: ApplyJob) {
        let (done, prepared) = oneshot::channel();
        self.runtime.spawn_blocking(move || {
            let _ = done.send(job.prepare());
        });
        if let Some(queue) = &self.queue {
            let _ = queue.send(prepared);
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
