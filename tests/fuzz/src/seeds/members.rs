//! What makes a node a member: statements and a ticket.

use chaski_crdt::author::{NetworkId, NodeId};
use chaski_crdt::authority::{
    Authority, Grant, Issuer, Limits, Member, NodeRole, Revocation, RootSuccessor, Scopes, Statement, Ticket,
};
use ed25519_dalek::SigningKey;

use super::Seeds;
use crate::put_piece;
use crate::targets::authority::keys;

/// Statements of every kind, one by one behind who signs them and whom they are about, and as
/// they are stored together.
pub fn authority(seeds: &mut Seeds) {
    let keys = keys();
    let [root, ..] = &keys;
    let mut authority = Authority::found(NodeId::of(root));
    let mut seed = Vec::new();
    for (serial, (who, about, statement)) in (1_u8..).zip(statements(&keys)) {
        let id = authority
            .issue(&keys[usize::from(who)], statement)
            .expect("a statement");
        let (_, signed) = authority
            .statements()
            .find(|(other, _)| **other == id)
            .expect("issued");
        let bytes = signed.to_bytes();
        // Signer, serial, time and kind stand before the length of the body, one or two bytes.
        let body = 35 + if bytes[35] & 0x80 == 0 { 1 } else { 2 };
        seed.extend([who | about << 2, serial, bytes[34]]);
        put_piece(&mut seed, &bytes[body + 32..bytes.len() - 64]);
    }
    seeds.put("authority", "signed", &seed);
    seeds.put("authority", "whole", &authority.to_bytes());
}

/// Who signs, whom it is about (both as numbers of keys), and what is said.
fn statements(keys: &[SigningKey; 4]) -> Vec<(u8, u8, Statement)> {
    let [_, issuer, member, next] = keys;
    let limits = Limits {
        roles: Some([NodeRole::Clinic].into()),
        sites: None,
    };
    vec![
        (
            0,
            1,
            Statement::Issuer(Issuer {
                node: NodeId::of(issuer),
                name: "A".into(),
                limits,
            }),
        ),
        (
            1,
            2,
            Statement::Member(Member {
                node: NodeId::of(member),
                name: "B".into(),
                role: NodeRole::Clinic,
                site: "s".into(),
            }),
        ),
        (
            1,
            2,
            Statement::Grant(Grant {
                node: NodeId::of(member),
                scopes: Scopes::All,
                expires_ms: Some(9),
            }),
        ),
        (
            1,
            2,
            Statement::Revocation(Revocation {
                node: NodeId::of(member),
                vouched: [(1, 5)].into(),
                reason: "lost".into(),
            }),
        ),
        (
            0,
            3,
            Statement::RootSuccessor(RootSuccessor {
                next: NodeId::of(next),
                last_serial: 9,
            }),
        ),
    ]
}

/// A ticket as it is typed, and what stands between its version and its checksum.
pub fn ticket(seeds: &mut Seeds) {
    let [root, issuer, ..] = &keys();
    let ticket = Ticket {
        secret: [1; 16],
        issuer: Ticket::fingerprint_of(&NodeId::of(issuer)),
        network: Ticket::network_of(&NetworkId::of_root(&NodeId::of(root))),
        expires_s: 1_800_000_000,
        role: NodeRole::Clinic,
        addresses: vec!["10.0.0.7:7447".into(), "[fe80::1]:7447".into()],
    };
    seeds.put("ticket", "text", ticket.to_text().expect("a ticket").as_bytes());
    let mut content = [1; 45].to_vec();
    content.extend(b"\x06clinic\x01\x0410:7");
    seeds.put("ticket", "content", &content);
}
