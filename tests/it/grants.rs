//! A year without the node that invites: everyone is warned in time and told afterwards why nothing flows, and
//! with the exported root key another node takes its place.

use std::path::PathBuf;

use chaski_tests::at::{library, site_at};
use chaski_tests::chaski::{Said, Site};
use serde_json::{Value, json};

fn person(number: u32) -> Value {
    json!({"resourceType": "Patient", "id": format!("0190f5a0-0000-7000-8000-0000000{number:05x}"),
        "name": [{"family": format!("Familia{number}")}]})
}

/// A site whose commands are given so many days later.
struct Later<'a> {
    site: &'a Site,
    day: u32,
}

impl Later<'_> {
    fn run(&self, args: &[&str]) -> Said {
        site_at(self.site, &format!("+{}d", self.day), args)
            .output()
            .unwrap()
            .into()
    }

    fn put(&self, number: u32) {
        let file = self.site.home.path().join("one.json");
        std::fs::write(&file, person(number).to_string()).unwrap();
        self.run(&["put", file.to_str().unwrap()]).ok();
    }

    fn holds(&self, number: u32) -> bool {
        let id = person(number)["id"].as_str().unwrap().to_owned();
        self.run(&["get", &format!("Patient/{id}")]).code == 0
    }

    fn status(&self) -> Value {
        self.run(&["status", "--json"]).ok().json()
    }

    fn sync(&self, with: &Site) -> (i32, Value) {
        let said = self.run(&["sync", &format!("127.0.0.1:{}", with.quic), "--json"]);
        (said.code, said.json())
    }
}

fn on(day: u32, site: &Site) -> Later<'_> {
    Later { site, day }
}

/// Runs a site so many days later until the value is dropped.
fn served(site: &Site, day: u32) -> chaski_tests::chaski::Served<'_> {
    let (http, quic) = (
        format!("127.0.0.1:{}", site.http),
        format!("127.0.0.1:{}", site.quic),
    );
    site.serve_by(site_at(
        site,
        &format!("+{day}d"),
        &["serve", "--http", &http, "--quic", &quic],
    ))
}

/// A hub, two clinics that have met it and each other, and the root key as it was exported.
fn district() -> (Site, Site, Site, PathBuf) {
    let hub = Site::init("Hub");
    let at_hub = hub.serve();
    let a = Site::join("Juli", &hub.invite("clinic"));
    let b = Site::join("Puno", &hub.invite("clinic"));
    for clinic in [&a, &b, &a] {
        assert_eq!(clinic.sync(&at_hub).0, 0);
    }
    drop(at_hub);
    let root = hub.home.path().join("root.chaski");
    hub.run(&["root", "export", root.to_str().unwrap()]).ok();
    (hub, a, b, root)
}

/// The words or passphrase that open the exported root: what seals the hub's directory.
fn opened_by(hub: &Site) -> String {
    hub.passphrase_file().to_str().unwrap().to_owned()
}

fn warns(status: &Value, text: &str) -> bool {
    status["warnings"].to_string().contains(text)
}

#[test]
fn without_its_hub_a_district_is_warned_told_why_and_goes_on_with_the_root_key() {
    if library().is_none() {
        return chaski_tests::skip("no libfaketime");
    }
    let (hub, a, b, root) = district();
    // Day 339: nothing. From day 340 on: on every surface.
    let status = on(339, &a).status();
    assert!(
        !warns(&status, "this node's grant") && !warns(&status, "grants of other nodes"),
        "too soon: {status}"
    );
    // That all of them hang on one is told all the time.
    assert!(
        warns(
            &status,
            "one issuer alone, Hub: if it is lost, grants end from 20"
        ),
        "{status}"
    );
    for (day, left) in [(341, "in 58 days"), (399, "in less than a day")] {
        let status = on(day, &a).status();
        assert!(
            warns(&status, left) && warns(&status, "Hub, last met 20"),
            "{status}"
        );
        assert!(warns(&status, "grants of other nodes end soon: Puno"), "{status}");
        let list = on(day, &a).run(&["peer", "list"]).ok();
        assert!(list.out.contains("grant ends 20"), "{list:?}");
    }
    {
        let at_b = served(&b, 399);
        let said = on(399, &a).run(&["sync", &format!("127.0.0.1:{}", b.quic)]);
        assert!(said.err.contains("this node's grant ends in"), "{said:?}");
        assert!(said.err.contains("the grant of Puno ends in"), "{said:?}");
        at_b.child.wait_until("a warning in the log", || {
            at_b.child.said().contains("this node's grant ends in")
        });
    }
    // Day 401: a reason, of each side, with a date and a remedy; nothing is received.
    on(401, &a).put(1);
    on(401, &b).put(2);
    {
        let at_b = served(&b, 401);
        let (code, report) = on(401, &a).sync(&b);
        assert_eq!((code, &report["in_sync"]), (3, &json!(false)), "{report}");
        let reason = report["reason"].as_str().unwrap();
        assert!(reason.contains("this node's grant is over since 20"), "{reason}");
        assert!(reason.contains("its grant is over since 20"), "{reason}");
        assert!(
            reason.contains("Hub, last met 20") && reason.contains("chaski issuer add"),
            "{reason}"
        );
        assert_eq!(report["halts"].as_array().map(Vec::len), Some(2), "{report}");
        at_b.child.wait_until("the reason in the log", || {
            at_b.child
                .said()
                .contains("Juli gives nothing: this node's grant is over")
        });
        let count = |text: &str| at_b.child.said().matches(text).count();
        assert_eq!(
            count("Juli gives nothing: this node's grant is over"),
            1,
            "told with each look"
        );
    }
    assert!(!on(401, &a).holds(2) && !on(401, &b).holds(1));
    let status = on(401, &a).status();
    assert!(warns(&status, "this node's grant is over since"), "{status}");
    let list = on(401, &a).run(&["peer", "list", "--json"]).ok().json();
    for peer in list.as_array().unwrap() {
        let halts = peer["halts"].as_array().unwrap();
        assert_eq!(halts[0]["given_nothing"], "this node", "{peer}");
        assert!(halts.iter().all(|halt| halt["since"].is_string()), "{peer}");
    }
    takes_its_place(&hub, &a, &b, &root);
}

/// The root key makes Puno an issuer, while it runs; Juli is renewed by it and given what it had missed.
fn takes_its_place(hub: &Site, a: &Site, b: &Site, root: &std::path::Path) {
    let (root, passphrase) = (root.to_str().unwrap(), opened_by(hub));
    {
        let _at_b = served(b, 401);
        let said = on(401, b)
            .run(&[
                "issuer",
                "add",
                "Puno",
                "--root",
                root,
                "--root-passphrase",
                &passphrase,
            ])
            .ok();
        assert!(said.out.contains("Puno is an issuer now"), "{said:?}");
        let (code, report) = on(401, a).sync(b);
        assert_eq!((code, &report["in_sync"]), (0, &json!(true)), "{report}");
        assert!(report["halts"].as_array().unwrap().is_empty(), "{report}");
    }
    assert!(on(401, a).holds(2) && on(401, b).holds(1));
    for clinic in [a, b] {
        let status = on(401, clinic).status();
        assert!(!warns(&status, "this node's grant"), "{status}");
        let issuers = on(401, clinic).run(&["issuer", "list", "--json"]).ok().json();
        let names: Vec<&str> = issuers
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert_eq!(names, ["Hub", "Puno"], "{issuers}");
    }
    // It takes in a newcomer whom the other believes.
    let ticket = on(401, b)
        .run(&["invite", "--addr", &format!("127.0.0.1:{}", b.quic), "--json"])
        .ok()
        .json();
    let c = Site::stranger();
    {
        let _at_b = served(b, 401);
        let mut join = c.join_command("Ilave", ticket["ticket"].as_str().unwrap());
        chaski_tests::at::set(&mut join, "+401d");
        Said::from(join.output().unwrap()).ok();
    }
    let _at_a = served(a, 401);
    let (code, report) = on(401, &c).sync(a);
    assert_eq!((code, &report["in_sync"]), (0, &json!(true)), "{report}");
    assert!(on(401, &c).holds(1) && on(401, &c).holds(2));
}

#[test]
fn a_wrong_root_file_passphrase_or_node_changes_nothing_and_says_which_it_was() {
    let (hub, a, _b, root) = district();
    let (root, passphrase) = (root.to_str().unwrap(), opened_by(&hub));
    let list = || a.run(&["issuer", "list", "--json"]).ok().json();
    let before = list();
    assert_eq!(before.as_array().map(Vec::len), Some(1), "{before}");
    let other = Site::init("Elsewhere");
    let foreign = other.home.path().join("root.chaski");
    let foreign = foreign.to_str().unwrap();
    other.run(&["root", "export", foreign]).ok();
    let wrong = a.home.path().join("wrong");
    std::fs::write(&wrong, "not it\n").unwrap();
    let wrong = wrong.to_str().unwrap();
    let (by_words, by_pass) = ("--root-words", "--root-passphrase");
    let rows: [(&[&str], i32, &str); 8] = [
        (&["add", "Juli"], 1, "the root key is not on this node"),
        (
            &["add", "Juli", "--root", foreign, by_pass, &passphrase],
            1,
            "of another network",
        ),
        (
            &["add", "Juli", "--root", root, by_pass, wrong],
            5,
            "neither words nor passphrase",
        ),
        (
            &["add", "Juli", "--root", root, by_words, wrong],
            5,
            "neither words nor passphrase",
        ),
        (
            &["add", "Juli", "--root", wrong, by_pass, &passphrase],
            4,
            "no root file",
        ),
        (
            &["add", "Nobody", "--root", root, by_pass, &passphrase],
            1,
            "no node is known here as Nobody",
        ),
        (
            &["end", "Hub", "--root", root, by_pass, &passphrase],
            1,
            "the only issuer",
        ),
        (
            &["end", "Puno", "--root", root, by_pass, &passphrase],
            1,
            "Puno is no issuer",
        ),
    ];
    for (args, code, text) in rows {
        let said = a.run(&[&["issuer"], args].concat()).expect(code);
        assert!(said.err.contains(text), "{args:?}: {said:?}");
        assert_eq!(list(), before, "{args:?}");
    }
}

#[test]
fn where_the_root_key_still_is_no_file_is_asked_for_and_limits_hold() {
    let (hub, a, _b, _root) = district();
    // It says what it did and did not do.
    let said = hub
        .run(&["issuer", "add", "Juli", "--role", "mobile", "--json"])
        .ok()
        .json();
    assert_eq!((&said["name"], &said["changed"]), (&json!("Juli"), &json!(true)));
    let again = hub
        .run(&["issuer", "add", "Juli", "--role", "mobile", "--json"])
        .ok()
        .json();
    assert_eq!(again["changed"], false);
    {
        let at_hub = hub.serve();
        assert_eq!(a.sync(&at_hub).0, 0);
    }
    let list = a.run(&["issuer", "list", "--json"]).ok().json();
    assert_eq!(list[1]["roles"], json!(["mobile"]));
    let refused = a.run(&["invite", "--role", "clinic"]).expect(1);
    assert!(refused.err.contains("limits do not let it"), "{refused:?}");
    a.run(&["invite", "--role", "mobile", "--addr", "192.0.2.1:1"])
        .ok();
}

#[test]
fn a_clock_that_is_ahead_is_named_as_the_reason_on_both_sides() {
    if library().is_none() {
        return chaski_tests::skip("no libfaketime");
    }
    let (_hub, a, b, _root) = district();
    // Both of them as of today, but Juli's machine believes that it is 500 days later.
    on(500, &a).put(1);
    on(0, &b).put(2);
    let _at_b = served(&b, 0);
    let (code, report) = on(500, &a).sync(&b);
    assert_eq!(code, 3, "{report}");
    assert!(
        report["reason"]
            .as_str()
            .unwrap()
            .contains("by this node's clock alone"),
        "{report}"
    );
    assert!(
        !on(0, &b).holds(1) && on(500, &a).holds(2),
        "what it may be given came"
    );
    let status = on(500, &a).status();
    assert!(
        warns(&status, "this node's clock is 4") || warns(&status, "this node's clock is 5"),
        "{status}"
    );
    assert!(!warns(&status, "this node's grant is over"), "{status}");
    let peers = on(0, &b).run(&["peer", "list"]).ok();
    assert!(
        peers.out.contains("gives nothing (its clock ahead)")
            && peers.err.contains("by the clock of Juli alone")
            && peers.err.contains("date and time of Juli"),
        "{peers:?}"
    );
}

#[test]
fn a_network_that_hangs_on_one_issuer_is_told_so_until_there_is_a_second() {
    let hub = Site::init("Hub");
    assert!(!warns(&hub.status(), "one issuer alone"), "nobody else is there");
    let at_hub = hub.serve();
    let clinic = Site::join("Puno", &hub.invite("clinic"));
    assert_eq!(clinic.sync(&at_hub).0, 0);
    let alone = |site: &Site| {
        let status = site.status();
        assert_eq!(
            warns(&status, "one issuer alone"),
            status["sole_issuer"].is_string(),
            "{status}"
        );
        status
    };
    let of_clinic = alone(&clinic);
    let of_hub = alone(&hub);
    assert!(
        warns(
            &of_clinic,
            "one issuer alone, Hub: if it is lost, grants end from 20"
        ),
        "{of_clinic}"
    );
    assert!(
        warns(&of_hub, "one issuer alone, this node: if it is lost") && warns(&of_hub, "chaski issuer add"),
        "{of_hub}"
    );
    assert_eq!(of_clinic["sole_issuer"], of_hub["node"]);
    let text = clinic.run(&["status"]).ok();
    assert!(text.err.contains("! one issuer alone, Hub"), "{text:?}");
    hub.run(&["issuer", "add", "Puno"]).ok();
    // It has not heard of that: if the hub is lost now, nobody renews.
    let is_told = || {
        let listed = hub.run(&["issuer", "list", "--json"]).ok().json();
        let issuers = listed.as_array().unwrap();
        let puno = issuers
            .iter()
            .find(|issuer| issuer["name"] == json!("Puno"))
            .unwrap();
        puno["told"].as_bool().unwrap()
    };
    let of_hub = alone(&hub);
    assert!(!is_told() && warns(&of_hub, "not told yet: Puno"), "{of_hub}");
    assert_eq!(clinic.sync(&at_hub).0, 0);
    assert!(is_told());
    for site in [&hub, &clinic] {
        assert!(alone(site)["sole_issuer"].is_null());
    }
}
