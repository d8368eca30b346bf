//! Connections over loopback, without an engine: what a link holds of the door and of memory.

use std::net::SocketAddr;

use chaski_crdt::author::NodeId;
use quinn::{ClientConfig, ConnectionError, Endpoint};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::connection::Link;
use super::{Input, Welcome, accept, bind, client_config, transport, write_frame};
use crate::config::NetConfig;
use crate::engine::{CloseReason, Event};
use crate::limits::{
    ANEWS_MAX, CONTROL_QUEUED_BYTES, CONTROL_QUEUED_BYTES_MAX, DOOR_ADDRESS_MAX, LINK_ASK_MS,
};
use crate::tls::NodeCertificate;
use crate::wire::{ANEW_CODE, Priority};

/// A node that lets links in and handles nothing that comes on them.
struct Host {
    listening: Endpoint,
    dialling: Endpoint,
    client: ClientConfig,
    inputs: mpsc::Sender<Input>,
    came: mpsc::Receiver<Input>,
}

/// Both ends of a connection.
struct Ends {
    theirs: quinn::Connection,
    ours: Link,
}

/// A frame that came, and the room it holds.
type Frame = (Priority, Vec<u8>, OwnedSemaphorePermit);

impl Host {
    fn open() -> Host {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = NetConfig {
            quic: loopback,
            ..NetConfig::default()
        };
        let certificate =
            |seed| NodeCertificate::new(&ed25519_dalek::SigningKey::from_bytes(&[seed; 32])).unwrap();
        let listening = bind(&config, &certificate(1)).unwrap();
        let client = client_config(&certificate(2), None, &transport(&config)).unwrap();
        let (inputs, came) = mpsc::channel(1_024);
        let welcome = Welcome::new(&config, &certificate(1), std::sync::Arc::default()).unwrap();
        tokio::spawn(accept(listening.clone(), welcome, inputs.clone()));
        Host {
            listening,
            dialling: Endpoint::client(loopback).unwrap(),
            client,
            inputs,
            came,
        }
    }

    async fn dial(&mut self) -> Result<Ends, ConnectionError> {
        let to = self.listening.local_addr().unwrap();
        let dialled = self.dialling.connect_with(self.client.clone(), to, "chaski");
        let theirs = dialled.unwrap().await?;
        let (connection, place) = loop {
            match self.came.recv().await {
                Some(Input::Connected {
                    connection, place, ..
                }) => break (connection, place),
                // The end of one that was sent away.
                Some(Input::Event(Event::Closed { .. }, None)) => {}
                _ => panic!("something else than a connection"),
            }
        };
        assert!(place.is_some(), "who dials in has a place at the door");
        let ours = Link::start(1, connection, NodeId([1; 32]), place, self.inputs.clone());
        Ok(Ends { theirs, ours })
    }

    async fn frame(&mut self) -> Frame {
        match self.came.recv().await {
            Some(Input::Event(Event::Message { priority, bytes, .. }, permit)) => (
                priority,
                bytes,
                permit.expect("a frame whose bytes are not counted"),
            ),
            _ => panic!("something else than a frame"),
        }
    }

    /// Whether nothing has come.
    fn is_quiet(&mut self) -> bool {
        matches!(self.came.try_recv(), Err(mpsc::error::TryRecvError::Empty))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_let_in_makes_room_at_the_door_for_others_behind_its_address() {
    let mut host = Host::open();
    let mut live = Vec::new();
    // More than may stand at the door, each let in before the next one comes.
    for number in 0..DOOR_ADDRESS_MAX + 3 {
        let mut ends = host
            .dial()
            .await
            .unwrap_or_else(|error| panic!("number {number} is kept out: {error}"));
        assert!(ends.ours.is_at_door());
        ends.ours.let_in();
        assert!(!ends.ours.is_at_door());
        live.push(ends);
    }
    let mut waiting = Vec::new();
    for _ in 0..DOOR_ADDRESS_MAX {
        waiting.push(host.dial().await.unwrap());
    }
    // It waits, and then it is told that somebody is there who has no room: it need not think him gone.
    let Err(ConnectionError::ConnectionClosed(refused)) = host.dial().await else {
        panic!("the door has no bound: no test");
    };
    assert_eq!(refused.error_code, quinn::TransportErrorCode::CONNECTION_REFUSED);
    // One is let in, one is sent away: two may come, and no third.
    waiting[0].ours.let_in();
    let left = waiting.pop().unwrap();
    left.ours.close(&CloseReason::Silent);
    drop(left);
    for _ in 0..2 {
        waiting.push(host.dial().await.unwrap());
    }
    assert!(host.dial().await.is_err());
    assert!(live.iter().all(|ends| ends.theirs.close_reason().is_none()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_members_behind_one_address_come_in_one_after_the_other() {
    let mut host = Host::open();
    let to = host.listening.local_addr().unwrap();
    let dials: Vec<_> = (0..200)
        .map(|_| {
            let dialled = host.dialling.connect_with(host.client.clone(), to, "chaski");
            tokio::spawn(async move { dialled.unwrap().await })
        })
        .collect();
    let mut live = Vec::new();
    let mut at_door = std::collections::VecDeque::new();
    while live.len() < 200 {
        let came = tokio::time::timeout(std::time::Duration::from_secs(60), host.came.recv()).await;
        let Ok(Some(Input::Connected {
            connection, place, ..
        })) = came
        else {
            panic!("{} of 200 came in", live.len())
        };
        let number = u8::try_from(live.len() + at_door.len()).unwrap();
        at_door.push_back(Link::start(
            1,
            connection,
            NodeId([number; 32]),
            place,
            host.inputs.clone(),
        ));
        // A hub that takes its time: many stand at the door before the first has said who it is.
        if at_door.len() + live.len() == 200 || at_door.len() == DOOR_ADDRESS_MAX {
            for mut link in at_door.drain(..) {
                link.let_in();
                live.push(link);
            }
        }
    }
    for dial in dials {
        dial.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_the_engine_has_not_taken_hold_their_room() {
    const FRAME_BYTES: usize = 200 << 10;
    // KiB of each, and of all that may wait of control.
    const FRAME_KIB: usize = (FRAME_BYTES >> 10) + 1;
    const CONTROL_KIB: usize = 2 << 10;
    const FIT: usize = CONTROL_KIB / FRAME_KIB;
    let mut host = Host::open();
    let mut ends = host.dial().await.unwrap();
    let (mut send, _receive) = ends.theirs.open_bi().await.unwrap();
    let theirs = ends.theirs.clone();
    let sending = tokio::spawn(async move {
        for number in 0..FIT + 3 {
            let bytes = vec![u8::try_from(number).unwrap(); FRAME_BYTES];
            write_frame(&mut send, &bytes).await.unwrap();
        }
        send
    });
    let mut held = Vec::new();
    for number in 0..FIT {
        let (priority, bytes, permit) = host.frame().await;
        assert_eq!((priority, bytes.len()), (Priority::Control, FRAME_BYTES));
        assert_eq!(bytes[0] as usize, number);
        assert_eq!(permit.num_permits(), FRAME_KIB);
        held.push(permit);
    }
    let room = std::sync::Arc::clone(held[0].semaphore());
    assert!(
        room.available_permits() <= CONTROL_KIB - FIT * FRAME_KIB,
        "what waits is not counted"
    );
    assert!(host.is_quiet(), "more is read than there is room for");
    // Large data has a room of its own, so control does not wait for it, nor it for control.
    ends.ours.let_in();
    let mut data = theirs.open_uni().await.unwrap();
    data.write_all(&[Priority::Rest as u8]).await.unwrap();
    write_frame(&mut data, &[7; 3_000]).await.unwrap();
    let (priority, bytes, permit) = host.frame().await;
    assert_eq!(
        (priority, bytes.len(), permit.num_permits()),
        (Priority::Rest, 3_000, 3)
    );
    let data_room = std::sync::Arc::clone(permit.semaphore());
    assert_eq!(data_room.available_permits(), (48 << 10) - 3);
    drop(permit);
    assert_eq!(data_room.available_permits(), 48 << 10);
    // One that was handled makes room for one more.
    for number in FIT..FIT + 3 {
        assert!(host.is_quiet());
        drop(held.remove(0));
        let (_, bytes, permit) = host.frame().await;
        assert_eq!(bytes[0] as usize, number);
        held.push(permit);
    }
    let _send = sending.await.unwrap();
    held.clear();
    assert_eq!(room.available_permits(), CONTROL_KIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_and_does_not_read_the_answers_is_not_read_until_it_does() {
    const QUESTIONS: usize = 4_000;
    let mut host = Host::open();
    let mut ends = host.dial().await.unwrap();
    ends.ours.let_in();
    let (mut send, mut receive) = ends.theirs.open_bi().await.unwrap();
    let asking = tokio::spawn(async move {
        for _ in 0..QUESTIONS {
            write_frame(&mut send, &[7; 11]).await.unwrap();
        }
        send
    });
    // Each question of a few bytes is answered with many, as one about ranges is.
    let (wait, mut asked) = (std::time::Duration::from_secs(1), 0);
    while let Ok((_, _, permit)) = tokio::time::timeout(wait, host.frame()).await {
        assert!(ends.ours.send(Priority::Control, vec![1; 32 << 10]));
        drop(permit);
        asked += 1;
    }
    // What the transport takes of it is bounded by its windows: here 4 MiB, and 8 MiB of its own.
    let kept = asked * (32 << 10);
    assert!(
        asked < QUESTIONS && kept < (12 << 20) + 4 * CONTROL_QUEUED_BYTES,
        "{asked} questions were read and {kept} bytes kept"
    );
    // As soon as it reads, it is read.
    let reading = tokio::spawn(async move {
        for _ in 0..QUESTIONS {
            let answer = super::read_frame(&mut receive, 1 << 20).await.unwrap().unwrap();
            assert_eq!(answer.len(), 32 << 10);
        }
    });
    while asked < QUESTIONS {
        drop(host.frame().await);
        assert!(ends.ours.send(Priority::Control, vec![1; 32 << 10]));
        asked += 1;
    }
    reading.await.unwrap();
    let _send = asking.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_one_who_reads_nothing_has_an_end() {
    let mut host = Host::open();
    let mut ends = host.dial().await.unwrap();
    ends.ours.let_in();
    let _streams = ends.theirs.open_bi().await.unwrap();
    // Nothing is asked: it is told of this and that.
    let word = vec![1; 64 << 10];
    let said = (0..1_000).take_while(|_| ends.ours.send(Priority::Control, word.clone()));
    let bytes = said.count() * word.len();
    assert!(
        bytes < CONTROL_QUEUED_BYTES_MAX + (12 << 20),
        "{bytes} bytes wait"
    );
    assert!(
        bytes > CONTROL_QUEUED_BYTES_MAX - (1 << 20),
        "it is closed early: {bytes}"
    );
    // Changes are bounded by the engine's windows, and are not counted with it.
    assert!(ends.ours.send(Priority::Rest, word));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_door_knows_when_the_transport_has_let_go_of_one_that_is_over() {
    let mut host = Host::open();
    let mut ends = host.dial().await.unwrap();
    ends.ours.let_in();
    let kept = ends.ours.kept().unwrap();
    assert!(kept.strong_count() > 0);
    ends.theirs.close(quinn::VarInt::from_u32(0), b"");
    drop(ends);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while kept.strong_count() > 0 {
        assert!(std::time::Instant::now() < until, "it counts for ever");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(host.listening.open_connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_whether_somebody_is_there_is_answered_and_not_more_often_than_it_is_of_use() {
    let mut host = Host::open();
    let mut ends = host.dial().await.unwrap();
    ends.ours.let_in();
    assert!(!ends.ours.is_ask_due(), "a link is asked on that is not silent");
    let wait = std::time::Duration::from_millis(LINK_ASK_MS);
    // Something else than a question, then two questions at once.
    for words in [&[7_u8][..], &[0], &[0]] {
        ends.theirs.send_datagram(words.to_vec().into()).unwrap();
    }
    let answer = tokio::time::timeout(wait * 20, ends.theirs.read_datagram()).await;
    assert_eq!(answer.expect("no answer").unwrap(), &[1_u8][..]);
    let again = tokio::time::timeout(wait, ends.theirs.read_datagram()).await;
    assert!(again.is_err(), "answered twice: {again:?}");
    ends.theirs.send_datagram(vec![0].into()).unwrap();
    let later = tokio::time::timeout(wait * 20, ends.theirs.read_datagram()).await;
    assert_eq!(later.expect("no second answer").unwrap(), &[1_u8][..]);
    // And the other way: it asks when it is told to.
    ends.ours.ask();
    let asked = tokio::time::timeout(wait * 20, ends.theirs.read_datagram()).await;
    assert_eq!(asked.expect("nothing was asked").unwrap(), &[0_u8][..]);
}

impl Host {
    /// What comes next of the sessions, if anything does before long.
    async fn event(&mut self) -> Option<Event> {
        let wait = std::time::Duration::from_millis(500);
        match tokio::time::timeout(wait, self.came.recv()).await {
            Ok(Some(Input::Event(event, _))) => Some(event),
            Ok(_) => panic!("something else than an event"),
            Err(_) => None,
        }
    }

    /// The session and priority of the next frame, and its bytes.
    async fn next_frame(&mut self) -> Option<(u64, Priority, Vec<u8>)> {
        match self.event().await? {
            Event::Message {
                session,
                priority,
                bytes,
            } => Some((session, priority, bytes)),
            other => panic!("{other:?}"),
        }
    }
}

/// Opens a stream of a priority, of so many-th session of the connection, and says something on it.
async fn say(
    connection: &quinn::Connection,
    generation: u8,
    priority: Priority,
    words: &[u8],
) -> quinn::SendStream {
    let mut stream = connection.open_uni().await.unwrap();
    stream
        .write_all(&[priority as u8 | generation << 4])
        .await
        .unwrap();
    match write_frame(&mut stream, words).await {
        // One of a session that is over is stopped at its first byte, perhaps before the words are out.
        Ok(()) | Err(quinn::WriteError::Stopped(_)) => stream,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_one_session_of_a_connection_is_taken_for_the_nexts() {
    let anew = quinn::VarInt::from_u32(ANEW_CODE);
    let mut host = Host::open();
    let mut ends = host.dial().await.unwrap();
    ends.ours.let_in();
    let (mut send, mut receive) = ends.theirs.open_bi().await.unwrap();
    write_frame(&mut send, b"first").await.unwrap();
    assert_eq!(
        host.next_frame().await,
        Some((1, Priority::Control, b"first".to_vec()))
    );
    let data = say(&ends.theirs, 0, Priority::Rest, b"data").await;
    assert_eq!(
        host.next_frame().await,
        Some((1, Priority::Rest, b"data".to_vec()))
    );
    assert!(ends.ours.send(Priority::Rest, vec![7; 100_000]));
    let mut told = ends.theirs.accept_uni().await.unwrap();
    // There is room for the next one's control stream before this one's is over.
    let next = tokio::time::timeout(std::time::Duration::from_secs(20), ends.theirs.open_bi());
    let (mut send_next, mut receive_next) = next.await.expect("no room").unwrap();

    assert!(ends.ours.again(2));
    // All that was under way ends, both ways, and says why.
    let ended = [
        receive.read_to_end(10).await.unwrap_err(),
        told.read_to_end(1 << 20).await.unwrap_err(),
    ];
    for error in ended {
        let quinn::ReadToEndError::Read(quinn::ReadError::Reset(code)) = error else {
            panic!("{error:?}");
        };
        assert_eq!(code, anew);
    }
    assert_eq!(send.stopped().await.unwrap(), Some(anew));
    assert_eq!(data.stopped().await.unwrap(), Some(anew));
    // What the peer says before it knows is of nobody.
    let late = say(&ends.theirs, 0, Priority::Rest, b"late").await;
    assert_eq!(late.stopped().await.unwrap(), Some(anew));
    assert_eq!(host.event().await.map(|event| format!("{event:?}")), None);
    // The next session has its own, with which the other begins.
    write_frame(&mut send_next, b"next").await.unwrap();
    assert_eq!(
        host.next_frame().await,
        Some((2, Priority::Control, b"next".to_vec()))
    );
    let _data = say(&ends.theirs, 1, Priority::Critical, b"more").await;
    assert_eq!(
        host.next_frame().await,
        Some((2, Priority::Critical, b"more".to_vec()))
    );
    assert!(ends.ours.send(Priority::Control, b"answer".to_vec()));
    assert_eq!(
        super::read_frame(&mut receive_next, 10).await.unwrap().unwrap(),
        b"answer"
    );
    assert!(ends.ours.send(Priority::Rest, b"data".to_vec()));
    let mut told = ends.theirs.accept_uni().await.unwrap();
    let mut first = [0_u8; 1];
    told.read_exact(&mut first).await.unwrap();
    assert_eq!(first, [Priority::Rest as u8 | 1 << 4]);
    // And only so many follow each other in a while.
    let more = (3..100).take_while(|session| ends.ours.again(*session)).count();
    assert_eq!(more, ANEWS_MAX as usize - 1);
    // They are numbered from the beginning when the numbers are used up: this is the 17th.
    let last = 17;
    (u64::from(ANEWS_MAX) + 3..=last).for_each(|session| assert!(!ends.ours.again(session)));
    let _first_again = say(&ends.theirs, 0, Priority::Rest, b"again").await;
    assert_eq!(
        host.next_frame().await,
        Some((last, Priority::Rest, b"again".to_vec()))
    );
    // The end of the connection is the end of whichever session it has by then.
    ends.theirs
        .close(quinn::VarInt::from_u32(CloseReason::Shutdown.code()), b"");
    loop {
        match host.event().await.expect("nobody tells") {
            Event::Closed { session, reason } if session == last => {
                break assert_eq!(reason, CloseReason::Shutdown);
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_begins_anew_is_told_from_one_that_ends_a_stream() {
    for (code, is_anew) in [(ANEW_CODE, true), (ANEW_CODE + 1, false), (0, false)] {
        for is_control in [true, false] {
            let mut host = Host::open();
            let mut ends = host.dial().await.unwrap();
            ends.ours.let_in();
            let (mut send, _receive) = ends.theirs.open_bi().await.unwrap();
            write_frame(&mut send, b"first").await.unwrap();
            assert!(host.next_frame().await.is_some());
            let mut data = say(&ends.theirs, 0, Priority::Rest, b"data").await;
            assert!(host.next_frame().await.is_some());
            let ended = if is_control { &mut send } else { &mut data };
            ended.reset(quinn::VarInt::from_u32(code)).unwrap();
            let heard = matches!(host.event().await, Some(Event::Anew { session: 1 }));
            assert_eq!(heard, is_anew && is_control, "{code} {is_control}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_anew_for_ever_leaves_nothing_behind_each_time() {
    let mut host = Host::open();
    let mut ends = host.dial().await.unwrap();
    ends.ours.let_in();
    let _streams = ends.theirs.open_bi().await.unwrap();
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for session in 2..502 {
        let _ = ends.ours.again(session);
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while alive() > before + 4 {
        assert!(
            std::time::Instant::now() < until,
            "{before} tasks, then {}",
            alive()
        );
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    ends.theirs.close(quinn::VarInt::from_u32(0), b"");
    let mut told = Vec::new();
    while let Some(event) = host.event().await {
        if let Event::Closed { session, .. } = event {
            told.push(session);
        }
    }
    assert_eq!(told, [501], "its end is told once, as the last one's");
}
