//! What a power cut, an older disk or a key gone bad must not do to what is known of the network.

use super::*;
use crate::apply::Failure;
use crate::replica::Documents;
use crate::trust::vouched_most;
use crate::wire::Message;
use chaski_crdt::author::{AuthorId, Writer};
use chaski_crdt::authority::{INCARNATIONS_MAX, Issuer, Limits, Order, SignedStatement, Standing};
use std::collections::BTreeSet;

const AUTHORITY: &str = "trust/authority";

/// A stolen key signs one change far ahead: what it signs after its revocation is not vouched for by that.
#[test]
fn a_number_far_ahead_of_the_others_is_no_last_one_to_vouch_for() {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[1].store, "honest", "Quispe");
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.cut();
    let key = SigningKey::from_bytes(&[101; 32]);
    let network = bus.nodes[0].engine.core.network;
    patient(&bus.nodes[1].store, "thief", "Mamani");
    let ahead = move |author: AuthorId, record: &RecordKey, bytes: Vec<u8>| {
        let mut next_seq = u64::MAX;
        let mut writer = Writer {
            signer: &key,
            network,
            incarnation: author.incarnation,
            next_seq: &mut next_seq,
        };
        writer.sign(record, bytes).unwrap()
    };
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        match crate::wire::decode(&bytes) {
            Ok((hop, Message::Batch(mut batch))) if node == 1 => {
                let mut parts = crate::batch::decode(&batch.payload).unwrap();
                for (record, changes) in &mut parts {
                    for change in changes {
                        *change = ahead(change.author, record, change.bytes.clone());
                    }
                }
                batch.payload = crate::batch::encode(&parts).unwrap();
                crate::wire::encode(hop, &Message::Batch(batch))
            }
            _ => bytes,
        }
    }));
    bus.connect(1, 0, None);
    bus.run();
    bus.tamper = None;
    assert_eq!(bus.nodes[0].records(), 2, "it was taken in");
    let (thief, now) = (bus.nodes[1].id(), bus.now_ms);
    let known = bus.nodes[0].engine.incarnations_of(&thief).unwrap();
    bus.nodes[0]
        .engine
        .revoke(now_at(now), thief, "stolen".into())
        .unwrap();
    let (incarnation, last) = known.into_iter().next().unwrap();
    assert_eq!(last, 1);
    let author = AuthorId {
        node: thief,
        incarnation,
    };
    let trust = bus.nodes[0].engine.trust();
    let standing = |seq| trust.authority().standing(&author, seq);
    assert_eq!(standing(1), Standing::Vouched);
    for seq in [2, 1 << 40, u64::MAX] {
        assert_ne!(standing(seq), Standing::Vouched, "{seq}");
    }
}

/// Each time a node is told that it was restored from an older copy costs it an incarnation.
#[test]
fn a_peer_that_says_again_and_again_that_it_has_seen_more_is_believed_once() {
    let mut bus = Bus::new(3);
    patient(&bus.nodes[0].store, "a", "Quispe");
    let (liar, _) = bus.connect(1, 0, None);
    let (other, _) = bus.connect(2, 0, None);
    bus.run();
    let mut drawn = BTreeSet::new();
    for i in 0..21 {
        // Another, which says so last, is heard though one has said so before.
        let (node, session) = if i == 20 { (2, other) } else { (1, liar) };
        patient(&bus.nodes[0].store, "a", &format!("Quispe {i}"));
        let (incarnation, last) = bus.nodes[0].engine.core.replica.incarnation().unwrap();
        drawn.insert(incarnation);
        let said = bus.nodes[node].engine.sessions.get_mut(&session).unwrap();
        let mut status = said.send.last_status.unwrap();
        status.seen = Some((incarnation, last + 1));
        status.position += i;
        let bytes = crate::wire::encode(9, &Message::Status(status));
        let send = Effect::Send {
            session,
            priority: Priority::Control,
            bytes,
        };
        bus.effects(node, vec![send]);
        bus.run();
    }
    patient(&bus.nodes[0].store, "a", "Mamani");
    drawn.insert(bus.nodes[0].engine.core.replica.incarnation().unwrap().0);
    assert_eq!(drawn.len(), 3);
}

/// The hub is set back to before it had certified a clinic, and that had known it to hold all: it shows its certificate
/// again once it has been turned away.
#[test]
fn who_was_certified_after_the_hubs_last_backup_shows_itself_again() {
    let mut bus = Bus::new(1);
    let old = bus.nodes[0].store.document(AUTHORITY).unwrap().unwrap();
    let clinic = bus.member_add(1, Scopes::All, None);
    assert!(bus.sync(clinic, 0).unwrap().in_sync);
    let hub = bus.nodes[0].id();
    assert!(bus.nodes[clinic].engine.core.peers.authority_acked(&hub) > 0);
    bus.cut();
    bus.nodes[0].store.document_save(AUTHORITY, &old).unwrap();
    bus.nodes[0].restart();
    assert!(
        bus.nodes[0]
            .engine
            .trust()
            .member(&bus.nodes[clinic].id())
            .is_none()
    );
    assert_eq!(bus.sync(clinic, 0).unwrap_err(), CloseReason::Stranger);
    // As the network side tells it: the reason comes as a code, and is about this node.
    let (session, _) = bus.connect(clinic, 0, None);
    let reason = CloseReason::StrangerHere;
    bus.give(clinic, Event::Closed { session, reason });
    bus.cut();
    let report = bus.sync(clinic, 0).unwrap();
    assert!(report.in_sync, "{}", report.reason);
    assert!(
        bus.nodes[0]
            .engine
            .trust()
            .member(&bus.nodes[clinic].id())
            .is_some()
    );
}

/// The disk is slow: what was heard is neither said to be held nor "in sync" before it is durable, and a node that is
/// stopped meanwhile keeps it.
#[test]
fn what_was_heard_is_in_sync_once_it_is_durable_and_a_stop_loses_none_of_it() {
    let mut bus = Bus::new(2);
    let new = bus.member_add(2, Scopes::All, None);
    let author = bus.nodes[new].id();
    (bus.slow, bus.is_keeping_slow) = (Some(1), true);
    bus.connect(1, 0, Some(1));
    bus.run();
    assert!(bus.nodes[1].engine.trust().member(&author).is_some(), "heard");
    assert!(bus.nodes[1].reports.is_empty(), "{:?}", bus.nodes[1].reports);
    let (hub, clinic) = (bus.nodes[0].id(), bus.nodes[1].id());
    assert_eq!(bus.nodes[1].engine.core.peers.authority_acked(&hub), 0);
    assert!(bus.nodes[0].engine.core.peers.authority_acked(&clinic) < bus.nodes[0].engine.trust().heard());
    let network = bus.nodes[1].engine.trust().authority().network();
    let kept = |bus: &Bus| {
        Trust::load(&bus.nodes[1].store, network)
            .unwrap()
            .member(&author)
            .is_some()
    };
    assert!(!kept(&bus));
    while let Some(job) = bus.keeps.pop_front() {
        let done = job.run(bus.nodes[1].engine.core.replica.as_ref());
        bus.give(1, Event::Kept(Box::new(done)));
        bus.run();
    }
    assert!(kept(&bus));
    assert!(bus.nodes[1].reports.pop().unwrap().unwrap().in_sync);
    // Stopped while the next is being kept.
    let later = NodeId::of(&SigningKey::from_bytes(&[222; 32]));
    let member = Statement::Member(Member {
        node: later,
        name: "clinic 9".into(),
        role: NodeRole::Clinic,
        site: String::new(),
    });
    let now = now_at(bus.now_ms);
    let effects = bus.nodes[0].engine.issue(now, member).unwrap();
    bus.effects(0, effects);
    bus.run();
    assert!(bus.nodes[1].engine.trust().member(&later).is_some());
    bus.nodes[1].engine.flush();
    let stored = Trust::load(&bus.nodes[1].store, network).unwrap();
    assert!(stored.member(&later).is_some(), "a stop lost what had been heard");
}

/// A grant that another issuer has signed under the greatest time cannot be renewed while that issuer counts: the hub does not
/// try again with each tick.
#[test]
fn a_renewal_that_comes_to_nothing_is_not_made_again_and_again() {
    let mut bus = Bus::new(1);
    let team = bus.member_add(1, Scopes::All, None);
    let node = bus.nodes[team].id();
    let root = setup::root_key(&bus.nodes[0].store).unwrap().unwrap();
    let other = SigningKey::from_bytes(&[77; 32]);
    let network = bus.nodes[0].engine.trust().authority().network();
    let sign = |key: &SigningKey, order: Order, statement| {
        SignedStatement::sign(&network, key, order, statement)
            .unwrap()
            .to_bytes()
    };
    let named = Statement::Issuer(Issuer {
        node: NodeId::of(&other),
        name: "Puno".into(),
        limits: Limits::default(),
    });
    // Of two at the same time the one with the greater identifier holds: one of these is.
    let short = (0..64_u64).map(|n| {
        let grant = Grant {
            node,
            scopes: Scopes::All,
            expires_ms: Some(bus.now_ms + 1_000 + n),
        };
        let order = Order {
            serial: n,
            lamport: u64::MAX,
        };
        sign(&other, order, Statement::Grant(grant))
    });
    let all: Vec<_> = [sign(&SigningKey::from_bytes(&root), 100.into(), named)]
        .into_iter()
        .chain(short.collect::<Vec<_>>())
        .collect();
    let mut trust = bus.nodes[0].engine.trust().clone();
    trust.add(&bus.nodes[0].store, &all).unwrap();
    bus.nodes[0].restart();
    bus.connect(team, 0, None);
    bus.run();
    let before = bus.nodes[0].engine.trust().heard();
    for _ in 0..50 {
        bus.now_ms += 1_000;
        bus.give(0, Event::Tick);
        bus.run();
    }
    assert!(bus.nodes[0].engine.trust().heard() <= before + 1);
    let session = bus.nodes[0].engine.sessions.values().next().unwrap();
    assert!(session.authority.sent < 8, "{}", session.authority.sent);
}

/// No number of incarnations keeps a member from being revoked.
#[test]
fn a_revocation_names_as_many_incarnations_as_it_may_and_those_that_wrote_most() {
    let many: Vec<(u64, u64)> = (0..5_000)
        .map(|n| (n, if n % 5 == 0 { 9 } else { 1 + n % 3 }))
        .collect();
    let named = vouched_most(many);
    assert_eq!(named.len(), INCARNATIONS_MAX);
    assert_eq!(named.values().filter(|last| **last == 9).count(), 1_000);
    assert!(!named.values().any(|last| *last == 1));
    assert_eq!(vouched_most(vec![(7, 3)]), BTreeMap::from([(7, 3)]));
}

/// The batch behind one that was not taken in is not either, for the same reason: the session says that one.
#[test]
fn what_comes_behind_a_batch_that_was_not_taken_in_shares_its_reason() {
    let bus = Bus::new(2);
    let fickle = fickle::Fickle::of(&bus.nodes[1].store);
    fickle.commits_left.store(0, Ordering::SeqCst);
    let network = bus.nodes[1].engine.trust().authority().network();
    let job = || {
        ApplyJob::of_parcel(
            bus.nodes[0].id(),
            network,
            crate::batch::encode(&[]).unwrap(),
            Arc::default(),
        )
    };
    let first = job();
    let mut behind = job();
    behind.failed = Arc::clone(&first.failed);
    let _ = first.failed.set(Failure::Awaiting);
    assert_eq!(behind.run(fickle.as_ref()).failure, Some(Failure::Awaiting));
    let broken = job();
    let mut behind = job();
    behind.failed = Arc::clone(&broken.failed);
    let reason = broken.run(fickle.as_ref()).failure;
    assert!(
        matches!(&reason, Some(Failure::Store(text)) if text.contains("broken")),
        "{reason:?}"
    );
    fickle.commits_left.store(9, Ordering::SeqCst);
    assert_eq!(behind.run(fickle.as_ref()).failure, reason);
}

/// A member that repeats what is known, or what is not to be held, is left: each message costs more than it brings.
#[test]
fn who_repeats_statements_in_vain_is_left() {
    let mut bus = Bus::new(2);
    let (_, session) = bus.connect(1, 0, None);
    bus.run();
    let statements: Vec<_> = bus.nodes[0].engine.trust().statements_after(0).cloned().collect();
    for sent in 1..=crate::limits::AUTHORITY_IN_VAIN_MAX + 1 {
        assert!(bus.nodes[0].closes.is_empty(), "{sent}");
        let told = crate::wire::Authority {
            statements: statements.clone(),
            digest: bus.nodes[0].engine.trust().digest(),
            sent,
        };
        let bytes = crate::wire::encode(1, &crate::wire::Message::Authority(told));
        let priority = Priority::Control;
        bus.give(
            0,
            Event::Message {
                session,
                priority,
                bytes,
            },
        );
    }
    assert_eq!(bus.nodes[0].closes, [CloseReason::Flooding]);
}
