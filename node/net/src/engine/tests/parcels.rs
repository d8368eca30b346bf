//! Nodes that meet by file only, and what a file may not do to them.

use super::full::{free_bytes, store_in};
use super::*;
use crate::engine::ground::TakenIn;
use crate::parcel::{Access, FormatError, Incoming, Outgoing, ParcelError, ReadReport, Wanted, WriteReport};
use crate::wire::Cursor;
use chaski_crdt::author::SignedChange;
use chaski_crdt::authority::Revocation;
use chaski_crdt::parcel::{End, Head, Item, ParcelReader, ParcelWriter};

fn wanted(bus: &Bus, to: &[usize], all: bool) -> Wanted {
    Wanted {
        to: to
            .iter()
            .map(|index| bus.nodes[*index].id().to_string())
            .collect(),
        all,
    }
}

fn write(bus: &Bus, from: usize, to: &[usize], all: bool) -> (Vec<u8>, WriteReport) {
    let access = Access::own(&bus.nodes[from].store).unwrap();
    let outgoing = Outgoing::choose(access, &wanted(bus, to, all)).unwrap();
    let mut bytes = Vec::new();
    let report = outgoing.write(&mut bytes, &mut |_, _| {}).unwrap();
    assert_eq!(report.bytes, bytes.len() as u64);
    (bytes, report)
}

fn refusal(bus: &Bus, from: usize, to: &[&str]) -> String {
    let access = Access::own(&bus.nodes[from].store).unwrap();
    let wanted = Wanted {
        to: to.iter().map(|name| (*name).to_owned()).collect(),
        all: false,
    };
    Outgoing::choose(access, &wanted)
        .err()
        .expect("a refusal")
        .to_string()
}

fn read(bus: &mut Bus, node: usize, bytes: &[u8]) -> Result<ReadReport, ParcelError> {
    let access = Access::own(&bus.nodes[node].store).unwrap();
    let mut file = bytes;
    let report = Incoming::open(access, &mut file).and_then(|incoming| incoming.take(&mut |_| {}));
    bus.nodes[node].restart();
    report
}

fn cursor(bus: &Bus, node: usize, of: usize) -> Option<Cursor> {
    let kept = bus.nodes[node].store.cursor(&bus.nodes[of].id()).unwrap();
    kept.map(|bytes| postcard::from_bytes(&bytes).unwrap())
}

fn apart(records: usize) -> Bus {
    let bus = Bus::new(2);
    for i in 0..records {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        observation(&bus.nodes[1].store, &format!("b{i}"), "x", 60);
    }
    bus
}

#[test]
fn two_that_never_meet_come_to_hold_the_same() {
    let mut bus = apart(30);
    let (there, written) = write(&bus, 0, &[1], false);
    assert_eq!((written.records, written.changes), (30, 30));
    let report = read(&mut bus, 1, &there).unwrap();
    assert_eq!((report.records, report.changes, report.new_records), (30, 30, 30));
    assert!(
        !report.gap && !report.in_sync && report.fault.is_none(),
        "{report:?}"
    );
    // What came from there is not written back; then both are equal, and it is known.
    let (back, written) = write(&bus, 1, &[0], false);
    assert_eq!(written.records, 30);
    let report = read(&mut bus, 0, &back).unwrap();
    assert!(report.in_sync && !report.gap, "{report:?}");
    assert_eq!(report.new_records, 30);
    bus.assert_equal();
    assert!(bus.nodes[0].engine.peers()[0].in_sync);

    // Twice is harmless.
    for (node, bytes) in [(1, &there), (0, &back)] {
        let before = cursor(&bus, node, 1 - node);
        let again = read(&mut bus, node, bytes).unwrap();
        assert_eq!((again.new_records, again.refused, again.quarantined), (0, 0, 0));
        assert_eq!(cursor(&bus, node, 1 - node), before);
    }

    // When they meet after all, there is nothing to say.
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!((report.sent_records, report.received_records), (0, 0));
    assert!(report.bytes_in + report.bytes_out <= 1_024, "{report:?}");
}

#[test]
fn the_first_answer_to_a_parcel_has_no_gap() {
    let mut bus = Bus::new(2);
    for i in 0..20 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    let (there, _) = write(&bus, 0, &[1], false);
    assert!(read(&mut bus, 1, &there).unwrap().in_sync);
    // Equal, which the other has no way to know: all of our log, less what came from there.
    patient(&bus.nodes[1].store, "a3", "Mamani");
    patient(&bus.nodes[0].store, "a4", "Mamani");
    let (back, written) = write(&bus, 1, &[0], false);
    assert_eq!(written.records, 1);
    let report = read(&mut bus, 0, &back).unwrap();
    assert!(!report.gap && report.new_records == 1, "{report:?}");
}

#[test]
fn a_stick_that_goes_to_and_fro_carries_what_is_new() {
    let mut bus = apart(40);
    for round in 0..4_u32 {
        for (from, to) in [(0, 1), (1, 0)] {
            observation(&bus.nodes[from].store, &format!("r{round}-{from}"), "x", round);
            observation(&bus.nodes[to].store, &format!("s{round}-{from}"), "x", round);
            bus.now_ms += 60_000;
            let (bytes, written) = write(&bus, from, &[to], false);
            if round > 0 {
                assert!(written.records <= 4, "round {round}: {written:?}");
            }
            let report = read(&mut bus, to, &bytes).unwrap();
            assert!(!report.gap, "round {round}: {report:?}");
        }
    }
    let (bytes, _) = write(&bus, 0, &[1], false);
    read(&mut bus, 1, &bytes).unwrap();
    bus.assert_equal();
}

#[test]
fn after_a_proof_only_what_arrived_since_is_written() {
    let mut bus = apart(50);
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.cut();
    bus.nodes.iter_mut().for_each(|node| node.engine.flush());
    patient(&bus.nodes[0].store, "new", "Mamani");
    patient(&bus.nodes[0].store, "a3", "Mamani");
    let (bytes, written) = write(&bus, 0, &[1], false);
    assert_eq!((written.records, written.changes), (2, 2));
    let (_, all) = write(&bus, 0, &[1], true);
    assert_eq!(all.records, 101, "the other's own too");
    let report = read(&mut bus, 1, &bytes).unwrap();
    assert!(report.in_sync && !report.gap, "{report:?}");
    bus.assert_equal();
    let raised = cursor(&bus, 1, 0).unwrap();
    assert_eq!(raised.positions, [bus.nodes[0].store.position(); 3]);
    let report = bus.sync(1, 0).unwrap();
    assert!(
        report.in_sync && report.bytes_in + report.bytes_out <= 1_024,
        "{report:?}"
    );
}

/// The node as it is after its disk was lost: same key, nothing else.
fn lost(bus: &mut Bus, index: usize) {
    let (store, _) = store(90);
    let old = &bus.nodes[index].store;
    let identity = StoreReplica::new(old.clone()).unwrap().identity();
    Trust::load(old, identity.network).unwrap().save(&store).unwrap();
    store.identity_set(&identity).unwrap();
    bus.nodes[index] = Node::of(store, Options::default());
}

#[test]
fn a_parcel_that_builds_on_what_is_missing_raises_no_cursor() {
    let mut bus = apart(20);
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.cut();
    bus.nodes.iter_mut().for_each(|node| node.engine.flush());
    patient(&bus.nodes[0].store, "new", "Mamani");
    let (news, _) = write(&bus, 0, &[1], false);
    lost(&mut bus, 1);
    let report = read(&mut bus, 1, &news).unwrap();
    assert!(report.gap && !report.in_sync, "{report:?}");
    assert_eq!(report.new_records, 1, "what is there is taken in");
    assert_eq!(cursor(&bus, 1, 0), None);
    // Its own word of what it has lacks, so the other still believes the proof: all of it, then.
    let (whole, _) = write(&bus, 0, &[1], true);
    let report = read(&mut bus, 1, &whole).unwrap();
    assert!(report.in_sync && !report.gap, "{report:?}");
    assert_eq!(report.new_records, 40, "its own come back too");
    assert!(cursor(&bus, 1, 0).is_some());
    let report = bus.sync(1, 0).unwrap();
    assert!(report.in_sync, "{report:?}");
    bus.assert_equal();
}

#[test]
fn a_node_that_lost_its_own_records_is_told_that_they_are_not_there() {
    let mut bus = apart(10);
    let (there, _) = write(&bus, 1, &[0], false);
    read(&mut bus, 0, &there).unwrap();
    lost(&mut bus, 1);
    // Nothing is known of what the other has, but what came from there is left out.
    let (back, written) = write(&bus, 0, &[1], false);
    assert_eq!(written.records, 10);
    let report = read(&mut bus, 1, &back).unwrap();
    assert_eq!((report.gap, report.new_records), (true, 10), "{report:?}");
    assert_eq!(cursor(&bus, 1, 0), None);
    let (whole, written) = write(&bus, 0, &[1], true);
    assert_eq!(written.records, 20);
    assert!(read(&mut bus, 1, &whole).unwrap().in_sync);
    bus.assert_equal();
}

#[test]
fn an_edit_after_a_missing_one_waits_and_is_a_gap() {
    let mut bus = Bus::new(2);
    patient(&bus.nodes[0].store, "p", "Quispe");
    assert!(bus.sync(1, 0).unwrap().in_sync);
    bus.cut();
    bus.nodes.iter_mut().for_each(|node| node.engine.flush());
    lost(&mut bus, 1);
    patient(&bus.nodes[0].store, "p", "Mamani");
    let (news, _) = write(&bus, 0, &[1], false);
    let report = read(&mut bus, 1, &news).unwrap();
    assert!(report.gap, "{report:?}");
    assert_eq!(bus.nodes[1].records(), 0);
    let (whole, _) = write(&bus, 0, &[1], true);
    assert!(read(&mut bus, 1, &whole).unwrap().in_sync);
    bus.assert_equal();
}

#[test]
fn an_older_parcel_lowers_nothing() {
    let mut bus = apart(10);
    let (first, _) = write(&bus, 0, &[1], false);
    patient(&bus.nodes[0].store, "later", "Mamani");
    let (second, _) = write(&bus, 0, &[1], false);
    read(&mut bus, 1, &second).unwrap();
    let raised = cursor(&bus, 1, 0);
    let report = read(&mut bus, 1, &first).unwrap();
    assert_eq!((report.new_records, report.gap), (0, false));
    assert_eq!(cursor(&bus, 1, 0), raised);
}

#[test]
fn a_session_at_work_goes_on_from_what_the_parcel_brought() {
    let mut bus = apart(5);
    let (_, session) = bus.connect(1, 0, Some(1));
    bus.run();
    patient(&bus.nodes[0].store, "carried", "Mamani");
    let (bytes, _) = write(&bus, 0, &[1], true);
    // Taken in with the engine at work, as a served node does it.
    let identity = StoreReplica::new(bus.nodes[1].store.clone()).unwrap().identity();
    let key = SigningKey::from_bytes(&identity.signing_seed);
    let mut reader = ParcelReader::new(identity.network, key);
    reader.push(&bytes);
    let (mut head, mut end) = (None, None);
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Head(it) => head = Some(it),
            Item::End(it) => end = Some(it),
            Item::Authority(_) => {}
            Item::Batch(payload) => {
                let authors = bus.nodes[1].engine.trust().authors();
                let sender = bus.nodes[0].id();
                let replica = StoreReplica::new(bus.nodes[1].store.clone()).unwrap();
                let _applied = crate::apply::ApplyJob::of_parcel(sender, identity.network, payload, authors)
                    .run(&replica);
            }
        }
    }
    let taken = TakenIn {
        head: head.unwrap(),
        end: end.unwrap(),
        told: super::parcel_ground::told(&bus, 0),
        clean: true,
        rooted: true,
    };
    let now = now_at(bus.now_ms);
    let (standing, effects) = bus.nodes[1].engine.parcel_taken(now, &taken);
    assert!(standing.unwrap().in_sync);
    let mut jobs = 0;
    for effect in effects {
        if let Effect::Apply(job) = effect {
            let replica = StoreReplica::new(bus.nodes[1].store.clone()).unwrap();
            let applied = job.run(&replica);
            bus.give(1, Event::Applied(Box::new(applied)));
            jobs += 1;
        }
    }
    assert_eq!(jobs, 1);
    let raised = cursor(&bus, 1, 0).unwrap();
    assert_eq!(raised.positions, [bus.nodes[0].store.position(); 3]);
    // The session goes on, and its next batch moves the cursor on from there.
    patient(&bus.nodes[0].store, "pushed", "Mamani");
    bus.give(0, Event::LocalChange);
    bus.run();
    assert!(bus.nodes[0].engine.is_live(session) || bus.nodes[0].engine.session_ids().count() > 0);
    bus.assert_equal();
    let after = cursor(&bus, 1, 0).unwrap();
    assert!(after.positions[0] > raised.positions[0] && after.positions[1] >= raised.positions[1]);
}

#[test]
fn a_limited_grant_gets_its_part_and_all_get_what_all_may_hold() {
    let mut bus = Bus::new(2);
    let limited = bus.member_add(2, Scopes::Panels(BTreeSet::from(["mine".to_owned()])), None);
    patient(&bus.nodes[0].store, "mine", "Quispe");
    patient(&bus.nodes[0].store, "other", "Mamani");
    observation(&bus.nodes[0].store, "of-mine", "mine", 1);
    observation(&bus.nodes[0].store, "of-other", "other", 2);
    put(
        &bus.nodes[0].store,
        r#"{"resourceType":"Organization","id":"shared","name":"o"}"#,
    );
    let (part, written) = write(&bus, 0, &[limited], false);
    assert_eq!(written.records, 3);
    let report = read(&mut bus, limited, &part).unwrap();
    assert!(report.in_sync, "{report:?}");
    assert_eq!(bus.nodes[limited].records(), 3);
    assert!(
        !bus.nodes[limited]
            .store
            .contains(&"Patient/other".parse().unwrap())
            .unwrap()
    );

    let (both, written) = write(&bus, 0, &[1, limited], false);
    assert_eq!(written.records, 3);
    // It is not all that node 1 may hold: taken in, but no cursor of its own moves.
    let report = read(&mut bus, 1, &both).unwrap();
    assert_eq!(
        (report.new_records, report.gap, report.in_sync),
        (3, false, false)
    );
    assert_eq!(cursor(&bus, 1, 0), None);
    assert!(bus.sync(1, 0).unwrap().in_sync);
}

#[test]
fn a_change_of_three_megabytes_spans_frames() {
    let mut bus = Bus::new(2);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let text: String = (0..3_000_000)
        .map(|_| char::from(b'a' + (rng.next_u32() % 26) as u8))
        .collect();
    put(
        &bus.nodes[0].store,
        &format!(r#"{{"resourceType":"Binary","id":"scan","contentType":"text/plain","data":"{text}"}}"#),
    );
    patient(&bus.nodes[0].store, "small", "Quispe");
    let (bytes, _) = write(&bus, 0, &[1], false);
    assert!(bytes.len() > 1_000_000);
    assert!(read(&mut bus, 1, &bytes).unwrap().in_sync);
    bus.assert_equal();
}

/// A parcel that node 0 signs, of changes as they were made before `change` touched them.
fn made_by_hand(bus: &Bus, to: usize, change: impl FnOnce(&mut Vec<crate::batch::Part>)) -> Vec<u8> {
    let store = &bus.nodes[0].store;
    let identity = StoreReplica::new(store.clone()).unwrap().identity();
    let key = SigningKey::from_bytes(&identity.signing_seed);
    let mut parts: Vec<(RecordKey, Vec<SignedChange>)> = store
        .feed(0, 100)
        .unwrap()
        .into_iter()
        .map(|entry| (entry.key.clone(), store.signed_changes(&entry.key).unwrap()))
        .collect();
    change(&mut parts);
    let head = Head {
        sender: NodeId::of(&key),
        made_ms: 1,
        epoch: store.log_epoch(),
        scope: 0,
        from: [0; 3],
        left_out: false,
        held: Vec::new(),
    };
    let recipients = [bus.nodes[to].id()];
    let mut random = |out: &mut [u8]| store.env().random(out);
    let (mut writer, mut bytes) =
        ParcelWriter::begin(&identity.network, &key, &recipients, &head, &mut random).unwrap();
    bytes.extend(writer.batch(&crate::batch::encode(&parts).unwrap()).unwrap());
    bytes.extend(writer.finish(&End::default()).unwrap());
    bytes
}

#[test]
fn a_forged_change_is_named_and_the_rest_is_taken_in() {
    let mut bus = Bus::new(2);
    for i in 0..4 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    let stranger = NodeId::of(&SigningKey::from_bytes(&[55; 32]));
    let bytes = made_by_hand(&bus, 1, |parts| {
        parts[1].1[0].signature[7] ^= 1;
        parts[2].1[0].author.node = stranger;
    });
    let report = read(&mut bus, 1, &bytes).unwrap();
    assert_eq!(
        (report.refused, report.new_records, report.in_sync),
        (2, 2, false)
    );
    let told: Vec<&str> = report.problems.iter().map(|one| one.record.as_str()).collect();
    assert_eq!(told, ["Patient/a1", "Patient/a2"]);
    assert!(report.problems[0].reason.contains("signature"), "{report:?}");
    assert!(report.problems[1].reason.contains("signature"), "{report:?}");
    assert!(!bus.nodes[1].engine.peers()[0].in_sync);
}

#[test]
fn what_stands_before_a_fault_is_taken_in_and_the_fault_is_told() {
    let mut bus = Bus::new(2);
    for i in 0..600 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
        let text = "x".repeat(2_000);
        put(
            &bus.nodes[0].store,
            &format!(
                r#"{{"resourceType":"Observation","id":"o{i}","status":"final","code":{{"text":"{text}{i}"}}}}"#
            ),
        );
    }
    let (bytes, written) = write(&bus, 0, &[1], false);
    let cut = &bytes[..bytes.len() - 10];
    let report = read(&mut bus, 1, cut).unwrap();
    assert_eq!(report.fault, Some(FormatError::Cut));
    assert!(
        report.new_records > 0 && report.new_records < written.records,
        "{report:?}"
    );
    assert!(!report.in_sync && cursor(&bus, 1, 0).is_none());
    assert!(bus.nodes[1].records() > 0);

    let mut altered = bytes.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(
        read(&mut bus, 1, &altered).unwrap().fault,
        Some(FormatError::Altered)
    );
    let mut longer = bytes.clone();
    longer.push(b'\n');
    assert_eq!(
        read(&mut bus, 1, &longer).unwrap().fault,
        Some(FormatError::Extended)
    );
    assert!(cursor(&bus, 1, 0).is_none());
    assert!(read(&mut bus, 1, &bytes).unwrap().in_sync);
}

#[test]
fn who_a_parcel_is_for_is_said_or_refused_with_the_reason() {
    let mut bus = Bus::new(3);
    let expired = bus.member_add(3, Scopes::All, Some(1));
    let node = bus.nodes[2].id();
    let revocation = Statement::Revocation(Revocation {
        node,
        vouched: BTreeMap::new(),
        reason: "test".into(),
    });
    let now = bus.now_ms;
    bus.nodes[0].engine.issue(now_at(now), revocation).unwrap();
    assert!(refusal(&bus, 0, &["nobody"]).contains("no node is known as nobody"));
    assert!(refusal(&bus, 0, &["hub"]).contains("this node itself"));
    assert!(refusal(&bus, 0, &["clinic 2"]).contains("has been ended"));
    assert!(refusal(&bus, 0, &["clinic 3"]).contains("grant of clinic 3 is over"));
    let key = bus.nodes[expired].id().to_string();
    assert!(refusal(&bus, 0, &[&key[..12]]).contains("grant of clinic 3 is over"));
    let access = Access::own(&bus.nodes[0].store).unwrap();
    let outgoing = Outgoing::choose(access, &Wanted::default()).unwrap();
    let names: Vec<&str> = outgoing
        .recipients()
        .iter()
        .map(|party| party.name.as_str())
        .collect();
    assert_eq!(names, ["clinic 1"], "the others may receive nothing");
    // One that has heard of its own end writes nothing that anybody would read.
    let statements: Vec<_> = bus.nodes[0].engine.trust().statements_after(0).cloned().collect();
    let mut trust = bus.nodes[2].engine.trust().clone();
    trust.add(&bus.nodes[2].store, &statements).unwrap();
    assert!(refusal(&bus, 2, &[]).contains("has been ended"));
}

#[test]
fn a_parcel_of_a_revoked_node_or_for_others_is_refused() {
    let mut bus = Bus::new(3);
    patient(&bus.nodes[2].store, "p", "Quispe");
    let (bytes, _) = write(&bus, 2, &[0], false);
    let refused = read(&mut bus, 1, &bytes).unwrap_err();
    assert!(
        matches!(refused, ParcelError::Format(FormatError::NotForThisNode)),
        "{refused}"
    );
    let now = bus.now_ms;
    let revocation = Statement::Revocation(Revocation {
        node: bus.nodes[2].id(),
        vouched: BTreeMap::new(),
        reason: "test".into(),
    });
    bus.nodes[0].engine.issue(now_at(now), revocation).unwrap();
    let refused = read(&mut bus, 0, &bytes).unwrap_err();
    assert!(
        matches!(&refused, ParcelError::Revoked(name) if name == "clinic 2"),
        "{refused}"
    );
    assert_eq!(bus.nodes[0].records(), 0);
}

#[test]
fn a_parcel_brings_the_members_its_reader_had_not_heard_of() {
    let mut bus = Bus::new(2);
    let third = bus.member_add(2, Scopes::All, None);
    patient(&bus.nodes[third].store, "p", "Quispe");
    // Node 1 joined before the third did: of its parcel it learns who that is.
    let named = Wanted {
        to: vec![bus.nodes[1].id().to_string()],
        all: false,
    };
    let outgoing = Outgoing::choose(Access::own(&bus.nodes[third].store).unwrap(), &named).unwrap();
    let mut bytes = Vec::new();
    outgoing.write(&mut bytes, &mut |_, _| {}).unwrap();
    assert!(
        bus.nodes[1]
            .engine
            .trust()
            .member(&bus.nodes[third].id())
            .is_none()
    );
    let report = read(&mut bus, 1, &bytes).unwrap();
    assert!(report.in_sync && report.refused == 0, "{report:?}");
    assert!(
        bus.nodes[1]
            .engine
            .trust()
            .member(&bus.nodes[third].id())
            .is_some()
    );
    assert_eq!(bus.nodes[1].records(), 1);
}

#[test]
fn a_full_disk_takes_nothing_in_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    let mut bus = Bus::new(1);
    let full = bus.member_add_with(1, Scopes::All, None, store_in(&dir, 0, false));
    for i in 0..50 {
        patient(&bus.nodes[0].store, &format!("a{i}"), "Quispe");
    }
    let (bytes, _) = write(&bus, 0, &[full], false);
    let node = bus.nodes.pop().unwrap();
    let (Node { store, engine, .. }, floor_bytes) = (node, free_bytes(&dir) * 2);
    drop((store, engine));
    bus.nodes
        .push(Node::of(store_in(&dir, floor_bytes, true), Options::default()));
    assert!(matches!(read(&mut bus, full, &bytes), Err(ParcelError::Full)));
    assert_eq!((bus.nodes[full].records(), cursor(&bus, full, 0)), (0, None));
}
