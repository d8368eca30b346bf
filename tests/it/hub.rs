//! Ten clinics and a hub between them; strangers, thieves and copies.

use std::time::{Duration, Instant};

use chaski_tests::chaski::{Served, Site, two_clinics};
use serde_json::{Value, json};

fn person(number: u32) -> Value {
    json!({
        "resourceType": "Patient", "id": format!("0190f5a0-0000-7000-8000-0000000{number:05x}"),
        "name": [{"family": format!("Familia{number}"), "given": ["Inés"]}],
        "birthDate": "1990-01-01",
    })
}

/// Resident memory of a process, in MB.
fn memory_mb(served: &Served<'_>) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn clinics_that_never_meet_share_records_through_the_hub() {
    let hub = Site::init("Hub");
    let served = hub.serve();
    let clinics: Vec<Site> = (0..10)
        .map(|n| Site::join(&format!("Clinic {n}"), &hub.invite("clinic")))
        .collect();
    for (n, clinic) in clinics.iter().enumerate() {
        clinic.put(&person(n as u32)).ok();
    }
    let started = Instant::now();
    for _ in 0..2 {
        for clinic in &clinics {
            let (code, report) = clinic.sync(&served);
            assert_eq!(code, 0, "{report}");
        }
    }
    println!(
        "ten clinics, two rounds: {:?}, hub {} MB",
        started.elapsed(),
        memory_mb(&served)
    );
    let everything = hub.export();
    assert_eq!(everything.lines().count(), 10);
    for clinic in &clinics {
        assert_eq!(clinic.export(), everything);
    }
}

#[test]
fn a_ticket_is_good_once_and_only_whole() {
    let a = Site::init("Clinic A");
    let served = a.serve();
    let ticket = a.invite("clinic");
    let b = Site::join("Clinic B", &ticket);
    assert_eq!(b.sync(&served).0, 0);

    let thief = Site::stranger();
    let said = thief.try_join("Thief", &ticket).expect(1);
    assert!(said.err.contains("used"), "{said:?}");
    let said = Site::stranger().try_join("Late", &ticket[..ticket.len() - 4]);
    assert!(said.code != 0 && said.err.contains("ticket"), "{said:?}");
    let said = a
        .run(&[
            "invite",
            "--ttl",
            "1s",
            "--addr",
            &format!("127.0.0.1:{}", a.quic),
            "--json",
        ])
        .ok();
    std::thread::sleep(Duration::from_millis(1500));
    let said = Site::stranger().try_join("Late", said.json()["ticket"].as_str().unwrap());
    assert!(said.code != 0 && said.err.contains("expired"), "{said:?}");
}

#[test]
fn strangers_and_revoked_nodes_are_refused_and_harm_nothing() {
    let (a, b) = two_clinics();
    a.put(&person(1)).ok();
    let served = a.serve();
    assert_eq!(b.sync(&served).0, 0);
    // A node of another network knows the address and nothing else.
    let stranger = Site::init("Elsewhere");
    let said = stranger
        .run(&["sync", &format!("127.0.0.1:{}", a.quic)])
        .expect(1);
    assert!(said.err.contains("belongs to another network"), "{said:?}");
    assert_eq!(stranger.status()["records"], json!(0));
    assert_eq!(
        a.status()["peers"].as_array().map(Vec::len),
        Some(1),
        "only the clinic"
    );

    let node = b.status()["node"].as_str().unwrap().to_owned();
    for own in ["Clinic A", a.status()["node"].as_str().unwrap()] {
        let said = a.run(&["peer", "revoke", own]).expect(1);
        assert!(said.err.contains("Clinic A is this node itself"), "{said:?}");
    }
    let said = a.run(&["peer", "revoke", ""]).expect(2);
    assert!(said.err.contains("name or key is empty"), "{said:?}");
    for changed in [true, false] {
        let told = a
            .run(&["peer", "revoke", &node.to_uppercase(), "--json"])
            .ok()
            .json();
        let expected = json!({"revoked": true, "node": node, "name": "Clinic B", "changed": changed});
        assert_eq!(told, expected);
    }
    let said = a.run(&["peer", "revoke", "Clinic B"]).ok();
    assert!(said.out.contains("was ended already"), "{said:?}");
    let said = b.put(&person(2)).ok();
    assert!(said.err.is_empty(), "nobody has told it: {said:?}");
    let said = b.run(&["sync", &format!("127.0.0.1:{}", a.quic)]);
    assert_ne!(said.code, 0, "{said:?}");
    assert!(said.err.contains("this node was revoked"), "{said:?}");
    let warnings = b.status()["warnings"].to_string();
    assert!(warnings.contains("was revoked, says Clinic A"), "{warnings}");
    // Who goes on working there is told at each door that it goes nowhere.
    let file = b.home.path().join("x");
    let file = file.to_str().unwrap();
    std::fs::write(file, person(3).to_string()).unwrap();
    for args in [
        vec!["put", file],
        vec!["import", file],
        vec!["parcel", "write", file, "--force"],
    ] {
        let said = b.run(&args).ok();
        assert!(
            said.err.contains("was revoked, says Clinic A"),
            "{args:?}: {said:?}"
        );
        let told = b.run(&[args.as_slice(), &["--json"]].concat()).ok().json();
        let warnings = told["warnings"].to_string();
        assert!(
            warnings.contains("was revoked, says Clinic A"),
            "{args:?}: {told}"
        );
        std::fs::write(file, person(3).to_string()).unwrap();
    }
    assert_eq!(a.export().lines().count(), 1);
}

#[test]
fn a_cloned_directory_started_twice_forks_nothing() {
    let (a, b) = two_clinics();
    b.put(&person(1)).ok();
    let served = a.serve();
    assert_eq!(b.sync(&served).0, 0);
    // The disk is copied; both copies go to work under one identity.
    let clone = Site::stranger();
    copy_folder(b.home.path(), clone.home.path());
    for (n, site) in [(10, &b), (20, &clone), (11, &b), (21, &clone)] {
        site.put(&person(n)).ok();
        let mut same = site.read(&format!("Patient/{}", person(1)["id"].as_str().unwrap()));
        same["telecom"] = json!([{"system": "phone", "value": format!("555 {n}")}]);
        site.put(&same).ok();
    }
    for _ in 0..2 {
        for site in [&b, &clone] {
            let (code, report) = site.sync(&served);
            assert_eq!((code, &report["quarantined"]), (0, &json!(0)), "{report}");
        }
    }
    assert_eq!(a.export().lines().count(), 5);
    assert_eq!(a.export(), b.export());
    assert_eq!(a.export(), clone.export());
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_ticket_of_another_network_is_refused_and_leaves_nothing_behind() {
    let (a, elsewhere) = (Site::init("Clinic A"), Site::init("Elsewhere"));
    let (served_a, _served) = (a.serve(), elsewhere.serve());
    // The address of one network's node on a ticket of the other's.
    let invite = |site: &Site, quic: u16| {
        let address = format!("127.0.0.1:{quic}");
        let said = site.run(&["invite", "--addr", &address, "--json"]).ok().json();
        said["ticket"].as_str().unwrap().to_owned()
    };
    let b = Site::stranger();
    let said = b.try_join("Clinic B", &invite(&elsewhere, a.quic)).expect(1);
    assert!(
        said.err.contains("another node answers at the ticket's address"),
        "{said:?}"
    );
    let left = || std::fs::read_dir(b.data()).map_or(0, |entries| entries.count());
    assert_eq!(left(), 0, "the directory is free for the right ticket");
    assert_eq!(a.status()["peers"].as_array().map(Vec::len), Some(0));
    b.try_join("Clinic B", &invite(&a, a.quic)).ok();
    assert_eq!(b.sync(&served_a).0, 0);
    // Who is a member already does not become one elsewhere.
    let said = b
        .try_join("Clinic B", &invite(&elsewhere, elsewhere.quic))
        .expect(1);
    assert!(said.err.contains("holds a node already"), "{said:?}");
}

#[test]
fn a_ticket_says_where_its_node_is_reached_whether_or_not_it_runs() {
    let site = Site::init("Clinic A");
    let invite = |more: &[&str]| {
        let args = [&["invite", "--json"], more].concat();
        let said = site.run(&args).ok().json();
        let told = said["addresses"].as_array().unwrap().iter();
        let told: Vec<String> = told.map(|text| text.as_str().unwrap().to_owned()).collect();
        (told, said["only_here"].as_bool().unwrap())
    };
    // It listens on loopback, which is of use on this machine alone; people are told.
    let own = vec![format!("127.0.0.1:{}", site.quic)];
    let served = site.serve();
    assert_eq!(invite(&[]), (own.clone(), true));
    let said = site.run(&["invite"]).ok();
    assert!(said.err.contains("good on this machine alone"), "{said:?}");
    let outside = "203.0.113.7:8031";
    assert_eq!(invite(&["--addr", outside]), (vec![outside.to_owned()], false));
    let named = "hub.example:8031";
    assert_eq!(invite(&["--addr", named]), (vec![named.to_owned()], false));
    drop(served);
    assert_eq!(invite(&[]), (own, true), "as it served last");
    // A router forwards a port: that is told instead, and remembered.
    let told = [outside, "[2001:db8::7]:8031"].map(str::to_owned).to_vec();
    let served = site.serve_with(&["--advertise", outside, "--advertise", &told[1]]);
    assert_eq!(invite(&[]), (told.clone(), false));
    let said = site.run(&["invite"]).ok();
    assert!(
        said.err.contains(outside) && !said.err.contains("Warning"),
        "{said:?}"
    );
    drop(served);
    assert_eq!(invite(&[]), (told, false));
}

#[test]
fn a_node_looks_for_whom_it_was_told_to_dial() {
    let mut hub = Site::init("Hub");
    let served = hub.serve();
    let clinic = Site::join("Clinic A", &hub.invite("clinic"));
    drop(served);
    // The hub has moved, to where the clinic has never heard of it.
    hub.quic = chaski_tests::ports::own_port();
    let _served = hub.serve();
    let away = clinic.serve_with(&["--dial", &format!("127.0.0.1:{}", hub.quic)]);
    away.child.wait_until("the hub to be met", || {
        let peers = clinic.status()["peers"].clone();
        peers[0]["in_sync"].as_bool() == Some(true)
    });
}
