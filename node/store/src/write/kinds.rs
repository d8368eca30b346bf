//! What each kind of write comes to: of one record, or of all of a key that are told apart.

use super::{
    apart,
    hand::{Fault, Hand, Outcome, Rows},
    local::{clean, delete, key_of, put, resolve, set_remove},
};
use crate::{
    present::COLLISION_PATH,
    types::{Base, Write},
};

/// Prepares one write.
pub(super) fn prepare_write(hand: &Hand<'_>, rows: &mut dyn Rows, write: &Write) -> Result<Outcome, Fault> {
    match write {
        Write::Create { json, .. } => {
            let mut json = clean(json)?.into_owned();
            let key = key_of(hand.core, &mut json)?;
            put(hand, rows, key, &json, &Base::Current, false, true)
        }
        Write::Put {
            key,
            json,
            base,
            resolution,
        } => {
            let json = clean(json)?;
            put(hand, rows, key.clone(), &json, base, *resolution, false)
        }
        Write::Delete { key, base } => delete(hand, rows, key, base),
        Write::Resolve {
            key,
            path,
            listed,
            choice,
        } if path == COLLISION_PATH => apart::decide(hand, rows, key, listed, choice),
        Write::Resolve {
            key,
            path,
            listed,
            choice,
        } => resolve(hand, rows, key, (path, listed), choice),
        Write::SetRemove { key, path, value } => set_remove(hand, rows, key, path, value),
    }
}
