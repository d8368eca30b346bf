//! Sessions that begin anew on their connection.

use super::links::daemon;
use super::*;
use crate::engine::session::Phase;
use crate::limits::{ANEWS_IN_VAIN_MAX, HELLO_MS_MAX, QUIET_BYTES, SILENT_MS, STALL_MS_MAX, TICK_MS};
use crate::pace::Pace;

const FAST: Pace = Pace {
    bytes_s: 10_000_000,
    rtt_ms: 1,
};
const SLOW: Pace = Pace {
    bytes_s: 3_750,
    rtt_ms: 600,
};

/// Daemons that know of each other.
fn daemons(count: usize) -> Bus {
    let mut bus = Bus::new(count);
    for node in 0..count {
        let store = bus.nodes[node].store.clone();
        bus.nodes[node] = Node::of(store, daemon());
    }
    bus
}

/// Records that take more room, or less, than what a link is tried with.
fn write(bus: &Bus, node: usize, is_much: bool, prefix: &str) {
    let count = if is_much { 400 } else { 20 };
    for i in 0..count {
        let name = format!("{prefix} {:x}", 1_u64.wrapping_mul(i * i * 7_919 + 13));
        patient(&bus.nodes[node].store, &format!("{prefix}{i}"), &name);
    }
}

/// Two that are in touch, of which node 0 has since written what does not reach node 1; their sessions.
fn cut_while_writing(bus: &mut Bus, is_much: bool, pace: Pace) -> (SessionId, SessionId) {
    let (there, here) = bus.connect(1, 0, None);
    bus.run();
    bus.give(0, Event::Paced { session: here, pace });
    write(bus, 0, is_much, "cut");
    bus.deliver_max = Some(bus.delivered);
    bus.give(0, Event::LocalChange);
    bus.run();
    (there, here)
}

/// The link is back, and of what was under way only what the transport still keeps arrives.
fn link_back(bus: &mut Bus) {
    bus.deliver_max = None;
    let ids = (0..2).flat_map(|node| bus.nodes[node].engine.session_ids().map(move |id| (node, id)));
    let ids: Vec<_> = ids.collect();
    for (node, id) in ids {
        bus.nodes[node].engine.heard(id);
        bus.give(node, Event::Tick);
    }
    bus.run();
}

/// Sends what the sessions of a node have counted.
fn sent_records(bus: &Bus, node: usize) -> u64 {
    let sessions = bus.nodes[node].engine.sessions.values();
    sessions.map(|session| session.stats.sent_records).sum()
}

#[test]
fn much_that_is_under_way_on_a_fast_link_when_it_falls_silent_is_given_up() {
    for (is_much, pace, is_anew) in [
        (true, FAST, true),
        (false, FAST, false),
        // It waits in the transport, and counts as soon as the link is back.
        (true, SLOW, false),
    ] {
        let mut bus = daemons(2);
        let (_, session) = cut_while_writing(&mut bus, is_much, pace);
        for _ in 0..3 {
            bus.now_ms += TICK_MS;
            bus.give(0, Event::Silent { session });
        }
        assert_eq!(bus.nodes[0].anews, usize::from(is_anew), "{is_much} {pace:?}");
        link_back(&mut bus);
        assert_eq!(bus.nodes[1].anews, usize::from(is_anew), "both do");
        bus.assert_equal();
        // Sent once more where it was given up, since nobody has brought it.
        let live = bus.nodes[0]
            .engine
            .session_ids()
            .filter(|id| bus.nodes[0].engine.is_live(*id));
        assert_eq!(live.count(), 1);
    }
}

#[test]
fn what_a_third_carried_while_a_link_was_down_is_not_sent_on_it() {
    let mut bus = daemons(3);
    let (_, session) = cut_while_writing(&mut bus, true, FAST);
    write(&bus, 1, true, "other");
    bus.give(1, Event::LocalChange);
    bus.run();
    bus.now_ms += SILENT_MS;
    bus.give(0, Event::Silent { session });
    // A team meets both.
    let held = std::mem::take(&mut bus.queue);
    bus.deliver_max = None;
    for (by, with) in [(2, 0), (2, 1), (2, 0)] {
        assert!(bus.sync(by, with).is_ok());
        let sessions: Vec<_> = bus.nodes[2].engine.session_ids().collect();
        for session in sessions {
            let reason = CloseReason::Lost("gone on".to_owned());
            bus.give(2, Event::Closed { session, reason });
        }
    }
    bus.assert_equal();
    bus.queue = held;
    let before = [0, 1].map(|node| sent_records(&bus, node));
    link_back(&mut bus);
    for node in [0, 1] {
        assert_eq!(bus.nodes[node].anews, 1);
        assert!(
            sent_records(&bus, node) <= before[node],
            "node {node}: {} records sent, {before:?} before",
            sent_records(&bus, node)
        );
    }
}

#[test]
fn what_came_by_another_way_counts_where_it_is_theirs_and_news_and_the_link_is_down() {
    // Whether the link is down, another session brings it, of that peer, and as news.
    for number in 0_u8..16 {
        let [is_down, is_other, is_theirs, is_news] = [0, 1, 2, 3].map(|bit| number >> bit & 1 == 1);
        let mut bus = daemons(2);
        let (_, session) = bus.connect(1, 0, None);
        bus.run();
        let peer = bus.nodes[1].id();
        if is_down {
            bus.give(0, Event::Silent { session });
        }
        let by = if is_other { session + 70 } else { session };
        let mut batch = super::taking::applied(by, Priority::Rest, 1, crate::wire::Cursor::default());
        batch
            .brought
            .insert(if is_theirs { peer } else { bus.nodes[0].id() });
        batch.report.records = u64::from(is_news);
        bus.give(0, Event::Applied(Box::new(batch)));
        let all = [is_down, is_other, is_theirs, is_news];
        assert_eq!(bus.nodes[0].anews, usize::from(!all.contains(&false)), "{all:?}");
    }
}

#[test]
fn what_came_by_another_way_before_a_link_was_known_to_be_down_counts_as_well() {
    for (before_ms, is_anew) in [(0, true), (2 * SILENT_MS, true), (2 * SILENT_MS + 1, false)] {
        let mut bus = daemons(2);
        let (_, session) = bus.connect(1, 0, None);
        bus.run();
        let mut batch =
            super::taking::applied(session + 70, Priority::Rest, 1, crate::wire::Cursor::default());
        batch.brought.insert(bus.nodes[1].id());
        batch.report.records = 1;
        bus.give(0, Event::Applied(Box::new(batch)));
        bus.now_ms += before_ms;
        bus.give(0, Event::Silent { session });
        assert_eq!(bus.nodes[0].anews, usize::from(is_anew), "{before_ms}");
    }
}

#[test]
fn a_stick_that_is_read_ends_much_that_is_under_way_to_its_writer() {
    for (is_much, is_of_peer) in [(true, true), (false, true), (true, false)] {
        let mut bus = daemons(3);
        cut_while_writing(&mut bus, is_much, FAST);
        let sender = bus.nodes[if is_of_peer { 1 } else { 2 }].id();
        bus.nodes[0].engine.stick_note(sender);
        let effects = std::mem::take(&mut bus.nodes[0].engine.core.effects);
        bus.effects(0, effects);
        assert_eq!(
            bus.nodes[0].anews,
            usize::from(is_much && is_of_peer),
            "{is_much} {is_of_peer}"
        );
        link_back(&mut bus);
        assert_eq!(bus.nodes[0].fingerprint(), bus.nodes[1].fingerprint());
    }
}

#[test]
fn whoever_waits_for_an_exchange_waits_for_the_one_that_follows() {
    for by in [0, 1] {
        let mut bus = Bus::new(2);
        write(&bus, 0, true, "a");
        bus.deliver_max = Some(3);
        let sessions = bus.connect(1, 0, Some(7));
        bus.run();
        let session = if by == 1 { sessions.0 } else { sessions.1 };
        assert!(bus.nodes[by].engine.is_live(session));
        // As if the other had said so: each hears it once.
        bus.give(by, Event::Anew { session });
        bus.deliver_max = None;
        bus.run();
        let reports = std::mem::take(&mut bus.nodes[1].reports);
        assert_eq!(reports.len(), 1, "by {by}");
        let report = reports[0].as_ref().unwrap();
        // Of what it took in before as well: some of it was, or all was sent twice.
        assert!(report.in_sync && report.received_records >= 400, "{report:?}");
        bus.assert_equal();
        assert_eq!([0, 1].map(|node: usize| bus.nodes[node].anews), [1, 1]);
    }
}

#[test]
fn both_may_begin_anew_at_once() {
    let mut bus = daemons(2);
    let (there, here) = cut_while_writing(&mut bus, true, FAST);
    write(&bus, 1, true, "other");
    bus.give(1, Event::LocalChange);
    bus.run();
    bus.give(1, Event::Silent { session: there });
    bus.give(0, Event::Silent { session: here });
    assert_eq!([0, 1].map(|node: usize| bus.nodes[node].anews), [1, 1]);
    link_back(&mut bus);
    assert_eq!([0, 1].map(|node: usize| bus.nodes[node].anews), [1, 1]);
    bus.assert_equal();
}

#[test]
fn nobody_begins_anew_what_nobody_waits_for() {
    let mut bus = Bus::new(2);
    let (_, session) = cut_while_writing(&mut bus, true, FAST);
    bus.give(0, Event::Silent { session });
    assert_eq!(bus.nodes[0].anews, 0);
}

#[test]
fn who_has_not_said_who_it_is_has_nothing_to_begin_anew() {
    let mut bus = Bus::new(2);
    bus.deliver_max = Some(0);
    let (_, here) = bus.connect(1, 0, None);
    bus.give(0, Event::Anew { session: here });
    assert!(matches!(bus.nodes[0].closes[..], [CloseReason::Malformed(_)]));
    // And whoever dialled has no more time to be greeted by it.
    let mut bus = Bus::new(2);
    bus.deliver_max = Some(0);
    let (there, _) = bus.connect(1, 0, Some(7));
    bus.now_ms += HELLO_MS_MAX - TICK_MS;
    bus.give(1, Event::Anew { session: there });
    assert_eq!(bus.nodes[1].anews, 1);
    bus.now_ms += 2 * TICK_MS;
    bus.give(1, Event::Tick);
    assert!(
        bus.nodes[1].closes.contains(&CloseReason::Silent),
        "{:?}",
        bus.nodes[1].closes
    );
}

#[test]
fn who_begins_anew_while_the_other_says_goodbye_is_let_go() {
    let mut bus = Bus::new(2);
    let (there, _) = bus.connect(1, 0, None);
    bus.run();
    let peer = bus.nodes[0].id();
    bus.deliver_max = Some(bus.delivered);
    bus.give(1, Event::Finish { peer });
    bus.give(1, Event::Anew { session: there });
    assert_eq!(bus.nodes[1].closes, [CloseReason::Done]);
}

#[test]
fn a_session_that_awaits_its_link_has_the_time_of_one_at_work() {
    let mut bus = daemons(2);
    let (_, session) = cut_while_writing(&mut bus, true, FAST);
    bus.give(0, Event::Silent { session });
    let only = |bus: &Bus| bus.nodes[0].engine.session_ids().next().unwrap();
    let awaiting = only(&bus);
    assert_eq!(bus.nodes[0].engine.sessions[&awaiting].phase, Phase::Unknown);
    let begun = bus.now_ms;
    let tick = |bus: &mut Bus| {
        bus.now_ms += TICK_MS;
        bus.give(0, Event::Silent { session: awaiting });
        bus.give(0, Event::Tick);
        bus.nodes[0].closes.clone()
    };
    while bus.now_ms - begun < 2 * HELLO_MS_MAX {
        assert_eq!(tick(&mut bus), []);
    }
    // The peer is there, and has from now on the time that anybody has.
    bus.nodes[0].engine.heard(awaiting);
    let heard = bus.now_ms;
    let closes = loop {
        bus.nodes[0].engine.heard(awaiting);
        let closes = tick(&mut bus);
        if !closes.is_empty() {
            break closes;
        }
    };
    assert_eq!(closes, [CloseReason::Silent]);
    assert_eq!(bus.now_ms - heard, HELLO_MS_MAX + TICK_MS);
    // One of whom nothing is heard is given up like any other.
    let mut bus = daemons(2);
    let (_, session) = cut_while_writing(&mut bus, true, FAST);
    bus.give(0, Event::Silent { session });
    bus.now_ms += STALL_MS_MAX;
    bus.give(0, Event::Tick);
    assert_eq!(bus.nodes[0].closes, []);
    bus.now_ms += TICK_MS;
    bus.give(0, Event::Tick);
    assert_eq!(bus.nodes[0].closes, [CloseReason::Stalled]);
}

#[test]
fn a_session_that_awaits_its_link_gives_way_to_a_new_connection_and_is_not_dialled_beside() {
    let mut bus = daemons(2);
    let peer = bus.nodes[1].id();
    let (_, session) = cut_while_writing(&mut bus, true, FAST);
    bus.give(0, Event::Silent { session });
    let address = "192.0.2.1:8031".to_owned();
    let now = now_at(bus.now_ms);
    let effects = bus.nodes[0]
        .engine
        .handle_inline(now, Event::Knocked { peer, address });
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Connect { .. }))
    );
    bus.queue.clear();
    bus.deliver_max = None;
    // The peer was started anew, and knows nothing of the old one.
    bus.nodes[1].restart();
    bus.connect(1, 0, None);
    bus.run();
    assert_eq!(bus.nodes[0].engine.session_ids().count(), 1);
    assert_eq!(bus.nodes[0].closes, [CloseReason::Replaced]);
    bus.assert_equal();
}

#[test]
fn what_a_link_is_tried_with_is_not_much() {
    let mut bus = daemons(2);
    let (_, session) = cut_while_writing(&mut bus, false, FAST);
    for (bytes, is_anew) in [(QUIET_BYTES, 0), (QUIET_BYTES + 1, 1)] {
        let under_way = &mut bus.nodes[0]
            .engine
            .sessions
            .get_mut(&session)
            .unwrap()
            .send
            .in_flight;
        *under_way = VecDeque::from([(Priority::Rest, 1, bytes)]);
        bus.nodes[0].engine.heard(session);
        bus.give(0, Event::Silent { session });
        assert_eq!(bus.nodes[0].anews, is_anew, "{bytes}");
    }
}

#[test]
fn beginning_anew_makes_no_room_for_a_flood() {
    let mut bus = Bus::new(2);
    let (_, session) = bus.connect(1, 0, None);
    bus.run();
    let before = bus.nodes[0].engine.sessions[&session].flood;
    assert!(before.1 > 0);
    bus.give(0, Event::Anew { session });
    let after = bus.nodes[0].engine.sessions.values().next().unwrap().flood;
    assert_eq!(before, after);
}

#[test]
fn a_link_of_which_nothing_was_heard_for_a_while_is_tried_with_little_first() {
    for (idle_ms, is_little) in [(SILENT_MS, false), (SILENT_MS + 1, true)] {
        let mut bus = daemons(2);
        let (_, here) = bus.connect(1, 0, None);
        bus.run();
        bus.give(
            0,
            Event::Paced {
                session: here,
                pace: FAST,
            },
        );
        bus.now_ms += idle_ms;
        write(&bus, 0, true, "late");
        bus.deliver_max = Some(bus.delivered);
        bus.give(0, Event::LocalChange);
        bus.run();
        let under_way = |bus: &Bus| -> usize {
            let sessions = bus.nodes[0].engine.sessions.values();
            sessions
                .flat_map(|s| s.send.in_flight.iter().map(|(.., bytes)| *bytes))
                .sum()
        };
        let bytes = under_way(&bus);
        assert_eq!(bytes <= 2 * QUIET_BYTES, is_little, "{bytes}");
        assert!(bytes > 1_000, "{bytes}");
        // An answer opens it, and a word of any kind does.
        bus.deliver_max = None;
        bus.run();
        bus.assert_equal();
        assert_eq!(under_way(&bus), 0);
    }
}

#[test]
fn what_bears_nothing_is_begun_anew_only_so_often() {
    let mut bus = daemons(2);
    cut_while_writing(&mut bus, true, FAST);
    let mut anews = 0;
    for _ in 0..3 * ANEWS_IN_VAIN_MAX {
        let session = bus.nodes[0].engine.session_ids().next().unwrap();
        let full = VecDeque::from([(Priority::Rest, 1, 2 * QUIET_BYTES)]);
        let state = bus.nodes[0].engine.sessions.get_mut(&session).unwrap();
        (state.phase, state.send.in_flight, state.send.pace) = (Phase::Live, full, Some(FAST));
        state.is_silent = false;
        bus.give(0, Event::Silent { session });
        anews = bus.nodes[0].anews;
    }
    assert_eq!(anews, ANEWS_IN_VAIN_MAX as usize);
    // Something has arrived: it bears more than nothing.
    let session = bus.nodes[0].engine.session_ids().next().unwrap();
    let state = bus.nodes[0].engine.sessions.get_mut(&session).unwrap();
    (state.send.arrived, state.is_silent) = (1, false);
    bus.give(0, Event::Silent { session });
    assert_eq!(bus.nodes[0].anews, anews + 1);
}
