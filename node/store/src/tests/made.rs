//! What is made of a document is kept while the document stands, and no longer.

use std::{
    cell::Cell,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering::SeqCst},
};

use crate::{testing::*, *};

const NAME: &str = "trust/names";

/// The document's bytes as they were when they were last made something of.
fn made(store: &Store, count: &AtomicUsize) -> Arc<Vec<u8>> {
    let make = |document: Option<Vec<u8>>| {
        count.fetch_add(1, SeqCst);
        Ok::<_, StoreError>(document.unwrap_or_default())
    };
    store.blob_made(NAME, make).unwrap()
}

#[test]
fn it_is_made_once_and_anew_after_whatever_writes_the_document() {
    let kv = Arc::new(MemoryKv::new());
    let store = store_on(kv, 1, TestEnv::new(1));
    let count = AtomicUsize::new(0);
    let long = vec![7; 100_000];
    type Write = fn(&Store, &[u8]) -> Result<(), StoreError>;
    let ways: [(&str, Write); 5] = [
        ("put", |store, bytes| store.blob_put(NAME, bytes)),
        ("put together", |store, bytes| {
            let others = [("a".to_owned(), None), (NAME.to_owned(), Some(bytes.to_vec()))];
            store.blobs_put(&others)
        }),
        ("swap", |store, bytes| {
            let before = store.blob(NAME)?;
            store.blob_swap(NAME, before.as_deref(), Some(bytes))
        }),
        ("trust", |store, bytes| store.trust_save("names", bytes)),
        ("another handle", |store, bytes| {
            store.clone().blob_put(NAME, bytes)
        }),
    ];
    let mut makes = 0;
    for (what, write) in ways {
        for bytes in [b"one".as_slice(), b"two", &long, b"three", b"three"] {
            write(&store, bytes).unwrap();
            makes += 1;
            let first = made(&store, &count);
            assert_eq!(*first, bytes, "{what}");
            assert!(Arc::ptr_eq(&first, &made(&store, &count)), "{what}");
            store.blob_put("trust/other", bytes).unwrap();
            assert!(Arc::ptr_eq(&first, &made(&store.clone(), &count)), "{what}");
            assert_eq!(count.load(SeqCst), makes, "{what}");
        }
    }
    store.blob_remove(NAME).unwrap();
    assert!(made(&store, &count).is_empty() && made(&store, &count).is_empty());
    assert_eq!(count.load(SeqCst), makes + 1, "what is not there is known too");
}

#[test]
fn what_fails_is_tried_again_and_what_is_written_meanwhile_is_not_passed_over() {
    let (store, _) = memory_store(1);
    store.blob_put(NAME, b"one").unwrap();
    for _ in 0..2 {
        let failed = store.blob_made(NAME, |_| Err::<u8, _>(StoreError::NoIdentity));
        assert!(matches!(failed, Err(StoreError::NoIdentity)));
    }
    let late = store.blob_made(NAME, |document| {
        store.blob_put(NAME, b"two")?;
        Ok::<_, StoreError>(document.unwrap())
    });
    assert_eq!(*late.unwrap(), b"one");
    assert_eq!(*made(&store, &AtomicUsize::new(0)), b"two");
    // Two things made of one document are two.
    let length = Cell::new(0);
    let of = |document: Option<Vec<u8>>| {
        length.set(document.unwrap().len());
        Ok::<_, StoreError>(length.get())
    };
    assert_eq!(*store.blob_made(NAME, of).unwrap(), 3);
    assert_eq!(*made(&store, &AtomicUsize::new(0)), b"two");
}
