//! Who waits at the door, how long, and who comes next.

use super::*;

fn place(n: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, n])
}

#[test]
fn addresses_take_turns_and_at_each_it_is_the_first_who_came() {
    let (mut hall, now) = (Hall::default(), Instant::now());
    for (from, name) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (3, "c1"), (3, "c2")] {
        assert_eq!(hall.wait(place(from), name, now), None);
    }
    assert!(hall.is_waited_for(place(2)) && !hall.is_waited_for(place(4)));
    let mut order = Vec::new();
    while let Some((_, name)) = hall.next(|_| true) {
        order.push(name);
    }
    assert_eq!(order, ["a1", "b1", "c1", "a2", "c2", "a3"]);
    assert!(hall.is_empty() && !hall.is_waited_for(place(1)));
    // From where nobody may enter nobody does, and holds up no other.
    hall.wait(place(1), "a", now);
    hall.wait(place(2), "b", now);
    assert_eq!(hall.next(|from| from == place(2)), Some((place(2), "b")));
    assert_eq!(hall.next(|from| from == place(2)), None);
    assert!(!hall.is_empty());
}

#[test]
fn who_has_waited_as_long_as_anybody_may_is_answered() {
    let (mut hall, now) = (Hall::default(), Instant::now());
    let at = |ms: u64| now + Duration::from_millis(ms);
    hall.wait(place(1), "first", at(0));
    hall.wait(place(2), "second", at(500));
    hall.wait(place(1), "third", at(900));
    assert!(hall.late(at(DOOR_WAIT_MS - 1)).is_empty());
    assert_eq!(hall.late(at(DOOR_WAIT_MS)), ["first"]);
    assert_eq!(hall.late(at(DOOR_WAIT_MS + 900)), ["third", "second"]);
    assert!(hall.is_empty());
}

#[test]
fn a_flood_fills_the_room_and_takes_it_from_nobody_else() {
    let (mut hall, now) = (Hall::default(), Instant::now());
    let flooded = (0..5_000).filter_map(|n| hall.wait(place(66), n, now));
    assert_eq!(flooded.count(), 5_000 - DOOR_WAITING_MAX);
    assert_eq!(hall.count, DOOR_WAITING_MAX);
    // Others come, each from an address of its own or many from one: the flood makes room.
    for n in 1..=50 {
        let out = hall.wait(place(n), 10_000, now).unwrap();
        assert!(out < 5_000, "an honest one was turned away");
    }
    for _ in 0..200 {
        assert!(hall.wait(place(60), 10_000, now).unwrap() < 5_000);
    }
    assert_eq!(hall.count, DOOR_WAITING_MAX);
    // The 51 addresses that wait beside the flood are served between one of its and the next one.
    let turns = (0..51 + 1).filter_map(|_| hall.next(|_| true));
    assert_eq!(turns.filter(|(from, _)| *from == place(66)).count(), 1);
    // As many addresses as there is room: the last to come goes, and no more than that is kept.
    let mut hall = Hall::default();
    for n in 0..2 * DOOR_WAITING_MAX as u32 {
        let from = IpAddr::from((n + (11 << 24)).to_be_bytes());
        let out = hall.wait(from, n, now);
        assert_eq!(out, (n as usize >= DOOR_WAITING_MAX).then_some(n));
    }
    assert!(hall.rows.len() <= DOOR_WAITING_MAX);
    assert_eq!(hall.wait(place(1), 7, now), Some(7), "whichever its address is");
}

#[test]
fn one_customer_with_many_networks_of_its_own_takes_the_room_and_the_turns_of_one() {
    let (mut hall, now) = (Hall::default(), Instant::now());
    let own = |n: u16| IpAddr::from([0x2001, 0xdb8, 1, n, 0, 0, 0, 0]);
    for n in 0..2_000 {
        hall.wait(own(n % 256), u32::from(n), now);
    }
    assert_eq!(hall.count, DOOR_WAITING_MAX);
    // A neighbour of the same provider, and hosts from elsewhere.
    let others: Vec<IpAddr> = (1..=5).map(place).chain([own(0x700)]).collect();
    for other in &others {
        let out = hall.wait(*other, 10_000, now).unwrap();
        assert!(out < 10_000, "an honest one was turned away");
    }
    let turns: Vec<IpAddr> = (0..14)
        .filter_map(|_| hall.next(|_| true))
        .map(|(at, _)| at)
        .collect();
    for other in &others {
        assert!(turns.contains(other), "{other} waits behind {turns:?}");
    }
    while hall.next(|_| true).is_some() {}
    assert!(hall.is_empty() && hall.turns.is_empty());
}
