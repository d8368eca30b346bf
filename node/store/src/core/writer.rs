//! The one writer of a store.
//!
//! Callers queue their work and the first to get the writer's lock runs all that is
//! queued (at most [`GROUP_WEIGHT_MAX`] changes) as one batch, syncs once and answers
//! everyone: group commit without a thread of its own, so that a simulator can drive it.
//!
//! Invariants: one writer at a time; nothing is acknowledged, shown in the feed or
//! counted in a position before it is durable; work that fails leaves no trace; after a
//! failed sync the writer stops, because what the disk holds is then unknown.

use std::{
    collections::VecDeque,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use super::{Core, Durable};
use crate::{
    audit,
    error::StoreError,
    kv::Precondition,
    tables::{Table, meta},
    tx::Tx,
};

/// Most changes one group commit takes, in weight (a record each).
const GROUP_WEIGHT_MAX: usize = 200;

/// A piece of work for the writer; `true` keeps what it did.
type Work = Box<dyn FnOnce(&mut Tx<'_>) -> bool + Send>;

struct Job {
    work: Work,
    weight: usize,
    /// What keeps the node usable, and is taken below the disk's floor.
    upkeep: bool,
    done: mpsc::SyncSender<Result<(), StoreError>>,
}

/// A core and the work that waits to be done on it. It passes for its core, which is all that reading needs.
pub(crate) struct Writer {
    core: Core,
    queue: Mutex<VecDeque<Job>>,
    closed: AtomicBool,
}

impl Deref for Writer {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl Writer {
    /// The writer over a core, of which there is no other.
    pub(crate) fn new(core: Core) -> Writer {
        Writer {
            core,
            queue: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// How many pieces of work wait for the writer.
    #[cfg(test)]
    pub(crate) fn waiting_count(&self) -> usize {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// From now on writes are refused.
    pub(crate) fn close(&self) {
        let _writer = self.hold();
        self.closed.store(true, Ordering::Release);
    }

    /// Runs `work` in the writer and returns once its effects are durable.
    ///
    /// # Errors
    /// What `work` returns, in which case it left no trace; or the store's.
    pub(crate) fn transact<T, E>(
        &self,
        weight: usize,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.run(weight, false, work)
    }

    /// As [`Writer::transact`], for what is small and keeps the node usable on a disk below its floor:
    /// audit of what is read, logins, cursors.
    ///
    /// # Errors
    /// As [`Writer::transact`].
    pub(crate) fn transact_upkeep<T, E>(
        &self,
        weight: usize,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.run(weight, true, work)
    }

    /// Writes audit entries that wait, now.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let waiting = self.audit.lock().unwrap_or_else(PoisonError::into_inner).len();
        if waiting == 0 {
            Ok(())
        } else {
            self.transact_upkeep(0, |_| Ok(()))
        }
    }

    fn run<T, E>(
        &self,
        weight: usize,
        upkeep: bool,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let slot: Arc<Mutex<Option<Result<T, E>>>> = Arc::default();
        let into = Arc::clone(&slot);
        let work: Work = Box::new(move |tx| {
            let result = work(tx);
            let keep = result.is_ok();
            *into.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            keep
        });
        let (done, answer) = mpsc::sync_channel(1);
        let job = Job {
            work,
            weight,
            upkeep,
            done,
        };
        let durable = self.submit(job, &answer);
        let result = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (durable, result) {
            (_, Some(Err(error))) => Err(error),
            (Err(error), _) => Err(error.into()),
            (Ok(()), Some(ok)) => ok,
            (Ok(()), None) => Err(StoreError::Damaged("operation").into()),
        }
    }

    fn submit(&self, job: Job, answer: &mpsc::Receiver<Result<(), StoreError>>) -> Result<(), StoreError> {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(job);
        loop {
            let mut durable = self.hold();
            match answer.try_recv() {
                Ok(result) => return result,
                Err(mpsc::TryRecvError::Empty) => self.lead(&mut durable),
                Err(mpsc::TryRecvError::Disconnected) => return Err(StoreError::Damaged("operation")),
            }
        }
    }

    fn drain(&self) -> Vec<Job> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut weight = 0;
        let mut jobs = Vec::new();
        while let Some(job) = queue.pop_front() {
            weight += job.weight;
            jobs.push(job);
            if weight >= GROUP_WEIGHT_MAX {
                break;
            }
        }
        jobs
    }

    /// The jobs that may be done; the others are answered.
    fn admit(&self, durable: &Durable, jobs: Vec<Job>) -> Vec<Job> {
        let stopped = durable.stopped || self.closed.load(Ordering::Acquire);
        let check = |upkeep| match stopped {
            true => Err(StoreError::Stopped),
            false => self.disk.check(&*self.env, upkeep),
        };
        let (records, upkeep) = (check(false), check(true));
        let mut admitted = Vec::with_capacity(jobs.len());
        for job in jobs {
            match if job.upkeep { &upkeep } else { &records } {
                Ok(()) => admitted.push(job),
                Err(error) => {
                    let _ = job.done.send(Err(error.clone()));
                }
            }
        }
        admitted
    }

    fn lead(&self, durable: &mut Durable) {
        let jobs = self.admit(durable, self.drain());
        if jobs.is_empty() {
            return;
        }
        let mut tx = Tx::new(&self.core, durable.state.clone());
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            let mark = tx.mark();
            let work = job.work;
            match catch_unwind(AssertUnwindSafe(|| work(&mut tx))) {
                Ok(true) => answers.push((job.done, Ok(()))),
                Ok(false) => {
                    tx.rollback(mark);
                    answers.push((job.done, Ok(())));
                }
                Err(_) => {
                    tx.rollback(mark);
                    answers.push((job.done, Err(StoreError::Damaged("operation"))));
                }
            }
        }
        let written = self.write(durable, tx);
        for (done, answer) in answers {
            let _ = done.send(answer.and(written.clone()));
        }
    }

    fn write(&self, durable: &mut Durable, mut tx: Tx<'_>) -> Result<(), StoreError> {
        let mut reads = self.audit.lock().unwrap_or_else(PoisonError::into_inner).take();
        audit::write(&mut tx, &mut reads);
        let last = durable.state.audit_seq;
        let result = self.write_batch(durable, tx);
        let mut audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        match &result {
            Ok(()) => audit.written(reads),
            Err(_) => audit.restore(reads, last),
        }
        result
    }

    fn write_batch(&self, durable: &mut Durable, tx: Tx<'_>) -> Result<(), StoreError> {
        if tx.is_clean() && tx.state == durable.state {
            return Ok(());
        }
        let state_row = Table::Meta.key(&[meta::STATE]);
        let state = tx.state.clone();
        let sealed = self.sealer.seal(&*self.env, &state_row, &state.to_bytes())?;
        let mut batch = tx.seal()?;
        batch.put(state_row.clone(), sealed.clone());
        batch.preconditions.push(Precondition {
            key: state_row,
            value: durable.sealed_state.clone(),
        });
        // Before it shows, so that whoever reads what it wrote finds it is the latest.
        self.documents.store(state.documents, Ordering::Release);
        if let Err(error) = self.kv.apply(&batch) {
            self.documents.store(durable.state.documents, Ordering::Release);
            return Err(error.into());
        }
        if let Err(error) = self.kv.sync() {
            durable.stopped = true;
            return Err(error.into());
        }
        durable.sealed_state = Some(sealed);
        durable.state = state.clone();
        let seq = state.seq;
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.watch.announce(seq);
        Ok(())
    }
}
