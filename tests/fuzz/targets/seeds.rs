//! No target: writes what the targets begin with to `corpus/`, made by our own
//! encoders, so that it follows the formats. `cargo fuzz run seeds` (see README).
#![no_main]

use std::fs;
use std::path::Path;

use chaski_crdt::author::{NodeId, SignedChange};
use chaski_crdt::authority::{
    Authority, Grant, Issuer, Limits, Member, NodeRole, Revocation, RootSuccessor, Scopes, Statement, Ticket,
};
use chaski_crdt::codec::{compress_json, encode_batch, encode_changes};
use chaski_crdt::reconcile::{Initiator, Items};
use chaski_crdt::record::Record;
use chaski_fuzz::{body_of, policy, put_piece, signer, stamp, tail_of, tail_with, writer_of};
use chaski_net::wire::{self, Message};
use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;

const RECORDS: &str = include_str!("../seeds/records.ndjson");
const QUERIES: &str = include_str!("../seeds/queries.txt");
const TEXTS: &str = include_str!("../seeds/texts.txt");

fuzz_target!(init: write_all(), |bytes: &[u8]| {
    let _ = bytes;
});

fn write_all() {
    changes();
    hostile();
    authority();
    net();
    bundles();
    texts();
}

fn put(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new("corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(name), bytes).expect("a seed");
}

/// A patient written by one member, edited apart by two, and deleted.
fn changes() {
    let (a, b) = (signer(0), signer(1));
    let (mut seq_a, mut seq_b) = (1, 1);
    let line = RECORDS.lines().next().expect("a patient");
    let json = chaski_json::parse_str(line).expect("JSON");
    let key = "Patient/p".parse().expect("a key");
    let mut writer = writer_of(&a, &mut seq_a);
    let (mut here, first) = Record::create(key, &json, policy(), &mut writer, &stamp(1)).expect("a record");
    let mut there = here.clone();
    let base = here.heads();
    let edited = |from: &str, to: &str| chaski_json::parse_str(&line.replace(from, to)).expect("JSON");
    let second = here
        .update(
            &base,
            &edited("female", "other"),
            policy(),
            &mut writer,
            &stamp(2),
        )
        .expect("an edit")
        .expect("a change");
    let mut other = writer_of(&b, &mut seq_b);
    let third = there
        .update(&base, &edited("Flor", "Luz"), policy(), &mut other, &stamp(3))
        .expect("an edit")
        .expect("a change");
    let fourth = there
        .delete(&there.heads(), policy(), &mut other, &stamp(4))
        .expect("a deletion")
        .expect("a change");
    let all: [(u8, u8, &SignedChange); 4] =
        [(0, 0, &first), (0, 1, &second), (1, 1, &third), (1, 4, &fourth)];
    for count in 1..=all.len() {
        let mut seed = Vec::new();
        for (who, deps, change) in &all[..count] {
            seed.extend([*who, *deps]);
            put_piece(&mut seed, &tail_of(&change.bytes));
        }
        put("change_merge", &format!("edits-{count}"), &seed);
    }
    for (at, (_, _, change)) in all.iter().enumerate() {
        put("change_parse", &format!("chunk-{at}"), &change.bytes);
        put(
            "change_parse",
            &format!("body-{at}"),
            &body_of(0, 0, &[], &tail_of(&change.bytes)),
        );
    }
    let changes: Vec<SignedChange> = all.iter().map(|(_, _, change)| (*change).clone()).collect();
    let with = |mode: u8, bytes: Vec<u8>| [vec![mode], bytes].concat();
    let batch = encode_batch(&[(here.key().clone(), changes.clone())]).expect("a batch");
    put("codec", "batch", &with(0, batch));
    put(
        "codec",
        "changes",
        &with(1, encode_changes(&changes).expect("a block")),
    );
    put("codec", "json", &with(2, compress_json(line).expect("a text")));
    // One record with one change of three bytes, by the first of one author.
    put(
        "codec",
        "table",
        &[
            3, 1, 1, 1, 9, b'P', b'a', b't', b'i', b'e', b'n', b't', b'/', b'p', 1, 0, 0, 2, 3, 1, 1, 7,
        ],
    );
}

/// First changes of a few registers that no honest writer puts together.
fn hostile() {
    let text = |register: &str, text: &str| (register.to_owned(), 6_u8, text.as_bytes().to_vec());
    let put_change = |name: &str, more: Vec<(String, u8, Vec<u8>)>| {
        let mut puts = vec![
            text("id", "\"p\""),
            text("resourceType", "\"Patient\""),
            ("!record".to_owned(), 3, vec![1]),
        ];
        puts.extend(more);
        let mut seed = vec![0, 0];
        put_piece(&mut seed, &tail_with(1, 1, &puts));
        put("change_merge", name, &seed);
    };
    let nested = |levels: usize| vec!["contact/a0-abcdefgh"; levels].join("/");
    put_change("plain", vec![text("name/a0-abcdefgh", "{\"text\":\"x\"}")]);
    put_change(
        "twice",
        (0..40).map(|at| text("gender", &at.to_string())).collect(),
    );
    put_change(
        "deep",
        (1..60).map(|levels| (nested(levels), 3, vec![1])).collect(),
    );
    let removed = [vec![0, 0, 0, 1], vec![9; 32]].concat();
    put_change(
        "disputes",
        (1..20)
            .map(|levels| (nested(levels), 7, removed.clone()))
            .collect(),
    );
    put_change(
        "group",
        (0..9)
            .map(|at| ("!group/identity".to_owned(), 7, vec![at; 8]))
            .collect(),
    );
    put_change(
        "positions",
        ["zz", "Zz", "a0", "A", "~"]
            .map(|at| text(&format!("name/{at}-abcdefgh"), "1"))
            .to_vec(),
    );
    put_change(
        "choice",
        vec![
            text("deceased[x]", "Boolean=true"),
            text("deceased[x]", "DateTime=_[\"2020\",{}]"),
        ],
    );
}

fn authority() {
    let keys = [1, 2, 3, 4].map(|seed| SigningKey::from_bytes(&[seed; 32]));
    let [root, issuer, member, _] = &keys;
    let mut authority = Authority::found(NodeId::of(root));
    let limits = Limits {
        roles: Some([NodeRole::Clinic].into()),
        sites: None,
    };
    let statements = [
        (
            0,
            1,
            root,
            Statement::Issuer(Issuer {
                node: NodeId::of(issuer),
                name: "A".into(),
                limits,
            }),
        ),
        (
            1,
            2,
            issuer,
            Statement::Member(Member {
                node: NodeId::of(member),
                name: "B".into(),
                role: NodeRole::Clinic,
                site: "s".into(),
            }),
        ),
        (
            1,
            2,
            issuer,
            Statement::Grant(Grant {
                node: NodeId::of(member),
                scopes: Scopes::All,
                expires_ms: Some(9),
            }),
        ),
        (
            1,
            2,
            issuer,
            Statement::Revocation(Revocation {
                node: NodeId::of(member),
                vouched: [(1, 5)].into(),
                reason: "lost".into(),
            }),
        ),
        (
            0,
            3,
            root,
            Statement::RootSuccessor(RootSuccessor {
                next: NodeId::of(&keys[3]),
                last_serial: 9,
            }),
        ),
    ];
    let mut seed = Vec::new();
    for (serial, (who, about, signer, statement)) in (1_u8..).zip(statements) {
        let id = authority.issue(signer, statement).expect("a statement");
        let (_, signed) = authority
            .statements()
            .find(|(other, _)| **other == id)
            .expect("issued");
        let bytes = signed.to_bytes();
        // Signer, serial and kind stand before the length of the body, one or two bytes.
        let body = 34 + if bytes[34] & 0x80 == 0 { 1 } else { 2 };
        seed.extend([who | about << 2, serial, bytes[33]]);
        put_piece(&mut seed, &bytes[body + 32..bytes.len() - 64]);
    }
    put("authority", "signed", &seed);
    put("authority", "whole", &authority.to_bytes());
    let ticket = Ticket {
        secret: [1; 16],
        issuer: Ticket::fingerprint_of(&NodeId::of(issuer)),
        network: Ticket::network_of(&authority.network()),
        expires_s: 1_800_000_000,
        role: NodeRole::Clinic,
        addresses: vec!["10.0.0.7:7447".into(), "[fe80::1]:7447".into()],
    };
    put("ticket", "text", ticket.to_text().expect("a ticket").as_bytes());
    let mut content = [1; 45].to_vec();
    content.extend(b"\x06clinic\x01\x0410:7");
    put("ticket", "content", &content);
}

/// Messages as they stand behind a head: authority and a batch, an unsigned end.
fn bundles() {
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
    put("bundle", "messages", &[[40].as_slice(), &whole].concat());
    put("bundle", "small_frames", &[[2].as_slice(), &whole].concat());
    put("bundle", "no_head", &[[41].as_slice(), &whole].concat());
}

fn net() {
    let messages = [
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
            authority: [6; 16],
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
    ];
    for (at, message) in messages.iter().enumerate() {
        put("wire", &format!("message-{at}"), &wire::encode(3, message)[1..]);
    }
    let (_, message) = Initiator::start(&Items::new((0..40).map(|at| [at; 32])), 4_096);
    put(
        "reconcile",
        "start",
        &[vec![0, 40, 5, 200, 1, 0, 0], message].concat(),
    );
    put("reconcile", "far", &[0, 255, 128, 255, 2, 0, 9, 1, 2, 3]);
}

fn texts() {
    for (at, text) in TEXTS.lines().enumerate() {
        put("texts", &format!("text-{at}"), text.as_bytes());
    }
    for (at, query) in QUERIES.lines().enumerate() {
        put("http_search", &format!("query-{at}"), query.as_bytes());
        let (kind, rest) = query.split_once('?').expect("a type before the query");
        let named = format!("\"resourceType\":\"{kind}\"");
        let of_kind = RECORDS.lines().filter(|line| line.contains(&named));
        for (record, line) in of_kind.enumerate() {
            put(
                "search",
                &format!("query-{at}-{record}"),
                format!("{rest}\n{line}").as_bytes(),
            );
        }
    }
    for (at, line) in RECORDS.lines().enumerate() {
        put("json", &format!("record-{at}"), line.as_bytes());
    }
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, RECORDS.as_bytes()).expect("gzip");
    put(
        "import",
        "gzip",
        &[vec![2, 0, 0], gz.finish().expect("gzip")].concat(),
    );
    put("import", "lines", &[b"\x02\x00\x00", RECORDS.as_bytes()].concat());
    put(
        "import",
        "prefix",
        &[b"\x01\x00\x00", RECORDS.as_bytes()].concat(),
    );
    put(
        "import",
        "bundle",
        &[b"\x00\x00\x00", include_bytes!("../seeds/bundle.json").as_slice()].concat(),
    );
}
