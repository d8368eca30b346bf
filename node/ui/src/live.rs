//! `GET /live`: an event each time something here has changed, so that an open
//! page fetches itself anew. Events carry a counter and nothing else.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::signed::Signed;
use crate::state::UiState;

const KEEP_ALIVE_S: u64 = 20;
/// Changes closer together than this make one event.
const GATHER_MS: u64 = 300;
/// After which the browser connects again: a token revoked meanwhile is noticed.
const STREAM_S_MAX: u64 = if cfg!(test) { 2 } else { 15 * 60 };

struct Live {
    changes: watch::Receiver<u64>,
    until: tokio::time::Instant,
    started: bool,
    _permit: OwnedSemaphorePermit,
}

/// A stream of `change` events, or 503 where too many are open.
pub(crate) fn stream_of(changes: watch::Receiver<u64>, streams: &Arc<Semaphore>) -> Response {
    let Ok(permit) = Arc::clone(streams).try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let until = tokio::time::Instant::now() + Duration::from_secs(STREAM_S_MAX);
    let live = Live {
        changes,
        until,
        started: false,
        _permit: permit,
    };
    let events = stream::unfold(live, |mut live| async move {
        if live.started {
            match tokio::time::timeout_at(live.until, live.changes.changed()).await {
                Ok(Ok(())) => tokio::time::sleep(Duration::from_millis(GATHER_MS)).await,
                Ok(Err(_)) | Err(_) => return None,
            }
        }
        live.started = true;
        let seq = *live.changes.borrow_and_update();
        let event = Event::default().event("change").data(seq.to_string());
        Some((Ok::<_, Infallible>(event), live))
    });
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(KEEP_ALIVE_S)))
        .into_response()
}

pub(crate) async fn live(State(state): State<UiState>, _signed: Signed) -> Response {
    stream_of(state.node.changes(), &state.streams)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    #[tokio::test]
    async fn a_stream_ends_by_itself_and_gives_its_place_to_another() {
        let changes = watch::Sender::new(7);
        let streams = Arc::new(Semaphore::new(1));
        let mut body = stream_of(changes.subscribe(), &streams)
            .into_body()
            .into_data_stream();
        let first = body.next().await.unwrap().unwrap();
        assert_eq!(&first[..], b"event: change\ndata: 7\n\n");
        // Of changes close together one is told: the newest.
        changes.send_replace(8);
        let more = async {
            changes.send_replace(9);
            changes.send_replace(10);
        };
        let (second, ()) = tokio::join!(body.next(), more);
        assert_eq!(&second.unwrap().unwrap()[..], b"event: change\ndata: 10\n\n");
        assert_eq!(streams.available_permits(), 0);
        let none = tokio::time::timeout(Duration::from_secs(60), body.next()).await;
        assert!(
            none.expect("it ends, so that a token revoked meanwhile is noticed")
                .is_none()
        );
        drop(body);
        assert_eq!(streams.available_permits(), 1);
        let next = stream_of(changes.subscribe(), &streams);
        assert_eq!(next.status(), StatusCode::OK);
    }
}
