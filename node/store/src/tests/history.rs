//! Histories: what was current here, newest first, each version once.

use crate::{testing::*, *};

/// A version as a history tells it: record, version, deletion, first one, and what it said.
type Told = (String, VersionId, bool, bool, Option<String>);

fn said(json: &chaski_json::Json) -> Option<String> {
    Some(json.pointer("/code/text")?.as_str()?.to_owned())
}

/// All pages of a history.
fn told(store: &Store, of: &HistoryOf, since_ms: Option<u64>, count: usize) -> Vec<Told> {
    let (mut out, mut cursor) = (Vec::new(), None);
    for _ in 0..1_000 {
        let page = store
            .history(&ctx(), of, since_ms, cursor.as_deref(), count)
            .unwrap();
        assert!(page.entries.len() <= count);
        assert!(
            page.entries
                .is_sorted_by(|a, b| a.last_updated_ms >= b.last_updated_ms)
        );
        for entry in page.entries {
            if let Some(json) = &entry.json {
                let stamp = |name: &str| json.pointer(name).and_then(|text| text.as_str());
                assert_eq!(stamp("/meta/versionId"), Some(entry.version.as_str()));
                let time = chaski_fhir::date::instant(entry.last_updated_ms);
                assert_eq!(stamp("/meta/lastUpdated"), Some(time.as_str()));
                assert_eq!(stamp("/id"), Some(entry.key.id()));
            }
            let text = entry.json.as_ref().and_then(said);
            out.push((
                entry.key.to_string(),
                entry.version,
                entry.deleted,
                entry.created,
                text,
            ));
        }
        cursor = page.next;
        if cursor.is_none() {
            return out;
        }
    }
    panic!("it never ends");
}

fn resource(id: &str, value: usize) -> Write {
    let (kind, id) = id.split_once('/').unwrap();
    put(json(&format!(
        r#"{{"resourceType":"{kind}","id":"{id}","code":{{"text":"v{value}"}}}}"#
    )))
}

/// Writes some records, again and again, some of them together, some deleted and made again; gives
/// the versions in the order they became current, with their times.
fn lived(store: &Store, env: &TestEnv) -> Vec<(u64, Told)> {
    let ids = ["Observation/a", "Condition/b", "Observation/c", "Basic/d"];
    let mut known = std::collections::BTreeSet::new();
    let mut all = Vec::new();
    let mut draw = 7usize;
    for round in 0..40 {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = (draw >> 33) % ids.len();
        // Now and then several in one commit, which have one time.
        let chosen: Vec<&str> = ids.iter().copied().cycle().skip(at).take(1 + round % 3).collect();
        if round % 4 != 0 {
            env.advance(1_000);
        }
        let writes = chosen.iter().map(|id| {
            if round % 5 == 4 && known.contains(id) {
                Write::Delete {
                    key: key(id),
                    base: Base::Current,
                }
            } else {
                resource(id, round)
            }
        });
        let written = store.commit(&ctx(), writes.collect()).unwrap();
        for (id, written) in chosen.into_iter().zip(written) {
            if written.unchanged {
                continue;
            }
            let gone = round % 5 == 4 && known.contains(id);
            let first = known.insert(id);
            let text = (!gone).then(|| format!("v{round}"));
            all.push((
                written.last_updated_ms,
                (id.to_owned(), written.version, gone, first, text),
            ));
        }
    }
    all
}

#[test]
fn histories_tell_every_version_once_and_newest_first() {
    let (store, env) = memory_store(1);
    let all = lived(&store, &env);
    let some = all.len() / 2;
    let histories = [
        (HistoryOf::All, ""),
        (HistoryOf::Kind("Observation".into()), "Observation/"),
        (HistoryOf::Kind("Basic".into()), "Basic/"),
        (HistoryOf::Kind("Patient".into()), "Patient/"),
        (HistoryOf::Record(key("Observation/a")), "Observation/a"),
        (HistoryOf::Record(key("Basic/d")), "Basic/d"),
        (HistoryOf::Record(key("Basic/none")), "Basic/none"),
    ];
    for (of, start) in &histories {
        for since_ms in [None, Some(0), Some(all[some].0), Some(all[some].0 + 1)] {
            let wanted: Vec<Told> = all
                .iter()
                .rev()
                .filter(|(ms, (id, ..))| id.starts_with(start) && since_ms.is_none_or(|since| *ms >= since))
                .map(|(_, told)| told.clone())
                .collect();
            for count in [1, 2, 5, 1_000] {
                let found = told(&store, of, since_ms, count);
                assert_eq!(found, wanted, "{of:?} since {since_ms:?} in pages of {count}");
            }
        }
    }
    let page = store.history(&ctx(), &HistoryOf::All, None, Some("x"), 5);
    assert_eq!(page, Err(StoreError::Cursor));
}

#[test]
fn a_history_longer_than_one_look_into_the_log_leaves_no_version_out() {
    // Some records are edited again and again, others written once: what is past and what is current stand in
    // the log side by side, or far apart in either order.
    let often = |n: usize| format!("Condition/often{}", n % 25);
    let once = |n: usize| format!("Observation/once{n}");
    type Order<'a> = (&'a str, Box<dyn Fn(usize) -> String>);
    let orders: [Order<'_>; 3] = [
        (
            "the edited ones last",
            Box::new(move |n| if n < 300 { once(n) } else { often(n) }),
        ),
        (
            "the edited ones first",
            Box::new(move |n| if n < 300 { often(n) } else { once(n) }),
        ),
        (
            "now and then one that is edited",
            Box::new(move |n| if n % 7 < 3 { often(n) } else { once(n) }),
        ),
    ];
    for (order, id) in orders {
        let (store, _) = memory_store(1);
        for n in 0..600 {
            store.commit(&ctx(), vec![resource(&id(n), n)]).unwrap();
        }
        let all: Vec<(String, usize)> = (0..600).rev().map(|n| (id(n), n)).collect();
        for (of, start) in [
            (HistoryOf::All, ""),
            (HistoryOf::Kind("Condition".into()), "Condition/"),
            (HistoryOf::Kind("Observation".into()), "Observation/"),
        ] {
            let own = all.iter().filter(|(id, _)| id.starts_with(start));
            let wanted: Vec<_> = own.map(|(id, n)| (id.clone(), Some(format!("v{n}")))).collect();
            for count in [400, 1_000] {
                let found: Vec<_> = told(&store, &of, None, count)
                    .into_iter()
                    .map(|(id, _, _, _, text)| (id, text))
                    .collect();
                assert!(
                    found == wanted,
                    "{order}, {of:?} in pages of {count}: {} versions of {}",
                    found.len(),
                    wanted.len()
                );
            }
        }
    }
}

#[test]
fn what_is_written_between_two_pages_neither_repeats_nor_hides_a_version() {
    let (store, env) = memory_store(1);
    let all = lived(&store, &env);
    for kind in [None, Some("Observation")] {
        let of = kind.map_or(HistoryOf::All, |kind| HistoryOf::Kind(kind.into()));
        let start = kind.unwrap_or_default();
        let now = told(&store, &of, None, 1_000);
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.history(&ctx(), &of, None, cursor.as_deref(), 3).unwrap();
            found.extend(page.entries.into_iter().map(|entry| entry.version));
            // Records that are told of move to the end.
            env.advance(10);
            let round = 1_000 + found.len();
            store
                .commit(
                    &ctx(),
                    vec![resource("Observation/a", round), resource("Condition/b", round)],
                )
                .unwrap();
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let wanted: Vec<_> = now.into_iter().map(|(_, version, ..)| version).collect();
        assert_eq!(found, wanted, "{start}");
    }
    assert!(all.len() > 30);
}

#[test]
fn a_deleted_record_shows_nothing_of_what_it_was_but_in_its_older_versions() {
    let (store, _) = memory_store(1);
    let first = store.commit(&ctx(), vec![resource("Observation/a", 1)]).unwrap()[0]
        .version
        .clone();
    let delete = Write::Delete {
        key: key("Observation/a"),
        base: Base::Current,
    };
    let gone = store.commit(&ctx(), vec![delete]).unwrap()[0].version.clone();
    let of = key("Observation/a");
    let now = store.read(&ctx(), &of).unwrap().unwrap();
    assert_eq!((now.deleted, said(&now.json)), (true, None));
    let names: Vec<_> = now.json.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["id", "meta", "resourceType"]);
    let at = |version: &VersionId| store.read_version(&ctx(), &of, version).unwrap().unwrap();
    let then = at(&gone);
    assert_eq!((then.deleted, said(&then.json)), (true, None));
    let then = at(&first);
    assert_eq!((then.deleted, said(&then.json)), (false, Some("v1".into())));
    assert_eq!(store.read_raw(&of).unwrap(), None);
    assert!(!store.contains(&of).unwrap());
    assert!(store.keys().unwrap().is_empty());
}

#[test]
fn an_older_version_tells_when_it_became_current_here() {
    let (a, _) = memory_store(1);
    let (b, env) = memory_store(2);
    let of = key("Observation/a");
    let mut seen = Vec::new();
    for value in 1..4 {
        a.commit(&ctx(), vec![resource("Observation/a", value)]).unwrap();
        env.advance(3_600_000);
        sync(&a, &b);
        let now = b.read(&ctx(), &of).unwrap().unwrap();
        seen.push((now.version, now.last_updated_ms, now.json));
    }
    for (version, ms, json) in seen {
        let then = b.read_version(&ctx(), &of, &version).unwrap().unwrap();
        assert_eq!((then.last_updated_ms, then.json), (ms, json));
    }
}

#[test]
fn a_record_written_twice_in_one_commit_has_two_versions_each_with_its_time() {
    let (store, _) = memory_store(1);
    let twice = vec![resource("Observation/a", 1), resource("Observation/a", 2)];
    let written = store.commit(&ctx(), twice).unwrap();
    assert!(written[0].last_updated_ms < written[1].last_updated_ms);
    let told = told(&store, &HistoryOf::All, None, 10);
    let texts: Vec<_> = told.iter().map(|(.., text)| text.as_deref()).collect();
    assert_eq!(texts, [Some("v2"), Some("v1")]);
    assert!(store.verify().unwrap().is_whole());
}
