//! Parcels on a stick that may fail, for whoever was named, and what counts as known once one was read.

use std::io;

use super::parcel_ground::{MADE_MS, at, but, hub_told, taken};
use super::*;
use crate::engine::Peers;
use crate::engine::ground::Told;
use crate::limits::REFUSED_MAX;
use crate::parcel::{Access, Incoming, Outgoing, ParcelError, Party, ReadReport, Wanted, recipients};
use crate::wire::Cursor;
use chaski_crdt::authority::Revocation;

fn outgoing(bus: &Bus, from: usize, to: &[usize], all: bool) -> Outgoing {
    let access = Access::own(&bus.nodes[from].store).unwrap();
    let to = to.iter().map(|node| bus.nodes[*node].id().to_string()).collect();
    Outgoing::choose(access, &Wanted { to, all }).unwrap()
}

pub(super) fn write(bus: &Bus, from: usize, to: &[usize], all: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    outgoing(bus, from, to, all)
        .write(&mut bytes, &mut |_, _| {})
        .unwrap();
    bytes
}

pub(super) fn read(bus: &mut Bus, node: usize, bytes: &[u8]) -> ReadReport {
    let access = Access::own(&bus.nodes[node].store).unwrap();
    let mut file = bytes;
    let incoming = Incoming::open(access, &mut file).unwrap();
    let report = incoming.take(&mut |_| {}).unwrap();
    bus.nodes[node].restart();
    report
}

/// A stick behind a buffer: what is not flushed is lost when it is pulled.
#[derive(Default)]
struct Stick {
    buffered: Vec<u8>,
    there: Vec<u8>,
    room: Option<usize>,
    is_pulled: bool,
}

impl io::Write for Stick {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let held = self.buffered.len() + self.there.len();
        if self.room.is_some_and(|room| held + bytes.len() > room) {
            return Err(io::Error::other("no room"));
        }
        self.buffered.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_pulled {
            return Err(io::Error::other("pulled"));
        }
        self.there.append(&mut self.buffered);
        Ok(())
    }
}

fn with_records(count: usize) -> Bus {
    let bus = Bus::new(2);
    for i in 0..count {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    bus
}

#[test]
fn a_parcel_that_is_said_to_be_written_is_on_the_stick_to_its_end() {
    let mut bus = with_records(10);
    let mut stick = Stick::default();
    let written = outgoing(&bus, 0, &[1], false)
        .write(&mut stick, &mut |_, _| {})
        .unwrap();
    assert_eq!(
        written.bytes,
        stick.there.len() as u64,
        "the end is still in a buffer"
    );
    let whole = stick.there.len();
    assert!(read(&mut bus, 1, &stick.there).in_sync);
    // A stick that has no room for all of it, or is pulled at the end, is no parcel.
    for room in [0, whole / 2, whole - 1] {
        let mut stick = Stick {
            room: Some(room),
            ..Stick::default()
        };
        let failed = outgoing(&bus, 0, &[1], true).write(&mut stick, &mut |_, _| {});
        assert!(
            matches!(failed, Err(ParcelError::File(_))),
            "room for {room} bytes"
        );
    }
    let mut pulled = Stick {
        is_pulled: true,
        ..Stick::default()
    };
    let failed = outgoing(&bus, 0, &[1], true).write(&mut pulled, &mut |_, _| {});
    assert!(matches!(failed, Err(ParcelError::File(_))));
}

/// A file that is read a little at a time, with a signal in between, and then breaks.
struct Slow<'a> {
    bytes: &'a [u8],
    reads: usize,
    breaks_at: Option<usize>,
}

impl io::Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.breaks_at.is_some_and(|at| self.reads > at) {
            return Err(io::Error::other("the stick was pulled"));
        }
        if self.reads % 3 == 1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = self.bytes.len().min(out.len()).min(100);
        let (now, later) = self.bytes.split_at(count);
        out[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}

#[test]
fn a_file_that_comes_slowly_is_read_and_one_that_breaks_is_told() {
    let bus = with_records(10);
    let bytes = write(&bus, 0, &[1], false);
    let mut heard = Vec::new();
    let mut file = Slow {
        bytes: &bytes,
        reads: 0,
        breaks_at: None,
    };
    let access = Access::own(&bus.nodes[1].store).unwrap();
    let incoming = Incoming::open(access, &mut file).unwrap();
    assert_eq!(incoming.sender().node, bus.nodes[0].id());
    assert_eq!(incoming.sender().name, "hub");
    assert_eq!(incoming.made_ms(), bus.now_ms);
    let report = incoming.take(&mut |records| heard.push(records)).unwrap();
    assert!(report.in_sync && report.fault.is_none(), "{report:?}");
    assert_eq!(heard.last(), Some(&10));
    for breaks_at in [0, 5] {
        let mut file = Slow {
            bytes: &bytes,
            reads: 0,
            breaks_at: Some(breaks_at),
        };
        let access = Access::own(&bus.nodes[1].store).unwrap();
        let outcome = Incoming::open(access, &mut file).and_then(|incoming| incoming.take(&mut |_| {}));
        assert!(
            matches!(outcome, Err(ParcelError::File(_))),
            "after {breaks_at} reads"
        );
    }
}

#[test]
fn whoever_writes_a_parcel_hears_how_far_it_is() {
    let mut bus = with_records(10);
    let mut heard = Vec::new();
    let written = outgoing(&bus, 0, &[1], true)
        .write(&mut Vec::new(), &mut |records, all| heard.push((records, all)))
        .unwrap();
    assert_eq!((written.records, written.changes), (10, 10));
    assert_eq!(heard.last(), Some(&(10, Some(10))));
    // Of a part nobody knows beforehand how much it is.
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.cut();
    bus.nodes.iter_mut().for_each(|node| node.engine.flush());
    patient(&bus.nodes[0].store, "a3", "Mamani");
    patient(&bus.nodes[0].store, "a3", "Condori");
    let mut heard = Vec::new();
    let written = outgoing(&bus, 0, &[1], false)
        .write(&mut Vec::new(), &mut |records, all| heard.push((records, all)))
        .unwrap();
    assert_eq!((written.records, written.changes), (1, 2));
    assert_eq!(heard, [(1, None)]);
}

#[test]
fn what_is_written_while_a_parcel_is_written_is_in_it_or_said_not_to_be() {
    // How often somebody writes meanwhile.
    for times in [0, 1, 3, 500] {
        let mut bus = with_records(10);
        observation(&bus.nodes[0].store, "o", "a1", 1);
        let store = bus.nodes[0].store.clone();
        let mut written = 0;
        let mut bytes = Vec::new();
        let report = outgoing(&bus, 0, &[1], false)
            .write(&mut bytes, &mut |_, _| {
                if written < times {
                    written += 1;
                    patient(&store, &format!("late{written}"), "Mamani");
                }
            })
            .unwrap();
        let read = read(&mut bus, 1, &bytes);
        assert_eq!(read.records, report.records);
        assert!(!read.gap && read.fault.is_none(), "{read:?}");
        assert_eq!(
            read.in_sync,
            bus.nodes[1].records() == bus.nodes[0].records(),
            "{times}"
        );
        assert_eq!(read.in_sync, times < 500, "{times}");
        // Whatever it did not hold comes the next time.
        let next = write(&bus, 0, &[1], true);
        let cursor = bus.nodes[1].store.cursor(&bus.nodes[0].id()).unwrap().unwrap();
        let cursor: Cursor = postcard::from_bytes(&cursor).unwrap();
        let is_all = cursor
            .positions
            .iter()
            .all(|at| *at >= bus.nodes[0].store.position());
        assert_eq!(is_all, read.in_sync, "more counts as read than came");
        assert!(bus.sync(1, 0).unwrap().in_sync);
        bus.assert_equal();
        drop(next);
    }
}

#[test]
fn a_parcel_follows_only_what_was_read_of_every_priority() {
    // Read so far, where the parcel begins, and whether what is between was ever here.
    let rows = [
        ([5, 5, 5], [5, 5, 5], false),
        ([6, 5, 9], [5, 5, 5], false),
        ([4, 5, 5], [5, 5, 5], true),
        ([5, 4, 5], [5, 5, 5], true),
        ([5, 5, 4], [5, 5, 5], true),
        ([4, 9, 9], [5, 5, 5], true),
        ([0, 0, 0], [0, 0, 1], true),
        ([0, 0, 5], [0, 0, 5], false),
    ];
    for (read, from, gap) in rows {
        for (epoch, scope) in [(0, 0), (1, 0), (0, 1)] {
            let mut bus = Bus::new(2);
            patient(&bus.nodes[1].store, "mine", "Quispe");
            let mut taken = taken(&bus);
            taken.head.from = from;
            let kept = Cursor {
                epoch: taken.head.epoch ^ epoch,
                scope: taken.head.scope ^ scope,
                positions: read,
                bases: read,
            };
            let value = postcard::to_stdvec(&kept).unwrap();
            let peer = bus.nodes[0].id();
            let update = chaski_store::CursorUpdate { peer, value };
            bus.nodes[1].store.cursor_put(update).unwrap();
            let now = now_at(bus.now_ms);
            let (standing, effects) = bus.nodes[1].engine.parcel_taken(now, &taken);
            let gap = gap || (epoch, scope) != (0, 0);
            assert_eq!(standing.unwrap().gap, gap, "{read:?} {from:?} {epoch} {scope}");
            let raised: Vec<Cursor> = effects
                .iter()
                .filter_map(|effect| match effect {
                    Effect::Apply(job) => Some(job.cursor),
                    _ => None,
                })
                .collect();
            // Nowhere is it taken back to where the parcel ends.
            let reached = read.map(|at| at.max(7));
            let expected = Cursor {
                positions: reached,
                bases: reached,
                ..kept
            };
            let expected = if gap { vec![] } else { vec![expected] };
            assert_eq!(raised, expected, "{read:?} {from:?} {epoch} {scope}");
        }
    }
}

#[test]
fn a_parcel_older_than_the_session_at_work_moves_nothing_of_it() {
    // The log that the session reads, and that of the parcel; with a session and without.
    for (is_other, has_session, moves) in [
        (false, true, true),
        (true, true, false),
        (true, false, true),
        (false, false, true),
    ] {
        let mut bus = Bus::new(2);
        patient(&bus.nodes[0].store, "a", "Quispe");
        let (ours, _) = bus.connect(1, 0, None);
        bus.run();
        let mut taken = taken(&bus);
        if !has_session {
            bus.cut();
        }
        taken.head.epoch ^= u64::from(is_other);
        (taken.head.left_out, taken.head.held) = (false, Vec::new());
        let now = now_at(bus.now_ms);
        let (_, effects) = bus.nodes[1].engine.parcel_taken(now, &taken);
        let jobs = effects.iter().filter_map(|effect| match effect {
            Effect::Apply(job) => Some((job.session, job.cursor.epoch)),
            _ => None,
        });
        let session = if has_session { ours } else { 0 };
        let expected = moves.then_some((session, taken.head.epoch));
        assert_eq!(
            jobs.collect::<Vec<_>>(),
            Vec::from_iter(expected),
            "{is_other} {has_session}"
        );
    }
}

#[test]
fn who_has_records_for_the_hub_is_not_in_sync_by_the_hubs_parcel() {
    for owes in [false, true] {
        let mut bus = Bus::new(1);
        let panel = Scopes::Panels(BTreeSet::from(["mine".to_owned()]));
        let team = bus.member_add(1, panel, None);
        patient(&bus.nodes[0].store, "mine", "Quispe");
        if owes {
            patient(&bus.nodes[team].store, "newborn", "Mamani");
        }
        let bytes = write(&bus, 0, &[team], false);
        let report = read(&mut bus, team, &bytes);
        assert_eq!((report.in_sync, report.gap), (!owes, false), "{report:?}");
        assert_eq!(bus.nodes[team].engine.peers()[0].in_sync, !owes);
        // Nor is the hub by the team's, before it has what only it may hold.
        let back = write(&bus, team, &[0], true);
        let report = read(&mut bus, 0, &back);
        assert!(!report.gap, "{report:?}");
        assert_eq!(bus.nodes[0].records(), 1 + u64::from(owes));
    }
}

#[test]
fn what_a_sender_said_last_counts_and_nothing_older() {
    for (made_ms, is_newer) in [(MADE_MS - 1, false), (MADE_MS, true), (MADE_MS + 1, true)] {
        let mut bus = Bus::new(2);
        let mut one = taken(&bus);
        let now = bus.now_ms;
        let (standing, _) = bus.nodes[1].engine.parcel_taken(now_at(now), &one);
        standing.unwrap();
        let first = one.head.held[0];
        one.head.made_ms = made_ms;
        one.head.held[0].positions = [0; 3];
        // What it holds of others' logs is not what it holds of ours.
        let mut other = one.head.held[0];
        other.node = bus.nodes[0].id();
        one.head.held.insert(0, other);
        let (standing, _) = bus.nodes[1].engine.parcel_taken(now_at(now + 500), &one);
        standing.unwrap();
        let ground = bus.nodes[1].engine.parcel_ground(now_at(now + 900)).unwrap();
        let told = ground.told[&bus.nodes[0].id()];
        let expected = match is_newer {
            true => Told {
                made_ms,
                read_ms: now + 500,
                held: Some(one.head.held[1]),
                equal_ms: 0,
            },
            false => Told {
                made_ms: MADE_MS,
                read_ms: now,
                held: Some(first),
                equal_ms: 0,
            },
        };
        assert_eq!(told, expected, "made at {made_ms}");
        assert_eq!(ground.wall_ms, now + 900);
    }
}

#[test]
fn a_proof_and_a_word_of_what_is_held_are_weighed_by_their_time() {
    const READ_MS: u64 = MADE_MS + 100;
    let said = at([15; 3], [15; 3]);
    let by_parcel = Told {
        equal_ms: READ_MS,
        ..said
    };
    let nothing = but(said, |held| held.epoch = 1);
    // Told; proven equal when and where; records then written, and since when the others are left out.
    type Row = (&'static str, Option<Told>, Option<(u64, u64)>, u64, Option<u64>);
    let made_ms = MADE_MS + 15;
    let rows: [Row; 9] = [
        ("nothing known", None, None, 20, None),
        ("proven", None, Some((READ_MS, 12)), 8, Some(READ_MS)),
        ("proven at the end", None, Some((READ_MS, 20)), 0, Some(READ_MS)),
        ("proven beyond the end", None, Some((READ_MS, 21)), 20, None),
        ("proven of nothing", None, Some((READ_MS, 0)), 20, None),
        ("said since", Some(said), Some((READ_MS, 12)), 5, Some(made_ms)),
        (
            "proven since",
            Some(said),
            Some((READ_MS + 1, 12)),
            8,
            Some(READ_MS + 1),
        ),
        (
            "equal by a parcel alone",
            Some(by_parcel),
            Some((READ_MS, 18)),
            5,
            Some(made_ms),
        ),
        (
            "said of another log",
            Some(nothing),
            Some((READ_MS, 12)),
            8,
            Some(READ_MS),
        ),
    ];
    for (what, told, proven, records, since) in rows {
        let bus = hub_told(&[told, None]);
        let node = bus.nodes[1].id();
        if let Some((then_ms, position)) = proven {
            let hub = &bus.nodes[0].store;
            let mut peers = Peers::load(hub, hub.log_epoch()).unwrap();
            peers.in_sync(&node, true, position, position, then_ms);
            peers.save(hub, 0, true).unwrap();
        }
        let outgoing = outgoing(&bus, 0, &[1], false);
        assert_eq!(outgoing.since_ms(), since, "{what}");
        let written = outgoing.write(&mut Vec::new(), &mut |_, _| {}).unwrap();
        assert_eq!(written.records, records, "{what}");
    }
}

#[test]
fn what_only_the_hub_may_hold_is_written_from_where_the_hub_has_taken_it() {
    // How far both were equal of what both may hold, and how far the hub has taken the rest.
    for (equal, handed, records) in [(12, 7, 13), (12, 17, 8), (12, 12, 8), (12, 0, 20)] {
        let mut bus = Bus::new(1);
        let panel = Scopes::Panels(BTreeSet::from(["mine".to_owned()]));
        let team = bus.member_add(1, panel, None);
        for i in 0..20 {
            observation(&bus.nodes[team].store, &format!("o{i}"), "elsewhere", i);
        }
        let (store, hub) = (bus.nodes[team].store.clone(), bus.nodes[0].id());
        let mut peers = Peers::load(&store, store.log_epoch()).unwrap();
        peers.in_sync(&hub, true, equal, equal, MADE_MS);
        peers.hand(&hub, handed);
        peers.save(&store, 0, true).unwrap();
        let outgoing = outgoing(&bus, team, &[0], false);
        let written = outgoing.write(&mut Vec::new(), &mut |_, _| {}).unwrap();
        assert_eq!(written.records, records, "equal to {equal}, handed to {handed}");
    }
}

#[test]
fn whom_a_parcel_may_be_for_is_listed_by_name() {
    let mut bus = Bus::new(4);
    bus.member_add(4, Scopes::All, Some(1));
    let now = bus.now_ms;
    let revoked = bus.nodes[2].id();
    bus.nodes[0]
        .engine
        .revoke(now_at(now), revoked, "lost".into())
        .unwrap();
    let listed = |bus: &Bus, node: usize| {
        let (able, over) = recipients(Access::own(&bus.nodes[node].store).unwrap()).unwrap();
        let named = |parties: Vec<Party>| parties.into_iter().map(|party| party.name).collect::<Vec<_>>();
        (named(able), named(over))
    };
    // Whose grant is over is named too: it may have none.
    let over = ["clinic 4"];
    let both = |able: &[&str]| {
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        (named(able), named(&over))
    };
    assert_eq!(listed(&bus, 0), both(&["clinic 1", "clinic 3"]));
    // A node that has heard of its own end lists nobody.
    let statements: Vec<_> = bus.nodes[0].engine.trust().statements_after(0).cloned().collect();
    let mut trust = bus.nodes[2].engine.trust().clone();
    trust.add(&bus.nodes[2].store, &statements).unwrap();
    assert_eq!(listed(&bus, 2), Default::default());
    let end = Statement::Revocation(Revocation {
        node: bus.nodes[1].id(),
        vouched: BTreeMap::new(),
        reason: "lost".into(),
    });
    bus.nodes[0].engine.issue(now_at(now), end).unwrap();
    assert_eq!(listed(&bus, 0), both(&["clinic 3"]));
}

#[test]
fn a_recipient_is_named_by_enough_of_its_key_or_by_its_whole_name() {
    let mut bus = Bus::new(3);
    // A second node of the same name.
    let twin = Statement::Member(Member {
        node: NodeId::of(&SigningKey::from_bytes(&[222; 32])),
        name: "clinic 2".into(),
        role: NodeRole::Clinic,
        site: String::new(),
    });
    let now = bus.now_ms;
    bus.nodes[0].engine.issue(now_at(now), twin).unwrap();
    let choose = |names: &[&str]| {
        let to = names.iter().map(|name| (*name).to_owned()).collect();
        let access = Access::own(&bus.nodes[0].store).unwrap();
        let outgoing = Outgoing::choose(access, &Wanted { to, all: false });
        outgoing
            .map(|outgoing| {
                outgoing
                    .recipients()
                    .iter()
                    .map(|party| party.node)
                    .collect::<Vec<_>>()
            })
            .map_err(|error| error.to_string())
    };
    let one = bus.nodes[1].id();
    let key = one.to_string();
    for name in ["clinic 1", &key, &key[..4], &key[..9].to_uppercase()] {
        assert_eq!(choose(&[name]), Ok(vec![one]), "{name}");
    }
    assert_eq!(
        choose(&["clinic 1", &key[..8], &key]),
        Ok(vec![one]),
        "named twice"
    );
    for name in [&key[..3], "clinic", "CLINIC 1", ""] {
        let refused = choose(&[name]).unwrap_err();
        assert!(refused.contains("no node is known as"), "{name}: {refused}");
    }
    let refused = choose(&["clinic 2"]).unwrap_err();
    assert!(
        refused.contains("several nodes are known as clinic 2"),
        "{refused}"
    );
    let refused = choose(&["clinic 1", "nobody"]).unwrap_err();
    assert!(refused.contains("no node is known as nobody"), "{refused}");
}

#[test]
fn of_many_refused_changes_all_are_counted_and_the_first_are_named() {
    let mut bus = with_records(REFUSED_MAX + 6);
    let identity = StoreReplica::new(bus.nodes[0].store.clone()).unwrap().identity();
    let key = SigningKey::from_bytes(&identity.signing_seed);
    let hub = bus.nodes[0].store.clone();
    let feed = hub.feed(0, 1_000).unwrap();
    let parts: Vec<crate::batch::Part> = feed
        .into_iter()
        .map(|entry| {
            let mut changes = hub.signed_changes(&entry.key).unwrap();
            changes.iter_mut().for_each(|change| change.signature[7] ^= 1);
            (entry.key, changes)
        })
        .collect();
    let mut head = taken(&bus).head;
    (head.left_out, head.held) = (false, Vec::new());
    let to = [bus.nodes[1].id()];
    let mut random = |out: &mut [u8]| hub.env().random(out);
    let begin = chaski_crdt::parcel::ParcelWriter::begin(&identity.network, &key, &to, &head, &mut random);
    let (mut writer, mut bytes) = begin.unwrap();
    bytes.extend(writer.authority(&[]).unwrap());
    // In two batches, of which the first alone has nearly enough.
    for half in parts.chunks(REFUSED_MAX - 1) {
        let payload = crate::batch::encode(half).unwrap();
        bytes.extend(writer.batch(&payload).unwrap());
    }
    let end = chaski_crdt::parcel::End {
        records: parts.len() as u64,
        changes: parts.len() as u64,
        ..Default::default()
    };
    bytes.extend(writer.finish(&end).unwrap());
    let report = read(&mut bus, 1, &bytes);
    assert_eq!(report.refused, parts.len() as u64);
    assert_eq!((report.problems.len(), report.quarantined), (REFUSED_MAX, 0));
    assert_eq!((report.records, report.new_records), (parts.len() as u64, 0));
    let named: BTreeSet<_> = report.problems.iter().map(|one| one.record.clone()).collect();
    assert_eq!(named.len(), REFUSED_MAX, "each once");
    assert!(report.problems.iter().all(|one| !one.change.is_empty()));
}
