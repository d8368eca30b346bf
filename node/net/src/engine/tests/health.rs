//! What nodes tell of themselves, and what is known of the contact with each: who has not synced, what it lacks.

use std::cell::RefCell;
use std::rc::Rc;

use super::fickle::Fickle;
use super::*;
use crate::health::{Contact, Health, Standing};
use crate::limits::{
    CONTACT_KEEP_MS, HEALTH_AGAIN_MS, HEALTH_LOOK_MS, HEALTH_MS, HEALTH_SIZE_MS, PEERS_MAX, TICK_MS,
    UNHEARD_MS,
};
use crate::report::PeerInfo;
use crate::wire::{self, Message};

/// What each node has said of itself.
type Heard = Rc<RefCell<Vec<(usize, Health)>>>;

/// Two nodes with a record each, and what each has said of itself since.
fn pair() -> (Bus, Heard) {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[0].store, "a", "Quispe");
    patient(&bus.nodes[1].store, "b", "Mamani");
    let said = listen(&mut bus);
    (bus, said)
}

fn listen(bus: &mut Bus) -> Rc<RefCell<Vec<(usize, Health)>>> {
    let said = Rc::new(RefCell::new(Vec::new()));
    let heard = Rc::clone(&said);
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        if let Ok((_, Message::Health(health))) = wire::decode(&bytes) {
            heard.borrow_mut().push((node, Health::decode(&health).unwrap()));
        }
        bytes
    }));
    said
}

fn known(bus: &Bus, node: usize, peer: usize) -> PeerInfo {
    let id = bus.nodes[peer].id();
    let infos = bus.nodes[node].engine.peers();
    infos.into_iter().find(|info| info.node == id).unwrap()
}

fn contact(bus: &Bus, node: usize, peer: usize) -> Contact {
    known(bus, node, peer).contact
}

fn told(bus: &Bus, node: usize, peer: usize) -> Health {
    contact(bus, node, peer).told.expect("told").health
}

/// Time passes, with ticks at its end.
fn wait(bus: &mut Bus, ms: u64) {
    bus.now_ms += ms;
    for node in 0..bus.nodes.len() {
        bus.give(node, Event::Tick);
    }
    bus.run();
}

/// Ends a command's session as `sync` does.
fn finish(bus: &mut Bus, node: usize, peer: usize) {
    let peer = bus.nodes[peer].id();
    bus.give(node, Event::Finish { peer });
    bus.run();
}

#[test]
fn a_sync_in_which_nothing_changed_tells_each_of_the_other_beside_what_is_said_anyway() {
    let (mut bus, said) = pair();
    assert_eq!(contact(&bus, 0, 1), Contact::default(), "nothing is known yet");
    bus.sync(1, 0).unwrap();
    finish(&mut bus, 1, 0);
    bus.cut();
    said.borrow_mut().clear();
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync && report.round_trips == 1, "{report:?}");
    finish(&mut bus, 1, 0);
    let by: Vec<usize> = said.borrow().iter().map(|(node, _)| *node).collect();
    assert_eq!(
        by,
        [0, 1],
        "each once: the dialled one with its hello, the other with its goodbye"
    );
    for (node, peer) in [(0, 1), (1, 0)] {
        let health = told(&bus, node, peer);
        assert_eq!((health.records, health.conflicts, health.is_full), (2, 0, false));
        assert_eq!(health.version, env!("CARGO_PKG_VERSION"));
        assert_eq!(health.now_ms, bus.now_ms);
        assert_eq!(contact(&bus, node, peer).told.unwrap().at_ms, bus.now_ms);
        let bytes = Message::Health(health.encode());
        assert!(wire::encode(0, &bytes).len() <= 48);
    }
    assert!(
        bus.nodes[0]
            .closes
            .iter()
            .all(|reason| *reason == CloseReason::Done)
    );
}

#[test]
fn what_was_exchanged_is_in_what_is_told_at_its_end() {
    let (mut bus, _) = pair();
    for i in 0..20 {
        patient(&bus.nodes[1].store, &format!("n{i}"), "Huanca");
    }
    assert!(bus.sync(1, 0).unwrap().in_sync);
    finish(&mut bus, 1, 0);
    assert_eq!(told(&bus, 0, 1).records, 22);
    assert_eq!(told(&bus, 1, 0).records, 22);
}

#[test]
fn a_session_that_lasts_tells_news_after_a_minute_and_what_changes_all_day_more_seldom() {
    let (mut bus, said) = pair();
    let fickle = Fickle::of(&bus.nodes[0].store);
    let replica: SharedReplica = fickle.clone();
    bus.nodes[0] = Node::over(bus.nodes[0].store.clone(), replica, Options::default());
    bus.connect(1, 0, None);
    bus.run();
    wait(&mut bus, TICK_MS);
    assert_eq!(said.borrow().len(), 2, "each has told the other");
    said.borrow_mut().clear();
    // Something waits for a person: a minute after the last word of it.
    fickle.set_aside.store(2, Ordering::SeqCst);
    wait(&mut bus, HEALTH_MS - 2 * TICK_MS);
    assert!(said.borrow().is_empty());
    wait(&mut bus, 2 * TICK_MS);
    assert_eq!(said.borrow().len(), 1);
    assert_eq!(told(&bus, 1, 0).quarantined, 2);
    assert_eq!(known(&bus, 1, 0).contact.told.unwrap().at_ms, bus.now_ms);
    // More records are held: that is told within ten minutes, once.
    said.borrow_mut().clear();
    patient(&bus.nodes[1].store, "c", "Condori");
    bus.give(1, Event::LocalChange);
    bus.run();
    wait(&mut bus, HEALTH_MS + TICK_MS);
    assert!(said.borrow().is_empty(), "{:?}", said.borrow());
    wait(&mut bus, HEALTH_SIZE_MS);
    wait(&mut bus, HEALTH_MS);
    assert_eq!(said.borrow().len(), 2, "each once: {:?}", said.borrow());
    assert_eq!((told(&bus, 0, 1).records, told(&bus, 1, 0).records), (3, 3));
    // Nothing changes: once an hour, so that disk and clock are known.
    said.borrow_mut().clear();
    for _ in 0..11 {
        wait(&mut bus, HEALTH_AGAIN_MS / 12);
    }
    assert!(said.borrow().is_empty());
    wait(&mut bus, HEALTH_AGAIN_MS / 12);
    assert_eq!(said.borrow().len(), 2);
}

#[test]
fn a_clock_that_is_set_during_a_session_is_told() {
    let (mut bus, said) = pair();
    bus.connect(1, 0, None);
    bus.run();
    wait(&mut bus, TICK_MS);
    said.borrow_mut().clear();
    bus.nodes[1].ahead_ms = -3 * 3_600_000;
    wait(&mut bus, HEALTH_MS);
    assert_eq!(said.borrow().len(), 1);
    assert_eq!(known(&bus, 0, 1).clock_skew_ms, Some(-3 * 3_600_000));
}

#[test]
fn whoever_does_not_read_it_is_told_nothing() {
    let (mut bus, _) = pair();
    let said = Rc::new(RefCell::new(0));
    let count = Rc::clone(&said);
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        let (hop, mut message) = wire::decode(&bytes).unwrap();
        match &mut message {
            Message::Health(_) if node == 0 => *count.borrow_mut() += 1,
            // An older version: it announces less, and would not understand.
            Message::Hello(hello) if node == 1 => hello.features &= 15,
            _ => {}
        }
        wire::encode(hop, &message)
    }));
    assert!(bus.sync(1, 0).unwrap().in_sync);
    wait(&mut bus, HEALTH_AGAIN_MS);
    finish(&mut bus, 1, 0);
    assert_eq!(*said.borrow(), 0);
    assert_eq!(
        contact(&bus, 1, 0).told,
        None,
        "not known, and not told as nothing"
    );
}

#[test]
fn a_liar_is_left_and_what_it_said_is_not_kept() {
    for lie in [0_usize, 1, 2] {
        let (mut bus, _) = pair();
        bus.tamper = Some(Box::new(move |node, _, bytes| {
            let (hop, message) = wire::decode(&bytes).unwrap();
            let Message::Health(said) = message else {
                return bytes;
            };
            if node == 0 {
                return bytes;
            }
            let said = match lie {
                0 => Vec::new(),
                1 => said.iter().copied().chain(std::iter::repeat_n(0, 600)).collect(),
                _ => Health {
                    records: u64::MAX,
                    ..Health::decode(&said).unwrap()
                }
                .encode(),
            };
            wire::encode(hop, &Message::Health(said))
        }));
        bus.connect(1, 0, None);
        bus.run();
        wait(&mut bus, TICK_MS);
        let closes = &bus.nodes[0].closes;
        assert!(
            matches!(closes.as_slice(), [CloseReason::Malformed(_)]),
            "{lie}: {closes:?}"
        );
        assert_eq!(contact(&bus, 0, 1).told, None);
    }
}

#[test]
fn the_backlog_is_what_a_peer_is_not_known_to_have() {
    let (mut bus, _) = pair();
    assert_eq!(
        contact(&bus, 0, 1).backlog,
        None,
        "never met: not known, which is not none"
    );
    bus.sync(1, 0).unwrap();
    assert_eq!(
        (contact(&bus, 0, 1).backlog, contact(&bus, 1, 0).backlog),
        (Some(0), Some(0))
    );
    bus.cut();
    for i in 0..5 {
        patient(&bus.nodes[0].store, &format!("n{i}"), "Huanca");
    }
    assert_eq!(contact(&bus, 0, 1).backlog, Some(5));
    assert_eq!(contact(&bus, 1, 0).backlog, Some(0));
    // The same without a network side.
    bus.nodes[0].engine.flush();
    let stored = setup::peers(&bus.nodes[0].store).unwrap().remove(0);
    assert_eq!(stored.contact, contact(&bus, 0, 1));
    // Of a log that was written anew nothing is known.
    let bytes = bus.nodes[0].store.blob("net/peers-contact").unwrap().unwrap();
    let mut other = bytes.clone();
    other[8] ^= 1;
    bus.nodes[0].store.blob_put("net/peers-contact", &other).unwrap();
    let stored = setup::peers(&bus.nodes[0].store).unwrap().remove(0);
    assert_eq!(stored.contact.backlog, None);
    assert_eq!(stored.contact.told, contact(&bus, 0, 1).told);
    assert_eq!(stored.contact.bytes_out, contact(&bus, 0, 1).bytes_out);
    bus.sync(1, 0).unwrap();
    assert_eq!(contact(&bus, 0, 1).backlog, Some(0));
}

#[test]
fn a_peer_that_says_to_have_more_than_there_is_has_what_there_is() {
    let (mut bus, _) = pair();
    bus.sync(1, 0).unwrap();
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        let (hop, mut message) = wire::decode(&bytes).unwrap();
        match &mut message {
            Message::Status(status) if node == 1 => status.received = u64::MAX,
            Message::Hello(hello) if node == 1 => hello.status.received = u64::MAX,
            _ => {}
        }
        wire::encode(hop, &message)
    }));
    bus.cut();
    bus.sync(1, 0).unwrap();
    patient(&bus.nodes[1].store, "c", "Condori");
    bus.give(1, Event::LocalChange);
    bus.run();
    bus.cut();
    patient(&bus.nodes[0].store, "d", "Condori");
    assert_eq!(contact(&bus, 0, 1).backlog, Some(1));
}

#[test]
fn a_peer_whose_disk_is_an_older_one_lacks_what_it_had() {
    let (mut bus, _) = pair();
    bus.sync(1, 0).unwrap();
    bus.cut();
    // It greets as one that has read nothing; on the way everything is lost.
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        let (hop, mut message) = wire::decode(&bytes).unwrap();
        if let (Message::Hello(hello), 1) = (&mut message, node) {
            (hello.cursor, hello.status.received, hello.status.sum) = (None, 0, [7; 32]);
        }
        wire::encode(hop, &message)
    }));
    bus.deliver_max = Some(bus.delivered + 1);
    bus.connect(1, 0, None);
    bus.run();
    assert_eq!(contact(&bus, 0, 1).backlog, None);
}

#[test]
fn who_is_not_heard_is_not_spoken_of_in_the_present_and_was_last_heard_when_it_was() {
    let (mut bus, _) = pair();
    bus.connect(1, 0, None);
    bus.run();
    let (there, _) = bus.nodes[0]
        .engine
        .sessions
        .iter()
        .map(|(id, s)| (*id, s.peer))
        .next()
        .unwrap();
    wait(&mut bus, TICK_MS);
    let heard_ms = bus.now_ms;
    let standing = |bus: &Bus| known(bus, 0, 1).standing(bus.now_ms);
    assert_eq!(standing(&bus), Standing::Connected { in_sync: true });
    // Nothing but ticks: the peer is dead, and the connection does not know it yet.
    let pass = |bus: &mut Bus, ms: u64| {
        bus.now_ms += ms;
        bus.give(0, Event::Tick);
    };
    pass(&mut bus, UNHEARD_MS - 1);
    assert_eq!(standing(&bus), Standing::Connected { in_sync: true });
    let before = bus.nodes[0].engine.revision();
    pass(&mut bus, 1);
    assert_eq!(standing(&bus), Standing::Silent);
    assert_ne!(bus.nodes[0].engine.revision(), before, "whoever watches is told");
    let silent = bus.nodes[0].engine.revision();
    pass(&mut bus, 1);
    assert_eq!(bus.nodes[0].engine.revision(), silent, "once");
    let info = known(&bus, 0, 1);
    assert_eq!((info.last_seen_ms, info.contact.in_sync_ms), (heard_ms, heard_ms));
    // Its transport answers: it is there, and still holds the same. Whoever watches is told at once.
    let before = bus.nodes[0].engine.revision();
    bus.nodes[0].engine.heard(there);
    assert_ne!(bus.nodes[0].engine.revision(), before);
    let back = bus.nodes[0].engine.revision();
    bus.nodes[0].engine.heard(there);
    assert_eq!(
        bus.nodes[0].engine.revision(),
        back,
        "that it is still there is no news"
    );
    assert_eq!(standing(&bus), Standing::Connected { in_sync: true });
    let heard_ms = bus.now_ms;
    pass(&mut bus, UNHEARD_MS + 5);
    let closed = Event::Closed {
        session: there,
        reason: CloseReason::Lost("cut".into()),
    };
    bus.give(0, closed);
    assert_eq!(standing(&bus), Standing::Away);
    let info = known(&bus, 0, 1);
    assert_eq!((info.last_seen_ms, info.contact.in_sync_ms), (heard_ms, heard_ms));
    bus.nodes[0].engine.flush();
    let stored = setup::peers(&bus.nodes[0].store).unwrap().remove(0);
    assert_eq!(
        (stored.last_seen_ms, stored.contact.in_sync_ms),
        (heard_ms, heard_ms)
    );
}

#[test]
fn what_a_sync_brought_is_told_as_soon_as_both_hold_the_same() {
    let (mut bus, said) = pair();
    bus.connect(1, 0, None);
    bus.run();
    wait(&mut bus, TICK_MS);
    assert_eq!(told(&bus, 0, 1).records, 2);
    said.borrow_mut().clear();
    for i in 0..30 {
        patient(&bus.nodes[0].store, &format!("n{i}"), "Huanca");
    }
    bus.give(0, Event::LocalChange);
    bus.run();
    wait(&mut bus, HEALTH_LOOK_MS);
    assert!(known(&bus, 0, 1).in_sync && known(&bus, 1, 0).in_sync);
    assert_eq!((told(&bus, 0, 1).records, told(&bus, 1, 0).records), (32, 32));
    assert_eq!(said.borrow().len(), 2, "each once");
    wait(&mut bus, HEALTH_LOOK_MS);
    assert_eq!(said.borrow().len(), 2, "each once");
}

#[test]
fn a_power_cut_forgets_ten_minutes_of_a_long_session_and_no_more() {
    let (mut bus, _) = pair();
    bus.connect(1, 0, None);
    bus.run();
    for _ in 0..12 {
        let there: Vec<SessionId> = bus.nodes[0].engine.session_ids().collect();
        bus.nodes[0].engine.heard(there[0]);
        wait(&mut bus, CONTACT_KEEP_MS / 10);
    }
    let stored = setup::peers(&bus.nodes[0].store).unwrap().remove(0);
    let ago_ms = bus.now_ms - stored.last_seen_ms;
    assert!(ago_ms <= CONTACT_KEEP_MS, "{ago_ms}");
    assert_eq!(stored.contact.in_sync_ms, stored.last_seen_ms);
}

#[test]
fn a_time_noted_while_the_clock_stood_ahead_gives_way() {
    let (mut bus, _) = pair();
    bus.nodes[0].ahead_ms = 365 * 86_400_000;
    bus.sync(1, 0).unwrap();
    bus.cut();
    assert!(known(&bus, 0, 1).last_seen_ms > bus.now_ms);
    bus.nodes[0].ahead_ms = 0;
    bus.sync(1, 0).unwrap();
    bus.cut();
    let info = known(&bus, 0, 1);
    assert_eq!(
        (info.last_seen_ms, info.contact.in_sync_ms),
        (bus.now_ms, bus.now_ms)
    );
}

#[test]
fn bytes_are_counted_once_whenever_one_asks() {
    let (mut bus, _) = pair();
    let (mut out, mut into) = (0, 0);
    for _ in 0..3 {
        bus.connect(1, 0, None);
        bus.run();
        wait(&mut bus, CONTACT_KEEP_MS);
        bus.nodes[0].engine.flush();
        wait(&mut bus, TICK_MS);
        let session = bus.nodes[0].engine.sessions.values().next().unwrap();
        (out, into) = (out + session.stats.bytes_out, into + session.stats.bytes_in);
        let now = contact(&bus, 0, 1);
        assert_eq!((now.bytes_out, now.bytes_in), (out, into));
        bus.cut();
        let after = contact(&bus, 0, 1);
        assert_eq!((after.bytes_out, after.bytes_in), (out, into));
    }
    bus.nodes[0].restart();
    let after = contact(&bus, 0, 1);
    assert!(after.bytes_out > 0 && after.bytes_out <= out && after.bytes_in <= into);
    let other = contact(&bus, 1, 0);
    assert_eq!(
        (other.bytes_out, other.bytes_in),
        (into, out),
        "what one sends the other receives"
    );
}

#[test]
fn contacts_have_a_bound_and_what_cannot_be_read_is_begun_anew() {
    use crate::engine::contacts::Contacts;
    let mut contacts = Contacts::default();
    let node = |n: u32| {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&n.to_be_bytes());
        chaski_crdt::author::NodeId(key)
    };
    for n in 0..=u32::try_from(PEERS_MAX).unwrap() {
        contacts.acked_raise(&node(n), u64::from(n));
    }
    let bytes = contacts.write(7).unwrap();
    let read = Contacts::read(&bytes, 7);
    assert_eq!(read.contact(&node(9), 10).backlog, Some(1));
    assert_eq!(
        read.contact(&node(u32::try_from(PEERS_MAX).unwrap()), 10).backlog,
        None
    );
    assert_eq!(read.write(7), Some(bytes.clone()));
    for broken in [&bytes[..1], &bytes[..30], &[9; 40], &[]] {
        assert_eq!(Contacts::read(broken, 7).write(7), None);
    }
    contacts.forget(&node(9));
    assert_eq!(contacts.contact(&node(9), 10), Contact::default());
    assert_eq!(Contacts::default().write(7), None);
}
