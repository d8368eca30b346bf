//! How it stands with another site, in words and pictures.

use crate::node_info::{PeerNote, Renewal, SiteStanding};
use crate::show::Clock;

/// Why nothing flows, or soon will not.
pub(crate) struct NoteView {
    pub(crate) tone: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) text: String,
}

/// The picture of a node's role.
pub(crate) fn role_icon(role: &str) -> &'static str {
    match role {
        "mobile" => "mobile",
        "hub" => "hub",
        _ => "clinic",
    }
}

/// How it stands with a site: tone, picture and key of the word. Of whom is not heard nothing is said in the present.
pub(crate) fn state(standing: SiteStanding, is_in_sync: bool) -> (&'static str, &'static str, &'static str) {
    match standing {
        SiteStanding::Connected if is_in_sync => ("ok", "check", "peer-in-sync"),
        SiteStanding::Connected => ("info", "sync", "peer-connected"),
        SiteStanding::Silent => ("warn", "cut", "peer-silent"),
        SiteStanding::Away => ("quiet", "cut", "peer-away"),
        SiteStanding::NeverMet => ("quiet", "cut", "peer-never-met"),
        SiteStanding::Revoked => ("danger", "cut", "peer-revoked"),
    }
}

/// Why nothing flows to or from a site, or soon will not; of one that is not heard its clock is told as it was.
pub(crate) fn note_view(clock: &Clock, note: PeerNote, is_heard: bool) -> NoteView {
    let t = clock.t;
    let over = |since_ms: Option<u64>, then: &str, never: &str| match since_ms {
        Some(at_ms) => t.a(then, "date", clock.on(&at_ms)),
        None => t.s(never),
    };
    let (tone, icon, text) = match note {
        PeerNote::GrantSoon {
            left_ms,
            is_renewed_here,
        } => {
            let key = if is_renewed_here {
                "peer-grant-soon-here"
            } else {
                "peer-grant-soon"
            };
            ("warn", "clock", t.a(key, "span", clock.span(left_ms)))
        }
        PeerNote::GrantOver { since_ms, renewal } => {
            let (then, never) = match renewal {
                Renewal::Itself => ("peer-grant-over-itself", "peer-grant-over"),
                Renewal::Here => ("peer-grant-over-since-here", "peer-grant-over-here"),
                Renewal::Elsewhere => ("peer-grant-over-since", "peer-grant-over"),
            };
            ("danger", "cut", over(since_ms, then, never))
        }
        PeerNote::OwnGrantOver { since_ms } => (
            "danger",
            "cut",
            over(since_ms, "peer-own-grant-over-since", "peer-own-grant-over"),
        ),
        PeerNote::ClockAhead { by_ms } => {
            let key = match is_heard {
                true => "peer-clock-stops",
                false => "peer-clock-stops-then",
            };
            ("danger", "clock", t.a(key, "span", clock.span(by_ms)))
        }
        PeerNote::OwnClockAhead { by_ms, is_met } => {
            let key = match (is_met, is_heard) {
                (true, true) => "peer-own-clock-stops",
                (true, false) => "peer-own-clock-stops-then",
                (false, _) => "peer-own-clock-unmet",
            };
            ("danger", "clock", t.a(key, "span", clock.span(by_ms)))
        }
    };
    NoteView { tone, icon, text }
}

#[cfg(test)]
mod tests {
    use super::role_icon;

    #[test]
    fn a_site_whose_role_nobody_knows_has_a_clinics_picture() {
        let icons = ["mobile", "hub", "clinic", "", "kiosk"].map(role_icon);
        assert_eq!(icons, ["mobile", "hub", "clinic", "clinic", "clinic"]);
    }
}
