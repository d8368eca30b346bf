//! Who may invite and renew: listed, made, ended.
//!
//! Invariants: only the root makes and ends issuers, and its key is used for one statement and kept nowhere;
//! a key that is not this network's present root changes nothing; what would have no effect is refused, never
//! said to be done.

use chaski_crdt::author::{NetworkId, NodeId};
use chaski_crdt::authority::{Issuer, IssuerRevocation, Limits, NodeRole, Statement};
use chaski_store::Store;
use ed25519_dalek::SigningKey;

use crate::trust::{DEMO_ISSUER, Trust, TrustError};

/// An issuer as a node knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerInfo {
    /// The issuer's key.
    pub node: NodeId,
    /// Its name as a member, else the one that the root gave it.
    pub name: String,
    /// The roles and sites it may certify.
    pub limits: Limits,
    /// Whether what it says now counts.
    pub in_effect: bool,
    /// Whether it is a member no longer: nobody meets it.
    pub revoked: bool,
    /// The roots that have made it one.
    pub roots: Vec<NodeId>,
    /// The number under which it was last heard here that it is one, as [`crate::Contact::statements`] counts.
    pub number: u64,
    /// It has signed something since: it knows that it may.
    pub has_issued: bool,
}

impl IssuerInfo {
    /// Whether a node can meet it and be renewed.
    #[must_use]
    pub fn can_be_met(&self) -> bool {
        self.in_effect && !self.revoked
    }
}

/// What a root says of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerChange {
    /// A member may issue within these limits.
    Add(NodeId, Limits),
    /// It may issue no longer; what it has issued, as far as known here, goes on counting.
    End(NodeId),
}

/// Why an issuer was neither made nor ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// The root key is not this network's.
    #[error("this root key is of another network (not of {0}): nothing was changed")]
    OtherNetwork(NetworkId),
    /// The root has named a successor.
    #[error("this root key has given its place to another ({0}): nothing was changed")]
    OldRoot(NodeId),
    /// Not certified by anyone.
    #[error("{0} is no member of this network: only a member can be made an issuer")]
    Stranger(String),
    /// A member no longer.
    #[error("the membership of {0} was ended: make another node an issuer")]
    Revoked(String),
    /// The node was ended as an issuer before.
    #[error("{0} was ended as an issuer, which is for good: make another node an issuer")]
    Ended(String),
    /// The node may already issue more than was asked for.
    #[error("{0} may issue more than that already, and adding takes nothing away: nothing was changed")]
    Narrower(String),
    /// Such a name marks demonstrations.
    #[error("{0} bears the name that marks a demonstration's network: it can be no issuer of a real one")]
    Reserved(String),
    /// Not one that can be ended.
    #[error("{0} is no issuer")]
    NoIssuer(String),
    /// Without it nobody could invite or renew.
    #[error("{0} is the only issuer: make another one before this one is ended")]
    Last(String),
    /// The statement could not be made or kept.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl Trust {
    /// Every issuer there has been; those in effect first, then by name.
    #[must_use]
    pub fn issuers(&self) -> Vec<IssuerInfo> {
        let mut issuers: Vec<IssuerInfo> = self
            .authority()
            .issuers_ever()
            .map(|issuer| IssuerInfo {
                node: *issuer.node,
                name: self
                    .member(issuer.node)
                    .map_or_else(|| issuer.name.to_owned(), |member| member.name.clone()),
                limits: issuer.limits.clone(),
                in_effect: issuer.last_serial.is_none(),
                revoked: self.is_revoked(issuer.node),
                roots: issuer.roots.iter().copied().collect(),
                number: self.issuer_number(issuer.node),
                has_issued: self.authority().serial_last(issuer.node) > 0,
            })
            .collect();
        issuers.sort_by(|a, b| (!a.in_effect, &a.name, a.node).cmp(&(!b.in_effect, &b.name, b.node)));
        issuers
    }

    /// The number under which it was last heard that a node is an issuer.
    fn issuer_number(&self, node: &NodeId) -> u64 {
        let made = self.authority().statements().filter(
            |(_, signed)| matches!(signed.statement(), Statement::Issuer(issuer) if issuer.node == *node),
        );
        made.map(|(id, _)| self.number_of(id)).max().unwrap_or(0)
    }

    /// Whether an issuer may renew a member's grant as it is.
    #[must_use]
    pub fn may_renew(&self, issuer: &NodeId, node: &NodeId) -> bool {
        let grant = self.authority().grant(node);
        !self.is_revoked(node)
            && grant.is_some_and(|grant| self.authority().may_say(issuer, &Statement::Grant(grant.clone())))
    }

    /// Whether a node may invite one of a role: a newcomer is granted everything.
    pub(crate) fn may_invite(&self, node: &NodeId, role: &NodeRole) -> Result<(), TrustError> {
        if !self.is_issuer(node) {
            return Err(TrustError::NotEntitled);
        }
        let issuers = self.authority().issuers();
        let own = issuers.filter(|(issuer, ..)| *issuer == node);
        let is_within = |limits: &Limits| {
            limits.sites.is_none() && limits.roles.as_ref().is_none_or(|roles| roles.contains(role))
        };
        if own.into_iter().any(|(_, _, limits)| is_within(limits)) {
            Ok(())
        } else {
            Err(TrustError::Limited(role.to_string()))
        }
    }

    /// What is known once the root has said this, which is not kept yet; nothing where it is so already.
    ///
    /// # Errors
    /// [`IssuerError`]: then nothing has changed.
    pub fn issuer_change(
        &self,
        root: &SigningKey,
        change: &IssuerChange,
    ) -> Result<Option<Trust>, IssuerError> {
        self.root_check(&NodeId::of(root))?;
        let statement = match change {
            IssuerChange::Add(node, limits) => self.issuer_adding(node, limits)?,
            IssuerChange::End(node) => Some(self.issuer_ending(node)?),
        };
        let Some(statement) = statement else {
            return Ok(None);
        };
        Ok(Some(self.saying(root, statement)?))
    }

    fn root_check(&self, root: &NodeId) -> Result<(), IssuerError> {
        let now = self.authority().root();
        if *root == now {
            return Ok(());
        }
        Err(if *root == self.root() {
            IssuerError::OldRoot(now)
        } else {
            IssuerError::OtherNetwork(self.authority().network())
        })
    }

    fn issuer_adding(&self, node: &NodeId, limits: &Limits) -> Result<Option<Statement>, IssuerError> {
        let Some(member) = self.member(node) else {
            return Err(IssuerError::Stranger(node.short()));
        };
        let name = member.name.clone();
        if self.is_revoked(node) {
            return Err(IssuerError::Revoked(name));
        }
        if name == DEMO_ISSUER && !self.is_demo() {
            return Err(IssuerError::Reserved(name));
        }
        if let Some(known) = self.authority().issuers_ever().find(|known| known.node == node) {
            if known.last_serial.is_some() {
                return Err(IssuerError::Ended(name));
            }
            if known.limits == limits {
                return Ok(None);
            }
            if known.limits.covers(limits) {
                return Err(IssuerError::Narrower(name));
            }
        }
        Ok(Some(Statement::Issuer(Issuer {
            node: *node,
            name,
            limits: limits.clone(),
        })))
    }

    fn issuer_ending(&self, node: &NodeId) -> Result<Statement, IssuerError> {
        let issuers = self.issuers();
        let Some(issuer) = issuers.iter().find(|issuer| issuer.node == *node) else {
            let name = self
                .member(node)
                .map_or_else(|| node.short(), |member| member.name.clone());
            return Err(IssuerError::NoIssuer(name));
        };
        if !issuer.in_effect {
            return Err(IssuerError::Ended(issuer.name.clone()));
        }
        let is_other = |other: &IssuerInfo| other.node != *node && other.can_be_met();
        if !issuers.iter().any(is_other) {
            return Err(IssuerError::Last(issuer.name.clone()));
        }
        Ok(Statement::IssuerRevocation(IssuerRevocation {
            node: *node,
            last_serial: self.authority().serial_last(node),
        }))
    }
}

/// Has the root make or end an issuer, in a store whose network side does not run. Whether anything changed.
///
/// # Errors
/// [`IssuerError`]: then nothing has changed.
pub fn issuer_change(store: &Store, root: &SigningKey, change: &IssuerChange) -> Result<bool, IssuerError> {
    let identity = store.identity().ok_or(TrustError::None)?;
    let trust = Trust::load(store, identity.network)?;
    let Some(next) = trust.issuer_change(root, change)? else {
        return Ok(false);
    };
    next.save(store)?;
    Ok(true)
}

/// The issuers as a store knows them.
///
/// # Errors
/// When the store fails or what it holds of trust is damaged.
pub fn issuers(store: &Store) -> Result<Vec<IssuerInfo>, TrustError> {
    let identity = store.identity().ok_or(TrustError::None)?;
    Ok(Trust::of(store, identity.network)?.issuers())
}

/// The members that a name, a key or the beginning of one means, this node among them.
///
/// # Errors
/// When the store fails or what it holds of trust is damaged.
pub fn members_named(store: &Store, name: &str) -> Result<Vec<NodeId>, TrustError> {
    let identity = store.identity().ok_or(TrustError::None)?;
    let trust = Trust::of(store, identity.network)?;
    let key = name.to_ascii_lowercase();
    let is_key = key.len() >= KEY_DIGITS_MIN;
    let issuers = trust.issuers();
    let mut named: Vec<NodeId> = trust
        .authority()
        .members()
        .map(|member| (member.node, member.name.as_str()))
        .chain(issuers.iter().map(|issuer| (issuer.node, issuer.name.as_str())))
        .filter(|(node, called)| *called == name || (is_key && node.to_string().starts_with(&key)))
        .map(|(node, _)| node)
        .collect();
    named.sort_unstable();
    named.dedup();
    Ok(named)
}

/// Hexadecimal digits of a key from which on it may name a node.
const KEY_DIGITS_MIN: usize = 4;
