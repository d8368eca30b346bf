//! Records of one id that began for different patients are told apart by a person, and nothing is lost.

use std::collections::BTreeSet;

use chaski_json::{Json, json};

use super::lineage::{found, labelled, made, note, notes, observation, of, two, whole};
use crate::{present::COLLISION_PATH, testing::*, *};

/// Lets the record of this patient keep the id.
pub(super) fn decide(store: &Store, patient: &str) -> Result<Written, CommitError> {
    let entry = store.conflict(&ctx(), &of()).unwrap().unwrap();
    let wanted = format!("Patient/{patient}");
    let is_of = |side: &ConflictSide| {
        let subject = side
            .value
            .as_ref()
            .and_then(|json| json.pointer("/subject/reference"));
        subject.and_then(Json::as_str) == Some(&wanted)
    };
    let picked = entry.items[0].values.iter().position(is_of).unwrap();
    let resolve = Write::Resolve {
        key: of(),
        path: COLLISION_PATH.into(),
        listed: entry.version,
        choice: Choice::Pick(picked),
    };
    store
        .commit(&ctx(), vec![resolve])
        .map(|mut written| written.remove(0))
}

#[test]
fn deciding_gives_the_others_an_id_of_their_own_and_loses_nothing() {
    let [one, other] = two();
    assert_eq!(
        one.conflict(&ctx(), &of()).unwrap(),
        other.conflict(&ctx(), &of()).unwrap()
    );
    // Both decide alike, before they hear of each other.
    for store in [&one, &other] {
        let written = decide(store, "a").unwrap();
        assert_eq!(written.apart, [found(store, "patient=b").remove(0).key]);
        assert_eq!(note(&store.read(&ctx(), &of()).unwrap().unwrap().json), "of a");
        assert_eq!(
            written.version,
            store.read(&ctx(), &of()).unwrap().unwrap().version
        );
    }
    sync(&one, &other);
    sync(&other, &one);
    for store in [&one, &other] {
        let keys = store.keys().unwrap();
        assert_eq!(
            keys.len(),
            2,
            "what both gave an id of its own is there twice: {keys:?}"
        );
        let of_b = found(store, "patient=b").remove(0);
        assert_eq!((note(&of_b.json), of_b.collides), ("of b", false));
        assert_ne!(of_b.key, of());
        assert_eq!(store.stats().unwrap().conflicted_records, 0);
        let by = store.authored(&of_b.key).unwrap();
        assert_eq!(by[0].transaction.unwrap().1, 2);
        whole(store);
    }
    let sum = |store: &Store| store.fingerprint(&ScopeFilter::all()).unwrap().0;
    assert_eq!(sum(&one), sum(&other));
}

#[test]
fn two_that_decide_differently_lose_nothing_either() {
    let [one, other] = two();
    decide(&one, "a").unwrap();
    decide(&other, "b").unwrap();
    sync(&one, &other);
    sync(&other, &one);
    for store in [&one, &other] {
        for id in ["a", "b"] {
            let left = found(store, &format!("patient={id}"));
            assert_eq!(
                (left.len(), note(&left[0].json)),
                (1, format!("of {id}").as_str())
            );
        }
        assert!(store.read(&ctx(), &of()).unwrap().unwrap().deleted);
        whole(store);
    }
}

#[test]
fn what_arrived_since_it_was_listed_is_not_decided_about() {
    let [store, _] = two();
    let entry = store.conflict(&ctx(), &of()).unwrap().unwrap();
    let third = made(3, observation(&["c"], "of c"));
    sync(&third, &store);
    let resolve = |listed: &VersionId, choice: Choice| Write::Resolve {
        key: of(),
        path: COLLISION_PATH.into(),
        listed: listed.clone(),
        choice,
    };
    let refused = store.commit(&ctx(), vec![resolve(&entry.version, Choice::Pick(0))]);
    assert!(matches!(
        refused,
        Err(CommitError::Refused {
            refusal: Refusal::VersionMismatch { .. },
            ..
        })
    ));
    let entry = store.conflict(&ctx(), &of()).unwrap().unwrap();
    assert_eq!(entry.items[0].values.len(), 3);
    for choice in [Choice::Pick(3), Choice::Remove, Choice::Value(json!({}))] {
        assert!(
            store
                .commit(&ctx(), vec![resolve(&entry.version, choice)])
                .is_err()
        );
    }
    assert_eq!(notes(&store).len(), 3);
    decide(&store, "c").unwrap();
    assert_eq!(notes(&store), ["of c"]);
    assert_eq!(store.keys().unwrap().len(), 3);
    whole(&store);
}

#[test]
fn a_record_with_a_conflict_within_is_decided_before_it_is_told_apart() {
    let [one, other] = two();
    for (store, status) in [(&one, "amended"), (&other, "corrected")] {
        let of_b = found(store, "patient=b").remove(0);
        let mut json = observation(&["b"], "of b");
        json.as_object_mut()
            .unwrap()
            .insert("status".into(), json!(status));
        let write = Write::Put {
            key: of(),
            json,
            base: Base::Version(of_b.version),
            resolution: false,
        };
        store.commit(&ctx(), vec![write]).unwrap();
    }
    sync(&other, &one);
    let entry = one.conflict(&ctx(), &of()).unwrap().unwrap();
    assert_ne!(entry.items[0].path, COLLISION_PATH);
    let resolve = Write::Resolve {
        key: of(),
        path: entry.items[0].path.clone(),
        listed: entry.version,
        choice: Choice::Pick(0),
    };
    one.commit(&ctx(), vec![resolve]).unwrap();
    decide(&one, "a").unwrap();
    let of_b = found(&one, "patient=b").remove(0);
    assert_eq!((of_b.conflicts, note(&of_b.json)), (0, "of b"));
    whole(&one);
}

#[test]
fn one_that_was_ever_labelled_is_so_under_its_own_id_too() {
    let a = made(1, observation(&["a"], "of a"));
    let b = made(2, labelled(observation(&["b"], "the secret"), "HIV"));
    let removed = Write::SetRemove {
        key: of(),
        path: "meta.security".into(),
        value: json!({"system": CLASS_SYSTEM, "code": "HIV"}),
    };
    b.commit(&ctx(), vec![removed]).unwrap();
    sync(&b, &a);
    let none = ScopeFilter {
        clearance: Clearance::Only(BTreeSet::new()),
        ..ScopeFilter::all()
    };
    let given = a.signed_changes_given(&of(), 0, u64::MAX, &none).unwrap();
    assert_eq!(
        given.len(),
        1,
        "the label of one keeps the other back, or neither"
    );
    let seen = a
        .read_admitted(&ctx(), &of(), &Which::Key, &|classes| classes.is_empty())
        .unwrap()
        .unwrap();
    assert_eq!(note(&seen.json), "of a");
    decide(&a, "a").unwrap();
    let of_b = found(&a, "patient=b").remove(0);
    assert_eq!(of_b.classes, Classes::from_iter(["HIV"]));
    whole(&a);
}

/// Somebody else may have written under the id that one is to get.
#[test]
fn what_stands_under_the_new_id_already_is_neither_taken_for_the_copy_nor_changed() {
    let [one, other] = two();
    decide(&one, "a").unwrap();
    let copy = found(&one, "patient=b").remove(0).key;
    let squat = |json: Json| {
        let mut json = json;
        json.as_object_mut()
            .unwrap()
            .insert("id".into(), Json::from(copy.id()));
        put(json)
    };
    for (n, squatted) in [observation(&["m"], "of m"), observation(&["b"], "another of b")]
        .into_iter()
        .enumerate()
    {
        let (store, _) = memory_store(40 + n as u8);
        sync(&other, &store);
        store.commit(&ctx(), vec![squat(squatted.clone())]).unwrap();
        decide(&store, "a").unwrap();
        let kept = found(&store, "patient=b");
        assert!(kept.iter().any(|found| note(&found.json) == "of b"), "it is lost");
        let there = store.read(&ctx(), &copy).unwrap().unwrap();
        assert_eq!(note(&there.json), note(&squatted));
        whole(&store);
    }
}
