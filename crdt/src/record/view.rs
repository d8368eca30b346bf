//! Reading a record by a policy, as it stands and as it stood.

use super::held::Record;
use crate::change::ChangeHash;
use crate::conflict::Conflict;
use crate::decode::Issue;
use crate::hlc::Message;
use crate::policy::Policy;
use crate::state::{Origin, Source, State};
use chaski_json::Json;

/// A record as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The record with the safer readings applied. Of a deleted record, what
    /// it last said.
    pub json: Json,
    /// Whether the record is deleted (and nobody edited it meanwhile).
    pub deleted: bool,
    /// What waits for a person, by path.
    pub conflicts: Vec<Conflict>,
    /// Ordinary registers with concurrent values: the newest is shown, nobody
    /// needs to act.
    pub concurrent: Vec<Conflict>,
    /// What could not be read.
    pub issues: Vec<Issue>,
}

impl Record {
    /// The record as it stands.
    pub fn view(&self, policy: &dyn Policy) -> View {
        self.with_source(policy, |source| {
            let state = source.state(None);
            view_of(source, state, &self.heads())
        })
    }

    /// The record as it stood at `heads`; `None` if they are not all here.
    pub fn view_at(&self, heads: &[ChangeHash], policy: &dyn Policy) -> Option<View> {
        let heads = self.checked_heads(heads)?;
        Some(self.with_source(policy, |source| {
            let state = source.state(Some(&heads));
            view_of(source, state, &heads)
        }))
    }

    pub(super) fn with_source<T>(&self, policy: &dyn Policy, read: impl FnOnce(&Source<'_>) -> T) -> T {
        let time_of = |hash: &ChangeHash| self.log.entry(hash).map(|entry| entry.hlc).unwrap_or_default();
        let origin_of = |hash: &ChangeHash| {
            let entry = self.log.entry(hash)?;
            let Message { user, role, .. } = Message::parse(&entry.message);
            Some(Origin {
                author: entry.signed.author,
                user,
                role,
            })
        };
        let source = Source {
            body: &self.body,
            kind: self.key.kind(),
            policy,
            time_of: &time_of,
            origin_of: &origin_of,
        };
        read(&source)
    }
}

fn view_of(source: &Source<'_>, mut state: State, heads: &[ChangeHash]) -> View {
    let json = source.json(&mut state, heads);
    View {
        json,
        deleted: !state.tree.is_live(),
        conflicts: state.conflicts,
        concurrent: state.concurrent,
        issues: state.issues,
    }
}
