//! Grants and revocations that change while sessions are open, and what a peer that may receive nothing can do.

use super::durable::heard;
use super::*;
use crate::wire::{self, Message, Want, WantKey};
use chaski_crdt::authority::Revocation;

fn panel(patients: &[&str]) -> Scopes {
    Scopes::Panels(patients.iter().map(|id| (*id).to_owned()).collect())
}

fn holds(bus: &Bus, node: usize, key: &str) -> bool {
    bus.nodes[node].store.contains(&key.parse().unwrap()).unwrap()
}

/// The hub grants a node something else, and what follows is under way.
fn grant(bus: &mut Bus, node: usize, scopes: Scopes, expires_ms: Option<u64>) {
    let statement = Statement::Grant(Grant {
        node: bus.nodes[node].id(),
        scopes,
        expires_ms,
    });
    let now = bus.now_ms;
    let effects = bus.nodes[0].engine.issue(now_at(now), statement).unwrap();
    bus.effects(0, effects);
}

#[test]
fn a_panel_that_is_narrowed_ends_the_session_and_nothing_more_of_it_flows() {
    for relay in [0, 1] {
        let mut bus = Bus::new(2);
        let team = bus.member_add(2, panel(&["mine", "other"]), None);
        bus.connect(1, 0, None);
        for id in ["mine", "other"] {
            patient(&bus.nodes[relay].store, id, "Quispe");
        }
        let (ours, _) = bus.connect(team, relay, None);
        bus.run();
        assert!(holds(&bus, team, "Patient/mine") && holds(&bus, team, "Patient/other"));
        grant(&mut bus, team, panel(&["mine"]), None);
        // Written in the same moment, and pushed with the news.
        observation(&bus.nodes[relay].store, "late", "other", 60);
        bus.give(relay, Event::LocalChange);
        bus.run();
        bus.give(relay, Event::LocalChange);
        bus.run();
        assert!(
            bus.nodes[relay].closes.contains(&CloseReason::GrantChanged),
            "{:?}",
            bus.nodes[relay].closes
        );
        assert!(!bus.nodes[team].engine.session_ids().any(|open| open == ours));
        observation(&bus.nodes[relay].store, "later", "other", 61);
        observation(&bus.nodes[relay].store, "mine-later", "mine", 61);
        bus.cut();
        // The first session may end by what it learns of the grant.
        bus.connect(team, relay, None);
        bus.run();
        bus.cut();
        let report = bus.sync(team, relay).unwrap();
        assert!(report.in_sync, "{report:?}");
        assert!(holds(&bus, team, "Observation/mine-later"));
        assert!(!holds(&bus, team, "Observation/later"), "given by {relay}");
        if relay == 0 {
            assert!(!holds(&bus, team, "Observation/late"), "given by the hub");
        }
    }
}

#[test]
fn a_panel_that_is_widened_brings_what_was_withheld_at_once() {
    let mut bus = Bus::new(1);
    let team = bus.member_add(1, panel(&["mine"]), None);
    patient(&bus.nodes[0].store, "mine", "Quispe");
    patient(&bus.nodes[0].store, "other", "Mamani");
    assert!(bus.sync(team, 0).unwrap().in_sync);
    assert!(!holds(&bus, team, "Patient/other"));
    grant(&mut bus, team, panel(&["mine", "other"]), None);
    bus.run();
    bus.cut();
    bus.connect(team, 0, None);
    bus.run();
    bus.cut();
    assert!(bus.sync(team, 0).unwrap().in_sync);
    assert!(holds(&bus, team, "Patient/other"));
}

/// The hub no longer has a say: a clinic and a team that are in session for long.
fn clinic_and_team(expires_ms: u64) -> (Bus, usize, SessionId) {
    let mut bus = Bus::new(2);
    let team = bus.member_add(2, Scopes::All, Some(expires_ms));
    let (ours, _) = bus.connect(team, 1, None);
    bus.run();
    (bus, team, ours)
}

#[test]
fn a_grant_that_ends_while_a_session_is_open_ends_what_is_sent() {
    let until = Bus::new(1).now_ms + 60_000;
    let (mut bus, team, _) = clinic_and_team(until);
    patient(&bus.nodes[1].store, "before", "Quispe");
    bus.give(1, Event::LocalChange);
    bus.run();
    assert!(holds(&bus, team, "Patient/before"));
    bus.now_ms = until;
    bus.give(1, Event::Tick);
    bus.run();
    patient(&bus.nodes[1].store, "after", "Mamani");
    patient(&bus.nodes[team].store, "theirs", "Condori");
    for node in [1, team] {
        bus.give(node, Event::LocalChange);
        bus.run();
    }
    assert!(
        !holds(&bus, team, "Patient/after"),
        "sent though the grant is over"
    );
    assert!(holds(&bus, 1, "Patient/theirs"), "handing over goes on");
    let peer = bus.nodes[team].id();
    let known = bus.nodes[1].engine.peers();
    assert!(known.iter().all(|one| one.node != peer || !one.in_sync));
}

#[test]
fn who_may_receive_nothing_gets_nothing_by_asking() {
    let until = Bus::new(1).now_ms;
    let (mut bus, team, ours) = clinic_and_team(until - 1);
    patient(&bus.nodes[1].store, "p", "Quispe");
    let said = heard(&mut bus, 1);
    let want = Message::Want(Want {
        id: 1,
        keys: vec![WantKey {
            key: "Patient/p".into(),
            have: Vec::new(),
        }],
    });
    let bytes = wire::encode(9, &want);
    let priority = Priority::Control;
    let send = Effect::Send {
        session: ours,
        priority,
        bytes,
    };
    bus.effects(team, vec![send]);
    bus.run();
    assert!(!holds(&bus, team, "Patient/p"));
    let said = said.lock().unwrap();
    assert!(
        said.iter().any(|message| matches!(message, Message::Given(1, _))),
        "told so at once"
    );
    assert!(said.iter().all(|message| !matches!(message, Message::Batch(_))));
}

#[test]
fn nobody_learns_of_a_record_outside_its_grant_by_naming_it() {
    let mut bus = Bus::new(1);
    let team = bus.member_add(1, panel(&["mine"]), None);
    for (id, family) in [("mine", "Quispe"), ("secret", "a"), ("secret", "b")] {
        patient(&bus.nodes[0].store, id, family);
    }
    // The team names a hash that nobody has, and brings a change of the same record whose predecessor it keeps back.
    for id in ["secret", "nobody"] {
        patient(&bus.nodes[team].store, id, "of the team");
        patient(&bus.nodes[team].store, id, "of the team still");
    }
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        let Ok((hop, Message::Batch(mut batch))) = wire::decode(&bytes) else {
            return bytes;
        };
        if node != team {
            return bytes;
        }
        let mut parts = crate::batch::decode(&batch.payload).unwrap();
        for (_, changes) in &mut parts {
            changes.remove(0);
        }
        batch.payload = crate::batch::encode(&parts).unwrap();
        wire::encode(hop, &Message::Batch(batch))
    }));
    let (ours, _) = bus.connect(team, 0, None);
    bus.deliver_max = Some(3);
    bus.run();
    bus.deliver_max = None;
    let wants = Arc::new(Mutex::new(Vec::new()));
    let (noted, mut keep_back) = (Arc::clone(&wants), bus.tamper.take().unwrap());
    bus.tamper = Some(Box::new(move |node, priority, bytes| {
        if let (0, Ok((_, Message::Want(want)))) = (node, wire::decode(&bytes)) {
            noted.lock().unwrap().extend(want.keys);
        }
        keep_back(node, priority, bytes)
    }));
    let key = |id: &str| WantKey {
        key: format!("Patient/{id}"),
        have: vec![[9; 8]],
    };
    let want = Message::Want(Want {
        id: 900,
        keys: ["mine", "secret", "nobody"].map(key).to_vec(),
    });
    let send = Effect::Send {
        session: ours,
        priority: Priority::Control,
        bytes: wire::encode(9, &want),
    };
    bus.effects(team, vec![send]);
    bus.run();
    let wants = wants.lock().unwrap();
    let named = |id: &str| -> BTreeSet<usize> {
        let of_it = wants.iter().filter(|want| want.key == format!("Patient/{id}"));
        of_it.map(|want| want.have.len()).collect()
    };
    assert_eq!(named("secret"), named("nobody"), "one is here, one is not");
    assert_eq!(named("secret"), BTreeSet::from([0]));
    assert!(named("mine").iter().all(|hashes| *hashes > 0) && !named("mine").is_empty());
    assert!(!holds(&bus, 0, "Patient/nobody"), "its predecessor was kept back");
}

#[test]
fn a_revocation_reaches_a_session_that_has_not_said_hello_yet() {
    for dialled_by_revoked in [true, false] {
        let mut bus = Bus::new(3);
        patient(&bus.nodes[0].store, "secret", "Quispe");
        bus.deliver_max = Some(0);
        let (a, b) = if dialled_by_revoked { (1, 0) } else { (0, 1) };
        bus.connect(a, b, None);
        bus.run();
        let (now, revoked) = (bus.now_ms, bus.nodes[1].id());
        let effects = bus.nodes[0]
            .engine
            .revoke(now_at(now), revoked, "stolen".into())
            .unwrap();
        bus.effects(0, effects);
        bus.deliver_max = None;
        bus.run();
        assert_eq!(bus.nodes[0].engine.session_ids().count(), 0);
        assert_eq!(bus.nodes[0].closes, [CloseReason::Revoked]);
        assert_eq!(bus.nodes[1].records(), 0);
        // Nor is it dialled, asked or listened to again, by whoever it is.
        let sync = Event::Sync {
            request: 1,
            peer: Some(revoked),
            address: Some("10.0.0.9:1".into()),
        };
        bus.give(0, sync);
        assert_eq!(
            bus.nodes[0].reports.pop().unwrap().unwrap_err(),
            CloseReason::Revoked
        );
        assert_eq!(bus.sync(1, 0).unwrap_err(), CloseReason::Revoked);
        bus.nodes[0].restart();
        assert_eq!(
            bus.sync(1, 0).unwrap_err(),
            CloseReason::Revoked,
            "forgotten by a restart"
        );
        assert_eq!(bus.nodes[1].records(), 0);
    }
}

#[test]
fn a_revoked_node_hears_nothing_from_any_member_that_knows() {
    let mut bus = Bus::new(4);
    let revocation = Revocation {
        node: bus.nodes[1].id(),
        vouched: BTreeMap::new(),
        reason: "stolen".into(),
    };
    let now = bus.now_ms;
    bus.nodes[0]
        .engine
        .issue(now_at(now), Statement::Revocation(revocation))
        .unwrap();
    // The third is in session with it when the news comes in by another session.
    patient(&bus.nodes[3].store, "before", "Quispe");
    // The first session ends with what the one learns of the other's grant.
    for _ in 0..2 {
        bus.connect(1, 3, None);
        bus.run();
    }
    assert!(holds(&bus, 1, "Patient/before"));
    bus.connect(3, 0, None);
    bus.run();
    assert!(bus.nodes[3].closes.contains(&CloseReason::Revoked));
    patient(&bus.nodes[3].store, "after", "Quispe");
    bus.give(3, Event::LocalChange);
    bus.run();
    assert!(!holds(&bus, 1, "Patient/after") && holds(&bus, 0, "Patient/after"));
    // A daemon that knows where it is does not dial it.
    let daemon = Options {
        daemon: true,
        ..Options::default()
    };
    bus.cut();
    let ids = [1, 2].map(|node| bus.nodes[node].id());
    bus.nodes[3] = Node::of(bus.nodes[3].store.clone(), daemon);
    for (id, address) in ids.iter().zip(["10.0.0.1:1", "10.0.0.2:1"]) {
        assert!(bus.nodes[3].engine.address_learned(id, address));
    }
    bus.now_ms += 100_000;
    let effects = bus.nodes[3].engine.handle(now_at(bus.now_ms), Event::Tick);
    let dialled: Vec<NodeId> = effects
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Connect { peer, .. } => peer,
            _ => None,
        })
        .collect();
    assert_eq!(dialled, [ids[1]]);
}

#[test]
fn what_was_written_until_a_revocation_stays_vouched_for_and_nothing_after_it() {
    for by_command in [false, true] {
        let mut bus = Bus::new(2);
        for i in 0..3 {
            patient(&bus.nodes[1].store, &format!("a{i}"), "Quispe");
        }
        assert!(bus.sync(1, 0).unwrap().in_sync);
        bus.cut();
        let node = bus.nodes[1].id();
        let (incarnation, last) = bus.nodes[1].store.incarnation().unwrap();
        let now = bus.now_ms;
        if by_command {
            setup::revoke(&bus.nodes[0].store, node, "lost").unwrap();
            bus.nodes[0].restart();
        } else {
            bus.nodes[0]
                .engine
                .revoke(now_at(now), node, "lost".into())
                .unwrap();
        }
        let authority = bus.nodes[0].engine.trust().authority();
        let vouched = |incarnation| authority.vouched(&node, incarnation);
        assert_eq!(vouched(incarnation), Some(last));
        assert_eq!(vouched(incarnation ^ 1), None);
        // Only an issuer revokes, and only members.
        let stranger = NodeId::of(&SigningKey::from_bytes(&[55; 32]));
        let hub = bus.nodes[0].id();
        assert!(
            bus.nodes[0]
                .engine
                .revoke(now_at(now), stranger, "x".into())
                .is_err()
        );
        assert!(setup::revoke(&bus.nodes[0].store, stranger, "x").is_err());
        assert!(
            bus.nodes[1]
                .engine
                .revoke(now_at(now), hub, "spite".into())
                .is_err()
        );
        assert!(setup::revoke(&bus.nodes[1].store, hub, "spite").is_err());
        assert!(!bus.nodes[1].engine.trust().is_revoked(&hub));
    }
}
