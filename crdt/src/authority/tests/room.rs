//! What of a signer's statements is held, and what nobody can do to others with theirs.

use super::by_hand::{after, issuer_cut};
use super::*;

/// A clinic, and two issuers without limits.
fn two_issuers() -> Authority {
    let mut authority = small();
    authority
        .issue(&key(ROOT), issuer(OTHER_ISSUER, Limits::default()))
        .unwrap();
    authority
}

/// So many bytes of statements that say nothing this version knows.
fn crowd(authority: &Authority, signer: u8, from: u64, bytes_max: usize) -> Vec<SignedStatement> {
    let mut bytes = 0;
    let mut out = Vec::new();
    for serial in from.. {
        let names = (0..200).map(|n| format!("{n:0>120}-{serial}")).collect();
        let large = Statement::Grant(Grant {
            node: NodeId([(serial % 251) as u8; 32]),
            scopes: Scopes::Panels(names),
            expires_ms: Some(serial),
        });
        let signed = SignedStatement::sign(&authority.network(), &key(signer), serial, large).unwrap();
        bytes += signed.bytes_len();
        if bytes > bytes_max {
            return out;
        }
        out.push(signed);
    }
    out
}

fn held(authority: &Authority, signer: u8) -> usize {
    let of = authority
        .statements()
        .filter(|(_, signed)| *signed.signer() == id(signer));
    of.map(|(_, signed)| signed.bytes_len()).sum()
}

#[test]
fn what_strangers_members_and_those_no_chain_leads_to_sign_is_not_held() {
    let authority = small();
    for (signer, statement) in [
        (STRANGER, member(STRANGER, NodeRole::Hub, "")),
        (STRANGER, issuer(STRANGER, Limits::default())),
        (STRANGER, issuer_cut(ISSUER, 0)),
        (STRANGER, revocation(CLINIC, &[])),
        (CLINIC, member(12, NodeRole::Clinic, "CUS")),
        (CLINIC, grant(CLINIC, None)),
        (CLINIC, revocation(CLINIC, &[])),
    ] {
        let more = after(&authority, signer, 5, statement.clone());
        assert_eq!(more, authority, "{signer}: {statement:?}");
        assert_eq!(more.digest(), authority.digest());
    }
}

/// Each of them alone is nothing yet; together, in any order, they are.
#[test]
fn a_delivery_is_taken_in_whatever_order_its_statements_stand() {
    let whole = small();
    let mut statements: Vec<Vec<u8>> = whole.statements().map(|(_, signed)| signed.to_bytes()).collect();
    for _ in 0..statements.len() {
        statements.rotate_left(1);
        for order in [statements.clone(), statements.iter().rev().cloned().collect()] {
            let mut taking = Authority::found(id(ROOT));
            assert_eq!(taking.take(&order).unwrap().len(), 3);
            assert_eq!(taking, whole);
            assert_eq!(taking.take(&order), Ok(Vec::new()), "known already");
        }
    }
    let last = whole
        .statements()
        .find(|(_, signed)| matches!(signed.statement(), Statement::Grant(_)));
    let alone = [last.unwrap().1.to_bytes()];
    assert_eq!(Authority::found(id(ROOT)).take(&alone), Ok(Vec::new()));
}

#[test]
fn what_is_forged_is_named_and_what_cannot_be_read_spoils_nothing_beside_it() {
    let whole = small();
    let good: Vec<Vec<u8>> = whole.statements().map(|(_, signed)| signed.to_bytes()).collect();
    let short = good.iter().map(|bytes| bytes[..bytes.len() - 1].to_vec());
    let unreadable: Vec<Vec<u8>> = short.chain([Vec::new(), vec![1; 20]]).collect();
    let mut taking = Authority::found(id(ROOT));
    assert_eq!(
        taking.take(&[unreadable, good.clone()].concat()).unwrap().len(),
        3
    );
    assert_eq!(taking, whole);
    for at in 0..good.len() {
        let mut bad = good.clone();
        *bad[at].last_mut().unwrap() ^= 1;
        let mut taking = Authority::found(id(ROOT));
        assert_eq!(taking.take(&bad), Err(StatementError::Signature), "{at}");
        assert!(taking.len() < 3);
    }
    // A forged one by somebody to whom no chain leads is not even looked at.
    let mut stranger = good[0].clone();
    stranger[..32].copy_from_slice(&id(STRANGER).0);
    assert_eq!(taking.take(&[stranger]), Ok(Vec::new()));
}

#[test]
fn an_issuer_that_has_filled_its_room_stops_neither_revocations_nor_others() {
    let mut authority = two_issuers();
    let before = authority.clone();
    authority.add(crowd(&authority, ISSUER, 50, SIGNER_BYTES_MAX + 200_000));
    let full = held(&authority, ISSUER);
    assert!(
        full <= SIGNER_BYTES_MAX && full > SIGNER_BYTES_MAX - 100_000,
        "{full}"
    );
    // What it said first stands.
    for (_, signed) in before.statements() {
        assert!(authority.holds(&signed.id()));
    }
    let more = |authority: &mut Authority| authority.issue(&key(ISSUER), member(12, NodeRole::Clinic, "CUS"));
    let until_full = (0..2_000).find_map(|_| more(&mut authority).err());
    assert_eq!(until_full, Some(AuthorityError::Full));
    assert!(held(&authority, ISSUER) <= SIGNER_BYTES_MAX);
    authority.issue(&key(ISSUER), revocation(CLINIC, &[])).unwrap();
    assert!(authority.is_revoked(&id(CLINIC)));
    authority
        .issue(&key(OTHER_ISSUER), member(12, NodeRole::Clinic, "CUS"))
        .unwrap();
    authority.issue(&key(ROOT), issuer_cut(ISSUER, 40)).unwrap();
    assert!(!authority.is_issuer(&id(ISSUER)) && authority.member(&id(12)).is_some());
}

/// A thief may number what he signs as he likes: it pushes out nothing that is held, neither certificates nor
/// revocations.
#[test]
fn what_is_held_makes_no_room_for_what_is_signed_under_lower_numbers() {
    let mut authority = small();
    authority
        .issue(&key(ISSUER), member(12, NodeRole::Clinic, "CUS"))
        .unwrap();
    authority.issue(&key(ISSUER), revocation(12, &[])).unwrap();
    let before = authority.clone();
    let network = authority.network();
    let vouched: Vec<(u64, u64)> = (0..2_900).map(|n| (u64::MAX - n, u64::MAX)).collect();
    let panels: std::collections::BTreeSet<String> = (0..200).map(|n| format!("{n:0>120}")).collect();
    let back_dated = (0..100_u8).flat_map(|n| {
        let mut panels = panels.clone();
        panels.insert(format!("{n}"));
        let large = Statement::Grant(Grant {
            node: id(CLINIC),
            scopes: Scopes::Panels(panels),
            expires_ms: None,
        });
        let order = Order {
            serial: 0,
            lamport: 0,
        };
        [large, revocation(n, &vouched)]
            .map(|said| SignedStatement::sign(&network, &key(ISSUER), order, said).unwrap())
    });
    let back_dated: Vec<_> = back_dated.collect();
    let held_of_them = authority.add(back_dated.clone()).len();
    assert!(held_of_them > 60 && held_of_them < 200, "{held_of_them}");
    for (_, signed) in before.statements() {
        assert!(authority.holds(&signed.id()), "{signed:?}");
    }
    assert!(authority.member(&id(CLINIC)).is_some() && authority.is_revoked(&id(12)));
}

/// Only the root names and cuts issuers, and only issuers certify: what another who is known says of that is not held, so that
/// what a node shows of itself stays short.
#[test]
fn what_is_not_its_signers_to_say_is_not_held() {
    let authority = small();
    let node = issuer(ISSUER, Limits::default());
    for (signer, statement) in [
        (ISSUER, node.clone()),
        (ISSUER, issuer_cut(ISSUER, 0)),
        (ISSUER, super::by_hand::successor(8, 0)),
        (ROOT, member(12, NodeRole::Hub, "")),
        (ROOT, grant(CLINIC, None)),
        (ROOT, revocation(CLINIC, &[])),
    ] {
        assert_eq!(
            after(&authority, signer, 0, statement.clone()),
            authority,
            "{signer}: {statement:?}"
        );
    }
    let cut = after(&authority, ROOT, 60, issuer_cut(ISSUER, 10));
    let mut poisoned = cut.clone();
    for serial in 0..300 {
        poisoned = after(&poisoned, ISSUER, serial, node.clone());
    }
    assert_eq!(poisoned.chain_of(&id(CLINIC)), cut.chain_of(&id(CLINIC)));
}

/// Of a certificate and one that a limited issuer made of the same node for its own site, the one holds whose issuer could
/// have made both: else whoever may certify teams in one site could make every node one of them, and then revoke it.
#[test]
fn a_limited_issuer_takes_over_no_node_that_it_could_not_certify() {
    let mut authority = small();
    let limits = Limits {
        roles: Some([NodeRole::Mobile].into()),
        sites: Some(["PUN".to_owned()].into()),
    };
    authority.issue(&key(ROOT), issuer(OTHER_ISSUER, limits)).unwrap();
    let network = authority.network();
    for lamport in [0, 1, u64::MAX] {
        let order = Order { serial: 1, lamport };
        let mut taken = authority.clone();
        let own = member(CLINIC, NodeRole::Mobile, "PUN");
        let own = SignedStatement::sign(&network, &key(OTHER_ISSUER), order, own).unwrap();
        let order = Order { serial: 2, lamport };
        let end =
            SignedStatement::sign(&network, &key(OTHER_ISSUER), order, revocation(CLINIC, &[])).unwrap();
        taken.add([own, end]);
        assert_eq!(taken.member(&id(CLINIC)).unwrap().site, "CUS", "{lamport}");
        assert!(!taken.is_revoked(&id(CLINIC)), "{lamport}");
        // Who may certify all of it moves it as ever.
        taken
            .issue(&key(ISSUER), member(CLINIC, NodeRole::Hub, "LIM"))
            .unwrap();
        assert_eq!(taken.member(&id(CLINIC)).unwrap().site, "LIM", "{lamport}");
    }
}

/// What a cut issuer signs afterwards renews nothing, and so takes nothing away.
#[test]
fn a_renewal_that_does_not_count_takes_the_place_of_none() {
    let mut authority = small();
    for expires_ms in [2_000, 3_000, 4_000] {
        authority
            .issue(&key(ISSUER), grant(CLINIC, Some(expires_ms)))
            .unwrap();
    }
    authority.issue(&key(ROOT), issuer_cut(ISSUER, 10)).unwrap();
    let before = authority.clone();
    for serial in 100..104 {
        let order = Order {
            serial,
            lamport: u64::MAX,
        };
        let late = SignedStatement::sign(
            &before.network(),
            &key(ISSUER),
            order,
            grant(CLINIC, Some(serial)),
        );
        authority.add([late.unwrap()]);
    }
    assert_eq!(authority.grant(&id(CLINIC)), before.grant(&id(CLINIC)));
    for (_, signed) in before.statements() {
        assert!(authority.holds(&signed.id()));
    }
    // Another of something else takes the place of none either: a narrowing stands beside what it narrowed.
    let mut narrowed = small();
    for round in 0..5 {
        let some = Statement::Grant(Grant {
            node: id(CLINIC),
            scopes: Scopes::Panels([format!("{round}")].into()),
            expires_ms: None,
        });
        narrowed.issue(&key(ISSUER), some).unwrap();
    }
    assert_eq!(narrowed.len(), small().len() + 5);
}

#[test]
fn revocations_have_a_room_of_their_own_and_the_first_stay() {
    let mut authority = small();
    authority.issue(&key(ISSUER), revocation(CLINIC, &[])).unwrap();
    let vouched: Vec<(u64, u64)> = (0..2_900).map(|n| (u64::MAX - n, u64::MAX)).collect();
    let large = (0..80_u64).map(|n| {
        let statement = revocation((20 + n) as u8, &vouched);
        SignedStatement::sign(&authority.network(), &key(ISSUER), 100 + n, statement).unwrap()
    });
    let large: Vec<_> = large.collect();
    let bytes: usize = large.iter().map(SignedStatement::bytes_len).sum();
    authority.add(large);
    assert!(authority.is_revoked(&id(CLINIC)), "the first");
    assert!(
        held(&authority, ISSUER) <= SIGNER_REVOCATIONS_BYTES_MAX + 1_000
            && bytes > SIGNER_REVOCATIONS_BYTES_MAX
    );
    authority
        .issue(&key(ISSUER), member(12, NodeRole::Clinic, "CUS"))
        .unwrap();
}

/// A clinic's grant is renewed twice a year, for ever.
#[test]
fn of_a_signers_grants_for_one_node_the_first_and_the_latest_two_are_held() {
    let mut authority = two_issuers();
    let mut all: Vec<_> = authority.statements().map(|(_, signed)| signed.clone()).collect();
    for round in 0..20 {
        for signer in [ISSUER, OTHER_ISSUER] {
            let made = authority
                .issue(&key(signer), grant(CLINIC, Some(2_000 + round)))
                .unwrap();
            let made = authority
                .statements()
                .find(|(other, _)| **other == made)
                .unwrap()
                .1;
            all.push(made.clone());
        }
    }
    let grants = |authority: &Authority, signer: u8| -> Vec<Option<u64>> {
        let mut found: Vec<_> = authority
            .statements()
            .filter(|(_, signed)| *signed.signer() == id(signer))
            .filter_map(|(_, signed)| match signed.statement() {
                Statement::Grant(grant) => Some(grant.expires_ms),
                _ => None,
            })
            .collect();
        found.sort_unstable();
        found
    };
    assert_eq!(
        grants(&authority, ISSUER),
        [Some(1_000), Some(2_018), Some(2_019)]
    );
    assert_eq!(
        grants(&authority, OTHER_ISSUER),
        [Some(2_000), Some(2_018), Some(2_019)]
    );
    assert_eq!(authority.grant(&id(CLINIC)).unwrap().expires_ms, Some(2_019));
    for _ in 0..7 {
        all.rotate_left(11);
        let mut other = Authority::found(id(ROOT));
        hear_one_by_one(&mut other, &all);
        assert_eq!(other, authority);
    }
    // The last issuer is cut before its last grant: the one before it holds, of whoever is left.
    let cut = after(&authority, ROOT, 60, issuer_cut(OTHER_ISSUER, 0));
    assert_eq!(cut.grant(&id(CLINIC)).unwrap().expires_ms, Some(2_019));
    let cut = after(&authority, ROOT, 60, issuer_cut(ISSUER, 2));
    assert_eq!(cut.grant(&id(CLINIC)).unwrap().expires_ms, Some(2_019));
}

/// A thief's statement under the greatest number neither uses up the numbers of the issuer it was stolen
/// from nor those of another: each can be cut between its own.
#[test]
fn the_greatest_serial_moves_nobodys_next_one() {
    let mut authority = two_issuers();
    for signer in [ISSUER, OTHER_ISSUER, ROOT] {
        let statement = if signer == ROOT {
            issuer(13, Limits::default())
        } else {
            member(13, NodeRole::Clinic, "CUS")
        };
        authority = after(&authority, signer, u64::MAX, statement);
    }
    let mut serials = Vec::new();
    for (signer, node) in [(ISSUER, 14), (OTHER_ISSUER, 15), (ISSUER, 16), (OTHER_ISSUER, 17)] {
        let made = authority
            .issue(&key(signer), member(node, NodeRole::Clinic, "CUS"))
            .unwrap();
        let made = authority
            .statements()
            .find(|(other, _)| **other == made)
            .unwrap()
            .1;
        serials.push((signer, made.serial()));
    }
    assert_eq!(
        serials,
        [(ISSUER, 3), (OTHER_ISSUER, 1), (ISSUER, 4), (OTHER_ISSUER, 2)]
    );
    for (signer, last) in [(ISSUER, 3), (OTHER_ISSUER, 1)] {
        let cut = after(&authority, ROOT, 60, issuer_cut(signer, last));
        let counts: Vec<bool> = [14, 15, 16, 17].map(|n| cut.member(&id(n)).is_some()).into();
        let expected = if signer == ISSUER {
            [true, true, false, true]
        } else {
            [true, true, true, false]
        };
        assert_eq!(counts, expected, "{signer}");
    }
}

/// What an issuer said of one node under the greatest time cannot be said anew by others while it
/// counts, and is nothing once the issuer is cut. Of other nodes it moves nothing.
#[test]
fn the_greatest_time_is_of_one_node_and_ends_with_who_said_it() {
    let mut authority = two_issuers();
    authority
        .issue(&key(ISSUER), member(7, NodeRole::Clinic, "CUS"))
        .unwrap();
    authority.issue(&key(ISSUER), grant(7, Some(5))).unwrap();
    let high = Order {
        serial: 1,
        lamport: u64::MAX,
    };
    let network = authority.network();
    authority
        .add([SignedStatement::sign(&network, &key(OTHER_ISSUER), high, grant(CLINIC, Some(9))).unwrap()]);
    assert_eq!(authority.grant(&id(CLINIC)).unwrap().expires_ms, Some(9));
    authority.issue(&key(ISSUER), grant(7, Some(6))).unwrap();
    assert_eq!(authority.grant(&id(7)).unwrap().expires_ms, Some(6));
    authority.issue(&key(ROOT), issuer_cut(OTHER_ISSUER, 0)).unwrap();
    assert_eq!(authority.grant(&id(CLINIC)).unwrap().expires_ms, Some(1_000));
    authority.issue(&key(ISSUER), grant(CLINIC, Some(10))).unwrap();
    assert_eq!(authority.grant(&id(CLINIC)).unwrap().expires_ms, Some(10));
}

/// A root that has named two successors: the line of the one that does not hold goes, with all that
/// its issuers had said, wherever that had been heard first.
#[test]
fn what_the_line_that_does_not_hold_has_said_goes() {
    let authority = small();
    let network = authority.network();
    let root = |next: u8| {
        let named = RootSuccessor {
            next: id(next),
            last_serial: 50,
        };
        SignedStatement::sign(
            &network,
            &key(ROOT),
            40 + u64::from(next),
            Statement::RootSuccessor(named),
        )
        .unwrap()
    };
    let (one, other) = (root(30), root(31));
    let (holds, falls) = if one.id() < other.id() {
        (one, other)
    } else {
        (other, one)
    };
    let Statement::RootSuccessor(named) = falls.statement() else {
        unreachable!()
    };
    let fallen = if named.next == id(30) { 30 } else { 31 };
    let mut first = authority.clone();
    first.add([falls.clone()]);
    first.issue(&key(fallen), issuer(33, Limits::default())).unwrap();
    first.issue(&key(33), member(34, NodeRole::Hub, "")).unwrap();
    let said: Vec<_> = first.statements().map(|(_, signed)| signed.clone()).collect();
    first.add([holds.clone()]);
    assert!(first.member(&id(34)).is_none() && !first.is_issuer(&id(33)));
    let mut second = authority;
    second.add([holds, falls]);
    second.add(said);
    assert_eq!(first, second);
}
