//! Each statement alone: its bytes, its bounds and what it allows.

use super::by_hand::{NEW, issuer_cut, successor};
use super::*;
use std::collections::BTreeSet;

#[test]
fn a_statement_over_a_bound_is_not_signed() {
    let network = small().network();
    let sign = |statement: Statement| SignedStatement::sign(&network, &key(ISSUER), 1, statement).map(|_| ());
    let name = |length: usize| "n".repeat(length);
    for (over, expected) in [(0, Ok(())), (1, Err(StatementError::TooLarge))] {
        let long = name(NAME_BYTES_MAX + over);
        assert_eq!(sign(member(NEW, NodeRole::Hub, &long)), expected);
        assert_eq!(sign(member(NEW, NodeRole::Other(long.clone()), "")), expected);
        let many: Vec<(u64, u64)> = (0..(INCARNATIONS_MAX + over) as u64).map(|n| (n, n)).collect();
        assert_eq!(sign(revocation(NEW, &many)), expected);
        let sites: BTreeSet<String> = (0..LISTED_MAX + over).map(|n| n.to_string()).collect();
        let limits = Limits {
            sites: Some(sites),
            ..Limits::default()
        };
        assert_eq!(sign(issuer(NEW, limits)), expected);
    }
    // Each list within its bound, and together more than a reader takes in.
    let names =
        |count: usize| -> BTreeSet<String> { (0..count).map(|n| format!("{n:0>NAME_BYTES_MAX$}")).collect() };
    for (roles, expected) in [(200, Ok(())), (LISTED_MAX, Err(StatementError::TooLarge))] {
        let limits = Limits {
            roles: Some(names(roles).into_iter().map(NodeRole::Other).collect()),
            sites: Some(names(LISTED_MAX)),
        };
        assert_eq!(sign(issuer(NEW, limits)), expected);
    }
    assert_eq!(sign(Statement::Unknown(9)), Err(StatementError::Malformed));
}

/// The encodings are frozen: of the kinds that a network says once in its life as well.
#[test]
fn each_statement_is_these_bytes() {
    let network = small().network();
    let name = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    let limits = Limits {
        roles: Some([NodeRole::Mobile].into()),
        sites: None,
    };
    let expires_ms = Some(300);
    let node = id(NEW);
    let scopes = Scopes::Panels(["p".to_owned()].into());
    let revoked = Revocation {
        node,
        vouched: BTreeMap::from([(1, 2)]),
        reason: "lost".to_owned(),
    };
    for (kind, statement, body) in [
        (1, successor(NEW, 300), [node.0.as_slice(), &[0xac, 2]].concat()),
        (
            2,
            issuer(NEW, limits),
            [
                &node.0,
                name("issuer 12").as_slice(),
                &[1, 1],
                &name("mobile"),
                &[0],
            ]
            .concat(),
        ),
        (3, issuer_cut(NEW, 5), [node.0.as_slice(), &[5]].concat()),
        (
            4,
            member(NEW, NodeRole::Hub, "PUN"),
            [&node.0, name("node 12").as_slice(), &name("hub"), &name("PUN")].concat(),
        ),
        (5, grant(NEW, None), [node.0.as_slice(), &[0, 0]].concat()),
        (
            5,
            Statement::Grant(Grant {
                node,
                scopes,
                expires_ms,
            }),
            [node.0.as_slice(), &[2, 1, 1, b'p', 1, 0xac, 2]].concat(),
        ),
        (
            6,
            Statement::Revocation(revoked),
            [node.0.as_slice(), &[1, 1, 2, 4], b"lost"].concat(),
        ),
    ] {
        let order = Order {
            serial: 300,
            lamport: 7,
        };
        let signed = SignedStatement::sign(&network, &key(ISSUER), order, statement.clone()).unwrap();
        let numbers = [0xac, 2, 7, kind, body.len() as u8];
        let expected = [id(ISSUER).0.as_slice(), &numbers, &body].concat();
        let bytes = signed.to_bytes();
        assert_eq!(bytes[..bytes.len() - 64], expected, "{statement:?}");
        let read = SignedStatement::from_bytes(&network, &bytes).unwrap();
        assert_eq!(
            (read.statement(), read.serial(), read.lamport(), read.signer()),
            (&statement, 300, 7, &id(ISSUER))
        );
        assert_eq!(
            (read.bytes_len(), SignedStatement::claimed_signer(&bytes)),
            (bytes.len(), Some(id(ISSUER)))
        );
        assert_eq!((&read, read.id()), (&signed, signed.id()));
    }
    for (role, text) in [
        (NodeRole::Clinic, "clinic"),
        (NodeRole::Mobile, "mobile"),
        (NodeRole::Hub, "hub"),
        (NodeRole::Other("Clinic".to_owned()), "Clinic"),
        (NodeRole::Other(String::new()), ""),
    ] {
        assert_eq!(
            (role.as_str(), role.to_string().as_str(), NodeRole::from(text)),
            (text, text, role.clone())
        );
        let bytes = postcard::to_stdvec(&role).unwrap();
        assert_eq!(
            (bytes.as_slice(), postcard::from_bytes(&bytes)),
            (name(text).as_slice(), Ok(role))
        );
    }
}

#[test]
fn limits_allow_what_they_name_and_what_they_leave_open() {
    let some = |names: &[&str]| {
        Some(
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<BTreeSet<String>>(),
        )
    };
    let roles = |roles: &[NodeRole]| Some(roles.iter().cloned().collect::<BTreeSet<NodeRole>>());
    let limits = |roles, sites| Limits { roles, sites };
    let mobile = || roles(&[NodeRole::Mobile]);
    for (limits, role, site, allows) in [
        (limits(None, None), NodeRole::Hub, "X", true),
        (limits(mobile(), None), NodeRole::Mobile, "X", true),
        (limits(mobile(), None), NodeRole::Hub, "X", false),
        (limits(None, some(&["X"])), NodeRole::Hub, "X", true),
        (limits(None, some(&["X"])), NodeRole::Hub, "Y", false),
        (limits(mobile(), some(&["X"])), NodeRole::Mobile, "Y", false),
        (limits(mobile(), some(&["X"])), NodeRole::Hub, "X", false),
        (limits(roles(&[]), some(&[])), NodeRole::Mobile, "X", false),
    ] {
        assert_eq!(limits.allow(&role, site), allows, "{limits:?} {role} {site}");
    }
    let sites = |names: &[&str]| Scopes::Sites(some(names).unwrap());
    for (allowed, scopes, allows) in [
        (None, Scopes::All, true),
        (None, sites(&["X"]), true),
        (None, Scopes::Panels(BTreeSet::new()), true),
        (some(&["X", "Y"]), sites(&["X"]), true),
        (some(&["X", "Y"]), sites(&["X", "Y"]), true),
        (some(&["X"]), sites(&["X", "Y"]), false),
        (some(&["X"]), sites(&[]), true),
        (some(&["X"]), Scopes::All, false),
        (some(&["X"]), Scopes::Panels(BTreeSet::new()), false),
    ] {
        assert_eq!(
            limits(mobile(), allowed.clone()).allow_scopes(&scopes),
            allows,
            "{allowed:?} {scopes:?}"
        );
    }
    for (expires_ms, ended, not) in [(Some(5), 5, 4), (Some(0), 0, 0)] {
        let grant = Grant {
            node: id(NEW),
            scopes: Scopes::All,
            expires_ms,
        };
        assert!(grant.is_expired(ended) && (ended == not || !grant.is_expired(not)));
    }
}
