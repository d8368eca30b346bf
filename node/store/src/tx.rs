//! One group of writes in the making: an overlay of plain rows over the engine.
//!
//! Invariants: rows are sealed once, when the group is written; work that is rolled back
//! leaves rows and state as they were before it began. What a row held is kept once a mark:
//! blocks and compartments change with every record, and a copy each would make the group
//! walk through fresh memory all the time.

use std::collections::{HashMap, hash_map::Entry};

use chaski_crdt::key::RecordKey;
use chaski_fhir::compartment::Scope;

use crate::{
    core::Core,
    env::random_array,
    error::StoreError,
    kv::{Batch, Op},
    scope::{ScopeRow, listing, scope_row},
    seal::{Cipher, KeyId, Prf},
    state::State,
};

/// Rows from which a batch is worth a second thread.
const PARALLEL_MIN: usize = 128;

#[derive(Clone)]
struct Slot {
    id: KeyId,
    plain: Option<Vec<u8>>,
    dirty: bool,
    /// The latest mark when it was set: what it held at that mark is noted.
    mark: u32,
}

/// The rows and state of a group not yet written.
pub(crate) struct Tx<'a> {
    pub(crate) core: &'a Core,
    pub(crate) state: State,
    /// Milliseconds given to `meta.lastUpdated` in this group.
    pub(crate) group_ms: u64,
    /// Records put in this group, by whomever, and where they lie: what a condition must look at beside what
    /// was applied.
    pub(crate) written: Vec<(RecordKey, Prf)>,
    /// Of the compartments this group writes to. Others may be forgotten meanwhile, these not.
    ciphers: HashMap<KeyId, Cipher>,
    rows: HashMap<Vec<u8>, Slot>,
    undo: Vec<(Vec<u8>, Option<Slot>)>,
    /// Marks made so far.
    marks: u32,
}

/// A point in a group to which work can be undone.
pub(crate) struct Mark {
    undo: usize,
    written: usize,
    state: State,
}

impl<'a> Tx<'a> {
    /// A group over `core` in `state`.
    pub(crate) fn new(core: &'a Core, state: State) -> Tx<'a> {
        let group_ms = core.env.now_ms().max(state.clock_ms.saturating_add(1));
        Tx {
            core,
            state,
            group_ms,
            written: Vec::new(),
            ciphers: HashMap::new(),
            rows: HashMap::new(),
            undo: Vec::new(),
            marks: 0,
        }
    }

    /// A point to return to.
    pub(crate) fn mark(&mut self) -> Mark {
        self.marks = self.marks.saturating_add(1);
        Mark {
            undo: self.undo.len(),
            written: self.written.len(),
            state: self.state.clone(),
        }
    }

    /// Undoes all since `mark`.
    pub(crate) fn rollback(&mut self, mark: Mark) {
        while self.undo.len() > mark.undo {
            match self.undo.pop() {
                Some((row, Some(slot))) => self.rows.insert(row, slot),
                Some((row, None)) => self.rows.remove(&row),
                None => break,
            };
        }
        self.written.truncate(mark.written);
        self.state = mark.state;
    }

    /// Whether nothing is to be written.
    pub(crate) fn is_clean(&self) -> bool {
        self.rows.values().all(|slot| !slot.dirty)
    }

    /// The plain value of a row as this group sees it.
    pub(crate) fn row(&mut self, row: &[u8]) -> Result<Option<&[u8]>, StoreError> {
        if !self.rows.contains_key(row) {
            let slot = Slot {
                id: KeyId::NODE,
                plain: self.core.row(row)?,
                dirty: false,
                mark: 0,
            };
            self.rows.insert(row.to_vec(), slot);
        }
        Ok(self.rows.get(row).and_then(|slot| slot.plain.as_deref()))
    }

    fn set(&mut self, row: Vec<u8>, id: KeyId, plain: Option<Vec<u8>>) {
        let slot = Slot {
            id,
            plain,
            dirty: true,
            mark: self.marks,
        };
        match self.rows.entry(row) {
            Entry::Occupied(mut held) => {
                let before = held.insert(slot);
                if before.mark < self.marks {
                    self.undo.push((held.key().clone(), Some(before)));
                }
            }
            Entry::Vacant(free) => {
                self.undo.push((free.key().clone(), None));
                free.insert(slot);
            }
        }
    }

    /// Sets a row.
    pub(crate) fn put(&mut self, id: KeyId, row: Vec<u8>, plain: Vec<u8>) {
        self.set(row, id, Some(plain));
    }

    /// Adds to the end of a row.
    pub(crate) fn append(&mut self, id: KeyId, row: Vec<u8>, bytes: &[u8]) -> Result<(), StoreError> {
        if let Some(slot) = self.rows.get_mut(&row)
            && slot.dirty
            && (slot.id, slot.mark) == (id, self.marks)
            && let Some(plain) = &mut slot.plain
        {
            plain.extend_from_slice(bytes);
            return Ok(());
        }
        let mut plain = self.row(&row)?.unwrap_or_default().to_vec();
        plain.extend_from_slice(bytes);
        self.put(id, row, plain);
        Ok(())
    }

    /// Removes a row.
    pub(crate) fn remove(&mut self, row: Vec<u8>) {
        self.set(row, KeyId::NODE, None);
    }

    /// The scope's row, made with a fresh key and listed if it is new.
    pub(crate) fn scope(&mut self, scope: &Scope) -> Result<ScopeRow, StoreError> {
        let (row, id) = scope_row(&self.core.sealer, scope);
        if let Some(plain) = self.row(&row)? {
            let found = ScopeRow::from_bytes(plain)?;
            if !self.ciphers.contains_key(&id) {
                let cipher = match self.core.sealer.cipher(id) {
                    Some(cipher) => cipher,
                    None => {
                        let key = self.core.sealer.unwrap_key(&row, &found.wrapped_key)?;
                        self.core.sealer.learn(id, &zeroize::Zeroizing::new(key))
                    }
                };
                self.ciphers.insert(id, cipher);
            }
            return Ok(found);
        }
        let key = zeroize::Zeroizing::new(random_array::<32>(&*self.core.env));
        let wrapped_key = self.core.sealer.wrap_key(&*self.core.env, &row, &key)?;
        self.ciphers.insert(id, self.core.sealer.learn(id, &key));
        if let Some((row, plain)) = listing(&self.core.sealer, scope) {
            self.put(KeyId::NODE, row, plain);
        }
        Ok(ScopeRow::new(scope.clone(), id, wrapped_key))
    }

    /// Puts a scope's row.
    pub(crate) fn scope_put(&mut self, scope: &ScopeRow) {
        let (row, _) = scope_row(&self.core.sealer, &scope.scope);
        self.put(KeyId::NODE, row, scope.to_bytes());
    }

    /// The next `meta.lastUpdated` of a record whose last one was `before_ms`.
    pub(crate) fn stamp_ms(&mut self, before_ms: u64) -> u64 {
        let ms = self.group_ms.max(before_ms.saturating_add(1));
        self.state.clock_ms = self.state.clock_ms.max(ms);
        ms
    }

    /// The next feed position.
    pub(crate) fn next_seq(&mut self) -> u64 {
        self.state.seq = self.state.seq.saturating_add(1);
        self.state.seq
    }

    /// The batch of all rows changed, sealed; many of them on two threads.
    pub(crate) fn seal(self) -> Result<Batch, StoreError> {
        let (core, ciphers) = (self.core, self.ciphers);
        let mut rows: Vec<(Vec<u8>, Slot)> = self.rows.into_iter().filter(|(_, slot)| slot.dirty).collect();
        // In key order, so that a batch is the same whatever the map's order was.
        rows.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        if rows.len() < PARALLEL_MIN || !core.options.background {
            return Ok(Batch {
                preconditions: Vec::new(),
                ops: sealed(core, &ciphers, rows)?,
            });
        }
        let second = rows.split_off(rows.len() / 2);
        let (first, second) = std::thread::scope(|scope| {
            let second = scope.spawn(|| sealed(core, &ciphers, second));
            (sealed(core, &ciphers, rows), second.join())
        });
        let mut ops = first?;
        ops.extend(second.map_err(|_| StoreError::Damaged("operation"))??);
        Ok(Batch {
            preconditions: Vec::new(),
            ops,
        })
    }
}

fn sealed(
    core: &Core,
    ciphers: &HashMap<KeyId, Cipher>,
    rows: Vec<(Vec<u8>, Slot)>,
) -> Result<Vec<Op>, StoreError> {
    let (sealer, env) = (&core.sealer, &*core.env);
    rows.into_iter()
        .map(|(row, slot)| match slot.plain {
            None => Ok(Op::Remove(row)),
            Some(plain) => {
                let sealed = match ciphers.get(&slot.id) {
                    _ if slot.id == KeyId::NODE => sealer.seal(env, &row, &plain)?,
                    Some(cipher) => sealer.seal_under(cipher, slot.id, env, &row, &plain)?,
                    None => sealer.seal_under(&core.cipher(slot.id)?, slot.id, env, &row, &plain)?,
                };
                Ok(Op::Put(row, sealed))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory_store;

    #[test]
    fn a_mark_keeps_what_a_row_held_however_often_it_changes() {
        let (store, _) = memory_store(1);
        let mut tx = Tx::new(&store.core, store.core.state());
        let (row, other) = (b"Z/row".to_vec(), b"Z/other".to_vec());
        let held = |tx: &mut Tx<'_>| tx.row(b"Z/row").unwrap().map(<[u8]>::to_vec);
        let first = tx.mark();
        tx.put(KeyId::NODE, row.clone(), b"a".to_vec());
        tx.append(KeyId::NODE, row.clone(), b"b").unwrap();
        let second = tx.mark();
        tx.append(KeyId::NODE, row.clone(), b"c").unwrap();
        tx.append(KeyId::NODE, row.clone(), b"d").unwrap();
        tx.put(KeyId::NODE, other.clone(), b"x".to_vec());
        assert_eq!(held(&mut tx), Some(b"abcd".to_vec()));
        tx.rollback(second);
        assert_eq!(held(&mut tx), Some(b"ab".to_vec()));
        assert_eq!(tx.row(&other).unwrap(), None);
        let third = tx.mark();
        tx.remove(row.clone());
        tx.append(KeyId::NODE, row.clone(), b"e").unwrap();
        assert_eq!(held(&mut tx), Some(b"e".to_vec()));
        tx.rollback(third);
        assert_eq!(held(&mut tx), Some(b"ab".to_vec()));
        tx.rollback(first);
        assert_eq!(held(&mut tx), None);
        assert!(tx.is_clean());
    }
}
