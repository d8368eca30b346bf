//! Members for whom a node has no room: each is told when to come, and comes in its turn.

use super::*;
use crate::limits::{SESSIONS_MAX, TURN_AWAY_S, TURN_IDLE_MS, WAIT_S_MAX};

fn node(n: u16) -> NodeId {
    let mut key = [7; 32];
    key[..2].copy_from_slice(&n.to_be_bytes());
    NodeId(key)
}

fn opened(bus: &mut Bus, session: SessionId, peer: NodeId, outbound: bool) -> Result<(), CloseReason> {
    let event = Event::Opened {
        session,
        peer,
        outbound,
        address: String::new(),
        request: None,
    };
    bus.give(0, event);
    let is_open = bus.nodes[0].engine.session_ids().any(|open| open == session);
    match is_open {
        true => Ok(()),
        false => Err(bus.nodes[0].closes.last().cloned().unwrap()),
    }
}

fn gone(bus: &mut Bus, session: SessionId) {
    let reason = CloseReason::Done;
    bus.give(0, Event::Closed { session, reason });
}

/// Fills the first node with sessions until there is room for so many more.
fn fill(bus: &mut Bus, free: usize) {
    let open = bus.nodes[0].engine.session_ids().count();
    for n in 0..SESSIONS_MAX - open - free {
        opened(bus, 10_000 + n as u64, node(n as u16), true).unwrap();
    }
}

#[test]
fn a_member_is_told_when_there_is_room_and_comes_before_those_who_came_later() {
    let mut bus = Bus::new(3);
    let (first, second) = (bus.nodes[1].id(), bus.nodes[2].id());
    fill(&mut bus, 0);
    let Err(CloseReason::Wait(before)) = opened(&mut bus, 1, first, false) else {
        panic!("no word of when")
    };
    bus.now_ms += 1_000;
    let Err(CloseReason::Wait(after)) = opened(&mut bus, 2, second, false) else {
        panic!("no word of when")
    };
    assert!(
        (1..=WAIT_S_MAX).contains(&before) && after >= before,
        "{before} {after}"
    );
    // Its time has come, and a place is free: it is the one's who has waited longer, whoever is there first.
    bus.now_ms += u64::from(before) * 1_000;
    gone(&mut bus, 10_000);
    assert!(matches!(
        opened(&mut bus, 3, second, false),
        Err(CloseReason::Wait(_))
    ));
    assert_eq!(opened(&mut bus, 4, first, false), Ok(()));
    gone(&mut bus, 10_001);
    assert_eq!(opened(&mut bus, 5, second, false), Ok(()));
    // A session that was refused makes no room, and who is turned away is not dialled from here at once.
    assert!(matches!(
        opened(&mut bus, 6, node(60_000), false),
        Err(CloseReason::Wait(_))
    ));
}

#[test]
fn a_session_on_which_nothing_is_under_way_gives_its_place_to_one_that_waits() {
    let mut bus = Bus::new(4);
    let waits = bus.nodes[3].id();
    for clinic in [1, 2] {
        bus.connect(clinic, 0, None);
        bus.run();
        bus.now_ms += 500;
    }
    let live = |bus: &Bus| -> Vec<NodeId> { bus.nodes[0].engine.sessions.values().map(|s| s.peer).collect() };
    assert_eq!(live(&bus).len(), 2);
    fill(&mut bus, 0);
    // They have only just been at work.
    assert!(matches!(
        opened(&mut bus, 5, waits, false),
        Err(CloseReason::Wait(_))
    ));
    bus.now_ms += TURN_IDLE_MS;
    assert_eq!(opened(&mut bus, 6, waits, false), Ok(()));
    assert_eq!(bus.nodes[0].closes.last(), Some(&CloseReason::Wait(TURN_AWAY_S)));
    let left = live(&bus);
    let (longest, other) = (bus.nodes[1].id(), bus.nodes[2].id());
    assert!(!left.contains(&longest) && left.contains(&other) && left.contains(&waits));
    // No stranger takes a place so, nor does one that was dialled from here.
    assert!(opened(&mut bus, 7, node(60_000), false).is_err());
    assert_eq!(opened(&mut bus, 8, node(60_001), true), Err(CloseReason::Busy));
    assert!(live(&bus).contains(&other));
}

#[test]
fn who_is_told_to_wait_dials_when_its_time_has_come_and_not_before() {
    let mut bus = Bus::new(2);
    let hub = bus.nodes[0].id();
    let (session, _) = bus.connect(1, 0, None);
    bus.run();
    let engine = &mut bus.nodes[1].engine;
    engine.core.options.daemon = true;
    engine.core.peers.learn(&hub, "10.0.0.1:1");
    let reason = CloseReason::Wait(40);
    engine.handle(now_at(bus.now_ms), Event::Closed { session, reason });
    let began_ms = bus.now_ms;
    let dials = |bus: &mut Bus| {
        let effects = bus.nodes[1].engine.handle(now_at(bus.now_ms), Event::Tick);
        let is_dial = |effect: &Effect| matches!(effect, Effect::Connect { .. } | Effect::Knock { .. });
        effects.iter().any(is_dial)
    };
    while !dials(&mut bus) {
        bus.now_ms += 250;
        assert!(bus.now_ms < began_ms + 60_000, "never dialled");
    }
    let waited_ms = bus.now_ms - began_ms;
    assert!((40_000..=52_000).contains(&waited_ms), "after {waited_ms} ms");
}
