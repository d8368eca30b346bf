//! For whom a parcel is, and what it therefore holds.
//!
//! Invariants: nobody is named who may receive nothing; the contents are what
//! all recipients may be given; it begins where the recipient that is furthest
//! behind is known to be, by its own word or by proof.

use chaski_crdt::author::NodeId;
use chaski_crdt::authority::Admission;
use chaski_crdt::parcel::{Held, PRIORITIES, RECIPIENTS_MAX};
use chaski_store::ScopeFilter;

use super::access::Access;
use super::told::{ParcelError, Party, Wanted, node, party};
use crate::engine::Ground;
use crate::trust::filter_digest;
use crate::wire::Cursor;

/// The shortest beginning of a key that names a node, in hex digits.
const KEY_DIGITS_MIN: usize = 4;

/// A parcel that can be written.
pub struct Outgoing {
    pub(super) access: Access,
    pub(super) ground: Ground,
    pub(super) recipients: Vec<Party>,
    /// What all recipients may be given.
    pub(super) filter: ScopeFilter,
    /// What of that this node may hold too: what is compared.
    pub(super) shared: ScopeFilter,
    /// Digest of what they may be given.
    pub(super) scope: u64,
    pub(super) from: [u64; PRIORITIES],
    pub(super) since_ms: Option<u64>,
    /// The one recipient, if what it brought itself is left out.
    pub(super) left_out: Option<NodeId>,
}

/// Every other node that may receive, by name, and every member whose grant is over, which may not; nobody where
/// this node itself was revoked.
///
/// # Errors
/// [`ParcelError::Node`].
pub fn recipients(mut access: Access) -> Result<(Vec<Party>, Vec<Party>), ParcelError> {
    let ground = access
        .work(|engine, now| (engine.parcel_ground(now), Vec::new()))?
        .map_err(node)?;
    let me = access.me();
    if ground.trust.is_revoked(&me) {
        return Ok(Default::default());
    }
    let able = everybody(&ground, &me);
    let members = ground.trust.authority().members().map(|member| member.node);
    let over = members.filter(|node| *node != me && !able.contains(node) && !ground.trust.is_revoked(node));
    Ok((by_name(&ground, able.iter().copied()), by_name(&ground, over)))
}

fn by_name(ground: &Ground, nodes: impl Iterator<Item = NodeId>) -> Vec<Party> {
    let mut parties: Vec<Party> = nodes.map(|node| party(&ground.trust, node)).collect();
    parties.sort_by(|a, b| (&a.name, a.node).cmp(&(&b.name, b.node)));
    parties
}

impl Outgoing {
    /// Chooses recipients and contents; nothing is written yet.
    ///
    /// # Errors
    /// [`ParcelError::Recipient`] says which and why; [`ParcelError::Node`].
    pub fn choose(mut access: Access, wanted: &Wanted) -> Result<Outgoing, ParcelError> {
        let ground = access
            .work(|engine, now| (engine.parcel_ground(now), Vec::new()))?
            .map_err(node)?;
        let me = access.me();
        if ground.trust.is_revoked(&me) {
            return Err(refused(
                "this node's membership has been ended: nobody would read its parcel".to_owned(),
            ));
        }
        let nodes = match wanted.to.as_slice() {
            [] => everybody(&ground, &me),
            names => named(&ground, &me, names)?,
        };
        if nodes.is_empty() {
            return Err(refused(
                "no other node of the network may receive records".to_owned(),
            ));
        }
        if nodes.len() > RECIPIENTS_MAX {
            return Err(refused(format!(
                "the parcel would be for {} nodes, and {RECIPIENTS_MAX} is the most: name them with --to",
                nodes.len()
            )));
        }
        let filter = filter_among(&ground, &nodes);
        if filter.is_none() {
            return Err(refused(
                "there is nothing that all of these nodes may hold".to_owned(),
            ));
        }
        let since = if wanted.all {
            None
        } else {
            start_among(&access, &ground, &nodes)
        };
        let (from, since_ms) = since.unzip();
        let left_out = match nodes.as_slice() {
            [one] if !wanted.all => Some(*one),
            _ => None,
        };
        let recipients = nodes.iter().map(|node| party(&ground.trust, *node)).collect();
        Ok(Outgoing {
            access,
            recipients,
            scope: filter_digest(&filter),
            shared: filter.both(&ground.trust.filter_for(&me).0),
            ground,
            filter,
            from: from.unwrap_or_default(),
            since_ms,
            left_out,
        })
    }

    /// For whom it is.
    #[must_use]
    pub fn recipients(&self) -> &[Party] {
        &self.recipients
    }

    /// When the recipients are known to have held what is left out, in ms since 1970;
    /// `None` where nothing is.
    #[must_use]
    pub fn since_ms(&self) -> Option<u64> {
        self.since_ms
    }

    /// What this node holds of the recipients' logs.
    pub(super) fn held(&self) -> Result<Vec<Held>, ParcelError> {
        let mut held = Vec::new();
        for recipient in &self.recipients {
            let kept = self.access.replica.cursor(&recipient.node).map_err(node)?;
            let Some(cursor) = kept.and_then(|bytes| postcard::from_bytes::<Cursor>(&bytes).ok()) else {
                continue;
            };
            held.push(Held {
                node: recipient.node,
                epoch: cursor.epoch,
                scope: cursor.scope,
                positions: cursor.positions,
                bases: cursor.bases,
            });
        }
        Ok(held)
    }
}

fn refused(text: String) -> ParcelError {
    ParcelError::Recipient(text)
}

/// Every other member that may receive.
fn everybody(ground: &Ground, me: &NodeId) -> Vec<NodeId> {
    let members = ground.trust.authority().members().map(|member| member.node);
    members
        .filter(|node| node != me && !ground.trust.is_grant_over(node, ground.wall_ms))
        .collect()
}

fn named(ground: &Ground, me: &NodeId, names: &[String]) -> Result<Vec<NodeId>, ParcelError> {
    let mut nodes = Vec::new();
    for name in names {
        let node = one_named(ground, name)?;
        may_receive(ground, me, node)?;
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    Ok(nodes)
}

fn one_named(ground: &Ground, name: &str) -> Result<NodeId, ParcelError> {
    let is_key = name.len() >= KEY_DIGITS_MIN;
    let key = name.to_ascii_lowercase();
    let members = ground.trust.authority().members();
    let found: Vec<NodeId> = members
        .filter(|member| member.name == name || (is_key && member.node.to_string().starts_with(&key)))
        .map(|member| member.node)
        .collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(refused(format!("no node is known as {}", name.escape_default()))),
        _ => Err(refused(format!(
            "several nodes are known as {}: give more of the node's key",
            name.escape_default()
        ))),
    }
}

fn may_receive(ground: &Ground, me: &NodeId, node: NodeId) -> Result<(), ParcelError> {
    let name = party(&ground.trust, node).name;
    if node == *me {
        return Err(refused(format!(
            "{name} is this node itself: a parcel is for others"
        )));
    }
    match ground.trust.authority().admission(&node, ground.wall_ms) {
        Admission::Granted(..) => Ok(()),
        Admission::Revoked => Err(refused(format!(
            "the membership of {name} has been ended: it receives nothing more"
        ))),
        _ => Err(refused(format!(
            "the grant of {name} is over: it receives nothing until an issuer has met it and renewed it"
        ))),
    }
}

/// What all recipients may be given.
fn filter_among(ground: &Ground, nodes: &[NodeId]) -> ScopeFilter {
    let filters = nodes.iter().map(|node| ground.trust.filter_for(node).0);
    filters.fold(ScopeFilter::all(), |one, other| one.both(&other))
}

/// Where in our log, and when, a recipient is known to be.
type Start = ([u64; PRIORITIES], u64);

/// Where all recipients are known to be; `None` if of one nothing is known.
fn start_among(access: &Access, ground: &Ground, nodes: &[NodeId]) -> Option<Start> {
    let starts: Option<Vec<Start>> = nodes.iter().map(|node| start_of(access, ground, node)).collect();
    starts?.into_iter().reduce(|(a, a_ms), (b, b_ms)| {
        let mut least = a;
        least
            .iter_mut()
            .zip(b)
            .for_each(|(at, other)| *at = other.min(*at));
        (least, a_ms.min(b_ms))
    })
}

fn start_of(access: &Access, ground: &Ground, node: &NodeId) -> Option<Start> {
    let (_, scope) = ground.trust.filter_for(node);
    let position = access.replica.position();
    let last = ground.told.get(node).copied().unwrap_or_default();
    let told = last.held.filter(|held| {
        let is_ours = held.epoch == access.replica.epoch() && held.scope == scope;
        is_ours && held.positions.iter().all(|at| *at <= position)
    });
    let proven = ground.peers.get(node).filter(|peer| {
        peer.equal_ms > last.equal_ms && peer.equal_position > 0 && peer.equal_position <= position
    });
    let (mut from, since_ms) = match (told, proven) {
        // Its own word is what it will compare with; a proof since then has moved that on.
        (Some(held), Some(peer)) if peer.equal_ms <= last.read_ms => told_start(&held, last.made_ms),
        // Not from where both were equal, if it has left before it heard that all up to there is its own.
        (_, Some(peer)) => ([peer.heard_position; PRIORITIES], peer.equal_ms),
        (Some(held), None) => told_start(&held, last.made_ms),
        (None, None) => return None,
    };
    if let Some(handed) = ground.handed.get(node) {
        from = from.map(|at| at.min(*handed));
    }
    Some((from, since_ms))
}

fn told_start(held: &Held, made_ms: u64) -> Start {
    let mut from = held.positions;
    from.iter_mut()
        .zip(held.bases)
        .for_each(|(at, base)| *at = base.min(*at));
    (from, made_ms)
}
