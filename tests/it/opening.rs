//! What an opening costs: as much after a command that wrote much as after one that wrote nothing.

use std::io::Read;
use std::path::PathBuf;
use std::process::Stdio;

use chaski_tests::chaski::{Site, two_clinics};
use serde_json::json;

/// Records whose import logs several times what an opening may read.
const RECORDS: u32 = 12_000;
/// Bytes that `status` may read of this: its own page table, the heads of the log, and the last 16 MB.
const READ_BYTES_MAX: u64 = 20 << 20;

/// Observations as lines of a file.
fn lines(site: &Site) -> PathBuf {
    let lines: Vec<String> = (0..RECORDS)
        .map(|number| {
            json!({
                "resourceType": "Observation", "id": format!("0190f5a0-0000-7000-9000-0000000{number:05x}"),
                "status": "final", "code": {"text": format!("Body weight, by the scale of room {number}")},
                "subject": {"reference": format!("Patient/0190f5a0-0000-7000-8000-0000000{:05x}", number / 10)},
                "valueQuantity": {"value": number % 90, "unit": "kg"},
            })
            .to_string()
        })
        .collect();
    let path = site.home.path().join("all.ndjson");
    std::fs::write(&path, lines.join("\n")).unwrap();
    path
}

/// Bytes that `chaski status` read, from wherever they came.
fn status_bytes(site: &Site) -> u64 {
    let mut command = site.command(&["status"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_to_end(&mut Vec::new()).unwrap();
    // It has ended, or is about to; until it is waited for, what it did can be asked.
    let stat = format!("/proc/{}/stat", child.id());
    while !std::fs::read_to_string(&stat).unwrap().contains(") Z ") {
        std::thread::yield_now();
    }
    let told = std::fs::read_to_string(format!("/proc/{}/io", child.id())).unwrap();
    assert!(child.wait().unwrap().success());
    let read = told.lines().find_map(|line| line.strip_prefix("rchar: "));
    read.unwrap().parse().unwrap()
}

#[test]
fn the_first_opening_after_much_was_written_reads_little() {
    let (hub, clinic) = two_clinics();
    clinic.import(&[lines(&clinic)]);
    let read = status_bytes(&clinic);
    assert!(read < READ_BYTES_MAX, "{read} bytes after the import");
    let served = hub.serve();
    assert_eq!(clinic.sync(&served).0, 0);
    drop(served);
    // Cut off, it has left what it had logged since it began or last wrote its page table out; then a newcomer that
    // fetches all of it by one command.
    let served = hub.serve();
    let newcomer = Site::join("Team", &hub.invite("mobile"));
    assert_eq!(newcomer.sync(&served).0, 0);
    drop(served);
    let read = status_bytes(&newcomer);
    assert!(read < READ_BYTES_MAX, "{read} bytes after the first sync");
}
