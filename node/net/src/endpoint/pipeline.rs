//! Taking in batches: verified on several threads, merged on one, committed on
//! another.
//!
//! Invariants: the batches of a peer are merged and committed in the order the
//! engine gave them; of those that wait it is the turn of the peer that has
//! used least of late ([`super::shares`]), so that whoever brings a few changes
//! waits for no more than what is under way, however much others bring; the
//! queue is bounded by the engine's windows and, of sessions that are over, by the
//! bytes of each peer: of those the last go first, so no cursor jumps over any; when the driver ends, what was
//! merged is still committed, and what was not is left: nobody was told that it
//! came, so it comes again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::input::Input;
use super::shares::{For, Queues, Shares};
use crate::apply::{Applied, ApplyJob, Merged, Prepared};
use crate::engine::Event;
use crate::limits::{APPLY_LEFT_BYTES_MAX, HELD_BATCHES_MAX, PREPARED_MAX};
use crate::replica::SharedReplica;

/// Merged batches that wait for the one before them to be durable: more would
/// be merged with what is out of date.
const MERGED_MAX: usize = 2;

/// What waits for its turn, and how much has had it and is not merged yet.
struct Waiting {
    jobs: Queues<ApplyJob>,
    under_way: usize,
    /// To whoever merges; none once no more is given and all has had its turn.
    queue: Option<std_mpsc::Sender<oneshot::Receiver<Prepared>>>,
    is_closing: bool,
}

/// What has batches verified, as many at a time as there is something to gain by.
#[derive(Clone)]
struct Turns {
    runtime: Handle,
    shares: Shares,
    waiting: Arc<Mutex<Waiting>>,
    is_ending: Arc<AtomicBool>,
    under_way_max: usize,
}

impl Turns {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins what has its turn now.
    fn begin(&self, waiting: &mut Waiting) {
        if self.is_ending.load(Ordering::Acquire) {
            waiting.jobs.clear();
        }
        while waiting.under_way < self.under_way_max
            && let Some((_, peer)) = waiting.jobs.next(&self.shares, Instant::now())
            && let Some(job) = waiting.jobs.take(peer)
        {
            let (done, prepared) = oneshot::channel();
            let is_over = Arc::clone(&self.is_ending);
            self.runtime.spawn_blocking(move || {
                if !is_over.load(Ordering::Acquire) {
                    let _ = done.send(job.prepare());
                }
            });
            waiting.under_way = waiting.under_way.saturating_add(1);
            if let Some(queue) = &waiting.queue {
                let _ = queue.send(prepared);
            }
        }
        if waiting.is_closing && waiting.jobs.is_empty() {
            waiting.queue = None;
        }
    }

    /// One is merged, or left.
    fn merged(&self) {
        let mut waiting = self.waiting();
        waiting.under_way = waiting.under_way.saturating_sub(1);
        self.begin(&mut waiting);
    }
}

/// The threads that take batches in.
pub(crate) struct Pipeline {
    turns: Turns,
    threads: Vec<JoinHandle<()>>,
}

impl Pipeline {
    pub(crate) fn start(
        runtime: Handle,
        replica: SharedReplica,
        shares: Shares,
        inputs: mpsc::WeakSender<Input>,
    ) -> std::io::Result<Pipeline> {
        let (queue, jobs) = std_mpsc::channel::<oneshot::Receiver<Prepared>>();
        let (merged, ready) = std_mpsc::sync_channel::<Merged>(MERGED_MAX);
        let (committing, counting) = (Arc::clone(&replica), shares.clone());
        let committer = std::thread::Builder::new()
            .name("chaski-commit".to_owned())
            .spawn(move || {
                while let Ok(merged) = ready.recv() {
                    let applied = merged.commit(committing.as_ref());
                    let us = applied.verify_us.saturating_add(applied.commit_us);
                    counting.charge(Some(applied.peer), us, Instant::now());
                    if let Some(inputs) = inputs.upgrade() {
                        let event = Event::Applied(Box::new(applied));
                        let _ = inputs.blocking_send(Input::Event(event, None));
                    }
                }
            })?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let turns = Turns {
            runtime,
            shares,
            waiting: Arc::new(Mutex::new(Waiting {
                jobs: Queues::default(),
                under_way: 0,
                queue: Some(queue),
                is_closing: false,
            })),
            is_ending: Arc::default(),
            under_way_max: cores.saturating_add(PREPARED_MAX),
        };
        let merging = turns.clone();
        let merger = std::thread::Builder::new()
            .name("chaski-merge".to_owned())
            .spawn(move || {
                while let Ok(job) = jobs.recv() {
                    // Only at the end: what had not begun to be verified is left.
                    let prepared = job.blocking_recv().ok();
                    let is_over = merging.is_ending.load(Ordering::Acquire);
                    if let Some(prepared) = prepared.filter(|_| !is_over)
                        && merged.send(prepared.stage(replica.as_ref())).is_err()
                    {
                        return;
                    }
                    merging.merged();
                }
            })?;
        Ok(Pipeline {
            turns,
            threads: vec![merger, committer],
        })
    }

    /// Takes a job.
    pub(crate) fn give(&self, job: ApplyJob) {
        let mut waiting = self.turns.waiting();
        waiting.jobs.push(Some(job.peer), job);
        self.turns.begin(&mut waiting);
    }

    /// A session with a peer is over: of what its sessions that are over had brought, and has not been begun, no
    /// more waits than one whose link was cut had under way. Gives back what is left out: nobody was told that it
    /// came, so it comes again.
    pub(crate) fn leave(&self, peer: For) -> Vec<Applied> {
        let mut waiting = self.turns.waiting();
        let is_over = |job: &ApplyJob| job.is_over.load(Ordering::Acquire);
        let sizes = waiting.jobs.of(peer).filter(|job| is_over(job));
        let (mut count, mut bytes) = sizes.fold((0_usize, 0_usize), |(count, bytes), job| {
            (count.saturating_add(1), bytes.saturating_add(job.payload_bytes))
        });
        let mut left = Vec::new();
        while count > HELD_BATCHES_MAX || bytes > APPLY_LEFT_BYTES_MAX {
            let Some(job) = waiting.jobs.take_last(peer, is_over) else {
                break;
            };
            count = count.saturating_sub(1);
            bytes = bytes.saturating_sub(job.payload_bytes);
            left.push(job.leave());
        }
        left
    }

    /// From now on no batch is begun.
    pub(crate) fn end(&self) {
        self.turns.is_ending.store(true, Ordering::Release);
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let mut waiting = self.turns.waiting();
        waiting.is_closing = true;
        self.turns.begin(&mut waiting);
        drop(waiting);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
