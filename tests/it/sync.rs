//! What `sync` prints and ends with: scripts branch on both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chaski_store::{OpenOptions, Store, SystemEnv, Unlock};
use chaski_tests::chaski::{Site, two_clinics};
use chaski_tests::ports::own_port;
use serde_json::{Value, json};

fn person(number: u32) -> Value {
    json!({
        "resourceType": "Patient", "id": format!("0190f5a0-0000-7000-8000-0000000{number:05x}"),
        "name": [{"family": format!("Familia{number}")}],
    })
}

/// The store of a site that is not served.
fn store_of(site: &Site) -> Store {
    let words = std::fs::read_to_string(site.passphrase_file()).unwrap();
    let unlock = Unlock::Passphrase(words.trim().to_owned());
    Store::open(&site.data(), &unlock, Arc::new(SystemEnv), OpenOptions::default()).unwrap()
}

#[test]
fn without_a_peer_there_is_nothing_to_sync() {
    let site = Site::init("Clinic A");
    for (args, name, why) in [
        (vec!["sync", "--json"], "", "no peer is known"),
        (
            vec!["sync", "Posta", "--json"],
            "Posta",
            "no peer is known as Posta",
        ),
    ] {
        let said = site.run(&args).expect(1);
        assert!(said.err.contains(why), "{said:?}");
        let line = said.json();
        assert_eq!(
            (&line["in_sync"], &line["name"]),
            (&json!(false), &json!(name)),
            "{line}"
        );
        assert!(line["reason"].as_str().unwrap().contains(why), "{line}");
    }
    let said = site.run(&["sync", "Posta"]).expect(1);
    assert!(
        said.out.is_empty() && said.err.contains("no peer is known as Posta"),
        "{said:?}"
    );
    for (args, why) in [
        (["sync", ""], "is empty"),
        (["sync", "192.0.2.7:0"], "port 0"),
        (["sync", "0.0.0.0:8031"], "nobody can dial it"),
    ] {
        let said = site.run(&args).expect(2);
        assert!(said.err.contains(why), "{said:?}");
    }
}

#[test]
fn a_peer_that_does_not_answer_is_named_and_given_up_soon() {
    let (_a, b) = two_clinics();
    let (other, third) = (Site::init("Elsewhere"), Site::init("Elsewhere"));
    let nowhere = format!("127.0.0.1:{}", own_port());
    let address = format!("nobody answered at {nowhere}");
    let tries = [
        (
            &b,
            vec!["sync", "--json"],
            "Clinic A did not answer at 127.0.0.1:",
        ),
        (&third, vec!["sync", &nowhere, "--json"], address.as_str()),
        (&other, vec!["sync", &nowhere], address.as_str()),
    ];
    // Each waits its time out: beside each other.
    std::thread::scope(|scope| {
        for (site, args, named) in &tries {
            scope.spawn(move || {
                let started = Instant::now();
                let said = site.run(args).expect(1);
                assert!(said.err.contains(named), "{said:?}");
                if args.contains(&"--json") {
                    let line = said.json();
                    assert_eq!(line["in_sync"], json!(false), "{line}");
                    assert!(line["reason"].as_str().unwrap().contains(named), "{line}");
                } else {
                    assert!(said.out.is_empty(), "{said:?}");
                }
                assert!(
                    started.elapsed() < Duration::from_secs(15),
                    "{:?}",
                    started.elapsed()
                );
            });
        }
    });
}

#[test]
fn each_known_peer_is_one_line_of_json() {
    let hub = Site::init("Hub");
    let served = hub.serve();
    let a = Site::join("Clinic A", &hub.invite("clinic"));
    let b = Site::join("Clinic B", &hub.invite("clinic"));
    a.put(&person(1)).ok();
    let also = b.serve();
    // The hub first, which tells each of the other; asked by address, a peer is known from then on.
    for peer in [&served, &also] {
        let (code, report) = a.sync(peer);
        assert_eq!((code, &report["in_sync"]), (0, &json!(true)), "{report}");
    }
    let lines = |out: &str| -> Vec<Value> {
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let said = a.run(&["sync", "--json"]).ok();
    let both = lines(&said.out);
    assert_eq!(both.len(), 2, "{said:?}");
    for line in &both {
        for field in [
            "peer",
            "in_sync",
            "sent_records",
            "received_records",
            "bytes_out",
            "bytes_in",
            "wire_bytes",
            "round_trips",
            "seconds",
            "quarantined",
        ] {
            assert!(line.get(field).is_some(), "{field} is not in {line}");
        }
    }
    // One of them is gone: the other is synced all the same, and all together are not in sync.
    drop(also);
    let said = a.run(&["sync", "--json"]).expect(3);
    let both = lines(&said.out);
    let silent: Vec<&Value> = both
        .iter()
        .filter(|line| line["in_sync"] == json!(false))
        .collect();
    assert_eq!((both.len(), silent.len()), (2, 1), "{said:?}");
    assert_eq!(silent[0]["peer"], b.status()["node"]);
    assert!(
        silent[0]["reason"]
            .as_str()
            .unwrap()
            .contains("Clinic B did not answer"),
        "{said:?}"
    );
    // What was not exchanged has no figure, and the time it took to find nobody is told.
    for unknown in [
        "sent_records",
        "received_records",
        "bytes_out",
        "bytes_in",
        "wire_bytes",
        "round_trips",
    ] {
        assert!(silent[0][unknown].is_null(), "{unknown}: {said:?}");
    }
    assert!(silent[0]["seconds"].as_f64().unwrap() > 0.5, "{said:?}");
    for line in &both {
        assert!(
            line["last_in_sync"].is_string() && line["last_seen"].is_string(),
            "{line}"
        );
    }
    // When it last was there is told, and in the words of then.
    assert!(
        silent[0]["last_in_sync"].is_string() && silent[0]["last_seen"].is_string(),
        "{said:?}"
    );
    let said = a.run(&["sync"]).expect(3);
    assert!(said.out.contains("; was in sync at 2"), "{said:?}");
    assert!(
        said.out.contains("no exchange came to its end") && !said.out.contains("0 B on the wire"),
        "{said:?}"
    );
}

#[test]
fn a_member_that_is_not_asked_has_a_line_that_says_why() {
    let hub = Site::init("Hub");
    let served = hub.serve();
    let a = Site::join("Clinic A", &hub.invite("clinic"));
    let b = Site::join("Clinic B", &hub.invite("clinic"));
    // Of the newest the hub alone knows, until it has told.
    a.run(&["sync"]).ok();
    let said = a.run(&["sync", "--json"]).ok();
    let lines: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // What the other holds comes by way of the hub: nobody need ask it.
    assert_eq!(lines.len(), 1, "{said:?}");
    assert_eq!(lines[0]["name"], "Hub", "{said:?}");
    // The hub itself was never in sync with it, and does not know where it is.
    let said = hub.run(&["sync", "--json"]);
    assert!(said.code != 0, "{said:?}");
    let far: Value = serde_json::from_str(said.out.lines().next().unwrap()).unwrap();
    assert_eq!(far["peer"], b.status()["node"], "{far}");
    for (member, value) in [
        ("asked", json!(false)),
        ("in_sync", json!(false)),
        ("late", json!(true)),
        ("wire_bytes", Value::Null),
    ] {
        assert_eq!(far[member], value, "{member}: {far}");
    }
    let reason = far["reason"].as_str().unwrap();
    assert!(reason.contains("no address of Clinic B is known"), "{far}");
    let told = said.out.lines().filter(|line| line.contains("not asked"));
    assert_eq!(told.count(), 1, "the other was met a moment ago: {said:?}");
    let said = hub.run(&["sync"]);
    assert!(said.out.contains("Clinic B") && said.code != 0, "{said:?}");
    drop(served);
}

#[test]
fn what_stands_in_quarantine_is_3() {
    let (a, b) = two_clinics();
    a.put(&person(1)).ok();
    // A relay that files a change under another record: its signature says whose it is.
    let (honest, forged) = {
        let store = store_of(&a);
        let key = store.feed(0, 100).unwrap()[0].key.clone();
        let moved = key.to_string().replace("000001", "000002").parse().unwrap();
        let changes = store.signed_changes(&key).unwrap();
        let peer = store.identity().unwrap().node;
        store.close();
        (peer, (moved, changes))
    };
    {
        let store = store_of(&b);
        let ctx = chaski_store::Context::system("test");
        let report = store.apply_remote(&ctx, &honest, vec![forged], None).unwrap();
        assert_eq!(report.quarantined.len(), 1, "{report:?}");
        store.close();
    }
    let served = a.serve();
    let (code, report) = b.sync(&served);
    assert_eq!((code, &report["quarantined"]), (3, &json!(1)), "{report}");
    assert_eq!(report["received_records"], json!(1), "{report}");
    let said = b.run(&["sync", &format!("127.0.0.1:{}", a.quic)]).expect(3);
    assert!(said.out.contains("quarantine"), "{said:?}");
    assert_eq!(b.status()["quarantined"], json!(1));
    // The other one has nothing set aside; the two hold the same.
    assert_eq!(a.export(), b.export());
}
