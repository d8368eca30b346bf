//! A machine whose clock battery is dead, or that was set a year ahead, works and syncs like any other.

use chaski_tests::at::{library, site_at};
use chaski_tests::chaski::{Said, Site, two_clinics};
use serde_json::{Value, json};

/// A command of a site at another time.
fn at(site: &Site, time: &str, args: &[&str]) -> Said {
    site_at(site, time, args).output().unwrap().into()
}

fn person(number: u32, phone: &str) -> Value {
    json!({"resourceType": "Patient", "id": format!("0190f5a0-0000-7000-8000-0000000{number:05x}"),
        "name": [{"family": format!("Familia{number}")}],
        "telecom": [{"system": "phone", "value": phone}]})
}

fn put_at(site: &Site, time: &str, json: &Value) {
    let file = site.home.path().join("one.json");
    std::fs::write(&file, json.to_string()).unwrap();
    at(site, time, &["put", file.to_str().unwrap()]).ok();
}

#[test]
fn a_clock_at_1970_or_a_year_ahead_locks_nobody_out_and_loses_nothing() {
    if library().is_none() {
        return chaski_tests::skip("no libfaketime");
    }
    for (time, skew) in [("@1970-01-02 00:00:00", "behind"), ("+365d", "ahead")] {
        let (a, b) = two_clinics();
        a.put(&person(1, "from the clinic")).ok();
        put_at(&b, time, &person(2, "from the wrong clock"));
        let served = a.serve();
        let to_a = format!("127.0.0.1:{}", a.quic);
        let said = at(&b, time, &["sync", &to_a, "--json"]).ok().json();
        assert_eq!(said["in_sync"], true, "{time}: {said}");
        assert_eq!(a.export(), b.export(), "{time}");
        assert_eq!(a.export().lines().count(), 2, "{time}");
        // Whoever looks is told, and by how much.
        let peers = a.run(&["peer", "list"]).ok().out;
        assert!(peers.contains("days") && peers.contains(skew), "{time}: {peers}");
        // What is changed there now is not lost to the clock either: last written is what is shown.
        let id = person(1, "")["id"].as_str().unwrap().to_owned();
        let mut same = b.read(&format!("Patient/{id}"));
        same["telecom"] = person(1, "changed there")["telecom"].clone();
        put_at(&b, time, &same);
        assert_eq!(at(&b, time, &["sync", &to_a]).code, 0, "{time}");
        let shown = a.read(&format!("Patient/{id}"));
        assert_eq!(shown["telecom"][0]["value"], "changed there", "{time}");
        // Set right again, it goes on.
        assert_eq!(b.sync(&served).0, 0, "{time}");
        b.put(&person(3, "after")).ok();
        assert_eq!(b.sync(&served).0, 0, "{time}");
        assert_eq!(a.export(), b.export(), "{time}");
    }
}
