//! The one-use invitation a new node joins with.
//!
//! Bytes, version 1: version, length of all (2), secret (16), issuer
//! fingerprint (16), network's beginning (8), expiry in Unix seconds (5),
//! role (length, text), addresses (count, then length, text), checksum (4,
//! the beginning of SHA-256 over all before it). Text: [`super::base32`].
//!
//! Whether a ticket has been used is the issuer's to know, and so is whether
//! it has expired: the joining node's clock may be anywhere.

use super::base32::{self, DecodeError};
use super::statement::NodeRole;
use crate::author::{NetworkId, NodeId};
use crate::change::ChunkError;
use crate::change::reader::Reader;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

const VERSION: u8 = 1;
const FINGERPRINT_DOMAIN: &[u8] = b"chaski/issuer-fingerprint/1\0";
/// The most addresses in a ticket.
const ADDRESSES_MAX: usize = 8;
/// The longest address or role, in bytes.
const TEXT_BYTES_MAX: usize = 64;
const EXPIRY_SECONDS_MAX: u64 = (1 << 40) - 1;

/// A one-use invitation.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Proves to the issuer that this ticket was given.
    pub secret: [u8; 16],
    /// Pins the issuer's key: see [`Ticket::fingerprint_of`].
    pub issuer: [u8; 16],
    /// The beginning of the network's identifier.
    pub network: [u8; 8],
    /// End by the issuer's clock, in Unix seconds.
    pub expires_s: u64,
    /// The role the new node is to have.
    pub role: NodeRole,
    /// Where the issuer listens, `host:port`.
    pub addresses: Vec<String>,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(..)")
    }
}

/// Why a text is no ticket, in words for whoever typed it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TicketError {
    /// Nothing was given.
    #[error("the ticket is empty")]
    Empty,
    /// A character no ticket has.
    #[error("a ticket has no character {}", shown(*.0))]
    Character(char),
    /// A typing error in this group, counted from 1.
    #[error("there is a typing error in group {0} of the ticket")]
    Group(usize),
    /// The end is missing.
    #[error("the ticket is cut off: its end is missing")]
    Truncated,
    /// There is more than a ticket.
    #[error("there is something after the ticket's end")]
    TooLong,
    /// Groups check one by one, but not all together.
    #[error("the ticket's checksum is wrong: a group is missing, doubled or from another ticket")]
    Checksum,
    /// Made by a newer version.
    #[error("the ticket has version {0}, which this program does not know")]
    Version(u8),
    /// Right in form, senseless in content; or, when making one, out of bounds.
    #[error("the ticket's content is not valid")]
    Content,
}

/// A character as a person can find it: one without a shape by its code point.
fn shown(character: char) -> String {
    let has_shape = character.is_ascii_graphic() || character.escape_debug().eq([character]);
    match has_shape && !is_filler(character) {
        true => format!("'{character}'"),
        false => format!("U+{:04X}", u32::from(character)),
    }
}

/// Letters that are drawn as nothing.
fn is_filler(character: char) -> bool {
    matches!(
        character,
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}'
    )
}

impl From<ChunkError> for TicketError {
    fn from(_: ChunkError) -> TicketError {
        TicketError::Content
    }
}

impl Ticket {
    /// The fingerprint that pins an issuer's key.
    pub fn fingerprint_of(issuer: &NodeId) -> [u8; 16] {
        let hash: [u8; 32] = Sha256::new()
            .chain_update(FINGERPRINT_DOMAIN)
            .chain_update(issuer.0)
            .finalize()
            .into();
        beginning(&hash)
    }

    /// The part of a network's identifier that a ticket carries.
    pub fn network_of(network: &NetworkId) -> [u8; 8] {
        beginning(&network.0)
    }

    /// Whether this ticket is for `network`.
    pub fn is_for(&self, network: &NetworkId) -> bool {
        self.network == Ticket::network_of(network)
    }

    /// Whether it has ended, by the issuer's clock.
    pub fn is_expired(&self, issuer_now_ms: u64) -> bool {
        self.expires_s <= issuer_now_ms / 1_000
    }

    /// The text to print; see [`super::base32`].
    ///
    /// # Errors
    /// [`TicketError::Content`] if role, addresses or expiry are out of bounds.
    pub fn to_text(&self) -> Result<String, TicketError> {
        let mut rest = Vec::new();
        rest.extend_from_slice(&self.secret);
        rest.extend_from_slice(&self.issuer);
        rest.extend_from_slice(&self.network);
        if self.expires_s > EXPIRY_SECONDS_MAX || self.addresses.len() > ADDRESSES_MAX {
            return Err(TicketError::Content);
        }
        rest.extend(self.expires_s.to_be_bytes().iter().skip(3));
        put_text(&mut rest, self.role.as_str())?;
        rest.push(u8::try_from(self.addresses.len()).map_err(|_| TicketError::Content)?);
        for address in &self.addresses {
            put_text(&mut rest, address)?;
        }
        let length = u16::try_from(rest.len().saturating_add(7)).map_err(|_| TicketError::Content)?;
        let mut bytes = vec![VERSION];
        bytes.extend(length.to_be_bytes());
        bytes.extend(rest);
        let checksum = checksum(&bytes);
        bytes.extend(checksum);
        Ok(base32::encode(&bytes))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Ticket, TicketError> {
        let mut reader = Reader::new(bytes);
        let truncated = |_| TicketError::Truncated;
        let version = reader.byte().map_err(|_| TicketError::Empty)?;
        if version != VERSION {
            return Err(TicketError::Version(version));
        }
        let length = usize::from(u16::from_be_bytes(reader.array().map_err(truncated)?));
        let (ticket, after) = bytes.split_at_checked(length).ok_or(TicketError::Truncated)?;
        // What fills the last group is zero and less than one group.
        if after.len() > 3 || after.iter().any(|byte| *byte != 0) {
            return Err(TicketError::TooLong);
        }
        let content = ticket.len().checked_sub(4).ok_or(TicketError::Content)?;
        let (content, given) = ticket.split_at_checked(content).ok_or(TicketError::Content)?;
        if checksum(content) != given {
            return Err(TicketError::Checksum);
        }
        let mut reader = Reader::new(content.get(3..).ok_or(TicketError::Content)?);
        let secret = reader.array()?;
        let issuer = reader.array()?;
        let network = reader.array()?;
        let expires_s = reader
            .array::<5>()?
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        let role = NodeRole::from(read_text(&mut reader)?.as_str());
        let count = usize::from(reader.byte()?);
        if count > ADDRESSES_MAX {
            return Err(TicketError::Content);
        }
        let addresses = (0..count)
            .map(|_| read_text(&mut reader))
            .collect::<Result<_, _>>()?;
        if !reader.is_empty() {
            return Err(TicketError::Content);
        }
        Ok(Ticket {
            secret,
            issuer,
            network,
            expires_s,
            role,
            addresses,
        })
    }
}

impl FromStr for Ticket {
    type Err = TicketError;

    fn from_str(text: &str) -> Result<Ticket, TicketError> {
        let bytes = match base32::decode(text) {
            Ok(bytes) => bytes,
            Err(DecodeError::Character(character)) => return Err(TicketError::Character(character)),
            Err(DecodeError::Group(group)) => return Err(TicketError::Group(group)),
            Err(DecodeError::Incomplete) => return Err(TicketError::Truncated),
        };
        Ticket::from_bytes(&bytes)
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), TicketError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(TicketError::Content);
    }
    out.push(u8::try_from(text.len()).map_err(|_| TicketError::Content)?);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn read_text(reader: &mut Reader<'_>) -> Result<String, TicketError> {
    let length = reader.byte()?;
    if usize::from(length) > TEXT_BYTES_MAX {
        return Err(TicketError::Content);
    }
    let bytes = reader.take(u64::from(length))?;
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| TicketError::Content)
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    beginning(&hash)
}

fn beginning<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    hash.first_chunk::<N>().copied().unwrap_or([0; N])
}
