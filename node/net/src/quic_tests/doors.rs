//! Who answers is who was meant, and who has said nothing that counts is let in to nothing.

use super::*;
use crate::wire::{self, Message};

/// A node that is a member of the hub's network, dialling nobody of its own accord.
async fn member(hub: &Net, store: &Store, name: &str) -> Net {
    let text = setup::ticket_text(&hub.invite(invite()).await.unwrap()).unwrap();
    setup::join(store, &text, &newcomer(name), &config())
        .await
        .unwrap();
    let quiet = NetConfig {
        daemon: false,
        ..config()
    };
    Net::start(store.clone(), quiet).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_node_at_a_peers_address_gets_nothing_of_what_was_meant_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = hub(&dir);
    let known = forward::Forward::open().await;
    let reached = NetConfig {
        advertise: vec![known.address],
        daemon: false,
        ..config()
    };
    let net = Net::start(first.clone(), reached).await.unwrap();
    known.lead_to(net.local_addr());
    let (second, third) = (store(&dir, "second"), store(&dir, "third"));
    let clinic = member(&net, &second, "second").await;
    let other = member(&net, &third, "third").await;
    put(&second, 5, "a");
    let hub_node = net.node();
    net.shutdown().await;
    // At the hub's address answers a node of this network, or one of another.
    let stranger_store = store(&dir, "stranger");
    let founding = Founding {
        name: "hub".into(),
        site: "H".into(),
        role: NodeRole::Hub,
        demo: false,
    };
    setup::found(&stranger_store, &founding).unwrap();
    let stranger = Net::start(stranger_store.clone(), config()).await.unwrap();
    for (who, at) in [
        ("a member", other.local_addr()),
        ("a stranger", stranger.local_addr()),
    ] {
        known.lead_to(at);
        for target in [Target::Peer(hub_node), Target::Name("hub".into())] {
            let refused = clinic.sync(target).await.unwrap_err().to_string();
            assert_eq!(
                refused,
                format!("another node answers at {}", known.address),
                "{who}"
            );
        }
        for store in [&third, &stranger_store] {
            let filter = chaski_store::ScopeFilter::all();
            assert_eq!(
                store.fingerprint(&filter).unwrap().0.count,
                0,
                "{who} was given records"
            );
        }
        let listed = clinic.peers().await.unwrap();
        assert!(
            listed.iter().all(|peer| !peer.connected && !peer.in_sync),
            "{listed:?}"
        );
    }
    for net in [clinic, other, stranger] {
        net.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_message_does_not_get_it_what_a_member_has() {
    let dir = tempfile::tempdir().unwrap();
    let first = hub(&dir);
    let net = Net::start(first.clone(), config()).await.unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(&[66; 32]);
    let certificate = crate::tls::NodeCertificate::new(&key).unwrap();
    let transport = crate::endpoint::transport(&config());
    let client = crate::endpoint::client_config(&certificate, None, &transport).unwrap();
    // Whatever may come before a hello is kept for after it, and opens nothing.
    let messages = [
        Message::Ack(wire::Ack::default()),
        Message::Ask(1),
        Message::Want(wire::Want {
            id: 1,
            keys: Vec::new(),
        }),
    ];
    for message in messages {
        let endpoint = quinn::Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let dialled = endpoint.connect_with(client.clone(), net.local_addr(), "chaski");
        let stranger = dialled.unwrap().await.unwrap();
        let (mut send, _receive) = stranger.open_bi().await.unwrap();
        let bytes = wire::encode(1, &message);
        let length = u32::try_from(bytes.len()).unwrap();
        send.write_all(&length.to_le_bytes()).await.unwrap();
        send.write_all(&bytes).await.unwrap();
        let uni = tokio::time::timeout(Duration::from_millis(700), stranger.open_uni()).await;
        assert!(!matches!(uni, Ok(Ok(_))), "a stranger opened a stream of data");
        let more = tokio::time::timeout(Duration::from_millis(100), stranger.open_bi()).await;
        assert!(!matches!(more, Ok(Ok(_))), "a stranger opened a second stream");
        // Nor may its frames be larger by now.
        let length = u32::try_from(crate::limits::HELLO_FRAME_BYTES_MAX + 1).unwrap();
        send.write_all(&length.to_le_bytes()).await.unwrap();
        let closed = tokio::time::timeout(Duration::from_secs(10), stranger.closed()).await;
        let Ok(quinn::ConnectionError::ApplicationClosed(close)) = closed else {
            panic!("{message:?}: {closed:?}");
        };
        let reason = String::from_utf8_lossy(&close.reason).into_owned();
        assert!(reason.contains("unreadable"), "{message:?}: {reason}");
    }
    net.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_cut_off_after_the_ticket_was_used_is_repeated_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = hub(&dir);
    let elsewhere: SocketAddr = "192.0.2.9:8031".parse().unwrap();
    let advertising = NetConfig {
        advertise: vec![elsewhere],
        ..config()
    };
    let net = Net::start(first.clone(), advertising).await.unwrap();
    let here = net.local_addr().to_string();
    let ticket = net.invite(Invite {
        addresses: vec![here.clone()],
        ..invite()
    });
    let text = setup::ticket_text(&ticket.await.unwrap()).unwrap();
    let second = store(&dir, "second");
    let node = setup::join(&second, &text, &newcomer("second"), &config())
        .await
        .unwrap();
    // What was on the disk when the power went: the key, and not yet the answer.
    let cut_off = store(&dir, "cut-off");
    let key = second.blob("trust/join-key").unwrap().expect("no key was kept");
    cut_off.blob_put("trust/join-key", &key).unwrap();
    let again = setup::join(&cut_off, &text, &newcomer("second"), &config()).await;
    assert_eq!(again.unwrap(), node);
    // Where it is, as it was reached, comes before what it says of itself.
    for store in [&second, &cut_off] {
        let known = setup::peers(store).unwrap().remove(0);
        assert_eq!(known.node, net.node());
        assert_eq!(known.addresses, [here.clone(), elsewhere.to_string()]);
        let membership = setup::membership(store).unwrap().unwrap();
        assert!(!membership.issuer && !membership.demo && !membership.root_to_export);
        assert_eq!((membership.node, membership.site.as_str()), (node, "N"));
    }
    net.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_waits_for_its_turn_and_says_so_while_strangers_stand_at_the_door() {
    let dir = tempfile::tempdir().unwrap();
    let first = hub(&dir);
    let net = Net::start(first.clone(), config()).await.unwrap();
    let second = store(&dir, "second");
    let clinic = member(&net, &second, "second").await;
    put(&second, 5, "a");
    // As many as may stand there, who say nothing.
    let transport = crate::endpoint::transport(&config());
    let flood = quinn::Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let mut standing = Vec::new();
    // Four of one key may be there.
    for number in 0..crate::limits::DOOR_ADDRESS_MAX / 4 {
        let seed = [100 + u8::try_from(number).unwrap(); 32];
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        let certificate = crate::tls::NodeCertificate::new(&key).unwrap();
        let client = crate::endpoint::client_config(&certificate, None, &transport).unwrap();
        for _ in 0..4 {
            let dialled = flood.connect_with(client.clone(), net.local_addr(), "chaski");
            standing.push(dialled.unwrap().await.unwrap());
        }
    }
    let turns = std::sync::Mutex::new(Vec::new());
    let (told, mut is_told) = tokio::sync::mpsc::unbounded_channel();
    let tell = |turn: Option<crate::Turn>| {
        turns.lock().unwrap().push(turn);
        let _ = told.send(());
    };
    let leaving = async {
        is_told.recv().await.unwrap();
        standing
            .drain(..)
            .for_each(|stranger| stranger.close(quinn::VarInt::from_u32(0), b""));
    };
    let (report, ()) = tokio::join!(clinic.sync_telling(Target::Peer(net.node()), &tell), leaving);
    let report = report.unwrap();
    assert!(report.in_sync && report.waited_seconds >= 1.0, "{report:?}");
    let turns = turns.into_inner().unwrap();
    assert!(
        matches!(turns[..2], [Some(crate::Turn { seconds: 1..=2 }), None]),
        "{turns:?}"
    );
    assert!(equal_within(&first, &second, 5).await);
    for net in [clinic, net] {
        net.shutdown().await;
    }
}
