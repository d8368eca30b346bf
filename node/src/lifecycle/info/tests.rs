//! The pages and the commands say by one rule whether all is well.

use chaski_net::PeerInfo;
use chaski_net::limits::UNHEARD_MS;
use chaski_store::NodeId;
use chaski_ui::{Nag, SiteStanding};

use super::{Heard, SeenNetwork};
use crate::grants::tests::{DAY_MS, NOW_MS, REVOKED, ground, peer};
use crate::hub;

/// Whether something stands against the exchange, as the pages tell it and as `hub status` does.
fn told(own_ends_ms: Option<u64>, infos: &[PeerInfo]) -> (bool, bool, Vec<Nag>) {
    let ground = ground(own_ends_ms).seeing(infos);
    let nags = SeenNetwork::of(&ground, infos).nags();
    let is_told = nags.iter().any(Nag::is_against_exchange);
    (is_told, ground.is_troubled(infos), nags)
}

#[test]
fn what_stands_against_the_exchange_is_the_same_on_the_pages_and_in_the_commands() {
    let far = Some(NOW_MS + 300 * DAY_MS);
    let of = |change: fn(&mut PeerInfo)| {
        let mut hub = peer(NodeId([3; 32]), "Hub", Some(NOW_MS + 300 * DAY_MS), 0);
        change(&mut hub);
        vec![hub]
    };
    let ahead = -430 * DAY_MS as i64;
    let cases = [
        (far, of(|_| ()), false),
        (Some(NOW_MS + DAY_MS), of(|_| ()), false),
        (Some(NOW_MS - DAY_MS), of(|_| ()), true),
        (far, of(|hub| hub.last_seen_ms = NOW_MS + DAY_MS), true),
        (far, of(|hub| hub.problem = Some(REVOKED)), true),
        (far, vec![peer(NodeId([3; 32]), "Hub", far, ahead)], true),
        (far, vec![peer(NodeId([3; 32]), "Hub", far, -ahead)], true),
        (
            far,
            vec![peer(NodeId([3; 32]), "Hub", Some(NOW_MS - DAY_MS), ahead)],
            true,
        ),
    ];
    for (own_ends_ms, infos, is_expected) in cases {
        let (on_pages, in_commands, nags) = told(own_ends_ms, &infos);
        assert_eq!(
            (on_pages, in_commands),
            (is_expected, is_expected),
            "{infos:?}: {nags:?}"
        );
    }
}

#[test]
fn sites_that_are_late_and_a_node_that_heard_nobody_are_told_of_on_the_first_page() {
    let now_ms = NOW_MS;
    let of = |byte: u8, heard_days: u64, in_sync_days: u64| {
        let mut peer = peer(NodeId([byte; 32]), &format!("site {byte}"), None, 0);
        peer.last_seen_ms = now_ms - heard_days * DAY_MS;
        peer.contact.in_sync_ms = now_ms - in_sync_days * DAY_MS;
        peer
    };
    let nags = |infos: &[PeerInfo]| SeenNetwork::of(&ground(None), infos).nags();
    let is_stale = |nag: &Nag| matches!(nag, Nag::Stale { sites: 2 });
    let is_silent = |nag: &Nag| matches!(nag, Nag::Silent { silent_ms } if silent_ms / DAY_MS == 8);
    let some = nags(&[of(3, 0, 1), of(4, 9, 9), of(5, 1, 8)]);
    assert!(
        some.iter().any(is_stale) && !some.iter().any(is_silent),
        "{some:?}"
    );
    let none = nags(&[of(3, 8, 8), of(4, 9, 9)]);
    assert!(
        none.iter().any(is_silent) && !none.iter().any(is_stale),
        "{none:?}"
    );
    let infos = [of(3, 0, 1), of(4, 9, 9), of(5, 1, 8)];
    let seen = SeenNetwork::of(&ground(None), &infos);
    let late = seen.sites.iter().filter(|site| site.is_stale).count();
    assert_eq!(late, 2, "by the same rule");
    let of_sites: Vec<&str> = seen.sites.iter().map(|site| site.name.as_str()).collect();
    let of_peers: Vec<&str> = seen.peers.iter().map(|peer| peer.name.as_str()).collect();
    assert_eq!(of_peers, of_sites, "in one order");
    assert_eq!(hub::in_order(&ground(None), &infos, now_ms).len(), 3);
}

#[test]
fn how_it_stands_is_reckoned_when_a_page_is_made_by_the_rule_of_the_commands() {
    let mut hub = peer(NodeId([3; 32]), "Hub", None, 0);
    (hub.connected, hub.in_sync) = (true, true);
    (hub.last_seen_ms, hub.contact.in_sync_ms) = (NOW_MS, NOW_MS);
    let infos = vec![hub.clone()];
    let heard = Heard {
        ground: ground(None).seeing(&infos),
        infos,
    };
    for (after_ms, standing) in [
        (0, SiteStanding::Connected),
        (UNHEARD_MS - 1, SiteStanding::Connected),
        (UNHEARD_MS, SiteStanding::Silent),
    ] {
        let now_ms = NOW_MS + after_ms;
        let seen = heard.at(now_ms);
        assert_eq!(seen.peers[0].standing, standing, "{after_ms}");
        assert_eq!(seen.sites[0].standing, standing, "{after_ms}");
        assert_eq!(
            seen.sites[0].is_in_sync,
            hub.is_in_sync_now(now_ms),
            "as the commands say, {after_ms}"
        );
        let left_ms = UNHEARD_MS - after_ms;
        let next = heard.until_silent(now_ms).map(|next| next.as_millis() as u64);
        assert_eq!(
            next,
            Some(left_ms).filter(|ms| *ms > 0),
            "open pages are told then, {after_ms}"
        );
    }
    // Days later, without another look, it is told as late.
    assert!(heard.at(NOW_MS + 8 * DAY_MS).sites[0].is_stale);
}
