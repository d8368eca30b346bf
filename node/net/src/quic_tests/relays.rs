//! A relay on the path, which delays, drops and repeats packets and knows no key, and a member gone bad.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::net::UdpSocket;

use super::*;

#[derive(Default)]
struct State {
    delay_ms: u64,
    /// Ids of connections seen in packets with a short header.
    seen: Mutex<BTreeSet<Vec<u8>>>,
    /// Packets of connections seen before are lost.
    is_cut: AtomicBool,
    /// Everything is lost.
    is_dead: AtomicBool,
    /// Of what is repeated only the connection's id is right.
    is_garbage: AtomicBool,
    initials: AtomicUsize,
    /// The last packet that came back.
    last: Mutex<Option<(SocketAddr, Vec<u8>)>>,
}

impl State {
    fn passes(&self, packet: &[u8], is_to_hub: bool) -> bool {
        if self.is_dead.load(Ordering::SeqCst) {
            return false;
        }
        let is_short = packet[0] & 0x80 == 0;
        if !is_short {
            if is_to_hub && packet.len() >= 1_200 {
                self.initials.fetch_add(1, Ordering::SeqCst);
            }
            return true;
        }
        let Some(id) = packet.get(1..9) else { return true };
        let mut seen = self.seen.lock().unwrap();
        if self.is_cut.load(Ordering::SeqCst) {
            return !seen.contains(id);
        }
        seen.insert(id.to_vec());
        true
    }
}

/// A relay before a node.
async fn relay(to: SocketAddr, state: Arc<State>) -> SocketAddr {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = front.local_addr().unwrap();
    tokio::spawn(async move {
        let mut ways: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
        let mut packet = vec![0; 65_536];
        while let Ok((length, caller)) = front.recv_from(&mut packet).await {
            let way = match ways.get(&caller) {
                Some(way) => Arc::clone(way),
                None => {
                    let way = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
                    ways.insert(caller, Arc::clone(&way));
                    let (back, front, state) = (Arc::clone(&way), Arc::clone(&front), Arc::clone(&state));
                    tokio::spawn(async move {
                        let mut packet = vec![0; 65_536];
                        while let Ok((length, _)) = back.recv_from(&mut packet).await {
                            let bytes = packet[..length].to_vec();
                            if !state.passes(&bytes, false) {
                                continue;
                            }
                            if bytes[0] & 0x80 == 0 {
                                *state.last.lock().unwrap() = Some((caller, bytes.clone()));
                            }
                            let (front, wait) = (Arc::clone(&front), Duration::from_millis(state.delay_ms));
                            tokio::spawn(async move {
                                tokio::time::sleep(wait).await;
                                let _ = front.send_to(&bytes, caller).await;
                            });
                        }
                    });
                    way
                }
            };
            let bytes = packet[..length].to_vec();
            if !state.passes(&bytes, true) {
                continue;
            }
            let wait = Duration::from_millis(state.delay_ms);
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                let _ = way.send_to(&bytes, to).await;
            });
        }
    });
    address
}

/// A relay that also repeats the last packet that came back, several times a second, on demand.
async fn relay_repeating(to: SocketAddr, state: Arc<State>, is_repeating: Arc<AtomicBool>) -> SocketAddr {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = front.local_addr().unwrap();
    let (repeater, repeated) = (Arc::clone(&front), Arc::clone(&state));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if is_repeating.load(Ordering::SeqCst) {
                let last = repeated.last.lock().unwrap().clone();
                if let Some((caller, mut bytes)) = last {
                    if repeated.is_garbage.load(Ordering::SeqCst) {
                        bytes.iter_mut().skip(9).for_each(|byte| *byte ^= 0x5a);
                    }
                    let _ = repeater.send_to(&bytes, caller).await;
                }
            }
        }
    });
    tokio::spawn(async move {
        let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let mut caller = None;
        let (mut one, mut two) = (vec![0; 65_536], vec![0; 65_536]);
        loop {
            tokio::select! {
                Ok((length, from)) = front.recv_from(&mut one) => {
                    caller.get_or_insert(from);
                    // Knocks and other connections get nowhere.
                    if caller == Some(from) && state.passes(&one[..length], true) {
                        let _ = back.send_to(&one[..length], to).await;
                    }
                }
                Ok((length, _)) = back.recv_from(&mut two) => {
                    if let Some(caller) = caller && state.passes(&two[..length], false) {
                        if two[0] & 0x80 == 0 {
                            *state.last.lock().unwrap() = Some((caller, two[..length].to_vec()));
                        }
                        let _ = front.send_to(&two[..length], caller).await;
                    }
                }
            }
        }
    });
    address
}

fn wall_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap().as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_whose_connection_died_is_dialled_anew_on_a_slow_path_too() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (hub(&dir), store(&dir, "clinic"));
    let state = Arc::new(State {
        delay_ms: 200,
        ..State::default()
    });
    // Bound first, so that the ticket names the relay.
    let net = Net::start(first.clone(), config()).await.unwrap();
    let front = relay(net.local_addr(), Arc::clone(&state)).await;
    let ticket = net.invite(Invite {
        addresses: vec![front.to_string()],
        ..invite()
    });
    let text = setup::ticket_text(&ticket.await.unwrap()).unwrap();
    setup::join(&second, &text, &newcomer("clinic"), &config())
        .await
        .unwrap();
    let inside = NetConfig {
        listen: false,
        ..config()
    };
    let clinic = Net::start(second.clone(), inside).await.unwrap();
    clinic.sync(Target::Address(front)).await.unwrap();
    put(&second, 1, "before");
    assert!(equal_within(&first, &second, 10).await);
    tokio::time::sleep(Duration::from_secs(2)).await;
    state.is_cut.store(true, Ordering::SeqCst);
    state.initials.store(0, Ordering::SeqCst);
    put(&second, 1, "after");
    assert!(equal_within(&first, &second, 40).await, "it is not met again");
    let initials = state.initials.load(Ordering::SeqCst);
    assert!(initials <= 6, "{initials} first packets of connections");
    clinic.shutdown().await;
    net.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packet_that_is_repeated_does_not_make_a_peer_in_sync_as_of_now() {
    let mut ahead = Vec::new();
    for is_garbage in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (hub(&dir), store(&dir, "clinic"));
        let (state, is_repeating) = (Arc::new(State::default()), Arc::<AtomicBool>::default());
        let net = Net::start(first.clone(), config()).await.unwrap();
        let text = setup::ticket_text(&net.invite(invite()).await.unwrap()).unwrap();
        setup::join(&second, &text, &newcomer("clinic"), &config())
            .await
            .unwrap();
        net.shutdown().await;
        let net = Net::start(first.clone(), config()).await.unwrap();
        let front = relay_repeating(net.local_addr(), Arc::clone(&state), Arc::clone(&is_repeating)).await;
        let inside = NetConfig {
            listen: false,
            ..config()
        };
        let clinic = Net::start(second.clone(), inside).await.unwrap();
        put(&first, 5, "before");
        clinic.sync(Target::Address(front)).await.unwrap();
        assert!(equal_within(&first, &second, 10).await);
        tokio::time::sleep(Duration::from_secs(2)).await;
        state.is_dead.store(true, Ordering::SeqCst);
        state.is_garbage.store(is_garbage, Ordering::SeqCst);
        is_repeating.store(true, Ordering::SeqCst);
        let cut_ms = wall_ms();
        put(&first, 100, "unheard");
        tokio::time::sleep(Duration::from_secs(6)).await;
        let peers = clinic.peers().await.unwrap();
        let hub = &peers[0];
        let by = |ms: u64| i64::try_from(ms).unwrap() - i64::try_from(cut_ms).unwrap();
        ahead.push(hub.in_sync && by(hub.contact.in_sync_ms) > 2_000);
        clinic.shutdown().await;
        net.shutdown().await;
    }
    assert_eq!(ahead, [false, false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_resets_its_session_for_ever_is_left() {
    use crate::engine::{CloseReason, Effect, Engine, Event, Now, Options};
    use crate::limits::ANEWS_MAX;
    let dir = tempfile::tempdir().unwrap();
    let (first, second, third) = (hub(&dir), store(&dir, "bad"), store(&dir, "good"));
    let net = Net::start(first.clone(), config()).await.unwrap();
    for (store, name) in [(&second, "bad"), (&third, "good")] {
        let text = setup::ticket_text(&net.invite(invite()).await.unwrap()).unwrap();
        setup::join(store, &text, &newcomer(name), &config())
            .await
            .unwrap();
    }
    put(&first, 300, "a");
    let identity = crate::replica::StoreReplica::new(second.clone())
        .unwrap()
        .identity();
    let key = ed25519_dalek::SigningKey::from_bytes(&identity.signing_seed);
    let certificate = crate::tls::NodeCertificate::new(&key).unwrap();
    let transport = crate::endpoint::transport(&config());
    let client = crate::endpoint::client_config(&certificate, None, &transport).unwrap();
    let hello = {
        let replica = Arc::new(crate::replica::StoreReplica::new(second.clone()).unwrap());
        let mut engine = Engine::new(replica, &identity, Options::default()).unwrap();
        let now = Now {
            wall_ms: wall_ms(),
            steady_ms: 1,
        };
        let opened = Event::Opened {
            session: 1,
            peer: net.node(),
            outbound: true,
            address: String::new(),
            request: None,
        };
        let effects = engine.handle_inline(now, opened);
        let hello = effects.into_iter().find_map(|effect| match effect {
            Effect::Send { bytes, .. } => Some(bytes),
            _ => None,
        });
        hello.unwrap()
    };
    let endpoint = quinn::Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let dialled = endpoint.connect_with(client.clone(), net.local_addr(), "chaski");
    let bad = dialled.unwrap().await.unwrap();
    let mut times = 0;
    while bad.close_reason().is_none() {
        let Ok(Ok((mut send, mut receive))) =
            tokio::time::timeout(Duration::from_secs(3), bad.open_bi()).await
        else {
            break;
        };
        let _ = crate::endpoint::write_frame(&mut send, &hello).await;
        let answer = crate::endpoint::read_frame(&mut receive, 1 << 20);
        let _ = tokio::time::timeout(Duration::from_secs(3), answer).await;
        let code = quinn::VarInt::from_u32(crate::wire::ANEW_CODE);
        let _ = send.reset(code);
        let _ = receive.stop(code);
        times += 1;
    }
    let closed = bad.close_reason().expect("it goes on and on");
    let quinn::ConnectionError::ApplicationClosed(closed) = closed else {
        panic!("{closed:?}");
    };
    assert_eq!(
        closed.error_code,
        quinn::VarInt::from_u32(CloseReason::Flooding.code())
    );
    assert!(times <= ANEWS_MAX + 2, "begun anew {times} times");
    let clinic = Net::start(third.clone(), config()).await.unwrap();
    let report = clinic.sync(Target::Address(net.local_addr())).await.unwrap();
    assert!(report.in_sync, "{report:?}");
    clinic.shutdown().await;
    net.shutdown().await;
}
