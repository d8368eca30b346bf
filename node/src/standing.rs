//! How it stands with another node, in one word.

use chaski_net::{PeerInfo, Standing};
use chaski_ui::SiteStanding;

/// The role of a node that is to be in touch with all.
pub(crate) const HUB: &str = "hub";

/// How it stands with a peer, as scripts read it.
pub fn standing_code(info: &PeerInfo, now_ms: u64) -> &'static str {
    match standing(info, now_ms) {
        SiteStanding::Revoked => "revoked",
        SiteStanding::NeverMet => "never_met",
        SiteStanding::Connected => "connected",
        SiteStanding::Silent => "silent",
        SiteStanding::Away => "away",
    }
}

/// How it stands with a peer, for the pages.
pub fn standing(info: &PeerInfo, now_ms: u64) -> SiteStanding {
    match info.standing(now_ms) {
        _ if info.revoked => SiteStanding::Revoked,
        Standing::NeverMet => SiteStanding::NeverMet,
        Standing::Connected { .. } => SiteStanding::Connected,
        Standing::Silent => SiteStanding::Silent,
        Standing::Away => SiteStanding::Away,
    }
}
