//! What a session says.

use super::event::Effect;
use super::session::{Session, frame_bytes};
use super::state::Core;
use crate::wire::{self, Message, Priority};

impl Session {
    /// Queues a message for the peer and counts it; returns its length in bytes.
    pub(crate) fn say(&mut self, core: &mut Core, priority: Priority, message: &Message) -> usize {
        self.say_at(core, priority, message, self.hop.saturating_add(1))
    }

    /// The same, as so many messages after the first.
    pub(super) fn say_at(
        &mut self,
        core: &mut Core,
        priority: Priority,
        message: &Message,
        hop: u32,
    ) -> usize {
        let bytes = wire::encode(hop, message);
        let length = bytes.len();
        self.stats.bytes_out = self.stats.bytes_out.saturating_add(frame_bytes(length));
        core.effects.push(Effect::Send {
            session: self.id,
            priority,
            bytes,
        });
        length
    }
}
