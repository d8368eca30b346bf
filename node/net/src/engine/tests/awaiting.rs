//! Changes that arrive before it is known that their author is a member: they wait, and come in by themselves.

use super::*;
use crate::wire::{Authority, Message, decode, encode};
use chaski_crdt::author::SignedChange;

/// Every statement that is told on the way is lost, though not that there were some.
fn statements_lost(bus: &mut Bus) {
    bus.tamper = Some(Box::new(|_, _, bytes| {
        let Ok((hop, message)) = decode(&bytes) else {
            return bytes;
        };
        match message {
            Message::Authority(told) => encode(
                hop,
                &Message::Authority(Authority {
                    statements: Vec::new(),
                    ..told
                }),
            ),
            _ => bytes,
        }
    }));
}

/// Hub, relay, and a newcomer whose certificate the hub made, of which another clinic has not heard; the relay has, and holds
/// what the newcomer wrote.
fn newcomer() -> Bus {
    let mut bus = Bus::new(3);
    let new = bus.member_add(3, Scopes::All, None);
    patient(&bus.nodes[new].store, "new", "Huanca");
    assert!(bus.sync(1, 0).unwrap().in_sync);
    assert!(bus.sync(new, 1).unwrap().in_sync);
    assert!(
        bus.nodes[1]
            .store
            .contains(&"Patient/new".parse().unwrap())
            .unwrap()
    );
    assert!(bus.nodes[2].engine.trust().member(&bus.nodes[new].id()).is_none());
    bus
}

#[test]
fn a_change_that_overtakes_its_authors_certificate_waits_and_is_no_refusal() {
    let mut bus = newcomer();
    let record = "Patient/new".parse().unwrap();
    statements_lost(&mut bus);
    let report = bus.sync(1, 2).unwrap();
    assert!(!report.in_sync);
    let (clinic, relay) = (&bus.nodes[2], &bus.nodes[1]);
    let session = |at: &Node, with: &Node| {
        let sessions = at.engine.sessions.values();
        let stats = sessions
            .filter(|session| session.peer == with.id())
            .map(|session| &session.stats);
        let sums = stats.map(|stats| (stats.sent_records, stats.refused.count));
        sums.fold((0, 0), |(sent, refused), of| (sent + of.0, refused + of.1))
    };
    assert_eq!(clinic.store.awaiting_count(), 1);
    assert!(!clinic.store.contains(&record).unwrap());
    assert_eq!(session(clinic, relay), (0, 0), "nothing is refused");
    assert_eq!(session(relay, clinic), (1, 0), "once, though the records differ");
    // It has been acknowledged: it waits through a restart, and is not sent again.
    bus.cut();
    bus.nodes[2].restart();
    bus.tamper = None;
    let report = bus.sync(2, 1).unwrap();
    assert!(report.in_sync, "{}", report.reason);
    assert_eq!((report.received_records, report.awaiting), (0, 0));
    assert!(bus.nodes[2].store.contains(&record).unwrap());
    assert_eq!(bus.nodes[2].fingerprint(), bus.nodes[1].fingerprint());
}

/// The certificate comes by another way while the session that brought the change is still open.
#[test]
fn it_comes_in_as_soon_as_the_certificate_is_heard_from_anybody() {
    let mut bus = newcomer();
    statements_lost(&mut bus);
    bus.connect(1, 2, None);
    bus.run();
    assert_eq!(bus.nodes[2].store.awaiting_count(), 1);
    bus.tamper = None;
    assert!(bus.sync(2, 0).is_ok());
    bus.run();
    assert_eq!(bus.nodes[2].store.awaiting_count(), 0);
    assert_eq!(bus.nodes[2].fingerprint(), bus.nodes[1].fingerprint());
    for node in [1, 2] {
        let known = bus.nodes[node].engine.peers_known();
        let known = KnownPeer::complete(known, bus.nodes[node].engine.core.replica.as_ref()).unwrap();
        let other = known
            .iter()
            .find(|peer| peer.node == bus.nodes[3 - node].id())
            .unwrap();
        assert!(
            other.in_sync && other.connected && other.quarantined == 0,
            "{node}: {other:?}"
        );
    }
}

/// A node that stopped between hearing of an author and taking in what waited for it.
#[test]
fn what_waited_comes_in_at_the_next_start() {
    let mut bus = newcomer();
    statements_lost(&mut bus);
    let _ = bus.sync(1, 2);
    bus.cut();
    let statements: Vec<_> = bus.nodes[1].engine.trust().statements_after(0).cloned().collect();
    let mut trust = bus.nodes[2].engine.trust().clone();
    trust.add(&bus.nodes[2].store, &statements).unwrap();
    bus.nodes[2].restart();
    assert_eq!(bus.nodes[2].store.awaiting_count(), 1);
    bus.give(2, Event::Tick);
    assert_eq!(bus.nodes[2].store.awaiting_count(), 0);
    assert_eq!(bus.nodes[2].fingerprint(), bus.nodes[1].fingerprint());
}

/// Changes signed rightly by keys that nobody certified, as a member gone bad would make them up.
#[test]
fn a_member_cannot_have_more_kept_than_may_wait() {
    let mut bus = newcomer();
    let (made_up, _) = store(90);
    let identity = StoreReplica::new(bus.nodes[1].store.clone()).unwrap().identity();
    made_up
        .identity_set(&Identity {
            signing_seed: [90; 32],
            ..identity
        })
        .unwrap();
    let statements: Vec<_> = bus.nodes[0].engine.trust().statements_after(0).cloned().collect();
    let root = bus.nodes[0].engine.trust().root();
    Trust::found(root, &statements).unwrap().save(&made_up).unwrap();
    let count = usize::try_from(chaski_store::AWAITING_PEER_MAX).unwrap() + 1;
    for number in 0..count {
        patient(&made_up, &format!("made-up-{number}"), "X");
    }
    // The relay passes it on as if it had been its own to give.
    let feed = made_up.feed(0, count).unwrap();
    let parts: Vec<_> = feed
        .iter()
        .map(|entry| (entry.key.clone(), made_up.signed_changes(&entry.key).unwrap()))
        .collect();
    let replica = StoreReplica::new(bus.nodes[2].store.clone()).unwrap();
    let relay = bus.nodes[1].id();
    let authors = bus.nodes[2].engine.trust().authors();
    let network = bus.nodes[2].engine.trust().authority().network();
    let batch = |parts: &[(RecordKey, Vec<SignedChange>)]| {
        let payload = crate::batch::encode(parts).unwrap();
        ApplyJob::of_parcel(relay, network, payload, Arc::clone(&authors)).run(&replica)
    };
    let (most, one) = parts.split_at(count - 1);
    for some in most.chunks(1_024) {
        let applied = batch(some);
        assert_eq!(
            (applied.failure, applied.report.awaiting),
            (None, some.len() as u64)
        );
    }
    let before = bus.nodes[2].store.awaiting_count();
    assert_eq!(batch(one).failure, Some(crate::apply::Failure::Awaiting));
    assert_eq!(bus.nodes[2].store.awaiting_count(), before);
    // What it brings by authors that are known is taken in as ever, and the other way too.
    patient(&bus.nodes[1].store, "mine", "Condori");
    patient(&bus.nodes[2].store, "yours", "Choque");
    let report = bus.sync(1, 2).unwrap();
    for node in [1, 2] {
        for id in ["mine", "yours", "new"] {
            let key = format!("Patient/{id}").parse().unwrap();
            assert!(bus.nodes[node].store.contains(&key).unwrap(), "{node}: {id}");
        }
    }
    assert!(report.in_sync, "{}", report.reason);
}

/// As many as may wait do already, and one more comes by a session: it is not acknowledged, so that it comes again, and the
/// session says why it ends once what is to be sent the other way has been.
#[test]
fn what_has_no_room_to_wait_is_not_acknowledged_and_comes_again() {
    let mut bus = newcomer();
    patient(&bus.nodes[2].store, "yours", "Choque");
    bus.nodes[2].engine = Node::over(
        bus.nodes[2].store.clone(),
        fickle::Fickle::waiting_full(&bus.nodes[2].store),
        Options::default(),
    )
    .engine;
    statements_lost(&mut bus);
    let outcome = bus.sync(1, 2);
    assert_eq!(outcome.unwrap_err(), CloseReason::Awaiting);
    assert_eq!(bus.nodes[2].closes, [CloseReason::Awaiting]);
    assert!(
        bus.nodes[1]
            .store
            .contains(&"Patient/yours".parse().unwrap())
            .unwrap()
    );
    assert_eq!(bus.nodes[2].store.awaiting_count(), 0);
    bus.tamper = None;
    bus.nodes[2].restart();
    let report = bus.sync(1, 2).unwrap();
    assert!(report.in_sync && report.sent_records == 1, "{report:?}");
    assert_eq!(bus.nodes[2].fingerprint(), bus.nodes[1].fingerprint());
}

/// The disk is slow: the record that comes right behind its author's certificate is not merged before that is durable,
/// so that no power cut leaves one without the other.
#[test]
fn a_change_is_not_merged_before_its_authors_certificate_is_durable() {
    let mut bus = newcomer();
    (bus.slow, bus.is_keeping_slow) = (Some(2), true);
    bus.connect(1, 2, None);
    bus.run();
    let author = bus.nodes[3].id();
    assert!(bus.nodes[2].engine.trust().member(&author).is_some(), "heard");
    assert!(bus.jobs.is_empty(), "nothing is merged yet");
    while let Some(job) = bus.keeps.pop_front() {
        let done = job.run(bus.nodes[2].engine.core.replica.as_ref());
        bus.give(2, Event::Kept(Box::new(done)));
    }
    let network = bus.nodes[2].engine.trust().authority().network();
    let kept = Trust::load(&bus.nodes[2].store, network).unwrap();
    assert!(kept.member(&author).is_some(), "durable");
    assert_eq!(bus.jobs.len(), 1);
    // A disk that fails: it is told, tried again with time, and nothing is merged meanwhile.
    let mut bus = newcomer();
    let fickle = fickle::Fickle::of(&bus.nodes[2].store);
    fickle.documents_fail.store(true, Ordering::SeqCst);
    bus.nodes[2].engine = Node::over(bus.nodes[2].store.clone(), fickle.clone(), Options::default()).engine;
    bus.connect(1, 2, None);
    bus.run();
    assert!(
        bus.nodes[2]
            .notices
            .iter()
            .any(|text| text.contains("could not be kept")),
        "{:?}",
        bus.nodes[2].notices
    );
    assert_eq!(
        (bus.nodes[2].records(), bus.nodes[2].store.awaiting_count()),
        (0, 0)
    );
    // Not with each tick.
    let told = bus.nodes[2].notices.len();
    bus.give(2, Event::Tick);
    assert_eq!(bus.nodes[2].notices.len(), told);
    fickle.documents_fail.store(false, Ordering::SeqCst);
    bus.now_ms += crate::limits::TRUST_AGAIN_MS;
    bus.give(2, Event::Tick);
    bus.run();
    assert_eq!(bus.nodes[2].records(), 1);
}
