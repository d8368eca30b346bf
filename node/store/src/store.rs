//! The handle others hold: opening, closing, and one method an operation.
//!
//! Invariants: cheap to clone; calls block until done and may come from any thread; the
//! directory's lock is held from opening until the last handle is gone.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};

use chaski_crdt::author::NodeId;
use ed25519_dalek::SigningKey;

use crate::{
    core::{Core, writer::Writer},
    disk::Disk,
    doctor::closing::{self, Closing},
    env::Env,
    error::{OpenError, StoreError, engine_error, open_error},
    file_names::DB,
    files, format,
    identity::{self, NodeIdentity, Signer},
    kv::{Kv, SledKv, wait_let_go},
    options::OpenOptions,
    seal::{KeyId, Sealer, keyring::Keyring, slots, slots::Unlock},
    tables::{Table, meta},
    types::{Identity, Stats},
    watch::Subscription,
};

/// How often queued read audits are written, in milliseconds.
const FLUSH_MS: u64 = 700;

/// A store that was just made.
#[derive(Debug)]
pub struct Created {
    /// The store, without identity yet.
    pub store: Store,
    /// The recovery words: shown once, kept nowhere.
    pub recovery_words: String,
}

/// A sealed store of records.
#[derive(Clone)]
pub struct Store {
    pub(crate) core: Arc<Writer>,
    // Last, so that it goes after the core's handle.
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// What is let go when the last handle is gone.
struct Shared {
    core: Mutex<Option<Arc<Writer>>>,
    flusher: Mutex<Option<Flusher>>,
    place: Option<Place>,
}

pub(crate) struct Place {
    dir: PathBuf,
    keyring: Keyring,
    lock: File,
}

struct Flusher {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: JoinHandle<()>,
}

impl Flusher {
    fn start(core: &Arc<Writer>) -> Flusher {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let (core, asked) = (Arc::downgrade(core), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            loop {
                let stopped = asked.0.lock().unwrap_or_else(PoisonError::into_inner);
                let (stopped, _) = asked
                    .1
                    .wait_timeout_while(stopped, Duration::from_millis(FLUSH_MS), |stopped| !*stopped)
                    .unwrap_or_else(PoisonError::into_inner);
                if *stopped {
                    return;
                }
                drop(stopped);
                let Some(core) = core.upgrade() else { return };
                if let Err(error) = core.flush() {
                    tracing::debug!(%error, "audit entries wait");
                }
                if let Err(error) = core.kv.quiet() {
                    tracing::warn!(%error, "the database could not be opened anew");
                }
            }
        });
        Flusher { stop, thread }
    }

    fn stop(self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        if self.thread.thread().id() != std::thread::current().id() {
            let _ = self.thread.join();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(flusher) = self.flusher.lock().unwrap_or_else(PoisonError::into_inner).take() {
            flusher.stop();
        }
        let core = self.core.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(core) = core {
            let _ = core.flush();
            let is_synced = core.kv.sync().is_ok();
            core.close();
            let last = Arc::strong_count(&core) == 1;
            if last
                && is_synced
                && let Err(error) = core.kv.rest()
            {
                tracing::warn!(%error, "the next opening takes longer");
            }
            let sealed_state = core.sealed_state().filter(|_| is_synced);
            drop(core);
            if let Some(place) = self.place.as_ref().filter(|_| last) {
                // The engine's threads may outlive it a little, and until they have ended its
                // files may still change: only then is the directory free for another.
                match wait_let_go(&place.dir.join(DB)) {
                    Ok(()) => {
                        let key = &place.keyring.file_key;
                        // After a batch of which nobody knows whether it was written there is nothing to
                        // hold the next opening to.
                        if let Some(sealed_state) = sealed_state {
                            Closing::of(key, &sealed_state).write(&place.dir, key);
                        }
                    }
                    Err(error) => tracing::warn!(%error, "the files are still in use after closing"),
                }
            }
        }
        if let Some(place) = &self.place {
            let _ = place.lock.unlock();
        }
    }
}

/// The document with the recovery words of a new store, until they are told.
const WORDS: &str = "recovery-words";

impl Store {
    /// Makes a store in `dir`, which must be new or empty.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn create(
        dir: &Path,
        unlock: &Unlock,
        env: Arc<dyn Env>,
        options: OpenOptions,
    ) -> Result<Created, OpenError> {
        let lock = files::prepare(dir, options.lock_wait)?;
        let keyring = Keyring::generate(&*env);
        let kv = SledKv::open(&dir.join(DB)).map_err(engine_error)?;
        let core = make_core(
            Arc::new(kv),
            &keyring,
            Arc::clone(&env),
            options.clone(),
            Some(dir),
        )?;
        format::create(&core).map_err(open_error)?;
        let (slots, words) = slots::create(dir, unlock, &*env, options.argon2_memory_kib, &keyring)?;
        let place = Place {
            dir: dir.to_owned(),
            keyring,
            lock,
        };
        let store = Store::finish(core, Some(place))?;
        // Before the slots make it a store: words that were lost with the power, nobody could ask for.
        store.blob_put(WORDS, words.as_bytes()).map_err(open_error)?;
        files::sync_names(dir)?;
        slots.write(dir)?;
        files::made(dir)?;
        Ok(Created {
            store,
            recovery_words: words,
        })
    }

    /// The recovery words, until [`Store::recovery_words_told`].
    ///
    /// # Errors
    /// The store's.
    pub fn recovery_words(&self) -> Result<Option<String>, StoreError> {
        let words = self.blob(WORDS)?;
        Ok(words.and_then(|words| String::from_utf8(words).ok()))
    }

    /// Forgets the recovery words: whoever must keep them has them.
    ///
    /// # Errors
    /// The store's.
    pub fn recovery_words_told(&self) -> Result<(), StoreError> {
        self.blob_remove(WORDS)
    }

    /// Opens the store in `dir`.
    ///
    /// # Errors
    /// See [`OpenError`]: each cause has its own variant.
    pub fn open(
        dir: &Path,
        unlock: &Unlock,
        env: Arc<dyn Env>,
        options: OpenOptions,
    ) -> Result<Store, OpenError> {
        let lock = files::check(dir, options.lock_wait)?;
        let keyring = slots::open(dir, unlock)?;
        let kv = SledKv::open(&dir.join(DB)).map_err(engine_error)?;
        let core = make_core(Arc::new(kv), &keyring, env, options, Some(dir))?;
        let key = &keyring.file_key;
        let sealed_state = core.sealed_state().unwrap_or_default();
        closing::retire(dir, key, Closing::of(key, &sealed_state))
            .map_err(|error| files::io_error(&error))?;
        Store::finish(
            core,
            Some(Place {
                dir: dir.to_owned(),
                keyring,
                lock,
            }),
        )
    }

    /// Makes a store on an engine of the caller's, for the simulator.
    ///
    /// # Errors
    /// The engine's.
    pub fn create_on(
        kv: Arc<dyn Kv>,
        master: &[u8; 32],
        env: Arc<dyn Env>,
        options: OpenOptions,
    ) -> Result<Store, OpenError> {
        let core = make_core(kv, &Keyring::derived(master), env, options, None)?;
        format::create(&core).map_err(open_error)?;
        Store::finish(core, None)
    }

    /// Opens a store on an engine of the caller's, for the simulator.
    ///
    /// # Errors
    /// Damage, another format, or the engine's.
    pub fn open_on(
        kv: Arc<dyn Kv>,
        master: &[u8; 32],
        env: Arc<dyn Env>,
        options: OpenOptions,
    ) -> Result<Store, OpenError> {
        Store::finish(
            make_core(kv, &Keyring::derived(master), env, options, None)?,
            None,
        )
    }

    pub(crate) fn finish(core: Writer, place: Option<Place>) -> Result<Store, OpenError> {
        let epoch = format::open(&core)?;
        core.log_epoch.store(epoch, Ordering::Release);
        if let Some(plain) = core
            .row(&Table::Meta.key(&[meta::IDENTITY]))
            .map_err(open_error)?
        {
            let identity = identity::from_bytes(&plain).map_err(open_error)?;
            *core.signer.write().unwrap_or_else(PoisonError::into_inner) =
                Some(Arc::new(Signer::new(&identity)));
        }
        let background = core.options.background;
        let core = Arc::new(core);
        let flusher = background.then(|| Flusher::start(&core));
        let shared = Shared {
            core: Mutex::new(Some(Arc::clone(&core))),
            flusher: Mutex::new(flusher),
            place,
        };
        Ok(Store {
            core,
            shared: Arc::new(shared),
        })
    }

    /// Writes what waits and refuses writes from now on. The directory is released with
    /// the last handle.
    pub fn close(&self) {
        let _ = self.core.flush();
        let _ = self.core.kv.sync();
        self.core.close();
    }

    /// The directory, if it has one.
    pub fn dir(&self) -> Option<&Path> {
        self.shared.place.as_ref().map(|place| place.dir.as_path())
    }

    /// The clock and randomness it was opened with.
    pub fn env(&self) -> &dyn Env {
        &*self.core.env
    }

    /// Makes this node who it is, once.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if it already is somebody else.
    pub fn identity_set(&self, identity: &Identity) -> Result<(), StoreError> {
        let bytes = identity::to_bytes(identity);
        self.core.transact(1, move |tx| {
            let row = Table::Meta.key(&[meta::IDENTITY]);
            match tx.row(&row)? {
                Some(known) if known == bytes.as_slice() => {}
                Some(_) => return Err(StoreError::Changed),
                None => tx.put(KeyId::NODE, row, bytes),
            }
            Ok(())
        })?;
        *self.core.signer.write().unwrap_or_else(PoisonError::into_inner) =
            Some(Arc::new(Signer::new(identity)));
        Ok(())
    }

    /// Who this node is, once it is somebody.
    pub fn identity(&self) -> Option<NodeIdentity> {
        self.signer().map(|signer| NodeIdentity {
            node: signer.node(),
            network: signer.network,
        })
    }

    pub(crate) fn signer(&self) -> Option<Arc<Signer>> {
        self.core
            .signer
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The node's signing key, for its TLS certificate.
    pub fn signing_key(&self) -> Option<SigningKey> {
        self.signer().map(|signer| signer.key.clone())
    }

    /// The network's secret for fingerprints, to hand to a joining node.
    pub fn fingerprint_secret(&self) -> Option<[u8; 32]> {
        self.signer().map(|signer| signer.fingerprint_secret)
    }

    /// The incarnation written under and the last author sequence used in it; `None`
    /// before the first write.
    pub fn incarnation(&self) -> Option<(u64, u64)> {
        let life = self.core.life.lock().unwrap_or_else(PoisonError::into_inner);
        life.drawn
            .map(|drawn| (drawn.incarnation, drawn.next_seq.saturating_sub(1)))
    }

    /// A peer has seen `seq` of this node's `incarnation`: if that is ahead of what was
    /// written here, a new one is drawn (this directory is a copy).
    pub fn author_seq_heard(&self, incarnation: u64, seq: u64) {
        self.core
            .life
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .heard(incarnation, seq);
    }

    /// The last time that was written here by this machine's clock, in ms since 1970: a clock that stands before it
    /// was set back, or was wrong then.
    pub fn written_ms(&self) -> u64 {
        self.core.state().clock_ms
    }

    /// Calls `listener` with the new position after each durable write, until the
    /// subscription is dropped. It must return at once.
    pub fn subscribe(&self, listener: Box<dyn Fn(u64) + Send + Sync>) -> Subscription {
        self.core.watch.subscribe(listener)
    }

    /// Whether writes are taken as far as the disk goes.
    pub fn disk_writable(&self) -> bool {
        !self.core.disk.is_full(&*self.core.env)
    }

    /// Bytes free on the store's disk; nothing where that cannot be told, as without a disk.
    pub fn disk_free_bytes(&self) -> Option<u64> {
        self.core.disk.free_bytes()
    }

    /// How many records are held, deleted ones not counted.
    pub fn records_count(&self) -> u64 {
        self.core.state().records
    }

    /// How many conflicts are open.
    pub fn conflicts_count(&self) -> u64 {
        self.core.state().conflicts
    }

    /// Figures.
    ///
    /// # Errors
    /// The store's.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let state = self.core.state();
        Ok(Stats {
            records: state.records,
            deleted: state.deleted,
            conflicted_records: state.conflicted_records,
            conflicts: state.conflicts,
            quarantined: state.quarantined,
            pending: state.pending,
            awaiting: state.awaiting,
            disk_bytes: self.core.kv.disk_bytes(),
            position: state.seq,
            disk_full: !self.disk_writable(),
        })
    }

    /// This node's id, or an error if it has none.
    pub(crate) fn node(&self) -> Result<NodeId, StoreError> {
        self.signer()
            .map(|signer| signer.node())
            .ok_or(StoreError::NoIdentity)
    }
}

pub(crate) fn make_core(
    kv: Arc<dyn Kv>,
    keyring: &Keyring,
    env: Arc<dyn Env>,
    options: OpenOptions,
    dir: Option<&Path>,
) -> Result<Writer, OpenError> {
    let disk = Disk::new(
        dir.map(Path::to_owned),
        options.disk_floor_bytes,
        options.disk_floor_percent,
    );
    let core = Core::new(kv, Sealer::new(keyring), env, options, disk).map_err(open_error)?;
    Ok(Writer::new(core))
}
