//! What a node takes in, keeps of it, and asks for: each step alone.

use super::proofs::{empty_batch, rested, said};
use super::*;
use crate::apply::{Applied, Failure, Refusals};
use crate::engine::partials::{Came, Partials};
use crate::engine::session::Session;
use crate::limits::{GIVES_MAX, REFUSED_CHANGES_MAX, REFUSED_MAX, WANT_KEYS_MAX};
use crate::replica::Documents;
use crate::wire::{Ack, Batch, Cursor, Message, Want, WantKey};
use chaski_crdt::change::ChangeHash;
use chaski_store::ApplyReport;

/// A batch that was taken in.
pub(super) fn applied(session: SessionId, priority: Priority, id: u32, cursor: Cursor) -> Applied {
    Applied {
        session,
        peer: NodeId::of(&SigningKey::from_bytes(&[1; 32])),
        priority,
        id,
        cursor,
        cursor_only: false,
        authors: Arc::default(),
        report: ApplyReport::default(),
        refused: Refusals::default(),
        read: (0, 0),
        failure: None,
        payload_bytes: 0,
        verify_us: 0,
        commit_us: 0,
        brought: std::collections::BTreeSet::new(),
    }
}

fn at(positions: [u64; 3]) -> Cursor {
    Cursor {
        positions,
        bases: positions,
        ..Cursor::default()
    }
}

#[test]
fn a_part_counts_as_taken_until_the_record_has_come_in_full() {
    // Where the cursor stands after the part, of which priority it was; whether it is remembered as taken.
    let rows = [
        ("the others are to come", Priority::Rest, [4, 5, 6], true),
        ("its record is there", Priority::Rest, [4, 9, 6], false),
        ("another priority moved on", Priority::Rest, [9, 5, 9], true),
        (
            "another priority's record is there",
            Priority::Critical,
            [9, 5, 6],
            false,
        ),
        (
            "an attachment's other parts are to come",
            Priority::Attachment,
            [9, 9, 6],
            true,
        ),
        ("it was asked for", Priority::Repair, [4, 5, 6], false),
    ];
    for (what, priority, positions, is_taken) in rows {
        let (mut bus, there) = rested();
        let peer = bus.nodes[1].id();
        let engine = &mut bus.nodes[0].engine;
        let session = engine.sessions.get_mut(&there).unwrap();
        session.receive.durable = at([4, 5, 6]);
        let index = priority.data_index().unwrap();
        session.receive.pieced.insert((index, 9), ([7; 16], 800));
        // A part that was taken before, of the same priority.
        let before = Came {
            peer: &peer,
            payload: &[6; 16],
            total: 5,
            bytes: &[],
        };
        let replica = engine.core.replica.clone();
        let partials = &mut engine.core.partials;
        let changes = partials.taken(&before, priority as u8, 1);
        replica.documents_save(&changes).unwrap();
        let done = applied(there, priority, 9, at(positions));
        session.on_applied(&mut engine.core, done).unwrap();
        assert_eq!(session.receive.durable, at(positions));
        assert!(session.receive.pieced.is_empty());
        let partials = &engine.core.partials;
        assert_eq!(partials.is_taken(&peer, &[7; 16]), is_taken, "{what}");
        let is_of_feed = priority != Priority::Repair;
        assert_eq!(
            partials.is_taken(&peer, &[6; 16]),
            is_taken && is_of_feed,
            "{what}: those before it"
        );
        let held = partials
            .held(&peer)
            .into_iter()
            .find(|held| held.payload == [7; 16]);
        assert_eq!(held.map(|held| held.bytes), is_taken.then_some(800), "{what}");
    }
}

#[test]
fn what_was_taken_in_is_counted_acknowledged_and_asked_about() {
    let (mut bus, there) = rested();
    bus.now_ms += 500;
    let engine = &mut bus.nodes[0].engine;
    engine.core.now_ms = steady_at(bus.now_ms);
    let session = engine.sessions.get_mut(&there).unwrap();
    session.receive.applied = [5, 5, 5, 5];
    (session.receive.applying, session.receive.bytes) = (2, 1_000);
    let received = session.stats.received_records;
    session.stats.timing = Default::default();
    let mut done = applied(there, Priority::Rest, 6, at([1; 3]));
    done.report.records = 3;
    done.report.orphans = vec!["Patient/z".parse().unwrap()];
    (done.payload_bytes, done.verify_us, done.commit_us) = (400, 7, 8);
    session.on_applied(&mut engine.core, done).unwrap();
    assert_eq!(session.progress_ms, steady_at(bus.now_ms));
    assert_eq!((session.receive.applying, session.receive.bytes), (1, 600));
    assert_eq!(session.stats.received_records, received + 3);
    let timing = session.stats.timing;
    assert_eq!((timing.verify_us, timing.commit_us), (7, 8));
    assert_eq!(
        session.wants.queue.take(9),
        ["Patient/z".parse::<RecordKey>().unwrap()]
    );
    // One that ends after a later one takes nothing back.
    let late = applied(there, Priority::Rest, 2, at([1; 3]));
    session.on_applied(&mut engine.core, late).unwrap();
    let ack = Message::Ack(Ack {
        applied: [5, 6, 5, 5],
    });
    assert_eq!(said(engine), [ack.clone(), ack]);
    // A cursor alone is no batch: it is neither counted nor acknowledged.
    let session = engine.sessions.get_mut(&there).unwrap();
    session.receive.applying = 1;
    let mut only = applied(there, Priority::Control, 0, at([8; 3]));
    only.cursor_only = true;
    session.on_applied(&mut engine.core, only).unwrap();
    assert_eq!(
        (session.receive.applying, session.receive.durable),
        (1, at([1; 3]))
    );
    assert!(said(engine).is_empty());
}

/// Changes whose hashes begin with this number and the next ones.
fn refused(from: u64, count: u64) -> Refusals {
    let mut refusals = Refusals::default();
    for n in from..from + count {
        let (key, hash) = change(n);
        refusals.add(&key, Some(hash), format!("reason {n}"));
    }
    refusals
}

fn change(n: u64) -> (RecordKey, ChangeHash) {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&n.to_be_bytes());
    (
        RecordKey::new("Patient", &format!("p{}", n / 2)).unwrap(),
        ChangeHash(hash),
    )
}

#[test]
fn what_was_refused_is_counted_in_full_and_named_in_part() {
    let (mut bus, there) = rested();
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    let (mut named, mut from) = (0, 0);
    let many = REFUSED_CHANGES_MAX as u64;
    for (total, is_again) in [
        (3, false),
        (3, true),
        (0, false),
        (500, false),
        (5, false),
        (many, false),
    ] {
        let before = session.stats.refused.count;
        let mut done = applied(there, Priority::Rest, 1, Cursor::default());
        done.refused = refused(if is_again { from - total } else { from }, total);
        session.on_applied(&mut engine.core, done).unwrap();
        if !is_again {
            // One that comes again is refused again, and is one all the same.
            from += total;
            named = (named + total as usize).min(REFUSED_MAX);
            assert_eq!(session.stats.refused.count, before + total);
        }
        assert_eq!(session.stats.refused.count, from);
        assert_eq!(session.stats.refused.told.len(), named);
        assert_eq!(session.stats.refused.changes.len() as u64, from.min(many));
        let notices: Vec<String> = engine
            .core
            .effects
            .drain(..)
            .filter_map(|effect| match effect {
                Effect::Notice { text, .. } => Some(text),
                _ => None,
            })
            .collect();
        assert_eq!(notices.len(), usize::from(total > 0), "{notices:?}");
        let expected = format!("{total} changes were refused or set aside");
        assert!(
            notices.iter().all(|text| text.starts_with(&expected)),
            "{notices:?}"
        );
    }
    // Twice in one batch it is one as well: else what is healed once would stay refused.
    let mut twice = refused(0, 2);
    let (key, hash) = change(1);
    twice.add(&key, Some(hash), "again".into());
    assert_eq!((twice.count, twice.told.len(), twice.changes.len()), (2, 2, 2));
    twice.heal(&[change(0), change(1)]);
    assert_eq!((twice.count, twice.told.len(), twice.changes.len()), (0, 0, 0));
    // What has come rightly after all is neither counted nor named any more.
    let come = [change(0), change(2), change(5_000_000)];
    session.stats.refused.heal(&come);
    assert_eq!(session.stats.refused.count, from - 2);
    assert_eq!(session.stats.refused.told.len(), named - 2);
    let told = session.stats.refused.told.iter().take(3);
    let reasons: Vec<&str> = told.map(|one| one.reason.as_str()).collect();
    assert_eq!(reasons, ["reason 1", "reason 3", "reason 4"]);
}

#[test]
fn a_batch_that_could_not_be_taken_in_ends_the_session_with_its_reason() {
    let rows = [
        (
            Failure::Malformed("x".into()),
            Some(CloseReason::Malformed("x".into())),
        ),
        (Failure::Store("y".into()), Some(CloseReason::Store("y".into()))),
        (Failure::Full("z".into()), Some(CloseReason::Full)),
    ];
    for (failure, reason) in rows {
        for is_owing in [false, true] {
            let (mut bus, there) = rested();
            let peer = bus.nodes[1].id();
            let engine = &mut bus.nodes[0].engine;
            let session = engine.sessions.get_mut(&there).unwrap();
            session.receive.held.insert((0, 9), empty_batch(9));
            if is_owing {
                session.send.in_flight.push_back((Priority::Rest, 9, 1));
            }
            let before = session.receive.durable;
            engine.core.peers.in_sync(&peer, true, 1, 1, 7);
            engine.core.now_ms = 77;
            let mut done = applied(there, Priority::Rest, 1, at([70; 3]));
            done.failure = Some(failure.clone());
            let outcome = session.on_applied(&mut engine.core, done).err();
            let is_full = matches!(failure, Failure::Full(_));
            // What this node still has for the other goes out first.
            let expected = reason.clone().filter(|_| !(is_full && is_owing));
            assert_eq!(outcome, expected, "{failure:?} {is_owing}");
            // The peer has what could not be taken in; when both were equal stays known.
            let state = engine.core.peers.state(&peer).unwrap();
            let is_malformed = matches!(failure, Failure::Malformed(_));
            assert_eq!((state.in_sync, state.equal_ms), (is_malformed, 7), "{failure:?}");
            assert_eq!(session.receive.full_ms, if is_full { 77 } else { 0 });
            assert_eq!(session.receive.durable, before);
            assert_eq!(session.receive.held.is_empty(), is_full);
            assert!(said(engine).is_empty(), "acknowledged");
            engine.core.peers.failed(&peer, None, true, steady_at(bus.now_ms));
            let state = engine.core.peers.state(&peer).unwrap();
            assert_eq!(state.backoff_ms == crate::limits::REDIAL_MS_MAX, is_full);
        }
    }
}

#[test]
fn batches_that_came_before_or_find_no_room_are_let_go() {
    let (mut bus, there) = rested();
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    session.receive.next = [1, 5, 1, 1];
    let bytes = session.receive.bytes;
    for (id, is_full, is_kept) in [
        (4, false, false),
        (5, true, false),
        (5, false, true),
        (9, false, true),
    ] {
        session.receive.full = is_full.then(|| CloseReason::Store("full".to_owned()));
        session.progress_ms = 0;
        let batch = Batch {
            payload: vec![0; 10],
            ..empty_batch(id)
        };
        session.on_batch(&mut engine.core, Priority::Rest, batch).unwrap();
        assert_eq!(
            session.receive.held.contains_key(&(1, id)),
            is_kept,
            "{id} {is_full}"
        );
        assert_eq!(session.progress_ms, engine.core.now_ms);
    }
    assert_eq!(session.receive.bytes, bytes + 20);
}

#[test]
fn batches_are_taken_in_by_their_number_each_with_where_it_reaches() {
    let (mut bus, there) = rested();
    let engine = &mut bus.nodes[0].engine;
    let scope = engine.sessions[&there].flow.in_scope;
    let session = engine.sessions.get_mut(&there).unwrap();
    session.receive.next = [1; 4];
    session.receive.held.clear();
    session.receive.cursor = at([10, 20, 30]);
    session.authority.received = 4;
    let held = |id, from, to, base, authority| Batch {
        id,
        from,
        to,
        base,
        authority,
        payload: vec![0; id as usize],
    };
    let batches = [
        (0, held(1, 10, 15, 3, 4)),
        (1, held(1, 20, 25, 8, 0)),
        (1, held(2, 25, 29, 8, 5)),
        (1, held(3, 29, 33, 8, 0)),
        (2, held(2, 30, 40, 9, 0)),
        (3, held(1, 0, 0, 0, 4)),
    ];
    for (index, batch) in batches {
        session.receive.held.insert((index, batch.id), batch);
    }
    session.receive_ready(&mut engine.core);
    let jobs: Vec<_> = engine
        .core
        .effects
        .drain(..)
        .filter_map(|effect| match effect {
            Effect::Apply(job) => Some((
                job.priority,
                job.id,
                job.payload_bytes,
                job.cursor.positions,
                job.cursor.bases,
            )),
            _ => None,
        })
        .collect();
    // The second of the rest waits for statements, the third for the second, the attachment for its first.
    let expected = [
        (Priority::Critical, 1, 1, [15, 20, 30], [3, 20, 30]),
        (Priority::Rest, 1, 1, [15, 25, 30], [3, 8, 30]),
        (Priority::Repair, 1, 1, [15, 25, 30], [3, 8, 30]),
    ];
    assert_eq!(jobs, expected);
    assert_eq!(session.receive.next, [2, 2, 1, 2]);
    assert_eq!(session.receive.applying, 3);
    assert_eq!(session.receive.cursor.scope, scope);
    let waiting: Vec<_> = session.receive.held.keys().copied().collect();
    assert_eq!(waiting, [(1, 2), (1, 3), (2, 2)]);
    session.authority.received = 5;
    session.receive_ready(&mut engine.core);
    assert_eq!(session.receive.next, [2, 4, 1, 2]);
}

#[test]
fn what_is_known_to_be_held_is_marked_once() {
    let (mut bus, there) = rested();
    let engine = &mut bus.nodes[0].engine;
    for (position, jobs) in [(40, 1), (40, 0), (41, 1)] {
        let session = engine.sessions.get_mut(&there).unwrap();
        session.cursor_complete(&mut engine.core, position);
        assert_eq!(session.receive.complete, position);
        assert_eq!(session.receive.cursor.positions, [position; 3]);
        assert_eq!(session.receive.cursor.bases, [position; 3]);
        let given: Vec<_> = engine
            .core
            .effects
            .drain(..)
            .filter_map(|effect| match effect {
                Effect::Apply(job) => Some((job.cursor_only, job.cursor_kept, job.cursor.positions)),
                _ => None,
            })
            .collect();
        assert_eq!(given, vec![(true, false, [position; 3]); jobs], "{position}");
        assert_eq!(engine.sessions[&there].receive.applying, 0);
    }
}

#[test]
fn what_is_left_of_payloads_goes_with_what_it_is_of_and_nothing_else() {
    let bus = Bus::new(3);
    let store = bus.nodes[0].store.clone();
    let replica = StoreReplica::new(store.clone()).unwrap();
    let (one, other) = (bus.nodes[1].id(), bus.nodes[2].id());
    let mut partials = Partials::load(&replica, 1).unwrap();
    let fill = |partials: &mut Partials| {
        for peer in [&one, &other] {
            let changes = partials.forget(peer);
            replica.documents_save(&changes).unwrap();
            for number in [1, 2] {
                let came = Came {
                    peer,
                    payload: &[number; 16],
                    total: 900,
                    bytes: &[number; 300],
                };
                let changes = partials.keep(&came, 5);
                replica.documents_save(&changes).unwrap();
            }
            for (number, priority) in [(3, 1), (4, 2)] {
                let came = Came {
                    peer,
                    payload: &[number; 16],
                    total: 900,
                    bytes: &[],
                };
                let changes = partials.taken(&came, priority, 6);
                replica.documents_save(&changes).unwrap();
            }
        }
    };
    let held = |partials: &Partials, peer: &NodeId| {
        let mut held: Vec<_> = partials.held(peer).iter().map(|one| one.payload[0]).collect();
        held.sort_unstable();
        held
    };
    let documents = || store.blobs("net/partial/").unwrap().len();
    // The priority whose record came in full, the payload that ended it; what is left of the peer's.
    type Row = (u8, Option<u8>, Vec<u8>, usize);
    let rows: [Row; 5] = [
        (1, None, vec![1, 2, 4], 4),
        (2, Some(1), vec![2, 3], 3),
        (4, Some(2), vec![1, 3, 4], 3),
        (3, None, vec![1, 2, 3, 4], 4),
        (1, Some(4), vec![1, 2], 4),
    ];
    for (priority, payload, left, kept) in rows {
        fill(&mut partials);
        assert_eq!(documents(), 4);
        let payload = payload.map(|number| [number; 16]);
        let changes = partials.finish(&one, priority, payload.as_ref());
        replica.documents_save(&changes).unwrap();
        assert_eq!(held(&partials, &one), left, "{priority} {payload:?}");
        assert_eq!(held(&partials, &other), [1, 2, 3, 4], "another peer's");
        assert_eq!(documents(), kept, "{priority} {payload:?}");
        let again = Partials::load(&replica, 1).unwrap();
        assert_eq!(held(&again, &one), left, "after a restart");
    }
    fill(&mut partials);
    // What is taken has no bytes; what had come before it is gone.
    assert!(partials.bytes(&replica, &one, &[3; 16]).unwrap().is_empty());
    assert_eq!(partials.bytes(&replica, &one, &[1; 16]).unwrap(), [1; 300]);
    let came = Came {
        peer: &one,
        payload: &[1; 16],
        total: 900,
        bytes: &[],
    };
    let changes = partials.taken(&came, 2, 9);
    replica.documents_save(&changes).unwrap();
    assert!(partials.is_taken(&one, &[1; 16]) && !partials.is_taken(&other, &[1; 16]));
    assert_eq!(documents(), 3);
    assert!(partials.bytes(&replica, &one, &[9; 16]).unwrap().is_empty());
    let changes = partials.forget(&one);
    replica.documents_save(&changes).unwrap();
    assert_eq!(
        (held(&partials, &one).len(), held(&partials, &other).len()),
        (0, 4)
    );
    assert_eq!(documents(), 2);
}

#[test]
fn what_comes_of_a_payload_is_added_to_or_begun_anew() {
    let bus = Bus::new(2);
    let store = bus.nodes[0].store.clone();
    let replica = StoreReplica::new(store.clone()).unwrap();
    let peer = bus.nodes[1].id();
    let mut partials = Partials::load(&replica, 1).unwrap();
    let segment = crate::limits::PARTIAL_SEGMENT_BYTES_MAX;
    let whole: Vec<u8> = (0..segment + 900).map(|n| (n % 251) as u8).collect();
    // More has come, then less (it was begun again), then all of it.
    for (length, segments) in [
        (300, 1),
        (700, 2),
        (700, 2),
        (200, 1),
        (segment + 300, 3),
        (100, 1),
    ] {
        let came = Came {
            peer: &peer,
            payload: &[7; 16],
            total: whole.len(),
            bytes: &whole[..length],
        };
        let changes = partials.keep(&came, 5);
        replica.documents_save(&changes).unwrap();
        let again = Partials::load(&replica, 1).unwrap();
        for partials in [&partials, &again] {
            let held = partials.bytes(&replica, &peer, &[7; 16]).unwrap();
            assert!(held == whole[..length], "{length}");
            assert_eq!(partials.held(&peer)[0].bytes, u32::try_from(length).unwrap());
        }
        assert_eq!(store.blobs("net/partial/").unwrap().len(), segments, "{length}");
    }
    // Where a segment is missing, none of it counts.
    let (name, _) = store.blobs("net/partial/").unwrap().remove(0);
    store.blobs_put(&[(name, None)]).unwrap();
    assert!(partials.bytes(&replica, &peer, &[7; 16]).unwrap().is_empty());
}

fn key(number: usize) -> RecordKey {
    RecordKey::new("Patient", &format!("p{number}")).unwrap()
}

#[test]
fn records_are_asked_for_one_question_at_a_time() {
    let (mut bus, there) = rested();
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    session.wants.queue = (0..WANT_KEYS_MAX + 3).map(key).collect();
    let counts = |engine: &mut Engine| -> Vec<(u32, usize)> {
        let said = said(engine).into_iter();
        let wants = said.filter_map(|message| match message {
            Message::Want(want) => Some((want.id, want.keys.len())),
            _ => None,
        });
        wants.collect()
    };
    session.wants_read(&mut engine.core);
    assert!(session.is_wanting());
    read(session, &mut engine.core);
    assert_eq!(counts(engine), [(1, WANT_KEYS_MAX)]);
    // It is open until its last batch was taken in; an answer to another question ends nothing.
    type Step = fn(&mut Session, &mut crate::engine::Core);
    type Wants = Vec<(u32, usize)>;
    let steps: [(Step, Wants); 5] = [
        (|_, _| (), vec![]),
        (|s, core| s.on_given(core, 2, 0), vec![]),
        (|s, core| s.on_given(core, 1, 6), vec![]),
        (|s, _| s.receive.applied = [9, 9, 9, 5], vec![]),
        (|s, _| s.receive.applied = [0, 0, 0, 6], vec![(2, 3)]),
    ];
    for (at, (step, expected)) in steps.into_iter().enumerate() {
        let session = engine.sessions.get_mut(&there).unwrap();
        step(session, &mut engine.core);
        session.wants_read(&mut engine.core);
        assert!(session.is_wanting());
        read(session, &mut engine.core);
        assert_eq!(counts(engine), expected, "step {at}");
    }
    assert!(engine.sessions[&there].wants.open.is_some());
}

#[test]
fn whoever_asks_is_given_what_it_lacks_and_asked_for_what_it_has_more() {
    let (mut bus, there) = rested();
    patient(&bus.nodes[0].store, "a", "Mamani");
    let engine = &mut bus.nodes[0].engine;
    let known = engine.core.replica.known(&"Patient/a".parse().unwrap()).unwrap();
    let short: Vec<[u8; 8]> = known.iter().map(crate::read::short).collect();
    assert_eq!(short.len(), 2);
    // What the asker has; whether it is given more, and whether it is asked back.
    type Row = (&'static str, &'static str, Vec<[u8; 8]>, bool, bool);
    let rows: [Row; 6] = [
        ("nothing", "Patient/a", vec![], true, false),
        ("a part", "Patient/a", vec![short[0]], true, false),
        ("all", "Patient/a", short.clone(), false, false),
        (
            "more",
            "Patient/a",
            [short.clone(), vec![[1; 8]]].concat(),
            false,
            true,
        ),
        ("something else", "Patient/a", vec![[1; 8]], true, true),
        ("what is unknown here", "Patient/q", vec![[1; 8]], false, true),
    ];
    for (what, key, have, is_given, is_asked) in rows {
        let session = engine.sessions.get_mut(&there).unwrap();
        session.wants = Default::default();
        session.send.gives.clear();
        let keys = vec![WantKey {
            key: key.into(),
            have,
        }];
        session.on_want(&engine.core, Want { id: 8, keys }).unwrap();
        assert!(!session.are_wants_answered(), "{what}");
        pump(session, &mut engine.core);
        assert!(session.are_wants_answered(), "{what}");
        let given = said(engine).into_iter().filter(|message| match message {
            Message::Batch(batch) => batch.to == 0,
            _ => false,
        });
        assert_eq!(given.count(), usize::from(is_given), "{what}");
        let session = engine.sessions.get_mut(&there).unwrap();
        assert_eq!(session.wants.queue.len(), usize::from(is_asked), "{what}");
        session.send.in_flight.clear();
    }
    // Up to a bound, and only keys.
    let mut want = |waiting: usize, keys: Vec<&str>| {
        let session = engine.sessions.get_mut(&there).unwrap();
        session.send.gives = (0..waiting as u32)
            .map(crate::engine::session::Give::End)
            .collect();
        let keys = keys
            .into_iter()
            .map(|key| WantKey {
                key: key.into(),
                have: Vec::new(),
            })
            .collect();
        session.on_want(&engine.core, Want { id: 8, keys })
    };
    assert_eq!(want(GIVES_MAX - 1, vec!["Patient/q"]), Ok(()));
    assert_eq!(want(GIVES_MAX, vec!["Patient/q"]), Err(CloseReason::Flooding));
    assert!(matches!(want(0, vec!["no key"]), Err(CloseReason::Malformed(_))));
}

#[test]
fn what_comes_of_a_record_asked_for_is_only_what_was_lacking() {
    let (mut bus, there) = rested();
    patient(&bus.nodes[0].store, "a", "Mamani");
    patient(&bus.nodes[0].store, "a", "Condori");
    let engine = &mut bus.nodes[0].engine;
    let changes = engine
        .core
        .replica
        .changes_between(
            &"Patient/a".parse().unwrap(),
            0,
            u64::MAX,
            &chaski_store::ScopeFilter::all(),
        )
        .unwrap();
    let short = |n: usize| crate::read::short(&changes[n].hash().unwrap());
    let session = engine.sessions.get_mut(&there).unwrap();
    session.send.in_flight.clear();
    let keys = vec![WantKey {
        key: "Patient/a".into(),
        have: vec![short(1)],
    }];
    session.on_want(&engine.core, Want { id: 8, keys }).unwrap();
    let id = session.send.ids[3];
    pump(session, &mut engine.core);
    let said = said(engine);
    let given = said.iter().find_map(|message| match message {
        Message::Batch(batch) if batch.to == 0 => Some(batch),
        _ => None,
    });
    let given = given.expect("an answer");
    assert_eq!((given.id, given.from, given.base), (id + 1, 0, 0));
    let parts = crate::batch::decode(&given.payload).unwrap();
    let sent: Vec<u64> = parts[0].1.iter().map(|change| change.author_seq).collect();
    assert_eq!(sent, [changes[0].author_seq, changes[2].author_seq]);
    // It is over when all of it is sent, by the number of its last batch.
    assert!(said.contains(&Message::Given(8, id + 1)), "{said:?}");
}

#[test]
fn a_batch_of_more_records_than_one_may_have_is_not_read() {
    let (bus, _) = rested();
    let one = "Patient/a".parse().unwrap();
    let changes = bus.nodes[0].store.signed_changes(&one).unwrap();
    for (more, is_read) in [(0, true), (1, false)] {
        let count = crate::limits::BATCH_RECORDS_MAX + more;
        let parts: Vec<_> = (0..count).map(|n| (key(n), changes.clone())).collect();
        let payload = crate::batch::encode(&parts).unwrap();
        let read = crate::batch::decode(&payload);
        assert_eq!(read.map(|parts| parts.len()).ok(), is_read.then_some(count));
    }
    assert!(crate::batch::decode(b"no batch").is_err());
}
