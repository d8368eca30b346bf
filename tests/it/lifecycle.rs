//! Told to stop at any moment of its start, a node or a demo ends within a second and keeps what it had.

use std::time::{Duration, Instant};

use chaski_tests::chaski::{Running, Site, chaski, command, two_clinics};
use serde_json::Value;

/// What the specification allows between the signal and the end.
const STOP_MAX: Duration = Duration::from_secs(1);

#[track_caller]
fn ends_in_time(child: &mut Running, signal: &str, when: &str) {
    let (code, took) = child.stop(signal);
    assert_eq!(code, 0, "{signal} {when}: {}", child.said());
    assert!(took < STOP_MAX, "{signal} {when} took {took:?}: {}", child.said());
    assert!(!child.said().contains("panicked"), "{when}: {}", child.said());
}

#[test]
fn a_stop_is_heard_while_the_lock_is_awaited() {
    let site = Site::init("Clinic A");
    let served = site.serve();
    for signal in ["TERM", "INT"] {
        let args = ["serve", "--http", "127.0.0.1:0", "--quic", "127.0.0.1:0"];
        let mut waiting = Running::start(site.command(&args));
        std::thread::sleep(Duration::from_millis(700));
        ends_in_time(&mut waiting, signal, "while the lock is held by another");
    }
    drop(served);
}

#[test]
fn a_stop_is_heard_at_any_moment_of_a_first_start() {
    for (index, wait_ms) in [20, 60, 120, 200, 300, 450, 700].into_iter().enumerate() {
        let home = tempfile::tempdir().unwrap();
        let passphrase = home.path().join("passphrase");
        std::fs::write(&passphrase, "cuatro caminos largos\n").unwrap();
        let start = || {
            let mut command = command();
            command.env("CHASKI_PASSPHRASE_FILE", &passphrase);
            command.arg("serve").arg("--data").arg(home.path().join("data"));
            command.args(["--http", "127.0.0.1:0", "--quic", "127.0.0.1:0"]);
            Running::start(command)
        };
        let mut child = start();
        // Before it listens for signals one ends it at once, as it does any program.
        child.wait_until("its first file", || home.path().join("data").exists());
        std::thread::sleep(Duration::from_millis(wait_ms));
        let signal = if index % 2 == 0 { "TERM" } else { "INT" };
        ends_in_time(&mut child, signal, &format!("{wait_ms} ms after the start"));
        // Whatever was made by then is a node, or becomes one.
        let mut child = start();
        child.wait_until("the node to be up", || child.said().contains("is up"));
        ends_in_time(&mut child, signal, "once it was up");
    }
}

#[test]
fn a_demo_told_to_stop_while_it_starts_leaves_nothing() {
    for wait_ms in [0, 100, 300, 700, 1_500] {
        let home = tempfile::tempdir().unwrap();
        let mut command = command();
        command.env("TMPDIR", home.path()).args(["demo", "--json"]);
        let mut child = Running::start(command);
        let count = || std::fs::read_dir(home.path()).unwrap().count();
        child.wait_until("its directory", || count() > 0);
        std::thread::sleep(Duration::from_millis(wait_ms));
        ends_in_time(&mut child, "TERM", &format!("{wait_ms} ms after the start"));
        assert_eq!(count(), 0, "{wait_ms} ms: {}", child.said());
    }
}

#[test]
fn a_demo_that_is_started_again_has_no_more_tokens() {
    let home = tempfile::tempdir().unwrap();
    let mut seen: Vec<(Value, String)> = Vec::new();
    for _ in 0..2 {
        let mut command = command();
        command
            .args(["demo", "--json", "--patients", "2", "--dir"])
            .arg(home.path());
        let mut child = Running::start(command);
        child.wait_until("the demo to be up", || child.said().contains("\"page\""));
        let hub = home.path().join("hub");
        let said = chaski(["token", "list", "--json", "--data", hub.to_str().unwrap()]).ok();
        seen.push((
            said.json(),
            std::fs::read_to_string(home.path().join("hub.token")).unwrap(),
        ));
        ends_in_time(&mut child, "TERM", "once it was up");
    }
    assert_eq!(seen[0].0.as_array().unwrap().len(), 2, "{}", seen[0].0);
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn a_command_that_is_interrupted_says_so_and_loses_nothing() {
    let site = Site::init("Clinic A");
    let file = site.home.path().join("many.ndjson");
    let records: String = (0..20_000)
        .map(|number| {
            format!(
                "{{\"resourceType\":\"Basic\",\"id\":\"0190f5a0-0000-7000-8000-{number:012}\",\"code\":{{\"text\":\"x\"}}}}\n"
            )
        })
        .collect();
    std::fs::write(&file, records).unwrap();
    for signal in ["INT", "TERM"] {
        let mut import = Running::start(site.command(&["import", file.to_str().unwrap()]));
        std::thread::sleep(Duration::from_millis(900));
        let (code, took) = import.stop(signal);
        assert!(
            code == 1 && took < STOP_MAX,
            "{signal}: {code} after {took:?}: {}",
            import.said()
        );
        assert!(
            import.said().contains("interrupted"),
            "{signal}: {}",
            import.said()
        );
    }
    site.import(&[file]);
    assert_eq!(site.status()["records"], 20_000);
}

#[test]
fn an_interrupted_import_into_a_served_node_stops_and_says_how_much_was_taken() {
    let site = Site::init("Clinic A");
    let served = site.serve();
    let file = site.home.path().join("many.json");
    // One bundle: all of it is at the node long before it is taken.
    let entries: Vec<String> = (0..30_000)
        .map(|number| {
            format!(
                "{{\"resource\":{{\"resourceType\":\"Basic\",\"id\":\"0190f5a0-0000-7000-8000-{number:012}\",\"code\":{{\"text\":\"x\"}}}}}}"
            )
        })
        .collect();
    let bundle = format!(
        "{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{}]}}",
        entries.join(",")
    );
    std::fs::write(&file, bundle).unwrap();
    let records = || site.status()["records"].as_u64().unwrap();
    let mut import = Running::start(site.command(&["import", file.to_str().unwrap()]));
    served.child.wait_until("records", || records() > 0);
    let (code, took) = import.stop("INT");
    assert!(code == 1 && took < STOP_MAX, "{code} after {took:?}");
    let said = import.said();
    let told = said
        .split("at least ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let told: u64 = told.unwrap_or_else(|| panic!("{said}")).parse().unwrap();
    // What was handed to the writer is written; then nothing more.
    let mut before = records();
    loop {
        std::thread::sleep(Duration::from_millis(1_500));
        let now = records();
        if now == before {
            break;
        }
        before = now;
    }
    assert!(told <= before && before < 30_000, "{told} told, {before} taken");
    site.import(&[file]);
    assert_eq!(records(), 30_000);
}

#[test]
fn an_interrupted_bench_leaves_neither_files_nor_processes() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().to_str().unwrap().to_owned();
    let mut command = command();
    command
        .env("TMPDIR", home.path())
        .args(["bench", "--records", "200", "--start-records", "200"]);
    let mut bench = Running::start(command);
    // Its last part measures a process of its own.
    let serving = || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        all.filter(|process| {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            line.contains("serve") && line.contains(&folder)
        })
        .count()
    };
    let started = Instant::now();
    while serving() == 0 {
        let waited = started.elapsed() < Duration::from_secs(180);
        assert!(waited && !bench.said().contains("error"), "{}", bench.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    let (code, took) = bench.stop("TERM");
    assert!(
        code == 1 && took < Duration::from_secs(3),
        "{code} after {took:?}"
    );
    assert_eq!(serving(), 0, "its process ended with it");
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_second_serve_says_who_has_the_directory() {
    let site = Site::init("Clinic A");
    let served = site.serve();
    let args = ["serve", "--http", "127.0.0.1:0", "--quic", "127.0.0.1:0"];
    let said = site.run(&args).expect(6);
    let process = format!("process {}", served.child.id());
    assert!(
        said.err.contains("is served already by a running chaski") && said.err.contains(&process),
        "{said:?}"
    );
    assert_eq!(site.status()["records"], 0, "the first one goes on");
}

#[test]
fn recovery_words_outlive_a_power_cut_at_any_moment_of_a_first_start() {
    for wait_ms in [0, 30, 80, 150, 300, 600] {
        let home = tempfile::tempdir().unwrap();
        let passphrase = home.path().join("passphrase");
        std::fs::write(&passphrase, "cuatro caminos largos\n").unwrap();
        let start = || {
            let mut command = command();
            command.env("CHASKI_PASSPHRASE_FILE", &passphrase);
            command.arg("serve").arg("--data").arg(home.path().join("data"));
            command.args(["--http", "127.0.0.1:0", "--quic", "127.0.0.1:0"]);
            Running::start(command)
        };
        let mut child = start();
        child.wait_until("its first file", || home.path().join("data").exists());
        std::thread::sleep(Duration::from_millis(wait_ms));
        child.kill();
        let mut child = start();
        child.wait_until("the node to be up", || child.said().contains("is up"));
        let words = std::fs::read_to_string(home.path().join("passphrase.recovery-words"));
        let words = words.unwrap_or_else(|error| panic!("{wait_ms} ms: {error}: {}", child.said()));
        assert_eq!(words.split_whitespace().count(), 24, "{wait_ms} ms");
        child.kill();
    }
}

#[test]
fn an_interrupted_sync_says_so_loses_nothing_and_can_be_repeated() {
    let (a, b) = two_clinics();
    let file = a.home.path().join("many.ndjson");
    let records: String = (0..6_000)
        .map(|number| {
            format!(
                "{{\"resourceType\":\"Basic\",\"id\":\"0190f5a0-0000-7000-8000-{number:012}\",\"code\":{{\"text\":\"x\"}}}}\n"
            )
        })
        .collect();
    std::fs::write(&file, records).unwrap();
    a.import(&[file]);
    let served = a.serve();
    let address = format!("127.0.0.1:{}", a.quic);
    let signal_a = |name: &str| {
        let id = served.child.id().to_string();
        let done = std::process::Command::new("kill").args([name, &id]).status();
        assert!(done.unwrap().success());
    };
    for (signal, wait_ms) in [("INT", 200), ("TERM", 100)] {
        let mut sync = Running::start(b.command(&["sync", &address]));
        std::thread::sleep(Duration::from_millis(wait_ms));
        // However fast the machine is, it does not end before it is interrupted.
        signal_a("-STOP");
        std::thread::sleep(Duration::from_millis(500));
        let (code, took) = sync.stop(signal);
        signal_a("-CONT");
        let said = sync.said();
        assert!(
            code == 1 && took < STOP_MAX,
            "{signal}: {code} after {took:?}: {said}"
        );
        assert!(
            said.contains("interrupted") && !said.contains("panicked"),
            "{said}"
        );
    }
    let (code, report) = b.sync(&served);
    assert_eq!(code, 0, "{report}");
    assert!(a.export() == b.export());
    assert_eq!(b.run(&["doctor"]).code, 0);
}

#[test]
fn an_interrupted_join_can_be_repeated_with_the_same_ticket() {
    let a = Site::init("Clinic A");
    let served = a.serve();
    let ticket = a.invite("clinic");
    let b = Site::stranger();
    let signal_a = |name: &str| {
        let id = served.child.id().to_string();
        let done = std::process::Command::new("kill").args([name, &id]).status();
        assert!(done.unwrap().success());
    };
    for signal in ["INT", "TERM"] {
        // The issuer is there and says nothing, as behind a link that has just failed.
        signal_a("-STOP");
        let mut join = Running::start(b.command(&["join", &ticket, "--name", "Clinic B"]));
        join.wait_until("its directory", || b.data().join("slots.json").exists());
        std::thread::sleep(Duration::from_millis(500));
        let (code, took) = join.stop(signal);
        signal_a("-CONT");
        let said = join.said();
        assert!(
            code == 1 && took < STOP_MAX && said.contains("interrupted"),
            "{signal}: {code} after {took:?}: {said}"
        );
    }
    b.try_join("Clinic B", &ticket).ok();
    let words = std::fs::read_to_string(b.home.path().join("passphrase.recovery-words")).unwrap();
    assert_eq!(words.split_whitespace().count(), 24);
    assert_eq!(b.sync(&served).0, 0);
}
