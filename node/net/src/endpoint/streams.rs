//! The streams of one session on a connection: a task each, frames in, frames out.
//!
//! Several sessions may follow each other on a connection ([`Streams::again`]): the one that dialled opens the
//! control stream of each, and who ends the streams of one tells the other by how they end.
//!
//! Invariants: a frame's length is checked, and room for it taken from the
//! connection's budget, before a byte of it is read; a peer that dialled has
//! one stream and small frames until its session is live; the first byte of a
//! uni-stream is its priority and which session of the connection it is of; nothing of one session is taken for
//! another's; a peer that does not take what it is told is not read ([`super::queued`]).

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quinn::{Connection, ReadError, ReadExactError, RecvStream, SendStream, VarInt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::input::Input;
use super::queued::Queued;
use crate::engine::{CloseReason, Event, SessionId};
use crate::limits::{CONTROL_FRAME_KIB_MIN, HELLO_FRAME_BYTES_MAX};
use crate::wire::{ANEW_CODE, Priority, VERSION};

/// Bytes of data frames under way or not yet handled, a connection, in KiB.
const UNREAD_KIB_MAX: u32 = 48 << 10;
/// The same of control frames, which large data must not hold up.
const UNREAD_CONTROL_KIB_MAX: u32 = 2 << 10;

/// The streams of a session. Dropped, they end, with all that is under way on them.
pub(super) struct Streams {
    connection: Connection,
    outbound: bool,
    reader: Reader,
    /// What the peer has not taken yet of what it is told.
    queued: Arc<Queued>,
    /// The tasks end with it, and have to know before what they are fed by ends.
    held: watch::Sender<()>,
    senders: BTreeMap<Priority, mpsc::UnboundedSender<Vec<u8>>>,
}

/// Tells a task when its session is over.
#[derive(Clone)]
struct Over(watch::Receiver<()>);

impl Over {
    /// What comes of some work, unless the session ends before.
    async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            _ = self.0.changed() => None,
            // It may have ended between the two looks, and the work only because of that.
            done = work => self.0.has_changed().is_ok().then_some(done),
        }
    }
}

impl Streams {
    /// Those of the first session of a connection.
    pub(super) fn start(
        session: SessionId,
        connection: Connection,
        outbound: bool,
        inputs: mpsc::Sender<Input>,
    ) -> Streams {
        let reader = Reader {
            session,
            generation: 0,
            inputs,
            control: Arc::new(Semaphore::new(UNREAD_CONTROL_KIB_MAX as usize)),
            data: Arc::new(Semaphore::new(UNREAD_KIB_MAX as usize)),
            is_live: Arc::new(AtomicBool::new(outbound)),
            queued: Arc::default(),
        };
        Streams::begin(connection, outbound, reader)
    }

    /// Those of the session that follows; these end.
    pub(super) fn again(&self, session: SessionId) -> Streams {
        let reader = Reader {
            session,
            generation: self.reader.generation.wrapping_add(1) & GENERATION_MAX,
            queued: Arc::default(),
            ..self.reader.clone()
        };
        Streams::begin(self.connection.clone(), self.outbound, reader)
    }

    fn begin(connection: Connection, outbound: bool, reader: Reader) -> Streams {
        let (held, over) = watch::channel(());
        let over = Over(over);
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(control(
            connection.clone(),
            outbound,
            receiver,
            reader.clone(),
            over.clone(),
        ));
        tokio::spawn(closed(connection.clone(), reader.clone(), over.clone()));
        tokio::spawn(accept_uni(connection.clone(), reader.clone(), over));
        Streams {
            connection,
            outbound,
            queued: Arc::clone(&reader.queued),
            reader,
            held,
            senders: BTreeMap::from([(Priority::Control, sender)]),
        }
    }

    /// The peer may send what sessions send.
    pub(super) fn let_in(&self) {
        self.reader.is_live.store(true, Ordering::Release);
    }

    /// Queues a frame; the engine's windows bound what waits here of changes. Whether no more than may waits
    /// of the rest: one on whom more does takes nothing in any more.
    pub(super) fn send(&mut self, priority: Priority, bytes: Vec<u8>) -> bool {
        let is_within = priority != Priority::Control || self.queued.add(&bytes);
        let sender = self.senders.entry(priority).or_insert_with(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            let over = Over(self.held.subscribe());
            let first = priority as u8 | self.reader.generation << GENERATION_SHIFT;
            tokio::spawn(write_uni(
                self.connection.clone(),
                priority,
                first,
                receiver,
                over,
            ));
            sender
        });
        // A closed stream means a closed connection, which is told separately.
        let _ = sender.send(bytes);
        is_within
    }
}

/// Where in a uni-stream's first byte stands which session of the connection it is of, and the last that fits:
/// then they are counted from the beginning.
const GENERATION_SHIFT: u8 = 4;
const GENERATION_MAX: u8 = 15;

#[derive(Clone)]
struct Reader {
    session: SessionId,
    generation: u8,
    inputs: mpsc::Sender<Input>,
    control: Arc<Semaphore>,
    data: Arc<Semaphore>,
    is_live: Arc<AtomicBool>,
    queued: Arc<Queued>,
}

impl Reader {
    /// Hands frames of a stream to the engine until the stream ends, or the session does.
    async fn run(&self, mut stream: RecvStream, priority: Priority, mut over: Over) {
        match over.or(self.frames(&mut stream, priority)).await {
            None => drop(stream.stop(anew())),
            Some(true) if priority == Priority::Control => {
                let event = Event::Anew {
                    session: self.session,
                };
                let _ = self.inputs.send(Input::Event(event, None)).await;
            }
            Some(_) => {}
        }
    }

    /// Whether they have ended because the peer has begun anew.
    async fn frames(&self, stream: &mut RecvStream, priority: Priority) -> bool {
        // A few bytes may ask for many.
        let (budget, kib_min) = match priority {
            Priority::Control => (&self.control, CONTROL_FRAME_KIB_MIN),
            _ => (&self.data, 0),
        };
        loop {
            self.queued.room().await;
            let length = match read_length(stream).await {
                Ok(Some(length)) => length,
                Ok(None) => return false,
                Err(error) => return is_anew(&error),
            };
            let bytes_max = if self.is_live.load(Ordering::Acquire) {
                priority.frame_bytes_max()
            } else {
                HELLO_FRAME_BYTES_MAX
            };
            if length > bytes_max {
                // The engine refuses what is too long by name; an empty frame stands for it.
                self.give(priority, Vec::new(), None).await;
                return false;
            }
            let kib = u32::try_from(length / 1_024 + 1).unwrap_or(u32::MAX);
            let Ok(permit) = Arc::clone(budget).acquire_many_owned(kib.max(kib_min)).await else {
                return false;
            };
            let mut bytes = vec![0_u8; length];
            if let Err(error) = stream.read_exact(&mut bytes).await {
                return is_anew(&error);
            }
            if !self.give(priority, bytes, Some(permit)).await {
                return false;
            }
        }
    }

    async fn give(&self, priority: Priority, bytes: Vec<u8>, permit: Option<OwnedSemaphorePermit>) -> bool {
        let event = Event::Message {
            session: self.session,
            priority,
            bytes,
        };
        self.inputs.send(Input::Event(event, permit)).await.is_ok()
    }
}

fn anew() -> VarInt {
    VarInt::from_u32(ANEW_CODE)
}

fn is_anew(error: &ReadExactError) -> bool {
    matches!(error, ReadExactError::ReadError(ReadError::Reset(code)) if *code == anew())
}

async fn control(
    connection: Connection,
    outbound: bool,
    mut frames: mpsc::UnboundedReceiver<Vec<u8>>,
    reader: Reader,
    over: Over,
) {
    let queued = Arc::clone(&reader.queued);
    control_write(&connection, outbound, &mut frames, reader, over).await;
    queued.end();
}

async fn control_write(
    connection: &Connection,
    outbound: bool,
    frames: &mut mpsc::UnboundedReceiver<Vec<u8>>,
    reader: Reader,
    mut over: Over,
) {
    let queued = Arc::clone(&reader.queued);
    let opened = match outbound {
        true => over.or(connection.open_bi()).await,
        false => over.or(connection.accept_bi()).await,
    };
    let Some(Ok((mut send, receive))) = opened else {
        return;
    };
    let _ = send.set_priority(urgency_of(Priority::Control));
    let reading = over.clone();
    tokio::spawn(async move { reader.run(receive, Priority::Control, reading).await });
    let written = over.or(frames_write(&mut send, frames, Some(&queued))).await;
    if written.is_none() {
        let _ = send.reset(anew());
    }
}

/// Writes what is to be told until there is nothing more, or nobody takes it any more.
async fn frames_write(
    stream: &mut SendStream,
    frames: &mut mpsc::UnboundedReceiver<Vec<u8>>,
    queued: Option<&Queued>,
) {
    while let Some(bytes) = frames.recv().await {
        if write_frame(stream, &bytes).await.is_err() {
            return;
        }
        if let Some(queued) = queued {
            queued.taken(&bytes);
        }
    }
}

/// Tells of the end of the connection, unless the session ends before it.
async fn closed(connection: Connection, reader: Reader, mut over: Over) {
    let Some(ended) = over.or(connection.closed()).await else {
        return;
    };
    let session = reader.session;
    let reason = reason_of(ended);
    let closed = Event::Closed { session, reason };
    let _ = reader.inputs.send(Input::Event(closed, None)).await;
}

/// Why a connection has ended. Of what a peer says its code alone counts: its words may be of any version.
fn reason_of(ended: quinn::ConnectionError) -> CloseReason {
    match ended {
        quinn::ConnectionError::ApplicationClosed(close) => {
            let code = u32::try_from(close.error_code.into_inner()).unwrap_or(u32::MAX);
            CloseReason::from_code(code, VERSION)
        }
        quinn::ConnectionError::LocallyClosed => CloseReason::Done,
        quinn::ConnectionError::Reset => CloseReason::Reset,
        error => CloseReason::Lost(error.to_string()),
    }
}

async fn accept_uni(connection: Connection, reader: Reader, mut over: Over) {
    while let Some(Ok(mut stream)) = over.or(connection.accept_uni()).await {
        let (reader, mut reading) = (reader.clone(), over.clone());
        let connection = connection.clone();
        tokio::spawn(async move {
            let mut first = [0_u8; 1];
            let Some(Ok(())) = reading.or(stream.read_exact(&mut first)).await else {
                return;
            };
            let [first] = first;
            if first >> GENERATION_SHIFT != reader.generation {
                // Of a session that is over here, which the peer does not know yet.
                return drop(stream.stop(anew()));
            }
            match Priority::from_byte(first & ((1 << GENERATION_SHIFT) - 1)) {
                Some(priority) if priority != Priority::Control => {
                    reader.run(stream, priority, reading).await
                }
                _ => {
                    let reason = CloseReason::Malformed("an unknown stream".to_owned());
                    connection.close(VarInt::from_u32(reason.code()), b"");
                }
            }
        });
    }
}

async fn write_uni(
    connection: Connection,
    priority: Priority,
    first: u8,
    mut frames: mpsc::UnboundedReceiver<Vec<u8>>,
    mut over: Over,
) {
    let Some(Ok(mut stream)) = over.or(connection.open_uni()).await else {
        return;
    };
    let _ = stream.set_priority(urgency_of(priority));
    let written = match over.or(stream.write_all(&[first])).await {
        Some(Ok(())) => over.or(frames_write(&mut stream, &mut frames, None)).await,
        Some(Err(_)) => return,
        None => None,
    };
    if written.is_none() {
        let _ = stream.reset(anew());
    }
}

fn urgency_of(priority: Priority) -> i32 {
    match priority {
        Priority::Control => 100,
        Priority::Critical => 40,
        Priority::Repair => 30,
        Priority::Rest => 20,
        Priority::Attachment => 10,
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
    use super::*;

    #[test]
    fn what_is_urgent_goes_first() {
        let order = [
            Priority::Control,
            Priority::Critical,
            Priority::Repair,
            Priority::Rest,
            Priority::Attachment,
        ];
        assert!(order.map(urgency_of).is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn why_a_peer_closed_is_known_by_its_code_whatever_it_says_beside_it() {
        let heard = |code: u32, text: &'static [u8]| {
            reason_of(quinn::ConnectionError::ApplicationClosed(
                quinn::ApplicationClose {
                    error_code: VarInt::from_u32(code),
                    reason: text.into(),
                },
            ))
        };
        let other_words = CloseReason::Busy.to_string().into_bytes().leak();
        for text in [
            b"".as_slice(),
            b"este nodo fue revocado",
            b"\xff\xfe",
            other_words,
        ] {
            assert_eq!(heard(9, text), CloseReason::RevokedHere);
            assert_eq!(heard(3, text), CloseReason::Busy);
        }
    }
}
