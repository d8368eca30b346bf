//! What stands in a directory once its network was founded.

use std::sync::Arc;

use chaski_crdt::authority::{IssuerRevocation, Limits, SignedStatement};
use chaski_store::{MemoryKv, OpenOptions, SystemEnv};

use super::*;
use crate::issuers::{IssuerChange, IssuerError};
use crate::trust::FullRoom;

fn store() -> Store {
    let options = OpenOptions {
        disk_floor_bytes: 0,
        disk_floor_percent: 0,
        background: false,
        argon2_memory_kib: 64,
        ..OpenOptions::default()
    };
    Store::create_on(Arc::new(MemoryKv::new()), &[7; 32], Arc::new(SystemEnv), options).unwrap()
}

fn founding(demo: bool) -> Founding {
    Founding {
        name: "hub".into(),
        site: "H".into(),
        role: NodeRole::Hub,
        demo,
    }
}

#[test]
fn a_network_is_founded_once_and_its_first_node_may_invite() {
    for demo in [false, true] {
        let store = store();
        assert_eq!(membership(&store), Ok(None));
        assert_eq!(revoke(&store, NodeId([1; 32]), "x"), Err(TrustError::None));
        let node = found(&store, &founding(demo)).unwrap();
        let who = membership(&store).unwrap().unwrap();
        assert_eq!((who.node, who.demo, who.issuer), (node, demo, true));
        assert_eq!(
            (who.name.as_str(), who.site.as_str(), who.role.as_str()),
            ("hub", "H", "hub")
        );
        assert_eq!(found(&store, &founding(demo)), Err(TrustError::Member));
        let trust = Trust::load(&store, who.network).unwrap();
        assert!(!trust.is_grant_over(&node, store.env().now_ms() + GRANT_MS - 60_000));
        assert!(trust.is_grant_over(&node, store.env().now_ms() + GRANT_MS + 60_000));
        // The root's key is here until somebody has taken it away, and people are told so.
        let root = SigningKey::from_bytes(&root_key(&store).unwrap().unwrap());
        assert_eq!(NodeId::of(&root), trust.root());
        assert_eq!(who.network, NetworkId::of_root(&trust.root()));
        assert!(who.root_to_export);
        root_mark_exported(&store).unwrap();
        assert!(!membership(&store).unwrap().unwrap().root_to_export);
        assert_eq!(member(&store, &node).unwrap().unwrap().name, "hub");
        assert_eq!(member(&store, &NodeId([9; 32])).unwrap(), None);
        assert_eq!(peers(&store).unwrap(), []);
    }
}

#[test]
fn each_network_has_keys_and_secrets_of_its_own() {
    let two = [store(), store()];
    for store in &two {
        found(store, &founding(false)).unwrap();
    }
    let [one, other] = two.map(|store| {
        let replica = StoreReplica::new(store.clone()).unwrap();
        (replica.identity(), root_key(&store).unwrap().unwrap())
    });
    assert_ne!(one.0.signing_seed, other.0.signing_seed);
    assert_ne!(one.0.fingerprint_key, other.0.fingerprint_key);
    assert_ne!(one.0.network, other.0.network);
    let keys = [one.0.signing_seed, one.0.fingerprint_key, one.1];
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
}

#[test]
fn a_ticket_is_read_however_it_was_typed() {
    let store = store();
    found(&store, &founding(false)).unwrap();
    let ticket = invite(&store, NodeRole::Clinic, 60_000, vec!["10.0.0.1:1".into()]).unwrap();
    let text = ticket_text(&ticket).unwrap();
    let bare = text.strip_prefix("chaski1-").unwrap();
    for typed in [&text, bare, &text.to_uppercase(), &format!(" {text} ")] {
        assert_eq!(ticket_parse(typed), Ok(ticket.clone()), "{typed}");
    }
    let two = invite(&store, NodeRole::Clinic, 60_000, Vec::new()).unwrap();
    assert_ne!(two.secret, ticket.secret);
    let now_s = store.env().now_ms() / 1_000;
    assert!(ticket.expires_s >= now_s + 55 && ticket.expires_s <= now_s + 61);
    // What does not fit into a ticket is not given out.
    let long = invite(&store, NodeRole::Clinic, 60_000, vec!["a".repeat(99)]);
    assert_eq!(long.err(), Some(TrustError::Ticket));
}

fn newcomer() -> Newcomer {
    Newcomer {
        name: "clinic".into(),
        site: "C".into(),
        demo: false,
    }
}

#[tokio::test]
async fn a_join_that_nobody_answered_is_tried_again_with_the_same_key() {
    let hub = store();
    found(&hub, &founding(false)).unwrap();
    // Of a ticket without an address nobody is asked.
    let ticket = invite(&hub, NodeRole::Clinic, 60_000, Vec::new()).unwrap();
    let text = ticket_text(&ticket).unwrap();
    let new = store();
    let mut kept = Vec::new();
    for _ in 0..3 {
        let refused = join(&new, &text, &newcomer(), &NetConfig::default()).await;
        assert!(matches!(refused, Err(JoinError::Unreachable(_))), "{refused:?}");
        assert!(new.identity().is_none(), "a member of what it has not joined");
        kept.push(new.document(JOIN_DOCUMENT).unwrap().expect("no key was kept"));
    }
    assert!(kept[0].len() == 32 && kept[0] == kept[1] && kept[1] == kept[2]);
    // Another newcomer has a key of its own.
    let other = store();
    let _ = join(&other, &text, &newcomer(), &NetConfig::default()).await;
    let of_other = other.document(JOIN_DOCUMENT).unwrap();
    assert!(of_other.is_some_and(|key| key != kept[0]));
    // One that was damaged is not begun anew: the ticket may be used by it.
    other.document_save(JOIN_DOCUMENT, &[7; 31]).unwrap();
    let refused = join(&other, &text, &newcomer(), &NetConfig::default()).await;
    assert!(matches!(refused, Err(JoinError::Store(_))), "{refused:?}");
}

#[tokio::test]
async fn who_cannot_join_is_told_before_anybody_is_asked() {
    let hub = store();
    found(&hub, &founding(false)).unwrap();
    let ticket = invite(&hub, NodeRole::Clinic, 60_000, vec!["127.0.0.1:9".into()]).unwrap();
    let text = ticket_text(&ticket).unwrap();
    let refused = join(&hub, &text, &newcomer(), &NetConfig::default()).await;
    assert!(matches!(refused, Err(JoinError::Member)), "{refused:?}");
    let new = store();
    let refused = join(&new, "chaski1-no-ticket", &newcomer(), &NetConfig::default()).await;
    assert!(matches!(refused, Err(JoinError::Ticket(_))), "{refused:?}");
    for (name, site) in [(129, 1), (1, 129)] {
        let long = Newcomer {
            name: "n".repeat(name),
            site: "s".repeat(site),
            demo: false,
        };
        let refused = join(&new, &text, &long, &NetConfig::default()).await;
        assert!(matches!(refused, Err(JoinError::Refused(_))), "{refused:?}");
    }
    assert!(new.identity().is_none());
}

#[test]
fn who_belongs_to_no_network_has_nothing_to_say_in_one() {
    let new = store();
    assert_eq!(member(&new, &NodeId([1; 32])), Err(TrustError::None));
    assert_eq!(peers(&new), Err(TrustError::None));
    let invited = invite(&new, NodeRole::Clinic, 60_000, Vec::new());
    assert_eq!(invited.err(), Some(TrustError::None));
    assert_eq!(root_key(&new), Ok(None));
}

#[test]
fn a_ticket_names_its_network_its_issuer_and_its_end() {
    let store = store();
    let node = found(&store, &founding(false)).unwrap();
    let network = store.identity().unwrap().network;
    let trust = Trust::load(&store, network).unwrap();
    let make = |node: &NodeId, ttl_ms| {
        let addresses = vec!["10.0.0.1:1".to_owned()];
        ticket_make(
            &store,
            &trust,
            node,
            [7; 32],
            NodeRole::Mobile,
            ttl_ms,
            addresses,
            5_000_999,
        )
    };
    let ticket = make(&node, 2_000).unwrap();
    let expected = Ticket {
        secret: [7; 16],
        issuer: Ticket::fingerprint_of(&node),
        network: Ticket::network_of(&network),
        expires_s: 5_002,
        role: NodeRole::Mobile,
        addresses: vec!["10.0.0.1:1".into()],
    };
    assert_eq!(ticket, expected);
    assert_eq!(make(&NodeId([1; 32]), 2_000), Err(TrustError::NotEntitled));
    // It is known here by then.
    let used = trust::ticket_use(&store, &[7; 16], &NodeId([1; 32]), 5_001_999).unwrap();
    assert_eq!(used, (trust::TicketUse::Accepted, NodeRole::Mobile));
}

#[test]
fn who_belongs_is_verified_once_and_anew_when_somebody_says_more() {
    let store = store();
    let hub = found(&store, &founding(false)).unwrap();
    let network = store.identity().unwrap().network;
    let trust = || Trust::of(&store, network).unwrap();
    let first = trust();
    assert!(
        Arc::ptr_eq(&first, &trust()),
        "no row of a page verifies it again"
    );
    assert_eq!(first.digest(), Trust::load(&store, network).unwrap().digest());
    assert_eq!(
        Trust::of(&store, NetworkId([1; 32])).err(),
        Some(TrustError::OtherNetwork)
    );
    // Each certificate, and each end of one, is known to the next reader.
    let identity = StoreReplica::new(store.clone()).unwrap().identity();
    let signer = SigningKey::from_bytes(&identity.signing_seed);
    let mut engine = Trust::load(&store, network).unwrap();
    for number in 1..=3_u8 {
        let node = NodeId::of(&SigningKey::from_bytes(&[number; 32]));
        assert_eq!(member(&store, &node).unwrap(), None);
        let certified = Statement::Member(Member {
            node,
            name: format!("team {number}"),
            site: "H".into(),
            role: NodeRole::Mobile,
        });
        engine.issue(&store, &signer, certified).unwrap();
        assert_eq!(
            member(&store, &node).unwrap().unwrap().name,
            format!("team {number}")
        );
        assert_eq!(peers(&store).unwrap().len(), usize::from(number));
        assert!(Arc::ptr_eq(&trust(), &trust()));
    }
    let gone = NodeId::of(&SigningKey::from_bytes(&[2; 32]));
    revoke(&store, gone, "lost").unwrap();
    assert!(trust().is_revoked(&gone) && !trust().is_revoked(&hub));
    assert!(
        peers(&store)
            .unwrap()
            .iter()
            .any(|peer| peer.node == gone && peer.revoked)
    );
}

/// Statements of one signer, from a serial on, until they fill their room.
fn crowd(trust: &Trust, signer: &SigningKey, count: u64, say: impl Fn(u64) -> Statement) -> Vec<Vec<u8>> {
    let network = trust.authority().network();
    (0..count)
        .map(|number| {
            SignedStatement::sign(&network, signer, 100 + number, say(number))
                .unwrap()
                .to_bytes()
        })
        .collect()
}

#[test]
fn who_has_said_as_much_as_one_may_is_told_what_to_do_and_nothing_is_changed() {
    let store = store();
    found(&store, &founding(false)).unwrap();
    let network = membership(&store).unwrap().unwrap().network;
    let key = store.signing_key().unwrap();
    let root = SigningKey::from_bytes(&root_key(&store).unwrap().unwrap());
    let mut trust = Trust::load(&store, network).unwrap();
    let node = |number: u8| NodeId([number; 32]);
    for number in [1, 2, 3] {
        let member = Member {
            node: node(number),
            name: format!("clinic {number}"),
            role: NodeRole::Clinic,
            site: String::new(),
        };
        trust.issue(&store, &key, Statement::Member(member)).unwrap();
    }
    for number in [1, 2] {
        let made = IssuerChange::Add(node(number), Limits::default());
        trust = trust.issuer_change(&root, &made).unwrap().unwrap();
    }
    // Large ones first, then as many as the rest may hold of the smallest there are.
    let revoke_of = |entries: u64, number: u64| {
        Statement::Revocation(Revocation {
            node: node(3),
            vouched: (0..entries).map(|life| (u64::MAX - life, number)).collect(),
            reason: String::new(),
        })
    };
    let large = crowd(&trust, &key, 110, |number| revoke_of(2_000, number));
    let small = crowd(&trust, &key, 600, |number| revoke_of(0, number));
    trust.add(&store, &[large, small].concat()).unwrap();
    let held = trust.len();
    let refused = revoke(&store, node(2), "lost").unwrap_err();
    assert_eq!(refused, TrustError::Full(FullRoom::IssuerRevocations));
    let told = refused.to_string();
    for text in [
        "nothing was changed",
        "another issuer's node",
        "`chaski issuer add NODE --root FILE`",
    ] {
        assert!(told.contains(text), "{told}");
    }
    // The root's, of which an issuer's take nothing.
    let cut = |number: u64| {
        Statement::IssuerRevocation(IssuerRevocation {
            node: node(1),
            last_serial: number,
        })
    };
    let ended = crowd(&trust, &root, 18_000, cut);
    trust.add(&store, &ended).unwrap();
    assert!(trust.len() > held);
    let refused = trust
        .issuer_change(&root, &IssuerChange::End(node(2)))
        .unwrap_err();
    assert_eq!(
        refused,
        IssuerError::Trust(TrustError::Full(FullRoom::RootRevocations))
    );
    let told = refused.to_string();
    for text in ["nothing was changed", "`chaski peer revoke NODE`"] {
        assert!(told.contains(text), "{told}");
    }
}
