use crate::{Mutator, Target, seeds_of, target};

/// So many inputs are tried for a fault: what most targets try in ten seconds.
const INPUTS: usize = 100_000;
const NUMBERS: [u64; 3] = [1, 2, 3];

/// Whether inputs near `seeds` set off the fault, whichever number they are made by.
fn is_found(seeds: &[Vec<u8>], fault: impl Fn(&[u8]) -> bool) -> bool {
    NUMBERS.iter().all(|number| {
        let mut mutator = Mutator::new(seeds.to_vec(), *number);
        (0..INPUTS).any(|_| fault(&mutator.next_input()))
    })
}

fn seeds_for(target: &str) -> Vec<Vec<u8>> {
    seeds_of(target).into_iter().map(|seed| seed.bytes).collect()
}

#[test]
fn the_same_number_makes_the_same_inputs() {
    let inputs = |number| {
        let mut mutator = Mutator::new(seeds_for("wire"), number);
        (0..500).map(|_| mutator.next_input()).collect::<Vec<_>>()
    };
    assert_eq!(inputs(1), inputs(1));
    assert_ne!(inputs(1), inputs(2));
}

#[test]
fn inputs_stay_within_their_bound_and_are_made_without_seeds() {
    for seeds in [
        Vec::new(),
        vec![Vec::new()],
        vec![vec![7; crate::INPUT_BYTES_MAX]],
    ] {
        let mut mutator = Mutator::new(seeds, 1);
        let longest = (0..5_000).map(|_| mutator.next_input().len()).max();
        assert!((1..=crate::INPUT_BYTES_MAX).contains(&longest.unwrap()));
    }
}

/// Faults as they are made in decoders, each of which has one door that lets nothing bad past.
#[test]
fn a_fault_at_one_length_is_found() {
    for length in [0, 1, 2, 31, 33, 63, 64, 65] {
        assert!(
            is_found(&[vec![5; 40]], |bytes| bytes.len() == length),
            "an input of {length} bytes"
        );
    }
}

#[test]
fn a_fault_behind_a_length_that_must_be_right_is_found() {
    // One byte of length, a text of that length, a last byte.
    let frame = |bytes: &[u8]| {
        let (&length, rest) = bytes.split_first()?;
        let (text, end) = rest.split_at_checked(usize::from(length))?;
        (end == [0xee]).then(|| text.to_vec())
    };
    let seed = [&[5][..], b"hello", &[0xee]].concat();
    for length in [0, 4, 6, 12, 40] {
        let fault = |bytes: &[u8]| frame(bytes).is_some_and(|text| text.len() == length);
        assert!(is_found(std::slice::from_ref(&seed), fault), "a text of {length}");
    }
    // The same with two bytes of length.
    let wide = |bytes: &[u8]| {
        let (head, rest) = bytes.split_at_checked(2)?;
        let (text, end) = rest.split_at_checked(usize::from(head[0]) << 8 | usize::from(head[1]))?;
        (end == [0xee]).then(|| text.to_vec())
    };
    let seed = [&[0, 5][..], b"hello", &[0xee]].concat();
    assert!(is_found(&[seed], |bytes| wide(bytes).is_some_and(|text| text.len() == 9)));
}

#[test]
fn a_number_at_a_limit_is_found() {
    let seed = vec![3; 8];
    let number = |bytes: &[u8]| {
        bytes
            .get(..8)
            .map(|eight| u64::from_be_bytes(eight.try_into().unwrap()))
    };
    for limit in [0, u64::MAX, 1 << 32, 1 << 63, (1 << 63) - 1] {
        assert!(
            is_found(std::slice::from_ref(&seed), |bytes| number(bytes) == Some(limit)),
            "the number {limit}"
        );
    }
    let digits = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("\"18446744073709551615\"");
    assert!(is_found(&[b"{\"value\":\"7\"}".to_vec()], digits));
}

#[test]
fn a_part_of_one_seed_comes_to_stand_in_another() {
    let seeds = [b"alpha beta".to_vec(), b"gamma delta".to_vec()];
    let both = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        text.contains("beta") && text.contains("gamma")
    };
    assert!(is_found(&seeds, both));
}

/// Faults planted behind our real decoders: reached only by what they take.
#[test]
fn a_fault_behind_the_decoder_of_frames_is_found() {
    use chaski_net::wire::{Message, VERSION, decode};
    let message = |bytes: &[u8]| decode(&[&[VERSION], bytes].concat()).map(|(_, message)| message);
    let seeds = seeds_for("wire");
    type Fault = fn(&Message) -> bool;
    let faults: [(&str, Fault); 5] = [
        (
            "a batch one byte longer",
            |message| matches!(message, Message::Batch(batch) if batch.payload.len() == 41),
        ),
        ("a piece that doesn't end where the whole does", |message| {
            matches!(message, Message::Piece(piece)
                if u64::from(piece.offset) + piece.bytes.len() as u64 != u64::from(piece.total))
        }),
        (
            "a batch that ends before it begins",
            |message| matches!(message, Message::Batch(batch) if batch.to < batch.from),
        ),
        (
            "a statement of no bytes",
            |message| matches!(message, Message::Authority(all) if all.statements.iter().any(Vec::is_empty)),
        ),
        (
            "a join without a name",
            |message| matches!(message, Message::Join(join) if join.name.is_empty()),
        ),
    ];
    for (name, fault) in faults {
        assert!(
            is_found(&seeds, |bytes| message(bytes)
                .is_ok_and(|message| fault(&message))),
            "{name}"
        );
    }
}

#[test]
fn a_fault_behind_the_parser_of_json_is_found() {
    let limits = chaski_json::Limits::default();
    let holds = |bytes: &[u8], what: &str| {
        chaski_json::parse(bytes, &limits).is_ok_and(|json| json.canonical().contains(what))
    };
    let seeds = seeds_for("json");
    for what in ["\"\"", "[]", "{}", ":-", "e3", "\\u00"] {
        assert!(is_found(&seeds, |bytes| holds(bytes, what)), "{what}");
    }
}

/// Every target takes what is made for it for a while; the long runs are in `tests/it/fuzz.rs`.
#[test]
fn made_inputs_suit_every_target() {
    let few = |target: Target, seeds: Vec<Vec<u8>>| {
        let mut mutator = Mutator::new(seeds, 1);
        (0..20).for_each(|_| target(&mutator.next_input()));
    };
    for (name, _) in crate::TARGETS {
        few(target(name).unwrap(), seeds_for(name));
    }
}
