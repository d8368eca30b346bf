//! The heart of a store: keys, engine, and the state that its handles share.
//!
//! Invariants: only the one writer ([`writer`]) changes the state; no state is shown and no position
//! counted before it is durable.

pub(crate) mod writer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, atomic::AtomicU64};

use chaski_crdt::hlc::Hlc;

use crate::{
    audit::PendingAudit,
    disk::Disk,
    env::Env,
    error::StoreError,
    identity::Signer,
    kv::{KeyRange, Kv},
    made::Made,
    options::OpenOptions,
    scope::ScopeRow,
    seal::{Cipher, KeyId, Sealer, key_id},
    state::State,
    tables::{Table, meta},
    watch::Watch,
};

/// Most rows with one key prefix looked at to find a compartment's key.
const KEY_ROWS_MAX: usize = 16;

/// What only the writer changes.
pub(crate) struct Durable {
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
    pub(crate) made: Mutex<Made>,
    /// Generation of the list of documents as of the last batch applied, which may not be durable yet.
    pub(crate) documents: AtomicU64,
    published: RwLock<State>,
    durable: Mutex<Durable>,
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
            durable: Mutex::new(Durable {
                state,
                sealed_state,
                stopped: false,
            }),
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
        let durable = self.hold();
        durable.sealed_state.clone().filter(|_| !durable.stopped)
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
    pub(crate) fn hold(&self) -> MutexGuard<'_, Durable> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
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
        for (row, sealed) in self.kv.scan(&KeyRange::prefix(&prefix), KEY_ROWS_MAX)? {
            let scope = ScopeRow::from_bytes(&self.sealer.open(&row, &sealed)?)?;
            let key = zeroize::Zeroizing::new(self.sealer.unwrap_key(&row, &scope.wrapped_key)?);
            found = Some(self.sealer.learn(id, &key));
        }
        found.ok_or(StoreError::Damaged("compartment key"))
    }
}
