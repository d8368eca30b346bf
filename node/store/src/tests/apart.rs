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
    // One that is alone has nothing to be told apart from.
    let alone = made(4, observation(&["a"], "of a"));
    let version = alone.read(&ctx(), &of()).unwrap().unwrap().version;
    let refused = alone.commit(&ctx(), vec![resolve(&version, Choice::Pick(0))]);
    assert!(matches!(
        refused,
        Err(CommitError::Refused {
            refusal: Refusal::Invalid(_),
            ..
        })
    ));
    assert!(alone.conflict(&ctx(), &of()).unwrap().is_none());
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
    let early = Write::Resolve {
        key: of(),
        path: COLLISION_PATH.into(),
        listed: VersionId::of(&one.heads(&of()).unwrap()),
        choice: Choice::Pick(0),
    };
    let refused = one.commit(&ctx(), vec![early]).unwrap_err();
    let open = entry.items[0].path.clone();
    assert!(
        matches!(&refused, CommitError::Refused { refusal: Refusal::Conflicted { path }, .. } if *path == open),
        "{refused:?}"
    );
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

/// Where the other node has decided already, and of what it wrote the new record came first.
#[test]
fn a_copy_that_another_node_made_is_taken_for_the_copy() {
    let [one, other] = two();
    let made = decide(&one, "a").unwrap().apart.remove(0);
    // The id is the same on every node, of every version of Chaski: what this test names stands in records.
    assert_eq!(made.id(), "dc9ac024-6301-8cbf-b328-18094a311541");
    let peer = one.node().unwrap();
    let copy = vec![(made.clone(), one.signed_changes(&made).unwrap())];
    other.apply_remote(&ctx(), &peer, copy, None).unwrap();
    assert_eq!(decide(&other, "a").unwrap().apart, std::slice::from_ref(&made));
    assert_eq!(other.keys().unwrap().len(), 2);
    assert_eq!(other.authored(&made).unwrap().len(), 1);
    // A copy that was deleted since is none: what is told apart now must stand somewhere.
    let (third, _) = memory_store(5);
    let [a, _] = two();
    sync(&a, &third);
    let delete = Write::Delete {
        key: made.clone(),
        base: Base::Current,
    };
    one.commit(&ctx(), vec![delete]).unwrap();
    let gone = vec![(made.clone(), one.signed_changes(&made).unwrap())];
    third.apply_remote(&ctx(), &peer, gone, None).unwrap();
    let anew = decide(&third, "a").unwrap().apart.remove(0);
    assert_ne!(anew, made);
    assert_eq!(note(&third.read(&ctx(), &anew).unwrap().unwrap().json), "of b");
    for store in [&one, &other, &third] {
        whole(store);
    }
}

/// The copy bears every label that the record ever had, which the record itself no longer shows.
#[test]
fn a_copy_of_what_was_labelled_once_is_taken_for_the_copy_too() {
    let a = made(1, observation(&["a"], "of a"));
    let b = made(2, labelled(observation(&["b"], "the secret"), "HIV"));
    let removed = Write::SetRemove {
        key: of(),
        path: "meta.security".into(),
        value: json!({"system": CLASS_SYSTEM, "code": "HIV"}),
    };
    b.commit(&ctx(), vec![removed]).unwrap();
    sync(&b, &a);
    sync(&a, &b);
    let copy = decide(&a, "a").unwrap().apart.remove(0);
    let changes = vec![(copy.clone(), a.signed_changes(&copy).unwrap())];
    b.apply_remote(&ctx(), &a.node().unwrap(), changes, None).unwrap();
    assert_eq!(decide(&b, "a").unwrap().apart, [copy]);
    assert_eq!(b.keys().unwrap().len(), 2);
    whole(&b);
}

#[test]
fn a_label_that_stands_goes_with_the_copy_once_and_what_was_written_is_entered() {
    let a = made(1, observation(&["a"], "of a"));
    sync(&made(2, labelled(observation(&["b"], "the secret"), "HIV")), &a);
    let copy = decide(&a, "a").unwrap().apart.remove(0);
    let json = a.read(&ctx(), &copy).unwrap().unwrap().json;
    let labels = json.pointer("/meta/security").unwrap();
    assert_eq!(labels, &json!([{"system": CLASS_SYSTEM, "code": "HIV"}]));
    let log = a.audit_list(None, 100).unwrap().entries;
    let entered = |action: &str, key: &RecordKey| {
        let of = |entry: &&AuditEntry| entry.action == action && entry.targets.contains(key);
        log.iter().filter(of).count()
    };
    assert_eq!(
        (
            entered("record_create", &copy),
            entered("conflict_resolve", &of())
        ),
        (1, 1)
    );
    whole(&a);
}

/// One that began as everybody's and is a patient's by now can be told apart too: it goes to that patient alone.
#[test]
fn what_began_as_everybodys_goes_to_the_patient_whom_it_names() {
    let device = |patient: Option<&str>, name: &str| {
        let mut json = json!({"resourceType": "Device", "id": "d", "distinctIdentifier": name});
        if let Some(patient) = patient {
            let reference = json!({"reference": format!("Patient/{patient}")});
            json.as_object_mut().unwrap().insert("patient".into(), reference);
        }
        json
    };
    let of = key("Device/d");
    for later in [None, Some("z")] {
        let store = made(1, device(None, "everybody's"));
        if let Some(patient) = later {
            store
                .commit(&ctx(), vec![put(device(Some(patient), "everybody's"))])
                .unwrap();
        }
        sync(&made(2, device(Some("b"), "of b")), &store);
        let entry = store.conflict(&ctx(), &of).unwrap().unwrap();
        let name = |json: &Json| {
            json.get("distinctIdentifier")
                .and_then(Json::as_str)
                .map(str::to_owned)
        };
        let sides = entry.items[0].values.iter();
        let names: Vec<_> = sides
            .map(|side| name(side.value.as_ref().unwrap()).unwrap())
            .collect();
        let picked = names.iter().position(|name| name == "of b").unwrap();
        let copy = store.commit(&ctx(), vec![pick(&store, &of, picked)]).unwrap()[0].apart[0].clone();
        let kept = store.read(&ctx(), &of).unwrap().unwrap().json;
        assert_eq!(name(&kept).unwrap(), "of b");
        let filing = store.filing_of(&copy).unwrap().unwrap();
        let expected = later.map_or(Compartment::Shared, |id| Compartment::Patient(id.into()));
        assert_eq!(filing.compartments, [expected]);
        whole(&store);
    }
}

/// In one group somebody writes one of them, and another decides on what he had read before.
#[test]
fn a_decision_that_comes_too_late_leaves_nothing_half_done() {
    let [store, _] = two();
    let entry = store.conflict(&ctx(), &of()).unwrap().unwrap();
    let edit = |patient: &str| Write::Put {
        key: of(),
        json: observation(&[patient], "written meanwhile"),
        base: Base::Version(found(&store, &format!("patient={patient}")).remove(0).version),
        resolution: false,
    };
    let resolve = Write::Resolve {
        key: of(),
        path: COLLISION_PATH.into(),
        listed: entry.version,
        choice: Choice::Pick(0),
    };
    let of_first = |side: &ConflictSide| note(side.value.as_ref().unwrap()) == "of a";
    let other = if of_first(&entry.items[0].values[0]) {
        "b"
    } else {
        "a"
    };
    let written = store.commit_bulk(&ctx(), vec![edit(other), resolve]);
    assert!(written[0].is_ok() && written[1].is_err(), "{written:?}");
    assert_eq!(store.keys().unwrap(), [of()], "a copy was left behind");
    assert_eq!(notes(&store).len(), 2);
    whole(&store);
}

fn pick(store: &Store, key: &RecordKey, at: usize) -> Write {
    let entry = store.conflict(&ctx(), key).unwrap().unwrap();
    Write::Resolve {
        key: key.clone(),
        path: COLLISION_PATH.into(),
        listed: entry.version,
        choice: Choice::Pick(at),
    }
}

/// Two people decide at once, or one of the records is written meanwhile: whoever comes second has not seen that.
#[test]
fn a_decision_holds_for_all_that_it_was_about_or_not_at_all() {
    let is_late = |written: &Result<Written, CommitError>| {
        matches!(
            written,
            Err(CommitError::Refused {
                refusal: Refusal::VersionMismatch { .. },
                ..
            })
        )
    };
    for (first, second) in [(0, 1), (1, 0), (0, 0)] {
        let [store, _] = two();
        let writes = vec![pick(&store, &of(), first), pick(&store, &of(), second)];
        let written = store.commit_bulk(&ctx(), writes);
        assert!(written[0].is_ok() && is_late(&written[1]), "{written:?}");
        assert_eq!((notes(&store).len(), store.keys().unwrap().len()), (1, 2));
        whole(&store);
    }
    for is_deleted in [false, true] {
        let [store, _] = two();
        let decision = pick(&store, &of(), 0);
        let base = Base::IfMatch(found(&store, "patient=a").remove(0).version);
        let meanwhile = match is_deleted {
            true => Write::Delete { key: of(), base },
            false => Write::Put {
                key: of(),
                json: observation(&["a"], "changed"),
                base,
                resolution: false,
            },
        };
        let written = store.commit_bulk(&ctx(), vec![meanwhile, decision]);
        assert!(written[0].is_ok() && is_late(&written[1]), "{written:?}");
        assert_eq!(store.keys().unwrap(), [of()]);
        assert!(!store.read(&ctx(), &of()).unwrap().unwrap().deleted);
        whole(&store);
    }
}

/// One node decides while another, cut off, edits the record that loses the id.
#[test]
fn what_was_said_of_a_record_after_it_was_copied_is_told_to_the_copy() {
    let [one, other] = two();
    let copy = decide(&one, "a").unwrap().apart.remove(0);
    let edit = |store: &Store, key: &RecordKey, element: &str| {
        let read = found(store, "patient=b");
        let read = read.into_iter().find(|one| one.key == *key).unwrap();
        let mut json = read.json;
        let value = json!([{"text": format!("{element} said later")}]);
        json.as_object_mut().unwrap().insert(element.into(), value);
        let write = Write::Put {
            key: key.clone(),
            json,
            base: Base::Version(read.version),
            resolution: false,
        };
        store.commit(&ctx(), vec![write]).unwrap();
    };
    edit(&other, &of(), "category");
    edit(&one, &copy, "method");
    sync(&one, &other);
    sync(&other, &one);
    let entry = one.conflict(&ctx(), &of()).unwrap().unwrap();
    let alive = entry.items[0].values.iter().position(|side| side.value.is_some());
    let back = Write::Resolve {
        key: of(),
        path: entry.items[0].path.clone(),
        listed: entry.version,
        choice: Choice::Pick(alive.unwrap()),
    };
    one.commit(&ctx(), vec![back]).unwrap();
    assert_eq!(decide(&one, "a").unwrap().apart, std::slice::from_ref(&copy));
    let of_b = found(&one, "patient=b");
    assert_eq!(of_b.len(), 1, "b has it twice, as two orders would stand");
    let says = |element: &str| of_b[0].json.get(element).is_some();
    assert!(of_b[0].key == copy && says("category") && says("method") && says("note"));
    assert_eq!(of_b[0].conflicts, 0);
    sync(&one, &other);
    assert_eq!(found(&other, "patient=b").len(), 1);
    for store in [&one, &other] {
        whole(store);
    }
}

/// Whoever knows how an id follows from a record can write there first.
#[test]
fn nobody_takes_the_copy_of_a_record_for_himself_or_keeps_it_from_being_made() {
    let say = |key: &RecordKey, patient: &str, class: Option<&str>| {
        let mut json = observation(&[patient], "of b");
        json.as_object_mut()
            .unwrap()
            .insert("id".into(), Json::from(key.id()));
        match class {
            Some(class) => put(labelled(json, class)),
            None => put(json),
        }
    };
    let [known, _] = two();
    let id = decide(&known, "a").unwrap().apart.remove(0);
    let [store, _] = two();
    // It looks like the copy, and others hold it, or some who hold b's may not; or it waits for a person.
    for (seed, steps, is_bared) in [
        (9, vec![("b", None), ("z", None), ("b", None)], false),
        (10, vec![("b", None), ("b", Some("HIV"))], true),
        (
            11,
            vec![("b", None), ("z", Some("HIV")), ("b", Some("HIV"))],
            true,
        ),
    ] {
        let (liar, _) = memory_store(seed);
        for (patient, class) in steps {
            liar.commit(&ctx(), vec![say(&id, patient, class)]).unwrap();
        }
        if is_bared {
            let bare = Write::SetRemove {
                key: id.clone(),
                path: "meta.security".into(),
                value: json!({"system": CLASS_SYSTEM, "code": "HIV"}),
            };
            liar.commit(&ctx(), vec![bare]).unwrap();
        }
        let [store, _] = two();
        sync(&liar, &store);
        let copy = decide(&store, "a").unwrap().apart.remove(0);
        assert_ne!(copy, id, "{seed}");
        let filing = store.filing_of(&copy).unwrap().unwrap();
        assert_eq!(filing.compartments, [Compartment::Patient("b".into())]);
        assert!(filing.classes.is_empty());
        whole(&store);
    }
    for collides in [false, true] {
        let [known, _] = two();
        decide(&known, "a").unwrap();
        let peer = known.node().unwrap();
        let copied = vec![(id.clone(), known.signed_changes(&id).unwrap())];
        store.apply_remote(&ctx(), &peer, copied, None).unwrap();
        let (other, _) = memory_store(12);
        if collides {
            other.commit(&ctx(), vec![say(&id, "m", None)]).unwrap();
        } else {
            sync(&known, &other);
            let base = Base::Version(known.read(&ctx(), &id).unwrap().unwrap().version);
            for (at, status) in [(&known, "amended"), (&other, "corrected")] {
                let mut json = observation(&["b"], "of b");
                let members = json.as_object_mut().unwrap();
                members.insert("id".into(), Json::from(id.id()));
                members.insert("status".into(), json!(status));
                let put = Write::Put {
                    key: id.clone(),
                    json,
                    base: base.clone(),
                    resolution: false,
                };
                at.commit(&ctx(), vec![put]).unwrap();
            }
        }
        let [store, _] = two();
        for from in [&known, &other] {
            let changes = vec![(id.clone(), from.signed_changes(&id).unwrap())];
            store
                .apply_remote(&ctx(), &from.node().unwrap(), changes, None)
                .unwrap();
        }
        let there = store.read(&ctx(), &id).unwrap().unwrap();
        assert_eq!((there.collides, there.conflicts > 0), (collides, !collides));
        assert_ne!(decide(&store, "a").unwrap().apart[0], id);
        whole(&store);
    }
    // All that are tried are taken.
    let [store, _] = two();
    let entry = store.conflict(&ctx(), &of()).unwrap().unwrap();
    assert_eq!(entry.items[0].values.len(), 2);
    let squats = crate::write::own_ids(&store, &of(), "b");
    let squats: Vec<Write> = squats.iter().map(|key| say(key, "z", None)).collect();
    assert_eq!(squats.len(), 64);
    store.commit(&ctx(), squats).unwrap();
    let copy = decide(&store, "a").unwrap().apart.remove(0);
    assert_eq!(note(&store.read(&ctx(), &copy).unwrap().unwrap().json), "of b");
    assert_eq!(found(&store, "patient=b").len(), 1);
    whole(&store);
}

/// Of the copy, what it says now counts, not how the record began: two that decide alike make one.
#[test]
fn one_that_was_given_to_another_patient_and_a_patient_are_copied_once_too() {
    let [one, other] = two();
    let of_b = found(&one, "patient=b").remove(0);
    let moved = Write::Put {
        key: of(),
        json: observation(&["c"], "of b"),
        base: Base::IfMatch(of_b.version),
        resolution: false,
    };
    one.commit(&ctx(), vec![moved]).unwrap();
    sync(&one, &other);
    let patient = |linked: Option<&str>| {
        let mut json = json!({"resourceType": "Patient", "id": "p", "gender": "female"});
        if let Some(id) = linked {
            let link = json!([{"other": {"reference": format!("Patient/{id}")}, "type": "seealso"}]);
            json.as_object_mut().unwrap().insert("link".into(), link);
        }
        json
    };
    let [p_one, p_other] = [made(1, patient(None)), made(2, patient(Some("q")))];
    sync(&p_one, &p_other);
    sync(&p_other, &p_one);
    for (one, other, key) in [(&one, &other, of()), (&p_one, &p_other, key("Patient/p"))] {
        let written = one.commit(&ctx(), vec![pick(one, &key, 0)]).unwrap();
        let copy = written[0].apart[0].clone();
        // The copy comes first, and the end of the other not yet.
        let changes = vec![(copy.clone(), one.signed_changes(&copy).unwrap())];
        other
            .apply_remote(&ctx(), &one.node().unwrap(), changes, None)
            .unwrap();
        let written = other.commit(&ctx(), vec![pick(other, &key, 0)]).unwrap();
        assert_eq!(written[0].apart, [copy]);
        sync(one, other);
        sync(other, one);
        assert_eq!(one.keys().unwrap().len(), 2);
        whole(one);
        whole(other);
    }
}
