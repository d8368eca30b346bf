//! What a node shows of itself to a peer that knows only the first root: enough that the peer judges it, and those who
//! vouch for it, as everybody else does, and nothing about anybody else.

use super::by_hand::{NEW, after, issuer_cut, network, successor};
use super::*;

/// Says nothing that counts until it is made an issuer.
const LATE_ISSUER: u8 = 11;

/// What a peer makes of a node's chain that knew only the first root.
fn stranger_with(authority: &Authority, node: u8) -> Authority {
    let mut stranger = Authority::found(id(ROOT));
    let shown: Vec<_> = authority.chain_of(&id(node)).into_iter().cloned().collect();
    // As it is sent.
    let read = |signed: &SignedStatement| {
        SignedStatement::from_bytes(&authority.network(), &signed.to_bytes()).unwrap()
    };
    stranger.add(shown.iter().map(read));
    stranger
}

/// How a node stands, and what may still be said by those who may have vouched for it.
fn judged(authority: &Authority, node: u8) -> String {
    let node_id = id(node);
    format!(
        "root {:?} member {:?} grant {:?} {:?} {:?}",
        authority.root(),
        authority.member(&node_id),
        authority.grant(&node_id),
        authority.admission(&node_id, 999),
        authority.standing(&author(node, 1), 5),
    )
}

/// Networks in which something became of those who vouch for a node: what, the network, the node.
fn networks() -> Vec<(&'static str, Authority, u8)> {
    let plain = network();
    let cut = |at: u64| after(&plain, ROOT, 60, issuer_cut(ISSUER, at));
    let handed = after(&plain, ROOT, 50, successor(8, 50));
    let twice = after(&handed, 8, 60, successor(10, 60));
    let late = after(&twice, 10, 61, issuer(LATE_ISSUER, Limits::default()));
    let late = after(&late, LATE_ISSUER, 62, member(NEW, NodeRole::Mobile, "PUN"));
    let late = after(&late, LATE_ISSUER, 63, grant(NEW, None));
    let other = after(&plain, ROOT, 50, issuer(LATE_ISSUER, Limits::default()));
    let other = after(&other, LATE_ISSUER, 51, grant(CLINIC, Some(5_000)));
    vec![
        ("nothing", plain.clone(), CLINIC),
        ("cut after all it said", cut(90), CLINIC),
        ("cut after the grant", cut(3), CLINIC),
        ("cut before the grant", cut(2), CLINIC),
        ("cut before the certificate", cut(1), CLINIC),
        (
            "cut twice",
            after(&cut(90), ROOT, 61, issuer_cut(ISSUER, 2)),
            CLINIC,
        ),
        ("the root handed over", handed.clone(), CLINIC),
        (
            "cut by the next root",
            after(&handed, 8, 60, issuer_cut(ISSUER, 2)),
            CLINIC,
        ),
        (
            "cut by the one after",
            after(&twice, 10, 70, issuer_cut(ISSUER, 1)),
            CLINIC,
        ),
        (
            "cut by a root past its time",
            after(&handed, ROOT, 51, issuer_cut(ISSUER, 1)),
            CLINIC,
        ),
        (
            "cut by a stranger",
            after(&plain, STRANGER, 60, issuer_cut(ISSUER, 1)),
            CLINIC,
        ),
        (
            "the root was over before it named anybody",
            after(&plain, ROOT, 50, successor(8, 0)),
            CLINIC,
        ),
        ("named by the third root", late.clone(), NEW),
        (
            "named and cut by it",
            after(&late, 10, 70, issuer_cut(LATE_ISSUER, 62)),
            NEW,
        ),
        ("a grant by another", other.clone(), CLINIC),
        (
            "a grant by another, who was cut",
            after(&other, ROOT, 70, issuer_cut(LATE_ISSUER, 50)),
            CLINIC,
        ),
    ]
}

#[test]
fn who_knows_only_the_root_judges_a_node_by_its_chain_as_everybody_does() {
    for (what, authority, node) in networks() {
        let stranger = stranger_with(&authority, node);
        assert_eq!(judged(&stranger, node), judged(&authority, node), "{what}");
        assert_eq!(stranger_with(&stranger, node), stranger, "{what}");
    }
}

/// An issuer's key may have been stolen: that it was cut is said with what it had said before, so that nobody takes
/// for a member whom the thief certifies.
#[test]
fn who_was_shown_a_chain_takes_nothing_from_an_issuer_that_was_cut() {
    for (what, authority, node) in networks() {
        let stranger = stranger_with(&authority, node);
        let chain = authority.chain_of(&id(node));
        for number in [ISSUER, LATE_ISSUER] {
            let has_vouched = chain.iter().any(|signed| *signed.signer() == id(number));
            if !has_vouched {
                assert!(!stranger.is_issuer(&id(number)), "{what}");
                continue;
            }
            let what = format!("{what}: {number}");
            assert_eq!(
                stranger.is_issuer(&id(number)),
                authority.is_issuer(&id(number)),
                "{what}"
            );
            for serial in [1, 2, 3, 4, 62, 63, 91] {
                let more = [
                    (15, member(15, NodeRole::Clinic, "CUS")),
                    (node, grant(node, Some(9_000))),
                    (node, revocation(node, &[])),
                ];
                for (about, statement) in more {
                    let [here, there] =
                        [&stranger, &authority].map(|one| after(one, number, serial, statement.clone()));
                    assert_eq!(
                        judged(&here, about),
                        judged(&there, about),
                        "{what} at {serial}: {statement:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_chain_tells_of_nobody_but_the_node_and_those_who_vouch_for_it() {
    for (what, authority, node) in networks() {
        let authority = after(&authority, ISSUER, 2, revocation(5, &[(1, 3)]));
        let chain = authority.chain_of(&id(node));
        let is_own = |about: &NodeId| *about == id(node);
        let vouches = |about: &NodeId| {
            let mut own = chain
                .iter()
                .filter(|signed| matches!(signed.statement(), Statement::Member(_) | Statement::Grant(_)));
            own.any(|signed| signed.signer() == about)
        };
        for signed in &chain {
            let told = match signed.statement() {
                Statement::RootSuccessor(_) => true,
                Statement::Issuer(issuer) => vouches(&issuer.node),
                Statement::IssuerRevocation(cut) => vouches(&cut.node),
                Statement::Member(member) => is_own(&member.node),
                Statement::Grant(grant) => is_own(&grant.node),
                Statement::Revocation(_) | Statement::Unknown(_) => false,
            };
            assert!(told, "{what}: {:?}", signed.statement());
        }
    }
    // Of somebody who is no member there is nothing to say.
    assert_eq!(network().chain_of(&id(STRANGER)), Vec::<&SignedStatement>::new());
}
