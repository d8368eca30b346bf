//! What becomes of a request: it joins a session at work, dials, or is told why not.

use super::proofs::{empty_batch, rested};
use super::*;
use crate::engine::session::{Phase, Session};
use crate::limits::{
    FULL_WAIT_MS, HELLO_MS_MAX, REDIAL_SWITCHED_MS_MAX, REPLACE_MS, REQUESTS_MAX, STALL_MS_MAX,
};
use crate::wire::{self, Message, Status};

fn sync(bus: &mut Bus, node: usize, peer: Option<NodeId>, address: Option<&str>) -> Vec<Effect> {
    let event = Event::Sync {
        request: 7,
        peer,
        address: address.map(str::to_owned),
    };
    bus.nodes[node].engine.handle(now_at(bus.now_ms), event)
}

/// Whom an engine wants to dial, and where.
fn dials(effects: &[Effect]) -> Vec<(Option<NodeId>, Vec<String>, Option<u64>)> {
    let dials = effects.iter().filter_map(|effect| match effect {
        Effect::Connect {
            peer,
            addresses,
            request,
        } => Some((*peer, addresses.clone(), *request)),
        _ => None,
    });
    dials.collect()
}

fn reports(effects: &[Effect]) -> Vec<(u64, Option<SessionId>, Result<bool, CloseReason>)> {
    let reports = effects.iter().filter_map(|effect| match effect {
        Effect::Report {
            request,
            session,
            outcome,
        } => Some((*request, *session, outcome.clone().map(|report| report.in_sync))),
        _ => None,
    });
    reports.collect()
}

fn asks(effects: &[Effect]) -> usize {
    let is_ask = |effect: &&Effect| match effect {
        Effect::Send { bytes, .. } => matches!(wire::decode(bytes).unwrap().1, Message::Ask(_)),
        _ => false,
    };
    effects.iter().filter(is_ask).count()
}

#[test]
fn whoever_asks_while_a_session_is_at_work_is_told_of_what_was_there_by_then() {
    let (mut bus, _) = rested();
    // The second node has sent something; the first has taken it in, and says so.
    patient(&bus.nodes[1].store, "sent", "Condori");
    bus.give(1, Event::LocalChange);
    let sent: Vec<_> = bus.queue.drain(..).collect();
    for (node, event) in sent {
        assert_eq!(node, 0);
        bus.give(node, event);
    }
    // At the first node a record is written, of which what it said does not speak; then the second node asks.
    patient(&bus.nodes[0].store, "written", "Condori");
    let peer = bus.nodes[0].id();
    let effects = sync(&mut bus, 1, Some(peer), None);
    assert!(dials(&effects).is_empty(), "no session was at work: no test");
    assert_eq!(asks(&effects), 1, "it is not asked where it stands now");
    bus.effects(1, effects);
    while let Some((node, event)) = bus.queue.pop_front() {
        bus.give(node, event);
        let is_told = !bus.nodes[1].reports.is_empty();
        let key = "Patient/written".parse().unwrap();
        let has_all = bus.nodes[1].store.contains(&key).unwrap();
        assert!(!is_told || has_all, "in sync, without what was written before");
    }
    assert!(bus.nodes[1].reports.pop().unwrap().unwrap().in_sync);
    bus.assert_equal();
}

type Change = fn(&mut Session, u64);

/// So many requests wait for an answer of the peer's.
fn wait(session: &mut Session, requests: usize) {
    (session.requests, session.proof.ask) = (vec![1; requests], 1);
}

#[test]
fn a_request_joins_a_session_that_is_at_work_and_dials_beside_any_other() {
    let busy: Change = |session, _| session.wants.open = Some((1, None));
    let rows: [(&str, &[Change], bool); 8] = [
        ("at rest", &[], false),
        ("at work", &[busy], true),
        (
            "at work until just now",
            &[busy, |s, now| s.progress_ms = now - REPLACE_MS + 1],
            true,
        ),
        (
            "at work, and silent",
            &[busy, |s, now| s.progress_ms = now - REPLACE_MS],
            false,
        ),
        (
            "many wait for it",
            &[busy, |s, _| wait(s, REQUESTS_MAX - 1)],
            true,
        ),
        (
            "too many wait for it",
            &[busy, |s, _| wait(s, REQUESTS_MAX)],
            false,
        ),
        ("leaving", &[busy, |s, _| s.phase = Phase::Leaving], false),
        ("about to be known", &[|s, _| s.phase = Phase::Unknown], true),
    ];
    for (what, changes, joins) in rows {
        let (mut bus, there) = rested();
        let peer = bus.nodes[1].id();
        assert!(bus.nodes[0].engine.address_learned(&peer, "10.0.0.2:1"));
        let now_ms = steady_at(bus.now_ms);
        let session = bus.nodes[0].engine.sessions.get_mut(&there).unwrap();
        changes.iter().for_each(|change| change(session, now_ms));
        let before = session.requests.len();
        let effects = sync(&mut bus, 0, Some(peer), Some("10.0.0.9:1"));
        let session = &bus.nodes[0].engine.sessions[&there];
        assert_eq!(session.requests.len(), before + usize::from(joins), "{what}");
        // Where it was told to be comes first.
        let to = vec!["10.0.0.9:1".to_owned(), "10.0.0.2:1".to_owned()];
        let expected = match joins {
            true => Vec::new(),
            false => vec![(Some(peer), to, Some(7))],
        };
        assert_eq!(dials(&effects), expected, "{what}");
        assert!(reports(&effects).is_empty(), "{what}: told before it was asked");
        if joins && session.phase == Phase::Live {
            assert_eq!(asks(&effects), 1, "{what}");
        }
    }
}

#[test]
fn a_session_at_work_with_another_is_not_joined() {
    let mut bus = Bus::new(3);
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    let session = bus.nodes[0].engine.sessions.get_mut(&there).unwrap();
    session.wants.open = Some((1, None));
    let other = bus.nodes[2].id();
    let effects = sync(&mut bus, 0, Some(other), Some("10.0.0.3:1"));
    let to = vec!["10.0.0.3:1".to_owned()];
    assert_eq!(dials(&effects), [(Some(other), to, Some(7))]);
}

#[test]
fn whoever_dials_us_is_asked_on_its_own_session_and_nobody_else_is() {
    for (phase, joins) in [(Phase::Live, true), (Phase::Leaving, false)] {
        let (mut bus, there) = rested();
        let peer = bus.nodes[1].id();
        bus.nodes[0].engine.sessions.get_mut(&there).unwrap().phase = phase;
        let effects = sync(&mut bus, 0, Some(peer), None);
        assert_eq!(asks(&effects), usize::from(joins), "{phase:?}");
        let unreachable = CloseReason::Unreachable("no known address".into());
        let expected = match joins {
            true => vec![],
            false => vec![(7, None, Err(unreachable))],
        };
        assert_eq!(reports(&effects), expected, "{phase:?}");
    }
    let (mut bus, there) = rested();
    let stranger = NodeId([9; 32]);
    let effects = sync(&mut bus, 0, Some(stranger), None);
    assert_eq!((reports(&effects).len(), asks(&effects)), (1, 0));
    assert!(bus.nodes[0].engine.sessions[&there].requests.is_empty());
}

#[test]
fn a_request_to_whom_is_switched_off_is_told_so_and_dials_nobody() {
    let (mut bus, _) = rested();
    let peer = bus.nodes[1].id();
    bus.give(0, Event::LinkEnabled { peer, enabled: false });
    let effects = sync(&mut bus, 0, Some(peer), Some("10.0.0.2:1"));
    assert_eq!(reports(&effects), [(7, None, Err(CloseReason::Disabled))]);
    assert!(dials(&effects).is_empty());
}

#[test]
fn a_request_that_nobody_answers_is_reported_and_the_peers_problem_noted() {
    let lost = CloseReason::Unreachable("10.0.0.2:1".into());
    let other = CloseReason::OtherKey("10.0.0.2:1".into());
    for (is_refused, reason) in [(false, lost), (true, other)] {
        for (request, is_known) in [(Some(7), true), (None, true), (Some(7), false)] {
            let mut bus = Bus::new(2);
            let node = bus.nodes[1].id();
            let peer = is_known.then_some(node);
            let event = match is_refused {
                true => Event::DialRefused {
                    peer,
                    request,
                    reason: reason.clone(),
                },
                false => Event::DialFailed {
                    peer,
                    request,
                    address: "10.0.0.2:1".into(),
                },
            };
            let effects = bus.nodes[0].engine.handle(now_at(bus.now_ms), event);
            let expected: Vec<_> = request
                .map(|request| (request, None, Err(reason.clone())))
                .into_iter()
                .collect();
            assert_eq!(reports(&effects), expected);
            let problem = bus.nodes[0].engine.peers()[0].problem;
            assert_eq!(problem, is_known.then(|| Problem::Own(reason.code())));
        }
    }
}

#[test]
fn who_waits_on_a_session_that_ends_is_told_why() {
    // By the other end, and by this one; where another session with the peer goes on, that one answers.
    for reason in [
        CloseReason::Lost("cut".into()),
        CloseReason::Duplicate,
        CloseReason::Replaced,
        CloseReason::Revoked,
    ] {
        for has_other in [false, true] {
            let (mut bus, there) = rested();
            let peer = bus.nodes[1].id();
            if has_other {
                let mut other = Session::new(800, peer, false, String::new(), steady_at(bus.now_ms));
                other.phase = Phase::Live;
                bus.nodes[0].engine.sessions.insert(800, other);
            }
            let session = bus.nodes[0].engine.sessions.get_mut(&there).unwrap();
            session.requests = vec![7, 8];
            let event = Event::Closed {
                session: there,
                reason: reason.clone(),
            };
            let effects = bus.nodes[0].engine.handle(now_at(bus.now_ms), event);
            let goes_on = has_other && matches!(reason, CloseReason::Duplicate | CloseReason::Replaced);
            let told = |request| (request, Some(there), Err(reason.clone()));
            let expected = if goes_on { vec![] } else { vec![told(7), told(8)] };
            assert_eq!(reports(&effects), expected, "{reason} {has_other}");
            let moved = bus.nodes[0].engine.sessions.get(&800);
            let moved = moved.map(|other| other.requests.clone()).unwrap_or_default();
            assert_eq!(moved, if goes_on { vec![7, 8] } else { vec![] });
            assert_eq!(asks(&effects), usize::from(goes_on), "asked for it anew");
            assert_eq!(bus.nodes[0].engine.session_ids().count(), usize::from(has_other));
            // While another session is open there is no problem with the peer.
            let problem = bus.nodes[0].engine.peers()[0].problem;
            assert_eq!(problem, (!has_other).then(|| Problem::Told(reason.code())));
        }
    }
}

#[test]
fn a_peer_that_closed_with_the_code_of_the_revoked_says_that_this_node_is() {
    for code in 0..=25 {
        let (mut bus, there) = rested();
        let event = Event::Closed {
            session: there,
            reason: CloseReason::from_code(code, wire::VERSION),
        };
        bus.nodes[0].engine.handle(now_at(bus.now_ms), event);
        bus.nodes[0].engine.flush();
        let says = bus.nodes[0].engine.peers()[0].says_revoked();
        // Also to whoever asks the store, once the network side is down.
        let kept = crate::setup::peers(&bus.nodes[0].store).unwrap();
        assert_eq!(
            (says, kept[0].says_revoked()),
            (code == 9, code == 9),
            "code {code}"
        );
    }
    // Nor does this node say it of itself where it turns the peer away.
    let (mut bus, there) = rested();
    bus.nodes[0].engine.close(there, CloseReason::Revoked);
    assert!(!bus.nodes[0].engine.peers()[0].says_revoked());
}

#[test]
fn the_session_that_is_known_answers_before_one_that_is_not_yet() {
    let (mut bus, there) = rested();
    let peer = bus.nodes[1].id();
    for (id, phase) in [(700, Phase::Unknown), (800, Phase::Live), (600, Phase::Leaving)] {
        let mut other = Session::new(id, peer, false, String::new(), steady_at(bus.now_ms));
        other.phase = phase;
        bus.nodes[0].engine.sessions.insert(id, other);
    }
    // One with somebody else.
    let mut other = Session::new(500, NodeId([9; 32]), false, String::new(), bus.now_ms);
    other.phase = Phase::Live;
    bus.nodes[0].engine.sessions.insert(500, other);
    for (ends, heir) in [(there, 800), (800, 700)] {
        let session = bus.nodes[0].engine.sessions.get_mut(&ends).unwrap();
        session.requests = vec![7];
        let event = Event::Closed {
            session: ends,
            reason: CloseReason::Replaced,
        };
        let effects = bus.nodes[0].engine.handle(now_at(bus.now_ms), event);
        assert!(reports(&effects).is_empty());
        assert_eq!(bus.nodes[0].engine.sessions[&heir].requests, [7]);
    }
}

#[test]
fn who_asked_under_a_grant_that_changed_is_asked_for_again() {
    let (mut bus, there) = rested();
    let peer = bus.nodes[1].id();
    assert!(bus.nodes[0].engine.address_learned(&peer, "10.0.0.2:1"));
    let engine = &mut bus.nodes[0].engine;
    engine.core.peers.failed(&peer, None, true, steady_at(bus.now_ms));
    let session = engine.sessions.get_mut(&there).unwrap();
    (session.requests, session.address) = (vec![7], "10.0.0.8:1".into());
    engine.close(there, CloseReason::GrantChanged);
    let effects = std::mem::take(&mut engine.core.effects);
    let to = ["10.0.0.8:1", "10.0.0.2:1"].map(str::to_owned).to_vec();
    assert_eq!(dials(&effects), [(Some(peer), to, Some(7))]);
    assert!(reports(&effects).is_empty());
    assert_eq!(
        engine.core.peers.due(steady_at(bus.now_ms)).len(),
        1,
        "it is not dialled soon"
    );
}

#[test]
fn a_session_that_ends_well_is_no_news_and_any_other_end_is() {
    for (reason, is_news) in [
        (CloseReason::Done, false),
        (CloseReason::Stalled, true),
        (CloseReason::Flooding, true),
    ] {
        let (mut bus, there) = rested();
        let engine = &mut bus.nodes[0].engine;
        engine.close(there, reason.clone());
        let notices = |effect: &&Effect| matches!(effect, Effect::Notice { .. });
        assert_eq!(
            engine.core.effects.iter().filter(notices).count(),
            usize::from(is_news)
        );
        let problem = engine.peers()[0].problem;
        assert_eq!(problem, is_news.then(|| Problem::Own(reason.code())));
        let is_closed =
            |effect: &Effect| matches!(effect, Effect::Close { session, .. } if *session == there);
        assert!(engine.core.effects.iter().any(is_closed));
    }
    // One that this node itself was leaving has no problem, whatever ended it.
    let (mut bus, there) = rested();
    let engine = &mut bus.nodes[0].engine;
    engine.sessions.get_mut(&there).unwrap().phase = Phase::Leaving;
    engine.close(there, CloseReason::Silent);
    assert_eq!(engine.peers()[0].problem, None);
}

#[test]
fn strangers_that_come_and_go_are_not_remembered() {
    let mut bus = Bus::new(1);
    let stranger = NodeId([9; 32]);
    let open = Event::Opened {
        session: 5,
        peer: stranger,
        outbound: false,
        address: "10.0.0.9:1".into(),
        request: None,
    };
    bus.give(0, open);
    bus.now_ms += HELLO_MS_MAX + 1;
    bus.give(0, Event::Tick);
    assert_eq!(bus.nodes[0].closes, [CloseReason::Silent]);
    assert!(bus.nodes[0].engine.core.peers.state(&stranger).is_none());
}

#[test]
fn a_peer_whose_switch_is_off_is_asked_again_before_long() {
    for (reason, soon) in [(CloseReason::Disabled, 1), (CloseReason::Busy, 0)] {
        let (mut bus, there) = rested();
        let peer = bus.nodes[1].id();
        let engine = &mut bus.nodes[0].engine;
        engine.core.peers.learn(&peer, "10.0.0.2:1");
        for _ in 0..10 {
            engine.core.peers.failed(&peer, None, true, steady_at(bus.now_ms));
        }
        let event = Event::Closed {
            session: there,
            reason,
        };
        engine.handle(now_at(bus.now_ms), event);
        let due = engine
            .core
            .peers
            .due(steady_at(bus.now_ms) + REDIAL_SWITCHED_MS_MAX);
        assert_eq!(due.len(), soon);
    }
}

#[test]
fn a_request_on_a_silent_link_is_told_that_nothing_went_over() {
    // At rest, and at work: only what is owed can stall, and not before its time.
    let rows: [(&str, Change, u64, bool); 6] = [
        ("at rest", |_, _| (), STALL_MS_MAX * 9, false),
        ("asked, in time", |s, _| s.requests = vec![7], STALL_MS_MAX, false),
        (
            "asked, too long ago",
            |s, _| s.requests = vec![7],
            STALL_MS_MAX + 1,
            true,
        ),
        (
            "at work, in time",
            |s, _| s.repair.active = true,
            STALL_MS_MAX,
            false,
        ),
        (
            "at work, too long",
            |s, _| s.repair.active = true,
            STALL_MS_MAX + 1,
            true,
        ),
        (
            "a batch that never came",
            |s, _| {
                s.receive.held.insert((0, 9), empty_batch(9));
            },
            STALL_MS_MAX + 1,
            true,
        ),
    ];
    for (what, change, idle_ms, is_stalled) in rows {
        let (mut bus, there) = rested();
        let session = bus.nodes[0].engine.sessions.get_mut(&there).unwrap();
        change(session, steady_at(bus.now_ms));
        // Whatever is asked now is not answered.
        session.proof.ask = 1;
        let requests = session.requests.clone();
        bus.now_ms += idle_ms;
        let effects = bus.nodes[0].engine.handle(now_at(bus.now_ms), Event::Tick);
        let told: Vec<_> = requests
            .into_iter()
            .filter(|_| is_stalled)
            .map(|request| (request, Some(there), Err(CloseReason::Stalled)))
            .collect();
        assert_eq!(reports(&effects), told, "{what}");
        let is_open = bus.nodes[0].engine.sessions.contains_key(&there);
        assert_eq!(is_open, !is_stalled, "{what}");
    }
}

#[test]
fn who_says_nothing_has_its_time_and_no_more() {
    for phase in [Phase::Unknown, Phase::Leaving] {
        for (idle_ms, stays) in [(HELLO_MS_MAX, true), (HELLO_MS_MAX + 1, false)] {
            let (mut bus, there) = rested();
            let session = bus.nodes[0].engine.sessions.get_mut(&there).unwrap();
            (session.phase, session.progress_ms) = (phase, steady_at(bus.now_ms));
            bus.now_ms += idle_ms;
            bus.give(0, Event::Tick);
            let is_open = bus.nodes[0].engine.sessions.contains_key(&there);
            assert_eq!(is_open, stays, "{phase:?} {idle_ms}");
        }
    }
}

#[test]
fn who_can_take_nothing_in_does_not_wait_for_what_only_comes_once_it_has() {
    // As in a first sync: its log goes out when it knows what the other has.
    let rows = [
        (FULL_WAIT_MS, true, false, true),
        (FULL_WAIT_MS + 1, true, false, false),
        (FULL_WAIT_MS + 1, true, true, true),
        (FULL_WAIT_MS + 1, false, false, false),
    ];
    for (since_ms, is_suspended, is_owing, stays) in rows {
        let (mut bus, there) = rested();
        let session = bus.nodes[0].engine.sessions.get_mut(&there).unwrap();
        session.receive.full = Some(CloseReason::Full);
        session.receive.full_ms = steady_at(bus.now_ms);
        session.send.suspended = is_suspended;
        if is_owing {
            session.send.in_flight.push_back((Priority::Rest, 9, 1));
        }
        // Something moves all the time.
        bus.now_ms += since_ms;
        session.progress_ms = steady_at(bus.now_ms);
        bus.give(0, Event::Tick);
        let closes = &bus.nodes[0].closes;
        let what = format!("{since_ms} {is_suspended} {is_owing} {closes:?}");
        assert_eq!(closes.contains(&CloseReason::Full), !stays, "{what}");
    }
}

#[test]
fn a_session_owes_something_while_any_of_it_is_under_way() {
    let rows: [(&str, Change); 7] = [
        ("not known yet", |s, _| s.phase = Phase::Unknown),
        ("a batch sent", |s, _| {
            s.send.in_flight.push_back((Priority::Rest, 1, 1));
        }),
        ("a batch being taken in", |s, _| s.receive.applying = 1),
        ("a batch that waits", |s, _| {
            s.receive.held.insert((0, 9), empty_batch(9));
        }),
        ("a question", |s, _| s.wants.open = Some((1, None))),
        ("repair", |s, _| s.repair.active = true),
        ("a word not taken up", |s, _| {
            s.proof.pending = Some(Status::default());
        }),
    ];
    for (what, change) in rows {
        let (mut bus, there) = rested();
        assert!(bus.nodes[0].engine.is_quiet() && bus.nodes[0].engine.is_live(there));
        let session = bus.nodes[0].engine.sessions.get_mut(&there).unwrap();
        assert!(!session.is_busy());
        change(session, 0);
        assert!(session.is_busy(), "{what}");
        let is_known = session.phase == Phase::Live;
        let engine = &bus.nodes[0].engine;
        assert_eq!(
            (engine.is_quiet(), engine.is_live(there)),
            (!is_known, is_known),
            "{what}"
        );
    }
    let (mut bus, there) = rested();
    bus.nodes[0].engine.sessions.get_mut(&there).unwrap().requests = vec![7];
    assert!(!bus.nodes[0].engine.is_quiet());
    assert!(!bus.nodes[0].engine.is_live(there + 9));
}

#[test]
fn a_report_tells_what_went_over_and_what_was_refused() {
    let (mut bus, there) = rested();
    let peer = bus.nodes[1].id();
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    let refused = crate::report::Refused {
        record: "Patient/x".into(),
        change: "abc".into(),
        reason: "signature".into(),
    };
    session.stats.sent_records = 3;
    session.stats.received_records = 4;
    (session.stats.bytes_out, session.stats.bytes_in) = (500, 600);
    session.stats.refused.told = vec![refused.clone()];
    session.stats.refused.count = 9;
    (session.stats.timing.send_us, session.stats.timing.verify_us) = (11, 12);
    session.hop = 5;
    session.opened_ms = engine.core.now_ms - 2_500;
    session.requests = vec![7];
    engine.reports_settle();
    let report = engine.core.effects.drain(..).find_map(|effect| match effect {
        Effect::Report { outcome, .. } => outcome.ok(),
        _ => None,
    });
    let report = report.unwrap();
    assert_eq!(report.peer, peer.to_string());
    assert_eq!((report.sent_records, report.received_records), (3, 4));
    assert_eq!(
        (report.bytes_out, report.bytes_in, report.wire_bytes),
        (500, 600, 0)
    );
    assert_eq!((report.round_trips, report.seconds), (3, 2.5));
    assert_eq!((report.quarantined, report.refused), (9, vec![refused]));
    assert_eq!((report.timing.send_us, report.timing.verify_us), (11, 12));
    assert!(!report.in_sync);
}

#[test]
fn a_command_says_goodbye_to_whom_it_met_and_to_nobody_else() {
    let mut bus = Bus::new(3);
    let (_, met) = bus.connect(1, 0, None);
    let (_, other) = bus.connect(2, 0, None);
    bus.run();
    bus.now_ms += 5_000;
    let peer = bus.nodes[1].id();
    let effects = bus.nodes[0]
        .engine
        .handle(now_at(bus.now_ms), Event::Finish { peer });
    let said: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { session, bytes, .. } => Some((*session, wire::decode(bytes).unwrap().1)),
            _ => None,
        })
        .collect();
    assert_eq!(said, [(met, Message::Bye)]);
    let sessions = &bus.nodes[0].engine.sessions;
    assert_eq!(sessions[&met].phase, Phase::Leaving);
    assert_eq!(sessions[&met].progress_ms, steady_at(bus.now_ms));
    assert_eq!(sessions[&other].phase, Phase::Live);
    bus.effects(0, effects);
    bus.run();
    assert_eq!(bus.nodes[1].closes, [CloseReason::Done]);
    assert!(!bus.nodes[0].engine.sessions.contains_key(&met));
}

#[test]
fn a_link_lost_before_the_peer_answered_is_told_apart_from_one_lost_in_the_midst() {
    let mut lost = Vec::new();
    for delivered in 0..12 {
        let mut bus = Bus::new(2);
        for i in 0..50 {
            patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        }
        bus.connect(1, 0, Some(1));
        bus.deliver_max = Some(delivered);
        bus.run();
        let is_live = bus.nodes[1]
            .engine
            .sessions
            .values()
            .any(|session| session.phase == Phase::Live);
        bus.cut();
        match bus.nodes[1].reports.pop().unwrap() {
            Err(CloseReason::Unmet(_)) => assert!(!is_live, "{delivered}"),
            Err(CloseReason::Lost(_)) => assert!(is_live, "{delivered}"),
            other => {
                assert!(other.unwrap().in_sync);
                break;
            }
        }
        lost.push(is_live);
    }
    assert!(lost.contains(&false) && lost.contains(&true), "{lost:?}");
}
