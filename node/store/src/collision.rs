//! Records of one id that began for different patients and are not deleted: shown to a person as one conflict.
//!
//! Invariant: what is shown, and its order, is the same on every node.

use chaski_crdt::{change::ChangeHash, key::RecordKey, version::VersionId};

use crate::{
    core::Core,
    error::StoreError,
    lineage::{self, Lineage},
    loaded::{Loaded, load},
    present::{self, COLLISION_PATH},
    row::Row,
    search::Admits,
    types::{ConflictEntry, ConflictItem, ConflictSide},
};

/// One of the records that collide.
pub(crate) struct Side {
    pub(crate) lineage: Lineage,
    pub(crate) loaded: Loaded,
}

/// The records of a key that are not deleted, in an order that is the same on every node.
pub(crate) fn sides(rows: Vec<Row>) -> Result<Vec<Side>, StoreError> {
    let living = rows.into_iter().filter(|row| !row.head.deleted);
    let mut sides = living
        .map(|row| {
            let loaded = load(row)?;
            Ok(Side {
                lineage: Lineage::of(&loaded.record)?,
                loaded,
            })
        })
        .collect::<Result<Vec<Side>, StoreError>>()?;
    sides.sort_by(|one, other| one.lineage.cmp(&other.lineage));
    Ok(sides)
}

/// The version of all of them together.
pub(crate) fn version_of(sides: &[Side]) -> VersionId {
    let heads = sides.iter().flat_map(|side| &side.loaded.row.head.heads);
    VersionId::of(&heads.copied().collect::<Vec<ChangeHash>>())
}

fn side_shown(side: &Side) -> Result<ConflictSide, StoreError> {
    let newest = side.loaded.record.newest().ok_or(StoreError::Damaged("record"))?;
    Ok(ConflictSide {
        value: Some(side.loaded.row.head.json()?),
        author: newest.author.node,
        user: newest.message.user,
        role: newest.message.role,
        time_ms: newest.hlc.ms(),
        change: newest.hash,
    })
}

/// The records of a key that collide, as one conflict; or, where there is a conflict within one of them, that. Of
/// those that `admits` keeps back nothing is told.
pub(crate) fn entry(
    core: &Core,
    key: &RecordKey,
    admits: Admits<'_>,
) -> Result<Option<ConflictEntry>, StoreError> {
    let mut sides = sides(lineage::rows(core, key)?)?;
    let version = version_of(&sides);
    let count = sides.len();
    sides.retain(|side| admits(&side.loaded.row.head.filing.classes));
    if let Some(side) = sides.iter().find(|side| side.loaded.row.head.conflicts > 0) {
        let head = &side.loaded.row.head;
        return Ok(Some(ConflictEntry {
            key: key.clone(),
            version: head.version(),
            items: present::disputes(head)?,
            is_whole: true,
        }));
    }
    if count < 2 || sides.is_empty() {
        return Ok(None);
    }
    let item = ConflictItem {
        path: COLLISION_PATH.to_owned(),
        element: String::new(),
        safer_index: 0,
        values: sides.iter().map(side_shown).collect::<Result<_, _>>()?,
    };
    Ok(Some(ConflictEntry {
        key: key.clone(),
        version,
        items: vec![item],
        is_whole: sides.len() == count,
    }))
}
