//! Who has not synced: `chaski hub status` and the words that others use of peers that are away.

use std::time::Duration;

use chaski_tests::chaski::{Served, Site, two_clinics};
use serde_json::{Value, json};

fn person(number: u32) -> Value {
    json!({
        "resourceType": "Patient", "id": format!("0190f5a0-0000-7000-8000-0000000{number:05x}"),
        "name": [{"family": format!("Familia{number}"), "given": ["Inés"]}],
    })
}

/// `hub status --json` with its exit code.
fn hub_status(site: &Site, more: &[&str]) -> (i32, Value) {
    let mut args = vec!["hub", "status", "--json"];
    args.extend(more);
    let said = site.run(&args);
    (said.code, said.json())
}

/// What is told of a site.
fn of<'a>(report: &'a Value, name: &str) -> &'a Value {
    let sites = report["sites"].as_array().unwrap();
    let site = sites.iter().find(|site| site["name"] == json!(name));
    site.unwrap_or_else(|| panic!("no {name}: {report}"))
}

fn sync(from: &Site, to: &Served<'_>) -> Value {
    let (code, report) = from.sync(to);
    assert_eq!(code, 0, "{report}");
    report
}

#[test]
fn who_has_not_synced_is_told_first_by_a_node_that_runs_and_by_one_that_does_not() {
    let hub = Site::init("Hub");
    let mut served = hub.serve();
    let juli = Site::join("Juli", &hub.invite("clinic"));
    let _puno = Site::join("Puno", &hub.invite("mobile"));
    juli.put(&person(1)).ok();
    // Both have joined, and neither has synced.
    let (code, report) = hub_status(&hub, &[]);
    // Nobody is late: they joined a moment ago. A script is told that nothing has come of it yet.
    assert_eq!(
        (
            code,
            &report["stale"],
            &report["never_synced"],
            &report["stale_days"]
        ),
        (3, &json!(0), &json!(2), &json!(7))
    );
    let puno = of(&report, "Puno");
    assert_eq!(
        (&puno["standing"], &puno["stale"], &puno["reason"]),
        (&json!("away"), &json!(false), &json!("not_heard")),
        "it was heard when it joined, and has exchanged nothing"
    );
    assert!(puno["joined"].is_string() && puno["by_way"].is_null(), "{puno}");
    for unknown in [
        "last_in_sync",
        "backlog",
        "version",
        "conflicts",
        "disk_free_bytes",
        "told_at",
    ] {
        assert!(
            puno[unknown].is_null() && puno.get(unknown).is_some(),
            "{unknown}: {puno}"
        );
    }
    sync(&juli, &served);
    let (code, report) = hub_status(&hub, &[]);
    assert_eq!(
        (code, &report["well"], &report["never_synced"]),
        (0, &json!(true), &json!(1)),
        "Puno has not"
    );
    let names: Vec<&Value> = report["sites"]
        .as_array()
        .unwrap()
        .iter()
        .map(|site| &site["name"])
        .collect();
    assert_eq!(names, ["Puno", "Juli"]);
    let told = of(&report, "Juli").clone();
    assert_eq!(
        (&told["standing"], &told["stale"], &told["in_sync"]),
        (&json!("away"), &json!(false), &json!(false))
    );
    assert_eq!(
        (&told["backlog"], &told["records"], &told["conflicts"]),
        (&json!(0), &json!(1), &json!(0))
    );
    assert_eq!(
        (&told["quarantined"], &told["awaiting"], &told["disk_full"]),
        (&json!(0), &json!(0), &json!(false))
    );
    assert_eq!(told["version"], json!(env!("CARGO_PKG_VERSION")));
    assert!(told["disk_free_bytes"].as_u64().unwrap() > 0 && told["last_in_sync"].is_string());
    assert!(
        told["bytes_in"].as_u64().unwrap() > 300 && told["bytes_out"].as_u64().unwrap() > 100,
        "{told}"
    );
    assert!(told["clock_skew_ms"].as_i64().unwrap().abs() < 60_000);
    // What is entered here since is not there.
    hub.put(&person(2)).ok();
    assert_eq!(of(&hub_status(&hub, &[]).1, "Juli")["backlog"], json!(1));
    let text = hub.run(&["hub", "status"]).ok();
    let lines: Vec<&str> = text.out.lines().collect();
    assert!(
        lines[0].starts_with("NAME") && lines[1].starts_with("Puno") && lines[2].starts_with("Juli"),
        "{text:?}"
    );
    assert!(
        lines[1].contains("away") && lines[1].contains("never") && lines[2].contains("≤ 1"),
        "{text:?}"
    );
    assert!(
        text.err.contains("1 of 2 sites joined and never synced yet")
            && !text.err.contains("not synced for")
            && !text.err.contains("No node is running"),
        "{text:?}"
    );
    // The clinic knows the same of the hub.
    let (code, report) = hub_status(&juli, &[]);
    assert_eq!(code, 0, "what Puno writes comes by way of the hub");
    assert_eq!(of(&report, "Puno")["by_way"], json!("Hub"), "{report}");
    assert_eq!(of(&report, "Puno")["stale"], json!(false));
    // As it said when they met, before it had the record; on a busy machine the sync may end before it has said so.
    let records = &of(&report, "Hub")["records"];
    assert!(records.is_null() || *records == json!(0), "{report}");
    assert_eq!(of(&report, "Puno")["standing"], json!("never_met"));
    // Without a running node: from the directory.
    served.child.terminate();
    drop(served);
    let (code, report) = hub_status(&hub, &[]);
    assert_eq!((code, &report["running"]), (0, &json!(false)));
    let text = hub.run(&["hub", "status"]).ok();
    assert!(
        text.err.contains("No node is running on this directory"),
        "{text:?}"
    );
    let stopped = of(&report, "Juli");
    for kept in [
        "version",
        "records",
        "bytes_in",
        "bytes_out",
        "told_at",
        "last_in_sync",
    ] {
        assert_eq!(stopped[kept], told[kept], "{kept}");
    }
    assert_eq!(stopped["backlog"], json!(1));
}

#[test]
fn once_all_have_synced_a_script_is_told_so_by_the_exit_code() {
    let (a, b) = two_clinics();
    let served = a.serve();
    assert_eq!(hub_status(&a, &[]).0, 3);
    sync(&b, &served);
    assert_eq!(hub_status(&a, &[]).0, 0);
    assert_eq!(hub_status(&b, &["--stale-days", "1"]).0, 0);
    let said = a.run(&["hub", "status"]).ok();
    assert!(said.out.contains("Clinic B") && said.err.is_empty(), "{said:?}");
    assert!(
        said.out.contains("ADDRESSES") && said.out.contains("RECORDS"),
        "{said:?}"
    );
    a.run(&["hub", "status", "--stale-days", "0"]).expect(2);
}

#[test]
fn a_sync_in_which_nothing_changed_stays_within_six_kilobytes_and_two_round_trips() {
    let (a, b) = two_clinics();
    let served = a.serve();
    b.put(&person(1)).ok();
    sync(&b, &served);
    // On a busy machine packets are sent again that nobody lost: the cheapest of a few counts.
    let reports: Vec<Value> = (0..5).map(|_| sync(&b, &served)).collect();
    let least = |what: &str| reports.iter().map(|report| report[what].as_u64().unwrap()).min();
    assert!(least("wire_bytes") <= Some(6 * 1024), "{reports:?}");
    assert!(least("round_trips") <= Some(2), "{reports:?}");
    assert_eq!(of(&hub_status(&a, &[]).1, "Clinic B")["records"], json!(1));
    assert_eq!(of(&hub_status(&b, &[]).1, "Clinic A")["records"], json!(1));
}

#[test]
fn of_a_peer_that_is_away_nothing_is_said_in_the_present() {
    let (a, b) = two_clinics();
    let served = a.serve();
    b.put(&person(1)).ok();
    sync(&b, &served);
    let peer = |site: &Site| site.status()["peers"][0].clone();
    let away = peer(&b);
    assert_eq!(
        (&away["in_sync"], &away["standing"]),
        (&json!(false), &json!("away"))
    );
    let then = away["last_in_sync"].as_str().unwrap().to_owned();
    let said = b.run(&["peer", "list"]).ok();
    let read = format!("was in sync at {} {} UTC", &then[..10], &then[11..16]);
    assert!(said.out.contains(&read), "{said:?}");
    // Whoever lives elsewhere reads it in the time of there.
    let mut elsewhere = b.command(&["peer", "list"]);
    let said = chaski_tests::chaski::Said::from(elsewhere.env("TZ", "Asia/Kathmandu").output().unwrap()).ok();
    assert!(
        said.out.contains(" +05:45") && !said.out.contains("UTC"),
        "{said:?}"
    );
    assert!(!said.out.contains("  in sync"), "{said:?}");
    // Two that run and are connected are in sync now.
    let also = b.serve();
    also.child
        .wait_until("both to be connected", || peer(&b)["in_sync"] == json!(true));
    assert_eq!(peer(&b)["standing"], json!("connected"));
    assert!(b.run(&["peer", "list"]).ok().out.contains("  in sync"));
    served.child.wait_until("the other to see it too", || {
        let told = hub_status(&a, &[]).1;
        of(&told, "Clinic B")["in_sync"] == json!(true)
    });
    drop(also);
    // It was killed: the connection ends when the other end is found to be silent; nothing answers a sync.
    drop(served);
    let also = b.serve();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(peer(&b)["in_sync"], json!(false));
    drop(also);
}
