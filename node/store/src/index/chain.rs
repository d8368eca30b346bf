//! Which chains there are, which of them a record stands in, and where their blocks lie.
//!
//! Invariants: one chain per kind and scope; Patients stand in chains of the shared compartment,
//! one a set of classes, which are the directory that name searches walk.

use chaski_fhir::{
    compartment::{Compartment, Filing, Scope},
    definitions::is_resource_kind,
};

use crate::{
    scope::{KindTag, scope_prf},
    seal::Sealer,
    tables::Table,
};

/// The first bytes of a kind's chains.
pub(crate) fn kind_tag(sealer: &Sealer, kind: &str) -> KindTag {
    let prf = sealer.prf("kind", &[kind.as_bytes()]);
    prf.first_chunk::<4>().copied().unwrap_or_default()
}

/// One chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Chain {
    pub(crate) kind: KindTag,
    pub(crate) scope: Scope,
}

/// The chains a record stands in. One of a kind that R4 does not know stands in none: nobody can search for it, and
/// a scope has chains for so many kinds only.
pub(crate) fn chains_of(sealer: &Sealer, kind: &str, filing: &Filing) -> Vec<Chain> {
    if !is_resource_kind(kind) {
        return Vec::new();
    }
    let tag = kind_tag(sealer, kind);
    if kind == "Patient" {
        return vec![Chain {
            kind: tag,
            scope: Scope {
                compartment: Compartment::Shared,
                classes: filing.classes.clone(),
            },
        }];
    }
    let chain = |scope| Chain { kind: tag, scope };
    filing.scopes().map(chain).collect()
}

impl Chain {
    /// The first bytes of its blocks' rows.
    pub(super) fn prefix(&self, sealer: &Sealer) -> Vec<u8> {
        let prf = scope_prf(sealer, &self.scope);
        Table::Chain.key(&[&self.kind, prf.get(..12).unwrap_or_default()])
    }

    /// The row of a block.
    pub(super) fn block(prefix: &[u8], number: u32) -> Vec<u8> {
        let mut key = prefix.to_vec();
        key.extend_from_slice(&number.to_be_bytes());
        key
    }
}
