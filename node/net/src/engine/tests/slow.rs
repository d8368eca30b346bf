//! Large changes and slow links.

use super::*;
use crate::limits::STALL_MS_MAX;

/// Base64 of which nothing can be compressed away but its alphabet.
pub(super) fn noise(seed: u64, bytes: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut raw = vec![0; bytes / 4 * 4];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut raw);
    raw.iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 64)]))
        .collect()
}

pub(super) fn scan(store: &Store, seed: u64, bytes: usize) {
    let data = noise(seed, bytes);
    put(
        store,
        &format!(r#"{{"resourceType":"Binary","id":"scan","contentType":"image/jpeg","data":"{data}"}}"#),
    );
}

/// The peers' time passes, a tick at a time; with each, bytes move or not.
fn time_passes(bus: &mut Bus, ms: u64, sessions: Option<(SessionId, SessionId)>) {
    let until = bus.now_ms + ms;
    while bus.now_ms < until {
        bus.now_ms += 10_000;
        for node in [0, 1] {
            if let Some((one, other)) = sessions {
                let session = if node == 1 { one } else { other };
                bus.give(node, Event::Moved { session });
            }
            bus.give(node, Event::Tick);
        }
    }
}

#[test]
fn a_slow_link_is_not_cut_while_it_moves_and_is_when_it_stands() {
    let mut bus = Bus::new(2);
    scan(&bus.nodes[0].store, 1, 4 << 20);
    // Both hellos arrive; the scan is on its way and stays there.
    bus.deliver_max = Some(2);
    let sessions = bus.connect(1, 0, Some(1));
    bus.run();
    time_passes(&mut bus, 20 * 60 * 1_000, Some(sessions));
    assert!(
        bus.nodes.iter().all(|node| node.closes.is_empty()),
        "a link that moves was cut"
    );
    time_passes(&mut bus, STALL_MS_MAX + 20_000, None);
    assert!(
        bus.nodes.iter().any(|node| node.closes == [CloseReason::Stalled]),
        "a link that stands was kept"
    );
}

#[test]
fn a_stranger_gets_no_more_time_by_sending_slowly() {
    let mut bus = Bus::new(1);
    let peer = NodeId::of(&SigningKey::from_bytes(&[77; 32]));
    let open = Event::Opened {
        session: 5,
        peer,
        outbound: false,
        address: String::new(),
        request: None,
    };
    bus.give(0, open);
    for _ in 0..20 {
        bus.now_ms += 1_000;
        bus.give(0, Event::Moved { session: 5 });
        bus.give(0, Event::Tick);
    }
    assert_eq!(bus.nodes[0].closes, [CloseReason::Silent]);
}

#[test]
fn the_largest_change_a_store_takes_in_reaches_a_peer() {
    let mut bus = Bus::new(2);
    // Just below what a store takes of one resource.
    scan(&bus.nodes[0].store, 2, (8 << 20) - 1_024);
    scan(&bus.nodes[0].store, 3, (8 << 20) - 1_024);
    patient(&bus.nodes[0].store, "small", "Quispe");
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
}
