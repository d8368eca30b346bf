//! What a newcomer believes of an answer: no more than its signatures prove.

use super::*;
use chaski_crdt::authority::{Authority, Issuer, Limits, Member, NodeRole, SignedStatement, Statement};

const ROOT: u8 = 1;
const ISSUER: u8 = 2;
const NEW: u8 = 3;

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn id(number: u8) -> NodeId {
    NodeId::of(&key(number))
}

fn ticket(root: u8) -> Ticket {
    Ticket {
        secret: [5; 16],
        issuer: Ticket::fingerprint_of(&id(ISSUER)),
        network: Ticket::network_of(&NetworkId::of_root(&id(root))),
        expires_s: 1,
        role: NodeRole::Clinic,
        addresses: Vec::new(),
    }
}

/// What an issuer answers that certifies these, in a network that begins with this root.
fn answer(root: u8, issuer: &str, members: &[u8]) -> Joined {
    let mut authority = Authority::found(id(root));
    let issuer = Issuer {
        node: id(ISSUER),
        name: issuer.into(),
        limits: Limits::default(),
    };
    authority.issue(&key(root), Statement::Issuer(issuer)).unwrap();
    for number in members {
        let member = Member {
            node: id(*number),
            name: "x".into(),
            role: NodeRole::Clinic,
            site: String::new(),
        };
        authority.issue(&key(ISSUER), Statement::Member(member)).unwrap();
    }
    Joined {
        root: id(root).0,
        statements: authority
            .statements()
            .map(|(_, signed)| SignedStatement::to_bytes(signed))
            .collect(),
        secret: [8; 32],
        addresses: vec!["10.0.0.1:1".into()],
    }
}

fn believed(ticket: &Ticket, demo: bool, joined: Joined) -> Result<Welcome, String> {
    accept(ticket, &key(NEW), demo, id(ISSUER), joined).map_err(|error| error.to_string())
}

#[test]
fn an_answer_is_believed_as_far_as_it_is_signed() {
    let both = [ISSUER, NEW];
    let welcome = believed(&ticket(ROOT), false, answer(ROOT, "hub", &both)).unwrap();
    assert_eq!(welcome.network, NetworkId::of_root(&id(ROOT)));
    assert_eq!(
        (welcome.issuer, welcome.fingerprint_secret),
        (id(ISSUER), [8; 32])
    );
    assert!(welcome.trust.member(&id(NEW)).is_some());
    assert!(!format!("{welcome:?}").contains("secret"), "{welcome:?}");

    let unverified = "could not be verified";
    let other = "another network";
    let mut altered = answer(ROOT, "hub", &both);
    altered
        .statements
        .iter_mut()
        .for_each(|statement| statement[60] ^= 1);
    let mut of_another = answer(9, "hub", &both);
    of_another.root = id(ROOT).0;
    let demo = answer(ROOT, crate::trust::DEMO_ISSUER, &both);
    let rows = [
        (
            "of another root",
            ticket(ROOT),
            false,
            answer(9, "hub", &both),
            other,
        ),
        (
            "with another root's signatures",
            ticket(ROOT),
            false,
            of_another,
            unverified,
        ),
        ("altered", ticket(ROOT), false, altered, unverified),
        (
            "without our certificate",
            ticket(ROOT),
            false,
            answer(ROOT, "hub", &[ISSUER]),
            unverified,
        ),
        (
            "without the issuer's",
            ticket(ROOT),
            false,
            answer(ROOT, "hub", &[NEW]),
            unverified,
        ),
        ("of a demonstration", ticket(ROOT), false, demo.clone(), other),
        (
            "of a real network",
            ticket(ROOT),
            true,
            answer(ROOT, "hub", &both),
            other,
        ),
    ];
    for (what, ticket, is_demo, joined, reason) in rows {
        let error = believed(&ticket, is_demo, joined).unwrap_err();
        assert!(error.contains(reason), "{what}: {error}");
    }
    assert!(believed(&ticket(ROOT), true, demo).is_ok());
}

/// A node on loopback that is listening.
async fn listening(number: u8) -> (crate::Net, NodeId) {
    let options = chaski_store::OpenOptions {
        disk_floor_bytes: 0,
        disk_floor_percent: 0,
        background: false,
        ..Default::default()
    };
    let (kv, env) = (chaski_store::MemoryKv::new(), chaski_store::SystemEnv);
    let store = chaski_store::Store::create_on(Arc::new(kv), &[7; 32], Arc::new(env), options).unwrap();
    let founding = crate::setup::Founding {
        name: format!("hub {number}"),
        site: String::new(),
        role: NodeRole::Hub,
        demo: false,
    };
    let node = crate::setup::found(&store, &founding).unwrap();
    let config = NetConfig {
        quic: "127.0.0.1:0".parse().unwrap(),
        ..NetConfig::default()
    };
    (crate::Net::start(store, config).await.unwrap(), node)
}

fn dialler(number: u8) -> Dialler {
    let certificate = Arc::new(NodeCertificate::new(&key(number)).unwrap());
    let config = NetConfig {
        quic: "127.0.0.1:0".parse().unwrap(),
        listen: false,
        ..NetConfig::default()
    };
    Dialler {
        endpoint: endpoint::bind(&config, &certificate).unwrap(),
        certificate,
        config,
        trips: Arc::default(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_issuer_is_reached_where_the_ticket_says_or_where_it_is_heard_of() {
    let ((hub, issuer), (other, _)) = (listening(1).await, listening(2).await);
    let (at, elsewhere) = (hub.local_addr(), other.local_addr());
    // Somebody who takes every packet and answers none.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let nobody = silent.local_addr().unwrap();
    // What the ticket names, what is heard of on the local network, and whether the issuer is reached.
    for (named, heard_of, is_reached) in [
        (vec![at], vec![], true),
        (vec![], vec![at], true),
        (vec![elsewhere], vec![at], true),
        (vec![], vec![elsewhere, at], true),
        // One that does not answer holds up neither.
        (vec![nobody], vec![at], true),
        (vec![at], vec![nobody], true),
        (vec![nobody], vec![nobody, elsewhere, nobody, at], true),
        (vec![], vec![nobody; 4].into_iter().chain([at]).collect(), true),
        (vec![elsewhere], vec![], false),
        (vec![], vec![elsewhere], false),
        (vec![], vec![], false),
    ] {
        let ticket = Ticket {
            issuer: Ticket::fingerprint_of(&issuer),
            addresses: named.iter().map(ToString::to_string).collect(),
            ..ticket(ROOT)
        };
        let (sender, heard) = mpsc::channel(HEARD_MAX);
        for address in &heard_of {
            sender.send(*address).await.unwrap();
        }
        let _still_heard = sender;
        let begun = std::time::Instant::now();
        let search = Search::new(&ticket, true, &|_| {});
        let reached = reach(&ticket, &dialler(NEW), heard, &search).await;
        let what = format!("named {named:?}, heard of {heard_of:?}");
        match reached {
            Ok((_, node, address)) => {
                assert!(is_reached && node == issuer, "{what}");
                assert_eq!(address, at.to_string(), "{what}");
                let wait = Duration::from_millis(crate::limits::DIAL_MS_MAX);
                assert!(
                    begun.elapsed() < wait,
                    "{what}: it waited for who does not answer"
                );
            }
            Err(error) => {
                assert!(!is_reached, "{what}: {error:?}");
                let is_answered = !named.is_empty();
                assert_eq!(matches!(error, DialError::Stranger(_)), is_answered, "{what}");
                assert!(begun.elapsed() >= LOOK_MAX, "{what}: it gave up at once");
            }
        }
    }
    hub.shutdown().await;
    other.shutdown().await;
}

#[test]
fn who_does_not_reach_the_issuer_is_told_where_it_was_looked_for() {
    let with = |addresses: &[&str]| Ticket {
        addresses: addresses.iter().map(ToString::to_string).collect(),
        ..ticket(ROOT)
    };
    let quiet: Tell = &|_| {};
    let failed = Some("no multicast".to_owned());
    // What the ticket names, whether this network is searched, what was heard of, why not; what is said.
    for (named, is_looking, heard, failure, told) in [
        (
            vec!["10.9.9.9:1"],
            true,
            "",
            None,
            vec!["10.9.9.9:1;", "serve --mdns"],
        ),
        (
            vec!["10.9.9.9:1", "clinic.example:2"],
            false,
            "",
            None,
            vec!["10.9.9.9:1, clinic.example:2;", "not looked for on this network"],
        ),
        (
            vec!["127.0.0.1:1"],
            true,
            "",
            None,
            vec!["127.0.0.1:1, which is this machine itself"],
        ),
        (
            vec![],
            true,
            "10.0.0.7:2",
            None,
            vec!["the ticket names none", "at 10.0.0.7:2"],
        ),
        (
            vec!["10.9.9.9:1"],
            true,
            "",
            failed,
            vec!["could not be searched", "no multicast"],
        ),
    ] {
        let ticket = with(&named);
        let search = Search::new(&ticket, is_looking, quiet);
        let is_here = named.iter().all(|text| text.starts_with("127."));
        assert_eq!(search.after.is_zero(), is_here, "{named:?}");
        if let Ok(address) = heard.parse() {
            assert!(search.is_new(address) && !search.is_new(address));
        }
        *search.failed.lock().unwrap() = failure;
        let error = JoinError::Unreachable(search.tried(&ticket)).to_string();
        assert!(error.starts_with("the issuer did not answer at "), "{error}");
        for part in told {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}

#[test]
fn a_liar_on_the_local_network_costs_a_bounded_number_of_tries() {
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |step: JoinStep| told.lock().unwrap().push(step);
    let ticket = ticket(ROOT);
    let search = Search::new(&ticket, true, &tell);
    let tried = (0..2_000_u16).filter(|port| search.is_new(SocketAddr::from(([10, 0, 0, 1], *port))));
    assert_eq!(tried.count(), HEARD_MAX);
    assert_eq!(told.lock().unwrap().len(), HEARD_MAX);
    assert!(told.lock().unwrap()[0].to_string().contains("10.0.0.1:0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_local_network_is_searched_unless_that_is_switched_off() {
    for is_looking in [true, false] {
        let told = std::sync::Mutex::new(Vec::new());
        let tell = |step: JoinStep| told.lock().unwrap().push(step);
        let config = NetConfig {
            quic: "127.0.0.1:0".parse().unwrap(),
            mdns: is_looking,
            ..NetConfig::default()
        };
        let joined = join(&ticket(ROOT), &key(NEW), &Newcomer::default(), &config, &tell).await;
        let error = joined.unwrap_err();
        assert!(matches!(error, JoinError::Unreachable(_)), "{error:?}");
        let is_told = told.lock().unwrap().contains(&JoinStep::Looking(Vec::new()));
        assert_eq!(is_told, is_looking, "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_nobody_answers_is_said_after_a_while_and_not_at_once() {
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |step: JoinStep| told.lock().unwrap().push(step);
    let addresses = vec!["127.0.0.1:9".to_owned()];
    let ticket = Ticket {
        addresses: addresses.clone(),
        ..ticket(ROOT)
    };
    let search = Search::new(&ticket, true, &tell);
    let (sender, _heard) = mpsc::channel(HEARD_MAX);
    let look = search.look(&ticket, sender);
    tokio::pin!(look);
    let soon = tokio::time::timeout(TELL_AFTER / 4, &mut look).await;
    assert!(soon.is_err() && told.lock().unwrap().is_empty(), "{told:?}");
    assert!(tokio::time::timeout(TELL_AFTER * 4, &mut look).await.is_err());
    let told = told.lock().unwrap();
    let is_said = |step: &JoinStep| matches!(step, JoinStep::Looking(_) | JoinStep::NotLooking(_));
    assert_eq!(told.iter().filter(|step| is_said(step)).count(), 1, "{told:?}");
}

#[test]
fn what_is_told_of_the_issuers_own_machine_is_of_use_there_alone() {
    for (told, reached, is_of_use) in [
        ("127.0.0.1:1", "10.0.0.1:1", false),
        ("[::1]:1", "clinic.example:1", false),
        ("127.0.0.1:1", "127.0.0.1:2", true),
        ("10.0.0.2:1", "10.0.0.1:1", true),
        ("10.0.0.2:1", "127.0.0.1:1", true),
        ("clinic.example:1", "10.0.0.1:1", true),
    ] {
        assert_eq!(
            super::is_of_use(told, reached),
            is_of_use,
            "{told}, reached at {reached}"
        );
    }
}

#[tokio::test]
async fn an_answer_is_waited_for_while_any_of_it_comes_and_for_so_long_after() {
    let looks = HANDSHAKE_MS_MAX / 1_000;
    // Frames that have come by each look.
    let rows: [(&[u64], u64); 4] = [(&[], 0), (&[1], 1), (&[0, 0, 3, 3, 4], 5), (&[2, 2, 2], 1)];
    for (frames, last) in rows {
        let looked = std::cell::Cell::new(0_usize);
        let came = || {
            let at = looked.get();
            looked.set(at + 1);
            frames.get(at).or(frames.last()).copied().unwrap_or_default()
        };
        silence(came, Duration::from_millis(1)).await;
        assert_eq!(looked.get() as u64, looks + last, "{frames:?}");
    }
}
