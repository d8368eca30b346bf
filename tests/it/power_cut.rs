//! kill −9 at random points of a sync, and of writing.

use std::time::{Duration, Instant};

use chaski_tests::chaski::{Site, two_clinics};
use serde_json::json;

/// A small fixed generator: the seed is printed, so a failure replays.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn soak() -> bool {
    std::env::var_os("CHASKI_SOAK").is_some()
}

/// Writes records with these numbers to an NDJSON file.
fn records(site: &Site, numbers: std::ops::Range<u32>) -> std::path::PathBuf {
    let path = site.home.path().join("records.ndjson");
    let lines: String = numbers
        .map(|n| {
            let id = format!("0190f5a0-0000-7000-8000-0000000{n:05x}");
            let record = json!({
                "resourceType": "Observation", "id": id, "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
                "effectiveDateTime": "2026-01-02T03:04:05Z",
                "valueQuantity": {"value": 60 + n % 40, "unit": "/min"},
            });
            format!("{record}\n")
        })
        .collect();
    std::fs::write(&path, lines).unwrap();
    path
}

#[test]
fn a_sync_killed_anywhere_resumes_and_ends_equal() {
    let (count, kills): (u32, u32) = if soak() { (20_000, 100) } else { (4_000, 10) };
    let seed = std::env::var("CHASKI_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(0x5eed_1234);
    println!("seed {seed}, {kills} kills over {count} records");
    let mut dice = Dice(seed);
    let (a, b) = two_clinics();
    // New work is put in as the old gets through, so that each cut falls into some.
    const CUTS_A_PORTION: u32 = 5;
    let portion = count * CUTS_A_PORTION / kills;
    for kill in 0..kills {
        if kill % CUTS_A_PORTION == 0 {
            let from = kill / CUTS_A_PORTION * portion;
            a.import(&[records(&a, from..from + portion)]);
        }
        let mut served = a.serve();
        let mut client = b
            .command(&["sync", &format!("127.0.0.1:{}", a.quic), "--json"])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(dice.roll(700)));
        if kill % 2 == 0 {
            client.kill().unwrap();
        } else {
            served.child.kill();
        }
        // The other end must notice by itself, or is killed with it.
        let started = Instant::now();
        while client.try_wait().unwrap().is_none() {
            if started.elapsed() > Duration::from_secs(5) {
                client.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let served = a.serve();
    let (code, report) = b.sync(&served);
    assert_eq!(code, 0, "{report}");
    assert_eq!(a.export().lines().count(), count as usize);
    assert!(a.export() == b.export());
}

#[test]
fn an_acknowledged_write_survives_the_cut() {
    let rounds = if soak() { 100 } else { 4 };
    let site = Site::init("Clinic A");
    let mut acknowledged = Vec::new();
    let mut dice = Dice(77);
    for round in 0..rounds {
        let mut served = site.serve();
        let token = served.token(&["clinician"]);
        let http = chaski_tests::http::Http::new(&served.base(), &token);
        for n in 0..5 + dice.roll(20) {
            let answer = http.post(
                "/fhir/Patient",
                &json!({
                    "resourceType": "Patient", "name": [{"family": format!("R{round}N{n}")}],
                }),
            );
            acknowledged.push(answer.expect(201).json()["id"].as_str().unwrap().to_owned());
        }
        served.child.kill();
    }
    let export = site.export();
    for id in &acknowledged {
        assert!(export.contains(id), "{id} was acknowledged and is gone");
    }
    assert_eq!(site.run(&["doctor"]).code, 0);
}

#[test]
fn serve_ends_within_a_second_of_sigterm() {
    let site = Site::init("Clinic A");
    let mut served = site.serve();
    let (code, took) = served.child.terminate();
    assert_eq!(code, 0);
    assert!(took < Duration::from_secs(1), "{took:?}");
}
