//! One record's entry in the index.
//!
//! Shape: `len u16 ‖ handle (0 ‖ uuid 16, or length 1–97 ‖ text) ‖ lastUpdated 6 ‖ flags ‖
//! posted u16 ‖ hashes u16 ‖ hash 6 … ‖ dates u8 ‖ (param 2 ‖ lo 6 ‖ hi 6) … ‖
//! strings u8 ‖ (param 2 ‖ length u8 ‖ folded text) …`. The first `posted` hashes
//! also stand in posting blocks. The handle is the record's id, as a rule.
//!
//! Invariants: an entry fits a quarter of a block; what did not fit sets a flag, and the
//! record itself decides; a record of which not all that should be posted fits is posted
//! as overfull.

use chaski_fhir::search::{IndexValue, IndexValueKind, sought};

use crate::{codec::uuid_of, seal::Sealer};

/// Longest entry, in bytes.
const ENTRY_BYTES_MAX: usize = 1_000;
/// Longest handle of a record ([`crate::lineage::handle`]): an id, a mark, and a PRF in hexadecimal.
const HANDLE_BYTES_MAX: usize = 64 + 1 + 32;
/// Longest folded text kept, in bytes.
const TEXT_BYTES_MAX: usize = 64;
/// Most hashes, dates and texts kept.
const HASHES_MAX: usize = 96;
const DATES_MAX: usize = 12;
const TEXTS_MAX: usize = 24;
/// Letters of a name's beginning that are posted.
const PREFIX_CHARS: usize = 3;
/// Not all hashes, dates or texts are in the entry.
const FLAG_HASHES: u8 = 1;
const FLAG_DATES: u8 = 2;
const FLAG_TEXTS: u8 = 4;

const TIME_MIN: i64 = -(1 << 47);
const TIME_MAX: i64 = (1 << 47) - 1;

/// A hash of a search key.
pub(crate) type TokenHash = [u8; 6];

/// An entry, encoded, and the hashes to be posted.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub(crate) bytes: Vec<u8>,
    pub(crate) posted: Vec<TokenHash>,
}

impl Built {
    /// Sets `meta.lastUpdated`, which is known last.
    pub(crate) fn stamp(&mut self, last_updated_ms: u64) {
        let id_len = match self.bytes.get(2) {
            Some(0) => 17,
            Some(len) => usize::from(*len) + 1,
            None => return,
        };
        let mut time = Vec::with_capacity(6);
        put_time(&mut time, i64::try_from(last_updated_ms).unwrap_or(i64::MAX));
        for (to, from) in self.bytes.iter_mut().skip(2 + id_len).zip(time) {
            *to = from;
        }
    }
}

/// Two bytes that stand for a parameter within one kind (FNV-1a, folded).
pub(crate) fn param_tag(code: &str) -> u16 {
    let hash = code.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (hash ^ (hash >> 16)) as u16
}

/// Whether a parameter's keys are hashed into entries; the rest is decided on the record.
pub(crate) fn is_hashed(code: &str) -> bool {
    !matches!(code, "_id" | "_lastUpdated" | "_profile" | "_source")
        && !code.starts_with("combo-")
        && !code.starts_with("component-")
}

/// The text whose hash stands in the postings of names that begin with `folded`, if it
/// is long enough.
pub(crate) fn posting_prefix(folded: &str) -> Option<String> {
    let prefix: String = folded.chars().take(PREFIX_CHARS).collect();
    (prefix.chars().count() == PREFIX_CHARS).then(|| format!("^{prefix}"))
}

/// The hash under which those records are posted that have more to be posted than their entries
/// hold: whoever looks for any of it looks at them too.
pub(crate) fn overfull(sealer: &Sealer) -> TokenHash {
    // No parameter has an empty name.
    sealer.token("", "overfull")
}

/// What a text is posted under: its beginning, or that of each of its words where it has words.
fn beginnings(param: &str, folded: &str) -> impl Iterator<Item = String> {
    let is_words = param == sought().code;
    let whole = (!is_words).then_some(folded);
    let words = is_words.then(|| folded.split_whitespace()).into_iter().flatten();
    whole.into_iter().chain(words).filter_map(posting_prefix)
}

/// Whether values of this parameter are posted for kinds that are looked up by everyone.
fn is_posted(value: &IndexValue) -> bool {
    matches!(
        value.param,
        "identifier" | "link" | "name" | "family" | "given" | "phone" | "email"
    ) || value.param == sought().code
}

fn put_time(out: &mut Vec<u8>, ms: i64) {
    let clamped = ms.clamp(TIME_MIN, TIME_MAX) as u64;
    out.extend(clamped.to_be_bytes().iter().skip(2));
}

fn time(bytes: &[u8]) -> i64 {
    let raw = bytes.iter().fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
    match ((raw << 16) as i64) >> 16 {
        TIME_MIN => i64::MIN,
        TIME_MAX => i64::MAX,
        ms => ms,
    }
}

#[derive(Default)]
struct Parts {
    posted: Vec<TokenHash>,
    hashes: Vec<TokenHash>,
    dates: Vec<(u16, i64, i64)>,
    texts: Vec<(u16, String)>,
    /// What is not all there.
    flags: u8,
}

impl Parts {
    fn collect(sealer: &Sealer, values: &[IndexValue], post: bool) -> Parts {
        let mut parts = Parts::default();
        for value in values {
            if is_hashed(value.param) {
                let posted = post && is_posted(value);
                value.keys(&mut |key| {
                    let hash = sealer.token(value.param, key);
                    if posted {
                        parts.posted.push(hash)
                    } else {
                        parts.hashes.push(hash)
                    }
                });
            }
            match &value.value {
                IndexValueKind::Date { lo_ms, hi_ms } => {
                    parts.dates.push((param_tag(value.param), *lo_ms, *hi_ms));
                }
                IndexValueKind::String { folded, .. } => {
                    if post && is_posted(value) {
                        let prefixes = beginnings(value.param, folded);
                        parts
                            .posted
                            .extend(prefixes.map(|prefix| sealer.token(value.param, &prefix)));
                    }
                    parts.texts.push((param_tag(value.param), folded.clone()));
                }
                _ => {}
            }
        }
        parts.tidy();
        parts
    }

    fn tidy(&mut self) {
        self.posted.sort_unstable();
        self.posted.dedup();
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self.dates.dedup();
        self.texts.dedup();
        self.dates.retain(|(tag, ..)| *tag != param_tag("_lastUpdated"));
        for text in &mut self.texts {
            if text.1.len() > TEXT_BYTES_MAX {
                let mut end = TEXT_BYTES_MAX;
                while !text.1.is_char_boundary(end) {
                    end -= 1;
                }
                text.1.truncate(end);
                self.flags |= FLAG_TEXTS;
            }
        }
        if self.hashes.len() > HASHES_MAX || self.posted.len() > HASHES_MAX {
            self.flags |= FLAG_HASHES;
            self.hashes.truncate(HASHES_MAX);
        }
        if self.dates.len() > DATES_MAX {
            self.flags |= FLAG_DATES;
            self.dates.truncate(DATES_MAX);
        }
        if self.texts.len() > TEXTS_MAX {
            self.flags |= FLAG_TEXTS;
            self.texts.truncate(TEXTS_MAX);
        }
    }

    fn encode(&self, id: &str, last_updated_ms: u64) -> Vec<u8> {
        let mut out = vec![0, 0];
        match uuid_of(id) {
            Some(uuid) => {
                out.push(0);
                out.extend_from_slice(&uuid);
            }
            None => {
                out.push(id.len().min(HANDLE_BYTES_MAX) as u8);
                out.extend(id.bytes().take(HANDLE_BYTES_MAX));
            }
        }
        put_time(&mut out, i64::try_from(last_updated_ms).unwrap_or(i64::MAX));
        out.push(self.flags);
        out.extend_from_slice(&(self.posted.len() as u16).to_be_bytes());
        out.extend_from_slice(&((self.posted.len() + self.hashes.len()) as u16).to_be_bytes());
        for hash in self.posted.iter().chain(&self.hashes) {
            out.extend_from_slice(hash);
        }
        out.push(self.dates.len() as u8);
        for (tag, lo_ms, hi_ms) in &self.dates {
            out.extend_from_slice(&tag.to_be_bytes());
            put_time(&mut out, *lo_ms);
            put_time(&mut out, *hi_ms);
        }
        out.push(self.texts.len() as u8);
        for (tag, text) in &self.texts {
            out.extend_from_slice(&tag.to_be_bytes());
            out.push(text.len() as u8);
            out.extend_from_slice(text.as_bytes());
        }
        let len = (out.len() - 2) as u16;
        if let Some(head) = out.first_chunk_mut::<2>() {
            *head = len.to_be_bytes();
        }
        out
    }
}

/// The entry of a record with these search values. With `post`, names and identifiers go
/// into postings too.
pub(crate) fn build(
    sealer: &Sealer,
    id: &str,
    last_updated_ms: u64,
    values: &[IndexValue],
    post: bool,
) -> Built {
    let mut parts = Parts::collect(sealer, values, post);
    let mut bytes = parts.encode(id, last_updated_ms);
    let mut is_overfull = false;
    while bytes.len() > ENTRY_BYTES_MAX {
        if parts.texts.pop().is_some() {
            parts.flags |= FLAG_TEXTS;
        } else if parts.hashes.pop().is_some() {
            parts.flags |= FLAG_HASHES;
        } else if parts.posted.len() > usize::from(is_overfull) {
            // The mark itself, which stands first, stays.
            parts.posted.pop();
            parts.flags |= FLAG_HASHES;
            if !is_overfull {
                is_overfull = true;
                parts.posted.insert(0, overfull(sealer));
            }
        } else {
            break;
        }
        bytes = parts.encode(id, last_updated_ms);
    }
    Built {
        bytes,
        posted: parts.posted,
    }
}

/// An entry as it lies in a block.
#[derive(Clone, Copy)]
pub(crate) struct EntryView<'a> {
    /// The whole entry, length included.
    pub(crate) bytes: &'a [u8],
    id: &'a [u8],
    last_updated: &'a [u8],
    flags: u8,
    posted: usize,
    hashes: &'a [u8],
    dates: &'a [u8],
    texts: &'a [u8],
}

fn split<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

fn number(rest: &mut &[u8], len: usize) -> Option<usize> {
    Some(
        split(rest, len)?
            .iter()
            .fold(0, |sum, byte| (sum << 8) | usize::from(*byte)),
    )
}

impl<'a> EntryView<'a> {
    /// The first entry of `block`, and what follows it; `None` at its end.
    pub(crate) fn next(block: &'a [u8]) -> Option<(EntryView<'a>, &'a [u8])> {
        let mut rest = block;
        let len = number(&mut rest, 2)?;
        let mut body = split(&mut rest, len)?;
        let bytes = block.get(..len + 2)?;
        let id_len = match *body.first()? {
            0 => 17,
            len => usize::from(len) + 1,
        };
        let id = split(&mut body, id_len)?;
        let last_updated = split(&mut body, 6)?;
        let flags = number(&mut body, 1)? as u8;
        let posted = number(&mut body, 2)?;
        let count = number(&mut body, 2)?;
        let hashes = split(&mut body, count * 6)?;
        let count = number(&mut body, 1)?;
        let dates = split(&mut body, count * 14)?;
        let texts = body.get(1..)?;
        Some((
            EntryView {
                bytes,
                id,
                last_updated,
                flags,
                posted,
                hashes,
                dates,
                texts,
            },
            rest,
        ))
    }

    /// Whether it is the entry of `id`.
    pub(crate) fn is_of(&self, id: &str) -> bool {
        match uuid_of(id) {
            Some(uuid) => self.id.first() == Some(&0) && self.id.get(1..) == Some(uuid.as_slice()),
            None => self.id.first() != Some(&0) && self.id.get(1..) == Some(id.as_bytes()),
        }
    }

    /// The record's id.
    pub(crate) fn id(&self) -> String {
        match self.id.split_first() {
            Some((0, uuid)) => uuid::Uuid::from_slice(uuid)
                .map(|uuid| uuid.hyphenated().to_string())
                .unwrap_or_default(),
            Some((_, text)) => String::from_utf8_lossy(text).into_owned(),
            None => String::new(),
        }
    }

    /// The raw id, to notice an entry seen before.
    pub(crate) fn raw_id(&self) -> &'a [u8] {
        self.id
    }

    /// Whether all hashes are there.
    pub(crate) fn has_all_hashes(&self) -> bool {
        self.flags & FLAG_HASHES == 0
    }

    /// Whether all dates, or all texts, are there.
    pub(crate) fn has_all(&self, dates: bool) -> bool {
        self.flags & if dates { FLAG_DATES } else { FLAG_TEXTS } == 0
    }

    /// `meta.lastUpdated`.
    pub(crate) fn last_updated_ms(&self) -> i64 {
        time(self.last_updated)
    }

    /// Whether it has one of these hashes.
    pub(crate) fn has_any(&self, wanted: &[TokenHash]) -> bool {
        self.hashes
            .chunks_exact(6)
            .any(|hash| wanted.iter().any(|wanted| wanted.as_slice() == hash))
    }

    /// The hashes that are posted.
    pub(crate) fn posted(&self) -> impl Iterator<Item = TokenHash> {
        self.hashes
            .chunks_exact(6)
            .take(self.posted)
            .filter_map(|hash| hash.try_into().ok())
    }

    /// The values of the parameters in `wanted` (tag and code) that the entry holds.
    pub(crate) fn values(&self, wanted: &[(u16, &'static str)]) -> Vec<IndexValue> {
        let mut out = Vec::new();
        let code_of = |tag: usize| {
            wanted
                .iter()
                .find(|(known, _)| usize::from(*known) == tag)
                .map(|(_, code)| *code)
        };
        let mut dates = self.dates;
        while let Some(mut date) = split(&mut dates, 14) {
            let Some(param) = number(&mut date, 2).and_then(code_of) else {
                continue;
            };
            let (lo, hi) = date.split_at_checked(6).unwrap_or_default();
            out.push(IndexValue {
                param,
                value: IndexValueKind::Date {
                    lo_ms: time(lo),
                    hi_ms: time(hi),
                },
            });
        }
        let mut texts = self.texts;
        while let Some(tag) = number(&mut texts, 2) {
            let Some(text) = number(&mut texts, 1).and_then(|len| split(&mut texts, len)) else {
                break;
            };
            let Some(param) = code_of(tag) else { continue };
            let folded = String::from_utf8_lossy(text).into_owned();
            out.push(IndexValue {
                param,
                value: IndexValueKind::String {
                    exact: String::new(),
                    folded,
                },
            });
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::keyring::Keyring;

    fn date(param: &'static str, lo_ms: i64, hi_ms: i64) -> IndexValue {
        IndexValue {
            param,
            value: IndexValueKind::Date { lo_ms, hi_ms },
        }
    }

    #[test]
    fn no_two_parameters_whose_values_a_patients_entry_keeps_have_one_tag() {
        use chaski_fhir::search::{ParamType, params};
        let kept = params("Patient")
            .iter()
            .filter(|param| matches!(param.ptype, ParamType::String | ParamType::Date));
        let codes: Vec<&str> = kept.map(|param| param.code).chain([sought().code]).collect();
        let tags: std::collections::BTreeSet<u16> = codes.iter().map(|code| param_tag(code)).collect();
        assert_eq!(tags.len(), codes.len());
    }

    #[test]
    fn entries_read_back() {
        let sealer = Sealer::new(&Keyring::derived(&[1; 32]));
        let values = vec![
            date("date", -5, i64::MAX),
            IndexValue {
                param: "family",
                value: IndexValueKind::String {
                    folded: "amaru".into(),
                    exact: "Amaru".into(),
                },
            },
            IndexValue {
                param: "gender",
                value: IndexValueKind::Token {
                    system: None,
                    code: Some("other".into()),
                    text: None,
                },
            },
        ];
        for id in ["0190a1b2-0000-7000-8000-0123456789ab", "p.1"] {
            let mut built = build(&sealer, id, 0, &values, true);
            built.stamp(77);
            let mut block = built.bytes.clone();
            block.extend(&build(&sealer, "next", 78, &[], false).bytes);
            let (entry, rest) = EntryView::next(&block).unwrap();
            assert!(entry.is_of(id) && !entry.is_of("q") && entry.id() == id);
            assert_eq!(entry.last_updated_ms(), 77);
            assert!(entry.has_any(&[sealer.token("gender", "other")]));
            assert!(!entry.has_any(&[sealer.token("gender", "male")]));
            assert_eq!(
                entry.posted().collect::<Vec<_>>(),
                vec![sealer.token("family", "^ama")]
            );
            let wanted = [(param_tag("date"), "date")];
            assert_eq!(entry.values(&wanted), vec![date("date", -5, i64::MAX)]);
            assert_eq!(EntryView::next(rest).unwrap().0.id(), "next");
        }
    }

    #[test]
    fn parameter_tags_of_one_kind_differ() {
        for kind in [
            "Patient",
            "Observation",
            "Encounter",
            "MedicationRequest",
            "Condition",
            "Claim",
        ] {
            let mut tags: Vec<_> = chaski_fhir::search::params(kind)
                .iter()
                .map(|param| param_tag(param.code))
                .collect();
            let all = tags.len();
            tags.sort_unstable();
            tags.dedup();
            assert_eq!(tags.len(), all, "{kind}");
        }
    }
}
