//! How fast a link is, as its transport sees it, and what is put on it therefore.
//!
//! Invariants: what a cut of a slow link loses is what it carries in a second, and at most one piece; on
//! a slow link no more is under way than it carries in a moment, so that what is urgent need not wait
//! behind what is not; a fast link, and one of which nothing is known, is given as much as it was told to be.

use std::time::Duration;

use crate::limits::{
    BATCH_BYTES_SLOW_MIN, FAST_BYTES_S_MIN, PIECE_BYTES, QUEUE_MS, WINDOW_BYTES_MAX, WINDOW_SLOW_BATCHES,
};

/// What the transport says of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Bytes that it carries in a second.
    pub(crate) bytes_s: u64,
    /// Its shortest round trip so far, in ms.
    pub(crate) rtt_ms: u64,
}

impl Pace {
    /// Of a transport that has `window` bytes under way at most, in round trips of `rtt` now and of
    /// `rtt_min` when nothing was queued.
    pub(crate) fn of(window: u64, rtt: Duration, rtt_min: Duration) -> Pace {
        let rtt_us = u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX).max(1);
        Pace {
            bytes_s: window.saturating_mul(1_000_000) / rtt_us,
            rtt_ms: u64::try_from(rtt_min.min(rtt).as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Whether another is news: a link is never measured twice alike.
    pub(crate) fn is_news_after(self, known: Pace) -> bool {
        let differs = |new: u64, old: u64| new.abs_diff(old) > old / 8;
        differs(self.bytes_s, known.bytes_s) || differs(self.rtt_ms, known.rtt_ms)
    }

    pub(crate) fn rtt_ms(self) -> u64 {
        self.rtt_ms
    }

    pub(crate) fn is_fast(self) -> bool {
        self.bytes_s >= FAST_BYTES_S_MIN
    }

    /// Compressed size to aim at for a batch, in bytes, once so many have arrived: before any has, a
    /// link that is not fast may be as slow as any.
    pub(crate) fn batch_bytes(self, configured: usize, arrived: u32) -> usize {
        if self.is_fast() {
            return configured;
        }
        let arrived = usize::try_from(arrived).unwrap_or(usize::MAX);
        let tried = BATCH_BYTES_SLOW_MIN.saturating_mul(arrived.saturating_add(1));
        let in_a_second = usize::try_from(self.bytes_s).unwrap_or(usize::MAX).min(tried);
        configured.min(in_a_second.clamp(BATCH_BYTES_SLOW_MIN, PIECE_BYTES))
    }

    /// Bytes of a priority that may be under way.
    pub(crate) fn window_bytes(self, configured: usize, arrived: u32) -> usize {
        let least = WINDOW_SLOW_BATCHES.saturating_mul(self.batch_bytes(configured, arrived));
        if arrived == 0 && !self.is_fast() {
            return least.min(WINDOW_BYTES_MAX);
        }
        let time_ms = QUEUE_MS.saturating_add(self.rtt_ms);
        let carried = self.bytes_s.saturating_mul(time_ms) / 1_000;
        usize::try_from(carried)
            .unwrap_or(usize::MAX)
            .max(least)
            .min(WINDOW_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::BATCH_BYTES_TARGET;

    fn pace(kbit_s: u64, rtt_ms: u64) -> Pace {
        Pace {
            bytes_s: kbit_s * 125,
            rtt_ms,
        }
    }

    #[test]
    fn a_slow_link_is_given_what_it_carries_in_a_second_and_a_fast_one_as_before() {
        for (kbit_s, batch, window) in [
            (1, 4 << 10, 8 << 10),
            (30, 4 << 10, 8 << 10),
            (64, 8_000, 16_800),
            (128, 16_000, 33_600),
            (256, 16 << 10, 67_200),
            (1_000, 16 << 10, 262_500),
            (2_000, 64 << 10, 525_000),
            (100_000, 64 << 10, WINDOW_BYTES_MAX),
        ] {
            let pace = pace(kbit_s, 600);
            let found = (
                pace.batch_bytes(BATCH_BYTES_TARGET, 9),
                pace.window_bytes(BATCH_BYTES_TARGET, 9),
            );
            assert_eq!(found, (batch, window), "{kbit_s} kbit/s");
        }
        // Never more than it was told.
        assert_eq!(pace(100_000, 1).batch_bytes(8 << 10, 0), 8 << 10);
        assert_eq!(pace(30, 600).batch_bytes(1_000, 0), 1_000);
    }

    #[test]
    fn a_link_that_may_be_slow_is_tried_with_little_first() {
        let given = |kbit_s, arrived| {
            let pace = pace(kbit_s, 600);
            (
                pace.batch_bytes(BATCH_BYTES_TARGET, arrived) >> 10,
                pace.window_bytes(BATCH_BYTES_TARGET, arrived) >> 10,
            )
        };
        assert_eq!(
            [0, 1, 2, 3, 9].map(|arrived| given(200, arrived).0),
            [4, 8, 12, 16, 16]
        );
        assert_eq!(given(200, 0), (4, 8));
        assert_eq!(given(200, 1), (8, 51));
        assert_eq!(given(5_000, 0), (64, 1_024));
    }

    #[test]
    fn a_link_carries_its_window_in_each_round_trip() {
        let ms = Duration::from_millis;
        let found = Pace::of(12_000, ms(600), ms(500));
        assert_eq!((found.bytes_s, found.rtt_ms), (20_000, 500));
        assert_eq!(
            Pace::of(12_000, Duration::ZERO, Duration::MAX).bytes_s,
            12_000_000_000
        );
        assert_eq!(Pace::of(1, ms(80), Duration::MAX).rtt_ms, 80);
    }

    #[test]
    fn a_little_more_or_less_is_no_news() {
        let known = pace(800, 80);
        assert!(!pace(850, 88).is_news_after(known) && !pace(710, 72).is_news_after(known));
        assert!(pace(920, 80).is_news_after(known) && pace(690, 80).is_news_after(known));
        assert!(pace(800, 100).is_news_after(known));
    }
}
