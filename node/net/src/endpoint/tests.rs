//! How a connection is set up, what is told of where this node is, and what a failed dialling means.

mod driving;

use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use chaski_crdt::author::NodeId;

use super::settings::{settings, stranger_settings, transport_of};
use super::*;
use crate::config::LinkProfile;
use crate::limits::APPLY_LEFT_BYTES_MAX;

fn config(advertise: &[&str]) -> NetConfig {
    NetConfig {
        advertise: advertise.iter().map(|text| text.parse().unwrap()).collect(),
        ..NetConfig::default()
    }
}

#[test]
fn others_are_told_where_this_node_is_as_it_was_configured_or_where_it_listens() {
    let local = |text: &str| text.parse::<SocketAddr>().unwrap();
    let told = config(&["192.0.2.7:1", "[2001:db8::7]:2"]);
    assert_eq!(
        advertised(&told, local("10.0.0.1:9")),
        ["192.0.2.7:1", "[2001:db8::7]:2"]
    );
    assert_eq!(advertised(&config(&[]), local("10.0.0.1:9")), ["10.0.0.1:9"]);
    // Where it listens everywhere, its own addresses are told, with the port.
    let any = local("0.0.0.0:77");
    let own: Vec<String> = crate::addresses::reached_at(any)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(advertised(&config(&[]), any), own);
}

/// The value of a setting, as it is shown.
fn shown(settings: &str, name: &str) -> String {
    let from = settings
        .find(&format!(" {name}: "))
        .unwrap_or_else(|| panic!("{name} in {settings}"));
    let rest = &settings[from + name.len() + 3..];
    let mut depth = 0;
    let end = rest.find(|c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        (c == ',' || c == ' ') && depth == 0
    });
    rest[..end.unwrap_or(rest.len())].to_owned()
}

#[test]
fn a_link_is_kept_alive_and_bounded_as_its_kind_needs() {
    for (profile, alive_s, window, rtt_ms) in [
        (LinkProfile::Lan, 20, 8 << 20, 333),
        (LinkProfile::Wan, 20, 2 << 20, 333),
        (LinkProfile::Satellite, 20, 2 << 20, 700),
        (LinkProfile::TwoG, 25, 32 << 10, 1_000),
    ] {
        let config = NetConfig {
            profile,
            ..NetConfig::default()
        };
        let text = format!("{:?}", transport(&config));
        let alive = Some(Duration::from_secs(alive_s));
        assert_eq!(shown(&text, "keep_alive_interval"), format!("{alive:?}"));
        assert_eq!(shown(&text, "max_idle_timeout"), "Some(120000)");
        assert_eq!(shown(&text, "send_window"), (window as u64).to_string());
        let rtt = Duration::from_millis(rtt_ms);
        assert_eq!(shown(&text, "initial_rtt"), format!("{rtt:?}"));
        assert_eq!(shown(&text, "max_concurrent_uni_streams"), "16");
        assert_eq!(shown(&text, "max_concurrent_bidi_streams"), "2");
        assert_eq!(shown(&text, "receive_window"), (12_u64 << 20).to_string());
        assert_eq!(shown(&text, "stream_receive_window"), (4_u64 << 20).to_string());
        // Nothing is spent on finding out how large a packet may be.
        assert_eq!(shown(&text, "mtu_discovery_config"), "None");
        // Where a round trip is known that is expected, and all else is the same.
        let trip = Duration::from_millis(640);
        let known = format!("{:?}", transport_of(&config, trip));
        assert_eq!(shown(&known, "initial_rtt"), format!("{trip:?}"));
        assert_eq!(shown(&known, "keep_alive_interval"), format!("{alive:?}"));
        assert_eq!(shown(&known, "send_window"), (window as u64).to_string());
    }
    for offload in [true, false] {
        let config = NetConfig {
            segmentation_offload: offload,
            ..NetConfig::default()
        };
        let text = format!("{:?}", settings(&config, None));
        assert_eq!(shown(&text, "enable_segmentation_offload"), offload.to_string());
    }
}

#[test]
fn a_strangers_connection_costs_little() {
    let transport = stranger_settings(&NetConfig::default(), None);
    let text = format!("{transport:?}");
    assert_eq!(shown(&text, "receive_window"), (64 << 10).to_string());
    assert_eq!(shown(&text, "max_concurrent_uni_streams"), "0");
    assert_eq!(shown(&text, "max_concurrent_bidi_streams"), "1");
}

#[test]
fn those_who_have_not_begun_a_handshake_are_bounded_in_number_and_in_bytes() {
    let key = ed25519_dalek::SigningKey::from_bytes(&[3; 32]);
    let server = server_config(&NetConfig::default(), &NodeCertificate::new(&key).unwrap()).unwrap();
    let text = format!("{server:?}");
    assert_eq!(shown(&text, "max_incoming"), (256 + 512).to_string());
    assert_eq!(shown(&text, "incoming_buffer_size"), (16 << 10).to_string());
    assert_eq!(shown(&text, "incoming_buffer_size_total"), (4 << 20).to_string());
    assert_eq!(shown(&text, "max_concurrent_uni_streams"), "0", "a stranger's");
}

const PEER: NodeId = NodeId([9; 32]);

/// A store that takes batches of [`PEER`]'s in on threads of their own.
struct Taking {
    store: chaski_store::Store,
    replica: crate::replica::SharedReplica,
    runtime: tokio::runtime::Runtime,
}

impl Taking {
    fn new() -> Taking {
        let (store, _) = crate::engine::test_store();
        let replica = crate::replica::StoreReplica::new(store.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        Taking {
            replica: Arc::new(replica),
            store,
            runtime,
        }
    }

    fn start(&self, inputs: &tokio::sync::mpsc::Sender<Input>) -> pipeline::Pipeline {
        let runtime = self.runtime.handle().clone();
        let shares = shares::Shares::default();
        pipeline::Pipeline::start(runtime, Arc::clone(&self.replica), shares, inputs.downgrade()).unwrap()
    }

    fn job(&self, number: u64) -> crate::apply::ApplyJob {
        let payload = crate::batch::encode(&[]).unwrap();
        let network = self.store.identity().unwrap().network;
        let mut job = crate::apply::ApplyJob::of_parcel(PEER, network, payload, Arc::default());
        (job.id, job.cursor_kept) = (number as u32, false);
        job.cursor.epoch = number;
        job
    }

    /// The last job that is durable.
    fn kept(&self) -> Option<u64> {
        let cursor = self.replica.cursor(&PEER).unwrap();
        cursor.map(|bytes| postcard::from_bytes::<crate::wire::Cursor>(&bytes).unwrap().epoch)
    }
}

/// The job that this is the result of.
fn result_of(input: Option<Input>) -> Option<u32> {
    match input {
        Some(Input::Event(crate::engine::Event::Applied(applied), None)) => Some(applied.id),
        _ => None,
    }
}

#[test]
fn batches_are_taken_in_by_their_order_and_the_last_ones_too_when_the_node_stops() {
    let taking = Taking::new();
    let (inputs, mut applied) = tokio::sync::mpsc::channel(64);
    let pipeline = taking.start(&inputs);
    for number in 1..=30 {
        pipeline.give(taking.job(number));
    }
    let order: Vec<_> = (0..30).map(|_| result_of(applied.blocking_recv())).collect();
    assert_eq!(order, (1..=30).map(Some).collect::<Vec<_>>());
    assert_eq!(taking.kept(), Some(30));
    // Nobody listens any more; what was given is taken in all the same.
    drop((inputs, applied));
    for number in 31..=40 {
        pipeline.give(taking.job(number));
    }
    drop(pipeline);
    assert_eq!(taking.kept(), Some(40));
}

#[test]
fn a_few_changes_of_one_are_taken_in_before_all_that_another_has_brought() {
    let taking = Taking::new();
    // Room for one word: with the second the thread that commits waits.
    let (inputs, mut applied) = tokio::sync::mpsc::channel(1);
    let pipeline = taking.start(&inputs);
    for number in 1..=400 {
        pipeline.give(taking.job(number));
    }
    while inputs.strong_count() < 2 {
        std::thread::yield_now();
    }
    let mut few = taking.job(1_000);
    few.peer = NodeId([8; 32]);
    pipeline.give(few);
    let order: Vec<_> = (0..401)
        .filter_map(|_| result_of(applied.blocking_recv()))
        .collect();
    let turn = order.iter().position(|id| *id == 1_000).unwrap();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // What is told, committed, merged and verified already stands before it.
    assert!(
        turn <= cores + crate::limits::PREPARED_MAX + 6,
        "after {turn} of 400"
    );
    let others: Vec<_> = order.into_iter().filter(|id| *id != 1_000).collect();
    assert_eq!(others, (1..=400).collect::<Vec<_>>());
    drop(pipeline);
    assert_eq!(taking.kept(), Some(400));
}

#[test]
fn a_node_that_ends_begins_no_further_batch() {
    let taking = Taking::new();
    let (inputs, mut applied) = tokio::sync::mpsc::channel(64);
    let pipeline = taking.start(&inputs);
    pipeline.give(taking.job(1));
    assert_eq!(result_of(applied.blocking_recv()), Some(1));
    pipeline.end();
    for number in 2..=9 {
        pipeline.give(taking.job(number));
    }
    drop((pipeline, inputs));
    assert!(
        applied.blocking_recv().is_none(),
        "what was not taken in was acknowledged"
    );
    assert_eq!(taking.kept(), Some(1));
}

#[test]
fn a_result_waits_until_a_busy_engine_has_room_for_it() {
    let taking = Taking::new();
    let (inputs, mut waiting) = tokio::sync::mpsc::channel(1);
    let pipeline = taking.start(&inputs);
    let tick = || Input::Event(crate::engine::Event::Tick, None);
    assert!(inputs.try_send(tick()).is_ok());
    for number in 1..=3 {
        pipeline.give(taking.job(number));
    }
    let (done, over) = std_mpsc::channel();
    let ending = std::thread::spawn(move || {
        drop(pipeline);
        done.send(()).unwrap();
    });
    // The first batch is durable, and the second sender is that of its result.
    while inputs.strong_count() < 2 {
        assert!(!ending.is_finished(), "results were dropped");
        std::thread::yield_now();
    }
    // With the queue as full as before, nothing of it can end.
    let ended = over.recv_timeout(Duration::from_millis(100));
    assert_eq!(
        ended,
        Err(std_mpsc::RecvTimeoutError::Timeout),
        "results were dropped"
    );
    assert_eq!(taking.kept(), Some(1));
    assert!(matches!(
        waiting.blocking_recv(),
        Some(Input::Event(crate::engine::Event::Tick, None))
    ));
    for number in 1..=3 {
        assert_eq!(result_of(waiting.blocking_recv()), Some(number));
    }
    ending.join().unwrap();
    assert_eq!(taking.kept(), Some(3));
}

#[test]
fn batches_of_sessions_that_are_over_do_not_pile_up_and_nothing_of_a_session_is_jumped_over() {
    const MIB: usize = 1 << 20;
    let taking = Taking::new();
    // Room for one word: with the second the thread that commits waits.
    let (inputs, mut applied) = tokio::sync::mpsc::channel(1);
    let pipeline = taking.start(&inputs);
    for number in 1..=40 {
        pipeline.give(taking.job(number));
    }
    while inputs.strong_count() < 2 {
        std::thread::yield_now();
    }
    // Ten times the same peer comes, brings 31 MiB and goes.
    let mut left = Vec::new();
    for session in 1..=10_u64 {
        let is_over = Arc::new(std::sync::atomic::AtomicBool::new(false));
        for number in 1..=31 {
            let mut job = taking.job(1_000 * session + number);
            (job.session, job.is_over, job.payload_bytes) = (session, Arc::clone(&is_over), MIB);
            pipeline.give(job);
        }
        is_over.store(true, std::sync::atomic::Ordering::Release);
        left.extend(pipeline.leave(Some(PEER)));
    }
    // Others are left alone.
    assert!(pipeline.leave(Some(NodeId([8; 32]))).is_empty());
    assert!(left.iter().all(|one| one.failure.is_some()));
    let left: std::collections::BTreeSet<u32> = left.iter().map(|one| one.id).collect();
    let kept = APPLY_LEFT_BYTES_MAX / MIB;
    assert_eq!(left.len(), 310 - kept, "the rest waits");
    let order: Vec<u32> = (0..40 + kept)
        .filter_map(|_| result_of(applied.blocking_recv()))
        .collect();
    let expected: Vec<u32> = (1..=40)
        .chain((1..=kept as u32).map(|number| 1_000 + number))
        .collect();
    assert_eq!(order, expected);
    drop(pipeline);
    assert_eq!(taking.kept(), Some(1_000 + kept as u64));
}
