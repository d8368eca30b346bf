//! One connection: a task a stream, frames in, frames out.
//!
//! Invariants: a frame's length is checked, and room for it taken from the
//! connection's budget, before a byte of it is read; a peer that dialled has
//! one stream and small frames until its session is live; the first byte of a
//! uni-stream is its class; a peer that does not take what it is told is not
//! read ([`super::queued`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chaski_crdt::author::NodeId;
use quinn::{Connection, RecvStream, SendStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::accept::{Place, Trace};
use super::driver::Input;
use super::queued::Queued;
use super::window;
use crate::engine::{CloseReason, Event, SessionId};
use crate::limits::{CONTROL_FRAME_KIB_MIN, HELLO_FRAME_BYTES_MAX, LINK_ASK_MS, LINK_ASK_PART, SILENT_MS};
use crate::pace::Pace;
use crate::wire::{Class, VERSION};

/// Bytes of data frames under way or not yet handled, a connection, in KiB.
const UNREAD_KIB_MAX: u32 = 48 << 10;
/// The same of control frames, which large data must not hold up.
const UNREAD_CONTROL_KIB_MAX: u32 = 2 << 10;

/// A question whether the peer is there, as a datagram of a connection, and the answer.
const IS_THERE: &[u8] = &[0];
const HERE: &[u8] = &[1];

/// Frames that carry stream bytes, counted by the transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Arrived.
    pub(crate) came: u64,
    /// Sent, some of them again.
    pub(crate) went: u64,
    /// Acknowledgements that arrived, of whatever was sent.
    pub(crate) acknowledged: u64,
}

impl Flow {
    /// Whether bytes of a stream have moved since: some came, or some went and
    /// the other's transport has answered. What is only queued here, sent again
    /// into silence, or a keep-alive that is answered, moves nothing.
    pub(crate) fn has_moved_since(self, before: Flow) -> bool {
        self.came > before.came || (self.went > before.went && self.acknowledged > before.acknowledged)
    }
}

/// What the transport says of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// How fast it is, where that is news.
    pub(crate) pace: Option<Pace>,
    /// Something was sent, and nothing has been heard for longer than an answer takes.
    pub(crate) is_silent: bool,
}

/// Frames of those sent that ask for an answer. The transport's own probes hold any of them, be there bytes of a
/// stream to be sent again or not.
fn asking(frames: &quinn_proto::FrameStats) -> u64 {
    let kinds = [
        frames.crypto,
        frames.datagram,
        u64::from(frames.handshake_done),
        frames.immediate_ack,
        frames.max_data,
        frames.max_stream_data,
        frames.max_streams_bidi,
        frames.max_streams_uni,
        frames.new_connection_id,
        frames.path_challenge,
        frames.ping,
        frames.retire_connection_id,
        frames.stream,
    ];
    kinds.into_iter().fold(0, u64::saturating_add)
}

/// Whether a link is silent, by what its transport has counted.
#[derive(Clone, Copy, Debug, Default)]
struct Silence {
    /// Packets that had come.
    came: u64,
    /// Frames that ask for an answer and had gone when the last packet came.
    went: u64,
    /// Since when one more has gone.
    since: Option<Instant>,
}

impl Silence {
    /// For how long an answer has been missing.
    fn listen(&mut self, came: u64, went: u64, now: Instant) -> Duration {
        if came != self.came {
            *self = Silence {
                came,
                went,
                since: None,
            };
        } else if went > self.went {
            self.since.get_or_insert(now);
        }
        self.since
            .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

/// The driver's end of a connection.
pub(crate) struct Link {
    pub(crate) connection: Connection,
    /// The key that the other proved.
    pub(crate) peer: NodeId,
    /// As of when something last moved.
    flow: Flow,
    pace: Option<Pace>,
    silence: Silence,
    /// The shortest round trip so far, by what the transport makes of several.
    trip: Duration,
    /// For how long an answer has been missing, on a silent link.
    missing: Option<Duration>,
    /// When the peer was last asked, on a silent link, whether it is there.
    asked: Option<Instant>,
    /// Datagrams that had come when this was last looked at.
    datagrams: u64,
    /// Held until the peer has said who it is, where it dialled.
    place: Option<Place>,
    /// Held from then on, for as long as the connection lasts.
    trace: Option<Trace>,
    is_live: Arc<AtomicBool>,
    /// What the peer has not taken yet of what it is told.
    queued: Arc<Queued>,
    streams: BTreeMap<Class, mpsc::UnboundedSender<Vec<u8>>>,
}

impl Link {
    /// Takes a fresh connection over; tasks live until it closes. `place`: it
    /// came in by the door.
    pub(crate) fn start(
        session: SessionId,
        connection: Connection,
        peer: NodeId,
        place: Option<Place>,
        inputs: mpsc::Sender<Input>,
    ) -> Link {
        let (sender, receiver) = mpsc::unbounded_channel();
        let outbound = place.is_none();
        let is_live = Arc::new(AtomicBool::new(outbound));
        let queued = Arc::<Queued>::default();
        let reader = Reader {
            session,
            inputs: inputs.clone(),
            control: Arc::new(Semaphore::new(UNREAD_CONTROL_KIB_MAX as usize)),
            data: Arc::new(Semaphore::new(UNREAD_KIB_MAX as usize)),
            is_live: Arc::clone(&is_live),
            queued: Arc::clone(&queued),
        };
        tokio::spawn(control(connection.clone(), outbound, receiver, reader.clone()));
        tokio::spawn(accept_uni(connection.clone(), reader));
        tokio::spawn(answers(connection.clone()));
        tokio::spawn(closed(session, connection.clone(), inputs));
        let streams = BTreeMap::from([(Class::Control, sender)]);
        Link {
            connection,
            peer,
            flow: Flow::default(),
            pace: None,
            silence: Silence::default(),
            trip: Duration::MAX,
            missing: None,
            asked: None,
            datagrams: 0,
            place,
            trace: None,
            is_live,
            queued,
            streams,
        }
    }

    /// Whether the peer came in by the door and has not been let in yet.
    pub(crate) fn is_at_door(&self) -> bool {
        self.place.is_some()
    }

    /// The peer has said who it is: it may open streams and send what sessions send.
    pub(crate) fn let_in(&mut self) {
        self.is_live.store(true, Ordering::Release);
        self.connection
            .set_receive_window(quinn::VarInt::from_u32(super::RECEIVE_WINDOW_BYTES));
        self.connection
            .set_max_concurrent_uni_streams(quinn::VarInt::from_u32(super::UNI_STREAMS_MAX));
        if let Some(place) = self.place.take() {
            self.trace = place.welcome(self.peer);
        }
    }

    /// Whether bytes of a stream have moved since this last said so.
    pub(crate) fn has_moved(&mut self) -> bool {
        let stats = self.connection.stats();
        let now = Flow {
            came: stats.frame_rx.stream,
            went: stats.frame_tx.stream,
            acknowledged: stats.frame_rx.acks,
        };
        let moved = now.has_moved_since(self.flow);
        if moved {
            self.flow = now;
        }
        moved
    }

    /// What the transport says of the link now.
    pub(crate) fn listen(&mut self) -> Said {
        let stats = self.connection.stats();
        let path = stats.path;
        // What the transport calls its shortest is never more than what it had guessed at the beginning.
        self.trip = self.trip.min(path.rtt);
        let pace = Pace::of(path.cwnd, path.rtt, self.trip);
        let is_news = self.pace.is_none_or(|known| pace.is_news_after(known));
        if is_news {
            self.pace = Some(pace);
        }
        let missing = self
            .silence
            .listen(stats.udp_rx.datagrams, asking(&stats.frame_tx), Instant::now());
        let is_silent = missing > Duration::from_millis(SILENT_MS).saturating_add(path.rtt.saturating_mul(2));
        self.missing = is_silent.then_some(missing);
        Said {
            pace: is_news.then_some(pace),
            is_silent,
        }
    }

    /// Whether the peer of a silent link is to be asked now if it is there.
    pub(crate) fn is_ask_due(&self) -> bool {
        let asked = self.asked.map_or(Duration::MAX, |asked| asked.elapsed());
        self.missing.is_some_and(|missing| asked >= ask_wait(missing))
    }

    /// Asks that on the connection: the transport would, with ever longer waits. An answer tells it what was
    /// lost, and it goes on at once.
    pub(crate) fn ask(&mut self) {
        self.asked = Some(Instant::now());
        say(&self.connection, IS_THERE);
    }

    /// Whether anything has come since this last said so, be it only that the peer is there.
    pub(crate) fn has_heard(&mut self) -> bool {
        let now = self.connection.stats().udp_rx.datagrams;
        std::mem::replace(&mut self.datagrams, now) != now
    }

    /// Queues a frame; the engine's windows bound what waits here of changes. Whether no more than may waits
    /// of the rest: one on whom more does takes nothing in any more.
    pub(crate) fn send(&mut self, class: Class, bytes: Vec<u8>) -> bool {
        let is_within = class != Class::Control || self.queued.add(&bytes);
        let connection = &self.connection;
        let sender = self.streams.entry(class).or_insert_with(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            tokio::spawn(write_uni(connection.clone(), class, receiver));
            sender
        });
        // A closed stream means a closed connection, which is told separately.
        let _ = sender.send(bytes);
        is_within
    }

    /// What only the transport keeps, for as long as it keeps the connection.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> Option<super::drains::Kept> {
        self.trace.as_ref().map(Trace::kept)
    }

    /// Closes, telling the other why.
    pub(crate) fn close(&self, reason: &CloseReason) {
        self.connection
            .close(quinn::VarInt::from_u32(reason.code()), reason.told().as_bytes());
    }

    /// UDP bytes both ways.
    pub(crate) fn wire_bytes(&self) -> u64 {
        let stats = self.connection.stats();
        stats.udp_tx.bytes.saturating_add(stats.udp_rx.bytes)
    }
}

#[derive(Clone)]
struct Reader {
    session: SessionId,
    inputs: mpsc::Sender<Input>,
    control: Arc<Semaphore>,
    data: Arc<Semaphore>,
    is_live: Arc<AtomicBool>,
    queued: Arc<Queued>,
}

impl Reader {
    /// Hands frames of a stream to the engine until the stream ends.
    async fn run(&self, mut stream: RecvStream, class: Class) {
        // A few bytes may ask for many.
        let (budget, kib_min) = match class {
            Class::Control => (&self.control, CONTROL_FRAME_KIB_MIN),
            _ => (&self.data, 0),
        };
        loop {
            self.queued.room().await;
            let Ok(Some(length)) = read_length(&mut stream).await else {
                return;
            };
            let bytes_max = if self.is_live.load(Ordering::Acquire) {
                class.frame_bytes_max()
            } else {
                HELLO_FRAME_BYTES_MAX
            };
            if length > bytes_max {
                // The engine refuses what is too long by name; an empty frame stands for it.
                self.give(class, Vec::new(), None).await;
                return;
            }
            let kib = u32::try_from(length / 1_024 + 1).unwrap_or(u32::MAX);
            let Ok(permit) = Arc::clone(budget).acquire_many_owned(kib.max(kib_min)).await else {
                return;
            };
            let mut bytes = vec![0_u8; length];
            if stream.read_exact(&mut bytes).await.is_err() || !self.give(class, bytes, Some(permit)).await {
                return;
            }
        }
    }

    async fn give(&self, class: Class, bytes: Vec<u8>, permit: Option<OwnedSemaphorePermit>) -> bool {
        let event = Event::Message {
            session: self.session,
            class,
            bytes,
        };
        self.inputs.send(Input::Event(event, permit)).await.is_ok()
    }
}

async fn control(
    connection: Connection,
    outbound: bool,
    mut frames: mpsc::UnboundedReceiver<Vec<u8>>,
    reader: Reader,
) {
    let queued = Arc::clone(&reader.queued);
    control_write(&connection, outbound, &mut frames, reader).await;
    queued.end();
}

async fn control_write(
    connection: &Connection,
    outbound: bool,
    frames: &mut mpsc::UnboundedReceiver<Vec<u8>>,
    reader: Reader,
) {
    let queued = Arc::clone(&reader.queued);
    let opened = if outbound {
        connection.open_bi().await
    } else {
        connection.accept_bi().await
    };
    let Ok((mut send, receive)) = opened else { return };
    let _ = send.set_priority(priority(Class::Control));
    tokio::spawn(async move { reader.run(receive, Class::Control).await });
    while let Some(bytes) = frames.recv().await {
        if write_frame(&mut send, &bytes).await.is_err() {
            return;
        }
        queued.taken(&bytes);
    }
}

async fn accept_uni(connection: Connection, reader: Reader) {
    while let Ok(mut stream) = connection.accept_uni().await {
        let reader = reader.clone();
        let connection = connection.clone();
        tokio::spawn(async move {
            let mut first = [0_u8; 1];
            if stream.read_exact(&mut first).await.is_err() {
                return;
            }
            match first.first().copied().and_then(Class::from_byte) {
                Some(class) if class != Class::Control => reader.run(stream, class).await,
                _ => {
                    let reason = CloseReason::Malformed("an unknown stream".to_owned());
                    connection.close(quinn::VarInt::from_u32(reason.code()), b"");
                }
            }
        });
    }
}

async fn write_uni(connection: Connection, class: Class, mut frames: mpsc::UnboundedReceiver<Vec<u8>>) {
    let Ok(mut stream) = connection.open_uni().await else {
        return;
    };
    let _ = stream.set_priority(priority(class));
    if stream.write_all(&[class as u8]).await.is_err() {
        return;
    }
    while let Some(bytes) = frames.recv().await {
        if write_frame(&mut stream, &bytes).await.is_err() {
            return;
        }
    }
}

/// Time between two questions, once an answer has been missing for so long.
fn ask_wait(missing: Duration) -> Duration {
    Duration::from_millis(LINK_ASK_MS).max(missing / LINK_ASK_PART)
}

/// Says something that no stream waits for, though what is under way may be all that may be.
fn say(connection: &Connection, words: &'static [u8]) {
    window::may_ask(connection);
    // A peer that takes none is knocked at, and dialled when it answers that.
    let _ = connection.send_datagram(words.into());
}

/// Answers a peer that asks whether this node is there. The peer's transport acknowledges the answer, which
/// tells this node's what was lost while nothing came through.
async fn answers(connection: Connection) {
    let wait = Duration::from_millis(LINK_ASK_MS) / 2;
    let mut answered: Option<Instant> = None;
    while let Ok(words) = connection.read_datagram().await {
        if words == IS_THERE && answered.is_none_or(|at| at.elapsed() >= wait) {
            answered = Some(Instant::now());
            say(&connection, HERE);
        }
    }
}

async fn closed(session: SessionId, connection: Connection, inputs: mpsc::Sender<Input>) {
    let reason = match connection.closed().await {
        quinn::ConnectionError::ApplicationClosed(close) => {
            let code = u32::try_from(close.error_code.into_inner()).unwrap_or(u32::MAX);
            CloseReason::from_code(code, VERSION)
        }
        quinn::ConnectionError::LocallyClosed => CloseReason::Done,
        quinn::ConnectionError::Reset => CloseReason::Reset,
        error => CloseReason::Lost(error.to_string()),
    };
    let _ = inputs
        .send(Input::Event(Event::Closed { session, reason }, None))
        .await;
}

fn priority(class: Class) -> i32 {
    match class {
        Class::Control => 100,
        Class::Critical => 40,
        Class::Repair => 30,
        Class::Rest => 20,
        Class::Attachment => 10,
    }
}

/// Writes a frame: length, then body.
pub(crate) async fn write_frame(stream: &mut SendStream, bytes: &[u8]) -> Result<(), quinn::WriteError> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    stream.write_all(&length.to_le_bytes()).await?;
    stream.write_all(bytes).await
}

/// Reads a frame's length; `None` when the stream ends before one.
async fn read_length(stream: &mut RecvStream) -> Result<Option<usize>, quinn::ReadExactError> {
    let mut length = [0_u8; 4];
    match stream.read_exact(&mut length).await {
        Ok(()) => Ok(Some(u32::from_le_bytes(length) as usize)),
        Err(quinn::ReadExactError::FinishedEarly(0)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a frame; `None` when the stream ends before one, or it is too long.
pub(crate) async fn read_frame(
    stream: &mut RecvStream,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, quinn::ReadExactError> {
    let length = read_length(stream).await?;
    let Some(length) = length.filter(|length| *length <= bytes_max) else {
        return Ok(None);
    };
    let mut bytes = vec![0_u8; length];
    stream.read_exact(&mut bytes).await?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::{Flow, Silence, ask_wait, priority};
    use crate::wire::Class;
    use std::time::{Duration, Instant};

    #[test]
    fn what_is_urgent_goes_first() {
        let order = [
            Class::Control,
            Class::Critical,
            Class::Repair,
            Class::Rest,
            Class::Attachment,
        ];
        assert!(order.map(priority).is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn only_bytes_that_get_through_count_as_moved() {
        let before = Flow {
            came: 5,
            went: 9,
            acknowledged: 3,
        };
        let now = |came, went, acknowledged| Flow {
            came,
            went,
            acknowledged,
        };
        assert!(!now(5, 9, 3).has_moved_since(before), "nothing at all");
        assert!(now(6, 9, 3).has_moved_since(before), "something came");
        assert!(!now(5, 20, 3).has_moved_since(before), "sent again into silence");
        assert!(
            !now(5, 9, 8).has_moved_since(before),
            "keep-alives that are answered"
        );
        assert!(now(5, 10, 4).has_moved_since(before), "sent and answered");
    }

    #[test]
    fn a_silent_link_is_asked_often_at_first_and_seldomer_with_time() {
        let found = [2, 20, 40, 120].map(|s| ask_wait(Duration::from_secs(s)).as_millis());
        assert_eq!(found, [250, 250, 250, 600]);
    }

    #[test]
    fn a_link_is_silent_from_when_something_was_sent_that_nothing_answers() {
        let begun = Instant::now();
        let at = |ms: u64| begun + Duration::from_millis(ms);
        let mut silence = Silence::default();
        // Packets come; what goes at the same time asks for no answer yet.
        assert_eq!(silence.listen(5, 3, at(0)), Duration::ZERO);
        assert_eq!(silence.listen(5, 3, at(60_000)), Duration::ZERO, "nobody speaks");
        assert_eq!(silence.listen(5, 4, at(61_000)), Duration::ZERO);
        assert_eq!(silence.listen(5, 9, at(64_000)), Duration::from_secs(3));
        assert_eq!(
            silence.listen(6, 9, at(64_250)),
            Duration::ZERO,
            "it was answered"
        );
        assert_eq!(silence.listen(6, 9, at(99_000)), Duration::ZERO);
    }
}
