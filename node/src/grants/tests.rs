//! What is told of grants and clocks: when, of whom, and what is to be done.

use std::sync::Arc;

use chaski_crdt::authority::{Grant, Limits, Member, NodeRole, Scopes, Statement};
use chaski_net::engine::Problem;
use chaski_net::issuers::IssuerChange;
use chaski_net::setup::{self, Founding};
use chaski_store::{MemoryKv, OpenOptions, Store};

use super::*;
use crate::{member, network, peers};

pub(crate) const DAY_MS: u64 = super::DAY_MS;

pub(crate) const NOW_MS: u64 = 1_800_000_000_000;
/// What is kept of a peer that said that this node was revoked.
pub(crate) const REVOKED: Problem = Problem::Told(9);
pub(crate) const CLINIC: NodeId = NodeId([1; 32]);

/// A store of a network's first node, which is its issuer.
pub(crate) fn founded() -> Store {
    let options = OpenOptions {
        disk_floor_bytes: 0,
        disk_floor_percent: 0,
        background: false,
        argon2_memory_kib: 64,
        ..OpenOptions::default()
    };
    let store = Store::create_on(Arc::new(MemoryKv::new()), &[7; 32], Arc::new(SystemEnv), options).unwrap();
    let founding = Founding {
        name: "Hub".into(),
        site: String::new(),
        role: NodeRole::Hub,
        demo: false,
    };
    setup::found(&store, &founding).unwrap();
    store
}

/// As a clinic sees a network whose issuer is the hub, whose key is the second.
fn of_clinic(ends_ms: Option<u64>) -> (Ground, NodeId) {
    of_clinic_in(&founded(), ends_ms)
}

pub(crate) fn of_clinic_in(store: &Store, ends_ms: Option<u64>) -> (Ground, NodeId) {
    let hub = setup::membership(store).unwrap().unwrap();
    let key = store.signing_key().unwrap();
    let mut trust = Trust::of(store, hub.network).unwrap().as_ref().clone();
    for number in [1, 2] {
        let node = NodeId([number; 32]);
        let member = Member {
            node,
            name: format!("clinic {number}"),
            role: NodeRole::Clinic,
            site: String::new(),
        };
        let grant = Grant {
            node,
            scopes: Scopes::All,
            expires_ms: None,
        };
        for statement in [Statement::Member(member), Statement::Grant(grant)] {
            trust.issue(store, &key, statement).unwrap();
        }
    }
    let membership = Membership {
        node: CLINIC,
        name: "clinic 1".into(),
        issuer: false,
        renews_itself: false,
        grant_ends_ms: ends_ms,
        ..hub
    };
    let ground = Ground {
        membership,
        trust: Arc::new(trust),
        now_ms: NOW_MS,
        noted_ms: 0,
        ahead: None,
        off: None,
        revoked_by: None,
        zone: TimeZone::UTC,
    };
    (ground, store.identity().unwrap().node)
}

/// As a clinic sees a network in which these have joined, and when by its issuer's clock.
pub(crate) fn joined(role: &str, members: &[(NodeId, u64)]) -> Ground {
    let store = founded();
    let key = store.signing_key().unwrap();
    let (mut ground, _) = of_clinic_in(&store, None);
    let mut trust = ground.trust.as_ref().clone();
    for (node, joined_ms) in members {
        let member = Member {
            node: *node,
            name: node.short(),
            role: NodeRole::Clinic,
            site: String::new(),
        };
        // Renewed since: it has joined when it was first let in.
        let ends = [0, 200, 300].map(|day| joined_ms + chaski_net::trust::GRANT_MS + day * DAY_MS);
        let grants = ends.map(|expires_ms| {
            Statement::Grant(Grant {
                node: *node,
                scopes: Scopes::All,
                expires_ms: Some(expires_ms),
            })
        });
        for statement in [Statement::Member(member)].into_iter().chain(grants) {
            trust.issue(&store, &key, statement).unwrap();
        }
    }
    ground.trust = Arc::new(trust);
    ground.membership.role = role.into();
    ground
}

pub(crate) fn ground(ends_ms: Option<u64>) -> Ground {
    of_clinic(ends_ms).0
}

pub(crate) fn peer(node: NodeId, name: &str, ends_ms: Option<u64>, skew_ms: i64) -> PeerInfo {
    PeerInfo {
        grant_ends_ms: ends_ms,
        node,
        name: name.into(),
        site: String::new(),
        role: "clinic".into(),
        last_seen_ms: NOW_MS - 3 * DAY_MS,
        in_sync: false,
        connected: false,
        is_silent: false,
        enabled: true,
        revoked: false,
        first_sync: None,
        records: 0,
        addresses: Vec::new(),
        known: Vec::new(),
        contact: chaski_net::Contact::default(),
        problem: None,
        clock_skew_ms: Some(skew_ms),
        quarantined: 0,
    }
}

#[test]
fn a_grant_that_ends_is_told_in_time_and_afterwards_and_never_as_longer_than_it_is() {
    for (ends_ms, expected) in [
        (None, None),
        (Some(NOW_MS + GRANT_WARN_MS + 1), None),
        (Some(NOW_MS + GRANT_WARN_MS), Some("in 60 days")),
        (Some(NOW_MS + GRANT_WARN_MS - 1), Some("in 59 days")),
        (Some(NOW_MS + DAY_MS), Some("in 1 day:")),
        (Some(NOW_MS + DAY_MS - 1), Some("in less than a day")),
        (Some(NOW_MS), Some("grant is over since 2027-01-15 08:00 UTC:")),
        (Some(NOW_MS - 90 * DAY_MS), Some("receives nothing until")),
        (Some(0), Some("grant is over: it hands over")),
    ] {
        let mut ground = ground(ends_ms);
        let told = ground.own_warning(&[]);
        let is_right = match (&told, expected) {
            (Some(told), Some(expected)) => told.contains(expected),
            (told, expected) => told.is_none() && expected.is_none(),
        };
        assert!(is_right, "{ends_ms:?}: {told:?}");
        // An issuer that may not renew its own is warned like any other.
        ground.membership.issuer = true;
        assert_eq!(ground.own_warning(&[]), told);
        ground.membership.renews_itself = true;
        assert_eq!(ground.own_end(&[]), None, "it renews its own");
    }
}

#[test]
fn whoever_is_to_be_renewed_is_told_whom_to_meet_and_what_to_do_where_nobody_is_left() {
    let over = Some(NOW_MS - DAY_MS);
    let (ground, hub) = of_clinic(over);
    let met = peer(hub, "Hub", None, 0);
    let told = ground.own_warning(std::slice::from_ref(&met)).unwrap();
    assert!(
        told.contains("sync with a node that invites (Hub, last met 2027-01-12 08:00 UTC)"),
        "{told}"
    );
    assert!(told.contains("chaski issuer add NODE --root FILE"), "{told}");
    let of_hub = ground.reason(&met, std::slice::from_ref(&met)).unwrap();
    assert!(
        of_hub.contains("Hub renews it as soon as the two meet"),
        "{of_hub}"
    );
    let never = PeerInfo {
        last_seen_ms: 0,
        ..met.clone()
    };
    assert!(
        ground
            .own_warning(&[never])
            .unwrap()
            .contains("Hub, not met from here yet")
    );
    let revoked = PeerInfo { revoked: true, ..met };
    let told = ground.own_warning(&[revoked]).unwrap();
    assert!(
        told.contains("no other node may renew it") && told.contains("chaski issuer add"),
        "{told}"
    );
}

#[test]
fn why_nothing_flows_is_told_of_each_side_and_a_wrong_clock_is_not_told_as_a_grant() {
    let (good, over) = (Some(NOW_MS + 100 * DAY_MS), Some(NOW_MS - DAY_MS));
    let grant = Cause::Grant(over);
    let (here, there) = (
        |cause| Halt {
            starved: Side::Here,
            cause,
        },
        |cause| Halt {
            starved: Side::There,
            cause,
        },
    );
    let (year, year_ms) = (365 * DAY_MS as i64, 365 * DAY_MS);
    // This node's grant, the peer's, the peer's clock; what follows.
    type Row = (Option<u64>, Option<u64>, i64, Vec<Halt>);
    let rows: [Row; 10] = [
        (good, good, 0, vec![]),
        (None, None, year, vec![]),
        (good, over, 0, vec![there(grant)]),
        (over, good, 0, vec![here(grant)]),
        (over, over, 0, vec![here(grant), there(grant)]),
        (good, good, year, vec![here(Cause::Clock(year_ms))]),
        (over, over, -year, vec![there(Cause::Clock(year_ms))]),
        (good, Some(0), 0, vec![there(Cause::Grant(None))]),
        (over, over, year, vec![here(grant), there(grant)]),
        (good, over, -year, vec![there(Cause::Clock(year_ms))]),
    ];
    for (own, theirs, skew_ms, expected) in rows {
        let ground = ground(own);
        let peer = peer(NodeId([2; 32]), "Puno", theirs, skew_ms);
        let halts = ground.halts(&peer);
        assert_eq!(halts, expected, "{own:?} {theirs:?} {skew_ms}");
        assert_eq!(ground.reason(&peer, &[]).is_some(), !halts.is_empty());
        for halt in &halts {
            let report = ground.report(halt, &peer, &[]);
            assert_eq!(report.cause == "grant", matches!(halt.cause, Cause::Grant(_)));
            assert_eq!(report.given_nothing == "peer", halt.starved == Side::There);
            assert_eq!(report.cause == "clock", report.clock_ahead_ms.is_some());
            assert!(
                !report.remedy.is_empty() && report.text.contains("nothing"),
                "{report:?}"
            );
        }
        let revoked = PeerInfo {
            revoked: true,
            ..peer
        };
        assert_eq!(ground.halts(&revoked), [], "that is another reason");
    }
    // Whoever renews its own is given nothing only by a clock.
    let mut own = ground(over);
    own.membership.renews_itself = true;
    assert_eq!(own.halts(&peer(NodeId([2; 32]), "Puno", good, 0)), []);
}

#[test]
fn a_clock_that_is_ahead_is_told_of_the_node_that_has_it() {
    let over = Some(NOW_MS - DAY_MS);
    let behind = peer(NodeId([2; 32]), "Puno", over, -400 * DAY_MS as i64);
    for own in [over, Some(NOW_MS + 300 * DAY_MS)] {
        let told = ground(own).own_warning(std::slice::from_ref(&behind)).unwrap();
        assert!(
            told.starts_with("this node's clock is 400 days ahead of that of Puno"),
            "{told}"
        );
    }
    let far = Some(NOW_MS + 300 * DAY_MS);
    let right = peer(NodeId([2; 32]), "Puno", far, -400 * DAY_MS as i64);
    assert_eq!(ground(far).own_end(&[right]), None, "no grant is over by it");
    // A day is not told: clocks drift.
    let near = peer(NodeId([2; 32]), "Puno", over, -(DAY_MS as i64));
    assert_eq!(ground(far).own_end(&[near]), None);
}

#[test]
fn grants_of_peers_that_end_soon_are_told_the_nearest_first() {
    let (ground, hub) = of_clinic(None);
    let of = |number: u8, days: u64| {
        peer(
            NodeId([number; 32]),
            &format!("C{days}"),
            Some(NOW_MS + days * DAY_MS),
            0,
        )
    };
    assert_eq!(ground.peers_warning(&[of(2, 61)]), None);
    let peers = [of(2, 40), of(3, 7), of(4, 60), of(5, 61), of(6, 50)];
    let told = ground.peers_warning(&peers).unwrap();
    // Beside it stands that they hang on one issuer.
    assert_eq!(ground.warnings(&peers).len(), 2);
    assert!(
        told.contains("C7 in 7 days, C40 in 40 days, C50 in 50 days and 1 more;"),
        "{told:?}"
    );
    let itself = PeerInfo {
        node: hub,
        ..of(2, 7)
    };
    assert_eq!(ground.left_ms(&itself), None, "it renews its own");
    assert_eq!(
        ground.left_ms(&PeerInfo {
            revoked: true,
            ..of(2, 7)
        }),
        None
    );
    assert_eq!(
        ground.notes(&of(2, 7)),
        [PeerNote::GrantSoon {
            left_ms: 7 * DAY_MS,
            is_renewed_here: false
        }]
    );
}

#[test]
fn the_pages_tell_whether_a_peer_has_to_meet_somebody() {
    let (ground, hub) = of_clinic(None);
    let over = Some(NOW_MS - DAY_MS);
    for (node, renewal) in [(hub, Renewal::Itself), (NodeId([2; 32]), Renewal::Elsewhere)] {
        let note = PeerNote::GrantOver {
            since_ms: over,
            renewal,
        };
        assert_eq!(ground.notes(&peer(node, "X", over, 0)), [note]);
    }
}

#[test]
fn the_log_is_told_each_thing_once_and_again_a_day_later() {
    let ground = ground(Some(NOW_MS + 59 * DAY_MS));
    let over = peer(NodeId([2; 32]), "Puno", Some(NOW_MS - DAY_MS), 0);
    let mut lines = ground.lines(std::slice::from_ref(&over));
    assert!(lines.remove("issuer").is_some(), "{lines:?}");
    assert_eq!(lines.len(), 2, "{lines:?}");
    let logged = Logged::default();
    let start = Instant::now();
    assert_eq!(logged.news(lines.clone(), start).len(), 2);
    for after_s in [1, 30, 86_399] {
        let later = start + Duration::from_secs(after_s);
        assert_eq!(
            logged.news(lines.clone(), later),
            Vec::<String>::new(),
            "{after_s}"
        );
    }
    assert_eq!(logged.news(lines.clone(), start + LOG_AGAIN).len(), 2);
    // Renewed, and over again: that is news.
    let mut own = ground.lines(&[]);
    own.remove("issuer");
    assert_eq!(logged.news(own, start + LOG_AGAIN), Vec::<String>::new());
    assert_eq!(logged.news(lines, start + LOG_AGAIN).len(), 1);
}

#[test]
fn a_clock_known_to_be_ahead_says_nothing_for_sure_of_whom_it_never_met() {
    let over = Some(NOW_MS - DAY_MS);
    let behind = peer(NodeId([3; 32]), "Hub", None, -401 * DAY_MS as i64);
    let never = PeerInfo {
        last_seen_ms: 0,
        clock_skew_ms: None,
        ..peer(NodeId([2; 32]), "Puno", over, 0)
    };
    let peers = [behind, never.clone()];
    let ground = ground(None).seeing(&peers);
    let by_ms = 401 * DAY_MS;
    assert_eq!(
        ground.halts(&never),
        [Halt {
            starved: Side::There,
            cause: Cause::Clock(by_ms)
        }]
    );
    let told = ground.reason(&never, &peers).unwrap();
    assert!(
        told.contains("by this node's clock alone, which is 401 days ahead of that of Hub")
            && told.contains("not known")
            && !told.contains("when they met"),
        "{told}"
    );
    let is_met = false;
    assert_eq!(ground.notes(&never), [PeerNote::OwnClockAhead { by_ms, is_met }]);
    // That it ends soon seems so by this clock alone.
    let soon = PeerInfo {
        grant_ends_ms: Some(NOW_MS + DAY_MS),
        ..never.clone()
    };
    assert_eq!(ground.notes(&soon), []);
    // One wrong clock among several does not speak for them.
    let right = |byte: u8| peer(NodeId([byte; 32]), "right", None, 0);
    let most = [peers[0].clone(), right(4), right(5), never.clone()];
    let ground = self::ground(None).seeing(&most);
    assert_eq!(
        ground.halts(&never),
        [Halt {
            starved: Side::There,
            cause: Cause::Grant(over)
        }]
    );
}

#[test]
fn a_clock_set_back_is_told_from_what_it_has_noted_itself() {
    let mut met = peer(NodeId([2; 32]), "Puno", None, 0);
    for (noted_ms, told) in [
        (NOW_MS + 5 * 3_600_000, Some("stands 5 h behind")),
        (NOW_MS + 3 * DAY_MS, Some("stands 3 days behind")),
        (NOW_MS + BEHIND_TOLD_MS, None),
        (NOW_MS - DAY_MS, None),
    ] {
        met.last_seen_ms = noted_ms;
        let ground = ground(None).seeing(std::slice::from_ref(&met));
        let warned = ground.warnings(std::slice::from_ref(&met));
        let found = warned.iter().find(|warning| warning.contains("behind"));
        match told {
            Some(text) => assert!(found.is_some_and(|warning| warning.contains(text)), "{warned:?}"),
            None => assert_eq!(found, None),
        }
    }
    // The last entry says the same where nobody was ever met.
    let mut alone = ground(None);
    alone.noted_ms = NOW_MS + DAY_MS;
    assert!(alone.clock_warning().is_some());
    assert!(alone.lines(&[]).contains_key("own clock"));
}

#[test]
fn a_member_whose_name_turns_text_is_shown_without_it() {
    let store = founded();
    let key = store.signing_key().unwrap();
    let hub = setup::membership(&store).unwrap().unwrap();
    let mut trust = Trust::of(&store, hub.network).unwrap().as_ref().clone();
    let member = Member {
        node: CLINIC,
        name: "Posta\u{202e}onuP".into(),
        role: NodeRole::Clinic,
        site: "P\u{7}U".into(),
    };
    trust.issue(&store, &key, Statement::Member(member)).unwrap();
    let label = member::label(&store, &CLINIC.to_string()).unwrap();
    let (name, site) = ("Posta\u{fffd}onuP", Some("P\u{fffd}U"));
    assert_eq!((label.name.as_str(), label.site.as_deref()), (name, site));
    let info = setup::peers(&store).unwrap().remove(0).harmless();
    assert_eq!((info.name.as_str(), info.site.as_str()), (name, "P\u{fffd}U"));
}

#[test]
fn whoever_is_revoked_is_not_urged_to_do_what_only_a_member_can() {
    let (ground, hub) = of_clinic(Some(NOW_MS - DAY_MS));
    let mut hub = peer(hub, "Hub", None, 0);
    assert!(ground.own_end(std::slice::from_ref(&hub)).is_some());
    hub.problem = Some(REVOKED);
    let ground = ground.seeing(std::slice::from_ref(&hub));
    assert_eq!(ground.revoked_by(), Some("Hub"));
    let peers = [hub];
    assert_eq!((ground.own_end(&peers), ground.sole_issuer(&peers)), (None, None));
}

#[test]
fn who_hangs_on_one_issuer_is_told_so_when_its_grant_is_over_too() {
    let (ground, hub) = of_clinic(Some(NOW_MS - DAY_MS));
    let peers = [peer(hub, "Hub", None, 0)];
    let told = ground.sole_issuer_warning(&peers).unwrap();
    assert!(
        told.contains("one issuer alone, Hub: the grant of 1 node has ended, on 2027-01-14 08:00 UTC,")
            && told.contains("chaski issuer add"),
        "{told}"
    );
}

#[test]
fn of_whom_this_node_renews_the_page_says_that_it_does() {
    let (mut ground, hub) = of_clinic(None);
    ground.membership.node = hub;
    let over = peer(NodeId([2; 32]), "Puno", Some(NOW_MS - DAY_MS), 0);
    let renewal = Renewal::Here;
    let since_ms = Some(NOW_MS - DAY_MS);
    assert_eq!(ground.notes(&over), [PeerNote::GrantOver { since_ms, renewal }]);
    let soon = peer(NodeId([2; 32]), "Puno", Some(NOW_MS + DAY_MS), 0);
    let (left_ms, is_renewed_here) = (DAY_MS, true);
    let expected = PeerNote::GrantSoon {
        left_ms,
        is_renewed_here,
    };
    assert_eq!(ground.notes(&soon), [expected]);
}

#[test]
fn pages_are_told_what_the_engine_knows_of_peers() {
    let peer = |name: &str, total: u64| PeerInfo {
        grant_ends_ms: None,
        node: NodeId([1; 32]),
        name: name.into(),
        site: String::new(),
        role: "clinic".into(),
        last_seen_ms: 1,
        in_sync: false,
        connected: false,
        is_silent: false,
        enabled: true,
        revoked: false,
        first_sync: Some(chaski_net::FirstSync { received: 5, total }),
        records: total,
        addresses: Vec::new(),
        known: Vec::new(),
        contact: chaski_net::Contact::default(),
        problem: None,
        clock_skew_ms: Some(-7_200_000),
        quarantined: 3,
    };
    let never = PeerInfo {
        last_seen_ms: 0,
        first_sync: None,
        clock_skew_ms: None,
        quarantined: 0,
        ..peer("Puno", 0)
    };
    let infos = [peer("Juli", 10), never, peer("Hub", 20)];
    let shown = network::summaries(&ground(Some(NOW_MS + GRANT_WARN_MS + 1)), &infos, 1);
    let first = peers::first_sync(&infos);
    let of = |name: &str| shown.iter().find(|peer| peer.name == name).unwrap();
    assert_eq!(
        (of("Juli").clock_skew_ms, of("Juli").quarantined),
        (-7_200_000, 3)
    );
    assert_eq!(of("Juli").in_sync, Some(false));
    assert_eq!((of("Puno").last_seen_ms, of("Puno").in_sync), (None, None));
    let first = first.unwrap();
    assert_eq!((first.received, first.total), (5, 20));
}

#[test]
fn who_depends_on_one_issuer_alone_is_told_until_there_is_another() {
    let far_ms = NOW_MS + 300 * DAY_MS;
    let (mut ground, hub) = of_clinic(Some(far_ms));
    let mut hub_peer = peer(hub, "Hub", None, 0);
    let other = peer(NodeId([2; 32]), "clinic 2", Some(far_ms - DAY_MS), 0);
    let peers = [hub_peer.clone(), other.clone()];
    let told = ground.sole_issuer_warning(&peers).unwrap();
    // The first grant that ends counts, whosesoever it is.
    assert!(
        told.starts_with("one issuer alone, Hub: if it is lost, grants end from 2027-11-10 08:00 UTC on"),
        "{told}"
    );
    assert!(told.contains("`chaski issuer add NODE`"), "{told}");
    assert!(ground.warnings(&peers).contains(&told));
    assert_eq!(ground.lines(&peers).get("issuer"), Some(&told));
    // Of nodes that were revoked nobody is missed.
    let gone = PeerInfo {
        revoked: true,
        ..other
    };
    let told = ground.sole_issuer(&[hub_peer.clone(), gone]).unwrap();
    assert_eq!((told.node, told.ends_ms), (hub, far_ms));
    // As the issuer itself sees it; alone in its network it is told nothing.
    ground.membership.node = hub;
    ground.membership.grant_ends_ms = None;
    assert_eq!(ground.sole_issuer(&[]), None);
    let clinic = peer(CLINIC, "clinic 1", Some(far_ms), 0);
    let told = ground.sole_issuer_warning(std::slice::from_ref(&clinic)).unwrap();
    assert!(told.starts_with("one issuer alone, this node:"), "{told}");
    ground.membership.demo = true;
    assert_eq!(ground.sole_issuer(&[clinic]), None, "a demo's nobody can mend");
    // A second one that may renew the same ends it; one that may not renew them does not.
    let store = founded();
    let root = setup::root_key(&store).unwrap().unwrap();
    let root = ed25519_dalek::SigningKey::from_bytes(&root);
    let (mut ground, _) = of_clinic_in(&store, Some(far_ms));
    hub_peer.grant_ends_ms = Some(far_ms);
    let limited = Limits {
        roles: Some([NodeRole::Mobile].into()),
        sites: None,
    };
    let mut trust = ground.trust.as_ref().clone();
    for (limits, is_alone) in [(limited, true), (Limits::default(), false)] {
        let added = IssuerChange::Add(NodeId([2; 32]), limits);
        trust = trust.issuer_change(&root, &added).unwrap().unwrap();
        ground.trust = Arc::new(trust.clone());
        let mut other = peer(NodeId([2; 32]), "clinic 2", Some(far_ms), 0);
        other.contact.statements = trust.heard();
        let told = ground.sole_issuer(&[hub_peer.clone(), other]);
        assert_eq!(told.is_some(), is_alone, "{told:?}");
    }
}
