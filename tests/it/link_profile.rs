//! How a command is told of its link, and that what it sends goes by that: a socket that answers nothing sees
//! when it is asked again, which each profile has its own patience for.

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chaski_tests::chaski::{Running, Site, chaski};

/// Between the sign of life of a near link and that of one of the second generation, which are asked for the
/// first time again after 0.3 and 3 s.
const PATIENT: Duration = Duration::from_secs(2);
/// Datagrams that leave together lie closer than this.
const TOGETHER: Duration = Duration::from_millis(100);

/// How long a command waits, after it has called the first time, until it calls again.
fn patience(socket: &UdpSocket, mut command: Command) -> Duration {
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    command.stdin(Stdio::null());
    let _calling = Running::start(command);
    let mut buffer = [0; 2_000];
    let mut last: Option<Instant> = None;
    loop {
        socket.recv(&mut buffer).expect("it calls");
        let waited = last.map(|last| last.elapsed());
        match waited.filter(|waited| *waited > TOGETHER) {
            Some(waited) => return waited,
            None => last = Some(Instant::now()),
        }
    }
}

fn silent() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

#[test]
fn a_sync_calls_as_patiently_as_its_link_is_said_to_be() {
    let site = Site::init("Posta");
    let (socket, address) = silent();
    let flagged = site.command(&["sync", &address, "--link", "2g"]);
    assert!(patience(&socket, flagged) > PATIENT);
    let file = site.home.path().join("chaski.toml");
    std::fs::write(&file, "[peers]\nlink = \"2g\"\n").unwrap();
    let file = file.to_str().unwrap();
    let (socket, address) = silent();
    let configured = site.command(&["sync", &address, "--config", file]);
    assert!(patience(&socket, configured) > PATIENT);
}

#[test]
fn a_newcomer_calls_as_patiently_as_its_link_is_said_to_be() {
    let site = Site::init("Posta");
    let (socket, address) = silent();
    let ticket = site.run(&["invite", "--addr", &address, "--json"]).ok().json();
    let newcomer = Site::stranger();
    let mut command = newcomer.join_command("Team", ticket["ticket"].as_str().unwrap());
    command.args(["--no-mdns", "--link", "2g"]);
    assert!(patience(&socket, command) > PATIENT);
}

#[test]
fn a_link_that_does_not_exist_is_told_with_those_that_do() {
    for command in [["sync", "hub"], ["join", "chaski1"]] {
        let said = chaski([command[0], command[1], "--data", "d", "--link", "3g"]).expect(2);
        for known in ["3g", "lan", "wan", "satellite", "2g"] {
            assert!(said.err.contains(known), "{said:?}");
        }
        let help = chaski([command[0], "--help"]).ok();
        assert!(help.out.contains(&format!("chaski {}", command[0])), "{help:?}");
        assert!(help.out.contains("--link satellite") || help.out.contains("--link 2g"));
    }
    let site = Site::init("Posta");
    let file = site.home.path().join("chaski.toml");
    std::fs::write(&file, "[peers]\nlink = \"3g\"\n").unwrap();
    let said = site
        .run(&["sync", "127.0.0.1:9", "--config", file.to_str().unwrap()])
        .expect(2);
    for known in ["3g", "lan", "wan", "satellite", "2g"] {
        assert!(said.err.contains(known), "{said:?}");
    }
}

#[test]
fn a_running_node_has_its_own_links_and_says_so() {
    let site = Site::init("Posta");
    let _served = site.serve();
    let said = site.run(&["sync", "127.0.0.1:9", "--link", "2g"]).expect(2);
    assert!(
        said.err.contains("chaski serve --link") && said.err.contains("[peers]"),
        "{said:?}"
    );
}
