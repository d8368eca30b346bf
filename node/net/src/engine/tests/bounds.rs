//! What one peer may make another keep or do: each bound where it is reached, and beyond.

use super::durable::heard;
use super::*;
use crate::engine::key_queue::KeyQueue;
use crate::engine::session::{Give, Phase};
use crate::limits::{
    FLOOD_MESSAGES_MAX, FLOOD_WINDOW_MS, GIVES_MAX, HELD_BATCHES_MAX, HELD_BYTES_MAX, REPAIR_ROUNDS_MAX,
    SESSIONS_MAX, SESSIONS_UNKNOWN_KEY_MAX, SESSIONS_UNKNOWN_MAX, WANT_HAVE_MAX, WANT_KEYS_MAX,
    WANT_QUEUE_KEYS_MAX, WANT_TRIES_MAX, WINDOW_BATCHES_MAX,
};
use crate::wire::{self, Batch, Message, Piece, Repair, Want, WantKey};

/// A hub, and the hub's end of a live session with a member that may do anything.
fn live() -> (Bus, SessionId) {
    let mut bus = Bus::new(2);
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    (bus, there)
}

/// The member says something to the hub.
fn say(bus: &mut Bus, session: SessionId, priority: Priority, message: &Message) {
    let bytes = wire::encode(1, message);
    let event = Event::Message {
        session,
        priority,
        bytes,
    };
    bus.give(0, event);
}

fn batch(id: u32, payload: Vec<u8>) -> Message {
    Message::Batch(Batch {
        id,
        from: 0,
        to: 0,
        base: 0,
        authority: 0,
        payload,
    })
}

fn want(id: u32, keys: usize, key: &str) -> Message {
    let wanted = WantKey {
        key: key.to_owned(),
        have: Vec::new(),
    };
    let keys = vec![wanted; keys];
    Message::Want(Want { id, keys })
}

fn assert_flooding(bus: &Bus) {
    assert_eq!(bus.nodes[0].closes, [CloseReason::Flooding]);
    assert_eq!(bus.nodes[0].engine.session_ids().count(), 0);
}

#[test]
fn batches_that_wait_for_one_that_never_comes_are_bounded() {
    let (mut bus, there) = live();
    let empty = crate::batch::encode(&[]).unwrap();
    let most = u32::try_from(HELD_BATCHES_MAX).unwrap();
    for id in 2..2 + most {
        say(&mut bus, there, Priority::Rest, &batch(id, empty.clone()));
    }
    assert!(bus.nodes[0].closes.is_empty(), "an honest sender may go so far");
    // One that waits already is no more than it was.
    say(&mut bus, there, Priority::Rest, &batch(2 + most, empty));
    assert_flooding(&bus);
}

#[test]
fn batches_that_wait_are_bounded_by_their_bytes_too() {
    let (mut bus, there) = live();
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    let large = vec![0; 8 << 20];
    let mut take = |id: usize| {
        let Message::Batch(batch) = batch(u32::try_from(id + 2).unwrap(), large.clone()) else {
            unreachable!()
        };
        session.on_batch(&mut engine.core, Priority::DATA[id % Priority::DATA.len()], batch)
    };
    let most = HELD_BYTES_MAX / large.len();
    for id in 0..most {
        assert_eq!(take(id), Ok(()), "an honest sender may go so far");
    }
    assert_eq!(take(most), Err(CloseReason::Flooding));
}

#[test]
fn pieces_of_payloads_that_never_end_are_bounded_in_all() {
    let (mut bus, there) = live();
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    let (bytes, mut came) = (vec![7; 1_000_000], 0);
    let pieces = Priority::DATA
        .into_iter()
        .flat_map(|priority| (0..20_u32).map(move |number| (priority, number)));
    for (priority, number) in pieces {
        let piece = Piece {
            payload: [priority as u8; 16],
            total: 20_000_000,
            offset: number * 1_000_000,
            bytes: bytes.clone(),
        };
        if session.on_piece(&mut engine.core, priority, piece) == Err(CloseReason::Flooding) {
            break;
        }
        came += bytes.len();
    }
    assert!(
        came <= HELD_BYTES_MAX && came + bytes.len() > HELD_BYTES_MAX,
        "{came}"
    );
}

#[test]
fn changes_on_the_control_stream_are_refused() {
    let piece = Message::Piece(Piece {
        payload: [1; 16],
        total: 100,
        offset: 0,
        bytes: vec![1; 10],
    });
    let pieced = batch(1, vec![1; 16]);
    let Message::Batch(inner) = pieced.clone() else {
        unreachable!()
    };
    for message in [batch(1, Vec::new()), piece, Message::Pieced(inner)] {
        let (mut bus, there) = live();
        say(&mut bus, there, Priority::Control, &message);
        let told = bus.nodes[0].closes[0].to_string();
        assert!(told.contains("changes on the control stream"), "{told}");
    }
}

#[test]
fn whoever_asks_and_never_says_that_it_came_is_sent_a_window_and_may_ask_no_more() {
    let mut bus = Bus::new(2);
    for i in 0..30 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    let small = Options {
        batch_bytes: 256,
        ..Options::default()
    };
    bus.nodes[0] = Node::of(bus.nodes[0].store.clone(), small);
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    let said = heard(&mut bus, 0);
    let mut most = 0;
    for id in 0..100 {
        say(
            &mut bus,
            there,
            Priority::Control,
            &want(id, WANT_KEYS_MAX, "Patient/a1"),
        );
        bus.queue.clear();
        let Some(session) = bus.nodes[0].engine.sessions.get(&there) else {
            break;
        };
        most = most.max(session.send.gives.len());
    }
    assert_flooding(&bus);
    assert!(most > 0 && most <= GIVES_MAX + 1, "{most}");
    let said = said.lock().unwrap();
    let sent = said.iter().filter(|message| matches!(message, Message::Batch(_)));
    assert!(sent.count() <= WINDOW_BATCHES_MAX + 1);
}

#[test]
fn the_hashes_that_wants_name_are_bounded_while_they_wait() {
    let (mut bus, there) = live();
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    let have: Vec<[u8; 8]> = (0..WANT_HAVE_MAX as u64).map(u64::to_be_bytes).collect();
    let want = |keys: usize| Want {
        id: 7,
        keys: (0..keys)
            .map(|n| WantKey {
                key: format!("Patient/p{n}"),
                have: have.clone(),
            })
            .collect(),
    };
    // An honest node's longest question, and no more than that before it is answered.
    assert_eq!(session.on_want(&engine.core, want(5)), Ok(()));
    assert_eq!(session.on_want(&engine.core, want(1)), Err(CloseReason::Flooding));
    // What is being read by counts as well.
    session.pump(&mut engine.core);
    assert!(session.send.is_give_read && session.send.gives.len() == 1);
    assert_eq!(session.on_want(&engine.core, want(1)), Err(CloseReason::Flooding));
    // Once it is answered there is room again: as often as somebody asks.
    for _ in 0..3 {
        while read(session, &mut engine.core) > 0 {
            session.pump(&mut engine.core);
        }
        assert!(session.are_wants_answered());
        assert_eq!(session.on_want(&engine.core, want(5)), Ok(()));
        session.pump(&mut engine.core);
    }
}

#[test]
fn a_peer_that_acknowledges_nothing_is_sent_a_window_of_each_priority() {
    let mut bus = Bus::new(2);
    for i in 0..300 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        observation(&bus.nodes[0].store, &format!("b{i}"), "x", i);
    }
    let small = Options {
        batch_bytes: 256,
        ..Options::default()
    };
    bus.nodes[0] = Node::of(bus.nodes[0].store.clone(), small);
    let sent = Arc::new(Mutex::new(BTreeMap::<Priority, usize>::new()));
    let counted = Arc::clone(&sent);
    bus.tamper = Some(Box::new(move |node, priority, bytes| {
        match wire::decode(&bytes).unwrap().1 {
            Message::Batch(_) | Message::Pieced(_) if node == 0 => {
                *counted.lock().unwrap().entry(priority).or_default() += 1
            }
            Message::Ack(_) if node == 1 => return wire::encode(1, &Message::Ask(0)),
            _ => {}
        }
        bytes
    }));
    bus.connect(1, 0, None);
    bus.run();
    let sent = sent.lock().unwrap();
    let expected = [Priority::Critical, Priority::Rest].map(|priority| (priority, WINDOW_BATCHES_MAX));
    assert_eq!(*sent, BTreeMap::from(expected));
}

#[test]
fn what_is_to_be_asked_for_is_bounded_and_so_is_how_often() {
    let (mut bus, there) = live();
    let session = bus.nodes[0].engine.sessions.get_mut(&there).unwrap();
    let key = |n: usize| RecordKey::new("Patient", &format!("p{n}")).unwrap();
    for _ in 0..10 {
        session.want(key(0));
        assert!(session.wants.queue.len() <= 1, "one key stands there twice");
        if session.wants.queue.take(1).is_empty() {
            break;
        }
    }
    assert_eq!(session.wants.asked[&key(0)], WANT_TRIES_MAX);
    session.wants.queue = (1..=WANT_QUEUE_KEYS_MAX).map(key).collect();
    session.want(key(WANT_QUEUE_KEYS_MAX + 1));
    assert_eq!(session.wants.queue.len(), WANT_QUEUE_KEYS_MAX);
    // What is remembered of it is bounded too.
    session.wants.queue = KeyQueue::default();
    session.wants.asked = (1..=WANT_QUEUE_KEYS_MAX).map(|n| (key(n), 1)).collect();
    session.want(key(WANT_QUEUE_KEYS_MAX + 1));
    assert!(session.wants.asked.len() <= WANT_QUEUE_KEYS_MAX);
    assert_eq!(session.wants.queue.len(), 1);
}

#[test]
fn a_record_that_nobody_can_give_is_asked_for_a_few_times_and_no_more() {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[0].store, "p", "Quispe");
    patient(&bus.nodes[0].store, "p", "Mamani");
    // The hub keeps the first change back, whoever asks.
    let asked = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&asked);
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        match wire::decode(&bytes).unwrap() {
            (hop, Message::Batch(mut batch)) if node == 0 => {
                let mut parts = crate::batch::decode(&batch.payload).unwrap();
                parts
                    .iter_mut()
                    .for_each(|part| part.1.retain(|c| c.author_seq > 1));
                batch.payload = crate::batch::encode(&parts).unwrap();
                wire::encode(hop, &Message::Batch(batch))
            }
            (_, Message::Want(_)) if node == 1 => {
                counted.fetch_add(1, Ordering::SeqCst);
                bytes
            }
            _ => bytes,
        }
    }));
    let report = bus.sync(1, 0).unwrap();
    assert!(!report.in_sync, "{report:?}");
    let asked = asked.load(Ordering::SeqCst);
    let most = u64::from(WANT_TRIES_MAX) * u64::from(REPAIR_ROUNDS_MAX + 1);
    assert!(asked > 0 && asked <= most, "asked {asked} times");
    assert_eq!(bus.nodes[1].records(), 0);
    bus.cut();
    bus.tamper = None;
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.assert_equal();
}

#[test]
fn repair_beyond_its_rounds_is_not_answered() {
    let (mut bus, there) = live();
    let said = heard(&mut bus, 0);
    for round in [2 * REPAIR_ROUNDS_MAX + 1, u32::MAX] {
        let step = Repair::Range {
            round,
            to_initiator: false,
            bytes: vec![1],
        };
        say(&mut bus, there, Priority::Control, &Message::Repair(step));
    }
    let said = said.lock().unwrap();
    assert!(said.iter().all(|message| !matches!(message, Message::Repair(_))));
    assert!(bus.nodes[0].closes.is_empty());
}

#[test]
fn many_messages_are_a_flood_only_if_they_come_at_once() {
    let (mut bus, there) = live();
    let ack = Message::Ack(wire::Ack::default());
    for _ in 0..2 {
        bus.now_ms += FLOOD_WINDOW_MS + 1;
        for _ in 0..FLOOD_MESSAGES_MAX {
            say(&mut bus, there, Priority::Control, &ack);
        }
        assert!(bus.nodes[0].closes.is_empty());
    }
    say(&mut bus, there, Priority::Control, &ack);
    assert_flooding(&bus);
}

fn open(bus: &mut Bus, session: SessionId, peer: NodeId, outbound: bool) -> bool {
    let event = Event::Opened {
        session,
        peer,
        outbound,
        address: String::new(),
        request: None,
    };
    bus.give(0, event);
    bus.nodes[0].engine.session_ids().any(|open| open == session)
}

fn stranger(number: u16) -> NodeId {
    let mut seed = [9; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    NodeId::of(&SigningKey::from_bytes(&seed))
}

#[test]
fn sessions_that_say_nothing_are_bounded_and_take_no_room_from_members() {
    let mut bus = Bus::new(3);
    let (member, other) = (bus.nodes[1].id(), bus.nodes[2].id());
    let strangers =
        (0..SESSIONS_UNKNOWN_MAX as u16 + 5).map(|n| open(&mut bus, n.into(), stranger(n), false));
    let let_in = strangers.filter(|is_in| *is_in).count();
    assert_eq!(let_in, SESSIONS_UNKNOWN_MAX);
    let members = (0..SESSIONS_UNKNOWN_KEY_MAX as u64 + 3).map(|n| open(&mut bus, 1_000 + n, member, false));
    let let_in = members.filter(|is_in| *is_in).count();
    assert_eq!(let_in, SESSIONS_UNKNOWN_KEY_MAX);
    assert!(
        open(&mut bus, 2_000, other, false),
        "another member is locked out"
    );
    assert!(
        bus.nodes[0]
            .closes
            .iter()
            .all(|reason| matches!(reason, CloseReason::Wait(1..=15)))
    );
    let me = bus.nodes[0].id();
    assert!(!open(&mut bus, 3_000, me, false));
    assert_eq!(bus.nodes[0].closes.last(), Some(&CloseReason::Oneself));
}

/// Has a stranger come from there; whether it has a session.
fn open_from(bus: &mut Bus, session: SessionId, address: &str) -> bool {
    let event = Event::Opened {
        session,
        peer: stranger(session as u16),
        outbound: false,
        address: address.to_owned(),
        request: None,
    };
    bus.give(0, event);
    bus.nodes[0].engine.session_ids().any(|open| open == session)
}

#[test]
fn strangers_that_say_nothing_keep_nobody_out_who_comes_from_elsewhere() {
    let own = |n: u64| format!("[2001:db8:1:{:x}::1]:9", 0x100 + n);
    let hosts = |n: u64| format!("10.0.0.{}:{n}", n % 2);
    for from in [own, hosts] {
        let mut bus = Bus::new(1);
        for n in 0..SESSIONS_UNKNOWN_MAX as u64 {
            assert!(open_from(&mut bus, n, &from(n)));
            bus.now_ms += 10;
        }
        // Who comes from where most are finds no room; who comes from elsewhere takes that of the first of them.
        assert!(from(0) != own(0) || !open_from(&mut bus, 1_000, &own(200)));
        for n in 0..20_u64 {
            assert!(open_from(&mut bus, 2_000 + n, &format!("192.168.1.{n}:9")), "{n}");
            assert!(open_from(&mut bus, 3_000 + n, "172.16.0.1:9") || n > 15, "{n}");
        }
        assert!(open_from(&mut bus, 5_000, "[2001:db8:7::1]:9"));
        let open: Vec<SessionId> = bus.nodes[0].engine.session_ids().collect();
        assert_eq!(open.len(), SESSIONS_UNKNOWN_MAX);
        assert!(!open.contains(&0) && open.contains(&(SESSIONS_UNKNOWN_MAX as u64 - 1)));
        assert!(
            (0..20).all(|n| open.contains(&(2_000 + n))),
            "one took another's place"
        );
    }
}

#[test]
fn sessions_are_bounded_in_all() {
    let mut bus = Bus::new(1);
    for n in 0..SESSIONS_MAX as u16 {
        assert!(open(&mut bus, n.into(), stranger(n), true));
    }
    assert!(!open(&mut bus, 5_000, stranger(5_000), true));
    assert_eq!(bus.nodes[0].closes, [CloseReason::Busy]);
}

#[test]
fn a_peer_that_says_goodbye_or_leaves_has_nothing_more_to_say() {
    let (mut bus, there) = live();
    let peer = bus.nodes[1].id();
    bus.give(0, Event::Finish { peer });
    assert_eq!(bus.nodes[0].engine.sessions[&there].phase, Phase::Leaving);
    patient(&bus.nodes[0].store, "p", "Quispe");
    let said = heard(&mut bus, 0);
    say(&mut bus, there, Priority::Control, &want(1, 1, "Patient/p"));
    assert!(said.lock().unwrap().is_empty());
    let session = &bus.nodes[0].engine.sessions[&there];
    assert!(
        !session
            .send
            .gives
            .iter()
            .any(|give| matches!(give, Give::Record(..)))
    );
}
