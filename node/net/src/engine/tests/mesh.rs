//! Several nodes in touch with each other: what each is sent, and by whom.

use super::*;
use crate::limits::{NEARBY_MAX, RELAY_MS_MAX, TICK_MS};
use crate::wire::{Message, Nearby};

/// A round trip.
const TRIP: std::time::Duration = std::time::Duration::from_millis(120);

/// What each node has been sent.
#[derive(Default)]
struct Sent {
    records: Vec<usize>,
    contacts: Vec<Nearby>,
}

/// Nodes of which each is in touch with each, all of them in sync.
fn mesh(nodes: usize) -> Bus {
    let mut bus = Bus::new(nodes);
    patient(&bus.nodes[0].store, "first", "Quispe");
    for one in 1..nodes {
        for other in 0..one {
            bus.connect(one, other, None);
            watch(&mut bus, 0);
        }
    }
    for _ in 0..2 {
        watch(&mut bus, 2 * RELAY_MS_MAX);
    }
    bus.assert_equal();
    bus
}

/// Delivers everything, for a while, and counts.
fn watch(bus: &mut Bus, ms: u64) -> Sent {
    let mut sent = Sent {
        records: vec![0; bus.nodes.len()],
        contacts: Vec::new(),
    };
    let until = bus.now_ms + ms;
    loop {
        while let Some((node, event)) = bus.queue.pop_front() {
            if let Event::Message { bytes, .. } = &event {
                match crate::wire::decode(bytes) {
                    Ok((_, Message::Batch(batch))) => {
                        sent.records[node] += crate::batch::decode(&batch.payload).unwrap().len();
                    }
                    Ok((_, Message::Nearby(contacts))) => sent.contacts.push(contacts),
                    _ => {}
                }
            }
            bus.give(node, event);
        }
        if bus.now_ms >= until {
            return sent;
        }
        bus.now_ms += TICK_MS;
        for node in 0..bus.nodes.len() {
            bus.give(node, Event::Tick);
        }
    }
}

fn write(bus: &mut Bus, node: usize, prefix: &str, count: u32) {
    for i in 0..count {
        observation(&bus.nodes[node].store, &format!("{prefix}{i}"), "first", i);
    }
    bus.give(node, Event::LocalChange);
}

#[test]
fn in_a_mesh_each_record_reaches_each_node_once() {
    for nodes in [3, 5, 8] {
        let mut bus = mesh(nodes);
        write(&mut bus, 1, "at-one", 60);
        let sent = watch(&mut bus, 3 * RELAY_MS_MAX).records;
        bus.assert_equal();
        assert_eq!(
            sent.iter().sum::<usize>(),
            60 * (nodes - 1),
            "{nodes} nodes: {sent:?}"
        );
        // At several at once, little by little.
        for round in 0..5 {
            for node in [0, 2] {
                write(&mut bus, node, &format!("at-{node}-{round}-"), 4);
            }
            watch(&mut bus, TICK_MS);
        }
        watch(&mut bus, 3 * RELAY_MS_MAX);
        bus.assert_equal();
    }
}

#[test]
fn on_links_that_are_not_fast_each_record_reaches_each_node_once_too() {
    for nodes in [5, 8] {
        let mut bus = mesh(nodes);
        let pace = crate::pace::Pace::of(12_000, std::time::Duration::from_millis(120), TRIP);
        assert!(!pace.is_fast());
        for node in 0..nodes {
            let sessions: Vec<_> = bus.nodes[node].engine.session_ids().collect();
            for session in sessions {
                bus.give(node, Event::Paced { session, pace });
            }
        }
        let mut records = vec![0; nodes];
        let mut written = 0;
        for round in 0..10 {
            write(&mut bus, 1, &format!("round{round}-"), 40);
            written += 40;
            let sent = watch(&mut bus, TICK_MS).records;
            records.iter_mut().zip(sent).for_each(|(all, sent)| *all += sent);
        }
        let sent = watch(&mut bus, 3 * RELAY_MS_MAX).records;
        records.iter_mut().zip(sent).for_each(|(all, sent)| *all += sent);
        bus.assert_equal();
        let most = written * 12 / 10;
        assert!(
            records.iter().all(|sent| *sent <= most),
            "{nodes}: {written} written, {records:?}"
        );
    }
}

#[test]
fn one_record_costs_each_node_of_a_mesh_one_word_of_each_neighbour() {
    let mut bus = mesh(8);
    watch(&mut bus, 2 * RELAY_MS_MAX);
    let said = Arc::new(Mutex::new(vec![(0, 0); 8]));
    let counted = Arc::clone(&said);
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        let mut said = counted.lock().unwrap();
        match crate::wire::decode(&bytes).unwrap().1 {
            Message::Status(_) => said[node].0 += 1,
            Message::Nearby(_) => said[node].1 += bytes.len(),
            _ => {}
        }
        bytes
    }));
    // One after the other, as somebody types them.
    for i in 0..20 {
        write(&mut bus, 1, &format!("single{i}-"), 1);
        watch(&mut bus, TICK_MS);
    }
    watch(&mut bus, 2 * RELAY_MS_MAX);
    bus.assert_equal();
    let said = said.lock().unwrap();
    // In five seconds from seven neighbours: one each in a second, and one more once it is quiet.
    assert!(said.iter().all(|(statuses, _)| *statuses <= 7 * 7), "{said:?}");
    assert!(said.iter().all(|(_, nearby)| *nearby <= 20 * 7 * 128), "{said:?}");
    for node in 0..8 {
        let peers = bus.nodes[node].engine.sessions.values();
        assert!(peers.into_iter().all(|s| s.proof.equal.is_some()), "node {node}");
    }
}

#[test]
fn what_a_neighbour_does_not_get_from_there_is_handed_on_after_a_moment() {
    let mut bus = mesh(3);
    // The link between 1 and 2 takes nothing any more, though both hold it to be up.
    let (one, two) = (bus.nodes[1].id(), bus.nodes[2].id());
    let ends = |bus: &Bus, node: usize, peer: NodeId| {
        let sessions = bus.nodes[node].engine.sessions.values();
        sessions.filter(|s| s.peer == peer).map(|s| s.id).next().unwrap()
    };
    let cut = [(1, ends(&bus, 1, two)), (2, ends(&bus, 2, one))];
    for end in cut {
        bus.ends.remove(&end);
    }
    write(&mut bus, 1, "late", 10);
    let at_once = watch(&mut bus, RELAY_MS_MAX - 2 * TICK_MS).records;
    assert_eq!(at_once[2], 0, "it might still have come from there");
    assert_eq!(at_once[0], 10);
    // What is written here waits no longer than that either.
    write(&mut bus, 0, "own", 1);
    let later = watch(&mut bus, RELAY_MS_MAX).records;
    assert_eq!(later[2], 11);
    bus.assert_equal();
}

#[test]
fn a_record_that_a_neighbour_brought_and_this_node_changed_is_handed_on_whole() {
    let mut bus = mesh(3);
    write(&mut bus, 1, "shared", 5);
    bus.run();
    // Before anything is known of who has what.
    for i in 0..5 {
        observation(&bus.nodes[0].store, &format!("shared{i}"), "first", 70 + i);
    }
    bus.give(0, Event::LocalChange);
    watch(&mut bus, 3 * RELAY_MS_MAX);
    bus.assert_equal();
}

#[test]
fn around_a_hub_nobody_speaks_of_neighbours_and_nothing_waits() {
    let mut bus = Bus::new(4);
    patient(&bus.nodes[0].store, "first", "Quispe");
    let mut said = 0;
    for clinic in 1..4 {
        bus.connect(clinic, 0, None);
        said += watch(&mut bus, TICK_MS)
            .contacts
            .iter()
            .filter(|c| !c.holds.is_empty())
            .count();
    }
    write(&mut bus, 1, "live", 3);
    let sent = watch(&mut bus, 0);
    assert_eq!(sent.records, [3, 0, 3, 3], "handed on at once");
    assert_eq!(said + sent.contacts.len(), 0, "{:?}", sent.contacts);
}

#[test]
fn a_node_with_many_sessions_names_them_to_nobody() {
    let many = NEARBY_MAX + 1;
    let mut bus = Bus::new(many + 1);
    patient(&bus.nodes[0].store, "first", "Quispe");
    for clinic in 1..=many {
        bus.connect(clinic, 0, None);
        bus.run();
    }
    watch(&mut bus, 4 * TICK_MS);
    let last = bus.nodes[many].engine.sessions.values().next().unwrap();
    assert!(format!("{:?}", last.mesh).contains("near: []"));
}

#[test]
fn a_liar_who_says_that_a_peer_has_everything_delays_and_hides_nothing_for_good() {
    let mut bus = mesh(3);
    let (from, to) = (bus.nodes[2].id(), bus.nodes[0].id());
    let one = bus.nodes[1].id();
    let session = bus.nodes[0]
        .engine
        .sessions
        .values()
        .find(|s| s.peer == from)
        .unwrap()
        .id;
    let epoch = bus.nodes[1].store.log_epoch();
    let holds = crate::wire::Holds {
        node: *one.0.first_chunk().unwrap(),
        epoch,
        positions: [u64::MAX; crate::wire::FEED_PRIORITIES],
    };
    let lie = Nearby {
        near: Vec::new(),
        holds: vec![holds],
    };
    let _ = to;
    // 2 is cut from 1, and says that it has all of 1.
    let cut = [(1, from), (2, one)].map(|(node, peer)| {
        let sessions = bus.nodes[node].engine.sessions.values();
        (
            node,
            sessions.filter(|s| s.peer == peer).map(|s| s.id).next().unwrap(),
        )
    });
    for end in cut {
        bus.ends.remove(&end);
    }
    let bytes = crate::wire::encode(1, &Message::Nearby(lie));
    bus.give(
        0,
        Event::Message {
            session,
            priority: Priority::Control,
            bytes,
        },
    );
    write(&mut bus, 1, "hidden", 4);
    watch(&mut bus, 4 * RELAY_MS_MAX);
    bus.assert_equal();
}

#[test]
fn how_far_a_peer_is_said_to_be_leaves_out_what_is_still_owed_to_it() {
    let cursor = crate::wire::Cursor {
        epoch: 7,
        scope: 1,
        positions: [10, 4, 9],
        bases: [8, 4, 12],
    };
    // Of a record that moved on while the log was read up to 10, what came after 8 may be missing.
    assert_eq!(crate::engine::mesh::passed(&cursor), [8, 4, 9]);
}

#[test]
fn a_pass_is_not_held_up_for_as_long_as_a_neighbour_goes_on_to_write() {
    let mut bus = mesh(3);
    let (one, two) = (bus.nodes[1].id(), bus.nodes[2].id());
    for (node, peer) in [(1, two), (2, one)] {
        let sessions = bus.nodes[node].engine.sessions.values();
        let id = sessions.filter(|s| s.peer == peer).map(|s| s.id).next().unwrap();
        bus.ends.remove(&(node, id));
    }
    let mut reached = 0;
    for i in 0..40 {
        write(&mut bus, 1, &format!("steady{i}-"), 1);
        reached += watch(&mut bus, TICK_MS).records[2];
    }
    assert!(reached >= 20, "{reached} of 40 in ten seconds");
}
