//! Every list and text of a message, at its bound and by one over it.

use super::*;

fn hello(chain: Vec<Vec<u8>>) -> Message {
    Message::Hello(Box::new(Hello {
        network: [1; 32],
        now_ms: 1,
        epoch: 2,
        incarnation: None,
        chain,
        cursor: None,
        scope: 1,
        status: Status::default(),
        features: 0,
    }))
}

fn authority(statements: Vec<Vec<u8>>) -> Message {
    Message::Authority(Authority {
        statements,
        digest: [1; 16],
        sent: 1,
    })
}

fn want(keys: usize, key: usize, have: usize) -> Message {
    let key = WantKey {
        key: "k".repeat(key),
        have: vec![[1; 8]; have],
    };
    Message::Want(Want {
        id: 1,
        keys: vec![key; keys],
    })
}

fn join(name: usize, site: usize) -> Message {
    Message::Join(JoinRequest {
        network: [1; 8],
        secret: [1; 16],
        demo: false,
        name: "n".repeat(name),
        site: "s".repeat(site),
    })
}

fn joined(statements: Vec<Vec<u8>>, addresses: usize, address: usize) -> Message {
    Message::Joined(Joined {
        root: [1; 32],
        statements,
        secret: [1; 32],
        addresses: vec!["a".repeat(address); addresses],
    })
}

fn range(bytes: usize) -> Message {
    Message::Repair(Repair::Range {
        round: 1,
        to_initiator: true,
        bytes: vec![1; bytes],
    })
}

fn differ(items: usize) -> Message {
    Message::Repair(Repair::Differ {
        round: 1,
        items: vec![[1; 32]; items],
    })
}

fn held(count: usize) -> Message {
    let one = Held {
        payload: [1; 16],
        bytes: 1,
    };
    Message::Held(vec![one; count])
}

fn piece(total: usize) -> Message {
    Message::Piece(Piece {
        payload: [1; 16],
        total: u32::try_from(total).unwrap(),
        offset: 0,
        bytes: vec![1; 10],
    })
}

/// Every bounded part of a message, with so much more than it may have.
fn messages(over: usize) -> Vec<(&'static str, Message)> {
    let many = vec![Vec::new(); STATEMENTS_MAX + over];
    let long = vec![vec![1; STATEMENT_BYTES_MAX + over]];
    vec![
        ("hello's statements", hello(vec![Vec::new(); CHAIN_MAX + over])),
        ("hello's statement", hello(long.clone())),
        ("statements", authority(many.clone())),
        ("statement", authority(long.clone())),
        ("keys", want(WANT_KEYS_MAX + over, 1, 0)),
        ("key", want(1, KEY_BYTES_MAX + over, 0)),
        ("hashes of a key", want(1, 1, WANT_HAVE_MAX + over)),
        ("range", range(RANGE_BYTES_MAX + over)),
        ("items", differ(DIFFER_ITEMS_MAX + over)),
        ("newcomer's name", join(NAME_BYTES_MAX + over, 1)),
        ("newcomer's site", join(1, NAME_BYTES_MAX + over)),
        ("welcome's statements", joined(many, 1, 1)),
        ("welcome's statement", joined(long, 1, 1)),
        ("addresses", joined(Vec::new(), 64 + over, 1)),
        ("address", joined(Vec::new(), 1, NAME_BYTES_MAX + over)),
        ("payloads held", held(PARTIALS_MAX + over)),
        ("payload", piece(DATA_FRAME_BYTES_MAX + over)),
    ]
}

#[test]
fn each_bound_is_where_it_is_said_to_be() {
    for (what, message) in messages(0) {
        assert_eq!(decode(&encode(0, &message)), Ok((0, message)), "{what}");
    }
    for (what, message) in messages(1) {
        let read = decode(&encode(0, &message));
        assert!(matches!(read, Err(WireError::TooLong(_))), "{what}: {read:?}");
    }
}

#[test]
fn frames_are_bounded_by_what_they_carry() {
    let over = decode(&vec![VERSION; DATA_FRAME_BYTES_MAX + 1]);
    assert_eq!(over, Err(WireError::TooLong("frame bytes")));
    let at = decode(&vec![VERSION; DATA_FRAME_BYTES_MAX]);
    assert_eq!(at, Err(WireError::TooLong("control frame bytes")));
    for priority in Priority::DATA {
        assert_eq!(priority.frame_bytes_max(), DATA_FRAME_BYTES_MAX);
    }
    assert_eq!(Priority::Control.frame_bytes_max(), CONTROL_FRAME_BYTES_MAX);
}

#[test]
fn streams_and_versions_are_those_that_are_spoken() {
    for priority in [Priority::Control].into_iter().chain(Priority::DATA) {
        assert_eq!(Priority::from_byte(priority as u8), Some(priority));
    }
    assert!((5..=255).all(|byte| Priority::from_byte(byte).is_none()));
    let indexes: Vec<_> = Priority::DATA
        .iter()
        .map(|priority| priority.data_index())
        .collect();
    assert_eq!(indexes, [Some(0), Some(1), Some(2), Some(3)]);
    assert_eq!(Priority::Control.data_index(), None);
    assert_eq!(ALPN[0], format!("chaski/{VERSION}").as_bytes());
}

#[test]
fn a_welcome_is_not_written_into_a_log() {
    let Message::Joined(joined) = joined(vec![vec![7; 3]], 1, 1) else {
        unreachable!()
    };
    let text = format!("{joined:?}");
    assert!(!text.contains("secret") && !text.contains('7'), "{text}");
}

#[test]
fn a_payloads_name_says_nothing_to_whoever_lacks_the_networks_secret() {
    let name = |secret: u8, payload: &[u8]| crate::batch::payload_id(&[secret; 32], payload);
    assert_eq!(name(1, b"a scan"), name(1, b"a scan"));
    assert_ne!(name(1, b"a scan"), name(1, b"another"));
    assert_ne!(name(1, b"a scan"), name(2, b"a scan"));
    let plain = blake3::hash(b"a scan");
    assert_ne!(name(1, b"a scan")[..], plain.as_bytes()[..16]);
    assert_ne!(
        name(0, b"a scan")[..],
        blake3::keyed_hash(&[0; 32], b"a scan").as_bytes()[..16]
    );
}

#[test]
fn each_message_has_the_number_that_older_nodes_know_it_by() {
    let batch = || Batch {
        id: 1,
        from: 0,
        to: 9,
        base: 0,
        authority: 1,
        payload: vec![1; 16],
    };
    let step = Repair::Done { round: 1 };
    let messages = [
        hello(Vec::new()),
        authority(Vec::new()),
        Message::Batch(batch()),
        Message::Ack(Ack::default()),
        Message::Status(Status::default()),
        want(1, 1, 1),
        Message::Given(1, 1),
        Message::Repair(step),
        join(1, 1),
        joined(Vec::new(), 1, 1),
        Message::Bye,
        Message::Ask(1),
        held(1),
        piece(10),
        Message::Pieced(batch()),
    ];
    for (number, message) in messages.iter().enumerate() {
        let bytes = encode(3, message);
        assert_eq!(bytes[..3], [VERSION, 3, number as u8], "{message:?}");
    }
    let kinds = [range(1), differ(1), Message::Repair(Repair::Done { round: 1 })];
    for (number, message) in kinds.iter().enumerate() {
        assert_eq!(encode(3, message)[3], number as u8, "{message:?}");
    }
    // What is empty is no piece, and one that a later node adds is not guessed at.
    assert_eq!(decode(&[VERSION, 3, 15]), Err(WireError::Malformed));
}
