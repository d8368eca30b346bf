//! Taking in batches: verified on several threads, merged on one, committed on
//! another.
//!
//! Invariants: merging and commits happen in the order the engine gave the
//! jobs; the queue is bounded by the engine's windows; when the driver ends,
//! what was merged is still committed, and what was not is left: nobody was
//! told that it came, so it comes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    is_ending: Arc<AtomicBool>,
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
        let is_ending = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&is_ending);
        let merger = std::thread::Builder::new()
            .name("chaski-merge".to_owned())
            .spawn(move || {
                while let Ok(job) = jobs.recv() {
                    if is_over.load(Ordering::Acquire) {
                        continue;
                    }
                    // Only at the end: what had not begun to be verified is left.
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
            is_ending,
            threads: vec![merger, committer],
        })
    }

    /// Takes a job.
    pub(crate) fn give(&self, job: ApplyJob) {
        let (done, prepared) = oneshot::channel();
        let is_over = Arc::clone(&self.is_ending);
        self.runtime.spawn_blocking(move || {
            if !is_over.load(Ordering::Acquire) {
                let _ = done.send(job.prepare());
            }
        });
        if let Some(queue) = &self.queue {
            let _ = queue.send(prepared);
        }
    }

    /// From now on no batch is begun.
    pub(crate) fn end(&self) {
        self.is_ending.store(true, Ordering::Release);
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
