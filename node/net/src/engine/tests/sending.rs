//! What is sent, in which order, and how much of it before it was acknowledged.

use super::durable::heard;
use super::proofs::{rested, said};
use super::slow::scan;
use super::*;
use crate::engine::session::{Give, Ready, Session, Walk};
use crate::limits::{EAGER_BATCHES_MAX, WINDOW_BATCHES_MAX, WINDOW_BYTES_MAX};
use crate::read::Payload;
use crate::wire::{self, Batch, Message};

fn batches(said: Vec<Message>) -> Vec<Batch> {
    let batches = said.into_iter().filter_map(|message| match message {
        Message::Batch(batch) => Some(batch),
        _ => None,
    });
    batches.collect()
}

/// Whether the first node sends a record that was written meanwhile, after this was done to its session.
fn sends(change: impl FnOnce(&mut Session)) -> usize {
    let (mut bus, there) = rested();
    observation(&bus.nodes[0].store, "news", "a", 1);
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    session
        .send
        .walks
        .iter_mut()
        .for_each(|walk| walk.exhausted = None);
    change(session);
    pump(session, &mut engine.core);
    batches(said(engine)).len()
}

fn under_way(priority: Priority, batches: usize, bytes: usize) -> Vec<(Priority, u32, usize)> {
    (0..batches)
        .map(|id| (priority, 900 + id as u32, bytes))
        .collect()
}

#[test]
fn a_batch_waits_for_room_in_its_own_window_and_for_more_to_fill_it() {
    type Row<'a> = (&'a str, Vec<(Priority, u32, usize)>, usize);
    let half = WINDOW_BYTES_MAX / 2;
    let rows: [Row; 9] = [
        ("nothing is under way", vec![], 1),
        (
            "a few are",
            under_way(Priority::Rest, EAGER_BATCHES_MAX - 1, 1),
            1,
        ),
        (
            "it may be filled yet",
            under_way(Priority::Rest, EAGER_BATCHES_MAX, 1),
            0,
        ),
        (
            "many of another priority",
            under_way(Priority::Critical, WINDOW_BATCHES_MAX, 1),
            1,
        ),
        ("many attachments", under_way(Priority::Attachment, 50, half), 1),
        (
            "many that were asked for",
            under_way(Priority::Repair, 50, half),
            1,
        ),
        ("a window of bytes", under_way(Priority::Rest, 2, half), 0),
        (
            "nearly a window of bytes",
            under_way(Priority::Rest, 1, WINDOW_BYTES_MAX - 1),
            1,
        ),
        (
            "one larger than a window",
            under_way(Priority::Rest, 1, WINDOW_BYTES_MAX),
            0,
        ),
    ];
    for (what, in_flight, expected) in rows {
        let sent = sends(|session| session.send.in_flight = in_flight.into());
        assert_eq!(sent, expected, "{what}");
    }
}

#[test]
fn nothing_of_the_log_is_sent_where_it_has_to_wait() {
    type Change = fn(&mut Session);
    let rows: [(&str, Change, usize); 5] = [
        ("as it is", |_| (), 1),
        ("repair comes first", |s| s.send.suspended = true, 0),
        ("the grant is over", |s| s.withheld = true, 0),
        (
            "the peer says first what it holds",
            |s| s.send.awaits_held = true,
            0,
        ),
        (
            "it was sent to its end",
            |s| {
                s.send
                    .walks
                    .iter_mut()
                    .for_each(|walk| walk.exhausted = Some(u64::MAX))
            },
            0,
        ),
    ];
    for (what, change, expected) in rows {
        assert_eq!(sends(change), expected, "{what}");
    }
}

/// A part of a record, with a scan of so many bytes.
fn part(bytes: usize) -> Ready {
    let bus = Bus::new(1);
    scan(&bus.nodes[0].store, 1, bytes);
    let key: RecordKey = "Binary/scan".parse().unwrap();
    let changes = bus.nodes[0].store.signed_changes(&key).unwrap();
    let part = (key, changes);
    let raw_bytes = crate::batch::part_bytes(&part);
    assert_eq!(raw_bytes > WINDOW_BYTES_MAX, bytes > 1 << 20);
    let payload = Payload {
        bytes: crate::batch::encode(&[part]).unwrap().into(),
        raw_bytes,
        records: 1,
        to: 9,
    };
    Ready {
        payload,
        from: 3,
        base: 2,
    }
}

#[test]
fn one_change_larger_than_a_window_is_under_way_at_a_time() {
    let large = 2 << 20;
    // What is under way elsewhere, how large the next one is, and whether it goes.
    for (elsewhere, next, goes) in [
        (0, large, true),
        (WINDOW_BYTES_MAX, large, true),
        (WINDOW_BYTES_MAX + 1, large, false),
        (WINDOW_BYTES_MAX + 1, 10_000, true),
    ] {
        let (mut bus, there) = rested();
        let engine = &mut bus.nodes[0].engine;
        let session = engine.sessions.get_mut(&there).unwrap();
        session.send.in_pieces = false;
        if elsewhere > 0 {
            session
                .send
                .in_flight
                .push_back((Priority::Critical, 900, elsewhere));
        }
        session.send.ready[2].push_back(part(next));
        let id = session.send.ids[2];
        pump(session, &mut engine.core);
        let sent = batches(said(engine));
        assert_eq!(sent.len(), usize::from(goes), "{elsewhere} {next}");
        if let [batch] = sent.as_slice() {
            assert_eq!((batch.id, batch.from, batch.to, batch.base), (id + 1, 3, 9, 2));
        }
    }
}

#[test]
fn what_was_asked_for_goes_before_the_log_and_urgent_kinds_before_the_rest() {
    let (mut bus, there) = rested();
    observation(&bus.nodes[0].store, "o", "a", 1);
    put(
        &bus.nodes[0].store,
        r#"{"resourceType":"Binary","id":"x","contentType":"text/plain","data":"AAAA"}"#,
    );
    patient(&bus.nodes[0].store, "p", "Quispe");
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    session
        .send
        .walks
        .iter_mut()
        .for_each(|walk| walk.exhausted = None);
    session.send.gives = [
        Give::Record("Patient/a".parse().unwrap(), BTreeSet::new()),
        Give::End(4),
    ]
    .into();
    pump(session, &mut engine.core);
    let order: Vec<String> = engine
        .core
        .effects
        .drain(..)
        .filter_map(|effect| match effect {
            Effect::Send { priority, bytes, .. } => match wire::decode(&bytes).unwrap().1 {
                Message::Batch(batch) => {
                    let parts = crate::batch::decode(&batch.payload).unwrap();
                    Some(format!("{priority:?} {}", parts[0].0))
                }
                Message::Given(want, _) => Some(format!("{priority:?} given {want}")),
                _ => None,
            },
            _ => None,
        })
        .collect();
    let expected = [
        "Repair Patient/a",
        "Control given 4",
        "Critical Patient/p",
        "Rest Observation/o",
        "Attachment Binary/x",
    ];
    assert_eq!(order, expected);
}

#[test]
fn small_batches_hold_every_record_once_and_each_says_where_it_begins_and_ends() {
    for batch_bytes in [600, 1_000, 4_000] {
        let mut bus = Bus::new(2);
        for i in 0..120 {
            patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
            observation(&bus.nodes[0].store, &format!("b{i}"), "x", i);
        }
        patient(&bus.nodes[0].store, "a7", "Mamani");
        let options = Options {
            batch_bytes,
            ..Options::default()
        };
        bus.nodes[0] = Node::of(bus.nodes[0].store.clone(), options);
        let said = heard(&mut bus, 0);
        assert!(bus.sync(1, 0).unwrap().in_sync);
        let batches = batches(std::mem::take(&mut *said.lock().unwrap()));
        let mut reached = BTreeMap::<Priority, (u32, u64)>::new();
        let mut changes = 0;
        for batch in &batches {
            let parts = crate::batch::decode(&batch.payload).unwrap();
            let priority = Priority::of_kind(parts[0].0.kind());
            let (id, to) = reached.entry(priority).or_default();
            assert_eq!((batch.id, batch.from, batch.base), (*id + 1, *to, 0));
            assert!(batch.to > batch.from);
            (*id, *to) = (batch.id, batch.to);
            assert!(
                batch.payload.len() <= batch_bytes || parts.len() == 1,
                "{} bytes in {} records",
                batch.payload.len(),
                parts.len()
            );
            changes += parts.iter().map(|part| part.1.len()).sum::<usize>();
        }
        assert_eq!(changes, 241, "{batch_bytes}");
        assert_eq!(reached.len(), 2);
        bus.assert_equal();
    }
}

#[test]
fn who_may_receive_nothing_is_told_at_once_that_nothing_comes() {
    let (mut bus, there) = rested();
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    session.withheld = true;
    session.send.ids[3] = 6;
    let record = || Give::Record("Patient/a".parse().unwrap(), BTreeSet::new());
    session.send.gives = [record(), Give::End(4), record(), Give::End(5)].into();
    pump(session, &mut engine.core);
    assert!(session.send.gives.is_empty());
    assert_eq!(said(engine), [Message::Given(4, 6), Message::Given(5, 6)]);
}

#[test]
fn what_both_hold_is_not_walked_again_and_what_only_one_may_is() {
    let walk = |position, base, exhausted| Walk {
        position,
        base,
        exhausted,
        is_more: false,
    };
    let told = |walk: Walk| (walk.position, walk.base, walk.exhausted);
    // Where a walk stood, how far both are proven equal, and where it stands then.
    let rows = [
        (walk(5, 3, Some(5)), 9, walk(9, 9, None)),
        (walk(9, 3, Some(9)), 9, walk(9, 9, None)),
        (walk(10, 3, Some(10)), 9, walk(10, 3, Some(10))),
        (walk(9, 12, None), 9, walk(9, 12, None)),
    ];
    for (before, position, after) in rows {
        let (mut bus, there) = rested();
        let session = bus.nodes[0].engine.sessions.get_mut(&there).unwrap();
        session.send.suspended = true;
        session.send.walks = [before; 3];
        session.walks_raise(position);
        assert!(!session.send.suspended);
        assert_eq!(
            session.send.walks.map(told),
            [told(after); 3],
            "{before:?} {position}"
        );
        // Where more is given than is compared, all of it is walked, and what is proven is left out.
        Arc::make_mut(&mut session.flow).is_out_wider = true;
        session.send.walks = [before; 3];
        for (position, proven) in [(4, 4), (9, 9), (6, 9)] {
            session.send.suspended = true;
            session.walks_raise(position);
            assert_eq!(session.send.walks.map(told), [told(before); 3]);
            assert_eq!((session.send.proven, session.send.suspended), (proven, false));
        }
    }
}

#[test]
fn what_is_proven_to_be_there_is_left_out_only_of_what_is_compared() {
    // How far both are proven equal, and what is sent of three that were written here.
    for (proven, expected) in [(0, 3), (1, 2), (3, 1)] {
        let mut bus = Bus::new(1);
        let panel = Scopes::Panels(BTreeSet::from(["mine".to_owned()]));
        let team = bus.member_add(1, panel, None);
        observation(&bus.nodes[team].store, "one", "mine", 1);
        observation(&bus.nodes[team].store, "other", "elsewhere", 1);
        observation(&bus.nodes[team].store, "two", "mine", 1);
        let (ours, _) = bus.connect(team, 0, None);
        bus.deliver_max = Some(0);
        bus.run();
        let engine = &mut bus.nodes[team].engine;
        let session = engine.sessions.get_mut(&ours).unwrap();
        assert!(session.flow.is_out_wider);
        session.send.proven = proven;
        pump(session, &mut engine.core);
        let sent: usize = batches(said(engine))
            .iter()
            .map(|batch| crate::batch::decode(&batch.payload).unwrap().len())
            .sum();
        assert_eq!(sent, expected, "proven to {proven}");
    }
}

#[test]
fn what_moves_on_a_link_gives_a_session_more_time_and_others_none() {
    for (event, moves) in [(true, true), (false, false)] {
        let (mut bus, there) = rested();
        let before = bus.nodes[0].engine.sessions[&there].progress_ms;
        bus.now_ms += 700;
        if event {
            bus.give(0, Event::Moved { session: there });
        } else {
            bus.give(0, Event::Moved { session: there + 99 });
            bus.give(0, Event::Tick);
            bus.give(0, Event::LocalChange);
        }
        let after = bus.nodes[0].engine.sessions[&there].progress_ms;
        assert_eq!(after - before, if moves { 700 } else { 0 });
    }
}
