//! When a comparison record by record begins, and what of another's steps counts in it; pieces of large payloads.

use super::proofs::{empty_batch, said};
use super::*;
use crate::engine::Core;
use crate::engine::session::{Coming, Session};
use crate::limits::{PIECE_BYTES, PIECES_KEEP_MS, REPAIR_ROUNDS_MAX, WANT_KEYS_MAX};
use crate::replica::Replica;
use crate::wire::{Batch, Message, Piece, Repair, Status};
use chaski_store::ScopeFilter;

/// A session dialled by the second of two nodes, both with nothing left to say and not the same in the end.
fn differing() -> (Bus, SessionId) {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[0].store, "a", "Quispe");
    patient(&bus.nodes[1].store, "b", "Quispe");
    let (ours, _) = bus.connect(1, 0, None);
    bus.run();
    let engine = &mut bus.nodes[1].engine;
    let session = engine.sessions.get_mut(&ours).unwrap();
    session.proof.equal = None;
    let mine = session.status_now(&mut engine.core).unwrap();
    session.send.last_status = Some(mine);
    let mut theirs = session.proof.peer.unwrap();
    theirs.sum[5] ^= 1;
    (theirs.drained, theirs.covered, theirs.received) = (true, true, mine.position);
    session.receive.complete = theirs.position;
    session.proof.peer = Some(theirs);
    (bus, ours)
}

/// What is held here, as a round of repair names it.
fn items_of(replica: &dyn Replica) -> Vec<[u8; 32]> {
    let mut items = Vec::new();
    let each = replica.items_each(&ScopeFilter::all(), &mut |_, id, _| items.push(id));
    each.unwrap();
    items
}

fn peer(session: &mut Session) -> &mut Status {
    session.proof.peer.as_mut().unwrap()
}

fn mine(session: &mut Session) -> &mut Status {
    session.send.last_status.as_mut().unwrap()
}

#[test]
fn a_comparison_begins_once_both_have_nothing_left_and_differ() {
    type Change = fn(&mut Session);
    let rows: [(&str, Change, bool); 19] = [
        ("both are done", |_| (), true),
        ("the other dialled", |s| s.outbound = false, false),
        ("one is under way", |s| s.repair.active = true, false),
        ("it was in vain", |s| s.repair.exhausted = true, false),
        ("both are equal", |s| s.proof.equal = Some((1, 1)), false),
        ("the peer said nothing", |s| s.proof.peer = None, false),
        ("nothing was said here", |s| s.send.last_status = None, false),
        ("the peer is not done", |s| peer(s).drained = false, false),
        ("this node is not done", |s| mine(s).drained = false, false),
        ("withheld there", |s| peer(s).withheld = true, false),
        ("withheld here", |s| mine(s).withheld = true, false),
        ("the peer has not read all", |s| peer(s).received -= 1, false),
        (
            "the peer has not read all, which waits for repair",
            |s| {
                peer(s).received -= 1;
                s.send.suspended = true;
            },
            true,
        ),
        (
            "not all of the peer's was read",
            |s| s.receive.complete -= 1,
            false,
        ),
        (
            "not all of the peer's was read, nor was it sent",
            |s| {
                s.receive.complete -= 1;
                peer(s).covered = false;
            },
            true,
        ),
        (
            "a batch is under way",
            |s| s.send.in_flight.push_back((Priority::Rest, 9, 1)),
            false,
        ),
        ("a question is open", |s| s.wants.open = Some((1, None)), false),
        (
            "something is to be asked for",
            |s| s.wants.queue.push_back("Patient/z".parse().unwrap()),
            false,
        ),
        ("something was written since", |s| mine(s).position -= 1, false),
    ];
    for (what, change, begins) in rows {
        let (mut bus, ours) = differing();
        let engine = &mut bus.nodes[1].engine;
        let session = engine.sessions.get_mut(&ours).unwrap();
        change(session);
        let was_active = session.repair.active;
        session.repair_advance(&mut engine.core);
        read(session, &mut engine.core);
        let round = session.repair.round;
        assert_eq!(session.repair.active, begins || was_active, "{what}");
        assert_eq!(round, u32::from(begins), "{what}");
        let said = said(engine);
        let is_range = |message: &Message| {
            matches!(
                message,
                Message::Repair(Repair::Sketch {
                    round: 1,
                    from: 0,
                    ..
                })
            )
        };
        assert_eq!(
            said.iter().filter(|one| is_range(one)).count(),
            usize::from(begins),
            "{what}"
        );
    }
}

#[test]
fn a_comparison_that_changed_nothing_is_given_up_after_one_more_word() {
    type Change = fn(&mut Session, &Status);
    let rows: [(&str, Change, u32); 3] = [
        (
            "nothing changed",
            |s, mine| s.repair.last = Some((mine.sum, peer(s).sum)),
            1,
        ),
        ("too many rounds", |s, _| s.repair.round = REPAIR_ROUNDS_MAX, 1),
        (
            "one more round is left",
            |s, _| s.repair.round = REPAIR_ROUNDS_MAX - 1,
            0,
        ),
    ];
    for (what, change, asked) in rows {
        let (mut bus, ours) = differing();
        let engine = &mut bus.nodes[1].engine;
        let session = engine.sessions.get_mut(&ours).unwrap();
        let status = session.status_now(&mut engine.core).unwrap();
        change(session, &status);
        let ask = session.proof.ask;
        session.repair_advance(&mut engine.core);
        assert_eq!(session.proof.ask, ask + asked, "{what}");
        assert_eq!(session.repair.active, asked == 0, "{what}");
        if asked == 0 {
            continue;
        }
        assert_eq!(said(engine), [Message::Ask(ask + 1)], "{what}");
        // Not before it has answered; then it is over.
        for (answers, is_over) in [(ask, false), (ask + 1, true)] {
            let session = engine.sessions.get_mut(&ours).unwrap();
            peer(session).answers = answers;
            session.repair_advance(&mut engine.core);
            assert_eq!(session.repair.exhausted, is_over, "{what}: answered {answers}");
            assert!(said(engine).is_empty(), "{what}: asked twice");
        }
    }
}

#[test]
fn steps_of_another_round_are_not_taken() {
    type Step = fn() -> Repair;
    let rows: [(&str, Step); 5] = [
        ("an answer to an earlier round", || Repair::Range {
            round: 1,
            to_initiator: true,
            bytes: vec![200; 9],
        }),
        ("an answer to a later one", || Repair::Range {
            round: 3,
            to_initiator: true,
            bytes: vec![200; 9],
        }),
        ("a question of an earlier round", || Repair::Range {
            round: 1,
            to_initiator: false,
            bytes: vec![200; 9],
        }),
        ("the end of an earlier round", || Repair::Done { round: 1 }),
        ("items of an earlier round", || Repair::Differ {
            round: 1,
            items: vec![[1; 32]],
        }),
    ];
    for (what, step) in rows {
        let (mut bus, ours) = differing();
        let engine = &mut bus.nodes[1].engine;
        let session = engine.sessions.get_mut(&ours).unwrap();
        session.repair.round = 1;
        session.repair_advance(&mut engine.core);
        read(session, &mut engine.core);
        assert!(session.repair.round == 2 && session.repair.active);
        said(engine);
        let session = engine.sessions.get_mut(&ours).unwrap();
        let keys = items_of(&*engine.core.replica);
        let step = match step() {
            Repair::Differ { round, .. } => Repair::Differ { round, items: keys },
            other => other,
        };
        session.on_repair(&mut engine.core, step).unwrap();
        assert!(session.repair.active && session.repair.round == 2, "{what}");
        assert!(session.wants.queue.is_empty() && !session.is_wanting(), "{what}");
        assert!(said(engine).is_empty(), "{what}");
    }
    // Of this round they are; what is named that is not held is no record to ask for.
    let (mut bus, ours) = differing();
    let engine = &mut bus.nodes[1].engine;
    let session = engine.sessions.get_mut(&ours).unwrap();
    session.repair.round = 1;
    session.repair_advance(&mut engine.core);
    read(session, &mut engine.core);
    let mut items = items_of(&*engine.core.replica);
    items.push([9; 32]);
    let step = Repair::Differ { round: 2, items };
    session.on_repair(&mut engine.core, step).unwrap();
    session.located_read(&mut engine.core);
    assert!(session.is_wanting());
    read(session, &mut engine.core);
    assert_eq!(session.wants.queue.len(), 2);
    session.repair.position = Some(77);
    (session.send.suspended, session.send.walks) = (true, Default::default());
    session
        .on_repair(&mut engine.core, Repair::Done { round: 2 })
        .unwrap();
    let is_over = !session.repair.active && session.repair.items.is_none() && session.repair.next.is_none();
    assert!(is_over && session.repair.initiator.is_none() && !session.send.suspended);
    assert!(session.send.last_status.is_none() && session.proof.peer.is_none());
    assert_eq!(
        session.send.walks.map(|walk| (walk.position, walk.base)),
        [(77, 77); 3]
    );
    // Its end is told once.
    session.send.walks[0].position = 66;
    session
        .on_repair(&mut engine.core, Repair::Done { round: 2 })
        .unwrap();
    assert_eq!(session.send.walks[0].position, 66);
}

#[test]
fn the_next_step_waits_while_much_is_to_be_fetched() {
    for (waiting, is_said) in [
        (0, true),
        (2 * WANT_KEYS_MAX - 1, true),
        (2 * WANT_KEYS_MAX, false),
    ] {
        let (mut bus, ours) = differing();
        let engine = &mut bus.nodes[1].engine;
        let session = engine.sessions.get_mut(&ours).unwrap();
        (session.repair.active, session.repair.round) = (true, 2);
        session.repair.next = Some(vec![4; 9]);
        let key = |n: usize| RecordKey::new("Patient", &format!("p{n}")).unwrap();
        session.wants.queue = (0..waiting).map(key).collect();
        session.repair_advance(&mut engine.core);
        assert_eq!(session.repair.next.is_none(), is_said, "{waiting}");
        let expected = Message::Repair(Repair::Range {
            round: 2,
            to_initiator: false,
            bytes: vec![4; 9],
        });
        assert_eq!(
            said(engine),
            Vec::from_iter(is_said.then_some(expected)),
            "{waiting}"
        );
    }
}

fn session(bus: &mut Bus, id: SessionId) -> (&mut Session, &mut Core) {
    let engine = &mut bus.nodes[1].engine;
    (engine.sessions.get_mut(&id).unwrap(), &mut engine.core)
}

fn piece(payload: u8, total: u32, offset: u32, bytes: &[u8]) -> Piece {
    Piece {
        payload: [payload; 16],
        total,
        offset,
        bytes: bytes.to_vec(),
    }
}

#[test]
fn pieces_are_put_together_in_their_order_whatever_comes_twice_or_too_early() {
    let (mut bus, ours) = differing();
    let (session, core) = session(&mut bus, ours);
    let before = session.receive.bytes;
    let steps: [(Piece, &[u8]); 9] = [
        (piece(7, 20, 0, &[1, 2, 3]), &[1, 2, 3]),
        (piece(7, 20, 0, &[1, 2, 3]), &[1, 2, 3]),
        (piece(7, 20, 5, &[6, 7]), &[1, 2, 3]),
        (piece(7, 20, 2, &[3, 4, 5]), &[1, 2, 3, 4, 5]),
        (piece(7, 20, 5, &[6]), &[1, 2, 3, 4, 5, 6]),
        (piece(7, 20, 1, &[2, 3]), &[1, 2, 3, 4, 5, 6]),
        // Another payload, or one that says another length, is another.
        (piece(8, 20, 0, &[9]), &[9]),
        (piece(8, 30, 0, &[9, 9]), &[9, 9]),
        (piece(8, 30, 2, &[8]), &[9, 9, 8]),
    ];
    for (at, (piece, expected)) in steps.into_iter().enumerate() {
        session.progress_ms = 0;
        session.on_piece(core, Priority::Attachment, piece).unwrap();
        assert_eq!(session.receive.coming[&2].bytes, expected, "step {at}");
        assert_eq!(session.receive.bytes - before, expected.len(), "step {at}");
        assert_eq!(session.progress_ms, core.now_ms);
    }
    // Each priority has its own; a full disk takes none.
    session
        .on_piece(core, Priority::Rest, piece(9, 20, 0, &[5]))
        .unwrap();
    assert_eq!(session.receive.coming.len(), 2);
    session.receive.full = Some(CloseReason::Store("full".into()));
    session
        .on_piece(core, Priority::Rest, piece(9, 20, 1, &[6]))
        .unwrap();
    assert_eq!(session.receive.coming[&1].bytes, [5]);
}

#[test]
fn what_has_come_is_kept_after_a_while_and_at_the_end() {
    for (after_ms, is_kept) in [(PIECES_KEEP_MS - 1, false), (PIECES_KEEP_MS, true)] {
        let (mut bus, ours) = differing();
        let peer = bus.nodes[0].id();
        let (session, core) = session(&mut bus, ours);
        session
            .on_piece(core, Priority::Rest, piece(7, 20, 0, &[1, 2]))
            .unwrap();
        assert!(core.partials.held(&peer).is_empty());
        core.now_ms += after_ms;
        session
            .on_piece(core, Priority::Rest, piece(7, 20, 2, &[3]))
            .unwrap();
        assert_eq!(
            core.partials.held(&peer).len(),
            usize::from(is_kept),
            "{after_ms}"
        );
        if is_kept {
            core.now_ms += 1;
            session
                .on_piece(core, Priority::Rest, piece(7, 20, 3, &[4]))
                .unwrap();
            assert_eq!(core.partials.held(&peer)[0].bytes, 3, "kept again at once");
        }
        session.pieces_keep(core);
        for effect in std::mem::take(&mut core.effects) {
            if let Effect::Keep(job) = effect {
                assert!(job.run(core.replica.as_ref()).failed.is_none());
            }
        }
        let bytes = core
            .partials
            .bytes(core.replica.as_ref(), &peer, &[7; 16])
            .unwrap();
        assert!(bytes.starts_with(&[1, 2, 3]), "{bytes:?}");
        // It is gone on with what is held, as a new session reads it.
        session.receive.coming.clear();
        session.receive.held_bytes.insert([7; 16], bytes);
        session
            .on_piece(core, Priority::Rest, piece(7, 20, 3, &[4, 5]))
            .unwrap();
        assert_eq!(session.receive.coming[&1].bytes, [1, 2, 3, 4, 5]);
        // Once both hold the same, nothing of it is of use; what is coming still is.
        session.pieces_forget(core);
        assert_eq!(core.partials.held(&peer).len(), 1);
        session.receive.coming.clear();
        session.pieces_forget(core);
        assert!(core.partials.held(&peer).is_empty());
    }
    // Of what has not begun nothing is kept.
    let (mut bus, ours) = differing();
    let peer = bus.nodes[0].id();
    let (session, core) = session(&mut bus, ours);
    let nothing = Coming {
        payload: [7; 16],
        total: 9,
        bytes: Vec::new(),
        kept_ms: 0,
    };
    session.receive.coming.insert(1, nothing);
    session.pieces_keep(core);
    assert!(core.partials.held(&peer).is_empty());
}

#[test]
fn a_large_batch_is_sent_from_where_the_peer_has_it() {
    let whole: Vec<u8> = (0..3 * PIECE_BYTES + 100).map(|n| (n % 251) as u8).collect();
    let sizes = [0, 1, PIECE_BYTES, whole.len() - 1, whole.len(), whole.len() + 50];
    for held in sizes {
        for batch_bytes in [64 << 10, 1_000] {
            let (mut bus, ours) = differing();
            let (session, core) = session(&mut bus, ours);
            core.options.batch_bytes = batch_bytes;
            let payload = crate::batch::payload_id(&core.secret, &whole);
            session.send.peer_holds = BTreeMap::from([(payload, held as u32), ([1; 16], 5)]);
            let batch = Batch {
                payload: whole.clone(),
                ..empty_batch(8)
            };
            let bytes = session.pieces_send(core, Priority::Rest, batch.clone());
            let said = said(&mut bus.nodes[1].engine);
            let mut came = whole[..held.min(whole.len())].to_vec();
            let mut length = 0;
            for message in &said[..said.len() - 1] {
                length += crate::wire::encode(1, message).len();
                let Message::Piece(piece) = message else {
                    panic!("{message:?}");
                };
                assert_eq!((piece.payload, piece.total as usize), (payload, whole.len()));
                assert_eq!(piece.offset as usize, came.len());
                assert!(piece.bytes.len() <= PIECE_BYTES.min(batch_bytes));
                came.extend(&piece.bytes);
            }
            assert!(came == whole, "held {held}");
            let last = Message::Pieced(Batch {
                payload: payload.to_vec(),
                ..batch
            });
            assert_eq!(said.last(), Some(&last));
            assert!(bytes >= length + 16, "{bytes} {length}");
        }
    }
}

#[test]
fn a_batch_that_names_a_payload_is_that_payload_or_none() {
    let whole = crate::batch::encode(&[]).unwrap();
    let name = |core: &Core, bytes: &[u8]| crate::batch::payload_id(&core.secret, bytes);
    let empty = || crate::batch::encode(&[]).unwrap();
    for (priority, is_taken, is_old) in [
        (Priority::Rest, false, false),
        (Priority::Rest, true, false),
        (Priority::Repair, false, false),
        (Priority::Rest, false, true),
    ] {
        let (mut bus, ours) = differing();
        let peer = bus.nodes[0].id();
        let (session, core) = session(&mut bus, ours);
        let payload = name(core, &whole);
        let index = priority.data_index().unwrap();
        let next = session.receive.next[index];
        if is_taken {
            let came = crate::engine::partials::Came {
                peer: &peer,
                payload: &payload,
                total: 9,
                bytes: &[],
            };
            let replica = core.replica.clone();
            let changes = core.partials.taken(&came, 2, 1);
            replica.documents_save(&changes).unwrap();
        } else {
            let mut all = piece(0, whole.len() as u32, 0, &whole);
            all.payload = payload;
            session.on_piece(core, priority, all).unwrap();
        }
        let id = if is_old { next - 1 } else { next };
        let batch = Batch {
            payload: payload.to_vec(),
            ..empty_batch(id)
        };
        session.on_pieced(core, priority, batch).unwrap();
        let held = session
            .receive
            .held
            .get(&(index, id))
            .map(|batch| batch.payload.clone());
        assert_eq!(held, (!is_old).then(empty), "{priority:?} {is_taken} {is_old}");
        let is_noted = session.receive.pieced.contains_key(&(index, id));
        assert_eq!(is_noted, !is_old && !is_taken, "{priority:?} {is_taken} {is_old}");
        assert_eq!(session.receive.coming.is_empty(), !is_old);
    }
    // A name that is not that of what came ends the session, and none of it stays.
    let (mut bus, ours) = differing();
    let peer = bus.nodes[0].id();
    let (session, core) = session(&mut bus, ours);
    session
        .on_piece(core, Priority::Rest, piece(7, 20, 0, &[1, 2]))
        .unwrap();
    session.pieces_keep(core);
    assert_eq!(core.partials.held(&peer).len(), 1);
    let batch = Batch {
        payload: vec![7; 16],
        ..empty_batch(session.receive.next[1])
    };
    let refused = session.on_pieced(core, Priority::Rest, batch).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("pieces that do not make the payload"),
        "{refused}"
    );
    assert!(core.partials.held(&peer).is_empty());
}
