//! The formats that are frozen, byte for byte: what a node of today wrote must
//! be read by every later one. A test here that fails is a format that changed
//! by accident; one that is changed on purpose takes a new version number and
//! keeps the old one readable.

use super::assert_golden;
use crate::author::{AuthorId, NodeId, SignedChange};
use crate::authority::{
    Authority, Grant, Issuer, Limits, Member, NodeRole, Revocation, Scopes, Statement, Ticket,
};
use crate::codec::{
    compress_json, decode_batch, decode_changes, decompress_json, encode_batch, encode_changes,
};
use crate::fingerprint::{Fingerprint, FingerprintKey};
use crate::record::Record;
use crate::testing::{NETWORK, POLICY, Site, key_of};
use ed25519_dalek::SigningKey;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const BEFORE: &str = r#"{"resourceType":"Patient","id":"p1","active":true,"birthDate":"1970-01-01","name":[{"family":"Quispe","given":["Ana"]}],"telecom":[{"system":"phone","value":"1"}]}"#;
const AFTER: &str = r#"{"resourceType":"Patient","id":"p1","active":true,"birthDate":"1970-01-01","name":[{"family":"Quispe","given":["Ana"]}],"telecom":[{"system":"phone","value":"2"}]}"#;

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    bytes.iter().for_each(|byte| write!(out, "{byte:02x}").unwrap());
    out
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16).unwrap()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
        .collect()
}

/// A record of two changes, always the same.
fn written() -> Site {
    let mut site = Site::new(1, key_of(&crate::testing::json(BEFORE)));
    site.create(BEFORE);
    site.put(AFTER);
    site
}

fn changes(site: &Site) -> Vec<SignedChange> {
    site.record.changes().cloned().collect()
}

#[test]
fn changes_and_what_is_signed() {
    let site = written();
    let mut lines = Vec::new();
    for change in changes(&site) {
        lines.push(format!("change {}", hex(&change.bytes)));
        lines.push(format!("hash {}", change.hash().unwrap()));
        lines.push(format!("signature {}", hex(&change.signature)));
    }
    lines.push(format!("version {}", site.record.version()));
    let author = AuthorId {
        node: NodeId([5; 32]),
        incarnation: 7,
    };
    lines.push(format!("actor {}", hex(&author.actor(3))));
    let value = FingerprintKey::derive(&[3; 32]).record_value(
        site.record.key(),
        &site.record.heads(),
        &site.record.evidence(),
    );
    lines.push(format!("fingerprint value {}", hex(&value.0)));
    let mut sum = Fingerprint::default();
    sum.add(&value);
    sum.add(&value);
    lines.push(format!("fingerprint sum {}", hex(&sum.to_bytes())));
    assert_golden(&lines, include_str!("formats_changes.golden"));
}

/// What was compressed then is read now; how it is compressed may get better.
#[test]
fn blocks_batches_and_stored_json() {
    let site = written();
    let key = site.record.key().clone();
    let of_record = changes(&site);
    if std::env::var_os("CHASKI_GOLDEN").is_some() {
        println!("block {}", hex(&encode_changes(&of_record).unwrap()));
        println!(
            "batch {}",
            hex(&encode_batch(&[(key.clone(), of_record.clone())]).unwrap())
        );
        println!("json {}", hex(&compress_json(BEFORE).unwrap()));
    }
    for line in include_str!("formats_blocks.golden").lines() {
        let (name, text) = line.split_once(' ').unwrap();
        let bytes = unhex(text);
        match name {
            "block" => assert_eq!(decode_changes(&bytes).unwrap(), of_record),
            "batch" => assert_eq!(decode_batch(&bytes).unwrap(), [(key.clone(), of_record.clone())]),
            "json" => assert_eq!(decompress_json(&bytes, 10_000).unwrap(), BEFORE),
            other => panic!("{other}"),
        }
    }
    let again = Record::load(key, of_record).unwrap();
    assert_eq!(again.view(POLICY), site.view());
}

#[test]
fn statements_and_tickets() {
    let root = SigningKey::from_bytes(&[1; 32]);
    let issuer = SigningKey::from_bytes(&[2; 32]);
    let (issuer_id, member) = (NodeId::of(&issuer), NodeId([9; 32]));
    let mut authority = Authority::found(NodeId::of(&root));
    let limits = Limits::default();
    let mut lines = vec![format!("network {}", authority.network())];
    let said = [
        (
            &root,
            Statement::Issuer(Issuer {
                node: issuer_id,
                name: "Lima".into(),
                limits,
            }),
        ),
        (
            &issuer,
            Statement::Member(Member {
                node: member,
                name: "Puno".into(),
                role: NodeRole::Clinic,
                site: "PUN".into(),
            }),
        ),
        (
            &issuer,
            Statement::Grant(Grant {
                node: member,
                scopes: Scopes::Sites(BTreeSet::from(["PUN".to_owned()])),
                expires_ms: Some(1_000),
            }),
        ),
        (
            &issuer,
            Statement::Revocation(Revocation {
                node: member,
                vouched: BTreeMap::from([(7, 12)]),
                reason: "lost".into(),
            }),
        ),
    ];
    for (signer, statement) in said {
        let id = authority.issue(signer, statement).unwrap();
        let (_, signed) = authority.statements().find(|(known, _)| **known == id).unwrap();
        lines.push(format!("statement {}", hex(&signed.to_bytes())));
    }
    lines.push(format!("authority {}", hex(&authority.digest())));
    let ticket = Ticket {
        secret: [4; 16],
        issuer: Ticket::fingerprint_of(&issuer_id),
        network: Ticket::network_of(&NETWORK),
        expires_s: 1_700_000_000,
        role: NodeRole::Mobile,
        addresses: vec!["10.0.0.1:7777".into()],
    };
    lines.push(format!("ticket {}", ticket.to_text().unwrap()));
    assert_golden(&lines, include_str!("formats_trust.golden"));
}
