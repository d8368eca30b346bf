//! Who did what: entered once, never lost, and nothing passes under another's entry.

use std::sync::Arc;

use crate::{
    audit::{PENDING_MAX, TARGETS_MAX},
    kv::FaultKv,
    testing::*,
    *,
};

fn event(action: &str, target: &str) -> AuditEvent {
    AuditEvent {
        action: action.to_owned(),
        target: Some(key(target)),
        outcome: Outcome::Ok,
        durable: false,
    }
}

fn log(store: &Store) -> Vec<AuditEntry> {
    let mut entries = store.audit_list(None, 100_000).unwrap().entries;
    entries.reverse();
    entries
}

/// Action, first target and count of each entry, oldest first.
fn told(store: &Store) -> Vec<(String, String, u32)> {
    let tell = |entry: AuditEntry| {
        let target = entry.targets.first().map(ToString::to_string);
        (entry.action, target.unwrap_or_default(), entry.repeats)
    };
    log(store).into_iter().map(tell).collect()
}

fn basic(id: &str) -> Write {
    put(json(&format!(r#"{{"resourceType":"Basic","id":"{id}"}}"#)))
}

fn delete(text: &str) -> Write {
    Write::Delete {
        key: key(text),
        base: Base::Current,
    }
}

#[test]
fn what_waits_survives_every_batch_that_fails() {
    let kv = Arc::new(FaultKv::new());
    let store = store_on(kv.clone(), 1, TestEnv::new(1));
    let read = |id: &str| store.audit(&ctx(), &event("record_read", id)).unwrap();
    read("Basic/known");
    store.audit_flush().unwrap();
    read("Basic/a");
    kv.full(true);
    assert_eq!(store.audit_flush(), Err(StoreError::DiskFull));
    read("Basic/b");
    read("Basic/known");
    // A write that takes them along and fails, too.
    store.commit(&ctx(), vec![basic("x")]).unwrap_err();
    read("Basic/a");
    read("Basic/c");
    assert!(store.blob_put("x", b"y").is_err());
    kv.full(false);
    store.audit_flush().unwrap();
    let mut told = told(&store);
    told.sort();
    let once = |id: &str, count| ("record_read".to_owned(), id.to_owned(), count);
    assert_eq!(
        told,
        [
            once("Basic/a", 2),
            once("Basic/b", 1),
            once("Basic/c", 1),
            once("Basic/known", 2)
        ]
    );
    let report = store.verify().unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn an_entry_stands_for_others_only_if_all_of_it_is_the_same() {
    let (store, env) = memory_store(1);
    let base = event("record_read", "Basic/a");
    let enter = |ctx: &Context, event: &AuditEvent| {
        store.audit(ctx, event).unwrap();
        store.audit_flush().unwrap();
    };
    let who = ctx();
    enter(&who, &base);
    let other = |change: &dyn Fn(&mut Context, &mut AuditEvent)| {
        let (mut ctx, mut event) = (who.clone(), base.clone());
        change(&mut ctx, &mut event);
        let before = log(&store);
        // As the first of its kind while the other waits, and while it has been written.
        store.audit(&who, &base).unwrap();
        enter(&ctx, &event);
        let after = log(&store);
        assert_eq!(
            after.len(),
            before.len() + 1,
            "{event:?} of {ctx:?} was counted in"
        );
        let entry = after.last().unwrap();
        assert_eq!((&entry.action, entry.outcome), (&event.action, event.outcome));
        assert_eq!(entry.targets, event.target.into_iter().collect::<Vec<_>>());
        assert_eq!((&entry.context.user, &entry.context.role), (&ctx.user, &ctx.role));
        assert_eq!(
            (&entry.context.purpose, entry.context.origin),
            (&ctx.purpose, ctx.origin)
        );
        assert_eq!(entry.repeats, 1);
    };
    other(&|ctx, _| ctx.user = "doctor".into());
    other(&|ctx, _| ctx.role = "admin".into());
    other(&|ctx, _| ctx.purpose = "research".into());
    for origin in [Origin::Cli, Origin::Ui, Origin::Sync, Origin::System] {
        other(&|ctx, _| ctx.origin = origin);
    }
    other(&|_, event| event.action = "record_history".into());
    other(&|_, event| event.target = Some(key("Basic/b")));
    other(&|_, event| event.target = None);
    other(&|_, event| event.outcome = Outcome::Denied);
    other(&|_, event| event.outcome = Outcome::Failed);
    // Another operation of the same is the same, for five minutes and no longer.
    let count = log(&store).len();
    let again = Context {
        operation_id: 99,
        ..who.clone()
    };
    enter(&again, &base);
    env.advance(5 * 60 * 1000);
    enter(&again, &base);
    assert_eq!(log(&store).len(), count);
    env.advance(1);
    enter(&again, &base);
    assert_eq!(log(&store).len(), count + 1);
}

#[test]
fn every_write_is_entered_with_what_it_did_and_to_what() {
    let (store, _) = memory_store(1);
    let create = |id: &str| Write::Create {
        json: json(&format!(r#"{{"resourceType":"Basic","id":"{id}"}}"#)),
        if_none_exist: None,
    };
    let changed = |id: &str| {
        put(json(&format!(
            r#"{{"resourceType":"Basic","id":"{id}","language":"qu","meta":{{"tag":[{{"system":"urn:x","code":"y"}}]}}}}"#
        )))
    };
    store.commit(&ctx(), vec![create("a"), basic("b")]).unwrap();
    store
        .commit(&ctx(), vec![changed("a"), delete("Basic/b")])
        .unwrap();
    let untag = Write::SetRemove {
        key: key("Basic/a"),
        path: "meta.tag".into(),
        value: json(r#"{"system":"urn:x","code":"y"}"#),
    };
    store.commit(&ctx(), vec![untag]).unwrap();
    // Nothing was done, so nothing is entered.
    store.commit(&ctx(), vec![delete("Basic/b")]).unwrap();
    store
        .commit(&ctx(), vec![basic("c"), delete("Basic/none")])
        .unwrap_err();
    let results = store.commit_bulk(&ctx(), vec![basic("d"), delete("Basic/none"), basic("e")]);
    assert_eq!(
        results.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false, true]
    );
    let told: Vec<_> = log(&store)
        .into_iter()
        .map(|entry| {
            assert_eq!(
                (entry.context, entry.outcome, entry.repeats),
                (ctx(), Outcome::Ok, 1)
            );
            let ids: Vec<_> = entry.targets.iter().map(|key| key.id().to_owned()).collect();
            format!("{} {}", entry.action, ids.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "record_create a b",
            "record_delete b",
            "record_update a",
            "record_update a",
            "record_create d e"
        ]
    );
}

#[test]
fn decisions_are_entered_as_such() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    let told = |value: &str| {
        put(json(&format!(
            r#"{{"resourceType":"Observation","id":"o","status":"final","code":{{"text":"x"}},"valueString":"{value}"}}"#
        )))
    };
    a.commit(&ctx(), vec![told("0")]).unwrap();
    sync(&a, &b);
    a.commit(&ctx(), vec![told("1")]).unwrap();
    b.commit(&ctx(), vec![told("2")]).unwrap();
    sync(&b, &a);
    let entry = a.conflict(&ctx(), &key("Observation/o")).unwrap().unwrap();
    let resolve = Write::Resolve {
        key: entry.key,
        path: entry.items[0].path.clone(),
        listed: entry.version,
        choice: Choice::Pick(0),
    };
    a.commit(&ctx(), vec![resolve]).unwrap();
    let decided = |entry: &AuditEntry| entry.action == "conflict_resolve";
    let entry = log(&a).into_iter().find(decided).unwrap();
    assert_eq!(
        (entry.targets, entry.context),
        (vec![key("Observation/o")], ctx())
    );
}

#[test]
fn what_a_peer_brought_is_entered_and_what_it_did_not_bring_is_not() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    a.commit(&ctx(), vec![basic("a")]).unwrap();
    sync(&a, &b);
    b.audit_flush().unwrap();
    let entries = log(&b);
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (entries[0].action.as_str(), &entries[0].context),
        ("records_receive", &ctx())
    );
    // The same again brings nothing.
    sync(&a, &b);
    b.audit_flush().unwrap();
    assert_eq!(log(&b)[0].repeats, 1);
    a.commit(&ctx(), vec![basic("b")]).unwrap();
    sync(&a, &b);
    b.audit_flush().unwrap();
    assert_eq!(told(&b), [("records_receive".to_owned(), String::new(), 2)]);
}

#[test]
fn a_write_of_many_names_each_of_them() {
    let (store, _) = memory_store(1);
    let long = |n: usize| format!("{n:0>64}");
    let count = TARGETS_MAX * 2 + 1;
    let all = (0..count).map(|n| {
        put(json(&format!(
            r#"{{"resourceType":"MedicinalProductUndesirableEffect","id":"{}"}}"#,
            long(n)
        )))
    });
    // As long as they come: cut between letters, and still within one row.
    let wide = Context {
        user: "ñ".repeat(300),
        role: "r".repeat(300),
        purpose: "語".repeat(300),
        ..ctx()
    };
    store.commit(&wide, all.collect()).unwrap();
    let entries = log(&store);
    let named: Vec<String> = entries
        .iter()
        .flat_map(|entry| entry.targets.iter().map(|key| key.id().to_owned()))
        .collect();
    assert_eq!(named, (0..count).map(long).collect::<Vec<_>>());
    for entry in entries {
        let context = entry.context;
        assert_eq!((context.user, context.role), ("ñ".repeat(100), "r".repeat(200)));
        assert_eq!(context.purpose, "語".repeat(66));
    }
}

#[test]
fn the_log_is_given_newest_first_in_pages_without_gap_or_repeat() {
    let (store, env) = memory_store(1);
    for n in 0..11 {
        env.advance(1_000);
        store.commit(&ctx(), vec![basic(&format!("b{n}"))]).unwrap();
    }
    for count in [1, 3, 10, 11, 12] {
        let (mut numbers, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.audit_list(cursor.as_deref(), count).unwrap();
            assert!(page.entries.len() <= count);
            numbers.extend(page.entries.iter().map(|entry| entry.number));
            assert!(page.entries.is_sorted_by(|a, b| a.time_ms > b.time_ms));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(numbers, (1..=11).rev().collect::<Vec<_>>(), "pages of {count}");
    }
    assert_eq!(store.audit_list(Some("x"), 5), Err(StoreError::Cursor));
}

#[test]
fn readers_wait_where_entries_cannot_be_written_and_none_is_dropped() {
    let kv = Arc::new(FaultKv::new());
    let store = store_on(kv.clone(), 1, TestEnv::new(1));
    let read = |n: usize| store.audit(&ctx(), &event("record_read", &format!("Basic/b{n}")));
    kv.full(true);
    for n in 0..PENDING_MAX {
        read(n).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(
            read(PENDING_MAX),
            Err(StoreError::DiskFull),
            "read without an entry"
        );
    }
    kv.full(false);
    read(PENDING_MAX).unwrap();
    store.audit_flush().unwrap();
    let told = told(&store);
    assert_eq!(told.len(), PENDING_MAX + 1);
    for (n, (_, target, count)) in told.into_iter().enumerate() {
        assert_eq!((target, count), (format!("Basic/b{n}"), 1));
    }
}

#[test]
fn times_in_the_log_do_not_run_back_with_the_clock() {
    let (store, env) = memory_store(1);
    store.commit(&ctx(), vec![basic("a")]).unwrap();
    env.now_ms.store(0, std::sync::atomic::Ordering::SeqCst);
    store.audit(&ctx(), &event("record_read", "Basic/a")).unwrap();
    store.commit(&ctx(), vec![basic("b")]).unwrap();
    let times: Vec<_> = log(&store).iter().map(|entry| entry.time_ms).collect();
    let first = times[0];
    assert!(first > 0 && times.iter().all(|time| *time >= first), "{times:?}");
}
