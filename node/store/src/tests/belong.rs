//! Which record of a key a change, a write or a read is about, at the edges of the rule.

use chaski_json::{Json, json};

use super::lineage::{found, made, note, notes, observation, of, two, whole};
use crate::{present::COLLISION_PATH, testing::*, *};

fn delete(store: &Store, base: Base) {
    let write = Write::Delete { key: of(), base };
    store.commit(&ctx(), vec![write]).unwrap();
}

fn version_of(store: &Store, patient: &str) -> VersionId {
    found(store, &format!("patient={patient}")).remove(0).version
}

#[test]
fn a_patient_who_is_linked_with_himself_is_the_one_who_names_nobody() {
    let plain = made(
        1,
        json!({"resourceType": "Patient", "id": "p", "gender": "female"}),
    );
    let linked = json!({"resourceType": "Patient", "id": "p", "birthDate": "1990",
        "link": [{"other": {"reference": "Patient/p"}, "type": "seealso"}]});
    sync(&made(2, linked), &plain);
    let read = plain.read(&ctx(), &key("Patient/p")).unwrap().unwrap();
    assert!(!read.collides && plain.heads(&key("Patient/p")).unwrap().len() == 2);
    let has = |name: &str| read.json.get(name).is_some();
    assert!(has("gender") && has("birthDate") && has("link"));
    whole(&plain);
}

#[test]
fn what_was_filed_under_nobody_is_taken_on_by_the_patient_who_is_named_next() {
    let store = made(1, observation(&[], "of nobody yet"));
    let unread = Write::Put {
        key: of(),
        json: observation(&["a"], "of a"),
        base: Base::OfPatient,
        resolution: false,
    };
    store.commit(&ctx(), vec![unread]).unwrap();
    assert_eq!(notes(&store), ["of a"]);
    // Begun at two nodes, they are two all the same, and of what belongs to a patient none is plain.
    let nobodys = made(2, observation(&[], "of nobody"));
    sync(&made(3, observation(&["a"], "of a")), &nobodys);
    assert_eq!(notes(&nobodys).len(), 2);
    assert!(nobodys.read(&ctx(), &of()).unwrap().unwrap().is_ambiguous);
    whole(&nobodys);
}

/// Three of one id, of which some are deleted, in each order in which they can lie.
#[test]
fn the_deleted_are_neither_chosen_nor_asked_about_while_another_stands() {
    for (gone, left) in [("a", ["b", "c"]), ("b", ["a", "c"]), ("c", ["a", "b"])] {
        let store = made(1, observation(&["a"], "of a"));
        for (seed, id) in [(2, "b"), (3, "c")] {
            sync(&made(seed, observation(&[id], &format!("of {id}"))), &store);
        }
        delete(&store, Base::Version(version_of(&store, gone)));
        let read = store.read(&ctx(), &of()).unwrap().unwrap();
        assert!(read.is_ambiguous && !read.deleted, "{gone} is deleted");
        assert_ne!(note(&read.json), format!("of {gone}"));
        let entry = store.conflict(&ctx(), &of()).unwrap().unwrap();
        assert_eq!(
            (entry.items[0].path.as_str(), entry.items[0].values.len()),
            (COLLISION_PATH, 2)
        );
        // What the id stands for is told when one is left, and its end when none is.
        let told = || {
            let page = store
                .history(&ctx(), &HistoryOf::Record(of()), None, None, 10)
                .unwrap();
            let told = page
                .entries
                .iter()
                .map(|one| one.json.as_ref().map(|json| note(json).to_owned()));
            told.collect::<Vec<_>>()
        };
        assert!(told().len() == 3 && told().iter().all(Option::is_some));
        delete(&store, Base::Version(version_of(&store, left[0])));
        let read = store.read(&ctx(), &of()).unwrap().unwrap();
        assert!(!read.is_ambiguous && !read.collides);
        assert_eq!(note(&read.json), format!("of {}", left[1]));
        assert_eq!((told().len(), &told()[0]), (4, &Some(format!("of {}", left[1]))));
        // Of those that are all deleted the last one tells when.
        delete(&store, Base::Version(version_of(&store, left[1])));
        let ends = |id: &str| {
            let which = Which::Patient(id);
            store
                .read_admitted(&ctx(), &of(), &which, &|_| true)
                .unwrap()
                .unwrap()
        };
        let read = store.read(&ctx(), &of()).unwrap().unwrap();
        assert!(read.deleted && read.version == ends(left[1]).version);
        assert_eq!((told().len(), &told()[0]), (5, &None));
        whole(&store);
    }
}

#[test]
fn a_change_that_follows_two_of_one_record_is_its_own_while_another_stands_beside() {
    let [a, b] = two();
    let base = Base::Version(version_of(&a, "a"));
    let write = |store: &Store, base: Base, note: &str| {
        let json = observation(&["a"], note);
        let put = Write::Put {
            key: of(),
            json,
            base,
            resolution: false,
        };
        store.commit(&ctx(), vec![put]).unwrap();
    };
    write(&a, base.clone(), "said here");
    write(&b, base, "said there");
    sync(&b, &a);
    let both = version_of(&a, "a");
    write(&a, Base::Version(both.clone()), "said knowing both");
    sync(&a, &b);
    for store in [&a, &b] {
        assert_eq!(store.stats().unwrap().quarantined, 0);
        assert_eq!(note(&found(store, "patient=a")[0].json), "said knowing both");
        whole(store);
    }
    // What was current with both is a version of that record, though no change is it.
    let which = Which::Version(&both);
    let read = a
        .read_admitted(&ctx(), &of(), &which, &|_| true)
        .unwrap()
        .unwrap();
    assert_eq!(note(&read.json), "said knowing both");
    let then = a.read_version(&ctx(), &of(), &both).unwrap().unwrap();
    assert_eq!(then.version, both);
    assert_eq!(
        then.json.pointer("/subject/reference").and_then(Json::as_str),
        Some("Patient/a")
    );
    let none = VersionId::of(&[]);
    assert!(a.read_version(&ctx(), &of(), &none).unwrap().is_none());
}

/// What one write of a group does to the rows beside it is known to the next, which was made before.
#[test]
fn one_begins_beside_another_that_is_written_in_the_same_group() {
    for turn in [[0, 1], [1, 0]] {
        let store = made(1, observation(&["a"], "of a"));
        let writes = [
            Write::Put {
                key: of(),
                json: observation(&["b"], "of b"),
                base: Base::OfPatient,
                resolution: false,
            },
            Write::Put {
                key: of(),
                json: observation(&["a"], "of a, changed"),
                base: Base::Version(version_of(&store, "a")),
                resolution: false,
            },
        ];
        let written = store.commit_bulk(&ctx(), turn.map(|at| writes[at].clone()).to_vec());
        assert!(written.iter().all(Result::is_ok), "{written:?}");
        assert_eq!(notes(&store), ["of a, changed", "of b"]);
        assert!(found(&store, "").iter().all(|one| one.collides));
        assert_eq!(store.stats().unwrap().conflicted_records, 1);
        whole(&store);
    }
}

/// A text of so many bytes that cannot be made smaller.
fn noise(bytes: usize, seed: u64) -> String {
    use rand::{Rng as _, SeedableRng as _};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    (0..bytes)
        .map(|_| char::from(random.random_range(33..=126_u8)))
        .collect()
}

/// A record that outgrows its row is refused to who writes it, and of a peer's changes only those that it outgrew with.
#[test]
fn a_record_larger_than_its_row_may_be_stops_nothing_else() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    let version = |store: &Store| store.read(&ctx(), &of()).unwrap().unwrap().version;
    let put_at = |text: &str, base: Base| Write::Put {
        key: of(),
        json: observation(&["a"], text),
        base,
        resolution: false,
    };
    a.commit(&ctx(), vec![put(observation(&["a"], "begun"))]).unwrap();
    sync(&a, &b);
    let begun = version(&a);
    let mut refused = None;
    for (store, seed) in [(&a, 100), (&b, 200)] {
        for turn in 0..8 {
            let large = put_at(&noise(900_000, seed + turn), Base::Version(version(store)));
            if let Err(error) = store.commit(&ctx(), vec![large]) {
                refused = Some((turn, error));
                break;
            }
        }
    }
    let (turn, error) = refused.expect("so much fits in no row");
    let is_large = matches!(
        error,
        CommitError::Refused {
            refusal: Refusal::TooLarge,
            ..
        }
    );
    assert!(is_large && turn > 3, "after {turn}: {error:?}");
    let held = version(&a);
    assert_ne!(held, begun);
    b.commit(
        &ctx(),
        vec![put(json!({"resourceType": "Basic", "id": "with-it"}))],
    )
    .unwrap();
    // Together they are too much for the one who has half of them already.
    let report = sync(&b, &a);
    assert!(!report.quarantined.is_empty() && report.quarantined.iter().all(|item| item.key == of()));
    assert_eq!(
        version(&a),
        held,
        "what was held already is set aside with what came"
    );
    assert!(a.read(&ctx(), &key("Basic/with-it")).unwrap().is_some());
    let again = sync(&b, &a);
    assert_eq!(again.records, 0);
    whole(&a);
    whole(&b);
}

/// What all share was with everybody, however many began it, and stays there when it is given to somebody.
#[test]
fn what_two_began_for_everybody_stays_with_everybody() {
    let device = |name: &str| json!({"resourceType": "Device", "id": "d", "distinctIdentifier": name});
    let [one, other] = [made(1, device("x")), made(2, device("x"))];
    sync(&other, &one);
    assert_eq!(one.heads(&key("Device/d")).unwrap().len(), 2);
    let mut given = device("x");
    let patient = json!({"reference": "Patient/z"});
    given.as_object_mut().unwrap().insert("patient".into(), patient);
    one.commit(&ctx(), vec![put(given)]).unwrap();
    let filing = one.filing_of(&key("Device/d")).unwrap().unwrap();
    let mut expected = [Compartment::Patient("z".into()), Compartment::Shared];
    expected.sort_unstable();
    let mut filed = filing.compartments;
    filed.sort_unstable();
    assert_eq!(filed, expected);
    whole(&one);
}

#[test]
fn a_conflict_within_what_is_kept_back_is_told_to_who_is_cleared_alone() {
    let a = made(1, super::lineage::labelled(observation(&["a"], "begun"), "HIV"));
    let (b, _) = memory_store(2);
    sync(&a, &b);
    let base = Base::Version(version_of(&a, "a"));
    for (store, status) in [(&a, "amended"), (&b, "corrected")] {
        let mut json = super::lineage::labelled(observation(&["a"], "begun"), "HIV");
        json.as_object_mut()
            .unwrap()
            .insert("status".into(), json!(status));
        let put = Write::Put {
            key: of(),
            json,
            base: base.clone(),
            resolution: false,
        };
        store.commit(&ctx(), vec![put]).unwrap();
    }
    sync(&b, &a);
    let listed = |admits: Admits<'_>| {
        let page = a.conflicts_admitted(&ctx(), None, 10, admits).unwrap();
        let one = a.conflict_admitted(&ctx(), &of(), admits).unwrap();
        assert_eq!(page.entries.len(), usize::from(one.is_some()));
        one.is_some()
    };
    assert!(listed(&|_| true) && !listed(&|classes| classes.is_empty()));
}

/// What was told as one of several of its id is never another of them.
#[test]
fn one_of_several_is_the_one_that_names_exactly_these_patients() {
    let store = made(1, observation(&["a"], "of a"));
    let say = |patients: &[&str], note: &str| {
        let put = Write::Put {
            key: of(),
            json: observation(patients, note),
            base: Base::OneOfSeveral,
            resolution: false,
        };
        store.commit(&ctx(), vec![put]).unwrap();
        let mut notes = notes(&store);
        notes.sort();
        notes
    };
    assert_eq!(say(&["a", "c"], "of both"), ["of a", "of both"]);
    assert_eq!(say(&["a"], "of a, anew"), ["of a, anew", "of both"]);
    assert_eq!(say(&["b"], "of b"), ["of a, anew", "of b", "of both"]);
    // One that was given to somebody else is known by whom it names now, and by whom it named when it began.
    let moved = Write::Put {
        key: of(),
        json: observation(&["d"], "of d"),
        base: Base::Version(version_of(&store, "b")),
        resolution: false,
    };
    store.commit(&ctx(), vec![moved]).unwrap();
    assert_eq!(say(&["d"], "of d, anew"), ["of a, anew", "of both", "of d, anew"]);
    assert_eq!(say(&["b"], "of b again"), ["of a, anew", "of b again", "of both"]);
    for read in found(&store, "") {
        assert!(is_one_of_several(&read.json));
    }
    whole(&store);
    let [alone, other] = [made(2, observation(&["a"], "x")), memory_store(3).0];
    sync(&alone, &other);
    let base = Base::Version(version_of(&alone, "a"));
    for (at, status) in [(&alone, "amended"), (&other, "corrected")] {
        let mut json = observation(&["a"], "x");
        json.as_object_mut()
            .unwrap()
            .insert("status".into(), json!(status));
        let put = Write::Put {
            key: of(),
            json,
            base: base.clone(),
            resolution: false,
        };
        at.commit(&ctx(), vec![put]).unwrap();
    }
    sync(&other, &alone);
    let disputed = alone.read(&ctx(), &of()).unwrap().unwrap();
    assert!(disputed.conflicts > 0 && !is_one_of_several(&disputed.json));
    let foreign = json!({"meta": {"extension": [{"url": "urn:other",
        "extension": [{"url": "path", "valueString": COLLISION_PATH}]}]}});
    assert!(!is_one_of_several(&foreign));
}

/// Whoever is not cleared for a record is told that there is none, whatever they would do to it.
#[test]
fn what_is_kept_back_from_the_writer_is_not_written() {
    let labelled = |json: Json| super::lineage::labelled(json, "HIV");
    let store = made(1, labelled(observation(&["a"], "the secret")));
    let version = store.read(&ctx(), &of()).unwrap().unwrap().version;
    let write = |base: Base| Write::Put {
        key: of(),
        json: observation(&["a"], "written over"),
        base,
        resolution: false,
    };
    let none = Clearance::Only([].into());
    let refused = |store: &Store, write: Write| {
        let done = store.commit_cleared(&ctx(), &none, vec![write.clone()]);
        let is_none = |done: &CommitError| {
            matches!(
                done,
                CommitError::Refused {
                    refusal: Refusal::NotFound,
                    ..
                }
            )
        };
        assert!(done.as_ref().is_err_and(is_none), "{done:?}");
        let bulk = store.commit_bulk_cleared(&ctx(), &none, vec![write]);
        assert!(bulk[0].as_ref().is_err_and(is_none), "{bulk:?}");
    };
    for base in [
        Base::Current,
        Base::OfPatient,
        Base::OneOfSeveral,
        Base::Version(version.clone()),
    ] {
        refused(&store, write(base));
    }
    refused(
        &store,
        Write::Delete {
            key: of(),
            base: Base::IfMatch(version),
        },
    );
    assert_eq!(notes(&store), ["the secret"]);
    sync(&made(2, observation(&["b"], "of b")), &store);
    let entry = store.conflict(&ctx(), &of()).unwrap().unwrap();
    let decision = Write::Resolve {
        key: of(),
        path: COLLISION_PATH.into(),
        listed: entry.version,
        choice: Choice::Pick(0),
    };
    refused(&store, decision.clone());
    assert_eq!(notes(&store).len(), 2);
    let cleared = Clearance::Only(["HIV".to_owned()].into());
    store.commit_cleared(&ctx(), &cleared, vec![decision]).unwrap();
    assert_eq!(notes(&store).len(), 1);
    whole(&store);
}
