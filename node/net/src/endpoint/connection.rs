//! One connection: whose it is, what its transport says of the link, and the streams of its session.
//!
//! Invariants: a link that is silent is asked on, and answers, whatever waits on its streams; a peer that begins
//! anew too often is left.

use std::time::{Duration, Instant};

use chaski_crdt::author::NodeId;
use quinn::Connection;
use tokio::sync::mpsc;

use super::door::{Place, Trace};
use super::input::Input;
use super::settings::{BIDI_STREAMS_MAX, RECEIVE_WINDOW_BYTES, UNI_STREAMS_MAX};
use super::streams::Streams;
use super::window;
use crate::engine::{CloseReason, SessionId};
use crate::limits::{ANEWS_MAX, ANEWS_MS, LINK_ASK_MS, LINK_ASK_PART, NEAR_ASK_MS, NEAR_TRIP_MS, SILENT_MS};
use crate::pace::Pace;
use crate::wire::Priority;

/// A question whether the peer is there, as a datagram of a connection, and the answer.
const IS_THERE: &[u8] = &[0];
const HERE: &[u8] = &[1];

/// Frames that carry stream bytes, counted by the transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Frames that arrived.
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

/// Frames that came in packets of the peer's own: whoever sees the path can repeat packets, or make some that only look
/// like its packets, and the transport counts those among the packets that came.
fn heard(frames: &quinn_proto::FrameStats) -> u64 {
    let others = [
        frames.acks,
        frames.data_blocked,
        frames.new_token,
        frames.path_response,
        frames.reset_stream,
        frames.stop_sending,
        frames.stream_data_blocked,
        frames.streams_blocked_bidi,
        frames.streams_blocked_uni,
    ];
    others.into_iter().fold(asking(frames), u64::saturating_add)
}

/// Whether a link is silent, by what its transport has counted.
#[derive(Clone, Copy, Debug, Default)]
struct Silence {
    /// Frames that had come.
    came: u64,
    /// Frames that ask for an answer and had gone when the last one came.
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

/// How often the sessions of a connection have begun anew.
#[derive(Clone, Copy, Debug, Default)]
struct Anews {
    /// Since when they are counted.
    since: Option<Instant>,
    count: u32,
}

impl Anews {
    /// Counts one more; whether that is no more than may be.
    fn allow(&mut self, now: Instant) -> bool {
        let is_late = |since| now.saturating_duration_since(since) >= Duration::from_millis(ANEWS_MS);
        if self.since.is_none_or(is_late) {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count = self.count.saturating_add(1);
        self.count <= ANEWS_MAX
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
    /// Frames that had come when this was last looked at, and when the last of them was seen.
    heard: u64,
    heard_at: Instant,
    /// Held until the peer has said who it is, where it dialled.
    place: Option<Place>,
    /// Held from then on, for as long as the connection lasts.
    trace: Option<Trace>,
    streams: Streams,
    anews: Anews,
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
        let streams = Streams::start(session, connection.clone(), place.is_none(), inputs);
        tokio::spawn(answers(connection.clone()));
        Link {
            connection,
            peer,
            flow: Flow::default(),
            pace: None,
            silence: Silence::default(),
            trip: Duration::MAX,
            missing: None,
            asked: None,
            heard: 0,
            heard_at: Instant::now(),
            place,
            trace: None,
            streams,
            anews: Anews::default(),
        }
    }

    /// Ends the streams of its session and begins those of the next; whether it may, so soon.
    pub(crate) fn again(&mut self, session: SessionId) -> bool {
        self.streams = self.streams.again(session);
        // What came before says nothing of the link now.
        self.has_heard();
        self.anews.allow(Instant::now())
    }

    /// Whether the peer came in by the door and has not been let in yet.
    pub(crate) fn is_at_door(&self) -> bool {
        self.place.is_some()
    }

    /// The peer has said who it is: it may open streams and send what sessions send.
    pub(crate) fn let_in(&mut self) {
        self.streams.let_in();
        self.connection
            .set_receive_window(quinn::VarInt::from_u32(RECEIVE_WINDOW_BYTES));
        self.connection
            .set_max_concurrent_uni_streams(quinn::VarInt::from_u32(UNI_STREAMS_MAX));
        self.connection
            .set_max_concurrent_bi_streams(quinn::VarInt::from_u32(BIDI_STREAMS_MAX));
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
            .listen(heard(&stats.frame_rx), asking(&stats.frame_tx), Instant::now());
        let is_silent = missing > Duration::from_millis(SILENT_MS).saturating_add(path.rtt.saturating_mul(2));
        self.missing = is_silent.then_some(missing);
        Said {
            pace: is_news.then_some(pace),
            is_silent,
        }
    }

    /// Whether the peer of a silent link, or of a near one that is idle, is to be asked now if it is there.
    pub(crate) fn is_ask_due(&self) -> bool {
        let asked = self.asked.map_or(Duration::MAX, |asked| asked.elapsed());
        // Where a question costs nothing, it is asked before somebody wants to know.
        let is_near = self.trip < Duration::from_millis(NEAR_TRIP_MS);
        let near_wait = Duration::from_millis(NEAR_ASK_MS);
        let is_idle = is_near && asked >= near_wait && self.heard_at.elapsed() >= near_wait;
        is_idle || self.missing.is_some_and(|missing| asked >= ask_wait(missing))
    }

    /// Asks that on the connection: the transport would, with ever longer waits. An answer tells it what was
    /// lost, and it goes on at once.
    pub(crate) fn ask(&mut self) {
        self.asked = Some(Instant::now());
        say(&self.connection, IS_THERE);
    }

    /// Whether anything has come since this last said so, be it only that the peer is there.
    pub(crate) fn has_heard(&mut self) -> bool {
        let now = heard(&self.connection.stats().frame_rx);
        let has_heard = std::mem::replace(&mut self.heard, now) != now;
        if has_heard {
            self.heard_at = Instant::now();
        }
        has_heard
    }

    /// Queues a frame; the engine's windows bound what waits here of changes. Whether no more than may waits
    /// of the rest: one on whom more does takes nothing in any more.
    pub(crate) fn send(&mut self, priority: Priority, bytes: Vec<u8>) -> bool {
        self.streams.send(priority, bytes)
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

#[cfg(test)]
mod tests {
    use super::{Anews, Flow, Silence, ask_wait};
    use crate::limits::{ANEWS_MAX, ANEWS_MS};
    use std::time::{Duration, Instant};

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
    fn sessions_begin_anew_only_so_often_in_a_while() {
        let begun = Instant::now();
        let at = |ms: u64| begun + Duration::from_millis(ms);
        let mut anews = Anews::default();
        for _ in 0..2 * ANEWS_MAX {
            assert!(Anews::default().allow(at(0)));
        }
        let mut allowed = |ms: u64| (0..2 * ANEWS_MAX).filter(|_| anews.allow(at(ms))).count();
        assert_eq!(allowed(0), ANEWS_MAX as usize);
        assert_eq!(allowed(ANEWS_MS - 1), 0);
        assert_eq!(allowed(ANEWS_MS), ANEWS_MAX as usize);
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
