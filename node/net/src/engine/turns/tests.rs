//! How long members wait, in which order, and for how long a turn is kept.

use super::*;

fn node(n: u16) -> NodeId {
    let mut key = [7; 32];
    key[..2].copy_from_slice(&n.to_be_bytes());
    NodeId(key)
}

#[test]
fn the_wait_is_as_long_as_the_queue_and_the_pace_say_and_a_turn_not_taken_is_anothers() {
    let mut turns = Turns::default();
    // Three places a second become free.
    (0..180).for_each(|n| turns.take(&node(9_999), 100_001 + n * 333));
    let now_ms = 160_000;
    let told: Vec<u32> = (0..300).map(|n| turns.wait_s(&node(n), now_ms)).collect();
    assert!(told.is_sorted(), "{told:?}");
    assert_eq!((told[0], told[29], told[299]), (1, 10, 100));
    // Whoever asks again keeps its place in the queue.
    assert_eq!(turns.wait_s(&node(29), now_ms), 10);
    assert!(turns.is_next(&node(0), 1, now_ms));
    assert!(!turns.is_next(&node(3), 1, now_ms) && turns.is_next(&node(3), 4, now_ms));
    // One that waits for long yet holds up nobody who is here now.
    let stranger = node(5_000);
    let soon = told.iter().filter(|seconds| **seconds <= 5).count();
    assert!(!turns.is_next(&stranger, soon, now_ms) && turns.is_next(&stranger, soon + 1, now_ms));
    // Those who do not come lose their turn.
    let late_ms = now_ms + 101_000 + TURN_KEPT_MS;
    assert!(turns.is_next(&stranger, 1, late_ms));
    assert!(turns.waiting.is_empty());
}

#[test]
fn however_many_come_the_wait_has_an_end_and_what_is_known_of_them_a_bound() {
    let mut turns = Turns::default();
    for n in 0..3_000 {
        assert!((1..=WAIT_S_MAX).contains(&turns.wait_s(&node(n), 5)));
        turns.take(&node(9_999), 5);
    }
    assert_eq!(turns.waiting.len(), TURNS_MAX);
    assert_eq!(turns.taken.len(), TAKEN_MAX);
    turns.take(&node(1), 5);
    assert_eq!(turns.waiting.len(), TURNS_MAX - 1);
}
