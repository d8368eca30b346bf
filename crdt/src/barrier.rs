//! Automerge on bytes from elsewhere, and the unwind barrier behind which it runs.

use crate::change::ChangeHash;
use automerge::{Automerge, Change};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static BEHIND_BARRIER: Cell<bool> = const { Cell::new(false) };
}

/// Runs something that may panic on crafted input. The panic is not printed
/// (its message may quote a record), any other panic of the process still is.
pub(crate) fn barrier<T>(run: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !BEHIND_BARRIER.get() {
                others(panic);
            }
        }));
    });
    let outer = BEHIND_BARRIER.replace(true);
    // What the closure may leave half done is a scratch copy that is dropped.
    let result = catch_unwind(AssertUnwindSafe(run));
    BEHIND_BARRIER.set(outer);
    result.ok()
}

pub(crate) fn decode_bytes(bytes: &[u8]) -> Option<Change> {
    Change::try_from(bytes).ok()
}

/// Applies changes that are all complete.
pub(crate) fn apply(doc: &mut Automerge, changes: Vec<Change>) -> Option<()> {
    doc.apply_changes(changes).ok()
}

/// Save, load, compare: Automerge can accept a change after which the document
/// no longer loads.
pub(crate) fn survives(doc: &Automerge, heads: &[ChangeHash]) -> bool {
    doc.get_heads() == heads
        && Automerge::load(&doc.save_nocompress()).is_ok_and(|again| again.get_heads() == heads)
}

#[cfg(test)]
mod tests;
