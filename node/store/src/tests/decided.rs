//! What two sites said apart: what belongs together stays together, what differs is a person's to decide, and the
//! decision is about what it names.

use chaski_crdt::policy::{Safer, Shape};
use chaski_fhir::policy as fhir;
use chaski_json::{Json, json};

use crate::{testing::*, write::HISTORY_CHANGES_MAX, *};

fn resource(kind: &str, members: &[&str]) -> Write {
    put(json(&format!(
        r#"{{"resourceType":"{kind}","id":"r",{}}}"#,
        members.join(",")
    )))
}

/// Two stores that hold a record, and a third write at each; both hold all of it afterwards.
fn apart(base: Write, one: Vec<Write>, other: Vec<Write>) -> [Store; 2] {
    let (a, _) = memory_store(1);
    let (b, env) = memory_store(2);
    a.commit(&ctx(), vec![base]).unwrap();
    sync(&a, &b);
    env.advance(5_000);
    for (store, writes) in [(&a, one), (&b, other)] {
        for write in writes {
            store.commit(&ctx(), vec![write]).unwrap();
        }
    }
    sync(&a, &b);
    sync(&b, &a);
    [a, b]
}

fn shown(store: &Store, kind: &str) -> chaski_json::Json {
    let key = key(&format!("{kind}/r"));
    store.read(&ctx(), &key).unwrap().unwrap().json
}

/// For each group two of its members, each before and after an edit.
const TOGETHER: &[(&str, [[&str; 2]; 2])] = &[
    (
        "MedicationRequest",
        [
            [
                r#""medicationCodeableConcept":{"text":"paracetamol"}"#,
                r#""medicationCodeableConcept":{"text":"morphine"}"#,
            ],
            [
                r#""dosageInstruction":[{"text":"one tablet"}]"#,
                r#""dosageInstruction":[{"text":"four tablets"}]"#,
            ],
        ],
    ),
    (
        "MedicationStatement",
        [
            [
                r#""medicationCodeableConcept":{"text":"paracetamol"}"#,
                r#""medicationCodeableConcept":{"text":"morphine"}"#,
            ],
            [r#""dosage":[{"text":"one"}]"#, r#""dosage":[{"text":"four"}]"#],
        ],
    ),
    (
        "Observation",
        [
            [r#""code":{"text":"pulse"}"#, r#""code":{"text":"weight"}"#],
            [
                r#""valueQuantity":{"value":60,"unit":"/min"}"#,
                r#""valueQuantity":{"value":140,"unit":"/min"}"#,
            ],
        ],
    ),
    (
        "AllergyIntolerance",
        [
            [r#""code":{"text":"penicillin"}"#, r#""code":{"text":"latex"}"#],
            [r#""criticality":"high""#, r#""criticality":"low""#],
        ],
    ),
    (
        "Immunization",
        [
            [
                r#""vaccineCode":{"text":"BCG"}"#,
                r#""vaccineCode":{"text":"MMR"}"#,
            ],
            [
                r#""occurrenceDateTime":"2026-01-01""#,
                r#""occurrenceDateTime":"2026-02-02""#,
            ],
        ],
    ),
    (
        "Condition",
        [
            [r#""code":{"text":"asthma"}"#, r#""code":{"text":"gout"}"#],
            [
                r#""clinicalStatus":{"text":"active"}"#,
                r#""clinicalStatus":{"text":"resolved"}"#,
            ],
        ],
    ),
    (
        "ServiceRequest",
        [
            [r#""code":{"text":"X-ray"}"#, r#""code":{"text":"surgery"}"#],
            [r#""status":"draft""#, r#""status":"active""#],
        ],
    ),
    (
        "Appointment",
        [
            [
                r#""start":"2026-01-01T10:00:00Z""#,
                r#""start":"2026-01-01T11:00:00Z""#,
            ],
            [
                r#""end":"2026-01-01T10:30:00Z""#,
                r#""end":"2026-01-01T10:45:00Z""#,
            ],
        ],
    ),
];

#[test]
fn what_means_something_only_together_is_of_one_edit() {
    for (kind, [first, second]) in TOGETHER {
        let stores = apart(
            resource(kind, &[first[0], second[0]]),
            vec![resource(kind, &[first[1], second[0]])],
            vec![resource(kind, &[first[0], second[1]])],
        );
        for store in &stores {
            let shown = shown(store, kind);
            let said = [first, second].map(|pair| {
                let is = |member: &str| {
                    let member = json(&format!("{{{member}}}"));
                    let (name, value) = member.as_object().unwrap().iter().next().unwrap();
                    shown.get(name.as_str()) == Some(value)
                };
                assert_ne!(is(pair[0]), is(pair[1]), "{kind}: {shown:?}");
                is(pair[1])
            });
            assert_ne!(
                said[0], said[1],
                "{kind}: one element of one edit, the other of the other: {shown:?}"
            );
            // The time of a visit is settled; whatever else is told apart is a person's to decide.
            let disputed = store.conflict(&ctx(), &key(&format!("{kind}/r"))).unwrap();
            assert!(disputed.is_some() || *kind == "Appointment", "{kind}");
        }
        let raw = |store: &Store| store.read_raw(&key(&format!("{kind}/r"))).unwrap();
        assert_eq!(raw(&stores[0]), raw(&stores[1]), "{kind}");
    }
}

/// A value of an element, as the record has it: its JSON key, and what stands there the first and the second time.
fn sample(kind: &str, member: &str, nth: usize) -> (String, Json) {
    let definitions = chaski_fhir::definitions::definitions();
    let field = definitions.field_at(kind, member).unwrap();
    let element = field.element().unwrap();
    let code = element.types.first().map_or("BackboneElement", |one| one.code);
    let word = ["first", "second"][nth];
    let value = match code {
        "boolean" => json!(nth == 1),
        "integer" | "positiveInt" | "unsignedInt" | "decimal" => json!(nth + 1),
        "Reference" => json!({"reference": format!("Patient/{word}")}),
        "Quantity" | "SimpleQuantity" | "Money" | "Age" | "Duration" => json!({"value": nth + 1}),
        "Period" | "Range" | "Timing" => json!({"id": word}),
        code if code.starts_with(char::is_lowercase) => json!(word),
        _ => json!({"id": word}),
    };
    let value = match element.max > 1 {
        true => Json::Array(vec![value]),
        false => value,
    };
    let upper = |code: &str| format!("{}{}", code[..1].to_uppercase(), &code[1..]);
    let name = member
        .strip_suffix("[x]")
        .map_or(member.to_owned(), |stem| format!("{stem}{}", upper(code)));
    (name, value)
}

/// For each kind, and each two elements of its group: one site changes the one, the other the other. Neither may be
/// lost in what the other says, and both whole groups are a person's to choose from.
#[test]
fn each_two_of_a_group_that_are_changed_apart_are_one_disagreement() {
    let (a, _) = memory_store(1);
    let (b, env) = memory_store(2);
    let mut begun = Vec::new();
    let mut edits: [Vec<Write>; 2] = [Vec::new(), Vec::new()];
    let mut expected = Vec::new();
    for kind in chaski_fhir::definitions::resource_kinds() {
        for group in fhir::groups(kind) {
            for (at, one) in group.members.iter().enumerate() {
                for other in &group.members[at + 1..] {
                    let id = format!("r{}", begun.len());
                    let made = |nth: [usize; 2]| {
                        let mut json = json!({"resourceType": *kind, "id": id.as_str()});
                        let members = json.as_object_mut().unwrap();
                        members.extend([sample(kind, one, nth[0]), sample(kind, other, nth[1])]);
                        json
                    };
                    begun.push(put(made([0, 0])));
                    edits[0].push(put(made([1, 0])));
                    edits[1].push(put(made([0, 1])));
                    let sides = [made([1, 0]), made([0, 1])].map(|mut side| {
                        let members = side.as_object_mut().unwrap();
                        members.remove("resourceType");
                        members.remove("id");
                        side.canonical()
                    });
                    expected.push((
                        key(&format!("{kind}/{id}")),
                        format!("!group/{}", group.name),
                        sides,
                    ));
                }
            }
        }
    }
    let all = |written: Vec<Result<Written, CommitError>>| written.into_iter().all(|one| one.is_ok());
    assert!(all(a.commit_bulk(&ctx(), begun)));
    sync(&a, &b);
    env.advance(5_000);
    let [here, there] = edits;
    assert!(all(a.commit_bulk(&ctx(), here)) && all(b.commit_bulk(&ctx(), there)));
    sync(&a, &b);
    sync(&b, &a);
    for (key, path, mut sides) in expected.clone() {
        sides.sort();
        for store in [&a, &b] {
            let entry = store
                .conflict(&ctx(), &key)
                .unwrap()
                .unwrap_or_else(|| panic!("{key} {sides:?}"));
            let told: Vec<&str> = entry.items.iter().map(|item| item.path.as_str()).collect();
            assert_eq!(told, [path.as_str()], "{key} {sides:?}");
            let values = entry.items[0].values.iter();
            let mut said: Vec<String> = values
                .map(|side| side.value.as_ref().unwrap().canonical())
                .collect();
            said.sort();
            assert_eq!(said, sides, "{key}");
        }
    }
    println!(
        "{} pairs of {} kinds",
        expected.len(),
        chaski_fhir::definitions::resource_kinds().len()
    );
    assert!(expected.len() > 800, "{}", expected.len());
    assert!(a.verify().unwrap().is_whole());
}

#[test]
fn what_is_critical_within_an_element_of_a_list_is_a_persons_to_decide() {
    let telecom = |members: &str| format!(r#""telecom":[{{"system":"phone","value":"1",{members}}}]"#);
    let identifier =
        |members: &str| format!(r#""identifier":[{{"system":"urn:dni","value":"1",{members}}}]"#);
    let rows = [
        (
            "Patient",
            telecom(r#""use":"mobile""#),
            telecom(r#""use":"home""#),
            telecom(r#""use":"old""#),
            true,
        ),
        (
            "Practitioner",
            telecom(r#""use":"mobile""#),
            telecom(r#""use":"home""#),
            telecom(r#""use":"old""#),
            true,
        ),
        (
            "Patient",
            telecom(r#""rank":1"#),
            telecom(r#""rank":2"#),
            telecom(r#""rank":3"#),
            false,
        ),
        (
            "Practitioner",
            identifier(r#""use":"usual""#),
            identifier(r#""use":"official""#),
            identifier(r#""use":"old""#),
            true,
        ),
    ];
    for (kind, base, one, other, is_disputed) in rows {
        let stores = apart(
            resource(kind, &[&base]),
            vec![resource(kind, &[&one])],
            vec![resource(kind, &[&other])],
        );
        for store in &stores {
            let entry = store.conflict(&ctx(), &key(&format!("{kind}/r"))).unwrap();
            assert_eq!(entry.is_some(), is_disputed, "{kind}: {one}, {other}: {entry:?}");
        }
    }
}

#[test]
fn the_policy_of_a_store_is_the_table_and_nothing_of_it_is_left_out() {
    let policy = record_policy();
    let definitions = chaski_fhir::definitions::definitions();
    let mut seen = [0; 3];
    for kind in chaski_fhir::definitions::resource_kinds() {
        let groups: Vec<_> = policy
            .groups(kind)
            .iter()
            .map(|group| (group.name, group.members))
            .collect();
        let table: Vec<_> = fhir::groups(kind)
            .iter()
            .map(|group| (group.name, group.members))
            .collect();
        assert_eq!(groups, table, "{kind}");
        seen[0] += table.len();
        for element in definitions.resource(kind).unwrap().elements() {
            let path = element.name;
            assert_eq!(
                policy.child_critical(kind, path),
                fhir::child_critical(kind, path),
                "{kind}.{path}"
            );
            seen[1] += fhir::child_critical(kind, path).len();
            let safer = policy.critical(kind, path).map(|critical| match critical.safer {
                Safer::Rank(codes) => codes,
                Safer::ShowBoth => &[],
                Safer::Absent => panic!("{kind}.{path}"),
            });
            let table = fhir::critical(kind, path).map(|critical| match critical.safer {
                fhir::Safer::Rank(codes) => codes,
                fhir::Safer::ShowBoth => &[],
            });
            assert_eq!(safer, table, "{kind}.{path}");
            seen[2] += usize::from(table.is_some());
            let alike = match (policy.element(kind, path), fhir::element(kind, path)) {
                (Shape::Register, fhir::Shape::Register)
                | (Shape::Backbone, fhir::Shape::Backbone)
                | (Shape::Set, fhir::Shape::Set)
                | (Shape::Group, fhir::Shape::Group)
                | (Shape::Ignore, fhir::Shape::Ignore) => true,
                (Shape::List { identity: one }, fhir::Shape::List { identity: other })
                | (Shape::BackboneList { identity: one }, fhir::Shape::BackboneList { identity: other }) => {
                    one == other
                }
                _ => false,
            };
            assert!(alike, "{kind}.{path}");
        }
        assert_eq!(policy.narrative(kind), Some("text"));
    }
    assert!(seen[0] >= 8 && seen[1] > 100 && seen[2] > 100, "{seen:?}");
}

const TAG: &str = r#"{"system":"urn:t","code":"diabetic"}"#;

/// Two disputes of one record, whose sides were written one by one and in another order at each site.
fn disputed_twice() -> Store {
    let said = |gender: &str, born: &str| {
        let (gender, born) = (
            format!(r#""gender":"{gender}""#),
            format!(r#""birthDate":"{born}""#),
        );
        let tag = format!(r#""meta":{{"tag":[{TAG}]}}"#);
        resource("Patient", &[&gender, &born, &tag])
    };
    let [a, _] = apart(
        said("unknown", "1980-01-01"),
        vec![said("female", "1980-01-01"), said("female", "1980-02-02")],
        vec![said("unknown", "1980-03-03"), said("male", "1980-03-03")],
    );
    a
}

#[test]
fn a_decision_is_about_the_dispute_it_names_and_leaves_the_other_open() {
    let of = key("Patient/r");
    for path in ["gender", "birthDate"] {
        for at in [0, 1] {
            let store = disputed_twice();
            let entry = store.conflict(&ctx(), &of).unwrap().unwrap();
            assert_eq!(entry.items.len(), 2);
            let item = entry.items.iter().find(|item| item.path == path).unwrap();
            let wanted = item.values[at].value.clone().unwrap();
            let resolve = Write::Resolve {
                key: of.clone(),
                path: path.to_owned(),
                listed: entry.version.clone(),
                choice: Choice::Pick(at),
            };
            store.commit(&ctx(), vec![resolve]).unwrap();
            assert_eq!(shown(&store, "Patient").get(path), Some(&wanted), "{path} {at}");
            let left = store.conflict(&ctx(), &of).unwrap().unwrap();
            assert_eq!(left.items.len(), 1, "{path} {at}");
            assert_ne!(left.items[0].path, path, "the other dispute was decided");
            assert_eq!(left.items[0].values.len(), 2);
        }
    }
}

/// Makes a record as long as `changes` say.
fn grown(store: &Store, changes: usize) {
    let work = move |tx: &mut crate::tx::Tx<'_>| {
        let prf = crate::row::record_prf(&tx.core.sealer, &key("Patient/r"));
        let mut row = crate::row::read_tx(tx, &prf)?.unwrap();
        row.head.changes = u32::try_from(changes).unwrap();
        let id = tx.scope(&first_scope(&row.head))?.id;
        crate::row::put(tx, id, &prf, &row.head, &row.tail, row.pieces)
    };
    store.core.transact::<_, StoreError>(1, work).unwrap();
}

#[test]
fn a_record_of_as_many_changes_as_peers_take_gets_no_more() {
    type Make = fn(&Store) -> Write;
    let writes: [(&str, Make); 5] = [
        ("put", |store| {
            let mut next = shown(store, "Patient");
            let members = next.as_object_mut().unwrap();
            members.insert("language".to_owned(), chaski_json::Json::from("qu"));
            put(next)
        }),
        ("take a tag away", |_| Write::SetRemove {
            key: key("Patient/r"),
            path: "meta.tag".to_owned(),
            value: json(TAG),
        }),
        ("delete", |_| Write::Delete {
            key: key("Patient/r"),
            base: Base::Current,
        }),
        ("resolve", |store| {
            let entry = store.conflict(&ctx(), &key("Patient/r")).unwrap().unwrap();
            Write::Resolve {
                key: key("Patient/r"),
                path: entry.items[0].path.clone(),
                listed: entry.version,
                choice: Choice::Pick(0),
            }
        }),
        ("resolve in words", |store| {
            let entry = store.conflict(&ctx(), &key("Patient/r")).unwrap().unwrap();
            Write::Resolve {
                key: key("Patient/r"),
                path: entry.items[0].path.clone(),
                listed: entry.version,
                choice: Choice::Remove,
            }
        }),
    ];
    for (what, write) in writes {
        let store = disputed_twice();
        for changes in [HISTORY_CHANGES_MAX, HISTORY_CHANGES_MAX + 1] {
            grown(&store, changes);
            let before = (store.position(), shown(&store, "Patient"));
            let refused = store.commit(&ctx(), vec![write(&store)]).unwrap_err();
            assert!(
                matches!(
                    refused,
                    CommitError::Refused {
                        refusal: Refusal::HistoryFull,
                        ..
                    }
                ),
                "{what} at {changes}: {refused:?}"
            );
            assert_eq!((store.position(), shown(&store, "Patient")), before);
        }
        grown(&store, HISTORY_CHANGES_MAX - 1);
        let written = store.commit(&ctx(), vec![write(&store)]).unwrap();
        assert!(!written[0].unchanged, "{what}");
    }
}

/// A result of one person that is filed to two others apart, and one that is filed anew here and changed there.
#[test]
fn whose_a_record_is_is_a_persons_to_decide() {
    let told = |patient: &str, value: u32| {
        put(
            json!({"resourceType": "Observation", "id": "r", "status": "final", "code": {"text": "HIV"},
            "subject": {"reference": format!("Patient/{patient}")}, "valueInteger": value}),
        )
    };
    for (one, other) in [(told("b", 1), told("c", 1)), (told("b", 1), told("a", 2))] {
        for store in apart(told("a", 1), vec![one.clone()], vec![other.clone()]) {
            let of = key("Observation/r");
            let entry = store
                .conflict(&ctx(), &of)
                .unwrap()
                .expect("two people, and not a word");
            let item = &entry.items[0];
            assert_eq!(
                (entry.items.len(), item.path.as_str(), item.values.len()),
                (1, "!group/value", 2)
            );
            let sides = item.values.iter().map(|side| side.value.as_ref().unwrap());
            let sides: Vec<String> = sides.map(Json::canonical).collect();
            for write in [&one, &other] {
                let Write::Put { json, .. } = write else { panic!() };
                let has = |name: &str| {
                    let part = json.get(name).unwrap().canonical();
                    sides.iter().any(|side| side.contains(&part))
                };
                assert!(has("subject") && has("valueInteger"), "{sides:?}");
            }
            assert!(store.read(&ctx(), &of).unwrap().unwrap().conflicts > 0);
            // It is found with each whose it may be.
            for patient in ["b", "c", "a"]
                .iter()
                .filter(|id| sides.iter().any(|side| side.contains(&format!("Patient/{id}"))))
            {
                let found = store
                    .search(&ctx(), &query("Observation", &format!("patient={patient}")))
                    .unwrap();
                assert_eq!(found.entries.len(), 1, "{patient}");
            }
        }
    }
}
