//! The threads that read for the engine, and the one that keeps for it.
//!
//! Invariants: one thread takes the small first, then the long; the other takes
//! those that read the whole store first, then the long, so none waits for ever
//! and no whole store holds up a greeting; among those it is the turn of the
//! peer that has used least of late ([`super::shares`]), so that a first sync,
//! or one that asks without end, stands before nobody's few changes; a session
//! has one read of each kind out, so the queue is bounded by the sessions and
//! none can fill it; documents are kept in the order given; when the driver
//! ends, what was to be read is dropped and what was to be kept is kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::mpsc;

use super::input::Input;
use super::shares::{For, Queues, Shares};
use crate::engine::Event;
use crate::keep::KeepJob;
use crate::limits::SMALL_AHEAD_US;
use crate::read::{Length, ReadJob};
use crate::replica::SharedReplica;

/// What waits to be read.
#[derive(Default)]
struct Waiting {
    small: Queues<ReadJob>,
    long: Queues<ReadJob>,
    whole: Queues<ReadJob>,
    is_over: bool,
}

impl Waiting {
    /// What a thread reads next, and for whom.
    fn take(&mut self, reader: Reader, shares: &Shares, now: Instant) -> Option<(For, ReadJob)> {
        let ahead = |(used, peer): (u64, For)| (used.saturating_sub(SMALL_AHEAD_US), peer);
        let small = self.small.next(shares, now);
        let long = self.long.next(shares, now);
        let (length, peer) = match reader {
            Reader::Quick => first((Length::Small, small.map(ahead)), (Length::Long, long)),
            Reader::Patient => {
                let whole = self.whole.next(shares, now);
                first((Length::Whole, whole), (Length::Long, long))
                    .or_else(|| small.map(|(_, peer)| (Length::Small, peer)))
            }
        }?;
        let job = self.of(length).take(peer)?;
        Some((peer, job))
    }

    fn of(&mut self, length: Length) -> &mut Queues<ReadJob> {
        match length {
            Length::Small => &mut self.small,
            Length::Long => &mut self.long,
            Length::Whole => &mut self.whole,
        }
    }
}

/// A peer whose turn it may be, with what it has used.
type Candidate = Option<(u64, For)>;

/// Of two the one whose peer has used less, the first one where both have used as much.
fn first(one: (Length, Candidate), other: (Length, Candidate)) -> Option<(Length, For)> {
    let is_other = match (one.1, other.1) {
        (Some((one, _)), Some((other, _))) => other < one,
        (first, _) => first.is_none(),
    };
    let (length, candidate) = if is_other { other } else { one };
    candidate.map(|(_, peer)| (length, peer))
}

/// What a thread takes first.
#[derive(Clone, Copy)]
enum Reader {
    /// What is small; nothing that takes as long as the store is large.
    Quick,
    /// What takes longest.
    Patient,
}

type Queue = Arc<(Mutex<Waiting>, Condvar)>;

/// What is done in the order it was given.
enum Ordered {
    Keep(KeepJob),
    Read(ReadJob),
}

/// The thread that keeps documents.
pub(crate) struct Keeper {
    queue: Option<std_mpsc::Sender<Ordered>>,
    is_ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(crate) fn start(replica: &SharedReplica, inputs: mpsc::WeakSender<Input>) -> std::io::Result<Keeper> {
        let (queue, jobs) = std_mpsc::channel();
        let replica = Arc::clone(replica);
        let is_ending = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&is_ending);
        let thread = std::thread::Builder::new()
            .name("chaski-keep".to_owned())
            .spawn(move || {
                while let Ok(job) = jobs.recv() {
                    let event = match job {
                        Ordered::Read(_) if is_over.load(Ordering::Acquire) => continue,
                        Ordered::Keep(job) => Event::Kept(Box::new(job.run(replica.as_ref()))),
                        Ordered::Read(job) => Event::Read(Box::new(job.run(replica.as_ref()))),
                    };
                    tell(&inputs, event);
                }
            })?;
        Ok(Keeper {
            queue: Some(queue),
            is_ending,
            thread: Some(thread),
        })
    }

    /// Takes documents to keep.
    pub(crate) fn keep(&self, job: KeepJob) {
        self.give(Ordered::Keep(job));
    }

    /// Takes a read of what may be about to be kept.
    pub(crate) fn read(&self, job: ReadJob) {
        self.give(Ordered::Read(job));
    }

    fn give(&self, job: Ordered) {
        if let Some(queue) = &self.queue
            && queue.send(job).is_err()
        {
            tracing::error!("what is remembered of peers is no longer kept: its thread has ended");
        }
    }

    /// Waits until all is kept.
    pub(crate) fn end(&mut self) {
        self.is_ending.store(true, Ordering::Release);
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

/// Tells the loop. Once that has ended nobody waits for it.
fn tell(inputs: &mpsc::WeakSender<Input>, event: Event) {
    if let Some(inputs) = inputs.upgrade() {
        let _ = inputs.blocking_send(Input::Event(event, None));
    }
}

/// The threads that read.
pub(crate) struct Readers {
    queue: Queue,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(
        replica: &SharedReplica,
        shares: &Shares,
        inputs: &mpsc::WeakSender<Input>,
    ) -> std::io::Result<Readers> {
        let mut readers = Readers {
            queue: Queue::default(),
            threads: Vec::new(),
        };
        for (name, reader) in [
            ("chaski-read-quick", Reader::Quick),
            ("chaski-read", Reader::Patient),
        ] {
            let (queue, replica, inputs) = (Arc::clone(&readers.queue), Arc::clone(replica), inputs.clone());
            let shares = shares.clone();
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                while let Some((peer, job)) = next(&queue, reader, &shares) {
                    let done = job.run(replica.as_ref());
                    shares.charge(peer, done.read_us, Instant::now());
                    tell(&inputs, Event::Read(Box::new(done)));
                }
            })?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Takes a job that is done for a peer.
    pub(crate) fn give(&self, peer: For, job: ReadJob) {
        let (waiting, wakes) = &*self.queue;
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.of(job.length).push(peer, job);
        // Not each thread takes each job.
        wakes.notify_all();
    }
}

/// The next job, once there is one; none at the end.
fn next(queue: &Queue, reader: Reader, shares: &Shares) -> Option<(For, ReadJob)> {
    let (waiting, wakes) = &**queue;
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if waiting.is_over {
            return None;
        }
        if let Some(next) = waiting.take(reader, shares, Instant::now()) {
            return Some(next);
        }
        waiting = wakes.wait(waiting).unwrap_or_else(PoisonError::into_inner);
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        let (waiting, wakes) = &*self.queue;
        waiting.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        wakes.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
