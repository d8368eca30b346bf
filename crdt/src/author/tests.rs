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
