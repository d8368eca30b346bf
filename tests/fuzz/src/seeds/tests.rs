//! Seeds come in through the doors: behind a door that refuses every one of
//! them nothing would be tried.

use chaski_clinic::record::SearchOptions;
use chaski_clinic::text::query_pairs;
use chaski_crdt::authority::{Authority, Ticket};
use chaski_crdt::change::Chunk;
use chaski_crdt::codec::{decode_batch, decode_changes, decompress_json};
use chaski_crdt::reconcile::{MESSAGE_BYTES_MIN, respond};
use chaski_json::Limits;
use chaski_net::wire;

use super::{RECORDS, Seed, seeds_of};
use crate::targets::{authority, change_merge, codec, http_search, import, parcel, reconcile, ticket};
use crate::{Pieces, operator, sealed};

fn seed(target: &str, name: &str) -> Seed {
    let found = seeds_of(target).into_iter().find(|seed| seed.name == name);
    found.unwrap_or_else(|| panic!("no seed {name} of {target}"))
}

#[test]
fn every_seed_is_taken_by_its_target() {
    for seed in super::seeds() {
        crate::target(seed.target).unwrap()(&seed.bytes);
    }
}

#[test]
fn seeds_of_changes_are_changes() {
    let key = "Patient/p".parse().unwrap();
    for seed in seeds_of("change_merge") {
        let changes = change_merge::changes(&seed.bytes, &key);
        let edits = seed
            .name
            .strip_prefix("edits-")
            .map_or(1, |count| count.parse().unwrap());
        assert_eq!(changes.len(), edits, "{}", seed.name);
        let merged = change_merge::merged(&key, &[&changes]);
        assert_eq!(merged.changes().count(), edits, "{}", seed.name);
    }
    for seed in seeds_of("change_parse") {
        let whole = match seed.name.starts_with("body") {
            true => sealed(&seed.bytes),
            false => seed.bytes,
        };
        assert!(Chunk::parse(&whole).is_ok(), "{}", seed.name);
    }
}

#[test]
fn seeds_of_blocks_are_read() {
    let bytes = |name| seed("codec", name).bytes[1..].to_vec();
    assert_eq!(decode_batch(&bytes("batch")).unwrap()[0].1.len(), 4);
    assert_eq!(decode_changes(&bytes("changes")).unwrap().len(), 4);
    assert!(decompress_json(&bytes("json"), 1 << 20).is_ok());
    let table = bytes("table");
    let block = codec::block(table[0] % 4, table[1] % 8, &table[2..]);
    assert_eq!(decode_batch(&block).unwrap()[0].1.len(), 1);
}

#[test]
fn seeds_of_members_make_members() {
    let signed = seed("authority", "signed").bytes;
    assert_eq!(authority::statements(&signed, &authority::keys()).len(), 5);
    let whole = Authority::from_bytes(&seed("authority", "whole").bytes).unwrap();
    assert_eq!(whole.statements().count(), 5);
    let text = String::from_utf8(seed("ticket", "text").bytes).unwrap();
    assert!(text.parse::<Ticket>().is_ok());
    let content = ticket::put_right(&seed("ticket", "content").bytes);
    assert!(content.parse::<Ticket>().is_ok(), "{content}");
}

#[test]
fn seeds_of_messages_are_read() {
    for seed in seeds_of("wire") {
        let frame = [&[wire::VERSION], seed.bytes.as_slice()].concat();
        assert!(wire::decode(&frame).is_ok(), "{}", seed.name);
    }
    let start = seed("reconcile", "start").bytes;
    let mut input = Pieces(&start);
    let (_mine, _mine_count) = (input.byte(), input.byte());
    let theirs = reconcile::items(input.byte(), input.byte());
    let message = &start[7..];
    assert!(respond(&theirs, message, MESSAGE_BYTES_MIN).is_ok_and(|answer| answer.is_some()));
    // Head, statements, and a batch.
    for name in ["messages", "small_frames"] {
        assert_eq!(parcel::read_sealed(&seed("parcel", name).bytes), 3, "{name}");
    }
}

#[test]
fn seeds_of_searches_find_records() {
    let clinic = http_search::filled();
    let (mut taken, mut found) = (0, 0);
    for seed in seeds_of("http_search") {
        let text = String::from_utf8(seed.bytes).unwrap();
        let (kind, query) = text.split_once('?').unwrap();
        let options = SearchOptions {
            lenient: true,
            base_url: None,
            follows_chains: true,
        };
        let pairs = query_pairs(query).unwrap();
        let page = clinic
            .record_query(kind, &pairs, options)
            .and_then(|query| clinic.record_search(&operator(), &query));
        taken += usize::from(page.is_ok());
        found += page.map_or(0, |page| page.entries.len());
    }
    assert!(taken >= 10 && found > 0, "{taken} taken, {found} found");
}

#[test]
fn seeds_of_records_are_records() {
    for seed in seeds_of("json") {
        assert!(
            chaski_json::parse(&seed.bytes, &Limits::default()).is_ok(),
            "{}",
            seed.name
        );
    }
    for seed in seeds_of("import") {
        let mut input = Pieces(&seed.bytes);
        let how = input.byte();
        let files = [input.piece(), input.0];
        let report = import::imported(&crate::empty_clinic(), how, files).unwrap();
        assert!(
            report.created > 0 && report.refused == 0,
            "{}: {report:?}",
            seed.name
        );
        if seed.name == "lines" {
            assert_eq!(report.created, RECORDS.lines().count() as u64);
        }
    }
}
