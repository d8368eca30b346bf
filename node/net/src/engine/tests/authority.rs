//! What is heard of members, issuers and grants: what of it counts here, and that it is kept before it does.

use super::fickle::Fickle;
use super::*;
use crate::replica::Documents;
use crate::trust::{GRANT_MS, TrustError, filter_digest};
use chaski_crdt::author::NetworkId;
use chaski_crdt::authority::{Issuer, Limits, Revocation, SignedStatement};
use chaski_store::{Compartment, ScopeFilter};

const LIMITED: u8 = 200;

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn id(number: u8) -> NodeId {
    NodeId::of(&key(number))
}

fn signed(bus: &Bus, signer: &SigningKey, serial: u64, statement: Statement) -> Vec<u8> {
    let network = bus.nodes[0].engine.trust().authority().network();
    SignedStatement::sign(&network, signer, serial, statement)
        .unwrap()
        .to_bytes()
}

fn member(number: u8, role: NodeRole, site: &str) -> Statement {
    Statement::Member(Member {
        node: id(number),
        name: format!("new {number}"),
        role,
        site: site.into(),
    })
}

fn grant(node: NodeId, scopes: Scopes, expires_ms: Option<u64>) -> Statement {
    Statement::Grant(Grant {
        node,
        scopes,
        expires_ms,
    })
}

/// The root names an issuer of mobile teams in Puno and of nothing else.
fn limited_issuer(bus: &Bus) -> Vec<u8> {
    let root = setup::root_key(&bus.nodes[0].store).unwrap().unwrap();
    let issuer = Statement::Issuer(Issuer {
        node: id(LIMITED),
        name: "Puno".into(),
        limits: Limits {
            roles: Some([NodeRole::Mobile].into()),
            sites: Some(["PUN".to_owned()].into()),
        },
    });
    signed(bus, &SigningKey::from_bytes(&root), 100, issuer)
}

/// A node whose key is `number`, which knows what the hub knows and these statements.
fn node_with(bus: &mut Bus, number: u8, statements: &[Vec<u8>]) -> usize {
    let (store, _) = store(u64::from(number));
    let hub = &bus.nodes[0];
    let known: Vec<_> = hub.engine.trust().statements_after(0).cloned().collect();
    let all = [known, statements.to_vec()].concat();
    Trust::found(hub.engine.trust().root(), &all)
        .unwrap()
        .save(&store)
        .unwrap();
    let identity = StoreReplica::new(hub.store.clone()).unwrap().identity();
    let identity = Identity {
        signing_seed: key(number).to_bytes(),
        ..identity
    };
    store.identity_set(&identity).unwrap();
    bus.nodes.push(Node::of(store, Options::default()));
    bus.nodes.len() - 1
}

#[test]
fn whom_an_issuer_certified_beyond_its_limits_is_a_stranger_everywhere() {
    for (role, site, is_let_in) in [
        (NodeRole::Mobile, "PUN", true),
        (NodeRole::Hub, "PUN", false),
        (NodeRole::Mobile, "CUS", false),
    ] {
        let mut bus = Bus::new(2);
        patient(&bus.nodes[0].store, "secret", "Quispe");
        let by_hand = [
            limited_issuer(&bus),
            signed(&bus, &key(LIMITED), 101, member(210, role, site)),
            signed(&bus, &key(LIMITED), 102, grant(id(210), Scopes::All, None)),
        ];
        let new = node_with(&mut bus, 210, &by_hand);
        patient(&bus.nodes[new].store, "theirs", "X");
        // Another member passes it all on, so that the hub has heard of it before they meet.
        let mut trust = bus.nodes[1].engine.trust().clone();
        assert_eq!(trust.add(&bus.nodes[1].store, &by_hand).unwrap(), 3);
        bus.nodes[1].restart();
        assert!(bus.sync(1, 0).unwrap().in_sync);
        assert_eq!(
            bus.nodes[0].engine.trust().authors().contains(&id(210)),
            is_let_in
        );
        let outcome = bus.sync(new, 0);
        if is_let_in {
            // Its grant of everything is beyond what its issuer may grant: it hands over and gets nothing.
            assert!(outcome.unwrap().reason.contains("grant is over"));
            assert!(
                bus.nodes[0]
                    .store
                    .contains(&"Patient/theirs".parse().unwrap())
                    .unwrap()
            );
        } else {
            assert_eq!(outcome.unwrap_err(), CloseReason::Stranger);
            assert_eq!(bus.nodes[0].records(), 1);
        }
        assert_eq!(bus.nodes[new].records(), 1);
    }
}

#[test]
fn a_limited_issuer_cuts_nobody_off_whom_it_could_not_certify() {
    let mut bus = Bus::new(3);
    let clinic = bus.nodes[2].id();
    let revocation = Statement::Revocation(Revocation {
        node: clinic,
        vouched: BTreeMap::new(),
        reason: "spite".into(),
    });
    let nothing = grant(clinic, Scopes::Sites(BTreeSet::from(["PUN".to_owned()])), Some(1));
    let by_hand = [
        limited_issuer(&bus),
        signed(&bus, &key(LIMITED), 101, revocation),
        signed(&bus, &key(LIMITED), 102, nothing),
    ];
    let mut trust = bus.nodes[1].engine.trust().clone();
    trust.add(&bus.nodes[1].store, &by_hand).unwrap();
    bus.nodes[1].restart();
    bus.connect(2, 0, None);
    assert!(bus.sync(1, 0).unwrap().in_sync);
    patient(&bus.nodes[0].store, "p", "Quispe");
    bus.give(0, Event::LocalChange);
    bus.run();
    assert_eq!(bus.nodes[2].records(), 1, "the clinic was cut off");
    assert!(bus.nodes[0].closes.is_empty(), "{:?}", bus.nodes[0].closes);
}

#[test]
fn what_is_heard_or_said_is_kept_before_it_counts() {
    let bus = Bus::new(2);
    let fickle = Fickle::of(&bus.nodes[0].store);
    let (network, now_ms) = (bus.nodes[0].engine.trust().authority().network(), bus.now_ms);
    let mut trust = bus.nodes[0].engine.trust().clone();
    let identity = StoreReplica::new(bus.nodes[0].store.clone()).unwrap().identity();
    let hub = SigningKey::from_bytes(&identity.signing_seed);
    let (before, heard) = (trust.digest(), limited_issuer(&bus));
    fickle.documents_fail.store(true, Ordering::SeqCst);
    assert!(matches!(
        trust.add(fickle.as_ref(), std::slice::from_ref(&heard)),
        Err(TrustError::Store(_))
    ));
    let said = trust.issue(fickle.as_ref(), &hub, member(211, NodeRole::Clinic, ""));
    assert!(matches!(said, Err(TrustError::Store(_))));
    assert!(trust.digest() == before && !trust.is_issuer(&id(LIMITED)) && trust.member(&id(211)).is_none());
    fickle.documents_fail.store(false, Ordering::SeqCst);
    assert_eq!(trust.add(fickle.as_ref(), &[heard.clone(), heard.clone()]), Ok(1));
    assert_eq!(trust.add(fickle.as_ref(), &[heard, b"nothing".to_vec()]), Ok(0));
    trust
        .issue(fickle.as_ref(), &hub, member(211, NodeRole::Clinic, ""))
        .unwrap();
    let again = Trust::load(fickle.as_ref(), network).unwrap();
    assert_eq!((again.digest(), again.len()), (trust.digest(), trust.len()));
    assert!(again.is_issuer(&id(LIMITED)) && again.member(&id(211)).is_some());
    // In another network's store it means nothing, nor does what is damaged.
    let other = Trust::load(fickle.as_ref(), NetworkId([1; 32]));
    assert_eq!(other.err(), Some(TrustError::OtherNetwork));
    for (kept, why) in [
        (vec![], TrustError::Damaged),
        (vec![1, 0], TrustError::Form { found: 1, known: 2 }),
        (vec![2, 9], TrustError::Damaged),
    ] {
        fickle.document_save("trust/authority", &kept).unwrap();
        assert_eq!(Trust::load(fickle.as_ref(), network).err(), Some(why));
    }
    assert!(now_ms > 0);
}

/// The hub and the other have each acknowledged all that the other holds; then the other's disk is set back.
#[test]
fn who_was_set_back_is_told_again_what_it_had_acknowledged() {
    let mut bus = Bus::new(2);
    let old = bus.nodes[1].store.document("trust/authority").unwrap().unwrap();
    let new = bus.member_add(2, Scopes::All, None);
    assert!(bus.sync(1, 0).unwrap().in_sync);
    let (hub, clinic) = (bus.nodes[0].id(), bus.nodes[1].id());
    let acked = |bus: &Bus, node: usize, of: &NodeId| bus.nodes[node].engine.core.peers.authority_acked(of);
    assert_eq!(acked(&bus, 0, &clinic), bus.nodes[0].engine.trust().heard());
    assert_eq!(acked(&bus, 1, &hub), bus.nodes[1].engine.trust().heard());
    bus.cut();
    bus.nodes[1].store.document_save("trust/authority", &old).unwrap();
    bus.nodes[1].restart();
    let newcomer = bus.nodes[new].id();
    assert!(bus.nodes[1].engine.trust().member(&newcomer).is_none());
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{}", report.reason);
    assert!(bus.nodes[1].engine.trust().member(&newcomer).is_some());
    assert_eq!(
        bus.nodes[0].engine.trust().digest(),
        bus.nodes[1].engine.trust().digest()
    );
    // Kept as well: it knows it after the next start.
    bus.nodes[1].restart();
    assert!(bus.nodes[1].engine.trust().member(&newcomer).is_some());
}

/// Nobody passes on what he has not checked, so a forged statement is its sender's: nothing of the delivery is kept.
#[test]
fn who_sends_a_forged_statement_is_left_and_nothing_of_it_is_kept() {
    let mut bus = Bus::new(3);
    let mut forged = limited_issuer(&bus);
    *forged.last_mut().unwrap() ^= 1;
    let before = bus.nodes[0].engine.trust().digest();
    let (_, session) = bus.connect(1, 0, None);
    bus.connect(2, 0, None);
    bus.run();
    let told = crate::wire::Authority {
        statements: vec![limited_issuer(&bus), forged],
        digest: [1; 16],
        sent: 1,
    };
    let bytes = crate::wire::encode(1, &crate::wire::Message::Authority(told));
    let priority = Priority::Control;
    bus.give(
        0,
        Event::Message {
            session,
            priority,
            bytes,
        },
    );
    assert!(matches!(&bus.nodes[0].closes[..], [CloseReason::Malformed(_)]));
    bus.run();
    assert_eq!(bus.nodes[0].engine.trust().digest(), before);
    patient(&bus.nodes[0].store, "p", "Quispe");
    bus.give(0, Event::LocalChange);
    bus.run();
    assert_eq!(bus.nodes[2].records(), 1, "the others go on");
}

/// What a stranger shows of itself is not kept, though issuers have signed some of it.
#[test]
fn a_stranger_has_nothing_kept() {
    let mut bus = Bus::new(2);
    let limited = limited_issuer(&bus);
    let beyond = signed(&bus, &key(LIMITED), 101, member(210, NodeRole::Hub, "PUN"));
    let new = node_with(&mut bus, 210, &[limited, beyond]);
    let before = (
        bus.nodes[0].engine.trust().len(),
        bus.nodes[0].store.document("trust/authority").unwrap(),
    );
    assert!(bus.nodes[new].engine.trust().len() > before.0);
    assert_eq!(bus.sync(new, 0).unwrap_err(), CloseReason::Stranger);
    let after = (
        bus.nodes[0].engine.trust().len(),
        bus.nodes[0].store.document("trust/authority").unwrap(),
    );
    assert_eq!(after, before);
}

/// Statements that one issuer has crowded out of its own room: the others hear all else, and nobody's session ends.
#[test]
fn an_issuer_that_says_too_much_ends_no_session_and_keeps_no_revocation_out() {
    let mut bus = Bus::new(3);
    let limits_none = Statement::Issuer(Issuer {
        node: id(LIMITED),
        name: "Puno".into(),
        limits: Limits::default(),
    });
    let root = setup::root_key(&bus.nodes[0].store).unwrap().unwrap();
    let mut said = vec![signed(&bus, &SigningKey::from_bytes(&root), 100, limits_none)];
    let crowd = (0..170_u64).map(|n| {
        let panels = (0..200).map(|p| format!("{p:0>120}-{n}")).collect();
        let about = NodeId([u8::try_from(n).unwrap(); 32]);
        signed(
            &bus,
            &key(LIMITED),
            200 + n,
            grant(about, Scopes::Panels(panels), None),
        )
    });
    said.extend(crowd.collect::<Vec<_>>());
    let clinic = bus.nodes[2].id();
    let revoked = Statement::Revocation(Revocation {
        node: clinic,
        vouched: BTreeMap::new(),
        reason: "stolen".into(),
    });
    said.push(signed(&bus, &key(LIMITED), 900, revoked));
    let mut trust = bus.nodes[1].engine.trust().clone();
    let added = trust.add(&bus.nodes[1].store, &said).unwrap();
    assert!(added < said.len(), "{added}");
    bus.nodes[1].restart();
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{}", report.reason);
    assert!(bus.nodes[0].engine.trust().is_revoked(&clinic));
    assert!(bus.nodes[0].closes.is_empty(), "{:?}", bus.nodes[0].closes);
    assert_eq!(
        bus.nodes[0].engine.trust().digest(),
        bus.nodes[1].engine.trust().digest()
    );
}

#[test]
fn a_grant_is_renewed_in_its_second_half_by_an_issuer_and_as_it_was() {
    let mut bus = Bus::new(1);
    let now_ms = bus.now_ms;
    let panel = Scopes::Panels(BTreeSet::from(["mine".to_owned()]));
    let half_ms = now_ms + GRANT_MS / 2;
    let rows = [
        (Some(half_ms), false),
        (Some(half_ms - 1), true),
        (Some(now_ms - 1), true),
        (None, false),
    ];
    for (row, (expires_ms, is_due)) in rows.into_iter().enumerate() {
        let team = bus.member_add(row + 1, panel.clone(), expires_ms);
        let node = bus.nodes[team].id();
        let renew = |by: &Node, node: &NodeId| {
            let replica = StoreReplica::new(by.store.clone()).unwrap();
            let signer = SigningKey::from_bytes(&replica.identity().signing_seed);
            let trust = by.engine.trust().clone();
            let renewed = trust.grant_renew(&signer, node, now_ms).unwrap();
            let done = renewed.is_some();
            (done, renewed.unwrap_or(trust).authority().grant(node).cloned())
        };
        assert!(!renew(&bus.nodes[team], &node).0, "by itself");
        let (done, after) = renew(&bus.nodes[0], &node);
        assert_eq!(done, is_due, "row {row}");
        let after = after.unwrap();
        assert_eq!(
            after.scopes, panel,
            "row {row}: it may be given other things than before"
        );
        let until = if is_due {
            Some(now_ms + GRANT_MS)
        } else {
            expires_ms
        };
        assert_eq!(after.expires_ms, until, "row {row}");
    }
    // Not for whom was cut off.
    let node = bus.nodes[2].id();
    bus.nodes[0]
        .engine
        .revoke(now_at(now_ms), node, "lost".into())
        .unwrap();
    let identity = StoreReplica::new(bus.nodes[0].store.clone()).unwrap().identity();
    let trust = bus.nodes[0].engine.trust().clone();
    let hub = SigningKey::from_bytes(&identity.signing_seed);
    assert!(trust.grant_renew(&hub, &node, now_ms).unwrap().is_none());
}

#[test]
fn what_a_grant_admits_and_what_two_may_both_hold() {
    let mut bus = Bus::new(1);
    let panel = |ids: &[&str]| Scopes::Panels(ids.iter().map(|id| (*id).to_owned()).collect());
    let grants = [
        Scopes::All,
        panel(&["a", "b"]),
        panel(&["b", "c"]),
        Scopes::Sites(BTreeSet::from(["PUN".to_owned()])),
    ];
    for (index, scopes) in grants.into_iter().enumerate() {
        bus.member_add(index + 1, scopes, None);
    }
    let only = |ids: &[&str]| {
        let patients = ids.iter().map(|id| Compartment::Patient((*id).to_owned()));
        ScopeFilter::only(patients.chain([Compartment::Shared]).collect())
    };
    let trust = bus.nodes[0].engine.trust();
    let expected = [
        ScopeFilter::all(),
        only(&["a", "b"]),
        only(&["b", "c"]),
        only(&[]),
    ];
    for (index, filter) in expected.iter().enumerate() {
        let node = bus.nodes[index + 1].id();
        assert_eq!(trust.filter_for(&node), (filter.clone(), filter_digest(filter)));
        assert_eq!(trust.filter_between(&node, &node), *filter);
    }
    let between = |one: usize, other: usize| {
        let [one, other] = [one, other].map(|index| bus.nodes[index].id());
        assert_eq!(
            trust.filter_between(&one, &other),
            trust.filter_between(&other, &one)
        );
        trust.filter_between(&one, &other)
    };
    assert_eq!(between(0, 1), ScopeFilter::all());
    assert_eq!(between(1, 2), only(&["a", "b"]));
    assert_eq!(between(2, 3), only(&["b"]));
    assert_eq!(between(3, 4), only(&[]));
    // Without a grant there is nothing.
    let nothing = ScopeFilter::none();
    assert_eq!(trust.filter_for(&id(9)).0, nothing);
    assert_eq!(trust.filter_between(&id(9), &bus.nodes[0].id()), nothing);
}

#[test]
fn what_may_flow_has_a_name_of_its_own_for_each_choice() {
    let patients = |ids: &[&str]| -> BTreeSet<Compartment> {
        ids.iter()
            .map(|id| Compartment::Patient((*id).to_owned()))
            .collect()
    };
    let with = |ids: &[&str], scope: Compartment| {
        let mut set = patients(ids);
        set.insert(scope);
        ScopeFilter::only(set)
    };
    let filters = [
        ScopeFilter::all(),
        ScopeFilter::none(),
        ScopeFilter::only(patients(&["a"])),
        ScopeFilter::only(patients(&["b"])),
        ScopeFilter::only(patients(&["a", "b"])),
        ScopeFilter::only(patients(&["ab"])),
        ScopeFilter::only(patients(&["a", "bc"])),
        ScopeFilter::only(patients(&["ab", "c"])),
        with(&["a"], Compartment::Shared),
        with(&["a"], Compartment::Unfiled),
        with(&[], Compartment::Shared),
        with(&[], Compartment::Unfiled),
    ];
    let digests: BTreeSet<u64> = filters.iter().map(filter_digest).collect();
    assert_eq!(digests.len(), filters.len());
}
