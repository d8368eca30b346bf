//! The generator behind the population: splitmix64 (Steele, Lea, Flood 2014).
//! Small, fast, and the same on every machine; not for secrets.

/// Streams of their own, so that adding to one leaves the others as they are.
pub(super) const SITES: u64 = 1;
pub(super) const PATIENTS: u64 = 2;

pub(super) struct Random {
    state: u64,
}

impl Random {
    /// The generator of item `index` in a stream.
    pub(super) fn at(seed: u64, stream: u64, index: u64) -> Random {
        let mut random = Random {
            state: seed ^ stream.rotate_left(56),
        };
        let scrambled = random.next();
        Random {
            state: scrambled.wrapping_add(index.wrapping_mul(0xd6e8_feb8_6659_fd93)),
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, not including, `end`; 0 if `end` is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        // The bias of a plain remainder does not matter for ends this small.
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).unsigned_abs().saturating_add(1);
        low.saturating_add_unsigned(self.below(span))
    }

    /// True this many times in a hundred.
    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(u64::try_from(from.len()).unwrap_or(0));
        from.get(usize::try_from(at).unwrap_or(0))
    }

    /// One of some texts; empty if there are none.
    pub(super) fn text(&mut self, from: &[&'static str]) -> &'static str {
        self.pick(from).copied().unwrap_or_default()
    }

    pub(super) fn digits(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| char::from(b'0'.saturating_add(u8::try_from(self.below(10)).unwrap_or(0))))
            .collect()
    }

    /// A UUID in the form of version 4.
    pub(super) fn uuid(&mut self) -> String {
        let high = self.next() & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = self.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}
