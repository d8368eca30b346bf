mod by_hand;
mod chains;
mod listed;
mod room;
mod statements;
mod tickets;

use super::*;
use crate::author::{AuthorId, NetworkId, NodeId};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn id(number: u8) -> NodeId {
    NodeId::of(&key(number))
}

const ROOT: u8 = 1;
const ISSUER: u8 = 2;
const OTHER_ISSUER: u8 = 3;
const CLINIC: u8 = 4;
const STRANGER: u8 = 9;

fn issuer(number: u8, limits: Limits) -> Statement {
    Statement::Issuer(Issuer {
        node: id(number),
        name: format!("issuer {number}"),
        limits,
    })
}

fn member(number: u8, role: NodeRole, site: &str) -> Statement {
    Statement::Member(Member {
        node: id(number),
        name: format!("node {number}"),
        role,
        site: site.into(),
    })
}

fn grant(number: u8, expires_ms: Option<u64>) -> Statement {
    Statement::Grant(Grant {
        node: id(number),
        scopes: Scopes::All,
        expires_ms,
    })
}

fn revocation(number: u8, vouched: &[(u64, u64)]) -> Statement {
    Statement::Revocation(Revocation {
        node: id(number),
        vouched: vouched.iter().copied().collect(),
        reason: "stolen".into(),
    })
}

fn author(number: u8, incarnation: u64) -> AuthorId {
    AuthorId {
        node: id(number),
        incarnation,
    }
}

/// Root, one issuer without limits, one clinic with a grant.
fn small() -> Authority {
    let mut authority = Authority::found(id(ROOT));
    authority
        .issue(&key(ROOT), issuer(ISSUER, Limits::default()))
        .unwrap();
    authority
        .issue(&key(ISSUER), member(CLINIC, NodeRole::Clinic, "CUS"))
        .unwrap();
    authority.issue(&key(ISSUER), grant(CLINIC, Some(1_000))).unwrap();
    authority
}

/// Everything that can be said, some of it by those who may not.
fn eventful() -> Vec<SignedStatement> {
    let mut authority = small();
    let mut limits = Limits {
        sites: Some(["CUS".into()].into()),
        ..Limits::default()
    };
    authority
        .issue(&key(ROOT), issuer(OTHER_ISSUER, limits.clone()))
        .unwrap();
    for number in 5..8 {
        authority
            .issue(&key(OTHER_ISSUER), member(number, NodeRole::Mobile, "CUS"))
            .unwrap();
    }
    authority
        .issue(&key(ISSUER), revocation(5, &[(1, 10), (2, 20)]))
        .unwrap();
    authority
        .issue(&key(OTHER_ISSUER), revocation(5, &[(1, 7)]))
        .unwrap();
    authority.issue(&key(ISSUER), grant(6, None)).unwrap();
    let cut = IssuerRevocation {
        node: id(OTHER_ISSUER),
        last_serial: 3,
    };
    authority
        .issue(&key(ROOT), Statement::IssuerRevocation(cut))
        .unwrap();
    let next = RootSuccessor {
        next: id(8),
        last_serial: 100,
    };
    authority
        .issue(&key(ROOT), Statement::RootSuccessor(next))
        .unwrap();
    limits.sites = None;
    authority.issue(&key(8), issuer(11, limits)).unwrap();
    let network = authority.network();
    let rogue = [
        SignedStatement::sign(&network, &key(STRANGER), 1, member(STRANGER, NodeRole::Hub, "")).unwrap(),
        SignedStatement::sign(&network, &key(ROOT), 101, issuer(STRANGER, Limits::default())).unwrap(),
        SignedStatement::sign(
            &network,
            &key(OTHER_ISSUER),
            90,
            member(12, NodeRole::Mobile, "CUS"),
        )
        .unwrap(),
    ];
    authority
        .statements()
        .map(|(_, signed)| signed.clone())
        .chain(rogue)
        .collect()
}

#[test]
fn members_lead_to_the_root_and_strangers_do_not() {
    let authority = small();
    assert_eq!(authority.member(&id(CLINIC)).unwrap().site, "CUS");
    assert_eq!(authority.standing(&author(CLINIC, 1), 5), Standing::Vouched);
    assert_eq!(authority.standing(&author(STRANGER, 1), 5), Standing::Unknown);
    assert_eq!(authority.vouched(&id(CLINIC), 1), Some(u64::MAX));
    assert_eq!(authority.vouched(&id(STRANGER), 1), None);
    assert!(matches!(
        authority.admission(&id(CLINIC), 999),
        Admission::Granted(..)
    ));
    assert!(matches!(
        authority.admission(&id(CLINIC), 1_000),
        Admission::Expired(_)
    ));
    assert_eq!(authority.admission(&id(STRANGER), 0), Admission::Stranger);
}

#[test]
fn each_key_says_only_what_it_may() {
    let mut authority = small();
    let refused = |authority: &mut Authority, signer: u8, statement: Statement| {
        assert_eq!(
            authority.issue(&key(signer), statement),
            Err(AuthorityError::NotEntitled)
        );
    };
    refused(&mut authority, ROOT, member(7, NodeRole::Clinic, ""));
    refused(&mut authority, ISSUER, issuer(7, Limits::default()));
    refused(&mut authority, CLINIC, member(7, NodeRole::Clinic, ""));
    refused(&mut authority, STRANGER, revocation(CLINIC, &[]));
    refused(&mut authority, ISSUER, revocation(STRANGER, &[]));
    let limits = Limits {
        roles: Some([NodeRole::Mobile].into()),
        sites: Some(["PUN".into()].into()),
    };
    authority.issue(&key(ROOT), issuer(OTHER_ISSUER, limits)).unwrap();
    refused(&mut authority, OTHER_ISSUER, member(7, NodeRole::Clinic, "PUN"));
    refused(&mut authority, OTHER_ISSUER, member(7, NodeRole::Mobile, "CUS"));
    refused(&mut authority, OTHER_ISSUER, revocation(CLINIC, &[]));
    authority
        .issue(&key(OTHER_ISSUER), member(7, NodeRole::Mobile, "PUN"))
        .unwrap();
    refused(&mut authority, OTHER_ISSUER, grant(7, None));
    let scopes = Scopes::Sites(["PUN".into()].into());
    let own = Grant {
        node: id(7),
        scopes,
        expires_ms: None,
    };
    authority
        .issue(&key(OTHER_ISSUER), Statement::Grant(own))
        .unwrap();
}

#[test]
fn a_revocation_cuts_and_the_smallest_cut_holds() {
    let mut authority = small();
    authority
        .issue(&key(ISSUER), revocation(CLINIC, &[(1, 10), (2, 20)]))
        .unwrap();
    assert!(authority.is_revoked(&id(CLINIC)));
    assert_eq!(authority.admission(&id(CLINIC), 0), Admission::Revoked);
    assert_eq!(authority.standing(&author(CLINIC, 1), 10), Standing::Vouched);
    assert_eq!(
        authority.standing(&author(CLINIC, 1), 11),
        Standing::Review(ReviewReason::AuthorRevoked)
    );
    assert_eq!(
        authority.standing(&author(CLINIC, 3), 0),
        Standing::Review(ReviewReason::AuthorRevoked)
    );
    authority
        .issue(&key(ISSUER), revocation(CLINIC, &[(1, 12), (2, 5)]))
        .unwrap();
    assert_eq!(authority.vouched(&id(CLINIC), 1), Some(10));
    assert_eq!(authority.vouched(&id(CLINIC), 2), Some(5));
}

#[test]
fn a_cut_issuer_leaves_earlier_members_and_flags_later_ones() {
    let mut authority = small();
    let last_serial = 2;
    authority
        .issue(&key(ISSUER), member(7, NodeRole::Clinic, ""))
        .unwrap();
    let cut = IssuerRevocation {
        node: id(ISSUER),
        last_serial,
    };
    authority
        .issue(&key(ROOT), Statement::IssuerRevocation(cut))
        .unwrap();
    assert!(!authority.is_issuer(&id(ISSUER)));
    assert!(authority.member(&id(CLINIC)).is_some());
    assert!(authority.member(&id(7)).is_none());
    assert_eq!(
        authority.standing(&author(7, 1), 1),
        Standing::Review(ReviewReason::IssuerRevoked)
    );
    assert_eq!(
        authority.issue(&key(ISSUER), member(6, NodeRole::Clinic, "")),
        Err(AuthorityError::NotEntitled)
    );
}

#[test]
fn the_root_can_hand_over() {
    let mut authority = small();
    let next = RootSuccessor {
        next: id(8),
        last_serial: 50,
    };
    authority
        .issue(&key(ROOT), Statement::RootSuccessor(next))
        .unwrap();
    assert_eq!(authority.root(), id(8));
    assert_eq!(authority.network(), NetworkId::of_root(&id(ROOT)));
    assert!(authority.member(&id(CLINIC)).is_some());
    assert_eq!(
        authority.issue(&key(ROOT), issuer(7, Limits::default())),
        Err(AuthorityError::NotEntitled)
    );
    authority.issue(&key(8), issuer(7, Limits::default())).unwrap();
}

#[test]
fn a_chain_is_enough_for_someone_who_knows_only_the_root() {
    let authority = small();
    let mut stranger = Authority::found(id(ROOT));
    stranger.add(authority.chain_of(&id(CLINIC)).into_iter().cloned());
    assert!(matches!(
        stranger.admission(&id(CLINIC), 0),
        Admission::Granted(..)
    ));
}

#[test]
fn statements_of_unknown_kinds_are_carried() {
    use crate::change::reader::Reader;
    let authority = small();
    let network = authority.network();
    let known = SignedStatement::sign(&network, &key(ISSUER), 77, grant(CLINIC, None)).unwrap();
    // Sign the same body under a kind that does not exist yet.
    let mut bytes = known.to_bytes();
    bytes[34] = 200;
    let end = bytes.len() - 64;
    let mut message = b"chaski/authority/2\0".to_vec();
    message.extend_from_slice(&network.0);
    message.extend_from_slice(&bytes[..end]);
    use ed25519_dalek::Signer;
    bytes.splice(end.., key(ISSUER).sign(&message).to_bytes());
    let later = SignedStatement::read(&network, &mut Reader::new(&bytes)).unwrap();
    assert_eq!(later.statement(), &Statement::Unknown(200));
    let mut authority = authority;
    authority.add([later]);
    let again = Authority::from_bytes(&authority.to_bytes()).unwrap();
    assert_eq!(again, authority);
    assert_eq!(again.len(), 4);
}

#[test]
fn another_networks_statements_are_refused() {
    let authority = small();
    let other = Authority::found(id(STRANGER));
    for (_, signed) in authority.statements() {
        let read = SignedStatement::from_bytes(&other.network(), &signed.to_bytes());
        assert_eq!(read, Err(StatementError::Signature));
    }
    assert_eq!(small().merge(&other), Err(AuthorityError::OtherNetwork));
}

fn ticket() -> Ticket {
    Ticket {
        secret: [5; 16],
        issuer: Ticket::fingerprint_of(&id(ISSUER)),
        network: Ticket::network_of(&small().network()),
        expires_s: 1_800_000_000,
        role: NodeRole::Mobile,
        addresses: vec!["192.168.1.20:7433".into(), "[fe80::1]:7433".into()],
    }
}

#[test]
fn a_ticket_survives_being_typed() {
    let ticket = ticket();
    let text = ticket.to_text().unwrap();
    assert_eq!(ticket.issuer, Ticket::fingerprint_of(&id(ISSUER)));
    assert!(ticket.is_for(&small().network()) && !ticket.is_for(&NetworkId([1; 32])));
    assert!(ticket.is_expired(1_800_000_000_000) && !ticket.is_expired(1_799_999_999_999));
    assert_eq!(text.parse::<Ticket>().unwrap(), ticket);
    let sloppy = text
        .to_lowercase()
        .replace('-', " ")
        .replace('0', "o")
        .replace('1', "l");
    assert_eq!(sloppy.parse::<Ticket>().unwrap(), ticket);
}

#[test]
fn what_is_wrong_with_a_ticket_is_named() {
    let text = ticket().to_text().unwrap();
    let groups: Vec<&str> = text.split('-').collect();
    assert_eq!("".parse::<Ticket>(), Err(TicketError::Empty));
    assert_eq!(
        format!("{text}U").parse::<Ticket>(),
        Err(TicketError::Character('U'))
    );
    for cut in 1..text.len() {
        if text.as_bytes()[cut] != b'-' && text.as_bytes()[cut - 1] != b'-' {
            assert_eq!(
                text[..cut].parse::<Ticket>(),
                Err(TicketError::Truncated),
                "cut at {cut}"
            );
        }
    }
    assert_eq!(
        groups[..4].join("-").parse::<Ticket>(),
        Err(TicketError::Truncated)
    );
    let third = groups[2].replace(
        &groups[2][..1],
        if groups[2].starts_with('7') { "8" } else { "7" },
    );
    let mistyped = text.replacen(groups[2], &third, 1);
    assert_eq!(mistyped.parse::<Ticket>(), Err(TicketError::Group(3)));
    let swapped = [&groups[..1], &[groups[2], groups[1]], &groups[3..]]
        .concat()
        .join("-");
    assert!(matches!(swapped.parse::<Ticket>(), Err(TicketError::Group(_))));
    let twice = format!("{text}-{text}");
    assert!(twice.parse::<Ticket>().is_err());
}

#[test]
fn what_does_not_fit_is_not_made_into_a_ticket() {
    let long = Ticket {
        addresses: vec!["a".repeat(65)],
        ..ticket()
    };
    assert_eq!(long.to_text(), Err(TicketError::Content));
    let many = Ticket {
        addresses: vec!["a".into(); 9],
        ..ticket()
    };
    assert_eq!(many.to_text(), Err(TicketError::Content));
}

fn answers(authority: &Authority) -> BTreeMap<u8, (bool, bool, Standing, Option<u64>)> {
    (0..20)
        .map(|n| {
            let standing = authority.standing(&author(n, 1), 8);
            let vouched = authority.vouched(&id(n), 1);
            (
                n,
                (
                    authority.member(&id(n)).is_some(),
                    authority.is_revoked(&id(n)),
                    standing,
                    vouched,
                ),
            )
        })
        .collect()
}

/// Hears statements singly, and those whose signer was not known again, as long as that adds any.
fn hear_one_by_one(authority: &mut Authority, statements: &[SignedStatement]) {
    let mut hear = || {
        let heard = statements
            .iter()
            .map(|signed| authority.add([signed.clone()]).len());
        heard.sum::<usize>()
    };
    while hear() > 0 {}
}

proptest! {
    #![proptest_config(crate::testing::cases(64))]

    #[test]
    fn order_grouping_and_repetition_do_not_matter(
        order in Just(eventful()).prop_shuffle(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut straight = Authority::found(id(ROOT));
        straight.add(eventful());
        let (left, right) = order.split_at(cut.index(order.len()));
        let mut one = Authority::found(id(ROOT));
        hear_one_by_one(&mut one, left);
        let mut two = Authority::found(id(ROOT));
        two.add(right.to_vec());
        two.add(order.iter().take(3).cloned());
        // What either heard too early it is told again.
        one.add(order.iter().cloned());
        one.merge(&two).unwrap();
        two.merge(&one).unwrap();
        prop_assert_eq!(&one, &two);
        let mut three = Authority::found(id(ROOT));
        hear_one_by_one(&mut three, &order);
        prop_assert_eq!(&one, &three);
        prop_assert_eq!(one.to_bytes(), straight.to_bytes());
        prop_assert_eq!(one.digest(), straight.digest());
        prop_assert_eq!(one.root(), id(8));
        prop_assert_eq!(answers(&one), answers(&straight));
        prop_assert!(one.member(&id(STRANGER)).is_none() && one.member(&id(12)).is_none());
        prop_assert_eq!(&Authority::from_bytes(&one.to_bytes()).unwrap(), &one);
    }

    #[test]
    fn random_and_mutated_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        with in 1_u8..,
    ) {
        let network = small().network();
        let _ = Authority::from_bytes(&bytes);
        let _ = SignedStatement::from_bytes(&network, &bytes);
        let mut whole = small().to_bytes();
        let at = at.index(whole.len());
        whole[at] ^= with;
        prop_assert!(Authority::from_bytes(&whole).is_err());
    }

    #[test]
    fn any_text_is_a_ticket_or_a_named_error(text in "[0-9A-Za-z -]{0,80}", any_text in ".{0,40}") {
        let _ = text.parse::<Ticket>();
        let _ = any_text.parse::<Ticket>();
    }

    #[test]
    fn one_wrong_character_is_always_seen(at in any::<prop::sample::Index>(), with in "[0-9A-HJKMNP-TV-Z]") {
        let text = ticket().to_text().unwrap();
        let at = at.index(text.len());
        let mut wrong = text.clone();
        if text.as_bytes()[at] != b'-' {
            wrong.replace_range(at..=at, &with);
            prop_assert_eq!(wrong.parse::<Ticket>().is_ok(), wrong == text);
        }
    }
}
