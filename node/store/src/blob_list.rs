//! The list of documents: which there are, and in which writing.
//!
//! Rows are sealed one by one, so a document that somebody who holds the disk puts back to what it once
//! was opens like any other. Each writing of a document therefore draws a number, its generation, which
//! stands in its row and in this list; each writing of a part of the list stands in the list's head, and
//! that of the head in the state row, which a closing names.
//!
//! Shape: META documents → generation u64 ‖ that of each of the 256 parts u64, 0 for an empty one.
//! BLOB_LIST part u8 ‖ chunk → `prf(name) ‖ generation u64` of each document whose prf begins with that
//! byte, in order.
//!
//! Invariants: it changes in the transaction that changes the document; a reading costs two rows more,
//! however many documents there are; what the list does not say is damage, and is not given out.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use crate::{
    chunk,
    codec::{Dec, Enc},
    core::Core,
    error::StoreError,
    seal::{KeyId, Prf},
    tables::{Table, meta},
    tx::Tx,
};

const PARTS: usize = 256;

/// The generation of nothing.
const NONE: u64 = 0;

/// What the parts of the list are.
#[derive(Clone)]
struct Head {
    generation: u64,
    parts: Vec<u64>,
}

/// Documents of one part, by the prf of their names.
type Part = BTreeMap<Prf, u64>;

fn damaged() -> StoreError {
    StoreError::Damaged(Table::BlobList.name())
}

fn head_row() -> Vec<u8> {
    Table::Meta.key(&[meta::DOCUMENTS])
}

fn part_prefix(part: u8) -> Vec<u8> {
    Table::BlobList.key(&[&[part]])
}

impl Head {
    fn empty() -> Head {
        Head {
            generation: NONE,
            parts: vec![NONE; PARTS],
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut enc = Enc::new();
        enc.raw(&self.generation.to_be_bytes());
        for part in &self.parts {
            enc.raw(&part.to_be_bytes());
        }
        enc.out
    }

    fn decode(plain: Option<&[u8]>) -> Result<Head, StoreError> {
        let Some(plain) = plain else {
            return Ok(Head::empty());
        };
        let mut dec = Dec::new(plain, Table::BlobList.name());
        let mut number = || Ok::<_, StoreError>(u64::from_be_bytes(dec.array()?));
        let generation = number()?;
        let parts = (0..PARTS).map(|_| number()).collect::<Result<_, _>>()?;
        Ok(Head { generation, parts })
    }

    fn of(&self, part: u8) -> u64 {
        self.parts.get(usize::from(part)).copied().unwrap_or(NONE)
    }
}

fn encode(part: &Part) -> Vec<u8> {
    let mut enc = Enc::new();
    for (prf, generation) in part {
        enc.raw(prf).raw(&generation.to_be_bytes());
    }
    enc.out
}

/// A part of which the head says it has `generation`.
fn decode(found: Option<chunk::Head>, generation: u64) -> Result<Part, StoreError> {
    let Some(found) = found else {
        return match generation {
            NONE => Ok(Part::new()),
            _ => Err(damaged()),
        };
    };
    if found.generation != generation {
        return Err(damaged());
    }
    let mut part = Part::new();
    for entry in found.bytes.chunks(24) {
        let mut dec = Dec::new(entry, Table::BlobList.name());
        part.insert(dec.array()?, u64::from_be_bytes(dec.array()?));
    }
    Ok(part)
}

fn head_tx(tx: &mut Tx<'_>) -> Result<Head, StoreError> {
    let head = Head::decode(tx.row(&head_row())?)?;
    match head.generation == tx.state.documents {
        true => Ok(head),
        false => Err(damaged()),
    }
}

/// The generation of a document as the group sees it; 0 if there is none.
pub(crate) fn generation_tx(tx: &mut Tx<'_>, prf: &Prf) -> Result<u64, StoreError> {
    let generation = head_tx(tx)?.of(prf[0]);
    let found = chunk::read_whole_tx(tx, &part_prefix(prf[0]))?;
    Ok(decode(found, generation)?.get(prf).copied().unwrap_or(NONE))
}

/// Notes that a document was written in `generation`, or removed.
pub(crate) fn set(tx: &mut Tx<'_>, prf: &Prf, generation: u64, is_there: bool) -> Result<(), StoreError> {
    let mut head = head_tx(tx)?;
    let prefix = part_prefix(prf[0]);
    let found = chunk::read_whole_tx(tx, &prefix)?;
    let pieces = found.as_ref().map_or(0, |found| found.count);
    let mut part = decode(found, head.of(prf[0]))?;
    match is_there {
        true => drop(part.insert(*prf, generation)),
        false if part.remove(prf).is_none() => return Ok(()),
        false => {}
    }
    let of_part = if part.is_empty() { NONE } else { generation };
    match part.is_empty() {
        true => chunk::remove(tx, &prefix, pieces),
        false => chunk::put(tx, KeyId::NODE, &prefix, generation, &encode(&part), pieces)?,
    }
    if let Some(place) = head.parts.get_mut(usize::from(prf[0])) {
        *place = of_part;
    }
    head.generation = generation;
    tx.put(KeyId::NODE, head_row(), head.encode());
    tx.state.documents = generation;
    Ok(())
}

/// The list's head, if it is the one last written.
fn head(core: &Core) -> Result<Head, StoreError> {
    let head = Head::decode(core.row(&head_row())?.as_deref())?;
    // A batch that is applied shows before it is durable.
    let applied = core.documents.load(Ordering::Acquire);
    match [applied, core.state().documents].contains(&head.generation) {
        true => Ok(head),
        false => Err(damaged()),
    }
}

fn part(core: &Core, head: &Head, number: u8) -> Result<Part, StoreError> {
    decode(chunk::read_whole(core, &part_prefix(number))?, head.of(number))
}

/// The generation of a document as last applied; 0 if there is none. While a batch is being applied it
/// may say damage where there is none: see [`super::blob`].
pub(crate) fn generation(core: &Core, prf: &Prf) -> Result<u64, StoreError> {
    let head = head(core)?;
    Ok(part(core, &head, prf[0])?.get(prf).copied().unwrap_or(NONE))
}

/// All documents that there are, each with its generation; of a part that is not the one last written,
/// damage. As [`generation`].
pub(crate) fn parts(core: &Core) -> Result<Vec<Result<Part, StoreError>>, StoreError> {
    let head = head(core)?;
    let mut all = Vec::new();
    for number in 0..=u8::MAX {
        match part(core, &head, number) {
            Err(error @ StoreError::Storage(_)) => return Err(error),
            found => all.push(found),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory_store;

    #[test]
    fn a_part_of_many_pieces_says_of_each_document_what_was_set_last() {
        let (store, _) = memory_store(1);
        let prf = |n: u16| {
            let mut prf = [0x33; 16];
            prf[14..].copy_from_slice(&n.to_be_bytes());
            prf
        };
        const COUNT: u16 = 600;
        for round in 1..=3_u64 {
            let work = move |tx: &mut Tx<'_>| {
                for n in 0..COUNT {
                    let is_there = round < 3 || n % 100 == 0;
                    set(tx, &prf(n), round * 1_000 + u64::from(n), is_there)?;
                }
                // What is not there is removed without a trace.
                let before = tx.state.documents;
                set(tx, &prf(COUNT), 5, false)?;
                assert_eq!(tx.state.documents, before);
                Ok::<_, StoreError>(())
            };
            store.core.transact(1, work).unwrap();
            let all = parts(&store.core).unwrap();
            let listed: usize = all.iter().map(|part| part.as_ref().unwrap().len()).sum();
            assert_eq!(listed, if round < 3 { usize::from(COUNT) } else { 6 });
            for n in 0..COUNT {
                let wanted = match round < 3 || n % 100 == 0 {
                    true => round * 1_000 + u64::from(n),
                    false => NONE,
                };
                assert_eq!(generation(&store.core, &prf(n)).unwrap(), wanted);
            }
        }
    }
}
