//! First messages that lie, are not understood, never come, or never end; and
//! revocations that are heard in another order elsewhere. Each with the sentence
//! that a person is told.

use super::*;
use crate::limits::{EARLY_BYTES_MAX, FLOOD_MESSAGES_MAX, HELLO_MS_MAX};
use crate::wire::{self, Hello, Message, Status};

/// Rewrites what a node says of itself.
fn lie(bus: &mut Bus, by: usize, lie: impl Fn(Option<&mut Hello>, Option<&mut Status>) + 'static) {
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        if node != by {
            return bytes;
        }
        let (hop, mut message) = wire::decode(&bytes).unwrap();
        match &mut message {
            Message::Hello(hello) => lie(Some(hello), None),
            Message::Status(status) => lie(None, Some(status)),
            _ => {}
        }
        wire::encode(hop, &message)
    }));
}

fn open(bus: &mut Bus, session: SessionId, peer: NodeId) {
    let event = Event::Opened {
        session,
        peer,
        outbound: false,
        address: String::new(),
        request: None,
    };
    bus.give(0, event);
}

fn say(bus: &mut Bus, session: SessionId, priority: Priority, bytes: Vec<u8>) {
    let event = Event::Message {
        session,
        priority,
        bytes,
    };
    bus.give(0, event);
}

/// A session that a member has opened and says nothing on.
fn opened() -> Bus {
    let mut bus = Bus::new(2);
    let id = bus.nodes[1].id();
    open(&mut bus, 100, id);
    bus
}

/// Why the hub closed, as told here; what it wrote in the log agrees. Nothing is lost by it.
fn assert_closed(mut bus: Bus, reason: &str) {
    let told: Vec<String> = bus.nodes[0].closes.iter().map(ToString::to_string).collect();
    assert_eq!(told, [reason]);
    let noted = bus.nodes[0].notices.iter().any(|text| text.contains(reason));
    assert!(noted, "{:?}", bus.nodes[0].notices);
    bus.cut();
    patient(&bus.nodes[0].store, "p", "Quispe");
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.assert_equal();
}

#[test]
fn a_silent_peer_is_left() {
    let mut bus = opened();
    bus.now_ms += HELLO_MS_MAX + 1;
    bus.give(0, Event::Tick);
    assert_closed(bus, "the peer said nothing");
}

#[test]
fn who_asks_a_silent_peer_is_told() {
    let mut bus = Bus::new(2);
    bus.deliver_max = Some(0);
    bus.connect(1, 0, Some(1));
    bus.run();
    bus.now_ms += HELLO_MS_MAX + 1;
    bus.give(1, Event::Tick);
    let report = bus.nodes[1].reports.pop().unwrap();
    assert_eq!(report.unwrap_err().to_string(), "the peer said nothing");
}

#[test]
fn an_unknown_version_is_refused() {
    let mut bus = opened();
    say(&mut bus, 100, Priority::Control, vec![9, 1, 2]);
    assert_closed(bus, "the peer speaks version 9, which is not spoken here");
}

#[test]
fn what_cannot_be_read_is_refused() {
    let mut bus = opened();
    say(&mut bus, 100, Priority::Control, Vec::new());
    assert_closed(
        bus,
        "the peer sent something unreadable: a message could not be read",
    );
}

#[test]
fn a_flooding_peer_is_left() {
    let mut bus = Bus::new(2);
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    let ack = wire::encode(1, &Message::Ack(wire::Ack::default()));
    for _ in 0..=FLOOD_MESSAGES_MAX {
        say(&mut bus, there, Priority::Control, ack.clone());
    }
    assert_closed(bus, "the peer sent more than it may");
}

#[test]
fn a_peer_that_floods_before_its_hello_is_left() {
    let mut bus = opened();
    let batch = wire::Batch {
        id: 1,
        from: 0,
        to: 1,
        base: 0,
        authority: 0,
        payload: vec![0; EARLY_BYTES_MAX / 2],
    };
    for _ in 0..2 {
        let bytes = wire::encode(1, &Message::Batch(batch.clone()));
        say(&mut bus, 100, Priority::Rest, bytes);
    }
    assert_closed(bus, "the peer sent more than it may");
}

#[test]
fn a_peer_that_claims_more_of_ours_than_we_wrote_costs_an_incarnation_and_nothing_else() {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[1].store, "a", "Quispe");
    let (incarnation, last) = bus.nodes[1].store.incarnation().unwrap();
    lie(&mut bus, 0, move |hello, _| {
        if let Some(hello) = hello {
            hello.status.seen = Some((incarnation, last + 1_000));
        }
    });
    assert!(bus.sync(1, 0).unwrap().in_sync);
    let noted = bus.nodes[1]
        .notices
        .iter()
        .any(|text| text == "this node was restored from an older copy: new incarnation");
    assert!(noted, "{:?}", bus.nodes[1].notices);
    patient(&bus.nodes[1].store, "b", "Mamani");
    assert_ne!(bus.nodes[1].store.incarnation().unwrap().0, incarnation);
    // Of an incarnation that is not ours, the claim means nothing.
    let now = bus.nodes[1].store.incarnation().unwrap();
    lie(&mut bus, 0, |hello, _| {
        if let Some(hello) = hello {
            hello.status.seen = Some((7, u64::MAX));
        }
    });
    bus.cut();
    assert!(bus.sync(1, 0).unwrap().in_sync);
    patient(&bus.nodes[1].store, "c", "Mamani");
    assert_eq!(bus.nodes[1].store.incarnation().unwrap().0, now.0);
    bus.tamper = None;
    bus.cut();
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.assert_equal();
    assert_eq!(
        (bus.nodes[0].records(), bus.nodes[0].store.quarantined_count()),
        (3, 0)
    );
}

#[test]
fn a_peer_that_lies_about_its_log_is_believed_nothing_for_good() {
    for told in [u64::MAX, 0] {
        let mut bus = Bus::new(2);
        for i in 0..20 {
            patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
            patient(&bus.nodes[1].store, &format!("b{i}"), "Quispe");
        }
        lie(&mut bus, 0, move |hello, status| {
            let status = match (hello, status) {
                (Some(hello), _) => {
                    hello.incarnation = Some((3, told));
                    &mut hello.status
                }
                (None, Some(status)) => status,
                (None, None) => return,
            };
            (status.position, status.received) = (told, told);
        });
        bus.now_ms += 10_000;
        bus.connect(1, 0, None);
        bus.run();
        bus.cut();
        bus.tamper = None;
        patient(&bus.nodes[0].store, "later", "Quispe");
        let report = bus.sync(1, 0).unwrap();
        assert!(report.in_sync, "{told}: {report:?}");
        bus.assert_equal();
        assert_eq!(bus.nodes[1].records(), 41);
    }
}

#[test]
fn two_revocations_heard_in_either_order_end_alike() {
    let mut bus = Bus::new(5);
    for (node, id) in [(1, "one"), (2, "two")] {
        patient(&bus.nodes[node].store, id, "Quispe");
        bus.sync(node, 0).unwrap();
    }
    let lost = [1, 2].map(|node| bus.nodes[node].id());
    let now = bus.now_ms;
    for node in lost {
        bus.nodes[0]
            .engine
            .revoke(now_at(now), node, "lost".into())
            .unwrap();
    }
    let heard: Vec<Vec<u8>> = bus.nodes[0].engine.trust().statements_after(0).cloned().collect();
    let (known, revocations) = heard.split_at(heard.len() - 2);
    // A relay hands the two on in the other order, one of them before the changes it is about.
    for (node, order) in [(3, [0, 1]), (4, [1, 0])] {
        let mut trust = Trust::found(bus.nodes[0].engine.trust().root(), known).unwrap();
        for at in order {
            let one = [revocations[at].clone()];
            trust.add(&bus.nodes[node].store, &one).unwrap();
        }
        bus.nodes[node].restart();
    }
    for node in [3, 4] {
        assert!(bus.sync(node, 0).unwrap().in_sync);
        let trust = bus.nodes[node].engine.trust();
        assert_eq!(trust.digest(), bus.nodes[0].engine.trust().digest());
        assert_eq!(bus.nodes[node].fingerprint(), bus.nodes[0].fingerprint());
        assert_eq!(bus.nodes[node].records(), 2);
        for (revoked, who) in [(1, lost[0]), (2, lost[1])] {
            assert!(bus.nodes[node].engine.trust().is_revoked(&who));
            bus.cut();
            let refused = bus.sync(revoked, node).unwrap_err();
            assert_eq!(refused.to_string(), "the peer is revoked");
        }
    }
}
