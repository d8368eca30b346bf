//! What is told of peers: their clocks, how far a first sync is, what was refused.

use super::*;
use crate::report::{FirstSync, PeerInfo};
use crate::wire::{self, Message};

const YEAR_MS: i64 = 365 * 86_400_000;

fn known(bus: &Bus, node: usize, peer: usize) -> PeerInfo {
    let id = bus.nodes[peer].id();
    let infos = bus.nodes[node].engine.peers();
    infos.into_iter().find(|info| info.node == id).unwrap()
}

#[test]
fn a_peer_whose_clock_is_off_is_told_by_how_much_on_both_ends() {
    for ahead_ms in [YEAR_MS, -YEAR_MS, -1_790_000_000_000] {
        let mut bus = Bus::new(2);
        patient(&bus.nodes[0].store, "p", "Quispe");
        assert_eq!(known(&bus, 0, 1).clock_skew_ms, None);
        bus.nodes[1].ahead_ms = ahead_ms;
        assert!(bus.sync(1, 0).unwrap().in_sync);
        assert_eq!(known(&bus, 0, 1).clock_skew_ms, Some(ahead_ms));
        assert_eq!(known(&bus, 1, 0).clock_skew_ms, Some(-ahead_ms));
        assert!(bus.nodes[0].notices.iter().any(|text| text.contains("clocks")));
        bus.cut();
        bus.nodes[0].engine.flush();
        let stored = setup::peers(&bus.nodes[0].store).unwrap();
        assert_eq!(stored[0].clock_skew_ms, Some(ahead_ms));

        // Set right, also where the clock went backwards.
        bus.nodes[1].ahead_ms = 0;
        assert!(bus.sync(1, 0).unwrap().in_sync);
        assert_eq!(known(&bus, 0, 1).clock_skew_ms, Some(0));
    }
}

#[test]
fn a_first_sync_is_told_until_it_is_done_and_never_again() {
    let mut bus = Bus::new(3);
    for i in 0..200 {
        observation(&bus.nodes[0].store, &format!("o{i}"), "p", i);
    }
    for i in 0..10 {
        patient(&bus.nodes[1].store, &format!("mine{i}"), "Quispe");
    }
    let small = Options {
        batch_bytes: 1_024,
        ..Options::default()
    };
    bus.nodes[0] = Node::of(bus.nodes[0].store.clone(), small);
    let never = known(&bus, 1, 0);
    assert_eq!((never.last_seen_ms, never.first_sync), (0, None));

    // Cut on the way: what is told counts what came, not what was here before.
    bus.deliver_max = Some(8);
    bus.connect(1, 0, None);
    bus.run();
    bus.cut();
    bus.deliver_max = None;
    let part = known(&bus, 1, 0).first_sync.unwrap();
    let came = bus.nodes[1].records() - 10;
    assert_eq!((part.received, part.total), (came, 200));
    assert!(came > 0 && came < 200, "{came}");
    let hub = bus.nodes[0].id();
    let stored = setup::peers(&bus.nodes[1].store).unwrap();
    let stored = stored.into_iter().find(|info| info.node == hub).unwrap();
    assert_eq!(stored.first_sync, Some(part));
    bus.nodes[1].restart();
    assert_eq!(known(&bus, 1, 0).first_sync, Some(part));

    assert!(bus.sync(1, 0).unwrap().in_sync);
    assert_eq!(known(&bus, 1, 0).first_sync, None);
    // A peer met later that holds more is news, not a first sync.
    for i in 0..400 {
        observation(&bus.nodes[2].store, &format!("late{i}"), "p", i);
    }
    bus.cut();
    bus.deliver_max = Some(bus.delivered + 8);
    bus.connect(2, 1, None);
    bus.run();
    assert!(known(&bus, 1, 2).records > bus.nodes[1].records());
    assert_eq!(known(&bus, 1, 2).first_sync, None);
}

#[test]
fn a_peer_that_holds_nothing_is_no_first_sync_and_does_not_end_one() {
    let mut bus = Bus::new(3);
    assert!(bus.sync(2, 1).unwrap().in_sync);
    assert_eq!(known(&bus, 1, 2).first_sync, None);
    for i in 0..100 {
        observation(&bus.nodes[0].store, &format!("o{i}"), "p", i);
    }
    bus.cut();
    bus.deliver_max = Some(bus.delivered + 2);
    bus.connect(1, 0, None);
    bus.run();
    let first = FirstSync {
        received: 0,
        total: 100,
    };
    assert_eq!(known(&bus, 1, 0).first_sync, Some(first));
}

#[test]
fn what_a_peer_sent_and_was_refused_is_counted_to_it_alone() {
    let mut bus = Bus::new(3);
    for i in 0..5 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    bus.tamper = Some(Box::new(|node, _, bytes| match wire::decode(&bytes) {
        Ok((hop, Message::Batch(mut batch))) if node == 0 => {
            let mut parts = crate::batch::decode(&batch.payload).unwrap();
            parts[0].1[0].signature[7] ^= 1;
            batch.payload = crate::batch::encode(&parts).unwrap();
            wire::encode(hop, &Message::Batch(batch))
        }
        _ => bytes,
    }));
    bus.connect(1, 0, None);
    bus.run();
    assert!(known(&bus, 1, 0).quarantined > 0);
    assert_eq!(known(&bus, 1, 2).quarantined, 0);
    bus.cut();
    bus.tamper = None;
    assert!(bus.sync(1, 0).unwrap().in_sync);
    assert_eq!(known(&bus, 1, 0).quarantined, 0);
}

#[test]
fn what_was_equal_before_a_rebuild_says_nothing_after_it() {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[0].store, "p", "Quispe");
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.nodes[1].engine.flush();
    let (store, hub) = (bus.nodes[1].store.clone(), bus.nodes[0].id());
    let state = |epoch: u64| {
        let peers = crate::engine::Peers::load(&store, epoch).unwrap();
        peers.state(&hub).cloned().unwrap()
    };
    let known = state(store.log_epoch());
    assert!(known.in_sync && known.equal_records > 0);
    // A rebuilt store counts its log from 0 again, under another epoch.
    let rebuilt = state(store.log_epoch() + 1);
    assert!(!rebuilt.in_sync && rebuilt.equal_records == 0);
    assert_eq!(rebuilt.addresses, known.addresses);
}

#[test]
fn addresses_of_the_first_version_are_taken_over() {
    let (store, _) = store(9);
    let peer = NodeId([3; 32]);
    let old = vec![(
        peer,
        (
            vec!["10.0.0.1:7".to_owned()],
            5_u64,
            6_u64,
            7_u64,
            true,
            8_u64,
            9_u64,
            None::<String>,
        ),
    )];
    store
        .blob_put("net/peers", &postcard::to_stdvec(&old).unwrap())
        .unwrap();
    let peers = crate::engine::Peers::load(&store, store.log_epoch()).unwrap();
    let state = peers.state(&peer).unwrap();
    assert_eq!(state.addresses, ["10.0.0.1:7"]);
    assert!(!state.in_sync);
}
