//! Pages of a search: each goes on where the one before it ended, in the search it came from and in no
//! other, and however long what stands at its end is.

use std::sync::Arc;

use chaski_fhir::search::Total;

use crate::{kv::KeyRange, testing::*, *};

fn person(kind: &str, id: &str, family: &str) -> Write {
    put(json(&format!(
        r#"{{"resourceType":"{kind}","id":"{id}","gender":"female","birthDate":"1980-01-01",
            "name":[{{"family":"{family}","given":["Ana"]}}]}}"#
    )))
}

fn page(store: &Store, kind: &str, text: &str, cursor: Option<&str>) -> Result<SearchPage, SearchError> {
    let mut query = query(kind, text);
    query.count = Some(1);
    query.cursor = cursor.map(str::to_owned);
    store.search(&ctx(), &query)
}

/// Searches of which each finds the same three, one way or another.
const SEARCHES: &[(&str, &str)] = &[
    ("Patient", ""),
    ("Practitioner", ""),
    ("Patient", "_sort=family"),
    ("Patient", "_sort=-family"),
    ("Patient", "_sort=given"),
    ("Patient", "_sort=birthdate"),
    ("Patient", "_sort=-birthdate"),
    ("Patient", "_sort=family,birthdate"),
    ("Patient", "_sort=birthdate,family"),
    ("Patient", "_sort=family,-birthdate"),
    ("Patient", "gender=female"),
    ("Patient", "gender=female,male"),
    ("Patient", "gender:not=male"),
    ("Patient", "gender:missing=false"),
    ("Patient", "family:missing=false"),
    ("Patient", "identifier:missing=true"),
    ("Patient", "family=fa"),
    ("Patient", "family=f"),
    ("Patient", "family:contains=fa"),
    ("Patient", "name=fa"),
    ("Patient", "birthdate=1980"),
    ("Patient", "birthdate=ge1980"),
    ("Patient", "family=fa&gender=female"),
    ("Patient", "family=fa&_sort=family"),
    ("Practitioner", "family=fa&_sort=family"),
];

fn of_three(master: u8) -> Store {
    let kv = Arc::new(MemoryKv::new());
    let store = Store::create_on(kv, &[master; 32], TestEnv::new(1), options()).unwrap();
    store.identity_set(&identity(1)).unwrap();
    for kind in ["Patient", "Practitioner"] {
        let all = ["a", "b", "c"].map(|id| person(kind, id, &format!("Fa{id}")));
        store.commit(&ctx(), all.into()).unwrap();
    }
    store
}

#[test]
fn a_cursor_goes_on_with_the_search_it_came_from_and_with_no_other() {
    let (store, other) = (of_three(7), of_three(8));
    for (kind, text) in SEARCHES {
        let first = page(&store, kind, text, None).unwrap();
        let next = first.next.unwrap_or_else(|| panic!("{kind}?{text} ends at once"));
        for (other_kind, other_text) in SEARCHES {
            let second = page(&store, other_kind, other_text, Some(&next));
            if (kind, text) == (other_kind, other_text) {
                let id = |page: &SearchPage| page.entries[0].key.id().to_owned();
                let second = second.unwrap();
                assert_ne!(id(&second), first.entries[0].key.id(), "{kind}?{text}");
            } else {
                let refused = second == Err(SearchError::Cursor);
                assert!(
                    refused,
                    "the page of {kind}?{text} after one of {other_kind}?{other_text}"
                );
            }
        }
        let elsewhere = page(&other, kind, text, Some(&next));
        assert_eq!(
            elsewhere,
            Err(SearchError::Cursor),
            "{kind}?{text} of another node"
        );
    }
}

#[test]
fn what_is_no_cursor_is_refused_also_where_the_store_sealed_it() {
    let store = of_three(7);
    let next = page(&store, "Patient", "", None).unwrap().next.unwrap();
    let mut bad = vec![
        String::new(),
        "0".into(),
        "00".into(),
        "zz".into(),
        "ñ".into(),
        next.to_uppercase(),
        format!("{next}00"),
        format!("00{next}"),
        next[2..].to_owned(),
        next[..next.len() - 2].to_owned(),
        next[..next.len() - 1].to_owned(),
        "0".repeat(9_000),
        next.repeat(100),
    ];
    // Each digit of it counts.
    for at in 0..next.len() {
        let mut bent = next.clone().into_bytes();
        bent[at] = if bent[at] == b'0' { b'1' } else { b'0' };
        bad.push(String::from_utf8(bent).unwrap());
    }
    let all = KeyRange {
        start: Vec::new(),
        end: None,
        reverse: false,
    };
    let stored = store.core.kv.scan(&all, 10_000).unwrap();
    bad.extend(stored.iter().map(|(_, sealed)| crate::hex::encode(sealed)));
    for cursor in bad {
        let told = page(&store, "Patient", "", Some(&cursor));
        assert_eq!(told, Err(SearchError::Cursor), "{cursor}");
    }
    page(&store, "Patient", "", Some(&next)).unwrap();
}

#[test]
fn one_record_with_a_long_text_does_not_end_the_pages_of_the_others() {
    let (store, _) = memory_store(1);
    let lengths = [1, 62, 63, 64, 65, 119, 120, 121, 200, 4_000, 40_000];
    let mut wanted = Vec::new();
    for letter in ["a", "m", "語"] {
        for length in lengths {
            let id = format!("p{}", wanted.len());
            let family = letter.repeat(length);
            store
                .commit(&ctx(), vec![person("Patient", &id, &family)])
                .unwrap();
            wanted.push(id);
        }
    }
    wanted.sort();
    for text in [
        "_sort=family",
        "_sort=-family",
        "_sort=name,family,-given",
        "_sort=birthdate,-family",
        "_sort=gender,family",
        "gender=female&_sort=-name",
    ] {
        for (count, total) in [(1, Total::None), (4, Total::Accurate), (50, Total::None)] {
            let mut query = query("Patient", text);
            (query.count, query.total) = (Some(count), total);
            let (mut ids, mut firsts) = (Vec::new(), Vec::new());
            for _ in 0..100 {
                let page = store.search(&ctx(), &query).unwrap();
                for entry in page.entries {
                    let family = entry.json.pointer("/name/0/family").unwrap();
                    firsts.extend(family.as_str().unwrap().chars().next());
                    ids.push(entry.key.id().to_owned());
                }
                query.cursor = page.next;
                if query.cursor.is_none() {
                    break;
                }
            }
            ids.sort();
            assert_eq!(ids, wanted, "{text} by {count}");
            let descending = text.contains("-family") || text.contains("-name");
            assert!(
                firsts.is_sorted_by(|one, next| if descending { one >= next } else { one <= next }),
                "{text} by {count}: {firsts:?}"
            );
        }
    }
}

#[test]
fn a_page_has_what_was_asked_for_and_each_tells_the_same_total() {
    let (store, _) = memory_store(1);
    let count = 1_001;
    let basic = |n| put(json(&format!(r#"{{"resourceType":"Basic","id":"b{n:04}"}}"#)));
    for result in store.commit_bulk(&ctx(), (0..count).map(basic).collect()) {
        result.unwrap();
    }
    for (asked, wanted) in [
        (None, 50),
        (Some(1), 1),
        (Some(49), 49),
        (Some(999), 999),
        (Some(1_000), 1_000),
        // More than a thousand nobody gets at once.
        (Some(1_001), 1_000),
        (Some(u32::MAX), 1_000),
    ] {
        for text in ["", "_sort=-_lastUpdated", "_sort=_id"] {
            let mut query = query("Basic", text);
            query.count = asked;
            let page = store.search(&ctx(), &query).unwrap();
            assert_eq!(
                (page.entries.len(), page.total),
                (wanted, None),
                "{asked:?} {text}"
            );
            assert!(page.next.is_some() && !page.partial, "{asked:?} {text}");
        }
    }
    let mut query = query("Basic", "_total=accurate&_count=400");
    for wanted in [400, 400, 201] {
        let page = store.search(&ctx(), &query).unwrap();
        assert_eq!((page.entries.len(), page.total), (wanted, Some(count)));
        query.cursor = page.next;
    }
    assert_eq!(query.cursor, None);
}

#[test]
fn what_cannot_be_sorted_by_is_refused_and_not_answered_in_another_order() {
    let (store, _) = memory_store(1);
    for (kind, code) in [
        ("Observation", "value-quantity"),
        ("Encounter", "length"),
        ("RiskAssessment", "probability"),
    ] {
        let told = store.search(&ctx(), &query(kind, &format!("_sort={code}")));
        assert_eq!(told, Err(SearchError::Sort(code.to_owned())), "{kind}");
    }
}
