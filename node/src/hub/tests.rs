use chaski_net::{Contact, Health, Told};
use chaski_store::NodeId;

use super::*;

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
    ordered(infos, NOW_MS, stale_days)
        .into_iter()
        .map(|(info, is_stale)| site_report(&ground(), info, is_stale, NOW_MS))
        .collect()
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
            "ahead", "never", "year", "stuck", "week", "six", "one", "live", "revoked"
        ]
    );
    let stale: Vec<bool> = rows.iter().map(|row| row.stale).collect();
    assert_eq!(stale, [true, true, true, true, true, false, false, false, false]);
    let shown: Vec<String> = site_summaries(&ground(), &infos, NOW_MS)
        .into_iter()
        .map(|site| site.name)
        .collect();
    assert_eq!(shown, names, "the page and the command tell the same");
    let rows = report(infos, 1);
    assert_eq!(rows.iter().filter(|row| row.stale).count(), 7);
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
