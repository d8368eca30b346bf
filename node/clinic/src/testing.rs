//! What the tests of the features share: a clinic over a store in memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use chaski_json::{Json, parse_str};
use chaski_store::kv::{Kv, MemoryKv};
use chaski_store::{Env, Identity, NetworkId, OpenOptions, Origin, Store};

use crate::patient::{Registered, Registration};
use crate::{Caller, Clinic, Purpose, Roles, Settings};

/// 2026-01-01T00:00:00Z, in milliseconds.
pub(crate) const NOW_MS: u64 = 1_767_225_600_000;

/// A clock that moves a second at each look, and a counter for randomness.
pub(crate) struct TestEnv {
    now_ms: AtomicU64,
    drawn: AtomicU64,
}

impl Env for TestEnv {
    fn now_ms(&self) -> u64 {
        self.now_ms.fetch_add(1, Ordering::Relaxed)
    }

    fn random(&self, out: &mut [u8]) {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut stream = blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof();
        stream.fill(out);
    }
}

/// A clock that stands until it is moved, and at whose looks something can be made to happen.
pub(crate) struct SteeredEnv {
    now_ms: AtomicU64,
    drawn: AtomicU64,
    armed: Mutex<Option<Armed>>,
}

/// What happens, at which look of which thread.
struct Armed {
    thread: ThreadId,
    looks_left: usize,
    happens: Box<dyn FnOnce() + Send>,
}

impl SteeredEnv {
    pub(crate) fn new() -> Arc<SteeredEnv> {
        Arc::new(SteeredEnv {
            now_ms: AtomicU64::new(NOW_MS),
            drawn: AtomicU64::new(1),
            armed: Mutex::new(None),
        })
    }

    pub(crate) fn set(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Lets `happens` run when this thread looks at the clock for the `look`th time from now, the first
    /// being 0: in the middle of whatever it does then.
    pub(crate) fn at_look(&self, look: usize, happens: impl FnOnce() + Send + 'static) {
        *self.armed.lock().expect("no panic") = Some(Armed {
            thread: std::thread::current().id(),
            looks_left: look,
            happens: Box::new(happens),
        });
    }

    /// Takes back what has not happened; answers whether there was such a thing.
    pub(crate) fn disarm(&self) -> bool {
        self.armed.lock().expect("no panic").take().is_some()
    }
}

impl Env for SteeredEnv {
    fn now_ms(&self) -> u64 {
        let mut armed = self.armed.lock().expect("no panic");
        let due = match armed.as_mut() {
            Some(one) if one.thread == std::thread::current().id() => {
                let is_due = one.looks_left == 0;
                one.looks_left = one.looks_left.saturating_sub(1);
                is_due
            }
            _ => false,
        };
        let happens = if due { armed.take() } else { None };
        drop(armed);
        if let Some(armed) = happens {
            (armed.happens)();
        }
        self.now_ms.load(Ordering::Relaxed)
    }

    fn random(&self, out: &mut [u8]) {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut stream = blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof();
        stream.fill(out);
    }
}

pub(crate) fn store() -> Store {
    store_with(Arc::new(TestEnv {
        now_ms: AtomicU64::new(NOW_MS),
        drawn: AtomicU64::new(1),
    }))
}

pub(crate) fn store_with(env: Arc<dyn Env>) -> Store {
    store_on(Arc::new(MemoryKv::new()), env)
}

pub(crate) fn store_on(kv: Arc<dyn Kv>, env: Arc<dyn Env>) -> Store {
    store_as(kv, env, OpenOptions::default())
}

fn store_as(kv: Arc<dyn Kv>, env: Arc<dyn Env>, options: OpenOptions) -> Store {
    let store = Store::create_on(kv, &[7; 32], env, options).expect("a store");
    let identity = Identity {
        signing_seed: [1; 32],
        network: NetworkId([2; 32]),
        fingerprint_key: [3; 32],
    };
    store.identity_set(&identity).expect("an identity");
    store
}

/// What a node finds that lost its power now and starts again.
pub(crate) fn after_power_cut(kv: &MemoryKv) -> Store {
    let left = Arc::new(kv.duplicate());
    Store::open_on(left, &[7; 32], SteeredEnv::new(), OpenOptions::default()).expect("it opens")
}

pub(crate) fn clinic() -> Clinic {
    clinic_with(Settings::default())
}

pub(crate) fn clinic_with(settings: Settings) -> Clinic {
    Clinic::new(store(), settings).expect("a clinic")
}

/// A clinic whose searches have no time beyond one walk and one record.
pub(crate) fn clinic_without_search_time() -> Clinic {
    let options = OpenOptions {
        search_ms_max: 0,
        ..OpenOptions::default()
    };
    let store = store_as(Arc::new(MemoryKv::new()), SteeredEnv::new(), options);
    Clinic::new(store, Settings::default()).expect("a clinic")
}

/// Ana in the roles of a token that names these: none where the token names one that there is not.
pub(crate) fn caller(roles: &str) -> Caller {
    caller_as("ana", roles, &Purpose::Treatment)
}

pub(crate) fn caller_as(user: &str, roles: &str, purpose: &Purpose) -> Caller {
    let roles = Roles::parse(roles).unwrap_or(Roles::NONE);
    Caller::new(1, user, roles, purpose, Origin::Ui)
}

pub(crate) fn clinician() -> Caller {
    caller("clinician")
}

pub(crate) fn parsed(text: &str) -> Json {
    parse_str(text).expect("JSON")
}

/// Who was registered; that somebody was is what the test stands on.
pub(crate) fn registered(done: Registration) -> Registered {
    match done {
        Registration::Registered(registered) => registered,
        Registration::PossibleDuplicates { people, .. } => panic!("{} may be the same person", people.len()),
    }
}

/// Stores a resource and answers its id.
pub(crate) fn put(clinic: &Clinic, json: Json) -> String {
    let written = clinic.record_create(&clinician(), json, &crate::record::CreateOptions::default());
    written.expect("a record").key.id().to_owned()
}

/// A patient born in 1980.
pub(crate) fn patient(clinic: &Clinic) -> String {
    put(
        clinic,
        parsed(
            r#"{"resourceType":"Patient","name":[{"family":"Quispe","given":["Rosa"]}],"gender":"female",
            "birthDate":"1980-05-04","telecom":[{"system":"phone","value":"555-0101","use":"home"}]}"#,
        ),
    )
}
