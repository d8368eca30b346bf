//! Nodes over QUIC on loopback.

mod doors;
mod forward;
mod neighbours;
mod relays;
mod windows;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaski_crdt::authority::NodeRole;
use chaski_crdt::key::RecordKey;
use chaski_json::Json;
use chaski_store::{Base, Context, OpenOptions, Store, SystemEnv, Unlock, Write};

use crate::fault::{Fate, UdpFault};
use crate::setup::{self, Founding};
use crate::{Invite, JoinError, Net, NetConfig, NetError, Newcomer, PeerInfo, Target};

fn store(dir: &tempfile::TempDir, name: &str) -> Store {
    let options = OpenOptions {
        disk_floor_bytes: 0,
        disk_floor_percent: 0,
        ..OpenOptions::default()
    };
    Store::create(
        &dir.path().join(name),
        &Unlock::Raw([5; 32]),
        Arc::new(SystemEnv),
        options,
    )
    .unwrap()
    .store
}

fn config() -> NetConfig {
    NetConfig {
        quic: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..NetConfig::default()
    }
}

fn put(store: &Store, count: usize, prefix: &str) {
    let writes = (0..count)
        .map(|i| {
            let id = format!("{prefix}{i}");
            let text = format!(
                r#"{{"resourceType":"Observation","id":"{id}","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital signs"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}}],"text":"Heart rate"}},"subject":{{"reference":"Patient/p{}"}},"effectiveDateTime":"2026-03-0{}T10:00:{:02}Z","issued":"2026-03-01T10:00:00.000Z","valueQuantity":{{"value":{}.{},"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}}}"#,
                i / 100, i % 9 + 1, i % 60, 50 + i % 90, i % 10
            );
            let json: Json = chaski_json::parse(text.as_bytes(), &chaski_json::Limits::default()).unwrap();
            let key = RecordKey::new("Observation", &id).unwrap();
            Write::Put { key, json, base: Base::Current, resolution: false }
        })
        .collect();
    for written in store.commit_bulk(&Context::system("test"), writes) {
        written.unwrap();
    }
}

fn hub(dir: &tempfile::TempDir) -> Store {
    let hub = store(dir, "hub");
    let founding = Founding {
        name: "hub".into(),
        site: "H".into(),
        role: NodeRole::Hub,
        demo: false,
    };
    setup::found(&hub, &founding).unwrap();
    hub
}

fn newcomer(name: &str) -> Newcomer {
    Newcomer {
        name: name.into(),
        site: "N".into(),
        demo: false,
    }
}

fn invite() -> Invite {
    Invite {
        role: NodeRole::Clinic,
        ttl_ms: 60_000,
        addresses: Vec::new(),
    }
}

async fn equal_within(one: &Store, other: &Store, seconds: u64) -> bool {
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        let filter = chaski_store::ScopeFilter::all();
        if one.fingerprint(&filter).unwrap().0 == other.fingerprint(&filter).unwrap().0 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_joins_two_that_then_converge_and_stay_so() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (hub(&dir), store(&dir, "clinic"));
    let net = Net::start(first.clone(), config()).await.unwrap();
    let ticket = net.invite(invite()).await.unwrap();
    let text = setup::ticket_text(&ticket).unwrap();
    setup::join(&second, &text, &newcomer("clinic"), &config())
        .await
        .unwrap();
    let membership = setup::membership(&second).unwrap().unwrap();
    assert_eq!(
        (membership.name.as_str(), membership.role.as_str()),
        ("clinic", "clinic")
    );

    put(&first, 50, "a");
    put(&second, 50, "b");
    let clinic = Net::start(
        second.clone(),
        NetConfig {
            daemon: false,
            listen: false,
            ..config()
        },
    )
    .await
    .unwrap();
    let report = clinic.sync(Target::Any).await.unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!((report.sent_records, report.received_records), (50, 50));
    assert!(report.wire_bytes > report.bytes_in + report.bytes_out);
    let again = clinic.sync(Target::Name("hub".into())).await.unwrap();
    assert!(again.in_sync && again.round_trips == 1, "{again:?}");
    assert!(again.bytes_in + again.bytes_out <= 1_024, "{again:?}");
    assert!(equal_within(&first, &second, 5).await);
    clinic.shutdown().await;
    assert_eq!(setup::peers(&second).unwrap().len(), 1);

    // Live push between daemons, and the switch.
    let clinic = Net::start(second.clone(), config()).await.unwrap();
    clinic.sync(Target::Any).await.unwrap();
    put(&first, 1, "live");
    assert!(equal_within(&first, &second, 5).await);
    clinic.set_link_enabled(net.node(), false).await.unwrap();
    put(&first, 1, "apart");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!equal_within(&first, &second, 0).await);
    assert!(matches!(
        clinic.sync(Target::Any).await,
        Err(NetError::Disabled(_))
    ));
    clinic.set_link_enabled(net.node(), true).await.unwrap();
    assert!(equal_within(&first, &second, 10).await);

    // Revoked: told so, receives nothing more.
    net.revoke(clinic.node(), "lost").await.unwrap();
    put(&first, 1, "later");
    let refused = clinic.sync(Target::Any).await.unwrap_err();
    assert!(
        refused.to_string().starts_with("this node was revoked"),
        "{refused}"
    );
    let known = clinic.peers().await.unwrap();
    assert!(known.iter().any(PeerInfo::says_revoked), "{known:?}");
    assert!(!equal_within(&first, &second, 0).await);
    clinic.shutdown().await;
    let started = Instant::now();
    net.shutdown().await;
    assert!(started.elapsed() < Duration::from_millis(1_500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_tickets_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let first = hub(&dir);
    let net = Net::start(first.clone(), config()).await.unwrap();
    let text = setup::ticket_text(&net.invite(invite()).await.unwrap()).unwrap();

    let fresh = store(&dir, "fresh");
    let cut = &text[..text.len() - 9];
    let error = setup::join(&fresh, cut, &newcomer("x"), &config())
        .await
        .unwrap_err();
    assert!(matches!(error, JoinError::Ticket(_)), "{error}");
    let error = setup::join(
        &fresh,
        &text,
        &Newcomer {
            demo: true,
            ..newcomer("x")
        },
        &config(),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, JoinError::OtherNetwork), "{error}");

    setup::join(&fresh, &text, &newcomer("x"), &config())
        .await
        .unwrap();
    let other = store(&dir, "other");
    let error = setup::join(&other, &text, &newcomer("y"), &config())
        .await
        .unwrap_err();
    assert!(matches!(error, JoinError::Used), "{error}");

    let mut late = net
        .invite(Invite {
            ttl_ms: 0,
            ..invite()
        })
        .await
        .unwrap();
    let error = setup::join(
        &other,
        &setup::ticket_text(&late).unwrap(),
        &newcomer("y"),
        &config(),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, JoinError::Expired), "{error}");
    late.secret = [1; 16];
    let error = setup::join(
        &other,
        &setup::ticket_text(&late).unwrap(),
        &newcomer("y"),
        &config(),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, JoinError::Unknown), "{error}");
    late.issuer = [1; 16];
    let error = setup::join(
        &other,
        &setup::ticket_text(&late).unwrap(),
        &newcomer("y"),
        &config(),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, JoinError::Stranger), "{error}");
    assert!(other.identity().is_none());
    net.shutdown().await;
}

/// Loses one datagram in seven and repeats one in eleven, in an order that no protocol falls into step with.
#[derive(Debug, Default)]
struct Lossy(std::sync::atomic::AtomicU64);

impl UdpFault for Lossy {
    fn fate(&self, _to: SocketAddr, _bytes: usize) -> Fate {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match blake3::hash(&number.to_le_bytes()).as_bytes() {
            [drop, ..] if drop % 7 == 3 => Fate::Drop,
            [_, twice, ..] if twice % 11 == 5 => Fate::Duplicate,
            _ => Fate::Deliver,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lossy_link_still_ends_equal() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (hub(&dir), store(&dir, "clinic"));
    let lossy = NetConfig {
        fault: Some(Arc::new(Lossy::default())),
        profile: crate::LinkProfile::TwoG,
        ..config()
    };
    let net = Net::start(first.clone(), lossy.clone()).await.unwrap();
    let text = setup::ticket_text(&net.invite(invite()).await.unwrap()).unwrap();
    setup::join(&second, &text, &newcomer("clinic"), &config())
        .await
        .unwrap();
    put(&first, 500, "a");
    let clinic = Net::start(second.clone(), NetConfig { bbr: true, ..lossy })
        .await
        .unwrap();
    let report = clinic.sync(Target::Any).await.unwrap();
    assert!(report.in_sync, "{report:?}");
    assert!(equal_within(&first, &second, 5).await);
    clinic.shutdown().await;
    net.shutdown().await;
}

/// A node whose power is cut: from then on nothing leaves it, not even a goodbye.
#[derive(Debug, Default)]
struct PowerCut(std::sync::atomic::AtomicBool);

impl UdpFault for PowerCut {
    fn fate(&self, _to: SocketAddr, _bytes: usize) -> Fate {
        if self.0.load(std::sync::atomic::Ordering::SeqCst) {
            Fate::Drop
        } else {
            Fate::Deliver
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_back_from_a_power_cut_is_met_again_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (hub(&dir), store(&dir, "clinic"));
    let power = Arc::new(PowerCut::default());
    let known = forward::Forward::open().await;
    let reached = NetConfig {
        advertise: vec![known.address],
        ..config()
    };
    let powered = NetConfig {
        fault: Some(Arc::clone(&power) as Arc<dyn UdpFault>),
        ..reached.clone()
    };
    let net = Net::start(first.clone(), powered).await.unwrap();
    known.lead_to(net.local_addr());
    let text = setup::ticket_text(&net.invite(invite()).await.unwrap()).unwrap();
    setup::join(&second, &text, &newcomer("clinic"), &config())
        .await
        .unwrap();
    // Behind a router that lets nobody in: only the clinic can dial.
    let inside = NetConfig {
        listen: false,
        ..config()
    };
    let clinic = Net::start(second.clone(), inside).await.unwrap();
    clinic.sync(Target::Any).await.unwrap();
    put(&second, 1, "before");
    assert!(equal_within(&first, &second, 5).await);

    power.0.store(true, std::sync::atomic::Ordering::SeqCst);
    net.shutdown().await;
    let net = Net::start(first.clone(), reached).await.unwrap();
    known.lead_to(net.local_addr());
    put(&second, 1, "after");
    assert!(
        equal_within(&first, &second, 20).await,
        "the clinic waits for the node that died"
    );
    clinic.shutdown().await;
    net.shutdown().await;
}

/// A pipe of so many bytes a second; what its small buffer has no room for is lost.
#[derive(Debug)]
struct Narrow {
    bytes_per_s: f64,
    room: std::sync::Mutex<(Instant, f64)>,
}

impl Narrow {
    const BUFFER_BYTES: f64 = 12_000.0;

    fn of(bytes_per_s: f64) -> Arc<Narrow> {
        let room = std::sync::Mutex::new((Instant::now(), Narrow::BUFFER_BYTES));
        Arc::new(Narrow { bytes_per_s, room })
    }
}

impl UdpFault for Narrow {
    fn fate(&self, _to: SocketAddr, bytes: usize) -> Fate {
        let mut room = self.room.lock().unwrap();
        let now = Instant::now();
        let gained = now.duration_since(room.0).as_secs_f64() * self.bytes_per_s;
        *room = (now, (room.1 + gained).min(Narrow::BUFFER_BYTES));
        if room.1 < bytes as f64 {
            return Fate::Drop;
        }
        room.1 -= bytes as f64;
        Fate::Deliver
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_takes_far_longer_than_the_stall_limit_arrives() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (hub(&dir), store(&dir, "clinic"));
    let net = Net::start(first.clone(), config()).await.unwrap();
    let text = setup::ticket_text(&net.invite(invite()).await.unwrap()).unwrap();
    setup::join(&second, &text, &newcomer("clinic"), &config())
        .await
        .unwrap();
    net.shutdown().await;
    // One change of 300 KB that does not compress, through 60 KB/s.
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut raw = vec![0; 225_000];
    noise.fill(&mut raw);
    let data: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let text =
        format!(r#"{{"resourceType":"Binary","id":"scan","contentType":"image/png","data":"{data}"}}"#);
    let json: Json = chaski_json::parse(text.as_bytes(), &chaski_json::Limits::default()).unwrap();
    let key = RecordKey::new("Binary", "scan").unwrap();
    let write = Write::Put {
        key,
        json,
        base: Base::Current,
        resolution: false,
    };
    first.commit(&Context::system("test"), vec![write]).unwrap();

    let narrow = || NetConfig {
        fault: Some(Narrow::of(60_000.0)),
        segmentation_offload: false,
        stall_ms: 1_500,
        ..config()
    };
    let net = Net::start(first.clone(), narrow()).await.unwrap();
    let clinic_config = NetConfig {
        daemon: false,
        listen: false,
        ..narrow()
    };
    let clinic = Net::start(second.clone(), clinic_config).await.unwrap();
    let report = clinic.sync(Target::Address(net.local_addr())).await.unwrap();
    assert!(report.in_sync, "{report:?}");
    assert!(report.seconds > 3.0, "the pipe was not narrow: {report:?}");
    assert!(equal_within(&first, &second, 5).await);
    clinic.shutdown().await;
    net.shutdown().await;
}

/// Strangers at one address who open connections without end and hold them.
struct Flood {
    open: Arc<std::sync::Mutex<Vec<quinn::Connection>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Flood {
    fn start(from: [u8; 4], to: SocketAddr) -> Flood {
        let endpoint = quinn::Endpoint::client(SocketAddr::from((from, 0))).unwrap();
        let key = ed25519_dalek::SigningKey::from_bytes(&[from[3]; 32]);
        let certificate = crate::tls::NodeCertificate::new(&key).unwrap();
        let transport = crate::endpoint::transport(&config());
        let client = crate::endpoint::client_config(&certificate, None, &transport).unwrap();
        let open = Arc::new(std::sync::Mutex::new(Vec::new()));
        let held = Arc::clone(&open);
        let task = tokio::spawn(async move {
            loop {
                let mut dialling = tokio::task::JoinSet::new();
                for _ in 0..50 {
                    dialling.spawn(endpoint.connect_with(client.clone(), to, "chaski").unwrap());
                }
                while let Some(dialled) = dialling.join_next().await {
                    held.lock().unwrap().extend(dialled.unwrap());
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        Flood { open, task }
    }

    fn held(&self) -> Vec<quinn::Connection> {
        let mut open = self.open.lock().unwrap();
        open.retain(|connection| connection.close_reason().is_none());
        open.clone()
    }
}

/// Waits until strangers hold as much as they can.
async fn flooded(floods: &[Flood]) -> Vec<quinn::Connection> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let held: Vec<_> = floods.iter().flat_map(Flood::held).collect();
        if held.len() >= crate::limits::SESSIONS_UNKNOWN_MAX || Instant::now() > until {
            return held;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_who_flood_lock_no_member_out() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (hub(&dir), store(&dir, "clinic"));
    let net = Net::start(first.clone(), config()).await.unwrap();
    let text = setup::ticket_text(&net.invite(invite()).await.unwrap()).unwrap();
    setup::join(&second, &text, &newcomer("clinic"), &config())
        .await
        .unwrap();
    put(&first, 20, "a");
    let hosts = [2, 3, 4].map(|host| [127, 0, 0, host]);
    let floods: Vec<Flood> = hosts
        .into_iter()
        .map(|host| Flood::start(host, net.local_addr()))
        .collect();
    let held = flooded(&floods).await;
    assert!(
        held.len() >= crate::limits::SESSIONS_UNKNOWN_MAX,
        "{} strangers are no flood",
        held.len()
    );
    // Those refused after the handshake hear of it a moment later.
    let most = hosts.len() * crate::limits::DOOR_ADDRESS_MAX;
    let until = Instant::now() + Duration::from_secs(10);
    while floods.iter().flat_map(Flood::held).count() > most {
        assert!(Instant::now() < until, "more strangers are held than may");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let clinic = Net::start(second.clone(), config()).await.unwrap();
    let sync = clinic.sync(Target::Address(net.local_addr()));
    let report = tokio::time::timeout(Duration::from_secs(8), sync).await;
    let report = report.expect("a member waits behind strangers").unwrap();
    assert!(report.in_sync, "{report:?}");
    floods.iter().for_each(|flood| flood.task.abort());
    clinic.shutdown().await;
    net.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_has_one_stream_and_small_frames() {
    let dir = tempfile::tempdir().unwrap();
    let first = hub(&dir);
    let net = Net::start(first.clone(), config()).await.unwrap();
    let flood = Flood::start([127, 0, 0, 6], net.local_addr());
    let until = Instant::now() + Duration::from_secs(20);
    let stranger = loop {
        if let Some(stranger) = flood.held().pop() {
            break stranger;
        }
        assert!(Instant::now() < until, "no stranger got in");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let uni = tokio::time::timeout(Duration::from_millis(300), stranger.open_uni()).await;
    assert!(!matches!(uni, Ok(Ok(_))), "a stranger opened a stream of data");
    let (mut send, _receive) = stranger.open_bi().await.unwrap();
    let length = u32::try_from(crate::limits::HELLO_FRAME_BYTES_MAX + 1).unwrap();
    send.write_all(&length.to_le_bytes()).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(10), stranger.closed()).await;
    let Ok(quinn::ConnectionError::ApplicationClosed(close)) = closed else {
        panic!("{closed:?}");
    };
    let reason = String::from_utf8_lossy(&close.reason).into_owned();
    assert!(reason.contains("unreadable"), "{reason}");
    flood.task.abort();
    net.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_speaks_another_version_is_told_from_one_that_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let first = hub(&dir);
    let net = Net::start(first.clone(), config()).await.unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    let certificate = crate::tls::NodeCertificate::new(&key).unwrap();
    let crypto = Arc::new(certificate.server_speaking(&[b"chaski/9"]).unwrap());
    let server = quinn::ServerConfig::with_crypto(crypto);
    let endpoint = quinn::Endpoint::server(server, SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = endpoint.local_addr().unwrap();
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            let _ = incoming.await;
        }
    });
    let refused = net.sync(Target::Address(address)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the peer speaks no version of the protocol that this node speaks"
    );
    net.shutdown().await;
}

/// First sync of 20,000 records over loopback: run in release, with --ignored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn first_sync_speed() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (hub(&dir), store(&dir, "clinic"));
    let net = Net::start(first.clone(), config()).await.unwrap();
    let text = setup::ticket_text(&net.invite(invite()).await.unwrap()).unwrap();
    setup::join(&second, &text, &newcomer("clinic"), &config())
        .await
        .unwrap();
    let count = 20_000;
    let start = Instant::now();
    for chunk in 0..20 {
        put(&first, count / 20, &format!("r{chunk}-"));
    }
    eprintln!("wrote {count} in {:.2?}", start.elapsed());
    let clinic = Net::start(second.clone(), config()).await.unwrap();
    let report = clinic.sync(Target::Any).await.unwrap();
    eprintln!(
        "first sync: {:.0} records/s, {:.1} B/record, {} round trips, {:?}",
        count as f64 / report.seconds,
        report.bytes_in as f64 / count as f64,
        report.round_trips,
        report.timing
    );
    assert!(report.in_sync, "{report:?}");
    put(&first, 100, "changed");
    assert!(equal_within(&first, &second, 5).await);
    let again = clinic.sync(Target::Any).await.unwrap();
    eprintln!(
        "unchanged: {} B, {} round trips, {:.4} s",
        again.bytes_in + again.bytes_out,
        again.round_trips,
        again.seconds
    );
    clinic.shutdown().await;
    net.shutdown().await;
}
