//! A ticket's text as people paste it: out of a mail, a chat, a word processor, another command's output.
//!
//! Invariants: only what can't be part of a ticket is left out; whether what is left is one, its own checksum says.

use chaski_crdt::authority::{Ticket, TicketError};

/// What a ticket's text begins with, before a dash.
pub(crate) const PREFIX: &str = "chaski1";

/// What people and programs put around a text, and close it with.
const PAIRS: [(char, char); 18] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('<', '>'),
    ('(', ')'),
    ('[', ']'),
    ('{', '}'),
    ('*', '*'),
    ('_', '_'),
    ('“', '”'),
    ('„', '“'),
    ('”', '”'),
    ('‘', '’'),
    ('‚', '‘'),
    ('«', '»'),
    ('»', '«'),
    ('‹', '›'),
    ('「', '」'),
];

/// What may stand behind a text that is part of a sentence.
const STOPS: [char; 5] = ['.', ',', ';', ':', '!'];

/// Reads a ticket's text, however it was typed or pasted.
///
/// # Errors
/// What is wrong with it, in words for whoever typed it.
pub fn ticket_parse(text: &str) -> Result<Ticket, TicketError> {
    bare(text).parse()
}

/// The text without what is wrapped around it, dashes and invisible characters.
fn bare(text: &str) -> String {
    let text = begun(text);
    let lines = text.lines().map(|line| line.trim_start_matches(is_quoting));
    let visible = |c: &char| !is_dash(*c) && !is_invisible(*c) && !c.is_whitespace();
    let joined: String = lines.flat_map(str::chars).filter(visible).collect();
    let is_around =
        |c: char| STOPS.contains(&c) || PAIRS.iter().any(|(open, close)| c == *open || c == *close);
    let bare = joined.trim_matches(is_around);
    without_prefix(bare).unwrap_or(bare).to_owned()
}

/// From where a ticket begins to where what encloses it ends. A text without the prefix is taken whole.
fn begun(text: &str) -> &str {
    let Some(at) = prefix_at(text) else {
        return text;
    };
    let (before, ticket) = text.split_at(at);
    let opened = before.chars().next_back();
    let close = opened.and_then(|open| PAIRS.iter().find(|pair| pair.0 == open));
    let end = close.and_then(|(_, close)| ticket.find(*close));
    end.and_then(|end| ticket.get(..end)).unwrap_or(ticket)
}

/// Where the prefix stands first, in either case; not within a word.
fn prefix_at(text: &str) -> Option<usize> {
    let is_it = |at: usize| {
        let is_word = |before: &str| before.chars().next_back().is_some_and(char::is_alphanumeric);
        without_prefix(text.get(at..).unwrap_or_default()).is_some() && !text.get(..at).is_some_and(is_word)
    };
    text.char_indices().map(|(at, _)| at).find(|at| is_it(*at))
}

fn without_prefix(text: &str) -> Option<&str> {
    let (prefix, rest) = text.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(rest)
}

/// What mails put before a line that they quote.
fn is_quoting(c: char) -> bool {
    c == '>' || c == '|' || c.is_whitespace()
}

/// What stands for a dash: a word processor, a chat or a font has its own.
fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

/// Characters without a shape: soft hyphens, joiners, marks of direction and of a file's beginning.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
