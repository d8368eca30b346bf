//! Records that are labelled as sensitive: in which scope they stand, and what of them somebody is given who is not
//! cleared for their classes.

use std::sync::Arc;

use chaski_json::json;

use crate::{kv::Kv, testing::*, *};

/// An observation of `p`, labelled with these classes.
fn observation(note: &str, classes: &[&str]) -> chaski_json::Json {
    let labels: Vec<_> = classes
        .iter()
        .map(|class| json!({"system": CLASS_SYSTEM, "code": *class}))
        .collect();
    let mut json = json!({"resourceType": "Observation", "id": "o", "status": "final",
        "subject": {"reference": "Patient/p"}, "note": [{"text": note}]});
    if !labels.is_empty() {
        json.as_object_mut()
            .unwrap()
            .insert("meta".into(), json!({"security": labels}));
    }
    json
}

fn of() -> RecordKey {
    key("Observation/o")
}

fn filter(cleared: Option<&[&str]>) -> ScopeFilter {
    ScopeFilter {
        clearance: cleared.map_or(Clearance::All, |codes| {
            Clearance::Only(codes.iter().map(|code| (*code).to_owned()).collect())
        }),
        ..ScopeFilter::only([Compartment::Patient("p".into())].into())
    }
}

fn write(store: &Store, json: chaski_json::Json) {
    store.commit(&ctx(), vec![put(json)]).unwrap();
}

/// Which of `from`'s changes somebody with this clearance is given, taken in by `to`.
fn give(from: &Store, to: &Store, cleared: &[&str]) -> Vec<SignedChange> {
    let filter = ScopeFilter {
        clearance: Clearance::Only(cleared.iter().map(|code| (*code).to_owned()).collect()),
        ..ScopeFilter::all()
    };
    let changes = from.signed_changes_given(&of(), 0, u64::MAX, &filter).unwrap();
    let records = vec![(of(), changes.clone())];
    to.apply_remote(&ctx(), &from.node().unwrap(), records, None)
        .unwrap();
    changes
}

fn count(store: &Store, filter: &ScopeFilter) -> u64 {
    let (sum, _) = store.fingerprint(filter).unwrap();
    let items = items_of(store, filter);
    let mut told = chaski_crdt::fingerprint::Fingerprint::EMPTY;
    items
        .iter()
        .for_each(|(_, value)| told.add(&chaski_crdt::fingerprint::RecordValue(*value)));
    assert_eq!(sum, told, "the sum is that of what is told one by one");
    sum.count
}

#[test]
fn a_record_stands_in_the_scope_of_exactly_its_classes() {
    let (store, _) = memory_store(1);
    write(&store, observation("plain", &[]));
    let sensitive = |id: &str, classes: &[&str]| {
        let mut json = observation(id, classes);
        json.as_object_mut().unwrap().insert("id".into(), id.into());
        write(&store, json);
    };
    sensitive("hiv", &["HIV"]);
    sensitive("psy", &["PSY"]);
    sensitive("both", &["PSY", "HIV"]);
    for (cleared, expected) in [
        (None, 4),
        (Some(&[][..]), 1),
        (Some(&["HIV"][..]), 2),
        (Some(&["HIV", "PSY"][..]), 4),
        (Some(&["ETH"][..]), 1),
    ] {
        assert_eq!(count(&store, &filter(cleared)), expected, "{cleared:?}");
        let everybodys = ScopeFilter {
            compartments: None,
            ..filter(cleared)
        };
        assert_eq!(count(&store, &everybodys), expected, "{cleared:?}");
    }
    // Who is cleared for everything finds them all, wherever they stand.
    let found = store
        .search(&ctx(), &query("Observation", "subject=Patient/p"))
        .unwrap();
    assert_eq!(found.entries.len(), 4);
    assert!(store.verify().unwrap().is_whole());
}

#[test]
fn what_makes_a_record_sensitive_is_written_apart_from_what_is_sensitive() {
    let (clinic, _) = memory_store(1);
    let (cleared, _) = memory_store(2);
    let (uncleared, _) = memory_store(3);
    write(&clinic, observation("a cold", &[]));
    for other in [&cleared, &uncleared] {
        sync(&clinic, other);
    }
    write(&clinic, observation("the secret", &["HIV"]));
    assert_eq!(clinic.signed_changes(&of()).unwrap().len(), 3);
    // It is one version: the label alone was never current.
    let history = clinic
        .history(&ctx(), &HistoryOf::Record(of()), None, None, 10)
        .unwrap();
    assert_eq!(history.entries.len(), 2);

    let given = give(&clinic, &uncleared, &["PSY"]);
    assert_eq!(given.len(), 2, "what was for all, and the label");
    assert!(
        given
            .iter()
            .all(|change| !change.bytes.windows(6).any(|part| part == b"secret"))
    );
    let held = uncleared.read(&ctx(), &of()).unwrap().unwrap();
    assert_eq!(
        held.classes,
        Classes::from_iter(["HIV"]),
        "and so it hides the record"
    );
    assert_eq!(
        held.json.pointer("/note/0/text").unwrap().as_str(),
        Some("a cold")
    );
    // Neither counts what one of them may not hold.
    let shared = filter(Some(&["PSY"]));
    assert_eq!((count(&clinic, &shared), count(&uncleared, &shared)), (0, 0));

    assert_eq!(give(&clinic, &cleared, &["HIV"]).len(), 3);
    assert_eq!(cleared.read_raw(&of()).unwrap(), clinic.read_raw(&of()).unwrap());
    // What is written later follows what was withheld, and is withheld too.
    write(&clinic, observation("more of it", &["HIV"]));
    assert_eq!(give(&clinic, &uncleared, &[]).len(), 2);
    for store in [clinic, cleared, uncleared] {
        assert!(store.verify().unwrap().is_whole());
    }
}

#[test]
fn a_label_with_nothing_else_is_one_change_and_a_record_made_sensitive_is_one_too() {
    let (store, _) = memory_store(1);
    write(&store, observation("a cold", &[]));
    write(&store, observation("a cold", &["HIV"]));
    assert_eq!(store.signed_changes(&of()).unwrap().len(), 2);
    // Of labels, each new one goes ahead; those that are there already do not.
    write(&store, observation("worse", &["HIV"]));
    assert_eq!(store.signed_changes(&of()).unwrap().len(), 3);
    write(&store, observation("worst", &["HIV", "PSY"]));
    assert_eq!(store.signed_changes(&of()).unwrap().len(), 5);
    let (born, _) = memory_store(2);
    write(&born, observation("the secret", &["HIV"]));
    assert_eq!(born.signed_changes(&of()).unwrap().len(), 1);
    assert_eq!(give(&born, &store, &[]).len(), 0);
}

/// Who writes may not have read that the record has become sensitive: what he writes is kept back all the same.
#[test]
fn what_is_written_at_a_version_before_the_label_follows_a_label() {
    let base = |store: &Store| Base::Version(store.read(&ctx(), &of()).unwrap().unwrap().version);
    let (holder, _) = memory_store(2);
    let (store, _) = memory_store(1);
    write(&store, observation("a cold", &[]));
    let before = base(&store);
    give(&store, &holder, &[]);
    write(&store, observation("a cold", &["HIV"]));
    let late = |json: chaski_json::Json| Write::Put {
        key: of(),
        json,
        base: before.clone(),
        resolution: false,
    };
    let same = store
        .commit(&ctx(), vec![late(observation("a cold", &[]))])
        .unwrap();
    assert!(same[0].unchanged && store.signed_changes(&of()).unwrap().len() == 2);
    store
        .commit(&ctx(), vec![late(observation("the secret", &[]))])
        .unwrap();
    assert_eq!(store.signed_changes(&of()).unwrap().len(), 4);
    let delete = Write::Delete {
        key: of(),
        base: before.clone(),
    };
    store.commit(&ctx(), vec![delete]).unwrap();
    for change in give(&store, &holder, &[]) {
        let text = String::from_utf8_lossy(&change.bytes).into_owned();
        assert!(!text.contains("secret"), "{text}");
    }
    assert_eq!(
        holder
            .read_raw(&of())
            .unwrap()
            .unwrap()
            .pointer("/note/0/text")
            .unwrap()
            .as_str(),
        Some("a cold")
    );
    for store in [&store, &holder] {
        assert_eq!(count(store, &filter(Some(&[]))), 0);
        assert_eq!(
            store.filing_of(&of()).unwrap().unwrap().classes,
            Classes::from_iter(["HIV"])
        );
        assert!(store.verify().unwrap().is_whole());
    }
}

/// What a version shows is not always all that it holds: the label is not made from that.
#[test]
fn a_label_on_a_record_in_dispute_or_with_words_that_are_stale_says_nothing_else() {
    let (store, _) = memory_store(1);
    let (other, _) = memory_store(2);
    let words = |note: &str, status: &str| {
        let mut json = observation(note, &[]);
        let object = json.as_object_mut().unwrap();
        let div = format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{note}</div>");
        object.insert("text".into(), json!({"status": "generated", "div": div}));
        object.insert("status".into(), json!(status));
        json
    };
    write(&store, words("a cold", "registered"));
    sync(&store, &other);
    for (store, status) in [(&store, "final"), (&other, "cancelled")] {
        // The words are left as they were: they are stale by that.
        write(store, words("a cold", status));
    }
    sync(&other, &store);
    assert!(store.read(&ctx(), &of()).unwrap().unwrap().conflicts > 0);
    let read = store.read(&ctx(), &of()).unwrap().unwrap();
    let mut json = read.json.clone();
    strip(&mut json);
    let label = json!({"security": [{"system": CLASS_SYSTEM, "code": "HIV"}]});
    json.as_object_mut().unwrap().insert("meta".into(), label);
    let known = store.signed_changes(&of()).unwrap();
    let labelled = Write::Put {
        key: of(),
        json,
        base: Base::Version(read.version),
        resolution: false,
    };
    store.commit(&ctx(), vec![labelled]).unwrap();
    let new = store.signed_changes(&of()).unwrap();
    let new: Vec<_> = new.into_iter().filter(|change| !known.contains(change)).collect();
    assert!(chaski_crdt::said::is_label_only(&new[0]).unwrap());
    assert!(
        store.read(&ctx(), &of()).unwrap().unwrap().conflicts > 0,
        "the label decided it"
    );
    assert!(store.verify().unwrap().is_whole());
}

/// The words that a writer sends along are said of what is written with them, the label before it included.
#[test]
fn a_narrative_that_is_sent_with_a_label_is_kept() {
    let (store, _) = memory_store(1);
    let with_words = |note: &str, classes: &[&str]| {
        let mut json = observation(note, classes);
        let words = json!({"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{note}</div>")});
        json.as_object_mut().unwrap().insert("text".into(), words);
        json
    };
    write(&store, with_words("a cold", &[]));
    write(&store, with_words("the secret", &["HIV"]));
    let read = store.read_raw(&of()).unwrap().unwrap();
    assert_eq!(read.pointer("/note/0/text").unwrap().as_str(), Some("the secret"));
    assert_eq!(read.pointer("/text/status").unwrap().as_str(), Some("generated"));
}

#[test]
fn classes_never_shrink() {
    let (store, _) = memory_store(1);
    write(&store, observation("the secret", &["HIV"]));
    let removed = Write::SetRemove {
        key: of(),
        path: "meta.security".into(),
        value: json!({"system": CLASS_SYSTEM, "code": "HIV"}),
    };
    store.commit(&ctx(), vec![removed]).unwrap();
    let read = store.read(&ctx(), &of()).unwrap().unwrap();
    assert!(read.json.pointer("/meta/security").is_none());
    assert_eq!(read.classes, Classes::from_iter(["HIV"]));
    let delete = Write::Delete {
        key: of(),
        base: Base::Current,
    };
    store.commit(&ctx(), vec![delete]).unwrap();
    assert_eq!(
        store.filing_of(&of()).unwrap().unwrap().classes,
        Classes::from_iter(["HIV"])
    );
    assert_eq!(count(&store, &filter(Some(&[]))), 0);
    assert!(store.verify().unwrap().is_whole());
}

/// A number that is given twice makes of a node's own change evidence of a fork.
#[test]
fn a_label_and_what_follows_it_have_each_a_number_of_their_own() {
    let (store, _) = memory_store(1);
    write(&store, observation("a cold", &[]));
    write(&store, observation("the secret", &["HIV"]));
    write(&store, observation("the secret, told more", &["HIV"]));
    let changes = store.signed_changes(&of()).unwrap();
    let numbers: std::collections::BTreeSet<_> = changes
        .iter()
        .map(|change| (change.author, change.author_seq))
        .collect();
    assert_eq!((changes.len(), numbers.len()), (4, 4));
    assert!(store.verify().unwrap().is_whole());
}

/// Two lives of one machine write at once: one of the changes stands aside as evidence, and is handed on all the same.
#[test]
fn evidence_of_a_fork_counts() {
    let kv = Arc::new(MemoryKv::new());
    let first = store_on(kv.clone(), 1, TestEnv::new(1));
    write(&first, observation("a cold", &[]));
    drop(first);
    let copies = ["HIV", "PSY"].map(|class| {
        let copy: Arc<dyn Kv> = Arc::new(kv.duplicate());
        let store = Store::open_on(copy, &[7; 32], TestEnv::new(10), options()).unwrap();
        write(&store, observation("a cold", &[class]));
        store
    });
    for order in [[0, 1], [1, 0]] {
        let (third, _) = memory_store(2);
        for at in order {
            sync(&copies[at], &third);
        }
        let classes = third.read(&ctx(), &of()).unwrap().unwrap().classes;
        assert_eq!(classes, Classes::from_iter(["HIV", "PSY"]), "{order:?}");
        assert_eq!(count(&third, &filter(Some(&["HIV"]))), 0);
        assert!(third.verify().unwrap().is_whole());
    }
}

#[test]
fn a_record_of_more_patients_and_heads_than_a_row_holds_is_written_handed_on_and_found() {
    let member = |n: usize| json!({"entity": {"reference": format!("Patient/{:0>36}", n)}});
    let group = |n: usize| {
        let members: Vec<_> = (0..n).map(member).collect();
        json!({"resourceType": "Group", "id": "g", "type": "person", "actual": true, "member": members})
    };
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    write(&a, group(3));
    write(&a, group(300));
    write(&a, group(299));
    let entry = a.feed(0, 10).unwrap().pop().unwrap();
    assert_eq!(entry.filing.compartments.len(), 300);
    assert_eq!(entry.heads, a.heads(&key("Group/g")).unwrap());
    sync(&a, &b);
    assert_eq!(
        b.read_raw(&key("Group/g")).unwrap(),
        a.read_raw(&key("Group/g")).unwrap()
    );
    let one = ScopeFilter::only([Compartment::Patient(format!("{:0>36}", 299))].into());
    assert_eq!((count(&a, &one), count(&b, &one)), (1, 1));
    let history = a
        .history(&ctx(), &HistoryOf::Kind("Group".into()), None, None, 10)
        .unwrap();
    assert_eq!(history.entries.len(), 3);
    assert!(a.verify().unwrap().is_whole() && b.verify().unwrap().is_whole());

    // A hundred and fifty that write apart from the same version: as many heads.
    let (hub, _) = memory_store(3);
    write(&hub, group(2));
    let sites: Vec<Store> = (10..160).map(|n| memory_store(n).0).collect();
    for (n, site) in sites.iter().enumerate() {
        sync(&hub, site);
        let mut json = group(2);
        json.as_object_mut().unwrap().insert("quantity".into(), json!(n));
        write(site, json);
    }
    for site in &sites {
        sync(site, &hub);
    }
    assert_eq!(hub.heads(&key("Group/g")).unwrap().len(), 150);
    assert_eq!(hub.feed(0, 10).unwrap().pop().unwrap().heads.len(), 150);
    write(&hub, group(1));
    assert!(hub.verify().unwrap().is_whole());
}

#[test]
fn labels_of_more_classes_than_can_be_told_apart_are_kept_and_cleared_for_nobody() {
    let codes: Vec<String> = (0..200).map(|n| format!("C{n}")).collect();
    let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
    let (store, _) = memory_store(1);
    write(&store, observation("x", &codes));
    assert_eq!(store.filing_of(&of()).unwrap().unwrap().classes.len(), 1);
    let labels = store.read_raw(&of()).unwrap().unwrap();
    assert_eq!(
        labels
            .pointer("/meta/security")
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        200
    );
    assert_eq!(
        (
            count(&store, &filter(Some(&codes[..30]))),
            count(&store, &filter(None))
        ),
        (0, 1)
    );
    assert!(store.verify().unwrap().is_whole());
}
