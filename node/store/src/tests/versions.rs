//! Older versions, and who wrote the newest: by what was written, not by what happened to arrive.

use std::sync::Arc;

use crate::{testing::*, *};

fn said(id: &str, value: &str) -> Write {
    put(json(&format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"x"}},"valueString":"{value}"}}"#
    )))
}

fn value(json: &chaski_json::Json) -> Option<&str> {
    json.get("valueString").and_then(|value| value.as_str())
}

fn version(store: &Store, of: &RecordKey) -> VersionId {
    store.read(&ctx(), of).unwrap().unwrap().version
}

#[test]
fn a_version_that_was_never_current_here_is_read_as_its_author_wrote_it() {
    let (a, env) = memory_store(1);
    let (b, _) = memory_store(2);
    let of = key("Observation/o");
    let mut wrote = Vec::new();
    for text in ["one", "two", "three"] {
        a.commit(&ctx(), vec![said("o", text)]).unwrap();
        wrote.push((version(&a, &of), a.newest_by(&of).unwrap().unwrap().time_ms, text));
        env.advance(60_000);
    }
    a.commit(&ctx(), vec![said("p", "other")]).unwrap();
    sync(&a, &b);
    for (version, authored_ms, text) in &wrote {
        let then = b.read_version(&ctx(), &of, version).unwrap().unwrap();
        assert_eq!(
            (value(&then.json), then.deleted, then.conflicts),
            (Some(*text), false, 0)
        );
        assert_eq!((&then.version, &then.key), (version, &of));
        if *text != "three" {
            assert_eq!(then.last_updated_ms, *authored_ms, "{text}");
        }
        let stamped = then.json.pointer("/meta/versionId").and_then(|id| id.as_str());
        assert_eq!(stamped, Some(version.as_str()));
        // Of another record, or of none, it is no version.
        for other in ["Observation/p", "Observation/none"] {
            assert_eq!(b.read_version(&ctx(), &key(other), version).unwrap(), None);
        }
    }
    let others = version(&b, &key("Observation/p"));
    assert_eq!(b.read_version(&ctx(), &of, &others).unwrap(), None);
}

#[test]
fn a_version_in_conflict_stays_one_when_it_is_read_later() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    let of = key("Observation/o");
    a.commit(&ctx(), vec![said("o", "none")]).unwrap();
    sync(&a, &b);
    let before = version(&a, &of);
    a.commit(&ctx(), vec![said("o", "quiet")]).unwrap();
    b.commit(&ctx(), vec![said("o", "restless")]).unwrap();
    sync(&b, &a);
    let disputed = a.read(&ctx(), &of).unwrap().unwrap();
    assert_eq!(disputed.conflicts, 1);
    let entry = a.conflict(&ctx(), &of).unwrap().unwrap();
    assert_eq!((&entry.version, entry.items.len()), (&disputed.version, 1));
    let resolve = Write::Resolve {
        key: of.clone(),
        path: entry.items[0].path.clone(),
        listed: entry.version.clone(),
        choice: Choice::Pick(0),
    };
    a.commit(&ctx(), vec![resolve]).unwrap();
    let after = version(&a, &of);
    assert_eq!(a.conflict(&ctx(), &of).unwrap(), None);
    assert_eq!(a.conflict(&ctx(), &key("Observation/none")).unwrap(), None);
    for (version, conflicts) in [(before, 0), (disputed.version.clone(), 1), (after, 0)] {
        let then = a.read_version(&ctx(), &of, &version).unwrap().unwrap();
        assert_eq!(then.conflicts, conflicts);
        let tagged = then.json.pointer("/meta/tag").is_some();
        assert_eq!(tagged, conflicts > 0);
        let history = a
            .history(&ctx(), &HistoryOf::Record(of.clone()), None, None, 10)
            .unwrap();
        let told = history
            .entries
            .iter()
            .find(|told| told.version == version)
            .unwrap();
        assert_eq!(told.json.as_ref(), Some(&then.json));
        assert_eq!(told.last_updated_ms, then.last_updated_ms);
    }
    let then = a.read_version(&ctx(), &of, &disputed.version).unwrap().unwrap();
    assert_eq!(then.json, disputed.json);
}

#[test]
fn who_wrote_last_is_told_by_the_time_of_writing_whatever_arrives_last() {
    let (a, env_a) = memory_store(1);
    let (b, env_b) = memory_store(2);
    let of = key("Observation/o");
    a.commit(&ctx(), vec![said("o", "none")]).unwrap();
    sync(&a, &b);
    let by = |user: &str| Context {
        user: user.to_owned(),
        ..ctx()
    };
    let late = [(&a, &env_a, "ana"), (&b, &env_b, "ben")];
    for (turn, order) in [[0, 1], [1, 0]].into_iter().enumerate() {
        let newest = late[order[1]];
        for at in order {
            let (store, env, user) = late[at];
            env.advance(if at == order[1] { 120_000 } else { 1_000 });
            store
                .commit(&by(user), vec![said("o", &format!("{user}{turn}"))])
                .unwrap();
        }
        sync(&a, &b);
        sync(&b, &a);
        for store in [&a, &b] {
            let last = store.newest_by(&of).unwrap().unwrap();
            let node = newest.0.identity().unwrap().node;
            assert_eq!((last.user.as_str(), last.node), (newest.2, node), "{turn}");
            let authored = store.authored(&of).unwrap();
            let newest_ms = authored.iter().map(|one| one.time_ms).max().unwrap();
            assert_eq!(last.time_ms, newest_ms);
        }
        for (_, env, _) in late {
            let now_ms = env_a.now_ms().max(env_b.now_ms());
            env.advance(now_ms - env.now_ms() + 1_000);
        }
        // Both go on from one version.
        let heads = a.conflict(&ctx(), &of).unwrap().unwrap();
        let resolve = Write::Resolve {
            key: of.clone(),
            path: heads.items[0].path.clone(),
            listed: heads.version,
            choice: Choice::Pick(0),
        };
        a.commit(&ctx(), vec![resolve]).unwrap();
        sync(&a, &b);
    }
}

#[test]
fn the_changes_after_a_place_in_the_log_are_those_that_arrived_after_it() {
    let (a, _) = memory_store(1);
    let b = store_on(Arc::new(MemoryKv::new()), 2, TestEnv::new(2));
    let of = key("Observation/o");
    let mut places = vec![0];
    for text in ["one", "two", "three", "four"] {
        a.commit(&ctx(), vec![said("o", text)]).unwrap();
        sync(&a, &b);
        places.push(b.position());
    }
    let all = b.signed_changes(&of).unwrap();
    assert_eq!(all, a.signed_changes(&of).unwrap());
    for (arrived, place) in places.iter().enumerate() {
        let since = b.signed_changes_since(&of, *place).unwrap();
        assert_eq!(since, all[arrived..], "after {place}");
        let feed = b.feed(*place, 10).unwrap();
        assert_eq!(feed.len(), usize::from(arrived < 4));
        assert!(feed.iter().all(|entry| entry.heads == b.heads(&of).unwrap()));
    }
    for none in [key("Observation/none"), key("Patient/o")] {
        assert!(b.signed_changes(&none).unwrap().is_empty());
        assert!(b.heads(&none).unwrap().is_empty() && b.authored(&none).unwrap().is_empty());
        assert_eq!(b.filing_of(&none).unwrap(), None);
        assert!(!b.contains(&none).unwrap());
        assert_eq!(
            (b.read(&ctx(), &none).unwrap(), b.read_raw(&none).unwrap()),
            (None, None)
        );
    }
}
