use std::slice::from_ref;

use chaski_net::{Contact, Health, Told};
use chaski_store::NodeId;

use super::*;
use crate::grants::tests::REVOKED;
use crate::{network, peers};

const NOW_MS: u64 = 1_800_000_000_000;

/// A peer that is connected, heard and in sync.
fn peer(name: &str) -> PeerInfo {
    PeerInfo {
        known: Vec::new(),
        node: NodeId([name.as_bytes()[0]; 32]),
        name: name.into(),
        site: String::new(),
        role: "clinic".into(),
        last_seen_ms: NOW_MS - 1_000,
        in_sync: true,
        connected: true,
        is_silent: false,
        enabled: true,
        revoked: false,
        first_sync: None,
        records: 0,
        addresses: Vec::new(),
        problem: None,
        clock_skew_ms: Some(5),
        quarantined: 0,
        grant_ends_ms: None,
        contact: Contact {
            in_sync_ms: NOW_MS - 1_000,
            backlog: Some(0),
            statements: 0,
            clock_ms: NOW_MS - 90_000,
            file_ms: 0,
            bytes_out: 7,
            bytes_in: 8,
            told: Some(Told {
                at_ms: NOW_MS - 60_000,
                health: Health {
                    version: "0.1.0".into(),
                    disk_free_bytes: Some(9),
                    records: 3,
                    ..Health::default()
                },
            }),
        },
    }
}

/// One that was last heard and in sync so many days ago.
fn away(name: &str, heard_days: u64, in_sync_days: u64) -> PeerInfo {
    let mut away = peer(name);
    away.connected = false;
    away.last_seen_ms = NOW_MS - heard_days * DAY_MS;
    away.contact.in_sync_ms = NOW_MS - in_sync_days * DAY_MS;
    away
}

fn never_met(name: &str) -> PeerInfo {
    PeerInfo {
        last_seen_ms: 0,
        in_sync: false,
        connected: false,
        clock_skew_ms: None,
        contact: Contact::default(),
        ..peer(name)
    }
}

fn ground() -> Ground {
    crate::grants::tests::ground(None)
}

fn report(infos: Vec<PeerInfo>, stale_days: u32) -> Vec<SiteReport> {
    report_by(&ground(), infos, stale_days)
}

fn report_by(ground: &Ground, infos: Vec<PeerInfo>, stale_days: u32) -> Vec<SiteReport> {
    ordered(ground, infos, NOW_MS, stale_days)
        .into_iter()
        .map(|row| site_report(ground, row, NOW_MS))
        .collect()
}

/// The key of a peer made by [`peer`].
fn key(name: &str) -> NodeId {
    peer(name).node
}

#[test]
fn who_has_not_synced_stands_first_the_longest_at_the_top_and_nobody_is_left_out() {
    let mut revoked = away("revoked", 300, 300);
    revoked.revoked = true;
    let mut ahead = away("ahead", 0, 0);
    (ahead.last_seen_ms, ahead.contact.in_sync_ms) = (NOW_MS + DAY_MS, NOW_MS + DAY_MS);
    // Heard each day, and yet not in sync for eight: that is no sync.
    let mut stuck = away("stuck", 0, 8);
    (stuck.connected, stuck.in_sync) = (true, false);
    let infos = vec![
        peer("live"),
        revoked,
        away("week", 7, 7),
        away("six", 6, 6),
        stuck,
        never_met("never"),
        ahead,
        away("year", 365, 365),
        away("one", 1, 1),
    ];
    let count = infos.len();
    let rows = report(infos.clone(), 7);
    assert_eq!(rows.len(), count);
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "ahead", "year", "stuck", "week", "never", "six", "one", "live", "revoked"
        ]
    );
    let stale: Vec<bool> = rows.iter().map(|row| row.stale).collect();
    assert_eq!(stale, [true, true, true, true, false, false, false, false, false]);
    let shown: Vec<String> = site_summaries(&ground(), &infos, NOW_MS)
        .into_iter()
        .map(|site| site.name)
        .collect();
    assert_eq!(shown, names, "the page and the command tell the same");
    let rows = report(infos, 1);
    assert_eq!(rows.iter().filter(|row| row.stale).count(), 6);
}

#[test]
fn who_has_just_joined_is_not_late_and_who_joined_long_ago_and_never_synced_is() {
    let joined = [
        ("old", 8 * DAY_MS),
        ("week", 7 * DAY_MS),
        ("six", 6 * DAY_MS),
        ("new", 13_000),
    ];
    let members = joined.map(|(name, ago_ms)| (key(name), NOW_MS - ago_ms));
    let ground = crate::grants::tests::joined("hub", &members);
    let infos: Vec<PeerInfo> = ["new", "old", "six", "week", "unknown"].map(never_met).into();
    let rows = report_by(&ground, infos.clone(), 7);
    let told: Vec<(&str, bool)> = rows.iter().map(|row| (row.name.as_str(), row.stale)).collect();
    assert_eq!(
        told,
        [
            ("old", true),
            ("week", true),
            ("unknown", false),
            ("six", false),
            ("new", false)
        ]
    );
    assert_eq!(
        rows[4].joined,
        Some(time_text(NOW_MS - 13_000)),
        "renewals change nothing"
    );
    assert_eq!(rows[2].joined, None);
    let shown = site_summaries(&ground, &infos, NOW_MS);
    let joined_ms: Vec<Option<u64>> = shown.iter().map(|site| site.joined_ms).collect();
    assert_eq!(
        (joined_ms[0], joined_ms[4]),
        (Some(NOW_MS - 8 * DAY_MS), Some(NOW_MS - 13_000))
    );
    assert!(shown[0].is_stale && !shown[4].is_stale);
}

#[test]
fn what_comes_by_way_of_another_is_no_alarm_on_a_spoke_and_is_one_on_a_hub() {
    let members = ["sibling", "x"].map(|name| (key(name), NOW_MS - 30 * DAY_MS));
    let of = |role: &str, infos: &[PeerInfo]| {
        let ground = crate::grants::tests::joined(role, &members);
        let rows = report_by(&ground, infos.to_vec(), 7);
        let sibling = rows.into_iter().find(|row| row.name == "sibling").unwrap();
        (sibling.stale, sibling.by_way)
    };
    let mut hub = away("hub", 1, 1);
    let network = [hub.clone(), never_met("sibling")];
    assert_eq!(of("clinic", &network), (false, Some("hub".into())));
    assert_eq!(of("hub", &network), (true, None), "a hub is to meet all");
    // That one is out of reach itself is the trouble, and stands for all that comes by way of it.
    let far = [away("hub", 8, 8), never_met("sibling")];
    assert_eq!(of("clinic", &far), (false, Some("hub".into())));
    // Nor of one that has turned this node out.
    let mut turned = hub.clone();
    turned.problem = Some(REVOKED);
    assert_eq!(of("clinic", &[turned, never_met("sibling")]), (true, None));
    // One that was let in here, or heard, is awaited here, unless there is a hub.
    let mut heard = never_met("sibling");
    heard.last_seen_ms = NOW_MS - 20 * DAY_MS;
    assert_eq!(of("clinic", &[hub.clone(), heard.clone()]), (true, None));
    hub.role = "hub".into();
    assert_eq!(of("clinic", &[hub, heard]), (false, Some("hub".into())));
}

#[test]
fn what_will_part_two_that_are_in_sync_is_told_while_they_still_are() {
    let mut info = peer("p");
    info.grant_ends_ms = Some(NOW_MS - DAY_MS);
    info.clock_skew_ms = Some(-2 * i64::try_from(DAY_MS).unwrap());
    let row = report(vec![info.clone()], 7).remove(0);
    assert_eq!(
        (row.in_sync, row.reason.as_deref()),
        (true, Some("own_clock_ahead"))
    );
    let shown = site_summaries(&ground(), &[info], NOW_MS).remove(0);
    let by_ms = 2 * DAY_MS;
    let is_met = true;
    let halted = SiteReason::Halted(PeerNote::OwnClockAhead { by_ms, is_met });
    assert_eq!((shown.is_in_sync, shown.reason), (true, Some(halted)));
    assert_eq!(shown.notes, [], "told once");
}

#[test]
fn a_site_of_which_a_file_told_is_said_to_be_heard_by_it_and_its_clock_is_as_it_was_compared() {
    let mut info = away("p", 0, 0);
    info.last_seen_ms = NOW_MS - 5_000;
    let told = |info: &PeerInfo| {
        let row = report(vec![info.clone()], 7).remove(0);
        let shown = site_summaries(&ground(), from_ref(info), NOW_MS).remove(0);
        let listed = network::report(&ground(), info.clone(), &[]);
        let summary = network::summaries(&ground(), from_ref(info), NOW_MS).remove(0);
        assert_eq!(row.last_heard_by_file, shown.is_heard_by_file);
        assert_eq!(row.last_heard_by_file, listed.last_seen_by_file);
        assert_eq!(row.last_heard_by_file, summary.is_seen_by_file);
        assert_eq!(row.clock_compared, shown.clock_ms.map(time_text));
        (shown.is_heard_by_file, shown.clock_ms)
    };
    // What it says of itself says its time too.
    assert_eq!(told(&info), (false, Some(NOW_MS - 60_000)));
    info.contact.file_ms = NOW_MS - 5_000;
    assert_eq!(told(&info), (true, Some(NOW_MS - 60_000)));
    info.contact.told = None;
    assert_eq!(told(&info), (true, Some(NOW_MS - 90_000)));
    // Heard itself since.
    info.last_seen_ms = NOW_MS - 4_000;
    assert!(!told(&info).0);
    (info.last_seen_ms, info.connected) = (NOW_MS - 5_000, true);
    info.contact.clock_ms = 0;
    assert_eq!(told(&info), (false, None));
}

#[test]
fn a_node_that_was_revoked_reads_so_wherever_it_looks() {
    let mut away = away("hub", 0, 0);
    away.problem = Some(REVOKED);
    let row = report(vec![away.clone()], 7).remove(0);
    assert_eq!(
        (row.reason.as_deref(), row.says_revoked),
        (Some("revoked_here"), true)
    );
    let shown = site_summaries(&ground(), &[away.clone()], NOW_MS).remove(0);
    assert_eq!(shown.reason, Some(SiteReason::RevokedHere));
    assert!(network::report(&ground(), away, &[]).says_revoked);
}

#[test]
fn every_door_tells_addresses_site_and_grants_and_of_the_revoked_none() {
    let mut info = peer("p");
    info.site = "PU".into();
    info.grant_ends_ms = Some(NOW_MS + DAY_MS);
    info.addresses = vec!["10.0.0.1:1".into()];
    info.known = [
        ("10.0.0.1:1", AddressFrom::Told),
        ("10.0.0.2:2", AddressFrom::Through("x".into())),
    ]
    .map(|(address, from)| KnownAddress {
        address: address.into(),
        from,
    })
    .into();
    let row = report(vec![info.clone()], 7).remove(0);
    assert_eq!((row.known_addresses.len(), row.grant_ends_soon), (2, true));
    assert_eq!(row.known_addresses[1].through.as_deref(), Some("x"));
    assert_eq!(row.told_seconds, Some(60));
    let listed = network::report(&ground(), info.clone(), &[]);
    assert_eq!((listed.site.as_str(), listed.addresses.len()), ("PU", 2));
    let shown = site_summaries(&ground(), &[info.clone()], NOW_MS).remove(0);
    let (left_ms, is_renewed_here) = (DAY_MS, false);
    let soon = PeerNote::GrantSoon {
        left_ms,
        is_renewed_here,
    };
    assert_eq!(shown.notes, [soon]);
    info.revoked = true;
    let row = report(vec![info], 7).remove(0);
    assert_eq!(
        (row.known_addresses.len(), row.backlog, row.grant_ends_soon),
        (0, None, false)
    );
}

#[test]
fn in_sync_is_told_of_now_and_of_nothing_else() {
    let rows = report(vec![peer("live"), away("away", 200, 200)], 7);
    let of = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
    let live = of("live");
    assert_eq!(
        (live.standing.as_str(), live.connected, live.in_sync),
        ("connected", true, true)
    );
    assert_eq!((live.reason.as_deref(), live.last_heard_seconds), (None, Some(1)));
    let away = of("away");
    assert_eq!(
        (away.standing.as_str(), away.connected, away.in_sync),
        ("away", false, false)
    );
    assert_eq!(away.last_in_sync_seconds, Some(200 * 86_400));
    let mut dead = peer("dead");
    dead.last_seen_ms = NOW_MS - 80_000;
    let dead = report(vec![dead], 7).remove(0);
    assert_eq!(
        (dead.standing.as_str(), dead.connected, dead.in_sync),
        ("silent", false, false)
    );
    assert_eq!(
        (dead.last_heard_seconds, dead.reason.as_deref()),
        (Some(80), Some("not_heard"))
    );
    // The same at the other doors.
    let mut dead = peer("dead");
    dead.last_seen_ms = chaski_store::SystemEnv.now_ms() - 80_000;
    let told = network::report(&ground(), dead, &[]);
    assert_eq!((told.in_sync, told.standing.as_str()), (false, "silent"));
    let mut revoked = peer("revoked");
    (revoked.revoked, revoked.last_seen_ms) = (true, chaski_store::SystemEnv.now_ms());
    let told = network::report(&ground(), revoked, &[]);
    assert_eq!((told.in_sync, told.standing.as_str()), (false, "revoked"));
}

#[test]
fn what_is_not_known_is_null() {
    let row = report(vec![never_met("never")], 7).remove(0);
    let json = serde_json::to_value(&row).unwrap();
    for name in [
        "last_heard",
        "last_heard_seconds",
        "last_in_sync",
        "last_in_sync_seconds",
        "backlog",
        "clock_skew_ms",
        "grant_ends",
        "told_at",
        "version",
        "conflicts",
        "quarantined",
        "awaiting",
        "records",
        "disk_free_bytes",
        "disk_full",
    ] {
        assert!(json.as_object().unwrap().contains_key(name), "{name}");
        assert!(json[name].is_null(), "{name}: {json}");
    }
    let known = serde_json::to_value(report(vec![peer("live")], 7).remove(0)).unwrap();
    let told = [
        ("version", serde_json::json!("0.1.0")),
        ("conflicts", serde_json::json!(0)),
        ("records", serde_json::json!(3)),
        ("disk_free_bytes", serde_json::json!(9)),
        ("disk_full", serde_json::json!(false)),
        ("bytes_out", serde_json::json!(7)),
        ("bytes_in", serde_json::json!(8)),
        ("backlog", serde_json::json!(0)),
    ];
    for (name, value) in told {
        assert_eq!(known[name], value, "{name}");
    }
}

#[test]
fn a_site_that_is_not_in_sync_says_why_as_far_as_it_is_known() {
    fn told(info: &mut PeerInfo) -> &mut Health {
        &mut info.contact.told.as_mut().unwrap().health
    }
    type Change = fn(&mut PeerInfo);
    let cases: [(&str, Change); 12] = [
        ("at_work", |info| info.in_sync = false),
        ("not_heard", |info| info.connected = false),
        ("not_heard", |info| info.last_seen_ms = NOW_MS - 60_000),
        ("revoked", |info| info.revoked = true),
        ("grant_over", |info| {
            (info.in_sync, info.grant_ends_ms) = (false, Some(NOW_MS))
        }),
        // By this node's clock alone, which is ahead: the clock is named, as in `peer list`.
        ("own_clock_ahead", |info| {
            (info.in_sync, info.grant_ends_ms) = (false, Some(NOW_MS - DAY_MS));
            info.clock_skew_ms = Some(-2 * i64::try_from(DAY_MS).unwrap());
        }),
        ("clock", |info| {
            (info.connected, info.last_seen_ms) = (false, NOW_MS + 1)
        }),
        ("disk_full", |info| {
            (info.in_sync, told(info).is_full) = (false, true)
        }),
        ("quarantined_here", |info| {
            (info.in_sync, info.quarantined) = (false, 1)
        }),
        ("quarantined", |info| {
            (info.in_sync, told(info).quarantined) = (false, 1)
        }),
        ("awaiting", |info| {
            (info.in_sync, told(info).awaiting) = (false, 1)
        }),
        ("never_met", |info| *info = never_met("n")),
    ];
    for (reason, change) in cases {
        let mut info = peer("p");
        change(&mut info);
        let row = report(vec![info], 7).remove(0);
        assert_eq!(row.reason.as_deref(), Some(reason));
        assert!(!row.in_sync, "{reason}");
    }
}

#[test]
fn a_lost_hub_stands_first_and_whom_it_stands_for_last() {
    let names = ["hub", "met", "late", "x", "y", "z"];
    let members = names.map(|name| (key(name), NOW_MS - 30 * DAY_MS));
    let ground = crate::grants::tests::joined("clinic", &members);
    let mut hub = away("hub", 8, 8);
    hub.role = "hub".into();
    let mut heard = never_met("y");
    heard.last_seen_ms = NOW_MS - 20 * DAY_MS;
    let mut gone = away("z", 100, 100);
    gone.revoked = true;
    let infos = vec![
        never_met("x"),
        gone,
        heard,
        away("met", 1, 1),
        away("late", 9, 9),
        hub.clone(),
    ];
    let rows = report_by(&ground, infos.clone(), 7);
    let told: Vec<(&str, bool)> = rows.iter().map(|row| (row.name.as_str(), row.stale)).collect();
    // One that this node met yesterday is fresh, and hands on what the others have.
    assert_eq!(
        told,
        [
            ("hub", true),
            ("late", true),
            ("met", false),
            ("y", false),
            ("x", false),
            ("z", false)
        ]
    );
    assert!(rows[3].by_way.is_some() && rows[4].by_way.is_some());
    let first_page: Vec<String> = in_order(&ground, &infos, NOW_MS)
        .into_iter()
        .map(|info| info.name)
        .collect();
    assert_eq!(first_page, ["hub", "late", "met", "y", "x", "z"]);
    // Of those in order a clinic's hub stands first too, whoever was heard longer ago.
    let mut near = hub;
    (near.last_seen_ms, near.contact.in_sync_ms) = (NOW_MS - 1_000, NOW_MS - 1_000);
    let rows = report_by(&ground, vec![away("met", 6, 6), near], 7);
    assert_eq!(rows[0].name, "hub");
}

#[test]
fn what_stops_a_site_that_comes_by_way_of_another_is_told_of_it_too() {
    let members = [(key("x"), NOW_MS - 30 * DAY_MS)];
    let ground = crate::grants::tests::joined("clinic", &members);
    let mut over = never_met("x");
    over.grant_ends_ms = Some(NOW_MS - DAY_MS);
    let mut hub = away("hub", 0, 0);
    hub.role = "hub".into();
    let row = |infos: Vec<PeerInfo>| {
        let rows = report_by(&ground, infos, 7);
        rows.into_iter().find(|row| row.name == "x").unwrap()
    };
    let told = row(vec![hub.clone(), over.clone()]);
    assert_eq!(
        (told.reason.as_deref(), told.by_way.as_deref()),
        (Some("grant_over"), Some("hub"))
    );
    assert_eq!(
        row(vec![hub, never_met("x")]).reason.as_deref(),
        Some("never_met")
    );
    // By this node's clock alone: the clock is named.
    let mut far = away("hub", 0, 0);
    far.clock_skew_ms = Some(-400 * i64::try_from(DAY_MS).unwrap());
    let infos = vec![far, over];
    let ground = crate::grants::tests::ground(None).seeing(&infos);
    let rows = report_by(&ground, infos, 7);
    let told = rows.into_iter().find(|row| row.name == "x").unwrap();
    assert_eq!(told.reason.as_deref(), Some("own_clock_ahead"));
}

#[test]
fn that_sites_or_this_one_have_not_synced_for_long_is_told_and_counted_as_on_the_page_of_all() {
    let lag = |infos: &[PeerInfo]| Lag::of(&ground(), infos, NOW_MS);
    assert_eq!(lag(&[]), Lag::default());
    assert_eq!(lag(&[peer("a"), never_met("n")]).warning(), None);
    let late = [peer("a"), away("b", 9, 9), away("c", 8, 8)];
    assert_eq!(
        lag(&late).warning().unwrap(),
        "2 of 3 sites have not synced for 7 days: see `chaski hub status`"
    );
    let shown = site_summaries(&ground(), &late, NOW_MS);
    assert_eq!(
        shown.iter().filter(|site| site.is_stale).count() as u64,
        lag(&late).stale
    );
    let one = lag(&[peer("a"), away("b", 9, 9)]).warning().unwrap();
    assert!(one.starts_with("1 of 2 sites has not"), "{one}");
    // Nobody was heard for so long.
    let alone = lag(&[away("b", 9, 9), away("c", 8, 8), never_met("n")]);
    assert_eq!((alone.silent_ms, alone.stale), (Some(8 * DAY_MS), 2));
    let told = alone.warning().unwrap();
    assert!(
        told.starts_with("this node has exchanged nothing with any other for 8 days"),
        "{told}"
    );
    assert_eq!(lag(&[away("b", 6, 8)]).silent_ms, None, "it was heard");
    // By times ahead of the clock nothing is said: the clock is.
    let mut ahead = away("b", 9, 9);
    ahead.last_seen_ms = NOW_MS + DAY_MS;
    assert_eq!(lag(&[ahead, away("c", 8, 8)]).silent_ms, None);
    let mut gone = away("b", 9, 9);
    gone.problem = Some(REVOKED);
    let turned = [gone];
    let revoked = ground().seeing(&turned);
    assert_eq!(
        Lag::of(&revoked, &turned, NOW_MS),
        Lag::default(),
        "that is another trouble"
    );
}

#[test]
fn nodes_of_one_name_are_told_apart_by_as_much_of_their_keys_as_commands_take() {
    let mut near = [7; 32];
    near[31] = 8;
    let nodes = [NodeId([1; 32]), NodeId([7; 32]), NodeId(near), NodeId([9; 32])];
    let names = ["Hub", "Posta", " posta", "Puno"];
    let marks = peers::marks(nodes.into_iter().zip(names).collect());
    assert_eq!(marks.len(), 2, "{marks:?}");
    for node in [nodes[1], nodes[2]] {
        let mark = &marks[&node];
        assert!(mark.len() >= 8);
        let named: Vec<NodeId> = nodes
            .into_iter()
            .filter(|node| node.to_string().starts_with(mark))
            .collect();
        assert_eq!(named, [node]);
    }
    let marks = peers::marks(vec![(nodes[0], "Posta"), (nodes[1], "Posta")]);
    assert!(marks.values().all(|mark| mark.len() == 8));
    let mut twin = peer("p");
    twin.node = NodeId([200; 32]);
    let shown = site_summaries(&ground(), &[peer("p"), twin], NOW_MS);
    assert!(shown.iter().all(|site| site.mark.is_some()), "{shown:?}");
}
