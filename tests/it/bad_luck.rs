//! Disks that are full or read-only, directories that are not what they should be, ports that are taken:
//! a clear word, the right exit code, and nothing lost.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use chaski_store::{OpenOptions, Store, SystemEnv, Unlock};
use chaski_tests::chaski::{Running, Said, Site, chaski, command};
use chaski_tests::http::Http;
use serde_json::json;

/// A mount that is undone when dropped.
pub struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

/// Mounts at `place`, or says why the test is skipped.
pub fn mount<'a>(place: &'a Path, args: &[&str]) -> Option<Mounted<'a>> {
    let done = Command::new("mount").args(args).arg(place).output();
    if done.is_ok_and(|done| done.status.success()) {
        return Some(Mounted(place));
    }
    chaski_tests::skip("mounting is not permitted here");
    None
}

/// A command on a directory that has no key.
fn unsealed(data: &Path, args: &[&str]) -> Said {
    let (name, rest) = args.split_first().unwrap();
    let mut command = command();
    command
        .arg(name)
        .arg("--data")
        .arg(data)
        .arg("--unsealed")
        .args(rest);
    command.output().unwrap().into()
}

#[test]
fn a_read_only_directory_is_told_of_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("disk");
    std::fs::create_dir(&place).unwrap();
    let Some(_mounted) = mount(&place, &["-t", "tmpfs", "-o", "size=64m", "tmpfs"]) else {
        return;
    };
    let (data, new) = (place.join("data"), place.join("new"));
    unsealed(&data, &["init", "--name", "A"]).ok();
    let remount = |how: &str| {
        let done = Command::new("mount").args(["-o", how]).arg(&place).status();
        assert!(done.unwrap().success(), "{how}");
    };
    remount("remount,ro");
    let listen = ["serve", "--http", "127.0.0.1:0", "--quic", "127.0.0.1:0"];
    for (data, args) in [
        (&data, &["status"][..]),
        (&data, &["export"]),
        (&data, &["doctor"]),
        (&data, &listen),
        (&new, &["init", "--name", "B"]),
        (&new, &listen),
    ] {
        let said = unsealed(data, args).expect(1);
        assert!(
            said.err.contains(data.to_str().unwrap()) && said.err.contains("can't be written to"),
            "{args:?}: {said:?}"
        );
    }
    remount("remount,rw");
    unsealed(&data, &["status"]).ok();
}

#[test]
fn a_full_disk_refuses_records_and_loses_none() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("disk");
    std::fs::create_dir(&place).unwrap();
    let Some(_mounted) = mount(&place, &["-t", "tmpfs", "-o", "size=20m", "tmpfs"]) else {
        return;
    };
    let data = place.join("data");
    unsealed(&data, &["init", "--name", "A"]).ok();
    let population = home.path().join("many.ndjson");
    let person = |n: u32| {
        json!({"resourceType": "Patient", "id": format!("0190f5a0-0000-7000-8000-0000000{n:05x}"),
               "name": [{"family": format!("Familia{n}"), "given": ["Inés"]}], "birthDate": "1990-01-01"})
    };
    let lines: Vec<String> = (0..9_000).map(|n| person(n).to_string()).collect();
    std::fs::write(&population, lines.join("\n")).unwrap();
    let said = unsealed(&data, &["import", population.to_str().unwrap()]).expect(1);
    assert!(said.err.contains("disk is nearly full"), "{said:?}");

    // Reading, exporting and logging in go on, here and over HTTP.
    let export = unsealed(&data, &["export"]).ok().out;
    assert!(export.lines().count() > 100, "{}", export.lines().count());
    let status = unsealed(&data, &["status", "--json"]).ok().json();
    assert!(status["warnings"].to_string().contains("nearly full"), "{status}");
    let port = chaski_tests::ports::own_port();
    let serve = |port: u16| {
        let mut command = command();
        command.arg("serve").arg("--data").arg(&data).arg("--unsealed");
        command.args(["--quic", "127.0.0.1:0", "--http", &format!("127.0.0.1:{port}")]);
        let child = Running::start(command);
        child.wait_for_port(port);
        child
    };
    let mut child = serve(port);
    let said = chaski(["token", "create", "--json", "--data", data.to_str().unwrap()]).ok();
    let token = said.json()["token"].as_str().unwrap().to_owned();
    let http = Http::new(&format!("http://127.0.0.1:{port}"), &token);
    http.get("/fhir/Patient?_count=5").expect(200);
    let refused = http.post("/fhir/Patient", &json!({"resourceType": "Patient"}));
    assert_eq!(refused.status, 507, "{refused:?}");

    // There is a little room again: what is acknowledged until it is full once more is kept, also by a
    // node that is killed.
    let remount = Command::new("mount")
        .args(["-o", "remount,size=23m"])
        .arg(&place)
        .status();
    assert!(remount.unwrap().success());
    let mut acknowledged = BTreeSet::new();
    for _ in 0..5_000 {
        let answer = http.post("/fhir/Patient", &json!({"resourceType": "Patient"}));
        if answer.status == 507 {
            break;
        }
        let id = answer.expect(201).json()["id"].as_str().unwrap().to_owned();
        acknowledged.insert(id);
    }
    let count = acknowledged.len();
    assert!(count > 0 && count < 5_000, "{count}");
    child.kill();
    let after = unsealed(&data, &["export"]).ok().out;
    for id in &acknowledged {
        assert!(
            after.contains(id.as_str()),
            "{id} was acknowledged and is not there"
        );
    }
    assert_eq!(after.lines().count(), export.lines().count() + acknowledged.len());

    // Other programs may fill the rest.
    let _filled = std::fs::write(place.join("film.mkv"), vec![0; 32 << 20]);
    for args in [&["status"][..], &["export"], &["doctor"]] {
        let said = unsealed(&data, args).expect(1);
        assert!(said.err.contains("too little space"), "{said:?}");
    }
    std::fs::remove_file(place.join("film.mkv")).unwrap();
    assert_eq!(unsealed(&data, &["export"]).ok().out, after);
    unsealed(&data, &["doctor"]).ok();
}

#[test]
fn a_taken_udp_port_says_so() {
    let site = Site::init("Clinic A");
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let said = site.run(&["serve", "--http", "127.0.0.1:0", "--quic", &address.to_string()]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.err.contains(&address.port().to_string()) && said.err.contains("taken"),
        "{said:?}"
    );
}

#[test]
fn a_directory_that_is_not_what_it_should_be_says_why() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    unsealed(&data, &["init", "--name", "A"]).ok();
    let slots = std::fs::read_to_string(data.join("slots.json")).unwrap();

    let newer = slots.replacen("\"format\":1", "\"format\":9", 1);
    assert_ne!(newer, slots);
    std::fs::write(data.join("slots.json"), newer).unwrap();
    let said = unsealed(&data, &["status"]).expect(1);
    assert!(said.err.contains("newer version"), "{said:?}");
    std::fs::write(data.join("slots.json"), &slots).unwrap();

    // A link in place of the database could lead anywhere: it is not followed.
    let elsewhere = home.path().join("elsewhere");
    std::fs::rename(data.join("db"), &elsewhere).unwrap();
    let said = unsealed(&data, &["status"]).expect(4);
    assert!(said.err.contains("the database is missing"), "{said:?}");
    std::os::unix::fs::symlink(&elsewhere, data.join("db")).unwrap();
    for args in [&["status"][..], &["doctor"], &["doctor", "--rebuild"]] {
        let said = unsealed(&data, args).expect(1);
        assert!(said.err.contains("db is a symbolic link"), "{args:?}: {said:?}");
    }
    std::fs::remove_file(data.join("db")).unwrap();
    std::fs::rename(&elsewhere, data.join("db")).unwrap();
    unsealed(&data, &["status"]).ok();

    std::fs::write(data.join("db/db"), vec![0xff; 600_000]).unwrap();
    let said = unsealed(&data, &["status"]).expect(4);
    assert!(said.err.contains("damaged"), "{said:?}");
}

#[test]
fn the_configuration_says_how_much_of_the_disk_stays_free() {
    let site = Site::init("Clinic A");
    let config = site.home.path().join("chaski.toml");
    // Twice what is free, so that records are refused and upkeep is not; the environment, which would
    // beat it, says nothing.
    let home = site.home.path().to_str().unwrap();
    let df = Command::new("df")
        .args(["-m", "--output=avail", home])
        .output()
        .unwrap();
    let said = String::from_utf8(df.stdout).unwrap();
    let free_mb: u64 = said.lines().last().unwrap().trim().parse().unwrap();
    std::fs::write(&config, format!("[disk]\nfloor_mb = {}\n", free_mb * 2)).unwrap();
    let http = format!("127.0.0.1:{}", site.http);
    let config_file = config.to_str().unwrap();
    let mut serve = site.command(&[
        "serve",
        "--config",
        config_file,
        "--http",
        &http,
        "--quic",
        "127.0.0.1:0",
    ]);
    serve.env_remove("CHASKI_DISK_FLOOR_MB");
    let child = Running::start(serve);
    child.wait_for_port(site.http);
    let status = site.status();
    assert!(status["warnings"].to_string().contains("nearly full"), "{status}");
    let refused = site.put(&json!({"resourceType": "Patient", "id": "0190f5a0-0000-7000-8000-00000000ba7e"}));
    assert!(
        refused.code != 0 && refused.err.contains("disk is nearly full"),
        "{refused:?}"
    );
}

#[test]
fn a_directory_of_another_version_is_told_from_a_damaged_one() {
    let site = Site::init("Clinic A");
    let words = std::fs::read_to_string(site.passphrase_file()).unwrap();
    let unlock = Unlock::Passphrase(words.trim().to_owned());
    let store = Store::open(&site.data(), &unlock, Arc::new(SystemEnv), OpenOptions::default()).unwrap();
    // What stands at the head of the statements about members is the number of their form.
    let mut statements = store.blob("trust/authority").unwrap().unwrap();
    statements[0] = 1;
    store.blob_put("trust/authority", &statements).unwrap();
    drop(store);
    let said = site.run(&["status"]).expect(1);
    assert!(
        said.err.contains("has form 1, and this version reads form 2")
            && said
                .err
                .contains("another version wrote it, and nothing is damaged"),
        "{said:?}"
    );
}
