//! What is remembered of peers is bounded, kept, and dialled neither too often nor never.

use super::*;
use crate::engine::Peers;
use crate::engine::peer_state::FirstMeeting;
use crate::limits::{
    DIALS_A_TICK_MAX, NAME_BYTES_MAX, PEER_ADDRESSES_MAX, PEERS_MAX, REDIAL_MS_MAX, REDIAL_MS_MIN,
    REDIAL_SWITCHED_MS_MAX, TICK_MS,
};

fn peer(number: u16) -> NodeId {
    let mut key = [0; 32];
    key[1..3].copy_from_slice(&number.to_be_bytes());
    NodeId(key)
}

#[test]
fn of_too_many_peers_the_one_not_heard_of_for_longest_is_forgotten() {
    let mut peers = Peers::default();
    for number in 0..PEERS_MAX as u16 {
        peers.seen(&peer(number), "", false, 1_000 + u64::from(number));
    }
    peers.seen(&peer(0), "", false, 9_000);
    peers.seen(&peer(60_000), "", false, 9_001);
    assert!(peers.state(&peer(0)).is_some() && peers.state(&peer(60_000)).is_some());
    assert!(peers.state(&peer(1)).is_none() && peers.state(&peer(2)).is_some());
    // Of none more is kept than of so many, what was handed over included.
    for number in 0..PEERS_MAX as u16 + 5 {
        peers.hand(&peer(number), 7);
    }
    assert_eq!(peers.handed(&peer(PEERS_MAX as u16 + 1)), 0);
    assert_eq!(peers.handed(&peer(3)), 7);
    peers.hand(&peer(3), 5);
    assert_eq!(peers.handed(&peer(3)), 7, "never taken back");
}

#[test]
fn addresses_are_few_the_latest_first_and_none_is_endless() {
    let mut peers = Peers::default();
    for number in 0..20 {
        peers.learn(&peer(1), &format!("10.0.0.{number}:1"));
    }
    peers.learn(&peer(1), "10.0.0.15:1");
    peers.learn(&peer(1), "");
    peers.learn(&peer(1), &"a".repeat(NAME_BYTES_MAX + 1));
    let known = &peers.state(&peer(1)).unwrap().addresses;
    assert_eq!(known.len(), PEER_ADDRESSES_MAX);
    assert_eq!(known[..3], ["10.0.0.15:1", "10.0.0.19:1", "10.0.0.18:1"]);
}

#[test]
fn a_node_that_starts_dials_all_it_knows_and_few_of_them_at_once() {
    let mut peers = Peers::default();
    for n in 0..200 {
        peers.learn(&peer(n), "10.0.0.1:1");
    }
    let mut dialled = BTreeSet::new();
    for tick in 0..25 {
        let due = peers.due(tick * TICK_MS);
        assert!(
            (1..=DIALS_A_TICK_MAX).contains(&due.len()),
            "{tick}: {}",
            due.len()
        );
        for (node, _) in due {
            // One that fails at once does not stand in the way of those that have not been tried.
            peers.failed(&node, None, true, tick * TICK_MS);
            dialled.insert(node);
        }
    }
    assert_eq!(dialled.len(), 200);
}

#[test]
fn who_does_not_answer_is_dialled_less_and_less_and_never_given_up() {
    let mut peers = Peers::default();
    peers.learn(&peer(1), "10.0.0.1:1");
    let unanswered = Problem::Own(CloseReason::Unreachable(String::new()).code());
    let mut now_ms = 0;
    let mut waits = Vec::new();
    for _ in 0..12 {
        peers.failed(&peer(1), Some(unanswered), true, now_ms);
        let began_ms = now_ms;
        while peers.due(now_ms).is_empty() {
            now_ms += 100;
            assert!(now_ms < began_ms + 2 * REDIAL_MS_MAX, "given up");
        }
        assert!(peers.due(now_ms).is_empty(), "dialled twice at once");
        waits.push(now_ms - began_ms);
    }
    assert!(
        waits[0] >= REDIAL_MS_MIN && waits[0] <= 2 * REDIAL_MS_MIN,
        "{waits:?}"
    );
    assert!(
        waits.is_sorted() && *waits.last().unwrap() >= REDIAL_MS_MAX,
        "{waits:?}"
    );
    assert_eq!(peers.state(&peer(1)).unwrap().problem, Some(unanswered));
    // Once it has been heard of, the problem is over and the waits begin anew.
    peers.seen(&peer(1), "", false, now_ms);
    assert_eq!(peers.state(&peer(1)).unwrap().problem, None);
    peers.failed(&peer(1), None, true, now_ms);
    assert!(peers.state(&peer(1)).unwrap().backoff_ms == REDIAL_MS_MIN);
    // One whose switch is off is asked again before long.
    peers.patience(&peer(1));
    peers.failed(&peer(1), None, true, now_ms);
    assert!(peers.due(now_ms + REDIAL_SWITCHED_MS_MAX).is_empty());
    peers.switched(&peer(1), now_ms);
    assert_eq!(peers.due(now_ms + REDIAL_SWITCHED_MS_MAX).len(), 1);
}

#[test]
fn what_is_known_of_a_peer_is_kept_and_of_another_log_only_where_it_is() {
    let (store, _) = store(9);
    let mut peers = Peers::load(&store, 4).unwrap();
    peers.seen(&peer(1), "10.0.0.1:1", true, 5);
    peers.seen(&peer(2), "10.0.0.2:1", false, 5);
    peers.in_sync(&peer(1), true, 70, 70, 6);
    peers.equal(&peer(1), 9);
    peers.hand(&peer(1), 33);
    peers.authority_ack(&peer(1), 12);
    let met = FirstMeeting {
        held: 1,
        announced: 9,
    };
    assert!(peers.first_met(&peer(1), met) && !peers.first_met(&peer(1), met));
    peers.save(&store, 10, true).unwrap();
    let same = Peers::load(&store, 4).unwrap();
    assert_eq!(same.state(&peer(1)), peers.state(&peer(1)));
    assert_eq!((same.handed(&peer(1)), same.authority_acked(&peer(1))), (33, 12));
    assert!(same.is_first_sync_over(18) && !same.is_first_sync_over(19));
    assert!(
        same.state(&peer(2)).unwrap().addresses.is_empty(),
        "nobody dialled it there"
    );
    let other = Peers::load(&store, 5).unwrap();
    let state = other.state(&peer(1)).unwrap();
    assert_eq!(
        (state.in_sync, state.equal_position, state.equal_records),
        (false, 0, 0)
    );
    assert_eq!((other.handed(&peer(1)), state.addresses.len()), (0, 1));
}

#[test]
fn an_address_is_learned_of_members_alone() {
    let mut bus = Bus::new(2);
    let (me, member) = (bus.nodes[0].id(), bus.nodes[1].id());
    let stranger = NodeId::of(&SigningKey::from_bytes(&[55; 32]));
    let engine = &mut bus.nodes[0].engine;
    assert!(!engine.address_learned(&stranger, "10.0.0.3:1"));
    assert!(!engine.address_learned(&me, "10.0.0.1:1"));
    assert!(engine.address_learned(&member, "10.0.0.2:1"));
    let known = engine.peers();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].addresses, ["10.0.0.2:1"]);
}

/// Two nodes with a session between these addresses.
fn met(second: Options, of_first: &str, of_second: &str) -> Bus {
    let mut bus = Bus::new(2);
    bus.nodes[1] = Node::of(bus.nodes[1].store.clone(), second);
    let (ours, theirs) = (900, 901);
    bus.ends.insert((1, ours), (0, theirs));
    bus.ends.insert((0, theirs), (1, ours));
    let ids = [0, 1].map(|node| bus.nodes[node].id());
    let opened = |session, peer, outbound, address: &str| Event::Opened {
        session,
        peer,
        outbound,
        address: address.to_owned(),
        request: None,
    };
    bus.give(0, opened(theirs, ids[1], false, of_second));
    bus.give(1, opened(ours, ids[0], true, of_first));
    bus.run();
    bus
}

#[test]
fn an_address_is_dialled_again_only_if_somebody_listens_there() {
    for listening in [true, false] {
        let options = Options {
            listening,
            ..Options::default()
        };
        let bus = met(options, "10.0.0.1:1", "10.0.0.2:1");
        let known = |node: usize| bus.nodes[node].engine.peers()[0].addresses.clone();
        assert_eq!(known(1), ["10.0.0.1:1"]);
        let expected: &[&str] = if listening { &["10.0.0.2:1"] } else { &[] };
        assert_eq!(known(0), expected, "listening: {listening}");
    }
}

#[test]
fn a_link_that_is_switched_off_is_not_dialled() {
    let daemon = Options {
        daemon: true,
        ..Options::default()
    };
    let mut bus = met(daemon, "10.0.0.1:1", "");
    bus.cut();
    let peer = bus.nodes[0].id();
    let dials = |bus: &mut Bus, enabled| {
        bus.now_ms += 200_000;
        let effects = bus.nodes[1]
            .engine
            .handle(now_at(bus.now_ms), Event::LinkEnabled { peer, enabled });
        bus.now_ms += 200_000;
        let ticked = bus.nodes[1].engine.handle(now_at(bus.now_ms), Event::Tick);
        let all = effects.into_iter().chain(ticked);
        all.filter(|effect| matches!(effect, Effect::Connect { .. }))
            .count()
    };
    assert_eq!(dials(&mut bus, false), 0);
    assert!(dials(&mut bus, true) > 0);
}

#[test]
fn a_newer_session_takes_over_one_that_stands_and_none_that_moves() {
    for (idle_ms, is_taken_over) in [
        (crate::limits::REPLACE_MS - 1, false),
        (crate::limits::REPLACE_MS, true),
    ] {
        let mut bus = Bus::new(2);
        for i in 0..50 {
            patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        }
        // Both hellos arrive, and what was under way stays there: the session owes something.
        bus.deliver_max = Some(2);
        let (_, old) = bus.connect(1, 0, None);
        bus.run();
        assert!(bus.nodes[0].engine.sessions[&old].is_busy());
        bus.now_ms += idle_ms;
        bus.deliver_max = Some(3);
        bus.queue.retain(|(node, _)| *node != 1);
        let (_, new) = bus.connect(1, 0, None);
        bus.run();
        let open: Vec<SessionId> = bus.nodes[0].engine.session_ids().collect();
        let (expected, reason) = if is_taken_over {
            (new, CloseReason::Replaced)
        } else {
            (old, CloseReason::Duplicate)
        };
        assert_eq!(
            (open, bus.nodes[0].closes.clone()),
            (vec![expected], vec![reason])
        );
    }
}
