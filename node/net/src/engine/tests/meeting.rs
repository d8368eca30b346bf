//! What two nodes say to each other when they meet, and what each makes of it.

use super::in_sync::clone_of;
use super::proofs::rested;
use super::*;
use crate::engine::partials::Came;
use crate::engine::session::{Phase, Session};
use crate::limits::{CLOCK_SKEW_MS, EARLY_BYTES_MAX, EARLY_MESSAGES_MAX, HELLO_MS_MAX, REPLACE_MS};
use crate::wire::{self, Cursor, Hello, Message, Status};

/// What a node says first to another that it dials, after which it hangs up.
pub(super) fn hello_of(bus: &mut Bus, node: usize, to: usize) -> Hello {
    let open = Event::Opened {
        session: 990,
        peer: bus.nodes[to].id(),
        outbound: true,
        address: String::new(),
        request: None,
    };
    let effects = bus.nodes[node].engine.handle_inline(now_at(bus.now_ms), open);
    bus.nodes[node].engine.sessions.remove(&990);
    match messages(&effects).remove(0) {
        Message::Hello(hello) => *hello,
        other => panic!("{other:?}"),
    }
}

pub(super) fn messages(effects: &[Effect]) -> Vec<Message> {
    let said = effects.iter().filter_map(|effect| match effect {
        Effect::Send { bytes, .. } => Some(wire::decode(bytes).unwrap().1),
        _ => None,
    });
    said.collect()
}

/// The first node hears somebody on a new session.
pub(super) fn hear(
    bus: &mut Bus,
    session: SessionId,
    from: NodeId,
    outbound: bool,
    hello: &Hello,
) -> Vec<Effect> {
    let open = Event::Opened {
        session,
        peer: from,
        outbound,
        address: "10.0.0.7:1".into(),
        request: None,
    };
    let mut effects = bus.nodes[0].engine.handle_inline(now_at(bus.now_ms), open);
    let message = Event::Message {
        session,
        priority: Priority::Control,
        bytes: wire::encode(1, &Message::Hello(Box::new(hello.clone()))),
    };
    effects.extend(bus.nodes[0].engine.handle_inline(now_at(bus.now_ms), message));
    effects
}

#[test]
fn a_node_says_who_it_is_what_it_holds_and_how_far_it_has_read() {
    for listening in [false, true] {
        for holds_part in [false, true] {
            let mut bus = Bus::new(2);
            patient(&bus.nodes[0].store, "a", "Quispe");
            patient(&bus.nodes[1].store, "b", "Quispe");
            assert!(bus.sync(1, 0).unwrap().in_sync);
            bus.cut();
            bus.nodes[1].engine.flush();
            let options = Options {
                listening,
                ..Options::default()
            };
            bus.nodes[1] = Node::of(bus.nodes[1].store.clone(), options);
            let peer = bus.nodes[0].id();
            if holds_part {
                let came = Came {
                    peer: &peer,
                    payload: &[7; 16],
                    total: 900,
                    bytes: &[1; 300],
                };
                let core = &mut bus.nodes[1].engine.core;
                let changes = core.partials.keep(&came, 1);
                core.replica.documents_save(&changes).unwrap();
            }
            bus.now_ms += 77;
            let hello = hello_of(&mut bus, 1, 0);
            let (hub, me) = (&bus.nodes[0], &bus.nodes[1]);
            let sum = me.fingerprint();
            let kept = me.store.cursor(&hub.id()).unwrap().unwrap();
            let trust = me.engine.trust();
            let expected = Hello {
                network: trust.authority().network().0,
                now_ms: bus.now_ms,
                epoch: me.store.log_epoch(),
                incarnation: me.store.incarnation(),
                chain: Vec::new(),
                cursor: Some(postcard::from_bytes::<Cursor>(&kept).unwrap()),
                scope: trust.filter_for(&me.id()).1,
                status: Status {
                    position: me.store.position(),
                    sum: sum.sum,
                    count: 2,
                    received: hub.store.position(),
                    authority: trust.digest(),
                    statements: trust.count(),
                    ..Status::default()
                },
                features: u32::from(listening) | 2 | 8 | 16 | 32 | if holds_part { 4 } else { 0 },
            };
            assert_eq!(hello, expected, "listening {listening}, part {holds_part}");
        }
    }
    // Whom the other has not met yet shows its certificate; nothing was read.
    let mut bus = Bus::new(2);
    let hello = hello_of(&mut bus, 1, 0);
    let trust = bus.nodes[1].engine.trust();
    assert_eq!(hello.chain, trust.chain_of(&bus.nodes[1].id()));
    assert!(!hello.chain.is_empty());
    assert_eq!((hello.cursor, hello.status.received), (None, 0));
}

#[test]
fn what_is_held_of_a_payload_is_said_before_anything_else_is_sent() {
    let (mut bus, _) = rested();
    bus.cut();
    let peer = bus.nodes[1].id();
    let came = Came {
        peer: &peer,
        payload: &[7; 16],
        total: 900,
        bytes: &[1; 300],
    };
    let core = &mut bus.nodes[0].engine.core;
    let changes = core.partials.keep(&came, 1);
    core.replica.documents_save(&changes).unwrap();
    patient(&bus.nodes[0].store, "news", "Quispe");
    let hello = hello_of(&mut bus, 1, 0);
    let effects = hear(&mut bus, 70, peer, false, &hello);
    let said = messages(&effects);
    let held = wire::Held {
        payload: [7; 16],
        bytes: 300,
    };
    assert!(matches!(said[0], Message::Hello(_)), "{said:?}");
    assert_eq!(said[1], Message::Held(vec![held]));
    assert!(
        said[2..]
            .iter()
            .any(|message| matches!(message, Message::Batch(_)))
    );
    // Whoever announces that it will say what it holds is sent nothing until it has.
    bus.nodes[0].engine.sessions.remove(&70);
    let mut hello = hello_of(&mut bus, 1, 0);
    hello.features |= 4;
    let effects = hear(&mut bus, 71, peer, false, &hello);
    let is_batch = |message: &Message| matches!(message, Message::Batch(_));
    assert!(!messages(&effects).iter().any(is_batch));
    let message = Event::Message {
        session: 71,
        priority: Priority::Control,
        bytes: wire::encode(1, &Message::Held(Vec::new())),
    };
    let effects = bus.nodes[0].engine.handle_inline(now_at(bus.now_ms), message);
    assert!(messages(&effects).iter().any(is_batch));
}

#[test]
fn a_node_whose_peer_has_seen_more_of_it_than_it_wrote_is_a_copy() {
    // Of this incarnation, how much more was seen; whether a new one is begun.
    let rows: [(bool, i64, bool); 6] = [
        (true, -1, false),
        (true, 0, false),
        (true, 1, true),
        (true, 1_000, true),
        (false, 1, false),
        (false, 1_000, false),
    ];
    for by_status in [false, true] {
        for (is_own, more, is_new) in rows {
            let (mut bus, there) = rested();
            let (incarnation, last) = bus.nodes[0].store.incarnation().unwrap();
            let of = if is_own { incarnation } else { incarnation ^ 1 };
            let seen = Some((of, last.saturating_add_signed(more)));
            let peer = bus.nodes[1].id();
            let effects = if by_status {
                let status = bus.nodes[0].engine.sessions[&there].proof.peer.unwrap();
                let message = Event::Message {
                    session: there,
                    priority: Priority::Control,
                    bytes: wire::encode(1, &Message::Status(Status { seen, ..status })),
                };
                bus.nodes[0].engine.handle_inline(now_at(bus.now_ms), message)
            } else {
                bus.cut();
                let mut hello = hello_of(&mut bus, 1, 0);
                hello.status.seen = seen;
                hear(&mut bus, 70, peer, false, &hello)
            };
            let is_told = effects.iter().any(|effect| match effect {
                Effect::Notice { text, .. } => text.contains("restored from an older copy"),
                _ => false,
            });
            assert_eq!(is_told, is_new, "{by_status} {is_own} {more}");
            patient(&bus.nodes[0].store, "next", "Quispe");
            let now = bus.nodes[0].store.incarnation().unwrap().0;
            assert_eq!(now != incarnation, is_new, "{by_status} {is_own} {more}");
        }
    }
}

#[test]
fn a_disk_put_back_that_lacks_just_its_last_write_signs_nothing_twice() {
    for missing in [0, 1, 2] {
        for dials in [false, true] {
            let mut bus = Bus::new(2);
            let copy = clone_of(&mut bus, 1);
            for i in 0..5 {
                patient(&bus.nodes[1].store, &format!("a{i}"), "Quispe");
            }
            for i in 0..5 - missing {
                patient(&bus.nodes[copy].store, &format!("a{i}"), "Quispe");
            }
            assert!(bus.sync(1, 0).unwrap().in_sync);
            bus.cut();
            let incarnation = bus.nodes[copy].store.incarnation().unwrap().0;
            assert_eq!(bus.nodes[1].store.incarnation().unwrap().0, incarnation);
            let (from, to) = if dials { (copy, 0) } else { (0, copy) };
            bus.connect(from, to, None);
            bus.run();
            bus.cut();
            patient(&bus.nodes[copy].store, "next", "Mamani");
            let now = bus.nodes[copy].store.incarnation().unwrap().0;
            assert_eq!(
                now != incarnation,
                missing > 0,
                "{missing} missing, dials {dials}"
            );
        }
    }
}

#[test]
fn a_grant_that_is_narrowed_ends_a_session_that_compares_the_same_as_before() {
    let panel = |ids: &[&str]| Scopes::Panels(ids.iter().map(|id| (*id).to_owned()).collect());
    // Two teams in session; what both may hold stays what it was, what one may be given does not.
    let mut bus = Bus::new(1);
    let giver = bus.member_add(1, panel(&["a"]), None);
    let taker = bus.member_add(2, panel(&["a", "b"]), None);
    bus.connect(giver, 0, None);
    bus.run();
    bus.connect(taker, giver, None);
    bus.run();
    let holds = |bus: &Bus, key: &str| bus.nodes[taker].store.contains(&key.parse().unwrap()).unwrap();
    observation(&bus.nodes[giver].store, "before", "b", 60);
    bus.give(giver, Event::LocalChange);
    bus.run();
    assert!(holds(&bus, "Observation/before"), "nothing flows: no test");
    let narrower = Statement::Grant(Grant {
        node: bus.nodes[taker].id(),
        scopes: panel(&["a"]),
        expires_ms: None,
    });
    let now = bus.now_ms;
    let effects = bus.nodes[0].engine.issue(now_at(now), narrower).unwrap();
    bus.effects(0, effects);
    bus.run();
    assert!(
        bus.nodes[giver].closes.contains(&CloseReason::GrantChanged),
        "{:?}",
        bus.nodes[giver].closes
    );
    observation(&bus.nodes[giver].store, "after", "b", 61);
    bus.give(giver, Event::LocalChange);
    bus.run();
    assert!(!holds(&bus, "Observation/after"));
}

#[test]
fn who_seems_to_hold_most_of_it_already_is_compared_with_first() {
    // Records here and there; whether the log waits.
    for (mine, theirs, waits) in [
        (200, 201, false),
        (201, 200, false),
        (201, 201, true),
        (201, 5_000, true),
        (402, 201, true),
        (403, 201, true),
        (404, 201, false),
        (404, 202, true),
    ] {
        let mut bus = Bus::new(2);
        for i in 0..mine {
            patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        }
        let mut hello = hello_of(&mut bus, 1, 0);
        hello.status.count = theirs;
        let peer = bus.nodes[1].id();
        let effects = hear(&mut bus, 70, peer, false, &hello);
        let session = &bus.nodes[0].engine.sessions[&70];
        assert_eq!(session.send.suspended, waits, "{mine} here, {theirs} there");
        let is_sent = messages(&effects)
            .iter()
            .any(|message| matches!(message, Message::Batch(_)));
        assert_eq!(is_sent, !waits, "{mine} here, {theirs} there");
    }
}

#[test]
fn clocks_a_day_apart_are_worth_a_word() {
    for (apart_ms, is_told) in [(0, false), (CLOCK_SKEW_MS, false), (CLOCK_SKEW_MS + 1, true)] {
        for is_ahead in [false, true] {
            let mut bus = Bus::new(2);
            let mut hello = hello_of(&mut bus, 1, 0);
            hello.now_ms = if is_ahead {
                bus.now_ms + apart_ms
            } else {
                bus.now_ms - apart_ms
            };
            let peer = bus.nodes[1].id();
            let effects = hear(&mut bus, 70, peer, false, &hello);
            let told = effects.iter().any(|effect| match effect {
                Effect::Notice { text, .. } => text.contains("24 hours apart"),
                _ => false,
            });
            assert_eq!(told, is_told, "{apart_ms} {is_ahead}");
        }
    }
}

#[test]
fn of_two_sessions_of_a_pair_one_stays_and_both_ends_agree_which() {
    let busy = true;
    for me in [0, 1] {
        for (was_outbound, outbound) in [(false, true), (true, false), (true, true), (false, false)] {
            for (is_busy, idle_ms, age_ms) in [
                (busy, 0, 0),
                (busy, 0, REPLACE_MS - 1),
                (busy, 0, REPLACE_MS),
                (busy, REPLACE_MS - 1, REPLACE_MS - 1),
                (busy, REPLACE_MS, REPLACE_MS),
                (false, 0, 0),
                (false, 0, REPLACE_MS * 9),
            ] {
                let mut bus = Bus::new(2);
                bus.nodes.swap(0, me);
                bus.now_ms += 1_000_000;
                let hello = hello_of(&mut bus, 1, 0);
                let (ours, peer) = (bus.nodes[0].id(), bus.nodes[1].id());
                let mut old = Session::new(60, peer, was_outbound, String::new(), steady_at(bus.now_ms));
                old.phase = Phase::Live;
                old.repair.active = is_busy;
                old.progress_ms -= idle_ms;
                old.opened_ms -= age_ms;
                bus.nodes[0].engine.sessions.insert(60, old);
                hear(&mut bus, 70, peer, outbound, &hello);
                let left: Vec<SessionId> = bus.nodes[0].engine.session_ids().collect();
                // Dialled at the same time, one by each: that is decided by who dialled.
                let replaces = if age_ms < REPLACE_MS && was_outbound != outbound {
                    outbound == (ours < peer)
                } else {
                    !is_busy || idle_ms >= REPLACE_MS
                };
                let expected = if replaces { 70 } else { 60 };
                assert_eq!(
                    left,
                    [expected],
                    "{was_outbound} {outbound} {is_busy} {idle_ms} {age_ms}"
                );
            }
        }
    }
}

#[test]
fn a_second_hello_says_nothing_new() {
    let (mut bus, there) = rested();
    let mut hello = hello_of(&mut bus, 1, 0);
    hello.status.position += 50;
    hello.now_ms = 0;
    let before = format!("{:?}", bus.nodes[0].engine.sessions[&there].proof);
    let message = Event::Message {
        session: there,
        priority: Priority::Control,
        bytes: wire::encode(1, &Message::Hello(Box::new(hello))),
    };
    let effects = bus.nodes[0].engine.handle_inline(now_at(bus.now_ms), message);
    assert!(effects.is_empty(), "{effects:?}");
    let after = format!("{:?}", bus.nodes[0].engine.sessions[&there].proof);
    assert_eq!(after, before);
}

#[test]
fn a_second_hello_says_nothing_new_while_the_first_is_taken_up_either() {
    let mut bus = Bus::new(2);
    let (peer, now) = (bus.nodes[1].id(), now_at(bus.now_ms));
    let hello = hello_of(&mut bus, 1, 0);
    let engine = &mut bus.nodes[0].engine;
    let open = Event::Opened {
        session: 70,
        peer,
        outbound: false,
        address: String::new(),
        request: None,
    };
    engine.handle(now, open);
    let say = |engine: &mut Engine, count: u64| {
        let mut hello = hello.clone();
        hello.status.count = count;
        let message = Event::Message {
            session: 70,
            priority: Priority::Control,
            bytes: wire::encode(1, &Message::Hello(Box::new(hello))),
        };
        engine.handle(now, message)
    };
    // What meeting it takes is being read when it says something else.
    let mut reads = say(engine, 11);
    assert!(matches!(reads.as_slice(), [Effect::Read(_)]), "{reads:?}");
    let again = say(engine, 22);
    assert!(again.is_empty(), "{again:?}");
    let Some(Effect::Read(job)) = reads.pop() else {
        return;
    };
    let done = job.run(engine.core.replica.as_ref());
    engine.handle(now, Event::Read(Box::new(done)));
    assert!(engine.is_live(70), "it was read under another grant");
    let proof = &engine.sessions[&70].proof;
    assert_eq!(proof.pending.or(proof.peer).unwrap().count, 11);
}

#[test]
fn what_had_come_on_a_session_that_is_replaced_is_not_sent_again_on_the_next() {
    let (mut bus, there) = rested();
    let peer = bus.nodes[1].id();
    // There is more to come: what had come of it is of use yet.
    patient(&bus.nodes[1].store, "news", "Quispe");
    let hello = hello_of(&mut bus, 1, 0);
    let piece = wire::Piece {
        payload: [7; 16],
        total: 90,
        offset: 0,
        bytes: vec![3; 40],
    };
    let piece = Event::Message {
        session: there,
        priority: Priority::Rest,
        bytes: wire::encode(1, &Message::Piece(piece)),
    };
    bus.give(0, piece);
    // The link was lost and only the other end has noticed.
    let effects = hear(&mut bus, 70, peer, false, &hello);
    assert_eq!(bus.nodes[0].engine.session_ids().collect::<Vec<_>>(), [70]);
    let held = wire::Held {
        payload: [7; 16],
        bytes: 40,
    };
    let said = messages(&effects);
    assert!(said.contains(&Message::Held(vec![held])), "{said:?}");
}

#[test]
fn who_has_said_hello_has_its_time_anew_while_a_slow_disk_reads_what_meeting_it_takes() {
    for (after_ms, stays) in [(HELLO_MS_MAX, true), (HELLO_MS_MAX + 1, false)] {
        let mut bus = Bus::new(2);
        let peer = bus.nodes[1].id();
        let hello = hello_of(&mut bus, 1, 0);
        let engine = &mut bus.nodes[0].engine;
        let open = Event::Opened {
            session: 70,
            peer,
            outbound: false,
            address: String::new(),
            request: None,
        };
        engine.handle(now_at(bus.now_ms), open);
        let message = Event::Message {
            session: 70,
            priority: Priority::Control,
            bytes: wire::encode(1, &Message::Hello(Box::new(hello))),
        };
        let heard_ms = bus.now_ms + HELLO_MS_MAX - 1;
        assert_eq!(engine.handle(now_at(heard_ms), message).len(), 1);
        engine.handle(now_at(heard_ms + after_ms), Event::Tick);
        assert_eq!(engine.session_ids().count(), usize::from(stays), "{after_ms}");
    }
}

#[test]
fn what_overtakes_a_hello_is_kept_within_bounds_and_read_after_it() {
    let ask = |number: u32| wire::encode(9, &Message::Ask(number));
    let batch = |bytes: usize| {
        let batch = wire::Batch {
            payload: vec![0; bytes],
            ..super::proofs::empty_batch(1)
        };
        wire::encode(1, &Message::Batch(batch))
    };
    let overhead = batch(60_000).len() - 60_000;
    let most = EARLY_MESSAGES_MAX as u32;
    let many = |count: u32| (0..count).map(ask).collect::<Vec<_>>();
    let rows = [
        ("many", many(most), false, true),
        ("too many", many(most + 1), false, false),
        ("too many, where we dialled", many(most + 1), true, true),
        ("large", vec![batch(EARLY_BYTES_MAX - overhead)], false, true),
        (
            "too large",
            vec![batch(EARLY_BYTES_MAX - overhead + 1)],
            false,
            false,
        ),
        (
            "too large, where we dialled",
            vec![batch(EARLY_BYTES_MAX)],
            true,
            true,
        ),
    ];
    for (what, early, outbound, stays) in rows {
        let mut bus = Bus::new(2);
        let hello = hello_of(&mut bus, 1, 0);
        let peer = bus.nodes[1].id();
        let open = Event::Opened {
            session: 70,
            peer,
            outbound,
            address: String::new(),
            request: None,
        };
        bus.give(0, open);
        let count = early.len() as u32;
        for bytes in early {
            let priority = if bytes.len() > 100 {
                Priority::Rest
            } else {
                Priority::Control
            };
            let message = Event::Message {
                session: 70,
                priority,
                bytes,
            };
            bus.give(0, message);
        }
        assert_eq!(bus.nodes[0].engine.sessions.contains_key(&70), stays, "{what}");
        if stays && count > 1 {
            let hello = Event::Message {
                session: 70,
                priority: Priority::Control,
                bytes: wire::encode(1, &Message::Hello(Box::new(hello))),
            };
            bus.give(0, hello);
            let session = &bus.nodes[0].engine.sessions[&70];
            assert_eq!((session.proof.heard, session.hop), (count - 1, 9), "{what}");
            assert!(session.early.is_empty());
        }
    }
}

#[test]
fn new_statements_go_to_whoever_lacks_them_once() {
    let mut bus = Bus::new(3);
    for node in [1, 2] {
        bus.connect(node, 0, None);
        bus.run();
    }
    let said = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&said);
    bus.tamper = Some(Box::new(move |node, _, bytes| {
        if let Message::Authority(authority) = wire::decode(&bytes).unwrap().1 {
            noted.lock().unwrap().push((node, authority));
        }
        bytes
    }));
    let member = Statement::Member(Member {
        node: NodeId::of(&SigningKey::from_bytes(&[222; 32])),
        name: "clinic 9".into(),
        role: NodeRole::Clinic,
        site: String::new(),
    });
    let now = bus.now_ms;
    let known = bus.nodes[0].engine.trust().heard();
    let sent = |bus: &Bus| -> Vec<u32> {
        let sessions = bus.nodes[0].engine.sessions.values();
        sessions.map(|session| session.authority.sent).collect()
    };
    let before = sent(&bus);
    let effects = bus.nodes[0].engine.issue(now_at(now), member).unwrap();
    bus.effects(0, effects);
    bus.run();
    let said = std::mem::take(&mut *said.lock().unwrap());
    let trust = bus.nodes[0].engine.trust();
    let news: Vec<_> = trust.statements_after(known).cloned().collect();
    assert_eq!((said.len(), news.len()), (2, 1), "{said:?}");
    for ((node, authority), sent) in said.into_iter().zip(before) {
        assert_eq!((node, &authority.statements), (0, &news));
        assert_eq!((authority.digest, authority.sent), (trust.digest(), sent + 1));
    }
    for node in [1, 2] {
        assert_eq!(bus.nodes[node].engine.trust().digest(), trust.digest());
        let hub = bus.nodes[0].id();
        let core = &bus.nodes[node].engine.core;
        assert_eq!(core.peers.authority_acked(&hub), core.trust.heard());
    }
    // Kept: whoever restarts says none of it again.
    bus.cut();
    bus.nodes[1].engine.flush();
    bus.nodes[1].restart();
    assert!(hello_of(&mut bus, 1, 0).chain.is_empty());
}
