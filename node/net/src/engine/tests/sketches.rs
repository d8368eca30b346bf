//! What differs, found by a sketch, and by ranges where that does not tell.

use super::*;
use crate::limits::{SKETCH_SYMBOLS_FAST, SKETCH_SYMBOLS_MIN, SKETCH_SYMBOLS_SLOW};
use crate::pace::Pace;
use crate::wire::{Message, Repair};

/// What was said of a repair, by kind.
#[derive(Debug, Default)]
struct Said {
    sketches: Vec<usize>,
    more: Vec<u32>,
    lacks: usize,
    ranges: usize,
    wants: usize,
    records: usize,
}

/// Two members who hold the same from a hub that neither meets the other by, and more than that.
fn strangers(common: u32, own: u32, other: u32) -> Bus {
    let mut bus = Bus::new(3);
    for i in 0..common {
        patient(&bus.nodes[0].store, &format!("common{i}"), "Quispe");
    }
    for node in [1, 2] {
        assert!(bus.sync(node, 0).unwrap().in_sync);
        bus.cut();
    }
    for (node, count) in [(1, own), (2, other)] {
        for i in 0..count {
            patient(&bus.nodes[node].store, &format!("of-{node}-{i}"), "Mamani");
        }
    }
    bus
}

/// They meet; what was said is counted, once `tamper` has changed it.
fn meet(bus: &mut Bus, mut tamper: impl FnMut(Message) -> Message + 'static) -> (SyncReport, Said) {
    let said = Arc::new(Mutex::new(Said::default()));
    let counted = Arc::clone(&said);
    bus.tamper = Some(Box::new(move |_, _, bytes| {
        let (hop, message) = crate::wire::decode(&bytes).unwrap();
        let mut said = counted.lock().unwrap();
        match &message {
            Message::Repair(Repair::Sketch { symbols, .. }) => said.sketches.push(symbols.len() / 20),
            Message::Repair(Repair::More { to, .. }) => said.more.push(*to),
            Message::Repair(Repair::Lacks { records, .. }) => said.lacks += records.len(),
            Message::Repair(Repair::Range { .. }) => said.ranges += 1,
            Message::Want(_) => said.wants += 1,
            Message::Batch(batch) => {
                said.records += crate::batch::decode(&batch.payload).unwrap().len();
            }
            _ => {}
        }
        crate::wire::encode(hop, &tamper(message))
    }));
    let report = bus.sync(1, 2).unwrap();
    bus.tamper = None;
    let said = std::mem::take(&mut *said.lock().unwrap());
    (report, said)
}

#[test]
fn two_who_hold_the_same_from_a_third_tell_each_other_what_only_one_has() {
    for (own, other) in [(0, 1), (1, 0), (20, 20), (100, 100), (0, 60)] {
        let mut bus = strangers(300, own, other);
        let (report, said) = meet(&mut bus, |message| message);
        assert!(report.in_sync, "{report:?}");
        assert_eq!(bus.nodes[1].fingerprint(), bus.nodes[2].fingerprint());
        let case = format!("{own} and {other}: {said:?}, {} round trips", report.round_trips);
        assert_eq!(said.records, usize::try_from(own + other).unwrap(), "{case}");
        // The first symbols travel with the hello; more are asked for where they are too few.
        let asked = usize::from(own + other > 60);
        assert!(said.sketches[0] <= SKETCH_SYMBOLS_SLOW, "{case}");
        assert!(said.more.len() <= asked, "{case}");
        assert_eq!(
            (said.sketches.len(), said.lacks),
            (1 + said.more.len(), own as usize),
            "{case}"
        );
        assert_eq!((said.ranges, said.wants), (0, 0), "{case}");
        assert!(report.round_trips <= 3, "{case}");
    }
}

#[test]
fn what_both_have_changed_goes_both_ways_and_nothing_twice() {
    let mut bus = strangers(300, 3, 3);
    for node in [1, 2] {
        let store = &bus.nodes[node].store;
        observation(store, &format!("of-{node}"), "common0", 1);
        put(
            store,
            &format!(
                r#"{{"resourceType":"Patient","id":"common{node}","name":[{{"family":"Quispe"}}],"gender":"male"}}"#
            ),
        );
        put(
            store,
            &format!(
                r#"{{"resourceType":"Patient","id":"common9","name":[{{"family":"Quispe"}}],"gender":"female","active":{}}}"#,
                node == 1
            ),
        );
    }
    let (report, said) = meet(&mut bus, |message| message);
    assert!(report.in_sync, "{report:?}");
    assert_eq!(bus.nodes[1].fingerprint(), bus.nodes[2].fingerprint());
    // 8 that one of both has alone, 2 that one has changed, and one that both have.
    assert_eq!(said.records, 8 + 2 + 2, "{said:?}");
    assert_eq!(said.ranges, 0, "{said:?}");
}

#[test]
fn on_a_slow_link_little_is_said_first_and_more_where_it_is_wanted() {
    let mut bus = strangers(300, 90, 90);
    let slow = Pace {
        bytes_s: 3_750,
        rtt_ms: 600,
    };
    bus.now_ms += 10_000;
    let sent = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&sent);
    bus.tamper = Some(Box::new(move |_, _, bytes| {
        if let Ok((_, Message::Repair(Repair::Sketch { from, symbols, .. }))) = crate::wire::decode(&bytes) {
            noted.lock().unwrap().push((from as usize, symbols.len() / 20));
        }
        bytes
    }));
    let (session, _) = bus.connect(1, 2, Some(1));
    bus.give(1, Event::Paced { session, pace: slow });
    bus.run();
    assert_eq!(bus.nodes[1].fingerprint(), bus.nodes[2].fingerprint());
    let sent = sent.lock().unwrap().clone();
    assert_eq!(sent[0], (0, SKETCH_SYMBOLS_SLOW));
    assert_eq!(sent[1].0, SKETCH_SYMBOLS_SLOW, "{sent:?}");
    let all: usize = sent.iter().map(|(_, count)| count).sum();
    assert!(sent.len() <= 3 && all < 3 * SKETCH_SYMBOLS_FAST, "{sent:?}");
}

#[test]
fn on_a_link_of_which_little_is_known_a_first_meeting_takes_three_round_trips() {
    let mut bus = strangers(300, 200, 200);
    bus.now_ms += 10_000;
    let (dialled, accepted) = bus.connect(1, 2, Some(1));
    let pace = Pace {
        bytes_s: 24_000,
        rtt_ms: 600,
    };
    for (node, session) in [(1, dialled), (2, accepted)] {
        bus.give(node, Event::Paced { session, pace });
    }
    bus.run();
    assert_eq!(bus.nodes[1].fingerprint(), bus.nodes[2].fingerprint());
    let report = bus.nodes[1].reports.pop().unwrap().unwrap();
    assert!(report.in_sync && report.round_trips <= 3, "{report:?}");
}

#[test]
fn what_a_sketch_does_not_tell_is_found_by_ranges() {
    // A liar's symbols; one who wants more than there is; one that names what nobody has.
    type Tamper = fn(Message) -> Message;
    let cases: [(&str, Tamper); 3] = [
        ("symbols", |message| match message {
            Message::Repair(Repair::Sketch {
                round,
                salt,
                parities,
                from,
                mut symbols,
            }) => {
                symbols
                    .iter_mut()
                    .enumerate()
                    .for_each(|(i, byte)| *byte ^= (i % 251) as u8);
                Message::Repair(Repair::Sketch {
                    round,
                    salt,
                    parities,
                    from,
                    symbols,
                })
            }
            other => other,
        }),
        ("half a symbol", |message| match message {
            Message::Repair(Repair::Sketch {
                round,
                salt,
                parities,
                from,
                mut symbols,
            }) => {
                symbols.pop();
                Message::Repair(Repair::Sketch {
                    round,
                    salt,
                    parities,
                    from,
                    symbols,
                })
            }
            other => other,
        }),
        ("names", |message| match message {
            Message::Repair(Repair::Lacks { round, records }) => Message::Repair(Repair::Lacks {
                round,
                records: records.iter().map(|_| [7; 8]).collect(),
            }),
            other => other,
        }),
    ];
    for (what, tamper) in cases {
        let mut bus = strangers(300, 30, 30);
        let (report, said) = meet(&mut bus, tamper);
        assert!(report.in_sync, "{what}: {report:?}");
        assert_eq!(bus.nodes[1].fingerprint(), bus.nodes[2].fingerprint(), "{what}");
        assert!(said.ranges > 0, "{what}: {said:?}");
    }
}

#[test]
fn steps_out_of_turn_change_nothing() {
    let mut bus = strangers(20, 1, 1);
    assert!(bus.sync(1, 2).unwrap().in_sync);
    bus.connect(1, 2, None);
    bus.run();
    let steps = [
        Repair::More { round: 0, to: 50 },
        Repair::More {
            round: 1,
            to: u32::MAX,
        },
        Repair::Lacks {
            round: 0,
            records: vec![[1; 8]; 9],
        },
        Repair::Lacks {
            round: 1,
            records: vec![[1; 8]; 9],
        },
    ];
    for (node, peer) in [(1, 2), (2, 1)] {
        let peer = bus.nodes[peer].id();
        let session = bus.nodes[node]
            .engine
            .sessions
            .values()
            .find(|s| s.peer == peer)
            .unwrap()
            .id;
        for step in &steps {
            let bytes = crate::wire::encode(1, &Message::Repair(step.clone()));
            bus.give(
                node,
                Event::Message {
                    session,
                    priority: Priority::Control,
                    bytes,
                },
            );
        }
        bus.run();
        assert!(
            bus.nodes[node].engine.sessions.contains_key(&session),
            "{:?}",
            bus.nodes[node].closes
        );
    }
    assert_eq!(bus.nodes[1].fingerprint(), bus.nodes[2].fingerprint());
}

#[test]
fn one_who_sends_the_same_sketch_again_and_again_has_it_looked_at_once() {
    for symbols in [vec![0_u8; 4_096 * 20], Vec::new()] {
        let mut bus = Bus::new(2);
        for i in 0..300 {
            patient(&bus.nodes[0].store, &format!("p{i}"), "Quispe");
        }
        let (_, session) = bus.connect(1, 0, None);
        bus.run();
        let mut answered = 0;
        for _ in 0..40 {
            let step = Repair::Sketch {
                round: 1,
                salt: 5,
                parities: vec![0; 52],
                from: 0,
                symbols: symbols.clone(),
            };
            let bytes = crate::wire::encode(1, &Message::Repair(step));
            let event = Event::Message {
                session,
                priority: Priority::Control,
                bytes,
            };
            let effects = bus.nodes[0].engine.handle_inline(now_at(bus.now_ms), event);
            answered += effects
                .iter()
                .filter(|e| {
                    matches!(
                        e,
                        Effect::Send {
                            priority: Priority::Repair,
                            ..
                        }
                    )
                })
                .count();
        }
        let gives = bus.nodes[0]
            .engine
            .sessions
            .get(&session)
            .map_or(0, |s| s.send.gives.len());
        assert!(gives <= 300, "{gives} to give");
        assert!(answered <= 20, "{answered} batches");
    }
}

#[test]
fn a_sketch_that_travels_with_the_hello_is_of_no_use_to_whoever_sends_its_log() {
    // Held in common, by the dialling side alone, and by the other alone.
    for (common, own, other) in [
        // The other holds next to nothing; far more; the same; too much differs.
        (0, 300, 3),
        (0, 260, 900),
        (300, 0, 0),
        (210, 700, 700),
    ] {
        let mut bus = strangers(common, own, other);
        let (report, said) = meet(&mut bus, |message| message);
        let case = format!("{common}, {own} and {other}: {said:?}");
        assert!(report.in_sync, "{case}: {report:?}");
        assert_eq!(bus.nodes[1].fingerprint(), bus.nodes[2].fingerprint(), "{case}");
        let new = usize::try_from(own + other).unwrap();
        assert_eq!(said.records, new, "nothing twice: {case}");
    }
}

#[test]
fn who_has_met_before_sends_no_sketch_with_the_hello() {
    let mut bus = strangers(300, 5, 5);
    let (_, said) = meet(&mut bus, |message| message);
    assert_eq!(said.sketches.len(), 1);
    bus.cut();
    bus.now_ms += 10_000;
    patient(&bus.nodes[2].store, "later", "Quispe");
    let (report, said) = meet(&mut bus, |message| message);
    assert!(report.in_sync && report.round_trips <= 2, "{report:?}");
    assert_eq!((said.sketches.len(), said.records), (0, 1), "{said:?}");
}

#[test]
fn two_who_have_much_and_nothing_in_common_exchange_it_all() {
    for (common, own, other) in [
        (0, 1_500, 1_500),
        (0, 1_500, 3),
        (0, 3, 1_500),
        (40, 1_500, 1_500),
    ] {
        let mut bus = strangers(common, own, other);
        let (report, said) = meet(&mut bus, |message| message);
        assert!(report.in_sync, "{common} {own} {other}: {report:?}, {said:?}");
        assert_eq!(bus.nodes[1].fingerprint(), bus.nodes[2].fingerprint());
        let most = usize::try_from(own + other).unwrap() * 21 / 20;
        assert!(said.records <= most, "{common} {own} {other}: {said:?}");
    }
}

/// How often a hub walks over all it holds for what a member says of its sketch; `next` gives, by what the hub
/// asked for last, the symbols from a number on.
fn walks(next: impl Fn(usize, usize) -> (usize, Vec<u8>)) -> usize {
    let (mut bus, session) = super::proofs::rested();
    let (mut walks, mut from, mut asked) = (0, 0, 0);
    for _ in 0..300 {
        let (at, symbols) = next(from, asked);
        from = at + symbols.len() / 20;
        let step = Repair::Sketch {
            round: 1,
            salt: 7,
            parities: Vec::new(),
            from: u32::try_from(at).unwrap(),
            symbols,
        };
        let event = Event::Message {
            session,
            priority: Priority::Control,
            bytes: crate::wire::encode(9, &Message::Repair(step)),
        };
        let engine = &mut bus.nodes[0].engine;
        let mut pending = VecDeque::from(engine.handle(now_at(bus.now_ms), event));
        while let Some(effect) = pending.pop_front() {
            match effect {
                Effect::Read(job) => {
                    walks += usize::from(job.length == crate::read::Length::Whole);
                    let done = job.run(engine.core.replica.as_ref());
                    pending.extend(engine.handle(now_at(bus.now_ms), Event::Read(Box::new(done))));
                }
                Effect::Send { bytes, .. } => {
                    if let Ok((_, Message::Repair(Repair::More { to, .. }))) = crate::wire::decode(&bytes) {
                        asked = to as usize;
                    }
                }
                _ => {}
            }
        }
    }
    assert!(bus.nodes[0].engine.is_live(session));
    walks
}

#[test]
fn a_sketch_has_what_is_held_walked_a_few_times_however_it_comes() {
    let noise = |count: usize, from: usize| -> Vec<u8> {
        (0..count * 20)
            .map(|byte| ((from + byte / 20) % 255 + 1) as u8)
            .collect()
    };
    // A symbol a message; first as few as there may be, then a symbol a message; what is asked for, to the end.
    assert_eq!(walks(|from, _| (from, noise(1, from))), 0);
    let first = |from: usize| if from == 0 { SKETCH_SYMBOLS_MIN } else { 1 };
    assert_eq!(walks(|from, _| (from, noise(first(from), from))), 1);
    let as_asked = |from: usize, asked: usize| match from {
        0 => SKETCH_SYMBOLS_MIN,
        _ => asked.saturating_sub(from),
    };
    let most = walks(|from, asked| (from, noise(as_asked(from, asked), from)));
    assert!((2..=10).contains(&most), "{most}");
}
