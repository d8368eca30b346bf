//! Two clocks: waits go by the one that nobody sets, dates by the one that people read.

use super::*;
use crate::limits::{FLOOD_MESSAGES_MAX, FLOOD_WINDOW_MS, HELLO_MS_MAX, PEERS_SAVE_MS, STALL_MS_MAX};
use crate::trust::GRANT_MS;
use crate::wire::{self, Message};

const YEAR_MS: i64 = 365 * 86_400_000;

/// No wait of a node may have begun later than now, by the clock that it is counted by.
pub(super) fn assert_no_wait_begins_later(engine: &Engine) {
    let now_ms = engine.core.now_ms;
    for session in engine.sessions.values() {
        let kept = session.receive.coming.values().map(|coming| coming.kept_ms);
        let begun = [session.opened_ms, session.progress_ms].into_iter().chain(kept);
        assert!(
            begun.max() <= Some(now_ms),
            "a wait begins in the future, and never ends"
        );
    }
}

fn holds(bus: &Bus, node: usize, key: &str) -> bool {
    bus.nodes[node].store.contains(&key.parse().unwrap()).unwrap()
}

/// Two in session that may not renew each other's grants, and the session's number at the second.
fn clinics() -> (Bus, SessionId) {
    let mut bus = Bus::new(3);
    let (there, _) = bus.connect(2, 1, None);
    bus.run();
    assert!(bus.nodes[2].engine.is_live(there));
    (bus, there)
}

fn tick(bus: &mut Bus) {
    for node in 0..bus.nodes.len() {
        bus.give(node, Event::Tick);
    }
    bus.run();
}

#[test]
fn what_is_known_of_peers_is_kept_again_though_the_clock_was_set_back() {
    let mut bus = Bus::new(2);
    let peer = bus.nodes[1].id();
    let core = &mut bus.nodes[0].engine.core;
    let mut kept = |steady_ms: u64, wall_ms: u64, records: u64, force: bool| {
        (core.now_ms, core.wall_ms) = (steady_ms, wall_ms);
        core.peers.counted(&peer, records);
        core.peers_keep(force);
        !std::mem::take(&mut core.effects).is_empty()
    };
    let year = YEAR_MS.unsigned_abs();
    assert!(kept(1_000, 50 * year, 1, true));
    assert!(!kept(999 + PEERS_SAVE_MS, 50 * year, 2, false));
    // The clock is a year behind what it was, and no sooner right again.
    assert!(kept(1_000 + PEERS_SAVE_MS, 49 * year, 2, false));
    assert!(!kept(2_000 + PEERS_SAVE_MS, 60 * year, 3, false));
}

#[test]
fn each_node_dates_a_meeting_by_its_own_clock() {
    for ahead_ms in [
        [0, 0],
        [0, YEAR_MS / 4],
        [-YEAR_MS, 3_000],
        [YEAR_MS / 4, -YEAR_MS],
    ] {
        let mut bus = Bus::new(2);
        patient(&bus.nodes[0].store, "p", "Quispe");
        for (node, ahead_ms) in bus.nodes.iter_mut().zip(ahead_ms) {
            node.ahead_ms = ahead_ms;
        }
        let report = bus.sync(1, 0).unwrap();
        assert!(report.in_sync && report.seconds == 0.0, "{report:?}");
        for node in [0, 1] {
            let other = bus.nodes[1 - node].id();
            let by_it = bus.now_ms.saturating_add_signed(ahead_ms[node]);
            let engine = &bus.nodes[node].engine;
            let state = engine.core.peers.state(&other).unwrap();
            assert_eq!(
                (state.last_seen_ms, state.equal_ms),
                (by_it, by_it),
                "{ahead_ms:?}"
            );
            assert_eq!(engine.peers()[0].last_seen_ms, by_it);
            let skew_ms = ahead_ms[1 - node] - ahead_ms[node];
            assert_eq!(state.clock_skew_ms, Some(skew_ms), "{ahead_ms:?}");
            let is_told = bus.nodes[node]
                .notices
                .iter()
                .any(|text| text.contains("hours apart"));
            assert_eq!(is_told, skew_ms.abs() > YEAR_MS / 5, "{ahead_ms:?}");
        }
    }
}

#[test]
fn a_clock_set_in_a_session_ends_no_wait_and_is_what_dates_are_taken_from_then() {
    for ahead_ms in [GRANT_MS as i64 / 3, -YEAR_MS, -40 * YEAR_MS] {
        let (mut bus, there) = clinics();
        let peer = bus.nodes[1].id();
        bus.nodes[2].ahead_ms = ahead_ms;
        tick(&mut bus);
        assert!(
            bus.nodes[2].engine.is_live(there),
            "the clock alone ends a session"
        );
        patient(&bus.nodes[2].store, "written", "Quispe");
        bus.give(2, Event::LocalChange);
        bus.run();
        assert!(holds(&bus, 1, "Patient/written"), "{ahead_ms}");
        bus.now_ms += 1_000;
        bus.give(
            2,
            Event::Sync {
                request: 1,
                peer: Some(peer),
                address: None,
            },
        );
        bus.run();
        assert!(bus.nodes[2].reports.pop().unwrap().unwrap().in_sync);
        let state = bus.nodes[2].engine.core.peers.state(&peer).unwrap();
        let by_it = bus.now_ms.saturating_add_signed(ahead_ms);
        assert_eq!((state.last_seen_ms, state.equal_ms), (by_it, by_it));
        assert!(bus.nodes[2].closes.is_empty());
    }
}

#[test]
fn a_clock_set_beyond_a_grant_withholds_until_it_is_set_right() {
    let (mut bus, there) = clinics();
    bus.nodes[2].ahead_ms = GRANT_MS as i64;
    tick(&mut bus);
    patient(&bus.nodes[2].store, "waiting", "Quispe");
    bus.give(2, Event::LocalChange);
    bus.run();
    assert!(
        !holds(&bus, 1, "Patient/waiting"),
        "the grant is over by the clock"
    );
    bus.nodes[2].ahead_ms = 0;
    tick(&mut bus);
    assert!(bus.nodes[2].engine.is_live(there));
    assert!(holds(&bus, 1, "Patient/waiting"), "withheld for good");
}

#[test]
fn an_issuer_whose_clock_is_set_renews_by_the_date_as_it_then_stands() {
    let mut bus = Bus::new(2);
    bus.connect(1, 0, None);
    bus.run();
    let ids = [0, 1].map(|node| bus.nodes[node].id());
    let granted = bus.now_ms + GRANT_MS;
    let until = |bus: &Bus| {
        let authority = bus.nodes[0].engine.trust().authority();
        ids.map(|id| authority.grant(&id).unwrap().expires_ms.unwrap())
    };
    // Half of a grant is not over yet; a clock that is behind shortens nothing.
    for ahead_ms in [0, GRANT_MS as i64 / 2, -YEAR_MS] {
        bus.nodes[0].ahead_ms = ahead_ms;
        tick(&mut bus);
        assert_eq!(until(&bus), [granted; 2], "{ahead_ms}");
    }
    let ahead_ms = GRANT_MS as i64 / 2 + 1;
    bus.nodes[0].ahead_ms = ahead_ms;
    tick(&mut bus);
    let renewed = granted.saturating_add_signed(ahead_ms);
    assert_eq!(until(&bus), [renewed; 2]);
    // However long the node has run: a date is no wait.
    bus.nodes[0].ahead_ms = -YEAR_MS;
    bus.now_ms += YEAR_MS as u64;
    tick(&mut bus);
    assert_eq!(until(&bus), [renewed; 2]);
}

#[test]
fn waits_end_though_the_clock_is_set_back_and_none_ends_because_it_is_set_forward() {
    fn says_nothing() -> (Bus, SessionId) {
        let mut bus = Bus::new(3);
        let open = Event::Opened {
            session: 900,
            peer: bus.nodes[1].id(),
            outbound: false,
            address: String::new(),
            request: None,
        };
        bus.give(2, open);
        (bus, 900)
    }
    fn owes_an_answer() -> (Bus, SessionId) {
        let (mut bus, there) = clinics();
        let session = bus.nodes[2].engine.sessions.get_mut(&there).unwrap();
        (session.requests, session.proof.ask) = (vec![7], 1);
        (bus, there)
    }
    // Who is waited for; how long.
    type Row = (&'static str, fn() -> (Bus, SessionId), u64);
    let rows: [Row; 2] = [
        ("who says nothing", says_nothing, HELLO_MS_MAX),
        ("who owes an answer", owes_an_answer, STALL_MS_MAX),
    ];
    for (what, begin, wait_ms) in rows {
        for ahead_ms in [0, YEAR_MS / 4, -YEAR_MS] {
            let (mut bus, session) = begin();
            let is_open = |bus: &Bus| bus.nodes[2].engine.session_ids().any(|id| id == session);
            bus.nodes[2].ahead_ms = ahead_ms;
            bus.give(2, Event::Tick);
            assert!(is_open(&bus), "{what}, {ahead_ms}: at once");
            bus.now_ms += wait_ms;
            bus.give(2, Event::Tick);
            assert!(is_open(&bus), "{what}, {ahead_ms}: too soon");
            bus.now_ms += 1;
            bus.give(2, Event::Tick);
            assert!(!is_open(&bus), "{what}, {ahead_ms}: never");
        }
    }
}

#[test]
fn a_peer_that_talks_for_long_is_no_flood_whatever_the_clock_says() {
    let ack = wire::encode(1, &Message::Ack(wire::Ack::default()));
    // In windows of which each has less than its fill; then one that has more.
    for ahead_ms in [0, -YEAR_MS, YEAR_MS / 4] {
        let (mut bus, there) = clinics();
        let say = |bus: &mut Bus, ahead_ms: i64, count: u32| {
            bus.nodes[2].ahead_ms = ahead_ms;
            for _ in 0..count {
                let event = Event::Message {
                    session: there,
                    priority: Priority::Control,
                    bytes: ack.clone(),
                };
                bus.give(2, event);
            }
            bus.nodes[2].engine.is_live(there)
        };
        let most = FLOOD_MESSAGES_MAX * 3 / 4;
        assert!(say(&mut bus, 0, most));
        bus.now_ms += FLOOD_WINDOW_MS + 1;
        assert!(say(&mut bus, ahead_ms, most), "{ahead_ms}");
        // Whoever sets the clock forth lets no flood in.
        assert!(!say(&mut bus, ahead_ms + 2 * YEAR_MS, most), "{ahead_ms}");
    }
}

#[test]
fn what_is_known_of_peers_is_saved_by_waits_and_not_by_dates() {
    for ahead_ms in [0, -YEAR_MS, YEAR_MS / 4] {
        let (mut bus, _) = clinics();
        let peer = bus.nodes[1].id();
        bus.now_ms += PEERS_SAVE_MS;
        bus.give(2, Event::Tick);
        let records = |bus: &Bus| {
            let known = setup::peers(&bus.nodes[2].store).unwrap();
            known.iter().find(|one| one.node == peer).unwrap().records
        };
        bus.nodes[2].engine.counted_at(&peer, 77);
        bus.nodes[2].ahead_ms = ahead_ms;
        bus.now_ms += PEERS_SAVE_MS - 1;
        bus.give(2, Event::Tick);
        assert_ne!(records(&bus), 77, "{ahead_ms}: too soon");
        bus.now_ms += 1;
        bus.give(2, Event::Tick);
        assert_eq!(records(&bus), 77, "{ahead_ms}: never");
    }
}

#[test]
fn who_could_not_be_reached_is_dialled_again_soon_by_whatever_date() {
    let mut bus = Bus::new(2);
    let peer = bus.nodes[1].id();
    for ahead_ms in [0, YEAR_MS, -YEAR_MS] {
        bus.nodes[0].ahead_ms = ahead_ms;
        bus.nodes[0].engine.core.peers.hurry(&peer);
        let address = "192.0.2.1:1".to_owned();
        let failed = Event::DialFailed {
            peer: Some(peer),
            request: None,
            address,
        };
        bus.give(0, failed);
        let waits_ms = bus.nodes[0].engine.core.peers.state(&peer).unwrap().dial_ms - steady_at(bus.now_ms);
        assert!((1_000..=1_250).contains(&waits_ms), "{waits_ms}");
    }
}

#[test]
fn when_a_peer_was_last_heard_of_is_a_date_also_where_no_more_than_a_hello_came() {
    for ahead_ms in [0, YEAR_MS / 4, -YEAR_MS] {
        let mut bus = Bus::new(2);
        patient(&bus.nodes[0].store, "p", "Quispe");
        bus.nodes[0].ahead_ms = ahead_ms;
        let peer = bus.nodes[1].id();
        bus.connect(1, 0, None);
        bus.deliver_max = Some(1);
        bus.run();
        let by_it = bus.now_ms.saturating_add_signed(ahead_ms);
        let heard = bus.nodes[0].engine.core.peers.state(&peer).unwrap();
        assert_eq!((heard.in_sync, heard.last_seen_ms), (false, by_it));
    }
    // What differs is dated as well.
    let mut bus = Bus::new(2);
    patient(&bus.nodes[0].store, "p", "Quispe");
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.cut();
    bus.now_ms += 60_000;
    patient(&bus.nodes[1].store, "q", "Mamani");
    bus.connect(1, 0, None);
    bus.deliver_max = Some(bus.delivered + 3);
    bus.run();
    for node in [0, 1] {
        let peer = bus.nodes[1 - node].id();
        let state = bus.nodes[node].engine.core.peers.state(&peer).unwrap();
        assert_eq!(state.last_seen_ms, bus.now_ms);
    }
}
