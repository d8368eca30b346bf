//! A store that was closed opens again at once, and what it left is told as whole.

use std::path::Path;

use crate::{testing::*, *};

fn unlock() -> Unlock {
    Unlock::Raw([4; 32])
}

/// Rounds of opening again: a few in each run, all that were promised in a soak.
fn rounds() -> u64 {
    if std::env::var_os("CHASKI_SOAK").is_some() {
        1_000
    } else {
        50
    }
}

/// Nothing was changed while it was closed, and the closing told what there was.
fn assert_closed_whole(dir: &Path, round: u64) {
    assert!(
        dir.join("closing").exists(),
        "round {round}: closing told nothing"
    );
    let mismatch = dir.join("closing.differs");
    assert!(
        !mismatch.exists(),
        "round {round}: a clean close passed for damage"
    );
}

#[test]
fn a_store_opens_again_the_moment_it_was_closed() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let env = TestEnv::new(1);
    let made = Store::create(&dir, &unlock(), env.clone(), options()).unwrap();
    made.store.identity_set(&identity(1)).unwrap();
    made.store.close();
    drop(made);
    for round in 0..rounds() {
        assert_closed_whole(&dir, round);
        let threads = OpenOptions {
            background: round % 3 == 0,
            ..options()
        };
        let store = Store::open(&dir, &unlock(), env.clone(), threads)
            .unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        if let Some(before) = round.checked_sub(1) {
            let left = store.blob("round").unwrap();
            assert_eq!(left, Some(before.to_be_bytes().to_vec()), "round {round}");
        }
        let record = format!(r#"{{"resourceType":"Basic","id":"b{round}"}}"#);
        store.commit(&ctx(), vec![put(json(&record))]).unwrap();
        store.blob_put("round", &round.to_be_bytes()).unwrap();
        if round % 2 == 0 {
            store.close();
        }
        drop(store);
    }
    assert_closed_whole(&dir, rounds());
}

#[test]
fn a_directory_is_free_only_when_the_engine_has_let_go() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let made = Store::create(&dir, &unlock(), TestEnv::new(1), options()).unwrap();
    made.store.identity_set(&identity(1)).unwrap();
    // As one of the engine's own threads does, for a moment after it was closed.
    let engine = std::sync::Arc::clone(&made.store.core.kv);
    std::thread::scope(|scope| {
        let (done, closed) = std::sync::mpsc::channel();
        scope.spawn(move || {
            drop(made);
            let _ = done.send(());
        });
        let waited = closed.recv_timeout(std::time::Duration::from_millis(200));
        assert!(waited.is_err(), "closed while the engine was at work");
        let other = Store::open(&dir, &unlock(), TestEnv::new(2), options());
        assert!(matches!(other, Err(OpenError::InUse)));
        assert!(!dir.join("closing").exists(), "told while files may change");
        drop(engine);
    });
    assert_closed_whole(&dir, 0);
    Store::open(&dir, &unlock(), TestEnv::new(2), options()).unwrap();
    assert!(!dir.join("closing.differs").exists());
}
