//! How much of what each signer says is held.
//!
//! Invariants: one signer's statements take no room from another's, and what it
//! says of members none from its revocations; what is held makes no room for
//! what comes later, since whoever has stolen a key can number its statements
//! as it likes; only a renewal that counts takes the place of another.
//!
//! At the bound nodes may hold different statements of one signer, and say that
//! they differ, until the root has cut it: that harms less than what a thief
//! could else push out everywhere.

use super::bounds::{SIGNER_BYTES_MAX, SIGNER_REVOCATIONS_BYTES_MAX};
use super::effect::Effect;
use super::statement::{Grant, Scopes, SignedStatement, Statement, StatementId};
use crate::author::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// Of one signer's grants of the same for one node so many of the latest are held, beside the first.
const GRANTS_LATEST: usize = 2;
/// A serial further than this above all before it moves none after it.
const SERIAL_LEAP_MAX: u64 = 1 << 20;

type Statements = BTreeMap<StatementId, SignedStatement>;
/// A signer, and whether it is its room for revocations.
type Room = (NodeId, bool);
/// A signer, a node, and what is granted.
type Granted<'a> = (&'a NodeId, &'a NodeId, Vec<&'a str>);

/// Adds what has room, each signer's in the order of its serials; gives what was added.
pub(super) fn fill(statements: &mut Statements, new: Statements) -> Vec<StatementId> {
    let rooms: BTreeSet<Room> = new.values().map(room_of).collect();
    let mut taken: BTreeMap<Room, usize> = BTreeMap::new();
    for signed in statements.values() {
        let room = room_of(signed);
        if rooms.contains(&room) {
            *taken.entry(room).or_default() += signed.bytes_len();
        }
    }
    let mut in_order: Vec<_> = new.into_iter().collect();
    in_order.sort_by_key(|(id, signed)| (signed.serial(), *id));
    let mut added = Vec::new();
    for (id, signed) in in_order {
        let room = room_of(&signed);
        let bytes_max = if room.1 {
            SIGNER_REVOCATIONS_BYTES_MAX
        } else {
            SIGNER_BYTES_MAX
        };
        let bytes = taken.entry(room).or_default();
        if bytes.saturating_add(signed.bytes_len()) <= bytes_max {
            *bytes += signed.bytes_len();
            added.push(id);
            statements.insert(id, signed);
        }
    }
    added
}

/// The number of a signer's next statement.
pub(super) fn serial_next(signer: &NodeId, statements: &Statements) -> u64 {
    let own = statements.values().filter(|signed| signed.signer() == signer);
    let serials: BTreeSet<u64> = own.map(SignedStatement::serial).collect();
    let mut last = 0_u64;
    for serial in serials {
        if serial - last > SERIAL_LEAP_MAX {
            break;
        }
        last = serial;
    }
    last.saturating_add(1)
}

/// Grants that the same signer has renewed since: the same granted to the same node for another time.
pub(super) fn superseded(statements: &Statements, effect: &Effect) -> BTreeSet<StatementId> {
    let mut renewals: BTreeMap<Granted<'_>, Vec<(u64, &StatementId)>> = BTreeMap::new();
    for (id, signed) in statements {
        if let Statement::Grant(grant) = signed.statement()
            && effect.issuer_counts(signed)
        {
            let of = renewals
                .entry((signed.signer(), &grant.node, what(grant)))
                .or_default();
            of.push((signed.lamport(), id));
        }
    }
    let mut gone = BTreeSet::new();
    for mut of in renewals.into_values() {
        of.sort_unstable();
        let old = of.len().saturating_sub(GRANTS_LATEST);
        gone.extend(of.into_iter().take(old).skip(1).map(|(_, id)| *id));
    }
    gone
}

/// What is granted.
fn what(grant: &Grant) -> Vec<&str> {
    match &grant.scopes {
        Scopes::All => vec!["all"],
        Scopes::Sites(sites) => std::iter::once("sites")
            .chain(sites.iter().map(String::as_str))
            .collect(),
        Scopes::Panels(panels) => std::iter::once("panels")
            .chain(panels.iter().map(String::as_str))
            .collect(),
    }
}

fn room_of(signed: &SignedStatement) -> Room {
    let is_revocation = matches!(
        signed.statement(),
        Statement::Revocation(_) | Statement::IssuerRevocation(_)
    );
    (*signed.signer(), is_revocation)
}
