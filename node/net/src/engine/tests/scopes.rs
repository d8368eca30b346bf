//! What flows each way when one of two may hold less than the other.

use super::*;

/// A hub, and a team that carries the patient `mine`.
fn hub_and_team() -> (Bus, usize) {
    let mut bus = Bus::new(1);
    let panel = Scopes::Panels(BTreeSet::from(["mine".to_owned()]));
    let team = bus.member_add(1, panel, None);
    for id in ["mine", "other"] {
        patient(&bus.nodes[0].store, id, "Quispe");
        for i in 0..20 {
            observation(&bus.nodes[0].store, &format!("{id}-{i}"), id, i);
        }
    }
    (bus, team)
}

fn holds(bus: &Bus, node: usize, key: &str) -> bool {
    let key = key.parse().unwrap();
    bus.nodes[node].store.read(&ctx(), &key).unwrap().is_some()
}

#[test]
fn whom_a_team_registers_outside_its_panel_reaches_the_hub() {
    let (mut bus, team) = hub_and_team();
    assert!(bus.sync(team, 0).unwrap().in_sync);
    bus.cut();
    patient(&bus.nodes[team].store, "newborn", "Quispe");
    observation(&bus.nodes[team].store, "newborn-1", "newborn", 3);
    observation(&bus.nodes[team].store, "mine-new", "mine", 60);
    let report = bus.sync(team, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!(report.sent_records, 3);
    for key in ["Patient/newborn", "Observation/newborn-1", "Observation/mine-new"] {
        assert!(holds(&bus, 0, key), "{key} did not reach the hub");
    }
    assert!(!holds(&bus, team, "Patient/other"));
    bus.cut();
    let again = bus.sync(team, 0).unwrap();
    assert!(again.in_sync && again.round_trips == 1, "{again:?}");
    assert_eq!((again.sent_records, again.received_records), (0, 0));
    // The pages of both say so too, and nothing is walked again.
    for (node, peer) in [(team, 0), (0, team)] {
        let peer = bus.nodes[peer].id();
        let known = bus.nodes[node].engine.peers();
        assert!(
            known.iter().any(|one| one.node == peer && one.in_sync),
            "{node}: {known:?}"
        );
    }
    let hub = bus.nodes[0].id();
    let team_node = &bus.nodes[team];
    assert_eq!(
        team_node.engine.core.peers.handed(&hub),
        team_node.store.position()
    );
    bus.cut();
    // Dialled the other way it is the same.
    patient(&bus.nodes[team].store, "twin", "Quispe");
    let report = bus.sync(0, team).unwrap();
    assert!(report.in_sync && holds(&bus, 0, "Patient/twin"), "{report:?}");
}

#[test]
fn a_team_that_has_only_received_walks_its_log_once() {
    let (mut bus, team) = hub_and_team();
    assert!(bus.sync(team, 0).unwrap().in_sync);
    let hub = bus.nodes[0].id();
    let node = &bus.nodes[team];
    assert_eq!(node.engine.core.peers.handed(&hub), node.store.position());
    assert!(node.engine.peers().iter().all(|peer| peer.in_sync));
}

#[test]
fn in_sync_waits_for_what_only_the_hub_may_hold() {
    let (mut bus, team) = hub_and_team();
    assert!(bus.sync(team, 0).unwrap().in_sync);
    bus.cut();
    patient(&bus.nodes[team].store, "newborn", "Quispe");
    // Both hold the same of what both may hold; the newborn is on its way.
    bus.tamper = Some(Box::new(move |node, priority, bytes| {
        if node == team && priority != Priority::Control {
            return Vec::new();
        }
        bytes
    }));
    let outcome = bus.sync(team, 0);
    assert!(outcome.is_err_and(|reason| matches!(reason, CloseReason::Malformed(_))));
    let peers = bus.nodes[team].engine.peers();
    assert!(peers.iter().all(|peer| !peer.in_sync), "{peers:?}");
    let peers = bus.nodes[0].engine.peers();
    assert!(peers.iter().all(|peer| !peer.in_sync), "{peers:?}");
    bus.tamper = None;
    assert!(bus.sync(team, 0).unwrap().in_sync);
    assert!(holds(&bus, 0, "Patient/newborn"));
}

#[test]
fn what_leaves_the_panel_is_kept_and_its_edits_still_reach_the_hub() {
    let (mut bus, team) = hub_and_team();
    assert!(bus.sync(team, 0).unwrap().in_sync);
    bus.cut();
    observation(&bus.nodes[team].store, "mine-late", "mine", 61);
    let node = bus.nodes[team].id();
    let now = bus.now_ms;
    let next = Statement::Grant(Grant {
        node,
        scopes: Scopes::Panels(BTreeSet::from(["other".to_owned()])),
        expires_ms: None,
    });
    bus.nodes[0].engine.issue(now_at(now), next).unwrap();
    // The first session ends with the news of the grant.
    bus.connect(team, 0, None);
    bus.run();
    bus.cut();
    let report = bus.sync(team, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert!(holds(&bus, 0, "Observation/mine-late"), "an edit was orphaned");
    assert!(holds(&bus, team, "Patient/mine") && holds(&bus, team, "Patient/other"));
}

#[test]
fn a_hub_restored_from_nothing_gets_all_of_it_again() {
    let (mut bus, team) = hub_and_team();
    for i in 0..300 {
        observation(&bus.nodes[0].store, &format!("mine-many-{i}"), "mine", i);
    }
    patient(&bus.nodes[team].store, "newborn", "Quispe");
    assert!(bus.sync(team, 0).unwrap().in_sync);
    bus.cut();
    // What the hub knew of how far it had read is gone, what it holds in common is not.
    let peer = bus.nodes[team].id();
    let value = Vec::new();
    bus.nodes[0]
        .store
        .cursor_put(chaski_store::CursorUpdate { peer, value })
        .unwrap();
    patient(&bus.nodes[team].store, "twin", "Quispe");
    bus.nodes[0].restart();
    let report = bus.sync(team, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert!(holds(&bus, 0, "Patient/newborn") && holds(&bus, 0, "Patient/twin"));
    assert!(report.sent_records <= 2, "{report:?}");
}

#[test]
fn two_teams_give_each_other_only_what_the_other_may_hold() {
    let (mut bus, team) = hub_and_team();
    let panel = Scopes::Panels(BTreeSet::from(["other".to_owned()]));
    let second = bus.member_add(2, panel, None);
    assert!(bus.sync(team, 0).unwrap().in_sync);
    assert!(bus.sync(second, 0).unwrap().in_sync);
    bus.cut();
    observation(&bus.nodes[team].store, "other-seen", "other", 50);
    observation(&bus.nodes[team].store, "mine-seen", "mine", 60);
    let _ = bus.sync(team, 0);
    bus.cut();
    for _ in 0..2 {
        let _ = bus.sync(team, second);
        bus.cut();
    }
    assert!(bus.sync(team, second).unwrap().in_sync);
    assert!(holds(&bus, second, "Observation/other-seen"));
    assert!(!holds(&bus, second, "Observation/mine-seen"));
    assert!(!holds(&bus, team, "Patient/other"));
}
