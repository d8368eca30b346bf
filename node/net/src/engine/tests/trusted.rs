//! Statements as they are stored, heard in any order, handed on in messages that a peer can read.

use super::durable::heard;
use super::*;
use crate::limits::{STATEMENT_BYTES_MAX, STATEMENTS_MESSAGE_BYTES, WELCOME_BYTES};
use crate::replica::Documents;
use crate::trust::TrustError;
use crate::wire::{self, JoinRequest, Message};
use chaski_crdt::author::NetworkId;
use chaski_crdt::authority::Revocation;
use std::collections::BTreeMap;

const DOCUMENT: &str = "trust/authority";

/// A hub that has said much: forty panels of many patients.
fn talkative(grants: u8) -> Bus {
    let mut bus = Bus::new(1);
    for number in 0..grants {
        let node = NodeId::of(&SigningKey::from_bytes(&[number + 1; 32]));
        let member = Statement::Member(Member {
            node,
            name: format!("team {number}"),
            role: NodeRole::Mobile,
            site: String::new(),
        });
        let patients = (0..256).map(|n| format!("{number:020}{n:040}"));
        let grant = Statement::Grant(Grant {
            node,
            scopes: Scopes::Panels(patients.collect()),
            expires_ms: None,
        });
        let now = bus.now_ms;
        for statement in [member, grant] {
            bus.nodes[0].engine.issue(now_at(now), statement).unwrap();
        }
    }
    bus
}

fn statements(bus: &Bus, node: usize) -> Vec<Vec<u8>> {
    bus.nodes[node]
        .engine
        .trust()
        .statements_after(0)
        .cloned()
        .collect()
}

#[test]
fn what_a_hub_has_to_say_is_cut_into_messages_and_all_of_it_arrives() {
    let mut bus = Bus::new(2);
    let talking = talkative(40);
    // The second node knew the network before; the hub is the same one, which has said more since.
    drop(bus.nodes.remove(0));
    bus.nodes.insert(0, talking.nodes.into_iter().next().unwrap());
    let node = bus.nodes[1].id();
    let now = bus.now_ms;
    let member = Statement::Member(Member {
        node,
        name: "clinic 1".into(),
        role: NodeRole::Clinic,
        site: String::new(),
    });
    let grant = Statement::Grant(Grant {
        node,
        scopes: Scopes::All,
        expires_ms: None,
    });
    for statement in [member, grant] {
        bus.nodes[0].engine.issue(now_at(now), statement).unwrap();
    }
    let long: usize = statements(&bus, 0).iter().map(Vec::len).sum();
    assert!(long > 2 * STATEMENTS_MESSAGE_BYTES, "{long} bytes are no test");
    patient(&bus.nodes[0].store, "p", "Quispe");
    let said = heard(&mut bus, 0);
    assert!(bus.sync(1, 0).unwrap().in_sync);
    let said = std::mem::take(&mut *said.lock().unwrap());
    let (mut messages, mut count) = (0, 0);
    for message in &said {
        match message {
            Message::Authority(authority) => {
                messages += 1;
                count += authority.statements.len();
                assert_eq!(authority.sent, messages);
                let bytes: usize = authority.statements.iter().map(Vec::len).sum();
                assert!(bytes <= STATEMENTS_MESSAGE_BYTES, "{bytes}");
            }
            Message::Batch(batch) => assert_eq!(batch.authority, messages, "it could be read before"),
            _ => {}
        }
    }
    assert!(
        messages > 2 && count > 18,
        "{messages} messages of {count} statements"
    );
    let digest = bus.nodes[0].engine.trust().digest();
    assert_eq!(bus.nodes[1].engine.trust().digest(), digest);
}

#[test]
fn a_newcomer_is_told_what_makes_it_a_member_before_all_else() {
    let mut bus = talkative(40);
    let key = NodeId::of(&SigningKey::from_bytes(&[99; 32]));
    let options = Options {
        advertise: vec!["10.0.0.1:1".into(), "10.0.0.2:1".into()],
        ..Options::default()
    };
    bus.nodes[0] = Node::of(bus.nodes[0].store.clone(), options);
    let revocation = Statement::Revocation(Revocation {
        node: NodeId::of(&SigningKey::from_bytes(&[40; 32])),
        vouched: BTreeMap::new(),
        reason: "lost".into(),
    });
    let now = bus.now_ms;
    bus.nodes[0].engine.issue(now_at(now), revocation).unwrap();
    let ticket = setup::invite(&bus.nodes[0].store, NodeRole::Clinic, 60_000, Vec::new()).unwrap();
    let open = Event::Opened {
        session: 70,
        peer: key,
        outbound: false,
        address: "10.0.0.9:1".into(),
        request: None,
    };
    bus.give(0, open);
    let request = JoinRequest {
        network: ticket.network,
        secret: ticket.secret,
        demo: false,
        name: "new".into(),
        site: "N".into(),
    };
    let message = Event::Message {
        session: 70,
        priority: Priority::Control,
        bytes: wire::encode(1, &Message::Join(request)),
    };
    bus.now_ms += 70;
    let effects = bus.nodes[0].engine.handle(now_at(bus.now_ms), message);
    let joined = effects.iter().find_map(|effect| match effect {
        Effect::Send { bytes, .. } => match wire::decode(bytes).unwrap().1 {
            Message::Joined(joined) => Some(joined),
            _ => None,
        },
        _ => None,
    });
    let joined = joined.unwrap();
    let bytes: usize = joined.statements.iter().map(Vec::len).sum();
    assert!(bytes <= WELCOME_BYTES && bytes > WELCOME_BYTES / 2, "{bytes}");
    let trust = bus.nodes[0].engine.trust();
    let mut proof = trust.chain_of(&key);
    proof.extend(trust.chain_of(&bus.nodes[0].id()));
    proof.sort();
    proof.dedup();
    let (first, rest) = joined.statements.split_at(proof.len());
    let mut first = first.to_vec();
    first.sort();
    assert_eq!(first, proof, "each once");
    // Then who is revoked, and others as far as there is room.
    // Their issuer's own statement stands in the proof already.
    let revoked: Vec<_> = trust
        .revocations()
        .filter(|statement| !proof.contains(statement))
        .collect();
    assert_eq!(rest[..revoked.len()], revoked);
    assert!(rest.len() > revoked.len() && revoked.len() == 1);
    let identity = StoreReplica::new(bus.nodes[0].store.clone()).unwrap().identity();
    assert_eq!(joined.secret, identity.fingerprint_key);
    assert_eq!(joined.root, trust.root().0);
    assert_eq!(joined.addresses, ["10.0.0.1:1", "10.0.0.2:1"]);
    // The hub waits for it to hang up, and knows it by then.
    let session = &bus.nodes[0].engine.sessions[&70];
    assert_eq!(session.phase, crate::engine::session::Phase::Leaving);
    assert_eq!(session.progress_ms, steady_at(bus.now_ms));
    let state = bus.nodes[0].engine.core.peers.state(&key).unwrap();
    assert_eq!((state.last_seen_ms, state.addresses.len()), (bus.now_ms, 0));
}

#[test]
fn who_has_been_told_all_of_a_certificate_is_not_shown_it_again() {
    let bus = Bus::new(3);
    let trust = bus.nodes[0].engine.trust();
    let node = bus.nodes[1].id();
    let chain = trust.chain_of(&node);
    let all = statements(&bus, 0);
    let last = all
        .iter()
        .rposition(|statement| chain.contains(statement))
        .unwrap();
    for (told, is_shown) in [(0, true), (last, true), (last + 1, false), (all.len(), false)] {
        let shown = trust.chain_unless_known(&node, u64::try_from(told).unwrap());
        assert_eq!(shown, if is_shown { chain.clone() } else { Vec::new() }, "{told}");
    }
}

#[test]
fn what_is_stored_of_a_network_is_read_as_it_was_or_not_at_all() {
    let bus = Bus::new(2);
    let store = &bus.nodes[0].store;
    let trust = bus.nodes[0].engine.trust();
    let network = trust.authority().network();
    let again = Trust::load(store, network).unwrap();
    assert_eq!((again.digest(), again.len()), (trust.digest(), trust.len()));
    assert_eq!(again.authors(), trust.authors());
    let load = |network| Trust::load(store, network).err();
    assert_eq!(load(NetworkId([1; 32])), Some(TrustError::OtherNetwork));
    let bytes = store.document(DOCUMENT).unwrap().unwrap();
    let mut other_version = bytes.clone();
    other_version[0] ^= 3;
    for damaged in [vec![], vec![2], bytes[..bytes.len() / 2].to_vec()] {
        store.document_save(DOCUMENT, &damaged).unwrap();
        assert_eq!(load(network), Some(TrustError::Damaged));
    }
    store.document_save(DOCUMENT, &other_version).unwrap();
    let told = load(network).unwrap();
    assert_eq!(told, TrustError::Form { found: 1, known: 2 });
    assert!(
        told.to_string()
            .contains("has form 1, and this version reads form 2"),
        "{told}"
    );
    store.documents_save(&[(DOCUMENT.to_owned(), None)]).unwrap();
    assert_eq!(load(network), Some(TrustError::None));
}

#[test]
fn statements_are_taken_once_in_any_order_and_only_those_of_the_network() {
    let bus = Bus::new(3);
    let hub = bus.nodes[0].engine.trust();
    let all = statements(&bus, 0);
    let (one, _) = store(50);
    let mut forward = Trust::found(hub.root(), &all).unwrap();
    let mut backward: Vec<_> = all.clone();
    backward.reverse();
    let backward = Trust::found(hub.root(), &backward).unwrap();
    assert_eq!(backward.digest(), forward.digest());
    assert_eq!(backward.authors(), forward.authors());
    assert!(Trust::found(hub.root(), &[]).unwrap().is_empty());
    // What is no statement, or of another network, begins none; beside others it is left out.
    let junk = vec![vec![1, 2, 3], vec![0; STATEMENT_BYTES_MAX + 1]];
    assert_eq!(Trust::found(hub.root(), &junk).err(), Some(TrustError::Damaged));
    assert_eq!(
        Trust::found(NodeId([9; 32]), &all).err(),
        Some(TrustError::Damaged)
    );
    assert_eq!(forward.add(&one, &[all.clone(), junk].concat()), Ok(0));
    assert_eq!(one.document(DOCUMENT).unwrap(), None, "nothing new was written");
    let mut partly = Trust::found(hub.root(), &all[..2]).unwrap();
    assert_eq!(
        partly.add(&one, &[all.clone(), all.clone()].concat()),
        Ok(all.len() - 2)
    );
    assert_eq!(partly.len(), all.len());
    let kept = Trust::load(&one, hub.authority().network()).unwrap();
    assert_eq!(kept.digest(), hub.digest());
    assert!(partly.add(&one, &[]) == Ok(0) && !partly.is_empty());
}

#[test]
fn a_grant_is_over_when_its_time_is_and_there_is_none_without_one() {
    let mut bus = Bus::new(1);
    let team = bus.member_add(1, Scopes::All, Some(5_000));
    let for_good = bus.member_add(2, Scopes::All, None);
    let trust = bus.nodes[0].engine.trust();
    let node = bus.nodes[team].id();
    for (now_ms, is_over) in [(0, false), (4_999, false), (5_000, true), (9_999, true)] {
        assert_eq!(trust.is_grant_over(&node, now_ms), is_over, "{now_ms}");
    }
    assert!(!trust.is_grant_over(&bus.nodes[for_good].id(), u64::MAX));
    assert!(trust.is_grant_over(&NodeId([9; 32]), 0));
    let now = bus.now_ms;
    let node = bus.nodes[for_good].id();
    bus.nodes[0]
        .engine
        .revoke(now_at(now), node, "lost".into())
        .unwrap();
    assert!(bus.nodes[0].engine.trust().is_grant_over(&node, 0));
}

#[test]
fn a_parcel_brings_all_that_was_said_of_the_network_however_much_it_is() {
    let mut bus = talkative(40);
    let node = bus.member_add(1, Scopes::All, None);
    // It knows no more than what makes it a member.
    let (hub, known) = (bus.nodes[0].id(), bus.nodes[node].id());
    let trust = bus.nodes[0].engine.trust();
    let chains = [trust.chain_of(&hub), trust.chain_of(&known)].concat();
    let little = Trust::found(trust.root(), &chains).unwrap();
    little.save(&bus.nodes[node].store).unwrap();
    bus.nodes[node].restart();
    patient(&bus.nodes[0].store, "p", "Quispe");
    let access = crate::parcel::Access::own(&bus.nodes[0].store).unwrap();
    let wanted = crate::parcel::Wanted {
        to: vec![known.to_string()],
        all: false,
    };
    let mut bytes = Vec::new();
    let outgoing = crate::parcel::Outgoing::choose(access, &wanted).unwrap();
    outgoing.write(&mut bytes, &mut |_, _| {}).unwrap();
    let access = crate::parcel::Access::own(&bus.nodes[node].store).unwrap();
    let mut file = bytes.as_slice();
    let incoming = crate::parcel::Incoming::open(access, &mut file).unwrap();
    assert!(incoming.take(&mut |_| {}).unwrap().in_sync);
    bus.nodes[node].restart();
    let digest = bus.nodes[0].engine.trust().digest();
    assert_eq!(bus.nodes[node].engine.trust().digest(), digest);
}
