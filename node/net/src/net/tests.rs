//! What the rest of a node gets from its network side: whom a target means, how failures are told.

use super::*;
use crate::config::LinkProfile;
use crate::engine::test_store;

fn quiet() -> NetConfig {
    NetConfig {
        quic: SocketAddr::from(([127, 0, 0, 1], 0)),
        daemon: false,
        ..NetConfig::default()
    }
}

#[test]
fn the_engine_is_told_what_was_configured() {
    for (listen, daemon) in [(true, true), (true, false), (false, true), (false, false)] {
        let config = NetConfig {
            listen,
            daemon,
            profile: LinkProfile::TwoG,
            peers: vec!["192.0.2.1:5".parse().unwrap()],
            stall_ms: 77,
            neighbours_ms: 88,
            ..NetConfig::default()
        };
        let here = "10.0.0.2:1".parse().unwrap();
        let told = options(&config, &["10.0.0.1:1".to_owned()], here);
        let reached: &[SocketAddr] = if listen && daemon { &[here] } else { &[] };
        assert_eq!((told.reached.as_slice(), told.neighbours_ms), (reached, 88));
        assert_eq!((told.daemon, told.listening), (daemon, listen && daemon));
        assert_eq!((told.batch_bytes, told.stall_ms), (8 << 10, 77));
        assert_eq!(told.advertise, ["10.0.0.1:1"]);
        assert_eq!(told.dial, ["192.0.2.1:5"]);
    }
}

#[test]
fn others_are_told_what_is_configured_and_never_an_address_of_this_machine_alone() {
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let config = |advertise: &[&str]| NetConfig {
        advertise: advertise.iter().map(|text| at(text)).collect(),
        ..NetConfig::default()
    };
    let configured = endpoint::reached(&config(&["203.0.113.7:8031"]), at("0.0.0.0:8031"));
    assert_eq!(configured, [at("203.0.113.7:8031")]);
    // Who listens on loopback alone is met by its like.
    assert_eq!(
        endpoint::reached(&config(&[]), at("127.0.0.1:5")),
        [at("127.0.0.1:5")]
    );
    let everywhere = endpoint::reached(&config(&[]), at("0.0.0.0:5"));
    assert!(
        everywhere.iter().all(|address| !address.ip().is_loopback()),
        "{everywhere:?}"
    );
}

/// A hub's network side with members that it knows more or less of.
async fn hub(peers: &[SocketAddr]) -> (Net, Store, Vec<NodeId>) {
    use chaski_crdt::authority::Member;
    let (store, _) = test_store();
    let config = NetConfig {
        peers: peers.to_vec(),
        ..quiet()
    };
    let net = Net::start(store.clone(), config).await.unwrap();
    let nodes: Vec<NodeId> = (1..=4)
        .map(|number| NodeId::of(&ed25519_dalek::SigningKey::from_bytes(&[number; 32])))
        .collect();
    let members = nodes.clone();
    let issued = net.work(move |engine, now| {
        for (number, node) in members.iter().enumerate() {
            let member = Statement::Member(Member {
                node: *node,
                name: format!("clinic {number}"),
                role: NodeRole::Clinic,
                site: String::new(),
            });
            engine.issue(now, member).unwrap();
        }
        // The first was reached long ago, the second lately, the third never, and the last was cut off.
        engine.address_learned(&members[0], "127.0.0.1:1");
        engine.address_learned(&members[1], "127.0.0.1:2");
        engine.address_learned(&members[3], "127.0.0.1:4");
        engine.seen_at(&members[0], 100);
        engine.seen_at(&members[1], 900);
        engine.revoke(now, members[3], "lost".into()).unwrap();
        ((), Vec::new())
    });
    issued.await.unwrap();
    (net, store, nodes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_means_whom_a_person_meant() {
    let given: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let (net, store, nodes) = hub(&[given]).await;
    let peer = |at: usize| (Some(nodes[at]), None);
    let place = |text: &str| (None, Some(text.to_owned()));
    let key = nodes[1].to_string();
    let rows = [
        (Target::Address(given), vec![place("127.0.0.1:9")]),
        (Target::Peer(nodes[2]), vec![peer(2)]),
        (Target::Name("clinic 1".into()), vec![peer(1)]),
        (Target::Name(key[..8].to_owned()), vec![peer(1)]),
        (
            Target::Name("hub.example.org:8031".into()),
            vec![place("hub.example.org:8031")],
        ),
        // Whoever can be reached and was not cut off, the one met last first; then where to look.
        (Target::Any, vec![peer(1), peer(0), place("127.0.0.1:9")]),
    ];
    for (target, expected) in rows {
        let found = net.targets(target.clone()).await.unwrap();
        assert_eq!(found, expected, "{target:?}");
    }
    let unknown = net.targets(Target::Name("nobody".into())).await.unwrap_err();
    assert!(matches!(unknown, NetError::UnknownPeer(name) if name == "nobody"));
    net.shutdown().await;
    assert!(matches!(net.peers().await, Err(NetError::Stopped)));
    // What was known of them is kept for the next run.
    let kept = setup::peers(&store).unwrap();
    let first = kept.iter().find(|peer| peer.node == nodes[0]).unwrap();
    assert_eq!(
        (first.last_seen_ms, first.addresses.as_slice()),
        (100, ["127.0.0.1:1".to_owned()].as_slice())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_hears_of_what_changed_and_of_nothing_else() {
    let (net, _store, nodes) = hub(&[]).await;
    let mut changes = net.changes();
    for (records, is_news) in [(5, true), (5, false), (6, true)] {
        changes.borrow_and_update();
        let node = nodes[0];
        let work = net.work(move |engine, _| {
            engine.counted_at(&node, records);
            ((), Vec::new())
        });
        work.await.unwrap();
        // Answered before what follows of it: one more call, and it has.
        net.peers().await.unwrap();
        assert_eq!(changes.has_changed().unwrap(), is_news, "{records}");
    }
    net.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_be_reached_is_told_in_words_that_fit() {
    let (net, _store, nodes) = hub(&[]).await;
    // Nobody is known to be anywhere.
    let refused = net.sync(Target::Peer(nodes[2])).await.unwrap_err();
    assert!(
        matches!(&refused, NetError::Unreachable(name) if *name == nodes[2].short()),
        "{refused}"
    );
    net.set_link_enabled(nodes[2], false).await.unwrap();
    let refused = net.sync(Target::Peer(nodes[2])).await.unwrap_err();
    assert!(
        matches!(&refused, NetError::Disabled(name) if *name == nodes[2].short()),
        "{refused}"
    );
    let refused = net.sync(Target::Peer(nodes[3])).await.unwrap_err();
    assert!(
        matches!(refused, NetError::Closed(CloseReason::Revoked)),
        "{refused}"
    );
    net.shutdown().await;
    let (alone, _) = test_store();
    let alone = Net::start(alone, quiet()).await.unwrap();
    assert!(matches!(alone.sync(Target::Any).await, Err(NetError::NoPeers)));
    alone.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_holds_where_to_go_and_until_when() {
    let (net, store, _) = hub(&[]).await;
    let invite = |addresses: &[&str]| Invite {
        role: NodeRole::Mobile,
        ttl_ms: 60_000,
        addresses: addresses.iter().map(|text| (*text).to_owned()).collect(),
    };
    let ticket = net.invite(invite(&[])).await.unwrap();
    assert_eq!(ticket.addresses, net.advertised());
    assert_eq!(net.advertised(), [net.local_addr().to_string()]);
    assert_eq!(ticket.expires_s, (store.env().now_ms() + 60_000) / 1_000);
    assert_eq!(ticket.role, NodeRole::Mobile);
    let other = net.invite(invite(&["192.0.2.1:5"])).await.unwrap();
    assert_eq!(other.addresses, ["192.0.2.1:5"]);
    assert_ne!(ticket.secret, other.secret);
    // Both are known: each buys one certificate.
    for (secret, key) in [(ticket.secret, 50), (other.secret, 51)] {
        let node = NodeId::of(&ed25519_dalek::SigningKey::from_bytes(&[key; 32]));
        let used = crate::trust::ticket_use(&store, &secret, &node, store.env().now_ms()).unwrap();
        assert_eq!(used.0, crate::trust::TicketUse::Accepted);
    }
    net.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_member_is_revoked_and_only_by_an_issuer() {
    let (net, _store, nodes) = hub(&[]).await;
    let stranger = NodeId([9; 32]);
    let refused = net.revoke(stranger, "x").await.unwrap_err();
    assert!(matches!(refused, NetError::Authority(_)), "{refused}");
    let before = *net.changes().borrow();
    net.revoke(nodes[0], "lost").await.unwrap();
    let listed = net.peers().await.unwrap();
    let revoked: Vec<NodeId> = listed
        .iter()
        .filter(|peer| peer.revoked)
        .map(|peer| peer.node)
        .collect();
    let expected = std::collections::BTreeSet::from([nodes[0], nodes[3]]);
    assert_eq!(std::collections::BTreeSet::from_iter(revoked), expected);
    assert!(*net.changes().borrow() >= before);
    net.shutdown().await;
}
