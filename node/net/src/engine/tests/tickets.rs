//! Tickets: what one buys, for whom, once, and until when.

use super::fickle::Fickle;
use super::*;
use crate::limits::TICKETS_MAX;
use crate::replica::{Documents, ReplicaResult};
use crate::trust::{self, TicketUse, TrustError};
use crate::wire::{self, JoinRequest, Joined, Message};
use chaski_crdt::authority::Ticket;

const DOCUMENT: &str = "trust/tickets";

fn id(number: u8) -> NodeId {
    NodeId::of(&SigningKey::from_bytes(&[number; 32]))
}

fn ticket(secret: u8, role: &str, expires_s: u64) -> Ticket {
    Ticket {
        secret: [secret; 16],
        issuer: [0; 16],
        network: [0; 8],
        expires_s,
        role: NodeRole::from(role),
        addresses: Vec::new(),
    }
}

/// Documents in memory.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl Documents for Memory {
    fn document(&self, name: &str) -> ReplicaResult<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    fn documents_save(&self, changes: &[(String, Option<Vec<u8>>)]) -> ReplicaResult<()> {
        let mut kept = self.0.lock().unwrap();
        for (name, bytes) in changes {
            match bytes {
                Some(bytes) => kept.insert(name.clone(), bytes.clone()),
                None => kept.remove(name),
            };
        }
        Ok(())
    }
}

#[test]
fn a_ticket_serves_the_first_key_and_no_other_until_its_time_is_over() {
    let kept = Memory::default();
    let now_ms = 50_000;
    trust::ticket_give(&kept, &ticket(1, "mobile", 60), now_ms).unwrap();
    trust::ticket_give(&kept, &ticket(2, "clinic", 60), now_ms).unwrap();
    let used = |secret: u8, key: u8, now_ms| {
        let (outcome, role) = trust::ticket_use(&kept, &[secret; 16], &id(key), now_ms).unwrap();
        (outcome, role.to_string())
    };
    assert_eq!(used(3, 1, now_ms).0, TicketUse::Unknown);
    assert_eq!(used(1, 1, 59_999), (TicketUse::Accepted, "mobile".into()));
    assert_eq!(used(1, 2, 59_999).0, TicketUse::Used);
    assert_eq!(used(2, 2, 60_000).0, TicketUse::Expired);
    // An interrupted join is gone on with, however late; an expired try has used nothing up.
    assert_eq!(used(1, 1, 900_000), (TicketUse::Accepted, "mobile".into()));
    assert_eq!(used(2, 3, 59_999), (TicketUse::Accepted, "clinic".into()));
    let stored = kept.document(DOCUMENT).unwrap().unwrap();
    for secret in [[1; 16], [2; 16]] {
        assert!(
            !stored.windows(16).any(|bytes| bytes == secret),
            "whoever reads it may join"
        );
    }
}

#[test]
fn a_use_that_cannot_be_kept_is_none() {
    let bus = Bus::new(1);
    let fickle = Fickle::of(&bus.nodes[0].store);
    trust::ticket_give(fickle.as_ref(), &ticket(1, "clinic", 60), 0).unwrap();
    fickle.documents_fail.store(true, Ordering::SeqCst);
    assert!(trust::ticket_use(fickle.as_ref(), &[1; 16], &id(1), 0).is_err());
    assert!(trust::ticket_give(fickle.as_ref(), &ticket(2, "clinic", 60), 0).is_err());
    fickle.documents_fail.store(false, Ordering::SeqCst);
    let used = |key, secret: u8| {
        trust::ticket_use(fickle.as_ref(), &[secret; 16], &id(key), 0)
            .unwrap()
            .0
    };
    assert_eq!(used(2, 1), TicketUse::Accepted);
    assert_eq!(used(1, 1), TicketUse::Used);
    assert_eq!(used(1, 2), TicketUse::Unknown);
}

#[test]
fn tickets_are_bounded_and_only_those_whose_time_is_over_give_way() {
    type Row = ([u8; 32], String, u64, Option<[u8; 32]>);
    let full = |expires_s: u64, used_by: Option<[u8; 32]>| {
        let row = |n: usize| -> Row {
            let mut secret = [0; 32];
            secret[..8].copy_from_slice(&(n as u64).to_be_bytes());
            (secret, "clinic".into(), expires_s, used_by)
        };
        let rows: Vec<Row> = (0..TICKETS_MAX).map(row).collect();
        let kept = Memory::default();
        let bytes = postcard::to_extend(&rows, vec![1]).unwrap();
        kept.document_save(DOCUMENT, &bytes).unwrap();
        kept
    };
    let give = |kept: &Memory| trust::ticket_give(kept, &ticket(1, "clinic", 99), 60_000);
    assert_eq!(give(&full(61, None)), Err(TrustError::TooMany("tickets")));
    // Who has used one that still runs may come back with it.
    assert_eq!(
        give(&full(61, Some([1; 32]))),
        Err(TrustError::TooMany("tickets"))
    );
    let kept = full(60, None);
    give(&kept).unwrap();
    assert!(kept.document(DOCUMENT).unwrap().unwrap().len() < 200);
    for damaged in [vec![], vec![9], vec![1, 200]] {
        kept.document_save(DOCUMENT, &damaged).unwrap();
        assert_eq!(
            give(&kept),
            Err(TrustError::Damaged),
            "what is unreadable is not begun anew"
        );
    }
}

/// What the hub answers a newcomer with this key.
fn join(bus: &mut Bus, key: u8, change: impl FnOnce(&mut JoinRequest)) -> Result<Joined, CloseReason> {
    let store = bus.nodes[0].store.clone();
    let ticket = setup::invite(&store, NodeRole::Mobile, 60_000, Vec::new()).unwrap();
    let mut request = JoinRequest {
        network: ticket.network,
        secret: ticket.secret,
        demo: false,
        name: "Team 2".into(),
        site: "PUN".into(),
    };
    change(&mut request);
    let session = 500 + u64::from(key);
    let open = Event::Opened {
        session,
        peer: id(key),
        outbound: false,
        address: String::new(),
        request: None,
    };
    bus.give(0, open);
    let message = Event::Message {
        session,
        priority: Priority::Control,
        bytes: wire::encode(1, &Message::Join(request)),
    };
    let now = Now {
        wall_ms: bus.now_ms.saturating_add_signed(bus.nodes[0].ahead_ms),
        ..now_at(bus.now_ms)
    };
    let effects = bus.nodes[0].engine.handle_inline(now, message);
    let answer = effects.into_iter().find_map(|effect| match effect {
        Effect::Send { bytes, .. } => match wire::decode(&bytes) {
            Ok((_, Message::Joined(joined))) => Some(Ok(joined)),
            _ => None,
        },
        Effect::Close { reason, .. } => Some(Err(reason)),
        _ => None,
    });
    answer
        .or_else(|| bus.nodes[0].closes.pop().map(Err))
        .expect("an answer")
}

#[test]
fn a_ticket_buys_what_it_says_and_a_grant_that_ends() {
    let mut bus = Bus::new(1);
    let joined = join(&mut bus, 70, |_| ()).unwrap();
    let trust = bus.nodes[0].engine.trust();
    let member = trust.member(&id(70)).unwrap();
    let told = (member.name.as_str(), member.role.as_str(), member.site.as_str());
    assert_eq!(told, ("Team 2", "mobile", "PUN"));
    let grant = trust.authority().grant(&id(70)).unwrap();
    assert_eq!(grant.expires_ms, Some(bus.now_ms + trust::GRANT_MS));
    assert!(!trust.is_issuer(&id(70)));
    // What it is told makes it a member, and is enough to believe whoever invited it.
    let heard = Trust::found(NodeId(joined.root), &joined.statements).unwrap();
    assert!(heard.member(&id(70)).is_some() && heard.member(&bus.nodes[0].id()).is_some());
    // It is written down: a restart forgets nobody.
    bus.nodes[0].restart();
    assert!(bus.nodes[0].engine.trust().member(&id(70)).is_some());
}

#[test]
fn who_may_not_join_gets_no_certificate_and_uses_no_ticket_up() {
    let mut bus = Bus::new(1);
    let refused = join(&mut bus, 71, |request| request.demo = true);
    assert_eq!(refused, Err(CloseReason::OtherNetwork));
    let refused = join(&mut bus, 72, |request| request.network[0] ^= 1);
    assert_eq!(refused, Err(CloseReason::OtherNetwork));
    let refused = join(&mut bus, 73, |request| request.secret[0] ^= 1);
    assert_eq!(refused, Err(CloseReason::TicketUnknown));
    let turns: [fn(&mut JoinRequest); 2] = [
        |request| request.name.push('\u{202e}'),
        |request| request.site.push('\u{202e}'),
    ];
    for turn in turns {
        let refused = join(&mut bus, 73, turn);
        assert!(matches!(refused, Err(CloseReason::Malformed(_))), "{refused:?}");
    }
    for key in [71, 72, 73] {
        assert!(bus.nodes[0].engine.trust().member(&id(key)).is_none());
    }
    // Who was cut off does not come back by a ticket.
    join(&mut bus, 74, |_| ()).unwrap();
    bus.cut();
    let now = bus.now_ms;
    bus.nodes[0]
        .engine
        .revoke(now_at(now), id(74), "stolen".into())
        .unwrap();
    bus.nodes[0].closes.clear();
    assert_eq!(join(&mut bus, 74, |_| ()), Err(CloseReason::Revoked));

    let fickle = Fickle::of(&bus.nodes[0].store);
    let (replica, store): (SharedReplica, _) = (fickle.clone(), bus.nodes[0].store.clone());
    bus.nodes[0] = Node::over(store, replica, Options::default());
    fickle.documents_fail.store(true, Ordering::SeqCst);
    let refused = join(&mut bus, 75, |_| ());
    assert!(matches!(refused, Err(CloseReason::Store(_))), "{refused:?}");
    assert!(bus.nodes[0].engine.trust().member(&id(75)).is_none());
}

#[test]
fn a_ticket_is_over_by_the_date_however_short_the_node_has_run() {
    const FOR_MS: i64 = 60_000;
    for (ahead_ms, is_over) in [
        (0, false),
        (FOR_MS - 1_000, false),
        (FOR_MS, true),
        (-FOR_MS * 9_999, false),
    ] {
        let mut bus = Bus::new(1);
        bus.nodes[0].ahead_ms = ahead_ms;
        let joined = join(&mut bus, 76, |_| ());
        let by_it = bus.now_ms.saturating_add_signed(ahead_ms);
        assert_eq!(
            joined.err(),
            is_over.then_some(CloseReason::TicketExpired),
            "{ahead_ms}"
        );
        let engine = &bus.nodes[0].engine;
        let grant = engine.trust().authority().grant(&id(76));
        let until = grant.map(|grant| grant.expires_ms.unwrap());
        assert_eq!(until, (!is_over).then_some(by_it + trust::GRANT_MS));
        if !is_over {
            assert_eq!(engine.core.peers.state(&id(76)).unwrap().last_seen_ms, by_it);
        }
    }
}

#[test]
fn only_an_issuer_invites() {
    let bus = Bus::new(2);
    let invited = setup::invite(&bus.nodes[1].store, NodeRole::Clinic, 60_000, Vec::new());
    assert_eq!(invited.err(), Some(TrustError::NotEntitled));
}

/// The news of its end has come while somebody stands at the door with a ticket, and nobody has shown it out yet:
/// the door looks for itself.
#[test]
fn who_was_cut_off_while_it_waited_at_the_door_is_not_told_the_secret() {
    let mut bus = Bus::new(1);
    let ticket = setup::invite(&bus.nodes[0].store, NodeRole::Mobile, 60_000, Vec::new()).unwrap();
    let now = bus.now_ms;
    let member = Statement::Member(Member {
        node: id(80),
        name: "Team 2".into(),
        role: NodeRole::Mobile,
        site: "PUN".into(),
    });
    bus.nodes[0].engine.issue(now_at(now), member).unwrap();
    let open = Event::Opened {
        session: 600,
        peer: id(80),
        outbound: false,
        address: String::new(),
        request: None,
    };
    bus.give(0, open);
    assert!(bus.nodes[0].closes.is_empty());
    let core = &mut bus.nodes[0].engine.core;
    let end = Statement::Revocation(chaski_crdt::authority::Revocation {
        node: id(80),
        vouched: BTreeMap::new(),
        reason: "stolen".into(),
    });
    let replica = core.replica.clone();
    Arc::make_mut(&mut core.trust)
        .issue(replica.as_ref(), &core.key, end)
        .unwrap();
    assert!(core.trust.is_revoked(&id(80)));
    let request = JoinRequest {
        network: ticket.network,
        secret: ticket.secret,
        demo: false,
        name: "Team 2".into(),
        site: "PUN".into(),
    };
    let message = Event::Message {
        session: 600,
        priority: Priority::Control,
        bytes: wire::encode(1, &Message::Join(request)),
    };
    let effects = bus.nodes[0].engine.handle_inline(now_at(now), message);
    let is_told = effects.iter().any(|effect| matches!(effect, Effect::Send { .. }));
    assert!(!is_told, "a revoked node is told the network's secret");
    let ended = effects.iter().find_map(|effect| match effect {
        Effect::Close { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(ended, Some(CloseReason::Revoked));
    // It has used nothing up.
    assert!(join(&mut bus, 81, |request| request.secret = ticket.secret).is_ok());
}
