//! What a conflict is made of, as the inbox, the chart and the command line show it.

use chaski_fhir::policy;
use chaski_json::Json;
use chaski_store::COLLISION_PATH;

use crate::people::Author;

/// One of the values that stand against each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictValueRow {
    /// The whole value; `None` is removed.
    pub value: Option<Json>,
    /// The value as lines of (label, text) to read; what differs is told apart.
    pub lines: Vec<(String, String)>,
    /// The value that counts until somebody decides; where nothing ranks them, none does.
    pub is_safer: bool,
    /// Who wrote it.
    pub author: Author,
    /// The change that wrote it, hexadecimal.
    pub change: String,
    /// The patient it is of, where each value is a record of another: id and name.
    pub patient: Option<(String, String)>,
}

/// One conflict, as the list of conflicts shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRow {
    /// The record as `Type/id`.
    pub record: String,
    /// The record's type.
    pub kind: String,
    /// What the record is about, to read: drug, substance, name.
    pub title: String,
    /// The patient it concerns, if any: id and name.
    pub patient: Option<(String, String)>,
    /// The path of the disputed part within the record.
    pub path: String,
    /// Whether the conflict is safety-critical.
    pub critical: bool,
    /// The record's version as listed; a resolution names it.
    pub version: String,
    /// What the table ranks of that in which the values differ, each element with the value that counts until
    /// somebody decides.
    pub ranked: Vec<(String, Json)>,
    /// The values, in the order `pick` counts them.
    pub values: Vec<ConflictValueRow>,
}

/// One element about which nobody has decided, as a row of a chart shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undecided {
    /// The element, as the definitions name it; empty of the record as a whole.
    pub element: String,
    /// What each side says.
    pub sides: Vec<UndecidedSide>,
    /// What counts until somebody decides, empty where that is that nothing is said; `None` where none is safer.
    pub counts_as: Option<String>,
}

/// What one side says of an element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UndecidedSide {
    /// Its value to read, empty of a whole record; `None` where it says nothing, or it was removed.
    pub text: Option<String>,
    /// Who wrote it.
    pub author: Author,
}

/// What of a record is in dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictPart {
    /// A single element, such as a status.
    Element,
    /// Elements that only make sense together.
    Group,
    /// Whether the record is there at all.
    Record,
    /// Which of the records of one id, that began for different patients, keeps it.
    Collision,
}

impl ConflictRow {
    /// What of the record is in dispute.
    #[must_use]
    pub fn part(&self) -> ConflictPart {
        if self.path == COLLISION_PATH {
            ConflictPart::Collision
        } else if self.path.starts_with("!group") {
            ConflictPart::Group
        } else if self.path.starts_with("!record") {
            ConflictPart::Record
        } else {
            ConflictPart::Element
        }
    }

    /// In what the sides differ, an element each: nothing of what they all say. Of a record that was removed on one
    /// side that is all there is.
    #[must_use]
    pub fn undecided(&self) -> Vec<Undecided> {
        if self.part() == ConflictPart::Record {
            return vec![self.undecided_of("", |value| value.value.as_ref().map(|_| String::new()))];
        }
        let mut elements: Vec<String> = Vec::new();
        for (label, _) in self.values.iter().flat_map(|value| &value.lines) {
            let element = self.element_of(label);
            if !elements.contains(&element) {
                elements.push(element);
            }
        }
        let all = elements
            .iter()
            .map(|element| self.undecided_of(element, |value| self.says(value, element)));
        let differs = |one: &Undecided| {
            let pairs = one.sides.windows(2);
            let mut pairs = pairs.filter_map(|pair| Some((pair.first()?, pair.last()?)));
            pairs.any(|(a, b)| a.text != b.text)
        };
        all.filter(differs).collect()
    }

    fn undecided_of(&self, element: &str, says: impl Fn(&ConflictValueRow) -> Option<String>) -> Undecided {
        let ranked = self.ranked.iter().find(|(own, _)| own == element);
        let counts = |(_, counts): &(String, Json)| {
            let is_that = |value: &&ConflictValueRow| {
                let whole = value.value.as_ref().unwrap_or(&Json::Null);
                let own = match self.part() {
                    ConflictPart::Group => member_of(whole, element).unwrap_or(&Json::Null),
                    _ => whole,
                };
                own == counts
            };
            self.values.iter().find(is_that).and_then(&says)
        };
        Undecided {
            element: element.to_owned(),
            sides: self
                .values
                .iter()
                .map(|value| UndecidedSide {
                    text: says(value),
                    author: value.author.clone(),
                })
                .collect(),
            counts_as: ranked.map(|ranked| counts(ranked).unwrap_or_default()),
        }
    }

    /// The element that a line is of: of a choice of types its name, so that sides that say it in two of them meet.
    fn element_of(&self, label: &str) -> String {
        if label.is_empty() {
            return chaski_crdt::key::element_path(&self.path);
        }
        policy::choice_base(&self.kind, "", label)
            .map_or_else(|| label.to_owned(), |(name, _)| name.to_owned())
    }

    /// What a side says of an element.
    fn says(&self, value: &ConflictValueRow, element: &str) -> Option<String> {
        let lines = value
            .lines
            .iter()
            .filter(|(label, _)| self.element_of(label) == element);
        let texts: Vec<&str> = lines.map(|(_, text)| text.as_str()).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// Takes the favourites out of a record, as a row is read from it: of an element about which the sides differ the
    /// value that counts until somebody decides stays, and where none is safer, none does.
    pub(crate) fn leave_undecided(&self, json: &mut Json) {
        let Some(record) = json.as_object_mut() else {
            return;
        };
        let mut elements: Vec<String> = Vec::new();
        match self.part() {
            ConflictPart::Record | ConflictPart::Collision => return,
            ConflictPart::Element => elements.push(self.path.clone()),
            ConflictPart::Group => {
                let sides = self
                    .values
                    .iter()
                    .filter_map(|side| side.value.as_ref()?.as_object());
                for (label, _) in sides.flat_map(|side| side.iter()) {
                    let element = self.element_of(label);
                    if !elements.contains(&element) {
                        elements.push(element);
                    }
                }
            }
        }
        for element in elements {
            let wholes = || self.values.iter().filter_map(|side| side.value.as_ref());
            let mut said = wholes().map(|whole| member_named(whole, &element));
            let first = said.next();
            if self.part() == ConflictPart::Group && said.all(|other| Some(other) == first) {
                continue;
            }
            let names: Vec<String> = record
                .keys()
                .filter(|key| self.element_of(key) == element)
                .cloned()
                .collect();
            for name in &names {
                record.remove(name);
            }
            let Some((_, counts)) = self.ranked.iter().find(|(own, _)| *own == element) else {
                continue;
            };
            let named = wholes().filter_map(|whole| member_named(whole, &element));
            let mut named = named
                .filter(|(_, value)| *value == counts)
                .map(|(name, _)| name.to_owned());
            let name = named.next().or_else(|| names.into_iter().next());
            if let (Some(name), false) = (name, counts.is_null()) {
                record.insert(name, counts.clone());
            }
        }
    }

    /// The record as each side has it.
    pub(crate) fn sides_of(&self, json: &Json) -> Vec<Json> {
        if self.part() != ConflictPart::Group {
            return Vec::new();
        }
        let sides = self
            .values
            .iter()
            .filter_map(|side| side.value.as_ref()?.as_object());
        let laid_over = sides.map(|side| {
            let mut whole = json.clone();
            self.leave_undecided(&mut whole);
            for (name, value) in side.iter() {
                crate::fhir_json::set(&mut whole, name, value.clone());
            }
            whole
        });
        laid_over.collect()
    }

    /// Whether it is about this patient.
    #[must_use]
    pub fn concerns(&self, patient: &str) -> bool {
        let mut of_values = self.values.iter().filter_map(|value| value.patient.as_ref());
        self.patient.as_ref().is_some_and(|(id, _)| id == patient) || of_values.any(|(id, _)| id == patient)
    }
}

/// A page of the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConflictPage {
    /// Conflicts, safety-critical first within the page.
    pub rows: Vec<ConflictRow>,
    /// Where the next page starts.
    pub next: Option<String>,
    /// Records with conflicts on the whole node.
    pub total: u64,
}

/// An element of an object; of one with a choice of types, whichever it has.
pub(super) fn member_of<'a>(json: &'a Json, element: &str) -> Option<&'a Json> {
    member_named(json, element).map(|(_, value)| value)
}

/// As [`member_of`], with the name under which it stands.
pub(crate) fn member_named<'a>(json: &'a Json, element: &str) -> Option<(&'a str, &'a Json)> {
    let mut members = json.as_object()?.iter();
    let is_of = |key: &str| match element.strip_suffix("[x]") {
        Some(stem) => key
            .strip_prefix(stem)
            .is_some_and(|kind| kind.starts_with(|c: char| c.is_ascii_uppercase())),
        None => key == element,
    };
    members
        .find(|(key, _)| is_of(key))
        .map(|(key, value)| (key.as_str(), value))
}
