//! Two hundred daemons and a hub that comes back.

use super::*;
use crate::engine::peers::Peers;
use crate::limits::{DIAL_MS_MAX, RETURN_MEMBER_MS, RETURN_MS_MAX, TICK_MS};

const DAEMONS: usize = 200;
const HUB: NodeId = NodeId([200; 32]);

/// What one daemon knows of its hub, and what it is about to do.
struct Daemon {
    peers: Peers,
    /// When it ticks first.
    tick_ms: u64,
    is_back: bool,
    /// When a dial ends that reaches nobody.
    ends_ms: Option<u64>,
}

/// Daemons that lose the hub at the same moment, and tick each at its own.
fn daemons(is_restart: bool) -> Vec<Daemon> {
    let mut daemons = Vec::new();
    for n in 0..DAEMONS as u16 {
        let mut me = [1; 32];
        me[..2].copy_from_slice(&n.to_be_bytes());
        let mut peers = Peers::default();
        peers.own(NodeId(me));
        peers.seen(&HUB, "10.0.0.1:1", true, 0);
        peers.failed(&HUB, None, true, 0);
        if is_restart {
            peers.restarted(&HUB, DAEMONS + 1, 0);
        }
        daemons.push(Daemon {
            peers,
            tick_ms: u64::from(n) * 37 % TICK_MS,
            is_back: false,
            ends_ms: None,
        });
    }
    daemons
}

/// The moments, in ms, at which dials reach a hub that is there from a time on.
fn dials(mut daemons: Vec<Daemon>, there_ms: u64) -> Vec<u64> {
    let mut reached = Vec::new();
    for from_ms in (0..there_ms + 120_000).step_by(TICK_MS as usize) {
        for daemon in daemons.iter_mut().filter(|daemon| !daemon.is_back) {
            let now_ms = from_ms + daemon.tick_ms;
            let is_there = now_ms >= there_ms;
            // A dial that began while nobody was there has come to nothing by now.
            if daemon.ends_ms.take_if(|at| *at <= now_ms).is_some() {
                daemon.peers.failed(&HUB, None, true, now_ms);
            }
            let mut dials = daemon.peers.due(now_ms).len() + daemon.peers.returning(now_ms).len();
            for (hub, address) in daemon.peers.knocks_due(now_ms) {
                let is_answered = daemon.peers.knocks(&hub, now_ms) && is_there;
                if is_answered && daemon.peers.dials(&hub, now_ms, DIAL_MS_MAX) {
                    dials += usize::from(daemon.peers.returns(&hub, &address, DAEMONS + 1, now_ms));
                }
            }
            if dials > 0 && is_there {
                reached.push(now_ms);
                daemon.is_back = true;
            } else if dials > 0 {
                daemon.ends_ms = Some(now_ms + DIAL_MS_MAX);
            }
        }
    }
    reached.sort_unstable();
    assert!(
        daemons.iter().all(|daemon| daemon.is_back),
        "some never come back"
    );
    reached
}

/// The most that reach it within a second.
fn rate(reached: &[u64]) -> usize {
    let within = |from: u64| {
        reached
            .iter()
            .filter(|at| (from..from + 1_000).contains(*at))
            .count()
    };
    reached.iter().map(|at| within(*at)).max().unwrap_or(0)
}

#[test]
fn a_hub_that_was_started_anew_is_met_by_two_hundred_one_after_the_other() {
    let spread_ms = (RETURN_MEMBER_MS * (DAEMONS as u64 + 1)).min(RETURN_MS_MAX);
    // Back at once, after it took its time, and after an evening without it.
    for (there_ms, within_ms) in [
        (300, spread_ms + 2_500),
        (20_000, spread_ms + 2_500),
        (3_600_000, spread_ms + 17_000),
    ] {
        let reached = dials(daemons(true), there_ms);
        let (most, last) = (rate(&reached), reached.last().unwrap() - there_ms);
        assert!(most <= 45, "{most} a second after {there_ms} ms");
        assert!(last <= within_ms, "the last one after {last} ms");
    }
}

#[test]
fn where_it_may_be_the_own_link_that_is_up_again_nobody_waits_for_long() {
    let reached = dials(daemons(false), 20_000);
    let last = reached.last().unwrap() - 20_000;
    assert!(last <= 3_600, "the last one after {last} ms");
    assert!(rate(&reached) <= 120, "{} a second", rate(&reached));
}

#[test]
fn each_comes_at_a_time_of_its_own_key_and_a_few_come_at_once() {
    let part = |me: u8, members: usize| {
        let mut peers = Peers::default();
        peers.own(NodeId([me; 32]));
        peers.learn(&HUB, "10.0.0.1:1");
        peers.restarted(&HUB, members, 0);
        peers.state(&HUB).unwrap().dial_ms
    };
    let times: BTreeSet<u64> = (0..=255).map(|me| part(me, 200)).collect();
    assert!(times.len() > 240, "{} of 256", times.len());
    assert_eq!(part(1, 200), part(1, 200), "the same each time");
    assert!(
        (0..=255).all(|me| part(me, 4) < TICK_MS),
        "three wait for no crowd"
    );
}

#[test]
fn whoever_stops_or_was_started_anew_is_taken_to_come_back_and_nobody_else() {
    for (reason, is_restart) in [
        (CloseReason::Shutdown, true),
        (CloseReason::Reset, true),
        (CloseReason::Lost("gone".to_owned()), false),
        (CloseReason::Stalled, false),
        (CloseReason::Busy, false),
        (CloseReason::Wait(9), false),
        (CloseReason::Done, false),
    ] {
        assert_eq!(reason.is_restart(), is_restart, "{reason}");
    }
}
