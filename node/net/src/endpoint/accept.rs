//! Letting in: whoever comes is asked for at the door ([`super::door`]), waits for a place or is refused, and shakes
//! hands in time.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use quinn::ServerConfig;
use tokio::sync::{Notify, mpsc};

use super::door::{Answer, Door, Place, Trace, lock};
use super::drains::Kept;
use super::hall::Hall;
use super::input::Input;
use super::settings::{peer_of, server_config, stranger_settings};
use super::trips::Trips;
use crate::config::NetConfig;
use crate::limits::{DIAL_MS_MAX, DOOR_LOOK_MS, HANDSHAKE_MS_MAX};
use crate::place::place_of;
use crate::tls::{NodeCertificate, TlsError};

/// How whoever comes is let in: by what is known of the link to where it comes from.
pub(crate) struct Welcome {
    server: ServerConfig,
    config: NetConfig,
    trips: Arc<Trips>,
}

impl Welcome {
    /// # Errors
    /// [`TlsError`] if the node's key makes no configuration.
    pub(crate) fn new(
        config: &NetConfig,
        certificate: &NodeCertificate,
        trips: Arc<Trips>,
    ) -> Result<Welcome, TlsError> {
        Ok(Welcome {
            server: server_config(config, certificate)?,
            config: config.clone(),
            trips,
        })
    }

    /// Lets one in, with settings of its own.
    fn accept(&self, incoming: quinn::Incoming) -> Result<(quinn::Connecting, Kept), quinn::ConnectionError> {
        let trip = self.trips.of(incoming.remote_address());
        let settings = Arc::new(stranger_settings(&self.config, trip));
        let kept = Arc::downgrade(&settings);
        let mut server = self.server.clone();
        server.transport_config(settings);
        Ok((incoming.accept_with(Arc::new(server))?, kept))
    }
}

/// Lets connections in until the endpoint closes.
pub(crate) async fn accept(endpoint: quinn::Endpoint, welcome: Welcome, inputs: mpsc::Sender<Input>) {
    let (door, freed) = (Arc::new(Mutex::new(Door::default())), Arc::new(Notify::new()));
    let mut hall = Hall::default();
    let enter = |at: IpAddr, incoming: quinn::Incoming| {
        let (door, freed) = (Arc::clone(&door), Arc::clone(&freed));
        let mut place = Place {
            door: Arc::clone(&door),
            freed,
            at,
            trace: None,
        };
        let address = incoming.remote_address().to_string();
        if let Ok((connecting, kept)) = welcome.accept(incoming) {
            place.trace = Some(Trace { door, at, kept });
            tokio::spawn(handshake(connecting, address, place, inputs.clone()));
        }
    };
    let mut look = tokio::time::interval(Duration::from_millis(DOOR_LOOK_MS));
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let came = tokio::select! {
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => Some(incoming),
                // Whoever still waits is refused.
                None => return,
            },
            () = freed.notified(), if !hall.is_empty() => None,
            _ = look.tick(), if !hall.is_empty() => None,
        };
        let now = Instant::now();
        if let Some(incoming) = came {
            let at = place_of(incoming.remote_address());
            let is_proven = incoming.remote_address_validated();
            let answer = if !hall.is_waited_for(at) {
                lock(&door).ask(at, is_proven, now)
            } else if is_proven {
                // Behind those who came before.
                Answer::Wait
            } else {
                Answer::Prove
            };
            match answer {
                Answer::Enter => enter(at, incoming),
                // One that may not be asked again is dropped, which refuses it.
                Answer::Prove => drop(incoming.retry()),
                Answer::Wait => hall
                    .wait(at, incoming, now)
                    .into_iter()
                    .for_each(quinn::Incoming::refuse),
            }
            // Who floods has nobody looked at with each packet.
            continue;
        }
        hall.late(now).into_iter().for_each(quinn::Incoming::refuse);
        while let Some((at, incoming)) = hall.next(|at| lock(&door).ask(at, true, now) == Answer::Enter) {
            enter(at, incoming);
        }
    }
}

/// How a handshake ends, where it does in time: while there is room at the door, one on a slow link may take longer.
async fn shaken(
    mut connecting: quinn::Connecting,
    place: &Place,
) -> Option<Result<quinn::Connection, quinn::ConnectionError>> {
    let (wait, longer) = (
        Duration::from_millis(DIAL_MS_MAX),
        Duration::from_millis(HANDSHAKE_MS_MAX.saturating_sub(DIAL_MS_MAX)),
    );
    match tokio::time::timeout(wait, &mut connecting).await {
        Ok(ended) => Some(ended),
        Err(_) if place.is_room() => tokio::time::timeout(longer, connecting).await.ok(),
        Err(_) => None,
    }
}

async fn handshake(
    connecting: quinn::Connecting,
    address: String,
    place: Place,
    inputs: mpsc::Sender<Input>,
) {
    let Some(Ok(connection)) = shaken(connecting, &place).await else {
        return;
    };
    if let Some(peer) = peer_of(&connection) {
        let input = Input::Connected {
            connection,
            peer,
            address,
            request: None,
            place: Some(place),
        };
        let _ = inputs.send(input).await;
    }
}
