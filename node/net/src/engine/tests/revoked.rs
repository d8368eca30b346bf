//! A revoked node is told nothing and shown as what it is, wherever the news of its end comes from.

use super::durable::heard;
use super::*;
use crate::wire::{self, Message};

/// Three nodes; the hub has revoked the second, of which the third has not heard.
fn revoked_unheard() -> (Bus, Vec<Vec<u8>>) {
    let mut bus = Bus::new(3);
    patient(&bus.nodes[2].store, "secret", "Quispe");
    let (lost, now) = (bus.nodes[1].id(), bus.now_ms);
    bus.nodes[0]
        .engine
        .revoke(now_at(now), lost, "lost".into())
        .unwrap();
    let all = bus.nodes[0].engine.trust().statements_after(0).cloned().collect();
    (bus, all)
}

#[test]
fn who_brings_the_news_of_its_own_end_hears_nothing_more() {
    // Dialled by the revoked one nothing is said at all; by the other, its hello alone.
    for (dialler, said_at_most) in [(1, 0), (2, 1)] {
        let (mut bus, statements) = revoked_unheard();
        let said = heard(&mut bus, 2);
        let mut note = bus.tamper.take().unwrap();
        bus.tamper = Some(Box::new(move |node, priority, bytes| {
            let bytes = note(node, priority, bytes);
            match wire::decode(&bytes).unwrap() {
                (hop, Message::Hello(mut hello)) if node == 1 => {
                    hello.chain.clone_from(&statements);
                    wire::encode(hop, &Message::Hello(hello))
                }
                _ => bytes,
            }
        }));
        let refused = bus.sync(dialler, 3 - dialler).unwrap_err();
        assert_eq!(refused, CloseReason::Revoked);
        assert_eq!(bus.nodes[2].closes, [CloseReason::Revoked]);
        let said = said.lock().unwrap();
        assert_eq!(said.len(), said_at_most, "dialled by {dialler}: {said:?}");
        assert!(said.iter().all(|message| matches!(message, Message::Hello(_))));
        assert_eq!(bus.nodes[1].records(), 0);
        // What it brought is known from then on, and so it is not even heard.
        assert!(bus.nodes[2].engine.trust().is_revoked(&bus.nodes[1].id()));
    }
}

#[test]
fn a_revoked_node_is_listed_as_such_and_no_other_is() {
    let (mut bus, _) = revoked_unheard();
    let ids: Vec<NodeId> = bus.nodes.iter().map(Node::id).collect();
    let listed = |bus: &Bus, node: usize| {
        let (at_work, at_rest) = (
            bus.nodes[node].engine.peers(),
            setup::peers(&bus.nodes[node].store).unwrap(),
        );
        let revoked = |list: Vec<crate::PeerInfo>| -> Vec<(NodeId, bool)> {
            list.iter().map(|info| (info.node, info.revoked)).collect()
        };
        let (at_work, at_rest) = (revoked(at_work), revoked(at_rest));
        assert_eq!(at_work, at_rest, "the running node and the stopped one differ");
        assert!(at_work.len() >= 2, "{at_work:?}");
        let bad: Vec<NodeId> = at_work.into_iter().filter(|one| one.1).map(|one| one.0).collect();
        bad
    };
    assert_eq!(listed(&bus, 0), [ids[1]]);
    assert!(bus.sync(2, 0).unwrap().in_sync);
    assert_eq!(listed(&bus, 2), [ids[1]]);
    bus.nodes[2].restart();
    assert_eq!(listed(&bus, 2), [ids[1]]);
}

#[test]
fn who_is_listed_as_connected_or_switched_off_is_and_no_other() {
    let mut bus = Bus::new(4);
    let ids: Vec<NodeId> = bus.nodes.iter().map(Node::id).collect();
    let listed = |bus: &Bus| {
        let known = bus.nodes[0].engine.peers();
        let of = |is: fn(&crate::PeerInfo) -> bool| -> BTreeSet<NodeId> {
            known
                .iter()
                .filter(|info| is(info))
                .map(|info| info.node)
                .collect()
        };
        (of(|info| info.connected), of(|info| !info.enabled))
    };
    let (none, second, third) = (
        BTreeSet::new(),
        BTreeSet::from([ids[1]]),
        BTreeSet::from([ids[2]]),
    );
    assert_eq!(listed(&bus), (none.clone(), none.clone()));
    // A connection on which nothing was said yet is none.
    bus.deliver_max = Some(0);
    bus.connect(1, 0, None);
    bus.run();
    assert_eq!(listed(&bus), (none.clone(), none.clone()));
    bus.deliver_max = None;
    bus.run();
    assert_eq!(listed(&bus), (second.clone(), none.clone()));
    let off = |enabled| Event::LinkEnabled {
        peer: ids[2],
        enabled,
    };
    bus.give(0, off(false));
    assert_eq!(listed(&bus), (second.clone(), third));
    bus.give(0, off(true));
    assert_eq!(listed(&bus), (second, none.clone()));
    bus.cut();
    assert_eq!(listed(&bus), (none.clone(), none));
}
