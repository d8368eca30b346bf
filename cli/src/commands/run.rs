//! What stays in the foreground: serve, demo; and bench.

use std::path::Path;

use chaski_node::config::{ConfigFile, Log, SYSTEM_CONFIG, TlsMode};
use chaski_node::{DemoOptions, NodeError, ServeOptions, Up};

use super::ask::{data, key};
use super::links::{placed, profile};
use super::network::qr;
use crate::args::{Bench, Demo, Serve, Tls};
use crate::output::{Failure, is_closed, is_terminal, json, line, note};

pub async fn serve(args: Serve) -> Result<u8, Failure> {
    let mut file = config_file(&args)?;
    if args.log_json {
        file.log.json = true;
    }
    chaski_node::telemetry::start(&file.log);
    if let Some(name) = &file.zone {
        chaski_node::zone::choose(name)?;
    }
    if let Some(address) = args.http {
        file.http.address = address;
    }
    if args.tls == Some(Tls::Auto) {
        file.http.tls = TlsMode::Auto;
    }
    if args.tls_cert.is_some() {
        file.http.tls = TlsMode::Files;
        file.http.certificate = args.tls_cert.clone();
        file.http.key = args.tls_key.clone();
    }
    file.peers.address = args.quic.unwrap_or(file.peers.address);
    file.peers.mdns |= args.mdns;
    if !args.advertise.is_empty() {
        file.peers.advertise = args.advertise;
    }
    if !args.dial.is_empty() {
        file.peers.dial = args.dial;
    }
    if let Some(link) = args.link {
        file.peers.link = profile(link);
    }
    file.http.check()?;
    let place = placed(args.place, &file);
    let options = ServeOptions {
        data: data(&place)?,
        key: key(&place.key),
        config: file,
    };
    chaski_node::serve(options, show).await?;
    Ok(0)
}

/// The file named; without one, and without a directory on the command line, the system's if it exists.
fn config_file(args: &Serve) -> Result<ConfigFile, Failure> {
    match &args.config {
        Some(path) => Ok(ConfigFile::read(path)?),
        None if args.place.data.is_none() && Path::new(SYSTEM_CONFIG).exists() => {
            Ok(ConfigFile::read(Path::new(SYSTEM_CONFIG))?)
        }
        None => Ok(ConfigFile::default()),
    }
}

/// Says where the node is reached. The output being closed doesn't stop a node.
fn show(up: &Up) {
    let _printed = print_up(up);
}

fn print_up(up: &Up) -> Result<(), Failure> {
    for notice in &up.notices {
        note(notice);
    }
    if up.locked {
        return line(format!("Locked. Unlock it at {}", up.http));
    }
    line(format!("{} is up", up.name))?;
    line(format!("pages   {}", up.http))?;
    line(format!("FHIR    {}fhir", up.http))?;
    line(format!("peers   {} (UDP)", up.quic))?;
    if let Some(file) = &up.token_file {
        line(format!("log in  with the one-use token in {}", file.display()))?;
    }
    if let Some(fingerprint) = &up.certificate {
        line(format!("HTTPS certificate, SHA-256 {fingerprint}"))?;
        if is_terminal() {
            line(qr(fingerprint)?)?;
        }
    }
    Ok(())
}

pub async fn demo(args: Demo) -> Result<u8, Failure> {
    let as_json = args.json;
    chaski_node::telemetry::start(&Log {
        filter: "warn".to_owned(),
        json: false,
    });
    let options = DemoOptions {
        dir: args.dir,
        patients: args.patients,
        port: args.port,
    };
    chaski_node::demo(options, move |up| {
        let printed = if as_json { json(up) } else { demo_text(up) };
        if is_closed() {
            // Three nodes that nobody finds would run on unseen.
            return Err(NodeError::Failed(
                "nobody reads where the demo is: standard output is closed".to_owned(),
            ));
        }
        printed.map_err(|failure| match failure {
            Failure::Node(error) => error,
            Failure::Output(error) => NodeError::io("printing where the demo is", &error),
            Failure::Interrupted | Failure::ImportInterrupted(_) => NodeError::Failed(failure.to_string()),
        })
    })
    .await?;
    Ok(0)
}

fn demo_text(up: &chaski_node::DemoUp) -> Result<(), Failure> {
    line("Three nodes with made-up people are up. Open this page:")?;
    line(format!("\n  {}\n", up.page))?;
    line("Pull a cable there, change the same patient at two places, plug it in again.")?;
    for node in &up.nodes {
        line(format!(
            "  {:<8} {:<28} peers {:<16} {}",
            node.name,
            node.http,
            node.quic,
            node.data.display()
        ))?;
    }
    line("Ctrl-C ends it.")
}

pub async fn bench(args: Bench) -> Result<u8, Failure> {
    let start_records = args.start_records;
    let options = chaski_bench::BenchOptions {
        records: args.records,
        start_records,
        kit: args.kit,
    };
    let mut bar = crate::progress::Bar::default();
    let report = chaski_bench::bench(options, &mut |progress| bar.show(progress)).await?;
    drop(bar);
    if args.json {
        json(&report)?
    } else {
        line(report.table().trim_end())?
    }
    Ok(0)
}
