//! What a node does whose disk is full, and one whose clock is set while it runs.

use super::*;
use crate::engine::Now;

/// A store in a directory, with so many free bytes asked for.
pub(super) fn store_in(dir: &std::path::Path, floor_bytes: u64, made: bool) -> Store {
    let options = OpenOptions {
        disk_floor_bytes: floor_bytes,
        disk_floor_percent: 0,
        background: false,
        argon2_memory_kib: 64,
        ..OpenOptions::default()
    };
    let unlock = chaski_store::Unlock::Raw([7; 32]);
    let env = Arc::new(chaski_store::SystemEnv);
    if made {
        Store::open(dir, &unlock, env, options).unwrap()
    } else {
        Store::create(dir, &unlock, env, options).unwrap().store
    }
}

pub(super) fn free_bytes(dir: &std::path::Path) -> u64 {
    let stat = rustix::fs::statvfs(dir).unwrap();
    stat.f_bavail * stat.f_frsize
}

#[test]
fn a_node_with_a_full_disk_still_sends_and_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("data");
    let mut bus = Bus::new(1);
    let full = bus.member_add_with(1, Scopes::All, None, store_in(&dir, 0, false));
    for i in 0..50 {
        patient(&bus.nodes[full].store, &format!("mine{i}"), "Quispe");
        patient(&bus.nodes[0].store, &format!("theirs{i}"), "Mamani");
    }
    // Half of what is asked for is there: records are refused, upkeep is not.
    let node = bus.nodes.pop().unwrap();
    let (Node { store, engine, .. }, floor_bytes) = (node, free_bytes(&dir) * 2);
    drop((store, engine));
    let small = Options {
        batch_bytes: 1_024,
        ..Options::default()
    };
    bus.nodes.push(Node::of(store_in(&dir, floor_bytes, true), small));

    let refused = bus.sync(full, 0).unwrap_err();
    assert!(refused.to_string().contains("disk"), "{refused}");
    assert_eq!(bus.nodes[0].records(), 100, "what the full node had was sent");
    assert_eq!(bus.nodes[full].records(), 50);
    let moved = bus.nodes[full].store.cursor(&bus.nodes[0].id()).unwrap();

    // Nothing new is sent, nothing is taken in, and the cursor stands.
    let _ = bus.sync(full, 0);
    assert_eq!(bus.nodes[full].records(), 50);
    assert_eq!(bus.nodes[full].store.cursor(&bus.nodes[0].id()).unwrap(), moved);

    // Room again: the rest comes.
    let node = bus.nodes.pop().unwrap();
    drop(node);
    bus.nodes
        .push(Node::of(store_in(&dir, 0, true), Options::default()));
    assert!(bus.sync(full, 0).unwrap().in_sync);
    bus.assert_equal();
}

#[test]
fn a_clock_put_back_stops_no_wait() {
    let mut bus = Bus::new(2);
    let peer = bus.nodes[0].id();
    let mut node = bus.nodes.pop().unwrap();
    let daemon = Options {
        daemon: true,
        dial: vec!["10.0.0.9:1".into()],
        ..Options::default()
    };
    node = Node::of(node.store.clone(), daemon);
    let year_ms = 365 * 86_400_000;
    let mut dials = 0;
    for step in 0..40_u64 {
        // A year ahead by mistake; set right after ten seconds.
        let wall_ms = if step < 10 {
            bus.now_ms + year_ms
        } else {
            bus.now_ms
        };
        let now = Now {
            steady_ms: step * 1_000,
            wall_ms: wall_ms + step * 1_000,
        };
        let mut effects = node.engine.handle(now, Event::Tick);
        while let Some(effect) = effects.pop() {
            if let Effect::Connect { addresses, .. } = effect {
                dials += u32::from(step >= 10);
                let failed = Event::DialFailed {
                    peer: Some(peer),
                    request: None,
                    address: addresses.first().cloned().unwrap_or_default(),
                };
                effects.extend(node.engine.handle(now, failed));
            }
        }
    }
    assert!(dials > 0, "nobody was dialled after the clock was put back");
}
