//! When a clock is called wrong, and when it is not.

use chaski_net::PeerInfo;
use chaski_store::NodeId;

use crate::grants::tests::{DAY_MS, NOW_MS, ground, peer};

const DAY: i64 = DAY_MS as i64;
const MINUTE: i64 = DAY / 24 / 60;

/// Peers heard a moment ago, whose clocks stand so to this one.
fn peers(skews_ms: &[i64]) -> Vec<PeerInfo> {
    let of = |(byte, skew_ms): (u8, &i64)| {
        let far = Some(NOW_MS + 300 * DAY_MS);
        let mut peer = peer(NodeId([byte; 32]), &format!("site {byte}"), far, *skew_ms);
        peer.last_seen_ms = NOW_MS - 1_000;
        peer
    };
    (2..).zip(skews_ms).map(of).collect()
}

/// What is told of this node's clock, and whether that stands against "well".
fn told(peers: &[PeerInfo]) -> Option<String> {
    let ground = ground(Some(NOW_MS + 300 * DAY_MS)).seeing(peers);
    let mut told = ground.clock_warnings(peers);
    assert_eq!(ground.is_troubled(peers), !told.is_empty());
    assert!(told.len() < 2, "{told:?}");
    assert!(told.iter().all(|text| ground.warnings(peers).contains(text)));
    assert_eq!(ground.lines(peers).get("own clock"), told.first());
    told.pop()
}

#[test]
fn a_clock_that_most_of_those_met_call_wrong_is_told_whatever_hangs_on_it() {
    let cases: [(&[i64], Option<&str>); 11] = [
        (&[], None),
        (&[0], None),
        (&[-10 * MINUTE], None),
        (
            &[-10 * MINUTE - 1],
            Some("10 min ahead of that of site 2, the only node that it has met: one of the two"),
        ),
        (
            &[-45 * DAY, -45 * DAY],
            Some("45 days ahead of that of most nodes that it has met, site 2 among them"),
        ),
        (&[-430 * DAY], Some("430 days ahead of that of site 2, the only")),
        (&[45 * DAY, 45 * DAY, 0], Some("45 days behind that of most")),
        // One wrong clock among several does not speak for them, nor do two that contradict each other.
        (&[-430 * DAY, 0], None),
        (&[-430 * DAY, 0, 0], None),
        (&[-430 * DAY, 430 * DAY], None),
        (
            &[-430 * DAY, -45 * DAY, 0],
            Some("45 days ahead of that of most nodes that it has met, site 3 among"),
        ),
    ];
    for (skews_ms, expected) in cases {
        let told = told(&peers(skews_ms));
        let is_right = match (&told, expected) {
            (Some(told), Some(expected)) => told.contains(expected),
            (told, expected) => told.is_none() && expected.is_none(),
        };
        assert!(is_right, "{skews_ms:?}: {told:?}");
    }
    let mut revoked = peers(&[-430 * DAY, 0]);
    revoked[1].revoked = true;
    assert!(
        told(&revoked).is_some(),
        "whoever left the network says nothing of its time"
    );
}

#[test]
fn what_was_measured_before_the_clock_was_set_right_says_nothing() {
    // Ahead then: the peer was heard at a time that is still to come.
    let mut ahead = peers(&[-430 * DAY]);
    ahead[0].last_seen_ms = NOW_MS + 430 * DAY_MS;
    let ground_then = ground(Some(NOW_MS + 300 * DAY_MS)).seeing(&ahead);
    assert_eq!(ground_then.clock_off(&ahead), None);
    assert!(
        ground_then.clock_behind_ms().is_some(),
        "that it was wrong is told"
    );
    // Behind then: this clock has passed since what the peer said.
    let mut behind = peers(&[45 * DAY]);
    behind[0].last_seen_ms = NOW_MS - 46 * DAY_MS;
    assert_eq!(told(&behind), None);
    behind[0].last_seen_ms = NOW_MS - 44 * DAY_MS;
    assert!(told(&behind).is_some());
}

#[test]
fn a_clock_by_which_grants_are_over_is_told_once() {
    let mut split = peers(&[-430 * DAY]);
    split[0].grant_ends_ms = Some(NOW_MS - DAY_MS);
    let ground = ground(Some(NOW_MS + 300 * DAY_MS)).seeing(&split);
    assert_eq!(ground.clock_off(&split), None);
    assert!(ground.is_troubled(&split));
    let told = ground.warnings(&split);
    assert_eq!(
        told.iter().filter(|text| text.contains("430 days")).count(),
        1,
        "{told:?}"
    );
}

#[test]
fn a_clock_before_the_program_was_made_is_told() {
    let ms = |text: &str| u64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_millisecond()).unwrap();
    for (now, is_early) in [
        ("1970-01-01T00:00:00Z", true),
        ("2000-01-01T00:02:00Z", true),
        ("2025-12-30T00:00:00Z", true),
        // It is the next year already, in some zone.
        ("2025-12-31T12:00:00Z", false),
        ("2026-01-01T00:00:00Z", false),
        ("2031-06-01T00:00:00Z", false),
    ] {
        assert_eq!(super::is_before_release(ms(now)), is_early, "{now}");
        let mut fresh = ground(None);
        fresh.noted_ms = 0;
        let told = fresh.at(ms(now), &[]).clock_warnings(&[]);
        assert_eq!(told.len(), usize::from(is_early), "{now}: {told:?}");
        assert!(
            told.iter()
                .all(|text| text.contains("before this program was made"))
        );
        // What the node has noted itself says more.
        let mut old = ground(None);
        old.noted_ms = ms("2031-07-01T00:00:00Z");
        let told = old.at(ms(now), &[]).clock_warnings(&[]);
        assert!(
            told.len() == 1 && !told.iter().any(|text| text.contains("was made")),
            "{told:?}"
        );
    }
}
