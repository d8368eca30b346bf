//! A link between two nodes as bad as one likes: UDP packets wait, are dropped
//! and go no faster than told.

use std::collections::{BTreeMap, BinaryHeap};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Packets that wait for their turn, as a base station keeps them.
const QUEUE_BYTES: u64 = 64_000;

/// How bad a link is, the same both ways.
#[derive(Clone, Copy)]
pub struct Quality {
    pub bits_per_s: u64,
    /// How long a packet is under way, in one direction.
    pub delay: Duration,
    /// Packets lost of a hundred.
    pub loss_percent: u32,
}

/// GPRS at its edge.
pub const SECOND_GENERATION: Quality = Quality {
    bits_per_s: 30_000,
    delay: Duration::from_millis(300),
    loss_percent: 2,
};

struct Shared {
    quality: Quality,
    is_cut: AtomicBool,
    is_over: AtomicBool,
    delivered: AtomicU64,
}

/// Forwards packets to one node's port from whoever sends to its own.
pub struct Link {
    pub port: u16,
    shared: Arc<Shared>,
}

type Due = (std::cmp::Reverse<Instant>, u64, Vec<u8>);

/// One direction: what is on its way, and when the line is free again.
struct Way {
    socket: UdpSocket,
    to: SocketAddr,
    due: Mutex<(BinaryHeap<Due>, Instant, u64, ChaCha8Rng)>,
    shared: Arc<Shared>,
}

impl Way {
    fn start(socket: UdpSocket, to: SocketAddr, seed: u64, shared: &Arc<Shared>) -> Arc<Way> {
        let state = (
            BinaryHeap::new(),
            Instant::now(),
            0,
            ChaCha8Rng::seed_from_u64(seed),
        );
        let way = Arc::new(Way {
            socket,
            to,
            due: Mutex::new(state),
            shared: shared.clone(),
        });
        let delivers = way.clone();
        std::thread::spawn(move || delivers.deliver());
        way
    }

    fn take(&self, packet: &[u8]) {
        if self.shared.is_cut.load(Ordering::SeqCst) {
            return;
        }
        let quality = self.shared.quality;
        let (due, free, number, rng) = &mut *self.due.lock().unwrap();
        let now = Instant::now();
        let at_line_speed =
            |bytes: u64| Duration::from_secs_f64(bytes as f64 * 8.0 / quality.bits_per_s as f64);
        if free.saturating_duration_since(now) > at_line_speed(QUEUE_BYTES)
            || rng.next_u32() % 100 < quality.loss_percent
        {
            return;
        }
        // IP and UDP headers take their time as well.
        *free = (*free).max(now) + at_line_speed(packet.len() as u64 + 28);
        *number += 1;
        let at = std::cmp::Reverse(*free + quality.delay);
        due.push((at, u64::MAX - *number, packet.to_vec()));
    }

    fn deliver(&self) {
        while !self.shared.is_over.load(Ordering::SeqCst) {
            let next = {
                let due = &mut self.due.lock().unwrap().0;
                let is_due = due.peek().is_some_and(|(at, ..)| at.0 <= Instant::now());
                if is_due { due.pop() } else { None }
            };
            let Some((_, _, packet)) = next else {
                std::thread::sleep(Duration::from_millis(2));
                continue;
            };
            if !self.shared.is_cut.load(Ordering::SeqCst) {
                self.shared
                    .delivered
                    .fetch_add(packet.len() as u64, Ordering::SeqCst);
                let _ = self.socket.send_to(&packet, self.to);
            }
        }
    }
}

impl Link {
    /// A link to a node's QUIC port on loopback.
    pub fn to(port: u16, quality: Quality, seed: u64) -> Link {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let link = Link {
            port: front.local_addr().unwrap().port(),
            shared: Arc::new(Shared {
                quality,
                is_cut: AtomicBool::new(false),
                is_over: AtomicBool::new(false),
                delivered: AtomicU64::new(0),
            }),
        };
        let shared = link.shared.clone();
        let node = SocketAddr::from(([127, 0, 0, 1], port));
        std::thread::spawn(move || accept(&front, node, seed, &shared));
        link
    }

    /// Nothing gets through any more, or everything again.
    pub fn cut(&self, is_cut: bool) {
        self.shared.is_cut.store(is_cut, Ordering::SeqCst);
    }

    /// Bytes of UDP delivered so far, both ways.
    pub fn delivered(&self) -> u64 {
        self.shared.delivered.load(Ordering::SeqCst)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
    }
}

/// Takes packets of callers; each caller gets a way out and a way back of its own.
fn accept(front: &UdpSocket, node: SocketAddr, seed: u64, shared: &Arc<Shared>) {
    let wait = Some(Duration::from_millis(100));
    front.set_read_timeout(wait).unwrap();
    let mut ways: BTreeMap<SocketAddr, Arc<Way>> = BTreeMap::new();
    let mut packet = [0; 65_536];
    while !shared.is_over.load(Ordering::SeqCst) {
        let Ok((length, caller)) = front.recv_from(&mut packet) else {
            continue;
        };
        let out = ways.entry(caller).or_insert_with(|| {
            let back = UdpSocket::bind("127.0.0.1:0").unwrap();
            back.set_read_timeout(wait).unwrap();
            let to_caller = Way::start(front.try_clone().unwrap(), caller, seed + 1, shared);
            let (answers, over) = (back.try_clone().unwrap(), shared.clone());
            std::thread::spawn(move || {
                let mut packet = [0; 65_536];
                while !over.is_over.load(Ordering::SeqCst) {
                    if let Ok((length, _)) = answers.recv_from(&mut packet) {
                        to_caller.take(&packet[..length]);
                    }
                }
            });
            Way::start(back, node, seed, shared)
        });
        out.take(&packet[..length]);
    }
}
