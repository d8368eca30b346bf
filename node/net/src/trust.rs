//! Authority as a node keeps it: the signed statements, in the order heard.
//!
//! Invariants: what is answered here is [`Authority`]'s answer, never ours; the
//! number that a statement was heard under only says which of them a peer has
//! been told, and is never given again; of two that are kept at once the later
//! stays, whichever is written last. Tickets are the issuer's own: a ticket's use
//! is durable before the certificate it buys is sent.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chaski_crdt::author::{NetworkId, NodeId};
use chaski_crdt::authority::{
    Admission, Authority, AuthorityError, Grant, INCARNATIONS_MAX, Member, NodeRole, Scopes, SignedStatement,
    Statement, StatementId, Ticket,
};
use chaski_store::{Clearance, Compartment, ScopeFilter, Store, StoreError};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

use crate::limits::TICKETS_MAX;
use crate::replica::{Documents, ReplicaError, ReplicaResult, failed};

/// Name of the store's document that holds the statements.
const AUTHORITY_DOCUMENT: &str = "trust/authority";
/// Version of its stored form.
const AUTHORITY_VERSION: u8 = 2;
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
    /// Another version wrote it, in a form that this one does not read.
    #[error(
        "what is stored of the network's members has form {found}, and this version reads form {known}: another \
         version wrote it, and nothing is damaged"
    )]
    Form {
        /// The number of its form.
        found: u8,
        /// The number that is read.
        known: u8,
    },
    /// It is of another network.
    #[error("the stored authority is of another network")]
    OtherNetwork,
    /// This node may not say that.
    #[error("this node is no issuer, or not for that role and site")]
    NotEntitled,
    /// An issuer, yet not for what was asked.
    #[error(
        "this issuer's limits do not let it take in a {0} node and grant it everything, as a newcomer is"
    )]
    Limited(String),
    /// The signer has said as much as one may.
    #[error("{0}: nothing was changed; {remedy}", remedy = .0.remedy())]
    Full(FullRoom),
    /// A statement that cannot be made as it is.
    #[error("{0}")]
    Statement(String),
    /// A statement whose signature is not its signer's: no member passes such on.
    #[error("a statement about the network's members is not signed by whom it names")]
    Forged,
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

/// Of whom the room is full in which statements are held, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FullRoom {
    /// What an issuer says of members and their grants.
    #[error("this issuer has taken in and renewed as many nodes as one may")]
    Issuer,
    /// Whom an issuer revokes.
    #[error("this issuer has revoked as many nodes as one may")]
    IssuerRevocations,
    /// Whom the root makes an issuer.
    #[error("the root has named as many issuers as one may")]
    Root,
    /// Whom the root ends as an issuer.
    #[error("the root has ended as many issuers as one may")]
    RootRevocations,
}

impl FullRoom {
    fn of(is_root: bool, statement: &Statement) -> FullRoom {
        let is_revocation = matches!(
            statement,
            Statement::Revocation(_) | Statement::IssuerRevocation(_)
        );
        match (is_root, is_revocation) {
            (false, false) => FullRoom::Issuer,
            (false, true) => FullRoom::IssuerRevocations,
            (true, false) => FullRoom::Root,
            (true, true) => FullRoom::RootRevocations,
        }
    }

    /// What a person can do.
    fn remedy(self) -> &'static str {
        match self {
            FullRoom::Issuer => {
                "another issuer has to do it (`chaski issuer list`), or `chaski issuer add NODE --root FILE` makes one"
            }
            FullRoom::IssuerRevocations => {
                "give the same command on another issuer's node (`chaski issuer list`), or make one first with \
                 `chaski issuer add NODE --root FILE`"
            }
            FullRoom::Root => "the issuers that there are go on inviting and renewing (`chaski issuer list`)",
            FullRoom::RootRevocations => {
                "`chaski peer revoke NODE` on another issuer's node ends its membership, so that nobody exchanges \
                 anything with it; whom its key takes in counts all the same, until a new network is made"
            }
        }
    }
}

impl From<StoreError> for TrustError {
    fn from(error: StoreError) -> TrustError {
        TrustError::Store(failed(error))
    }
}

impl From<AuthorityError> for TrustError {
    fn from(error: AuthorityError) -> TrustError {
        match error {
            AuthorityError::Statement(error) => TrustError::Statement(error.to_string()),
            _ => TrustError::NotEntitled,
        }
    }
}

/// Stored form of the statements, version 2: each with the number it was heard under.
#[derive(Serialize, Deserialize)]
struct StoredV2 {
    root: [u8; 32],
    heard: u64,
    log: Vec<(u64, Vec<u8>)>,
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
    /// What is held, by the number it was heard under.
    log: BTreeMap<u64, (StatementId, Vec<u8>)>,
    /// The last number given.
    heard: u64,
    authors: Arc<BTreeSet<NodeId>>,
    digest: [u8; 16],
}

/// Has the later of two states of trust kept, whichever is written last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Newest(Arc<Mutex<u64>>);

impl Newest {
    /// Keeps a state, unless a later one is kept already.
    pub(crate) fn keep(&self, heard: u64, keep: impl FnOnce() -> ReplicaResult<()>) -> ReplicaResult<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if heard >= *kept {
            keep()?;
            *kept = heard;
        }
        Ok(())
    }
}

impl Trust {
    /// What follows from a root and statements, all verified.
    ///
    /// # Errors
    /// [`TrustError::Damaged`] if one of them is no statement of the network.
    pub fn found(root: NodeId, statements: &[Vec<u8>]) -> Result<Trust, TrustError> {
        let empty = Trust {
            authority: Authority::found(root),
            root,
            log: BTreeMap::new(),
            heard: 0,
            authors: Arc::default(),
            digest: [0; 16],
        };
        let taken = empty.with(statements).map_err(|_| TrustError::Damaged)?;
        let mut trust = taken.unwrap_or(empty);
        let known: BTreeSet<StatementId> = statements.iter().map(|bytes| StatementId::of(bytes)).collect();
        if trust.log.len() != known.len() {
            return Err(TrustError::Damaged);
        }
        trust.follow();
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
        if *version != AUTHORITY_VERSION {
            return Err(TrustError::Form {
                found: *version,
                known: AUTHORITY_VERSION,
            });
        }
        let stored: StoredV2 = postcard::from_bytes(body).map_err(|_| TrustError::Damaged)?;
        let (numbers, statements): (Vec<u64>, Vec<Vec<u8>>) = stored.log.into_iter().unzip();
        let mut trust = Trust::found(NodeId(stored.root), &statements)?;
        let ids = statements
            .into_iter()
            .map(|bytes| (StatementId::of(&bytes), bytes));
        trust.log = numbers.into_iter().zip(ids).collect();
        trust.heard = stored.heard;
        let is_in_order = trust
            .log
            .last_key_value()
            .is_none_or(|(last, _)| *last <= stored.heard);
        if !is_in_order || trust.log.len() != trust.authority.len() {
            return Err(TrustError::Damaged);
        }
        Ok(trust)
    }

    /// Keeps it, durably.
    ///
    /// # Errors
    /// When the store fails.
    pub fn save(&self, replica: &dyn Documents) -> Result<(), TrustError> {
        let (name, bytes) = self.stored()?;
        Ok(replica.document_save(name, &bytes)?)
    }

    /// The document that holds it: name and content.
    pub(crate) fn stored(&self) -> Result<(&'static str, Vec<u8>), TrustError> {
        let log = self
            .log
            .iter()
            .map(|(number, (_, bytes))| (*number, bytes.clone()));
        let stored = StoredV2 {
            root: self.root.0,
            heard: self.heard,
            log: log.collect(),
        };
        let bytes = postcard::to_extend(&stored, vec![AUTHORITY_VERSION]).map_err(|_| TrustError::Damaged)?;
        Ok((AUTHORITY_DOCUMENT, bytes))
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

    /// The last number that a statement was heard under.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// The same as a node says it of itself.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.log.len()).unwrap_or(u32::MAX)
    }

    /// Number of statements held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Statements heard after a number, in that order.
    pub fn statements_after(&self, number: u64) -> impl Iterator<Item = &Vec<u8>> {
        self.numbered_after(number).map(|(_, bytes)| bytes)
    }

    /// The same with their numbers.
    pub(crate) fn numbered_after(&self, number: u64) -> impl Iterator<Item = (u64, &Vec<u8>)> {
        let after = (std::ops::Bound::Excluded(number), std::ops::Bound::Unbounded);
        self.log.range(after).map(|(number, (_, bytes))| (*number, bytes))
    }

    /// The number that a statement was heard under; 0 where it is not held.
    pub(crate) fn number_of(&self, statement: &StatementId) -> u64 {
        let mut held = self.log.iter();
        held.find(|(_, (id, _))| id == statement)
            .map_or(0, |(number, _)| *number)
    }

    /// Statements that end what somebody may do, behind those by which their signers may say so.
    pub(crate) fn revocations(&self) -> impl Iterator<Item = Vec<u8>> {
        let names =
            |statement: &Statement| matches!(statement, Statement::Issuer(_) | Statement::RootSuccessor(_));
        let issuers = self.authority.statements().map(|(_, signed)| signed);
        let issuers = issuers
            .filter(move |signed| names(signed.statement()))
            .map(SignedStatement::to_bytes);
        let all = self.authority.statements().map(|(_, signed)| signed);
        let ends = |statement: &Statement| {
            matches!(
                statement,
                Statement::Revocation(_) | Statement::IssuerRevocation(_)
            )
        };
        let ended = all.filter(move |signed| ends(signed.statement()));
        issuers.chain(ended.map(SignedStatement::to_bytes))
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

    /// A node's chain, or nothing for one that has been told all that was heard up to this number
    /// and so all of it.
    #[must_use]
    pub fn chain_unless_known(&self, node: &NodeId, told: u64) -> Vec<Vec<u8>> {
        let mut chain = self.chain_of(node);
        let known: BTreeSet<&Vec<u8>> = self.log.range(..=told).map(|(_, (_, bytes))| bytes).collect();
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
        let filter = self.given_to(node);
        let digest = filter_digest(&filter);
        (filter, digest)
    }

    /// What two members may both hold: what they compare.
    #[must_use]
    pub fn filter_between(&self, one: &NodeId, other: &NodeId) -> ScopeFilter {
        self.given_to(one).both(&self.given_to(other))
    }

    /// What a member's grant says. None names classes of sensitivity yet: who is given a record is cleared for it.
    fn given_to(&self, node: &NodeId) -> ScopeFilter {
        let granted = self.authority.grant(node);
        granted.map_or_else(ScopeFilter::none, |grant| ScopeFilter {
            compartments: compartments_of(&grant.scopes),
            clearance: Clearance::All,
        })
    }

    /// Adds statements from outside, durably; returns how many were new.
    ///
    /// # Errors
    /// When the store fails; [`TrustError::Forged`]: then nothing was added.
    pub fn add(&mut self, replica: &dyn Documents, statements: &[Vec<u8>]) -> Result<usize, TrustError> {
        let Some(next) = self.with(statements)? else {
            return Ok(0);
        };
        next.save(replica)?;
        let before = std::mem::replace(self, next).heard;
        Ok(usize::try_from(self.heard - before).unwrap_or(usize::MAX))
    }

    /// What is known with statements from outside added, which are not kept, if any of them is new. What no
    /// chain from the root leads to and what cannot be read is skipped: a later version may say it.
    ///
    /// # Errors
    /// [`TrustError::Forged`].
    pub(crate) fn with(&self, statements: &[Vec<u8>]) -> Result<Option<Trust>, TrustError> {
        let is_known = |bytes: &Vec<u8>| self.authority.holds(&StatementId::of(bytes));
        if statements.iter().all(is_known) {
            return Ok(None);
        }
        let mut next = self.clone();
        let added = next.authority.take(statements).map_err(|_| TrustError::Forged)?;
        if added.is_empty() {
            return Ok(None);
        }
        for signed in &added {
            next.number(signed.id(), signed.to_bytes());
        }
        next.follow();
        Ok(Some(next))
    }

    fn number(&mut self, id: StatementId, bytes: Vec<u8>) {
        self.heard = self.heard.saturating_add(1);
        self.log.insert(self.heard, (id, bytes));
    }

    /// What follows from the statements held; those that others have taken the place of go.
    fn follow(&mut self) {
        let authority = &self.authority;
        self.log.retain(|_, (id, _)| authority.holds(id));
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
        if authors != *self.authors {
            self.authors = Arc::new(authors);
        }
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
    /// [`TrustError::NotEntitled`] if the key is no issuer's; [`TrustError::Full`]; store failures.
    pub fn issue(
        &mut self,
        replica: &dyn Documents,
        signer: &SigningKey,
        statement: Statement,
    ) -> Result<(), TrustError> {
        let next = self.saying(signer, statement)?;
        next.save(replica)?;
        *self = next;
        Ok(())
    }

    /// What is known once an issuer has made a statement, which is not kept yet.
    ///
    /// # Errors
    /// As [`Trust::issue`].
    pub(crate) fn saying(&self, signer: &SigningKey, statement: Statement) -> Result<Trust, TrustError> {
        let mut next = self.clone();
        next.say(signer, statement)?;
        Ok(next)
    }

    fn say(&mut self, signer: &SigningKey, statement: Statement) -> Result<(), TrustError> {
        let room = FullRoom::of(NodeId::of(signer) == self.authority.root(), &statement);
        let id = match self.authority.issue(signer, statement) {
            Err(AuthorityError::Full) => return Err(TrustError::Full(room)),
            issued => issued?,
        };
        let said = self.authority.statements().find(|(known, _)| **known == id);
        if let Some(bytes) = said.map(|(_, signed)| signed.to_bytes()) {
            self.number(id, bytes);
        }
        self.follow();
        Ok(())
    }

    /// Whether the network is a demonstration's: it never meets a real one.
    #[must_use]
    pub fn is_demo(&self) -> bool {
        self.authority.issuers().any(|(_, name, _)| name == DEMO_ISSUER)
    }

    /// Whether this key is an issuer's that still counts.
    #[must_use]
    pub fn is_issuer(&self, node: &NodeId) -> bool {
        self.authority.is_issuer(node)
    }

    /// When a member's grant ends, in ms since 1970; 0 where it has none, nothing where it never does.
    #[must_use]
    pub fn grant_ends_ms(&self, node: &NodeId) -> Option<u64> {
        self.authority
            .grant(node)
            .map_or(Some(0), |grant| grant.expires_ms)
    }

    /// When a member joined, by the clock of the issuer that let it in, in ms since 1970: its first grant says so,
    /// which is held for good. Nothing where that grant never ends.
    #[must_use]
    pub fn joined_ms(&self, node: &NodeId) -> Option<u64> {
        let grants = self
            .authority
            .statements()
            .filter_map(|(_, said)| match said.statement() {
                Statement::Grant(grant) if grant.node == *node => Some(grant.expires_ms),
                _ => None,
            });
        let first = grants.min_by_key(|ends_ms| ends_ms.unwrap_or(0))??;
        first.checked_sub(GRANT_MS)
    }

    /// Whether a member's grant runs out within half of its time.
    pub(crate) fn is_renewal_due(&self, node: &NodeId, now_ms: u64) -> bool {
        let end = self.authority.grant(node).and_then(|grant| grant.expires_ms);
        end.is_some_and(|end| end < now_ms.saturating_add(GRANT_MS / 2))
    }

    /// A member's grant runs out within half of its time: an issuer renews it. What is known then, not kept
    /// yet; none where there is nothing to renew.
    ///
    /// # Errors
    /// As [`Trust::issue`].
    pub(crate) fn grant_renew(
        &self,
        signer: &SigningKey,
        node: &NodeId,
        now_ms: u64,
    ) -> Result<Option<Trust>, TrustError> {
        if !self.is_issuer(&NodeId::of(signer)) || self.member(node).is_none() || self.is_revoked(node) {
            return Ok(None);
        }
        let scopes = match self.authority.grant(node) {
            Some(grant) if self.is_renewal_due(node, now_ms) => grant.scopes.clone(),
            _ => return Ok(None),
        };
        let expires_ms = Some(now_ms.saturating_add(GRANT_MS));
        let grant = Grant {
            node: *node,
            scopes,
            expires_ms,
        };
        self.saying(signer, Statement::Grant(grant)).map(Some)
    }
}

/// Of a node's incarnations and their last sequences as many as a revocation may name, those that wrote most:
/// what is not named is listed for review, and no number of names keeps anybody from being revoked.
pub(crate) fn vouched_most(mut incarnations: Vec<(u64, u64)>) -> BTreeMap<u64, u64> {
    incarnations.sort_unstable_by_key(|(incarnation, last)| (std::cmp::Reverse(*last), *incarnation));
    incarnations.into_iter().take(INCARNATIONS_MAX).collect()
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
fn compartments_of(scopes: &Scopes) -> Option<BTreeSet<Compartment>> {
    let mut set = BTreeSet::from([Compartment::Shared]);
    match scopes {
        Scopes::All => return None,
        Scopes::Sites(_) => {}
        Scopes::Panels(patients) => set.extend(patients.iter().cloned().map(Compartment::Patient)),
    }
    Some(set)
}

/// A digest of what a filter admits, for cursors.
pub(crate) fn filter_digest(filter: &ScopeFilter) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("chaski 2026-11 scope digest v1");
    let mut add = |tag: u8, text: &str| {
        hasher.update(&[tag]);
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    match &filter.compartments {
        None => add(b'a', ""),
        Some(compartments) => compartments.iter().for_each(|compartment| match compartment {
            Compartment::Patient(id) => add(b'p', id),
            Compartment::Shared => add(b's', ""),
            Compartment::Unfiled => add(b'u', ""),
        }),
    }
    if let Clearance::Only(classes) = &filter.clearance {
        add(b'o', "");
        classes.iter().for_each(|class| add(b'c', class));
    }
    hasher
        .finalize()
        .as_bytes()
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
