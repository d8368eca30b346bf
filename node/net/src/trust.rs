//! Authority as a node keeps it: the signed statements, in the order heard.
//!
//! Invariants: what is answered here is [`Authority`]'s answer, never ours; the
//! order only says which statements a peer has been told; what is added is
//! durable before anything is done on its strength. Tickets are the issuer's
//! own: a ticket's use is durable before the certificate it buys is sent.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaski_crdt::author::{NetworkId, NodeId};
use chaski_crdt::authority::{
    Admission, Authority, Grant, Member, NodeRole, Scopes, SignedStatement, Statement, Ticket,
};
use chaski_store::{Scope, ScopeFilter, Store, StoreError};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

use crate::limits::{STATEMENT_BYTES_MAX, STATEMENTS_HELD_MAX, TICKETS_MAX};
use crate::replica::{Documents, ReplicaError, failed};

/// Name of the store's document that holds the statements.
const AUTHORITY_DOCUMENT: &str = "trust/authority";
/// Name of the store's document that holds the tickets given out here.
const TICKETS_DOCUMENT: &str = "trust/tickets";
/// Name of the issuer that makes a network a demonstration's.
pub const DEMO_ISSUER: &str = "chaski demonstration";
/// How long a grant lasts unless renewed, in milliseconds; sessions with an
/// issuer renew it when half of it is over.
pub const GRANT_MS: u64 = 400 * 24 * 3_600 * 1_000;

/// Why trust could not be read or extended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] ReplicaError),
    /// There is none yet: neither `init` nor `join` has been here.
    #[error("this node belongs to no network yet")]
    None,
    /// The store belongs to a network already.
    #[error("this directory belongs to a network already")]
    Member,
    /// The stored form cannot be read.
    #[error("the stored authority is damaged")]
    Damaged,
    /// It is of another network.
    #[error("the stored authority is of another network")]
    OtherNetwork,
    /// This node may not say that.
    #[error("this node is no issuer, or not for that role and site")]
    NotEntitled,
    /// Too much of something.
    #[error("there are too many {0}")]
    TooMany(&'static str),
    /// A ticket that cannot be written.
    #[error("the ticket's addresses or role are too long")]
    Ticket,
    /// No such member.
    #[error("no member is known as {0}")]
    Unknown(String),
}

impl From<StoreError> for TrustError {
    fn from(error: StoreError) -> TrustError {
        TrustError::Store(failed(error))
    }
}

/// Stored form of the statements, version 1.
#[derive(Serialize, Deserialize)]
struct StoredV1 {
    root: [u8; 32],
    log: Vec<Vec<u8>>,
}

/// Stored form of a ticket given out.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct TicketRow {
    secret: [u8; 32],
    role: String,
    expires_s: u64,
    used_by: Option<[u8; 32]>,
}

/// What became of a newcomer's ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketUse {
    /// Its first use, or the same key's again.
    Accepted,
    /// Another key has used it.
    Used,
    /// Too late by the issuer's clock.
    Expired,
    /// Never given out, or forgotten.
    Unknown,
}

/// Authority as known to one node.
#[derive(Clone, Debug)]
pub struct Trust {
    authority: Authority,
    root: NodeId,
    log: Vec<Vec<u8>>,
    known: BTreeSet<[u8; 32]>,
    authors: Arc<BTreeSet<NodeId>>,
    digest: [u8; 16],
}

impl Trust {
    /// Trust that begins with these statements; nothing is stored.
    ///
    /// # Errors
    /// [`TrustError::Damaged`] if one of them is no statement of the network.
    pub fn found(root: NodeId, statements: &[Vec<u8>]) -> Result<Trust, TrustError> {
        let mut trust = Trust {
            authority: Authority::found(root),
            root,
            log: Vec::new(),
            known: BTreeSet::new(),
            authors: Arc::default(),
            digest: [0; 16],
        };
        let added = trust.take(statements)?;
        if added.len() != trust.log.len() || trust.log.len() < statements.len().min(1) {
            return Err(TrustError::Damaged);
        }
        Ok(trust)
    }

    /// Reads what is held and verifies all of it. For a store that is read often, see [`Trust::of`].
    ///
    /// # Errors
    /// [`TrustError`] when there is none, it is damaged or of another network.
    pub fn load(replica: &dyn Documents, network: NetworkId) -> Result<Trust, TrustError> {
        of_network(Trust::read(replica.document(AUTHORITY_DOCUMENT)?)?, network)
    }

    /// What a store holds, verified once and then again when it was written anew: what pages, lists and
    /// rows read.
    ///
    /// # Errors
    /// As [`Trust::load`].
    pub fn of(store: &Store, network: NetworkId) -> Result<Arc<Trust>, TrustError> {
        of_network(store.blob_made(AUTHORITY_DOCUMENT, Trust::read)?, network)
    }

    fn read(document: Option<Vec<u8>>) -> Result<Trust, TrustError> {
        let bytes = document.ok_or(TrustError::None)?;
        let (version, body) = bytes.split_first().ok_or(TrustError::Damaged)?;
        if *version != 1 {
            return Err(TrustError::Damaged);
        }
        let stored: StoredV1 = postcard::from_bytes(body).map_err(|_| TrustError::Damaged)?;
        Trust::found(NodeId(stored.root), &stored.log)
    }

    /// Keeps it, durably.
    ///
    /// # Errors
    /// When the store fails.
    pub fn save(&self, replica: &dyn Documents) -> Result<(), TrustError> {
        let stored = StoredV1 {
            root: self.root.0,
            log: self.log.clone(),
        };
        let bytes = postcard::to_extend(&stored, vec![1]).map_err(|_| TrustError::Damaged)?;
        Ok(replica.document_save(AUTHORITY_DOCUMENT, &bytes)?)
    }

    /// The statements' meaning.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The network's first root key.
    #[must_use]
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// Digest of the set, whatever the order.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        self.digest
    }

    /// Number of statements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Statements from a number on, in the order heard.
    pub fn statements_from(&self, index: usize) -> impl Iterator<Item = &Vec<u8>> {
        self.log.iter().skip(index)
    }

    /// Keys whose changes are taken in: everyone who was ever certified.
    #[must_use]
    pub fn authors(&self) -> Arc<BTreeSet<NodeId>> {
        Arc::clone(&self.authors)
    }

    /// A member's certificate.
    #[must_use]
    pub fn member(&self, node: &NodeId) -> Option<&Member> {
        self.authority.member(node)
    }

    /// Whether a node is revoked.
    #[must_use]
    pub fn is_revoked(&self, node: &NodeId) -> bool {
        self.authority.is_revoked(node)
    }

    /// Statements that prove a node's membership, and its grant.
    #[must_use]
    pub fn chain_of(&self, node: &NodeId) -> Vec<Vec<u8>> {
        self.authority
            .chain_of(node)
            .into_iter()
            .map(SignedStatement::to_bytes)
            .collect()
    }

    /// A node's chain, or nothing for one that has been told all of it among
    /// the first `told` statements.
    #[must_use]
    pub fn chain_unless_known(&self, node: &NodeId, told: usize) -> Vec<Vec<u8>> {
        let mut chain = self.chain_of(node);
        let known: BTreeSet<&Vec<u8>> = self.log.iter().take(told).collect();
        if chain.iter().all(|statement| known.contains(statement)) {
            chain.clear();
        }
        chain
    }

    /// Whether nothing may be sent to a member, by the checker's clock.
    #[must_use]
    pub fn is_grant_over(&self, node: &NodeId, now_ms: u64) -> bool {
        !matches!(self.authority.admission(node, now_ms), Admission::Granted(..))
    }

    /// What may flow to a member, and a digest of it for cursors.
    #[must_use]
    pub fn filter_for(&self, node: &NodeId) -> (ScopeFilter, u64) {
        let filter = match self.authority.grant(node).map(|grant| scopes_of(&grant.scopes)) {
            Some(None) => ScopeFilter::All,
            Some(Some(some)) => only(some),
            None => only(BTreeSet::new()),
        };
        let digest = filter_digest(&filter);
        (filter, digest)
    }

    /// What two members may both hold: what they compare.
    #[must_use]
    pub fn filter_between(&self, one: &NodeId, other: &NodeId) -> ScopeFilter {
        let scopes = |node| self.authority.grant(node).map(|grant| scopes_of(&grant.scopes));
        match (scopes(one), scopes(other)) {
            (Some(None), Some(None)) => ScopeFilter::All,
            (Some(None), Some(Some(some))) | (Some(Some(some)), Some(None)) => only(some),
            (Some(Some(one)), Some(Some(other))) => only(one.intersection(&other).cloned().collect()),
            _ => only(BTreeSet::new()),
        }
    }

    /// Adds statements from outside, durably; returns how many were new. What
    /// is no valid statement of this network is skipped.
    ///
    /// # Errors
    /// When the store fails; [`TrustError::TooMany`] above the bound.
    pub fn add(&mut self, replica: &dyn Documents, statements: &[Vec<u8>]) -> Result<usize, TrustError> {
        let mut next = self.clone();
        let added = next.take(statements)?;
        if !added.is_empty() {
            next.save(replica)?;
            *self = next;
        }
        Ok(added.len())
    }

    fn take(&mut self, statements: &[Vec<u8>]) -> Result<Vec<[u8; 32]>, TrustError> {
        let network = self.authority.network();
        let mut added = Vec::new();
        let mut fresh = Vec::new();
        for bytes in statements
            .iter()
            .filter(|bytes| bytes.len() <= STATEMENT_BYTES_MAX)
        {
            let Ok(signed) = SignedStatement::from_bytes(&network, bytes) else {
                continue;
            };
            let id = signed.id().0;
            if self.known.insert(id) {
                added.push(id);
                self.log.push(bytes.clone());
                fresh.push(signed);
            }
        }
        if self.log.len() > STATEMENTS_HELD_MAX {
            return Err(TrustError::TooMany("authority statements"));
        }
        self.authority
            .add(fresh)
            .map_err(|_| TrustError::TooMany("authority statements"))?;
        self.digest_update();
        Ok(added)
    }

    fn digest_update(&mut self) {
        self.digest = self
            .authority
            .digest()
            .first_chunk::<16>()
            .copied()
            .unwrap_or_default();
        let mut authors = BTreeSet::new();
        for (_, signed) in self.authority.statements() {
            // Whether its issuer was entitled is asked of the whole set.
            if let Statement::Member(member) = signed.statement()
                && self.is_author(&member.node)
            {
                authors.insert(member.node);
            }
        }
        self.authors = Arc::new(authors);
    }

    /// Certified once, by whoever was entitled: revocations do not unmake the
    /// changes written before them.
    fn is_author(&self, node: &NodeId) -> bool {
        use chaski_crdt::author::AuthorId;
        use chaski_crdt::authority::Standing;
        self.authority.standing(
            &AuthorId {
                node: *node,
                incarnation: 0,
            },
            0,
        ) != Standing::Unknown
    }

    /// Makes a statement as an issuer, durably.
    ///
    /// # Errors
    /// [`TrustError::NotEntitled`] if the key is no issuer's; store failures.
    pub fn issue(
        &mut self,
        replica: &dyn Documents,
        signer: &SigningKey,
        statement: Statement,
    ) -> Result<(), TrustError> {
        let mut next = self.clone();
        let id = next
            .authority
            .issue(signer, statement)
            .map_err(|_| TrustError::NotEntitled)?;
        let bytes = next
            .authority
            .statements()
            .find(|(known, _)| **known == id)
            .map(|(_, s)| s.to_bytes());
        if next.known.insert(id.0) {
            next.log.extend(bytes);
        }
        next.digest_update();
        next.save(replica)?;
        *self = next;
        Ok(())
    }

    /// Whether the network is a demonstration's: it never meets a real one.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.authority.issuers().any(|(_, name, _)| name == DEMO_ISSUER)
    }

    /// Whether this key may invite.
    #[must_use]
    pub fn is_issuer(&self, node: &NodeId) -> bool {
        self.authority.is_issuer(node)
    }

    /// A member's grant runs out within half of its time: an issuer renews it.
    ///
    /// # Errors
    /// As [`Trust::issue`].
    pub fn grant_renew(
        &mut self,
        replica: &dyn Documents,
        signer: &SigningKey,
        node: &NodeId,
        now_ms: u64,
    ) -> Result<bool, TrustError> {
        if !self.is_issuer(&NodeId::of(signer)) || self.member(node).is_none() || self.is_revoked(node) {
            return Ok(false);
        }
        let scopes = match self.authority.grant(node) {
            Some(Grant {
                expires_ms: Some(end),
                scopes,
                ..
            }) if *end < now_ms.saturating_add(GRANT_MS / 2) => scopes.clone(),
            _ => return Ok(false),
        };
        let expires_ms = Some(now_ms.saturating_add(GRANT_MS));
        self.issue(
            replica,
            signer,
            Statement::Grant(Grant {
                node: *node,
                scopes,
                expires_ms,
            }),
        )?;
        Ok(true)
    }
}

fn of_network<T: Borrow<Trust>>(trust: T, network: NetworkId) -> Result<T, TrustError> {
    if trust.borrow().authority.network() == network {
        Ok(trust)
    } else {
        Err(TrustError::OtherNetwork)
    }
}

/// Records a ticket given out, durably.
///
/// # Errors
/// When the store fails or there are too many.
pub fn ticket_give(replica: &dyn Documents, ticket: &Ticket, now_ms: u64) -> Result<(), TrustError> {
    let mut rows = tickets(replica)?;
    if rows.len() >= TICKETS_MAX {
        let old_s = now_ms / 1_000;
        rows.retain(|_, row| row.expires_s > old_s);
    }
    if rows.len() >= TICKETS_MAX {
        return Err(TrustError::TooMany("tickets"));
    }
    let secret = secret_digest(&ticket.secret);
    let role = ticket.role.as_str().to_owned();
    rows.insert(
        secret,
        TicketRow {
            secret,
            role,
            expires_s: ticket.expires_s,
            used_by: None,
        },
    );
    tickets_save(replica, &rows)
}

/// Uses a ticket for a key: durable on return.
///
/// # Errors
/// When the store fails.
pub fn ticket_use(
    replica: &dyn Documents,
    secret: &[u8; 16],
    node: &NodeId,
    now_ms: u64,
) -> Result<(TicketUse, NodeRole), TrustError> {
    let mut rows = tickets(replica)?;
    let Some(row) = rows.get_mut(&secret_digest(secret)) else {
        return Ok((TicketUse::Unknown, NodeRole::from("")));
    };
    let role = NodeRole::from(row.role.as_str());
    match row.used_by {
        Some(by) if by == node.0 => Ok((TicketUse::Accepted, role)),
        Some(_) => Ok((TicketUse::Used, role)),
        None if row.expires_s <= now_ms / 1_000 => Ok((TicketUse::Expired, role)),
        None => {
            row.used_by = Some(node.0);
            tickets_save(replica, &rows)?;
            Ok((TicketUse::Accepted, role))
        }
    }
}

type TicketRows = BTreeMap<[u8; 32], TicketRow>;

fn tickets(replica: &dyn Documents) -> Result<TicketRows, TrustError> {
    let Some(bytes) = replica.document(TICKETS_DOCUMENT)? else {
        return Ok(TicketRows::new());
    };
    match bytes.split_first() {
        Some((1, body)) => postcard::from_bytes::<Vec<TicketRow>>(body)
            .map(|rows| rows.into_iter().map(|row| (row.secret, row)).collect())
            .map_err(|_| TrustError::Damaged),
        _ => Err(TrustError::Damaged),
    }
}

fn tickets_save(replica: &dyn Documents, rows: &TicketRows) -> Result<(), TrustError> {
    let rows: Vec<&TicketRow> = rows.values().collect();
    let bytes = postcard::to_extend(&rows, vec![1]).map_err(|_| TrustError::Damaged)?;
    Ok(replica.document_save(TICKETS_DOCUMENT, &bytes)?)
}

fn secret_digest(secret: &[u8; 16]) -> [u8; 32] {
    blake3::derive_key("chaski 2026-11 ticket secret v1", secret)
}

/// The compartments a grant names; `None` is all. A panel is named by its
/// patients' ids; the patients of a site are not known by compartment yet, so
/// a grant of sites admits what is shared.
fn scopes_of(scopes: &Scopes) -> Option<BTreeSet<Scope>> {
    let mut set = BTreeSet::from([Scope::Shared]);
    match scopes {
        Scopes::All => return None,
        Scopes::Sites(_) => {}
        Scopes::Panels(patients) => set.extend(patients.iter().cloned().map(Scope::Patient)),
    }
    Some(set)
}

fn only(scopes: BTreeSet<Scope>) -> ScopeFilter {
    ScopeFilter::Only(scopes)
}

/// A digest of what a filter admits, for cursors.
pub(crate) fn filter_digest(filter: &ScopeFilter) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("chaski 2026-11 scope digest v1");
    match filter {
        ScopeFilter::All => {
            hasher.update(b"all");
        }
        ScopeFilter::Only(scopes) => {
            for scope in scopes {
                let (tag, id) = match scope {
                    Scope::Patient(id) => (b'p', id.as_str()),
                    Scope::Shared => (b's', ""),
                    Scope::Unfiled => (b'u', ""),
                };
                hasher.update(&[tag]);
                hasher.update(&(id.len() as u64).to_le_bytes());
                hasher.update(id.as_bytes());
            }
        }
    }
    hasher
        .finalize()
        .as_bytes()
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
