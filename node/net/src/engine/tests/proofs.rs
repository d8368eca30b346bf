//! What a session says of itself, and when it is over: each condition alone.

use super::*;
use crate::engine::key_queue::KeyQueue;
use crate::engine::session::{Give, Phase, Ready, Session};
use crate::limits::EAGER_BATCHES_MAX;
use crate::read::Payload;
use crate::wire::{self, Batch, Message, Status};

/// Two nodes with a record each and a session at rest; the first one's end of it.
pub(super) fn rested() -> (Bus, SessionId) {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[0].store, "a", "Quispe");
    patient(&bus.nodes[1].store, "b", "Mamani");
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    (bus, there)
}

/// What an engine was about to send.
pub(super) fn said(engine: &mut Engine) -> Vec<Message> {
    let effects = std::mem::take(&mut engine.core.effects).into_iter();
    let said = effects.filter_map(|effect| match effect {
        Effect::Send { bytes, .. } => Some(wire::decode(&bytes).unwrap().1),
        _ => None,
    });
    said.collect()
}

pub(super) fn empty_batch(id: u32) -> Batch {
    Batch {
        id,
        from: 0,
        to: 0,
        base: 0,
        authority: 0,
        payload: Vec::new(),
    }
}

fn rest() -> Ready {
    let payload = Payload {
        bytes: Vec::new().into(),
        raw_bytes: 0,
        records: 1,
        to: 0,
    };
    Ready {
        payload,
        from: 0,
        base: 0,
    }
}

type Change = fn(&mut Session);

/// What keeps a session from having nothing left to do.
const OWING: [(&str, Change); 8] = [
    ("nothing", |_| ()),
    ("an answer to give", |s| s.send.gives.push_back(Give::End(1))),
    ("the rest of a record", |s| s.send.ready[1].push_back(rest())),
    ("the rest of what was asked for", |s| {
        s.send.ready[3].push_back(rest());
    }),
    ("a record to ask for", |s| {
        s.wants.queue.push_back("Patient/z".parse().unwrap());
    }),
    ("a question that is open", |s| s.wants.open = Some((1, None))),
    ("a batch being taken in", |s| s.receive.applying = 1),
    ("a batch that waits", |s| {
        s.receive.held.insert((0, 9), empty_batch(9));
    }),
];

/// How far the log has been sent; whether all of it is, and whether that is all there will be.
const WALKED: [(&str, Change, bool, bool); 6] = [
    ("to its end", |_| (), true, true),
    (
        "not in one priority",
        |s| s.send.walks[1].exhausted = None,
        false,
        false,
    ),
    (
        "in one priority to less than there is",
        |s| s.send.walks[2].exhausted = Some(0),
        false,
        false,
    ),
    ("not at all", |s| s.send.walks = Default::default(), false, false),
    (
        "not, for repair comes first",
        |s| s.send.suspended = true,
        false,
        true,
    ),
    ("not, for the grant is over", |s| s.withheld = true, false, true),
];

#[test]
fn a_session_says_that_it_has_nothing_left_only_if_that_is_so() {
    let (mut bus, there) = rested();
    let engine = &mut bus.nodes[0].engine;
    let position = engine.core.replica.position();
    for (what, owe, covered, drained) in WALKED {
        for (owing, change) in OWING {
            let session = engine.sessions.get_mut(&there).unwrap();
            session
                .send
                .walks
                .iter_mut()
                .for_each(|walk| walk.exhausted = Some(position));
            owe(session);
            change(session);
            let status = session.status_now(&mut engine.core).unwrap();
            let is_cut = owing.contains("the rest");
            let told = (status.covered, status.drained);
            let expected = (covered && !is_cut, drained && owing == "nothing");
            assert_eq!(told, expected, "sent {what}, owing {owing}");
            assert_eq!(status.withheld, session.withheld);
            // As if none of it had been.
            (session.send.gives, session.send.ready) = Default::default();
            (session.send.suspended, session.withheld) = (false, false);
            (session.wants.open, session.receive.applying) = (None, 0);
            session.wants.queue = KeyQueue::default();
            session.receive.held.clear();
        }
    }
}

#[test]
fn what_a_session_says_of_itself_is_what_is_so() {
    let (mut bus, there) = rested();
    let sum = bus.nodes[0].fingerprint();
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    session.receive.complete = 41;
    session.send.ids = [4, 3, 2, 1];
    session.seen = Some((5, 6));
    session.proof.heard = 7;
    (session.authority.sent, session.authority.received) = (8, 9);
    let (authority, statements) = (engine.core.trust.digest(), engine.core.trust.count());
    let expected = Status {
        position: engine.core.replica.position(),
        sum: sum.sum,
        count: 2,
        received: 41,
        sent: [4, 3, 2, 1],
        drained: true,
        covered: true,
        withheld: false,
        quarantined: 0,
        seen: Some((5, 6)),
        answers: 7,
        authority,
        statements,
        told: 8,
        heard: 9,
    };
    assert_eq!(session.status_now(&mut engine.core).unwrap(), expected);
}

#[test]
fn a_status_waits_for_what_is_under_way_and_for_the_peers() {
    let rows: [(&str, usize, bool, bool); 4] = [
        ("nothing is under way", 0, false, true),
        ("a few batches are", EAGER_BATCHES_MAX, false, true),
        ("more are", EAGER_BATCHES_MAX + 1, false, false),
        ("the peer's is not taken up yet", 0, true, false),
    ];
    for (what, under_way, is_pending, is_said) in rows {
        let (mut bus, there) = rested();
        let engine = &mut bus.nodes[0].engine;
        let session = engine.sessions.get_mut(&there).unwrap();
        session.send.last_status = None;
        session.send.in_flight = (0..under_way).map(|id| (Priority::Rest, id as u32, 1)).collect();
        session.proof.pending = is_pending.then(Status::default);
        session.status_send(&mut engine.core);
        assert_eq!(said(engine).len(), usize::from(is_said), "{what}");
    }
    for (owing, owe) in OWING {
        let (mut bus, there) = rested();
        let engine = &mut bus.nodes[0].engine;
        let session = engine.sessions.get_mut(&there).unwrap();
        session.send.last_status = None;
        owe(session);
        session.status_send(&mut engine.core);
        assert_eq!(
            said(engine).len(),
            usize::from(owing == "nothing"),
            "owing {owing}"
        );
    }
}

#[test]
fn a_status_is_said_when_it_is_news_and_not_over_and_over() {
    type Old = fn(&mut Status);
    // What was said last, and whether it is said anew: between two that are equal, and between others.
    let rows: [(&str, Old, bool, bool); 12] = [
        ("nothing new", |_| (), false, false),
        ("position", |s| s.position -= 1, true, true),
        ("sum", |s| s.sum[9] ^= 1, true, true),
        ("count", |s| s.count += 1, true, true),
        ("received", |s| s.received += 1, true, true),
        ("quarantined", |s| s.quarantined += 1, true, true),
        ("withheld", |s| s.withheld ^= true, true, true),
        ("an answer", |s| s.answers += 1, true, true),
        ("sent", |s| s.sent[2] += 1, false, true),
        ("drained", |s| s.drained ^= true, false, true),
        ("covered", |s| s.covered ^= true, false, true),
        ("seen", |s| s.seen = Some((1, 1)), false, false),
    ];
    for (what, old, if_equal, if_not) in rows {
        for (is_equal, is_said) in [(true, if_equal), (false, if_not)] {
            let (mut bus, there) = rested();
            let engine = &mut bus.nodes[0].engine;
            let session = engine.sessions.get_mut(&there).unwrap();
            let mut last = session.status_now(&mut engine.core).unwrap();
            session.proof.equal = is_equal.then_some((last.position, 1));
            old(&mut last);
            session.send.last_status = Some(last);
            session.status_send(&mut engine.core);
            let now = session.status_now(&mut engine.core).unwrap();
            let kept = if is_said { now } else { last };
            assert_eq!(session.send.last_status, Some(kept), "{what}, equal {is_equal}");
            let expected: Vec<Message> = is_said.then_some(Message::Status(now)).into_iter().collect();
            assert_eq!(said(engine), expected, "{what}, equal {is_equal}");
        }
    }
    // Where more is given than is compared, the peer waits for the word that all of it was.
    for (old, is_said) in [(true, false), (false, true)] {
        let (mut bus, there) = rested();
        let engine = &mut bus.nodes[0].engine;
        let session = engine.sessions.get_mut(&there).unwrap();
        Arc::make_mut(&mut session.flow).is_out_wider = true;
        let mut last = session.status_now(&mut engine.core).unwrap();
        last.covered = old;
        session.proof.equal = Some((last.position, 1));
        session.send.last_status = Some(last);
        session.status_send(&mut engine.core);
        assert_eq!(said(engine).len(), usize::from(is_said), "covered was {old}");
    }
}

#[test]
fn two_are_no_longer_equal_once_one_has_moved_on() {
    // Only what the other may not hold was added; and what it may.
    for (has_moved, is_other, stays) in [
        (false, false, true),
        (true, false, true),
        (false, true, true),
        (true, true, false),
    ] {
        let (mut bus, there) = rested();
        let engine = &mut bus.nodes[0].engine;
        let session = engine.sessions.get_mut(&there).unwrap();
        let mut last = session.status_now(&mut engine.core).unwrap();
        let mine = last.position - u64::from(has_moved);
        session.proof.equal = Some((mine, 1));
        last.sum[3] ^= u8::from(is_other);
        session.send.last_status = Some(last);
        session.status_send(&mut engine.core);
        assert_eq!(session.proof.equal.is_some(), stays, "{has_moved} {is_other}");
    }
}

#[test]
fn what_only_one_may_hold_is_with_it_before_both_are_in_sync() {
    // Given more, all of it given; gets more, all of it come; something under way; something both may hold.
    let mut rows = Vec::new();
    for bits in 0..64_u32 {
        let bit = |at: u32| bits >> at & 1 == 1;
        rows.push([bit(0), bit(1), bit(2), bit(3), bit(4), bit(5)]);
    }
    let (mut bus, there) = rested();
    let engine = &mut bus.nodes[0].engine;
    let position = engine.core.replica.position();
    let shared = engine.sessions[&there].flow.shared.clone();
    for [gives, has_given, gets, has_come, is_under_way, is_shared] in rows {
        let session = engine.sessions.get_mut(&there).unwrap();
        let flow = Arc::make_mut(&mut session.flow);
        flow.shared = match is_shared {
            true => shared.clone(),
            false => chaski_store::ScopeFilter::none(),
        };
        (flow.is_out_wider, flow.is_in_wider) = (gives, gets);
        let reached = if has_given { position } else { position - 1 };
        session
            .send
            .walks
            .iter_mut()
            .for_each(|walk| walk.exhausted = Some(reached));
        session.send.in_flight = is_under_way
            .then_some((Priority::Rest, 9, 1))
            .into_iter()
            .collect();
        let status = Status {
            covered: has_come,
            ..Status::default()
        };
        session.proof.peer = Some(status);
        session.proof.equal = Some((position, 1));
        let expected = is_shared && (!gives || has_given && !is_under_way) && (!gets || has_come);
        let what = [gives, has_given, gets, has_come, is_under_way, is_shared];
        assert_eq!(session.is_handed_over(), expected, "{what:?}");
        session.proof.equal = None;
        assert!(!session.is_handed_over(), "not equal: {what:?}");
        session.proof.equal = Some((position, 1));
        session.proof.peer = None;
        assert!(!session.is_handed_over(), "the peer has said nothing: {what:?}");
    }
}

#[test]
fn who_is_asked_has_answered_once_it_says_so() {
    // A question is due, the last one, the last answer; whether it is one.
    let rows: [(bool, u32, Option<u32>, bool); 8] = [
        (false, 0, None, true),
        (true, 0, None, false),
        (false, 1, None, false),
        (false, 1, Some(0), false),
        (false, 1, Some(1), true),
        (true, 1, Some(1), false),
        (false, 2, Some(1), false),
        (false, 2, Some(3), true),
    ];
    let (mut bus, there) = rested();
    let session = bus.nodes[0].engine.sessions.get_mut(&there).unwrap();
    for (due, ask, answers, expected) in rows {
        (session.proof.ask_due, session.proof.ask) = (due, ask);
        session.proof.peer = answers.map(|answers| Status {
            answers,
            ..Status::default()
        });
        assert_eq!(session.is_answered(), expected, "{due} {ask} {answers:?}");
    }
}

/// How a request on the first node's session ended, if it has.
fn outcome(bus: &mut Bus, there: SessionId) -> Option<(bool, String)> {
    let engine = &mut bus.nodes[0].engine;
    engine.sessions.get_mut(&there).unwrap().requests = vec![1, 2];
    engine.reports_settle();
    let reports: Vec<_> = std::mem::take(&mut engine.core.effects)
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Report {
                request,
                session,
                outcome,
            } => Some((request, session, outcome.unwrap())),
            _ => None,
        })
        .collect();
    let (_, _, first) = reports.first()?;
    let told: Vec<_> = reports.iter().map(|one| (one.0, one.1)).collect();
    assert_eq!(
        told,
        [(1, Some(there)), (2, Some(there))],
        "each is answered once"
    );
    assert!(engine.sessions[&there].requests.is_empty());
    Some((first.in_sync, first.reason.clone()))
}

#[test]
fn a_request_is_answered_when_nothing_more_will_come_of_it_and_not_before() {
    let in_sync = Some((true, ""));
    let aside = Some((false, "changes stand in quarantine or were refused"));
    type Row = (&'static str, Change, Option<(bool, &'static str)>);
    let rows: [Row; 10] = [
        ("equal", |_| (), in_sync),
        ("no longer live", |s| s.phase = Phase::Leaving, None),
        ("asked, not answered", |s| s.proof.ask = 1, None),
        (
            "something newer was said",
            |s| s.proof.pending = Some(Status::default()),
            None,
        ),
        ("a batch is being taken in", |s| s.receive.applying = 1, None),
        (
            "a batch waits",
            |s| {
                s.receive.held.insert((1, 9), empty_batch(9));
            },
            None,
        ),
        ("the peer said nothing", |s| s.proof.peer = None, None),
        ("a change was refused", |s| s.stats.refused.count = 1, aside),
        (
            "one stands aside there",
            |s| s.proof.peer.as_mut().unwrap().quarantined = 1,
            aside,
        ),
        ("not equal, and no reason yet", |s| s.proof.equal = None, None),
    ];
    for (what, change, expected) in rows {
        let (mut bus, there) = rested();
        change(bus.nodes[0].engine.sessions.get_mut(&there).unwrap());
        let expected = expected.map(|(in_sync, reason)| (in_sync, reason.to_owned()));
        assert_eq!(outcome(&mut bus, there), expected, "{what}");
    }
}

#[test]
fn why_two_are_not_in_sync_is_told_once_both_have_nothing_left() {
    let here = "this node's grant is over";
    let there_over = "the peer's grant is over";
    let refused = "changes were refused";
    let differ = "still differ after repair";
    let rows: [(&str, Change, Option<&str>); 10] = [
        ("withheld there", |s| peer(s).withheld = true, Some(here)),
        ("withheld here", |s| mine(s).withheld = true, Some(there_over)),
        (
            "withheld on both",
            |s| (peer(s).withheld, mine(s).withheld) = (true, true),
            Some(here),
        ),
        ("repair in vain", |s| s.repair.exhausted = true, Some(differ)),
        (
            "repair in vain, for something was refused",
            |s| (s.repair.exhausted, s.stats.refused.count) = (true, 1),
            Some(refused),
        ),
        ("nothing of it", |_| (), None),
        (
            "the peer is not done",
            |s| (s.repair.exhausted, peer(s).drained) = (true, false),
            None,
        ),
        (
            "this node is not done",
            |s| (s.repair.exhausted, mine(s).drained) = (true, false),
            None,
        ),
        (
            "a batch is under way",
            |s| {
                s.repair.exhausted = true;
                s.send.in_flight.push_back((Priority::Rest, 9, 1));
            },
            None,
        ),
        (
            "a question is open",
            |s| (s.repair.exhausted, s.wants.open) = (true, Some((1, None))),
            None,
        ),
    ];
    for (what, change, expected) in rows {
        let (mut bus, there) = rested();
        let session = bus.nodes[0].engine.sessions.get_mut(&there).unwrap();
        session.proof.equal = None;
        (mine(session).drained, peer(session).drained) = (true, true);
        change(session);
        let told = outcome(&mut bus, there);
        let is_as_expected = match (&told, expected) {
            (Some((false, reason)), Some(expected)) => reason.contains(expected),
            (None, None) => true,
            _ => false,
        };
        assert!(is_as_expected, "{what}: {told:?}");
    }
}

fn mine(session: &mut Session) -> &mut Status {
    session.send.last_status.as_mut().unwrap()
}

fn peer(session: &mut Session) -> &mut Status {
    session.proof.peer.as_mut().unwrap()
}

#[test]
fn a_peers_word_counts_once_all_it_speaks_of_was_taken_in() {
    for priority in 0..4 {
        for (more, is_taken_up) in [(0, true), (1, false)] {
            let (mut bus, there) = rested();
            let engine = &mut bus.nodes[0].engine;
            let session = engine.sessions.get_mut(&there).unwrap();
            let mut status = session.proof.peer.unwrap();
            session.receive.applied = [5; 4];
            status.sent = [3; 4];
            status.sent[priority] = 5 + more;
            session.proof.pending = Some(status);
            session.proof_advance(&mut engine.core);
            assert_eq!(session.proof.pending.is_none(), is_taken_up, "{priority} {more}");
        }
    }
}

#[test]
fn what_follows_of_a_peers_word_depends_on_whether_both_are_equal() {
    // Equal, all of it sent, more given to this node than is compared; whether all up to there counts as read.
    for bits in 0..8_u32 {
        let [is_equal, covered, is_wider] = [0, 1, 2].map(|at| bits >> at & 1 == 1);
        let (mut bus, there) = rested();
        let (node, wall_ms) = (bus.nodes[1].id(), bus.now_ms);
        let engine = &mut bus.nodes[0].engine;
        let position = engine.core.replica.position();
        let session = engine.sessions.get_mut(&there).unwrap();
        let mut status = session.proof.peer.unwrap();
        (status.position, status.covered) = (9_000, covered);
        if !is_equal {
            (status.sum[0], status.count) = (status.sum[0] ^ 1, 77);
        }
        Arc::make_mut(&mut session.flow).is_in_wider = is_wider;
        (session.repair.active, session.repair.exhausted) = (true, true);
        (session.proof.ever, session.proof.awaits_handing) = (false, true);
        session.proof.equal = Some((1, 1));
        session.proof.pending = Some(status);
        session.proof_advance(&mut engine.core);
        let what = format!("equal {is_equal}, covered {covered}, wider {is_wider}");
        assert_eq!(session.proof.peer, Some(status), "{what}");
        assert_eq!(
            session.proof.equal,
            is_equal.then_some((position, 9_000)),
            "{what}"
        );
        assert_eq!(session.proof.ever, is_equal, "{what}");
        assert_eq!(
            (session.repair.active, session.repair.exhausted),
            (!is_equal, !is_equal)
        );
        let is_read = covered || is_equal && !is_wider;
        assert_eq!(session.receive.complete == 9_000, is_read, "{what}");
        // What only this node may be given is known to be here by the peer's word alone.
        let is_in_sync = is_equal && (!is_wider || covered);
        assert_eq!(session.proof.awaits_handing, is_equal && !is_in_sync, "{what}");
        let state = engine.core.peers.state(&node).unwrap();
        assert_eq!(state.in_sync, is_in_sync, "{what}");
        assert_eq!(state.records, if is_equal { 2 } else { 77 }, "{what}");
        if is_in_sync {
            assert_eq!((state.equal_position, state.equal_ms), (position, wall_ms));
        }
    }
}

#[test]
fn what_the_peer_has_taken_beyond_what_is_compared_is_remembered() {
    // Given more than is compared, something under way, waiting for that; what is remembered, and in sync.
    for bits in 0..8_u32 {
        let [is_wider, is_under_way, awaits] = [0, 1, 2].map(|at| bits >> at & 1 == 1);
        let (mut bus, there) = rested();
        let node = bus.nodes[1].id();
        let engine = &mut bus.nodes[0].engine;
        let position = engine.core.replica.position();
        let session = engine.sessions.get_mut(&there).unwrap();
        Arc::make_mut(&mut session.flow).is_out_wider = is_wider;
        session.proof.equal = Some((position, 1));
        session.proof.awaits_handing = awaits;
        let walks = session.send.walks.iter_mut();
        walks.for_each(|walk| walk.exhausted = Some(position));
        if is_under_way {
            session.send.in_flight.push_back((Priority::Rest, 9, 1));
        }
        engine.core.peers.in_sync(&node, false, 0, 0, 1);
        session.handing_advance(&mut engine.core);
        let is_taken = is_wider && !is_under_way;
        let handed = engine.core.peers.handed(&node);
        assert_eq!(handed, if is_taken { position } else { 0 }, "{bits:03b}");
        let state = engine.core.peers.state(&node).unwrap();
        assert_eq!(state.in_sync, is_taken && awaits, "{bits:03b}");
        if state.in_sync {
            assert_eq!(
                (state.equal_ms, state.last_seen_ms),
                (bus.now_ms, bus.now_ms),
                "by the date"
            );
        }
        assert_eq!(session.proof.awaits_handing, awaits && !is_taken, "{bits:03b}");
    }
}
