//! A version of a record between the reading and the writing of an import.

use std::fmt;
use std::sync::Arc;

use chaski_json::{Json, Limits, json};
use chaski_store::RecordKey;

/// Where in the files something stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: Arc<str>,
    /// The line it begins on, from 1; 0 of a file that is one Bundle.
    pub(super) line: u64,
    /// Places of entries, from 0, the outermost Bundle first, joined by `/`; empty outside of Bundles.
    pub(super) entry: String,
}

impl Place {
    pub(super) fn line(file: &Arc<str>, line: u64) -> Place {
        Place {
            file: Arc::clone(file),
            line,
            entry: String::new(),
        }
    }

    /// The entry of this number in what stands here.
    pub(super) fn entry(&self, number: usize) -> Place {
        let entry = match self.entry.as_str() {
            "" => number.to_string(),
            outer => format!("{outer}/{number}"),
        };
        Place {
            entry,
            ..self.clone()
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if self.line > 0 {
            write!(out, ":{}", self.line)?;
        }
        if !self.entry.is_empty() {
            write!(out, " entry {}", self.entry)?;
        }
        Ok(())
    }
}

/// What is to be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Put,
    /// It is made on condition that there is none: one that is here stays as it is.
    PutIfNone,
    Delete,
}

/// What the system it comes from says of when it was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// `meta.lastUpdated`, else the time of its entry in a history; milliseconds since 1970.
    pub(super) ms: Option<i64>,
    /// `meta.versionId` where it is a number.
    pub(super) number: Option<u64>,
    /// Which system it is, by `meta.source` without the request; 0 where it does not say.
    pub(super) source: u64,
}

/// A version of a record on its way in.
#[derive(Debug, Clone)]
pub(super) struct Incoming {
    pub(super) place: Place,
    pub(super) key: RecordKey,
    /// `null` of a deletion.
    pub(super) json: Json,
    pub(super) verb: Verb,
    pub(super) stamp: Stamp,
    /// The Bundle it came in, which says what names in it mean; 0 outside of Bundles.
    pub(super) bundle: u64,
}

impl Incoming {
    /// As one piece of a spool: a line of what it is, and its JSON.
    pub(super) fn to_piece(&self) -> Vec<u8> {
        let verb = match self.verb {
            Verb::Put => "put",
            Verb::PutIfNone => "put-if-none",
            Verb::Delete => "delete",
        };
        let head = json!({
            "file": (&*self.place.file),
            "line": (self.place.line.to_string()),
            "entry": (self.place.entry.as_str()),
            "kind": (self.key.kind()),
            "id": (self.key.id()),
            "verb": verb,
            "bundle": (self.bundle.to_string()),
        });
        let mut text = head.canonical();
        text.push('\n');
        self.json.write_canonical(&mut text);
        text.into_bytes()
    }

    /// What [`Incoming::to_piece`] wrote; the stamp is kept elsewhere.
    pub(super) fn from_piece(piece: &[u8], stamp: Stamp) -> Option<Incoming> {
        let end = piece.iter().position(|byte| *byte == b'\n')?;
        let limits = Limits {
            bytes_max: usize::MAX,
            ..Limits::default()
        };
        let head = chaski_json::parse(piece.get(..end)?, &limits).ok()?;
        let json = chaski_json::parse(piece.get(end.saturating_add(1)..)?, &limits).ok()?;
        let text = |name: &str| head.get(name).and_then(Json::as_str);
        Some(Incoming {
            place: Place {
                file: text("file")?.into(),
                line: text("line")?.parse().ok()?,
                entry: text("entry")?.to_owned(),
            },
            key: RecordKey::new(text("kind")?, text("id")?).ok()?,
            json,
            verb: match text("verb")? {
                "put" => Verb::Put,
                "put-if-none" => Verb::PutIfNone,
                "delete" => Verb::Delete,
                _ => return None,
            },
            stamp,
            bundle: text("bundle")?.parse().ok()?,
        })
    }
}
