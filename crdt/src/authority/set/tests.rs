//! The set at its bound.

use super::*;
use crate::authority::Issuer;

/// Whoever may say one thing could else fill every node's memory with it.
#[test]
fn an_authority_holds_so_many_statements_and_no_more() {
    let root = SigningKey::from_bytes(&[1; 32]);
    let issuer = |number: u8| {
        Statement::Issuer(Issuer {
            node: NodeId([number; 32]),
            name: String::new(),
            limits: Limits::default(),
        })
    };
    let mut authority = Authority::found(NodeId::of(&root));
    let network = authority.network();
    let [first, second, third] =
        [1, 2, 3].map(|number| SignedStatement::sign(&network, &root, 1, issuer(number)).unwrap());
    // As if so many others had been said.
    for number in 1..STATEMENTS_MAX {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        authority.statements.insert(StatementId(id), first.clone());
    }
    assert_eq!(authority.add([second.clone()]), Ok(1));
    assert_eq!(authority.len(), STATEMENTS_MAX);
    assert!(authority.is_issuer(&NodeId([2; 32])));
    assert_eq!(authority.add([second]), Ok(0), "known already");
    assert_eq!(authority.add([third.clone()]), Err(AuthorityError::TooLarge));
    let mut other = Authority::found(NodeId::of(&root));
    other.add([third]).unwrap();
    assert_eq!(authority.merge(&other), Err(AuthorityError::TooLarge));
    assert_eq!(authority.issue(&root, issuer(4)), Err(AuthorityError::TooLarge));
    assert_eq!(authority.len(), STATEMENTS_MAX);
    assert!(!authority.is_issuer(&NodeId([3; 32])) && !authority.is_issuer(&NodeId([4; 32])));
}
