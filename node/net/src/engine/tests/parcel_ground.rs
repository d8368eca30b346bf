//! Where a parcel begins, and where its reader stands after it.

use super::*;
use crate::engine::ground::{TakenIn, Told};
use crate::parcel::{Access, Incoming, Outgoing, ReadReport, Wanted, WriteReport};
use crate::wire::Cursor;
use chaski_crdt::authority::StatementId;
use chaski_crdt::parcel::{End, Head, Held, ParcelWriter};

pub(super) const MADE_MS: u64 = 1_780_000_000_000;

fn write(bus: &Bus, from: usize, to: &[usize]) -> (Vec<u8>, WriteReport, Option<u64>) {
    let access = Access::own(&bus.nodes[from].store).unwrap();
    let to = to.iter().map(|node| bus.nodes[*node].id().to_string()).collect();
    let outgoing = Outgoing::choose(access, &Wanted { to, all: false }).unwrap();
    let since_ms = outgoing.since_ms();
    let mut bytes = Vec::new();
    let report = outgoing.write(&mut bytes, &mut |_, _| {}).unwrap();
    (bytes, report, since_ms)
}

fn read(bus: &mut Bus, node: usize, bytes: &[u8]) -> ReadReport {
    let access = Access::own(&bus.nodes[node].store).unwrap();
    let mut file = bytes;
    let incoming = Incoming::open(access, &mut file).unwrap();
    let report = incoming.take(&mut |_| {}).unwrap();
    bus.nodes[node].restart();
    report
}

/// A hub with ten patients, then ten observations, and two nodes that have told how far they have read.
pub(super) fn hub_told(told: &[Option<Told>; 2]) -> Bus {
    let bus = Bus::new(3);
    let hub = &bus.nodes[0].store;
    for i in 0..10 {
        patient(hub, &format!("p{i}"), "Quispe");
    }
    for i in 0..10 {
        observation(hub, &format!("o{i}"), "p", i);
    }
    assert_eq!(hub.position(), 20);
    let rows = told.iter().zip(1..).filter_map(|(told, node)| {
        let mut told = (*told)?;
        let own = Held {
            node: bus.nodes[0].id(),
            epoch: hub.log_epoch(),
            scope: bus.nodes[0].engine.trust().filter_for(&bus.nodes[node].id()).1,
            positions: [0; 3],
            bases: [0; 3],
        };
        if let Some(held) = &mut told.held {
            // What a row changes of epoch and scope, it says by a bit.
            (held.node, held.epoch, held.scope) = (own.node, held.epoch ^ own.epoch, held.scope ^ own.scope);
        }
        Some((bus.nodes[node].id(), told))
    });
    let rows: Vec<(NodeId, Told)> = rows.collect();
    let bytes = postcard::to_extend(&rows, vec![1]).unwrap();
    hub.blob_put("net/parcels-told", &bytes).unwrap();
    bus
}

/// Has read so far, in passes begun there.
pub(super) fn at(positions: [u64; 3], bases: [u64; 3]) -> Told {
    Told {
        made_ms: MADE_MS + positions[0],
        read_ms: MADE_MS + 100,
        held: Some(Held {
            node: NodeId([0; 32]),
            epoch: 0,
            scope: 0,
            positions,
            bases,
        }),
        equal_ms: 0,
    }
}

pub(super) fn but(mut told: Told, change: impl FnOnce(&mut Held)) -> Told {
    change(told.held.as_mut().unwrap());
    told
}

#[test]
fn a_parcel_begins_where_its_reader_said_that_it_is_in_this_log() {
    let all = at([20; 3], [20; 3]);
    let rows: [(&str, Option<Told>, u64, Option<u64>); 9] = [
        ("it has all", Some(all), 0, Some(20)),
        ("behind", Some(at([5; 3], [5; 3])), 15, Some(5)),
        (
            "each priority for itself",
            Some(at([4, 17, 0], [4, 17, 0])),
            9,
            Some(4),
        ),
        ("a pass begun", Some(at([20; 3], [5, 20, 20])), 5, Some(20)),
        ("nothing said", None, 20, None),
        ("nothing held", Some(Told { held: None, ..all }), 20, None),
        ("another log", Some(but(all, |held| held.epoch = 1)), 20, None),
        ("another grant", Some(but(all, |held| held.scope = 1)), 20, None),
        (
            "further than the log goes",
            Some(but(all, |held| held.positions[2] = 21)),
            20,
            None,
        ),
    ];
    for (what, told, records, since) in rows {
        let mut bus = hub_told(&[told, None]);
        let (bytes, written, since_ms) = write(&bus, 0, &[1]);
        assert_eq!(written.records, records, "{what}");
        assert_eq!(since_ms, since.map(|ms| MADE_MS + ms), "{what}");
        let report = read(&mut bus, 1, &bytes);
        assert_eq!(report.gap, since.is_some(), "{what}: it has none of it in truth");
    }
}

#[test]
fn a_parcel_for_two_holds_what_the_one_behind_lacks() {
    type Row<'a> = (&'a str, Option<Told>, Option<Told>, u64, Option<u64>);
    let rows: [Row<'_>; 5] = [
        (
            "one further than the other",
            Some(at([5; 3], [5; 3])),
            Some(at([15; 3], [15; 3])),
            15,
            Some(5),
        ),
        (
            "both the same",
            Some(at([15; 3], [15; 3])),
            Some(at([15; 3], [15; 3])),
            5,
            Some(15),
        ),
        (
            "each further in a priority",
            Some(at([10, 12, 0], [10, 12, 0])),
            Some(at([3, 20, 0], [3, 20, 0])),
            15,
            Some(3),
        ),
        (
            "a pass begun by one",
            Some(at([20; 3], [20; 3])),
            Some(at([20; 3], [20, 14, 20])),
            6,
            Some(20),
        ),
        ("nothing known of one", Some(at([20; 3], [20; 3])), None, 20, None),
    ];
    for (what, one, other, records, since) in rows {
        for told in [[one, other], [other, one]] {
            for to in [[1, 2], [2, 1]] {
                let (_, written, since_ms) = write(&hub_told(&told), 0, &to);
                assert_eq!(written.records, records, "{what}");
                assert_eq!(since_ms, since.map(|ms| MADE_MS + ms), "{what}");
            }
        }
    }
}

#[test]
fn what_a_reader_knew_of_the_log_before_a_rebuild_counts_for_nothing_after_it() {
    let mut bus = Bus::new(2);
    for i in 0..10 {
        patient(&bus.nodes[0].store, &format!("old{i}"), "Quispe");
    }
    let (there, ..) = write(&bus, 0, &[1]);
    read(&mut bus, 1, &there);
    let (back, ..) = write(&bus, 1, &[0]);
    read(&mut bus, 0, &back);
    assert_eq!(write(&bus, 0, &[1]).1.records, 0, "nothing was told: no test");
    // Rebuilt: the key and the documents stay, the log begins anew, and goes further than the old one did.
    let (fresh, _) = store(80);
    let old = bus.nodes[0].store.clone();
    for (name, bytes) in old.blobs("").unwrap() {
        fresh.blob_put(&name, &bytes).unwrap();
    }
    let identity = StoreReplica::new(old).unwrap().identity();
    fresh.identity_set(&identity).unwrap();
    bus.nodes[0] = Node::of(fresh, Options::default());
    for i in 0..15 {
        patient(&bus.nodes[0].store, &format!("new{i}"), "Mamani");
    }
    let (bytes, written, _) = write(&bus, 0, &[1]);
    assert_eq!(written.records, 15);
    let report = read(&mut bus, 1, &bytes);
    assert_eq!((report.gap, report.new_records), (false, 15), "{report:?}");
    assert_eq!(bus.nodes[1].records(), 25);
}

/// The statements that a node's parcels hold: all that it does.
pub(super) fn told(bus: &Bus, node: usize) -> BTreeSet<StatementId> {
    let trust = bus.nodes[node].engine.trust();
    trust
        .statements_after(0)
        .map(|bytes| StatementId::of(bytes))
        .collect()
}

/// A parcel of the hub's that was taken in by the second node, which holds something else.
pub(super) fn taken(bus: &Bus) -> TakenIn {
    let (hub, me) = (&bus.nodes[0], &bus.nodes[1]);
    let scope = me.engine.trust().filter_for(&me.id()).1;
    TakenIn {
        head: Head {
            sender: hub.id(),
            made_ms: MADE_MS,
            epoch: hub.store.log_epoch(),
            scope,
            from: [0; 3],
            left_out: true,
            held: vec![Held {
                node: me.id(),
                epoch: me.store.log_epoch(),
                scope,
                positions: [1; 3],
                bases: [1; 3],
            }],
        },
        end: End {
            to: [7; 3],
            position: 9,
            sum: [5; 32],
            count: 3,
            records: 3,
            changes: 3,
        },
        told: told(bus, 0),
        clean: true,
        rooted: true,
    }
}

#[test]
fn a_parcel_is_complete_only_if_nothing_that_it_builds_on_is_missing() {
    type Change = fn(&mut TakenIn, &Bus);
    let equal: Change = |taken, bus| {
        let sum = bus.nodes[1].fingerprint();
        (taken.end.sum, taken.end.count) = (sum.sum, sum.count);
    };
    // In sync, a gap, and how far the sender's log counts as read.
    type Row<'a> = (&'a str, &'a [Change], (bool, bool, Option<u64>));
    let rows: [Row<'_>; 12] = [
        ("all that the sender had", &[], (false, false, Some(7))),
        (
            "a change waits for what it follows",
            &[|taken, _| taken.rooted = false],
            (false, true, None),
        ),
        (
            "it begins later",
            &[|taken, _| taken.head.from = [3; 3]],
            (false, true, None),
        ),
        (
            "it begins later in one priority",
            &[|taken, _| taken.head.from[2] = 3],
            (false, true, None),
        ),
        (
            "chosen for another grant",
            &[|taken, _| taken.head.scope ^= 1],
            (false, false, None),
        ),
        (
            "left out is what was in another log",
            &[|taken, _| taken.head.held[0].epoch ^= 1],
            (false, true, None),
        ),
        (
            "left out is more than there is",
            &[|taken, _| taken.head.held[0].positions[1] = 2],
            (false, true, None),
        ),
        (
            "nothing is left out",
            &[|taken, _| {
                taken.head.held[0].epoch ^= 1;
                taken.head.left_out = false;
            }],
            (false, false, Some(7)),
        ),
        ("both hold the same", &[equal], (true, false, Some(9))),
        (
            "both hold the same, whatever it begins with",
            &[equal, |taken, _| {
                taken.head.from = [3; 3];
                taken.rooted = false;
            }],
            (true, false, Some(9)),
        ),
        (
            "both hold the same, and something was refused",
            &[equal, |taken, _| taken.clean = false],
            (false, false, Some(9)),
        ),
        (
            "the same by another grant",
            &[equal, |taken, _| taken.head.scope ^= 1],
            (false, false, None),
        ),
    ];
    for (what, changes, (in_sync, gap, reached)) in rows {
        let mut bus = Bus::new(2);
        patient(&bus.nodes[1].store, "mine", "Quispe");
        let mut taken = taken(&bus);
        changes.iter().for_each(|change| change(&mut taken, &bus));
        let now = now_at(bus.now_ms);
        let (standing, effects) = bus.nodes[1].engine.parcel_taken(now, &taken);
        let standing = standing.unwrap();
        assert_eq!((standing.in_sync, standing.gap), (in_sync, gap), "{what}");
        let read: Vec<[u64; 3]> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Apply(job) => Some(job.cursor.positions),
                _ => None,
            })
            .collect();
        assert_eq!(
            read,
            reached.map(|at| [at; 3]).into_iter().collect::<Vec<_>>(),
            "{what}"
        );
        assert_eq!(bus.nodes[1].engine.peers()[0].in_sync, in_sync, "{what}");
    }
}

#[test]
fn a_parcel_from_which_a_change_is_missing_is_told_to_have_a_gap() {
    for is_missing in [false, true] {
        let mut bus = Bus::new(2);
        patient(&bus.nodes[0].store, "p", "Quispe");
        patient(&bus.nodes[0].store, "p", "Mamani");
        let hub = bus.nodes[0].store.clone();
        let identity = StoreReplica::new(hub.clone()).unwrap().identity();
        let key = SigningKey::from_bytes(&identity.signing_seed);
        let of: RecordKey = "Patient/p".parse().unwrap();
        let mut changes = hub.signed_changes(&of).unwrap();
        changes.drain(..usize::from(is_missing));
        let mut head = taken(&bus).head;
        (head.left_out, head.held) = (false, Vec::new());
        let (sum, position) = hub.fingerprint(&chaski_store::ScopeFilter::all()).unwrap();
        let end = End {
            to: [position; 3],
            position,
            sum: sum.sum,
            count: sum.count,
            records: 1,
            changes: changes.len() as u64,
        };
        let mut random = |out: &mut [u8]| hub.env().random(out);
        let to = [bus.nodes[1].id()];
        let (mut writer, mut bytes) =
            ParcelWriter::begin(&identity.network, &key, &to, &head, &mut random).unwrap();
        bytes.extend(writer.authority(&[]).unwrap());
        let payload = crate::batch::encode(&[(of.clone(), changes)]).unwrap();
        bytes.extend(writer.batch(&payload).unwrap());
        bytes.extend(writer.finish(&end).unwrap());
        let report = read(&mut bus, 1, &bytes);
        assert_eq!(
            (report.gap, report.in_sync),
            (is_missing, !is_missing),
            "{report:?}"
        );
        let has_read = bus.nodes[1].store.cursor(&bus.nodes[0].id()).unwrap().is_some();
        assert_eq!(has_read, !is_missing, "the log counts as read");
        assert_eq!(bus.nodes[1].store.contains(&of).unwrap(), !is_missing);
        assert!(bus.sync(1, 0).unwrap().in_sync);
        bus.assert_equal();
    }
}

#[test]
fn what_is_still_owed_of_a_pass_that_was_cut_is_in_the_next_parcel() {
    // How far the reader is, where its passes began, and what it is then still given: ten patients, then ten
    // observations.
    let rows = [
        ([20; 3], [20; 3], 0),
        ([20; 3], [5, 20, 20], 5),
        ([20; 3], [20, 14, 20], 6),
        ([20; 3], [0; 3], 20),
        ([12, 20, 20], [3, 20, 20], 7),
        ([5; 3], [5; 3], 15),
    ];
    for (positions, bases, owed) in rows {
        let mut bus = hub_told(&[None, None]);
        let hub = bus.nodes[0].id();
        let reader = &bus.nodes[1];
        let cursor = Cursor {
            epoch: bus.nodes[0].store.log_epoch(),
            scope: reader.engine.trust().filter_for(&reader.id()).1,
            positions,
            bases,
        };
        let value = postcard::to_stdvec(&cursor).unwrap();
        let update = chaski_store::CursorUpdate { peer: hub, value };
        reader.store.cursor_put(update).unwrap();
        patient(&reader.store, "mine", "Mamani");
        let (bytes, ..) = write(&bus, 1, &[0]);
        assert_eq!(read(&mut bus, 0, &bytes).new_records, 1);
        let told = bus.nodes[0]
            .engine
            .parcel_ground(now_at(bus.now_ms))
            .unwrap()
            .told;
        let held = told[&bus.nodes[1].id()].held.unwrap();
        assert_eq!((held.positions, held.bases), (positions, bases));
        let (_, written, since_ms) = write(&bus, 0, &[1]);
        assert_eq!(written.records, owed, "{positions:?} {bases:?}");
        assert_eq!(
            since_ms,
            Some(bus.now_ms),
            "when it was said, {positions:?} {bases:?}"
        );
    }
}

#[test]
fn a_node_that_holds_more_than_a_parcels_sender_did_knows_that_it_holds_all_of_it() {
    type Change = fn(&mut TakenIn);
    // Whether it holds all, and both the same.
    type Row<'a> = (&'a str, Change, (Option<bool>, bool));
    let rows: [Row<'_>; 7] = [
        ("all of it came, and more is here", |_| {}, (Some(true), false)),
        (
            "fewer records are here",
            |taken| taken.end.count = 3,
            (Some(false), false),
        ),
        (
            "something was refused",
            |taken| taken.clean = false,
            (Some(false), false),
        ),
        (
            "it begins with what never came",
            |taken| taken.head.from = [3; 3],
            (None, false),
        ),
        (
            "a change waits for what it follows",
            |taken| taken.rooted = false,
            (None, false),
        ),
        (
            "it was chosen for another grant",
            |taken| taken.head.scope ^= 1,
            (None, false),
        ),
        (
            "its sender knows members that are not known here",
            |taken| {
                taken.told.insert(StatementId([7; 32]));
            },
            (None, false),
        ),
    ];
    for (what, change, expected) in rows {
        let mut bus = Bus::new(2);
        patient(&bus.nodes[1].store, "mine", "Quispe");
        let mut taken = taken(&bus);
        taken.end.count = 1;
        change(&mut taken);
        let now = now_at(bus.now_ms);
        let (standing, _) = bus.nodes[1].engine.parcel_taken(now, &taken);
        let standing = standing.unwrap();
        assert_eq!((standing.holds_all, standing.in_sync), expected, "{what}");
    }
}

/// The second node then holds what the sender held; both are in sync only where they know the same of the network, as
/// between two who meet.
#[test]
fn who_knows_less_of_the_network_is_not_told_to_be_in_sync_by_a_parcel_either() {
    for (what, lacks, is_here, expected) in [
        ("both know the same", false, true, (true, true)),
        ("the sender knows less", true, true, (true, false)),
        (
            "this node could not take in all of it",
            false,
            false,
            (false, false),
        ),
    ] {
        let mut bus = Bus::new(2);
        patient(&bus.nodes[1].store, "both", "Quispe");
        let mut taken = taken(&bus);
        let held = bus.nodes[1].fingerprint();
        (taken.end.sum, taken.end.count) = (held.sum, held.count);
        if lacks {
            taken.told.pop_first();
        }
        if !is_here {
            taken.told.insert(StatementId([7; 32]));
        }
        let now = now_at(bus.now_ms);
        let (standing, _) = bus.nodes[1].engine.parcel_taken(now, &taken);
        let shown = bus.nodes[1].engine.peers()[0].in_sync;
        assert_eq!((standing.unwrap().in_sync, shown), expected, "{what}");
    }
}

#[test]
fn a_parcel_says_what_its_sender_held_when_it_was_written_and_not_when_it_is_read() {
    const WEEK_MS: u64 = 7 * 86_400_000;
    // When it was read after it was written, by the reader's clock; then when both are said to have been equal.
    type Row = (u64, u64, u64);
    let now = Bus::new(1).now_ms;
    let rows: [Row; 4] = [
        (now, now, now),
        (now, now + WEEK_MS, now),
        (now, now + 365 * 86_400_000, now),
        // The sender's clock is ahead: nobody was heard of tomorrow.
        (now + WEEK_MS, now, now),
    ];
    for (made_ms, read_ms, equal_ms) in rows {
        let mut bus = Bus::new(2);
        patient(&bus.nodes[1].store, "both", "Quispe");
        let mut taken = taken(&bus);
        taken.head.made_ms = made_ms;
        let held = bus.nodes[1].fingerprint();
        (taken.end.sum, taken.end.count) = (held.sum, held.count);
        let sender = bus.nodes[0].id();
        let engine = &mut bus.nodes[1].engine;
        let read = Now {
            steady_ms: 60_000,
            wall_ms: read_ms,
        };
        let (standing, effects) = engine.parcel_taken(read, &taken);
        engine.run_inline(read, effects);
        assert!(standing.unwrap().in_sync);
        let state = engine.core.peers.state(&sender).unwrap();
        assert_eq!(
            (state.in_sync, state.equal_ms, state.last_seen_ms),
            (true, equal_ms, equal_ms),
            "made at {made_ms}, read at {read_ms}"
        );
        // The page and the command say the same.
        assert_eq!(engine.peers()[0].last_seen_ms, equal_ms);
        assert_eq!(
            setup::peers(&bus.nodes[1].store).unwrap()[0].last_seen_ms,
            equal_ms
        );
        let told = bus.nodes[1].engine.parcel_ground(read).unwrap().told[&sender];
        assert_eq!(
            (told.made_ms, told.read_ms, told.equal_ms),
            (equal_ms, read_ms, equal_ms)
        );
    }
}

#[test]
fn a_sender_whose_clock_was_ahead_is_heard_once_it_is_set_right() {
    const DAY_MS: u64 = 86_400_000;
    let mut bus = Bus::new(2);
    let sender = bus.nodes[0].id();
    // When it was made and read; how far the sender said that it is; what counts then.
    for (made_days, read_days, says, counts) in [(365, 0, 9, 9), (1, 2, 4, 4), (0, 3, 7, 4), (3, 4, 8, 8)] {
        let mut taken = taken(&bus);
        taken.head.made_ms = bus.now_ms + made_days * DAY_MS;
        taken.head.held[0].positions = [says; 3];
        let now = now_at(bus.now_ms + read_days * DAY_MS);
        let engine = &mut bus.nodes[1].engine;
        engine.parcel_taken(now, &taken).0.unwrap();
        let told = engine.parcel_ground(now).unwrap().told[&sender];
        assert_eq!(
            told.held.unwrap().positions,
            [counts; 3],
            "made after {made_days} days"
        );
        assert!(told.made_ms <= told.read_ms);
    }
}
