//! The index: what a record says is found by it, also what stands hidden in a conflict, and nothing else is.

use chaski_fhir::search::Total;

use crate::{
    index::{EntryView, kind_tag, lookup, parse_posting},
    kv::KeyRange,
    tables::Table,
    testing::*,
    *,
};

/// The ids a search finds and the number it tells, which must agree.
fn found(store: &Store, kind: &str, text: &str) -> Vec<String> {
    let mut query = query(kind, text);
    query.total = Total::Accurate;
    let page = store.search(&ctx(), &query).unwrap();
    assert_eq!(page.total, Some(page.entries.len() as u64), "{kind}?{text}");
    let ids = page.entries.iter().map(|entry| entry.key.id().to_owned());
    // Asked for the number alone.
    query.count = Some(0);
    let counted = store.search(&ctx(), &query).unwrap();
    assert_eq!(
        (counted.total, counted.entries.len()),
        (page.total, 0),
        "{kind}?{text}"
    );
    ids.collect()
}

fn resource(kind: &str, id: &str, members: &str) -> Write {
    put(json(&format!(
        r#"{{"resourceType":"{kind}","id":"{id}"{}{members}}}"#,
        if members.is_empty() { "" } else { "," }
    )))
}

/// A record of which two sites say different things: its kind, what it was, each side, and a search that
/// finds each side.
type Dispute = (&'static str, &'static str, [(&'static str, &'static str); 2]);

/// One for each kind of value.
const DISPUTES: &[Dispute] = &[
    (
        "Patient",
        r#""birthDate":"1980-01-01""#,
        [
            (r#""birthDate":"1980-02-02""#, "birthdate=1980-02-02"),
            (r#""birthDate":"1980-03-03""#, "birthdate=1980-03-03"),
        ],
    ),
    (
        "Patient",
        r#""gender":"unknown""#,
        [
            (r#""gender":"female""#, "gender=female"),
            (r#""gender":"male""#, "gender=male"),
        ],
    ),
    (
        "Observation",
        r#""status":"registered""#,
        [
            (r#""status":"final""#, "status=final"),
            (r#""status":"entered-in-error""#, "status=entered-in-error"),
        ],
    ),
    (
        "Observation",
        r#""status":"final","valueQuantity":{"value":1}"#,
        [
            (
                r#""status":"final","valueQuantity":{"value":20}"#,
                "value-quantity=20",
            ),
            (
                r#""status":"final","valueQuantity":{"value":30}"#,
                "value-quantity=30",
            ),
        ],
    ),
    (
        "Observation",
        r#""code":{"text":"x"},"valueString":"none""#,
        [
            (
                r#""code":{"text":"x"},"valueString":"quiet""#,
                "value-string=quiet",
            ),
            (
                r#""code":{"text":"x"},"valueString":"restless""#,
                "value-string=restless",
            ),
        ],
    ),
    (
        "Condition",
        r#""code":{"coding":[{"system":"urn:c","code":"a"}]}"#,
        [
            (
                r#""code":{"coding":[{"system":"urn:c","code":"b"}]}"#,
                "code=urn:c|b",
            ),
            (r#""code":{"coding":[{"system":"urn:c","code":"c"}]}"#, "code=c"),
        ],
    ),
    (
        "AllergyIntolerance",
        r#""criticality":"unable-to-assess""#,
        [
            (r#""criticality":"low""#, "criticality=low"),
            (r#""criticality":"high""#, "criticality=high"),
        ],
    ),
    (
        "MedicationRequest",
        r#""status":"active","medicationCodeableConcept":{"coding":[{"system":"urn:m","code":"a"}]}"#,
        [
            (
                r#""status":"active","medicationCodeableConcept":{"coding":[{"system":"urn:m","code":"b"}]}"#,
                "code=urn:m|b",
            ),
            (
                r#""status":"active","medicationCodeableConcept":{"coding":[{"system":"urn:m","code":"c"}]}"#,
                "code=urn:m|c",
            ),
        ],
    ),
];

#[test]
fn a_record_in_conflict_is_found_by_what_either_side_said() {
    for (kind, base, sides) in DISPUTES {
        let (a, _) = memory_store(1);
        let (b, env) = memory_store(2);
        let of = key(&format!("{kind}/r"));
        a.commit(&ctx(), vec![resource(kind, "r", base)]).unwrap();
        sync(&a, &b);
        env.advance(50);
        a.commit(&ctx(), vec![resource(kind, "r", sides[0].0)]).unwrap();
        b.commit(&ctx(), vec![resource(kind, "r", sides[1].0)]).unwrap();
        sync(&a, &b);
        sync(&b, &a);
        let entry = a.conflict(&ctx(), &of).unwrap();
        let entry = entry.unwrap_or_else(|| panic!("{kind} {sides:?}: no conflict"));
        for store in [&a, &b] {
            for (_, text) in sides {
                assert_eq!(found(store, kind, text), ["r"], "{kind}?{text}");
            }
            assert!(store.verify().unwrap().is_whole());
        }
        // Once it is decided, only by what was decided.
        let resolve = Write::Resolve {
            key: of,
            path: entry.items[0].path.clone(),
            listed: entry.version,
            choice: Choice::Pick(0),
        };
        a.commit(&ctx(), vec![resolve]).unwrap();
        assert_eq!(a.stats().unwrap().conflicts, 0, "{kind}");
        let left: Vec<_> = sides.iter().flat_map(|(_, text)| found(&a, kind, text)).collect();
        assert_eq!(left, ["r"], "{kind} {sides:?}: the other side is still found");
        assert!(a.verify().unwrap().is_whole());
    }
}

#[test]
fn a_person_two_sites_changed_apart_is_found_by_what_both_added_and_by_the_name_that_is_shown() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    let named = |family: &str, number: &str| {
        let members = format!(
            r#""name":[{{"family":"{family}"}}],"identifier":[{{"system":"urn:dni","value":"{number}"}}]"#
        );
        resource("Patient", "p", &members)
    };
    a.commit(&ctx(), vec![named("Quispe", "1")]).unwrap();
    sync(&a, &b);
    a.commit(&ctx(), vec![named("Mamani", "22")]).unwrap();
    b.commit(&ctx(), vec![named("Flores", "33")]).unwrap();
    sync(&a, &b);
    sync(&b, &a);
    for store in [&a, &b] {
        let read = store.read(&ctx(), &key("Patient/p")).unwrap().unwrap().json;
        let names = read.get("name").and_then(|names| names.as_array()).unwrap();
        let shown = |family: &str| {
            let own =
                |name: &chaski_json::Json| name.get("family").and_then(|text| text.as_str()) == Some(family);
            names.iter().any(own)
        };
        assert!(shown("Mamani") || shown("Flores"));
        for family in ["Quispe", "Mamani", "Flores"] {
            let wanted: &[&str] = if shown(family) { &["p"] } else { &[] };
            for text in [format!("family={family}"), format!("name={}", &family[..4])] {
                assert_eq!(found(store, "Patient", &text), wanted, "{text}");
            }
        }
        for text in ["identifier=urn:dni|22", "identifier=33"] {
            assert_eq!(found(store, "Patient", text), ["p"], "{text}");
        }
        assert!(found(store, "Patient", "identifier=1").is_empty());
        assert!(store.verify().unwrap().is_whole());
    }
}

/// Entries in all chains, and records in all postings.
fn indexed(store: &Store) -> (usize, usize) {
    let rows = |table: Table| {
        let rows = store
            .core
            .kv
            .scan(&KeyRange::prefix(&table.prefix()), 100_000)
            .unwrap();
        let plain = rows
            .into_iter()
            .map(|(row, sealed)| store.core.open(&row, &sealed).unwrap());
        plain.collect::<Vec<_>>()
    };
    let mut entries = 0;
    for block in rows(Table::Chain) {
        let mut rest = block.as_slice();
        while let Some((_, after)) = EntryView::next(rest) {
            entries += 1;
            rest = after;
        }
    }
    let postings = rows(Table::Posting)
        .into_iter()
        .map(|block| match parse_posting(&block).unwrap() {
            crate::index::Posted::Records(records) => records.len(),
            crate::index::Posted::Common => panic!("common"),
        });
    (entries, postings.sum())
}

#[test]
fn what_is_deleted_changed_or_made_again_stands_in_the_index_as_it_is() {
    let (store, _) = memory_store(1);
    let named = |family: &str| resource("Patient", "p", &format!(r#""name":[{{"family":"{family}"}}]"#));
    let pulse = |patient: &str| {
        let subject = format!(r#""status":"final","subject":{{"reference":"Patient/{patient}"}}"#);
        resource("Observation", "o", &subject)
    };
    let delete = |text: &str| Write::Delete {
        key: key(text),
        base: Base::Current,
    };
    let check = |names: [&[&str]; 2], pulses: [&[&str]; 3]| {
        assert_eq!(found(&store, "Patient", "family=Quispe"), names[0]);
        assert_eq!(found(&store, "Patient", "family=Mamani"), names[1]);
        assert_eq!(found(&store, "Observation", "patient=p"), pulses[0]);
        assert_eq!(found(&store, "Observation", "patient=q"), pulses[1]);
        assert_eq!(found(&store, "Observation", "status=final"), pulses[2]);
        assert!(store.verify().unwrap().is_whole());
    };
    store.commit(&ctx(), vec![named("Quispe"), pulse("p")]).unwrap();
    check([&["p"], &[]], [&["o"], &[], &["o"]]);
    store.commit(&ctx(), vec![named("Mamani"), pulse("q")]).unwrap();
    check([&[], &["p"]], [&[], &["o"], &["o"]]);
    store
        .commit(&ctx(), vec![delete("Patient/p"), delete("Observation/o")])
        .unwrap();
    check([&[], &[]], [&[], &[], &[]]);
    assert_eq!(indexed(&store), (0, 0), "who is deleted is in no block");
    assert!(found(&store, "Patient", "_id=p").is_empty());
    let again = vec![named("Quispe"), pulse("p")];
    store.commit(&ctx(), again).unwrap();
    check([&["p"], &[]], [&["o"], &[], &["o"]]);
    assert_eq!(found(&store, "Patient", "_id=p"), ["p"]);
    let (entries, postings) = indexed(&store);
    // The observation stands with each patient it was ever filed under.
    assert_eq!(entries, 3);
    assert!(postings > 0);
    // Deleted by another site.
    let (other, _) = memory_store(2);
    sync(&store, &other);
    other
        .commit(&ctx(), vec![delete("Patient/p"), delete("Observation/o")])
        .unwrap();
    sync(&other, &store);
    check([&[], &[]], [&[], &[], &[]]);
    assert_eq!(indexed(&store), (0, 0));
}

#[test]
fn a_conditional_create_does_not_find_what_is_deleted() {
    let (store, _) = memory_store(1);
    let create = |id: &str| Write::Create {
        json: json(&format!(
            r#"{{"resourceType":"Patient","id":"{id}","identifier":[{{"system":"urn:dni","value":"7"}}]}}"#
        )),
        if_none_exist: Some(query("Patient", "identifier=urn:dni|7").into()),
    };
    store.commit(&ctx(), vec![create("a")]).unwrap();
    let delete = Write::Delete {
        key: key("Patient/a"),
        base: Base::Current,
    };
    // Also within the one commit.
    let both = store.commit(&ctx(), vec![delete, create("b")]).unwrap();
    assert!(both[1].created);
    assert!(store.commit(&ctx(), vec![create("c")]).unwrap()[0].unchanged);
    assert_eq!(found(&store, "Patient", "identifier=7"), ["b"]);
}

#[test]
fn a_record_with_more_to_find_it_by_than_an_entry_holds_is_found_by_each() {
    let (store, _) = memory_store(1);
    let many: Vec<String> = (0..150)
        .map(|n| format!(r#"{{"system":"urn:s{n}","value":"v{n}"}}"#))
        .collect();
    let names: Vec<String> = (0..60)
        .map(|n| format!(r#"{{"family":"fam{n:02}ily","given":["giv{n:02}en"]}}"#))
        .collect();
    let members = format!(
        r#""identifier":[{}],"name":[{}]"#,
        many.join(","),
        names.join(",")
    );
    let coded: Vec<String> = (0..200)
        .map(|n| format!(r#"{{"system":"urn:c","code":"c{n}"}}"#))
        .collect();
    let coded = format!(r#""status":"final","code":{{"coding":[{}]}}"#, coded.join(","));
    store
        .commit(
            &ctx(),
            vec![
                resource("Patient", "p", &members),
                resource(
                    "Patient",
                    "q",
                    r#""identifier":[{"system":"urn:s9","value":"v9"}]"#,
                ),
                resource("Observation", "o", &coded),
            ],
        )
        .unwrap();
    for n in 0..150 {
        let both = found(&store, "Patient", &format!("identifier=urn:s{n}|v{n}"));
        let wanted: &[&str] = if n == 9 { &["p", "q"] } else { &["p"] };
        assert_eq!(both, wanted, "identifier {n}");
        assert_eq!(found(&store, "Patient", &format!("identifier=v{n}")), wanted);
    }
    for n in 0..60 {
        assert_eq!(
            found(&store, "Patient", &format!("family=fam{n:02}ily")),
            ["p"],
            "{n}"
        );
        assert_eq!(found(&store, "Patient", &format!("name=giv{n:02}")), ["p"], "{n}");
    }
    for n in 0..200 {
        assert_eq!(
            found(&store, "Observation", &format!("code=urn:c|c{n}")),
            ["o"],
            "{n}"
        );
        assert!(found(&store, "Observation", &format!("code:not=urn:c|c{n}")).is_empty());
    }
    assert!(found(&store, "Patient", "identifier=urn:s1|v2").is_empty());
    assert!(store.verify().unwrap().is_whole());
    // And by none of it when it is gone.
    let delete = Write::Delete {
        key: key("Patient/p"),
        base: Base::Current,
    };
    store.commit(&ctx(), vec![delete]).unwrap();
    assert_eq!(found(&store, "Patient", "identifier=v9"), ["q"]);
    assert!(found(&store, "Patient", "identifier=v149").is_empty());
    assert!(store.verify().unwrap().is_whole());
}

#[test]
fn a_name_so_many_have_that_no_posting_holds_them_finds_them_all() {
    let (store, _) = memory_store(1);
    let count = 300;
    let all = (0..count).map(|n| resource("Patient", &format!("p{n}"), r#""name":[{"family":"Quispe"}]"#));
    for result in store.commit_bulk(&ctx(), all.collect()) {
        result.unwrap();
    }
    let mut query = query("Patient", "family=Quispe");
    query.total = Total::Accurate;
    query.count = Some(1_000);
    let page = store.search(&ctx(), &query).unwrap();
    assert_eq!((page.entries.len(), page.total), (count, Some(count as u64)));
    let kind = kind_tag(&store.core.sealer, "Patient");
    let token = store.core.sealer.token("family", "^qui");
    assert!(matches!(
        lookup(&store.core, &kind, &token).unwrap(),
        crate::index::Posted::Common
    ));
    assert!(store.verify().unwrap().is_whole());
}

#[test]
fn the_list_of_conflicts_is_given_in_pages_without_gap_or_repeat() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    let told = |n: usize, value: &str| {
        resource(
            "Observation",
            &format!("o{n}"),
            &format!(r#""valueString":"{value}""#),
        )
    };
    for n in 0..7 {
        a.commit(&ctx(), vec![told(n, "0")]).unwrap();
    }
    sync(&a, &b);
    for n in 0..7 {
        a.commit(&ctx(), vec![told(n, "a")]).unwrap();
        if n != 3 {
            b.commit(&ctx(), vec![told(n, "b")]).unwrap();
        }
    }
    sync(&b, &a);
    let wanted: Vec<String> = [0, 1, 2, 4, 5, 6].map(|n| format!("o{n}")).into();
    for count in [1, 2, 3, 6, 7] {
        let (mut ids, mut cursor) = (Vec::new(), None);
        loop {
            let page = a.conflicts(&ctx(), cursor.as_deref(), count).unwrap();
            assert!(page.entries.len() <= count);
            ids.extend(page.entries.iter().map(|entry| entry.key.id().to_owned()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        ids.sort();
        assert_eq!(ids, wanted, "pages of {count}");
    }
    assert_eq!(a.conflicts(&ctx(), Some("zz"), 3), Err(StoreError::Cursor));
    assert_eq!(a.stats().unwrap().conflicted_records, 6);
}

#[test]
fn what_an_entry_has_no_room_for_is_looked_up_in_the_record() {
    let (store, _) = memory_store(1);
    let city = |n: usize| format!("{n:02}{}", "ñandu".repeat(9));
    let cities: Vec<String> = (0..10).map(|n| format!(r#"{{"city":"{}"}}"#, city(n))).collect();
    let cities = format!(r#""address":[{}]"#, cities.join(","));
    store
        .commit(&ctx(), vec![resource("Patient", "far", &cities)])
        .unwrap();
    for n in 0..10 {
        let text = format!("address-city:contains={}", &city(n)[..12]);
        assert_eq!(found(&store, "Patient", &text), ["far"], "{text}");
    }
    for doctors in [24, 28, 32, 36, 40, 44] {
        let (store, _) = memory_store(1);
        let numbers: Vec<String> = (0..28)
            .map(|n| format!(r#"{{"system":"urn:s{n}","value":"v{n}"}}"#))
            .collect();
        let cared: Vec<String> = (0..doctors)
            .map(|n| format!(r#"{{"reference":"Practitioner/d{n}"}}"#))
            .collect();
        let members = format!(
            r#""identifier":[{}],"generalPractitioner":[{}]"#,
            numbers.join(","),
            cared.join(",")
        );
        store
            .commit(&ctx(), vec![resource("Patient", "p", &members)])
            .unwrap();
        for n in 0..doctors {
            let text = format!("general-practitioner=Practitioner/d{n}");
            assert_eq!(found(&store, "Patient", &text), ["p"], "{text} of {doctors}");
        }
    }
}

#[test]
fn a_condition_is_met_by_what_it_asks_for_and_not_by_what_stands_beside_it() {
    let (store, _) = memory_store(1);
    let create = Write::Create {
        json: json(r#"{"resourceType":"Patient","id":"a","name":[{"family":"Quispe"}]}"#),
        if_none_exist: Some(query("Patient", "family=Quispe").into()),
    };
    let beside = resource("Patient", "b", r#""name":[{"family":"Flores"}]"#);
    let written = store.commit(&ctx(), vec![beside, create]).unwrap();
    assert!(written[0].created && written[1].created);
    assert_eq!(found(&store, "Patient", "family=Quispe"), ["a"]);
}
