//! What a set of statements amounts to, computed from all of them at once.

use super::statement::{Grant, Limits, Member, SignedStatement, Statement, StatementId};
use crate::author::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// The longest chain of root successors followed.
const SUCCESSORS_MAX: usize = 64;

/// An issuer as the root's statements make it.
#[derive(Debug, Clone)]
pub(super) struct IssuerState {
    pub(super) name: String,
    pub(super) limits: Limits,
    /// The roots that have made it one.
    pub(super) roots: BTreeSet<NodeId>,
    /// The last serial that counts, if it has been revoked.
    pub(super) last_serial: Option<u64>,
}

impl IssuerState {
    fn counts(&self, serial: u64) -> bool {
        self.last_serial.is_none_or(|last| serial <= last)
    }
}

/// A member's certificates: the newest that counts, and whether there is one
/// that would count had its issuer not been cut.
#[derive(Debug, Clone)]
pub(super) struct MemberState {
    pub(super) member: Member,
    pub(super) counts: bool,
    pub(super) certificate: StatementId,
    rank: Rank,
}

/// Whether the issuer still counts, whether it may certify all that others have certified of the node, Lamport
/// time, identifier: a limited issuer takes no node over that it could not have certified as it was.
type Rank = (bool, bool, u64, StatementId);

#[derive(Debug, Clone, Default)]
pub(super) struct Effect {
    /// Every root there has been, with its cut; the last is the present one.
    pub(super) roots: Vec<(NodeId, Option<u64>)>,
    pub(super) issuers: BTreeMap<NodeId, IssuerState>,
    pub(super) members: BTreeMap<NodeId, MemberState>,
    /// With the Lamport time and the identifier of the one that counts.
    pub(super) grants: BTreeMap<NodeId, (u64, StatementId, Grant)>,
    /// Last vouched sequences by incarnation.
    pub(super) revoked: BTreeMap<NodeId, BTreeMap<u64, u64>>,
}

type Statements = BTreeMap<StatementId, SignedStatement>;

impl Effect {
    pub(super) fn of(root: NodeId, statements: &Statements) -> Effect {
        let mut effect = Effect {
            roots: root_chain(root, statements),
            ..Effect::default()
        };
        for signed in statements.values() {
            effect.take_root_statement(signed);
        }
        for signed in statements.values() {
            effect.cut_issuer(signed);
        }
        let certified = effect.certified(statements);
        for (id, signed) in statements {
            effect.take_member(id, signed, &certified);
        }
        for (id, signed) in statements {
            effect.take_about_member(id, signed);
        }
        effect
    }

    fn root_counts(&self, signed: &SignedStatement) -> bool {
        self.roots
            .iter()
            .any(|(root, last)| root == signed.signer() && last.is_none_or(|last| signed.serial() <= last))
    }

    /// Whether a chain leads from the first root to this signer, cut or not.
    pub(super) fn is_anchored(&self, signer: &NodeId) -> bool {
        self.issuers.contains_key(signer) || self.is_root(signer)
    }

    fn is_root(&self, signer: &NodeId) -> bool {
        self.roots.iter().any(|(root, _)| root == signer)
    }

    /// Whether it is its signer's to say such a thing: nothing else is kept. Whether it counts is another
    /// question, which more statements may answer otherwise.
    pub(super) fn is_held(&self, signed: &SignedStatement) -> bool {
        let signer = signed.signer();
        match signed.statement() {
            Statement::RootSuccessor(_) | Statement::Issuer(_) | Statement::IssuerRevocation(_) => {
                self.is_root(signer)
            }
            Statement::Member(_) | Statement::Grant(_) | Statement::Revocation(_) => {
                self.issuers.contains_key(signer)
            }
            Statement::Unknown(_) => self.is_anchored(signer),
        }
    }

    /// Whether an issuer's statement is within what the root has left of the issuer.
    pub(super) fn issuer_counts(&self, signed: &SignedStatement) -> bool {
        let issuer = self.issuers.get(signed.signer());
        issuer.is_some_and(|issuer| issuer.counts(signed.serial()))
    }

    /// One above the Lamport time of what this would take the place of.
    pub(super) fn lamport_next(&self, statement: &Statement) -> u64 {
        let last = match statement {
            Statement::Member(member) => self.members.get(&member.node).map(|state| state.rank.2),
            Statement::Grant(grant) => self.grants.get(&grant.node).map(|(lamport, ..)| *lamport),
            // Of these none takes another's place.
            _ => None,
        };
        last.unwrap_or(0).saturating_add(1)
    }

    fn take_root_statement(&mut self, signed: &SignedStatement) {
        let Statement::Issuer(issuer) = signed.statement() else {
            return;
        };
        if !self.root_counts(signed) {
            return;
        }
        self.issuers
            .entry(issuer.node)
            .and_modify(|state| {
                state.limits.widen(&issuer.limits);
                state.name = state.name.clone().max(issuer.name.clone());
                state.roots.insert(*signed.signer());
            })
            .or_insert_with(|| IssuerState {
                name: issuer.name.clone(),
                limits: issuer.limits.clone(),
                roots: BTreeSet::from([*signed.signer()]),
                last_serial: None,
            });
    }

    fn cut_issuer(&mut self, signed: &SignedStatement) {
        let Statement::IssuerRevocation(cut) = signed.statement() else {
            return;
        };
        if !self.root_counts(signed) {
            return;
        }
        if let Some(state) = self.issuers.get_mut(&cut.node) {
            let last = state
                .last_serial
                .map_or(cut.last_serial, |last| last.min(cut.last_serial));
            state.last_serial = Some(last);
        }
    }

    /// As what entitled issuers have certified each node.
    fn certified<'a>(&self, statements: &'a Statements) -> BTreeMap<NodeId, Vec<&'a Member>> {
        let mut certified: BTreeMap<NodeId, Vec<&Member>> = BTreeMap::new();
        for signed in statements.values().filter(|signed| self.issuer_counts(signed)) {
            if let Statement::Member(member) = signed.statement()
                && let Some(issuer) = self.issuers.get(signed.signer())
                && issuer.limits.allow(&member.role, &member.site)
            {
                certified.entry(member.node).or_default().push(member);
            }
        }
        certified
    }

    fn take_member(
        &mut self,
        id: &StatementId,
        signed: &SignedStatement,
        certified: &BTreeMap<NodeId, Vec<&Member>>,
    ) {
        let Statement::Member(member) = signed.statement() else {
            return;
        };
        let Some(issuer) = self.issuers.get(signed.signer()) else {
            return;
        };
        if !issuer.limits.allow(&member.role, &member.site) {
            return;
        }
        let counts = issuer.counts(signed.serial());
        let mut others = certified.get(&member.node).into_iter().flatten();
        let covers = others.all(|other| issuer.limits.allow(&other.role, &other.site));
        let rank = (counts, covers, signed.lamport(), *id);
        let state = MemberState {
            member: member.clone(),
            counts,
            certificate: *id,
            rank,
        };
        match self.members.get_mut(&member.node) {
            Some(known) if known.rank >= rank => {}
            Some(known) => *known = state,
            None => {
                self.members.insert(member.node, state);
            }
        }
    }

    fn take_about_member(&mut self, id: &StatementId, signed: &SignedStatement) {
        let Some(issuer) = self.issuers.get(signed.signer()) else {
            return;
        };
        if !issuer.counts(signed.serial()) {
            return;
        }
        let may = |node: &NodeId| {
            self.members
                .get(node)
                .is_some_and(|state| issuer.limits.allow(&state.member.role, &state.member.site))
        };
        match signed.statement() {
            Statement::Grant(grant) if may(&grant.node) && issuer.limits.allow_scopes(&grant.scopes) => {
                let known = self.grants.get(&grant.node);
                if known.is_none_or(|(lamport, known, _)| (*lamport, *known) < (signed.lamport(), *id)) {
                    self.grants
                        .insert(grant.node, (signed.lamport(), *id, grant.clone()));
                }
            }
            Statement::Revocation(revocation) if may(&revocation.node) => {
                match self.revoked.get_mut(&revocation.node) {
                    None => {
                        self.revoked.insert(revocation.node, revocation.vouched.clone());
                    }
                    // Both must vouch, each up to its own number.
                    Some(cut) => cut.retain(|incarnation, last| {
                        let other = revocation.vouched.get(incarnation);
                        other.inspect(|other| *last = (*last).min(**other)).is_some()
                    }),
                }
            }
            _ => {}
        }
    }
}

/// The first root and its successors. Should a root have named two, the one
/// with the least identifier holds, everywhere.
fn root_chain(first: NodeId, statements: &Statements) -> Vec<(NodeId, Option<u64>)> {
    let mut chain = vec![(first, None)];
    let mut current = first;
    while chain.len() <= SUCCESSORS_MAX {
        let named = statements.values().find_map(|signed| match signed.statement() {
            Statement::RootSuccessor(next) if *signed.signer() == current => Some(next),
            _ => None,
        });
        let Some(next) = named else { break };
        if chain.iter().any(|(root, _)| *root == next.next) {
            break;
        }
        if let Some(last) = chain.last_mut() {
            last.1 = Some(next.last_serial);
        }
        chain.push((next.next, None));
        current = next.next;
    }
    chain
}
