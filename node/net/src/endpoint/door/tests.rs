//! Who is let in, by whom, and how many.

use std::net::SocketAddr;

use super::*;
use crate::limits::{DOOR_DRAINING_ADDRESS_MAX, DOOR_DRAINING_MAX, DOOR_LOOK_MS};
use crate::place::place_of;

fn own(n: u8) -> Network {
    networks(host(n))[0]
}

fn host(n: u8) -> IpAddr {
    place_of(SocketAddr::from(([10, 0, 0, n], 40_000)))
}

#[test]
fn one_address_keeps_only_itself_busy() {
    let (mut door, now) = (Door::default(), Instant::now());
    let entered = (0..1_000).filter(|_| door.ask(host(1), true, now) == Answer::Enter);
    assert_eq!(entered.count(), DOOR_ADDRESS_MAX);
    assert_eq!(door.ask(host(1), true, now), Answer::Wait);
    assert_eq!(door.ask(host(2), true, now), Answer::Enter);
    door.leave(host(1));
    assert_eq!(door.ask(host(1), true, now), Answer::Enter);
}

#[test]
fn coming_and_going_fast_is_bounded_too() {
    let (mut door, now) = (Door::default(), Instant::now());
    for _ in 0..DOOR_BEGUN_MAX {
        assert_eq!(door.ask(host(1), true, now), Answer::Enter);
        door.leave(host(1));
    }
    assert_eq!(door.ask(host(1), true, now), Answer::Wait);
    let later = now + Duration::from_millis(DOOR_WINDOW_MS);
    assert_eq!(door.ask(host(1), true, later), Answer::Enter);
}

#[test]
fn who_pretends_to_be_elsewhere_locks_nobody_out() {
    let (mut door, now) = (Door::default(), Instant::now());
    let answers: Vec<Answer> = (0..1_000).map(|_| door.ask(host(1), false, now)).collect();
    let entered = answers.iter().filter(|answer| **answer == Answer::Enter);
    assert_eq!(entered.count(), DOOR_UNPROVEN_MAX);
    assert!(!answers.contains(&Answer::Wait));
    assert_eq!(door.ask(host(1), true, now), Answer::Enter);
    // From everywhere at once: some get in, all others have to prove themselves.
    for n in 0..=255 {
        (0..DOOR_UNPROVEN_MAX).for_each(|_| {
            door.ask(host(n), false, now);
        });
    }
    assert!(door.here <= DOOR_MAX / 4 + 1);
    assert_eq!(door.ask(host(7), true, now), Answer::Enter);
}

#[test]
fn all_together_are_bounded_and_so_is_what_is_remembered_of_them() {
    let (mut door, now) = (Door::default(), Instant::now());
    let far = |n: u32| IpAddr::from((n + (11 << 24)).to_be_bytes());
    for n in 0..20_000 {
        door.ask(far(n), true, now);
    }
    assert_eq!(door.here, DOOR_MAX);
    let later = now + Duration::from_millis(DOOR_WINDOW_MS);
    for n in 0..20_000 {
        door.leave(far(n));
        assert_eq!(door.ask(far(n), true, later), Answer::Enter);
        door.leave(far(n));
        assert!(door.rows.len() <= DOOR_ADDRESSES_MAX);
        if n as usize + 1 >= DOOR_ADDRESSES_MAX {
            break;
        }
    }
}

#[test]
fn each_bound_of_the_door_is_where_it_is_said_to_be() {
    let now = Instant::now();
    let past = now
        .checked_sub(Duration::from_millis(DOOR_WINDOW_MS))
        .unwrap_or(now);
    let unproven = DOOR_UNPROVEN_MAX;
    // At the door in all, from there now, begun from there in the window; what is answered to one
    // that has not proven where it is, and to one that has.
    let rows = [
        (0, 0, 0, Answer::Enter, Answer::Enter),
        (DOOR_MAX / 4 - 1, 0, 0, Answer::Enter, Answer::Enter),
        (DOOR_MAX / 4, 0, 0, Answer::Prove, Answer::Enter),
        (20, unproven - 1, 0, Answer::Enter, Answer::Enter),
        (20, unproven, 0, Answer::Prove, Answer::Enter),
        (20, 0, unproven - 1, Answer::Enter, Answer::Enter),
        (20, 0, unproven, Answer::Prove, Answer::Enter),
        (DOOR_MAX - 1, 0, 0, Answer::Prove, Answer::Enter),
        (DOOR_MAX, 0, 0, Answer::Prove, Answer::Wait),
        (90, DOOR_ADDRESS_MAX - 1, 0, Answer::Prove, Answer::Enter),
        (90, DOOR_ADDRESS_MAX, 0, Answer::Prove, Answer::Wait),
        (90, 0, DOOR_BEGUN_MAX - 1, Answer::Prove, Answer::Enter),
        (90, 0, DOOR_BEGUN_MAX, Answer::Prove, Answer::Wait),
    ];
    for (all, here, begun, if_unproven, if_proven) in rows {
        for (proven, expected) in [(false, if_unproven), (true, if_proven)] {
            let row = Row {
                here,
                begun,
                since: now,
            };
            let mut door = Door {
                rows: [(own(1), row)].into(),
                here: all,
                ..Door::default()
            };
            assert_eq!(
                door.ask(host(1), proven, now),
                expected,
                "{all} {here} {begun} {proven}"
            );
            let entered = usize::from(expected == Answer::Enter);
            assert_eq!(door.here, all + entered);
            let after = door.rows[&own(1)];
            assert_eq!((after.here, after.begun), (here + entered, begun + entered));
        }
    }
    // What was begun in an earlier window is over; who is still here is still here.
    let old = Row {
        here: DOOR_ADDRESS_MAX - 1,
        begun: DOOR_BEGUN_MAX,
        since: past,
    };
    let mut door = Door {
        rows: [(own(1), old)].into(),
        here: 40,
        ..Door::default()
    };
    assert_eq!(door.ask(host(1), true, now), Answer::Enter);
    assert_eq!(door.rows[&own(1)].begun, 1);
    assert_eq!(door.ask(host(1), true, now), Answer::Wait);
    // Whoever leaves makes room for one, and none below nothing.
    door.leave(host(1));
    assert_eq!((door.here, door.rows[&own(1)].here), (40, DOOR_ADDRESS_MAX - 1));
    door.leave(host(9));
    assert_eq!(door.here, 39);
}

#[test]
fn a_place_is_given_back_when_a_connection_goes() {
    let door = Arc::new(Mutex::new(Door::default()));
    lock(&door).ask(host(1), true, Instant::now());
    let freed = Arc::new(Notify::new());
    let place = Place {
        door: Arc::clone(&door),
        freed: Arc::clone(&freed),
        trace: None,
        at: host(1),
    };
    let counts = || {
        let door = lock(&door);
        (door.here, door.rows[&own(1)].here)
    };
    assert_eq!(counts(), (1, 1));
    drop(place);
    assert_eq!(counts(), (0, 0));
}

#[test]
fn a_crowd_of_members_behind_one_address_is_let_in_one_after_the_other() {
    let (mut door, now) = (Door::default(), Instant::now());
    let member = |n: u16| {
        let mut key = [0; 32];
        key[..2].copy_from_slice(&n.to_be_bytes());
        NodeId(key)
    };
    // Six hundred within a moment: each takes a place, says who it is, and is none that strangers are bounded by.
    for n in 0..600 {
        assert_eq!(door.ask(host(1), true, now), Answer::Enter, "{n}");
        door.welcome(host(1), member(n), now);
        door.leave(host(1));
    }
    assert_eq!(door.rows[&own(1)].begun, 0);
    // One of them that begins again and again counts like a stranger after a while.
    let begun = std::iter::from_fn(|| {
        let is_in = door.ask(host(2), true, now) == Answer::Enter;
        door.welcome(host(2), member(7), now);
        door.leave(host(2));
        is_in.then_some(())
    });
    assert!(begun.take(2 * DOOR_BEGUN_MAX).count() < DOOR_BEGUN_MAX + DOOR_MEMBER_MAX);
    // In the next window it is let in again; what is remembered of members is bounded.
    let later = now + Duration::from_millis(DOOR_WINDOW_MS);
    assert_eq!(door.ask(host(2), true, later), Answer::Enter);
    (0..u16::MAX).for_each(|n| door.welcome(host(2), member(n), later));
    assert!(door.members.len() <= DOOR_ADDRESSES_MAX);
}

#[test]
fn who_comes_and_leaves_at_once_keeps_only_itself_waiting_however_long_that_takes_the_transport() {
    let (mut door, begun) = (Door::default(), Instant::now());
    let mut transport = std::collections::VecDeque::new();
    let at = |tenths: u64| begun + Duration::from_millis(100 * tenths);
    // Eight hosts, each twelve times a second, and each connection is kept for 49 s.
    for tenths in 0..900 {
        let now = at(tenths);
        while transport.front().is_some_and(|(until, _)| *until <= now) {
            transport.pop_front();
        }
        for n in (1..=8).chain((tenths % 5 == 0).then_some(1 + (tenths % 8) as u8)) {
            if door.ask(host(n), true, now) == Answer::Enter {
                door.leave(host(n));
                let settings = Arc::new(quinn::TransportConfig::default());
                door.drains.add(host(n), Arc::downgrade(&settings), now);
                transport.push_back((now + Duration::from_secs(49), settings));
            }
        }
        // Anybody else comes in, clinics that share an address one after the other included.
        let other = host(100 + (tenths % 100) as u8);
        assert_eq!(
            door.ask(other, true, now),
            Answer::Enter,
            "after {tenths} tenths of a second"
        );
        door.leave(other);
    }
    let kept = transport.len();
    assert!(kept > DOOR_DRAINING_MAX && kept < 2 * DOOR_DRAINING_MAX, "{kept}");
    assert_eq!(door.ask(host(1), true, at(900)), Answer::Wait);
    assert_eq!(door.ask(host(1), false, at(900)), Answer::Prove);
    // They are let in again as soon as the transport has let go.
    transport.clear();
    assert_eq!(door.ask(host(1), true, at(920)), Answer::Enter);
}

#[test]
fn the_more_addresses_leave_connections_behind_the_fewer_each_may() {
    let (mut drains, now) = (Drains::default(), Instant::now());
    let far = |n: u32| IpAddr::from((n + (11 << 24)).to_be_bytes());
    let settings = Arc::new(quinn::TransportConfig::default());
    for _ in 0..DOOR_DRAINING_ADDRESS_MAX {
        for n in 0..500 {
            if drains.is_room(far(n), now) {
                drains.add(far(n), Arc::downgrade(&settings), now);
            }
        }
    }
    let all = drains.all(now);
    assert!(all > DOOR_DRAINING_MAX && all < 16 * DOOR_DRAINING_MAX, "{all}");
    assert!(!drains.is_room(far(0), now));
    assert!(drains.is_room(far(501), now), "nothing was left from there");
    drop(settings);
    let later = now + Duration::from_millis(DOOR_LOOK_MS);
    assert!(drains.is_room(far(0), later));
    assert_eq!(drains.all(later), 0);
}

#[test]
fn one_customer_with_many_networks_of_its_own_does_not_fill_the_door() {
    let (mut door, now) = (Door::default(), Instant::now());
    let of = |text: String| place_of(SocketAddr::new(text.parse().unwrap(), 1));
    let own = |n: u16| of(format!("2001:db8:1:{:x}::1", 0x100 + n));
    let entered = (0..4).flat_map(|_| (0..256).map(own));
    let entered = entered
        .filter(|at| door.ask(*at, true, now) == Answer::Enter)
        .count();
    assert_eq!(entered, 3 * DOOR_ADDRESS_MAX);
    // Its neighbour of the same provider comes in, and so does everybody else.
    assert_eq!(door.ask(of("2001:db8:1:200::1".into()), true, now), Answer::Enter);
    assert_eq!(door.ask(host(1), true, now), Answer::Enter);
    // A site with a /48 has room for more, and leaves as much for others.
    let site = |n: u16| of(format!("2001:db8:2:{n:x}::1"));
    let entered = (0..1_000)
        .map(|n| site(64 * n))
        .filter(|at| door.ask(*at, true, now) == Answer::Enter);
    assert_eq!(entered.count(), 4 * DOOR_ADDRESS_MAX);
    assert_eq!(door.ask(of("2001:db8:3::1".into()), true, now), Answer::Enter);
    door.leave(own(0));
    assert_eq!(door.ask(own(9), true, now), Answer::Enter);
}

#[test]
fn a_member_gives_its_place_back_and_is_none_that_strangers_are_bounded_by() {
    let (door, freed) = (Arc::new(Mutex::new(Door::default())), Arc::new(Notify::new()));
    lock(&door).ask(host(1), true, Instant::now());
    let place = Place {
        door: Arc::clone(&door),
        freed,
        trace: None,
        at: host(1),
    };
    // Where a quarter of all places are taken, nobody stays longer than others wait for one.
    for (here, is_room) in [
        (DOOR_MAX / 4 - 1, true),
        (DOOR_MAX / 4, false),
        (DOOR_MAX / 4 + 1, false),
    ] {
        lock(&door).here = here;
        assert_eq!(place.is_room(), is_room, "{here}");
    }
    place.welcome(NodeId([1; 32]));
    let row = &lock(&door).rows[&own(1)];
    assert_eq!((row.here, row.begun), (0, 0));
}

#[test]
fn so_often_is_a_member_not_counted_in_each_window_and_no_more_often() {
    let (mut door, now) = (Door::default(), Instant::now());
    let later = now + Duration::from_millis(DOOR_WINDOW_MS);
    let begun = |door: &mut Door, times: usize, at: Instant| {
        for _ in 0..times {
            assert_eq!(door.ask(host(1), true, at), Answer::Enter);
            door.welcome(host(1), NodeId([1; 32]), at);
            door.leave(host(1));
        }
        door.rows[&own(1)].begun
    };
    assert_eq!(begun(&mut door, DOOR_MEMBER_MAX, now), 0);
    assert_eq!(begun(&mut door, 2, later - Duration::from_millis(1)), 2);
    assert_eq!(begun(&mut door, DOOR_MEMBER_MAX, later), 0);
    assert_eq!(begun(&mut door, 1, later), 1);
}

#[test]
fn as_many_members_are_known_as_there_is_room_for_and_whose_window_is_over_makes_room() {
    let (mut door, now) = (Door::default(), Instant::now());
    let later = now + Duration::from_millis(DOOR_WINDOW_MS);
    let member = |n: usize| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        NodeId(key)
    };
    door.members = (0..DOOR_ADDRESSES_MAX).map(|n| (member(n), (0, now))).collect();
    let begun = |door: &mut Door, n: usize, at: Instant| {
        let row = Row {
            here: 0,
            begun: 3,
            since: at,
        };
        door.rows = [(own(1), row)].into();
        door.welcome(host(1), member(n), at);
        door.rows[&own(1)].begun
    };
    let stranger = DOOR_ADDRESSES_MAX;
    assert_eq!(begun(&mut door, stranger, now), 3, "no room for one more");
    assert_eq!(begun(&mut door, 7, now), 2);
    assert_eq!(door.members.len(), DOOR_ADDRESSES_MAX);
    assert_eq!(begun(&mut door, stranger, later), 2);
    assert_eq!(door.members.len(), 1);
}
