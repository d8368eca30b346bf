//! New nodes: init, join; and taking the root key out.

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use chaski_node::admin::{AdminRequest, AdminResponse};
use chaski_node::{Made, NewNode, NodeError, read_passphrase};

use super::ask::{Source, ask, data, key, unexpected};
use super::links::links;
use crate::args::{Init, Join, Key, Root, RootArgs};
use crate::output::{Failure, is_terminal, json, line, note, told};

/// A ticket is a few hundred characters; more on standard input is no ticket.
const TICKET_BYTES_MAX: u64 = 16 * 1024;

pub async fn init(args: Init) -> Result<u8, Failure> {
    let new = NewNode {
        data: data(&args.place)?,
        name: args.name,
        site: args.site.unwrap_or_default(),
        key: key(&args.place.key),
    };
    let made = chaski_node::init(new).await?;
    report(
        &made,
        args.json,
        "A new network, with this node as its first member.",
    )
    .await?;
    if !args.json {
        note("Export the root key of the network and keep it safe: chaski root --data DIR export FILE");
    }
    Ok(0)
}

pub async fn join(args: Join) -> Result<u8, Failure> {
    let ticket = if args.ticket == "-" {
        ticket_from_input()?
    } else {
        args.ticket
    };
    let (over, place) = links(&args.links, args.place)?;
    let new = NewNode {
        data: data(&place)?,
        name: args.name.unwrap_or_else(chaski_node::machine_name),
        site: args.site.unwrap_or_default(),
        key: key(&place.key),
    };
    let made = chaski_node::join(new, ticket.trim(), !args.no_mdns, over, &|text| note(text)).await?;
    report(
        &made,
        args.json,
        "Joined. `chaski sync` or `chaski serve` fetches the records.",
    )
    .await?;
    Ok(0)
}

/// The ticket on standard input: text in UTF-8, or in UTF-16 as some editors write it.
fn ticket_from_input() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(TICKET_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| NodeError::io("reading the ticket", &error))?;
    if bytes.len() as u64 > TICKET_BYTES_MAX {
        let text = "what stands on standard input is too long: over 16 KiB, and a ticket is a few hundred characters";
        return Err(NodeError::Failed(text.to_owned()).into());
    }
    let no_text =
        || NodeError::Failed("what stands on standard input is no text, in UTF-8 or UTF-16".to_owned());
    Ok(text_of(bytes).ok_or_else(no_text)?)
}

fn text_of(bytes: Vec<u8>) -> Option<String> {
    let wide = |rest: &[u8], read: fn([u8; 2]) -> u16| {
        let (pairs, odd) = rest.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| read(*pair)).collect();
        String::from_utf16(&units).ok().filter(|_| odd.is_empty())
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        // Without the mark: the first character is one of ASCII.
        [_, 0, ..] => wide(&bytes, u16::from_le_bytes),
        [0, _, ..] => wide(&bytes, u16::from_be_bytes),
        _ => String::from_utf8(bytes).ok(),
    }
}

/// Tells what was made. The words come first: what can't be printed is no reason to lose them.
async fn report(made: &Made, as_json: bool, headline: &str) -> Result<(), Failure> {
    let printed = match as_json {
        true => json(&serde_json::json!({
            "node": made.node, "name": made.name, "site": made.site, "network": made.network
        })),
        false => {
            line(headline).and_then(|()| line(format!("node     {}\nnetwork  {}", made.node, made.network)))
        }
    };
    for notice in &made.notices {
        note(notice);
    }
    if let Some(words) = &made.recovery_words {
        words_give(made, words).await;
    }
    printed
}

/// Gives the recovery words to the person at the terminal, else to a file. Standard error: the result may be going to
/// a file.
async fn words_give(made: &Made, words: &str) {
    let shown = || {
        told(format!(
            "Recovery words. Write them down; they open the directory when the key is lost:\n\n  {words}\n"
        ))
    };
    if std::io::stderr().is_terminal() && shown().is_ok() {
        return words_told(made).await;
    }
    match made.write_words() {
        Ok(file) => {
            note(format!(
                "Recovery words: in {} (0600). Move them to a safe place.",
                file.display()
            ));
            words_told(made).await;
        }
        // The node is made all the same; its key still opens it.
        Err(error) => note(format!(
            "The recovery words could not be kept: {error}. Keep a copy of the key."
        )),
    }
}

/// The node is made, whether it can forget its words or not.
async fn words_told(made: &Made) {
    if let Err(error) = made.words_told().await {
        note(format!("{error}; the words will be told again"));
    }
}

pub async fn root(args: RootArgs) -> Result<u8, Failure> {
    let Root::Export {
        file,
        seal_with,
        words_file,
    } = args.action;
    let passphrase = passphrase(seal_with.as_deref(), &args.place.key)?;
    if file.exists() {
        return Err(NodeError::Failed(format!("{} exists already", file.display())).into());
    }
    let request = AdminRequest::RootExport {
        passphrase: passphrase.clone(),
    };
    let mut sealed = Vec::new();
    let AdminResponse::Root { words } = ask(&args.place, request, Source::Nothing, &mut sealed).await? else {
        return Err(unexpected());
    };
    write_private(&file, &sealed)?;
    let headline = format!(
        "The root key is in {}, sealed. Keep it away from this machine.",
        file.display()
    );
    let words_file = match (words_file, passphrase) {
        (Some(path), _) => path,
        (None, _) if is_terminal() => {
            line(headline)?;
            line(format!("Recovery words, which open the file:\n\n  {words}\n"))?;
            return Ok(0);
        }
        (None, Some(_)) => {
            line(headline)?;
            note("The recovery words were not printed: this is no terminal. The passphrase opens the file.");
            return Ok(0);
        }
        (None, None) => beside(&file, ".words"),
    };
    // Before anything is printed: a full disk behind standard output is no reason to lose them.
    write_private(&words_file, format!("{words}\n").as_bytes())?;
    line(headline)?;
    note(format!(
        "Recovery words, which open the file: in {} (0600). Keep the two apart.",
        words_file.display()
    ));
    Ok(0)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut whole = path.as_os_str().to_owned();
    whole.push(ending);
    PathBuf::from(whole)
}

/// What seals the file: the one named for it, else the passphrase that opens the directory.
fn passphrase(seal_with: Option<&Path>, flags: &Key) -> Result<Option<String>, Failure> {
    let file: Option<PathBuf> = match seal_with {
        Some(file) => Some(file.to_path_buf()),
        None => key(flags).passphrase_file,
    };
    Ok(file.map(|file| read_passphrase(&file)).transpose()?)
}

/// Writes a new file that only its owner reads, durably.
fn write_private(path: &Path, content: &[u8]) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let about = |error| NodeError::io(&format!("writing {}", path.display()), &error);
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(about)?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(about)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_read_in_the_encodings_that_editors_write() {
        let text = "chaski1-0AB";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [
            text.as_bytes().to_vec(),
            [&[0xff, 0xfe], little.as_slice()].concat(),
            [&[0xfe, 0xff], big.as_slice()].concat(),
            little,
            big,
        ] {
            assert_eq!(text_of(bytes.clone()).as_deref(), Some(text), "{bytes:?}");
        }
        for bytes in [
            vec![0xff, 0xfe, 0x41],
            vec![0xff, 0xfe, 0, 0xd8],
            vec![0xe9, 0x41],
        ] {
            assert_eq!(text_of(bytes.clone()), None, "{bytes:?}");
        }
    }
}
