//! An address that stays while the node behind it comes back at another: a router that forwards a port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::{JoinHandle, JoinSet};

/// Any port of this machine, held from then on.
async fn any_port() -> Arc<UdpSocket> {
    Arc::new(UdpSocket::bind(("127.0.0.1", 0)).await.unwrap())
}

/// The forwarded port.
pub(super) struct Forward {
    pub(super) address: SocketAddr,
    to: Arc<Mutex<Option<SocketAddr>>>,
    task: JoinHandle<()>,
}

impl Forward {
    pub(super) async fn open() -> Forward {
        let front = any_port().await;
        let address = front.local_addr().unwrap();
        let to = Arc::new(Mutex::new(None));
        let task = tokio::spawn(forward(front, Arc::clone(&to)));
        Forward { address, to, task }
    }

    /// From now on what comes goes there.
    pub(super) fn lead_to(&self, node: SocketAddr) {
        *self.to.lock().unwrap() = Some(node);
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(front: Arc<UdpSocket>, to: Arc<Mutex<Option<SocketAddr>>>) {
    let mut ways: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let mut answers = JoinSet::new();
    let mut packet = vec![0; 65_536];
    while let Ok((length, caller)) = front.recv_from(&mut packet).await {
        let way = match ways.get(&caller) {
            Some(way) => Arc::clone(way),
            None => {
                let way = any_port().await;
                ways.insert(caller, Arc::clone(&way));
                answers.spawn(answer(Arc::clone(&way), Arc::clone(&front), caller));
                way
            }
        };
        let node = *to.lock().unwrap();
        if let Some(node) = node {
            let _lost = way.send_to(&packet[..length], node).await;
        }
    }
}

/// What comes back, from wherever the node is now.
async fn answer(way: Arc<UdpSocket>, front: Arc<UdpSocket>, caller: SocketAddr) {
    let mut packet = vec![0; 65_536];
    while let Ok((length, _)) = way.recv_from(&mut packet).await {
        let _lost = front.send_to(&packet[..length], caller).await;
    }
}
