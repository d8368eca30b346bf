//! Two that know each other by the word of their hub alone, once it is gone.

use super::*;
use crate::report::AddressFrom;

fn daemon() -> NetConfig {
    NetConfig {
        neighbours_ms: 400,
        ..config()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_of_a_dead_hub_meet_and_exchange() {
    let dir = tempfile::tempdir().unwrap();
    let first = hub(&dir);
    let net = Net::start(first.clone(), daemon()).await.unwrap();
    let mut clinics = Vec::new();
    for name in ["one", "two"] {
        let ticket = net.invite(invite()).await.unwrap();
        let text = setup::ticket_text(&ticket).unwrap();
        let clinic = store(&dir, name);
        setup::join(&clinic, &text, &newcomer(name), &daemon())
            .await
            .unwrap();
        clinics.push((Net::start(clinic.clone(), daemon()).await.unwrap(), clinic));
    }
    put(&first, 20, "before");
    for (_, clinic) in &clinics {
        assert!(equal_within(&first, clinic, 20).await);
    }
    let [(one, store_one), (two, store_two)] = clinics.try_into().unwrap_or_else(|_| panic!("two"));
    // One knows of the other, and leaves it alone while the hub lives.
    let until = Instant::now() + Duration::from_secs(20);
    let of_two = loop {
        let peers = one.peers().await.unwrap();
        let peer = peers.into_iter().find(|peer| peer.node == two.node());
        match peer.filter(|peer| !peer.known.is_empty()) {
            Some(peer) => break peer,
            None => assert!(Instant::now() < until, "nothing was handed on"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(of_two.known[0].address, two.local_addr().to_string());
    assert_eq!(of_two.known[0].from, AddressFrom::Through("hub".into()));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let is_met = |peers: Vec<PeerInfo>| peers.iter().any(|peer| peer.node == two.node() && peer.connected);
    assert!(!is_met(one.peers().await.unwrap()), "a mesh while the hub lives");

    net.shutdown().await;
    put(&store_one, 20, "after");
    assert!(equal_within(&store_one, &store_two, 30).await, "they never met");
    assert!(is_met(one.peers().await.unwrap()));
    for clinic in [one, two] {
        clinic.shutdown().await;
    }
    // It is known on the disk as well, and from where.
    let kept = setup::peers(&store_one).unwrap();
    let kept = kept.into_iter().find(|peer| peer.name == "two").unwrap();
    assert!(kept.addresses.is_empty() && kept.known.len() == 1, "{kept:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_hold_each_others_addresses_by_configuration_meet() {
    let dir = tempfile::tempdir().unwrap();
    let first = hub(&dir);
    let net = Net::start(first.clone(), daemon()).await.unwrap();
    let mut stores = Vec::new();
    for name in ["one", "two"] {
        let ticket = net.invite(invite()).await.unwrap();
        let text = setup::ticket_text(&ticket).unwrap();
        let clinic = store(&dir, name);
        setup::join(&clinic, &text, &newcomer(name), &daemon())
            .await
            .unwrap();
        stores.push(clinic);
    }
    // The hub is gone before either has begun; neither has heard of the other.
    net.shutdown().await;
    put(&stores[0], 5, "here");
    let one = Net::start(stores[0].clone(), daemon()).await.unwrap();
    let pointed = NetConfig {
        peers: vec![one.local_addr()],
        ..daemon()
    };
    let two = Net::start(stores[1].clone(), pointed).await.unwrap();
    assert!(equal_within(&stores[0], &stores[1], 30).await);
    let peers = two.peers().await.unwrap();
    let peer = peers.into_iter().find(|peer| peer.node == one.node()).unwrap();
    assert_eq!(peer.known[0].from, AddressFrom::Configured);
    for clinic in [one, two] {
        clinic.shutdown().await;
    }
}
