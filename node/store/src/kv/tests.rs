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
