//! What nodes send each other: frames, rounds of reconciliation, parcels.

use chaski_crdt::reconcile::{Initiator, Items};
use chaski_net::wire::{self, Message};

use super::Seeds;

/// A message of every kind.
pub fn wire(seeds: &mut Seeds) {
    let messages = of_records().into_iter().chain(of_members());
    for (at, message) in messages.enumerate() {
        seeds.put("wire", &format!("message-{at}"), &wire::encode(3, &message)[1..]);
    }
}

fn of_records() -> Vec<Message> {
    vec![
        Message::Bye,
        Message::Ask(1),
        Message::Given(1, 2),
        Message::Ack(wire::Ack {
            applied: [1, 2, 3, 4],
        }),
        Message::Status(wire::Status {
            seen: Some((1, 2)),
            ..wire::Status::default()
        }),
        Message::Batch(wire::Batch {
            id: 1,
            from: 0,
            to: 9,
            base: 0,
            authority: 1,
            payload: vec![1; 40],
        }),
        Message::Held(vec![wire::Held {
            payload: [7; 16],
            bytes: 70_000,
        }]),
        Message::Piece(wire::Piece {
            payload: [7; 16],
            total: 100,
            offset: 60,
            bytes: vec![1; 40],
        }),
        Message::Pieced(wire::Batch {
            id: 2,
            from: 9,
            to: 10,
            base: 0,
            authority: 1,
            payload: vec![7; 16],
        }),
    ]
}

fn of_members() -> Vec<Message> {
    vec![
        Message::Authority(wire::Authority {
            statements: vec![vec![1, 2], vec![3]],
            digest: [1; 16],
            sent: 1,
        }),
        Message::Want(wire::Want {
            id: 1,
            keys: vec![wire::WantKey {
                key: "Patient/p".into(),
                have: vec![[1; 8]],
            }],
        }),
        Message::Repair(wire::Repair::Range {
            round: 1,
            to_initiator: true,
            bytes: vec![9; 40],
        }),
        Message::Repair(wire::Repair::Differ {
            round: 1,
            items: vec![[5; 32]; 2],
        }),
        Message::Hello(Box::new(wire::Hello {
            network: [1; 32],
            now_ms: 1,
            epoch: 2,
            incarnation: Some((4, 5)),
            chain: vec![vec![1, 2, 3]],
            cursor: Some(wire::Cursor::default()),
            scope: 1,
            status: wire::Status::default(),
            features: 0,
        })),
        Message::Join(wire::JoinRequest {
            network: [1; 8],
            secret: [2; 16],
            demo: false,
            name: "n".into(),
            site: "s".into(),
        }),
        Message::Joined(wire::Joined {
            root: [1; 32],
            statements: vec![vec![1]],
            secret: [2; 32],
            addresses: vec!["a:1".into()],
        }),
    ]
}

/// Two sets and the first message of an exchange between them.
pub fn reconcile(seeds: &mut Seeds) {
    let (_, message) = Initiator::start(&Items::new((0..40).map(|at| [at; 32])), 4_096);
    seeds.put(
        "reconcile",
        "start",
        &[vec![0, 40, 5, 200, 1, 0, 0], message].concat(),
    );
    seeds.put("reconcile", "far", &[0, 255, 128, 255, 2, 0, 9, 1, 2, 3]);
}

/// Messages as they stand behind a head: authority and a batch, an unsigned end.
pub fn parcels(seeds: &mut Seeds) {
    let statements = postcard::to_stdvec(&vec![vec![1_u8; 40], vec![2; 50]]).expect("a list");
    let message = |kind: u8, body: &[u8]| {
        let length = u32::try_from(body.len()).expect("short").to_be_bytes();
        [[kind].as_slice(), &length, body].concat()
    };
    let whole = [
        message(2, &statements),
        message(3, &[7; 60]),
        message(4, &[0; 90]),
    ]
    .concat();
    seeds.put("parcel", "messages", &[[40].as_slice(), &whole].concat());
    seeds.put("parcel", "small_frames", &[[2].as_slice(), &whole].concat());
    seeds.put("parcel", "no_head", &[[41].as_slice(), &whole].concat());
}
