//! Issuers besides the first: made with the root's key on whatever node is left, within their limits, and ended.

use super::*;
use crate::issuers::{self, IssuerChange, IssuerError};
use crate::trust::{GRANT_MS, TrustError};
use chaski_crdt::authority::{Limits, Revocation, SignedStatement};

const DAY_MS: u64 = 86_400_000;

fn root(bus: &Bus) -> SigningKey {
    SigningKey::from_bytes(&setup::root_key(&bus.nodes[0].store).unwrap().unwrap())
}

fn add(bus: &mut Bus, at: usize, node: usize, limits: Limits) -> Result<bool, IssuerError> {
    let change = IssuerChange::Add(bus.nodes[node].id(), limits);
    say(bus, at, &change)
}

fn say(bus: &mut Bus, at: usize, change: &IssuerChange) -> Result<bool, IssuerError> {
    let (root, now) = (root(bus), bus.now_ms);
    let (changed, effects) = bus.nodes[at].engine.issuer_change(now_at(now), &root, change)?;
    bus.effects(at, effects);
    bus.run();
    Ok(changed)
}

fn only_roles(roles: &[NodeRole]) -> Limits {
    Limits {
        roles: Some(roles.iter().cloned().collect()),
        sites: None,
    }
}

fn holds(bus: &Bus, node: usize, id: &str) -> bool {
    let key = RecordKey::new("Patient", id).unwrap();
    bus.nodes[node].store.contains(&key).unwrap()
}

fn is_over(bus: &Bus, node: usize, at: usize) -> bool {
    let id = bus.nodes[node].id();
    bus.nodes[at].engine.trust().is_grant_over(&id, bus.now_ms)
}

/// Three clinics, a hub that burns, and 401 days; each clinic has written something that the others have not.
fn after_the_fire() -> Bus {
    let mut bus = Bus::new(4);
    for clinic in 1..4 {
        assert!(bus.sync(clinic, 0).unwrap().in_sync);
        bus.cut();
    }
    bus.now_ms += 401 * DAY_MS;
    for clinic in 1..4 {
        patient(&bus.nodes[clinic].store, &format!("of-{clinic}"), "Quispe");
    }
    bus
}

#[test]
fn with_the_roots_key_any_clinic_that_is_left_becomes_an_issuer_and_renews_the_others() {
    let mut bus = after_the_fire();
    let report = bus.sync(1, 2).unwrap();
    assert!(
        !report.in_sync && report.reason.contains("grant is over"),
        "{report:?}"
    );
    assert!(!holds(&bus, 1, "of-2") && !holds(&bus, 2, "of-1"), "no test");
    bus.cut();
    assert_eq!(add(&mut bus, 1, 1, Limits::default()), Ok(true));
    assert!(!is_over(&bus, 1, 1), "it renews its own as soon as it may");
    // One exchange: the other hands over, is renewed, and is given what it had missed.
    let report = bus.sync(2, 1).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert!(holds(&bus, 1, "of-2") && holds(&bus, 2, "of-1"));
    for clinic in [1, 2] {
        assert!(!is_over(&bus, clinic, 1) && !is_over(&bus, clinic, 2));
    }
    bus.cut();
    // Whoever has met only the one that was renewed believes both, and gives; it is given nothing by one
    // that is no issuer.
    let report = bus.sync(3, 2).unwrap();
    assert!(
        !report.in_sync && report.reason.starts_with("by what the peer knows"),
        "{report:?}"
    );
    assert!(holds(&bus, 2, "of-3") && !holds(&bus, 3, "of-2"));
    bus.cut();
    assert!(bus.sync(1, 3).unwrap().in_sync, "dialled by the issuer");
    bus.cut();
    assert!(bus.sync(3, 2).unwrap().in_sync);
    assert!(holds(&bus, 3, "of-2") && holds(&bus, 3, "of-1"));
    let digest = bus.nodes[1].engine.trust().digest();
    for clinic in [2, 3] {
        assert_eq!(bus.nodes[clinic].engine.trust().digest(), digest);
    }
}

#[test]
fn an_issuer_made_elsewhere_begins_to_renew_when_it_hears_of_it() {
    let mut bus = after_the_fire();
    assert_eq!(add(&mut bus, 2, 1, Limits::default()), Ok(true));
    assert!(!bus.nodes[1].engine.trust().is_issuer(&bus.nodes[1].id()));
    assert!(is_over(&bus, 1, 1) && is_over(&bus, 2, 2));
    bus.connect(1, 2, None);
    bus.run();
    for node in [1, 2] {
        bus.give(node, Event::Tick);
    }
    bus.run();
    assert!(holds(&bus, 1, "of-2") && holds(&bus, 2, "of-1"));
    assert!(!is_over(&bus, 1, 2) && !is_over(&bus, 2, 1));
}

#[test]
fn an_issuer_made_while_its_node_is_stopped_is_one_after_the_start() {
    let mut bus = after_the_fire();
    let (key, node) = (root(&bus), bus.nodes[1].id());
    let change = IssuerChange::Add(node, Limits::default());
    let store = bus.nodes[1].store.clone();
    assert!(!setup::membership(&store).unwrap().unwrap().issuer);
    assert_eq!(issuers::issuer_change(&store, &key, &change), Ok(true));
    assert_eq!(
        issuers::issuer_change(&store, &key, &change),
        Ok(false),
        "it is one already"
    );
    let who = setup::membership(&store).unwrap().unwrap();
    assert!(who.issuer && who.renews_itself);
    let told: Vec<_> = issuers::issuers(&store).unwrap();
    let names: Vec<_> = told
        .iter()
        .map(|one| (one.name.as_str(), one.in_effect))
        .collect();
    assert_eq!(names, [("clinic 1", true), ("hub", true)]);
    let of_root = bus.nodes[1].engine.trust().root();
    assert!(
        told.iter()
            .all(|one| one.roots == [of_root] && one.limits == Limits::default())
    );
    bus.nodes[1].restart();
    assert!(bus.sync(2, 1).unwrap().in_sync);
}

#[test]
fn who_is_certified_by_the_second_issuer_is_a_member_everywhere() {
    let mut bus = after_the_fire();
    add(&mut bus, 1, 1, Limits::default()).unwrap();
    // Clinic 3 knows nothing of the new issuer when the newcomer comes to it.
    let key = SigningKey::from_bytes(&[200; 32]);
    let (node, now) = (NodeId::of(&key), bus.now_ms);
    let member = Statement::Member(Member {
        node,
        name: "new".into(),
        role: NodeRole::Clinic,
        site: String::new(),
    });
    let grant = Statement::Grant(Grant {
        node,
        scopes: Scopes::All,
        expires_ms: Some(now + GRANT_MS),
    });
    for statement in [member, grant] {
        bus.nodes[1].engine.issue(now_at(now), statement).unwrap();
    }
    let chain = bus.nodes[1].engine.trust().chain_of(&node);
    let mut there = bus.nodes[3].engine.trust().clone();
    assert!(there.member(&node).is_none());
    there.add(&bus.nodes[3].store, &chain).unwrap();
    assert_eq!(there.member(&node).unwrap().name, "new");
    assert!(!there.is_grant_over(&node, now));
}

#[test]
fn an_issuer_renews_and_invites_within_its_limits_and_no_further() {
    let mut bus = after_the_fire();
    add(&mut bus, 1, 1, only_roles(&[NodeRole::Mobile])).unwrap();
    let ids: Vec<NodeId> = bus.nodes.iter().map(Node::id).collect();
    let trust = bus.nodes[1].engine.trust();
    assert!(!trust.may_renew(&ids[1], &ids[2]) && !trust.may_renew(&ids[1], &ids[1]));
    assert!(trust.may_renew(&ids[0], &ids[2]));
    let store = bus.nodes[1].store.clone();
    let who = setup::membership(&store).unwrap().unwrap();
    assert!(
        who.issuer && !who.renews_itself,
        "it is to be warned like any other"
    );
    let invited = |role: &str| setup::invite(&store, NodeRole::from(role), 60_000, Vec::new()).map(|_| ());
    assert_eq!(invited("clinic"), Err(TrustError::Limited("clinic".into())));
    assert_eq!(invited("mobile"), Ok(()));
    let report = bus.sync(2, 1).unwrap();
    assert!(!report.in_sync && !holds(&bus, 2, "of-1"), "{report:?}");
    bus.cut();
    // Told that it may do more, it does so at once; what it may do is never taken back by adding.
    let narrower = add(&mut bus, 1, 1, only_roles(&[]));
    assert!(matches!(narrower, Err(IssuerError::Narrower(_))), "{narrower:?}");
    assert_eq!(add(&mut bus, 1, 1, only_roles(&[NodeRole::Clinic])), Ok(true));
    assert!(bus.sync(2, 1).unwrap().in_sync);
    // Sites: it may grant their records alone, so not everything, which is what a newcomer is granted.
    let sites = Limits {
        roles: None,
        sites: Some(["SJ".to_owned()].into()),
    };
    add(&mut bus, 1, 2, sites).unwrap();
    let store = bus.nodes[1].store.clone();
    let statements: Vec<_> = bus.nodes[1].engine.trust().statements_after(0).cloned().collect();
    let mut there = bus.nodes[2].engine.trust().clone();
    there.add(&store, &statements).unwrap();
    assert!(there.is_issuer(&ids[2]));
    assert_eq!(
        there.may_invite(&ids[2], &NodeRole::Clinic),
        Err(TrustError::Limited("clinic".into()))
    );
}

#[test]
fn what_the_root_may_not_say_or_in_vain_changes_nothing() {
    let mut bus = Bus::new(4);
    let hub = bus.nodes[0].id();
    // Another network's root.
    let (other, _) = store(77);
    let founding = Founding {
        name: "elsewhere".into(),
        site: String::new(),
        role: NodeRole::Hub,
        demo: false,
    };
    setup::found(&other, &founding).unwrap();
    let foreign = SigningKey::from_bytes(&setup::root_key(&other).unwrap().unwrap());
    let before = bus.nodes[1].engine.trust().digest();
    let own = IssuerChange::Add(bus.nodes[1].id(), Limits::default());
    // A clinic's own key is no root either.
    for key in [foreign, SigningKey::from_bytes(&[101; 32])] {
        let refused = bus.nodes[1].engine.issuer_change(now_at(bus.now_ms), &key, &own);
        assert!(matches!(refused, Err(IssuerError::OtherNetwork(_))));
        let stopped = issuers::issuer_change(&bus.nodes[1].store, &key, &own);
        assert!(matches!(stopped, Err(IssuerError::OtherNetwork(_))));
    }
    let stranger = say(
        &mut bus,
        1,
        &IssuerChange::Add(NodeId([9; 32]), Limits::default()),
    );
    assert!(matches!(stranger, Err(IssuerError::Stranger(_))), "{stranger:?}");
    let last = say(&mut bus, 1, &IssuerChange::End(hub));
    assert!(matches!(last, Err(IssuerError::Last(_))), "{last:?}");
    let change = IssuerChange::End(bus.nodes[2].id());
    let none = say(&mut bus, 1, &change);
    assert!(matches!(none, Err(IssuerError::NoIssuer(_))), "{none:?}");
    assert_eq!(bus.nodes[1].engine.trust().digest(), before);
    let revoked = bus.nodes[3].id();
    let revocation = Statement::Revocation(Revocation {
        node: revoked,
        vouched: BTreeMap::new(),
        reason: "lost".into(),
    });
    bus.nodes[0].engine.issue(now_at(bus.now_ms), revocation).unwrap();
    let refused = add(&mut bus, 0, 3, Limits::default());
    assert!(matches!(refused, Err(IssuerError::Revoked(_))), "{refused:?}");
}

#[test]
fn nobody_turns_a_network_into_a_demonstration_by_its_name() {
    let mut bus = Bus::new(1);
    let node = NodeId::of(&SigningKey::from_bytes(&[50; 32]));
    let member = Statement::Member(Member {
        node,
        name: crate::trust::DEMO_ISSUER.into(),
        role: NodeRole::Clinic,
        site: String::new(),
    });
    bus.nodes[0].engine.issue(now_at(bus.now_ms), member).unwrap();
    let refused = say(&mut bus, 0, &IssuerChange::Add(node, Limits::default()));
    assert!(matches!(refused, Err(IssuerError::Reserved(_))), "{refused:?}");
    assert!(!bus.nodes[0].engine.trust().is_demo());
}

#[test]
fn a_member_that_is_no_issuer_renews_nobody_itself_included() {
    let mut bus = after_the_fire();
    let (id, network) = (
        bus.nodes[2].id(),
        bus.nodes[2].engine.trust().authority().network(),
    );
    let grant = Statement::Grant(Grant {
        node: id,
        scopes: Scopes::All,
        expires_ms: None,
    });
    let key = SigningKey::from_bytes(&[102; 32]);
    assert_eq!(NodeId::of(&key), id);
    let lie = SignedStatement::sign(&network, &key, 1, grant)
        .unwrap()
        .to_bytes();
    // It makes itself an issuer as well.
    let issuer = Statement::Issuer(chaski_crdt::authority::Issuer {
        node: id,
        name: "clinic 2".into(),
        limits: Limits::default(),
    });
    let other = SignedStatement::sign(&network, &key, 2, issuer)
        .unwrap()
        .to_bytes();
    let store = bus.nodes[1].store.clone();
    let mut there = bus.nodes[1].engine.trust().clone();
    assert_eq!(there.add(&store, &[lie, other]), Ok(0));
    assert!(there.is_grant_over(&id, bus.now_ms) && !there.is_issuer(&id));
    bus.connect(2, 1, None);
    bus.run();
    assert!(!holds(&bus, 2, "of-1"));
}

#[test]
fn an_issuer_that_was_ended_invites_and_renews_no_more_and_what_it_did_stays() {
    let mut bus = Bus::new(3);
    for clinic in [1, 2] {
        assert!(bus.sync(clinic, 0).unwrap().in_sync);
        bus.cut();
    }
    add(&mut bus, 1, 1, Limits::default()).unwrap();
    let hub = bus.nodes[0].id();
    assert_eq!(say(&mut bus, 1, &IssuerChange::End(hub)), Ok(true));
    let trust = bus.nodes[1].engine.trust();
    assert!(!trust.is_issuer(&hub) && trust.member(&hub).is_some());
    for node in [0, 1, 2] {
        assert!(!is_over(&bus, node, 1), "what it had granted goes on counting");
    }
    let told: Vec<_> = trust
        .issuers()
        .into_iter()
        .map(|one| (one.name, one.in_effect))
        .collect();
    assert_eq!(told, [("clinic 1".to_owned(), true), ("hub".to_owned(), false)]);
    // For good; and the one that is left is the last.
    let again = say(&mut bus, 1, &IssuerChange::Add(hub, Limits::default()));
    assert!(matches!(again, Err(IssuerError::Ended(_))), "{again:?}");
    let twice = say(&mut bus, 1, &IssuerChange::End(hub));
    assert!(matches!(twice, Err(IssuerError::Ended(_))), "{twice:?}");
    let own = IssuerChange::End(bus.nodes[1].id());
    let last = say(&mut bus, 1, &own);
    assert!(matches!(last, Err(IssuerError::Last(_))), "{last:?}");
    // The one that was ended does not know yet, and says more: nobody heeds it.
    bus.now_ms += GRANT_MS / 2 + DAY_MS;
    let now = bus.now_ms;
    let late = Statement::Grant(Grant {
        node: bus.nodes[2].id(),
        scopes: Scopes::All,
        expires_ms: None,
    });
    bus.nodes[0].engine.issue(now_at(now), late).unwrap();
    bus.connect(1, 0, None);
    bus.run();
    let trust = bus.nodes[1].engine.trust();
    let until = trust.authority().grant(&bus.nodes[2].id()).unwrap().expires_ms;
    assert!(until.is_some(), "a grant of one that was ended counts");
    assert!(!bus.nodes[0].engine.trust().is_issuer(&hub));
}
