//! What a network's authority lists, and what may be said in it by whom.

use super::by_hand::{NEW, after, issuer_cut, network, successor};
use super::*;
use std::collections::BTreeSet;

/// The second issuer of [`network`].
const LIMITED: u8 = 3;

fn issuers(authority: &Authority) -> Vec<(NodeId, String, Limits)> {
    let listed = authority.issuers();
    listed
        .map(|(node, name, limits)| (*node, name.to_owned(), limits.clone()))
        .collect()
}

fn members(authority: &Authority) -> BTreeSet<NodeId> {
    let listed: Vec<NodeId> = authority.members().map(|member| member.node).collect();
    let all: BTreeSet<NodeId> = listed.iter().copied().collect();
    assert_eq!(all.len(), listed.len(), "each once");
    for node in &all {
        assert_eq!(authority.member(node).map(|member| member.node), Some(*node));
    }
    all
}

fn ids(numbers: &[u8]) -> BTreeSet<NodeId> {
    numbers.iter().map(|number| id(*number)).collect()
}

/// Whoever looks for somebody to vouch for a node must not be sent to a key that was stolen.
#[test]
fn an_issuer_that_was_cut_is_listed_no_more() {
    let authority = network();
    let limits = Limits {
        roles: Some([NodeRole::Mobile].into()),
        sites: Some(["PUN".to_owned()].into()),
    };
    let mut both = vec![
        (id(ISSUER), "issuer 2".to_owned(), Limits::default()),
        (id(LIMITED), "issuer 3".to_owned(), limits),
    ];
    both.sort_by_key(|(node, ..)| *node);
    assert_eq!(issuers(&authority), both);
    for (number, other) in [(ISSUER, LIMITED), (LIMITED, ISSUER)] {
        // Whatever it may go on vouching for.
        for last_serial in [0, 3, 90, u64::MAX] {
            let cut = after(&authority, ROOT, 60, issuer_cut(number, last_serial));
            let left: Vec<_> = both
                .iter()
                .filter(|(node, ..)| *node == id(other))
                .cloned()
                .collect();
            assert_eq!(issuers(&cut), left, "{number} at {last_serial}");
            assert!(!cut.is_issuer(&id(number)) && cut.is_issuer(&id(other)));
            // Named anew it stays cut.
            let again = after(&cut, ROOT, 61, issuer(number, Limits::default()));
            assert_eq!(issuers(&again), left, "{number} at {last_serial}");
        }
        let nobodys = after(&authority, STRANGER, 60, issuer_cut(number, 0));
        assert_eq!(issuers(&nobodys), both);
    }
    assert!(!authority.is_issuer(&id(CLINIC)) && !authority.is_issuer(&id(ROOT)));
}

/// Who it was, by which root, and up to where it counts: also once it was cut.
#[test]
fn an_issuer_that_was_cut_is_still_told_of_whoever_asks_for_all() {
    let authority = network();
    let ever = |authority: &Authority| -> Vec<(NodeId, Option<u64>, Vec<NodeId>)> {
        let all = authority.issuers_ever();
        all.map(|one| (*one.node, one.last_serial, one.roots.iter().copied().collect()))
            .collect()
    };
    let of = |last_serial: Option<u64>| {
        let mut both = vec![
            (id(ISSUER), last_serial, vec![id(ROOT)]),
            (id(LIMITED), None, vec![id(ROOT)]),
        ];
        both.sort();
        both
    };
    assert_eq!(ever(&authority), of(None));
    let cut = after(&authority, ROOT, 60, issuer_cut(ISSUER, 2));
    assert_eq!(ever(&cut), of(Some(2)));
    // What its next statement follows; a number far above all is not its last.
    let last = authority.serial_last(&id(ISSUER));
    assert!(last > 2 && authority.serial_last(&id(STRANGER)) == 0);
    let leapt = after(
        &authority,
        ISSUER,
        u64::MAX - 1,
        member(NEW, NodeRole::Clinic, "PUN"),
    );
    assert_eq!(leapt.serial_last(&id(ISSUER)), last);
    // Of two roots each is told.
    let handed = after(&authority, ROOT, 61, successor(9, 90));
    let again = after(&handed, 9, 1, issuer(ISSUER, Limits::default()));
    let roots = &ever(&again)
        .into_iter()
        .find(|one| one.0 == id(ISSUER))
        .unwrap()
        .2;
    assert_eq!(
        roots.iter().copied().collect::<BTreeSet<_>>(),
        BTreeSet::from([id(ROOT), id(9)])
    );
}

#[test]
fn limits_cover_what_is_within_them_in_roles_and_in_sites() {
    let of = |roles: Option<&[NodeRole]>, sites: Option<&[&str]>| Limits {
        roles: roles.map(|roles| roles.iter().cloned().collect()),
        sites: sites.map(|sites| sites.iter().map(|site| (*site).to_owned()).collect()),
    };
    let (mobile, both) = ([NodeRole::Mobile], [NodeRole::Mobile, NodeRole::Clinic]);
    let rows = [
        (of(None, None), of(Some(&mobile), Some(&["PUN"])), true),
        (of(Some(&mobile), None), of(None, None), false),
        (of(Some(&both), None), of(Some(&mobile), Some(&["PUN"])), true),
        (of(Some(&mobile), None), of(Some(&both), None), false),
        (of(None, Some(&["PUN", "CUS"])), of(None, Some(&["CUS"])), true),
        (of(None, Some(&["PUN"])), of(None, Some(&["CUS"])), false),
        (of(None, Some(&["PUN"])), of(Some(&mobile), None), false),
    ];
    for (own, other, covers) in rows {
        assert_eq!(own.covers(&other), covers, "{own:?} {other:?}");
        assert!(own.covers(&own) && other.covers(&other));
    }
}

#[test]
fn members_are_listed_while_their_certificates_count_and_the_revoked_are_named() {
    let authority = network();
    assert_eq!(members(&authority), ids(&[CLINIC, 5, 6, 7]));
    assert_eq!(authority.revoked().count(), 0);
    let revoked = after(&authority, ISSUER, 60, revocation(5, &[(1, 3)]));
    assert_eq!(
        members(&revoked),
        ids(&[CLINIC, 5, 6, 7]),
        "a revoked one is known by name"
    );
    assert_eq!(revoked.revoked().copied().collect::<BTreeSet<_>>(), ids(&[5]));
    // The clinic's certificate is the issuer's first statement, the others came after the cut.
    let cut = after(&authority, ROOT, 60, issuer_cut(ISSUER, 2));
    assert_eq!(members(&cut), ids(&[CLINIC]));
    for number in [5, 6, 7] {
        assert_eq!(cut.member(&id(number)), None);
        assert_eq!(cut.vouched(&id(number), 1), None);
        assert_eq!(cut.admission(&id(number), 0), Admission::Stranger);
    }
    assert_eq!(cut.vouched(&id(CLINIC), 1), Some(u64::MAX));
    // Certified anew by another it is a member as before.
    let anew = after(&cut, LIMITED, 61, member(7, NodeRole::Mobile, "PUN"));
    assert_eq!(members(&anew), ids(&[CLINIC, 7]));
}

#[test]
fn a_member_without_a_grant_in_force_is_let_in_to_renew_it_and_no_further() {
    let authority = network();
    let clinic = authority.member(&id(CLINIC)).unwrap();
    let granted = |now_ms: u64| matches!(authority.admission(&id(CLINIC), now_ms), Admission::Granted(..));
    assert_eq!([0, 999, 1_000, u64::MAX].map(granted), [true, true, false, false]);
    assert_eq!(
        authority.admission(&id(CLINIC), 1_000),
        Admission::Expired(clinic)
    );
    let without = authority.member(&id(5)).unwrap();
    assert_eq!(authority.admission(&id(5), 0), Admission::Expired(without));
    let for_ever = after(&authority, ISSUER, 60, grant(5, None));
    assert!(matches!(
        for_ever.admission(&id(5), u64::MAX),
        Admission::Granted(..)
    ));
    // Who was revoked is so whatever it was granted.
    let revoked = after(&for_ever, ISSUER, 61, revocation(5, &[]));
    assert_eq!(revoked.admission(&id(5), 0), Admission::Revoked);
}

/// Statements made one after another at one node, each by whoever is asked for it.
#[test]
fn what_is_said_last_holds_whoever_says_it() {
    let mut authority = small();
    authority
        .issue(&key(ROOT), issuer(OTHER_ISSUER, Limits::default()))
        .unwrap();
    let mut times = Vec::new();
    for (round, signer) in [ISSUER, OTHER_ISSUER, OTHER_ISSUER, ISSUER]
        .into_iter()
        .enumerate()
    {
        let expires_ms = Some(10_000 + round as u64);
        let site = format!("S{round}");
        authority.issue(&key(signer), grant(CLINIC, expires_ms)).unwrap();
        let id = authority
            .issue(&key(signer), member(CLINIC, NodeRole::Clinic, &site))
            .unwrap();
        assert_eq!(
            authority.grant(&super::id(CLINIC)).unwrap().expires_ms,
            expires_ms
        );
        assert_eq!(authority.member(&super::id(CLINIC)).unwrap().site, site);
        let (_, signed) = authority.statements().find(|(other, _)| **other == id).unwrap();
        times.push(signed.lamport());
    }
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    // Heard of in any other order it is the same.
    let mut statements: Vec<SignedStatement> =
        authority.statements().map(|(_, signed)| signed.clone()).collect();
    for _ in 0..statements.len() {
        statements.rotate_left(1);
        let mut other = Authority::found(id(ROOT));
        hear_one_by_one(&mut other, &statements);
        assert_eq!(
            (&other, other.member(&id(CLINIC))),
            (&authority, authority.member(&id(CLINIC)))
        );
        assert_eq!(other.grant(&id(CLINIC)), authority.grant(&id(CLINIC)));
    }
}

#[test]
fn nobody_is_made_to_say_what_would_count_for_nothing() {
    let authority = network();
    let says = |signer: u8, statement: &Statement| {
        let mut authority = authority.clone();
        let before = authority.len();
        let said = authority.issue(&key(signer), statement.clone()).map(|_| ());
        assert_eq!(authority.len(), before + usize::from(said.is_ok()));
        if said.is_err() {
            assert_eq!(said, Err(AuthorityError::NotEntitled), "{signer} {statement:?}");
        }
        said.is_ok()
    };
    let everybody = [ROOT, ISSUER, LIMITED, CLINIC, 7, STRANGER];
    let sites = |names: &[&str]| Scopes::Sites(names.iter().map(|name| (*name).to_owned()).collect());
    let scoped = |node: u8, scopes: Scopes| {
        Statement::Grant(Grant {
            node: id(node),
            scopes,
            expires_ms: None,
        })
    };
    for (statement, entitled) in [
        (successor(8, 1), &[ROOT][..]),
        (issuer(8, Limits::default()), &[ROOT]),
        (issuer(ISSUER, Limits::default()), &[ROOT]),
        (issuer_cut(ISSUER, 1), &[ROOT]),
        (issuer_cut(LIMITED, 1), &[ROOT]),
        // Who is no issuer cannot be cut.
        (issuer_cut(CLINIC, 1), &[]),
        (issuer_cut(STRANGER, 1), &[]),
        (member(NEW, NodeRole::Clinic, "PUN"), &[ISSUER]),
        (member(NEW, NodeRole::Mobile, "CUS"), &[ISSUER]),
        (member(NEW, NodeRole::Mobile, "PUN"), &[ISSUER, LIMITED]),
        (grant(7, None), &[ISSUER]),
        (scoped(7, sites(&["PUN"])), &[ISSUER, LIMITED]),
        (scoped(7, sites(&["PUN", "CUS"])), &[ISSUER]),
        (scoped(6, sites(&["PUN"])), &[ISSUER]),
        (scoped(5, sites(&["PUN"])), &[ISSUER]),
        (scoped(NEW, sites(&["PUN"])), &[]),
        (revocation(7, &[]), &[ISSUER, LIMITED]),
        (revocation(6, &[]), &[ISSUER]),
        (revocation(5, &[]), &[ISSUER]),
        (revocation(NEW, &[]), &[]),
        (Statement::Unknown(200), &[]),
    ] {
        for signer in everybody {
            assert_eq!(
                says(signer, &statement),
                entitled.contains(&signer),
                "{signer} {statement:?}"
            );
        }
    }
    // Nor who could once.
    for over in [
        after(&authority, ROOT, 60, issuer_cut(ISSUER, u64::MAX)),
        after(&authority, ROOT, 60, successor(8, u64::MAX)),
    ] {
        let mut over = over;
        let [by_issuer, by_root] = [
            over.issue(&key(ISSUER), member(NEW, NodeRole::Clinic, "")),
            over.issue(&key(ROOT), issuer(NEW, Limits::default())),
        ];
        assert_ne!(by_issuer.is_ok(), by_root.is_ok());
    }
}

/// Equal sets have one digest, and no others have it: nodes compare nothing else.
#[test]
fn every_statement_more_or_less_is_another_digest() {
    // Without what is not held anyway, whoever signed it.
    let mut all = Authority::found(id(ROOT));
    all.add(eventful());
    let statements: Vec<_> = all.statements().map(|(_, signed)| signed.clone()).collect();
    let of = |root: u8, without: usize| {
        let mut authority = Authority::found(id(root));
        let some = statements.iter().enumerate().filter(|(at, _)| *at != without);
        authority.add(some.map(|(_, signed)| signed.clone()));
        authority
    };
    let whole = of(ROOT, usize::MAX);
    assert_eq!(whole.digest(), of(ROOT, usize::MAX).digest());
    let mut digests = BTreeSet::from([whole.digest(), of(STRANGER, usize::MAX).digest()]);
    for without in 0..statements.len() {
        let other = of(ROOT, without);
        assert_ne!(other, whole);
        digests.insert(other.digest());
        // What one knows more than the other is taken over once.
        let (mut lacks, mut has) = (other, whole.clone());
        assert_eq!(
            (lacks.merge(&whole).is_ok_and(|new| new > 0), has.merge(&lacks)),
            (true, Ok(0))
        );
        assert_eq!((lacks.digest(), lacks.merge(&whole)), (whole.digest(), Ok(0)));
    }
    assert_eq!(digests.len(), statements.len() + 2);
    assert!(
        of(STRANGER, usize::MAX).is_empty(),
        "nothing of it is another network's"
    );
    assert_ne!(Authority::found(id(ROOT)), Authority::found(id(STRANGER)));
    assert_ne!(
        Authority::found(id(ROOT)).digest(),
        Authority::found(id(STRANGER)).digest()
    );
    assert!(Authority::found(id(ROOT)).is_empty() && !whole.is_empty());
}

#[test]
fn an_issuer_named_twice_has_one_name_whichever_was_heard_first() {
    let named = |name: &str| {
        Statement::Issuer(Issuer {
            node: id(NEW),
            name: name.to_owned(),
            limits: Limits::default(),
        })
    };
    for (one, other) in [("Lima", "Puno"), ("Puno", "Lima"), ("", "Lima")] {
        let [one, other] = [(one, other), (other, one)].map(|(first, second)| {
            let both = after(&after(&small(), ROOT, 50, named(first)), ROOT, 51, named(second));
            issuers(&both)
                .into_iter()
                .find(|(node, ..)| *node == id(NEW))
                .unwrap()
                .1
        });
        assert_eq!(one, other);
        assert_ne!(one, "");
    }
}

/// A root hands over, and so on: as many times as a network could need.
#[test]
fn a_long_line_of_roots_is_followed_and_an_endless_one_is_not() {
    let first = 20;
    let mut authority = Authority::found(id(first));
    for step in 0..64 {
        assert_eq!(authority.root(), id(first + step));
        authority = after(&authority, first + step, 5, successor(first + step + 1, 5));
    }
    assert_eq!(authority.root(), id(first + 64));
    let beyond = after(&authority, first + 64, 5, successor(first + 65, 5));
    assert_eq!(beyond.root(), id(first + 64));
}

/// Anybody can sign that somebody is the root's successor; it is handed on to nobody as if it led to the root.
#[test]
fn a_strangers_successor_stands_in_no_chain() {
    let handed = after(&network(), ROOT, 50, successor(8, 50));
    for authority in [network(), handed] {
        let before: Vec<SignedStatement> = authority.chain_of(&id(CLINIC)).into_iter().cloned().collect();
        let mut crowded = authority.clone();
        for signer in [STRANGER, CLINIC, ISSUER, LIMITED] {
            for next in [STRANGER, 8, 10] {
                crowded = after(&crowded, signer, 5, successor(next, 5));
            }
        }
        let chain: Vec<SignedStatement> = crowded.chain_of(&id(CLINIC)).into_iter().cloned().collect();
        assert_eq!(chain, before);
        let successors = chain
            .iter()
            .filter(|signed| matches!(signed.statement(), Statement::RootSuccessor(_)));
        assert_eq!(successors.count(), usize::from(authority.root() == id(8)));
        assert_eq!(crowded.root(), authority.root());
    }
}

/// Else one statement of a stranger would leave no number for a later one: what was granted first could be narrowed
/// no more.
#[test]
fn who_may_say_nothing_uses_up_no_serial() {
    let highest =
        |authority: &Authority, signer: u8| after(authority, signer, u64::MAX, grant(CLINIC, Some(1)));
    let plain = network();
    let cut = after(&plain, ROOT, 60, issuer_cut(LIMITED, 59));
    let handed = after(&plain, ROOT, 60, successor(8, 60));
    for (what, crowded) in [
        ("a stranger", highest(&plain, STRANGER)),
        ("a member", highest(&plain, CLINIC)),
        ("an issuer that was cut", highest(&cut, LIMITED)),
        ("a root that handed over", highest(&handed, ROOT)),
    ] {
        let mut authority = crowded;
        let mut serials = Vec::new();
        for expires_ms in [9_000, 8_000, 7_000] {
            let id = authority
                .issue(&key(ISSUER), grant(CLINIC, Some(expires_ms)))
                .unwrap();
            assert_eq!(
                authority.grant(&super::id(CLINIC)).unwrap().expires_ms,
                Some(expires_ms),
                "{what}"
            );
            let (_, signed) = authority.statements().find(|(other, _)| **other == id).unwrap();
            serials.push(signed.serial());
        }
        assert!(
            serials.is_sorted_by(|a, b| a < b) && serials[2] < 100,
            "{what}: {serials:?}"
        );
    }
}

/// Statements of one serial, as two issuers make them who have not heard of each other.
#[test]
fn of_what_was_said_under_one_number_the_same_holds_everywhere() {
    let base = after(&network(), ROOT, 50, issuer(11, Limits::default()));
    for serial in 70..78 {
        let said = [
            (ISSUER, grant(CLINIC, Some(1))),
            (11, grant(CLINIC, Some(2))),
            (ISSUER, member(CLINIC, NodeRole::Hub, "ONE")),
            (11, member(CLINIC, NodeRole::Mobile, "TWO")),
        ];
        let heard = |turned: bool| {
            let mut order: Vec<_> = said.iter().collect();
            if turned {
                order.reverse();
            }
            let add = |authority: Authority, (signer, statement): &&(u8, Statement)| {
                after(&authority, *signer, serial, statement.clone())
            };
            order.iter().fold(base.clone(), add)
        };
        let (one, other) = (heard(false), heard(true));
        assert_eq!(one.grant(&id(CLINIC)), other.grant(&id(CLINIC)), "{serial}");
        assert_eq!(one.member(&id(CLINIC)), other.member(&id(CLINIC)), "{serial}");
        assert_ne!(one.member(&id(CLINIC)).unwrap().site, "CUS");
        let chain = |authority: &Authority| -> Vec<SignedStatement> {
            authority.chain_of(&id(CLINIC)).into_iter().cloned().collect()
        };
        assert_eq!(chain(&one), chain(&other));
    }
}

#[test]
fn an_issuer_named_once_without_limits_has_none_whatever_else_it_is_named_with() {
    let some = |names: &[&str]| {
        Some(
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<BTreeSet<String>>(),
        )
    };
    let limits = |roles: &[NodeRole], sites| Limits {
        roles: Some(roles.iter().cloned().collect()),
        sites,
    };
    let of_new = |authority: &Authority| {
        let found = issuers(authority).into_iter().find(|(node, ..)| *node == id(NEW));
        found.unwrap().2
    };
    // Which of two is looked at first is chance; some of these come first and some last.
    for serial in 50..66 {
        for (one, other, both) in [
            (
                Limits::default(),
                limits(&[NodeRole::Hub], some(&["X"])),
                Limits::default(),
            ),
            (
                limits(&[NodeRole::Hub], None),
                limits(&[NodeRole::Mobile], some(&["X"])),
                limits(&[NodeRole::Hub, NodeRole::Mobile], None),
            ),
            (
                limits(&[NodeRole::Hub], some(&["Y"])),
                limits(&[NodeRole::Hub], some(&["X"])),
                limits(&[NodeRole::Hub], some(&["X", "Y"])),
            ),
        ] {
            let named = after(&small(), ROOT, serial, issuer(NEW, one));
            let named = after(&named, ROOT, serial + 100, issuer(NEW, other));
            assert_eq!(of_new(&named), both, "{serial}");
        }
    }
}
