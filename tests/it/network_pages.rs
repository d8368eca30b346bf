//! What the pages about the network say beside the commands: by whose clock, of whom that is gone, and in which words.

use std::time::{Duration, Instant};

use chaski_tests::at::{library, site_at};
use chaski_tests::chaski::{Said, Served, Site, chaski, two_clinics};
use chaski_tests::http::Http;
use serde_json::{Value, json};

use crate::parcels::{Visitor, hidden};

fn person(number: u32) -> Value {
    json!({"resourceType": "Patient", "id": format!("0190f5a0-0000-7000-8000-0000000{number:05x}"),
        "name": [{"family": format!("Familia{number}")}]})
}

fn visitor(served: &Served<'_>) -> Visitor {
    Visitor::sign_in(served, &["administrator", "clinician"])
}

pub fn page(visitor: &Visitor, path: &str) -> String {
    let answer = visitor.send("GET", path, "", b"").expect(200);
    // Without the marks of direction that stand round a sentence's parts.
    answer.body.replace(['\u{2068}', '\u{2069}'], "")
}

/// A site served in a zone, at another time where one is given.
fn served_in<'a>(site: &'a Site, zone: &str, time: Option<&str>) -> Served<'a> {
    let (http, quic) = (
        format!("127.0.0.1:{}", site.http),
        format!("127.0.0.1:{}", site.quic),
    );
    let args = ["serve", "--http", &http, "--quic", &quic];
    let mut command = match time {
        Some(time) => site_at(site, time, &args),
        None => site.command(&args),
    };
    command.env("TZ", zone);
    site.serve_by(command)
}

#[test]
fn the_clinics_clock_is_the_machines_and_a_newborn_of_today_is_registered_east_of_greenwich() {
    let site = Site::init("Posta");
    // It is the day after, there, at any hour of Greenwich.
    let served = served_in(&site, "XXX-23:59", None);
    let visitor = visitor(&served);
    let form = page(&visitor, "/patients/new");
    let tomorrow = {
        let zone = jiff::tz::TimeZone::posix("XXX-23:59").unwrap();
        zone.to_datetime(jiff::Timestamp::now()).date()
    };
    let filled = format!(
        "csrf={}&draft_id={}&given=Asha&family=Gurung&sex=female&birth_date={tomorrow}",
        hidden(&form, "csrf"),
        hidden(&form, "draft_id"),
    );
    let answer = visitor.post("/patients", &filled);
    assert!(!answer.body.contains("future"), "{}", answer.body);
    assert_eq!(answer.status, 303, "{}", answer.body);
}

#[test]
fn times_are_told_in_the_machines_zone_and_where_it_can_not_be_read_that_is_said() {
    let site = Site::init("Posta");
    let served = served_in(&site, "Asia/Kathmandu", None);
    let status = site.status();
    assert_eq!(status["zone"], json!("Asia/Kathmandu"), "{status}");
    assert!(page(&visitor(&served), "/").contains("Asia/Kathmandu"));
    drop(served);
    let served = served_in(&site, "Nowhere/Atall", None);
    let status = site.status();
    assert!(status["zone"].is_null(), "{status}");
    let warnings = status["warnings"].to_string();
    assert!(
        warnings.contains("this machine's zone could not be read"),
        "{warnings}"
    );
    let page = page(&visitor(&served), "/");
    assert!(page.contains("time zone could not be read"), "{page}");
}

#[test]
fn the_clinics_zone_comes_before_the_machines_and_reaches_searches_and_commands() {
    let site = Site::init("Posta");
    let said = site.run(&["status", "--zone", "Asia/Manilla"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.err.contains("\"Asia/Manilla\"") && said.err.contains("such as Asia/Manila"),
        "{said:?}"
    );
    let config = site.home.path().join("chaski.toml");
    std::fs::write(&config, "zone = \"Asia/Manila\"\n").unwrap();
    let (http, quic) = (
        format!("127.0.0.1:{}", site.http),
        format!("127.0.0.1:{}", site.quic),
    );
    let args = [
        "serve",
        "--http",
        &http,
        "--quic",
        &quic,
        "--config",
        config.to_str().unwrap(),
    ];
    let mut command = site.command(&args);
    command.env("TZ", "America/Lima");
    let served = site.serve_by(command);
    assert_eq!(site.status()["zone"], json!("Asia/Manila"));
    assert!(page(&visitor(&served), "/").contains("Asia/Manila"));
    let http = Http::new(&served.base(), &served.token(&["clinician"]));
    // Two moments of the 29th there, one of the 28th, and the 29th itself.
    for at in [
        "2026-11-28T22:24:00Z",
        "2026-11-29T15:59:59Z",
        "2026-11-28T15:59:59Z",
        "2026-11-29",
    ] {
        let made = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "effectiveDateTime": at});
        assert_eq!(http.post("/fhir/Observation", &made).status, 201);
    }
    for (query, count) in [
        ("date=2026-11-29", 3),
        ("date=2026-11-28", 1),
        ("date=lt2026-11-29", 1),
        ("date=ge2026-11-29", 3),
        ("date=2026-11-29T06:24", 1),
        ("date=2026-11-28T22:24Z", 1),
    ] {
        let answer = http.get(&format!("/fhir/Observation?_summary=count&{query}"));
        let found: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(found["total"], json!(count), "{query}");
    }
}

#[test]
fn who_is_taken_out_of_the_network_reads_so_at_once_on_both_sides_and_at_every_door() {
    let (a, b) = two_clinics();
    let served = a.serve();
    assert_eq!(b.sync(&served).0, 0);
    let here = visitor(&served);
    // Nothing is connected: the revocation moves no record and no link.
    a.run(&["peer", "revoke", "Clinic B"]).ok();
    let started = Instant::now();
    served.child.wait_until("the page to say so", || {
        page(&here, "/hub").contains("</svg>Taken out of the network<")
    });
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    let home = page(&here, "/");
    assert!(
        home.contains("</svg>Taken out of the network<") && !home.contains("</svg>Away<"),
        "{home}"
    );
    let all = page(&here, "/hub");
    assert!(
        !all.contains("Every site has synced") && !all.contains("Looked for at"),
        "{all}"
    );
    let said = a.run(&["hub", "status"]).expect(3);
    assert!(said.err.contains("none is left that syncs"), "{said:?}");
    // The other side, from its own doors.
    b.run(&["sync", &format!("127.0.0.1:{}", a.quic)]);
    let said = b.run(&["hub", "status"]).expect(3);
    assert!(
        said.err.contains("this node was revoked, says Clinic A"),
        "{said:?}"
    );
    assert!(said.out.contains("says that this node was taken out"), "{said:?}");
    let file = b.home.path().join("out.chaski");
    let written = b
        .run(&["parcel", "write", file.to_str().unwrap(), "--json"])
        .ok()
        .json();
    assert!(
        written["warnings"]
            .to_string()
            .contains("this node was revoked, says Clinic A"),
        "{written}"
    );
    let told = b.run(&["hub", "status", "--json"]).expect(3).json();
    assert_eq!(told["revoked_by"], json!("Clinic A"), "{told}");
    let said = b.run(&["peer", "list"]).ok();
    assert!(
        said.out.contains("says that this node was revoked") && said.err.contains("this node was revoked"),
        "{said:?}"
    );
    let there = b.serve();
    let over_there = visitor(&there);
    let all = page(&over_there, "/hub");
    assert!(all.contains("This node was taken out of its network"), "{all}");
    assert!(
        all.contains("It says that this site was taken out of the network"),
        "{all}"
    );
    let files = page(&over_there, "/parcel");
    assert!(
        files.contains("This node was taken out of its network"),
        "{files}"
    );
    let home = page(&over_there, "/");
    assert!(
        home.contains("taken out of its network") && !home.contains("chaski issuer add"),
        "{home}"
    );
}

#[test]
fn a_clock_that_will_stop_the_exchange_is_told_while_both_still_hold_the_same() {
    if library().is_none() {
        return chaski_tests::skip("no libfaketime");
    }
    let (a, b) = two_clinics();
    {
        let served = a.serve();
        b.put(&person(1)).ok();
        assert_eq!(b.sync(&served).0, 0);
    }
    let served = a.serve();
    let ahead = |args: &[&str]| Said::from(site_at(&b, "+401d", args).output().unwrap());
    let said = ahead(&["sync", &format!("127.0.0.1:{}", a.quic)]).expect(3);
    assert!(
        said.out.contains("in sync") && !said.out.contains("NOT in sync"),
        "{said:?}"
    );
    assert!(
        said.err.contains("by this node's clock alone") && said.err.contains("401 days ahead"),
        "{said:?}"
    );
    drop(served);
}

#[test]
fn a_clock_that_is_ahead_is_told_at_every_door_though_nothing_hangs_on_it_yet() {
    if library().is_none() {
        return chaski_tests::skip("no libfaketime");
    }
    let (a, b) = two_clinics();
    let at_a = a.serve();
    let ahead = |args: &[&str]| Said::from(site_at(&b, "+45d", args).output().unwrap());
    ahead(&["sync", &format!("127.0.0.1:{}", a.quic)]).ok();
    let told = "this node's clock is 45 days ahead of that of Clinic A";
    let status = ahead(&["hub", "status", "--json"]).expect(3).json();
    assert_eq!(
        (&status["well"], &status["stale"]),
        (&json!(false), &json!(0)),
        "{status}"
    );
    assert!(status["warnings"].to_string().contains(told), "{status}");
    let warnings = ahead(&["status", "--json"]).ok().json()["warnings"].to_string();
    assert!(warnings.contains(told), "{warnings}");
    let served = served_in(&b, "UTC", Some("+45d"));
    let visitor = visitor(&served);
    for path in ["/", "/hub", "/parcel"] {
        let page = page(&visitor, path);
        assert!(
            page.contains("45 days ahead of that of Clinic A"),
            "{path}: {page}"
        );
        assert!(!page.contains("Every site has synced"), "{path}");
    }
    drop(served);
    // Set right again it says no more of it once they have met.
    assert_eq!(b.sync(&at_a).0, 0);
}

#[test]
fn a_clock_set_back_is_told_at_every_door_and_nothing_noted_is_told_as_just_now() {
    if library().is_none() {
        return chaski_tests::skip("no libfaketime");
    }
    let (a, b) = two_clinics();
    {
        let served = a.serve();
        b.put(&person(1)).ok();
        assert_eq!(b.sync(&served).0, 0);
    }
    let served = served_in(&b, "UTC", Some("-3d"));
    let visitor = visitor(&served);
    for path in ["/", "/hub"] {
        let page = page(&visitor, path);
        assert!(page.contains("clock is wrong, or was"), "{path}: {page}");
        assert!(
            page.contains("ahead of this clock") && !page.contains(">just now<"),
            "{path}: {page}"
        );
    }
    let behind = |args: &[&str]| Said::from(site_at(&b, "-3d", args).output().unwrap());
    let warnings = behind(&["status", "--json"]).ok().json()["warnings"].to_string();
    assert!(
        warnings.contains("behind times that it has noted itself"),
        "{warnings}"
    );
    let said = behind(&["hub", "status"]);
    assert!(
        said.err.contains("behind times that it has noted itself"),
        "{said:?}"
    );
    assert!(said.out.contains("(ahead of this clock)"), "{said:?}");
    let said = behind(&["peer", "list"]).ok();
    assert!(said.out.contains("(ahead of this clock)"), "{said:?}");
}

#[test]
fn a_name_that_turns_text_around_is_refused_wherever_one_is_given() {
    let turned = "Posta\u{202e}atsoP";
    let refused = |said: Said, code: i32| {
        let said = said.expect(code);
        assert!(said.err.contains("turn the direction of text"), "{said:?}");
        assert!(!said.err.contains('\u{202e}'), "{said:?}");
    };
    let home = Site::stranger();
    let (data, key) = (home.data(), home.passphrase_file());
    let init = |name: &str, site: &str| {
        chaski([
            "init".as_ref(),
            "--data".as_ref(),
            data.as_os_str(),
            "--name".as_ref(),
            name.as_ref(),
            "--site".as_ref(),
            site.as_ref(),
            "--passphrase-file".as_ref(),
            key.as_os_str(),
        ])
    };
    refused(init(turned, "PS"), 2);
    refused(init("Posta", "P\u{2067}S"), 2);
    assert!(!data.exists(), "nothing was made");
    let a = Site::init("Clinic A");
    let served = a.serve();
    let ticket = a.invite("clinic");
    refused(home.try_join(turned, &ticket), 2);
    home.try_join("عيادة", &ticket).ok();
    refused(a.run(&["invite", "--addr", "posta\u{202e}:1"]), 2);
    drop(served);
    let config = a.home.path().join("chaski.toml");
    std::fs::write(&config, format!("name = \"{turned}\"\n")).unwrap();
    refused(a.run(&["serve", "--config", config.to_str().unwrap()]), 2);
}
