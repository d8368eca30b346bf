//! What one node tells another of what it holds: no more than the other may know, and nothing that is not so.

use super::durable::heard;
use super::fickle::Fickle;
use super::*;
use crate::parcel::{Access, Incoming, Outgoing, Wanted};
use crate::wire::{self, Ack, Cursor, Message, Repair};
use chaski_crdt::reconcile::sketch;

fn is_told_in_sync(bus: &Bus, node: usize, of: usize) -> bool {
    let of = bus.nodes[of].id();
    let known = bus.nodes[node].engine.peers();
    known.iter().any(|peer| peer.node == of && peer.in_sync)
}

/// A hub and a team that may be given one patient and what belongs to it.
fn hub_and_team() -> (Bus, usize) {
    let mut bus = Bus::new(1);
    let team = bus.member_add(1, Scopes::Panels(BTreeSet::from(["mine".to_owned()])), None);
    (bus, team)
}

fn cursor(bus: &Bus, node: usize, of: usize) -> Cursor {
    let kept = bus.nodes[node].store.cursor(&bus.nodes[of].id()).unwrap();
    kept.map(|bytes| postcard::from_bytes(&bytes).unwrap())
        .unwrap_or_default()
}

/// What is said of records in a repair where the hub also holds so many records that the team may not know of.
fn repair_said(dialler_is_hub: bool, others: u32) -> Vec<Message> {
    let (mut bus, team) = hub_and_team();
    patient(&bus.nodes[0].store, "mine", "Quispe");
    for i in 0..20 {
        observation(&bus.nodes[0].store, &format!("mine-{i}"), "mine", i);
    }
    assert!(bus.sync(team, 0).unwrap().in_sync);
    bus.cut();
    for i in 0..3 {
        observation(&bus.nodes[0].store, &format!("late-{i}"), "mine", i);
    }
    for i in 0..others {
        observation(&bus.nodes[0].store, &format!("other-{i}"), "other", i);
    }
    // The team's cursor says that it has what it lacks: only comparing finds it.
    let position = bus.nodes[0].store.position();
    let overstated = Cursor {
        epoch: bus.nodes[0].store.log_epoch(),
        scope: bus.nodes[team].engine.trust().filter_for(&bus.nodes[team].id()).1,
        positions: [position; 3],
        bases: [position; 3],
    };
    let peer = bus.nodes[0].id();
    let value = postcard::to_stdvec(&overstated).unwrap();
    let update = chaski_store::CursorUpdate { peer, value };
    bus.nodes[team].store.cursor_put(update).unwrap();
    let said = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&said);
    bus.tamper = Some(Box::new(move |_, _, bytes| {
        if let message @ (Message::Repair(_) | Message::Want(_)) = wire::decode(&bytes).unwrap().1 {
            noted.lock().unwrap().push(message);
        }
        bytes
    }));
    let (from, to) = if dialler_is_hub { (0, team) } else { (team, 0) };
    let report = bus.sync(from, to).unwrap();
    assert!(report.in_sync, "{others} others: {report:?}");
    assert_eq!(
        report.received_records + report.sent_records,
        3,
        "{others} others: {report:?}"
    );
    assert_eq!(bus.nodes[team].records(), 24);
    let said = std::mem::take(&mut *said.lock().unwrap());
    said.into_iter().map(without_chance).collect()
}

/// A message of a sketch with its items in place of the symbols, which are others with each salt.
fn without_chance(message: Message) -> Message {
    let Message::Repair(Repair::Sketch {
        round,
        salt,
        from,
        symbols,
        ..
    }) = message
    else {
        return message;
    };
    let mut decoder = sketch::Decoder::new(salt);
    let items = decoder
        .add(&[], &symbols)
        .unwrap()
        .expect("so few that they are told");
    let items = items
        .theirs
        .into_iter()
        .flat_map(|item| [item.record, item.state].concat());
    Message::Repair(Repair::Sketch {
        round,
        salt: 0,
        parities: Vec::new(),
        from,
        symbols: items.collect(),
    })
}

#[test]
fn a_repair_tells_nothing_of_what_the_peer_may_not_hold() {
    for dialler_is_hub in [false, true] {
        let alone = repair_said(dialler_is_hub, 0);
        assert!(
            alone.iter().any(|message| matches!(message, Message::Repair(_))),
            "nothing was repaired: no test"
        );
        for others in [1, 40] {
            assert_eq!(
                repair_said(dialler_is_hub, others),
                alone,
                "what is said tells of {others} others"
            );
        }
    }
}

/// The second of two nodes writes a record at the moment it is asked for its sum for the n-th time.
fn written_meanwhile(is_team: bool, nth: u64) -> (Bus, Arc<AtomicU64>) {
    let (mut bus, node) = match is_team {
        true => hub_and_team(),
        false => (Bus::new(2), 1),
    };
    patient(&bus.nodes[node].store, "mine", "Quispe");
    patient(&bus.nodes[node].store, "before", "Quispe");
    let fickle = Fickle::of(&bus.nodes[node].store);
    let replica: SharedReplica = fickle.clone();
    let store = bus.nodes[node].store.clone();
    bus.nodes[node] = Node::over(store.clone(), replica, Options::default());
    let written_at = Arc::new(AtomicU64::new(u64::MAX));
    let noted = Arc::clone(&written_at);
    *fickle.meanwhile.lock().unwrap() = Some((
        nth,
        Box::new(move || {
            patient(&store, "meanwhile", "Mamani");
            noted.store(store.position(), Ordering::SeqCst);
        }),
    ));
    (bus, written_at)
}

/// The number of the batch that brings a patient, on the stream of patients.
fn batch_of(said: &[Message], id: &str) -> Option<u32> {
    said.iter().find_map(|message| {
        let Message::Batch(batch) = message else {
            return None;
        };
        let parts = crate::batch::decode(&batch.payload).unwrap();
        parts.iter().any(|part| part.0.id() == id).then_some(batch.id)
    })
}

#[test]
fn who_says_that_all_up_to_a_record_was_sent_has_sent_it() {
    let mut occasions = 0;
    for (is_team, dialler) in [(true, 0), (true, 1), (false, 0), (false, 1)] {
        for nth in 0..10 {
            let (mut bus, written_at) = written_meanwhile(is_team, nth);
            let said = heard(&mut bus, 1);
            bus.connect(dialler, 1 - dialler, None);
            bus.run();
            let written_at = written_at.load(Ordering::SeqCst);
            let said = std::mem::take(&mut *said.lock().unwrap());
            let brought_by = batch_of(&said, "meanwhile").unwrap_or(u32::MAX);
            for message in &said {
                let status = match message {
                    Message::Hello(hello) => hello.status,
                    Message::Status(status) => *status,
                    _ => continue,
                };
                // What it speaks of, it says by number: the batch may follow.
                let is_sent = status.sent[0] >= brought_by;
                if status.position >= written_at && !is_sent {
                    // Who dials has looked for nothing to send yet when it says its hello.
                    occasions += usize::from(dialler == 0);
                    assert!(
                        !status.covered,
                        "all is sent, and the record at {written_at} is not: {status:?}"
                    );
                }
            }
            bus.cut();
            bus.now_ms += 10_000;
            bus.connect(1, 0, Some(1));
            bus.run();
            // As a store tells of each write.
            bus.give(1, Event::LocalChange);
            bus.run();
            let report = bus.nodes[1].reports.pop().expect("a report");
            assert!(report.unwrap().in_sync);
            let read = cursor(&bus, 0, 1).positions;
            assert_eq!(read, [bus.nodes[1].store.position(); 3]);
            assert_eq!(bus.nodes[0].records(), bus.nodes[1].records());
        }
    }
    assert!(occasions > 0, "nobody was asked at the wrong moment: no test");
}

#[test]
fn what_only_the_hub_may_hold_is_told_as_handed_over_once_all_of_it_is_safe_there() {
    let (mut bus, team) = hub_and_team();
    for i in 0..40 {
        patient(&bus.nodes[team].store, &format!("new{i}"), "Quispe");
    }
    let small = Options {
        batch_bytes: 512,
        ..Options::default()
    };
    bus.nodes[team] = Node::of(bus.nodes[team].store.clone(), small);
    bus.slow = Some(0);
    bus.connect(team, 0, Some(1));
    bus.run();
    let replica = StoreReplica::new(bus.nodes[0].store.clone()).unwrap();
    let hub = bus.nodes[0].id();
    let mut taken = 0;
    while let Some(job) = bus.jobs.pop_front() {
        let is_all_there = bus.nodes[0].records() == 40;
        if !is_all_there {
            taken += 1;
            let handed = bus.nodes[team].engine.core.peers.handed(&hub);
            assert!(
                handed < bus.nodes[team].store.position(),
                "handed over, of which {} came",
                bus.nodes[0].records()
            );
            assert!(!is_told_in_sync(&bus, team, 0) && bus.nodes[team].reports.is_empty());
        }
        let applied = job.run(&replica);
        bus.give(0, Event::Applied(Box::new(applied)));
        bus.run();
    }
    assert!(taken > 3, "{taken} batches are no test");
    assert!(bus.nodes[team].reports.pop().unwrap().unwrap().in_sync);
    assert!(is_told_in_sync(&bus, team, 0));
    let handed = bus.nodes[team].engine.core.peers.handed(&hub);
    assert_eq!(handed, bus.nodes[team].store.position());
}

#[test]
fn an_acknowledgement_stands_for_its_stream_up_to_its_number_and_for_nothing_else() {
    let mut bus = Bus::new(2);
    bus.connect(1, 0, None);
    bus.run();
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.values_mut().next().unwrap();
    let priorities = [
        Priority::Critical,
        Priority::Rest,
        Priority::Attachment,
        Priority::Repair,
    ];
    for acked in priorities {
        for upto in 0..4 {
            let all = priorities
                .iter()
                .flat_map(|priority| (1..4).map(|id| (*priority, id, 10)));
            session.send.in_flight = all.collect();
            let mut ack = Ack::default();
            ack.applied[acked.data_index().unwrap()] = upto;
            session.on_ack(&mut engine.core, &ack).unwrap();
            let left = |priority: Priority| {
                let of = session.send.in_flight.iter().filter(|one| one.0 == priority);
                of.map(|one| one.1).collect::<Vec<u32>>()
            };
            for priority in priorities {
                let first = if priority == acked { upto + 1 } else { 1 };
                assert_eq!(
                    left(priority),
                    (first..4).collect::<Vec<u32>>(),
                    "{acked:?} {upto}"
                );
            }
        }
    }
}

/// Reads, at a node, a parcel that another has written for it; whether it was told to be in sync by it.
fn parcel(bus: &mut Bus, from: usize, to: usize) -> bool {
    let wanted = Wanted {
        to: vec![bus.nodes[to].id().to_string()],
        all: true,
    };
    let access = Access::own(&bus.nodes[from].store).unwrap();
    let mut bytes = Vec::new();
    let outgoing = Outgoing::choose(access, &wanted).unwrap();
    outgoing.write(&mut bytes, &mut |_, _| {}).unwrap();
    let access = Access::own(&bus.nodes[to].store).unwrap();
    let mut file = bytes.as_slice();
    let incoming = Incoming::open(access, &mut file).unwrap();
    let report = incoming.take(&mut |_| {}).unwrap();
    bus.nodes[to].restart();
    report.in_sync
}

#[test]
fn a_parcel_from_who_holds_as_many_records_and_not_the_same_is_no_proof() {
    let mut bus = Bus::new(2);
    for i in 0..10 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    assert!(parcel(&mut bus, 0, 1) && is_told_in_sync(&bus, 1, 0));
    // One more edit of a record that both hold: the numbers agree, the records do not.
    patient(&bus.nodes[1].store, "a3", "Mamani");
    assert_eq!(bus.nodes[0].records(), bus.nodes[1].records());
    assert!(!parcel(&mut bus, 0, 1), "in sync with what the other lacks");
    assert!(!is_told_in_sync(&bus, 1, 0));
    // And a record each that the other lacks.
    assert!(parcel(&mut bus, 1, 0) && is_told_in_sync(&bus, 0, 1));
    patient(&bus.nodes[0].store, "only0", "Quispe");
    assert!(parcel(&mut bus, 0, 1));
    bus.assert_equal();
}
