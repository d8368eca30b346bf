//! Changes to a record: honest ones, and those that no honest writer would make.

use chaski_crdt::author::SignedChange;
use chaski_crdt::codec::{compress_json, encode_batch, encode_changes};
use chaski_crdt::record::Record;

use super::{RECORDS, Seeds};
use crate::{body_of, policy, put_piece, signer, stamp, tail_of, tail_with, writer_of};

/// A patient written by one member, edited apart by two, and deleted.
pub fn changes(seeds: &mut Seeds) {
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
        seeds.put("change_merge", &format!("edits-{count}"), &seed);
    }
    for (at, (_, _, change)) in all.iter().enumerate() {
        seeds.put("change_parse", &format!("chunk-{at}"), &change.bytes);
        seeds.put(
            "change_parse",
            &format!("body-{at}"),
            &body_of(0, 0, &[], &tail_of(&change.bytes)),
        );
    }
    let changes: Vec<SignedChange> = all.iter().map(|(_, _, change)| (*change).clone()).collect();
    let with = |mode: u8, bytes: Vec<u8>| [vec![mode], bytes].concat();
    let batch = encode_batch(&[(here.key().clone(), changes.clone())]).expect("a batch");
    seeds.put("codec", "batch", &with(0, batch));
    seeds.put(
        "codec",
        "changes",
        &with(1, encode_changes(&changes).expect("a block")),
    );
    seeds.put("codec", "json", &with(2, compress_json(line).expect("a text")));
    // One record with one change of three bytes, by the first of one author.
    seeds.put(
        "codec",
        "table",
        &[
            3, 1, 1, 1, 9, b'P', b'a', b't', b'i', b'e', b'n', b't', b'/', b'p', 1, 0, 0, 2, 3, 1, 1, 7,
        ],
    );
}

/// First changes of a few registers that no honest writer puts together.
pub fn hostile(seeds: &mut Seeds) {
    let text = |register: &str, text: &str| (register.to_owned(), 6_u8, text.as_bytes().to_vec());
    let mut put_change = |name: &str, more: Vec<(String, u8, Vec<u8>)>| {
        let mut puts = vec![
            text("id", "\"p\""),
            text("resourceType", "\"Patient\""),
            ("!record".to_owned(), 3, vec![1]),
        ];
        puts.extend(more);
        let mut seed = vec![0, 0];
        put_piece(&mut seed, &tail_with(1, 1, &puts));
        seeds.put("change_merge", name, &seed);
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
