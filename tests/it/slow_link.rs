//! Links that are slow, lossy, and cut.

use std::time::{Duration, Instant};

use chaski_tests::chaski::{Running, Site, two_clinics};
use chaski_tests::link::{Link, Quality, SECOND_GENERATION};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::{Value, json};

/// Observations of a morning's round, as lines of a file.
fn a_round(site: &Site, count: u32) -> std::path::PathBuf {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let lines: Vec<String> = (0..count)
        .map(|number| {
            let patient = format!("0190f5a0-0000-7000-8000-0000000{:05x}", number / 10);
            json!({
                "resourceType": "Observation", "id": format!("0190f5a0-0000-7000-9000-0000000{number:05x}"),
                "status": "final",
                "category": [{"coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                    "code": "vital-signs", "display": "Vital signs",
                }]}],
                "code": {"coding": [{
                    "system": "http://loinc.org", "code": "29463-7", "display": "Body weight",
                }], "text": "Body weight"},
                "subject": {"reference": format!("Patient/{patient}")},
                "effectiveDateTime": format!("2026-11-23T09:{:02}:{:02}-05:00", number / 60 % 60, number % 60),
                "valueQuantity": {
                    "value": f64::from(rng.next_u32() % 900) / 10.0 + 8.0,
                    "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg",
                },
            })
            .to_string()
        })
        .collect();
    let path = site.home.path().join("round.ndjson");
    std::fs::write(&path, lines.join("\n")).unwrap();
    path
}

fn sync_through(site: &Site, link: &Link) -> Value {
    let said = site.run(&["sync", &format!("127.0.0.1:{}", link.port), "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    said.json()
}

#[test]
fn five_hundred_records_cross_a_link_of_the_second_generation_in_a_minute() {
    let (hub, clinic) = two_clinics();
    clinic.import(&[a_round(&clinic, 500)]);
    let served = hub.serve();
    let link = Link::to(hub.quic, SECOND_GENERATION, 1);
    let started = Instant::now();
    let report = sync_through(&clinic, &link);
    let seconds = started.elapsed().as_secs_f64();
    eprintln!(
        "500 records at 30 kbit/s, 600 ms, 2 % loss: {seconds:.1} s, {} B out, {} B of UDP",
        report["bytes_out"], report["wire_bytes"]
    );
    assert_eq!(report["sent_records"], 500, "{report}");
    assert!(seconds < 60.0, "{seconds} s: {report}");
    let started = Instant::now();
    let report = sync_through(&clinic, &link);
    eprintln!("nothing changed: {:.1} s", started.elapsed().as_secs_f64());
    assert_eq!(report["sent_records"], 0, "{report}");
    drop(served);
    assert_eq!(hub.export(), clinic.export());
}

#[test]
fn a_power_cut_within_a_large_record_costs_little_of_it() {
    const SCAN_BYTES: usize = 1_600_000;
    let (hub, clinic) = two_clinics();
    let mut noise = vec![0_u8; SCAN_BYTES];
    ChaCha8Rng::seed_from_u64(3).fill_bytes(&mut noise);
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let data: String = noise
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 64)]))
        .collect();
    let scan = json!({
        "resourceType": "Binary", "id": "0190f5a0-0000-7000-a000-000000000001",
        "contentType": "image/jpeg", "data": data,
    });
    hub.put(&scan).ok();
    let served = hub.serve();
    let quality = Quality {
        bits_per_s: 500_000,
        delay: Duration::from_millis(50),
        loss_percent: 1,
    };
    let link = Link::to(hub.quic, quality, 2);
    let address = format!("127.0.0.1:{}", link.port);
    let mut first = Running::start(clinic.command(&["sync", &address]));
    // Longer than what has come waits to be kept, shorter than the whole takes.
    first.wait_until("most of the scan", || link.delivered() > 900_000);
    first.kill();
    assert!(!clinic.export().contains("image/jpeg"));
    let report = sync_through(&clinic, &link);
    let again = report["bytes_in"].as_u64().unwrap();
    let whole = SCAN_BYTES as u64 * 3 / 4;
    eprintln!("{again} B of {whole} came after the cut");
    assert!(again < whole * 7 / 10, "{again} B of {whole} came again");
    drop(served);
    assert_eq!(hub.export(), clinic.export());
}
