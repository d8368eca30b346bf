//! Authority statements: raw, and rightly signed by root, issuer and member
//! whatever they say. Who has heard all of it answers alike, whatever was heard first.

use chaski_crdt::author::{AuthorId, NetworkId, NodeId};
use chaski_crdt::authority::{Authority, SignedStatement};
use ed25519_dalek::{Signer, SigningKey};

use crate::{Pieces, unsigned};

const STATEMENTS_MAX: usize = 16;

/// Gives the bytes to what reads statements of authority.
pub fn authority(bytes: &[u8]) {
    let _ = Authority::from_bytes(bytes);
    let keys = keys();
    let root = NodeId::of(&keys[0]);
    let network = NetworkId::of_root(&root);
    let _ = SignedStatement::from_bytes(&network, bytes);
    let statements = statements(bytes, &keys);
    let mut together = Authority::found(root);
    let _ = together.add(statements.iter().cloned());
    let mut apart = Authority::found(root);
    // What comes before its signer is known is told again.
    let mut hear = || {
        let heard = statements.iter().rev();
        heard
            .map(|statement| apart.add([statement.clone()]).len())
            .sum::<usize>()
    };
    while hear() > 0 {}
    assert_eq!(together.digest(), apart.digest());
    for key in &keys {
        let node = NodeId::of(key);
        let author = AuthorId { node, incarnation: 1 };
        assert_eq!(together.standing(&author, 7), apart.standing(&author, 7));
        assert_eq!(together.admission(&node, 7), apart.admission(&node, 7));
        assert_eq!(together.chain_of(&node), apart.chain_of(&node));
    }
    assert_eq!(together.root(), apart.root());
    let stored = Authority::from_bytes(&together.to_bytes()).expect("what was taken can be stored");
    assert_eq!(stored, together);
}

/// The root's key and those of three others.
pub(crate) fn keys() -> [SigningKey; 4] {
    [1, 2, 3, 4].map(|seed| SigningKey::from_bytes(&[seed; 32]))
}

/// The input's statements, each signed by the member that it names.
pub(crate) fn statements(bytes: &[u8], keys: &[SigningKey; 4]) -> Vec<SignedStatement> {
    let network = NetworkId::of_root(&NodeId::of(&keys[0]));
    let mut input = Pieces(bytes);
    let mut statements = Vec::new();
    while !input.is_empty() && statements.len() < STATEMENTS_MAX {
        let (who, serial, kind) = (input.byte(), input.byte(), input.byte());
        let about = NodeId::of(&keys[usize::from(who >> 2 & 3)]);
        let mut body = Vec::new();
        // Kinds 1 to 6 begin with the key they are about.
        if (1..=6).contains(&kind) {
            body.extend_from_slice(&about.0);
        }
        body.extend_from_slice(input.piece());
        let signed = signed(&network, &keys[usize::from(who & 3)], serial, kind, &body);
        if let Ok(statement) = SignedStatement::from_bytes(&network, &signed) {
            assert_eq!(statement.to_bytes(), signed);
            statements.push(statement);
        }
    }
    statements
}

fn signed(network: &NetworkId, signer: &SigningKey, serial: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut statement = NodeId::of(signer).0.to_vec();
    // One byte says both numbers, which seldom agree.
    statement.extend(unsigned(u64::from(serial)));
    statement.extend(unsigned(u64::from(serial.rotate_left(4))));
    statement.push(kind);
    statement.extend(unsigned(body.len() as u64));
    statement.extend_from_slice(body);
    let message = [&b"chaski/authority/2\0"[..], &network.0, &statement].concat();
    statement.extend(signer.sign(&message).to_bytes());
    statement
}
