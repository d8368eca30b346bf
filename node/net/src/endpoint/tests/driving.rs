//! What the loop has kept and read by its threads, and what becomes of that at its end.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{self as std_mpsc, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use chaski_crdt::author::NodeId;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};

use super::*;
use crate::engine::{Effect, Engine, Fickle, Now, Options};
use crate::keep::{Keep, KeepJob, Kept};
use crate::read::{Length, Read, ReadJob, Size};
use crate::replica::{Documents, StoreReplica};
use crate::wire::Priority;

/// Where what is known of peers is kept.
const PEERS: &str = "net/peers-known";

/// A running loop over a store that can be held up, with room for one word in its queue.
struct Driven {
    store: chaski_store::Store,
    fickle: Arc<Fickle>,
    inputs: mpsc::Sender<Input>,
    thread: JoinHandle<()>,
    runtime: Runtime,
}

impl Driven {
    fn start() -> Driven {
        let (store, _) = crate::engine::test_store();
        let fickle = Fickle::of(&store);
        let identity = StoreReplica::new(store.clone()).unwrap().identity();
        let engine = Engine::new(fickle.clone(), &identity, Options::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let certificate = NodeCertificate::new(&store.signing_key().unwrap()).unwrap();
        let config = NetConfig {
            quic: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..NetConfig::default()
        };
        let endpoint = bind(&config, &certificate).unwrap();
        let (inputs, receiver) = mpsc::channel(1);
        let shared = Shared {
            dialler: Dialler {
                endpoint,
                certificate: Arc::new(certificate),
                config,
                trips: Arc::default(),
            },
            inputs: inputs.clone(),
            runtime: runtime.handle().clone(),
            replica: fickle.clone(),
            now: Arc::new(|| Now::from(1_000)),
        };
        let driver = Driver::new(engine, shared, watch::channel(0).0).unwrap();
        let thread = std::thread::spawn(move || driver.run(receiver));
        drop(_entered);
        Driven {
            store,
            fickle,
            inputs,
            thread,
            runtime,
        }
    }

    /// Connects it with peers of these keys, whose sessions are 1, 2 and so on. They say nothing.
    fn connect(&self, peers: &[NodeId]) -> Vec<quinn::Connection> {
        let config = NetConfig {
            quic: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..NetConfig::default()
        };
        let certificate = |seed| {
            let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
            NodeCertificate::new(&key).unwrap()
        };
        let connect = async |peer: &NodeId| {
            let theirs = bind(&config, &certificate(1)).unwrap();
            let client = client_config(&certificate(2), None, &transport(&config)).unwrap();
            let ours = quinn::Endpoint::client(config.quic).unwrap();
            let address = theirs.local_addr().unwrap();
            let dialled = ours.connect_with(client, address, "chaski").unwrap();
            let came = async { theirs.accept().await.unwrap().await.unwrap() };
            let (connection, came) = tokio::join!(dialled, came);
            let input = Input::Connected {
                connection: connection.unwrap(),
                peer: *peer,
                address: address.to_string(),
                request: None,
                place: None,
            };
            assert!(self.inputs.send(input).await.is_ok());
            came
        };
        self.runtime.block_on(async {
            let mut ends = Vec::new();
            for peer in peers {
                ends.push(connect(peer).await);
            }
            ends
        })
    }

    /// Has the loop do this next.
    fn effects(&self, effects: Vec<Effect>) {
        let call = Input::Call(Box::new(move |_| effects));
        assert!(self.inputs.blocking_send(call).is_ok());
    }

    /// Documents that are kept from now on wait for a word.
    fn hold_up(&self) -> Sender<()> {
        let (go, waits) = std_mpsc::channel();
        *self.fickle.save_waits.lock().unwrap() = Some(waits);
        go
    }

    fn looked_up(&self) -> Vec<(String, u64)> {
        self.fickle.looked_up.lock().unwrap().clone()
    }
}

fn keep(name: &str, bytes: &[u8]) -> Effect {
    let changes = vec![(name.to_owned(), Some(bytes.to_vec()))];
    Effect::Keep(Box::new(KeepJob {
        what: Kept::Peers,
        keep: Keep::Documents(changes),
    }))
}

fn read(id: &str, is_after_kept: bool) -> Effect {
    read_for(1, id, is_after_kept)
}

fn read_for(session: u64, id: &str, is_after_kept: bool) -> Effect {
    Effect::Read(Box::new(ReadJob {
        session,
        is_over: Arc::default(),
        length: Length::Small,
        is_after_kept,
        size: Size { bytes: 1, ratio: 1 },
        read: Read::Known {
            flow: Arc::default(),
            withheld: false,
            keys: vec![format!("Patient/{id}").parse().unwrap()],
        },
    }))
}

/// Waits for what a thread is sure to come to.
fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

#[test]
fn what_is_read_of_what_is_about_to_be_kept_waits_for_it_and_nothing_else_does() {
    let driven = Driven::start();
    let go = driven.hold_up();
    driven.effects(vec![
        keep("partial", b"piece"),
        read("of-it", true),
        read("other", false),
    ]);
    wait_until(|| !driven.looked_up().is_empty());
    go.send(()).unwrap();
    wait_until(|| driven.looked_up().len() == 2);
    let expected = [("Patient/other".to_owned(), 0), ("Patient/of-it".to_owned(), 1)];
    assert_eq!(driven.looked_up(), expected);
}

#[test]
fn what_was_to_be_kept_is_kept_before_the_last_word_on_it_and_whoever_stops_a_node_waits_for_that() {
    let driven = Driven::start();
    let go = driven.hold_up();
    driven.effects(vec![
        keep(PEERS, b"older"),
        keep("more", b"1"),
        keep("and-more", b"2"),
    ]);
    wait_until(|| driven.fickle.save_waits.lock().unwrap().is_none());
    // The loop is busy while its queue is filled with its end: what is kept cannot be told any more.
    let (busy_until, waits) = std_mpsc::channel::<()>();
    let call = Input::Call(Box::new(move |_| {
        let _ = waits.recv();
        Vec::new()
    }));
    assert!(driven.inputs.blocking_send(call).is_ok());
    let (done, stopped) = oneshot::channel();
    assert!(driven.inputs.blocking_send(Input::Stop(done)).is_ok());
    busy_until.send(()).unwrap();
    let (told, ended) = std_mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || told.send(stopped.blocking_recv()));
        let early = ended.recv_timeout(Duration::from_millis(300));
        assert!(early.is_err(), "stopped while something was to be kept");
        go.send(()).unwrap();
        ended.recv().unwrap().unwrap();
    });
    for (name, bytes) in [("more", b"1"), ("and-more", b"2")] {
        let kept = driven.store.document(name).unwrap();
        assert_eq!(kept.as_deref(), Some(&bytes[..]), "{name}");
    }
    let peers = driven.store.document(PEERS).unwrap().unwrap();
    assert_ne!(peers, b"older", "an older word came after the last one");
    driven.thread.join().unwrap();
    assert_eq!(driven.fickle.saves.load(Ordering::SeqCst), 4);
}

#[test]
fn whoever_was_sent_much_is_read_for_after_one_who_was_sent_little() {
    let driven = Driven::start();
    let _theirs = driven.connect(&[NodeId([1; 32]), NodeId([2; 32])]);
    // Both who read are busy until this is let go.
    let held = driven.fickle.looked_up.lock().unwrap();
    let much = Effect::Send {
        session: 1,
        priority: Priority::Rest,
        bytes: vec![0; 32 << 20],
    };
    let mut effects = vec![read("first", false), read("second", false), much];
    for session in [1, 2] {
        effects.extend((0..4).map(|n| read_for(session, &format!("for-{session}-{n}"), false)));
    }
    driven.effects(effects);
    // It has been given all when it takes the next word.
    driven.effects(Vec::new());
    driven.effects(Vec::new());
    drop(held);
    wait_until(|| driven.looked_up().len() == 10);
    let looked_up = driven.looked_up();
    let turn = looked_up.iter().filter(|(key, _)| key.contains("for-"));
    // Two read beside each other, so that neighbours may have changed places.
    let little = turn.take(4).filter(|(key, _)| key.contains("for-2-")).count();
    assert!(little >= 3, "{looked_up:?}");
}
