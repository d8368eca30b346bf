//! Telling each other where the network's nodes are reached.
//!
//! Invariants: nothing is said but a digest where both know the same; what differs is found by sums of parts,
//! once a session, and after that only news is told, at intervals; only a member's own signed word is taken
//! in, and only where it is news, one row of a node in a message and so many in a time, of each peer and of each
//! node, however often they connect; who does not understand this is told none of it.

use std::collections::BTreeSet;

use chaski_crdt::author::NodeId;

use super::close::CloseReason;
use super::session::Session;
use super::state::Core;
use crate::limits::{
    DIRECTORY_AGAIN_MS, DIRECTORY_AHEAD_MS, DIRECTORY_BROUGHT_MAX, DIRECTORY_BROUGHT_MS,
    DIRECTORY_CLOCK_MS_MIN, DIRECTORY_MESSAGES_MAX, DIRECTORY_NEWS_MAX, DIRECTORY_NEWS_MS,
    DIRECTORY_ROWS_MAX, HEALTH_CLOCK_MS_MAX, PEER_ADDRESSES_MAX,
};
use crate::whereabouts::Whereabouts;
use crate::wire::{Directory, Hello, Message, Priority};

/// The sender takes and tells where the network's nodes are reached.
pub(super) const FEATURE_DIRECTORY: u32 = 32;

impl Session {
    pub(super) fn directory_start(&mut self, hello: &Hello) {
        self.directory.is_spoken = hello.features & FEATURE_DIRECTORY != 0;
    }

    /// The first word, of who was dialled.
    pub(super) fn directory_greet(&mut self, core: &mut Core) {
        if self.directory.is_spoken {
            self.directory_say(core, Vec::new(), Vec::new());
        }
    }

    pub(super) fn on_directory(&mut self, core: &mut Core, directory: Directory) -> Result<(), CloseReason> {
        self.directory.heard += 1;
        let age_s = core.now_ms.saturating_sub(self.opened_ms) / 1_000;
        if self.directory.heard > DIRECTORY_MESSAGES_MAX.saturating_add(age_s) {
            return Err(CloseReason::Flooding);
        }
        let nodes: BTreeSet<NodeId> = directory.said.iter().map(|said| said.node).collect();
        if nodes.len() < directory.said.len() {
            let text = "two words of one node where it is reached";
            return Err(CloseReason::Malformed(text.to_owned()));
        }
        let before = core.peers.book.top();
        for said in directory.said {
            core.directory_take(&self.peer, said)?;
        }
        let top = core.peers.book.top();
        self.directory.theirs.extend(before + 1..=top);
        let is_equal = core.peers.book.digest().to_le_bytes() == directory.digest;
        if is_equal {
            core.peers.book.confirm(&self.peer);
        }
        if !directory.sums.is_empty() && !self.directory.has_answered {
            self.directory.has_answered = true;
            if !is_equal {
                self.directory_answer(core, &directory.sums);
            } else if !self.directory.has_said_sums {
                self.directory_say(core, Vec::new(), Vec::new());
            }
            self.directory_level(top);
        } else if is_equal {
            self.directory_level(top);
            if self.outbound && self.directory.heard == 1 {
                self.directory_say(core, Vec::new(), Vec::new());
            }
        } else if self.directory.heard == 1 && !self.directory.has_said_sums {
            self.directory.has_said_sums = true;
            let sums = core.peers.book.sums();
            self.directory_say(core, sums, Vec::new());
        }
        Ok(())
    }

    fn directory_level(&mut self, top: u64) {
        self.directory.is_level = true;
        self.directory.index = top;
        self.directory.theirs.clear();
    }

    /// Tells what the other lacks, or has otherwise, by its sums; ours go along for its turn.
    fn directory_answer(&mut self, core: &mut Core, theirs: &[u32]) {
        let sums = match std::mem::replace(&mut self.directory.has_said_sums, true) {
            true => Vec::new(),
            false => core.peers.book.sums(),
        };
        let rows = core.peers.book.differing(theirs);
        let rows = rows
            .into_iter()
            .filter(|(number, _)| !self.directory.theirs.contains(number));
        let rows: Vec<Whereabouts> = rows.map(|(_, said)| said).collect();
        self.directory_tell(core, sums, rows);
    }

    /// Tells what is news since the other was last told.
    pub(super) fn directory_advance(&mut self, core: &mut Core) {
        let top = core.peers.book.top();
        let is_early = |told_ms: u64| core.now_ms.saturating_sub(told_ms) < DIRECTORY_AGAIN_MS;
        let is_due = self.directory.is_level && self.directory.index < top;
        if !is_due || self.directory.told_ms.is_some_and(is_early) {
            return;
        }
        let rows = core.peers.book.after(self.directory.index);
        let rows = rows
            .into_iter()
            .filter(|(number, _)| !self.directory.theirs.contains(number));
        let rows: Vec<Whereabouts> = rows.map(|(_, said)| said).collect();
        self.directory_level(top);
        if !rows.is_empty() {
            self.directory.told_ms = Some(core.now_ms);
            self.directory_tell(core, Vec::new(), rows);
        }
    }

    /// Rows in messages of bounded size, the sums on the last: by then all rows are there.
    fn directory_tell(&mut self, core: &mut Core, sums: Vec<u32>, mut rows: Vec<Whereabouts>) {
        while rows.len() > DIRECTORY_ROWS_MAX {
            let rest = rows.split_off(DIRECTORY_ROWS_MAX);
            self.directory_say(core, Vec::new(), std::mem::replace(&mut rows, rest));
        }
        if !(rows.is_empty() && sums.is_empty()) {
            self.directory_say(core, sums, rows);
        }
    }

    fn directory_say(&mut self, core: &mut Core, sums: Vec<u32>, said: Vec<Whereabouts>) {
        let directory = Directory {
            digest: core.peers.book.digest().to_le_bytes(),
            sums,
            said,
        };
        self.say(core, Priority::Control, &Message::Directory(directory));
    }
}

impl Core {
    /// Takes in what a node says of itself, as a peer hands it on: a member's, signed, and news. What is too much
    /// at once differs still, and is told again by a later session.
    fn directory_take(&mut self, via: &NodeId, said: Whereabouts) -> Result<(), CloseReason> {
        let (node, latest) = (said.node, self.directory_latest());
        if !self.is_in_network(&node) || !self.peers.book.is_news(&said, latest) {
            return Ok(());
        }
        let (now, brought_ms, news_ms) = (self.now_ms, DIRECTORY_BROUGHT_MS, DIRECTORY_NEWS_MS);
        let rates = &mut self.peers.book.rates;
        if !rates.brought.has(via, DIRECTORY_BROUGHT_MAX, now, brought_ms)
            || !rates.news.has(&node, DIRECTORY_NEWS_MAX, now, news_ms)
        {
            return Ok(());
        }
        rates.brought.take(via, now, brought_ms);
        if !said.is_signed(&self.network) {
            let text = "an address of a node that the node has not signed";
            return Err(CloseReason::Malformed(text.to_owned()));
        }
        // Only now: nobody uses up what another may say by forging its word.
        self.peers.book.rates.news.take(&node, now, news_ms);
        if self.peers.book.take(said, *via, latest) {
            self.peers.touch();
        }
        Ok(())
    }

    /// Says where this node is reached, where that is not what it has said last.
    pub(super) fn directory_own(&mut self) {
        let mut reached = self.options.reached.clone();
        reached.truncate(PEER_ADDRESSES_MAX);
        let latest = self.directory_latest();
        let last = self.peers.book.said(&self.me).map(|(said, _)| said);
        // A serial that cannot be, which nobody takes, counts as none.
        let last = last.filter(|last| last.serial <= latest);
        if reached.is_empty() || last.is_some_and(|last| last.addresses == reached) {
            return;
        }
        let next = last.map_or(0, |last| last.serial.saturating_add(1));
        let serial = next.max(self.wall_ms);
        if serial > latest {
            // It is told once this clock has come so far.
            return;
        }
        let said = Whereabouts::sign(&self.key, &self.network, serial, reached);
        if self.peers.book.take(said, self.me, latest) {
            self.peers.touch();
        }
    }

    /// The highest serial that a node's word may have.
    fn directory_latest(&self) -> u64 {
        let now_ms = self.wall_ms.max(DIRECTORY_CLOCK_MS_MIN);
        now_ms.saturating_add(DIRECTORY_AHEAD_MS).min(HEALTH_CLOCK_MS_MAX)
    }

    /// Forgets where those are reached that are no members any more.
    pub(super) fn directory_recheck(&mut self) {
        let mut book = std::mem::take(&mut self.peers.book);
        book.retain(|node| self.is_in_network(node));
        self.peers.book = book;
    }

    /// Whether it is a member that is not revoked.
    pub(super) fn is_in_network(&self, node: &NodeId) -> bool {
        self.trust.member(node).is_some() && !self.trust.is_revoked(node)
    }
}
