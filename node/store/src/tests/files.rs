use std::{fs, path::Path, sync::Arc};

use crate::{
    doctor,
    kv::{Batch, Kv},
    tables::{Table, meta},
    testing::*,
    *,
};

fn unlock() -> Unlock {
    Unlock::Raw([4; 32])
}

fn create(dir: &Path, seed: u64) -> (Store, Arc<TestEnv>) {
    let env = TestEnv::new(seed);
    let store = Store::create(dir, &unlock(), env.clone(), options())
        .unwrap()
        .store;
    store.identity_set(&identity(1)).unwrap();
    (store, env)
}

fn open(dir: &Path) -> Result<Store, OpenError> {
    Store::open(dir, &unlock(), TestEnv::new(99), options())
}

fn populate(store: &Store, count: usize) -> Vec<chaski_json::Json> {
    let all: Vec<_> = chaski_fhir::sample::population(11, 4).take(count).collect();
    for result in store.commit_bulk(&ctx(), all.iter().cloned().map(put).collect()) {
        result.unwrap();
    }
    all
}

#[test]
fn every_way_to_unlock_opens_and_nothing_else_does() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let key = root.path().join("keys/chaski.key");
    let env = TestEnv::new(5);
    let made = Store::create(&dir, &Unlock::KeyFile(key.clone()), env.clone(), options()).unwrap();
    drop(made.store);
    let pass = Unlock::Passphrase("three llamas".into());
    slots::replace(&dir, &Unlock::KeyFile(key.clone()), &pass, &*env, 64).unwrap();
    assert_eq!(slots::list(&dir).unwrap().len(), 3);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let open = |unlock: Unlock| Store::open(&dir, &unlock, env.clone(), options());
    assert!(open(pass).is_ok());
    assert!(open(Unlock::Words(made.recovery_words.to_uppercase())).is_ok());
    assert!(open(Unlock::KeyFile(key)).is_ok());
    assert!(matches!(
        open(Unlock::Passphrase("two llamas".into())),
        Err(OpenError::WrongKey)
    ));
    assert!(matches!(
        open(Unlock::Words("abandon abandon".into())),
        Err(OpenError::WrongKey)
    ));
    assert!(matches!(open(Unlock::Raw([0; 32])), Err(OpenError::WrongKey)));
    let none = root.path().join("none");
    assert!(matches!(open(Unlock::KeyFile(none)), Err(OpenError::KeyFile(_))));
    assert!(matches!(
        open(Unlock::KeyFile(dir.join("inside"))),
        Err(OpenError::KeyFile(_))
    ));
}

#[test]
fn each_wrong_directory_has_its_own_error() {
    let root = tempfile::tempdir().unwrap();
    assert!(matches!(open(&root.path().join("none")), Err(OpenError::Missing)));
    assert!(matches!(open(root.path()), Err(OpenError::Missing)));
    let foreign = root.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.txt"), "mine").unwrap();
    assert!(matches!(open(&foreign), Err(OpenError::Foreign)));
    let made = Store::create(&foreign, &unlock(), TestEnv::new(1), options());
    assert!(matches!(made, Err(OpenError::Foreign)));
    let dir = root.path().join("data");
    let (store, env) = create(&dir, 1);
    assert!(matches!(open(&dir), Err(OpenError::InUse)));
    assert!(matches!(
        Store::create(&dir, &unlock(), env, options()),
        Err(OpenError::Exists)
    ));
    drop(store);
    let slots = fs::read_to_string(dir.join("slots.json")).unwrap();
    fs::write(
        dir.join("slots.json"),
        slots.replace("\"format\":1", "\"format\":2"),
    )
    .unwrap();
    assert!(matches!(open(&dir), Err(OpenError::Newer { found: 2, known: 1 })));
    fs::write(
        dir.join("slots.json"),
        slots.replace("\"passes\":0", "\"passes\": 0"),
    )
    .unwrap();
    assert!(matches!(open(&dir), Err(OpenError::Damaged(_))));
    fs::write(dir.join("slots.json"), &slots).unwrap();
    assert!(open(&dir).is_ok());
}

#[test]
fn an_interrupted_making_is_made_again() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    fs::create_dir_all(dir.join("db")).unwrap();
    fs::write(dir.join("db/db"), "half").unwrap();
    fs::write(dir.join("chaski.making"), "").unwrap();
    assert!(matches!(open(&dir), Err(OpenError::Missing)));
    drop(create(&dir, 1));
    assert!(open(&dir).is_ok());
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let (store, _) = create(&dir, 1);
    let all = populate(&store, 300);
    let (before, epoch) = (store.fingerprint(&ScopeFilter::all()).unwrap(), store.log_epoch());
    let incarnation = store.incarnation();
    drop(store);
    assert_eq!(fs::read_dir(dir.join("db/blobs")).unwrap().count(), 0);
    let store = open(&dir).unwrap();
    assert_eq!(
        (store.fingerprint(&ScopeFilter::all()).unwrap(), store.log_epoch()),
        (before, epoch)
    );
    assert_eq!(store.keys().unwrap().len(), all.len());
    assert!(store.incarnation().is_none());
    store
        .commit(&ctx(), vec![put(json(r#"{"resourceType":"Basic","id":"x"}"#))])
        .unwrap();
    assert_ne!(
        store.incarnation().map(|(life, _)| life),
        incarnation.map(|(life, _)| life)
    );
    assert!(store.verify().unwrap().is_whole());
}

#[test]
fn a_full_disk_refuses_writes_and_goes_on_reading() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let (store, _) = create(&dir, 1);
    populate(&store, 20);
    let (keys, position) = (store.keys().unwrap(), store.position());
    drop(store);
    let full = OpenOptions {
        disk_floor_bytes: u64::MAX,
        ..options()
    };
    let store = Store::open(&dir, &unlock(), TestEnv::new(3), full).unwrap();
    let error = store
        .commit(&ctx(), vec![put(json(r#"{"resourceType":"Basic","id":"x"}"#))])
        .unwrap_err();
    assert_eq!(error, CommitError::Store(StoreError::DiskFull));
    assert!(store.read(&ctx(), &keys[0]).unwrap().is_some());
    assert_eq!(store.feed(0, 100).unwrap().len() as u64, position);
    assert!(store.stats().unwrap().disk_full);
}

/// All strings of at least four letters in a record, and its dates.
fn strings_of(json: &chaski_json::Json, out: &mut std::collections::BTreeSet<String>) {
    match json {
        chaski_json::Json::String(text) if text.len() >= 6 => {
            out.insert(text.clone());
        }
        chaski_json::Json::Array(items) => items.iter().for_each(|item| strings_of(item, out)),
        chaski_json::Json::Object(fields) => fields.values().for_each(|field| strings_of(field, out)),
        _ => {}
    }
}

#[test]
fn nothing_of_a_record_lies_in_the_clear() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let (store, _) = create(&dir, 1);
    let all = populate(&store, 400);
    store.blob_put("token/secret-name", b"blob content here").unwrap();
    drop(store);
    let mut needles = std::collections::BTreeSet::new();
    all.iter().for_each(|json| strings_of(json, &mut needles));
    needles.insert("nurse".into());
    needles.insert("secret-name".into());
    needles.insert("blob content".into());
    needles.insert("Patient".into());
    let mut patterns: Vec<Vec<u8>> = needles.iter().map(|text| text.clone().into_bytes()).collect();
    for text in &needles {
        if let Some((lo_ms, _)) = chaski_fhir::search::date_range(text) {
            // The forms our rows use for times, and the usual ones: six bytes or more.
            patterns.push(lo_ms.to_be_bytes()[2..].to_vec());
            patterns.push(lo_ms.to_le_bytes().to_vec());
        }
        if let Ok(uuid) = uuid::Uuid::try_parse(text) {
            patterns.push(uuid.as_bytes().to_vec());
        }
    }
    // Midnights near 1970 make patterns of zeros.
    patterns.retain(|pattern| pattern.iter().filter(|byte| **byte != 0).count() >= 4);
    let mut files = vec![dir.join("slots.json"), dir.join("closing")];
    files.extend(
        fs::read_dir(dir.join("db"))
            .unwrap()
            .map(|entry| entry.unwrap().path()),
    );
    let by_start = patterns.iter().fold(
        std::collections::HashMap::<[u8; 4], Vec<&Vec<u8>>>::new(),
        |mut map, pattern| {
            map.entry(pattern[..4].try_into().unwrap())
                .or_default()
                .push(pattern);
            map
        },
    );
    for file in files.iter().filter(|file| file.is_file()) {
        let bytes = fs::read(file).unwrap();
        for at in 0..bytes.len().saturating_sub(4) {
            let start: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
            for pattern in by_start.get(&start).into_iter().flatten() {
                assert!(
                    !bytes[at..].starts_with(pattern),
                    "{}: {:?}",
                    file.display(),
                    String::from_utf8_lossy(pattern)
                );
            }
        }
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target)
        } else {
            drop(fs::copy(entry.path(), target))
        }
    }
}

fn files_of(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(files_of(&path))
        } else {
            out.push(path)
        }
    }
    out.sort();
    out
}

/// Every row of a store, opened.
fn rows_of(store: &Store) -> std::collections::BTreeMap<Vec<u8>, Vec<u8>> {
    let all = crate::kv::KeyRange::prefix(&[]);
    let rows = store.core.kv.scan(&all, usize::MAX).unwrap();
    let opened = rows.into_iter().map(|(row, sealed)| {
        let plain = store.core.open(&row, &sealed).unwrap();
        (row, plain)
    });
    opened.collect()
}

#[test]
fn an_edit_of_a_closed_store_is_noticed_or_every_row_reads_as_before() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let (store, env) = create(&dir, 1);
    populate(&store, 40);
    drop(store);
    let report = doctor::examine(&dir, &unlock(), env.clone(), options()).unwrap();
    assert!(report.is_whole(), "{report:?}");
    let whole = rows_of(&open(&dir).unwrap());
    let (mut unnoticed, rounds) = (0, 300);
    let mut random = 1u64;
    let mut draw = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for round in 0..rounds {
        let copy = root.path().join("copy");
        copy_dir(&dir, &copy);
        let files: Vec<_> = files_of(&copy)
            .into_iter()
            .filter(|file| fs::metadata(file).unwrap().len() > 0)
            .collect();
        let file = &files[draw(files.len() as u64) as usize];
        let mut bytes = fs::read(file).unwrap();
        let at = draw(bytes.len() as u64) as usize;
        match draw(3) {
            0 => bytes[at] ^= 1 << draw(8),
            1 => bytes.truncate(at),
            _ => bytes[at] = bytes[at].wrapping_add(1 + draw(254) as u8),
        }
        fs::write(file, bytes).unwrap();
        let found = doctor::examine(&copy, &unlock(), env.clone(), options());
        let noticed = !matches!(&found, Ok(report) if report.is_whole());
        if !noticed {
            // A stretch of the log that no row needs any more.
            unnoticed += 1;
            let rows = rows_of(&open(&copy).unwrap());
            assert!(rows == whole, "round {round}: {} at {at}", file.display());
        }
        fs::remove_dir_all(&copy).unwrap();
    }
    assert!(unnoticed < rounds, "nothing was noticed: no test");
}

#[test]
fn a_damaged_store_is_rebuilt_from_what_is_whole() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let (store, env) = create(&dir, 1);
    populate(&store, 60);
    store.blob_put("trust/set", b"kept").unwrap();
    let victim = store.keys().unwrap()[10].clone();
    // Damage as a bad sector would, below the seal.
    let prf = crate::row::record_prf(&store.core.sealer, &victim);
    let mut row = crate::row::record_row(&prf);
    row.extend([0, 0]);
    let mut sealed = store.core.kv.get(&row).unwrap().unwrap();
    let middle = sealed.len() / 2;
    sealed[middle] ^= 1;
    let mut batch = crate::kv::Batch::default();
    batch.put(row, sealed);
    store.core.kv.apply(&batch).unwrap();
    let epoch = store.log_epoch();
    assert!(matches!(store.read(&ctx(), &victim), Err(StoreError::Damaged(_))));
    drop(store);
    let report = doctor::examine(&dir, &unlock(), env.clone(), options()).unwrap();
    assert_eq!(report.damaged, 1, "{report:?}");
    let report = doctor::rebuild(&dir, &unlock(), env.clone(), options()).unwrap();
    assert_eq!(report.rebuilt, Some(59));
    assert!(
        doctor::examine(&dir, &unlock(), env, options())
            .unwrap()
            .is_whole()
    );
    let store = open(&dir).unwrap();
    assert_eq!(store.keys().unwrap().len(), 59);
    assert_ne!(store.log_epoch(), epoch);
    assert_eq!(store.blob("trust/set").unwrap(), Some(b"kept".to_vec()));
    assert_eq!(
        store.identity().unwrap().node,
        NodeId::of(&store.signing_key().unwrap())
    );
}

#[test]
fn a_clean_close_is_never_taken_for_damage() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let (store, env) = create(&dir, 1);
    drop(store);
    for round in 0..4 {
        let threads = OpenOptions {
            background: true,
            ..options()
        };
        let store = Store::open(&dir, &unlock(), env.clone(), threads).unwrap();
        for record in populate(&store, 60) {
            let mut record = record;
            let object = record.as_object_mut().unwrap();
            object.insert("language".into(), format!("l{round}").into());
            store
                .commit_bulk(&ctx(), vec![put(record)])
                .pop()
                .unwrap()
                .unwrap();
        }
        drop(store);
        let report = doctor::examine(&dir, &unlock(), env.clone(), options()).unwrap();
        assert!(report.is_whole(), "round {round}: {report:?}");
    }
}

#[test]
fn a_rebuild_cut_off_between_its_renames_is_finished_and_a_missing_database_is_told() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let (store, _) = create(&dir, 31);
    let first = populate(&store, 3).remove(0);
    let text = |name: &str| first.get(name).and_then(|text| text.as_str()).unwrap();
    let key = key(&format!("{}/{}", text("resourceType"), text("id")));
    store.close();
    drop(store);
    fs::rename(dir.join("db"), dir.join("chaski.rebuilding")).unwrap();
    let store = open(&dir).unwrap();
    assert!(store.identity().is_some());
    assert!(store.read(&ctx(), &key).unwrap().is_some());
    store.close();
    drop(store);
    // What the closing left is of the database that was put aside, and says nothing of the rebuilt one.
    copy_dir(&dir.join("db"), &dir.join("chaski.rebuilding"));
    let store = open(&dir).unwrap();
    store.blob_put("trust/set", b"later").unwrap();
    drop(store);
    fs::remove_dir_all(dir.join("db")).unwrap();
    let report = doctor::examine(&dir, &unlock(), TestEnv::new(32), options()).unwrap();
    assert!(report.is_whole(), "{report:?}");
    fs::rename(dir.join("db"), root.path().join("elsewhere")).unwrap();
    assert!(matches!(open(&dir), Err(OpenError::Damaged(_))));
    assert!(!dir.join("db").exists(), "nothing empty takes its place");
}

#[test]
fn recovery_words_are_kept_until_they_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let env = TestEnv::new(1);
    let made = Store::create(dir.path(), &unlock(), env.clone(), options()).unwrap();
    let words = made.recovery_words.clone();
    made.store.close();
    drop(made);
    let open = || Store::open(dir.path(), &unlock(), env.clone(), options()).unwrap();
    let store = open();
    assert_eq!(store.recovery_words().unwrap(), Some(words));
    store.recovery_words_told().unwrap();
    store.close();
    drop(store);
    assert_eq!(open().recovery_words().unwrap(), None);
}

/// What an earlier or a later version has sealed is no damage: it is told which form it has, by an opening and by
/// the doctor, and stays as it is.
#[test]
fn a_store_of_another_version_is_told_from_a_damaged_one() {
    for (found, is_named) in [(2, true), (4, false), (5, true)] {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("data");
        let (store, env) = create(&dir, 1);
        let row = Table::Meta.key(&[meta::STATE]);
        let mut plain = store.core.row(&row).unwrap().unwrap();
        plain[0] = found;
        let mut batch = Batch::default();
        batch.put(row.clone(), store.core.sealer.seal(&*env, &row, &plain).unwrap());
        drop(store);
        let kv = SledKv::open(&dir.join("db")).unwrap();
        kv.apply(&batch).unwrap();
        kv.sync().unwrap();
        drop(kv);
        let told = |opened: Result<(), OpenError>| match opened {
            Err(OpenError::Form { what, found, known }) => Some((what, found, known)),
            other => {
                assert!(other.is_ok(), "{other:?}");
                None
            }
        };
        let expected = is_named.then_some(("state", found, 4));
        let opened = Store::open(&dir, &unlock(), env.clone(), options()).map(drop);
        assert_eq!(told(opened), expected);
        let examined = doctor::examine(&dir, &unlock(), env.clone(), options()).map(drop);
        assert_eq!(told(examined), expected);
    }
}
