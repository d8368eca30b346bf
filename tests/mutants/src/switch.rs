//! A switch: one fault that can be turned on at run time, and where in the source it sits.
//!
//! A switch is known by what it says (file, function, what is replaced by what, and a number among equals), never by
//! its line, so that the list of survivors outlives edits elsewhere in the file.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// What kind of change a switch makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Genre {
    /// The function returns a value at once.
    Value,
    /// Another operator stands between the two sides.
    Operator,
    /// `!` or `-` is gone.
    Negation,
    /// An arm of a `match` that has a wildcard arm is never taken.
    Arm,
    /// The guard of a `match` arm is always true or always false.
    Guard,
    /// The condition of an `if` or `while` is always true or always false.
    Condition,
    /// The statement is not carried out.
    Statement,
    /// Written by hand, in a file of faults.
    Hand,
}

impl Genre {
    /// Whether cargo-mutants makes changes of this kind too.
    pub fn is_common(self) -> bool {
        !matches!(self, Self::Condition | Self::Statement | Self::Hand)
    }
}

/// Where the alternative text goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// In place of the expression at these bytes.
    Expression(Range<usize>),
    /// In place of the whole statements at these bytes.
    Statements(Range<usize>),
    /// Returned first thing in the function body that opens before this byte.
    Body(usize),
    /// As a guard of the pattern that ends at this byte.
    Pattern(usize),
}

impl Site {
    /// The bytes that the switch replaces; empty for what it only adds.
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::Expression(range) | Self::Statements(range) => range.clone(),
            Self::Body(at) | Self::Pattern(at) => *at..*at,
        }
    }
}

/// One fault, and the switch that turns it on.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The package's folder, from the top of the repository: `node/store`.
    pub package: String,
    /// The file, from the top of the repository.
    pub file: String,
    /// The function that holds it: `Store::read`.
    pub function: String,
    /// What kind of change it is.
    pub genre: Genre,
    /// What stands there, on one line, cut to [`SHOWN_CHARS`].
    pub original: String,
    /// What stands there when the switch is on, written out in full.
    pub replacement: String,
    /// Which one it is among those that say the same: 1, 2 …
    pub ordinal: usize,
    /// First and last line, from 1.
    pub lines: (usize, usize),
    /// Where in the source the switch goes.
    pub site: Site,
    /// What it would do to somebody; only of those written by hand.
    pub hurts: Option<String>,
}

/// Longer source text than this is cut where it is shown.
pub const SHOWN_CHARS: usize = 90;

impl Switch {
    /// The text by which it is known in lists and in what is kept between runs.
    pub fn key(&self) -> String {
        let number = if self.ordinal > 1 {
            format!(" #{}", self.ordinal)
        } else {
            String::new()
        };
        format!(
            "{} · {} · {} → {}{number}",
            self.file,
            self.function,
            self.original,
            one_line(&self.replacement)
        )
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}:{} in {}: {} → {}",
            self.file,
            self.lines.0,
            self.function,
            self.original,
            one_line(&self.replacement)
        )?;
        self.hurts
            .as_ref()
            .map_or(Ok(()), |hurts| write!(out, "\n    {hurts}"))
    }
}

/// The text on one line, with single spaces, cut to [`SHOWN_CHARS`].
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    if line.is_empty() {
        return "(nothing)".to_owned();
    }
    match line.char_indices().nth(SHOWN_CHARS) {
        None => line,
        Some((cut, _)) => format!("{}…", line.get(..cut).unwrap_or_default()),
    }
}

/// Numbers those that say the same, in the order of the source.
pub fn number(switches: &mut [Switch]) {
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for switch in switches {
        switch.ordinal = 1;
        let count = seen.entry(switch.key()).or_default();
        *count += 1;
        switch.ordinal = *count;
    }
}
