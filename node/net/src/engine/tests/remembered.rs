//! What is remembered of peers, when each is dialled again, and what the page shows of them.

use super::fickle::Fickle;
use super::proofs::rested;
use super::*;
use crate::engine::Peers;
use crate::engine::peer_state::{FirstMeeting, PeerState};
use crate::limits::{PEERS_SAVE_MS, REDIAL_MS_MAX, REDIAL_MS_MIN, REDIAL_SWITCHED_MS_MAX};
use crate::report::{FirstSync, PeerInfo};

const WHY: Problem = Problem::Told(3);

fn peer(first: u8) -> NodeId {
    let mut key = [5; 32];
    key[0] = first;
    NodeId(key)
}

fn state(peers: &Peers, of: u8) -> PeerState {
    peers.state(&peer(of)).cloned().unwrap()
}

#[test]
fn what_is_news_of_a_peer_is_told_and_what_is_not_changes_nothing() {
    type Change = fn(&mut Peers, &NodeId);
    // Said once, and again; whether the second is news.
    let rows: [(&str, Change, Change, bool); 12] = [
        (
            "clock, as it was",
            |p, n| p.clocked(n, 5_000, 1),
            |p, n| p.clocked(n, 5_999, 1),
            false,
        ),
        (
            "clock, a second off",
            |p, n| p.clocked(n, 5_000, 1),
            |p, n| p.clocked(n, 6_000, 1),
            true,
        ),
        (
            "clock, a second back",
            |p, n| p.clocked(n, 5_000, 1),
            |p, n| p.clocked(n, 4_000, 1),
            true,
        ),
        ("records", |p, n| p.counted(n, 5), |p, n| p.counted(n, 5), false),
        (
            "more records",
            |p, n| p.counted(n, 5),
            |p, n| p.counted(n, 6),
            true,
        ),
        ("equal", |p, n| p.equal(n, 1), |p, n| p.equal(n, 1), false),
        (
            "statements",
            |p, n| p.authority_ack(n, 5),
            |p, n| p.authority_ack(n, 5),
            false,
        ),
        (
            "fewer statements",
            |p, n| p.authority_ack(n, 5),
            |p, n| p.authority_ack(n, 4),
            true,
        ),
        (
            "not in sync, as before",
            |p, n| p.in_sync(n, false, 1, 1, 1),
            |p, n| p.in_sync(n, false, 2, 2, 2),
            false,
        ),
        (
            "no longer in sync",
            |p, n| p.in_sync(n, true, 1, 1, 1),
            |p, n| p.in_sync(n, false, 2, 2, 2),
            true,
        ),
        (
            "in sync further on",
            |p, n| p.in_sync(n, true, 1, 1, 1),
            |p, n| p.in_sync(n, true, 2, 2, 2),
            true,
        ),
        (
            "an address",
            |p, n| p.learn(n, "10.0.0.1:1"),
            |p, n| p.learn(n, ""),
            false,
        ),
    ];
    for (what, once, again, is_news) in rows {
        let mut peers = Peers::default();
        peers.seen(&peer(1), "", false, 1);
        once(&mut peers, &peer(1));
        let before = (peers.revision(), state(&peers, 1));
        again(&mut peers, &peer(1));
        let after = (peers.revision(), state(&peers, 1));
        assert_eq!(after.0 > before.0, is_news, "{what}");
        assert_eq!(after.1 != before.1, is_news, "{what}");
    }
}

#[test]
fn when_both_were_equal_is_kept_and_taken_back_only_by_what_says_otherwise() {
    let mut peers = Peers::default();
    peers.in_sync(&peer(1), true, 70, 70, 500);
    let told = |peers: &Peers| {
        let state = state(peers, 1);
        (
            state.in_sync,
            state.equal_position,
            state.equal_ms,
            state.last_seen_ms,
        )
    };
    assert_eq!(told(&peers), (true, 70, 500, 500));
    peers.in_sync(&peer(1), false, 80, 80, 600);
    assert_eq!(told(&peers), (false, 70, 500, 600));
    // A parcel proves what was then, and nothing later.
    peers.in_sync_then(&peer(1), 90, 400);
    assert_eq!(told(&peers), (true, 90, 500, 600));
    peers.in_sync_then(&peer(1), 95, 700);
    assert_eq!(told(&peers), (true, 95, 700, 700));
}

#[test]
fn a_file_tells_of_a_peer_and_nothing_of_its_clock() {
    let (store, _) = store(9);
    let mut peers = Peers::load(&store, 4).unwrap();
    peers.clocked(&peer(1), 5_000, 500);
    let told = |peers: &Peers| {
        let state = state(peers, 1);
        (state.last_seen_ms, state.file_ms, state.clock_ms)
    };
    peers.in_sync(&peer(1), true, 70, 70, 500);
    assert_eq!(told(&peers), (500, 0, 500));
    peers.in_sync_then(&peer(1), 90, 400);
    assert_eq!(
        told(&peers),
        (500, 0, 500),
        "the file is older than what was heard"
    );
    peers.in_sync_then(&peer(1), 95, 700);
    assert_eq!(told(&peers), (700, 700, 500));
    // Compared again, and found the same: when that was is known.
    peers.clocked(&peer(1), 5_100, 900);
    assert_eq!(told(&peers), (700, 700, 900));
    peers.save(&store, 1, true).unwrap();
    assert_eq!(told(&Peers::load(&store, 4).unwrap()), (700, 700, 900));
}

#[test]
fn each_failure_doubles_the_wait_up_to_a_minute_spread_by_key() {
    let mut peers = Peers::default();
    peers.own(peer(77));
    for first in [0, 255] {
        peers.learn(&peer(first), "10.0.0.1:1");
        for (failures, wait_ms) in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
            .into_iter()
            .enumerate()
        {
            let now_ms = 1_000_000 * failures as u64;
            peers.failed(&peer(first), (failures == 0).then_some(WHY), true, now_ms);
            let state = state(&peers, first);
            let spread = state.dial_ms - now_ms - wait_ms;
            assert_eq!(state.backoff_ms, wait_ms);
            assert!(spread <= wait_ms / 4, "{wait_ms}: {spread}");
            assert_eq!(state.problem, Some(WHY), "forgotten without a cause");
        }
    }
    // A hub that comes back is met by one after the other: by each at another time, over a quarter of the
    // longest wait, and by the same node at the same.
    let at = |number: u8, failures: u32| {
        let mut peers = Peers::default();
        peers.own(peer(number));
        for _ in 0..failures {
            peers.failed(&peer(1), None, true, 0);
        }
        state(&peers, 1).dial_ms
    };
    // At the first wait as at the longest.
    for (failures, wait_ms) in [(1, REDIAL_MS_MIN), (10, REDIAL_MS_MAX)] {
        let mut times: Vec<u64> = (10..42).map(|number| at(number, failures)).collect();
        assert!(
            (10..42)
                .map(|number| at(number, failures))
                .eq(times.iter().copied())
        );
        times.sort_unstable();
        let (first, last) = (times[0], times[31]);
        assert!(
            first >= wait_ms && last - first > wait_ms / 6 && last <= wait_ms * 5 / 4,
            "{times:?}"
        );
        times.dedup();
        assert!(times.len() > 24, "{times:?}");
    }
    // Whose switch was off is asked again before long, and the wait is no shorter than it was.
    peers.switched(&peer(0), 9_000_000);
    let off = state(&peers, 0);
    assert_eq!(off.backoff_ms, REDIAL_SWITCHED_MS_MAX);
    peers.seen(&peer(1), "", false, 5);
    peers.failed(&peer(1), None, true, 5);
    let before = state(&peers, 1);
    peers.switched(&peer(1), 100);
    assert_eq!(state(&peers, 1), before);
    // One that cannot take anything in for now is left in peace.
    peers.patience(&peer(1));
    peers.failed(&peer(1), None, true, 0);
    assert_eq!(state(&peers, 1).backoff_ms, REDIAL_MS_MAX);
    peers.hurry(&peer(1));
    assert_eq!((state(&peers, 1).backoff_ms, state(&peers, 1).dial_ms), (0, 0));
}

#[test]
fn who_is_due_is_dialled_where_it_was_reached_and_once() {
    let mut peers = Peers::default();
    peers.seen(&peer(1), "10.0.0.1:1", true, 5);
    peers.seen(&peer(2), "10.0.0.2:1", false, 5);
    peers.failed(&peer(1), None, true, 5);
    let at_ms = state(&peers, 1).dial_ms;
    assert!(peers.due(at_ms - 1).is_empty());
    assert_eq!(peers.due(at_ms), [(peer(1), vec!["10.0.0.1:1".to_owned()])]);
    // Until that has ended; should nobody say how, again after a while.
    assert!(peers.due(at_ms + 29_999).is_empty());
    assert_eq!(peers.due(at_ms + 30_000).len(), 1);
    // Heard of: the waits begin anew, and no problem stays.
    peers.failed(&peer(1), Some(WHY), true, 9);
    peers.seen(&peer(1), "10.0.0.9:1", true, 77);
    let seen = state(&peers, 1);
    assert_eq!((seen.last_seen_ms, seen.backoff_ms, seen.problem), (77, 0, None));
    assert_eq!(seen.addresses, ["10.0.0.9:1", "10.0.0.1:1"]);
}

#[test]
fn an_address_that_nobody_is_known_at_is_dialled_less_and_less() {
    let mut peers = Peers::default();
    peers.learn(&peer(1), "10.0.0.1:1");
    let places = ["10.0.0.1:1".to_owned(), "10.0.0.2:1".to_owned()];
    let mut now_ms = 50;
    for wait_ms in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
        assert_eq!(peers.places_due(&places, now_ms, |_| true), ["10.0.0.2:1"]);
        assert!(
            peers
                .places_due(&places, now_ms + wait_ms - 1, |_| true)
                .is_empty()
        );
        now_ms += wait_ms;
    }
    peers.learn(&peer(2), "10.0.0.2:1");
    assert!(peers.places_due(&places, now_ms, |_| true).is_empty());
}

#[test]
fn what_is_known_is_saved_now_and_then_and_at_the_end() {
    let (store, _) = store(9);
    let fickle = {
        let bus = Bus::new(1);
        Fickle::of(&bus.nodes[0].store)
    };
    let mut peers = Peers::load(fickle.as_ref(), 4).unwrap();
    let kept = || {
        let peers = Peers::load(fickle.as_ref(), 4).unwrap();
        peers.state(&peer(1)).map(|state| state.records)
    };
    peers.save(fickle.as_ref(), PEERS_SAVE_MS, true).unwrap();
    assert_eq!(kept(), None, "nothing was known");
    peers.counted(&peer(1), 1);
    peers.save(fickle.as_ref(), PEERS_SAVE_MS - 1, false).unwrap();
    assert_eq!(kept(), None);
    peers.save(fickle.as_ref(), PEERS_SAVE_MS, false).unwrap();
    assert_eq!(kept(), Some(1));
    peers.counted(&peer(1), 2);
    peers.save(fickle.as_ref(), 2 * PEERS_SAVE_MS - 1, false).unwrap();
    assert_eq!(kept(), Some(1));
    // What could not be saved is saved the next time.
    fickle.documents_fail.store(true, Ordering::SeqCst);
    assert!(peers.save(fickle.as_ref(), 2 * PEERS_SAVE_MS, false).is_err());
    fickle.documents_fail.store(false, Ordering::SeqCst);
    peers.save(fickle.as_ref(), 2 * PEERS_SAVE_MS, false).unwrap();
    assert_eq!(kept(), Some(2));
    peers.hand(&peer(1), 5);
    peers.save(fickle.as_ref(), 2 * PEERS_SAVE_MS, true).unwrap();
    assert_eq!(Peers::load(fickle.as_ref(), 4).unwrap().handed(&peer(1)), 5);
    // What another version wrote is begun anew.
    store.blob_put("net/peers-known", &[9, 1, 2, 3]).unwrap();
    assert!(Peers::load(&store, 4).unwrap().state(&peer(1)).is_none());
}

#[test]
fn how_long_a_round_trip_takes_is_remembered_and_what_the_version_before_kept_is_read() {
    let (store, _) = store(9);
    let mut peers = Peers::load(&store, 4).unwrap();
    peers.paced(&peer(1), 600);
    assert!(peers.state(&peer(1)).is_none(), "of nobody");
    peers.learn(&peer(1), "192.0.2.1:8031");
    for (trip_ms, known_ms) in [(600, 600), (700, 600), (455, 600), (200, 200), (640, 640)] {
        peers.paced(&peer(1), trip_ms);
        assert_eq!(peers.state(&peer(1)).unwrap().trip_ms, known_ms);
    }
    peers.save(&store, 1, true).unwrap();
    let read = Peers::load(&store, 4).unwrap();
    assert_eq!(read.state(&peer(1)).unwrap().trip_ms, 640);
    // Version 2: node, state and how far it had come.
    let state = PeerState {
        addresses: vec!["192.0.2.7:1".to_owned()],
        equal_position: 9,
        ..PeerState::default()
    };
    let mut old = vec![2];
    old.extend(4_u64.to_be_bytes());
    let old = postcard::to_extend(&vec![(peer(7), state, 8_u64)], old).unwrap();
    store.blob_put("net/peers-known", &old).unwrap();
    let read = Peers::load(&store, 4).unwrap();
    let state = read.state(&peer(7)).unwrap();
    assert_eq!((state.heard_position, state.trip_ms), (8, 0));
    assert_eq!(state.addresses, ["192.0.2.7:1"]);
    // Version 3: how long a trip takes as well.
    let state = PeerState {
        last_seen_ms: 6,
        ..PeerState::default()
    };
    let mut old = vec![3];
    old.extend(4_u64.to_be_bytes());
    let old = postcard::to_extend(&vec![(peer(8), state, 8_u64, 70_u64)], old).unwrap();
    store.blob_put("net/peers-known", &old).unwrap();
    let read = Peers::load(&store, 4).unwrap();
    let state = read.state(&peer(8)).unwrap();
    assert_eq!(
        (state.heard_position, state.trip_ms, state.last_seen_ms),
        (8, 70, 6)
    );
    assert_eq!((state.clock_ms, state.file_ms), (0, 0), "not known");
    // Version 4: its clock and its file as well, and a sentence of why it was left, which is dropped.
    let rows = vec![(
        peer(9),
        (vec!["192.0.2.9:1"], 6_u64, 5_u64, 4_u64, true, 3_u64),
        (2_u64, Some("a sentence"), Some(-7_i64), None::<u8>, 1_u64),
        (8_u64, 70_u64, [11_u64, 12]),
    )];
    let mut old = vec![4];
    old.extend(4_u64.to_be_bytes());
    let old = postcard::to_extend(&rows, old).unwrap();
    store.blob_put("net/peers-known", &old).unwrap();
    let read = Peers::load(&store, 4).unwrap();
    let state = read.state(&peer(9)).unwrap();
    assert_eq!(
        (state.addresses[0].as_str(), state.problem),
        ("192.0.2.9:1", None)
    );
    assert_eq!(
        (state.records, state.clock_skew_ms, state.equal_records),
        (2, Some(-7), 1)
    );
    assert_eq!((state.trip_ms, state.clock_ms, state.file_ms), (70, 11, 12));
}

#[test]
fn how_far_a_first_sync_is_counts_what_came_since_both_met() {
    let rows = [
        // Held and announced when they met, held now; what is told.
        (10, 200, 10, Some((0, 200))),
        (10, 200, 60, Some((50, 200))),
        (10, 200, 5, Some((0, 200))),
        (10, 200, 900, Some((200, 200))),
        (0, 0, 5, None),
    ];
    for (held, announced, now, told) in rows {
        let mut peers = Peers::default();
        assert!(peers.first_met(&peer(1), FirstMeeting { held, announced }));
        let later = FirstMeeting {
            held: 1,
            announced: 1,
        };
        assert!(!peers.first_met(&peer(1), later), "met for the first time twice");
        let expected = told.map(|(received, total)| FirstSync { received, total });
        let first_sync = |peers: &Peers, of| peers.first_meeting(&peer(of)).map(|met| met.progress(now));
        assert_eq!(first_sync(&peers, 1), expected);
        assert_eq!(first_sync(&peers, 2), None);
        // Whoever holds less of it, or says so, ends nothing.
        peers.equal(&peer(2), announced.saturating_sub(1));
        assert_eq!(first_sync(&peers, 1), expected);
        peers.equal(&peer(2), announced);
        assert_eq!(first_sync(&peers, 1), None, "it was over with another");
    }
}

fn dialled(effects: &[Effect]) -> Vec<(Option<NodeId>, Vec<String>)> {
    let dials = effects.iter().filter_map(|effect| match effect {
        Effect::Connect {
            peer,
            addresses,
            request: None,
        } => Some((*peer, addresses.clone())),
        _ => None,
    });
    dials.collect()
}

/// A node that dials on its own, and knows where the second is.
fn daemon(is_daemon: bool, dial: &[&str]) -> Bus {
    let mut bus = Bus::new(2);
    let options = Options {
        daemon: is_daemon,
        dial: dial.iter().map(|address| (*address).to_owned()).collect(),
        ..Options::default()
    };
    bus.nodes[0] = Node::of(bus.nodes[0].store.clone(), options);
    let peer = bus.nodes[1].id();
    assert!(bus.nodes[0].engine.address_learned(&peer, "10.0.0.2:1"));
    bus
}

#[test]
fn a_node_dials_whom_it_knows_and_is_not_in_session_with() {
    let there = vec!["10.0.0.2:1".to_owned()];
    for (is_daemon, is_off, is_open, is_dialled) in [
        (true, false, false, true),
        (false, false, false, false),
        (true, true, false, false),
        (true, false, true, false),
    ] {
        let mut bus = daemon(is_daemon, &[]);
        let peer = bus.nodes[1].id();
        if is_open {
            bus.connect(1, 0, None);
            bus.run();
        }
        if is_off {
            bus.give(0, Event::LinkEnabled { peer, enabled: false });
        }
        bus.now_ms += 200_000;
        let effects = bus.nodes[0].engine.handle(now_at(bus.now_ms), Event::Tick);
        let expected = is_dialled.then(|| (Some(peer), there.clone()));
        assert_eq!(
            dialled(&effects),
            Vec::from_iter(expected),
            "{is_daemon} {is_off} {is_open}"
        );
    }
    // Nor those who are no members as far as is known, nor itself.
    let mut bus = daemon(true, &[]);
    let me = bus.nodes[0].id();
    for other in [NodeId([9; 32]), me] {
        bus.nodes[0].engine.core.peers.learn(&other, "10.0.0.9:1");
    }
    bus.now_ms += 200_000;
    let effects = bus.nodes[0].engine.handle(now_at(bus.now_ms), Event::Tick);
    assert_eq!(dialled(&effects), [(Some(bus.nodes[1].id()), there)]);
}

#[test]
fn an_address_that_was_given_is_dialled_unless_somebody_is_there() {
    let mut bus = daemon(true, &["10.0.0.7:1", "10.0.0.8:1"]);
    let open = Event::Opened {
        session: 70,
        peer: NodeId([9; 32]),
        outbound: true,
        address: "10.0.0.8:1".into(),
        request: None,
    };
    bus.give(0, open);
    let node = bus.nodes[1].id();
    bus.nodes[0]
        .engine
        .core
        .peers
        .failed(&node, None, true, steady_at(bus.now_ms));
    let effects = bus.nodes[0].engine.handle(now_at(bus.now_ms), Event::Tick);
    assert_eq!(dialled(&effects), [(None, vec!["10.0.0.7:1".to_owned()])]);
}

#[test]
fn a_link_that_is_switched_on_is_dialled_at_once_by_whoever_dials() {
    for is_daemon in [true, false] {
        let mut bus = daemon(is_daemon, &[]);
        let peer = bus.nodes[1].id();
        bus.nodes[0]
            .engine
            .core
            .peers
            .failed(&peer, None, true, steady_at(bus.now_ms));
        let event = Event::LinkEnabled { peer, enabled: true };
        let effects = bus.nodes[0].engine.handle(now_at(bus.now_ms), event);
        assert_eq!(dialled(&effects).len(), usize::from(is_daemon));
        let wait = state_of(&bus, peer).backoff_ms;
        assert_eq!(wait, 0);
    }
}

fn state_of(bus: &Bus, peer: NodeId) -> PeerState {
    bus.nodes[0].engine.core.peers.state(&peer).cloned().unwrap()
}

#[test]
fn a_link_that_is_switched_off_ends_its_sessions_and_no_others() {
    let mut bus = Bus::new(3);
    let (_, off) = bus.connect(1, 0, None);
    let (_, other) = bus.connect(2, 0, None);
    bus.run();
    let peer = bus.nodes[1].id();
    bus.give(0, Event::LinkEnabled { peer, enabled: false });
    assert_eq!(bus.nodes[0].closes, [CloseReason::Disabled]);
    let sessions = &bus.nodes[0].engine.sessions;
    assert!(!sessions.contains_key(&off) && sessions.contains_key(&other));
}

#[test]
fn an_address_heard_on_the_lan_is_dialled_soon_unless_a_session_is_open() {
    for is_open in [false, true] {
        let (mut bus, _) = rested();
        if !is_open {
            bus.cut();
        }
        let peer = bus.nodes[1].id();
        bus.nodes[0]
            .engine
            .core
            .peers
            .failed(&peer, None, true, steady_at(bus.now_ms));
        assert!(bus.nodes[0].engine.address_learned(&peer, "10.0.0.2:1"));
        let due = bus.nodes[0].engine.core.peers.due(steady_at(bus.now_ms)).len();
        assert_eq!(due, usize::from(!is_open));
    }
}

#[test]
fn all_that_is_known_of_a_peer_is_listed() {
    let (mut bus, there) = rested();
    let (node, position) = (bus.nodes[1].id(), bus.nodes[0].store.position());
    assert!(bus.nodes[0].engine.address_learned(&node, "10.0.0.2:1"));
    let seen_ms = bus.now_ms;
    let listed = |bus: &Bus| bus.nodes[0].engine.peers().remove(0);
    let expected = PeerInfo {
        node,
        name: "clinic 1".into(),
        site: String::new(),
        role: "clinic".into(),
        last_seen_ms: seen_ms,
        in_sync: true,
        connected: true,
        is_silent: false,
        enabled: true,
        revoked: false,
        first_sync: None,
        records: 2,
        addresses: vec!["10.0.0.2:1".into()],
        known: vec![crate::report::KnownAddress {
            address: "10.0.0.2:1".into(),
            from: crate::report::AddressFrom::Mdns,
        }],
        problem: None,
        clock_skew_ms: Some(0),
        quarantined: 0,
        grant_ends_ms: bus.nodes[0].engine.trust().grant_ends_ms(&bus.nodes[1].id()),
        contact: listed(&bus).contact,
    };
    let contact = &expected.contact;
    assert_eq!((contact.in_sync_ms, contact.backlog), (seen_ms, Some(0)));
    assert!(contact.bytes_out > 0 && contact.bytes_in > 0, "{contact:?}");
    assert_eq!(listed(&bus), expected);
    // The same without a network side at work, once it was saved.
    bus.nodes[0].engine.flush();
    let stored = setup::peers(&bus.nodes[0].store).unwrap().remove(0);
    let alone = PeerInfo {
        connected: false,
        ..expected.clone()
    };
    assert_eq!(stored, alone);
    let session = bus.nodes[0].engine.sessions.get_mut(&there).unwrap();
    session.stats.refused.count = 3;
    assert_eq!(listed(&bus).quarantined, 3);
    bus.nodes[0].engine.close(there, CloseReason::Stalled);
    let problem = Some(Problem::Own(CloseReason::Stalled.code()));
    let after = listed(&bus);
    assert_eq!(
        (after.problem, after.connected, after.quarantined),
        (problem, false, 0)
    );
    // In sync up to where the log stood, and no further.
    let core = &mut bus.nodes[0].engine.core;
    for (at, in_sync) in [(position - 1, false), (position, true), (position + 1, true)] {
        core.peers.in_sync(&node, true, at, at, 1);
        let info = crate::engine::peer_info(
            &core.trust,
            &core.peers,
            position,
            core.trust.member(&node).unwrap(),
        );
        assert_eq!(info.in_sync, in_sync);
    }
}
