//! What a parcel says of a gap, after meetings in which both sides had written.

use super::parcel_files::{read, write};
use super::*;
use crate::engine::Peers;

/// Two that met, edited one record apart, and met again until whoever asked had its answer and left, so many
/// messages later. `None` where all had been said before.
fn met(edits: [bool; 2], asks: usize, later: u64) -> Option<Bus> {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[0].store, "a", "Quispe");
    bus.connect(1, 0, None);
    bus.run();
    bus.cut();
    for (node, _) in edits.iter().enumerate().filter(|(_, edits)| **edits) {
        patient(&bus.nodes[node].store, "a", &format!("by {node}"));
    }
    bus.now_ms += 10_000;
    bus.connect(asks, 1 - asks, Some(1));
    let mut left = later;
    for count in 1.. {
        let before = bus.delivered;
        bus.deliver_max = Some(before + 1);
        bus.run();
        if bus.delivered == before {
            return (left == 0).then_some(bus);
        }
        assert!(count < 1_000);
        match bus.nodes[asks].reports.first() {
            Some(report) if left == 0 => {
                assert!(report.as_ref().unwrap().in_sync);
                break;
            }
            Some(_) => left -= 1,
            None => {}
        }
    }
    bus.deliver_max = None;
    bus.cut();
    Some(bus)
}

#[test]
fn no_gap_is_told_where_both_had_edited_and_met() {
    for edits in [[true, true], [true, false], [false, true]] {
        for asks in [0, 1] {
            for left_after in 0..20 {
                for writes in [None, Some(0), Some(1)] {
                    for from in [0, 1] {
                        let what = format!("{edits:?} {asks} {left_after} {writes:?} {from}");
                        let Some(mut bus) = met(edits, asks, left_after) else {
                            continue;
                        };
                        bus.assert_equal();
                        if let Some(node) = writes {
                            patient(&bus.nodes[node].store, "b", "Mamani");
                        }
                        let bytes = write(&bus, from, &[1 - from], false);
                        let report = read(&mut bus, 1 - from, &bytes);
                        assert!(!report.gap, "{what}: {report:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn how_far_a_peer_has_come_is_kept_apart_from_what_both_held() {
    let hub = &Bus::new(1).nodes[0];
    let peer = NodeId([7; 32]);
    let state = || {
        let peers = Peers::load(&hub.store, hub.store.log_epoch()).unwrap();
        let state = peers.state(&peer).unwrap();
        (state.equal_position, state.heard_position)
    };
    let mut peers = Peers::load(&hub.store, hub.store.log_epoch()).unwrap();
    for (equal, heard, kept) in [(9, 4, 4), (9, 9, 9), (9, 12, 9), (15, 0, 0)] {
        peers.in_sync(&peer, true, equal, heard, 1);
        peers.save(&hub.store, 0, true).unwrap();
        assert_eq!(state(), (equal, kept));
    }
    // What is no longer equal has been heard all the same.
    peers.in_sync(&peer, false, 20, 0, 2);
    peers.save(&hub.store, 0, true).unwrap();
    assert_eq!(state(), (15, 0));
    // Of another log nothing is known.
    let other = Peers::load(&hub.store, hub.store.log_epoch() ^ 1).unwrap();
    let state = other.state(&peer).unwrap();
    assert_eq!((state.equal_position, state.heard_position), (0, 0));
}

#[test]
fn what_the_version_before_kept_of_peers_is_read() {
    let hub = &Bus::new(1).nodes[0];
    let peer = NodeId([7; 32]);
    let state = crate::engine::PeerState {
        addresses: vec!["192.0.2.1:8031".to_owned()],
        equal_position: 9,
        in_sync: true,
        ..Default::default()
    };
    let epoch = hub.store.log_epoch();
    let head = [&[1], epoch.to_be_bytes().as_slice()].concat();
    let bytes = postcard::to_extend(&vec![(peer, state.clone())], head).unwrap();
    hub.store.blob_put("net/peers-known", &bytes).unwrap();
    let mut peers = Peers::load(&hub.store, epoch).unwrap();
    let read = peers.state(&peer).unwrap().clone();
    assert_eq!(
        read,
        crate::engine::PeerState {
            heard_position: 9,
            ..state
        }
    );
    // And kept from then on as it is kept now.
    peers.in_sync(&peer, true, 12, 10, 1);
    peers.save(&hub.store, 0, true).unwrap();
    let peers = Peers::load(&hub.store, epoch).unwrap();
    let read = peers.state(&peer).unwrap();
    assert_eq!((read.heard_position, read.addresses.len()), (10, 1));
}
