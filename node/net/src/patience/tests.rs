//! What is tried again, when, and for how long.

use super::*;

#[test]
fn what_may_go_well_in_a_moment_is_tried_again_and_a_refusal_is_not() {
    let s = Duration::from_secs;
    for (reason, tried_for) in [
        (CloseReason::Duplicate, Some(s(6))),
        // Longer than a handshake may take: else one that failed would be the only one.
        (CloseReason::Unmet("during the handshake".into()), Some(s(16))),
        (CloseReason::Lost("in the midst of it".into()), None),
        (CloseReason::RevokedHere, None),
        (CloseReason::StrangerHere, None),
        (CloseReason::Busy, None),
        (CloseReason::Shutdown, None),
        (CloseReason::Store("x".into()), None),
    ] {
        assert_eq!(patience(&NetError::Closed(reason.clone())), tried_for, "{reason}");
    }
    for error in [
        NetError::Stopped,
        NetError::Unreachable("x".into()),
        NetError::Disabled("x".into()),
        NetError::Timeout("x".into()),
    ] {
        assert_eq!(patience(&error), None, "{error}");
    }
}

#[test]
fn who_has_no_room_is_asked_again_when_it_says_and_by_each_at_its_own_time() {
    let node = |n: u8| NodeId([n; 32]);
    let s = Duration::from_secs;
    // Told how long: no sooner, and not all at once; after a long wait it may be its turn sooner.
    let wait = |n: u8, seconds: u32| Waits::new(node(n)).next(&CloseReason::Wait(seconds)).unwrap();
    let waits: std::collections::BTreeSet<Duration> = (0..200).map(|n| wait(n, 8)).collect();
    assert!(waits.len() > 180 && waits.iter().all(|wait| (s(8)..s(10)).contains(wait)));
    assert!((s(10)..s(13)).contains(&wait(1, 400)));
    let halves = waits.iter().filter(|wait| **wait < s(9)).count();
    assert!((70..130).contains(&halves), "{halves} of 200 in the first half");
    // Refused without a word: ever less often, and again no two together.
    let busy = |n: u8| {
        let mut waits = Waits::new(node(n));
        (0..8)
            .map(|_| waits.next(&CloseReason::Busy).unwrap())
            .collect::<Vec<_>>()
    };
    let first: std::collections::BTreeSet<Duration> = (0..200).map(|n| busy(n)[0]).collect();
    assert!(first.len() > 150 && first.iter().all(|wait| (s(1)..s(2)).contains(wait)));
    for (wait, least) in busy(7).into_iter().zip([1, 2, 4, 8, 16, 16, 16, 16]) {
        assert!(
            (s(least)..s(2 * least)).contains(&wait),
            "{wait:?} after {least} s"
        );
    }
    // One that is there and says nothing may be at work for others, or never say anything.
    let mut silent = Waits::new(node(1));
    let waits = std::iter::from_fn(|| silent.next(&CloseReason::Silent)).take(100);
    assert_eq!(waits.count(), SILENCES_MAX as usize);
    // Nothing else is a matter of waiting, and no wait is for ever.
    for reason in [
        CloseReason::Shutdown,
        CloseReason::Stalled,
        CloseReason::RevokedHere,
    ] {
        assert_eq!(Waits::new(node(1)).next(&reason), None, "{reason}");
    }
    for reason in [CloseReason::Busy, CloseReason::Wait(600), CloseReason::Wait(0)] {
        let mut waits = Waits::new(node(1));
        let waited: Duration = std::iter::from_fn(|| waits.next(&reason)).take(100_000).sum();
        assert!(waited <= Duration::from_millis(TURN_MS_MAX), "{reason}");
        assert!(waited > s(600), "{reason}");
    }
}

#[test]
fn the_wait_that_is_told_is_the_others_own_though_it_is_asked_sooner() {
    let told = |reason: CloseReason| {
        let wait = Waits::new(NodeId([3; 32])).next(&reason).unwrap();
        seconds(&reason, wait)
    };
    assert_eq!(told(CloseReason::Wait(400)), 400);
    // Asked again a little later than in a second.
    assert!((1..=3).contains(&told(CloseReason::Wait(1))));
    assert!((1..=3).contains(&told(CloseReason::Busy)));
}
