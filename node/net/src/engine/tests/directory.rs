//! Where nodes are reached is told by themselves, handed on by others, and costs nothing where it is known.

use std::net::SocketAddr;

use super::*;
use crate::engine::directory::FEATURE_DIRECTORY;
use crate::limits::{
    DIRECTORY_AGAIN_MS, DIRECTORY_AHEAD_MS, DIRECTORY_BROUGHT_MAX, DIRECTORY_BROUGHT_MS,
    DIRECTORY_MESSAGES_MAX, DIRECTORY_NEWS_MAX, DIRECTORY_NEWS_MS, DIRECTORY_ROWS_MAX, HEALTH_CLOCK_MS_MAX,
};
use crate::report::AddressFrom;
use crate::whereabouts::Whereabouts;
use crate::wire::{Directory, Message, decode, encode};

fn at(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(node).unwrap()], 8031))
}

/// Has a node say where it is reached.
fn says(bus: &mut Bus, node: usize, address: SocketAddr) {
    bus.nodes[node].engine.reached_set(Vec::new(), vec![address]);
    bus.give(node, Event::Tick);
}

/// What a node knows of another's own word.
fn told(bus: &Bus, node: usize, of: usize) -> Vec<String> {
    let core = &bus.nodes[node].engine.core;
    core.peers.book.told(&bus.nodes[of].id(), &core.me)
}

fn from(bus: &Bus, node: usize, of: usize) -> Vec<AddressFrom> {
    let peers = bus.nodes[node].engine.peers();
    let peer = peers.into_iter().find(|peer| peer.node == bus.nodes[of].id());
    peer.unwrap().known.into_iter().map(|known| known.from).collect()
}

/// Counts the bytes of messages about where nodes are reached, from now on.
fn counted(bus: &mut Bus) -> Arc<Mutex<Vec<usize>>> {
    let counts = Arc::new(Mutex::new(Vec::new()));
    let mine = Arc::clone(&counts);
    bus.tamper = Some(Box::new(move |_, _, bytes| {
        if let Ok((_, Message::Directory(_))) = decode(&bytes) {
            mine.lock().unwrap().push(bytes.len());
        }
        bytes
    }));
    counts
}

/// Puts a message into a node's session as its peer would.
fn hear(bus: &mut Bus, node: usize, session: SessionId, message: &Message) {
    let event = Event::Message {
        session,
        priority: Priority::Control,
        bytes: encode(9, message),
    };
    bus.give(node, event);
    bus.run();
}

fn row(key: u8, network: &Bus, serial: u64, address: SocketAddr) -> Whereabouts {
    let key = SigningKey::from_bytes(&[key; 32]);
    Whereabouts::sign(&key, &network.nodes[0].engine.core.network, serial, vec![address])
}

fn directory(said: Vec<Whereabouts>) -> Message {
    Message::Directory(Directory {
        digest: [7; 8],
        sums: Vec::new(),
        said,
    })
}

#[test]
fn members_that_meet_one_node_learn_where_the_others_are_reached() {
    let mut bus = Bus::new(4);
    for node in 0..4 {
        says(&mut bus, node, at(node));
    }
    // Each meets the hub alone, one after the other.
    for node in [1, 2, 3, 1, 2] {
        bus.connect(node, 0, None);
        bus.run();
        bus.cut();
    }
    for node in 0..3 {
        for of in (0..4).filter(|of| *of != node) {
            assert_eq!(told(&bus, node, of), [at(of).to_string()], "{node} of {of}");
            let expected = match (node, of) {
                (0, _) | (_, 0) => AddressFrom::Told,
                _ => AddressFrom::Through("hub".into()),
            };
            assert_eq!(from(&bus, node, of), [expected], "{node} of {of}");
        }
    }
    // What another has told is no address that it was reached at.
    assert!(
        bus.nodes[1]
            .engine
            .peers()
            .iter()
            .all(|peer| peer.addresses.is_empty())
    );
    // It outlives a power cut.
    bus.nodes[1].engine.flush();
    bus.nodes[1].restart();
    assert_eq!(told(&bus, 1, 2), [at(2).to_string()]);
    assert_eq!(from(&bus, 1, 2), [AddressFrom::Through("hub".into())]);
}

#[test]
fn a_new_address_is_told_on_in_sessions_that_are_open_and_in_none_too_often() {
    let mut bus = Bus::new(3);
    says(&mut bus, 1, at(1));
    bus.connect(1, 0, None);
    bus.connect(2, 0, None);
    bus.run();
    let tick = |bus: &mut Bus, ms: u64| {
        bus.now_ms += ms;
        for node in 0..3 {
            bus.give(node, Event::Tick);
        }
        bus.run();
    };
    tick(&mut bus, 250);
    assert_eq!(told(&bus, 2, 1), [at(1).to_string()]);
    // A laptop is carried to another network.
    bus.now_ms += DIRECTORY_AGAIN_MS;
    says(&mut bus, 1, at(101));
    tick(&mut bus, 250);
    tick(&mut bus, 250);
    assert_eq!(told(&bus, 2, 1), [at(101).to_string()]);
    // It changes with each look: what is handed on stays bounded.
    let counts = counted(&mut bus);
    for number in 0..80 {
        says(&mut bus, 1, at(110 + number));
        tick(&mut bus, 250);
    }
    let seconds = 80 / 4;
    let messages = counts.lock().unwrap().len();
    assert!(messages <= 2 * (seconds / 5 + 1), "{messages} in {seconds} s");
    tick(&mut bus, DIRECTORY_AGAIN_MS);
    tick(&mut bus, DIRECTORY_AGAIN_MS);
    assert_eq!(told(&bus, 2, 1), [at(189).to_string()]);
}

#[test]
fn who_knows_the_same_is_told_no_more_than_that() {
    let mut bus = Bus::new(60);
    for node in 0..60 {
        says(&mut bus, node, at(node));
        if node > 0 {
            bus.connect(node, 0, None);
            bus.run();
            bus.cut();
        }
    }
    for node in [1, 2] {
        bus.connect(node, 0, None);
        bus.run();
        bus.cut();
    }
    let counts = counted(&mut bus);
    // With the hub, and two that hold the same from it and have never met.
    for (one, other) in [(1, 0), (0, 1), (1, 2)] {
        counts.lock().unwrap().clear();
        bus.connect(one, other, None);
        bus.run();
        bus.cut();
        let counts = counts.lock().unwrap();
        assert!(
            counts.len() == 2 && counts.iter().all(|bytes| *bytes < 24),
            "{one} with {other}: {counts:?}"
        );
    }
    // One has another address: what differs is found among sixty without telling them all.
    says(&mut bus, 1, at(201));
    counts.lock().unwrap().clear();
    bus.connect(1, 2, None);
    bus.run();
    let bytes: usize = counts.lock().unwrap().iter().sum();
    assert!(bytes < 1_500, "{bytes}");
    assert_eq!(told(&bus, 2, 1), [at(201).to_string()]);
}

#[test]
fn many_are_told_in_messages_of_bounded_size() {
    let mut bus = Bus::new(2);
    let count = 200;
    let network = bus.nodes[0].engine.core.network;
    for number in 0..count {
        let mut seed = [0xEE; 32];
        seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let key = SigningKey::from_bytes(&seed);
        let said = Whereabouts::sign(&key, &network, 1, vec![at(number % 200)]);
        let member = Statement::Member(Member {
            node: said.node,
            name: format!("clinic {number}"),
            role: NodeRole::Clinic,
            site: String::new(),
        });
        bus.nodes[0].engine.issue(now_at(bus.now_ms), member).unwrap();
        let me = bus.nodes[0].id();
        assert!(bus.nodes[0].engine.core.peers.book.take(said, me, u64::MAX));
    }
    let counts = counted(&mut bus);
    bus.connect(1, 0, None);
    bus.run();
    let with_rows = counts
        .lock()
        .unwrap()
        .iter()
        .filter(|bytes| **bytes > 800)
        .count();
    assert_eq!(with_rows, count.div_ceil(DIRECTORY_ROWS_MAX));
    let known = bus.nodes[1].engine.core.peers.book.nodes().count();
    assert_eq!(known, count);
}

#[test]
fn a_liar_can_neither_make_nor_alter_what_others_say_nor_fill_what_is_kept() {
    let mut bus = Bus::new(3);
    says(&mut bus, 2, at(2));
    bus.connect(2, 0, None);
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    let book = |bus: &Bus| bus.nodes[0].engine.core.peers.book.nodes().count();
    // Nobody's word, and an old one, are passed over.
    let stranger = row(55, &bus, 5, at(66));
    let old = row(102, &bus, 1, at(66));
    hear(&mut bus, 0, there, &directory(vec![stranger, old]));
    assert_eq!((book(&bus), told(&bus, 0, 2)), (1, vec![at(2).to_string()]));
    assert!(bus.nodes[0].engine.is_live(there));
    // Of itself it may say what it likes: nobody is dialled where nobody can be.
    let odd = ["0.0.0.0:9", "224.0.0.1:9", "127.0.0.1:9", "255.255.255.255:9"];
    let network = bus.nodes[0].engine.core.network;
    let key = SigningKey::from_bytes(&[101; 32]);
    let odd = odd.iter().map(|text| text.parse().unwrap()).collect();
    hear(
        &mut bus,
        0,
        there,
        &directory(vec![Whereabouts::sign(&key, &network, 3, odd)]),
    );
    assert_eq!((book(&bus), told(&bus, 0, 1).len()), (2, 0));
    // Another's word that the other has not said ends the session.
    let mut forged = row(102, &bus, bus.now_ms + 1, at(66));
    forged.addresses = vec![at(67)];
    hear(&mut bus, 0, there, &directory(vec![forged]));
    assert!(!bus.nodes[0].engine.is_live(there));
    assert_eq!(told(&bus, 0, 2), [at(2).to_string()]);
    // So does who talks of nothing else.
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    for _ in 0..=DIRECTORY_MESSAGES_MAX {
        hear(&mut bus, 0, there, &directory(Vec::new()));
    }
    assert!(bus.nodes[0].closes.contains(&CloseReason::Flooding));
}

#[test]
fn sums_are_answered_once_a_session() {
    let mut bus = Bus::new(2);
    says(&mut bus, 0, at(0));
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    let counts = counted(&mut bus);
    for _ in 0..5 {
        let asks = Message::Directory(Directory {
            digest: [7; 8],
            sums: vec![9],
            said: Vec::new(),
        });
        hear(&mut bus, 0, there, &asks);
    }
    assert!(counts.lock().unwrap().len() <= 1, "{counts:?}");
}

#[test]
fn a_node_whose_disk_is_an_older_one_finds_its_place_again() {
    let mut bus = Bus::new(2);
    says(&mut bus, 1, at(1));
    bus.connect(1, 0, None);
    bus.run();
    bus.cut();
    // It has forgotten all, its clock is behind, and it is somewhere else.
    bus.nodes[1].engine.core.peers.book = Default::default();
    bus.nodes[1].ahead_ms = -86_400_000;
    says(&mut bus, 1, at(51));
    bus.connect(1, 0, None);
    bus.run();
    bus.now_ms += DIRECTORY_AGAIN_MS;
    for node in [1, 0] {
        bus.give(node, Event::Tick);
        bus.run();
    }
    assert_eq!(told(&bus, 0, 1), [at(51).to_string()]);
}

#[test]
fn who_is_revoked_is_forgotten_and_who_does_not_understand_is_told_nothing() {
    let mut bus = Bus::new(3);
    for node in 0..3 {
        says(&mut bus, node, at(node));
    }
    let counts = counted(&mut bus);
    // An earlier build, by what it says in its hello.
    let told_of = Arc::clone(&counts);
    bus.tamper = Some(Box::new(move |_, _, bytes| match decode(&bytes) {
        Ok((hop, Message::Hello(mut hello))) => {
            hello.features &= !FEATURE_DIRECTORY;
            encode(hop, &Message::Hello(hello))
        }
        Ok((_, Message::Directory(_))) => {
            told_of.lock().unwrap().push(bytes.len());
            bytes
        }
        _ => bytes,
    }));
    bus.connect(1, 0, None);
    bus.run();
    assert!(counts.lock().unwrap().is_empty());
    bus.cut();
    bus.tamper = None;
    for node in [1, 2] {
        bus.connect(node, 0, None);
        bus.run();
    }
    let gone = bus.nodes[1].id();
    let effects = bus.nodes[0]
        .engine
        .revoke(now_at(bus.now_ms), gone, "lost".into());
    bus.effects(0, effects.unwrap());
    bus.run();
    for node in [0, 2] {
        assert!(
            bus.nodes[node].engine.core.peers.book.said(&gone).is_none(),
            "{node}"
        );
    }
}

#[test]
fn a_message_has_one_word_of_each_node() {
    let mut bus = Bus::new(2);
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    let rows = [1, 2].map(|serial| row(101, &bus, serial, at(1)));
    hear(&mut bus, 0, there, &directory(rows.to_vec()));
    assert!(matches!(bus.nodes[0].closes[..], [CloseReason::Malformed(_)]));
    assert!(told(&bus, 0, 1).is_empty());
}

#[test]
fn what_one_says_of_itself_over_and_over_is_looked_at_so_often_however_often_it_connects() {
    let mut bus = Bus::new(2);
    let begun_ms = bus.now_ms + 1_000;
    let top = |bus: &Bus| bus.nodes[0].engine.core.peers.book.top();
    let mut serial = 0;
    for _ in 0..3 {
        bus.now_ms += 1_000;
        let (_, there) = bus.connect(1, 0, None);
        bus.run();
        for _ in 0..100 {
            serial += 1;
            let said = row(101, &bus, serial, at(1 + serial as usize % 200));
            hear(&mut bus, 0, there, &directory(vec![said]));
        }
        assert!(
            bus.nodes[0].engine.is_live(there),
            "it exchanges records all the same"
        );
        bus.cut();
    }
    let most = u64::from(DIRECTORY_NEWS_MAX) + (bus.now_ms - begun_ms) / DIRECTORY_NEWS_MS;
    assert_eq!(top(&bus), most, "of {serial}");
    // Once it has said nothing for a while its word counts again.
    bus.now_ms += DIRECTORY_NEWS_MS;
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    let said = row(101, &bus, serial + 1, at(201));
    hear(&mut bus, 0, there, &directory(vec![said]));
    assert_eq!(told(&bus, 0, 1), [at(201).to_string()]);
}

#[test]
fn what_one_brings_of_others_is_bounded_and_nobody_uses_up_what_another_may_say() {
    let mut bus = Bus::new(3);
    // Forged words of another's: each ends a session, and none counts against the other.
    for _ in 0..=DIRECTORY_NEWS_MAX {
        let (_, there) = bus.connect(1, 0, None);
        bus.run();
        let mut forged = row(102, &bus, 9, at(66));
        forged.addresses = vec![at(67)];
        hear(&mut bus, 0, there, &directory(vec![forged]));
        assert!(!bus.nodes[0].engine.is_live(there));
    }
    let (_, there) = bus.connect(2, 0, None);
    bus.run();
    let said = row(102, &bus, 1, at(2));
    hear(&mut bus, 0, there, &directory(vec![said]));
    assert_eq!(told(&bus, 0, 2), [at(2).to_string()]);
    // Whoever has brought as much as there is brings more by and by.
    let (peer, now_ms) = (bus.nodes[2].id(), bus.nodes[0].engine.core.now_ms);
    let brought = &mut bus.nodes[0].engine.core.peers.book.rates.brought;
    for _ in 0..DIRECTORY_BROUGHT_MAX {
        brought.take(&peer, now_ms, DIRECTORY_BROUGHT_MS);
    }
    let said = row(101, &bus, 1, at(1));
    hear(&mut bus, 0, there, &directory(vec![said.clone()]));
    assert!(told(&bus, 0, 1).is_empty());
    assert!(bus.nodes[0].engine.is_live(there));
    bus.now_ms += 2 * DIRECTORY_BROUGHT_MS;
    hear(&mut bus, 0, there, &directory(vec![said]));
    assert_eq!(told(&bus, 0, 1), [at(1).to_string()]);
}

#[test]
fn a_word_of_a_time_that_never_comes_is_not_believed_for_ever() {
    // Which lie of whoever has copied a key is taken at first, and one that an earlier build has kept.
    for (what, serial, is_kept) in [
        ("the highest number", u64::MAX, false),
        ("the last of all clocks", HEALTH_CLOCK_MS_MAX, false),
        ("the highest number, kept", u64::MAX, true),
        ("as far ahead as may be", 0, false),
    ] {
        let mut bus = Bus::new(2);
        let serial = match serial {
            0 => bus.now_ms + DIRECTORY_AHEAD_MS,
            serial => serial,
        };
        let lie = row(101, &bus, serial, "[fdff::1]:9".parse().unwrap());
        if is_kept {
            let me = bus.nodes[0].id();
            bus.nodes[0].engine.core.peers.book.take(lie, me, u64::MAX);
        } else {
            let (_, there) = bus.connect(1, 0, None);
            bus.run();
            hear(&mut bus, 0, there, &directory(vec![lie]));
            assert!(bus.nodes[0].engine.is_live(there), "{what}");
            bus.cut();
        }
        let is_believed = !told(&bus, 0, 1).is_empty();
        assert_eq!(is_believed, is_kept || serial < HEALTH_CLOCK_MS_MAX, "{what}");
        for _ in 0..3 {
            bus.now_ms += 10_000;
            says(&mut bus, 1, at(7));
            bus.connect(1, 0, None);
            bus.run();
            bus.cut();
        }
        assert_eq!(told(&bus, 0, 1), [at(7).to_string()], "{what}");
        assert_eq!(told(&bus, 1, 1), [at(7).to_string()], "{what}");
    }
}

#[test]
fn a_machine_whose_clock_has_stopped_learns_where_others_are_reached() {
    let mut bus = Bus::new(3);
    says(&mut bus, 0, at(0));
    says(&mut bus, 2, at(2));
    bus.connect(2, 0, None);
    bus.run();
    bus.nodes[1].ahead_ms = -i64::try_from(bus.now_ms).unwrap();
    says(&mut bus, 1, at(1));
    bus.connect(1, 0, None);
    bus.run();
    assert_eq!(told(&bus, 1, 0), [at(0).to_string()]);
    assert_eq!(told(&bus, 1, 2), [at(2).to_string()]);
    assert_eq!(told(&bus, 0, 1), [at(1).to_string()]);
}
