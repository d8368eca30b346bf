//! Compartments: what a grant withholds never reaches a peer, and both ends are
//! in sync on the rest, whatever the network does.
//!
//! Three patients: one in the carried team's panel, one not, and one of whom no
//! record is ever filed wrongly, so that not even a correction may name them to
//! the team. Somebody listens on the wire of every node that does not hold all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use chaski_crdt::authority::Scopes;
use chaski_crdt::codec::decode_batch;
use chaski_json::{Json, json};
use chaski_net::wire::{self, Message, PayloadId};
use chaski_store::{Base, Compartment, Filing, RecordKey, ScopeFilter, Write};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::act::context;
use super::world::World;

/// Carried by every team.
const NEAR: u32 = 0;
/// Carried by some; their results are filed wrongly now and then.
const FAR: u32 = 1;
/// Carried by no team, and nothing of theirs is ever filed under another.
const QUIET: u32 = 2;
/// The node of the team that carries one patient.
const TEAM: usize = 3;
/// Seeds tried in an ordinary run.
const SEEDS: u64 = 100;
/// Fresh ones beside them in a soak.
const SOAK_SEEDS: u64 = 400;
/// Results a patient may have.
const RESULTS: u32 = 4;

/// Somebody whom a node's user registers on the road.
fn newcomer_key(node: usize, n: u32) -> RecordKey {
    let id = format!("0190f5a0-0000-7000-8000-0000000e{node:02x}{n:02x}");
    RecordKey::new("Patient", &id).unwrap()
}

fn is_newcomer(key: &RecordKey) -> bool {
    key.id().contains("-0000000e")
}

fn edit_newcomer(world: &mut World, node: usize) -> Option<Write> {
    let key = newcomer_key(node, world.dice.random_range(0..3));
    let json = world
        .current(node, &key)
        .unwrap_or_else(|| json!({"resourceType": "Patient", "id": (key.id())}));
    let month = world.dice.random_range(10..13);
    put(
        key,
        with(json, "birthDate", Json::from(format!("2026-{month}-01"))),
    )
}

fn patient_id(person: u32) -> String {
    format!("0190f5a0-0000-7000-8000-0000000a{person:04x}")
}

fn patient_key(person: u32) -> RecordKey {
    RecordKey::new("Patient", &patient_id(person)).unwrap()
}

fn result_key(first_filed: u32, n: u32) -> RecordKey {
    let id = format!("0190f5a0-0000-7000-8000-0000000b{first_filed:02x}{n:02x}");
    RecordKey::new("Observation", &id).unwrap()
}

fn shared_key(n: u32) -> RecordKey {
    let id = format!("0190f5a0-0000-7000-8000-0000000c{n:04x}");
    RecordKey::new("Organization", &id).unwrap()
}

fn reference(person: u32) -> Json {
    json!({"reference": (format!("Patient/{}", patient_id(person)))})
}

fn put(key: RecordKey, json: Json) -> Option<Write> {
    Some(Write::Put {
        key,
        json,
        base: Base::Current,
        resolution: false,
    })
}

fn with(mut json: Json, name: &str, value: Json) -> Json {
    if let Some(members) = json.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    json
}

/// Somebody writes about someone their node carries.
fn scoped_write(world: &mut World, node: usize) -> Option<Write> {
    let hub = world.nodes[0].id;
    let shared = world.nodes[node].shared_with(&hub);
    let carried: Vec<u32> = [NEAR, FAR, QUIET]
        .into_iter()
        .filter(|person| shared.admits(&of(*person)))
        .collect();
    if carried.is_empty() {
        return None;
    }
    let person = carried[world.person(carried.len() as u32) as usize];
    let n = world.dice.random_range(0..RESULTS);
    match world.dice.random_range(0..14) {
        12..=13 => edit_newcomer(world, node),
        0..=1 => edit_patient(world, node, person),
        2..=5 => edit_result(world, node, person, n),
        6..=7 => correct_result(world, node, n),
        8 => edit_shared(world, node),
        9 => edit_device(world, node, person),
        10 => Some(Write::Delete {
            key: result_key(person, n),
            base: Base::Current,
        }),
        _ => world.resolve_something(node),
    }
}

fn edit_patient(world: &mut World, node: usize, person: u32) -> Option<Write> {
    let key = patient_key(person);
    let json = world.current(node, &key).unwrap_or_else(
        || json!({"resourceType": "Patient", "id": (key.id()), "name": [{"family": (format!("Familia{person}"))}]}),
    );
    let year = world.dice.random_range(30..99);
    put(
        key,
        with(json, "birthDate", Json::from(format!("19{year}-01-01"))),
    )
}

fn new_result(key: &RecordKey, person: u32) -> Json {
    json!({
        "resourceType": "Observation", "id": (key.id()), "status": "final",
        "code": {"text": "weight"}, "subject": (reference(person)),
    })
}

fn edit_result(world: &mut World, node: usize, person: u32, n: u32) -> Option<Write> {
    let key = result_key(person, n);
    let json = match world.current(node, &key) {
        Some(json) => json,
        None => new_result(&key, person),
    };
    let grams: u32 = world.dice.random_range(2_000..90_000);
    put(key, with(json, "valueString", Json::from(format!("{grams} g"))))
}

/// A result filed under one of two patients belongs to the other, or to both.
fn correct_result(world: &mut World, node: usize, n: u32) -> Option<Write> {
    let (from, to) = if world.dice.random_bool(0.7) {
        (FAR, NEAR)
    } else {
        (NEAR, FAR)
    };
    let key = result_key(from, n);
    let json = world.current(node, &key)?;
    let corrected = if world.dice.random_bool(0.5) {
        with(json, "subject", reference(to))
    } else {
        with(json, "performer", Json::Array(vec![reference(to)]))
    };
    put(key, corrected)
}

/// A device of nobody's that is then somebody's.
fn device_key(n: u32) -> RecordKey {
    let id = format!("0190f5a0-0000-7000-8000-0000000d{n:04x}");
    RecordKey::new("Device", &id).unwrap()
}

fn edit_device(world: &mut World, node: usize, person: u32) -> Option<Write> {
    let key = device_key(world.dice.random_range(0..2));
    let Some(json) = world.current(node, &key) else {
        return put(key.clone(), json!({"resourceType": "Device", "id": (key.id())}));
    };
    let roll: u32 = world.dice.random();
    let changed = match roll % 3 {
        // Those of whom nothing may be told to the teams get no device of the house.
        0 if person != QUIET => with(json, "patient", reference(person)),
        _ => with(json, "lotNumber", Json::from(format!("lot {roll}"))),
    };
    put(key, changed)
}

fn edit_shared(world: &mut World, node: usize) -> Option<Write> {
    let key = shared_key(world.dice.random_range(0..2));
    let json = world
        .current(node, &key)
        .unwrap_or_else(|| json!({"resourceType": "Organization", "id": (key.id())}));
    let roll: u32 = world.dice.random();
    put(key, with(json, "name", Json::from(format!("Posta {roll}"))))
}

/// Where the records of one person are filed.
fn of(person: u32) -> Filing {
    Filing {
        compartments: vec![Compartment::Patient(patient_id(person))],
        ..Filing::default()
    }
}

fn panel(people: &[u32]) -> Scopes {
    Scopes::Panels(people.iter().copied().map(patient_id).collect())
}

/// A hub and two clinics that hold all, a team that carries one patient, and at
/// times another team that carries one more. Of the three, one may be revoked and
/// one copied: a copy meets its original only through a third that holds all.
fn scoped_world(seed: u64) -> World {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut grants = vec![Scopes::All, Scopes::All, Scopes::All, panel(&[NEAR])];
    if dice.random_bool(0.5) {
        grants.push(panel(&[NEAR, FAR]));
    }
    let mut world = World::of(seed, dice, &grants, scoped_write);
    // Copies of a node's disk stand behind the others: room for theirs.
    for node in 0..=2 * grants.len() {
        world.network.heard.insert(node, Vec::new());
    }
    world
}

/// Everything that was ever sent towards a node, as text to be searched.
struct Wiretap {
    /// Frames as they are, with the keys of what is compressed in them. Without
    /// statements of authority: a grant of a panel names its patients to every node.
    frames: String,
    /// Changes of records, as they are once decompressed.
    changes: String,
}

fn wiretap(world: &World, node: usize) -> Wiretap {
    let (mut frames, mut content) = (Vec::new(), Vec::new());
    let mut read = |payload: &[u8], frames: &mut Vec<u8>| {
        for (key, changes) in decode_batch(payload).unwrap() {
            frames.extend(key.to_string().into_bytes());
            changes.iter().for_each(|change| content.extend(&change.bytes));
        }
    };
    let mut pieces: BTreeMap<PayloadId, Vec<u8>> = BTreeMap::new();
    for frame in &world.network.heard[&node] {
        let (hop, mut message) = wire::decode(frame).unwrap();
        match &mut message {
            Message::Hello(hello) => hello.chain.clear(),
            Message::Authority(authority) => authority.statements.clear(),
            Message::Batch(batch) => read(&batch.payload, &mut frames),
            Message::Piece(piece) => {
                let whole = pieces.entry(piece.payload).or_default();
                let known = whole.len().checked_sub(piece.offset as usize);
                let news = known.and_then(|known| piece.bytes.get(known..));
                whole.extend_from_slice(news.unwrap_or_default());
            }
            Message::Pieced(batch) => {
                // One that was held in full already has been read before.
                let payload: PayloadId = batch.payload.as_slice().try_into().unwrap();
                let whole = pieces.get(&payload).expect("every piece was heard");
                read(whole, &mut frames);
            }
            _ => {}
        }
        frames.extend(wire::encode(hop, &message));
    }
    Wiretap {
        frames: String::from_utf8_lossy(&frames).into_owned(),
        changes: String::from_utf8_lossy(&content).into_owned(),
    }
}

/// What a run came to, so that a test of many can tell that it tested something.
#[derive(Default)]
struct Tally {
    withheld: usize,
    moved: usize,
    newcomers: usize,
    /// Nodes that hold both records of one id, and that hold one of them alone.
    collided: usize,
    apart: usize,
}

/// Every node holds what its grant admits and nothing else; whatever else there
/// is was never named to it.
fn check_scopes(world: &World, tally: &mut Tally) {
    let hub = &world.nodes[0];
    let all: BTreeSet<RecordKey> = hub.store().keys().unwrap().into_iter().collect();
    for (index, node) in world.members() {
        let filter = hub.shared_with(&node.id);
        let may: BTreeSet<RecordKey> = all
            .iter()
            .filter(|key| hub.admits(&filter, key))
            .cloned()
            .collect();
        let (own, holds): (BTreeSet<RecordKey>, _) = {
            let keys = node.store().keys().unwrap().into_iter();
            keys.partition(|key| is_newcomer(key) && !may.contains(key))
        };
        let mine = |key: &RecordKey| (0..3).any(|n| *key == newcomer_key(index, n));
        let is_copy = world.nodes.iter().filter(|other| other.id == node.id).count() > 1;
        assert!(
            is_copy || own.iter().all(mine),
            "node {index} holds who came to another: {own:?}"
        );
        tally.newcomers += own.len();
        assert_eq!(holds, may, "node {index} holds something else than it may");
        assert_eq!(
            node.store().quarantined_count(),
            0,
            "node {index} set something aside"
        );
        assert_eq!(
            node.store().fingerprint(&filter).unwrap().0,
            hub.store().fingerprint(&filter).unwrap().0,
            "node {index} differs on what is shared"
        );
        // Of records that collide each holder has its own: [`check_collision`].
        for key in may.iter().filter(|key| hub.store().raw(key).unwrap().len() < 2) {
            assert_eq!(
                node.store().raw(key).unwrap(),
                hub.store().raw(key).unwrap(),
                "node {index} shows another {key}"
            );
        }
        // Whoever holds all holds what anybody wrote.
        let must = |key: &RecordKey| may.contains(key) || filter == ScopeFilter::all();
        world.check_acknowledged(index, must);
        // A record was theirs while a write stood that is gone with the only disk that held it.
        let was_theirs = |key: &&RecordKey| {
            world.versions_of(key).any(|json| {
                let text = json.canonical();
                [NEAR, FAR, QUIET]
                    .into_iter()
                    .any(|person| text.contains(&patient_id(person)) && filter.admits(&of(person)))
            })
        };
        let gone = all.iter().filter(was_theirs).cloned();
        let known = may.union(&own).cloned().chain(gone).collect();
        check_wire(world, index, &all, &known, tally);
    }
    world.check_documents(0);
}

fn check_wire(
    world: &World,
    index: usize,
    all: &BTreeSet<RecordKey>,
    may: &BTreeSet<RecordKey>,
    tally: &mut Tally,
) {
    let tap = wiretap(world, index);
    for key in all.difference(may) {
        assert!(!tap.frames.contains(key.id()), "{key} was sent to node {index}");
        // A record that was filed under someone else tells whom, in its history; also one that
        // was lost since, with the disk it stood on.
        let is_told = key.kind() == "Patient" && *key != patient_key(QUIET);
        assert!(
            is_told || !tap.changes.contains(key.id()),
            "{key} was named to node {index}"
        );
        tally.withheld += usize::from(!is_told);
    }
    let of_far = may.iter().filter(|key| key.id().contains("-0000000b01"));
    let filter = world.nodes[0].shared_with(&world.nodes[index].id);
    if !filter.admits(&of(FAR)) {
        tally.moved += of_far.filter(|key| tap.changes.contains(key.id())).count();
    }
}

/// The last exchange of each pair said "in sync".
fn check_reports(world: &World) {
    let pairs = world.nodes.len() * (world.nodes.len() - 1) / 2;
    let last: Vec<_> = world.reports().iter().rev().take(pairs).collect();
    let apart = world.nodes.iter().any(|node| node.revoked);
    let copies = world
        .nodes
        .iter()
        .map(|node| node.id)
        .collect::<BTreeSet<_>>()
        .len()
        < world.nodes.len();
    // The revoked are refused, and a copy of a node is not asked for by itself.
    if !apart && !copies {
        assert!(
            last.iter().all(|(_, in_sync)| *in_sync),
            "not all are in sync on what they share: {last:?}"
        );
    }
}

/// The hub finds results of the far patient that are the near one's: one moves,
/// one names both, and one of each patient stays where it is. A device that all
/// know is given to the far patient.
fn correct_filing(world: &mut World) -> [RecordKey; 3] {
    let (moved, both, kept) = (
        result_key(FAR, 0xd0),
        result_key(FAR, 0xd1),
        result_key(FAR, 0xd2),
    );
    let quiet = result_key(QUIET, 0xd3);
    for (key, person) in [(&moved, FAR), (&both, FAR), (&kept, FAR), (&quiet, QUIET)] {
        world.commit(0, put(key.clone(), new_result(key, person)).unwrap());
    }
    let device = device_key(0xd4);
    let of_the_house = json!({"resourceType": "Device", "id": (device.id())});
    world.commit(0, put(device.clone(), of_the_house).unwrap());
    world.heal();
    for (index, node) in world.members() {
        let filter = world.nodes[0].shared_with(&node.id);
        if !filter.admits(&of(FAR)) {
            let none = [&moved, &both, &kept, &quiet].map(|key| node.store().filings_of(key).unwrap());
            assert_eq!(
                none,
                [const { Vec::new() }; 4],
                "node {index} holds what is withheld"
            );
        }
    }
    let json = world.current(0, &moved).unwrap();
    world.commit(
        0,
        put(moved.clone(), with(json, "subject", reference(NEAR))).unwrap(),
    );
    let json = world.current(0, &both).unwrap();
    let named = Json::Array(vec![reference(NEAR)]);
    world.commit(0, put(both.clone(), with(json, "performer", named)).unwrap());
    let json = world.current(0, &device).unwrap();
    world.commit(
        0,
        put(device.clone(), with(json, "patient", reference(FAR))).unwrap(),
    );
    [moved, both, device]
}

/// The hub and somebody else write under one id while apart, each for a patient of its own; then each changes its
/// own. Answers the key, and whether there was somebody else.
fn collide(world: &mut World, seed: u64) -> (RecordKey, bool) {
    let key = result_key(NEAR, 0xe0);
    let hub = world.nodes[0].id;
    let of_far = |world: &World| {
        let may = world
            .members()
            .filter(|(index, node)| *index > 0 && node.shared_with(&hub).admits(&of(FAR)));
        may.map(|(index, _)| index).collect::<Vec<_>>()
    };
    let others = of_far(world);
    let other = others.get(seed as usize % others.len().max(1)).copied();
    for (n, note) in ["first", "second"].into_iter().enumerate() {
        let noted = |person: u32| {
            let text = format!("{note} of {person}");
            with(new_result(&key, person), "valueString", Json::from(text))
        };
        // The second time one of them may have heard of the other: it names its patient still.
        let (near, far) = (noted(NEAR), noted(FAR));
        // Beside the ledger, which knows one record a key.
        let write = |node: usize, json: Json| {
            let write = put(key.clone(), json).unwrap();
            world.nodes[node].store().commit(&context(), vec![write]).unwrap();
        };
        write(0, near);
        if let Some(other) = other {
            write(other, far);
        }
        if n == 0 && seed.is_multiple_of(2) {
            world.heal();
        }
    }
    (key, other.is_some())
}

/// Whoever may hold one of the records of one id holds that one and no other, as it was changed last.
fn check_collision(world: &World, key: &RecordKey, has_far: bool, tally: &mut Tally) {
    for (index, node) in world.members() {
        let filter = world.nodes[0].shared_with(&node.id);
        let wanted = [(NEAR, true), (FAR, has_far)].map(|(person, is_made)| {
            let is_theirs = is_made && (index == 0 || filter.admits(&of(person)));
            is_theirs.then(|| format!("second of {person}"))
        });
        let mut held: Vec<String> = Vec::new();
        for (json, _) in node.store().raw(key).unwrap() {
            let text = json.get("valueString").and_then(Json::as_str);
            held.push(text.unwrap_or_default().to_owned());
        }
        held.sort();
        let mut wanted: Vec<String> = wanted.into_iter().flatten().collect();
        wanted.sort();
        assert_eq!(held, wanted, "node {index}");
        tally.collided += usize::from(held.len() == 2);
        tally.apart += usize::from(has_far && held.len() == 1);
        assert_eq!(
            node.store().fingerprint(&filter).unwrap().0,
            world.nodes[0].store().fingerprint(&filter).unwrap().0,
            "node {index} differs on what is shared"
        );
    }
}

fn run_scoped(seed: u64, tally: &mut Tally) {
    let mut world = scoped_world(seed);
    world.live();
    world.heal();
    check_scopes(&world, tally);
    check_reports(&world);
    let corrected = correct_filing(&mut world);
    world.heal();
    check_scopes(&world, tally);
    check_reports(&world);
    let (collided, has_far) = collide(&mut world, seed);
    world.heal();
    check_collision(&world, &collided, has_far, tally);
    check_reports(&world);
    for (index, node) in world.members() {
        for key in &corrected {
            assert!(
                !node.store().filings_of(key).unwrap().is_empty(),
                "the correction of {key} did not reach node {index}"
            );
        }
    }
    // The team carries one more from now on: all of theirs comes, old and new.
    world.grant(TEAM, panel(&[NEAR, FAR]));
    world.heal();
    check_scopes(&world, tally);
    check_collision(&world, &collided, has_far, tally);
    check_reports(&world);
}

#[test]
fn simulator_scopes_withheld_stay_withheld_and_the_rest_is_in_sync() {
    let total = Mutex::new(Tally::default());
    let count = super::run_seeds("scopes", SEEDS, SOAK_SEEDS, |seed| {
        let mut tally = Tally::default();
        run_scoped(seed, &mut tally);
        let mut total = total.lock().unwrap();
        total.withheld += tally.withheld;
        total.moved += tally.moved;
        total.newcomers += tally.newcomers;
        total.collided += tally.collided;
        total.apart += tally.apart;
    });
    let Tally {
        withheld,
        moved,
        newcomers,
        collided,
        apart,
    } = total.into_inner().unwrap();
    let is_replay = count < 10;
    assert!(
        is_replay || (withheld > 0 && moved > 0 && newcomers > 0 && collided > 0 && apart > 0),
        "nothing was tested"
    );
    println!(
        "{count} seeds: {withheld} times a record was withheld, {moved} times one was moved and came, {newcomers} \
         times somebody from outside a panel was handed on; records of one id collided {collided} times at a node, \
         {apart} times a node was given one of them alone"
    );
}
