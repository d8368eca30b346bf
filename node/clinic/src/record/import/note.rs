//! What an import tells of single entries.

use chaski_json::{Json, json};

use super::incoming::Place;

/// What became of an entry, or of something in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoteKind {
    /// It was not taken.
    Refused,
    /// It was taken with a leaf that is not valid.
    Marked,
    /// A reference in it names nobody here.
    Dangling,
    /// What is here stays as it is, and differs from it.
    Kept,
    /// What is to be known of how a file was taken.
    Said,
}

impl NoteKind {
    /// The word that stands for it in a report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            NoteKind::Refused => "refused",
            NoteKind::Marked => "marked",
            NoteKind::Dangling => "dangling",
            NoteKind::Kept => "kept",
            NoteKind::Said => "said",
        }
    }
}

/// What an import tells of one entry. No value of a record stands in it but ids and references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportNote {
    /// What became of it.
    pub what: NoteKind,
    /// File, line and entry as a person reads them.
    pub place: String,
    /// The file, as it was named to the import.
    pub file: String,
    /// The line it begins on, from 1; none of a file that is one Bundle.
    pub line: Option<u64>,
    /// Places of entries, from 0, the outermost Bundle first, joined by `/`; empty outside of Bundles.
    pub entry: String,
    /// The resource type, where it is known.
    pub kind: String,
    /// The id: of what is taken the one it has here, else the one it came with.
    pub id: String,
    /// Where in the resource, where it is a part of it.
    pub path: String,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl ImportNote {
    pub(super) fn new(what: NoteKind, place: &Place, of: (&str, &str), reason: String) -> ImportNote {
        ImportNote {
            what,
            place: place.to_string(),
            file: place.file.to_string(),
            line: (place.line > 0).then_some(place.line),
            entry: place.entry.clone(),
            kind: of.0.to_owned(),
            id: of.1.to_owned(),
            path: String::new(),
            reason,
        }
    }

    /// One line of a report: a JSON object without a line feed.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = json!({
            "what": (self.what.name()),
            "place": (self.place.as_str()),
            "file": (self.file.as_str()),
            "kind": (self.kind.as_str()),
            "id": (self.id.as_str()),
            "path": (self.path.as_str()),
            "reason": (self.reason.as_str()),
        });
        if let Some(members) = line.as_object_mut() {
            if let Some(number) = self.line.and_then(|line| i64::try_from(line).ok()) {
                members.insert("line".to_owned(), Json::from(number));
            }
            if !self.entry.is_empty() {
                members.insert("entry".to_owned(), Json::from(self.entry.as_str()));
            }
            // What is not known is left out.
            members.retain(|_, value| value.as_str() != Some(""));
        }
        line.canonical()
    }
}
