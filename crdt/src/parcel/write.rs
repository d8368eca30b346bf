//! Writing a parcel, message by message.
//!
//! Invariants: what is given out is in the file's order and final; at most a
//! frame waits in memory; a parcel that was not finished reads as cut.

use super::bounds::{FRAME_PLAIN_BYTES_MAX, RECIPIENTS_MAX, STATEMENTS_MAX};
use super::error::ParcelError;
use super::frame::Frames;
use super::header::{MAGIC, NETWORK_BYTES, NONCE_BYTES, PREFIX_BYTES, VERSION, own_mark};
use super::message::{End, Head, Kind, Signed};
use super::slot::{self, ParcelKey, SLOT_BYTES};
use crate::author::{NetworkId, NodeId};
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A parcel under way. Each call gives the bytes that follow in the file.
pub struct ParcelWriter {
    frames: Frames,
    signer: SigningKey,
    header_digest: [u8; 32],
    /// Over the messages so far.
    before: Sha256,
    /// Plaintext that fills no frame yet.
    waiting: Vec<u8>,
}

impl ParcelWriter {
    /// Begins a parcel of `signer`'s node for these recipients; `random` fills
    /// what it is given with bytes fit for keys.
    ///
    /// # Errors
    /// [`ParcelError::TooMany`], [`ParcelError::Key`].
    pub fn begin(
        network: &NetworkId,
        signer: &SigningKey,
        recipients: &[NodeId],
        head: &Head,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(ParcelWriter, Vec<u8>), ParcelError> {
        if recipients.len() > RECIPIENTS_MAX || head.held.len() > RECIPIENTS_MAX {
            return Err(ParcelError::TooMany("recipients"));
        }
        let mut key: ParcelKey = Zeroizing::new([0; 32]);
        random(key.as_mut_slice());
        let mut nonce = [0; NONCE_BYTES];
        let (half, mark) = nonce.split_at_mut(NONCE_BYTES / 2);
        random(half);
        mark.copy_from_slice(&own_mark(signer, half));
        let network_begin = network.0.get(..NETWORK_BYTES).unwrap_or_default();
        let prefix = [MAGIC.as_slice(), &[VERSION], network_begin, &nonce].concat();
        debug_assert_eq!(prefix.len(), PREFIX_BYTES);
        let count = u16::try_from(recipients.len()).map_err(|_| ParcelError::TooMany("recipients"))?;
        let mut out = Vec::with_capacity(PREFIX_BYTES + 2 + SLOT_BYTES * recipients.len());
        out.extend_from_slice(&prefix);
        out.extend_from_slice(&count.to_be_bytes());
        for node in recipients {
            out.extend(slot::wrap(network, &prefix, &nonce, node, &key, random)?);
        }
        let header_digest: [u8; 32] = Sha256::digest(&out).into();
        let mut writer = ParcelWriter {
            frames: Frames::new(&key, nonce, header_digest),
            signer: signer.clone(),
            header_digest,
            before: Sha256::new(),
            waiting: Vec::with_capacity(FRAME_PLAIN_BYTES_MAX),
        };
        let body = Signed::head(&header_digest).sign(signer, head)?;
        writer.message(Kind::Head, &body, &mut out)?;
        Ok((writer, out))
    }

    /// Adds authority statements, before any batch.
    ///
    /// # Errors
    /// [`ParcelError::TooMany`] when they are over a message's bounds.
    pub fn authority(&mut self, statements: &[Vec<u8>]) -> Result<Vec<u8>, ParcelError> {
        if statements.len() > STATEMENTS_MAX {
            return Err(ParcelError::TooMany("statements in a message"));
        }
        let body = postcard::to_stdvec(statements).map_err(|_| ParcelError::Malformed("its statements"))?;
        let mut out = Vec::new();
        self.message(Kind::Authority, &body, &mut out)?;
        Ok(out)
    }

    /// Adds signed changes, as the codec has encoded them.
    ///
    /// # Errors
    /// [`ParcelError::TooMany`] when they are over a message's bounds.
    pub fn batch(&mut self, payload: &[u8]) -> Result<Vec<u8>, ParcelError> {
        let mut out = Vec::new();
        self.message(Kind::Batch, payload, &mut out)?;
        Ok(out)
    }

    /// Ends the parcel.
    ///
    /// # Errors
    /// [`ParcelError::TooMany`] for one that is beyond all bounds.
    pub fn finish(mut self, end: &End) -> Result<Vec<u8>, ParcelError> {
        let before: [u8; 32] = self.before.clone().finalize().into();
        let body = Signed::end(&self.header_digest, before).sign(&self.signer, end)?;
        let mut out = Vec::new();
        self.message(Kind::End, &body, &mut out)?;
        let rest = std::mem::take(&mut self.waiting);
        self.frames.seal(&rest, true, &mut out)?;
        Ok(out)
    }

    fn message(&mut self, kind: Kind, body: &[u8], out: &mut Vec<u8>) -> Result<(), ParcelError> {
        let message = kind.message(body)?;
        self.before.update(&message);
        self.waiting.extend_from_slice(&message);
        // The last frame is never empty: one that is full waits until more comes.
        let mut rest = self.waiting.as_slice();
        while let Some((frame, after)) = rest.split_at_checked(FRAME_PLAIN_BYTES_MAX)
            && !after.is_empty()
        {
            self.frames.seal(frame, false, out)?;
            rest = after;
        }
        self.waiting = rest.to_vec();
        Ok(())
    }
}

impl std::fmt::Debug for ParcelWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParcelWriter").finish_non_exhaustive()
    }
}
