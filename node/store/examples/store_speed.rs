//! Figures of the store on this machine: `cargo run --release -p chaski-store --example store_speed [records]`.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use chaski_crdt::author::NetworkId;
use chaski_json::Json;
use chaski_store::{
    Base, Context, Identity, OpenOptions, RecordKey, ScopeFilter, Store, SystemEnv, Unlock, Write,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn options() -> OpenOptions {
    OpenOptions {
        disk_floor_bytes: 0,
        disk_floor_percent: 0,
        argon2_memory_kib: 1024,
        ..OpenOptions::default()
    }
}

fn create(dir: &Path, seed: u8) -> Result<Store> {
    let unlock = Unlock::Raw([7; 32]);
    let store = Store::create(dir, &unlock, Arc::new(SystemEnv), options())?.store;
    let network = NetworkId([1; 32]);
    store.identity_set(&Identity {
        signing_seed: [seed; 32],
        network,
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

fn rate(what: &str, count: usize, time: Duration) {
    println!(
        "{what:<34} {:>10.0}/s   ({count} in {:.2} s)",
        count as f64 / time.as_secs_f64(),
        time.as_secs_f64()
    );
}

/// CPU time this process has used: what a loaded machine does not falsify.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn cpu_rate(what: &str, count: usize, before: Duration) {
    let spent = cpu().saturating_sub(before);
    println!(
        "{what:<34} {:>10.0} µs of CPU each",
        spent.as_secs_f64() * 1e6 / count.max(1) as f64
    );
}

fn rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kb| kb.parse::<f64>().ok())
        .unwrap_or_default()
        / 1024.0
}

fn query(kind: &str, pairs: &[(&str, &str)]) -> Result<chaski_fhir::search::Query> {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Ok(chaski_fhir::search::parse(
        kind,
        &pairs,
        &chaski_fhir::search::Options::default(),
    )?)
}

fn import(store: &Store, records: usize) -> Result<Vec<(RecordKey, String)>> {
    let ctx = Context::system("speed");
    let mut keys = Vec::new();
    let mut spent = Duration::ZERO;
    let before = cpu();
    let mut population = chaski_fhir::sample::population(1, 100_000);
    while keys.len() < records {
        let group: Vec<Json> = population
            .by_ref()
            .take(2_000.min(records - keys.len()))
            .collect();
        for json in &group {
            let text = |name: &str| {
                json.get(name)
                    .and_then(Json::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let code = json
                .pointer("/code/coding/0/code")
                .and_then(Json::as_str)
                .unwrap_or_default();
            keys.push((
                RecordKey::new(&text("resourceType"), &text("id"))?,
                code.to_owned(),
            ));
        }
        let writes = group.into_iter().map(put).collect::<Result<Vec<_>>>()?;
        let start = Instant::now();
        for written in store.commit_bulk(&ctx, writes) {
            written?;
        }
        spent += start.elapsed();
    }
    rate("durable import", keys.len(), spent);
    cpu_rate("  (with making the records)", keys.len(), before);
    Ok(keys)
}

fn apply(from: &Store, to: &Store) -> Result<()> {
    let ctx = Context::system("speed");
    let peer = from.identity().ok_or("no identity")?.node;
    let mut after = 0;
    let (mut count, mut changes_bytes) = (0, 0);
    let before = cpu();
    let (mut reading, mut applying) = (Duration::ZERO, Duration::ZERO);
    loop {
        let start = Instant::now();
        let feed = from.feed(after, 500)?;
        let Some(last) = feed.last() else { break };
        after = last.seq;
        let mut records = Vec::new();
        for entry in feed {
            let changes = from.signed_changes(&entry.key)?;
            changes_bytes += changes.iter().map(|change| change.bytes.len()).sum::<usize>();
            records.push((entry.key, changes));
        }
        count += records.len();
        reading += start.elapsed();
        let start = Instant::now();
        to.apply_remote(&ctx, &peer, records, None)?;
        applying += start.elapsed();
    }
    rate("feed and changes read", count, reading);
    rate("apply_remote (verify, merge, sync)", count, applying);
    cpu_rate("  (with reading)", count, before);
    println!(
        "raw change bytes a record            {:>8}",
        changes_bytes / count.max(1)
    );
    let all = ScopeFilter::all();
    println!(
        "fingerprints equal                   {:>8}",
        from.fingerprint(&all)?.0 == to.fingerprint(&all)?.0
    );
    Ok(())
}

fn reads(store: &Store, keys: &[(RecordKey, String)]) -> Result<()> {
    let ctx = Context::system("speed");
    let count = 20_000.min(keys.len());
    let step = (keys.len() / count).max(1);
    let before = cpu();
    let start = Instant::now();
    for (key, _) in keys.iter().step_by(step).take(count) {
        store.read(&ctx, key)?.ok_or("missing")?;
    }
    rate("read by id", count, start.elapsed());
    cpu_rate("", count, before);
    Ok(())
}

fn searches(store: &Store, keys: &[(RecordKey, String)]) -> Result<()> {
    let ctx = Context::system("speed");
    let patients: Vec<_> = keys.iter().filter(|(key, _)| key.kind() == "Patient").collect();
    let codes: Vec<_> = keys
        .iter()
        .filter(|(key, _)| key.kind() == "Observation")
        .map(|(_, code)| code)
        .collect();
    let (mut found, mut count) = (0, 0);
    let before = cpu();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        let patient = patients
            .get(count * 7 % patients.len().max(1))
            .ok_or("no patients")?
            .0
            .id();
        let code = codes
            .get(count * 13 % codes.len().max(1))
            .ok_or("no observations")?;
        let pairs = [
            ("patient", patient),
            ("code", code.as_str()),
            ("_sort", "-date"),
            ("_count", "20"),
        ];
        found += store.search(&ctx, &query("Observation", &pairs)?)?.entries.len();
        count += 1;
    }
    rate("Observation?patient&code&_sort", count, start.elapsed());
    cpu_rate("", count, before);
    println!(
        "found on average                     {:>8.1}",
        found as f64 / count as f64
    );
    for (kind, pairs) in [
        ("Patient", vec![("name", "mar")]),
        ("Patient", vec![("birthdate", "1980"), ("_total", "accurate")]),
        (
            "Observation",
            vec![
                ("code", "8867-4"),
                ("_sort", "-date"),
                ("_count", "20"),
                ("_total", "accurate"),
            ],
        ),
        (
            "Observation",
            vec![
                ("value-quantity", "gt100"),
                ("code", "8867-4"),
                ("_total", "accurate"),
            ],
        ),
    ] {
        let start = Instant::now();
        let page = store.search(&ctx, &query(kind, &pairs)?)?;
        println!(
            "{kind}?{pairs:?}: {} of {:?} in {:.1} ms",
            page.entries.len(),
            page.total,
            start.elapsed().as_secs_f64() * 1e3
        );
    }
    Ok(())
}

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("idle") {
        return idle(Path::new(&std::env::args().nth(2).ok_or("idle DIR")?));
    }
    let records = std::env::args().nth(1).map_or(Ok(20_000), |text| text.parse())?;
    let root = std::env::temp_dir().join(format!("chaski-store-speed-{}", std::process::id()));
    let (a, b) = (root.join("a"), root.join("b"));
    std::fs::create_dir_all(&root)?;
    let store = create(&a, 1)?;
    let keys = import(&store, records)?;
    let other = create(&b, 2)?;
    apply(&store, &other)?;
    drop(other);
    let stats = store.stats()?;
    println!(
        "disk bytes a record                  {:>8}",
        stats.disk_bytes / stats.records.max(1)
    );
    reads(&store, &keys)?;
    searches(&store, &keys)?;
    println!("memory, busy                         {:>8.1} MB", rss_mb());
    let start = Instant::now();
    drop(store);
    println!(
        "close                                {:>8.2} s",
        start.elapsed().as_secs_f64()
    );
    let own = std::env::current_exe()?;
    std::process::Command::new(own).arg("idle").arg(&a).status()?;
    std::fs::remove_dir_all(&root)?;
    Ok(())
}

/// Opens a store in a process of its own: start time and idle memory.
fn idle(dir: &Path) -> Result<()> {
    let start = Instant::now();
    let store = Store::open(dir, &Unlock::Raw([7; 32]), Arc::new(SystemEnv), options())?;
    println!(
        "open                                 {:>8.2} s",
        start.elapsed().as_secs_f64()
    );
    println!("memory, idle                         {:>8.1} MB", rss_mb());
    let start = Instant::now();
    let report = store.verify()?;
    println!(
        "verify                               {:>8.2} s, whole: {}",
        start.elapsed().as_secs_f64(),
        report.is_whole()
    );
    Ok(())
}
