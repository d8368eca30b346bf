//! The list of switches that no test notices and none has to, each with its reason.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The list's place, from the top of the repository.
pub const PATH: &str = "tests/mutants/survivors.toml";

#[derive(Deserialize, Default)]
struct File {
    #[serde(default)]
    survivor: Vec<Survivor>,
}

/// One entry `[[survivor]]`.
#[derive(Deserialize)]
struct Survivor {
    /// What a switch says of itself.
    what: String,
    /// Why nobody could notice, or need not.
    reason: String,
}

/// What each listed switch says, and its reason.
///
/// # Errors
/// Where the list is not of this form or an entry has no reason.
pub fn read(top: &Path) -> Result<BTreeMap<String, String>> {
    let path = top.join(PATH);
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {PATH}"))?;
    parse(&text).with_context(|| format!("{PATH} is no list of survivors"))
}

fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let file: File = toml::from_str(text)?;
    let mut listed = BTreeMap::new();
    for Survivor { what, reason } in file.survivor {
        if reason.trim().is_empty() {
            bail!("no reason is given for {what}");
        }
        if listed.insert(what.clone(), reason).is_some() {
            bail!("listed twice: {what}");
        }
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_as_it_stands_is_one() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert!(!read(&top).unwrap().is_empty());
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        let good = "[[survivor]]\nwhat = \"a.rs · f · x → y\"\nreason = \"the same\"\n";
        assert_eq!(parse(good).unwrap().len(), 1);
        assert!(
            parse(&good.replace("the same", " "))
                .unwrap_err()
                .to_string()
                .contains("no reason")
        );
        assert!(
            parse(&format!("{good}{good}"))
                .unwrap_err()
                .to_string()
                .contains("twice")
        );
        assert!(parse("").unwrap().is_empty());
    }
}
