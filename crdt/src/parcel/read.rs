//! Reading a parcel, in whatever pieces its bytes come.
//!
//! Invariants: an item is given out only once its frames have opened; after an
//! error nothing more is; of the input no more is held than was pushed since
//! the last call, a frame and the message under way.

use super::bounds::{MESSAGES_MAX, RECIPIENTS_MAX};
use super::error::ParcelError;
use super::frame::{FRAME_HEAD_BYTES, Frames};
use super::header::{MAGIC, NETWORK_BYTES, NONCE_BYTES, PREFIX_BYTES, VERSION, own_mark};
use super::message::{End, Head, Kind, MESSAGE_HEAD_BYTES, authority_read, end_read, head_read};
use super::slot::{self, SLOT_BYTES};
use crate::author::{NetworkId, NodeId};
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};

/// What a parcel holds, in its order: a head, authority, batches, the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Who wrote it; its signature is good, which makes nobody a member.
    Head(Head),
    /// Signed authority statements, as bytes.
    Authority(Vec<Vec<u8>>),
    /// Signed changes, as the codec made them.
    Batch(Vec<u8>),
    /// The sender's word that this was all; nothing follows.
    End(End),
}

/// Bytes of which the first have been taken.
#[derive(Default)]
struct Taken {
    bytes: Vec<u8>,
    at: usize,
}

impl Taken {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.bytes.len());
    }

    /// Room at the end for more.
    fn more(&mut self) -> &mut Vec<u8> {
        self.bytes.drain(..self.at);
        self.at = 0;
        &mut self.bytes
    }
}

enum State {
    Header,
    Frames(Box<Frames>),
    /// The end was read.
    Done,
    Failed(ParcelError),
}

/// Reads one parcel with one node's key.
pub struct ParcelReader {
    network: NetworkId,
    signer: SigningKey,
    state: State,
    input: Taken,
    plain: Taken,
    /// The last frame has been opened.
    is_last: bool,
    header_digest: [u8; 32],
    /// Over the messages so far.
    before: Sha256,
    sender: Option<NodeId>,
    has_batch: bool,
    messages: u64,
}

impl ParcelReader {
    /// A reader for the node of `signer`.
    pub fn new(network: NetworkId, signer: SigningKey) -> ParcelReader {
        ParcelReader {
            network,
            signer,
            state: State::Header,
            input: Taken::default(),
            plain: Taken::default(),
            is_last: false,
            header_digest: [0; 32],
            before: Sha256::new(),
            sender: None,
            has_batch: false,
            messages: 0,
        }
    }

    /// Takes the next bytes of the file.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.more().extend_from_slice(bytes);
    }

    /// The next item; `None` until more bytes are pushed.
    ///
    /// # Errors
    /// [`ParcelError`], the same one on every later call.
    #[expect(clippy::should_implement_trait, reason = "it fails, and None is no end")]
    pub fn next(&mut self) -> Result<Option<Item>, ParcelError> {
        let outcome = self.step();
        if let Err(error) = &outcome {
            self.state = State::Failed(*error);
        }
        outcome
    }

    /// To be asked once all bytes were pushed and no item is left.
    ///
    /// # Errors
    /// [`ParcelError::Cut`], or why it is no parcel at all.
    pub fn finish(&self) -> Result<(), ParcelError> {
        match &self.state {
            State::Done => Ok(()),
            State::Failed(error) => Err(*error),
            State::Header if self.input.rest().is_empty() => Err(ParcelError::Empty),
            State::Header | State::Frames(_) => Err(ParcelError::Cut),
        }
    }

    fn step(&mut self) -> Result<Option<Item>, ParcelError> {
        loop {
            match &mut self.state {
                State::Failed(error) => return Err(*error),
                State::Done if self.input.rest().is_empty() => return Ok(None),
                State::Done => return Err(ParcelError::Extended),
                State::Header => {
                    if !self.header()? {
                        return Ok(None);
                    }
                }
                State::Frames(frames) => {
                    if let Some((kind, body)) = message_take(&mut self.plain, &mut self.before)? {
                        return self.item(kind, body).map(Some);
                    }
                    if self.is_last {
                        return Err(ParcelError::Malformed("it has no end"));
                    }
                    let Some((sealed, last)) = frame_of(self.input.rest())? else {
                        return Ok(None);
                    };
                    let length = sealed.len().saturating_add(FRAME_HEAD_BYTES);
                    frames.open(sealed, last, self.plain.more())?;
                    self.input.take(length);
                    self.is_last = last;
                }
            }
        }
    }

    /// Reads the header once all of it is there.
    fn header(&mut self) -> Result<bool, ParcelError> {
        let rest = self.input.rest();
        if rest.iter().zip(&MAGIC).any(|(found, wanted)| found != wanted) {
            return Err(ParcelError::NotAParcel);
        }
        match rest.get(MAGIC.len()) {
            Some(&version) if version != VERSION => return Err(ParcelError::Version(version)),
            _ => {}
        }
        let Some((prefix, rest)) = rest.split_at_checked(PREFIX_BYTES) else {
            return Ok(false);
        };
        let (_, named) = prefix.split_at_checked(MAGIC.len() + 1).unwrap_or_default();
        let (network, nonce) = named.split_at_checked(NETWORK_BYTES).unwrap_or_default();
        if !self.network.0.starts_with(network) {
            return Err(ParcelError::OtherNetwork);
        }
        let Some((count, rest)) = rest.split_first_chunk::<2>() else {
            return Ok(false);
        };
        let count = usize::from(u16::from_be_bytes(*count));
        if count > RECIPIENTS_MAX {
            return Err(ParcelError::Altered);
        }
        let Some(slots) = rest.get(..count.saturating_mul(SLOT_BYTES)) else {
            return Ok(false);
        };
        let key =
            slot::unwrap(&self.network, prefix, nonce, &self.signer, slots).ok_or_else(|| {
                match is_own(&self.signer, nonce) {
                    true => ParcelError::OwnParcel,
                    false => ParcelError::NotForThisNode,
                }
            })?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| ParcelError::Altered)?;
        let length = PREFIX_BYTES + 2 + slots.len();
        let header = self.input.rest().get(..length).unwrap_or_default();
        self.header_digest = Sha256::digest(header).into();
        self.state = State::Frames(Box::new(Frames::new(&key, nonce, self.header_digest)));
        self.input.take(length);
        Ok(true)
    }

    /// What a message means where it stands.
    fn item(&mut self, kind: Kind, body: Body) -> Result<Item, ParcelError> {
        self.messages = self.messages.saturating_add(1);
        if self.messages > MESSAGES_MAX {
            return Err(ParcelError::Malformed("too many messages"));
        }
        let Some(sender) = self.sender else {
            if kind != Kind::Head {
                return Err(ParcelError::Malformed("it does not begin with its head"));
            }
            let head = head_read(&self.header_digest, &body.bytes)?;
            self.sender = Some(head.sender);
            return Ok(Item::Head(head));
        };
        match kind {
            Kind::Head => Err(ParcelError::Malformed("it has two heads")),
            Kind::Authority if self.has_batch => {
                Err(ParcelError::Malformed("authority stands behind changes"))
            }
            Kind::Authority => authority_read(&body.bytes).map(Item::Authority),
            Kind::Batch => {
                self.has_batch = true;
                Ok(Item::Batch(body.bytes))
            }
            Kind::End => {
                if !self.is_last || !self.plain.rest().is_empty() {
                    return Err(ParcelError::Malformed("something stands behind its end"));
                }
                let end = end_read(&self.header_digest, body.before, &sender, &body.bytes)?;
                self.state = State::Done;
                Ok(Item::End(end))
            }
        }
    }
}

impl std::fmt::Debug for ParcelReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParcelReader").finish_non_exhaustive()
    }
}

/// Whether a nonce is one that this key has made.
fn is_own(signer: &SigningKey, nonce: &[u8]) -> bool {
    let halves = nonce.split_at_checked(NONCE_BYTES / 2);
    halves.is_some_and(|(random, mark)| own_mark(signer, random) == *mark)
}

/// A message's body, and the digest of the messages before it.
struct Body {
    bytes: Vec<u8>,
    before: [u8; 32],
}

/// Takes the next message, once all of it is there.
fn message_take(plain: &mut Taken, before: &mut Sha256) -> Result<Option<(Kind, Body)>, ParcelError> {
    let rest = plain.rest();
    let Some((head, after)) = rest.split_first_chunk::<MESSAGE_HEAD_BYTES>() else {
        return Ok(None);
    };
    let (kind, length) = Kind::read(*head)?;
    let Some(bytes) = after.get(..length) else {
        return Ok(None);
    };
    let body = Body {
        bytes: bytes.to_vec(),
        before: match kind {
            Kind::End => before.clone().finalize().into(),
            _ => [0; 32],
        },
    };
    before.update(head);
    before.update(bytes);
    plain.take(MESSAGE_HEAD_BYTES.saturating_add(length));
    Ok(Some((kind, body)))
}

/// The next frame, once all of it is there: its sealed part, and whether it is the last.
fn frame_of(input: &[u8]) -> Result<Option<(&[u8], bool)>, ParcelError> {
    let Some((head, rest)) = input.split_first_chunk::<FRAME_HEAD_BYTES>() else {
        return Ok(None);
    };
    let (length, last) = Frames::head(*head)?;
    Ok(rest.get(..length).map(|sealed| (sealed, last)))
}
