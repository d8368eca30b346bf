//! The zone of the clinic's wall clock, which people read times and birth dates by.
//!
//! Invariants: the zone that was chosen (by option, environment or configuration) comes before the machine's; where
//! neither is there, UTC stands in its place, and whoever shows a time is told so. It is chosen once, before anything
//! is opened: whoever judges a date is handed it, and never asks here.

use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::NodeError;

/// Told where the zone could not be read.
pub const UNREAD: &str = "times are in UTC: this machine's zone could not be read; name the clinic's with --zone, CHASKI_ZONE or \
                          `zone` in the configuration, and start the node again";

/// The zone that this process was told.
static CHOSEN: OnceLock<TimeZone> = OnceLock::new();

/// The zone of an IANA name.
///
/// # Errors
/// When there is none of this name.
pub fn of_name(name: &str) -> Result<TimeZone, NodeError> {
    TimeZone::get(name.trim()).map_err(|_| {
        NodeError::Usage(format!(
            "there is no time zone {name:?}: it must be a name of the IANA time zone database, such as Asia/Manila, \
             Africa/Nairobi or America/Lima"
        ))
    })
}

/// Chooses the zone of this process; the first word counts.
///
/// # Errors
/// When there is no zone of this name.
pub fn choose(name: &str) -> Result<(), NodeError> {
    let _said_before = CHOSEN.set(of_name(name)?);
    Ok(())
}

/// The zone that was chosen, else that of `TZ`, else that of `/etc/localtime`; nothing where none can be read.
pub fn read() -> Option<TimeZone> {
    let system = || TimeZone::try_system().ok().filter(|zone| !zone.is_unknown());
    CHOSEN.get().cloned().or_else(system)
}

/// The zone that times are told in.
pub fn zone() -> TimeZone {
    read().unwrap_or(TimeZone::UTC)
}

/// A zone's name; of one without a name its difference from UTC now.
pub fn name(zone: &TimeZone) -> String {
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => format!("UTC{}", zone.to_offset(Timestamp::now())),
    }
}

/// A time of RFC 3339 as people of the machine read it, to the minute; what is none as it stands.
pub fn local(text: &str) -> String {
    local_in(&zone(), text)
}

/// The same in a zone: `2026-03-01 10:00 UTC`, `2026-03-01 15:45 +05:45`.
pub fn local_in(zone: &TimeZone, text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(time) => told(zone, time),
        Err(_) => text.to_owned(),
    }
}

/// A time in milliseconds since 1970, likewise.
pub fn local_ms_in(zone: &TimeZone, ms: u64) -> String {
    let time = i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| ms.to_string(), |time| told(zone, time))
}

/// With its difference from UTC: a date alone is another one elsewhere.
fn told(zone: &TimeZone, time: Timestamp) -> String {
    let form = if zone.to_offset(time).is_zero() {
        "%Y-%m-%d %H:%M UTC"
    } else {
        "%Y-%m-%d %H:%M %:z"
    };
    time.to_zoned(zone.clone()).strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_by_the_zone_with_its_difference() {
        let kathmandu = TimeZone::get("Asia/Kathmandu").expect("bundled");
        let at = "2026-03-01T20:59:59.123Z";
        assert_eq!(local_in(&TimeZone::UTC, at), "2026-03-01 20:59 UTC");
        assert_eq!(local_in(&kathmandu, at), "2026-03-02 02:44 +05:45");
        // In summer and in winter, by what held then.
        let lisbon = TimeZone::get("Europe/Lisbon").expect("bundled");
        assert_eq!(
            local_in(&lisbon, "2026-07-01T12:00:00Z"),
            "2026-07-01 13:00 +01:00"
        );
        assert_eq!(local_in(&lisbon, "2026-01-01T12:00:00Z"), "2026-01-01 12:00 UTC");
        assert_eq!(local_in(&kathmandu, "soon"), "soon");
        assert_eq!(local_ms_in(&TimeZone::UTC, 60_000), "1970-01-01 00:01 UTC");
    }
}
