//! Many at once: what a hub reads for them, and whom a slow disk holds up.

use super::fickle::Fickle;
use super::*;
use crate::engine::session::{Ready, Session};
use crate::limits::{EAGER_BATCHES_MAX, WINDOW_BATCHES_MAX};
use crate::wire::Message;

/// A hub that counts what it reads, and clinics with records of their own.
fn crowd(clinics: usize, records: u32) -> (Bus, Arc<Fickle>) {
    let mut bus = Bus::new(clinics + 1);
    for i in 0..60 {
        patient(&bus.nodes[0].store, &format!("hub-{i}"), "Quispe");
    }
    for clinic in 1..=clinics {
        for i in 0..records {
            observation(&bus.nodes[clinic].store, &format!("of-{clinic}-{i}"), "x", i);
        }
    }
    let fickle = Fickle::of(&bus.nodes[0].store);
    let small = Options {
        batch_bytes: 700,
        ..Options::default()
    };
    let store = bus.nodes[0].store.clone();
    bus.nodes[0] = Node::over(store, fickle.clone(), small);
    (bus, fickle)
}

#[test]
fn a_hub_reads_a_record_a_few_times_however_many_it_sends_it_to() {
    for clinics in [2, 6, 12] {
        let (mut bus, fickle) = crowd(clinics, 25);
        for clinic in 1..=clinics {
            bus.connect(clinic, 0, Some(1));
        }
        bus.run();
        bus.assert_equal();
        let sent = |node: &Engine| -> u64 { node.sessions.values().map(|s| s.stats.sent_records).sum() };
        let sent = sent(&bus.nodes[0].engine);
        let read = fickle.records_read.load(Ordering::SeqCst);
        let held = bus.nodes[0].records();
        assert!(
            read <= 4 * held,
            "{clinics} clinics: {read} read of {held}, {sent} sent"
        );
        let pages = fickle.pages_read.load(Ordering::SeqCst);
        assert!(pages <= 3 * sent, "{clinics}: {pages} pages read for {sent} sent");
    }
}

#[test]
fn where_nothing_is_new_nothing_is_read() {
    let (mut bus, fickle) = crowd(4, 5);
    for clinic in 1..=4 {
        assert!(bus.sync(clinic, 0).unwrap().in_sync);
    }
    for clinic in 1..=4 {
        assert!(bus.sync(clinic, 0).unwrap().in_sync);
    }
    fickle.records_read.store(0, Ordering::SeqCst);
    fickle.pages_read.store(0, Ordering::SeqCst);
    for clinic in 1..=4 {
        assert!(bus.sync(clinic, 0).unwrap().in_sync);
        bus.give(0, Event::Tick);
        bus.give(0, Event::LocalChange);
    }
    assert_eq!(fickle.records_read.load(Ordering::SeqCst), 0);
    assert_eq!(fickle.pages_read.load(Ordering::SeqCst), 0);
}

/// The hub's only session.
fn session(bus: &Bus) -> &Session {
    bus.nodes[0].engine.sessions.values().next().unwrap()
}

#[test]
fn what_there_is_no_room_for_is_not_read() {
    let (mut bus, fickle) = crowd(1, 0);
    bus.connect(1, 0, None);
    // The clinic hears nothing of what it is sent, and acknowledges nothing.
    bus.deliver_max = Some(1);
    bus.run();
    let read = || fickle.records_read.load(Ordering::SeqCst);
    let sent = |bus: &Bus| session(bus).stats.sent_records;
    assert!(read() < 60 && sent(&bus) > 0, "{} of 60 were read", read());
    let before = read();
    for _ in 0..50 {
        bus.give(0, Event::Tick);
        bus.give(0, Event::LocalChange);
    }
    assert_eq!(read(), before, "read again and thrown away");
    let in_flight = |bus: &Bus| session(bus).send.in_flight.len();
    assert_eq!(in_flight(&bus), WINDOW_BATCHES_MAX);
    // What is written meanwhile waits as well, and is neither lost nor sent twice.
    patient(&bus.nodes[0].store, "late", "Mamani");
    bus.give(0, Event::LocalChange);
    assert!(in_flight(&bus) <= WINDOW_BATCHES_MAX && WINDOW_BATCHES_MAX > EAGER_BATCHES_MAX);
    bus.deliver_max = None;
    bus.run();
    bus.assert_equal();
}

#[test]
fn one_whose_first_sync_takes_its_time_costs_no_more_than_one_that_has_all() {
    // What the hub reads while another writes, beside one that has all, or is in a first sync for ever.
    let cost = |is_slow: bool| {
        let (mut bus, fickle) = crowd(2, 3);
        assert!(bus.sync(2, 0).unwrap().in_sync);
        if is_slow {
            // What the first clinic is sent is never acknowledged.
            bus.tamper = Some(Box::new(|node, _, bytes| match crate::wire::decode(&bytes) {
                Ok((hop, Message::Ack(_))) if node == 1 => crate::wire::encode(hop, &Message::Ask(0)),
                _ => bytes,
            }));
        }
        bus.connect(1, 0, None);
        bus.connect(2, 0, None);
        bus.run();
        for counter in [&fickle.pages_read, &fickle.records_read] {
            counter.store(0, Ordering::SeqCst);
        }
        for i in 0..20 {
            observation(&bus.nodes[2].store, &format!("new-{i}"), "x", i);
            bus.give(2, Event::LocalChange);
            bus.run();
            bus.give(0, Event::Tick);
        }
        assert_eq!(bus.nodes[2].records(), bus.nodes[0].records());
        [&fickle.pages_read, &fickle.records_read].map(|counter| counter.load(Ordering::SeqCst))
    };
    let (quick, slow) = (cost(false), cost(true));
    assert!(slow[0] <= quick[0] && slow[1] < quick[1], "{quick:?} {slow:?}");
}

#[test]
fn a_disk_that_takes_its_time_with_one_holds_up_no_other() {
    let (mut bus, _) = crowd(2, 3);
    let reading = bus.nodes[1].id();
    // The hub has not yet read what the first clinic is to be sent.
    let open = |session, peer| Event::Opened {
        session,
        peer,
        outbound: false,
        address: String::new(),
        request: None,
    };
    let first = bus.connect(1, 0, None);
    let hello = std::mem::take(&mut bus.queue);
    let engine = &mut bus.nodes[0].engine;
    let mut held = Vec::new();
    for (_, event) in hello {
        held.extend(engine.handle(now_at(bus.now_ms), event));
    }
    let is_read = |effect: &Effect| matches!(effect, Effect::Read(_));
    assert!(held.iter().any(is_read), "nothing is held up");
    assert!(!bus.nodes[0].engine.is_live(first.1));
    // Another is met and served.
    assert!(bus.sync(2, 0).unwrap().in_sync);
    // A second connection of the first is none of the first one's business either.
    let effects = bus.nodes[0]
        .engine
        .handle_inline(now_at(bus.now_ms), open(900, reading));
    assert!(effects.is_empty());
    // Once the disk has answered, it goes on where it stood.
    bus.effects(0, held);
    bus.run();
    assert_eq!(bus.nodes[1].records(), bus.nodes[0].records());
}

#[test]
fn what_is_written_while_the_log_is_read_is_sent_once_that_is_told() {
    let (mut bus, _) = crowd(1, 0);
    assert!(bus.sync(1, 0).unwrap().in_sync);
    let now = now_at(bus.now_ms);
    observation(&bus.nodes[0].store, "first", "x", 1);
    let effects = bus.nodes[0].engine.handle(now, Event::LocalChange);
    let mut told = Vec::new();
    for effect in effects {
        if let Effect::Read(job) = effect {
            told.push(job.run(bus.nodes[0].engine.core.replica.as_ref()));
        }
    }
    assert_eq!(told.len(), 1);
    // Written, and told of, after the log was read to its end and before that is told.
    observation(&bus.nodes[0].store, "second", "x", 2);
    let effects = bus.nodes[0].engine.handle(now, Event::LocalChange);
    assert!(effects.iter().all(|effect| !matches!(effect, Effect::Read(_))));
    for done in told {
        bus.give(0, Event::Read(Box::new(done)));
    }
    bus.run();
    bus.assert_equal();
}

#[test]
fn what_was_read_for_a_peer_whose_grant_is_over_is_not_sent_to_it() {
    let (mut bus, _) = crowd(1, 0);
    let (there, _) = bus.connect(0, 1, None);
    bus.deliver_max = Some(2);
    bus.run();
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    // The windows are full, and what was read waits.
    let full = crate::limits::WINDOW_BYTES_MAX;
    session.send.in_flight = Priority::FEED.map(|priority| (priority, 900, full)).into();
    session.send.walks = Default::default();
    session.send.is_feed_read = true;
    let read = crate::read::Payload {
        bytes: vec![1].into(),
        raw_bytes: 1,
        records: 1,
        to: 5,
    };
    session.send.ready[0].push_back(Ready {
        payload: read,
        from: 0,
        base: 0,
    });
    session.send.walks[0].position = 5;
    session.send.is_feed_read = false;
    let from = session.send.ready[0]
        .front()
        .map(|ready| (ready.from, ready.base));
    assert!(from.is_some());
    session.withheld = true;
    session.send.in_flight.clear();
    let sent = session.stats.sent_records;
    pump(session, &mut engine.core);
    assert_eq!(session.stats.sent_records, sent);
    assert!(session.is_ready_sent());
    let walk = session.send.walks[0];
    assert_eq!(
        Some((walk.position, walk.base)),
        from,
        "it would be left out after a renewal"
    );
    session.withheld = false;
    pump(session, &mut engine.core);
    assert!(session.stats.sent_records > sent);
}

#[test]
fn what_could_not_be_read_ends_the_session_that_wanted_it_with_the_reason() {
    let (mut bus, _) = crowd(1, 1);
    let (_, there) = bus.connect(1, 0, None);
    let engine = &mut bus.nodes[0].engine;
    let failed = crate::read::ReadDone {
        session: there,
        found: Err(crate::replica::ReplicaError("the disk is broken".into())),
        ratio: 4,
        read_us: 0,
    };
    let effects = engine.handle(now_at(bus.now_ms), Event::Read(Box::new(failed)));
    let close = effects.iter().find_map(|effect| match effect {
        Effect::Close { session, reason } if *session == there => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(close, Some(CloseReason::Store("the disk is broken".into())));
}

#[test]
fn whoever_is_answered_late_is_told_what_goes_along_with_the_answer() {
    let (mut bus, _) = crowd(1, 2);
    let (_, there) = bus.connect(1, 0, None);
    let said = super::durable::heard(&mut bus, 0);
    bus.run();
    let said = said.lock().unwrap();
    let Some(Message::Hello(hello)) = said.first() else {
        panic!("the first word is the hello: {said:?}");
    };
    let batches = said.iter().filter(|message| matches!(message, Message::Batch(_)));
    assert!(hello.status.sent[0] > 0 && batches.count() > 0);
    assert!(bus.nodes[0].engine.is_live(there));
}

#[test]
fn what_was_written_meanwhile_goes_to_all_whatever_happens_next_and_to_whom() {
    let (mut bus, _) = crowd(2, 1);
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    bus.connect(2, 0, None);
    bus.run();
    // Nobody was told of it yet when the first clinic has a word; on its link something moves in between.
    patient(&bus.nodes[0].store, "news", "Mamani");
    bus.give(0, Event::Moved { session: there });
    patient(&bus.nodes[0].store, "more", "Mamani");
    let word = Event::Message {
        session: there,
        priority: Priority::Control,
        bytes: crate::wire::encode(1, &Message::Ask(1)),
    };
    bus.give(0, word);
    bus.run();
    bus.assert_equal();
    // And where nothing was written nothing is looked at but the session that it is about.
    let (one, other) = {
        let mut ids = bus.nodes[0].engine.session_ids();
        (ids.next().unwrap(), ids.next().unwrap())
    };
    for (about, stays) in [(one, other), (other, one)] {
        let sessions = &mut bus.nodes[0].engine.sessions;
        sessions.get_mut(&stays).unwrap().proof.ask_due = true;
        let word = Event::Message {
            session: about,
            priority: Priority::Control,
            bytes: crate::wire::encode(1, &Message::Ask(2)),
        };
        bus.give(0, word);
        let sessions = &mut bus.nodes[0].engine.sessions;
        let is_due = std::mem::take(&mut sessions.get_mut(&stays).unwrap().proof.ask_due);
        assert!(is_due, "looked at for nothing");
    }
}

#[test]
fn a_report_tells_how_long_reading_took() {
    let (mut bus, _) = crowd(1, 1);
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    let engine = &mut bus.nodes[0].engine;
    let timing = |engine: &Engine| engine.sessions[&there].stats.timing.send_us;
    let before = timing(engine);
    for (read_us, expected) in [(7, before + 7), (5, before + 12), (u64::MAX, u64::MAX)] {
        let done = crate::read::ReadDone {
            session: there,
            found: Ok(crate::read::Found::Feed(Vec::new())),
            ratio: 4,
            read_us,
        };
        engine.handle(now_at(bus.now_ms), Event::Read(Box::new(done)));
        assert_eq!(timing(engine), expected);
    }
}

#[test]
fn what_one_sent_and_was_set_aside_is_news_to_the_others() {
    let (mut bus, fickle) = crowd(2, 1);
    let mut sessions = Vec::new();
    for clinic in [1, 2] {
        sessions.push(bus.connect(clinic, 0, None).1);
        bus.run();
    }
    fickle.set_aside.store(1, Ordering::SeqCst);
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&sessions[0]).unwrap();
    session.receive.applying = 1;
    let done = super::taking::applied(sessions[0], Priority::Rest, 90, session.receive.durable);
    let position = engine.core.position;
    let effects = engine.handle_inline(now_at(bus.now_ms), Event::Applied(Box::new(done)));
    assert_eq!(engine.core.position, position, "no test: the log has moved");
    let told = effects.iter().any(|effect| match effect {
        Effect::Send { session, bytes, .. } if *session == sessions[1] => {
            matches!(crate::wire::decode(bytes).unwrap().1, Message::Status(status) if status.quarantined == 1)
        }
        _ => false,
    });
    assert!(told, "{effects:?}");
}
