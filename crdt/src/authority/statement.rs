//! The statements, each with its signature, and their one encoding.
//!
//! Encoding of a signed statement, version 2: signer (32 bytes), serial and
//! Lamport time (LEB128 each), kind (1 byte), body length (LEB128), body
//! (postcard of the kind's struct), signature (64 bytes). The signature is over
//! a domain tag, the network and all before the signature.

use super::bounds::{INCARNATIONS_MAX, LISTED_MAX, NAME_BYTES_MAX, STATEMENT_BYTES_MAX};
use crate::author::{NetworkId, NodeId, SIGNATURE_BYTES};
use crate::change::reader::Reader;
use crate::change::{ChunkError, put_unsigned};
use ed25519_dalek::{Signature, Signer, SigningKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use thiserror::Error;

const DOMAIN: &[u8] = b"chaski/authority/2\0";

const KIND_ROOT_SUCCESSOR: u8 = 1;
const KIND_ISSUER: u8 = 2;
const KIND_ISSUER_REVOCATION: u8 = 3;
const KIND_MEMBER: u8 = 4;
const KIND_GRANT: u8 = 5;
const KIND_REVOCATION: u8 = 6;

/// SHA-256 of a statement's encoding, signature included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StatementId(pub [u8; 32]);

impl StatementId {
    /// Of an encoding.
    pub fn of(bytes: &[u8]) -> StatementId {
        StatementId(Sha256::digest(bytes).into())
    }
}

/// Where a statement stands among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// Its number among its signer's: what a cut of the signer goes by.
    pub serial: u64,
    /// Lamport time: greater than that of every statement it takes the place of, whoever
    /// signed that. No number of one signer's moves another's.
    pub lamport: u64,
}

impl From<u64> for Order {
    /// Both alike.
    fn from(number: u64) -> Order {
        Order {
            serial: number,
            lamport: number,
        }
    }
}

/// What a node is in its network. Text form: `clinic`, `mobile`, `hub` or
/// whatever a later version has added.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeRole {
    /// A clinic's own node.
    Clinic,
    /// A mobile team's node.
    Mobile,
    /// A hub that relays and aggregates.
    Hub,
    /// A role this version does not know; carried on.
    Other(String),
}

impl NodeRole {
    /// The text form.
    pub fn as_str(&self) -> &str {
        match self {
            NodeRole::Clinic => "clinic",
            NodeRole::Mobile => "mobile",
            NodeRole::Hub => "hub",
            NodeRole::Other(other) => other,
        }
    }
}

impl From<&str> for NodeRole {
    fn from(text: &str) -> NodeRole {
        match text {
            "clinic" => NodeRole::Clinic,
            "mobile" => NodeRole::Mobile,
            "hub" => NodeRole::Hub,
            other => NodeRole::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for NodeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for NodeRole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for NodeRole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<NodeRole, D::Error> {
        Ok(NodeRole::from(String::deserialize(deserializer)?.as_str()))
    }
}

/// What an issuer may certify. `None` is any.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Roles it may give.
    pub roles: Option<BTreeSet<NodeRole>>,
    /// Sites it may give.
    pub sites: Option<BTreeSet<String>>,
}

impl Limits {
    /// Whether a member of this role and site is within the limits.
    pub fn allow(&self, role: &NodeRole, site: &str) -> bool {
        self.roles.as_ref().is_none_or(|roles| roles.contains(role))
            && self.sites.as_ref().is_none_or(|sites| sites.contains(site))
    }

    /// Whether an issuer with these limits may grant these scopes.
    pub fn allow_scopes(&self, scopes: &Scopes) -> bool {
        match (&self.sites, scopes) {
            (None, _) => true,
            (Some(allowed), Scopes::Sites(sites)) => sites.is_subset(allowed),
            (Some(_), Scopes::All | Scopes::Panels(_)) => false,
        }
    }

    /// Whether all that other limits allow is within these.
    pub fn covers(&self, other: &Limits) -> bool {
        fn all<T: Ord>(own: &Option<BTreeSet<T>>, other: &Option<BTreeSet<T>>) -> bool {
            match (own, other) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(own), Some(other)) => other.is_subset(own),
            }
        }
        all(&self.roles, &other.roles) && all(&self.sites, &other.sites)
    }

    /// What either of two allows, taken per role set and site set.
    pub(super) fn widen(&mut self, other: &Limits) {
        fn union<T: Ord + Clone>(into: &mut Option<BTreeSet<T>>, other: &Option<BTreeSet<T>>) {
            match (into.as_mut(), other) {
                (Some(into), Some(other)) => into.extend(other.iter().cloned()),
                _ => *into = None,
            }
        }
        union(&mut self.roles, &other.roles);
        union(&mut self.sites, &other.sites);
    }
}

/// By the root: another key takes its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootSuccessor {
    /// The new root key.
    pub next: NodeId,
    /// The last serial of the old root that still counts.
    pub last_serial: u64,
}

/// By the root: this key may certify members, within limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// The issuer's key.
    pub node: NodeId,
    /// For people.
    pub name: String,
    /// What it may certify.
    pub limits: Limits,
}

/// By the root: this key may no longer certify anyone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerRevocation {
    /// The issuer's key.
    pub node: NodeId,
    /// The last serial of the issuer that still counts.
    pub last_serial: u64,
}

/// By an issuer: this key is a member. No dates; the one with the greatest
/// Lamport time counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The member's key.
    pub node: NodeId,
    /// For people.
    pub name: String,
    /// What it is.
    pub role: NodeRole,
    /// The site's code; may be empty.
    pub site: String,
}

/// Which compartments may flow to a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scopes {
    /// Everything.
    All,
    /// The patients of these sites, and shared records.
    Sites(BTreeSet<String>),
    /// The patients of these panels, and shared records.
    Panels(BTreeSet<String>),
}

/// By an issuer: what may flow to a member, until when. The one with the
/// greatest Lamport time counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The member's key.
    pub node: NodeId,
    /// What may flow.
    pub scopes: Scopes,
    /// End, in Unix milliseconds by the clock of whoever checks a session.
    /// `None` never ends.
    pub expires_ms: Option<u64>,
}

impl Grant {
    /// Whether it has ended at this time.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_ms.is_some_and(|expires| expires <= now_ms)
    }
}

/// By an issuer: this key is a member no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The member's key.
    pub node: NodeId,
    /// Last vouched author sequence of each incarnation; one that is not named
    /// is not vouched for at all.
    pub vouched: BTreeMap<u64, u64>,
    /// For people: lost, stolen, retired.
    pub reason: String,
}

/// What a statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// See [`RootSuccessor`].
    RootSuccessor(RootSuccessor),
    /// See [`Issuer`].
    Issuer(Issuer),
    /// See [`IssuerRevocation`].
    IssuerRevocation(IssuerRevocation),
    /// See [`Member`].
    Member(Member),
    /// See [`Grant`].
    Grant(Grant),
    /// See [`Revocation`].
    Revocation(Revocation),
    /// A kind this version does not know: carried, without effect.
    Unknown(u8),
}

/// Why bytes are no statement of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StatementError {
    /// The bytes end early, go on too long, or hold malformed integers.
    #[error("the statement is malformed")]
    Malformed,
    /// A body, name or list above its bound.
    #[error("the statement is larger than allowed")]
    TooLarge,
    /// The signature is not the signer's, or is for another network.
    #[error("the statement's signature does not belong to its signer and this network")]
    Signature,
}

impl From<ChunkError> for StatementError {
    fn from(_: ChunkError) -> StatementError {
        StatementError::Malformed
    }
}

/// A statement whose signature has been checked for one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStatement {
    signer: NodeId,
    order: Order,
    kind: u8,
    body: Vec<u8>,
    signature: [u8; SIGNATURE_BYTES],
    statement: Statement,
}

impl SignedStatement {
    /// Signs a statement.
    ///
    /// # Errors
    /// [`StatementError::TooLarge`] above the bounds; [`StatementError::Malformed`]
    /// for [`Statement::Unknown`], which nobody signs.
    pub fn sign(
        network: &NetworkId,
        signer: &SigningKey,
        order: impl Into<Order>,
        statement: Statement,
    ) -> Result<SignedStatement, StatementError> {
        let order = order.into();
        check_bounds(&statement)?;
        let (kind, body) = encode_body(&statement)?;
        if body.len() > STATEMENT_BYTES_MAX {
            return Err(StatementError::TooLarge);
        }
        let node = NodeId::of(signer);
        let signature = signer
            .sign(&signed_bytes(network, &node, order, kind, &body))
            .to_bytes();
        Ok(SignedStatement {
            signer: node,
            order,
            kind,
            body,
            signature,
            statement,
        })
    }

    /// Who signed it.
    pub fn signer(&self) -> &NodeId {
        &self.signer
    }

    /// Its place among its signer's statements.
    pub fn serial(&self) -> u64 {
        self.order.serial
    }

    /// Its place among the statements about the same node.
    pub fn lamport(&self) -> u64 {
        self.order.lamport
    }

    /// Length of its encoding, in bytes.
    pub fn bytes_len(&self) -> usize {
        head(&self.signer, self.order, self.kind, &self.body)
            .len()
            .saturating_add(SIGNATURE_BYTES)
    }

    /// Who an encoding says has signed it: cheap, and not checked.
    pub fn claimed_signer(bytes: &[u8]) -> Option<NodeId> {
        bytes.first_chunk().map(|signer| NodeId(*signer))
    }

    /// What it says.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Its identifier.
    pub fn id(&self) -> StatementId {
        StatementId::of(&self.to_bytes())
    }

    /// The encoding; see the module's head.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = head(&self.signer, self.order, self.kind, &self.body);
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// Reads one statement and checks its signature.
    ///
    /// # Errors
    /// [`StatementError`]
    pub fn from_bytes(network: &NetworkId, bytes: &[u8]) -> Result<SignedStatement, StatementError> {
        let mut reader = Reader::new(bytes);
        let statement = SignedStatement::read(network, &mut reader)?;
        if reader.is_empty() {
            Ok(statement)
        } else {
            Err(StatementError::Malformed)
        }
    }

    pub(super) fn read(
        network: &NetworkId,
        reader: &mut Reader<'_>,
    ) -> Result<SignedStatement, StatementError> {
        let signer = NodeId(reader.array()?);
        let order = Order {
            serial: reader.unsigned()?,
            lamport: reader.unsigned()?,
        };
        let kind = reader.byte()?;
        let body_bytes = reader.unsigned()?;
        if usize::try_from(body_bytes).map_or(true, |bytes| bytes > STATEMENT_BYTES_MAX) {
            return Err(StatementError::TooLarge);
        }
        let body = reader.take(body_bytes)?.to_vec();
        let signature = reader.array::<SIGNATURE_BYTES>()?;
        signer
            .verifying_key()
            .ok_or(StatementError::Signature)?
            .verify_strict(
                &signed_bytes(network, &signer, order, kind, &body),
                &Signature::from_bytes(&signature),
            )
            .map_err(|_| StatementError::Signature)?;
        let statement = decode_body(kind, &body)?;
        check_bounds(&statement)?;
        Ok(SignedStatement {
            signer,
            order,
            kind,
            body,
            signature,
            statement,
        })
    }
}

fn head(signer: &NodeId, order: Order, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len().saturating_add(128));
    bytes.extend_from_slice(&signer.0);
    put_unsigned(&mut bytes, order.serial);
    put_unsigned(&mut bytes, order.lamport);
    bytes.push(kind);
    put_unsigned(&mut bytes, u64::try_from(body.len()).unwrap_or(u64::MAX));
    bytes.extend_from_slice(body);
    bytes
}

fn signed_bytes(network: &NetworkId, signer: &NodeId, order: Order, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = DOMAIN.to_vec();
    bytes.extend_from_slice(&network.0);
    bytes.extend(head(signer, order, kind, body));
    bytes
}

fn encode_body(statement: &Statement) -> Result<(u8, Vec<u8>), StatementError> {
    let encoded = match statement {
        Statement::RootSuccessor(body) => (KIND_ROOT_SUCCESSOR, postcard::to_stdvec(body)),
        Statement::Issuer(body) => (KIND_ISSUER, postcard::to_stdvec(body)),
        Statement::IssuerRevocation(body) => (KIND_ISSUER_REVOCATION, postcard::to_stdvec(body)),
        Statement::Member(body) => (KIND_MEMBER, postcard::to_stdvec(body)),
        Statement::Grant(body) => (KIND_GRANT, postcard::to_stdvec(body)),
        Statement::Revocation(body) => (KIND_REVOCATION, postcard::to_stdvec(body)),
        Statement::Unknown(_) => return Err(StatementError::Malformed),
    };
    let (kind, body) = encoded;
    body.map(|body| (kind, body))
        .map_err(|_| StatementError::Malformed)
}

fn decode_body(kind: u8, body: &[u8]) -> Result<Statement, StatementError> {
    fn whole<T: DeserializeOwned>(body: &[u8]) -> Result<T, StatementError> {
        match postcard::take_from_bytes(body) {
            Ok((value, [])) => Ok(value),
            _ => Err(StatementError::Malformed),
        }
    }
    Ok(match kind {
        KIND_ROOT_SUCCESSOR => Statement::RootSuccessor(whole(body)?),
        KIND_ISSUER => Statement::Issuer(whole(body)?),
        KIND_ISSUER_REVOCATION => Statement::IssuerRevocation(whole(body)?),
        KIND_MEMBER => Statement::Member(whole(body)?),
        KIND_GRANT => Statement::Grant(whole(body)?),
        KIND_REVOCATION => Statement::Revocation(whole(body)?),
        other => Statement::Unknown(other),
    })
}

fn check_bounds(statement: &Statement) -> Result<(), StatementError> {
    let name_ok = |name: &str| name.len() <= NAME_BYTES_MAX;
    let names_ok = |names: &BTreeSet<String>| names.len() <= LISTED_MAX && names.iter().all(|n| name_ok(n));
    let within = match statement {
        Statement::Issuer(issuer) => {
            let roles_ok = issuer.limits.roles.as_ref().is_none_or(|roles| {
                roles.len() <= LISTED_MAX && roles.iter().all(|role| name_ok(role.as_str()))
            });
            name_ok(&issuer.name) && roles_ok && issuer.limits.sites.as_ref().is_none_or(names_ok)
        }
        Statement::Member(member) => {
            name_ok(&member.name) && name_ok(member.role.as_str()) && name_ok(&member.site)
        }
        Statement::Grant(grant) => match &grant.scopes {
            Scopes::All => true,
            Scopes::Sites(names) | Scopes::Panels(names) => names_ok(names),
        },
        Statement::Revocation(revocation) => {
            revocation.vouched.len() <= INCARNATIONS_MAX && name_ok(&revocation.reason)
        }
        Statement::RootSuccessor(_) | Statement::IssuerRevocation(_) | Statement::Unknown(_) => true,
    };
    if within {
        Ok(())
    } else {
        Err(StatementError::TooLarge)
    }
}
