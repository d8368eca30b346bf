//! Two nodes that meet.

use super::*;

#[test]
fn nodes_that_worked_apart_converge() {
    let mut bus = Bus::new(2);
    for i in 0..30 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        patient(&bus.nodes[1].store, &format!("b{i}"), "Mamani");
    }
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!((report.sent_records, report.received_records), (30, 30));
    bus.assert_equal();
    assert_eq!(bus.nodes[0].records(), 60);
}

#[test]
fn nothing_changed_costs_one_round_trip_and_less_than_a_kilobyte() {
    let mut bus = Bus::new(2);
    for i in 0..50 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        patient(&bus.nodes[1].store, &format!("b{i}"), "Mamani");
    }
    bus.sync(1, 0).unwrap();
    bus.cut();
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!(report.round_trips, 1);
    assert!(
        report.bytes_in + report.bytes_out <= 1_024,
        "{} bytes",
        report.bytes_in + report.bytes_out
    );
    eprintln!("unchanged: {} bytes", report.bytes_in + report.bytes_out);
    bus.cut();
    let report = bus.sync(0, 1).unwrap();
    assert!(report.in_sync && report.round_trips == 1, "{report:?}");
    assert!(
        report.bytes_in + report.bytes_out <= 1_024,
        "{} bytes",
        report.bytes_in + report.bytes_out
    );
}

#[test]
fn what_both_edited_travels_once_each_way() {
    // Apart or while they are connected; and a third, met afterwards, lacks nothing.
    for connected in [false, true] {
        let mut bus = Bus::new(3);
        for i in 0..40 {
            patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        }
        assert!(bus.sync(1, 0).unwrap().in_sync);
        assert!(bus.sync(2, 0).unwrap().in_sync);
        if !connected {
            bus.cut();
        }
        let before: u64 = sent(&bus, 0) + sent(&bus, 1);
        for i in 0..40 {
            let id = format!("a{i}");
            let telecom = r#""telecom":[{"system":"phone","value":"1"}]"#;
            let one = format!(
                r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"Quispe"}}],"gender":"female",{telecom}}}"#
            );
            put(&bus.nodes[0].store, &one);
            let birth = r#""birthDate":"1980-01-01""#;
            let other = format!(
                r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"Quispe"}}],"gender":"female",{birth}}}"#
            );
            put(&bus.nodes[1].store, &other);
        }
        if connected {
            bus.give(0, Event::LocalChange);
            bus.give(1, Event::LocalChange);
            bus.run();
        } else {
            bus.now_ms += 10_000;
            bus.connect(1, 0, None);
            bus.run();
        }
        assert_eq!(bus.nodes[0].fingerprint(), bus.nodes[1].fingerprint());
        let to_third = if connected { 40 } else { 0 };
        let now = sent(&bus, 0) + sent(&bus, 1);
        let travelled = if connected { now - before } else { now };
        assert!(
            (80..=80 + 2 * to_third).contains(&travelled),
            "{travelled} records travelled, connected {connected}"
        );
        assert!(bus.sync(2, 0).unwrap().in_sync);
        bus.assert_equal();
    }
}

/// Records that a node has sent on the sessions it has.
fn sent(bus: &Bus, node: usize) -> u64 {
    let sessions = bus.nodes[node].engine.sessions.values();
    sessions.map(|session| session.stats.sent_records).sum()
}

#[test]
fn a_hundred_changed_cost_two_round_trips() {
    for changed_at in [0, 1] {
        let mut bus = Bus::new(2);
        for i in 0..300 {
            patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        }
        bus.sync(1, 0).unwrap();
        bus.cut();
        for i in 0..100 {
            patient(&bus.nodes[changed_at].store, &format!("a{i}"), "Huanca");
        }
        let report = bus.sync(1, 0).unwrap();
        assert!(report.in_sync, "{report:?}");
        assert!(report.round_trips <= 2, "{report:?}");
        assert_eq!(report.sent_records + report.received_records, 100);
        eprintln!(
            "100 changed at {changed_at}: {} bytes",
            report.bytes_in + report.bytes_out
        );
        bus.assert_equal();
    }
}

#[test]
fn a_cut_link_resumes_and_sends_little_again() {
    let mut bus = Bus::new(2);
    for i in 0..600 {
        observation(&bus.nodes[0].store, &format!("o{i}"), &format!("p{}", i % 40), i);
    }
    let small = Options {
        batch_bytes: 1_024,
        ..Options::default()
    };
    bus.nodes[0] = Node::of(bus.nodes[0].store.clone(), small);
    let mut rounds = 0;
    let mut received = 0;
    loop {
        rounds += 1;
        assert!(rounds < 60, "no progress");
        bus.delivered = 0;
        bus.deliver_max = Some(6);
        bus.now_ms += 10_000;
        bus.connect(1, 0, Some(1));
        bus.run();
        bus.deliver_max = None;
        bus.cut();
        bus.nodes[1].restart();
        let now = bus.nodes[1].records();
        assert!(now >= received, "lost what was acknowledged");
        received = now;
        if received == 600 {
            break;
        }
    }
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!(report.received_records, 0);
    assert!(rounds > 1);
}

#[test]
fn a_local_change_is_pushed_and_a_hub_forwards_it() {
    let mut bus = Bus::new(3);
    bus.connect(1, 0, None);
    bus.connect(2, 0, None);
    bus.run();
    patient(&bus.nodes[1].store, "live", "Condori");
    bus.give(1, Event::LocalChange);
    bus.run();
    bus.assert_equal();
    assert_eq!(bus.nodes[2].records(), 1);
    assert!(
        bus.nodes[0]
            .engine
            .peers()
            .iter()
            .all(|peer| peer.in_sync && peer.connected)
    );
}

#[test]
fn what_a_peer_gave_is_not_sent_back() {
    let mut bus = Bus::new(2);
    for i in 0..100 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    let report = bus.sync(1, 0).unwrap();
    assert_eq!((report.sent_records, report.received_records), (0, 100));
}

#[test]
fn concurrent_edits_of_one_record_merge_on_both() {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[0].store, "p", "Quispe");
    bus.sync(1, 0).unwrap();
    bus.cut();
    put(
        &bus.nodes[0].store,
        r#"{"resourceType":"Patient","id":"p","name":[{"family":"Quispe"}],"gender":"female","birthDate":"1980-01-01"}"#,
    );
    put(
        &bus.nodes[1].store,
        r#"{"resourceType":"Patient","id":"p","name":[{"family":"Quispe"}],"gender":"other"}"#,
    );
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
    let key = "Patient/p".parse().unwrap();
    let one = bus.nodes[0].store.read(&ctx(), &key).unwrap().unwrap();
    let other = bus.nodes[1].store.read(&ctx(), &key).unwrap().unwrap();
    assert_eq!(one.version, other.version);
    assert_eq!(
        one.json.get("birthDate").and_then(Json::as_str),
        Some("1980-01-01")
    );
    assert_eq!(one.json.get("gender").and_then(Json::as_str), Some("other"));
}

#[test]
fn a_large_record_travels_alone_in_parts() {
    let mut bus = Bus::new(2);
    // Incompressible by the dictionary: pseudo-random letters.
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let text: String = (0..300_000)
        .map(|_| char::from(b'a' + (rng.next_u32() % 26) as u8))
        .collect();
    for i in 0..12 {
        put(
            &bus.nodes[0].store,
            &format!(
                r#"{{"resourceType":"Observation","id":"big","status":"final","code":{{"text":"c"}},"valueString":"{i}{text}"}}"#
            ),
        );
    }
    patient(&bus.nodes[0].store, "small", "Quispe");
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
}

#[test]
fn two_that_dial_each_other_at_once_keep_one_session() {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[0].store, "p", "Quispe");
    patient(&bus.nodes[1].store, "q", "Quispe");
    bus.connect(0, 1, None);
    bus.connect(1, 0, None);
    bus.run();
    bus.assert_equal();
    assert_eq!(bus.nodes[0].engine.session_ids().count(), 1);
    assert_eq!(bus.nodes[1].engine.session_ids().count(), 1);
}

#[test]
fn a_request_on_a_session_that_is_one_too_many_is_answered_by_the_other() {
    let mut bus = Bus::new(2);
    for i in 0..50 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    // The daemon has dialled already when somebody asks for an exchange by address.
    bus.connect(1, 0, None);
    bus.connect(1, 0, Some(1));
    bus.run();
    assert!(bus.nodes[0].closes.contains(&CloseReason::Duplicate));
    let report = bus.nodes[1].reports.pop().unwrap().unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
}
