//! Members for whom a node has no room: each is told when to come, and comes in its turn.

use super::*;
use crate::limits::{MEETING_MS, MEETINGS_MAX, SESSIONS_MAX, TURN_AWAY_S, TURN_IDLE_MS, WAIT_S_MAX};

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
    let reason = CloseReason::Wait(8);
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
    assert!((8_000..=11_500).contains(&waited_ms), "after {waited_ms} ms");
}

#[test]
fn exchanges_begin_as_others_come_to_their_end_and_none_that_takes_long_is_in_the_way() {
    let mut bus = Bus::new(MEETINGS_MAX + 5);
    let node = |bus: &Bus, index: usize| bus.nodes[index].id();
    for index in 1..=MEETINGS_MAX {
        let peer = node(&bus, index);
        assert_eq!(opened(&mut bus, index as u64, peer, false), Ok(()));
    }
    // Not before its time, and in the order they came; one that comes again with a second link does not wait for itself.
    let late: Vec<NodeId> = (1..=3).map(|n| node(&bus, MEETINGS_MAX + n)).collect();
    for (peer, session) in late.iter().zip(100..) {
        let told = opened(&mut bus, session, *peer, false);
        assert!(matches!(told, Err(CloseReason::Wait(1..=3))), "{told:?}");
        bus.now_ms += 10;
    }
    let again = node(&bus, 1);
    assert_eq!(opened(&mut bus, 200, again, false), Ok(()));
    gone(&mut bus, 2);
    assert!(opened(&mut bus, 300, late[1], false).is_err());
    assert_eq!(opened(&mut bus, 301, late[0], false), Ok(()));
    // One that both hold the same after is over, though its session stays.
    let last = MEETINGS_MAX + 4;
    bus.now_ms += MEETING_MS;
    assert_eq!(opened(&mut bus, 302, late[1], false), Ok(()));
    for _ in 0..2 * MEETINGS_MAX {
        assert!(bus.sync(last, 0).unwrap().in_sync);
    }
}
