//! Hybrid time and what a change says about itself.
//!
//! Invariants:
//! - stamps of one node strictly increase, whatever its wall clock does;
//! - time decides which of two ordinary concurrent values is shown, never
//!   whether a change is kept.

use chaski_json::Json;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Bits of an [`Hlc`] below the milliseconds.
const COUNTER_BITS: u32 = 16;

/// A hybrid logical clock stamp: milliseconds since 1970 in the upper 48 bits,
/// a counter in the lower 16. It travels in the change's time field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hlc(pub u64);

impl Hlc {
    /// The first stamp of a millisecond.
    pub fn from_ms(ms: u64) -> Hlc {
        Hlc(ms.min(u64::MAX >> COUNTER_BITS) << COUNTER_BITS)
    }

    /// Milliseconds since 1970.
    pub fn ms(self) -> u64 {
        self.0 >> COUNTER_BITS
    }

    /// The next stamp of a node whose last was `self`, at wall time `now_ms`.
    pub fn next(self, now_ms: u64) -> Hlc {
        Hlc::from_ms(now_ms).max(Hlc(self.0.saturating_add(1)))
    }

    /// The node's last stamp after it has seen `seen`; a lead of more than
    /// `lead_ms_max` over the wall clock is not followed.
    pub fn absorb(self, seen: Hlc, now_ms: u64, lead_ms_max: u64) -> Hlc {
        if seen.ms() > now_ms.saturating_add(lead_ms_max) {
            self
        } else {
            self.max(seen)
        }
    }

    /// As the change's time field holds it.
    pub(crate) fn to_time(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// From the change's time field; negative times are 0.
    pub fn from_time(time: i64) -> Hlc {
        Hlc(u64::try_from(time).unwrap_or(0))
    }
}

impl From<u64> for Hlc {
    fn from(stamp: u64) -> Hlc {
        Hlc(stamp)
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A transaction over several records: atomic where it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tx {
    /// Random, the same in all members.
    pub id: u64,
    /// Number of members.
    pub count: u32,
}

/// Who wrote a change, in which role, what for: as asserted by the node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// The user.
    pub user: String,
    /// The user's role.
    pub role: String,
    /// The purpose of use.
    pub purpose: String,
    /// The transaction, if the change is one of several.
    pub tx: Option<Tx>,
}

impl Message {
    /// The change's message: `["user","role","purpose"]`, with the transaction's
    /// id (16 hex digits) and count after it.
    pub fn encode(&self) -> String {
        let mut parts = vec![
            Json::from(self.user.as_str()),
            Json::from(self.role.as_str()),
            Json::from(self.purpose.as_str()),
        ];
        if let Some(tx) = self.tx {
            parts.push(Json::from(format!("{:016x}", tx.id)));
            parts.push(Json::from(u64::from(tx.count)));
        }
        Json::from(parts).canonical()
    }

    /// Reads a message; what is missing or malformed is empty.
    pub fn parse(text: &str) -> Message {
        let Ok(json) = chaski_json::parse_str(text) else {
            return Message::default();
        };
        let part = |at: usize| json.at(at).and_then(Json::as_str).unwrap_or_default().to_owned();
        let tx = json
            .at(3)
            .and_then(Json::as_str)
            .zip(json.at(4).and_then(Json::as_u64));
        let tx = tx.and_then(|(id, count)| {
            Some(Tx {
                id: u64::from_str_radix(id, 16).ok()?,
                count: u32::try_from(count).ok()?,
            })
        });
        Message {
            user: part(0),
            role: part(1),
            purpose: part(2),
            tx,
        }
    }
}

/// What a write says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp {
    /// When, by the writer's hybrid clock.
    pub hlc: Hlc,
    /// Who and what for.
    pub message: Message,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_strictly_increase_even_when_the_wall_clock_does_not() {
        let first = Hlc::default().next(1_000);
        let second = first.next(1_000);
        let third = second.next(0);
        assert!(first < second && second < third);
        assert_eq!(third.ms(), 1_000);
        assert_eq!(third.next(2_000), Hlc::from_ms(2_000));
    }

    #[test]
    fn a_lead_of_years_is_not_followed() {
        let own = Hlc::from_ms(1_000);
        assert_eq!(own.absorb(Hlc::from_ms(1_500), 1_000, 600), Hlc::from_ms(1_500));
        assert_eq!(own.absorb(Hlc::from_ms(9_000), 1_000, 600), own);
    }

    /// A day ahead is followed, to the millisecond; anything more is not, else one
    /// wrong clock would carry all the others along.
    #[test]
    fn a_lead_is_followed_up_to_its_limit_and_not_beyond() {
        const DAY_MS: u64 = 24 * 60 * 60 * 1000;
        let now = 1_700_000_000_000;
        let own = Hlc::from_ms(now - 5);
        let seen = |ms: u64, counter: u64| own.absorb(Hlc(Hlc::from_ms(ms).0 + counter), now, DAY_MS);
        let limit = Hlc::from_ms(now + DAY_MS);
        assert_eq!(seen(now + DAY_MS, 0), limit);
        assert_eq!(seen(now + DAY_MS, 0xffff), Hlc(limit.0 + 0xffff));
        assert_eq!(seen(now + DAY_MS + 1, 0), own);
        assert_eq!(own.absorb(Hlc(u64::MAX), now, DAY_MS), own);
        // What is older than the own last stamp takes nothing back.
        assert_eq!(seen(now - 6, 9), own);
        assert_eq!(seen(now - 5, 1), Hlc(own.0 + 1));
        // What follows is later than all that was seen.
        assert!(seen(now + DAY_MS, 7).next(now) > Hlc(limit.0 + 7));
        assert_eq!(own.absorb(Hlc(u64::MAX), u64::MAX, DAY_MS), Hlc(u64::MAX));
    }

    #[test]
    fn a_stamp_goes_through_a_change_and_stays_in_order() {
        for stamp in [
            Hlc(0),
            Hlc(1),
            Hlc::from_ms(1_700_000_000_000),
            Hlc(i64::MAX as u64),
        ] {
            assert_eq!(Hlc::from_time(stamp.to_time()), stamp);
        }
        assert_eq!(Hlc::from_time(-1), Hlc(0));
        assert_eq!(Hlc(u64::MAX).to_time(), i64::MAX);
        assert_eq!(Hlc::from_ms(7), Hlc(7 << 16));
        assert_eq!(Hlc::from_ms(u64::MAX).ms(), (1 << 48) - 1);
        // More stamps than a millisecond has: the next one begins.
        assert_eq!(Hlc(Hlc::from_ms(8).0 - 1).next(0), Hlc::from_ms(8));
        assert_eq!(Hlc(u64::MAX).next(0), Hlc(u64::MAX));
        assert_eq!(Hlc::default().next(5), Hlc::from_ms(5));
    }

    #[test]
    fn messages_have_one_form_and_keep_what_is_readable() {
        let mut message = Message {
            user: "ana".into(),
            role: "clinician".into(),
            purpose: "TREAT".into(),
            tx: None,
        };
        assert_eq!(message.encode(), r#"["ana","clinician","TREAT"]"#);
        message.tx = Some(Tx { id: 0xab, count: 2 });
        let text = message.encode();
        assert_eq!(text, r#"["ana","clinician","TREAT","00000000000000ab",2]"#);
        assert_eq!(Message::parse(&text), message);
        let parse = |text: &str| Message::parse(text);
        assert_eq!(
            (parse(r#"["ana"]"#).user.as_str(), parse(r#"["ana"]"#).tx),
            ("ana", None)
        );
        assert_eq!(parse(r#"[1,"nurse"]"#).role, "nurse");
        // A transaction needs both its parts, in their form.
        for half in [
            r#"["a","b","c","ab"]"#,
            r#"["a","b","c","xy",2]"#,
            r#"["a","b","c",7,2]"#,
            r#"["a","b","c","ab",4294967296]"#,
        ] {
            let read = parse(half);
            assert_eq!((read.purpose.as_str(), read.tx), ("c", None), "{half}");
        }
    }

    #[test]
    fn messages_read_as_written_and_nonsense_is_empty() {
        let message = Message {
            user: "a \"nurse\"\n".into(),
            role: "clinician".into(),
            purpose: "TREAT".into(),
            tx: Some(Tx {
                id: u64::MAX,
                count: 3,
            }),
        };
        assert_eq!(Message::parse(&message.encode()), message);
        let plain = Message { tx: None, ..message };
        assert_eq!(Message::parse(&plain.encode()), plain);
        assert_eq!(Message::parse("{"), Message::default());
    }
}
