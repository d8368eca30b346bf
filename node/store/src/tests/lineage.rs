//! Records of one id that began for different patients: kept apart, shown as colliding, told apart by a person.

use std::{collections::BTreeSet, sync::Arc};

use chaski_crdt::{
    author::SignedChange,
    hlc::{Hlc, Message, Stamp},
    record::Record,
};
use chaski_json::{Json, json};

use super::apart::decide;
use crate::{identity::Drawn, present::COLLISION_PATH, testing::*, *};

/// As long as an id may be.
const ID: &str = "o234567890123456789012345678901234567890123456789012345678901234";

pub(super) fn of() -> RecordKey {
    key(&format!("Observation/{ID}"))
}

/// An observation of these patients: the subject, and those who performed it.
pub(super) fn observation(patients: &[&str], note: &str) -> Json {
    let reference = |id: &&str| json!({"reference": format!("Patient/{id}")});
    let mut json =
        json!({"resourceType": "Observation", "id": ID, "status": "final", "note": [{"text": note}]});
    let object = json.as_object_mut().unwrap();
    if let Some((subject, performers)) = patients.split_first() {
        object.insert("subject".into(), reference(subject));
        if !performers.is_empty() {
            object.insert(
                "performer".into(),
                Json::Array(performers.iter().map(reference).collect()),
            );
        }
    }
    json
}

pub(super) fn labelled(mut json: Json, class: &str) -> Json {
    let label = json!([{"system": CLASS_SYSTEM, "code": class}]);
    json.as_object_mut()
        .unwrap()
        .insert("meta".into(), json!({"security": label}));
    json
}

pub(super) fn note(json: &Json) -> &str {
    json.pointer("/note/0/text").and_then(Json::as_str).unwrap()
}

pub(super) fn made(seed: u8, json: Json) -> Store {
    let (store, _) = memory_store(seed);
    store.commit(&ctx(), vec![put(json)]).unwrap();
    store
}

fn take(store: &Store, changes: Vec<SignedChange>) -> ApplyReport {
    let peer = chaski_crdt::author::NodeId([7; 32]);
    store
        .apply_remote(&ctx(), &peer, vec![(of(), changes)], None)
        .unwrap()
}

pub(super) fn notes(store: &Store) -> Vec<String> {
    let all = store.raw(&of()).unwrap();
    all.iter().map(|(json, _)| note(json).to_owned()).collect()
}

pub(super) fn found(store: &Store, text: &str) -> Vec<Current> {
    let page = store
        .search(&ctx(), &query("Observation", &format!("{text}&_total=accurate")))
        .unwrap();
    assert_eq!(page.total, Some(page.entries.len() as u64), "{text}");
    page.entries
}

/// Two that wrote apart for different patients, and now hold what both wrote.
pub(super) fn two() -> [Store; 2] {
    let a = made(1, observation(&["a"], "of a"));
    let b = made(2, observation(&["b"], "of b"));
    sync(&a, &b);
    sync(&b, &a);
    assert_eq!(a.raw(&of()).unwrap(), b.raw(&of()).unwrap());
    [a, b]
}

pub(super) fn whole(store: &Store) {
    let report = store.verify().unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn they_are_never_merged_and_each_is_found_where_it_belongs() {
    for store in two() {
        let filings = store.filings_of(&of()).unwrap();
        let patients: BTreeSet<Vec<Compartment>> =
            filings.into_iter().map(|filing| filing.compartments).collect();
        let patient = |id: &str| vec![Compartment::Patient(id.into())];
        assert_eq!(patients, [patient("a"), patient("b")].into());
        for id in ["a", "b"] {
            let of_one = found(&store, &format!("patient={id}"));
            assert_eq!(of_one.len(), 1);
            assert_eq!(note(&of_one[0].json), format!("of {id}"));
            assert!(
                of_one[0].collides && of_one[0].conflicts == 0,
                "it is shown as if nothing were the matter"
            );
        }
        for text in [
            "",
            &format!("_id={ID}"),
            "_tag=conflict",
            "status=final",
            "_sort=_lastUpdated",
        ] {
            assert_eq!(found(&store, text).len(), 2, "{text}");
        }
        let stats = store.stats().unwrap();
        assert_eq!(
            (stats.records, stats.conflicted_records, stats.quarantined),
            (2, 1, 0)
        );
        let page = store.conflicts(&ctx(), None, 10).unwrap();
        assert_eq!(page.entries.len(), 1, "one collision is listed twice");
        let history = store
            .history(&ctx(), &HistoryOf::Record(of()), None, None, 10)
            .unwrap();
        assert_eq!(history.entries.len(), 2);
        let authored = store.authored(&of()).unwrap();
        for entry in history.entries {
            let version = store
                .read_version(&ctx(), &of(), &entry.version)
                .unwrap()
                .unwrap();
            assert_eq!(note(&version.json), note(&entry.json.unwrap()));
            let by = |one: &crate::Authored| {
                let hash = crate::hex::encode(&one.hash.0);
                entry.version.as_str().starts_with(&hash[..12])
            };
            let one = authored.iter().find(|one| by(one)).unwrap();
            assert_eq!(version.authored_by.node, one.node);
            assert_eq!(version.authored_by.time_ms, one.time_ms);
        }
        whole(&store);
    }
}

/// The mark of one tells nothing of the other: who may see the one may not be one who may see that.
#[test]
fn nothing_of_the_one_is_told_with_the_other() {
    let [store, _] = two();
    for (own, other) in [("a", "b"), ("b", "a")] {
        let shown = found(&store, &format!("patient={own}"))
            .remove(0)
            .json
            .canonical();
        assert!(
            shown.contains(COLLISION_PATH) && !shown.contains(&format!("of {other}")),
            "{shown}"
        );
        let filter = ScopeFilter::only([Compartment::Patient(own.into())].into());
        let given = store.signed_changes_given(&of(), 0, u64::MAX, &filter).unwrap();
        assert_eq!(given.len(), 1);
        let (alone, _) = memory_store(9);
        take(&alone, given);
        assert_eq!(notes(&alone), [format!("of {own}")]);
        let sums = [&alone, &store].map(|store| store.fingerprint(&filter).unwrap().0);
        assert_eq!(sums[0], sums[1], "the holder of one of them is never in sync");
    }
}

/// What a record is made of must not depend on what came first, nor on what came with it.
#[test]
fn whatever_order_they_come_in_each_change_finds_its_record() {
    let a = made(1, observation(&["a"], "of a"));
    let again = made(2, observation(&["a"], "of a, made apart"));
    let b = made(3, observation(&["b"], "of b"));
    let both = made(4, observation(&["a", "b"], "of both"));
    let nobody = made(5, observation(&[], "of nobody"));
    for (store, patients) in [(&a, &["a"][..]), (&b, &["b"]), (&both, &["b", "a"])] {
        store
            .commit(&ctx(), vec![put(observation(patients, "changed"))])
            .unwrap();
    }
    let mut changes: Vec<SignedChange> = Vec::new();
    for store in [&a, &again, &b, &both, &nobody] {
        changes.extend(store.signed_changes(&of()).unwrap());
    }
    assert_eq!(changes.len(), 8);
    let (reference, _) = memory_store(20);
    take(&reference, changes.clone());
    let sum = |store: &Store| store.fingerprint(&ScopeFilter::all()).unwrap().0;
    assert_eq!(reference.filings_of(&of()).unwrap().len(), 4);
    let rng = TestEnv::new(3);
    for round in 0..60_u8 {
        let (store, _) = memory_store(30 + round);
        let mut order = changes.clone();
        for at in (1..order.len()).rev() {
            let pick = u64::from_be_bytes(crate::env::random_array(&*rng)) as usize % (at + 1);
            order.swap(at, pick);
        }
        let size = usize::from(round % 3) + 1;
        for part in order.chunks(size) {
            let report = take(&store, part.to_vec());
            assert!(report.quarantined.is_empty());
            whole(&store);
        }
        assert_eq!(store.stats().unwrap().pending, 0);
        assert_eq!(
            (sum(&store), store.raw(&of()).unwrap()),
            (sum(&reference), reference.raw(&of()).unwrap())
        );
        let records = |id: &str| found(&store, &format!("patient={id}")).len();
        // In the chain of b stand two entries of one id.
        assert_eq!((records("a"), records("b")), (1, 2));
        assert_eq!(found(&store, "performer=Patient/b").len(), 0);
        assert_eq!(found(&store, "performer=Patient/a").len(), 1);
    }
}

#[test]
fn a_write_that_names_a_version_is_about_its_record_and_one_that_names_none_is_refused() {
    let [store, _] = two();
    let of_b = found(&store, "patient=b").remove(0);
    let bare = |write: Write| {
        let refused = store.commit(&ctx(), vec![write]).unwrap_err();
        assert!(
            matches!(&refused, CommitError::Refused { refusal: Refusal::Conflicted { path }, .. } if path == COLLISION_PATH),
            "{refused:?}"
        );
    };
    bare(put(observation(&["c"], "new")));
    bare(Write::Delete {
        key: of(),
        base: Base::Present,
    });
    bare(Write::SetRemove {
        key: of(),
        path: "meta.tag".into(),
        value: json!({"code": "x"}),
    });
    let write = |json: Json, base: Base| Write::Put {
        key: of(),
        json,
        base,
        resolution: false,
    };
    let first = of_b.version.clone();
    store
        .commit(
            &ctx(),
            vec![write(observation(&["b"], "new"), Base::IfMatch(first.clone()))],
        )
        .unwrap();
    let late = write(observation(&["b"], "late"), Base::IfMatch(first.clone()));
    assert!(store.commit(&ctx(), vec![late]).is_err());
    store
        .commit(
            &ctx(),
            vec![write(observation(&["b"], "newer"), Base::Version(first))],
        )
        .unwrap();
    assert!(notes(&store).contains(&"of a".to_owned()));
    assert!(found(&store, "patient=a").remove(0).collides);
    whole(&store);
    // Deleted, one of them leaves the other as if it had never been.
    let of_b = found(&store, "patient=b").remove(0);
    let delete = Write::Delete {
        key: of(),
        base: Base::IfMatch(of_b.version),
    };
    store.commit(&ctx(), vec![delete]).unwrap();
    let left = store.read(&ctx(), &of()).unwrap().unwrap();
    assert_eq!(
        (note(&left.json), left.collides, left.deleted),
        ("of a", false, false)
    );
    assert!(store.conflict(&ctx(), &of()).unwrap().is_none());
    assert!(found(&store, "_tag=conflict").is_empty());
    store
        .commit(&ctx(), vec![put(observation(&["a"], "of a, changed"))])
        .unwrap();
    assert_eq!(notes(&store), ["of a, changed"]);
    let stats = store.stats().unwrap();
    assert_eq!((stats.records, stats.deleted, stats.conflicts), (1, 1, 0));
    whole(&store);
}

/// Made by hand: no node follows changes of two records.
#[test]
fn a_change_that_follows_two_records_is_set_aside_in_whatever_order_it_comes() {
    let [a, b] = two();
    let (liar, _) = memory_store(5);
    let signer = liar.signer().unwrap();
    let own: Vec<SignedChange> = ["a", "b"]
        .iter()
        .flat_map(|id| {
            let filter = ScopeFilter::only([Compartment::Patient((*id).into())].into());
            a.signed_changes_given(&of(), 0, u64::MAX, &filter).unwrap()
        })
        .collect();
    let mut record = Record::empty(of());
    record.merge(
        own.iter()
            .map(|change| change.verify(&signer.network, &of()).unwrap())
            .collect(),
    );
    assert_eq!(record.heads().len(), 2);
    let mut drawn = Drawn {
        incarnation: 77,
        next_seq: 1,
    };
    let mut made = Vec::new();
    for (n, text) in ["opened", "opened, changed"].into_iter().enumerate() {
        let stamp = Stamp {
            hlc: Hlc(1 << 20 | n as u64),
            message: Message::default(),
        };
        let heads = record.heads();
        let change = record.update_resolving(
            &heads,
            &observation(&["b"], text),
            record_policy(),
            &mut signer.writer(&mut drawn),
            &stamp,
        );
        made.push(change.unwrap().unwrap());
    }
    let report = take(&a, made[..1].to_vec());
    assert_eq!((report.records, report.quarantined.len()), (0, 1));
    let (late, _) = memory_store(6);
    take(&late, made.clone());
    assert_eq!(late.stats().unwrap().pending, 2);
    take(&late, own.clone());
    for store in [&a, &late] {
        assert_eq!(store.stats().unwrap().quarantined, 1);
        assert_eq!(store.raw(&of()).unwrap(), b.raw(&of()).unwrap());
        whole(store);
    }
}

/// What a peer may send makes no record that cannot be read or written afterwards.
#[test]
fn a_first_change_that_is_refused_leaves_its_place_to_the_next() {
    let a = made(1, observation(&["a"], "of a"));
    let b = made(2, observation(&["b"], "of b"));
    let mut changes = a.signed_changes(&of()).unwrap();
    let mut second = b.signed_changes(&of()).unwrap();
    // Says that it follows in its author's sequence what nobody has: no such change is taken.
    let (liar, _) = memory_store(5);
    let signer = liar.signer().unwrap();
    let mut drawn = Drawn {
        incarnation: 78,
        next_seq: 1,
    };
    let stamp = |n: u64| Stamp {
        hlc: Hlc(1 << 20 | n),
        message: Message::default(),
    };
    let other = key("Observation/other");
    let mut json = observation(&["c"], "of c");
    json.as_object_mut().unwrap().insert("id".into(), json!("other"));
    let (record, _) = Record::create(
        other,
        &json,
        record_policy(),
        &mut signer.writer(&mut drawn),
        &stamp(1),
    )
    .unwrap();
    let stray = record.changes().next().unwrap().bytes.clone();
    let resigned = signer.writer(&mut drawn).sign(&of(), stray).unwrap();
    changes.insert(0, resigned.clone());
    changes.append(&mut second);
    let (store, _) = memory_store(6);
    let report = take(&store, changes);
    assert_eq!((report.records, report.quarantined.len()), (2, 1), "{report:?}");
    assert_eq!(notes(&store), ["of a", "of b"]);
    let (alone, _) = memory_store(7);
    take(&alone, vec![resigned]);
    take(&alone, b.signed_changes(&of()).unwrap());
    assert_eq!(notes(&alone), ["of b"]);
    for store in [&store, &alone] {
        whole(store);
    }
}

#[test]
fn they_stand_a_restart_and_a_rebuild_and_leave_no_trace_of_what_is_undone() {
    let kv = Arc::new(MemoryKv::new());
    let store = store_on(kv.clone(), 1, TestEnv::new(1));
    store
        .commit(&ctx(), vec![put(observation(&["a"], "of a"))])
        .unwrap();
    let b = made(2, observation(&["b"], "of b"));
    let before = (store.stats().unwrap(), store.core.beside());
    let signer = store.signer().unwrap();
    let changes = b.signed_changes(&of()).unwrap();
    let undone = store.core.transact::<(), StoreError>(1, move |tx| {
        let record = Record::load(of(), changes).map_err(|_| StoreError::Damaged("record"))?;
        let lineage = crate::lineage::Lineage::of(&record)?;
        let beside = Some(lineage.beside(&tx.core.sealer, &of()));
        let prepared = crate::write::prepared(&tx.core.sealer, &signer, None, &record, beside)?;
        assert!(crate::write::install(tx, prepared, None)?.is_ok());
        assert_eq!(tx.state.beside, 1);
        Err(StoreError::Cursor)
    });
    assert_eq!(undone, Err(StoreError::Cursor));
    assert_eq!((store.stats().unwrap(), store.core.beside()), before);
    assert!(!found(&store, "").remove(0).collides);
    whole(&store);
    sync(&b, &store);
    drop(store);
    let again = Store::open_on(kv, &[7; 32], TestEnv::new(5), options()).unwrap();
    assert_eq!(notes(&again), ["of a", "of b"]);
    whole(&again);
}

/// Who writes without having read names the patient, and nobody else's record is taken over.
#[test]
fn a_write_that_names_no_version_goes_to_the_record_of_its_patient_or_to_none() {
    let [store, _] = two();
    store
        .commit(&ctx(), vec![put(observation(&["b"], "of b, anew"))])
        .unwrap();
    assert_eq!(notes(&store), ["of a", "of b, anew"]);
    decide(&store, "a").unwrap();
    // The system that gave the id tells of its record again: it collides again, and a's is as it was.
    store
        .commit(&ctx(), vec![put(observation(&["b"], "of b, again"))])
        .unwrap();
    assert_eq!(notes(&store), ["of a", "of b, again"]);
    let other = put(observation(&["c"], "of c"));
    assert!(store.commit(&ctx(), vec![other]).is_err());
    whole(&store);
    let unread = |json: Json| Write::Put {
        key: of(),
        json,
        base: Base::OfPatient,
        resolution: false,
    };

    // Of two that are written to an empty store by who has not looked, the second begins beside the first.
    let (fresh, _) = memory_store(8);
    let both = vec![
        unread(observation(&["a"], "one")),
        unread(observation(&["b"], "two")),
    ];
    let written = fresh.commit_bulk(&ctx(), both.clone());
    assert!(
        written
            .iter()
            .all(|written| written.as_ref().is_ok_and(|written| written.created))
    );
    assert_eq!(notes(&fresh), ["one", "two"]);
    let again = fresh.commit_bulk(&ctx(), both);
    assert!(
        again
            .iter()
            .all(|written| written.as_ref().is_ok_and(|written| written.unchanged))
    );
    assert!(found(&fresh, "patient=b")[0].collides);
    whole(&fresh);
    // Whoever has read one may give it to another patient, and to one more.
    let (moved, _) = memory_store(10);
    moved
        .commit(&ctx(), vec![unread(observation(&["a"], "one"))])
        .unwrap();
    let read = moved.read(&ctx(), &of()).unwrap().unwrap();
    let write = Write::Put {
        key: of(),
        json: observation(&["b"], "moved"),
        base: Base::Version(read.version),
        resolution: false,
    };
    moved.commit(&ctx(), vec![write]).unwrap();
    moved
        .commit(&ctx(), vec![unread(observation(&["b", "c"], "of more"))])
        .unwrap();
    assert_eq!(notes(&moved), ["of more"]);

    // A deleted one of another patient is not brought back to life for this one.
    let delete = Write::Delete {
        key: of(),
        base: Base::Current,
    };
    let (gone, _) = memory_store(9);
    gone.commit(&ctx(), vec![put(observation(&["m"], "squatted"))])
        .unwrap();
    gone.commit(&ctx(), vec![delete]).unwrap();
    let written = gone
        .commit(&ctx(), vec![put(observation(&["a"], "of a"))])
        .unwrap();
    assert!(written[0].created);
    let filter = ScopeFilter::only([Compartment::Patient("m".into())].into());
    let given = gone.signed_changes_given(&of(), 0, u64::MAX, &filter).unwrap();
    assert!(
        given
            .iter()
            .all(|change| !String::from_utf8_lossy(&change.bytes).contains("of a"))
    );
    assert_eq!(
        (notes(&gone), gone.keys().unwrap().len()),
        (vec!["of a".to_owned()], 1)
    );
    assert!(!gone.read(&ctx(), &of()).unwrap().unwrap().collides);
    whole(&gone);
}

#[test]
fn each_is_read_by_its_version_and_by_its_patient() {
    let [store, _] = two();
    let all = |_: &Classes| true;
    assert!(store.read(&ctx(), &of()).unwrap().unwrap().is_ambiguous);
    for id in ["a", "b"] {
        let of_patient = store
            .read_admitted(&ctx(), &of(), &Which::Patient(id), &all)
            .unwrap()
            .unwrap();
        let version = Which::Version(&of_patient.version);
        let at_version = store
            .read_admitted(&ctx(), &of(), &version, &all)
            .unwrap()
            .unwrap();
        assert_eq!(note(&of_patient.json), format!("of {id}"));
        assert_eq!(of_patient, at_version);
        assert!(!of_patient.is_ambiguous && of_patient.collides);
    }
    assert!(
        store
            .read_admitted(&ctx(), &of(), &Which::Patient("c"), &all)
            .unwrap()
            .is_none()
    );
    // A patient's own record is what names nobody else, for who reads; for who writes that is a guess.
    let other = made(
        3,
        json!({"resourceType": "Patient", "id": "p", "gender": "female"}),
    );
    let linked = json!({"resourceType": "Patient", "id": "p", "gender": "male",
        "link": [{"other": {"reference": "Patient/m"}, "type": "seealso"}]});
    let liar = made(4, linked);
    sync(&liar, &other);
    let read = other.read(&ctx(), &key("Patient/p")).unwrap().unwrap();
    assert_eq!(read.json.get("gender").and_then(Json::as_str), Some("female"));
    assert!(!read.is_ambiguous && read.collides);
    let delete = Write::Delete {
        key: key("Patient/p"),
        base: Base::Current,
    };
    assert!(other.commit(&ctx(), vec![delete]).is_err());
    whole(&other);
}

/// A number of few digits stands for a version: somebody may have ground another change that begins as it.
#[test]
fn a_version_that_two_records_have_names_neither() {
    let [store, _] = two();
    let rows = crate::lineage::rows(&store.core, &of()).unwrap();
    let version = rows[0].head.version();
    assert_eq!(crate::lineage::at_version(&rows, &version).unwrap(), Some(0));
    let twice = vec![rows[0].clone(), rows[0].clone()];
    assert_eq!(crate::lineage::at_version(&twice, &version).unwrap(), None);
}

/// What is kept back hides neither that the other collides nor what is in conflict within it.
#[test]
fn one_that_is_kept_back_hides_nothing_of_the_other() {
    let a = made(1, observation(&["a"], "of a"));
    let liar = made(2, labelled(observation(&["m"], "of m"), "HIV"));
    sync(&liar, &a);
    let open = |classes: &Classes| classes.is_empty();
    let entry = a.conflict_admitted(&ctx(), &of(), &open).unwrap().unwrap();
    assert_eq!(
        (entry.items[0].path.as_str(), entry.items[0].values.len()),
        (COLLISION_PATH, 1)
    );
    assert!(!entry.is_whole && a.conflict(&ctx(), &of()).unwrap().unwrap().is_whole);
    let own = found(&a, "patient=a").remove(0).version;
    let (b, _) = memory_store(3);
    sync(&a, &b);
    for (store, status) in [(&a, "amended"), (&b, "corrected")] {
        let mut json = observation(&["a"], "of a");
        json.as_object_mut()
            .unwrap()
            .insert("status".into(), json!(status));
        let write = Write::Put {
            key: of(),
            json,
            base: Base::Version(own.clone()),
            resolution: false,
        };
        store.commit(&ctx(), vec![write]).unwrap();
    }
    sync(&b, &a);
    let entry = a.conflict_admitted(&ctx(), &of(), &open).unwrap().unwrap();
    assert_ne!(entry.items[0].path, COLLISION_PATH);
    assert_eq!(
        a.conflicts_admitted(&ctx(), None, 10, &open)
            .unwrap()
            .entries
            .len(),
        1
    );
    whole(&a);
}

/// Nobody can search for what R4 does not know, and a patient's own kinds must not be crowded out by invented ones.
#[test]
fn kinds_that_nobody_knows_take_no_place_in_a_patients_index() {
    let (store, _) = memory_store(1);
    let about =
        |kind: &str| put(json!({"resourceType": kind, "id": "x", "subject": {"reference": "Patient/a"}}));
    let made: Vec<Write> = (0..450).map(|n| about(&format!("Invented{n}"))).collect();
    store.commit(&ctx(), made).unwrap();
    store
        .commit(&ctx(), vec![put(observation(&["a"], "of a"))])
        .unwrap();
    assert_eq!(found(&store, "patient=a").len(), 1);
    let read = store.read(&ctx(), &key("Invented449/x")).unwrap().unwrap();
    assert_eq!(read.json.get("id").and_then(Json::as_str), Some("x"));
    whole(&store);
}

/// Whoever follows the history of all must not take a record for gone that stands.
#[test]
fn the_end_of_one_is_not_told_as_that_of_the_other() {
    let [store, _] = two();
    decide(&store, "a").unwrap();
    for of in [
        HistoryOf::Record(of()),
        HistoryOf::Kind("Observation".into()),
        HistoryOf::All,
    ] {
        let page = store.history(&ctx(), &of, None, None, 100).unwrap();
        assert!(
            page.next.is_none() && page.entries.iter().all(|entry| !entry.deleted),
            "{of:?}"
        );
        // Whoever takes the newest of each id for what stands is right.
        let newest = page.entries.iter().find(|entry| entry.key == self::of()).unwrap();
        let stands = store.read(&ctx(), &self::of()).unwrap().unwrap();
        assert_eq!(newest.version, stands.version, "{of:?}");
        assert_eq!(note(newest.json.as_ref().unwrap()), "of a", "{of:?}");
    }
    let delete = Write::Delete {
        key: of(),
        base: Base::Current,
    };
    store.commit(&ctx(), vec![delete]).unwrap();
    let page = store
        .history(&ctx(), &HistoryOf::Record(of()), None, None, 100)
        .unwrap();
    assert!(page.entries[0].deleted, "now it is gone");
}
