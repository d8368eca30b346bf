//! zstd with the shipped dictionaries.
//!
//! Frames go without magic, dictionary number, content size and checksum:
//! what surrounds them states or seals all that. Contexts are kept per thread,
//! because making one costs more than compressing a record.

use super::error::CodecError;
use std::cell::RefCell;
use std::sync::OnceLock;
use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::{CParameter, DParameter};

/// No dictionary was used.
pub(super) const DICTIONARY_NONE: u8 = 0;
/// The first, and so far only, dictionary of its kind was used.
pub(super) const DICTIONARY_1: u8 = 1;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Measured on Synthea with the dictionaries: levels up to 9 gain 2–5 % for ten
/// times the time.
const LEVEL: i32 = 3;
/// Windows beyond this are refused: 2^25 bytes hold the largest change.
const WINDOW_LOG_MAX: u32 = 25;
/// Version of [`compress_json`]'s format.
const JSON_VERSION: u8 = 1;

static CHANGES: &[u8] = include_bytes!("../../assets/changes.v1.dict");
static JSON: &[u8] = include_bytes!("../../assets/json.v1.dict");

/// What is compressed decides which dictionary serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Changes,
    Json,
}

struct Contexts {
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
}

thread_local! {
    static CONTEXTS: [RefCell<Option<Contexts>>; 2] = const { [RefCell::new(None), RefCell::new(None)] };
}

fn dictionaries(kind: Kind) -> &'static (EncoderDictionary<'static>, DecoderDictionary<'static>) {
    static PREPARED: [OnceLock<(EncoderDictionary<'static>, DecoderDictionary<'static>)>; 2] =
        [OnceLock::new(), OnceLock::new()];
    let [changes, json] = &PREPARED;
    let (slot, bytes) = match kind {
        Kind::Changes => (changes, CHANGES),
        Kind::Json => (json, JSON),
    };
    slot.get_or_init(|| {
        (
            EncoderDictionary::copy(bytes, LEVEL),
            DecoderDictionary::copy(bytes),
        )
    })
}

fn contexts(kind: Kind) -> std::io::Result<Contexts> {
    let (encoder, decoder) = dictionaries(kind);
    let mut compressor = Compressor::with_prepared_dictionary(encoder)?;
    compressor.set_parameter(CParameter::DictIdFlag(false))?;
    compressor.set_parameter(CParameter::ContentSizeFlag(false))?;
    compressor.set_parameter(CParameter::ChecksumFlag(false))?;
    let mut decompressor = Decompressor::with_prepared_dictionary(decoder)?;
    decompressor.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
    Ok(Contexts {
        compressor,
        decompressor,
    })
}

fn with_contexts<T>(
    kind: Kind,
    use_them: impl FnOnce(&mut Contexts) -> std::io::Result<T>,
) -> Result<T, CodecError> {
    CONTEXTS
        .with(|[changes, json]| {
            let mut slot = match kind {
                Kind::Changes => changes.borrow_mut(),
                Kind::Json => json.borrow_mut(),
            };
            let contexts = match slot.as_mut() {
                Some(contexts) => contexts,
                None => slot.insert(contexts(kind)?),
            };
            use_them(contexts)
        })
        .map_err(|_| CodecError::Compression)
}

/// Compresses with the newest dictionary of this kind.
pub(super) fn compress(kind: Kind, raw: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut frame = with_contexts(kind, |contexts| contexts.compressor.compress(raw))?;
    if !frame.starts_with(&MAGIC) {
        return Err(CodecError::Compression);
    }
    frame.drain(..MAGIC.len());
    Ok(frame)
}

/// Decompresses to exactly `raw_bytes`, which the caller has bounded.
pub(super) fn decompress(
    kind: Kind,
    dictionary: u8,
    compressed: &[u8],
    raw_bytes: usize,
) -> Result<Vec<u8>, CodecError> {
    let mut frame = Vec::with_capacity(compressed.len().saturating_add(MAGIC.len()));
    frame.extend_from_slice(&MAGIC);
    frame.extend_from_slice(compressed);
    let raw = match dictionary {
        DICTIONARY_NONE => Decompressor::new()
            .and_then(|mut decompressor| decompressor.decompress(&frame, raw_bytes))
            .map_err(|_| CodecError::Compression)?,
        DICTIONARY_1 => with_contexts(kind, |contexts| {
            contexts.decompressor.decompress(&frame, raw_bytes)
        })?,
        other => return Err(CodecError::Dictionary(other)),
    };
    if raw.len() == raw_bytes {
        Ok(raw)
    } else {
        Err(CodecError::Compression)
    }
}

/// Compresses one record's canonical JSON for storage: version byte,
/// dictionary byte, length (LEB128), frame.
///
/// # Errors
/// [`CodecError::Compression`] if zstd fails, which means memory ran out.
pub fn compress_json(text: &str) -> Result<Vec<u8>, CodecError> {
    let mut out = vec![JSON_VERSION, DICTIONARY_1];
    crate::change::put_unsigned(&mut out, u64::try_from(text.len()).unwrap_or(u64::MAX));
    out.extend(compress(Kind::Json, text.as_bytes())?);
    Ok(out)
}

/// Undoes [`compress_json`], to at most `bytes_max`.
///
/// # Errors
/// [`CodecError`]
pub fn decompress_json(bytes: &[u8], bytes_max: usize) -> Result<String, CodecError> {
    let mut reader = crate::change::reader::Reader::new(bytes);
    let version = reader.byte()?;
    if version != JSON_VERSION {
        return Err(CodecError::Version(version));
    }
    let dictionary = reader.byte()?;
    let raw_bytes = usize::try_from(reader.unsigned()?).map_err(|_| CodecError::Bound("length"))?;
    if raw_bytes > bytes_max {
        return Err(CodecError::Bound("length"));
    }
    let raw = decompress(Kind::Json, dictionary, reader.rest(), raw_bytes)?;
    String::from_utf8(raw).map_err(|_| CodecError::Malformed)
}
