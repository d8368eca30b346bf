//! Which entries or records a query needs to look at: the fewest that hold every match.
//!
//! Invariants: never fewer than that. A record that names a patient in a compartment
//! parameter stands in that patient's chains, because compartments only grow.

use chaski_fhir::{
    compartment::{Compartment, params},
    search::{Alternative, Filter, Modifier, ParamType, Query, sought},
};

use crate::{
    core::Core,
    error::StoreError,
    index::{Chain, Posted, is_hashed, is_posted_kind, kind_tag, lookup, overfull, posting_prefix},
    scope::KindTag,
    scopes::scopes_of,
    seal::Prf,
};

/// Most records that are looked at one by one instead of walking entries.
const RECORDS_MAX: usize = 250;

/// What a search walks.
pub(crate) enum Source {
    /// These records, by id.
    Ids(Vec<String>),
    /// These records, by PRF.
    Records(Vec<Prf>),
    /// The entries of these chains.
    Chains(Vec<Chain>),
    /// All entries of a kind.
    Kind(KindTag),
}

fn ids(filter: &Filter) -> Option<Vec<String>> {
    if filter.param.code != "_id" || filter.modifier != Modifier::None {
        return None;
    }
    let id = |one: &Alternative| match one {
        Alternative::Token {
            system: None,
            code: Some(code),
        } => Some(code.clone()),
        _ => None,
    };
    let mut ids: Vec<String> = filter.any.iter().map(id).collect::<Option<_>>()?;
    ids.sort();
    ids.dedup();
    Some(ids)
}

/// The patients a filter asks for, if their compartments hold every match.
fn patients(kind: &str, filter: &Filter) -> Option<Vec<String>> {
    if filter.param.ptype != ParamType::Reference
        || !places(kind, filter.param.code)
        || filter.modifier != Modifier::None
    {
        return None;
    }
    let patient = |one: &Alternative| match one {
        Alternative::Reference { kinds, id } if *kinds == ["Patient"] => Some(id.clone()),
        _ => None,
    };
    filter.any.iter().map(patient).collect()
}

/// Whether a reference under this parameter places a record in its patient's compartment: under those that R4 lists for
/// the kind, and under the names that it has for whom a record is about, of which it lists one.
fn places(kind: &str, code: &str) -> bool {
    if matches!(code, "patient" | "subject") {
        return true;
    }
    let found = params().binary_search_by(|(own, _)| (*own).cmp(kind));
    let placed = found.ok().and_then(|at| params().get(at));
    placed.is_some_and(|(_, codes)| codes.contains(&code))
}

/// Whether records are posted under what a filter asks for. Under other modifiers it asks for others than those:
/// what is missing, too, stands in no posting.
fn is_posted(filter: &Filter) -> bool {
    match filter.modifier {
        Modifier::None => matches!(
            filter.param.code,
            "identifier" | "link" | "name" | "family" | "given" | "phone" | "email"
        ),
        Modifier::Contains => filter.param.code == sought().code,
        _ => false,
    }
}

/// The key that every record is posted under which an alternative finds.
fn posted_key(filter: &Filter, one: &Alternative) -> Option<String> {
    match one {
        Alternative::Token { .. } | Alternative::Reference { .. } => one.key(&filter.modifier),
        // What is sought begins a word where it begins with a space; else it may stand anywhere in one.
        Alternative::String { folded, .. } if filter.modifier == Modifier::Contains => {
            posting_prefix(folded.strip_prefix(' ')?.trim_end())
        }
        Alternative::String { folded, .. } => posting_prefix(folded),
        _ => None,
    }
}

/// The records posted under every alternative of a filter.
fn posted(core: &Core, kind: &KindTag, filter: &Filter) -> Result<Option<Vec<Prf>>, StoreError> {
    let code = filter.param.code;
    if !is_posted(filter) || !is_hashed(code) {
        return Ok(None);
    }
    let Posted::Records(mut found) = lookup(core, kind, &overfull(&core.sealer))? else {
        return Ok(None);
    };
    for one in &filter.any {
        let Some(key) = posted_key(filter, one) else {
            return Ok(None);
        };
        match lookup(core, kind, &core.sealer.token(code, &key))? {
            Posted::Records(records) => found.extend(records),
            Posted::Common => return Ok(None),
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(Some(found))
}

impl Source {
    /// The narrowest source of a query.
    pub(crate) fn of(core: &Core, query: &Query) -> Result<Source, StoreError> {
        let kind = kind_tag(&core.sealer, &query.kind);
        let nothing = |filter: &Filter| {
            filter.any.is_empty() && !matches!(filter.modifier, Modifier::Missing(_) | Modifier::Not)
        };
        if query.filters.iter().any(nothing) {
            return Ok(Source::Ids(Vec::new()));
        }
        if let Some(ids) = query.filters.iter().find_map(ids) {
            return Ok(Source::Ids(ids));
        }
        // A Patient stands in the chains of all, whomever it is linked with.
        let named = |filter| patients(&query.kind, filter);
        if query.kind != "Patient"
            && let Some(mut patients) = query.filters.iter().find_map(named)
        {
            patients.sort();
            patients.dedup();
            let mut chains = Vec::with_capacity(patients.len());
            for id in patients {
                let scopes = scopes_of(core, &Compartment::Patient(id))?;
                chains.extend(scopes.into_iter().map(|scope| Chain { kind, scope }));
            }
            return Ok(Source::Chains(chains));
        }
        if is_posted_kind(&query.kind) {
            let mut best: Option<Vec<Prf>> = None;
            for filter in &query.filters {
                if let Some(records) = posted(core, &kind, filter)?
                    && best.as_ref().is_none_or(|best| records.len() < best.len())
                {
                    best = Some(records);
                }
            }
            if let Some(records) = best.filter(|records| records.len() <= RECORDS_MAX) {
                return Ok(Source::Records(records));
            }
        }
        Ok(Source::Kind(kind))
    }
}
