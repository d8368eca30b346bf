//! Faults written by hand: a TOML file in which each entry names a text and what stands in its place.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::switch::{Genre, Site, Switch, one_line};

#[derive(Deserialize)]
struct File {
    fault: Vec<Fault>,
}

/// One entry `[[fault]]`.
#[derive(Deserialize)]
struct Fault {
    id: String,
    file: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    hurts: String,
    /// The text replaced: an expression, or whole statements.
    old: String,
    /// What stands there instead.
    new: String,
    /// A longer text around `old` that stands once in the file.
    at: Option<String>,
}

/// What a file of faults holds.
#[derive(Debug, Default)]
pub struct Read {
    /// Those that can be tried.
    pub switches: Vec<Switch>,
    /// How many can't: their text does not stand in the source, or more than once.
    pub left_out: usize,
}

/// Reads a file of faults; each entry that can't be tried is told on standard error with the reason.
///
/// # Errors
/// Where the file can't be read or is not of this form.
pub fn read(top: &Path, path: &Path) -> Result<Read> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let file: File =
        toml::from_str(&text).with_context(|| format!("{} is no file of faults", path.display()))?;
    let mut found = Read::default();
    for fault in file.fault {
        match switch(top, &fault) {
            Ok(switch) => found.switches.push(switch),
            Err(error) => {
                eprintln!("left out: {}: {error:#}", fault.id);
                found.left_out += 1;
            }
        }
    }
    Ok(found)
}

fn switch(top: &Path, fault: &Fault) -> Result<Switch> {
    let source =
        std::fs::read_to_string(top.join(&fault.file)).with_context(|| format!("reading {}", fault.file))?;
    let old = fault.old.trim();
    let (base, around) = match &fault.at {
        Some(at) => (once(&source, at.trim(), "at")?, at.trim()),
        None => (0, source.as_str()),
    };
    let start = base + once(around, old, "old")?;
    let range = start..start + old.len();
    let site = if old.ends_with(';') || old.ends_with('}') && !is_expression(old) {
        Site::Statements(range.clone())
    } else {
        Site::Expression(range.clone())
    };
    let line = |at: usize| 1 + source.get(..at).map_or(0, |before| before.matches('\n').count());
    Ok(Switch {
        package: package_of(&fault.file)?,
        file: fault.file.clone(),
        function: fault.id.clone(),
        genre: Genre::Hand,
        original: one_line(old),
        replacement: fault.new.trim().to_owned(),
        ordinal: 1,
        lines: (line(range.start), line(range.end)),
        site,
        hurts: Some(format!("{}: {}", fault.kind, fault.hurts)),
    })
}

/// A struct's literal or a closure ends in `}` like a statement, and is a value.
fn is_expression(old: &str) -> bool {
    syn::parse_str::<syn::Expr>(old).is_ok_and(|expression| {
        !matches!(
            expression,
            syn::Expr::If(_)
                | syn::Expr::ForLoop(_)
                | syn::Expr::While(_)
                | syn::Expr::Loop(_)
                | syn::Expr::Match(_)
                | syn::Expr::Block(_)
        )
    })
}

fn once(text: &str, wanted: &str, name: &str) -> Result<usize> {
    if wanted.is_empty() {
        bail!("`{name}` is empty");
    }
    let mut places = text.match_indices(wanted);
    match (places.next(), places.next()) {
        (Some((at, _)), None) => Ok(at),
        (None, _) => bail!("`{name}` stands nowhere: {}", one_line(wanted)),
        (Some(_), Some(_)) => bail!("`{name}` stands more than once: {}", one_line(wanted)),
    }
}

/// The folder of the package that holds a file.
pub fn package_of(file: &str) -> Result<String> {
    file.split_once("/src/")
        .map(|(package, _)| package.to_owned())
        .with_context(|| format!("{file} lies in no package's src"))
}
