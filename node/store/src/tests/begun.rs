//! A store's directory from its first moment: what may become one, who waits for whom, what a key file and a
//! slots file must be.

use std::{fs, sync::Arc, time::Duration};

use super::peers::basic;
use crate::{testing::*, *};

#[test]
fn a_making_that_failed_can_be_begun_again_and_only_an_empty_directory_becomes_a_store() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let none = Unlock::Passphrase(String::new());
    for _ in 0..2 {
        let failed = Store::create(&dir, &none, TestEnv::new(1), options());
        assert!(matches!(failed, Err(OpenError::NoKey)));
        let opened = Store::open(&dir, &Unlock::Raw([4; 32]), TestEnv::new(1), options());
        assert!(matches!(opened, Err(OpenError::Missing)), "half a store");
    }
    let made = Store::create(&dir, &Unlock::Raw([4; 32]), TestEnv::new(1), options()).unwrap();
    assert!(!dir.join("chaski.making").exists());
    drop(made);
    for (name, is_taken) in [
        (".keep", true),
        ("lost+found", true),
        ("chaski.log", true),
        ("thesis", false),
        ("db", false),
        ("a.chaski", false),
    ] {
        let dir = root.path().join(format!("of-{name}"));
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join(name), "x").unwrap();
        let made = Store::create(&dir, &Unlock::Raw([4; 32]), TestEnv::new(1), options());
        match is_taken {
            true => drop(made.unwrap()),
            false => assert!(matches!(made, Err(OpenError::Foreign)), "{name}"),
        }
        assert_eq!(std::fs::read(dir.join(name)).unwrap(), b"x");
    }
}

#[test]
fn a_key_file_is_what_it_should_be_or_it_opens_nothing() {
    let root = tempfile::tempdir().unwrap();
    let (dir, file) = (root.path().join("data"), root.path().join("node.key"));
    let unlock = Unlock::KeyFile(file.clone());
    drop(Store::create(&dir, &unlock, TestEnv::new(1), options()).unwrap());
    let own = std::fs::read_to_string(&file).unwrap();
    let digits = own.trim().strip_prefix("chaski-key-1:").unwrap().to_owned();
    assert_eq!(digits.len(), 64);
    let open = |text: String| {
        std::fs::write(&file, text).unwrap();
        Store::open(&dir, &unlock, TestEnv::new(1), options()).map(drop)
    };
    for text in [
        own.trim().to_owned(),
        format!("{own}\n"),
        format!(" {}\r\n", own.trim()),
    ] {
        open(text).unwrap();
    }
    for text in [
        String::new(),
        digits.clone(),
        format!("chaski-key-2:{digits}"),
        format!("chaski-key-1:{}", &digits[2..]),
        format!("chaski-key-1:{digits}00"),
        format!("chaski-key-1:{}", "g".repeat(64)),
        format!("{own}{}", " ".repeat(5_000)),
    ] {
        let refused = open(text.clone());
        assert!(
            matches!(refused, Err(OpenError::KeyFile(_))),
            "{text}: {refused:?}"
        );
    }
    let other = open(format!("chaski-key-1:{}", "0".repeat(64)));
    assert!(matches!(other, Err(OpenError::WrongKey)), "{other:?}");
}

#[test]
fn who_finds_a_directory_in_use_waits_for_it_as_long_as_he_may() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let unlock = Unlock::Raw([4; 32]);
    let made = Store::create(&dir, &unlock, TestEnv::new(1), options()).unwrap();
    let open = |lock_wait| {
        let waits = OpenOptions {
            lock_wait,
            ..options()
        };
        Store::open(&dir, &unlock, TestEnv::new(2), waits)
    };
    assert!(matches!(open(Duration::ZERO), Err(OpenError::InUse)));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| open(Duration::from_secs(600)).map(drop));
        // It has found it in use by now, or finds it free: it is opened in either case.
        std::thread::sleep(Duration::from_millis(150));
        drop(made);
        waits.join().unwrap().unwrap();
    });
    let file = root.path().join("file");
    fs::write(&file, "x").unwrap();
    let opened = Store::open(&file, &unlock, TestEnv::new(1), options());
    assert!(matches!(opened, Err(OpenError::Foreign)));
    assert!(Store::create(&file, &unlock, TestEnv::new(1), options()).is_err());
    assert_eq!(fs::read(&file).unwrap(), b"x");
}

#[test]
fn a_slots_file_is_replaced_whole_whatever_a_power_cut_or_somebody_left_beside_it() {
    let root = tempfile::tempdir().unwrap();
    let (dir, away) = (root.path().join("data"), root.path().join("away"));
    let pass = |text: &str| Unlock::Passphrase(text.to_owned());
    drop(Store::create(&dir, &pass("one"), TestEnv::new(1), options()).unwrap());
    let fresh = dir.join("slots.new");
    fs::write(&fresh, "half of a fi").unwrap();
    slots::replace(&dir, &pass("one"), &pass("two"), &*TestEnv::new(2), 64).unwrap();
    assert!(!fresh.exists());
    // A link there is not followed.
    fs::write(&away, "theirs").unwrap();
    std::os::unix::fs::symlink(&away, &fresh).unwrap();
    slots::replace(&dir, &pass("two"), &pass("three"), &*TestEnv::new(3), 64).unwrap();
    assert_eq!(fs::read(&away).unwrap(), b"theirs");
    assert!(!dir.join("slots.json").symlink_metadata().unwrap().is_symlink());
    let open = |text: &str| Store::open(&dir, &pass(text), TestEnv::new(4), options()).is_ok();
    assert_eq!([open("one"), open("two"), open("three")], [false, false, true]);
    assert!(matches!(slots::list(root.path()), Err(OpenError::Missing)));
    let listed = slots::list(&dir).unwrap();
    assert_eq!(
        listed.iter().map(|slot| slot.kind.as_str()).collect::<Vec<_>>(),
        ["words", "passphrase"]
    );
}

#[test]
fn who_says_nothing_gets_what_is_safe() {
    let chosen = OpenOptions::default();
    assert_eq!(chosen.lock_wait, Duration::from_secs(5));
    assert_eq!(
        (chosen.disk_floor_bytes, chosen.disk_floor_percent),
        (500 << 20, 5)
    );
    // Else entries of what is read would wait for somebody to write.
    assert!(chosen.background);
    assert_eq!(
        (chosen.argon2_memory_kib, chosen.search_ms_max),
        (64 << 10, 5_000)
    );
}

#[test]
fn who_a_node_is_is_the_same_after_it_was_opened_again() {
    let kv = Arc::new(MemoryKv::new());
    let store = Store::create_on(kv.clone(), &[7; 32], TestEnv::new(1), options()).unwrap();
    assert_eq!((store.identity(), store.fingerprint_secret()), (None, None));
    assert!(store.signing_key().is_none());
    let nobody = store.commit(&ctx(), vec![put(basic("a", "x"))]);
    assert_eq!(nobody, Err(CommitError::Store(StoreError::NoIdentity)));
    let all = store.commit_bulk(&ctx(), vec![put(basic("a", "x")), put(basic("b", "x"))]);
    assert_eq!(all, vec![Err(CommitError::Store(StoreError::NoIdentity)); 2]);
    store.identity_set(&identity(5)).unwrap();
    let again = Store::open_on(kv, &[7; 32], TestEnv::new(2), options()).unwrap();
    for store in [&store, &again] {
        let who = store.identity().unwrap();
        assert_eq!(store.signing_key().unwrap().to_bytes(), [5; 32]);
        assert_eq!(
            (who.network.0, store.fingerprint_secret()),
            (NETWORK, Some([3; 32]))
        );
        assert_eq!(who.node, NodeId::of(&store.signing_key().unwrap()));
    }
}
