//! Streams that take nothing: what a command does and ends with is the same, and nothing that it alone knows is lost.

use std::fs::File;
use std::process::{Command, Stdio};

use chaski_tests::chaski::{Site, command, two_clinics};
use serde_json::json;

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A process that ends with the test.
struct Ends(std::process::Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

fn code(mut command: Command) -> i32 {
    command.status().unwrap().code().unwrap()
}

#[test]
fn a_standard_error_that_takes_nothing_changes_no_exit_code() {
    let site = Site::init("Clinic A");
    let rows: [(&[&str], i32); 4] = [
        (&["sync", "Posta"], 1),
        (&["status"], 0),
        (&["get", "Patient/none"], 1),
        (&["status", "--no-such-flag"], 2),
    ];
    for (args, expected) in rows {
        for stderr in [full, closed] {
            let mut given = site.command(args);
            given.stdout(Stdio::null()).stderr(stderr());
            assert_eq!(code(given), expected, "{args:?}");
        }
    }
}

#[test]
fn words_that_cannot_be_told_are_kept_in_their_file() {
    let home = tempfile::tempdir().unwrap();
    // Both streams, and the exit code.
    type Row = (&'static str, fn() -> Stdio, fn() -> Stdio, i32);
    let streams: [Row; 4] = [
        ("a", Stdio::null, full, 0),
        ("b", Stdio::null, closed, 0),
        ("c", closed, closed, 0),
        ("d", full, full, 1),
    ];
    for (name, stdout, stderr, expected) in streams {
        let key = home.path().join(format!("{name}.key"));
        let mut init = command();
        init.arg("init").arg("--data").arg(home.path().join(name));
        init.args(["--name", name]).arg("--key-file").arg(&key);
        init.stdout(stdout()).stderr(stderr());
        assert_eq!(code(init), expected, "{name}");
        let words = home.path().join(format!("{name}.key.recovery-words"));
        let words = std::fs::read_to_string(&words).unwrap();
        assert!(words.split_whitespace().count() >= 12, "{name}");
    }
}

#[test]
fn a_reader_that_has_had_enough_turns_no_failure_into_a_success() {
    let (a, b) = two_clinics();
    let patient = json!({"resourceType": "Patient", "id": "0190f5a0-0000-7000-8000-000000000001"});
    a.put(&patient).ok();
    let stick = tempfile::tempdir().unwrap();
    let file = stick.path().join("x");
    let path = file.to_str().unwrap();
    a.run(&["parcel", "write", path]).ok();
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 5]).unwrap();
    let rows: [(&Site, &[&str], i32); 7] = [
        (&b, &["hub", "status"], 3),
        (&b, &["hub", "status", "--json"], 3),
        (&b, &["parcel", "read", path], 1),
        (&b, &["parcel", "read", path, "--json"], 1),
        (&b, &["status"], 0),
        (&b, &["export"], 0),
        (&b, &["--help"], 0),
    ];
    for (site, args, expected) in rows {
        let alone = site.run(args).code;
        let mut given = site.command(args);
        given.stdout(closed()).stderr(Stdio::null());
        assert_eq!((alone, code(given)), (expected, expected), "{args:?}");
    }
    // A disk that is full is another thing than a reader that has gone.
    let mut lost = b.command(&["status"]);
    lost.stdout(full()).stderr(Stdio::null());
    assert_eq!(code(lost), 1);
}

#[test]
fn a_served_node_runs_on_where_nobody_reads_what_it_says() {
    let site = Site::init("Clinic A");
    let (http, quic) = (
        format!("127.0.0.1:{}", site.http),
        format!("127.0.0.1:{}", site.quic),
    );
    let mut serve = site.command(&["serve", "--http", &http, "--quic", &quic]);
    serve.env("CHASKI_LOG", "debug").stdout(closed()).stderr(full());
    let Ends(child) = &mut Ends(serve.spawn().unwrap());
    let begun = std::time::Instant::now();
    while std::net::TcpStream::connect(&http).is_err() {
        assert!(begun.elapsed().as_secs() < 60, "it is not up");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    site.put(&json!({"resourceType": "Patient"})).ok();
    assert_eq!(site.status()["records"], json!(1));
    assert!(child.try_wait().unwrap().is_none());
    Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
