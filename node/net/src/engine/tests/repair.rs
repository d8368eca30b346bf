//! Differences that no cursor knows of.

use super::*;

/// Forgets what a node knows of a peer's log.
pub(super) fn cursor_forget(bus: &Bus, node: usize, peer: usize) {
    let peer = bus.nodes[peer].id();
    bus.nodes[node]
        .store
        .cursor_put(chaski_store::CursorUpdate {
            peer,
            value: Vec::new(),
        })
        .unwrap();
}

/// Pretends that everything of the peer's log has been taken in.
pub(super) fn cursor_overstate(bus: &Bus, node: usize, peer: usize) {
    let position = bus.nodes[peer].store.position();
    let cursor = crate::wire::Cursor {
        epoch: bus.nodes[peer].store.log_epoch(),
        scope: bus.nodes[node].engine.trust().filter_for(&bus.nodes[node].id()).1,
        positions: [position; 3],
        bases: [position; 3],
    };
    let value = postcard::to_stdvec(&cursor).unwrap();
    let peer = bus.nodes[peer].id();
    bus.nodes[node]
        .store
        .cursor_put(chaski_store::CursorUpdate { peer, value })
        .unwrap();
}

#[test]
fn equal_nodes_that_never_met_send_nothing() {
    let mut bus = Bus::new(3);
    for i in 0..300 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    bus.sync(1, 0).unwrap();
    bus.sync(2, 0).unwrap();
    let report = bus.sync(1, 2).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!((report.sent_records, report.received_records), (0, 0));
}

#[test]
fn nodes_with_much_in_common_repair_instead_of_sending_all() {
    let mut bus = Bus::new(3);
    for i in 0..1_000 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    bus.sync(1, 0).unwrap();
    bus.sync(2, 0).unwrap();
    for i in 0..5 {
        patient(&bus.nodes[1].store, &format!("b{i}"), "Mamani");
        patient(&bus.nodes[2].store, &format!("c{i}"), "Mamani");
        patient(&bus.nodes[1].store, &format!("a{i}"), "Huanca");
        patient(&bus.nodes[2].store, &format!("a{i}"), "Choque");
    }
    bus.cut();
    let report = bus.sync(1, 2).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!(bus.nodes[1].fingerprint(), bus.nodes[2].fingerprint());
    assert!(
        report.sent_records <= 15 && report.received_records <= 15,
        "{report:?}"
    );
    eprintln!(
        "repair of 15 records in 1,010: {} bytes",
        report.bytes_in + report.bytes_out
    );
    bus.cut();
    let again = bus.sync(1, 2).unwrap();
    assert!(again.in_sync && again.round_trips == 1, "{again:?}");
}

#[test]
fn a_cursor_ahead_of_the_truth_is_healed() {
    let mut bus = Bus::new(2);
    for i in 0..40 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        patient(&bus.nodes[1].store, &format!("b{i}"), "Quispe");
    }
    cursor_overstate(&bus, 1, 0);
    cursor_overstate(&bus, 0, 1);
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
    assert_eq!(bus.nodes[0].records(), 80);
}

/// A peer that was put back from a backup, or runs twice from one directory: its log says that it
/// has what it lacks.
#[test]
fn what_only_one_side_holds_is_repaired_in_one_exchange() {
    for holder in [0, 1] {
        let lacking = 1 - holder;
        let mut bus = Bus::new(2);
        for i in 0..40 {
            patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        }
        bus.sync(1, 0).unwrap();
        bus.cut();
        for i in 0..3 {
            patient(&bus.nodes[holder].store, &format!("b{i}"), "Mamani");
        }
        cursor_overstate(&bus, lacking, holder);
        let report = bus.sync(1, 0).unwrap();
        assert!(report.in_sync, "held by {holder}: {report:?}");
        assert_eq!(report.sent_records + report.received_records, 3, "{report:?}");
        bus.assert_equal();
    }
}

#[test]
fn a_lost_cursor_costs_no_record() {
    let mut bus = Bus::new(2);
    for i in 0..40 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    bus.sync(1, 0).unwrap();
    bus.cut();
    cursor_forget(&bus, 1, 0);
    patient(&bus.nodes[0].store, "new", "Quispe");
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
}
