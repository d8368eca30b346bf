//! The heart of a store: keys, engine and the one writer.
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
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
};

use chaski_crdt::hlc::Hlc;

use crate::{
    audit::PendingAudit,
    disk::Disk,
    env::Env,
    error::StoreError,
    identity::Signer,
    kv::{Kv, Precondition},
    options::OpenOptions,
    scope::ScopeRow,
    seal::{Cipher, KeyId, Sealer, key_id},
    state::State,
    tables::{Table, meta},
    tx::Tx,
    watch::Watch,
};

/// Most changes one group commit takes, in weight (a record each).
const GROUP_WEIGHT_MAX: usize = 200;
/// Most rows with one key prefix looked at to find a compartment's key.
const KEY_ROWS_MAX: usize = 16;

/// A piece of work for the writer; `true` keeps what it did.
type Work = Box<dyn FnOnce(&mut Tx<'_>) -> bool + Send>;

struct Job {
    work: Work,
    weight: usize,
    /// What keeps the node usable, and is taken below the disk's floor.
    upkeep: bool,
    done: mpsc::SyncSender<Result<(), StoreError>>,
}

/// What only the writer touches.
pub(crate) struct Writer {
    /// State as of the last durable batch.
    pub(crate) state: State,
    /// The state row's bytes on disk, the precondition of the next batch.
    sealed_state: Option<Vec<u8>>,
    stopped: bool,
}

/// Everything a store's handles share.
pub(crate) struct Core {
    pub(crate) kv: Arc<dyn Kv>,
    pub(crate) sealer: Sealer,
    pub(crate) env: Arc<dyn Env>,
    pub(crate) options: OpenOptions,
    pub(crate) disk: Disk,
    pub(crate) signer: RwLock<Option<Arc<Signer>>>,
    pub(crate) audit: Mutex<PendingAudit>,
    pub(crate) watch: Watch,
    pub(crate) log_epoch: AtomicU64,
    pub(crate) life: Mutex<crate::identity::Life>,
    pub(crate) hlc: Mutex<Hlc>,
    pub(crate) made: Mutex<crate::blob::Made>,
    /// Generation of the list of documents as of the last batch applied, which may not be durable yet.
    pub(crate) documents: AtomicU64,
    published: RwLock<State>,
    writer: Mutex<Writer>,
    queue: Mutex<VecDeque<Job>>,
    closed: AtomicBool,
}

impl Core {
    /// A core over an engine whose state row, if any, has been read.
    pub(crate) fn new(
        kv: Arc<dyn Kv>,
        sealer: Sealer,
        env: Arc<dyn Env>,
        options: OpenOptions,
        disk: Disk,
    ) -> Result<Core, StoreError> {
        let state_row = Table::Meta.key(&[meta::STATE]);
        let sealed_state = kv.get(&state_row)?;
        let state = match &sealed_state {
            Some(sealed) => State::from_bytes(&sealer.open(&state_row, sealed)?)?,
            None => State::default(),
        };
        let watch = Watch::new(state.seq);
        Ok(Core {
            kv,
            sealer,
            env,
            options,
            disk,
            signer: RwLock::new(None),
            audit: Mutex::default(),
            watch,
            log_epoch: AtomicU64::new(0),
            life: Mutex::default(),
            hlc: Mutex::new(Hlc(state.hlc)),
            made: Mutex::default(),
            documents: AtomicU64::new(state.documents),
            published: RwLock::new(state.clone()),
            writer: Mutex::new(Writer {
                state,
                sealed_state,
                stopped: false,
            }),
            queue: Mutex::default(),
            closed: AtomicBool::new(false),
        })
    }

    /// State as of the last durable batch.
    pub(crate) fn state(&self) -> State {
        self.published
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The state row as it is sealed in the database: another one after each batch. None where what
    /// became of the last batch is not known.
    pub(crate) fn sealed_state(&self) -> Option<Vec<u8>> {
        let writer = self.hold();
        writer.sealed_state.clone().filter(|_| !writer.stopped)
    }

    /// Last durable feed position.
    pub(crate) fn position(&self) -> u64 {
        self.published.read().unwrap_or_else(PoisonError::into_inner).seq
    }

    /// How many rows lie beside another of the same key, as last durable.
    pub(crate) fn beside(&self) -> u64 {
        self.published
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .beside
    }

    /// The time by this machine's clock, never below what was last persisted.
    pub(crate) fn now_ms(&self) -> u64 {
        let floor_ms = self
            .published
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clock_ms;
        self.env.now_ms().max(floor_ms)
    }

    /// Holds the writer still, so that rows and state agree while reading.
    pub(crate) fn hold(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// The plain value of a row, as last applied.
    pub(crate) fn row(&self, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.kv.get(row)? {
            Some(sealed) => self.open(row, &sealed).map(Some),
            None => Ok(None),
        }
    }

    /// Opens a sealed value, fetching its compartment's key if need be.
    pub(crate) fn open(&self, row: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let Some(id) = key_id(sealed).filter(|id| *id != KeyId::NODE) else {
            return self.sealer.open(row, sealed);
        };
        self.sealer.open_under(&self.cipher(id)?, row, sealed)
    }

    /// A compartment's cipher, fetched if it is not at hand.
    pub(crate) fn cipher(&self, id: KeyId) -> Result<Cipher, StoreError> {
        if let Some(cipher) = self.sealer.cipher(id) {
            return Ok(cipher);
        }
        let mut found = None;
        let prefix = Table::Scope.key(&[&id.0]);
        for (row, sealed) in self
            .kv
            .scan(&crate::kv::KeyRange::prefix(&prefix), KEY_ROWS_MAX)?
        {
            let scope = ScopeRow::from_bytes(&self.sealer.open(&row, &sealed)?)?;
            let key = zeroize::Zeroizing::new(self.sealer.unwrap_key(&row, &scope.wrapped_key)?);
            found = Some(self.sealer.learn(id, &key));
        }
        found.ok_or(StoreError::Damaged("compartment key"))
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

    /// As [`Core::transact`], for what is small and keeps the node usable on a disk below its floor:
    /// audit of what is read, logins, cursors.
    ///
    /// # Errors
    /// As [`Core::transact`].
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
            let mut writer = self.hold();
            match answer.try_recv() {
                Ok(result) => return result,
                Err(mpsc::TryRecvError::Empty) => self.lead(&mut writer),
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
    fn admit(&self, writer: &Writer, jobs: Vec<Job>) -> Vec<Job> {
        let stopped = writer.stopped || self.closed.load(Ordering::Acquire);
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

    fn lead(&self, writer: &mut Writer) {
        let jobs = self.admit(writer, self.drain());
        if jobs.is_empty() {
            return;
        }
        let mut tx = Tx::new(self, writer.state.clone());
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
        let written = self.write(writer, tx);
        for (done, answer) in answers {
            let _ = done.send(answer.and(written.clone()));
        }
    }

    fn write(&self, writer: &mut Writer, mut tx: Tx<'_>) -> Result<(), StoreError> {
        let mut reads = self.audit.lock().unwrap_or_else(PoisonError::into_inner).take();
        crate::audit::write(&mut tx, &mut reads);
        let last = writer.state.audit_seq;
        let result = self.write_batch(writer, tx);
        let mut audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        match &result {
            Ok(()) => audit.written(reads),
            Err(_) => audit.restore(reads, last),
        }
        result
    }

    fn write_batch(&self, writer: &mut Writer, tx: Tx<'_>) -> Result<(), StoreError> {
        if tx.is_clean() && tx.state == writer.state {
            return Ok(());
        }
        let state_row = Table::Meta.key(&[meta::STATE]);
        let state = tx.state.clone();
        let sealed = self.sealer.seal(&*self.env, &state_row, &state.to_bytes())?;
        let mut batch = tx.seal()?;
        batch.put(state_row.clone(), sealed.clone());
        batch.preconditions.push(Precondition {
            key: state_row,
            value: writer.sealed_state.clone(),
        });
        // Before it shows, so that whoever reads what it wrote finds it is the latest.
        self.documents.store(state.documents, Ordering::Release);
        if let Err(error) = self.kv.apply(&batch) {
            self.documents.store(writer.state.documents, Ordering::Release);
            return Err(error.into());
        }
        if let Err(error) = self.kv.sync() {
            writer.stopped = true;
            return Err(error.into());
        }
        writer.sealed_state = Some(sealed);
        writer.state = state.clone();
        let seq = state.seq;
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.watch.announce(seq);
        Ok(())
    }
}
