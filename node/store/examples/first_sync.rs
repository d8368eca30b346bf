//! What a first sync costs each end, apart, on one thread, so that instructions can be counted:
//!
//! ```text
//! cargo build --release -p chaski-store --example first_sync
//! first_sync prepare DIR 2000
//! valgrind --tool=callgrind first_sync send DIR       # feed, changes, batches
//! valgrind --tool=callgrind first_sync receive DIR    # decode, verify, stage, commit
//! valgrind --tool=callgrind first_sync open DIR       # to be taken off the two others
//! ```
//!
//! Without valgrind each tells the CPU time its own thread spent in each phase, which a loaded
//! machine falsifies less than a rate; sled's threads and waiting for the disk are not in it.

use std::{
    io::{Read, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use chaski_crdt::{
    author::{NetworkId, SignedChange, VerifiedChange},
    codec::{decode_batch, encode_batch},
};
use chaski_json::Json;
use chaski_store::{
    Base, Context, CursorUpdate, Identity, NodeId, OpenOptions, RecordKey, Store, SystemEnv, Unlock, Write,
};

// What the binary runs with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
type Part = (RecordKey, Vec<SignedChange>);

/// Entries a sender reads of the feed at a time, and records of a batch: about 64 KiB of them.
const PAGE: usize = 400;
const NETWORK: NetworkId = NetworkId([1; 32]);

fn options() -> OpenOptions {
    OpenOptions {
        disk_floor_bytes: 0,
        disk_floor_percent: 0,
        argon2_memory_kib: 1024,
        // All on one thread.
        background: false,
        ..OpenOptions::default()
    }
}

fn create(dir: &Path, seed: u8) -> Result<Store> {
    let unlock = Unlock::Raw([7; 32]);
    let store = Store::create(dir, &unlock, Arc::new(SystemEnv), options())?.store;
    store.identity_set(&Identity {
        signing_seed: [seed; 32],
        network: NETWORK,
        fingerprint_key: [2; 32],
    })?;
    Ok(store)
}

fn put(json: Json) -> Result<Write> {
    let text = |name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default();
    let key = RecordKey::new(text("resourceType"), text("id"))?;
    Ok(Write::Put {
        key,
        json,
        base: Base::Current,
        resolution: false,
    })
}

/// CPU time of this thread so far.
fn cpu() -> Duration {
    // The kernel brings the figure up to date when the thread gives way.
    std::thread::yield_now();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = stat.split_whitespace().next().and_then(|ns| ns.parse().ok());
    Duration::from_nanos(ns.unwrap_or_default())
}

/// CPU time of phases, by name.
#[derive(Default)]
struct Phases(Vec<(&'static str, Duration)>);

impl Phases {
    fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let start = cpu();
        let out = work();
        let spent = cpu().saturating_sub(start);
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += spent,
            None => self.0.push((name, spent)),
        }
        out
    }

    fn tell(&self, records: usize) {
        let all = self.0.iter().map(|(_, spent)| *spent).sum();
        for (name, spent) in self.0.iter().chain(&[("together", all)]) {
            let each = spent.as_secs_f64() * 1e6 / records.max(1) as f64;
            println!("{name:<20} {each:>8.1} µs a record");
        }
    }
}

fn prepare(dir: &Path, records: usize) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let store = create(&dir.join("sender"), 1)?;
    let ctx = Context::system("speed");
    let population: Vec<Json> = chaski_fhir::sample::population(1, 100_000)
        .take(records)
        .collect();
    let writes = population.into_iter().map(put).collect::<Result<Vec<_>>>()?;
    let mut phases = Phases::default();
    for written in phases.time("import", || store.commit_bulk(&ctx, writes)) {
        written?;
    }
    phases.tell(records);
    let stats = store.stats()?;
    println!(
        "disk bytes a record  {:>8}",
        stats.disk_bytes / stats.records.max(1)
    );
    let mut file = std::fs::File::create(dir.join("batches"))?;
    for payload in batches(&store, &mut Phases::default())? {
        file.write_all(&u32::try_from(payload.len())?.to_be_bytes())?;
        file.write_all(&payload)?;
    }
    Ok(())
}

/// What a sender does: reads the feed, then each record's changes, and compresses them.
fn batches(store: &Store, phases: &mut Phases) -> Result<Vec<Vec<u8>>> {
    let mut out = Vec::new();
    let mut after = 0;
    loop {
        let feed = phases.time("feed", || store.feed(after, PAGE))?;
        let Some(last) = feed.last() else {
            return Ok(out);
        };
        after = last.seq;
        let read = |key: RecordKey| -> Result<Part> {
            let changes = store.signed_changes_since(&key, 0)?;
            Ok((key, changes))
        };
        let parts = phases.time("changes", || {
            feed.into_iter()
                .map(|entry| read(entry.key))
                .collect::<Result<Vec<_>>>()
        })?;
        out.push(phases.time("encode", || encode_batch(&parts))?);
    }
}

fn send(dir: &Path) -> Result<()> {
    let store = open(dir)?;
    let mut phases = Phases::default();
    let sent = batches(&store, &mut phases)?;
    let records = store.stats()?.records as usize;
    phases.tell(records);
    let bytes: usize = sent.iter().map(Vec::len).sum();
    println!("sent                 {:>8} B a record", bytes / records.max(1));
    Ok(())
}

fn verify(parts: Vec<Part>) -> Result<Vec<(RecordKey, Vec<VerifiedChange>)>> {
    let mut out = Vec::with_capacity(parts.len());
    for (key, changes) in parts {
        let verified = changes
            .into_iter()
            .map(|change| change.into_verified(&NETWORK, &key).map_err(|(_, error)| error));
        let verified = verified.collect::<std::result::Result<Vec<_>, _>>()?;
        out.push((key, verified));
    }
    Ok(out)
}

/// What a receiver does with each batch.
fn receive(dir: &Path) -> Result<()> {
    let place = dir.join("receiver");
    if place.exists() {
        std::fs::remove_dir_all(&place)?;
    }
    let store = create(&place, 2)?;
    let ctx = Context::system("speed");
    let peer = NodeId([3; 32]);
    let mut phases = Phases::default();
    let mut file = std::fs::File::open(dir.join("batches"))?;
    let mut length = [0; 4];
    while file.read_exact(&mut length).is_ok() {
        let mut payload = vec![0; u32::from_be_bytes(length) as usize];
        file.read_exact(&mut payload)?;
        let parts = phases.time("decode", || decode_batch(&payload))?;
        let verified = phases.time("verify", || verify(parts))?;
        let cursor = CursorUpdate {
            peer,
            value: vec![0; 32],
        };
        let staged = phases.time("stage", || store.stage(&peer, verified, Vec::new(), Some(cursor)))?;
        phases.time("commit", || store.commit_staged(&ctx, staged))?;
    }
    let stats = store.stats()?;
    phases.tell(stats.records as usize);
    println!(
        "disk bytes a record  {:>8}",
        stats.disk_bytes / stats.records.max(1)
    );
    Ok(())
}

fn open(dir: &Path) -> Result<Store> {
    let unlock = Unlock::Raw([7; 32]);
    Ok(Store::open(
        &dir.join("sender"),
        &unlock,
        Arc::new(SystemEnv),
        options(),
    )?)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["prepare", dir, records] => prepare(Path::new(dir), records.parse()?),
        ["send", dir] => send(Path::new(dir)),
        ["receive", dir] => receive(Path::new(dir)),
        ["open", dir] => open(Path::new(dir)).map(|_| ()),
        _ => Err("first_sync prepare DIR RECORDS | send DIR | receive DIR | open DIR".into()),
    }
}
