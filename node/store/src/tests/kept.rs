//! What is told of what is kept: counts, places, versions and refusals, also where there is very much.

use std::sync::Arc;

use crate::{
    codec::{Dec, Enc},
    feed, identity as who,
    row::{self, RowHead},
    scope::{ScopeRow, scope_row},
    seal::KeyId,
    tables::Table,
    testing::*,
    *,
};

use super::{
    peers::{apply, known, write},
    seal::furnish,
};

#[test]
fn an_old_version_behind_very_many_of_others_is_told_on_a_later_page() {
    let (store, _) = memory_store(1);
    let old = put(json(r#"{"resourceType":"Observation","id":"old"}"#));
    store.commit(&ctx(), vec![old]).unwrap();
    write(&store, "r", "x");
    // As many as are looked at for one page, and some more.
    let last = 20_300u64;
    let fill = move |tx: &mut crate::tx::Tx<'_>| {
        let row = Table::Feed.key_u64(2);
        let plain = tx.row(&row)?.unwrap().to_vec();
        for seq in 3..=last {
            tx.put(KeyId::NODE, Table::Feed.key_u64(seq), plain.clone());
        }
        tx.state.seq = last;
        Ok::<_, StoreError>(())
    };
    store.core.transact(1, fill).unwrap();
    let of = HistoryOf::Kind("Observation".into());
    let (mut ids, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = store.history(&ctx(), &of, None, cursor.as_deref(), 10).unwrap();
        ids.extend(page.entries.into_iter().map(|entry| entry.key.to_string()));
        (cursor, pages) = (page.next, pages + 1);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((ids, pages), (vec!["Observation/old".to_owned()], 2));
    // The log is given in parts as well, and none is left out.
    let (mut seen, mut after) = (0, 0);
    for wanted in [10_000, 10_000, 300, 0] {
        let part = store.feed(after, 1_000_000).unwrap();
        assert_eq!(part.len(), wanted);
        for entry in part {
            seen += 1;
            assert_eq!(entry.seq, seen);
            after = entry.seq;
        }
    }
    assert_eq!(seen, last);
}

#[test]
fn a_resource_beyond_its_bound_is_refused_whatever_makes_it_large() {
    let (store, _) = memory_store(1);
    let bytes_max = 8 << 20;
    let member = |text: String| {
        let head = r#"{"resourceType":"Basic","id":"large","#;
        json(&format!("{head}{text}}}"))
    };
    let items = |item: &str| {
        let count = bytes_max / item.len() + 1;
        let all = vec![item.to_owned(); count].join(",");
        member(format!(r#""extension":[{all}]"#))
    };
    let names: Vec<String> = (0..bytes_max / 200 + 1)
        .map(|n| format!(r#""{n:0200}":1"#))
        .collect();
    let rows = [
        (
            "a text",
            member(format!(r#""language":"{}""#, "x".repeat(bytes_max))),
        ),
        ("numbers", items("1234567890123")),
        ("truths", items("true ")),
        ("texts", items(r#""some text of a list""#)),
        ("objects", items(r#"{"valueString":"some text"}"#)),
        ("names", member(names.join(","))),
    ];
    for (what, json) in rows {
        let create = Write::Create {
            json: json.clone(),
            if_none_exist: None,
        };
        for write in [put(json), create] {
            let refused = store.commit(&ctx(), vec![write]).unwrap_err();
            let is_large = matches!(
                refused,
                CommitError::Refused {
                    refusal: Refusal::TooLarge,
                    ..
                }
            );
            assert!(is_large, "{what}: {refused:?}");
        }
    }
    assert_eq!(store.position(), 0);
}

#[test]
fn a_decision_that_fits_nothing_is_refused_and_changes_nothing() {
    let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
    let entry = store.conflict(&ctx(), &key("Observation/o0")).unwrap().unwrap();
    let path = entry.items[0].path.clone();
    let other = VersionId::of(&[ChangeHash([1; 32])]);
    let resolve = |id: &str, path: &str, listed: &VersionId, choice: Choice| Write::Resolve {
        key: key(&format!("Observation/{id}")),
        path: path.to_owned(),
        listed: listed.clone(),
        choice,
    };
    let sides = entry.items[0].values.len();
    let of = |id: &str| {
        store
            .read(&ctx(), &key(&format!("Observation/{id}")))
            .unwrap()
            .unwrap()
    };
    let plain = of("o5").version;
    let rows = [
        (
            "no such record",
            resolve("none", &path, &entry.version, Choice::Pick(0)),
            "not found",
        ),
        (
            "another list",
            resolve("o0", &path, &other, Choice::Pick(0)),
            "mismatch",
        ),
        (
            "no such side",
            resolve("o0", &path, &entry.version, Choice::Pick(sides)),
            "invalid",
        ),
        (
            "no such place",
            resolve("o0", "language", &entry.version, Choice::Pick(0)),
            "invalid",
        ),
        (
            "no conflict",
            resolve("o5", &path, &plain, Choice::Pick(0)),
            "invalid",
        ),
    ];
    let before = (store.position(), of("o0"), of("o5"));
    for (what, write, wanted) in rows {
        let told = match store.commit(&ctx(), vec![write]).unwrap_err() {
            CommitError::Refused { refusal, .. } => match refusal {
                Refusal::NotFound => "not found",
                Refusal::VersionMismatch { current } => {
                    assert_eq!(current, Some(entry.version.clone()));
                    "mismatch"
                }
                Refusal::Invalid(_) => "invalid",
                other => panic!("{what}: {other:?}"),
            },
            other => panic!("{what}: {other:?}"),
        };
        assert_eq!(told, wanted, "{what}");
    }
    assert_eq!((store.position(), of("o0"), of("o5")), before);
    // Each side can be picked, and is what is shown then.
    for at in 0..sides {
        let id = format!("o{at}");
        let entry = store
            .conflict(&ctx(), &key(&format!("Observation/{id}")))
            .unwrap()
            .unwrap();
        let path = entry.items[0].path.clone();
        store
            .commit(
                &ctx(),
                vec![resolve(&id, &path, &entry.version, Choice::Pick(at))],
            )
            .unwrap();
        let picked = entry.items[0].values[at].value.clone().unwrap();
        let shown = of(&id).json;
        for (name, value) in picked.as_object().unwrap() {
            assert_eq!(shown.get(name), Some(value), "{name} of side {at}");
        }
        assert!(
            store
                .conflict(&ctx(), &key(&format!("Observation/{id}")))
                .unwrap()
                .is_none()
        );
    }
    assert_eq!(store.stats().unwrap().conflicted_records, 6 - sides as u64);
}

#[test]
fn a_condition_that_cannot_be_looked_up_in_time_makes_no_second_record() {
    let no_time = OpenOptions {
        search_ms_max: 0,
        ..options()
    };
    let store = store_with(Arc::new(MemoryKv::new()), 1, TestEnv::new(1), no_time);
    let pulse = |n: usize| {
        json(&format!(
            r#"{{"resourceType":"Observation","id":"o{n}","valueQuantity":{{"value":{n}}}}}"#
        ))
    };
    let all = (0..100).map(|n| put(pulse(n))).collect();
    store
        .commit_bulk(&ctx(), all)
        .into_iter()
        .for_each(|one| drop(one.unwrap()));
    let create = Write::Create {
        json: pulse(500),
        if_none_exist: Some(query("Observation", "value-quantity=99").into()),
    };
    let refused = store.commit(&ctx(), vec![create]).unwrap_err();
    let is_costly = matches!(
        refused,
        CommitError::Refused {
            refusal: Refusal::Condition(SearchError::TooCostly),
            ..
        }
    );
    assert!(is_costly, "{refused:?}");
    assert!(!store.contains(&key("Observation/o500")).unwrap());
}

#[test]
fn figures_are_told_each_under_its_name() {
    let (store, _) = memory_store(1);
    let set = |tx: &mut crate::tx::Tx<'_>| {
        let state = &mut tx.state;
        (state.records, state.deleted, state.conflicted_records) = (11, 12, 13);
        (state.conflicts, state.quarantined, state.pending, state.seq) = (14, 15, 16, 17);
        Ok::<_, StoreError>(())
    };
    store.core.transact(1, set).unwrap();
    let stats = store.stats().unwrap();
    assert_eq!(
        (stats.records, stats.deleted, stats.conflicted_records),
        (11, 12, 13)
    );
    assert_eq!(
        (stats.conflicts, stats.quarantined, stats.pending, stats.position),
        (14, 15, 16, 17)
    );
    assert!(!stats.disk_full && stats.disk_bytes == store.core.kv.disk_bytes());
    assert_eq!(
        (store.quarantined_count(), store.pending_count(), store.position()),
        (15, 16, 17)
    );
}

#[test]
fn the_log_a_sum_and_a_report_agree_with_the_records_they_are_of() {
    let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
    let feed = store.feed(0, 1_000).unwrap();
    assert!(feed.is_sorted_by(|one, next| one.seq < next.seq));
    for entry in &feed {
        // Of the records of one key, each has an entry of its own.
        let (heads, filings) = (
            store.heads(&entry.key).unwrap(),
            store.filings_of(&entry.key).unwrap(),
        );
        assert!(entry.heads.iter().all(|head| heads.contains(head)));
        assert!(filings.contains(&entry.filing));
        assert!(filings.len() > 1 || entry.heads == heads);
    }
    let keys: std::collections::BTreeSet<&RecordKey> = feed.iter().map(|entry| &entry.key).collect();
    let changes: usize = keys
        .iter()
        .map(|key| store.signed_changes(key).unwrap().len())
        .sum();
    let report = store.verify().unwrap();
    let all = kv::KeyRange {
        start: Vec::new(),
        end: None,
        reverse: false,
    };
    let rows = store.core.kv.scan(&all, 100_000).unwrap().len();
    assert_eq!(
        (report.records, report.changes),
        (feed.len() as u64, changes as u64)
    );
    assert_eq!(
        (report.rows, report.damaged, report.rebuilt),
        (rows as u64, 0, None)
    );
    let scopes = feed
        .iter()
        .flat_map(|entry| entry.filing.compartments.clone())
        .collect();
    for filter in [ScopeFilter::all(), ScopeFilter::only(scopes)] {
        let (sum, position) = store.fingerprint(&filter).unwrap();
        assert_eq!((sum.count, position), (feed.len() as u64, store.position()));
        let mut told = 0;
        store.fingerprint_each(&filter, &mut |_, _, _| told += 1).unwrap();
        assert_eq!(told, feed.len());
    }
}

#[test]
fn of_many_changes_each_is_known_or_not_for_itself() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    for n in 0..24 {
        write(&a, "r", &format!("l{n}"));
    }
    let all = a.signed_changes(&key("Basic/r")).unwrap();
    assert_eq!(known(&a, "Basic/r", &all), [true; 24]);
    // Some are in, some wait for one that is missing, some never came.
    apply(&b, "Basic/r", all[..8].to_vec());
    apply(&b, "Basic/r", all[10..20].to_vec());
    let wanted: Vec<bool> = (0..24).map(|n| n < 8 || (10..20).contains(&n)).collect();
    assert_eq!(known(&b, "Basic/r", &all), wanted);
    let hashes = b.known_hashes(&key("Basic/r")).unwrap();
    assert!(hashes.is_sorted_by(|one, next| one < next) && hashes.len() == 18);
    assert_eq!(b.pending_count(), 10);
    assert!(b.verify().unwrap().is_whole());
    apply(&b, "Basic/r", all[8..10].to_vec());
    assert_eq!(b.pending_count(), 0);
    assert_eq!(b.heads(&key("Basic/r")).unwrap(), [all[19].hash().unwrap()]);
    assert!(b.verify().unwrap().is_whole());
}

#[test]
fn a_row_of_a_form_that_is_not_known_is_told_and_not_read_as_another() {
    let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
    let of = key("Observation/o5");
    let work = move |tx: &mut crate::tx::Tx<'_>| {
        let prf = row::record_prf(&tx.core.sealer, &of);
        let head = row::read_tx(tx, &prf)?.unwrap().head;
        let first = tx
            .row(&[row::record_row(&prf), vec![0, 0]].concat())?
            .unwrap()
            .to_vec();
        // Behind the piece's own head and the length.
        let head_bytes = first[14..].to_vec();
        let moment = tx.row(&Table::Feed.key_u64(head.seq))?.unwrap().to_vec();
        let (scope, _) = scope_row(&tx.core.sealer, &first_scope(&head));
        let scope = tx.row(&scope)?.unwrap().to_vec();
        type Read = fn(&[u8]) -> bool;
        let rows: [(&str, Vec<u8>, Read); 4] = [
            ("record", head_bytes, |bytes| RowHead::decode(bytes).is_ok()),
            ("feed entry", moment, |bytes| feed::decode(bytes).is_ok()),
            ("compartment", scope, |bytes| ScopeRow::from_bytes(bytes).is_ok()),
            ("identity", who::to_bytes(&identity(1)), |bytes| {
                who::from_bytes(bytes).is_ok()
            }),
        ];
        for (what, mut bytes, reads) in rows {
            assert!(reads(&bytes), "{what}");
            let own = bytes[0];
            for form in [own - 1, own + 1, 255] {
                bytes[0] = form;
                assert!(!reads(&bytes), "{what} of form {form}");
            }
        }
        for table in [Table::Quarantine, Table::Audit] {
            let range = kv::KeyRange::prefix(&table.prefix());
            let (row, sealed) = tx.core.kv.scan(&range, 1)?.remove(0);
            let mut plain = tx.core.open(&row, &sealed)?;
            plain[0] += 1;
            tx.put(KeyId::NODE, row, plain);
        }
        Ok::<_, StoreError>(())
    };
    store.core.transact(1, work).unwrap();
    let form = |what| StoreError::Form {
        what,
        found: 2,
        known: 1,
    };
    assert_eq!(store.quarantine(10), Err(form("quarantine entry")));
    assert_eq!(store.audit_list(None, 1_000), Err(form("audit entry")));
    // Of what has a kind of its own, unknown kinds too.
    for byte in 3..=255 {
        assert!(Dec::new(&[byte, 1, b'x'], "row").scope().is_err(), "{byte}");
        assert!(Dec::new(&[byte, 1, b'x'], "row").id().is_err(), "{byte}");
    }
    let mut enc = Enc::new();
    enc.scope(&Compartment::Shared.into())
        .scope(&Compartment::Unfiled.into())
        .flag(true)
        .flag(false);
    assert_eq!(enc.out, [0, 0, 1, 0, 1, 0]);
}

#[test]
fn a_document_is_found_under_the_name_it_was_saved_under_and_swapped_away() {
    let (store, _) = memory_store(1);
    store.trust_save("set", b"one").unwrap();
    store.blob_put("set", b"another").unwrap();
    assert_eq!(store.trust_load("set").unwrap(), Some(b"one".to_vec()));
    assert_eq!(store.blob("trust/set").unwrap(), Some(b"one".to_vec()));
    assert_eq!(store.trust_load("none").unwrap(), None);
    assert_eq!(store.blobs("trust/").unwrap().len(), 1);
    assert_eq!(
        store.blob_swap("set", Some(b"one"), None),
        Err(StoreError::Changed)
    );
    store.blob_swap("set", Some(b"another"), None).unwrap();
    assert_eq!(
        (store.blob("set").unwrap(), store.blobs("").unwrap().len()),
        (None, 1)
    );
    // An empty one is one, and not none.
    store.blob_put("empty", b"").unwrap();
    assert_eq!(store.blob("empty").unwrap(), Some(Vec::new()));
    assert_eq!(
        store.blob_swap("empty", None, Some(b"x")),
        Err(StoreError::Changed)
    );
    store.blob_swap("empty", Some(b""), Some(b"x")).unwrap();
    // Of what is written together the last word holds.
    let both = [
        ("a", Some(b"1".to_vec())),
        ("a", Some(vec![7; 9_000])),
        ("b", Some(Vec::new())),
        ("b", None),
    ];
    store
        .blobs_put(&both.map(|(name, value)| (name.to_owned(), value)))
        .unwrap();
    assert_eq!(
        (store.blob("a").unwrap(), store.blob("b").unwrap()),
        (Some(vec![7; 9_000]), None)
    );
    assert!(store.verify().unwrap().is_whole());
}
