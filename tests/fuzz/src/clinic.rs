//! A clinic over a store in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chaski_clinic::{Caller, Clinic, Env, Origin, Purpose, Role, Roles, Settings, Store};
use chaski_store::kv::MemoryKv;
use chaski_store::{Identity, NetworkId, OpenOptions};

/// A clock that moves a millisecond at each look, and a counter for randomness.
struct FuzzEnv {
    now_ms: AtomicU64,
    drawn: AtomicU64,
}

impl Env for FuzzEnv {
    fn now_ms(&self) -> u64 {
        self.now_ms.fetch_add(1, Ordering::Relaxed)
    }

    fn random(&self, out: &mut [u8]) {
        let mut word = self.drawn.fetch_add(1, Ordering::Relaxed);
        for byte in out {
            word = word
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = (word >> 56) as u8;
        }
    }
}

/// An empty clinic.
pub fn empty_clinic() -> Clinic {
    let env = Arc::new(FuzzEnv {
        now_ms: AtomicU64::new(1_767_225_600_000),
        drawn: AtomicU64::new(1),
    });
    let kv = Arc::new(MemoryKv::new());
    let store = Store::create_on(kv, &[7; 32], env, OpenOptions::default()).expect("a store");
    let identity = Identity {
        signing_seed: [1; 32],
        network: NetworkId([2; 32]),
        fingerprint_key: [3; 32],
    };
    store.identity_set(&identity).expect("an identity");
    Clinic::new(store, Settings::default()).expect("a clinic")
}

/// Whoever sits at the node's console.
pub fn operator() -> Caller {
    let purpose = Purpose::Operation("import".to_owned());
    Caller::new(1, "operator", Roles::one(Role::Operator), &purpose, Origin::Cli)
}
