//! Tickets that were typed wrongly in ways that a group's check character does not see.

use super::*;

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
