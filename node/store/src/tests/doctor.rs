//! A doctor notices whatever is missing, and a store that was built anew has all that was whole.

use std::sync::Arc;

use crate::{
    kv::{Batch, KeyRange, Kv},
    tables::Table,
    testing::*,
    *,
};

use super::seal::furnish;

#[test]
fn a_row_that_is_gone_is_noticed_whichever_it_is() {
    let kv = Arc::new(MemoryKv::new());
    drop(furnish(kv.clone(), 7, 1));
    for table in [
        Table::Scope,
        Table::Record,
        Table::Feed,
        Table::Past,
        Table::Chain,
        Table::Posting,
        Table::Conflict,
        Table::Pending,
        Table::Quarantine,
        Table::Awaiting,
        Table::AwaitingPeer,
        Table::Audit,
        // Each of several pieces.
        Table::Blob,
        Table::BlobList,
    ] {
        let rows = kv.scan(&KeyRange::prefix(&table.prefix()), 1_000).unwrap();
        assert!(!rows.is_empty());
        for (row, _) in rows {
            let copy = Arc::new(kv.duplicate());
            let mut batch = Batch::default();
            batch.remove(row.clone());
            copy.apply(&batch).unwrap();
            let store = Store::open_on(copy, &[7; 32], TestEnv::new(2), options()).unwrap();
            let report = store.verify().unwrap();
            assert!(!report.is_whole(), "{}: {row:02x?} is not missed", table.name());
        }
    }
    let store = Store::open_on(kv, &[7; 32], TestEnv::new(2), options()).unwrap();
    let report = store.verify().unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn a_count_or_sum_that_does_not_agree_is_noticed() {
    type Change = fn(&mut crate::state::State);
    let changes: [(&str, Change); 13] = [
        ("those of strangers that wait", |state| state.awaiting += 1),
        ("the bytes of those", |state| state.awaiting_bytes -= 1),
        ("the list of documents", |state| state.documents ^= 1),
        ("those that wait", |state| state.pending += 1),
        ("their bytes", |state| state.pending_bytes -= 1),
        ("records", |state| state.records += 1),
        ("deleted", |state| state.deleted += 1),
        ("conflicts", |state| state.conflicts += 1),
        ("records in conflict", |state| state.conflicted_records -= 1),
        ("set aside", |state| state.quarantined += 1),
        ("entries", |state| state.audit_seq += 1),
        ("position", |state| state.seq -= 5),
        ("sum", |state| state.fingerprint = Fingerprint::EMPTY),
    ];
    for (what, change) in changes {
        let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
        assert!(store.verify().unwrap().is_whole());
        let work = move |tx: &mut crate::tx::Tx<'_>| {
            change(&mut tx.state);
            Ok::<_, StoreError>(())
        };
        store.core.transact(1, work).unwrap();
        assert!(!store.verify().unwrap().is_whole(), "{what}");
    }
}

#[test]
fn a_store_built_anew_has_all_that_was_whole() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let unlock = Unlock::Raw([4; 32]);
    let env = TestEnv::new(1);
    let made = Store::create(&dir, &unlock, env.clone(), options()).unwrap();
    let store = made.store.clone();
    drop(made);
    store.identity_set(&identity(1)).unwrap();
    let basic = |id: &str, language: &str| {
        put(json(&format!(
            r#"{{"resourceType":"Basic","id":"{id}","language":"{language}"}}"#
        )))
    };
    for n in 0..5 {
        store
            .commit(&ctx(), vec![basic(&format!("b{n}"), "one")])
            .unwrap();
        store
            .commit(&ctx(), vec![basic(&format!("b{n}"), "two")])
            .unwrap();
    }
    let delete = Write::Delete {
        key: key("Basic/b0"),
        base: Base::Current,
    };
    store.commit(&ctx(), vec![delete]).unwrap();
    let mut forged = store.signed_changes(&key("Basic/b1")).unwrap();
    forged[1].signature[0] ^= 1;
    store
        .apply_remote(&ctx(), &NodeId([6; 32]), vec![(key("Basic/b1"), forged)], None)
        .unwrap();
    store.blob_put("trust/set", &[3; 10_000]).unwrap();
    store.audit_flush().unwrap();
    env.now_ms.store(1_000, std::sync::atomic::Ordering::SeqCst);
    let held = |store: &Store| {
        let records: Vec<_> = (0..5)
            .map(|n| {
                let key = key(&format!("Basic/b{n}"));
                (
                    store.read_raw(&key).unwrap(),
                    store.signed_changes(&key).unwrap(),
                    store.heads(&key).unwrap(),
                )
            })
            .collect();
        (
            records,
            store.fingerprint(&ScopeFilter::all()).unwrap().0,
            store.blobs("").unwrap(),
            store.quarantine(10).unwrap(),
            store.identity(),
        )
    };
    let log = |store: &Store| {
        let mut entries = store.audit_list(None, 1_000).unwrap().entries;
        entries.reverse();
        entries
    };
    let (before, entries, epoch) = (held(&store), log(&store), store.log_epoch());
    let clock_ms = store.core.now_ms();
    drop(store);
    let report = doctor::rebuild(&dir, &unlock, env.clone(), options()).unwrap();
    assert_eq!((report.rebuilt, report.problems), (Some(5), 0), "{report:?}");
    let store = Store::open(&dir, &unlock, TestEnv::new(9), options()).unwrap();
    assert!(store.verify().unwrap().is_whole());
    assert_eq!(held(&store), before);
    assert_eq!(log(&store)[..entries.len()], entries, "who did what is kept");
    assert_ne!(store.log_epoch(), epoch, "peers compare anew");
    assert!(store.core.now_ms() >= clock_ms);
    let aside = std::fs::read_dir(&dir).unwrap().flatten();
    let kept = aside.filter(|entry| entry.file_name().to_string_lossy().starts_with("chaski.damaged-"));
    assert_eq!(kept.count(), 1, "the old one is kept");
    drop(store);
    // With no key there is nothing to be had from it, and nothing is touched.
    let other = doctor::rebuild(&dir, &Unlock::Raw([5; 32]), env, options());
    assert!(matches!(other, Err(OpenError::WrongKey)));
    assert!(Store::open(&dir, &unlock, TestEnv::new(9), options()).is_ok());
}

#[test]
fn what_is_written_after_a_rebuild_is_later_than_what_was_lost_by_it() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let unlock = Unlock::Raw([4; 32]);
    let env = TestEnv::new(1);
    let made = Store::create(&dir, &unlock, env.clone(), options()).unwrap();
    let store = made.store.clone();
    drop(made);
    store.identity_set(&identity(1)).unwrap();
    // Another node, whose clock is an hour ahead of ours.
    let (other, ahead) = memory_store(2);
    ahead.advance(3_600_000);
    let write = |store: &Store, language: &str| {
        let text = format!(r#"{{"resourceType":"Basic","id":"b","language":"{language}"}}"#);
        store.commit(&ctx(), vec![put(json(&text))]).unwrap();
    };
    write(&other, "lost");
    sync(&other, &store);
    let of = key("Basic/b");
    let spoil = |tx: &mut crate::tx::Tx<'_>| {
        let prf = crate::row::record_prf(&tx.core.sealer, &key("Basic/b"));
        let mut row = crate::row::read_tx(tx, &prf)?.unwrap();
        let mut changes = row.tail.changes()?;
        changes[0].signature[0] ^= 1;
        row.tail.changes_z = crate::row::pack_changes(changes.iter())?;
        let id = tx.scope(&first_scope(&row.head))?.id;
        crate::row::put(tx, id, &prf, &row.head, &row.tail, row.pieces)
    };
    store.core.transact::<_, StoreError>(1, spoil).unwrap();
    drop(store);
    // Somebody has set the clock back, too.
    env.now_ms.store(1_000, std::sync::atomic::Ordering::SeqCst);
    let report = doctor::rebuild(&dir, &unlock, env.clone(), options()).unwrap();
    assert_eq!((report.rebuilt, report.damaged), (Some(0), 1), "{report:?}");
    let store = Store::open(&dir, &unlock, env, options()).unwrap();
    assert!(!store.contains(&of).unwrap(), "nothing was lost: no test");
    // It is written down again, and then the lost one comes back from the other node.
    write(&store, "after");
    sync(&other, &store);
    sync(&store, &other);
    for store in [&store, &other] {
        let shown = store.read_raw(&of).unwrap().unwrap();
        assert_eq!(
            text_of(&shown, "language"),
            Some("after"),
            "the older one is shown"
        );
    }
}

fn text_of<'a>(json: &'a chaski_json::Json, name: &str) -> Option<&'a str> {
    json.get(name).and_then(chaski_json::Json::as_str)
}

/// Writes the feed entry of Observation/o5 anew, with something else in it.
fn feed_entry(
    tx: &mut crate::tx::Tx<'_>,
    change: impl FnOnce(&mut crate::feed::Moment),
) -> Result<(), StoreError> {
    let prf = crate::row::record_prf(&tx.core.sealer, &key("Observation/o5"));
    let head = crate::row::read_tx(tx, &prf)?.unwrap().head;
    let row = Table::Feed.key_u64(head.seq);
    let (mut moment, _) = crate::feed::decode(tx.row(&row)?.unwrap())?;
    change(&mut moment);
    let id = tx.scope(&first_scope(&head))?.id;
    tx.put(id, row, crate::feed::encode(&moment));
    Ok(())
}

#[test]
fn what_is_sealed_rightly_and_says_something_wrong_is_noticed() {
    type Change = fn(&mut crate::tx::Tx<'_>) -> Result<(), StoreError>;
    let changes: [(&str, Change); 7] = [
        ("a feed entry of another record", |tx| {
            feed_entry(tx, |moment| moment.key = key("Observation/o4"))
        }),
        ("a feed entry of another version", |tx| {
            feed_entry(tx, |moment| moment.heads[0].0[0] ^= 1)
        }),
        ("a feed entry that another peer would be given", |tx| {
            feed_entry(tx, |moment| {
                moment.filing.compartments = vec![Compartment::Patient("p5".into())]
            })
        }),
        ("a feed entry that one more peer would be given", |tx| {
            feed_entry(tx, |moment| moment.filing.compartments.push(Compartment::Unfiled))
        }),
        ("an entry of nobody in the index", |tx| {
            let sealer = &tx.core.sealer;
            let kind = crate::index::kind_tag(sealer, "Patient");
            let ghost = crate::index::build(sealer, "ghost", 1, &[], false);
            let shared = Compartment::Shared.into();
            let chain = crate::index::Chain { kind, scope: shared };
            let prf = crate::row::record_prf(sealer, &key("Patient/ghost"));
            crate::index::place(tx, &chain, &prf, "ghost", None, &ghost, false).map(drop)
        }),
        ("a compartment's sum", |tx| {
            let mut scope = tx.scope(&Compartment::Patient("p1".into()).into())?;
            scope.fingerprint = Fingerprint::EMPTY;
            tx.scope_put(&scope);
            Ok(())
        }),
        ("a signature", |tx| {
            let prf = crate::row::record_prf(&tx.core.sealer, &key("Observation/o5"));
            let mut row = crate::row::read_tx(tx, &prf)?.unwrap();
            let mut changes = row.tail.changes()?;
            changes[0].signature[0] ^= 1;
            row.tail.changes_z = crate::row::pack_changes(changes.iter())?;
            let id = tx.scope(&first_scope(&row.head))?.id;
            crate::row::put(tx, id, &prf, &row.head, &row.tail, row.pieces)
        }),
    ];
    for (what, change) in changes {
        let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
        assert!(store.verify().unwrap().is_whole());
        store.core.transact(1, change).unwrap();
        assert!(!store.verify().unwrap().is_whole(), "{what}");
    }
}

#[test]
fn whatever_a_row_says_other_than_what_was_signed_is_told() {
    use crate::row::{Past, Row, pack};
    type Change = fn(&mut Row);
    let changes: [(&str, Change); 10] = [
        ("its heads do not agree with its changes", |row| {
            row.head.heads[0].0[0] ^= 1
        }),
        ("its fingerprint does not agree with its changes", |row| {
            row.head.value.0[0] ^= 1
        }),
        // Nothing that anybody searches for, so that the index agrees with it.
        ("its JSON does not agree with its changes", |row| {
            let mut shown = row.head.json().unwrap();
            let note = json(r#"[{"text":"stop all medication"}]"#);
            shown.as_object_mut().unwrap().insert("note".to_owned(), note);
            row.head.json_z = pack(&shown).unwrap();
        }),
        ("its JSON does not agree with its changes", |row| {
            row.head.json_z.clear()
        }),
        ("its deletion does not agree with its changes", |row| {
            row.head.deleted = true
        }),
        ("its conflicts do not agree", |row| row.head.conflicts = 0),
        ("its conflicts do not agree", |row| row.head.conflicts_z.clear()),
        ("where it is filed does not agree with its changes", |row| {
            row.head.filing.compartments = vec![Compartment::Patient("p5".into())]
        }),
        ("its arrivals do not agree", |row| row.tail.arrivals.push(1)),
        ("a past version is unknown", |row| {
            row.tail.past.push(Past {
                seq: 1,
                ms: 1,
                deleted: false,
                heads: vec![chaski_crdt::change::ChangeHash([5; 32])],
            })
        }),
    ];
    let of = key("Observation/o0");
    for (at, (sentence, change)) in changes.into_iter().enumerate() {
        let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
        assert!(store.conflict(&ctx(), &of).unwrap().is_some());
        let work = move |tx: &mut crate::tx::Tx<'_>| {
            let prf = crate::row::record_prf(&tx.core.sealer, &key("Observation/o0"));
            let mut row = crate::row::read_tx(tx, &prf)?.unwrap();
            let id = tx.scope(&first_scope(&row.head))?.id;
            change(&mut row);
            crate::row::put(tx, id, &prf, &row.head, &row.tail, row.pieces)
        };
        store.core.transact::<_, StoreError>(1, work).unwrap();
        let report = store.verify().unwrap();
        let told = report
            .listed
            .iter()
            .any(|problem| problem.record.as_ref() == Some(&of) && problem.what == sentence);
        assert!(told, "{at}, {sentence}: {:?}", report.listed);
        assert_eq!(report.damaged, 1, "{sentence}");
    }
}
