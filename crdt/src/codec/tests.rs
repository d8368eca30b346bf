use super::*;
use crate::author::{NetworkId, SignedChange, Writer};
use crate::change::ACTOR_BYTES;
use crate::key::RecordKey;
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ROOT};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

mod bounds;

const NETWORK: NetworkId = NetworkId([9; 32]);

fn key(text: &str) -> RecordKey {
    text.parse().unwrap()
}

/// Signed changes of one record: a creation and edits.
fn changes(record: &RecordKey, seed: u8, count: usize, value_bytes: usize) -> Vec<SignedChange> {
    let signer = SigningKey::from_bytes(&[seed; 32]);
    let mut next_seq = u64::from(seed) * 1_000;
    let mut writer = Writer {
        signer: &signer,
        network: NETWORK,
        incarnation: 7,
        next_seq: &mut next_seq,
    };
    let actor: [u8; ACTOR_BYTES] = writer.author().actor(0);
    let mut document = AutoCommit::new().with_actor(ActorId::from(actor));
    for n in 0..count {
        document.put(ROOT, "id", record.to_string()).unwrap();
        document
            .put(ROOT, "status", format!("{n}{}", "x".repeat(value_bytes)))
            .unwrap();
        document.commit();
    }
    let raw = document.get_changes(&[]);
    raw.iter()
        .map(|change| writer.sign(record, change.raw_bytes().to_vec()).unwrap())
        .collect()
}

#[test]
fn a_records_changes_round_trip_also_appended() {
    let record = key("Patient/p1");
    let all = changes(&record, 3, 5, 10);
    let mut stored = encode_changes(&all[..2]).unwrap();
    stored.extend(encode_changes(&all[2..]).unwrap());
    assert_eq!(decode_changes(&stored).unwrap(), all);
    assert_eq!(decode_changes(&[]).unwrap(), vec![]);
    for change in decode_changes(&stored).unwrap() {
        change.verify(&NETWORK, &record).unwrap();
    }
}

#[test]
fn records_are_no_more_than_signatures() {
    // A hundred thousand records without a change, in fifty bytes.
    let mut table = Vec::new();
    crate::change::put_unsigned(&mut table, 100_000);
    table.resize(table.len() + 200_000, 0);
    let compressed = compress::compress(compress::Kind::Changes, &table).unwrap();
    let mut block = vec![1, 1, 0, 0];
    crate::change::put_unsigned(&mut block, u64::try_from(table.len()).unwrap());
    crate::change::put_unsigned(&mut block, u64::try_from(compressed.len()).unwrap());
    block.extend(compressed);
    assert_eq!(decode_changes(&block), Err(CodecError::Malformed));
    // Nor does anybody write them.
    let record = key("Patient/p1");
    let all = changes(&record, 3, 1, 10);
    let sent = [(key("Patient/p0"), Vec::new()), (record, all)];
    assert_eq!(decode_batch(&encode_batch(&sent).unwrap()).unwrap(), sent[1..]);
}

#[test]
fn batches_round_trip_in_order() {
    let sent: Vec<(RecordKey, Vec<SignedChange>)> = (0..40_u32)
        .map(|n| {
            let record = key(&format!("Patient/p{n}"));
            let of_record = changes(&record, (n % 5) as u8 + 1, 4, 40);
            (record, of_record)
        })
        .collect();
    assert_eq!(decode_batch(&encode_batch(&sent).unwrap()).unwrap(), sent);
}

#[test]
fn a_decompression_bomb_is_refused_before_it_unfolds() {
    let raw = vec![0_u8; BLOCK_RAW_BYTES_MAX];
    let frame = compress::compress(compress::Kind::Changes, &raw).unwrap();
    let block = |stated: usize| {
        let mut bytes = vec![1, 1, 0, 0];
        crate::change::put_unsigned(&mut bytes, stated as u64);
        crate::change::put_unsigned(&mut bytes, frame.len() as u64);
        bytes.extend_from_slice(&frame);
        bytes
    };
    assert!(frame.len() < 10_000);
    assert_eq!(
        decode_batch(&block(raw.len() + 1)),
        Err(CodecError::Bound("length"))
    );
    assert_eq!(decode_batch(&block(100)), Err(CodecError::Compression));
    assert_eq!(decode_batch(&block(raw.len())), Err(CodecError::Malformed));
    let mut other = block(100);
    other[1] = 2;
    assert_eq!(decode_batch(&other), Err(CodecError::Dictionary(2)));
    other[0] = 2;
    assert_eq!(decode_batch(&other), Err(CodecError::Version(2)));
}

#[test]
fn json_round_trips_and_is_bounded() {
    let text = r#"{"resourceType":"Patient","id":"p1","name":[{"family":"Quispe"}]}"#;
    let compressed = compress_json(text).unwrap();
    assert_eq!(decompress_json(&compressed, 1_000).unwrap(), text);
    assert_eq!(decompress_json(&compressed, 10), Err(CodecError::Bound("length")));
    assert_eq!(decompress_json(&compress_json("").unwrap(), 0).unwrap(), "");
}

proptest! {
    #![proptest_config(crate::testing::cases(256))]

    #[test]
    fn any_text_round_trips(text in ".{0,300}") {
        prop_assert_eq!(decompress_json(&compress_json(&text).unwrap(), 10_000).unwrap(), text);
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut versioned = vec![1, 1];
        versioned.extend_from_slice(&bytes);
        for input in [&bytes, &versioned] {
            let _ = decode_batch(input);
            let _ = decode_changes(input);
            let _ = decompress_json(input, 10_000);
        }
        // The same bytes as the inside of a well-formed block.
        let frame = compress::compress(compress::Kind::Changes, &bytes).unwrap();
        let mut block = vec![1, 1, 0, 1];
        block.extend([0; 64]);
        crate::change::put_unsigned(&mut block, bytes.len() as u64);
        crate::change::put_unsigned(&mut block, frame.len() as u64);
        block.extend(frame);
        let _ = decode_batch(&block);
    }

    #[test]
    fn a_mutated_batch_never_panics_and_never_verifies(
        at in any::<prop::sample::Index>(),
        with in 1_u8..,
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let record = key("Patient/p1");
        let sent = changes(&record, 3, 3, 10);
        let mut bytes = encode_batch(&[(record.clone(), sent.clone())]).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        for (key, received) in decode_batch(&bytes).unwrap_or_default() {
            for change in received {
                if change.verify(&NETWORK, &key).is_ok() {
                    prop_assert!(sent.contains(&change) && key == record);
                }
            }
        }
    }
}
