//! Who depends on one issuer, until another knows that it is one.

use std::sync::Arc;

use chaski_crdt::authority::Limits;
use chaski_net::issuers::IssuerChange;
use chaski_net::setup;
use ed25519_dalek::SigningKey;

use crate::grants::tests::{CLINIC, DAY_MS, NOW_MS, founded, of_clinic_in, peer};
use crate::grants::{Ground, PeerInfo};
use chaski_store::{NodeId, Store};

const OTHER: NodeId = NodeId([2; 32]);

/// The network as this node sees it, with another issuer beside the hub, and the number under which that was heard.
fn with_another(store: &Store, ends_ms: u64) -> (Ground, u64) {
    let root = setup::root_key(store).unwrap().unwrap();
    let (mut ground, _) = of_clinic_in(store, Some(ends_ms));
    let added = IssuerChange::Add(OTHER, Limits::default());
    let trust = ground.trust.issuer_change(&SigningKey::from_bytes(&root), &added);
    ground.trust = Arc::new(trust.unwrap().unwrap());
    let number = ground.trust.heard();
    (ground, number)
}

fn other(ends_ms: u64, statements: u64) -> PeerInfo {
    let mut other = peer(OTHER, "clinic 2", Some(ends_ms), 0);
    other.contact.statements = statements;
    other
}

#[test]
fn an_issuer_that_has_not_heard_that_it_is_one_ends_no_warning() {
    let store = founded();
    let hub_key = store.identity().unwrap().node;
    let far_ms = NOW_MS + 300 * DAY_MS;
    let (mut ground, number) = with_another(&store, far_ms);
    ground.membership.node = hub_key;
    let clinic = peer(CLINIC, "clinic 1", Some(far_ms), 0);
    for (statements, is_told) in [(0, false), (number - 1, false), (number, true)] {
        let peers = [clinic.clone(), other(far_ms, statements)];
        let sole = ground.sole_issuer(&peers);
        assert_eq!(sole.is_none(), is_told, "{statements} of {number}");
        let issuers = ground.trust.issuers();
        let told = issuers
            .iter()
            .map(|issuer| (issuer.node, ground.is_told(issuer, &peers)));
        assert_eq!(
            told.collect::<std::collections::BTreeMap<_, _>>(),
            [(hub_key, true), (OTHER, is_told)].into()
        );
        if let Some(sole) = sole {
            assert_eq!(sole.untold, ["clinic 2"]);
            let text = ground.sole_issuer_warning(&peers).unwrap();
            assert!(
                text.contains("one issuer alone, this node") && text.contains("not told yet: clinic 2"),
                "{text}"
            );
        }
    }
    // What a clinic has heard from its hub, that hub tells the other issuer: it need not meet it itself.
    ground.membership.node = CLINIC;
    ground.membership.role = "clinic".into();
    let mut hub = peer(hub_key, "Hub", None, 0);
    hub.role = "hub".into();
    for (statements, is_sole) in [(number - 1, true), (number, false)] {
        hub.contact.statements = statements;
        let peers = [hub.clone(), other(far_ms, 0)];
        assert_eq!(ground.sole_issuer(&peers).is_some(), is_sole, "{statements}");
    }
}

#[test]
fn how_many_grants_have_ended_is_counted() {
    let store = founded();
    let hub_key = store.identity().unwrap().node;
    let (mut ground, _) = of_clinic_in(&store, None);
    ground.membership.node = hub_key;
    let of = |byte: u8, ends_ms: u64| peer(NodeId([byte; 32]), "clinic", Some(ends_ms), 0);
    let (over_ms, far_ms) = (NOW_MS - DAY_MS, NOW_MS + 300 * DAY_MS);
    let told = |peers: &[PeerInfo]| ground.sole_issuer_warning(peers).unwrap();
    assert!(told(&[of(1, far_ms), of(2, far_ms)]).contains("if it is lost, grants end from"));
    let one = told(&[of(1, over_ms), of(2, far_ms)]);
    assert!(
        one.contains("the grant of 1 node has ended, on 2027-01-14"),
        "{one}"
    );
    let two = told(&[of(1, over_ms), of(2, over_ms - DAY_MS)]);
    assert!(
        two.contains("the grants of 2 nodes have ended, the first on 2027-01-13"),
        "{two}"
    );
}
