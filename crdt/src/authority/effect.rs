//! What a set of statements amounts to, computed from all of them at once.

use super::statement::{Grant, Limits, Member, SignedStatement, Statement, StatementId};
use crate::author::NodeId;
use std::collections::BTreeMap;

/// The longest chain of root successors followed.
const SUCCESSORS_MAX: usize = 64;

/// An issuer as the root's statements make it.
#[derive(Debug, Clone)]
pub(super) struct IssuerState {
    pub(super) name: String,
    pub(super) limits: Limits,
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
    rank: (bool, u64, StatementId),
}

#[derive(Debug, Clone, Default)]
pub(super) struct Effect {
    /// Every root there has been, with its cut; the last is the present one.
    pub(super) roots: Vec<(NodeId, Option<u64>)>,
    pub(super) issuers: BTreeMap<NodeId, IssuerState>,
    pub(super) members: BTreeMap<NodeId, MemberState>,
    pub(super) grants: BTreeMap<NodeId, (u64, StatementId, Grant)>,
    /// Last vouched sequences by incarnation.
    pub(super) revoked: BTreeMap<NodeId, BTreeMap<u64, u64>>,
    /// The greatest serial of those who may say something.
    pub(super) serial_max: u64,
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
        let heard = statements.values().filter(|signed| effect.is_heard(signed));
        effect.serial_max = heard.map(SignedStatement::serial).max().unwrap_or(0);
        for (id, signed) in statements {
            effect.take_member(id, signed);
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

    /// Whether its signer may say anything, up to this serial. What others sign must
    /// not use up the serials of those who may.
    fn is_heard(&self, signed: &SignedStatement) -> bool {
        let issuer = self.issuers.get(signed.signer());
        self.root_counts(signed) || issuer.is_some_and(|issuer| issuer.counts(signed.serial()))
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
            })
            .or_insert_with(|| IssuerState {
                name: issuer.name.clone(),
                limits: issuer.limits.clone(),
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

    fn take_member(&mut self, id: &StatementId, signed: &SignedStatement) {
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
        let rank = (counts, signed.serial(), *id);
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
                if known.is_none_or(|(serial, known, _)| (*serial, *known) < (signed.serial(), *id)) {
                    self.grants
                        .insert(grant.node, (signed.serial(), *id, grant.clone()));
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
