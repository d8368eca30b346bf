//! The rounds: import, first sync, nothing changed, 100 changed; then HTTP; then start and memory.

use std::io::Cursor;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chaski_clinic::Roles;
use chaski_clinic::access::{TokenKind, TokenRequest};
use chaski_clinic::record::{ImportOptions, UpdateOptions};
use chaski_json::{Json, json};
use chaski_net::NetConfig;
use chaski_node::admin::{AdminRequest, AdminResponse, Exchange, Progress, SyncReport, execute};
use chaski_node::config::{Http, Links};
use chaski_node::{KeyOptions, NewNode, Node, NodeError, Parts, Running, Target, blocking, init, join};
use chaski_store::RecordKey;

use crate::client::gets_per_s;
use crate::median::median;
use crate::pages::{self, Pages};
use crate::report::{BenchOptions, BenchReport};
use crate::workload::{self, kind_of};
use crate::{floor, start};

const ROUNDS: usize = 3;

/// Records changed between two syncs.
const CHANGED: usize = 100;

/// HTTP clients at once.
const CLIENTS: usize = 8;

/// How long HTTP is measured in a round, in seconds.
const HTTP_SECONDS: f64 = 2.0;

/// Ids asked for in turn.
const READ_PATHS_MAX: usize = 5_000;

/// How long the joining node's ticket is good: it is used at once.
const TICKET_SECONDS: u64 = 600;

/// How often the bench's directory is removed, while something still writes to it.
const REMOVALS_MAX: usize = 20;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What one round measured.
#[derive(Debug, Clone, Default)]
struct Round {
    import_per_s: f64,
    disk_bytes: f64,
    first_per_s: f64,
    first_bytes: f64,
    unchanged_bytes: f64,
    changed_bytes: f64,
    changed_round_trips: f64,
    changed_own_bytes: f64,
}

/// Tells how far the measuring is.
struct Steps<'a> {
    tell: &'a mut dyn FnMut(&Progress),
    done: u64,
}

impl Steps<'_> {
    fn next(&mut self, stage: &str) {
        let total = Some(ROUNDS as u64 * 2 + 3);
        (self.tell)(&Progress {
            stage: stage.to_owned(),
            done: self.done,
            total,
            wait: None,
        });
        self.done = self.done.saturating_add(1);
    }
}

pub(crate) async fn run(
    options: BenchOptions,
    tell: &mut dyn FnMut(&Progress),
) -> Result<BenchReport, NodeError> {
    let folder = Folder::new()?;
    let mut steps = Steps { tell, done: 0 };
    steps.next("making records");
    let (count, kit) = (options.records, options.kit.clone());
    let records = Arc::new(blocking(move || workload::records(count, kit.as_deref())).await?);
    steps.next("bare parts");
    let floors = floor::measure(&folder.path.join("floor"), &records).await?;
    let mut rounds = Vec::new();
    let mut http = OverHttp::default();
    for number in 0..ROUNDS {
        steps.next("import and sync");
        let place = folder.path.join(format!("round-{number}"));
        let (round, node) = round(&place, &records).await?;
        rounds.push(round);
        if number + 1 == ROUNDS {
            steps.next("reads, searches and pages over HTTP");
            http = over_http(node, &records).await?;
        } else {
            node.close().await;
        }
        remove(&place);
    }
    steps.next("a larger node's start and memory");
    let (start_s, idle_rss_mb) = start_and_memory(&folder.path, &options).await?;
    let of = |pick: fn(&Round) -> f64| median(rounds.iter().map(pick).collect());
    Ok(BenchReport {
        import_records_per_s: of(|round| round.import_per_s),
        first_sync_records_per_s: of(|round| round.first_per_s),
        first_sync_bytes_per_record: of(|round| round.first_bytes),
        changed100_bytes: of(|round| round.changed_bytes),
        changed100_round_trips: of(|round| round.changed_round_trips),
        unchanged_bytes: of(|round| round.unchanged_bytes),
        read_per_s: http.read_per_s,
        search_per_s: http.search_per_s,
        home_p95_ms: http.pages.home_p95_ms,
        patient_search_p95_ms: http.pages.patient_search_p95_ms,
        chart_p95_ms: http.pages.chart_p95_ms,
        largest_chart_p95_ms: http.pages.largest_chart_p95_ms,
        form_p95_ms: http.pages.form_p95_ms,
        idle_rss_mb,
        start_s,
        disk_bytes_per_record: of(|round| round.disk_bytes),
        floor: floor::Floor {
            changed100_own_bytes: of(|round| round.changed_own_bytes),
            ..floors
        },
        records: records.len() as u64,
        start_records: options.start_records,
    })
}

/// A directory that goes away with the measuring.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new() -> Result<Self, NodeError> {
        let path = std::env::temp_dir().join(format!("chaski-bench-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path)
            .map_err(|error| NodeError::io("making the bench's directory", &error))?;
        Ok(Self { path })
    }
}

impl Drop for Folder {
    /// Also where the measuring was cut off and threads still write: what lies under another name they
    /// can't add to, and what they make again under the old one goes as well.
    fn drop(&mut self) {
        for _ in 0..REMOVALS_MAX {
            let gone = self.path.with_extension("gone");
            match std::fs::rename(&self.path, &gone) {
                Ok(()) => remove(&gone),
                Err(_) => return,
            }
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path) {
        tracing::debug!(%error, "removing what the bench made");
    }
}

/// A directory to be made a node; unsealed means a known key: everything is sealed all the same.
fn new_node(data: &Path, name: &str) -> NewNode {
    NewNode {
        data: data.to_path_buf(),
        name: name.to_owned(),
        site: String::new(),
        key: unsealed(),
    }
}

fn unsealed() -> KeyOptions {
    KeyOptions {
        unsealed: true,
        ..KeyOptions::default()
    }
}

async fn open(data: &Path) -> Result<Node, NodeError> {
    match Target::open(data, &unsealed()).await? {
        Target::Here(node) => Ok(*node),
        Target::Running(_) => Err(NodeError::Failed(
            "something else serves the bench's directory".to_owned(),
        )),
    }
}

async fn founder(data: &Path) -> Result<Node, NodeError> {
    // What was made holds the directory until it is dropped.
    drop(init(new_node(data, "bench")).await?);
    open(data).await
}

async fn joiner(data: &Path, founder: &Node) -> Result<Node, NodeError> {
    let invite = AdminRequest::Invite {
        role: "clinic".to_owned(),
        ttl_seconds: TICKET_SECONDS,
        addresses: vec![founder.net().await?.local_addr().to_string()],
    };
    let AdminResponse::Invite(invited) = ask(founder, invite).await? else {
        return Err(NodeError::Failed("no ticket was made".to_owned()));
    };
    let new = new_node(data, "bench 2");
    drop(join(new, &invited.ticket, false, Links::default(), &|_| {}).await?);
    open(data).await
}

/// Asks a node as its operator would, with nothing to send and nothing to hear on the way.
async fn ask(node: &Node, request: AdminRequest) -> Result<AdminResponse, NodeError> {
    let (exchange, _nothing_sent, _unheard) = Exchange::pair();
    execute(node, request, exchange).await
}

async fn import(node: &Node, records: &Arc<Vec<Json>>) -> Result<f64, NodeError> {
    let mut text = String::new();
    for record in records.iter() {
        record.write_canonical(&mut text);
        text.push('\n');
    }
    let (clinic, caller) = (node.clinic().clone(), node.operator("bench"));
    let count = records.len();
    blocking(move || {
        let failed = |error| NodeError::failed("importing", error);
        let begun = Instant::now();
        let options = ImportOptions {
            id_prefix: None,
            accept_ids: true,
            ..ImportOptions::default()
        };
        let mut session = clinic.record_import(&caller, options).map_err(failed)?;
        session
            .file("bench", &mut Cursor::new(text.into_bytes()), &mut |_| {})
            .map_err(failed)?;
        let report = session.finish(&mut |_| {}).map_err(failed)?;
        if report.refused > 0 {
            let (place, reason) = report.refusals.first().cloned().unwrap_or_default();
            return Err(NodeError::Failed(format!(
                "{} records refused; {place}: {reason}",
                report.refused
            )));
        }
        Ok(count as f64 / begun.elapsed().as_secs_f64().max(1e-9))
    })
    .await
}

async fn sync(node: &Node, address: &str) -> Result<SyncReport, NodeError> {
    let request = AdminRequest::Sync {
        peer: Some(address.to_owned()),
    };
    let reports = match ask(node, request).await? {
        AdminResponse::Sync(reports) => reports,
        _ => Vec::new(),
    };
    match reports.into_iter().next() {
        Some(report) if report.in_sync => Ok(report),
        Some(report) => Err(NodeError::NotInSync(format!(
            "the bench's nodes are not in sync: {}",
            report.reason
        ))),
        None => Err(NodeError::Failed("no exchange took place".to_owned())),
    }
}

/// One round; the first node stays open.
async fn round(place: &Path, records: &Arc<Vec<Json>>) -> Result<(Round, Node), NodeError> {
    let first = founder(&place.join("a")).await?;
    let mut round = Round {
        import_per_s: import(&first, records).await?,
        ..Round::default()
    };
    let listening = NetConfig {
        quic: LOOPBACK,
        ..NetConfig::default()
    };
    let address = first.net_start(listening).await?.local_addr().to_string();
    let second = joiner(&place.join("b"), &first).await?;
    let report = sync(&second, &address).await?;
    let count = records.len() as f64;
    round.first_per_s = count / report.seconds.max(1e-9);
    round.first_bytes = payload(&report) / count;
    round.unchanged_bytes = payload(&sync(&second, &address).await?);
    let (before, keys) = change(&first, records).await?;
    let report = sync(&second, &address).await?;
    round.changed_bytes = payload(&report);
    round.changed_round_trips = report.round_trips.unwrap_or(0) as f64;
    round.changed_own_bytes = own_bytes(&first, before, keys).await?;
    second.close().await;
    let store = first.store().clone();
    let stats = blocking(move || store.stats().map_err(|error| NodeError::failed("looking", error))).await?;
    round.disk_bytes = stats.disk_bytes as f64 / count;
    Ok((round, first))
}

fn payload(report: &SyncReport) -> f64 {
    report
        .bytes_in
        .unwrap_or(0)
        .saturating_add(report.bytes_out.unwrap_or(0)) as f64
}
/// Adds a note to records here and there; the feed's position before, and which.
async fn change(node: &Node, records: &Arc<Vec<Json>>) -> Result<(u64, Vec<RecordKey>), NodeError> {
    let before = node.store().position();
    let (clinic, records, node) = (node.clinic().clone(), Arc::clone(records), node.clone());
    let keys = blocking(move || {
        let notable: Vec<&Json> = records
            .iter()
            .filter(|record| kind_of(record) == "Observation")
            .collect();
        let step = (notable.len() / CHANGED).max(1);
        let mut keys = Vec::new();
        for (number, record) in notable.iter().step_by(step).take(CHANGED).enumerate() {
            let id = record.get("id").and_then(Json::as_str).unwrap_or_default();
            let mut json = (*record).clone();
            if let Some(object) = json.as_object_mut() {
                let text = format!("Repeated after the visit, {number}");
                object.insert("note".to_owned(), json!([{ "text": (text.as_str()) }]));
            }
            let options = UpdateOptions {
                merge: true,
                accept_id: true,
                ..UpdateOptions::default()
            };
            let written = clinic
                .record_update(&node.operator("bench"), "Observation", id, json, &options)
                .map_err(|error| NodeError::failed("changing a record", error))?;
            keys.push(written.key);
        }
        Ok(keys)
    })
    .await?;
    Ok((before, keys))
}

/// What the changes alone take, signed and compressed in one batch.
async fn own_bytes(node: &Node, before: u64, keys: Vec<RecordKey>) -> Result<f64, NodeError> {
    let store = node.store().clone();
    blocking(move || {
        let mut parts = Vec::new();
        for key in keys {
            let changes = store
                .signed_changes_since(&key, before)
                .map_err(|error| NodeError::failed("reading changes", error))?;
            parts.push((key, changes));
        }
        let bytes = chaski_crdt::codec::encode_batch(&parts)
            .map_err(|error| NodeError::failed("compressing changes", error))?;
        Ok(bytes.len() as f64)
    })
    .await
}

/// What was measured over HTTP.
#[derive(Debug, Clone, Copy, Default)]
struct OverHttp {
    read_per_s: f64,
    search_per_s: f64,
    pages: Pages,
}

/// Reads and searches a second, and how long pages take.
async fn over_http(node: Node, records: &Arc<Vec<Json>>) -> Result<OverHttp, NodeError> {
    node.net_stop().await;
    let (clinic, caller) = (node.clinic().clone(), node.operator("bench"));
    let request = TokenRequest {
        user: "bench".to_owned(),
        roles: Roles::bootstrap(),
        kind: TokenKind::Personal,
        life_ms: None,
    };
    let token = blocking(move || {
        clinic
            .token_create(&caller, &request)
            .map_err(|error| NodeError::failed("making a token", error))
    })
    .await?
    .token;
    let parts = Parts {
        http: Http {
            address: LOOPBACK,
            ..Http::default()
        },
        net: NetConfig {
            quic: LOOPBACK,
            ..NetConfig::default()
        },
        test_data: true,
    };
    let running = Running::start(node, parts).await?;
    let address = running.address();
    let (reads, searches) = (read_paths(records), search_paths(records));
    let (mut read_rates, mut search_rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        read_rates.push(gets_per_s(address, Some(&token), &reads, CLIENTS, HTTP_SECONDS).await?);
        search_rates.push(gets_per_s(address, Some(&token), &searches, CLIENTS, HTTP_SECONDS).await?);
    }
    let link = running.ui().login_link(&token);
    let pages = pages::measure(address, &link, records).await?;
    running.stop().await;
    Ok(OverHttp {
        read_per_s: median(read_rates),
        search_per_s: median(search_rates),
        pages,
    })
}

fn read_paths(records: &[Json]) -> Vec<String> {
    let step = (records.len() / READ_PATHS_MAX).max(1);
    records
        .iter()
        .step_by(step)
        .map(|record| {
            format!(
                "/fhir/{}/{}",
                kind_of(record),
                record.get("id").and_then(Json::as_str).unwrap_or_default()
            )
        })
        .collect()
}

/// A patient's newest results of one kind.
fn search_paths(records: &[Json]) -> Vec<String> {
    let mut paths: Vec<String> = records
        .iter()
        .filter(|record| kind_of(record) == "Observation")
        .filter_map(|record| {
            let patient = record
                .pointer("/subject/reference")
                .and_then(Json::as_str)?
                .strip_prefix("Patient/")?;
            let code = record.pointer("/code/coding/0/code").and_then(Json::as_str)?;
            Some(format!(
                "/fhir/Observation?patient={patient}&code={code}&_sort=-date&_count=20"
            ))
        })
        .collect();
    paths.sort();
    paths.dedup();
    paths.truncate(READ_PATHS_MAX);
    paths
}

async fn start_and_memory(folder: &Path, options: &BenchOptions) -> Result<(f64, f64), NodeError> {
    let data = folder.join("large");
    let (count, kit) = (options.start_records, options.kit.clone());
    let records = Arc::new(blocking(move || workload::records(count, kit.as_deref())).await?);
    let node = founder(&data).await?;
    import(&node, &records).await?;
    drop(records);
    node.close().await;
    drop(node);
    start::start_and_memory(&data).await
}
