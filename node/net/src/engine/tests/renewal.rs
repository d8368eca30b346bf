//! Grants that are renewed while nodes are in touch, and changes that stand aside, told of whom they came from.

use super::*;
use crate::trust::GRANT_MS;

fn expires_ms(bus: &Bus, node: usize) -> Option<u64> {
    let trust = bus.nodes[0].engine.trust();
    trust.authority().grant(&bus.nodes[node].id()).unwrap().expires_ms
}

#[test]
fn an_issuer_renews_whom_it_meets_whom_it_is_in_touch_with_and_itself() {
    // Met when its grant is over: at once.
    let mut bus = Bus::new(1);
    let team = bus.member_add(1, Scopes::All, Some(bus.now_ms - 1));
    let away = bus.member_add(2, Scopes::All, Some(bus.now_ms + GRANT_MS));
    let granted = expires_ms(&bus, away);
    bus.connect(team, 0, None);
    bus.run();
    assert_eq!(
        expires_ms(&bus, team),
        Some(bus.now_ms + GRANT_MS),
        "met, and not renewed"
    );
    // In touch for long: when half of its time is over. Whom nobody has met in that time is not.
    for (part, is_renewed) in [(4, false), (3, true)] {
        bus.now_ms += GRANT_MS / part;
        bus.give(0, Event::Tick);
        bus.run();
        let until = bus.now_ms + GRANT_MS;
        assert_eq!(
            expires_ms(&bus, team) == Some(until),
            is_renewed,
            "a part {part} later"
        );
        assert_eq!(
            expires_ms(&bus, 0) == Some(until),
            is_renewed,
            "its own, a part {part} later"
        );
        assert_eq!(expires_ms(&bus, away), granted);
    }
    // Whoever was renewed hears of it.
    let trust = bus.nodes[team].engine.trust();
    assert_eq!(trust.digest(), bus.nodes[0].engine.trust().digest());
}

#[test]
fn what_was_withheld_flows_once_the_news_of_a_new_grant_has_come() {
    let mut bus = Bus::new(2);
    let until = bus.now_ms + 60_000;
    let team = bus.member_add(2, Scopes::All, Some(until));
    bus.connect(team, 1, None);
    bus.run();
    bus.now_ms = until;
    bus.give(1, Event::Tick);
    patient(&bus.nodes[1].store, "waiting", "Quispe");
    bus.give(1, Event::LocalChange);
    bus.run();
    let holds = |bus: &Bus| {
        let key = "Patient/waiting".parse().unwrap();
        bus.nodes[team].store.contains(&key).unwrap()
    };
    assert!(!holds(&bus), "it is not withheld: no test");
    let grant = Statement::Grant(Grant {
        node: bus.nodes[team].id(),
        scopes: Scopes::All,
        expires_ms: Some(until + GRANT_MS),
    });
    bus.nodes[0].engine.issue(now_at(until), grant).unwrap();
    bus.connect(1, 0, None);
    bus.run();
    assert!(holds(&bus), "the session goes on withholding");
}

/// Puts aside, at the first node, so many changes that came from another and are not what their author signed.
fn set_aside(bus: &Bus, from: NodeId, numbers: std::ops::Range<u8>) {
    let key: RecordKey = "Patient/p".parse().unwrap();
    let change = bus.nodes[1].store.signed_changes(&key).unwrap().remove(0);
    for number in numbers {
        let mut forged = change.clone();
        forged.signature[7] ^= 1;
        forged.author_seq += u64::from(number);
        let record = RecordKey::new("Patient", &format!("x{number}")).unwrap();
        let records = vec![(record, vec![forged])];
        bus.nodes[0]
            .store
            .apply_remote(&ctx(), &from, records, None)
            .unwrap();
    }
}

#[test]
fn what_stands_aside_is_told_of_whom_it_came_from() {
    let mut bus = Bus::new(3);
    patient(&bus.nodes[1].store, "p", "Quispe");
    let (_, there) = bus.connect(1, 0, None);
    bus.run();
    let ids = [1, 2].map(|node| bus.nodes[node].id());
    let told = |bus: &Bus| {
        let live = bus.nodes[0].engine.peers();
        let stored = setup::peers(&bus.nodes[0].store).unwrap();
        let of = |known: &[crate::PeerInfo]| {
            ids.map(|id| known.iter().find(|one| one.node == id).unwrap().quarantined)
        };
        assert_eq!(of(&live), of(&stored), "the page and the command say otherwise");
        of(&live)
    };
    assert_eq!(told(&bus), [0, 0]);
    set_aside(&bus, ids[0], 0..2);
    assert_eq!(told(&bus), [2, 0]);
    set_aside(&bus, ids[1], 2..3);
    assert_eq!(told(&bus), [2, 1]);
    set_aside(&bus, ids[0], 3..4);
    assert_eq!(told(&bus), [3, 1]);
    // The peer hears of it, and nobody is told to be in sync meanwhile.
    let engine = &mut bus.nodes[0].engine;
    let session = engine.sessions.get_mut(&there).unwrap();
    assert_eq!(session.status_now(&mut engine.core).unwrap().quarantined, 4);
    assert!(!session.is_clean(&engine.core));
    let report = bus.sync(1, 0).unwrap();
    assert!(!report.in_sync && report.quarantined == 0, "{report:?}");
    bus.cut();
    let report = bus.sync(0, 1).unwrap();
    assert!(!report.in_sync && report.quarantined == 4, "{report:?}");
    bus.nodes[0].store.quarantine_forget().unwrap();
    assert_eq!(told(&bus), [0, 0]);
    bus.cut();
    assert!(bus.sync(1, 0).unwrap().in_sync);
}
