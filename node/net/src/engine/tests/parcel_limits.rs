//! What a parcel may hold for several, and what one does to its reader whose writer may not be believed.

use super::fickle::Fickle;
use super::*;
use crate::engine::ground::TakenIn;
use crate::parcel::{Access, FormatError, Incoming, Outgoing, ParcelError, ReadReport, Wanted};
use chaski_crdt::authority::{Issuer, Limits, Revocation, SignedStatement};
use chaski_crdt::parcel::{End, Head, Item, ParcelReader, ParcelWriter};

fn write(bus: &Bus, from: usize, to: &[usize]) -> Vec<u8> {
    let access = Access::own(&bus.nodes[from].store).unwrap();
    let to = to.iter().map(|node| bus.nodes[*node].id().to_string()).collect();
    let outgoing = Outgoing::choose(access, &Wanted { to, all: true }).unwrap();
    let mut bytes = Vec::new();
    outgoing.write(&mut bytes, &mut |_, _| {}).unwrap();
    bytes
}

fn read(bus: &mut Bus, node: usize, bytes: &[u8]) -> Result<ReadReport, ParcelError> {
    let access = Access::own(&bus.nodes[node].store).unwrap();
    let mut file = bytes;
    let report = Incoming::open(access, &mut file).and_then(|incoming| incoming.take(&mut |_| {}));
    bus.nodes[node].restart();
    report
}

fn key_of(bus: &Bus, node: usize) -> SigningKey {
    let identity = StoreReplica::new(bus.nodes[node].store.clone())
        .unwrap()
        .identity();
    SigningKey::from_bytes(&identity.signing_seed)
}

/// Every record that a file holds, as whoever it is for may see.
fn contents(bus: &Bus, node: usize, bytes: &[u8]) -> BTreeSet<String> {
    let network = bus.nodes[0].engine.trust().authority().network();
    let mut reader = ParcelReader::new(network, key_of(bus, node));
    reader.push(bytes);
    let mut keys = BTreeSet::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Batch(payload) = item {
            let parts = crate::batch::decode(&payload).unwrap();
            keys.extend(parts.into_iter().map(|(key, _)| key.to_string()));
        }
    }
    keys
}

/// A hub with three patients, and teams with panels.
fn hub_and_teams(panels: &[&[&str]]) -> Bus {
    let mut bus = Bus::new(1);
    for (index, panel) in panels.iter().enumerate() {
        let patients = panel.iter().map(|id| (*id).to_owned()).collect();
        bus.member_add(index + 1, Scopes::Panels(patients), None);
    }
    for id in ["a", "b", "c"] {
        patient(&bus.nodes[0].store, id, "Quispe");
        observation(&bus.nodes[0].store, &format!("of-{id}"), id, 60);
    }
    put(
        &bus.nodes[0].store,
        r#"{"resourceType":"Organization","id":"o","name":"x"}"#,
    );
    bus
}

#[test]
fn a_parcel_for_several_holds_what_each_of_them_may_hold() {
    type Row<'a> = (&'a [&'a [&'a str]], &'a [&'a str]);
    let rows: [Row; 4] = [
        (&[&["a", "b"], &["b", "c"]], &["b"]),
        (&[&["a"], &["c"]], &[]),
        (&[&["a", "b"], &["b", "c"], &["a", "c"]], &[]),
        (&[&["a", "b"], &["a", "b", "c"]], &["a", "b"]),
    ];
    for (panels, patients) in rows {
        let mut bus = hub_and_teams(panels);
        let teams: Vec<usize> = (1..=panels.len()).collect();
        let both = write(&bus, 0, &teams);
        let mut expected = BTreeSet::from(["Organization/o".to_owned()]);
        for id in patients {
            expected.extend([format!("Patient/{id}"), format!("Observation/of-{id}")]);
        }
        for team in teams {
            assert_eq!(contents(&bus, team, &both), expected, "{panels:?}");
            // It is not all that this one may hold, so it is not yet in sync, and gets the rest.
            let own = 1 + 2 * panels[team - 1].len();
            let report = read(&mut bus, team, &both).unwrap();
            assert_eq!(report.in_sync, expected.len() == own, "{panels:?} {report:?}");
            assert!(bus.sync(team, 0).unwrap().in_sync);
            bus.cut();
            assert_eq!(bus.nodes[team].records(), u64::try_from(own).unwrap());
        }
    }
}

#[test]
fn whom_a_parcel_is_not_for_reads_nothing_of_it() {
    let mut bus = hub_and_teams(&[&["a"], &["b"]]);
    let mine = write(&bus, 0, &[1]);
    let refused = read(&mut bus, 2, &mine).unwrap_err();
    assert!(
        matches!(refused, ParcelError::Format(FormatError::NotForThisNode)),
        "{refused}"
    );
    assert_eq!(bus.nodes[2].records(), 0);
    for text in ["Patient/a", "Quispe"] {
        let is_there = mine.windows(text.len()).any(|bytes| bytes == text.as_bytes());
        assert!(!is_there, "{text} is in clear");
    }
}

/// A parcel signed by whoever has the key, with statements and the hub's changes.
fn by_hand(bus: &Bus, signer: &SigningKey, to: usize, statements: &[Vec<u8>], forged: bool) -> Vec<u8> {
    let hub = &bus.nodes[0].store;
    let network = bus.nodes[0].engine.trust().authority().network();
    let feed = hub.feed(0, 100).unwrap();
    let mut parts: Vec<crate::batch::Part> = feed
        .into_iter()
        .map(|entry| (entry.key.clone(), hub.signed_changes(&entry.key).unwrap()))
        .collect();
    if forged {
        let mut change = parts[0].1[0].clone();
        change.signature[7] ^= 1;
        parts[0].1.push(change);
    }
    let recipient = bus.nodes[to].id();
    let scope = bus.nodes[0].engine.trust().filter_for(&recipient).1;
    let head = Head {
        sender: NodeId::of(signer),
        made_ms: 1,
        epoch: hub.log_epoch(),
        scope,
        from: [0; 3],
        left_out: false,
        held: Vec::new(),
    };
    let mut random = |out: &mut [u8]| hub.env().random(out);
    let (mut writer, mut bytes) =
        ParcelWriter::begin(&network, signer, &[recipient], &head, &mut random).unwrap();
    bytes.extend(writer.authority(statements).unwrap());
    let changes = parts.iter().map(|part| part.1.len() as u64).sum();
    bytes.extend(writer.batch(&crate::batch::encode(&parts).unwrap()).unwrap());
    let (fingerprint, position) = hub.fingerprint(&chaski_store::ScopeFilter::all()).unwrap();
    let end = End {
        to: [position; 3],
        position,
        sum: fingerprint.sum,
        count: fingerprint.count,
        records: parts.len() as u64,
        changes,
    };
    bytes.extend(writer.finish(&end).unwrap());
    bytes
}

fn two_with_records() -> Bus {
    let bus = Bus::new(2);
    for id in ["a", "b"] {
        patient(&bus.nodes[0].store, id, "Quispe");
    }
    bus
}

#[test]
fn a_strangers_parcel_is_taken_from_by_nobody_whatever_it_says_of_itself() {
    let stranger = SigningKey::from_bytes(&[66; 32]);
    let node = NodeId::of(&stranger);
    let bus = two_with_records();
    let network = bus.nodes[0].engine.trust().authority().network();
    let sign = |signer: &SigningKey, serial, statement| {
        SignedStatement::sign(&network, signer, serial, statement)
            .unwrap()
            .to_bytes()
    };
    let member = |role, site: &str| {
        Statement::Member(Member {
            node,
            name: "clinic 9".into(),
            role,
            site: site.into(),
        })
    };
    let grant = Statement::Grant(Grant {
        node,
        scopes: Scopes::All,
        expires_ms: None,
    });
    let itself = vec![
        sign(&stranger, 90, member(NodeRole::Hub, "")),
        sign(&stranger, 91, grant.clone()),
    ];
    let clinic = key_of(&bus, 1);
    let by_a_member = vec![
        sign(&clinic, 90, member(NodeRole::Hub, "")),
        sign(&clinic, 91, grant),
    ];
    let root = SigningKey::from_bytes(&setup::root_key(&bus.nodes[0].store).unwrap().unwrap());
    let limited = SigningKey::from_bytes(&[67; 32]);
    let issuer = Statement::Issuer(Issuer {
        node: NodeId::of(&limited),
        name: "Puno".into(),
        limits: Limits {
            roles: Some([NodeRole::Mobile].into()),
            sites: None,
        },
    });
    let beyond = vec![
        sign(&root, 90, issuer.clone()),
        sign(&limited, 91, member(NodeRole::Hub, "")),
    ];
    for statements in [Vec::new(), itself, by_a_member, beyond] {
        let mut bus = two_with_records();
        let bytes = by_hand(&bus, &stranger, 1, &statements, false);
        let refused = read(&mut bus, 1, &bytes).unwrap_err();
        assert!(matches!(refused, ParcelError::Stranger(_)), "{refused}");
        assert_eq!(bus.nodes[1].records(), 0);
        assert!(!bus.nodes[1].engine.trust().authors().contains(&node));
    }
    // Certified by whom the root named for it, it is a stranger no more.
    let within = vec![
        sign(&root, 90, issuer),
        sign(&limited, 91, member(NodeRole::Mobile, "")),
    ];
    let mut bus = two_with_records();
    let bytes = by_hand(&bus, &stranger, 1, &within, false);
    assert_eq!(read(&mut bus, 1, &bytes).unwrap().new_records, 2);
}

#[test]
fn a_parcel_that_brings_its_writers_end_is_refused() {
    let mut bus = two_with_records();
    let third = bus.member_add(2, Scopes::All, None);
    let revocation = Statement::Revocation(Revocation {
        node: bus.nodes[third].id(),
        vouched: BTreeMap::new(),
        reason: "stolen".into(),
    });
    let now = bus.now_ms;
    bus.nodes[0].engine.issue(now_at(now), revocation).unwrap();
    let known: Vec<_> = bus.nodes[0].engine.trust().statements_after(0).cloned().collect();
    let signer = key_of(&bus, third);
    let bytes = by_hand(&bus, &signer, 1, &known, false);
    let refused = read(&mut bus, 1, &bytes).unwrap_err();
    assert!(matches!(refused, ParcelError::Revoked(_)), "{refused}");
    assert_eq!(bus.nodes[1].records(), 0);
    // What it said of others is heard all the same, and kept.
    assert!(bus.nodes[1].engine.trust().is_revoked(&bus.nodes[third].id()));
}

#[test]
fn a_parcel_with_a_refused_change_brings_no_sync_though_all_else_is_equal() {
    for forged in [false, true] {
        let mut bus = two_with_records();
        let signer = key_of(&bus, 0);
        let known: Vec<_> = bus.nodes[0].engine.trust().statements_after(0).cloned().collect();
        let bytes = by_hand(&bus, &signer, 1, &known, forged);
        let report = read(&mut bus, 1, &bytes).unwrap();
        bus.assert_equal();
        assert_eq!(
            (report.refused, report.in_sync),
            (u64::from(forged), !forged),
            "{report:?}"
        );
        assert_eq!(bus.nodes[1].engine.peers()[0].in_sync, !forged);
    }
}

#[test]
fn a_parcel_that_stops_short_of_its_end_moves_nothing() {
    let mut bus = two_with_records();
    let bytes = write(&bus, 0, &[1]);
    let signer = key_of(&bus, 0);
    let whole = by_hand(&bus, &signer, 1, &[], false);
    assert!(whole.len() > 100 && bytes.len() > 100);
    for cut in [bytes.len() - 1, bytes.len() / 2, 10, 0] {
        let report = read(&mut bus, 1, &bytes[..cut]);
        let is_cut = match report {
            Ok(report) => report.fault == Some(FormatError::Cut) && !report.in_sync,
            Err(ParcelError::Format(_)) => true,
            Err(_) => false,
        };
        assert!(is_cut, "cut at {cut}");
        assert_eq!(bus.nodes[1].store.cursor(&bus.nodes[0].id()).unwrap(), None);
        assert!(!bus.nodes[1].engine.peers()[0].in_sync);
    }
}

#[test]
fn a_wider_grant_brings_into_a_parcel_what_was_withheld_before() {
    let mut bus = hub_and_teams(&[&["a"]]);
    let chosen = |bus: &Bus, from: usize, to: usize| {
        let access = Access::own(&bus.nodes[from].store).unwrap();
        let wanted = Wanted {
            to: vec![bus.nodes[to].id().to_string()],
            all: false,
        };
        let mut bytes = Vec::new();
        let outgoing = Outgoing::choose(access, &wanted).unwrap();
        outgoing.write(&mut bytes, &mut |_, _| {}).unwrap();
        bytes
    };
    let there = chosen(&bus, 0, 1);
    assert!(read(&mut bus, 1, &there).unwrap().in_sync);
    // The team tells how far it has read; under its grant of then.
    let back = chosen(&bus, 1, 0);
    read(&mut bus, 0, &back).unwrap();
    assert_eq!(contents(&bus, 1, &chosen(&bus, 0, 1)), BTreeSet::new());
    let wider = Statement::Grant(Grant {
        node: bus.nodes[1].id(),
        scopes: Scopes::Panels(["a", "b"].map(String::from).into()),
        expires_ms: None,
    });
    let now = bus.now_ms;
    bus.nodes[0].engine.issue(now_at(now), wider).unwrap();
    let more = chosen(&bus, 0, 1);
    assert!(contents(&bus, 1, &more).contains("Patient/b"));
    let report = read(&mut bus, 1, &more).unwrap();
    assert!(report.in_sync && !report.gap, "{report:?}");
    assert_eq!(bus.nodes[1].records(), 5);
}

#[test]
fn a_parcel_clears_nothing_that_stands_aside() {
    for aside in [0, 1] {
        let mut bus = two_with_records();
        let bytes = write(&bus, 0, &[1]);
        assert!(read(&mut bus, 1, &bytes).unwrap().in_sync);
        let fickle = Fickle::of(&bus.nodes[1].store);
        fickle.set_aside.store(aside, Ordering::SeqCst);
        bus.nodes[1] = Node::over(bus.nodes[1].store.clone(), fickle, Options::default());
        let network = bus.nodes[0].engine.trust().authority().network();
        let mut reader = ParcelReader::new(network, key_of(&bus, 1));
        reader.push(&bytes);
        let (mut head, mut end) = (None, None);
        while let Some(item) = reader.next().unwrap() {
            match item {
                Item::Head(it) => head = Some(it),
                Item::End(it) => end = Some(it),
                Item::Authority(_) | Item::Batch(_) => {}
            }
        }
        let taken = TakenIn {
            head: head.unwrap(),
            end: end.unwrap(),
            told: super::parcel_ground::told(&bus, 0),
            clean: true,
            rooted: true,
        };
        let now = now_at(bus.now_ms);
        let (standing, _) = bus.nodes[1].engine.parcel_taken(now, &taken);
        assert_eq!(standing.unwrap().in_sync, aside == 0);
    }
}
