//! A node dials neighbours that it knows by the word of others alone when it is cut off, few of them, and no
//! longer than that.

use std::net::SocketAddr;

use super::*;
use crate::engine::book::Origin;
use crate::limits::{
    DIAL_UNASKED_MS, HEARD_ADDRESSES_MAX, HEARD_AGAIN_MS, NEIGHBOURS_AFTER_MS, NEIGHBOURS_AGAIN_MS_MAX,
    NEIGHBOURS_MAX, PEER_ADDRESSES_MAX, YIELD_MS_MAX,
};
use crate::report::AddressFrom;

fn at(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(node).unwrap()], 8031))
}

/// A hub and daemons that joined at it, all of which know where all are reached.
fn district(count: usize) -> Bus {
    let mut bus = Bus::new(count);
    for node in 0..count {
        let options = Options {
            daemon: true,
            listening: true,
            reached: vec![at(node)],
            ..Options::default()
        };
        bus.nodes[node] = Node::of(bus.nodes[node].store.clone(), options);
        bus.give(node, Event::Tick);
    }
    let hub = bus.nodes[0].id();
    for _ in 0..2 {
        for node in 1..count {
            let peers = &mut bus.nodes[node].engine.core.peers;
            peers.learn_from(&hub, &at(0).to_string(), Origin::Joined);
            bus.connect(node, 0, None);
            bus.run();
        }
        bus.cut();
    }
    bus
}

/// Time passes for a node; whom it dials meanwhile, and when.
fn dialled(bus: &mut Bus, node: usize, ms: u64) -> Vec<(u64, NodeId, Vec<String>)> {
    let began = bus.now_ms;
    let mut dialled = Vec::new();
    while bus.now_ms < began + ms {
        bus.now_ms += 1_000;
        let effects = bus.nodes[node]
            .engine
            .handle_inline(now_at(bus.now_ms), Event::Tick);
        for effect in effects {
            if let Effect::Connect {
                peer: Some(peer),
                addresses,
                ..
            } = effect
            {
                dialled.push((bus.now_ms - began, peer, addresses));
            }
        }
    }
    dialled
}

/// Where a node knocks at somebody for a while.
fn knocked(bus: &mut Bus, node: usize, at: NodeId, for_ms: u64) -> BTreeMap<String, usize> {
    let mut knocked = BTreeMap::new();
    let until = bus.now_ms + for_ms;
    while bus.now_ms < until {
        bus.now_ms += 250;
        let effects = bus.nodes[node]
            .engine
            .handle_inline(now_at(bus.now_ms), Event::Tick);
        for effect in effects {
            if let Effect::Knock { peer, address } = effect
                && peer == at
            {
                *knocked.entry(address).or_default() += 1;
            }
        }
    }
    knocked
}

#[test]
fn while_the_hub_lives_nobody_else_is_dialled() {
    let mut bus = district(6);
    let (there, _) = bus.connect(1, 0, None);
    bus.run();
    assert!(dialled(&mut bus, 1, 600_000).is_empty());
    assert!(bus.nodes[1].engine.is_live(there));
    // Nor does the hub, which joined nobody, dial those it has only heard of while somebody is in session.
    assert!(dialled(&mut bus, 0, 600_000).is_empty());
}

#[test]
fn a_hub_that_says_nothing_any_more_is_gone_though_its_session_is_not() {
    let mut bus = district(4);
    let hub = bus.nodes[0].id();
    let (there, _) = bus.connect(1, 0, None);
    bus.run();
    let began_ms = bus.now_ms;
    let mut others = 0;
    while bus.now_ms < began_ms + 2 * NEIGHBOURS_AFTER_MS {
        bus.now_ms += 250;
        for event in [Event::Silent { session: there }, Event::Tick] {
            let effects = bus.nodes[1].engine.handle_inline(now_at(bus.now_ms), event);
            let dials = effects
                .iter()
                .filter(|effect| matches!(effect, Effect::Connect { peer: Some(peer), .. } if *peer != hub));
            others += dials.count();
        }
    }
    assert!(bus.nodes[1].engine.is_live(there) && others > 0);
    // It was only slow: what it says puts an end to that.
    bus.now_ms += 2_000;
    assert!(dialled(&mut bus, 1, 600_000).is_empty());
}

#[test]
fn neighbours_of_a_dead_hub_are_dialled_after_a_while_a_few_at_a_time_each_in_its_turn() {
    let mut bus = district(9);
    let hub = bus.nodes[0].id();
    let all = dialled(&mut bus, 1, 4_000_000);
    let (to_hub, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, peer, _)| *peer == hub);
    assert!(to_hub.len() > 3, "the hub is given up: {}", to_hub.len());
    assert!(!knocked(&mut bus, 1, hub, 20_000).is_empty());
    let first = others.first().unwrap().0;
    assert!(
        (NEIGHBOURS_AFTER_MS..=NEIGHBOURS_AFTER_MS * 5 / 4 + 2_000).contains(&first),
        "{first}"
    );
    let mut rounds: BTreeMap<u64, BTreeSet<NodeId>> = BTreeMap::new();
    for (when, peer, addresses) in &others {
        rounds.entry(*when).or_default().insert(*peer);
        assert_eq!(addresses.len(), 1);
    }
    assert!(
        rounds.values().all(|round| round.len() <= NEIGHBOURS_MAX),
        "{rounds:?}"
    );
    // All seven are tried before one is tried again.
    let tried: Vec<_> = others.iter().map(|(_, peer, _)| *peer).collect();
    assert_eq!(tried[..7].iter().collect::<BTreeSet<_>>().len(), 7);
    // Ever more seldom.
    let when: Vec<u64> = rounds.keys().copied().collect();
    let waits: Vec<u64> = when.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits.is_sorted(), "{waits:?}");
    assert!(*waits.last().unwrap() >= NEIGHBOURS_AGAIN_MS_MAX, "{waits:?}");
    assert!(when.len() < 16, "{when:?}");
}

#[test]
fn a_neighbour_is_met_is_not_remembered_as_one_to_dial_and_is_left_when_the_hub_is_back() {
    let mut bus = district(3);
    patient(&bus.nodes[1].store, "only-here", "Quispe");
    let neighbour = bus.nodes[2].id();
    let met = dialled(&mut bus, 1, 80_000)
        .into_iter()
        .find(|(_, peer, _)| *peer == neighbour);
    assert_eq!(met.unwrap().2, [at(2).to_string()]);
    // The driver has dialled.
    let (ours, theirs) = (900, 901);
    bus.ends.insert((1, ours), (2, theirs));
    bus.ends.insert((2, theirs), (1, ours));
    let opened = |session, peer, outbound, address: SocketAddr| Event::Opened {
        session,
        peer,
        outbound,
        address: address.to_string(),
        request: None,
    };
    let me = bus.nodes[1].id();
    bus.give(2, opened(theirs, me, false, at(1)));
    bus.give(1, opened(ours, neighbour, true, at(2)));
    bus.run();
    let key: RecordKey = "Patient/only-here".parse().unwrap();
    assert!(bus.nodes[2].store.contains(&key).unwrap());
    for (node, of) in [(1, neighbour), (2, me)] {
        let peers = bus.nodes[node].engine.peers();
        let peer = peers.iter().find(|peer| peer.node == of).unwrap();
        assert!(peer.addresses.is_empty(), "{node}: {:?}", peer.addresses);
        assert_eq!(peer.known.len(), 1);
        assert_eq!(peer.known[0].from, AddressFrom::Told, "it has said so itself now");
    }
    // Cut off as it still is, it keeps it.
    dialled(&mut bus, 1, 300_000);
    assert!(bus.nodes[1].engine.is_live(ours));
    // The hub is back: it is left, though not at once.
    bus.connect(1, 0, None);
    bus.run();
    dialled(&mut bus, 1, 30_000);
    assert!(bus.nodes[1].engine.is_live(ours));
    bus.now_ms += NEIGHBOURS_AFTER_MS;
    for node in [1, 2] {
        bus.give(node, Event::Tick);
        bus.run();
    }
    assert!(!bus.nodes[1].engine.is_live(ours) && !bus.nodes[2].engine.is_live(theirs));
    assert!(dialled(&mut bus, 1, 600_000).is_empty());
}

#[test]
fn a_hub_that_moved_is_dialled_where_it_says_it_is() {
    let mut bus = district(3);
    let hub = bus.nodes[0].id();
    bus.nodes[0].engine.reached_set(Vec::new(), vec![at(77)]);
    bus.give(0, Event::Tick);
    // By way of a neighbour that has met it there.
    for (one, other) in [(2, 0), (1, 2)] {
        bus.connect(one, other, None);
        bus.run();
        bus.cut();
    }
    let addresses: Vec<_> = knocked(&mut bus, 1, hub, 120_000).into_keys().collect();
    assert_eq!(addresses, [at(0).to_string(), at(77).to_string()]);
    // Where it answers, it is dialled.
    let event = Event::Knocked {
        peer: hub,
        address: at(77).to_string(),
    };
    let engine = &mut bus.nodes[1].engine;
    let mut effects = engine.handle_inline(now_at(bus.now_ms), event);
    effects.extend(engine.handle_inline(now_at(bus.now_ms + YIELD_MS_MAX), Event::Tick));
    let dialled = effects.into_iter().find_map(|effect| match effect {
        Effect::Connect { addresses, .. } => addresses.first().cloned(),
        _ => None,
    });
    assert_eq!(dialled, Some(at(77).to_string()));
}

#[test]
fn an_address_of_a_machine_itself_is_dialled_on_that_machine_alone() {
    for (mine, is_told) in [("127.0.0.1:9", true), ("10.0.0.1:9", false)] {
        let mut bus = Bus::new(2);
        for (node, address) in [mine, "127.0.0.1:8"].iter().enumerate() {
            let address = address.parse().unwrap();
            bus.nodes[node].engine.reached_set(Vec::new(), vec![address]);
            bus.give(node, Event::Tick);
        }
        bus.connect(1, 0, None);
        bus.run();
        let peer = bus.nodes[1].id();
        let core = &bus.nodes[0].engine.core;
        assert_eq!(core.dial_addresses(&peer).len(), usize::from(is_told), "{mine}");
    }
}

#[test]
fn what_is_announced_takes_no_place_from_what_was_reached_and_hurries_nobody_all_the_time() {
    let mut bus = Bus::new(2);
    let peer = bus.nodes[1].id();
    let engine = &mut bus.nodes[0].engine;
    let peers = &mut engine.core.peers;
    for number in 0..3 {
        peers.learn_from(&peer, &format!("10.0.0.{number}:1"), Origin::Joined);
    }
    // A liar announces the member's key at ever other addresses.
    for number in 0..50 {
        assert!(engine.address_learned(&peer, &format!("10.9.9.{number}:1")));
    }
    let state = engine.core.peers.state(&peer).unwrap();
    assert_eq!(state.addresses[..3], ["10.0.0.2:1", "10.0.0.1:1", "10.0.0.0:1"]);
    assert_eq!(state.addresses.len(), 3 + HEARD_ADDRESSES_MAX);
    let dials = |engine: &mut Engine, now_ms: u64| {
        engine.core.now_ms = now_ms;
        engine.address_learned(&peer, &format!("10.9.8.{}:1", now_ms % 200));
        engine.core.peers.due(now_ms).len()
    };
    let often: usize = (0..30)
        .map(|number| dials(engine, 1_000_000 + number * 250))
        .sum();
    assert_eq!(often, 1);
    assert_eq!(dials(engine, 1_000_000 + HEARD_AGAIN_MS + 1), 1);
    // Where it dialled from, however often that changes, is forgotten before where this node joined.
    for number in 0..30 {
        engine
            .core
            .peers
            .learn_from(&peer, &format!("10.1.1.{number}:1"), Origin::Met);
    }
    let addresses = &engine.core.peers.state(&peer).unwrap().addresses;
    assert_eq!(addresses.len(), PEER_ADDRESSES_MAX);
    assert!(addresses.contains(&"10.0.0.0:1".to_owned()), "{addresses:?}");
}

#[test]
fn a_configured_address_leads_to_whoever_has_it_now() {
    let configured = at(9).to_string();
    let mut bus = Bus::new(3);
    let options = Options {
        daemon: true,
        dial: vec![configured.clone()],
        ..Options::default()
    };
    bus.nodes[2] = Node::of(bus.nodes[2].store.clone(), options);
    let places = |bus: &mut Bus| {
        bus.now_ms += 61_000;
        let effects = bus.nodes[2].engine.handle_inline(now_at(bus.now_ms), Event::Tick);
        let found = effects.into_iter().filter_map(|effect| match effect {
            Effect::Connect { peer, addresses, .. } => Some((peer, addresses)),
            _ => None,
        });
        found.collect::<Vec<_>>()
    };
    assert_eq!(places(&mut bus), [(None, vec![configured.clone()])]);
    // Whoever answers is a member: it is known there from then on, and one to be in touch with.
    let old = bus.nodes[1].id();
    let (ours, theirs) = (900, 901);
    bus.ends.insert((2, ours), (1, theirs));
    bus.ends.insert((1, theirs), (2, ours));
    let me = bus.nodes[2].id();
    let opened = |session, peer, outbound| Event::Opened {
        session,
        peer,
        outbound,
        address: at(9).to_string(),
        request: None,
    };
    bus.give(1, opened(theirs, me, false));
    bus.give(2, opened(ours, old, true));
    bus.run();
    bus.cut();
    // Long enough for one that was lost to be dialled unasked.
    bus.now_ms += DIAL_UNASKED_MS;
    let peers = bus.nodes[2].engine.peers();
    let known = peers.iter().find(|peer| peer.node == old).unwrap();
    assert_eq!(known.known[0].from, AddressFrom::Configured);
    assert!(bus.nodes[2].engine.core.peers.is_named(&old));
    assert_eq!(places(&mut bus), [(Some(old), vec![configured.clone()])]);
    // Another machine has the address now: its key is not asked for again, whoever it is.
    let refused = Event::DialRefused {
        peer: Some(old),
        request: None,
        reason: CloseReason::OtherKey(configured.clone()),
    };
    bus.give(2, refused);
    assert_eq!(places(&mut bus), [(None, vec![configured.clone()])]);
    // One that is revoked holds it no longer either.
    bus.nodes[2]
        .engine
        .core
        .peers
        .learn_from(&old, &configured, Origin::Configured);
    let effects = bus.nodes[0].engine.revoke(now_at(bus.now_ms), old, "lost".into());
    bus.effects(0, effects.unwrap());
    bus.connect(0, 2, None);
    bus.run();
    bus.cut();
    assert_eq!(places(&mut bus), [(None, vec![configured])]);
}
