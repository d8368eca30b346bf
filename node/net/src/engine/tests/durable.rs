//! What a peer is told to be safe is safe: nothing is acknowledged before it is durable, and nothing is taken in
//! behind what was lost.

use super::fickle::Fickle;
use super::*;
use crate::wire::{self, Ack, Cursor, Message};

/// What a node sends from now on.
pub(super) fn heard(bus: &mut Bus, from: usize) -> Arc<Mutex<Vec<Message>>> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&said);
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        if node == from {
            noted.lock().unwrap().push(wire::decode(&bytes).unwrap().1);
        }
        bytes
    }));
    said
}

fn acks(said: &Mutex<Vec<Message>>) -> Vec<Ack> {
    let said = said.lock().unwrap();
    let acks = said.iter().filter_map(|message| match message {
        Message::Ack(ack) => Some(*ack),
        _ => None,
    });
    acks.collect()
}

fn cursor(bus: &Bus, node: usize, of: usize) -> Cursor {
    let kept = bus.nodes[node].store.cursor(&bus.nodes[of].id()).unwrap();
    kept.map(|bytes| postcard::from_bytes(&bytes).unwrap())
        .unwrap_or_default()
}

/// The first of two nodes is slow to take in what the second sends in small batches.
fn slow_hub(records: usize) -> Bus {
    let mut bus = Bus::new(2);
    for i in 0..records {
        patient(&bus.nodes[1].store, &format!("a{i}"), "Quispe");
    }
    let small = Options {
        batch_bytes: 512,
        ..Options::default()
    };
    bus.nodes[1] = Node::of(bus.nodes[1].store.clone(), small);
    bus.slow = Some(0);
    bus
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    let mut bus = slow_hub(40);
    let said = heard(&mut bus, 0);
    bus.connect(1, 0, Some(1));
    bus.run();
    let replica = StoreReplica::new(bus.nodes[0].store.clone()).unwrap();
    let mut taken = 0;
    while let Some(job) = bus.jobs.pop_front() {
        if job.cursor_only {
            let applied = job.run(&replica);
            bus.give(0, Event::Applied(Box::new(applied)));
            bus.run();
            continue;
        }
        assert_eq!(acks(&said).len(), taken, "told before it was durable");
        assert!(
            bus.nodes[1].reports.is_empty(),
            "in sync with what may still be lost"
        );
        let (priority, id) = (job.priority, job.id);
        let merged = job.prepare().stage(&replica);
        assert_eq!(acks(&said).len(), taken, "told when it was merged");
        let applied = merged.commit(&replica);
        bus.give(0, Event::Applied(Box::new(applied)));
        taken += 1;
        let told = acks(&said)[taken - 1].applied[priority.data_index().unwrap()];
        assert_eq!(told, id);
        bus.run();
    }
    assert!(taken > 3, "{taken} batches are no test");
    assert!(bus.nodes[1].reports.pop().unwrap().unwrap().in_sync);
    bus.assert_equal();
}

#[test]
fn what_came_and_was_not_durable_when_the_power_went_comes_again() {
    let mut bus = slow_hub(40);
    bus.connect(1, 0, None);
    bus.run();
    assert!(!bus.jobs.is_empty());
    bus.jobs.clear();
    bus.slow = None;
    bus.cut();
    bus.nodes[0].restart();
    assert_eq!(cursor(&bus, 0, 1), Cursor::default());
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.assert_equal();
    assert_eq!(bus.nodes[0].records(), 40);
}

#[test]
fn behind_a_batch_that_was_not_taken_in_none_is() {
    // How far the batches were, on their way through the threads, when the second one failed.
    for are_merged in [true, false] {
        for is_broken in [true, false] {
            let mut bus = slow_hub(60);
            bus.connect(1, 0, None);
            bus.run();
            let fickle = Fickle::of(&bus.nodes[0].store);
            let mut jobs: Vec<ApplyJob> = bus.jobs.drain(..).collect();
            assert!(jobs.len() > 4, "{} batches are no test", jobs.len());
            if is_broken {
                fickle.commits_left.store(1, Ordering::SeqCst);
            } else {
                jobs[1].payload = b"no batch".to_vec();
            }
            let failed = if are_merged {
                let merged: Vec<_> = jobs
                    .into_iter()
                    .map(|job| job.prepare().stage(fickle.as_ref()))
                    .collect();
                let commit = |(at, merged): (usize, crate::apply::Merged)| {
                    if at == 2 {
                        fickle.commits_left.store(u64::MAX, Ordering::SeqCst);
                    }
                    merged.commit(fickle.as_ref())
                };
                merged.into_iter().enumerate().map(commit).collect::<Vec<_>>()
            } else {
                let take = |(at, job): (usize, ApplyJob)| {
                    if at == 2 {
                        fickle.commits_left.store(u64::MAX, Ordering::SeqCst);
                    }
                    job.run(fickle.as_ref())
                };
                jobs.into_iter().enumerate().map(take).collect()
            };
            let reached = failed[0].cursor;
            let ended: Vec<bool> = failed.iter().map(|one| one.failure.is_none()).collect();
            assert!(ended[0] && !ended[1..].contains(&true), "{ended:?}");
            // The cursor is where the first one left it, so that all others come again.
            assert_eq!(cursor(&bus, 0, 1), reached);
            for applied in failed {
                bus.give(0, Event::Applied(Box::new(applied)));
            }
            assert_eq!(bus.nodes[0].closes.len(), 1, "{:?}", bus.nodes[0].closes);
            bus.run();
            bus.slow = None;
            bus.cut();
            assert!(bus.sync(1, 0).unwrap().in_sync);
            bus.assert_equal();
            assert_eq!(bus.nodes[0].records(), 60);
        }
    }
}

#[test]
fn a_store_that_fails_ends_the_exchange_and_says_so() {
    let mut bus = slow_hub(60);
    bus.slow = None;
    let fickle = Fickle::of(&bus.nodes[0].store);
    fickle.commits_left.store(2, Ordering::SeqCst);
    bus.nodes[0] = Node::over(bus.nodes[0].store.clone(), fickle, Options::default());
    let said = heard(&mut bus, 0);
    let refused = bus.sync(1, 0).unwrap_err();
    assert!(matches!(refused, CloseReason::Store(_)), "{refused}");
    assert_eq!(acks(&said).len(), 2, "what failed is not acknowledged");
    assert!(bus.nodes[0].records() < 60);
    assert!(bus.nodes[1].engine.peers().iter().all(|peer| !peer.in_sync));
    bus.cut();
    bus.nodes[0].restart();
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.assert_equal();
}

#[test]
fn a_node_without_room_says_so_first_and_neither_side_holds_both_to_be_equal() {
    for dials in [0, 1] {
        let mut bus = slow_hub(60);
        bus.slow = None;
        assert!(bus.sync(1, 0).unwrap().in_sync);
        bus.cut();
        bus.nodes[0].engine.flush();
        let fickle = Fickle::of(&bus.nodes[0].store);
        fickle.is_full.store(true, Ordering::SeqCst);
        bus.nodes[0] = Node::over(bus.nodes[0].store.clone(), fickle.clone(), Options::default());
        assert!(bus.nodes[0].engine.peers().iter().any(|peer| peer.in_sync));
        patient(&bus.nodes[1].store, "more", "Mamani");
        let ended = bus.sync(dials, 1 - dials).unwrap_err();
        let expected = [CloseReason::Full, CloseReason::FullThere];
        assert_eq!(ended, expected[dials]);
        let ids = [bus.nodes[0].id(), bus.nodes[1].id()];
        for (node, other) in bus.nodes.iter().zip([ids[1], ids[0]]) {
            let known = node.engine.peers().into_iter().find(|peer| peer.node == other);
            assert!(known.is_some_and(|peer| !peer.in_sync && peer.contact.in_sync_ms > 0));
            // It is tried again before long, and not at once again and again.
            let state = node.engine.core.peers.state(&other).unwrap();
            assert_eq!(
                state.backoff_ms,
                crate::limits::REDIAL_MS_MAX,
                "{dials} {:?}",
                node.closes
            );
        }
        let told = bus.nodes[1].engine.peers();
        let told = told.iter().find(|peer| peer.node == ids[0]).unwrap();
        assert!(told.contact.told.as_ref().is_some_and(|told| told.health.is_full));
        // With room again all comes.
        fickle.is_full.store(false, Ordering::SeqCst);
        bus.cut();
        assert!(bus.sync(1, 0).unwrap().in_sync);
        bus.assert_equal();
    }
}

#[test]
fn a_batch_that_leaves_a_gap_moves_no_cursor() {
    let mut bus = Bus::new(2);
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    let before = cursor(&bus, 0, 1);
    let batch = |id, from, to| {
        let payload = crate::batch::encode(&[]).unwrap();
        let batch = wire::Batch {
            id,
            from,
            to,
            base: 0,
            authority: 0,
            payload,
        };
        wire::encode(1, &Message::Batch(batch))
    };
    let send = |bus: &mut Bus, bytes| {
        let event = Event::Message {
            session: there,
            priority: Priority::Rest,
            bytes,
        };
        bus.give(0, event);
    };
    send(&mut bus, batch(1, 5, 90));
    assert_eq!(cursor(&bus, 0, 1).positions, before.positions);
    // One that reaches less far takes nothing back.
    send(&mut bus, batch(2, 0, 50));
    assert_eq!(cursor(&bus, 0, 1).positions[1], 50);
    send(&mut bus, batch(3, 0, 20));
    assert_eq!(
        cursor(&bus, 0, 1).positions,
        [before.positions[0], 50, before.positions[2]]
    );
}

#[test]
fn a_batch_waits_for_the_member_it_is_by() {
    let mut bus = Bus::new(2);
    let third = bus.member_add(2, Scopes::All, None);
    patient(&bus.nodes[third].store, "p", "Quispe");
    assert!(bus.sync(third, 0).unwrap().in_sync);
    bus.cut();
    // What the hub says of its members is overtaken by what they wrote, as on another stream.
    let (ours, _) = bus.connect(1, 0, None);
    bus.deliver_max = Some(bus.delivered + 2);
    bus.run();
    let (mut late, others): (Vec<_>, Vec<_>) = bus.queue.drain(..).partition(|(node, _)| *node == 1);
    bus.queue.extend(others);
    let is_change =
        |event: &Event| matches!(event, Event::Message { priority, .. } if *priority != Priority::Control);
    late.sort_by_key(|(_, event)| !is_change(event));
    assert!(
        late.iter().any(|(_, event)| is_change(event)) && late.iter().any(|(_, event)| !is_change(event))
    );
    bus.deliver_max = None;
    for (node, event) in late {
        bus.give(node, event);
    }
    bus.run();
    assert!(bus.nodes[1].engine.session_ids().any(|session| session == ours));
    assert_eq!(bus.nodes[1].records(), 1);
    assert!(bus.nodes[1].notices.iter().all(|text| !text.contains("refused")));
    assert!(bus.nodes[1].engine.peers().iter().any(|peer| peer.in_sync));
}
