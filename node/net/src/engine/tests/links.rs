//! Links that are slow, silent, lost and found again.

use super::*;
use crate::engine::session::Walk;
use crate::limits::{
    ASKS_MAX, BATCH_BYTES_SLOW_MIN, DIAL_UNASKED_MS, KNOCK_MS, KNOCK_UNHEARD_MS, KNOCKS_A_TICK_MAX,
    REPLACE_MS, SILENT_MS, STALL_MS_MAX, TICK_MS, YIELD_MS_MAX,
};
use crate::pace::Pace;

const SLOW: Pace = Pace {
    bytes_s: 3_750,
    rtt_ms: 600,
};

pub(super) fn daemon() -> Options {
    Options {
        daemon: true,
        ..Options::default()
    }
}

/// Two nodes of which the second is a daemon that knows where the first is.
fn pair() -> Bus {
    let mut bus = Bus::new(2);
    let store = bus.nodes[1].store.clone();
    bus.nodes[1] = Node::of(store, daemon());
    let hub = bus.nodes[0].id();
    bus.nodes[1].engine.address_learned(&hub, "192.0.2.1:8031");
    bus
}

/// What a node does about an event, of what is for links.
fn done(bus: &mut Bus, node: usize, event: Event) -> (usize, usize) {
    let now = now_at(bus.now_ms);
    let effects = bus.nodes[node].engine.handle_inline(now, event);
    let knocks = effects
        .iter()
        .filter(|e| matches!(e, Effect::Knock { .. }))
        .count();
    let dialled = effects
        .iter()
        .filter(|e| matches!(e, Effect::Connect { request: None, .. }))
        .count();
    bus.effects(node, effects);
    (knocks, dialled)
}

fn knocked_at(bus: &Bus) -> Event {
    Event::Knocked {
        peer: bus.nodes[0].id(),
        address: "192.0.2.1:8031".to_owned(),
    }
}

#[test]
fn on_a_slow_link_a_cut_costs_no_more_than_it_carries_in_a_second_and_little_is_under_way() {
    for (pace, largest, most) in [
        (None, 64 << 10, 1 << 20),
        (Some(SLOW), BATCH_BYTES_SLOW_MIN, 12 << 10),
    ] {
        let mut bus = Bus::new(2);
        for i in 0..400 {
            patient(&bus.nodes[0].store, &format!("p{i}"), &format!("Quispe {i}"));
        }
        let (there, here) = bus.connect(1, 0, Some(1));
        for (node, session) in [(1, there), (0, here)] {
            if let Some(pace) = pace {
                bus.give(node, Event::Paced { session, pace });
            }
        }
        let (mut sizes, mut under_way) = (Vec::new(), 0);
        while let Some((node, event)) = bus.queue.pop_front() {
            if let Event::Message { bytes, .. } = &event
                && let Ok((_, crate::wire::Message::Batch(batch))) = crate::wire::decode(bytes)
            {
                sizes.push(batch.payload.len());
            }
            bus.give(node, event);
            let hub = bus.nodes[0].engine.sessions.values().next();
            let now: usize = hub.map_or(0, |s| s.send.in_flight.iter().map(|(.., bytes)| bytes).sum());
            under_way = under_way.max(now);
        }
        bus.assert_equal();
        assert!(sizes.iter().all(|bytes| *bytes <= largest), "{pace:?}: {sizes:?}");
        assert!(under_way <= most, "{pace:?}: {under_way} bytes under way");
        assert_eq!(sizes.len() > 3, pace.is_some(), "{pace:?}: {sizes:?}");
    }
}

#[test]
fn a_silent_link_is_knocked_at_once_a_second_and_by_nobody_who_does_not_wait() {
    let mut bus = pair();
    let (session, _) = bus.connect(1, 0, None);
    bus.run();
    let mut knocks = 0;
    for _ in 0..40 {
        bus.now_ms += TICK_MS;
        knocks += done(&mut bus, 1, Event::Silent { session }).0;
    }
    // Where it was dialled, and where else it may be by now.
    assert_eq!(knocks as u64, 2 * 40 * TICK_MS / KNOCK_MS);
    // What the peer dialled says nothing of where it is, and a session that is over asks for nothing.
    bus.now_ms += KNOCK_MS;
    assert_eq!(done(&mut bus, 0, Event::Silent { session: session + 1 }).0, 0);
    assert_eq!(done(&mut bus, 1, Event::Silent { session: 77 }).0, 0);
    for (request, expected) in [(None, 0), (Some(7), 1)] {
        let mut bus = Bus::new(2);
        let hub = bus.nodes[0].id();
        bus.nodes[1].engine.address_learned(&hub, "192.0.2.1:8031");
        bus.deliver_max = Some(0);
        let (session, _) = bus.connect(1, 0, request);
        bus.now_ms += SILENT_MS;
        let found = done(&mut bus, 1, Event::Silent { session }).0;
        assert_eq!(found, 2 * expected, "a command that was given {request:?}");
    }
}

#[test]
fn who_answers_is_dialled_once_unless_the_exchange_goes_on() {
    let mut bus = pair();
    let (session, _) = bus.connect(1, 0, None);
    bus.run();
    // It has just moved.
    let event = knocked_at(&bus);
    assert_eq!(done(&mut bus, 1, event).1, 0);
    bus.now_ms += REPLACE_MS;
    // The connection itself asks whether the peer is there: it has time to hear it.
    let begun = bus.now_ms;
    while bus.now_ms < begun + KNOCK_UNHEARD_MS {
        let event = knocked_at(&bus);
        assert_eq!(done(&mut bus, 1, event).1, 0, "a session that may go on");
        bus.now_ms += TICK_MS;
    }
    let mut dialled = 0;
    for _ in 0..8 {
        bus.now_ms += TICK_MS;
        let event = knocked_at(&bus);
        dialled += done(&mut bus, 1, event).1 + done(&mut bus, 1, Event::Tick).1;
    }
    assert_eq!(dialled, 1, "dialled anew while it is dialled");
    bus.now_ms += 20_000;
    bus.give(1, Event::Moved { session });
    let event = knocked_at(&bus);
    assert_eq!(done(&mut bus, 1, event).1, 0, "a link that came back by itself");
    // What was heard on it meanwhile ends that time, and the next silence has its own.
    bus.now_ms += 20_000;
    let event = knocked_at(&bus);
    assert_eq!(done(&mut bus, 1, event).1, 0);
    bus.nodes[1].engine.heard(session);
    bus.now_ms += KNOCK_UNHEARD_MS;
    let event = knocked_at(&bus);
    assert_eq!(done(&mut bus, 1, event).1, 0);
    // Nor is one whose switch is off, nor one that is no member.
    bus.now_ms += 20_000;
    let peer = bus.nodes[0].id();
    bus.give(1, Event::LinkEnabled { peer, enabled: false });
    let event = knocked_at(&bus);
    assert_eq!(done(&mut bus, 1, event).1, 0);
    let stranger = Event::Knocked {
        peer: NodeId::of(&SigningKey::from_bytes(&[77; 32])),
        address: "192.0.2.9:1".to_owned(),
    };
    assert_eq!(done(&mut bus, 1, stranger).1, 0);
}

#[test]
fn a_lost_peer_is_knocked_at_often_then_seldom_and_not_once_it_is_back() {
    let mut bus = pair();
    let hub = bus.nodes[0].id();
    let failed = Event::DialFailed {
        peer: Some(hub),
        request: None,
        address: "192.0.2.1:8031".to_owned(),
    };
    bus.give(1, Event::Tick);
    bus.give(1, failed);
    let knocks = |bus: &mut Bus, ms: u64| -> u64 {
        let ticks = ms / TICK_MS;
        let mut count = 0;
        for _ in 0..ticks {
            bus.now_ms += TICK_MS;
            count += done(bus, 1, Event::Tick).0 as u64;
        }
        count
    };
    let found = [60, 120, 480, 900].map(|for_s| knocks(&mut bus, for_s * 1_000));
    // Each second at first, then after the 60th part of the time it has been lost, in the end each 15 s.
    for (knocks, expected) in found.into_iter().zip([60, 66, 78, 62]) {
        assert!(u64::abs_diff(knocks, expected) <= expected / 8, "{found:?}");
    }
    // Where this node is reached elsewhere, it may be on another network.
    let here = || vec!["192.0.2.7:8031".parse().unwrap()];
    bus.nodes[1].engine.reached_set(Vec::new(), here());
    assert_eq!(knocks(&mut bus, 20_000), 20);
    knocks(&mut bus, 900_000);
    bus.nodes[1].engine.reached_set(Vec::new(), here());
    assert!(knocks(&mut bus, 20_000) <= 2, "it is where it was");
    bus.connect(1, 0, None);
    bus.run();
    assert_eq!(knocks(&mut bus, 120_000), 0);
}

#[test]
fn no_more_are_knocked_at_with_one_tick_than_a_link_bears_and_each_has_its_turn() {
    let mut bus = Bus::new(1);
    let lost = 3 * KNOCKS_A_TICK_MAX;
    for index in 1..=lost {
        bus.member_add(index, Scopes::All, None);
    }
    let store = bus.nodes[0].store.clone();
    bus.nodes[0] = Node::of(store, daemon());
    for index in 1..=lost {
        let peer = bus.nodes[index].id();
        let address = format!("192.0.2.{index}:8031");
        bus.nodes[0].engine.address_learned(&peer, &address);
        bus.give(
            0,
            Event::DialFailed {
                peer: Some(peer),
                request: None,
                address,
            },
        );
    }
    let mut heard = BTreeSet::new();
    // By then it is time for the first knock at each.
    bus.now_ms += KNOCK_MS;
    for _ in 0..3 {
        bus.now_ms += TICK_MS;
        let effects = bus.nodes[0].engine.handle_inline(now_at(bus.now_ms), Event::Tick);
        let knocks = effects.into_iter().filter_map(|effect| match effect {
            Effect::Knock { peer, .. } => Some(peer),
            _ => None,
        });
        let knocks: Vec<_> = knocks.collect();
        assert_eq!(knocks.len(), KNOCKS_A_TICK_MAX);
        heard.extend(knocks);
    }
    assert_eq!(heard.len(), lost);
}

#[test]
fn whoever_waits_for_more_asks_whether_the_other_is_there_and_nobody_else_does() {
    let mut bus = pair();
    bus.connect(1, 0, None);
    bus.run();
    // What it tells of itself asks nothing.
    let is_ask = |bytes: &[u8]| matches!(crate::wire::decode(bytes), Ok((_, crate::wire::Message::Ask(_))));
    let asks = |bus: &mut Bus, node: usize| -> usize {
        let mut count = 0;
        for _ in 0..20 {
            bus.now_ms += TICK_MS;
            let effects = bus.nodes[node]
                .engine
                .handle_inline(now_at(bus.now_ms), Event::Tick);
            count += effects
                .iter()
                .filter(|e| matches!(e, Effect::Send { bytes, .. } if is_ask(bytes)))
                .count();
        }
        count
    };
    assert_eq!(asks(&mut bus, 1), 0, "all is said");
    // The hub's records are on their way and do not come.
    let mut bus = pair();
    for i in 0..50 {
        patient(&bus.nodes[0].store, &format!("p{i}"), "Quispe");
    }
    bus.deliver_max = Some(2);
    bus.connect(1, 0, None);
    bus.run();
    let found = asks(&mut bus, 1);
    assert_eq!(found as u64, 20 * TICK_MS / SILENT_MS, "once in a while");
}

#[test]
fn of_two_who_dial_each_other_at_once_one_session_stays() {
    for (common, own) in [(5, 0), (5, 3), (0, 3)] {
        let mut bus = Bus::new(2);
        for i in 0..common {
            patient(&bus.nodes[0].store, &format!("p{i}"), "Quispe");
        }
        assert!(bus.sync(1, 0).unwrap().in_sync);
        bus.cut();
        bus.now_ms += 20_000;
        for i in 0..own {
            patient(&bus.nodes[0].store, &format!("n{i}"), "Quispe");
        }
        bus.connect(0, 1, None);
        bus.connect(1, 0, None);
        bus.run();
        let left = [0, 1].map(|node: usize| bus.nodes[node].engine.session_ids().count());
        assert_eq!(left, [1, 1], "{common} {own}");
        bus.assert_equal();
    }
}

#[test]
fn one_who_is_there_and_says_nothing_is_left_all_the_same() {
    let mut bus = pair();
    for i in 0..50 {
        patient(&bus.nodes[0].store, &format!("p{i}"), "Quispe");
    }
    bus.deliver_max = Some(2);
    let (session, _) = bus.connect(1, 0, Some(9));
    bus.run();
    let begun = bus.now_ms;
    while bus.nodes[1].engine.sessions.contains_key(&session) {
        bus.now_ms += TICK_MS;
        let effects = bus.nodes[1].engine.handle_inline(now_at(bus.now_ms), Event::Tick);
        // What was said is acknowledged by the transport, and answered by nobody.
        if effects.iter().any(|e| matches!(e, Effect::Send { .. })) {
            bus.give(1, Event::Moved { session });
        }
        let most = STALL_MS_MAX + u64::from(ASKS_MAX + 1) * SILENT_MS;
        assert!(bus.now_ms - begun <= most, "still waiting");
    }
}

#[test]
fn what_is_left_out_wrongly_is_repaired_however_often_that_happens() {
    let mut bus = Bus::new(2);
    for i in 0..5 {
        patient(&bus.nodes[0].store, &format!("p{i}"), "Quispe");
    }
    bus.connect(1, 0, None);
    bus.run();
    for i in 0..9 {
        patient(&bus.nodes[0].store, &format!("left-out{i}"), "Quispe");
        let position = bus.nodes[0].store.position();
        bus.nodes[0].engine.core.position = position;
        for session in bus.nodes[0].engine.sessions.values_mut() {
            session.send.walks = session.send.walks.map(|_| Walk::ended(position));
        }
        bus.give(0, Event::LocalChange);
        for _ in 0..20 {
            bus.run();
            bus.now_ms += TICK_MS;
            bus.give(0, Event::Tick);
            bus.give(1, Event::Tick);
        }
        assert_eq!(bus.nodes[1].records(), bus.nodes[0].records(), "the {i}th");
    }
}

#[test]
fn who_answers_and_refuses_is_not_knocked_at() {
    for (reason, is_lost) in [
        (CloseReason::Lost("gone".to_owned()), true),
        (CloseReason::Shutdown, true),
        (CloseReason::Reset, true),
        (CloseReason::Stalled, true),
        // It has no room, is busy, or wants nothing of us: it is met again when its time has come.
        (CloseReason::Store("full".to_owned()), false),
        (CloseReason::AwaitingThere, false),
        (CloseReason::Busy, false),
        (CloseReason::Wait(9), false),
        (CloseReason::RevokedHere, false),
        (CloseReason::Disabled, false),
    ] {
        let mut bus = pair();
        let (session, _) = bus.connect(1, 0, None);
        bus.run();
        bus.give(
            1,
            Event::Closed {
                session,
                reason: reason.clone(),
            },
        );
        let mut knocks = 0;
        for _ in 0..40 {
            bus.now_ms += TICK_MS;
            knocks += done(&mut bus, 1, Event::Tick).0;
        }
        assert_eq!(knocks > 0, is_lost, "{reason}: {knocks} knocks");
    }
}

#[test]
fn a_lost_peer_is_dialled_when_it_answers_a_knock_and_seldom_without() {
    let mut bus = pair();
    let hub = bus.nodes[0].id();
    bus.nodes[1].engine.address_learned(&hub, "192.0.2.2:8031");
    bus.give(1, Event::Tick);
    bus.give(
        1,
        Event::DialFailed {
            peer: Some(hub),
            request: None,
            address: "192.0.2.1:8031".to_owned(),
        },
    );
    let begun = bus.now_ms;
    let (mut dialled, mut knocked) = (Vec::new(), BTreeMap::<String, usize>::new());
    while bus.now_ms < begun + 3 * DIAL_UNASKED_MS {
        bus.now_ms += TICK_MS;
        let effects = bus.nodes[1].engine.handle_inline(now_at(bus.now_ms), Event::Tick);
        for effect in effects {
            match effect {
                Effect::Knock { address, .. } => *knocked.entry(address).or_default() += 1,
                Effect::Connect { .. } => {
                    dialled.push(bus.now_ms - begun);
                    bus.give(
                        1,
                        Event::DialFailed {
                            peer: Some(hub),
                            request: None,
                            address: "192.0.2.1:8031".to_owned(),
                        },
                    );
                }
                _ => {}
            }
        }
    }
    assert!((1..=3).contains(&dialled.len()), "{dialled:?}");
    assert!(dialled[0] >= DIAL_UNASKED_MS);
    // At each address where it may be, and not more often than once a second.
    assert_eq!(knocked.len(), 2, "{knocked:?}");
    assert!(knocked.values().all(|knocks| *knocks > 12), "{knocked:?}");
    assert!(
        knocked
            .values()
            .all(|knocks| *knocks as u64 <= 3 * DIAL_UNASKED_MS / KNOCK_MS / 4),
        "{knocked:?}"
    );
    // Whoever wants an exchange has it dialled at once, and one that answers is.
    let wanted = Event::Sync {
        request: 7,
        peer: Some(hub),
        address: None,
    };
    let effects = bus.nodes[1].engine.handle_inline(now_at(bus.now_ms), wanted);
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Connect { request: Some(7), .. }))
    );
    let event = knocked_at(&bus);
    let at_once = done(&mut bus, 1, event).1;
    bus.now_ms += YIELD_MS_MAX;
    assert_eq!(at_once + done(&mut bus, 1, Event::Tick).1, 1);
}

#[test]
fn of_two_that_hear_each_other_again_one_dials_and_the_other_gives_it_the_time_to() {
    for (trip_ms, wait_ms) in [(0, TICK_MS), (100, TICK_MS + 200), (5_000, YIELD_MS_MAX)] {
        let mut waited = Vec::new();
        for node in [0, 1] {
            let mut bus = Bus::new(2);
            let store = bus.nodes[node].store.clone();
            bus.nodes[node] = Node::of(store, daemon());
            let (me, peer) = (bus.nodes[node].id(), bus.nodes[1 - node].id());
            let address = "192.0.2.1:8031".to_owned();
            bus.nodes[node].engine.address_learned(&peer, &address);
            bus.give(node, Event::Tick);
            bus.nodes[node].engine.core.peers.paced(&peer, trip_ms);
            let begun = bus.now_ms;
            let mut dialled = done(&mut bus, node, Event::Knocked { peer, address }).1;
            while dialled == 0 {
                bus.now_ms += 50;
                dialled = done(&mut bus, node, Event::Tick).1;
            }
            waited.push((me > peer, bus.now_ms - begun));
        }
        waited.sort_unstable();
        assert_eq!(waited[0], (false, 0));
        assert!(
            waited[1].0 && (wait_ms..=wait_ms + 100).contains(&waited[1].1),
            "{trip_ms}: {waited:?}"
        );
    }
}
