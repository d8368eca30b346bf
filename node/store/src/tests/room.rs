//! Bounds are of what is there now: what waited, was set aside or is another's takes no room for ever.

use super::peers::{apply, known, write};
use crate::{
    remote::{PENDING_BYTES_MAX, PENDING_MAX, QUARANTINE_MAX},
    testing::*,
    *,
};

#[test]
fn room_of_what_waited_and_waits_no_more_is_given_back() {
    let (a, _) = memory_store(1);
    let ids: Vec<String> = (0..4).map(|n| format!("r{n}")).collect();
    for id in &ids {
        write(&a, id, "one");
        write(&a, id, "two");
        write(&a, id, "six");
    }
    let changes = |id: &str| a.signed_changes(&key(&format!("Basic/{id}"))).unwrap();
    let longest = ids
        .iter()
        .flat_map(|id| changes(id))
        .map(|change| change.bytes.len());
    let longest = longest.max().unwrap() as u64;
    for (row, pending, pending_bytes) in [
        ("in number", PENDING_MAX - 1, 0),
        ("in bytes", 0, PENDING_BYTES_MAX - longest),
    ] {
        let (b, _) = memory_store(2);
        b.core
            .transact(1, move |tx| {
                (tx.state.pending, tx.state.pending_bytes) = (pending, pending_bytes);
                Ok::<_, StoreError>(())
            })
            .unwrap();
        let before = b.pending_count();
        // One at a time has room, of one record after the other, however often it comes.
        for id in &ids {
            let (all, of) = (changes(id), format!("Basic/{id}"));
            for _ in 0..3 {
                apply(&b, &of, vec![all[2].clone()]);
                assert_eq!(known(&b, &of, &all), [false, false, true], "{row} {id}");
                assert_eq!(b.pending_count(), before + 1, "{row} {id}");
            }
            // Two have not, also where they come together.
            apply(&b, &of, all[1..].to_vec());
            assert_eq!(b.pending_count(), before + 1, "{row} {id}");
            apply(&b, &of, all.clone());
            assert_eq!(known(&b, &of, &all), [true; 3], "{row} {id}");
            assert_eq!(b.pending_count(), before, "{row} {id}");
            assert_eq!(b.heads(&key(&of)).unwrap(), a.heads(&key(&of)).unwrap());
        }
        assert_eq!(b.stats().unwrap().pending, before);
    }
}

#[test]
fn what_was_set_aside_and_forgotten_leaves_room_for_what_comes() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    for id in ["r", "s"] {
        write(&a, id, "one");
    }
    let forged = |id: &str| {
        let mut change = a.signed_changes(&key(&format!("Basic/{id}"))).unwrap().remove(0);
        change.signature[7] ^= 1;
        vec![change]
    };
    apply(&b, "Basic/r", forged("r"));
    b.core
        .transact(1, |tx| {
            tx.state.quarantined = QUARANTINE_MAX;
            Ok::<_, StoreError>(())
        })
        .unwrap();
    apply(&b, "Basic/s", forged("s"));
    assert_eq!(b.quarantine(10).unwrap().len(), 1);
    b.quarantine_forget().unwrap();
    assert_eq!((b.quarantined_count(), b.quarantine(10).unwrap().len()), (0, 0));
    apply(&b, "Basic/s", forged("s"));
    assert_eq!((b.quarantined_count(), b.quarantine(10).unwrap().len()), (1, 1));
    assert_eq!(b.quarantine(10).unwrap()[0].key, key("Basic/s"));
}

#[test]
fn a_record_of_two_patients_is_handed_to_who_may_hold_either() {
    let (store, _) = memory_store(1);
    let two = r#"{"resourceType":"Observation","id":"o","status":"final",
        "subject":{"reference":"Patient/p"},"performer":[{"reference":"Patient/q"}]}"#;
    store.commit(&ctx(), vec![put(json(two))]).unwrap();
    let scope = |id: &str| Compartment::Patient(id.into());
    let of = store.filing_of(&key("Observation/o")).unwrap().unwrap();
    assert_eq!(of.compartments, [scope("p"), scope("q")]);
    let nobodys = Filing::default();
    for id in ["p", "q"] {
        let filter = ScopeFilter::only([scope(id)].into());
        assert_eq!(store.fingerprint(&filter).unwrap().0.count, 1, "{id}");
    }
    for (held, wanted) in [
        (&["p"][..], 1),
        (&["q"], 1),
        (&["p", "q"], 1),
        (&["none", "q"], 1),
        (&["none", "other"], 0),
        (&[], 0),
    ] {
        let filter = ScopeFilter::only(held.iter().map(|id| scope(id)).collect());
        assert_eq!(filter.admits(&of), wanted == 1, "{held:?}");
        assert_eq!(items_of(&store, &filter).len(), wanted, "{held:?}");
        // What is nobody's is nobody's to ask for by compartment.
        assert!(!filter.admits(&nobodys));
    }
    assert!(ScopeFilter::all().admits(&of) && ScopeFilter::all().admits(&nobodys));
}
