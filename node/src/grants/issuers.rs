//! That others depend on one issuer alone, which may be told of until there is another that knows it is one.

use chaski_net::issuers::IssuerInfo;
use chaski_net::{PeerInfo, harmless};
use chaski_store::NodeId;

use super::sole_issuer::SoleIssuer;
use super::{Ground, NAMED_MAX};
use crate::standing::HUB;

impl Ground {
    /// Whether an issuer has heard that it is one, as far as can be known here. Of one that this node need not tell
    /// itself, as a hub has been told, nothing is known to the contrary.
    pub fn is_told(&self, issuer: &IssuerInfo, peers: &[PeerInfo]) -> bool {
        let has_heard = |peer: &PeerInfo| peer.contact.statements >= issuer.number;
        let tells_itself = self.role() == HUB || self.membership.issuer;
        let is_told_by = |peer: &PeerInfo| peer.role == HUB && !peer.revoked && has_heard(peer);
        issuer.node == self.membership.node
            || issuer.has_issued
            || peers
                .iter()
                .any(|peer| peer.node == issuer.node && has_heard(peer))
            || (!tells_itself && peers.iter().any(is_told_by))
    }

    /// The issuer that alone may renew a node other than itself, if there is such a node: the one whose loss is
    /// felt first. In a demonstration's network nobody can make another.
    pub fn sole_issuer(&self, peers: &[PeerInfo]) -> Option<SoleIssuer> {
        if self.membership.demo || self.revoked_by.is_some() {
            return None;
        }
        let issuers = self.trust.issuers();
        let issuers: Vec<(&IssuerInfo, bool)> = issuers
            .iter()
            .filter(|issuer| issuer.can_be_met())
            .map(|issuer| (issuer, self.is_told(issuer, peers)))
            .collect();
        let members = peers.iter().filter(|peer| !peer.revoked);
        let members = members.map(|peer| (peer.node, peer.grant_ends_ms));
        let here = (self.membership.node, self.membership.grant_ends_ms);
        let relying: Vec<(u64, &IssuerInfo, Vec<&IssuerInfo>)> = members
            .chain([here])
            .filter_map(|(node, ends_ms)| {
                let (issuer, untold) = self.relied_on(&issuers, &node)?;
                // Also of one that has ended: the issuer alone can renew it, so that its loss is felt more.
                (issuer.node != node).then_some((ends_ms?, issuer, untold))
            })
            .collect();
        let (ends_ms, issuer, untold) = relying.iter().min_by_key(|(ends_ms, ..)| *ends_ms)?;
        let now_ms = self.others_now_ms();
        let is_over = |(ends_ms, of, _): &&(u64, &IssuerInfo, Vec<&IssuerInfo>)| {
            *ends_ms <= now_ms && of.node == issuer.node
        };
        Some(SoleIssuer {
            node: issuer.node,
            name: harmless(&issuer.name),
            is_here: issuer.node == self.membership.node,
            ends_ms: *ends_ms,
            over: relying.iter().filter(is_over).count() as u64,
            untold: untold
                .iter()
                .take(NAMED_MAX)
                .map(|issuer| harmless(&issuer.name))
                .collect(),
        })
    }

    /// The one issuer that can renew a node, where there is but one, with those that could once they are told.
    fn relied_on<'a>(
        &self,
        issuers: &[(&'a IssuerInfo, bool)],
        node: &NodeId,
    ) -> Option<(&'a IssuerInfo, Vec<&'a IssuerInfo>)> {
        let able = issuers
            .iter()
            .filter(|(issuer, _)| self.trust.may_renew(&issuer.node, node));
        let (told, untold): (Vec<_>, Vec<_>) = able.copied().partition(|(_, is_told)| *is_told);
        let untold = untold.into_iter().map(|(issuer, _)| issuer).collect::<Vec<_>>();
        match (told.as_slice(), untold.as_slice()) {
            ([(one, _)], _) => Some((one, untold)),
            ([], [one]) => Some((one, Vec::new())),
            _ => None,
        }
    }

    /// That others depend on one issuer alone, in a sentence.
    pub fn sole_issuer_warning(&self, peers: &[PeerInfo]) -> Option<String> {
        let sole = self.sole_issuer(peers)?;
        let who = match sole.is_here {
            true => "this node",
            false => &sole.name,
        };
        let at = self.moment(sole.ends_ms);
        let holds = match sole.over {
            0 => format!("if it is lost, grants end from {at} on"),
            1 => format!("the grant of 1 node has ended, on {at}, and nobody else renews it"),
            over => format!(
                "the grants of {over} nodes have ended, the first on {at}, and nobody else renews them"
            ),
        };
        let remedy = match sole.untold.as_slice() {
            [] => "add a second with `chaski issuer add NODE` (--root FILE where the root key was exported)"
                .to_owned(),
            untold => format!(
                "made an issuer and not told yet: {}; until that node has been in sync it renews nobody",
                untold.join(", ")
            ),
        };
        Some(format!("one issuer alone, {who}: {holds}; {remedy}"))
    }
}

#[cfg(test)]
mod tests;
