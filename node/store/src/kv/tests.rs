use super::*;

fn put(pairs: &[(&str, &str)]) -> Batch {
    let mut batch = Batch::default();
    for (key, value) in pairs {
        batch.put(key.as_bytes().to_vec(), value.as_bytes().to_vec());
    }
    batch
}

fn exercise(kv: &dyn Kv) {
    kv.apply(&put(&[("a1", "x"), ("a2", "y"), ("b1", "z")])).unwrap();
    assert_eq!(kv.get(b"a1").unwrap(), Some(b"x".to_vec()));
    assert_eq!(kv.scan(&KeyRange::prefix(b"a"), 10).unwrap().len(), 2);
    assert_eq!(
        kv.scan(&KeyRange::prefix(b"a").reversed(), 1).unwrap()[0].0,
        b"a2".to_vec()
    );
    let mut batch = put(&[("a1", "new")]);
    batch.preconditions.push(Precondition {
        key: b"a2".to_vec(),
        value: None,
    });
    assert_eq!(kv.apply(&batch), Err(KvError::Precondition));
    assert_eq!(kv.get(b"a1").unwrap(), Some(b"x".to_vec()));
    let mut long = Batch::default();
    long.put(b"k".to_vec(), vec![0; VALUE_BYTES_MAX + 1]);
    assert!(matches!(kv.apply(&long), Err(KvError::TooLong { .. })));
    kv.sync().unwrap();
}

#[test]
fn engines_behave_alike() {
    exercise(&MemoryKv::new());
    exercise(&FaultKv::new());
    let dir = tempfile::tempdir().unwrap();
    let kv = SledKv::open(dir.path()).unwrap();
    exercise(&kv);
}

#[test]
fn sled_keeps_largest_values_out_of_blob_files() {
    let dir = tempfile::tempdir().unwrap();
    let kv = SledKv::open(dir.path()).unwrap();
    for n in 0..2000u32 {
        let mut batch = Batch::default();
        batch.put(n.to_be_bytes().to_vec(), vec![n as u8; VALUE_BYTES_MAX]);
        kv.apply(&batch).unwrap();
    }
    kv.sync().unwrap();
    drop(kv);
    let blobs = std::fs::read_dir(dir.path().join("blobs")).unwrap().count();
    assert_eq!(blobs, 0);
}

#[test]
fn a_crash_keeps_what_was_synced_and_no_half_batch() {
    let kv = FaultKv::new();
    kv.apply(&put(&[("a", "1")])).unwrap();
    kv.sync().unwrap();
    kv.apply(&put(&[("b", "2"), ("c", "3")])).unwrap();
    let unsynced = kv.unsynced_bytes();
    for keep in 0..=unsynced {
        let after = kv.crash(keep, false);
        assert_eq!(after.get(b"a").unwrap(), Some(b"1".to_vec()));
        let both = (
            after.get(b"b").unwrap().is_some(),
            after.get(b"c").unwrap().is_some(),
        );
        assert_eq!(both, (keep == unsynced, keep == unsynced));
    }
    assert_eq!(kv.crash(unsynced, true).get(b"b").unwrap(), None);
}

#[test]
fn faults_are_reported() {
    let kv = FaultKv::new();
    kv.full(true);
    assert_eq!(kv.apply(&put(&[("a", "1")])), Err(KvError::NoSpace));
    kv.full(false);
    kv.read_error_after(Some(0));
    assert!(matches!(kv.get(b"a"), Err(KvError::Io(_))));
}

/// Keys of `kv` in a range, as text.
fn keys(kv: &dyn Kv, range: &KeyRange, limit: usize) -> Vec<String> {
    let pairs = kv.scan(range, limit).unwrap();
    let text = |(key, value): Pair| {
        assert_eq!(kv.get(&key).unwrap(), Some(value));
        String::from_utf8(key).unwrap()
    };
    pairs.into_iter().map(text).collect()
}

#[test]
fn a_scan_gives_the_keys_of_its_range_in_its_order_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let engines: [Box<dyn Kv>; 3] = [
        Box::new(MemoryKv::new()),
        Box::new(FaultKv::new()),
        Box::new(SledKv::open(dir.path()).unwrap()),
    ];
    for kv in engines {
        let all = ["a", "a0", "a1", "a2", "aa", "b", "b0", "c"];
        kv.apply(&put(&all.map(|key| (key, key)))).unwrap();
        let range = |start: &str, end: Option<&str>| KeyRange {
            start: start.as_bytes().to_vec(),
            end: end.map(|end| end.as_bytes().to_vec()),
            reverse: false,
        };
        let rows: [(KeyRange, &[&str]); 9] = [
            (range("", None), &all),
            (range("a1", None), &all[2..]),
            // From the first, which is of it, to the last, which is not.
            (range("a0", Some("b")), &all[1..5]),
            (range("a00", Some("aa")), &all[2..4]),
            (range("b", Some("b")), &[]),
            (range("b", Some("a")), &[]),
            (KeyRange::prefix(b"a"), &all[..5]),
            (KeyRange::prefix_from(b"a", b"a2".to_vec()), &all[3..5]),
            (KeyRange::prefix(b"d"), &[]),
        ];
        for (range, wanted) in rows {
            assert_eq!(kv.count(&range), Ok(wanted.len() as u64), "{range:?}");
            for limit in [0, 1, 2, 100] {
                let up: Vec<&str> = wanted.iter().copied().take(limit).collect();
                assert_eq!(keys(&*kv, &range, limit), up, "{range:?} by {limit}");
                let down: Vec<&str> = wanted.iter().rev().copied().take(limit).collect();
                assert_eq!(
                    keys(&*kv, &range.clone().reversed(), limit),
                    down,
                    "{range:?} by {limit}"
                );
            }
        }
        // What comes later in a batch holds, and what goes is gone.
        let mut batch = put(&[("a", "1"), ("a", "2"), ("x", "1")]);
        batch.remove(b"x".to_vec());
        batch.remove(b"c".to_vec());
        kv.apply(&batch).unwrap();
        assert_eq!(kv.get(b"a").unwrap(), Some(b"2".to_vec()));
        assert_eq!((kv.get(b"x").unwrap(), kv.get(b"c").unwrap()), (None, None));
        kv.sync().unwrap();
        assert!(kv.disk_bytes() > 0);
    }
}

#[test]
fn a_batch_up_to_the_bounds_is_taken_and_one_beyond_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let engines: [Box<dyn Kv>; 3] = [
        Box::new(MemoryKv::new()),
        Box::new(FaultKv::new()),
        Box::new(SledKv::open(dir.path()).unwrap()),
    ];
    for kv in engines {
        for (key, value, fits) in [
            (KEY_BYTES_MAX, 1, true),
            (KEY_BYTES_MAX + 1, 1, false),
            (1, VALUE_BYTES_MAX, true),
            (1, VALUE_BYTES_MAX + 1, false),
            (KEY_BYTES_MAX, VALUE_BYTES_MAX, true),
        ] {
            let mut batch = put(&[("first", "x")]);
            batch.put(vec![b'k'; key], vec![7; value]);
            let done = kv.apply(&batch);
            let beyond = key.max(value);
            let wanted = if fits {
                Ok(())
            } else {
                Err(KvError::TooLong { bytes: beyond })
            };
            assert_eq!(done, wanted, "{key} {value}");
            assert_eq!(kv.get(b"first").unwrap().is_some(), fits, "{key} {value}");
            let mut undo = Batch::default();
            undo.remove(b"first".to_vec());
            kv.apply(&undo).unwrap();
        }
        let mut long = Batch::default();
        long.remove(vec![b'k'; KEY_BYTES_MAX + 1]);
        assert!(matches!(kv.apply(&long), Err(KvError::TooLong { .. })));
    }
}

#[test]
fn the_end_of_a_prefix_is_the_first_key_above_all_of_it() {
    for (prefix, end) in [
        (&b"a"[..], Some(&b"b"[..])),
        (b"az", Some(b"a{")),
        (&[1, 0xff], Some(&[2])),
        (&[1, 0xff, 0xff], Some(&[2])),
        (&[0xff, 0xff], None),
        (&[], None),
    ] {
        assert_eq!(successor(prefix).as_deref(), end, "{prefix:?}");
    }
}
