//! What a batch comes to, on one thread or on two.

use std::sync::Arc;

use super::*;
use crate::{MemoryKv, OpenOptions, testing::*};

fn store(background: bool) -> Store {
    let options = OpenOptions {
        background,
        ..options()
    };
    store_with(Arc::new(MemoryKv::new()), 2, TestEnv::new(2), options)
}

#[test]
fn work_that_is_shared_out_is_done_once_each_and_told_in_order() {
    for background in [false, true] {
        let store = store(background);
        for count in [0, 1, PARALLEL_MIN - 1, PARALLEL_MIN, 10 * PARALLEL_MIN] {
            let items: Vec<usize> = (0..count).collect();
            let done = shared_out(&store.core, items.clone(), |item| {
                if item % 3 == 0 {
                    std::thread::yield_now();
                }
                Ok(item)
            });
            assert_eq!(done, Ok(items.clone()), "{count}");
            // One that fails fails all: part of a batch must not pass for the whole.
            for wrong in [0, count / 2, count.saturating_sub(1)] {
                let done = shared_out(&store.core, items.clone(), |item| match item == wrong {
                    true => Err(StoreError::Damaged("record")),
                    false => Ok(item),
                });
                let wanted = if count == 0 {
                    Ok(Vec::new())
                } else {
                    Err(StoreError::Damaged("record"))
                };
                assert_eq!(done, wanted, "{wrong} of {count}");
            }
        }
    }
}

#[test]
fn a_batch_is_told_as_what_it_came_to() {
    let (a, _) = memory_store(1);
    let count = 2 * PARALLEL_MIN;
    let keys: Vec<RecordKey> = (0..count).map(|n| key(&format!("Basic/r{n}"))).collect();
    let write = |n: usize, language: &str| {
        put(json(&format!(
            r#"{{"resourceType":"Basic","id":"r{n}","language":"{language}"}}"#
        )))
    };
    for language in ["one", "two"] {
        a.commit(&ctx(), (0..count).map(|n| write(n, language)).collect())
            .unwrap();
    }
    let node = a.identity().unwrap().node;
    let records = |from: usize| -> Vec<(RecordKey, Vec<SignedChange>)> {
        let own = |key: &RecordKey| (key.clone(), a.signed_changes(key).unwrap().split_off(from));
        keys.iter().map(own).collect()
    };
    for background in [false, true] {
        let b = store(background);
        let told = |records| {
            let report = b.apply_remote(&ctx(), &node, records, None).unwrap();
            assert!(report.quarantined.is_empty() && report.position == b.position());
            (
                report.records as usize,
                report.changes as usize,
                report.duplicates as usize,
                report.orphans.len(),
            )
        };
        assert_eq!(told(Vec::new()), (0, 0, 0, 0));
        // A key without changes is nothing.
        assert_eq!(told(vec![(keys[0].clone(), Vec::new())]), (0, 0, 0, 0));
        assert_eq!(told(records(1)), (0, 0, 0, count));
        // In pieces, both of one record in one batch.
        let mut pieces = records(0);
        let second: Vec<_> = pieces
            .iter_mut()
            .map(|(key, all)| (key.clone(), all.split_off(1)))
            .collect();
        pieces.extend(second);
        // The second of each was here already, and waited.
        assert_eq!(told(pieces), (count, 2 * count, count, 0));
        assert_eq!(told(records(0)), (0, 0, 2 * count, 0));
        for key in &keys {
            assert_eq!(a.heads(key).unwrap(), b.heads(key).unwrap());
        }
        let (life, seq) = a.incarnation().unwrap();
        assert_eq!(b.incarnations_of(&node).unwrap(), [(life, seq)]);
        assert_eq!(b.incarnations_of(&NodeId([5; 32])).unwrap(), []);
        assert_eq!(b.pending_count(), 0);
        assert!(b.verify().unwrap().is_whole());
    }
}
