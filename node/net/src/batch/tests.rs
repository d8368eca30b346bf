//! A record of any length travels, in parts that the other side reads.

use chaski_crdt::author::{AuthorId, NodeId};

use super::*;

fn change(number: usize, bytes: usize) -> SignedChange {
    SignedChange {
        author: AuthorId {
            node: NodeId([1; 32]),
            incarnation: 1,
        },
        author_seq: number as u64,
        signature: [0; 64],
        bytes: vec![7; bytes],
    }
}

#[test]
fn a_record_is_cut_into_parts_that_are_read_again_and_nothing_is_left_out() {
    let small = ALONE_BYTES_MIN - CHANGE_OVERHEAD_BYTES - 1;
    let fit = RAW_BYTES_MAX / (small + CHANGE_OVERHEAD_BYTES);
    let tiny = RAW_BYTES_MAX / (1 + CHANGE_OVERHEAD_BYTES);
    // Lengths of a record's changes, and how many of them each part has.
    let rows: [(&str, Vec<usize>, Vec<usize>); 8] = [
        ("nothing", vec![], vec![]),
        ("one", vec![10], vec![1]),
        ("as many as fit", vec![small; fit], vec![fit]),
        ("one more than fit", vec![small; fit + 1], vec![fit, 1]),
        ("a long history", vec![small; 3 * fit + 2], vec![fit, fit, fit, 2]),
        (
            "very many that say next to nothing",
            vec![1; 2 * tiny + 1],
            vec![tiny, tiny, 1],
        ),
        (
            "a scan between two notes",
            vec![10, 10, small + 1, 10, 10],
            vec![2, 1, 2],
        ),
        (
            "scans, one of them huge",
            vec![small + 1, 3 * RAW_BYTES_MAX, small + 1],
            vec![1, 1, 1],
        ),
    ];
    let key: RecordKey = "Observation/o".parse().unwrap();
    for (what, lengths, expected) in rows {
        let all: Vec<SignedChange> = lengths
            .iter()
            .enumerate()
            .map(|(n, bytes)| change(n, *bytes))
            .collect();
        let parts = split(&key, all.clone());
        let counts: Vec<usize> = parts.iter().map(|part| part.1.len()).collect();
        assert_eq!(counts, expected, "{what}");
        for part in &parts {
            assert_eq!(part.0, key);
            assert!(part.1.len() == 1 || part_bytes(part) <= RAW_BYTES_MAX, "{what}");
        }
        let again: Vec<SignedChange> = parts.into_iter().flat_map(|part| part.1).collect();
        assert!(again == all, "{what}: not the same changes in the same order");
    }
}

#[test]
fn only_members_can_tell_by_its_name_what_a_payload_is() {
    let name = payload_id(&[1; 32], b"a scan");
    assert_eq!(payload_id(&[1; 32], b"a scan"), name);
    assert_ne!(
        payload_id(&[2; 32], b"a scan"),
        name,
        "whoever has the scan knows its name"
    );
    assert_ne!(payload_id(&[1; 32], b"a scam"), name);
}
