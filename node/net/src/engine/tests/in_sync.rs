//! "In sync" is what a nurse goes home on: it is said when both hold the same, all of it and nothing refused.

use super::fickle::Fickle;
use super::*;
use crate::wire::{self, Message, Status};

fn is_told_in_sync(bus: &Bus, node: usize, of: usize) -> bool {
    let of = bus.nodes[of].id();
    let known = bus.nodes[node].engine.peers();
    known.iter().any(|peer| peer.node == of && peer.in_sync)
}

/// Two nodes with a record each.
fn pair() -> Bus {
    let bus = Bus::new(2);
    patient(&bus.nodes[0].store, "a", "Quispe");
    patient(&bus.nodes[1].store, "b", "Mamani");
    bus
}

/// Rewrites what a node says of where it stands.
fn lie(bus: &mut Bus, by: usize, lie: impl Fn(&mut Status) + 'static) {
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        let (hop, mut message) = wire::decode(&bytes).unwrap();
        match &mut message {
            Message::Hello(hello) if node == by => lie(&mut hello.status),
            Message::Status(status) if node == by => lie(status),
            _ => return bytes,
        }
        wire::encode(hop, &message)
    }));
}

#[test]
fn changes_that_stand_aside_on_either_end_are_told_on_both() {
    for aside_at in [0, 1] {
        for asker in [0, 1] {
            let mut bus = pair();
            let fickle = Fickle::of(&bus.nodes[aside_at].store);
            let replica: SharedReplica = fickle.clone();
            bus.nodes[aside_at] = Node::over(bus.nodes[aside_at].store.clone(), replica, Options::default());
            fickle.set_aside.store(2, Ordering::SeqCst);
            let report = bus.sync(asker, 1 - asker).unwrap();
            bus.assert_equal();
            assert!(
                !report.in_sync,
                "aside at {aside_at}, asked at {asker}: {report:?}"
            );
            assert!(report.reason.contains("quarantine"), "{report:?}");
            assert!(!is_told_in_sync(&bus, 0, 1) && !is_told_in_sync(&bus, 1, 0));
            bus.cut();
            fickle.set_aside.store(0, Ordering::SeqCst);
            assert!(bus.sync(asker, 1 - asker).unwrap().in_sync);
            assert!(is_told_in_sync(&bus, 0, 1) && is_told_in_sync(&bus, 1, 0));
        }
    }
}

#[test]
fn a_refused_change_is_told_though_all_else_is_equal_unless_it_has_come_rightly() {
    for has_come in [false, true] {
        let mut bus = pair();
        // Beside the good changes comes one that nobody signed so: one of theirs, or another record's.
        bus.tamper = Some(Box::new(move |node, _, bytes| {
            match wire::decode(&bytes).unwrap() {
                (hop, Message::Batch(mut batch)) if node == 0 => {
                    let mut parts = crate::batch::decode(&batch.payload).unwrap();
                    let mut forged = parts[0].1[0].clone();
                    if has_come {
                        forged.signature[7] ^= 1;
                        parts[0].1.push(forged);
                    } else {
                        parts.push((RecordKey::new("Patient", "elsewhere").unwrap(), vec![forged]));
                    }
                    batch.payload = crate::batch::encode(&parts).unwrap();
                    wire::encode(hop, &Message::Batch(batch))
                }
                _ => bytes,
            }
        }));
        let report = bus.sync(1, 0).unwrap();
        bus.assert_equal();
        let expected = if has_come { (true, 0, 0) } else { (false, 1, 1) };
        let told = (report.in_sync, report.quarantined, report.refused.len());
        assert_eq!(told, expected, "{report:?}");
        assert_eq!(
            is_told_in_sync(&bus, 1, 0),
            has_come,
            "the page says otherwise than the report"
        );
        let known = bus.nodes[1].engine.peers_known();
        let known = KnownPeer::complete(known, bus.nodes[1].engine.core.replica.as_ref()).unwrap();
        assert_eq!(known[0].quarantined, expected.1);
    }
}

#[test]
fn what_a_peer_says_of_itself_is_compared_whole() {
    type Lie = Box<dyn Fn(&mut Status)>;
    let lies: [(&str, Lie); 3] = [
        ("sum", Box::new(|status| status.sum[31] ^= 1)),
        ("count", Box::new(|status| status.count += 1)),
        ("sent", Box::new(|status| status.sent[3] += 1)),
    ];
    for (what, told) in lies {
        let mut bus = pair();
        lie(&mut bus, 0, told);
        bus.connect(1, 0, Some(1));
        bus.run();
        let report = bus.nodes[1].reports.pop();
        let in_sync = report.is_some_and(|report| report.unwrap().in_sync);
        assert!(!in_sync && !is_told_in_sync(&bus, 1, 0), "{what}");
        bus.tamper = None;
        bus.cut();
        assert!(bus.sync(1, 0).unwrap().in_sync, "{what}");
    }
}

#[test]
fn whoever_asks_on_a_session_at_rest_is_told_of_what_was_written_since() {
    let mut bus = pair();
    bus.connect(1, 0, None);
    bus.run();
    assert!(is_told_in_sync(&bus, 1, 0));
    // Written, and not told yet to the loop that would push it.
    patient(&bus.nodes[0].store, "written", "Condori");
    let said = super::durable::heard(&mut bus, 0);
    let peer = Some(bus.nodes[0].id());
    let sync = Event::Sync {
        request: 7,
        peer,
        address: None,
    };
    bus.give(1, sync);
    bus.run();
    let report = bus.nodes[1].reports.pop().unwrap().unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
    assert_eq!(bus.nodes[1].records(), 3);
    let said = said.lock().unwrap();
    let mut drained = said.iter().filter_map(|message| match message {
        Message::Status(status) if status.drained => Some(status),
        _ => None,
    });
    assert!(
        drained.all(|status| status.covered),
        "nothing left to send, with news that was not sent: {said:?}"
    );
}

#[test]
fn what_a_peer_says_that_is_older_than_what_it_said_changes_nothing() {
    type Older = fn(&mut Status);
    let rows: [(&str, Older); 3] = [
        ("position", |status| status.position -= 1),
        ("sent", |status| status.sent[0] -= 1),
        ("both", |status| {
            (status.position, status.sent[0]) = (status.position - 1, status.sent[0] - 1)
        }),
    ];
    for (what, older) in rows {
        let mut bus = pair();
        let said = super::durable::heard(&mut bus, 0);
        let (session, _) = bus.connect(1, 0, None);
        bus.run();
        assert!(is_told_in_sync(&bus, 1, 0));
        let last = said
            .lock()
            .unwrap()
            .iter()
            .rev()
            .find_map(|message| match message {
                Message::Status(status) => Some(*status),
                _ => None,
            });
        let mut status = last.expect("a status after what was sent");
        assert!(status.sent[0] > 0, "{status:?}");
        older(&mut status);
        status.sum[3] ^= 1;
        let bytes = wire::encode(1, &Message::Status(status));
        let event = Event::Message {
            session,
            priority: Priority::Control,
            bytes,
        };
        bus.give(1, event);
        bus.run();
        assert!(is_told_in_sync(&bus, 1, 0), "older in its {what}");
    }
}

/// The first node, which was slow, takes in what waits.
fn take_in(bus: &mut Bus) {
    let replica = StoreReplica::new(bus.nodes[0].store.clone()).unwrap();
    while let Some(job) = bus.jobs.pop_front() {
        let applied = job.run(&replica);
        bus.give(0, Event::Applied(Box::new(applied)));
        bus.run();
    }
}

/// A user of the second of two nodes at rest asks; what it is told before anything else is said.
fn ask(bus: &mut Bus) -> usize {
    let peer = Some(bus.nodes[0].id());
    let sync = Event::Sync {
        request: 7,
        peer,
        address: None,
    };
    bus.give(1, sync);
    bus.nodes[1].reports.len()
}

#[test]
fn whoever_asks_is_told_nothing_by_what_the_peer_had_said_before() {
    // Nothing is new; the peer has news; there is something here that it has not taken in yet.
    for (at_peer, here) in [(false, false), (true, false), (false, true)] {
        let mut bus = pair();
        bus.connect(1, 0, None);
        bus.run();
        assert!(is_told_in_sync(&bus, 1, 0));
        if at_peer {
            patient(&bus.nodes[0].store, "written", "Condori");
        }
        if here {
            patient(&bus.nodes[1].store, "written", "Condori");
            bus.slow = Some(0);
            bus.give(1, Event::LocalChange);
            bus.run();
            assert_eq!(bus.jobs.len(), 1, "it was taken in at once: no test");
        }
        assert_eq!(
            ask(&mut bus),
            0,
            "told before the peer was asked: {at_peer} {here}"
        );
        bus.run();
        if here {
            let too_early = bus.nodes[1].reports.len();
            assert_eq!(too_early, 0, "told before the peer has taken it in");
            take_in(&mut bus);
        }
        let report = bus.nodes[1].reports.pop().expect("a report").unwrap();
        assert!(report.in_sync, "{report:?}");
        bus.assert_equal();
    }
}

#[test]
fn nobody_is_told_that_a_node_has_all_while_a_batch_is_not_saved() {
    let mut bus = pair();
    bus.connect(1, 0, None);
    bus.run();
    // A user at the first node asks, and the other answers; what it writes then overtakes the answer.
    bus.slow = Some(0);
    let peer = Some(bus.nodes[1].id());
    let sync = Event::Sync {
        request: 7,
        peer,
        address: None,
    };
    bus.give(0, sync);
    let (node, question) = bus.queue.pop_front().expect("a question");
    bus.give(node, question);
    let answer = bus.queue.pop_front().expect("an answer");
    assert!(bus.queue.is_empty());
    patient(&bus.nodes[1].store, "written", "Condori");
    bus.give(1, Event::LocalChange);
    let is_change =
        |event: &Event| matches!(event, Event::Message { priority, .. } if *priority != Priority::Control);
    let (changes, later): (Vec<_>, Vec<_>) = bus.queue.drain(..).partition(|(_, event)| is_change(event));
    let said = super::durable::heard(&mut bus, 0);
    for (node, event) in changes.into_iter().chain([answer]) {
        bus.give(node, event);
    }
    assert_eq!(bus.jobs.len(), 1, "nothing waits to be saved: no test");
    assert!(
        bus.nodes[0].reports.is_empty(),
        "in sync, with a batch that is not saved"
    );
    let has_all = said.lock().unwrap().iter().any(|message| match message {
        Message::Status(status) => status.drained,
        _ => false,
    });
    assert!(!has_all, "it says that it has taken in all there is");
    bus.queue.extend(later);
    bus.run();
    assert!(bus.nodes[0].reports.is_empty(), "told before it was saved");
    take_in(&mut bus);
    let report = bus.nodes[0].reports.pop().expect("a report").unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
}

#[test]
fn what_is_written_after_both_were_equal_is_not_said_to_be_there() {
    let mut bus = pair();
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.cut();
    bus.nodes[1].engine.flush();
    assert!(is_told_in_sync(&bus, 1, 0));
    assert!(setup::peers(&bus.nodes[1].store).unwrap()[0].in_sync);
    patient(&bus.nodes[1].store, "later", "Condori");
    assert!(!is_told_in_sync(&bus, 1, 0));
    assert!(!setup::peers(&bus.nodes[1].store).unwrap()[0].in_sync);
    assert!(bus.sync(1, 0).unwrap().in_sync);
    assert!(is_told_in_sync(&bus, 1, 0));
}

/// A second machine that runs from a copy of a node's disk.
pub(super) fn clone_of(bus: &mut Bus, node: usize) -> usize {
    // The same randomness in the same order draws the same incarnation.
    let (store, _) = store(u64::try_from(node).unwrap() + 1);
    let original = &bus.nodes[node].store;
    let identity = StoreReplica::new(original.clone()).unwrap().identity();
    Trust::load(original, identity.network)
        .unwrap()
        .save(&store)
        .unwrap();
    store.identity_set(&identity).unwrap();
    bus.nodes.push(Node::of(store, Options::default()));
    bus.nodes.len() - 1
}

fn hashes(bus: &Bus, node: usize, key: &str) -> BTreeSet<String> {
    let key = key.parse().unwrap();
    let changes = bus.nodes[node].store.signed_changes(&key).unwrap();
    changes
        .iter()
        .map(|change| change.hash().unwrap().to_string())
        .collect()
}

#[test]
fn who_holds_the_evidence_of_a_copied_disk_is_not_equal_to_who_does_not() {
    let mut bus = Bus::new(4);
    let copy = clone_of(&mut bus, 1);
    patient(&bus.nodes[1].store, "p", "Quispe");
    patient(&bus.nodes[copy].store, "p", "Mamani");
    let incarnation = |node: usize| bus.nodes[node].store.incarnation().unwrap();
    assert_eq!(incarnation(1), incarnation(copy), "no copy of the same disk");
    let only = |bus: &Bus, node: usize| hashes(bus, node, "Patient/p").pop_first();
    // Everywhere the change with the lower hash stays.
    let (staying, other) = match only(&bus, 1) < only(&bus, copy) {
        true => (1, copy),
        false => (copy, 1),
    };
    // The second has heard that one alone, the third the other; the hub hears both.
    assert!(bus.sync(2, staying).unwrap().in_sync);
    assert!(bus.sync(3, other).unwrap().in_sync);
    for node in [2, 3] {
        bus.cut();
        bus.sync(node, 0).unwrap();
    }
    bus.cut();
    let version = |node: usize| {
        let key = "Patient/p".parse().unwrap();
        bus.nodes[node].store.read(&ctx(), &key).unwrap().unwrap().version
    };
    assert_eq!(version(2), version(0), "other heads are no test");
    assert_eq!(
        (
            hashes(&bus, 2, "Patient/p").len(),
            hashes(&bus, 0, "Patient/p").len()
        ),
        (1, 2)
    );
    assert_ne!(bus.nodes[2].fingerprint(), bus.nodes[0].fingerprint());
    for node in [2, 3] {
        let report = bus.sync(node, 0).unwrap();
        assert!(report.in_sync, "{report:?}");
        bus.cut();
        assert_eq!(hashes(&bus, node, "Patient/p"), hashes(&bus, 0, "Patient/p"));
        assert_eq!(bus.nodes[node].fingerprint(), bus.nodes[0].fingerprint());
    }
}
