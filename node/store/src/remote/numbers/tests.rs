use super::*;

type IsIn = fn(u64) -> bool;

fn through(numbers: &Numbers) -> (Numbers, usize) {
    let mut enc = Enc::new();
    numbers.encode(&mut enc);
    let read = Numbers::decode(&mut Dec::new(&enc.out, "numbers")).unwrap();
    (read, enc.out.len())
}

#[test]
fn any_numbers_are_read_as_they_were_written_and_none_takes_much() {
    let cases: [(&str, IsIn, usize); 6] = [
        ("none but one", |at| at == 4_095, 6),
        ("all", |_| true, 6),
        ("the first half", |at| at < 2_048, 6),
        ("every other", |at| at % 2 == 0, 520),
        ("few runs", |at| at % 100 < 90, 200),
        ("the ends", |at| at == 0 || at == 4_095, 10),
    ];
    for (case, is_in, bytes_max) in cases {
        let mut numbers = Numbers::default();
        for at in (0..BLOCK).filter(|at| is_in(*at)) {
            assert!(numbers.add(BLOCK * 7 + at), "{case}");
            assert!(!numbers.add(BLOCK * 7 + at), "{case}");
        }
        let (read, bytes) = through(&numbers);
        assert_eq!(read, numbers, "{case}");
        assert!(bytes <= bytes_max, "{case}: {bytes}");
        assert_eq!(
            numbers.highest(),
            (0..BLOCK).rev().find(|at| is_in(*at)),
            "{case}"
        );
    }
}

#[test]
fn what_lies_beyond_a_block_is_damage() {
    for bytes in [&[1, 0x80, 0x20, 0][..], &[1, 0, 0x80, 0x20], &[2, 0, 5], &[0, 1]] {
        assert!(
            Numbers::decode(&mut Dec::new(bytes, "numbers")).is_err(),
            "{bytes:?}"
        );
    }
}

#[test]
fn numbers_go_as_far_as_few_are_missing() {
    for (runs, reached) in [
        (vec![], 0),
        (vec![(1, 5)], 5),
        (vec![(1, 5), (8, 9)], 9),
        // Three in all may be missing.
        (vec![(1, 5), (8, 9), (11, 12)], 12),
        (vec![(1, 5), (8, 9), (12, 13)], 9),
        (vec![(5, 9)], 0),
        (vec![(4, 9)], 9),
        (vec![(1, 5), (u64::MAX, u64::MAX)], 5),
    ] {
        assert_eq!(reach(runs.clone(), 3), reached, "{runs:?}");
    }
}
