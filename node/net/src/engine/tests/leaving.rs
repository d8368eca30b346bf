//! What is known on both sides when one of them leaves, and of one who does not answer.

use super::links::daemon;
use super::*;
use crate::health::Standing;
use crate::limits::{HELLO_MS_MAX, SILENT_MS, SILENT_MS_MAX, TICK_MS, UNANSWERED_MS};
use crate::wire::Status;

/// How it stands with a peer, at a node.
fn standing(bus: &Bus, node: usize, peer: usize) -> Standing {
    let id = bus.nodes[peer].id();
    let peers = bus.nodes[node].engine.peers();
    let peer = peers.iter().find(|peer| peer.node == id).unwrap();
    peer.standing(bus.now_ms)
}

#[test]
fn whoever_leaves_in_sync_has_told_the_other_so() {
    for written in [0, 1, 300] {
        let mut bus = Bus::new(2);
        for i in 0..written {
            patient(&bus.nodes[0].store, &format!("p{i}"), &format!("Quispe {i}"));
        }
        // What comes is taken in late: by then the hub has said that it is all.
        bus.slow = Some(1);
        let (there, _) = bus.connect(1, 0, Some(7));
        bus.run();
        // What is told of the network's members is being kept: nothing may be said of itself until it is.
        let core = &mut bus.nodes[1].engine.core;
        let kept = std::mem::replace(&mut core.trust_kept, 0);
        core.is_trust_keeping = true;
        while let Some(job) = bus.jobs.pop_front() {
            let done = job.run(bus.nodes[1].engine.core.replica.as_ref());
            bus.give(1, Event::Applied(Box::new(done)));
            bus.run();
        }
        let node = &mut bus.nodes[1];
        let told = node.engine.sessions[&there].send.last_status.unwrap();
        let has_told = told.position == node.store.position();
        assert!(
            has_told || node.reports.is_empty(),
            "{written}: it knows, and has not said so"
        );
        (node.engine.core.trust_kept, node.engine.core.is_trust_keeping) = (kept, false);
        bus.give(1, Event::Tick);
        bus.run();
        let report = bus.nodes[1].reports.pop().expect("a report").unwrap();
        assert!(report.in_sync, "{report:?}");
        let peer = bus.nodes[0].id();
        bus.give(1, Event::Finish { peer });
        bus.run();
        assert_eq!(bus.nodes[0].engine.session_ids().count(), 0);
        let id = bus.nodes[1].id();
        let peers = bus.nodes[0].engine.peers();
        let known = peers.iter().find(|peer| peer.node == id).unwrap();
        assert!(
            known.in_sync && known.contact.in_sync_ms > 0,
            "{written}: {known:?}"
        );
    }
}

#[test]
fn what_one_who_leaves_said_last_is_looked_at_before_it_is_let_go() {
    for is_looked_at in [true, false] {
        let mut bus = Bus::new(2);
        let (there, here) = bus.connect(1, 0, None);
        bus.run();
        let pending = |bus: &mut Bus, status| {
            bus.nodes[0].engine.sessions.get_mut(&here).unwrap().proof.pending = status;
        };
        // A status that waits for a batch which is not taken in yet.
        let status = Status {
            sent: [9; 4],
            ..Status::default()
        };
        pending(&mut bus, Some(status));
        bus.give(
            1,
            Event::Finish {
                peer: bus.nodes[0].id(),
            },
        );
        bus.run();
        assert_eq!(bus.nodes[0].closes, []);
        assert!(bus.nodes[1].engine.sessions.contains_key(&there));
        if is_looked_at {
            pending(&mut bus, None);
            bus.now_ms += TICK_MS;
        } else {
            bus.now_ms += HELLO_MS_MAX + TICK_MS;
        }
        bus.give(0, Event::Tick);
        assert_eq!(bus.nodes[0].closes, [CloseReason::Done]);
    }
}

#[test]
fn one_who_does_not_answer_is_told_as_silent() {
    let mut bus = Bus::new(2);
    for node in [0, 1] {
        let store = bus.nodes[node].store.clone();
        bus.nodes[node] = Node::of(store, daemon());
    }
    let (_, session) = bus.connect(1, 0, None);
    bus.run();
    assert_eq!(standing(&bus, 0, 1), Standing::Connected { in_sync: true });
    for (wait_ms, expected) in [
        (SILENT_MS, Standing::Connected { in_sync: true }),
        (UNANSWERED_MS, Standing::Silent),
    ] {
        bus.now_ms += wait_ms;
        bus.give(0, Event::Silent { session });
        assert_eq!(standing(&bus, 0, 1), expected);
    }
    bus.nodes[0].engine.heard(session);
    assert_eq!(standing(&bus, 0, 1), Standing::Connected { in_sync: true });
    // Who was dialled for somebody and did not answer is asked on its session.
    let before = bus.nodes[0].engine.sessions[&session].stats.bytes_out;
    let failed = Event::DialFailed {
        peer: Some(bus.nodes[1].id()),
        request: Some(9),
        address: "192.0.2.1:8031".to_owned(),
    };
    bus.now_ms += UNANSWERED_MS;
    bus.give(0, failed);
    assert!(bus.nodes[0].engine.sessions[&session].stats.bytes_out > before);
    assert!(matches!(
        bus.nodes[0].reports[..],
        [Err(CloseReason::Unreachable(_))]
    ));
}

#[test]
fn whoever_was_dialled_and_has_come_by_itself_answers_the_request() {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[0].store, "p", "Quispe");
    bus.connect(1, 0, None);
    bus.run();
    let failed = Event::DialFailed {
        peer: Some(bus.nodes[1].id()),
        request: Some(9),
        address: "192.0.2.1:8031".to_owned(),
    };
    bus.give(0, failed);
    bus.run();
    let report = bus.nodes[0].reports.pop().expect("a report").unwrap();
    assert!(report.in_sync);
}

#[test]
fn a_command_waits_for_one_that_falls_silent_no_longer_than_somebody_would() {
    for (is_daemon, wait_ms, is_over) in [
        (false, SILENT_MS_MAX, false),
        (false, SILENT_MS_MAX + 1, true),
        (true, SILENT_MS_MAX + 1, false),
    ] {
        let mut bus = Bus::new(2);
        if is_daemon {
            let store = bus.nodes[1].store.clone();
            bus.nodes[1] = Node::of(store, daemon());
        }
        for i in 0..50 {
            patient(&bus.nodes[0].store, &format!("p{i}"), "Quispe");
        }
        bus.deliver_max = Some(2);
        let (session, _) = bus.connect(1, 0, Some(7));
        bus.run();
        bus.now_ms += wait_ms;
        bus.give(1, Event::Silent { session });
        bus.give(1, Event::Tick);
        let expected = if is_over {
            vec![Err(CloseReason::Stalled)]
        } else {
            Vec::new()
        };
        assert_eq!(bus.nodes[1].reports, expected, "{is_daemon} {wait_ms}");
    }
}
