//! The `chaski` command, and a served node.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::ports::own_port;

/// The built binary: `CHASKI_BIN`, else beside the test binary.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("CHASKI_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("chaski");
    assert!(
        path.exists(),
        "build it first: cargo build -p chaski ({})",
        path.display()
    );
    path
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The one JSON value on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Said {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    #[track_caller]
    pub fn ok(self) -> Said {
        self.expect(0)
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A command with a clean environment.
pub fn command() -> Command {
    let mut command = Command::new(binary());
    for name in ["CHASKI_DATA", "CHASKI_PASSPHRASE_FILE", "CHASKI_KEY_FILE"] {
        command.env_remove(name);
    }
    // The default floor is 5 % of the disk: a full build machine is no test.
    command
        .env("CHASKI_DISK_FLOOR_MB", "1")
        .env("NO_COLOR", "1")
        // What people read is in the machine's zone.
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    command
}

/// Runs `chaski ARGS`.
pub fn chaski<I: IntoIterator<Item = S>, S: AsRef<std::ffi::OsStr>>(args: I) -> Said {
    command().args(args).output().unwrap().into()
}

/// One node: its directory, its key file, its ports.
pub struct Site {
    pub home: TempDir,
    pub http: u16,
    pub quic: u16,
}

impl Site {
    fn new() -> Site {
        Site {
            home: TempDir::new().unwrap(),
            http: own_port(),
            quic: own_port(),
        }
    }

    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    pub fn passphrase_file(&self) -> PathBuf {
        let path = self.home.path().join("passphrase");
        if !path.exists() {
            std::fs::write(&path, "cuatro caminos largos\n").unwrap();
        }
        path
    }

    /// A new network with this node as its first.
    pub fn init(name: &str) -> Site {
        let site = Site::new();
        let data = site.data();
        chaski([
            "init".as_ref(),
            "--data".as_ref(),
            data.as_os_str(),
            "--name".as_ref(),
            name.as_ref(),
            "--passphrase-file".as_ref(),
            site.passphrase_file().as_os_str(),
        ])
        .ok();
        site
    }

    /// A new node that joins through a served one.
    pub fn join(name: &str, ticket: &str) -> Site {
        let site = Site::new();
        site.try_join(name, ticket).ok();
        site
    }

    /// An attempt to join, from a directory that does not exist yet.
    pub fn stranger() -> Site {
        Site::new()
    }

    pub fn try_join(&self, name: &str, ticket: &str) -> Said {
        self.join_command(name, ticket).output().unwrap().into()
    }

    pub fn join_command(&self, name: &str, ticket: &str) -> Command {
        let (data, key) = (self.data(), self.passphrase_file());
        let mut command = command();
        command.args([
            "join".as_ref(),
            "--data".as_ref(),
            data.as_os_str(),
            ticket.as_ref(),
            "--name".as_ref(),
            name.as_ref(),
            "--passphrase-file".as_ref(),
            key.as_os_str(),
        ]);
        command
    }

    /// `chaski COMMAND --data DIR ARGS`, with the key in the environment.
    pub fn run(&self, args: &[&str]) -> Said {
        self.command(args).output().unwrap().into()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let (name, rest) = args.split_first().unwrap();
        let mut command = command();
        command.env("CHASKI_PASSPHRASE_FILE", self.passphrase_file());
        command.arg(name).arg("--data").arg(self.data()).args(rest);
        command
    }

    /// Writes `json` through `chaski put`.
    pub fn put(&self, json: &Value) -> Said {
        let path = self
            .home
            .path()
            .join(format!("put-{:?}.json", std::thread::current().id()));
        std::fs::write(&path, json.to_string()).unwrap();
        self.run(&["put", path.to_str().unwrap()])
    }

    pub fn read(&self, reference: &str) -> Value {
        self.run(&["get", reference]).ok().json()
    }

    pub fn export(&self) -> String {
        self.run(&["export"]).ok().out
    }

    pub fn import(&self, files: &[PathBuf]) {
        let mut args = vec!["import".to_owned()];
        args.extend(files.iter().map(|file| file.to_str().unwrap().to_owned()));
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.run(&args).ok();
    }

    pub fn conflicts(&self) -> Value {
        self.run(&["conflicts", "--json"]).ok().json()
    }

    pub fn status(&self) -> Value {
        self.run(&["status", "--json"]).ok().json()
    }

    /// One exchange; the report, whatever the exit code.
    pub fn sync(&self, peer: &Served<'_>) -> (i32, Value) {
        let said = self.run(&["sync", &format!("127.0.0.1:{}", peer.site.quic), "--json"]);
        let report = if said.out.trim().is_empty() {
            panic!("{said:#?}")
        } else {
            said.json()
        };
        (said.code, report)
    }

    /// A ticket for one more node; the site must be served.
    pub fn invite(&self, role: &str) -> String {
        let address = format!("127.0.0.1:{}", self.quic);
        let said = self
            .run(&["invite", "--role", role, "--addr", &address, "--json"])
            .ok()
            .json();
        said["ticket"].as_str().unwrap().to_owned()
    }

    /// Serves the node until the value is dropped.
    pub fn serve(&self) -> Served<'_> {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, more: &[&str]) -> Served<'_> {
        let (http, quic) = (
            format!("127.0.0.1:{}", self.http),
            format!("127.0.0.1:{}", self.quic),
        );
        let mut args = vec!["serve", "--http", &http, "--quic", &quic];
        args.extend(more);
        self.serve_by(self.command(&args))
    }

    /// Serves the node by a command of its own until the value is dropped.
    pub fn serve_by(&self, command: Command) -> Served<'_> {
        let child = Running::start(command);
        let served = Served { site: self, child };
        served.child.wait_for_port(self.http);
        served
    }
}

/// A child process that is killed when dropped.
pub struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
}

impl Running {
    pub fn start(mut command: Command) -> Running {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for stream in streams {
            let said = said.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut said = said.lock().unwrap();
                    said.push_str(&line);
                    said.push('\n');
                }
            });
        }
        Running { child, said }
    }

    /// All that both streams have said so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn wait_for_port(&self, port: u16) {
        self.wait_until("its port to open", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    #[track_caller]
    pub fn wait_until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let started = Instant::now();
        while !done() {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "waited for {what}; it said: {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it at once, as a power cut would: kill −9.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and how long it took to end.
    pub fn terminate(&mut self) -> (i32, Duration) {
        self.stop("TERM")
    }

    /// A signal, `TERM` or `INT`, and how long it took to end, without the time its threads stood ready
    /// and got no processor: on a machine that is busy with something else that is not its own.
    pub fn stop(&mut self, signal: &str) -> (i32, Duration) {
        let started = Instant::now();
        let before = waited(self.child.id());
        let mut last = before.clone();
        Command::new("kill")
            .args([format!("-{signal}"), self.child.id().to_string()])
            .status()
            .unwrap();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let waits = last
                    .iter()
                    .map(|(thread, ns)| ns.saturating_sub(before.get(thread).copied().unwrap_or(0)));
                let took = started
                    .elapsed()
                    .saturating_sub(Duration::from_nanos(waits.sum()));
                return (status.code().unwrap_or(-1), took);
            }
            last.extend(waited(self.child.id()));
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "SIG{signal} was not heard: {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// How long each thread of a process has been ready to run without running, in nanoseconds.
fn waited(process: u32) -> BTreeMap<OsString, u64> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task"));
    let of = |thread: std::io::Result<std::fs::DirEntry>| {
        let thread = thread.ok()?;
        let said = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        Some((thread.file_name(), said.split(' ').nth(1)?.parse().ok()?))
    };
    threads.into_iter().flatten().filter_map(of).collect()
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A site that is being served.
pub struct Served<'a> {
    pub site: &'a Site,
    pub child: Running,
}

impl Served<'_> {
    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.site.http)
    }

    /// A token with the given roles, made through the admin socket.
    pub fn token(&self, roles: &[&str]) -> String {
        let mut args = vec!["token", "create", "--json"];
        for role in roles {
            args.extend(["--role", role]);
        }
        let (first, rest) = args.split_first().unwrap();
        let mut command = command();
        command.env("CHASKI_PASSPHRASE_FILE", self.site.passphrase_file());
        command.arg(first).arg("--data").arg(self.site.data()).args(rest);
        let said: Said = command.output().unwrap().into();
        said.ok().json()["token"].as_str().unwrap().to_owned()
    }
}

/// Two clinics of one network, neither served.
pub fn two_clinics() -> (Site, Site) {
    let a = Site::init("Clinic A");
    let ticket_from = a.serve();
    let b = Site::join("Clinic B", &a.invite("clinic"));
    drop(ticket_from);
    (a, b)
}
