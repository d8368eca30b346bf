//! Reading records, versions, histories and conflicts.
//!
//! Invariants: what goes out carries the safer reading and says when it is in conflict;
//! a deleted record is told from one that never was.

use std::collections::{BTreeMap, BTreeSet};

use chaski_crdt::{
    author::SignedChange,
    change::{ChangeHash, Chunk},
    fingerprint::Fingerprint,
    key::RecordKey,
    said::is_label_only,
    version::VersionId,
};
use chaski_fhir::{
    compartment::{Compartment, Filing},
    label::{Classes, Clearance},
};
use chaski_json::Json;

use crate::{
    codec::Dec,
    collision,
    context::Context,
    error::{SearchError, StoreError},
    feed,
    filed::classes_said,
    fingerprint, history,
    kv::KeyRange,
    lineage::{self, Chosen},
    loaded::load,
    present, row,
    search::{self, Admits},
    store::Store,
    tables::Table,
    types::{
        Authored, AuthoredBy, ConflictEntry, Current, FeedEntry, HistoryEntry, HistoryOf, Page, ScopeFilter,
        SearchPage, Which,
    },
};

impl Store {
    /// A record as it is now; deleted ones say so. Of several that began under this key for different patients, the
    /// one that is not deleted; if several are not, the plain one (a patient who names nobody but himself, what all
    /// share and names no patient), or one that says that the key is ambiguous.
    ///
    /// # Errors
    /// The store's.
    pub fn read(&self, ctx: &Context, key: &RecordKey) -> Result<Option<Current>, StoreError> {
        self.read_admitted(ctx, key, &Which::Key, &|_| true)
    }

    /// As [`Store::read`], of the records that `admits` lets through, and that are meant.
    ///
    /// # Errors
    /// The store's.
    pub fn read_admitted(
        &self,
        _ctx: &Context,
        key: &RecordKey,
        which: &Which<'_>,
        admits: Admits<'_>,
    ) -> Result<Option<Current>, StoreError> {
        let mut heads = lineage::heads(&self.core, key)?;
        if heads.len() > 1 {
            heads = self.meant(key, which, heads)?;
        }
        heads.retain(|head| admits(&head.filing.classes));
        match lineage::chosen(heads, |head| head) {
            Chosen::Nothing => Ok(None),
            Chosen::One(head) => present::current(head).map(Some),
            Chosen::Several(mut heads) => {
                let plain = lineage::plain(&self.core, &heads)?;
                Ok(Some(Current {
                    is_ambiguous: plain.is_none(),
                    ..present::current(heads.swap_remove(plain.unwrap_or(0)))?
                }))
            }
        }
    }

    /// Those of several records of a key that are meant.
    fn meant(
        &self,
        key: &RecordKey,
        which: &Which<'_>,
        mut heads: Vec<row::RowHead>,
    ) -> Result<Vec<row::RowHead>, StoreError> {
        match which {
            Which::Key => {}
            Which::Patient(id) => {
                let patient = Compartment::Patient((*id).to_owned());
                heads.retain(|head| head.filing.compartments.contains(&patient));
            }
            Which::Version(version) => {
                let mut rows = lineage::rows(&self.core, key)?;
                if let Some(at) = lineage::at_version(&rows, version)? {
                    return Ok(vec![rows.swap_remove(at).head]);
                }
            }
        }
        Ok(heads)
    }

    /// The records of a key that are not deleted (one, as a rule) as `export` writes them: the same on every node
    /// that holds the same changes; and the classes that each has been labelled with.
    ///
    /// # Errors
    /// The store's.
    pub fn raw(&self, key: &RecordKey) -> Result<Vec<(Json, Classes)>, StoreError> {
        let heads = lineage::heads(&self.core, key)?.into_iter();
        let mut all = heads
            .filter(|head| !head.deleted)
            .map(|head| Ok((raw(&head)?, head.filing.classes)))
            .collect::<Result<Vec<(Json, Classes)>, StoreError>>()?;
        if all.len() > 1 {
            // In an order that is the same on every node too.
            all.sort_by_cached_key(|(json, _)| json.canonical());
        }
        Ok(all)
    }

    /// The keys of all records that are not deleted, sorted.
    ///
    /// # Errors
    /// The store's.
    pub fn keys(&self) -> Result<Vec<RecordKey>, StoreError> {
        let mut deleted = BTreeMap::new();
        feed::each(&self.core, &mut |_, moment| {
            deleted.insert((moment.key, moment.beside), moment.deleted);
            Ok(())
        })?;
        let kept = deleted.into_iter().filter(|(_, deleted)| !deleted);
        let mut keys: Vec<RecordKey> = kept.map(|((key, _), _)| key).collect();
        keys.dedup();
        Ok(keys)
    }

    /// A version of a record; `None` if this node does not have it.
    ///
    /// # Errors
    /// The store's.
    pub fn read_version(
        &self,
        _ctx: &Context,
        key: &RecordKey,
        version: &VersionId,
    ) -> Result<Option<Current>, StoreError> {
        let mut rows = lineage::rows(&self.core, key)?;
        let Some(row) = lineage::at_version(&rows, version)?.map(|at| rows.swap_remove(at)) else {
            return Ok(None);
        };
        if row.head.version() == *version {
            return present::current(row.head).map(Some);
        }
        let past = row
            .tail
            .past
            .iter()
            .rev()
            .find(|past| VersionId::of(&past.heads) == *version)
            .cloned();
        let classes = row.head.filing.classes.clone();
        let record = load(row)?.record;
        let heads = match &past {
            Some(past) => Some(past.heads.clone()),
            None => record.heads_of(version),
        };
        let Some(heads) = heads else { return Ok(None) };
        let newest: Vec<_> = heads.iter().filter_map(|head| record.change(head)).collect();
        let authored_by = AuthoredBy::newest(&newest);
        let last_updated_ms = past.as_ref().map_or(authored_by.time_ms, |past| past.ms);
        let json = history::json_of(&record, &heads, last_updated_ms)?;
        let view = record.view_at(&heads, crate::policy::record_policy());
        let view = view.ok_or(StoreError::Damaged("past version"))?;
        Ok(Some(Current {
            key: key.clone(),
            json,
            version: version.clone(),
            last_updated_ms,
            deleted: view.deleted,
            conflicts: view.conflicts.len().min(usize::from(u16::MAX)) as u16,
            disputes: Vec::new(),
            collides: false,
            classes,
            authored_by,
            is_ambiguous: false,
        }))
    }

    /// What was current here, newest first.
    ///
    /// # Errors
    /// The store's, or a cursor that is none.
    pub fn history(
        &self,
        ctx: &Context,
        of: &HistoryOf,
        since_ms: Option<u64>,
        cursor: Option<&str>,
        count: usize,
    ) -> Result<Page<HistoryEntry>, StoreError> {
        self.history_admitted(ctx, of, since_ms, cursor, count, &|_| true)
    }

    /// As [`Store::history`], for somebody whom `admits` lets see records: what is kept back does not change how the
    /// end of another record of its key is told. What is in the page is for the caller to keep back.
    ///
    /// # Errors
    /// As [`Store::history`].
    pub fn history_admitted(
        &self,
        _ctx: &Context,
        of: &HistoryOf,
        since_ms: Option<u64>,
        cursor: Option<&str>,
        count: usize,
        admits: Admits<'_>,
    ) -> Result<Page<HistoryEntry>, StoreError> {
        history::page(&self.core, of, since_ms, (cursor, count), admits)
    }

    /// Who wrote what in a record, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub fn authored(&self, key: &RecordKey) -> Result<Vec<Authored>, StoreError> {
        let mut history = Vec::new();
        for row in lineage::rows(&self.core, key)? {
            history.extend(load(row)?.record.history());
        }
        Ok(history
            .into_iter()
            .map(|info| Authored {
                hash: info.hash,
                node: info.author.node,
                time_ms: info.hlc.ms(),
                transaction: info.message.tx.map(|tx| (tx.id, tx.count)),
                user: info.message.user,
                role: info.message.role,
                purpose: info.message.purpose,
            })
            .collect())
    }

    /// Records with open conflicts, in a stable order.
    ///
    /// # Errors
    /// The store's, or a cursor that is none.
    pub fn conflicts(
        &self,
        ctx: &Context,
        cursor: Option<&str>,
        count: usize,
    ) -> Result<Page<ConflictEntry>, StoreError> {
        self.conflicts_admitted(ctx, cursor, count, &|_| true)
    }

    /// As [`Store::conflicts`], as far as `admits` lets them through: a page may be short.
    ///
    /// # Errors
    /// The store's, or a cursor that is none.
    pub fn conflicts_admitted(
        &self,
        ctx: &Context,
        cursor: Option<&str>,
        count: usize,
        admits: Admits<'_>,
    ) -> Result<Page<ConflictEntry>, StoreError> {
        let mut range = KeyRange::prefix(&Table::Conflict.prefix());
        if let Some(cursor) = cursor {
            let prf = crate::hex::decode(cursor)
                .filter(|prf| prf.len() == 16)
                .ok_or(StoreError::Cursor)?;
            range.start = Table::Conflict.key(&[&prf, &[0]]);
        }
        let rows = self.core.kv.scan(&range, count.saturating_add(1))?;
        let next = rows.get(count).and_then(|_| rows.get(count.checked_sub(1)?));
        let next = next.map(|(row, _)| crate::hex::encode(row.get(1..).unwrap_or_default()));
        let mut entries = Vec::new();
        for (row, sealed) in rows.iter().take(count) {
            let plain = self.core.open(row, sealed)?;
            let key = Dec::new(&plain, "conflict").key()?;
            // Records that collide are one conflict, told where the first of them stands.
            let first = lineage::heads(&self.core, &key)?
                .into_iter()
                .find(|head| head.open() > 0);
            if first.is_some_and(|head| row.get(1..) == Some(&head.prf(&self.core.sealer))) {
                entries.extend(self.conflict_admitted(ctx, &key, admits)?);
            }
        }
        Ok(Page { entries, next })
    }

    /// A record's open conflicts, if it has any. Of records that collide it is that, and nothing else: what is in
    /// conflict within them comes before.
    ///
    /// # Errors
    /// The store's.
    pub fn conflict(&self, ctx: &Context, key: &RecordKey) -> Result<Option<ConflictEntry>, StoreError> {
        self.conflict_admitted(ctx, key, &|_| true)
    }

    /// As [`Store::conflict`]. Of records that `admits` keeps back nothing is told but that they collide with one that
    /// it lets through.
    ///
    /// # Errors
    /// The store's.
    pub fn conflict_admitted(
        &self,
        _ctx: &Context,
        key: &RecordKey,
        admits: Admits<'_>,
    ) -> Result<Option<ConflictEntry>, StoreError> {
        let mut heads = lineage::heads(&self.core, key)?;
        heads.retain(|head| head.open() > 0);
        if heads.iter().any(|head| head.collides) {
            return collision::entry(&self.core, key, admits);
        }
        // What is deleted hides nothing of what is not.
        heads.retain(|head| admits(&head.filing.classes));
        let Some(head) = heads.into_iter().min_by_key(|head| head.deleted) else {
            return Ok(None);
        };
        let items = present::conflicts(&head)?;
        Ok(Some(ConflictEntry {
            version: head.version(),
            key: head.key,
            items,
            is_whole: true,
        }))
    }

    /// The records a query finds: exactly those, or an error. A page may end early, and says
    /// so: its `next` goes on.
    ///
    /// # Errors
    /// See [`SearchError`].
    pub fn search(
        &self,
        _ctx: &Context,
        query: &chaski_fhir::search::Query,
    ) -> Result<SearchPage, SearchError> {
        search::page((&self.core, query, None))
    }

    /// As [`Store::search`], of the records that `admits` lets through: pages, totals and cursors are those
    /// of a store that holds no others. Each candidate is looked at, so it takes longer.
    ///
    /// # Errors
    /// See [`SearchError`].
    pub fn search_admitted(
        &self,
        _ctx: &Context,
        query: &chaski_fhir::search::Query,
        admits: Admits<'_>,
    ) -> Result<SearchPage, SearchError> {
        search::page((&self.core, query, Some(admits)))
    }

    /// Last durable feed position.
    pub fn position(&self) -> u64 {
        self.core.position()
    }

    /// Random number of this arrival log: another one, and positions mean nothing.
    pub fn log_epoch(&self) -> u64 {
        self.core.log_epoch.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Up to `limit` entries of the arrival log after `after_seq`, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub fn feed(&self, after_seq: u64, limit: usize) -> Result<Vec<FeedEntry>, StoreError> {
        feed::read(&self.core, after_seq, limit)
    }

    /// Number of entries of the arrival log after `after_seq` up to and with `to_seq`.
    ///
    /// # Errors
    /// The store's.
    pub fn feed_count(&self, after_seq: u64, to_seq: u64) -> Result<u64, StoreError> {
        feed::count(&self.core, after_seq, to_seq)
    }

    /// The heads of all records of a key; empty if none is here.
    ///
    /// # Errors
    /// The store's.
    pub fn heads(&self, key: &RecordKey) -> Result<Vec<ChangeHash>, StoreError> {
        let heads = lineage::heads(&self.core, key)?.into_iter();
        let mut heads: Vec<ChangeHash> = heads.flat_map(|head| head.heads).collect();
        heads.sort_unstable();
        Ok(heads)
    }

    /// All signed changes of a record, each after those it follows.
    ///
    /// # Errors
    /// The store's.
    pub fn signed_changes(&self, key: &RecordKey) -> Result<Vec<SignedChange>, StoreError> {
        self.signed_changes_since(key, 0)
    }

    /// The signed changes of a record that arrived here after a feed position.
    ///
    /// # Errors
    /// The store's.
    pub fn signed_changes_since(
        &self,
        key: &RecordKey,
        after_seq: u64,
    ) -> Result<Vec<SignedChange>, StoreError> {
        self.signed_changes_between(key, after_seq, u64::MAX)
    }

    /// The signed changes of a record that arrived here after one feed position and before another.
    ///
    /// # Errors
    /// The store's.
    pub fn signed_changes_between(
        &self,
        key: &RecordKey,
        after_seq: u64,
        before_seq: u64,
    ) -> Result<Vec<SignedChange>, StoreError> {
        self.signed_changes_given(key, after_seq, before_seq, &ScopeFilter::all())
    }

    /// As [`Store::signed_changes_between`], as far as `filter` lets somebody be given them: of the records that it
    /// reaches, changes that name no class but those he is cleared for, and follow none that does; and one that
    /// follows only such and labels the record with another class, and does no more: from that one, who holds the
    /// record learns to hide it.
    ///
    /// # Errors
    /// The store's.
    pub fn signed_changes_given(
        &self,
        key: &RecordKey,
        after_seq: u64,
        before_seq: u64,
        filter: &ScopeFilter,
    ) -> Result<Vec<SignedChange>, StoreError> {
        let mut all = Vec::new();
        for row in lineage::rows(&self.core, key)? {
            all.extend(given(row, after_seq, before_seq, filter)?);
        }
        Ok(all)
    }

    /// As [`Store::signed_changes_given`], of the one record that an entry of the arrival log is of.
    ///
    /// # Errors
    /// The store's.
    pub fn signed_changes_of(
        &self,
        entry: &FeedEntry,
        after_seq: u64,
        before_seq: u64,
        filter: &ScopeFilter,
    ) -> Result<Vec<SignedChange>, StoreError> {
        let own = || row::record_prf(&self.core.sealer, &entry.key);
        match row::read(&self.core, &entry.beside.unwrap_or_else(own))? {
            Some(row) => given(row, after_seq, before_seq, filter),
            None => Ok(Vec::new()),
        }
    }

    /// The sum over what `filter` admits, and the feed position it holds at.
    ///
    /// # Errors
    /// The store's.
    pub fn fingerprint(&self, filter: &ScopeFilter) -> Result<(Fingerprint, u64), StoreError> {
        fingerprint::of(&self.core, filter)
    }

    /// Tells every record that `filter` admits, in the order of the feed: its position, its fingerprint
    /// value and its key. One that moves to the feed's end meanwhile is told again there.
    ///
    /// # Errors
    /// The store's.
    pub fn fingerprint_each(
        &self,
        filter: &ScopeFilter,
        with: &mut dyn FnMut(u64, [u8; 32], RecordKey),
    ) -> Result<(), StoreError> {
        feed::each(&self.core, &mut |position, moment| {
            if filter.admits(&moment.filing) {
                with(position, moment.value.0, moment.key);
            }
            Ok(())
        })
    }

    /// Whether a record is here and not deleted.
    ///
    /// # Errors
    /// The store's.
    pub fn contains(&self, key: &RecordKey) -> Result<bool, StoreError> {
        let heads = lineage::heads(&self.core, key)?;
        Ok(heads.iter().any(|head| !head.deleted))
    }

    /// Where the records of a key (one, as a rule) are filed; none if it is not here.
    ///
    /// # Errors
    /// The store's.
    pub fn filings_of(&self, key: &RecordKey) -> Result<Vec<Filing>, StoreError> {
        let heads = lineage::heads(&self.core, key)?.into_iter();
        Ok(heads.map(|head| head.filing).collect())
    }
}

/// What of a record's changes, that arrived after one position and before another, `filter` lets somebody be given.
fn given(
    row: row::Row,
    after_seq: u64,
    before_seq: u64,
    filter: &ScopeFilter,
) -> Result<Vec<SignedChange>, StoreError> {
    if !filter.reaches(&row.head.filing) {
        return Ok(Vec::new());
    }
    let changes = row.tail.changes()?;
    let open = match filter.clearance.covers(&row.head.filing.classes) {
        true => None,
        false => Some(cleared(&changes, &filter.clearance)?),
    };
    let arrived = changes.into_iter().zip(row.tail.arrivals).enumerate();
    let wanted = arrived
        .filter(|(_, (_, seq))| *seq > after_seq && *seq < before_seq)
        .filter(|(at, _)| open.as_ref().is_none_or(|open| open.contains(at)));
    Ok(wanted.map(|(_, (change, _))| change).collect())
}

/// Which of a record's changes, each after those it follows, may be given to somebody with this clearance.
fn cleared(changes: &[SignedChange], clearance: &Clearance) -> Result<BTreeSet<usize>, StoreError> {
    let damaged = StoreError::Damaged("record");
    let mut open: BTreeSet<ChangeHash> = BTreeSet::new();
    let mut given = BTreeSet::new();
    for (at, change) in changes.iter().enumerate() {
        let chunk = Chunk::parse(&change.bytes).map_err(|_| damaged.clone())?;
        if !chunk.deps.iter().all(|dep| open.contains(dep)) {
            continue;
        }
        if clearance.covers(&classes_said(change)?) {
            open.insert(chunk.hash);
            given.insert(at);
        } else if is_label_only(change).map_err(|_| damaged.clone())? {
            given.insert(at);
        }
    }
    Ok(given)
}

/// A row's JSON, the same on every node.
fn raw(head: &row::RowHead) -> Result<Json, StoreError> {
    let mut json = head.json()?;
    present::mark(&mut json, head.authored_by.time_ms, &present::conflicts(head)?);
    Ok(json)
}
