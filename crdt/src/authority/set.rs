//! The set itself.
//!
//! Encoding, version 1: version byte, first root key (32 bytes), count
//! (LEB128), statements in ascending order of their identifiers.

use super::bounds::{AUTHORITY_BYTES_MAX, STATEMENTS_MAX};
use super::effect::Effect;
use super::room;
use super::statement::{
    Grant, Limits, Member, Order, SignedStatement, Statement, StatementError, StatementId,
};
use crate::author::{AuthorId, NetworkId, NodeId};
use crate::change::put_unsigned;
use crate::change::reader::Reader;
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

const VERSION: u8 = 1;

/// Why an authority is refused or cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuthorityError {
    /// The first byte names a version this node does not know.
    #[error("the authority has unknown version {0}")]
    Version(u8),
    /// The bytes end early or go on too long.
    #[error("the authority is malformed")]
    Malformed,
    /// More than [`STATEMENTS_MAX`] statements or [`AUTHORITY_BYTES_MAX`] bytes.
    #[error("the authority is larger than allowed")]
    TooLarge,
    /// Its first root is another network's.
    #[error("the authority belongs to another network")]
    OtherNetwork,
    /// A statement in it is not acceptable.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The signer may not say this: not the root, no issuer, revoked, or
    /// outside its roles and sites.
    #[error("this key may not make that statement")]
    NotEntitled,
    /// The signer has said as much as one may.
    #[error("this key has made as many statements as one may: another issuer has to")]
    Full,
}

/// What the set says about a change's author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No certificate leads from this author to the root, as far as is known
    /// here: wait for one.
    Unknown,
    /// A member; the change is as good as its signature.
    Vouched,
    /// Kept, flagged and listed for review.
    Review(ReviewReason),
}

/// Why a change is for review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewReason {
    /// The author was revoked and this sequence is not vouched for.
    AuthorRevoked,
    /// The author's only certificates are from after its issuer's cut.
    IssuerRevoked,
}

/// What a session with a peer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission<'a> {
    /// No certificate leads to the root.
    Stranger,
    /// A member no longer.
    Revoked,
    /// A member without a grant in force: may hand over and renew, receives
    /// nothing.
    Expired(&'a Member),
    /// A member with a grant in force.
    Granted(&'a Member, &'a Grant),
}

/// An issuer as the root's statements make it, whether it may still issue or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuerView<'a> {
    /// Its key.
    pub node: &'a NodeId,
    /// For people; not its member's name, which may have changed since.
    pub name: &'a str,
    /// What it may certify.
    pub limits: &'a Limits,
    /// The roots that have said so.
    pub roots: &'a BTreeSet<NodeId>,
    /// The last of its statements that counts, once a root has ended it.
    pub last_serial: Option<u64>,
}

/// A network's set of statements, with what follows from it.
#[derive(Debug, Clone)]
pub struct Authority {
    root: NodeId,
    network: NetworkId,
    statements: BTreeMap<StatementId, SignedStatement>,
    effect: Effect,
}

impl PartialEq for Authority {
    fn eq(&self, other: &Authority) -> bool {
        self.root == other.root && self.statements == other.statements
    }
}

impl Eq for Authority {}

impl Authority {
    /// A new network's, with this first root key and nothing said yet.
    pub fn found(root: NodeId) -> Authority {
        let statements = BTreeMap::new();
        let effect = Effect::of(root, &statements);
        Authority {
            root,
            network: NetworkId::of_root(&root),
            statements,
            effect,
        }
    }

    /// The network.
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// The root that holds now.
    pub fn root(&self) -> NodeId {
        self.effect.roots.last().map_or(self.root, |(root, _)| *root)
    }

    /// Signs a statement under its signer's next serial and adds it.
    ///
    /// # Errors
    /// [`AuthorityError::NotEntitled`] if it would have no effect; [`AuthorityError::Full`]; bounds.
    pub fn issue(
        &mut self,
        signer: &SigningKey,
        statement: Statement,
    ) -> Result<StatementId, AuthorityError> {
        let node = NodeId::of(signer);
        if !self.may_say(&node, &statement) {
            return Err(AuthorityError::NotEntitled);
        }
        let order = Order {
            serial: room::serial_next(&node, &self.statements),
            lamport: self.effect.lamport_next(&statement),
        };
        let signed = SignedStatement::sign(&self.network, signer, order, statement)?;
        let id = signed.id();
        if self.add([signed]).contains(&id) {
            Ok(id)
        } else {
            Err(AuthorityError::Full)
        }
    }

    /// Adds those statements that are their signers' to make, in whatever order they are given, as far as
    /// there is room for them, and drops what is superseded. Returns those that are new and held.
    pub fn add(&mut self, statements: impl IntoIterator<Item = SignedStatement>) -> Vec<StatementId> {
        let mut left: BTreeMap<_, _> = statements
            .into_iter()
            .map(|signed| (signed.id(), signed))
            .filter(|(id, _)| !self.statements.contains_key(id))
            .collect();
        let mut added = Vec::new();
        loop {
            let may: BTreeMap<_, _> = left
                .extract_if(.., |_, signed| self.effect.is_held(signed))
                .collect();
            if may.is_empty() {
                break;
            }
            let before = self.statements.len();
            added.extend(room::fill(&mut self.statements, may));
            if self.statements.len() > before {
                self.settle();
            }
        }
        added.retain(|id| self.statements.contains_key(id));
        added
    }

    /// What follows from the statements; those that no longer belong to them go.
    fn settle(&mut self) {
        loop {
            self.effect = Effect::of(self.root, &self.statements);
            let held = self.statements.len();
            let effect = &self.effect;
            self.statements.retain(|_, signed| effect.is_held(signed));
            let gone = room::superseded(&self.statements, effect);
            self.statements.retain(|id, _| !gone.contains(id));
            if self.statements.len() == held {
                return;
            }
        }
    }

    /// Checks encoded statements from outside and adds them as [`Authority::add`] does; returns those that
    /// are new and held. Known ones cost a hash, those of signers to whom no chain leads nothing, the others a
    /// signature's check each. What cannot be read is skipped: a later version may say it.
    ///
    /// # Errors
    /// [`StatementError::Signature`] for the first that is not signed by whom it names, though a chain leads
    /// to that: nobody passes on what he has not checked. Some before it may have been added.
    pub fn take(&mut self, statements: &[Vec<u8>]) -> Result<Vec<SignedStatement>, StatementError> {
        // One that is given many times is checked once.
        let by_id: BTreeMap<StatementId, &Vec<u8>> = statements
            .iter()
            .map(|bytes| (StatementId::of(bytes), bytes))
            .collect();
        let mut left: Vec<(StatementId, &Vec<u8>)> = by_id.into_iter().collect();
        left.retain(|(id, _)| !self.statements.contains_key(id));
        let mut taken = Vec::new();
        loop {
            let (anchored, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, bytes)| {
                SignedStatement::claimed_signer(bytes).is_some_and(|signer| self.effect.is_anchored(&signer))
            });
            left = rest;
            let mut checked = Vec::new();
            for (_, bytes) in anchored {
                match SignedStatement::from_bytes(&self.network, bytes) {
                    Err(StatementError::Signature) => return Err(StatementError::Signature),
                    other => checked.extend(other),
                }
            }
            if checked.is_empty() {
                break;
            }
            taken.extend(self.add(checked));
        }
        let held = taken.into_iter().filter_map(|id| self.statements.get(&id));
        Ok(held.cloned().collect())
    }

    /// Takes over what another copy of the same network's authority knows.
    /// Returns how many statements were new.
    ///
    /// # Errors
    /// [`AuthorityError::OtherNetwork`]
    pub fn merge(&mut self, other: &Authority) -> Result<usize, AuthorityError> {
        if self.network != other.network {
            return Err(AuthorityError::OtherNetwork);
        }
        Ok(self.add(other.statements.values().cloned()).len())
    }

    /// The certificate that counts for a node, revoked or not.
    pub fn member(&self, node: &NodeId) -> Option<&Member> {
        self.effect
            .members
            .get(node)
            .filter(|state| state.counts)
            .map(|state| &state.member)
    }

    /// Every member whose certificate counts, revoked or not.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.effect
            .members
            .values()
            .filter(|state| state.counts)
            .map(|state| &state.member)
    }

    /// Every issuer that may still issue, with its name and limits.
    pub fn issuers(&self) -> impl Iterator<Item = (&NodeId, &str, &Limits)> {
        let live = self
            .effect
            .issuers
            .iter()
            .filter(|(_, state)| state.last_serial.is_none());
        live.map(|(node, state)| (node, state.name.as_str(), &state.limits))
    }

    /// Every issuer there has been, also those that a root has ended.
    pub fn issuers_ever(&self) -> impl Iterator<Item = IssuerView<'_>> {
        self.effect.issuers.iter().map(|(node, state)| IssuerView {
            node,
            name: &state.name,
            limits: &state.limits,
            roots: &state.roots,
            last_serial: state.last_serial,
        })
    }

    /// The number of the last statement that is held of a signer, as the next of its own would be counted: 0
    /// where it has said nothing.
    pub fn serial_last(&self, signer: &NodeId) -> u64 {
        room::serial_next(signer, &self.statements).saturating_sub(1)
    }

    /// Whether a node may still issue.
    pub fn is_issuer(&self, node: &NodeId) -> bool {
        self.effect
            .issuers
            .get(node)
            .is_some_and(|state| state.last_serial.is_none())
    }

    /// The grant that counts for a node, expired or not.
    pub fn grant(&self, node: &NodeId) -> Option<&Grant> {
        self.effect.grants.get(node).map(|(_, _, grant)| grant)
    }

    /// Whether an entitled issuer has revoked the node.
    pub fn is_revoked(&self, node: &NodeId) -> bool {
        self.effect.revoked.contains_key(node)
    }

    /// The revoked nodes.
    pub fn revoked(&self) -> impl Iterator<Item = &NodeId> {
        self.effect.revoked.keys()
    }

    /// The last author sequence of a node's incarnation that is vouched for:
    /// `None` if none is.
    pub fn vouched(&self, node: &NodeId, incarnation: u64) -> Option<u64> {
        match self.effect.revoked.get(node) {
            Some(cut) => cut.get(&incarnation).copied(),
            None => self.member(node).map(|_| u64::MAX),
        }
    }

    /// Whether a change of this author is kept, and how it is shown. `Unknown`
    /// can become one of the others as statements arrive, never the reverse.
    pub fn standing(&self, author: &AuthorId, author_seq: u64) -> Standing {
        let Some(state) = self.effect.members.get(&author.node) else {
            return Standing::Unknown;
        };
        if let Some(cut) = self.effect.revoked.get(&author.node) {
            let vouched = cut
                .get(&author.incarnation)
                .is_some_and(|last| author_seq <= *last);
            if !vouched {
                return Standing::Review(ReviewReason::AuthorRevoked);
            }
        }
        if state.counts {
            Standing::Vouched
        } else {
            Standing::Review(ReviewReason::IssuerRevoked)
        }
    }

    /// What a session with this peer may do at this time.
    pub fn admission(&self, node: &NodeId, now_ms: u64) -> Admission<'_> {
        let Some(member) = self.member(node) else {
            return Admission::Stranger;
        };
        if self.is_revoked(node) {
            return Admission::Revoked;
        }
        match self.grant(node) {
            Some(grant) if !grant.is_expired(now_ms) => Admission::Granted(member, grant),
            _ => Admission::Expired(member),
        }
    }

    /// The statements that lead from the first root to a node's certificate
    /// and grant: what it shows a peer that may not know it yet.
    pub fn chain_of(&self, node: &NodeId) -> Vec<&SignedStatement> {
        let certificate = self.effect.members.get(node).map(|state| state.certificate);
        let grant = self.effect.grants.get(node).map(|(_, id, _)| *id);
        let own: Vec<_> = certificate
            .into_iter()
            .chain(grant)
            .filter_map(|id| self.statements.get(&id))
            .collect();
        let issuers: Vec<_> = own.iter().map(|signed| *signed.signer()).collect();
        let above = self
            .statements
            .values()
            .filter(|signed| match signed.statement() {
                Statement::RootSuccessor(_) => {
                    self.effect.roots.iter().any(|(root, _)| root == signed.signer())
                }
                Statement::Issuer(issuer) => issuers.contains(&issuer.node),
                Statement::IssuerRevocation(cut) => issuers.contains(&cut.node),
                _ => false,
            });
        above.chain(own.iter().copied()).collect()
    }

    /// Whether a statement is held.
    pub fn holds(&self, id: &StatementId) -> bool {
        self.statements.contains_key(id)
    }

    /// All statements, ascending by identifier.
    pub fn statements(&self) -> impl Iterator<Item = (&StatementId, &SignedStatement)> {
        self.statements.iter()
    }

    /// How many statements there are.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether nothing has been said yet.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// One hash over the set: equal exactly for equal sets.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = Sha256::new().chain_update([VERSION]).chain_update(self.root.0);
        for id in self.statements.keys() {
            hasher.update(id.0);
        }
        hasher.finalize().into()
    }

    /// The encoding; see the module's head.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.root.0);
        put_unsigned(
            &mut bytes,
            u64::try_from(self.statements.len()).unwrap_or(u64::MAX),
        );
        self.statements
            .values()
            .for_each(|signed| bytes.extend(signed.to_bytes()));
        bytes
    }

    /// Reads an encoding and checks every signature.
    ///
    /// # Errors
    /// [`AuthorityError`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Authority, AuthorityError> {
        if bytes.len() > AUTHORITY_BYTES_MAX {
            return Err(AuthorityError::TooLarge);
        }
        let malformed = |_| AuthorityError::Malformed;
        let mut reader = Reader::new(bytes);
        let version = reader.byte().map_err(malformed)?;
        if version != VERSION {
            return Err(AuthorityError::Version(version));
        }
        let mut authority = Authority::found(NodeId(reader.array().map_err(malformed)?));
        let count = reader.unsigned().map_err(malformed)?;
        if usize::try_from(count).map_or(true, |count| count > STATEMENTS_MAX) {
            return Err(AuthorityError::TooLarge);
        }
        let mut statements = Vec::new();
        for _ in 0..count {
            statements.push(SignedStatement::read(&authority.network, &mut reader)?);
        }
        if !reader.is_empty() {
            return Err(AuthorityError::Malformed);
        }
        authority.add(statements);
        // One encoding for each set: sorted, none twice.
        if authority.to_bytes() != bytes {
            return Err(AuthorityError::Malformed);
        }
        Ok(authority)
    }

    /// Whether a statement by this signer is its to make now.
    pub fn may_say(&self, signer: &NodeId, statement: &Statement) -> bool {
        let is_root = *signer == self.root();
        let limits = self
            .effect
            .issuers
            .get(signer)
            .filter(|state| state.last_serial.is_none())
            .map(|state| &state.limits);
        let may_about = |node: &NodeId| {
            let member = self.effect.members.get(node).map(|state| &state.member);
            limits
                .zip(member)
                .is_some_and(|(limits, member)| limits.allow(&member.role, &member.site))
        };
        match statement {
            Statement::RootSuccessor(_) | Statement::Issuer(_) => is_root,
            Statement::IssuerRevocation(cut) => is_root && self.effect.issuers.contains_key(&cut.node),
            Statement::Member(member) => {
                limits.is_some_and(|limits| limits.allow(&member.role, &member.site))
            }
            Statement::Grant(grant) => {
                may_about(&grant.node) && limits.is_some_and(|limits| limits.allow_scopes(&grant.scopes))
            }
            Statement::Revocation(revocation) => may_about(&revocation.node),
            Statement::Unknown(_) => false,
        }
    }
}
