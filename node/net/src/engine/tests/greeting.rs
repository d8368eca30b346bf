//! What changes between the first words of a session.

use super::meeting::{hear, hello_of, messages};
use super::proofs::rested;
use super::*;
use crate::trust::GRANT_MS;
use crate::wire::{self, Hello, Message};

fn grant(bus: &mut Bus, team: usize, panel: &[&str]) -> Vec<Effect> {
    let grant = Statement::Grant(Grant {
        node: bus.nodes[team].id(),
        scopes: Scopes::Panels(panel.iter().map(|id| (*id).to_owned()).collect()),
        expires_ms: Some(bus.now_ms + GRANT_MS),
    });
    let now = now_at(bus.now_ms);
    bus.nodes[0].engine.issue(now, grant).unwrap()
}

/// A hub and a team; the hub has a session with it on which it has heard nothing yet.
fn opened(outbound: bool) -> (Bus, Hello, Vec<Effect>) {
    let mut bus = Bus::new(1);
    let panel = Scopes::Panels(BTreeSet::from(["a".to_owned()]));
    let team = bus.member_add(1, panel, Some(bus.now_ms + GRANT_MS));
    let hello = hello_of(&mut bus, team, 0);
    let open = Event::Opened {
        session: 70,
        peer: bus.nodes[team].id(),
        outbound,
        address: String::new(),
        request: None,
    };
    let now = now_at(bus.now_ms);
    let effects = bus.nodes[0].engine.handle(now, open);
    (bus, hello, effects)
}

fn said(hello: &Hello) -> Event {
    Event::Message {
        session: 70,
        priority: Priority::Control,
        bytes: wire::encode(1, &Message::Hello(Box::new(hello.clone()))),
    }
}

/// Does the one read among these, and nothing that follows from it.
fn read_told(bus: &mut Bus, effects: Vec<Effect>) -> Vec<Effect> {
    let now = now_at(bus.now_ms);
    let engine = &mut bus.nodes[0].engine;
    let mut reads = effects.into_iter().filter_map(|effect| match effect {
        Effect::Read(job) => Some(job),
        _ => None,
    });
    let job = reads.next().expect("something is read");
    assert!(reads.next().is_none());
    let done = job.run(engine.core.replica.as_ref());
    engine.handle(now, Event::Read(Box::new(done)))
}

/// Whoever repeats a newcomer's own sum holds what it does: that is no first sync.
#[test]
fn a_first_sync_is_told_of_though_a_liar_says_that_it_holds_the_same() {
    let mut bus = Bus::new(3);
    for i in 0..50 {
        patient(&bus.nodes[0].store, &format!("h{i}"), "Quispe");
    }
    patient(&bus.nodes[1].store, "own", "Quispe");
    let own = bus.nodes[1].fingerprint();
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        match crate::wire::decode(&bytes) {
            Ok((hop, Message::Hello(mut hello))) if node == 2 => {
                (hello.status.sum, hello.status.count) = (own.sum, own.count);
                crate::wire::encode(hop, &Message::Hello(hello))
            }
            _ => bytes,
        }
    }));
    bus.connect(2, 1, None);
    bus.run();
    bus.cut();
    bus.tamper = None;
    let told = |bus: &Bus| {
        let hub = bus.nodes[0].id();
        let peers = bus.nodes[1].engine.peers();
        peers.into_iter().find(|p| p.node == hub).unwrap().first_sync
    };
    (bus.delivered, bus.deliver_max) = (0, Some(2));
    bus.connect(1, 0, None);
    bus.run();
    assert_eq!(told(&bus).map(|sync| sync.total), Some(50));
    bus.cut();
    bus.deliver_max = None;
    bus.connect(1, 0, None);
    bus.run();
    assert_eq!(told(&bus), None, "it is over");
}

#[test]
fn who_was_greeted_under_a_grant_that_has_changed_by_its_answer_is_met_anew() {
    for changes in [false, true] {
        let (mut bus, hello, effects) = opened(true);
        let greeting = read_told(&mut bus, effects);
        assert!(matches!(messages(&greeting).as_slice(), [Message::Hello(_)]));
        if changes {
            grant(&mut bus, 1, &["a", "b"]);
        }
        let now = now_at(bus.now_ms);
        let effects = bus.nodes[0].engine.handle(now, said(&hello));
        let effects = read_told(&mut bus, effects);
        let is_closed = effects.iter().any(|effect| {
            matches!(
                effect,
                Effect::Close {
                    reason: CloseReason::GrantChanged,
                    ..
                }
            )
        });
        assert_eq!(is_closed, changes);
        assert_eq!(bus.nodes[0].engine.is_live(70), !changes);
    }
}

#[test]
fn nobody_is_greeted_under_a_grant_that_changed_while_the_greeting_was_read() {
    let (mut bus, hello, effects) = opened(true);
    grant(&mut bus, 1, &["a", "b"]);
    let now = now_at(bus.now_ms);
    // What it says meanwhile is taken up under the new one; the old greeting is not said any more.
    let answer = bus.nodes[0].engine.handle(now, said(&hello));
    let greeting = read_told(&mut bus, effects);
    assert!(messages(&greeting).is_empty(), "{greeting:?}");
    let effects = read_told(&mut bus, answer);
    assert!(bus.nodes[0].engine.is_live(70));
    let effects = bus.nodes[0].engine.run_inline(now, effects);
    let hellos = messages(&effects);
    let hellos = hellos.iter().filter(|one| matches!(one, Message::Hello(_)));
    assert_eq!(hellos.count(), 1);
}

#[test]
fn what_was_read_under_a_grant_that_changed_meanwhile_is_read_again() {
    let (mut bus, hello, _) = opened(false);
    let now = now_at(bus.now_ms);
    let effects = bus.nodes[0].engine.handle(now, said(&hello));
    grant(&mut bus, 1, &["a", "b"]);
    let again = read_told(&mut bus, effects);
    assert!(!bus.nodes[0].engine.is_live(70) && messages(&again).is_empty());
    read_told(&mut bus, again);
    let engine = &bus.nodes[0].engine;
    assert!(engine.is_live(70));
    let session = &engine.sessions[&70];
    assert_eq!(*session.flow, engine.core.flow_with(&session.peer));
}

#[test]
fn whoever_is_met_is_told_how_much_of_what_it_wrote_is_known() {
    let (mut bus, _) = rested();
    bus.cut();
    let peer = bus.nodes[1].id();
    let hello = hello_of(&mut bus, 1, 0);
    let effects = hear(&mut bus, 70, peer, false, &hello);
    let Some(Message::Hello(answer)) = messages(&effects).into_iter().next() else {
        panic!("{effects:?}");
    };
    assert!(hello.incarnation.is_some());
    assert_eq!(answer.status.seen, hello.incarnation);
}

#[test]
fn where_a_first_sync_began_is_kept_at_once() {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[1].store, "a", "Quispe");
    let peer = bus.nodes[1].id();
    let hello = hello_of(&mut bus, 1, 0);
    // What is known of peers was kept a moment ago, and is not due yet.
    let core = &mut bus.nodes[0].engine.core;
    core.now_ms = steady_at(bus.now_ms);
    core.peers.unsaved(core.now_ms, true);
    hear(&mut bus, 70, peer, false, &hello);
    bus.nodes[0].restart();
    let met = bus.nodes[0].engine.core.peers.first_meeting(&peer);
    assert_eq!(met.map(|met| (met.held, met.announced)), Some((0, 1)));
}
