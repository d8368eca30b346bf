//! Lengths of time, and how they are told.

/// A day, in milliseconds.
pub(super) const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// A clock that stands further than this before a time that it has noted itself is told.
pub(super) const BEHIND_TOLD_MS: u64 = 2 * 60 * 1_000;

/// A length of time below a day in minutes or hours.
pub(super) fn span(ms: u64) -> String {
    match ms / 60_000 {
        minutes @ 0..120 => format!("{minutes} min"),
        minutes @ 120..2_880 => format!("{} h", minutes / 60),
        _ => days(ms),
    }
}

/// A length of time; a part of a day is none.
pub(super) fn days(ms: u64) -> String {
    match ms / DAY_MS {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
