//! How far a peer says that it has read is believed only of this log and of what it may be given now.

use super::durable::heard;
use super::*;
use crate::wire::{self, Cursor, Message, Priority};

/// A hub with twenty records, the fourth of them edited, and the hello of a second node with its cursor changed.
fn told(change: impl Fn(&mut Cursor) + 'static) -> (Bus, Arc<Mutex<Vec<Message>>>) {
    let mut bus = Bus::new(2);
    for i in 0..20 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    patient(&bus.nodes[0].store, "a3", "Mamani");
    let position = bus.nodes[0].store.position();
    let scope = bus.nodes[0].engine.trust().filter_for(&bus.nodes[1].id()).1;
    let epoch = bus.nodes[0].store.log_epoch();
    let said = heard(&mut bus, 0);
    let mut note = bus.tamper.take().unwrap();
    bus.tamper = Some(Box::new(move |node, priority, bytes| {
        let bytes = note(node, priority, bytes);
        match wire::decode(&bytes).unwrap() {
            (hop, Message::Hello(mut hello)) if node == 1 => {
                let mut cursor = Cursor {
                    epoch,
                    scope,
                    positions: [position; 3],
                    bases: [position; 3],
                };
                change(&mut cursor);
                hello.cursor = Some(cursor);
                wire::encode(hop, &Message::Hello(hello))
            }
            _ => bytes,
        }
    }));
    (bus, said)
}

/// Changes sent of the feed, as what was asked for by key is not.
fn sent(said: &Mutex<Vec<Message>>) -> usize {
    let said = said.lock().unwrap();
    let changes = |message: &Message| match message {
        Message::Batch(batch) if batch.to > 0 => {
            let parts = crate::batch::decode(&batch.payload).unwrap();
            parts.iter().map(|part| part.1.len()).sum()
        }
        _ => 0,
    };
    said.iter().map(changes).sum()
}

#[test]
fn a_cursor_of_another_log_scope_or_future_is_not_gone_on_from() {
    type Change = Box<dyn Fn(&mut Cursor)>;
    let rows: [(&str, Change, usize); 6] = [
        ("as it is", Box::new(|_| ()), 0),
        (
            "behind",
            Box::new(|cursor| (cursor.positions, cursor.bases) = ([5; 3], [5; 3])),
            16,
        ),
        (
            "pass begun",
            Box::new(|cursor| (cursor.positions, cursor.bases) = ([5; 3], [0; 3])),
            17,
        ),
        ("another log", Box::new(|cursor| cursor.epoch ^= 1), 21),
        ("another grant", Box::new(|cursor| cursor.scope ^= 1), 21),
        ("the future", Box::new(|cursor| cursor.positions[2] += 1), 21),
    ];
    for (what, change, expected) in rows {
        let (mut bus, said) = told(change);
        bus.connect(1, 0, Some(1));
        bus.run();
        assert_eq!(sent(&said), expected, "{what}");
        // Whatever it had claimed, it has all in the end.
        let report = bus.nodes[1].reports.pop().unwrap().unwrap();
        assert!(report.in_sync, "{what}: {report:?}");
        bus.assert_equal();
    }
}

fn keep(bus: &Bus, node: usize, of: usize, cursor: Cursor) {
    let (peer, value) = (bus.nodes[of].id(), postcard::to_stdvec(&cursor).unwrap());
    let update = chaski_store::CursorUpdate { peer, value };
    bus.nodes[node].store.cursor_put(update).unwrap();
}

fn kept(bus: &Bus, node: usize, of: usize) -> Cursor {
    let kept = bus.nodes[node].store.cursor(&bus.nodes[of].id()).unwrap();
    postcard::from_bytes(&kept.unwrap()).unwrap()
}

#[test]
fn what_was_read_under_another_grant_or_of_another_log_is_read_anew() {
    for (dialler, other_scope) in [(1, true), (1, false), (0, true), (0, false)] {
        let mut bus = Bus::new(2);
        for i in 0..20 {
            patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        }
        let right = Cursor {
            epoch: bus.nodes[0].store.log_epoch(),
            scope: bus.nodes[1].engine.trust().filter_for(&bus.nodes[1].id()).1,
            positions: [bus.nodes[0].store.position(); 3],
            bases: [bus.nodes[0].store.position(); 3],
        };
        let mut wrong = right;
        if other_scope {
            wrong.scope ^= 1;
        } else {
            wrong.epoch ^= 1;
        }
        keep(&bus, 1, 0, wrong);
        let said = heard(&mut bus, 1);
        let report = bus.sync(dialler, 1 - dialler).unwrap();
        assert!(report.in_sync, "{report:?}");
        bus.assert_equal();
        assert_eq!(
            kept(&bus, 1, 0),
            right,
            "dialled by {dialler}, scope {other_scope}"
        );
        // Of what it may be given now nothing was read; nor was any of it claimed in between.
        let said = said.lock().unwrap();
        let claims = said.iter().filter_map(|message| match message {
            Message::Hello(hello) => Some((hello.cursor, hello.status.received)),
            _ => None,
        });
        for (cursor, received) in claims {
            if other_scope {
                assert!(cursor.is_none() && received == 0, "{cursor:?} {received}");
            }
        }
    }
}

/// A team's log begins again when its disk is replaced: what it had written beyond its panel, which nobody
/// compares, must reach the hub though the hub had read the old log further than the new one goes.
#[test]
fn a_new_log_of_a_team_is_read_from_its_beginning() {
    let mut bus = Bus::new(1);
    let panel = Scopes::Panels(BTreeSet::from(["mine".to_owned()]));
    let team = bus.member_add(1, panel, None);
    for i in 0..10 {
        observation(&bus.nodes[team].store, &format!("old{i}"), "elsewhere", i);
    }
    assert!(bus.sync(team, 0).unwrap().in_sync);
    bus.cut();
    let (fresh, _) = store(60);
    let old = &bus.nodes[team].store;
    let identity = StoreReplica::new(old.clone()).unwrap().identity();
    Trust::load(old, identity.network).unwrap().save(&fresh).unwrap();
    fresh.identity_set(&identity).unwrap();
    bus.nodes[team] = Node::of(fresh, Options::default());
    patient(&bus.nodes[team].store, "newborn", "Quispe");
    let report = bus.sync(team, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    let key = "Patient/newborn".parse().unwrap();
    assert!(
        bus.nodes[0].store.contains(&key).unwrap(),
        "in sync, and not there"
    );
    assert_eq!(kept(&bus, 0, team).epoch, bus.nodes[team].store.log_epoch());
}

/// A team's disk comes back from a backup: its log is the same and shorter than what the hub has read of it. Cut off
/// anywhere and grown past that point since, none of it may count as read.
#[test]
fn a_log_that_came_back_from_a_backup_is_read_again_however_often_it_is_cut_off() {
    for cut_at in 1..14 {
        let mut bus = Bus::new(1);
        let panel = Scopes::Panels(BTreeSet::from(["mine".to_owned()]));
        let team = bus.member_add(1, panel, None);
        for i in 0..10 {
            observation(&bus.nodes[team].store, &format!("o{i}"), "elsewhere", i);
        }
        let small = Options {
            batch_bytes: 512,
            ..Options::default()
        };
        bus.nodes[team] = Node::of(bus.nodes[team].store.clone(), small);
        let read = bus.nodes[team].store.position() + 10;
        let ahead = Cursor {
            epoch: bus.nodes[team].store.log_epoch(),
            scope: bus.nodes[0].engine.trust().filter_for(&bus.nodes[0].id()).1,
            positions: [read; 3],
            bases: [read; 3],
        };
        keep(&bus, 0, team, ahead);
        bus.deliver_max = Some(cut_at);
        bus.connect(team, 0, Some(1));
        bus.run();
        bus.deliver_max = None;
        bus.cut();
        bus.nodes[0].restart();
        for i in 10..30 {
            observation(&bus.nodes[team].store, &format!("o{i}"), "elsewhere", i);
        }
        assert!(bus.nodes[team].store.position() > read);
        let report = bus.sync(team, 0).unwrap();
        assert!(report.in_sync, "cut at {cut_at}: {report:?}");
        for i in 0..30 {
            let key = format!("Observation/o{i}").parse().unwrap();
            let is_there = bus.nodes[0].store.contains(&key).unwrap();
            assert!(is_there, "in sync without record {i}, cut at message {cut_at}");
        }
    }
}

#[test]
fn the_urgent_kinds_go_on_a_stream_of_their_own() {
    let rows = [
        (
            Priority::Critical,
            "AllergyIntolerance MedicationRequest MedicationStatement Condition Patient Flag Consent \
             DetectedIssue Immunization",
        ),
        (Priority::Attachment, "Binary Media"),
        (
            Priority::Rest,
            "Observation Encounter Organization Procedure DocumentReference Anything",
        ),
    ];
    for (priority, kinds) in rows {
        for kind in kinds.split_whitespace() {
            assert_eq!(Priority::of_kind(kind), priority, "{kind}");
        }
    }
}
