//! Finding members on the LAN by mDNS.
//!
//! Invariants: what is announced names the network by a digest and the node by
//! its key, no person and no clinic; what is heard is only ever an address to
//! try for a key that is already known, as a member's or by a ticket, and the
//! handshake proves that key. Works without DNS, Internet or time.

use std::collections::HashMap;
use std::net::SocketAddr;

use chaski_crdt::author::{NetworkId, NodeId};
use mdns_sd::{ServiceDaemon, ServiceEvent, ServiceInfo};

use crate::whereabouts::is_dialable;

/// The service's type.
const SERVICE: &str = "_chaski._udp.local.";
/// Addresses taken from one announcement.
const ADDRESSES_MAX: usize = 8;

/// A running announcement; ends when dropped.
pub(crate) struct Discovery {
    daemon: ServiceDaemon,
}

impl Drop for Discovery {
    fn drop(&mut self) {
        let _ = self.daemon.shutdown();
    }
}

/// Announces this node and calls `found` for each other one of the network.
///
/// # Errors
/// When the multicast socket cannot be used.
pub(crate) fn start(
    network: &NetworkId,
    node: &NodeId,
    port: u16,
    found: impl Fn(NodeId, SocketAddr) + Send + 'static,
) -> Result<Discovery, mdns_sd::Error> {
    let daemon = ServiceDaemon::new()?;
    let name = node.to_string();
    let short = node.short();
    let tag = network_tag(network);
    let properties = HashMap::from([("n".to_owned(), tag.clone()), ("k".to_owned(), name.clone())]);
    let host = format!("chaski-{short}.local.");
    let service = ServiceInfo::new(SERVICE, &format!("chaski-{short}"), &host, "", port, properties)?
        .enable_addr_auto();
    daemon.register(service)?;
    browse(daemon, Some(tag), found)
}

/// Calls `found` for every node of whatever network that announces itself, and announces nothing: for one
/// that belongs to none yet and knows only whom it looks for.
///
/// # Errors
/// When the multicast socket cannot be used.
pub(crate) fn look(found: impl Fn(NodeId, SocketAddr) + Send + 'static) -> Result<Discovery, mdns_sd::Error> {
    browse(ServiceDaemon::new()?, None, found)
}

fn browse(
    daemon: ServiceDaemon,
    network: Option<String>,
    found: impl Fn(NodeId, SocketAddr) + Send + 'static,
) -> Result<Discovery, mdns_sd::Error> {
    let events = daemon.browse(SERVICE)?;
    std::thread::Builder::new()
        .name("chaski-mdns".to_owned())
        .spawn(move || {
            while let Ok(event) = events.recv() {
                if let ServiceEvent::ServiceResolved(info) = event {
                    let is_meant = network
                        .as_deref()
                        .is_none_or(|tag| info.get_property_val_str("n") == Some(tag));
                    let key = info
                        .get_property_val_str("k")
                        .and_then(|k| k.parse::<NodeId>().ok());
                    let Some(key) = key.filter(|_| is_meant) else {
                        continue;
                    };
                    let addresses = info.get_addresses().iter();
                    let addresses =
                        addresses.map(|address| SocketAddr::new(address.to_ip_addr(), info.get_port()));
                    for address in addresses.filter(is_dialable).take(ADDRESSES_MAX) {
                        found(key, address);
                    }
                }
            }
        })
        .map_err(|error| mdns_sd::Error::Msg(error.to_string()))?;
    Ok(Discovery { daemon })
}

/// What stands for the network in the open.
fn network_tag(network: &NetworkId) -> String {
    let hash = blake3::derive_key("chaski 2026-11 mdns network tag v1", &network.0);
    data_encoding::HEXLOWER.encode(hash.first_chunk::<8>().unwrap_or(&[0; 8]))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_announced_of_a_network_is_the_same_at_all_its_nodes_and_names_it_to_nobody_else() {
        let tag = network_tag(&NetworkId([1; 32]));
        assert_eq!(tag, network_tag(&NetworkId([1; 32])));
        assert_ne!(tag, network_tag(&NetworkId([2; 32])));
        assert!(tag.len() == 16 && !"01".repeat(32).contains(&tag));
    }

    #[test]
    #[ignore = "needs multicast"]
    fn members_on_one_lan_find_each_other() {
        let network = NetworkId([1; 32]);
        let (one, other) = (NodeId([2; 32]), NodeId([3; 32]));
        let (found, heard) = mpsc::channel();
        let _first = start(&network, &one, 4001, |_, _| {}).unwrap();
        let _second = start(&network, &other, 4002, move |node, address| {
            let _ = found.send((node, address));
        })
        .unwrap();
        loop {
            let (node, address) = heard
                .recv_timeout(Duration::from_secs(10))
                .expect("an announcement");
            if node == one {
                assert_eq!(address.port(), 4001);
                return;
            }
        }
    }
}
