//! Tickets: as typed, and with the groups' checks and the checksum put right.

use chaski_crdt::authority::Ticket;
use sha2::{Digest, Sha256};

/// Gives the bytes to what reads tickets.
pub fn ticket(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read(text);
    }
    read(&put_right(bytes));
}

/// The text of a ticket with this content, its length and its checksums right.
pub(crate) fn put_right(bytes: &[u8]) -> String {
    let length = u16::try_from(bytes.len() + 7).unwrap_or(u16::MAX).to_be_bytes();
    let mut whole = vec![1, length[0], length[1]];
    whole.extend_from_slice(bytes);
    let checksum = Sha256::digest(&whole);
    whole.extend_from_slice(&checksum[..4]);
    text_of(&whole)
}

fn read(text: &str) {
    if let Ok(ticket) = text.parse::<Ticket>() {
        let again = ticket.to_text().expect("a ticket that was read can be printed");
        assert_eq!(again.parse::<Ticket>(), Ok(ticket));
    }
}

/// As the tickets' base 32 writes it; see `chaski_crdt::authority`.
fn text_of(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
        .collect();
    let mut symbols: Vec<u32> = bits
        .chunks(5)
        .map(|five| {
            (0..5).fold(0, |value, at| {
                value << 1 | u32::from(five.get(at).copied().unwrap_or(0))
            })
        })
        .collect();
    symbols.resize(symbols.len().next_multiple_of(5), 0);
    let mut text = String::new();
    for (at, group) in symbols.chunks(5).enumerate() {
        let sum: u32 = group
            .iter()
            .zip([1, 3, 7, 11, 17])
            .map(|(symbol, weight)| symbol * weight)
            .sum();
        let check = (sum + at as u32 % 32 * 5 + 9) & 31;
        text.extend(
            group
                .iter()
                .chain([&check])
                .map(|symbol| char::from(ALPHABET[*symbol as usize])),
        );
    }
    text
}
