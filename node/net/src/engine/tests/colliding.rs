//! Two teams that write under one id, each for a patient of its own: neither is given what the other wrote, and
//! both are in sync with the hub, which holds both.

use super::*;
use crate::wire::{self, Message};

/// A hub and two teams, each with one patient.
fn teams() -> (Bus, [usize; 2]) {
    let mut bus = Bus::new(1);
    let panel = |id: &str| Scopes::Panels(BTreeSet::from([id.to_owned()]));
    let a = bus.member_add(1, panel("a"), None);
    let b = bus.member_add(2, panel("b"), None);
    // The hub's statements reach the first with the first exchange.
    for team in [a, b] {
        assert!(bus.sync(team, 0).unwrap().in_sync);
    }
    (bus, [a, b])
}

fn problem(patient: &str, text: &str) -> String {
    format!(
        r#"{{"resourceType":"Condition","id":"x","code":{{"text":"{text}"}},"subject":{{"reference":"Patient/{patient}"}}}}"#
    )
}

fn texts(store: &Store) -> Vec<String> {
    let all = store.raw(&"Condition/x".parse().unwrap()).unwrap();
    let text = |json: &chaski_json::Json| json.pointer("/code/text").unwrap().as_str().unwrap().to_owned();
    all.iter().map(|(json, _)| text(json)).collect()
}

/// Changes of the record that were sent, and by which node.
type Sent = Arc<Mutex<Vec<(usize, Vec<u8>)>>>;

/// Notes what of the record is sent.
fn tapped(bus: &mut Bus) -> Sent {
    let seen: Sent = Arc::default();
    let noted = Arc::clone(&seen);
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        if let Ok((_, Message::Batch(batch))) = wire::decode(&bytes)
            && let Ok(parts) = crate::batch::decode(&batch.payload)
        {
            let of_record = parts
                .into_iter()
                .filter(|(key, _)| key.to_string() == "Condition/x");
            let changes = of_record.flat_map(|(_, changes)| changes);
            noted
                .lock()
                .unwrap()
                .extend(changes.map(|change| (node, change.bytes)));
        }
        bytes
    }));
    seen
}

#[test]
fn what_one_team_writes_under_anothers_id_opens_nothing_to_it() {
    let (mut bus, [a, b]) = teams();
    let seen = tapped(&mut bus);
    put(&bus.nodes[a].store, &problem("a", "the secret of a"));
    put(&bus.nodes[b].store, &problem("b", "the key of b"));
    for _ in 0..3 {
        for team in [a, b] {
            let report = bus.sync(team, 0).unwrap();
            assert!(report.in_sync, "{report:?}");
        }
    }
    assert_eq!(texts(&bus.nodes[0].store), ["the key of b", "the secret of a"]);
    assert_eq!(texts(&bus.nodes[a].store), ["the secret of a"]);
    assert_eq!(texts(&bus.nodes[b].store), ["the key of b"]);
    let contains = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    let seen = seen.lock().unwrap();
    assert!(
        seen.iter()
            .any(|(node, bytes)| *node == a && contains(bytes, "the secret of a"))
    );
    assert!(
        !seen
            .iter()
            .any(|(node, bytes)| *node == 0 && contains(bytes, "of ")),
        "it was sent on"
    );
}

/// The ways of repair ask for a record by its key, which both have.
#[test]
fn a_team_that_lost_its_record_is_given_its_own_and_no_other() {
    let (mut bus, [a, b]) = teams();
    for round in 0..4 {
        put(
            &bus.nodes[a].store,
            &problem("a", &format!("the secret of a {round}")),
        );
        put(
            &bus.nodes[b].store,
            &problem("b", &format!("the key of b {round}")),
        );
        for team in [a, b] {
            assert!(bus.sync(team, 0).unwrap().in_sync);
        }
    }
    for team in [a, b] {
        // As a rebuild leaves it that could save no record.
        let (fresh, _) = store(80 + team as u64);
        let old = &bus.nodes[team].store;
        let identity = StoreReplica::new(old.clone()).unwrap().identity();
        for (name, bytes) in old.blobs("").unwrap() {
            fresh.blob_put(&name, &bytes).unwrap();
        }
        fresh.identity_set(&identity).unwrap();
        let had = texts(old);
        bus.nodes[team] = Node::of(fresh, Options::default());
        let report = bus.sync(team, 0).unwrap();
        assert!(report.in_sync, "{report:?}");
        assert_eq!(texts(&bus.nodes[team].store), had);
    }
    // The hub's own copies are lost, and come back from whom each belongs to.
    let (fresh, _) = store(90);
    let old = &bus.nodes[0].store;
    let identity = StoreReplica::new(old.clone()).unwrap().identity();
    for (name, bytes) in old.blobs("").unwrap() {
        fresh.blob_put(&name, &bytes).unwrap();
    }
    fresh.identity_set(&identity).unwrap();
    let had = texts(old);
    bus.nodes[0] = Node::of(fresh, Options::default());
    for team in [b, a] {
        let report = bus.sync(team, 0).unwrap();
        assert!(report.in_sync, "{report:?}");
    }
    assert_eq!(texts(&bus.nodes[0].store), had);
}

/// A person decides at the hub, and each team learns what became of its own.
#[test]
fn once_it_is_decided_each_team_has_its_record_under_an_id_that_is_its_own() {
    let (mut bus, [a, b]) = teams();
    put(&bus.nodes[a].store, &problem("a", "of a"));
    put(&bus.nodes[b].store, &problem("b", "of b"));
    for team in [a, b] {
        assert!(bus.sync(team, 0).unwrap().in_sync);
    }
    let key: RecordKey = "Condition/x".parse().unwrap();
    let hub = bus.nodes[0].store.clone();
    let entry = hub.conflict(&ctx(), &key).unwrap().unwrap();
    let resolve = chaski_store::Write::Resolve {
        key,
        path: entry.items[0].path.clone(),
        listed: entry.version,
        choice: chaski_store::Choice::Pick(0),
    };
    hub.commit(&ctx(), vec![resolve]).unwrap();
    for team in [a, b] {
        assert!(bus.sync(team, 0).unwrap().in_sync);
        let held = |text: &str| {
            let keys = bus.nodes[team].store.keys().unwrap();
            let all = keys
                .iter()
                .flat_map(|key| bus.nodes[team].store.raw(key).unwrap());
            all.filter(|(json, _)| json.canonical().contains(text)).count()
        };
        let (own, other) = if team == a {
            ("of a", "of b")
        } else {
            ("of b", "of a")
        };
        assert_eq!((held(own), held(other)), (1, 0));
    }
    assert_eq!(
        texts(&bus.nodes[a].store).len() + texts(&bus.nodes[b].store).len(),
        1
    );
}
