//! Statements as an attacker makes them who holds a key: signed by hand, whatever an honest node would refuse
//! to sign, and added from outside. What their signer may not say has no effect on anything.

use super::*;
use crate::change::put_unsigned;
use ed25519_dalek::Signer;
use std::collections::BTreeSet;

/// An issuer of mobile teams in Puno and of nothing else.
const LIMITED: u8 = 3;
/// Members: of each two that differ from [`LIMITED`]'s own in one thing.
const CLINIC_PUN: u8 = 5;
const MOBILE_CUS: u8 = 6;
const MOBILE_PUN: u8 = 7;
/// Nobody yet.
pub(super) const NEW: u8 = 12;

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn scoped(number: u8, scopes: Scopes) -> Statement {
    Statement::Grant(Grant {
        node: id(number),
        scopes,
        expires_ms: None,
    })
}

pub(super) fn issuer_cut(number: u8, last_serial: u64) -> Statement {
    Statement::IssuerRevocation(IssuerRevocation {
        node: id(number),
        last_serial,
    })
}

pub(super) fn successor(number: u8, last_serial: u64) -> Statement {
    Statement::RootSuccessor(RootSuccessor {
        next: id(number),
        last_serial,
    })
}

pub(super) fn network() -> Authority {
    let mut authority = small();
    let limits = Limits {
        roles: Some([NodeRole::Mobile].into()),
        sites: Some(names(&["PUN"])),
    };
    authority.issue(&key(ROOT), issuer(LIMITED, limits)).unwrap();
    for (number, role, site) in [
        (CLINIC_PUN, NodeRole::Clinic, "PUN"),
        (MOBILE_CUS, NodeRole::Mobile, "CUS"),
        (MOBILE_PUN, NodeRole::Mobile, "PUN"),
    ] {
        authority.issue(&key(ISSUER), member(number, role, site)).unwrap();
    }
    authority
}

/// What follows from a set of statements.
fn state(authority: &Authority) -> Vec<String> {
    let of_node = |number: u8| {
        let node = id(number);
        let standing = authority.standing(&author(number, 1), 8);
        format!(
            "{number}: {:?} {:?} {} {standing:?} {:?} {:?}",
            authority.member(&node),
            authority.grant(&node),
            authority.is_revoked(&node),
            authority.vouched(&node, 1),
            authority.is_issuer(&node),
        )
    };
    let issuers = authority.issuers().map(|issuer| format!("{issuer:?}"));
    let root = format!("{:?}", authority.root());
    (0..20).map(of_node).chain(issuers).chain([root]).collect()
}

/// What follows once a statement has come from outside, signed by this key under this number.
pub(super) fn after(authority: &Authority, signer: u8, serial: u64, statement: Statement) -> Authority {
    let signed = SignedStatement::sign(&authority.network(), &key(signer), serial, statement).unwrap();
    let mut authority = authority.clone();
    let read = SignedStatement::from_bytes(&authority.network(), &signed.to_bytes()).unwrap();
    authority.add([read]);
    authority
}

#[test]
fn what_an_issuer_signs_beyond_its_limits_counts_for_nothing() {
    let authority = network();
    let beyond = [
        member(NEW, NodeRole::Clinic, "PUN"),
        member(NEW, NodeRole::Other("auditor".into()), "PUN"),
        member(NEW, NodeRole::Mobile, "CUS"),
        member(NEW, NodeRole::Mobile, ""),
        scoped(MOBILE_PUN, Scopes::All),
        scoped(MOBILE_PUN, Scopes::Sites(names(&["CUS"]))),
        scoped(MOBILE_PUN, Scopes::Sites(names(&["CUS", "PUN"]))),
        scoped(MOBILE_PUN, Scopes::Panels(names(&["p"]))),
        scoped(CLINIC_PUN, Scopes::Sites(names(&["PUN"]))),
        scoped(MOBILE_CUS, Scopes::Sites(names(&["PUN"]))),
        scoped(CLINIC, Scopes::Sites(names(&[]))),
        scoped(NEW, Scopes::Sites(names(&["PUN"]))),
        revocation(CLINIC, &[]),
        revocation(CLINIC_PUN, &[(1, 3)]),
        revocation(MOBILE_CUS, &[]),
        revocation(NEW, &[]),
    ];
    for statement in beyond {
        let signed = after(&authority, LIMITED, 90, statement.clone());
        assert_eq!(state(&signed), state(&authority), "{statement:?}");
    }
    let within = [
        member(NEW, NodeRole::Mobile, "PUN"),
        scoped(MOBILE_PUN, Scopes::Sites(names(&["PUN"]))),
        revocation(MOBILE_PUN, &[(1, 3)]),
    ];
    for statement in within {
        let signed = after(&authority, LIMITED, 90, statement.clone());
        assert_ne!(state(&signed), state(&authority), "{statement:?}");
    }
}

#[test]
fn what_is_not_a_keys_to_say_counts_for_nothing() {
    let authority = network();
    let of_roots = [
        issuer(STRANGER, Limits::default()),
        issuer(CLINIC, Limits::default()),
        issuer(LIMITED, Limits::default()),
        issuer_cut(ISSUER, 1),
        issuer_cut(LIMITED, 0),
        successor(STRANGER, 2),
        successor(ISSUER, u64::MAX),
    ];
    let of_issuers = [
        member(NEW, NodeRole::Clinic, ""),
        member(STRANGER, NodeRole::Hub, ""),
        member(CLINIC, NodeRole::Hub, "CUS"),
        grant(CLINIC, None),
        grant(STRANGER, None),
        revocation(CLINIC, &[]),
        revocation(MOBILE_PUN, &[(1, 3)]),
    ];
    let by = |signers: &[u8], statements: &[Statement]| {
        for signer in signers {
            for statement in statements {
                let signed = after(&authority, *signer, 90, statement.clone());
                assert_eq!(state(&signed), state(&authority), "{signer} says {statement:?}");
            }
        }
    };
    by(&[ISSUER, LIMITED, CLINIC, STRANGER], &of_roots);
    by(&[ROOT, CLINIC, STRANGER], &of_issuers);
    by(&[ROOT], &[issuer_cut(CLINIC, 0), issuer_cut(STRANGER, 0)]);
    // The same words of those who may say them count, each of them.
    for statement in of_roots {
        assert_ne!(
            state(&after(&authority, ROOT, 90, statement.clone())),
            state(&authority)
        );
    }
    for statement in [
        &of_issuers[0],
        &of_issuers[2],
        &of_issuers[3],
        &of_issuers[5],
        &of_issuers[6],
    ] {
        assert_ne!(
            state(&after(&authority, ISSUER, 90, statement.clone())),
            state(&authority)
        );
    }
}

#[test]
fn an_issuer_that_was_cut_counts_up_to_the_last_serial_named_and_no_further() {
    let cut = after(&network(), ROOT, 30, issuer_cut(ISSUER, 20));
    // Who is named twice is cut at the lower of both, in whatever order that was heard.
    let twice = after(&cut, ROOT, 31, issuer_cut(ISSUER, 25));
    let other = after(
        &after(&network(), ROOT, 31, issuer_cut(ISSUER, 25)),
        ROOT,
        30,
        issuer_cut(ISSUER, 20),
    );
    for authority in [cut, twice, other] {
        assert!(!authority.is_issuer(&id(ISSUER)));
        let said = |serial, statement| after(&authority, ISSUER, serial, statement);
        let joined = said(20, member(NEW, NodeRole::Clinic, ""));
        assert!(joined.member(&id(NEW)).is_some());
        assert_eq!(joined.standing(&author(NEW, 1), 1), Standing::Vouched);
        let late = said(21, member(NEW, NodeRole::Clinic, ""));
        assert!(late.member(&id(NEW)).is_none());
        assert_eq!(late.admission(&id(NEW), 0), Admission::Stranger);
        assert_eq!(
            late.standing(&author(NEW, 1), 1),
            Standing::Review(ReviewReason::IssuerRevoked)
        );
        for statement in [
            scoped(CLINIC, Scopes::Panels(names(&["p"]))),
            revocation(CLINIC, &[]),
            member(CLINIC, NodeRole::Hub, "CUS"),
        ] {
            let state_of = |serial| state(&said(serial, statement.clone()));
            assert_ne!(state_of(20), state(&authority), "{statement:?}");
            assert_eq!(state_of(21), state(&authority), "{statement:?}");
        }
    }
}

#[test]
fn a_root_that_handed_over_counts_up_to_the_last_serial_it_named() {
    let authority = after(&network(), ROOT, 40, successor(8, 50));
    assert_eq!(authority.root(), id(8));
    for statement in [
        issuer(STRANGER, Limits::default()),
        issuer(LIMITED, Limits::default()),
        issuer_cut(ISSUER, 2),
    ] {
        let state_of = |signer, serial| state(&after(&authority, signer, serial, statement.clone()));
        assert_ne!(state_of(ROOT, 50), state(&authority), "{statement:?}");
        assert_eq!(state_of(ROOT, 51), state(&authority), "{statement:?}");
        assert_ne!(state_of(8, 51), state(&authority), "{statement:?}");
        // Whom it hands over to next may say nothing before.
        assert_eq!(state_of(10, 51), state(&authority), "{statement:?}");
    }
    let next = after(&authority, 8, 60, successor(10, 60));
    assert_eq!(next.root(), id(10));
    // A circle is not followed; of two named, the same one holds in either order.
    assert_eq!(after(&authority, 8, 60, successor(ROOT, 60)).root(), id(8));
    let one = after(&next, 8, 61, successor(11, 61));
    let other = after(
        &after(&authority, 8, 61, successor(11, 61)),
        8,
        60,
        successor(10, 60),
    );
    assert_eq!(one.root(), other.root());
    assert_eq!(state(&one), state(&other));
}

#[test]
fn the_newest_certificate_and_grant_hold_whatever_came_last() {
    let authority = network();
    let old = [
        member(CLINIC, NodeRole::Hub, "OLD"),
        scoped(CLINIC, Scopes::Panels(names(&["old"]))),
    ];
    let new = [
        member(CLINIC, NodeRole::Mobile, "NEW"),
        scoped(CLINIC, Scopes::Panels(names(&["new"]))),
    ];
    for (old, new) in old.into_iter().zip(new) {
        let one = after(
            &after(&authority, ISSUER, 70, old.clone()),
            ISSUER,
            71,
            new.clone(),
        );
        let other = after(&after(&authority, ISSUER, 71, new), ISSUER, 70, old);
        assert_eq!(state(&one), state(&other));
        assert!(state(&one)[usize::from(CLINIC)].to_lowercase().contains("new"));
        assert!(!state(&one)[usize::from(CLINIC)].to_lowercase().contains("old"));
    }
}

#[test]
fn of_two_revocations_only_what_both_vouch_for_is_vouched_for() {
    let first = after(&network(), ISSUER, 70, revocation(CLINIC, &[(1, 10), (2, 20)]));
    let both = after(&first, ISSUER, 71, revocation(CLINIC, &[(1, 7), (3, 5)]));
    let vouched = |incarnation| both.vouched(&id(CLINIC), incarnation);
    assert_eq!([vouched(1), vouched(2), vouched(3)], [Some(7), None, None]);
    // A new certificate or grant does not bring a revoked node back.
    let again = after(&both, ISSUER, 72, member(CLINIC, NodeRole::Clinic, "CUS"));
    let again = after(&again, ISSUER, 73, grant(CLINIC, None));
    assert_eq!(again.admission(&id(CLINIC), 0), Admission::Revoked);
}

#[test]
fn an_issuer_named_twice_may_what_either_names() {
    let limits = |role: NodeRole, site: &str| Limits {
        roles: Some([role].into()),
        sites: Some(names(&[site])),
    };
    let authority = after(&small(), ROOT, 10, issuer(11, limits(NodeRole::Mobile, "PUN")));
    let wider = after(&authority, ROOT, 11, issuer(11, limits(NodeRole::Hub, "CUS")));
    let joins = |authority: &Authority, role: NodeRole, site: &str| {
        let with = after(authority, 11, 90, member(NEW, role, site));
        with.member(&id(NEW)).is_some()
    };
    for (role, site, before, later) in [
        (NodeRole::Mobile, "PUN", true, true),
        (NodeRole::Hub, "CUS", false, true),
        (NodeRole::Clinic, "PUN", false, false),
        (NodeRole::Mobile, "LIM", false, false),
    ] {
        assert_eq!(joins(&authority, role.clone(), site), before, "{role} {site}");
        assert_eq!(joins(&wider, role.clone(), site), later, "{role} {site}");
    }
    let any = after(&wider, ROOT, 12, issuer(11, Limits::default()));
    assert!(joins(&any, NodeRole::Clinic, "LIM"));
}

/// A statement's bytes with any kind and body, rightly signed.
fn raw(network: &NetworkId, domain: &[u8], signer: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = id(signer).0.to_vec();
    put_unsigned(&mut bytes, 90);
    put_unsigned(&mut bytes, 80);
    bytes.push(kind);
    put_unsigned(&mut bytes, body.len() as u64);
    bytes.extend_from_slice(body);
    let message = [domain, &network.0, &bytes].concat();
    bytes.extend(key(signer).sign(&message).to_bytes());
    bytes
}

const DOMAIN: &[u8] = b"chaski/authority/2\0";

/// Kinds and bodies that are at a bound, or by one over it where `over` is 1.
fn at_bounds(over: usize) -> Vec<(u8, Vec<u8>)> {
    let name = "n".repeat(NAME_BYTES_MAX + over);
    let many: BTreeSet<String> = (0..LISTED_MAX + over).map(|n| n.to_string()).collect();
    let role = NodeRole::Other(name.clone());
    let roles: BTreeSet<NodeRole> = many.iter().map(|n| NodeRole::Other(n.clone())).collect();
    let member = |name: &str, role: &NodeRole, site: &str| {
        let node = id(NEW);
        let (name, role, site) = (name.to_owned(), role.clone(), site.to_owned());
        (
            4,
            postcard::to_stdvec(&Member {
                node,
                name,
                role,
                site,
            })
            .unwrap(),
        )
    };
    let issuer = |name: &str, roles: BTreeSet<NodeRole>, sites: BTreeSet<String>| {
        let limits = Limits {
            roles: Some(roles),
            sites: Some(sites),
        };
        let (node, name) = (id(NEW), name.to_owned());
        (2, postcard::to_stdvec(&Issuer { node, name, limits }).unwrap())
    };
    let grant = |scopes| {
        let grant = Grant {
            node: id(CLINIC),
            scopes,
            expires_ms: None,
        };
        (5, postcard::to_stdvec(&grant).unwrap())
    };
    let revocation = |incarnations: usize, reason: &str| {
        let revocation = Revocation {
            node: id(CLINIC),
            vouched: (0..incarnations as u64).map(|n| (n, n)).collect(),
            reason: reason.to_owned(),
        };
        (6, postcard::to_stdvec(&revocation).unwrap())
    };
    let one = |name: &str| BTreeSet::from([name.to_owned()]);
    vec![
        member(&name, &NodeRole::Hub, ""),
        member("", &role, ""),
        member("", &NodeRole::Hub, &name),
        issuer(&name, BTreeSet::new(), BTreeSet::new()),
        issuer("", [role].into(), BTreeSet::new()),
        issuer("", roles, BTreeSet::new()),
        issuer("", BTreeSet::new(), one(&name)),
        issuer("", BTreeSet::new(), many.clone()),
        grant(Scopes::Sites(one(&name))),
        grant(Scopes::Sites(many.clone())),
        grant(Scopes::Panels(one(&name))),
        grant(Scopes::Panels(many)),
        revocation(INCARNATIONS_MAX + over, ""),
        revocation(0, &name),
        (200, vec![1; STATEMENT_BYTES_MAX + over]),
    ]
}

#[test]
fn a_statement_over_a_bound_is_refused_though_it_is_signed_rightly() {
    let network = network().network();
    for (index, (kind, body)) in at_bounds(0).iter().enumerate() {
        let bytes = raw(&network, DOMAIN, ISSUER, *kind, body);
        assert!(
            SignedStatement::from_bytes(&network, &bytes).is_ok(),
            "row {index}"
        );
    }
    for (index, (kind, body)) in at_bounds(1).iter().enumerate() {
        let bytes = raw(&network, DOMAIN, ISSUER, *kind, body);
        let read = SignedStatement::from_bytes(&network, &bytes);
        assert_eq!(read, Err(StatementError::TooLarge), "row {index}");
    }
}

#[test]
fn a_signature_is_for_one_purpose_one_network_and_all_that_is_said() {
    let (network, other) = (network().network(), NetworkId([1; 32]));
    let (kind, body) = at_bounds(0).swap_remove(0);
    let read = |bytes: &[u8]| SignedStatement::from_bytes(&network, bytes);
    let good = raw(&network, DOMAIN, ISSUER, kind, &body);
    assert!(read(&good).is_ok());
    let elsewhere = raw(&other, DOMAIN, ISSUER, kind, &body);
    let another_purpose = raw(&network, b"chaski/change/1\0", ISSUER, kind, &body);
    let no_purpose = raw(&network, b"", ISSUER, kind, &body);
    let mut another_signer = good.clone();
    another_signer[..32].copy_from_slice(&id(ROOT).0);
    let mut another_serial = good.clone();
    another_serial[32] = 91;
    let mut another_time = good.clone();
    another_time[33] = 81;
    let mut another_kind = good.clone();
    another_kind[34] = 201;
    let mut another_body = good.clone();
    another_body[80] ^= 1;
    for (what, bytes) in [
        ("network", elsewhere),
        ("purpose", another_purpose),
        ("no purpose", no_purpose),
        ("signer", another_signer),
        ("serial", another_serial),
        ("Lamport time", another_time),
        ("kind", another_kind),
        ("body", another_body),
    ] {
        assert_eq!(read(&bytes), Err(StatementError::Signature), "{what}");
    }
    // Something more, inside or behind.
    let longer = raw(&network, DOMAIN, ISSUER, kind, &[&body[..], &[0]].concat());
    assert_eq!(read(&longer), Err(StatementError::Malformed));
    assert_eq!(read(&[&good[..], &[0]].concat()), Err(StatementError::Malformed));
}

#[test]
fn a_set_has_one_encoding() {
    let authority = small();
    let bytes = authority.to_bytes();
    let all: Vec<Vec<u8>> = authority.statements().map(|(_, s)| s.to_bytes()).collect();
    let encoded = |count: u64, statements: &[&Vec<u8>]| {
        let mut bytes = bytes[..33].to_vec();
        put_unsigned(&mut bytes, count);
        statements.iter().for_each(|one| bytes.extend_from_slice(one));
        Authority::from_bytes(&bytes)
    };
    let [a, b, c] = [&all[0], &all[1], &all[2]];
    assert_eq!(encoded(3, &[a, b, c]), Ok(authority));
    for (count, statements) in [
        (3, vec![b, a, c]),
        (4, vec![a, a, b, c]),
        (2, vec![a, b, c]),
        (0, vec![a]),
    ] {
        assert_eq!(encoded(count, &statements), Err(AuthorityError::Malformed));
    }
    let more = STATEMENTS_MAX as u64 + 1;
    assert_eq!(encoded(more, &[a, b, c]), Err(AuthorityError::TooLarge));
    let long = vec![1; AUTHORITY_BYTES_MAX + 1];
    assert_eq!(Authority::from_bytes(&long), Err(AuthorityError::TooLarge));
    assert_eq!(
        Authority::from_bytes(&[&[2], &bytes[1..]].concat()),
        Err(AuthorityError::Version(2))
    );
}
