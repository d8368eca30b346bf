//! From where somebody comes, as far as strangers are counted together.
//!
//! Invariants: an IPv4 address is one place; of IPv6 a /64 is, which any host has for itself, and the /56 and
//! /48 around it are counted as well, since a customer or a site may be given as much.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bits of the networks around an IPv6 address that are counted, the widest first.
const WIDTHS: [u8; 3] = [48, 56, 64];
/// Bits of an IPv4 address.
const V4_BITS: u8 = 32;

/// Addresses that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// How many times as much as one host may take all of this network may take together.
    pub(crate) fn hosts(self) -> usize {
        match (self.address, self.bits) {
            (IpAddr::V6(_), 48) => 4,
            (IpAddr::V6(_), 56) => 3,
            _ => 1,
        }
    }
}

/// One place: an IPv4 address, or the /64 network that an IPv6 host has for itself.
pub(crate) fn place_of(address: SocketAddr) -> IpAddr {
    match address.ip().to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(prefix(v6, 64)),
        v4 => v4,
    }
}

/// The same of an address as text; what is none is one place.
pub(crate) fn place_at(address: &str) -> IpAddr {
    let parsed = address.parse::<SocketAddr>();
    parsed.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), place_of)
}

fn prefix(address: Ipv6Addr, bits: u8) -> Ipv6Addr {
    let rest = u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & !rest)
}

/// The networks that a place is in, the widest first, the last one its own.
pub(crate) fn networks(place: IpAddr) -> Vec<Network> {
    match place {
        IpAddr::V4(_) => vec![Network {
            address: place,
            bits: V4_BITS,
        }],
        IpAddr::V6(v6) => WIDTHS
            .into_iter()
            .map(|bits| Network {
                address: IpAddr::V6(prefix(v6, bits)),
                bits,
            })
            .collect(),
    }
}

/// How many there are of something, by where they come from.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    rows: BTreeMap<Network, usize>,
}

impl Counts {
    pub(crate) fn add(&mut self, place: IpAddr) {
        for network in networks(place) {
            let count = self.rows.entry(network).or_default();
            *count = count.saturating_add(1);
        }
    }

    pub(crate) fn remove(&mut self, place: IpAddr) {
        for network in networks(place) {
            let left = self.rows.get(&network).map_or(0, |count| count.saturating_sub(1));
            match left {
                0 => self.rows.remove(&network),
                left => self.rows.insert(network, left),
            };
        }
    }

    pub(crate) fn of(&self, network: Network) -> usize {
        self.rows.get(&network).copied().unwrap_or(0)
    }

    /// How much comes from a place: from the widest network around it first, so that whoever has many places
    /// weighs as much as all of them.
    pub(crate) fn weight(&self, place: IpAddr) -> [usize; WIDTHS.len()] {
        let own = networks(place).last().map_or(0, |network| self.of(*network));
        let mut weight = [own; WIDTHS.len()];
        for (count, network) in weight.iter_mut().zip(networks(place)) {
            *count = self.of(network);
        }
        weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> IpAddr {
        place_of(SocketAddr::new(text.parse().unwrap(), 1))
    }

    #[test]
    fn a_host_with_many_addresses_of_its_own_is_one_place() {
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_eq!(place_at("10.0.0.1:77"), of("10.0.0.1"));
        assert_eq!(place_at(""), place_at("no address"));
    }

    #[test]
    fn all_that_a_customer_has_weighs_together() {
        let mut counts = Counts::default();
        for text in ["2001:db8:1:100::1", "2001:db8:1:1ff::1", "2001:db8:1:200::1"] {
            counts.add(of(text));
        }
        (0..2).for_each(|_| counts.add(of("10.0.0.1")));
        assert_eq!(counts.weight(of("2001:db8:1:100::7")), [3, 2, 1]);
        assert_eq!(counts.weight(of("2001:db8:1:201::7")), [3, 1, 0]);
        assert_eq!(counts.weight(of("2001:db8:2:100::7")), [0, 0, 0]);
        assert_eq!(counts.weight(of("10.0.0.1")), [2, 2, 2]);
        counts.remove(of("2001:db8:1:1ff::1"));
        assert_eq!(counts.weight(of("2001:db8:1:100::7")), [2, 1, 1]);
        let hosts = |text| {
            networks(of(text))
                .into_iter()
                .map(Network::hosts)
                .collect::<Vec<_>>()
        };
        assert_eq!(hosts("2001:db8::1"), [4, 3, 1]);
        assert_eq!(hosts("10.0.0.1"), [1]);
    }
}
