//! Where others may reach this node.
//!
//! Invariants: what is told can be dialled from another machine, unless there
//! is nothing of the kind; a loopback address is told only then, and whoever
//! makes a ticket of it is warned.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Addresses told at most: each makes a ticket longer, and a dialler waits for each.
pub const TOLD_MAX: usize = 4;

/// Addresses nobody has (RFC 5737, RFC 3849): asking for the way there tells
/// which of its own a machine leaves from. Nothing is sent.
const NOWHERE: [(&str, &str); 2] = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];

/// The addresses at which a socket bound to this one is reached, the likeliest
/// first: its own, or where it listens everywhere those of the machine's
/// interfaces, with or without a way to the Internet.
#[must_use]
pub fn reached_at(bound: SocketAddr) -> Vec<SocketAddr> {
    if !bound.ip().is_unspecified() {
        return vec![bound];
    }
    let interfaces: Vec<IpAddr> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .map(|interface| interface.ip())
        .collect();
    chosen(bound, &outward(), &interfaces)
}

/// Whether nobody on another machine can use any of these.
pub fn are_only_here<'a>(addresses: impl IntoIterator<Item = &'a SocketAddr>) -> bool {
    addresses
        .into_iter()
        .all(|address| address.ip().to_canonical().is_loopback())
}

/// What an address for dialling has to be.
const DIALLED: &str = "it must be HOST:PORT, an IP address or a name and a port from 1 to 65535, as 192.0.2.7:8031, \
                       [2001:db8::7]:8031 or hub.example.org:8031";

/// Labels of a name, and the whole of it, have at most so many bytes (RFC 1035).
const LABEL_BYTES_MAX: usize = 63;
const HOST_BYTES_MAX: usize = 253;

/// Refuses what no node can be dialled at, whoever names it: a ticket, the configuration, a command.
///
/// # Errors
/// What is wrong with it and what it has to be.
pub fn check_dialled(text: &str) -> Result<(), String> {
    let shown = text.escape_default();
    if let Ok(address) = text.parse::<SocketAddr>() {
        return check_dialled_ip(&address);
    }
    let wrong = |why: &str| Err(format!("'{shown}' is no address to dial: {why}; {DIALLED}"));
    if text.is_empty() {
        return wrong("it is empty");
    }
    if !crate::report::is_harmless(text) {
        return wrong("it holds control characters or characters that turn the direction of text");
    }
    if text.contains("://") {
        return wrong("it is a URL");
    }
    if text.contains(|c: char| c == ',' || c.is_whitespace()) {
        return wrong("it holds a comma or a blank, and is one address");
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return wrong("it has no port");
    };
    if !is_host(host) {
        return wrong("what stands before the port is no host");
    }
    match port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0) {
        true => Ok(()),
        false => wrong("what stands behind the host is no port"),
    }
}

/// The same of an address of numbers.
///
/// # Errors
/// As [`check_dialled`].
pub fn check_dialled_ip(address: &SocketAddr) -> Result<(), String> {
    let ip = address.ip().to_canonical();
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    let why = match () {
        () if address.port() == 0 => "port 0 is none",
        () if ip.is_unspecified() => "it stands for all addresses of a machine, and nobody can dial it",
        () if ip.is_multicast() || is_broadcast => "it is the address of many",
        () => return Ok(()),
    };
    Err(format!("'{address}' is no address to dial: {why}; {DIALLED}"))
}

/// Whether a text may be a host's name: not an IP address gone wrong, which would end in digits.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    name.len() <= HOST_BYTES_MAX
        && name.split('.').all(is_label)
        && !name.rsplit('.').next().is_some_and(is_number)
}

/// The addresses that packets for far away leave from, where there is a way.
fn outward() -> Vec<IpAddr> {
    let leaves_from = |(any, nowhere): (&str, &str)| {
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(nowhere).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    NOWHERE.into_iter().filter_map(leaves_from).collect()
}

fn chosen(bound: SocketAddr, outward: &[IpAddr], interfaces: &[IpAddr]) -> Vec<SocketAddr> {
    let mut known: Vec<IpAddr> = Vec::new();
    for address in outward.iter().chain(interfaces) {
        let address = address.to_canonical();
        if (address.is_ipv4() || bound.is_ipv6()) && is_told(address) && !known.contains(&address) {
            known.push(address);
        }
    }
    // Sorting keeps the order of those that are alike: the way out, then as the machine lists them.
    known.sort_by_key(|address| match address {
        IpAddr::V4(address) if address.is_link_local() => 2,
        IpAddr::V4(_) => 0,
        IpAddr::V6(_) => 1,
    });
    known.truncate(TOLD_MAX);
    if known.is_empty() {
        known.push(if bound.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    known
        .into_iter()
        .map(|address| SocketAddr::new(address, bound.port()))
        .collect()
}

/// Whether another machine can dial it as it is written: IPv6's link-local ones need an interface of the
/// dialler's own beside them.
fn is_told(address: IpAddr) -> bool {
    let is_linked = match address {
        IpAddr::V4(address) => address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast() || is_linked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(text: &str) -> Vec<IpAddr> {
        text.split_whitespace()
            .map(|text| text.parse().unwrap())
            .collect()
    }

    #[test]
    fn every_address_that_another_machine_can_dial_is_told_and_no_other() {
        // Where it listens, the way out, the machine's own; what is told.
        for (bound, out, own, told) in [
            // A clinic with a router: the way out first, whatever else there is.
            (
                "0.0.0.0:8031",
                "192.168.1.5",
                "127.0.0.1 172.17.0.1 192.168.1.5",
                "192.168.1.5:8031 172.17.0.1:8031",
            ),
            // A switch between two machines, no gateway: what there is.
            ("0.0.0.0:8031", "", "127.0.0.1 10.0.0.7", "10.0.0.7:8031"),
            (
                "0.0.0.0:1",
                "",
                "127.0.0.1 169.254.3.4 10.0.0.7 10.0.1.7",
                "10.0.0.7:1 10.0.1.7:1 169.254.3.4:1",
            ),
            // A cable and no address server: the address that a machine gives itself.
            ("0.0.0.0:1", "", "127.0.0.1 169.254.3.4", "169.254.3.4:1"),
            // Nothing but itself.
            ("0.0.0.0:1", "", "127.0.0.1", "127.0.0.1:1"),
            ("0.0.0.0:1", "", "", "127.0.0.1:1"),
            ("[::]:1", "", "127.0.0.1 ::1 fe80::1", "[::1]:1"),
            // What listens on IPv4 alone is not reached by IPv6.
            (
                "0.0.0.0:1",
                "10.0.0.7 2001:db8::7",
                "::1 2001:db8::7 10.0.0.7",
                "10.0.0.7:1",
            ),
            (
                "[::]:1",
                "10.0.0.7 2001:db8::7",
                "::1 fe80::1 fd00::7 2001:db8::7 10.0.0.7 ::ffff:10.0.0.9",
                "10.0.0.7:1 10.0.0.9:1 [2001:db8::7]:1 [fd00::7]:1",
            ),
            // No more than fit into a ticket that people may have to type.
            (
                "0.0.0.0:1",
                "10.0.0.3",
                "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5",
                "10.0.0.3:1 10.0.0.1:1 10.0.0.2:1 10.0.0.4:1",
            ),
            (
                "0.0.0.0:1",
                "0.0.0.0",
                "224.0.0.1 255.255.255.255 0.0.0.0 10.0.0.1",
                "10.0.0.1:1",
            ),
        ] {
            let chosen = chosen(bound.parse().unwrap(), &ips(out), &ips(own));
            let shown: Vec<String> = chosen.iter().map(ToString::to_string).collect();
            assert_eq!(shown.join(" "), told, "{bound}, out {out:?}, own {own:?}");
            assert_eq!(
                are_only_here(&chosen),
                told.starts_with("127") || told.starts_with("[::1]")
            );
        }
    }

    #[test]
    fn what_nobody_can_dial_is_refused_with_what_is_wrong_with_it() {
        for address in [
            "192.0.2.7:8031",
            "[2001:db8::7]:8031",
            "127.0.0.1:1",
            "hub:8031",
            "hub.example.org:65535",
            "hub.example.org.:8031",
            "clinic-2_a:8031",
            "xn--ecuador-9za:8031",
        ] {
            assert_eq!(check_dialled(address), Ok(()), "{address}");
        }
        for (address, why) in [
            ("", "it is empty"),
            ("foo bar", "a blank"),
            ("foo bar:8031", "a blank"),
            ("a:1,b:2", "a comma"),
            ("hub", "no port"),
            ("hub:", "no port"),
            ("hub:99999", "no port"),
            ("hub:0", "no port"),
            ("hub:+80", "no port"),
            (":8031", "no host"),
            ("http://hub:8031", "a URL"),
            ("0.0.0.0:8031", "nobody can dial"),
            ("[::]:8031", "nobody can dial"),
            ("[::ffff:0.0.0.0]:8031", "nobody can dial"),
            ("203.0.113.7:0", "port 0"),
            ("224.0.0.251:8031", "of many"),
            ("255.255.255.255:8031", "of many"),
            ("192.0.2.999:8031", "no host"),
            ("192.0.2:8031", "no host"),
            ("2001:db8::7:8031", "no host"),
            ("-hub:8031", "no host"),
            ("hub..org:8031", "no host"),
            ("h\u{200b}ub:8031", "no host"),
        ] {
            let refused = check_dialled(address).unwrap_err();
            assert!(
                refused.contains(why) && refused.contains("HOST:PORT"),
                "{refused}"
            );
        }
    }

    #[test]
    fn where_it_listens_at_one_address_that_one_is_told() {
        for bound in ["10.0.0.1:9", "127.0.0.1:9", "[2001:db8::1]:9", "[::1]:9"] {
            let bound: SocketAddr = bound.parse().unwrap();
            assert_eq!(reached_at(bound), [bound]);
        }
        for any in ["0.0.0.0:77", "[::]:77"] {
            let any: SocketAddr = any.parse().unwrap();
            let told = reached_at(any);
            assert!(!told.is_empty() && told.len() <= TOLD_MAX, "{told:?}");
            assert!(
                told.iter().all(|one| one.port() == 77
                    && !one.ip().is_unspecified()
                    && one.is_ipv4() >= any.is_ipv4()),
                "{told:?}"
            );
        }
    }
}
