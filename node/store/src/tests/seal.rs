//! What somebody does who holds the disk: swaps rows, compares nonces, guesses names, reads blocks, puts
//! back what once stood there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use crate::{
    kv::{Batch, KeyRange, Kv, KvError, Op, Pair},
    scope::{ScopeRow, scope_row},
    seal::{KeyId, PLAIN_BYTES_MAX, SEAL_BYTES, Sealer, key_id, keyring::Keyring},
    tables::{TABLES, Table},
    testing::*,
    *,
};

/// Bytes of a sealed value before what is sealed: version, key id, nonce.
const HEAD_BYTES: usize = 1 + 8 + 24;

/// An engine that remembers every value it was ever given.
#[derive(Default)]
struct Recorder {
    inner: MemoryKv,
    written: Mutex<Vec<Pair>>,
}

impl Kv for Recorder {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        self.inner.get(key)
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, KvError> {
        self.inner.scan(range, limit)
    }

    fn apply(&self, batch: &Batch) -> Result<(), KvError> {
        for op in &batch.ops {
            if let Op::Put(key, value) = op {
                self.written.lock().unwrap().push((key.clone(), value.clone()));
            }
        }
        self.inner.apply(batch)
    }

    fn sync(&self) -> Result<(), KvError> {
        self.inner.sync()
    }

    fn disk_bytes(&self) -> u64 {
        self.inner.disk_bytes()
    }
}

fn patient(id: &str, family: &str) -> Write {
    put(json(&format!(
        r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{family}","given":["Ana"]}}],"identifier":[{{"system":"urn:dni","value":"dni-{id}"}}]}}"#
    )))
}

fn observation(id: &str, patient: &str, value: &str) -> Write {
    put(json(&format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"pulse"}},"subject":{{"reference":"Patient/{patient}"}},"valueQuantity":{{"value":{value}}}}}"#
    )))
}

/// A store with rows in every table, on `kv` under `master`.
pub(super) fn furnish(kv: Arc<dyn Kv>, master: u8, seed: u64) -> Store {
    let store = Store::create_on(kv, &[master; 32], TestEnv::new(seed), options()).unwrap();
    store.identity_set(&identity(1)).unwrap();
    let (peer, _) = memory_store(2);
    for n in 0..6 {
        store
            .commit(&ctx(), vec![patient(&format!("p{n}"), "Quispe")])
            .unwrap();
        store
            .commit(
                &ctx(),
                vec![observation(&format!("o{n}"), &format!("p{}", n % 3), "60")],
            )
            .unwrap();
    }
    sync(&store, &peer);
    for n in 0..3 {
        let id = format!("o{n}");
        store
            .commit(&ctx(), vec![observation(&id, &format!("p{n}"), "70")])
            .unwrap();
        peer.commit(&ctx(), vec![observation(&id, &format!("p{n}"), "80")])
            .unwrap();
    }
    sync(&peer, &store);
    let from = peer.identity().unwrap().node;
    for n in 0..3 {
        let key = key(&format!("Observation/w{n}"));
        peer.commit(&ctx(), vec![observation(key.id(), "p0", "1")])
            .unwrap();
        peer.commit(&ctx(), vec![observation(key.id(), "p0", "2")])
            .unwrap();
        let mut changes = peer.signed_changes(&key).unwrap();
        changes[0].signature[0] ^= 1;
        let report = store
            .apply_remote(&ctx(), &from, vec![(key, changes)], None)
            .unwrap();
        assert_eq!((report.quarantined.len(), report.orphans.len()), (1, 1));
        store
            .cursor_put(CursorUpdate {
                peer: NodeId([n; 32]),
                value: b"a cursor of some length".to_vec(),
            })
            .unwrap();
        store.blob_put(&format!("token/{n}"), &vec![n; 5_000]).unwrap();
    }
    let (stranger, _) = memory_store(3);
    for n in 0..3 {
        let id = format!("Basic/s{n}");
        super::peers::write(&stranger, &format!("s{n}"), "one");
        let changes = stranger.signed_changes(&key(&id)).unwrap();
        super::awaiting::bring(&store, NodeId([n; 32]), &id, &changes).unwrap();
    }
    for n in 3..6 {
        let labelled = format!(
            r#"{{"resourceType":"Condition","id":"l{n}","subject":{{"reference":"Patient/p{n}"}},
            "meta":{{"security":[{{"system":"{CLASS_SYSTEM}","code":"PSY"}}]}}}}"#
        );
        store.commit(&ctx(), vec![put(json(&labelled))]).unwrap();
    }
    let (rival, _) = memory_store(4);
    for n in 3..6 {
        let other =
            format!(r#"{{"resourceType":"Condition","id":"l{n}","subject":{{"reference":"Patient/q{n}"}}}}"#);
        rival.commit(&ctx(), vec![put(json(&other))]).unwrap();
    }
    sync(&rival, &store);
    store.audit_flush().unwrap();
    store
}

fn rows_of(store: &Store, table: Table) -> Vec<Pair> {
    let range = KeyRange::prefix(&table.prefix());
    store.core.kv.scan(&range, 100_000).unwrap()
}

fn all_rows(store: &Store) -> Vec<Pair> {
    let tables = TABLES.into_iter();
    let rows: Vec<_> = tables
        .flat_map(|table| {
            let rows = rows_of(store, table);
            assert!(!rows.is_empty(), "no row of {}", table.name());
            rows
        })
        .collect();
    rows
}

#[test]
fn no_value_opens_in_any_other_place() {
    let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
    let mut by_key: BTreeMap<KeyId, Vec<Pair>> = BTreeMap::new();
    for (row, sealed) in all_rows(&store) {
        store.core.open(&row, &sealed).unwrap();
        by_key
            .entry(key_id(&sealed).unwrap())
            .or_default()
            .push((row, sealed));
    }
    assert!(by_key.len() > 3, "patients have keys of their own");
    for rows in by_key.values() {
        for (row, _) in rows {
            for (other, sealed) in rows.iter().filter(|(other, _)| other != row) {
                assert!(
                    store.core.open(row, sealed).is_err(),
                    "{other:02x?} opens at {row:02x?}"
                );
            }
        }
    }
}

#[test]
fn records_documents_and_entries_that_were_swapped_are_not_given_out() {
    let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
    let swap = |one: Vec<u8>, other: Vec<u8>| {
        let kv = &store.core.kv;
        let mut batch = Batch::default();
        batch.put(one.clone(), kv.get(&other).unwrap().unwrap());
        batch.put(other, kv.get(&one).unwrap().unwrap());
        kv.apply(&batch).unwrap();
    };
    let record = |id: &str| {
        let prf = crate::row::record_prf(&store.core.sealer, &key(id));
        [crate::row::record_row(&prf), vec![0, 0]].concat()
    };
    // Of one patient, so under one key.
    swap(record("Observation/o0"), record("Observation/o3"));
    for id in ["Observation/o0", "Observation/o3"] {
        assert!(store.read(&ctx(), &key(id)).is_err(), "{id}");
    }
    let entries: Vec<_> = rows_of(&store, Table::Audit);
    swap(entries[0].0.clone(), entries[1].0.clone());
    assert!(store.audit_list(None, 1_000).is_err());
    let blob = |name: &str| {
        let prf = store.core.sealer.prf("blob", &[name.as_bytes()]);
        Table::Blob.key(&[&prf, &[0, 0]])
    };
    swap(blob("token/1"), blob("token/2"));
    assert!(store.blob("token/1").is_err());
    assert!(!store.verify().unwrap().is_whole());
}

#[test]
fn an_edit_of_any_byte_of_a_value_is_noticed() {
    let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
    for table in TABLES {
        let (row, sealed) = rows_of(&store, table).remove(0);
        for at in 0..sealed.len() {
            let mut edited = sealed.clone();
            edited[at] ^= 0x10;
            assert!(
                store.core.open(&row, &edited).is_err(),
                "{} byte {at}",
                table.name()
            );
        }
        let cut = &sealed[..sealed.len() - 1];
        assert!(store.core.open(&row, cut).is_err());
    }
}

#[test]
fn no_nonce_is_used_twice_and_all_of_each_is_random() {
    let kv = Arc::new(Recorder::default());
    let store = furnish(kv.clone(), 7, 1);
    let mut nonces: Vec<Vec<u8>> = Vec::new();
    for (_, sealed) in kv.written.lock().unwrap().iter() {
        nonces.push(sealed[9..HEAD_BYTES].to_vec());
    }
    for (row, sealed) in rows_of(&store, Table::Scope) {
        let scope = ScopeRow::from_bytes(&store.core.open(&row, &sealed).unwrap()).unwrap();
        nonces.push(scope.wrapped_key[9..HEAD_BYTES].to_vec());
    }
    assert!(nonces.len() > 150, "{}", nonces.len());
    for at in 0..24 {
        let bytes: BTreeSet<u8> = nonces.iter().map(|nonce| nonce[at]).collect();
        assert!(bytes.len() > 80, "byte {at} is one of {}", bytes.len());
    }
    let count = nonces.len();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), count);
}

#[test]
fn names_of_rows_are_another_store_s_secret() {
    let stores = [7, 8].map(|master| furnish(Arc::new(MemoryKv::new()), master, 1));
    for table in TABLES {
        if matches!(
            table,
            Table::Meta | Table::Feed | Table::Past | Table::Audit | Table::BlobList
        ) {
            // Named by what they are, or by numbers.
            continue;
        }
        let [one, other] = stores.each_ref().map(|store| {
            let rows = rows_of(store, table);
            rows.into_iter().map(|(row, _)| row).collect::<BTreeSet<_>>()
        });
        assert!(
            one.is_disjoint(&other),
            "{}: what one store knows tells of another",
            table.name()
        );
        // Sixteen bytes stand for what is named, so that nobody comes upon one by trying.
        assert!(one.iter().all(|row| row.len() >= 17), "{}", table.name());
    }
}

#[test]
fn a_block_shows_nothing_of_what_it_holds() {
    let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
    for (row, sealed) in all_rows(&store) {
        let plain = store.core.open(&row, &sealed).unwrap();
        assert_eq!(sealed.len(), plain.len() + SEAL_BYTES);
        let body: BTreeSet<&[u8]> = sealed[HEAD_BYTES..].windows(6).collect();
        for part in plain.windows(6) {
            assert!(!body.contains(part), "{row:02x?} shows {part:02x?}");
        }
    }
}

#[test]
fn each_key_does_its_own_work_and_no_other() {
    let base = Keyring::derived(&[1; 32]);
    let env = TestEnv::new(1);
    let row = b"\x50row".to_vec();
    let sealer = Sealer::new(&base);
    let sealed = sealer.seal(&*env, &row, b"value").unwrap();
    let wrapped = sealer.wrap_key(&*env, &row, &[5; 32]).unwrap();
    let (prf, token) = (sealer.prf("record", &[b"x"]), sealer.token("name", "x"));
    // What still works with one key changed: values, compartment keys, row names, tokens.
    let works = |change: &dyn Fn(&mut Keyring)| {
        let mut other = base.clone();
        change(&mut other);
        let other = Sealer::new(&other);
        [
            other.open(&row, &sealed).is_ok(),
            other.unwrap_key(&row, &wrapped).is_ok(),
            other.prf("record", &[b"x"]) == prf,
            other.token("name", "x") == token,
        ]
    };
    assert_eq!(works(&|_| {}), [true; 4]);
    assert_eq!(works(&|keys| keys.node_key = [0; 32]), [false, true, true, true]);
    assert_eq!(works(&|keys| keys.epoch_key = [0; 32]), [true, false, true, true]);
    assert_eq!(works(&|keys| keys.prf_key = [0; 32]), [true, true, false, true]);
    assert_eq!(works(&|keys| keys.index_key = [0; 32]), [true, true, true, false]);
    assert_eq!(works(&|keys| keys.file_key = [0; 32]), [true; 4]);
    for keys in [base.clone(), Keyring::generate(&*env)] {
        let all = [
            keys.epoch_key,
            keys.node_key,
            keys.prf_key,
            keys.index_key,
            keys.file_key,
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 5);
        let read = Keyring::from_bytes(&keys.to_bytes()).unwrap();
        let back = [
            read.epoch_key,
            read.node_key,
            read.prf_key,
            read.index_key,
            read.file_key,
        ];
        assert_eq!((all, keys.epoch), (back, read.epoch));
    }
    let (one, other) = (Keyring::generate(&*env), Keyring::generate(&*env));
    assert_ne!(one.node_key, other.node_key);
}

#[test]
fn names_and_tokens_are_told_apart_by_what_they_are_of() {
    let sealer = Sealer::new(&Keyring::derived(&[1; 32]));
    let prfs = [
        sealer.prf("record", &[b"ab", b"c"]),
        sealer.prf("record", &[b"a", b"bc"]),
        sealer.prf("record", &[b"abc"]),
        sealer.prf("blob", &[b"ab", b"c"]),
        sealer.prf("author", &[b"ab", b"c"]),
        sealer.prf("recorda", &[b"b", b"c"]),
        sealer.prf("record", &[b"ab", b"d"]),
    ];
    assert_eq!(prfs.iter().collect::<BTreeSet<_>>().len(), prfs.len());
    let tokens = [
        sealer.token("name", "ana"),
        sealer.token("given", "ana"),
        sealer.token("city", "ana"),
        sealer.token("namea", "na"),
        sealer.token("name", "ann"),
    ];
    assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), tokens.len());
}

#[test]
fn a_patient_whose_key_is_gone_is_unreadable_and_others_are_not() {
    let kv = Arc::new(MemoryKv::new());
    let store = furnish(kv.clone(), 7, 1);
    let scope = Compartment::Patient("p1".into()).into();
    let (row, id) = scope_row(&store.core.sealer, &scope);
    for table in [Table::Record, Table::Feed, Table::Past, Table::Chain] {
        let mut own = 0;
        for (row, sealed) in rows_of(&store, table) {
            let sealed_under = key_id(&sealed).unwrap();
            own += usize::from(sealed_under == id);
            assert_ne!(sealed_under, KeyId::NODE, "{}: a record's", table.name());
            assert!(store.core.sealer.open(&row, &sealed).is_err());
        }
        assert!(own > 0, "{}: none under the patient's key", table.name());
    }
    drop(store);
    let mut erase = Batch::default();
    erase.remove(row);
    kv.apply(&erase).unwrap();
    let store = Store::open_on(kv, &[7; 32], TestEnv::new(3), options()).unwrap();
    for id in ["Patient/p1", "Observation/o1", "Observation/o4"] {
        assert!(store.read(&ctx(), &key(id)).is_err(), "{id}");
        assert!(store.signed_changes(&key(id)).is_err(), "{id}");
    }
    for id in ["Patient/p0", "Observation/o0", "Observation/o2"] {
        assert!(store.read(&ctx(), &key(id)).unwrap().is_some(), "{id}");
    }
}

#[test]
fn a_patient_s_key_is_random_and_the_patient_s_alone() {
    let keys = |seed: u64| -> Vec<[u8; 32]> {
        let store = furnish(Arc::new(MemoryKv::new()), 7, seed);
        let rows = rows_of(&store, Table::Scope).into_iter();
        rows.map(|(row, sealed)| {
            let scope = ScopeRow::from_bytes(&store.core.open(&row, &sealed).unwrap()).unwrap();
            store.core.sealer.unwrap_key(&row, &scope.wrapped_key).unwrap()
        })
        .collect()
    };
    let all: Vec<_> = [keys(1), keys(2)].concat();
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len(), "no key depends on what it is for");
}

#[test]
fn a_piece_of_an_older_value_does_not_pass_for_one_of_the_newer() {
    let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
    let kv = &store.core.kv;
    let long = |byte: u8| vec![byte; PLAIN_BYTES_MAX * 2];
    let second = Table::Blob.key(&[&store.core.sealer.prf("blob", &[b"trust"]), &[0, 1]]);
    store.blob_put("trust", &long(1)).unwrap();
    let old = kv.get(&second).unwrap().unwrap();
    store.blob_put("trust", &long(2)).unwrap();
    let mut replay = Batch::default();
    replay.put(second, old);
    kv.apply(&replay).unwrap();
    assert!(store.blob("trust").is_err(), "half of it is revoked");
    assert!(store.blob_put("trust", &long(3)).is_err());
}

#[test]
fn a_record_put_back_to_what_it_was_is_noticed() {
    let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
    let prf = crate::row::record_prf(&store.core.sealer, &key("Observation/o5"));
    let row = [crate::row::record_row(&prf), vec![0, 0]].concat();
    let old = store.core.kv.get(&row).unwrap().unwrap();
    store.commit(&ctx(), vec![observation("o5", "p2", "99")]).unwrap();
    assert!(store.verify().unwrap().is_whole());
    let mut replay = Batch::default();
    replay.put(row, old);
    store.core.kv.apply(&replay).unwrap();
    assert!(!store.verify().unwrap().is_whole());
}

#[test]
fn a_cursor_tells_nothing_of_who_stands_at_it() {
    let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
    let query = query("Patient", "_sort=family&_count=1");
    let cursor = store.search(&ctx(), &query).unwrap().next.unwrap();
    let bytes = crate::hex::decode(&cursor).unwrap();
    assert!(!bytes.windows(6).any(|part| part == b"quispe"));
    assert!(!bytes.windows(2).any(|part| part == b"p0"));
    // Nor does a stored value pass for one.
    let (_, sealed) = rows_of(&store, Table::Audit).remove(0);
    let mut forged = query.clone();
    forged.cursor = Some(crate::hex::encode(&sealed));
    assert_eq!(store.search(&ctx(), &forged), Err(SearchError::Cursor));
}
