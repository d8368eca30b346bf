//! Attacks on how those meet again that have lost each other.

use super::links::daemon;
use super::*;
use crate::engine::book::Origin;
use crate::pace::Pace;

/// After how long a clinic finds the hub, which has moved to where it had said it would be, in seconds. At its old
/// address somebody answers knocks, or nobody does.
fn found_after_s(is_liar: bool, is_announced: bool, seconds: u64) -> Option<u64> {
    let (old, new) = ("10.0.0.1:8031".to_owned(), "10.0.0.2:8031".to_owned());
    let mut bus = Bus::new(2);
    for node in 0..2 {
        let mut options = daemon();
        options.listening = true;
        options.reached = vec![if node == 0 {
            new.parse().unwrap()
        } else {
            "10.0.0.7:8031".parse().unwrap()
        }];
        bus.nodes[node] = Node::of(bus.nodes[node].store.clone(), options);
        bus.give(node, Event::Tick);
    }
    let hub = bus.nodes[0].id();
    if !is_announced {
        bus.nodes[1]
            .engine
            .core
            .peers
            .learn_from(&hub, &old, Origin::Joined);
    }
    bus.connect(1, 0, None);
    bus.run();
    bus.cut();
    if is_announced {
        // By a stranger on the local network.
        assert!(bus.nodes[1].engine.address_learned(&hub, &old));
    }
    let began = bus.now_ms;
    // When each happens: a knock answered, and where the dialling under way is tried.
    let mut answers: Vec<(u64, String)> = Vec::new();
    let mut dialling: Option<(u64, Vec<String>)> = None;
    let (mut connects, mut knocks) = (
        BTreeMap::<Vec<String>, u32>::new(),
        BTreeMap::<String, u32>::new(),
    );
    let mut found = None;
    'time: while bus.now_ms < began + seconds * 1_000 {
        bus.now_ms += 50;
        let mut events = Vec::new();
        let now = bus.now_ms;
        answers.sort();
        while answers.first().is_some_and(|(at, _)| *at <= now) {
            let (_, address) = answers.remove(0);
            events.push(Event::Knocked { peer: hub, address });
        }
        if let Some((since, addresses)) = &dialling {
            // Each address 2 s after the one before; the hub answers after 0.2 s.
            let at = addresses.iter().position(|address| *address == new);
            if at.is_some_and(|at| now >= since + 2_000 * at as u64 + 200) {
                found = Some((now - began) / 1_000);
                break 'time;
            }
            if now >= since + 2_000 * (addresses.len() as u64 - 1) + 10_000 {
                dialling = None;
                events.push(Event::DialFailed {
                    peer: Some(hub),
                    request: None,
                    address: old.clone(),
                });
            }
        }
        if (now - began).is_multiple_of(250) {
            events.push(Event::Tick);
        }
        for event in events {
            for effect in bus.nodes[1].engine.handle_inline(now_at(now), event) {
                match effect {
                    Effect::Knock { address, .. } => {
                        *knocks.entry(address.clone()).or_default() += 1;
                        // The liar is nearer than the hub.
                        if address == new {
                            answers.push((now + 200, address));
                        } else if is_liar {
                            answers.push((now + 50, address));
                        }
                    }
                    // The second ends the first, as the endpoint's `Dials` does.
                    Effect::Connect { addresses, .. } => {
                        *connects.entry(addresses.clone()).or_default() += 1;
                        dialling = Some((now, addresses));
                    }
                    _ => {}
                }
            }
        }
    }
    found
}

#[test]
fn who_answers_knocks_at_an_old_address_keeps_nobody_from_where_it_is_now() {
    let honest = found_after_s(false, false, 3_600);
    let lied = found_after_s(true, false, 3_600);
    assert!(honest.is_some_and(|s| s <= 120), "{honest:?}");
    assert!(lied.is_some_and(|s| s <= 120), "{lied:?}");
}

#[test]
fn who_announces_a_member_and_answers_knocks_keeps_nobody_from_where_it_says_it_is() {
    let honest = found_after_s(false, true, 3_600);
    let lied = found_after_s(true, true, 3_600);
    assert!(honest.is_some_and(|s| s <= 120), "{honest:?}");
    assert!(lied.is_some_and(|s| s <= 120), "{lied:?}");
}

/// Requests of a node that are answered, or wait on a session.
fn accounted(bus: &Bus, node: usize) -> usize {
    let waiting = bus.nodes[node].engine.sessions.values().map(|s| s.requests.len());
    bus.nodes[node].reports.len() + waiting.sum::<usize>()
}

/// Nodes that hear lies of sessions begun anew, silences, cuts and goodbyes in any order: nobody panics, every
/// request is answered once, and all end equal.
#[test]
fn sessions_that_begin_anew_in_any_order_end_equal_and_answer_every_request() {
    let mut failed = Vec::new();
    for seed in 0..250_u64 {
        let mut log = Vec::new();
        let mut noise = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
        let mut any = |below: usize| {
            let mut bytes = [0; 4];
            noise.fill(&mut bytes);
            u32::from_le_bytes(bytes) as usize % below
        };
        let mut bus = Bus::new(3);
        for node in 0..3 {
            bus.nodes[node] = Node::of(bus.nodes[node].store.clone(), daemon());
        }
        // What all know of the network's members is the same: a request that is asked again because a grant has
        // changed goes nowhere in this network of tests.
        for (a, b) in [(1, 0), (2, 0), (1, 0), (2, 0)] {
            bus.sync(a, b).unwrap();
            bus.cut();
        }
        bus.nodes.iter_mut().for_each(|node| node.reports.clear());
        let (mut asked, mut told) = ([0_usize; 3], [0_usize; 3]);
        for step in 0..60 {
            let node = any(3);
            let ids: Vec<_> = bus.nodes[node].engine.session_ids().collect();
            let session = (!ids.is_empty()).then(|| ids[any(ids.len())]);
            let act = any(12);
            log.push((node, act, session));
            let before: Vec<_> = (0..3)
                .map(|node| accounted(&bus, node).wrapping_sub(asked[node]))
                .collect();
            match (act, session) {
                (0 | 1, _) => {
                    let other = (node + 1 + any(2)) % 3;
                    let request = (any(2) == 0).then_some(step as u64 + 1);
                    asked[node] += usize::from(request.is_some());
                    bus.connect(node, other, request);
                }
                (2, _) => {
                    for i in 0..[1, 60][any(2)] {
                        patient(
                            &bus.nodes[node].store,
                            &format!("s{step}n{node}i{i}"),
                            &format!("Q {:x}", i * 7_919),
                        );
                    }
                    bus.give(node, Event::LocalChange);
                }
                (3 | 4, Some(session)) => bus.give(node, Event::Anew { session }),
                (5 | 6, Some(session)) => {
                    let pace = Pace {
                        bytes_s: 10_000_000,
                        rtt_ms: 1,
                    };
                    bus.give(node, Event::Paced { session, pace });
                    bus.give(node, Event::Silent { session });
                }
                (7, Some(session)) => {
                    bus.nodes[node].engine.heard(session);
                    bus.give(node, Event::Tick);
                }
                (8, _) => {
                    bus.deliver_max = Some(bus.delivered + any(6) as u64);
                    bus.run();
                }
                (9, _) => {
                    bus.now_ms += [250, 4_000, 16_000][any(3)];
                    (0..3).for_each(|node| bus.give(node, Event::Tick));
                }
                (10, _) => {
                    let peer = bus.nodes[(node + 1) % 3].id();
                    bus.give(node, Event::Finish { peer });
                }
                _ => {
                    bus.deliver_max = None;
                    bus.run();
                }
            }
            let after: Vec<_> = (0..3)
                .map(|node| accounted(&bus, node).wrapping_sub(asked[node]))
                .collect();
            if before != after {}
        }
        bus.deliver_max = None;
        for _ in 0..8 {
            for node in 0..3 {
                let ids: Vec<_> = bus.nodes[node].engine.session_ids().collect();
                ids.into_iter().for_each(|id| bus.nodes[node].engine.heard(id));
                bus.give(node, Event::Tick);
            }
            bus.run();
            bus.now_ms += 20_000;
        }
        for _ in 0..8 {
            bus.now_ms += 20_000;
            (0..3).for_each(|node| bus.give(node, Event::Tick));
            bus.run();
        }
        for (told, node) in told.iter_mut().zip(&bus.nodes) {
            *told = node.reports.len();
        }
        if asked != told {
            failed.push(seed);
            continue;
        }
        bus.cut();
        for (a, b) in [(1, 0), (2, 0), (1, 0)] {
            assert!(bus.sync(a, b).unwrap().in_sync, "seed {seed}");
            bus.cut();
        }
        bus.assert_equal();
    }
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn beginning_anew_gives_nobody_more_words_about_addresses_than_a_new_connection_does() {
    const AGE_S: u64 = 3_600;
    let mut bus = Bus::new(2);
    let (_, here) = bus.connect(1, 0, None);
    bus.run();
    bus.now_ms += AGE_S * 1_000;
    bus.give(0, Event::Anew { session: here });
    bus.run();
    let session = bus.nodes[0].engine.session_ids().next().unwrap();
    assert!(bus.nodes[0].engine.is_live(session));
    let word = crate::wire::Message::Directory(crate::wire::Directory {
        digest: [7; 8],
        sums: Vec::new(),
        said: Vec::new(),
    });
    let bytes = crate::wire::encode(1, &word);
    let mut taken = 0;
    while bus.nodes[0].closes.is_empty() {
        let (priority, bytes) = (Priority::Control, bytes.clone());
        bus.give(
            0,
            Event::Message {
                session,
                priority,
                bytes,
            },
        );
        taken += 1;
    }
    assert!(taken <= crate::limits::DIRECTORY_MESSAGES_MAX + 1, "{taken}");
}
