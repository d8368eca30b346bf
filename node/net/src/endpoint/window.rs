//! The congestion window of a connection, past which a question whether the peer is there may go.
//!
//! While a link is down all that was under way stays so, and the window stays full: nothing but the
//! transport's own probes goes out, ever more seldom, and a link that comes back is used only with the next
//! of these. One packet past the window, answered, tells the transport that what was sent before is lost.
//!
//! Invariants: one packet for each permission; what comes of it is counted as everything is, by the
//! controller within; without a permission this is that controller.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics};

/// Makes a window for each path of a connection.
pub(super) struct WindowConfig(pub(super) Arc<dyn ControllerFactory + Send + Sync>);

impl ControllerFactory for WindowConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Window {
            inner: Arc::clone(&self.0).build(now, current_mtu),
            may_ask: Arc::default(),
            in_flight: 0,
            mtu: current_mtu,
        })
    }
}

/// A controller of congestion that lets a packet pass by permission.
pub(super) struct Window {
    inner: Box<dyn Controller>,
    may_ask: Arc<AtomicBool>,
    /// Bytes under way: at most, as packets count that are not answered.
    in_flight: u64,
    mtu: u16,
}

/// Lets one packet of a connection go out though its window is full.
pub(super) fn may_ask(connection: &quinn::Connection) {
    if let Ok(window) = connection.congestion_state().into_any().downcast::<Window>() {
        window.may_ask.store(true, Ordering::Release);
    }
}

impl Controller for Window {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.in_flight = self.in_flight.saturating_add(bytes);
        self.may_ask.store(false, Ordering::Release);
        self.inner.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &quinn_proto::RttEstimator,
    ) {
        self.inner.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        self.in_flight = in_flight;
        self.inner
            .on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.in_flight = self.in_flight.saturating_sub(lost_bytes);
        self.inner
            .on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = new_mtu;
        self.inner.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        let window = self.inner.window();
        if !self.may_ask.load(Ordering::Acquire) {
            return window;
        }
        // The transport sends where what is under way and one packet more are less than the window.
        let past = u64::from(self.mtu).saturating_add(1);
        window.max(self.in_flight.saturating_add(past))
    }

    fn metrics(&self) -> ControllerMetrics {
        self.inner.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Window {
            inner: self.inner.clone_box(),
            may_ask: Arc::clone(&self.may_ask),
            in_flight: self.in_flight,
            mtu: self.mtu,
        })
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn one_packet_passes_a_full_window_by_permission_and_what_comes_of_it_counts() {
        let cubic: Arc<dyn ControllerFactory + Send + Sync> =
            Arc::new(quinn::congestion::CubicConfig::default());
        let now = Instant::now();
        let mut window = Arc::new(WindowConfig(cubic)).build(now, 1_200);
        let own = window.window();
        window.on_sent(now, own, 9);
        assert_eq!(window.window(), own);
        // What asks has a copy of the controller.
        let copy = window.clone_box().into_any().downcast::<Window>().unwrap();
        copy.may_ask.store(true, Ordering::Release);
        assert_eq!(window.window(), own + 1_201, "a packet more than is under way");
        window.on_sent(now, 40, 10);
        assert_eq!(window.window(), own, "one packet, not two");
        // With room in the window a permission changes nothing.
        window.on_end_acks(now, 0, false, Some(10));
        copy.may_ask.store(true, Ordering::Release);
        assert_eq!(window.window(), own);
        // Losses reach the controller, and what is lost is under way no more.
        window.on_sent(now, own, 19);
        window.on_congestion_event(now + Duration::from_secs(40), now, true, own);
        copy.may_ask.store(true, Ordering::Release);
        assert_eq!(window.window(), 2 * 1_200, "it begins anew, slowly");
        assert_eq!(window.initial_window(), own);
        assert_eq!(window.metrics().congestion_window, 2 * 1_200);
    }

    #[test]
    fn a_packet_by_permission_is_as_large_as_the_path_takes() {
        let cubic: Arc<dyn ControllerFactory + Send + Sync> =
            Arc::new(quinn::congestion::CubicConfig::default());
        let now = Instant::now();
        let mut window = Arc::new(WindowConfig(cubic)).build(now, 1_200);
        let own = window.window();
        window.on_sent(now, own, 9);
        window.on_mtu_update(1_452);
        let copy = window.clone_box().into_any().downcast::<Window>().unwrap();
        copy.may_ask.store(true, Ordering::Release);
        assert_eq!(window.window(), own + 1_453);
        // The controller within knows it as well: it begins anew with two packets of that size.
        window.on_congestion_event(now + Duration::from_secs(40), now, true, own);
        assert_eq!(window.metrics().congestion_window, 2 * 1_452);
    }
}
