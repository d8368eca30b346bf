//! Random writes, meetings, cuts, restarts: always equal in the end.

use super::*;

pub(super) fn below(rng: &mut ChaCha8Rng, max: usize) -> usize {
    rng.next_u32() as usize % max
}

pub(super) fn write(bus: &mut Bus, rng: &mut ChaCha8Rng) {
    let node = below(rng, bus.nodes.len());
    let id = below(rng, 12);
    let text = if below(rng, 2) == 0 {
        let gender = ["male", "female", "other", "unknown"][below(rng, 4)];
        let family = below(rng, 5);
        format!(
            r#"{{"resourceType":"Patient","id":"p{id}","name":[{{"family":"F{family}"}}],"gender":"{gender}"}}"#
        )
    } else {
        let (patient, value) = (below(rng, 12), rng.next_u32() % 90);
        format!(
            r#"{{"resourceType":"Observation","id":"o{id}","status":"final","code":{{"text":"weight"}},"subject":{{"reference":"Patient/p{patient}"}},"valueQuantity":{{"value":{value},"unit":"kg"}}}}"#
        )
    };
    let _ = put_or_refused(&bus.nodes[node].store, &text);
    bus.give(node, Event::LocalChange);
}

pub(super) fn step(bus: &mut Bus, rng: &mut ChaCha8Rng) {
    let (a, b) = (below(rng, bus.nodes.len()), below(rng, bus.nodes.len()));
    bus.now_ms += u64::from(rng.next_u32() % 5_000);
    match below(rng, 10) {
        0..=4 => write(bus, rng),
        5 | 6 if a != b => {
            bus.connect(a, b, None);
        }
        7 => {
            bus.delivered = 0;
            bus.deliver_max = Some(u64::from(rng.next_u32() % 12));
            bus.run();
            bus.deliver_max = None;
            bus.cut();
        }
        8 => {
            bus.cut();
            bus.nodes[a].restart();
        }
        _ => bus.run(),
    }
}

#[test]
fn whatever_happens_all_end_equal_and_in_sync_is_never_false() {
    for seed in 0..25 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut bus = Bus::new(4);
        for _ in 0..60 {
            step(&mut bus, &mut rng);
        }
        bus.cut();
        for round in 0..2 {
            for node in 1..bus.nodes.len() {
                let report = bus
                    .sync(node, 0)
                    .unwrap_or_else(|e| panic!("seed {seed} round {round}: {e}"));
                assert!(
                    report.in_sync,
                    "seed {seed} round {round} node {node}: {report:?}"
                );
                assert_eq!(
                    bus.nodes[node].fingerprint(),
                    bus.nodes[0].fingerprint(),
                    "seed {seed}"
                );
                bus.cut();
            }
        }
        bus.assert_equal();
    }
}
