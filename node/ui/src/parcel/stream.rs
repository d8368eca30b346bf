//! A parcel between a browser's connection and the thread that seals or opens it.
//!
//! Invariants: a bounded number of pieces waits either way; a browser that stops taking, or
//! sends slower than any line, is let go of; what was cut never looks whole.

use std::future::Future;
use std::io::{Error, ErrorKind, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::multipart::Field;
use futures_util::{Stream, StreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::parcels::{ParcelFailure, ParcelWritten};

/// Bytes of an upload that may be no part of the file: the form's token, the heads of its parts, and the
/// piece in which the file begins.
const OUTSIDE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes gathered before they are handed on.
const PIECE_BYTES: usize = 128 * 1024;
/// Pieces that wait to be taken.
const PIECES_MAX: usize = 4;
/// How long a browser may take nothing: a full cache on the way to a slow stick is emptied in this time.
const STALL_MAX: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 120 });
/// How long a browser may be waited for in all, on top of what [`BYTES_SECOND_MIN`] allows.
const PATIENCE: Duration = Duration::from_secs(60);
/// Slower than a 2G line sends, nobody does.
const BYTES_SECOND_MIN: u64 = 1_024;
/// How long the rest of a refused upload is taken, so that its sender reads why instead of an error of
/// the connection.
pub(super) const DRAIN_MAX: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 30 });

/// Writes into the pieces of an answer. Blocks: not for async threads.
pub(super) struct PieceWriter {
    runtime: Handle,
    pieces: mpsc::Sender<Bytes>,
    waiting: Vec<u8>,
}

/// The writer's end and the answer's.
pub(super) fn answer_pieces() -> (PieceWriter, mpsc::Receiver<Bytes>) {
    let (pieces, taken) = mpsc::channel(PIECES_MAX);
    let writer = PieceWriter {
        runtime: Handle::current(),
        pieces,
        waiting: Vec::new(),
    };
    (writer, taken)
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.waiting));
        self.runtime
            .block_on(self.pieces.send_timeout(piece, STALL_MAX))
            .map_err(|_| Error::from(ErrorKind::BrokenPipe))
    }
}

/// The body of an answer whose first piece is there. It ends as the work does: a connection cut short
/// tells the browser that the file is not whole.
pub(super) fn body(
    first: Bytes,
    pieces: mpsc::Receiver<Bytes>,
    work: JoinHandle<Result<ParcelWritten, ParcelFailure>>,
) -> Body {
    let rest = stream::unfold(Some((pieces, work)), |state| async move {
        let (mut pieces, work) = state?;
        if let Some(piece) = pieces.recv().await {
            return Some((Ok(piece), Some((pieces, work))));
        }
        match work.await {
            Ok(Ok(_)) => None,
            _ => Some((Err(Error::from(ErrorKind::BrokenPipe)), None)),
        }
    });
    Body::from_stream(stream::iter([Ok(first)]).chain(rest))
}

/// What comes from a browser.
pub(super) enum Piece {
    Data(Bytes),
    /// The file is whole.
    End,
}

/// Reads the pieces of an upload. Blocks: not for async threads.
pub(super) struct PieceReader {
    pieces: mpsc::Receiver<Piece>,
    piece: Bytes,
    is_at_end: bool,
}

/// The upload's end and the reader's.
pub(super) fn upload_pieces() -> (mpsc::Sender<Piece>, PieceReader) {
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    let reader = PieceReader {
        pieces,
        piece: Bytes::new(),
        is_at_end: false,
    };
    (sender, reader)
}

impl Read for PieceReader {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() && !self.is_at_end {
            match self.pieces.blocking_recv() {
                Some(Piece::Data(bytes)) => self.piece = bytes,
                Some(Piece::End) => self.is_at_end = true,
                None => return Err(ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = self.piece.len().min(out.len());
        let piece = self.piece.split_to(count);
        if let Some(to) = out.get_mut(..count) {
            to.copy_from_slice(&piece);
        }
        Ok(count)
    }
}

/// An upload on its way to the form's parser, which takes all that is ready before it gives anything on,
/// and looks for the end of a part's head however long that is: a piece at a time, and at most
/// [`OUTSIDE_BYTES_MAX`] before the file.
pub(super) struct Measured {
    sent: BodyDataStream,
    /// A piece was given: nothing more until the parser has been asked for it again.
    rests: bool,
    outside_bytes: usize,
    is_in_file: Arc<AtomicBool>,
}

impl Measured {
    /// The body for the parser, and what is to be set where the file begins.
    pub(super) fn body(sent: Body) -> (Body, Arc<AtomicBool>) {
        let is_in_file = Arc::new(AtomicBool::new(false));
        let measured = Self::over(sent, &is_in_file);
        (Body::from_stream(measured), is_in_file)
    }

    fn over(sent: Body, is_in_file: &Arc<AtomicBool>) -> Self {
        Self {
            sent: sent.into_data_stream(),
            rests: false,
            outside_bytes: 0,
            is_in_file: Arc::clone(is_in_file),
        }
    }
}

impl Stream for Measured {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rests) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = match ready!(self.sent.poll_next_unpin(cx)) {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => return Poll::Ready(Some(Err(Error::other(error)))),
            None => return Poll::Ready(None),
        };
        self.rests = true;
        if !self.is_in_file.load(Ordering::Relaxed) {
            self.outside_bytes = self.outside_bytes.saturating_add(piece.len());
        }
        if self.outside_bytes > OUTSIDE_BYTES_MAX {
            return Poll::Ready(Some(Err(ErrorKind::InvalidData.into())));
        }
        Poll::Ready(Some(Ok(piece)))
    }
}

/// How long a browser has been waited for; what the node itself takes is not counted.
#[derive(Default)]
pub(super) struct Patience {
    waited: Duration,
    bytes: u64,
}

impl Patience {
    /// Waits for the browser; `None` once that has taken too long.
    pub(super) async fn wait<T>(&mut self, what: impl Future<Output = T>) -> Option<T> {
        let allowed = PATIENCE.saturating_add(Duration::from_secs(self.bytes / BYTES_SECOND_MIN));
        let begun = Instant::now();
        let came = tokio::time::timeout(allowed.saturating_sub(self.waited), what).await;
        self.waited = self.waited.saturating_add(begun.elapsed());
        came.ok()
    }

    pub(super) fn came(&mut self, bytes: usize) {
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

/// Hands an upload on, until its end or until nobody reads on. Without an end the reader sees a cut.
pub(super) async fn hand_on(
    field: &mut Field<'_>,
    first: Bytes,
    patience: &mut Patience,
    pieces: mpsc::Sender<Piece>,
) {
    let mut piece = first;
    loop {
        patience.came(piece.len());
        if pieces.send(Piece::Data(piece)).await.is_err() {
            return;
        }
        match patience.wait(field.chunk()).await {
            Some(Ok(Some(bytes))) => piece = bytes,
            Some(Ok(None)) => {
                let _read_on = pieces.send(Piece::End).await;
                return;
            }
            Some(Err(_)) | None => return,
        }
    }
}

/// Takes what is still sent, for a while.
pub(super) async fn drain_field(mut field: Field<'_>) {
    let rest = async { while let Ok(Some(_)) = field.chunk().await {} };
    let _enough = tokio::time::timeout(DRAIN_MAX, rest).await;
}

/// As [`drain_field`], where it has not been looked at.
pub(super) async fn drain_body(body: BodyDataStream) {
    drain(body).await;
}

async fn drain<T, E>(mut rest: impl Stream<Item = Result<T, E>> + Unpin) {
    let rest = async { while let Some(Ok(_)) = rest.next().await {} };
    let _enough = tokio::time::timeout(DRAIN_MAX, rest).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn patience_ends_unless_bytes_come() {
        let mut patience = Patience {
            waited: PATIENCE,
            bytes: 0,
        };
        assert!(patience.wait(std::future::pending::<()>()).await.is_none());
        patience.came(100 * 1_024);
        assert_eq!(patience.wait(async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn every_wait_counts_so_that_who_sends_a_byte_a_minute_is_given_up() {
        let step = Duration::from_millis(3);
        let mut patience = Patience::default();
        for nth in 1..=4 {
            assert_eq!(patience.wait(tokio::time::sleep(step)).await, Some(()));
            assert!(patience.waited >= step * nth, "{nth}: {:?}", patience.waited);
            patience.came(1);
        }
        // A minute has gone by so: four bytes do not buy another second, and a kilobyte buys one.
        patience.waited = PATIENCE;
        assert!(patience.wait(std::future::pending::<()>()).await.is_none());
        patience.waited = Duration::from_secs(60);
        patience.came(1_024);
        assert_eq!(patience.wait(tokio::time::sleep(step)).await, Some(()));
        patience.waited = Duration::from_secs(61);
        assert!(patience.wait(std::future::pending::<()>()).await.is_none());
    }

    #[test]
    fn a_parser_that_takes_all_that_is_ready_gets_one_piece() {
        let pieces = (0..10).map(|_| Ok::<_, Error>(vec![0; 1_000]));
        let body = Body::from_stream(stream::iter(pieces));
        let mut measured = Measured::over(body, &Arc::default());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for _ in 0..10 {
            let piece = measured.poll_next_unpin(&mut cx);
            assert!(matches!(piece, Poll::Ready(Some(Ok(piece))) if piece.len() == 1_000));
            assert!(measured.poll_next_unpin(&mut cx).is_pending());
        }
        assert!(matches!(measured.poll_next_unpin(&mut cx), Poll::Ready(None)));
    }

    #[test]
    fn a_reader_tells_an_end_from_a_cut() {
        for (is_whole, expected) in [(true, Ok(5)), (false, Err(ErrorKind::UnexpectedEof))] {
            let (pieces, mut reader) = upload_pieces();
            pieces
                .try_send(Piece::Data(Bytes::from_static(b"ab")))
                .ok()
                .unwrap();
            pieces
                .try_send(Piece::Data(Bytes::from_static(b"cde")))
                .ok()
                .unwrap();
            if is_whole {
                pieces.try_send(Piece::End).ok().unwrap();
            }
            drop(pieces);
            let read = reader.read_to_end(&mut Vec::new());
            assert_eq!(read.map_err(|error| error.kind()), expected);
        }
    }
}
