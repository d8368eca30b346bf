use super::*;
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ROOT};

const NETWORK: NetworkId = NetworkId([9; 32]);

fn change_under(actor: [u8; ACTOR_BYTES]) -> Vec<u8> {
    let mut document = AutoCommit::new().with_actor(ActorId::from(actor));
    document.put(ROOT, "status", "\"final\"").unwrap();
    document.commit();
    document.get_changes(&[])[0].raw_bytes().to_vec()
}

fn key(text: &str) -> RecordKey {
    text.parse().unwrap()
}

fn signed() -> SignedChange {
    let signer = SigningKey::from_bytes(&[3; 32]);
    let mut next_seq = 41;
    let mut writer = Writer {
        signer: &signer,
        network: NETWORK,
        incarnation: 7,
        next_seq: &mut next_seq,
    };
    let bytes = change_under(writer.author().actor(0));
    let change = writer.sign(&key("Patient/p1"), bytes).unwrap();
    assert_eq!(next_seq, 42);
    change
}

#[test]
fn a_signed_change_verifies_for_its_record_and_network_only() {
    let change = signed();
    let verified = change.verify(&NETWORK, &key("Patient/p1")).unwrap();
    assert_eq!(verified.hash(), change.hash().unwrap());
    assert_eq!(verified.signed(), &change);
    assert_eq!(
        change.verify(&NETWORK, &key("Patient/p2")),
        Err(ChangeError::Signature)
    );
    assert_eq!(
        change.verify(&NetworkId([8; 32]), &key("Patient/p1")),
        Err(ChangeError::Signature)
    );
}

#[test]
fn any_altered_field_is_refused() {
    let refused = |edit: fn(&mut SignedChange), error: ChangeError| {
        let mut change = signed();
        edit(&mut change);
        assert_eq!(change.verify(&NETWORK, &key("Patient/p1")), Err(error));
    };
    refused(|change| change.author_seq += 1, ChangeError::Signature);
    refused(|change| change.author.incarnation += 1, ChangeError::Signature);
    refused(|change| change.signature[10] ^= 1, ChangeError::Signature);
    refused(|change| change.author.node = NodeId([0; 32]), ChangeError::Key);
    refused(
        |change| change.author.node = NodeId::of(&SigningKey::from_bytes(&[4; 32])),
        ChangeError::Signature,
    );
    refused(
        |change| {
            let last = change.bytes.len() - 1;
            change.bytes[last] ^= 1;
        },
        ChangeError::Chunk(ChunkError::Checksum),
    );
}

#[test]
fn nobody_writes_under_anothers_actor() {
    let signer = SigningKey::from_bytes(&[3; 32]);
    let mut next_seq = 0;
    let mut writer = Writer {
        signer: &signer,
        network: NETWORK,
        incarnation: 7,
        next_seq: &mut next_seq,
    };
    let other = AuthorId {
        incarnation: 8,
        ..writer.author()
    };
    let bytes = change_under(other.actor(0));
    assert_eq!(
        writer.sign(&key("Patient/p1"), bytes.clone()),
        Err(ChangeError::Actor)
    );
    // Made by someone who skips that check:
    let author = writer.author();
    let hash = crate::change::hash_of(&bytes).unwrap();
    let signature = signer
        .sign(&signed_message(&NETWORK, &key("Patient/p1"), &hash, &author, 0))
        .to_bytes();
    let forged = SignedChange {
        author,
        author_seq: 0,
        signature,
        bytes,
    };
    assert_eq!(
        forged.verify(&NETWORK, &key("Patient/p1")),
        Err(ChangeError::Actor)
    );
}

#[test]
fn a_branch_is_the_actors_last_byte() {
    let author = AuthorId {
        node: NodeId([1; 32]),
        incarnation: 2,
    };
    assert_ne!(author.actor(0), author.actor(1));
    assert_eq!(author.branch_of(&author.actor(200)), Some(200));
    let other = AuthorId {
        incarnation: 3,
        ..author
    };
    assert_eq!(author.branch_of(&other.actor(0)), None);
}

#[test]
fn identifiers_round_trip_as_text() {
    let id = NodeId::of(&SigningKey::from_bytes(&[3; 32]));
    assert_eq!(id.to_string().parse::<NodeId>(), Ok(id));
    assert_eq!(id.short().len(), 8);
    assert!("12".parse::<NodeId>().is_err());
    assert!("zz".repeat(32).parse::<NodeId>().is_err());
}

/// A node that means ill, and has a key of its own, has no way to put its word in another's mouth.
#[test]
fn a_change_signed_by_another_is_nobodys() {
    let honest = signed();
    let other = SigningKey::from_bytes(&[4; 32]);
    let record = key("Patient/p1");
    let message = |change: &SignedChange| {
        let hash = change.hash().unwrap();
        signed_message(&NETWORK, &record, &hash, &change.author, change.author_seq)
    };
    // The right text under a wrong key, before and after the right key was looked at.
    let mut forged = honest.clone();
    forged.signature = other.sign(&message(&honest)).to_bytes();
    for _ in 0..2 {
        assert_eq!(forged.verify(&NETWORK, &record), Err(ChangeError::Signature));
        honest.verify(&NETWORK, &record).unwrap();
    }
    // Its own name on it: then the actor is another's.
    forged.author.node = NodeId::of(&other);
    forged.signature = other.sign(&message(&forged)).to_bytes();
    assert_eq!(forged.verify(&NETWORK, &record), Err(ChangeError::Actor));
    honest.verify(&NETWORK, &record).unwrap();
    for signature in [[0; 64], [0xff; 64]] {
        let mut blank = honest.clone();
        blank.signature = signature;
        assert_eq!(blank.verify(&NETWORK, &record), Err(ChangeError::Signature));
    }
    // What is handed back is what was given.
    let (back, error) = forged.clone().into_verified(&NETWORK, &record).unwrap_err();
    assert_eq!((back, error), (forged, ChangeError::Actor));
}

/// Each part of what is signed is told apart from the others: the text, held to the byte.
#[test]
fn what_is_signed_is_this_text() {
    let author = AuthorId {
        node: NodeId([1; 32]),
        incarnation: 0x0102_0304_0506_0708,
    };
    let text = signed_message(&NETWORK, &key("Patient/p1"), &ChangeHash([3; 32]), &author, 9);
    let expected = [
        b"chaski/change/1\0".as_slice(),
        &[9; 32],
        &[0, 10],
        b"Patient/p1",
        &[3; 32],
        &[1, 2, 3, 4, 5, 6, 7, 8],
        &[0, 0, 0, 0, 0, 0, 0, 9],
    ]
    .concat();
    assert_eq!(text, expected);
}

#[test]
fn keys_of_which_anybody_could_sign_are_no_nodes() {
    // Points of small order: a signature of theirs fits many texts.
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    for weak in [[0; 32], one, minus_one] {
        assert!(NodeId(weak).verifying_key().is_none(), "{weak:?}");
    }
    // No point at all.
    let mut none = [0; 32];
    none[0] = 2;
    assert!(NodeId(none).verifying_key().is_none());
    assert!(
        NodeId::of(&SigningKey::from_bytes(&[3; 32]))
            .verifying_key()
            .is_some()
    );
}

#[test]
fn a_sequence_is_taken_by_what_was_signed_and_nothing_else() {
    let signer = SigningKey::from_bytes(&[3; 32]);
    let mut next_seq = u64::MAX - 1;
    let mut writer = Writer {
        signer: &signer,
        network: NETWORK,
        incarnation: 7,
        next_seq: &mut next_seq,
    };
    let actor = writer.author().actor(0);
    let record = key("Patient/p1");
    assert!(writer.sign(&record, b"nonsense".to_vec()).is_err());
    assert_eq!(*writer.next_seq, u64::MAX - 1);
    assert_eq!(
        writer.sign(&record, change_under(actor)).unwrap().author_seq,
        u64::MAX - 1
    );
    assert_eq!(
        writer.sign(&record, change_under(actor)).unwrap().author_seq,
        u64::MAX
    );
    assert_eq!(*writer.next_seq, u64::MAX);
}

#[test]
fn an_identifier_is_64_hexadecimal_digits() {
    let id = NodeId([0xab; 32]);
    assert_eq!(
        (id.to_string(), id.short()),
        ("ab".repeat(32), "abababab".to_owned())
    );
    assert_eq!(format!("{id:?}"), "NodeId(abababab)");
    assert_eq!("ab".repeat(32).parse::<NetworkId>(), Ok(NetworkId([0xab; 32])));
    for bad in [
        "ab".repeat(31),
        "ab".repeat(33),
        format!("{}g0", "ab".repeat(31)),
        "é".repeat(32),
    ] {
        assert!(bad.parse::<NodeId>().is_err(), "{bad}");
    }
    assert_ne!(NetworkId::of_root(&id).0, id.0);
}
