//! The threads that read for the engine, and the one that keeps for it.
//!
//! Invariants: what is small overtakes what is long, but one thread takes the
//! long first, so neither waits for ever; a session has one read of each kind
//! out, so the queue is bounded by the sessions and none can fill it; documents
//! are kept in the order given; when the driver ends, what was to be read is
//! dropped and what was to be kept is kept.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::driver::Input;
use crate::engine::Event;
use crate::keep::KeepJob;
use crate::limits::READERS;
use crate::read::ReadJob;
use crate::replica::SharedReplica;

/// What waits to be read.
#[derive(Default)]
struct Waiting {
    small: VecDeque<ReadJob>,
    long: VecDeque<ReadJob>,
    is_over: bool,
}

impl Waiting {
    fn take(&mut self, small_first: bool) -> Option<ReadJob> {
        let (first, second) = if small_first {
            (&mut self.small, &mut self.long)
        } else {
            (&mut self.long, &mut self.small)
        };
        first.pop_front().or_else(|| second.pop_front())
    }
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
                    if let Some(inputs) = inputs.upgrade() {
                        let _ = inputs.blocking_send(Input::Event(event, None));
                    }
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
        if let Some(queue) = &self.queue {
            let _ = queue.send(job);
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

/// The threads that read.
pub(crate) struct Readers {
    queue: Queue,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(
        replica: &SharedReplica,
        inputs: &mpsc::WeakSender<Input>,
    ) -> std::io::Result<Readers> {
        let mut readers = Readers {
            queue: Queue::default(),
            threads: Vec::with_capacity(READERS),
        };
        for number in 0..READERS {
            let (queue, replica, inputs) = (Arc::clone(&readers.queue), Arc::clone(replica), inputs.clone());
            let thread = std::thread::Builder::new()
                .name(format!("chaski-read-{number}"))
                .spawn(move || {
                    while let Some(job) = next(&queue, number == 0) {
                        let done = job.run(replica.as_ref());
                        if let Some(inputs) = inputs.upgrade() {
                            let _ = inputs.blocking_send(Input::Event(Event::Read(Box::new(done)), None));
                        }
                    }
                })?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Takes a job.
    pub(crate) fn give(&self, job: ReadJob) {
        let (waiting, wakes) = &*self.queue;
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match job.is_small {
            true => waiting.small.push_back(job),
            false => waiting.long.push_back(job),
        }
        wakes.notify_one();
    }
}

/// The next job, once there is one; none at the end.
fn next(queue: &Queue, small_first: bool) -> Option<ReadJob> {
    let (waiting, wakes) = &**queue;
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if waiting.is_over {
            return None;
        }
        if let Some(job) = waiting.take(small_first) {
            return Some(job);
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
