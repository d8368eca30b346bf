//! Start and idle memory of a real `serve`, in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use chaski_node::{NodeError, blocking};

use crate::client::Client;
use crate::median::median;

/// Starts that are measured, of which the median counts.
const ROUNDS: usize = 3;

/// How long a start may take before it counts as failed.
const START_MAX: Duration = Duration::from_secs(60);

/// Lines of `serve`'s output looked at for its address.
const LINES_MAX: usize = 50;

/// How long a node idles before its memory is read.
const IDLE: Duration = Duration::from_secs(3);

/// Seconds until `serve` answers, and its resident memory in MB once it idles.
///
/// # Errors
/// When it doesn't come up.
pub async fn start_and_memory(data: &Path) -> Result<(f64, f64), NodeError> {
    let (mut starts, mut memories) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (start, memory) = one(data).await?;
        starts.push(start);
        memories.push(memory);
    }
    Ok((median(starts), median(memories)))
}

async fn one(data: &Path) -> Result<(f64, f64), NodeError> {
    let program = std::env::current_exe().map_err(|error| NodeError::io("finding this program", &error))?;
    let begun = Instant::now();
    let child = Command::new(program)
        .args([
            "serve",
            "--http",
            "127.0.0.1:0",
            "--quic",
            "127.0.0.1:0",
            "--unsealed",
            "--data",
        ])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| NodeError::io("starting serve", &error))?;
    let mut child = Served(child);
    let id = child.0.id();
    let output = child.0.stdout.take();
    let measured = tokio::time::timeout(START_MAX, async {
        let address = blocking(move || {
            output
                .and_then(address)
                .ok_or_else(|| NodeError::Failed("serve ended at once".to_owned()))
        })
        .await?;
        measure(address, id, begun).await
    })
    .await;
    child.end()?;
    measured.map_err(|_| NodeError::Failed("serve did not come up in a minute".to_owned()))?
}

/// The address `serve` says that its pages are at.
fn address(output: ChildStdout) -> Option<SocketAddr> {
    BufReader::new(output)
        .lines()
        .map_while(Result::ok)
        .take(LINES_MAX)
        .find_map(|line| {
            let url = line
                .split_whitespace()
                .find_map(|word| word.strip_prefix("http://"))?;
            url.trim_end_matches('/').parse().ok()
        })
}

async fn measure(address: SocketAddr, process: u32, begun: Instant) -> Result<(f64, f64), NodeError> {
    let (status, _) = Client::connect(address, None).await?.get("/health").await?;
    if status != 200 {
        return Err(NodeError::Failed(format!("serve's health is {status}")));
    }
    let start = begun.elapsed().as_secs_f64();
    tokio::time::sleep(IDLE).await;
    Ok((start, resident_mb(process)?))
}

fn resident_mb(process: u32) -> Result<f64, NodeError> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))
        .map_err(|error| NodeError::io("reading serve's memory", &error))?;
    let kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
        .ok_or_else(|| NodeError::Failed("the kernel tells no resident memory".to_owned()))?;
    Ok(kib * 1024.0 / 1_000_000.0)
}

/// The process that is measured; it ends with the measuring, however that ends.
struct Served(Child);

impl Served {
    fn end(&mut self) -> Result<(), NodeError> {
        let failed = |error: std::io::Error| NodeError::io("ending serve", &error);
        if let Some(id) = i32::try_from(self.0.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            rustix::process::kill_process(id, rustix::process::Signal::TERM)
                .map_err(|error| failed(error.into()))?;
        }
        self.0.wait().map_err(failed)?;
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Ended already where nothing went wrong; its directory is thrown away, so it need not close it.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _gone = self.0.kill();
            let _reaped = self.0.wait();
        }
    }
}
