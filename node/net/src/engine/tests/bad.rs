//! Peers that may not, changes that must not.

use super::*;
use crate::wire::{self, Message};
use chaski_crdt::authority::Revocation;

/// Rewrites the changes of batches that a node sends.
fn rewrite(bus: &mut Bus, by: usize, mut change: impl FnMut(&mut crate::batch::Part) + 'static) {
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        if node != by {
            return bytes;
        }
        match wire::decode(&bytes) {
            Ok((hop, Message::Batch(mut batch))) => {
                let mut parts = crate::batch::decode(&batch.payload).unwrap();
                parts.iter_mut().for_each(&mut change);
                batch.payload = crate::batch::encode(&parts).unwrap();
                wire::encode(hop, &Message::Batch(batch))
            }
            _ => bytes,
        }
    }));
}

fn relayed() -> Bus {
    let mut bus = Bus::new(3);
    for i in 0..5 {
        patient(&bus.nodes[1].store, &format!("a{i}"), "Quispe");
    }
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.cut();
    bus
}

fn assert_refused_then_healed(mut bus: Bus, reason: &str) {
    let report = bus.sync(2, 0).unwrap();
    assert!(!report.in_sync, "{report:?}");
    assert!(
        report.quarantined > 0 && report.refused.iter().any(|r| r.reason.contains(reason)),
        "{report:?}"
    );
    bus.cut();
    bus.tamper = None;
    let report = bus.sync(2, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
    assert_eq!(bus.nodes[2].records(), 5);
}

#[test]
fn a_change_forged_by_the_relay_is_refused() {
    let mut bus = relayed();
    let relay = bus.nodes[0].id();
    rewrite(&mut bus, 0, move |part| {
        part.1.iter_mut().for_each(|c| c.author.node = relay)
    });
    assert_refused_then_healed(bus, "");
}

#[test]
fn a_change_altered_by_the_relay_is_refused() {
    let mut bus = relayed();
    rewrite(&mut bus, 0, |part| {
        part.1.iter_mut().for_each(|c| c.signature[7] ^= 1)
    });
    assert_refused_then_healed(bus, "signature");
}

#[test]
fn a_change_refiled_by_the_relay_is_refused() {
    let mut bus = relayed();
    rewrite(&mut bus, 0, |part| {
        part.0 = RecordKey::new("Patient", "elsewhere").unwrap()
    });
    assert_refused_then_healed(bus, "signature");
}

#[test]
fn a_change_put_down_to_someone_unknown_is_refused() {
    let mut bus = relayed();
    let stranger = NodeId::of(&SigningKey::from_bytes(&[55; 32]));
    rewrite(&mut bus, 0, move |part| {
        part.1.iter_mut().for_each(|c| c.author.node = stranger)
    });
    assert_refused_then_healed(bus, "signature");
}

#[test]
fn flipped_and_truncated_frames_end_the_session_and_harm_nothing() {
    for seed in 0..60_u64 {
        let mut bus = relayed();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        bus.tamper = Some(Box::new(move |node, priority, mut bytes| {
            if node == 0 && priority != Priority::Control && !bytes.is_empty() {
                let at = rng.next_u32() as usize % bytes.len();
                if seed % 3 == 0 {
                    bytes.truncate(at)
                } else {
                    bytes[at] ^= 1 << (rng.next_u32() % 8)
                }
            }
            bytes
        }));
        bus.now_ms += 10_000;
        bus.connect(2, 0, Some(1));
        bus.run();
        let in_sync = bus.nodes[2]
            .reports
            .pop()
            .and_then(Result::ok)
            .is_some_and(|r| r.in_sync);
        assert!(!in_sync || bus.nodes[2].fingerprint() == bus.nodes[0].fingerprint());
        bus.cut();
        bus.tamper = None;
        assert!(bus.sync(2, 0).unwrap().in_sync);
        bus.assert_equal();
    }
}

#[test]
fn a_stranger_and_another_network_are_turned_away() {
    let mut bus = Bus::new(1);
    let (other, _) = store(77);
    let founding = Founding {
        name: "x".into(),
        site: String::new(),
        role: NodeRole::Hub,
        demo: false,
    };
    setup::found(&other, &founding).unwrap();
    patient(&other, "theirs", "X");
    bus.nodes.push(Node::of(other, Options::default()));
    let refused = bus.sync(1, 0).unwrap_err();
    assert_eq!(refused, CloseReason::OtherNetwork);
    assert_eq!(bus.nodes[0].records(), 0);

    // A key of this network's id, without a certificate.
    let index = bus.member_add(2, Scopes::All, None);
    let hub = &bus.nodes[0];
    let identity = StoreReplica::new(hub.store.clone()).unwrap().identity();
    let (stranger, _) = store(78);
    let statements: Vec<_> = hub.engine.trust().statements_after(0).cloned().collect();
    Trust::found(hub.engine.trust().root(), &statements)
        .unwrap()
        .save(&stranger)
        .unwrap();
    stranger
        .identity_set(&Identity {
            signing_seed: [9; 32],
            ..identity.clone()
        })
        .unwrap();
    bus.nodes.push(Node::of(stranger, Options::default()));
    let refused = bus.sync(index + 1, 0).unwrap_err();
    assert_eq!(refused, CloseReason::Stranger);
}

#[test]
fn a_revoked_node_is_cut_off_and_what_it_wrote_before_stays() {
    let mut bus = Bus::new(3);
    patient(&bus.nodes[1].store, "before", "Quispe");
    bus.connect(1, 0, None);
    bus.run();
    let revoked = bus.nodes[1].id();
    let now = bus.now_ms;
    let effects = bus.nodes[0]
        .engine
        .revoke(now_at(now), revoked, "stolen".into())
        .unwrap();
    bus.effects(0, effects);
    bus.run();
    assert!(bus.nodes[0].closes.contains(&CloseReason::Revoked));
    patient(&bus.nodes[1].store, "after", "Quispe");
    assert_eq!(bus.sync(1, 0).unwrap_err(), CloseReason::Revoked);
    // The third hears of it from the hub, keeps what was written before, and
    // turns the revoked one away too.
    assert!(bus.sync(2, 0).unwrap().in_sync);
    assert_eq!(bus.nodes[2].records(), 1);
    assert_eq!(bus.sync(1, 2).unwrap_err(), CloseReason::Revoked);
}

#[test]
fn revocations_heard_in_different_orders_end_alike() {
    let mut bus = Bus::new(3);
    patient(&bus.nodes[1].store, "p", "Quispe");
    bus.sync(2, 1).unwrap();
    let revocation = Revocation {
        node: bus.nodes[1].id(),
        vouched: Default::default(),
        reason: "lost".into(),
    };
    let now = bus.now_ms;
    bus.nodes[0]
        .engine
        .issue(now_at(now), Statement::Revocation(revocation))
        .unwrap();
    // The hub revoked before it ever saw the change; it is kept all the same.
    assert!(bus.sync(2, 0).unwrap().in_sync);
    assert_eq!(bus.nodes[0].records(), 1);
    assert_eq!(bus.nodes[0].fingerprint(), bus.nodes[2].fingerprint());
}

#[test]
fn an_expired_grant_hands_over_and_receives_nothing() {
    let mut bus = Bus::new(2);
    let index = bus.member_add(2, Scopes::All, Some(bus.now_ms - 1));
    patient(&bus.nodes[1].store, "secret", "Quispe");
    patient(&bus.nodes[index].store, "mine", "Mamani");
    let report = bus.sync(index, 1).unwrap();
    assert!(
        !report.in_sync && report.reason.contains("grant is over"),
        "{report:?}"
    );
    assert_eq!(bus.nodes[index].records(), 1);
    assert_eq!(bus.nodes[1].records(), 2);
    // The hub is an issuer: it renews, and all flows.
    bus.cut();
    bus.connect(index, 0, None);
    bus.run();
    bus.give(0, Event::Tick);
    bus.run();
    bus.cut();
    let report = bus.sync(index, 1).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!(bus.nodes[index].records(), 2);
}

#[test]
fn a_scope_withheld_stays_withheld_and_both_are_in_sync_on_the_rest() {
    let mut bus = Bus::new(1);
    let panel = Scopes::Panels(BTreeSet::from(["mine".to_owned()]));
    let index = bus.member_add(1, panel, None);
    for id in ["mine", "other"] {
        patient(&bus.nodes[0].store, id, "Quispe");
        for i in 0..20 {
            observation(&bus.nodes[0].store, &format!("{id}-{i}"), id, i);
        }
    }
    put(
        &bus.nodes[0].store,
        r#"{"resourceType":"Organization","id":"org","name":"Clinic"}"#,
    );
    let report = bus.sync(index, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!(bus.nodes[index].records(), 22);
    assert!(
        bus.nodes[index]
            .store
            .read(&ctx(), &"Patient/other".parse().unwrap())
            .unwrap()
            .is_none()
    );
    bus.cut();
    let again = bus.sync(index, 0).unwrap();
    assert!(again.in_sync && again.round_trips == 1, "{again:?}");
    // Asked for by key, it is withheld as well.
    bus.cut();
    let (session, _) = bus.connect(index, 0, None);
    bus.run();
    let want = wire::Want {
        id: 1,
        keys: vec![wire::WantKey {
            key: "Patient/other".into(),
            have: vec![],
        }],
    };
    let bytes = wire::encode(9, &Message::Want(want));
    bus.effects(
        index,
        vec![Effect::Send {
            session,
            priority: Priority::Control,
            bytes,
        }],
    );
    bus.run();
    assert!(
        bus.nodes[index]
            .store
            .read(&ctx(), &"Patient/other".parse().unwrap())
            .unwrap()
            .is_none()
    );
    // What the panel's node writes itself flows back.
    observation(&bus.nodes[index].store, "own", "mine", 5);
    bus.cut();
    assert!(bus.sync(index, 0).unwrap().in_sync);
    assert!(
        bus.nodes[0]
            .store
            .read(&ctx(), &"Observation/own".parse().unwrap())
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_switched_off_link_closes_and_refuses() {
    let mut bus = Bus::new(2);
    bus.connect(1, 0, None);
    bus.run();
    let peer = bus.nodes[1].id();
    bus.give(0, Event::LinkEnabled { peer, enabled: false });
    bus.run();
    assert_eq!(bus.nodes[0].engine.session_ids().count(), 0);
    assert_eq!(bus.sync(1, 0).unwrap_err(), CloseReason::Disabled);
    bus.give(0, Event::LinkEnabled { peer, enabled: true });
    assert!(bus.sync(1, 0).unwrap().in_sync);
}

#[test]
fn a_ticket_serves_one_key_once_and_the_same_key_again() {
    let mut bus = Bus::new(1);
    let now = bus.now_ms;
    let store = bus.nodes[0].store.clone();
    let ticket = setup::invite(&store, NodeRole::Clinic, 60_000, vec!["127.0.0.1:1".into()]).unwrap();
    let join = |bus: &mut Bus, session, seed: u8, secret: [u8; 16]| {
        let peer = NodeId::of(&SigningKey::from_bytes(&[seed; 32]));
        bus.give(
            0,
            Event::Opened {
                session,
                peer,
                outbound: false,
                address: String::new(),
                request: None,
            },
        );
        let request = wire::JoinRequest {
            network: ticket.network,
            secret,
            demo: false,
            name: "new".into(),
            site: "N".into(),
        };
        let bytes = wire::encode(1, &Message::Join(request));
        let event = Event::Message {
            session,
            priority: Priority::Control,
            bytes,
        };
        let effects = bus.nodes[0].engine.handle_inline(now_at(bus.now_ms), event);
        effects.into_iter().find_map(|effect| match effect {
            Effect::Send { bytes, .. } => match wire::decode(&bytes) {
                Ok((_, Message::Joined(joined))) => Some(Ok(joined)),
                _ => None,
            },
            Effect::Close { reason, .. } => Some(Err(reason)),
            _ => None,
        })
    };
    let first = join(&mut bus, 10, 40, ticket.secret).unwrap().unwrap();
    let again = join(&mut bus, 11, 40, ticket.secret).unwrap().unwrap();
    assert_eq!(first, again);
    assert_eq!(
        join(&mut bus, 12, 41, ticket.secret).unwrap(),
        Err(CloseReason::TicketUsed)
    );
    assert_eq!(
        join(&mut bus, 13, 42, [1; 16]).unwrap(),
        Err(CloseReason::TicketUnknown)
    );
    let late = setup::invite(&store, NodeRole::Clinic, 1_000, vec![]).unwrap();
    bus.now_ms = now + 3_600_000;
    assert_eq!(
        join(&mut bus, 14, 43, late.secret).unwrap(),
        Err(CloseReason::TicketExpired)
    );
}

#[test]
fn what_asks_for_work_comes_on_the_control_stream_alone() {
    let mut bus = relayed();
    let (_, other) = bus.connect(2, 0, None);
    bus.run();
    let want = Message::Want(wire::Want {
        id: 1,
        keys: Vec::new(),
    });
    let bytes = wire::encode(1, &want);
    bus.give(
        0,
        Event::Message {
            session: other,
            priority: Priority::Rest,
            bytes,
        },
    );
    let last = bus.nodes[0].closes.last().unwrap().to_string();
    assert!(last.contains("stream of changes"), "{last}");
}
