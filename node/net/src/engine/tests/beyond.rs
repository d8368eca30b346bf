//! What a team gives the hub beyond its panel, nobody compares: what is lost of it on the way is lost for good, so
//! it must not count as taken before it is.

use super::slow::noise;
use super::*;
use crate::wire::{self, Cursor, Message};

const PARTS: usize = 3;

/// A hub and a team that wrote, again and again, a large record of somebody outside its panel.
fn team_with_scan() -> (Bus, usize) {
    let mut bus = Bus::new(1);
    let panel = Scopes::Panels(BTreeSet::from(["mine".to_owned()]));
    let team = bus.member_add(1, panel, None);
    for version in 0..PARTS {
        let text = noise(version as u64, 50 << 10);
        put(
            &bus.nodes[team].store,
            &format!(
                r#"{{"resourceType":"Observation","id":"scan","status":"final","subject":{{"reference":"Patient/elsewhere"}},"note":[{{"text":"{text}"}}]}}"#
            ),
        );
    }
    (bus, team)
}

/// The versions of it that the hub holds.
fn versions_at_hub(bus: &Bus) -> usize {
    let key = "Observation/scan".parse().unwrap();
    bus.nodes[0].store.signed_changes(&key).unwrap_or_default().len()
}

/// How far the team's log counts as read at the hub.
fn read_at_hub(bus: &Bus, team: usize) -> u64 {
    let kept = bus.nodes[0].store.cursor(&bus.nodes[team].id()).unwrap();
    let cursor: Option<Cursor> = kept.map(|bytes| postcard::from_bytes(&bytes).unwrap());
    cursor.map_or(0, |cursor| cursor.positions.into_iter().max().unwrap())
}

/// One exchange of which so many messages are delivered.
fn cut_after(bus: &mut Bus, team: usize, messages: u64) {
    bus.deliver_max = Some(bus.delivered + messages);
    bus.connect(team, 0, None);
    bus.run();
    bus.deliver_max = None;
    bus.cut();
}

/// A node's store as a rebuild leaves it that could save no record: the key, what is trusted, the documents.
fn rebuilt(bus: &mut Bus, node: usize) {
    let (fresh, _) = store(80);
    let old = &bus.nodes[node].store;
    let identity = StoreReplica::new(old.clone()).unwrap().identity();
    for (name, bytes) in old.blobs("").unwrap() {
        fresh.blob_put(&name, &bytes).unwrap();
    }
    fresh.identity_set(&identity).unwrap();
    assert_ne!(fresh.log_epoch(), old.log_epoch());
    bus.nodes[node] = Node::of(fresh, Options::default());
}

#[test]
fn a_large_record_that_was_cut_off_anywhere_comes_in_full_the_next_time() {
    // Whole batches, or pieces of them; the hub as it was, or rebuilt in between without the record.
    for (batch_bytes, is_rebuilt) in [
        (64 << 10, false),
        (64 << 10, true),
        (16 << 10, false),
        (16 << 10, true),
    ] {
        let (mut in_part, mut whole) = (0, 0);
        for messages in 1..60 {
            let (mut bus, team) = team_with_scan();
            let options = Options {
                batch_bytes,
                ..Options::default()
            };
            bus.nodes[team] = Node::of(bus.nodes[team].store.clone(), options);
            cut_after(&mut bus, team, messages);
            match versions_at_hub(&bus) {
                0 => {}
                PARTS => whole += 1,
                _ => in_part += 1,
            }
            let is_marked = read_at_hub(&bus, team) >= bus.nodes[team].store.position();
            assert!(
                !is_marked || versions_at_hub(&bus) == PARTS,
                "marked as received with {} versions of it: cut after {messages}",
                versions_at_hub(&bus)
            );
            if is_rebuilt {
                rebuilt(&mut bus, 0);
                assert_eq!(versions_at_hub(&bus), 0);
            } else {
                bus.nodes[0].restart();
            }
            let report = bus.sync(team, 0).unwrap();
            assert!(report.in_sync, "{report:?}");
            assert_eq!(
                versions_at_hub(&bus),
                PARTS,
                "in sync, and not all of it there: cut after {messages}, rebuilt {is_rebuilt}"
            );
            if whole > 1 {
                break;
            }
        }
        assert!(
            in_part > 0 && whole > 0,
            "cut in {in_part} places within it: no test"
        );
    }
}

#[test]
fn an_edit_whose_predecessor_was_lost_on_the_way_is_asked_for() {
    for dialler_is_hub in [false, true] {
        let mut bus = Bus::new(1);
        let panel = Scopes::Panels(BTreeSet::from(["mine".to_owned()]));
        let team = bus.member_add(1, panel, None);
        patient(&bus.nodes[team].store, "newborn", "Quispe");
        patient(&bus.nodes[team].store, "newborn", "Mamani");
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        bus.tamper = Some(Box::new(move |node, _, bytes| {
            let (hop, mut message) = wire::decode(&bytes).unwrap();
            let Message::Batch(batch) = &mut message else {
                return bytes;
            };
            let mut parts = crate::batch::decode(&batch.payload).unwrap();
            let is_first = node == team && counted.load(Ordering::SeqCst) == 0;
            if is_first && parts[0].1.len() == 2 {
                counted.fetch_add(1, Ordering::SeqCst);
                parts[0].1.remove(0);
                batch.payload = crate::batch::encode(&parts).unwrap();
                return wire::encode(hop, &message);
            }
            bytes
        }));
        let (from, to) = if dialler_is_hub { (0, team) } else { (team, 0) };
        bus.connect(from, to, None);
        bus.run();
        assert_eq!(lost.load(Ordering::SeqCst), 1, "nothing was lost: no test");
        let key = "Patient/newborn".parse().unwrap();
        let hub = &bus.nodes[0].store;
        assert!(hub.contains(&key).unwrap(), "it waits for ever");
        assert_eq!(hub.signed_changes(&key).unwrap().len(), 2);
        assert_eq!(hub.raw(&key).unwrap(), bus.nodes[team].store.raw(&key).unwrap());
    }
}

#[test]
fn a_history_longer_than_a_batch_can_be_sent_and_read_on_the_other_side() {
    let bus = Bus::new(1);
    let text = noise(9, 44 << 10);
    put(
        &bus.nodes[0].store,
        &format!(r#"{{"resourceType":"Binary","id":"b","contentType":"text/plain","data":"{text}"}}"#),
    );
    let key: RecordKey = "Binary/b".parse().unwrap();
    let one = bus.nodes[0].store.signed_changes(&key).unwrap().remove(0);
    // More than one batch may hold, though no single change is large.
    let all = vec![one; 100];
    assert!(
        crate::batch::encode(&[(key.clone(), all.clone())]).is_err(),
        "it fits: no test"
    );
    let mut again = Vec::new();
    for part in crate::batch::split(&key, all.clone()) {
        let payload = crate::batch::encode(&[part]).expect("a part that can be sent");
        for (of, changes) in crate::batch::decode(&payload).expect("a part that can be read") {
            assert_eq!(of, key);
            again.extend(changes);
        }
    }
    assert!(again == all, "not the same changes in the same order");
}
