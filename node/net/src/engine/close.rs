//! Why sessions end: as codes on the wire, as sentences for people.

use serde::{Deserialize, Serialize};

use crate::limits::WAIT_S_MAX;

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// Both have said all that they had to say.
    #[error("the exchange is over")]
    Done,
    /// A newer connection of the same pair.
    #[error("a newer connection took over")]
    Replaced,
    /// Another session of the pair is making progress.
    #[error("another session with this peer is at work")]
    Duplicate,
    /// No room for a session now; for how long is not known.
    #[error("the node is busy: too many sessions")]
    Busy,
    /// No room for a session before so many seconds, as it looks.
    #[error("the node is busy: about {0} s until it has room")]
    Wait(u32),
    /// No hello in time.
    #[error("the peer said nothing")]
    Silent,
    /// No progress in time.
    #[error("the exchange made no progress for too long")]
    Stalled,
    /// More than the bounds allow.
    #[error("the peer sent more than it may")]
    Flooding,
    /// Takes nothing in of what it is told.
    #[error("the peer takes nothing in of what it is told")]
    Unread,
    /// Of another network.
    #[error("the peer belongs to another network")]
    OtherNetwork,
    /// No certificate that leads to the root.
    #[error("the peer is not a member of this network")]
    Stranger,
    /// The peer's membership was ended.
    #[error("the peer is revoked")]
    Revoked,
    /// The peer says that this node is revoked.
    #[error(
        "this node was revoked: its network exchanges nothing with it any more; what it holds stays readable here"
    )]
    RevokedHere,
    /// The peer says that this node is no member.
    #[error("the peer does not know this node as a member of its network")]
    StrangerHere,
    /// Its grant changed: start anew under the new one.
    #[error("what may be shared has changed")]
    GrantChanged,
    /// The link's switch is off.
    #[error("the link is switched off")]
    Disabled,
    /// Our own address.
    #[error("the address is this node's own")]
    Oneself,
    /// Speaks a version not spoken here.
    #[error("the peer speaks version {0}, which is not spoken here")]
    Version(u8),
    /// The peer sent something that is no frame of the protocol.
    #[error("the peer sent something unreadable: {0}")]
    Malformed(String),
    /// A store failed.
    #[error("the store failed: {0}")]
    Store(String),
    /// No room on this node's disk for what the peer brings.
    #[error(
        "this node's disk is full: it takes nothing in until there is room, and has sent what it had to send"
    )]
    Full,
    /// The peer says so of its own.
    #[error("the peer's disk is full: it takes nothing in until there is room")]
    FullThere,
    /// Too much would wait for its author.
    #[error("the peer brings more changes than may wait whose authors are not known here as members")]
    Awaiting,
    /// The peer says so of what this node brings.
    #[error("the peer does not know the authors of changes that this node brings as members")]
    AwaitingThere,
    /// A ticket used by another key.
    #[error("the ticket has been used")]
    TicketUsed,
    /// A ticket over its time.
    #[error("the ticket has expired")]
    TicketExpired,
    /// A ticket not known, or with a wrong secret.
    #[error("the ticket is not known")]
    TicketUnknown,
    /// This node is being stopped.
    #[error("the node is shutting down")]
    Shutdown,
    /// No protocol version in common.
    #[error("the peer speaks no version of the protocol that this node speaks")]
    NoCommonVersion,
    /// Another key answered than the one dialled.
    #[error("another node answers at {0}")]
    OtherKey(String),
    /// Nobody answered at this address.
    #[error("nobody answered at {0}")]
    Unreachable(String),
    /// The transport failed before the peer had said who it is: nothing was exchanged.
    #[error("the connection was lost before the peer had answered: {0}")]
    Unmet(String),
    /// The transport failed.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The peer's node was started anew, and knows nothing of the connection.
    #[error("the connection was lost: the peer was started anew")]
    Reset,
}

/// Why the contact with a peer last ended, as it is kept: no more than a code, for a text may change with each version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Problem {
    /// A reason of this node's own, of this code ([`CloseReason::code`]).
    Own(u32),
    /// It came from the other end: what a peer says of its peer with this code is about this node.
    Told(u32),
}

impl Problem {
    /// Whether the peer turned this node away as revoked.
    #[must_use]
    pub fn says_revoked(self) -> bool {
        self == Problem::Told(REVOKED_CODE)
    }
}

/// The code of [`CloseReason::Revoked`], which is heard as [`CloseReason::RevokedHere`].
const REVOKED_CODE: u32 = 9;
/// Codes from here on say so many seconds ([`CloseReason::Wait`]), up to [`WAIT_S_MAX`].
const WAIT_CODE: u32 = 0x1000;
/// The last of them.
const WAIT_CODE_MAX: u32 = WAIT_CODE + WAIT_S_MAX;

impl CloseReason {
    /// Code on the wire.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            CloseReason::Done => 0,
            CloseReason::Replaced => 1,
            CloseReason::Duplicate => 2,
            CloseReason::Busy => 3,
            CloseReason::Wait(seconds) => WAIT_CODE.saturating_add((*seconds).min(WAIT_S_MAX)),
            CloseReason::Silent => 4,
            CloseReason::Stalled => 5,
            CloseReason::Flooding | CloseReason::Unread => 6,
            CloseReason::OtherNetwork => 7,
            CloseReason::Stranger | CloseReason::StrangerHere => 8,
            CloseReason::Revoked | CloseReason::RevokedHere => REVOKED_CODE,
            CloseReason::GrantChanged => 10,
            CloseReason::Disabled => 11,
            CloseReason::Oneself => 12,
            CloseReason::Version(_) => 13,
            CloseReason::Malformed(_) => 14,
            CloseReason::Store(_) => 15,
            CloseReason::TicketUsed => 16,
            CloseReason::TicketExpired => 17,
            CloseReason::TicketUnknown => 18,
            CloseReason::Shutdown => 19,
            CloseReason::Awaiting | CloseReason::AwaitingThere => 24,
            CloseReason::Full | CloseReason::FullThere => 25,
            CloseReason::Unreachable(_) => 20,
            CloseReason::Lost(_) | CloseReason::Unmet(_) | CloseReason::Reset => 21,
            CloseReason::NoCommonVersion => 22,
            CloseReason::OtherKey(_) => 23,
        }
    }

    /// Whether nobody is there any more, as far as it shows: who answers and refuses is there.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(
            self,
            CloseReason::Unreachable(_)
                | CloseReason::Lost(_)
                | CloseReason::Unmet(_)
                | CloseReason::Stalled
                | CloseReason::Silent
                | CloseReason::Shutdown
                | CloseReason::Reset
        )
    }

    /// Whether the peer is about to be there again, as for all who were in touch with it at the same moment.
    #[must_use]
    pub fn is_restart(&self) -> bool {
        matches!(self, CloseReason::Shutdown | CloseReason::Reset)
    }

    /// The reason a peer gave by code: what it says of its peer, it says of this node.
    #[must_use]
    pub fn from_code(code: u32, version: u8) -> CloseReason {
        match code {
            0 => CloseReason::Done,
            1 => CloseReason::Replaced,
            2 => CloseReason::Duplicate,
            3 => CloseReason::Busy,
            4 => CloseReason::Silent,
            5 => CloseReason::Stalled,
            6 => CloseReason::Flooding,
            7 => CloseReason::OtherNetwork,
            8 => CloseReason::StrangerHere,
            REVOKED_CODE => CloseReason::RevokedHere,
            10 => CloseReason::GrantChanged,
            11 => CloseReason::Disabled,
            12 => CloseReason::Oneself,
            13 => CloseReason::Version(version),
            14 => CloseReason::Malformed("as the other side says".to_owned()),
            15 => CloseReason::Store("the other side's".to_owned()),
            16 => CloseReason::TicketUsed,
            17 => CloseReason::TicketExpired,
            18 => CloseReason::TicketUnknown,
            19 => CloseReason::Shutdown,
            24 => CloseReason::AwaitingThere,
            25 => CloseReason::FullThere,
            WAIT_CODE..=WAIT_CODE_MAX => CloseReason::Wait(code.saturating_sub(WAIT_CODE)),
            other => CloseReason::Lost(format!("code {other}")),
        }
    }

    /// What the side that is refused is told: the peer's reason, about us.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            CloseReason::OtherNetwork => "the peer belongs to another network".to_owned(),
            CloseReason::Stranger => CloseReason::StrangerHere.to_string(),
            CloseReason::Revoked => CloseReason::RevokedHere.to_string(),
            CloseReason::Full => CloseReason::FullThere.to_string(),
            other => other.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_of_its_peer_is_told_of_this_node() {
        for (said, heard) in [
            (CloseReason::Revoked, "this node was revoked"),
            (CloseReason::Stranger, "the peer does not know this node"),
            (CloseReason::Full, "the peer's disk is full"),
        ] {
            let reason = CloseReason::from_code(said.code(), 1);
            assert!(reason.to_string().starts_with(heard), "{reason}");
            assert_eq!((reason.code(), reason.told()), (said.code(), said.told()));
        }
    }

    #[test]
    fn each_reason_is_heard_as_the_one_that_was_said() {
        for code in (0..20).chain([24, 25]) {
            let heard = CloseReason::from_code(code, 7);
            assert_eq!(heard.code(), code, "{heard}");
            assert!(!matches!(heard, CloseReason::Lost(_)), "{code}");
        }
        assert_eq!(CloseReason::from_code(13, 7), CloseReason::Version(7));
        for (said, heard) in [(0, 0), (12, 12), (WAIT_S_MAX, WAIT_S_MAX), (u32::MAX, WAIT_S_MAX)] {
            let code = CloseReason::Wait(said).code();
            assert_eq!(CloseReason::from_code(code, 7), CloseReason::Wait(heard));
        }
        let beyond = CloseReason::from_code(WAIT_CODE_MAX + 1, 7);
        assert!(matches!(beyond, CloseReason::Lost(_)), "{beyond}");
        assert_eq!(
            CloseReason::from_code(99, 7),
            CloseReason::Lost("code 99".to_owned())
        );
        // What is told of a store or a message stays here: the other end hears no more than that.
        for said in [
            CloseReason::Store("a path".into()),
            CloseReason::Malformed("a key".into()),
        ] {
            let heard = CloseReason::from_code(said.code(), 1).to_string();
            assert!(!heard.contains("a path") && !heard.contains("a key"), "{heard}");
        }
    }
}
