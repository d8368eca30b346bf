//! Links that are up for a moment and down for longer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::limits::SILENT_MS;

/// Least size of a packet that begins a connection.
const INITIAL_BYTES_MIN: usize = 1_200;

/// A link that can be cut; it counts large packets since it last came back, and those that a cut has eaten.
#[derive(Debug, Default)]
struct Cut {
    is_down: AtomicBool,
    large: AtomicUsize,
    eaten: AtomicUsize,
}

impl UdpFault for Cut {
    fn fate(&self, _: SocketAddr, length: usize) -> Fate {
        if self.is_down.load(Ordering::Acquire) {
            self.eaten.fetch_add(1, Ordering::AcqRel);
            return Fate::Drop;
        }
        self.large
            .fetch_add(usize::from(length >= INITIAL_BYTES_MIN), Ordering::AcqRel);
        Fate::Deliver
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_outlives_a_cut_and_goes_on_as_soon_as_the_link_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (hub(&dir), store(&dir, "clinic"));
    let (there, here) = (Arc::new(Cut::default()), Arc::new(Cut::default()));
    let faulty = |cut: &Arc<Cut>| NetConfig {
        fault: Some(Arc::clone(cut) as Arc<dyn UdpFault>),
        ..config()
    };
    let net = Net::start(first.clone(), faulty(&there)).await.unwrap();
    let text = setup::ticket_text(&net.invite(invite()).await.unwrap()).unwrap();
    setup::join(&second, &text, &newcomer("clinic"), &config())
        .await
        .unwrap();
    let clinic = Net::start(second.clone(), faulty(&here)).await.unwrap();
    put(&first, 20, "a");
    assert!(equal_within(&first, &second, 20).await);

    let turn = |is_down| {
        for cut in [&there, &here] {
            cut.is_down.store(is_down, Ordering::Release);
            cut.large.store(0, Ordering::Release);
        }
    };
    turn(true);
    put(&first, 400, "b");
    put(&second, 3, "c");
    assert!(!equal_within(&first, &second, 4).await);
    for cut in [&there, &here] {
        cut.eaten.store(0, Ordering::Release);
    }
    // By now the transport's own probes are seconds apart; the link is asked on four times a second.
    assert!(!equal_within(&first, &second, 4).await);
    let asked = [&there, &here].map(|cut| cut.eaten.load(Ordering::Acquire));
    assert!(
        asked.iter().all(|asked| (8..=40).contains(asked)),
        "asked {asked:?} times in four seconds"
    );
    turn(false);
    let back = Instant::now();
    assert!(equal_within(&first, &second, 20).await);
    // What the clinic sends is small, but for the packets that would begin another connection.
    assert_eq!(here.large.load(Ordering::Acquire), 0, "dialled anew");
    assert!(back.elapsed() < Duration::from_secs(10), "{:?}", back.elapsed());
    clinic.shutdown().await;
    net.shutdown().await;
}

/// A link to one other that can be cut; it counts the bytes that it takes there.
#[derive(Debug, Default)]
struct Between {
    to: std::sync::Mutex<Option<SocketAddr>>,
    is_down: AtomicBool,
    bytes: AtomicUsize,
}

impl UdpFault for Between {
    fn fate(&self, to: SocketAddr, length: usize) -> Fate {
        if *self.to.lock().unwrap() != Some(to) {
            return Fate::Deliver;
        }
        if self.is_down.load(Ordering::Acquire) {
            return Fate::Drop;
        }
        self.bytes.fetch_add(length, Ordering::AcqRel);
        Fate::Deliver
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_team_carried_between_two_while_their_link_was_down_is_not_sent_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second, third) = (hub(&dir), store(&dir, "clinic"), store(&dir, "team"));
    let links = [Arc::new(Between::default()), Arc::new(Between::default())];
    let faulty = |link: &Arc<Between>| NetConfig {
        fault: Some(Arc::clone(link) as Arc<dyn UdpFault>),
        ..config()
    };
    let net = Net::start(first.clone(), faulty(&links[0])).await.unwrap();
    for (store, name) in [(&second, "clinic"), (&third, "team")] {
        let text = setup::ticket_text(&net.invite(invite()).await.unwrap()).unwrap();
        setup::join(store, &text, &newcomer(name), &config())
            .await
            .unwrap();
    }
    let clinic = Net::start(second.clone(), faulty(&links[1])).await.unwrap();
    *links[0].to.lock().unwrap() = Some(clinic.local_addr());
    *links[1].to.lock().unwrap() = Some(net.local_addr());
    put(&first, 20, "a");
    assert!(equal_within(&first, &second, 20).await);

    let turn = |is_down| {
        for link in &links {
            link.is_down.store(is_down, Ordering::Release);
            link.bytes.store(0, Ordering::Release);
        }
    };
    turn(true);
    put(&first, 800, "b");
    put(&second, 800, "c");
    tokio::time::sleep(Duration::from_millis(2 * SILENT_MS)).await;
    let alone = NetConfig {
        daemon: false,
        listen: false,
        ..config()
    };
    let team = Net::start(third.clone(), alone).await.unwrap();
    for at in [net.local_addr(), clinic.local_addr(), net.local_addr()] {
        team.sync(Target::Address(at)).await.unwrap();
    }
    team.shutdown().await;
    assert!(equal_within(&first, &second, 1).await, "the team carried it");
    turn(false);
    let is_met = async |net: &Net| {
        net.peers()
            .await
            .unwrap()
            .iter()
            .any(|p| p.connected && p.in_sync)
    };
    let until = Instant::now() + Duration::from_secs(20);
    while !(is_met(&net).await && is_met(&clinic).await) {
        assert!(Instant::now() < until, "they do not meet again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // 800 such records are some 50 KB.
    let bytes = links.each_ref().map(|link| link.bytes.load(Ordering::Acquire));
    assert!(bytes.iter().all(|bytes| *bytes < 16_000), "{bytes:?} bytes");
    clinic.shutdown().await;
    net.shutdown().await;
}
