//! Tickets that were typed wrongly in ways that a group's check character does not see.

use super::*;
use crate::authority::base32;
use sha2::{Digest, Sha256};

const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The letter so many places further on.
fn moved(letter: char, by: usize) -> char {
    let at = ALPHABET.find(letter).unwrap();
    ALPHABET.chars().nth((at + by) % 32).unwrap()
}

#[test]
fn two_wrong_letters_that_check_as_a_group_are_seen_in_the_whole() {
    let text = ticket().to_text().unwrap();
    let groups: Vec<&str> = text.split('-').collect();
    for index in 0..groups.len() {
        let letters: Vec<char> = groups[index].chars().collect();
        // The first letter weighs one and the second three: together nothing changes.
        let wrong: String = [moved(letters[0], 3), moved(letters[1], 31)]
            .into_iter()
            .chain(letters[2..].iter().copied())
            .collect();
        let mut typed: Vec<&str> = groups.clone();
        typed[index] = &wrong;
        let read = typed.join("-").parse::<Ticket>();
        assert!(
            !matches!(read, Err(TicketError::Group(_))),
            "the group's own check sees it"
        );
        assert!(read.is_err(), "group {index}");
        if (1..groups.len() - 1).contains(&index) {
            assert_eq!(read, Err(TicketError::Checksum), "group {index}");
        }
    }
}

#[test]
fn a_group_of_another_ticket_is_seen() {
    let text = ticket().to_text().unwrap();
    let other = Ticket {
        secret: [6; 16],
        ..ticket()
    };
    let other = other.to_text().unwrap();
    let (groups, others): (Vec<&str>, Vec<&str>) = (text.split('-').collect(), other.split('-').collect());
    let mut mixed = 0;
    for index in 0..groups.len() {
        if groups[index] != others[index] {
            let mut typed = groups.clone();
            typed[index] = others[index];
            assert_eq!(
                typed.join("-").parse::<Ticket>(),
                Err(TicketError::Checksum),
                "group {index}"
            );
            mixed += 1;
        }
    }
    assert!(mixed > 4, "{mixed} groups differ");
}

#[test]
fn a_ticket_says_its_secret_to_whoever_types_it_and_not_to_a_log() {
    let ticket = ticket();
    assert_eq!(format!("{ticket:?}"), "Ticket(..)");
    let most = Ticket {
        role: NodeRole::Other("r".repeat(64)),
        addresses: vec!["a".repeat(64); 8],
        expires_s: (1 << 40) - 1,
        ..ticket
    };
    let text = most.to_text().unwrap();
    assert_eq!(text.parse::<Ticket>().unwrap(), most);
    for over in [
        Ticket {
            role: NodeRole::Other("r".repeat(65)),
            ..most.clone()
        },
        Ticket {
            expires_s: 1 << 40,
            ..most.clone()
        },
    ] {
        assert_eq!(over.to_text(), Err(TicketError::Content));
    }
}

/// Whatever a ticket's length leaves of its last group, it is read back: each remainder once, and again.
#[test]
fn a_ticket_of_every_length_is_read_as_it_was_made() {
    for length in 0..=50 {
        let ticket = Ticket {
            addresses: vec!["a".repeat(length)],
            ..ticket()
        };
        let text = ticket.to_text().unwrap();
        assert_eq!(text.parse::<Ticket>().unwrap(), ticket, "{length}");
    }
    for count in 0..=8 {
        let ticket = Ticket {
            addresses: (0..count).map(|number| format!("10.0.0.{number}:7433")).collect(),
            ..ticket()
        };
        assert_eq!(
            ticket.to_text().unwrap().parse::<Ticket>().unwrap(),
            ticket,
            "{count}"
        );
    }
}

/// A ticket's text around any content, its length and checksum right.
fn sealed(version: u8, content: &[u8], behind: &[u8]) -> String {
    let length = u16::try_from(content.len() + 7).unwrap().to_be_bytes();
    let mut bytes = [&[version], length.as_slice(), content].concat();
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum[..4]);
    bytes.extend_from_slice(behind);
    base32::encode(&bytes)
}

/// A content with this role and these addresses.
fn content(role: &[u8], addresses: &[&[u8]]) -> Vec<u8> {
    let ticket = ticket();
    let mut out = [
        ticket.secret.as_slice(),
        &ticket.issuer,
        &ticket.network,
        &[0, 0, 0, 1, 2],
    ]
    .concat();
    out.push(role.len() as u8);
    out.extend_from_slice(role);
    out.push(addresses.len() as u8);
    for address in addresses {
        out.push(address.len() as u8);
        out.extend_from_slice(address);
    }
    out
}

#[test]
fn a_ticket_that_somebody_else_made_is_read_within_its_bounds() {
    let read = |content: &[u8]| sealed(1, content, &[]).parse::<Ticket>();
    let good = content(b"mobile", &[b"a:1", b"b:2"]);
    let ticket = read(&good).unwrap();
    assert_eq!(ticket.expires_s, 258);
    assert_eq!(
        (ticket.role, ticket.addresses),
        (NodeRole::Mobile, vec!["a:1".to_owned(), "b:2".to_owned()])
    );
    let long = [b'x'; 65];
    assert!(read(&content(&long[..64], &[&long[..64]; 8])).is_ok());
    for (what, bad) in [
        ("nine addresses", content(b"hub", &[&b"a"[..]; 9])),
        ("a long role", content(&long, &[])),
        ("a long address", content(b"hub", &[&long])),
        ("a role that is no text", content(&[0xff], &[])),
        ("an address that is no text", content(b"hub", &[&[0xc3]])),
        ("something more", [&good[..], &[0]].concat()),
        ("an address too few", good[..good.len() - 4].to_vec()),
        ("a cut address", good[..good.len() - 1].to_vec()),
        ("no addresses", good[..52].to_vec()),
        ("a cut secret", good[..7].to_vec()),
        ("nothing", Vec::new()),
    ] {
        assert_eq!(read(&bad), Err(TicketError::Content), "{what}");
    }
    assert_eq!(
        sealed(2, &good, &[]).parse::<Ticket>(),
        Err(TicketError::Version(2))
    );
    assert_eq!(
        sealed(0, &good, &[]).parse::<Ticket>(),
        Err(TicketError::Version(0))
    );
    for behind in [&[1][..], &[0, 1], &[0; 4], &[0; 9]] {
        assert_eq!(
            sealed(1, &good, behind).parse::<Ticket>(),
            Err(TicketError::TooLong),
            "{behind:?}"
        );
    }
    // A length that leaves no room for a checksum.
    assert_eq!(
        base32::encode(&[1, 0, 3]).parse::<Ticket>(),
        Err(TicketError::Content)
    );
    let mut other = good.clone();
    other[0] ^= 1;
    let length = u16::try_from(other.len() + 7).unwrap().to_be_bytes();
    let bytes = [&[1], length.as_slice(), &other, &[1, 2, 3, 4]].concat();
    assert_eq!(
        base32::encode(&bytes).parse::<Ticket>(),
        Err(TicketError::Checksum)
    );
}

#[test]
fn letters_that_look_alike_are_read_as_the_one_that_is_meant() {
    let text = ticket().to_text().unwrap();
    assert!(!text.contains(['O', 'I', 'L', 'U']));
    assert!(text.contains('0') && text.contains('1'));
    for (letter, typed) in [
        ('0', 'O'),
        ('0', 'o'),
        ('1', 'I'),
        ('1', 'i'),
        ('1', 'L'),
        ('1', 'l'),
    ] {
        let sloppy = text.replace(letter, &typed.to_string());
        assert_eq!(sloppy.parse::<Ticket>(), Ok(ticket()), "{typed}");
    }
    for spaced in [
        text.replace('-', ""),
        text.replace('-', "\n"),
        format!("  {} \t", text.replace('-', " - ")),
        text.to_lowercase(),
    ] {
        assert_eq!(spaced.parse::<Ticket>(), Ok(ticket()));
    }
    for wrong in ['U', 'u', '*', '_', '\u{e9}', '\u{ff10}'] {
        let typed = format!("{wrong}{text}");
        assert_eq!(typed.parse::<Ticket>(), Err(TicketError::Character(wrong)));
    }
    assert_eq!("- \n-".parse::<Ticket>(), Err(TicketError::Empty));
    // Every letter stands for five bits.
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(base32::decode(&base32::encode(&all)).unwrap()[..256], all);
}
