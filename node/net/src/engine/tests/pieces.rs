//! Large changes on links that are cut.

use super::slow::{noise, scan};
use super::*;
use crate::engine::partials::{Came, Partials};
use crate::limits::{
    PARTIAL_SEGMENT_BYTES_MAX, PARTIALS_BYTES_MAX, PARTIALS_MAX, PARTIALS_PEER_BYTES_MAX, PARTIALS_PEER_MAX,
    PIECE_BYTES, PIECES_KEEP_MS,
};
use crate::replica::Documents;
use crate::wire::{self, Message, Piece};

const SCAN_BYTES: usize = 2 << 20;

/// Two nodes, the first of which has a scan of some megabytes.
fn with_scan() -> Bus {
    let bus = Bus::new(2);
    scan(&bus.nodes[0].store, 1, SCAN_BYTES);
    bus
}

/// Counts the bytes that a node sends on a priority.
fn count_sent(bus: &mut Bus, sender: usize, of: Priority) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    bus.tamper = Some(Box::new(move |node, priority, bytes| {
        if node == sender && priority == of {
            counted.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        }
        bytes
    }));
    count
}

/// One exchange of which so many messages are delivered; the link is cut then.
fn cut_after(bus: &mut Bus, messages: u64) {
    (bus.delivered, bus.deliver_max) = (0, Some(messages));
    bus.connect(1, 0, Some(1));
    bus.run();
    bus.deliver_max = None;
    bus.cut();
}

#[test]
fn a_cut_link_goes_on_within_a_large_change() {
    let mut bus = with_scan();
    cut_after(&mut bus, 62);
    assert_eq!(bus.nodes[1].records(), 0);
    let sent = count_sent(&mut bus, 0, Priority::Attachment);
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
    // All messages but the hellos were pieces.
    let came = 60 * PIECE_BYTES as u64;
    let whole = SCAN_BYTES as u64 * 3 / 4;
    let rest = sent.load(Ordering::SeqCst);
    assert!(
        rest < whole * 11 / 10 - came,
        "{rest} bytes were sent of {whole}, {came} had come"
    );
    let left = bus.nodes[1].store.blobs("net/partial/").unwrap();
    assert!(left.is_empty(), "{} pieces are left over", left.len());
}

#[test]
fn a_link_that_is_cut_again_and_again_gets_there() {
    let mut bus = with_scan();
    let sent = count_sent(&mut bus, 0, Priority::Attachment);
    let mut rounds = 0;
    while bus.nodes[1].records() == 0 {
        rounds += 1;
        assert!(rounds < 30, "no progress");
        cut_after(&mut bus, 12);
        // What was under way is lost at each cut; what had come is not.
        sent.store(0, Ordering::SeqCst);
        bus.nodes[1].restart();
    }
    assert!(rounds > 8, "{rounds} rounds");
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.assert_equal();
}

#[test]
fn a_power_cut_costs_no_more_than_what_came_since_it_was_last_kept() {
    let mut bus = with_scan();
    (bus.delivered, bus.deliver_max) = (0, Some(50));
    bus.connect(1, 0, Some(1));
    bus.run();
    // As slow as a link of the second generation: the next pieces come seconds later.
    bus.now_ms += PIECES_KEEP_MS;
    bus.deliver_max = Some(51);
    bus.run();
    // No goodbye: what was in memory is gone.
    bus.nodes[1].restart();
    bus.deliver_max = None;
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        if let (1, Ok((_, Message::Held(held)))) = (node, wire::decode(&bytes)) {
            heard.lock().unwrap().extend(held);
        }
        bytes
    }));
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!(told.lock().unwrap().len(), 1);
    bus.assert_equal();
}

#[test]
fn an_allergy_does_not_wait_for_an_attachment_under_way() {
    let mut bus = with_scan();
    bus.deliver_max = Some(20);
    bus.connect(1, 0, None);
    bus.run();
    let sent = count_sent(&mut bus, 0, Priority::Critical);
    put(
        &bus.nodes[0].store,
        r#"{"resourceType":"AllergyIntolerance","id":"a","patient":{"reference":"Patient/p"},"code":{"text":"penicillin"}}"#,
    );
    bus.give(0, Event::LocalChange);
    assert!(sent.load(Ordering::SeqCst) > 0, "the allergy waits for the scan");
}

#[test]
fn parts_of_a_record_that_are_in_the_store_are_not_sent_again() {
    let mut bus = Bus::new(2);
    for version in 0..4 {
        scan(&bus.nodes[0].store, version, 1 << 20);
    }
    let sent = count_sent(&mut bus, 0, Priority::Attachment);
    bus.connect(1, 0, Some(1));
    // Three versions arrive, the last one does not.
    let mut whole = 0;
    (bus.delivered, bus.deliver_max) = (0, Some(4));
    bus.run();
    while bus.nodes[1].store.blobs("net/partials").unwrap().is_empty() || whole < 170 {
        whole += 1;
        bus.deliver_max = bus.deliver_max.map(|max| max + 1);
        assert!(whole < 400, "nothing is taken");
        bus.run();
    }
    bus.deliver_max = None;
    bus.cut();
    let all = sent.swap(0, Ordering::SeqCst);
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
    let again = sent.load(Ordering::SeqCst);
    assert!(again < all / 2, "{again} bytes of {all} were sent again");
}

#[test]
fn an_edit_after_the_cut_does_not_spoil_what_had_come() {
    let mut bus = with_scan();
    cut_after(&mut bus, 62);
    let small = format!(
        r#"{{"resourceType":"Binary","id":"scan","contentType":"image/png","data":"{}"}}"#,
        noise(1, SCAN_BYTES)
    );
    put(&bus.nodes[0].store, &small);
    let sent = count_sent(&mut bus, 0, Priority::Attachment);
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.assert_equal();
    let rest = sent.load(Ordering::SeqCst);
    // The new version is large too, and has not come at all.
    let whole = SCAN_BYTES as u64 * 3 / 4;
    let came = 60 * PIECE_BYTES as u64;
    assert!(rest < 2 * whole * 21 / 20 - came, "{rest} bytes were sent");
}

#[test]
fn wrong_pieces_end_the_session_and_are_forgotten() {
    let mut bus = with_scan();
    let mut pieces = 0;
    bus.tamper = Some(Box::new(move |node, priority, bytes| {
        let Ok((hop, Message::Piece(mut piece))) = wire::decode(&bytes) else {
            return bytes;
        };
        pieces += 1;
        if node == 0 && priority == Priority::Attachment && pieces == 40 {
            piece.bytes[7] ^= 1;
            return wire::encode(hop, &Message::Piece(piece));
        }
        bytes
    }));
    let refused = bus.sync(1, 0).unwrap_err();
    assert!(matches!(refused, CloseReason::Malformed(_)), "{refused:?}");
    assert!(bus.nodes[1].store.blobs("net/partial/").unwrap().is_empty());
    bus.tamper = None;
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.assert_equal();
}

#[test]
fn pieces_that_come_twice_do_no_harm() {
    let mut bus = with_scan();
    bus.repeats = true;
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
}

#[test]
fn what_is_left_unfinished_is_bounded_and_the_latest_stays() {
    let bus = Bus::new(2);
    let replica = StoreReplica::new(bus.nodes[1].store.clone()).unwrap();
    let peer = bus.nodes[0].id();
    let mut partials = Partials::load(&replica, 1).unwrap();
    let keep = |partials: &mut Partials, number: u8, bytes: usize| {
        let bytes = vec![number; bytes];
        let came = Came {
            peer: &peer,
            payload: &[number; 16],
            total: 20 << 20,
            bytes: &bytes,
        };
        let changes = partials.keep(&came, u64::from(number));
        replica.documents_save(&changes).unwrap();
    };
    let documents = || bus.nodes[1].store.blobs("net/partial/").unwrap().len();
    for number in 0..PARTIALS_MAX as u8 + 8 {
        keep(&mut partials, number, 1_000);
    }
    assert_eq!(partials.held(&peer).len(), PARTIALS_PEER_MAX);
    assert_eq!(documents(), PARTIALS_PEER_MAX);
    for number in 100..105 {
        keep(&mut partials, number, PARTIALS_BYTES_MAX / 4);
    }
    let held = partials.held(&peer);
    assert!(held.iter().all(|held| held.payload[0] >= 103), "{held:?}");
    assert_eq!(held.len(), 2);
    assert_eq!(documents(), PARTIALS_PEER_BYTES_MAX / PARTIAL_SEGMENT_BYTES_MAX);
    // The same after a restart, byte for byte; nothing of another's.
    let again = Partials::load(&replica, 1).unwrap();
    assert_eq!(again.held(&peer), held);
    let bytes = again.bytes(&replica, &peer, &[104; 16]).unwrap();
    assert!(bytes == vec![104; PARTIALS_BYTES_MAX / 4]);
    assert!(again.held(&bus.nodes[1].id()).is_empty());
}

/// How much is held of these peers' payloads, once each has kept so many of so many bytes, one after the other.
fn held_after(kept: &[(u8, u8, usize)]) -> impl Fn(u8) -> Vec<u32> {
    let replica = StoreReplica::new(test_store().0).unwrap();
    let mut partials = Partials::load(&replica, 1).unwrap();
    for (at, (peer, count, bytes)) in (0..).zip(kept) {
        for number in 0..*count {
            let came = Came {
                peer: &NodeId([*peer; 32]),
                payload: &[50 * at + number; 16],
                total: 24 << 20,
                bytes: &vec![7; *bytes],
            };
            let _ = partials.keep(&came, 1);
        }
    }
    move |peer| {
        let held = partials.held(&NodeId([peer; 32]));
        held.iter().map(|held| held.bytes).collect()
    }
}

#[test]
fn nobody_pushes_out_what_has_come_of_another_peers_scan() {
    let (mib, large) = (1 << 20, 10 << 20);
    // One that sends the beginnings of many; one that sends much; two that do.
    let liars: [&[(u8, u8, usize)]; 3] = [
        &[(2, 40, 1)],
        &[(2, 8, 12 * mib)],
        &[(2, 8, 12 * mib), (3, 8, 12 * mib)],
    ];
    for liars in liars {
        let kept = [&[(1, 1, large)], liars].concat();
        assert_eq!(held_after(&kept)(1), [10 << 20], "{liars:?}");
        // And it is kept beside what they hold already.
        let kept = [liars, &[(1, 1, large)]].concat();
        assert_eq!(held_after(&kept)(1), [10 << 20], "{liars:?}");
    }
    // All of them stay within what there is for all.
    let crowd: Vec<_> = (1..=4).map(|peer| (peer, 2, 16 * mib)).collect();
    let held = held_after(&crowd);
    let bytes: u32 = (1..=4).flat_map(&held).sum();
    assert_eq!(bytes as usize, PARTIALS_BYTES_MAX);
    assert!((1..=4).all(|peer| !held(peer).is_empty()));
}

#[test]
fn a_scan_of_which_half_has_come_outlasts_a_member_that_comes_and_goes() {
    let mut bus = Bus::new(3);
    let piece = |payload: u8, bytes: usize, total| {
        Message::Piece(Piece {
            payload: [payload; 16],
            total,
            offset: 0,
            bytes: vec![1; bytes],
        })
    };
    let say = |bus: &mut Bus, session, priority, message: &Message| {
        let bytes = wire::encode(9, message);
        let event = Event::Message {
            session,
            priority,
            bytes,
        };
        bus.give(0, event);
    };
    let (_, there) = bus.connect(2, 0, None);
    bus.run();
    say(
        &mut bus,
        there,
        Priority::Attachment,
        &piece(1, 500_000, 1_000_000),
    );
    bus.cut();
    // The liar says that it holds something else: what is left over of it is not forgotten as of no more use.
    bus.tamper = Some(Box::new(|node, _, bytes| match wire::decode(&bytes) {
        Ok((hop, Message::Hello(mut hello))) if node == 1 => {
            (hello.status.sum, hello.status.count) = ([9; 32], 3);
            wire::encode(hop, &Message::Hello(hello))
        }
        Ok((hop, Message::Status(mut status))) if node == 1 => {
            (status.sum, status.count) = ([9; 32], 3);
            wire::encode(hop, &Message::Status(status))
        }
        _ => bytes,
    }));
    for round in 0..8_u8 {
        bus.now_ms += 1_000;
        let (_, there) = bus.connect(1, 0, None);
        bus.run();
        for (number, priority) in (0..).zip(Priority::DATA) {
            say(&mut bus, there, priority, &piece(50 + 4 * round + number, 1, 2));
        }
        bus.cut();
    }
    let (honest, liar) = (bus.nodes[2].id(), bus.nodes[1].id());
    let partials = &bus.nodes[0].engine.core.partials;
    assert_eq!(partials.held(&honest).len(), 1);
    assert_eq!(partials.held(&liar).len(), PARTIALS_PEER_MAX);
}

#[test]
fn what_was_taken_in_before_a_rebuild_does_not_count_as_stored_after_it() {
    let bus = Bus::new(2);
    let replica = StoreReplica::new(bus.nodes[1].store.clone()).unwrap();
    let peer = bus.nodes[0].id();
    let mut partials = Partials::load(&replica, 1).unwrap();
    let bytes = vec![3; 1_000];
    let came = |payload| Came {
        peer: &peer,
        payload,
        total: 1_000,
        bytes: &bytes,
    };
    let changes = partials.taken(&came(&[1; 16]), 2, 10);
    replica.documents_save(&changes).unwrap();
    let changes = partials.keep(&came(&[2; 16]), 20);
    replica.documents_save(&changes).unwrap();
    for (epoch, is_kept) in [(1, true), (2, false), (0, false)] {
        let again = Partials::load(&replica, epoch).unwrap();
        assert_eq!(again.is_taken(&peer, &[1; 16]), is_kept, "log {epoch}");
        let held: Vec<u8> = again.held(&peer).iter().map(|held| held.payload[0]).collect();
        let expected: &[u8] = if is_kept { &[1, 2] } else { &[2] };
        assert_eq!(held, expected, "log {epoch}");
        // The bytes of what had not come in full are still there.
        assert!(!again.is_taken(&peer, &[2; 16]));
        assert_eq!(again.bytes(&replica, &peer, &[2; 16]).unwrap(), bytes);
    }
}

#[test]
fn what_came_after_the_clock_was_set_back_stays_before_what_has_rested() {
    let bus = Bus::new(2);
    let replica = StoreReplica::new(bus.nodes[1].store.clone()).unwrap();
    let peer = bus.nodes[0].id();
    // Too many, and too many bytes.
    for (count, bytes) in [(PARTIALS_PEER_MAX, 1_000), (2, PARTIALS_PEER_BYTES_MAX / 2)] {
        let mut partials = Partials::load(&replica, 1).unwrap();
        let changes = partials.forget(&peer);
        replica.documents_save(&changes).unwrap();
        let count = u8::try_from(count).unwrap();
        let keep = |partials: &mut Partials, number: u8, bytes: usize, now_ms: u64| {
            let came = Came {
                peer: &peer,
                payload: &[number; 16],
                total: 20 << 20,
                bytes: &vec![number; bytes],
            };
            let changes = partials.keep(&came, now_ms);
            replica.documents_save(&changes).unwrap();
        };
        for number in 0..count {
            keep(&mut partials, number, bytes, bus.now_ms + u64::from(number));
        }
        // The first is added to, so the second has rested longest; then comes one more.
        keep(&mut partials, 0, bytes, 20);
        keep(&mut partials, 200, bytes, 10);
        let mut again = Partials::load(&replica, 1).unwrap();
        let numbers = |partials: &Partials| -> Vec<u8> {
            partials.held(&peer).iter().map(|held| held.payload[0]).collect()
        };
        let expected: Vec<u8> = (2..count).chain([0, 200]).collect();
        assert_eq!(numbers(&partials), expected);
        assert_eq!(numbers(&again), expected, "after a restart");
        // Those whose changes are in the store take no place from what is unfinished until there are too many in all.
        for (payload, first) in (200..).zip([2; PARTIALS_MAX - PARTIALS_PEER_MAX].into_iter().chain([3])) {
            let payload = [payload + 1; 16];
            let came = Came {
                peer: &peer,
                payload: &payload,
                total: 900,
                bytes: &[],
            };
            if bytes == 1_000 {
                let changes = again.taken(&came, 2, 5);
                replica.documents_save(&changes).unwrap();
                assert!(again.is_taken(&peer, &payload));
                assert_eq!(numbers(&again)[0], first);
            }
        }
    }
}

#[test]
fn what_has_come_of_a_payload_is_kept_by_time_passed_whatever_the_clock_says() {
    let year_ms = 365 * 86_400_000;
    for ahead_ms in [0, -year_ms, year_ms / 4] {
        let mut bus = with_scan();
        (bus.delivered, bus.deliver_max) = (0, Some(30));
        bus.connect(1, 0, Some(1));
        bus.run();
        let kept = |bus: &Bus| bus.nodes[1].store.blobs("net/partial/").unwrap().len();
        assert_eq!(kept(&bus), 0);
        bus.nodes[1].ahead_ms = ahead_ms;
        for (after_ms, is_kept) in [(PIECES_KEEP_MS - 1, false), (1, true)] {
            bus.now_ms += after_ms;
            bus.deliver_max = Some(bus.delivered + 2);
            bus.run();
            assert_eq!(kept(&bus) > 0, is_kept, "{ahead_ms}, after {after_ms}");
        }
    }
}
