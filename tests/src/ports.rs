//! Ports that a test may bind, let go of and bind again, as a node does that is stopped and served anew.
//!
//! Invariants: the system gives none of them to whoever asks for any port, since they lie below the range from
//! which it takes those; no two tests have the same one, in this process or another, since a mark of its number
//! is held until the process ends.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Mutex;

/// The lowest port given out: below lie those of well-known services.
const FIRST: u16 = 12_000;

/// What marks the ports of this process as its own.
static MARKS: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// A port, for TCP and UDP, that is this process's until it ends, bound or not.
pub fn own_port() -> u16 {
    let mut marks = MARKS.lock().unwrap();
    for port in FIRST..first_of_the_systems() {
        let name = SocketAddr::from_abstract_name(format!("chaski-test-port-{port}")).unwrap();
        if let Ok(mark) = UnixListener::bind_addr(&name) {
            // Kept also where something else listens there: nobody need try it again.
            marks.push(mark);
            if is_free(port) {
                return port;
            }
        }
    }
    panic!("no port is left below those that the system gives out");
}

fn is_free(port: u16) -> bool {
    let any = Ipv4Addr::UNSPECIFIED;
    TcpListener::bind((any, port)).is_ok() && UdpSocket::bind((any, port)).is_ok()
}

/// The first port of those from which the system takes one for whoever asks for any.
fn first_of_the_systems() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    range.split_whitespace().next().unwrap().parse().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_ones_own_is_given_to_nobody_else() {
        let (one, other) = (own_port(), own_port());
        assert_ne!(one, other);
        let bound = UdpSocket::bind(("127.0.0.1", one)).unwrap();
        drop(bound);
        let any: Vec<UdpSocket> = (0..200)
            .map(|_| UdpSocket::bind("127.0.0.1:0").unwrap())
            .collect();
        let taken = any.iter().map(|socket| socket.local_addr().unwrap().port());
        assert!(taken.into_iter().all(|port| port != one && port != other));
    }
}
