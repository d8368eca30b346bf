//! Taking in batches: verified on several threads, committed on one.
//!
//! Invariants: commits happen in the order the engine gave the jobs; the queue
//! is bounded by the engine's windows; when the driver ends, what was queued is
//! still committed.

use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::driver::Input;
use crate::apply::{ApplyJob, Prepared};
use crate::engine::Event;
use crate::replica::SharedReplica;

/// The threads that take batches in.
pub(crate) struct Pipeline {
    runtime: Handle,
    queue: Option<std_mpsc::Sender<oneshot::Receiver<Prepared>>>,
    committer: Option<JoinHandle<()>>,
}

impl Pipeline {
    pub(crate) fn start(
        runtime: Handle,
        replica: SharedReplica,
        inputs: mpsc::WeakSender<Input>,
    ) -> std::io::Result<Pipeline> {
        let (queue, jobs) = std_mpsc::channel::<oneshot::Receiver<Prepared>>();
        let committer = std::thread::Builder::new()
            .name("chaski-commit".to_owned())
            .spawn(move || {
                while let Ok(job) = jobs.recv() {
                    // A verification that panicked leaves its session to stall out.
                    let Ok(prepared) = job.blocking_recv() else {
                        continue;
                    };
                    let applied = prepared.commit(replica.as_ref());
                    if let Some(inputs) = inputs.upgrade() {
                        let event = Event::Applied(Box::new(applied));
                        let _ = inputs.blocking_send(Input::Event(event, None));
                    }
                }
            })?;
        Ok(Pipeline {
            runtime,
            queue: Some(queue),
            committer: Some(committer),
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
        if let Some(committer) = self.committer.take() {
            let _ = committer.join();
        }
    }
}
