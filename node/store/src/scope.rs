//! Scopes: one row each with its key, its fingerprint and its index chains.
//!
//! Shape: SCOPE prf(scope) → `1 ‖ scope ‖ key id 8 ‖ wrapped key ‖ fingerprint 40 ‖
//! chains (prf4(kind), last block)`; sealed under the node's key.
//! CLASSES prf(compartment) ‖ prf(classes) → `1 ‖ classes`: one row a scope of the compartment whose set of
//! classes is not empty. Most compartments have none.
//!
//! Invariants: a key id is the first eight bytes of the row's PRF, so a sealed value
//! leads back to its key; the row changes only in the batch that changes its records; a set of classes is
//! listed in the batch that makes its scope, and never leaves the list.

use chaski_crdt::fingerprint::{Fingerprint, RecordValue};
use chaski_fhir::{
    compartment::{Compartment, Scope},
    label::Classes,
};

use crate::{
    codec::{Dec, Enc},
    error::StoreError,
    seal::{KeyId, Prf, Sealer},
    tables::Table,
};

/// Most index chains (record kinds) in one scope.
const CHAINS_MAX: usize = 400;

/// First four bytes of a kind's PRF.
pub(crate) type KindTag = [u8; 4];

/// A scope's row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScopeRow {
    pub(crate) scope: Scope,
    pub(crate) id: KeyId,
    pub(crate) wrapped_key: Vec<u8>,
    pub(crate) fingerprint: Fingerprint,
    /// Last block of each kind's chain.
    pub(crate) chains: Vec<(KindTag, u32)>,
}

/// The row of a scope and the id of its key.
pub(crate) fn scope_row(sealer: &Sealer, scope: &Scope) -> (Vec<u8>, KeyId) {
    let prf = scope_prf(sealer, scope);
    let mut id = [0; 8];
    id.copy_from_slice(prf.first_chunk::<8>().unwrap_or(&[0; 8]));
    (Table::Scope.key(&[&prf]), KeyId(id))
}

/// The PRF of a scope.
pub(crate) fn scope_prf(sealer: &Sealer, scope: &Scope) -> Prf {
    let (kind, id) = parts_of(&scope.compartment);
    let classes = scope.classes.iter().map(|class| class.as_bytes());
    let parts: Vec<&[u8]> = [kind, id].into_iter().chain(classes).collect();
    sealer.prf("scope", &parts)
}

fn parts_of(compartment: &Compartment) -> (&[u8], &[u8]) {
    match compartment {
        Compartment::Patient(id) => (b"patient", id.as_bytes()),
        Compartment::Shared => (b"shared", b""),
        Compartment::Unfiled => (b"unfiled", b""),
    }
}

/// The row that lists a scope, and what all of its compartment's begin with.
pub(crate) fn listed_row(sealer: &Sealer, compartment: &Compartment, classes: Option<&Classes>) -> Vec<u8> {
    let (kind, id) = parts_of(compartment);
    let compartment = sealer.prf("scopes", &[kind, id]);
    let set = classes.map(|classes| {
        let codes: Vec<&[u8]> = classes.iter().map(|class| class.as_bytes()).collect();
        sealer.prf("classes", &codes)
    });
    Table::Classes.key(&[&compartment, set.as_ref().map_or(&[][..], |set| set)])
}

/// The set of classes that a row lists.
pub(crate) fn listed(bytes: &[u8]) -> Result<Classes, StoreError> {
    let mut dec = Dec::new(bytes, "list of classes");
    dec.form(1)?;
    dec.classes()
}

/// The row that lists a scope with its compartment, and what it says; none for the scope of what is not labelled.
pub(crate) fn listing(sealer: &Sealer, scope: &Scope) -> Option<(Vec<u8>, Vec<u8>)> {
    if scope.classes.is_empty() {
        return None;
    }
    let row = listed_row(sealer, &scope.compartment, Some(&scope.classes));
    let mut enc = Enc::new();
    enc.u8(1).classes(&scope.classes);
    Some((row, enc.out))
}

impl ScopeRow {
    pub(crate) fn new(scope: Scope, id: KeyId, wrapped_key: Vec<u8>) -> ScopeRow {
        ScopeRow {
            scope,
            id,
            wrapped_key,
            fingerprint: Fingerprint::EMPTY,
            chains: Vec::new(),
        }
    }

    pub(crate) fn replace(&mut self, before: Option<&RecordValue>, after: Option<&RecordValue>) {
        self.fingerprint.replace(before, after);
    }

    /// The last block of a kind's chain, if it has one.
    pub(crate) fn chain(&self, kind: KindTag) -> Option<u32> {
        self.chains
            .iter()
            .find(|(tag, _)| *tag == kind)
            .map(|(_, last)| *last)
    }

    /// Notes the last block of a kind's chain.
    pub(crate) fn chain_set(&mut self, kind: KindTag, last: u32) -> Result<(), StoreError> {
        let count = self.chains.len();
        match self.chains.iter_mut().find(|(tag, _)| *tag == kind) {
            Some(chain) => chain.1 = last,
            None if count >= CHAINS_MAX => return Err(StoreError::TooLarge("the number of record kinds")),
            None => self.chains.push((kind, last)),
        }
        Ok(())
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut enc = Enc::new();
        enc.u8(1)
            .scope(&self.scope)
            .raw(&self.id.0)
            .bytes(&self.wrapped_key);
        enc.raw(&self.fingerprint.to_bytes())
            .varint(self.chains.len() as u64);
        for (tag, last) in &self.chains {
            enc.raw(tag).varint(u64::from(*last));
        }
        enc.out
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<ScopeRow, StoreError> {
        let mut dec = Dec::new(bytes, "compartment");
        dec.form(1)?;
        let scope = dec.scope()?;
        let id = KeyId(dec.array()?);
        let wrapped_key = dec.bytes()?.to_vec();
        let fingerprint = Fingerprint::from_bytes(&dec.array()?);
        let count = dec.count()?;
        let chains = (0..count)
            .map(|_| {
                Ok((
                    dec.array()?,
                    u32::try_from(dec.varint()?).map_err(|_| dec.damaged())?,
                ))
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(ScopeRow {
            scope,
            id,
            wrapped_key,
            fingerprint,
            chains,
        })
    }
}
