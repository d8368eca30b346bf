//! A node's life: made, opened, running, closed.
//!
//! Invariants: whoever has a [`Node`] has the directory's lock; closing flushes and lets go within a
//! second; nothing that was acknowledged depends on closing.

